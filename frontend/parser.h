/* Source text to syntax tree. */
#ifndef NNC_FRONTEND_PARSER_H
#define NNC_FRONTEND_PARSER_H

#include "frontend/ast.h"

/* Parses a registered source. All syntax errors of the file are reported; NULL after any. */
ModuleAst *parse_module(Arena *arena, Sources *sources, Interns *interns, uint16_t file);

/* Inside a class, a name `__x` stands for `_Class__x`, which is added to `out`. False: it stands as
 * it is. */
bool mangle_name(Buf *out, const char *class_name, const char *name, size_t length);

#endif
