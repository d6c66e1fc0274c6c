/* The compiling policy: the top level is evaluated with symbolic tensors.
 *
 * The first module called from the top level gets its state dict replaced by placeholders, and so
 * do the tensors it is called with: what is recorded from then on is a function of them. A value
 * that depends on one is not known: it may be stored and formatted (an opaque number), but a branch
 * on it ends the evaluation, or is an error inside forward. Values that only constants reach are
 * computed. */
#include "frontend/tensor/trace.h"

#include <stdlib.h>
#include <string.h>

#include "ir/interp.h"
#include "runtime/safetensors.h"

static bool compiling(const TensorState *ts) {
    return ts->policy.compiling;
}

/* ---- life ---- */

Trace *trace_new(TensorState *ts) {
    Trace *trace = xcalloc(1, sizeof *trace);
    trace->autocast = ts->autocast;
    trace->module = trace->args = trace->kwargs = NONE;
    return trace;
}

static void entries_free(TensorState *ts, TracedEntry *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        decref(items[i].tensor);
        storage_unref(ts, items[i].storage);
        lazy_unref(ts, items[i].initial);
    }
}

void trace_free(TensorState *ts) {
    Trace *t = ts->trace;
    for (size_t i = 0; i < t->calls.count; i++)
        for (size_t k = 0; k < t->buffers.count; k++)
            lazy_unref(ts, t->calls.items[i].buffers[k]);
    entries_free(ts, t->params.items, t->params.count);
    entries_free(ts, t->buffers.items, t->buffers.count);
    for (size_t i = 0; i < t->states.count; i++) {
        storage_unref(ts, t->states.items[i].storage);
        decref(t->states.items[i].param);
    }
    for (size_t i = 0; i < t->inputs.count; i++) {
        lazy_unref(ts, t->inputs.items[i].node);
        if (t->inputs.items[i].given) lazy_unref(ts, t->inputs.items[i].given);
    }
    for (size_t i = 0; i < t->called.count; i++)
        decref(t->called.items[i]);
    for (size_t i = 0; i < t->bare.count; i++) {
        decref(t->bare.items[i].module);
        decref(t->bare.items[i].args);
        decref(t->bare.items[i].kwargs);
    }
    if (t->seed) lazy_unref(ts, t->seed);
    if (t->loss) lazy_unref(ts, t->loss);
    if (t->scaled) lazy_unref(ts, t->scaled);
    if (t->unscaled) lazy_unref(ts, t->unscaled);
    decref(t->module);
    decref(t->args);
    decref(t->kwargs);
    VEC_FREE(t->params);
    VEC_FREE(t->buffers);
    VEC_FREE(t->states);
    VEC_FREE(t->hypers);
    VEC_FREE(t->inputs);
    VEC_FREE(t->called);
    VEC_FREE(t->bare);
    VEC_FREE(t->calls);
    VEC_FREE(t->call_inputs);
    arena_free(&t->arena);
    free(t);
    ts->trace = NULL;
}

int trace_input(TensorState *ts, Type type, InputRole role, int slot, const char *name) {
    Trace *t = ts->trace;
    LazyNode *node = lazy_link(ts, LAZY_PLACEHOLDER, type, NULL, 0);
    node->index = (int)t->inputs.count;
    VEC_PUSH(t->inputs, (TraceInput){role, slot, name, node, NULL, -1});
    return node->index;
}

LazyNode *trace_seed(TensorState *ts) {
    Trace *t = ts->trace;
    if (!t->seed) {
        int input = trace_input(ts, type_scalar(DT_I64), ROLE_DATA, 0, "seed");
        t->seed = lazy_ref(t->inputs.items[input].node);
    }
    return lazy_ref(t->seed);
}

/* ---- known values ---- */

static bool is_known(TensorState *ts, LazyNode *node) {
    LazyNodeVec ops = {0}, leaves = {0};
    lazy_reachable(ts, &node, 1, NULL, NULL, &ops, &leaves);
    bool known = true;
    for (size_t i = 0; i < leaves.count; i++)
        known = known && leaves.items[i]->value;
    for (size_t i = 0; i < ops.count; i++)
        known = known && ops.items[i]->op != OP_random_mt;
    VEC_FREE(ops);
    VEC_FREE(leaves);
    return known;
}

