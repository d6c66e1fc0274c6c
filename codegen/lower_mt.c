/* MT19937 as a kernel: seeds the state, passes over the draws before `skip`, writes all words that
 * the result needs to scratch memory, and turns them into numbers as PyTorch does (see
 * ir/random.c, which this follows operation by operation so that the bits agree). */
#include "codegen/lower_mt.h"

#include <string.h>

#include "codegen/formula_internal.h"
#include "codegen/lower_internal.h"
#include "ir/random.h"
#include "support/checked.h"

enum { MT_SIZE = 624, MT_SHIFT = 397, BLOCK = 16 };

typedef struct Twister {
    KBuilder *b;
    const Node *node;
    KKind kind;
    int64_t count; /* elements */
    KBuf *state, *words, *out;
    double low, high;
} Twister;

static KVal *bits32(KBuilder *b, uint32_t value) {
    return k_integer(b, K_I32, 1, (int32_t)value);
}

static KVal *xor_(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_XOR, x, y);
}

static KVal *ushr(KBuilder *b, KVal *x, int64_t n) {
    return k_binary(b, KOP_USHR, x, k_integer(b, x->kind, 1, n));
}

static KVal *shl(KBuilder *b, KVal *x, int64_t n) {
    return k_binary(b, KOP_SHL, x, k_integer(b, x->kind, 1, n));
}

static void seed_state(Twister *t, KVal *seed) {
    KBuilder *b = t->b;
    KVal *previous = k_var(b, k_convert(b, seed, K_I32));
    k_store(b, t->state, k_index(b, 0), previous);
    KVal *i = k_for(b, 1, MT_SIZE, 1, 0);
    KVal *last = k_copy(b, previous);
    KVal *mixed = k_mul(b, xor_(b, last, ushr(b, last, 30)), bits32(b, 1812433253u));
    KVal *next = k_add(b, mixed, k_convert(b, i, K_I32));
    k_store(b, t->state, i, next);
    k_set(b, previous, next);
    k_end(b);
}

static void twist(Twister *t) {
    KBuilder *b = t->b;
    KVal *i = k_for(b, 0, MT_SIZE, 1, 0);
    KVal *next = k_load(b, t->state, k_remi(b, k_addi(b, i, 1), MT_SIZE), 1);
    KVal *far = k_load(b, t->state, k_remi(b, k_addi(b, i, MT_SHIFT), MT_SIZE), 1);
    KVal *y = k_or(b, k_and(b, k_load(b, t->state, i, 1), bits32(b, 0x80000000u)),
                   k_and(b, next, bits32(b, 0x7FFFFFFFu)));
    KVal *odd = k_true_if(b, k_and(b, y, bits32(b, 1)));
    KVal *magic = k_select(b, odd, bits32(b, 0x9908B0DFu), bits32(b, 0));
    k_store(b, t->state, i, xor_(b, xor_(b, far, ushr(b, y, 1)), magic));
    k_end(b);
}

static KVal *temper(KBuilder *b, KVal *y) {
    y = xor_(b, y, ushr(b, y, 11));
    y = xor_(b, y, k_and(b, shl(b, y, 7), bits32(b, 0x9D2C5680u)));
    y = xor_(b, y, k_and(b, shl(b, y, 15), bits32(b, 0xEFC60000u)));
    return xor_(b, y, ushr(b, y, 18));
}

/* words[0..draws) are the stream's from `skip` on. */
static void write_words(Twister *t, int64_t skip, int64_t draws) {
    KBuilder *b = t->b;
    int64_t first = skip / MT_SIZE, last = (skip + draws + MT_SIZE - 1) / MT_SIZE;
    k_for(b, 0, first, 1, 0);
    twist(t);
    k_end(b);
    KVal *round = k_for(b, first, last, 1, 0);
    twist(t);
    KVal *i = k_for(b, 0, MT_SIZE, 1, 0);
    KVal *at = k_addi(b, k_add(b, k_muli(b, round, MT_SIZE), i), -skip);
    k_if(b, k_and(b, k_ge(b, at, k_index(b, 0)), k_lt(b, at, k_index(b, draws))));
    k_store(b, t->words, k_assume(b, at, 0, draws - 1), temper(b, k_load(b, t->state, i, 1)));
    k_end(b);
    k_end(b);
    k_end(b);
}

