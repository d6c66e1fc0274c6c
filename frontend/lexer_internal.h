/* What the two halves of the lexer share. */
#ifndef NNC_FRONTEND_LEXER_INTERNAL_H
#define NNC_FRONTEND_LEXER_INTERNAL_H

#include "frontend/lexer.h"

void lex_error(Lexer *lexer, uint32_t begin, uint32_t end, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void lex_hint(Lexer *lexer, const char *hint);
uint32_t lex_code_point(const Lexer *lexer, uint32_t pos, uint32_t *length);
bool lex_is_name_start(const Lexer *lexer, uint32_t pos);
uint32_t lex_name_end(const Lexer *lexer, uint32_t pos);
TokenKind lex_keyword(const char *text, size_t length);

/* lex_literal.c */
Token lex_number(Lexer *lexer);
bool lex_is_string_start(const Lexer *lexer);
Token lex_string(Lexer *lexer);

#endif
