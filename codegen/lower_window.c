/* Pooling: max_pool with its positions, window_sum, and the scatters that are their gradients.
 *
 * Results run in vectors along the last dim where their windows lie inside of the input along it;
 * others are computed in scalars. A tap that may lie in the padding is read behind a guard. */
#include <math.h>

#include "codegen/formula.h"
#include "codegen/lower_internal.h"
#include "codegen/math.h"
#include "support/checked.h"

enum { MAX_UNROLLED_TAPS = 16 };

typedef struct Window {
    const Node *anchor, *index_node; /* index_node: max_pool_index, or NULL */
    const Type *x;                   /* the operand's type */
    int spatial;                     /* number of spatial dims; they follow two others */
    const int64_t *window, *stride, *lo, *dilation;
    Flat *operand, *epilogue;
    bool sums;
    KVal *best, *where; /* running value and position (registers) */
    const LowerPoint *point;
    KVal *tap[MAX_RANK];
} Window;

static void read_attributes(Window *w, const Node *node, const Type *x) {
    w->x = x;
    w->window = node_ints(node, ATTR_window, &w->spatial);
    w->stride = node_ints(node, ATTR_stride, &w->spatial);
    w->lo = node_ints(node, ATTR_lo, &w->spatial);
    w->dilation = node_ints(node, ATTR_dilation, &w->spatial);
}

/* The results along the last dim, from *first to before *past, whose windows lie inside. */
static void inside_span(const Window *w, const Type *result, int64_t *first, int64_t *past) {
    int s = w->spatial - 1;
    int64_t stride = w->stride[s], size = result->dim[2 + s];
    int64_t room = w->x->dim[2 + s] + w->lo[s] - (w->window[s] - 1) * w->dilation[s];
    *first = (w->lo[s] + stride - 1) / stride;
    *past = room > 0 ? (room - 1) / stride + 1 : 0;
    if (*past > size) *past = size;
    if (*first >= *past) *first = *past = 0;
}

static int64_t tap_count(const Window *w) {
    int64_t taps = 1;
    for (int s = 0; s < w->spatial; s++)
        taps *= w->window[s];
    return taps;
}

/* Where the tap reads, along a spatial dim; may lie outside. */
static KVal *tap_index(KBuilder *b, const Window *w, const LowerPoint *point, int s) {
    KVal *at = k_muli(b, point->index[2 + s], w->stride[s]);
    at = k_add(b, at, k_muli(b, w->tap[s], w->dilation[s]));
    return k_addi(b, at, -w->lo[s]);
}

/* Opens guards around the body for indexes that may lie outside; returns how many. */
static int open_guards(KBuilder *b, const Window *w, KVal **at) {
    int opened = 0;
    for (int s = 0; s < w->spatial; s++) {
        int64_t size = w->x->dim[2 + s];
        if (at[s]->lo >= 0 && at[s]->hi < size) continue;
        k_if(b, k_and(b, k_ge(b, at[s], k_index(b, 0)), k_lt(b, at[s], k_index(b, size))));
        at[s] = k_assume(b, at[s], 0, size - 1);
        opened++;
    }
    return opened;
}

/* The position in the plane of every lane. */
static KVal *plane_position(KBuilder *b, const Window *w, KVal **at, const LowerPoint *point,
                            KKind kind) {
    KVal *flat = k_index(b, 0);
    for (int s = 0; s < w->spatial; s++)
        flat = k_add(b, k_muli(b, flat, w->x->dim[2 + s]), at[s]);
    KVal *position = k_convert(b, flat, kind);
    if (point->lanes == 1) return position;
    KVal *lanes = lower_lane_numbers(b, kind, point->lanes);
    lanes = k_mul(b, lanes, k_integer(b, kind, point->lanes, w->stride[w->spatial - 1]));
    return k_add(b, position, lanes);
}

static void take_tap(Lower *lower, Window *w, KVal *value, KVal **at) {
    KBuilder *b = &lower->b;
    if (w->sums) {
        k_set(b, w->best, k_add(b, w->best, value));
        return;
    }
    if (!w->where) {
        k_set(b, w->best, math_max(b, k_copy(b, w->best), value));
        return;
    }
    KVal *best = k_copy(b, w->best), *where = k_copy(b, w->where);
    KVal *none = k_lt(b, where, k_number(b, where->kind, where->lanes, 0));
    KVal *better = k_or(b, k_gt(b, value, best), none);
    if (kkind_is_float(value->kind))
        better = k_or(b, better, k_and(b, k_ne(b, value, value), k_eq(b, best, best)));
    KVal *position = plane_position(b, w, at, w->point, where->kind);
    k_set(b, w->best, k_select(b, better, value, best));
    k_set(b, w->where, k_select(b, better, position, where));
}

