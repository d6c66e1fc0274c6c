/* Decomposition: composites become primitives, by the formula in their row. Fusion makes one kernel
 * of the pieces again; what runs is the same whoever wrote them.
 *
 *     %1 = softmax(%0) {axis=1}      =>      reduce_max, sub, exp, reduce_sum, div
 */
#include "ir/formula.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

Graph *pass_decompose(const Graph *graph, PassContext *context) {
    Rewrite rewrite = rewrite_begin(graph, context);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        if (!rewrite.live[id]) continue;
        const Node *node = graph->nodes.items[id];
        if (!(op_info(node->op)->traits & TRAIT_COMPOSITE)) {
            rewrite_set(&rewrite, node, rewrite_copy(&rewrite, node));
            continue;
        }
        Node *pieces = formula_decompose(rewrite.to, node, rewrite_inputs(&rewrite, node));
        rewrite_set(&rewrite, node, pieces);
        if (pieces->name == NULL) pieces->name = op_info(node->op)->name;
    }
    return rewrite_finish(&rewrite);
}
