/* Methods that change a tensor's shape without copying: view, reshape, permute, expand and kin. */
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/tensor.h"

/* ---- building blocks ---- */

Value tensor_reshape(TensorState *ts, Tensor *x, int rank, const int64_t *dims,
                     const char *fn_name) {
    ViewStep *step = view_reshape(x, rank, dims);
    if (step) return tensor_view_of(ts, x, step, fn_name);
    return tensor_wrap(ts, lazy_reshape(ts, tensor_read(ts, x), rank, dims), "UnsafeViewBackward0");
}

Value tensor_transpose(TensorState *ts, Tensor *x, int a, int b, const char *fn_name) {
    int64_t perm[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++)
        perm[i] = i;
    if (x->type.rank) {
        perm[a] = b;
        perm[b] = a;
    }
    return tensor_view_of(ts, x, view_permute(x, perm), fn_name);
}

Value tensor_narrow(TensorState *ts, Tensor *x, int axis, int64_t start, int64_t size, int64_t step,
                    const char *fn_name) {
    int64_t starts[MAX_RANK] = {0}, sizes[MAX_RANK], steps[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++) {
        sizes[i] = x->type.dim[i];
        steps[i] = 1;
    }
    starts[axis] = start;
    sizes[axis] = size;
    steps[axis] = step;
    return tensor_view_of(ts, x, view_slice(x, starts, sizes, steps), fn_name);
}

Value tensor_select(TensorState *ts, Tensor *x, int axis, int64_t index) {
    int64_t size = x->type.dim[axis];
    if (index < -size || index >= size) {
        Buf shape = {0};
        shape_text(&shape, x->type.dim, x->type.rank);
        vm_raise(ts->vm, EXC_IndexError,
                 "select(): index %lld out of range for tensor of size %s at dimension %d",
                 (long long)index, buf_text(&shape), axis);
        buf_free(&shape);
        return NULL_VALUE;
    }
    if (index < 0) index += size;
    Value part = tensor_narrow(ts, x, axis, index, 1, 1, NULL);
    if (is_null(part)) return part;
    int64_t dims[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->type.rank; i++)
        if (i != axis) dims[rank++] = x->type.dim[i];
    Value result = tensor_reshape(ts, as_tensor(part), rank, dims, "SelectBackward0");
    decref(part);
    return result;
}

/* Fills in a -1; false: raised. */
static bool resolve_shape(TensorState *ts, const Type *type, int rank, int64_t *dims) {
    int64_t known = 1, total = type_numel(type);
    int unknown = -1;
    Buf shape = {0};
    shape_text(&shape, dims, rank);
    bool ok = true;
    for (int i = 0; i < rank && ok; i++) {
        if (dims[i] == -1 && unknown < 0) {
            unknown = i;
        } else if (dims[i] < 0) {
            vm_raise(ts->vm, EXC_RuntimeError,
                     dims[i] == -1 ? "only one dimension can be inferred"
                                   : "invalid shape dimension %lld",
                     (long long)dims[i]);
            ok = false;
        } else if (!mul_i64(known, dims[i], &known)) {
            known = -1;
        }
    }
    if (ok && unknown >= 0 && known > 0 && total % known == 0) {
        dims[unknown] = total / known;
        known = total;
    } else if (ok && unknown >= 0 && known == 0 && total == 0) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "cannot reshape tensor of 0 elements into shape %s because the unspecified "
                 "dimension size -1 can be any value and is ambiguous",
                 buf_text(&shape));
        ok = false;
    } else if (unknown >= 0) {
        known = -1;
    }
    if (ok && known != total) {
        vm_raise(ts->vm, EXC_RuntimeError, "shape '%s' is invalid for input of size %lld",
                 buf_text(&shape), (long long)total);
        ok = false;
    }
    buf_free(&shape);
    return ok;
}

/* Arguments that are a tensor and sizes: one by one, as a sequence, or as the keyword of `spec`,
 * when *args and *nargs become those in v. False: raised. */
