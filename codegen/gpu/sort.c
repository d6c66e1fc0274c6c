/* Stable sort along an axis: a block has a row.
 *
 * Runs are merged pairwise, from one copy of the row to the other. Each element finds its own place
 * in the merged run: where it is in its run, and behind as many elements of the other run as go
 * before it, which a binary search counts. Of equals, those of the left run go first. NaN is
 * greatest. */
#include "codegen/gpu/gpu_internal.h"
#include "codegen/lower_internal.h"

typedef struct Rows {
    KBuf *values, *positions;
} Rows;

typedef struct Sort {
    KBuilder *b;
    Flat *x;
    Rows rows[2];
    int axis;
    int64_t size;
    bool descending;
    KVal *start; /* of the block's row in the copies */
} Sort;

/* How many of the `width` elements from `run` on (fewer at the end of the row) go before x; equals
 * do where `equals` is true. */
static KVal *count_before(const Sort *sort, Rows from, KVal *run, int64_t width, KVal *x,
                          KVal *equals) {
    KBuilder *b = sort->b;
    KVal *size = k_index(b, sort->size);
    KVal *low = k_var(b, k_min(b, run, size));
    KVal *high = k_var(b, k_min(b, k_addi(b, run, width), size));
    int steps = 1;
    while ((INT64_C(1) << steps) <= width)
        steps++;
    k_for(b, 0, steps, 1, 0);
    KVal *left = k_copy(b, low), *right = k_copy(b, high);
    KVal *middle = k_binary(b, KOP_SHR, k_add(b, left, right), k_index(b, 1));
    KVal *at = k_assume(b, k_min(b, middle, k_index(b, sort->size - 1)), 0, sort->size - 1);
    KVal *y = k_load(b, from.values, k_add(b, sort->start, at), 1);
    KVal *before = lower_sorts_before(b, sort->descending, y, x);
    KVal *behind = lower_sorts_before(b, sort->descending, x, y);
    KVal *first = k_or(b, before, k_and(b, equals, k_unary(b, KOP_NOT, behind)));
    KVal *open = k_lt(b, left, right);
    k_set(b, low, k_select(b, k_and(b, open, first), k_addi(b, middle, 1), left));
    k_set(b, high, k_select(b, k_and(b, open, first), right, k_select(b, open, middle, right)));
    k_end(b);
    return k_sub(b, k_copy(b, low), k_min(b, run, size));
}

static void merge_pass(const Sort *sort, Rows from, Rows to, int64_t width) {
    KBuilder *b = sort->b;
    int64_t n = sort->size;
    KVal *i = k_for_values(b, k_thread(b), k_index(b, n), b->kernel->threads, 0);
    KVal *own = k_add(b, sort->start, i);
    KVal *x = k_load(b, from.values, own, 1);
    KVal *run = k_muli(b, k_divi(b, i, width), width);
    KVal *is_right = k_ne(b, k_remi(b, i, 2 * width), k_remi(b, i, width));
    KVal *other = k_select(b, is_right, k_addi(b, run, -width), k_addi(b, run, width));
    other = k_assume(b, other, 0, n - 1 + width);
    KVal *before = count_before(sort, from, other, width, x, is_right);
    KVal *first = k_select(b, is_right, k_addi(b, i, -width), i);
    KVal *place = k_assume(b, k_add(b, first, before), 0, n - 1);
    place = k_add(b, sort->start, place);
    k_store(b, to.values, place, x);
    k_store(b, to.positions, place, k_load(b, from.positions, own, 1));
    k_end(b);
    k_barrier(b);
}

static void read_row(const Sort *sort, Lower *lower, LowerPoint *at) {
    KBuilder *b = sort->b;
    KVal *i = k_for_values(b, k_thread(b), k_index(b, sort->size), b->kernel->threads, 0);
    at->index[sort->axis] = i;
    KVal *to = k_add(b, sort->start, i);
    k_store(b, sort->rows[0].values, to, lower_operand_at(lower, sort->x, at));
    k_store(b, sort->rows[0].positions, to, k_add(b, i, k_index(b, 0)));
    k_end(b);
    k_barrier(b);
}

static void write_row(const Sort *sort, const Group *group, Rows rows, LowerPoint *at) {
    KBuilder *b = sort->b;
    KVal *i = k_for_values(b, k_thread(b), k_index(b, sort->size), b->kernel->threads, 0);
    at->index[sort->axis] = i;
    for (int o = 0; o < group->output_count; o++) {
        const Node *node = group->outputs[o];
        bool second = node->op == OP_result && node_int(node, ATTR_index) == 1;
        KBuf *from = second ? rows.positions : rows.values;
        lower_store(b, node, at, k_load(b, from, k_add(b, sort->start, i), 1));
    }
    k_end(b);
}

Kernel *gpu_sort(const Group *group, LowerContext *context, const GpuSchedule *s) {
    Lower lower = lower_begin(group, target_gpu(), context);
    KBuilder *b = &lower.b;
    const Node *anchor = group->anchor;
    const Type *type = &anchor->type;
    Sort sort = {.b = b, .x = lower_operand(&lower, 0)};
    sort.axis = (int)node_int(anchor, ATTR_axis);
    sort.size = type->dim[sort.axis];
    sort.descending = node_int(anchor, ATTR_descending) != 0;
    int64_t rows = type_numel(type) / sort.size, dim[MAX_RANK];
    k_grid(b, rows, s->threads);
    for (int side = 0; side < 2; side++) {
        sort.rows[side].values = k_scratch(b, type->dtype, rows * sort.size, "values of rows");
        sort.rows[side].positions = k_scratch(b, DT_I64, rows * sort.size, "their positions");
    }
    sort.start = k_muli(b, k_block(b), sort.size);
    for (int d = 0; d < type->rank; d++)
        dim[d] = d == sort.axis ? 1 : type->dim[d];
    LowerPoint at = lower_point(type->rank, (KVal *[MAX_RANK]){NULL}, 0, 1, 1);
    lower_split(b, k_block(b), type->rank, dim, at.index);
    read_row(&sort, &lower, &at);
    int side = 0;
    for (int64_t width = 1; width < sort.size; width *= 2, side = !side)
        merge_pass(&sort, sort.rows[side], sort.rows[!side], width);
    write_row(&sort, group, sort.rows[side], &at);
    return kernel_end(b);
}
