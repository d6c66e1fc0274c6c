/* Building graphs: attributes put in order, types inferred, equal nodes found again.
 *
 * The table of known nodes is keyed by op, operands and attributes; spans and names are not part of
 * the key, so the first of equal nodes keeps its own. Nothing ever iterates over the table. */
#include "ir/graph.h"

#include <stdlib.h>
#include <string.h>

#include "ir/infer.h"
#include "support/checked.h"
#include "support/hash.h"

typedef struct NodeTable {
    Node **slots;
    size_t mask, count;
} NodeTable;

Graph *graph_new(Arena *arena, const char *name) {
    Graph *graph = ARENA_NEW(arena, Graph);
    graph->arena = arena;
    graph->name = arena_strdup(arena, name);
    graph->table = xcalloc(1, sizeof *graph->table);
    graph->table->mask = 63;
    graph->table->slots = xcalloc(graph->table->mask + 1, sizeof(Node *));
    return graph;
}

void graph_free(Graph *graph) {
    VEC_FREE(graph->nodes);
    VEC_FREE(graph->inputs);
    VEC_FREE(graph->outputs);
    buf_free(&graph->error);
    if (graph->table) free(graph->table->slots);
    free(graph->table);
    graph->table = NULL;
}

static uint64_t hash_attr(uint64_t hash, const Attr *attr) {
    switch (attr_kind(attr->name)) {
    case ATTR_KIND_INT:
        return hash_mix(hash, (uint64_t)attr->i);
    case ATTR_KIND_INTS:
        return hash_bytes(hash, attr->ints.items, (size_t)attr->ints.count * sizeof(int64_t));
    case ATTR_KIND_FLOAT:
        return hash_bytes(hash, &attr->f, sizeof attr->f);
    case ATTR_KIND_DTYPE:
        return hash_mix(hash, attr->dtype);
    case ATTR_KIND_TEXT:
        return hash_bytes(hash, attr->text, strlen(attr->text));
    case ATTR_KIND_DATA:
        return hash_bytes(hash, attr->data.bytes, attr->data.size);
    }
    NNC_BUG("attribute kind");
}

static uint64_t hash_key(Op op, Node *const *inputs, int input_count, const Attr *attrs,
                         int attr_count) {
    uint64_t hash = hash_mix(0, op);
    for (int i = 0; i < input_count; i++)
        hash = hash_mix(hash, inputs[i]->id);
    for (int i = 0; i < attr_count; i++)
        hash = hash_attr(hash, &attrs[i]);
    return hash;
}

/* Equality of bits: -0.0 is not 0.0, and a NaN equals itself. */
static bool attr_equal(const Attr *a, const Attr *b) {
    switch (attr_kind(a->name)) {
    case ATTR_KIND_INT:
        return a->i == b->i;
    case ATTR_KIND_INTS:
        return a->ints.count == b->ints.count &&
               (a->ints.count == 0 ||
                memcmp(a->ints.items, b->ints.items, (size_t)a->ints.count * sizeof(int64_t)) == 0);
    case ATTR_KIND_FLOAT:
        return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case ATTR_KIND_DTYPE:
        return a->dtype == b->dtype;
    case ATTR_KIND_TEXT:
        return strcmp(a->text, b->text) == 0;
    case ATTR_KIND_DATA:
        return a->data.size == b->data.size &&
               (a->data.size == 0 || memcmp(a->data.bytes, b->data.bytes, a->data.size) == 0);
    }
    NNC_BUG("attribute kind");
}

static bool node_matches(const Node *node, Op op, Node *const *inputs, int input_count,
                         const Attr *attrs) {
    if (node->op != op || node->input_count != input_count) return false;
    for (int i = 0; i < input_count; i++) {
        if (node->inputs[i] != inputs[i]) return false;
    }
    for (int i = 0; i < node->attr_count; i++) {
        if (!attr_equal(&node->attrs[i], &attrs[i])) return false;
    }
    return true;
}

