/* Entry point of the compiler: a module. */
#include "frontend/compile.h"

#include "frontend/compile_internal.h"
#include "frontend/parser.h"

static Code *new_module_code(Unit *unit, Scope *scope) {
    Code *code = ARENA_NEW(unit->compiler->arena, Code);
    code->name = code->qualified_name = scope->name;
    code->file = unit->file;
    code->span = (Span){unit->file, 0, 0};
    code->flags = CODE_MODULE;
    code->class_cell = -1;
    return code;
}

static void module_body(Emitter *emitter, const ModuleAst *module) {
    const Expr *doc;
    if (compile_docstring(module->body, &doc)) {
        compile_expr(emitter, doc);
        compile_store(emitter, intern_text(emitter->unit->compiler->interns, "__doc__"));
    }
    compile_block(emitter, module->body);
    emit_none(emitter);
    emit0(emitter, OP_RETURN);
}

static Code *compile_ast(Compiler *compiler, const ModuleAst *module) {
    Scope *scope = scope_module(compiler, module);
    if (!scope) return NULL;
    Unit unit = {.compiler = compiler, .file = module->file};
    Code *code = new_module_code(&unit, scope);
    Emitter emitter = {.unit = &unit, .scope = scope, .code = code, .span = code->span};
    module_body(&emitter, module);
    emit_finish(&emitter);
    emitter_free(&emitter);
    code->module_names =
        arena_copy(compiler->arena, unit.globals.items, unit.globals.count, sizeof(Name *));
    code->module_name_count = (uint32_t)unit.globals.count;
    VEC_FREE(unit.globals);
    scope_free(scope);
    return unit.failed ? NULL : code;
}

Code *compile_module(Compiler *compiler, uint16_t file) {
    const ModuleAst *module =
        parse_module(compiler->arena, compiler->sources, compiler->interns, file);
    return module ? compile_ast(compiler, module) : NULL;
}
