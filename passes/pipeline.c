/* The pass manager: the table, the runner, dumps and verification between passes. */
#include <string.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "passes/passes.h"
#include "support/checked.h"

static const PassInfo TABLE[] = {
#define PASS(name, level, doc) {#name, pass_##name, level, doc},
#include "passes/passes.def"
#undef PASS
    {0},
};

const PassInfo *pass_table(void) {
    return TABLE;
}

static const PassInfo *find(const char *name, size_t length) {
    for (const PassInfo *pass = TABLE; pass->name != NULL; pass++)
        if (strlen(pass->name) == length && memcmp(pass->name, name, length) == 0) return pass;
    return NULL;
}

const PassInfo *pass_find(const char *name) {
    return find(name, strlen(name));
}

bool passes_check_list(const char *list, Buf *error) {
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length > 0 && find(at, length) == NULL) {
            buf_printf(error, "unknown pass '%.*s'; there are:", (int)length, at);
            for (const PassInfo *pass = TABLE; pass->name != NULL; pass++)
                if (pass_find(pass->name) == pass) buf_printf(error, " %s", pass->name);
            return false;
        }
        at += length + (at[length] == ',');
    }
    return true;
}

static void check(const Graph *graph, const char *after) {
    Buf error = {0};
    if (graph_verify(graph, &error)) {
        buf_free(&error);
        return;
    }
    Buf text = {0};
    graph_print(&text, graph, NULL);
    NNC_BUG("after %s: %s\n%s", after, buf_text(&error), buf_text(&text));
}

static void dump(const Graph *graph, const char *name, const PassContext *context) {
    if (context->dump == NULL || context->dump_out == NULL) return;
    const char *wanted = context->dump;
    if (strncmp(wanted, "after:", 6) != 0) return;
    if (strcmp(wanted + 6, "all") != 0 && strcmp(wanted + 6, name) != 0) return;
    buf_printf(context->dump_out, "// after %s\n", name);
    graph_print(context->dump_out, graph, context->sources);
}

/* Runs one pass; graphs own growing arrays beside the arena, so the one before is freed. */
static Graph *step(const PassInfo *pass, const Graph *graph, Graph *owned, PassContext *context) {
    Graph *result = pass->run(owned != NULL ? owned : graph, context);
    if (context->verify) check(result, pass->name);
    dump(result, pass->name, context);
    if (owned != NULL) graph_free(owned);
    return result;
}

Graph *passes_run(const Graph *graph, int level, const char *list, PassContext *context) {
    Graph *owned = NULL; /* NULL until a pass ran */
    if (list == NULL) {
        for (const PassInfo *pass = TABLE; pass->name != NULL; pass++)
            if (pass->level <= level) owned = step(pass, graph, owned, context);
    } else {
        while (*list != '\0') {
            size_t length = strcspn(list, ",");
            const PassInfo *pass = find(list, length);
            NNC_CHECK(pass != NULL || length == 0, "unknown pass in '%s'", list);
            if (pass != NULL) owned = step(pass, graph, owned, context);
            list += length + (list[length] == ',');
        }
    }
    return owned != NULL ? owned : pass_dce(graph, context);
}
