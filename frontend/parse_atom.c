/* Atoms, displays and comprehensions, and the trailers behind them: calls, attributes,
 * subscripts. */
#include "frontend/parser_internal.h"

/* The `for ... in ... if ...` clauses of a comprehension. */
static void parse_comp_fors(Parser *parser, Expr *comp) {
    size_t mark = parser_mark(parser);
    while (parser_accept(parser, TOKEN_FOR)) {
        CompFor *clause = ARENA_NEW(parser->arena, CompFor);
        clause->target = parse_target_list(parser);
        parse_check_target(parser, clause->target, "assign to");
        parser_expect(parser, TOKEN_IN, "'in' of the comprehension");
        clause->iterable = parse_or_test(parser);
        size_t conditions = parser_mark(parser);
        while (parser_accept(parser, TOKEN_IF)) {
            Expr *condition = parse_or_test(parser);
            if (parser_at(parser, TOKEN_ELSE))
                parser_fail_hint(parser, parser_token_span(parser),
                                 "write `[a if test else b for ...]`: the choice stands in front",
                                 "a condition behind 'for' has no 'else'");
            if (parser_at(parser, TOKEN_WALRUS)) {
                parser_fail_hint(parser, parser_token_span(parser), "put it in parentheses",
                                 "':=' needs parentheses in a comprehension's condition");
            }
            parser_push(parser, condition);
        }
        clause->conditions = parser_take_exprs(parser, conditions);
        parser_push(parser, clause);
    }
    size_t count;
    CompFor **clauses = (CompFor **)(void *)parser_take(parser, mark, &count);
    comp->as.comp.fors = ARENA_ARRAY(parser->arena, CompFor, count);
    for (size_t i = 0; i < count; i++)
        comp->as.comp.fors[i] = *clauses[i];
    comp->as.comp.for_count = count;
}

static Expr *new_comp(Parser *parser, CompKind kind, Expr *element, Expr *value, uint32_t begin) {
    if (element->kind == EXPR_STARRED)
        parser_fail(parser, element->span, "a comprehension can't unpack with '*'");
    Expr *comp = parser_new_expr(parser, EXPR_COMP, begin);
    comp->as.comp.kind = kind;
    comp->as.comp.element = element;
    comp->as.comp.value = value;
    parse_comp_fors(parser, comp);
    comp->span = parser_span_from(parser, begin);
    return comp;
}

static Expr *parse_item(Parser *parser) {
    return parser_at(parser, TOKEN_MUL) ? parse_starred(parser) : parse_named_expression(parser);
}

static void check_async(Parser *parser) {
    if (parser_at(parser, TOKEN_ASYNC) || parser_at(parser, TOKEN_AWAIT))
        parser_fail(parser, parser_token_span(parser),
                    "'%s' is not supported: nnc has no coroutines", token_text(parser->token.kind));
}

/* The items behind `first` up to `closer`, pushed. */
static Exprs parse_rest(Parser *parser, Expr *first, TokenKind closer, const char *what) {
    size_t mark = parser_mark(parser);
    parser_push(parser, first);
    while (parser_accept(parser, TOKEN_COMMA) && !parser_at(parser, closer))
        parser_push(parser, parse_item(parser));
    parser_expect(parser, closer, what);
    return parser_take_exprs(parser, mark);
}

