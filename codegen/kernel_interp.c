/* Decodes a kernel into a flat list of instructions over register slots, and runs it. */
#include "codegen/kernel_interp.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/kernel_program.h"
#include "support/checked.h"

typedef struct Constant {
    const KVal *value;
    uint32_t slot;
} Constant;

typedef struct Decoder {
    const Kernel *kernel;
    Arena *arena;
    VEC(Instr) code;
    VEC(Constant) constants;
    uint32_t *slots; /* by value id; UINT32_MAX: none yet */
    size_t bytes;    /* of the register file */
    uint32_t tiles;  /* its first tile */
} Decoder;

enum { NO_SLOT = 0 };

static uint32_t new_slot(Decoder *d, const KVal *value) {
    size_t size = value->lanes > 1 ? (size_t)K_MAX_LANES * (size_t)kkind_size(value->kind) : 8;
    if (value->lanes > 1) d->bytes = (d->bytes + 63) & ~(size_t)63;
    NNC_CHECK(d->bytes + size < UINT32_MAX, "kernel %s: too many registers", d->kernel->name);
    uint32_t slot = (uint32_t)d->bytes;
    d->bytes += size;
    return slot;
}

static uint32_t constant_slot(Decoder *d, const KVal *value) {
    /* Equal constants are one value for the builder, so the list stays short; look at the latest.
     */
    for (size_t i = d->constants.count; i-- > 0 && d->constants.count - i < 64;)
        if (d->constants.items[i].value == value) return d->constants.items[i].slot;
    uint32_t slot = new_slot(d, value);
    VEC_PUSH(d->constants, (Constant){value, slot});
    return slot;
}

/* The slot of an operand; absent operands read slot 0, which is always there. */
static uint32_t slot_of(Decoder *d, const KVal *value) {
    if (!value) return NO_SLOT;
    if (value->op == KOP_CONST) return constant_slot(d, value);
    if (d->slots[value->id] == UINT32_MAX) d->slots[value->id] = new_slot(d, value);
    return d->slots[value->id];
}

static Instr *push(Decoder *d, Control control, const KStmt *stmt) {
    VEC_PUSH(d->code, (Instr){.control = control, .stmt = stmt, .buf = -1});
    return &d->code.items[d->code.count - 1];
}

static void decode_let(Decoder *d, const KStmt *s) {
    const KVal *value = s->value;
    uint32_t a = slot_of(d, value->a), b = slot_of(d, value->b), c = slot_of(d, value->c);
    uint32_t slot = slot_of(d, value);
    Instr *instr = push(d, CONTROL_EXEC, s);
    instr->exec = exec_for(value);
    instr->lanes = value->lanes;
    instr->d = slot;
    instr->a = a;
    instr->b = b;
    instr->c = c;
    instr->imm = value->imm;
    instr->stride = value->stride;
    bool takes_lanes = value->op == KOP_SHUFFLE || value->op == KOP_SUM;
    instr->active = takes_lanes ? value->a->lanes : value->active;
    instr->shuffle = value->shuffle;
    instr->buf = value->buf ? value->buf->id : -1;
    if (value->op == KOP_CALL) exec_set_call(instr, value);
}

static void decode_set(Decoder *d, const KStmt *s) {
    uint32_t from = slot_of(d, s->value), to = slot_of(d, s->var);
    Instr *instr = push(d, CONTROL_EXEC, s);
    instr->exec = exec_for_copy(s->var);
    instr->d = to;
    instr->a = from;
}

static void decode_store(Decoder *d, const KStmt *s) {
    uint32_t index = slot_of(d, s->index), value = slot_of(d, s->value);
    Instr *instr = push(d, CONTROL_EXEC, s);
    instr->exec = exec_for_store(s);
    instr->a = index;
    instr->b = value;
    instr->imm = s->imm;
    instr->stride = s->stride;
    instr->active = s->active;
    instr->buf = s->buf->id;
}