static bool args_sizes(Vm *vm, const char *name, const char *spec, const Value **args, int *nargs,
                       const Tuple *kwnames, Value v[2]) {
    if (!kwnames || !kwnames->count) return vm_args_simple(vm, name, *nargs, NULL, 2, -1);
    if (!vm_args(vm, name, spec, *args, *nargs, kwnames, v)) return false;
    *args = v;
    *nargs = 2;
    return true;
}

/* ---- view and reshape ---- */

static Value view_to(TensorState *ts, Tensor *x, int rank, int64_t *dims) {
    if (!resolve_shape(ts, &x->type, rank, dims)) return NULL_VALUE;
    ViewStep *step = view_reshape(x, rank, dims);
    if (!step)
        return vm_raise(ts->vm, EXC_RuntimeError,
                        "view size is not compatible with input tensor's size and stride (at "
                        "least one dimension spans across two contiguous subspaces). Use "
                        ".reshape(...) instead.");
    return tensor_view_of(ts, x, step, "ViewBackward0");
}

static Value view_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    int64_t dims[MAX_RANK];
    int rank;
    Value v[2];
    if (!args_sizes(vm, "view", "input size|dtype", &args, &nargs, kwnames, v)) return NULL_VALUE;
    if (nargs == 2 && args[1].tag == TAG_OBJ && args[1].o->cls == ts->dtype_class)
        return vm_raise(vm, EXC_RuntimeError, "view(dtype) is not supported: use .to(dtype)");
    if (!arg_sizes(ts, args + 1, nargs - 1, "view", dims, &rank)) return NULL_VALUE;
    return view_to(ts, as_tensor(args[0]), rank, dims);
}

static Value reshape_to(TensorState *ts, Tensor *x, int rank, int64_t *dims) {
    if (!resolve_shape(ts, &x->type, rank, dims)) return NULL_VALUE;
    return tensor_reshape(ts, x, rank, dims, "ViewBackward0");
}

static Value reshape_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *x;
    int64_t dims[MAX_RANK];
    int rank;
    Value v[2];
    if (!args_sizes(vm, "reshape", "input shape", &args, &nargs, kwnames, v) ||
        !arg_tensor(ts, args[0], "reshape", &x) ||
        !arg_sizes(ts, args + 1, nargs - 1, "reshape", dims, &rank))
        return NULL_VALUE;
    return reshape_to(ts, x, rank, dims);
}

static Value reshape_like(Vm *vm, bool as_view, const Value *args, int nargs,
                          const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *other;
    Value v[2];
    if (!vm_args(vm, "view_as", "self other", args, nargs, kwnames, v) ||
        !arg_tensor_at(ts, v[1], "view_as", "other", 1, &other))
        return NULL_VALUE;
    int64_t dims[MAX_RANK];
    memcpy(dims, other->type.dim, sizeof dims);
    Tensor *x = as_tensor(v[0]);
    return as_view ? view_to(ts, x, other->type.rank, dims)
                   : reshape_to(ts, x, other->type.rank, dims);
}
static Value view_as_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return reshape_like(vm, true, args, nargs, kwnames);
}
static Value reshape_as_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return reshape_like(vm, false, args, nargs, kwnames);
}

