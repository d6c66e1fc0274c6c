/* Code for calls and comprehensions.
 *
 * A comprehension runs in the frame around it: its accumulator lies below its iterators on the
 * stack, its variables are slots that are cleared behind it (so that a tensor held by the last
 * item does not live on). A generator expression is a generator function of one argument, the
 * outermost iterator. */
#include "frontend/compile_internal.h"

static bool is_method_call(const Expr *callee) {
    return callee->kind == EXPR_ATTRIBUTE;
}

/* ( -- function self) for attributes, ( -- callable) else. Returns CALL's a. */
static int compile_callee(Emitter *emitter, const Expr *callee, bool method) {
    if (!method) {
        compile_expr(emitter, callee);
        return 0;
    }
    compile_expr(emitter, callee->as.attribute.object);
    emitter->span = callee->span;
    emit_cached(emitter, OP_LOAD_METHOD, callee->as.attribute.name);
    return 1;
}

void compile_spread(Emitter *emitter, Arguments arguments) {
    emit_c(emitter, OP_LIST, 0);
    for (size_t i = 0; i < arguments.count; i++) {
        const Argument *argument = &arguments.items[i];
        if (argument->kind != ARG_POSITIONAL && argument->kind != ARG_STAR) continue;
        compile_expr(emitter, argument->value);
        emitter->span = argument->span;
        if (argument->kind == ARG_STAR)
            emit(emitter, OP_LIST_EXTEND, 1, 0, 0);
        else
            emit(emitter, OP_LIST_APPEND, 0, 1, 0);
    }
    emit_c(emitter, OP_DICT, 0);
    for (size_t i = 0; i < arguments.count; i++) {
        const Argument *argument = &arguments.items[i];
        if (argument->kind == ARG_POSITIONAL || argument->kind == ARG_STAR) continue;
        if (argument->kind == ARG_KEYWORD) {
            emit_string(emitter, argument->name->text, argument->name->length);
            compile_expr(emitter, argument->value);
            emit_c(emitter, OP_DICT, 1);
        } else {
            compile_expr(emitter, argument->value);
        }
        emitter->span = argument->span;
        emit(emitter, OP_DICT_UPDATE, 1, 0, 0);
    }
}

static Const keyword_names(Emitter *emitter, Arguments arguments, size_t count) {
    Const *names = ARENA_ARRAY(emitter->unit->compiler->arena, Const, count);
    size_t n = 0;
    for (size_t i = 0; i < arguments.count; i++) {
        if (arguments.items[i].kind != ARG_KEYWORD) continue;
        names[n].kind = CONST_STRING;
        names[n].as.string.bytes = arguments.items[i].name->text;
        names[n++].as.string.length = arguments.items[i].name->length;
    }
    Const value = {.kind = CONST_TUPLE};
    value.as.tuple.items = names;
    value.as.tuple.count = count;
    return value;
}

/* super() in a method: the class and the first parameter are passed on explicitly. */
static bool compile_super(Emitter *emitter, const Expr *expr) {
    const Expr *callee = expr->as.call.callee;
    Interns *interns = emitter->unit->compiler->interns;
    if (callee->kind != EXPR_NAME || expr->as.call.arguments.count ||
        callee->as.name != intern_text(interns, "super"))
        return false;
    Name *class_name = intern_text(interns, "__class__");
    if (emitter->code->positional_count == 0 ||
        scope_resolve(emitter->scope, class_name).kind != VARIABLE_CELL)
        return false;
    compile_load(emitter, callee->as.name);
    compile_load(emitter, class_name);
    compile_load(emitter, emitter->scope->frame->slot_names.items[0]);
    emitter->span = expr->span;
    emit_c(emitter, OP_CALL, 2);
    return true;
}

void compile_call(Emitter *emitter, const Expr *expr) {
    const Expr *callee = expr->as.call.callee;
    Arguments arguments = expr->as.call.arguments;
    size_t keywords = 0;
    bool spread = arguments.count > 255;
    for (size_t i = 0; i < arguments.count; i++) {
        keywords += arguments.items[i].kind == ARG_KEYWORD;
        spread |= arguments.items[i].kind == ARG_STAR || arguments.items[i].kind == ARG_DOUBLE_STAR;
    }
    if (compile_super(emitter, expr)) return;
    if (emitter->consts.count >= UINT16_MAX && keywords) spread = true;
    int method = compile_callee(emitter, callee, is_method_call(callee) && !spread);
    if (spread) {
        compile_spread(emitter, arguments);
        emitter->span = expr->span;
        emit0(emitter, OP_CALL_SPREAD);
        return;
    }
    for (size_t i = 0; i < arguments.count; i++) /* the parser keeps keywords behind */
        compile_expr(emitter, arguments.items[i].value);
    emitter->span = expr->span;
    if (keywords) {
        uint32_t names = emit_add_const(emitter, keyword_names(emitter, arguments, keywords));
        emit(emitter, OP_CALL_KEYWORDS, method, names, (int64_t)arguments.count);
    } else {
        emit(emitter, OP_CALL, method, 0, (int64_t)arguments.count);
    }
}

