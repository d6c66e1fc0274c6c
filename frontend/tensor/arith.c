/* Arithmetic, comparison and logic of two operands: operators, functions, methods and their
 * in-place forms. The dtype follows PyTorch's promotion, shapes broadcast. */
#include <math.h>
#include <string.h>

#include "frontend/tensor/tensor.h"

/* How operands are typed before the op. */
typedef enum Typing {
    TYPED_PROMOTED,
    TYPED_FLOAT, /* integers become the default float */
    TYPED_BOOL,  /* logic: != 0 first */
    TYPED_BITS,  /* integers and bools only */
} Typing;

typedef struct BinarySpec {
    const char *name;
    Op op;
    Typing typing;
    const char *fn_name;
} BinarySpec;

/* name, op, typing, grad_fn */
#define BINARY_LIST(X)                                                                             \
    X(add, OP_add, TYPED_PROMOTED, "AddBackward0")                                                 \
    X(sub, OP_sub, TYPED_PROMOTED, "SubBackward0")                                                 \
    X(subtract, OP_sub, TYPED_PROMOTED, "SubBackward0")                                            \
    X(mul, OP_mul, TYPED_PROMOTED, "MulBackward0")                                                 \
    X(multiply, OP_mul, TYPED_PROMOTED, "MulBackward0")                                            \
    X(true_divide, OP_div, TYPED_FLOAT, "DivBackward0")                                            \
    X(floor_divide, OP_floor_div, TYPED_PROMOTED, NULL)                                            \
    X(remainder, OP_rem, TYPED_PROMOTED, "RemainderBackward0")                                     \
    X(fmod, OP_fmod, TYPED_PROMOTED, "FmodBackward0")                                              \
    X(atan2, OP_atan2, TYPED_FLOAT, "Atan2Backward0")                                              \
    X(arctan2, OP_atan2, TYPED_FLOAT, "Atan2Backward0")                                            \
    X(maximum, OP_max, TYPED_PROMOTED, "MaximumBackward0")                                         \
    X(minimum, OP_min, TYPED_PROMOTED, "MinimumBackward0")                                         \
    X(eq, OP_eq, TYPED_PROMOTED, NULL)                                                             \
    X(ne, OP_ne, TYPED_PROMOTED, NULL)                                                             \
    X(lt, OP_lt, TYPED_PROMOTED, NULL)                                                             \
    X(le, OP_le, TYPED_PROMOTED, NULL)                                                             \
    X(gt, OP_gt, TYPED_PROMOTED, NULL)                                                             \
    X(ge, OP_ge, TYPED_PROMOTED, NULL)                                                             \
    X(logical_and, OP_and, TYPED_BOOL, NULL)                                                       \
    X(logical_or, OP_or, TYPED_BOOL, NULL)                                                         \
    X(logical_xor, OP_xor, TYPED_BOOL, NULL)                                                       \
    X(bitwise_and, OP_and, TYPED_BITS, NULL)                                                       \
    X(bitwise_or, OP_or, TYPED_BITS, NULL)                                                         \
    X(bitwise_xor, OP_xor, TYPED_BITS, NULL)                                                       \
    X(bitwise_left_shift, OP_shl, TYPED_BITS, NULL)                                                \
    X(bitwise_right_shift, OP_shr, TYPED_BITS, NULL)

enum {
#define X(name, op, typing, fn) SPEC_##name,
    BINARY_LIST(X)
#undef X
        SPEC_pow,
    SPEC_COUNT
};
static const BinarySpec SPECS[SPEC_COUNT] = {
#define X(name, op, typing, fn) {#name, op, typing, fn},
    BINARY_LIST(X)
#undef X
        {"pow", OP_pow, TYPED_PROMOTED, NULL},
};

static bool is_bool_operand(TensorState *ts, Value v) {
    return v.tag == TAG_BOOL || (is_tensor(ts, v) && as_tensor(v)->type.dtype == DT_BOOL);
}

