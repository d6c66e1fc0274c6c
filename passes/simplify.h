/* The parts of the simplifier. Every rule is exact: the same bits for all inputs, NaN, infinities
 * and signed zeros included (but for which NaN a NaN is, and the sign of a sum of one -0). */
#ifndef NNC_PASSES_SIMPLIFY_H
#define NNC_PASSES_SIMPLIFY_H

#include "ir/graph.h"

/* The node in simplest form: applies rules until none fits. */
Node *simplify_node(Graph *graph, Node *node);

/* One step each: the better node, or NULL when no rule fits. They build with the functions below,
 * whose results are simplified already. */
Node *simplify_elementwise(Graph *graph, Node *node);
Node *simplify_movement(Graph *graph, Node *node);
Node *simplify_other(Graph *graph, Node *node);
/* simplify_join.c: an add of pads or concats, a concat of at least two parts. */
Node *simplify_sum_of_pieces(Graph *graph, Node *add);
Node *simplify_concat_of_cuts(Graph *graph, Node *concat);
/* Evaluates a small node whose operands are all constants, if its op rounds the same everywhere. */
Node *fold_constant(Graph *graph, Node *node);

Node *simplified_unary(Graph *graph, Op op, Node *x);
Node *simplified_binary(Graph *graph, Op op, Node *a, Node *b);
Node *simplified_where(Graph *graph, Node *condition, Node *a, Node *b);
Node *simplified_cast(Graph *graph, Node *x, DType dtype);
Node *simplified_reshape(Graph *graph, Node *x, int rank, const int64_t *dims);
Node *simplified_permute(Graph *graph, Node *x, const int64_t *perm);
Node *simplified_expand(Graph *graph, Node *x, const int64_t *dims);
Node *simplified_slice(Graph *graph, Node *x, const int64_t *start, const int64_t *size,
                       const int64_t *step);
/* A constant, every element `value`. */
Node *simplified_full(Graph *graph, Type type, double value);
/* x (of any shape that has as many elements) along dim `dim` of the shape, repeated along others.
 */
Node *simplified_along(Graph *graph, Node *x, int dim, int rank, const int64_t *dims);
Node *simplified_copy(Graph *graph, const Node *node, Node *const *inputs);

#endif
