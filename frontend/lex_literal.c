/* Lexing of numbers and of string literals, f-strings included.
 *
 * A string token only delimits its text; parse_string.c decodes it. The end of an f-string depends
 * on its fields, since those may hold strings with the same quotes: fields are scanned by their
 * brackets and strings here and parsed later. */
#include "frontend/lexer_internal.h"

#include "support/bigint.h"
#include "support/checked.h"

#include <stdlib.h>
#include <string.h>

enum { FSTRING_DEPTH = 16, NUMBER_DIGITS = 1024 };
static const uint32_t UNTERMINATED = UINT32_MAX;

static char char_at(const Lexer *lexer, uint32_t pos) {
    return pos < lexer->end ? lexer->text[pos] : '\0';
}

static Token number_error(Lexer *lexer, uint32_t begin, const char *message) {
    lexer->pos = lex_name_end(lexer, lexer->pos);
    lex_error(lexer, begin, lexer->pos, "%s", message);
    return (Token){.kind = TOKEN_ERROR, .begin = begin, .end = lexer->pos};
}

/* Moves over digits of `base` with single underscores between them; false when malformed. */
static bool skip_digits(Lexer *lexer, int base) {
    bool any = false;
    for (;; lexer->pos++) {
        char c = char_at(lexer, lexer->pos);
        if (bigint_digit_value(c) < base)
            any = true;
        else if (c != '_' || !any || bigint_digit_value(char_at(lexer, lexer->pos + 1)) >= base)
            return any;
    }
}

static bool integer_value(const Lexer *lexer, uint32_t begin, int64_t base, int64_t *out) {
    int64_t value = 0;
    for (uint32_t i = begin; i < lexer->pos; i++) {
        if (lexer->text[i] == '_') continue;
        if (!mul_i64(value, base, &value) ||
            !add_i64(value, bigint_digit_value(lexer->text[i]), &value))
            return false;
    }
    *out = value;
    return true;
}

/* A literal must not run into a name; `1if x else y` is the one tradition that may. */
static bool glued_to_name(const Lexer *lexer) {
    if (!lex_is_name_start(lexer, lexer->pos)) return false;
    uint32_t end = lex_name_end(lexer, lexer->pos);
    return lex_keyword(lexer->text + lexer->pos, end - lexer->pos) == TOKEN_NAME;
}

static Token integer_token(Lexer *lexer, uint32_t begin, uint32_t digits, int64_t base) {
    if (glued_to_name(lexer) || (base != 10 && bigint_digit_value(char_at(lexer, lexer->pos)) < 10))
        return number_error(lexer, begin, "invalid integer literal");
    Token token = {.kind = TOKEN_INT, .begin = begin, .end = lexer->pos};
    if (!integer_value(lexer, digits, base, &token.as.integer)) token.kind = TOKEN_BIG_INT;
    return token;
}

static Token float_token(Lexer *lexer, uint32_t begin) {
    char digits[NUMBER_DIGITS];
    size_t count = 0;
    for (uint32_t i = begin; i < lexer->pos; i++) {
        if (lexer->text[i] == '_') continue;
        if (count + 1 == sizeof digits)
            return number_error(lexer, begin, "float literal has too many digits");
        digits[count++] = lexer->text[i];
    }
    digits[count] = '\0';
    Token token = {.kind = TOKEN_FLOAT, .begin = begin, .end = lexer->pos};
    token.as.number = strtod(digits, NULL);
    return token;
}