/* Whether the op is defined for two bools; false: raised. */
static bool bools_allowed(TensorState *ts, Op op) {
    const char *kernel = op == OP_floor_div   ? "div_floor_cpu"
                         : op == OP_trunc_div ? "div_trunc_cpu"
                         : op == OP_rem       ? "remainder_cpu"
                         : op == OP_fmod      ? "fmod_cpu"
                         : op == OP_pow       ? "pow"
                                              : NULL;
    if (kernel)
        vm_raise(ts->vm, EXC_NotImplementedError, "\"%s\" not implemented for 'Bool'", kernel);
    return !kernel;
}

/* Division of integers by a zero that is known now is an error now; others fault when they run. */
static bool divisor_allowed(TensorState *ts, const BinarySpec *spec, Value b, DType dtype) {
    bool divides = spec->op == OP_floor_div || spec->op == OP_trunc_div || spec->op == OP_rem ||
                   spec->op == OP_fmod;
    if (!divides || dtype_is_float(dtype)) return true;
    bool zero = is_int(b) && as_int(b) == 0;
    if (is_tensor(ts, b) && !as_tensor(b)->view && !as_tensor(b)->var->root) {
        const LazyNode *node;
        if (!value_to_check(ts, as_tensor(b)->var->storage->value, &node)) return false;
        int64_t count = node ? type_numel(&node->type) : 0;
        size_t size = node ? dtype_size(node->type.dtype) : 0;
        for (int64_t i = 0; i < count && !zero; i++)
            zero = element_int(node->type.dtype, node->value->bytes + (size_t)i * size) == 0;
    }
    if (zero) vm_raise(ts->vm, EXC_RuntimeError, "ZeroDivisionError");
    return !zero;
}

/* Operands' common dtype; false: raised. */
static bool common_dtype(TensorState *ts, const BinarySpec *spec, Value a, Value b, DType *out) {
    Promotion p;
    promote_init(&p);
    Tensor *unused;
    if (!promote_add(ts, &p, a)) return arg_tensor(ts, a, spec->name, &unused);
    if (!promote_add(ts, &p, b)) return arg_tensor_at(ts, b, spec->name, "other", 2, &unused);
    DType dtype = promote_result(ts, &p);
    bool is_bool = dtype == DT_BOOL;
    if (spec->typing == TYPED_FLOAT && !dtype_is_float(dtype)) dtype = ts->default_dtype;
    if (spec->typing == TYPED_BOOL) dtype = DT_BOOL;
    if (spec->typing == TYPED_BITS && dtype_is_float(dtype)) {
        const char *kernel = spec->op == OP_shl   ? "lshift"
                             : spec->op == OP_shr ? "rshift"
                                                  : spec->name;
        vm_raise(ts->vm, EXC_NotImplementedError, "\"%s_cpu\" not implemented for '%s'", kernel,
                 dtype_long_name(dtype));
        return false;
    }
    if (is_bool && !bools_allowed(ts, spec->op)) return false;
    if (spec->op == OP_sub && (is_bool_operand(ts, a) || is_bool_operand(ts, b))) {
        bool two = is_bool_operand(ts, a) && is_bool_operand(ts, b);
        vm_raise(ts->vm, EXC_NotImplementedError,
                 two ? "Subtraction, the `-` operator, with two bool tensors is not supported. Use "
                       "the `^` or `logical_xor()` operator instead."
                     : "Subtraction, the `-` operator, with a bool tensor is not supported. If you "
                       "are trying to invert a mask, use the `~` or `logical_not()` operator "
                       "instead.");
        return false;
    }
    *out = dtype;
    return true;
}

/* Arithmetic of bools is logic; the IR keeps numbers and bools apart. */
static Op op_for(Op op, DType dtype) {
    if (dtype != DT_BOOL) return op;
    if (op == OP_add) return OP_or;
    if (op == OP_mul) return OP_and;
    return op;
}

static bool both_shapes(TensorState *ts, Value a, Value b, DType dtype, Type *out) {
    Type x = operand_type(ts, a, dtype), y = operand_type(ts, b, dtype);
    out->dtype = dtype;
    if (type_same_shape(&x, &y)) {
        *out = x;
        return true;
    }
    return broadcast_shapes(ts, &x, &y, out);
}