/* The slot of the equal node, or the free one where it belongs. */
static Node **table_find(NodeTable *table, Op op, Node *const *inputs, int input_count,
                         const Attr *attrs, int attr_count) {
    size_t i = hash_key(op, inputs, input_count, attrs, attr_count) & table->mask;
    while (table->slots[i] && !node_matches(table->slots[i], op, inputs, input_count, attrs))
        i = (i + 1) & table->mask;
    return &table->slots[i];
}

static void table_grow(NodeTable *table) {
    Node **old = table->slots;
    size_t old_size = table->mask + 1;
    table->mask = 2 * old_size - 1;
    table->slots = xcalloc(table->mask + 1, sizeof(Node *));
    for (size_t i = 0; i < old_size; i++) {
        if (old[i])
            *table_find(table, old[i]->op, old[i]->inputs, old[i]->input_count, old[i]->attrs,
                        old[i]->attr_count) = old[i];
    }
    free(old);
}

/* Puts the attributes in the row's order; false with a message when some lack or are too many. */
static bool order_attrs(Graph *graph, Op op, const Attr *attrs, int attr_count,
                        Attr ordered[MAX_OP_ATTRS]) {
    int count = 0, length;
    for (const char *word = op_info(op)->attrs; (word = word_next(word, &length)); word += length) {
        const Attr *found = NULL;
        for (int i = 0; i < attr_count && !found; i++) {
            const char *name = attr_name(attrs[i].name);
            if (strncmp(name, word, (size_t)length) == 0 && name[length] == 0) found = &attrs[i];
        }
        if (!found) {
            buf_printf(&graph->error, "%s: missing attribute %.*s", op_info(op)->name, length,
                       word);
            return false;
        }
        ordered[count++] = *found;
    }
    if (count == attr_count) return true;
    buf_printf(&graph->error, "%s: takes %d attributes (%s), got %d", op_info(op)->name, count,
               op_info(op)->attrs, attr_count);
    return false;
}

static Attr copy_attr(Arena *arena, const Attr *attr) {
    Attr copy = *attr;
    switch (attr_kind(attr->name)) {
    case ATTR_KIND_INTS:
        copy.ints.items =
            arena_copy(arena, attr->ints.items, (size_t)attr->ints.count, sizeof(int64_t));
        break;
    case ATTR_KIND_TEXT:
        copy.text = arena_strdup(arena, attr->text);
        break;
    case ATTR_KIND_DATA:
        copy.data.bytes = arena_copy(arena, attr->data.bytes, attr->data.size, 1);
        break;
    default:
        break;
    }
    return copy;
}

/* Appends a node whose types are those that `context` inferred. */
static Node *append_node(Graph *graph, const InferContext *context, Node *const *inputs,
                         Span span) {
    Arena *arena = graph->arena;
    Node *node = ARENA_NEW(arena, Node);
    node->id = (uint32_t)graph->nodes.count;
    node->op = context->op;
    node->type = context->results[0];
    int more = op_info(context->op)->results - 1;
    node->more_types = arena_copy(arena, context->results + 1, (size_t)more, sizeof(Type));
    node->inputs = arena_copy(arena, inputs, (size_t)context->input_count, sizeof(Node *));
    node->input_count = context->input_count;
    Attr *attrs = ARENA_ARRAY(arena, Attr, (size_t)context->attr_count);
    for (int i = 0; i < context->attr_count; i++)
        attrs[i] = copy_attr(arena, &context->attrs[i]);
    node->attrs = attrs;
    node->attr_count = context->attr_count;
    node->span = span;
    VEC_PUSH(graph->nodes, node);
    return node;
}

/* The node that computes the same from swapped operands, or NULL. */
static Node *find_swapped(NodeTable *table, Op op, Node *const *inputs, int input_count) {
    if (!(op_info(op)->traits & TRAIT_COMMUTES) || input_count != 2) return NULL;
    Node *swapped[2] = {inputs[1], inputs[0]};
    return *table_find(table, op, swapped, 2, NULL, 0);
}