static Value flatten_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int start = 0, end;
    if (!vm_args(vm, "flatten", "input start_dim? end_dim?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "flatten", &x))
        return NULL_VALUE;
    int rank = x->type.rank;
    end = rank ? rank - 1 : 0;
    if ((!is_null(v[1]) && !arg_dim(ts, v[1], rank, &start)) ||
        (!is_null(v[2]) && !arg_dim(ts, v[2], rank, &end)))
        return NULL_VALUE;
    if (start > end)
        return vm_raise(vm, EXC_RuntimeError,
                        "flatten() has invalid args: start_dim cannot come after end_dim");
    if (rank == 0) return reshape_to(ts, x, 1, (int64_t[]){1});
    if (start == end) return incref(v[0]);
    int64_t dims[MAX_RANK], run = 1;
    int count = 0;
    for (int i = 0; i < rank; i++) {
        run *= x->type.dim[i];
        if (i >= start && i < end) continue;
        dims[count++] = run;
        run = 1;
    }
    return tensor_reshape(ts, x, count, dims, "ViewBackward0");
}

/* Unlike flatten() of a vector, a view of its own. */
static Value ravel_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[1];
    Tensor *x;
    if (!vm_args(vm, "ravel", "input", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "ravel", &x))
        return NULL_VALUE;
    return tensor_reshape(ts, x, 1, (int64_t[]){type_numel(&x->type)}, "ViewBackward0");
}

static void unflatten_mismatch(TensorState *ts, const int64_t *sizes, int count, int dim,
                               int64_t size) {
    Buf text = {0};
    shape_text(&text, sizes, count);
    vm_raise(ts->vm, EXC_RuntimeError,
             "unflatten: Provided sizes %s don't multiply up to the size of dim %d (%lld) in the "
             "input tensor",
             buf_text(&text), dim, (long long)size);
    buf_free(&text);
}

static Value unflatten_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int dim, count;
    int64_t sizes[MAX_RANK] = {0}, dims[2 * MAX_RANK];
    if (!vm_args(vm, "unflatten", "input dim|axis sizes", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "unflatten", &x) || !arg_dim(ts, v[1], x->type.rank, &dim) ||
        !arg_ints(ts, v[2], "sizes", sizes, MAX_RANK, &count))
        return NULL_VALUE;
    Type one = type_make(x->type.dtype, 1, &x->type.dim[dim]);
    int64_t given[MAX_RANK];
    memcpy(given, sizes, sizeof given);
    if (!resolve_shape(ts, &one, count, sizes)) {
        if (vm_catch(vm, EXC_RuntimeError)) unflatten_mismatch(ts, given, count, dim, one.dim[0]);
        return NULL_VALUE;
    }
    int rank = 0;
    for (int i = 0; i < x->type.rank; i++) {
        if (i != dim) dims[rank++] = x->type.dim[i];
        for (int j = 0; i == dim && j < count; j++)
            dims[rank++] = sizes[j];
    }
    if (rank > MAX_RANK) return vm_raise(vm, EXC_RuntimeError, "too many dimensions: %d", rank);
    return tensor_reshape(ts, x, rank, dims, "ViewBackward0");
}

/* ---- dims of size one ---- */

static Value with_dims(TensorState *ts, Value self, int rank, const int64_t *dims, bool inplace,
                       const char *fn_name) {
    Tensor *x = as_tensor(self);
    Value view = tensor_view_of(ts, x, view_reshape(x, rank, dims), fn_name);
    if (!inplace || is_null(view)) return view;
    tensor_become(ts, x, as_tensor(view));
    decref(view);
    return incref(self);
}

static Value unsqueeze_any(Vm *vm, bool inplace, const Value *args, int nargs,
                           const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    int dim;
    if (!vm_args(vm, "unsqueeze", "input dim|axis", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "unsqueeze", &x) || !arg_dim(ts, v[1], x->type.rank + 1, &dim))
        return NULL_VALUE;
    if (x->type.rank == MAX_RANK) return vm_raise(vm, EXC_RuntimeError, "too many dimensions");
    int64_t dims[MAX_RANK];
    for (int i = 0; i <= x->type.rank; i++)
        dims[i] = i == dim ? 1 : x->type.dim[i < dim ? i : i - 1];
    return with_dims(ts, v[0], x->type.rank + 1, dims, inplace,
                     inplace ? "UnsqueezeBackward1" : "UnsqueezeBackward0");
}
static Value unsqueeze_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return unsqueeze_any(vm, false, args, nargs, kwnames);
}
static Value unsqueeze_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return unsqueeze_any(vm, true, args, nargs, kwnames);
}

