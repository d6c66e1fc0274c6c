/* Emission: instructions, constants, labels, handler ranges, and the finished Code. */
#include "frontend/compile_internal.h"

#include "support/checked.h"

#include <string.h>

enum { UNIT_LIMIT = 1 << 22, NO_CACHE = 0xFFFF };

static const int8_t effects[OPCODE_COUNT] = {
#define X(name, effect) [OP_##name] = effect,
    OPCODES(X)
#undef X
};

void compile_error(Emitter *emitter, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    report_v(emitter->unit->compiler->sources, SEVERITY_ERROR, span, format, args);
    va_end(args);
    emitter->unit->failed = true;
}

/* The change of depth of instructions whose operands decide it. FOR and the jumps that keep or
 * drop a value are described as they fall through. */
static int varying_effect(Opcode op, int a, uint32_t b, int64_t c) {
    int count = (int)c;
    switch (op) {
    case OP_SLICE:
        return a == 3 ? -2 : -1;
    case OP_FOR:
    case OP_FOR_LOCAL:
    case OP_FOR_GLOBAL:
        return -1;
    case OP_UNPACK:
        return count - 1;
    case OP_UNPACK_STAR:
        return (int)b + count;
    case OP_TUPLE:
    case OP_LIST:
    case OP_SET:
    case OP_JOIN:
        return 1 - count;
    case OP_DICT:
        return 1 - 2 * count;
    case OP_FORMAT:
        return b ? -1 : 0;
    case OP_MATCH_KEYS:
        return -count;
    case OP_CALL:
    case OP_CALL_KEYWORDS:
        return -count - (a ? 1 : 0);
    case OP_MAKE_FUNCTION:
        return 1 - (a & 1) - (a >> 1 & 1) - (a >> 2 & 1);
    case OP_MAKE_CLASS:
        return a ? -2 : -count;
    case OP_RAISE:
        return -a;
    case OP_RAISE_ASSERT:
        return a ? -1 : 0;
    default:
        NNC_BUG("no effect for opcode %d", op);
    }
}

static void change_depth(Emitter *emitter, int change) {
    NNC_CHECK((int64_t)emitter->depth + change >= 0, "operand stack underflow");
    emitter->depth = (uint32_t)((int64_t)emitter->depth + change);
    if (emitter->depth > emitter->max_depth) emitter->max_depth = emitter->depth;
}

/* Duplicated finally blocks can multiply: past the limit nothing more is emitted. */
static bool over_limit(Emitter *emitter) {
    Unit *unit = emitter->unit;
    if (++unit->emitted <= UNIT_LIMIT) return false;
    if (unit->emitted == UNIT_LIMIT + 1)
        compile_error(emitter, emitter->span, "the program is too large");
    return true;
}

void emit(Emitter *emitter, Opcode op, int a, uint32_t b, int64_t c) {
    change_depth(emitter, effects[op] == VARIES ? varying_effect(op, a, b, c) : effects[op]);
    if (over_limit(emitter)) return;
    Instruction instruction = {(uint8_t)op, (uint8_t)a, (uint16_t)b, (int32_t)c};
    VEC_PUSH(emitter->instructions, instruction);
    VEC_PUSH(emitter->spans, (CodeSpan){emitter->span.begin, emitter->span.end});
}

void emit_none(Emitter *emitter) {
    emit0(emitter, OP_NONE);
}

void emit_int(Emitter *emitter, int64_t value) {
    if (value >= INT32_MIN && value <= INT32_MAX)
        emit_c(emitter, OP_INT, value);
    else
        emit_const(emitter, (Const){.kind = CONST_INT, .as.integer = value});
}

static bool same_const(const Const *a, const Const *b) {
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CONST_INT:
        return a->as.integer == b->as.integer;
    case CONST_FLOAT:
        return memcmp(&a->as.number, &b->as.number, sizeof(double)) == 0;
    case CONST_BIG_INT:
    case CONST_STRING:
    case CONST_BYTES:
        return a->as.string.length == b->as.string.length &&
               memcmp(a->as.string.bytes, b->as.string.bytes, a->as.string.length) == 0;
    case CONST_TUPLE:
        return a->as.tuple.items == b->as.tuple.items;
    case CONST_CODE:
        return a->as.code == b->as.code;
    default:
        return true;
    }
}

uint32_t emit_add_const(Emitter *emitter, Const value) {
    size_t count = emitter->consts.count;
    for (size_t i = count > 32 ? count - 32 : 0; i < count; i++) /* near repetitions are shared */
        if (same_const(&emitter->consts.items[i], &value)) return (uint32_t)i;
    VEC_PUSH(emitter->consts, value);
    return (uint32_t)count;
}

void emit_const(Emitter *emitter, Const value) {
    if (value.kind == CONST_NONE)
        emit_none(emitter);
    else
        emit_c(emitter, OP_CONST, emit_add_const(emitter, value));
}

void emit_string(Emitter *emitter, const char *bytes, size_t length) {
    Const value = {.kind = CONST_STRING};
    value.as.string.bytes = bytes;
    value.as.string.length = length;
    emit_const(emitter, value);
}

