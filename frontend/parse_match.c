/* The match statement and its patterns.
 *
 * `match` and `case` are names everywhere else: a statement begins where a line starts with
 * `match`, goes on with an operand and ends with a colon. */
#include "frontend/parser_internal.h"

#include <string.h>

static Pattern *parse_pattern(Parser *parser);

static bool at_word(const Parser *parser, const char *word) {
    return parser_at(parser, TOKEN_NAME) && strcmp(parser->token.as.name->text, word) == 0;
}

static Pattern *new_pattern(Parser *parser, PatternKind kind, uint32_t begin) {
    Pattern *pattern = ARENA_NEW(parser->arena, Pattern);
    pattern->kind = kind;
    pattern->span = parser_span_from(parser, begin);
    return pattern;
}

static void take_items(Parser *parser, Pattern *pattern, size_t mark) {
    pattern->items = (Pattern **)(void *)parser_take(parser, mark, &pattern->count);
}

/* The name of a capture; NULL for `_`. */
static Name *capture_name(Parser *parser) {
    Name *name = parser_expect_name(parser, "a name");
    return strcmp(name->text, "_") == 0 ? NULL : name;
}

/* A number, perhaps negative, or strings: also the key of a mapping pattern. */
static Expr *parse_literal(Parser *parser) {
    Span span = parser_token_span(parser);
    Expr *value;
    if (parser_at(parser, TOKEN_SUB)) {
        parser_advance(parser);
        Expr *operand = parse_primary(parser);
        value = parser_new_expr(parser, EXPR_UNARY, span.begin);
        value->as.unary.op = UNARY_NEG;
        value->as.unary.operand = operand;
    } else {
        value = parse_primary(parser);
    }
    const Expr *number = value->kind == EXPR_UNARY ? value->as.unary.operand : value;
    if (number->kind == EXPR_FSTRING)
        parser_fail(parser, value->span, "patterns may only match literals and attribute lookups");
    bool is_number =
        number->kind == EXPR_INT || number->kind == EXPR_BIG_INT || number->kind == EXPR_FLOAT;
    if (value->kind == EXPR_UNARY && !is_number)
        parser_fail(parser, value->span, "expected a number after '-' in a pattern");
    return value;
}

/* `a.b.c` from its first name on. */
static Expr *parse_dotted(Parser *parser) {
    uint32_t begin = parser->token.begin;
    Name *name = parser_expect_name(parser, "a name");
    Expr *value = parser_new_expr(parser, EXPR_NAME, begin);
    value->as.name = name;
    while (parser_accept(parser, TOKEN_DOT)) {
        Span span = parser_token_span(parser);
        name = parser_expect_name(parser, "an attribute's name after '.'");
        Expr *attribute = parser_new_expr(parser, EXPR_ATTRIBUTE, begin);
        attribute->as.attribute.object = value;
        attribute->as.attribute.name = name;
        attribute->as.attribute.name_span = span;
        value = attribute;
    }
    return value;
}

/* Behind `[` or `(`, up to and with `closer`. */
static Pattern *parse_sequence(Parser *parser, TokenKind closer, uint32_t begin) {
    size_t mark = parser_mark(parser);
    bool comma = false;
    while (!parser_at(parser, closer)) {
        parser_push(parser, parse_pattern(parser));
        if (!parser_accept(parser, TOKEN_COMMA)) break;
        comma = true;
    }
    parser_expect(parser, closer, closer == TOKEN_RPAREN ? "',' or ')'" : "',' or ']'");
    if (closer == TOKEN_RPAREN && !comma && parser_mark(parser) == mark + 1) {
        Pattern *only = parser->scratch.items[mark];
        parser->scratch.count = mark;
        return only;
    }
    Pattern *pattern = new_pattern(parser, PATTERN_SEQUENCE, begin);
    take_items(parser, pattern, mark);
    return pattern;
}

