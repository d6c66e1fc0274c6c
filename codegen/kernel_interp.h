/* The interpreting tier: runs a kernel on buffers, with the bits that the printed C would give. */
#ifndef NNC_CODEGEN_KERNEL_INTERP_H
#define NNC_CODEGEN_KERNEL_INTERP_H

#include "codegen/kernel.h"

/* A kernel decoded for execution; from the arena. */
typedef struct KProgram KProgram;

KProgram *kernel_decode(const Kernel *kernel, Arena *arena);
/* buffers[i] belongs to parameter i: kernel->buffers without KBUF_LOCAL and KBUF_TABLE, in order.
 * False on a data-dependent fault. Uses memory of the program: one run at a time. */
bool kernel_run(KProgram *program, void *const *buffers);

#endif
