/* From an anchor node to the named dims and affine coordinates of contract.h. */
#include "codegen/contract.h"

#include <string.h>

#include "passes/flatten.h"
#include "support/checked.h"

enum { PAIRS_UNCHUNKED = 512 };

static void add_dim(Contraction *c, bool summed, ContractDim dim) {
    if (dim.extent == 1) return;
    NNC_CHECK(c->out_count + c->sum_count < CONTRACT_MAX_DIMS, "too many dims in a contraction");
    c->dims[c->out_count + c->sum_count] = dim;
    if (summed)
        c->sum_count++;
    else
        c->out_count++;
}

static bool in_list(const int64_t *items, int count, int item) {
    for (int i = 0; i < count; i++)
        if (items[i] == item) return true;
    return false;
}

static void add_free_dims(Contraction *c, int operand, const char *name, const int64_t *batch,
                          int batch_count, const int64_t *summed, int sum_count, int *out_axis) {
    const Type *type = &c->anchor->inputs[operand]->type;
    for (int axis = 0; axis < type->rank; axis++) {
        if (in_list(batch, batch_count, axis) || in_list(summed, sum_count, axis)) continue;
        ContractDim dim = {name, type->dim[axis], {-1, -1, (*out_axis)++}, {0, 0, 1}};
        dim.axis[operand] = axis;
        dim.coef[operand] = 1;
        add_dim(c, false, dim);
    }
}

static void describe_dot(Contraction *c) {
    const Node *dot = c->anchor;
    int batch_count, sum_count, out_axis = 0;
    const int64_t *batch_a = node_ints(dot, ATTR_batch_a, &batch_count);
    const int64_t *batch_b = node_ints(dot, ATTR_batch_b, &batch_count);
    const int64_t *sum_a = node_ints(dot, ATTR_contract_a, &sum_count);
    const int64_t *sum_b = node_ints(dot, ATTR_contract_b, &sum_count);
    for (int i = 0; i < batch_count; i++) {
        int64_t extent = dot->inputs[0]->type.dim[batch_a[i]];
        add_dim(
            c, false,
            (ContractDim){"b", extent, {(int)batch_a[i], (int)batch_b[i], out_axis++}, {1, 1, 1}});
    }
    c->outer_count = c->out_count;
    add_free_dims(c, CONTRACT_A, "m", batch_a, batch_count, sum_a, sum_count, &out_axis);
    add_free_dims(c, CONTRACT_B, "n", batch_b, batch_count, sum_b, sum_count, &out_axis);
    for (int i = 0; i < sum_count; i++) {
        int64_t extent = dot->inputs[0]->type.dim[sum_a[i]];
        add_dim(c, true, (ContractDim){"k", extent, {(int)sum_a[i], (int)sum_b[i], -1}, {1, 1, 0}});
    }
}

/* The types that a convolution relates, whichever of them is the result. */
typedef struct ConvShape {
    const Type *x, *w, *y;
    const int64_t *stride, *dilation, *lo;
    int64_t groups, in, out; /* channels of one group */
    int spatial;
} ConvShape;

static const char *spatial_name(const ConvShape *s, int i, const char *const names[3]) {
    int at = 3 - s->spatial + i;
    return names[at < 0 ? 0 : at];
}

static ConvShape conv_shape(const Node *node) {
    const Type *a = &node->inputs[0]->type, *b = &node->inputs[1]->type;
    ConvShape s = {.x = a, .w = b, .y = &node->type};
    if (node->op == OP_conv_dx) s = (ConvShape){.x = &node->type, .w = b, .y = a};
    if (node->op == OP_conv_dw) s = (ConvShape){.x = a, .w = &node->type, .y = b};
    s.stride = node_ints(node, ATTR_stride, &s.spatial);
    s.dilation = node_ints(node, ATTR_dilation, &s.spatial);
    s.lo = node_ints(node, ATTR_lo, &s.spatial);
    s.groups = node_int(node, ATTR_groups);
    s.in = s.x->dim[1] / s.groups;
    s.out = s.y->dim[1] / s.groups;
    return s;
}

static const char *const out_names[3] = {"od", "oh", "ow"};
static const char *const in_names[3] = {"id", "ih", "iw"};
static const char *const tap_names[3] = {"kd", "kh", "kw"};

