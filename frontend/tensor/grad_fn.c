/* What x.grad_fn gives: a named place in the recorded history, and the ones it gets gradients to. A
 * function of PyTorch's may be several recorded ops: those without a name belong to their user. */
#include <string.h>

#include "frontend/tensor/tensor.h"

typedef struct GradFn {
    GcObj gc;
    const char *name;
    LazyNode *node; /* owned */
} GradFn;

static GradFn *as_grad_fn(Value v) {
    return (GradFn *)(void *)v.o;
}

static void grad_fn_dealloc(Obj *self) {
    lazy_unref(tensor_state(self->cls->vm), ((GradFn *)(void *)self)->node);
}

static Value grad_fn_repr(Vm *vm, Value self) {
    const GradFn *fn = as_grad_fn(self);
    bool own = fn->node->kind == LAZY_FUNCTION_OUT; /* of a Function of the program */
    return str_printf(vm, "<%s%s object at %p>", own ? "torch.autograd.function." : "", fn->name,
                      (void *)self.o);
}

/* The nodes that PyTorch wrote by hand are of its C++ namespace. */
static bool is_handwritten(const char *name) {
    static const char *const names[] = {"AccumulateGrad", "CopySlices", "CopyBackwards"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static Value grad_fn_name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    const GradFn *fn = as_grad_fn(args[0]);
    const char *space = is_handwritten(fn->name) ? "torch::autograd::" : "";
    return str_printf(vm, "%s%s", space, fn->name);
}

/* A class for each name, so that type(x.grad_fn).__name__ tells it. */
static Class *class_of_name(TensorState *ts, const char *name) {
    for (size_t i = 0; i < ts->grad_fns.count; i++)
        if (ts->grad_fns.items[i]->name == name) return ts->grad_fns.items[i];
    NativeClass spec = {.name = name,
                        .base = ts->grad_fn_class,
                        .size = sizeof(GradFn),
                        .flags = CLASS_NO_NEW | CLASS_FINAL | CLASS_UNTRACKED,
                        .slots = {.repr = grad_fn_repr, .dealloc = grad_fn_dealloc}};
    Class *made = vm_native_class(ts->vm, &spec);
    made->name = name;
    VEC_PUSH(ts->grad_fns, made);
    return made;
}

Value grad_fn_new(TensorState *ts, const char *name, LazyNode *node) {
    name = fn_name_intern(ts, name);
    GradFn *fn = (GradFn *)(void *)vm_alloc(ts->vm, class_of_name(ts, name));
    fn->name = name;
    fn->node = lazy_ref(node);
    return FROM_OBJ(fn);
}

static void add_pair(TensorState *ts, List *list, Value fn) {
    list_push(list, vm_pair(ts->vm, fn, from_int(0)));
}

static bool has_two_operands(const LazyNode *node) {
    return node->kind == LAZY_OP &&
           (node->op == OP_add || node->op == OP_sub || node->op == OP_mul || node->op == OP_div);
}

/* Appends what the node's function passes its gradients to. */
static void add_next(TensorState *ts, LazyNode *node, List *list, bool show_none, int depth) {
    LazyNode **inputs = node->inputs;
    int count = node->inputs ? node->input_count : 0;
    if (node->kind == LAZY_GRAFT && count) inputs++, count = 1;
    if (node->kind == LAZY_FUNCTION_OUT && count) {
        count = inputs[1]->inputs ? inputs[1]->input_count : 0;
        inputs = inputs[1]->inputs;
    }
    if (node->kind == LAZY_PARAM || node->kind == LAZY_BARRIER || depth > 64) return;
    for (int i = 0; i < count; i++) {
        LazyNode *in = inputs[i];
        if (i && in == inputs[i - 1] && !show_none) continue; /* x * x for a square */
        if (!in->requires_grad) {
            if (show_none) add_pair(ts, list, NONE);
        } else if (in->kind == LAZY_PARAM) {
            add_pair(ts, list, grad_fn_new(ts, "AccumulateGrad", in));
        } else if (in->fn_name) {
            add_pair(ts, list, grad_fn_new(ts, in->fn_name, in));
        } else {
            add_next(ts, in, list, false, depth + 1);
        }
    }
}

static Value grad_fn_next(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    const GradFn *fn = as_grad_fn(args[0]);
    Value list = list_new(vm, 0);
    bool power = strncmp(fn->name, "Pow", 3) == 0;
    add_next(tensor_state(vm), fn->node, as_list(list), has_two_operands(fn->node) && !power, 0);
    Value tuple = tuple_from_iterable(vm, list);
    decref(list);
    return tuple;
}

/* AccumulateGrad's leaf. */
static Value grad_fn_variable(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    LazyNode *node = as_grad_fn(args[0])->node;
    if (node->kind != LAZY_PARAM || !node->var)
        return vm_raise(vm, EXC_AttributeError, "'%s' object has no attribute 'variable'",
                        as_grad_fn(args[0])->name);
    return tensor_of_var(tensor_state(vm), node->var);
}

static const Method GRAD_FN_METHODS[] = {
    {"name", grad_fn_name, 0},
    {"next_functions", grad_fn_next, METHOD_PROPERTY},
    {"variable", grad_fn_variable, METHOD_PROPERTY},
    {NULL, NULL, 0},
};

Class *grad_fn_class_new(TensorState *ts) {
    NativeClass spec = {.name = "torch.autograd.graph.Node",
                        .size = sizeof(GradFn),
                        .flags = CLASS_NO_NEW | CLASS_UNTRACKED,
                        .slots = {.repr = grad_fn_repr, .dealloc = grad_fn_dealloc},
                        .methods = GRAD_FN_METHODS};
    return vm_native_class(ts->vm, &spec);
}