static Pattern *parse_mapping(Parser *parser, uint32_t begin) {
    size_t mark = parser_mark(parser);
    Name *rest = NULL;
    while (!parser_at(parser, TOKEN_RBRACE) && !rest) {
        if (parser_accept(parser, TOKEN_POW)) {
            rest = parser_expect_name(parser, "a name after '**'");
        } else {
            Expr *key =
                parser_at(parser, TOKEN_NAME) ? parse_dotted(parser) : parse_literal(parser);
            parser_expect(parser, TOKEN_COLON, "':' after the pattern's key");
            parser_push(parser, key);
            parser_push(parser, parse_pattern(parser));
        }
        if (!parser_accept(parser, TOKEN_COMMA)) break;
    }
    parser_expect(parser, TOKEN_RBRACE, "',' or '}'");
    size_t count = (parser_mark(parser) - mark) / 2;
    Pattern *pattern = new_pattern(parser, PATTERN_MAPPING, begin);
    pattern->name = rest;
    pattern->count = pattern->values.count = count;
    pattern->items = ARENA_ARRAY(parser->arena, Pattern *, count);
    pattern->values.items = ARENA_ARRAY(parser->arena, Expr *, count);
    for (size_t i = 0; i < count; i++) {
        pattern->values.items[i] = parser->scratch.items[mark + 2 * i];
        pattern->items[i] = parser->scratch.items[mark + 2 * i + 1];
    }
    parser->scratch.count = mark;
    return pattern;
}

static void check_attribute(Parser *parser, Name *const *names, size_t count, Span span) {
    for (size_t i = 0; i + 1 < count; i++)
        if (names[i] == names[count - 1])
            parser_error(parser, span, "attribute name repeated in class pattern: %s",
                         names[i]->text);
}

/* Behind `Class(`. */
static Pattern *parse_class_pattern(Parser *parser, Expr *cls) {
    Name *names[INDENT_LIMIT];
    size_t mark = parser_mark(parser), named = 0;
    while (!parser_at(parser, TOKEN_RPAREN)) {
        Lexer ahead = parser->lexer;
        ahead.quiet = true;
        Span span = parser_token_span(parser);
        if (parser_at(parser, TOKEN_NAME) && lexer_next(&ahead).kind == TOKEN_ASSIGN) {
            if (named == INDENT_LIMIT)
                parser_fail(parser, span, "too many attributes in a pattern");
            names[named++] = parser_expect_name(parser, "a name");
            check_attribute(parser, names, named, span);
            parser_advance(parser);
        } else if (named) {
            parser_fail(parser, span, "positional patterns follow keyword patterns");
        }
        parser_push(parser, parse_pattern(parser));
        if (!parser_accept(parser, TOKEN_COMMA)) break;
    }
    parser_expect(parser, TOKEN_RPAREN, "',' or ')'");
    Pattern *pattern = new_pattern(parser, PATTERN_CLASS, cls->span.begin);
    take_items(parser, pattern, mark);
    pattern->value = cls;
    pattern->names = arena_copy(parser->arena, names, named, sizeof *names);
    pattern->name_count = named;
    return pattern;
}

static Pattern *parse_named_pattern(Parser *parser) {
    uint32_t begin = parser->token.begin;
    Expr *value = parse_dotted(parser);
    if (parser_accept(parser, TOKEN_LPAREN)) return parse_class_pattern(parser, value);
    bool plain = value->kind == EXPR_NAME;
    Pattern *pattern = new_pattern(parser, plain ? PATTERN_CAPTURE : PATTERN_VALUE, begin);
    if (!plain)
        pattern->value = value;
    else if (strcmp(value->as.name->text, "_") != 0)
        pattern->name = value->as.name;
    return pattern;
}

