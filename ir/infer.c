/* Running type rules, what rules share, and the rules of leaves, results and random numbers. */
#include "ir/infer.h"

#include <stdarg.h>
#include <string.h>

#include "ir/graph.h"
#include "support/checked.h"

bool infer_fail(InferContext *context, const char *format, ...) {
    buf_clear(context->error);
    buf_printf(context->error, "%s: ", op_info(context->op)->name);
    va_list args;
    va_start(args, format);
    buf_vprintf(context->error, format, args);
    va_end(args);
    return false;
}

bool infer_fail_types(InferContext *context, const char *message) {
    infer_fail(context, "%s", message);
    const char *names = op_info(context->op)->inputs;
    for (int i = 0, length = 0; i < context->input_count; i++) {
        buf_puts(context->error, i == 0 ? ": " : ", ");
        const char *name =
            op_info(context->op)->arity < 0 && i > 0 ? NULL : word_next(names, &length);
        if (name) {
            buf_printf(context->error, "%.*s is ", length, name);
            names = name + length;
        }
        type_print(context->error, context->inputs[i]);
    }
    return false;
}

const Attr *infer_attr(const InferContext *context, AttrName name) {
    for (int i = 0; i < context->attr_count; i++) {
        if (context->attrs[i].name == name) return &context->attrs[i];
    }
    NNC_BUG("%s has no attribute %s", op_info(context->op)->name, attr_name(name));
}

int64_t infer_int(const InferContext *context, AttrName name) {
    return infer_attr(context, name)->i;
}

const int64_t *infer_list(InferContext *context, AttrName name, int count, int64_t least) {
    const Attr *attr = infer_attr(context, name);
    if (attr->ints.count != count) {
        infer_fail(context, "%s has %d items, expected %d", attr_name(name), attr->ints.count,
                   count);
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        if (attr->ints.items[i] < least) {
            infer_fail(context, "%s[%d] is %lld, expected at least %lld", attr_name(name), i,
                       (long long)attr->ints.items[i], (long long)least);
            return NULL;
        }
    }
    static const int64_t none[1] = {0};
    return count == 0 ? none : attr->ints.items;
}

int infer_axis(InferContext *context, int rank) {
    int64_t axis = infer_int(context, ATTR_axis);
    if (axis >= 0 && axis < rank) return (int)axis;
    infer_fail(context, "axis %lld is out of range for %d dims", (long long)axis, rank);
    return -1;
}

bool infer_dim_set(InferContext *context, AttrName name, int rank, bool set[MAX_RANK]) {
    const Attr *attr = infer_attr(context, name);
    for (int i = 0; i < MAX_RANK; i++)
        set[i] = false;
    for (int i = 0; i < attr->ints.count; i++) {
        int64_t dim = attr->ints.items[i];
        if (dim < 0 || dim >= rank)
            return infer_fail(context, "%s names dim %lld of %d dims", attr_name(name),
                              (long long)dim, rank);
        if (set[dim])
            return infer_fail(context, "%s names dim %lld twice", attr_name(name), (long long)dim);
        set[dim] = true;
    }
    return true;
}

bool infer(InferContext *context) {
    const OpInfo *info = op_info(context->op);
    if (info->arity >= 0 ? context->input_count != info->arity : context->input_count < 1)
        return infer_fail(context, "takes %d operands, got %d", info->arity, context->input_count);
    for (int i = 0; context->nodes && i < context->input_count; i++) {
        bool several = op_info(context->nodes[i]->op)->results > 1;
        if (several != (context->op == OP_result))
            return infer_fail(context,
                              several ? "operand %d has several results: use `result`"
                                      : "operand %d has only one result",
                              i);
    }
    if (!info->infer(context)) return false;
    for (int i = 0; i < info->results; i++) {
        if (!type_valid(&context->results[i]))
            return infer_fail(context, "the result is too large, or has more than %d dims",
                              MAX_RANK);
    }
    return true;
}

/* The type that the attributes shape and dtype spell, as result 0. */
static bool infer_spelled(InferContext *context) {
    const Attr *shape = infer_attr(context, ATTR_shape);
    if (shape->ints.count > MAX_RANK)
        return infer_fail(context, "%d dims, at most %d are supported", shape->ints.count,
                          MAX_RANK);
    if (!infer_list(context, ATTR_shape, shape->ints.count, 0)) return false;
    context->results[0] =
        type_make(infer_attr(context, ATTR_dtype)->dtype, shape->ints.count, shape->ints.items);
    return type_valid(&context->results[0]) || infer_fail(context, "the shape is too large");
}

bool infer_input(InferContext *context) {
    return infer_spelled(context);
}

bool infer_const(InferContext *context) {
    if (!infer_spelled(context)) return false;
    size_t size = infer_attr(context, ATTR_data)->data.size;
    if (size != type_bytes(&context->results[0]))
        return infer_fail(context, "%zu bytes of data for a type of %zu", size,
                          type_bytes(&context->results[0]));
    return true;
}

bool infer_iota(InferContext *context) {
    return infer_spelled(context) && infer_axis(context, context->results[0].rank) >= 0;
}

bool infer_result(InferContext *context) {
    const Node *node = context->nodes[0];
    int64_t index = infer_int(context, ATTR_index);
    if (index < 0 || index >= op_info(node->op)->results)
        return infer_fail(context, "%s has no result %lld", op_info(node->op)->name,
                          (long long)index);
    context->results[0] = *node_type(node, (int)index);
    return true;
}

/* The rule of both random ops: the operand is i64[] or i64[2]. */
static bool infer_random_number(InferContext *context, Type operand) {
    if (!type_equal(context->inputs[0], &operand)) {
        infer_fail_types(context, "expected ");
        type_print(context->error, &operand);
        return false;
    }
    if (!infer_spelled(context)) return false;
    const char *dist = infer_attr(context, ATTR_dist)->text;
    DType dtype = context->results[0].dtype;
    if (strcmp(dist, "bits") == 0)
        return dtype == DT_I64 || infer_fail(context, "bits are i64, not %s", dtype_name(dtype));
    bool second = strcmp(dist, "normal_second") == 0 && context->op == OP_random_mt &&
                  type_numel(&context->results[0]) < 16;
    if (!second && strcmp(dist, "uniform") && strcmp(dist, "normal") && strcmp(dist, "bernoulli"))
        return infer_fail(context, "no distribution \"%s\"", dist);
    return dtype_is_float(dtype) ||
           infer_fail(context, "%s numbers are floats, not %s", dist, dtype_name(dtype));
}

bool infer_random_mt(InferContext *context) {
    if (infer_int(context, ATTR_skip) < 0) return infer_fail(context, "skip is negative");
    return infer_random_number(context, type_scalar(DT_I64));
}

bool infer_random(InferContext *context) {
    return infer_random_number(context, type_make(DT_I64, 1, (const int64_t[]){2}));
}
