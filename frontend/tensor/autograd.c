/* Reverse mode over the recorded history: extract it as an IR graph, let the autodiff pass append
 * the gradients, and record what it appended.
 *
 * Calls of an autograd.Function (and values whose data and history differ) cut the history into
 * levels: a level's gradients are complete before the functions at its edge run. So do tensors with
 * hooks, which see the whole gradient. A node's level is the largest number of cuts on a path from
 * the outputs to it. */
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/script.h"
#include "passes/pass.h"

typedef struct Walk {
    TensorState *ts;
    const BackwardCall *call;
    LazyNodeVec nodes; /* with history, newest first; slot is the index here */
    VEC(int) level;
    VEC(LazyNode *) grad; /* accumulated so far, owned; NULL: none */
    int levels;
    uint32_t mark;
} Walk;

static bool is_cut(const LazyNode *node) {
    return node->kind == LAZY_GRAFT || node->kind == LAZY_FUNCTION_OUT;
}

static bool is_source(const LazyNode *node) {
    return node->kind == LAZY_PARAM;
}

/* The hooks (a dict) that get the node's gradient before it goes on; or NULL. */
static Dict *hooks_of(const LazyNode *node) {
    Value hooks = is_source(node) ? node->var->hooks : node->payload;
    return is_dict(hooks) && as_dict(hooks)->count ? as_dict(hooks) : NULL;
}

/* The nodes that a node passes its gradient to. */
static int history_inputs(LazyNode *node, LazyNode ***inputs) {
    if (node->kind == LAZY_GRAFT) {
        *inputs = node->inputs + 1;
        return 1;
    }
    if (node->kind == LAZY_FUNCTION_OUT) {
        *inputs = node->inputs[1]->inputs;
        return node->inputs[1]->inputs ? node->inputs[1]->input_count : 0;
    }
    *inputs = node->inputs;
    return node->kind == LAZY_OP && node->inputs ? node->input_count : 0;
}

/* ---- errors ---- */

static bool second_time(TensorState *ts) {
    vm_raise(ts->vm, EXC_RuntimeError,
             "Trying to backward through the graph a second time (or directly access saved tensors "
             "after they have already been freed). Saved intermediate values of the graph are "
             "freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you "
             "need to backward through the graph a second time or if you need to access saved "
             "tensors after calling backward.");
    return false;
}

static bool check_saved(TensorState *ts, const LazyNode *node) {
    for (int i = 0; i < node->saved_count; i++) {
        const SavedOperand *saved = &node->saved[i];
        if (saved->version->count == saved->count) continue;
        Buf text = {0};
        const char *name = saved->fn_name ? saved->fn_name : saved->version->fn_name;
        shape_text(&text, saved->type.dim, saved->type.rank);
        buf_putc(&text, ']');
        if (name) buf_printf(&text, ", which is output 0 of %.*s,", (int)strcspn(name, "B"), name);
        vm_raise(ts->vm, EXC_RuntimeError,
                 "one of the variables needed for gradient computation has been modified by an "
                 "inplace operation: [torch.%sTensor %s is at version %u; expected version %u "
                 "instead. Hint: enable anomaly detection to find the operation that failed to "
                 "compute its gradient, with torch.autograd.set_detect_anomaly(True, "
                 "check_nan=False).",
                 dtype_long_name(saved->type.dtype), buf_text(&text), saved->version->count,
                 saved->count);
        buf_free(&text);
        return false;
    }
    return true;
}

static bool check_node(TensorState *ts, const LazyNode *node) {
    if (node->kind == LAZY_OP) {
        bool lost = node->freed && (!node->inputs || ts->grad_reads[node->op] != 0);
        if (lost) return second_time(ts);
        return check_saved(ts, node);
    }
    if (node->kind == LAZY_FUNCTION_OUT && node->inputs[1]->freed) return second_time(ts);
    return true;
}

/* ---- collecting ---- */

static int newest_first(const void *a, const void *b) {
    const LazyNode *x = *(LazyNode *const *)a, *y = *(LazyNode *const *)b;
    return x->serial > y->serial ? -1 : x->serial < y->serial;
}

