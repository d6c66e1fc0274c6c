/* Shorthands over graph_add for code that builds graphs in C (passes, gradients, tests).
 * All of them treat a type error as a bug: use graph_add where a user's mistake can reach.
 * New nodes get graph->span. */
#ifndef NNC_IR_BUILD_H
#define NNC_IR_BUILD_H

#include "ir/graph.h"

Node *build_unary(Graph *graph, Op op, Node *x);
Node *build_binary(Graph *graph, Op op, Node *a, Node *b);
Node *build_where(Graph *graph, Node *condition, Node *a, Node *b);
/* A rank-0 constant of the type, rounded to it. */
Node *build_scalar(Graph *graph, DType dtype, double value);
Node *build_scalar_int(Graph *graph, DType dtype, int64_t value);
/* A constant with the bytes given (row-major). */
Node *build_const(Graph *graph, Type type, const void *bytes);
/* A constant of that type, every element `value`: a scalar expanded. */
Node *build_full(Graph *graph, Type type, double value);
Node *build_reshape(Graph *graph, Node *x, int rank, const int64_t *dims);
Node *build_permute(Graph *graph, Node *x, const int *perm);
/* NumPy's broadcasting of x to the shape: reshape with leading ones, then expand. */
Node *build_broadcast(Graph *graph, Node *x, int rank, const int64_t *dims);
/* The adjoint of build_broadcast: sums dims that were broadcast, back to the shape. */
Node *build_sum_to(Graph *graph, Node *x, int rank, const int64_t *dims);
Node *build_reduce(Graph *graph, Op op, Node *x, const int *axes, int axis_count);
Node *build_cast(Graph *graph, Node *x, DType dtype);
Node *build_result(Graph *graph, Node *x, int index);
/* Any op, with its attributes: graph_add, where failing is a bug. */
Node *build_op(Graph *graph, Op op, Node *const *inputs, int input_count, const Attr *attrs,
               int attr_count);
Node *build_slice(Graph *graph, Node *x, const int64_t *start, const int64_t *size,
                  const int64_t *step);
/* Zeros before, after and between the elements of each dim. */
Node *build_pad(Graph *graph, Node *x, const int64_t *lo, const int64_t *hi,
                const int64_t *interior);
/* Puts back dims that a reduction over `axes` dropped, and repeats x along them to the shape. */
Node *build_unreduce(Graph *graph, Node *x, const int64_t *axes, int axis_count, int rank,
                     const int64_t *dims);

/* Constants seen through: the value of a const (or of a scalar const under reshape and expand). */
bool node_is_const(const Node *node, double *value);

#endif
