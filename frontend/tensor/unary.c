/* Functions of one tensor, element by element, with clamp, where, masked_fill and casts. */
#include <math.h>
#include <string.h>

#include "frontend/tensor/tensor.h"

typedef struct UnarySpec {
    const char *name;
    Op op;
    bool to_float; /* integers become the default float */
    const char *fn_name;
} UnarySpec;

/* name, op, integers become floats, grad_fn */
#define UNARY_LIST(X)                                                                              \
    X(neg, OP_neg, false, "NegBackward0")                                                          \
    X(negative, OP_neg, false, "NegBackward0")                                                     \
    X(abs, OP_abs, false, "AbsBackward0")                                                          \
    X(absolute, OP_abs, false, "AbsBackward0")                                                     \
    X(sign, OP_sign, false, "SignBackward0")                                                       \
    X(floor, OP_floor, false, "FloorBackward0")                                                    \
    X(ceil, OP_ceil, false, "CeilBackward0")                                                       \
    X(trunc, OP_trunc, false, "TruncBackward0")                                                    \
    X(fix, OP_trunc, false, "TruncBackward0")                                                      \
    X(relu, OP_relu, false, "ReluBackward0")                                                       \
    X(sqrt, OP_sqrt, true, "SqrtBackward0")                                                        \
    X(rsqrt, OP_rsqrt, true, "RsqrtBackward0")                                                     \
    X(exp, OP_exp, true, "ExpBackward0")                                                           \
    X(expm1, OP_expm1, true, "Expm1Backward0")                                                     \
    X(exp2, OP_exp2, true, "Exp2Backward0")                                                        \
    X(log, OP_log, true, "LogBackward0")                                                           \
    X(log1p, OP_log1p, true, "Log1PBackward0")                                                     \
    X(log2, OP_log2, true, "Log2Backward0")                                                        \
    X(log10, OP_log10, true, "Log10Backward0")                                                     \
    X(sin, OP_sin, true, "SinBackward0")                                                           \
    X(cos, OP_cos, true, "CosBackward0")                                                           \
    X(tan, OP_tan, true, "TanBackward0")                                                           \
    X(asin, OP_asin, true, "AsinBackward0")                                                        \
    X(arcsin, OP_asin, true, "AsinBackward0")                                                      \
    X(acos, OP_acos, true, "AcosBackward0")                                                        \
    X(arccos, OP_acos, true, "AcosBackward0")                                                      \
    X(atan, OP_atan, true, "AtanBackward0")                                                        \
    X(arctan, OP_atan, true, "AtanBackward0")                                                      \
    X(sinh, OP_sinh, true, "SinhBackward0")                                                        \
    X(cosh, OP_cosh, true, "CoshBackward0")                                                        \
    X(tanh, OP_tanh, true, "TanhBackward0")                                                        \
    X(asinh, OP_asinh, true, "AsinhBackward0")                                                     \
    X(arcsinh, OP_asinh, true, "AsinhBackward0")                                                   \
    X(acosh, OP_acosh, true, "AcoshBackward0")                                                     \
    X(arccosh, OP_acosh, true, "AcoshBackward0")                                                   \
    X(atanh, OP_atanh, true, "AtanhBackward0")                                                     \
    X(arctanh, OP_atanh, true, "AtanhBackward0")                                                   \
    X(erf, OP_erf, true, "ErfBackward0")                                                           \
    X(sigmoid, OP_sigmoid, true, "SigmoidBackward0")                                               \
    X(lgamma, OP_lgamma, true, "LgammaBackward0")                                                  \
    X(digamma, OP_digamma, true, "DigammaBackward0")                                               \
    X(bitwise_not, OP_not, false, NULL)                                                            \
    X(isnan, OP_isnan, false, NULL)                                                                \
    X(isinf, OP_isinf, false, NULL)

static bool rounds(Op op) {
    return op == OP_floor || op == OP_ceil || op == OP_trunc || op == OP_round;
}