uint32_t emit_add_name(Emitter *emitter, Name *name) {
    uint32_t at = name_map_get(&emitter->name_index, name);
    if (at != UINT32_MAX) return at;
    at = (uint32_t)emitter->names.count;
    name_map_add(&emitter->name_index, emitter->unit->compiler->arena, name, at);
    VEC_PUSH(emitter->names, name);
    return at;
}

void emit_name_op(Emitter *emitter, Opcode op, Name *name) {
    emit_c(emitter, op, emit_add_name(emitter, name));
}

void emit_cached(Emitter *emitter, Opcode op, Name *name) {
    uint32_t cache = NO_CACHE;
    if (emitter->code->cache_count < NO_CACHE) cache = emitter->code->cache_count++;
    emit(emitter, op, 0, cache, emit_add_name(emitter, name));
}

uint32_t emit_label(Emitter *emitter) {
    VEC_PUSH(emitter->labels, UINT32_MAX);
    return (uint32_t)emitter->labels.count - 1;
}

void emit_place(Emitter *emitter, uint32_t label) {
    emitter->labels.items[label] = (uint32_t)emitter->instructions.count;
}

void emit_grow(Emitter *emitter) {
    change_depth(emitter, 1);
}

void emit_jump(Emitter *emitter, Opcode op, int a, uint32_t b, uint32_t label) {
    emit(emitter, op, a, b, label);
}

void emit_open(Emitter *emitter, EmitBlock *block) {
    block->range_begin = (uint32_t)emitter->instructions.count;
}

void emit_close(Emitter *emitter, EmitBlock *block) {
    uint32_t end = (uint32_t)emitter->instructions.count;
    if (block->kind >= BLOCK_TRY && block->range_begin < end)
        VEC_PUSH(emitter->handlers,
                 (HandlerRange){block->range_begin, end, block->handler_label, block->depth});
}

void emit_push_block(Emitter *emitter, EmitBlock *block) {
    block->outer = emitter->blocks;
    block->span = emitter->span;
    emitter->blocks = block;
    emit_open(emitter, block);
}

void emit_pop_block(Emitter *emitter) {
    EmitBlock *block = emitter->blocks;
    emit_close(emitter, block);
    emitter->blocks = block->outer;
}

static bool is_jump(Opcode op) {
    switch (op) {
    case OP_JUMP:
    case OP_JUMP_IF_FALSE:
    case OP_JUMP_IF_TRUE:
    case OP_JUMP_IF_FALSE_OR_POP:
    case OP_JUMP_IF_TRUE_OR_POP:
    case OP_COMPARE_JUMP:
    case OP_FOR:
    case OP_FOR_LOCAL:
    case OP_FOR_GLOBAL:
        return true;
    default:
        return false;
    }
}

/* Copies a growing array into the code's arena. */
#define FINISH(field, count_field, vec)                                                            \
    (code->field = arena_copy(arena, (vec).items, (vec).count, sizeof *(vec).items),               \
     code->count_field = (uint32_t)(vec).count)

static void finish_slots(Emitter *emitter) {
    Code *code = emitter->code;
    Arena *arena = emitter->unit->compiler->arena;
    const Scope *frame = emitter->scope;
    code->local_count = (uint32_t)frame->slot_names.count;
    code->free_count = (uint32_t)frame->free.count;
    code->slot_names = ARENA_ARRAY(arena, Name *, code->local_count + code->free_count);
    if (code->local_count)
        memcpy(code->slot_names, frame->slot_names.items, code->local_count * sizeof(Name *));
    for (uint32_t i = 0; i < code->free_count; i++)
        code->slot_names[code->local_count + i] = frame->free.items[i]->name;
}

void emit_finish(Emitter *emitter) {
    Code *code = emitter->code;
    Arena *arena = emitter->unit->compiler->arena;
    const uint32_t *labels = emitter->labels.items;
    for (size_t i = 0; i < emitter->instructions.count; i++) {
        Instruction *instruction = &emitter->instructions.items[i];
        if (is_jump((Opcode)instruction->op)) instruction->c = (int32_t)labels[instruction->c];
    }
    for (size_t i = 0; i < emitter->handlers.count; i++)
        emitter->handlers.items[i].target = labels[emitter->handlers.items[i].target];
    FINISH(instructions, instruction_count, emitter->instructions);
    FINISH(consts, const_count, emitter->consts);
    FINISH(names, name_count, emitter->names);
    FINISH(handlers, handler_count, emitter->handlers);
    code->spans = arena_copy(arena, emitter->spans.items, emitter->spans.count, sizeof(CodeSpan));
    code->max_stack = emitter->max_depth;
    finish_slots(emitter);
}

void emitter_free(Emitter *emitter) {
    VEC_FREE(emitter->instructions);
    VEC_FREE(emitter->spans);
    VEC_FREE(emitter->consts);
    VEC_FREE(emitter->names);
    VEC_FREE(emitter->handlers);
    VEC_FREE(emitter->labels);
}
