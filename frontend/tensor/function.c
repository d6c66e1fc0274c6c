/* autograd.Function: forward(ctx, ...) runs without history; its results carry a node that calls
 * backward(ctx, ...) with their gradients. */
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/tensor.h"

/* ctx: attributes of the user's, and what save_for_backward kept. */
typedef struct Context {
    GcObj gc;
    Dict *dict;
    Value saved; /* a tuple */
    Value needs; /* needs_input_grad */
    Class *cls;  /* the Function */
    int arg_count;
    int *input_of;      /* for each argument: its place among the node's inputs, or -1 */
    Type *types;        /* of the results */
    int *saved_result;  /* for each saved value: which result it is, or -1... */
    LazyNode **results; /* ...and, while backward runs, the results with their history; borrowed */
    bool no_zeros;      /* set_materialize_grads(False) */
    VEC(Obj *) no_grad; /* results marked non-differentiable, not owned */
    VEC(Obj *) dirty;   /* arguments changed in place, not owned */
} Context;

static Context *as_context(Value v) {
    return (Context *)(void *)v.o;
}

static void context_dealloc(Obj *self) {
    Context *c = (Context *)(void *)self;
    decref(c->saved);
    decref(c->needs);
    if (c->cls) DROP(c->cls);
    free(c->input_of);
    free(c->types);
    free(c->saved_result);
    VEC_FREE(c->no_grad);
    VEC_FREE(c->dirty);
}

static void context_traverse(Obj *self, VisitFn visit, void *context) {
    Context *c = (Context *)(void *)self;
    if (c->saved.tag == TAG_OBJ) visit(c->saved.o, context);
    if (c->needs.tag == TAG_OBJ) visit(c->needs.o, context);
}

static void context_clear(Obj *self) {
    Context *c = (Context *)(void *)self;
    decref(c->saved);
    c->saved = NONE;
}

static Value no_backward(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return vm_raise(vm, EXC_NotImplementedError,
                    "You must implement either the backward or vjp method for your custom "
                    "autograd.Function to use it with backward mode AD.");
}

static Value no_forward(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return vm_raise(vm, EXC_NotImplementedError,
                    "You must implement the forward function for custom autograd.Function.");
}

static Value save_for_backward(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "save_for_backward", nargs, kwnames, 1, -1)) return NULL_VALUE;
    Context *c = as_context(args[0]);
    decref(c->saved);
    c->saved = tuple_from(vm, args + 1, (size_t)nargs - 1);
    return NONE;
}

static Value saved_tensors(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    const Context *c = as_context(args[0]);
    if (is_none(c->saved)) return tuple_new(vm, 0);
    if (!c->results) return incref(c->saved);
    const Tuple *saved = as_tuple(c->saved);
    Value items = tuple_new(vm, saved->count);
    for (size_t i = 0; i < saved->count; i++) {
        LazyNode *node = c->saved_result[i] < 0 ? NULL : c->results[c->saved_result[i]];
        as_tuple(items)->items[i] =
            node ? tensor_wrap(tensor_state(vm), lazy_ref(node), node->fn_name)
                 : incref(saved->items[i]);
    }
    return items;
}

static Value needs_input_grad(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(as_context(args[0])->needs);
}

static Value mark_dirty(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)kwnames;
    Context *c = as_context(args[0]);
    for (int i = 1; i < nargs; i++)
        if (args[i].tag == TAG_OBJ) VEC_PUSH(c->dirty, args[i].o);
    return NONE;
}

static Value mark_non_differentiable(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)kwnames;
    Context *c = as_context(args[0]);
    for (int i = 1; i < nargs; i++)
        if (args[i].tag == TAG_OBJ) VEC_PUSH(c->no_grad, args[i].o);
    return NONE;
}

static Value set_materialize_grads(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    bool on;
    if (!vm_args_simple(vm, "set_materialize_grads", nargs, kwnames, 2, 2) ||
        !arg_bool(tensor_state(vm), args[1], true, &on))
        return NULL_VALUE;
    as_context(args[0])->no_zeros = !on;
    return NONE;
}