static bool in_walk(const Walk *walk, const LazyNode *node) {
    return node->mark == walk->mark;
}

/* Numbers the nodes, again after the program's own code ran: an evaluation marks them too. */
static void mark_nodes(Walk *walk) {
    walk->mark = lazy_new_mark(walk->ts);
    for (size_t i = 0; i < walk->nodes.count; i++) {
        walk->nodes.items[i]->mark = walk->mark;
        walk->nodes.items[i]->slot = (uint32_t)i;
    }
}

static bool is_wanted(const BackwardCall *call, const LazyNode *node) {
    for (int k = 0; k < call->wrt_count; k++)
        if (call->wrt[k] == node) return true;
    return false;
}

/* Nodes that hand a gradient on must have what they saved; newest first, as they will run. */
static bool check_nodes(Walk *walk) {
    size_t count = walk->nodes.count;
    bool *runs = xcalloc(count + 1, sizeof *runs), ok = true;
    for (size_t i = count; i-- > 0;) {
        LazyNode **inputs, *node = walk->nodes.items[i];
        int input_count = history_inputs(node, &inputs);
        /* Without wishes all gradients are; what is freed doesn't tell where it led. */
        runs[i] = walk->call->wrt_count == 0 || node->freed;
        for (int k = 0; k < input_count && !runs[i]; k++)
            runs[i] = in_walk(walk, inputs[k]) &&
                      (runs[inputs[k]->slot] || is_wanted(walk->call, inputs[k]));
    }
    for (size_t i = 0; ok && i < count; i++)
        ok = !runs[i] || check_node(walk->ts, walk->nodes.items[i]);
    free(runs);
    return ok;
}

static bool collect(Walk *walk) {
    LazyNodeVec work = {0};
    walk->mark = lazy_new_mark(walk->ts);
    for (int i = 0; i < walk->call->output_count; i++)
        VEC_PUSH(work, walk->call->outputs[i]);
    while (work.count) {
        LazyNode *node = work.items[--work.count], **inputs;
        if (in_walk(walk, node) || !node->requires_grad) continue;
        node->mark = walk->mark;
        VEC_PUSH(walk->nodes, lazy_ref(node));
        int count = history_inputs(node, &inputs);
        for (int i = 0; i < count; i++)
            VEC_PUSH(work, inputs[i]);
    }
    VEC_FREE(work);
    if (walk->nodes.count)
        qsort(walk->nodes.items, walk->nodes.count, sizeof *walk->nodes.items, newest_first);
    mark_nodes(walk);
    for (size_t i = 0; i < walk->nodes.count; i++) {
        VEC_PUSH(walk->level, 0);
        VEC_PUSH(walk->grad, NULL);
    }
    return check_nodes(walk);
}

/* An input is older than its user, so one pass from the newest on settles the levels. All results
 * of a function share the largest of theirs. */
static void assign_levels(Walk *walk) {
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < walk->nodes.count; i++) {
            LazyNode *node = walk->nodes.items[i], **inputs;
            int after = walk->level.items[i] + is_cut(node);
            if (after + 1 > walk->levels) walk->levels = after + 1;
            int count = history_inputs(node, &inputs);
            for (int k = 0; k < count; k++) {
                if (!in_walk(walk, inputs[k])) continue;
                int *below = &walk->level.items[inputs[k]->slot];
                int level = after + (hooks_of(inputs[k]) != NULL);
                if (*below < level) *below = level;
            }
        }
        for (size_t i = 0; i < walk->nodes.count; i++) {
            LazyNode *a = walk->nodes.items[i];
            if (a->kind != LAZY_FUNCTION_OUT) continue;
            for (size_t j = i + 1; j < walk->nodes.count; j++) {
                LazyNode *b = walk->nodes.items[j];
                if (b->kind != LAZY_FUNCTION_OUT || b->inputs[1] != a->inputs[1]) continue;
                int *x = &walk->level.items[i], *y = &walk->level.items[j];
                if (*x == *y) continue;
                *x = *y = *x > *y ? *x : *y;
                changed = true;
            }
        }
    }
}