static Pattern *parse_closed_pattern(Parser *parser) {
    uint32_t begin = parser->token.begin;
    switch (parser->token.kind) {
    case TOKEN_NAME:
        return parse_named_pattern(parser);
    case TOKEN_LPAREN:
        parser_advance(parser);
        return parse_sequence(parser, TOKEN_RPAREN, begin);
    case TOKEN_LBRACKET:
        parser_advance(parser);
        return parse_sequence(parser, TOKEN_RBRACKET, begin);
    case TOKEN_LBRACE:
        parser_advance(parser);
        return parse_mapping(parser, begin);
    case TOKEN_MUL: {
        parser_advance(parser);
        Name *name = capture_name(parser);
        Pattern *pattern = new_pattern(parser, PATTERN_STAR, begin);
        pattern->name = name;
        return pattern;
    }
    case TOKEN_SUB:
    case TOKEN_INT:
    case TOKEN_BIG_INT:
    case TOKEN_FLOAT:
    case TOKEN_STRING:
    case TOKEN_NONE:
    case TOKEN_TRUE:
    case TOKEN_FALSE: {
        Expr *value = parse_literal(parser);
        Pattern *pattern = new_pattern(parser, PATTERN_VALUE, begin);
        pattern->value = value;
        return pattern;
    }
    default:
        parser_fail_expected(parser, "a pattern");
    }
}

static Pattern *parse_pattern(Parser *parser) {
    uint32_t begin = parser->token.begin;
    size_t mark = parser_mark(parser);
    parser_enter(parser);
    do
        parser_push(parser, parse_closed_pattern(parser));
    while (parser_accept(parser, TOKEN_OR_BITS));
    Pattern *pattern = parser->scratch.items[mark];
    if (parser_mark(parser) > mark + 1) {
        pattern = new_pattern(parser, PATTERN_OR, begin);
        take_items(parser, pattern, mark);
    }
    parser->scratch.count = mark;
    if (parser_accept(parser, TOKEN_AS)) {
        Span span = parser_token_span(parser);
        Name *name = capture_name(parser);
        if (!name) parser_fail(parser, span, "cannot use '_' as a target");
        Pattern *inner = pattern;
        pattern = new_pattern(parser, PATTERN_AS, begin);
        pattern->items = arena_copy(parser->arena, &inner, 1, sizeof(Pattern *));
        pattern->count = 1;
        pattern->name = name;
    }
    parser_leave(parser);
    return pattern;
}

/* A case's pattern: a sequence may stand without its brackets. */
static Pattern *parse_open_pattern(Parser *parser) {
    uint32_t begin = parser->token.begin;
    size_t mark = parser_mark(parser);
    Pattern *first = parse_pattern(parser);
    if (!parser_at(parser, TOKEN_COMMA) && first->kind != PATTERN_STAR) return first;
    parser_push(parser, first);
    while (parser_accept(parser, TOKEN_COMMA)) {
        if (parser_at(parser, TOKEN_COLON) || parser_at(parser, TOKEN_IF)) break;
        parser_push(parser, parse_pattern(parser));
    }
    Pattern *pattern = new_pattern(parser, PATTERN_SEQUENCE, begin);
    take_items(parser, pattern, mark);
    return pattern;
}

static void add_name(Parser *parser, Name *name, Span span, size_t mark) {
    for (size_t i = mark; name && i < parser_mark(parser); i++)
        if (parser->scratch.items[i] == name)
            parser_error(parser, span, "multiple assignments to name '%s' in pattern", name->text);
    if (name) parser_push(parser, name);
}

/* Whether the scratch stack holds the same names in [mark, middle) as from `middle` on. */
static bool same_names(const Parser *parser, size_t mark, size_t middle) {
    size_t end = parser_mark(parser), found = 0;
    for (size_t i = mark; i < middle; i++)
        for (size_t j = middle; j < end; j++)
            found += parser->scratch.items[i] == parser->scratch.items[j];
    return found == middle - mark && found == end - middle;
}

static bool matches_all(const Pattern *pattern) {
    if (pattern->kind == PATTERN_AS) return matches_all(pattern->items[0]);
    if (pattern->kind == PATTERN_OR) return matches_all(pattern->items[pattern->count - 1]);
    return pattern->kind == PATTERN_CAPTURE;
}

static void check_reachable(Parser *parser, const Pattern *pattern) {
    if (!matches_all(pattern)) return;
    if (pattern->name)
        parser_error(parser, pattern->span,
                     "name capture '%s' makes remaining patterns unreachable", pattern->name->text);
    else
        parser_error(parser, pattern->span, "wildcard makes remaining patterns unreachable");
}

