/* Storages, variables and handles: reading a tensor as a lazy node, writing one in place. */
#include "frontend/tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/script.h"
#include "passes/pass.h"

/* ---- storages ---- */

static void waiting_add(TensorState *ts, LazyNode *node) {
    node->prev = NULL;
    node->next = ts->waiting;
    if (ts->waiting) ts->waiting->prev = node;
    ts->waiting = node;
}

static void waiting_remove(TensorState *ts, LazyNode *node) {
    if (node->prev)
        node->prev->next = node->next;
    else if (ts->waiting == node)
        ts->waiting = node->next;
    else
        return;
    if (node->next) node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

/* Storages hold the nodes that their values come from: those without a buffer wait for one. */
static void storage_hold(TensorState *ts, LazyNode *value) {
    LazyNode *node = lazy_data(value);
    if (node->storage_refs++ == 0 && !node->value && node->kind == LAZY_OP) waiting_add(ts, node);
}

static void storage_release(TensorState *ts, LazyNode *value) {
    LazyNode *node = lazy_data(value);
    if (--node->storage_refs == 0) waiting_remove(ts, node);
    lazy_unref(ts, value);
}

void node_evaluated(TensorState *ts, LazyNode *node) {
    waiting_remove(ts, node);
    if (!node->requires_grad) lazy_drop_inputs(ts, node);
}

void storage_set(TensorState *ts, Storage *storage, LazyNode *node) {
    LazyNode *old = storage->value;
    if (old) {
        LazyNode *from = lazy_data(old), *to = lazy_data(node);
        to->replaces = from->value ? from->value->id : from->replaces;
    }
    storage->value = node;
    storage_hold(ts, node);
    if (old) storage_release(ts, old);
}

static Storage *storage_new(TensorState *ts, LazyNode *node) {
    Storage *storage = xcalloc(1, sizeof *storage);
    storage->refs = 1;
    storage->type = node->type;
    storage->version = xcalloc(1, sizeof *storage->version);
    storage->version->refs = 1;
    storage_set(ts, storage, node);
    return storage;
}

void storage_unref(TensorState *ts, Storage *storage) {
    if (--storage->refs) return;
    storage_release(ts, storage->value);
    if (--storage->version->refs == 0) free(storage->version);
    free(storage->order);
    free(storage);
}

/* ---- variables ---- */

static Var *var_new(Storage *storage, ViewStep *root) {
    Var *var = xcalloc(1, sizeof *var);
    var->refs = 1;
    var->storage = storage;
    var->root = root;
    var->grad = var->hooks = var->after_hooks = NONE;
    return var;
}

Var *var_keeper(LazyNode *node) {
    Var *var = xcalloc(1, sizeof *var);
    *var = (Var){.refs = 1,
                 .retains_grad = true,
                 .node = lazy_ref(node),
                 .grad = NONE,
                 .hooks = NONE,
                 .after_hooks = NONE};
    return var;
}

void var_unref(TensorState *ts, Var *var) {
    if (--var->refs) return;
    if (var->storage) storage_unref(ts, var->storage);
    view_unref(var->root);
    decref(var->grad);
    decref(var->hooks);
    decref(var->after_hooks);
    if (var->param && var->param->var == var) var->param->var = NULL;
    if (var->node) {
        if (var->node->retain == var) var->node->retain = NULL;
        lazy_unref(ts, var->node);
    }
    if (var->cache) lazy_unref(ts, var->cache);
    free(var);
}

static LazyNode *link_one(TensorState *ts, LazyKind kind, LazyNode *data) {
    LazyNode *link = lazy_link(ts, kind, data->type, &data, 1);
    lazy_unref(ts, data);
    return link;
}

LazyNode *without_grad(TensorState *ts, LazyNode *node) {
    return node->requires_grad ? link_one(ts, LAZY_BARRIER, node) : node;
}

static LazyNode *param_link(TensorState *ts, Var *var, LazyNode *data, uint32_t count) {
    if (var->param && var->param_count == count) {
        lazy_unref(ts, data);
        return lazy_ref(var->param);
    }
    if (var->param) { /* of an older version: it keeps the variable, which no longer names it */
        var->param = NULL;
    }
    LazyNode *link = link_one(ts, LAZY_PARAM, data);
    link->requires_grad = true;
    link->var = var;
    var->refs++;
    var->param = link;
    var->param_count = count;
    return link;
}

/* The storage's value seen through the root, without history. */
static LazyNode *var_data(TensorState *ts, Var *var) {
    uint32_t count = var->storage->changes;
    if (var->cache && var->cache_count == count) return lazy_ref(var->cache);
    LazyNode *data = without_grad(ts, lazy_ref(var->storage->value));
    data = view_apply(ts, var->root, data);
    if (!data || (data == var->storage->value && !var->root)) return data;
    if (var->cache) lazy_unref(ts, var->cache);
    var->cache = lazy_ref(data);
    var->cache_count = count;
    return data;
}

static LazyNode *var_read(TensorState *ts, Var *var) {
    uint32_t count = var->storage->changes;
    if (var->node && var->node_count == count) return lazy_ref(var->node);
    LazyNode *data = var_data(ts, var);
    if (!data) return NULL;
    if (var->requires_grad) return param_link(ts, var, data, count);
    if (!var->node) return data;
    LazyNode *inputs[2] = {data, var->node};
    LazyNode *graft = lazy_link(ts, LAZY_GRAFT, data->type, inputs, 2);
    graft->requires_grad = true;
    lazy_unref(ts, data);
    if (var->node->retain == var) {
        var->node->retain = NULL;
        graft->retain = var;
    }
    lazy_unref(ts, var->node);
    var->node = graft;
    var->node_count = count;
    return lazy_ref(graft);
}

/* ---- handles ---- */

static Tensor *tensor_alloc(TensorState *ts, Var *var, ViewStep *view, Type type) {
    Tensor *tensor = (Tensor *)(void *)vm_alloc(ts->vm, ts->tensor_class);
    tensor->var = var;
    tensor->view = view;
    tensor->type = type;
    return tensor;
}

static void save_operand(LazyNode *node, const Type *type, Version *version, bool result) {
    if (node->saved_count == MAX_SAVED) return;
    if (!node->saved) node->saved = xcalloc(MAX_SAVED, sizeof *node->saved);
    version->refs++;
    node->saved[node->saved_count++] =
        (SavedOperand){version, version->count, result ? version->fn_name : NULL, *type};
}

/* Which operands (bit 31: the result) the gradients of the inputs that ask for one read. */
uint32_t node_reads(const TensorState *ts, const LazyNode *node) {
    uint32_t reads = ts->grad_reads[node->op];
    if (node->input_count != 2 || !node->inputs) return reads;
    bool first = node->inputs[0]->requires_grad, second = node->inputs[1]->requires_grad;
    const uint32_t result = (uint32_t)1 << 31;
    switch (node->op) {
    case OP_mul:
    case OP_dot:
    case OP_conv:
        return reads & (result | (second ? 1u : 0u) | (first ? 2u : 0u));
    case OP_div:
        return second ? 3u : reads & ~(result | 1u);
    case OP_pow:
        return second ? reads : reads & ~result;
    case OP_rem:
    case OP_fmod:
        return second ? reads : 0;
    default:
        return reads;
    }
}

void tensor_save(TensorState *ts, LazyNode *node, Tensor *const *operands, int count) {
    if (!node || !node->requires_grad || node->kind != LAZY_OP) return;
    uint32_t reads = node_reads(ts, node);
    for (int i = 0; i < count; i++)
        if (operands[i] && reads >> i & 1)
            save_operand(node, &operands[i]->type, operands[i]->var->storage->version, false);
}

/* A program that never needs a value must not record without end. */
enum { MAX_RECORDED = 20000 };

static bool cut_long_recording(TensorState *ts) {
    if (ts->policy.compiling || ts->next_serial < ts->next_cut) return true;
    ts->vm->cut_due = ts->vm->at_back_edge != NULL;
    if (ts->next_serial - ts->evaluated_serial < MAX_RECORDED) return true;
    return script_evaluate(ts, NULL);
}

Value tensor_wrap(TensorState *ts, LazyNode *node, const char *fn_name) {
    if (!node) return NULL_VALUE;
    Type type = node->type;
    bool requires_grad = node->requires_grad;
    Storage *storage = storage_new(ts, node);
    Var *var = var_new(storage, NULL);
    var->inference = ts->inference;
    Tensor *tensor = tensor_alloc(ts, var, NULL, type);
    if (requires_grad) {
        var->node = lazy_ref(node);
        var->fn_name = storage->version->fn_name = fn_name;
        bool first = !node->fn_name; /* a clone's tensor holds the same node */
        if (first) node->fn_name = fn_name;
        if (first && node->kind == LAZY_OP && node_reads(ts, node) >> 31)
            save_operand(node, &type, storage->version, true);
    }
    if (cut_long_recording(ts)) return FROM_OBJ(tensor);
    DROP(tensor);
    return NULL_VALUE;
}

void tensor_set_order(Tensor *made, const int64_t order[MAX_RANK]) {
    int64_t **kept = &made->var->storage->order;
    if (!*kept) *kept = xmalloc(sizeof(int64_t) * MAX_RANK);
    memcpy(*kept, order, sizeof(int64_t) * MAX_RANK);
}

Value tensor_wrap_like(TensorState *ts, LazyNode *node, const char *fn_name,
                       Tensor *const *operands, int count) {
    int64_t order[MAX_RANK];
    bool moved = node && memory_order(&node->type, operands, count, order);
    Value made = tensor_wrap(ts, node, fn_name);
    if (moved && !is_null(made)) tensor_set_order(as_tensor(made), order);
    return made;
}

LazyNode *storage_in_memory(TensorState *ts, const Storage *storage) {
    LazyNode *node = lazy_ref(lazy_data(storage->value));
    return storage->order ? lazy_permute(ts, node, storage->order) : node;
}

Value tensor_from_buffer(TensorState *ts, Type type, Buffer *buffer) {
    return tensor_wrap(ts, lazy_leaf(ts, type, buffer), NULL);
}

void tensor_dealloc(Obj *self) {
    TensorState *ts = tensor_state(self->cls->vm);
    Tensor *tensor = (Tensor *)(void *)self;
    if (tensor->cache) lazy_unref(ts, tensor->cache);
    view_unref(tensor->view);
    if (tensor->keeper) var_unref(ts, tensor->keeper);
    if (!tensor->var) return;
    if (tensor->var->owner == tensor) tensor->var->owner = NULL;
    var_unref(ts, tensor->var);
}

Value tensor_of_var(TensorState *ts, Var *var) {
    if (var->owner) return NEW_REF(var->owner);
    ViewStep *root = var->root;
    Type type = root ? root->type : var->storage->type;
    var->refs++;
    return FROM_OBJ(tensor_alloc(ts, var, NULL, type));
}

/* Once the storage has its value, what was written to it may be gone: that was computed from the
 * value before, whose memory the new one can have taken over. */
static bool is_cache_valid(const Tensor *tensor) {
    const LazyNode *cache = tensor->cache;
    const Storage *storage = tensor->var->storage;
    if (!cache || tensor->cache_count != storage->changes || tensor->cache_var != tensor->var ||
        cache->requires_grad != tensor_requires_grad(tensor))
        return false;
    return !tensor->cache_written || !lazy_data(storage->value)->value ||
           lazy_data(tensor->cache)->value;
}

LazyNode *tensor_read(TensorState *ts, Tensor *tensor) {
    if (!tensor->view) return var_read(ts, tensor->var);
    if (is_cache_valid(tensor)) return lazy_ref(tensor->cache);
    uint32_t count = tensor->var->storage->changes;
    bool mode = ts->grad_enabled;
    ts->grad_enabled = true; /* the view was made with its variable's history */
    LazyNode *base = var_read(ts, tensor->var);
    LazyNode *node = base ? view_apply(ts, tensor->view, base) : NULL;
    ts->grad_enabled = mode;
    if (!node) return NULL;
    if (node->kind == LAZY_PARAM) return node; /* a cached one would keep its variable alive */
    if (!node->fn_name && node->requires_grad) node->fn_name = tensor->fn_name;
    if (tensor->cache) lazy_unref(ts, tensor->cache);
    tensor->cache = lazy_ref(node);
    tensor->cache_count = count;
    tensor->cache_var = tensor->var;
    tensor->cache_written = false;
    return node;
}

/* The steps of `view` applied after `root`, as one chain (a new reference). */
static ViewStep *view_join(ViewStep *root, ViewStep *view) {
    if (!view) {
        if (root) root->refs++;
        return root;
    }
    ViewStep *copy = xmalloc(sizeof *copy);
    *copy = *view;
    copy->refs = 1;
    copy->parent = view_join(root, view->parent);
    return copy;
}

static Var *var_detached(Tensor *tensor, ViewStep *root) {
    tensor->var->storage->refs++;
    return var_new(tensor->var->storage, root);
}

Value tensor_view_of(TensorState *ts, Tensor *tensor, ViewStep *step, const char *fn_name) {
    if (!step) step = view_reshape(tensor, tensor->type.rank, tensor->type.dim);
    Type type = step->type;
    step->parent = tensor->view;
    if (tensor->view) tensor->view->refs++;
    if (!ts->grad_enabled && tensor_requires_grad(tensor)) {
        ViewStep *root = view_join(tensor->var->root, step);
        view_unref(step);
        Var *var = var_detached(tensor, root);
        var->requires_grad = true; /* as PyTorch has it, although it gets no history */
        return FROM_OBJ(tensor_alloc(ts, var, NULL, type));
    }
    tensor->var->refs++;
    Tensor *view = tensor_alloc(ts, tensor->var, step, type);
    view->fn_name = fn_name;
    return FROM_OBJ(view);
}

void tensor_become(TensorState *ts, Tensor *x, const Tensor *view) {
    Var *old_var = x->var;
    ViewStep *old_view = x->view;
    x->reshaped = view->view && (!old_view || x->reshaped);
    x->var = view->var;
    x->var->refs++;
    x->view = view->view;
    if (x->view) x->view->refs++;
    x->type = view->type;
    x->fn_name = view->fn_name;
    if (x->cache) lazy_unref(ts, x->cache);
    x->cache = NULL;
    view_unref(old_view);
    var_unref(ts, old_var);
}

Value tensor_detach(TensorState *ts, Tensor *tensor) {
    ViewStep *root = view_join(tensor->var->root, tensor->view);
    return FROM_OBJ(tensor_alloc(ts, var_detached(tensor, root), NULL, tensor->type));
}

bool tensor_own_storage(TensorState *ts, Tensor *tensor) {
    Var *var = tensor->var;
    if (!tensor->view && !var->root) return true;
    if (tensor->view && tensor_requires_grad(tensor)) return true;
    LazyNode *node = tensor_read(ts, tensor);
    if (!node) return false;
    Storage *own = storage_new(ts, lazy_ref(lazy_data(node)));
    lazy_unref(ts, node);
    if (tensor->view) {
        Tensor plain = {.var = var_new(own, NULL), .type = tensor->type};
        tensor_become(ts, tensor, &plain);
        var_unref(ts, plain.var);
        return true;
    }
    storage_unref(ts, var->storage);
    view_unref(var->root);
    var->storage = own;
    var->root = NULL;
    if (var->cache) lazy_unref(ts, var->cache);
    var->cache = NULL;
    own->changes = var->param_count + 1; /* a node of the old storage isn't taken for its */
    return true;
}

bool tensor_requires_grad(const Tensor *tensor) {
    return tensor->var->requires_grad || tensor->var->node;
}

bool tensor_is_leaf(const Tensor *tensor) {
    return !tensor_requires_grad(tensor) || (tensor->var->requires_grad && !tensor->view);
}

const char *tensor_fn_name(const Tensor *tensor) {
    if (tensor_is_leaf(tensor)) return NULL;
    const char *name = tensor->view ? tensor->fn_name : tensor->var->fn_name;
    return name ? name : "Backward0";
}

bool tensor_set_requires_grad(TensorState *ts, Tensor *tensor, bool on) {
    if (!tensor_is_leaf(tensor)) {
        if (on) return true;
        vm_raise(ts->vm, EXC_RuntimeError,
                 "you can only change requires_grad flags of leaf variables. If you want to use a "
                 "computed variable in a subgraph that doesn't require differentiation use "
                 "var_no_grad = var.detach().");
        return false;
    }
    if (on && !dtype_is_float(tensor->type.dtype)) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "only Tensors of floating point dtype can require gradients");
        return false;
    }
    if (on && tensor->var->inference && !ts->inference) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                 "allowed.");
        return false;
    }
    if (on && tensor->view) { /* the view becomes a leaf of its own */
        Var *var = var_detached(tensor, view_join(tensor->var->root, tensor->view));
        var_unref(ts, tensor->var);
        view_unref(tensor->view);
        tensor->var = var;
        tensor->view = NULL;
    }
    tensor->var->requires_grad = on;
    tensor->var->owner = tensor;
    return true;
}

