/* Reference evaluation of ops that read or write at positions given by data. An index out of range
 * is a fault. Writes happen in row-major order of the updates, so the last of equal ones wins. */
#include "ir/eval.h"

/* The index, checked against a size; 0 after a fault. */
static int64_t checked_index(EvalContext *context, int64_t index, int64_t size) {
    if (index >= 0 && index < size) return index;
    eval_fault(context, "index %lld is out of range for size %lld", (long long)index,
               (long long)size);
    return 0;
}

static void copy_all(Tensor64 *to, const Tensor64 *from) {
    int64_t count = type_numel(&to->type);
    for (int64_t k = 0; k < count; k++)
        tensor64_copy_item(to, k, from, k);
}

static void add_item(Tensor64 *to, int64_t to_index, const Tensor64 *from, int64_t from_index) {
    if (to->f)
        to->f[to_index] += from->f[from_index];
    else
        to->i[to_index] = (int64_t)((uint64_t)to->i[to_index] + (uint64_t)from->i[from_index]);
}

/* gather's position in x: the walk's own, but idx's along the axis. */
static int64_t along_axis(EvalContext *context, const Walk *walk, const int64_t *strides) {
    int axis = (int)node_int(context->node, ATTR_axis);
    int64_t size = context->inputs[0]->type.dim[axis];
    int64_t index = context->inputs[1]->i[walk->flat];
    return walk_offset(walk, strides) +
           (checked_index(context, index, size) - walk->index[axis]) * strides[axis];
}

void eval_gather(EvalContext *context) {
    const Tensor64 *x = context->inputs[0], *idx = context->inputs[1];
    int64_t strides[MAX_RANK];
    type_strides(&x->type, strides);
    for (Walk walk = walk_start(&idx->type); !walk.done; walk_next(&walk)) {
        int64_t from = along_axis(context, &walk, strides);
        if (context->failed) return;
        tensor64_copy_item(context->results, walk.flat, x, from);
    }
}

/* scatter and scatter_add. */
void eval_scatter(EvalContext *context) {
    const Tensor64 *x = context->inputs[0], *idx = context->inputs[1], *u = context->inputs[2];
    int64_t strides[MAX_RANK];
    type_strides(&x->type, strides);
    copy_all(context->results, x);
    for (Walk walk = walk_start(&idx->type); !walk.done; walk_next(&walk)) {
        int64_t to = along_axis(context, &walk, strides);
        if (context->failed) return;
        if (context->node->op == OP_scatter)
            tensor64_copy_item(context->results, to, u, walk.flat);
        else
            add_item(context->results, to, u, walk.flat);
    }
}

/* The shape of take: x as [outer, size, inner], idx as [count]. */
typedef struct Taken {
    int64_t outer, size, inner, count;
} Taken;

static Taken taken_shape(const EvalContext *context) {
    const Type *x = &context->inputs[0]->type;
    int axis = (int)node_int(context->node, ATTR_axis);
    Taken taken = {1, x->dim[axis], 1, type_numel(&context->inputs[1]->type)};
    for (int i = 0; i < axis; i++)
        taken.outer *= x->dim[i];
    for (int i = axis + 1; i < x->rank; i++)
        taken.inner *= x->dim[i];
    return taken;
}

void eval_take(EvalContext *context) {
    const Tensor64 *x = context->inputs[0], *idx = context->inputs[1];
    Taken t = taken_shape(context);
    for (int64_t outer = 0; outer < t.outer; outer++) {
        for (int64_t k = 0; k < t.count; k++) {
            int64_t index = checked_index(context, idx->i[k], t.size);
            if (context->failed) return;
            for (int64_t inner = 0; inner < t.inner; inner++)
                tensor64_copy_item(context->results, (outer * t.count + k) * t.inner + inner, x,
                                   (outer * t.size + index) * t.inner + inner);
        }
    }
}

/* index_add and index_put. */
void eval_index_write(EvalContext *context) {
    const Tensor64 *idx = context->inputs[1], *u = context->inputs[2];
    Tensor64 *y = context->results;
    Taken t = taken_shape(context);
    copy_all(y, context->inputs[0]);
    for (int64_t outer = 0; outer < t.outer; outer++) {
        for (int64_t k = 0; k < t.count; k++) {
            int64_t index = checked_index(context, idx->i[k], t.size);
            if (context->failed) return;
            for (int64_t inner = 0; inner < t.inner; inner++) {
                int64_t to = (outer * t.size + index) * t.inner + inner;
                int64_t from = (outer * t.count + k) * t.inner + inner;
                if (context->node->op == OP_index_put)
                    tensor64_copy_item(y, to, u, from);
                else
                    add_item(y, to, u, from);
            }
        }
    }
}

/* Elements of one spatial plane of [N,C,...]. */
static int64_t plane_size(const Type *type) {
    int64_t size = 1;
    for (int i = 2; i < type->rank; i++)
        size *= type->dim[i];
    return size;
}

/* pool_gather reads from the planes of x, pool_scatter adds to those of its result. */
static void eval_planes(EvalContext *context, bool scatter) {
    const Tensor64 *x = context->inputs[0], *idx = context->inputs[1];
    Tensor64 *y = context->results;
    int64_t plane = plane_size(scatter ? &y->type : &x->type);
    int64_t count = type_numel(&idx->type), each = plane_size(&idx->type);
    for (int64_t k = 0; k < count; k++) {
        int64_t at = k / each * plane + checked_index(context, idx->i[k], plane);
        if (context->failed) return;
        if (scatter)
            add_item(y, at, x, k);
        else
            tensor64_copy_item(y, k, x, at);
    }
}

void eval_pool_gather(EvalContext *context) {
    eval_planes(context, false);
}

void eval_pool_scatter(EvalContext *context) {
    eval_planes(context, true);
}
