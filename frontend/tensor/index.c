/* x[...] and x[...] = v. Ints, slices, None and Ellipsis make views; index tensors, lists and masks
 * gather copies. Several index tensors become one: their dims are moved to the front and merged,
 * and the indexes become places in the merged dim. */
#include <string.h>

#include "frontend/tensor/tensor.h"

typedef struct Indexed {
    Value view;                /* the tensor after the basic indexes */
    int dims[MAX_RANK];        /* its dims that index tensors stand at */
    LazyNode *items[MAX_RANK]; /* i64, checked as far as their values are known; owned */
    int count;
    int source_dim; /* of the tensor: how many dims the items so far have used up */
    Tensor *mask;   /* setting: the only advanced index is this bool mask at mask_dim; borrowed */
    int mask_dim;
} Indexed;

static void indexed_free(TensorState *ts, Indexed *ix) {
    decref(ix->view);
    for (int i = 0; i < ix->count; i++)
        lazy_unref(ts, ix->items[i]);
}

/* ---- index tensors ---- */

static bool out_of_bounds(TensorState *ts, int64_t index, int dim, int64_t size) {
    vm_raise(ts->vm, EXC_IndexError, "index %lld is out of bounds for dimension %d with size %lld",
             (long long)index, dim, (long long)size);
    return false;
}

/* Indexes whose values are known are checked now and made non-negative. Consumes the node. */
static LazyNode *wrap_known(TensorState *ts, LazyNode *node, int dim, int64_t size) {
    const LazyNode *data = lazy_data(node);
    const int64_t *from = (const int64_t *)(const void *)data->value->bytes;
    int64_t count = type_numel(&node->type);
    bool negative = false;
    for (int64_t i = 0; i < count; i++) {
        if (from[i] < -size || from[i] >= size) {
            out_of_bounds(ts, from[i], dim, size);
            lazy_unref(ts, node);
            return NULL;
        }
        negative = negative || from[i] < 0;
    }
    if (!negative) return node;
    Buffer *buffer = buffer_new(ts, type_bytes(&node->type));
    int64_t *to = (int64_t *)(void *)buffer->bytes;
    for (int64_t i = 0; i < count; i++)
        to[i] = from[i] < 0 ? from[i] + size : from[i];
    LazyNode *leaf = lazy_leaf(ts, node->type, buffer);
    lazy_unref(ts, node);
    return leaf;
}

LazyNode *index_wrap(TensorState *ts, LazyNode *node, int dim, int64_t size) {
    node = lazy_cast(ts, node, DT_I64);
    if (!node) return NULL;
    const LazyNode *data = lazy_data(node);
    if (!data->value && data->kind == LAZY_OP &&
        (data->op == OP_argmax || data->op == OP_argmin || data->op == OP_iota ||
         data->op == OP_result))
        return node;
    if (!value_to_check(ts, node, &data)) {
        lazy_unref(ts, node);
        return NULL;
    }
    if (data) return wrap_known(ts, node, dim, size);
    LazyNode *below = lazy_binary(ts, OP_lt, lazy_ref(node), lazy_zeros(ts, node->type));
    LazyNode *moved =
        lazy_binary(ts, OP_add, lazy_ref(node), lazy_full(ts, node->type, from_int(size)));
    return lazy_where(ts, below, moved, node);
}

static bool add_item(TensorState *ts, Indexed *ix, LazyNode *node, int dim) {
    Tensor *x = as_tensor(ix->view);
    node = node ? index_wrap(ts, node, ix->count, x->type.dim[dim]) : NULL; /* errors count items */
    if (!node) return false;
    ix->dims[ix->count] = dim;
    ix->items[ix->count++] = node;
    return true;
}

/* ---- masks ---- */

static bool check_mask(TensorState *ts, const Tensor *mask, const Tensor *x, int dim) {
    for (int i = 0; i < mask->type.rank; i++) {
        if (dim + i < x->type.rank && mask->type.dim[i] == x->type.dim[dim + i]) continue;
        Buf a = {0}, b = {0};
        shape_text(&a, mask->type.dim, mask->type.rank);
        shape_text(&b, x->type.dim, x->type.rank);
        vm_raise(ts->vm, EXC_IndexError,
                 "The shape of the mask %s at index %d does not match the shape of the indexed "
                 "tensor %s at index %d",
                 buf_text(&a), i, buf_text(&b), dim + i);
        buf_free(&a);
        buf_free(&b);
        return false;
    }
    return true;
}

