/* Type rules of movement ops. */
#include "ir/infer.h"
#include "support/checked.h"

bool infer_reshape(InferContext *context) {
    const Type *x = context->inputs[0];
    const Attr *shape = infer_attr(context, ATTR_shape);
    if (shape->ints.count > MAX_RANK)
        return infer_fail(context, "%d dims, at most %d are supported", shape->ints.count,
                          MAX_RANK);
    if (!infer_list(context, ATTR_shape, shape->ints.count, 0)) return false;
    Type y = type_make(x->dtype, shape->ints.count, shape->ints.items);
    if (!type_valid(&y) || type_numel(&y) != type_numel(x)) {
        infer_fail_types(context, "element counts differ");
        buf_puts(context->error, ", the shape is ");
        type_print(context->error, &y);
        return false;
    }
    context->results[0] = y;
    return true;
}

bool infer_permute(InferContext *context) {
    const Type *x = context->inputs[0];
    const int64_t *perm = infer_list(context, ATTR_perm, x->rank, 0);
    bool seen[MAX_RANK];
    if (!perm || !infer_dim_set(context, ATTR_perm, x->rank, seen)) return false;
    context->results[0] = *x;
    for (int i = 0; i < x->rank; i++)
        context->results[0].dim[i] = x->dim[perm[i]];
    return true;
}

bool infer_expand(InferContext *context) {
    const Type *x = context->inputs[0];
    const int64_t *shape = infer_list(context, ATTR_shape, x->rank, 0);
    if (!shape) return false;
    context->results[0] = type_make(x->dtype, x->rank, shape);
    for (int i = 0; i < x->rank; i++) {
        if (x->dim[i] != shape[i] && x->dim[i] != 1) {
            infer_fail_types(context, "only dims of size 1 expand");
            buf_puts(context->error, ", the shape is ");
            type_print(context->error, &context->results[0]);
            return false;
        }
    }
    return true;
}

bool infer_slice(InferContext *context) {
    const Type *x = context->inputs[0];
    const int64_t *start = infer_list(context, ATTR_start, x->rank, 0);
    const int64_t *size = start ? infer_list(context, ATTR_size, x->rank, 0) : NULL;
    const int64_t *step = size ? infer_list(context, ATTR_step, x->rank, 1) : NULL;
    if (!step) return false;
    for (int i = 0; i < x->rank; i++) {
        int64_t last = 0;
        bool fits = size[i] == 0 ? start[i] <= x->dim[i]
                                 : mul_i64(size[i] - 1, step[i], &last) &&
                                       add_i64(last, start[i], &last) && last < x->dim[i];
        if (!fits)
            return infer_fail(context, "%lld elements from %lld, %lld apart, leave dim %d of %lld",
                              (long long)size[i], (long long)start[i], (long long)step[i], i,
                              (long long)x->dim[i]);
    }
    context->results[0] = type_make(x->dtype, x->rank, size);
    return true;
}

static bool check_starts(InferContext *context, const Type *starts, int rank) {
    Type wanted = type_make(DT_I64, 1, (const int64_t[]){rank});
    return type_equal(starts, &wanted) ||
           infer_fail_types(context, "starts must be i64, one for each dim of x");
}

bool infer_dynamic_slice(InferContext *context) {
    const Type *x = context->inputs[0];
    const int64_t *size = infer_list(context, ATTR_size, x->rank, 0);
    if (!size || !check_starts(context, context->inputs[1], x->rank)) return false;
    context->results[0] = type_make(x->dtype, x->rank, size);
    for (int i = 0; i < x->rank; i++) {
        if (size[i] > x->dim[i])
            return infer_fail(context, "size %lld is more than dim %d of %lld", (long long)size[i],
                              i, (long long)x->dim[i]);
    }
    return true;
}

bool infer_dynamic_update(InferContext *context) {
    const Type *x = context->inputs[0], *u = context->inputs[1];
    if (!check_starts(context, context->inputs[2], x->rank)) return false;
    if (x->dtype != u->dtype || x->rank != u->rank)
        return infer_fail_types(context, "x and u differ in type or rank");
    for (int i = 0; i < x->rank; i++) {
        if (u->dim[i] > x->dim[i]) return infer_fail_types(context, "u is larger than x");
    }
    context->results[0] = *x;
    return true;
}

bool infer_pad(InferContext *context) {
    const Type *x = context->inputs[0];
    const int64_t *lo = infer_list(context, ATTR_lo, x->rank, INT64_MIN / 4);
    const int64_t *hi = lo ? infer_list(context, ATTR_hi, x->rank, INT64_MIN / 4) : NULL;
    const int64_t *interior = hi ? infer_list(context, ATTR_interior, x->rank, 0) : NULL;
    if (!interior) return false;
    context->results[0] = *x;
    for (int i = 0; i < x->rank; i++) {
        int64_t n = x->dim[i], gaps = 0, size;
        if (n > 0 && !mul_i64(n - 1, interior[i], &gaps))
            return infer_fail(context, "the result is too large");
        if (!add_i64(n, gaps, &size) || !add_i64(size, lo[i], &size) ||
            !add_i64(size, hi[i], &size))
            return infer_fail(context, "the result is too large");
        if (size < 0)
            return infer_fail(context, "cropping leaves dim %d with %lld elements", i,
                              (long long)size);
        context->results[0].dim[i] = size;
    }
    return true;
}

bool infer_concat(InferContext *context) {
    const Type *first = context->inputs[0];
    int axis = infer_axis(context, first->rank);
    if (axis < 0) return false;
    Type y = *first;
    for (int k = 1; k < context->input_count; k++) {
        const Type *x = context->inputs[k];
        if (x->dtype != y.dtype || x->rank != y.rank)
            return infer_fail_types(context, "operands differ in type or rank");
        for (int i = 0; i < y.rank; i++) {
            if (i != axis && x->dim[i] != y.dim[i])
                return infer_fail_types(context, "shapes differ outside the axis");
        }
        if (!add_i64(y.dim[axis], x->dim[axis], &y.dim[axis]))
            return infer_fail(context, "the result is too large");
    }
    context->results[0] = y;
    return true;
}

bool infer_flip(InferContext *context) {
    bool set[MAX_RANK];
    context->results[0] = *context->inputs[0];
    return infer_dim_set(context, ATTR_axes, context->inputs[0]->rank, set);
}
