/* Code for statements; try and with are in compile_try.c. */
#include "frontend/compile_internal.h"

#include <string.h>

bool compile_docstring(Block block, const Expr **doc) {
    if (!block.count || block.items[0]->kind != STMT_EXPR) return false;
    *doc = block.items[0]->as.expr;
    return (*doc)->kind == EXPR_STRING;
}

static void compile_assign(Emitter *emitter, const Stmt *stmt) {
    Exprs targets = stmt->as.assign.targets;
    const Expr *value = stmt->as.assign.value, *first = targets.items[0];
    bool swap = targets.count == 1 && first->kind == EXPR_TUPLE && value->kind == EXPR_TUPLE &&
                first->as.items.count == 2 && value->as.items.count == 2;
    for (size_t i = 0; swap && i < 2; i++)
        swap = first->as.items.items[i]->kind != EXPR_STARRED &&
               value->as.items.items[i]->kind != EXPR_STARRED;
    if (swap) { /* a, b = b, a needs no tuple */
        compile_expr(emitter, value->as.items.items[0]);
        compile_expr(emitter, value->as.items.items[1]);
        emit0(emitter, OP_SWAP);
        compile_target(emitter, first->as.items.items[0]);
        compile_target(emitter, first->as.items.items[1]);
        return;
    }
    compile_expr(emitter, value);
    for (size_t i = 0; i < targets.count; i++) {
        if (i + 1 < targets.count) emit0(emitter, OP_DUP);
        compile_target(emitter, targets.items[i]);
    }
}

static void compile_aug_assign(Emitter *emitter, const Stmt *stmt) {
    const Expr *target = stmt->as.aug_assign.target;
    Opcode op = (Opcode)(OP_ADD + stmt->as.aug_assign.op);
    Span span = emitter->span;
    if (target->kind == EXPR_ATTRIBUTE) {
        compile_expr(emitter, target->as.attribute.object);
        emit0(emitter, OP_DUP);
        emitter->span = target->span;
        emit_cached(emitter, OP_LOAD_ATTR, target->as.attribute.name);
    } else if (target->kind == EXPR_SUBSCRIPT) {
        compile_expr(emitter, target->as.subscript.object);
        compile_expr(emitter, target->as.subscript.index);
        emitter->span = target->span;
        emit0(emitter, OP_DUP2);
        emit0(emitter, OP_LOAD_SUBSCRIPT);
    } else {
        compile_expr(emitter, target);
    }
    compile_expr(emitter, stmt->as.aug_assign.value);
    emitter->span = span;
    emit(emitter, op, 1, 0, 0);
    emitter->span = target->span;
    if (target->kind == EXPR_ATTRIBUTE) {
        emit0(emitter, OP_SWAP);
        emit_cached(emitter, OP_STORE_ATTR, target->as.attribute.name);
    } else if (target->kind == EXPR_SUBSCRIPT) {
        emit0(emitter, OP_ROT3);
        emit0(emitter, OP_STORE_SUBSCRIPT);
    } else {
        compile_store(emitter, target->as.name);
    }
    emitter->span = span;
}

/* Annotations are kept at module and class level only, as in Python. */
static void compile_ann_assign(Emitter *emitter, const Stmt *stmt) {
    const Expr *target = stmt->as.ann_assign.target;
    if (stmt->as.ann_assign.value) {
        compile_expr(emitter, stmt->as.ann_assign.value);
        compile_target(emitter, target);
    }
    bool kept = emitter->scope->kind != SCOPE_FUNCTION && target->kind == EXPR_NAME &&
                !target->parenthesized;
    if (!kept) return;
    compile_annotation(emitter, stmt->as.ann_assign.annotation);
    emit_name_op(emitter, OP_ANNOTATE, target->as.name);
}

static void compile_delete_target(Emitter *emitter, const Expr *target) {
    switch (target->kind) {
    case EXPR_NAME:
        compile_delete(emitter, target->as.name);
        break;
    case EXPR_ATTRIBUTE:
        compile_expr(emitter, target->as.attribute.object);
        emit_name_op(emitter, OP_DELETE_ATTR, target->as.attribute.name);
        break;
    case EXPR_SUBSCRIPT:
        compile_expr(emitter, target->as.subscript.object);
        compile_expr(emitter, target->as.subscript.index);
        emit0(emitter, OP_DELETE_SUBSCRIPT);
        break;
    default:
        for (size_t i = 0; i < target->as.items.count; i++)
            compile_delete_target(emitter, target->as.items.items[i]);
        break;
    }
}