/* Where the elements are not zero: one leaf i64[n] a dim (a scalar counts as one dim). */
bool nonzero_nodes(TensorState *ts, Tensor *x, LazyNode **out, int64_t *found) {
    Buffer *buffer = tensor_buffer(ts, x, "nonzero: how many elements it finds");
    if (!buffer) return false;
    size_t size = dtype_size(x->type.dtype);
    int64_t total = type_numel(&x->type), count = 0;
    for (int64_t i = 0; i < total; i++)
        count += element_double(x->type.dtype, buffer->bytes + (size_t)i * size) != 0;
    int rank = x->type.rank;
    int64_t *items[MAX_RANK], index[MAX_RANK] = {0}, at = 0;
    for (int d = 0; d < rank; d++) {
        Buffer *one = buffer_new(ts, (size_t)count * sizeof(int64_t));
        items[d] = (int64_t *)(void *)one->bytes;
        out[d] = lazy_leaf(ts, type_make(DT_I64, 1, &count), one);
    }
    for (int64_t i = 0; i < total; i++) {
        if (element_double(x->type.dtype, buffer->bytes + (size_t)i * size) != 0) {
            for (int d = 0; d < rank; d++)
                items[d][at] = index[d];
            at++;
        }
        for (int d = rank; d-- > 0;) {
            if (++index[d] < x->type.dim[d]) break;
            index[d] = 0;
        }
    }
    buffer_unref(ts, buffer);
    *found = count;
    return true;
}

static bool add_mask(TensorState *ts, Indexed *ix, Tensor *mask, int dim) {
    LazyNode *items[MAX_RANK];
    int64_t found;
    if (!check_mask(ts, mask, as_tensor(ix->view), dim) || !nonzero_nodes(ts, mask, items, &found))
        return false;
    for (int i = 0; i < mask->type.rank; i++) {
        ix->dims[ix->count] = dim + i;
        ix->items[ix->count++] = items[i];
    }
    return true;
}

/* ---- reading a key ---- */

static bool is_mask(TensorState *ts, Value v) {
    return is_tensor(ts, v) &&
           (as_tensor(v)->type.dtype == DT_BOOL || as_tensor(v)->type.dtype == DT_U8);
}

/* Dims of the tensor that a key item uses up. */
static int dims_used(TensorState *ts, Value v) {
    if (is_none(v) || v.tag == TAG_ELLIPSIS || v.tag == TAG_BOOL) return 0;
    return is_mask(ts, v) ? as_tensor(v)->type.rank : 1;
}

static bool set_view(Indexed *ix, Value view) {
    if (is_null(view)) return false;
    decref(ix->view);
    ix->view = view;
    return true;
}

static bool apply_slice(TensorState *ts, Indexed *ix, const Slice *slice, int dim) {
    Tensor *x = as_tensor(ix->view);
    int64_t start, step, count, size = x->type.dim[dim];
    if (!slice_bounds(ts->vm, slice, size, &start, &step, &count)) return false;
    if (step <= 0) {
        vm_raise(ts->vm, EXC_ValueError, "step must be greater than zero");
        return false;
    }
    if (count == size && step == 1 && start == 0) return true;
    if (count == 0) start = 0;
    return set_view(ix, tensor_narrow(ts, x, dim, start, count, step, "SliceBackward0"));
}

static bool insert_dim(TensorState *ts, Indexed *ix, int dim) {
    Tensor *x = as_tensor(ix->view);
    int64_t dims[MAX_RANK];
    if (x->type.rank == MAX_RANK) {
        vm_raise(ts->vm, EXC_IndexError, "too many dimensions");
        return false;
    }
    for (int i = 0; i <= x->type.rank; i++)
        dims[i] = i == dim ? 1 : x->type.dim[i < dim ? i : i - 1];
    ViewStep *step = view_reshape(x, x->type.rank + 1, dims);
    return set_view(ix, tensor_view_of(ts, x, step, "UnsqueezeBackward0"));
}

/* x[True] and x[False]: a new dim of one or no elements, which only reading in front allows. */
static bool apply_bool(TensorState *ts, Indexed *ix, bool on, int *dim) {
    if (!insert_dim(ts, ix, *dim)) return false;
    int64_t none[1] = {0};
    Buffer *buffer = buffer_new(ts, sizeof none);
    memset(buffer->bytes, 0, sizeof none);
    int64_t count = on ? 1 : 0;
    LazyNode *item = lazy_leaf(ts, type_make(DT_I64, 1, &count), buffer);
    ix->dims[ix->count] = (*dim)++;
    ix->items[ix->count++] = item;
    return true;
}

