/* The running policy: what was recorded becomes graphs, which are cached by structure.
 *
 * An evaluation takes everything that storages wait for. The recorded nodes, in order, are spelled
 * as bytes (op, attributes, operands by number; buffers only by type): the key of the cache, so
 * that an iteration like the one before costs no compilation. Where a storage's new value replaces
 * a buffer that nothing else can see, the graph updates it in place. */
#include "frontend/tensor/script.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "passes/pass.h"
#include "support/clock.h"
#include "support/hash.h"

typedef struct CachedGraph {
    struct CachedGraph *next;
    uint64_t hash;
    Buf key;
    Executable *executable;
    double work; /* of all runs so far */
    uint64_t runs;
    double seconds; /* that they took in the first tier */
    bool tried;
} CachedGraph;

enum { BUCKETS = 1024 };
/* What a graph does before compiling it pays: operations or runs where it is interpreted, time
 * where the first tier is machine code, which a compiler makes a little better. */
static const double COMPILE_WORK = 3e7, COMPILE_RUNS = 400, COMPILE_SECONDS = 2;

struct Script {
    CachedGraph *buckets[BUCKETS];
    ScriptCounters counters;
    Compilation *compilation; /* that goes on in the background, or NULL */
    size_t compiling;         /* how many graphs it is of */
    const char *vector;
    const Precision *precision; /* or NULL: the program's */
};

Script *script_new(TensorState *ts, const char *vector, const Precision *precision) {
    (void)ts;
    Script *script = xcalloc(1, sizeof *script);
    script->vector = vector;
    script->precision = precision;
    return script;
}

void script_free(TensorState *ts) {
    compilation_abandon(ts->script->compilation);
    for (int i = 0; i < BUCKETS; i++) {
        while (ts->script->buckets[i]) {
            CachedGraph *graph = ts->script->buckets[i];
            ts->script->buckets[i] = graph->next;
            executable_free(graph->executable);
            buf_free(&graph->key);
            free(graph);
        }
    }
    free(ts->script);
    ts->script = NULL;
}

ScriptCounters script_counters(const TensorState *ts) {
    return ts->script->counters;
}

/* ---- walking ---- */

