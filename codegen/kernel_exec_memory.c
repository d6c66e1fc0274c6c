/* Loads, stores and libm calls of the interpreting tier. */
#include "codegen/kernel_exec_memory.h"

#include <math.h>
#include <string.h>

#include "support/checked.h"

#define REG(type, offset) ((type *)(void *)(m->registers + (offset)))

/* T in memory, R in registers, both for one dtype. */
#define DEFINE_ACCESS(NAME, T, R)                                                                  \
    static void load_##NAME##_s(Machine *m, const Instr *i) {                                      \
        *REG(R, i->d) = ((const T *)m->buffers[i->buf])[*REG(int64_t, i->a) + i->imm];             \
    }                                                                                              \
    static void load_##NAME##_v(Machine *m, const Instr *i) {                                      \
        const T *from = (const T *)m->buffers[i->buf] + *REG(int64_t, i->a) + i->imm;              \
        for (int l = 0; l < i->lanes; l++)                                                         \
            REG(R, i->d)[l] = from[l];                                                             \
    }                                                                                              \
    static void load_##NAME##_tail(Machine *m, const Instr *i) {                                   \
        const T *from = (const T *)m->buffers[i->buf] + *REG(int64_t, i->a) + i->imm;              \
        for (int l = 0; l < i->lanes; l++)                                                         \
            REG(R, i->d)[l] = l < i->active ? (R)from[l] : (R)0;                                   \
    }                                                                                              \
    static void load_##NAME##_strided(Machine *m, const Instr *i) {                                \
        const T *from = (const T *)m->buffers[i->buf] + *REG(int64_t, i->a) + i->imm;              \
        for (int l = 0; l < i->lanes; l++)                                                         \
            REG(R, i->d)[l] = l < i->active ? (R)from[l * i->stride] : (R)0;                       \
    }                                                                                              \
    static void gather_##NAME(Machine *m, const Instr *i) {                                        \
        const T *from = (const T *)m->buffers[i->buf] + i->imm;                                    \
        for (int l = 0; l < i->lanes; l++)                                                         \
            REG(R, i->d)[l] = from[REG(int64_t, i->a)[l]];                                         \
    }                                                                                              \
    static void store_##NAME(Machine *m, const Instr *i) {                                         \
        T *to = (T *)m->buffers[i->buf] + *REG(int64_t, i->a) + i->imm;                            \
        for (int l = 0; l < i->active; l++)                                                        \
            to[l * i->stride] = (T)REG(R, i->b)[l];                                                \
    }                                                                                              \
    static void store_##NAME##_s(Machine *m, const Instr *i) {                                     \
        ((T *)m->buffers[i->buf])[*REG(int64_t, i->a) + i->imm] = (T)*REG(R, i->b);                \
    }

DEFINE_ACCESS(u8, uint8_t, int32_t)
DEFINE_ACCESS(u16, uint16_t, int32_t)
DEFINE_ACCESS(i32, int32_t, int32_t)
DEFINE_ACCESS(i64, int64_t, int64_t)

/* Sixteen lanes at once: the common case of f32. */
static void load_i32_16(Machine *m, const Instr *i) {
    memcpy(REG(int32_t, i->d), (const int32_t *)m->buffers[i->buf] + *REG(int64_t, i->a) + i->imm,
           64);
}

static void store_i32_16(Machine *m, const Instr *i) {
    memcpy((int32_t *)m->buffers[i->buf] + *REG(int64_t, i->a) + i->imm, REG(int32_t, i->b), 64);
}

enum { FORM_SCALAR, FORM_VECTOR, FORM_TAIL, FORM_STRIDED, FORM_GATHER, FORM_COUNT };

#define LOAD_ROW(NAME)                                                                             \
    { load_##NAME##_s, load_##NAME##_v, load_##NAME##_tail, load_##NAME##_strided, gather_##NAME }
/* By log2 of the element size. */
static const Exec loads[4][FORM_COUNT] = {LOAD_ROW(u8), LOAD_ROW(u16), LOAD_ROW(i32),
                                          LOAD_ROW(i64)};

static int size_class(DType dtype) {
    size_t size = dtype_size(dtype);
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

Exec exec_for_load(const KVal *load) {
    int form = load->op == KOP_LOAD_TAIL      ? FORM_TAIL
               : load->op == KOP_LOAD_STRIDED ? FORM_STRIDED
               : load->op == KOP_GATHER       ? FORM_GATHER
               : load->lanes > 1              ? FORM_VECTOR
                                              : FORM_SCALAR;
    int size = size_class(load->buf->dtype);
    if (form == FORM_VECTOR && size == 2 && load->lanes == 16) return load_i32_16;
    return loads[size][form];
}

Exec exec_for_store(const KStmt *store) {
    int size = size_class(store->buf->dtype);
    if (size == 2 && store->active == 16 && store->stride == 1) return store_i32_16;
    bool scalar = store->value->lanes == 1;
    if (size == 0) return scalar ? store_u8_s : store_u8;
    if (size == 1) return scalar ? store_u16_s : store_u16;
    if (size == 2) return scalar ? store_i32_s : store_i32;
    return scalar ? store_i64_s : store_i64;
}

/* One-operand functions ignore the second. */
#define UNARY(function)                                                                            \
    static float function##_32(float x, float y) {                                                 \
        return (void)y, function##f(x);                                                            \
    }                                                                                              \
    static double function##_64(double x, double y) {                                              \
        return (void)y, function(x);                                                               \
    }
UNARY(lgamma)
UNARY(tgamma)
UNARY(sin)
UNARY(cos)
UNARY(tan)
UNARY(asin)
UNARY(acos)
UNARY(atan)
UNARY(sinh)
UNARY(cosh)
UNARY(asinh)
UNARY(acosh)
UNARY(atanh)
UNARY(exp)
UNARY(expm1)
UNARY(log)
UNARY(log1p)
UNARY(log2)
UNARY(log10)
UNARY(exp2)
UNARY(tanh)
UNARY(erf)
UNARY(erfc)

void exec_set_call(Instr *instr, const KVal *value) {
#define BOTH(NAME, f, d)                                                                           \
    case KLIBM_##NAME:                                                                             \
        if (value->kind == K_F32)                                                                  \
            instr->call.f32 = f;                                                                   \
        else                                                                                       \
            instr->call.f64 = d;                                                                   \
        break;
#define ONE(NAME, function) BOTH(NAME, function##_32, function##_64)
    switch ((KLibm)value->imm) {
        ONE(LGAMMA, lgamma)
        ONE(TGAMMA, tgamma)
        ONE(SIN, sin)
        ONE(COS, cos)
        ONE(TAN, tan)
        ONE(ASIN, asin)
        ONE(ACOS, acos)
        ONE(ATAN, atan)
        ONE(SINH, sinh)
        ONE(COSH, cosh)
        ONE(ASINH, asinh)
        ONE(ACOSH, acosh)
        ONE(ATANH, atanh)
        ONE(EXP, exp)
        ONE(EXPM1, expm1)
        ONE(LOG, log)
        ONE(LOG1P, log1p)
        ONE(LOG2, log2)
        ONE(LOG10, log10)
        ONE(EXP2, exp2)
        ONE(TANH, tanh)
        ONE(ERF, erf)
        ONE(ERFC, erfc)
        BOTH(ATAN2, atan2f, atan2)
        BOTH(POW, powf, pow)
        BOTH(FMOD, fmodf, fmod)
    case KLIBM_COUNT:
        break;
    }
}
