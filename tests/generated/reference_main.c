/* nnc_reference: `nnc run`, its graphs evaluated by the reference interpreter. What codegen offers
 * to run graphs with is defined here in its place. */
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "ir/interp.h"
#include "support/checked.h"

struct Executable {
    Arena arena;
    Graph *graph;
};

static Graph *copy_graph(const Graph *from, Arena *arena) {
    Graph *to = graph_new(arena, "reference");
    Node **copies = xcalloc(from->nodes.count + 1, sizeof *copies);
    for (size_t i = 0; i < from->inputs.count; i++) {
        const GraphInput *input = &from->inputs.items[i];
        copies[input->node->id] = graph_input(to, arena_strdup(arena, input->name),
                                              input->node->type, input->role, input->slot);
    }
    for (size_t i = 0; i < from->nodes.count; i++) {
        const Node *node = from->nodes.items[i];
        if (copies[node->id]) continue;
        Node **inputs = xcalloc((size_t)node->input_count + 1, sizeof *inputs);
        for (int k = 0; k < node->input_count; k++)
            inputs[k] = copies[node->inputs[k]->id];
        copies[node->id] = graph_copy_node(to, node, inputs);
        free(inputs);
    }
    for (size_t i = 0; i < from->outputs.count; i++) {
        const GraphOutput *output = &from->outputs.items[i];
        graph_output(to, arena_strdup(arena, output->name), copies[output->value->id], output->role,
                     output->updates);
    }
    free(copies);
    return to;
}

Executable *executable_new(const Graph *graph, const CodegenOptions *options, Buf *error) {
    (void)options;
    (void)error;
    Executable *executable = xcalloc(1, sizeof *executable);
    executable->graph = copy_graph(graph, &executable->arena);
    return executable;
}

bool executable_run(Executable *executable, const void *const *inputs, void *const *outputs,
                    Buf *error) {
    const Graph *graph = executable->graph;
    Arena arena = {0};
    Tensor64 *in = ARENA_ARRAY(&arena, Tensor64, graph->inputs.count + 1);
    Tensor64 *out = ARENA_ARRAY(&arena, Tensor64, graph->outputs.count + 1);
    for (size_t i = 0; i < graph->inputs.count; i++)
        in[i] = tensor64_from_bytes(&arena, graph->inputs.items[i].node->type, inputs[i]);
    bool ok = interp_run(graph, in, out, ROUND_TO_TYPE, &arena, error);
    for (size_t i = 0; ok && i < graph->outputs.count; i++)
        tensor64_to_bytes(&out[i], outputs[i]);
    arena_free(&arena);
    return ok;
}

void executable_free(Executable *executable) {
    graph_free(executable->graph);
    arena_free(&executable->arena);
    free(executable);
}

/* There is one tier. */
Span executable_fault(const Executable *executable) {
    (void)executable;
    return (Span){0};
}
double executable_flops(const Executable *executable) {
    (void)executable;
    return 0;
}
bool executable_is_compiled(const Executable *executable) {
    (void)executable;
    return false;
}
bool executable_is_translated(const Executable *executable) {
    (void)executable;
    return false;
}
Compilation *compilation_start(Executable *const *executables, int count) {
    (void)executables;
    (void)count;
    return NULL;
}
bool compilation_is_done(const Compilation *compilation) {
    (void)compilation;
    return true;
}
bool compilation_finish(Compilation *compilation, NativeReport *report, Buf *error) {
    (void)compilation;
    (void)report;
    (void)error;
    return false;
}
void compilation_abandon(Compilation *compilation) {
    (void)compilation;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: nnc_reference FILE\n");
        return 2;
    }
    Sources sources;
    sources_init(&sources);
    sources.out = stderr;
    FrontendOptions options = {.file = sources_read(&sources, argv[1]),
                               .name = "reference",
                               .vector = "native",
                               .out = stdout,
                               .ends = true};
    int status = options.file ? frontend_run(&options, &sources) : 1;
    return fflush(stdout) == 0 ? status : 1;
}
