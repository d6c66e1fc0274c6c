/* One random application of each op: operands in its domain, attributes that its rule accepts. */
#include "support/checked.h"
#include "tests/support/random_graph.h"

static int below(RandomGraph *r, int bound) {
    return random_below(&r->random, bound);
}

static Node *op1(RandomGraph *r, Op op, Node *x, const Attr *attrs, int count) {
    return build_op(r->graph, op, &x, 1, attrs, count);
}

static DType number_type(RandomGraph *r) {
    static const DType integers[] = {DT_I64, DT_I32, DT_U8};
    if (r->floats_only || below(r, 4)) return r->float_type;
    return integers[below(r, 3)];
}

static DType any_type(RandomGraph *r) {
    return !r->floats_only && below(r, 6) == 0 ? DT_BOOL : number_type(r);
}

/* Where a unary op is smooth, and its result moderate. */
static RandomRange unary_domain(Op op) {
    switch (op) {
    case OP_sqrt:
    case OP_rsqrt:
    case OP_log:
    case OP_log2:
    case OP_log10:
    case OP_lgamma:
    case OP_digamma:
        return (RandomRange){0.3, 4};
    case OP_log1p:
        return (RandomRange){-0.6, 3};
    case OP_tan:
        return (RandomRange){-1.2, 1.2};
    case OP_asin:
    case OP_acos:
    case OP_atanh:
        return (RandomRange){-0.85, 0.85};
    case OP_acosh:
        return (RandomRange){1.3, 4};
    case OP_floor:
    case OP_ceil:
    case OP_round:
    case OP_trunc:
    case OP_sign:
        return (RandomRange){-3, 3};
    default:
        return (RandomRange){0, 0};
    }
}

static Node *make_unary(RandomGraph *r, Op op) {
    if (op == OP_not) {
        DType dtype = below(r, 2) ? DT_BOOL : DT_I64;
        return build_unary(r->graph, op, random_operand(r, dtype, 0, 4));
    }
    RandomRange range = unary_domain(op);
    if (range.high > 0)
        return build_unary(
            r->graph, op,
            random_input(r, random_type(r, r->float_type, 0, 4), range.low, range.high));
    bool any = op == OP_neg || op == OP_abs || op == OP_relu || op == OP_detach;
    DType dtype = any ? number_type(r) : r->float_type;
    return build_unary(r->graph, op, random_operand(r, dtype, 0, 4));
}

static Node *make_cast(RandomGraph *r) {
    static const DType targets[] = {DT_F32, DT_F64, DT_I64, DT_I32, DT_U8, DT_BOOL};
    DType to = r->floats_only ? DT_F64 : targets[below(r, 6)];
    Type from = random_type(r, any_type(r), 0, 3);
    bool wraps = to == DT_U8 && dtype_is_float(from.dtype);
    Node *x = wraps || to == DT_BOOL || !dtype_is_float(to)
                  ? random_input(r, from, 0, from.dtype == DT_BOOL ? 1 : 20)
                  : random_like(r, from);
    Attr attr = attr_dtype(to);
    return op1(r, OP_cast, x, &attr, 1);
}

/* Divisors and exponents are inputs away from zero; comparisons and steps read inputs too. */
static Node *make_binary(RandomGraph *r, Op op) {
    Type type = random_type(r, number_type(r), 0, 4);
    bool is_float = dtype_is_float(type.dtype);
    switch (op) {
    case OP_div:
    case OP_atan2:
        type.dtype = r->float_type;
        return build_binary(r->graph, op, random_like(r, type), random_input(r, type, 0.5, 3));
    case OP_floor_div:
    case OP_trunc_div:
    case OP_rem:
    case OP_fmod:
        return build_binary(r->graph, op, random_input(r, type, type.dtype == DT_U8 ? 0 : -9, 9),
                            random_input(r, type, is_float ? 0.5 : 1, 4));
    case OP_pow:
        return build_binary(r->graph, op, random_input(r, type, is_float ? 0.4 : 0, 2),
                            random_input(r, type, is_float ? -2 : 0, is_float ? 2 : 4));
    case OP_and:
    case OP_or:
    case OP_xor:
        type.dtype = below(r, 2) ? DT_BOOL : DT_I64;
        break;
    case OP_shl:
    case OP_shr:
        type.dtype = below(r, 2) ? DT_I32 : DT_I64;
        return build_binary(r->graph, op, random_like(r, type), random_input(r, type, -1, 20));
    case OP_eq:
    case OP_ne:
    case OP_lt:
    case OP_le:
    case OP_gt:
    case OP_ge:
        return build_binary(r->graph, op, random_input(r, type, 0, 3), random_input(r, type, 0, 3));
    default:
        break;
    }
    Node *a = random_like(r, type);
    return build_binary(r->graph, op, a, random_like(r, type));
}

