/* Sums over time steps become one product, or one reduction: what a loop's steps add to the
 * gradient of a weight that they share. Each step's share would pass over the whole weight for a
 * few products an element; all steps together are a longer sum that stays in registers. Rounding
 * changes: this pass is not exact.
 *
 *     dot(a, x) + dot(b, y) + dot(c, z)       =>      dot(concat(a, b, c), concat(x, y, z))
 *     reduce_sum(x + y + z) {axes=[0]}        =>      reduce_sum(concat(x, y, z)) {axes=[0]}
 */
#include <string.h>

#include "ir/build.h"
#include "passes/analyze.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "support/checked.h"

enum { FEWEST = 3 };

/* A sum of values that can be joined, by the add that makes it. */
typedef struct Sum {
    int count;         /* terms; 0: not such a sum */
    const Node *first; /* one of the terms */
} Sum;

/* Where a value is a part: of the last concat of all. */
typedef struct Part {
    const Node *concat; /* NULL: of none */
    int position;
} Part;

typedef struct JoinSums {
    Rewrite rewrite;
    Arena *arena;
    const uint32_t *uses;
    Sum *sums;   /* by id */
    bool *inner; /* by id: an add that is part of a longer such sum */
    Part *parts; /* by id */
} JoinSums;

/* The axis of the operand that a dot sums over and that steps can be joined along, or -1. */
static int summed_axis(const Node *dot, int operand) {
    int count;
    const int64_t *axes = node_ints(dot, operand ? ATTR_contract_b : ATTR_contract_a, &count);
    return count > 0 ? (int)axes[0] : -1;
}

static bool same_dots(const Node *a, const Node *b) {
    static const AttrName names[] = {ATTR_batch_a, ATTR_batch_b, ATTR_contract_a, ATTR_contract_b};
    for (int i = 0; i < 4; i++) {
        int x, y;
        const int64_t *left = node_ints(a, names[i], &x), *right = node_ints(b, names[i], &y);
        if (x != y || (x > 0 && memcmp(left, right, (size_t)x * sizeof *left) != 0)) return false;
    }
    return type_equal(&a->inputs[0]->type, &b->inputs[0]->type) &&
           type_equal(&a->inputs[1]->type, &b->inputs[1]->type);
}

/* Terms are dots that could be one, or values of any kind. */
static bool same_terms(const Node *a, const Node *b) {
    bool dot = a->op == OP_dot, other = b->op == OP_dot;
    return dot == other && (!dot || same_dots(a, b));
}

/* What the node is as an operand of an add. */
static Sum sum_of(const JoinSums *join, const Node *node) {
    if (join->sums[node->id].count > 0 && join->uses[node->id] == 1) return join->sums[node->id];
    return (Sum){1, node};
}

static void find_sums(JoinSums *join) {
    const Graph *graph = join->rewrite.from;
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        if (!join->rewrite.live[id]) continue;
        if (node->op == OP_concat)
            for (int i = 0; i < node->input_count; i++)
                join->parts[node->inputs[i]->id] = (Part){node, i};
        if (node->op != OP_add || !dtype_is_float(node->type.dtype)) continue;
        Sum a = sum_of(join, node->inputs[0]), b = sum_of(join, node->inputs[1]);
        if (!same_terms(a.first, b.first)) continue;
        join->sums[id] = (Sum){a.count + b.count, a.first};
        for (int i = 0; i < 2; i++)
            join->inner[node->inputs[i]->id] = sum_of(join, node->inputs[i]).count > 1;
    }
}

/* The terms of a sum from left to right. */
static const Node **terms_of(const JoinSums *join, const Node *add, int count) {
    const Node **terms = ARENA_ARRAY(join->arena, const Node *, (size_t)count);
    const Node **stack = ARENA_ARRAY(join->arena, const Node *, (size_t)count);
    int depth = 0, found = 0;
    stack[depth++] = add;
    while (depth > 0) {
        const Node *node = stack[--depth];
        bool inner = node == add || sum_of(join, node).count > 1;
        if (inner) {
            stack[depth++] = node->inputs[1];
            stack[depth++] = node->inputs[0];
        } else {
            terms[found++] = node;
        }
    }
    NNC_CHECK(found == count, "a sum of %d terms has %d", count, found);
    return terms;
}

/* What is joined of a term: an operand of a dot, or the term itself. */
static const Node *joined(const Node *term, int operand) {
    return term->op == OP_dot ? term->inputs[operand] : term;
}

/* Puts terms into the order in which what is joined of them is a concat already, which is then
 * found again. False when there is none. */