/* One item at dim; moves dim past what it leaves. Tensors made from lists are released at once. */
static bool apply_item(TensorState *ts, Indexed *ix, Value item, int *dim, bool only_mask) {
    Vm *vm = ts->vm;
    if (item.tag == TAG_OBJ && item.o->cls == vm->cls[CLS_SLICE]) {
        bool ok = apply_slice(ts, ix, (Slice *)(void *)item.o, *dim);
        (*dim)++;
        return ok;
    }
    if (is_none(item)) return insert_dim(ts, ix, (*dim)++);
    if (item.tag == TAG_BOOL) return apply_bool(ts, ix, item.i != 0, dim);
    if (!is_tensor(ts, item) && !is_list(item) && !is_tuple(item)) {
        int64_t index;
        if (!vm_to_index(vm, item, &index)) {
            if (!vm_catch(vm, EXC_TypeError)) return false;
            if (is_str(item)) {
                vm_raise(vm, EXC_TypeError, "new(): invalid data type 'str'");
                return false;
            }
            vm_raise(vm, EXC_IndexError,
                     "only integers, slices (`:`), ellipsis (`...`), None and long or byte "
                     "Variables are valid indices (got %s)",
                     vm_class_name(vm, item));
            return false;
        }
        int64_t size = as_tensor(ix->view)->type.dim[*dim];
        if (index < -size || index >= size) return out_of_bounds(ts, index, ix->source_dim, size);
        return set_view(ix, tensor_select(ts, as_tensor(ix->view), *dim, index));
    }
    Value made = is_tensor(ts, item) ? incref(item) : tensor_from_data(ts, item, false, DT_I64);
    if (is_null(made)) return false;
    Tensor *t = as_tensor(made);
    bool ok = true;
    if (is_mask(ts, made)) {
        if (only_mask && made.o == item.o) {
            ix->mask = t;
            ix->mask_dim = *dim;
            ok = check_mask(ts, t, as_tensor(ix->view), *dim);
        } else if (t->type.rank == 0) { /* as the bool it holds */
            int on = vm_truth(vm, made);
            ok = on >= 0 && apply_bool(ts, ix, on > 0, dim);
        } else {
            ok = add_mask(ts, ix, t, *dim);
        }
        *dim += t->type.rank;
    } else if (dtype_is_float(t->type.dtype) && type_numel(&t->type) > 0) {
        vm_raise(vm, EXC_IndexError,
                 "tensors used as indices must be long, int, byte or bool tensors");
        ok = false;
    } else {
        ok = add_item(ts, ix, tensor_read(ts, t), (*dim)++);
    }
    decref(made);
    return ok;
}

static int advanced_count(TensorState *ts, const Value *items, size_t count) {
    int n = 0;
    for (size_t i = 0; i < count; i++)
        n += is_tensor(ts, items[i]) || is_list(items[i]) || is_tuple(items[i]);
    return n;
}