static Node *make_where(RandomGraph *r) {
    Type type = random_type(r, any_type(r), 0, 4), condition = type;
    condition.dtype = DT_BOOL;
    Node *c = random_like(r, condition), *a = random_like(r, type);
    return build_where(r->graph, c, a, random_like(r, type));
}

/* Another shape of as many elements: dims merged, or split off. */
static Node *make_reshape(RandomGraph *r) {
    Node *x = random_operand(r, any_type(r), 0, 4);
    int64_t dims[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->type.rank; i++) {
        if (rank > 0 && below(r, 2))
            dims[rank - 1] *= x->type.dim[i];
        else
            dims[rank++] = x->type.dim[i];
        if (rank < 5 && dims[rank - 1] % 2 == 0 && below(r, 2)) {
            dims[rank - 1] /= 2;
            dims[rank++] = 2;
        }
    }
    if (rank < 5 && below(r, 2)) dims[rank++] = 1;
    Attr attr = attr_ints(ATTR_shape, dims, rank);
    return op1(r, OP_reshape, x, &attr, 1);
}

static Node *make_permute(RandomGraph *r) {
    Node *x = random_operand(r, any_type(r), 0, 4);
    int64_t perm[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        int k = below(r, i + 1);
        perm[i] = perm[k];
        perm[k] = i;
    }
    Attr attr = attr_ints(ATTR_perm, perm, x->type.rank);
    return op1(r, OP_permute, x, &attr, 1);
}

static Node *make_expand(RandomGraph *r) {
    Type type = random_type(r, any_type(r), 1, 4), small = type;
    for (int i = 0; i < type.rank; i++) {
        if (below(r, 2)) small.dim[i] = 1;
    }
    Attr attr = attr_ints(ATTR_shape, type.dim, type.rank);
    return op1(r, OP_expand, random_like(r, small), &attr, 1);
}

static Node *make_slice(RandomGraph *r) {
    Node *x = random_operand(r, any_type(r), 1, 4);
    int64_t start[MAX_RANK], size[MAX_RANK], step[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        int n = (int)x->type.dim[i];
        start[i] = below(r, n);
        step[i] = 1 + below(r, 3);
        int64_t most = (n - start[i] + step[i] - 1) / step[i];
        size[i] = most - below(r, (int)(most > 2 ? 2 : most));
    }
    return build_slice(r->graph, x, start, size, step);
}

/* starts, an i64 vector that keeps a box of `size` inside x: 0 or 1 where there is room. */
static Node *make_starts(RandomGraph *r, const Type *x, const int64_t *size) {
    int64_t rank = x->rank;
    bool room = true;
    for (int i = 0; i < x->rank; i++)
        room = room && size[i] < x->dim[i];
    return random_input(r, type_make(DT_I64, 1, &rank), 0, room);
}

