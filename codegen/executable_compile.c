/* The compiled tier: the plans' kernels printed as one C file with an entry function for each
 * executable, compiled and loaded. Constants stay where they are and are passed by address, so that
 * large ones needn't be printed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/c/file.h"
#include "codegen/executable_internal.h"
#include "support/checked.h"

/* "(const float *)inputs[0]"... */
static const char **input_names(Arena *arena, const Graph *graph) {
    const char **names = ARENA_ARRAY(arena, const char *, graph->inputs.count);
    for (size_t i = 0; i < graph->inputs.count; i++)
        names[i] = arena_printf(arena, "(const %s *)inputs[%zu]",
                                dtype_c_type(graph->inputs.items[i].node->type.dtype), i);
    return names;
}

static const char **output_names(Arena *arena, const Graph *graph) {
    const char **names = ARENA_ARRAY(arena, const char *, graph->outputs.count);
    for (size_t i = 0; i < graph->outputs.count; i++)
        names[i] = arena_printf(arena, "(%s *)outputs[%zu]",
                                dtype_c_type(graph->outputs.items[i].value->type.dtype), i);
    return names;
}

/* One entry function. The constants' addresses go to executable->constants. */
static void print_entry(Emitter *e, Executable *executable, int number, FileParts *parts) {
    Arena *arena = parts->arena;
    const Graph *graph = executable->graph;
    FilePlaces places = {.inputs = input_names(arena, graph),
                         .outputs = output_names(arena, graph),
                         .arena = "arena",
                         .constants = "constants",
                         .parts = parts};
    parts->constants.count = 0; // each has its own, which live as long as it does
    emit_line(e,
              "int nnc_entry_%d(const void *const *inputs, void *const *outputs, "
              "unsigned char *arena, const void *const *constants);",
              number);
    emit_line(e,
              "int nnc_entry_%d(const void *const *inputs, void *const *outputs, "
              "unsigned char *arena, const void *const *constants) {",
              number);
    emit_line(e, "(void)inputs, (void)outputs, (void)arena, (void)constants;");
    file_print_steps(e, &executable->plan->run, &places, NULL);
    emit_line(e, "return 0;");
    emit_line(e, "}");
    executable->constants = ARENA_ARRAY(&executable->arena, const void *, parts->constants.count);
    for (size_t i = 0; i < parts->constants.count; i++)
        executable->constants[i] = parts->constants.items[i].bytes;
}

static void print_file(Executable *const *executables, int count, Buf *out) {
    Arena arena = {0};
    FileParts parts = {.arena = &arena};
    Buf body = {0};
    Emitter entries = {.out = &body};
    for (int i = 0; i < count; i++)
        print_entry(&entries, executables[i], i, &parts);
    Emitter file = {.out = out};
    emit_line(&file, "#include <math.h>");
    emit_line(&file, "#include <stdint.h>");
    emit_line(&file, "#include <string.h>");
    file_print_kernels(&file, &parts);
    buf_add(out, body.data, body.size);
    buf_free(&body);
    file_parts_free(&parts);
    arena_free(&arena);
}

/* Between its start and its end the thread alone uses what stands behind `stop`. */
struct Compilation {
    Executable **executables;
    int count;
    pthread_t thread;
    bool threaded;
    ToolchainStop stop;
    Buf text;
    NativeReport report;
    Buf error;
    NativeModule *module;
    atomic_bool done;
};

static void *compile_text(void *argument) {
    Compilation *c = argument;
    c->module = native_load(buf_text(&c->text), &c->stop, &c->report, &c->error);
    atomic_store(&c->done, true);
    return NULL;
}

Compilation *compilation_start(Executable *const *executables, int count) {
    Compilation *c = xcalloc(1, sizeof *c);
    c->executables = xcalloc((size_t)count, sizeof(Executable *));
    memcpy(c->executables, executables, (size_t)count * sizeof(Executable *));
    c->count = count;
    pthread_mutex_init(&c->stop.lock, NULL);
    print_file(executables, count, &c->text);
    c->threaded = pthread_create(&c->thread, NULL, compile_text, c) == 0;
    if (!c->threaded) compile_text(c);
    return c;
}

bool compilation_is_done(const Compilation *compilation) {
    return atomic_load(&compilation->done);
}

static void compilation_free(Compilation *c) {
    pthread_mutex_destroy(&c->stop.lock);
    buf_free(&c->text);
    buf_free(&c->error);
    free(c->executables);
    free(c);
}

/* From here on the executables use the module's code. */
static void use_module(const Compilation *c) {
    CompiledBatch *batch = xmalloc(sizeof *batch);
    *batch = (CompiledBatch){.module = c->module, .users = c->count};
    for (int i = 0; i < c->count; i++) {
        char name[32];
        snprintf(name, sizeof name, "nnc_entry_%d", i);
        void *symbol = native_symbol(c->module, name);
        NNC_CHECK(symbol, "the compiled file has no %s", name);
        executable_unload(c->executables[i]);
        c->executables[i]->batch = batch;
        /* POSIX promises that the conversion works; ISO C has no way to say it but by bytes. */
        memcpy(&c->executables[i]->entry, &symbol, sizeof symbol);
    }
}

bool compilation_finish(Compilation *compilation, NativeReport *report, Buf *error) {
    if (compilation->threaded) pthread_join(compilation->thread, NULL);
    *report = compilation->report;
    bool good = compilation->module != NULL;
    if (good)
        use_module(compilation);
    else
        buf_puts(error, buf_text(&compilation->error));
    compilation_free(compilation);
    return good;
}

void compilation_abandon(Compilation *compilation) {
    if (!compilation) return;
    toolchain_stop(&compilation->stop);
    if (compilation->threaded) pthread_join(compilation->thread, NULL);
    native_unload(compilation->module);
    compilation_free(compilation);
}

bool executable_compile(Executable *const *executables, int count, NativeReport *report,
                        Buf *error) {
    return compilation_finish(compilation_start(executables, count), report, error);
}

void executable_unload(Executable *executable) {
    CompiledBatch *batch = executable->batch;
    executable->batch = NULL;
    executable->entry = NULL;
    if (!batch || --batch->users > 0) return;
    native_unload(batch->module);
    free(batch);
}
