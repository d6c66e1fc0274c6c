/* Products of matrices: every shape of matmul as one `dot`, and the functions around it. */
#include <string.h>

#include "frontend/tensor/tensor.h"
#include "ir/graph.h"

/* Consumes both; contracts the lists of dims, pairing batch dims first. */
static LazyNode *dot(TensorState *ts, LazyNode *a, LazyNode *b, int batch, int contract_a,
                     int contract_b) {
    int64_t batches[MAX_RANK], ca[1] = {contract_a}, cb[1] = {contract_b};
    for (int i = 0; i < batch; i++)
        batches[i] = i;
    Attr attrs[] = {attr_ints(ATTR_batch_a, batches, batch),
                    attr_ints(ATTR_batch_b, batches, batch), attr_ints(ATTR_contract_a, ca, 1),
                    attr_ints(ATTR_contract_b, cb, 1)};
    LazyNode *inputs[2] = {a, b};
    LazyNode *node = a && b ? lazy_op(ts, OP_dot, inputs, 2, attrs, 4) : NULL;
    if (a) lazy_unref(ts, a);
    if (b) lazy_unref(ts, b);
    return node;
}

static bool same_dtype(TensorState *ts, const Tensor *a, const Tensor *b) {
    if (a->type.dtype == b->type.dtype) return true;
    if (a->type.rank == 1 && b->type.rank == 1)
        vm_raise(ts->vm, EXC_RuntimeError,
                 "dot : expected both vectors to have same dtype, but found %s and %s",
                 dtype_long_name(a->type.dtype), dtype_long_name(b->type.dtype));
    else
        vm_raise(ts->vm, EXC_RuntimeError,
                 "expected m1 and m2 to have the same dtype, but got: %s != %s",
                 dtype_c_name(a->type.dtype), dtype_c_name(b->type.dtype));
    return false;
}

static Value shapes_error(TensorState *ts, const char *name, int64_t rows, int64_t inner,
                          int64_t inner_b, int64_t columns) {
    return vm_raise(ts->vm, EXC_RuntimeError,
                    "%s: mat1 and mat2 shapes cannot be multiplied (%lldx%lld and %lldx%lld)", name,
                    (long long)rows, (long long)inner, (long long)inner_b, (long long)columns);
}

static Value batch_error(TensorState *ts, const Tensor *a, const Tensor *b) {
    return vm_raise(ts->vm, EXC_RuntimeError,
                    "Expected size for first two dimensions of batch2 tensor to be: [%lld, %lld] "
                    "but got: [%lld, %lld].",
                    (long long)a->type.dim[0], (long long)a->type.dim[2], (long long)b->type.dim[0],
                    (long long)b->type.dim[1]);
}

/* Leading dims broadcast; both at least matrices. */
static LazyNode *batched(TensorState *ts, Tensor *a, Tensor *b) {
    Type ab = type_make(a->type.dtype, a->type.rank - 2, a->type.dim);
    Type bb = type_make(b->type.dtype, b->type.rank - 2, b->type.dim), batch = ab;
    if (!broadcast_shapes(ts, &ab, &bb, &batch)) return NULL;
    int rank = batch.rank;
    int64_t dims[MAX_RANK];
    memcpy(dims, batch.dim, sizeof dims);
    memcpy(dims + rank, a->type.dim + a->type.rank - 2, 2 * sizeof *dims);
    LazyNode *x = lazy_broadcast(ts, tensor_read(ts, a), rank + 2, dims);
    memcpy(dims + rank, b->type.dim + b->type.rank - 2, 2 * sizeof *dims);
    LazyNode *y = lazy_broadcast(ts, tensor_read(ts, b), rank + 2, dims);
    return dot(ts, x, y, rank, rank + 1, rank);
}

/* a[..., k] by b[k, n] or b[k]: the leading dims of a are rows. */
static LazyNode *by_matrix(TensorState *ts, Tensor *a, Tensor *b) {
    return dot(ts, tensor_read(ts, a), tensor_read(ts, b), 0, a->type.rank - 1, 0);
}

/* a[k] by b[..., k, n]. */
static LazyNode *vector_by(TensorState *ts, Tensor *a, Tensor *b) {
    int rank = b->type.rank;
    LazyNode *node = dot(ts, tensor_read(ts, b), tensor_read(ts, a), 0, rank - 2, 0);
    return node;
}