static Value squeeze_any(Vm *vm, bool inplace, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    int64_t picked[MAX_RANK], dims[MAX_RANK];
    int count, rank = 0;
    if (!vm_args(vm, "squeeze", "input dim|axis?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "squeeze", &x) || !arg_dims(ts, v[1], x->type.rank, picked, &count))
        return NULL_VALUE;
    for (int i = 0, p = 0; i < x->type.rank; i++) {
        bool chosen = p < count && picked[p] == i;
        if (chosen) p++;
        if (!chosen || x->type.dim[i] != 1) dims[rank++] = x->type.dim[i];
    }
    static const char *const names[2][2] = {{"SqueezeBackward0", "SqueezeBackward1"},
                                            {"SqueezeBackward3", "SqueezeBackward4"}};
    return with_dims(ts, v[0], rank, dims, inplace, names[inplace][!is_null(v[1])]);
}
static Value squeeze_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return squeeze_any(vm, false, args, nargs, kwnames);
}
static Value squeeze_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return squeeze_any(vm, true, args, nargs, kwnames);
}

/* ---- permutations ---- */

static Value permute_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *x;
    int count;
    int64_t given[MAX_RANK], perm[MAX_RANK];
    bool seen[MAX_RANK] = {0};
    Value v[2];
    if (kwnames && kwnames->count) {
        if (!vm_args(vm, "permute", "input dims", args, nargs, kwnames, v)) return NULL_VALUE;
        args = v;
        nargs = 2;
    }
    if (nargs < 1 || !arg_tensor(ts, args[0], "permute", &x) ||
        !arg_sizes(ts, args + 1, nargs - 1, "permute", given, &count))
        return vm_failed(vm) ? NULL_VALUE : vm_raise(vm, EXC_TypeError, "permute() needs a tensor");
    if (count != x->type.rank)
        return vm_raise(vm, EXC_RuntimeError,
                        "permute(sparse_coo): number of dimensions in the tensor input does not "
                        "match the length of the desired ordering of dimensions i.e. input.dim() "
                        "= %d is not equal to len(dims) = %d",
                        x->type.rank, count);
    for (int i = 0; i < count; i++) {
        int dim;
        if (!arg_dim(ts, from_int(given[i]), count, &dim)) return NULL_VALUE;
        if (seen[dim])
            return vm_raise(vm, EXC_RuntimeError, "permute(): duplicate dims are not allowed.");
        seen[dim] = true;
        perm[i] = dim;
    }
    return tensor_view_of(ts, x, view_permute(x, perm), "PermuteBackward0");
}

static Value transpose_any(Vm *vm, bool inplace, const Value *args, int nargs,
                           const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int a, b;
    if (!vm_args(vm, "transpose", "input dim0|axis0 dim1|axis1", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "transpose", &x) || !arg_dim(ts, v[1], x->type.rank, &a) ||
        !arg_dim(ts, v[2], x->type.rank, &b))
        return NULL_VALUE;
    Value view =
        tensor_transpose(ts, x, a, b, inplace ? "TransposeBackward1" : "TransposeBackward0");
    if (!inplace || is_null(view)) return view;
    tensor_become(ts, x, as_tensor(view));
    decref(view);
    return incref(v[0]);
}
static Value transpose_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return transpose_any(vm, false, args, nargs, kwnames);
}
static Value transpose_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return transpose_any(vm, true, args, nargs, kwnames);
}

static Value t_any(Vm *vm, bool inplace, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[1];
    Tensor *x;
    if (!vm_args(vm, "t", "input", args, nargs, kwnames, v) || !arg_tensor(ts, v[0], "t", &x))
        return NULL_VALUE;
    if (x->type.rank > 2)
        return vm_raise(vm, EXC_RuntimeError,
                        "t() expects a tensor with <= 2 dimensions, but self is %dD", x->type.rank);
    if (x->type.rank < 2) return incref(v[0]);
    Value view = tensor_transpose(ts, x, 0, 1, inplace ? "TBackward1" : "TBackward0");
    if (!inplace || is_null(view)) return view;
    tensor_become(ts, x, as_tensor(view));
    decref(view);
    return incref(v[0]);
}
static Value t_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return t_any(vm, false, args, nargs, kwnames);
}
static Value t_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return t_any(vm, true, args, nargs, kwnames);
}

