/* The plan of a function: kernels in order, and where each value lives.
 *
 * A graph is fused and lowered; every stored value gets a place: the caller's input or output, a
 * constant, the arena (shared over time), or the prepared block (kept from call to call). Codegen
 * prints a plan as C; an Executable runs it. */
#ifndef NNC_CODEGEN_PLAN_H
#define NNC_CODEGEN_PLAN_H

#include "codegen/kernel.h"
#include "ir/precision.h"
#include "passes/fuse.h"

typedef enum PlaceKind {
    PLACE_INPUT,    /* `index` among the graph's inputs */
    PLACE_OUTPUT,   /* `index` among the graph's outputs */
    PLACE_CONST,    /* the data of `node` */
    PLACE_ARENA,    /* at `offset` */
    PLACE_PREPARED, /* at `offset` of the prepared block */
} PlaceKind;

typedef struct Place {
    PlaceKind kind;
    int index;
    size_t offset, bytes; /* of the whole value */
    size_t skip;          /* bytes of the value before those that the kernel is passed */
    const Node *node;     /* NULL for scratch */
    bool shared;          /* scratch that threads have in common */
} Place;

/* One call of a kernel, or a copy of arguments[0]'s bytes to arguments[1] when `kernel` is NULL.
 * Where there are threads, all call kernels that are split, and the first one does the rest. */
typedef struct PlanStep {
    Kernel *kernel;
    Place *arguments; /* one a parameter of the kernel */
    int argument_count;
    bool meets; /* threads: all have done what comes before */
} PlanStep;

/* Steps that are the same but for the offsets of their places: from step `first` on, `length` of
 * them, `times` times. */
typedef struct PlanLoop {
    int first, length, times;
} PlanLoop;

typedef struct PlanSteps {
    PlanStep *items; /* all of them: whoever runs them needn't know of loops */
    int count;
    PlanLoop *loops; /* in order; who writes steps down writes each loop's body once */
    int loop_count;
    size_t arena_bytes, arena_lower_bound;
} PlanSteps;

typedef struct Plan {
    const Graph *graph;
    const Target *target;
    PlanSteps prepare; /* what depends on params and constants only; empty unless asked for */
    PlanSteps run;
    size_t prepared_bytes;
    double flops; /* of a run */
} Plan;

enum { PLAN_ALIGNMENT = 64 };

/* Who uses the kernels' bodies at once, so that they need not be kept: most of a plan's memory. */
typedef struct PlanReader {
    /* True: the body is needed no more. What the kernel then keeps is in `arena`. */
    bool (*read)(void *context, Kernel *kernel, bool prepares, Arena *arena);
    void *context;
    Arena *scratch; /* bodies are made here */
} PlanReader;

typedef struct PlanOptions {
    bool prepare;  /* what depends only on params and buffers is computed by the prepare steps */
    int64_t split; /* threads share kernels of so many processor cycles, and meet; 0: no threads */
    Precision precision;
    const struct ScheduleBook *schedules; /* as in LowerContext */
    int candidates;
} PlanOptions;

/* The fusion of a graph that has been through the passes. OUT_UPDATE outputs may share memory with
 * the input they replace: such an output is written in place when nobody reads the old value any
 * more, else at the end. `reader` may be NULL. */
Plan *plan_graph(const Fusion *fusion, const Target *target, PlanOptions options,
                 const PlanReader *reader, Arena *arena);

/* The loop that begins at the step, or NULL. `next` is the number of the loop to look at, and is
 * moved on when it is found: 0 before the first step. */
const PlanLoop *plan_loop_at(const PlanSteps *steps, int step, int *next);

/* The steps with the places of their arguments, and the arena beside the least that could do. */
void plan_print(Buf *out, const Plan *plan);

/* Whether some kernel is split. */
bool plan_is_split(const PlanSteps *steps);

/* Whether some step reads the graph's input of that number where the caller has it. */
bool plan_reads_input(const PlanSteps *steps, int input);

/* Whether a buffer of a kernel is passed to it. */
bool kbuf_is_parameter(const KBuf *buf);

#endif
