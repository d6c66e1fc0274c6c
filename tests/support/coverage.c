/* Records of the ops that tests ran: a line for each op with its number of runs and its types. */
#include "tests/support/coverage.h"

#include <stdlib.h>
#include <string.h>

#include "support/file.h"

void coverage_node(Coverage *coverage, const Node *node) {
    coverage->count[node->op]++;
    coverage->dtypes[node->op] |= 1u << node->type.dtype;
    for (int i = 0; i < node->input_count; i++)
        coverage->dtypes[node->op] |= 1u << node->inputs[i]->type.dtype;
}

void coverage_graph(Coverage *coverage, const Graph *graph) {
    for (size_t i = 0; i < graph->nodes.count; i++)
        coverage_node(coverage, graph->nodes.items[i]);
}

static void put_path(Buf *path, const char *folder, const char *record) {
    buf_printf(path, "%s/%s.txt", folder, record);
}

void coverage_write(const Coverage *coverage, const char *record) {
    const char *folder = getenv("NNC_COVERAGE");
    if (!folder) return;
    Buf path = {0}, text = {0}, error = {0};
    put_path(&path, folder, record);
    for (int op = 0; op < OP_COUNT; op++)
        buf_printf(&text, "%s %d %u\n", op_info((Op)op)->name, coverage->count[op],
                   coverage->dtypes[op]);
    if (!file_write(buf_text(&path), buf_text(&text), text.size, &error)) {
        fprintf(stderr, "%s\n", buf_text(&error));
        abort();
    }
    buf_free(&path);
    buf_free(&text);
}

bool coverage_read(Coverage *coverage, const char *folder, const char *record, Buf *error) {
    Buf path = {0}, text = {0};
    put_path(&path, folder, record);
    bool ok = file_read(buf_text(&path), &text, error);
    char *rest = ok ? text.data : NULL;
    for (int i = 0; ok && i < OP_COUNT; i++) {
        Op op;
        char *space = strchr(rest, ' ');
        if (space) *space = '\0';
        ok = space && op_from_name(rest, &op);
        if (!ok) {
            buf_printf(error, "%s is not of this table of ops", buf_text(&path));
            break;
        }
        coverage->count[op] += (int)strtol(space + 1, &rest, 10);
        coverage->dtypes[op] |= (uint32_t)strtoul(rest, &rest, 10);
        rest += *rest == '\n';
    }
    buf_free(&path);
    buf_free(&text);
    return ok;
}
