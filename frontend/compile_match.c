/* Code of match statements.
 *
 * What each pattern is compared with lies in the frame's slot `pattern->slot`, so a comparison
 * that fails jumps to the next case from any depth with nothing to clean up. Names are bound when
 * the whole pattern has matched, as in Python: until then a binding is a name and a slot. */
#include "frontend/compile_internal.h"

typedef struct Binding {
    Name *name;
    uint32_t slot;
} Binding;

typedef VEC(Binding) Bindings;

static void compile_pattern(Emitter *emitter, const Pattern *pattern, uint32_t fail,
                            Bindings *bindings);

static void add_binding(Bindings *bindings, const Pattern *pattern) {
    if (pattern->name) VEC_PUSH(*bindings, ((Binding){pattern->name, pattern->slot}));
}

static void load_subject(Emitter *emitter, const Pattern *pattern) {
    emit_c(emitter, OP_LOAD_LOCAL, pattern->slot);
}

/* (x1 ... --), x1 on top, into the slots of the patterns. */
static void store_items(Emitter *emitter, Pattern *const *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        emit_c(emitter, OP_STORE_LOCAL, items[i]->slot);
}

static void compile_items_of(Emitter *emitter, const Pattern *pattern, uint32_t fail,
                             Bindings *bindings) {
    for (size_t i = 0; i < pattern->count; i++)
        compile_pattern(emitter, pattern->items[i], fail, bindings);
}

/* (tuple or None --): on None to `fail`, else into the slots; `more` items beyond the patterns
 * stay on the stack. */
static void unpack_or_fail(Emitter *emitter, const Pattern *pattern, size_t more, uint32_t fail) {
    emit_c(emitter, OP_STORE_LOCAL, pattern->slot);
    load_subject(emitter, pattern);
    emit_none(emitter);
    emit_jump(emitter, OP_COMPARE_JUMP, COMPARE_IS, 1, fail);
    load_subject(emitter, pattern);
    emit_c(emitter, OP_UNPACK, (int64_t)(pattern->count + more));
    store_items(emitter, pattern->items, pattern->count);
}

static void compile_value(Emitter *emitter, const Pattern *pattern, uint32_t fail) {
    ExprKind kind = pattern->value->kind;
    bool same = kind == EXPR_NONE || kind == EXPR_TRUE || kind == EXPR_FALSE;
    load_subject(emitter, pattern);
    compile_expr(emitter, pattern->value);
    emit_jump(emitter, OP_COMPARE_JUMP, same ? COMPARE_IS : COMPARE_EQ, 0, fail);
}

static void compile_sequence(Emitter *emitter, const Pattern *pattern, uint32_t fail,
                             Bindings *bindings) {
    size_t star = 0;
    while (star < pattern->count && pattern->items[star]->kind != PATTERN_STAR)
        star++;
    bool has_star = star != pattern->count;
    load_subject(emitter, pattern);
    emit(emitter, OP_MATCH_SEQUENCE, 0, has_star, (int64_t)pattern->count - has_star);
    emit_jump(emitter, OP_JUMP_IF_FALSE, 0, 0, fail);
    if (pattern->count == 0) return;
    load_subject(emitter, pattern);
    if (has_star)
        emit(emitter, OP_UNPACK_STAR, 0, (uint32_t)star, (int64_t)(pattern->count - star - 1));
    else
        emit_c(emitter, OP_UNPACK, (int64_t)pattern->count);
    store_items(emitter, pattern->items, pattern->count);
    compile_items_of(emitter, pattern, fail, bindings);
}

static void compile_mapping(Emitter *emitter, const Pattern *pattern, uint32_t fail,
                            Bindings *bindings) {
    load_subject(emitter, pattern);
    for (size_t i = 0; i < pattern->count; i++)
        compile_expr(emitter, pattern->values.items[i]);
    emit(emitter, OP_MATCH_KEYS, pattern->name != NULL, 0, (int64_t)pattern->count);
    unpack_or_fail(emitter, pattern, pattern->name != NULL, fail);
    if (pattern->name) { /* the rest takes the tuple's place */
        emit_c(emitter, OP_STORE_LOCAL, pattern->slot);
        add_binding(bindings, pattern);
    }
    compile_items_of(emitter, pattern, fail, bindings);
}

static void compile_class_pattern(Emitter *emitter, const Pattern *pattern, uint32_t fail,
                                  Bindings *bindings) {
    Const names = {.kind = CONST_TUPLE};
    Const *items = ARENA_ARRAY(emitter->unit->compiler->arena, Const, pattern->name_count + 1);
    for (size_t i = 0; i < pattern->name_count; i++) {
        items[i].kind = CONST_STRING;
        items[i].as.string.bytes = pattern->names[i]->text;
        items[i].as.string.length = pattern->names[i]->length;
    }
    names.as.tuple.items = items;
    names.as.tuple.count = pattern->name_count;
    load_subject(emitter, pattern);
    compile_expr(emitter, pattern->value);
    emit(emitter, OP_MATCH_CLASS, 0, emit_add_const(emitter, names),
         (int64_t)(pattern->count - pattern->name_count));
    unpack_or_fail(emitter, pattern, 0, fail);
    compile_items_of(emitter, pattern, fail, bindings);
}

