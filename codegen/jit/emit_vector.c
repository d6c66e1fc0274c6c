/* Vectors and floats. Where an operation takes several instructions they work in the scratch
 * registers: a result may share its register with an operand that dies. */
#include <string.h>

#include "codegen/jit/jit_internal.h"
#include "support/checked.h"

/* ---- the instructions of operations ---- */

#define F(byte) [K_F32] = {M_0F, P_NONE, byte, 0}, [K_F64] = {M_0F, P_66, byte, 1}
#define I(map, byte, byte_8)                                                                       \
    [K_I32] = {map, P_66, byte, 0}, [K_I64] = {map, P_66, byte_8, 1},                              \
    [K_M32] = {map, P_66, byte, 0}, [K_M64] = {map, P_66, byte_8, 1}

/* Of two operands; by the kind of the first. */
static const VecOp binary_ops[KOP_COUNT][K_KIND_COUNT] = {
    [KOP_ADD] = {F(0x58), I(M_0F, 0xfe, 0xd4)},
    [KOP_SUB] = {F(0x5c), I(M_0F, 0xfa, 0xfb)},
    [KOP_MUL] = {F(0x59), I(M_38, 0x40, 0x40)},
    [KOP_DIV] = {F(0x5e)},
    [KOP_MIN] = {F(0x5d), I(M_38, 0x39, 0x39)},
    [KOP_MAX] = {F(0x5f), I(M_38, 0x3d, 0x3d)},
    [KOP_AND] = {I(M_0F, 0xdb, 0xdb)},
    [KOP_OR] = {I(M_0F, 0xeb, 0xeb)},
    [KOP_XOR] = {I(M_0F, 0xef, 0xef)},
    [KOP_SHL] = {I(M_38, 0x47, 0x47)},
    [KOP_USHR] = {I(M_38, 0x45, 0x45)},
    [KOP_SHR] = {I(M_38, 0x46, 0x46)},
    [KOP_SCALE] = {[K_F32] = {M_38, P_66, 0x2c, 0}},
};

/* Of vectors; `wide` is the type whose size is the instruction's: the result's or the operand's. */
static const struct Conversion {
    VecOp op;
    bool by_operand, evex, reversed;
} conversions[K_KIND_COUNT][K_KIND_COUNT] = {
    [K_I32] = {[K_F32] = {{M_0F, P_NONE, 0x5b, 0}, false, false, false},
               [K_F64] = {{M_0F, P_F3, 0xe6, 0}, false, false, false},
               [K_I64] = {{M_38, P_66, 0x25, 0}, false, false, false}},
    [K_I64] = {[K_F32] = {{M_0F, P_NONE, 0x5b, 1}, true, true, false},
               [K_F64] = {{M_0F, P_F3, 0xe6, 1}, true, true, false},
               [K_I32] = {{M_38, P_F3, 0x35, 0}, true, true, true}},
    [K_F32] = {[K_F64] = {{M_0F, P_NONE, 0x5a, 0}, false, false, false},
               [K_I32] = {{M_0F, P_F3, 0x5b, 0}, false, false, false},
               [K_I64] = {{M_0F, P_66, 0x7a, 0}, false, true, false}},
    [K_F64] = {[K_F32] = {{M_0F, P_66, 0x5a, 1}, true, false, false},
               [K_I32] = {{M_0F, P_66, 0xe6, 1}, true, false, false},
               [K_I64] = {{M_0F, P_66, 0x7a, 1}, true, true, false}},
    [K_M32] = {[K_M64] = {{M_38, P_66, 0x25, 0}, false, false, false}},
    [K_M64] = {[K_M32] = {{M_38, P_F3, 0x35, 0}, true, true, true}},
};

static const VecOp XOR = {M_0F, P_66, 0xef, 0}, AND = {M_0F, P_66, 0xdb, 0},
                   OR = {M_0F, P_66, 0xeb, 0}, TERNARY = {M_3A, P_66, 0x25, 0};

static bool is_8_bytes(const KVal *value) {
    return kkind_size(value->kind) == 8;
}

