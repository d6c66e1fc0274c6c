/* Source text to syntax tree. */
#ifndef NNC_FRONTEND_PARSER_H
#define NNC_FRONTEND_PARSER_H

#include "frontend/ast.h"

/* Parses a registered source. All syntax errors of the file are reported; NULL after any. With
 * `lazy`, bodies of functions that are at least two lines long are only delimited (Function
 * is_lazy): for the prelude, whose bodies are parsed when first called. */
ModuleAst *parse_module(Arena *arena, Sources *sources, Interns *interns, uint16_t file, bool lazy);
/* Parses the body of a lazy function in place. False after errors. */
bool parse_body(Arena *arena, Sources *sources, Interns *interns, uint16_t file,
                FunctionDef *function);

#endif