/* Adds a gradient (consumed) to what a node has got. */
static void accumulate(Walk *walk, LazyNode *node, LazyNode *grad) {
    LazyNode **slot = &walk->grad.items[node->slot];
    *slot = *slot ? lazy_binary(walk->ts, OP_add, *slot, grad) : grad;
}

/* ---- one level as a graph ---- */

typedef struct Level {
    Arena arena;
    Graph *graph;
    LazyNodeVec lazies; /* by IR node id: borrowed; NULL for none */
    VEC(Node *) outputs;
    VEC(Node *) seeds;
    VEC(Node *) wrt;
    LazyNodeVec wrt_nodes;
} Level;

static void remember(Level *level, const Node *node, LazyNode *lazy) {
    while (level->lazies.count <= node->id)
        VEC_PUSH(level->lazies, NULL);
    if (!level->lazies.items[node->id]) level->lazies.items[node->id] = lazy;
}

static Node *level_input(Level *level, LazyNode *lazy) {
    Graph *graph = level->graph;
    Node *node = graph_input(graph, "x", lazy->type, ROLE_DATA, (int)graph->inputs.count);
    node->span = lazy->span;
    remember(level, node, lazy);
    return node;
}

static Node *constant_node(Level *level, LazyNode *lazy) {
    Node *input = lazy->input_count ? constant_node(level, lazy->inputs[0]) : NULL;
    Node *node = lazy_to_node(level->graph, lazy, &input);
    remember(level, node, lazy);
    return node;
}

static Node *operand(const Walk *walk, Level *level, Node **made, LazyNode *in) {
    if (in_walk(walk, in)) {
        if (made[in->slot]) return made[in->slot];
        Node *node = level_input(level, in); /* of a later level, or a source */
        made[in->slot] = node;
        VEC_PUSH(level->wrt, node);
        VEC_PUSH(level->wrt_nodes, in);
        return node;
    }
    return lazy_is_number(in) ? constant_node(level, in) : level_input(level, in);
}

static bool belongs(const Walk *walk, size_t i, int number) {
    const LazyNode *node = walk->nodes.items[i];
    return walk->level.items[i] == number && node->kind == LAZY_OP;
}

/* Copies the level's ops; operands without history, and those of later levels, become inputs. */
static void build_level(Walk *walk, Level *level, int number, Node **made) {
    level->graph = graph_new(&level->arena, "history");
    for (size_t i = walk->nodes.count; i-- > 0;) { /* oldest first */
        LazyNode *node = walk->nodes.items[i];
        if (!belongs(walk, i, number)) continue;
        Node *few[8], **inputs = few;
        if (node->input_count > 8)
            inputs = ARENA_ARRAY(&level->arena, Node *, (size_t)node->input_count);
        for (int k = 0; k < node->input_count; k++)
            inputs[k] = operand(walk, level, made, node->inputs[k]);
        made[i] = lazy_to_node(level->graph, node, inputs);
        remember(level, made[i], node);
    }
    for (size_t i = 0; i < walk->nodes.count; i++) {
        LazyNode *seed = walk->grad.items[i];
        if (!belongs(walk, i, number) || !seed) continue;
        VEC_PUSH(level->outputs, made[i]);
        VEC_PUSH(level->seeds,
                 lazy_is_number(seed) ? constant_node(level, seed) : level_input(level, seed));
    }
    /* Gradients that someone asked for inside the level. */
    for (size_t i = 0; i < walk->nodes.count; i++) {
        LazyNode *node = walk->nodes.items[i];
        bool asked = node->retain != NULL || is_wanted(walk->call, node);
        if (!asked || !belongs(walk, i, number) || walk->grad.items[i]) continue;
        VEC_PUSH(level->wrt, made[i]);
        VEC_PUSH(level->wrt_nodes, node);
    }
}