Value tensor_created(TensorState *ts, Value made, Value requires_grad) {
    bool on;
    if (is_null(made)) return made;
    bool ok = arg_bool(ts, requires_grad, false, &on);
    if (ok && on && !dtype_is_float(as_tensor(made)->type.dtype)) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Only Tensors of floating point and complex dtype can require gradients");
        ok = false;
    }
    if (ok && (!on || tensor_set_requires_grad(ts, as_tensor(made), true))) return made;
    decref(made);
    return NULL_VALUE;
}

/* ---- writing ---- */

bool tensor_check_leaf(TensorState *ts, const Tensor *tensor) {
    if (tensor->var->inference && !ts->inference) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Inplace update to inference tensor outside InferenceMode is not allowed.You can "
                 "make a clone to get a normal tensor before doing inplace update.See "
                 "https://github.com/pytorch/rfcs/pull/17 for more details.");
        return false;
    }
    if (ts->grad_enabled && tensor->var->requires_grad) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 tensor->view ? "a view of a leaf Variable that requires grad is being used in an "
                                "in-place operation."
                              : "a leaf Variable that requires grad is being used in an in-place "
                                "operation.");
        return false;
    }
    return true;
}

bool tensor_check_inplace(TensorState *ts, Tensor *tensor) {
    if (!tensor_check_leaf(ts, tensor)) return false;
    int64_t strides[MAX_RANK], offset;
    tensor_strides(tensor, strides, &offset);
    for (int i = 0; i < tensor->type.rank; i++) {
        if (strides[i] || tensor->type.dim[i] < 2 || !type_numel(&tensor->type)) continue;
        vm_raise(ts->vm, EXC_RuntimeError,
                 "unsupported operation: more than one element of the written-to tensor refers to "
                 "a single memory location. Please clone() the tensor before performing the "
                 "operation.");
        return false;
    }
    return true;
}

