/* Writes at positions given by data, without atomics.
 *
 * The result is columns along the axis that data picks from: no write leaves its column. The lanes
 * of a column own its elements, lane l those at l, l + lanes, ...: each gives them their first
 * values, then goes through all writes to the column in order and makes those to its own elements.
 * So the last one wins, and sums have one order, as on the CPU. */
#include "codegen/formula.h"
#include "codegen/gpu/gpu_internal.h"
#include "codegen/lower_internal.h"
#include "support/checked.h"

typedef struct Scatter {
    Lower *lower;
    const Node *anchor;
    Flat *first, *index, *update; /* operands over their own shapes; first NULL: zeros */
    bool adds, taken;             /* taken: one index serves for all columns */
    int rank;                     /* of the column's coordinates */
    int64_t extent[MAX_RANK];
    int axis;     /* of the result, before which that many coordinates of the column stand */
    int64_t size; /* elements of a column */
    int64_t stride;
    int lanes;
    KVal *column[MAX_RANK], *lane, *start; /* start: where the column is in the result */
} Scatter;

static void describe(Scatter *s) {
    const Node *anchor = s->anchor;
    const Type *y = &anchor->type;
    int64_t strides[MAX_RANK];
    type_strides(y, strides);
    bool pools = anchor->op == OP_pool_scatter;
    s->axis = pools ? 2 : (int)node_int(anchor, ATTR_axis);
    s->size = 1;
    for (int d = 0; d < y->rank; d++) {
        bool along = pools ? d >= 2 : d == s->axis;
        if (along)
            s->size *= y->dim[d];
        else
            s->extent[s->rank++] = y->dim[d];
    }
    s->stride = pools ? 1 : strides[s->axis];
    s->taken = anchor->op == OP_index_add || anchor->op == OP_index_put;
    s->adds = pools || anchor->op == OP_scatter_add || anchor->op == OP_index_add;
    s->first = pools ? NULL : lower_operand(s->lower, 0);
    s->update = lower_operand(s->lower, pools ? 0 : 2);
    s->index = lower_operand(s->lower, 1);
}

/* The column's place in the result; coordinates of the others are the column's. */
static void find_column(Scatter *s, KVal *flat) {
    KBuilder *b = &s->lower->b;
    const Type *y = &s->anchor->type;
    int64_t strides[MAX_RANK];
    type_strides(y, strides);
    lower_split(b, flat, s->rank, s->extent, s->column);
    s->start = k_index(b, 0);
    for (int i = 0; i < s->rank; i++)
        s->start = k_add(b, s->start, k_muli(b, s->column[i], strides[i < s->axis ? i : i + 1]));
}

static KVal *address(Scatter *s, KVal *at) {
    KBuilder *b = &s->lower->b;
    return k_add(b, s->start, k_muli(b, at, s->stride));
}

static void give_first_values(Scatter *s) {
    KBuilder *b = &s->lower->b;
    KVal *at = k_for_values(b, s->lane, k_index(b, s->size), s->lanes, 0);
    KVal *value = k_number(b, kkind_of(s->anchor->type.dtype), 1, 0);
    if (s->first) {
        KVal *index[MAX_RANK];
        for (int d = 0; d < s->anchor->type.rank; d++)
            index[d] = d < s->axis ? s->column[d] : d == s->axis ? at : s->column[d - 1];
        LowerPoint point = lower_point(s->anchor->type.rank, index, 0, 1, 1);
        value = lower_operand_at(s->lower, s->first, &point);
    }
    k_store(b, k_output(b, s->anchor), address(s, at), value);
    k_end(b);
}

/* The write at the point of the update's space, if it is to an element of this lane. */
static void write(Scatter *s, const LowerPoint *point, const LowerPoint *index_point) {
    KBuilder *b = &s->lower->b;
    KVal *at = lower_checked_index(b, lower_operand_at(s->lower, s->index, index_point), s->size);
    if (s->lanes > 1) k_if(b, k_eq(b, k_remi(b, at, s->lanes), s->lane));
    KBuf *out = k_output(b, s->anchor);
    KVal *value = lower_operand_at(s->lower, s->update, point), *to = address(s, at);
    if (s->adds)
        value = formula_to_dtype(b, k_add(b, k_load(b, out, to, 1), value), s->anchor->type.dtype);
    k_store(b, out, to, value);
    if (s->lanes > 1) k_end(b);
}

/* All writes to the column: over the dims of the update that are none of its coordinates. */
static void make_writes(Scatter *s) {
    KBuilder *b = &s->lower->b;
    const Node *anchor = s->anchor;
    bool pools = anchor->op == OP_pool_scatter;
    const Type *update = &anchor->inputs[pools ? 0 : 2]->type;
    int picked = pools ? update->rank - 2 : s->taken ? anchor->inputs[1]->type.rank : 1;
    KVal *index[MAX_RANK];
    int guards = 0;
    for (int i = 0; i < s->rank; i++) {
        int d = i < s->axis ? i : i + picked;
        index[d] = s->column[i];
        if (update->dim[d] >= s->extent[i]) continue; /* scatter may write to a part */
        k_if(b, k_lt(b, index[d], k_index(b, update->dim[d])));
        index[d] = k_assume(b, index[d], 0, update->dim[d] - 1);
        guards++;
    }
    for (int i = 0; i < picked; i++)
        index[s->axis + i] = k_for(b, 0, update->dim[s->axis + i], 1, 0);
    LowerPoint point = lower_point(update->rank, index, 0, 1, 1), at = point;
    if (s->taken) at = lower_point(picked, index + s->axis, 0, 1, 1);
    write(s, &point, &at);
    for (int i = 0; i < picked + guards; i++)
        k_end(b);
}

Kernel *gpu_scatter(const Group *group, LowerContext *context) {
    Lower lower = lower_begin(group, target_gpu(), context);
    KBuilder *b = &lower.b;
    Scatter s = {.lower = &lower, .anchor = group->anchor, .lanes = 1};
    describe(&s);
    int64_t columns = type_numel(&s.anchor->type) / s.size;
    while (columns * s.lanes < GPU_THREADS && 2 * s.lanes <= s.size)
        s.lanes *= 2;
    int64_t count = columns * s.lanes;
    k_grid(b, gpu_blocks(count, GPU_BLOCK), GPU_BLOCK);
    KVal *thread = gpu_guard(b, gpu_thread(b), count);
    s.lane = k_divi(b, thread, columns);
    find_column(&s, k_remi(b, thread, columns));
    give_first_values(&s);
    make_writes(&s);
    gpu_end_guard(b, count);
    return kernel_end(b);
}