/* The form for one float: single precision has the prefix F3, double F2. */
static VecOp form_of(VecOp op, const KVal *value) {
    if (value->lanes == 1) op.prefix = op.prefix == P_NONE ? P_F3 : P_F2;
    return op;
}

static void emit(Jit *j, VecOp op, int bytes, int to, int from, Operand rm, int imm) {
    x86_vector(&j->x, op, (VecArgs){.bytes = bytes, .to = to, .from = from, .rm = rm}, imm);
}

static Operand constant_32(Jit *j, uint32_t low, uint32_t high) {
    uint32_t words[16];
    for (int i = 0; i < 16; i += 2)
        words[i] = low, words[i + 1] = high;
    return x86_constant(&j->x, words);
}

/* ---- what can be done ---- */

static bool needs_evex(const KVal *value) {
    if (value->op == KOP_SCALE) return true;
    if (!is_8_bytes(value->a) || kkind_is_float(value->a->kind)) return false;
    return value->op == KOP_MUL || value->op == KOP_MIN || value->op == KOP_MAX ||
           value->op == KOP_SHR || value->op == KOP_ABS;
}

bool jit_vector_can(const Jit *j, const KVal *value) {
    switch (value->op) {
    case KOP_VAR:
    case KOP_COPY:
    case KOP_ASSUME:
    case KOP_BITCAST:
    case KOP_SPLAT:
    case KOP_EXTRACT:
    case KOP_SELECT:
    case KOP_FMA:
    case KOP_NEG:
    case KOP_NOT:
    case KOP_MASK_INT:
    case KOP_LT:
    case KOP_LE:
    case KOP_EQ:
    case KOP_NE:
        return true;
    case KOP_BF16_PAIR:
    case KOP_BF16_DOT:
        return j->x.bf16;
    case KOP_ABS:
        return j->x.evex || !needs_evex(value);
    case KOP_SQRT:
    case KOP_FLOOR:
    case KOP_CEIL:
    case KOP_RINT:
    case KOP_TRUNC:
        return kkind_is_float(value->kind);
    case KOP_SHUFFLE:
        return j->x.evex;
    case KOP_SUM:
        return kkind_is_float(value->kind);
    case KOP_UMULHI:
        return value->lanes > 1;
    case KOP_CONVERT: {
        const struct Conversion *c = &conversions[value->a->kind][value->kind];
        return value->lanes == 1 || (c->op.map && (j->x.evex || !c->evex));
    }
    default:
        return binary_ops[value->op][value->a->kind].map && (j->x.evex || !needs_evex(value));
    }
}

bool jit_takes_memory(const Jit *j, const Instr *instr, int which) {
    const KVal *value = instr->stmt->value;
    if (jit_is_call(j, instr)) return false;
    switch (value->op) {
    case KOP_SPLAT:
        return true;
    case KOP_BF16_DOT:
    case KOP_FMA: /* without EVEX broadcasts need a scratch register */
        return j->x.evex || (which < 2 && (value->a->op != KOP_SPLAT || value->b->op != KOP_SPLAT));
    case KOP_ADD:
    case KOP_SUB:
    case KOP_MUL:
    case KOP_DIV:
    case KOP_MIN:
    case KOP_MAX:
        return true;
    default:
        return false;
    }
}

/* ---- emission ---- */

static void emit_binary(Jit *j, const Instr *i, const KVal *v) {
    int to = jit_target(j, i->d), a = jit_vector(j, i->a, v->a, SCRATCH);
    Operand b = jit_vector_operand(j, i->b, v->b, SCRATCH_2);
    VecOp op = form_of(binary_ops[v->op][v->a->kind], v);
    emit(j, op, jit_value_bytes(v), to, a, b, NO_IMM);
    jit_finish(j, i->d, v, to);
}

static bool in_register(const Jit *j, uint32_t slot, const KVal *value) {
    const Home *home = value->op == KOP_CONST ? NULL : jit_home(j, slot);
    return home && home->reg != NO_REG;
}

static const VecOp BF16_DOT = {M_38, P_F3, 0x52, 0}, BF16_TWO = {M_38, P_F2, 0x72, 0},
                   PERMUTE_16 = {M_38, P_66, 0x8d, 1};