/* Whether the elements fill a range of the storage, each once. */
static bool is_dense(const Tensor *tensor) {
    int64_t strides[MAX_RANK], offset, expected = 1;
    bool used[MAX_RANK] = {0};
    tensor_strides(tensor, strides, &offset);
    for (int left = tensor->type.rank; left > 0; left--) {
        int next = -1;
        for (int i = 0; i < tensor->type.rank; i++)
            if (!used[i] && (tensor->type.dim[i] == 1 || strides[i] == expected)) next = i;
        if (next < 0) return false;
        used[next] = true;
        expected *= tensor->type.dim[next];
    }
    return true;
}

bool tensor_check_overlap(TensorState *ts, const Tensor *to, const Tensor *from) {
    int64_t a[MAX_RANK], b[MAX_RANK], start, other;
    if (to == from || to->var->storage != from->var->storage) return true;
    int64_t count = type_numel(&to->type), other_count = type_numel(&from->type);
    if (count == 0 || other_count == 0 || !is_dense(to) || !is_dense(from)) return true;
    tensor_strides(to, a, &start);
    tensor_strides(from, b, &other);
    if (start == other && count == other_count && to->type.rank == from->type.rank &&
        memcmp(a, b, (size_t)to->type.rank * sizeof *a) == 0)
        return true;
    if (start >= other + other_count || other >= start + count) return true;
    vm_raise(ts->vm, EXC_RuntimeError,
             "unsupported operation: some elements of the input tensor and the written-to tensor "
             "refer to a single memory location. Please clone() the tensor before performing the "
             "operation.");
    return false;
}

