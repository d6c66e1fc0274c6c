/* Loads and stores. What no instruction does is moved element by element through the value's
 * slot. */
#include "codegen/jit/jit_internal.h"

static int element_size(const KBuf *buf) {
    return (int)dtype_size(buf->dtype);
}

static Operand element(Operand at, int64_t number, int size) {
    at.offset += (int32_t)(number * size);
    return at;
}

/* Widens elements of 1 and 2 bytes to 32-bit lanes, and back (EVEX). */
static const VecOp WIDEN[] = {{0}, {M_38, P_66, 0x31, 0}, {M_38, P_66, 0x33, 0}};
static const VecOp NARROW[] = {{0}, {M_38, P_F3, 0x31, 0}, {M_38, P_F3, 0x33, 0}};

static void load_scalar(Jit *j, int size, int to, Operand from) {
    if (size < 4)
        x86_op(&j->x, size == 1 ? 0x1b6 : 0x1b7, false, to, from, NO_IMM);
    else
        x86_load(&j->x, size == 8, to, from);
}

static void store_scalar(Jit *j, int size, Operand to, int from) {
    if (size == 2) x86_byte(&j->x, 0x66);
    if (size == 1)
        x86_op(&j->x, 0x88, false, from, to, NO_IMM);
    else
        x86_store(&j->x, size == 8, to, from);
}

bool jit_load_can(const Jit *j, const KVal *load) {
    int64_t far = (load->lanes + 1) * (load->op == KOP_LOAD_STRIDED ? load->stride : 1);
    if (far > INT32_MAX / 16 || far < -(INT32_MAX / 16)) return false;
    (void)j;
    return load->op != KOP_GATHER;
}

/* Memory as 4 and 8 byte lanes, masked: the other lanes become 0. */
static void load_masked(Jit *j, const KVal *v, int active, int to, Operand from) {
    bool wide = kkind_size(v->kind) == 8;
    x86_set_mask(&j->x, active);
    VecOp op = {M_0F, wide ? P_66 : P_NONE, 0x10, wide};
    VecArgs args = {.bytes = jit_value_bytes(v), .to = to, .rm = from, .mask = 1, .zero = true};
    x86_vector(&j->x, op, args, NO_IMM);
}

/* RDX moves the elements: addresses may hold RAX and RCX. */
static void load_elements(Jit *j, const Instr *i, const KVal *v, Operand from, int64_t stride,
                          int active) {
    int size = element_size(v->buf), lane = kkind_size(v->kind);
    for (int l = 0; l < active; l++) {
        load_scalar(j, size, RDX, element(from, l * stride, size));
        x86_store(&j->x, lane == 8, element(jit_slot(i->d), l, lane), RDX);
    }
    if (active < v->lanes) x86_op(&j->x, 0x33, false, RDX, x86_reg(RDX), NO_IMM);
    for (int l = active; l < v->lanes; l++)
        x86_store(&j->x, lane == 8, element(jit_slot(i->d), l, lane), RDX);
}

static void load_vector(Jit *j, const Instr *i, const KVal *v, Operand from) {
    const Home *home = jit_home(j, i->d);
    int size = element_size(v->buf), to = home->slot_only ? SCRATCH : jit_target(j, i->d);
    int active = v->op == KOP_LOAD ? v->lanes : v->active;
    int64_t stride = v->op == KOP_LOAD_STRIDED ? v->stride : 1;
    bool whole = active == v->lanes && stride == 1 && !home->slot_only;
    if (whole && size >= 4) {
        jit_load_bytes(j, jit_value_bytes(v), to, from);
    } else if (whole && v->lanes >= 4) {
        VecArgs args = {.bytes = jit_value_bytes(v), .to = to, .rm = from};
        x86_vector(&j->x, WIDEN[size], args, NO_IMM);
    } else if (stride == 1 && size >= 4 && j->x.evex && !home->slot_only) {
        if (from.index == RAX) { /* the mask takes RAX */
            x86_mov(&j->x, RDX, RAX);
            from.index = RDX;
        }
        load_masked(j, v, active, to, from);
    } else {
        load_elements(j, i, v, from, stride, active);
        if (home->slot_only) return;
        jit_load_bytes(j, jit_value_bytes(v), to, jit_slot(i->d));
    }
    jit_finish(j, i->d, v, to);
}

void jit_load_emit(Jit *j, const Instr *i) {
    const KVal *v = i->stmt->value;
    int size = element_size(v->buf);
    Operand from = jit_address(j, i->buf, i->a, v->a, i->imm, size);
    if (v->lanes > 1) {
        load_vector(j, i, v, from);
        return;
    }
    int to = jit_target(j, i->d);
    if (jit_is_vector(v))
        jit_load_bytes(j, size, to, from);
    else
        load_scalar(j, size, to, from);
    jit_finish(j, i->d, v, to);
}

static void store_elements(Jit *j, const Instr *i, const KVal *v, Operand to) {
    int size = element_size(i->stmt->buf), lane = kkind_size(v->kind);
    Operand from = jit_vector_operand(j, i->b, v, SCRATCH);
    if (from.at == AT_REGISTER) {
        jit_store_bytes(j, jit_value_bytes(v), jit_slot(i->b), from.reg);
        from = jit_slot(i->b);
    }
    for (int l = 0; l < i->active; l++) {
        x86_load(&j->x, lane == 8, RDX, element(from, l, lane));
        store_scalar(j, size, element(to, l * i->stride, size), RDX);
    }
}

static void store_vector(Jit *j, const Instr *i, const KVal *v, Operand to) {
    int size = element_size(i->stmt->buf);
    const Home *home = v->op == KOP_CONST ? NULL : jit_home(j, i->b);
    bool whole = i->active == v->lanes && i->stride == 1 && !(home && home->slot_only);
    if (whole && jit_value_bytes(v) > j->width) whole = false; /* a constant */
    if (whole && size >= 4) {
        jit_store_bytes(j, jit_value_bytes(v), to, jit_vector(j, i->b, v, SCRATCH));
    } else if (whole && j->x.evex && v->lanes >= 4) {
        int from = jit_vector(j, i->b, v, SCRATCH);
        x86_vector(&j->x, NARROW[size],
                   (VecArgs){.bytes = jit_value_bytes(v), .to = from, .rm = to}, NO_IMM);
    } else {
        store_elements(j, i, v, to);
    }
}

void jit_store_emit(Jit *j, const Instr *i) {
    const KStmt *s = i->stmt;
    int size = element_size(s->buf);
    Operand to = jit_address(j, i->buf, i->a, s->index, i->imm, size);
    if (s->value->lanes > 1)
        store_vector(j, i, s->value, to);
    else if (jit_is_vector(s->value))
        jit_store_bytes(j, size, to, jit_vector(j, i->b, s->value, SCRATCH));
    else
        store_scalar(j, size, to, jit_scalar(j, i->b, s->value, RDX));
}
