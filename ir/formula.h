/* Formulas: the strings in .grad and .decompose, turned into nodes.
 *
 *   formula  = item (";" item)*         one item a wanted value
 *   item     = "let" name "=" expr | expr | "0" (no gradient) | "!" (not differentiable)
 *   expr     = the operators + - * / and unary -, parentheses, numbers, names and calls
 *   call     = op(operand, ..., attribute=expr, ...) | helper(expr, ...)
 *
 * Names are, in the order tried: what `let` defined, the results (y, or y0, y1...) and their
 * gradients (dy, or dy0, dy1...), the row's operands and attributes, dtypes (f32...). A number
 * among an op's operands is broadcast to the type of its last operand that is a node; a number
 * given for a list attribute is a list of one. Helpers, which compute on shapes, are listed in
 * ir/formula_helpers.c. An error in a formula is a bug of ours. */
#ifndef NNC_IR_FORMULA_H
#define NNC_IR_FORMULA_H

#include "ir/graph.h"

/* What the names of a row mean for one node. */
typedef struct FormulaScope {
    Node *node;             /* its op, attributes and operand count; itself y when in the graph */
    Node *const *inputs;    /* the operands, in the graph that is built */
    Node *const *gradients; /* dy, or dy0, dy1...; NULL: not available */
} FormulaScope;

/* Builds the formula's items in order. wanted (or NULL: all) says which to build; the others, and
 * items "0", come out NULL. With an op of any number of operands, the one item serves each of
 * them. False with a message for "!". New nodes get the node's span. */
bool formula_build(Graph *graph, const char *formula, const FormulaScope *scope, const bool *wanted,
                   Node **out, int out_count, Buf *error);

/* The gradients of a node of `graph` by its operands, from those of its results (NULL: zero). Only
 * float operands have one. out[i] is NULL where nothing flows or wanted[i] is false (wanted NULL:
 * all). False with a message when a wanted gradient is NO_GRAD. */
bool formula_grad(Graph *graph, Node *node, Node *const *dys, const bool *wanted, Node **out,
                  Buf *error);
/* A composite as primitives over `inputs`, nodes of `to`. */
Node *formula_decompose(Graph *to, const Node *node, Node *const *inputs);

/* Which operands an op's gradient reads the values of: bit i for operand i, bit 31 for a result. */
uint32_t formula_grad_reads(Op op);

#endif
