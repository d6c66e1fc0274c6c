/* What compiling has seen: between the policy (trace.c) and the maker of the Program
 * (trace_program.c). */
#ifndef NNC_FRONTEND_TENSOR_TRACE_H
#define NNC_FRONTEND_TENSOR_TRACE_H

#include "frontend/frontend.h"
#include "frontend/tensor/script.h"

/* A placeholder's meaning: what graph input it becomes. */
typedef struct TraceInput {
    InputRole role;
    int slot;
    LazyNode *node;  /* the LAZY_PLACEHOLDER; owned */
    LazyNode *value; /* what it stands for while tracing: its initial value; owned; may be NULL */
    const char *name;
} TraceInput;

typedef struct TraceEntry_ {
    const char *key;
    Storage *storage; /* owned reference */
    int tied_to;
    bool is_param;
    LazyNode *initial; /* the value before the first call; owned */
} TraceEntry_;

typedef struct TraceState_ {
    const char *key;
    Value tensor; /* owned */
    Value param;  /* owned; None for a state of the optimizer's own */
    int input;    /* among the trace's inputs */
} TraceState_;

struct Trace {
    VEC(TraceInput) inputs;
    VEC(TraceState_) states;
    VEC(TraceEntry_) params, buffers;
    LazyNode *seed;
    Value module;         /* the one called first, from the top level */
    Value args, kwargs;   /* of its first call */
    VEC(Value) modules;   /* every module called from the top level */
    int depth;            /* module calls under way */
    bool stepped;         /* an optimizer stepped: evaluation ends */
    bool quiet;           /* the end is not an error */
    uint64_t call_serial; /* next_serial when the last outermost call began */
    VEC(ProgramHyper) hypers;
    LazyNode *loss; /* what backward() was called on last; owned */
    bool tracing;   /* forward is being traced: needs are errors that say so */
};

#endif
