/* The words of GPU kernels on a device: what only a GPU can do. */
#ifndef NNC_CODEGEN_CUDA_VOCABULARY_H
#define NNC_CODEGEN_CUDA_VOCABULARY_H

#include "codegen/c/print_internal.h"
#include "codegen/cuda/cuda.h"

/* Those that are used, but for how kernels are declared. */
void print_vocabulary(Emitter *e, const Uses *uses);

#endif
