/* What the files of the GPU lowering share. */
#ifndef NNC_CODEGEN_GPU_INTERNAL_H
#define NNC_CODEGEN_GPU_INTERNAL_H

#include "codegen/gpu/gpu.h"

/* The coordinates of element `flat` of a row-major space: each within its extent. */
void gpu_split(KBuilder *b, KVal *flat, int rank, const int64_t *extent, KVal **index);
int64_t gpu_blocks(int64_t count, int64_t each);

Kernel *gpu_elementwise(const Group *group, LowerContext *context, const GpuSchedule *schedule);
Kernel *gpu_reduction(const Group *group, LowerContext *context, const GpuSchedule *schedule);
Kernel *gpu_contraction(const Group *group, LowerContext *context, const GpuSchedule *schedule);

/* Candidates of each kind, the best first; 0: none. */
int gpu_elementwise_schedules(const Group *group, LowerContext *context, GpuSchedule *out);
int gpu_reduction_schedules(const Group *group, LowerContext *context, GpuSchedule *out);
int gpu_contraction_schedules(const Group *group, LowerContext *context, GpuSchedule *out);

#endif