Token lex_number(Lexer *lexer) {
    uint32_t begin = lexer->pos;
    if (char_at(lexer, begin) == '0') {
        char letter = (char)(char_at(lexer, begin + 1) | 0x20);
        int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
        if (base) {
            lexer->pos = begin + 2 + (char_at(lexer, begin + 2) == '_');
            uint32_t digits = lexer->pos;
            if (!skip_digits(lexer, base))
                return number_error(lexer, begin, "invalid integer literal");
            return integer_token(lexer, begin, digits, base);
        }
    }
    bool is_float = false;
    if (char_at(lexer, begin) != '.') skip_digits(lexer, 10);
    uint32_t whole_end = lexer->pos;
    if (char_at(lexer, lexer->pos) == '.') {
        is_float = true;
        lexer->pos++;
        skip_digits(lexer, 10);
    }
    char next = (char)(char_at(lexer, lexer->pos) | 0x20);
    char sign = char_at(lexer, lexer->pos + 1);
    uint32_t exponent = lexer->pos + 1 + (sign == '+' || sign == '-');
    if (next == 'e' && bigint_digit_value(char_at(lexer, exponent)) < 10) {
        is_float = true;
        lexer->pos = exponent;
        skip_digits(lexer, 10);
    }
    if ((char_at(lexer, lexer->pos) | 0x20) == 'j' &&
        lex_name_end(lexer, lexer->pos) == lexer->pos + 1)
        return number_error(lexer, begin, "complex numbers are not supported");
    if (!is_float) {
        bool nonzero = false;
        for (uint32_t i = begin; i < whole_end; i++)
            nonzero |= lexer->text[i] != '0' && lexer->text[i] != '_';
        if (nonzero && lexer->text[begin] == '0')
            return number_error(lexer, begin,
                                "leading zeros are not allowed in integers (octal is 0o...)");
        return integer_token(lexer, begin, begin, 10);
    }
    if (glued_to_name(lexer)) return number_error(lexer, begin, "invalid number literal");
    return float_token(lexer, begin);
}

typedef struct Quote {
    char character;
    bool triple, raw, bytes, format;
} Quote;

/* Reads a prefix and the opening quote at `pos`; 0 when there is no string literal there. */
static uint32_t open_quote(const Lexer *lexer, uint32_t pos, Quote *quote) {
    *quote = (Quote){0};
    bool unicode = false;
    for (int i = 0; i < 3; i++, pos++) {
        char c = char_at(lexer, pos), lower = (char)(c | 0x20);
        if (c == '"' || c == '\'') {
            quote->character = c;
            quote->triple = char_at(lexer, pos + 1) == c && char_at(lexer, pos + 2) == c;
            return pos + (quote->triple ? 3 : 1);
        }
        bool *flag = lower == 'r'   ? &quote->raw
                     : lower == 'b' ? &quote->bytes
                     : lower == 'f' ? &quote->format
                     : lower == 'u' ? &unicode
                                    : NULL;
        if (!flag || *flag || unicode) return 0;
        *flag = true;
        if ((quote->bytes && quote->format) || (unicode && i > 0)) return 0;
    }
    return 0;
}

bool lex_is_string_start(const Lexer *lexer) {
    char c = lexer->text[lexer->pos];
    if (c == '"' || c == '\'') return true;
    Quote quote;
    char lower = (char)(c | 0x20);
    return (lower == 'r' || lower == 'b' || lower == 'f' || lower == 'u') &&
           open_quote(lexer, lexer->pos, &quote) > 0;
}

static bool closes(const Lexer *lexer, uint32_t pos, Quote quote) {
    char c = quote.character;
    if (char_at(lexer, pos) != c) return false;
    return !quote.triple || (char_at(lexer, pos + 1) == c && char_at(lexer, pos + 2) == c);
}

/* Offset of the closing quote of a plain string whose text begins at `pos`. */
static uint32_t scan_plain(const Lexer *lexer, uint32_t pos, Quote quote) {
    while (pos < lexer->end) {
        char c = lexer->text[pos];
        if (closes(lexer, pos, quote)) return pos;
        if (c == '\n' && !quote.triple) return UNTERMINATED;
        pos += c == '\\' ? 2 : 1;
    }
    return UNTERMINATED;
}

static uint32_t scan_format(const Lexer *lexer, uint32_t pos, Quote quote, int depth);

/* A string inside a field; returns the offset behind it. */
static uint32_t scan_nested(const Lexer *lexer, uint32_t pos, int depth) {
    Quote quote;
    uint32_t text = open_quote(lexer, pos, &quote);
    uint32_t end =
        quote.format ? scan_format(lexer, text, quote, depth + 1) : scan_plain(lexer, text, quote);
    return end == UNTERMINATED ? end : end + (quote.triple ? 3 : 1);
}