/* x * y + z in one rounding. Without the instruction, float32 goes through double. */
static KVal *fused(Twister *t, KVal *x, KVal *y, KVal *z) {
    KBuilder *b = t->b;
    if (b->target->fma || x->kind != K_F32) return k_fma(b, x, y, z);
    KVal *product = k_mul(b, k_convert(b, x, K_F64), k_convert(b, y, K_F64));
    return k_convert(b, k_add(b, product, k_convert(b, z, K_F64)), K_F32);
}

static KVal *word64(Twister *t, KVal *at) {
    KBuilder *b = t->b;
    KVal *mask = k_integer(b, K_I64, 1, 0xffffffff);
    KVal *high = k_and(b, k_convert(b, k_load(b, t->words, at, 1), K_I64), mask);
    KVal *low = k_and(b, k_convert(b, k_load_at(b, t->words, at, 1, 1), K_I64), mask);
    return k_or(b, shl(b, high, 32), low);
}

/* The uniform number that starts at that word. */
static KVal *unit_f32(Twister *t, KVal *at) {
    KBuilder *b = t->b;
    KVal *bits = k_and(b, k_load(b, t->words, at, 1), bits32(b, 0xFFFFFF));
    return k_mul(b, k_convert(b, bits, K_F32), k_number(b, K_F32, 1, 0x1p-24));
}

static KVal *unit_f64(Twister *t, KVal *at) {
    KBuilder *b = t->b;
    KVal *bits = k_and(b, word64(t, at), k_integer(b, K_I64, 1, (INT64_C(1) << 53) - 1));
    return k_mul(b, k_convert(b, bits, K_F64), k_number(b, K_F64, 1, 0x1p-53));
}

static KVal *number(Twister *t, double value) {
    return k_number(t->b, t->kind, 1, value);
}

static void write_uniform(Twister *t) {
    KBuilder *b = t->b;
    bool single = t->kind == K_F32;
    KVal *i = k_for(b, 0, t->count, 1, 0);
    KVal *unit = single ? unit_f32(t, i) : unit_f64(t, k_muli(b, i, 2));
    double range = single ? (double)((float)t->high - (float)t->low) : t->high - t->low;
    k_store(b, t->out, i, fused(t, unit, number(t, range), number(t, t->low)));
    k_end(b);
}

static void write_bernoulli(Twister *t) {
    KBuilder *b = t->b;
    KVal *i = k_for(b, 0, t->count, 1, 0);
    KVal *hit = k_lt(b, unit_f64(t, k_muli(b, i, 2)), k_number(b, K_F64, 1, t->low));
    k_store(b, t->out, i, formula_to_dtype(b, hit, t->node->type.dtype));
    k_end(b);
}

static void write_bits(Twister *t) {
    KBuilder *b = t->b;
    KVal *i = k_for(b, 0, t->count, 1, 0);
    KVal *word = k_convert(b, k_load(b, t->words, i, 1), K_I64);
    word = k_and(b, word, k_integer(b, K_I64, 1, 0xffffffff));
    k_store(b, t->out, i, formula_to_dtype(b, word, t->node->type.dtype));
    k_end(b);
}

static KVal *horner(Twister *t, KVal *x, const float *c, int count) {
    KVal *y = number(t, (double)c[0]);
    for (int i = 1; i < count; i++)
        y = fused(t, y, x, number(t, (double)c[i]));
    return y;
}