bool trace_is_computed(TensorState *ts, LazyNode *node) {
    LazyNodeVec ops = {0}, leaves = {0};
    lazy_reachable(ts, &node, 1, NULL, NULL, &ops, &leaves);
    bool computed = false;
    for (size_t i = 0; i < leaves.count; i++)
        computed |= leaves.items[i]->kind == LAZY_PLACEHOLDER && leaves.items[i]->index >= 0 &&
                    leaves.items[i] != ts->trace->seed;
    VEC_FREE(ops);
    VEC_FREE(leaves);
    return computed;
}

/* Computes a value that only constants reach, with the reference interpreter. */
static bool compute_known(TensorState *ts, LazyNode *node) {
    Arena arena = {0};
    LazyNodeVec ops = {0}, leaves = {0};
    lazy_reachable(ts, &node, 1, NULL, NULL, &ops, &leaves);
    Graph *graph = graph_new(&arena, "known");
    Node **made = ARENA_ARRAY(&arena, Node *, ops.count + leaves.count + 1);
    Tensor64 *values = ARENA_ARRAY(&arena, Tensor64, leaves.count + 1);
    for (size_t i = 0; i < leaves.count; i++) {
        leaves.items[i]->slot = (uint32_t)i;
        made[i] = graph_input(graph, "x", leaves.items[i]->type, ROLE_DATA, (int)i);
        values[i] =
            tensor64_from_bytes(&arena, leaves.items[i]->type, leaves.items[i]->value->bytes);
    }
    for (size_t i = 0; i < ops.count; i++) {
        LazyNode *op = ops.items[i];
        Node **inputs = ARENA_ARRAY(&arena, Node *, (size_t)op->input_count + 1);
        for (int k = 0; k < op->input_count; k++)
            inputs[k] = made[lazy_data(op->inputs[k])->slot];
        op->slot = (uint32_t)(leaves.count + i);
        made[op->slot] = lazy_to_node(graph, op, inputs);
    }
    graph_output(graph, "y", made[node->slot], OUT_RESULT, -1);
    Tensor64 result;
    Buf error = {0};
    bool ok = interp_run(graph, values, &result, ROUND_TO_TYPE, &arena, &error);
    if (ok) {
        node->value = buffer_new(ts, type_bytes(&node->type));
        tensor64_to_bytes(&result, node->value->bytes);
        node_evaluated(ts, node);
    } else {
        vm_raise(ts->vm, EXC_IndexError, "%s", buf_text(&error));
    }
    buf_free(&error);
    VEC_FREE(ops);
    VEC_FREE(leaves);
    graph_free(graph);
    arena_free(&arena);
    return ok;
}

/* ---- needs ---- */

/* "`conv1`, f32[1,6,28,28], computed at lenet.nn:17" */
static void describe_node(TensorState *ts, const LazyNode *node, Buf *out) {
    if (node->kind == LAZY_PLACEHOLDER) {
        const char *name = node->index < 0 ? NULL : ts->trace->inputs.items[node->index].name;
        buf_printf(out, "`%s` ", name ? name : "an input");
    } else if (node->name) {
        buf_printf(out, "the result of `%s`, ", node->name);
    } else {
        buf_puts(out, "a tensor ");
    }
    type_print(out, &node->type);
    const Source *source = sources_get(ts->vm->sources, node->span.file);
    if (node->kind == LAZY_PLACEHOLDER || !source) return;
    buf_printf(out, ", computed at %s:%u", source->path,
               sources_position(ts->vm->sources, node->span).line);
}

static bool end_quietly(TensorState *ts) {
    ts->trace->quiet = true;
    vm_raise(ts->vm, EXC_SystemExit, "0");
    return false;
}

bool need_by_compiling(TensorState *ts, LazyNode *node, const char *what) {
    if (is_known(ts, node)) return compute_known(ts, node);
    if (!ts->trace->depth && !ts->trace->tracing) return end_quietly(ts);
    Buf text = {0};
    describe_node(ts, node, &text);
    vm_raise(ts->vm, EXC_RuntimeError,
             "%s needs a tensor's value, which is known only when the compiled network runs: %s; "
             "choose with torch.where(condition, a, b) instead, or run the program with `nnc run`",
             what, buf_text(&text));
    buf_free(&text);
    return false;
}

