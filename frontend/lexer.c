/* The lexer: white space, line joining and indentation, names and operators.
 *
 * Literals are in lex_literal.c. Indentation is measured twice, with tabs to multiples of 8 and
 * with tabs as one column, as Python does: when the two disagree the file mixes tabs and spaces in
 * a way that looks different from editor to editor, which is an error. */
#include "frontend/lexer.h"

#include "frontend/lexer_internal.h"

#include <string.h>

static const char *const token_texts[TOKEN_COUNT] = {
#define X(name, text) [TOKEN_##name] = text,
    KEYWORDS(X) OPERATORS(X)
#undef X
};

const char *token_text(TokenKind kind) {
    return token_texts[kind];
}

void lexer_init(Lexer *lexer, Sources *sources, Interns *interns, uint16_t file) {
    const Source *source = sources_get(sources, file);
    *lexer = (Lexer){.sources = sources,
                     .interns = interns,
                     .text = source->text,
                     .file = file,
                     .at_line_start = true,
                     .end = (uint32_t)source->size,
                     .indent_count = 1};
}

void lexer_init_range(Lexer *lexer, const Lexer *outer, uint32_t begin, uint32_t end) {
    *lexer = (Lexer){.sources = outer->sources,
                     .interns = outer->interns,
                     .text = outer->text,
                     .file = outer->file,
                     .quiet = outer->quiet,
                     .pos = begin,
                     .end = end,
                     .bracket_count = 1, /* the field's own brace */
                     .indent_count = 1};
    lexer->brackets[0] = begin ? begin - 1 : 0;
}

void lex_error(Lexer *lexer, uint32_t begin, uint32_t end, const char *format, ...) {
    if (lexer->quiet) return;
    va_list args;
    va_start(args, format);
    report_v(lexer->sources, SEVERITY_ERROR, (Span){lexer->file, begin, end}, format, args);
    va_end(args);
}

void lex_hint(Lexer *lexer, const char *hint) {
    if (!lexer->quiet) report(lexer->sources, SEVERITY_HINT, (Span){0}, "%s", hint);
}

static Token make_token(TokenKind kind, uint32_t begin, uint32_t end) {
    return (Token){.kind = kind, .begin = begin, .end = end};
}

uint32_t lex_code_point(const Lexer *lexer, uint32_t pos, uint32_t *length) {
    const unsigned char *p = (const unsigned char *)lexer->text + pos;
    *length = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    uint32_t code = *length == 1 ? *p : *p & (0xFFU >> (*length + 1));
    for (uint32_t i = 1; i < *length; i++)
        code = code << 6 | (p[i] & 0x3F);
    return code;
}

/* Letters outside ASCII, by block: generous inside scripts, closed to punctuation, symbols and
 * spaces, so that a pasted curly quote or no-break space is named in an error. */
static bool is_letter(uint32_t code) {
    static const uint32_t ranges[][2] = {
        {0xAA, 0xAA},     {0xB5, 0xB5},       {0xBA, 0xBA},      {0xC0, 0xD6},     {0xD8, 0xF6},
        {0xF8, 0x2C1},    {0x300, 0x37D},     {0x37F, 0x386},    {0x388, 0x1FFF},  {0x2071, 0x2071},
        {0x207F, 0x209C}, {0x2102, 0x2188},   {0x2C00, 0x2DFF},  {0x3005, 0x3007}, {0x3021, 0xD7FF},
        {0xF900, 0xFDFF}, {0xFE70, 0xFEFC},   {0xFF10, 0xFF19},  {0xFF21, 0xFF3A}, {0xFF41, 0xFF5A},
        {0xFF66, 0xFFDC}, {0x10000, 0x1EFFF}, {0x20000, 0x3FFFF}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code >= ranges[i][0] && code <= ranges[i][1]) return true;
    return false;
}

bool lex_is_name_start(const Lexer *lexer, uint32_t pos) {
    if (pos >= lexer->end) return false;
    char c = lexer->text[pos];
    uint32_t length;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
    return (unsigned char)c >= 0x80 && is_letter(lex_code_point(lexer, pos, &length));
}

uint32_t lex_name_end(const Lexer *lexer, uint32_t pos) {
    while (pos < lexer->end) {
        char c = lexer->text[pos];
        uint32_t length = 1;
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
        if (!plain && ((unsigned char)c < 0x80 || !is_letter(lex_code_point(lexer, pos, &length))))
            break;
        pos += length;
    }
    return pos;
}