/* Whether the op is defined for bools; false: raised. */
static bool bools_allowed(TensorState *ts, Op op) {
    switch (op) {
    case OP_neg:
        vm_raise(ts->vm, EXC_NotImplementedError,
                 "Negation, the `-` operator, on a bool tensor is not supported. If you are trying "
                 "to invert a mask, use the `~` or `logical_not()` operator instead.");
        return false;
    case OP_abs:
        vm_raise(ts->vm, EXC_NotImplementedError, "\"abs_cpu\" not implemented for 'Bool'");
        return false;
    case OP_relu:
        vm_raise(ts->vm, EXC_NotImplementedError, "Boolean inputs not supported for relu");
        return false;
    case OP_floor:
    case OP_ceil:
    case OP_trunc:
    case OP_round:
        vm_raise(ts->vm, EXC_NotImplementedError, "\"%s_vml_cpu\" not implemented for 'Bool'",
                 op_info(op)->name);
        return false;
    default:
        return true;
    }
}

static LazyNode *unary_node(TensorState *ts, Op op, Tensor *x, bool to_float) {
    if (x->type.dtype == DT_BOOL && !bools_allowed(ts, op)) return NULL;
    if (op == OP_not && dtype_is_float(x->type.dtype)) {
        vm_raise(ts->vm, EXC_NotImplementedError, "\"bitwise_not_cpu\" not implemented for '%s'",
                 dtype_long_name(x->type.dtype));
        return NULL;
    }
    LazyNode *node = tensor_read(ts, x);
    bool is_float = dtype_is_float(x->type.dtype);
    if (!is_float && rounds(op)) return node;
    if (x->type.dtype == DT_BOOL && op == OP_sign) return node;
    if (!is_float && to_float) node = lazy_cast(ts, node, ts->default_dtype);
    if (!is_float && (op == OP_isnan || op == OP_isinf)) {
        if (node) lazy_unref(ts, node);
        Type type = x->type;
        type.dtype = DT_BOOL;
        return lazy_zeros(ts, type);
    }
    node = lazy_unary(ts, op, node);
    if (is_float) tensor_save(ts, node, &x, 1);
    return node;
}

static bool takes_integers(Op op) {
    return op == OP_neg || op == OP_abs || op == OP_sign || op == OP_relu || op == OP_not ||
           rounds(op) || op == OP_isnan || op == OP_isinf;
}

Value tensor_unary(TensorState *ts, Op op, Tensor *x, const char *fn_name) {
    return tensor_wrap_like(ts, unary_node(ts, op, x, !takes_integers(op)), fn_name, &x, 1);
}

static Value write_back(TensorState *ts, Value self, LazyNode *node, const char *fn_name) {
    return tensor_write_result(ts, as_tensor(self), node, fn_name) ? incref(self) : NULL_VALUE;
}

/* What a function in place is called: a few have derivatives of their own there. */
static const char *inplace_name(const UnarySpec *spec) {
    switch (spec->op) {
    case OP_acosh:
        return "AcoshBackward1";
    case OP_asinh:
        return "AsinhBackward1";
    case OP_atanh:
        return "AtanhBackward1";
    default:
        return spec->fn_name;
    }
}

static Value unary_call(Vm *vm, const UnarySpec *spec, bool inplace, const Value *args, int nargs,
                        const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    if (!vm_args(vm, spec->name, "input", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], spec->name, &x))
        return NULL_VALUE;
    if (!inplace) {
        LazyNode *node = unary_node(ts, spec->op, x, spec->to_float);
        return tensor_wrap_like(ts, node, spec->fn_name, &x, 1);
    }
    if (!tensor_check_inplace(ts, x)) return NULL_VALUE;
    LazyNode *node = unary_node(ts, spec->op, x, spec->to_float);
    return write_back(ts, v[0], node, inplace_name(spec));
}

#define X(name, op, to_float, fn)                                                                  \
    static Value name##_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {         \
        static const UnarySpec spec = {#name, op, to_float, fn};                                   \
        return unary_call(vm, &spec, false, args, nargs, kwnames);                                 \
    }                                                                                              \
    static Value name##_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {        \
        static const UnarySpec spec = {#name "_", op, to_float, fn};                               \
        return unary_call(vm, &spec, true, args, nargs, kwnames);                                  \
    }
