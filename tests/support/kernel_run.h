/* Runs the kernels of fused graphs in the interpreting tier, and keeps what went in and out so that
 * printed C can be held against it. */
#ifndef NNC_TESTS_KERNEL_RUN_H
#define NNC_TESTS_KERNEL_RUN_H

#include "codegen/kernel.h"
#include "ir/interp.h"
#include "passes/fuse.h"

/* One run of one kernel. */
typedef struct KernelRun {
    Kernel *kernel;
    void **buffers; /* by parameter, after the run */
    size_t *bytes;
    bool fault;
} KernelRun;

typedef VEC(KernelRun) KernelRuns;

/* Runs the kernel in the interpreter, and as machine code of every width that this processor has,
 * on copies of the buffers: other bits are a bug. False on a fault. */
bool kernel_run_both(const Kernel *kernel, void *const *buffers, Arena *arena);

/* Lowers and runs every group for the target. Outputs are in the order of the graph's. False on a
 * fault. Runs are added to `runs` when it is not NULL. */
bool kernel_run_fusion(const Fusion *fusion, const Target *target, const Tensor64 *inputs,
                       Tensor64 *outputs, Arena *arena, KernelRuns *runs);

/* Prints all kernels into one C file, compiles it with the compiler (and further flags), runs every
 * kernel on the recorded inputs and compares all buffers bit by bit. An empty message when all
 * agree. */
void kernel_runs_compare(const KernelRuns *runs, const char *compiler, Arena *arena, Buf *message);

#endif