static LazyNode *binary_node(TensorState *ts, const BinarySpec *spec, Value a, Value b) {
    DType dtype;
    Type type;
    if (!common_dtype(ts, spec, a, b, &dtype) || !both_shapes(ts, a, b, dtype, &type) ||
        !divisor_allowed(ts, spec, b, dtype))
        return NULL;
    LazyNode *x = operand_node(ts, a, type);
    LazyNode *y = x ? operand_node(ts, b, type) : NULL;
    LazyNode *node;
    if (!y) {
        if (x) lazy_unref(ts, x);
        return NULL;
    }
    node = lazy_binary(ts, op_for(spec->op, dtype), x, y);
    Tensor *operands[2] = {is_tensor(ts, a) ? as_tensor(a) : NULL,
                           is_tensor(ts, b) ? as_tensor(b) : NULL};
    tensor_save(ts, node, operands, 2);
    return node;
}

/* The result of an operation element by element on a and b. */
static Value wrap_binary(TensorState *ts, LazyNode *node, Value a, Value b, const char *fn_name) {
    Tensor *operands[2] = {is_tensor(ts, a) ? as_tensor(a) : NULL,
                           is_tensor(ts, b) ? as_tensor(b) : NULL};
    return tensor_wrap_like(ts, node, fn_name, operands, 2);
}

Value tensor_binary(TensorState *ts, Op op, Value a, Value b, const char *fn_name) {
    BinarySpec spec = {op_info(op)->name, op, op == OP_div ? TYPED_FLOAT : TYPED_PROMOTED, fn_name};
    return wrap_binary(ts, binary_node(ts, &spec, a, b), a, b, fn_name);
}

/* ---- in place ---- */

/* Writes a result into x, whose shape and kind of number it must fit. Consumes the node. */
static bool write_result(TensorState *ts, Tensor *x, LazyNode *node, const char *fn_name) {
    if (!node) return false;
    Buf shapes = {0};
    if (!type_same_shape(&x->type, &node->type)) {
        buf_puts(&shapes, "output with shape ");
        shape_text(&shapes, x->type.dim, x->type.rank);
        buf_puts(&shapes, " doesn't match the broadcast shape ");
        shape_text(&shapes, node->type.dim, node->type.rank);
        vm_raise(ts->vm, EXC_RuntimeError, "%s", buf_text(&shapes));
        buf_free(&shapes);
        lazy_unref(ts, node);
        return false;
    }
    DType to = x->type.dtype, from = node->type.dtype;
    if (to == DT_BOOL && from != to) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "result type %s can't be cast to the desired output type %s",
                 dtype_long_name(from), dtype_long_name(to));
        lazy_unref(ts, node);
        return false;
    }
    return tensor_write_result(ts, x, node, fn_name);
}

Value tensor_inplace_result(TensorState *ts, Value self, LazyNode *node, const char *fn_name) {
    return write_result(ts, as_tensor(self), node, fn_name) ? incref(self) : NULL_VALUE;
}

/* The remainders' grad_fns tell tensors from numbers. */
static const char *fn_of(TensorState *ts, const BinarySpec *spec, Value other) {
    if (!is_tensor(ts, other)) return spec->fn_name;
    if (spec->op == OP_rem) return "RemainderBackward1";
    return spec->op == OP_fmod ? "FmodBackward1" : spec->fn_name;
}

/* In place autograd doesn't know logic; by a comparison x's history gets zeros for its gradient. */
static Value test_inplace(TensorState *ts, const BinarySpec *spec, Tensor *x, Value b,
                          LazyNode *node) {
    node = lazy_cast(ts, node, x->type.dtype);
    if (spec->typing == TYPED_BOOL)
        return tensor_inplace_result(ts, FROM_OBJ(x), tensor_unnoticed(ts, x, node),
                                     tensor_fn_name(x));
    char name[32];
    const char *op = op_info(spec->op)->name;
    snprintf(name, sizeof name, "%c%sBackward%d", op[0] - 'a' + 'A', op + 1, is_tensor(ts, b));
    node = tensor_overwriting(ts, x, node);
    return tensor_inplace_result(ts, FROM_OBJ(x), node, fn_name_intern(ts, name));
}

