/* Masks of a pooled tensor's gradient move through pool_scatter to the pooled side.
 *
 * max_pool's gradient puts each g where its window's maximum lay; relu's then zeroes what lies
 * where y <= 0. But y there is the maximum itself, so the mask can be taken before, on fewer
 * elements, and the full y need not be kept. Exact: everywhere else the scatter leaves zeros.
 *
 *     where(le(y, 0), 0, pool_scatter(g, max_pool_index(y)))
 *  => pool_scatter(where(le(max_pool(y), 0), 0, g), max_pool_index(y))
 */
#include "ir/build.h"
#include "passes/analyze.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "passes/simplify.h"

static bool is_comparison(Op op) {
    return op == OP_eq || op == OP_ne || op == OP_lt || op == OP_le || op == OP_gt || op == OP_ge;
}

/* +0.0: what the scatter leaves where nothing is put. */
static bool is_zero(const Node *node) {
    double value;
    return node_is_const(node, &value) && value == 0 && !__builtin_signbit(value);
}

/* `operand` of a comparison at the maxima: y's maximum, or the same constant; NULL: neither. */
static Node *at_maxima(Graph *graph, Node *operand, const Node *y, Node *maxima) {
    double value;
    if (operand == y) return maxima;
    if (!node_is_const(operand, &value)) return NULL;
    Type type = maxima->type;
    type.dtype = operand->type.dtype;
    return simplified_full(graph, type, value);
}

/* The rewritten `where`, a node of the new graph whose operands are there; NULL: another pattern.
 */
static Node *sink(Graph *graph, const Node *where) {
    Node *mask = where->inputs[0];
    bool zero_first = is_zero(where->inputs[1]);
    if (!zero_first && !is_zero(where->inputs[2])) return NULL;
    Node *scatter = where->inputs[zero_first ? 2 : 1];
    if (scatter->op != OP_pool_scatter || !is_comparison(mask->op)) return NULL;
    Node *g = scatter->inputs[0], *index = scatter->inputs[1];
    if (index->op != OP_max_pool_index) return NULL;
    Node *y = index->inputs[0];
    if (!type_same_shape(&y->type, &where->type)) return NULL;
    Node *maxima = build_op(graph, OP_max_pool, &y, 1, index->attrs, index->attr_count);
    Node *a = at_maxima(graph, mask->inputs[0], y, maxima);
    Node *b = at_maxima(graph, mask->inputs[1], y, maxima);
    if (a == NULL || b == NULL) return NULL;
    Node *small_mask = simplified_binary(graph, mask->op, a, b);
    Node *zeros = simplified_full(graph, g->type, 0);
    Node *masked = zero_first ? simplified_where(graph, small_mask, zeros, g)
                              : simplified_where(graph, small_mask, g, zeros);
    return build_op(graph, OP_pool_scatter, (Node *[]){masked, index}, 2, scatter->attrs,
                    scatter->attr_count);
}

Graph *pass_sink_masks(const Graph *graph, PassContext *context) {
    Rewrite rewrite = rewrite_begin(graph, context);
    uint32_t *uses = graph_live_uses(graph, graph_live(graph, context->arena), context->arena);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        if (!rewrite.live[id]) continue;
        const Node *node = graph->nodes.items[id];
        Node *copy = rewrite_copy(&rewrite, node);
        bool single = node->op == OP_where &&
                      (uses[node->inputs[1]->id] == 1 || uses[node->inputs[2]->id] == 1);
        Node *better = single ? sink(rewrite.to, copy) : NULL;
        rewrite_set(&rewrite, node, better != NULL ? better : copy);
    }
    return rewrite_finish(&rewrite);
}
