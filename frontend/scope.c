/* The walk of scope analysis: makes scopes and symbols. Resolution is in scope_resolve.c.
 *
 * The walk recurses on expressions, so it also limits their height: chains like a+b+c... are deep
 * trees, and code generation recurses in the same way behind it. */
#include "frontend/scope.h"

#include "frontend/scope_internal.h"

#include <string.h>

enum { TREE_HEIGHT = 1000 };

static void visit(Walk *walk, const Expr *expr);
static void visit_block(Walk *walk, Block block);

void scope_error(Walk *walk, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    report_v(walk->compiler->sources, SEVERITY_ERROR, span, format, args);
    va_end(args);
    walk->failed = true;
}

static bool enter(Walk *walk, Span span) {
    if (++walk->height <= TREE_HEIGHT) return true;
    if (walk->height == TREE_HEIGHT + 1 && !walk->too_deep) {
        walk->too_deep = true;
        scope_error(walk, span, "this is nested too deeply (the limit is %d levels)", TREE_HEIGHT);
        report(walk->compiler->sources, SEVERITY_HINT, (Span){0}, "split it up");
    }
    return false;
}

static void leave(Walk *walk) {
    walk->height--;
}

Scope *scope_new(Walk *walk, ScopeKind kind, Scope *parent, const void *node, Name *name) {
    Scope *scope = ARENA_NEW(walk->compiler->arena, Scope);
    scope->kind = kind;
    scope->parent = parent;
    scope->node = node;
    scope->name = name;
    scope->frame = kind == SCOPE_COMP ? parent->frame : scope;
    if (parent) VEC_PUSH(parent->children, scope);
    return scope;
}

Symbol *scope_symbol(Walk *walk, Scope *scope, Name *name, Span span) {
    uint32_t at = name_map_get(&scope->index, name);
    if (at != UINT32_MAX) return scope->symbols.items[at];
    Symbol *symbol = ARENA_NEW(walk->compiler->arena, Symbol);
    symbol->name = name;
    symbol->scope = scope;
    symbol->span = span;
    name_map_add(&scope->index, walk->compiler->arena, name, (uint32_t)scope->symbols.count);
    VEC_PUSH(scope->symbols, symbol);
    return symbol;
}

static void use(Walk *walk, Name *name, Span span) {
    scope_symbol(walk, walk->scope, name, span)->used = true;
}

Symbol *scope_bind(Walk *walk, Scope *scope, Name *name, Span span) {
    Symbol *symbol = scope_symbol(walk, scope, name, span);
    bool local = scope->kind == SCOPE_FUNCTION || scope->kind == SCOPE_COMP;
    if (!symbol->bound && local && !symbol->is_global && !symbol->is_nonlocal) {
        symbol->slot = (uint32_t)scope->frame->slot_names.count;
        VEC_PUSH(scope->frame->slot_names, name);
    }
    symbol->bound = true;
    return symbol;
}

static void bind(Walk *walk, Name *name, Span span) {
    scope_bind(walk, walk->scope, name, span);
}

static void visit_exprs(Walk *walk, Exprs exprs) {
    for (size_t i = 0; i < exprs.count; i++)
        visit(walk, exprs.items[i]);
}

/* An assignment's target: names are bound, everything else is evaluated. */
static void visit_target(Walk *walk, const Expr *target) {
    if (!enter(walk, target->span)) {
        leave(walk);
        return;
    }
    switch (target->kind) {
    case EXPR_NAME:
        bind(walk, target->as.name, target->span);
        break;
    case EXPR_STARRED:
        visit_target(walk, target->as.value);
        break;
    case EXPR_TUPLE:
    case EXPR_LIST:
        for (size_t i = 0; i < target->as.items.count; i++)
            visit_target(walk, target->as.items.items[i]);
        break;
    default:
        visit(walk, target);
        break;
    }
    leave(walk);
}