static Value binary_inplace(TensorState *ts, const BinarySpec *spec, Value a, Value b) {
    Tensor *x;
    if (!arg_tensor(ts, a, spec->name, &x) || !tensor_check_inplace(ts, x) ||
        (is_tensor(ts, b) && !tensor_check_overlap(ts, x, as_tensor(b))))
        return NULL_VALUE;
    LazyNode *node = binary_node(ts, spec, a, b);
    bool is_test = node && node->type.dtype == DT_BOOL && x->type.dtype != DT_BOOL;
    if (is_test && type_same_shape(&x->type, &node->type))
        return test_inplace(ts, spec, x, b, node);
    bool derived = spec != &SPECS[SPEC_floor_divide];
    return tensor_inplace_result(ts, a, node, derived ? fn_of(ts, spec, b) : "NotImplemented");
}

/* Puts a computed tensor (consumed) into self in place. */
Value tensor_assign(TensorState *ts, Value self, Value result) {
    if (is_null(result)) return result;
    Value out = NULL_VALUE;
    if (tensor_check_inplace(ts, as_tensor(self)))
        out = tensor_inplace_result(ts, self, tensor_read(ts, as_tensor(result)),
                                    tensor_fn_name(as_tensor(result)));
    decref(result);
    return out;
}

/* written(t, result) -> t: t, its elements replaced by the result of an operation on it. */
static Value written_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x, *result;
    if (!vm_args(vm, "written", "t result", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "written", &x) || !arg_tensor(ts, v[1], "written", &result))
        return NULL_VALUE;
    return tensor_assign(ts, v[0], incref(v[1]));
}

/* original(t) -> t as it is now, in a storage of its own: what an operation in place computes from.
 */
static Value original_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[1];
    Tensor *x;
    if (!vm_args(vm, "original", "t", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "original", &x) || !tensor_check_inplace(ts, x))
        return NULL_VALUE;
    return tensor_wrap_like(ts, tensor_read(ts, x), tensor_fn_name(x), &x, 1);
}

/* b scaled by the `alpha` of add and sub; a new reference. */
Value tensor_scaled(TensorState *ts, Value b, Value alpha) {
    if (is_null(alpha) || (is_int(alpha) && as_int(alpha) == 1)) return incref(b);
    if (!is_tensor(ts, b)) return vm_binary(ts->vm, BINARY_MUL, b, alpha);
    return tensor_binary(ts, OP_mul, b, alpha, "MulBackward0");
}

/* Of these functions the second operand is no number. */
static bool operand_allowed(TensorState *ts, const BinarySpec *spec, bool inplace, Value other) {
    bool wants_tensor = spec->typing == TYPED_BOOL || spec->op == OP_max || spec->op == OP_min ||
                        spec->op == OP_atan2;
    if (is_tensor(ts, other) || (is_number(ts, other) && !wants_tensor)) return true;
    Tensor *unused;
    char name[64];
    snprintf(name, sizeof name, "%s%s", spec->name, inplace ? "_" : "");
    return arg_tensor_at(ts, other, name, "other", 2, &unused);
}

/* floor_divide's result (consumed), which has no derivative: the prelude's underived() says so. */
static Value floored(TensorState *ts, const BinarySpec *spec, Value result) {
    if (spec != &SPECS[SPEC_floor_divide] || is_null(result) ||
        !tensor_requires_grad(as_tensor(result)))
        return result;
    Value torch = dict_get(ts->vm->modules, vm_intern_text(ts->vm, "torch"));
    Value module = is_null(torch) ? torch : vm_getattr_text(ts->vm, torch, "_elementwise");
    Value underived = is_null(module) ? module : vm_getattr_text(ts->vm, module, "underived");
    Value args[2] = {result, str_from(ts->vm, spec->name)};
    Value made = is_null(underived) ? underived : vm_call(ts->vm, underived, args, 2, NULL);
    Value used[] = {module, underived, args[0], args[1]};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        if (!is_null(used[i])) decref(used[i]);
    return made;
}

