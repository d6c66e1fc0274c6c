/* Type rules of dot, the convolution family and windows.
 *
 * conv, conv_dx and conv_dw are one relation between three types (x, w, y): each rule works out
 * the third from two and asks that the relation holds. */
#include "ir/infer.h"
#include "support/checked.h"

bool infer_dot(InferContext *context) {
    const Type *a = context->inputs[0], *b = context->inputs[1];
    if (a->dtype != b->dtype || a->dtype == DT_BOOL)
        return infer_fail_types(context, "expected numbers of one type");
    bool seen[MAX_RANK], used_a[MAX_RANK], used_b[MAX_RANK];
    if (!infer_dim_set(context, ATTR_batch_a, a->rank, used_a) ||
        !infer_dim_set(context, ATTR_batch_b, b->rank, used_b) ||
        !infer_dim_set(context, ATTR_contract_a, a->rank, seen) ||
        !infer_dim_set(context, ATTR_contract_b, b->rank, seen))
        return false;
    static const AttrName pairs[2][2] = {{ATTR_batch_a, ATTR_batch_b},
                                         {ATTR_contract_a, ATTR_contract_b}};
    Type y = {.dtype = a->dtype};
    int rank = 0;
    int64_t dims[2 * MAX_RANK];
    for (int p = 0; p < 2; p++) {
        const Attr *in_a = infer_attr(context, pairs[p][0]);
        const Attr *in_b = infer_attr(context, pairs[p][1]);
        if (in_a->ints.count != in_b->ints.count)
            return infer_fail(context, "%s and %s differ in length", attr_name(pairs[p][0]),
                              attr_name(pairs[p][1]));
        for (int i = 0; i < in_a->ints.count; i++) {
            int64_t da = in_a->ints.items[i], db = in_b->ints.items[i];
            if (a->dim[da] != b->dim[db])
                return infer_fail_types(context,
                                        p ? "contracted sizes differ" : "batch sizes differ");
            if (p == 0)
                dims[rank++] = a->dim[da];
            else if (used_a[da] || used_b[db])
                return infer_fail(context, "a dim is both batch and contracted");
            used_a[da] = used_b[db] = true;
        }
    }
    for (int i = 0; i < a->rank; i++) {
        if (!used_a[i]) dims[rank++] = a->dim[i];
    }
    for (int i = 0; i < b->rank; i++) {
        if (!used_b[i]) dims[rank++] = b->dim[i];
    }
    if (rank > MAX_RANK) return infer_fail_types(context, "the result would have too many dims");
    y.rank = rank;
    for (int i = 0; i < rank; i++)
        y.dim[i] = dims[i];
    context->results[0] = y;
    return true;
}

/* How many windows fit along each of `count` spatial dims: out[i] from sizes and window lengths. */
static bool count_windows(InferContext *context, int count, const int64_t *sizes,
                          const int64_t *windows, int64_t *out) {
    const int64_t *stride = infer_list(context, ATTR_stride, count, 1);
    const int64_t *lo = stride ? infer_list(context, ATTR_lo, count, 0) : NULL;
    const int64_t *hi = lo ? infer_list(context, ATTR_hi, count, 0) : NULL;
    const int64_t *dilation = hi ? infer_list(context, ATTR_dilation, count, 1) : NULL;
    if (!dilation) return false;
    for (int i = 0; i < count; i++) {
        int64_t padded, reach;
        if (!add_i64(sizes[i], lo[i], &padded) || !add_i64(padded, hi[i], &padded) ||
            !mul_i64(windows[i] - 1, dilation[i], &reach) || !add_i64(reach, 1, &reach))
            return infer_fail(context, "sizes are too large");
        if (windows[i] < 1) return infer_fail(context, "a window of no elements");
        if (reach > padded)
            return infer_fail(context, "the window reaches over %lld, the padded dim has only %lld",
                              (long long)reach, (long long)padded);
        out[i] = (padded - reach) / stride[i] + 1;
    }
    return true;
}

/* Whether types x[N,C,...], w[O,C/groups,...] and y[N,O,...] are a convolution. */
static bool check_conv(InferContext *context, const Type *x, const Type *w, const Type *y) {
    int64_t groups = infer_int(context, ATTR_groups);
    if (groups < 1) return infer_fail(context, "groups is %lld", (long long)groups);
    if (x->dim[1] % groups || w->dim[0] % groups)
        return infer_fail_types(context, "channels are not divisible by groups");
    if (w->dim[1] != x->dim[1] / groups)
        return infer_fail_types(context, "the weight's channels don't fit");
    if (y->dim[0] != x->dim[0] || y->dim[1] != w->dim[0])
        return infer_fail_types(context, "batch or channels don't fit");
    int64_t out[MAX_RANK] = {0};
    if (!count_windows(context, x->rank - 2, x->dim + 2, w->dim + 2, out)) return false;
    for (int i = 2; i < x->rank; i++) {
        if (y->dim[i] != out[i - 2]) return infer_fail_types(context, "spatial sizes don't fit");
    }
    return true;
}