UNARY_LIST(X)
#undef X

/* ---- combinations of a few ops ---- */

static LazyNode *number_like(TensorState *ts, const LazyNode *x, double value) {
    return lazy_full(ts, x->type, from_float(value));
}

/* What each function records, from x already a float (or as it is). */
static LazyNode *record_reciprocal(TensorState *ts, LazyNode *x) {
    return lazy_binary(ts, OP_div, number_like(ts, x, 1), x);
}
static LazyNode *record_square(TensorState *ts, LazyNode *x) {
    if (x->type.dtype == DT_BOOL) x = lazy_cast(ts, x, DT_I64);
    return lazy_binary(ts, OP_mul, lazy_ref(x), x);
}
static LazyNode *record_frac(TensorState *ts, LazyNode *x) {
    if (!dtype_is_float(x->type.dtype)) {
        vm_raise(ts->vm, EXC_NotImplementedError, "\"frac_cpu\" not implemented for '%s'",
                 dtype_long_name(x->type.dtype));
        lazy_unref(ts, x);
        return NULL;
    }
    return lazy_binary(ts, OP_sub, lazy_ref(x), lazy_unary(ts, OP_trunc, x));
}
static LazyNode *record_erfc(TensorState *ts, LazyNode *x) {
    DType dtype = x->type.dtype;
    x = lazy_cast(ts, x, dtype_computed(dtype)); /* rounded once */
    LazyNode *one = number_like(ts, x, 1);
    return lazy_cast(ts, lazy_binary(ts, OP_sub, one, lazy_unary(ts, OP_erf, x)), dtype);
}
static LazyNode *record_isfinite(TensorState *ts, LazyNode *x) {
    LazyNode *bad = lazy_binary(ts, OP_or, lazy_unary(ts, OP_isnan, lazy_ref(x)),
                                lazy_unary(ts, OP_isinf, lazy_ref(x)));
    lazy_unref(ts, x);
    return lazy_unary(ts, OP_not, bad);
}
static LazyNode *record_logical_not(TensorState *ts, LazyNode *x) {
    return lazy_unary(ts, OP_not, lazy_cast(ts, x, DT_BOOL));
}

typedef LazyNode *Record(TensorState *ts, LazyNode *x);

static Value recorded_call(Vm *vm, const char *name, Record *record, bool to_float, bool inplace,
                           const char *fn_name, const Value *args, int nargs,
                           const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    if (!vm_args(vm, name, "input", args, nargs, kwnames, v) || !arg_tensor(ts, v[0], name, &x))
        return NULL_VALUE;
    if (inplace && !tensor_check_inplace(ts, x)) return NULL_VALUE;
    LazyNode *node = tensor_read(ts, x);
    if (to_float && !dtype_is_float(x->type.dtype)) node = lazy_cast(ts, node, ts->default_dtype);
    node = node ? record(ts, node) : NULL;
    if (inplace && node && node->type.dtype == DT_BOOL) {
        fn_name = tensor_fn_name(x);
        node = tensor_unnoticed(ts, x, lazy_cast(ts, node, x->type.dtype));
    }
    return inplace ? write_back(ts, v[0], node, fn_name)
                   : tensor_wrap_like(ts, node, fn_name, &x, 1);
}

#define RECORDED_LIST(X)                                                                           \
    X(reciprocal, true, "ReciprocalBackward0")                                                     \
    X(square, false, "PowBackward0")                                                               \
    X(frac, false, "FracBackward0")                                                                \
    X(erfc, true, "ErfcBackward0")                                                                 \
    X(isfinite, true, NULL)                                                                        \
    X(logical_not, false, NULL)
#define X(name, to_float, fn)                                                                      \
    static Value name##_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {         \
        return recorded_call(vm, #name, record_##name, to_float, false, fn, args, nargs, kwnames); \
    }                                                                                              \
    static Value name##_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {        \
        return recorded_call(vm, #name "_", record_##name, to_float, true, fn, args, nargs,        \
                             kwnames);                                                             \
    }
RECORDED_LIST(X)
#undef X