static void compile_if(Emitter *emitter, const Stmt *stmt) {
    uint32_t orelse = emit_label(emitter);
    compile_condition(emitter, stmt->as.branch.test, false, orelse);
    compile_block(emitter, stmt->as.branch.body);
    if (stmt->as.branch.orelse.count) {
        uint32_t end = emit_label(emitter);
        emit_jump(emitter, OP_JUMP, 0, 0, end);
        emit_place(emitter, orelse);
        compile_block(emitter, stmt->as.branch.orelse);
        emit_place(emitter, end);
    } else {
        emit_place(emitter, orelse);
    }
}

static void compile_while(Emitter *emitter, const Stmt *stmt) {
    EmitBlock loop = {.kind = BLOCK_LOOP};
    loop.break_label = emit_label(emitter);
    loop.continue_label = emit_label(emitter);
    uint32_t orelse = emit_label(emitter);
    emit_place(emitter, loop.continue_label);
    emitter->span = stmt->as.branch.test->span;
    emit0(emitter, OP_BACK_EDGE);
    compile_condition(emitter, stmt->as.branch.test, false, orelse);
    emit_push_block(emitter, &loop);
    compile_block(emitter, stmt->as.branch.body);
    emit_pop_block(emitter);
    emit_jump(emitter, OP_JUMP, 0, 0, loop.continue_label);
    emit_place(emitter, orelse);
    compile_block(emitter, stmt->as.branch.orelse);
    emit_place(emitter, loop.break_label);
}

/* The FOR that stores its item itself, when the loop's target is a plain variable; OP_FOR and the
 * item on the stack otherwise. */
static Opcode for_opcode(Emitter *emitter, const Expr *target, uint32_t *slot) {
    if (target->kind != EXPR_NAME) return OP_FOR;
    Variable variable = scope_resolve(emitter->scope, target->as.name);
    *slot = variable.slot;
    if (variable.kind == VARIABLE_GLOBAL) *slot = compile_global_slot(emitter, target->as.name);
    if (*slot > UINT16_MAX) return OP_FOR;
    if (variable.kind == VARIABLE_GLOBAL) return OP_FOR_GLOBAL;
    return variable.kind == VARIABLE_LOCAL ? OP_FOR_LOCAL : OP_FOR;
}

static void compile_for(Emitter *emitter, const Stmt *stmt) {
    const Expr *target = stmt->as.loop.target;
    Span header = stmt->as.loop.iterable->span;
    EmitBlock loop = {.kind = BLOCK_LOOP, .has_iterator = true};
    loop.break_label = emit_label(emitter);
    loop.continue_label = emit_label(emitter);
    uint32_t body = emit_label(emitter), slot = 0;
    Opcode op = for_opcode(emitter, target, &slot);
    compile_expr(emitter, stmt->as.loop.iterable);
    emitter->span = header;
    emit0(emitter, OP_GET_ITER);
    emit_jump(emitter, OP_JUMP, 0, 0, loop.continue_label);
    emit_place(emitter, body);
    if (op == OP_FOR) {
        emit_grow(emitter);
        compile_target(emitter, target);
    }
    emit_push_block(emitter, &loop);
    compile_block(emitter, stmt->as.loop.body);
    emit_pop_block(emitter);
    emit_place(emitter, loop.continue_label);
    emitter->span = header;
    emit_jump(emitter, op, 0, slot, body);
    compile_block(emitter, stmt->as.loop.orelse);
    emit_place(emitter, loop.break_label);
}

static void compile_loop_exit(Emitter *emitter, const Stmt *stmt) {
    EmitBlock *loop = emitter->blocks;
    while (loop && loop->kind != BLOCK_LOOP)
        loop = loop->outer;
    if (!loop) return; /* the parser has refused it */
    compile_leave(emitter, loop, false);
    bool again = stmt->kind == STMT_CONTINUE;
    if (!again && loop->has_iterator) emit0(emitter, OP_POP);
    emit_jump(emitter, OP_JUMP, 0, 0, again ? loop->continue_label : loop->break_label);
}

static void compile_return(Emitter *emitter, const Stmt *stmt) {
    if (stmt->as.expr)
        compile_expr(emitter, stmt->as.expr);
    else
        emit_none(emitter);
    compile_leave(emitter, NULL, true);
    emit0(emitter, OP_RETURN);
}

static void compile_assert(Emitter *emitter, const Stmt *stmt) {
    uint32_t end = emit_label(emitter);
    compile_condition(emitter, stmt->as.assertion.test, true, end);
    if (stmt->as.assertion.message) compile_expr(emitter, stmt->as.assertion.message);
    emit(emitter, OP_RAISE_ASSERT, stmt->as.assertion.message != NULL, 0, 0);
    emit_place(emitter, end);
}

static void compile_raise(Emitter *emitter, const Stmt *stmt) {
    int count = 0;
    if (stmt->as.raise.exception) {
        compile_expr(emitter, stmt->as.raise.exception);
        count++;
    }
    if (stmt->as.raise.cause) {
        compile_expr(emitter, stmt->as.raise.cause);
        count++;
    }
    emit(emitter, OP_RAISE, count, 0, 0);
}

