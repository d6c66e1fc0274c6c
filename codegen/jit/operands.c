/* Operands fetched from where they live, results put there, and addresses. */
#include "codegen/jit/jit_internal.h"

static const VecOp MOVE = {M_0F, P_NONE, 0x28, 0}, LOAD = {M_0F, P_NONE, 0x10, 0},
                   STORE = {M_0F, P_NONE, 0x11, 0}, LOAD_4 = {M_0F, P_F3, 0x10, 0},
                   STORE_4 = {M_0F, P_F3, 0x11, 0}, LOAD_8 = {M_0F, P_F2, 0x10, 1},
                   STORE_8 = {M_0F, P_F2, 0x11, 1};

Operand jit_slot(uint32_t slot) {
    return x86_mem(FRAME, (int32_t)slot);
}

void jit_move(Jit *j, int to, int from) {
    VecArgs args = {.bytes = j->width, .to = to, .rm = x86_reg(from)};
    if (to != from) x86_vector(&j->x, MOVE, args, NO_IMM);
}

void jit_load_bytes(Jit *j, int bytes, int to, Operand from) {
    VecArgs args = {.bytes = bytes, .to = to, .rm = from};
    x86_vector(&j->x, bytes == 4 ? LOAD_4 : bytes == 8 ? LOAD_8 : LOAD, args, NO_IMM);
}

void jit_store_bytes(Jit *j, int bytes, Operand to, int from) {
    VecArgs args = {.bytes = bytes, .to = from, .rm = to};
    x86_vector(&j->x, bytes == 4 ? STORE_4 : bytes == 8 ? STORE_8 : STORE, args, NO_IMM);
}

static Operand buffer_slot(const Jit *j, int buf) {
    const Machine *machine = &j->program->machine;
    size_t offset = (size_t)((char *)machine->buffers - machine->registers);
    return x86_mem(FRAME, (int32_t)(offset + (size_t)buf * sizeof(void *)));
}

void jit_load_buffers(Jit *j) {
    for (int i = 0; i < j->program->buffer_count; i++)
        if (j->homes[i].reg != NO_REG) x86_load(&j->x, true, j->homes[i].reg, buffer_slot(j, i));
}

Operand jit_address(Jit *j, int buf, uint32_t index_slot, const KVal *index, int64_t imm,
                    int element_size) {
    Operand at = {.at = AT_MEMORY, .index = NO_REG, .scale = element_size};
    if (index->op == KOP_CONST)
        imm += index->imm;
    else
        at.index = jit_scalar(j, index_slot, index, RAX);
    int64_t offset = imm * element_size;
    at.reg = j->homes[buf].reg;
    if (offset != (int32_t)offset) {
        x86_mov_imm(&j->x, RCX, offset);
        Operand base = at.reg == NO_REG ? buffer_slot(j, buf) : x86_reg(at.reg);
        x86_op(&j->x, 0x03, true, RCX, base, NO_IMM);
        at.reg = RCX;
        return at;
    }
    at.offset = (int32_t)offset;
    if (at.reg != NO_REG) return at;
    at.reg = RCX;
    x86_load(&j->x, true, RCX, buffer_slot(j, buf));
    return at;
}

/* What a folded load reads. */
static Operand folded(Jit *j, const Home *home) {
    const Instr *load = &j->program->code[home->load];
    const KVal *value = load->stmt->value;
    Operand at =
        jit_address(j, load->buf, load->a, value->a, load->imm, (int)dtype_size(value->buf->dtype));
    at.broadcast = home->value->op == KOP_SPLAT;
    return at;
}

static void broadcast(Jit *j, const KVal *value, int to, Operand from) {
    bool wide = kkind_size(value->kind) == 8;
    VecOp op = {M_38, P_66, wide ? 0x59 : 0x58, wide && j->x.evex};
    from.broadcast = false;
    x86_vector(&j->x, op, (VecArgs){.bytes = jit_value_bytes(value), .to = to, .rm = from}, NO_IMM);
}

Operand jit_vector_operand(Jit *j, uint32_t slot, const KVal *value, int scratch) {
    const Home *home = jit_home(j, slot);
    if (value->op == KOP_CONST || !home) return jit_slot(slot);
    if (home->load >= 0) {
        Operand at = folded(j, home);
        if (!at.broadcast || j->x.evex) return at;
        broadcast(j, value, scratch, at);
        return x86_reg(scratch);
    }
    return home->reg == NO_REG ? jit_slot(home->slot) : x86_reg(home->reg);
}

int jit_vector(Jit *j, uint32_t slot, const KVal *value, int scratch) {
    Operand at = jit_vector_operand(j, slot, value, scratch);
    if (at.at == AT_REGISTER) return at.reg;
    if (at.broadcast)
        broadcast(j, value, scratch, at);
    else
        jit_load_bytes(j, jit_value_bytes(value), scratch, at);
    return scratch;
}

Operand jit_scalar_operand(Jit *j, uint32_t slot, const KVal *value) {
    const Home *home = value->op == KOP_CONST ? NULL : jit_home(j, slot);
    if (!home) return jit_slot(slot);
    return home->reg == NO_REG ? jit_slot(home->slot) : x86_reg(home->reg);
}

int jit_scalar(Jit *j, uint32_t slot, const KVal *value, int scratch) {
    if (value->op == KOP_CONST) {
        x86_mov_imm(&j->x, scratch, kkind_is_mask(value->kind) ? -value->imm : value->imm);
        return scratch;
    }
    Operand at = jit_scalar_operand(j, slot, value);
    if (at.at == AT_REGISTER) return at.reg;
    x86_load(&j->x, kkind_size(value->kind) == 8, scratch, at);
    return scratch;
}

int jit_target(const Jit *j, uint32_t slot) {
    const Home *home = jit_home(j, slot);
    if (home->reg != NO_REG) return home->reg;
    return home->value && jit_is_vector(home->value) ? SCRATCH : RAX;
}

void jit_finish(Jit *j, uint32_t slot, const KVal *value, int reg) {
    const Home *home = jit_home(j, slot);
    bool vector = jit_is_vector(value);
    if (home->reg == NO_REG && vector)
        jit_store_bytes(j, jit_value_bytes(value), jit_slot(home->slot), reg);
    else if (home->reg == NO_REG)
        x86_store(&j->x, true, jit_slot(home->slot), reg);
    else if (vector)
        jit_move(j, home->reg, reg);
    else
        x86_mov(&j->x, home->reg, reg);
}