/* `(`: a parenthesized expression, tuple, generator expression or yield. */
static Expr *parse_parentheses(Parser *parser) {
    uint32_t begin = parser->token.begin;
    parser_advance(parser);
    Expr *expr;
    if (parser_accept(parser, TOKEN_RPAREN)) {
        expr = parser_new_expr(parser, EXPR_TUPLE, begin);
    } else if (parser_at(parser, TOKEN_YIELD)) {
        expr = parse_yield_or_list(parser);
        parser_expect(parser, TOKEN_RPAREN, "')'");
    } else {
        expr = parse_item(parser);
        if (parser_at(parser, TOKEN_FOR)) {
            expr = new_comp(parser, COMP_GENERATOR, expr, NULL, begin);
            parser_expect(parser, TOKEN_RPAREN, "')'");
            expr->span = parser_span_from(parser, begin);
        } else if (parser_at(parser, TOKEN_COMMA)) {
            Exprs items = parse_rest(parser, expr, TOKEN_RPAREN, "',' or ')'");
            expr = parser_new_expr(parser, EXPR_TUPLE, begin);
            expr->as.items = items;
        } else {
            if (expr->kind == EXPR_STARRED)
                parser_fail(parser, expr->span, "a starred expression is only valid inside a list");
            if (parser_at(parser, TOKEN_ASSIGN))
                parser_fail_hint(parser, parser_token_span(parser),
                                 "use '==' to compare, ':=' to assign inside an expression",
                                 "expected ')', got '='");
            parser_expect(parser, TOKEN_RPAREN, "',' or ')'");
        }
    }
    expr->parenthesized = true;
    return expr;
}

static Expr *parse_brackets(Parser *parser) {
    uint32_t begin = parser->token.begin;
    parser_advance(parser);
    if (parser_accept(parser, TOKEN_RBRACKET)) return parser_new_expr(parser, EXPR_LIST, begin);
    Expr *first = parse_item(parser);
    if (parser_at(parser, TOKEN_FOR)) {
        Expr *comp = new_comp(parser, COMP_LIST, first, NULL, begin);
        parser_expect(parser, TOKEN_RBRACKET, "']'");
        comp->span = parser_span_from(parser, begin);
        return comp;
    }
    Exprs items = parse_rest(parser, first, TOKEN_RBRACKET, "',' or ']'");
    Expr *list = parser_new_expr(parser, EXPR_LIST, begin);
    list->as.items = items;
    return list;
}

/* One `key: value` or `**mapping`: pushes key (or NULL) and value. */
static void parse_dict_item(Parser *parser) {
    if (parser_accept(parser, TOKEN_POW)) {
        parser_push(parser, NULL);
        parser_push(parser, parse_operand(parser));
        return;
    }
    parser_push(parser, parse_expression(parser));
    parser_expect(parser, TOKEN_COLON, "':' between key and value");
    parser_push(parser, parse_expression(parser));
}

static Expr *parse_dict(Parser *parser, uint32_t begin, size_t mark) {
    while (parser_accept(parser, TOKEN_COMMA) && !parser_at(parser, TOKEN_RBRACE))
        parse_dict_item(parser);
    parser_expect(parser, TOKEN_RBRACE, "',' or '}'");
    size_t count;
    Expr **pairs = (Expr **)(void *)parser_take(parser, mark, &count);
    Expr *dict = parser_new_expr(parser, EXPR_DICT, begin);
    dict->as.dict.count = count / 2;
    dict->as.dict.keys = ARENA_ARRAY(parser->arena, Expr *, count / 2);
    dict->as.dict.values = ARENA_ARRAY(parser->arena, Expr *, count / 2);
    for (size_t i = 0; i < count / 2; i++) {
        dict->as.dict.keys[i] = pairs[2 * i];
        dict->as.dict.values[i] = pairs[2 * i + 1];
    }
    return dict;
}

/* A set's first item may be what a key can't. */
static bool may_be_key(const Expr *item) {
    return item->parenthesized || (item->kind != EXPR_STARRED && item->kind != EXPR_WALRUS);
}

