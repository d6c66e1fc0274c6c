/* Code for expressions; calls and comprehensions are in compile_call.c. */
#include "frontend/compile_internal.h"

#include "support/checked.h"

/* Displays longer than this are built piece by piece, so that the stack stays small. */
enum { DISPLAY_CHUNK = 64 };

static bool literal(const Expr *expr, Const *out) {
    *out = (Const){.kind = CONST_NONE};
    switch (expr->kind) {
    case EXPR_NONE:
        return true;
    case EXPR_TRUE:
        out->kind = CONST_TRUE;
        return true;
    case EXPR_FALSE:
        out->kind = CONST_FALSE;
        return true;
    case EXPR_ELLIPSIS:
        out->kind = CONST_ELLIPSIS;
        return true;
    case EXPR_INT:
        out->kind = CONST_INT;
        out->as.integer = expr->as.integer;
        return true;
    case EXPR_FLOAT:
        out->kind = CONST_FLOAT;
        out->as.number = expr->as.number;
        return true;
    case EXPR_BIG_INT:
    case EXPR_STRING:
    case EXPR_BYTES:
        out->kind = expr->kind == EXPR_BIG_INT  ? CONST_BIG_INT
                    : expr->kind == EXPR_STRING ? CONST_STRING
                                                : CONST_BYTES;
        out->as.string.bytes = expr->as.string.bytes;
        out->as.string.length = expr->as.string.length;
        return true;
    default:
        return false;
    }
}

/* -2 and -2.5. */
static bool negative(const Expr *expr, Const *out) {
    if (expr->kind != EXPR_UNARY || expr->as.unary.op != UNARY_NEG) return false;
    const Expr *operand = expr->as.unary.operand;
    if (operand->kind == EXPR_INT) {
        *out = (Const){.kind = CONST_INT, .as.integer = -operand->as.integer};
        return true;
    }
    if (operand->kind != EXPR_FLOAT) return false;
    *out = (Const){.kind = CONST_FLOAT, .as.number = -operand->as.number};
    return true;
}

bool compile_constant(const Expr *expr, Const *out) {
    return literal(expr, out) || negative(expr, out);
}

static void emit_constant(Emitter *emitter, const Const *value) {
    if (value->kind == CONST_INT)
        emit_int(emitter, value->as.integer);
    else
        emit_const(emitter, *value);
}

/* A tuple of constants is a constant. */
static bool constant_tuple(Emitter *emitter, Exprs items, Const *out) {
    if (items.count == 0) return false;
    Const value;
    for (size_t i = 0; i < items.count; i++)
        if (!compile_constant(items.items[i], &value)) return false;
    Const *consts = ARENA_ARRAY(emitter->unit->compiler->arena, Const, items.count);
    for (size_t i = 0; i < items.count; i++)
        compile_constant(items.items[i], &consts[i]);
    *out = (Const){.kind = CONST_TUPLE};
    out->as.tuple.items = consts;
    out->as.tuple.count = items.count;
    return true;
}

void compile_items(Emitter *emitter, Exprs items, Opcode op) {
    bool pieces = items.count > DISPLAY_CHUNK;
    for (size_t i = 0; i < items.count; i++)
        pieces |= items.items[i]->kind == EXPR_STARRED;
    if (!pieces) {
        for (size_t i = 0; i < items.count; i++)
            compile_expr(emitter, items.items[i]);
        emit_c(emitter, op, (int64_t)items.count);
        return;
    }
    bool set = op == OP_SET;
    emit_c(emitter, set ? OP_SET : OP_LIST, 0);
    for (size_t i = 0; i < items.count; i++) {
        const Expr *item = items.items[i];
        bool star = item->kind == EXPR_STARRED;
        compile_expr(emitter, star ? item->as.value : item);
        if (star)
            emit0(emitter, set ? OP_SET_UPDATE : OP_LIST_EXTEND);
        else
            emit(emitter, set ? OP_SET_ADD : OP_LIST_APPEND, 0, 1, 0);
    }
    if (op == OP_TUPLE) emit0(emitter, OP_LIST_TO_TUPLE);
}

