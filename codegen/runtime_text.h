/* The runtime's own text, kept in the compiler, so that emitted files can carry pieces of it. */
#ifndef NNC_CODEGEN_RUNTIME_TEXT_H
#define NNC_CODEGEN_RUNTIME_TEXT_H

#include "codegen/emit.h"

typedef struct RuntimeFile {
    const char *name; /* "npy.c" */
    const unsigned char *text;
    size_t size;
} RuntimeFile;

/* Made when nnc is built, from runtime/; ends with name NULL. */
extern const RuntimeFile runtime_files[];

/* Pastes a piece ("safetensors") and what it needs as static functions. The file must start by
 * defining _POSIX_C_SOURCE, or for threads _GNU_SOURCE. */
void runtime_print(Emitter *e, const char *piece);

#endif