static bool order_as_concat(const JoinSums *join, const Node **terms, int count, int operand,
                            int axis) {
    const Node *concat = join->parts[joined(terms[0], operand)->id].concat;
    if (concat == NULL || concat->input_count != count || node_int(concat, ATTR_axis) != axis)
        return false;
    const Node **ordered = ARENA_ARRAY(join->arena, const Node *, (size_t)count);
    for (int i = 0; i < count; i++) {
        Part part = join->parts[joined(terms[i], operand)->id];
        if (part.concat != concat || ordered[part.position] != NULL) return false;
        ordered[part.position] = terms[i];
    }
    memcpy(terms, ordered, (size_t)count * sizeof(const Node *));
    return true;
}

static Node *join_operand(JoinSums *join, const Node **terms, int count, int operand, int axis) {
    Node **parts = ARENA_ARRAY(join->arena, Node *, (size_t)count);
    for (int i = 0; i < count; i++)
        parts[i] = join->rewrite.map[joined(terms[i], operand)->id];
    Attr attr = attr_int(ATTR_axis, axis);
    return build_op(join->rewrite.to, OP_concat, parts, count, &attr, 1);
}

/* Copying the operands side by side must cost less than passing over the result once a term. */
static bool pays(const Node *dot, const bool *exists) {
    int64_t copied = 0;
    for (int operand = 0; operand < 2; operand++)
        if (!exists[operand]) copied += type_numel(&dot->inputs[operand]->type);
    return copied < type_numel(&dot->type);
}

/* One dot for the sum of dots; NULL when that doesn't pay. */
static Node *join_dots(JoinSums *join, const Node *add) {
    Sum sum = join->sums[add->id];
    int axes[2] = {summed_axis(sum.first, 0), summed_axis(sum.first, 1)};
    if (axes[0] < 0) return NULL;
    const Node **terms = terms_of(join, add, sum.count);
    bool exists[2] = {false, false};
    exists[1] = order_as_concat(join, terms, sum.count, 1, axes[1]);
    if (!exists[1]) exists[0] = order_as_concat(join, terms, sum.count, 0, axes[0]);
    if (!pays(sum.first, exists)) return NULL;
    Node *operands[2];
    for (int operand = 0; operand < 2; operand++)
        operands[operand] = join_operand(join, terms, sum.count, operand, axes[operand]);
    Node *dot =
        build_op(join->rewrite.to, OP_dot, operands, 2, sum.first->attrs, sum.first->attr_count);
    dot->name = sum.first->name;
    return dot;
}

/* The reduction of a concat that exists instead of that of a sum; NULL: there is none. */
static Node *join_reduced(JoinSums *join, const Node *reduction) {
    const Node *add = reduction->inputs[0];
    Sum sum = join->sums[add->id];
    int axis_count;
    const int64_t *axes = node_ints(reduction, ATTR_axes, &axis_count);
    if (sum.count < FEWEST || sum.first->op == OP_dot) return NULL;
    const Node **terms = terms_of(join, add, sum.count);
    for (int i = 0; i < axis_count; i++) {
        if (!order_as_concat(join, terms, sum.count, 0, (int)axes[i])) continue;
        Node *whole = join_operand(join, terms, sum.count, 0, (int)axes[i]);
        return build_op(join->rewrite.to, OP_reduce_sum, &whole, 1, reduction->attrs,
                        reduction->attr_count);
    }
    return NULL;
}

static Node *replacement(JoinSums *join, const Node *node) {
    join->rewrite.to->span = node->span;
    Sum sum = join->sums[node->id];
    bool whole = sum.count >= FEWEST && !join->inner[node->id];
    if (whole && sum.first->op == OP_dot) return join_dots(join, node);
    return node->op == OP_reduce_sum ? join_reduced(join, node) : NULL;
}

Graph *pass_join_sums(const Graph *graph, PassContext *context) {
    size_t count = graph->nodes.count;
    JoinSums join = {.rewrite = rewrite_begin(graph, context),
                     .arena = context->arena,
                     .sums = ARENA_ARRAY(context->arena, Sum, count),
                     .inner = ARENA_ARRAY(context->arena, bool, count),
                     .parts = ARENA_ARRAY(context->arena, Part, count)};
    join.uses = graph_live_uses(graph, join.rewrite.live, context->arena);
    find_sums(&join);
    for (size_t id = 0; id < count; id++) {
        if (!join.rewrite.live[id]) continue;
        const Node *node = graph->nodes.items[id];
        Node *better = replacement(&join, node);
        rewrite_set(&join.rewrite, node, better ? better : rewrite_copy(&join.rewrite, node));
    }
    return rewrite_finish(&join.rewrite);
}
