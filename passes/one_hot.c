/* A gather's gradient at one position a row needs no scatter: comparing indexes does, element by
 * element, and so fuses. Only where a gather reads through the same index, which checks its range.
 * Exact: 0 + g is what the scatter stores, 0 what it leaves.
 *
 *     gather(x, i) {axis=1};  scatter_add(zeros, i, g) {axis=1}     (i and g are [n,1], x is [n,c])
 *  => where(eq(iota, expand(i)), 0 + expand(g), 0)
 */
#include "ir/build.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "passes/simplify.h"

/* By node id of an index: a gather that reads through it; NULL: none. */
static const Node **find_gathers(const Rewrite *rewrite, Arena *arena) {
    const Graph *graph = rewrite->from;
    const Node **gathers = ARENA_ARRAY(arena, const Node *, graph->nodes.count);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        if (rewrite->live[id] && node->op == OP_gather) gathers[node->inputs[1]->id] = node;
    }
    return gathers;
}

static bool fits(const Node *scatter, const Node *gather) {
    double value;
    const Node *x = scatter->inputs[0], *index = scatter->inputs[1];
    int64_t axis = node_int(scatter, ATTR_axis);
    if (gather == NULL || node_int(gather, ATTR_axis) != axis) return false;
    if (!type_same_shape(&gather->inputs[0]->type, &x->type)) return false;
    if (!node_is_const(x, &value) || value != 0 || __builtin_signbit(value)) return false;
    for (int d = 0; d < x->type.rank; d++)
        if (index->type.dim[d] != (d == axis ? 1 : x->type.dim[d])) return false;
    return true;
}

static Node *compare_indexes(Rewrite *rewrite, const Node *scatter) {
    Graph *graph = rewrite->to;
    Node **inputs = rewrite_inputs(rewrite, scatter);
    const Type *type = &scatter->type;
    Attr attrs[] = {attr_int(ATTR_axis, node_int(scatter, ATTR_axis)),
                    attr_ints(ATTR_shape, type->dim, type->rank), attr_dtype(DT_I64)};
    Node *positions = build_op(graph, OP_iota, NULL, 0, attrs, 3);
    Node *index = simplified_expand(graph, inputs[1], type->dim);
    Node *zeros = simplified_full(graph, *type, 0);
    Node *value =
        simplified_binary(graph, OP_add, zeros, simplified_expand(graph, inputs[2], type->dim));
    return simplified_where(graph, simplified_binary(graph, OP_eq, positions, index), value, zeros);
}

Graph *pass_one_hot(const Graph *graph, PassContext *context) {
    Rewrite rewrite = rewrite_begin(graph, context);
    const Node **gathers = find_gathers(&rewrite, context->arena);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        if (!rewrite.live[id]) continue;
        const Node *node = graph->nodes.items[id];
        bool one_hot = node->op == OP_scatter_add && fits(node, gathers[node->inputs[1]->id]);
        rewrite_set(&rewrite, node,
                    one_hot ? compare_indexes(&rewrite, node) : rewrite_copy(&rewrite, node));
    }
    return rewrite_finish(&rewrite);
}
