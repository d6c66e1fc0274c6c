/* Shorthands over graph_add. */
#include "ir/build.h"

#include <string.h>

#include "ir/interp.h"
#include "support/checked.h"

Node *build_op(Graph *graph, Op op, Node *const *inputs, int input_count, const Attr *attrs,
               int attr_count) {
    Node *node = graph_add(graph, op, inputs, input_count, attrs, attr_count, graph->span);
    NNC_CHECK(node, "%s", buf_text(&graph->error));
    return node;
}

Node *build_unary(Graph *graph, Op op, Node *x) {
    return build_op(graph, op, &x, 1, NULL, 0);
}

Node *build_binary(Graph *graph, Op op, Node *a, Node *b) {
    return build_op(graph, op, (Node *[]){a, b}, 2, NULL, 0);
}

Node *build_where(Graph *graph, Node *condition, Node *a, Node *b) {
    return build_op(graph, OP_where, (Node *[]){condition, a, b}, 3, NULL, 0);
}

Node *build_const(Graph *graph, Type type, const void *bytes) {
    Attr attrs[] = {attr_data(bytes, type_bytes(&type)), attr_ints(ATTR_shape, type.dim, type.rank),
                    attr_dtype(type.dtype)};
    return build_op(graph, OP_const, NULL, 0, attrs, 3);
}

Node *build_scalar(Graph *graph, DType dtype, double value) {
    if (!dtype_is_float(dtype)) return build_scalar_int(graph, dtype, (int64_t)value);
    unsigned char bytes[8];
    tensor64_to_bytes(&(Tensor64){type_scalar(dtype), &value, NULL}, bytes);
    return build_const(graph, type_scalar(dtype), bytes);
}

Node *build_scalar_int(Graph *graph, DType dtype, int64_t value) {
    if (dtype_is_float(dtype)) return build_scalar(graph, dtype, (double)value);
    unsigned char bytes[8];
    if (dtype == DT_BOOL) value = value != 0;
    tensor64_to_bytes(&(Tensor64){type_scalar(dtype), NULL, &value}, bytes);
    return build_const(graph, type_scalar(dtype), bytes);
}

Node *build_full(Graph *graph, Type type, double value) {
    return build_broadcast(graph, build_scalar(graph, type.dtype, value), type.rank, type.dim);
}

Node *build_reshape(Graph *graph, Node *x, int rank, const int64_t *dims) {
    Type type = type_make(x->type.dtype, rank, dims);
    if (type_equal(&type, &x->type)) return x;
    Attr attr = attr_ints(ATTR_shape, dims, rank);
    return build_op(graph, OP_reshape, &x, 1, &attr, 1);
}

Node *build_permute(Graph *graph, Node *x, const int *perm) {
    int64_t wide[MAX_RANK] = {0};
    bool identity = true;
    for (int i = 0; i < x->type.rank; i++) {
        wide[i] = perm[i];
        identity = identity && perm[i] == i;
    }
    if (identity) return x;
    Attr attr = attr_ints(ATTR_perm, wide, x->type.rank);
    return build_op(graph, OP_permute, &x, 1, &attr, 1);
}

Node *build_broadcast(Graph *graph, Node *x, int rank, const int64_t *dims) {
    NNC_CHECK(x->type.rank <= rank, "broadcast of rank %d to rank %d", x->type.rank, rank);
    int64_t padded[MAX_RANK];
    int extra = rank - x->type.rank;
    for (int i = 0; i < rank; i++)
        padded[i] = i < extra ? 1 : x->type.dim[i - extra];
    x = build_reshape(graph, x, rank, padded);
    Type wanted = type_make(x->type.dtype, rank, dims);
    if (type_equal(&wanted, &x->type)) return x;
    Attr attr = attr_ints(ATTR_shape, dims, rank);
    return build_op(graph, OP_expand, &x, 1, &attr, 1);
}

Node *build_sum_to(Graph *graph, Node *x, int rank, const int64_t *dims) {
    int axes[MAX_RANK], count = 0, extra = x->type.rank - rank;
    NNC_CHECK(extra >= 0, "sum of rank %d to rank %d", x->type.rank, rank);
    for (int i = 0; i < x->type.rank; i++) {
        if (i < extra || dims[i - extra] != x->type.dim[i]) axes[count++] = i;
    }
    if (count > 0) x = build_reduce(graph, OP_reduce_sum, x, axes, count);
    return build_reshape(graph, x, rank, dims);
}

Node *build_reduce(Graph *graph, Op op, Node *x, const int *axes, int axis_count) {
    int64_t wide[MAX_RANK] = {0};
    for (int i = 0; i < axis_count; i++)
        wide[i] = axes[i];
    Attr attr = attr_ints(ATTR_axes, wide, axis_count);
    return build_op(graph, op, &x, 1, &attr, 1);
}

Node *build_cast(Graph *graph, Node *x, DType dtype) {
    if (x->type.dtype == dtype) return x;
    Attr attr = attr_dtype(dtype);
    return build_op(graph, OP_cast, &x, 1, &attr, 1);
}

Node *build_result(Graph *graph, Node *x, int index) {
    Attr attr = attr_int(ATTR_index, index);
    return build_op(graph, OP_result, &x, 1, &attr, 1);
}

Node *build_slice(Graph *graph, Node *x, const int64_t *start, const int64_t *size,
                  const int64_t *step) {
    int rank = x->type.rank;
    Attr attrs[] = {attr_ints(ATTR_start, start, rank), attr_ints(ATTR_size, size, rank),
                    attr_ints(ATTR_step, step, rank)};
    return build_op(graph, OP_slice, &x, 1, attrs, 3);
}

Node *build_pad(Graph *graph, Node *x, const int64_t *lo, const int64_t *hi,
                const int64_t *interior) {
    int rank = x->type.rank;
    Attr attrs[] = {attr_ints(ATTR_lo, lo, rank), attr_ints(ATTR_hi, hi, rank),
                    attr_ints(ATTR_interior, interior, rank), attr_float(ATTR_value, 0)};
    return build_op(graph, OP_pad, &x, 1, attrs, 4);
}

Node *build_unreduce(Graph *graph, Node *x, const int64_t *axes, int axis_count, int rank,
                     const int64_t *dims) {
    int64_t kept[MAX_RANK];
    for (int i = 0; i < rank; i++)
        kept[i] = dims[i];
    for (int i = 0; i < axis_count; i++)
        kept[axes[i]] = 1;
    return build_broadcast(graph, build_reshape(graph, x, rank, kept), rank, dims);
}

bool node_is_const(const Node *node, double *value) {
    while (node->op == OP_reshape || node->op == OP_expand)
        node = node->inputs[0];
    if (node->op != OP_const || type_numel(&node->type) != 1) return false;
    double f;
    int64_t i;
    Tensor64 item = tensor64_item(node->type.dtype, node_attr(node, ATTR_data)->data.bytes, &f, &i);
    *value = item.f ? f : (double)i;
    return true;
}
