/* From recorded nodes to an IR graph of the Program: placeholders become inputs, constants are
 * embedded, data that was there before the traced call becomes further inputs, and random numbers
 * drawn inside come from a key. */
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/trace.h"

typedef struct Making {
    TensorState *ts;
    TraceGraph *job;
    Arena *arena;
    LazyNodeVec ops, leaves;
    bool *op_data, *op_cut, *op_needed; /* by slot */
    bool *op_fresh;                     /* hangs on what the step is given or draws */
    bool *op_late;                      /* see is_late() */
    bool *leaf_needed;
    Node **op_nodes, **leaf_nodes;
    Node **inputs; /* by index of the trace's inputs */
    Node *key;
    Span key_span; /* of the last draw */
    int randoms;
} Making;

static bool is_op(const LazyNode *node) {
    return node->kind == LAZY_OP && !node->value;
}

static bool is_input(const LazyNode *node) {
    return node->kind == LAZY_PLACEHOLDER && node->index >= 0;
}

/* A tensor of the program's data: not a number, not an input already, not a part of the network. */
static bool is_data_leaf(const LazyNode *node) {
    bool is_given = node->value || (node->kind == LAZY_PLACEHOLDER && node->index < 0);
    return is_given && node->type.rank > 0 && !node->is_part;
}

static bool is_cut(const Making *m, const LazyNode *node, bool data) {
    return data && node->serial <= m->job->data_before;
}

/* Whether it is made of a tensor that the step itself writes down: class weights, say. */
static bool is_late(const Making *m, const LazyNode *node) {
    return is_op(node) ? m->op_late[node->slot]
                       : is_data_leaf(node) && node->serial > m->job->data_before;
}

/* A batch taken out of the data after the call, Y[i:i+bs], is data as well: all that it is
 * computed from was there before. */
static bool is_batch(const Making *m, size_t op) {
    const LazyNode *node = m->ops.items[op];
    bool takes = node->op == OP_slice || node->op == OP_dynamic_slice || node->op == OP_gather ||
                 node->op == OP_take;
    if (!m->job->data_before || !takes || m->op_fresh[op]) return false;
    const LazyNode *from = lazy_data(node->inputs[0]);
    bool data = is_op(from) ? m->op_data[from->slot] : is_data_leaf(from);
    return data && !is_late(m, from);
}

/* Random numbers drawn inside a train step come from its key, not from the seed. */
static bool from_key(const Making *m, const LazyNode *node) {
    return node->op == OP_random_mt && m->job->data_before;
}

/* Buffers are what earlier calls made of them: that is given, too. */
static void cut_buffers(Making *m) {
    const Trace *t = m->ts->trace;
    for (size_t i = 0; m->job->data_before && i < t->buffers.count; i++) {
        LazyNode *given = t->inputs.items[t->buffers.items[i].input].given;
        size_t slot = given ? lazy_data(given)->slot : m->ops.count;
        if (slot < m->ops.count && m->ops.items[slot] == lazy_data(given)) m->op_cut[slot] = true;
    }
}

/* Which nodes depend on data, and which the outputs need, given that data is cut off. */
static void mark(Making *m, const TraceOutput *outputs, int count) {
    for (size_t i = 0; i < m->leaves.count; i++)
        m->leaves.items[i]->slot = (uint32_t)i;
    for (size_t i = 0; i < m->ops.count; i++)
        m->ops.items[i]->slot = (uint32_t)i;
    cut_buffers(m);
    for (size_t i = 0; i < m->ops.count; i++) {
        const LazyNode *node = m->ops.items[i];
        bool data = node->op == OP_random_mt;
        bool late = false, fresh = data && node->serial > m->job->data_before;
        for (int k = 0; k < node->input_count; k++) {
            const LazyNode *in = lazy_data(node->inputs[k]);
            data = data || (is_op(in) ? m->op_data[in->slot] : is_data_leaf(in));
            late = late || is_late(m, in);
            bool given = is_input(in) && in != m->ts->trace->seed;
            fresh = fresh || (is_op(in) ? m->op_fresh[in->slot] : given);
        }
        m->op_fresh[i] = fresh;
        m->op_data[i] = data && !node->is_part;
        m->op_cut[i] = m->op_cut[i] || is_cut(m, node, m->op_data[i]) || is_batch(m, i);
        m->op_late[i] = late && !m->op_cut[i];
    }
    for (int i = 0; i < count; i++) {
        const LazyNode *node = lazy_data(outputs[i].node);
        if (is_op(node))
            m->op_needed[node->slot] = true;
        else
            m->leaf_needed[node->slot] = true;
    }
    for (size_t i = m->ops.count; i-- > 0;) {
        const LazyNode *node = m->ops.items[i];
        if (!m->op_needed[i] || m->op_cut[i]) continue;
        if (from_key(m, node)) continue; // the seed is not read
        for (int k = 0; k < node->input_count; k++) {
            const LazyNode *in = lazy_data(node->inputs[k]);
            if (is_op(in))
                m->op_needed[in->slot] = true;
            else
                m->leaf_needed[in->slot] = true;
        }
    }
}

