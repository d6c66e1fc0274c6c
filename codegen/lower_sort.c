/* Stable sort along an axis: bottom-up merge sort of a row in scratch memory, values and positions
 * moving together. NaN is greatest. */
#include "codegen/lower_internal.h"

typedef struct Rows {
    KBuf *values, *positions;
} Rows;

typedef struct Sort {
    const Node *anchor;
    const Node *values, *positions; /* the `result` nodes that are outputs, or NULL */
    Flat *x;
    Rows rows[2];
    int axis;
    int64_t size;
    bool descending;
} Sort;

KVal *lower_sorts_before(KBuilder *b, bool descending, KVal *y, KVal *x) {
    KVal *before = descending ? k_gt(b, y, x) : k_lt(b, y, x);
    if (!kkind_is_float(x->kind)) return before;
    KVal *y_nan = k_ne(b, y, y), *x_nan = k_ne(b, x, x);
    KVal *number_first =
        descending ? k_and(b, y_nan, k_eq(b, x, x)) : k_and(b, x_nan, k_eq(b, y, y));
    return k_or(b, before, number_first);
}

/* Merges neighbouring runs of `width` elements from one pair of rows to the other. */
static void merge_pass(KBuilder *b, const Sort *sort, Rows from, Rows to, int64_t width) {
    int64_t n = sort->size;
    KVal *last = k_index(b, n - 1), *one = k_index(b, 1);
    KVal *start = k_for(b, 0, n, 2 * width, 0);
    KVal *middle = k_min(b, k_addi(b, start, width), k_index(b, n));
    KVal *end = k_min(b, k_addi(b, start, 2 * width), k_index(b, n));
    KVal *left = k_var(b, start), *right = k_var(b, middle);
    KVal *at = k_for_values(b, start, end, 1, 0);
    KVal *i = k_copy(b, left), *j = k_copy(b, right);
    KVal *safe_i = k_assume(b, k_min(b, i, last), 0, n - 1);
    KVal *safe_j = k_assume(b, k_min(b, j, last), 0, n - 1);
    KVal *x = k_load(b, from.values, safe_i, 1), *y = k_load(b, from.values, safe_j, 1);
    KVal *right_first =
        k_and(b, k_lt(b, j, end),
              k_or(b, k_ge(b, i, middle), lower_sorts_before(b, sort->descending, y, x)));
    KVal *position_i = k_load(b, from.positions, safe_i, 1);
    KVal *position_j = k_load(b, from.positions, safe_j, 1);
    KVal *slot = k_assume(b, at, 0, n - 1);
    k_store(b, to.values, slot, k_select(b, right_first, y, x));
    k_store(b, to.positions, slot, k_select(b, right_first, position_j, position_i));
    k_set(b, left, k_select(b, right_first, i, k_add(b, i, one)));
    k_set(b, right, k_select(b, right_first, k_add(b, j, one), j));
    k_end(b);
    k_end(b);
}

static void sort_row(Lower *lower, const LowerPoint *point, void *data) {
    KBuilder *b = &lower->b;
    const Sort *sort = data;
    LowerPoint at = *point;
    at.index[sort->axis] = k_for(b, 0, sort->size, 1, 0);
    k_store(b, sort->rows[0].values, at.index[sort->axis], lower_operand_at(lower, sort->x, &at));
    k_store(b, sort->rows[0].positions, at.index[sort->axis],
            k_add(b, at.index[sort->axis], k_index(b, 0)));
    k_end(b);
    int side = 0;
    for (int64_t width = 1; width < sort->size; width *= 2, side = !side)
        merge_pass(b, sort, sort->rows[side], sort->rows[!side], width);
    at.index[sort->axis] = k_for(b, 0, sort->size, 1, 0);
    KVal *i = at.index[sort->axis];
    if (sort->values) lower_store(b, sort->values, &at, k_load(b, sort->rows[side].values, i, 1));
    if (sort->positions)
        lower_store(b, sort->positions, &at, k_load(b, sort->rows[side].positions, i, 1));
    k_end(b);
}

Kernel *lower_sort(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    KBuilder *b = &lower.b;
    const Node *anchor = group->anchor;
    Sort sort = {.anchor = anchor, .x = lower_operand(&lower, 0)};
    sort.axis = (int)node_int(anchor, ATTR_axis);
    sort.size = anchor->type.dim[sort.axis];
    sort.descending = node_int(anchor, ATTR_descending) != 0;
    for (int i = 0; i < group->output_count; i++) {
        const Node *node = group->outputs[i];
        bool second = node->op == OP_result && node_int(node, ATTR_index) == 1;
        if (second)
            sort.positions = node;
        else
            sort.values = node;
    }
    int64_t dim[MAX_RANK];
    for (int d = 0; d < anchor->type.rank; d++)
        dim[d] = anchor->type.dim[d];
    dim[sort.axis] = sort.size > 0 ? 1 : 0;
    for (int side = 0; side < 2; side++) {
        sort.rows[side].values = k_scratch(b, anchor->type.dtype, sort.size, "values of a row");
        sort.rows[side].positions = k_scratch(b, DT_I64, sort.size, "their positions");
        sort.rows[side].values->fresh = sort.rows[side].positions->fresh = true;
    }
    lower_loops(&lower, anchor->type.rank, dim, 1, K_PARALLEL, sort_row, &sort);
    return kernel_end(b);
}
