/* A file's kernels for GPUs as binaries: see file.c. */
#ifndef NNC_CODEGEN_CUDA_BINARY_H
#define NNC_CODEGEN_CUDA_BINARY_H

#include "codegen/c/file.h"

/* Compiles the kernels for the devices (nvrtc.h) and prints them as constants: an enumerator for
 * each kernel that is its number, and `nn_code` (runtime/cuda_driver.h). False with a message. */
bool print_cuda_binary(Emitter *e, const FileParts *parts, const char *devices, Buf *error);

#endif