/* ---- inputs ---- */

static int compare_inputs(const void *a, const void *b) {
    const TraceInput *x = *(const TraceInput *const *)a, *y = *(const TraceInput *const *)b;
    if (x->role != y->role) return x->role < y->role ? -1 : 1;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* The placeholder that stands for this value in the step, or -1: an autoencoder's target is its
 * input. */
static int given_input(const Making *m, const LazyNode *node) {
    const Trace *t = m->ts->trace;
    for (size_t i = 0; i < t->inputs.count; i++) {
        const TraceInput *input = &t->inputs.items[i];
        bool used =
            input->role == ROLE_BUFFER || (input->slot >= 0 && input->slot < m->job->first_target);
        if (used && input->given && lazy_data(input->given) == node) return (int)i;
    }
    return -1;
}

static void make_inputs(Making *m, const TraceOutput *outputs, int count) {
    const Trace *t = m->ts->trace;
    const TraceInput **used = ARENA_ARRAY(m->arena, const TraceInput *, t->inputs.count + 1);
    bool *wanted = ARENA_ARRAY(m->arena, bool, t->inputs.count + 1);
    size_t n = 0;
    for (size_t i = 0; i < m->leaves.count; i++)
        if (m->leaf_needed[i] && is_input(m->leaves.items[i]))
            wanted[m->leaves.items[i]->index] = true;
    for (int i = 0; i < count; i++)
        if (outputs[i].updates >= 0) wanted[outputs[i].updates] = true;
    for (size_t i = 0; i < m->ops.count + m->leaves.count; i++) {
        bool op = i < m->ops.count;
        const LazyNode *node = op ? m->ops.items[i] : m->leaves.items[i - m->ops.count];
        bool needed = op ? m->op_needed[i] && m->op_cut[i]
                         : m->leaf_needed[node->slot] && is_cut(m, node, is_data_leaf(node));
        int known = needed ? given_input(m, node) : -1;
        if (known >= 0) wanted[known] = true;
    }
    for (size_t i = 0; i < t->inputs.count; i++) {
        int same = t->inputs.items[i].same_as;
        if (wanted[i] && same >= 0) wanted[same] = true;
        if (same >= 0) wanted[i] = false;
    }
    for (size_t i = 0; i < t->inputs.count; i++)
        if (wanted[i]) used[n++] = &t->inputs.items[i];
    qsort(used, n, sizeof *used, compare_inputs);
    for (size_t i = 0; i < n; i++) {
        const char *name =
            used[i]->name ? used[i]->name : arena_printf(m->arena, "x%d", used[i]->slot);
        m->inputs[used[i]->node->index] =
            graph_input(m->job->graph, name, used[i]->node->type, used[i]->role, used[i]->slot);
    }
    for (size_t i = 0; i < t->inputs.count; i++)
        if (t->inputs.items[i].same_as >= 0) m->inputs[i] = m->inputs[t->inputs.items[i].same_as];
}

static Node *target_input(Making *m, const LazyNode *node) {
    int known = given_input(m, node);
    if (known >= 0) return m->inputs[known];
    int number = (int)m->job->targets.count;
    VEC_PUSH(m->job->targets, node->type);
    const char *name = number ? arena_printf(m->arena, "target%d", number + 1) : "target";
    return graph_input(m->job->graph, name, node->type, ROLE_DATA, m->job->first_target + number);
}

static Node *constant(Making *m, const LazyNode *node) {
    Attr attrs[] = {attr_data(node->value->bytes, type_bytes(&node->type)),
                    attr_ints(ATTR_shape, node->type.dim, node->type.rank),
                    attr_dtype(node->type.dtype)};
    Node *made = graph_add(m->job->graph, OP_const, NULL, 0, attrs, 3, node->span);
    NNC_CHECK(made, "a constant of a traced tensor: %s", buf_text(&m->job->graph->error));
    return made;
}

typedef struct Target {
    const LazyNode *node;
    Node **made;
} Target;

static int compare_targets(const void *a, const void *b) {
    uint64_t x = ((const Target *)a)->node->serial, y = ((const Target *)b)->node->serial;
    return x < y ? -1 : x > y;
}

/* What was there before the step: inputs in the order in which the program made them. */
static void make_targets(Making *m) {
    Target *targets = ARENA_ARRAY(m->arena, Target, m->leaves.count + m->ops.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < m->leaves.count; i++) {
        const LazyNode *node = m->leaves.items[i];
        if (m->leaf_needed[i] && is_cut(m, node, is_data_leaf(node)))
            targets[count++] = (Target){node, &m->leaf_nodes[i]};
    }
    for (size_t i = 0; i < m->ops.count; i++)
        if (m->op_needed[i] && m->op_cut[i])
            targets[count++] = (Target){m->ops.items[i], &m->op_nodes[i]};
    qsort(targets, count, sizeof *targets, compare_targets);
    for (size_t i = 0; i < count; i++)
        *targets[i].made = target_input(m, targets[i].node);
}

static Node *leaf_node(Making *m, const LazyNode *node) {
    if (is_input(node)) return m->inputs[node->index];
    if (node->value) return constant(m, node);
    m->job->unknown = node->span;
    return graph_input(m->job->graph, "unknown", node->type, ROLE_DATA, 0);
}

/* ---- random numbers ---- */

static Node *i64_pair(Graph *graph, int64_t a, int64_t b, Span span) {
    int64_t items[2] = {a, b}, dims[1] = {2};
    Attr attrs[] = {attr_data(items, sizeof items), attr_ints(ATTR_shape, dims, 1),
                    attr_dtype(DT_I64)};
    return graph_add(graph, OP_const, NULL, 0, attrs, 3, span);
}

static Node *key_input(Making *m) {
    int64_t dims[1] = {2};
    if (!m->key)
        m->key = graph_input(m->job->graph, "key", type_make(DT_I64, 1, dims), ROLE_KEY, 0);
    return m->key;
}

/* A draw inside the step: the same distribution from the key, a stream of its own. */
static Node *random_node(Making *m, const LazyNode *node) {
    Graph *graph = m->job->graph;
    Node *operands[2] = {key_input(m), i64_pair(graph, 0, ++m->randoms, node->span)};
    m->key_span = node->span;
    Node *key = graph_add(graph, OP_add, operands, 2, NULL, 0, node->span);
    Attr attrs[5];
    int n = 0;
    for (int i = 0; i < node->attr_count; i++)
        if (node->attrs[i].name != ATTR_skip) attrs[n++] = node->attrs[i];
    Node *made = graph_add(graph, OP_random, &key, 1, attrs, n, node->span);
    NNC_CHECK(made, "random numbers from a key: %s", buf_text(&graph->error));
    return made;
}

/* Each call of the function moves the key on. */
static void update_key(Making *m) {
    if (!m->key) return;
    Graph *graph = m->job->graph;
    Node *operands[2] = {m->key, i64_pair(graph, 1, 0, m->key_span)};
    Node *next = graph_add(graph, OP_add, operands, 2, NULL, 0, m->key_span);
    int index = 0;
    while (graph->inputs.items[index].node != m->key)
        index++;
    graph_output(graph, "key", next, OUT_UPDATE, index);
}

/* ---- ops ---- */

static void op_node(Making *m, size_t i) {
    LazyNode *node = m->ops.items[i];
    if (from_key(m, node)) {
        m->op_nodes[i] = random_node(m, node);
        return;
    }
    Node *few[8], **inputs = few;
    if (node->input_count > 8) inputs = ARENA_ARRAY(m->arena, Node *, (size_t)node->input_count);
    for (int k = 0; k < node->input_count; k++) {
        const LazyNode *in = lazy_data(node->inputs[k]);
        inputs[k] = is_op(in) ? m->op_nodes[in->slot] : m->leaf_nodes[in->slot];
    }
    m->op_nodes[i] = lazy_to_node(m->job->graph, node, inputs);
}

static void make(Making *m, const TraceOutput *outputs, int count) {
    mark(m, outputs, count);
    make_inputs(m, outputs, count);
    make_targets(m);
    for (size_t i = 0; i < m->leaves.count; i++)
        if (m->leaf_needed[i] && !m->leaf_nodes[i])
            m->leaf_nodes[i] = leaf_node(m, m->leaves.items[i]);
    for (size_t i = 0; i < m->ops.count; i++)
        if (m->op_needed[i] && !m->op_cut[i]) op_node(m, i);
    for (int i = 0; i < count; i++) {
        const LazyNode *node = lazy_data(outputs[i].node);
        Node *value = is_op(node) ? m->op_nodes[node->slot] : m->leaf_nodes[node->slot];
        int update = -1;
        if (outputs[i].updates >= 0) {
            update = 0;
            while (m->job->graph->inputs.items[update].node != m->inputs[outputs[i].updates])
                update++;
        }
        graph_output(m->job->graph, outputs[i].name, value, update >= 0 ? OUT_UPDATE : OUT_RESULT,
                     update);
    }
    update_key(m);
}

void trace_graph(TensorState *ts, TraceGraph *job, Arena *arena, const char *name,
                 const TraceOutput *outputs, int count) {
    Making m = {.ts = ts, .job = job, .arena = arena};
    LazyNodeVec targets = {0};
    for (int i = 0; i < count; i++)
        VEC_PUSH(targets, outputs[i].node);
    lazy_reachable(ts, targets.items, targets.count, NULL, NULL, &m.ops, &m.leaves);
    VEC_FREE(targets);
    m.op_data = ARENA_ARRAY(arena, bool, m.ops.count + 1);
    m.op_cut = ARENA_ARRAY(arena, bool, m.ops.count + 1);
    m.op_fresh = ARENA_ARRAY(arena, bool, m.ops.count + 1);
    m.op_late = ARENA_ARRAY(arena, bool, m.ops.count + 1);
    m.op_needed = ARENA_ARRAY(arena, bool, m.ops.count + 1);
    m.op_nodes = ARENA_ARRAY(arena, Node *, m.ops.count + 1);
    m.leaf_needed = ARENA_ARRAY(arena, bool, m.leaves.count + 1);
    m.leaf_nodes = ARENA_ARRAY(arena, Node *, m.leaves.count + 1);
    m.inputs = ARENA_ARRAY(arena, Node *, ts->trace->inputs.count + 1);
    job->graph = graph_new(arena, name);
    make(&m, outputs, count);
    VEC_FREE(m.ops);
    VEC_FREE(m.leaves);
}

void trace_scaled(TensorState *ts, LazyNode *scaled, LazyNode *loss) {
    Trace *t = ts->trace;
    if (t->scaled) lazy_unref(ts, t->scaled);
    if (t->unscaled) lazy_unref(ts, t->unscaled);
    t->scaled = scaled;
    t->unscaled = loss;
}

void trace_backward(TensorState *ts, LazyNode *loss) {
    Trace *t = ts->trace;
    if (!ts->policy.compiling || t->tracing) return;
    if (t->loss) lazy_unref(ts, t->loss);
    t->loss = lazy_ref(loss == t->scaled ? t->unscaled : loss);
}
