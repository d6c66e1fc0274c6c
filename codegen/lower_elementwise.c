/* Elementwise groups: one loop nest over the outputs' shape, merged to as few dims as the index
 * maps allow, its innermost dim in vectors. */
#include "codegen/lower_internal.h"

void elementwise_point(Lower *lower, const LowerPoint *point, void *data) {
    const Elementwise *e = data;
    lower_values(&lower->b, e->flat, point, NULL, 0, e->roots);
    for (int i = 0; i < lower->group->output_count; i++)
        lower_store_map(&lower->b, lower->group->outputs[i], &e->maps[i], point, e->roots[i]);
}

void elementwise_mark_inplace(Lower *lower, const Elementwise *e) {
    const Group *group = lower->group;
    const Flat *flat = e->flat;
    for (size_t i = 0; i < lower->b.kernel->buffers.count; i++) {
        KBuf *buf = lower->b.kernel->buffers.items[i];
        if (buf->role != KBUF_IN) continue;
        buf->inplace = true;
        for (int o = 0; o < group->output_count; o++)
            if (group->outputs[o]->type.dtype != buf->dtype) buf->inplace = false;
        for (int v = 0; v < flat->count; v++) {
            const FlatValue *value = &flat->values[v];
            if (value->node == buf->node && value->kind != FLAT_OP &&
                !index_map_equal(&value->map, &e->maps[0]))
                buf->inplace = false;
        }
    }
}

void elementwise_begin(Lower *lower, Elementwise *e) {
    const Group *group = lower->group;
    e->maps = ARENA_ARRAY(lower->arena, IndexMap, (size_t)group->output_count);
    e->roots = ARENA_ARRAY(lower->arena, KVal *, (size_t)group->output_count);
    e->flat = lower_flatten(lower->context, group, (const Node *const *)group->outputs,
                            group->output_count, NULL, 0);
    for (int i = 0; i < group->output_count; i++)
        e->maps[i] = index_map_identity(&group->outputs[i]->type);
    e->space = space_of(&group->outputs[0]->type);
    e->space.flats = &e->flat;
    e->space.flat_count = 1;
    e->space.maps = e->maps;
    e->space.map_count = group->output_count;
    space_collapse(&e->space);
    lower->b.kernel->flops = lower_flat_flops(e->flat) * (double)space_numel(&e->space);
}

Kernel *lower_elementwise(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    Elementwise e = {0};
    elementwise_begin(&lower, &e);
    int lanes = lower_lanes(target, e.flat);
    lower_loops(&lower, e.space.rank, e.space.dim, lanes, K_PARALLEL, elementwise_point, &e);
    elementwise_mark_inplace(&lower, &e);
    return kernel_end(&lower.b);
}
