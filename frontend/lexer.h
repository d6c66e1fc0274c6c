/* Tokens of the language, produced one at a time.
 *
 * The lexer is a plain struct: copying it is a bookmark, and a copy with `quiet` set can look
 * ahead without reporting anything. Lexical errors are reported where they are found; the token is
 * then TOKEN_ERROR. Line breaks inside brackets are skipped; indentation becomes INDENT/DEDENT. */
#ifndef NNC_FRONTEND_LEXER_H
#define NNC_FRONTEND_LEXER_H

#include "frontend/intern.h"
#include "support/source.h"

/* X(enumerator, text) */
#define KEYWORDS(X)                                                                                \
    X(AND, "and")                                                                                  \
    X(AS, "as")                                                                                    \
    X(ASSERT, "assert")                                                                            \
    X(ASYNC, "async")                                                                              \
    X(AWAIT, "await")                                                                              \
    X(BREAK, "break")                                                                              \
    X(CLASS, "class")                                                                              \
    X(CONTINUE, "continue")                                                                        \
    X(DEF, "def")                                                                                  \
    X(DEL, "del")                                                                                  \
    X(ELIF, "elif")                                                                                \
    X(ELSE, "else")                                                                                \
    X(EXCEPT, "except")                                                                            \
    X(FALSE, "False")                                                                              \
    X(FINALLY, "finally")                                                                          \
    X(FOR, "for")                                                                                  \
    X(FROM, "from")                                                                                \
    X(GLOBAL, "global")                                                                            \
    X(IF, "if")                                                                                    \
    X(IMPORT, "import")                                                                            \
    X(IN, "in")                                                                                    \
    X(IS, "is")                                                                                    \
    X(LAMBDA, "lambda")                                                                            \
    X(NONE, "None")                                                                                \
    X(NONLOCAL, "nonlocal")                                                                        \
    X(NOT, "not")                                                                                  \
    X(OR, "or")                                                                                    \
    X(PASS, "pass")                                                                                \
    X(RAISE, "raise")                                                                              \
    X(RETURN, "return")                                                                            \
    X(TRUE, "True")                                                                                \
    X(TRY, "try")                                                                                  \
    X(WHILE, "while")                                                                              \
    X(WITH, "with")                                                                                \
    X(YIELD, "yield")

/* Longer operators stand before their prefixes: the first match is taken. */
#define OPERATORS(X)                                                                               \
    X(POW_ASSIGN, "**=")                                                                           \
    X(FLOORDIV_ASSIGN, "//=")                                                                      \
    X(LSHIFT_ASSIGN, "<<=")                                                                        \
    X(RSHIFT_ASSIGN, ">>=")                                                                        \
    X(ELLIPSIS, "...")                                                                             \
    X(ADD_ASSIGN, "+=")                                                                            \
    X(SUB_ASSIGN, "-=")                                                                            \
    X(MUL_ASSIGN, "*=")                                                                            \
    X(DIV_ASSIGN, "/=")                                                                            \
    X(MOD_ASSIGN, "%=")                                                                            \
    X(MATMUL_ASSIGN, "@=")                                                                         \
    X(AND_ASSIGN, "&=")                                                                            \
    X(OR_ASSIGN, "|=")                                                                             \
    X(XOR_ASSIGN, "^=")                                                                            \
    X(POW, "**")                                                                                   \
    X(FLOORDIV, "//")                                                                              \
    X(LSHIFT, "<<")                                                                                \
    X(RSHIFT, ">>")                                                                                \
    X(EQ, "==")                                                                                    \
    X(NE, "!=")                                                                                    \
    X(LE, "<=")                                                                                    \
    X(GE, ">=")                                                                                    \
    X(WALRUS, ":=")                                                                                \
    X(ARROW, "->")                                                                                 \
    X(ADD, "+")                                                                                    \
    X(SUB, "-")                                                                                    \
    X(MUL, "*")                                                                                    \
    X(DIV, "/")                                                                                    \
    X(MOD, "%")                                                                                    \
    X(MATMUL, "@")                                                                                 \
    X(AND_BITS, "&")                                                                               \
    X(OR_BITS, "|")                                                                                \
    X(XOR, "^")                                                                                    \
    X(INVERT, "~")                                                                                 \
    X(LT, "<")                                                                                     \
    X(GT, ">")                                                                                     \
    X(ASSIGN, "=")                                                                                 \
    X(LPAREN, "(")                                                                                 \
    X(RPAREN, ")")                                                                                 \
    X(LBRACKET, "[")                                                                               \
    X(RBRACKET, "]")                                                                               \
    X(LBRACE, "{")                                                                                 \
    X(RBRACE, "}")                                                                                 \
    X(COMMA, ",")                                                                                  \
    X(COLON, ":")                                                                                  \
    X(SEMICOLON, ";")                                                                              \
    X(DOT, ".")                                                                                    \
    X(BANG, "!")

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_ERROR,
    TOKEN_NEWLINE,
    TOKEN_INDENT,
    TOKEN_DEDENT,
    TOKEN_NAME,
    TOKEN_INT,
    TOKEN_BIG_INT, /* beyond 64 bits: its text is its value */
    TOKEN_FLOAT,
    TOKEN_STRING,
#define X(name, text) TOKEN_##name,
    KEYWORDS(X) OPERATORS(X)
#undef X
        TOKEN_COUNT
} TokenKind;

typedef struct Token {
    TokenKind kind;
    uint32_t begin, end; /* byte offsets */
    bool first_on_line;  /* a line break, perhaps a joined one, stands before it */
    union {
        Name *name;      /* NAME */
        int64_t integer; /* INT */
        double number;   /* FLOAT */
        struct {
            uint32_t begin, end; /* the text between the quotes */
            bool raw, bytes, format;
        } string;
    } as;
} Token;

enum { BRACKET_LIMIT = 256, INDENT_LIMIT = 128 };

typedef struct Indent {
    uint32_t column;     /* a tab goes to the next multiple of 8 */
    uint32_t alt_column; /* a tab counts 1: both must agree on every comparison */
} Indent;

typedef struct Lexer {
    Sources *sources;
    Interns *interns;
    const char *text;
    uint16_t file;
    bool quiet;
    bool at_line_start;
    bool line_has_tokens;
    uint32_t pos, end;
    uint32_t pending_dedents;
    uint32_t bracket_count, indent_count;
    uint32_t brackets[BRACKET_LIMIT]; /* offsets of the open ones */
    Indent indents[INDENT_LIMIT];     /* indents[0] is column 0 */
} Lexer;

/* Lexes a whole source. */
void lexer_init(Lexer *lexer, Sources *sources, Interns *interns, uint16_t file);
/* Lexes the bytes [begin, end) as the inside of brackets (f-string fields). */
void lexer_init_range(Lexer *lexer, const Lexer *outer, uint32_t begin, uint32_t end);
Token lexer_next(Lexer *lexer);
/* After an error inside brackets, at token `offender` of the statement that began at byte
 * `statement`: forgets the brackets and moves to the line where parsing should go on. That is the
 * offender's own line when it stands first there (a bracket before it was left open), else the
 * next; lines indented deeper than the statement are taken for the rest of it, unless a line that
 * ends with a colon says that they are its body. */
void lexer_recover(Lexer *lexer, uint32_t statement, Token offender);

const char *token_text(TokenKind kind); /* of keywords and operators; NULL for others */

#endif
