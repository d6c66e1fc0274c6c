/* backward(), autograd.grad() and the modes of recording, as the program calls them. */
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/tensor.h"

/* The gradient that an output starts with (a new reference). */
static LazyNode *seed_for(TensorState *ts, Tensor *output, Value given) {
    if (is_null(given) || is_none(given)) {
        if (type_numel(&output->type) == 1) return lazy_full(ts, output->type, from_int(1));
        vm_raise(ts->vm, EXC_RuntimeError,
                 "grad can be implicitly created only for scalar outputs");
        return NULL;
    }
    Tensor *seed;
    if (!arg_tensor(ts, given, "backward", &seed)) return NULL;
    if (!type_same_shape(&seed->type, &output->type)) {
        Buf a = {0}, b = {0};
        shape_text(&a, seed->type.dim, seed->type.rank);
        shape_text(&b, output->type.dim, output->type.rank);
        vm_raise(
            ts->vm, EXC_RuntimeError,
            "Mismatch in shape: grad_output[0] has a shape of torch.Size(%s) and output[0] has "
            "a shape of torch.Size(%s).",
            buf_text(&a), buf_text(&b));
        buf_free(&a);
        buf_free(&b);
        return NULL;
    }
    return lazy_cast(ts, tensor_read(ts, seed), output->type.dtype);
}

typedef struct Ends {
    LazyNode *outputs[64], *seeds[64];
    int count;
} Ends;

static void ends_free(TensorState *ts, Ends *ends) {
    for (int i = 0; i < ends->count; i++) {
        if (ends->outputs[i]) lazy_unref(ts, ends->outputs[i]);
        if (ends->seeds[i]) lazy_unref(ts, ends->seeds[i]);
    }
}

/* One tensor or a sequence of them. */
static bool items_of(TensorState *ts, const Value *v, const Value **items, size_t *count) {
    *items = v;
    *count = 1;
    if (is_tensor(ts, *v) || is_none(*v)) return true;
    if (vm_items(*v, items, count) && *count <= 64) return true;
    vm_raise(ts->vm, EXC_TypeError, "expected a tensor or a sequence of at most 64 tensors, got %s",
             vm_class_name(ts->vm, *v));
    return false;
}

static bool find_ends(TensorState *ts, const Value *outputs, const Value *grads, Ends *ends) {
    const Value *items, *given = NULL;
    size_t count, given_count = 0;
    if (!items_of(ts, outputs, &items, &count)) return false;
    if (!is_null(*grads) && !is_none(*grads) && !items_of(ts, grads, &given, &given_count))
        return false;
    for (size_t i = 0; i < count; i++) {
        Tensor *output;
        if (!arg_tensor(ts, items[i], "backward", &output)) return false;
        if (!tensor_requires_grad(output)) {
            vm_raise(ts->vm, EXC_RuntimeError,
                     "element %zu of tensors does not require grad and does not have a grad_fn", i);
            return false;
        }
        LazyNode *seed = seed_for(ts, output, i < given_count ? given[i] : NONE);
        LazyNode *node = seed ? tensor_read(ts, output) : NULL;
        ends->outputs[ends->count] = node;
        ends->seeds[ends->count++] = seed;
        if (!node) return false;
    }
    return true;
}

static bool run_backward(TensorState *ts, const Value *outputs, const Value *grads, bool retain,
                         bool create) {
    Ends ends = {.count = 0};
    bool ok = find_ends(ts, outputs, grads, &ends);
    if (ok) {
        BackwardCall call = {.outputs = ends.outputs,
                             .seeds = ends.seeds,
                             .output_count = ends.count,
                             .retain = retain,
                             .create = create};
        if (ends.count) trace_backward(ts, ends.outputs[0]);
        ok = autograd_run(ts, &call);
    }
    ends_free(ts, &ends);
    return ok;
}

