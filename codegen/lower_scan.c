/* Running sums and products along an axis: one chain a row, in order, of doubles where elements are
 * floats, as PyTorch has it; rows side by side in vectors when the axis is not the last dim. */
#include "codegen/formula.h"
#include "codegen/lower_internal.h"

typedef struct Scan {
    const Node *anchor;
    Flat *x;
    IndexMap out;
    int axis;
    int64_t size;
} Scan;

/* Called with the axis fixed at 0: runs along it. */
static void scan_point(Lower *lower, const LowerPoint *point, void *data) {
    KBuilder *b = &lower->b;
    const Scan *scan = data;
    DType dtype = scan->anchor->type.dtype;
    bool product = scan->anchor->op == OP_cumprod;
    bool reverse = !product && node_int(scan->anchor, ATTR_reverse);
    DType exact = dtype == DT_F32 ? DT_F64 : dtype;
    KVal *sum = k_var(b, lower_number(b, exact, point->lanes, product ? 1 : 0));
    KVal *i = k_for(b, 0, scan->size, 1, 0);
    LowerPoint at = *point;
    at.index[scan->axis] = reverse ? k_sub(b, k_index(b, scan->size - 1), i) : i;
    KVal *value = lower_operand_at(lower, scan->x, &at);
    value = k_convert(b, value, kkind_of(exact));
    KVal *next = k_binary(b, product ? KOP_MUL : KOP_ADD, sum, value);
    k_set(b, sum, formula_to_dtype(b, next, exact));
    next = k_convert(b, k_copy(b, sum), kkind_of(dtype));
    lower_store_map(b, scan->anchor, &scan->out, &at, next);
    k_end(b);
}

Kernel *lower_scan(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    const Node *anchor = group->anchor;
    Scan scan = {.anchor = anchor,
                 .x = lower_operand(&lower, 0),
                 .out = index_map_identity(&anchor->type),
                 .axis = (int)node_int(anchor, ATTR_axis)};
    scan.size = anchor->type.dim[scan.axis];
    int64_t dim[MAX_RANK];
    for (int d = 0; d < anchor->type.rank; d++)
        dim[d] = anchor->type.dim[d];
    dim[scan.axis] = scan.size > 0 ? 1 : 0;
    int lanes = scan.axis == anchor->type.rank - 1 ? 1 : lower_lanes(target, scan.x);
    if (lanes > target_lanes(target, DT_F64)) lanes = target_lanes(target, DT_F64);
    lower_loops(&lower, anchor->type.rank, dim, lanes, K_PARALLEL, scan_point, &scan);
    lower.b.kernel->flops = (double)type_numel(&anchor->type);
    return kernel_end(&lower.b);
}
