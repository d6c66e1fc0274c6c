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
    VEC(LazyNode *) outputs;
    VEC(LazyNode *) seeds;
} Ends;

static void ends_free(TensorState *ts, Ends *ends) {
    for (size_t i = 0; i < ends->outputs.count; i++) {
        if (ends->outputs.items[i]) lazy_unref(ts, ends->outputs.items[i]);
        if (ends->seeds.items[i]) lazy_unref(ts, ends->seeds.items[i]);
    }
    VEC_FREE(ends->outputs);
    VEC_FREE(ends->seeds);
}

/* One tensor or what an iterable gives, in a list of its own. */
typedef struct Items {
    const Value *items;
    size_t count;
    Value held;
} Items;

static bool items_of(TensorState *ts, const Value *v, Items *out) {
    *out = (Items){.items = v, .count = 1, .held = NULL_VALUE};
    if (is_null(*v)) out->count = 0;
    if (is_null(*v) || is_none(*v) || is_tensor(ts, *v)) return true;
    out->held = list_from_iterable(ts->vm, *v);
    return !is_null(out->held) && vm_items(out->held, &out->items, &out->count);
}

static void items_free(Items *items) {
    if (!is_null(items->held)) decref(items->held);
}

static bool add_end(TensorState *ts, Value v, size_t i, Value given, Ends *ends) {
    Tensor *output;
    if (!arg_tensor(ts, v, "backward", &output)) return false;
    if (!tensor_requires_grad(output)) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "element %zu of tensors does not require grad and does not have a grad_fn", i);
        return false;
    }
    LazyNode *seed = seed_for(ts, output, given);
    LazyNode *node = seed ? tensor_read(ts, output) : NULL;
    VEC_PUSH(ends->outputs, node);
    VEC_PUSH(ends->seeds, seed);
    return node != NULL;
}

static bool find_ends(TensorState *ts, const Value *outputs, const Value *grads, Ends *ends) {
    Items items, given = {.held = NULL_VALUE};
    bool ok = items_of(ts, outputs, &items) && items_of(ts, grads, &given);
    if (given.count == 1 && is_none(*given.items)) given.count = 0;
    for (size_t i = 0; ok && i < items.count; i++)
        ok = add_end(ts, items.items[i], i, i < given.count ? given.items[i] : NONE, ends);
    items_free(&items);
    items_free(&given);
    return ok;
}

/* The tensors that gradients are asked for, and their nodes. */
typedef struct Wanted {
    Items tensors;
    VEC(LazyNode *) nodes;
} Wanted;

static void wanted_free(TensorState *ts, Wanted *wanted) {
    for (size_t i = 0; i < wanted->nodes.count; i++)
        lazy_unref(ts, wanted->nodes.items[i]);
    VEC_FREE(wanted->nodes);
    items_free(&wanted->tensors);
}

static bool retain_grad(TensorState *ts, Tensor *x);

/* backward()'s inputs also keep their gradient when they are no leaves. */
static bool find_wanted(TensorState *ts, const Value *inputs, bool keep, Wanted *wanted) {
    if (!items_of(ts, inputs, &wanted->tensors)) return false;
    for (size_t i = 0; i < wanted->tensors.count; i++) {
        Tensor *x;
        if (!arg_tensor(ts, wanted->tensors.items[i], "grad", &x)) return false;
        if (!tensor_requires_grad(x) && !keep) {
            vm_raise(ts->vm, EXC_RuntimeError,
                     "One of the differentiated Tensors does not require grad");
            return false;
        }
        if (keep && !retain_grad(ts, x)) return false;
        LazyNode *node = tensor_read(ts, x);
        if (!node) return false;
        VEC_PUSH(wanted->nodes, node);
    }
    return true;
}

