/* View steps: reshape, permute, expand, strided slice and any strides, each with its reading, its
 * writing (the inverse) and the strides that PyTorch would report. */
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/tensor.h"
#include "ir/graph.h"

void view_unref(ViewStep *step) {
    while (step && --step->refs == 0) {
        ViewStep *parent = step->parent;
        free(step);
        step = parent;
    }
}

static const ViewStep *last_step(const Tensor *tensor) {
    return tensor->view ? tensor->view : tensor->var->root;
}

/* Of elements that lie without gaps, the dims in this order. */
static void order_strides(const Type *type, const int64_t *order, int64_t *strides) {
    int64_t next = 1;
    for (int i = type->rank; i-- > 0;) {
        strides[order[i]] = next;
        next *= type->dim[order[i]] ? type->dim[order[i]] : 1;
    }
}

void tensor_strides(const Tensor *tensor, int64_t strides[MAX_RANK], int64_t *offset) {
    const ViewStep *step = last_step(tensor);
    if (step) {
        memcpy(strides, step->strides, sizeof step->strides);
        *offset = step->offset;
    } else {
        const int64_t *order = tensor->var->storage->order;
        memset(strides, 0, sizeof(int64_t) * MAX_RANK);
        type_strides(&tensor->type, strides);
        *offset = 0;
        if (order) order_strides(&tensor->type, order, strides);
    }
}

/* Whether PyTorch walks over dim a outside of dim b: 1, or the other way round: -1, or neither. */
static int outside(const Type *type, int64_t (*strides)[MAX_RANK], int count, int64_t a,
                   int64_t b) {
    for (int i = 0; i < count; i++) {
        int64_t x = strides[i][a], y = strides[i][b];
        if (x == 0 || y == 0) continue;
        if (x != y) return x > y ? 1 : -1;
        if (type->dim[a] != type->dim[b]) return type->dim[a] > type->dim[b] ? 1 : 0;
    }
    return 0;
}

bool memory_order(const Type *type, Tensor *const *operands, int count, int64_t order[MAX_RANK]) {
    enum { MOST = 3 };
    int64_t strides[MOST][MAX_RANK], own[MAX_RANK], offset, perm[MAX_RANK];
    int known = 0, rank = type->rank;
    bool moved = false;
    for (int i = 0; i < count && known < MOST; i++) {
        const Tensor *x = operands[i];
        if (!x) continue;
        moved = moved || !tensor_is_contiguous(x);
        tensor_strides(x, own, &offset);
        int lead = rank - x->type.rank;
        for (int d = 0; d < rank; d++) {
            bool there = d >= lead && x->type.dim[d - lead] == type->dim[d];
            strides[known][d] = there ? own[d - lead] : 0;
        }
        known++;
    }
    if (!moved || rank < 2) return false;
    /* Insertion, from the nearest dim outwards, until a dim is known to be farther. */
    for (int i = 0; i < rank; i++)
        perm[i] = rank - 1 - i;
    for (int i = 1; i < rank; i++)
        for (int at = i, j = i - 1; j >= 0; j--) {
            int way = outside(type, strides, known, perm[j], perm[at]);
            if (way < 0) break;
            if (way == 0) continue;
            int64_t held = perm[j];
            perm[j] = perm[at];
            perm[at] = held;
            at = j;
        }
    moved = false;
    for (int i = 0; i < rank; i++) {
        order[i] = perm[rank - 1 - i];
        moved = moved || order[i] != i;
    }
    return moved;
}

bool tensor_is_contiguous(const Tensor *tensor) {
    int64_t strides[MAX_RANK], offset, expected = 1;
    if (type_numel(&tensor->type) == 0) return true;
    tensor_strides(tensor, strides, &offset);
    for (int i = tensor->type.rank; i-- > 0;) {
        if (tensor->type.dim[i] != 1 && strides[i] != expected) return false;
        expected *= tensor->type.dim[i];
    }
    return true;
}

/* ---- steps ---- */

static ViewStep *step_new(const Tensor *x, StepKind kind, int rank, const int64_t *dims) {
    ViewStep *step = xcalloc(1, sizeof *step);
    step->refs = 1;
    step->kind = kind;
    step->from = x->type;
    step->type = type_make(x->type.dtype, rank, dims);
    tensor_strides(x, step->strides, &step->offset);
    for (int i = 0; i < MAX_RANK; i++)
        step->step[i] = 1;
    return step;
}