static KVal *log_f32(Twister *t, KVal *x) {
    static const float c[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                              -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                              2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
    KBuilder *b = t->b;
    KVal *bits = k_bitcast(b, x, K_I32);
    KVal *exponent = k_sub(b, ushr(b, bits, 23), k_integer(b, K_I32, 1, 126));
    KVal *m =
        k_bitcast(b, k_or(b, k_and(b, bits, bits32(b, 0x7fffff)), bits32(b, 0x3f000000)), K_F32);
    KVal *low = k_lt(b, m, number(t, (double)0.707106781f)), *one = number(t, 1);
    KVal *e = k_convert(b, exponent, K_F32);
    e = k_select(b, low, k_sub(b, e, one), e);
    m = k_sub(b, k_select(b, low, k_add(b, m, m), m), one);
    KVal *square = k_mul(b, m, m);
    KVal *y = horner(t, m, c, 9);
    y = fused(t, k_mul(b, y, m), square, k_mul(b, e, number(t, (double)-2.12194440e-4f)));
    y = fused(t, square, number(t, -0.5), y);
    return fused(t, e, number(t, 0.693359375), k_add(b, m, y));
}

static void sincos_f32(Twister *t, KVal *x, KVal **sine, KVal **cosine) {
    static const float cs[] = {2.443315711809948e-5f, -1.388731625493765e-3f,
                               4.166664568298827e-2f};
    static const float ss[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
    KBuilder *b = t->b;
    KVal *octant = k_convert(b, k_mul(b, x, number(t, (double)1.27323954f)), K_I32);
    octant = k_and(b, k_add(b, octant, bits32(b, 1)), bits32(b, ~1u));
    KVal *y = k_convert(b, octant, K_F32);
    x = fused(t, y, number(t, (double)-0.78515625f), x);
    x = fused(t, y, number(t, (double)-2.4187564849853515625e-4f), x);
    x = fused(t, y, number(t, (double)-3.77489497744594108e-8f), x);
    KVal *z = k_mul(b, x, x);
    KVal *c = k_mul(b, horner(t, z, cs, 3), z);
    c = k_add(b, fused(t, c, z, k_mul(b, number(t, -0.5), z)), number(t, 1));
    KVal *s = k_mul(b, horner(t, z, ss, 3), z);
    s = fused(t, s, x, x);
    KVal *swapped = k_true_if(b, k_and(b, octant, bits32(b, 2)));
    *sine = k_select(b, swapped, c, s);
    *cosine = k_select(b, swapped, s, c);
    KVal *minus = k_true_if(b, k_and(b, octant, bits32(b, 4)));
    *sine = k_select(b, minus, k_unary(b, KOP_NEG, *sine), *sine);
    minus = k_true_if(b, k_and(b, k_add(b, octant, bits32(b, 2)), bits32(b, 4)));
    *cosine = k_select(b, minus, k_unary(b, KOP_NEG, *cosine), *cosine);
}

/* Sixteen uniform numbers from word `at` on become normal numbers at out[to..]. */
static void normal_block(Twister *t, KVal *at, KVal *to) {
    static const double two_pi = 6.283185307179586;
    KBuilder *b = t->b;
    KVal *i = k_for(b, 0, BLOCK / 2, 1, 0), *first, *second;
    bool single = t->kind == K_F32;
    KVal *from = k_add(b, at, k_muli(b, i, single ? 1 : 2)), *place = k_add(b, to, i);
    KVal *u = single ? unit_f32(t, from) : unit_f64(t, from);
    KVal *v = single ? unit_f32(t, k_addi(b, from, 8)) : unit_f64(t, k_addi(b, from, 16));
    KVal *mean = number(t, t->low), *std = number(t, t->high);
    KVal *rest = k_sub(b, number(t, 1), u), *angle = k_mul(b, number(t, two_pi), v);
    KVal *log = single ? log_f32(t, rest) : k_call(b, KLIBM_LOG, rest, NULL);
    KVal *radius = k_unary(b, KOP_SQRT, k_mul(b, number(t, -2), log));
    if (single) {
        KVal *sine, *cosine;
        sincos_f32(t, angle, &sine, &cosine);
        first = fused(t, k_mul(b, radius, cosine), std, mean);
        second = fused(t, k_mul(b, radius, sine), std, mean);
    } else {
        KVal *cosine = k_call(b, KLIBM_COS, angle, NULL), *sine = k_call(b, KLIBM_SIN, angle, NULL);
        first = k_add(b, k_mul(b, k_mul(b, radius, cosine), std), mean);
        second = k_add(b, k_mul(b, k_mul(b, radius, sine), std), mean);
    }
    k_store(b, t->out, place, first);
    k_store_at(b, t->out, place, BLOCK / 2, second);
    k_end(b);
}

static void write_blocks(Twister *t, int64_t start) {
    KBuilder *b = t->b;
    int64_t words = t->kind == K_F32 ? 1 : 2;
    KVal *to = k_for(b, 0, t->count / BLOCK * BLOCK, BLOCK, 0);
    normal_block(t, k_addi(b, k_muli(b, to, words), start), to);
    k_end(b);
    if (t->count % BLOCK)
        normal_block(t, k_index(b, start + t->count * words), k_index(b, t->count - BLOCK));
}

/* Fewer than a block: pairs, in double. `second`: the first value of the first pair is not used. */
static void write_pairs(Twister *t, bool second) {
    KBuilder *b = t->b;
    for (int64_t value = second; value < t->count + second; value++) {
        KVal *at = k_index(b, value / 2 * 4);
        KVal *u1 = unit_f64(t, at), *u2 = unit_f64(t, k_addi(b, at, 2));
        KVal *log = k_call(b, KLIBM_LOG1P, k_unary(b, KOP_NEG, u2), NULL);
        KVal *radius = k_unary(b, KOP_SQRT, k_mul(b, k_number(b, K_F64, 1, -2), log));
        KVal *angle = k_mul(b, k_number(b, K_F64, 1, 6.283185307179586), u1);
        KVal *y = k_mul(b, radius, k_call(b, value % 2 ? KLIBM_SIN : KLIBM_COS, angle, NULL));
        y = k_add(b, k_mul(b, y, k_number(b, K_F64, 1, t->high)), k_number(b, K_F64, 1, t->low));
        k_store(b, t->out, k_index(b, value - second), k_convert(b, y, t->kind));
    }
}

Kernel *lower_mt(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    KBuilder *b = &lower.b;
    const Node *node = group->anchor;
    const char *dist = node_attr(node, ATTR_dist)->text;
    DType dtype = node->type.dtype;
    Twister t = {.b = b,
                 .node = node,
                 .kind = kkind_of(dtype),
                 .count = type_numel(&node->type),
                 .low = node_float(node, ATTR_low),
                 .high = node_float(node, ATTR_high)};
    bool second = strcmp(dist, "normal_second") == 0, uniform = strcmp(dist, "uniform") == 0;
    bool bits = strcmp(dist, "bits") == 0, bernoulli = strcmp(dist, "bernoulli") == 0;
    int64_t draws = bits        ? t.count
                    : bernoulli ? 2 * t.count
                    : uniform   ? (int64_t)mt_uniform_draws(dtype, t.count)
                                : (int64_t)mt_normal_draws(dtype, t.count, false) + 4 * second;
    t.out = k_output(b, node);
    if (draws == 0) return kernel_end(b);
    t.state = k_scratch(b, DT_I32, MT_SIZE, "the generator's state");
    t.words = k_scratch(b, DT_I32, draws, "numbers drawn");
    LowerPoint at = lower_point(0, NULL, 0, 1, 1);
    seed_state(&t, lower_operand_at(&lower, lower_operand(&lower, 0), &at));
    write_words(&t, node_int(node, ATTR_skip), draws);
    if (bits)
        write_bits(&t);
    else if (bernoulli)
        write_bernoulli(&t);
    else if (uniform)
        write_uniform(&t);
    else if (t.count < BLOCK)
        write_pairs(&t, second);
    else
        write_blocks(&t, second ? 4 : 0);
    return kernel_end(b);
}
