/* Dead code elimination: keeps what outputs need. Inputs stay: they are the function's signature.
 *
 *     %1 = neg(%0)            return %0        =>        return %0
 */
#include "passes/passes.h"
#include "passes/rewrite.h"

Graph *pass_dce(const Graph *graph, PassContext *context) {
    Rewrite rewrite = rewrite_begin(graph, context);
    for (size_t id = 0; id < graph->nodes.count; id++)
        if (rewrite.live[id]) {
            const Node *node = graph->nodes.items[id];
            rewrite_set(&rewrite, node, rewrite_copy(&rewrite, node));
        }
    return rewrite_finish(&rewrite);
}