static Value matmul_of_floats(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value av = args[0], bv = args[1];
    Tensor *a, *b;
    (void)nargs, (void)kwnames;
    if (!arg_tensor(ts, av, "matmul", &a) || !arg_tensor_at(ts, bv, "matmul", "other", 2, &b) ||
        !same_dtype(ts, a, b))
        return NULL_VALUE;
    int ra = a->type.rank, rb = b->type.rank;
    if (!ra || !rb)
        return vm_raise(ts->vm, EXC_RuntimeError,
                        "both arguments to matmul need to be at least 1D, but they are %dD and %dD",
                        ra, rb);
    int64_t inner = a->type.dim[ra - 1], inner_b = b->type.dim[rb == 1 ? 0 : rb - 2];
    if (inner != inner_b) {
        if (ra == 1 && rb == 1)
            return vm_raise(ts->vm, EXC_RuntimeError,
                            "inconsistent tensor size, expected tensor [%lld] and src [%lld] to "
                            "have the same number of elements, but got %lld and %lld elements "
                            "respectively",
                            (long long)inner, (long long)inner_b, (long long)inner,
                            (long long)inner_b);
        int64_t rows = ra == 1 ? 1 : type_numel(&a->type) / (inner ? inner : 1);
        if (ra == 2 && rb == 1)
            return vm_raise(ts->vm, EXC_RuntimeError,
                            "size mismatch, got input (%lld), mat (%lldx%lld), vec (%lld)",
                            (long long)a->type.dim[0], (long long)a->type.dim[0], (long long)inner,
                            (long long)inner_b);
        if (ra == 3 && rb == 3 && a->type.dim[0] == b->type.dim[0]) return batch_error(ts, a, b);
        return shapes_error(ts, "mm", rows, inner, inner_b, rb == 1 ? 1 : b->type.dim[rb - 1]);
    }
    LazyNode *node = ra == 1 && rb > 1 ? vector_by(ts, a, b)
                     : rb <= 2         ? by_matrix(ts, a, b)
                                       : batched(ts, a, b);
    const char *fn_name = ra == 1 && rb == 1   ? "DotBackward0"
                          : ra == 2 && rb == 2 ? "MmBackward0"
                          : ra == 2 && rb == 1 ? "MvBackward0"
                          : ra == 1 && rb == 2 ? "SqueezeBackward4"
                                               : "UnsafeViewBackward0";
    Tensor *operands[2] = {a, b};
    tensor_save(ts, node, operands, 2);
    return tensor_wrap(ts, node, fn_name);
}

Value tensor_matmul(TensorState *ts, Value a, Value b) {
    return half_product(ts->vm, matmul_of_floats, (Value[]){a, b}, 2, NULL);
}

static Value matmul_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[3];
    TensorState *ts = tensor_state(vm);
    if (!vm_args(vm, "matmul", "input other", args, nargs, kwnames, v)) return NULL_VALUE;
    return tensor_matmul(ts, v[0], v[1]);
}

static Value wrong_ranks(TensorState *ts, const char *name, const Tensor *a, const Tensor *b) {
    int ra = a->type.rank, rb = b->type.rank;
    if (strcmp(name, "bmm") == 0)
        return vm_raise(ts->vm, EXC_RuntimeError, "batch%d must be a 3D tensor", ra == 3 ? 2 : 1);
    if (strcmp(name, "dot") == 0)
        return vm_raise(ts->vm, EXC_RuntimeError,
                        "1D tensors expected, but got %dD and %dD tensors", ra, rb);
    if (strcmp(name, "mv") == 0)
        return vm_raise(ts->vm, EXC_RuntimeError,
                        "vector + matrix @ vector expected, got 1, %d, %d", ra, rb);
    return vm_raise(ts->vm, EXC_RuntimeError, "%s: %s must be a matrix, got %d-D tensor", name,
                    ra == 2 ? "mat2" : "self", ra == 2 ? rb : ra);
}

