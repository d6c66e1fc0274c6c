/* Joining and rearranging whole tensors: cat, stack, flip, roll and kin. */
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/tensor.h"

enum { MAX_PARTS = 4096 };

/* The items of a sequence of tensors. Borrowed; false: raised. */
static bool tensors_of(TensorState *ts, const char *name, Value v, const Value **items,
                       size_t *count) {
    if (!vm_items(v, items, count)) {
        vm_raise(ts->vm, EXC_TypeError,
                 "%s(): argument 'tensors' (position 1) must be tuple of Tensors, not %s", name,
                 vm_class_name(ts->vm, v));
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        if (is_tensor(ts, (*items)[i])) continue;
        vm_raise(ts->vm, EXC_TypeError, "expected Tensor as element %zu in argument 0, but got %s",
                 i, vm_class_name(ts->vm, (*items)[i]));
        return false;
    }
    if (*count && *count <= MAX_PARTS) return true;
    if (*count)
        vm_raise(ts->vm, EXC_RuntimeError, "%s: too many tensors", name);
    else if (strcmp(name, "cat") == 0)
        vm_raise(ts->vm, EXC_ValueError, "torch.cat(): expected a non-empty list of Tensors");
    else
        vm_raise(ts->vm, EXC_RuntimeError, "%s expects a non-empty TensorList", name);
    return false;
}

static bool check_parts(TensorState *ts, const Value *items, size_t count, int dim) {
    const Type *first = &as_tensor(items[0])->type;
    for (size_t i = 1; i < count; i++) {
        const Type *type = &as_tensor(items[i])->type;
        if (type->rank != first->rank) {
            vm_raise(ts->vm, EXC_RuntimeError,
                     "Tensors must have same number of dimensions: got %d and %d", first->rank,
                     type->rank);
            return false;
        }
        for (int d = 0; d < type->rank; d++) {
            if (d == dim || type->dim[d] == first->dim[d]) continue;
            vm_raise(ts->vm, EXC_RuntimeError,
                     "Sizes of tensors must match except in dimension %d. Expected size %lld but "
                     "got size %lld for tensor number %zu in the list.",
                     dim, (long long)first->dim[d], (long long)type->dim[d], i);
            return false;
        }
    }
    return true;
}

/* Joins along `dim`; with `fresh` each part gets that dim, of size 1, first. What is there already
 * is joined at once: graphs then don't depend on which parts are the same (samples of a memory). */
static Value join(TensorState *ts, const Value *items, size_t count, int dim, bool fresh,
                  const char *fn_name) {
    if (dim == 0 && !ts->policy.compiling) {
        Value joined = join_ready(ts, items, count, fresh);
        if (!is_null(joined)) return joined;
    }
    Promotion p;
    promote_init(&p);
    for (size_t i = 0; i < count; i++)
        promote_add(ts, &p, items[i]);
    DType dtype = promote_result(ts, &p);
    LazyNode **parts = xcalloc(count, sizeof *parts);
    size_t made = 0;
    for (; made < count; made++) {
        Tensor *x = as_tensor(items[made]);
        LazyNode *node = lazy_cast(ts, tensor_read(ts, x), dtype);
        int64_t dims[MAX_RANK];
        for (int i = 0; fresh && i <= x->type.rank; i++)
            dims[i] = i == dim ? 1 : x->type.dim[i < dim ? i : i - 1];
        if (fresh) node = lazy_reshape(ts, node, x->type.rank + 1, dims);
        if (!node) break;
        parts[made] = node;
    }
    LazyNode *node = made == count ? lazy_concat(ts, parts, (int)count, dim) : NULL;
    for (size_t i = 0; i < made; i++)
        lazy_unref(ts, parts[i]);
    free(parts);
    Value joined = tensor_wrap(ts, node, fn_name);
    if (!fresh && !is_null(joined)) tensor_lay_like(joined, items, count, true);
    return joined;
}

/* As in PyTorch a vector without elements joins tensors of any rank: only its type counts. The
 * others, in a new array; NULL when all are. */
static Value *but_empty(const Value *items, size_t count, size_t *kept) {
    Value *others = xcalloc(count, sizeof *others);
    *kept = 0;
    for (size_t i = 0; i < count; i++) {
        const Type *type = &as_tensor(items[i])->type;
        if (type->rank != 1 || type->dim[0] != 0) others[(*kept)++] = items[i];
    }
    if (*kept && *kept < count) return others;
    free(others);
    return NULL;
}

