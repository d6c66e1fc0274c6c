/* Kernels as C text. */
#ifndef NNC_CODEGEN_C_PRINT_H
#define NNC_CODEGEN_C_PRINT_H

#include "codegen/emit.h"
#include "codegen/kernel.h"
#include "support/source.h"

/* What a file needs before the first kernel: vector types, helper macros. Only what the kernels
 * given use, each once; kernels of several targets may stand in one file. Needs <math.h>,
 * <stdint.h> and <string.h>, which the caller includes (and <immintrin.h>, which this includes
 * under its guard). */
void print_prelude(Emitter *e, const Kernel *const *kernels, int count);
/* The function: `static void NAME(params)`, or `static int` when kernel->faults (1: a fault).
 * `suffix` is appended to the name. Kernels of targets beyond the architecture's baseline carry
 * __attribute__((target)), so that the file compiles with any -march. Parameters are typed
 * pointers, in the order of kernel->buffers. `sources` for line comments may be NULL. */
void print_kernel(Emitter *e, const Kernel *kernel, const char *suffix, const Sources *sources);
/* The C type of an element in memory: "float", "uint8_t"... */
const char *c_type_name(DType dtype);

#endif