static void describe_conv(Contraction *c, const ConvShape *s) {
    add_dim(c, false, (ContractDim){"n", s->y->dim[0], {0, -1, 0}, {1, 0, 1}});
    add_dim(c, false, (ContractDim){"g", s->groups, {1, 0, 1}, {s->in, s->out, s->out}});
    c->outer_count = c->out_count;
    add_dim(c, false, (ContractDim){"oc", s->out, {-1, 0, 1}, {0, 1, 1}});
    for (int i = 0; i < s->spatial; i++) {
        add_dim(c, false,
                (ContractDim){spatial_name(s, i, out_names),
                              s->y->dim[2 + i],
                              {2 + i, -1, 2 + i},
                              {s->stride[i], 0, 1}});
        c->operand[0].base[2 + i] = -s->lo[i];
    }
    add_dim(c, true, (ContractDim){"ic", s->in, {1, 1, -1}, {1, 1, 0}});
    for (int i = 0; i < s->spatial; i++)
        add_dim(c, true,
                (ContractDim){spatial_name(s, i, tap_names),
                              s->w->dim[2 + i],
                              {2 + i, 2 + i, -1},
                              {s->dilation[i], 1, 0}});
}

static void describe_conv_dx(Contraction *c, const ConvShape *s) {
    add_dim(c, false, (ContractDim){"n", s->x->dim[0], {0, -1, 0}, {1, 0, 1}});
    add_dim(c, false, (ContractDim){"g", s->groups, {1, 0, 1}, {s->out, s->out, s->in}});
    c->outer_count = c->out_count;
    add_dim(c, false, (ContractDim){"ic", s->in, {-1, 1, 1}, {0, 1, 1}});
    for (int i = 0; i < s->spatial; i++) {
        add_dim(c, false,
                (ContractDim){
                    spatial_name(s, i, in_names), s->x->dim[2 + i], {2 + i, -1, 2 + i}, {1, 0, 1}});
        c->operand[0].base[2 + i] = s->lo[i];
        c->operand[0].spread[2 + i] = s->stride[i];
    }
    add_dim(c, true, (ContractDim){"oc", s->out, {1, 0, -1}, {1, 1, 0}});
    for (int i = 0; i < s->spatial; i++)
        add_dim(c, true,
                (ContractDim){spatial_name(s, i, tap_names),
                              s->w->dim[2 + i],
                              {2 + i, 2 + i, -1},
                              {-s->dilation[i], 1, 0}});
}

static void describe_conv_dw(Contraction *c, const ConvShape *s) {
    add_dim(c, false, (ContractDim){"g", s->groups, {1, 1, 0}, {s->in, s->out, s->out}});
    c->outer_count = c->out_count;
    add_dim(c, false, (ContractDim){"oc", s->out, {-1, 1, 0}, {0, 1, 1}});
    add_dim(c, false, (ContractDim){"ic", s->in, {1, -1, 1}, {1, 0, 1}});
    for (int i = 0; i < s->spatial; i++) {
        add_dim(c, false,
                (ContractDim){spatial_name(s, i, tap_names),
                              s->w->dim[2 + i],
                              {2 + i, -1, 2 + i},
                              {s->dilation[i], 0, 1}});
        c->operand[0].base[2 + i] = -s->lo[i];
    }
    add_dim(c, true, (ContractDim){"n", s->x->dim[0], {0, 0, -1}, {1, 1, 0}});
    for (int i = 0; i < s->spatial; i++)
        add_dim(c, true,
                (ContractDim){spatial_name(s, i, out_names),
                              s->y->dim[2 + i],
                              {2 + i, 2 + i, -1},
                              {s->stride[i], 1, 0}});
}

Contraction contract_describe(const Group *group) {
    const Node *anchor = group->anchor;
    Contraction c = {.anchor = anchor};
    for (int i = 0; i < 2; i++) {
        ContractOperand *operand = &c.operand[i];
        operand->node = group_read(group, anchor->inputs[i], &operand->map);
        for (int axis = 0; axis < MAX_RANK; axis++)
            operand->spread[axis] = 1;
    }
    if (anchor->op == OP_dot) {
        describe_dot(&c);
        return c;
    }
    ConvShape shape = conv_shape(anchor);
    if (anchor->op == OP_conv)
        describe_conv(&c, &shape);
    else if (anchor->op == OP_conv_dx)
        describe_conv_dx(&c, &shape);
    else
        describe_conv_dw(&c, &shape);
    return c;
}

/* Whether only these two dims move along the axes that they move along, each over the whole of its
 * own, so that the operand can't tell them from one dim: the outer steps over all of the inner. */
static bool operand_merges(const Contraction *c, int operand, int outer, int inner) {
    const ContractOperand *o = &c->operand[operand];
    int x = c->dims[outer].axis[operand], y = c->dims[inner].axis[operand];
    if (x < 0 && y < 0) return true;
    if (x < 0 || y < 0 || o->map.stride[x] != o->map.dim[y] * o->map.stride[y]) return false;
    for (int d = 0; d < c->out_count + c->sum_count; d++) {
        const ContractDim *dim = &c->dims[d];
        int axis = dim->axis[operand];
        if (axis != x && axis != y) continue;
        if ((d != outer && d != inner) || dim->coef[operand] != 1) return false;
        if (o->base[axis] != 0 || o->spread[axis] != 1 || o->map.dim[axis] != dim->extent)
            return false;
    }
    return true;
}

