/* Reductions and scans: sums, extremes, statistics, softmax. */
#include <math.h>
#include <string.h>

#include "frontend/tensor/tensor.h"
#include "ir/graph.h"

/* What most reductions take: x, the axes, whether they stay with size 1. */
typedef struct Reduction {
    Tensor *x;
    int64_t axes[MAX_RANK];
    int count;
    bool keep, all;
} Reduction;

static bool reduction_args(TensorState *ts, const char *name, Value input, Value dim, Value keep,
                           Reduction *r) {
    r->all = is_null(dim) || is_none(dim);
    return arg_tensor(ts, input, name, &r->x) &&
           arg_dims(ts, dim, r->x->type.rank, r->axes, &r->count) &&
           arg_bool(ts, keep, false, &r->keep);
}

/* Consumes x, of the reduction's shape. */
static LazyNode *reduce(TensorState *ts, const Reduction *r, Op op, LazyNode *x) {
    return r->keep ? lazy_reduce_keep(ts, op, x, r->axes, r->count)
                   : lazy_reduce(ts, op, x, r->axes, r->count);
}

/* Consumes the reduced node of shape `x` without the axes; back to x's shape. */
static LazyNode *spread(TensorState *ts, const Reduction *r, LazyNode *node) {
    int64_t dims[MAX_RANK];
    const Type *type = &r->x->type;
    memcpy(dims, type->dim, sizeof dims);
    for (int i = 0; i < r->count; i++)
        dims[r->axes[i]] = 1;
    return lazy_expand(ts, lazy_reshape(ts, node, type->rank, dims), type->rank, type->dim);
}

static int64_t reduced_count(const Reduction *r) {
    int64_t count = 1;
    for (int i = 0; i < r->count; i++)
        count *= r->x->type.dim[r->axes[i]];
    return count;
}

static LazyNode *divide(TensorState *ts, LazyNode *node, double by) {
    if (!node) return node;
    LazyNode *n = lazy_const(ts, node->type.dtype, by);
    return lazy_binary(ts, OP_div, node, lazy_broadcast(ts, n, node->type.rank, node->type.dim));
}

/* ---- sums ---- */

static Value sum_like(Vm *vm, const char *name, Op op, const char *fn_all, const char *fn_dim,
                      const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Reduction r;
    if (!vm_args(vm, name, "input dim|axis? keepdim|keepdims? * dtype?", args, nargs, kwnames, v) ||
        !reduction_args(ts, name, v[0], v[1], v[2], &r))
        return NULL_VALUE;
    DType dtype = dtype_is_float(r.x->type.dtype) ? r.x->type.dtype : DT_I64;
    if (!arg_dtype(ts, v[3], &dtype)) return NULL_VALUE;
    LazyNode *x = lazy_cast(ts, tensor_read(ts, r.x), dtype);
    return tensor_wrap(ts, reduce(ts, &r, op, x), r.all ? fn_all : fn_dim);
}
static Value sum_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return sum_like(vm, "sum", OP_reduce_sum, "SumBackward0", "SumBackward1", args, nargs, kwnames);
}
static Value prod_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return sum_like(vm, "prod", OP_reduce_prod, "ProdBackward0", "ProdBackward1", args, nargs,
                    kwnames);
}

static Value mean_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Reduction r;
    if (!vm_args(vm, "mean", "input dim|axis? keepdim|keepdims? * dtype?", args, nargs, kwnames,
                 v) ||
        !reduction_args(ts, "mean", v[0], v[1], v[2], &r))
        return NULL_VALUE;
    DType dtype = r.x->type.dtype;
    if (!arg_dtype(ts, v[3], &dtype)) return NULL_VALUE;
    if (!dtype_is_float(dtype))
        return vm_raise(vm, EXC_NotImplementedError,
                        "mean(): could not infer output dtype. Input dtype must be either a "
                        "floating point or complex dtype. Got: %s",
                        dtype_long_name(dtype));
    LazyNode *x = lazy_cast(ts, tensor_read(ts, r.x), dtype);
    LazyNode *node = divide(ts, reduce(ts, &r, OP_reduce_sum, x), (double)reduced_count(&r));
    Value result = tensor_wrap(ts, node, r.all ? "MeanBackward0" : "MeanBackward1");
    return result;
}