static Value movedim_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int64_t from[MAX_RANK], to[MAX_RANK], perm[MAX_RANK];
    int count, to_count;
    if (!vm_args(vm, "movedim", "input source destination", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "movedim", &x) ||
        !arg_ints(ts, v[1], "source", from, MAX_RANK, &count) ||
        !arg_ints(ts, v[2], "destination", to, MAX_RANK, &to_count))
        return NULL_VALUE;
    if (count != to_count)
        return vm_raise(vm, EXC_RuntimeError,
                        "movedim: Invalid source or destination dims: source (%d dims) should "
                        "contain the same number of dims as destination (%d dims)",
                        count, to_count);
    int rank = x->type.rank;
    bool used[MAX_RANK] = {0};
    for (int i = 0; i < MAX_RANK; i++)
        perm[i] = -1;
    for (int i = 0; i < count; i++) {
        int a, b;
        if (!arg_dim(ts, from_int(from[i]), rank, &a) || !arg_dim(ts, from_int(to[i]), rank, &b))
            return NULL_VALUE;
        perm[b] = a;
        used[a] = true;
    }
    for (int i = 0, next = 0; i < rank; i++) {
        if (perm[i] >= 0) continue;
        while (used[next])
            next++;
        perm[i] = next++;
    }
    return tensor_view_of(ts, x, view_permute(x, perm), "PermuteBackward0");
}

/* .T and .mT */
static Value attribute_T(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs;
    (void)kwnames;
    Tensor *x = as_tensor(args[0]);
    int64_t perm[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++)
        perm[i] = x->type.rank - 1 - i;
    return tensor_view_of(tensor_state(vm), x, view_permute(x, perm), "PermuteBackward0");
}

static Value attribute_mT(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs;
    (void)kwnames;
    Tensor *x = as_tensor(args[0]);
    int rank = x->type.rank;
    if (rank < 2)
        return vm_raise(vm, EXC_RuntimeError,
                        "tensor.mT is only supported on matrices or batches of matrices. Got %d-D "
                        "tensor.",
                        rank);
    return tensor_transpose(tensor_state(vm), x, rank - 2, rank - 1, "TransposeBackward0");
}

/* ---- expansion ---- */

bool expand_fits(TensorState *ts, const Type *type, int rank, const int64_t *sizes) {
    int lead = rank - type->rank;
    Buf asked = {0}, shape = {0};
    shape_text(&asked, sizes, rank);
    shape_text(&shape, type->dim, type->rank);
    bool ok = lead >= 0;
    if (!ok)
        vm_raise(ts->vm, EXC_RuntimeError,
                 "expand(torch.%sTensor{%s}, size=%s): the number of sizes provided (%d) must be "
                 "greater or equal to the number of dimensions in the tensor (%d)",
                 dtype_long_name(type->dtype), buf_text(&shape), buf_text(&asked), rank,
                 type->rank);
    for (int i = rank; ok && i-- > 0;) {
        int64_t have = i < lead ? 1 : type->dim[i - lead];
        if (sizes[i] == -1 && i < lead) {
            vm_raise(ts->vm, EXC_RuntimeError,
                     "The expanded size of the tensor (-1) isn't allowed in a leading, "
                     "non-existing dimension %d",
                     i);
            ok = false;
        } else if (sizes[i] != -1 && sizes[i] != have && (have != 1 || sizes[i] < 0)) {
            vm_raise(ts->vm, EXC_RuntimeError,
                     "The expanded size of the tensor (%lld) must match the existing size (%lld) "
                     "at non-singleton dimension %d.  Target sizes: %s.  Tensor sizes: %s",
                     (long long)sizes[i], (long long)have, i, buf_text(&asked), buf_text(&shape));
            ok = false;
        }
    }
    buf_free(&asked);
    buf_free(&shape);
    return ok;
}