/* Sorted by text, for a binary search. */
static const struct {
    const char *text;
    TokenKind kind;
} keywords[] = {
    {"False", TOKEN_FALSE},
    {"None", TOKEN_NONE},
    {"True", TOKEN_TRUE},
    {"and", TOKEN_AND},
    {"as", TOKEN_AS},
    {"assert", TOKEN_ASSERT},
    {"async", TOKEN_ASYNC},
    {"await", TOKEN_AWAIT},
    {"break", TOKEN_BREAK},
    {"class", TOKEN_CLASS},
    {"continue", TOKEN_CONTINUE},
    {"def", TOKEN_DEF},
    {"del", TOKEN_DEL},
    {"elif", TOKEN_ELIF},
    {"else", TOKEN_ELSE},
    {"except", TOKEN_EXCEPT},
    {"finally", TOKEN_FINALLY},
    {"for", TOKEN_FOR},
    {"from", TOKEN_FROM},
    {"global", TOKEN_GLOBAL},
    {"if", TOKEN_IF},
    {"import", TOKEN_IMPORT},
    {"in", TOKEN_IN},
    {"is", TOKEN_IS},
    {"lambda", TOKEN_LAMBDA},
    {"nonlocal", TOKEN_NONLOCAL},
    {"not", TOKEN_NOT},
    {"or", TOKEN_OR},
    {"pass", TOKEN_PASS},
    {"raise", TOKEN_RAISE},
    {"return", TOKEN_RETURN},
    {"try", TOKEN_TRY},
    {"while", TOKEN_WHILE},
    {"with", TOKEN_WITH},
    {"yield", TOKEN_YIELD},
};

TokenKind lex_keyword(const char *text, size_t length) {
    size_t low = 0, high = sizeof keywords / sizeof *keywords;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strncmp(text, keywords[middle].text, length);
        if (order == 0 && keywords[middle].text[length]) order = -1;
        if (order == 0) return keywords[middle].kind;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return TOKEN_NAME;
}

static Token lex_name(Lexer *lexer) {
    uint32_t begin = lexer->pos;
    lexer->pos = lex_name_end(lexer, begin);
    const char *text = lexer->text + begin;
    size_t length = lexer->pos - begin;
    Token token = make_token(lex_keyword(text, length), begin, lexer->pos);
    if (token.kind == TOKEN_NAME) token.as.name = intern(lexer->interns, text, length);
    return token;
}

static char closer_of(char opener) {
    return opener == '(' ? ')' : opener == '[' ? ']' : '}';
}

static bool open_bracket(Lexer *lexer, uint32_t at) {
    if (lexer->bracket_count == BRACKET_LIMIT) {
        lex_error(lexer, at, at + 1, "too many nested brackets (the limit is %d)", BRACKET_LIMIT);
        return false;
    }
    lexer->brackets[lexer->bracket_count++] = at;
    return true;
}

static bool close_bracket(Lexer *lexer, uint32_t at) {
    char closer = lexer->text[at];
    if (lexer->bracket_count == 0) {
        lex_error(lexer, at, at + 1, "'%c' has no opening bracket", closer);
        return false;
    }
    uint32_t opener = lexer->brackets[--lexer->bracket_count];
    if (closer_of(lexer->text[opener]) == closer) return true;
    lex_error(lexer, at, at + 1, "'%c' closes '%c'", closer, lexer->text[opener]);
    if (!lexer->quiet)
        report(lexer->sources, SEVERITY_NOTE, (Span){lexer->file, opener, opener + 1},
               "'%c' was opened here and needs '%c'", lexer->text[opener],
               closer_of(lexer->text[opener]));
    return false;
}

static Token bad_character(Lexer *lexer) {
    uint32_t begin = lexer->pos, length;
    uint32_t code = lex_code_point(lexer, begin, &length);
    lexer->pos += length;
    if (code < 0x20 || code == 0x7F || code == 0xA0 || code == 0xFEFF)
        lex_error(lexer, begin, lexer->pos, "invalid character U+%04X", code);
    else
        lex_error(lexer, begin, lexer->pos, "invalid character '%.*s' (U+%04X)", (int)length,
                  lexer->text + begin, code);
    if (code >= 0x2018 && code <= 0x201F) lex_hint(lexer, "use plain quotes: ' or \"");
    if (code == '?') lex_hint(lexer, "a conditional expression is written `a if test else b`");
    return make_token(TOKEN_ERROR, begin, lexer->pos);
}

