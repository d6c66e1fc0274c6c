/* `nnc x.nn -o ...`: from an evaluated program to a Program. The train step is what was recorded up
 * to the end of the first optimizer step; forward is traced again, in eval mode, with inputs like
 * those of the first call; the initial weights are what the placeholders replaced. */
#include <stdlib.h>
#include <string.h>

#include "frontend/bytecode.h"
#include "frontend/tensor/trace_compile.h"
#include "frontend/vm_internal.h"

typedef VEC(TraceOutput) Outputs;
typedef VEC(Type) Types;

/* ---- results ---- */

/* "output" -> "output1", "output1" -> "output1_0". */
static const char *part_name(const TraceCompile *c, const char *name, size_t number) {
    size_t size = strlen(name);
    bool digit = size && name[size - 1] >= '0' && name[size - 1] <= '9';
    return arena_printf(c->arena, "%s%s%zu", name, digit ? "_" : "", number);
}

/* Collects the tensors of forward's result with their names. */
static bool collect_outputs(TraceCompile *c, Value v, const char *name, Outputs *out) {
    TensorState *ts = c->ts;
    const Value *items;
    size_t count, pos = 0;
    Value key, value;
    if (is_tensor(ts, v)) {
        LazyNode *node = tensor_read(ts, as_tensor(v));
        if (node) VEC_PUSH(*out, (TraceOutput){node, arena_strdup(c->arena, name), -1});
        return node != NULL;
    }
    if (is_dict(v)) {
        while (dict_next(as_dict(v), &pos, &key, &value))
            if (!collect_outputs(c, value, is_str(key) ? as_str(key)->data : name, out))
                return false;
        return true;
    }
    if (!vm_items(v, &items, &count)) return true; /* numbers and None are not results */
    for (size_t i = 0; i < count; i++)
        if (!collect_outputs(c, items[i], part_name(c, name, i), out)) return false;
    return true;
}

static void outputs_free(TensorState *ts, Outputs *outputs) {
    for (size_t i = 0; i < outputs->count; i++)
        if (outputs->items[i].node) lazy_unref(ts, outputs->items[i].node);
    VEC_FREE(*outputs);
}

static void add_function(TraceCompile *c, FunctionKind kind, const char *name,
                         const Outputs *outputs, TraceGraph *job) {
    trace_graph(c->ts, job, c->arena, name, outputs->items, (int)outputs->count);
    if (job->unknown.file) {
        report(c->sources, SEVERITY_ERROR, job->unknown, UNKNOWN_NUMBER);
        c->failed = true;
    }
    VEC_PUSH(c->program->functions, (ProgramFunction){kind, job->graph, 0});
}

/* ---- the functions ---- */

static bool set_mode(TraceCompile *c, const char *method) {
    trace_rebind(c->ts);
    Value made = vm_call_method(c->ts->vm, c->ts->trace->module, method, NULL, 0);
    if (is_null(made)) return false;
    decref(made);
    return true;
}

/* Results of a smaller batch lie at the start of those of a larger one, which the caller has. */
static bool check_batch(TraceCompile *c, const Outputs *outputs, int64_t before, int64_t batch) {
    const Program *p = c->program;
    Buf text = {0};
    bool ok = outputs->count == p->outputs.count;
    if (!ok) buf_printf(&text, "it returns %zu and %zu tensors", p->outputs.count, outputs->count);
    for (size_t i = 0; ok && i < outputs->count; i++) {
        const Type *old = &p->outputs.items[i].type;
        const Type *new = &lazy_data(outputs->items[i].node)->type;
        ok = old->dtype == new->dtype && old->rank == new->rank;
        for (int d = 0; ok && d < old->rank; d++)
            ok = old->dim[d] == new->dim[d] ||
                 (d == 0 && old->dim[0] / before * batch == new->dim[0] &&
                  old->dim[0] % before == 0);
        if (ok) continue;
        buf_printf(&text, "`%s` is ", p->outputs.items[i].name);
        type_print(&text, old);
        buf_puts(&text, " and ");
        type_print(&text, new);
    }
    if (!ok) {
        report(c->sources, SEVERITY_ERROR, trace_forward_span(c),
               "--batch: forward doesn't keep the batch in the first dimension of its results: "
               "for batches of %lld and %lld, %s",
               (long long)before, (long long)batch, buf_text(&text));
        report(c->sources, SEVERITY_HINT, (Span){0},
               "compile it for one batch at a time: --batch=%lld", (long long)batch);
    }
    buf_free(&text);
    return ok;
}

