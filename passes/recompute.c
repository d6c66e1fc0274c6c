/* Recomputation: values of the forward pass are computed again where the backward pass reads them,
 * instead of being kept in between. All that is computed again is marked so (ir/graph.h): it is the
 * same function of the same values, hence the same bits, but no node may stand for both.
 *
 * The forward pass is all that stands up to the last result, the loss. What is kept of it is a set
 * of values; what backward reads of the others is computed again, right before its first reader
 * there, from those that are kept. Three ways to choose, each from the one before:
 *  - Cheap values: whatever isn't a product, and needs less to be kept than it takes itself.
 *    A part of the step's time bounds what this may cost (`auto`), or nothing does.
 *  - Segments: only what crosses from one segment of the first part of the pass to the next is
 *    kept, as at sqrt(n) checkpoints; products are computed again, too.
 *
 *     %3 = dot(%0, %1)                   %3 = dot(%0, %1)
 *     %4 = relu(%3)                      %4 = relu(%3)
 *     ... loss ...                =>     ... loss ...
 *     %9 = dot(%4, %8)                   %9 = again relu(%3)
 *                                        %10 = dot(%9, %8)
 *
 * What draws random numbers, and what reads a drawn value (a dropout's mask), is always kept. */
#include "passes/analyze.h"
#include "passes/index_map.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "support/checked.h"

static const double AUTO_TIME = 0.03; /* the part of the step's time that `auto` may add */

typedef struct Recomputer {
    const Graph *graph;
    PassContext *context;
    Arena *arena;
    size_t end;         /* ids of the forward pass are less */
    bool *live, *drawn; /* by id; drawn: a random op, or a view of one */
    size_t *bytes;      /* by id of the forward pass: what keeping it takes; of views, 0 */
    size_t *last;       /* by id of the forward pass: its last reader there, or itself */
    double *before;     /* by id of the forward pass: bytes of all values up to it */
    size_t *crossing;   /* by id of the forward pass: bytes that it and earlier ones hand on */
} Recomputer;

static size_t forward_end(const Graph *graph) {
    size_t end = 0;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (output->role == OUT_RESULT && output->value->id >= end) end = output->value->id + 1u;
    }
    return end;
}

static bool is_leaf(const Node *node) {
    return op_info(node->op)->traits & TRAIT_LEAF;
}

static const Node *base_of(const Node *node) {
    while (op_is_view(node->op))
        node = node->inputs[0];
    return node;
}

/* Few numbers made of many, as a mean: they cost nothing to keep. */
static bool is_statistic(const Node *node) {
    enum { SMALL = 8 };
    return (op_info(node->op)->traits & TRAIT_REDUCTION) &&
           type_bytes(&node->type) * SMALL <= type_bytes(&node->inputs[0]->type);
}

/* Never computed again. */
static bool is_fixed(const Recomputer *r, const Node *node) {
    if (is_leaf(node) || r->drawn[node->id] || is_statistic(node)) return true;
    if (node->op == OP_result || op_info(node->op)->results > 1) return true;
    for (int i = 0; i < node->input_count; i++)
        if (r->drawn[node->inputs[i]->id]) return true;
    return false;
}

static bool is_cheap(const Recomputer *r, const Node *node) {
    enum { COSTLY = TRAIT_CONTRACTION | TRAIT_INDEXED };
    return !is_fixed(r, node) && !(op_info(node->op)->traits & COSTLY);
}

/* Multiplications of a contraction. */
static double products(const Node *node) {
    double count = (double)type_numel(&node->type);
    const Type *a = &node->inputs[0]->type, *b = &node->inputs[1]->type;
    if (node->op == OP_dot) {
        int contracted;
        const int64_t *dims = node_ints(node, ATTR_contract_a, &contracted);
        for (int i = 0; i < contracted; i++)
            count *= (double)a->dim[dims[i]];
        return count;
    }
    /* A convolution's, or its gradients': each element of the result with a filter. */
    const Type *filter = node->op == OP_conv_dw ? &node->type : b;
    const Type *result = node->op == OP_conv ? &node->type : node->op == OP_conv_dx ? a : b;
    return (double)type_numel(result) * (double)type_numel(filter) / (double)filter->dim[0];
}