/* ---- opaque numbers ---- */

static Value opaque_new(TensorState *ts) {
    return FROM_OBJ(vm_alloc(ts->vm, ts->opaque_class));
}

Value trace_opaque(TensorState *ts, Tensor *x) {
    if (!compiling(ts)) return NULL_VALUE;
    LazyNode *node = lazy_data(x->var->storage->value);
    if (node->value || is_known(ts, node)) return NULL_VALUE;
    int truth = trace_if_finite(ts, node);
    return truth < 0 ? opaque_new(ts) : from_bool(truth);
}

LazyNode *unknown_node(TensorState *ts, Type type) {
    if (ts->trace->depth || ts->trace->tracing) {
        vm_raise(ts->vm, EXC_RuntimeError, UNKNOWN_NUMBER);
        return NULL;
    }
    LazyNode *node = lazy_link(ts, LAZY_PLACEHOLDER, type, NULL, 0);
    node->index = -1;
    node->span = vm_current_span(ts->vm);
    return node;
}

static Value opaque_repr(Vm *vm, Value self) {
    (void)self;
    return str_from(vm, "?");
}
static Value opaque_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    TensorState *ts = tensor_state(vm);
    Value other = reflected ? a : b;
    if (op == BINARY_MUL && is_str(other)) return opaque_repr(vm, a);
    if (is_tensor(ts, other) || !is_number(ts, other)) return NOT_IMPLEMENTED;
    return opaque_new(ts);
}
static Value opaque_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)op, (void)a, (void)b, (void)reflected;
    return opaque_new(tensor_state(vm));
}
static Value opaque_unary(Vm *vm, UnaryOp op, Value a) {
    (void)op, (void)a;
    return opaque_new(tensor_state(vm));
}
static Value opaque_format(Vm *vm, Value self, Str *spec) {
    (void)spec;
    return opaque_repr(vm, self);
}
static Value opaque_same(Vm *vm, Value self) {
    (void)vm;
    return incref(self);
}
static Value opaque_getitem(Vm *vm, Value self, Value key) {
    (void)vm, (void)key;
    return incref(self);
}
static bool opaque_need(Vm *vm) {
    TensorState *ts = tensor_state(vm);
    if (!ts->trace->depth && !ts->trace->tracing) return end_quietly(ts);
    vm_raise(vm, EXC_RuntimeError,
             "a number taken from a tensor decides what happens here, but it is known only when "
             "the compiled network runs; choose with torch.where(condition, a, b) instead");
    return false;
}
static int opaque_truth(Vm *vm, Value self) {
    (void)self;
    return opaque_need(vm) ? 1 : -1;
}
static int64_t opaque_length(Vm *vm, Value self) {
    (void)self;
    return opaque_need(vm) ? 0 : -1;
}
static Value opaque_index(Vm *vm, Value self) {
    (void)self;
    opaque_need(vm);
    return NULL_VALUE;
}
static bool opaque_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm, (void)self;
    *out = 1;
    return true;
}

static Value opaque_round(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "__round__", nargs, kwnames, 1, 2)) return NULL_VALUE;
    return opaque_same(vm, args[0]);
}
static Value opaque_method(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "a number's method", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return opaque_same(vm, args[0]);
}

void trace_classes(TensorState *ts) {
    static const Method methods[] = {
        {"__round__", opaque_round, 0},
        {"is_integer", opaque_method, 0},
        {"conjugate", opaque_method, 0},
        {"real", opaque_method, FN_PROPERTY},
        {NULL, NULL, 0},
    };
    NativeClass spec = {.name = "float",
                        .size = sizeof(Obj),
                        .methods = methods,
                        .flags = CLASS_NO_NEW | CLASS_FINAL | CLASS_UNTRACKED | CLASS_UNKNOWN,
                        .slots = {.binary = opaque_binary,
                                  .compare = opaque_compare,
                                  .unary = opaque_unary,
                                  .repr = opaque_repr,
                                  .str = opaque_repr,
                                  .format = opaque_format,
                                  .to_int = opaque_same,
                                  .to_float = opaque_same,
                                  .to_index = opaque_index,
                                  .getitem = opaque_getitem,
                                  .iter = opaque_index,
                                  .truth = opaque_truth,
                                  .length = opaque_length,
                                  .hash = opaque_hash}};
    ts->opaque_class = vm_native_class(ts->vm, &spec);
}