static Value expand_to(TensorState *ts, Tensor *x, int rank, const int64_t *sizes) {
    int64_t dims[MAX_RANK];
    if (!expand_fits(ts, &x->type, rank, sizes)) return NULL_VALUE;
    for (int i = 0; i < rank; i++)
        dims[i] = sizes[i] == -1 ? x->type.dim[i - (rank - x->type.rank)] : sizes[i];
    return tensor_view_of(ts, x, view_expand(x, rank, dims), "ExpandBackward0");
}

static Value expand_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *x;
    int64_t dims[MAX_RANK];
    int rank;
    Value v[2];
    if (!args_sizes(vm, "expand", "input size", &args, &nargs, kwnames, v) ||
        !arg_tensor(ts, args[0], "expand", &x) ||
        !arg_sizes(ts, args + 1, nargs - 1, "expand", dims, &rank))
        return NULL_VALUE;
    return expand_to(ts, x, rank, dims);
}

static Value expand_as_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *other;
    Value v[2];
    if (!vm_args(vm, "expand_as", "self other", args, nargs, kwnames, v) ||
        !arg_tensor_at(ts, v[1], "expand_as", "other", 1, &other))
        return NULL_VALUE;
    return expand_to(ts, as_tensor(v[0]), other->type.rank, other->type.dim);
}

/* Dim i repeated: by an expanded dim before it while the rank allows, else by joining copies. */
static LazyNode *repeat_dim(TensorState *ts, LazyNode *node, int i, int64_t times) {
    Type type = node->type;
    int64_t wide[MAX_RANK + 1];
    if (times == 1) return node;
    if (times < 0) {
        lazy_unref(ts, node);
        vm_raise(ts->vm, EXC_RuntimeError, "Trying to create tensor with negative dimension %lld",
                 (long long)times);
        return NULL;
    }
    type.dim[i] *= times;
    if (node->type.dim[i] == 1) return lazy_expand(ts, node, type.rank, type.dim);
    if (type.rank == MAX_RANK) {
        LazyNode **parts = xcalloc((size_t)times, sizeof *parts);
        for (int64_t j = 0; j < times; j++)
            parts[j] = node;
        LazyNode *joined = lazy_concat(ts, parts, (int)times, i);
        free(parts);
        lazy_unref(ts, node);
        return joined;
    }
    for (int j = 0, k = 0; j < type.rank; j++) {
        if (j == i) wide[k++] = 1;
        wide[k++] = node->type.dim[j];
    }
    node = lazy_reshape(ts, node, type.rank + 1, wide);
    wide[i] = times;
    node = lazy_expand(ts, node, type.rank + 1, wide);
    return lazy_reshape(ts, node, type.rank, type.dim);
}

/* repeat and tile: a copy, each dim `times` over. */
static Value repeat_any(Vm *vm, const char *name, const Value *args, int nargs,
                        const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *x;
    int64_t given[MAX_RANK], times[MAX_RANK], dims[MAX_RANK];
    int count;
    Value v[2];
    if (!args_sizes(vm, name, "input repeats|dims", &args, &nargs, kwnames, v) ||
        !arg_tensor(ts, args[0], name, &x) ||
        !arg_sizes(ts, args + 1, nargs - 1, name, given, &count))
        return NULL_VALUE;
    int rank = x->type.rank, out = count > rank ? count : rank;
    if (name[0] == 'r' && count < rank)
        return vm_raise(vm, EXC_RuntimeError,
                        "Number of dimensions of repeat dims can not be smaller than number of "
                        "dimensions of tensor");
    for (int i = 0; i < out; i++) {
        times[i] = i < out - count ? 1 : given[i - (out - count)];
        dims[i] = i < out - rank ? 1 : x->type.dim[i - (out - rank)];
    }
    LazyNode *node = lazy_reshape(ts, tensor_read(ts, x), out, dims);
    for (int i = 0; node && i < out; i++)
        node = repeat_dim(ts, node, i, times[i]);
    return tensor_wrap(ts, node, "RepeatBackward0");
}
static Value repeat_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return repeat_any(vm, "repeat", args, nargs, kwnames);
}
static Value tile_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return repeat_any(vm, "tile", args, nargs, kwnames);
}

