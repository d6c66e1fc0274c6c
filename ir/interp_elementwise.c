/* Reference evaluation of elementwise ops. Integers live in int64_t and wrap: sums and products are
 * taken unsigned; the interpreter's loop narrows them to their type. */
#include <math.h>

#include "ir/eval.h"
#include "ir/special.h"
#include "support/checked.h"

static double unary_float(Op op, double x) {
    switch (op) {
    case OP_neg:
        return -x;
    case OP_abs:
        return fabs(x);
    case OP_sign:
        return (x > 0) - (x < 0);
    case OP_floor:
        return floor(x);
    case OP_ceil:
        return ceil(x);
    case OP_round:
        return nearbyint(x);
    case OP_trunc:
        return trunc(x);
    case OP_sqrt:
        return sqrt(x);
    case OP_rsqrt:
        return 1 / sqrt(x);
    case OP_exp:
        return exp(x);
    case OP_expm1:
        return expm1(x);
    case OP_log:
        return log(x);
    case OP_log1p:
        return log1p(x);
    case OP_log2:
        return log2(x);
    case OP_log10:
        return log10(x);
    case OP_exp2:
        return exp2(x);
    case OP_sin:
        return sin(x);
    case OP_cos:
        return cos(x);
    case OP_tan:
        return tan(x);
    case OP_asin:
        return asin(x);
    case OP_acos:
        return acos(x);
    case OP_atan:
        return atan(x);
    case OP_sinh:
        return sinh(x);
    case OP_cosh:
        return cosh(x);
    case OP_tanh:
        return tanh(x);
    case OP_asinh:
        return asinh(x);
    case OP_acosh:
        return acosh(x);
    case OP_atanh:
        return atanh(x);
    case OP_erf:
        return erf(x);
    case OP_sigmoid:
        return 1 / (1 + exp(-x));
    case OP_relu:
        return x <= 0 ? 0 : x;
    case OP_lgamma:
        return lgamma(x);
    case OP_digamma:
        return special_digamma(x);
    default:
        NNC_BUG("%s is not a unary op of floats", op_info(op)->name);
    }
}

static int64_t unary_int(Op op, DType dtype, int64_t x) {
    switch (op) {
    case OP_neg:
        return (int64_t)(0 - (uint64_t)x);
    case OP_abs:
        return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
    case OP_sign:
        return (x > 0) - (x < 0);
    case OP_relu:
        return x > 0 ? x : 0;
    case OP_not:
        return dtype == DT_BOOL ? !x : ~x;
    default:
        NNC_BUG("%s is not a unary op of integers", op_info(op)->name);
    }
}

void eval_unary(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    Tensor64 *y = context->results;
    int64_t count = type_numel(&y->type);
    Op op = context->node->op;
    for (int64_t k = 0; k < count; k++) {
        if (y->f)
            y->f[k] = unary_float(op, x->f[k]);
        else
            y->i[k] = unary_int(op, y->type.dtype, x->i[k]);
    }
}

void eval_polygamma(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    int order = (int)node_int(context->node, ATTR_order);
    int64_t count = type_numel(&x->type);
    for (int64_t k = 0; k < count; k++)
        context->results->f[k] = special_polygamma(order, x->f[k]);
}

void eval_test(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    int64_t count = type_numel(&x->type);
    bool nan = context->node->op == OP_isnan;
    for (int64_t k = 0; k < count; k++)
        context->results->i[k] = nan ? x->f[k] != x->f[k] : fabs(x->f[k]) == (double)INFINITY;
}

/* Truncation; what no int64_t holds becomes INT64_MIN, as the processor's conversion gives. */
static int64_t to_int(double x) {
    return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}

void eval_cast(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    Tensor64 *y = context->results;
    int64_t count = type_numel(&x->type);
    for (int64_t k = 0; k < count; k++) {
        if (y->f)
            y->f[k] = x->f ? x->f[k] : (double)x->i[k];
        else if (y->type.dtype == DT_BOOL)
            y->i[k] = x->f ? x->f[k] != 0 : x->i[k] != 0;
        else
            y->i[k] = x->f ? to_int(x->f[k]) : x->i[k];
    }
}

static double float_rem(double a, double b) {
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* The quotient that goes with float_rem, rounded to an integer the way Python does it. */
static double float_floor_div(double a, double b) {
    if (b == 0) return a / b;
    double r = fmod(a, b), quotient = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0)) quotient -= 1;
    if (quotient == 0) return copysign(0, a / b);
    double down = floor(quotient);
    return quotient - down > 0.5 ? down + 1 : down;
}

