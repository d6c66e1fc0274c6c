/* Simple statements: everything that fits a line. */
#include "frontend/parser_internal.h"

#include <string.h>

Stmt *parser_new_stmt(Parser *parser, StmtKind kind, uint32_t begin) {
    Stmt *stmt = ARENA_NEW(parser->arena, Stmt);
    stmt->kind = kind;
    stmt->span = parser_span_from(parser, begin);
    return stmt;
}

void parse_check_target(Parser *parser, const Expr *target, const char *verb) {
    switch (target->kind) {
    case EXPR_NAME:
    case EXPR_ATTRIBUTE:
    case EXPR_SUBSCRIPT:
        return;
    case EXPR_TUPLE:
    case EXPR_LIST: {
        size_t stars = 0;
        for (size_t i = 0; i < target->as.items.count; i++) {
            const Expr *item = target->as.items.items[i];
            bool star = item->kind == EXPR_STARRED;
            if (star && ++stars > 1)
                parser_fail(parser, item->span, "only one starred target is allowed");
            parse_check_target(parser, star ? item->as.value : item, verb);
        }
        return;
    }
    case EXPR_COMPARE:
        parser_fail_hint(parser, target->span, "'=' assigns, '==' compares", "cannot %s %s", verb,
                         expr_description(target));
    default:
        parser_fail(parser, target->span, "cannot %s %s", verb, expr_description(target));
    }
}

static bool augmented_operator(TokenKind kind, BinaryOp *op) {
    static const struct {
        TokenKind kind;
        BinaryOp op;
    } table[] = {{TOKEN_ADD_ASSIGN, BINARY_ADD},           {TOKEN_SUB_ASSIGN, BINARY_SUB},
                 {TOKEN_MUL_ASSIGN, BINARY_MUL},           {TOKEN_DIV_ASSIGN, BINARY_DIV},
                 {TOKEN_MOD_ASSIGN, BINARY_MOD},           {TOKEN_MATMUL_ASSIGN, BINARY_MATMUL},
                 {TOKEN_AND_ASSIGN, BINARY_AND},           {TOKEN_OR_ASSIGN, BINARY_OR},
                 {TOKEN_XOR_ASSIGN, BINARY_XOR},           {TOKEN_POW_ASSIGN, BINARY_POW},
                 {TOKEN_FLOORDIV_ASSIGN, BINARY_FLOORDIV}, {TOKEN_LSHIFT_ASSIGN, BINARY_LSHIFT},
                 {TOKEN_RSHIFT_ASSIGN, BINARY_RSHIFT}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].kind != kind) continue;
        *op = table[i].op;
        return true;
    }
    return false;
}

static Stmt *parse_assignment(Parser *parser, Expr *first, uint32_t begin) {
    size_t mark = parser_mark(parser);
    Expr *value = first;
    while (parser_at(parser, TOKEN_ASSIGN)) {
        parse_check_target(parser, value, "assign to");
        parser_push(parser, value);
        parser_advance(parser);
        value = parse_yield_or_list(parser);
    }
    Exprs targets = parser_take_exprs(parser, mark);
    Stmt *stmt = parser_new_stmt(parser, STMT_ASSIGN, begin);
    stmt->as.assign.targets = targets;
    stmt->as.assign.value = value;
    return stmt;
}

static Stmt *parse_annotated(Parser *parser, Expr *target, uint32_t begin) {
    if (target->kind != EXPR_NAME && target->kind != EXPR_ATTRIBUTE &&
        target->kind != EXPR_SUBSCRIPT)
        parser_fail(parser, target->span, "cannot annotate %s", expr_description(target));
    parser_advance(parser);
    Expr *annotation = parse_expression(parser);
    Expr *value = NULL;
    if (parser_accept(parser, TOKEN_ASSIGN)) value = parse_yield_or_list(parser);
    Stmt *stmt = parser_new_stmt(parser, STMT_ANN_ASSIGN, begin);
    stmt->as.ann_assign.target = target;
    stmt->as.ann_assign.annotation = annotation;
    stmt->as.ann_assign.value = value;
    return stmt;
}