/* An index for a dim that isn't there. */
static bool too_many_indices(TensorState *ts, const Tensor *x, Value only) {
    if (x->type.rank == 0 && is_int(only) && as_int(only) == 0)
        vm_raise(ts->vm, EXC_IndexError,
                 "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                 "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number");
    else if (x->type.rank == 0 && is_int(only))
        vm_raise(ts->vm, EXC_IndexError, "index %lld is out of bounds for dimension 0 with size 0",
                 (long long)as_int(only));
    else if (x->type.rank == 0 && only.tag == TAG_OBJ && only.o->cls == ts->vm->cls[CLS_SLICE])
        vm_raise(ts->vm, EXC_IndexError, "slice() cannot be applied to a 0-dim tensor.");
    else
        vm_raise(ts->vm, EXC_IndexError, "too many indices for tensor of dimension %d",
                 x->type.rank);
    return false;
}

static bool parse_key(TensorState *ts, Value self, Value key, bool setting, Indexed *ix) {
    const Value *items = &key;
    size_t count = 1;
    if (is_tuple(key)) vm_items(key, &items, &count);
    Tensor *x = as_tensor(self);
    int used = 0, dim = 0;
    for (size_t i = 0; i < count; i++)
        used += dims_used(ts, items[i]);
    *ix = (Indexed){.view = incref(self)};
    if (used > x->type.rank) return too_many_indices(ts, x, count == 1 ? items[0] : NONE);
    bool only_mask = setting && advanced_count(ts, items, count) == 1;
    for (size_t i = 0; i < count; i++) {
        if (items[i].tag == TAG_ELLIPSIS) {
            dim += x->type.rank - used;
            ix->source_dim += x->type.rank - used;
        } else if (!apply_item(ts, ix, items[i], &dim, only_mask)) {
            return false;
        }
        ix->source_dim += dims_used(ts, items[i]);
    }
    return true;
}

/* ---- gathering ---- */

/* How the view's dims are laid out for one merged index: index dims first. */
typedef struct Merge {
    int64_t perm[MAX_RANK]; /* of the view: index dims, then the others */
    Type shape;             /* the common shape of the indexes */
    Type merged;            /* [product of index dims, other dims...] */
    Type result;            /* [shape..., other dims...] */
    int64_t back[MAX_RANK]; /* from that to PyTorch's order of the result */
    LazyNode *places;       /* i64, of `shape` */
} Merge;

static bool merge_shapes(TensorState *ts, const Indexed *ix, Merge *m) {
    m->shape = ix->items[0]->type;
    for (int i = 1; i < ix->count; i++)
        if (!broadcast_shapes(ts, &m->shape, &ix->items[i]->type, &m->shape)) {
            Buf shapes = {0};
            for (int k = 0; k < ix->count; k++) {
                if (k) buf_puts(&shapes, ", ");
                shape_text(&shapes, ix->items[k]->type.dim, ix->items[k]->type.rank);
            }
            if (vm_catch(ts->vm, EXC_RuntimeError))
                vm_raise(ts->vm, EXC_IndexError,
                         "shape mismatch: indexing tensors could not be broadcast together with "
                         "shapes %s",
                         buf_text(&shapes));
            buf_free(&shapes);
            return false;
        }
    return true;
}

static bool merge_indexes(TensorState *ts, const Indexed *ix, Merge *m) {
    const Type *x = &as_tensor(ix->view)->type;
    bool taken[MAX_RANK] = {0};
    int at = 0, rank = 0;
    if (!merge_shapes(ts, ix, m)) return false;
    int64_t dims[2 * MAX_RANK], product = 1;
    LazyNode *places = NULL;
    for (int i = 0; i < ix->count; i++) {
        int64_t size = x->dim[ix->dims[i]];
        LazyNode *item = lazy_broadcast(ts, lazy_ref(ix->items[i]), m->shape.rank, m->shape.dim);
        if (places) {
            places = lazy_binary(ts, OP_mul, places, lazy_full(ts, m->shape, from_int(size)));
            places = lazy_binary(ts, OP_add, places, item);
        } else {
            places = item;
        }
        product *= size;
        taken[ix->dims[i]] = true;
        m->perm[at++] = ix->dims[i];
    }
    for (int i = 0; i < m->shape.rank; i++)
        dims[rank++] = m->shape.dim[i];
    int64_t merged[MAX_RANK] = {product};
    int merged_rank = 1;
    for (int i = 0; i < x->rank; i++) {
        if (taken[i]) continue;
        m->perm[at++] = i;
        merged[merged_rank++] = dims[rank++] = x->dim[i];
    }
    m->places = places;
    if (rank > MAX_RANK || !places) {
        if (places) lazy_unref(ts, places);
        if (places) vm_raise(ts->vm, EXC_IndexError, "too many dimensions");
        return false;
    }
    m->merged = type_make(x->dtype, merged_rank, merged);
    m->result = type_make(x->dtype, rank, dims);
    /* Adjacent index dims: their place in the result is where they stood. */
    bool adjacent = ix->dims[ix->count - 1] - ix->dims[0] == ix->count - 1;
    int before = adjacent ? ix->dims[0] : 0;
    for (int i = 0; i < rank; i++)
        m->back[i] = i < before ? m->shape.rank + i : i < before + m->shape.rank ? i - before : i;
    return true;
}

static LazyNode *merged_view(TensorState *ts, const Indexed *ix, const Merge *m) {
    LazyNode *node = lazy_permute(ts, tensor_read(ts, as_tensor(ix->view)), m->perm);
    return lazy_reshape(ts, node, m->merged.rank, m->merged.dim);
}

static LazyNode *gather_node(TensorState *ts, const Indexed *ix) {
    if (ix->count == 1)
        return lazy_indexed(ts, OP_take, tensor_read(ts, as_tensor(ix->view)),
                            lazy_ref(ix->items[0]), NULL, ix->dims[0]);
    Merge m;
    if (!merge_indexes(ts, ix, &m)) return NULL;
    LazyNode *node = lazy_indexed(ts, OP_take, merged_view(ts, ix, &m), m.places, NULL, 0);
    return lazy_permute(ts, node, m.back);
}

Value tensor_getitem(Vm *vm, Value self, Value key) {
    TensorState *ts = tensor_state(vm);
    Indexed ix;
    Value result = NULL_VALUE;
    if (parse_key(ts, self, key, false, &ix)) {
        if (ix.count)
            result = tensor_wrap(ts, gather_node(ts, &ix), "IndexBackward0");
        else if (ix.view.o == self.o)
            result = tensor_view_of(ts, as_tensor(self), NULL,
                                    key.tag == TAG_ELLIPSIS ? "AliasBackward0" : "SliceBackward0");
        else
            result = incref(ix.view);
    }
    indexed_free(ts, &ix);
    return result;
}

/* ---- writing ---- */

/* An in-place result of another shape than its target. */
static bool shape_unlike(TensorState *ts, const Type *target, const Type *got) {
    Buf text = {0};
    buf_puts(&text, "output with shape ");
    shape_text(&text, target->dim, target->rank);
    buf_puts(&text, " doesn't match the broadcast shape ");
    shape_text(&text, got->dim, got->rank);
    vm_raise(ts->vm, EXC_RuntimeError, "%s", buf_text(&text));
    buf_free(&text);
    return false;
}

LazyNode *tensor_overwriting(TensorState *ts, Tensor *to, LazyNode *node) {
    if (!node || !ts->grad_enabled || !tensor_requires_grad(to)) return node;
    const Var *var = to->var;
    const Type *whole = var->root ? &var->root->type : &var->storage->type;
    if (type_numel(&to->type) < type_numel(whole)) return node; /* the others keep their history */
    Type type = to->type;
    type.dtype = DT_BOOL;
    LazyNode *old = tensor_read(ts, to);
    return lazy_where(ts, old ? lazy_zeros(ts, type) : NULL, old, node);
}

bool tensor_copy(TensorState *ts, Tensor *to, Value from, const char *fn_name) {
    bool allowed = is_tensor(ts, from) ? tensor_check_inplace(ts, to) : tensor_check_leaf(ts, to);
    if (!allowed) return false;
    Type type = to->type;
    if (is_tensor(ts, from)) { /* leading ones are dropped when it has more dims */
        Tensor *t = as_tensor(from);
        if (!tensor_check_overlap(ts, to, t)) return false;
        int extra = t->type.rank - to->type.rank, lead = 0;
        while (lead < extra && t->type.dim[lead] == 1)
            lead++;
        Type rest = type_make(t->type.dtype, t->type.rank - lead, t->type.dim + lead), out = rest;
        if (!broadcast_shapes(ts, &to->type, &rest, &out)) return false;
        if (!type_same_shape(&out, &to->type)) return shape_unlike(ts, &to->type, &out);
        LazyNode *node = lazy_cast(ts, tensor_read(ts, t), to->type.dtype);
        node = lazy_reshape(ts, node, rest.rank, rest.dim);
        node = lazy_broadcast(ts, node, type.rank, type.dim);
        return tensor_write(ts, to, tensor_overwriting(ts, to, node), fn_name);
    }
    if (!is_number(ts, from)) {
        vm_raise(ts->vm, EXC_TypeError, "can't assign a %s to a torch.%sTensor",
                 vm_class_name(ts->vm, from), dtype_long_name(to->type.dtype));
        return false;
    }
    return tensor_write(ts, to, tensor_overwriting(ts, to, filler_node(ts, from, type)), fn_name);
}

/* The view with the elements under the mask replaced by one number. */
static bool set_masked(TensorState *ts, const Indexed *ix, Value value) {
    Tensor *x = as_tensor(ix->view);
    if (!tensor_check_inplace(ts, x)) return false;
    int64_t dims[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        bool inside = i >= ix->mask_dim && i < ix->mask_dim + ix->mask->type.rank;
        dims[i] = inside ? x->type.dim[i] : 1;
    }
    LazyNode *mask = lazy_cast(ts, tensor_read(ts, ix->mask), DT_BOOL);
    mask = lazy_reshape(ts, mask, x->type.rank, dims);
    mask = lazy_expand(ts, mask, x->type.rank, x->type.dim);
    LazyNode *filler = filler_node(ts, value, x->type);
    return tensor_write(ts, x, lazy_where(ts, mask, filler, tensor_read(ts, x)),
                        "MaskedFillBackward0");
}

/* The view with the elements that index tensors name replaced (or added to). */
static bool index_put_into(TensorState *ts, const Indexed *ix, Value value, bool accumulate) {
    Tensor *x = as_tensor(ix->view);
    Merge m;
    int64_t inverse[MAX_RANK];
    if (!tensor_check_inplace(ts, x) || !merge_indexes(ts, ix, &m)) return false;
    /* The value in the result's order, then with the index dims in front. */
    Type shown = m.result;
    for (int i = 0; i < shown.rank; i++)
        shown.dim[i] = m.result.dim[m.back[i]];
    Type given = operand_type(ts, value, x->type.dtype), out = given;
    if (!broadcast_shapes(ts, &shown, &given, &out) || !type_same_shape(&out, &shown)) {
        if (vm_failed(ts->vm)) decref(vm_take_raised(ts->vm));
        Buf a = {0}, b = {0};
        shape_text(&a, given.dim, given.rank);
        shape_text(&b, shown.dim, shown.rank);
        vm_raise(ts->vm, EXC_RuntimeError,
                 "shape mismatch: value tensor of shape %s cannot be broadcast to indexing result "
                 "of shape %s",
                 buf_text(&a), buf_text(&b));
        buf_free(&a);
        buf_free(&b);
        lazy_unref(ts, m.places);
        return false;
    }
    for (int i = 0; i < shown.rank; i++)
        inverse[m.back[i]] = i;
    LazyNode *u = lazy_permute(ts, operand_node(ts, value, shown), inverse);
    LazyNode *node = u ? merged_view(ts, ix, &m) : NULL;
    node = lazy_indexed(ts, accumulate ? OP_index_add : OP_index_put, node, m.places, u, 0);
    int64_t dims[MAX_RANK], back[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++) {
        dims[i] = x->type.dim[m.perm[i]];
        back[m.perm[i]] = i;
    }
    node = lazy_permute(ts, lazy_reshape(ts, node, x->type.rank, dims), back);
    return tensor_write(ts, x, node, "IndexPutBackward0");
}

/* Turns the mask that was kept aside into places. */
static bool unfold_mask(TensorState *ts, Indexed *ix) {
    return !ix->mask || add_mask(ts, ix, ix->mask, ix->mask_dim);
}

/* Whether a value can be expanded to what it is assigned to; false: raised. */
static bool fits_view(TensorState *ts, Tensor *to, Value value) {
    if (!is_tensor(ts, value)) return true;
    const Type *have = &as_tensor(value)->type;
    int lead = 0;
    while (lead < have->rank - to->type.rank && have->dim[lead] == 1)
        lead++;
    Type rest = type_make(have->dtype, have->rank - lead, have->dim + lead);
    return expand_fits(ts, &rest, to->type.rank, to->type.dim);
}

bool tensor_setitem(Vm *vm, Value self, Value key, Value value) {
    TensorState *ts = tensor_state(vm);
    if (is_null(value)) {
        vm_raise(vm, EXC_TypeError, "cannot delete items of a tensor");
        return false;
    }
    if (!is_tensor(ts, value) && !is_number(ts, value)) {
        vm_raise(vm, EXC_TypeError, "can't assign a %s to a torch.%sTensor",
                 vm_class_name(vm, value), dtype_long_name(as_tensor(self)->type.dtype));
        return false;
    }
    Indexed ix;
    bool ok = parse_key(ts, self, key, true, &ix);
    if (ok) {
        if (ix.mask && (!is_tensor(ts, value) || as_tensor(value)->type.rank == 0))
            ok = set_masked(ts, &ix, value);
        else if (ix.mask || ix.count)
            ok = unfold_mask(ts, &ix) && index_put_into(ts, &ix, value, false);
        else
            ok = fits_view(ts, as_tensor(ix.view), value) &&
                 tensor_copy(ts, as_tensor(ix.view), value,
                             is_tensor(ts, value) ? "CopyBackwards" : "FillBackward2");
    }
    indexed_free(ts, &ix);
    return ok;
}

/* ---- functions ---- */

static Value index_put_call(Vm *vm, bool inplace, const Value *args, int nargs,
                            const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    bool accumulate;
    Tensor *x;
    if (!vm_args(vm, "index_put", "input indices values accumulate?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "index_put", &x) || !arg_bool(ts, v[3], false, &accumulate))
        return NULL_VALUE;
    Value target =
        inplace ? incref(v[0]) : tensor_wrap(ts, tensor_read(ts, x), "IndexPutBackward0");
    Value key = tuple_from_iterable(vm, v[1]);
    Indexed ix = {0};
    bool ok = !is_null(target) && !is_null(key) && parse_key(ts, target, key, false, &ix);
    ok = ok && index_put_into(ts, &ix, v[2], accumulate);
    if (!is_null(ix.view)) indexed_free(ts, &ix);
    if (!is_null(key)) decref(key);
    if (ok) return target;
    if (!is_null(target)) decref(target);
    return NULL_VALUE;
}
static Value index_put_new(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return index_put_call(vm, false, args, nargs, kwnames);
}
static Value index_put_inplace(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return index_put_call(vm, true, args, nargs, kwnames);
}

Value tensor_nonzero(TensorState *ts, Tensor *x, bool as_columns) {
    LazyNode *items[MAX_RANK];
    int64_t found;
    if (as_columns && x->type.rank == 0) {
        Value row = tensor_reshape(ts, x, 1, (int64_t[]){1}, NULL);
        Value result = is_null(row) ? row : tensor_nonzero(ts, as_tensor(row), true);
        if (!is_null(row)) decref(row);
        return result;
    }
    if (!nonzero_nodes(ts, x, items, &found)) return NULL_VALUE;
    int rank = x->type.rank;
    if (as_columns) {
        Value parts = tuple_new(ts->vm, (size_t)rank);
        for (int i = 0; i < rank; i++)
            as_tuple(parts)->items[i] = tensor_wrap(ts, items[i], NULL);
        return parts;
    }
    int64_t dims[2] = {found, rank};
    Buffer *buffer = buffer_new(ts, (size_t)(found * rank) * sizeof(int64_t));
    int64_t *to = (int64_t *)(void *)buffer->bytes;
    for (int d = 0; d < rank; d++) {
        const int64_t *from = (const int64_t *)(const void *)items[d]->value->bytes;
        for (int64_t i = 0; i < found; i++)
            to[i * rank + d] = from[i];
        lazy_unref(ts, items[d]);
    }
    return tensor_from_buffer(ts, type_make(DT_I64, 2, dims), buffer);
}

static Value nonzero_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    bool as_columns;
    if (!vm_args(vm, "nonzero", "input * as_tuple?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "nonzero", &x) || !arg_bool(ts, v[1], false, &as_columns))
        return NULL_VALUE;
    return tensor_nonzero(ts, x, as_columns);
}

/* check_index(t, size, message, ignore): an IndexError now when t's values are known and one, but
 * for `ignore`, is outside [0, size). "{}" in the message is the value. Others fault when they run.
 */
static Value check_index_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    int64_t size, ignore;
    if (!vm_args(vm, "check_index", "t size message ignore?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "check_index", &x) || !arg_int(ts, v[1], 0, &size) ||
        !arg_int(ts, v[3], INT64_MIN, &ignore))
        return NULL_VALUE;
    const LazyNode *known;
    if (dtype_is_float(x->type.dtype)) return NONE;
    if (!value_to_check(ts, x->var->storage->value, &known)) return NULL_VALUE;
    if (!known) return NONE;
    Buffer *buffer = tensor_buffer(ts, x, "an index");
    if (!buffer) return NULL_VALUE;
    int64_t count = type_numel(&x->type), at = 0;
    bool bad = false;
    for (int64_t i = 0; i < count && !bad; i++) {
        at = element_int(x->type.dtype, buffer->bytes + (size_t)i * dtype_size(x->type.dtype));
        bad = at != ignore && (at < 0 || at >= size);
    }
    buffer_unref(ts, buffer);
    if (!bad) return NONE;
    const char *message = vm_to_text(vm, v[2], "message"),
               *gap = message ? strstr(message, "{}") : NULL;
    if (!gap) return message ? vm_raise(vm, EXC_IndexError, "%s", message) : NULL_VALUE;
    return vm_raise(vm, EXC_IndexError, "%.*s%lld%s", (int)(gap - message), message, (long long)at,
                    gap + 2);
}

/* check_tensor(x, function, argument="input", position=1): raises when x is no tensor. */
static Value check_tensor_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    int64_t position;
    if (!vm_args(vm, "check_tensor", "x function argument? position?", args, nargs, kwnames, v) ||
        !arg_int(ts, v[3], 1, &position))
        return NULL_VALUE;
    if (is_tensor(ts, v[0])) return NONE;
    const char *function = vm_to_text(vm, v[1], "function");
    const char *argument = is_null(v[2]) ? "input" : vm_to_text(vm, v[2], "argument");
    if (function && argument) arg_tensor_at(ts, v[0], function, argument, (int)position, &x);
    return NULL_VALUE;
}

static Value argwhere_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[1];
    Tensor *x;
    if (!vm_args(vm, "argwhere", "input", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "argwhere", &x))
        return NULL_VALUE;
    return tensor_nonzero(ts, x, false);
}

/* masked_scatter(x, mask, source): the places where mask holds get source's elements in order. */
static Value masked_scatter_any(Vm *vm, bool inplace, const Value *args, int nargs,
                                const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x, *mask, *source;
    if (!vm_args(vm, "masked_scatter", "input mask source", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "masked_scatter", &x) ||
        !arg_tensor_at(ts, v[1], "masked_scatter", "mask", 2, &mask) ||
        !arg_tensor_at(ts, v[2], "masked_scatter", "source", 3, &source))
        return NULL_VALUE;
    if (mask->type.dtype != DT_BOOL || !expand_fits(ts, &mask->type, x->type.rank, x->type.dim))
        return vm_failed(vm) ? NULL_VALUE
                             : vm_raise(vm, EXC_RuntimeError,
                                        "masked_scatter_ only supports boolean masks, but got mask "
                                        "with dtype %s",
                                        dtype_long_name(mask->type.dtype));
    Value wide = tensor_view_of(ts, mask, view_expand(mask, x->type.rank, x->type.dim), NULL);
    Value row =
        tensor_reshape(ts, source, 1, (int64_t[]){type_numel(&source->type)}, "ViewBackward0");
    Value target =
        inplace ? incref(v[0]) : tensor_wrap(ts, tensor_read(ts, x), "MaskedScatterBackward0");
    LazyNode *items[MAX_RANK];
    int64_t found = 0;
    bool ok = !is_null(wide) && !is_null(row) && !is_null(target) &&
              nonzero_nodes(ts, as_tensor(wide), items, &found);
    for (int i = 0; ok && i < x->type.rank; i++)
        lazy_unref(ts, items[i]);
    if (ok && found > type_numel(&source->type)) {
        vm_raise(vm, EXC_RuntimeError, "Number of elements of source < number of ones in mask");
        ok = false;
    }
    Value part =
        ok ? tensor_narrow(ts, as_tensor(row), 0, 0, found, 1, "SliceBackward0") : NULL_VALUE;
    ok = ok && !is_null(part) && tensor_setitem(vm, target, wide, part);
    Value used[] = {wide, row, part};
    for (int i = 0; i < 3; i++)
        if (!is_null(used[i])) decref(used[i]);
    Var *var = ok && !as_tensor(target)->view ? as_tensor(target)->var : NULL;
    if (var && var->node) var->fn_name = var->node->fn_name = "MaskedScatterBackward0";
    if (ok) return target;
    if (!is_null(target)) decref(target);
    return NULL_VALUE;
}
static Value masked_scatter_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return masked_scatter_any(vm, false, args, nargs, kwnames);
}
static Value masked_scatter_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return masked_scatter_any(vm, true, args, nargs, kwnames);
}

