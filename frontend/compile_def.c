/* Code for functions and classes: nested Codes and the instructions that make objects of them. */
#include "frontend/compile_internal.h"
#include "frontend/parser.h"

#include <string.h>

static Name *qualified_name(Emitter *outer, Scope *scope) {
    Interns *interns = outer->unit->compiler->interns;
    const Code *code = outer->code;
    if (code->flags & CODE_MODULE) return scope->name;
    const char *between = code->flags & CODE_CLASS ? "." : ".<locals>.";
    Buf text = {0};
    buf_printf(&text, "%s%s%s", code->qualified_name->text, between, scope->name->text);
    Name *name = intern(interns, buf_text(&text), text.size);
    buf_free(&text);
    return name;
}

/* Captured variables become cells before anything runs; the frame that made the function holds
 * the cells of its free variables. */
static void prologue(Emitter *emitter, Emitter *outer) {
    Scope *scope = emitter->scope;
    Code *code = emitter->code;
    if (scope->class_cell && scope->class_cell->bound) {
        code->class_cell = (int32_t)scope->class_cell->slot;
        emit(emitter, OP_NEW_CELL, 0, 1, scope->class_cell->slot);
    }
    for (size_t i = 0; i < scope->symbols.count; i++) {
        const Symbol *symbol = scope->symbols.items[i];
        if (symbol->is_cell && symbol->bound) emit_c(emitter, OP_NEW_CELL, symbol->slot);
    }
    uint32_t *captures = ARENA_ARRAY(emitter->unit->compiler->arena, uint32_t, scope->free.count);
    for (size_t i = 0; i < scope->free.count; i++)
        captures[i] = scope_cell_slot(outer->scope->frame, scope->free.items[i]);
    code->captures = captures;
}

static void set_parameters(Code *code, const FunctionDef *function) {
    code->positional_count = (uint32_t)function->positional_count;
    code->positional_only_count = (uint32_t)function->positional_only_count;
    code->keyword_only_count = (uint32_t)function->keyword_only_count;
    code->parameter_count = code->positional_count + code->keyword_only_count +
                            function->has_varargs + function->has_kwargs;
    if (function->has_varargs) code->flags |= CODE_VARARGS;
    if (function->has_kwargs) code->flags |= CODE_KWARGS;
}

static Code *new_code(Emitter *outer, Scope *scope, Span span) {
    Code *code = ARENA_NEW(outer->unit->compiler->arena, Code);
    code->name = scope->name;
    code->qualified_name = qualified_name(outer, scope);
    code->file = outer->unit->file;
    code->span = span;
    code->class_cell = -1;
    if (scope->is_generator) code->flags |= CODE_GENERATOR;
    if (scope->kind == SCOPE_CLASS) code->flags |= CODE_CLASS;
    return code;
}

Code *compile_nested(Emitter *outer, Scope *scope, Span span, void (*body)(Emitter *, const void *),
                     const void *context) {
    Code *code = new_code(outer, scope, span);
    Emitter emitter = {
        .unit = outer->unit, .outer = outer, .scope = scope, .code = code, .span = span};
    if (scope->is_generator && scope->name->text[0] == '<')
        code->positional_count = code->parameter_count = 1; /* a generator expression */
    prologue(&emitter, outer);
    body(&emitter, context);
    emit_finish(&emitter);
    emitter_free(&emitter);
    return code;
}

static void set_doc(Emitter *emitter, const FunctionDef *function) {
    const Expr *text;
    if (function->is_lambda || !compile_docstring(function->body, &text)) return;
    Const *doc = ARENA_NEW(emitter->unit->compiler->arena, Const);
    compile_constant(text, doc);
    emitter->code->doc = doc;
}

static void function_body(Emitter *emitter, const void *context) {
    const FunctionDef *function = context;
    set_parameters(emitter->code, function);
    set_doc(emitter, function);
    compile_block(emitter, function->body);
    emitter->span = (Span){emitter->unit->file, function->body_span.end, function->body_span.end};
    emit_none(emitter);
    emit0(emitter, OP_RETURN);
}

void compile_annotation(Emitter *emitter, const Expr *annotation) {
    if (!emitter->unit->string_annotations) {
        compile_expr(emitter, annotation);
        return;
    }
    const Source *source = sources_get(emitter->unit->compiler->sources, annotation->span.file);
    size_t length = annotation->span.end - annotation->span.begin;
    const char *text = arena_strndup(emitter->unit->compiler->arena,
                                     source->text + annotation->span.begin, length);
    emit_string(emitter, text, length);
}

