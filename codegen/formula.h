/* Scalar formulas of the op table (the `.kernel` field), applied to registers.
 *
 * A formula is an expression over the op's input names and its numeric attributes:
 *   numbers, + - * / and unary -, comparisons < <= > >= == !=, parentheses, and calls of
 *   add sub mul div rem neg abs min max sqrt rsqrt floor ceil rint trunc fma(a, b, c)
 *   lt le gt ge eq ne  and or xor not  shl shr  select(mask, a, b)  where(mask, a, b)
 *   maximum minimum (NaN wins)  relu  sign  square  recip  floor_div  floor_mod
 *   exp expm1 exp2 log log1p log2 log10 tanh sigmoid erf erfc gelu softplus sin cos tan asin acos
 *   atan atan2 sinh cosh asinh acosh atanh lgamma tgamma digamma pow fmod
 *   isnan  isinf  isfinite  cast (to the result's type)  y-free: a formula never names the result.
 * Operands arrive in the kinds of the inputs' dtypes; a mask result is stored as 0 or 1. The
 * functions are built in codegen/math.c from the kernel vocabulary, the same on every tier. */
#ifndef NNC_CODEGEN_FORMULA_H
#define NNC_CODEGEN_FORMULA_H

#include "codegen/kernel.h"

/* The value of the node's op applied to the operands, in the kind of the node's dtype. */
KVal *formula_apply(KBuilder *b, const Node *node, KVal *const *operands);
/* NULL when the formula is well-formed over those space-separated names, else what is wrong. */
const char *formula_check(const char *formula, const char *names);

#endif