static Value cat_items(TensorState *ts, const Value *items, size_t count, Value axis) {
    int rank = as_tensor(items[0])->type.rank, dim = 0;
    if (rank == 0)
        return vm_raise(ts->vm, EXC_RuntimeError,
                        "zero-dimensional tensor (at position 0) cannot be concatenated");
    if ((!is_null(axis) && !arg_dim(ts, axis, rank, &dim)) || !check_parts(ts, items, count, dim))
        return NULL_VALUE;
    return join(ts, items, count, dim, false, "CatBackward0");
}

static Value cat_some(TensorState *ts, const Value *items, size_t count, Value axis) {
    size_t kept;
    Value *others = but_empty(items, count, &kept);
    if (!others) return cat_items(ts, items, count, axis);
    Promotion p;
    promote_init(&p);
    for (size_t i = 0; i < count; i++)
        promote_add(ts, &p, items[i]);
    Value joined = cat_items(ts, others, kept, axis);
    free(others);
    if (is_null(joined)) return joined;
    Value cast = tensor_cast(ts, as_tensor(joined), promote_result(ts, &p));
    decref(joined);
    return cast;
}

static Value cat_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    const Value *items;
    size_t count;
    if (!vm_args(vm, "cat", "tensors dim|axis?", args, nargs, kwnames, v) ||
        !tensors_of(ts, "cat", v[0], &items, &count))
        return NULL_VALUE;
    return cat_some(ts, items, count, v[1]);
}

static Value stack_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    const Value *items;
    size_t count;
    int dim = 0;
    if (!vm_args(vm, "stack", "tensors dim|axis?", args, nargs, kwnames, v) ||
        !tensors_of(ts, "stack", v[0], &items, &count))
        return NULL_VALUE;
    const Type *first = &as_tensor(items[0])->type;
    if (!is_null(v[1]) && !arg_dim(ts, v[1], first->rank + 1, &dim)) return NULL_VALUE;
    for (size_t i = 1; i < count; i++) {
        const Type *type = &as_tensor(items[i])->type;
        if (type_same_shape(first, type)) continue;
        Buf a = {0}, b = {0};
        shape_text(&a, first->dim, first->rank);
        shape_text(&b, type->dim, type->rank);
        vm_raise(vm, EXC_RuntimeError,
                 "stack expects each tensor to be equal size, but got %s at entry 0 and %s at "
                 "entry %zu",
                 buf_text(&a), buf_text(&b), i);
        buf_free(&a);
        buf_free(&b);
        return NULL_VALUE;
    }
    return join(ts, items, count, dim, true, "StackBackward0");
}

static Value flip_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *x;
    int64_t given[MAX_RANK];
    int count;
    Value v[2];
    if (kwnames && kwnames->count) {
        if (!vm_args(vm, "flip", "input dims", args, nargs, kwnames, v)) return NULL_VALUE;
        args = v;
        nargs = 2;
    }
    if (nargs < 2)
        return vm_raise(vm, EXC_TypeError,
                        "flip() missing 1 required positional arguments: \"dims\"");
    if (!arg_tensor(ts, args[0], "flip", &x) ||
        !arg_sizes(ts, args + 1, nargs - 1, "flip", given, &count))
        return NULL_VALUE;
    LazyNode *node = tensor_read(ts, x);
    for (int i = 0; node && i < count; i++) {
        int dim;
        if (!arg_dim(ts, from_int(given[i]), x->type.rank, &dim)) {
            lazy_unref(ts, node);
            return NULL_VALUE;
        }
        node = lazy_flip(ts, node, dim);
    }
    return tensor_wrap_like(ts, node, "FlipBackward0", &x, 1);
}

/* torch.flip(x, dims): unlike the method's, its dims are a sequence. */
static Value flip_function(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[2];
    if (nargs > 2)
        return vm_raise(vm, EXC_TypeError, "flip() takes 2 positional arguments but %d were given",
                        nargs);
    if (nargs + (kwnames ? (int)kwnames->count : 0) < 2) return flip_call(vm, args, nargs, kwnames);
    if (!vm_args(vm, "flip", "input dims", args, nargs, kwnames, v)) return NULL_VALUE;
    const Value *items;
    size_t count;
    if (vm_items(v[1], &items, &count)) return flip_call(vm, v, 2, NULL);
    return vm_raise(vm, EXC_TypeError, "flip(): argument 'dims' %smust be tuple of ints, not %s",
                    nargs == 2 ? "(position 2) " : "", vm_class_name(vm, v[1]));
}

