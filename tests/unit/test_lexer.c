/* Tokens: kinds and text, indentation, joins, literals, and what the lexer refuses. */
#include "frontend/lexer.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/text_fixture.h"

static void put_token(Fixture *fixture, const Lexer *lexer, Token token) {
    Buf *out = &fixture->out;
    if (out->size) buf_putc(out, ' ');
    switch (token.kind) {
    case TOKEN_END:
        buf_puts(out, "END");
        break;
    case TOKEN_ERROR:
        buf_puts(out, "ERROR");
        break;
    case TOKEN_NEWLINE:
        buf_puts(out, "NL");
        break;
    case TOKEN_INDENT:
        buf_puts(out, "IN");
        break;
    case TOKEN_DEDENT:
        buf_puts(out, "OUT");
        break;
    case TOKEN_INT:
        buf_printf(out, "%lld", (long long)token.as.integer);
        break;
    case TOKEN_FLOAT:
        buf_put_double(out, token.as.number);
        break;
    default:
        buf_add(out, lexer->text + token.begin, token.end - token.begin);
        break;
    }
}

/* The tokens of a text, and behind them what was reported. */
static const char *lex(Fixture *fixture, const char *text) {
    uint16_t file = fixture_start(fixture, text);
    Lexer lexer;
    lexer_init(&lexer, &fixture->sources, &fixture->interns, file);
    Token token;
    do {
        token = lexer_next(&lexer);
        put_token(fixture, &lexer, token);
    } while (token.kind != TOKEN_END);
    return buf_text(&fixture->out);
}

static void expect_tokens(const char *text, const char *tokens) {
    Fixture fixture;
    cr_expect_str_eq(lex(&fixture, text), tokens, "%s\n  got  %s\n  want %s", text,
                     buf_text(&fixture.out), tokens);
    cr_expect_eq(fixture.sources.errors, 0, "%s: %s", text, buf_text(&fixture.log));
    fixture_drop(&fixture);
}

static void expect_error(const char *text, const char *message) {
    Fixture fixture;
    lex(&fixture, text);
    cr_expect_not_null(strstr(buf_text(&fixture.log), message), "%s: %s", text,
                       buf_text(&fixture.log));
    fixture_drop(&fixture);
}

Test(lexer, indentation) {
    expect_tokens("", "END");
    expect_tokens("\n\n  # only a comment\n", "END");
    expect_tokens("a\n  b\n\n  # c\n  d\ne\n", "a NL IN b NL d NL OUT e NL END");
    expect_tokens("a\n  b\n    c", "a NL IN b NL IN c NL OUT OUT END");
    expect_tokens("a\n\tb\n\tc\n", "a NL IN b NL c NL OUT END");
    expect_tokens("a\r\n  b\r\nc\r\n", "a NL IN b NL OUT c NL END");
    expect_error("a\n    b\n  c\n", "3:1: error: this indentation matches no enclosing block");
    expect_error("if a:\n        b\n\tc\n", "inconsistent use of tabs and spaces");
    expect_error("if a:\n\tb\n        c\n", "inconsistent use of tabs and spaces");
}

Test(lexer, joins) {
    expect_tokens("(a,\n   b\n) c\n", "( a , b ) c NL END");
    expect_tokens("a = \\\n  b\n", "a = b NL END");
    expect_tokens("{[(\n)\n]\n}", "{ [ ( ) ] } NL END");
    expect_error("a \\ b\n", "unexpected character after '\\'");
    expect_error("(]\n", "']' closes '('");
    expect_error("a)\n", "')' has no opening bracket");
}

Test(lexer, numbers) {
    expect_tokens("1_000 0xFf 0o17 0b1_01 00 0", "1000 255 15 5 0 0 NL END");
    expect_tokens("1. .5 1e5 1_0.2_5e-1_0 1E+3", "1.0 0.5 100000.0 1.025e-09 1000.0 NL END");
    expect_tokens("1if x", "1 if x NL END");
    expect_tokens("9223372036854775807", "9223372036854775807 NL END");
    expect_error("012", "leading zeros");
    expect_error("0b12", "invalid integer literal");
    expect_error("0x", "invalid integer literal");
    expect_error("1__0", "invalid integer literal");
    expect_error("12abc", "invalid integer literal");
    expect_error("2j", "complex numbers are not supported");
    expect_tokens("99999999999999999999 0xfffffffffffffffff",
                  "99999999999999999999 0xfffffffffffffffff NL END");
}

Test(lexer, strings) {
    expect_tokens("'a' \"b\" r'\\d' b'x' Rb\"y\" u'z'",
                  "'a' \"b\" r'\\d' b'x' Rb\"y\" u'z' NL END");
    expect_tokens("'''a\n'b'''", "'''a\n'b''' NL END");
    expect_tokens("'a\\'b' 'c\\\nd'", "'a\\'b' 'c\\\nd' NL END");
    expect_tokens("f'{a[\"k\"]}' f\"{x:{w}}\" f'{{}}'",
                  "f'{a[\"k\"]}' f\"{x:{w}}\" f'{{}}' NL END");
    expect_tokens("f'{d['k']}'", "f'{d['k']}' NL END");
    expect_tokens("bar 'x'", "bar 'x' NL END");
    expect_error("'abc\n", "1:1: error: unterminated string");
    expect_error("x = '''abc\n\n", "1:5: error: unterminated triple-quoted string");
    expect_error("f'{a'\n", "a '{' of this f-string has no matching '}'");
    expect_error("b'a\n", "unterminated bytes literal");
}

Test(lexer, operators_and_names) {
    expect_tokens("a**=b//c->d:=e!=f...", "a **= b // c -> d := e != f ... NL END");
    expect_tokens("lambda_ lambda é x1", "lambda_ lambda é x1 NL END");
    expect_error("a ? b", "invalid character '?'");
    expect_error("a = “b”", "use plain quotes");
    expect_error("a\xC2\xA0= 1", "invalid character U+00A0");
    expect_error("a $ b", "invalid character '$'");
}

Test(lexer, limits) {
    Buf text = {0};
    for (int i = 0; i < 100000; i++)
        buf_putc(&text, '(');
    expect_error(buf_text(&text), "too many nested brackets");
    buf_free(&text);
}
