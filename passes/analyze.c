/* Facts by node id, each found in one sweep over the graph. */
#include "passes/analyze.h"

bool *graph_param_only(const Graph *graph, Arena *arena) {
    bool *known = ARENA_ARRAY(arena, bool, graph->nodes.count);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const GraphInput *input = &graph->inputs.items[i];
        known[input->node->id] = input->role == ROLE_PARAM || input->role == ROLE_BUFFER;
    }
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        if (node->op == OP_input) continue;
        known[id] = true;
        for (int i = 0; i < node->input_count; i++)
            known[id] = known[id] && known[node->inputs[i]->id];
    }
    return known;
}

bool *graph_live(const Graph *graph, Arena *arena) {
    bool *live = ARENA_ARRAY(arena, bool, graph->nodes.count);
    for (size_t i = 0; i < graph->outputs.count; i++)
        live[graph->outputs.items[i].value->id] = true;
    for (size_t id = graph->nodes.count; id-- > 0;) {
        const Node *node = graph->nodes.items[id];
        for (int i = 0; live[id] && i < node->input_count; i++)
            live[node->inputs[i]->id] = true;
    }
    return live;
}

uint32_t *graph_live_uses(const Graph *graph, const bool *live, Arena *arena) {
    uint32_t *uses = ARENA_ARRAY(arena, uint32_t, graph->nodes.count);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        for (int i = 0; live[id] && i < node->input_count; i++)
            uses[node->inputs[i]->id]++;
    }
    for (size_t i = 0; i < graph->outputs.count; i++)
        uses[graph->outputs.items[i].value->id]++;
    return uses;
}
