/* Shorthands that record one op or a few: each consumes its operands' references and passes NULL
 * (an error under way) through, so that calls nest. */
#include <string.h>

#include "frontend/tensor/tensor.h"
#include "ir/graph.h"

/* Records over up to three operands and lets go of them. */
static LazyNode *consume(TensorState *ts, Op op, LazyNode *a, LazyNode *b, LazyNode *c, int count,
                         const Attr *attrs, int attr_count) {
    LazyNode *inputs[3] = {a, b, c};
    LazyNode *node = NULL;
    bool all = true;
    for (int i = 0; i < count; i++)
        all = all && inputs[i];
    if (all) node = lazy_op(ts, op, inputs, count, attrs, attr_count);
    for (int i = 0; i < count; i++)
        if (inputs[i]) lazy_unref(ts, inputs[i]);
    return node;
}

LazyNode *lazy_unary(TensorState *ts, Op op, LazyNode *x) {
    return consume(ts, op, x, NULL, NULL, 1, NULL, 0);
}

LazyNode *lazy_binary(TensorState *ts, Op op, LazyNode *a, LazyNode *b) {
    return consume(ts, op, a, b, NULL, 2, NULL, 0);
}

LazyNode *lazy_where(TensorState *ts, LazyNode *c, LazyNode *a, LazyNode *b) {
    return consume(ts, OP_where, c, a, b, 3, NULL, 0);
}

LazyNode *lazy_cast(TensorState *ts, LazyNode *x, DType dtype) {
    if (!x || x->type.dtype == dtype) return x;
    Attr attr = attr_dtype(dtype);
    return consume(ts, OP_cast, x, NULL, NULL, 1, &attr, 1);
}

static bool has_shape(const LazyNode *x, int rank, const int64_t *dims) {
    if (x->type.rank != rank) return false;
    for (int i = 0; i < rank; i++)
        if (x->type.dim[i] != dims[i]) return false;
    return true;
}

LazyNode *lazy_reshape(TensorState *ts, LazyNode *x, int rank, const int64_t *dims) {
    if (!x || has_shape(x, rank, dims)) return x;
    Attr attr = attr_ints(ATTR_shape, dims, rank);
    return consume(ts, OP_reshape, x, NULL, NULL, 1, &attr, 1);
}

LazyNode *lazy_permute(TensorState *ts, LazyNode *x, const int64_t *perm) {
    if (!x) return x;
    bool same = true;
    for (int i = 0; i < x->type.rank; i++)
        same = same && perm[i] == i;
    if (same) return x;
    Attr attr = attr_ints(ATTR_perm, perm, x->type.rank);
    return consume(ts, OP_permute, x, NULL, NULL, 1, &attr, 1);
}

LazyNode *lazy_expand(TensorState *ts, LazyNode *x, int rank, const int64_t *dims) {
    if (!x || has_shape(x, rank, dims)) return x;
    Attr attr = attr_ints(ATTR_shape, dims, rank);
    return consume(ts, OP_expand, x, NULL, NULL, 1, &attr, 1);
}

LazyNode *lazy_broadcast(TensorState *ts, LazyNode *x, int rank, const int64_t *dims) {
    if (!x) return x;
    int64_t ones[MAX_RANK];
    int lead = rank - x->type.rank;
    for (int i = 0; i < rank; i++)
        ones[i] = i < lead ? 1 : x->type.dim[i - lead];
    return lazy_expand(ts, lazy_reshape(ts, x, rank, ones), rank, dims);
}

LazyNode *lazy_reduce(TensorState *ts, Op op, LazyNode *x, const int64_t *axes, int count) {
    if (!x || count == 0) return x;
    Attr attr = attr_ints(ATTR_axes, axes, count);
    return consume(ts, op, x, NULL, NULL, 1, &attr, 1);
}

LazyNode *lazy_reduce_keep(TensorState *ts, Op op, LazyNode *x, const int64_t *axes, int count) {
    if (!x) return x;
    int rank = x->type.rank;
    int64_t dims[MAX_RANK];
    memcpy(dims, x->type.dim, sizeof dims);
    for (int i = 0; i < count; i++)
        dims[axes[i]] = 1;
    return lazy_reshape(ts, lazy_reduce(ts, op, x, axes, count), rank, dims);
}

LazyNode *lazy_axis(TensorState *ts, Op op, LazyNode *x, int axis) {
    Attr attr = attr_int(ATTR_axis, axis);
    return consume(ts, op, x, NULL, NULL, 1, &attr, 1);
}