/* Both vectors' numbers one after the other, dealt to pairs. */
static void emit_bf16_pair(Jit *j, const Instr *i, const KVal *v) {
    uint32_t deal[16];
    for (uint32_t l = 0; l < 16; l++)
        deal[l] = (16 + l) << 16 | l;
    int to = jit_target(j, i->d), high = jit_vector(j, i->b, v->b, SCRATCH_2);
    Operand low = jit_vector_operand(j, i->a, v->a, SCRATCH);
    emit(j, BF16_TWO, 64, SCRATCH, high, low, NO_IMM);
    jit_load_bytes(j, 64, SCRATCH_2, x86_constant(&j->x, deal));
    emit(j, PERMUTE_16, 64, to, SCRATCH_2, x86_reg(SCRATCH), NO_IMM);
    jit_finish(j, i->d, v, to);
}

/* sum += a * b, where b may be memory or a broadcast of it. */
static void emit_fma(Jit *j, const Instr *i, const KVal *v) {
    const KVal *factor[2] = {v->a, v->b};
    uint32_t slot[2] = {i->a, i->b};
    bool is_in[2] = {in_register(j, i->a, v->a), in_register(j, i->b, v->b)};
    int to = jit_target(j, i->d);
    int first = !is_in[0] && (is_in[1] || (!j->x.evex && v->b->op == KOP_SPLAT)), second = !first;
    int a = jit_vector(j, slot[first], factor[first], SCRATCH_2);
    int b_reg = is_in[second] ? jit_home(j, slot[second])->reg : NO_REG;
    bool there = in_register(j, i->c, v->c) && jit_home(j, i->c)->reg == to;
    int sum = !there && (to == a || to == b_reg) ? SCRATCH : to;
    jit_move(j, sum, jit_vector(j, i->c, v->c, sum));
    int free = a == SCRATCH_2 ? SCRATCH : SCRATCH_2;
    Operand b = jit_vector_operand(j, slot[second], factor[second], free);
    VecOp op = {M_38, P_66, v->lanes == 1 ? 0xb9 : 0xb8, is_8_bytes(v)};
    if (v->op == KOP_BF16_DOT) op = BF16_DOT;
    emit(j, op, jit_value_bytes(v), sum, a, b, NO_IMM);
    jit_finish(j, i->d, v, sum);
}

/* Of one operand, read from a register or memory. */
static void emit_unary(Jit *j, const Instr *i, const KVal *v, VecOp op, int imm) {
    int to = jit_target(j, i->d);
    Operand a = jit_vector_operand(j, i->a, v->a, SCRATCH_2);
    emit(j, op, jit_value_bytes(v), to, v->lanes == 1 ? SCRATCH : 0, a, imm);
    jit_finish(j, i->d, v, to);
}

static void emit_round(Jit *j, const Instr *i, const KVal *v) {
    int imm = v->op == KOP_FLOOR ? 9 : v->op == KOP_CEIL ? 10 : v->op == KOP_TRUNC ? 11 : 8;
    VecOp op = {M_3A, P_66, (uint8_t)((v->lanes == 1 ? 10 : 8) + is_8_bytes(v)), is_8_bytes(v)};
    emit_unary(j, i, v, op, imm);
}

/* a ^ constant or a & constant. */
static void emit_bits(Jit *j, const Instr *i, const KVal *v, VecOp op, Operand constant) {
    int to = jit_target(j, i->d), a = jit_vector(j, i->a, v->a, SCRATCH);
    emit(j, op, jit_value_bytes(v), to, a, constant, NO_IMM);
    jit_finish(j, i->d, v, to);
}

static void emit_negate(Jit *j, const Instr *i, const KVal *v) {
    bool wide = is_8_bytes(v);
    if (kkind_is_float(v->kind)) {
        emit_bits(j, i, v, XOR, constant_32(j, wide ? 0 : 0x80000000u, 0x80000000u));
        return;
    }
    int to = jit_target(j, i->d);
    emit(j, XOR, j->width, SCRATCH, SCRATCH, x86_reg(SCRATCH), NO_IMM);
    Operand a = jit_vector_operand(j, i->a, v->a, SCRATCH_2);
    emit(j, binary_ops[KOP_SUB][v->kind], jit_value_bytes(v), to, SCRATCH, a, NO_IMM);
    jit_finish(j, i->d, v, to);
}

