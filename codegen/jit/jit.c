/* The walk over a program's instructions, and code in executable memory. */
#include "codegen/jit/jit.h"

#if defined(__x86_64__)

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "codegen/jit/jit_internal.h"
#include "support/checked.h"

struct JitCode {
    void *memory;
    size_t size;
};

bool jit_is_call(const Jit *j, const Instr *instr) {
    if (instr->control != CONTROL_EXEC || instr->stmt->kind == KSTMT_STORE) return false;
    if (instr->stmt->kind == KSTMT_SET) return jit_slot_only(j, instr->stmt->var);
    const KVal *v = instr->stmt->value;
    if (v->buf) return !jit_load_can(j, v);
    const KVal *values[4] = {v, v->a, v->b, v->c};
    bool vector = false;
    for (int i = 0; i < 4; i++) {
        if (values[i] && jit_slot_only(j, values[i])) return true;
        vector = vector || (values[i] && jit_is_vector(values[i]));
    }
    return vector ? !jit_vector_can(j, v) : !jit_scalar_can(v);
}

/* ---- instructions ---- */

static void emit_jump(Jit *j, int opcode, uint32_t target) {
    if (opcode > 0xff) x86_byte(&j->x, 0x0f);
    x86_byte(&j->x, opcode & 0xff);
    VEC_PUSH(j->jumps, (struct JitJump){j->x.code.size, target});
    x86_int32(&j->x, 0);
}

enum {
    JUMP = 0xe9,
    JUMP_IF_ZERO = 0x184,
    JUMP_UNLESS_ZERO,
    JUMP_IF_LESS = 0x18c,
    JUMP_UNLESS_LESS
};

/* An operand where the interpreter's function looks for it. */
static void store_operand(Jit *j, uint32_t slot, const KVal *value) {
    if (!value || value->op == KOP_CONST) return;
    const Home *home = jit_home(j, slot);
    if (home->reg == NO_REG) return;
    if (jit_is_vector(value))
        jit_store_bytes(j, jit_value_bytes(value), jit_slot(slot), home->reg);
    else
        x86_store(&j->x, true, jit_slot(slot), home->reg);
}

static void end_of_vectors(Jit *j) {
    for (const char *byte = "\xc5\xf8\x77"; *byte; byte++) /* vzeroupper */
        x86_byte(&j->x, *byte);
}

static void emit_call(Jit *j, const Instr *instr) {
    const KStmt *s = instr->stmt;
    if (s->kind == KSTMT_LET) {
        store_operand(j, instr->a, s->value->a);
        store_operand(j, instr->b, s->value->b);
        store_operand(j, instr->c, s->value->c);
    } else {
        store_operand(j, instr->a, s->value);
    }
    end_of_vectors(j);
    x86_mov_imm(&j->x, RDI, (int64_t)(intptr_t)&j->program->machine);
    x86_mov_imm(&j->x, RSI, (int64_t)(intptr_t)instr);
    x86_mov_imm(&j->x, RAX, (int64_t)(intptr_t)instr->exec);
    x86_op(&j->x, 0xff, false, 2, x86_reg(RAX), NO_IMM);
    if (s->kind != KSTMT_LET) return;
    const Home *home = jit_home(j, instr->d);
    if (home->reg == NO_REG) return;
    if (jit_is_vector(s->value))
        jit_load_bytes(j, jit_value_bytes(s->value), home->reg, jit_slot(instr->d));
    else
        x86_load(&j->x, true, home->reg, jit_slot(instr->d));
}

static void emit_set(Jit *j, const Instr *instr) {
    const KVal *from = instr->stmt->value;
    if (from->op != KOP_CONST && jit_home(j, instr->a) == jit_home(j, instr->d)) return;
    (jit_is_vector(from) ? jit_vector_copy : jit_scalar_copy)(j, instr->d, instr->a, from);
}