static void compile_tuple(Emitter *emitter, const Expr *expr) {
    Const value;
    if (constant_tuple(emitter, expr->as.items, &value))
        emit_const(emitter, value);
    else
        compile_items(emitter, expr->as.items, OP_TUPLE);
}

static void compile_list(Emitter *emitter, const Expr *expr) {
    Const value;
    if (expr->as.items.count > 3 && constant_tuple(emitter, expr->as.items, &value)) {
        emit_c(emitter, OP_LIST, 0);
        emit_const(emitter, value);
        emit0(emitter, OP_LIST_EXTEND);
    } else {
        compile_items(emitter, expr->as.items, OP_LIST);
    }
}

static void compile_dict(Emitter *emitter, const Expr *expr) {
    size_t count = expr->as.dict.count;
    bool pieces = count > DISPLAY_CHUNK;
    for (size_t i = 0; i < count; i++)
        pieces |= expr->as.dict.keys[i] == NULL;
    if (pieces) emit_c(emitter, OP_DICT, 0);
    for (size_t i = 0; i < count; i++) {
        if (expr->as.dict.keys[i]) compile_expr(emitter, expr->as.dict.keys[i]);
        compile_expr(emitter, expr->as.dict.values[i]);
        if (!pieces) continue;
        if (expr->as.dict.keys[i])
            emit(emitter, OP_DICT_PUT, 0, 1, 0);
        else
            emit0(emitter, OP_DICT_UPDATE);
    }
    if (!pieces) emit_c(emitter, OP_DICT, (int64_t)count);
}

static void compile_fstring(Emitter *emitter, const Expr *expr) {
    Exprs parts = expr->as.items;
    for (size_t i = 0; i < parts.count; i++)
        compile_expr(emitter, parts.items[i]);
    bool text = parts.count == 1; /* one part is a string already */
    if (!text) emit_c(emitter, OP_JOIN, (int64_t)parts.count);
}

static void compile_formatted(Emitter *emitter, const Expr *expr) {
    compile_expr(emitter, expr->as.formatted.value);
    if (expr->as.formatted.spec) compile_expr(emitter, expr->as.formatted.spec);
    emitter->span = expr->span;
    emit(emitter, OP_FORMAT, expr->as.formatted.conversion, expr->as.formatted.spec != NULL, 0);
}

/* The value of `a and b and c`, or of `or`. */
static void compile_logical(Emitter *emitter, const Expr *expr) {
    Opcode op = expr->kind == EXPR_AND ? OP_JUMP_IF_FALSE_OR_POP : OP_JUMP_IF_TRUE_OR_POP;
    uint32_t end = emit_label(emitter);
    for (size_t i = 0; i < expr->as.items.count; i++) {
        compile_expr(emitter, expr->as.items.items[i]);
        if (i + 1 < expr->as.items.count) emit_jump(emitter, op, 0, 0, end);
    }
    emit_place(emitter, end);
}

/* Compares the first two operands of a chain's rest, keeping the second for the next link:
 * (x y -- y result). */
static void compare_link(Emitter *emitter, CompareOp op) {
    emit0(emitter, OP_DUP);
    emit0(emitter, OP_ROT3);
    emit(emitter, OP_COMPARE, (int)op, 0, 0);
}

