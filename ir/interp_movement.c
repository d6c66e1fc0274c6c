/* Reference evaluation of movement ops: each walks its result (or its operand) in row-major order
 * and copies one element a step. */
#include "ir/eval.h"

/* y[walk] = x[offset + sum of index * stride]: permute, expand, slice and flip are this. */
static void copy_strided(EvalContext *context, int64_t offset, const int64_t strides[MAX_RANK]) {
    Tensor64 *y = context->results;
    for (Walk walk = walk_start(&y->type); !walk.done; walk_next(&walk))
        tensor64_copy_item(y, walk.flat, context->inputs[0], offset + walk_offset(&walk, strides));
}

void eval_permute(EvalContext *context) {
    int64_t strides[MAX_RANK], permuted[MAX_RANK] = {0};
    type_strides(&context->inputs[0]->type, strides);
    const int64_t *perm = node_ints(context->node, ATTR_perm, NULL);
    for (int i = 0; i < context->node->type.rank; i++)
        permuted[i] = strides[perm[i]];
    copy_strided(context, 0, permuted);
}

void eval_expand(EvalContext *context) {
    const Type *x = &context->inputs[0]->type;
    int64_t strides[MAX_RANK];
    type_strides(x, strides);
    for (int i = 0; i < x->rank; i++) {
        if (x->dim[i] != context->node->type.dim[i]) strides[i] = 0;
    }
    copy_strided(context, 0, strides);
}

void eval_slice(EvalContext *context) {
    const Type *x = &context->inputs[0]->type;
    const int64_t *start = node_ints(context->node, ATTR_start, NULL);
    const int64_t *step = node_ints(context->node, ATTR_step, NULL);
    int64_t strides[MAX_RANK], offset = 0;
    type_strides(x, strides);
    for (int i = 0; i < x->rank; i++) {
        offset += start[i] * strides[i];
        strides[i] *= step[i];
    }
    copy_strided(context, offset, strides);
}

void eval_flip(EvalContext *context) {
    const Type *x = &context->inputs[0]->type;
    int count;
    const int64_t *axes = node_ints(context->node, ATTR_axes, &count);
    int64_t strides[MAX_RANK], offset = 0;
    type_strides(x, strides);
    for (int i = 0; i < count; i++) {
        offset += (x->dim[axes[i]] - 1) * strides[axes[i]];
        strides[axes[i]] = -strides[axes[i]];
    }
    copy_strided(context, offset, strides);
}

/* Where the box of type `box` at `starts` begins in x; faults when it leaves x. */
static int64_t box_offset(EvalContext *context, const Tensor64 *starts, const Type *box,
                          int64_t strides[MAX_RANK]) {
    const Type *x = &context->inputs[0]->type;
    int64_t offset = 0;
    type_strides(x, strides);
    for (int i = 0; i < x->rank; i++) {
        if (starts->i[i] < 0 || starts->i[i] > x->dim[i] - box->dim[i]) {
            eval_fault(context, "start %lld is out of range for %lld of %lld elements",
                       (long long)starts->i[i], (long long)box->dim[i], (long long)x->dim[i]);
            return 0;
        }
        offset += starts->i[i] * strides[i];
    }
    return offset;
}

void eval_dynamic_slice(EvalContext *context) {
    int64_t strides[MAX_RANK];
    int64_t offset = box_offset(context, context->inputs[1], &context->node->type, strides);
    if (!context->failed) copy_strided(context, offset, strides);
}

void eval_dynamic_update(EvalContext *context) {
    const Tensor64 *x = context->inputs[0], *u = context->inputs[1];
    int64_t strides[MAX_RANK], count = type_numel(&x->type);
    int64_t offset = box_offset(context, context->inputs[2], &u->type, strides);
    if (context->failed) return;
    for (int64_t k = 0; k < count; k++)
        tensor64_copy_item(context->results, k, x, k);
    for (Walk walk = walk_start(&u->type); !walk.done; walk_next(&walk))
        tensor64_copy_item(context->results, offset + walk_offset(&walk, strides), u, walk.flat);
}

void eval_pad(EvalContext *context) {
    const Tensor64 *x = context->inputs[0];
    Tensor64 *y = context->results;
    const int64_t *lo = node_ints(context->node, ATTR_lo, NULL);
    const int64_t *interior = node_ints(context->node, ATTR_interior, NULL);
    double value = node_float(context->node, ATTR_value);
    int64_t strides[MAX_RANK], count = type_numel(&y->type);
    type_strides(&y->type, strides);
    for (int64_t k = 0; k < count; k++) {
        if (y->f)
            y->f[k] = value;
        else
            y->i[k] = (int64_t)value;
    }
    for (Walk walk = walk_start(&x->type); !walk.done; walk_next(&walk)) {
        int64_t offset = 0;
        bool inside = true;
        for (int i = 0; i < walk.rank; i++) {
            int64_t at = lo[i] + walk.index[i] * (interior[i] + 1);
            inside = inside && at >= 0 && at < y->type.dim[i];
            offset += at * strides[i];
        }
        if (inside) tensor64_copy_item(y, offset, x, walk.flat);
    }
}

void eval_concat(EvalContext *context) {
    Tensor64 *y = context->results;
    int axis = (int)node_int(context->node, ATTR_axis);
    int64_t strides[MAX_RANK], offset = 0;
    type_strides(&y->type, strides);
    for (int k = 0; k < context->node->input_count; k++) {
        const Tensor64 *x = context->inputs[k];
        for (Walk walk = walk_start(&x->type); !walk.done; walk_next(&walk))
            tensor64_copy_item(y, offset + walk_offset(&walk, strides), x, walk.flat);
        offset += x->type.dim[axis] * strides[axis];
    }
}