/* A node to be: its attributes in storage order. */
typedef struct NewNode {
    Op op;
    Node *const *inputs;
    int input_count;
    const Attr *attrs;
    int attr_count;
    Span span;
    bool again;
    const Node *alike; /* has the types that this one will have; NULL: the op's rule tells them */
} NewNode;

static bool find_types(Graph *graph, const NewNode *wanted, InferContext *context) {
    const Node *alike = wanted->alike;
    if (alike) {
        context->results[0] = alike->type;
        for (int i = 1; i < op_info(alike->op)->results; i++)
            context->results[i] = alike->more_types[i - 1];
        return true;
    }
    const Type *few[8];
    const Type **types = few;
    if (wanted->input_count > 8)
        types = ARENA_ARRAY(graph->arena, const Type *, (size_t)wanted->input_count);
    for (int i = 0; i < wanted->input_count; i++)
        types[i] = &wanted->inputs[i]->type;
    context->inputs = types;
    return infer(context);
}

static Node *add(Graph *graph, const NewNode *wanted) {
    Node *const *inputs = wanted->inputs;
    for (int i = 0; i < wanted->input_count; i++)
        NNC_CHECK(inputs[i] && inputs[i]->id < graph->nodes.count &&
                      graph->nodes.items[inputs[i]->id] == inputs[i],
                  "operand %d of %s is not a node of graph %s", i, op_info(wanted->op)->name,
                  graph->name);
    NodeTable *table = graph->table;
    Node **slot = NULL;
    if (wanted->op != OP_input && !wanted->again) {
        if (table->count * 2 > table->mask) table_grow(table);
        slot = table_find(table, wanted->op, inputs, wanted->input_count, wanted->attrs,
                          wanted->attr_count);
        if (*slot) return *slot;
        Node *equal = find_swapped(table, wanted->op, inputs, wanted->input_count);
        if (equal) return equal;
    }
    InferContext context = {.op = wanted->op,
                            .input_count = wanted->input_count,
                            .nodes = inputs,
                            .attrs = wanted->attrs,
                            .attr_count = wanted->attr_count,
                            .error = &graph->error};
    if (!find_types(graph, wanted, &context)) return NULL;
    Node *node = append_node(graph, &context, inputs, wanted->span);
    node->again = wanted->again;
    if (slot) {
        *slot = node;
        table->count++;
    }
    return node;
}

static Node *order_and_add(Graph *graph, Op op, Node *const *inputs, int input_count,
                           const Attr *attrs, int attr_count, Span span, bool again) {
    buf_clear(&graph->error);
    Attr ordered[MAX_OP_ATTRS];
    if (!order_attrs(graph, op, attrs, attr_count, ordered)) return NULL;
    return add(graph, &(NewNode){op, inputs, input_count, ordered, attr_count, span, again, NULL});
}

Node *graph_add(Graph *graph, Op op, Node *const *inputs, int input_count, const Attr *attrs,
                int attr_count, Span span) {
    NNC_CHECK(op != OP_input, "inputs are made by graph_input");
    return order_and_add(graph, op, inputs, input_count, attrs, attr_count, span, false);
}

Node *graph_add_again(Graph *graph, Op op, Node *const *inputs, int input_count, const Attr *attrs,
                      int attr_count, Span span) {
    NNC_CHECK(op != OP_input, "inputs are made by graph_input");
    return order_and_add(graph, op, inputs, input_count, attrs, attr_count, span, true);
}

Node *graph_input(Graph *graph, const char *name, Type type, InputRole role, int slot) {
    Attr attrs[] = {attr_int(ATTR_index, (int64_t)graph->inputs.count),
                    attr_ints(ATTR_shape, type.dim, type.rank), attr_dtype(type.dtype)};
    Node *node = order_and_add(graph, OP_input, NULL, 0, attrs, 3, (Span){0}, false);
    NNC_CHECK(node, "input %s: %s", name, buf_text(&graph->error));
    node->name = arena_strdup(graph->arena, name);
    VEC_PUSH(graph->inputs, (GraphInput){node, node->name, role, slot});
    return node;
}