/* Statements of other languages and versions, when an expression is followed by what can't be. */
static void check_habits(Parser *parser, const Expr *expr) {
    const Token *token = &parser->token;
    bool operand = token->kind == TOKEN_STRING || token->kind == TOKEN_NAME ||
                   token->kind == TOKEN_INT || token->kind == TOKEN_FLOAT;
    if (!operand || expr->kind != EXPR_NAME) return;
    const char *name = expr->as.name->text;
    if (strcmp(name, "print") == 0 || strcmp(name, "exec") == 0)
        parser_fail_hint(parser, expr->span,
                         strcmp(name, "print") == 0 ? "write print(...)" : "write exec(...)",
                         "missing parentheses in call to '%s'", name);
    if (strcmp(name, "type") == 0 && token->kind == TOKEN_NAME)
        parser_fail_hint(parser, expr->span, "write `Name = ...`",
                         "type alias statements are not supported");
}

static Stmt *parse_expression_statement(Parser *parser) {
    uint32_t begin = parser->token.begin;
    Expr *expr = parse_yield_or_list(parser);
    BinaryOp op;
    if (parser_at(parser, TOKEN_ASSIGN)) return parse_assignment(parser, expr, begin);
    if (parser_at(parser, TOKEN_COLON)) return parse_annotated(parser, expr, begin);
    if (augmented_operator(parser->token.kind, &op)) {
        if (expr->kind == EXPR_TUPLE || expr->kind == EXPR_LIST)
            parser_fail(parser, expr->span, "cannot update %s in place", expr_description(expr));
        parse_check_target(parser, expr, "assign to");
        parser_advance(parser);
        Expr *value = parse_yield_or_list(parser);
        Stmt *stmt = parser_new_stmt(parser, STMT_AUG_ASSIGN, begin);
        stmt->as.aug_assign.op = op;
        stmt->as.aug_assign.target = expr;
        stmt->as.aug_assign.value = value;
        return stmt;
    }
    if (parser_at(parser, TOKEN_WALRUS))
        parser_fail_hint(parser, parser_token_span(parser), "use '=' for a plain assignment",
                         "':=' can't stand as a statement without parentheses");
    check_habits(parser, expr);
    Stmt *stmt = parser_new_stmt(parser, STMT_EXPR, begin);
    stmt->as.expr = expr;
    return stmt;
}

static bool at_statement_end(const Parser *parser) {
    return parser_at(parser, TOKEN_NEWLINE) || parser_at(parser, TOKEN_SEMICOLON) ||
           parser_at(parser, TOKEN_END) || parser_at(parser, TOKEN_DEDENT);
}

static Stmt *parse_return(Parser *parser, uint32_t begin) {
    if (!parser->function_depth && !parser->recovered_blocks)
        parser_error(parser, parser_token_span(parser), "'return' outside a function");
    parser_advance(parser);
    Expr *value = at_statement_end(parser) ? NULL : parse_yield_or_list(parser);
    Stmt *stmt = parser_new_stmt(parser, STMT_RETURN, begin);
    stmt->as.expr = value;
    return stmt;
}

static Stmt *parse_jump(Parser *parser, StmtKind kind, uint32_t begin) {
    if (kind != STMT_PASS && !parser->loop_depth && !parser->recovered_blocks)
        parser_error(parser, parser_token_span(parser), "'%s' outside a loop",
                     token_text(parser->token.kind));
    parser_advance(parser);
    return parser_new_stmt(parser, kind, begin);
}

static Stmt *parse_delete(Parser *parser, uint32_t begin) {
    parser_advance(parser);
    Expr *list = parse_target_list(parser);
    parse_check_target(parser, list, "delete");
    Stmt *stmt = parser_new_stmt(parser, STMT_DELETE, begin);
    if (list->kind == EXPR_TUPLE && !list->parenthesized) {
        stmt->as.targets = list->as.items;
    } else {
        stmt->as.targets.items = arena_copy(parser->arena, &list, 1, sizeof list);
        stmt->as.targets.count = 1;
    }
    return stmt;
}

