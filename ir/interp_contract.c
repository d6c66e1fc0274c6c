/* Reference evaluation of dot, the convolution family and windows, as plain loops.
 *
 * The three faces of convolution visit the same triples (x element, w element, y element) and
 * differ only in which of the three gathers the product of the other two; window sums likewise. */
#include "ir/eval.h"

/* to[i] += a[j] * b[k] */
static void add_product(Tensor64 *to, int64_t i, const Tensor64 *a, int64_t j, const Tensor64 *b,
                        int64_t k) {
    if (to->f)
        to->f[i] += a->f[j] * b->f[k];
    else
        to->i[i] = (int64_t)((uint64_t)to->i[i] + (uint64_t)a->i[j] * (uint64_t)b->i[k]);
}

/* Appends dims of `from` to a type used as a loop nest, with the strides that each operand has. */
typedef struct Nest {
    Type dims;
    int64_t stride_a[MAX_RANK], stride_b[MAX_RANK];
} Nest;

static void nest_add(Nest *nest, int64_t dim, int64_t stride_a, int64_t stride_b) {
    nest->dims.dim[nest->dims.rank] = dim;
    nest->stride_a[nest->dims.rank] = stride_a;
    nest->stride_b[nest->dims.rank++] = stride_b;
}

void eval_dot(EvalContext *context) {
    const Tensor64 *a = context->inputs[0], *b = context->inputs[1];
    int64_t strides_a[MAX_RANK], strides_b[MAX_RANK];
    type_strides(&a->type, strides_a);
    type_strides(&b->type, strides_b);
    bool used_a[MAX_RANK] = {false}, used_b[MAX_RANK] = {false};
    static const AttrName pairs[2][2] = {{ATTR_batch_a, ATTR_batch_b},
                                         {ATTR_contract_a, ATTR_contract_b}};
    Nest outer = {.dims.dtype = DT_F64}, inner = outer;
    for (int p = 0; p < 2; p++) {
        int count;
        const int64_t *in_a = node_ints(context->node, pairs[p][0], &count);
        const int64_t *in_b = node_ints(context->node, pairs[p][1], NULL);
        for (int i = 0; i < count; i++) {
            nest_add(p ? &inner : &outer, a->type.dim[in_a[i]], strides_a[in_a[i]],
                     strides_b[in_b[i]]);
            used_a[in_a[i]] = used_b[in_b[i]] = true;
        }
    }
    for (int i = 0; i < a->type.rank; i++) {
        if (!used_a[i]) nest_add(&outer, a->type.dim[i], strides_a[i], 0);
    }
    for (int i = 0; i < b->type.rank; i++) {
        if (!used_b[i]) nest_add(&outer, b->type.dim[i], 0, strides_b[i]);
    }
    for (Walk w = walk_start(&outer.dims); !w.done; walk_next(&w)) {
        int64_t at_a = walk_offset(&w, outer.stride_a), at_b = walk_offset(&w, outer.stride_b);
        for (Walk k = walk_start(&inner.dims); !k.done; walk_next(&k))
            add_product(context->results, w.flat, a, at_a + walk_offset(&k, inner.stride_a), b,
                        at_b + walk_offset(&k, inner.stride_b));
    }
}

/* Where tap `tap` of the window at `out` lies in the plane of x, flat; -1 in the padding. */
static int64_t tap_position(const Node *node, const Type *x, const int64_t *out,
                            const int64_t *tap) {
    const int64_t *stride = node_ints(node, ATTR_stride, NULL);
    const int64_t *lo = node_ints(node, ATTR_lo, NULL);
    const int64_t *dilation = node_ints(node, ATTR_dilation, NULL);
    int64_t position = 0;
    for (int i = 0; i < x->rank - 2; i++) {
        int64_t at = out[i] * stride[i] - lo[i] + tap[i] * dilation[i];
        if (at < 0 || at >= x->dim[i + 2]) return -1;
        position = position * x->dim[i + 2] + at;
    }
    return position;
}

static int64_t plane_size(const Type *type) {
    int64_t size = 1;
    for (int i = 2; i < type->rank; i++)
        size *= type->dim[i];
    return size;
}

/* The three tensors of a convolution; the op says which one is the result. */
typedef struct Conv {
    Tensor64 *result;
    const Tensor64 *x, *w, *y;
} Conv;

