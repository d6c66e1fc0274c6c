/* Functions that PyTorch computes in one kernel, of halves: in float32, and rounded once at the
 * end. And autocast: products of float32 tensors are then computed as those of halves, and
 * functions that want float32 get it. */
#include <string.h>

#include "frontend/tensor/trace.h"

enum { MAX_CALL = 40 };

static bool is_half(TensorState *ts, Value v) {
    return is_tensor(ts, v) && dtype_is_half(as_tensor(v)->type.dtype);
}

/* A tensor that autocast changes the type of. */
static bool is_castable(TensorState *ts, Value v) {
    return is_tensor(ts, v) && dtype_computed(as_tensor(v)->type.dtype) == DT_F32;
}

DType first_half(TensorState *ts, const Value *args, int count) {
    for (int i = 0; i < count; i++)
        if (is_half(ts, args[i])) return as_tensor(args[i])->type.dtype;
    return DT_COUNT;
}

/* The half that a product of these is one of; DT_COUNT: of none. */
static DType product_half(TensorState *ts, const Value *args, int count) {
    DType half = ts->autocast == DT_COUNT ? first_half(ts, args, count) : ts->autocast;
    bool castable = false;
    for (int i = 0; i < count; i++) {
        castable = castable || is_castable(ts, args[i]);
        if (!is_tensor(ts, args[i]) || !dtype_is_float(as_tensor(args[i])->type.dtype)) continue;
        /* Of types that don't fit together the function itself complains. */
        if (ts->autocast == DT_COUNT && as_tensor(args[i])->type.dtype != half) return DT_COUNT;
    }
    return castable ? half : DT_COUNT;
}

/* A tensor (consumed), or those of a tuple, rounded; with the name that its history has. */
static Value rounded(TensorState *ts, Value made, DType half) {
    if (is_tuple(made)) {
        Tuple *items = as_tuple(made);
        for (size_t i = 0; i < items->count; i++)
            items->items[i] = rounded(ts, items->items[i], half);
        return made;
    }
    if (is_null(made) || !is_tensor(ts, made) || as_tensor(made)->type.dtype != DT_F32) return made;
    Tensor *x = as_tensor(made);
    LazyNode *node = lazy_cast(ts, tensor_read(ts, x), half);
    Value result = tensor_wrap_like(ts, node, tensor_fn_name(x), &x, 1);
    decref(made);
    return result;
}

/* What is called: a native function, or any object. */
typedef struct Callee {
    NativeFn native;
    Value object;
} Callee;

/* The call with halves as float32 tensors (rounded to `low` before; DT_COUNT: not) and without
 * autocast; its result is rounded to `half` (DT_COUNT: not). */
static Value call_wide(TensorState *ts, Callee callee, const Value *args, int nargs,
                       const Tuple *kwnames, DType low, DType half) {
    int count = nargs + (kwnames ? (int)kwnames->count : 0);
    Value wide[MAX_CALL], made = NULL_VALUE;
    if (count > MAX_CALL) return vm_raise(ts->vm, EXC_TypeError, "too many arguments");
    bool ok = true;
    for (int i = 0; i < count; i++) {
        wide[i] = incref(args[i]);
        if (!ok || !is_castable(ts, args[i])) continue;
        if (low != DT_COUNT) {
            Value lowered = tensor_cast(ts, as_tensor(wide[i]), low);
            decref(wide[i]);
            wide[i] = lowered;
        }
        Value widened = is_null(wide[i]) ? NULL_VALUE : tensor_cast(ts, as_tensor(wide[i]), DT_F32);
        if (!is_null(wide[i])) decref(wide[i]);
        wide[i] = widened;
        ok = !is_null(widened);
    }
    DType autocast = ts->autocast;
    ts->autocast = DT_COUNT;
    if (ok)
        made = callee.native ? callee.native(ts->vm, wide, nargs, kwnames)
                             : vm_call(ts->vm, callee.object, wide, nargs, kwnames);
    ts->autocast = autocast;
    for (int i = 0; i < count; i++)
        if (!is_null(wide[i])) decref(wide[i]);
    return half == DT_COUNT ? made : rounded(ts, made, half);
}

Value half_product(Vm *vm, NativeFn function, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    int count = nargs + (kwnames ? (int)kwnames->count : 0);
    DType half = product_half(ts, args, count);
    if (half == DT_COUNT) return function(vm, args, nargs, kwnames);
    return call_wide(ts, (Callee){function, NULL_VALUE}, args, nargs, kwnames, half, half);
}