static void read_tap(Lower *lower, Window *w) {
    KBuilder *b = &lower->b;
    KVal *at[MAX_RANK];
    for (int s = 0; s < w->spatial; s++)
        at[s] = tap_index(b, w, w->point, s);
    int opened = open_guards(b, w, at);
    LowerPoint from = *w->point;
    for (int s = 0; s < w->spatial; s++)
        from.index[2 + s] = at[s];
    from.step = w->stride[w->spatial - 1];
    KVal *value = lower_operand_at(lower, w->operand, &from);
    take_tap(lower, w, k_splat(b, value, from.lanes), at);
    while (opened-- > 0)
        k_end(b);
}

/* All taps in row-major order: written out when they are few, else loops. */
static void for_each_tap(Lower *lower, Window *w, void (*body)(Lower *, Window *)) {
    KBuilder *b = &lower->b;
    int64_t taps = tap_count(w);
    if (taps > MAX_UNROLLED_TAPS) {
        for (int s = 0; s < w->spatial; s++)
            w->tap[s] = k_for(b, 0, w->window[s], 1, 0);
        body(lower, w);
        for (int s = 0; s < w->spatial; s++)
            k_end(b);
        return;
    }
    for (int64_t t = 0; t < taps; t++) {
        int64_t rest = t;
        for (int s = w->spatial - 1; s >= 0; s--) {
            w->tap[s] = k_index(b, rest % w->window[s]);
            rest /= w->window[s];
        }
        body(lower, w);
    }
}

static KVal *start_value(KBuilder *b, const Window *w, int lanes) {
    DType dtype = w->x->dtype;
    KKind kind = kkind_of(dtype);
    if (w->sums) return k_number(b, kind, lanes, 0);
    if (kkind_is_float(kind)) return k_number(b, kind, lanes, -(double)INFINITY);
    return k_integer(b, kind, lanes, kind == K_I64 ? INT64_MIN : INT32_MIN);
}

static void pool_point(Lower *lower, const LowerPoint *point, void *data) {
    Window *w = data;
    KBuilder *b = &lower->b;
    w->point = point;
    w->best = k_var(b, start_value(b, w, point->lanes));
    w->where = NULL;
    if (w->index_node) {
        /* As wide as the values' lanes; a plane has fewer than 2^31 elements or scalars are used.
         */
        bool narrow = kkind_size(kkind_of(w->x->dtype)) == 4 && point->lanes > 1;
        w->where = k_var(b, k_integer(b, narrow ? K_I32 : K_I64, point->lanes, -1));
    }
    for_each_tap(lower, w, read_tap);
    LowerHeld held[2];
    int held_count = 0;
    KVal *value = formula_to_dtype(b, k_copy(b, w->best), w->x->dtype);
    if (w->anchor->op != OP_max_pool_index) held[held_count++] = (LowerHeld){w->anchor, value};
    if (w->where)
        held[held_count++] = (LowerHeld){w->index_node, k_convert(b, k_copy(b, w->where), K_I64)};
    const Group *group = lower->group;
    KVal **roots = ARENA_ARRAY(lower->arena, KVal *, (size_t)group->output_count);
    lower_values(b, w->epilogue, point, held, held_count, roots);
    for (int i = 0; i < group->output_count; i++)
        lower_store(b, group->outputs[i], point, roots[i]);
}

static void pool_rows(Lower *lower, Window *w, int lanes) {
    KBuilder *b = &lower->b;
    const Type *result = &w->anchor->type;
    KVal *index[MAX_RANK] = {NULL};
    int last = result->rank - 1;
    int64_t first, past;
    if (b->kernel->blocks) {
        lower_loops(lower, result->rank, result->dim, 1, K_PARALLEL, pool_point, w);
        return;
    }
    inside_span(w, result, &first, &past);
    int part = kernel_part_level(result->dim, last);
    for (int d = 0; d < last; d++)
        index[d] = k_for(b, 0, result->dim[d], 1, d == part ? K_PARALLEL : 0);
    lower_span(lower, result->rank, index, 0, first, 1, 0, pool_point, w);
    lower_span(lower, result->rank, index, first, past, lanes, 0, pool_point, w);
    lower_span(lower, result->rank, index, past, result->dim[last], 1, 0, pool_point, w);
    for (int d = 0; d < last; d++)
        k_end(b);
}

static void lower_pooling(Lower *lower, Window *w) {
    const Group *group = lower->group;
    const Node *anchor = group->anchor, *held[2] = {anchor, group->pool_index};
    const Type *result = &anchor->type;
    read_attributes(w, anchor, &anchor->inputs[0]->type);
    w->index_node = anchor->op == OP_max_pool_index ? anchor : group->pool_index;
    w->sums = anchor->op == OP_window_sum;
    w->operand = lower_operand(lower, 0);
    w->epilogue = lower_flatten(lower->context, group, (const Node *const *)group->outputs,
                                group->output_count, held, group->pool_index ? 2 : 1);
    int64_t plane = 1;
    for (int s = 0; s < w->spatial; s++)
        plane *= w->x->dim[2 + s];
    int lanes = lower_lanes(lower->b.target, w->operand);
    int own = lower_lanes(lower->b.target, w->epilogue);
    /* Positions are i64 in memory but held as narrow as the values: they don't limit the lanes. */
    if (!w->index_node && own < lanes) lanes = own;
    if (plane > INT32_MAX || own == 1) lanes = 1;
    lower->b.kernel->flops = (double)type_numel(result) * (double)tap_count(w);
    pool_rows(lower, w, lanes);
}

