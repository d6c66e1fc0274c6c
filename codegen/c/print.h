/* Kernels as C text. */
#ifndef NNC_CODEGEN_C_PRINT_H
#define NNC_CODEGEN_C_PRINT_H

#include "codegen/emit.h"
#include "codegen/kernel.h"
#include "support/source.h"

/* What printed kernels use that a file must hold before them. */
typedef struct Uses Uses;
Uses *uses_new(Arena *arena);
void uses_add(Uses *uses, const Uses *more);

/* A kernel as C, but for what is settled only when all kernels of a file are known: its name, and
 * which parameters share memory. */
typedef struct KernelText {
    const char *heading; /* the comment before the function */
    size_t heading_size;
    const char *body; /* the lines between its braces */
    size_t body_size;
} KernelText;

/* The text is made in `scratch` and kept in the arena. `sources` for line comments may be NULL. */
const KernelText *print_kernel_text(const Kernel *kernel, const Sources *sources, Uses *uses,
                                    Buf *scratch, Arena *arena);
/* The function, once it has its text: `static void NAME(params)`, or `static int` when
 * kernel->faults (1: a fault). `suffix` is appended to the name. Kernels of targets beyond the
 * architecture's baseline carry __attribute__((target)), so that the file compiles with any -march.
 * Parameters are typed pointers, in the order of kernel->buffers; kernels that are split have the
 * thread's part after them, and its team before that if they meet. */
void print_kernel(Emitter *e, const Kernel *kernel, const char *suffix);
/* What a file needs before the first kernel: vector types, helper macros, each once; kernels of
 * several targets may stand in one file. Needs <math.h>, <stdint.h> and <string.h>, which the
 * caller includes (and <immintrin.h>, which this includes under its guard). */
void print_prelude(Emitter *e, Uses *uses);

#endif