static bool take_fields(TraceCompile *c, const Outputs *outputs) {
    const Trace *t = c->ts->trace;
    Program *p = c->program;
    p->outputs.count = p->inputs.count = 0; /* those of the batch before */
    for (size_t i = 0; i < outputs->count; i++)
        VEC_PUSH(p->outputs,
                 (ProgramField){outputs->items[i].name, lazy_data(outputs->items[i].node)->type});
    for (size_t i = 0; i < t->call_inputs.count; i++) {
        const TraceInput *input = &t->inputs.items[t->call_inputs.items[i]];
        VEC_PUSH(p->inputs, (ProgramField){arena_strdup(c->arena, input->name), input->node->type});
    }
    if (t->batch == 0 || t->own_batch > 0) return true;
    report(c->sources, SEVERITY_ERROR, trace_forward_span(c),
           "--batch=%lld: forward takes no tensor with a first dimension to be the batch",
           (long long)t->batch);
    report(c->sources, SEVERITY_HINT, (Span){0},
           "let forward take several items at once, as in x: f32[N,4]");
    return false;
}

/* Forward is a function of its arguments and the weights, which it leaves as they are. */
static void warn_of_changes(TraceCompile *c) {
    const Trace *t = c->ts->trace;
    for (size_t i = 0; i < t->params.count + t->buffers.count; i++) {
        const TracedEntry *entry =
            i < t->params.count ? &t->params.items[i] : &t->buffers.items[i - t->params.count];
        const LazyNode *given = t->inputs.items[entry->input].node;
        if (entry->tied_to >= 0 || lazy_data(entry->storage->value) == given) continue;
        report(c->sources, SEVERITY_WARNING, trace_forward_span(c),
               "forward changes '%s': the compiled forward leaves it as it is", entry->key);
    }
}

/* A draw of the graph, or NULL. */
static const Node *random_draw(const Graph *graph) {
    for (size_t i = 0; i < graph->nodes.count; i++)
        if (op_info(graph->nodes.items[i]->op)->traits & TRAIT_RANDOM) return graph->nodes.items[i];
    return NULL;
}

/* Forward has no key to draw from. Training can do without forward: it is left out then. */
static bool drop_random_forward(TraceCompile *c) {
    ProgramFunction *last = &c->program->functions.items[c->program->functions.count - 1];
    const Node *draw = random_draw(last->graph);
    if (!draw) return true;
    bool trains = c->ts->trace->stepped;
    report(c->sources, trains ? SEVERITY_WARNING : SEVERITY_ERROR, draw->span,
           "forward draws random numbers, and a compiled network has none to draw%s",
           trains ? ": only the train step is compiled" : "");
    report(c->sources, SEVERITY_HINT, (Span){0},
           "draw them only `if self.training`, or let forward take them as an argument");
    if (!trains) return false;
    graph_free(last->graph);
    c->program->functions.count--;
    return true;
}

static bool make_forward(TraceCompile *c, int64_t before, bool several) {
    TensorState *ts = c->ts;
    int64_t batch = ts->trace->batch;
    bool mode = ts->grad_enabled;
    if (!set_mode(c, "eval")) return false;
    ts->grad_enabled = false;
    Value result = trace_call_forward(c);
    ts->grad_enabled = mode;
    if (is_null(result)) return false;
    Outputs outputs = {0};
    TraceGraph job = {0};
    bool ok = collect_outputs(c, result, "output", &outputs);
    if (ok && outputs.count == 0) {
        report(c->sources, SEVERITY_ERROR, trace_forward_span(c),
               "forward returns no tensor: what it returns is %s", vm_class_name(ts->vm, result));
        report(c->sources, SEVERITY_HINT, (Span){0},
               "return the tensors themselves, without .item() or .tolist()");
        ok = false;
    }
    decref(result);
    if (before == 0) warn_of_changes(c);
    ok = ok && (before == 0 || check_batch(c, &outputs, before, batch)) && take_fields(c, &outputs);
    const char *name = "forward";
    if (several) name = arena_printf(c->arena, "forward_b%lld", (long long)batch);
    if (ok) {
        add_function(c, FUNCTION_FORWARD, name, &outputs, &job);
        if (several) c->program->functions.items[c->program->functions.count - 1].batch = batch;
        ok = drop_random_forward(c);
    }
    outputs_free(ts, &outputs);
    return ok;
}

