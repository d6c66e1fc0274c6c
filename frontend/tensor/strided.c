/* Views with strides of their own: diagonals, sliding windows, as_strided. */
#include "frontend/tensor/tensor.h"

static ViewAxis axis_along(int64_t size, int dim, int64_t by) {
    ViewAxis axis = {.size = size};
    axis.along[dim] = by;
    return axis;
}

/* diagonal(x, offset, dim1, dim2): the elements whose second index is the first's plus offset, as
 * the last dim. */
static Value diagonal_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    int64_t offset, start[MAX_RANK] = {0};
    int a, b, rank = 0;
    if (!vm_args(vm, "diagonal", "input offset? dim1? dim2?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "diagonal", &x) || !arg_int(ts, v[1], 0, &offset) ||
        !arg_dim(ts, is_null(v[2]) ? from_int(0) : v[2], x->type.rank, &a) ||
        !arg_dim(ts, is_null(v[3]) ? from_int(1) : v[3], x->type.rank, &b))
        return NULL_VALUE;
    if (a == b)
        return vm_raise(vm, EXC_RuntimeError, "diagonal dimensions cannot be identical %lld, %lld",
                        is_null(v[2]) ? 0LL : (long long)as_int(v[2]),
                        is_null(v[3]) ? 1LL : (long long)as_int(v[3]));
    ViewAxis axes[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++)
        if (i != a && i != b) axes[rank++] = axis_along(x->type.dim[i], i, 1);
    start[a] = offset < 0 ? -offset : 0;
    start[b] = offset > 0 ? offset : 0;
    int64_t rows = x->type.dim[a] - start[a], columns = x->type.dim[b] - start[b];
    int64_t count = rows < columns ? rows : columns;
    if (count <= 0) count = start[a] = start[b] = 0;
    axes[rank] = axis_along(count, a, 1);
    axes[rank].along[b] = 1;
    return tensor_view_of(ts, x, view_strided(x, rank + 1, axes, start), "DiagonalBackward0");
}

/* unfold(x, dim, size, step): windows along the dim; what they hold is the last dim. */
static Value unfold_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    int dim;
    int64_t size, step, start[MAX_RANK] = {0};
    if (!vm_args(vm, "unfold", "self dimension size step", args, nargs, kwnames, v))
        return NULL_VALUE;
    Tensor *x = as_tensor(v[0]);
    int rank = x->type.rank;
    if (!arg_dim(ts, v[1], rank, &dim) || !arg_int(ts, v[2], 0, &size) ||
        !arg_int(ts, v[3], 0, &step))
        return NULL_VALUE;
    if (rank == MAX_RANK)
        return vm_raise(vm, EXC_RuntimeError, "unfold() takes tensors of at most %d dimensions",
                        MAX_RANK - 1);
    int64_t most = rank ? x->type.dim[dim] : 1;
    if (size < 0 || size > most)
        return vm_raise(vm, EXC_RuntimeError,
                        "maximum size for tensor at dimension %d is %lld but size is %lld", dim,
                        (long long)most, (long long)size);
    if (step <= 0)
        return vm_raise(vm, EXC_RuntimeError, "step is %lld but must be > 0", (long long)step);
    ViewAxis axes[MAX_RANK];
    for (int i = 0; i < rank; i++)
        axes[i] = axis_along(x->type.dim[i], i, 1);
    if (rank) axes[dim] = axis_along((most - size) / step + 1, dim, step);
    axes[rank] = axis_along(size, dim, rank > 0);
    return tensor_view_of(ts, x, view_strided(x, rank + 1, axes, start), "UnfoldBackward0");
}

/* What shows x's whole storage in order (a new reference): x itself, or the base it is a view of.
 */
static Value storage_in_order(TensorState *ts, Tensor *x, int64_t *offset) {
    int64_t strides[MAX_RANK];
    tensor_strides(x, strides, offset);
    if (tensor_is_contiguous(x) && type_numel(&x->type) == type_numel(&x->var->storage->type))
        return NEW_REF(x);
    if (!x->var->root) {
        Value base = tensor_of_var(ts, x->var);
        const int64_t *order = x->var->storage->order;
        if (!order) return base;
        ViewStep *step = view_permute(as_tensor(base), order);
        Value memory = tensor_view_of(ts, as_tensor(base), step, "PermuteBackward0");
        decref(base);
        return memory;
    }
    return vm_raise(ts->vm, EXC_NotImplementedError,
                    "as_strided() of a detached view is not supported: clone it first");
}

static Value strided_view(TensorState *ts, Tensor *x, int rank, const int64_t *sizes,
                          const int64_t *strides, const int64_t *start) {
    ViewAxis axes[MAX_RANK];
    int64_t last = start[0], total = type_numel(&x->type);
    for (int i = 0; i < rank; i++) {
        axes[i] = axis_along(sizes[i], 0, strides[i]);
        last += (sizes[i] - 1) * strides[i];
        if (sizes[i] < 0 || strides[i] < 0)
            return vm_raise(ts->vm, EXC_RuntimeError, "as_strided: negative sizes and strides");
    }
    if (last >= total)
        return vm_raise(ts->vm, EXC_RuntimeError,
                        "setStorage: the elements asked for are out of bounds for storage of size "
                        "%lld",
                        (long long)((size_t)total * dtype_size(x->type.dtype)));
    Value row = tensor_reshape(ts, x, 1, &total, NULL);
    if (is_null(row)) return row;
    ViewStep *step = view_strided(as_tensor(row), rank, axes, start);
    Value view = tensor_view_of(ts, as_tensor(row), step, "AsStridedBackward0");
    decref(row);
    return view;
}

/* as_strided(x, size, stride, storage_offset): any elements of x's storage. */
static Value as_strided_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    int64_t sizes[MAX_RANK], strides[MAX_RANK], start[MAX_RANK] = {0};
    int rank, count;
    if (!vm_args(vm, "as_strided", "input size stride storage_offset?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "as_strided", &x) ||
        !arg_ints(ts, v[1], "size", sizes, MAX_RANK, &rank) ||
        !arg_ints(ts, v[2], "stride", strides, MAX_RANK, &count))
        return NULL_VALUE;
    if (count != rank)
        return vm_raise(vm, EXC_RuntimeError, "mismatch in length of strides and shape");
    Value base = storage_in_order(ts, x, &start[0]);
    if (is_null(base)) return base;
    Value made = !is_none(v[3]) && !arg_int(ts, v[3], start[0], &start[0])
                     ? NULL_VALUE
                     : strided_view(ts, as_tensor(base), rank, sizes, strides, start);
    decref(base);
    return made;
}

const TensorFunction STRIDED_FUNCTIONS[] = {
    {"diagonal", diagonal_call, FN_BOTH},
    {"unfold", unfold_call, FN_METHOD},
    {"as_strided", as_strided_call, FN_BOTH},
    {NULL, NULL, 0},
};