static Value binary_call(Vm *vm, const BinarySpec *spec, bool inplace, const Value *args, int nargs,
                         const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    if (!vm_args(vm, spec->name, "input other * alpha?", args, nargs, kwnames, v) ||
        !operand_allowed(ts, spec, inplace, v[1]))
        return NULL_VALUE;
    DType half = is_null(v[2]) ? DT_COUNT : first_half(ts, v, 2);
    if (half != DT_COUNT && is_float(v[2])) v[2] = from_float(dtype_round(half, as_float(v[2])));
    Value b = tensor_scaled(ts, v[1], v[2]);
    if (is_null(b)) return b;
    Value result =
        inplace ? binary_inplace(ts, spec, v[0], b)
                : wrap_binary(ts, binary_node(ts, spec, v[0], b), v[0], b, fn_of(ts, spec, b));
    decref(b);
    return inplace ? result : floored(ts, spec, result);
}

#define X(name, op, typing, fn)                                                                    \
    static Value name##_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {         \
        return binary_call(vm, &SPECS[SPEC_##name], false, args, nargs, kwnames);                  \
    }                                                                                              \
    static Value name##_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {        \
        return binary_call(vm, &SPECS[SPEC_##name], true, args, nargs, kwnames);                   \
    }
BINARY_LIST(X)
#undef X

/* ---- division with a rounding mode ---- */

static const BinarySpec *div_spec(Vm *vm, Value mode) {
    static const BinarySpec trunc_spec = {"div", OP_trunc_div, TYPED_PROMOTED, "DivBackward2"},
                            floor_spec = {"div", OP_floor_div, TYPED_PROMOTED, "DivBackward2"},
                            none_spec = {"div", OP_div, TYPED_FLOAT, "DivBackward2"};
    if (is_null(mode)) return &SPECS[SPEC_true_divide];
    if (is_none(mode)) return &none_spec;
    const char *text = vm_to_text(vm, mode, "rounding_mode");
    if (!text) return NULL;
    if (strcmp(text, "floor") == 0) return &floor_spec;
    if (strcmp(text, "trunc") == 0) return &trunc_spec;
    vm_raise(vm, EXC_RuntimeError,
             "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '%s'",
             text);
    return NULL;
}

static Value div_any(Vm *vm, bool inplace, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    if (!vm_args(vm, "div", "input other * rounding_mode?", args, nargs, kwnames, v))
        return NULL_VALUE;
    const BinarySpec *spec = div_spec(vm, v[2]);
    if (!spec) return NULL_VALUE;
    if (inplace) return binary_inplace(ts, spec, v[0], v[1]);
    return wrap_binary(ts, binary_node(ts, spec, v[0], v[1]), v[0], v[1], spec->fn_name);
}

static Value div_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return div_any(vm, false, args, nargs, kwnames);
}

static Value div_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return div_any(vm, true, args, nargs, kwnames);
}

/* ---- powers ---- */

/* Exponents that programs spell: their forms and gradients are chosen by value. Others, which may
 * change from one call to the next, are data, so that the graph stays the same. */
static bool is_spelled(double exponent) {
    return fabs(exponent) <= 16 && exponent * 2 == round(exponent * 2);
}

/* x to a number, of dtype. Consumes x. */
static LazyNode *power_by_number(TensorState *ts, LazyNode *x, Value exponent, DType dtype) {
    double value = is_int(exponent) ? (double)as_int(exponent) : as_float(exponent);
    LazyNode *b =
        is_spelled(value) ? lazy_const(ts, dtype, value) : operand_cast(ts, exponent, dtype);
    if (b) return lazy_binary(ts, OP_pow, x, lazy_broadcast(ts, b, x->type.rank, x->type.dim));
    lazy_unref(ts, x);
    return NULL;
}

