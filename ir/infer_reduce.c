/* Type rules of reductions, scans, softmax and sort. */
#include "ir/infer.h"

/* The operand without the reduced axes. `least`: how many elements a reduced axis must have. */
static bool infer_reduced(InferContext *context, int64_t least) {
    const Type *x = context->inputs[0];
    bool reduced[MAX_RANK];
    if (!infer_dim_set(context, ATTR_axes, x->rank, reduced)) return false;
    const Attr *axes = infer_attr(context, ATTR_axes);
    for (int i = 1; i < axes->ints.count; i++) {
        if (axes->ints.items[i - 1] > axes->ints.items[i])
            return infer_fail(context, "axes must ascend");
    }
    Type y = {.dtype = x->dtype};
    for (int i = 0; i < x->rank; i++) {
        if (!reduced[i])
            y.dim[y.rank++] = x->dim[i];
        else if (x->dim[i] < least)
            return infer_fail_types(context, "no elements to reduce");
    }
    context->results[0] = y;
    return true;
}

bool infer_reduce_number(InferContext *context) {
    if (context->inputs[0]->dtype == DT_BOOL)
        return infer_fail_types(context, "not defined for bool");
    return infer_reduced(context, 0);
}

bool infer_reduce_order(InferContext *context) {
    return infer_reduced(context, 1);
}

bool infer_reduce_bool(InferContext *context) {
    if (context->inputs[0]->dtype != DT_BOOL) return infer_fail_types(context, "expected bool");
    return infer_reduced(context, 0);
}

bool infer_arg(InferContext *context) {
    const Type *x = context->inputs[0];
    int axis = infer_axis(context, x->rank);
    if (axis < 0) return false;
    if (x->dim[axis] == 0) return infer_fail_types(context, "no elements to reduce");
    Type y = {.dtype = DT_I64};
    for (int i = 0; i < x->rank; i++) {
        if (i != axis) y.dim[y.rank++] = x->dim[i];
    }
    context->results[0] = y;
    return true;
}

/* A result like the operand, whose axis exists. */
static bool infer_along_axis(InferContext *context) {
    context->results[0] = *context->inputs[0];
    return infer_axis(context, context->inputs[0]->rank) >= 0;
}

/* An attribute that is 0 or 1. */
static bool check_flag(InferContext *context, AttrName name) {
    int64_t flag = infer_int(context, name);
    return flag == 0 || flag == 1 ||
           infer_fail(context, "%s is %lld, expected 0 or 1", attr_name(name), (long long)flag);
}

bool infer_scan(InferContext *context) {
    if (context->inputs[0]->dtype == DT_BOOL)
        return infer_fail_types(context, "not defined for bool");
    if (context->op == OP_cumsum && !check_flag(context, ATTR_reverse)) return false;
    return infer_along_axis(context);
}

bool infer_softmax(InferContext *context) {
    const Type *x = context->inputs[0];
    if (!dtype_is_float(x->dtype)) return infer_fail_types(context, "expected a float type");
    if (!infer_along_axis(context)) return false;
    return x->dim[infer_int(context, ATTR_axis)] > 0 ||
           infer_fail_types(context, "the axis has no elements");
}

bool infer_sort(InferContext *context) {
    if (!check_flag(context, ATTR_descending) || !infer_along_axis(context)) return false;
    context->results[1] = context->results[0];
    context->results[1].dtype = DT_I64;
    return true;
}
