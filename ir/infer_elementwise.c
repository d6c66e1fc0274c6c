/* Type rules of elementwise ops: operands of equal shape and dtype, from the dtypes the op takes.
 */
#include "ir/infer.h"

typedef bool DTypeTest(DType dtype);

static bool is_any(DType dtype) {
    return dtype < DT_COUNT;
}
static bool is_number(DType dtype) {
    return dtype != DT_BOOL;
}
static bool is_bits(DType dtype) {
    return !dtype_is_float(dtype);
}
static bool is_integer(DType dtype) {
    return !dtype_is_float(dtype) && dtype != DT_BOOL;
}

/* Equal operands of a dtype that `test` accepts; the result is like them. */
static bool infer_like(InferContext *context, DTypeTest *test, const char *wanted) {
    const Type *first = context->inputs[0];
    for (int i = 1; i < context->input_count; i++) {
        if (!type_same_shape(first, context->inputs[i]))
            return infer_fail_types(context, "shapes differ");
        if (first->dtype != context->inputs[i]->dtype)
            return infer_fail_types(context, "types differ");
    }
    if (!test(first->dtype)) return infer_fail_types(context, wanted);
    context->results[0] = *first;
    return true;
}

bool infer_unary_number(InferContext *context) {
    return infer_like(context, is_number, "not defined for bool");
}

bool infer_unary_float(InferContext *context) {
    return infer_like(context, dtype_is_float, "expected a float type");
}

bool infer_unary_bits(InferContext *context) {
    return infer_like(context, is_bits, "expected bool or integers");
}

bool infer_unary_any(InferContext *context) {
    return infer_like(context, is_any, "");
}

bool infer_test(InferContext *context) {
    if (!infer_unary_float(context)) return false;
    context->results[0].dtype = DT_BOOL;
    return true;
}

bool infer_polygamma(InferContext *context) {
    int64_t order = infer_int(context, ATTR_order);
    if (order < 1 || order > 100)
        return infer_fail(context, "order is %lld, expected 1 to 100", (long long)order);
    return infer_unary_float(context);
}

bool infer_cast(InferContext *context) {
    context->results[0] = *context->inputs[0];
    context->results[0].dtype = infer_attr(context, ATTR_dtype)->dtype;
    return true;
}

bool infer_binary_number(InferContext *context) {
    return infer_unary_number(context);
}

bool infer_binary_float(InferContext *context) {
    return infer_unary_float(context);
}

bool infer_binary_any(InferContext *context) {
    return infer_unary_any(context);
}

bool infer_binary_bits(InferContext *context) {
    return infer_unary_bits(context);
}

bool infer_shift(InferContext *context) {
    return infer_like(context, is_integer, "expected integers");
}

bool infer_compare(InferContext *context) {
    if (!infer_unary_any(context)) return false;
    context->results[0].dtype = DT_BOOL;
    return true;
}

bool infer_where(InferContext *context) {
    const Type *condition = context->inputs[0], *a = context->inputs[1], *b = context->inputs[2];
    if (condition->dtype != DT_BOOL) return infer_fail_types(context, "the condition must be bool");
    if (!type_same_shape(condition, a) || !type_same_shape(a, b))
        return infer_fail_types(context, "shapes differ");
    if (a->dtype != b->dtype) return infer_fail_types(context, "types differ");
    context->results[0] = *a;
    return true;
}