static void visit_arguments(Walk *walk, Arguments arguments) {
    for (size_t i = 0; i < arguments.count; i++)
        visit(walk, arguments.items[i].value);
}

/* `x := value` binds in the scope around the comprehensions it stands in. */
static void visit_walrus(Walk *walk, const Expr *expr) {
    Scope *scope = walk->scope;
    Name *name = expr->as.walrus.target->as.name;
    visit(walk, expr->as.walrus.value);
    while (scope->kind == SCOPE_COMP || (scope->node && scope->name == walk->genexpr))
        scope = scope->parent;
    if (scope == walk->scope) {
        bind(walk, name, expr->span);
    } else if (scope->kind == SCOPE_CLASS) {
        scope_error(walk, expr->span,
                    "':=' inside a comprehension can't bind a variable of the class body");
    } else {
        scope_bind(walk, scope, name, expr->span);
        use(walk, name, expr->span);
        for (Scope *inner = walk->scope; inner != scope; inner = inner->parent) {
            Symbol *symbol = scope_symbol(walk, inner, name, expr->span);
            if (symbol->bound && !symbol->is_nonlocal && !symbol->is_global)
                scope_error(walk, expr->span,
                            "':=' can't rebind the comprehension's own variable '%s'", name->text);
            if (scope->kind == SCOPE_MODULE) symbol->is_global = true;
        }
    }
}

static void visit_comp(Walk *walk, const Expr *expr) {
    Scope *outer = walk->scope;
    visit(walk, expr->as.comp.fors[0].iterable); /* evaluated outside */
    bool generator = expr->as.comp.kind == COMP_GENERATOR;
    Scope *scope = scope_new(walk, generator ? SCOPE_FUNCTION : SCOPE_COMP, outer, expr,
                             generator ? walk->genexpr : outer->frame->name);
    walk->scope = scope;
    if (generator) {
        scope->is_generator = true;
        scope_bind(walk, scope, intern_text(walk->compiler->interns, ".0"), expr->span);
    }
    for (size_t i = 0; i < expr->as.comp.for_count; i++) {
        const CompFor *clause = &expr->as.comp.fors[i];
        if (i > 0) visit(walk, clause->iterable);
        visit_target(walk, clause->target);
        visit_exprs(walk, clause->conditions);
    }
    visit(walk, expr->as.comp.element);
    visit(walk, expr->as.comp.value);
    walk->scope = outer;
}

static void visit_parameters(Walk *walk, const FunctionDef *function, bool declare) {
    size_t count = function->positional_count + function->keyword_only_count +
                   function->has_varargs + function->has_kwargs;
    for (size_t i = 0; i < count; i++) {
        const Parameter *parameter = &function->parameters[i];
        if (declare) {
            bind(walk, parameter->name, parameter->span);
        } else {
            visit(walk, parameter->default_value);
            if (!walk->string_annotations) visit(walk, parameter->annotation);
        }
    }
}

static void visit_function_scope(Walk *walk, const FunctionDef *function) {
    Scope *outer = walk->scope;
    walk->scope = scope_new(walk, SCOPE_FUNCTION, outer, function, function->name);
    visit_parameters(walk, function, true);
    visit_block(walk, function->body);
    walk->scope = outer;
}

static void visit_function(Walk *walk, FunctionDef *function) {
    visit_exprs(walk, function->decorators);
    visit_parameters(walk, function, false);
    if (!walk->string_annotations) visit(walk, function->returns);
    visit_function_scope(walk, function);
}

static void visit_class(Walk *walk, const ClassDef *class) {
    Scope *outer = walk->scope;
    visit_exprs(walk, class->decorators);
    visit_arguments(walk, class->bases);
    Scope *scope = scope_new(walk, SCOPE_CLASS, outer, class, class->name);
    scope->class_cell = ARENA_NEW(walk->compiler->arena, Symbol);
    scope->class_cell->name = walk->class_name;
    scope->class_cell->scope = scope;
    walk->scope = scope;
    visit_block(walk, class->body);
    walk->scope = outer;
    bind(walk, class->name, class->name_span);
}