/* Forward for the program's own batch, or for each that was asked for, smaller ones first: the
 * structs are those of the largest. */
static bool make_forwards(TraceCompile *c) {
    const FrontendOptions *options = c->options;
    Trace *t = c->ts->trace;
    if (options->batch_count == 0) return make_forward(c, 0, false);
    for (int i = 0; i < options->batch_count; i++) {
        t->batch = options->batches[i];
        if (!make_forward(c, i ? options->batches[i - 1] : 0, options->batch_count > 1))
            return false;
    }
    c->program->batch = t->batch;
    return true;
}

static void add_update(TensorState *ts, Outputs *outputs, Storage *storage, int input,
                       const char *key) {
    const TraceInput *before = &ts->trace->inputs.items[input];
    const LazyNode *value = lazy_data(storage->value);
    if (value == before->node || (before->given && value == lazy_data(before->given))) return;
    VEC_PUSH(*outputs, (TraceOutput){lazy_ref(storage->value), key, input});
}

static bool call_reached(const TraceCall *call, const LazyNodeVec *leaves) {
    for (size_t i = 0; i < leaves->count; i++) {
        const LazyNode *leaf = leaves->items[i];
        bool placeholder = leaf->kind == LAZY_PLACEHOLDER && !leaf->value;
        if (placeholder && leaf->index >= call->first && leaf->index < call->first + call->count)
            return true;
    }
    return false;
}

/* The step's placeholder that got the value, or -1. */
static int step_input(const Trace *t, LazyNode *given) {
    for (size_t i = 0; i < t->inputs.count; i++) {
        const TraceInput *input = &t->inputs.items[i];
        if (input->given && input->slot >= 0 && lazy_data(input->given) == lazy_data(given))
            return (int)i;
    }
    return -1;
}

static bool is_own_storage(const Trace *t, const Storage *storage) {
    for (size_t i = 0; i < t->params.count; i++)
        if (t->params.items[i].storage == storage) return true;
    return false;
}

/* The placeholders, constants and data that the outputs hang on. */
static LazyNodeVec reached(TensorState *ts, const Outputs *outputs) {
    LazyNodeVec targets = {0}, ops = {0}, leaves = {0};
    for (size_t i = 0; i < outputs->count; i++)
        VEC_PUSH(targets, outputs->items[i].node);
    lazy_reachable(ts, targets.items, targets.count, NULL, NULL, &ops, &leaves);
    VEC_FREE(targets);
    VEC_FREE(ops);
    return leaves;
}

/* The step begins with the first call that its loss or a parameter hangs on. Calls before that, to
 * look at the network, only left their mark in buffers, as the step finds them. */
static void begin_step(TensorState *ts, const Outputs *outputs, TraceGraph *job) {
    Trace *t = ts->trace;
    LazyNodeVec leaves = reached(ts, outputs);
    size_t first = 0;
    while (first < t->calls.count && !call_reached(&t->calls.items[first], &leaves))
        first++;
    VEC_FREE(leaves);
    if (first == t->calls.count) return;
    const TraceCall *call = &t->calls.items[first];
    job->data_before = call->serial;
    for (size_t i = 0; i < t->buffers.count; i++) {
        TraceInput *input = &t->inputs.items[t->buffers.items[i].input];
        LazyNode *value = call->buffers[i];
        if (lazy_data(value) == input->node || step_input(t, value) >= 0) continue;
        input->given = lazy_ref(value);
    }
}

/* Which placeholders the step's data is: the arguments of the first call that it hangs on are
 * forward's, those of later calls (a second branch, another view of the data) come after them. */