static const Method CONTEXT_METHODS[] = {
    {"save_for_backward", save_for_backward, 0},
    {"saved_tensors", saved_tensors, METHOD_PROPERTY},
    {"needs_input_grad", needs_input_grad, METHOD_PROPERTY},
    {"mark_dirty", mark_dirty, 0},
    {"mark_non_differentiable", mark_non_differentiable, 0},
    {"set_materialize_grads", set_materialize_grads, 0},
    {NULL, NULL, 0},
};

static const Method FUNCTION_METHODS[] = {
    {"apply", function_apply, METHOD_CLASS},
    {"forward", no_forward, METHOD_STATIC},
    {"backward", no_backward, METHOD_STATIC},
    {NULL, NULL, 0},
};

void function_classes(TensorState *ts) {
    NativeClass ctx = {
        .name = "torch.autograd.function.FunctionCtx",
        .size = sizeof(Context),
        .flags = CLASS_NO_NEW,
        .slots = {.dealloc = context_dealloc, .traverse = context_traverse, .clear = context_clear},
        .methods = CONTEXT_METHODS};
    ts->ctx_class = vm_native_class(ts->vm, &ctx);
    ts->ctx_class->dict_offset = offsetof(Context, dict);
    ts->ctx_class->flags |= CLASS_HAS_DICT;
    NativeClass function = {.name = "torch.autograd.function.Function",
                            .size = sizeof(Instance),
                            .methods = FUNCTION_METHODS};
    ts->function_class = vm_native_class(ts->vm, &function);
}

/* ---- forward ---- */

static Context *context_new(TensorState *ts, Class *cls, const Value *args, int nargs) {
    Context *c = (Context *)(void *)vm_alloc(ts->vm, ts->ctx_class);
    c->saved = NONE;
    c->cls = cls;
    incref(FROM_OBJ(cls));
    c->arg_count = nargs;
    c->input_of = xcalloc((size_t)nargs + 1, sizeof *c->input_of);
    c->needs = tuple_new(ts->vm, (size_t)nargs);
    for (int i = 0; i < nargs; i++) {
        bool needs = is_tensor(ts, args[i]) && tensor_requires_grad(as_tensor(args[i]));
        as_tuple(c->needs)->items[i] = from_bool(needs);
        c->input_of[i] = -1;
    }
    return c;
}

/* The node that stands for the call: its inputs are the arguments' histories. */
static LazyNode *call_node(TensorState *ts, Context *c, const Value *args, int outputs) {
    LazyNode **inputs = xcalloc((size_t)c->arg_count + 1, sizeof *inputs);
    int count = 0;
    for (int i = 0; i < c->arg_count; i++) {
        if (!is_tensor(ts, args[i]) || !tensor_requires_grad(as_tensor(args[i]))) continue;
        LazyNode *node = tensor_read(ts, as_tensor(args[i]));
        if (!node) continue;
        c->input_of[i] = count;
        inputs[count++] = node;
    }
    LazyNode *function = lazy_link(ts, LAZY_FUNCTION, type_scalar(DT_F32), inputs, count);
    for (int i = 0; i < count; i++)
        lazy_unref(ts, inputs[i]);
    free(inputs);
    function->requires_grad = true;
    function->index = outputs;
    function->payload = NEW_REF(c);
    return function;
}

static bool differentiable(const Context *c, TensorState *ts, Value v) {
    if (!is_tensor(ts, v) || !dtype_is_float(as_tensor(v)->type.dtype)) return false;
    for (size_t i = 0; i < c->no_grad.count; i++)
        if (c->no_grad.items[i] == v.o) return false;
    return true;
}

/* A result with its history: a new tensor, or the argument itself that was changed in place. */
static Value output_of(TensorState *ts, LazyNode *function, Value plain, int index,
                       const char *fn_name, bool dirty) {
    LazyNode *data = tensor_read(ts, as_tensor(plain));
    if (!data) return NULL_VALUE;
    LazyNode *inputs[2] = {data, function};
    LazyNode *out = lazy_link(ts, LAZY_FUNCTION_OUT, data->type, inputs, 2);
    lazy_unref(ts, data);
    out->requires_grad = true;
    out->index = index;
    if (!dirty) return tensor_wrap(ts, out, fn_name);
    tensor_set_history(ts, as_tensor(plain), out, fn_name);
    return incref(plain);
}