/* The format spec of a field from behind its colon; returns the offset behind the field's `}`. */
static uint32_t scan_field(const Lexer *lexer, uint32_t pos, Quote quote, int depth);
static uint32_t scan_spec(const Lexer *lexer, uint32_t pos, Quote quote, int depth) {
    while (pos < lexer->end) {
        char c = lexer->text[pos];
        if (c == '}') return pos + 1;
        if (closes(lexer, pos, quote) || (c == '\n' && !quote.triple)) return UNTERMINATED;
        if (c == '{') {
            pos = scan_field(lexer, pos + 1, quote, depth + 1);
            if (pos == UNTERMINATED) return pos;
        } else {
            pos++;
        }
    }
    return UNTERMINATED;
}

/* A field from behind its `{`; returns the offset behind its `}`. */
static uint32_t scan_field(const Lexer *lexer, uint32_t pos, Quote quote, int depth) {
    if (depth > FSTRING_DEPTH) return UNTERMINATED;
    uint32_t brackets = 0;
    Quote nested;
    while (pos < lexer->end) {
        char c = lexer->text[pos];
        bool word = lex_is_name_start(lexer, pos);
        if ((word || c == '"' || c == '\'') && open_quote(lexer, pos, &nested)) {
            if (quote.triple && closes(lexer, pos, quote)) return UNTERMINATED;
            pos = scan_nested(lexer, pos, depth);
            if (pos == UNTERMINATED) return pos;
            continue;
        }
        if (c == '\n' && !quote.triple) return UNTERMINATED;
        if (brackets == 0 && c == ':') return scan_spec(lexer, pos + 1, quote, depth);
        if (brackets == 0 && c == '}') return pos + 1;
        if (c == '(' || c == '[' || c == '{') brackets++;
        if ((c == ')' || c == ']' || c == '}') && brackets) brackets--;
        pos = word ? lex_name_end(lexer, pos) : pos + 1;
    }
    return UNTERMINATED;
}

/* Offset of the closing quote of an f-string whose text begins at `pos`. */
static uint32_t scan_format(const Lexer *lexer, uint32_t pos, Quote quote, int depth) {
    while (pos < lexer->end) {
        char c = lexer->text[pos], next = char_at(lexer, pos + 1);
        if (closes(lexer, pos, quote)) return pos;
        if (c == '\n' && !quote.triple) return UNTERMINATED;
        if (c == '\\' && next != '{' && next != '}') {
            pos += 2;
        } else if (c == '{' && next == '{') {
            pos += 2;
        } else if (c == '{') {
            pos = scan_field(lexer, pos + 1, quote, depth);
            if (pos == UNTERMINATED) return pos;
        } else {
            pos++;
        }
    }
    return UNTERMINATED;
}

static Token unterminated(Lexer *lexer, uint32_t begin, uint32_t text, Quote quote) {
    const char *kind = quote.format ? "f-string" : quote.bytes ? "bytes literal" : "string";
    Token token = {.kind = TOKEN_ERROR, .begin = begin};
    if (quote.triple) {
        lex_error(lexer, begin, text, "unterminated triple-quoted %s", kind);
        lexer->pos = lexer->end;
    } else {
        while (lexer->pos < lexer->end && lexer->text[lexer->pos] != '\n')
            lexer->pos++;
        /* A plain string would have ended: then it is a field that has no end. */
        bool field = quote.format && scan_plain(lexer, text, quote) != UNTERMINATED;
        if (field)
            lex_error(lexer, begin, lexer->pos, "a '{' of this f-string has no matching '}'");
        else
            lex_error(lexer, begin, lexer->pos, "unterminated %s", kind);
        if (!field)
            lex_hint(lexer,
                     quote.character == '"' ? "add '\"' at its end" : "add \"'\" at its end");
    }
    token.end = lexer->pos;
    return token;
}

Token lex_string(Lexer *lexer) {
    uint32_t begin = lexer->pos;
    Quote quote;
    uint32_t text = open_quote(lexer, begin, &quote);
    uint32_t end =
        quote.format ? scan_format(lexer, text, quote, 0) : scan_plain(lexer, text, quote);
    if (end == UNTERMINATED) return unterminated(lexer, begin, text, quote);
    lexer->pos = end + (quote.triple ? 3 : 1);
    Token token = {.kind = TOKEN_STRING, .begin = begin, .end = lexer->pos};
    token.as.string.begin = text;
    token.as.string.end = end;
    token.as.string.raw = quote.raw;
    token.as.string.bytes = quote.bytes;
    token.as.string.format = quote.format;
    return token;
}
