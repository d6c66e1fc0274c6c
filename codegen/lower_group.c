/* lower_group: picks the lowering of a group; the parts that anchors of GROUP_OTHER share. */
#include "codegen/gpu/gpu.h"
#include "codegen/lower_internal.h"
#include "support/checked.h"

Lower lower_begin(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = {.b = kernel_begin(context->arena, target, group->name, group->span),
                   .group = group,
                   .context = context,
                   .arena = context->arena};
    lower.b.group = group;
    lower.b.parts = context->threads;
    if (context->grid.blocks) k_grid(&lower.b, context->grid.blocks, context->grid.threads);
    return lower;
}

Epilogue lower_epilogue(Lower *lower, const Node *anchor) {
    const Group *group = lower->group;
    Epilogue epilogue = {.anchor = anchor};
    epilogue.flat = lower_flatten(lower->context, group, (const Node *const *)group->outputs,
                                  group->output_count, &anchor, 1);
    return epilogue;
}

void lower_finish(Lower *lower, const Epilogue *epilogue, const LowerPoint *point, KVal *value) {
    const Group *group = lower->group;
    KVal **roots = ARENA_ARRAY(lower->arena, KVal *, (size_t)group->output_count);
    LowerHeld held = {epilogue->anchor, value};
    lower_values(&lower->b, epilogue->flat, point, &held, 1, roots);
    for (int i = 0; i < group->output_count; i++)
        lower_store(&lower->b, group->outputs[i], point, roots[i]);
}

Flat *lower_operand(Lower *lower, int index) {
    const Node *operand = lower->group->anchor->inputs[index];
    return lower_flatten(lower->context, lower->group, &operand, 1, NULL, 0);
}

KVal *lower_operand_at(Lower *lower, const Flat *operand, const LowerPoint *point) {
    KVal *value;
    lower_values(&lower->b, operand, point, NULL, 0, &value);
    return value;
}

KVal *lower_checked_index(KBuilder *b, KVal *index, int64_t size) {
    index = k_convert(b, index, K_I64);
    if (index->lo >= 0 && index->hi < size) return index;
    KVal *outside = k_or(b, k_lt(b, index, k_index(b, 0)), k_ge(b, index, k_index(b, size)));
    k_fault_if(b, outside);
    return k_assume(b, index, 0, size > 0 ? size - 1 : 0);
}

static Kernel *lower_other(const Group *group, const Target *target, LowerContext *context) {
    switch (group->anchor->op) {
    case OP_gather:
    case OP_take:
    case OP_pool_gather:
    case OP_dynamic_slice:
        return lower_gathering(group, target, context);
    case OP_scatter:
    case OP_scatter_add:
    case OP_index_add:
    case OP_index_put:
    case OP_dynamic_update:
        return lower_scattering(group, target, context);
    case OP_pad:
    case OP_concat:
        return lower_joining(group, target, context);
    case OP_cumsum:
    case OP_cumprod:
        return lower_scan(group, target, context);
    case OP_sort:
        return lower_sort(group, target, context);
    case OP_random:
    case OP_random_mt:
        return lower_random(group, target, context);
    default:
        NNC_BUG("no lowering of the anchor %s", op_info(group->anchor->op)->name);
    }
}

Kernel *lower_for_cpu(const Group *group, const Target *target, LowerContext *context) {
    switch (group->kind) {
    case GROUP_ELEMENTWISE:
        return lower_elementwise(group, target, context);
    case GROUP_CONTRACTION:
        return lower_contraction(group, target, context);
    case GROUP_REDUCTION:
        return lower_reduction(group, target, context);
    case GROUP_WINDOW:
        return lower_window(group, target, context);
    case GROUP_OTHER:
        return lower_other(group, target, context);
    }
    NNC_BUG("a group of no kind");
}

Kernel *lower_group(const Group *group, const Target *target, LowerContext *context) {
    if (target == target_gpu()) return gpu_lower_group(group, context);
    return lower_for_cpu(group, target, context);
}
