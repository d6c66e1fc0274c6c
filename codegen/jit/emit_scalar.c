/* Integers and masks of one lane, in general registers. A scalar mask is 0 or -1. */
#include "codegen/jit/jit_internal.h"

static bool is_wide(const KVal *value) {
    return kkind_size(value->kind) == 8;
}

/* A divisor that is neither 0 nor -1. */
static bool plain_divisor(const KVal *value) {
    return value->op == KOP_CONST && value->imm != 0 && value->imm != -1;
}

bool jit_scalar_can(const KVal *value) {
    switch (value->op) {
    case KOP_VAR:
    case KOP_COPY:
    case KOP_ASSUME:
    case KOP_BITCAST:
    case KOP_CONVERT:
    case KOP_ADD:
    case KOP_SUB:
    case KOP_MUL:
    case KOP_AND:
    case KOP_OR:
    case KOP_XOR:
    case KOP_MIN:
    case KOP_MAX:
    case KOP_NEG:
    case KOP_NOT:
    case KOP_MASK_INT:
    case KOP_LT:
    case KOP_LE:
    case KOP_EQ:
    case KOP_NE:
    case KOP_SELECT:
    case KOP_SHL:
    case KOP_SHR:
    case KOP_USHR:
        return true;
    case KOP_DIV:
    case KOP_REM:
        return plain_divisor(value->b);
    default:
        return false;
    }
}

/* to = a op b for the plain two-operand instructions; result in RAX when b lies in `to`. */
static int two_operands(Jit *j, const Instr *i, const KVal *v) {
    int to = jit_target(j, i->d);
    Operand b = jit_scalar_operand(j, i->b, v->b);
    if (b.at == AT_REGISTER && b.reg == to) to = RAX;
    x86_mov(&j->x, to, jit_scalar(j, i->a, v->a, to));
    return to;
}

static Operand second_operand(Jit *j, const Instr *i, const KVal *v) {
    if (v->b->op != KOP_CONST) return jit_scalar_operand(j, i->b, v->b);
    return x86_reg(jit_scalar(j, i->b, v->b, RCX));
}

static bool small_constant(const KVal *value) {
    return value->op == KOP_CONST && !kkind_is_mask(value->kind) &&
           value->imm == (int32_t)value->imm;
}

static void emit_arithmetic(Jit *j, const Instr *i, const KVal *v) {
    static const struct {
        int opcode, extension;
    } ops[KOP_COUNT] = {[KOP_ADD] = {0x03, 0},
                        [KOP_SUB] = {0x2b, 5},
                        [KOP_AND] = {0x23, 4},
                        [KOP_OR] = {0x0b, 1},
                        [KOP_XOR] = {0x33, 6}};
    int to = two_operands(j, i, v);
    if (v->op == KOP_MUL) {
        x86_op(&j->x, 0x1af, is_wide(v), to, second_operand(j, i, v), NO_IMM);
    } else if (small_constant(v->b)) {
        x86_op(&j->x, 0x81, is_wide(v), ops[v->op].extension, x86_reg(to), NO_IMM);
        x86_int32(&j->x, v->b->imm);
    } else {
        x86_op(&j->x, ops[v->op].opcode, is_wide(v), to, second_operand(j, i, v), NO_IMM);
    }
    jit_finish(j, i->d, v, to);
}

static void emit_shift(Jit *j, const Instr *i, const KVal *v) {
    int extension = v->op == KOP_SHL ? 4 : v->op == KOP_SHR ? 7 : 5;
    x86_mov(&j->x, RCX, jit_scalar(j, i->b, v->b, RCX));
    x86_mov(&j->x, RAX, jit_scalar(j, i->a, v->a, RAX));
    x86_op(&j->x, 0xd3, is_wide(v), extension, x86_reg(RAX), NO_IMM);
    jit_finish(j, i->d, v, RAX);
}

/* By a constant; what is known not to be negative is divided as 32 bits without a sign if it fits.
 */
static void emit_divide(Jit *j, const Instr *i, const KVal *v) {
    bool small = v->a->lo >= 0 && v->a->hi <= INT32_MAX && v->b->imm > 0 && v->b->imm <= INT32_MAX;
    x86_mov(&j->x, RAX, jit_scalar(j, i->a, v->a, RAX));
    x86_mov_imm(&j->x, RCX, v->b->imm);
    if (small) {
        x86_op(&j->x, 0x33, false, RDX, x86_reg(RDX), NO_IMM);
        x86_op(&j->x, 0xf7, false, 6, x86_reg(RCX), NO_IMM);
    } else {
        x86_byte(&j->x, is_wide(v) ? 0x48 : 0x40);
        x86_byte(&j->x, 0x99); /* the sign into RDX */
        x86_op(&j->x, 0xf7, is_wide(v), 7, x86_reg(RCX), NO_IMM);
    }
    jit_finish(j, i->d, v, v->op == KOP_DIV ? RAX : RDX);
}