static LazyNode *pow_node(TensorState *ts, Value a, Value b) {
    DType dtype;
    if (!is_tensor(ts, a) || (!is_int(b) && !is_float(b)))
        return binary_node(ts, &SPECS[SPEC_pow], a, b);
    if (!common_dtype(ts, &SPECS[SPEC_pow], a, b, &dtype)) return NULL;
    if (is_int(b) && as_int(b) < 0 && !dtype_is_float(dtype)) {
        vm_raise(ts->vm, EXC_RuntimeError, "Integers to negative integer powers are not allowed.");
        return NULL;
    }
    LazyNode *x = operand_cast(ts, a, dtype);
    LazyNode *node = x ? power_by_number(ts, x, b, dtype) : NULL;
    Tensor *base = as_tensor(a);
    tensor_save(ts, node, &base, 1);
    return node;
}

static const char *pow_fn_name(TensorState *ts, Value a, Value b) {
    if (!is_tensor(ts, b)) return "PowBackward0";
    return is_tensor(ts, a) ? "PowBackward1" : "PowBackward2";
}

static Value pow_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    if (!vm_args(vm, "pow", "input exponent", args, nargs, kwnames, v)) return NULL_VALUE;
    return wrap_binary(ts, pow_node(ts, v[0], v[1]), v[0], v[1], pow_fn_name(ts, v[0], v[1]));
}

static Value pow_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    if (!vm_args(vm, "pow_", "self exponent", args, nargs, kwnames, v)) return NULL_VALUE;
    if (!arg_tensor(ts, v[0], "pow_", &x) || !tensor_check_inplace(ts, x)) return NULL_VALUE;
    return tensor_inplace_result(ts, v[0], pow_node(ts, v[0], v[1]), pow_fn_name(ts, v[0], v[1]));
}

/* ---- operators ---- */

static const struct {
    int spec;
    const char *reflected_name;
} OPERATORS[BINARY_OP_COUNT] = {
    [BINARY_ADD] = {SPEC_add, "AddBackward0"},
    [BINARY_SUB] = {SPEC_sub, "RsubBackward1"},
    [BINARY_MUL] = {SPEC_mul, "MulBackward0"},
    [BINARY_DIV] = {SPEC_true_divide, "MulBackward0"},
    [BINARY_FLOORDIV] = {SPEC_floor_divide, NULL},
    [BINARY_MOD] = {SPEC_remainder, "RemainderBackward0"},
    [BINARY_POW] = {SPEC_pow, NULL},
    [BINARY_LSHIFT] = {SPEC_bitwise_left_shift, NULL},
    [BINARY_RSHIFT] = {SPEC_bitwise_right_shift, NULL},
    [BINARY_AND] = {SPEC_bitwise_and, NULL},
    [BINARY_OR] = {SPEC_bitwise_or, NULL},
    [BINARY_XOR] = {SPEC_bitwise_xor, NULL},
};

static bool operand(TensorState *ts, Value v) {
    return is_tensor(ts, v) || is_number(ts, v);
}

static Value tensor_slot_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    TensorState *ts = tensor_state(vm);
    if (!operand(ts, a) || !operand(ts, b) || op == BINARY_DIVMOD) return NOT_IMPLEMENTED;
    if (op == BINARY_MATMUL && (!is_tensor(ts, a) || !is_tensor(ts, b))) return NOT_IMPLEMENTED;
    if (op == BINARY_MATMUL) return tensor_matmul(ts, a, b);
    if (op == BINARY_POW) return wrap_binary(ts, pow_node(ts, a, b), a, b, pow_fn_name(ts, a, b));
    const BinarySpec *spec = &SPECS[OPERATORS[op].spec];
    bool by_number = reflected && !is_tensor(ts, a);
    Value result = wrap_binary(ts, binary_node(ts, spec, a, b), a, b,
                               by_number ? OPERATORS[op].reflected_name : fn_of(ts, spec, b));
    return floored(ts, spec, result);
}

