/* Scalar formulas of the op table (the `.kernel` field), applied to registers.
 *
 *   expr = the operators + - * / and unary -, parentheses, numbers, the op's inputs, and calls
 *          op(expr, ..., attribute=attribute)
 * A formula that calls only its own op is a primitive; what those mean in the kernel vocabulary is
 * said in codegen/formula_calls.c. Bools are I32 registers holding 0 or 1, u8 are I32 holding
 * 0..255. A number takes the kind of the operand beside it. */
#ifndef NNC_CODEGEN_FORMULA_H
#define NNC_CODEGEN_FORMULA_H

#include "codegen/kernel.h"

/* The value of the node's op applied to the operands, in the register kind of its dtype. */
KVal *formula_apply(KBuilder *b, const Node *node, KVal *const *operands);
/* The value in the register kind of the dtype, with u8 and bool normalized. */
KVal *formula_to_dtype(KBuilder *b, KVal *value, DType dtype);
/* Whether the op must be computed in scalars: integer divisions, whose faults are per element. */
bool formula_needs_scalars(const Node *node);

#endif
