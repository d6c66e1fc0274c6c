/* Source text to bytecode: parsing, scopes, code generation. */
#ifndef NNC_FRONTEND_COMPILE_H
#define NNC_FRONTEND_COMPILE_H

#include "frontend/ast.h"
#include "frontend/bytecode.h"

/* What compilations share. All codes live in `arena`. */
typedef struct Compiler {
    Arena *arena;
    Sources *sources;
    Interns *interns;
} Compiler;

/* Compiles a registered source to its module Code. NULL after errors, which were reported. */
Code *compile_module(Compiler *compiler, uint16_t file);

#endif
