/* What the makers of a Program share: which module is compiled and what its forward is called with
 * (trace_module.c), and the functions made of what was recorded (trace_program.c). */
#ifndef NNC_FRONTEND_TENSOR_TRACE_COMPILE_H
#define NNC_FRONTEND_TENSOR_TRACE_COMPILE_H

#include "frontend/tensor/trace.h"

typedef struct TraceCompile {
    TensorState *ts;
    const FrontendOptions *options;
    Sources *sources;
    Arena *arena;
    Program *program;
    int step_inputs; /* how many tensors the train step gives to forward */
    bool failed;     /* a function can't be made, as was reported */
} TraceCompile;

/* Settles on the module to compile and binds it. False: raised or reported. */
bool trace_choose_module(TraceCompile *c);
/* The name that the program gave the module, or its class's. */
const char *trace_bound_name(Vm *vm, Value module);
/* Whether it has a name of the program's. */
bool trace_is_bound(Vm *vm, Value module);
/* Where its forward is defined; of a module of the library, where it was bound to a name. */
Span trace_forward_span(TraceCompile *c);
/* Calls its forward with new placeholders. NULL_VALUE: raised or reported. */
Value trace_call_forward(TraceCompile *c);

#endif
