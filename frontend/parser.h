/* Source text to syntax tree. */
#ifndef NNC_FRONTEND_PARSER_H
#define NNC_FRONTEND_PARSER_H

#include "frontend/ast.h"

/* Parses a registered source. All syntax errors of the file are reported; NULL after any. */
ModuleAst *parse_module(Arena *arena, Sources *sources, Interns *interns, uint16_t file);

#endif