static Value round_any(Vm *vm, bool inplace, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int64_t decimals;
    if (!vm_args(vm, "round", "input * decimals?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "round", &x) || !arg_int(ts, v[1], 0, &decimals))
        return NULL_VALUE;
    if (decimals && !dtype_is_float(x->type.dtype))
        return vm_raise(vm, EXC_NotImplementedError, "\"round_cpu\" not implemented for '%s'",
                        dtype_long_name(x->type.dtype));
    if (x->type.dtype == DT_BOOL && !bools_allowed(ts, OP_round)) return NULL_VALUE;
    LazyNode *node = tensor_read(ts, x);
    if (node && dtype_is_float(x->type.dtype)) {
        double scale = pow(10, (double)(decimals < 0 ? -decimals : decimals));
        Op there = decimals < 0 ? OP_div : OP_mul, back = decimals < 0 ? OP_mul : OP_div;
        if (decimals) node = lazy_binary(ts, there, node, number_like(ts, node, scale));
        node = lazy_unary(ts, OP_round, node);
        if (decimals && node) node = lazy_binary(ts, back, node, number_like(ts, node, scale));
    }
    const char *fn_name = is_null(v[1]) ? "RoundBackward0" : "RoundBackward1";
    if (!inplace) return tensor_wrap_like(ts, node, fn_name, &x, 1);
    return write_back(ts, v[0], node, fn_name);
}
static Value round_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return round_any(vm, false, args, nargs, kwnames);
}
static Value round_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return round_any(vm, true, args, nargs, kwnames);
}

/* ---- clamp ---- */

/* One bound. As in PyTorch gradients pass inside a number's bounds only, not at them nor at NaN; a
 * tensor shares them as maximum and minimum do. */
static LazyNode *clamp_side(TensorState *ts, LazyNode *x, Value bound, bool is_low) {
    if (is_null(bound) || is_none(bound) || !x) return x;
    Op nearer = is_low ? OP_max : OP_min;
    LazyNode *limit = operand_node(ts, bound, x->type);
    if (!limit) {
        lazy_unref(ts, x);
        return NULL;
    }
    if (is_tensor(ts, bound) || !x->requires_grad) return lazy_binary(ts, nearer, x, limit);
    LazyNode *inside = lazy_binary(ts, is_low ? OP_gt : OP_lt, lazy_ref(x), lazy_ref(limit));
    LazyNode *fixed = lazy_binary(ts, nearer, lazy_unary(ts, OP_detach, lazy_ref(x)), limit);
    return lazy_where(ts, inside, x, fixed);
}

static LazyNode *clamp_node(TensorState *ts, Tensor *x, Value low, Value high) {
    Promotion p;
    promote_init(&p);
    Value self = FROM_OBJ(x);
    promote_add(ts, &p, self);
    Type type = x->type;
    for (int i = 0; i < 2; i++) {
        Value bound = i ? high : low;
        if (is_null(bound) || is_none(bound)) continue;
        if (!promote_add(ts, &p, bound)) {
            vm_raise(ts->vm, EXC_TypeError, "clamp(): bounds must be numbers or tensors, not %s",
                     vm_class_name(ts->vm, bound));
            return NULL;
        }
        Type other = operand_type(ts, bound, type.dtype);
        if (!broadcast_shapes(ts, &type, &other, &type)) return NULL;
    }
    type.dtype = promote_result(ts, &p);
    LazyNode *node = operand_node(ts, self, type);
    return clamp_side(ts, clamp_side(ts, node, low, true), high, false);
}