static Value backward_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    bool create, retain;
    if (!vm_args(vm, "backward", "self gradient? retain_graph? create_graph? inputs?", args, nargs,
                 kwnames, v) ||
        !arg_bool(ts, v[3], false, &create) || !arg_bool(ts, v[2], create, &retain))
        return NULL_VALUE;
    return run_backward(ts, &v[0], &v[1], retain, create) ? NONE : NULL_VALUE;
}

static Value backward_many(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    bool create, retain;
    if (!vm_args(vm, "backward", "tensors grad_tensors? retain_graph? create_graph?", args, nargs,
                 kwnames, v) ||
        !arg_bool(ts, v[3], false, &create) || !arg_bool(ts, v[2], create, &retain))
        return NULL_VALUE;
    return run_backward(ts, &v[0], &v[1], retain, create) ? NONE : NULL_VALUE;
}

/* ---- autograd.grad ---- */

/* What the last op of a gradient is called when it has a history itself. */
static const char *gradient_name(const LazyNode *node) {
    if (node->kind != LAZY_OP) return "CloneBackward0";
    switch (node->op) {
    case OP_add:
        return "AddBackward0";
    case OP_sub:
        return "SubBackward0";
    case OP_div:
        return "DivBackward0";
    case OP_neg:
        return "NegBackward0";
    case OP_dot:
        return "MmBackward0";
    case OP_reduce_sum:
        return "SumBackward1";
    case OP_expand:
        return "ExpandBackward0";
    case OP_reshape:
        return "ViewBackward0";
    case OP_permute:
        return "PermuteBackward0";
    case OP_where:
        return "WhereBackward0";
    default:
        return "MulBackward0";
    }
}

static Value grad_results(TensorState *ts, const Value *inputs, size_t count, LazyNode **results,
                          bool allow_unused, bool zeros) {
    Value tuple = tuple_new(ts->vm, count);
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        Value item = NONE;
        if (results[i]) {
            item = tensor_wrap(ts, results[i], gradient_name(results[i]));
        } else if (!allow_unused && ok) {
            vm_raise(ts->vm, EXC_RuntimeError,
                     "The differentiated Tensor at index %zu appears to not have been used in the "
                     "graph. Set allow_unused=True if this is the desired behavior.",
                     i);
            ok = false;
        } else if (zeros && ok) {
            item = tensor_wrap(ts, lazy_zeros(ts, as_tensor(inputs[i])->type), NULL);
        }
        as_tuple(tuple)->items[i] = item;
    }
    if (ok) return tuple;
    decref(tuple);
    return NULL_VALUE;
}

static Value grad_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[9], result = NULL_VALUE;
    bool create, retain, allow, zeros;
    const Value *inputs;
    size_t count, read = 0;
    if (!vm_args(
            vm, "grad",
            "outputs inputs grad_outputs? retain_graph? create_graph? only_inputs? allow_unused? "
            "is_grads_batched? materialize_grads?",
            args, nargs, kwnames, v) ||
        !arg_bool(ts, v[4], false, &create) || !arg_bool(ts, v[3], create, &retain) ||
        !arg_bool(ts, v[8], false, &zeros) || !arg_bool(ts, v[6], zeros, &allow) ||
        !items_of(ts, &v[1], &inputs, &count))
        return NULL_VALUE;
    LazyNode *wrt[64] = {0}, *results[64] = {0};
    Ends ends = {.count = 0};
    bool ok = find_ends(ts, &v[0], &v[2], &ends);
    for (; ok && read < count; read++) {
        Tensor *x;
        ok = arg_tensor(ts, inputs[read], "grad", &x);
        if (ok && !tensor_requires_grad(x)) {
            vm_raise(vm, EXC_RuntimeError,
                     "One of the differentiated Tensors does not require grad");
            ok = false;
        }
        wrt[read] = ok ? tensor_read(ts, x) : NULL;
        ok = ok && wrt[read];
    }
    if (ok) {
        BackwardCall call = {.outputs = ends.outputs,
                             .seeds = ends.seeds,
                             .output_count = ends.count,
                             .wrt = wrt,
                             .wrt_count = (int)count,
                             .results = results,
                             .retain = retain,
                             .create = create};
        if (autograd_run(ts, &call))
            result = grad_results(ts, inputs, count, results, allow, zeros);
    }
    for (size_t i = 0; i < count; i++)
        if (wrt[i]) lazy_unref(ts, wrt[i]);
    ends_free(ts, &ends);
    return result;
}