/* ---- the module ---- */

static bool holds_storage(TensorState *ts, const Value *items, size_t count, const Storage *s) {
    for (size_t i = 0; i < count; i++)
        if (is_tensor(ts, items[i]) && as_tensor(items[i])->var->storage == s) return true;
    return false;
}

static void add_entry(TensorState *ts, const char *key, Value tensor, bool is_param) {
    Trace *t = ts->trace;
    Storage *storage = as_tensor(tensor)->var->storage;
    TracedEntry entry = {.key = arena_strdup(&t->arena, key),
                         .tensor = incref(tensor),
                         .storage = storage,
                         .tied_to = -1};
    storage->refs++;
    size_t count = is_param ? t->params.count : t->buffers.count;
    TracedEntry *others = is_param ? t->params.items : t->buffers.items;
    for (size_t i = 0; i < count; i++) {
        if (others[i].storage != storage || others[i].tied_to >= 0) continue;
        entry.tied_to = (int)i;
        entry.input = others[i].input;
        entry.initial = lazy_ref(others[i].initial);
    }
    if (entry.tied_to < 0) {
        entry.initial = lazy_ref(storage->value);
        entry.input = trace_input(ts, storage->type, is_param ? ROLE_PARAM : ROLE_BUFFER,
                                  (int)count, entry.key);
        storage_set(ts, storage, lazy_ref(t->inputs.items[entry.input].node));
        storage->changes++;
    }
    if (is_param)
        VEC_PUSH(t->params, entry);
    else
        VEC_PUSH(t->buffers, entry);
}

static Value list_of_call(Vm *vm, Value self, const char *method) {
    Value made = vm_call_method(vm, self, method, NULL, 0);
    if (is_null(made)) return made;
    Value list = list_from_iterable(vm, made);
    decref(made);
    return list;
}

/* Marks the tensors that the value holds, and those in its containers, as parts of the network. */
static void mark_parts(TensorState *ts, Value v, int depth) {
    const Value *items;
    size_t count, pos = 0;
    Value key, value;
    if (is_tensor(ts, v)) {
        LazyNode *data = lazy_data(as_tensor(v)->var->storage->value);
        if (is_known(ts, data)) data->is_part = true;
    } else if (depth > 0 && is_dict(v)) {
        while (dict_next(as_dict(v), &pos, &key, &value))
            mark_parts(ts, value, depth - 1);
    } else if (depth > 0 && vm_items(v, &items, &count)) {
        for (size_t i = 0; i < count; i++)
            mark_parts(ts, items[i], depth - 1);
    }
}

/* What a module holds beside its state dict (masks, tables, class weights) is part of it. */
static bool mark_held_tensors(TensorState *ts, Value module) {
    Vm *vm = ts->vm;
    Value modules = list_of_call(vm, module, "modules");
    const Value *items = NULL;
    size_t count = 0;
    if (is_null(modules)) return false;
    vm_items(modules, &items, &count);
    for (size_t i = 0; i < count; i++) {
        Value own = vm_getattr_text(vm, items[i], "__dict__");
        if (is_null(own)) break;
        mark_parts(ts, own, 2);
        decref(own);
    }
    decref(modules);
    return !vm_failed(vm);
}

/* Entries that share a larger tensor (a transposed parameter, a viewed mask) stand alone. */
static bool own_storages(TensorState *ts, Value list) {
    size_t count = 0;
    const Value *items = NULL;
    if (!vm_items(list, &items, &count)) return false;
    for (size_t i = 0; i < count; i++)
        if (is_tensor(ts, items[i]) && !tensor_own_storage(ts, as_tensor(items[i]))) return false;
    return true;
}

/* Whether the tensor can be an entry of a compiled network. */
static bool check_entry(Vm *vm, const Str *key, const Tensor *x) {
    if (strlen(key->data) != key->size)
        vm_raise(vm, EXC_RuntimeError,
                 "the name of '%.60s...' has a NUL in it: it can't be an entry of a compiled "
                 "network",
                 key->data);
    else if (key->size >= NN_NAME_MAX || strcmp(key->data, "__metadata__") == 0)
        vm_raise(vm, EXC_RuntimeError, "'%.60s%s' can't be a name in a file of weights: it %s",
                 key->data, key->size > 60 ? "..." : "",
                 key->size >= NN_NAME_MAX ? "is longer than 4095 bytes" : "means something else");
    else if (x->view || x->var->root)
        vm_raise(vm, EXC_RuntimeError,
                 "'%s' is a view of a tensor that needs gradients: it can't be an entry of a "
                 "compiled network",
                 key->data);
    return !vm_failed(vm);
}

