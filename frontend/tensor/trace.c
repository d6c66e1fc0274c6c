/* The compiling policy. */
#include "frontend/tensor/trace.h"

Value trace_opaque(TensorState *ts, Tensor *x) {
    (void)ts, (void)x;
    return NULL_VALUE;
}
LazyNode *trace_seed(TensorState *ts) {
    return lazy_const(ts, DT_I64, 0);
}
void trace_classes(TensorState *ts) {
    NativeClass spec = {.name = "opaque", .size = sizeof(GcObj), .flags = CLASS_UNTRACKED};
    ts->opaque_class = vm_native_class(ts->vm, &spec);
}
static Value compiling_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return from_bool(tensor_state(vm)->policy.compiling);
}
static Value hyper_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(args[1]);
}
static Value state_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(args[2]);
}
static Value enter_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(args[1]);
}
static Value leave_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)args, (void)nargs, (void)kwnames;
    return NONE;
}
static Value const_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(args[0]);
}
static Value step_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    TensorState *ts = tensor_state(vm);
    return script_evaluate(ts, NULL) ? NONE : NULL_VALUE;
}
const TensorFunction TRACE_FUNCTIONS[] = {
    {"compiling", compiling_call, FN_FUNCTION},
    {"hyper", hyper_call, FN_FUNCTION},
    {"state", state_call, FN_FUNCTION},
    {"enter_module", enter_call, FN_FUNCTION},
    {"leave_module", leave_call, FN_FUNCTION},
    {"zero_grad_mark", leave_call, FN_FUNCTION},
    {"step_mark", step_call, FN_FUNCTION},
    {"const", const_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
