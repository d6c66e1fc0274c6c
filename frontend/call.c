/* Starting a call from the interpreter loop: the program's own functions, their bound methods and
 * classes with an __init__ become a frame the loop goes on with; everything else is called here. */
#include "frontend/interp.h"

static bool is_generator_function(Value callee) {
    return ((const Function *)(const void *)callee.o)->code->flags & CODE_GENERATOR;
}

/* These may have keywords that the call is made in another way for. */
static bool in_prelude(Value callee) {
    return ((const Function *)(const void *)callee.o)->module->prelude;
}

/* Calls `callee` (cell top[0]) with args; on CALL_FRAME, *made is a frame ready to run. */
CallKind start_call(Vm *vm, Value callee, const Value *args, int nargs, const Tuple *kwnames,
                    Frame **made, Value *result) {
    Value instance = NULL_VALUE;
    Class *kind = callee.tag == TAG_OBJ ? callee.o->cls : NULL;
    Value stack[9];
    if (kind == vm->cls[CLS_METHOD] && nargs < 8 && !kwnames) {
        BoundMethod *method = (BoundMethod *)(void *)callee.o;
        stack[0] = method->self;
        for (int i = 0; i < nargs; i++)
            stack[i + 1] = args[i];
        args = stack;
        nargs++;
        callee = method->function;
        kind = callee.tag == TAG_OBJ ? callee.o->cls : NULL;
    } else if (kind == vm->cls[CLS_TYPE] && nargs < 8 && !kwnames) {
        Class *cls = as_class(callee);
        Value init = cls->slots.create == object_slots.create && (cls->flags & CLASS_USER)
                         ? class_lookup(cls, vm->names.init_)
                         : NULL_VALUE;
        if (init.tag == TAG_OBJ && init.o->cls == vm->cls[CLS_FUNCTION] &&
            !is_generator_function(init)) {
            instance = from_obj(vm_alloc(vm, cls));
            stack[0] = instance;
            for (int i = 0; i < nargs; i++)
                stack[i + 1] = args[i];
            args = stack;
            nargs++;
            callee = init;
            kind = vm->cls[CLS_FUNCTION];
        }
    }
    if (kind != vm->cls[CLS_FUNCTION] || is_generator_function(callee) ||
        (kwnames && in_prelude(callee))) {
        *result = vm_call(vm, callee, args, nargs, kwnames);
        return is_null(*result) ? CALL_FAILED : CALL_DONE;
    }
    Function *function = (Function *)(void *)callee.o;
    Frame *frame = NULL;
    if ((!time_to_check(vm) || vm_checkpoint(vm)) && vm_enter(vm)) {
        frame = frame_new(vm, function, function->module, function->code, false);
        if (!arguments_bind(vm, function, args, nargs, kwnames, frame->slots)) {
            frame_free(vm, frame);
            frame = NULL;
        }
        if (!frame) vm_leave(vm);
    }
    if (!frame) {
        decref(instance);
        return CALL_FAILED;
    }
    frame->instance = instance;
    *made = frame;
    return CALL_FRAME;
}