static Node *make_dynamic(RandomGraph *r, Op op) {
    Node *x = random_operand(r, any_type(r), 1, 3);
    int64_t size[MAX_RANK];
    bool whole = below(r, 3) == 0;
    for (int i = 0; i < x->type.rank; i++)
        size[i] = x->type.dim[i] - (!whole && x->type.dim[i] > 1);
    Node *starts = make_starts(r, &x->type, size);
    Attr attr = attr_ints(ATTR_size, size, x->type.rank);
    if (op == OP_dynamic_slice) return build_op(r->graph, op, (Node *[]){x, starts}, 2, &attr, 1);
    Node *u = random_like(r, type_make(x->type.dtype, x->type.rank, size));
    return build_op(r->graph, op, (Node *[]){x, u, starts}, 3, NULL, 0);
}

static Node *make_pad(RandomGraph *r) {
    Node *x = random_operand(r, number_type(r), 1, 4);
    int64_t lo[MAX_RANK], hi[MAX_RANK], interior[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        bool crop = x->type.dim[i] > 2 && below(r, 3) == 0;
        lo[i] = crop ? -1 : below(r, 3);
        hi[i] = crop && below(r, 2) ? -1 : below(r, 2);
        interior[i] = below(r, 4) == 0;
    }
    int rank = x->type.rank;
    Attr attrs[] = {attr_ints(ATTR_lo, lo, rank), attr_ints(ATTR_hi, hi, rank),
                    attr_ints(ATTR_interior, interior, rank), attr_float(ATTR_value, below(r, 3))};
    return op1(r, OP_pad, x, attrs, 4);
}

static Node *make_concat(RandomGraph *r) {
    Node *parts[4];
    int count = 1 + below(r, 4);
    parts[0] = random_operand(r, any_type(r), 1, 4);
    int axis = below(r, parts[0]->type.rank);
    for (int i = 1; i < count; i++) {
        Type type = parts[0]->type;
        type.dim[axis] = 1 + below(r, 3);
        parts[i] = random_like(r, type);
    }
    Attr attr = attr_int(ATTR_axis, axis);
    return build_op(r->graph, OP_concat, parts, count, &attr, 1);
}

/* A random ascending list of dims; the whole list of `least` or more. */
static int some_axes(RandomGraph *r, int rank, int64_t axes[MAX_RANK]) {
    int count = 0;
    for (int i = 0; i < rank; i++) {
        if (below(r, 2)) axes[count++] = i;
    }
    return count;
}

static Node *make_flip(RandomGraph *r) {
    Node *x = random_operand(r, any_type(r), 1, 4);
    int64_t axes[MAX_RANK];
    Attr attr = attr_ints(ATTR_axes, axes, some_axes(r, x->type.rank, axes));
    return op1(r, OP_flip, x, &attr, 1);
}

static Node *make_indexed(RandomGraph *r, Op op) {
    bool adds = op == OP_scatter_add || op == OP_index_add;
    Node *x = random_operand(r, adds ? number_type(r) : any_type(r), 1, 3);
    int axis = below(r, x->type.rank);
    int64_t size = x->type.dim[axis];
    Type idx = x->type, u = x->type;
    bool along = op == OP_gather || op == OP_scatter || op == OP_scatter_add;
    /* Writes that don't add must not meet: one index, as PyTorch leaves the order open. */
    bool once = op == OP_scatter || op == OP_index_put;
    if (along) {
        idx.dim[axis] = once ? 1 : 1 + below(r, 4);
        u.dim[axis] = idx.dim[axis];
    } else {
        idx = random_type(r, DT_I64, 0, 2);
        if (once) idx = type_make(DT_I64, below(r, 2), (const int64_t[]){1});
        int inner = x->type.rank - axis - 1;
        u.rank = x->type.rank - 1 + idx.rank;
        for (int i = 0; i < idx.rank; i++)
            u.dim[axis + i] = idx.dim[i];
        for (int i = 0; i < inner; i++)
            u.dim[axis + idx.rank + i] = x->type.dim[axis + 1 + i];
        u = type_make(u.dtype, u.rank, u.dim);
    }
    idx.dtype = DT_I64;
    Node *positions = random_input(r, idx, 0, (double)(size - 1));
    Attr attr = attr_int(ATTR_axis, axis);
    if (op == OP_gather || op == OP_take)
        return build_op(r->graph, op, (Node *[]){x, positions}, 2, &attr, 1);
    return build_op(r->graph, op, (Node *[]){x, positions, random_like(r, u)}, 3, &attr, 1);
}

