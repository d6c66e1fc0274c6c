/* What the files of the GPU lowering share. */
#ifndef NNC_CODEGEN_GPU_INTERNAL_H
#define NNC_CODEGEN_GPU_INTERNAL_H

#include "codegen/gpu/gpu.h"

enum {
    GPU_BLOCK = 256,       /* threads of a block, unless something speaks for another number */
    GPU_THREADS = 1 << 15, /* as many as keep a GPU busy, about */
    GPU_ROW_LANES = 8,     /* threads of a warp along the rows of what matrix units multiply */
    GPU_COLUMN_LANES = 4,
};

int64_t gpu_blocks(int64_t count, int64_t each);
/* The number of the thread among all of the grid's. */
KVal *gpu_thread(KBuilder *b);
/* Goes on for numbers below `count` only; gpu_end_guard() closes it. */
KVal *gpu_guard(KBuilder *b, KVal *number, int64_t count);
void gpu_end_guard(KBuilder *b, int64_t count);

Kernel *gpu_elementwise(const Group *group, LowerContext *context, const GpuSchedule *schedule);
Kernel *gpu_reduction(const Group *group, LowerContext *context, const GpuSchedule *schedule);
Kernel *gpu_contraction(const Group *group, LowerContext *context, const GpuSchedule *schedule);
Kernel *gpu_scatter(const Group *group, LowerContext *context);
Kernel *gpu_pad(const Group *group, LowerContext *context);
Kernel *gpu_update_box(const Group *group, LowerContext *context);
Kernel *gpu_spread_windows(const Group *group, LowerContext *context);
Kernel *gpu_sort(const Group *group, LowerContext *context, const GpuSchedule *schedule);

/* Candidates of each kind, the best first; 0: none. */
int gpu_elementwise_schedules(const Group *group, LowerContext *context, GpuSchedule *out);
int gpu_reduction_schedules(const Group *group, LowerContext *context, GpuSchedule *out);
int gpu_contraction_schedules(const Group *group, LowerContext *context, GpuSchedule *out);

#endif
