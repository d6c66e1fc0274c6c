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
    LazyNode *node;  /* owned */
    LazyNode *given; /* what it stands for: an argument of a call, a buffer as the step finds it;
                        owned, or NULL */
    int same_as;     /* in the step: the one of an earlier call that got the same value, or -1 */
} TraceInput;

/* A call of the module from the top level: which placeholders its tensors became. */
typedef struct TraceCall {
    uint64_t serial; /* what was recorded before it is data */
    int first, count;
    LazyNode **buffers; /* their values at that time; owned */
} TraceCall;

/* A first call of a module without parameters. */
typedef struct BareCall {
    Value module, args, kwargs;
    Span span;
} BareCall;

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
    DType autocast;       /* in which that call was made */
    const char *chosen;   /* --module: others are not candidates */
    VEC(Value) called;    /* all modules with parameters called from the top level */
    VEC(BareCall) bare;   /* and those without */
    VEC(TraceCall) calls; /* of `module` */
    VEC(int) call_inputs; /* placeholders of the last call's tensor arguments */
    int depth;            /* module calls under way */
    bool tracing;         /* our own call of forward */
    int64_t batch;        /* of that call: what the inputs' first dimension becomes; 0: as it is */
    int64_t own_batch;    /* what it is: the first input's, or 0 without one */
    bool stepped;         /* the train step is complete: evaluation ends here */
    bool quiet;           /* evaluation ended without an error */
    Span ended;           /* where it ended before the program did */
    LazyNode *loss;       /* what backward() was called on; owned */
    LazyNode *scaled;     /* or NULL: that stands for `unscaled`, the loss; owned */
    LazyNode *unscaled;
    Span step; /* where the optimizer's step was called */
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
/* The name of forward's positional parameter (trace_module.c), or NULL. */
const char *trace_parameter_name(Vm *vm, Value module, size_t number);
/* Where backward() is called on `scaled`, the loss is the other one. Consumes both. */
void trace_scaled(TensorState *ts, LazyNode *scaled, LazyNode *loss);
/* Whether the value hangs on a placeholder other than the seed. */
bool trace_is_computed(TensorState *ts, LazyNode *node);

/* ---- trace_graph.c ---- */
typedef struct TraceOutput {
    LazyNode *node;
    const char *name;
    int updates; /* index among Trace.inputs, or -1: a result */
} TraceOutput;

typedef struct TraceGraph {
    uint64_t data_before; /* nodes recorded up to here that depend on data are inputs; 0: none */
    int first_target;     /* DATA slot of the first of these */
    VEC(Type) targets;    /* result: the types of these inputs */
    Graph *graph;         /* result */
    Span unknown;         /* result: where a number came in that is known only at run time */
} TraceGraph;

/* Makes the graph that computes the outputs. */
void trace_graph(TensorState *ts, TraceGraph *job, Arena *arena, const char *name,
                 const TraceOutput *outputs, int count);

#endif