static void emit_let(Jit *j, const Instr *instr) {
    const KVal *v = instr->stmt->value;
    if (jit_home(j, instr->d)->load >= 0) return;
    if (v->buf)
        jit_load_emit(j, instr);
    else if (jit_is_vector(v) || (v->a && jit_is_vector(v->a)))
        jit_vector_emit(j, instr);
    else
        jit_scalar_emit(j, instr);
}

static void emit_exec(Jit *j, const Instr *instr) {
    if (jit_is_call(j, instr))
        emit_call(j, instr);
    else if (instr->stmt->kind == KSTMT_LET)
        emit_let(j, instr);
    else if (instr->stmt->kind == KSTMT_SET)
        emit_set(j, instr);
    else
        jit_store_emit(j, instr);
}

/* ---- control ---- */

static void compare_counter(Jit *j, const Instr *instr, int counter) {
    const KVal *hi = instr->stmt->hi;
    if (hi->op == KOP_CONST && hi->imm == (int32_t)hi->imm) {
        x86_op(&j->x, 0x81, true, 7, x86_reg(counter), NO_IMM);
        x86_int32(&j->x, hi->imm);
    } else {
        int end = jit_scalar(j, instr->b, hi, RCX);
        x86_op(&j->x, 0x3b, true, counter, x86_reg(end), NO_IMM);
    }
}

static void emit_enter(Jit *j, const Instr *instr) {
    const KStmt *s = instr->stmt;
    int counter = jit_target(j, instr->d);
    x86_mov(&j->x, counter, jit_scalar(j, instr->a, s->lo, counter));
    jit_finish(j, instr->d, s->var, counter);
    bool runs = s->lo->op == KOP_CONST && s->hi->op == KOP_CONST && s->lo->imm < s->hi->imm;
    if (runs) return;
    compare_counter(j, instr, counter);
    emit_jump(j, JUMP_UNLESS_LESS, instr->target);
}

static void emit_again(Jit *j, const Instr *instr) {
    const KStmt *s = instr->stmt;
    int counter = jit_scalar(j, instr->d, s->var, RAX);
    if (s->imm == (int32_t)s->imm) {
        x86_op(&j->x, 0x81, true, 0, x86_reg(counter), NO_IMM);
        x86_int32(&j->x, s->imm);
    } else {
        x86_mov_imm(&j->x, RCX, s->imm);
        x86_op(&j->x, 0x03, true, counter, x86_reg(RCX), NO_IMM);
    }
    jit_finish(j, instr->d, s->var, counter);
    compare_counter(j, instr, counter);
    emit_jump(j, JUMP_IF_LESS, instr->target);
}

static void emit_if(Jit *j, const Instr *instr, int opcode, uint32_t target) {
    int mask = jit_scalar(j, instr->a, instr->stmt->value, RAX);
    x86_op(&j->x, 0x85, false, mask, x86_reg(mask), NO_IMM);
    emit_jump(j, opcode, target);
}

static const int saved[] = {RBX, RBP, R12, R13, R14, R15};
enum { SAVED_COUNT = sizeof saved / sizeof saved[0] };

static void emit_begin(Jit *j) {
    for (int i = 0; i < SAVED_COUNT; i++)
        x86_op(&j->x, 0xff, false, 6, x86_reg(saved[i]), NO_IMM); /* push */
    x86_op(&j->x, 0x83, true, 5, x86_reg(RSP), 8);                /* the stack's alignment */
    x86_mov_imm(&j->x, FRAME, (int64_t)(intptr_t)j->program->machine.registers);
    jit_load_buffers(j);
}

static void emit_end(Jit *j, bool good) {
    end_of_vectors(j);
    x86_mov_imm(&j->x, RAX, good);
    x86_op(&j->x, 0x83, true, 0, x86_reg(RSP), 8);
    for (int i = SAVED_COUNT; i-- > 0;)
        x86_op(&j->x, 0x8f, false, 0, x86_reg(saved[i]), NO_IMM); /* pop */
    x86_byte(&j->x, 0xc3);
}

