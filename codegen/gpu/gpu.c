/* Picks the lowering of a group. */
#include "codegen/gpu/gpu.h"

#include "codegen/gpu/gpu_internal.h"
#include "support/checked.h"

void gpu_split(KBuilder *b, KVal *flat, int rank, const int64_t *extent, KVal **index) {
    for (int d = rank - 1; d > 0; d--) {
        index[d] = k_remi(b, flat, extent[d]);
        flat = k_divi(b, flat, extent[d]);
    }
    if (rank > 0) index[0] = flat;
}

int64_t gpu_blocks(int64_t count, int64_t each) {
    return (count + each - 1) / each;
}

static bool has_elements(const Group *group) {
    for (int i = 0; i < group->node_count; i++)
        if (type_numel(&group->nodes[i]->type) == 0) return false;
    for (int i = 0; i < group->input_count; i++)
        if (type_numel(&group->inputs[i]->type) == 0) return false;
    return true;
}

int gpu_schedules(const Group *group, LowerContext *context, GpuSchedule out[GPU_MAX_SCHEDULES]) {
    if (!has_elements(group)) return 0;
    switch (group->kind) {
    case GROUP_ELEMENTWISE:
        return gpu_elementwise_schedules(group, context, out);
    case GROUP_REDUCTION:
        return gpu_reduction_schedules(group, context, out);
    case GROUP_CONTRACTION:
        return gpu_contraction_schedules(group, context, out);
    case GROUP_WINDOW:
    case GROUP_OTHER:
        break;
    }
    return 0;
}

void gpu_schedule_print(Buf *out, const Group *group, const GpuSchedule *s) {
    buf_printf(out, "%d threads", s->threads);
    if (group->kind == GROUP_ELEMENTWISE && s->elements > 1)
        buf_printf(out, ", %d elements each", s->elements);
    if (group->kind == GROUP_REDUCTION) buf_printf(out, ", %d to a row", s->team);
    if (group->kind == GROUP_CONTRACTION)
        buf_printf(out, " (%d x %d), %d x %d sums each, depth %d", s->across[0], s->across[1],
                   s->registers[0], s->registers[1], s->depth);
}

Kernel *gpu_lower(const Group *group, LowerContext *context, const GpuSchedule *schedule) {
    Kernel *kernel;
    if (group->kind == GROUP_ELEMENTWISE)
        kernel = gpu_elementwise(group, context, schedule);
    else if (group->kind == GROUP_REDUCTION)
        kernel = gpu_reduction(group, context, schedule);
    else
        kernel = gpu_contraction(group, context, schedule);
    if (kernel->faults) return NULL;
    Buf text = {0};
    buf_printf(&text, "%lld blocks of ", (long long)kernel->blocks);
    gpu_schedule_print(&text, group, schedule);
    kernel->schedule = arena_strdup(context->arena, buf_text(&text));
    buf_free(&text);
    return kernel;
}
