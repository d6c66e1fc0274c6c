/* Division, powers and the gamma family: the functions with more cases than arithmetic. */
#include <math.h>

#include "codegen/math.h"
#include "support/checked.h"

static KVal *number(KBuilder *b, const KVal *like, double value) {
    return k_number(b, like->kind, like->lanes, value);
}

/* A divisor that can be divided by; scalar code reports a zero. */
static KVal *safe_divisor(KBuilder *b, KVal *y) {
    int64_t c;
    if (k_is_const(y, &c) && c != 0) return y;
    KVal *zero = k_eq(b, y, number(b, y, 0));
    if (y->lanes == 1) {
        k_fault_if(b, zero);
        b->kernel->divides = true;
    }
    return k_select(b, zero, number(b, y, 1), y);
}

static KVal *signs_differ(KBuilder *b, KVal *x, KVal *y) {
    KVal *zero = number(b, x, 0);
    return k_binary(b, KOP_XOR, k_lt(b, x, zero), k_lt(b, y, zero));
}

KVal *math_fmod(KBuilder *b, KVal *x, KVal *y) {
    if (kkind_is_float(x->kind)) return k_call(b, KLIBM_FMOD, x, y);
    return k_rem(b, x, safe_divisor(b, y));
}

KVal *math_rem(KBuilder *b, KVal *x, KVal *y) {
    KVal *r = math_fmod(b, x, y), *zero = number(b, r, 0);
    KVal *adjust = k_and(b, k_ne(b, r, zero), signs_differ(b, r, y));
    return k_select(b, adjust, k_add(b, r, y), r);
}

KVal *math_trunc_div(KBuilder *b, KVal *x, KVal *y) {
    if (kkind_is_float(x->kind)) return k_unary(b, KOP_TRUNC, k_div(b, x, y));
    return k_div(b, x, safe_divisor(b, y));
}

/* As Python: the quotient of what fmod leaves, rounded to an integer. */
static KVal *float_floor_div(KBuilder *b, KVal *x, KVal *y) {
    KVal *zero = number(b, y, 0), *one = number(b, y, 1), *plain = k_div(b, x, y);
    KVal *r = k_call(b, KLIBM_FMOD, x, y);
    KVal *quotient = k_div(b, k_sub(b, x, r), y);
    KVal *down = k_and(b, k_ne(b, r, zero), signs_differ(b, r, y));
    quotient = k_select(b, down, k_sub(b, quotient, one), quotient);
    KVal *floored = k_unary(b, KOP_FLOOR, quotient);
    KVal *up = k_lt(b, number(b, y, 0.5), k_sub(b, quotient, floored));
    KVal *result = k_select(b, up, k_add(b, floored, one), floored);
    /* A zero quotient has the sign of the plain one. */
    KVal *signed_zero = k_mul(b, zero, plain);
    result = k_select(b, k_eq(b, quotient, zero), signed_zero, result);
    return k_select(b, k_eq(b, y, zero), plain, result);
}

KVal *math_floor_div(KBuilder *b, KVal *x, KVal *y) {
    int lanes = x->lanes > y->lanes ? x->lanes : y->lanes;
    x = k_splat(b, x, lanes);
    y = k_splat(b, y, lanes);
    if (kkind_is_float(x->kind)) return float_floor_div(b, x, y);
    y = safe_divisor(b, y);
    KVal *quotient = k_div(b, x, y), *r = k_rem(b, x, y);
    KVal *down = k_and(b, k_ne(b, r, number(b, r, 0)), signs_differ(b, r, y));
    return k_sub(b, quotient, k_select(b, down, number(b, r, 1), number(b, r, 0)));
}

/* Integer powers by squaring: as many steps as an exponent has bits. */
static KVal *integer_pow(KBuilder *b, KVal *x, KVal *y) {
    int lanes = x->lanes > y->lanes ? x->lanes : y->lanes;
    x = k_splat(b, x, lanes);
    y = k_splat(b, y, lanes);
    KVal *zero = number(b, x, 0), *one = number(b, x, 1), *minus_one = number(b, x, -1);
    KVal *result = k_var(b, one), *base = k_var(b, x), *left = k_var(b, y);
    k_for(b, 0, kkind_size(x->kind) * 8 - 1, 1, 0);
    KVal *odd = k_true_if(b, k_and(b, left, one));
    k_set(b, result, k_select(b, odd, k_mul(b, result, base), result));
    k_set(b, base, k_mul(b, base, base));
    k_set(b, left, k_binary(b, KOP_USHR, left, one));
    k_end(b);
    /* Negative exponents: 1, -1 and otherwise 0. */
    KVal *is_odd = k_true_if(b, k_and(b, y, one));
    KVal *inverse = k_select(b, k_eq(b, x, minus_one), k_select(b, is_odd, minus_one, one), zero);
    inverse = k_select(b, k_eq(b, x, one), one, inverse);
    return k_select(b, k_lt(b, y, zero), inverse, k_copy(b, result));
}

