/* The reference interpreter: evaluates a graph slowly and plainly in double precision. It is the
 * meaning of the IR, the constant folder and the oracle for every backend. */
#ifndef NNC_IR_INTERP_H
#define NNC_IR_INTERP_H

#include "ir/graph.h"

/* A tensor's elements as doubles (integers and bools too: exact up to 2^53; i64 arithmetic beyond
 * that goes through `i`). */
typedef struct Tensor64 {
    Type type;
    double *f;  /* floats */
    int64_t *i; /* integers and bools; exactly one of f and i is set */
} Tensor64;

typedef enum Rounding {
    ROUND_NONE,    /* an oracle: f32 values are kept in double */
    ROUND_TO_TYPE, /* every op's result is rounded to its type: folding, exact replays */
} Rounding;

/* Evaluates every output. `inputs[i]` belongs to graph->inputs.items[i]; results are from the
 * arena, in the order of graph->outputs. False with a message in `error` for data-dependent faults
 * (an index out of range). */
bool interp_run(const Graph *graph, const Tensor64 *inputs, Tensor64 *outputs, Rounding rounding,
                Arena *arena, Buf *error);

/* Conversion from and to the bytes that a buffer of the type holds. */
Tensor64 tensor64_from_bytes(Arena *arena, Type type, const void *bytes);
void tensor64_to_bytes(const Tensor64 *tensor, void *bytes);
/* The first element of a buffer of that dtype, as a scalar that lives in *f or *i. */
Tensor64 tensor64_item(DType dtype, const void *bytes, double *f, int64_t *i);

#endif