/* The var's history after a write: the new value's, or none. */
static void var_set_node(TensorState *ts, Var *var, LazyNode *node, const char *fn_name) {
    if (var->node) {
        if (var->node->retain == var) var->node->retain = NULL;
        lazy_unref(ts, var->node);
    }
    var->node = node;
    if (!node) return;
    var->node_count = var->storage->changes;
    var->fn_name = fn_name;
    if (var->retains_grad) node->retain = var;
}

void tensor_set_history(TensorState *ts, Tensor *tensor, LazyNode *node, const char *fn_name) {
    var_set_node(ts, tensor->var, node, fn_name);
}

bool tensor_settle(TensorState *ts, const Tensor *tensor) {
    Storage *storage = tensor->var->storage;
    LazyNode *data = lazy_data(storage->value);
    if (ts->policy.compiling || !tensor->var->requires_grad || !data->requires_grad) return true;
    if (!need_value(ts, data, "a parameter's value")) return false;
    storage_set(ts, storage, lazy_leaf(ts, data->type, buffer_ref(data->value)));
    return true;
}

/* What a view's grad_fn is after a write through it. */
static const char VIEW_WRITTEN[] = "AsStridedBackward0";

/* Whether PyTorch makes what has a grad_fn of this name a view, be it computed here. */
static bool names_view(const char *fn_name) {
    static const char *const names[] = {"ViewBackward0", "SqueezeBackward1", VIEW_WRITTEN};
    for (size_t i = 0; fn_name && i < sizeof names / sizeof *names; i++)
        if (strcmp(fn_name, names[i]) == 0) return true;
    return false;
}