/* A clone or another handle on a leaf's own node: gets a node of its own to be hooked. */
static void own_node(TensorState *ts, Tensor *x) {
    LazyNode *node = x->var->node;
    if (x->view || !node || node->kind != LAZY_PARAM) return;
    LazyNode *inputs[2] = {node, node};
    LazyNode *graft = lazy_link(ts, LAZY_GRAFT, node->type, inputs, 2);
    graft->requires_grad = true;
    lazy_unref(ts, node);
    x->var->node = graft;
}

static Value retain_grad_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (!vm_args_simple(vm, "retain_grad", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Tensor *x = as_tensor(args[0]);
    if (!tensor_requires_grad(x))
        return vm_raise(vm, EXC_RuntimeError,
                        "can't retain_grad on Tensor that has requires_grad=False");
    if (tensor_is_leaf(x)) return NONE;
    if (x->view)
        return vm_raise(vm, EXC_RuntimeError, "retain_grad() of a view is not supported: clone it");
    (void)ts;
    own_node(ts, x);
    x->var->retains_grad = true;
    if (x->var->node) x->var->node->retain = x->var;
    return NONE;
}

/* The dict (made when there is none) that holds the hooks of a tensor's gradient: hooks(t), or
 * hooks(t, True) for those after .grad is complete. */
static Value hooks_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    bool after;
    if (!vm_args(vm, "hooks", "t after?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "hooks", &x) || !arg_bool(ts, v[1], false, &after))
        return NULL_VALUE;
    Value *slot;
    LazyNode *node = NULL;
    if (tensor_is_leaf(x)) {
        slot = after ? &x->var->after_hooks : &x->var->hooks;
    } else {
        own_node(ts, x);
        node = tensor_read(ts, x);
        if (!node) return NULL_VALUE;
        slot = &node->payload;
    }
    if (!is_dict(*slot)) *slot = FROM_OBJ(dict_new(vm));
    Value hooks = incref(*slot);
    if (node) lazy_unref(ts, node);
    return hooks;
}

/* ---- modes ---- */

static Value grad_enabled_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args;
    if (!vm_args_simple(vm, "grad_enabled", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_bool(tensor_state(vm)->grad_enabled);
}

static Value set_grad_enabled_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    bool on, old = ts->grad_enabled;
    if (!vm_args_simple(vm, "set_grad_enabled", nargs, kwnames, 1, 1) ||
        !arg_bool(ts, args[0], true, &on))
        return NULL_VALUE;
    ts->grad_enabled = on;
    return from_bool(old);
}

static Value set_inference_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    bool on, old = ts->inference;
    if (!vm_args_simple(vm, "set_inference", nargs, kwnames, 1, 1) ||
        !arg_bool(ts, args[0], true, &on))
        return NULL_VALUE;
    ts->inference = on;
    return from_bool(old);
}

static Value inference_enabled_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args;
    if (!vm_args_simple(vm, "inference_enabled", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_bool(tensor_state(vm)->inference);
}

const TensorFunction AUTOGRAD_FUNCTIONS[] = {
    {"backward", backward_call, FN_METHOD},
    {"backward", backward_many, FN_FUNCTION},
    {"grad", grad_call, FN_FUNCTION},
    {"retain_grad", retain_grad_call, FN_METHOD},
    {"hooks", hooks_call, FN_FUNCTION},
    {"grad_enabled", grad_enabled_call, FN_FUNCTION},
    {"set_grad_enabled", set_grad_enabled_call, FN_FUNCTION},
    {"set_inference", set_inference_call, FN_FUNCTION},
    {"inference_enabled", inference_enabled_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