static Value tensor_slot_inplace(Vm *vm, BinaryOp op, Value a, Value b) {
    TensorState *ts = tensor_state(vm);
    if (!operand(ts, b) || op == BINARY_MATMUL || op == BINARY_DIVMOD) return NOT_IMPLEMENTED;
    if (op != BINARY_POW) return binary_inplace(ts, &SPECS[OPERATORS[op].spec], a, b);
    if (!tensor_check_inplace(ts, as_tensor(a))) return NULL_VALUE;
    return tensor_inplace_result(ts, a, pow_node(ts, a, b), pow_fn_name(ts, a, b));
}

static Value tensor_slot_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    static const int specs[] = {
        [COMPARE_LT] = SPEC_lt, [COMPARE_LE] = SPEC_le, [COMPARE_EQ] = SPEC_eq,
        [COMPARE_NE] = SPEC_ne, [COMPARE_GT] = SPEC_gt, [COMPARE_GE] = SPEC_ge};
    TensorState *ts = tensor_state(vm);
    (void)reflected;
    if (!operand(ts, a) || !operand(ts, b)) return NOT_IMPLEMENTED;
    return wrap_binary(ts, binary_node(ts, &SPECS[specs[op]], a, b), a, b, NULL);
}

static Value tensor_slot_unary(Vm *vm, UnaryOp op, Value a) {
    TensorState *ts = tensor_state(vm);
    Tensor *x = as_tensor(a);
    DType dtype = x->type.dtype;
    switch (op) {
    case UNARY_POS:
        return incref(a);
    case UNARY_ABS:
        return tensor_unary(ts, OP_abs, x, "AbsBackward0");
    case UNARY_NEG:
        return tensor_unary(ts, OP_neg, x, "NegBackward0");
    case UNARY_INVERT:
        break;
    }
    if (dtype_is_float(dtype))
        return vm_raise(vm, EXC_TypeError,
                        "~ (operator.invert) is only implemented on integer and Boolean-type "
                        "tensors");
    return tensor_unary(ts, OP_not, x, NULL);
}

/* ---- equality of whole tensors ---- */

/* The bool of a 0-d tensor (consumed) as a Value. */
static Value bool_value(TensorState *ts, LazyNode *node) {
    Value result = tensor_wrap(ts, node, NULL);
    if (is_null(result)) return result;
    Value item = tensor_item(ts, as_tensor(result));
    decref(result);
    return item;
}

static LazyNode *all_true(TensorState *ts, LazyNode *node) {
    int64_t axes[MAX_RANK];
    int rank = node ? node->type.rank : 0;
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    return lazy_reduce(ts, OP_reduce_all, node, axes, rank);
}

static Value equal_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *a, *b;
    if (!vm_args(vm, "equal", "input other", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "equal", &a) || !arg_tensor_at(ts, v[1], "equal", "other", 2, &b))
        return NULL_VALUE;
    if (!type_same_shape(&a->type, &b->type)) return from_bool(false);
    return bool_value(ts, all_true(ts, binary_node(ts, &SPECS[SPEC_eq], v[0], v[1])));
}