static void emit_abs(Jit *j, const Instr *i, const KVal *v) {
    bool wide = is_8_bytes(v);
    if (kkind_is_float(v->kind)) {
        emit_bits(j, i, v, AND, constant_32(j, wide ? ~0u : 0x7fffffffu, 0x7fffffffu));
        return;
    }
    int to = jit_target(j, i->d);
    VecOp op = {M_38, P_66, wide ? 0x1f : 0x1e, wide};
    emit(j, op, jit_value_bytes(v), to, 0, jit_vector_operand(j, i->a, v->a, SCRATCH_2), NO_IMM);
    jit_finish(j, i->d, v, to);
}

static int predicate(KOp op) {
    return op == KOP_EQ ? 0 : op == KOP_LT ? 1 : op == KOP_LE ? 2 : 4;
}

/* Into k1 (EVEX), or as a vector register. */
static void emit_compare_floats(Jit *j, const Instr *i, const KVal *v, int to) {
    int a = jit_vector(j, i->a, v->a, SCRATCH);
    Operand b = jit_vector_operand(j, i->b, v->b, SCRATCH_2);
    VecOp op = {M_0F, is_8_bytes(v->a) ? P_66 : P_NONE, 0xc2, is_8_bytes(v->a)};
    emit(j, form_of(op, v->a), jit_value_bytes(v->a), to, a, b, predicate(v->op));
}

static void emit_compare_ints_vex(Jit *j, const Instr *i, const KVal *v, int to) {
    bool wide = is_8_bytes(v->a), equal = v->op == KOP_EQ || v->op == KOP_NE;
    bool inverted = v->op == KOP_NE || v->op == KOP_LE;
    bool swapped = v->op == KOP_LT; /* there is only `greater` */
    int first = swapped ? jit_vector(j, i->b, v->b, SCRATCH) : jit_vector(j, i->a, v->a, SCRATCH);
    Operand second = swapped ? jit_vector_operand(j, i->a, v->a, SCRATCH_2)
                             : jit_vector_operand(j, i->b, v->b, SCRATCH_2);
    VecOp op = {wide ? M_38 : M_0F, P_66, equal ? (wide ? 0x29 : 0x76) : (wide ? 0x37 : 0x66), 0};
    emit(j, op, jit_value_bytes(v), to, first, second, NO_IMM);
    if (inverted) emit(j, XOR, jit_value_bytes(v), to, to, constant_32(j, ~0u, ~0u), NO_IMM);
}

static void emit_compare(Jit *j, const Instr *i, const KVal *v) {
    bool floats = kkind_is_float(v->a->kind), wide = is_8_bytes(v->a);
    int to = jit_target(j, i->d);
    if (!j->x.evex) {
        (floats ? emit_compare_floats : emit_compare_ints_vex)(j, i, v, to);
    } else {
        if (floats) {
            emit_compare_floats(j, i, v, 1);
        } else {
            int a = jit_vector(j, i->a, v->a, SCRATCH);
            Operand b = jit_vector_operand(j, i->b, v->b, SCRATCH_2);
            emit(j, (VecOp){M_3A, P_66, 0x1f, wide}, jit_value_bytes(v), 1, a, b, predicate(v->op));
        }
        emit(j, (VecOp){M_38, P_F3, 0x38, wide}, jit_value_bytes(v), to, 0, x86_reg(1), NO_IMM);
    }
    jit_finish(j, i->d, v, to);
}

/* Of two floats: -1 or 0 in a general register. */
static void emit_compare_scalars(Jit *j, const Instr *i, const KVal *v) {
    bool wide = is_8_bytes(v->a);
    emit_compare_floats(j, i, v, j->x.evex ? 1 : SCRATCH);
    if (j->x.evex) {
        for (const char *byte = "\xc5\xfb\x93\xc1"; *byte; byte++) /* kmovd eax, k1 */
            x86_byte(&j->x, *byte);
        x86_op(&j->x, 0xf7, true, 3, x86_reg(RAX), NO_IMM);
    } else {
        emit(j, (VecOp){M_0F, P_66, 0x7e, wide}, 16, SCRATCH, 0, x86_reg(RAX), NO_IMM);
    }
    jit_finish(j, i->d, v, RAX);
}

