/* What the parser's files share.
 *
 * Recursive descent over one token of lookahead. An error is reported and then leaves the current
 * statement by longjmp to the statement loop, which finds the next place to go on from; everything
 * made on the way lies in the arena or on the parser's scratch stack, so nothing leaks. */
#ifndef NNC_FRONTEND_PARSER_INTERNAL_H
#define NNC_FRONTEND_PARSER_INTERNAL_H

#include "frontend/lexer.h"
#include "frontend/parser.h"

#include <setjmp.h>

/* Of the parser's recursion; brackets count twice and are limited by the lexer already. */
enum { NESTING_LIMIT = 600 };

typedef struct Parser {
    Arena *arena;
    Sources *sources;
    Interns *interns;
    uint16_t file;
    Lexer lexer;
    Token token;           /* the current one */
    uint32_t previous_end; /* of the token before it */
    uint32_t statement;    /* first byte of the current statement */
    uint32_t nesting;      /* recursion depth, limited */
    uint32_t function_depth, loop_depth;
    Name *class_name;          /* the class whose body is being parsed; NULL: none */
    uint32_t recovered_blocks; /* inside a block whose header was wrong */
    bool after_failed;         /* the statement before failed: its other clauses may follow */
    int errors_before;         /* sources->errors when parsing began */
    uint32_t field_depth;      /* inside f-string fields */
    Lexer field_lexer;         /* the lexer outside the outermost field */
    jmp_buf *escape;
    VEC(void *) scratch; /* lists being built */
    Buf text;            /* string literals being decoded; used as a stack, like scratch */
} Parser;

/* Tokens (parser.c) */
void parser_advance(Parser *parser);
bool parser_accept(Parser *parser, TokenKind kind);
/* A name, or fails; `what` as above. Keywords are refused as such. */
Name *parser_expect_name(Parser *parser, const char *what);
Name *parser_mangled(Parser *parser, Name *name);
/* Fails with "expected WHAT, got ..." unless the current token is of this kind. */
void parser_expect(Parser *parser, TokenKind kind, const char *what);
static inline bool parser_at(const Parser *parser, TokenKind kind) {
    return parser->token.kind == kind;
}
Span parser_token_span(const Parser *parser);
/* From byte `begin` to the end of the token before the current one. */
Span parser_span_from(const Parser *parser, uint32_t begin);

/* Errors. The failing ones do not return. */
_Noreturn void parser_escape(Parser *parser);
_Noreturn void parser_fail(Parser *parser, Span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void parser_fail_hint(Parser *parser, Span span, const char *hint, const char *format,
                                ...) __attribute__((format(printf, 4, 5)));
_Noreturn void parser_fail_expected(Parser *parser, const char *what);
void parser_error(Parser *parser, Span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void parser_hint(Parser *parser, const char *hint);
void parser_enter(Parser *parser); /* one level deeper; fails over the limit */
static inline void parser_leave(Parser *parser) {
    parser->nesting--;
}

/* Lists: note the mark, push pointers, then take what lies above the mark into the arena. */
static inline size_t parser_mark(const Parser *parser) {
    return parser->scratch.count;
}
void parser_push(Parser *parser, void *item);
void **parser_take(Parser *parser, size_t mark, size_t *count);
Exprs parser_take_exprs(Parser *parser, size_t mark);

/* Statements */
Block parse_block(Parser *parser, const char *owner); /* `: ...` behind a header */
void parse_statement(Parser *parser);                 /* pushes the statements of a line */
Stmt *parser_new_stmt(Parser *parser, StmtKind kind, uint32_t begin);
Stmt *parse_compound(Parser *parser); /* NULL: the token begins no compound statement */
Stmt *parse_match(Parser *parser);    /* NULL: no match statement begins here */
FunctionDef *parse_lambda_function(Parser *parser);
/* Reports what is wrong with `target` as an assignment target and fails, if anything is. */
void parse_check_target(Parser *parser, const Expr *target, const char *verb);

/* Expressions */
Expr *parser_new_expr(Parser *parser, ExprKind kind, uint32_t begin);
Expr *parse_expression(Parser *parser);       /* no walrus, no bare tuple */
Expr *parse_named_expression(Parser *parser); /* with walrus */
Expr *parse_expression_list(Parser *parser);  /* bare tuples and stars */
Expr *parse_yield_or_list(Parser *parser);
Expr *parse_target_list(Parser *parser); /* of for loops: stops at `in` */
Expr *parse_or_test(Parser *parser);
Expr *parse_operand(Parser *parser); /* binary operators and tighter */
Expr *parse_primary(Parser *parser);
Arguments parse_arguments(Parser *parser); /* behind `(`, up to and with `)` */
Expr *parse_strings(Parser *parser);
Expr *parse_starred(Parser *parser);
const char *expr_description(const Expr *expr); /* "a function call" */

#endif
