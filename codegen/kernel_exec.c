/* Arithmetic, comparison and conversion functions of the interpreting tier; one a kind and width.
 *
 * Vector functions compute all 16 lanes of a slot into a local array and copy it, which compilers
 * turn into vector code; lanes that do not exist hold harmless values. */
#include "codegen/kernel_exec.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/kernel_exec_memory.h"
#include "support/checked.h"

enum { LANES = K_MAX_LANES };

#define REG(type, offset) ((type *)(void *)(m->registers + (offset)))

/* NAME_s and NAME_v: D lanes from lanes x, y, z of type S. */
#define DEFINE(NAME, D, S, EXPR)                                                                   \
    static void NAME##_s(Machine *m, const Instr *i) {                                             \
        S x = *REG(S, i->a), y = *REG(S, i->b), z = *REG(S, i->c);                                 \
        (void)x, (void)y, (void)z;                                                                 \
        *REG(D, i->d) = (D)(EXPR);                                                                 \
    }                                                                                              \
    static void NAME##_v(Machine *m, const Instr *i) {                                             \
        const S *a = REG(S, i->a), *b = REG(S, i->b), *c = REG(S, i->c);                           \
        D out[LANES];                                                                              \
        for (int l = 0; l < LANES; l++) {                                                          \
            S x = a[l], y = b[l], z = c[l];                                                        \
            (void)x, (void)y, (void)z;                                                             \
            out[l] = (D)(EXPR);                                                                    \
        }                                                                                          \
        memcpy(REG(D, i->d), out, sizeof out);                                                     \
    }