bool trace_bind(TensorState *ts, Value module) {
    Trace *t = ts->trace;
    Vm *vm = ts->vm;
    decref(t->module);
    t->module = incref(module);
    Value params = list_of_call(vm, module, "parameters");
    Value buffers = is_null(params) ? params : list_of_call(vm, module, "buffers");
    Value state = NULL_VALUE;
    if (!is_null(buffers) && mark_held_tensors(ts, module) && own_storages(ts, params) &&
        own_storages(ts, buffers))
        state = vm_call_method(vm, module, "state_dict", NULL, 0);
    bool ok = is_dict(state);
    size_t pos = 0, count = 0;
    const Value *items = NULL;
    Value key, tensor;
    if (ok) vm_items(params, &items, &count);
    while (ok && dict_next(as_dict(state), &pos, &key, &tensor)) {
        if (!is_str(key) || !is_tensor(ts, tensor)) continue;
        const Tensor *x = as_tensor(tensor);
        ok = check_entry(vm, as_str(key), x);
        if (!ok) break;
        bool is_param = holds_storage(ts, items, count, x->var->storage);
        Value handle = tensor;
        for (size_t i = 0; i < count; i++) /* the module's own handle, which has the gradient */
            if (as_tensor(items[i])->var->storage == x->var->storage) handle = items[i];
        add_entry(ts, as_str(key)->data, handle, is_param);
    }
    if (!is_null(params)) decref(params);
    if (!is_null(buffers)) decref(buffers);
    if (!is_null(state)) decref(state);
    return ok;
}

static void rebind(TensorState *ts, TracedEntry *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (items[i].tied_to >= 0) continue;
        storage_set(ts, items[i].storage, lazy_ref(ts->trace->inputs.items[items[i].input].node));
        items[i].storage->changes++;
    }
}

void trace_rebind(TensorState *ts) {
    rebind(ts, ts->trace->params.items, ts->trace->params.count);
    rebind(ts, ts->trace->buffers.items, ts->trace->buffers.count);
}

static Value dict_argument(TensorState *ts, Value v, const char *name) {
    Dict *made = dict_new(ts->vm);
    Value key, value;
    size_t pos = 0;
    while (dict_next(as_dict(v), &pos, &key, &value)) {
        const char *part = arena_printf(&ts->trace->arena, "%s%s%s", name ? name : "",
                                        name ? "_" : "", is_str(key) ? as_str(key)->data : "x");
        Value item = trace_argument(ts, value, part);
        dict_set(ts->vm, made, key, item);
        decref(item);
    }
    return FROM_OBJ(made);
}

/* The type of an argument for the batch that is wanted. An input whose first dimension is not that
 * of the first input (a mask, a table) has no batch. */
static Type batch_type(TensorState *ts, Type type) {
    Trace *t = ts->trace;
    if (!t->tracing || !t->batch || type.rank == 0) return type;
    if (!t->own_batch) t->own_batch = type.dim[0];
    Type wanted = type;
    if (type.dim[0] == t->own_batch) wanted.dim[0] = t->batch;
    if (type_valid(&wanted)) return wanted;
    t->own_batch = -1;
    vm_raise(ts->vm, EXC_RuntimeError, "a batch of %lld makes forward's input too large",
             (long long)t->batch);
    return type;
}

/* The input as forward sees it: gradients go on to what was given, for who asks for them there. */
static Value given_argument(TensorState *ts, LazyNode *input, LazyNode *given) {
    if (!given || !given->requires_grad || !type_same_shape(&given->type, &input->type))
        return tensor_wrap(ts, lazy_ref(input), NULL);
    LazyNode *inputs[2] = {input, given};
    LazyNode *graft = lazy_link(ts, LAZY_GRAFT, input->type, inputs, 2);
    graft->requires_grad = true;
    return tensor_wrap(ts, graft, "CloneBackward0");
}