/* ---- parts ---- */

static Value narrow_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    int dim;
    int64_t start, length;
    if (!vm_args(vm, "narrow", "input dim|axis start length", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "narrow", &x) || !arg_dim(ts, v[1], x->type.rank, &dim) ||
        !arg_int(ts, v[2], 0, &start) || !arg_int(ts, v[3], 0, &length))
        return NULL_VALUE;
    int64_t size = x->type.dim[dim];
    if (start < 0) start += size;
    if (start < 0 || length < 0 || start + length > size)
        return vm_raise(vm, EXC_RuntimeError,
                        "start (%lld) + length (%lld) exceeds dimension size (%lld).",
                        (long long)start, (long long)length, (long long)size);
    return tensor_narrow(ts, x, dim, start, length, 1, "SliceBackward0");
}

static Value select_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int dim;
    int64_t index;
    if (!vm_args(vm, "select", "input dim|axis index", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "select", &x) || !arg_dim(ts, v[1], x->type.rank, &dim) ||
        !arg_int(ts, v[2], 0, &index))
        return NULL_VALUE;
    return tensor_select(ts, x, dim, index);
}

/* Views of the sizes given, one after the other along the axis. */
static Value parts_of(TensorState *ts, Tensor *x, int dim, const int64_t *sizes, int64_t size,
                      int64_t count) {
    Value parts = tuple_new(ts->vm, (size_t)count);
    int64_t at = 0, total = x->type.dim[dim];
    for (int64_t i = 0; i < count; i++) {
        int64_t length = sizes ? sizes[i] : at + size > total ? total - at : size;
        Value part = tensor_narrow(ts, x, dim, at, length, 1,
                                   sizes ? "SplitWithSizesBackward0" : "SplitBackward0");
        if (is_null(part)) {
            decref(parts);
            return part;
        }
        as_tuple(parts)->items[i] = part;
        at += length;
    }
    return parts;
}

static Value split_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int dim = 0, count;
    int64_t sizes[1024];
    if (!vm_args(vm, "split", "tensor split_size_or_sections|split_size dim|axis?", args, nargs,
                 kwnames, v) ||
        !arg_tensor(ts, v[0], "split", &x) ||
        (!is_null(v[2]) && !arg_dim(ts, v[2], x->type.rank, &dim)) ||
        !arg_ints(ts, v[1], "split", sizes, 1024, &count))
        return NULL_VALUE;
    if (x->type.rank == 0)
        return vm_raise(vm, EXC_RuntimeError, "split expects at least a 1-dimensional tensor");
    int64_t total = x->type.dim[dim], sum = 0;
    if (is_int(v[1])) {
        if (sizes[0] < 0)
            return vm_raise(vm, EXC_RuntimeError,
                            "split expects split_size be non-negative, but got split_size=%lld",
                            (long long)sizes[0]);
        if (sizes[0] == 0 && total)
            return vm_raise(vm, EXC_RuntimeError,
                            "split_size can only be 0 if dimension size is 0, but got dimension "
                            "size of %lld",
                            (long long)total);
        int64_t n = total ? (total + sizes[0] - 1) / sizes[0] : 1;
        return parts_of(ts, x, dim, NULL, sizes[0], n);
    }
    for (int i = 0; i < count; i++)
        sum += sizes[i];
    if (sum != total) {
        Buf text = {0};
        shape_text(&text, sizes, count);
        vm_raise(vm, EXC_RuntimeError,
                 "split_with_sizes expects split_sizes to sum exactly to %lld (input tensor's "
                 "size at dimension %d), but got split_sizes=%s",
                 (long long)total, dim, buf_text(&text));
        buf_free(&text);
        return NULL_VALUE;
    }
    return parts_of(ts, x, dim, sizes, 0, count);
}

