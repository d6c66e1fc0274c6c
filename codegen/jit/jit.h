/* Machine code straight from kernels: the first tier of `nnc run` where it knows the processor.
 *
 * Kernels say themselves what is vectorized, unrolled and kept in registers, so that one walk over
 * the decoded instructions gives code that is nearly as good as a C compiler's, in well under a
 * millisecond. What is rare stays a call of the interpreter's function. The meaning of every
 * operation is the interpreter's, bit for bit. */
#ifndef NNC_CODEGEN_JIT_JIT_H
#define NNC_CODEGEN_JIT_JIT_H

#include "codegen/kernel_interp.h"

/* Code in memory of its own, which the programs' kernel_run() uses from then on. */
typedef struct JitCode JitCode;

/* NULL where there is no such code: another processor, no memory that may be executed. The programs
 * must not run after the code is freed. `width`: bytes of a vector, 32 or 64; 0: the processor's.
 */
JitCode *jit_translate(KProgram *const *programs, int count, int width);
void jit_free(JitCode *code);

#endif