/* ---- extremes ---- */

static const char *const PAIR_NAMES[PAIR_COUNT] = {
    "torch.return_types.max",      "torch.return_types.min",    "torch.return_types.sort",
    "torch.return_types.topk",     "torch.return_types.median", "torch.return_types.nanmedian",
    "torch.return_types.kthvalue", "torch.return_types.mode",   "torch.return_types.cummax",
    "torch.return_types.cummin",   "torch.return_types.aminmax"};

static Value pair_repr(Vm *vm, Value self) {
    Buf out = {0};
    bool extremes = self.o->cls == tensor_state(vm)->pairs[PAIR_AMINMAX];
    buf_printf(&out, "torch.return_types.%s(\n%s=", self.o->cls->name, extremes ? "min" : "values");
    bool ok = vm_repr_to(vm, as_tuple(self)->items[0], &out);
    buf_printf(&out, ",\n%s=", extremes ? "max" : "indices");
    ok = ok && vm_repr_to(vm, as_tuple(self)->items[1], &out);
    buf_puts(&out, ")");
    if (ok) return str_from_buf(vm, &out);
    buf_free(&out);
    return NULL_VALUE;
}
static Value pair_values(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(as_tuple(args[0])->items[0]);
}
static Value pair_indices(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(as_tuple(args[0])->items[1]);
}
static const Method PAIR_METHODS[] = {
    {"values", pair_values, METHOD_PROPERTY},
    {"indices", pair_indices, METHOD_PROPERTY},
    {NULL, NULL, 0},
};
static const Method EXTREMES_METHODS[] = {
    {"min", pair_values, METHOD_PROPERTY},
    {"max", pair_indices, METHOD_PROPERTY},
    {NULL, NULL, 0},
};

void pair_classes(TensorState *ts) {
    for (int i = 0; i < PAIR_COUNT; i++) {
        NativeClass spec = {.name = PAIR_NAMES[i],
                            .base = ts->vm->cls[CLS_TUPLE],
                            .flags = CLASS_TUPLE,
                            .slots = {.repr = pair_repr, .str = pair_repr},
                            .methods = i == PAIR_AMINMAX ? EXTREMES_METHODS : PAIR_METHODS};
        ts->pairs[i] = vm_native_class(ts->vm, &spec);
    }
}

Value pair_new(TensorState *ts, PairKind kind, Value values, Value indices) {
    if (is_null(values) || is_null(indices)) {
        if (!is_null(values)) decref(values);
        if (!is_null(indices)) decref(indices);
        return NULL_VALUE;
    }
    Value items = vm_pair(ts->vm, values, indices);
    Value made = vm_call1(ts->vm, FROM_OBJ(ts->pairs[kind]), items);
    decref(items);
    return made;
}

/* pair(name, values, indices): as the named function returns them. */
static Value pair_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    if (!vm_args(vm, "pair", "name values indices", args, nargs, kwnames, v)) return NULL_VALUE;
    for (int i = 0; is_str(v[0]) && i < PAIR_COUNT; i++)
        if (strcmp(as_str(v[0])->data, ts->pairs[i]->name) == 0)
            return pair_new(ts, (PairKind)i, incref(v[1]), incref(v[2]));
    return vm_raise(vm, EXC_ValueError, "pair(): unknown name");
}

static bool not_empty(TensorState *ts, const Reduction *r, const char *name) {
    if (reduced_count(r) > 0) return true;
    bool is_arg = strncmp(name, "arg", 3) == 0;
    if (!r->all)
        vm_raise(ts->vm, EXC_IndexError, "%s(): Expected reduction dim %lld to have non-zero size.",
                 name, (long long)r->axes[0]);
    else
        vm_raise(ts->vm, is_arg ? EXC_IndexError : EXC_RuntimeError,
                 "%s(): Expected reduction dim to be specified for input.numel() == 0.%s", name,
                 is_arg ? "" : " Specify the reduction dim with the 'dim' argument.");
    return false;
}