static int by_serial(const void *a, const void *b) {
    const LazyNode *x = *(LazyNode *const *)a, *y = *(LazyNode *const *)b;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

void lazy_reachable(TensorState *ts, LazyNode *const *targets, size_t count, LazyStop *stop,
                    void *context, LazyNodeVec *ops, LazyNodeVec *leaves) {
    uint32_t mark = lazy_new_mark(ts);
    LazyNodeVec work = {0};
    for (size_t i = 0; i < count; i++)
        VEC_PUSH(work, lazy_data(targets[i]));
    while (work.count) {
        LazyNode *node = work.items[--work.count];
        if (node->mark == mark) continue;
        node->mark = mark;
        if (node->value || node->kind != LAZY_OP || (stop && stop(node, context))) {
            VEC_PUSH(*leaves, node);
            continue;
        }
        VEC_PUSH(*ops, node);
        for (int i = 0; node->inputs && i < node->input_count; i++)
            VEC_PUSH(work, lazy_data(node->inputs[i]));
    }
    VEC_FREE(work);
    if (ops->count) qsort(ops->items, ops->count, sizeof *ops->items, by_serial);
    if (leaves->count) qsort(leaves->items, leaves->count, sizeof *leaves->items, by_serial);
}

Node *lazy_to_node(Graph *graph, const LazyNode *node, Node *const *inputs) {
    Node *made = graph_add(graph, node->op, inputs, node->input_count, node->attrs,
                           node->attr_count, node->span);
    NNC_CHECK(made, "a recorded %s breaks its rule: %s", op_info(node->op)->name,
              buf_text(&graph->error));
    if (!made->name && node->name) made->name = arena_strdup(graph->arena, node->name);
    return made;
}

/* ---- what an evaluation consists of ---- */

typedef struct Job {
    LazyNodeVec targets, ops, leaves;
    VEC(int) updates; /* one a target: the leaf whose buffer it takes over, or -1 */
    Buf key;
} Job;

static void job_free(Job *job) {
    VEC_FREE(job->targets);
    VEC_FREE(job->ops);
    VEC_FREE(job->leaves);
    VEC_FREE(job->updates);
    buf_free(&job->key);
}

static void add_target(Job *job, LazyNode *node) {
    if (node->value || node->kind != LAZY_OP || node->keeps_data) return;
    if (op_info(node->op)->results > 1) return;
    node->keeps_data = true;
    VEC_PUSH(job->targets, node);
}

/* Values that a backward which may still come will read: kept, so that it doesn't compute the
 * forward again. */
static void add_saved(const TensorState *ts, Job *job) {
    for (size_t i = 0; i < job->ops.count; i++) {
        LazyNode *node = job->ops.items[i];
        if (!node->requires_grad || node->freed) continue;
        uint32_t reads = node_reads(ts, node);
        if (reads >> 31) add_target(job, node);
        for (int k = 0; k < node->input_count && k < 31; k++)
            if (reads >> k & 1 && !lazy_is_number(node->inputs[k]))
                add_target(job, lazy_data(node->inputs[k]));
    }
}

/* Ops in order of recording, leaves by their first use: so that an iteration whose parameters were
 * made anew by the one before is numbered alike. */
static void number_nodes(TensorState *ts, Job *job) {
    uint32_t mark = lazy_new_mark(ts);
    job->leaves.count = 0;
    for (size_t i = 0; i < job->ops.count; i++) {
        LazyNode *node = job->ops.items[i];
        node->slot = (uint32_t)i;
        for (int k = 0; k < node->input_count; k++) {
            LazyNode *in = lazy_data(node->inputs[k]);
            if (!in->value || in->mark == mark) continue;
            in->mark = mark;
            in->slot = (uint32_t)job->leaves.count;
            VEC_PUSH(job->leaves, in);
        }
    }
}

static void job_collect(TensorState *ts, Job *job, LazyNode *extra) {
    for (LazyNode *n = ts->waiting; n; n = n->next)
        add_target(job, n);
    if (extra) add_target(job, extra);
    lazy_reachable(ts, job->targets.items, job->targets.count, NULL, NULL, &job->ops, &job->leaves);
    add_saved(ts, job);
    if (job->targets.count)
        qsort(job->targets.items, job->targets.count, sizeof *job->targets.items, by_serial);
    number_nodes(ts, job);
}

/* ---- updates in place ---- */

/* Counts, in `slot`-parallel arrays, the references to leaves that come from this graph alone. */
typedef struct LeafUse {
    uint32_t seen;
    bool outside; /* a link to it is held by something else */
} LeafUse;

/* A reference from the graph to `node`; whether all references to a link on the way come from the
 * graph is told by counting them in the link's slot. */
static void count_use(LazyNode *node, LeafUse *uses, uint32_t mark) {
    while (node->kind >= LAZY_BARRIER) {
        if (node->mark == mark) {
            node->slot++;
            return;
        }
        node->mark = mark;
        node->slot = 1;
        node = node->inputs[0];
    }
    if (node->value) uses[node->slot].seen++;
}

static void check_links(LazyNode *node, LeafUse *uses) {
    bool shared = false;
    while (node->kind >= LAZY_BARRIER) {
        shared = shared || node->slot != node->refs;
        node = node->inputs[0];
    }
    if (shared && node->value) uses[node->slot].outside = true;
}

static void find_updates(TensorState *ts, Job *job) {
    for (size_t i = 0; i < job->targets.count; i++)
        VEC_PUSH(job->updates, -1);
    for (size_t i = 0; i < job->ops.count; i++)
        if (job->ops.items[i]->requires_grad && !job->ops.items[i]->freed) return;
    LeafUse *uses = xcalloc(job->leaves.count + 1, sizeof *uses);
    uint32_t mark = lazy_new_mark(ts);
    for (size_t i = 0; i < job->ops.count; i++)
        for (int k = 0; k < job->ops.items[i]->input_count; k++)
            count_use(job->ops.items[i]->inputs[k], uses, mark);
    for (size_t i = 0; i < job->ops.count; i++)
        for (int k = 0; k < job->ops.items[i]->input_count; k++)
            check_links(job->ops.items[i]->inputs[k], uses);
    for (size_t t = 0; t < job->targets.count; t++) {
        LazyNode *target = job->targets.items[t];
        if (!target->replaces || !target->storage_refs) continue;
        for (size_t i = 0; i < job->leaves.count; i++) {
            LazyNode *leaf = job->leaves.items[i];
            if (!leaf->value || leaf->value->id != target->replaces) continue;
            if (uses[i].outside || uses[i].seen != leaf->refs || leaf->value->refs != 1 ||
                !type_equal(&leaf->type, &target->type))
                break;
            uses[i].outside = true; /* taken */
            job->updates.items[t] = (int)i;
            ts->script->counters.updates++;
            break;
        }
    }
    free(uses);
}

/* ---- the key ---- */

static void key_int(Buf *key, int64_t value) {
    buf_add(key, &value, sizeof value);
}

static void key_attr(Buf *key, const Attr *attr) {
    switch (attr_kind(attr->name)) {
    case ATTR_KIND_INT:
        key_int(key, attr->i);
        break;
    case ATTR_KIND_FLOAT:
        buf_add(key, &attr->f, sizeof attr->f);
        break;
    case ATTR_KIND_DTYPE:
        key_int(key, attr->dtype);
        break;
    case ATTR_KIND_TEXT:
        buf_puts(key, attr->text);
        break;
    case ATTR_KIND_INTS:
        key_int(key, attr->ints.count);
        buf_add(key, attr->ints.items, (size_t)attr->ints.count * sizeof(int64_t));
        break;
    case ATTR_KIND_DATA:
        key_int(key, (int64_t)attr->data.size);
        buf_add(key, attr->data.bytes, attr->data.size);
        break;
    }
}

static void key_type(Buf *key, const Type *type) {
    key_int(key, (int64_t)type->dtype * 16 + type->rank);
    buf_add(key, type->dim, (size_t)type->rank * sizeof(int64_t));
}

static void job_key(Job *job) {
    Buf *key = &job->key;
    key_int(key, (int64_t)job->leaves.count);
    for (size_t i = 0; i < job->leaves.count; i++)
        key_type(key, &job->leaves.items[i]->type);
    for (size_t i = 0; i < job->ops.count; i++) {
        const LazyNode *node = job->ops.items[i];
        key_int(key, (int64_t)node->op * 4096 + node->input_count);
        for (int k = 0; k < node->attr_count; k++)
            key_attr(key, &node->attrs[k]);
        for (int k = 0; k < node->input_count; k++) {
            const LazyNode *in = lazy_data(node->inputs[k]);
            key_int(key, (int64_t)in->slot * 2 + (in->value != NULL));
        }
    }
    key_int(key, -1);
    for (size_t i = 0; i < job->targets.count; i++) {
        key_int(key, job->targets.items[i]->slot);
        key_int(key, job->updates.items[i]);
    }
}

/* ---- planning ---- */

static Graph *job_graph(const Job *job, Arena *arena) {
    Graph *graph = graph_new(arena, "run");
    Node **leaves = ARENA_ARRAY(arena, Node *, job->leaves.count + 1);
    Node **ops = ARENA_ARRAY(arena, Node *, job->ops.count + 1);
    for (size_t i = 0; i < job->leaves.count; i++)
        leaves[i] = graph_input(graph, arena_printf(arena, "x%zu", i), job->leaves.items[i]->type,
                                ROLE_DATA, (int)i);
    size_t most = 1;
    for (size_t i = 0; i < job->ops.count; i++)
        if ((size_t)job->ops.items[i]->input_count > most)
            most = (size_t)job->ops.items[i]->input_count;
    Node **inputs = ARENA_ARRAY(arena, Node *, most);
    for (size_t i = 0; i < job->ops.count; i++) {
        const LazyNode *node = job->ops.items[i];
        for (int k = 0; k < node->input_count; k++) {
            const LazyNode *in = lazy_data(node->inputs[k]);
            inputs[k] = in->value ? leaves[in->slot] : ops[in->slot];
        }
        ops[i] = lazy_to_node(graph, node, inputs);
    }
    for (size_t i = 0; i < job->targets.count; i++) {
        int update = job->updates.items[i];
        graph_output(graph, arena_printf(arena, "y%zu", i), ops[job->targets.items[i]->slot],
                     update >= 0 ? OUT_UPDATE : OUT_RESULT, update);
    }
    return graph;
}

static CachedGraph *find_graph(TensorState *ts, Job *job) {
    Script *script = ts->script;
    Precision precision = script->precision ? *script->precision : ts->precision;
    key_int(&job->key, precision);
    uint64_t hash = hash_bytes(0, job->key.data, job->key.size);
    CachedGraph **bucket = &script->buckets[hash % BUCKETS];
    for (CachedGraph *g = *bucket; g; g = g->next)
        if (g->hash == hash && g->key.size == job->key.size &&
            memcmp(g->key.data, job->key.data, g->key.size) == 0)
            return g;
    Arena arena = {0};
    Buf error = {0};
    double start = clock_seconds();
    Graph *graph = job_graph(job, &arena);
    CodegenOptions options = {
        .prefix = "run", .vector = script->vector, .precision = precision, .level = 2};
    Executable *executable = executable_new(graph, &options, &error);
    graph_free(graph);
    arena_free(&arena);
    if (!executable) {
        vm_raise(ts->vm, EXC_RuntimeError, "%s", buf_text(&error));
        buf_free(&error);
        return NULL;
    }
    script->counters.graphs++;
    script->counters.planning += clock_seconds() - start;
    CachedGraph *made = xcalloc(1, sizeof *made);
    made->hash = hash;
    made->key = job->key;
    job->key = (Buf){0};
    made->executable = executable;
    made->next = *bucket;
    *bucket = made;
    return made;
}

/* ---- running ---- */

/* The operation that failed was recorded before: its line is where the error is. */
static void raise_fault(TensorState *ts, Span span, const char *message) {
    bool division = strcmp(message, "ZeroDivisionError") == 0;
    vm_raise(ts->vm, division ? EXC_RuntimeError : EXC_IndexError, "%s", message);
    Exception *exception = as_exception(ts->vm->raised);
    if (span.file) VEC_PUSH(exception->trace, (TraceEntry){.span = span});
}

/* Whether a graph has done a part of the work that compiling it would pay for. */
static bool is_worth(const CachedGraph *graph, double part) {
    if (graph->tried) return false;
    if (executable_is_translated(graph->executable))
        return graph->seconds >= COMPILE_SECONDS * part;
    return graph->work >= COMPILE_WORK * part || (double)graph->runs >= COMPILE_RUNS * part;
}

/* The graphs that are due are compiled together, since every compilation has a price of its own;
 * those that will be due soon are taken along. */
static void start_compiling(Script *script) {
    VEC(Executable *) batch = {0};
    for (int i = 0; i < BUCKETS; i++)
        for (CachedGraph *graph = script->buckets[i]; graph; graph = graph->next) {
            if (!is_worth(graph, 0.25)) continue;
            graph->tried = true;
            VEC_PUSH(batch, graph->executable);
        }
    script->compilation = compilation_start(batch.items, (int)batch.count);
    script->compiling = batch.count;
    VEC_FREE(batch);
}

/* Its result serves from the next run on. */
static void finish_compiling(Script *script) {
    ScriptCounters *counters = &script->counters;
    NativeReport *report = &counters->native;
    Buf error = {0};
    if (compilation_finish(script->compilation, report, &error))
        counters->compiled += script->compiling;
    else
        snprintf(report->reason, sizeof report->reason, "%s", buf_text(&error));
    counters->compiling += report->total;
    counters->parse += report->parse;
    counters->optimize += report->optimize;
    counters->generate += report->generate;
    script->compilation = NULL;
    buf_free(&error);
}

/* Compiling goes on in the background, one compilation at a time, while graphs are interpreted. */
static void compile_when_worth(TensorState *ts, CachedGraph *due) {
    Script *script = ts->script;
    due->work += executable_flops(due->executable);
    due->runs++;
    if (script->compilation && compilation_is_done(script->compilation)) finish_compiling(script);
    if (!script->compilation && is_worth(due, 1)) start_compiling(script);
}

/* Runs it in the tier that it has. */
static bool timed_run(TensorState *ts, CachedGraph *graph, const void *const *in, void *const *out,
                      Buf *error) {
    ScriptCounters *counters = &ts->script->counters;
    bool compiled = executable_is_compiled(graph->executable);
    double start = clock_seconds();
    bool ok = executable_run(graph->executable, in, out, error);
    double seconds = clock_seconds() - start;
    graph->seconds += compiled ? 0 : seconds;
    *(compiled ? &counters->running : &counters->interpreting) += seconds;
    counters->interpreted += !compiled;
    counters->evaluations++;
    return ok;
}

static bool job_run(TensorState *ts, Job *job, CachedGraph *graph) {
    size_t inputs = job->leaves.count, outputs = job->targets.count;
    const void **in = xcalloc(inputs + 1, sizeof *in);
    void **out = xcalloc(outputs + 1, sizeof *out);
    Buffer **buffers = xcalloc(outputs + 1, sizeof *buffers);
    for (size_t i = 0; i < inputs; i++)
        in[i] = job->leaves.items[i]->value->bytes;
    for (size_t i = 0; i < outputs; i++) {
        int update = job->updates.items[i];
        buffers[i] = update >= 0 ? buffer_ref(job->leaves.items[update]->value)
                                 : buffer_new(ts, type_bytes(&job->targets.items[i]->type));
        if (update >= 0) buffers[i]->id = ++ts->next_buffer;
        out[i] = buffers[i]->bytes;
    }
    Buf error = {0};
    bool ok = timed_run(ts, graph, in, out, &error);
    compile_when_worth(ts, graph); /* only a run tells whether the first tier is machine code */
    if (!ok) raise_fault(ts, executable_fault(graph->executable), buf_text(&error));
    buf_free(&error);
    for (size_t i = 0; i < outputs; i++) {
        if (ok)
            job->targets.items[i]->value = buffers[i];
        else
            buffer_unref(ts, buffers[i]);
    }
    ts->script->counters.nodes += job->ops.count;
    free(in);
    free(out);
    free(buffers);
    return ok;
}

/* History that a backward has used up: once everything alive has its value, nothing needs it. */
static void drop_freed(TensorState *ts) {
    for (size_t i = 0; i < ts->freed.count; i++) {
        LazyNode *node = ts->freed.items[i];
        lazy_drop_inputs(ts, node);
        lazy_unref(ts, node);
    }
    ts->freed.count = 0;
}

/* A loop that never needs a value is cut where it goes round, so that its iterations meet the same
 * graphs: once enough is recorded; later where a backward may still come, which had better be in
 * the same graph. Loops of the library (an optimizer's over its parameters) are parts of one
 * operation. */
enum { CUT_NODES = 512, CUT_WITH_HISTORY = 4096 };

static bool awaits_backward(const TensorState *ts) {
    for (const LazyNode *n = ts->waiting; n; n = n->next)
        if (n->requires_grad && !n->freed) return true;
    return false;
}

bool script_back_edge(Vm *vm) {
    TensorState *ts = tensor_state(vm);
    vm->cut_due = false;
    if (vm_in_prelude(vm)) return true;
    uint64_t recorded = ts->next_serial - ts->evaluated_serial;
    if (recorded < CUT_WITH_HISTORY && awaits_backward(ts)) {
        ts->next_cut = ts->next_serial + CUT_NODES / 4;
        return true;
    }
    return script_evaluate(ts, NULL);
}

bool script_evaluate(TensorState *ts, LazyNode *extra) {
    Job job = {0};
    job_collect(ts, &job, extra);
    for (size_t i = 0; i < job.ops.count; i++) {
        const LazyNode *node = job.ops.items[i];
        NNC_CHECK(node->inputs || node->input_count == 0, "a value's operands are gone");
    }
    bool ok = true;
    if (job.targets.count) {
        find_updates(ts, &job);
        job_key(&job);
        CachedGraph *graph = find_graph(ts, &job);
        ok = graph && job_run(ts, &job, graph);
    }
    for (size_t i = 0; i < job.targets.count; i++) {
        job.targets.items[i]->keeps_data = false;
        lazy_ref(job.targets.items[i]);
    }
    for (size_t i = 0; i < job.targets.count; i++) {
        if (ok) node_evaluated(ts, job.targets.items[i]);
        lazy_unref(ts, job.targets.items[i]);
    }
    if (ok) drop_freed(ts);
    ts->evaluated_serial = ts->next_serial;
    ts->next_cut = ts->next_serial + CUT_NODES;
    ts->vm->cut_due = false;
    job_free(&job);
    return ok;
}