/* The mask as a vector, in a register. */
static int select_mask(Jit *j, const Instr *i, const KVal *v) {
    if (v->a->lanes > 1) return jit_vector(j, i->a, v->a, SCRATCH_2);
    int mask = jit_scalar(j, i->a, v->a, RAX);
    VecOp op = {M_0F, P_66, 0x6e, is_8_bytes(v)};
    emit(j, op, 16, SCRATCH_2, 0, x86_reg(mask), NO_IMM);
    return SCRATCH_2;
}

static void emit_select(Jit *j, const Instr *i, const KVal *v) {
    int mask = select_mask(j, i, v), bytes = jit_value_bytes(v);
    if (j->x.evex) {
        jit_move(j, SCRATCH_2, mask);
        int x = jit_vector(j, i->b, v->b, SCRATCH);
        Operand y = jit_vector_operand(j, i->c, v->c, SCRATCH);
        enum { A_SELECTS = 0xca };
        emit(j, TERNARY, bytes, SCRATCH_2, x, y, A_SELECTS);
        jit_finish(j, i->d, v, SCRATCH_2);
        return;
    }
    int to = jit_target(j, i->d), y = jit_vector(j, i->c, v->c, SCRATCH);
    Operand x = jit_vector_operand(j, i->b, v->b, SCRATCH);
    emit(j, (VecOp){M_3A, P_66, 0x4a, 0}, bytes, to, y, x, mask << 4);
    jit_finish(j, i->d, v, to);
}

static void emit_splat(Jit *j, const Instr *i, const KVal *v) {
    bool wide = is_8_bytes(v);
    int to = jit_target(j, i->d), bytes = jit_value_bytes(v);
    VecOp op = {M_38, P_66, wide ? 0x59 : 0x58, wide && j->x.evex};
    if (jit_is_vector(v->a)) {
        emit(j, op, bytes, to, 0, jit_vector_operand(j, i->a, v->a, SCRATCH), NO_IMM);
    } else {
        int a = jit_scalar(j, i->a, v->a, RAX);
        if (j->x.evex) {
            emit(j, (VecOp){M_38, P_66, 0x7c, wide}, bytes, to, 0, x86_reg(a), NO_IMM);
        } else {
            emit(j, (VecOp){M_0F, P_66, 0x6e, wide}, 16, SCRATCH, 0, x86_reg(a), NO_IMM);
            emit(j, op, bytes, to, 0, x86_reg(SCRATCH), NO_IMM);
        }
    }
    jit_finish(j, i->d, v, to);
}

static void emit_extract(Jit *j, const Instr *i, const KVal *v) {
    bool vector = jit_is_vector(v);
    int to = jit_target(j, i->d), size = kkind_size(v->kind);
    Operand a = jit_vector_operand(j, i->a, v->a, SCRATCH);
    if (a.at == AT_REGISTER && vector && i->imm == 0) {
        jit_finish(j, i->d, v, a.reg);
        return;
    }
    if (a.at == AT_REGISTER) {
        jit_store_bytes(j, jit_value_bytes(v->a), jit_slot(i->a), a.reg);
        a = jit_slot(i->a);
    }
    a.offset += (int32_t)i->imm * size;
    if (vector)
        jit_load_bytes(j, size, to, a);
    else
        x86_load(&j->x, size == 8, to, a);
    jit_finish(j, i->d, v, to);
}