/* Records the appended node `top` and what it needs; a new reference. */
static LazyNode *import(TensorState *ts, Level *level, LazyNodeVec *owned, const Node *top) {
    const Graph *graph = level->graph;
    bool *needed = ARENA_ARRAY(&level->arena, bool, graph->nodes.count);
    while (level->lazies.count < graph->nodes.count)
        VEC_PUSH(level->lazies, NULL);
    needed[top->id] = true;
    for (uint32_t id = top->id + 1; id-- > 0;) {
        if (!needed[id] || level->lazies.items[id]) continue;
        const Node *node = graph->nodes.items[id];
        for (int k = 0; k < node->input_count; k++)
            needed[node->inputs[k]->id] = true;
    }
    for (uint32_t id = 0; id <= top->id; id++) {
        if (!needed[id] || level->lazies.items[id]) continue;
        const Node *node = graph->nodes.items[id];
        LazyNode *few[8], **inputs = few;
        if (node->input_count > 8)
            inputs = ARENA_ARRAY(&level->arena, LazyNode *, (size_t)node->input_count);
        for (int k = 0; k < node->input_count; k++)
            inputs[k] = level->lazies.items[node->inputs[k]->id];
        LazyNode *made =
            lazy_op(ts, node->op, inputs, node->input_count, node->attrs, node->attr_count);
        NNC_CHECK(made, "a gradient can't be recorded");
        made->span = node->span;
        if (node->name) made->name = fn_name_intern(ts, node->name);
        level->lazies.items[id] = made;
        VEC_PUSH(*owned, made);
    }
    return lazy_ref(level->lazies.items[top->id]);
}

static void level_free(TensorState *ts, Level *level, LazyNodeVec *owned) {
    for (size_t i = 0; i < owned->count; i++)
        lazy_unref(ts, owned->items[i]);
    VEC_FREE(*owned);
    VEC_FREE(level->lazies);
    VEC_FREE(level->outputs);
    VEC_FREE(level->seeds);
    VEC_FREE(level->wrt);
    VEC_FREE(level->wrt_nodes);
    if (level->graph) graph_free(level->graph);
    arena_free(&level->arena);
}

static bool run_level(Walk *walk, int number) {
    TensorState *ts = walk->ts;
    Level level = {0};
    LazyNodeVec owned = {0};
    Node **made = xcalloc(walk->nodes.count + 1, sizeof *made);
    build_level(walk, &level, number, made);
    free(made);
    bool ok = true;
    if (level.outputs.count && level.wrt.count) {
        Buf error = {0};
        Node **grads = ARENA_ARRAY(&level.arena, Node *, level.wrt.count);
        ok = autodiff(level.graph, level.outputs.items, level.seeds.items, (int)level.outputs.count,
                      level.wrt.items, (int)level.wrt.count, NULL, grads, &error);
        if (!ok) vm_raise(ts->vm, EXC_RuntimeError, "%s", buf_text(&error));
        buf_free(&error);
        for (size_t i = 0; ok && i < level.wrt.count; i++) {
            LazyNode *node = level.wrt_nodes.items[i];
            LazyNode *grad =
                grads[i] ? import(ts, &level, &owned, grads[i]) : lazy_zeros(ts, node->type);
            /* It may be a node of the forward: the gradient of ones * x by ones is x. */
            accumulate(walk, node, ts->grad_enabled ? grad : without_grad(ts, grad));
        }
    }
    level_free(ts, &level, &owned);
    return ok;
}

/* ---- cuts ---- */

static bool run_function(Walk *walk, LazyNode *function, int number) {
    TensorState *ts = walk->ts;
    LazyNode **grads = xcalloc((size_t)function->index + 1, sizeof *grads);
    LazyNode **outputs = xcalloc((size_t)function->index + 1, sizeof *outputs);
    LazyNode **results = xcalloc((size_t)function->input_count + 1, sizeof *results);
    for (size_t i = 0; i < walk->nodes.count; i++) {
        LazyNode *node = walk->nodes.items[i];
        if (node->kind == LAZY_FUNCTION_OUT && node->inputs[1] == function &&
            walk->level.items[i] == number) {
            grads[node->index] = walk->grad.items[i];
            outputs[node->index] = node;
        }
    }
    bool ok = function_backward(ts, function, outputs, grads, function->index, results);
    free(outputs);
    mark_nodes(walk);
    for (int k = 0; k < function->input_count; k++) {
        if (!results[k]) continue;
        if (ok && in_walk(walk, function->inputs[k]))
            accumulate(walk, function->inputs[k], results[k]);
        else
            lazy_unref(ts, results[k]);
    }
    free(grads);
    free(results);
    return ok;
}

