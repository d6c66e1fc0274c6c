/* Kernels for GPUs, run on the CPU and held against the reference interpreter. */
#ifndef NNC_TESTS_GPU_RUN_H
#define NNC_TESTS_GPU_RUN_H

#include "codegen/gpu/gpu.h"
#include "ir/interp.h"

/* One kernel on the reference's values. */
typedef struct GpuRun {
    Kernel *kernel;
    const void **inputs;       /* by buffer id: bytes for KBUF_IN */
    const Tensor64 **expected; /* by buffer id: for KBUF_OUT */
} GpuRun;

typedef struct GpuRuns {
    Precision precision;
    double rms, most;   /* bounds of errors, in units of the results' rms; 0: float32's, of what the
                           reference computes with each operation rounded */
    bool without_units; /* as a device without matrix units */
    VEC(GpuRun) items;
    VEC(const Group *) groups; /* those that were lowered: others of the same key would be alike */
    int lowered[GROUP_OTHER + 1]; /* groups, by kind */
} GpuRuns;

/* Fuses a graph that has been through the passes, and lowers its groups, under the chosen schedule
 * or under all of them. The graph gets an output for every stored value. False with a message when
 * the reference fails. */
bool gpu_runs_add(GpuRuns *runs, Graph *graph, const Tensor64 *inputs, bool all_schedules,
                  Arena *arena, Buf *error);
void gpu_runs_free(GpuRuns *runs);
/* All kernels as one CUDA file. */
void gpu_runs_print(const GpuRuns *runs, Buf *out, Arena *arena);
/* Compiles them for the CPU, runs them in both orders and compares; an empty message when all is
 * well. */
void gpu_runs_check(const GpuRuns *runs, Arena *arena, Buf *message);
/* Compiles CUDA text by NVRTC ("sm_80"): errors and warnings come as a message, if `strict` also
 * those of arrays and registers that don't fit into registers. False when there is no NVRTC. */
bool nvrtc_check(const Buf *source, const char *arch, bool strict, Buf *message);

#endif
