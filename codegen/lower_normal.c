/* Normal numbers of PyTorch's stream from uniform ones, as ir/random.c makes them: in blocks of 16,
 * whose first half gives the radii and second half the angles, or, when there are fewer, in pairs
 * of double precision. A tail that is no whole block takes 16 further draws for the last 16. */
#include <string.h>

#include "codegen/lower_mt.h"
#include "support/checked.h"

enum { BLOCK = 16, HALF = BLOCK / 2 };

static const double TWO_PI = 6.283185307179586;

static bool starts_with_second(const Node *node) {
    return strcmp(node_attr(node, ATTR_dist)->text, "normal_second") == 0;
}

static MtNormal plan_pairs(KBuilder *b, const Node *node, MtFill *fills, int *fill_count) {
    int64_t values = type_numel(&node->type) + starts_with_second(node);
    MtNormal normal = {node,
                       k_local(b, DT_F64, (values + 1) / 2 * 2, "uniform, then normal pairs")};
    fills[(*fill_count)++] = (MtFill){.to = normal.units,
                                      .form = MT_UNIT,
                                      .start = node_int(node, ATTR_skip),
                                      .count = normal.units->count,
                                      .words = 2};
    return normal;
}

MtNormal mt_normal_plan(KBuilder *b, const Node *node, MtFill *fills, int *fill_count) {
    int64_t count = type_numel(&node->type), whole = count / BLOCK * BLOCK;
    if (count < BLOCK) return plan_pairs(b, node, fills, fill_count);
    DType dtype = node->type.dtype;
    MtFill fill = {.form = MT_UNIT,
                   .start = node_int(node, ATTR_skip) + (starts_with_second(node) ? 4 : 0),
                   .count = whole,
                   .words = dtype == DT_F32 ? 1 : 2};
    fill.to =
        whole == count ? k_output(b, node) : k_scratch(b, dtype, whole + BLOCK, "uniform numbers");
    fills[(*fill_count)++] = fill;
    MtNormal normal = {node, fill.to};
    if (whole == count) return normal;
    fill.start += count * fill.words;
    fill.offset = whole;
    fill.count = BLOCK;
    fills[(*fill_count)++] = fill;
    return normal;
}

static KVal *like(KBuilder *b, const KVal *x, double value) {
    return k_number(b, x->kind, 1, value);
}

static KVal *integer(KBuilder *b, uint32_t value) {
    return k_integer(b, K_I32, 1, (int32_t)value);
}

static KVal *horner(KBuilder *b, KVal *x, const float *c, int count) {
    KVal *y = like(b, x, (double)c[0]);
    for (int i = 1; i < count; i++)
        y = k_fma_exact(b, y, x, like(b, x, (double)c[i]));
    return y;
}