KVal *math_pow(KBuilder *b, KVal *x, KVal *y) {
    if (!kkind_is_float(x->kind)) return integer_pow(b, x, y);
    if (y->op == KOP_CONST) {
        if (y->f == 2) return k_mul(b, x, x);
        if (y->f == 1) return x;
        if (y->f == -1) return k_div(b, number(b, x, 1), x);
    }
    return k_call(b, KLIBM_POW, x, y);
}

static KVal *raise(KBuilder *b, KVal *x, int n) {
    KVal *y = x;
    for (int i = 1; i < n; i++)
        y = k_mul(b, y, x);
    return y;
}

/* Bernoulli numbers B2, B4... of the asymptotic series. */
static const double bernoulli[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                   5.0 / 66, -691.0 / 2730, 7.0 / 6};
enum { TERMS = sizeof bernoulli / sizeof bernoulli[0] };

/* log(x) - 1/2x - sum B2k / (2k x^2k), after x was shifted up to 10 by psi(x) = psi(x+1) - 1/x;
 * negative arguments are reflected. */
KVal *math_digamma(KBuilder *b, KVal *input) {
    KVal *x = k_convert(b, input, K_F64);
    KVal *zero = number(b, x, 0), *one = number(b, x, 1), *pi = number(b, x, 3.141592653589793);
    KVal *negative = k_lt(b, x, zero);
    KVal *at = k_var(b, k_select(b, negative, k_sub(b, one, x), x)), *sum = k_var(b, zero);
    k_for(b, 0, 10, 1, 0);
    KVal *low = k_lt(b, at, number(b, x, 10));
    k_set(b, sum, k_select(b, low, k_sub(b, sum, k_div(b, one, at)), sum));
    k_set(b, at, k_select(b, low, k_add(b, at, one), at));
    k_end(b);
    KVal *z = k_copy(b, at), *inverse = k_div(b, one, k_mul(b, z, z));
    KVal *series = zero;
    for (int k = TERMS; k >= 1; k--)
        series = k_mul(b, inverse, k_add(b, series, number(b, x, bernoulli[k - 1] / (2.0 * k))));
    KVal *y = k_sub(b, k_call(b, KLIBM_LOG, z, NULL), k_div(b, number(b, x, 0.5), z));
    y = k_add(b, k_copy(b, sum), k_sub(b, y, series));
    KVal *fraction = k_sub(b, x, k_unary(b, KOP_FLOOR, x));
    KVal *tangent = k_call(b, KLIBM_TAN, k_mul(b, pi, fraction), NULL);
    KVal *reflected = k_sub(b, y, k_div(b, pi, tangent));
    y = k_select(b, negative, reflected, y);
    /* Poles: NaN at negative integers, an infinity against the sign at zero. */
    KVal *pole = k_and(b, negative, k_eq(b, fraction, zero));
    y = k_select(b, pole, number(b, x, (double)NAN), y);
    y = k_select(b, k_eq(b, x, zero), k_div(b, number(b, x, -1), x), y);
    return k_convert(b, y, input->kind);
}

/* (-1)^(n+1) [ (n-1)!/x^n + n!/2x^(n+1) + sum B2k (2k+n-1)!/(2k)! x^-(2k+n) ], after shifting up
 * by psi_n(x) = psi_n(x+1) - (-1)^n n! / x^(n+1). */
KVal *math_polygamma(KBuilder *b, int order, KVal *input) {
    enum { SHIFTS = 64 };
    KVal *x = k_convert(b, input, K_F64);
    KVal *zero = number(b, x, 0), *one = number(b, x, 1);
    double sign = order % 2 ? 1 : -1, factorial = tgamma(order + 1);
    KVal *at = k_var(b, x), *sum = k_var(b, zero);
    k_for(b, 0, SHIFTS, 1, 0);
    KVal *low = k_lt(b, at, number(b, x, order + 12));
    KVal *step = k_div(b, number(b, x, factorial), raise(b, k_copy(b, at), order + 1));
    k_set(b, sum, k_select(b, low, k_add(b, sum, step), sum));
    k_set(b, at, k_select(b, low, k_add(b, at, one), at));
    k_end(b);
    KVal *z = k_copy(b, at), *inverse = k_div(b, one, k_mul(b, z, z)), *series = zero;
    for (int k = TERMS; k >= 1; k--) {
        double c = bernoulli[k - 1] * tgamma(2 * k + order) / tgamma(2 * k + 1);
        series = k_mul(b, inverse, k_add(b, series, number(b, x, c)));
    }
    series = k_add(b, series, number(b, x, factorial / order));
    series = k_add(b, series, k_div(b, number(b, x, factorial / 2), z));
    KVal *y = k_add(b, k_copy(b, sum), k_div(b, series, raise(b, z, order)));
    return k_convert(b, k_mul(b, y, number(b, x, sign)), input->kind);
}