static uint32_t tile_slot(const Decoder *d, int tile) {
    return d->tiles + (uint32_t)tile * K_TILE_ROWS * K_MAX_LANES * 4;
}

static void decode_tile(Decoder *d, const KStmt *s) {
    uint32_t index = slot_of(d, s->index);
    Instr *instr = push(d, CONTROL_EXEC, s);
    instr->exec = exec_for_tile(s);
    instr->d = tile_slot(d, s->tile[0]);
    instr->a = s->kind == KSTMT_TILE_DOT ? tile_slot(d, s->tile[1]) : index;
    instr->b = tile_slot(d, s->tile[2]);
    instr->imm = s->imm;
    instr->stride = s->stride;
    if (s->buf) instr->buf = s->buf->id;
}

static void decode_block(Decoder *d, const KBlock *block);

static void decode_for(Decoder *d, const KStmt *s) {
    uint32_t lo = slot_of(d, s->lo), hi = slot_of(d, s->hi), counter = slot_of(d, s->var);
    size_t enter = d->code.count;
    Instr *instr = push(d, CONTROL_ENTER, s);
    instr->d = counter;
    instr->a = lo;
    instr->b = hi;
    decode_block(d, s->body);
    instr = push(d, CONTROL_AGAIN, s);
    instr->d = counter;
    instr->b = hi;
    instr->imm = s->imm;
    instr->target = (uint32_t)enter + 1;
    d->code.items[enter].target = (uint32_t)d->code.count;
}

static void decode_if(Decoder *d, const KStmt *s) {
    uint32_t mask = slot_of(d, s->value);
    size_t unless = d->code.count;
    push(d, CONTROL_UNLESS, s)->a = mask;
    decode_block(d, s->body);
    if (s->other) {
        size_t jump = d->code.count;
        push(d, CONTROL_JUMP, s);
        d->code.items[unless].target = (uint32_t)d->code.count;
        decode_block(d, s->other);
        d->code.items[jump].target = (uint32_t)d->code.count;
    } else {
        d->code.items[unless].target = (uint32_t)d->code.count;
    }
}

static void decode_block(Decoder *d, const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        switch (s->kind) {
        case KSTMT_LET:
            decode_let(d, s);
            break;
        case KSTMT_SET:
            decode_set(d, s);
            break;
        case KSTMT_STORE:
            decode_store(d, s);
            break;
        case KSTMT_FOR:
            decode_for(d, s);
            break;
        case KSTMT_IF:
            decode_if(d, s);
            break;
        case KSTMT_FAULT: {
            uint32_t mask = slot_of(d, s->value);
            push(d, CONTROL_FAULT, s)->a = mask;
            break;
        }
        case KSTMT_TILE_ZERO:
        case KSTMT_TILE_LOAD:
        case KSTMT_TILE_STORE:
        case KSTMT_TILE_DOT:
            decode_tile(d, s);
            break;
        case KSTMT_COMMENT:
        case KSTMT_FENCE:
        case KSTMT_PREFETCH:
        case KSTMT_BARRIER: /* kernels that hold one of these are not decoded */
        case KSTMT_COPY:
        case KSTMT_COMMIT:
        case KSTMT_WAIT:
        case KSTMT_MMA:
            break;
        }
    }
}

static void write_constant(char *slot, const KVal *value) {
    for (int l = 0; l < (value->lanes > 1 ? K_MAX_LANES : 1); l++) {
        float f = (float)value->f;
        int32_t i = kkind_is_mask(value->kind) ? -(int32_t)value->imm : (int32_t)value->imm;
        int64_t wide = kkind_is_mask(value->kind) ? -value->imm : value->imm;
        switch (value->kind) {
        case K_F32:
            memcpy(slot + l * 4, &f, 4);
            break;
        case K_F64:
            memcpy(slot + l * 8, &value->f, 8);
            break;
        case K_I32:
        case K_M32:
            memcpy(slot + l * 4, &i, 4);
            break;
        default:
            memcpy(slot + l * 8, &wide, 8);
            break;
        }
    }
}

