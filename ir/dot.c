/* Graphs for Graphviz: a box a node with op, type and name; inputs and outputs as ellipses. */
#include "ir/text.h"
#include "ir/text_names.h"

/* Inside a quoted label: quotes and backslashes escaped, control characters dropped. */
static void put_label(Buf *out, const char *text) {
    for (const char *at = text; *at; at++) {
        if (*at == '"' || *at == '\\') buf_putc(out, '\\');
        if ((unsigned char)*at >= ' ') buf_putc(out, *at);
    }
}

void graph_dot(Buf *out, const Graph *graph) {
    Arena scratch = {0};
    uint32_t *numbers = text_numbers(graph, &scratch);
    buf_puts(out, "digraph \"");
    put_label(out, graph->name);
    buf_puts(out, "\" {\n  node [shape=box, fontname=\"monospace\"];\n");
    for (size_t i = 0; i < graph->nodes.count; i++) {
        const Node *node = graph->nodes.items[i];
        buf_printf(out, "  n%u [label=\"%s", numbers[i], op_info(node->op)->name);
        if (node->name) {
            buf_puts(out, " ");
            put_label(out, node->name);
        }
        buf_puts(out, "\\n");
        type_print(out, &node->type);
        buf_puts(out, node->op == OP_input ? "\", shape=ellipse];\n" : "\"];\n");
        for (int k = 0; k < node->input_count; k++)
            buf_printf(out, "  n%u -> n%u;\n", numbers[node->inputs[k]->id], numbers[i]);
    }
    for (size_t i = 0; i < graph->outputs.count; i++) {
        buf_printf(out, "  out%zu [label=\"", i);
        put_label(out, graph->outputs.items[i].name);
        buf_printf(out, "\", shape=ellipse];\n  n%u -> out%zu;\n",
                   numbers[graph->outputs.items[i].value->id], i);
    }
    buf_puts(out, "}\n");
    arena_free(&scratch);
}
