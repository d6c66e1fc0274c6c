/* Passes: Graph -> Graph, listed in passes.def in the order that they run. */
#ifndef NNC_PASSES_PASS_H
#define NNC_PASSES_PASS_H

#include "ir/graph.h"
#include "ir/program.h"

/* Which values of the forward pass the backward pass computes again instead of keeping them. */
typedef enum RecomputeMode {
    RECOMPUTE_NONE,
    RECOMPUTE_AUTO, /* what takes little time */
    RECOMPUTE_FIT,  /* as much as the memory goal asks for */
} RecomputeMode;

typedef struct Recompute {
    RecomputeMode mode;
    size_t bytes; /* RECOMPUTE_FIT: of the arena */
} Recompute;

typedef struct PassContext {
    Arena *arena;
    bool inference; /* params are constants of the prepare step: folding into them is allowed */
    bool gpu;       /* kernels run on many threads with little cache each */
    bool verify;    /* verify after every pass */
    Recompute recompute;
    /* Bytes of the arena that the graph would run in; needed unless nothing is to be recomputed. */
    size_t (*measure)(const void *measurer, const Graph *graph);
    const void *measurer;
    const char *dump; /* "after:NAME", "after:all" or NULL */
    Buf *dump_out;
    Sources *sources;
} PassContext;

typedef struct PassInfo {
    const char *name;
    Graph *(*run)(const Graph *graph,
                  PassContext *context); /* NULL: an annotation, codegen runs it */
    int level;                           /* the lowest optimization level at which it runs */
    const char *doc;
} PassInfo;

const PassInfo *pass_find(const char *name);
/* All rows, in pipeline order (a pass may stand there twice); ends with name NULL. */
const PassInfo *pass_table(void);
/* Runs the pipeline for the optimization level 0..3, or the comma-separated list when not NULL.
 * A name in the list that no pass has is the caller's mistake: check it with passes_check_list. */
Graph *passes_run(const Graph *graph, int level, const char *list, PassContext *context);
/* Whether the pass runs at that level, or stands in the list. */
bool passes_include(int level, const char *list, const char *name);
/* Whether `--dump` asks for what the pass leaves; `dump` may be NULL. */
bool pass_is_dumped(const char *dump, const char *name);
/* False with a message that names the first unknown pass. */
bool passes_check_list(const char *list, Buf *error);

/* Reverse mode: appends to `graph` the gradients of sum(outputs[i] * seeds[i]) with respect to each
 * of `wrt`, found in result[] (NULL where nothing flows). Seeds have the outputs' types. `stop`
 * (may be NULL, indexed by node id) marks nodes that are treated as constants.
 * False with a message when a gradient meets a NO_GRAD op. */
bool autodiff(Graph *graph, Node *const *outputs, Node *const *seeds, int output_count,
              Node *const *wrt, int wrt_count, const bool *stop, Node **result, Buf *error);

/* Which operands a gradient formula reads: bit i for input i, bit 31 for the result y. */
uint32_t grad_reads(Op op);

#endif
