/* The parser's frame: tokens, errors, recovery, and the entry points.
 *
 * The statement loop of a block is the only place that catches errors. A statement that fails is
 * dropped; the parse goes on behind it, so that one run reports every syntax error of the file. */
#include "frontend/parser_internal.h"

#include "support/checked.h"

#include <string.h>

void parser_advance(Parser *parser) {
    parser->previous_end = parser->token.end;
    parser->token = lexer_next(&parser->lexer);
}

bool parser_accept(Parser *parser, TokenKind kind) {
    if (parser->token.kind != kind) return false;
    parser_advance(parser);
    return true;
}

void parser_expect(Parser *parser, TokenKind kind, const char *what) {
    if (!parser_accept(parser, kind)) parser_fail_expected(parser, what);
}

bool mangle_name(Buf *out, const char *class_name, const char *name, size_t length) {
    while (*class_name == '_')
        class_name++;
    if (!*class_name || length < 3 || name[0] != '_' || name[1] != '_' ||
        (name[length - 1] == '_' && name[length - 2] == '_'))
        return false;
    buf_printf(out, "_%s%s", class_name, name);
    return true;
}

Name *parser_mangled(Parser *parser, Name *name) {
    Buf text = {0};
    if (parser->class_name &&
        mangle_name(&text, parser->class_name->text, name->text, name->length))
        name = intern(parser->interns, text.data, text.size);
    buf_free(&text);
    return name;
}

Name *parser_expect_name(Parser *parser, const char *what) {
    Name *name = parser_at(parser, TOKEN_NAME) ? parser->token.as.name : NULL;
    TokenKind kind = parser->token.kind;
    if (token_text(kind) && kind < TOKEN_POW_ASSIGN)
        parser_fail(parser, parser_token_span(parser), "expected %s, got '%s', which is a keyword",
                    what, token_text(kind));
    parser_expect(parser, TOKEN_NAME, what);
    return parser_mangled(parser, name);
}

/* Tokens without text of their own are pointed at just behind the token before. */
Span parser_token_span(const Parser *parser) {
    const Token *token = &parser->token;
    if (token->kind == TOKEN_NEWLINE || token->kind == TOKEN_END)
        return (Span){parser->file, parser->previous_end, parser->previous_end};
    return (Span){parser->file, token->begin, token->end};
}

Span parser_span_from(const Parser *parser, uint32_t begin) {
    uint32_t end = parser->previous_end > begin ? parser->previous_end : begin;
    return (Span){parser->file, begin, end};
}

_Noreturn void parser_escape(Parser *parser) {
    longjmp(*parser->escape, 1);
}

static void error_v(Parser *parser, Span span, const char *format, va_list args) {
    report_v(parser->sources, SEVERITY_ERROR, span, format, args);
}

void parser_error(Parser *parser, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    error_v(parser, span, format, args);
    va_end(args);
}

void parser_hint(Parser *parser, const char *hint) {
    report(parser->sources, SEVERITY_HINT, (Span){0}, "%s", hint);
}

_Noreturn void parser_fail(Parser *parser, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    error_v(parser, span, format, args);
    va_end(args);
    parser_escape(parser);
}

_Noreturn void parser_fail_hint(Parser *parser, Span span, const char *hint, const char *format,
                                ...) {
    va_list args;
    va_start(args, format);
    error_v(parser, span, format, args);
    va_end(args);
    parser_hint(parser, hint);
    parser_escape(parser);
}

static const char *describe_token(Parser *parser) {
    const Token *token = &parser->token;
    switch (token->kind) {
    case TOKEN_END:
        return "the end of the file";
    case TOKEN_NEWLINE:
        return "the end of the line";
    case TOKEN_INDENT:
        return "an indented line";
    case TOKEN_DEDENT:
        return "the end of the block";
    case TOKEN_INT:
    case TOKEN_BIG_INT:
    case TOKEN_FLOAT:
        return "a number";
    case TOKEN_STRING:
        return "a string";
    case TOKEN_NAME:
        return arena_printf(parser->arena, "name '%s'", token->as.name->text);
    default:
        return arena_printf(parser->arena, "'%s'", token_text(token->kind));
    }
}

/* An error at the first token of a joined line, or at the '=' of an assignment there, means that
 * a bracket was left open on a line before it. */