Value trace_argument(TensorState *ts, Value v, const char *name) {
    const Value *items;
    size_t count;
    if (is_tensor(ts, v)) {
        Trace *t = ts->trace;
        LazyNode *value = lazy_data(as_tensor(v)->var->storage->value);
        if (!t->tracing && trace_is_computed(ts, value)) return incref(v);
        int slot = (int)t->call_inputs.count;
        int input = trace_input(ts, batch_type(ts, as_tensor(v)->type), ROLE_DATA, slot,
                                name ? arena_strdup(&t->arena, name) : NULL);
        LazyNode *given = tensor_read(ts, as_tensor(v));
        t->inputs.items[input].given = given;
        VEC_PUSH(t->call_inputs, input);
        return given_argument(ts, t->inputs.items[input].node, given);
    }
    if (is_dict(v)) return dict_argument(ts, v, name);
    if (!(is_tuple(v) || is_list(v)) || !vm_items(v, &items, &count)) return incref(v);
    Value made = is_tuple(v) ? tuple_new(ts->vm, count) : list_new(ts->vm, count);
    for (size_t i = 0; i < count; i++) {
        const char *part = arena_printf(&ts->trace->arena, "%s_%zu", name ? name : "x", i);
        Value item = trace_argument(ts, items[i], part);
        if (is_tuple(v))
            as_tuple(made)->items[i] = item;
        else
            list_push(as_list(made), item);
    }
    return made;
}

static bool has_parameters(TensorState *ts, Value module) {
    Value params = list_of_call(ts->vm, module, "parameters");
    bool any = !is_null(params) && vm_len(ts->vm, params) > 0;
    if (!is_null(params)) decref(params);
    return any;
}

static bool first_time(const Trace *t, Value module) {
    for (size_t i = 0; i < t->called.count; i++)
        if (t->called.items[i].o == module.o) return false;
    for (size_t i = 0; i < t->bare.count; i++)
        if (t->bare.items[i].module.o == module.o) return false;
    return true;
}

/* Whether it is the module to compile: the first one called, or the one that --module names. */
static bool is_wanted(TensorState *ts, Value module) {
    const Trace *t = ts->trace;
    if (!is_none(t->module)) return false;
    if (!t->chosen) return true;
    Value named = dict_get_text(ts->vm, vm_main_dict(ts->vm), t->chosen);
    return named.tag == TAG_OBJ && named.o == module.o;
}

/* A call of the module that is compiled: its tensors become placeholders. */
static Value replaced_arguments(TensorState *ts, Value args, Value kwargs) {
    Trace *t = ts->trace;
    TraceCall call = {.serial = ts->next_serial, .first = (int)t->inputs.count};
    call.buffers = ARENA_ARRAY(&t->arena, LazyNode *, t->buffers.count + 1);
    for (size_t i = 0; i < t->buffers.count; i++)
        call.buffers[i] = lazy_ref(t->buffers.items[i].storage->value);
    t->call_inputs.count = 0;
    Value positional = tuple_new(ts->vm, as_tuple(args)->count);
    for (size_t i = 0; i < as_tuple(args)->count; i++) {
        const char *name = trace_parameter_name(ts->vm, t->module, i);
        if (!name) name = arena_printf(&t->arena, "x_%zu", i);
        as_tuple(positional)->items[i] = trace_argument(ts, as_tuple(args)->items[i], name);
    }
    Value pair = vm_pair(ts->vm, positional, trace_argument(ts, kwargs, NULL));
    call.count = (int)t->inputs.count - call.first;
    VEC_PUSH(t->calls, call);
    return pair;
}

/* A call from the top level when compiling: (args, kwargs) for forward, or NULL_VALUE. */
static Value enter_top_level(TensorState *ts, const Value *args) {
    Trace *t = ts->trace;
    bool first = first_time(t, args[0]);
    if (!has_parameters(ts, args[0])) {
        if (vm_failed(ts->vm)) return NULL_VALUE;
        if (first && !mark_held_tensors(ts, args[0])) return NULL_VALUE;
        if (first)
            VEC_PUSH(t->bare, (BareCall){incref(args[0]), incref(args[1]), incref(args[2]),
                                         vm_current_span(ts->vm)});
        return tuple_from(ts->vm, args + 1, 2);
    }
    if (first) VEC_PUSH(t->called, incref(args[0]));
    if (is_wanted(ts, args[0])) {
        t->args = incref(args[1]);
        t->kwargs = incref(args[2]);
        t->autocast = ts->autocast;
        ts->policy.called = vm_current_span(ts->vm);
        if (!trace_bind(ts, args[0])) return NULL_VALUE;
    }
    if (args[0].o != t->module.o) return tuple_from(ts->vm, args + 1, 2);
    return replaced_arguments(ts, args[1], args[2]);
}