static KVal *log_f32(KBuilder *b, KVal *x) {
    static const float c[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                              -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                              2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
    KVal *bits = k_bitcast(b, x, K_I32), *one = like(b, x, 1);
    KVal *exponent = k_sub(b, k_binary(b, KOP_USHR, bits, integer(b, 23)), integer(b, 126));
    bits = k_or(b, k_and(b, bits, integer(b, 0x7fffff)), integer(b, 0x3f000000));
    KVal *m = k_bitcast(b, bits, K_F32), *e = k_convert(b, exponent, K_F32);
    KVal *low = k_lt(b, m, like(b, x, (double)0.707106781f));
    e = k_select(b, low, k_sub(b, e, one), e);
    m = k_sub(b, k_select(b, low, k_add(b, m, m), m), one);
    KVal *square = k_mul(b, m, m), *y = horner(b, m, c, 9);
    KVal *small = k_mul(b, e, like(b, x, (double)-2.12194440e-4f));
    y = k_fma_exact(b, k_mul(b, y, m), square, small);
    y = k_fma_exact(b, square, like(b, x, -0.5), y);
    return k_fma_exact(b, e, like(b, x, 0.693359375), k_add(b, m, y));
}

/* `x` negated where the octant has the bit. */
static KVal *negate_if(KBuilder *b, KVal *x, KVal *octant, uint32_t bit) {
    KVal *negative = k_true_if(b, k_and(b, octant, integer(b, bit)));
    return k_select(b, negative, k_unary(b, KOP_NEG, x), x);
}

static void sincos_f32(KBuilder *b, KVal *x, KVal **sine, KVal **cosine) {
    static const float parts[] = {-0.78515625f, -2.4187564849853515625e-4f,
                                  -3.77489497744594108e-8f};
    static const float cs[] = {2.443315711809948e-5f, -1.388731625493765e-3f,
                               4.166664568298827e-2f};
    static const float ss[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
    KVal *octant = k_convert(b, k_mul(b, x, like(b, x, (double)1.27323954f)), K_I32);
    octant = k_and(b, k_add(b, octant, integer(b, 1)), integer(b, ~1u));
    KVal *y = k_convert(b, octant, K_F32);
    for (int i = 0; i < 3; i++)
        x = k_fma_exact(b, y, like(b, x, (double)parts[i]), x);
    KVal *z = k_mul(b, x, x), *c = k_mul(b, horner(b, z, cs, 3), z);
    c = k_fma_exact(b, c, z, k_mul(b, z, like(b, x, -0.5)));
    c = k_add(b, c, like(b, x, 1));
    KVal *s = k_mul(b, horner(b, z, ss, 3), z);
    s = k_fma_exact(b, s, x, x);
    KVal *swapped = k_true_if(b, k_and(b, octant, integer(b, 2)));
    *sine = negate_if(b, k_select(b, swapped, c, s), octant, 4);
    *cosine = negate_if(b, k_select(b, swapped, s, c), k_add(b, octant, integer(b, 2)), 4);
}

/* Radii from `u` and angles from `v`: two normal numbers. */
static void transform(KBuilder *b, const Node *node, KVal *u, KVal *v, KVal *out[2]) {
    KVal *mean = like(b, u, node_float(node, ATTR_low));
    KVal *std = like(b, u, node_float(node, ATTR_high));
    KVal *rest = k_sub(b, like(b, u, 1), u), *angle = k_mul(b, v, like(b, u, TWO_PI));
    bool single = u->kind == K_F32;
    KVal *log = single ? log_f32(b, rest) : k_call(b, KLIBM_LOG, rest, NULL), *wave[2];
    KVal *radius = k_unary(b, KOP_SQRT, k_mul(b, log, like(b, u, -2)));
    if (single) {
        sincos_f32(b, angle, &wave[1], &wave[0]);
    } else {
        wave[0] = k_call(b, KLIBM_COS, angle, NULL);
        wave[1] = k_call(b, KLIBM_SIN, angle, NULL);
    }
    for (int i = 0; i < 2; i++) {
        KVal *normal = k_mul(b, radius, wave[i]);
        out[i] = single ? k_fma_exact(b, normal, std, mean) : k_add(b, k_mul(b, normal, std), mean);
    }
}

/* The tail's block, the last one, writes over what the block before it wrote. */
static void finish_blocks(KBuilder *b, const MtNormal *normal) {
    KBuf *out = k_output(b, normal->node);
    int lanes = b->target->fma ? target_lanes(b->target, out->dtype) : 1;
    if (lanes > HALF) lanes = HALF;
    KVal *from = k_for(b, 0, normal->units->count, BLOCK, 0), *result[2];
    KVal *to = k_min(b, from, k_index(b, out->count - BLOCK));
    KVal *i = k_for(b, 0, HALF, lanes, 0);
    KVal *u = k_load(b, normal->units, k_add(b, from, i), lanes);
    KVal *v = k_load_at(b, normal->units, k_add(b, from, i), HALF, lanes);
    transform(b, normal->node, u, v, result);
    k_store(b, out, k_add(b, to, i), result[0]);
    k_store_at(b, out, k_add(b, to, i), HALF, result[1]);
    k_end(b);
    k_end(b);
}

static void finish_pairs(KBuilder *b, const MtNormal *normal) {
    const Node *node = normal->node;
    KBuf *out = k_output(b, node), *pairs = normal->units;
    KVal *i = k_for(b, 0, pairs->count, 2, 0);
    KVal *u = k_load(b, pairs, i, 1), *v = k_load_at(b, pairs, i, 1, 1);
    KVal *log = k_call(b, KLIBM_LOG1P, k_unary(b, KOP_NEG, v), NULL);
    KVal *radius = k_unary(b, KOP_SQRT, k_mul(b, log, like(b, v, -2)));
    KVal *angle = k_mul(b, u, like(b, u, TWO_PI));
    k_store(b, pairs, i, k_mul(b, radius, k_call(b, KLIBM_COS, angle, NULL)));
    k_store_at(b, pairs, i, 1, k_mul(b, radius, k_call(b, KLIBM_SIN, angle, NULL)));
    k_end(b);
    i = k_for(b, 0, out->count, 1, 0);
    KVal *value = k_load_at(b, pairs, i, starts_with_second(node), 1);
    value = k_mul(b, value, like(b, value, node_float(node, ATTR_high)));
    value = k_add(b, value, like(b, value, node_float(node, ATTR_low)));
    k_store(b, out, i, k_convert(b, value, kkind_of(out->dtype)));
    k_end(b);
}

void mt_normal_finish(KBuilder *b, const MtNormal *normal) {
    if (type_numel(&normal->node->type) < BLOCK)
        finish_pairs(b, normal);
    else
        finish_blocks(b, normal);
}
