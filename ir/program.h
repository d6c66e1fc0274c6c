/* A Program: what a .nn file compiles to. Typed state, and functions over it.
 *
 * Each function is a Graph whose inputs name the state they read (role and slot) and whose
 * OUT_UPDATE outputs name the state they replace. Codegen turns the state into structs and the
 * functions into C; nothing in it knows about modules or optimizers. */
#ifndef NNC_IR_PROGRAM_H
#define NNC_IR_PROGRAM_H

#include "ir/graph.h"
#include "ir/precision.h"

/* One tensor of the state dict, the optimizer or the like. */
typedef struct ProgramEntry {
    const char *key; /* "conv1.weight", "momentum_buffer.conv1.weight", "step" */
    Type type;
    int tied_to; /* params and buffers: index of the entry that this is another name of, or -1 */
    double fill; /* states: the initial value of every element */
} ProgramEntry;

/* An argument or a result of a function, in the caller's structs. */
typedef struct ProgramField {
    const char *name; /* "x", "target", "output", "loss" */
    Type type;
} ProgramField;

typedef struct ProgramHyper {
    const char *name; /* "lr" */
    DType dtype;
    double value; /* as in the script */
} ProgramHyper;

typedef enum FunctionKind {
    FUNCTION_FORWARD,    /* DATA (in), PARAM, BUFFER -> RESULT (out) */
    FUNCTION_BACKWARD,   /* DATA (in, then gradients of the outputs), PARAM, BUFFER, GRAD -> GRAD
                            updates */
    FUNCTION_TRAIN_STEP, /* DATA (in, then targets), PARAM, BUFFER, STATE, HYPER, KEY -> updates,
                            RESULT (loss) */
    FUNCTION_INIT, /* DATA (the seed, i64[]) -> RESULT: one a param and buffer, in slot order */
} FunctionKind;

typedef struct ProgramFunction {
    FunctionKind kind;
    Graph *graph;
    int64_t batch; /* forward for one of several sizes of the batch; else 0 */
} ProgramFunction;

typedef struct Program {
    Arena *arena;
    const char *name;          /* "lenet": the default prefix */
    const char *source_path;   /* as given on the command line */
    VEC(ProgramEntry) params;  /* PARAM slots, in state-dict order */
    VEC(ProgramEntry) buffers; /* BUFFER slots */
    VEC(ProgramEntry) states;  /* STATE slots */
    VEC(ProgramHyper) hypers;  /* HYPER slots */
    VEC(ProgramField) inputs;  /* forward's arguments: DATA slots 0..; of the largest batch */
    VEC(ProgramField) outputs; /* forward's results */
    VEC(ProgramField) targets; /* the train step's other data: DATA slots after the inputs */
    VEC(ProgramFunction) functions;
    int64_t batch;       /* the largest that was asked for, which inputs and outputs hold; else 0 */
    Precision precision; /* as the program sets it */
    const void *const
        *weights; /* values of params then buffers when known (--weights), else NULL */
    Sources *sources;
} Program;

/* Frees what does not lie in the arena. */
void program_release(Program *program);

#endif