static void emit_shuffle(Jit *j, const Instr *i, const KVal *v) {
    bool wide = is_8_bytes(v);
    int bytes =
        jit_value_bytes(v->a) > jit_value_bytes(v) ? jit_value_bytes(v->a) : jit_value_bytes(v);
    if (bytes < 16) bytes = 16;
    int lanes = bytes / kkind_size(v->kind);
    uint32_t order[16] = {0};
    for (int l = 0; l < v->lanes; l++) {
        int from = v->shuffle[l];
        if (from >= v->a->lanes) from += lanes - v->a->lanes;
        order[wide ? 2 * l : l] = (uint32_t)from;
    }
    jit_load_bytes(j, 64, SCRATCH, x86_constant(&j->x, order));
    int a = jit_vector(j, i->a, v->a, SCRATCH_2);
    Operand b = jit_vector_operand(j, i->b, v->b, SCRATCH_2);
    emit(j, (VecOp){M_38, P_66, 0x76, wide}, bytes, SCRATCH, a, b, NO_IMM);
    jit_finish(j, i->d, v, SCRATCH);
}

/* The upper half of the lanes is added to the lower, until one is left. */
static void emit_sum(Jit *j, const Instr *i, const KVal *v) {
    const VecOp shuffle = {M_0F, P_66, 0x70, 0}; /* of 4 bytes */
    int bytes = jit_value_bytes(v->a), size = kkind_size(v->kind);
    int sum = jit_vector(j, i->a, v->a, SCRATCH);
    for (; bytes > size; bytes /= 2, sum = SCRATCH) {
        VecOp upper = bytes > 32   ? (VecOp){M_3A, P_66, 0x1b, 1}
                      : bytes > 16 ? (VecOp){M_3A, P_66, 0x19, 0}
                                   : shuffle;
        if (bytes > 16) /* the register field is the source */
            emit(j, upper, bytes, sum, 0, x86_reg(SCRATCH_2), 1);
        else
            emit(j, upper, bytes, SCRATCH_2, 0, x86_reg(sum), bytes > 8 ? 0xee : 0x55);
        emit(j, binary_ops[KOP_ADD][v->kind], bytes / 2, SCRATCH, sum, x86_reg(SCRATCH_2), NO_IMM);
    }
    jit_finish(j, i->d, v, sum);
}

/* High halves of products: of the even lanes, and shifted down of the odd ones. */
static void emit_umulhi(Jit *j, const Instr *i, const KVal *v) {
    enum { RIGHT = 2 };
    const VecOp mul = {M_0F, P_66, 0xf4, 1}, shift = {M_0F, P_66, 0x73, 1};
    int bytes = jit_value_bytes(v);
    int a = jit_vector(j, i->a, v->a, SCRATCH), b = jit_vector(j, i->b, v->b, SCRATCH_2);
    emit(j, mul, bytes, SCRATCH, a, x86_reg(b), NO_IMM);
    emit(j, shift, bytes, RIGHT, SCRATCH, x86_reg(SCRATCH), 32);
    jit_store_bytes(j, bytes, jit_slot(i->d), SCRATCH);
    a = jit_vector(j, i->a, v->a, SCRATCH);
    emit(j, shift, bytes, RIGHT, SCRATCH, x86_reg(a), 32);
    emit(j, shift, bytes, RIGHT, SCRATCH_2, x86_reg(b), 32);
    emit(j, mul, bytes, SCRATCH, SCRATCH, x86_reg(SCRATCH_2), NO_IMM);
    emit(j, AND, bytes, SCRATCH, SCRATCH, constant_32(j, 0, ~0u), NO_IMM);
    emit(j, OR, bytes, SCRATCH, SCRATCH, jit_slot(i->d), NO_IMM);
    jit_finish(j, i->d, v, SCRATCH);
}

static void emit_convert_scalar(Jit *j, const Instr *i, const KVal *v) {
    const KVal *a = v->a;
    int to = jit_target(j, i->d);
    bool wide = is_8_bytes(kkind_is_float(v->kind) ? a : v);
    bool from_float = kkind_is_float(a->kind), to_float = kkind_is_float(v->kind);
    VecOp op = {M_0F, is_8_bytes(from_float ? a : v) ? P_F2 : P_F3, 0x5a, is_8_bytes(a)};
    Operand rm =
        from_float ? jit_vector_operand(j, i->a, a, SCRATCH) : x86_reg(jit_scalar(j, i->a, a, RAX));
    if (!from_float || !to_float) {
        op.code = from_float ? 0x2c : 0x2a;
        op.w = wide;
    }
    emit(j, op, 16, to, to_float ? SCRATCH : 0, rm, NO_IMM);
    jit_finish(j, i->d, v, to);
}

