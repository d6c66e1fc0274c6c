/* Instructions of x86-64 as bytes: general ones, and vector ones as VEX (AVX2, FMA) or EVEX
 * (AVX-512). Addresses always take four bytes of displacement. */
#ifndef NNC_CODEGEN_JIT_X86_H
#define NNC_CODEGEN_JIT_X86_H

#include "support/buf.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

enum { NO_REG = -1 };

/* A register, or memory at base + index * scale + offset, or a constant beside the code. */
typedef struct Operand {
    enum { AT_REGISTER, AT_MEMORY, AT_CONSTANT } at;
    bool broadcast; /* one element for all lanes (EVEX arithmetic only) */
    int reg;        /* the register; memory: the base */
    int index, scale;
    int32_t offset; /* of a constant: its place among the constants */
} Operand;

static inline Operand x86_reg(int reg) {
    return (Operand){.at = AT_REGISTER, .reg = reg};
}
static inline Operand x86_mem(int base, int32_t offset) {
    return (Operand){.at = AT_MEMORY, .reg = base, .index = NO_REG, .scale = 1, .offset = offset};
}

typedef struct X86 {
    Buf code;
    Buf constants; /* behind the code, 64 bytes each */
    struct {
        size_t *items;
        size_t count, capacity;
    } fixups;        /* places in the code of displacements to constants */
    bool evex, bf16; /* instructions that there are */
} X86;

/* A vector instruction: map, prefix, opcode and the W bit. */
typedef struct VecOp {
    enum __attribute__((packed)) { M_0F = 1, M_38, M_3A } map;
    enum __attribute__((packed)) { P_NONE, P_66, P_F3, P_F2 } prefix;
    uint8_t code, w;
} VecOp;

/* What follows an address in an instruction. */
enum { NO_IMM = -1 };

typedef struct VecArgs {
    int bytes;    /* width: up to 16, 32, 64 */
    int to, from; /* register field, and the one in the prefix (0: none) */
    Operand rm;
    int mask;  /* EVEX: k register, or 0 */
    bool zero; /* masked lanes become 0 */
} VecArgs;

void x86_byte(X86 *x, int byte);
void x86_int32(X86 *x, int64_t value);
/* opcode /reg rm: `wide` for 64 bits; opcodes above 0xff have the byte 0x0f before them. */
void x86_op(X86 *x, int opcode, bool wide, int reg, Operand rm, int imm);
void x86_mov(X86 *x, int to, int from);
void x86_mov_imm(X86 *x, int to, int64_t value);
void x86_load(X86 *x, bool wide, int to, Operand from);
void x86_store(X86 *x, bool wide, Operand to, int from);
void x86_vector(X86 *x, VecOp op, VecArgs args, int imm);
/* The first `lanes` bits of k1. */
void x86_set_mask(X86 *x, int lanes);
/* 64 bytes among the constants. */
Operand x86_constant(X86 *x, const void *bytes);
/* Places the constants behind the code. */
void x86_finish(X86 *x);

#endif