static Token lex_operator(Lexer *lexer) {
    uint32_t begin = lexer->pos, left = lexer->end - begin;
    const char *text = lexer->text + begin;
    for (int kind = TOKEN_POW_ASSIGN; kind < TOKEN_COUNT; kind++) {
        const char *candidate = token_texts[kind];
        if (candidate[0] != text[0]) continue;
        uint32_t length = (uint32_t)strlen(candidate);
        if (length > left || memcmp(candidate, text, length) != 0) continue;
        lexer->pos += length;
        Token token = make_token((TokenKind)kind, begin, lexer->pos);
        bool ok = true;
        if (kind == TOKEN_LPAREN || kind == TOKEN_LBRACKET || kind == TOKEN_LBRACE)
            ok = open_bracket(lexer, begin);
        if (kind == TOKEN_RPAREN || kind == TOKEN_RBRACKET || kind == TOKEN_RBRACE)
            ok = close_bracket(lexer, begin);
        if (!ok) token.kind = TOKEN_ERROR;
        return token;
    }
    return bad_character(lexer);
}

/* Skips to the end of the line, exclusive. */
static void skip_comment(Lexer *lexer) {
    while (lexer->pos < lexer->end && lexer->text[lexer->pos] != '\n')
        lexer->pos++;
}

static bool at_line_end(const Lexer *lexer) {
    const char *p = lexer->text + lexer->pos;
    return lexer->pos >= lexer->end || *p == '\n' ||
           (*p == '\r' && (lexer->pos + 1 >= lexer->end || p[1] == '\n'));
}

static Indent measure_indent(Lexer *lexer) {
    Indent indent = {0, 0};
    for (; lexer->pos < lexer->end; lexer->pos++) {
        char c = lexer->text[lexer->pos];
        if (c == ' ') {
            indent.column++;
            indent.alt_column++;
        } else if (c == '\t') {
            indent.column = (indent.column / 8 + 1) * 8;
            indent.alt_column++;
        } else if (c == '\f') {
            indent = (Indent){0, 0};
        } else {
            break;
        }
    }
    return indent;
}

static void mixed_indentation(Lexer *lexer, uint32_t begin) {
    lex_error(lexer, begin, lexer->pos, "inconsistent use of tabs and spaces in indentation");
    lex_hint(lexer, "indent with spaces only; this line and the ones around it differ");
}

/* Compares the indentation of the line that starts at `begin` with the open blocks. */
static bool open_block(Lexer *lexer, Indent indent, uint32_t begin) {
    const Indent *top = &lexer->indents[lexer->indent_count - 1];
    if (indent.column > top->column) {
        if (indent.alt_column <= top->alt_column) mixed_indentation(lexer, begin);
        if (lexer->indent_count == INDENT_LIMIT) {
            lex_error(lexer, begin, lexer->pos, "too many nested blocks (the limit is %d)",
                      INDENT_LIMIT - 1);
            return false;
        }
        lexer->indents[lexer->indent_count++] = indent;
        return true;
    }
    if (indent.column == top->column) {
        if (indent.alt_column != top->alt_column) mixed_indentation(lexer, begin);
        return false;
    }
    while (lexer->indents[lexer->indent_count - 1].column > indent.column) {
        lexer->indent_count--;
        lexer->pending_dedents++;
    }
    top = &lexer->indents[lexer->indent_count - 1];
    if (top->column != indent.column) { /* go on as if the inner block were indented like this */
        lex_error(lexer, begin, lexer->pos, "this indentation matches no enclosing block");
        lexer->indents[lexer->indent_count++] = indent;
        lexer->pending_dedents--;
    } else if (top->alt_column != indent.alt_column) {
        mixed_indentation(lexer, begin);
    }
    return false;
}

/* At the start of a logical line: skips blank lines; true when an INDENT is due. */
static bool begin_line(Lexer *lexer) {
    for (;;) {
        uint32_t begin = lexer->pos;
        Indent indent = measure_indent(lexer);
        if (lexer->pos < lexer->end && lexer->text[lexer->pos] == '#') skip_comment(lexer);
        if (lexer->pos >= lexer->end) {
            lexer->at_line_start = false;
            lexer->pending_dedents += lexer->indent_count - 1;
            lexer->indent_count = 1;
            return false;
        }
        if (at_line_end(lexer)) {
            while (lexer->text[lexer->pos] != '\n' && lexer->pos + 1 < lexer->end)
                lexer->pos++;
            lexer->pos++;
            continue;
        }
        lexer->at_line_start = false;
        return open_block(lexer, indent, begin);
    }
}

/* Skips white space, comments and joined line ends. True when it stopped at a line end that
 * counts; `*broken` tells whether a joined line end was passed. */
static bool skip_space(Lexer *lexer, bool *broken) {
    while (lexer->pos < lexer->end) {
        char c = lexer->text[lexer->pos];
        if (c == ' ' || c == '\t' || c == '\f') {
            lexer->pos++;
        } else if (c == '#') {
            skip_comment(lexer);
        } else if (at_line_end(lexer)) {
            if (lexer->bracket_count == 0) return true;
            lexer->pos += c == '\r' && lexer->pos + 1 < lexer->end ? 2 : 1;
            *broken = true;
        } else if (c == '\\') {
            uint32_t backslash = lexer->pos++;
            if (!at_line_end(lexer) || lexer->pos >= lexer->end) {
                lexer->pos = backslash;
                return false;
            }
            lexer->pos += lexer->text[lexer->pos] == '\r' ? 2 : 1;
            *broken = true;
        } else {
            return false;
        }
    }
    return lexer->bracket_count == 0;
}