bool tensor_write(TensorState *ts, Tensor *tensor, LazyNode *node, const char *fn_name) {
    if (!node) return false;
    Var *var = tensor->var;
    Storage *storage = var->storage;
    LazyNode *written = NULL; /* what the view reads from now on */
    LazyNode *value = node;
    if (tensor->view) {
        written = lazy_ref(node);
        LazyNode *base = ts->grad_enabled ? var_read(ts, var) : var_data(ts, var);
        value = base ? view_write(ts, tensor->view, base, node) : NULL;
    }
    LazyNode *stored = value ? lazy_ref(value) : NULL;
    if (stored && var->root) {
        LazyNode *base = without_grad(ts, lazy_ref(storage->value));
        stored = view_write(ts, var->root, base, without_grad(ts, stored));
    }
    if (!stored) {
        if (value) lazy_unref(ts, value);
        if (written) lazy_unref(ts, written);
        return false;
    }
    storage->changes++;
    if (!var->hidden) storage->version->count++;
    storage_set(ts, storage, stored);
    if (value->requires_grad) {
        bool viewed = tensor->view && !tensor->reshaped;
        if (!tensor->view && var->node && names_view(var->fn_name)) fn_name = VIEW_WRITTEN;
        const char *name = tensor->view ? "CopySlices" : fn_name;
        var_set_node(ts, var, lazy_ref(value), name);
        storage->version->fn_name = name;
        if (tensor->view) tensor->fn_name = viewed ? VIEW_WRITTEN : fn_name;
    } else if (ts->grad_enabled && var->node) {
        var_set_node(ts, var, NULL, NULL);
    }
    lazy_unref(ts, value);
    if (written) {
        if (tensor->cache) lazy_unref(ts, tensor->cache);
        tensor->cache = written;
        tensor->cache_count = storage->changes;
        tensor->cache_var = var;
        tensor->cache_written = true;
    }
    return tensor_settle(ts, tensor);
}