static Node *make_reduce(RandomGraph *r, Op op) {
    bool logical = op == OP_reduce_any || op == OP_reduce_all;
    Node *x = random_operand(r, logical ? DT_BOOL : number_type(r), 0, 4);
    int64_t axes[MAX_RANK];
    Attr attr = attr_ints(ATTR_axes, axes, some_axes(r, x->type.rank, axes));
    return op1(r, op, x, &attr, 1);
}

/* argmax, cumsum, cumprod, softmax, sort: an op with an axis and perhaps a flag. */
static Node *make_along_axis(RandomGraph *r, Op op, AttrName flag) {
    bool steps = op == OP_argmax || op == OP_argmin || op == OP_sort;
    DType dtype = op == OP_softmax || op == OP_log_softmax ? r->float_type : number_type(r);
    Node *x =
        steps ? random_input(r, random_type(r, dtype, 1, 4), 0, 9) : random_operand(r, dtype, 1, 4);
    Attr attrs[] = {attr_int(ATTR_axis, below(r, x->type.rank)), attr_int(flag, below(r, 2))};
    return op1(r, op, x, attrs, flag == ATTR_axis ? 1 : 2);
}

static Node *make_dot(RandomGraph *r) {
    DType dtype = below(r, 8) || r->floats_only ? r->float_type : DT_I64;
    Node *a = random_operand(r, dtype, 0, 3);
    int64_t lists[4][MAX_RANK];
    int batch = 0, contract = 0, order[MAX_RANK], rank = 0;
    Type b = type_scalar(dtype);
    /* Each of a's dims is free, batch or contracted; b gets the latter in random places. */
    for (int i = 0; i < a->type.rank; i++) {
        int kind = below(r, 3);
        if (kind == 0) lists[0][batch++] = i;
        if (kind == 1) lists[2][contract++] = i;
    }
    int shared = batch + contract, free_dims = below(r, 3);
    rank = shared + free_dims;
    for (int i = 0; i < rank; i++) {
        int k = below(r, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    b.rank = rank;
    for (int i = 0; i < rank; i++)
        b.dim[order[i]] = i < batch    ? a->type.dim[lists[0][i]]
                          : i < shared ? a->type.dim[lists[2][i - batch]]
                                       : 1 + below(r, 4);
    for (int i = 0; i < shared; i++) {
        if (i < batch)
            lists[1][i] = order[i];
        else
            lists[3][i - batch] = order[i];
    }
    Attr attrs[] = {attr_ints(ATTR_batch_a, lists[0], batch),
                    attr_ints(ATTR_batch_b, lists[1], batch),
                    attr_ints(ATTR_contract_a, lists[2], contract),
                    attr_ints(ATTR_contract_b, lists[3], contract)};
    return build_op(r->graph, OP_dot, (Node *[]){a, random_like(r, b)}, 2, attrs, 4);
}

/* Windows over `spatial` dims: random geometry and the sizes on both sides of it. */
typedef struct Geometry {
    int spatial;
    int64_t stride[3], lo[3], hi[3], dilation[3], window[3], size[3], out[3];
} Geometry;

static Geometry make_geometry(RandomGraph *r) {
    Geometry g = {.spatial = 1 + below(r, 3)};
    for (int i = 0; i < g.spatial; i++) {
        g.window[i] = 1 + below(r, 3);
        g.dilation[i] = below(r, 3) ? 1 : 2;
        g.stride[i] = below(r, 2) ? 1 : 1 + below(r, 3);
        int64_t reach = (g.window[i] - 1) * g.dilation[i] + 1;
        g.lo[i] = below(r, (int)(g.window[i] / 2) + 1);
        g.hi[i] = below(r, (int)(g.window[i] / 2) + 1);
        g.size[i] = reach + below(r, g.spatial > 1 ? 3 : 7);
        g.out[i] = (g.size[i] + g.lo[i] + g.hi[i] - reach) / g.stride[i] + 1;
    }
    return g;
}

static Type planes(DType dtype, int64_t n, int64_t c, int spatial, const int64_t *size) {
    int64_t dims[MAX_RANK] = {n, c};
    for (int i = 0; i < spatial; i++)
        dims[i + 2] = size[i];
    return type_make(dtype, spatial + 2, dims);
}

static Node *make_conv(RandomGraph *r, Op op) {
    Geometry g = make_geometry(r);
    int64_t n = 1 + below(r, 2), groups = 1 + below(r, 2);
    int64_t c = groups * (1 + below(r, 3)), o = groups * (1 + below(r, 3));
    Type x = planes(r->float_type, n, c, g.spatial, g.size);
    Type w = planes(r->float_type, o, c / groups, g.spatial, g.window);
    Type y = planes(r->float_type, n, o, g.spatial, g.out);
    Attr attrs[] = {attr_ints(ATTR_stride, g.stride, g.spatial),
                    attr_ints(ATTR_lo, g.lo, g.spatial),
                    attr_ints(ATTR_hi, g.hi, g.spatial),
                    attr_ints(ATTR_dilation, g.dilation, g.spatial),
                    attr_int(ATTR_groups, groups),
                    op == OP_conv_dx ? attr_ints(ATTR_size, g.size, g.spatial)
                                     : attr_ints(ATTR_window, g.window, g.spatial)};
    Node *a = random_like(r, op == OP_conv_dx ? y : x);
    Node *b = random_like(r, op == OP_conv_dw ? y : w);
    return build_op(r->graph, op, (Node *[]){a, b}, 2, attrs, op == OP_conv ? 5 : 6);
}

static Node *make_window(RandomGraph *r, Op op) {
    Geometry g = make_geometry(r);
    int64_t n = 1 + below(r, 2), c = 1 + below(r, 3);
    Type x = planes(r->float_type, n, c, g.spatial, g.size);
    Type y = planes(r->float_type, n, c, g.spatial, g.out);
    Attr attrs[] = {attr_ints(ATTR_window, g.window, g.spatial),
                    attr_ints(ATTR_stride, g.stride, g.spatial),
                    attr_ints(ATTR_lo, g.lo, g.spatial),
                    attr_ints(ATTR_hi, g.hi, g.spatial),
                    attr_ints(ATTR_dilation, g.dilation, g.spatial),
                    attr_ints(ATTR_size, g.size, g.spatial)};
    bool back = op == OP_window_sum_dx, steps = op == OP_max_pool_index;
    Type type = back ? y : x;
    Node *operand = steps ? random_input(r, type, -2, 2) : random_like(r, type);
    return op1(r, op, operand, attrs, back ? 6 : 5);
}

static Node *make_pool_indexed(RandomGraph *r, Op op) {
    Type x = random_type(r, r->float_type, 3, 5), idx = random_type(r, DT_I64, x.rank, x.rank);
    idx.dim[0] = x.dim[0];
    idx.dim[1] = x.dim[1];
    double plane = (double)(type_numel(&x) / x.dim[0] / x.dim[1]);
    Node *positions = random_input(r, idx, 0, plane - 1);
    Type g = idx;
    g.dtype = r->float_type;
    Node *values = random_like(r, op == OP_pool_gather ? x : g);
    Attr attr = attr_ints(ATTR_shape, x.dim, x.rank);
    return build_op(r->graph, op, (Node *[]){values, positions}, 2, &attr, op == OP_pool_scatter);
}

static Node *make_const(RandomGraph *r) {
    Type type = random_type(r, any_type(r), 0, 3);
    Arena scratch = {0};
    Tensor64 tensor = {.type = type};
    size_t count = (size_t)type_numel(&type);
    if (dtype_is_float(type.dtype))
        tensor.f = ARENA_ARRAY(&scratch, double, count);
    else
        tensor.i = ARENA_ARRAY(&scratch, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        if (tensor.f)
            tensor.f[i] = 4 * random_unit(&r->random) - 2;
        else
            tensor.i[i] = below(r, type.dtype == DT_BOOL ? 2 : 10);
    }
    void *bytes = arena_alloc(&scratch, type_bytes(&type));
    tensor64_to_bytes(&tensor, bytes);
    Node *node = build_const(r->graph, type, bytes);
    arena_free(&scratch);
    return node;
}

static Node *make_random(RandomGraph *r, Op op) {
    static const char *const dists[] = {"uniform", "normal", "bernoulli", "bits"};
    const char *dist = dists[below(r, r->floats_only ? 3 : 4)];
    DType dtype = dist[1] == 'i' ? DT_I64 : r->float_type;
    Type type = random_type(r, dtype, 0, 2), key = type_scalar(DT_I64);
    if (op == OP_random) key = type_make(DT_I64, 1, (const int64_t[]){2});
    Attr attrs[] = {attr_text(ATTR_dist, dist),  attr_float(ATTR_low, 0.25),
                    attr_float(ATTR_high, 0.75), attr_ints(ATTR_shape, type.dim, type.rank),
                    attr_dtype(dtype),           attr_int(ATTR_skip, below(r, 5))};
    return op1(r, op, random_input(r, key, 0, 1000), attrs, op == OP_random ? 5 : 6);
}

static Node *make_iota(RandomGraph *r) {
    Type type = random_type(r, number_type(r), 1, 3);
    Attr attrs[] = {attr_int(ATTR_axis, below(r, type.rank)),
                    attr_ints(ATTR_shape, type.dim, type.rank), attr_dtype(type.dtype)};
    return build_op(r->graph, OP_iota, NULL, 0, attrs, 3);
}

static Node *make_polygamma(RandomGraph *r) {
    Attr attr = attr_int(ATTR_order, 1 + below(r, 2));
    return op1(r, OP_polygamma, random_input(r, random_type(r, r->float_type, 0, 3), 0.5, 4), &attr,
               1);
}

Node *random_graph_op(RandomGraph *r, Op op) {
    uint32_t traits = op_info(op)->traits;
    switch (op) {
    case OP_input:
        return random_operand(r, any_type(r), 0, 4);
    case OP_const:
        return make_const(r);
    case OP_iota:
        return make_iota(r);
    case OP_polygamma:
        return make_polygamma(r);
    case OP_cast:
        return make_cast(r);
    case OP_where:
        return make_where(r);
    case OP_reshape:
        return make_reshape(r);
    case OP_permute:
        return make_permute(r);
    case OP_expand:
        return make_expand(r);
    case OP_slice:
        return make_slice(r);
    case OP_dynamic_slice:
    case OP_dynamic_update:
        return make_dynamic(r, op);
    case OP_pad:
        return make_pad(r);
    case OP_concat:
        return make_concat(r);
    case OP_flip:
        return make_flip(r);
    case OP_pool_gather:
    case OP_pool_scatter:
        return make_pool_indexed(r, op);
    case OP_argmax:
    case OP_argmin:
    case OP_cumprod:
    case OP_softmax:
    case OP_log_softmax:
        return make_along_axis(r, op, ATTR_axis);
    case OP_cumsum:
        return make_along_axis(r, op, ATTR_reverse);
    case OP_sort:
        return make_along_axis(r, op, ATTR_descending);
    case OP_dot:
        return make_dot(r);
    case OP_conv:
    case OP_conv_dx:
    case OP_conv_dw:
        return make_conv(r, op);
    case OP_random:
    case OP_random_mt:
        return make_random(r, op);
    default:
        break;
    }
    if (traits & TRAIT_ELEMENTWISE)
        return op_info(op)->arity == 1 ? make_unary(r, op) : make_binary(r, op);
    if (traits & TRAIT_REDUCTION) return make_reduce(r, op);
    if (traits & TRAIT_INDEXED) return make_indexed(r, op);
    if (traits & TRAIT_WINDOW) return make_window(r, op);
    NNC_BUG("the generator does not know %s", op_info(op)->name);
}
