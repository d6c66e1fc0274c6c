/* Compound statements: if, while, for, try, with, def, class, decorators; parameters. */
#include "frontend/parser_internal.h"

#include <string.h>

/* One `if` or `elif` with its block. */
static Stmt *parse_if_clause(Parser *parser, const char *owner) {
    uint32_t begin = parser->token.begin;
    parser_advance(parser);
    Expr *test = parse_named_expression(parser);
    if (parser_at(parser, TOKEN_ASSIGN))
        parser_fail_hint(parser, parser_token_span(parser), "use '==' to compare",
                         "expected ':' after %s, got '='", owner);
    Stmt *stmt = parser_new_stmt(parser, STMT_IF, begin);
    stmt->as.branch.test = test;
    stmt->as.branch.body = parse_block(parser, owner);
    return stmt;
}

static Stmt *parse_if(Parser *parser) {
    Stmt *first = parse_if_clause(parser, "the 'if' condition"), *last = first;
    while (parser_at(parser, TOKEN_ELIF)) { /* an if alone in the orelse of the one before */
        Stmt *next = parse_if_clause(parser, "the 'elif' condition");
        last->as.branch.orelse.items = arena_copy(parser->arena, &next, 1, sizeof next);
        last->as.branch.orelse.count = 1;
        last = next;
    }
    if (parser_accept(parser, TOKEN_ELSE)) {
        if (parser_at(parser, TOKEN_IF))
            parser_fail_hint(parser, parser_token_span(parser), "write `elif`",
                             "expected ':' after 'else', got 'if'");
        last->as.branch.orelse = parse_block(parser, "'else'");
    }
    return first;
}

static Block parse_loop_body(Parser *parser, const char *owner) {
    parser->loop_depth++;
    Block body = parse_block(parser, owner);
    parser->loop_depth--;
    return body;
}

static Block parse_orelse(Parser *parser) {
    if (!parser_accept(parser, TOKEN_ELSE)) return (Block){0};
    return parse_block(parser, "'else'");
}

static Stmt *parse_while(Parser *parser, uint32_t begin) {
    parser_advance(parser);
    Expr *test = parse_named_expression(parser);
    if (parser_at(parser, TOKEN_ASSIGN))
        parser_fail_hint(parser, parser_token_span(parser), "use '==' to compare",
                         "expected ':' after the 'while' condition, got '='");
    Stmt *stmt = parser_new_stmt(parser, STMT_WHILE, begin);
    stmt->as.branch.test = test;
    stmt->as.branch.body = parse_loop_body(parser, "the 'while' condition");
    stmt->as.branch.orelse = parse_orelse(parser);
    return stmt;
}

static Stmt *parse_for(Parser *parser, uint32_t begin) {
    parser_advance(parser);
    Expr *target = parse_target_list(parser);
    parse_check_target(parser, target, "assign to");
    parser_expect(parser, TOKEN_IN, "'in' after the loop's target");
    Expr *iterable = parse_expression_list(parser);
    Stmt *stmt = parser_new_stmt(parser, STMT_FOR, begin);
    stmt->as.loop.target = target;
    stmt->as.loop.iterable = iterable;
    stmt->as.loop.body = parse_loop_body(parser, "the 'for' header");
    stmt->as.loop.orelse = parse_orelse(parser);
    return stmt;
}

static ExceptClause *parse_except(Parser *parser) {
    uint32_t begin = parser->token.begin;
    ExceptClause *clause = ARENA_NEW(parser->arena, ExceptClause);
    parser_advance(parser);
    if (parser_at(parser, TOKEN_MUL))
        parser_fail(parser, parser_token_span(parser), "'except*' is not supported");
    if (!parser_at(parser, TOKEN_COLON)) {
        clause->type = parse_expression(parser);
        if (parser_at(parser, TOKEN_COMMA))
            parser_fail_hint(parser, parser_token_span(parser),
                             "several types are written `except (A, B):`",
                             "expected 'as' or ':', got ','");
        if (parser_accept(parser, TOKEN_AS)) {
            clause->name = parser_expect_name(parser, "a name after 'as'");
        }
    }
    clause->span = parser_span_from(parser, begin);
    clause->body = parse_block(parser, "'except'");
    return clause;
}