static void *aligned_alloc_in(Arena *arena, size_t size) {
    uintptr_t at = (uintptr_t)arena_alloc(arena, size + 64);
    return (void *)((at + 63) & ~(uintptr_t)63);
}

KProgram *kernel_decode(const Kernel *kernel, Arena *arena) {
    NNC_CHECK(!kernel->blocks, "kernel %s is for a GPU", kernel->name);
    Decoder d = {.kernel = kernel, .arena = arena, .bytes = 64, .tiles = 64};
    if (kernel->tiles) d.bytes += (size_t)K_TILES * K_TILE_ROWS * K_MAX_LANES * 4;
    d.slots = xmalloc(((size_t)kernel->value_count + 1) * sizeof *d.slots);
    memset(d.slots, 0xff, ((size_t)kernel->value_count + 1) * sizeof *d.slots);
    decode_block(&d, kernel->body);
    push(&d, CONTROL_END, NULL);

    KProgram *program = ARENA_NEW(arena, KProgram);
    program->code = arena_copy(arena, d.code.items, d.code.count, sizeof(Instr));
    program->count = d.code.count;
    program->bytes = d.bytes;
    program->tiles = kernel->tiles;
    size_t count = kernel->buffers.count;
    /* Vector loads may reach beyond the last scalar; the buffers' addresses stand behind that. */
    char *registers = aligned_alloc_in(arena, d.bytes + 128 + count * sizeof(void *));
    for (size_t i = 0; i < d.constants.count; i++)
        write_constant(registers + d.constants.items[i].slot, d.constants.items[i].value);
    void **buffers = (void **)(void *)(registers + d.bytes + 128);
    program->machine = (Machine){registers, buffers};
    program->buffer_count = (int)count;
    program->parameters = ARENA_ARRAY(arena, int, count + 1);
    for (size_t i = 0; i < count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        size_t bytes = (size_t)buf->count * dtype_size(buf->dtype);
        if (buf->role == KBUF_LOCAL)
            buffers[i] = aligned_alloc_in(arena, bytes);
        else if (buf->role == KBUF_TABLE)
            buffers[i] = arena_copy(arena, buf->table, bytes, 1);
        else
            program->parameters[program->parameter_count++] = (int)i;
    }
    VEC_FREE(d.code);
    VEC_FREE(d.constants);
    free(d.slots);
    return program;
}

bool kernel_run(KProgram *program, void *const *buffers) {
    for (int i = 0; i < program->parameter_count; i++)
        program->machine.buffers[program->parameters[i]] = buffers[i];
    if (program->entry) return program->entry();
    char *registers = program->machine.registers;
    const Instr *i = program->code;
    for (;;) {
        int64_t *counter;
        switch (i->control) {
        case CONTROL_EXEC:
            i->exec(&program->machine, i);
            i++;
            break;
        case CONTROL_ENTER:
            counter = (int64_t *)(void *)(registers + i->d);
            *counter = *(int64_t *)(void *)(registers + i->a);
            i = *counter < *(int64_t *)(void *)(registers + i->b) ? i + 1
                                                                  : program->code + i->target;
            break;
        case CONTROL_AGAIN:
            counter = (int64_t *)(void *)(registers + i->d);
            *counter += i->imm;
            i = *counter < *(int64_t *)(void *)(registers + i->b) ? program->code + i->target
                                                                  : i + 1;
            break;
        case CONTROL_UNLESS:
            i = *(int32_t *)(void *)(registers + i->a) ? i + 1 : program->code + i->target;
            break;
        case CONTROL_JUMP:
            i = program->code + i->target;
            break;
        case CONTROL_FAULT:
            if (*(int32_t *)(void *)(registers + i->a)) return false;
            i++;
            break;
        case CONTROL_END:
            return true;
        }
    }
}
