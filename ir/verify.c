/* The verifier: recomputes what graph_add promised and names the first node that breaks it. */
#include "ir/verify.h"

#include <string.h>

#include "ir/infer.h"

static bool fail(Buf *error, const Node *node, const char *message) {
    buf_printf(error, "%%%u = %s: %s", node->id,
               node->op < OP_COUNT ? op_info(node->op)->name : "?", message);
    return false;
}

static bool verify_attrs(const Node *node, Buf *error) {
    int count = 0, length;
    for (const char *word = op_info(node->op)->attrs; (word = word_next(word, &length));
         word += length) {
        if (count == node->attr_count) return fail(error, node, "an attribute is missing");
        const char *name = attr_name(node->attrs[count++].name);
        if (strncmp(name, word, (size_t)length) != 0 || name[length] != 0)
            return fail(error, node, "attributes are out of order");
    }
    return count == node->attr_count || fail(error, node, "too many attributes");
}

static bool verify_types(const Node *node, Arena *arena, Buf *error) {
    const Type **types = ARENA_ARRAY(arena, const Type *, (size_t)node->input_count);
    for (int i = 0; i < node->input_count; i++)
        types[i] = &node->inputs[i]->type;
    Buf message = {0};
    InferContext context = {.op = node->op,
                            .inputs = types,
                            .input_count = node->input_count,
                            .nodes = node->inputs,
                            .attrs = node->attrs,
                            .attr_count = node->attr_count,
                            .error = &message};
    bool ok = infer(&context);
    if (!ok) fail(error, node, buf_text(&message));
    for (int i = 0; ok && i < op_info(node->op)->results; i++) {
        if (!type_equal(node_type(node, i), &context.results[i]))
            ok = fail(error, node, "its type is not what its rule gives");
    }
    buf_free(&message);
    return ok;
}

static bool verify_node(const Graph *graph, size_t id, Arena *arena, Buf *error) {
    const Node *node = graph->nodes.items[id];
    if (node->id != id) return fail(error, node, "its id is not its position");
    if (node->op >= OP_COUNT) return fail(error, node, "no such op");
    for (int i = 0; i < node->input_count; i++) {
        const Node *input = node->inputs[i];
        if (!input || input->id >= id || graph->nodes.items[input->id] != input)
            return fail(error, node, "an operand does not come before it");
    }
    return verify_attrs(node, error) && verify_types(node, arena, error);
}

static bool has_node(const Graph *graph, const Node *node) {
    return node->id < graph->nodes.count && graph->nodes.items[node->id] == node;
}

bool graph_verify(const Graph *graph, Buf *error) {
    Arena arena = {0};
    bool ok = true;
    size_t input_count = 0;
    for (size_t i = 0; ok && i < graph->nodes.count; i++) {
        ok = verify_node(graph, i, &arena, error);
        input_count += graph->nodes.items[i]->op == OP_input;
    }
    arena_free(&arena);
    if (ok && input_count != graph->inputs.count) {
        buf_printf(error, "%zu input nodes, %zu inputs", input_count, graph->inputs.count);
        return false;
    }
    for (size_t i = 0; ok && i < graph->inputs.count; i++) {
        const Node *node = graph->inputs.items[i].node;
        if (!has_node(graph, node) || node->op != OP_input ||
            node_int(node, ATTR_index) != (int64_t)i)
            ok = fail(error, node, "not the input that the graph lists");
    }
    for (size_t i = 0; ok && i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (!has_node(graph, output->value)) return fail(error, output->value, "a foreign output");
        if (op_info(output->value->op)->results != 1)
            return fail(error, output->value, "an output with several results");
        if (output->role != OUT_UPDATE) continue;
        if (output->updates < 0 || (size_t)output->updates >= graph->inputs.count ||
            !type_equal(&graph->inputs.items[output->updates].node->type, &output->value->type))
            return fail(error, output->value, "an update that doesn't fit its input");
    }
    return ok;
}