/* One dim rotated by `shift`: its two parts change places. */
static LazyNode *roll_dim(TensorState *ts, LazyNode *node, int dim, int64_t shift) {
    int64_t size = node->type.dim[dim], start[MAX_RANK] = {0}, sizes[MAX_RANK], step[MAX_RANK];
    if (size == 0) return node;
    shift = ((shift % size) + size) % size;
    if (shift == 0) return node;
    memcpy(sizes, node->type.dim, sizeof sizes);
    for (int i = 0; i < MAX_RANK; i++)
        step[i] = 1;
    sizes[dim] = size - shift;
    LazyNode *parts[2] = {NULL, lazy_slice(ts, lazy_ref(node), start, sizes, step)};
    start[dim] = size - shift;
    sizes[dim] = shift;
    parts[0] = lazy_slice(ts, node, start, sizes, step);
    LazyNode *joined = parts[0] && parts[1] ? lazy_concat(ts, parts, 2, dim) : NULL;
    for (int i = 0; i < 2; i++)
        if (parts[i]) lazy_unref(ts, parts[i]);
    return joined;
}

static Value roll_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int64_t shifts[MAX_RANK], dims[MAX_RANK];
    int count, dim_count = 0;
    if (!vm_args(vm, "roll", "input shifts dims?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "roll", &x) ||
        !arg_ints(ts, v[1], "shifts", shifts, MAX_RANK, &count))
        return NULL_VALUE;
    LazyNode *node = tensor_read(ts, x);
    if (!node) return NULL_VALUE;
    if (is_null(v[2]) || is_none(v[2])) {
        int64_t flat = type_numel(&x->type);
        node = lazy_reshape(ts, node, 1, &flat);
        node = node ? roll_dim(ts, node, 0, shifts[0]) : NULL;
        node = lazy_reshape(ts, node, x->type.rank, x->type.dim);
        return tensor_wrap(ts, node, "RollBackward0");
    }
    bool ok = arg_ints(ts, v[2], "dims", dims, MAX_RANK, &dim_count);
    if (ok && dim_count != count) {
        vm_raise(vm, EXC_RuntimeError, "shifts and dimensions must align. shifts: %d, dims:%d",
                 count, dim_count);
        ok = false;
    }
    for (int i = 0; ok && node && i < count; i++) {
        int dim;
        ok = arg_dim(ts, from_int(dims[i]), x->type.rank, &dim);
        if (ok) node = roll_dim(ts, node, dim, shifts[i]);
    }
    if (ok) {
        Value rolled = tensor_wrap(ts, node, "RollBackward0");
        if (!is_null(rolled)) tensor_lay_like(rolled, v, 1, true);
        return rolled;
    }
    if (node) lazy_unref(ts, node);
    return NULL_VALUE;
}

/* Every tensor expanded to the shape that all broadcast to. */
static Value broadcast_tensors_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Type type = type_scalar(DT_F32);
    if (!vm_args_simple(vm, "broadcast_tensors", nargs, kwnames, 1, -1)) return NULL_VALUE;
    for (int i = 0; i < nargs; i++) {
        Tensor *x;
        if (!arg_tensor(ts, args[i], "broadcast_tensors", &x) ||
            !broadcast_shapes(ts, &type, &x->type, &type))
            return NULL_VALUE;
    }
    Value made = tuple_new(vm, (size_t)nargs);
    for (int i = 0; i < nargs; i++) {
        Tensor *x = as_tensor(args[i]);
        as_tuple(made)->items[i] =
            tensor_view_of(ts, x, view_expand(x, type.rank, type.dim), "ExpandBackward0");
    }
    return made;
}

const TensorFunction JOIN_FUNCTIONS[] = {
    {"cat", cat_call, FN_FUNCTION},
    {"concat", cat_call, FN_FUNCTION},
    {"concatenate", cat_call, FN_FUNCTION},
    {"stack", stack_call, FN_FUNCTION},
    {"flip", flip_call, FN_METHOD},
    {"flip", flip_function, FN_FUNCTION},
    {"roll", roll_call, FN_BOTH},
    {"broadcast_tensors", broadcast_tensors_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