/* About how long the node takes, in ns. */
static double time_of(const Node *node) {
    static const double PRODUCTS = 100, STEPS = 16; /* in a ns */
    enum { MEMORY = 4 };                            /* steps for an element's way there and back */
    if (is_leaf(node) || op_is_view(node->op)) return 0;
    if (op_info(node->op)->traits & TRAIT_CONTRACTION) return products(node) / PRODUCTS;
    double elements = (double)type_numel(&node->type);
    for (int i = 0; i < node->input_count; i++) {
        double read = (double)type_numel(&node->inputs[i]->type);
        if (read > elements && (op_info(node->op)->traits & TRAIT_REDUCTION)) elements = read;
    }
    return elements * (MEMORY + op_info(node->op)->cost) / STEPS;
}

static double step_time(const Recomputer *r) {
    double time = 0;
    for (size_t id = 0; id < r->graph->nodes.count; id++)
        if (r->live[id]) time += time_of(r->graph->nodes.items[id]);
    return time;
}

static void survey(Recomputer *r) {
    const Graph *graph = r->graph;
    size_t count = r->end;
    r->live = graph_live(graph, r->arena);
    r->drawn = ARENA_ARRAY(r->arena, bool, graph->nodes.count);
    r->bytes = ARENA_ARRAY(r->arena, size_t, count);
    r->last = ARENA_ARRAY(r->arena, size_t, count);
    r->before = ARENA_ARRAY(r->arena, double, count);
    r->crossing = ARENA_ARRAY(r->arena, size_t, count);
    double sum = 0;
    for (size_t id = 0; id < count; id++) {
        const Node *node = graph->nodes.items[id];
        bool view = op_is_view(node->op);
        r->drawn[id] =
            (op_info(node->op)->traits & TRAIT_RANDOM) || (view && r->drawn[node->inputs[0]->id]);
        r->last[id] = id;
        if (r->live[id] && !view && !is_leaf(node)) r->bytes[id] = type_bytes(&node->type);
        r->before[id] = sum += (double)r->bytes[id];
        for (int i = 0; i < node->input_count && r->live[id]; i++)
            r->last[base_of(node->inputs[i])->id] = id;
    }
    for (size_t id = 0; id < count; id++) {
        r->crossing[id] += r->bytes[id];
        r->crossing[r->last[id]] -= r->bytes[id];
    }
    for (size_t id = 1; id < count; id++)
        r->crossing[id] += r->crossing[id - 1];
}

/* What keeping the value's operands instead of it would take. */
typedef struct Exchange {
    VEC(const Node *) operands; /* that aren't kept so far */
    VEC(const Node *) pending;
    size_t bytes;
    double time;
    uint32_t *met; /* by id: the last walk that met the node */
    uint32_t walks;
} Exchange;

/* Walks back from a value that is needed, over cheap ones, to what is kept or must be. */
static void find_exchange(const Recomputer *r, const Node *value, const bool *needed,
                          Exchange *found) {
    enum { MOST = 64 };
    found->operands.count = found->pending.count = 0;
    found->bytes = 0, found->time = 0;
    found->walks++;
    VEC_PUSH(found->pending, value);
    int walked = 0;
    while (found->pending.count > 0) {
        const Node *node = found->pending.items[--found->pending.count];
        found->time += time_of(node);
        for (int i = 0; i < node->input_count; i++) {
            const Node *input = node->inputs[i];
            if (found->met[input->id] == found->walks || is_leaf(input) || needed[input->id])
                continue;
            found->met[input->id] = found->walks;
            if (is_cheap(r, input) && ++walked < MOST) {
                VEC_PUSH(found->pending, input);
            } else {
                VEC_PUSH(found->operands, input);
                found->bytes += type_bytes(&input->type);
            }
        }
    }
}