LazyNode *lazy_indexed(TensorState *ts, Op op, LazyNode *x, LazyNode *index, LazyNode *u,
                       int axis) {
    Attr attr = attr_int(ATTR_axis, axis);
    return consume(ts, op, x, index, u, u ? 3 : 2, &attr, 1);
}

LazyNode *lazy_flip(TensorState *ts, LazyNode *x, int axis) {
    int64_t axes[1] = {axis};
    Attr attr = attr_ints(ATTR_axes, axes, 1);
    return consume(ts, OP_flip, x, NULL, NULL, 1, &attr, 1);
}

LazyNode *lazy_result(TensorState *ts, LazyNode *x, int index) {
    Attr attr = attr_int(ATTR_index, index);
    return consume(ts, OP_result, x, NULL, NULL, 1, &attr, 1);
}

LazyNode *lazy_iota(TensorState *ts, Type type, int axis) {
    Attr attrs[] = {attr_int(ATTR_axis, axis), attr_ints(ATTR_shape, type.dim, type.rank),
                    attr_dtype(type.dtype)};
    return lazy_op(ts, OP_iota, NULL, 0, attrs, 3);
}

LazyNode *lazy_slice(TensorState *ts, LazyNode *x, const int64_t *start, const int64_t *size,
                     const int64_t *step) {
    if (!x || has_shape(x, x->type.rank, size)) return x;
    int rank = x->type.rank;
    Attr attrs[] = {attr_ints(ATTR_start, start, rank), attr_ints(ATTR_size, size, rank),
                    attr_ints(ATTR_step, step, rank)};
    return consume(ts, OP_slice, x, NULL, NULL, 1, attrs, 3);
}

LazyNode *lazy_concat(TensorState *ts, LazyNode *const *parts, int count, int axis) {
    Attr attr = attr_int(ATTR_axis, axis);
    return lazy_op(ts, OP_concat, parts, count, &attr, 1);
}

/* ---- numbers ---- */

static LazyNode *scalar_node(TensorState *ts, DType dtype, double f, int64_t i, bool constant) {
    uint64_t bytes = 0;
    element_store(dtype, &bytes, f, i);
    if (constant) {
        Attr attrs[] = {attr_data(&bytes, dtype_size(dtype)), attr_ints(ATTR_shape, NULL, 0),
                        attr_dtype(dtype)};
        return lazy_op(ts, OP_const, NULL, 0, attrs, 3);
    }
    Buffer *buffer = buffer_new(ts, dtype_size(dtype));
    memcpy(buffer->bytes, &bytes, dtype_size(dtype));
    return lazy_leaf(ts, type_scalar(dtype), buffer);
}

static bool selects_rewrite(double value) {
    return value == 0 || value == 1 || value == -1 || value == 2;
}

LazyNode *lazy_double(TensorState *ts, DType dtype, double value) {
    bool constant = ts->policy.compiling || selects_rewrite(value);
    int64_t whole = dtype_is_float(dtype) ? 0 : (int64_t)value;
    return scalar_node(ts, dtype, value, dtype == DT_BOOL ? value != 0 : whole, constant);
}

LazyNode *lazy_int(TensorState *ts, DType dtype, int64_t value) {
    bool constant = ts->policy.compiling || selects_rewrite((double)value);
    return scalar_node(ts, dtype, (double)value, value, constant);
}

LazyNode *lazy_const(TensorState *ts, DType dtype, double value) {
    return scalar_node(ts, dtype, value, (int64_t)value, true);
}

LazyNode *lazy_number(TensorState *ts, DType dtype, Value number) {
    if (is_int(number)) return lazy_int(ts, dtype, as_int(number));
    return lazy_double(ts, dtype, as_float(number));
}

LazyNode *lazy_full(TensorState *ts, Type type, Value number) {
    return lazy_broadcast(ts, lazy_number(ts, type.dtype, number), type.rank, type.dim);
}

LazyNode *lazy_zeros(TensorState *ts, Type type) {
    return lazy_full(ts, type, from_int(0));
}

LazyNode *lazy_indices(TensorState *ts, const int64_t *items, int count) {
    int64_t dims[1] = {count};
    if (ts->policy.compiling) {
        Attr attrs[] = {attr_data(items, (size_t)count * sizeof *items),
                        attr_ints(ATTR_shape, dims, 1), attr_dtype(DT_I64)};
        return lazy_op(ts, OP_const, NULL, 0, attrs, 3);
    }
    Buffer *buffer = buffer_new(ts, (size_t)count * sizeof *items);
    if (count) memcpy(buffer->bytes, items, (size_t)count * sizeof *items);
    return lazy_leaf(ts, type_make(DT_I64, 1, dims), buffer);
}
