#include "codegen/jit/x86.h"

#include <string.h>

void x86_byte(X86 *x, int byte) {
    buf_putc(&x->code, (char)byte);
}

void x86_int32(X86 *x, int64_t value) {
    int32_t low = (int32_t)value;
    buf_add(&x->code, &low, sizeof low);
}

static void byte_if(X86 *x, int imm) {
    if (imm != NO_IMM) x86_byte(x, imm);
}

/* ModRM, SIB and displacement. */
static void address(X86 *x, int reg, Operand rm, int imm) {
    int field = (reg & 7) << 3;
    if (rm.at == AT_REGISTER) {
        x86_byte(x, 0xc0 | field | (rm.reg & 7));
    } else if (rm.at == AT_CONSTANT) {
        /* From the end of the instruction, which is behind the immediate byte. */
        x86_byte(x, field | 5);
        VEC_PUSH(x->fixups, x->code.size);
        x86_int32(x, rm.offset - 4 - (imm != NO_IMM));
    } else if (rm.index != NO_REG || (rm.reg & 7) == RSP) {
        int scale = rm.scale == 8 ? 3 : rm.scale == 4 ? 2 : rm.scale == 2 ? 1 : 0;
        int index = rm.index == NO_REG ? RSP : rm.index & 7;
        x86_byte(x, 0x80 | field | 4);
        x86_byte(x, scale << 6 | index << 3 | (rm.reg & 7));
        x86_int32(x, rm.offset);
    } else {
        x86_byte(x, 0x80 | field | (rm.reg & 7));
        x86_int32(x, rm.offset);
    }
}

static int high_index(Operand rm) {
    return rm.at == AT_MEMORY && rm.index != NO_REG ? rm.index >> 3 & 1 : 0;
}

static int high_base(Operand rm) {
    return rm.at == AT_CONSTANT ? 0 : rm.reg >> 3 & 1;
}

void x86_op(X86 *x, int opcode, bool wide, int reg, Operand rm, int imm) {
    x86_byte(x, 0x40 | wide << 3 | (reg >> 3 & 1) << 2 | high_index(rm) << 1 | high_base(rm));
    if (opcode > 0xff) x86_byte(x, 0x0f);
    x86_byte(x, opcode & 0xff);
    address(x, reg, rm, imm);
    byte_if(x, imm);
}

void x86_mov(X86 *x, int to, int from) {
    if (to != from) x86_op(x, 0x8b, true, to, x86_reg(from), NO_IMM);
}

void x86_mov_imm(X86 *x, int to, int64_t value) {
    if (value == 0) {
        x86_op(x, 0x31, false, to, x86_reg(to), NO_IMM);
    } else if (value == (int32_t)value) {
        x86_op(x, 0xc7, true, 0, x86_reg(to), NO_IMM);
        x86_int32(x, value);
    } else {
        x86_byte(x, 0x48 | to >> 3);
        x86_byte(x, 0xb8 | (to & 7));
        buf_add(&x->code, &value, sizeof value);
    }
}

void x86_load(X86 *x, bool wide, int to, Operand from) {
    x86_op(x, 0x8b, wide, to, from, NO_IMM);
}

void x86_store(X86 *x, bool wide, Operand to, int from) {
    x86_op(x, 0x89, wide, from, to, NO_IMM);
}

static int vector_length(int bytes) {
    return bytes > 32 ? 2 : bytes > 16 ? 1 : 0;
}

static void vex(X86 *x, VecOp op, const VecArgs *a) {
    int r = a->to >> 3 & 1;
    x86_byte(x, 0xc4);
    x86_byte(x, !r << 7 | !high_index(a->rm) << 6 | !high_base(a->rm) << 5 | op.map);
    x86_byte(x, op.w << 7 | (~a->from & 15) << 3 | vector_length(a->bytes) << 2 | op.prefix);
}

static void evex(X86 *x, VecOp op, const VecArgs *a) {
    int r = a->to >> 3 & 1, r2 = a->to >> 4 & 1;
    int xbit = a->rm.at == AT_REGISTER ? a->rm.reg >> 4 & 1 : high_index(a->rm);
    x86_byte(x, 0x62);
    x86_byte(x, !r << 7 | !xbit << 6 | !high_base(a->rm) << 5 | !r2 << 4 | op.map);
    x86_byte(x, op.w << 7 | (~a->from & 15) << 3 | 4 | op.prefix);
    x86_byte(x, a->zero << 7 | vector_length(a->bytes) << 5 | a->rm.broadcast << 4 |
                    !(a->from >> 4 & 1) << 3 | a->mask);
}

void x86_vector(X86 *x, VecOp op, VecArgs args, int imm) {
    (x->evex ? evex : vex)(x, op, &args);
    x86_byte(x, op.code);
    address(x, args.to, args.rm, imm);
    byte_if(x, imm);
}

void x86_set_mask(X86 *x, int lanes) {
    x86_mov_imm(x, RAX, (1 << lanes) - 1);
    for (const char *byte = "\xc5\xfb\x92\xc8"; *byte; byte++) /* kmovd k1, eax */
        x86_byte(x, *byte);
}

Operand x86_constant(X86 *x, const void *bytes) {
    size_t at = 0;
    while (at < x->constants.size && memcmp(x->constants.data + at, bytes, 64) != 0)
        at += 64;
    if (at == x->constants.size) buf_add(&x->constants, bytes, 64);
    return (Operand){.at = AT_CONSTANT, .offset = (int32_t)at};
}

void x86_finish(X86 *x) {
    while (x->code.size % 64)
        x86_byte(x, 0xcc);
    for (size_t i = 0; i < x->fixups.count; i++) {
        int32_t offset;
        char *at = x->code.data + x->fixups.items[i];
        memcpy(&offset, at, sizeof offset);
        offset += (int32_t)(x->code.size - x->fixups.items[i]);
        memcpy(at, &offset, sizeof offset);
    }
    if (x->constants.size) buf_add(&x->code, x->constants.data, x->constants.size);
    x->fixups.count = 0;
    buf_clear(&x->constants);
}
