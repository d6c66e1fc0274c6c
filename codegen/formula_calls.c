/* The primitives of kernel formulas: ops of the table in the kernel vocabulary. */
#include <math.h>

#include "codegen/formula_internal.h"
#include "codegen/math.h"
#include "support/checked.h"

static KVal *number(const FormulaCall *call, double value) {
    KVal *x = call->arg[0];
    return k_number(call->b, x->kind, x->lanes, value);
}

KVal *formula_to_dtype(KBuilder *b, KVal *value, DType dtype) {
    if (dtype == DT_BOOL) {
        KVal *mask = k_true_if(b, value);
        return k_convert(b, mask, K_I32);
    }
    value = k_convert(b, value, kkind_of(dtype));
    if (dtype_is_half(dtype)) return k_round_half(b, value, dtype);
    if (dtype == DT_U8 && !(value->lanes == 1 && value->lo >= 0 && value->hi <= 255))
        value = k_and(b, value, k_integer(b, K_I32, value->lanes, 255));
    return value;
}

static KVal *sign(const FormulaCall *call) {
    KBuilder *b = call->b;
    KVal *x = call->arg[0], *zero = number(call, 0);
    KVal *negative = k_select(b, k_lt(b, x, zero), number(call, -1), zero);
    return k_select(b, k_gt(b, x, zero), number(call, 1), negative);
}

/* Shifts by what is out of range give what the bits would be if there were room. */
static KVal *shift(const FormulaCall *call, bool left) {
    KBuilder *b = call->b;
    KVal *x = call->arg[0], *count = call->arg[1];
    int bits = (int)dtype_size(call->dtype) * 8;
    KVal *last = k_integer(b, count->kind, count->lanes, bits - 1);
    KVal *inside =
        k_and(b, k_ge(b, count, k_number(b, count->kind, count->lanes, 0)), k_le(b, count, last));
    KVal *safe = k_select(b, inside, count, last);
    if (left) return k_select(b, inside, k_binary(b, KOP_SHL, x, safe), number(call, 0));
    KVal *shifted = k_binary(b, KOP_SHR, x, safe);
    /* The last shift leaves one bit of a u8; a register holds it without a sign. */
    if (call->dtype == DT_U8) return k_select(b, inside, shifted, number(call, 0));
    return shifted;
}

static KVal *logical_not(const FormulaCall *call) {
    KVal *x = call->arg[0];
    if (call->dtype != DT_BOOL) return k_unary(call->b, KOP_NOT, x);
    return k_unary(call->b, KOP_NOT, k_true_if(call->b, x));
}

static KVal *is_infinite(const FormulaCall *call) {
    if (!kkind_is_float(call->arg[0]->kind)) return k_integer(call->b, K_M32, 1, 0);
    KVal *size = k_unary(call->b, KOP_ABS, call->arg[0]);
    return k_eq(call->b, size, number(call, (double)INFINITY));
}

/* Functions of one operand that stay calls. */
static bool libm_of(Op op, KLibm *out) {
    switch (op) {
    case OP_log2:
        *out = KLIBM_LOG2;
        return true;
    case OP_log10:
        *out = KLIBM_LOG10;
        return true;
    case OP_exp2:
        *out = KLIBM_EXP2;
        return true;
    case OP_sin:
        *out = KLIBM_SIN;
        return true;
    case OP_cos:
        *out = KLIBM_COS;
        return true;
    case OP_tan:
        *out = KLIBM_TAN;
        return true;
    case OP_asin:
        *out = KLIBM_ASIN;
        return true;
    case OP_acos:
        *out = KLIBM_ACOS;
        return true;
    case OP_atan:
        *out = KLIBM_ATAN;
        return true;
    case OP_sinh:
        *out = KLIBM_SINH;
        return true;
    case OP_cosh:
        *out = KLIBM_COSH;
        return true;
    case OP_asinh:
        *out = KLIBM_ASINH;
        return true;
    case OP_acosh:
        *out = KLIBM_ACOSH;
        return true;
    case OP_atanh:
        *out = KLIBM_ATANH;
        return true;
    case OP_lgamma:
        *out = KLIBM_LGAMMA;
        return true;
    default:
        return false;
    }
}

static KVal *call_one(Op op, const FormulaCall *call) {
    KBuilder *b = call->b;
    KVal *x = call->arg[0];
    KLibm function;
    if (libm_of(op, &function)) return k_call(b, function, x, NULL);
    switch (op) {
    case OP_neg:
        return k_unary(b, KOP_NEG, x);
    case OP_abs:
        return k_unary(b, KOP_ABS, x);
    case OP_sqrt:
        return k_unary(b, KOP_SQRT, x);
    case OP_floor:
        return k_unary(b, KOP_FLOOR, x);
    case OP_ceil:
        return k_unary(b, KOP_CEIL, x);
    case OP_round:
        return k_unary(b, KOP_RINT, x);
    case OP_trunc:
        return k_unary(b, KOP_TRUNC, x);
    case OP_sign:
        return sign(call);
    case OP_exp:
        return math_exp(b, x);
    case OP_expm1:
        return math_expm1(b, x);
    case OP_log:
        return math_log(b, x);
    case OP_log1p:
        return math_log1p(b, x);
    case OP_tanh:
        return math_tanh(b, x);
    case OP_erf:
        return math_erf(b, x);
    case OP_digamma:
        return math_digamma(b, x);
    case OP_polygamma:
        return math_polygamma(b, (int)node_int(call->node, ATTR_order), x);
    case OP_not:
        return logical_not(call);
    case OP_isinf:
        return is_infinite(call);
    case OP_cast:
        return formula_to_dtype(b, x, call->node->type.dtype);
    default:
        NNC_BUG("op %s is no primitive of kernel formulas", op_info(op)->name);
    }
}

static KVal *call_two(Op op, const FormulaCall *call) {
    KBuilder *b = call->b;
    KVal *x = call->arg[0], *y = call->arg[1];
    switch (op) {
    case OP_max:
        return math_max(b, x, y);
    case OP_min:
        return math_min(b, x, y);
    case OP_floor_div:
        return math_floor_div(b, x, y);
    case OP_trunc_div:
        return math_trunc_div(b, x, y);
    case OP_rem:
        return math_rem(b, x, y);
    case OP_fmod:
        return math_fmod(b, x, y);
    case OP_pow:
        return math_pow(b, x, y);
    case OP_atan2:
        return k_call(b, KLIBM_ATAN2, x, y);
    case OP_and:
        return k_and(b, x, y);
    case OP_or:
        return k_or(b, x, y);
    case OP_xor:
        return k_binary(b, KOP_XOR, x, y);
    case OP_shl:
        return shift(call, true);
    case OP_shr:
        return shift(call, false);
    case OP_eq:
        return k_eq(b, x, y);
    case OP_ne:
        return k_ne(b, x, y);
    case OP_lt:
        return k_lt(b, x, y);
    case OP_le:
        return k_le(b, x, y);
    case OP_gt:
        return k_gt(b, x, y);
    case OP_ge:
        return k_ge(b, x, y);
    default:
        NNC_BUG("op %s is no primitive of kernel formulas", op_info(op)->name);
    }
}

KVal *formula_call(Op op, const FormulaCall *call) {
    if (op == OP_where)
        return k_select(call->b, k_true_if(call->b, call->arg[0]), call->arg[1], call->arg[2]);
    NNC_CHECK(call->count == 1 || call->count == 2, "kernel formula calls %s with %d operands",
              op_info(op)->name, call->count);
    return call->count == 1 ? call_one(op, call) : call_two(op, call);
}