/* Strides of the new shape over the same memory: dims of the old shape that lie next to each other
 * are walked as one run, which new dims split. False: some new dim would span two runs. */
static bool reshape_strides(const Type *from, const int64_t *strides, const Type *to,
                            int64_t *out) {
    if (type_numel(from) == 0) {
        type_strides(to, out);
        return true;
    }
    int d = to->rank - 1;
    int64_t run = 1, walked = 1;
    int64_t base = from->rank ? strides[from->rank - 1] : 1;
    for (int i = from->rank; i-- > 0;) {
        run *= from->dim[i];
        if (i > 0 && (from->dim[i - 1] == 1 || strides[i - 1] == run * base)) continue;
        for (; d >= 0 && (walked < run || to->dim[d] == 1); d--) {
            out[d] = walked * base;
            walked *= to->dim[d];
        }
        if (walked != run) return false;
        if (i > 0) base = strides[i - 1];
        run = walked = 1;
    }
    for (; d >= 0; d--)
        out[d] = 1;
    return true;
}

ViewStep *view_reshape(const Tensor *x, int rank, const int64_t *dims) {
    ViewStep *step = step_new(x, STEP_RESHAPE, rank, dims);
    int64_t strides[MAX_RANK] = {0};
    if (!reshape_strides(&x->type, step->strides, &step->type, strides)) {
        free(step);
        return NULL;
    }
    memcpy(step->strides, strides, sizeof strides);
    return step;
}

ViewStep *view_permute(const Tensor *x, const int64_t *perm) {
    int64_t dims[MAX_RANK] = {0}, strides[MAX_RANK] = {0}, offset;
    tensor_strides(x, strides, &offset);
    for (int i = 0; i < x->type.rank; i++)
        dims[i] = x->type.dim[perm[i]];
    ViewStep *step = step_new(x, STEP_PERMUTE, x->type.rank, dims);
    for (int i = 0; i < x->type.rank; i++) {
        step->perm[i] = perm[i];
        step->strides[i] = strides[perm[i]];
    }
    return step;
}

ViewStep *view_expand(const Tensor *x, int rank, const int64_t *dims) {
    ViewStep *step = step_new(x, STEP_EXPAND, rank, dims);
    int64_t strides[MAX_RANK], offset;
    tensor_strides(x, strides, &offset);
    int lead = rank - x->type.rank;
    for (int i = 0; i < rank; i++) {
        bool kept = i >= lead && x->type.dim[i - lead] == dims[i];
        step->strides[i] = kept ? strides[i - lead] : 0;
    }
    return step;
}

ViewStep *view_slice(const Tensor *x, const int64_t *start, const int64_t *size,
                     const int64_t *step) {
    ViewStep *view = step_new(x, STEP_SLICE, x->type.rank, size);
    for (int i = 0; i < x->type.rank; i++) {
        view->start[i] = start[i];
        view->step[i] = step[i];
        view->offset += start[i] * view->strides[i];
        view->strides[i] *= step[i];
    }
    return view;
}

ViewStep *view_strided(const Tensor *x, int rank, const ViewAxis *axes, const int64_t *start) {
    int64_t dims[MAX_RANK], strides[MAX_RANK], rows[MAX_RANK] = {0}, offset;
    for (int i = 0; i < rank; i++)
        dims[i] = axes[i].size;
    ViewStep *view = step_new(x, STEP_STRIDED, rank, dims);
    tensor_strides(x, strides, &offset);
    type_strides(&x->type, rows);
    for (int i = 0; i < MAX_RANK; i++)
        view->step[i] = view->strides[i] = 0;
    for (int d = 0; d < x->type.rank; d++) {
        view->start[0] += start[d] * rows[d];
        view->offset += start[d] * strides[d];
        for (int i = 0; i < rank; i++) {
            view->step[i] += axes[i].along[d] * rows[d];
            view->strides[i] += axes[i].along[d] * strides[d];
        }
    }
    return view;
}

/* ---- reading ---- */

/* The places of a strided step's elements among its source's, row by row. */
static LazyNode *strided_places(TensorState *ts, const ViewStep *step) {
    int64_t count = type_numel(&step->type), index[MAX_RANK] = {0}, at = step->start[0];
    int64_t *places = xcalloc((size_t)count + 1, sizeof *places);
    for (int64_t n = 0; n < count; n++) {
        places[n] = at;
        for (int d = step->type.rank; d-- > 0;) {
            at += step->step[d];
            if (++index[d] < step->type.dim[d]) break;
            at -= step->step[d] * index[d];
            index[d] = 0;
        }
    }
    LazyNode *node = lazy_indices(ts, places, (int)count);
    free(places);
    return node;
}

