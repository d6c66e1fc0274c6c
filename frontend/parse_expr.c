/* Expressions down to the binary operators; atoms and trailers are in parse_atom.c.
 *
 * Chains of binary operators use precedence climbing; comparison chains stay one node. */
#include "frontend/parser_internal.h"

Expr *parser_new_expr(Parser *parser, ExprKind kind, uint32_t begin) {
    Expr *expr = ARENA_NEW(parser->arena, Expr);
    expr->kind = kind;
    expr->span = parser_span_from(parser, begin);
    return expr;
}

/* Binding strength of binary operators; 0: not one. */
static int binary_strength(TokenKind kind, BinaryOp *op) {
    switch (kind) {
    case TOKEN_OR_BITS:
        *op = BINARY_OR;
        return 1;
    case TOKEN_XOR:
        *op = BINARY_XOR;
        return 2;
    case TOKEN_AND_BITS:
        *op = BINARY_AND;
        return 3;
    case TOKEN_LSHIFT:
        *op = BINARY_LSHIFT;
        return 4;
    case TOKEN_RSHIFT:
        *op = BINARY_RSHIFT;
        return 4;
    case TOKEN_ADD:
        *op = BINARY_ADD;
        return 5;
    case TOKEN_SUB:
        *op = BINARY_SUB;
        return 5;
    case TOKEN_MUL:
        *op = BINARY_MUL;
        return 6;
    case TOKEN_DIV:
        *op = BINARY_DIV;
        return 6;
    case TOKEN_FLOORDIV:
        *op = BINARY_FLOORDIV;
        return 6;
    case TOKEN_MOD:
        *op = BINARY_MOD;
        return 6;
    case TOKEN_MATMUL:
        *op = BINARY_MATMUL;
        return 6;
    default:
        return 0;
    }
}

static Expr *new_binary(Parser *parser, BinaryOp op, Expr *left, Expr *right) {
    Expr *expr = parser_new_expr(parser, EXPR_BINARY, left->span.begin);
    expr->as.binary.op = op;
    expr->as.binary.left = left;
    expr->as.binary.right = right;
    return expr;
}

static Expr *parse_unary(Parser *parser);

static Expr *parse_power(Parser *parser) {
    Expr *base = parse_primary(parser);
    if (!parser_accept(parser, TOKEN_POW)) return base;
    parser_enter(parser);
    Expr *exponent = parse_unary(parser); /* right associative, and binds looser than -x there */
    parser_leave(parser);
    return new_binary(parser, BINARY_POW, base, exponent);
}

static Expr *parse_unary(Parser *parser) {
    UnaryOp op;
    uint32_t begin = parser->token.begin;
    if (parser_at(parser, TOKEN_SUB))
        op = UNARY_NEG;
    else if (parser_at(parser, TOKEN_ADD))
        op = UNARY_POS;
    else if (parser_at(parser, TOKEN_INVERT))
        op = UNARY_INVERT;
    else
        return parse_power(parser);
    parser_enter(parser);
    parser_advance(parser);
    Expr *operand = parse_unary(parser);
    parser_leave(parser);
    Expr *expr = parser_new_expr(parser, EXPR_UNARY, begin);
    expr->as.unary.op = op;
    expr->as.unary.operand = operand;
    return expr;
}

static Expr *parse_binary(Parser *parser, int minimum) {
    Expr *left = parse_unary(parser);
    for (;;) {
        BinaryOp op;
        int strength = binary_strength(parser->token.kind, &op);
        if (strength < minimum || strength == 0) return left;
        parser_advance(parser);
        Expr *right = parse_binary(parser, strength + 1);
        left = new_binary(parser, op, left, right);
    }
}

Expr *parse_operand(Parser *parser) {
    return parse_binary(parser, 1);
}

/* Reads a comparison operator, of one or two tokens. */
static bool accept_compare(Parser *parser, CompareOp *op) {
    switch (parser->token.kind) {
    case TOKEN_EQ:
        *op = COMPARE_EQ;
        break;
    case TOKEN_NE:
        *op = COMPARE_NE;
        break;
    case TOKEN_LT:
        *op = COMPARE_LT;
        break;
    case TOKEN_LE:
        *op = COMPARE_LE;
        break;
    case TOKEN_GT:
        *op = COMPARE_GT;
        break;
    case TOKEN_GE:
        *op = COMPARE_GE;
        break;
    case TOKEN_IN:
        *op = COMPARE_IN;
        break;
    case TOKEN_IS:
        parser_advance(parser);
        *op = parser_accept(parser, TOKEN_NOT) ? COMPARE_IS_NOT : COMPARE_IS;
        return true;
    case TOKEN_NOT:
        parser_advance(parser);
        parser_expect(parser, TOKEN_IN, "'in' after 'not'");
        *op = COMPARE_NOT_IN;
        return true;
    default:
        return false;
    }
    parser_advance(parser);
    return true;
}