static void eval_convolution(const Node *node, const Conv *conv) {
    const Type *x = &conv->x->type, *w = &conv->w->type, *y = &conv->y->type;
    int64_t group_size = w->dim[0] / node_int(node, ATTR_groups);
    int64_t x_plane = plane_size(x);
    for (Walk out = walk_start(y); !out.done; walk_next(&out)) {
        int64_t n = out.index[0], o = out.index[1];
        Type taps = *w;
        taps.dim[0] = 1; /* only filter o */
        for (Walk tap = walk_start(&taps); !tap.done; walk_next(&tap)) {
            int64_t position = tap_position(node, x, out.index + 2, tap.index + 2);
            if (position < 0) continue;
            int64_t channel = o / group_size * w->dim[1] + tap.index[1];
            int64_t at_x = (n * x->dim[1] + channel) * x_plane + position;
            int64_t at_w = o * type_numel(&taps) + tap.flat;
            if (node->op == OP_conv)
                add_product(conv->result, out.flat, conv->x, at_x, conv->w, at_w);
            else if (node->op == OP_conv_dx)
                add_product(conv->result, at_x, conv->y, out.flat, conv->w, at_w);
            else
                add_product(conv->result, at_w, conv->y, out.flat, conv->x, at_x);
        }
    }
}

void eval_conv(EvalContext *context) {
    eval_convolution(context->node, &(Conv){context->results, context->inputs[0],
                                            context->inputs[1], context->results});
}

void eval_conv_dx(EvalContext *context) {
    eval_convolution(context->node, &(Conv){context->results, context->results, context->inputs[1],
                                            context->inputs[0]});
}

void eval_conv_dw(EvalContext *context) {
    eval_convolution(context->node, &(Conv){context->results, context->inputs[0], context->results,
                                            context->inputs[1]});
}

/* The window as a type to walk over. */
static Type window_type(const Node *node) {
    int count;
    const int64_t *window = node_ints(node, ATTR_window, &count);
    return type_make(DT_F64, count, window);
}

/* The index of the maximum of the window at `out`: the first one, or the last NaN. */
static int64_t pool_best(const Node *node, const Tensor64 *x, const Walk *out) {
    Type window = window_type(node);
    int64_t base = (out->index[0] * x->type.dim[1] + out->index[1]) * plane_size(&x->type);
    int64_t best = -1;
    for (Walk tap = walk_start(&window); !tap.done; walk_next(&tap)) {
        int64_t position = tap_position(node, &x->type, out->index + 2, tap.index);
        if (position < 0) continue;
        bool better = best < 0;
        if (!better && x->f) {
            double value = x->f[base + position];
            better = value > x->f[base + best] || value != value;
        } else if (!better) {
            better = x->i[base + position] > x->i[base + best];
        }
        if (better) best = position;
    }
    return best;
}

void eval_max_pool(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    int64_t plane = plane_size(&x->type);
    for (Walk out = walk_start(&context->results->type); !out.done; walk_next(&out)) {
        int64_t base = (out.index[0] * x->type.dim[1] + out.index[1]) * plane;
        tensor64_copy_item(context->results, out.flat, x, base + pool_best(context->node, x, &out));
    }
}

void eval_max_pool_index(EvalContext *context) {
    for (Walk out = walk_start(&context->results->type); !out.done; walk_next(&out))
        context->results->i[out.flat] = pool_best(context->node, context->inputs[0], &out);
}

/* window_sum gathers x's elements into y's; window_sum_dx adds y's back to x's. */
static void eval_windows(EvalContext *context, const Type *x, const Type *y, bool back) {
    Type window = window_type(context->node);
    const Tensor64 *from = context->inputs[0];
    Tensor64 *to = context->results;
    for (Walk out = walk_start(y); !out.done; walk_next(&out)) {
        int64_t base = (out.index[0] * x->dim[1] + out.index[1]) * plane_size(x);
        for (Walk tap = walk_start(&window); !tap.done; walk_next(&tap)) {
            int64_t position = tap_position(context->node, x, out.index + 2, tap.index);
            if (position < 0) continue;
            int64_t i = back ? base + position : out.flat, k = back ? out.flat : base + position;
            if (to->f)
                to->f[i] += from->f[k];
            else
                to->i[i] = (int64_t)((uint64_t)to->i[i] + (uint64_t)from->i[k]);
        }
    }
}

void eval_window_sum(EvalContext *context) {
    eval_windows(context, &context->inputs[0]->type, &context->results->type, false);
}

void eval_window_sum_dx(EvalContext *context) {
    eval_windows(context, &context->results->type, &context->inputs[0]->type, true);
}
