/* What compiling has seen: between the policy (trace.c), the graphs made of it (trace_graph.c) and
 * the maker of the Program (trace_program.c). */
#ifndef NNC_FRONTEND_TENSOR_TRACE_H
#define NNC_FRONTEND_TENSOR_TRACE_H

#include "frontend/frontend.h"
#include "frontend/tensor/script.h"

/* What a LAZY_PLACEHOLDER stands for; the node's `index` is its place in Trace.inputs. */
typedef struct TraceInput {
    InputRole role;
    int slot;
    const char *name;
    LazyNode *node; /* owned */
} TraceInput;

/* An entry of the state dict. */
typedef struct TracedEntry {
    const char *key;
    Value tensor;      /* the handle that the module holds */
    Storage *storage;  /* owned reference */
    LazyNode *initial; /* its value before the first call; owned */
    int tied_to;       /* among entries of its kind, or -1 */
    int input;         /* of a tied one: the other's */
} TracedEntry;

typedef struct TracedState {
    const char *name;
    Storage *storage; /* owned reference */
    Value param;      /* whose state it is, or None */
    Type type;
    double fill;
    int input;
} TracedState;

struct Trace {
    Arena arena;
    VEC(TraceInput) inputs;
    VEC(TracedEntry) params;
    VEC(TracedEntry) buffers;
    VEC(TracedState) states;
    VEC(ProgramHyper) hypers;
    LazyNode *seed;
    Value module;         /* the first one called from the top level that has parameters */
    Value args, kwargs;   /* of its first call */
    const char *chosen;   /* --module: others are not candidates */
    VEC(Value) called;    /* all modules with parameters called from the top level */
    VEC(int) call_inputs; /* placeholders of the last call's tensor arguments */
    uint64_t call_serial; /* what was recorded before it is data */
    int depth;            /* module calls under way */
    bool tracing;         /* our own call of forward */
    bool stepped;         /* the train step is complete: evaluation ends here */
    bool quiet;           /* evaluation ended without an error */
    LazyNode *loss;       /* what backward() was called on; owned */
};

Trace *trace_new(TensorState *ts);
void trace_free(TensorState *ts);
bool need_by_compiling(TensorState *ts, LazyNode *node, const char *what);
/* A new placeholder (owned by the trace); its index among the inputs. */
int trace_input(TensorState *ts, Type type, InputRole role, int slot, const char *name);
/* Makes the module's state dict into placeholders. False: raised. */
bool trace_bind(TensorState *ts, Value module);
/* Gives every entry its placeholder as value again. */
void trace_rebind(TensorState *ts);
/* A value of the program that holds tensors, with them replaced by new DATA placeholders. */
Value trace_argument(TensorState *ts, Value v, const char *name);

/* ---- trace_graph.c ---- */
typedef struct TraceOutput {
    LazyNode *node;
    const char *name;
    int updates; /* index among Trace.inputs, or -1: a result */
} TraceOutput;

typedef struct TraceGraph {
    uint64_t data_before; /* nodes recorded up to here that depend on data are inputs; 0: none */
    int first_target;     /* DATA slot of the first of these */
    bool allow_random;    /* random numbers come from a key */
    VEC(Type) targets;    /* result: the types of these inputs */
    Graph *graph;         /* result */
} TraceGraph;

/* Makes the graph that computes the outputs. False: raised. */
bool trace_graph(TensorState *ts, TraceGraph *job, Arena *arena, const char *name,
                 const TraceOutput *outputs, int count);

#endif