static void compile_compare(Emitter *emitter, const Expr *expr) {
    Exprs operands = expr->as.compare.operands;
    compile_expr(emitter, operands.items[0]);
    compile_expr(emitter, operands.items[1]);
    emitter->span = expr->span;
    if (operands.count == 2) {
        emit(emitter, OP_COMPARE, (int)expr->as.compare.ops[0], 0, 0);
        return;
    }
    uint32_t failed = emit_label(emitter), end = emit_label(emitter);
    for (size_t i = 1; i + 1 < operands.count; i++) {
        compare_link(emitter, expr->as.compare.ops[i - 1]);
        emit_jump(emitter, OP_JUMP_IF_FALSE_OR_POP, 0, 0, failed);
        compile_expr(emitter, operands.items[i + 1]);
        emitter->span = expr->span;
    }
    emit(emitter, OP_COMPARE, (int)expr->as.compare.ops[operands.count - 2], 0, 0);
    emit_jump(emitter, OP_JUMP, 0, 0, end);
    emit_place(emitter, failed);
    emit_grow(emitter); /* the operand kept for the next link */
    emit0(emitter, OP_SWAP);
    emit0(emitter, OP_POP);
    emit_place(emitter, end);
}

/* -1: unknown until run time. */
static int constant_truth(const Expr *expr) {
    switch (expr->kind) {
    case EXPR_NONE:
    case EXPR_FALSE:
        return 0;
    case EXPR_TRUE:
        return 1;
    case EXPR_INT:
        return expr->as.integer != 0;
    default:
        return -1;
    }
}

static void condition_logical(Emitter *emitter, const Expr *expr, bool jump_if, uint32_t label) {
    /* `a and b` is false as soon as one is: those jump directly, the rest decides. */
    bool early = expr->kind == EXPR_OR;
    uint32_t skip = emit_label(emitter);
    size_t count = expr->as.items.count;
    for (size_t i = 0; i + 1 < count; i++)
        compile_condition(emitter, expr->as.items.items[i], early, early == jump_if ? label : skip);
    compile_condition(emitter, expr->as.items.items[count - 1], jump_if, label);
    emit_place(emitter, skip);
}

void compile_condition(Emitter *emitter, const Expr *expr, bool jump_if, uint32_t label) {
    int truth = constant_truth(expr);
    Span outer = emitter->span;
    if (truth >= 0) {
        if (truth == jump_if) emit_jump(emitter, OP_JUMP, 0, 0, label);
    } else if (expr->kind == EXPR_NOT) {
        compile_condition(emitter, expr->as.value, !jump_if, label);
    } else if (expr->kind == EXPR_AND || expr->kind == EXPR_OR) {
        condition_logical(emitter, expr, jump_if, label);
    } else if (expr->kind == EXPR_COMPARE && expr->as.compare.operands.count == 2) {
        compile_expr(emitter, expr->as.compare.operands.items[0]);
        compile_expr(emitter, expr->as.compare.operands.items[1]);
        emitter->span = expr->span;
        emit_jump(emitter, OP_COMPARE_JUMP, (int)expr->as.compare.ops[0], jump_if, label);
    } else {
        compile_expr(emitter, expr);
        emitter->span = expr->span;
        emit_jump(emitter, jump_if ? OP_JUMP_IF_TRUE : OP_JUMP_IF_FALSE, 0, 0, label);
    }
    emitter->span = outer;
}

static void compile_conditional(Emitter *emitter, const Expr *expr) {
    uint32_t orelse = emit_label(emitter), end = emit_label(emitter);
    compile_condition(emitter, expr->as.conditional.test, false, orelse);
    compile_expr(emitter, expr->as.conditional.body);
    emit_jump(emitter, OP_JUMP, 0, 0, end);
    emitter->depth--;
    emit_place(emitter, orelse);
    compile_expr(emitter, expr->as.conditional.orelse);
    emit_place(emitter, end);
}

static void compile_slice(Emitter *emitter, const Expr *expr) {
    const Expr *parts[] = {expr->as.slice.start, expr->as.slice.stop, expr->as.slice.step};
    int count = parts[2] ? 3 : 2;
    for (int i = 0; i < count; i++) {
        if (parts[i])
            compile_expr(emitter, parts[i]);
        else
            emit_none(emitter);
    }
    emit(emitter, OP_SLICE, count, 0, 0);
}