static Expr *parse_braces(Parser *parser) {
    uint32_t begin = parser->token.begin;
    size_t mark = parser_mark(parser);
    parser_advance(parser);
    if (parser_accept(parser, TOKEN_RBRACE)) return parser_new_expr(parser, EXPR_DICT, begin);
    if (parser_at(parser, TOKEN_POW)) {
        parse_dict_item(parser);
        return parse_dict(parser, begin, mark);
    }
    Expr *first = parse_item(parser);
    Expr *comp;
    if (may_be_key(first) && parser_accept(parser, TOKEN_COLON)) {
        Expr *value = parse_expression(parser);
        if (!parser_at(parser, TOKEN_FOR)) {
            parser_push(parser, first);
            parser_push(parser, value);
            return parse_dict(parser, begin, mark);
        }
        comp = new_comp(parser, COMP_DICT, first, value, begin);
    } else if (parser_at(parser, TOKEN_FOR)) {
        comp = new_comp(parser, COMP_SET, first, NULL, begin);
    } else {
        Exprs items = parse_rest(parser, first, TOKEN_RBRACE, "',' or '}'");
        Expr *set = parser_new_expr(parser, EXPR_SET, begin);
        set->as.items = items;
        return set;
    }
    parser_expect(parser, TOKEN_RBRACE, "'}'");
    comp->span = parser_span_from(parser, begin);
    return comp;
}

static Expr *parse_constant(Parser *parser, ExprKind kind) {
    uint32_t begin = parser->token.begin;
    parser_advance(parser);
    return parser_new_expr(parser, kind, begin);
}

_Noreturn static void fail_atom(Parser *parser) {
    check_async(parser);
    TokenKind kind = parser->token.kind;
    Span span = parser_token_span(parser);
    if (kind == TOKEN_AND_BITS || kind == TOKEN_OR_BITS || kind == TOKEN_BANG) {
        const char *hint = kind == TOKEN_AND_BITS  ? "the operator is written `and`"
                           : kind == TOKEN_OR_BITS ? "the operator is written `or`"
                                                   : "the operator is written `not`";
        parser_fail_hint(parser, span, hint, "expected an expression, got '%s'", token_text(kind));
    }
    if (kind == TOKEN_ASSIGN)
        parser_fail_hint(parser, span, "use '==' to compare", "expected an expression, got '='");
    uint32_t end = parser->previous_end;
    const char *text = parser->lexer.text;
    if (end >= 2 && (text[end - 1] == '+' || text[end - 1] == '-') &&
        text[end - 2] == text[end - 1])
        parser_fail_hint(parser, (Span){parser->file, end - 2, end}, "write `x += 1` or `x -= 1`",
                         "there is no '%.2s' operator", text + end - 2);
    if (kind == TOKEN_YIELD)
        parser_fail_hint(parser, span, "write `(yield ...)`", "'yield' needs parentheses here");
    parser_fail_expected(parser, "an expression");
}

static Expr *parse_atom(Parser *parser) {
    uint32_t begin = parser->token.begin;
    Token token = parser->token;
    switch (token.kind) {
    case TOKEN_NAME: {
        Expr *expr = parse_constant(parser, EXPR_NAME);
        expr->as.name = parser_mangled(parser, token.as.name);
        return expr;
    }
    case TOKEN_INT: {
        Expr *expr = parse_constant(parser, EXPR_INT);
        expr->as.integer = token.as.integer;
        return expr;
    }
    case TOKEN_BIG_INT: {
        Expr *expr = parse_constant(parser, EXPR_BIG_INT);
        size_t size = token.end - token.begin;
        expr->as.string.bytes =
            arena_strndup(parser->arena, parser->lexer.text + token.begin, size);
        expr->as.string.length = size;
        return expr;
    }
    case TOKEN_FLOAT: {
        Expr *expr = parse_constant(parser, EXPR_FLOAT);
        expr->as.number = token.as.number;
        return expr;
    }
    case TOKEN_STRING:
        return parse_strings(parser);
    case TOKEN_NONE:
        return parse_constant(parser, EXPR_NONE);
    case TOKEN_TRUE:
        return parse_constant(parser, EXPR_TRUE);
    case TOKEN_FALSE:
        return parse_constant(parser, EXPR_FALSE);
    case TOKEN_ELLIPSIS:
        return parse_constant(parser, EXPR_ELLIPSIS);
    case TOKEN_LPAREN:
    case TOKEN_LBRACKET:
    case TOKEN_LBRACE: {
        parser_enter(parser);
        Expr *expr = token.kind == TOKEN_LPAREN     ? parse_parentheses(parser)
                     : token.kind == TOKEN_LBRACKET ? parse_brackets(parser)
                                                    : parse_braces(parser);
        parser_leave(parser);
        expr->span.begin = begin;
        return expr;
    }
    default:
        fail_atom(parser);
    }
}