/* Pushes the names that a pattern binds; what is above `mark` is bound beside it. */
static void check_pattern(Parser *parser, const Pattern *pattern, size_t mark) {
    size_t first = parser_mark(parser), stars = 0, end = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        const Pattern *item = pattern->items[i];
        if (item->kind == PATTERN_STAR && pattern->kind != PATTERN_SEQUENCE)
            parser_error(parser, item->span, "can't use starred pattern here");
        if (item->kind == PATTERN_STAR && ++stars == 2)
            parser_error(parser, item->span, "multiple starred expressions in sequence pattern");
        if (pattern->kind != PATTERN_OR) {
            check_pattern(parser, item, mark);
            continue;
        }
        if (i + 1 < pattern->count) check_reachable(parser, item);
        check_pattern(parser, item, i ? end : mark);
        if (i == 0) end = parser_mark(parser);
        if (i > 0 && !same_names(parser, first, end))
            parser_error(parser, pattern->span, "alternative patterns bind different names");
        parser->scratch.count = end;
    }
    add_name(parser, pattern->name, pattern->span, mark);
}

static MatchCase *parse_case(Parser *parser) {
    if (!at_word(parser, "case")) parser_fail_expected(parser, "'case'");
    parser_advance(parser);
    MatchCase *clause = ARENA_NEW(parser->arena, MatchCase);
    clause->pattern = parse_open_pattern(parser);
    size_t mark = parser_mark(parser);
    check_pattern(parser, clause->pattern, mark);
    parser->scratch.count = mark;
    if (parser_accept(parser, TOKEN_IF)) clause->guard = parse_named_expression(parser);
    clause->body = parse_block(parser, "the 'case' pattern");
    return clause;
}

static bool at_match(Parser *parser) {
    if (!at_word(parser, "match")) return false;
    Lexer ahead = parser->lexer;
    ahead.quiet = true;
    Token token = lexer_next(&ahead), last = token;
    switch (token.kind) {
    case TOKEN_NAME:
    case TOKEN_STRING:
    case TOKEN_INT:
    case TOKEN_BIG_INT:
    case TOKEN_FLOAT:
    case TOKEN_LPAREN:
    case TOKEN_LBRACKET:
    case TOKEN_LBRACE:
    case TOKEN_SUB:
    case TOKEN_MUL:
    case TOKEN_INVERT:
    case TOKEN_NOT:
    case TOKEN_NONE:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
    case TOKEN_LAMBDA:
        break;
    default:
        return false;
    }
    for (; token.kind != TOKEN_NEWLINE && token.kind != TOKEN_END; token = lexer_next(&ahead))
        last = token;
    return last.kind == TOKEN_COLON;
}

Stmt *parse_match(Parser *parser) {
    if (!at_match(parser)) return NULL;
    uint32_t begin = parser->token.begin;
    parser_advance(parser);
    Expr *subject = parse_expression_list(parser);
    Stmt *stmt = parser_new_stmt(parser, STMT_MATCH, begin);
    stmt->as.match.subject = subject;
    parser_expect(parser, TOKEN_COLON, "':' after the 'match' subject");
    parser_expect(parser, TOKEN_NEWLINE, "the end of the line");
    if (!parser_accept(parser, TOKEN_INDENT))
        parser_fail(parser, parser_token_span(parser),
                    "expected an indented block after the 'match' subject");
    size_t mark = parser_mark(parser);
    MatchCase *last = NULL;
    while (!parser_at(parser, TOKEN_DEDENT) && !parser_at(parser, TOKEN_END)) {
        if (last && !last->guard) check_reachable(parser, last->pattern);
        parser_push(parser, last = parse_case(parser));
    }
    parser_accept(parser, TOKEN_DEDENT);
    MatchCase **cases = (MatchCase **)(void *)parser_take(parser, mark, &stmt->as.match.count);
    stmt->as.match.cases = ARENA_ARRAY(parser->arena, MatchCase, stmt->as.match.count);
    for (size_t i = 0; i < stmt->as.match.count; i++)
        stmt->as.match.cases[i] = *cases[i];
    return stmt;
}