static void take_step_inputs(TraceCompile *c, const Outputs *outputs, TraceGraph *job,
                             Types *extra) {
    TensorState *ts = c->ts;
    Trace *t = ts->trace;
    LazyNodeVec leaves = reached(ts, outputs);
    bool first = true;
    for (size_t i = 0; i < t->inputs.count; i++)
        if (t->inputs.items[i].role == ROLE_DATA && t->inputs.items[i].given)
            t->inputs.items[i].slot = -1;
    for (size_t i = 0; i < t->calls.count; i++) {
        const TraceCall *call = &t->calls.items[i];
        if (call->serial < job->data_before || !call_reached(call, &leaves)) continue;
        if (first) job->data_before = call->serial;
        for (int k = call->first; k < call->first + call->count; k++) {
            TraceInput *input = &t->inputs.items[k];
            input->same_as = first ? -1 : step_input(t, input->given);
            if (input->same_as >= 0) continue;
            input->slot = job->first_target++;
            if (!first) VEC_PUSH(*extra, input->node->type);
        }
        if (first) c->step_inputs = call->count;
        first = false;
    }
    if (!job->data_before && t->calls.count)
        job->data_before = t->calls.items[t->calls.count - 1].serial;
    VEC_FREE(leaves);
}

/* Whether the step changed a parameter of another module than the one that is compiled. */
static bool is_trained(TraceCompile *c, Value other) {
    TensorState *ts = c->ts;
    Value parameters = vm_call_method(ts->vm, other, "parameters", NULL, 0), list = NULL_VALUE;
    if (!is_null(parameters)) list = list_from_iterable(ts->vm, parameters);
    if (!is_null(parameters)) decref(parameters);
    const Value *items = NULL;
    size_t count = 0;
    bool trained = false;
    if (!is_null(list)) vm_items(list, &items, &count);
    for (size_t k = 0; k < count; k++) {
        LazyNode *value = lazy_data(as_tensor(items[k])->var->storage->value);
        bool own = value->kind == LAZY_PLACEHOLDER; /* a parameter of both modules */
        trained =
            trained || (!own && !is_own_storage(ts->trace, as_tensor(items[k])->var->storage) &&
                        trace_is_computed(ts, value));
    }
    if (!is_null(list)) decref(list);
    return trained;
}

/* One module is compiled: of a step that trains another one too, as those of GANs, only forward
 * can be. */
static void drop_shared_step(TraceCompile *c) {
    Trace *t = c->ts->trace;
    Vm *vm = c->ts->vm;
    for (size_t i = 0; t->stepped && i < t->called.count; i++) {
        Value other = t->called.items[i];
        if (other.o == t->module.o || !is_trained(c, other)) continue;
        const char *name = trace_bound_name(vm, t->module), *second = trace_bound_name(vm, other);
        report(c->sources, SEVERITY_WARNING, t->step,
               "no train step: up to here parameters of several modules change, '%s' and '%s'; "
               "forward of '%s' is compiled alone",
               name, second, name);
        report(c->sources, SEVERITY_HINT, (Span){0},
               "for one train step call both in the forward of one nn.Module%s%s%s",
               trace_is_bound(vm, other) ? "; --module " : "",
               trace_is_bound(vm, other) ? second : "",
               trace_is_bound(vm, other) ? " compiles the other one" : "");
        t->stepped = false;
    }
}

