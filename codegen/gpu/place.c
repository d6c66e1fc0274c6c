/* Results whose elements each ask what they are made of: padding, a box within another tensor, the
 * windows that hold an element. The CPU goes the other way, from what is put to where it goes. */
#include "codegen/formula.h"
#include "codegen/gpu/gpu_internal.h"
#include "codegen/lower_internal.h"

typedef void (*PointBody)(Lower *lower, const LowerPoint *point);

/* A thread for each element of the anchor. */
static Kernel *for_each_element(Lower *lower, PointBody body) {
    KBuilder *b = &lower->b;
    const Type *type = &lower->group->anchor->type;
    int64_t count = type_numel(type);
    k_grid(b, gpu_blocks(count, GPU_BLOCK), GPU_BLOCK);
    KVal *index[MAX_RANK];
    KVal *at = gpu_guard(b, gpu_thread(b), count);
    lower_split(b, at, type->rank, type->dim, index);
    LowerPoint point = lower_point(type->rank, index, 0, 1, 1);
    body(lower, &point);
    gpu_end_guard(b, count);
    return kernel_end(b);
}

/* The index within [0, size); *inside is false where it wasn't there before. */
static KVal *clamp(KBuilder *b, KVal *at, int64_t size, KVal **inside) {
    KVal *zero = k_index(b, 0), *last = k_index(b, size - 1);
    KVal *good[2] = {at->lo < 0 ? k_ge(b, at, zero) : NULL,
                     at->hi >= size ? k_le(b, at, last) : NULL};
    if (good[0]) at = k_max(b, at, zero);
    if (good[1]) at = k_min(b, at, last);
    for (int i = 0; i < 2; i++)
        if (good[i]) *inside = *inside ? k_and(b, *inside, good[i]) : good[i];
    return at;
}

/* Where `step`s from 0 lead to the index, of `size` of them; *inside as in clamp(). */
static KVal *count_steps(KBuilder *b, KVal *at, int64_t step, int64_t size, KVal **inside) {
    at = clamp(b, at, (size - 1) * step + 1, inside);
    if (step > 1) {
        KVal *even = k_eq(b, k_remi(b, at, step), k_index(b, 0));
        *inside = *inside ? k_and(b, *inside, even) : even;
    }
    return k_divi(b, at, step);
}

static void pad_point(Lower *lower, const LowerPoint *point) {
    KBuilder *b = &lower->b;
    const Node *anchor = lower->group->anchor;
    int rank;
    const int64_t *lo = node_ints(anchor, ATTR_lo, &rank);
    const int64_t *interior = node_ints(anchor, ATTR_interior, &rank);
    LowerPoint from = *point;
    KVal *inside = NULL;
    for (int d = 0; d < rank; d++) {
        from.index[d] = count_steps(b, k_addi(b, point->index[d], -lo[d]), interior[d] + 1,
                                    anchor->inputs[0]->type.dim[d], &inside);
    }
    KVal *value = lower_operand_at(lower, lower_operand(lower, 0), &from);
    KVal *fill = k_number(b, value->kind, 1, node_float(anchor, ATTR_value));
    lower_store(b, anchor, point, inside ? k_select(b, inside, value, fill) : value);
}

Kernel *gpu_pad(const Group *group, LowerContext *context) {
    Lower lower = lower_begin(group, target_gpu(), context);
    return for_each_element(&lower, pad_point);
}

static void box_point(Lower *lower, const LowerPoint *point) {
    KBuilder *b = &lower->b;
    const Node *anchor = lower->group->anchor;
    const Type *box = &anchor->inputs[1]->type;
    Flat *starts = lower_operand(lower, 2);
    LowerPoint from = *point;
    KVal *inside = NULL;
    for (int d = 0; d < box->rank; d++) {
        KVal *index = k_index(b, d);
        LowerPoint at = lower_point(1, &index, 0, 1, 1);
        KVal *start = lower_checked_index(b, lower_operand_at(lower, starts, &at),
                                          anchor->type.dim[d] - box->dim[d] + 1);
        from.index[d] = clamp(b, k_sub(b, point->index[d], start), box->dim[d], &inside);
    }
    KVal *value = lower_operand_at(lower, lower_operand(lower, 1), &from);
    if (inside)
        value = k_select(b, inside, value, lower_operand_at(lower, lower_operand(lower, 0), point));
    lower_store(b, anchor, point, value);
}

Kernel *gpu_update_box(const Group *group, LowerContext *context) {
    Lower lower = lower_begin(group, target_gpu(), context);
    return for_each_element(&lower, box_point);
}

/* The sum over the windows that hold the element, in their order: of taps the last one is in the
 * first window. */
static void windows_point(Lower *lower, const LowerPoint *point) {
    KBuilder *b = &lower->b;
    const Node *anchor = lower->group->anchor;
    const Type *windows = &anchor->inputs[0]->type;
    int spatial;
    const int64_t *window = node_ints(anchor, ATTR_window, &spatial);
    const int64_t *stride = node_ints(anchor, ATTR_stride, &spatial);
    const int64_t *lo = node_ints(anchor, ATTR_lo, &spatial);
    const int64_t *dilation = node_ints(anchor, ATTR_dilation, &spatial);
    DType dtype = anchor->type.dtype;
    KVal *sum = k_var(b, k_number(b, kkind_of(dtype), 1, 0)), *inside = NULL;
    LowerPoint from = *point;
    for (int s = 0; s < spatial; s++) {
        KVal *tap = k_sub(b, k_index(b, window[s] - 1), k_for(b, 0, window[s], 1, 0));
        KVal *at = k_addi(b, point->index[2 + s], lo[s]);
        at = k_sub(b, at, k_muli(b, tap, dilation[s]));
        from.index[2 + s] = count_steps(b, at, stride[s], windows->dim[2 + s], &inside);
    }
    if (inside) k_if(b, inside);
    KVal *value = lower_operand_at(lower, lower_operand(lower, 0), &from);
    k_set(b, sum, formula_to_dtype(b, k_add(b, k_copy(b, sum), value), dtype));
    for (int s = 0; s < spatial + (inside != NULL); s++)
        k_end(b);
    lower_store(b, anchor, point, k_copy(b, sum));
}

Kernel *gpu_spread_windows(const Group *group, LowerContext *context) {
    Lower lower = lower_begin(group, target_gpu(), context);
    return for_each_element(&lower, windows_point);
}