/* |a - b| <= atol + rtol * |b|, or equal (infinities too), or both NaN when asked. */
static LazyNode *close_node(TensorState *ts, Value a, Value b, const Value *v) {
    DType dtype;
    Type type;
    Tensor *first, *second;
    if (!arg_tensor(ts, a, "isclose", &first) ||
        !arg_tensor_at(ts, b, "isclose", "other", 2, &second))
        return NULL;
    if (first->type.dtype != second->type.dtype) {
        vm_raise(ts->vm, EXC_RuntimeError, "%s did not match %s",
                 dtype_long_name(first->type.dtype), dtype_long_name(second->type.dtype));
        return NULL;
    }
    if (!common_dtype(ts, &SPECS[SPEC_true_divide], a, b, &dtype) ||
        !both_shapes(ts, a, b, dtype, &type))
        return NULL;
    double rtol = 1e-5, atol = 1e-8;
    bool equal_nan;
    if (!is_null(v[0]) && !vm_to_double(ts->vm, v[0], &rtol)) return NULL;
    if (!is_null(v[1]) && !vm_to_double(ts->vm, v[1], &atol)) return NULL;
    if (!arg_bool(ts, v[2], false, &equal_nan)) return NULL;
    type.dtype = DT_F64; /* exact: f32 differences are compared with double tolerances */
    LazyNode *x = operand_node(ts, a, type), *y = operand_node(ts, b, type);
    if (!x || !y) return NULL;
    LazyNode *gap = lazy_unary(ts, OP_abs, lazy_binary(ts, OP_sub, lazy_ref(x), lazy_ref(y)));
    LazyNode *limit = lazy_binary(ts, OP_mul, lazy_unary(ts, OP_abs, lazy_ref(y)),
                                  lazy_full(ts, type, from_float(rtol)));
    limit = lazy_binary(ts, OP_add, limit, lazy_full(ts, type, from_float(atol)));
    LazyNode *finite = lazy_unary(ts, OP_not, lazy_unary(ts, OP_isinf, lazy_ref(gap)));
    LazyNode *close = lazy_binary(ts, OP_and, lazy_binary(ts, OP_le, gap, limit), finite);
    close = lazy_binary(ts, OP_or, close, lazy_binary(ts, OP_eq, lazy_ref(x), lazy_ref(y)));
    if (equal_nan) {
        LazyNode *nans = lazy_binary(ts, OP_and, lazy_unary(ts, OP_isnan, lazy_ref(x)),
                                     lazy_unary(ts, OP_isnan, lazy_ref(y)));
        close = lazy_binary(ts, OP_or, close, nans);
    }
    lazy_unref(ts, x);
    lazy_unref(ts, y);
    return close;
}

static Value isclose_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[5];
    if (!vm_args(vm, "isclose", "input other rtol? atol? equal_nan?", args, nargs, kwnames, v))
        return NULL_VALUE;
    TensorState *ts = tensor_state(vm);
    return tensor_wrap(ts, close_node(ts, v[0], v[1], v + 2), NULL);
}

static Value allclose_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[5];
    if (!vm_args(vm, "allclose", "input other rtol? atol? equal_nan?", args, nargs, kwnames, v))
        return NULL_VALUE;
    TensorState *ts = tensor_state(vm);
    return bool_value(ts, all_true(ts, close_node(ts, v[0], v[1], v + 2)));
}

static Value rsub_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[2];
    if (!vm_args(vm, "rsub", "input other", args, nargs, kwnames, v)) return NULL_VALUE;
    return tensor_binary(tensor_state(vm), OP_sub, v[1], v[0], "RsubBackward1");
}

const TensorFunction ARITH_FUNCTIONS[] = {
#define X(name, op, typing, fn) {#name, name##_call, FN_BOTH}, {#name "_", name##_call_, FN_METHOD},
    BINARY_LIST(X)
#undef X
        {"div", div_call, FN_BOTH},
    {"div_", div_call_, FN_METHOD},
    {"divide", div_call, FN_BOTH},
    {"divide_", div_call_, FN_METHOD},
    {"pow", pow_call, FN_BOTH},
    {"pow_", pow_call_, FN_METHOD},
    {"greater", gt_call, FN_BOTH},
    {"greater_", gt_call_, FN_METHOD},
    {"greater_equal", ge_call, FN_BOTH},
    {"greater_equal_", ge_call_, FN_METHOD},
    {"less", lt_call, FN_BOTH},
    {"less_", lt_call_, FN_METHOD},
    {"less_equal", le_call, FN_BOTH},
    {"less_equal_", le_call_, FN_METHOD},
    {"not_equal", ne_call, FN_BOTH},
    {"not_equal_", ne_call_, FN_METHOD},
    {"written", written_call, FN_FUNCTION},
    {"original", original_call, FN_FUNCTION},
    {"rsub", rsub_call, FN_FUNCTION},
    {"equal", equal_call, FN_BOTH},
    {"isclose", isclose_call, FN_BOTH},
    {"allclose", allclose_call, FN_BOTH},
    {NULL, NULL, 0},
};

void arith_slots(Slots *slots) {
    slots->binary = tensor_slot_binary;
    slots->inplace = tensor_slot_inplace;
    slots->compare = tensor_slot_compare;
    slots->unary = tensor_slot_unary;
}