static bool is_dirty(const Context *c, Value v) {
    for (size_t i = 0; i < c->dirty.count; i++)
        if (v.tag == TAG_OBJ && c->dirty.items[i] == v.o && !as_tensor(v)->view) return true;
    return false;
}

/* Notes which saved values are results: their gradients go through this call again. */
static void match_saved(Context *c, const Value *results, size_t count) {
    size_t saved = is_none(c->saved) ? 0 : as_tuple(c->saved)->count;
    c->saved_result = xcalloc(saved + 1, sizeof *c->saved_result);
    for (size_t i = 0; i < saved; i++) {
        Value v = as_tuple(c->saved)->items[i];
        c->saved_result[i] = -1;
        for (size_t k = 0; k < count && v.tag == TAG_OBJ; k++)
            if (results[k].tag == TAG_OBJ && results[k].o == v.o) c->saved_result[i] = (int)k;
    }
}

/* Gives the results (one, or a tuple) their history. */
static Value attach(TensorState *ts, Context *c, const Value *args, Value results) {
    const Value *items = &results;
    size_t count = 1;
    bool many = is_tuple(results) && vm_items(results, &items, &count);
    char name[160];
    snprintf(name, sizeof name, "%sBackward", c->cls->name);
    const char *fn_name = fn_name_intern(ts, name);
    LazyNode *function = call_node(ts, c, args, (int)count);
    Value made = many ? tuple_new(ts->vm, count) : NONE;
    c->types = xcalloc(count + 1, sizeof *c->types);
    match_saved(c, items, count);
    for (size_t i = 0; i < count; i++)
        if (is_tensor(ts, items[i])) c->types[i] = as_tensor(items[i])->type;
    for (size_t i = 0; i < count; i++) {
        Value item = differentiable(c, ts, items[i])
                         ? output_of(ts, function, items[i], (int)i, fn_name, is_dirty(c, items[i]))
                         : incref(items[i]);
        if (many)
            as_tuple(made)->items[i] = item;
        else
            made = item;
    }
    lazy_unref(ts, function);
    return made;
}

/* forward(ctx, ...), or forward(...) and then setup_context(ctx, inputs, output). */
static Value call_forward(Vm *vm, Value cls, Value ctx, const Value *args, int nargs) {
    Value *all = xcalloc((size_t)nargs + 1, sizeof *all);
    all[0] = ctx;
    for (int i = 0; i < nargs; i++)
        all[i + 1] = args[i];
    Value setup = vm_getattr_text(vm, cls, "setup_context");
    if (is_null(setup)) decref(vm_take_raised(vm));
    Value forward = vm_getattr_text(vm, cls, "forward"), results = NULL_VALUE;
    if (!is_null(forward) && is_null(setup)) results = vm_call(vm, forward, all, nargs + 1, NULL);
    if (!is_null(forward) && !is_null(setup)) {
        results = vm_call(vm, forward, all + 1, nargs, NULL);
        Value three[3] = {ctx, tuple_from(vm, args, (size_t)nargs), results};
        Value done = is_null(results) ? results : vm_call(vm, setup, three, 3, NULL);
        decref(three[1]);
        if (!is_null(done)) decref(done);
        if (is_null(done) && !is_null(results)) {
            decref(results);
            results = NULL_VALUE;
        }
    }
    if (!is_null(setup)) decref(setup);
    if (!is_null(forward)) decref(forward);
    free(all);
    return results;
}

Value function_apply(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (kwnames && kwnames->count)
        return vm_raise(vm, EXC_TypeError, "apply() takes no keyword arguments");
    Class *cls = as_class(args[0]);
    Context *c = context_new(ts, cls, args + 1, nargs - 1);
    bool any = false;
    for (int i = 1; i < nargs; i++)
        any = any || (is_tensor(ts, args[i]) && tensor_requires_grad(as_tensor(args[i])));
    bool mode = ts->grad_enabled;
    ts->grad_enabled = false;
    Value results = call_forward(vm, args[0], FROM_OBJ(c), args + 1, nargs - 1);
    ts->grad_enabled = mode;
    if (!is_null(results) && any && mode) {
        Value plain = results;
        results = attach(ts, c, args + 1, plain);
        decref(plain);
    }
    DROP(c);
    return results;
}