static void make_train_step(TraceCompile *c) {
    TensorState *ts = c->ts;
    Trace *t = ts->trace;
    Outputs outputs = {0};
    VEC_PUSH(outputs, (TraceOutput){lazy_ref(t->loss), "loss", -1});
    for (size_t i = 0; i < t->params.count; i++)
        if (t->params.items[i].tied_to < 0)
            add_update(ts, &outputs, t->params.items[i].storage, t->params.items[i].input,
                       t->params.items[i].key);
    TraceGraph job = {0};
    begin_step(ts, &outputs, &job);
    for (size_t i = 0; i < t->buffers.count; i++)
        if (t->buffers.items[i].tied_to < 0)
            add_update(ts, &outputs, t->buffers.items[i].storage, t->buffers.items[i].input,
                       t->buffers.items[i].key);
    for (size_t i = 0; i < t->states.count; i++)
        add_update(ts, &outputs, t->states.items[i].storage, t->states.items[i].input,
                   t->states.items[i].name);
    Types extra = {0};
    take_step_inputs(c, &outputs, &job, &extra);
    add_function(c, FUNCTION_TRAIN_STEP, "train_step", &outputs, &job);
    for (size_t i = 0; i < extra.count + job.targets.count; i++) {
        bool more = i < extra.count;
        size_t number = more ? i + 2 : i - extra.count + 1;
        const char *name = more         ? arena_printf(c->arena, "input%zu", number)
                           : number > 1 ? arena_printf(c->arena, "target%zu", number)
                                        : "target";
        Type type = more ? extra.items[i] : job.targets.items[i - extra.count];
        VEC_PUSH(c->program->targets, (ProgramField){name, type});
    }
    VEC_FREE(extra);
    VEC_FREE(job.targets);
    outputs_free(ts, &outputs);
}

/* Gradients of the parameters by those of forward's results, added to what is there. */
static bool gradient_outputs(TraceCompile *c, const Outputs *results, Outputs *outputs) {
    TensorState *ts = c->ts;
    Trace *t = ts->trace;
    LazyNode *ends[64], *seeds[64];
    int count = 0;
    size_t params = t->params.count, inputs = t->call_inputs.count;
    for (size_t i = 0; i < results->count && count < 64; i++) {
        LazyNode *node = results->items[i].node;
        int input = trace_input(ts, node->type, ROLE_DATA, (int)(inputs + i),
                                arena_printf(c->arena, "d_%s", results->items[i].name));
        t->inputs.items[input].node->span = node->span;
        if (!node->requires_grad) continue;
        ends[count] = node;
        seeds[count++] = t->inputs.items[input].node;
    }
    LazyNode **wrt = ARENA_ARRAY(c->arena, LazyNode *, params + 1);
    LazyNode **grads = ARENA_ARRAY(c->arena, LazyNode *, params + 1);
    for (size_t i = 0; i < params; i++)
        wrt[i] = tensor_read(ts, as_tensor(t->params.items[i].tensor));
    BackwardCall call = {.outputs = ends,
                         .seeds = seeds,
                         .output_count = count,
                         .wrt = wrt,
                         .wrt_count = (int)params,
                         .results = grads};
    bool ok = count > 0 && autograd_run(ts, &call);
    for (size_t i = 0; i < params; i++) {
        TracedEntry *entry = &t->params.items[i];
        if (wrt[i]) lazy_unref(ts, wrt[i]);
        if (!grads[i]) continue;
        if (entry->tied_to >= 0) {
            lazy_unref(ts, grads[i]);
            continue;
        }
        int input = trace_input(ts, grads[i]->type, ROLE_GRAD, (int)i, entry->key);
        LazyNode *sum = lazy_binary(ts, OP_add, lazy_ref(t->inputs.items[input].node), grads[i]);
        VEC_PUSH(*outputs, (TraceOutput){sum, entry->key, input});
    }
    return ok;
}

/* Absent where forward draws random numbers in train mode: only the train step has a key. */
static bool make_backward(TraceCompile *c) {
    TensorState *ts = c->ts;
    if (!set_mode(c, "train")) return false;
    LazyNode *keep[1] = {NULL};
    VEC(LazyNode *) links = {0}; /* the parameters' links stay the same while forward runs */
    for (size_t i = 0; i < ts->trace->params.count; i++) {
        keep[0] = tensor_read(ts, as_tensor(ts->trace->params.items[i].tensor));
        if (keep[0]) VEC_PUSH(links, keep[0]);
    }
    Value result = trace_call_forward(c);
    Outputs results = {0}, outputs = {0};
    bool ok = !is_null(result) && collect_outputs(c, result, "output", &results);
    ok = ok && gradient_outputs(c, &results, &outputs);
    TraceGraph job = {0};
    if (ok) trace_graph(ts, &job, c->arena, "backward", outputs.items, (int)outputs.count);
    if (ok && !random_draw(job.graph))
        VEC_PUSH(c->program->functions, (ProgramFunction){FUNCTION_BACKWARD, job.graph, 0});
    else if (job.graph)
        graph_free(job.graph);
    for (size_t i = 0; i < links.count; i++)
        lazy_unref(ts, links.items[i]);
    VEC_FREE(links);
    if (!is_null(result)) decref(result);
    outputs_free(ts, &results);
    outputs_free(ts, &outputs);
    return ok;
}