void graph_output(Graph *graph, const char *name, Node *value, OutputRole role, int updates) {
    NNC_CHECK(op_info(value->op)->results == 1, "output %s has several results", name);
    NNC_CHECK(role == OUT_RESULT ||
                  (updates >= 0 && (size_t)updates < graph->inputs.count &&
                   type_equal(&graph->inputs.items[updates].node->type, &value->type)),
              "output %s updates input %d", name, updates);
    VEC_PUSH(graph->outputs, (GraphOutput){value, arena_strdup(graph->arena, name), role,
                                           role == OUT_UPDATE ? updates : -1});
}

/* Whether the same op with these operands has the node's types: its operands' are the same. Where
 * an operand has several results, its first type doesn't tell. */
static bool has_types_of(const Node *node, Node *const *inputs) {
    for (int i = 0; i < node->input_count; i++)
        if (op_info(inputs[i]->op)->results > 1 ||
            !type_equal(&inputs[i]->type, &node->inputs[i]->type))
            return false;
    return true;
}

Node *graph_copy_node(Graph *to, const Node *node, Node *const *inputs) {
    NNC_CHECK(node->op != OP_input, "inputs are made by graph_input");
    NewNode wanted = {.op = node->op,
                      .inputs = inputs,
                      .input_count = node->input_count,
                      .attrs = node->attrs,
                      .attr_count = node->attr_count,
                      .span = node->span,
                      .again = node->again,
                      .alike = has_types_of(node, inputs) ? node : NULL};
    buf_clear(&to->error);
    Node *copy = add(to, &wanted);
    NNC_CHECK(copy, "copying %%%u: %s", node->id, buf_text(&to->error));
    if (node->name && !copy->name) copy->name = arena_strdup(to->arena, node->name);
    return copy;
}

const Attr *node_attr(const Node *node, AttrName name) {
    for (int i = 0; i < node->attr_count; i++) {
        if (node->attrs[i].name == name) return &node->attrs[i];
    }
    NNC_BUG("%s has no attribute %s", op_info(node->op)->name, attr_name(name));
}

int64_t node_int(const Node *node, AttrName name) {
    return node_attr(node, name)->i;
}

double node_float(const Node *node, AttrName name) {
    return node_attr(node, name)->f;
}

const int64_t *node_ints(const Node *node, AttrName name, int *count) {
    const Attr *attr = node_attr(node, name);
    if (count) *count = attr->ints.count;
    return attr->ints.items;
}

const Type *node_type(const Node *node, int result) {
    return result == 0 ? &node->type : &node->more_types[result - 1];
}

Attr attr_int(AttrName name, int64_t value) {
    return (Attr){.name = name, .i = value};
}

Attr attr_float(AttrName name, double value) {
    return (Attr){.name = name, .f = value};
}

Attr attr_dtype(DType dtype) {
    return (Attr){.name = ATTR_dtype, .dtype = dtype};
}

Attr attr_text(AttrName name, const char *text) {
    return (Attr){.name = name, .text = text};
}

Attr attr_ints(AttrName name, const int64_t *items, int count) {
    return (Attr){.name = name, .ints = {items, count}};
}

Attr attr_data(const void *bytes, size_t size) {
    return (Attr){.name = ATTR_data, .data = {bytes, size}};
}

uint32_t *graph_use_counts(const Graph *graph, Arena *arena) {
    uint32_t *uses = ARENA_ARRAY(arena, uint32_t, graph->nodes.count);
    for (size_t i = 0; i < graph->nodes.count; i++) {
        const Node *node = graph->nodes.items[i];
        for (int k = 0; k < node->input_count; k++)
            uses[node->inputs[k]->id]++;
    }
    for (size_t i = 0; i < graph->outputs.count; i++)
        uses[graph->outputs.items[i].value->id]++;
    return uses;
}