/* An operation in place keeps a copy of what it overwrites, where its gradient reads that. */
static void forget_overwritten(const TensorState *ts, LazyNode *node) {
    bool reads_it = node->kind == LAZY_OP && node_reads(ts, node) & 1;
    if (!reads_it || node->saved_count == 0) return;
    if (--node->saved[0].version->refs == 0) free(node->saved[0].version);
    node->saved_count--;
    memmove(node->saved, node->saved + 1, (size_t)node->saved_count * sizeof *node->saved);
}

bool tensor_write_result(TensorState *ts, Tensor *tensor, LazyNode *node, const char *fn_name) {
    Type type = tensor->type;
    if (!node) return false;
    if (dtype_is_float(node->type.dtype) && !dtype_is_float(type.dtype)) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "result type %s can't be cast to the desired output type %s",
                 dtype_long_name(node->type.dtype), dtype_long_name(type.dtype));
        lazy_unref(ts, node);
        return false;
    }
    forget_overwritten(ts, node);
    bool ok = tensor_write(ts, tensor, lazy_cast(ts, lazy_ref(node), type.dtype), fn_name);
    if (ok && node->requires_grad && node->kind == LAZY_OP && node_reads(ts, node) >> 31) {
        save_operand(node, &type, tensor->var->storage->version, true);
        node->saved[node->saved_count - 1].fn_name = fn_name;
    }
    lazy_unref(ts, node);
    return ok;
}