/* out[address] += value */
static void add_at(KBuilder *b, KBuf *out, DType dtype, KVal *address, KVal *value) {
    KVal *sum = k_add(b, k_load(b, out, address, 1), value);
    k_store(b, out, address, formula_to_dtype(b, sum, dtype));
}

static KVal *plane_start(KBuilder *b, const Type *type, KVal *const *index) {
    int64_t strides[MAX_RANK];
    type_strides(type, strides);
    return k_add(b, k_muli(b, index[0], strides[0]), k_muli(b, index[1], strides[1]));
}

static void scatter_point(Lower *lower, const LowerPoint *point, void *data) {
    KBuilder *b = &lower->b;
    Window *w = data;
    const Node *anchor = w->anchor;
    int64_t plane = 1;
    for (int d = 2; d < anchor->type.rank; d++)
        plane *= anchor->type.dim[d];
    KVal *at = lower_checked_index(b, lower_operand_at(lower, w->epilogue, point), plane);
    KVal *address = k_add(b, plane_start(b, &anchor->type, point->index), at);
    add_at(b, k_output(b, anchor), anchor->type.dtype, address,
           lower_operand_at(lower, w->operand, point));
}

static void spread_tap(Lower *lower, Window *w) {
    KBuilder *b = &lower->b;
    const Type *type = &w->anchor->type;
    KVal *at[MAX_RANK], *address = plane_start(b, type, w->point->index);
    int64_t strides[MAX_RANK];
    type_strides(type, strides);
    for (int s = 0; s < w->spatial; s++)
        at[s] = tap_index(b, w, w->point, s);
    int opened = open_guards(b, w, at);
    for (int s = 0; s < w->spatial; s++)
        address = k_add(b, address, k_muli(b, at[s], strides[2 + s]));
    add_at(b, k_output(b, w->anchor), type->dtype, address, w->best);
    while (opened-- > 0)
        k_end(b);
}

static void spread_point(Lower *lower, const LowerPoint *point, void *data) {
    Window *w = data;
    w->point = point;
    w->best = lower_operand_at(lower, w->operand, point);
    for_each_tap(lower, w, spread_tap);
}

static void fill_plane(KBuilder *b, const Window *w, KVal *start) {
    const Type *type = &w->anchor->type;
    KBuf *out = k_output(b, w->anchor);
    int64_t plane = 1;
    for (int d = 2; d < type->rank; d++)
        plane *= type->dim[d];
    int lanes = target_lanes(b->target, type->dtype);
    int64_t whole = plane / lanes * lanes;
    KVal *zero = k_number(b, kkind_of(type->dtype), lanes, 0);
    KVal *i = k_for(b, 0, whole, lanes, 0);
    k_store(b, out, k_add(b, start, i), zero);
    k_end(b);
    if (whole < plane) k_store_tail(b, out, k_addi(b, start, whole), zero, (int)(plane - whole));
}

/* A plane of the result: zeros, and what the operand's plane adds to them. */
static void add_plane(Lower *lower, const LowerPoint *plane, void *data) {
    KBuilder *b = &lower->b;
    const Window *w = data;
    const Type *from = &w->anchor->inputs[0]->type;
    fill_plane(b, w, plane_start(b, &w->anchor->type, plane->index));
    LowerPoint point = lower_point(from->rank, plane->index, from->rank - 1, 1, 1);
    for (int d = 2; d < from->rank; d++)
        point.index[d] = k_for(b, 0, from->dim[d], 1, 0);
    if (w->anchor->op == OP_pool_scatter)
        scatter_point(lower, &point, data);
    else
        spread_point(lower, &point, data);
    for (int d = 2; d < from->rank; d++)
        k_end(b);
}

Kernel *lower_window(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    const Node *anchor = group->anchor;
    Window w = {.anchor = anchor};
    if (anchor->op == OP_pool_scatter || anchor->op == OP_window_sum_dx) {
        const Type *from = &anchor->inputs[0]->type;
        w.operand = lower_operand(&lower, 0);
        if (anchor->op == OP_pool_scatter)
            w.epilogue = lower_operand(&lower, 1);
        else
            read_attributes(&w, anchor, &anchor->type);
        lower_loops(&lower, 2, from->dim, 1, K_PARALLEL, add_plane, &w);
        lower.b.kernel->flops = (double)type_numel(from);
    } else {
        lower_pooling(&lower, &w);
    }
    return kernel_end(&lower.b);
}