/* Where the extreme lies along one axis (i64), the axis dropped. */
static LazyNode *arg_node(TensorState *ts, Tensor *x, int axis, bool is_max) {
    LazyNode *node = tensor_read(ts, x);
    if (x->type.dtype == DT_BOOL) node = lazy_cast(ts, node, DT_U8);
    return lazy_axis(ts, is_max ? OP_argmax : OP_argmin, node, axis);
}

/* The values at those places: the gradient goes to them alone. */
static Value extreme_pair(TensorState *ts, const Reduction *r, bool is_max) {
    Tensor *x = r->x;
    const char *fn_name = is_max ? "MaxBackward0" : "MinBackward0";
    PairKind kind = is_max ? PAIR_MAX : PAIR_MIN;
    if (x->type.rank == 0)
        return pair_new(ts, kind, tensor_wrap(ts, tensor_read(ts, x), fn_name),
                        tensor_wrap(ts, lazy_zeros(ts, type_scalar(DT_I64)), NULL));
    int axis = (int)r->axes[0];
    LazyNode *index = arg_node(ts, x, axis, is_max);
    if (!index) return NULL_VALUE;
    int64_t dims[MAX_RANK];
    memcpy(dims, x->type.dim, sizeof dims);
    dims[axis] = 1;
    LazyNode *wide = lazy_reshape(ts, lazy_ref(index), x->type.rank, dims);
    LazyNode *values = lazy_indexed(ts, OP_gather, tensor_read(ts, x), lazy_ref(wide), NULL, axis);
    if (!r->keep && values) values = lazy_reshape(ts, values, index->type.rank, index->type.dim);
    LazyNode *places = r->keep ? lazy_ref(wide) : lazy_ref(index);
    lazy_unref(ts, wide);
    lazy_unref(ts, index);
    return pair_new(ts, kind, tensor_wrap(ts, values, fn_name), tensor_wrap(ts, places, NULL));
}

/* max(x), max(x, dim, keepdim) and max(x, other). */
static Value extreme(Vm *vm, bool is_max, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    const char *name = is_max ? "max" : "min";
    Op op = is_max ? OP_reduce_max : OP_reduce_min;
    Value v[4];
    Reduction r;
    if (!vm_args(vm, name, "input dim|axis? keepdim|keepdims? * other?", args, nargs, kwnames, v))
        return NULL_VALUE;
    Value other = is_tensor(ts, v[1]) ? v[1] : v[3];
    if (!is_null(other))
        return tensor_binary(ts, is_max ? OP_max : OP_min, v[0], other,
                             is_max ? "MaximumBackward0" : "MinimumBackward0");
    if (!reduction_args(ts, name, v[0], v[1], v[2], &r) || !not_empty(ts, &r, name))
        return NULL_VALUE;
    if (!r.all) return extreme_pair(ts, &r, is_max);
    return tensor_wrap(ts, reduce(ts, &r, op, tensor_read(ts, r.x)),
                       is_max ? "MaxBackward1" : "MinBackward1");
}
static Value max_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return extreme(vm, true, args, nargs, kwnames);
}
static Value min_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return extreme(vm, false, args, nargs, kwnames);
}

static Value amax_like(Vm *vm, bool is_max, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    const char *name = is_max ? "amax" : "amin";
    Value v[3];
    Reduction r;
    if (!vm_args(vm, name, "input dim|axis? keepdim|keepdims?", args, nargs, kwnames, v) ||
        !reduction_args(ts, name, v[0], v[1], v[2], &r) || !not_empty(ts, &r, name))
        return NULL_VALUE;
    return tensor_wrap(ts,
                       reduce(ts, &r, is_max ? OP_reduce_max : OP_reduce_min, tensor_read(ts, r.x)),
                       is_max ? "AmaxBackward0" : "AminBackward0");
}
static Value amax_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return amax_like(vm, true, args, nargs, kwnames);
}
static Value amin_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return amax_like(vm, false, args, nargs, kwnames);
}