static Stmt *parse_raise(Parser *parser, uint32_t begin) {
    Expr *exception = NULL, *cause = NULL;
    parser_advance(parser);
    if (!at_statement_end(parser)) {
        exception = parse_expression(parser);
        if (parser_at(parser, TOKEN_COMMA))
            parser_fail_hint(parser, parser_token_span(parser), "write `raise Error(message)`",
                             "expected 'from' or the end of the statement, got ','");
        if (parser_accept(parser, TOKEN_FROM)) cause = parse_expression(parser);
    }
    Stmt *stmt = parser_new_stmt(parser, STMT_RAISE, begin);
    stmt->as.raise.exception = exception;
    stmt->as.raise.cause = cause;
    return stmt;
}

static Stmt *parse_assert(Parser *parser, uint32_t begin) {
    parser_advance(parser);
    Expr *test = parse_expression(parser);
    Expr *message = parser_accept(parser, TOKEN_COMMA) ? parse_expression(parser) : NULL;
    if (test->kind == EXPR_TUPLE && test->as.items.count)
        report(parser->sources, SEVERITY_WARNING, test->span,
               "this assertion is always true: a tuple is tested");
    Stmt *stmt = parser_new_stmt(parser, STMT_ASSERT, begin);
    stmt->as.assertion.test = test;
    stmt->as.assertion.message = message;
    return stmt;
}

static Stmt *parse_scope_names(Parser *parser, StmtKind kind, uint32_t begin) {
    size_t mark = parser_mark(parser);
    if (kind == STMT_NONLOCAL && !parser->function_depth && !parser->recovered_blocks)
        parser_error(parser, parser_token_span(parser), "'nonlocal' outside a function");
    Span spans[64];
    size_t count = 0;
    do {
        parser_advance(parser);
        if (count == sizeof spans / sizeof *spans)
            parser_fail(parser, parser_token_span(parser), "too many names in one statement");
        spans[count++] = parser_token_span(parser);
        parser_push(parser, parser_expect_name(parser, "a name"));
    } while (parser_at(parser, TOKEN_COMMA));
    Stmt *stmt = parser_new_stmt(parser, kind, begin);
    stmt->as.names.items = (Name **)(void *)parser_take(parser, mark, &stmt->as.names.count);
    stmt->as.names.spans = arena_copy(parser->arena, spans, count, sizeof(Span));
    return stmt;
}

/* `a.b.c` as one name. */
static Name *parse_dotted(Parser *parser) {
    Name *name = parser_expect_name(parser, "a module's name");
    if (!parser_at(parser, TOKEN_DOT)) return name;
    size_t start = parser->text.size;
    buf_puts(&parser->text, name->text);
    while (parser_accept(parser, TOKEN_DOT)) {
        buf_putc(&parser->text, '.');
        buf_puts(&parser->text, parser_expect_name(parser, "a module's name")->text);
    }
    name = intern(parser->interns, parser->text.data + start, parser->text.size - start);
    parser->text.size = start;
    return name;
}

static void parse_alias(Parser *parser, ImportAlias *alias, uint32_t begin) {
    if (parser_accept(parser, TOKEN_AS))
        alias->as = parser_expect_name(parser, "a name after 'as'");
    alias->span = parser_span_from(parser, begin);
    parser_push(parser, alias);
}

static void take_aliases(Parser *parser, Stmt *stmt, size_t mark) {
    size_t count;
    ImportAlias **aliases = (ImportAlias **)(void *)parser_take(parser, mark, &count);
    stmt->as.import.items = ARENA_ARRAY(parser->arena, ImportAlias, count);
    stmt->as.import.count = count;
    for (size_t i = 0; i < count; i++)
        stmt->as.import.items[i] = *aliases[i];
}

static Stmt *parse_import(Parser *parser, uint32_t begin) {
    size_t mark = parser_mark(parser);
    do {
        parser_advance(parser);
        uint32_t alias_begin = parser->token.begin;
        ImportAlias *alias = ARENA_NEW(parser->arena, ImportAlias);
        alias->name = parse_dotted(parser);
        parse_alias(parser, alias, alias_begin);
    } while (parser_at(parser, TOKEN_COMMA));
    Stmt *stmt = parser_new_stmt(parser, STMT_IMPORT, begin);
    take_aliases(parser, stmt, mark);
    return stmt;
}

