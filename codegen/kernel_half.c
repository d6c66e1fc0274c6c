/* Halves in kernels: numbers of 16 bits live in F32 registers, and memory holds the bits. Loads,
 * stores and rounding are the 32-bit operations that all targets have. */
#include <math.h>

#include "codegen/kernel_internal.h"

enum { F16_SHIFT = 13, F16_LEAST_NORMAL = 0x38800000, F32_INFINITY = 0x7f800000 };

static KVal *bits_of(KBuilder *b, KVal *x) {
    return k_bitcast(b, x, K_I32);
}

static KVal *integer(KBuilder *b, const KVal *like, int64_t value) {
    return k_integer(b, K_I32, like->lanes, (int32_t)(uint32_t)value);
}

static KVal *shifted(KBuilder *b, KOp op, KVal *x, int count) {
    return k_binary(b, op, x, integer(b, x, count));
}

static KVal *masked(KBuilder *b, KVal *x, int64_t mask) {
    return k_and(b, x, integer(b, x, mask));
}

/* x + half of a unit of its low `count` bits, minus one where the tie goes down: cut off behind. */
static KVal *rounded_up(KBuilder *b, KVal *bits, int count) {
    KVal *odd = masked(b, shifted(b, KOP_USHR, bits, count), 1);
    return k_add(b, k_add(b, bits, integer(b, bits, (1 << (count - 1)) - 1)), odd);
}

/* The sum with 0.5, whose last place is that of denormal f16. */
static KVal *above_half(KBuilder *b, KVal *size) {
    return k_add(b, k_bitcast(b, size, K_F32), k_number(b, K_F32, size->lanes, 0.5));
}

static KVal *widen_f16(KBuilder *b, KVal *half) {
    KVal *sign = shifted(b, KOP_SHL, masked(b, half, 0x8000), 16);
    KVal *size = shifted(b, KOP_SHL, masked(b, half, 0x7fff), F16_SHIFT);
    KVal *number = k_mul(b, k_bitcast(b, size, K_F32), k_number(b, K_F32, half->lanes, 0x1p112));
    KVal *beyond = k_or(b, size, integer(b, half, 0x70000000));
    KVal *finite = k_lt(b, size, integer(b, half, 0x7c00 << F16_SHIFT));
    return k_bitcast(b, k_or(b, sign, k_select(b, finite, bits_of(b, number), beyond)), K_F32);
}

static KVal *narrow_f16(KBuilder *b, KVal *x) {
    KVal *bits = bits_of(b, x), *size = masked(b, bits, 0x7fffffff);
    KVal *sign = masked(b, shifted(b, KOP_USHR, bits, 16), 0x8000);
    KVal *normal = shifted(b, KOP_USHR, k_sub(b, size, integer(b, size, 0x38000000)), F16_SHIFT);
    KVal *denormal = k_sub(b, bits_of(b, above_half(b, size)), integer(b, size, 0x3f000000));
    KVal *beyond = masked(b, shifted(b, KOP_USHR, size, F16_SHIFT), 0x7fff);
    KVal *half = k_select(b, k_lt(b, size, integer(b, size, F16_LEAST_NORMAL)), denormal, normal);
    half = k_select(b, k_lt(b, size, integer(b, size, F32_INFINITY)), half, beyond);
    return k_or(b, sign, half);
}

static KVal *round_f16(KBuilder *b, KVal *x) {
    KVal *bits = bits_of(b, x), *size = masked(b, bits, 0x7fffffff);
    KVal *sign = masked(b, bits, (int64_t)1 << 31);
    KVal *normal = masked(b, rounded_up(b, size, F16_SHIFT), ~(int64_t)0x1fff);
    KVal *half = k_number(b, K_F32, x->lanes, 0.5);
    KVal *denormal = bits_of(b, k_sub(b, above_half(b, size), half));
    KVal *small = k_lt(b, size, integer(b, size, F16_LEAST_NORMAL));
    KVal *large = k_ge(b, size, integer(b, size, 0x477ff000));
    size = k_select(b, large, integer(b, size, F32_INFINITY), k_select(b, small, denormal, normal));
    return k_bitcast(b, k_or(b, sign, size), K_F32);
}

static KVal *round_bf16(KBuilder *b, KVal *x) {
    return k_bitcast(b, masked(b, rounded_up(b, bits_of(b, x), 16), (int64_t)0xffff << 16), K_F32);
}

KVal *kernel_widen_half(KBuilder *b, DType dtype, KVal *half) {
    if (dtype == DT_F16) return widen_f16(b, half);
    return k_bitcast(b, shifted(b, KOP_SHL, half, 16), K_F32);
}

KVal *kernel_narrow_half(KBuilder *b, DType dtype, KVal *x) {
    return dtype == DT_F16 ? narrow_f16(b, x) : shifted(b, KOP_USHR, bits_of(b, x), 16);
}

KVal *k_round_half(KBuilder *b, KVal *x, DType dtype) {
    if (x->op == KOP_CONST) return k_number(b, K_F32, x->lanes, dtype_round(dtype, x->f));
    KVal *rounded = dtype == DT_F16 ? round_f16(b, x) : round_bf16(b, x);
    return k_select(b, k_eq(b, x, x), rounded, k_number(b, K_F32, x->lanes, (double)NAN));
}