/* ---- backward ---- */

static bool wrong_count(TensorState *ts, const Context *c, size_t got) {
    vm_raise(ts->vm, EXC_RuntimeError,
             "function %sBackward returned an incorrect number of gradients (expected %d, got %zu)",
             c->cls->name, c->arg_count, got);
    return false;
}

static bool wrong_shape(TensorState *ts, const Context *c, size_t index, const Type *got,
                        const Type *want) {
    Buf a = {0}, b = {0};
    shape_text(&a, got->dim, got->rank);
    shape_text(&b, want->dim, want->rank);
    vm_raise(ts->vm, EXC_RuntimeError,
             "Function %sBackward returned an invalid gradient at index %zu - got %s but "
             "expected shape compatible with %s",
             c->cls->name, index, buf_text(&a), buf_text(&b));
    buf_free(&a);
    buf_free(&b);
    return false;
}

/* The axes that broadcasting `type` to the shape of `from` adds or stretches; -1: it can't be. */
static int stretched_axes(const Type *type, const Type *from, int64_t axes[MAX_RANK]) {
    int lead = from->rank - type->rank, count = 0;
    if (lead < 0) return -1;
    for (int i = 0; i < from->rank; i++) {
        if (i >= lead && type->dim[i - lead] == from->dim[i]) continue;
        if (i >= lead && type->dim[i - lead] != 1) return -1;
        axes[count++] = i;
    }
    return count;
}

static bool take_results(TensorState *ts, const Context *c, const LazyNode *function, Value v,
                         LazyNode **results) {
    const Value *items = &v;
    size_t count = 1;
    if (is_tuple(v) || is_list(v)) vm_items(v, &items, &count);
    for (size_t i = 0; i < count; i++) {
        if (i >= (size_t)c->arg_count) {
            if (!is_none(items[i])) return wrong_count(ts, c, count);
            continue;
        }
        int k = c->input_of[i];
        if (is_none(items[i]) || k < 0) continue;
        Tensor *grad;
        if (!arg_tensor(ts, items[i], "backward", &grad)) return false;
        const Type *want = &function->inputs[k]->type;
        int64_t axes[MAX_RANK];
        int stretched = stretched_axes(want, &grad->type, axes);
        if (stretched < 0) return wrong_shape(ts, c, i, &grad->type, want);
        LazyNode *node = lazy_cast(ts, tensor_read(ts, grad), want->dtype);
        if (stretched) node = lazy_reduce(ts, OP_reduce_sum, node, axes, stretched);
        results[k] = lazy_reshape(ts, node, want->rank, want->dim);
        if (!results[k]) return false;
    }
    return count >= (size_t)c->arg_count || wrong_count(ts, c, count);
}

bool function_backward(TensorState *ts, LazyNode *function, LazyNode **outputs,
                       LazyNode *const *grads, int grad_count, LazyNode **results) {
    Vm *vm = ts->vm;
    Value payload = incref(function->payload);
    Context *c = as_context(payload);
    Value *args = xcalloc((size_t)grad_count + 1, sizeof *args);
    int nargs = grad_count + 1;
    args[0] = payload;
    for (int i = 0; i < grad_count; i++)
        args[i + 1] = grads[i] ? tensor_wrap(ts, lazy_ref(grads[i]), "MulBackward0") : NONE;
    /* Results that nothing used have zero gradients, of their own shape. */
    for (int i = 0; i < grad_count; i++) {
        if (grads[i] || c->no_zeros) continue;
        args[i + 1] = tensor_wrap(ts, lazy_zeros(ts, c->types[i]), NULL);
    }
    Value backward = vm_getattr_text(vm, FROM_OBJ(c->cls), "backward");
    c->results = ts->grad_enabled ? outputs : NULL;
    Value made = is_null(backward) ? backward : vm_call(vm, backward, args, nargs, NULL);
    c->results = NULL;
    if (!is_null(backward)) decref(backward);
    for (int i = 1; i < nargs; i++)
        decref(args[i]);
    free(args);
    bool ok = !is_null(made) && take_results(ts, c, function, made, results);
    if (!is_null(made)) decref(made);
    decref(payload);
    return ok;
}
