/* Any bytes through the IR's text parser: no crash, no leak, no refusal without a message; what is
 * accepted verifies and prints to a text that is read back to the same text. */
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"
#include "ir/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Graph *read_text(Arena *arena, Sources *sources, const void *data, size_t size) {
    uint16_t file = sources_add(sources, "fuzz.ir", data, size);
    Graph *graph = file ? graph_parse(arena, sources, file) : NULL;
    if (!graph && sources->errors == 0) abort(); /* refused without a message */
    return graph;
}

static void check(Arena *arena, Sources *sources, const Graph *graph) {
    Buf first = {0}, second = {0}, error = {0};
    if (!graph_verify(graph, &error)) abort();
    graph_print(&first, graph, sources);
    Graph *back = read_text(arena, sources, first.data, first.size);
    if (!back) abort();
    graph_print(&second, back, sources);
    if (strcmp(buf_text(&first), buf_text(&second)) != 0) abort();
    graph_free(back);
    buf_free(&first);
    buf_free(&second);
    buf_free(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena = {0};
    Sources sources;
    Buf log = {0};
    sources_init(&sources);
    sources.log = &log;
    Graph *graph = read_text(&arena, &sources, data, size);
    if (graph) {
        check(&arena, &sources, graph);
        graph_free(graph);
    }
    buf_free(&log);
    sources_free(&sources);
    arena_free(&arena);
    return 0;
}