static bool result_merges(const Contraction *c, const Flat *epilogue, int outer, int inner) {
    const ContractDim *from = &c->dims[outer], *to = &c->dims[inner];
    int x = from->axis[CONTRACT_OUT], y = to->axis[CONTRACT_OUT];
    int64_t row = 1; /* elements of the axes that the inner one already stands for */
    for (int axis = x + 1; axis <= y; axis++)
        row *= c->anchor->type.dim[axis];
    if (from->coef[CONTRACT_OUT] != 1 || to->coef[CONTRACT_OUT] != 1 || y <= x || to->extent != row)
        return false;
    for (int i = 0; i < epilogue->count; i++) {
        const FlatValue *value = &epilogue->values[i];
        bool mapped = value->kind != FLAT_OP && value->kind != FLAT_HELD;
        if (mapped && value->map.stride[x] != to->extent * value->map.stride[y]) return false;
    }
    return true;
}

static void remove_outer(Contraction *c, int outer) {
    int inner = outer + 1;
    c->dims[inner].extent *= c->dims[outer].extent;
    c->out_count--;
    memmove(&c->dims[outer], &c->dims[inner],
            (size_t)(c->out_count + c->sum_count - outer) * sizeof *c->dims);
}

void contract_merge_results(Contraction *c, const Flat *epilogue, int first) {
    for (int outer = c->out_count - 2; outer >= first; outer--)
        if (result_merges(c, epilogue, outer, outer + 1)) remove_outer(c, outer);
}

void contract_merge(Contraction *c, const Flat *epilogue) {
    for (int outer = c->out_count - 2; outer >= c->outer_count; outer--) {
        int inner = outer + 1;
        if (!operand_merges(c, 0, outer, inner) || !operand_merges(c, 1, outer, inner) ||
            !result_merges(c, epilogue, outer, inner))
            continue;
        for (int operand = 0; operand < 2; operand++) {
            IndexMap *map = &c->operand[operand].map;
            int x = c->dims[outer].axis[operand], y = c->dims[inner].axis[operand];
            if (x < 0) continue;
            map->dim[y] *= map->dim[x];
            map->dim[x] = 1;
        }
        remove_outer(c, outer);
    }
}

bool contract_can_scope(const Contraction *c, int dim) {
    for (int operand = 0; operand < 2; operand++) {
        int axis = c->dims[dim].axis[operand];
        if (axis < 0) continue;
        const ContractOperand *o = &c->operand[operand];
        if (o->base[axis] != 0 || o->spread[axis] != 1 || c->dims[dim].coef[operand] != 1)
            return false;
        for (int d = 0; d < c->out_count + c->sum_count; d++)
            if (d != dim && c->dims[d].axis[operand] == axis) return false;
    }
    return true;
}

bool contract_pair(Contraction *c) {
    int dim = c->out_count;
    ContractDim *first = &c->dims[dim];
    double sums = 1;
    for (int d = dim; d < dim + c->sum_count; d++)
        sums *= (double)c->dims[d].extent;
    if (c->anchor->type.dtype != DT_F32 || c->sum_count == 0 || first->extent < 3) return false;
    /* Half a pair at the end stands alone: not in one chunk of several. */
    bool chunked = sums > PAIRS_UNCHUNKED || c->anchor->op == OP_conv_dw;
    if (!contract_can_scope(c, dim) || (first->extent % 2 && chunked)) return false;
    c->paired = first->extent;
    first->extent = (first->extent + 1) / 2;
    return true;
}

double contract_products(const Contraction *c) {
    double products = 1;
    for (int d = 0; d < c->out_count + c->sum_count; d++)
        products *= (double)c->dims[d].extent;
    return products;
}

bool contract_stores_along(const Contraction *c, int dim) {
    const ContractDim *d = &c->dims[dim];
    return d->axis[CONTRACT_OUT] == c->anchor->type.rank - 1 && d->coef[CONTRACT_OUT] == 1;
}

void contract_range(const Contraction *c, int operand, int axis, int64_t *lo, int64_t *hi) {
    *lo = *hi = c->operand[operand].base[axis];
    for (int d = 0; d < c->out_count + c->sum_count; d++) {
        const ContractDim *dim = &c->dims[d];
        if (dim->axis[operand] != axis) continue;
        int64_t reach = dim->coef[operand] * (dim->extent - 1);
        *(reach < 0 ? lo : hi) += reach;
    }
}

bool contract_needs_halo(const Contraction *c, int operand) {
    const ContractOperand *o = &c->operand[operand];
    for (int axis = 0; axis < o->map.rank; axis++) {
        int64_t lo, hi;
        contract_range(c, operand, axis, &lo, &hi);
        if (lo < 0 || hi >= o->map.dim[axis] || o->spread[axis] != 1) return true;
    }
    return false;
}