/* The names of all alternatives end in the slots that the first one uses. */
static void join_bindings(Emitter *emitter, const Bindings *first, const Bindings *other) {
    for (size_t i = 0; i < other->count; i++) {
        size_t at = 0;
        while (first->items[at].name != other->items[i].name)
            at++;
        emit_c(emitter, OP_LOAD_LOCAL, other->items[i].slot);
        emit_c(emitter, OP_STORE_LOCAL, first->items[at].slot);
    }
}

static void compile_alternatives(Emitter *emitter, const Pattern *pattern, uint32_t fail,
                                 Bindings *bindings) {
    uint32_t done = emit_label(emitter);
    Bindings first = {0};
    for (size_t i = 0; i < pattern->count; i++) {
        const Pattern *item = pattern->items[i];
        bool last = i + 1 == pattern->count;
        uint32_t next = last ? fail : emit_label(emitter);
        Bindings own = {0};
        load_subject(emitter, pattern);
        emit_c(emitter, OP_STORE_LOCAL, item->slot);
        compile_pattern(emitter, item, next, &own);
        if (i > 0) join_bindings(emitter, &first, &own);
        if (!last) {
            emit_jump(emitter, OP_JUMP, 0, 0, done);
            emit_place(emitter, next);
        }
        if (i == 0)
            first = own;
        else
            VEC_FREE(own);
    }
    emit_place(emitter, done);
    for (size_t i = 0; i < first.count; i++)
        VEC_PUSH(*bindings, first.items[i]);
    VEC_FREE(first);
}

static void compile_pattern(Emitter *emitter, const Pattern *pattern, uint32_t fail,
                            Bindings *bindings) {
    emitter->span = pattern->span;
    switch (pattern->kind) {
    case PATTERN_VALUE:
        compile_value(emitter, pattern, fail);
        break;
    case PATTERN_CAPTURE:
    case PATTERN_STAR:
        add_binding(bindings, pattern);
        break;
    case PATTERN_SEQUENCE:
        compile_sequence(emitter, pattern, fail, bindings);
        break;
    case PATTERN_MAPPING:
        compile_mapping(emitter, pattern, fail, bindings);
        break;
    case PATTERN_CLASS:
        compile_class_pattern(emitter, pattern, fail, bindings);
        break;
    case PATTERN_OR:
        compile_alternatives(emitter, pattern, fail, bindings);
        break;
    case PATTERN_AS:
        load_subject(emitter, pattern);
        emit_c(emitter, OP_STORE_LOCAL, pattern->items[0]->slot);
        compile_pattern(emitter, pattern->items[0], fail, bindings);
        add_binding(bindings, pattern);
        break;
    }
}

static void clear_slots(Emitter *emitter, const Pattern *pattern) {
    emit_c(emitter, OP_CLEAR_LOCAL, pattern->slot);
    for (size_t i = 0; i < pattern->count; i++)
        clear_slots(emitter, pattern->items[i]);
}

static void compile_case(Emitter *emitter, const MatchCase *clause, uint32_t subject,
                         uint32_t next) {
    const Pattern *pattern = clause->pattern;
    Bindings bindings = {0};
    emit_c(emitter, OP_LOAD_LOCAL, subject);
    emit_c(emitter, OP_STORE_LOCAL, pattern->slot);
    compile_pattern(emitter, pattern, next, &bindings);
    for (size_t i = 0; i < bindings.count; i++) {
        emit_c(emitter, OP_LOAD_LOCAL, bindings.items[i].slot);
        compile_store(emitter, bindings.items[i].name);
    }
    VEC_FREE(bindings);
    clear_slots(emitter, pattern);
    if (clause->guard) compile_condition(emitter, clause->guard, false, next);
    emit_c(emitter, OP_CLEAR_LOCAL, subject);
    compile_block(emitter, clause->body);
}

void compile_match(Emitter *emitter, const Stmt *stmt) {
    uint32_t subject = stmt->as.match.cases[0].slot, end = emit_label(emitter);
    compile_expr(emitter, stmt->as.match.subject);
    emit_c(emitter, OP_STORE_LOCAL, subject);
    for (size_t i = 0; i < stmt->as.match.count; i++) {
        const MatchCase *clause = &stmt->as.match.cases[i];
        uint32_t next = emit_label(emitter);
        compile_case(emitter, clause, subject, next);
        emit_jump(emitter, OP_JUMP, 0, 0, end);
        emit_place(emitter, next);
        clear_slots(emitter, clause->pattern);
    }
    emit_c(emitter, OP_CLEAR_LOCAL, subject);
    emit_place(emitter, end);
}