/* v: tensors, their gradients, retain_graph, create_graph, inputs */
static Value run_backward(TensorState *ts, const Value *v) {
    bool create, retain, some = !is_null(v[4]) && !is_none(v[4]);
    if (!arg_bool(ts, v[3], false, &create) || !arg_bool(ts, v[2], create, &retain))
        return NULL_VALUE;
    Ends ends = {0};
    Wanted wanted = {.tensors = {.held = NULL_VALUE}};
    bool ok = !some || find_wanted(ts, &v[4], true, &wanted);
    if (ok && some && wanted.nodes.count == 0) {
        vm_raise(ts->vm, EXC_RuntimeError, "`inputs` argument to `backward()` cannot be empty.");
        ok = false;
    }
    ok = ok && find_ends(ts, &v[0], &v[1], &ends);
    if (ok) {
        BackwardCall call = {.outputs = ends.outputs.items,
                             .seeds = ends.seeds.items,
                             .output_count = (int)ends.outputs.count,
                             .wrt = some ? wanted.nodes.items : NULL,
                             .wrt_count = (int)wanted.nodes.count,
                             .retain = retain,
                             .create = create};
        if (ends.outputs.count) trace_backward(ts, ends.outputs.items[0]);
        ok = autograd_run(ts, &call);
    }
    ends_free(ts, &ends);
    wanted_free(ts, &wanted);
    return ok ? NONE : NULL_VALUE;
}

static Value backward_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[5];
    if (!vm_args(vm, "backward", "self gradient? retain_graph? create_graph? inputs?", args, nargs,
                 kwnames, v))
        return NULL_VALUE;
    return run_backward(tensor_state(vm), v);
}

static Value backward_many(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[6];
    if (!vm_args(vm, "backward",
                 "tensors grad_tensors? retain_graph? create_graph? grad_variables? inputs?", args,
                 nargs, kwnames, v))
        return NULL_VALUE;
    v[4] = v[5];
    return run_backward(tensor_state(vm), v);
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
            Tensor *input = as_tensor(inputs[i]);
            item = tensor_wrap_like(ts, results[i], gradient_name(results[i]), &input, 1);
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
    if (!vm_args(
            vm, "grad",
            "outputs inputs grad_outputs? retain_graph? create_graph? only_inputs? allow_unused? "
            "is_grads_batched? materialize_grads?",
            args, nargs, kwnames, v) ||
        !arg_bool(ts, v[4], false, &create) || !arg_bool(ts, v[3], create, &retain) ||
        !arg_bool(ts, v[8], false, &zeros) || !arg_bool(ts, v[6], zeros, &allow))
        return NULL_VALUE;
    Ends ends = {0};
    Wanted wanted = {.tensors = {.held = NULL_VALUE}};
    if (find_ends(ts, &v[0], &v[2], &ends) && find_wanted(ts, &v[1], false, &wanted)) {
        size_t count = wanted.nodes.count;
        LazyNode **results = xcalloc(count + 1, sizeof *results);
        BackwardCall call = {.outputs = ends.outputs.items,
                             .seeds = ends.seeds.items,
                             .output_count = (int)ends.outputs.count,
                             .wrt = wanted.nodes.items,
                             .wrt_count = (int)count,
                             .results = results,
                             .retain = retain,
                             .create = create};
        if (autograd_run(ts, &call))
            result = grad_results(ts, wanted.tensors.items, count, results, allow, zeros);
        free(results);
    }
    ends_free(ts, &ends);
    wanted_free(ts, &wanted);
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

/* A view's gradient is kept by a variable of its own, which holds nothing else. */
static void retain_view(TensorState *ts, Tensor *x) {
    LazyNode *node = tensor_read(ts, x);
    if (!node) return;
    if (!x->keeper) x->keeper = var_keeper(node);
    node->retain = x->keeper;
    lazy_unref(ts, node);
}

static bool retain_grad(TensorState *ts, Tensor *x) {
    if (!tensor_requires_grad(x)) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "can't retain_grad on Tensor that has requires_grad=False");
        return false;
    }
    if (tensor_is_leaf(x)) return true;
    if (x->view) {
        retain_view(ts, x);
        return !vm_failed(ts->vm);
    }
    own_node(ts, x);
    x->var->retains_grad = true;
    if (x->var->node) x->var->node->retain = x->var;
    return true;
}

static Value retain_grad_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "retain_grad", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return retain_grad(tensor_state(vm), as_tensor(args[0])) ? NONE : NULL_VALUE;
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