static Value clamp_any(Vm *vm, bool inplace, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    if (!vm_args(vm, "clamp", "input min? max?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "clamp", &x))
        return NULL_VALUE;
    bool low = !is_null(v[1]) && !is_none(v[1]), high = !is_null(v[2]) && !is_none(v[2]);
    if (!low && !high)
        return vm_raise(vm, EXC_RuntimeError,
                        "torch.clamp: At least one of 'min' or 'max' must "
                        "not be None");
    const char *fn_name = (low && is_tensor(ts, v[1])) || (high && is_tensor(ts, v[2]))
                              ? "ClampBackward0"
                              : "ClampBackward1";
    if (!inplace) {
        LazyNode *node = clamp_node(ts, x, v[1], v[2]);
        return tensor_wrap_like(ts, node, fn_name, &x, 1);
    }
    if (!tensor_check_inplace(ts, x)) return NULL_VALUE;
    return write_back(ts, v[0], clamp_node(ts, x, v[1], v[2]), fn_name);
}
static Value clamp_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return clamp_any(vm, false, args, nargs, kwnames);
}
static Value clamp_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return clamp_any(vm, true, args, nargs, kwnames);
}

static Value clamp_one(Vm *vm, bool is_min, bool inplace, const Value *args, int nargs,
                       const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    const char *name = is_min ? "clamp_min" : "clamp_max";
    if (!vm_args(vm, name, is_min ? "input min" : "input max", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], name, &x))
        return NULL_VALUE;
    if (inplace && !tensor_check_inplace(ts, x)) return NULL_VALUE;
    LazyNode *node = clamp_node(ts, x, is_min ? v[1] : NONE, is_min ? NONE : v[1]);
    static const char *const names[2][2] = {{"ClampMaxBackward0", "ClampMaxBackward1"},
                                            {"ClampMinBackward0", "ClampMinBackward1"}};
    bool by_tensor = is_tensor(ts, v[1]);
    const char *fn_name = names[is_min][by_tensor];
    return inplace ? write_back(ts, v[0], node, fn_name)
                   : tensor_wrap_like(ts, node, fn_name, &x, 1);
}
static Value clamp_min_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return clamp_one(vm, true, false, args, nargs, kwnames);
}
static Value clamp_min_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return clamp_one(vm, true, true, args, nargs, kwnames);
}
static Value clamp_max_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return clamp_one(vm, false, false, args, nargs, kwnames);
}
static Value clamp_max_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return clamp_one(vm, false, true, args, nargs, kwnames);
}

/* ---- choosing ---- */

static LazyNode *where_node(TensorState *ts, Value c, Value a, Value b) {
    Promotion p;
    promote_init(&p);
    if (!promote_add(ts, &p, a) || !promote_add(ts, &p, b)) {
        vm_raise(ts->vm, EXC_TypeError, "where(): arguments must be tensors or numbers");
        return NULL;
    }
    DType dtype = promote_result(ts, &p);
    Type type = operand_type(ts, a, dtype), other = operand_type(ts, b, dtype);
    if (!broadcast_shapes(ts, &type, &other, &type)) return NULL;
    other = operand_type(ts, c, dtype);
    if (!broadcast_shapes(ts, &type, &other, &type)) return NULL;
    Type mask = type;
    mask.dtype = DT_BOOL;
    LazyNode *x = operand_node(ts, a, type), *y = operand_node(ts, b, type);
    return lazy_where(ts, operand_node(ts, c, mask), x, y);
}

Value tensor_where(TensorState *ts, Value c, Value a, Value b) {
    Tensor *operands[3] = {as_tensor(c), is_tensor(ts, a) ? as_tensor(a) : NULL,
                           is_tensor(ts, b) ? as_tensor(b) : NULL};
    return tensor_wrap_like(ts, where_node(ts, c, a, b), "WhereBackward0", operands, 3);
}

static Value where_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *c;
    if (!vm_args(vm, "where", "condition input? other?", args, nargs, kwnames, v))
        return NULL_VALUE;
    if (!arg_tensor_at(ts, v[0], "where", "condition", 1, &c)) return NULL_VALUE;
    if (is_null(v[1]) && is_null(v[2])) return tensor_nonzero(ts, c, true);
    if (is_null(v[2]))
        return vm_raise(vm, EXC_TypeError,
                        "where() takes the condition alone, or the condition, input and other");
    if (c->type.dtype != DT_BOOL && c->type.dtype != DT_U8)
        return vm_raise(vm, EXC_RuntimeError,
                        "where expected condition to be a boolean tensor, but got a tensor with "
                        "dtype %s",
                        dtype_long_name(c->type.dtype));
    return tensor_where(ts, v[0], v[1], v[2]);
}