static Value arg_like(Vm *vm, bool is_max, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    const char *name = is_max ? "argmax" : "argmin";
    Value v[3];
    Reduction r;
    if (!vm_args(vm, name, "input dim|axis? keepdim|keepdims?", args, nargs, kwnames, v) ||
        !reduction_args(ts, name, v[0], v[1], v[2], &r) || !not_empty(ts, &r, name))
        return NULL_VALUE;
    Tensor *x = r.x;
    if (x->type.dtype == DT_BOOL)
        return vm_raise(vm, EXC_NotImplementedError, "%s(): does not support bool input", name);
    if (x->type.rank == 0) return tensor_wrap(ts, lazy_zeros(ts, type_scalar(DT_I64)), NULL);
    if (r.all) {
        int64_t flat = type_numel(&x->type), ones[MAX_RANK];
        LazyNode *node = lazy_reshape(ts, tensor_read(ts, x), 1, &flat);
        node = lazy_axis(ts, is_max ? OP_argmax : OP_argmin, node, 0);
        for (int i = 0; i < MAX_RANK; i++)
            ones[i] = 1;
        if (r.keep) node = lazy_reshape(ts, node, x->type.rank, ones);
        return tensor_wrap(ts, node, NULL);
    }
    LazyNode *node = arg_node(ts, x, (int)r.axes[0], is_max);
    int64_t dims[MAX_RANK];
    memcpy(dims, x->type.dim, sizeof dims);
    dims[r.axes[0]] = 1;
    if (r.keep) node = lazy_reshape(ts, node, x->type.rank, dims);
    return tensor_wrap(ts, node, NULL);
}
static Value argmax_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return arg_like(vm, true, args, nargs, kwnames);
}
static Value argmin_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return arg_like(vm, false, args, nargs, kwnames);
}

/* ---- statistics ---- */

static LazyNode *mean_node(TensorState *ts, const Reduction *r) {
    LazyNode *sum = lazy_reduce(ts, OP_reduce_sum, tensor_read(ts, r->x), r->axes, r->count);
    return divide(ts, sum, (double)reduced_count(r));
}

/* Endless or NaN, and so is the gradient: an element's distance from the mean by 0, of which a
 * variance of all elements takes the size. Only that distance is what x is multiplied by. */
static LazyNode *endless_squares(TensorState *ts, const Reduction *r, LazyNode *away) {
    LazyNode *slope = lazy_link(ts, LAZY_BARRIER, away->type, &away, 1);
    lazy_unref(ts, away);
    if (r->count == r->x->type.rank) slope = lazy_unary(ts, OP_abs, slope);
    LazyNode *x = tensor_read(ts, r->x);
    LazyNode *rest = lazy_binary(ts, OP_sub, lazy_ref(slope), lazy_ref(x));
    if (!rest) return NULL;
    LazyNode *constant = lazy_link(ts, LAZY_BARRIER, rest->type, &rest, 1);
    lazy_unref(ts, rest);
    return lazy_binary(ts, OP_mul, slope, lazy_binary(ts, OP_add, x, constant));
}

static LazyNode *var_node(TensorState *ts, const Reduction *r, double correction) {
    LazyNode *away =
        lazy_binary(ts, OP_sub, tensor_read(ts, r->x), spread(ts, r, mean_node(ts, r)));
    if (!away) return NULL;
    double count = (double)reduced_count(r) - correction;
    LazyNode *squares =
        count > 0 ? lazy_binary(ts, OP_mul, lazy_ref(away), away) : endless_squares(ts, r, away);
    return divide(ts, reduce(ts, r, OP_reduce_sum, squares), count > 0 ? count : 0);
}

/* A root's operand: as in PyTorch no gradient passes where it is 0. */
static LazyNode *rooted(TensorState *ts, LazyNode *sum) {
    if (!sum || !sum->requires_grad) return sum;
    LazyNode *zero = lazy_zeros(ts, sum->type);
    LazyNode *is_zero = lazy_binary(ts, OP_eq, lazy_ref(sum), lazy_ref(zero));
    return lazy_where(ts, is_zero, zero, sum);
}