static void emit_instr(Jit *j, const Instr *instr) {
    switch (instr->control) {
    case CONTROL_EXEC:
        emit_exec(j, instr);
        break;
    case CONTROL_ENTER:
        emit_enter(j, instr);
        break;
    case CONTROL_AGAIN:
        emit_again(j, instr);
        break;
    case CONTROL_UNLESS:
        emit_if(j, instr, JUMP_IF_ZERO, instr->target);
        break;
    case CONTROL_JUMP:
        emit_jump(j, JUMP, instr->target);
        break;
    case CONTROL_FAULT:
        emit_if(j, instr, JUMP_UNLESS_ZERO, (uint32_t)j->program->count);
        break;
    case CONTROL_END:
        emit_end(j, true);
        break;
    }
}

static void place_jumps(Jit *j) {
    for (size_t i = 0; i < j->jumps.count; i++) {
        size_t at = j->jumps.items[i].at, target = j->offsets[j->jumps.items[i].target];
        int32_t distance = (int32_t)((int64_t)target - (int64_t)at - 4);
        memcpy(j->x.code.data + at, &distance, sizeof distance);
    }
}

/* Appends the program's code. */
static void translate(X86 *x, KProgram *program, int width) {
    Jit j = {.x = *x, .program = program, .width = width};
    j.by_slot = xcalloc(program->bytes / 8 + 1, sizeof *j.by_slot);
    j.homes = xcalloc((size_t)program->buffer_count + program->count + 1, sizeof *j.homes);
    j.offsets = xcalloc(program->count + 1, sizeof *j.offsets);
    jit_find_homes(&j);
    emit_begin(&j);
    for (size_t i = 0; i < program->count; i++) {
        j.offsets[i] = j.x.code.size;
        emit_instr(&j, &program->code[i]);
    }
    j.offsets[program->count] = j.x.code.size;
    emit_end(&j, false);
    place_jumps(&j);
    x86_finish(&j.x);
    VEC_FREE(j.jumps);
    free(j.by_slot);
    free(j.homes);
    free(j.offsets);
    *x = j.x;
}

/* ---- memory ---- */

/* Written first and executed then, never both. */
static JitCode *publish(const Buf *code) {
    int protection = PROT_READ | PROT_WRITE;
    void *memory = mmap(NULL, code->size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    memcpy(memory, buf_text(code), code->size);
    if (mprotect(memory, code->size, PROT_READ | PROT_EXEC) != 0) {
        munmap(memory, code->size);
        return NULL;
    }
    JitCode *made = xmalloc(sizeof *made);
    *made = (JitCode){memory, code->size};
    return made;
}

static int vector_bytes(void) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        return 64;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 32 : 0;
}

JitCode *jit_translate(KProgram *const *programs, int count, int width) {
    if (width == 0) width = vector_bytes();
    if (width == 0 || width > vector_bytes() || count == 0) return NULL;
    X86 x = {.evex = width == 64, .bf16 = width == 64 && __builtin_cpu_supports("avx512bf16")};
    size_t *starts = xcalloc((size_t)count, sizeof *starts);
    for (int i = 0; i < count; i++) {
        starts[i] = x.code.size;
        if (programs[i]->tiles) continue; /* without leave to use them there are none */
        translate(&x, programs[i], width);
    }
    JitCode *code = publish(&x.code);
    for (int i = 0; i < count && code; i++) {
        if (programs[i]->tiles) continue;
        void *at = (char *)code->memory + starts[i];
        memcpy(&programs[i]->entry, &at, sizeof at);
    }
    free(starts);
    buf_free(&x.code);
    buf_free(&x.constants);
    VEC_FREE(x.fixups);
    return code;
}

void jit_free(JitCode *code) {
    if (!code) return;
    munmap(code->memory, code->size);
    free(code);
}

#else

JitCode *jit_translate(KProgram *const *programs, int count, int width) {
    (void)programs, (void)count, (void)width;
    return NULL;
}

void jit_free(JitCode *code) {
    (void)code;
}

#endif