static bool check_conv_operands(InferContext *context) {
    const Type *a = context->inputs[0], *b = context->inputs[1];
    if (a->dtype != b->dtype || a->dtype == DT_BOOL)
        return infer_fail_types(context, "expected numbers of one type");
    if (a->rank < 3 || a->rank != b->rank)
        return infer_fail_types(context, "expected two tensors of one rank, 3 or more");
    return true;
}

bool infer_conv(InferContext *context) {
    if (!check_conv_operands(context)) return false;
    const Type *x = context->inputs[0], *w = context->inputs[1];
    Type y = *x;
    y.dim[1] = w->dim[0];
    if (!count_windows(context, x->rank - 2, x->dim + 2, w->dim + 2, y.dim + 2)) return false;
    context->results[0] = y;
    return check_conv(context, x, w, &y);
}

bool infer_conv_dx(InferContext *context) {
    if (!check_conv_operands(context)) return false;
    const Type *g = context->inputs[0], *w = context->inputs[1];
    const int64_t *size = infer_list(context, ATTR_size, g->rank - 2, 0);
    Type x = *g;
    if (!size || !mul_i64(w->dim[1], infer_int(context, ATTR_groups), &x.dim[1])) return false;
    for (int i = 2; i < g->rank; i++)
        x.dim[i] = size[i - 2];
    context->results[0] = x;
    return check_conv(context, &x, w, g);
}

bool infer_conv_dw(InferContext *context) {
    if (!check_conv_operands(context)) return false;
    const Type *x = context->inputs[0], *g = context->inputs[1];
    const int64_t *window = infer_list(context, ATTR_window, x->rank - 2, 1);
    int64_t groups = infer_int(context, ATTR_groups);
    if (!window) return false;
    if (groups < 1) return infer_fail(context, "groups is %lld", (long long)groups);
    Type w = *x;
    w.dim[0] = g->dim[1];
    w.dim[1] = x->dim[1] / groups;
    for (int i = 2; i < x->rank; i++)
        w.dim[i] = window[i - 2];
    context->results[0] = w;
    return check_conv(context, x, &w, g);
}

/* [N,C,...] and its windows: the type of one value a window. */
static bool infer_windows(InferContext *context, const Type *x, Type *y) {
    if (x->rank < 3) return infer_fail_types(context, "expected [N,C,...]");
    const int64_t *window = infer_list(context, ATTR_window, x->rank - 2, 1);
    if (!window) return false;
    *y = *x;
    return count_windows(context, x->rank - 2, x->dim + 2, window, y->dim + 2);
}

/* Whether a window that starts there, perhaps in the padding, holds one of n elements. */
static bool window_holds_element(int64_t start, int64_t window, int64_t dilation, int64_t n) {
    int64_t tap = start < 0 ? (-start + dilation - 1) / dilation : 0;
    return tap < window && start + tap * dilation < n;
}

bool infer_pool(InferContext *context) {
    const Type *x = context->inputs[0];
    Type *y = &context->results[0];
    if (!infer_windows(context, x, y)) return false;
    const int64_t *window = infer_attr(context, ATTR_window)->ints.items;
    const int64_t *lo = infer_attr(context, ATTR_lo)->ints.items;
    const int64_t *dilation = infer_attr(context, ATTR_dilation)->ints.items;
    const int64_t *stride = infer_attr(context, ATTR_stride)->ints.items;
    for (int i = 0; i < x->rank - 2; i++) {
        /* Those that start in the padding before, and the last one, are the ones that may not. */
        int64_t last = (y->dim[i + 2] - 1) * stride[i] - lo[i];
        bool full = window_holds_element(last, window[i], dilation[i], x->dim[i + 2]);
        for (int64_t start = -lo[i]; full && start < 0 && start <= last; start += stride[i])
            full = window_holds_element(start, window[i], dilation[i], x->dim[i + 2]);
        if (!full)
            return infer_fail(context, "padding of %lld leaves a window without elements",
                              (long long)lo[i]);
    }
    return true;
}

bool infer_pool_index(InferContext *context) {
    if (!infer_pool(context)) return false;
    context->results[0].dtype = DT_I64;
    return true;
}

bool infer_window_sum(InferContext *context) {
    if (context->inputs[0]->dtype == DT_BOOL)
        return infer_fail_types(context, "not defined for bool");
    return infer_windows(context, context->inputs[0], &context->results[0]);
}

bool infer_window_sum_dx(InferContext *context) {
    const Type *g = context->inputs[0];
    if (g->rank < 3 || g->dtype == DT_BOOL)
        return infer_fail_types(context, "expected numbers [N,C,...]");
    const int64_t *size = infer_list(context, ATTR_size, g->rank - 2, 0);
    if (!size) return false;
    Type x = *g, y;
    for (int i = 2; i < g->rank; i++)
        x.dim[i] = size[i - 2];
    if (!infer_windows(context, &x, &y)) return false;
    if (!type_same_shape(&y, g)) return infer_fail_types(context, "spatial sizes don't fit");
    context->results[0] = x;
    return true;
}