/* mm, bmm, mv and dot: matmul of given ranks. */
static Value ranked(Vm *vm, const char *name, int rank_a, int rank_b, const Value *args, int nargs,
                    const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *a, *b;
    const char *second = rank_b == 2 || rank_b == 3 ? "mat2" : rank_a == 2 ? "vec" : "tensor";
    if (!vm_args(vm, name, rank_b == 1 ? "input tensor|vec" : "input mat2", args, nargs, kwnames,
                 v) ||
        !arg_tensor(ts, v[0], name, &a) || !arg_tensor_at(ts, v[1], name, second, 2, &b))
        return NULL_VALUE;
    if (a->type.rank != rank_a || b->type.rank != rank_b) return wrong_ranks(ts, name, a, b);
    if (rank_a == 3 && a->type.dim[0] != b->type.dim[0]) return batch_error(ts, a, b);
    Value result = matmul_of_floats(vm, v, 2, NULL);
    if (rank_a == 3 && !is_null(result)) as_tensor(result)->var->fn_name = "BmmBackward0";
    return result;
}
static Value mm_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return ranked(vm, "mm", 2, 2, args, nargs, kwnames);
}
static Value bmm_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return ranked(vm, "bmm", 3, 3, args, nargs, kwnames);
}
static Value mv_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return ranked(vm, "mv", 2, 1, args, nargs, kwnames);
}
static Value dot_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return ranked(vm, "dot", 1, 1, args, nargs, kwnames);
}

/* beta * input + alpha * (a @ b); consumes the product. */
static Value add_scaled(TensorState *ts, Value input, Value product, Value beta, Value alpha,
                        const char *fn_name) {
    if (is_null(product)) return product;
    Value scaled = product, base = incref(input), result = NULL_VALUE;
    if (!is_null(alpha)) {
        scaled = tensor_binary(ts, OP_mul, product, alpha, NULL);
        decref(product);
    }
    if (is_number(ts, beta) && !is_tensor(ts, beta) && vm_truth(ts->vm, beta) == 0) {
        /* what it holds, NaN included, doesn't count */
        Value old = base;
        base = is_tensor(ts, old) ? tensor_wrap(ts, lazy_zeros(ts, as_tensor(old)->type), NULL)
                                  : from_int(0);
        decref(old);
    } else if (!is_null(beta)) {
        Value old = base;
        base = tensor_binary(ts, OP_mul, old, beta, NULL);
        decref(old);
    }
    if (!is_null(scaled) && !is_null(base))
        result = tensor_binary(ts, OP_add, base, scaled, fn_name);
    if (!is_null(scaled)) decref(scaled);
    if (!is_null(base)) decref(base);
    return result;
}

static Value addmm_of(Vm *vm, const char *name, const char *fn_name, const Value *args, int nargs,
                      const Tuple *kwnames) {
    Value v[6];
    if (!vm_args(vm, name, "input mat1|batch1 mat2|batch2 * beta? alpha?", args, nargs, kwnames, v))
        return NULL_VALUE;
    TensorState *ts = tensor_state(vm);
    Tensor *a, *b;
    if (!arg_tensor_at(ts, v[1], name, "mat1", 2, &a) ||
        !arg_tensor_at(ts, v[2], name, "mat2", 3, &b))
        return NULL_VALUE;
    if (a->type.rank == 2 && b->type.rank == 2 && a->type.dim[1] != b->type.dim[0])
        return shapes_error(ts, name, a->type.dim[0], a->type.dim[1], b->type.dim[0],
                            b->type.dim[1]);
    Value sum = add_scaled(ts, v[0], tensor_matmul(ts, v[1], v[2]), v[3], v[4], fn_name);
    return sum;
}
static Value addmm_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return addmm_of(vm, "addmm", "AddmmBackward0", args, nargs, kwnames);
}
static Value baddbmm_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return addmm_of(vm, "baddbmm", "BaddbmmBackward0", args, nargs, kwnames);
}

/* x[..., k] by weight[n, k] transposed, plus bias[n]. */
static LazyNode *linear_bias(TensorState *ts, Value v, Type type) {
    Tensor *bias;
    if (!arg_tensor_at(ts, v, "linear", "bias", 3, &bias)) return NULL;
    int64_t have = bias->type.rank == 1 ? bias->type.dim[0] : 1, want = type.dim[type.rank - 1];
    if (have == 1 || have == want) return operand_node(ts, v, type);
    vm_raise(ts->vm, EXC_RuntimeError,
             "The expanded size of the tensor (%lld) must match the existing size (%lld) at "
             "non-singleton dimension 1.  Target sizes: [%lld, %lld].  Tensor sizes: [%lld]",
             (long long)want, (long long)have, (long long)(want ? type_numel(&type) / want : 0),
             (long long)want, (long long)have);
    return NULL;
}