/* var(x, dim, unbiased | correction, keepdim); `root`: std; `both`: with the mean. */
static Value variance(Vm *vm, const char *name, bool root, bool both, const Value *args, int nargs,
                      const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Reduction r;
    if (!vm_args(vm, name, "input dim|axis? unbiased? keepdim|keepdims? * correction?", args, nargs,
                 kwnames, v))
        return NULL_VALUE;
    if (v[1].tag == TAG_BOOL) { /* var(x, unbiased) */
        v[2] = v[1];
        v[1] = NULL_VALUE;
    }
    double correction = 1;
    bool unbiased;
    if (!arg_bool(ts, v[2], true, &unbiased) || !reduction_args(ts, name, v[0], v[1], v[3], &r))
        return NULL_VALUE;
    if (!unbiased) correction = 0;
    if (!is_null(v[4]) && !is_none(v[4]) && !vm_to_double(vm, v[4], &correction)) return NULL_VALUE;
    if (!dtype_is_float(r.x->type.dtype))
        return vm_raise(vm, EXC_NotImplementedError,
                        "%s only support floating point and complex dtypes",
                        both ? name : "std and var");
    LazyNode *node = var_node(ts, &r, correction);
    if (root) node = lazy_unary(ts, OP_sqrt, rooted(ts, node));
    const char *fn_name = both   ? root ? "StdMeanBackward0" : "VarMeanBackward0"
                          : root ? "StdBackward0"
                                 : "VarBackward0";
    Value spread_value = tensor_wrap(ts, node, fn_name);
    if (!both || is_null(spread_value)) return spread_value;
    LazyNode *mean = mean_node(ts, &r);
    if (r.keep && mean) mean = lazy_reshape(ts, mean, node->type.rank, node->type.dim);
    return vm_pair(vm, spread_value, tensor_wrap(ts, mean, fn_name));
}
static Value var_of_floats(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return variance(vm, "var", false, false, args, nargs, kwnames);
}
static Value std_of_floats(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return variance(vm, "std", true, false, args, nargs, kwnames);
}
static Value var_mean_of_floats(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return variance(vm, "var_mean", false, true, args, nargs, kwnames);
}
static Value std_mean_of_floats(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return variance(vm, "std_mean", true, true, args, nargs, kwnames);
}

static LazyNode *power_sum(TensorState *ts, const Reduction *r, double p) {
    LazyNode *size = lazy_unary(ts, OP_abs, tensor_read(ts, r->x));
    if (!size) return NULL;
    LazyNode *exponent = lazy_full(ts, size->type, from_float(p));
    LazyNode *sum =
        rooted(ts, reduce(ts, r, OP_reduce_sum, lazy_binary(ts, OP_pow, size, exponent)));
    if (!sum) return NULL;
    return lazy_binary(ts, OP_pow, sum, lazy_full(ts, sum->type, from_float(1 / p)));
}

static Value norm_of_floats(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Reduction r;
    double p = 2;
    if (!vm_args(vm, "norm", "input p? dim|axis? keepdim|keepdims? dtype?", args, nargs, kwnames,
                 v) ||
        !reduction_args(ts, "norm", v[0], v[2], v[3], &r))
        return NULL_VALUE;
    bool named = is_str(v[1]); /* 'fro' */
    if (!dtype_is_float(r.x->type.dtype))
        return vm_raise(vm, EXC_NotImplementedError,
                        "linalg.vector_norm: Expected a floating point or complex tensor as input. "
                        "Got %s",
                        dtype_long_name(r.x->type.dtype));
    if (!named && !is_null(v[1]) && !is_none(v[1]) && !vm_to_double(vm, v[1], &p))
        return NULL_VALUE;
    LazyNode *node;
    if (p == 2) {
        LazyNode *x = tensor_read(ts, r.x);
        LazyNode *squares = x ? lazy_binary(ts, OP_mul, lazy_ref(x), x) : NULL;
        node = lazy_unary(ts, OP_sqrt, rooted(ts, reduce(ts, &r, OP_reduce_sum, squares)));
    } else if (p == 0) {
        LazyNode *x = tensor_read(ts, r.x);
        LazyNode *zero = x ? lazy_zeros(ts, x->type) : NULL;
        LazyNode *some = lazy_cast(ts, lazy_binary(ts, OP_ne, x, zero), r.x->type.dtype);
        node = reduce(ts, &r, OP_reduce_sum, some);
    } else if (p == 1 || isinf(p)) {
        Op op = p == 1 ? OP_reduce_sum : p > 0 ? OP_reduce_max : OP_reduce_min;
        node = reduce(ts, &r, op, lazy_unary(ts, OP_abs, tensor_read(ts, r.x)));
    } else {
        node = power_sum(ts, &r, p);
    }
    return tensor_wrap(ts, node, "LinalgVectorNormBackward0");
}