/* `name=value`, `*value`, `**value` or a value; a lone generator needs no parentheses. */
static Argument *parse_argument(Parser *parser, uint32_t call_begin) {
    Argument *argument = ARENA_NEW(parser->arena, Argument);
    uint32_t begin = parser->token.begin;
    argument->kind = ARG_POSITIONAL;
    if (parser_accept(parser, TOKEN_MUL)) {
        argument->kind = ARG_STAR;
        argument->value = parse_expression(parser);
    } else if (parser_accept(parser, TOKEN_POW)) {
        argument->kind = ARG_DOUBLE_STAR;
        argument->value = parse_expression(parser);
    } else {
        argument->value = parse_named_expression(parser);
        if (parser_at(parser, TOKEN_FOR)) {
            argument->value = new_comp(parser, COMP_GENERATOR, argument->value, NULL, call_begin);
        } else if (parser_at(parser, TOKEN_ASSIGN)) {
            if (argument->value->kind != EXPR_NAME || argument->value->parenthesized)
                parser_fail_hint(parser, parser_token_span(parser), "use '==' to compare",
                                 "a keyword argument's name must be a plain name, not %s",
                                 expr_description(argument->value));
            parser_advance(parser);
            argument->kind = ARG_KEYWORD;
            argument->name = argument->value->as.name;
            argument->value = parse_expression(parser);
        }
    }
    argument->span = parser_span_from(parser, begin);
    return argument;
}

/* Only near neighbours are compared, so that a call with 100,000 arguments stays linear. */
static void check_duplicate(Parser *parser, Argument *const *arguments, size_t count) {
    const Argument *last = arguments[count - 1];
    size_t first = count > 256 ? count - 256 : 0;
    for (size_t i = first; i + 1 < count && last->kind == ARG_KEYWORD; i++)
        if (arguments[i]->kind == ARG_KEYWORD && arguments[i]->name == last->name)
            parser_error(parser, last->span, "keyword argument '%s' is given twice",
                         last->name->text);
}

static void check_order(Parser *parser, const Argument *argument, bool seen[ARG_DOUBLE_STAR + 1]) {
    bool named = seen[ARG_KEYWORD] || seen[ARG_DOUBLE_STAR];
    if (argument->kind == ARG_POSITIONAL && named)
        parser_error(parser, argument->span, "a positional argument follows a keyword argument");
    if (argument->kind == ARG_STAR && seen[ARG_DOUBLE_STAR])
        parser_error(parser, argument->span, "'*' unpacking follows '**' unpacking");
    seen[argument->kind] = true;
}

Arguments parse_arguments(Parser *parser) {
    size_t mark = parser_mark(parser);
    uint32_t begin = parser->previous_end - 1; /* the parenthesis */
    bool seen[ARG_DOUBLE_STAR + 1] = {false};
    while (!parser_at(parser, TOKEN_RPAREN)) {
        Argument *argument = parse_argument(parser, begin);
        parser_push(parser, argument);
        check_duplicate(parser, (Argument **)(void *)(parser->scratch.items + mark),
                        parser->scratch.count - mark);
        check_order(parser, argument, seen);
        if (!parser_accept(parser, TOKEN_COMMA)) break;
    }
    parser_expect(parser, TOKEN_RPAREN, "',' or ')'");
    size_t count;
    Argument **items = (Argument **)(void *)parser_take(parser, mark, &count);
    Arguments arguments = {ARENA_ARRAY(parser->arena, Argument, count), count};
    for (size_t i = 0; i < count; i++) {
        arguments.items[i] = *items[i];
        bool bare = items[i]->value->kind == EXPR_COMP && !items[i]->value->parenthesized &&
                    items[i]->value->as.comp.kind == COMP_GENERATOR;
        if (bare && count > 1)
            parser_error(parser, items[i]->value->span,
                         "a generator expression needs parentheses among other arguments");
        if (bare) arguments.items[i].value->span = parser_span_from(parser, begin);
    }
    return arguments;
}