/* By id of the forward pass: what to keep if cheap values may be computed again, for that time. */
static bool *keep_dear(const Recomputer *r, double time) {
    static const double MOST = 16, LEAST = 0.25; /* bytes saved in a ns */
    const Graph *graph = r->graph;
    bool *needed = ARENA_ARRAY(r->arena, bool, r->end);
    for (size_t id = r->end; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        for (int i = 0; i < node->input_count && r->live[id]; i++) {
            const Node *base = base_of(node->inputs[i]);
            if (base->id < r->end) needed[base->id] = true;
        }
    }
    Exchange exchange = {.met = ARENA_ARRAY(r->arena, uint32_t, r->end)};
    for (double worth = MOST; worth >= LEAST; worth /= 4)
        for (size_t id = r->end; id-- > 0;) {
            const Node *node = graph->nodes.items[id];
            if (!needed[id] || !is_cheap(r, node)) continue;
            find_exchange(r, node, needed, &exchange);
            double saved = (double)type_bytes(&node->type) - (double)exchange.bytes;
            if (saved <= 0 || saved < worth * exchange.time || exchange.time > time) continue;
            time -= exchange.time;
            needed[id] = false;
            for (size_t i = 0; i < exchange.operands.count; i++)
                needed[exchange.operands.items[i]->id] = true;
        }
    VEC_FREE(exchange.operands);
    VEC_FREE(exchange.pending);
    for (size_t id = 0; id < r->end; id++)
        needed[id] = needed[id] || !is_cheap(r, graph->nodes.items[id]);
    return needed;
}

/* Keeps what crosses the narrowest place among those where `from` to `to` bytes were stored. */
static void keep_crossing(const Recomputer *r, double from, double to, bool *keep) {
    size_t best = r->end;
    for (size_t id = 0; id < r->end && r->before[id] <= to; id++)
        if (r->before[id] >= from && (best == r->end || r->crossing[id] < r->crossing[best]))
            best = id;
    for (size_t id = 0; id <= best && best < r->end; id++)
        if (r->bytes[id] > 0 && r->last[id] > best) keep[id] = true;
}

/* As `dear`, but of the first part of the forward pass only what its segments hand on. */
static bool *keep_segments(const Recomputer *r, const bool *dear, double part, int segments) {
    bool *keep = ARENA_ARRAY(r->arena, bool, r->end);
    double length = part * r->before[r->end - 1], half = length / segments / 2;
    for (size_t id = 0; id < r->end; id++)
        keep[id] = r->before[id] > length ? dear[id] : is_fixed(r, r->graph->nodes.items[id]);
    for (int i = 1; i <= segments - (part == 1); i++)
        keep_crossing(r, length * i / segments - half, length * i / segments + half, keep);
    return keep;
}

/* The graph being made, and what of it is computed again. */
typedef struct Rebuild {
    Rewrite rewrite;
    const bool *keep;
    size_t end;
    Node **again; /* by id of the forward pass; NULL: not yet */
    VEC(const Node *) pending;
} Rebuild;

/* What a reader in the backward pass gets; NULL: it is yet to be computed again. */
static Node *late_value(const Rebuild *b, const Node *node) {
    bool kept = node->id >= b->end || b->keep[node->id];
    return kept ? b->rewrite.map[node->id] : b->again[node->id];
}

static Node **late_inputs(const Rebuild *b, const Node *node) {
    Node **inputs = ARENA_ARRAY(b->rewrite.to->arena, Node *, (size_t)node->input_count);
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = late_value(b, node->inputs[i]);
    return inputs;
}

/* Puts what the node reads, and isn't there, on top of the pending ones. */
static bool wait_for_inputs(Rebuild *b, const Node *node) {
    size_t count = b->pending.count;
    for (int i = 0; i < node->input_count; i++)
        if (!late_value(b, node->inputs[i])) VEC_PUSH(b->pending, node->inputs[i]);
    return b->pending.count > count;
}