static void make_init(TraceCompile *c) {
    const Trace *t = c->ts->trace;
    Outputs outputs = {0};
    for (size_t i = 0; i < t->params.count; i++)
        VEC_PUSH(outputs,
                 (TraceOutput){lazy_ref(t->params.items[i].initial), t->params.items[i].key, -1});
    for (size_t i = 0; i < t->buffers.count; i++)
        VEC_PUSH(outputs,
                 (TraceOutput){lazy_ref(t->buffers.items[i].initial), t->buffers.items[i].key, -1});
    TraceGraph job = {0};
    if (outputs.count) add_function(c, FUNCTION_INIT, "init", &outputs, &job);
    outputs_free(c->ts, &outputs);
}

/* ---- the Program ---- */

static void add_entries(TraceCompile *c) {
    const Trace *t = c->ts->trace;
    Program *p = c->program;
    for (size_t i = 0; i < t->params.count; i++) {
        const TracedEntry *e = &t->params.items[i];
        VEC_PUSH(p->params, (ProgramEntry){.key = arena_strdup(c->arena, e->key),
                                           .type = e->storage->type,
                                           .tied_to = e->tied_to});
    }
    for (size_t i = 0; i < t->buffers.count; i++) {
        const TracedEntry *e = &t->buffers.items[i];
        VEC_PUSH(p->buffers, (ProgramEntry){.key = arena_strdup(c->arena, e->key),
                                            .type = e->storage->type,
                                            .tied_to = e->tied_to});
    }
    for (size_t i = 0; t->stepped && i < t->states.count; i++) {
        const TracedState *s = &t->states.items[i];
        const char *key = arena_strdup(c->arena, s->name);
        for (size_t k = 0; k < t->params.count; k++)
            if (is_tensor(c->ts, s->param) &&
                as_tensor(s->param)->var->storage == t->params.items[k].storage) {
                key = arena_printf(c->arena, "%s.%s", s->name, t->params.items[k].key);
                break;
            }
        VEC_PUSH(p->states,
                 (ProgramEntry){.key = key, .type = s->type, .tied_to = -1, .fill = s->fill});
    }
    for (size_t i = 0; t->stepped && i < t->hypers.count; i++) {
        ProgramHyper hyper = t->hypers.items[i];
        hyper.name = arena_strdup(c->arena, hyper.name);
        VEC_PUSH(p->hypers, hyper);
    }
}

/* Both are given the same struct's fields. */
static bool check_step_inputs(TraceCompile *c) {
    size_t count = c->program->inputs.count;
    if (!c->ts->trace->stepped || (size_t)c->step_inputs == count) return true;
    report(c->sources, SEVERITY_ERROR, c->ts->trace->step,
           "the train step calls forward with %d tensors, but its first call has %zu",
           c->step_inputs, count);
    return false;
}

/* Where the program calls a method `step`; without a place if it doesn't. */
static Span step_call_span(const TraceCompile *c) {
    const Vm *vm = c->ts->vm;
    for (size_t i = 0; i < vm->codes.count; i++) {
        const Code *code = vm->codes.items[i];
        if (code->file != c->options->file) continue;
        for (uint32_t k = 0; k < code->instruction_count; k++) {
            const Instruction *at = &code->instructions[k];
            if (at->op == OP_LOAD_METHOD && strcmp(code->names[at->c]->text, "step") == 0)
                return (Span){code->file, code->spans[k].begin, code->spans[k].end};
        }
    }
    return (Span){0};
}