/* enter_module(module, args, kwargs): the pair (args, kwargs) that forward gets. */
static Value enter_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Trace *t = ts->trace;
    if (!vm_args_simple(vm, "enter_module", nargs, kwnames, 3, 3)) return NULL_VALUE;
    if (!compiling(ts)) {
        if (ts->script && !ts->script_started && ts->grad_enabled) {
            ts->script_started =
                true; /* what was made before a first iteration is not part of it */
            if (!script_evaluate(ts, NULL)) return NULL_VALUE;
        }
        return tuple_from(vm, args + 1, 2);
    }
    if (t->depth++ || t->tracing) return tuple_from(vm, args + 1, 2);
    Value pair = enter_top_level(ts, args);
    if (is_null(pair)) t->depth--;
    return pair;
}

/* enter_part(): a call of modules that is none of a network, whoever makes it. */
static Value enter_part_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    (void)args;
    if (!vm_args_simple(vm, "enter_part", nargs, kwnames, 0, 0)) return NULL_VALUE;
    if (compiling(ts)) ts->trace->depth++;
    return NONE;
}

static Value leave_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    (void)args;
    if (!vm_args_simple(vm, "leave_module", nargs, kwnames, 1, 1)) return NULL_VALUE;
    if (compiling(ts)) ts->trace->depth--;
    return NONE;
}

/* ---- the train step ---- */

static Value compiling_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args;
    if (!vm_args_simple(vm, "compiling", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_bool(compiling(tensor_state(vm)));
}

/* hyper(name, number): a 0-d input in double, so that it is as exact as the number. */
static Value hyper_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Trace *t = ts->trace;
    double value;
    if (!vm_args_simple(vm, "hyper", nargs, kwnames, 2, 2)) return NULL_VALUE;
    if (!compiling(ts) || is_none(t->module) || is_tensor(ts, args[1])) return incref(args[1]);
    const char *name = vm_to_text(vm, args[0], "name");
    if (!name || !vm_to_double(vm, args[1], &value)) return NULL_VALUE;
    int slot = (int)t->hypers.count;
    name = arena_strdup(&t->arena, name);
    VEC_PUSH(t->hypers, (ProgramHyper){name, DT_F64, value});
    int input = trace_input(ts, type_scalar(DT_F64), ROLE_HYPER, slot, name);
    return tensor_wrap(ts, lazy_ref(t->inputs.items[input].node), NULL);
}

/* One number repeated: NULL if the node is something else. */
static const LazyNode *repeated_number(const LazyNode *node) {
    while (node->kind == LAZY_OP && node->inputs &&
           (node->op == OP_expand || node->op == OP_reshape))
        node = lazy_data(node->inputs[0]);
    return node->kind == LAZY_OP && node->op == OP_const && node->type.rank == 0 ? node : NULL;
}

/* Gives a repeated number its buffer at once, so that the first iteration's graph is that of all
 * others, and without evaluating what else is recorded. */
static Value materialized(TensorState *ts, Value tensor) {
    LazyNode *node = lazy_data(as_tensor(tensor)->var->storage->value);
    const LazyNode *number = node->value ? NULL : repeated_number(node);
    if (!number) return incref(tensor);
    size_t size = dtype_size(node->type.dtype), bytes = type_bytes(&node->type);
    node->value = buffer_new(ts, bytes);
    unsigned char *to = node->value->bytes;
    if (bytes > 0) memcpy(to, number->attrs[0].data.bytes, size);
    for (size_t done = size; done < bytes; done += size) { /* twice as much each time */
        size = done < bytes - done ? done : bytes - done;
        memcpy(to + done, to, size);
    }
    node_evaluated(ts, node);
    return incref(tensor);
}

