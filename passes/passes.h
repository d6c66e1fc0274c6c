/* The functions behind passes.def; everyone else finds passes by name in the table. */
#ifndef NNC_PASSES_PASSES_H
#define NNC_PASSES_PASSES_H

#include "passes/pass.h"

Graph *pass_decompose(const Graph *graph, PassContext *context);
Graph *pass_simplify(const Graph *graph, PassContext *context);
Graph *pass_join_sums(const Graph *graph, PassContext *context);
Graph *pass_cut_rows(const Graph *graph, PassContext *context);
Graph *pass_fold_scale(const Graph *graph, PassContext *context);
Graph *pass_sink_masks(const Graph *graph, PassContext *context);
Graph *pass_one_hot(const Graph *graph, PassContext *context);
Graph *pass_recompute(const Graph *graph, PassContext *context);
Graph *pass_dce(const Graph *graph, PassContext *context);

#endif
