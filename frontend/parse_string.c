/* String literals: implicit concatenation, escapes, and the fields of f-strings.
 *
 * A field is parsed by the ordinary expression parser, on a lexer that is confined to the field's
 * bytes of the same source, so spans inside f-strings point at the right place. */
#include "frontend/parser_internal.h"

#include <string.h>

/* What a run of adjacent literals has gathered so far. */
typedef struct Literal {
    Parser *parser;
    size_t start;   /* parser->text from here on: the text since the last field */
    size_t mark;    /* scratch: the parts before */
    uint32_t begin; /* of the whole run */
    bool bytes, format;
} Literal;

static void put_utf8(Buf *buf, uint32_t code) {
    if (code < 0x80) {
        buf_putc(buf, (char)code);
    } else if (code < 0x800) {
        buf_putc(buf, (char)(0xC0 | code >> 6));
        buf_putc(buf, (char)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        buf_putc(buf, (char)(0xE0 | code >> 12));
        buf_putc(buf, (char)(0x80 | (code >> 6 & 0x3F)));
        buf_putc(buf, (char)(0x80 | (code & 0x3F)));
    } else {
        buf_putc(buf, (char)(0xF0 | code >> 18));
        buf_putc(buf, (char)(0x80 | (code >> 12 & 0x3F)));
        buf_putc(buf, (char)(0x80 | (code >> 6 & 0x3F)));
        buf_putc(buf, (char)(0x80 | (code & 0x3F)));
    }
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static void escape_error(Literal *literal, uint32_t begin, uint32_t end, const char *message) {
    parser_error(literal->parser, (Span){literal->parser->file, begin, end}, "%s", message);
}

/* \x, \u and \U with `digits` hexadecimal digits; returns the offset behind them. */
static uint32_t put_hex(Literal *literal, uint32_t pos, uint32_t end, uint32_t digits) {
    const char *text = literal->parser->lexer.text;
    uint32_t begin = pos - 2, code = 0, count = 0;
    for (; count < digits && pos < end && hex_value(text[pos]) >= 0; count++)
        code = code * 16 + (uint32_t)hex_value(text[pos++]);
    if (count < digits)
        escape_error(literal, begin, pos, "this escape needs more hexadecimal digits");
    else if (literal->bytes)
        buf_putc(&literal->parser->text, (char)code);
    else if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        escape_error(literal, begin, pos, "this escape is not a valid code point");
    else
        put_utf8(&literal->parser->text, code);
    return pos;
}

static uint32_t put_octal(Literal *literal, uint32_t pos, uint32_t end) {
    const char *text = literal->parser->lexer.text;
    uint32_t code = 0, count = 0;
    for (; count < 3 && pos < end && text[pos] >= '0' && text[pos] <= '7'; count++)
        code = code * 8 + (uint32_t)(text[pos++] - '0');
    if (literal->bytes)
        buf_putc(&literal->parser->text, (char)code);
    else
        put_utf8(&literal->parser->text, code);
    return pos;
}

/* Decodes the escape whose backslash is at `pos`; returns the offset behind it. */
static uint32_t put_escape(Literal *literal, uint32_t pos, uint32_t end) {
    static const char plain[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
    const char *text = literal->parser->lexer.text;
    char c = pos + 1 < end ? text[pos + 1] : '\\';
    if (c == '\n') return pos + 2;
    if (c == '\r' && pos + 2 < end && text[pos + 2] == '\n') return pos + 3;
    if (c >= '0' && c <= '7') return put_octal(literal, pos + 1, end);
    if (c == 'x') return put_hex(literal, pos + 2, end, 2);
    if (!literal->bytes && c == 'u') return put_hex(literal, pos + 2, end, 4);
    if (!literal->bytes && c == 'U') return put_hex(literal, pos + 2, end, 8);
    if (!literal->bytes && c == 'N') {
        escape_error(literal, pos, pos + 2, "named characters (\\N{...}) are not supported");
        return pos + 2;
    }
    for (const char *p = plain; *p; p += 2) {
        if (*p != c) continue;
        buf_putc(&literal->parser->text, p[1]);
        return pos + 2;
    }
    report(literal->parser->sources, SEVERITY_WARNING, (Span){literal->parser->file, pos, pos + 2},
           "unknown escape sequence '\\%.*s'", (unsigned char)c < 0x80 ? 1 : 0, text + pos + 1);
    parser_hint(literal->parser, "write '\\\\' for a backslash, or use a raw string: r'...'");
    buf_putc(&literal->parser->text, '\\');
    return pos + 1;
}

static void put_char(Literal *literal, uint32_t pos) {
    char c = literal->parser->lexer.text[pos];
    if (literal->bytes && (unsigned char)c >= 0x80)
        escape_error(literal, pos, pos + 1, "bytes literals can only hold ASCII characters");
    else if (c != '\r') /* line ends in literals read as \n */
        buf_putc(&literal->parser->text, c);
}

static void decode_plain(Literal *literal, const Token *token) {
    const char *text = literal->parser->lexer.text;
    uint32_t end = token->as.string.end;
    for (uint32_t pos = token->as.string.begin; pos < end;) {
        if (text[pos] == '\\' && !token->as.string.raw)
            pos = put_escape(literal, pos, end);
        else
            put_char(literal, pos++);
    }
}

static Expr *new_string(Literal *literal, ExprKind kind, Span span) {
    Parser *parser = literal->parser;
    size_t length = parser->text.size - literal->start;
    Expr *expr = parser_new_expr(parser, kind, span.begin);
    expr->span = span;
    expr->as.string.bytes =
        arena_strndup(parser->arena, buf_text(&parser->text) + literal->start, length);
    expr->as.string.length = length;
    parser->text.size = literal->start;
    return expr;
}

/* The text since the last field becomes a part. */
static void flush_text(Literal *literal, Span span) {
    if (literal->parser->text.size > literal->start)
        parser_push(literal->parser, new_string(literal, EXPR_STRING, span));
}

static uint32_t decode_format(Literal *literal, uint32_t pos, uint32_t end, bool raw, bool spec);

/* The spec behind a field's colon: itself an f-string, ended by `}`. */
static Expr *parse_spec(Literal *literal, uint32_t *pos, uint32_t end, bool raw) {
    Parser *parser = literal->parser;
    Literal inner = {.parser = parser, .start = parser->text.size, .mark = parser_mark(parser)};
    uint32_t begin = *pos;
    *pos = decode_format(&inner, begin, end, raw, true);
    Span span = {parser->file, begin, *pos};
    flush_text(&inner, span);
    Expr *expr = parser_new_expr(parser, EXPR_FSTRING, begin);
    expr->span = span;
    expr->as.items = parser_take_exprs(parser, inner.mark);
    return expr;
}

/* The conversion behind `!`: one of r, s, a. */
static char parse_conversion(Parser *parser) {
    if (!parser_accept(parser, TOKEN_BANG)) return 0;
    const Token *token = &parser->token;
    bool letter = token->kind == TOKEN_NAME && token->as.name->length == 1 &&
                  strchr("rsa", token->as.name->text[0]);
    if (!letter) parser_fail_expected(parser, "a conversion: !r, !s or !a");
    char conversion = token->as.name->text[0];
    parser_advance(parser);
    return conversion;
}

/* The expression of a field, from behind its `{`, on a lexer of its own. Returns the offset of
 * what ended it: ':' or '}'. */
static uint32_t parse_field_inside(Literal *literal, Expr *field, uint32_t begin, uint32_t end) {
    Parser *parser = literal->parser;
    Lexer inner;
    lexer_init_range(&inner, &parser->lexer, begin, end);
    parser->lexer = inner;
    parser_advance(parser);
    if (parser_at(parser, TOKEN_RBRACE) || parser_at(parser, TOKEN_COLON) ||
        parser_at(parser, TOKEN_BANG))
        parser_fail(parser, (Span){parser->file, begin - 1, begin + 1},
                    "this field of an f-string has no expression");
    field->as.formatted.value = parse_yield_or_list(parser);
    if (parser_at(parser, TOKEN_ASSIGN)) {
        uint32_t stop = parser->token.end;
        parser_advance(parser);
        while (stop < end && parser->lexer.text[stop] == ' ')
            stop++;
        buf_add(&literal->parser->text, parser->lexer.text + begin, stop - begin);
        field->as.formatted.conversion = 'r'; /* unless a conversion or spec says otherwise */
        bool plain = parser_at(parser, TOKEN_COLON) || parser_at(parser, TOKEN_WALRUS);
        if (plain) field->as.formatted.conversion = 0;
    }
    char conversion = parse_conversion(parser);
    if (conversion) field->as.formatted.conversion = conversion;
    bool ended = parser_at(parser, TOKEN_COLON) || parser_at(parser, TOKEN_WALRUS) ||
                 parser_at(parser, TOKEN_RBRACE);
    /* The `}` of the outermost bracket is popped by the lexer as a closing bracket. */
    if (!ended) parser_fail_expected(parser, "'}', '!' or ':' in the f-string's field");
    return parser->token.begin;
}

/* A field from behind its `{`; returns the offset behind its `}`. */
static uint32_t parse_field(Literal *literal, uint32_t begin, uint32_t end, bool raw) {
    Parser *parser = literal->parser;
    Token outer_token = parser->token;
    Lexer outer = parser->lexer;
    uint32_t outer_end = parser->previous_end;
    if (parser->field_depth++ == 0) parser->field_lexer = outer;
    parser_enter(parser);
    Expr *field = parser_new_expr(parser, EXPR_FORMATTED, begin);
    uint32_t pos = parse_field_inside(literal, field, begin, end);
    parser->lexer = outer;
    flush_text(literal, (Span){parser->file, literal->begin, begin});
    size_t at = parser_mark(parser);
    if (parser->lexer.text[pos] == ':') {
        pos++;
        field->as.formatted.spec = parse_spec(literal, &pos, end, raw);
    }
    parser->scratch.count = at;
    parser_push(parser, field);
    parser->token = outer_token;
    parser->previous_end = outer_end;
    parser_leave(parser);
    parser->field_depth--;
    field->span = (Span){parser->file, begin - 1, pos + 1};
    return pos + 1;
}

/* Decodes an f-string's text; a spec ends at its `}`, whose offset is returned. */
static uint32_t decode_format(Literal *literal, uint32_t pos, uint32_t end, bool raw, bool spec) {
    const char *text = literal->parser->lexer.text;
    while (pos < end) {
        char c = text[pos], next = pos + 1 < end ? text[pos + 1] : '\0';
        if (c == '}' && spec) return pos;
        if (c == '\\' && !raw && next != '{' && next != '}') {
            pos = put_escape(literal, pos, end);
        } else if ((c == '{' || c == '}') && next == c && !spec) {
            buf_putc(&literal->parser->text, c);
            pos += 2;
        } else if (c == '{') {
            pos = parse_field(literal, pos + 1, end, raw);
        } else if (c == '}') {
            parser_fail_hint(literal->parser, (Span){literal->parser->file, pos, pos + 1},
                             "write '}}' for a brace", "a single '}' in an f-string");
        } else {
            put_char(literal, pos++);
        }
    }
    return pos;
}

Expr *parse_strings(Parser *parser) {
    Literal literal = {.parser = parser,
                       .start = parser->text.size,
                       .mark = parser_mark(parser),
                       .begin = parser->token.begin,
                       .bytes = parser->token.as.string.bytes};
    for (; parser_at(parser, TOKEN_STRING); parser_advance(parser)) {
        const Token token = parser->token;
        if (token.as.string.bytes != literal.bytes)
            parser_fail(parser, parser_token_span(parser),
                        "bytes and string literals can't be joined");
        if (token.as.string.format) {
            literal.format = true;
            decode_format(&literal, token.as.string.begin, token.as.string.end, token.as.string.raw,
                          false);
        } else {
            decode_plain(&literal, &token);
        }
    }
    Span span = parser_span_from(parser, literal.begin);
    Expr *expr;
    if (literal.format) {
        flush_text(&literal, span);
        expr = parser_new_expr(parser, EXPR_FSTRING, literal.begin);
        expr->as.items = parser_take_exprs(parser, literal.mark);
    } else {
        expr = new_string(&literal, literal.bytes ? EXPR_BYTES : EXPR_STRING, span);
    }
    return expr;
}