static LazyNode *as_row(TensorState *ts, LazyNode *node) {
    return node ? lazy_reshape(ts, node, 1, (int64_t[]){type_numel(&node->type)}) : NULL;
}

static LazyNode *apply_strided(TensorState *ts, const ViewStep *step, LazyNode *node) {
    node = lazy_indexed(ts, OP_take, as_row(ts, node), strided_places(ts, step), NULL, 0);
    return lazy_reshape(ts, node, step->type.rank, step->type.dim);
}

static bool unit_steps(const ViewStep *step) {
    for (int i = 0; i < step->type.rank; i++)
        if (step->step[i] != 1 && step->type.dim[i] > 1) return false;
    return true;
}

static bool only_moves(Op op) {
    return (op_info(op)->traits & TRAIT_MOVEMENT) &&
           (op_info(op)->arity == 1 || op == OP_dynamic_slice);
}

/* Data, or data that is only moved about. */
static bool is_moved_data(const LazyNode *node) {
    while (node->kind == LAZY_OP && !node->value && !node->requires_grad && node->inputs &&
           only_moves(node->op))
        node = node->inputs[0];
    return node->kind == LAZY_LEAF || (node->value && !node->requires_grad);
}

/* Whether a slice's starts are operands of the graph: so that walking over a data set by batches
 * meets one graph. Only data asks for it; slices of what is still to be computed stay foldable. */
static bool starts_vary(TensorState *ts, const ViewStep *step, const LazyNode *node) {
    return !ts->policy.compiling && unit_steps(step) && is_moved_data(node);
}

/* The starts of a slice of `*node`; where that is such a slice itself, they are counted in what it
 * is of, which takes its place. */
static LazyNode *slice_starts(TensorState *ts, const ViewStep *step, LazyNode **node) {
    int64_t starts[MAX_RANK];
    int rank = step->type.rank;
    memcpy(starts, step->start, sizeof starts);
    LazyNode *from = *node;
    if (from->kind == LAZY_OP && from->op == OP_dynamic_slice && !from->value &&
        from->inputs[1]->value) {
        for (int i = 0; i < rank; i++)
            starts[i] += ((const int64_t *)(const void *)from->inputs[1]->value->bytes)[i];
        *node = lazy_ref(from->inputs[0]);
        lazy_unref(ts, from);
    }
    return lazy_indices(ts, starts, rank);
}

static LazyNode *apply_slice(TensorState *ts, const ViewStep *step, LazyNode *node) {
    if (type_equal(&step->from, &step->type)) return node;
    if (!starts_vary(ts, step, node))
        return lazy_slice(ts, node, step->start, step->type.dim, step->step);
    LazyNode *starts = slice_starts(ts, step, &node);
    LazyNode *inputs[2] = {node, starts};
    Attr attr = attr_ints(ATTR_size, step->type.dim, step->type.rank);
    LazyNode *slice = lazy_op(ts, OP_dynamic_slice, inputs, 2, &attr, 1);
    lazy_unref(ts, starts);
    lazy_unref(ts, node);
    return slice;
}

static LazyNode *apply_step(TensorState *ts, const ViewStep *step, LazyNode *node) {
    const Type *type = &step->type;
    switch (step->kind) {
    case STEP_RESHAPE:
        return lazy_reshape(ts, node, type->rank, type->dim);
    case STEP_PERMUTE:
        return lazy_permute(ts, node, step->perm);
    case STEP_EXPAND:
        return lazy_broadcast(ts, node, type->rank, type->dim);
    case STEP_SLICE:
        return apply_slice(ts, step, node);
    case STEP_STRIDED:
        return apply_strided(ts, step, node);
    }
    return node;
}

LazyNode *view_apply(TensorState *ts, const ViewStep *view, LazyNode *node) {
    const ViewStep *few[16], **steps = few;
    size_t count = 0;
    for (const ViewStep *s = view; s; s = s->parent)
        count++;
    if (count > 16) steps = xcalloc(count, sizeof *steps);
    for (size_t i = count; i-- > 0; view = view->parent)
        steps[i] = view;
    for (size_t i = 0; node && i < count; i++)
        node = apply_step(ts, steps[i], node);
    if (steps != few) free(steps);
    return node;
}