static Expr *parse_comparison(Parser *parser) {
    Expr *first = parse_operand(parser);
    CompareOp op;
    if (!accept_compare(parser, &op)) return first;
    size_t mark = parser_mark(parser);
    CompareOp ops[64];
    size_t count = 0;
    parser_push(parser, first);
    do {
        if (count == sizeof ops / sizeof *ops)
            parser_fail(parser, parser_token_span(parser), "too many comparisons in one chain");
        ops[count++] = op;
        parser_push(parser, parse_operand(parser));
    } while (accept_compare(parser, &op));
    Expr *expr = parser_new_expr(parser, EXPR_COMPARE, first->span.begin);
    expr->as.compare.operands = parser_take_exprs(parser, mark);
    expr->as.compare.ops = arena_copy(parser->arena, ops, count, sizeof *ops);
    return expr;
}

static Expr *parse_not(Parser *parser) {
    if (!parser_at(parser, TOKEN_NOT)) return parse_comparison(parser);
    uint32_t begin = parser->token.begin;
    parser_enter(parser);
    parser_advance(parser);
    Expr *operand = parse_not(parser);
    parser_leave(parser);
    Expr *expr = parser_new_expr(parser, EXPR_NOT, begin);
    expr->as.value = operand;
    return expr;
}

static Expr *parse_and_test(Parser *parser) {
    Expr *first = parse_not(parser);
    if (!parser_at(parser, TOKEN_AND)) return first;
    size_t mark = parser_mark(parser);
    parser_push(parser, first);
    while (parser_accept(parser, TOKEN_AND))
        parser_push(parser, parse_not(parser));
    Expr *expr = parser_new_expr(parser, EXPR_AND, first->span.begin);
    expr->as.items = parser_take_exprs(parser, mark);
    return expr;
}

Expr *parse_or_test(Parser *parser) {
    Expr *first = parse_and_test(parser);
    if (!parser_at(parser, TOKEN_OR)) return first;
    size_t mark = parser_mark(parser);
    parser_push(parser, first);
    while (parser_accept(parser, TOKEN_OR))
        parser_push(parser, parse_and_test(parser));
    Expr *expr = parser_new_expr(parser, EXPR_OR, first->span.begin);
    expr->as.items = parser_take_exprs(parser, mark);
    return expr;
}

static Expr *parse_conditional(Parser *parser) {
    Expr *body = parse_or_test(parser);
    if (!parser_accept(parser, TOKEN_IF)) return body;
    Expr *test = parse_or_test(parser);
    parser_expect(parser, TOKEN_ELSE, "'else' of the conditional expression");
    Expr *orelse = parse_expression(parser);
    Expr *expr = parser_new_expr(parser, EXPR_IF, body->span.begin);
    expr->as.conditional.test = test;
    expr->as.conditional.body = body;
    expr->as.conditional.orelse = orelse;
    return expr;
}

Expr *parse_expression(Parser *parser) {
    parser_enter(parser);
    Expr *expr;
    if (parser_at(parser, TOKEN_LAMBDA)) {
        uint32_t begin = parser->token.begin;
        FunctionDef *function = parse_lambda_function(parser);
        expr = parser_new_expr(parser, EXPR_LAMBDA, begin);
        expr->as.function = function;
    } else {
        expr = parse_conditional(parser);
    }
    parser_leave(parser);
    return expr;
}

Expr *parse_named_expression(Parser *parser) {
    Expr *target = parse_expression(parser);
    if (!parser_at(parser, TOKEN_WALRUS)) return target;
    if (target->kind != EXPR_NAME || target->parenthesized)
        parser_fail(parser, target->span, "':=' can only assign to a name, not to %s",
                    expr_description(target));
    parser_advance(parser);
    Expr *value = parse_expression(parser);
    Expr *expr = parser_new_expr(parser, EXPR_WALRUS, target->span.begin);
    expr->as.walrus.target = target;
    expr->as.walrus.value = value;
    return expr;
}