#define FLOAT_OPS(K, T, U, M, suffix)                                                              \
    DEFINE(add_##K, T, T, x + y)                                                                   \
    DEFINE(sub_##K, T, T, x - y)                                                                   \
    DEFINE(mul_##K, T, T, x *y)                                                                    \
    DEFINE(div_##K, T, T, x / y)                                                                   \
    DEFINE(neg_##K, T, T, -x)                                                                      \
    DEFINE(abs_##K, T, T, fabs##suffix(x))                                                         \
    DEFINE(min_##K, T, T, x < y ? x : y)                                                           \
    DEFINE(max_##K, T, T, x > y ? x : y)                                                           \
    DEFINE(sqrt_##K, T, T, sqrt##suffix(x))                                                        \
    DEFINE(floor_##K, T, T, floor##suffix(x))                                                      \
    DEFINE(ceil_##K, T, T, ceil##suffix(x))                                                        \
    DEFINE(rint_##K, T, T, rint##suffix(x))                                                        \
    DEFINE(trunc_##K, T, T, trunc##suffix(x))                                                      \
    DEFINE(lt_##K, M, T, -(x < y))                                                                 \
    DEFINE(le_##K, M, T, -(x <= y))                                                                \
    DEFINE(eq_##K, M, T, -(x == y))                                                                \
    DEFINE(ne_##K, M, T, -(x != y))                                                                \
    DEFINE(fma_##K, T, T, __builtin_fma##suffix(x, y, z))

FLOAT_OPS(f32, float, uint32_t, int32_t, f)
DEFINE(scale_f32, float, float, y == y ? ldexpf(x, (int)y) : x)
FLOAT_OPS(f64, double, uint64_t, int64_t, )

#define INTEGER_OPS(K, T, U, M, bits)                                                              \
    DEFINE(add_##K, T, T, (U)x + (U)y)                                                             \
    DEFINE(sub_##K, T, T, (U)x - (U)y)                                                             \
    DEFINE(mul_##K, T, T, (U)x *(U)y)                                                              \
    DEFINE(neg_##K, T, T, -(U)x)                                                                   \
    DEFINE(abs_##K, T, T, x < 0 ? -(U)x : (U)x)                                                    \
    DEFINE(min_##K, T, T, x < y ? x : y)                                                           \
    DEFINE(max_##K, T, T, x > y ? x : y)                                                           \
    DEFINE(and_##K, T, T, x &y)                                                                    \
    DEFINE(or_##K, T, T, x | y)                                                                    \
    DEFINE(xor_##K, T, T, x ^ y)                                                                   \
    DEFINE(not_##K, T, T, ~x)                                                                      \
    DEFINE(shl_##K, T, T, (U)x << ((U)y & (bits - 1)))                                             \
    DEFINE(shr_##K, T, T, x >> ((U)y & (bits - 1)))                                                \
    DEFINE(ushr_##K, T, T, (U)x >> ((U)y & (bits - 1)))                                            \
    DEFINE(lt_##K, M, T, -(x < y))                                                                 \
    DEFINE(le_##K, M, T, -(x <= y))                                                                \
    DEFINE(eq_##K, M, T, -(x == y))                                                                \
    DEFINE(ne_##K, M, T, -(x != y))                                                                \
    DEFINE(mask_int_##K, T, T, -(U)x)                                                              \
    static void div_##K(Machine *m, const Instr *i) {                                              \
        for (int l = 0; l < i->lanes; l++) {                                                       \
            T x = REG(T, i->a)[l], y = REG(T, i->b)[l];                                            \
            REG(T, i->d)[l] = y == -1 ? (T)(-(U)x) : (T)(x / y);                                   \
        }                                                                                          \
    }                                                                                              \
    static void rem_##K(Machine *m, const Instr *i) {                                              \
        for (int l = 0; l < i->lanes; l++) {                                                       \
            T x = REG(T, i->a)[l], y = REG(T, i->b)[l];                                            \
            REG(T, i->d)[l] = y == -1 ? 0 : (T)(x % y);                                            \
        }                                                                                          \
    }

INTEGER_OPS(i32, int32_t, uint32_t, int32_t, 32)
INTEGER_OPS(i64, int64_t, uint64_t, int64_t, 64)
DEFINE(umulhi_i32, int32_t, int32_t, ((uint64_t)(uint32_t)x * (uint32_t)y) >> 32)

DEFINE(i32_to_i64, int64_t, int32_t, x)
DEFINE(i32_to_f32, float, int32_t, x)
DEFINE(i32_to_f64, double, int32_t, x)
DEFINE(i64_to_i32, int32_t, int64_t, (uint32_t)(uint64_t)x)
DEFINE(i64_to_f32, float, int64_t, x)
DEFINE(i64_to_f64, double, int64_t, x)
DEFINE(f32_to_f64, double, float, x)
DEFINE(f64_to_f32, float, double, x)

#define DEFINE_SUM(K, T, U)                                                                        \
    static void sum_##K(Machine *m, const Instr *i) {                                              \
        T sum[LANES];                                                                              \
        memcpy(sum, REG(T, i->a), sizeof sum);                                                     \
        for (int half = i->active / 2; half > 0; half /= 2)                                        \
            for (int l = 0; l < half; l++)                                                         \
                sum[l] = (T)((U)sum[l] + (U)sum[half + l]);                                        \
        *REG(T, i->d) = sum[0];                                                                    \
    }
DEFINE_SUM(i32, int32_t, uint32_t)
DEFINE_SUM(i64, int64_t, uint64_t)
DEFINE_SUM(f32, float, float)
DEFINE_SUM(f64, double, double)

/* Only existing lanes: the others might not fit. */
#define DEFINE_TRUNCATE(NAME, D, S)                                                                \
    static void NAME(Machine *m, const Instr *i) {                                                 \
        S in[LANES];                                                                               \
        memcpy(in, REG(S, i->a), (size_t)i->lanes * sizeof(S));                                    \
        for (int l = 0; l < i->lanes; l++)                                                         \
            REG(D, i->d)[l] = (D)in[l];                                                            \
    }
DEFINE_TRUNCATE(f32_to_i32, int32_t, float)
DEFINE_TRUNCATE(f32_to_i64, int64_t, float)
DEFINE_TRUNCATE(f64_to_i32, int32_t, double)
DEFINE_TRUNCATE(f64_to_i64, int64_t, double)

#define DEFINE_LANES(K, T, M)                                                                      \
    static void select_##K(Machine *m, const Instr *i) {                                           \
        for (int l = 0; l < i->lanes; l++)                                                         \
            REG(T, i->d)[l] = REG(M, i->a)[l] ? REG(T, i->b)[l] : REG(T, i->c)[l];                 \
    }                                                                                              \
    static void splat_##K(Machine *m, const Instr *i) {                                            \
        T x = *REG(T, i->a);                                                                       \
        for (int l = 0; l < LANES; l++)                                                            \
            REG(T, i->d)[l] = x;                                                                   \
    }                                                                                              \
    static void extract_##K(Machine *m, const Instr *i) {                                          \
        *REG(T, i->d) = REG(T, i->a)[i->imm];                                                      \
    }                                                                                              \
    static void shuffle_##K(Machine *m, const Instr *i) {                                          \
        T in[2 * LANES];                                                                           \
        size_t size = (size_t)i->active * sizeof(T);                                               \
        memcpy(in, REG(T, i->a), size);                                                            \
        memcpy(in + i->active, REG(T, i->b), size);                                                \
        for (int l = 0; l < i->lanes; l++)                                                         \
            REG(T, i->d)[l] = in[i->shuffle[l]];                                                   \
    }                                                                                              \
    static void copy_##K##_s(Machine *m, const Instr *i) {                                         \
        *REG(T, i->d) = *REG(T, i->a);                                                             \
    }                                                                                              \
    static void copy_##K##_v(Machine *m, const Instr *i) {                                         \
        memmove(REG(T, i->d), REG(T, i->a), LANES * sizeof(T));                                    \
    }
DEFINE_LANES(4, int32_t, int32_t)
DEFINE_LANES(8, int64_t, int64_t)

static void call_f32(Machine *m, const Instr *i) {
    for (int l = 0; l < i->lanes; l++)
        REG(float, i->d)[l] = i->call.f32(REG(float, i->a)[l], REG(float, i->b)[l]);
}

static void call_f64(Machine *m, const Instr *i) {
    for (int l = 0; l < i->lanes; l++)
        REG(double, i->d)[l] = i->call.f64(REG(double, i->a)[l], REG(double, i->b)[l]);
}

/* Denormal numbers count as zeros. */
static float flushed(float x) {
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

static uint32_t to_bf16(float x) {
    uint32_t bits;
    float number = flushed(x);
    memcpy(&bits, &number, sizeof bits);
    if (isnan(x)) return bits >> 16 | 0x40;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* The number whose upper half those are. */
static float from_bf16(uint32_t bits) {
    float number;
    bits &= 0xffff0000u;
    memcpy(&number, &bits, sizeof number);
    return flushed(number);
}

static void bf16_pair(Machine *m, const Instr *i) {
    const float *low = REG(float, i->a), *high = REG(float, i->b);
    uint32_t out[LANES];
    for (int l = 0; l < i->lanes; l++)
        out[l] = to_bf16(high[l]) << 16 | to_bf16(low[l]);
    memcpy(REG(uint32_t, i->d), out, (size_t)i->lanes * sizeof *out);
}

static void bf16_dot(Machine *m, const Instr *i) {
    const uint32_t *a = REG(uint32_t, i->a), *b = REG(uint32_t, i->b);
    const float *c = REG(float, i->c);
    float out[LANES];
    for (int l = 0; l < i->lanes; l++) {
        float sum = flushed(fmaf(from_bf16(a[l]), from_bf16(b[l]), flushed(c[l])));
        out[l] = flushed(fmaf(from_bf16(a[l] << 16), from_bf16(b[l] << 16), sum));
    }
    memcpy(REG(float, i->d), out, (size_t)i->lanes * sizeof *out);
}

static void tile_zero(Machine *m, const Instr *i) {
    memset(REG(char, i->d), 0, (size_t)K_TILE_ROWS * LANES * 4);
}

static void tile_load(Machine *m, const Instr *i) {
    const uint32_t *from = (const uint32_t *)m->buffers[i->buf] + *REG(int64_t, i->a) + i->imm;
    for (int r = 0; r < K_TILE_ROWS; r++)
        memcpy(REG(uint32_t, i->d) + r * LANES, from + r * i->stride, LANES * 4);
}

static void tile_store(Machine *m, const Instr *i) {
    uint32_t *to = (uint32_t *)m->buffers[i->buf] + *REG(int64_t, i->a) + i->imm;
    for (int r = 0; r < K_TILE_ROWS; r++)
        memcpy(to + r * i->stride, REG(uint32_t, i->d) + r * LANES, LANES * 4);
}

static void tile_dot(Machine *m, const Instr *i) {
    const uint32_t *x = REG(uint32_t, i->a), *y = REG(uint32_t, i->b);
    float *sums = REG(float, i->d);
    for (int row = 0; row < K_TILE_ROWS; row++) {
        float low[LANES] = {0}, high[LANES] = {0};
        for (int k = 0; k < K_TILE_ROWS; k++)
            for (int l = 0; l < LANES; l++) {
                uint32_t a = x[row * LANES + k], b = y[k * LANES + l];
                low[l] = flushed(fmaf(from_bf16(a << 16), from_bf16(b << 16), low[l]));
                high[l] = flushed(fmaf(from_bf16(a), from_bf16(b), high[l]));
            }
        for (int l = 0; l < LANES; l++) {
            float *sum = &sums[row * LANES + l];
            *sum = flushed(flushed(*sum) + flushed(low[l] + high[l]));
        }
    }
}

Exec exec_for_tile(const KStmt *stmt) {
    switch (stmt->kind) {
    case KSTMT_TILE_ZERO:
        return tile_zero;
    case KSTMT_TILE_LOAD:
        return tile_load;
    case KSTMT_TILE_STORE:
        return tile_store;
    default:
        return tile_dot;
    }
}

#if defined(__x86_64__)
/* The same fused operation as one instruction, where the processor has it. */
__attribute__((target("avx2,fma"))) static void fma_f32_fast(Machine *m, const Instr *i) {
    const float *a = REG(float, i->a), *b = REG(float, i->b), *c = REG(float, i->c);
    float out[LANES];
    for (int l = 0; l < LANES; l++)
        out[l] = __builtin_fmaf(a[l], b[l], c[l]);
    memcpy(REG(float, i->d), out, sizeof out);
}
#endif

#define ROW(OP, name, K, kind_index) [KOP_##OP][kind_index] = {name##_##K##_s, name##_##K##_v}
#define FLOAT_ROWS(K, k)                                                                           \
    ROW(ADD, add, K, k), ROW(SUB, sub, K, k), ROW(MUL, mul, K, k), ROW(DIV, div, K, k),            \
        ROW(NEG, neg, K, k), ROW(ABS, abs, K, k), ROW(MIN, min, K, k), ROW(MAX, max, K, k),        \
        ROW(SQRT, sqrt, K, k), ROW(FLOOR, floor, K, k), ROW(CEIL, ceil, K, k),                     \
        ROW(RINT, rint, K, k), ROW(TRUNC, trunc, K, k), ROW(LT, lt, K, k), ROW(LE, le, K, k),      \
        ROW(EQ, eq, K, k), ROW(NE, ne, K, k), ROW(FMA, fma, K, k), [KOP_SUM][k] = {sum_##K, NULL}
#define INTEGER_ROWS(K, k)                                                                         \
    ROW(ADD, add, K, k), ROW(SUB, sub, K, k), ROW(MUL, mul, K, k), ROW(NEG, neg, K, k),            \
        ROW(ABS, abs, K, k), ROW(MIN, min, K, k), ROW(MAX, max, K, k), ROW(AND, and, K, k),        \
        ROW(OR, or, K, k), ROW(XOR, xor, K, k), ROW(NOT, not, K, k), ROW(SHL, shl, K, k),          \
        ROW(SHR, shr, K, k), ROW(USHR, ushr, K, k), ROW(LT, lt, K, k), ROW(LE, le, K, k),          \
        ROW(EQ, eq, K, k), ROW(NE, ne, K, k), ROW(MASK_INT, mask_int, K, k),                       \
        [KOP_DIV][k] = {div_##K, div_##K}, [KOP_REM][k] = {rem_##K, rem_##K},                      \
        [KOP_SUM][k] = {sum_##K, NULL}

/* By operation and the kind of the first operand; scalar and vector form. */
static const Exec table[KOP_COUNT][K_KIND_COUNT][2] = {
    FLOAT_ROWS(f32, K_F32),
    FLOAT_ROWS(f64, K_F64),
    INTEGER_ROWS(i32, K_I32),
    INTEGER_ROWS(i64, K_I64),
    ROW(AND, and, i32, K_M32),
    ROW(OR, or, i32, K_M32),
    ROW(XOR, xor, i32, K_M32),
    ROW(NOT, not, i32, K_M32),
    ROW(MASK_INT, mask_int, i32, K_M32),
    ROW(AND, and, i64, K_M64),
    ROW(OR, or, i64, K_M64),
    ROW(XOR, xor, i64, K_M64),
    ROW(NOT, not, i64, K_M64),
    ROW(MASK_INT, mask_int, i64, K_M64),
    ROW(UMULHI, umulhi, i32, K_I32),
    ROW(SCALE, scale, f32, K_F32),
    [KOP_BF16_PAIR][K_F32] = {NULL, bf16_pair},
    [KOP_BF16_DOT][K_I32] = {NULL, bf16_dot},
};

/* From a kind to a kind; scalar and vector form. */
static const Exec conversions[K_KIND_COUNT][K_KIND_COUNT][2] = {
    [K_I32] = {[K_I64] = {i32_to_i64_s, i32_to_i64_v},
               [K_F32] = {i32_to_f32_s, i32_to_f32_v},
               [K_F64] = {i32_to_f64_s, i32_to_f64_v}},
    [K_I64] = {[K_I32] = {i64_to_i32_s, i64_to_i32_v},
               [K_F32] = {i64_to_f32_s, i64_to_f32_v},
               [K_F64] = {i64_to_f64_s, i64_to_f64_v}},
    [K_F32] = {[K_F64] = {f32_to_f64_s, f32_to_f64_v},
               [K_I32] = {f32_to_i32, f32_to_i32},
               [K_I64] = {f32_to_i64, f32_to_i64}},
    [K_F64] = {[K_F32] = {f64_to_f32_s, f64_to_f32_v},
               [K_I32] = {f64_to_i32, f64_to_i32},
               [K_I64] = {f64_to_i64, f64_to_i64}},
    [K_M32] = {[K_M64] = {i32_to_i64_s, i32_to_i64_v}},
    [K_M64] = {[K_M32] = {i64_to_i32_s, i64_to_i32_v}},
};

Exec exec_for_copy(const KVal *value) {
    if (kkind_size(value->kind) == 4) return value->lanes == 1 ? copy_4_s : copy_4_v;
    return value->lanes == 1 ? copy_8_s : copy_8_v;
}

Exec exec_for(const KVal *value) {
    bool wide = kkind_size(value->kind) == 8;
    int form = value->lanes > 1;
    switch (value->op) {
    case KOP_SPLAT:
        return wide ? splat_8 : splat_4;
    case KOP_EXTRACT:
        return wide ? extract_8 : extract_4;
    case KOP_SHUFFLE:
        return wide ? shuffle_8 : shuffle_4;
    case KOP_SELECT:
        return wide ? select_8 : select_4;
    case KOP_CONVERT:
        return conversions[value->a->kind][value->kind][form];
    case KOP_VAR:
    case KOP_COPY:
    case KOP_ASSUME:
    case KOP_BITCAST:
        return exec_for_copy(value);
    case KOP_CALL:
        return wide ? call_f64 : call_f32;
    case KOP_LOAD:
    case KOP_LOAD_TAIL:
    case KOP_LOAD_STRIDED:
    case KOP_GATHER:
        return exec_for_load(value);
    default:
        break;
    }
#if defined(__x86_64__)
    if (value->op == KOP_FMA && value->kind == K_F32 && form && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("avx2"))
        return fma_f32_fast;
#endif
    Exec exec = table[value->op][value->a->kind][form];
    NNC_CHECK(exec, "no interpretation of kernel operation %d", (int)value->op);
    return exec;
}