static void visit_yield(Walk *walk, const Expr *expr) {
    if (walk->scope->kind == SCOPE_COMP || walk->scope->name == walk->genexpr)
        scope_error(walk, expr->span, "'yield' inside a comprehension");
    walk->scope->frame->is_generator = true;
    visit(walk, expr->as.value);
}

static void visit_call(Walk *walk, const Expr *expr) {
    const Expr *callee = expr->as.call.callee;
    visit(walk, callee);
    visit_arguments(walk, expr->as.call.arguments);
    if (callee->kind == EXPR_NAME && callee->as.name == walk->super_name &&
        expr->as.call.arguments.count == 0)
        use(walk, walk->class_name, expr->span); /* super() means super(__class__, self) */
}

static void visit_children(Walk *walk, const Expr *expr) {
    switch (expr->kind) {
    case EXPR_FSTRING:
    case EXPR_TUPLE:
    case EXPR_LIST:
    case EXPR_SET:
    case EXPR_AND:
    case EXPR_OR:
        visit_exprs(walk, expr->as.items);
        break;
    case EXPR_FORMATTED:
        visit(walk, expr->as.formatted.value);
        visit(walk, expr->as.formatted.spec);
        break;
    case EXPR_NAME:
        use(walk, expr->as.name, expr->span);
        break;
    case EXPR_DICT:
        for (size_t i = 0; i < expr->as.dict.count; i++) {
            visit(walk, expr->as.dict.keys[i]);
            visit(walk, expr->as.dict.values[i]);
        }
        break;
    case EXPR_UNARY:
        visit(walk, expr->as.unary.operand);
        break;
    case EXPR_BINARY:
        visit(walk, expr->as.binary.left);
        visit(walk, expr->as.binary.right);
        break;
    case EXPR_COMPARE:
        visit_exprs(walk, expr->as.compare.operands);
        break;
    case EXPR_IF:
        visit(walk, expr->as.conditional.test);
        visit(walk, expr->as.conditional.body);
        visit(walk, expr->as.conditional.orelse);
        break;
    case EXPR_CALL:
        visit_call(walk, expr);
        break;
    case EXPR_ATTRIBUTE:
        visit(walk, expr->as.attribute.object);
        break;
    case EXPR_SUBSCRIPT:
        visit(walk, expr->as.subscript.object);
        visit(walk, expr->as.subscript.index);
        break;
    case EXPR_SLICE:
        visit(walk, expr->as.slice.start);
        visit(walk, expr->as.slice.stop);
        visit(walk, expr->as.slice.step);
        break;
    case EXPR_NOT:
    case EXPR_STARRED:
        visit(walk, expr->as.value);
        break;
    case EXPR_LAMBDA:
        visit_parameters(walk, expr->as.function, false);
        visit_function_scope(walk, expr->as.function);
        break;
    case EXPR_WALRUS:
        visit_walrus(walk, expr);
        break;
    case EXPR_COMP:
        visit_comp(walk, expr);
        break;
    case EXPR_YIELD:
    case EXPR_YIELD_FROM:
        visit_yield(walk, expr);
        break;
    default:
        break; /* constants */
    }
}

static void visit(Walk *walk, const Expr *expr) {
    if (!expr) return;
    if (enter(walk, expr->span)) visit_children(walk, expr);
    leave(walk);
}