static uint32_t parse_import_dots(Parser *parser) {
    uint32_t level = 0;
    for (;;) {
        if (parser_accept(parser, TOKEN_DOT))
            level += 1;
        else if (parser_accept(parser, TOKEN_ELLIPSIS))
            level += 3;
        else
            return level;
        if (level > 1000) parser_fail(parser, parser_token_span(parser), "too many leading dots");
    }
}

static Stmt *parse_from_import(Parser *parser, uint32_t begin) {
    parser_advance(parser);
    uint32_t module_begin = parser->token.begin;
    uint32_t level = parse_import_dots(parser);
    Name *module = NULL;
    if (level == 0 || !parser_at(parser, TOKEN_IMPORT)) module = parse_dotted(parser);
    Span module_span = parser_span_from(parser, module_begin);
    parser_expect(parser, TOKEN_IMPORT, "'import'");
    size_t mark = parser_mark(parser);
    bool parentheses = parser_accept(parser, TOKEN_LPAREN);
    do {
        uint32_t alias_begin = parser->token.begin;
        ImportAlias *alias = ARENA_NEW(parser->arena, ImportAlias);
        if (!parentheses && parser_mark(parser) == mark && parser_accept(parser, TOKEN_MUL))
            alias->name = intern_text(parser->interns, "*");
        else
            alias->name = parser_expect_name(parser, "a name to import");
        parse_alias(parser, alias, alias_begin);
    } while (parser_accept(parser, TOKEN_COMMA) && !parser_at(parser, TOKEN_RPAREN));
    if (parentheses) parser_expect(parser, TOKEN_RPAREN, "',' or ')'");
    Stmt *stmt = parser_new_stmt(parser, STMT_FROM_IMPORT, begin);
    take_aliases(parser, stmt, mark);
    stmt->as.import.module = module;
    stmt->as.import.level = level;
    stmt->as.import.module_span = module_span;
    return stmt;
}

static Stmt *parse_simple(Parser *parser) {
    uint32_t begin = parser->token.begin;
    switch (parser->token.kind) {
    case TOKEN_PASS:
        return parse_jump(parser, STMT_PASS, begin);
    case TOKEN_BREAK:
        return parse_jump(parser, STMT_BREAK, begin);
    case TOKEN_CONTINUE:
        return parse_jump(parser, STMT_CONTINUE, begin);
    case TOKEN_RETURN:
        return parse_return(parser, begin);
    case TOKEN_DEL:
        return parse_delete(parser, begin);
    case TOKEN_RAISE:
        return parse_raise(parser, begin);
    case TOKEN_ASSERT:
        return parse_assert(parser, begin);
    case TOKEN_GLOBAL:
        return parse_scope_names(parser, STMT_GLOBAL, begin);
    case TOKEN_NONLOCAL:
        return parse_scope_names(parser, STMT_NONLOCAL, begin);
    case TOKEN_IMPORT:
        return parse_import(parser, begin);
    case TOKEN_FROM:
        return parse_from_import(parser, begin);
    default:
        return parse_expression_statement(parser);
    }
}

/* What often stands where a statement should end. */
_Noreturn static void fail_statement_end(Parser *parser) {
    if (parser_at(parser, TOKEN_BANG))
        parser_fail_hint(parser, parser_token_span(parser), "the operator is written `not`",
                         "expected the end of the statement, got '!'");
    parser_fail_expected(parser, "the end of the statement");
}

void parse_statement(Parser *parser) {
    if (parser_at(parser, TOKEN_NEWLINE)) { /* only behind an error */
        parser_advance(parser);
        return;
    }
    Stmt *compound = parse_compound(parser);
    if (compound) {
        parser_push(parser, compound);
        return;
    }
    for (;;) {
        parser_push(parser, parse_simple(parser));
        bool more = parser_accept(parser, TOKEN_SEMICOLON);
        if (parser_at(parser, TOKEN_END) || parser_at(parser, TOKEN_DEDENT)) return;
        if (parser_accept(parser, TOKEN_NEWLINE)) return;
        if (!more) fail_statement_end(parser);
    }
}
