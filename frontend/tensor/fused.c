/* Functions of three operands: addcmul, addcdiv and lerp. */
#include <math.h>
#include <string.h>

#include "frontend/tensor/tensor.h"

/* The dtype of addcmul and addcdiv, in which their `value` counts; false: raised. */
static bool fused_dtype(TensorState *ts, Op op, Value input, Value a, Value b, DType *dtype) {
    Promotion p;
    promote_init(&p);
    *dtype = ts->default_dtype;
    if (!promote_add(ts, &p, a) || !promote_add(ts, &p, b)) return true; /* the op complains */
    if (op == OP_div && !dtype_is_float(promote_result(ts, &p))) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Integer division with addcdiv is no longer supported, and in a future  release "
                 "addcdiv will perform a true division of tensor1 and tensor2. The historic "
                 "addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
                 "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
                 "tensor2) for float inputs. The future addcdiv behavior is just the latter "
                 "implementation: (input + value * tensor1 / tensor2), for all dtypes.");
        return false;
    }
    promote_add(ts, &p, input);
    *dtype = promote_result(ts, &p);
    if (*dtype != DT_BOOL) return true;
    vm_raise(ts->vm, EXC_NotImplementedError, "\"addcmul_cpu_out\" not implemented for 'Bool'");
    return false;
}

/* input + value * (a op b). */
static Value fused_value(TensorState *ts, Value input, Value a, Value b, Value value, Op op) {
    DType dtype;
    if (!fused_dtype(ts, op, input, a, b, &dtype)) return NULL_VALUE;
    if (is_float(value) && !dtype_is_float(dtype)) value = from_int((int64_t)as_float(value));
    Value product = tensor_binary(ts, op, a, b, NULL);
    if (is_null(product)) return product;
    Value part = tensor_scaled(ts, product, value);
    decref(product);
    if (is_null(part)) return part;
    Value result = tensor_binary(ts, OP_add, input, part,
                                 op == OP_mul ? "AddcmulBackward0" : "AddcdivBackward0");
    decref(part);
    return result;
}

/* base + change * weight, or base - change * weight; consumes the weight. */
static Value moved(TensorState *ts, Op op, Value base, Value change, Value weight) {
    Value part = is_null(weight) ? weight : tensor_binary(ts, OP_mul, change, weight, NULL);
    if (!is_null(weight)) decref(weight);
    if (is_null(part)) return part;
    Value result = tensor_binary(ts, op, base, part, "LerpBackward0");
    decref(part);
    return result;
}

/* From the nearer end, as PyTorch does. */
static Value lerp_value(TensorState *ts, Value input, Value end, Value weight) {
    double w = 0;
    bool is_tensor_weight = is_tensor(ts, weight);
    if (!is_tensor_weight && is_float(weight)) w = as_float(weight);
    if (!is_tensor_weight && is_int(weight)) w = (double)as_int(weight);
    Value change = tensor_binary(ts, OP_sub, end, input, NULL);
    if (is_null(change)) return change;
    Value near = NULL_VALUE, far = NULL_VALUE, result = NULL_VALUE;
    if (is_tensor_weight || fabs(w) < 0.5) near = moved(ts, OP_add, input, change, incref(weight));
    if (is_tensor_weight || fabs(w) >= 0.5)
        far = moved(ts, OP_sub, end, change, vm_binary(ts->vm, BINARY_SUB, from_int(1), weight));
    if (is_tensor_weight && !is_null(near) && !is_null(far)) {
        Value size = tensor_unary(ts, OP_abs, as_tensor(weight), NULL);
        Value is_near =
            is_null(size) ? size : tensor_binary(ts, OP_lt, size, from_float(0.5), NULL);
        result = is_null(is_near) ? is_near : tensor_where(ts, is_near, near, far);
        if (!is_null(result)) as_tensor(result)->var->fn_name = "LerpBackward1";
        if (!is_null(size)) decref(size);
        if (!is_null(is_near)) decref(is_near);
    }
    decref(change);
    if (is_tensor_weight || vm_failed(ts->vm)) {
        if (!is_null(near)) decref(near);
        if (!is_null(far)) decref(far);
        return result;
    }
    return is_null(near) ? far : near;
}

static Value addcmul_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
static Value addcdiv_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);

static Value addc(Vm *vm, const char *name, Op op, bool inplace, const Value *args, int nargs,
                  const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    if (!vm_args(vm, name, "input tensor1 tensor2 * value?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], name, &x))
        return NULL_VALUE;
    NativeFn plain = op == OP_mul ? addcmul_call : addcdiv_call;
    Value result = first_half(ts, v, 3) != DT_COUNT ? half_kernel(vm, plain, args, nargs, kwnames)
                                                    : fused_value(ts, v[0], v[1], v[2], v[3], op);
    return inplace ? tensor_assign(ts, v[0], result) : result;
}

static Value addcmul_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return addc(vm, "addcmul", OP_mul, false, args, nargs, kwnames);
}
static Value addcmul_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return addc(vm, "addcmul_", OP_mul, true, args, nargs, kwnames);
}
static Value addcdiv_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return addc(vm, "addcdiv", OP_div, false, args, nargs, kwnames);
}
static Value addcdiv_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return addc(vm, "addcdiv_", OP_div, true, args, nargs, kwnames);
}

/* lerp does not promote, but for a weight that is one number. */
static bool lerp_operand(TensorState *ts, const Tensor *input, Value v, const char *what) {
    if (!is_tensor(ts, v)) return true;
    const Type *type = &as_tensor(v)->type;
    if (type->dtype == input->type.dtype || (type->rank == 0 && strcmp(what, "weight") == 0))
        return true;
    vm_raise(ts->vm, EXC_RuntimeError, "expected dtype %s for `%s` but got dtype %s",
             dtype_c_name(input->type.dtype), what, dtype_c_name(type->dtype));
    return false;
}

static Value lerp_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);

static Value lerp_any(Vm *vm, bool inplace, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    if (!vm_args(vm, "lerp", "input end weight", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "lerp", &x))
        return NULL_VALUE;
    if (!lerp_operand(ts, x, v[1], "end") || !lerp_operand(ts, x, v[2], "weight"))
        return NULL_VALUE;
    if (!dtype_is_float(x->type.dtype))
        return vm_raise(vm, EXC_NotImplementedError, "\"lerp_kernel_%s\" not implemented for '%s'",
                        is_tensor(ts, v[2]) ? "tensor" : "scalar", dtype_long_name(x->type.dtype));
    Value result = first_half(ts, v, 3) != DT_COUNT
                       ? half_kernel(vm, lerp_call, args, nargs, kwnames)
                       : lerp_value(ts, v[0], v[1], v[2]);
    return inplace ? tensor_assign(ts, v[0], result) : result;
}

static Value lerp_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return lerp_any(vm, false, args, nargs, kwnames);
}
static Value lerp_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return lerp_any(vm, true, args, nargs, kwnames);
}

const TensorFunction FUSED_FUNCTIONS[] = {
    {"addcmul", addcmul_call, FN_BOTH},
    {"addcmul_", addcmul_call_, FN_METHOD},
    {"addcdiv", addcdiv_call, FN_BOTH},
    {"addcdiv_", addcdiv_call_, FN_METHOD},
    {"lerp", lerp_call, FN_BOTH},
    {"lerp_", lerp_call_, FN_METHOD},
    {NULL, NULL, 0},
};