static double binary_float(EvalContext *context, double a, double b) {
    switch (context->node->op) {
    case OP_add:
        return a + b;
    case OP_sub:
        return a - b;
    case OP_mul:
        return a * b;
    case OP_div:
        return a / b;
    case OP_floor_div:
        return float_floor_div(a, b);
    case OP_trunc_div:
        /* The quotient has its type before it is truncated. */
        if (context->rounding == ROUND_NONE) return trunc(a / b);
        return trunc(dtype_round(dtype_computed(context->node->type.dtype), a / b));
    case OP_rem:
        return float_rem(a, b);
    case OP_fmod:
        return fmod(a, b);
    case OP_pow:
        return pow(a, b);
    case OP_atan2:
        return atan2(a, b);
    case OP_max:
        return a != a || a > b ? a : b;
    case OP_min:
        return a != a || a < b ? a : b;
    default:
        NNC_BUG("%s is not a binary op of floats", op_info(context->node->op)->name);
    }
}

static int64_t int_pow(int64_t a, int64_t b) {
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    uint64_t result = 1, base = (uint64_t)a;
    for (; b > 0; b >>= 1, base *= base) {
        if (b & 1) result *= base;
    }
    return (int64_t)result;
}

/* Quotient and remainder toward zero; INT64_MIN / -1 wraps. */
static int64_t int_trunc_div(int64_t a, int64_t b) {
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}
static int64_t int_fmod(int64_t a, int64_t b) {
    return b == -1 ? 0 : a % b;
}

static int64_t int_division(EvalContext *context, int64_t a, int64_t b) {
    if (b == 0) {
        eval_fault(context, "integer division by zero");
        return 0;
    }
    int64_t quotient = int_trunc_div(a, b), r = int_fmod(a, b);
    bool down = r != 0 && (r < 0) != (b < 0);
    switch (context->node->op) {
    case OP_floor_div:
        return quotient - down;
    case OP_rem:
        return down ? r + b : r;
    case OP_fmod:
        return r;
    default:
        return quotient;
    }
}

static int64_t int_shift(Op op, DType dtype, int64_t a, int64_t b) {
    int64_t bits = (int64_t)dtype_size(dtype) * 8;
    bool in_range = b >= 0 && b < bits;
    if (op == OP_shl) return in_range ? (int64_t)((uint64_t)a << b) : 0;
    return in_range ? a >> b : a < 0 ? -1 : 0;
}

static int64_t binary_int(EvalContext *context, int64_t a, int64_t b) {
    Op op = context->node->op;
    switch (op) {
    case OP_add:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case OP_sub:
        return (int64_t)((uint64_t)a - (uint64_t)b);
    case OP_mul:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case OP_floor_div:
    case OP_trunc_div:
    case OP_rem:
    case OP_fmod:
        return int_division(context, a, b);
    case OP_pow:
        return int_pow(a, b);
    case OP_max:
        return a > b ? a : b;
    case OP_min:
        return a < b ? a : b;
    case OP_and:
        return a & b;
    case OP_or:
        return a | b;
    case OP_xor:
        return a ^ b;
    case OP_shl:
    case OP_shr:
        return int_shift(op, context->node->type.dtype, a, b);
    default:
        NNC_BUG("%s is not a binary op of integers", op_info(op)->name);
    }
}

void eval_binary(EvalContext *context) {
    const Tensor64 *a = context->inputs[0], *b = context->inputs[1];
    Tensor64 *y = context->results;
    int64_t count = type_numel(&y->type);
    for (int64_t k = 0; k < count; k++) {
        if (y->f)
            y->f[k] = binary_float(context, a->f[k], b->f[k]);
        else
            y->i[k] = binary_int(context, a->i[k], b->i[k]);
    }
}

/* Bits: 1 less, 2 equal, 4 greater; none when either is NaN. */
static int order_of(const Tensor64 *a, const Tensor64 *b, int64_t k) {
    if (a->f) return (a->f[k] < b->f[k]) + 2 * (a->f[k] == b->f[k]) + 4 * (a->f[k] > b->f[k]);
    return (a->i[k] < b->i[k]) + 2 * (a->i[k] == b->i[k]) + 4 * (a->i[k] > b->i[k]);
}

void eval_compare(EvalContext *context) {
    int accepted = 0;
    switch (context->node->op) {
    case OP_lt:
        accepted = 1;
        break;
    case OP_le:
        accepted = 1 | 2;
        break;
    case OP_eq:
    case OP_ne:
        accepted = 2;
        break;
    case OP_ge:
        accepted = 2 | 4;
        break;
    case OP_gt:
        accepted = 4;
        break;
    default:
        NNC_BUG("not a comparison");
    }
    bool negate = context->node->op == OP_ne;
    int64_t count = type_numel(&context->results->type);
    for (int64_t k = 0; k < count; k++)
        context->results->i[k] =
            ((order_of(context->inputs[0], context->inputs[1], k) & accepted) != 0) != negate;
}

void eval_where(EvalContext *context) {
    int64_t count = type_numel(&context->results->type);
    for (int64_t k = 0; k < count; k++)
        tensor64_copy_item(context->results, k, context->inputs[context->inputs[0]->i[k] ? 1 : 2],
                           k);
}