static Value masked_select_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x, *mask;
    if (!vm_args(vm, "masked_select", "input mask", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "masked_select", &x) ||
        !arg_tensor_at(ts, v[1], "masked_select", "mask", 2, &mask))
        return NULL_VALUE;
    Type type = x->type;
    if (!broadcast_shapes(ts, &x->type, &mask->type, &type)) return NULL_VALUE;
    Value a = tensor_view_of(ts, x, view_expand(x, type.rank, type.dim), "ExpandBackward0");
    Value b = tensor_view_of(ts, mask, view_expand(mask, type.rank, type.dim), NULL);
    Value result = tensor_getitem(vm, a, b);
    if (!is_null(result)) as_tensor(result)->var->fn_name = "MaskedSelectBackward0";
    decref(a);
    decref(b);
    return result;
}

const TensorFunction INDEX_FUNCTIONS[] = {
    {"index_put", index_put_new, FN_BOTH},
    {"index_put_", index_put_inplace, FN_METHOD},
    {"nonzero", nonzero_call, FN_BOTH},
    {"argwhere", argwhere_call, FN_BOTH},
    {"check_tensor", check_tensor_call, FN_FUNCTION},
    {"check_index", check_index_call, FN_FUNCTION},
    {"masked_scatter", masked_scatter_call, FN_BOTH},
    {"masked_scatter_", masked_scatter_call_, FN_METHOD},
    {"masked_select", masked_select_call, FN_BOTH},
    {NULL, NULL, 0},
};
