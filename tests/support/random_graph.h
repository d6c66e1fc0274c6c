/* Random well-typed graphs over the whole op table: the same seed gives the same graph.
 *
 * Every graph input carries the range that its values may have, so that ops stay inside their
 * domains (log of positive numbers, indexes in range) and steps are not met within rounding:
 * operands of discontinuous ops are always inputs. Float results that may grow are passed on
 * through sin, so that deep graphs stay finite. */
#ifndef NNC_TESTS_RANDOM_GRAPH_H
#define NNC_TESTS_RANDOM_GRAPH_H

#include "ir/build.h"
#include "ir/interp.h"

typedef struct Random {
    uint64_t state;
} Random;

uint64_t random_next(Random *random);
int random_below(Random *random, int bound);
/* Uniform in [0, 1). */
double random_unit(Random *random);

typedef struct RandomRange {
    double low, high; /* integers: both included */
} RandomRange;

typedef struct RandomGraph {
    Graph *graph;
    Random random;
    DType float_type;        /* of all floats but cast's */
    bool fresh;              /* operands are always new inputs: what gradient checks want */
    bool floats_only;        /* ops that take any number are given floats */
    VEC(Node *) pool;        /* values that may become operands */
    VEC(RandomRange) ranges; /* of the graph's inputs */
} RandomGraph;

void random_graph_start(RandomGraph *random, Arena *arena, uint64_t seed, DType float_type);
void random_graph_free(RandomGraph *random);
/* Adds an op with random operands and attributes (and what leads to it). Every op but `result`
 * works; sort comes with its results. The node, whose value is not an output yet. */
Node *random_graph_op(RandomGraph *random, Op op);
/* Adds `steps` random ops, drawn evenly from the table without those excluded (indexed by Op; NULL:
 * none), and makes every value that nobody reads an output. */
void random_graph_fill(RandomGraph *random, int steps, const bool *exclude);
/* Gives some nodes places in the first `size` bytes of a source and names that need quotes. */
void random_graph_places(RandomGraph *random, uint16_t file, size_t size);
/* Values for the inputs, in their ranges and rounded to their types. */
Tensor64 *random_graph_values(RandomGraph *random, Arena *arena);

/* For random_ops.c: new inputs and operands. */
Type random_type(RandomGraph *random, DType dtype, int min_rank, int max_rank);
Node *random_input(RandomGraph *random, Type type, double low, double high);
/* A value of that dtype and rank, from the pool or a new input. */
Node *random_operand(RandomGraph *random, DType dtype, int min_rank, int max_rank);
/* A value of exactly that type. */
Node *random_like(RandomGraph *random, Type type);

#endif
