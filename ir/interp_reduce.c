/* Reference evaluation of reductions, scans and sort. */
#include "ir/eval.h"
#include "support/checked.h"

static double reduce_float(Op op, double a, double b) {
    switch (op) {
    case OP_reduce_sum:
        return a + b;
    case OP_reduce_prod:
        return a * b;
    case OP_reduce_max:
        return a != a || a > b ? a : b;
    case OP_reduce_min:
        return a != a || a < b ? a : b;
    default:
        NNC_BUG("not a reduction of floats");
    }
}

static int64_t reduce_int(Op op, int64_t a, int64_t b) {
    switch (op) {
    case OP_reduce_sum:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case OP_reduce_prod:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case OP_reduce_max:
        return a > b ? a : b;
    case OP_reduce_min:
        return a < b ? a : b;
    case OP_reduce_any:
        return a | b;
    case OP_reduce_all:
        return a & b;
    default:
        NNC_BUG("not a reduction of integers");
    }
}

void eval_reduce(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    Tensor64 *y = context->results;
    Op op = context->node->op;
    int axis_count;
    const int64_t *axes = node_ints(context->node, ATTR_axes, &axis_count);
    bool reduced[MAX_RANK] = {false};
    for (int i = 0; i < axis_count; i++)
        reduced[axes[i]] = true;
    int64_t strides[MAX_RANK] = {0}, stride = 1, count = type_numel(&y->type);
    for (int i = x->type.rank - 1; i >= 0; i--) {
        if (reduced[i]) continue;
        strides[i] = stride;
        stride *= x->type.dim[i];
    }
    int64_t neutral = op == OP_reduce_prod || op == OP_reduce_all;
    bool *started = ARENA_ARRAY(context->arena, bool, (size_t)count);
    for (int64_t k = 0; k < count; k++) {
        if (y->f)
            y->f[k] = (double)neutral;
        else
            y->i[k] = neutral;
        /* Maximum and minimum have no neutral element: they start with the first one met. */
        started[k] = op != OP_reduce_max && op != OP_reduce_min;
    }
    for (Walk walk = walk_start(&x->type); !walk.done; walk_next(&walk)) {
        int64_t to = walk_offset(&walk, strides);
        if (!started[to])
            tensor64_copy_item(y, to, x, walk.flat);
        else if (y->f)
            y->f[to] = reduce_float(op, y->f[to], x->f[walk.flat]);
        else
            y->i[to] = reduce_int(op, y->i[to], x->i[walk.flat]);
        started[to] = true;
    }
}

/* One dim of a tensor: element i of line l is at base(l) + i * inner. */
typedef struct Lines {
    int64_t count, size, inner;
} Lines;

static Lines lines_along(const Type *type, int axis) {
    Lines lines = {1, type->dim[axis], 1};
    for (int i = 0; i < type->rank; i++) {
        if (i != axis) lines.count *= type->dim[i];
        if (i > axis) lines.inner *= type->dim[i];
    }
    return lines;
}

static int64_t line_base(const Lines *lines, int64_t line) {
    return line / lines->inner * lines->inner * lines->size + line % lines->inner;
}

/* Whether item i is before item k: by value, a NaN behind all numbers. */
static bool item_less(const Tensor64 *x, int64_t i, int64_t k) {
    if (x->i) return x->i[i] < x->i[k];
    if (x->f[k] != x->f[k]) return x->f[i] == x->f[i];
    return x->f[i] < x->f[k];
}

void eval_arg(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    Lines lines = lines_along(&x->type, (int)node_int(context->node, ATTR_axis));
    bool maximum = context->node->op == OP_argmax;
    for (int64_t line = 0; line < lines.count; line++) {
        int64_t base = line_base(&lines, line), best = 0;
        for (int64_t i = 1; i < lines.size; i++) {
            int64_t at = base + i * lines.inner, held = base + best * lines.inner;
            if (x->f && x->f[held] != x->f[held]) break;
            bool better = maximum ? item_less(x, held, at) : item_less(x, at, held);
            if (x->f && x->f[at] != x->f[at]) better = true;
            if (better) best = i;
        }
        context->results->i[line] = best;
    }
}

/* Both scans; `reverse` walks each line from its end. */
static void scan(EvalContext *context, Op combine, bool reverse) {
    const Tensor64 *x = context->inputs[0];
    Tensor64 *y = context->results;
    Lines lines = lines_along(&x->type, (int)node_int(context->node, ATTR_axis));
    for (int64_t line = 0; line < lines.count; line++) {
        for (int64_t i = 0; i < lines.size; i++) {
            int64_t step = reverse ? -lines.inner : lines.inner;
            int64_t at = line_base(&lines, line) + (reverse ? lines.size - 1 - i : i) * lines.inner;
            if (i == 0)
                tensor64_copy_item(y, at, x, at);
            else if (y->f)
                y->f[at] = reduce_float(combine, y->f[at - step], x->f[at]);
            else
                y->i[at] = reduce_int(combine, y->i[at - step], x->i[at]);
        }
    }
}

void eval_cumsum(EvalContext *context) {
    scan(context, OP_reduce_sum, node_int(context->node, ATTR_reverse));
}

void eval_cumprod(EvalContext *context) {
    scan(context, OP_reduce_prod, false);
}

/* Merges the sorted runs [begin, middle) and [middle, end) of `from` into `to`. */
static void merge(const Tensor64 *x, bool descending, const int64_t *from, int64_t *to,
                  int64_t begin, int64_t middle, int64_t end) {
    int64_t a = begin, b = middle;
    for (int64_t k = begin; k < end; k++) {
        bool second = b < end && (a >= middle || (descending ? item_less(x, from[a], from[b])
                                                             : item_less(x, from[b], from[a])));
        to[k] = second ? from[b++] : from[a++];
    }
}

void eval_sort(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    Lines lines = lines_along(&x->type, (int)node_int(context->node, ATTR_axis));
    bool descending = node_int(context->node, ATTR_descending) != 0;
    int64_t *order = ARENA_ARRAY(context->arena, int64_t, (size_t)lines.size);
    int64_t *other = ARENA_ARRAY(context->arena, int64_t, (size_t)lines.size);
    for (int64_t line = 0; line < lines.count; line++) {
        int64_t base = line_base(&lines, line);
        for (int64_t i = 0; i < lines.size; i++)
            order[i] = base + i * lines.inner;
        for (int64_t width = 1; width < lines.size; width *= 2) {
            for (int64_t begin = 0; begin < lines.size; begin += 2 * width) {
                int64_t middle = begin + width < lines.size ? begin + width : lines.size;
                int64_t end = middle + width < lines.size ? middle + width : lines.size;
                merge(x, descending, order, other, begin, middle, end);
            }
            int64_t *swap = order;
            order = other;
            other = swap;
        }
        for (int64_t i = 0; i < lines.size; i++) {
            int64_t at = base + i * lines.inner;
            tensor64_copy_item(&context->results[0], at, x, order[i]);
            context->results[1].i[at] = (order[i] - base) / lines.inner;
        }
    }
}
