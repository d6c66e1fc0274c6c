/* Type rules of ops that read or write at positions given by data. */
#include "ir/infer.h"

static bool check_index(InferContext *context) {
    return context->inputs[1]->dtype == DT_I64 || infer_fail_types(context, "indexes must be i64");
}

/* gather's and scatter's agreement of x and idx: idx within x outside the axis. The axis or -1. */
static int infer_along(InferContext *context) {
    const Type *x = context->inputs[0], *idx = context->inputs[1];
    if (!check_index(context)) return -1;
    if (x->rank != idx->rank) {
        infer_fail_types(context, "ranks differ");
        return -1;
    }
    int axis = infer_axis(context, x->rank);
    for (int i = 0; axis >= 0 && i < x->rank; i++) {
        if (i != axis && idx->dim[i] > x->dim[i]) {
            infer_fail_types(context, "idx is larger than x outside the axis");
            return -1;
        }
    }
    return axis;
}

bool infer_gather(InferContext *context) {
    if (infer_along(context) < 0) return false;
    context->results[0] = *context->inputs[1];
    context->results[0].dtype = context->inputs[0]->dtype;
    return true;
}

bool infer_scatter(InferContext *context) {
    if (infer_along(context) < 0) return false;
    if (context->inputs[0]->dtype != context->inputs[2]->dtype)
        return infer_fail_types(context, "x and u differ in type");
    if (!type_same_shape(context->inputs[1], context->inputs[2]))
        return infer_fail_types(context, "idx and u differ in shape");
    context->results[0] = *context->inputs[0];
    return true;
}

bool infer_scatter_add(InferContext *context) {
    if (context->inputs[0]->dtype == DT_BOOL)
        return infer_fail_types(context, "not defined for bool");
    return infer_scatter(context);
}

/* x's type with idx's dims in place of the axis. */
static bool infer_taken(InferContext *context, Type *out) {
    const Type *x = context->inputs[0], *idx = context->inputs[1];
    if (!check_index(context)) return false;
    int axis = infer_axis(context, x->rank);
    if (axis < 0) return false;
    int rank = x->rank - 1 + idx->rank;
    if (rank > MAX_RANK) return infer_fail_types(context, "the result would have too many dims");
    int64_t dims[MAX_RANK] = {0};
    int count = 0;
    for (int i = 0; i < axis; i++)
        dims[count++] = x->dim[i];
    for (int i = 0; i < idx->rank; i++)
        dims[count++] = idx->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        dims[count++] = x->dim[i];
    *out = type_make(x->dtype, rank, dims);
    return true;
}

bool infer_take(InferContext *context) {
    return infer_taken(context, &context->results[0]);
}

bool infer_index_put(InferContext *context) {
    Type taken;
    if (!infer_taken(context, &taken)) return false;
    if (!type_equal(&taken, context->inputs[2])) {
        infer_fail_types(context, "u must be what take gives");
        buf_puts(context->error, "; take gives ");
        type_print(context->error, &taken);
        return false;
    }
    context->results[0] = *context->inputs[0];
    return true;
}

bool infer_index_add(InferContext *context) {
    if (context->inputs[0]->dtype == DT_BOOL)
        return infer_fail_types(context, "not defined for bool");
    return infer_index_put(context);
}

/* Planes [N,C,...] and idx of the same N and C and as many spatial dims. */
static bool check_planes(InferContext *context, const Type *x, const Type *idx) {
    if (!check_index(context)) return false;
    if (x->rank < 3 || x->rank != idx->rank || x->dim[0] != idx->dim[0] || x->dim[1] != idx->dim[1])
        return infer_fail_types(context, "expected [N,C,...] planes of equal N, C and rank");
    return true;
}

bool infer_pool_gather(InferContext *context) {
    if (!check_planes(context, context->inputs[0], context->inputs[1])) return false;
    context->results[0] = *context->inputs[1];
    context->results[0].dtype = context->inputs[0]->dtype;
    return true;
}

bool infer_pool_scatter(InferContext *context) {
    const Type *g = context->inputs[0], *idx = context->inputs[1];
    if (!type_same_shape(g, idx)) return infer_fail_types(context, "g and idx differ in shape");
    if (g->dtype == DT_BOOL) return infer_fail_types(context, "not defined for bool");
    const int64_t *shape = infer_list(context, ATTR_shape, g->rank, 0);
    if (!shape) return false;
    context->results[0] = type_make(g->dtype, g->rank, shape);
    return check_planes(context, &context->results[0], idx);
}
