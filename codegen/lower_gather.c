/* Reads at positions given by data: gather, take, pool_gather, dynamic_slice. Results are computed
 * element by element, an epilogue included; indexes are checked, and a wrong one is a fault. */
#include "codegen/lower_internal.h"
#include "support/checked.h"

typedef struct Gathering {
    const Node *anchor;
    Flat *x, *index; /* operands over their own shapes */
    Epilogue epilogue;
    KVal *start[MAX_RANK]; /* dynamic_slice */
} Gathering;

static LowerPoint scalar_point(int rank, KVal *const *index) {
    return lower_point(rank, index, 0, 1, 1);
}

/* The element that an index names. There is none in an empty axis: its check has failed. */
static KVal *element(Lower *lower, const Gathering *g, const LowerPoint *from) {
    const Type *x = &g->anchor->inputs[0]->type;
    if (type_numel(x) == 0) return k_integer(&lower->b, kkind_of(x->dtype), from->lanes, 0);
    return lower_operand_at(lower, g->x, from);
}

/* y[i,j,k] = x[i, idx[i,j,k], k] */
static void gather_point(Lower *lower, const LowerPoint *point, void *data) {
    Gathering *g = data;
    int64_t axis = node_int(g->anchor, ATTR_axis);
    LowerPoint from = *point;
    from.index[axis] = lower_checked_index(&lower->b, lower_operand_at(lower, g->index, point),
                                           g->anchor->inputs[0]->type.dim[axis]);
    lower_finish(lower, &g->epilogue, point, element(lower, g, &from));
}

/* y[i, j.., k] = x[i, idx[j..], k]: vectors run along the last dim when it is one of x's. */
static void take_point(Lower *lower, const LowerPoint *point, void *data) {
    Gathering *g = data;
    const Type *x = &g->anchor->inputs[0]->type, *idx = &g->anchor->inputs[1]->type;
    int axis = (int)node_int(g->anchor, ATTR_axis);
    LowerPoint at = scalar_point(idx->rank, point->index + axis);
    LowerPoint from = *point;
    from.rank = x->rank;
    from.index[axis] =
        lower_checked_index(&lower->b, lower_operand_at(lower, g->index, &at), x->dim[axis]);
    for (int d = axis + 1; d < x->rank; d++)
        from.index[d] = point->index[d - 1 + idx->rank];
    from.vector_dim = x->rank - 1;
    lower_finish(lower, &g->epilogue, point, element(lower, g, &from));
}

static void pool_gather_point(Lower *lower, const LowerPoint *point, void *data) {
    KBuilder *b = &lower->b;
    Gathering *g = data;
    const Type *x = &g->anchor->inputs[0]->type;
    int64_t plane = 1;
    for (int d = 2; d < x->rank; d++)
        plane *= x->dim[d];
    KVal *at = lower_checked_index(b, lower_operand_at(lower, g->index, point), plane);
    LowerPoint from = *point;
    from.rank = x->rank;
    for (int d = x->rank - 1; d > 1; d--) {
        from.index[d] = d == 2 ? at : k_remi(b, at, x->dim[d]);
        at = k_divi(b, at, x->dim[d]);
    }
    lower_finish(lower, &g->epilogue, point, element(lower, g, &from));
}

static void slice_point(Lower *lower, const LowerPoint *point, void *data) {
    Gathering *g = data;
    LowerPoint from = *point;
    for (int d = 0; d < point->rank; d++)
        from.index[d] = k_add(&lower->b, point->index[d], g->start[d]);
    lower_finish(lower, &g->epilogue, point, lower_operand_at(lower, g->x, &from));
}

/* Reads and checks the starts once, before the loops. */
static void read_starts(Lower *lower, Gathering *g, const Type *box) {
    KBuilder *b = &lower->b;
    const Type *x = &g->anchor->inputs[0]->type;
    for (int d = 0; d < x->rank; d++) {
        KVal *index = k_index(b, d);
        LowerPoint at = scalar_point(1, &index);
        g->start[d] = lower_checked_index(b, lower_operand_at(lower, g->index, &at),
                                          x->dim[d] - box->dim[d] + 1);
    }
}

Kernel *lower_gathering(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    const Node *anchor = group->anchor;
    const Type *result = &anchor->type;
    Gathering g = {.anchor = anchor, .epilogue = lower_epilogue(&lower, anchor)};
    g.x = lower_operand(&lower, 0);
    g.index = lower_operand(&lower, 1);
    int lanes = lower_lanes(target, g.epilogue.flat), own = lower_lanes(target, g.x);
    if (own < lanes) lanes = own;
    if (result->rank == 0) lanes = 1;
    switch (anchor->op) {
    case OP_gather:
        lower_loops(&lower, result->rank, result->dim, 1, K_PARALLEL, gather_point, &g);
        break;
    case OP_take: {
        bool inner = node_int(anchor, ATTR_axis) + 1 < anchor->inputs[0]->type.rank;
        lower_loops(&lower, result->rank, result->dim, inner ? lanes : 1, K_PARALLEL, take_point,
                    &g);
        break;
    }
    case OP_pool_gather:
        lower_loops(&lower, result->rank, result->dim, 1, K_PARALLEL, pool_gather_point, &g);
        break;
    default:
        read_starts(&lower, &g, result);
        lower_loops(&lower, result->rank, result->dim, lanes, K_PARALLEL, slice_point, &g);
    }
    return kernel_end(&lower.b);
}