static void declare_names(Walk *walk, const Stmt *stmt) {
    bool global = stmt->kind == STMT_GLOBAL;
    for (size_t i = 0; i < stmt->as.names.count; i++) {
        Name *name = stmt->as.names.items[i];
        Span span = stmt->as.names.spans[i];
        bool known = name_map_get(&walk->scope->index, name) != UINT32_MAX;
        Symbol *symbol = scope_symbol(walk, walk->scope, name, span);
        bool declared = symbol->is_global || symbol->is_nonlocal;
        if (known && !declared && walk->scope->kind != SCOPE_MODULE)
            scope_error(walk, span, "name '%s' is used or assigned before its '%s' declaration",
                        name->text, global ? "global" : "nonlocal");
        if (declared && symbol->is_global != global)
            scope_error(walk, span, "name '%s' is declared both global and nonlocal", name->text);
        symbol->is_global = global;
        symbol->is_nonlocal = !global;
    }
}

static void bind_imports(Walk *walk, const Stmt *stmt) {
    bool future = stmt->kind == STMT_FROM_IMPORT && stmt->as.import.module &&
                  strcmp(stmt->as.import.module->text, "__future__") == 0;
    for (size_t i = 0; i < stmt->as.import.count; i++) {
        const ImportAlias *alias = &stmt->as.import.items[i];
        Name *name = alias->as ? alias->as : alias->name;
        if (future && strcmp(alias->name->text, "annotations") == 0)
            walk->string_annotations = true;
        if (strcmp(name->text, "*") == 0) {
            if (walk->scope->kind != SCOPE_MODULE)
                scope_error(walk, alias->span, "'import *' is only allowed at the top level");
            continue;
        }
        const char *dot = strchr(name->text, '.');
        if (dot) name = intern(walk->compiler->interns, name->text, (size_t)(dot - name->text));
        bind(walk, name, alias->span);
    }
}

static void visit_annotated(Walk *walk, const Stmt *stmt) {
    const Expr *target = stmt->as.ann_assign.target;
    visit(walk, stmt->as.ann_assign.value);
    if (walk->scope->frame->kind != SCOPE_FUNCTION && !walk->string_annotations)
        visit(walk, stmt->as.ann_assign.annotation);
    bool declares = target->kind == EXPR_NAME && !stmt->as.ann_assign.value &&
                    walk->scope->kind != SCOPE_FUNCTION;
    if (declares)
        scope_symbol(walk, walk->scope, target->as.name, target->span);
    else
        visit_target(walk, target);
}

static void visit_try(Walk *walk, const Stmt *stmt) {
    visit_block(walk, stmt->as.try.body);
    for (size_t i = 0; i < stmt->as.try.clause_count; i++) {
        const ExceptClause *clause = &stmt->as.try.clauses[i];
        visit(walk, clause->type);
        if (clause->name) bind(walk, clause->name, clause->span);
        visit_block(walk, clause->body);
    }
    visit_block(walk, stmt->as.try.orelse);
    visit_block(walk, stmt->as.try.finally);
}

/* A slot of the frame without a name. */
static uint32_t temporary(Walk *walk) {
    VEC_PUSH(walk->scope->frame->slot_names, NULL);
    return (uint32_t)walk->scope->frame->slot_names.count - 1;
}

static void visit_pattern(Walk *walk, Pattern *pattern) {
    if (enter(walk, pattern->span)) {
        pattern->slot = temporary(walk);
        visit(walk, pattern->value);
        visit_exprs(walk, pattern->values);
        for (size_t i = 0; i < pattern->count; i++)
            visit_pattern(walk, pattern->items[i]);
        if (pattern->name) bind(walk, pattern->name, pattern->span);
    }
    leave(walk);
}

static void visit_match(Walk *walk, const Stmt *stmt) {
    visit(walk, stmt->as.match.subject);
    stmt->as.match.cases[0].slot = temporary(walk);
    for (size_t i = 0; i < stmt->as.match.count; i++) {
        const MatchCase *clause = &stmt->as.match.cases[i];
        visit_pattern(walk, clause->pattern);
        visit(walk, clause->guard);
        visit_block(walk, clause->body);
    }
}

