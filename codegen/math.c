/* exp, log, tanh, erf and their kin in float32.
 *
 * Each is a range reduction and a minimax polynomial (fitted on the reduced range, error below
 * 0.1 ulp of the exact coefficients), evaluated by Horner's rule with k_fma. The same arithmetic
 * runs in scalars and vectors and on all tiers, so results do not depend on how a kernel is run.
 * NaN operands give NaN: k_max(limit, x) and k_min(limit, x) keep a NaN in x. */
#include "codegen/math.h"

#include "support/checked.h"

static KVal *number(KBuilder *b, const KVal *like, double value) {
    return k_number(b, like->kind, like->lanes, value);
}

/* c[0] + c[1] x + ... */
static KVal *polynomial(KBuilder *b, KVal *x, const double *c, int count) {
    KVal *sum = number(b, x, c[count - 1]);
    for (int i = count - 2; i >= 0; i--)
        sum = k_fma(b, sum, x, number(b, x, c[i]));
    return sum;
}

#define POLYNOMIAL(b, x, c) polynomial(b, x, c, (int)(sizeof(c) / sizeof((c)[0])))

static KVal *clamp(KBuilder *b, KVal *x, double lo, double hi) {
    return k_min(b, number(b, x, hi), k_max(b, number(b, x, lo), x));
}

/* x = k ln 2 + r with |r| <= ln2 / 2: returns r and, in *k, the integer. Adding 1.5 * 2^23 rounds
 * to an integer that can be read from the low bits. */
static KVal *reduce_exp(KBuilder *b, KVal *x, KVal **k, KVal **k_float) {
    const double magic = 12582912.0;
    KVal *shifted = k_fma(b, x, number(b, x, 1.4426950408889634), number(b, x, magic));
    KVal *multiple = k_sub(b, shifted, number(b, x, magic));
    *k = k_sub(b, k_bitcast(b, shifted, K_I32), k_integer(b, K_I32, x->lanes, 0x4b400000));
    if (k_float) *k_float = multiple;
    /* ln 2 in two parts: the first has few bits, so that its multiples are exact. */
    KVal *r = k_fma(b, multiple, number(b, x, -0.693359375), x);
    return k_fma(b, multiple, number(b, x, 2.12194440054690583e-4), r);
}

/* 2^k for -126 <= k <= 127. */
static KVal *power_of_two(KBuilder *b, KVal *k) {
    KVal *biased = k_add(b, k, k_integer(b, K_I32, k->lanes, 127));
    return k_bitcast(b, k_binary(b, KOP_SHL, biased, k_integer(b, K_I32, k->lanes, 23)), K_F32);
}

/* x 2^k for x near 1, where k may be read as an integer or a float: rounded once. */
static KVal *scale(KBuilder *b, KVal *x, KVal *k, KVal *k_float) {
    if (b->target->vector_bytes == 64 && x->lanes == 16) return k_binary(b, KOP_SCALE, x, k_float);
    /* The first step is exact; denormal or infinite results come of the second. */
    KVal *half = k_binary(b, KOP_SHR, k, k_integer(b, K_I32, k->lanes, 1));
    KVal *rest = k_sub(b, k, half);
    return k_mul(b, k_mul(b, x, power_of_two(b, half)), power_of_two(b, rest));
}

KVal *math_exp(KBuilder *b, KVal *x) {
    static const double c[] = {
        1, 1, 0.5, 0.1666665673, 0.04166635126, 0.00836318545, 0.001388256322};
    if (x->kind != K_F32) return k_call(b, KLIBM_EXP, x, NULL);
    KVal *k, *multiple, *r = reduce_exp(b, clamp(b, x, -104, 89), &k, &multiple);
    KVal *p = POLYNOMIAL(b, r, c);
    return scale(b, p, k, multiple);
}

KVal *math_expm1(KBuilder *b, KVal *x) {
    static const double c[] = {0.5,           0.1666666567325592,   0.04166634753346443,
                               0.00833339151, 0.001394165214151144, 0.00019845958740916103};
    if (x->kind != K_F32) return k_call(b, KLIBM_EXPM1, x, NULL);
    KVal *k, *r = reduce_exp(b, clamp(b, x, -25, 89), &k, NULL);
    KVal *p = k_fma(b, k_mul(b, r, r), POLYNOMIAL(b, r, c), r); /* e^r - 1 */
    /* 2^k p + (2^k - 1), halved: 2^128 does not exist. */
    KVal *scale = power_of_two(b, k_sub(b, k, k_integer(b, K_I32, k->lanes, 1)));
    KVal *half = k_fma(b, p, scale, k_sub(b, scale, number(b, x, 0.5)));
    KVal *y = k_add(b, half, half);
    /* Near 0 the result is p itself, and -0 stays. */
    KVal *small = k_eq(b, k, k_integer(b, K_I32, k->lanes, 0));
    return k_select(b, k_eq(b, x, number(b, x, 0)), x, k_select(b, small, p, y));
}

/* log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)], plus k ln 2. `low` is added to the small part. */
static KVal *log_tail(KBuilder *b, KVal *f, KVal *k, KVal *low) {
    static const double c[] = {0.3333331346511841,  -0.25000008940696716, 0.2000211924314499,
                               -0.1666799634695053, 0.14219552278518677,  -0.1240558922290802,
                               0.11888162046670914, -0.11675652861595154, 0.06746642291545868};
    KVal *square = k_mul(b, f, f);
    KVal *tail = k_mul(b, k_mul(b, square, f), POLYNOMIAL(b, f, c));
    tail = k_fma(b, k, number(b, f, -2.12194440054690583e-4), tail);
    if (low) tail = k_add(b, tail, low);
    tail = k_fma(b, square, number(b, f, -0.5), tail);
    return k_fma(b, k, number(b, f, 0.693359375), k_add(b, f, tail));
}