static void compare(Jit *j, const Instr *i, const KVal *v) {
    int a = jit_scalar(j, i->a, v->a, RAX);
    bool wide = is_wide(v->a);
    if (small_constant(v->b)) {
        x86_op(&j->x, 0x81, wide, 7, x86_reg(a), NO_IMM);
        x86_int32(&j->x, v->b->imm);
    } else {
        x86_op(&j->x, 0x3b, wide, a, second_operand(j, i, v), NO_IMM);
    }
}

enum { IF_EQUAL = 4, IF_NOT_EQUAL = 5, IF_LESS = 12, IF_LESS_EQUAL = 14, IF_GREATER = 15 };

static void emit_compare(Jit *j, const Instr *i, const KVal *v) {
    int condition = v->op == KOP_EQ   ? IF_EQUAL
                    : v->op == KOP_NE ? IF_NOT_EQUAL
                    : v->op == KOP_LT ? IF_LESS
                                      : IF_LESS_EQUAL;
    compare(j, i, v);
    x86_op(&j->x, 0x190 | condition, false, 0, x86_reg(RAX), NO_IMM);
    x86_op(&j->x, 0x1b6, false, RAX, x86_reg(RAX), NO_IMM); /* extended with zeros */
    x86_op(&j->x, 0xf7, true, 3, x86_reg(RAX), NO_IMM);     /* negated */
    jit_finish(j, i->d, v, RAX);
}

/* RAX = a, and b where the condition says so. */
static void move_if(Jit *j, int condition, bool wide, int from) {
    x86_op(&j->x, 0x140 | condition, wide, RAX, x86_reg(from), NO_IMM);
}

static void emit_extreme(Jit *j, const Instr *i, const KVal *v) {
    int b = jit_scalar(j, i->b, v->b, RCX);
    x86_mov(&j->x, RAX, jit_scalar(j, i->a, v->a, RAX));
    x86_op(&j->x, 0x3b, is_wide(v), RAX, x86_reg(b), NO_IMM);
    move_if(j, v->op == KOP_MIN ? IF_GREATER : IF_LESS, is_wide(v), b);
    jit_finish(j, i->d, v, RAX);
}

static void emit_select(Jit *j, const Instr *i, const KVal *v) {
    x86_mov(&j->x, RDX, jit_scalar(j, i->a, v->a, RDX));
    int x = jit_scalar(j, i->b, v->b, RCX);
    x86_mov(&j->x, RAX, jit_scalar(j, i->c, v->c, RAX));
    x86_op(&j->x, 0x85, false, RDX, x86_reg(RDX), NO_IMM);
    move_if(j, IF_NOT_EQUAL, is_wide(v), x);
    jit_finish(j, i->d, v, RAX);
}

static void emit_unary(Jit *j, const Instr *i, const KVal *v) {
    x86_mov(&j->x, RAX, jit_scalar(j, i->a, v->a, RAX));
    x86_op(&j->x, 0xf7, is_wide(v), v->op == KOP_NOT ? 2 : 3, x86_reg(RAX), NO_IMM);
    jit_finish(j, i->d, v, RAX);
}

static void emit_convert(Jit *j, const Instr *i, const KVal *v) {
    int to = jit_target(j, i->d), a = jit_scalar(j, i->a, v->a, RAX);
    if (is_wide(v) && !is_wide(v->a))
        x86_op(&j->x, 0x63, true, to, x86_reg(a), NO_IMM); /* extends the sign */
    else
        x86_mov(&j->x, to, a);
    jit_finish(j, i->d, v, to);
}

void jit_scalar_copy(Jit *j, uint32_t to_slot, uint32_t from_slot, const KVal *from) {
    jit_finish(j, to_slot, from, jit_scalar(j, from_slot, from, jit_target(j, to_slot)));
}

void jit_scalar_emit(Jit *j, const Instr *i) {
    const KVal *v = i->stmt->value;
    switch (v->op) {
    case KOP_VAR:
    case KOP_COPY:
    case KOP_ASSUME:
    case KOP_BITCAST:
        jit_scalar_copy(j, i->d, i->a, v->a);
        break;
    case KOP_CONVERT:
        emit_convert(j, i, v);
        break;
    case KOP_SHL:
    case KOP_SHR:
    case KOP_USHR:
        emit_shift(j, i, v);
        break;
    case KOP_DIV:
    case KOP_REM:
        emit_divide(j, i, v);
        break;
    case KOP_MIN:
    case KOP_MAX:
        emit_extreme(j, i, v);
        break;
    case KOP_LT:
    case KOP_LE:
    case KOP_EQ:
    case KOP_NE:
        emit_compare(j, i, v);
        break;
    case KOP_SELECT:
        emit_select(j, i, v);
        break;
    case KOP_NEG:
    case KOP_NOT:
    case KOP_MASK_INT:
        emit_unary(j, i, v);
        break;
    default:
        emit_arithmetic(j, i, v);
    }
}