static void visit_stmt(Walk *walk, const Stmt *stmt) {
    switch (stmt->kind) {
    case STMT_EXPR:
    case STMT_RETURN:
        visit(walk, stmt->as.expr);
        break;
    case STMT_ASSIGN:
        visit(walk, stmt->as.assign.value);
        for (size_t i = 0; i < stmt->as.assign.targets.count; i++)
            visit_target(walk, stmt->as.assign.targets.items[i]);
        break;
    case STMT_AUG_ASSIGN:
        visit(walk, stmt->as.aug_assign.target);
        visit(walk, stmt->as.aug_assign.value);
        visit_target(walk, stmt->as.aug_assign.target);
        break;
    case STMT_ANN_ASSIGN:
        visit_annotated(walk, stmt);
        break;
    case STMT_DELETE:
        for (size_t i = 0; i < stmt->as.targets.count; i++)
            visit_target(walk, stmt->as.targets.items[i]);
        break;
    case STMT_RAISE:
        visit(walk, stmt->as.raise.exception);
        visit(walk, stmt->as.raise.cause);
        break;
    case STMT_ASSERT:
        visit(walk, stmt->as.assertion.test);
        visit(walk, stmt->as.assertion.message);
        break;
    case STMT_GLOBAL:
    case STMT_NONLOCAL:
        declare_names(walk, stmt);
        break;
    case STMT_IMPORT:
    case STMT_FROM_IMPORT:
        bind_imports(walk, stmt);
        break;
    case STMT_IF:
    case STMT_WHILE:
        visit(walk, stmt->as.branch.test);
        visit_block(walk, stmt->as.branch.body);
        visit_block(walk, stmt->as.branch.orelse);
        break;
    case STMT_FOR:
        visit(walk, stmt->as.loop.iterable);
        visit_target(walk, stmt->as.loop.target);
        visit_block(walk, stmt->as.loop.body);
        visit_block(walk, stmt->as.loop.orelse);
        break;
    case STMT_TRY:
        visit_try(walk, stmt);
        break;
    case STMT_WITH:
        for (size_t i = 0; i < stmt->as.with.count; i++) {
            visit(walk, stmt->as.with.items[i].context);
            if (stmt->as.with.items[i].target) visit_target(walk, stmt->as.with.items[i].target);
        }
        visit_block(walk, stmt->as.with.body);
        break;
    case STMT_MATCH:
        visit_match(walk, stmt);
        break;
    case STMT_DEF:
        visit_function(walk, stmt->as.function);
        bind(walk, stmt->as.function->name, stmt->as.function->name_span);
        break;
    case STMT_CLASS:
        visit_class(walk, stmt->as.class);
        break;
    case STMT_PASS:
    case STMT_BREAK:
    case STMT_CONTINUE:
        break;
    }
}

static void visit_block(Walk *walk, Block block) {
    for (size_t i = 0; i < block.count; i++) {
        if (enter(walk, block.items[i]->span)) visit_stmt(walk, block.items[i]);
        leave(walk);
    }
}

Scope *scope_module(Compiler *compiler, const ModuleAst *module) {
    Walk walk = {.compiler = compiler,
                 .class_name = intern_text(compiler->interns, "__class__"),
                 .super_name = intern_text(compiler->interns, "super"),
                 .genexpr = intern_text(compiler->interns, "<genexpr>")};
    Name *name = intern_text(compiler->interns, "<module>");
    Scope *scope = walk.scope = scope_new(&walk, SCOPE_MODULE, NULL, NULL, name);
    visit_block(&walk, module->body);
    if (!walk.too_deep) scope_resolve_all(&walk, scope);
    if (!walk.failed) return scope;
    scope_free(scope);
    return NULL;
}

void scope_free(Scope *scope) {
    for (size_t i = 0; i < scope->children.count; i++)
        scope_free(scope->children.items[i]);
    VEC_FREE(scope->symbols);
    VEC_FREE(scope->children);
    VEC_FREE(scope->slot_names);
    VEC_FREE(scope->free);
}