static bool bracket_left_open(Parser *parser) {
    Token *token = &parser->token;
    if (parser->field_depth || parser->lexer.bracket_count == 0) return false;
    uint32_t opener = parser->lexer.brackets[parser->lexer.bracket_count - 1];
    if (opener >= token->begin) return false;
    if (token->first_on_line || token->kind == TOKEN_END) return true;
    if (token->kind != TOKEN_ASSIGN) return false;
    const char *between = parser->lexer.text + opener;
    token->first_on_line = memchr(between, '\n', token->begin - opener) != NULL;
    return token->first_on_line;
}

/* Whether the innermost bracket is closed further on: then what is missing is a comma. */
static bool bracket_closes(const Parser *parser) {
    Lexer ahead = parser->lexer;
    ahead.quiet = true;
    for (size_t depth = ahead.bracket_count; ahead.bracket_count >= depth;) {
        Token token = lexer_next(&ahead);
        if (token.kind == TOKEN_END || token.kind == TOKEN_ERROR) return false;
    }
    return true;
}

_Noreturn void parser_fail_expected(Parser *parser, const char *what) {
    if (parser->token.kind == TOKEN_ERROR) parser_escape(parser); /* reported by the lexer */
    bool open = bracket_left_open(parser), comma = open && bracket_closes(parser);
    if (comma) {
        parser_error(parser, parser_token_span(parser), "expected %s, got %s", what,
                     describe_token(parser));
        report(parser->sources, SEVERITY_HINT, (Span){0},
               "is a comma missing at the end of the line above?");
        parser_escape(parser);
    }
    if (open) {
        uint32_t opener = parser->lexer.brackets[parser->lexer.bracket_count - 1];
        Span span = {parser->file, opener, opener + 1};
        parser_error(parser, span, "'%c' was never closed", parser->lexer.text[opener]);
        if (parser->token.kind != TOKEN_END)
            report(parser->sources, SEVERITY_NOTE, parser_token_span(parser),
                   "this line was read as its inside: expected %s, got %s", what,
                   describe_token(parser));
        parser_escape(parser);
    }
    parser_fail(parser, parser_token_span(parser), "expected %s, got %s", what,
                describe_token(parser));
}

void parser_enter(Parser *parser) {
    if (++parser->nesting > NESTING_LIMIT)
        parser_fail(parser, parser_token_span(parser), "nested too deeply");
}

void parser_push(Parser *parser, void *item) {
    VEC_PUSH(parser->scratch, item);
}

void **parser_take(Parser *parser, size_t mark, size_t *count) {
    void **items = NULL;
    *count = parser->scratch.count - mark;
    if (*count)
        items = arena_copy(parser->arena, parser->scratch.items + mark, *count, sizeof *items);
    parser->scratch.count = mark;
    return items;
}

Exprs parser_take_exprs(Parser *parser, size_t mark) {
    Exprs exprs;
    exprs.items = (Expr **)(void *)parser_take(parser, mark, &exprs.count);
    return exprs;
}

/* Behind an error outside brackets the rest of the logical line is skipped, token by token, if
 * that finds its end; a bracket opened there and never closed would swallow the file. */
static bool skip_logical_line(Parser *parser) {
    Lexer ahead = parser->lexer;
    ahead.quiet = true;
    for (;;) {
        Token token = lexer_next(&ahead);
        if (token.kind == TOKEN_END && ahead.bracket_count > 0) return false;
        if (token.kind == TOKEN_NEWLINE || token.kind == TOKEN_END) break;
    }
    ahead.quiet = false;
    parser->lexer = ahead;
    return true;
}

static void recover(Parser *parser) {
    TokenKind kind = parser->token.kind;
    if (parser->field_depth) {
        parser->lexer = parser->field_lexer;
        parser->field_depth = 0;
        parser->token = (Token){.kind = TOKEN_ERROR, .end = parser->lexer.pos};
        kind = TOKEN_ERROR;
    }
    if (kind == TOKEN_END || kind == TOKEN_DEDENT) return;
    bool at_end = kind == TOKEN_NEWLINE || kind == TOKEN_INDENT;
    bool inside = parser->lexer.bracket_count > 0;
    if (kind == TOKEN_LPAREN || kind == TOKEN_LBRACKET || kind == TOKEN_LBRACE)
        inside = parser->lexer.bracket_count > 1;
    if (!at_end && (inside || !skip_logical_line(parser)))
        lexer_recover(&parser->lexer, parser->statement, parser->token);
    parser_advance(parser);
}

