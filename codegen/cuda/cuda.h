/* Kernels for GPUs as CUDA C++ text.
 *
 *   // 256 threads, 4 elements each; x0: f32[64], y1: f32[64]      (as a block comment)
 *   KERNEL(256) relu(const float *__restrict__ x0, float *__restrict__ y1) {
 *       ...
 *   }
 *
 * What a thread does is plain C on scalars and arrays, printed by codegen/c. The rest is a small
 * vocabulary: KERNEL, __shared__, blockIdx, threadIdx, barrier() and peer_f32() (and of the other
 * kinds), and in files LAUNCH. The preludes give it its meaning on a device;
 * tests/support/device_cpu.h gives it one on a CPU, so that kernels and whole files can be run
 * without a GPU. */
#ifndef NNC_CODEGEN_CUDA_CUDA_H
#define NNC_CODEGEN_CUDA_CUDA_H

#include "codegen/c/print.h"

/* The function of a kernel that has its text (print_kernel_text()); `suffix` is appended to its
 * name. */
void print_cuda_kernel(Emitter *e, const Kernel *kernel, const char *suffix);
/* What stands before the kernels: needs no header, so that NVRTC takes it alone. */
void print_cuda_prelude(Emitter *e, const Uses *uses);
/* The same for a file with a host part, after its headers. */
void print_cuda_file_prelude(Emitter *e, const Uses *uses);

#endif