LazyNode *tensor_unnoticed(TensorState *ts, Tensor *tensor, LazyNode *node) {
    if (!node || !tensor_requires_grad(tensor)) return node;
    LazyNode *inputs[2] = {node, tensor_read(ts, tensor)};
    LazyNode *graft = inputs[1] ? lazy_link(ts, LAZY_GRAFT, node->type, inputs, 2) : NULL;
    if (graft) graft->requires_grad = true;
    if (inputs[1]) lazy_unref(ts, inputs[1]);
    lazy_unref(ts, node);
    return graft;
}

/* ---- values ---- */

static void gather_bytes(const Tensor *tensor, const unsigned char *from, unsigned char *to) {
    int64_t strides[MAX_RANK], offset, index[MAX_RANK] = {0};
    tensor_strides(tensor, strides, &offset);
    size_t size = dtype_size(tensor->type.dtype);
    int rank = tensor->type.rank;
    int64_t count = type_numel(&tensor->type);
    for (int64_t n = 0; n < count; n++) {
        memcpy(to, from + (size_t)offset * size, size);
        to += size;
        for (int d = rank; d-- > 0;) {
            offset += strides[d];
            if (++index[d] < tensor->type.dim[d]) break;
            offset -= strides[d] * index[d];
            index[d] = 0;
        }
    }
}

Buffer *tensor_buffer(TensorState *ts, Tensor *tensor, const char *what) {
    bool whole = !tensor->view && !tensor->var->root;
    const Storage *storage = tensor->var->storage;
    LazyNode *node = whole ? lazy_ref(lazy_data(storage->value)) : storage_in_memory(ts, storage);
    Buffer *buffer = NULL;
    if (node && need_value(ts, node, what)) {
        if (whole) {
            buffer = buffer_ref(node->value);
        } else {
            buffer = buffer_new(ts, type_bytes(&tensor->type));
            gather_bytes(tensor, node->value->bytes, buffer->bytes);
        }
    }
    if (node) lazy_unref(ts, node);
    return buffer;
}

bool need_value(TensorState *ts, LazyNode *node, const char *what) {
    return node->value || ts->policy.need_value(ts, node, what);
}

bool value_to_check(TensorState *ts, LazyNode *node, const LazyNode **known) {
    LazyNode *data = lazy_data(node);
    if (!data->value && !ts->policy.compiling && vm_in_try(ts->vm) &&
        !need_value(ts, data, "an index"))
        return false;
    *known = data->value ? data : NULL;
    return true;
}

const char *fn_name_intern(TensorState *ts, const char *name) {
    return vm_intern_text(ts->vm, name)->data;
}