/* A program with an optimizer is expected to give a train step. */
static void warn_of_no_step(TraceCompile *c) {
    const Trace *t = c->ts->trace;
    Span step = step_call_span(c);
    if (t->stepped || c->options->no_train || !step.file ||
        is_null(dict_get_text(c->ts->vm, c->ts->vm->modules, "torch.optim")))
        return;
    if (!t->ended.file)
        report(c->sources, SEVERITY_WARNING, step,
               "no train step: the program ends without a step that trains the network");
    else
        report(c->sources, SEVERITY_WARNING, t->ended, "no train step: the program ends here, %s",
               t->quiet ? "where a number that is known only when the compiled network runs "
                          "decides what happens"
                        : "before a step");
    report(c->sources, SEVERITY_HINT, (Span){0}, "%s--no-train compiles forward alone",
           t->quiet ? "let it decide after optimizer.step(), or " : "");
}

static bool build(TraceCompile *c) {
    Trace *t = c->ts->trace;
    warn_of_no_step(c);
    if (c->options->no_train) t->stepped = false;
    if (!trace_choose_module(c)) return false;
    drop_shared_step(c);
    add_entries(c);
    /* The step first: it is what the storages hold now. */
    if (t->stepped) make_train_step(c);
    if (!make_forwards(c) || !check_step_inputs(c) || (t->stepped && !make_backward(c)))
        return false;
    make_init(c);
    return !c->failed;
}

static const long long DEFAULT_STEPS = 1000000000;

static bool evaluate(TraceCompile *c) {
    Vm *vm = c->ts->vm;
    if (vm_run_main(vm, c->options->file)) return true;
    if (is_null(vm->raised)) return false;
    /* With the inputs named, data files need not be there: what came before them counts. */
    bool no_data = c->options->input_type_count > 0 &&
                   vm_matches(vm, vm->raised, FROM_OBJ(vm->exc[EXC_FileNotFoundError]));
    if (!c->ts->trace->quiet && !no_data &&
        !vm_matches(vm, vm->raised, FROM_OBJ(vm->exc[EXC_SystemExit]))) {
        vm_report_raised(vm);
        return false;
    }
    if (is_exception(vm->raised)) {
        const Exception *end = as_exception(vm->raised);
        for (size_t i = 0; i < end->trace.count && !c->ts->trace->ended.file; i++)
            if (!end->trace.items[i].prelude) c->ts->trace->ended = end->trace.items[i].span;
    }
    decref(vm_take_raised(vm)); /* the end of what is of interest, or the program's own exit */
    return true;
}

Program *frontend_compile(const FrontendOptions *options, Sources *sources, Arena *arena) {
    Vm vm = {0};
    vm_init(&vm, sources);
    vm.out = options->out ? options->out : stdout;
    vm.silent = true;
    vm.step_limit = (uint64_t)(options->step_limit < 0 ? DEFAULT_STEPS : options->step_limit);
    vm.script_path = sources_get(sources, options->file)->path;
    char *argv[2] = {arena_strdup(arena, vm.script_path), NULL};
    vm.argc = 1;
    vm.argv = argv;
    TensorState *ts = tensor_state_new(&vm);
    ts->policy = (Policy){
        .compiling = true, .need_value = need_by_compiling, .called = (Span){options->file, 0, 0}};
    if (options->autocast) ts->autocast = *options->autocast;
    ts->trace = trace_new(ts);
    ts->trace->chosen = options->module;
    TraceCompile c = {.ts = ts, .options = options, .sources = sources, .arena = arena};
    c.program = ARENA_NEW(arena, Program);
    c.program->arena = arena;
    c.program->name = options->name;
    c.program->source_path = vm.script_path;
    c.program->sources = sources;
    bool ok = evaluate(&c) && build(&c);
    c.program->precision = ts->precision;
    if (!ok && !is_null(vm.raised)) {
        vm_report_raised(&vm);
        if (ts->trace->batch && ts->trace->own_batch >= 0)
            report(sources, SEVERITY_HINT, (Span){0},
                   "this is forward with the batch of %lld that --batch asks for: sizes that hang "
                   "on the batch are better written x.size(0) or -1, as in x.view(-1, 400)",
                   (long long)ts->trace->batch);
    }
    if (!options->ends) {
        trace_free(ts);
        tensor_state_release(ts);
        vm_free(&vm);
        tensor_state_free(ts);
    }
    ok = ok && sources->errors == 0;
    if (!ok) program_release(c.program);
    return ok ? c.program : NULL;
}