static bool at_slice_end(const Parser *parser) {
    return parser_at(parser, TOKEN_COLON) || parser_at(parser, TOKEN_COMMA) ||
           parser_at(parser, TOKEN_RBRACKET);
}

static Expr *parse_slice(Parser *parser) {
    if (parser_at(parser, TOKEN_MUL)) return parse_starred(parser);
    uint32_t begin = parser->token.begin;
    Expr *start = parser_at(parser, TOKEN_COLON) ? NULL : parse_named_expression(parser);
    if (!parser_accept(parser, TOKEN_COLON)) return start;
    Expr *stop = at_slice_end(parser) ? NULL : parse_expression(parser);
    Expr *step = NULL;
    if (parser_accept(parser, TOKEN_COLON) && !at_slice_end(parser))
        step = parse_expression(parser);
    Expr *slice = parser_new_expr(parser, EXPR_SLICE, begin);
    slice->as.slice.start = start;
    slice->as.slice.stop = stop;
    slice->as.slice.step = step;
    return slice;
}

static Expr *parse_subscript(Parser *parser, Expr *object) {
    uint32_t begin = parser->token.begin;
    if (parser_at(parser, TOKEN_RBRACKET)) parser_fail_expected(parser, "an index or slice");
    Expr *index = parse_slice(parser);
    if (parser_at(parser, TOKEN_COMMA) || index->kind == EXPR_STARRED) {
        size_t mark = parser_mark(parser);
        parser_push(parser, index);
        while (parser_accept(parser, TOKEN_COMMA) && !parser_at(parser, TOKEN_RBRACKET))
            parser_push(parser, parse_slice(parser));
        index = parser_new_expr(parser, EXPR_TUPLE, begin);
        index->as.items = parser_take_exprs(parser, mark);
    }
    parser_expect(parser, TOKEN_RBRACKET, "',' or ']'");
    Expr *expr = parser_new_expr(parser, EXPR_SUBSCRIPT, object->span.begin);
    expr->as.subscript.object = object;
    expr->as.subscript.index = index;
    return expr;
}

static Expr *parse_attribute(Parser *parser, Expr *object) {
    Span span = parser_token_span(parser);
    Name *name = parser_expect_name(parser, "an attribute's name after '.'");
    Expr *expr = parser_new_expr(parser, EXPR_ATTRIBUTE, object->span.begin);
    expr->as.attribute.object = object;
    expr->as.attribute.name = name;
    expr->as.attribute.name_span = span;
    return expr;
}

Expr *parse_primary(Parser *parser) {
    Expr *expr = parse_atom(parser);
    for (;;) {
        if (parser_accept(parser, TOKEN_DOT)) {
            expr = parse_attribute(parser, expr);
        } else if (parser_accept(parser, TOKEN_LPAREN)) {
            Arguments arguments = parse_arguments(parser);
            Expr *call = parser_new_expr(parser, EXPR_CALL, expr->span.begin);
            call->as.call.callee = expr;
            call->as.call.arguments = arguments;
            expr = call;
        } else if (parser_accept(parser, TOKEN_LBRACKET)) {
            expr = parse_subscript(parser, expr);
        } else {
            return expr;
        }
    }
}