static Value prod_any(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return half_lifted(vm, prod_call, args, nargs, kwnames);
}

#define OF_HALVES(name)                                                                            \
    static Value name##_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {         \
        return half_kernel(vm, name##_of_floats, args, nargs, kwnames);                            \
    }
OF_HALVES(var)
OF_HALVES(std)
OF_HALVES(var_mean)
OF_HALVES(std_mean)
OF_HALVES(norm)

/* ---- truth ---- */

static Value truth(Vm *vm, const char *name, Op op, const Value *args, int nargs,
                   const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Reduction r;
    if (!vm_args(vm, name, "input dim|axis? keepdim|keepdims?", args, nargs, kwnames, v) ||
        !reduction_args(ts, name, v[0], v[1], v[2], &r))
        return NULL_VALUE;
    LazyNode *node = lazy_cast(ts, tensor_read(ts, r.x), DT_BOOL);
    node = reduce(ts, &r, op, node);
    if (r.x->type.dtype == DT_U8) node = lazy_cast(ts, node, DT_U8);
    return tensor_wrap(ts, node, NULL);
}
static Value any_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return truth(vm, "any", OP_reduce_any, args, nargs, kwnames);
}
static Value all_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return truth(vm, "all", OP_reduce_all, args, nargs, kwnames);
}

static Value count_nonzero_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Reduction r;
    if (!vm_args(vm, "count_nonzero", "input dim|axis?", args, nargs, kwnames, v) ||
        !reduction_args(ts, "count_nonzero", v[0], v[1], NULL_VALUE, &r))
        return NULL_VALUE;
    LazyNode *node = lazy_cast(ts, lazy_cast(ts, tensor_read(ts, r.x), DT_BOOL), DT_I64);
    return tensor_wrap(ts, reduce(ts, &r, OP_reduce_sum, node), NULL);
}

/* ---- scans and softmax ---- */

static Value scan(Vm *vm, const char *name, Op op, const char *fn_name, const Value *args,
                  int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int dim;
    if (!vm_args(vm, name, "input dim|axis * dtype?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], name, &x) || !arg_dim(ts, v[1], x->type.rank, &dim))
        return NULL_VALUE;
    DType dtype = dtype_is_float(x->type.dtype) ? x->type.dtype : DT_I64;
    if (!arg_dtype(ts, v[2], &dtype)) return NULL_VALUE;
    LazyNode *in = lazy_cast(ts, tensor_read(ts, x), dtype);
    if (x->type.rank == 0 || !in) return tensor_wrap(ts, in, fn_name);
    Attr attrs[] = {attr_int(ATTR_axis, dim), attr_int(ATTR_reverse, 0)};
    LazyNode *node = lazy_op(ts, op, &in, 1, attrs, op == OP_cumsum ? 2 : 1);
    lazy_unref(ts, in);
    return tensor_wrap(ts, node, fn_name);
}
static Value cumsum_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return scan(vm, "cumsum", OP_cumsum, "CumsumBackward0", args, nargs, kwnames);
}
static Value cumprod_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return scan(vm, "cumprod", OP_cumprod, "CumprodBackward0", args, nargs, kwnames);
}

static Value softmax_like(Vm *vm, const char *name, Op op, const char *fn_name, const Value *args,
                          int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    int dim;
    if (!vm_args(vm, name, "input dim|axis dtype? * _stacklevel?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], name, &x) || !arg_dim(ts, v[1], x->type.rank, &dim))
        return NULL_VALUE;
    DType dtype = x->type.dtype;
    if (!arg_dtype(ts, v[2], &dtype)) return NULL_VALUE;
    if (!dtype_is_float(dtype))
        return vm_raise(vm, EXC_NotImplementedError,
                        "\"%s_%skernel_impl\" not implemented for '%s'", name,
                        dim == x->type.rank - 1 ? "lastdim_" : "", dtype_long_name(dtype));
    LazyNode *in = lazy_cast(ts, tensor_read(ts, x), dtype);
    if (x->type.rank == 0) {
        LazyNode *flat = lazy_reshape(ts, in, 1, (int64_t[]){1});
        return tensor_wrap(ts, lazy_reshape(ts, lazy_axis(ts, op, flat, 0), 0, NULL), fn_name);
    }
    bool some = type_numel(&x->type) > 0;
    return tensor_wrap(ts, some ? lazy_axis(ts, op, in, dim) : in, fn_name);
}
static Value softmax_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return softmax_like(vm, "softmax", OP_softmax, "SoftmaxBackward0", args, nargs, kwnames);
}
static Value log_softmax_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return softmax_like(vm, "log_softmax", OP_log_softmax, "LogSoftmaxBackward0", args, nargs,
                        kwnames);
}