/* ---- hooks ---- */

static LazyNode *hook_result(TensorState *ts, Value hook, Value result, const LazyNode *grad) {
    Tensor *x;
    if (!arg_tensor(ts, result, "hook", &x)) return NULL;
    if (type_same_shape(&x->type, &grad->type))
        return lazy_cast(ts, tensor_read(ts, x), grad->type.dtype);
    Value name = vm_getattr_text(ts->vm, hook, "__name__");
    if (vm_failed(ts->vm)) decref(vm_take_raised(ts->vm));
    vm_raise(ts->vm, EXC_RuntimeError, "hook '%s' has changed the size of value",
             is_str(name) ? as_str(name)->data : "unknown");
    if (!is_null(name)) decref(name);
    return NULL;
}

/* Calls the hooks in turn with the gradient (consumed); what one returns replaces it. NULL: raised.
 */
static LazyNode *call_hooks(TensorState *ts, Dict *hooks, LazyNode *grad) {
    size_t pos = 0;
    Value key, hook;
    while (grad && dict_next(hooks, &pos, &key, &hook)) {
        Value arg = tensor_wrap(ts, lazy_ref(grad), "MulBackward0");
        Value held = incref(hook);
        Value result = is_null(arg) ? arg : vm_call1(ts->vm, held, arg);
        LazyNode *changed = lazy_ref(grad);
        if (is_null(result) || !is_none(result)) {
            lazy_unref(ts, changed);
            changed = is_null(result) ? NULL : hook_result(ts, held, result, grad);
        }
        if (!is_null(arg)) decref(arg);
        if (!is_null(result)) decref(result);
        decref(held);
        lazy_unref(ts, grad);
        grad = changed;
    }
    return grad;
}

static bool run_hooks(Walk *walk, int number) {
    for (size_t i = 0; i < walk->nodes.count; i++) {
        Dict *hooks = hooks_of(walk->nodes.items[i]);
        if (!hooks || walk->level.items[i] != number || !walk->grad.items[i]) continue;
        walk->grad.items[i] = call_hooks(walk->ts, hooks, walk->grad.items[i]);
        mark_nodes(walk);
        if (!walk->grad.items[i]) return false;
    }
    return true;
}

/* Passes gradients through the cuts of this level to the next ones. */
static bool run_cuts(Walk *walk, int number) {
    for (size_t i = 0; i < walk->nodes.count; i++) {
        LazyNode *node = walk->nodes.items[i];
        if (walk->level.items[i] != number || !walk->grad.items[i]) continue;
        if (node->kind == LAZY_GRAFT) {
            accumulate(walk, node->inputs[1], lazy_ref(walk->grad.items[i]));
        } else if (node->kind == LAZY_FUNCTION_OUT) {
            bool first = true; /* the function runs once, for all of its outputs */
            for (size_t j = 0; j < i; j++)
                first = first && !(walk->nodes.items[j]->kind == LAZY_FUNCTION_OUT &&
                                   walk->nodes.items[j]->inputs[1] == node->inputs[1] &&
                                   walk->grad.items[j]);
            if (first && !run_function(walk, node->inputs[1], number)) return false;
        }
    }
    return true;
}

/* ---- results ---- */

