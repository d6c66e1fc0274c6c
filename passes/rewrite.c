/* Rebuilding a graph: inputs first, in order, so that their numbers stay. */
#include "passes/rewrite.h"

#include "passes/analyze.h"
#include "support/checked.h"

Rewrite rewrite_begin(const Graph *from, PassContext *context) {
    Rewrite rewrite = {
        .from = from,
        .to = graph_new(context->arena, from->name),
        .map = ARENA_ARRAY(context->arena, Node *, from->nodes.count),
        .live = graph_live(from, context->arena),
    };
    for (size_t i = 0; i < from->inputs.count; i++) {
        const GraphInput *input = &from->inputs.items[i];
        Node *node =
            graph_input(rewrite.to, input->name, input->node->type, input->role, input->slot);
        rewrite_set(&rewrite, input->node, node);
        rewrite.live[input->node->id] = false;
    }
    return rewrite;
}

Node **rewrite_inputs(Rewrite *rewrite, const Node *node) {
    rewrite->to->span = node->span;
    Node **inputs = ARENA_ARRAY(rewrite->to->arena, Node *, (size_t)node->input_count);
    for (int i = 0; i < node->input_count; i++) {
        inputs[i] = rewrite->map[node->inputs[i]->id];
        NNC_CHECK(inputs[i] != NULL, "%%%u was not rewritten", node->inputs[i]->id);
    }
    return inputs;
}

Node *rewrite_copy(Rewrite *rewrite, const Node *node) {
    return graph_copy_node(rewrite->to, node, rewrite_inputs(rewrite, node));
}

void rewrite_set(Rewrite *rewrite, const Node *node, Node *replacement) {
    rewrite->map[node->id] = replacement;
    if (replacement->name == NULL) replacement->name = node->name;
}

Graph *rewrite_finish(Rewrite *rewrite) {
    for (size_t i = 0; i < rewrite->from->outputs.count; i++) {
        const GraphOutput *output = &rewrite->from->outputs.items[i];
        graph_output(rewrite->to, output->name, rewrite->map[output->value->id], output->role,
                     output->updates);
    }
    return rewrite->to;
}