/* x = m 2^k with m in [sqrt(1/2), sqrt(2)]. The mantissa's bits are offset so that the carry into
 * the exponent comes at sqrt(2). */
static KVal *split(KBuilder *b, KVal *x, KVal **k) {
    int lanes = x->lanes;
    KVal *bits = k_sub(b, k_bitcast(b, x, K_I32), k_integer(b, K_I32, lanes, 0x3f3504f3));
    KVal *exponent = k_binary(b, KOP_SHR, bits, k_integer(b, K_I32, lanes, 23));
    KVal *mantissa = k_and(b, bits, k_integer(b, K_I32, lanes, 0x7fffff));
    *k = exponent;
    return k_bitcast(b, k_add(b, mantissa, k_integer(b, K_I32, lanes, 0x3f3504f3)), K_F32);
}

/* Negative, zero, infinite and NaN operands. */
static KVal *log_ends(KBuilder *b, KVal *x, KVal *zero_at, KVal *y) {
    KVal *infinity = number(b, x, __builtin_inf());
    y = k_select(b, k_eq(b, x, infinity), infinity, y);
    y = k_select(b, k_eq(b, x, zero_at), number(b, x, -__builtin_inf()), y);
    return k_select(b, k_ge(b, x, zero_at), y, number(b, x, __builtin_nan("")));
}

KVal *math_log(KBuilder *b, KVal *x) {
    if (x->kind != K_F32) return k_call(b, KLIBM_LOG, x, NULL);
    /* Denormals are scaled up by 2^23. */
    KVal *tiny = k_lt(b, x, number(b, x, 0x1p-126));
    KVal *k, *scaled = k_select(b, tiny, k_mul(b, x, number(b, x, 0x1p23)), x);
    KVal *m = split(b, scaled, &k);
    KVal *exponent =
        k_sub(b, k_convert(b, k, K_F32), k_select(b, tiny, number(b, x, 23), number(b, x, 0)));
    KVal *y = log_tail(b, k_sub(b, m, number(b, x, 1)), exponent, NULL);
    return log_ends(b, x, number(b, x, 0), y);
}

KVal *math_log1p(KBuilder *b, KVal *x) {
    if (x->kind != K_F32) return k_call(b, KLIBM_LOG1P, x, NULL);
    /* u = 1 + x rounded; what rounding lost, over u, is the derivative's correction. */
    KVal *one = number(b, x, 1), *u = k_add(b, x, one);
    KVal *lost =
        k_select(b, k_lt(b, x, one), k_sub(b, x, k_sub(b, u, one)), k_sub(b, one, k_sub(b, u, x)));
    KVal *k, *m = split(b, u, &k);
    KVal *none = k_eq(b, k, k_integer(b, K_I32, k->lanes, 0));
    /* Where no power of two is split off, x itself is the reduced argument. */
    KVal *f = k_select(b, none, x, k_sub(b, m, one));
    KVal *low = k_select(b, none, number(b, x, 0), k_div(b, lost, u));
    KVal *y = log_tail(b, f, k_convert(b, k, K_F32), low);
    y = k_select(b, k_eq(b, x, number(b, x, 0)), x, y);
    return log_ends(b, x, number(b, x, -1), y);
}

KVal *math_tanh(KBuilder *b, KVal *x) {
    if (x->kind != K_F32) return k_call(b, KLIBM_TANH, x, NULL);
    KVal *t = clamp(b, x, -10, 10);
    KVal *e = math_expm1(b, k_add(b, t, t));
    return k_div(b, e, k_add(b, e, number(b, x, 2)));
}

KVal *math_erf(KBuilder *b, KVal *x) {
    /* x + x P(x^2) up to 1; beyond, 1 - exp(Q(|x|)), Q fitting log(erfc). */
    static const double p[] = {0.12837916612625122,    -0.37612637877464294,
                               0.11283782124519348,    -0.0268654003739357,
                               0.005220945458859205,   -0.0008482828852720559,
                               0.00011256949073867872, -9.641518772696145e-06};
    static const double q[] = {0.00018846961029339582, -1.1295803785324097,
                               -0.633216381072998,     -0.10842211544513702,
                               0.025210348889231682,   -0.004205287899821997,
                               0.00044147323933430016, -2.1697660486097448e-05};
    if (x->kind != K_F32) return k_call(b, KLIBM_ERF, x, NULL);
    KVal *size = k_unary(b, KOP_ABS, x), *one = number(b, x, 1);
    KVal *near = k_fma(b, x, POLYNOMIAL(b, k_mul(b, x, x), p), x);
    KVal *limited = k_min(b, number(b, x, 4), size);
    KVal *far = k_sub(b, one, math_exp(b, POLYNOMIAL(b, limited, q)));
    far = k_select(b, k_lt(b, x, number(b, x, 0)), k_unary(b, KOP_NEG, far), far);
    return k_select(b, k_lt(b, size, one), near, far);
}

KVal *math_max(KBuilder *b, KVal *x, KVal *y) {
    KVal *greater = k_max(b, x, y); /* y when either is NaN */
    if (!kkind_is_float(greater->kind)) return greater;
    return k_select(b, k_ne(b, x, x), x, greater);
}

KVal *math_min(KBuilder *b, KVal *x, KVal *y) {
    KVal *lesser = k_min(b, x, y);
    if (!kkind_is_float(lesser->kind)) return lesser;
    return k_select(b, k_ne(b, x, x), x, lesser);
}