static Stmt *parse_try(Parser *parser, uint32_t begin) {
    parser_advance(parser);
    Stmt *stmt = parser_new_stmt(parser, STMT_TRY, begin);
    stmt->as.try.body = parse_block(parser, "'try'");
    size_t mark = parser_mark(parser), count;
    const ExceptClause *bare = NULL;
    while (parser_at(parser, TOKEN_EXCEPT)) {
        ExceptClause *clause = parse_except(parser);
        if (bare) parser_error(parser, bare->span, "'except:' without a type must be the last one");
        bare = clause->type ? NULL : clause;
        parser_push(parser, clause);
    }
    ExceptClause **clauses = (ExceptClause **)(void *)parser_take(parser, mark, &count);
    stmt->as.try.clauses = ARENA_ARRAY(parser->arena, ExceptClause, count);
    stmt->as.try.clause_count = count;
    for (size_t i = 0; i < count; i++)
        stmt->as.try.clauses[i] = *clauses[i];
    if (count > 0) stmt->as.try.orelse = parse_orelse(parser);
    if (parser_accept(parser, TOKEN_FINALLY))
        stmt->as.try.finally = parse_block(parser, "'finally'");
    else if (count == 0)
        parser_fail_expected(parser, "'except' or 'finally' after the 'try' block");
    return stmt;
}

/* `with (a as b, c):` has parentheses around its items; `with (a):` around an expression. A look
 * ahead finds the matching parenthesis: items need a ':' behind it and a ',' or 'as' inside. */
static bool at_parenthesized_items(const Parser *parser) {
    if (!parser_at(parser, TOKEN_LPAREN)) return false;
    Lexer ahead = parser->lexer;
    ahead.quiet = true;
    uint32_t depth = ahead.bracket_count;
    bool items = false;
    for (;;) {
        Token token = lexer_next(&ahead);
        if (token.kind == TOKEN_END || token.kind == TOKEN_ERROR) return false;
        if (ahead.bracket_count < depth) return items && lexer_next(&ahead).kind == TOKEN_COLON;
        if (ahead.bracket_count == depth)
            items |= token.kind == TOKEN_COMMA || token.kind == TOKEN_AS;
    }
}

static Stmt *parse_with(Parser *parser, uint32_t begin) {
    parser_advance(parser);
    size_t mark = parser_mark(parser), count;
    bool parentheses = at_parenthesized_items(parser);
    if (parentheses) parser_advance(parser);
    do {
        WithItem *item = ARENA_NEW(parser->arena, WithItem);
        item->context = parse_expression(parser);
        if (parser_accept(parser, TOKEN_AS)) {
            item->target = parse_operand(parser);
            parse_check_target(parser, item->target, "assign to");
        }
        parser_push(parser, item);
    } while (parser_accept(parser, TOKEN_COMMA) &&
             !(parentheses && parser_at(parser, TOKEN_RPAREN)));
    if (parentheses) parser_expect(parser, TOKEN_RPAREN, "',' or ')'");
    WithItem **items = (WithItem **)(void *)parser_take(parser, mark, &count);
    Stmt *stmt = parser_new_stmt(parser, STMT_WITH, begin);
    stmt->as.with.items = ARENA_ARRAY(parser->arena, WithItem, count);
    stmt->as.with.count = count;
    for (size_t i = 0; i < count; i++)
        stmt->as.with.items[i] = *items[i];
    stmt->as.with.body = parse_block(parser, "the 'with' header");
    return stmt;
}

/* Where a parameter list stands: which marks were seen. */
typedef struct ParameterState {
    FunctionDef *function;
    TokenKind closer;
    bool seen_default, seen_star, seen_slash;
    Span bare_star; /* file 0: none */
    Parameter *varargs, *kwargs;
    size_t mark;
} ParameterState;

static Parameter *parse_parameter(Parser *parser, ParameterState *state) {
    Parameter *parameter = ARENA_NEW(parser->arena, Parameter);
    parameter->span = parser_token_span(parser);
    parameter->name = parser_expect_name(parser, "a parameter's name");
    if (state->closer == TOKEN_RPAREN && parser_accept(parser, TOKEN_COLON))
        parameter->annotation = parse_expression(parser);
    return parameter;
}

static void check_unique(Parser *parser, const ParameterState *state, const Parameter *parameter) {
    size_t count = parser_mark(parser);
    const Parameter *same = NULL;
    for (size_t i = state->mark; i < count; i++) {
        const Parameter *other = parser->scratch.items[i];
        if (other->name == parameter->name) same = other;
    }
    if (state->varargs && state->varargs->name == parameter->name) same = state->varargs;
    if (same)
        parser_error(parser, parameter->span, "parameter '%s' is declared twice",
                     parameter->name->text);
}

static void parse_star_parameter(Parser *parser, ParameterState *state) {
    Span span = parser_token_span(parser);
    parser_advance(parser);
    if (state->seen_star) parser_fail(parser, span, "only one '*' parameter is allowed");
    state->seen_star = true;
    if (parser_at(parser, TOKEN_COMMA) || parser_at(parser, state->closer)) {
        state->bare_star = span;
        return;
    }
    state->varargs = parse_parameter(parser, state);
    size_t count = parser_mark(parser);
    for (size_t i = state->mark; i < count; i++)
        if (((Parameter *)parser->scratch.items[i])->name == state->varargs->name)
            parser_error(parser, state->varargs->span, "parameter '%s' is declared twice",
                         state->varargs->name->text);
    if (parser_at(parser, TOKEN_ASSIGN))
        parser_fail(parser, parser_token_span(parser), "a '*' parameter can't have a default");
}