static bool annotate(Emitter *emitter, Name *name, const Expr *annotation) {
    if (!annotation) return false;
    emit_string(emitter, name->text, name->length);
    compile_annotation(emitter, annotation);
    return true;
}

/* ( -- [defaults] [kwdefaults] [annotations]); returns MAKE_FUNCTION's a. */
static int compile_defaults(Emitter *emitter, const FunctionDef *function) {
    int flags = 0;
    int64_t count = 0;
    const Parameter *parameters = function->parameters;
    size_t positional = function->positional_count;
    size_t named = positional + function->keyword_only_count;
    for (size_t i = 0; i < positional; i++) {
        if (!parameters[i].default_value) continue;
        compile_expr(emitter, parameters[i].default_value);
        count++;
    }
    if (count) {
        emit_c(emitter, OP_TUPLE, count);
        flags |= 1;
    }
    count = 0;
    for (size_t i = positional; i < named; i++) {
        if (!parameters[i].default_value) continue;
        emit_string(emitter, parameters[i].name->text, parameters[i].name->length);
        compile_expr(emitter, parameters[i].default_value);
        count++;
    }
    if (count) {
        emit_c(emitter, OP_DICT, count);
        flags |= 2;
    }
    count = 0;
    size_t all = named + function->has_varargs + function->has_kwargs;
    for (size_t i = 0; i < all;
         i++) { /* in the order of the text: *args before keyword-only ones */
        size_t at = i;
        if (function->has_varargs && i >= positional && i <= named)
            at = i == positional ? named : i - 1;
        count += annotate(emitter, parameters[at].name, parameters[at].annotation);
    }
    Name *result = intern_text(emitter->unit->compiler->interns, "return");
    count += annotate(emitter, result, function->returns);
    if (count) {
        emit_c(emitter, OP_DICT, count);
        flags |= 4;
    }
    return flags;
}

static void compile_decorators(Emitter *emitter, Exprs decorators) {
    for (size_t i = 0; i < decorators.count; i++)
        compile_expr(emitter, decorators.items[i]);
}

static void call_decorators(Emitter *emitter, Exprs decorators) {
    for (size_t i = decorators.count; i-- > 0;) {
        emitter->span = decorators.items[i]->span;
        emit_c(emitter, OP_CALL, 1);
    }
}

void compile_function(Emitter *emitter, const FunctionDef *function) {
    compile_decorators(emitter, function->decorators);
    int flags = compile_defaults(emitter, function);
    Scope *scope = scope_child(emitter->scope, function);
    Span span = function->is_lambda ? emitter->span : function->name_span;
    Code *code = compile_nested(emitter, scope, span, function_body, function);
    Const value = {.kind = CONST_CODE, .as.code = code};
    emit(emitter, OP_MAKE_FUNCTION, flags, 0, emit_add_const(emitter, value));
    call_decorators(emitter, function->decorators);
}

static void class_body(Emitter *emitter, const void *context) {
    const ClassDef *class = context;
    const Expr *doc;
    if (compile_docstring(class->body, &doc)) {
        compile_expr(emitter, doc);
        Name *name = intern_text(emitter->unit->compiler->interns, "__doc__");
        emit_name_op(emitter, OP_STORE_NAME, name);
    }
    compile_block(emitter, class->body);
    emit_none(emitter);
    emit0(emitter, OP_RETURN);
}

void compile_class(Emitter *emitter, const ClassDef *class) {
    compile_decorators(emitter, class->decorators);
    Scope *scope = scope_child(emitter->scope, class);
    Code *code = compile_nested(emitter, scope, class->name_span, class_body, class);
    Const value = {.kind = CONST_CODE, .as.code = code};
    emit_c(emitter, OP_MAKE_FUNCTION, emit_add_const(emitter, value));
    uint32_t name = emit_add_name(emitter, class->name);
    bool plain = class->bases.count <= 255;
    for (size_t i = 0; i < class->bases.count; i++)
        plain &= class->bases.items[i].kind == ARG_POSITIONAL;
    if (name > UINT16_MAX) compile_error(emitter, class->name_span, "too many names in one scope");
    if (plain) {
        for (size_t i = 0; i < class->bases.count; i++)
            compile_expr(emitter, class->bases.items[i].value);
        emit(emitter, OP_MAKE_CLASS, 0, name, (int64_t) class->bases.count);
    } else {
        compile_spread(emitter, class->bases);
        emit(emitter, OP_MAKE_CLASS, 1, name, 0);
    }
    call_decorators(emitter, class->decorators);
}