/* Adds to .grad: in place where the gradient itself has no history. */
static bool add_to_grad(TensorState *ts, Var *var, LazyNode *grad) {
    if (is_none(var->grad)) {
        var->grad = tensor_wrap(ts, lazy_ref(grad), "CloneBackward0");
        if (is_null(var->grad)) return false;
        const Storage *storage = var->storage; /* none: it keeps a view's gradient */
        if (storage && storage->order) tensor_set_order(as_tensor(var->grad), storage->order);
        return true;
    }
    Tensor *old = as_tensor(var->grad);
    LazyNode *sum = lazy_binary(ts, OP_add, tensor_read(ts, old), lazy_ref(grad));
    if (!sum) return false;
    if (!sum->requires_grad) return tensor_write(ts, old, sum, NULL);
    decref(var->grad);
    var->grad = tensor_wrap(ts, sum, "AddBackward0");
    return true;
}

/* The hooks that see the leaf once its .grad is complete. */
static bool call_after_hooks(TensorState *ts, Var *var) {
    if (!is_dict(var->after_hooks)) return true;
    size_t pos = 0;
    Value key, hook, hooks = incref(var->after_hooks);
    bool ok = true;
    while (ok && dict_next(as_dict(hooks), &pos, &key, &hook)) {
        Value leaf = tensor_of_var(ts, var);
        Value result = vm_call1(ts->vm, hook, leaf);
        decref(leaf);
        ok = !is_null(result);
        if (ok) decref(result);
    }
    decref(hooks);
    return ok;
}

static bool deliver(Walk *walk) {
    const BackwardCall *call = walk->call;
    for (size_t i = walk->nodes.count; i-- > 0;) {
        LazyNode *node = walk->nodes.items[i], *grad = walk->grad.items[i];
        if (!grad) continue;
        Var *var = is_source(node) ? node->var : node->retain;
        if (call->wrt && (call->results || !is_wanted(call, node))) var = NULL;
        if (var && !add_to_grad(walk->ts, var, grad)) return false;
        if (var && is_source(node) && !call_after_hooks(walk->ts, var)) return false;
    }
    for (int k = 0; call->results && k < call->wrt_count; k++) {
        LazyNode *node = call->wrt[k];
        LazyNode *grad = in_walk(walk, node) ? walk->grad.items[node->slot] : NULL;
        call->results[k] = grad ? lazy_ref(grad) : NULL;
    }
    return true;
}

static void release_history(Walk *walk) {
    TensorState *ts = walk->ts;
    for (size_t i = 0; i < walk->nodes.count; i++) {
        LazyNode *node = walk->nodes.items[i];
        if (node->kind == LAZY_FUNCTION_OUT) {
            node->inputs[1]->freed = true;
            decref(node->inputs[1]->payload);
            node->inputs[1]->payload = NONE;
        }
        if (node->kind != LAZY_OP || node->freed) continue;
        node->freed = true;
        if (ts->grad_reads[node->op] == 0) continue;
        VEC_PUSH(ts->freed, lazy_ref(node));
    }
}

static void walk_free(Walk *walk) {
    for (size_t i = 0; i < walk->nodes.count; i++) {
        if (i < walk->grad.count && walk->grad.items[i]) lazy_unref(walk->ts, walk->grad.items[i]);
        lazy_unref(walk->ts, walk->nodes.items[i]);
    }
    VEC_FREE(walk->nodes);
    VEC_FREE(walk->level);
    VEC_FREE(walk->grad);
}

bool autograd_run(TensorState *ts, const BackwardCall *call) {
    Walk walk = {.ts = ts, .call = call};
    bool mode = ts->grad_enabled;
    bool ok = collect(&walk);
    if (ok) {
        ts->grad_enabled = call->create;
        assign_levels(&walk);
        for (int i = 0; i < call->output_count; i++)
            accumulate(&walk, call->outputs[i], lazy_ref(call->seeds[i]));
        for (int n = 0; ok && n < walk.levels; n++)
            ok = run_hooks(&walk, n) && run_level(&walk, n) && run_cuts(&walk, n);
        ok = ok && deliver(&walk);
        ts->grad_enabled = mode;
        if (ok && !call->retain) release_history(&walk);
    }
    walk_free(&walk);
    return ok;
}
