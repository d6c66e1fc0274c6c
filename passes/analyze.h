/* Facts about a graph's nodes that passes and codegen ask for. */
#ifndef NNC_PASSES_ANALYZE_H
#define NNC_PASSES_ANALYZE_H

#include "ir/graph.h"

/* By node id: depends on nothing but params, buffers and constants, so that a prepare step can
 * compute it once for all calls. */
bool *graph_param_only(const Graph *graph, Arena *arena);
/* By node id: some output needs it. */
bool *graph_live(const Graph *graph, Arena *arena);
/* By node id: how many live nodes and outputs read it. */
uint32_t *graph_live_uses(const Graph *graph, const bool *live, Arena *arena);

#endif