static void compile_import(Emitter *emitter, const Stmt *stmt) {
    for (size_t i = 0; i < stmt->as.import.count; i++) {
        const ImportAlias *alias = &stmt->as.import.items[i];
        emitter->span = alias->span;
        emit(emitter, OP_IMPORT, alias->as != NULL, 0, emit_add_name(emitter, alias->name));
        Name *name = alias->as ? alias->as : alias->name;
        const char *dot = strchr(name->text, '.');
        if (dot)
            name = intern(emitter->unit->compiler->interns, name->text, (size_t)(dot - name->text));
        compile_store(emitter, name);
    }
}

static void compile_from_import(Emitter *emitter, const Stmt *stmt) {
    Interns *interns = emitter->unit->compiler->interns;
    Name *module = stmt->as.import.module;
    if (module && strcmp(module->text, "__future__") == 0) {
        for (size_t i = 0; i < stmt->as.import.count; i++)
            if (strcmp(stmt->as.import.items[i].name->text, "annotations") == 0)
                emitter->unit->string_annotations = true;
        return; /* the other features are the language's own by now */
    }
    emitter->span = stmt->as.import.module_span;
    if (!module) module = intern_text(interns, "");
    emit(emitter, OP_IMPORT, 1, stmt->as.import.level, emit_add_name(emitter, module));
    for (size_t i = 0; i < stmt->as.import.count; i++) {
        const ImportAlias *alias = &stmt->as.import.items[i];
        emitter->span = alias->span;
        if (strcmp(alias->name->text, "*") == 0) {
            emit0(emitter, OP_IMPORT_STAR);
            return;
        }
        emit_name_op(emitter, OP_IMPORT_FROM, alias->name);
        compile_store(emitter, alias->as ? alias->as : alias->name);
    }
    emit0(emitter, OP_POP);
}

static void compile_expression_stmt(Emitter *emitter, const Stmt *stmt) {
    Const value;
    if (compile_constant(stmt->as.expr, &value)) return; /* docstrings and the like */
    compile_expr(emitter, stmt->as.expr);
    emit0(emitter, OP_POP);
}

static void compile_stmt(Emitter *emitter, const Stmt *stmt) {
    switch (stmt->kind) {
    case STMT_EXPR:
        compile_expression_stmt(emitter, stmt);
        break;
    case STMT_ASSIGN:
        compile_assign(emitter, stmt);
        break;
    case STMT_AUG_ASSIGN:
        compile_aug_assign(emitter, stmt);
        break;
    case STMT_ANN_ASSIGN:
        compile_ann_assign(emitter, stmt);
        break;
    case STMT_RETURN:
        compile_return(emitter, stmt);
        break;
    case STMT_DELETE:
        for (size_t i = 0; i < stmt->as.targets.count; i++)
            compile_delete_target(emitter, stmt->as.targets.items[i]);
        break;
    case STMT_BREAK:
    case STMT_CONTINUE:
        compile_loop_exit(emitter, stmt);
        break;
    case STMT_RAISE:
        compile_raise(emitter, stmt);
        break;
    case STMT_ASSERT:
        compile_assert(emitter, stmt);
        break;
    case STMT_IMPORT:
        compile_import(emitter, stmt);
        break;
    case STMT_FROM_IMPORT:
        compile_from_import(emitter, stmt);
        break;
    case STMT_IF:
        compile_if(emitter, stmt);
        break;
    case STMT_WHILE:
        compile_while(emitter, stmt);
        break;
    case STMT_FOR:
        compile_for(emitter, stmt);
        break;
    case STMT_TRY:
        compile_try(emitter, stmt);
        break;
    case STMT_WITH:
        compile_with(emitter, stmt, 0);
        break;
    case STMT_MATCH:
        compile_match(emitter, stmt);
        break;
    case STMT_DEF:
        compile_function(emitter, stmt->as.function);
        emitter->span = stmt->span;
        compile_store(emitter, stmt->as.function->name);
        break;
    case STMT_CLASS:
        compile_class(emitter, stmt->as.class);
        emitter->span = stmt->span;
        compile_store(emitter, stmt->as.class->name);
        break;
    case STMT_PASS:
    case STMT_GLOBAL:
    case STMT_NONLOCAL:
        break;
    }
}

void compile_block(Emitter *emitter, Block block) {
    Span outer = emitter->span;
    for (size_t i = 0; i < block.count && !emitter->unit->failed; i++) {
        uint32_t depth = emitter->depth;
        emitter->span = block.items[i]->span;
        compile_stmt(emitter, block.items[i]);
        emitter->depth = depth; /* a statement that leaves may end at another depth */
    }
    emitter->span = outer;
}