static Value linear_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x, *w;
    if (!vm_args(vm, "linear", "input weight bias?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "linear", &x) || !arg_tensor_at(ts, v[1], "linear", "weight", 2, &w))
        return NULL_VALUE;
    bool has_bias = !is_null(v[2]) && !is_none(v[2]);
    int rank = x->type.rank;
    if (w->type.rank != 2 || rank < 1)
        return vm_raise(vm, EXC_RuntimeError,
                        "linear: expected input of 1D or more and a 2D weight, got %dD and %dD",
                        rank, w->type.rank);
    int64_t inner = x->type.dim[rank - 1];
    if (!same_dtype(ts, x, w)) {
        vm_catch(vm, EXC_RuntimeError);
        return vm_raise(vm, EXC_RuntimeError,
                        "mat1 and mat2 must have the same dtype, but got %s and %s",
                        dtype_long_name(x->type.dtype), dtype_long_name(w->type.dtype));
    }
    if (inner != w->type.dim[1])
        return shapes_error(ts, has_bias ? "addmm" : "mm", inner ? type_numel(&x->type) / inner : 0,
                            inner, w->type.dim[1], w->type.dim[0]);
    /* As x @ w.t(): so that the weight's gradient comes in the weight's own layout. */
    LazyNode *columns = lazy_permute(ts, tensor_read(ts, w), (int64_t[]){1, 0});
    LazyNode *node = dot(ts, tensor_read(ts, x), columns, 0, rank - 1, 0);
    Tensor *operands[2] = {x, w};
    tensor_save(ts, node, operands, 2);
    bool added = has_bias && rank > 2 && !tensor_is_contiguous(x); /* the bias, after a product */
    const char *fn_name = rank == 2                ? (has_bias ? "AddmmBackward0" : "MmBackward0")
                          : rank == 1 && !has_bias ? "SqueezeBackward4"
                          : added                  ? "AddBackward0"
                                                   : "UnsafeViewBackward0";
    if (!node || !has_bias) return tensor_wrap(ts, node, fn_name);
    LazyNode *bias = linear_bias(ts, v[2], node->type);
    return bias ? tensor_wrap(ts, lazy_binary(ts, OP_add, node, bias), fn_name)
                : (lazy_unref(ts, node), NULL_VALUE);
}

/* ---- precision ---- */

static Value precision_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args;
    if (!vm_args_simple(vm, "precision", nargs, kwnames, 0, 0)) return NULL_VALUE;
    const char *name = precision_name(tensor_state(vm)->precision);
    return str_new(vm, name, strlen(name));
}

/* What was recorded before is of the old one. */
static Value set_precision_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Precision precision;
    if (!vm_args_simple(vm, "set_precision", nargs, kwnames, 1, 1)) return NULL_VALUE;
    if (!is_str(args[0]) || !precision_from_name(as_str(args[0])->data, &precision))
        return vm_raise(vm, EXC_ValueError, "no such precision");
    if (precision != ts->precision && vm->before_effect) vm->before_effect(vm);
    ts->precision = precision;
    return vm_failed(vm) ? NULL_VALUE : NONE;
}

/* Of halves, and under autocast: rounded once, the sum with the bias. */
#define WRAPPED(name, wrapper)                                                                     \
    static Value name##_any(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {          \
        return wrapper(vm, name##_call, args, nargs, kwnames);                                     \
    }
WRAPPED(mm, half_product)
WRAPPED(bmm, half_product)
WRAPPED(mv, half_kernel)
WRAPPED(dot, half_kernel)
WRAPPED(addmm, half_product)
WRAPPED(baddbmm, half_product)
WRAPPED(linear, half_product)

const TensorFunction MATMUL_FUNCTIONS[] = {
    {"matmul", matmul_call, FN_BOTH},
    {"mm", mm_any, FN_BOTH},
    {"bmm", bmm_any, FN_BOTH},
    {"mv", mv_any, FN_BOTH},
    {"dot", dot_any, FN_BOTH},
    {"addmm", addmm_any, FN_BOTH},
    {"baddbmm", baddbmm_any, FN_BOTH},
    {"linear", linear_any, FN_FUNCTION},
    {"precision", precision_call, FN_FUNCTION},
    {"set_precision", set_precision_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
