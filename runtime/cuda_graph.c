/* Functions that are captured at their first call. */
#include "runtime/cuda.h"

#include <string.h>

NN_API NnRun nn_begin(NnCuda *cuda, NnGraph *graph, const void *const *keys, int count,
                      NnStream stream) {
    NnRun run = {0, NULL, NULL, NULL};
    const void *wanted[NN_GRAPH_KEYS] = {NULL};
    memcpy(wanted, keys, (size_t)count * sizeof *keys);
    nn_enter(cuda);
    run.stream = stream;
    run.into = stream;
    if (nn_status(cuda)) return run;
    if (nn_is_captured(cuda, stream)) { /* a graph of the caller's */
        run.records = 1;
        return run;
    }
    run.graph = graph;
    if (graph->executable && memcmp(graph->keys, wanted, sizeof wanted) == 0) return run;
    nn_forget(cuda, graph->executable);
    graph->executable = NULL;
    memcpy(graph->keys, wanted, sizeof wanted);
    run.into = nn_capture(cuda);
    run.records = run.into != NULL;
    return run;
}

NN_API int nn_end(NnCuda *cuda, NnRun *run) {
    if (run->graph && run->records) run->graph->executable = nn_captured(cuda);
    if (run->graph && !nn_status(cuda)) nn_relaunch(cuda, run->graph->executable, run->stream);
    nn_leave(cuda);
    return nn_status(cuda) ? 2 : 0;
}