/* As a method: x.where(condition, other). */
static Value where_method(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[3];
    if (!vm_args(vm, "where", "self condition other", args, nargs, kwnames, v)) return NULL_VALUE;
    return tensor_where(tensor_state(vm), v[1], v[0], v[2]);
}

static LazyNode *masked_fill_node(TensorState *ts, Tensor *x, Value mask, Value value) {
    Tensor *m;
    if (!arg_tensor_at(ts, mask, "masked_fill", "mask", 2, &m)) return NULL;
    if (m->type.dtype != DT_BOOL) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "masked_fill_ only supports boolean masks, but got mask with dtype %s",
                 dtype_c_name(m->type.dtype));
        return NULL;
    }
    Type type = x->type;
    if (!broadcast_shapes(ts, &type, &m->type, &type)) return NULL;
    Type mask_type = type;
    mask_type.dtype = DT_BOOL;
    LazyNode *filler = filler_node(ts, value, type);
    LazyNode *node = filler ? operand_node(ts, FROM_OBJ(x), type) : NULL;
    return lazy_where(ts, operand_node(ts, mask, mask_type), filler, node);
}

static Value masked_fill_any(Vm *vm, bool inplace, const Value *args, int nargs,
                             const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    if (!vm_args(vm, "masked_fill", "input mask value", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "masked_fill", &x) || (inplace && !tensor_check_inplace(ts, x)))
        return NULL_VALUE;
    LazyNode *node = masked_fill_node(ts, x, v[1], v[2]);
    const char *fn_name = "MaskedFillBackward0";
    return inplace ? write_back(ts, v[0], node, fn_name) : tensor_wrap(ts, node, fn_name);
}
static Value masked_fill_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return masked_fill_any(vm, false, args, nargs, kwnames);
}
static Value masked_fill_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return masked_fill_any(vm, true, args, nargs, kwnames);
}

