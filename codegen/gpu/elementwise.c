/* Elementwise groups: neighbouring threads have neighbouring elements. */
#include "codegen/gpu/gpu_internal.h"
#include "codegen/lower_internal.h"

Kernel *gpu_elementwise(const Group *group, LowerContext *context, const GpuSchedule *s) {
    Lower lower = lower_begin(group, target_gpu(), context);
    KBuilder *b = &lower.b;
    Elementwise e = {0};
    elementwise_begin(&lower, &e);
    int64_t count = space_numel(&e.space), each = (int64_t)s->threads * s->elements;
    k_grid(b, gpu_blocks(count, each), s->threads);
    KVal *first = k_add(b, k_muli(b, k_block(b), each), k_thread(b));
    KVal *i = k_for(b, 0, s->elements, 1, K_UNROLL);
    KVal *at = k_add(b, first, k_muli(b, i, s->threads));
    bool guarded = count % each != 0;
    if (guarded) {
        k_if(b, k_lt(b, at, k_index(b, count)));
        at = k_assume(b, at, 0, count - 1);
    }
    KVal *index[MAX_RANK];
    lower_split(b, at, e.space.rank, e.space.dim, index);
    LowerPoint point = lower_point(e.space.rank, index, e.space.rank - 1, 1, 1);
    elementwise_point(&lower, &point, &e);
    if (guarded) k_end(b);
    k_end(b);
    elementwise_mark_inplace(&lower, &e);
    return kernel_end(b);
}

int gpu_elementwise_schedules(const Group *group, LowerContext *context, GpuSchedule *out) {
    (void)context;
    /* Several elements hide latency where there are enough of them for all processors. */
    bool many = type_numel(&group->outputs[0]->type) >= 1 << 18;
    out[0] = (GpuSchedule){.threads = 256, .elements = many ? 4 : 1};
    out[1] = (GpuSchedule){.threads = 256, .elements = many ? 1 : 4};
    out[2] = (GpuSchedule){.threads = 64, .elements = 2};
    return 3;
}