static Value chunk_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int dim = 0;
    int64_t chunks;
    if (!vm_args(vm, "chunk", "input chunks dim|axis?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "chunk", &x) || !arg_int(ts, v[1], 1, &chunks) ||
        (!is_null(v[2]) && !arg_dim(ts, v[2], x->type.rank, &dim)))
        return NULL_VALUE;
    if (chunks <= 0)
        return vm_raise(vm, EXC_RuntimeError,
                        "chunk expects `chunks` to be greater than 0, got: %lld",
                        (long long)chunks);
    if (x->type.rank == 0)
        return vm_raise(vm, EXC_RuntimeError, "chunk expects at least a 1-dimensional tensor");
    int64_t total = x->type.dim[dim], size = (total + chunks - 1) / chunks;
    return parts_of(ts, x, dim, NULL, size ? size : 1, size ? (total + size - 1) / size : 1);
}

static Value unbind_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    int dim = 0;
    if (!vm_args(vm, "unbind", "input dim|axis?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "unbind", &x) ||
        (!is_null(v[1]) && !arg_dim(ts, v[1], x->type.rank, &dim)))
        return NULL_VALUE;
    if (x->type.rank == 0)
        return vm_raise(vm, EXC_IndexError,
                        "Dimension specified as 0 but tensor has no dimensions");
    int64_t count = x->type.dim[dim];
    Value parts = tuple_new(vm, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        Value part = tensor_select(ts, x, dim, i);
        if (is_null(part)) {
            decref(parts);
            return part;
        }
        as_tensor(part)->fn_name = "UnbindBackward0";
        as_tuple(parts)->items[i] = part;
    }
    return parts;
}

const TensorFunction VIEW_FUNCTIONS[] = {
    {"view", view_call, FN_METHOD},
    {"view_as", view_as_call, FN_METHOD},
    {"reshape", reshape_call, FN_BOTH},
    {"reshape_as", reshape_as_call, FN_METHOD},
    {"flatten", flatten_call, FN_BOTH},
    {"ravel", ravel_call, FN_BOTH},
    {"unflatten", unflatten_call, FN_BOTH},
    {"unsqueeze", unsqueeze_call, FN_BOTH},
    {"unsqueeze_", unsqueeze_call_, FN_METHOD},
    {"squeeze", squeeze_call, FN_BOTH},
    {"squeeze_", squeeze_call_, FN_METHOD},
    {"permute", permute_call, FN_BOTH},
    {"transpose", transpose_call, FN_BOTH},
    {"transpose_", transpose_call_, FN_METHOD},
    {"swapaxes", transpose_call, FN_BOTH},
    {"swapdims", transpose_call, FN_BOTH},
    {"t", t_call, FN_BOTH},
    {"t_", t_call_, FN_METHOD},
    {"movedim", movedim_call, FN_BOTH},
    {"moveaxis", movedim_call, FN_BOTH},
    {"T", attribute_T, FN_PROPERTY},
    {"mT", attribute_mT, FN_PROPERTY},
    {"expand", expand_call, FN_METHOD},
    {"expand_as", expand_as_call, FN_METHOD},
    {"broadcast_to", expand_call, FN_BOTH},
    {"repeat", repeat_call, FN_METHOD},
    {"tile", tile_call, FN_BOTH},
    {"narrow", narrow_call, FN_BOTH},
    {"select", select_call, FN_BOTH},
    {"split", split_call, FN_BOTH},
    {"chunk", chunk_call, FN_BOTH},
    {"unbind", unbind_call, FN_BOTH},
    {NULL, NULL, 0},
};