Expr *parse_starred(Parser *parser) {
    uint32_t begin = parser->token.begin;
    parser_expect(parser, TOKEN_MUL, "'*'");
    Expr *value = parse_operand(parser);
    Expr *expr = parser_new_expr(parser, EXPR_STARRED, begin);
    expr->as.value = value;
    return expr;
}

/* True when the token can't begin an expression: a list's trailing comma was the last thing. */
static bool at_list_end(const Parser *parser) {
    switch (parser->token.kind) {
    case TOKEN_NEWLINE:
    case TOKEN_END:
    case TOKEN_ASSIGN:
    case TOKEN_COLON:
    case TOKEN_SEMICOLON:
    case TOKEN_RPAREN:
    case TOKEN_RBRACKET:
    case TOKEN_RBRACE:
    case TOKEN_BANG:
    case TOKEN_IN:
        return true;
    default:
        return false;
    }
}

/* One item, or a tuple without parentheses. */
static Expr *parse_list_of(Parser *parser, Expr *(*parse_item)(Parser *)) {
    uint32_t begin = parser->token.begin;
    Expr *first = parser_at(parser, TOKEN_MUL) ? parse_starred(parser) : parse_item(parser);
    if (!parser_at(parser, TOKEN_COMMA)) return first;
    size_t mark = parser_mark(parser);
    parser_push(parser, first);
    while (parser_accept(parser, TOKEN_COMMA) && !at_list_end(parser))
        parser_push(parser,
                    parser_at(parser, TOKEN_MUL) ? parse_starred(parser) : parse_item(parser));
    Expr *expr = parser_new_expr(parser, EXPR_TUPLE, begin);
    expr->as.items = parser_take_exprs(parser, mark);
    return expr;
}

Expr *parse_expression_list(Parser *parser) {
    Expr *expr = parse_list_of(parser, parse_expression);
    if (expr->kind == EXPR_STARRED)
        parser_fail(parser, expr->span, "a starred expression is only valid inside a list");
    return expr;
}

Expr *parse_target_list(Parser *parser) {
    return parse_list_of(parser, parse_operand);
}

Expr *parse_yield_or_list(Parser *parser) {
    if (!parser_at(parser, TOKEN_YIELD)) return parse_expression_list(parser);
    uint32_t begin = parser->token.begin;
    if (!parser->function_depth && !parser->recovered_blocks)
        parser_error(parser, parser_token_span(parser), "'yield' outside a function");
    parser_advance(parser);
    ExprKind kind = EXPR_YIELD;
    Expr *value = NULL;
    if (parser_accept(parser, TOKEN_FROM)) {
        kind = EXPR_YIELD_FROM;
        value = parse_expression(parser);
    } else if (!at_list_end(parser)) {
        value = parse_expression_list(parser);
    }
    Expr *expr = parser_new_expr(parser, kind, begin);
    expr->as.value = value;
    return expr;
}

const char *expr_description(const Expr *expr) {
    switch (expr->kind) {
    case EXPR_NONE:
        return "None";
    case EXPR_TRUE:
        return "True";
    case EXPR_FALSE:
        return "False";
    case EXPR_ELLIPSIS:
        return "'...'";
    case EXPR_INT:
    case EXPR_FLOAT:
    case EXPR_STRING:
    case EXPR_BYTES:
        return "a literal";
    case EXPR_FSTRING:
    case EXPR_FORMATTED:
        return "an f-string";
    case EXPR_NAME:
        return "a name";
    case EXPR_TUPLE:
        return "a tuple";
    case EXPR_LIST:
        return "a list";
    case EXPR_SET:
        return "a set display";
    case EXPR_DICT:
        return "a dict display";
    case EXPR_COMPARE:
        return "a comparison";
    case EXPR_IF:
        return "a conditional expression";
    case EXPR_CALL:
        return "a function call";
    case EXPR_ATTRIBUTE:
        return "an attribute";
    case EXPR_SUBSCRIPT:
        return "a subscript";
    case EXPR_SLICE:
        return "a slice";
    case EXPR_STARRED:
        return "a starred expression";
    case EXPR_LAMBDA:
        return "a lambda";
    case EXPR_WALRUS:
        return "an assignment expression";
    case EXPR_COMP:
        return "a comprehension";
    case EXPR_YIELD:
    case EXPR_YIELD_FROM:
        return "a yield expression";
    default:
        return "an expression";
    }
}
