/* The pass manager: the table, the runner, dumps and verification between passes. */
#include <string.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "passes/passes.h"
#include "support/checked.h"

static const PassInfo TABLE[] = {
#define PASS(name, level, doc) {#name, pass_##name, level, doc},
#define ANNOTATION(name, level, doc) {#name, NULL, level, doc},
#include "passes/passes.def"
#undef PASS
#undef ANNOTATION
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

bool pass_is_dumped(const char *dump, const char *name) {
    if (dump == NULL || strncmp(dump, "after:", 6) != 0) return false;
    return strcmp(dump + 6, "all") == 0 || strcmp(dump + 6, name) == 0;
}

bool passes_include(int level, const char *list, const char *name) {
    if (list == NULL) return pass_find(name)->level <= level;
    for (; *list != '\0'; list += strcspn(list, ","), list += *list == ',')
        if (find(list, strcspn(list, ",")) == pass_find(name)) return true;
    return false;
}

static void dump(const Graph *graph, const char *name, const PassContext *context) {
    if (context->dump_out == NULL || !pass_is_dumped(context->dump, name)) return;
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
            if (pass->run != NULL && pass->level <= level)
                owned = step(pass, graph, owned, context);
    } else {
        while (*list != '\0') {
            size_t length = strcspn(list, ",");
            const PassInfo *pass = find(list, length);
            NNC_CHECK(pass != NULL || length == 0, "unknown pass in '%s'", list);
            if (pass != NULL && pass->run != NULL) owned = step(pass, graph, owned, context);
            list += length + (list[length] == ',');
        }
    }
    return owned != NULL ? owned : pass_dce(graph, context);
}