/* max + log(sum(exp(x - max))); an infinite maximum counts as 0. */
static Value logsumexp_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Reduction r;
    if (!vm_args(vm, "logsumexp", "input dim|axis keepdim|keepdims?", args, nargs, kwnames, v) ||
        !reduction_args(ts, "logsumexp", v[0], v[1], v[2], &r))
        return NULL_VALUE;
    LazyNode *x = tensor_read(ts, r.x);
    if (x && !dtype_is_float(x->type.dtype)) x = lazy_cast(ts, x, ts->default_dtype);
    if (!x) return NULL_VALUE;
    if (reduced_count(&r) == 0) {
        Type type = x->type;
        LazyNode *none = reduce(ts, &r, OP_reduce_sum, x);
        if (none) type = none->type;
        if (none) lazy_unref(ts, none);
        return tensor_wrap(ts, lazy_full(ts, type, from_float(-INFINITY)), NULL);
    }
    LazyNode *top = lazy_reduce(ts, OP_reduce_max, lazy_ref(x), r.axes, r.count);
    if (!top) return NULL_VALUE;
    LazyNode *plain = lazy_link(ts, LAZY_BARRIER, top->type, &top, 1); /* it only shifts */
    lazy_unref(ts, top);
    LazyNode *endless = lazy_unary(ts, OP_isinf, lazy_ref(plain));
    LazyNode *zero = lazy_zeros(ts, plain->type);
    LazyNode *shift = lazy_where(ts, endless, zero, plain);
    LazyNode *away = lazy_binary(ts, OP_sub, x, spread(ts, &r, lazy_ref(shift)));
    LazyNode *sum = lazy_reduce(ts, OP_reduce_sum, lazy_unary(ts, OP_exp, away), r.axes, r.count);
    LazyNode *node = lazy_binary(ts, OP_add, lazy_unary(ts, OP_log, sum), shift);
    int64_t dims[MAX_RANK];
    memcpy(dims, r.x->type.dim, sizeof dims);
    for (int i = 0; i < r.count; i++)
        dims[r.axes[i]] = 1;
    if (r.keep) node = lazy_reshape(ts, node, r.x->type.rank, dims);
    return tensor_wrap(ts, node, "LogsumexpBackward0");
}

const TensorFunction REDUCE_FUNCTIONS[] = {
    {"sum", sum_call, FN_BOTH},
    {"prod", prod_any, FN_BOTH},
    {"mean", mean_call, FN_BOTH},
    {"max", max_call, FN_BOTH},
    {"min", min_call, FN_BOTH},
    {"amax", amax_call, FN_BOTH},
    {"amin", amin_call, FN_BOTH},
    {"argmax", argmax_call, FN_BOTH},
    {"argmin", argmin_call, FN_BOTH},
    {"var", var_call, FN_BOTH},
    {"std", std_call, FN_BOTH},
    {"var_mean", var_mean_call, FN_FUNCTION},
    {"std_mean", std_mean_call, FN_FUNCTION},
    {"norm", norm_call, FN_BOTH},
    {"any", any_call, FN_BOTH},
    {"all", all_call, FN_BOTH},
    {"count_nonzero", count_nonzero_call, FN_BOTH},
    {"cumsum", cumsum_call, FN_BOTH},
    {"pair", pair_call, FN_FUNCTION},
    {"cumprod", cumprod_call, FN_BOTH},
    {"softmax", softmax_call, FN_BOTH},
    {"log_softmax", log_softmax_call, FN_BOTH},
    {"logsumexp", logsumexp_call, FN_BOTH},
    {NULL, NULL, 0},
};
