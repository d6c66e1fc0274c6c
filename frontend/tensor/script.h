/* Evaluating what was recorded: shared by running (script.c) and compiling (trace.c). */
#ifndef NNC_FRONTEND_TENSOR_SCRIPT_H
#define NNC_FRONTEND_TENSOR_SCRIPT_H

#include "codegen/native/native.h"
#include "frontend/tensor/tensor.h"
#include "ir/graph.h"

/* Counted for -v and tests. */
typedef struct ScriptCounters {
    uint64_t evaluations; /* graphs run */
    uint64_t graphs;      /* distinct graphs planned */
    uint64_t compiled;    /* of these, turned into machine code */
    uint64_t updates;     /* buffers reused in place */
    uint64_t nodes;       /* recorded nodes evaluated */
    uint64_t interpreted; /* evaluations by the interpreting tier */
    /* Seconds. */
    double planning, compiling, interpreting, running;
    double parse, optimize, generate; /* of compiling, in the plugin */
    NativeReport native;              /* of the last compilation */
} ScriptCounters;

/* `precision` stands above the program's; or NULL. */
Script *script_new(TensorState *ts, const char *vector, const Precision *precision);
void script_free(TensorState *ts);
ScriptCounters script_counters(const TensorState *ts);
/* Evaluates everything that storages wait for, and `extra` (may be NULL). False: raised. */
bool script_evaluate(TensorState *ts, LazyNode *extra);
/* Evaluates, if enough is recorded, where a loop of the program goes round. False: raised. */
bool script_back_edge(Vm *vm);

/* The data nodes that `targets` are computed from, without values, in order of recording; `stop`
 * (may be NULL) says which are not looked into. Borrowed references. */
typedef VEC(LazyNode *) LazyNodeVec;
typedef bool LazyStop(const LazyNode *node, void *context);
void lazy_reachable(TensorState *ts, LazyNode *const *targets, size_t count, LazyStop *stop,
                    void *context, LazyNodeVec *ops, LazyNodeVec *leaves);
/* The node in a graph for a recorded op whose operands have theirs. */
Node *lazy_to_node(Graph *graph, const LazyNode *node, Node *const *inputs);

#endif
