/* Reverse mode: one sweep over the nodes from the last to the first.
 *
 * When a node is reached, everything that reads it was: its gradient is complete. The row's formula
 * then gives what flows to the operands, built for those only that lie on a path to a wanted node.
 * The sweep meets only nodes that were there at the start; what it adds stands behind them, so
 * gradients of gradients are another call.
 *
 *     %2 = mul(%0, %1)   wrt %0, seed %3      =>      %4 = mul(%3, %1)
 */
#include "ir/build.h"
#include "ir/formula.h"
#include "passes/pass.h"
#include "support/checked.h"

typedef struct Autodiff {
    Graph *graph;
    size_t count;      /* nodes at the start */
    bool *active;      /* by id: the gradient of this node matters */
    bool *passes_on;   /* by id: some operand is active */
    Node **gradient;   /* by id: sum so far, of single-result nodes */
    Node ***gradients; /* by id: one a result, of nodes with several; NULL until one flows */
    Arena scratch;
} Autodiff;

/* Marks what lies on a path from a wanted node. */
static void mark_active(Autodiff *ad, Node *const *wrt, int wrt_count, const bool *stop) {
    for (int i = 0; i < wrt_count; i++)
        ad->active[wrt[i]->id] = true;
    for (size_t id = 0; id < ad->count; id++) {
        const Node *node = ad->graph->nodes.items[id];
        if (stop != NULL && stop[id]) continue;
        if (op_info(node->op)->traits & TRAIT_PIECEWISE_CONSTANT) continue;
        for (int i = 0; i < node->input_count && !ad->passes_on[id]; i++)
            ad->passes_on[id] = ad->active[node->inputs[i]->id];
        if (!dtype_is_float(node->type.dtype)) ad->passes_on[id] = false;
        if (ad->passes_on[id]) ad->active[id] = true;
    }
}

static Node *sum(Graph *graph, Node *old, Node *more) {
    return old == NULL ? more : build_binary(graph, OP_add, old, more);
}

static void flow(Autodiff *ad, const Node *node, int result, Node *gradient) {
    NNC_CHECK(type_equal(&gradient->type, node_type(node, result)),
              "the gradient of %s has another type", op_info(node->op)->name);
    if (op_info(node->op)->results == 1) {
        ad->gradient[node->id] = sum(ad->graph, ad->gradient[node->id], gradient);
        return;
    }
    Node ***slots = &ad->gradients[node->id];
    if (*slots == NULL) *slots = ARENA_ARRAY(&ad->scratch, Node *, MAX_RESULTS);
    (*slots)[result] = sum(ad->graph, (*slots)[result], gradient);
}

/* Kernels are named after the source: "conv1_dx", "conv1_dw". */
static void name_gradient(Graph *graph, const Node *node, int operand, Node *gradient) {
    if (!(op_info(node->op)->traits & TRAIT_CONTRACTION)) return;
    if (node->name == NULL || gradient->name != NULL) return;
    gradient->name = arena_printf(graph->arena, "%s_%s", node->name, operand == 0 ? "dx" : "dw");
}

/* Passes the node's gradient on to its operands. */
static bool propagate(Autodiff *ad, Node *node, Buf *error) {
    bool several = op_info(node->op)->results > 1;
    Node *const *dys = several ? ad->gradients[node->id] : &ad->gradient[node->id];
    if (dys == NULL || (!several && dys[0] == NULL)) return true;
    if (node->op == OP_result) {
        flow(ad, node->inputs[0], (int)node_int(node, ATTR_index), dys[0]);
        return true;
    }
    bool *wanted = ARENA_ARRAY(&ad->scratch, bool, (size_t)node->input_count);
    Node **out = ARENA_ARRAY(&ad->scratch, Node *, (size_t)node->input_count);
    for (int i = 0; i < node->input_count; i++)
        wanted[i] = ad->active[node->inputs[i]->id];
    if (!formula_grad(ad->graph, node, dys, wanted, out, error)) return false;
    for (int i = 0; i < node->input_count; i++) {
        if (out[i] == NULL) continue;
        name_gradient(ad->graph, node, i, out[i]);
        flow(ad, node->inputs[i], 0, out[i]);
    }
    return true;
}

bool autodiff(Graph *graph, Node *const *outputs, Node *const *seeds, int output_count,
              Node *const *wrt, int wrt_count, const bool *stop, Node **result, Buf *error) {
    Autodiff ad = {.graph = graph, .count = graph->nodes.count};
    ad.active = ARENA_ARRAY(&ad.scratch, bool, ad.count);
    ad.passes_on = ARENA_ARRAY(&ad.scratch, bool, ad.count);
    ad.gradient = ARENA_ARRAY(&ad.scratch, Node *, ad.count);
    ad.gradients = ARENA_ARRAY(&ad.scratch, Node **, ad.count);
    mark_active(&ad, wrt, wrt_count, stop);
    for (int i = 0; i < output_count; i++)
        if (ad.active[outputs[i]->id]) flow(&ad, outputs[i], 0, seeds[i]);

    Span span = graph->span;
    bool ok = true;
    for (size_t id = ad.count; id-- > 0 && ok;) {
        if (!ad.passes_on[id]) continue;
        graph->span = graph->nodes.items[id]->span;
        ok = propagate(&ad, graph->nodes.items[id], error);
    }
    graph->span = span;
    for (int i = 0; i < wrt_count && ok; i++)
        result[i] = ad.gradient[wrt[i]->id];
    arena_free(&ad.scratch);
    return ok;
}

uint32_t grad_reads(Op op) {
    return formula_grad_reads(op);
}