static void compile_yield(Emitter *emitter, const Expr *expr) {
    if (expr->as.value)
        compile_expr(emitter, expr->as.value);
    else
        emit_none(emitter);
    emitter->span = expr->span;
    if (expr->kind == EXPR_YIELD) {
        emit0(emitter, OP_YIELD);
    } else {
        emit0(emitter, OP_GET_ITER);
        emit_none(emitter);
        emit0(emitter, OP_YIELD_FROM);
    }
}

static void compile_unary(Emitter *emitter, const Expr *expr) {
    Const value;
    if (negative(expr, &value)) {
        emit_constant(emitter, &value);
        return;
    }
    compile_expr(emitter, expr->as.unary.operand);
    emitter->span = expr->span;
    emit0(emitter, (Opcode)(OP_NEG + expr->as.unary.op));
}

static void compile_lambda(Emitter *emitter, const Expr *expr) {
    compile_function(emitter, expr->as.function);
}

static void compile_operation(Emitter *emitter, const Expr *expr) {
    switch (expr->kind) {
    case EXPR_NAME:
        compile_load(emitter, expr->as.name);
        break;
    case EXPR_FSTRING:
        compile_fstring(emitter, expr);
        break;
    case EXPR_FORMATTED:
        compile_formatted(emitter, expr);
        break;
    case EXPR_TUPLE:
        compile_tuple(emitter, expr);
        break;
    case EXPR_LIST:
        compile_list(emitter, expr);
        break;
    case EXPR_SET:
        compile_items(emitter, expr->as.items, OP_SET);
        break;
    case EXPR_DICT:
        compile_dict(emitter, expr);
        break;
    case EXPR_UNARY:
        compile_unary(emitter, expr);
        break;
    case EXPR_NOT:
        compile_expr(emitter, expr->as.value);
        emit0(emitter, OP_NOT);
        break;
    case EXPR_BINARY:
        compile_expr(emitter, expr->as.binary.left);
        compile_expr(emitter, expr->as.binary.right);
        emitter->span = expr->span;
        emit0(emitter, (Opcode)(OP_ADD + expr->as.binary.op));
        break;
    case EXPR_AND:
    case EXPR_OR:
        compile_logical(emitter, expr);
        break;
    case EXPR_COMPARE:
        compile_compare(emitter, expr);
        break;
    case EXPR_IF:
        compile_conditional(emitter, expr);
        break;
    case EXPR_CALL:
        compile_call(emitter, expr);
        break;
    case EXPR_ATTRIBUTE:
        compile_expr(emitter, expr->as.attribute.object);
        emitter->span = expr->span;
        emit_cached(emitter, OP_LOAD_ATTR, expr->as.attribute.name);
        break;
    case EXPR_SUBSCRIPT:
        compile_expr(emitter, expr->as.subscript.object);
        compile_expr(emitter, expr->as.subscript.index);
        emitter->span = expr->span;
        emit0(emitter, OP_LOAD_SUBSCRIPT);
        break;
    case EXPR_SLICE:
        compile_slice(emitter, expr);
        break;
    case EXPR_LAMBDA:
        compile_lambda(emitter, expr);
        break;
    case EXPR_WALRUS:
        compile_expr(emitter, expr->as.walrus.value);
        emit0(emitter, OP_DUP);
        compile_store(emitter, expr->as.walrus.target->as.name);
        break;
    case EXPR_COMP:
        compile_comp(emitter, expr);
        break;
    case EXPR_YIELD:
    case EXPR_YIELD_FROM:
        compile_yield(emitter, expr);
        break;
    default:
        NNC_BUG("expression kind %d has no code", expr->kind);
    }
}

void compile_expr(Emitter *emitter, const Expr *expr) {
    Span outer = emitter->span;
    Const value;
    emitter->span = expr->span;
    if (literal(expr, &value))
        emit_constant(emitter, &value);
    else
        compile_operation(emitter, expr);
    emitter->span = outer;
}
