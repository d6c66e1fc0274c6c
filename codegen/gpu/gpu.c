/* Picks the lowering of a group. */
#include "codegen/gpu/gpu.h"

#include "codegen/formula.h"
#include "codegen/gpu/gpu_internal.h"
#include "codegen/lower_internal.h"
#include "support/checked.h"

int64_t gpu_blocks(int64_t count, int64_t each) {
    return (count + each - 1) / each;
}

KVal *gpu_thread(KBuilder *b) {
    return k_add(b, k_muli(b, k_block(b), b->kernel->threads), k_thread(b));
}

static bool needs_guard(const KBuilder *b, int64_t count) {
    return b->kernel->blocks * b->kernel->threads > count;
}

KVal *gpu_guard(KBuilder *b, KVal *number, int64_t count) {
    if (!needs_guard(b, count)) return number;
    k_if(b, k_lt(b, number, k_index(b, count)));
    return k_assume(b, number, 0, count - 1);
}

void gpu_end_guard(KBuilder *b, int64_t count) {
    if (needs_guard(b, count)) k_end(b);
}

static bool has_elements(const Group *group) {
    for (int i = 0; i < group->node_count; i++)
        if (type_numel(&group->nodes[i]->type) == 0) return false;
    for (int i = 0; i < group->input_count; i++)
        if (type_numel(&group->inputs[i]->type) == 0) return false;
    return true;
}

/* Whether it divides integers: by zero, that is a fault. */
static bool divides(const Group *group) {
    for (int i = 0; i < group->node_count; i++)
        if (formula_needs_scalars(group->nodes[i])) return true;
    return false;
}

/* Threads that meet must not end by faults. */
static int without_meetings(const Group *group, GpuSchedule *out, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (group->kind != GROUP_CONTRACTION && out[i].team <= 1) out[kept++] = out[i];
    return kept;
}

/* Threads for the result's elements, or for those of an operand that is written somewhere. */
static int other_schedules(const Group *group, GpuSchedule *out) {
    if (group->anchor->op == OP_random_mt) return 0; /* one stream, number after number */
    out[0] = (GpuSchedule){.threads = GPU_BLOCK};
    return 1;
}

int gpu_schedules(const Group *group, LowerContext *context, GpuSchedule out[GPU_MAX_SCHEDULES]) {
    int count = 0;
    if (has_elements(group)) {
        if (group->kind == GROUP_ELEMENTWISE)
            count = gpu_elementwise_schedules(group, context, out);
        else if (group->kind == GROUP_REDUCTION)
            count = gpu_reduction_schedules(group, context, out);
        else if (group->kind == GROUP_CONTRACTION)
            count = gpu_contraction_schedules(group, context, out);
        else
            count = other_schedules(group, out);
        if (divides(group)) count = without_meetings(group, out, count);
    }
    if (count == 0) out[count++] = (GpuSchedule){.threads = 1};
    return count;
}

void gpu_schedule_print(Buf *out, const Group *group, const GpuSchedule *s) {
    buf_printf(out, "%d thread%s", s->threads, s->threads == 1 ? "" : "s");
    if (s->threads == 1) return;
    if (group->kind == GROUP_ELEMENTWISE && s->elements > 1)
        buf_printf(out, ", %d elements each", s->elements);
    if (group->kind == GROUP_REDUCTION) buf_printf(out, ", %d to a row", s->team);
    if (group->kind != GROUP_CONTRACTION) return;
    static const char *const products[] = {"", "split into tf32 pairs, ", "tf32, ", "bf16, "};
    buf_printf(out, " (%d x %d%s), %d x %d sums each, %sdepth %d, %d stage%s", s->across[0],
               s->across[1], s->products == GPU_FMA ? "" : " warps", s->registers[0],
               s->registers[1], products[s->products], s->depth, s->stages,
               s->stages == 1 ? "" : "s");
}

/* The CPU's lowering, its loops shared by the grid's threads. */
static Kernel *lower_shared(const Group *group, LowerContext *context, LowerGrid grid) {
    LowerContext alone = {.arena = context->arena, .grid = grid};
    return lower_for_cpu(group, target_gpu(), &alone);
}

/* Points of the loops over whole results: as many as there are elements, but for those along which
 * a thread goes itself. */
static int64_t shared_points(const Group *group) {
    const Node *anchor = group->anchor;
    int64_t points = type_numel(&anchor->type);
    bool scans = anchor->op == OP_cumsum || anchor->op == OP_cumprod;
    return scans ? points / anchor->type.dim[node_int(anchor, ATTR_axis)] : points;
}

static Kernel *lower_other(const Group *group, LowerContext *context, const GpuSchedule *s) {
    switch (group->anchor->op) {
    case OP_scatter:
    case OP_scatter_add:
    case OP_index_add:
    case OP_index_put:
    case OP_pool_scatter:
        return gpu_scatter(group, context);
    case OP_dynamic_update:
        return gpu_update_box(group, context);
    case OP_window_sum_dx:
        return gpu_spread_windows(group, context);
    case OP_pad:
        return gpu_pad(group, context);
    case OP_sort:
        return gpu_sort(group, context, s);
    default: {
        LowerGrid grid = {gpu_blocks(shared_points(group), s->threads), s->threads};
        return lower_shared(group, context, grid);
    }
    }
}

Kernel *gpu_lower(const Group *group, LowerContext *context, const GpuSchedule *schedule) {
    Kernel *kernel;
    if (schedule->threads == 1)
        kernel = lower_shared(group, context, (LowerGrid){1, 1});
    else if (group->kind == GROUP_ELEMENTWISE)
        kernel = gpu_elementwise(group, context, schedule);
    else if (group->kind == GROUP_REDUCTION)
        kernel = gpu_reduction(group, context, schedule);
    else if (group->kind == GROUP_CONTRACTION)
        kernel = gpu_contraction(group, context, schedule);
    else
        kernel = lower_other(group, context, schedule);
    Buf text = {0};
    buf_printf(&text, "%lld block%s of ", (long long)kernel->blocks,
               kernel->blocks == 1 ? "" : "s");
    gpu_schedule_print(&text, group, schedule);
    kernel->schedule = arena_strdup(context->arena, buf_text(&text));
    buf_free(&text);
    return kernel;
}

Kernel *gpu_lower_group(const Group *group, LowerContext *context) {
    GpuSchedule schedules[GPU_MAX_SCHEDULES];
    gpu_schedules(group, context, schedules);
    return gpu_lower(group, context, &schedules[0]);
}