/* A block whose header failed, or that no header announced: parsed for its errors only. */
static void parse_orphan_block(Parser *parser);

static bool try_statement(Parser *parser) {
    jmp_buf *outer = parser->escape;
    jmp_buf escape;
    const size_t mark = parser_mark(parser);
    const uint32_t nesting = parser->nesting, function_depth = parser->function_depth;
    const uint32_t loop_depth = parser->loop_depth, statement = parser->statement;
    Name *const class_name = parser->class_name;
    parser->escape = &escape;
    bool failed = setjmp(escape) != 0;
    if (!failed) {
        parser->statement = parser->token.begin;
        parse_statement(parser);
        parser->after_failed = false;
    } else {
        parser->after_failed = true;
        parser->scratch.count = mark;
        parser->text.size = 0;
        parser->nesting = nesting;
        parser->function_depth = function_depth;
        parser->loop_depth = loop_depth;
        parser->class_name = class_name;
        recover(parser);
    }
    parser->escape = outer;
    parser->statement = statement;
    return !failed;
}

/* Statements up to the end of the block or file; pushed on the scratch stack. */
static void parse_statements(Parser *parser) {
    while (!parser_at(parser, TOKEN_END) && !parser_at(parser, TOKEN_DEDENT)) {
        if (parser_at(parser, TOKEN_INDENT)) {
            parser_error(parser, (Span){parser->file, parser->token.begin, parser->token.begin},
                         "unexpected indentation");
            parse_orphan_block(parser);
        } else if (!try_statement(parser) && parser_at(parser, TOKEN_INDENT)) {
            parse_orphan_block(parser);
        }
    }
}

static void parse_orphan_block(Parser *parser) {
    size_t mark = parser_mark(parser);
    parser_advance(parser);
    parser->recovered_blocks++;
    parse_statements(parser);
    parser->recovered_blocks--;
    parser->scratch.count = mark;
    parser->after_failed = true;
    parser_accept(parser, TOKEN_DEDENT);
}

static Block take_block(Parser *parser, size_t mark) {
    Block block = {0};
    block.items = (Stmt **)(void *)parser_take(parser, mark, &block.count);
    return block;
}

Block parse_block(Parser *parser, const char *owner) {
    size_t mark = parser_mark(parser);
    if (!parser_accept(parser, TOKEN_COLON)) {
        if (!parser_at(parser, TOKEN_NEWLINE)) parser_fail_expected(parser, "':'");
        parser_error(parser, parser_token_span(parser), "expected ':' after %s", owner);
    }
    if (!parser_accept(parser, TOKEN_NEWLINE)) { /* `if x: statement` */
        parse_statement(parser);
        return take_block(parser, mark);
    }
    if (!parser_accept(parser, TOKEN_INDENT)) {
        parser_error(parser, parser_token_span(parser), "expected an indented block after %s",
                     owner);
        parser_hint(parser, "an empty block is written `pass`");
        return (Block){0};
    }
    parser_enter(parser);
    parse_statements(parser);
    parser_leave(parser);
    Block block = take_block(parser, mark);
    parser_accept(parser, TOKEN_DEDENT);
    return block;
}

static bool parse_file(Parser *parser, Block *body) {
    size_t mark = parser_mark(parser);
    parser_advance(parser);
    for (;;) {
        parse_statements(parser);
        if (parser_at(parser, TOKEN_END)) break;
        parser_advance(parser); /* a dedent too many, behind an error */
    }
    *body = take_block(parser, mark);
    VEC_FREE(parser->scratch);
    buf_free(&parser->text);
    return parser->sources->errors == parser->errors_before;
}

static Parser *new_parser(Arena *arena, Sources *sources, Interns *interns, uint16_t file) {
    Parser *parser = ARENA_NEW(arena, Parser);
    parser->arena = arena;
    parser->sources = sources;
    parser->interns = interns;
    parser->file = file;
    parser->errors_before = sources->errors;
    lexer_init(&parser->lexer, sources, interns, file);
    return parser;
}

ModuleAst *parse_module(Arena *arena, Sources *sources, Interns *interns, uint16_t file) {
    Parser *parser = new_parser(arena, sources, interns, file);
    ModuleAst *module = ARENA_NEW(arena, ModuleAst);
    module->file = file;
    return parse_file(parser, &module->body) ? module : NULL;
}