static void parse_plain_parameter(Parser *parser, ParameterState *state) {
    Parameter *parameter = parse_parameter(parser, state);
    check_unique(parser, state, parameter);
    if (parser_accept(parser, TOKEN_ASSIGN)) {
        parameter->default_value = parse_expression(parser);
        if (!state->seen_star) state->seen_default = true;
    } else if (state->seen_default && !state->seen_star) {
        parser_error(parser, parameter->span,
                     "parameter '%s' without a default follows one with a default",
                     parameter->name->text);
    }
    parser_push(parser, parameter);
    if (parser_mark(parser) - state->mark > 255)
        parser_fail(parser, parameter->span, "too many parameters (the limit is 255)");
    if (state->seen_star)
        state->function->keyword_only_count++;
    else
        state->function->positional_count++;
}

static void parse_slash(Parser *parser, ParameterState *state) {
    Span span = parser_token_span(parser);
    parser_advance(parser);
    if (state->seen_slash || state->seen_star || parser_mark(parser) == state->mark)
        parser_fail(parser, span, "'/' must follow the positional-only parameters");
    state->seen_slash = true;
    state->function->positional_only_count = state->function->positional_count;
}

/* Parameters up to `closer`, which is not consumed. */
static void parse_parameters(Parser *parser, FunctionDef *function, TokenKind closer) {
    ParameterState state = {.function = function, .closer = closer, .mark = parser_mark(parser)};
    while (!parser_at(parser, closer)) {
        if (state.kwargs)
            parser_fail(parser, parser_token_span(parser), "'**' must be the last parameter");
        if (parser_at(parser, TOKEN_MUL)) {
            parse_star_parameter(parser, &state);
        } else if (parser_at(parser, TOKEN_DIV)) {
            parse_slash(parser, &state);
        } else if (parser_accept(parser, TOKEN_POW)) {
            state.kwargs = parse_parameter(parser, &state);
            check_unique(parser, &state, state.kwargs);
        } else {
            parse_plain_parameter(parser, &state);
        }
        if (!parser_accept(parser, TOKEN_COMMA)) break;
    }
    if (state.bare_star.file && !function->keyword_only_count)
        parser_error(parser, state.bare_star, "a bare '*' needs keyword-only parameters behind it");
    if (state.varargs) parser_push(parser, state.varargs);
    if (state.kwargs) parser_push(parser, state.kwargs);
    function->has_varargs = state.varargs != NULL;
    function->has_kwargs = state.kwargs != NULL;
    size_t count;
    Parameter **items = (Parameter **)(void *)parser_take(parser, state.mark, &count);
    function->parameters = ARENA_ARRAY(parser->arena, Parameter, count);
    for (size_t i = 0; i < count; i++)
        function->parameters[i] = *items[i];
}

FunctionDef *parse_lambda_function(Parser *parser) {
    FunctionDef *function = ARENA_NEW(parser->arena, FunctionDef);
    function->name = intern_text(parser->interns, "<lambda>");
    function->name_span = parser_token_span(parser);
    function->is_lambda = true;
    parser_advance(parser);
    parse_parameters(parser, function, TOKEN_COLON);
    parser_expect(parser, TOKEN_COLON, "',' or ':' after the lambda's parameters");
    uint32_t begin = parser->token.begin, loops = parser->loop_depth;
    parser->function_depth++;
    Expr *value = parse_expression(parser);
    parser->function_depth--;
    parser->loop_depth = loops;
    Stmt *stmt = parser_new_stmt(parser, STMT_RETURN, begin);
    stmt->as.expr = value;
    function->body.items = arena_copy(parser->arena, &stmt, 1, sizeof stmt);
    function->body.count = 1;
    function->body_span = stmt->span;
    return function;
}

static Stmt *parse_def(Parser *parser, uint32_t begin, Exprs decorators) {
    FunctionDef *function = ARENA_NEW(parser->arena, FunctionDef);
    parser_advance(parser);
    function->decorators = decorators;
    function->name_span = parser_token_span(parser);
    function->name = parser_expect_name(parser, "the function's name");
    parser_expect(parser, TOKEN_LPAREN, "'(' after the function's name");
    parse_parameters(parser, function, TOKEN_RPAREN);
    parser_expect(parser, TOKEN_RPAREN, "',' or ')'");
    if (parser_accept(parser, TOKEN_ARROW)) function->returns = parse_expression(parser);
    Stmt *stmt = parser_new_stmt(parser, STMT_DEF, begin);
    stmt->as.function = function;
    uint32_t loops = parser->loop_depth, body_begin = parser->token.begin;
    parser->loop_depth = 0;
    parser->function_depth++;
    function->body = parse_block(parser, "the 'def' header");
    parser->function_depth--;
    parser->loop_depth = loops;
    function->body_span = parser_span_from(parser, body_begin);
    return stmt;
}