/* What a comprehension does with one round's values, `loops` iterators above its accumulator. */
static void compile_element(Emitter *emitter, const Expr *comp, uint32_t loops) {
    compile_expr(emitter, comp->as.comp.element);
    if (comp->as.comp.value) compile_expr(emitter, comp->as.comp.value);
    emitter->span = comp->as.comp.element->span;
    switch (comp->as.comp.kind) {
    case COMP_LIST:
        emit(emitter, OP_LIST_APPEND, 0, loops + 1, 0);
        break;
    case COMP_SET:
        emit(emitter, OP_SET_ADD, 0, loops + 1, 0);
        break;
    case COMP_DICT:
        emit(emitter, OP_DICT_PUT, 0, loops + 1, 0);
        break;
    case COMP_GENERATOR:
        emit0(emitter, OP_YIELD);
        emit0(emitter, OP_POP);
        break;
    }
}

/* The loops from clause `index` inwards; the iterator of that clause is on the stack. */
static void compile_clauses(Emitter *emitter, const Expr *comp, size_t index) {
    const CompFor *clause = &comp->as.comp.fors[index];
    uint32_t body = emit_label(emitter), next = emit_label(emitter);
    emit_jump(emitter, OP_JUMP, 0, 0, next);
    emit_place(emitter, body);
    emit_grow(emitter);
    compile_target(emitter, clause->target);
    for (size_t i = 0; i < clause->conditions.count; i++)
        compile_condition(emitter, clause->conditions.items[i], false, next);
    if (index + 1 < comp->as.comp.for_count) {
        compile_expr(emitter, comp->as.comp.fors[index + 1].iterable);
        emit0(emitter, OP_GET_ITER);
        compile_clauses(emitter, comp, index + 1);
    } else {
        compile_element(emitter, comp, (uint32_t)comp->as.comp.for_count);
    }
    emit_place(emitter, next);
    emitter->span = clause->iterable->span;
    emit_jump(emitter, OP_FOR, 0, 0, body);
}

static void generator_body(Emitter *emitter, const void *context) {
    const Expr *comp = context;
    emit_c(emitter, OP_LOAD_LOCAL, 0);
    compile_clauses(emitter, comp, 0);
    emit_none(emitter);
    emit0(emitter, OP_RETURN);
}

static void compile_generator(Emitter *emitter, const Expr *comp) {
    Scope *scope = scope_child(emitter->scope, comp);
    Code *code = compile_nested(emitter, scope, comp->span, generator_body, comp);
    Const value = {.kind = CONST_CODE, .as.code = code};
    emit_c(emitter, OP_MAKE_FUNCTION, emit_add_const(emitter, value));
    compile_expr(emitter, comp->as.comp.fors[0].iterable);
    emitter->span = comp->as.comp.fors[0].iterable->span;
    emit0(emitter, OP_GET_ITER);
    emitter->span = comp->span;
    emit_c(emitter, OP_CALL, 1);
}

void compile_comp(Emitter *emitter, const Expr *comp) {
    static const Opcode makers[] = {OP_LIST, OP_SET, OP_DICT};
    if (comp->as.comp.kind == COMP_GENERATOR) {
        compile_generator(emitter, comp);
        return;
    }
    emit_c(emitter, makers[comp->as.comp.kind], 0);
    compile_expr(emitter, comp->as.comp.fors[0].iterable);
    emitter->span = comp->as.comp.fors[0].iterable->span;
    emit0(emitter, OP_GET_ITER);
    Scope *outer = emitter->scope;
    Scope *scope = emitter->scope = scope_child(outer, comp);
    for (size_t i = 0; i < scope->symbols.count; i++)
        if (scope->symbols.items[i]->is_cell && scope->symbols.items[i]->bound)
            emit(emitter, OP_NEW_CELL, 0, 1, scope->symbols.items[i]->slot);
    compile_clauses(emitter, comp, 0);
    emitter->span = comp->span;
    for (size_t i = 0; i < scope->symbols.count; i++) {
        const Symbol *symbol = scope->symbols.items[i];
        if (symbol->bound && !symbol->is_global && !symbol->is_nonlocal)
            emit_c(emitter, OP_CLEAR_LOCAL, symbol->slot);
    }
    emitter->scope = outer;
}