/* ---- writing ---- */

/* `to` with the strided box replaced by `part`: by a mask where the step is not 1. */
static LazyNode *write_strided(TensorState *ts, const ViewStep *step, LazyNode *to,
                               LazyNode *part) {
    int rank = step->type.rank;
    int64_t hi[MAX_RANK], interior[MAX_RANK];
    for (int i = 0; i < rank; i++) {
        int64_t count = step->type.dim[i];
        int64_t covered = count ? (count - 1) * step->step[i] + 1 : 0;
        interior[i] = step->step[i] - 1;
        hi[i] = step->from.dim[i] - step->start[i] - covered;
    }
    LazyNode *placed[2] = {part,
                           lazy_broadcast(ts, lazy_const(ts, DT_U8, 1), rank, step->type.dim)};
    for (int i = 0; i < 2; i++) {
        Attr attrs[] = {attr_ints(ATTR_lo, step->start, rank), attr_ints(ATTR_hi, hi, rank),
                        attr_ints(ATTR_interior, interior, rank), attr_float(ATTR_value, 0)};
        LazyNode *padded = placed[i] ? lazy_op(ts, OP_pad, &placed[i], 1, attrs, 4) : NULL;
        if (placed[i]) lazy_unref(ts, placed[i]);
        placed[i] = padded;
    }
    return lazy_where(ts, lazy_cast(ts, placed[1], DT_BOOL), placed[0], to);
}

static LazyNode *write_slice(TensorState *ts, const ViewStep *step, LazyNode *to, LazyNode *part) {
    if (type_equal(&step->from, &step->type)) {
        lazy_unref(ts, to);
        return part;
    }
    if (!unit_steps(step)) return write_strided(ts, step, to, part);
    LazyNode *inputs[3] = {to, part, lazy_indices(ts, step->start, step->type.rank)};
    LazyNode *node = lazy_op(ts, OP_dynamic_update, inputs, 3, NULL, 0);
    for (int i = 0; i < 3; i++)
        lazy_unref(ts, inputs[i]);
    return node;
}

/* An expanded dim was checked to have one element, so writing sums nothing: it narrows. */
static LazyNode *write_expand(TensorState *ts, const ViewStep *step, LazyNode *part) {
    int rank = step->type.rank;
    int64_t zeros[MAX_RANK] = {0}, ones[MAX_RANK], size[MAX_RANK];
    int lead = rank - step->from.rank;
    for (int i = 0; i < rank; i++) {
        ones[i] = 1;
        size[i] = i < lead ? 1 : step->from.dim[i - lead];
    }
    part = lazy_slice(ts, part, zeros, size, ones);
    return lazy_reshape(ts, part, step->from.rank, step->from.dim);
}

static LazyNode *write_places(TensorState *ts, const ViewStep *step, LazyNode *to, LazyNode *part) {
    LazyNode *places = strided_places(ts, step);
    LazyNode *node = lazy_indexed(ts, OP_index_put, as_row(ts, to), places, as_row(ts, part), 0);
    return lazy_reshape(ts, node, step->from.rank, step->from.dim);
}

/* What the step's source becomes when the step's elements become `part`. */
static LazyNode *write_step(TensorState *ts, const ViewStep *step, LazyNode *from, LazyNode *part) {
    if (step->kind == STEP_SLICE) return write_slice(ts, step, from, part);
    if (step->kind == STEP_STRIDED) return write_places(ts, step, from, part);
    lazy_unref(ts, from);
    if (step->kind == STEP_RESHAPE) return lazy_reshape(ts, part, step->from.rank, step->from.dim);
    if (step->kind == STEP_EXPAND) return write_expand(ts, step, part);
    int64_t inverse[MAX_RANK];
    for (int i = 0; i < step->type.rank; i++)
        inverse[step->perm[i]] = i;
    return lazy_permute(ts, part, inverse);
}

LazyNode *view_write(TensorState *ts, const ViewStep *view, LazyNode *base, LazyNode *node) {
    for (const ViewStep *s = view; s; s = s->parent) {
        if (!node) break;
        LazyNode *from = lazy_ref(base);
        if (s->kind == STEP_SLICE || s->kind == STEP_STRIDED)
            from = view_apply(ts, s->parent, from);
        node = from ? write_step(ts, s, from, node) : NULL;
    }
    lazy_unref(ts, base);
    return node;
}