static Stmt *parse_class(Parser *parser, uint32_t begin, Exprs decorators) {
    ClassDef *class = ARENA_NEW(parser->arena, ClassDef);
    parser_advance(parser);
    class->decorators = decorators;
    class->name_span = parser_token_span(parser);
    if (parser_at(parser, TOKEN_ASSIGN))
        parser_fail(parser, (Span){parser->file, begin, begin + 5},
                    "'class' is a keyword and can't be a variable's name");
    class->name = parser_expect_name(parser, "the class's name");
    if (parser_accept(parser, TOKEN_LPAREN)) class->bases = parse_arguments(parser);
    Stmt *stmt = parser_new_stmt(parser, STMT_CLASS, begin);
    stmt->as.class = class;
    uint32_t loops = parser->loop_depth, functions = parser->function_depth;
    parser->loop_depth = parser->function_depth = 0;
    Name *outer_class = parser->class_name;
    parser->class_name = class->name;
    class->body = parse_block(parser, "the 'class' header");
    parser->class_name = outer_class;
    parser->loop_depth = loops;
    parser->function_depth = functions;
    return stmt;
}

static Stmt *parse_decorated(Parser *parser) {
    size_t mark = parser_mark(parser);
    while (parser_accept(parser, TOKEN_MATMUL)) {
        parser_push(parser, parse_named_expression(parser));
        parser_expect(parser, TOKEN_NEWLINE, "the end of the line after a decorator");
    }
    Exprs decorators = parser_take_exprs(parser, mark);
    uint32_t header = parser->token.begin;
    if (parser_at(parser, TOKEN_DEF)) return parse_def(parser, header, decorators);
    if (parser_at(parser, TOKEN_CLASS)) return parse_class(parser, header, decorators);
    if (parser_at(parser, TOKEN_ASYNC)) return parse_compound(parser);
    parser_fail_expected(parser, "'def' or 'class' after a decorator");
}

/* A clause of a statement whose header failed: parsed for its errors only. */
static Stmt *parse_orphan_clause(Parser *parser) {
    TokenKind kind = parser->token.kind;
    if (kind == TOKEN_ELIF) {
        parse_if_clause(parser, "the 'elif' condition");
    } else if (kind == TOKEN_EXCEPT) {
        parse_except(parser);
    } else {
        parser_advance(parser);
        if (parser_at(parser, TOKEN_IF))
            parser_fail_hint(parser, parser_token_span(parser), "write `elif`",
                             "expected ':' after 'else', got 'if'");
        parse_block(parser, kind == TOKEN_ELSE ? "'else'" : "'finally'");
    }
    return parser_new_stmt(parser, STMT_PASS, parser->statement);
}

_Noreturn static void fail_clause(Parser *parser) {
    Span span = parser_token_span(parser);
    if (parser_at(parser, TOKEN_ELIF))
        parser_fail(parser, span, "'elif' without an 'if' before it");
    if (parser_at(parser, TOKEN_ELSE))
        parser_fail(parser, span, "'else' without an 'if', 'for', 'while' or 'try' before it");
    parser_fail(parser, span, "'%s' without a 'try' before it", token_text(parser->token.kind));
}

Stmt *parse_compound(Parser *parser) {
    uint32_t begin = parser->token.begin;
    Span span = parser_token_span(parser);
    switch (parser->token.kind) {
    case TOKEN_IF:
        return parse_if(parser);
    case TOKEN_WHILE:
        return parse_while(parser, begin);
    case TOKEN_FOR:
        return parse_for(parser, begin);
    case TOKEN_TRY:
        return parse_try(parser, begin);
    case TOKEN_WITH:
        return parse_with(parser, begin);
    case TOKEN_DEF:
        return parse_def(parser, begin, (Exprs){0});
    case TOKEN_CLASS:
        return parse_class(parser, begin, (Exprs){0});
    case TOKEN_MATMUL:
        return parse_decorated(parser);
    case TOKEN_ASYNC:
        parser_fail(parser, span, "'async' is not supported: nnc has no coroutines");
    case TOKEN_ELIF:
    case TOKEN_ELSE:
    case TOKEN_EXCEPT:
    case TOKEN_FINALLY:
        if (!parser->after_failed) fail_clause(parser);
        return parse_orphan_clause(parser);
    case TOKEN_NAME:
        return parse_match(parser);
    default:
        return NULL;
    }
}