static void emit_convert(Jit *j, const Instr *i, const KVal *v) {
    const struct Conversion *c = &conversions[v->a->kind][v->kind];
    if (v->lanes == 1) {
        emit_convert_scalar(j, i, v);
        return;
    }
    int to = jit_target(j, i->d), bytes = jit_value_bytes(c->by_operand ? v->a : v);
    if (c->reversed) {
        int a = jit_vector(j, i->a, v->a, SCRATCH);
        emit(j, c->op, bytes, a, 0, x86_reg(to), NO_IMM);
    } else {
        emit(j, c->op, bytes, to, 0, jit_vector_operand(j, i->a, v->a, SCRATCH), NO_IMM);
    }
    jit_finish(j, i->d, v, to);
}

/* Between a float and an integer register. */
static void emit_bitcast_scalar(Jit *j, const Instr *i, const KVal *v) {
    int to = jit_target(j, i->d);
    bool wide = is_8_bytes(v);
    if (jit_is_vector(v)) {
        int a = jit_scalar(j, i->a, v->a, RAX);
        emit(j, (VecOp){M_0F, P_66, 0x6e, wide}, 16, to, 0, x86_reg(a), NO_IMM);
    } else {
        int a = jit_vector(j, i->a, v->a, SCRATCH);
        emit(j, (VecOp){M_0F, P_66, 0x7e, wide}, 16, a, 0, x86_reg(to), NO_IMM);
    }
    jit_finish(j, i->d, v, to);
}

void jit_vector_copy(Jit *j, uint32_t to_slot, uint32_t from_slot, const KVal *from) {
    int to = jit_target(j, to_slot);
    jit_finish(j, to_slot, from, jit_vector(j, from_slot, from, to));
}

void jit_vector_emit(Jit *j, const Instr *i) {
    const KVal *v = i->stmt->value;
    switch (v->op) {
    case KOP_VAR:
    case KOP_COPY:
    case KOP_ASSUME:
        jit_vector_copy(j, i->d, i->a, v->a);
        break;
    case KOP_BITCAST:
        if (v->lanes == 1 && jit_is_vector(v) != jit_is_vector(v->a))
            emit_bitcast_scalar(j, i, v);
        else
            jit_vector_copy(j, i->d, i->a, v->a);
        break;
    case KOP_SPLAT:
        emit_splat(j, i, v);
        break;
    case KOP_EXTRACT:
        emit_extract(j, i, v);
        break;
    case KOP_SELECT:
        emit_select(j, i, v);
        break;
    case KOP_FMA:
    case KOP_BF16_DOT:
        emit_fma(j, i, v);
        break;
    case KOP_BF16_PAIR:
        emit_bf16_pair(j, i, v);
        break;
    case KOP_NEG:
    case KOP_MASK_INT:
        emit_negate(j, i, v);
        break;
    case KOP_NOT:
        emit_bits(j, i, v, XOR, constant_32(j, ~0u, ~0u));
        break;
    case KOP_ABS:
        emit_abs(j, i, v);
        break;
    case KOP_SQRT:
        emit_unary(j, i, v,
                   form_of((VecOp){M_0F, is_8_bytes(v) ? P_66 : P_NONE, 0x51, is_8_bytes(v)}, v),
                   NO_IMM);
        break;
    case KOP_FLOOR:
    case KOP_CEIL:
    case KOP_RINT:
    case KOP_TRUNC:
        emit_round(j, i, v);
        break;
    case KOP_LT:
    case KOP_LE:
    case KOP_EQ:
    case KOP_NE:
        (v->lanes > 1 ? emit_compare : emit_compare_scalars)(j, i, v);
        break;
    case KOP_SHUFFLE:
        emit_shuffle(j, i, v);
        break;
    case KOP_SUM:
        emit_sum(j, i, v);
        break;
    case KOP_UMULHI:
        emit_umulhi(j, i, v);
        break;
    case KOP_CONVERT:
        emit_convert(j, i, v);
        break;
    default:
        emit_binary(j, i, v);
    }
}