/* NaN, +inf and -inf become numbers: 0 and the type's extremes unless given. */
static Value nan_to_num_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    if (!vm_args(vm, "nan_to_num", "input nan? posinf? neginf?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "nan_to_num", &x))
        return NULL_VALUE;
    if (!dtype_is_float(x->type.dtype)) return incref(v[0]);
    double biggest = dtype_biggest(x->type.dtype);
    double fill[3] = {0, biggest, -biggest};
    for (int i = 0; i < 3; i++)
        if (!is_null(v[i + 1]) && !is_none(v[i + 1]) && !vm_to_double(vm, v[i + 1], &fill[i]))
            return NULL_VALUE;
    LazyNode *node = tensor_read(ts, x);
    if (!node) return NULL_VALUE;
    LazyNode *test = lazy_unary(ts, OP_isnan, lazy_ref(node));
    node = lazy_where(ts, test, lazy_full(ts, x->type, from_float(fill[0])), node);
    for (int i = 1; i < 3 && node; i++) {
        double edge = i == 1 ? INFINITY : -INFINITY;
        test = lazy_binary(ts, OP_eq, lazy_ref(node), lazy_full(ts, x->type, from_float(edge)));
        node = lazy_where(ts, test, lazy_full(ts, x->type, from_float(fill[i])), node);
    }
    return tensor_wrap_like(ts, node, "NanToNumBackward0", &x, 1);
}

/* ---- casts ---- */

Value tensor_cast(TensorState *ts, Tensor *x, DType dtype) {
    if (x->type.dtype == dtype) return NEW_REF(x);
    LazyNode *node = lazy_cast(ts, tensor_read(ts, x), dtype);
    return tensor_wrap_like(ts, node, "ToCopyBackward0", &x, 1);
}

#define CAST_LIST(X)                                                                               \
    X(float, DT_F32)                                                                               \
    X(double, DT_F64)                                                                              \
    X(half, DT_F16)                                                                                \
    X(bfloat16, DT_BF16)                                                                           \
    X(long, DT_I64)                                                                                \
    X(int, DT_I32)                                                                                 \
    X(byte, DT_U8)                                                                                 \
    X(bool, DT_BOOL)
#define X(name, dtype)                                                                             \
    static Value cast_##name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {         \
        if (!vm_args_simple(vm, #name, nargs, kwnames, 1, 1)) return NULL_VALUE;                   \
        return tensor_cast(tensor_state(vm), as_tensor(args[0]), dtype);                           \
    }
CAST_LIST(X)
#undef X

/* to(dtype | device | tensor, ..., copy=False). */
static Value to_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value w[9];
    if (!vm_args(vm, "to", "self a? b? non_blocking? copy? * dtype? device? memory_format? other?",
                 args, nargs, kwnames, w))
        return NULL_VALUE;
    Tensor *x = as_tensor(w[0]);
    DType dtype = x->type.dtype;
    for (int i = 1; i <= 2; i++) {
        if (is_tensor(ts, w[i]))
            dtype = as_tensor(w[i])->type.dtype;
        else if (is_str(w[i]) || (w[i].tag == TAG_OBJ && w[i].o->cls == ts->device_class)) {
            if (!arg_device(ts, w[i])) return NULL_VALUE;
        } else if (w[i].tag != TAG_BOOL && !arg_dtype(ts, w[i], &dtype))
            return NULL_VALUE;
    }
    if (!arg_dtype(ts, w[5], &dtype) || !arg_device(ts, w[6])) return NULL_VALUE;
    if (is_tensor(ts, w[8])) dtype = as_tensor(w[8])->type.dtype;
    bool copy;
    if (!arg_bool(ts, w[4], false, &copy)) return NULL_VALUE;
    MemoryFormat format = FORMAT_KEPT;
    if (!arg_memory_format(ts, w[7], x, &format)) return NULL_VALUE;
    bool same = dtype == x->type.dtype && tensor_has_format(x, format);
    if (same && copy) return tensor_copy_format(ts, x, format, "ToCopyBackward0");
    Value made = tensor_cast(ts, x, dtype);
    if (same || is_null(made) || tensor_has_format(as_tensor(made), format)) return made;
    Value laid = tensor_copy_format(ts, as_tensor(made), format, "ToCopyBackward0");
    decref(made);
    return laid;
}

static Value type_as_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *other;
    Value v[2];
    if (!vm_args(vm, "type_as", "self other", args, nargs, kwnames, v) ||
        !arg_tensor_at(ts, v[1], "type_as", "other", 1, &other))
        return NULL_VALUE;
    return tensor_cast(ts, as_tensor(v[0]), other->type.dtype);
}

const TensorFunction UNARY_FUNCTIONS[] = {
#define X(name, op, to_float, fn)                                                                  \
    {#name, name##_call, FN_BOTH}, {#name "_", name##_call_, FN_METHOD},
    UNARY_LIST(X)
#undef X
#define X(name, to_float, fn) {#name, name##_call, FN_BOTH}, {#name "_", name##_call_, FN_METHOD},
        RECORDED_LIST(X)
#undef X
#define X(name, dtype) {#name, cast_##name, FN_METHOD},
            CAST_LIST(X)
#undef X
                {"round", round_call, FN_BOTH},
    {"round_", round_call_, FN_METHOD},
    {"clamp", clamp_call, FN_BOTH},
    {"clamp_", clamp_call_, FN_METHOD},
    {"clip", clamp_call, FN_BOTH},
    {"clip_", clamp_call_, FN_METHOD},
    {"clamp_min", clamp_min_call, FN_BOTH},
    {"clamp_min_", clamp_min_call_, FN_METHOD},
    {"clamp_max", clamp_max_call, FN_BOTH},
    {"clamp_max_", clamp_max_call_, FN_METHOD},
    {"where", where_call, FN_FUNCTION},
    {"where", where_method, FN_METHOD},
    {"masked_fill", masked_fill_call, FN_BOTH},
    {"masked_fill_", masked_fill_call_, FN_METHOD},
    {"nan_to_num", nan_to_num_call, FN_BOTH},
    {"to", to_call, FN_METHOD},
    {"type_as", type_as_call, FN_METHOD},
    {NULL, NULL, 0},
};