Value half_kernel(Vm *vm, NativeFn function, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    int count = nargs + (kwnames ? (int)kwnames->count : 0);
    DType half = first_half(ts, args, count);
    if (half == DT_COUNT) return function(vm, args, nargs, kwnames);
    return call_wide(ts, (Callee){function, NULL_VALUE}, args, nargs, kwnames, DT_COUNT, half);
}

Value half_lifted(Vm *vm, NativeFn function, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (ts->autocast == DT_COUNT) return function(vm, args, nargs, kwnames);
    return call_wide(ts, (Callee){function, NULL_VALUE}, args, nargs, kwnames, DT_COUNT, DT_COUNT);
}

/* ---- for the prelude ---- */

/* _half(x): whether it is a tensor of halves. */
static Value half_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "_half", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return from_bool(is_half(tensor_state(vm), args[0]));
}

/* _low(x): whether a product of x is one of halves. */
static Value low_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (!vm_args_simple(vm, "_low", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return from_bool(is_half(ts, args[0]) ||
                     (ts->autocast != DT_COUNT && is_castable(ts, args[0])));
}

/* _lifts(x): whether autocast has functions that want float32 lift x to it. */
static Value lifts_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (!vm_args_simple(vm, "_lifts", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return from_bool(ts->autocast != DT_COUNT && is_half(ts, args[0]));
}

/* _in_float(f, ...): f's result of halves' float32 values, rounded. */
static Value in_float_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (nargs < 1) return vm_raise(vm, EXC_TypeError, "_in_float() takes a function");
    int count = nargs - 1 + (kwnames ? (int)kwnames->count : 0);
    DType half = first_half(ts, args + 1, count);
    return call_wide(ts, (Callee){NULL, args[0]}, args + 1, nargs - 1, kwnames, DT_COUNT, half);
}

/* _as_float(f, ...): the same, but autocast leaves the result float32. */
static Value as_float_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (ts->autocast == DT_COUNT) return in_float_call(vm, args, nargs, kwnames);
    if (nargs < 1) return vm_raise(vm, EXC_TypeError, "_as_float() takes a function");
    return call_wide(ts, (Callee){NULL, args[0]}, args + 1, nargs - 1, kwnames, DT_COUNT, DT_COUNT);
}

/* _product(f, ...): f's result of halves, which autocast makes of float32 tensors. */
static Value product_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (nargs < 1) return vm_raise(vm, EXC_TypeError, "_product() takes a function");
    int count = nargs - 1 + (kwnames ? (int)kwnames->count : 0);
    DType half = product_half(ts, args + 1, count);
    return call_wide(ts, (Callee){NULL, args[0]}, args + 1, nargs - 1, kwnames, half, half);
}

/* _scaled(t, loss) -> t: the train step reports the loss, where backward() is called on t. */
static Value scaled_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *scaled, *loss;
    if (!vm_args_simple(vm, "_scaled", nargs, kwnames, 2, 2) ||
        !arg_tensor(ts, args[0], "_scaled", &scaled) || !arg_tensor(ts, args[1], "_scaled", &loss))
        return NULL_VALUE;
    if (ts->trace) trace_scaled(ts, tensor_read(ts, scaled), tensor_read(ts, loss));
    return incref(args[0]);
}

/* _autocast() -> the dtype, or None where it is off; _set_autocast(dtype or None) */
static Value autocast_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    (void)args, (void)nargs, (void)kwnames;
    return ts->autocast == DT_COUNT ? NONE : dtype_value(ts, ts->autocast);
}
static Value set_autocast_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    DType dtype = DT_COUNT;
    if (!vm_args_simple(vm, "_set_autocast", nargs, kwnames, 1, 1) ||
        !arg_dtype(ts, args[0], &dtype))
        return NULL_VALUE;
    ts->autocast = dtype;
    return NONE;
}

const TensorFunction HALF_FUNCTIONS[] = {
    {"_half", half_call, FN_FUNCTION},
    {"_low", low_call, FN_FUNCTION},
    {"_lifts", lifts_call, FN_FUNCTION},
    {"_in_float", in_float_call, FN_FUNCTION},
    {"_as_float", as_float_call, FN_FUNCTION},
    {"_product", product_call, FN_FUNCTION},
    {"_scaled", scaled_call, FN_FUNCTION},
    {"_autocast", autocast_call, FN_FUNCTION},
    {"_set_autocast", set_autocast_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