static void compute_again(Rebuild *b, const Node *reader) {
    wait_for_inputs(b, reader);
    while (b->pending.count > 0) {
        const Node *node = b->pending.items[b->pending.count - 1];
        if (b->again[node->id] == NULL && wait_for_inputs(b, node)) continue;
        b->pending.count--;
        if (b->again[node->id] != NULL) continue;
        Node *again = graph_add_again(b->rewrite.to, node->op, late_inputs(b, node),
                                      node->input_count, node->attrs, node->attr_count, node->span);
        again->name = b->rewrite.map[node->id] ? b->rewrite.map[node->id]->name : NULL;
        b->again[node->id] = again;
    }
}

static Graph *rebuild(const Recomputer *r, const bool *keep, Arena *arena) {
    PassContext context = *r->context;
    context.arena = arena;
    Rebuild b = {.rewrite = rewrite_begin(r->graph, &context), .keep = keep, .end = r->end};
    b.again = ARENA_ARRAY(arena, Node *, r->end);
    for (size_t id = 0; id < r->graph->nodes.count; id++) {
        if (!b.rewrite.live[id]) continue;
        const Node *node = r->graph->nodes.items[id];
        if (id < r->end) {
            rewrite_set(&b.rewrite, node, rewrite_copy(&b.rewrite, node));
            continue;
        }
        compute_again(&b, node);
        rewrite_set(&b.rewrite, node, graph_copy_node(b.rewrite.to, node, late_inputs(&b, node)));
    }
    VEC_FREE(b.pending);
    return rewrite_finish(&b.rewrite);
}

static size_t measure(const Recomputer *r, const bool *keep) {
    Arena scratch = {0};
    Graph *graph = rebuild(r, keep, &scratch);
    size_t bytes = r->context->measure(r->context->measurer, graph);
    graph_free(graph);
    arena_free(&scratch);
    return bytes;
}

/* The best choice so far. */
typedef struct Choice {
    const bool *keep; /* NULL: all */
    size_t bytes;
} Choice;

/* Whether the goal is reached. */
static bool try_choice(const Recomputer *r, const bool *keep, Choice *best) {
    size_t bytes = measure(r, keep);
    if (bytes < best->bytes) *best = (Choice){keep, bytes};
    return best->bytes <= r->context->recompute.bytes;
}

/* Tries what costs little time first. */
static Choice choose(const Recomputer *r) {
    static const double PARTS[] = {0.25, 0.5, 0.75, 1};
    enum { PART_COUNT = sizeof PARTS / sizeof *PARTS, MOST_SEGMENTS = 32 };
    Choice best = {NULL, r->context->measure(r->context->measurer, r->graph)};
    bool fits = r->context->recompute.mode == RECOMPUTE_FIT;
    if (fits && best.bytes <= r->context->recompute.bytes) return best;
    double time = step_time(r);
    if (try_choice(r, keep_dear(r, AUTO_TIME * time), &best) || !fits) return best;
    const bool *dear = keep_dear(r, time);
    if (try_choice(r, dear, &best)) return best;
    for (int p = 0; p < PART_COUNT; p++)
        for (int segments = 1; segments <= MOST_SEGMENTS; segments *= 2)
            if (try_choice(r, keep_segments(r, dear, PARTS[p], segments), &best)) return best;
    return best;
}

Graph *pass_recompute(const Graph *graph, PassContext *context) {
    size_t end = forward_end(graph);
    if (context->recompute.mode == RECOMPUTE_NONE || end == 0) return pass_dce(graph, context);
    Arena scratch = {0};
    Recomputer r = {.graph = graph, .context = context, .arena = &scratch, .end = end};
    survey(&r);
    Choice best = choose(&r);
    Graph *result = best.keep ? rebuild(&r, best.keep, context->arena) : pass_dce(graph, context);
    arena_free(&scratch);
    return result;
}