static Token lex_line_end(Lexer *lexer) {
    uint32_t begin = lexer->pos;
    lexer->line_has_tokens = false;
    if (begin < lexer->end) {
        if (lexer->text[lexer->pos] == '\r') lexer->pos++;
        if (lexer->pos < lexer->end) lexer->pos++;
    }
    lexer->at_line_start = true;
    return make_token(TOKEN_NEWLINE, begin, begin);
}

static Token lex_token(Lexer *lexer) {
    char c = lexer->text[lexer->pos];
    bool digit_follows = lexer->pos + 1 < lexer->end && lexer->text[lexer->pos + 1] >= '0' &&
                         lexer->text[lexer->pos + 1] <= '9';
    if ((c >= '0' && c <= '9') || (c == '.' && digit_follows)) return lex_number(lexer);
    if (lex_is_string_start(lexer)) return lex_string(lexer);
    if (lex_is_name_start(lexer, lexer->pos)) return lex_name(lexer);
    if (c == '\\') {
        lexer->pos++;
        lex_error(lexer, lexer->pos - 1, lexer->pos, "unexpected character after '\\'");
        lex_hint(lexer, "a backslash joins lines only when it is the line's last character");
        return make_token(TOKEN_ERROR, lexer->pos - 1, lexer->pos);
    }
    return lex_operator(lexer);
}

Token lexer_next(Lexer *lexer) {
    bool broken = lexer->at_line_start;
    if (lexer->at_line_start && begin_line(lexer)) {
        Token token = make_token(TOKEN_INDENT, lexer->pos, lexer->pos);
        token.first_on_line = true;
        return token;
    }
    if (lexer->pending_dedents > 0) {
        lexer->pending_dedents--;
        Token token = make_token(TOKEN_DEDENT, lexer->pos, lexer->pos);
        token.first_on_line = true;
        return token;
    }
    bool line_end = skip_space(lexer, &broken);
    Token token;
    if (line_end && lexer->line_has_tokens) {
        token = lex_line_end(lexer);
    } else if (lexer->pos >= lexer->end) {
        token = make_token(TOKEN_END, lexer->end, lexer->end);
        if (lexer->indent_count > 1) { /* the last line has no line end */
            lexer->pending_dedents = lexer->indent_count - 2;
            lexer->indent_count = 1;
            token.kind = TOKEN_DEDENT;
        }
    } else {
        lexer->line_has_tokens = true;
        token = lex_token(lexer);
    }
    token.first_on_line = broken;
    return token;
}

/* Moves to the first byte of the next line. */
static void next_line(Lexer *lexer) {
    skip_comment(lexer);
    if (lexer->pos < lexer->end) lexer->pos++;
}

static uint32_t line_begin(const Lexer *lexer, uint32_t pos) {
    while (pos > 0 && lexer->text[pos - 1] != '\n')
        pos--;
    return pos;
}

/* True when the last line before `pos` that says something ends with a colon. */
static bool follows_colon(const Lexer *lexer, uint32_t pos) {
    while (pos > 0 && strchr(" \t\r\n", lexer->text[pos - 1]))
        pos--;
    return pos > 0 && lexer->text[pos - 1] == ':';
}

void lexer_recover(Lexer *lexer, uint32_t statement, Token offender) {
    lexer->pos = line_begin(lexer, statement);
    uint32_t column = measure_indent(lexer).column;
    uint32_t resume = line_begin(lexer, offender.begin);
    if (offender.first_on_line && offender.kind != TOKEN_ERROR && resume > statement) {
        lexer->pos = resume;
    } else {
        lexer->pos = offender.end;
        next_line(lexer);
    }
    bool body = follows_colon(lexer, lexer->pos);
    for (; lexer->pos < lexer->end; next_line(lexer)) {
        uint32_t begin = lexer->pos;
        uint32_t indented = measure_indent(lexer).column;
        char c = lexer->pos < lexer->end ? lexer->text[lexer->pos] : '\n';
        bool blank = c == '\n' || c == '\r' || c == '#';
        bool closer = c == ')' || c == ']' || c == '}';
        lexer->pos = begin;
        if (!blank && !closer && (indented <= column || body)) break;
    }
    lexer->bracket_count = 0;
    lexer->line_has_tokens = false;
    lexer->at_line_start = true;
}