/* The number that all elements of a state are at first. False: raised. */
static bool first_value(TensorState *ts, Tensor *x, double *out) {
    const LazyNode *number = repeated_number(lazy_data(x->var->storage->value));
    if (number) {
        *out = element_double(x->type.dtype, number->attrs[0].data.bytes);
        return true;
    }
    Buffer *buffer = tensor_buffer(ts, x, "an optimizer's initial state");
    if (!buffer) return false;
    *out = type_numel(&x->type) ? element_double(x->type.dtype, buffer->bytes) : 0;
    buffer_unref(ts, buffer);
    return true;
}

/* state(name, param, tensor): an entry of the train step's state, all elements equal at first. */
static Value state_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Trace *t = ts->trace;
    Tensor *x;
    if (!vm_args_simple(vm, "state", nargs, kwnames, 3, 3) || !arg_tensor(ts, args[2], "state", &x))
        return NULL_VALUE;
    if (!compiling(ts) || is_none(t->module)) return materialized(ts, args[2]);
    const char *name = vm_to_text(vm, args[0], "name");
    double fill;
    if (!name || !first_value(ts, x, &fill)) return NULL_VALUE;
    Storage *storage = x->var->storage;
    TracedState state = {.name = arena_strdup(&t->arena, name),
                         .storage = storage,
                         .param = incref(args[1]),
                         .type = storage->type,
                         .fill = fill};
    state.input = trace_input(ts, storage->type, ROLE_STATE, (int)t->states.count, state.name);
    storage->refs++;
    storage_set(ts, storage, lazy_ref(t->inputs.items[state.input].node));
    storage->changes++;
    VEC_PUSH(t->states, state);
    return incref(args[2]);
}

static Value zero_grad_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args;
    return vm_args_simple(vm, "zero_grad_mark", nargs, kwnames, 0, 0) ? NONE : NULL_VALUE;
}

/* Whether a parameter of the module has another value than before: another optimizer's step leaves
 * them alone. */
static bool trains_module(const Trace *t) {
    for (size_t i = 0; i < t->params.count; i++) {
        const TracedEntry *entry = &t->params.items[i];
        if (lazy_data(entry->storage->value) != t->inputs.items[entry->input].node) return true;
    }
    return false;
}

/* The end of Optimizer.step: running cuts the recording; compiling has seen a whole train step. */
static Value step_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    (void)args;
    if (!vm_args_simple(vm, "step_mark", nargs, kwnames, 0, 0)) return NULL_VALUE;
    if (!compiling(ts)) return script_evaluate(ts, NULL) ? NONE : NULL_VALUE;
    if (is_none(ts->trace->module) || !ts->trace->loss || !trains_module(ts->trace)) return NONE;
    ts->trace->stepped = true;
    ts->trace->step = vm_current_span(vm);
    end_quietly(ts);
    return NULL_VALUE;
}

/* const(t): a part of the network, not an input of it, when compiling. */
static Value const_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *x;
    if (!vm_args_simple(vm, "const", nargs, kwnames, 1, 1) || !arg_tensor(ts, args[0], "const", &x))
        return NULL_VALUE;
    if (!compiling(ts)) return incref(args[0]);
    Buffer *buffer = tensor_buffer(ts, x, "a constant");
    if (!buffer) return NULL_VALUE;
    Attr attrs[] = {attr_data(buffer->bytes, type_bytes(&x->type)),
                    attr_ints(ATTR_shape, x->type.dim, x->type.rank), attr_dtype(x->type.dtype)};
    LazyNode *node = lazy_op(ts, OP_const, NULL, 0, attrs, 3);
    buffer_unref(ts, buffer);
    return tensor_wrap(ts, node, NULL);
}

const TensorFunction TRACE_FUNCTIONS[] = {
    {"compiling", compiling_call, FN_FUNCTION},
    {"hyper", hyper_call, FN_FUNCTION},
    {"state", state_call, FN_FUNCTION},
    {"enter_module", enter_call, FN_FUNCTION},
    {"enter_part", enter_part_call, FN_FUNCTION},
    {"leave_module", leave_call, FN_FUNCTION},
    {"zero_grad_mark", zero_grad_call, FN_FUNCTION},
    {"step_mark", step_call, FN_FUNCTION},
    {"const", const_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
