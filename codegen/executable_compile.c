/* The compiled tier: the plan's kernels printed as one C file with one entry function, made into a
 * shared library by the system's compiler and loaded. Constants stay where they are and are passed
 * by address, so that large ones needn't be printed. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/c/file.h"
#include "codegen/executable_internal.h"
#include "codegen/native/toolchain.h"
#include "support/checked.h"

static const char **numbered(Arena *arena, const char *array, size_t count) {
    const char **names = ARENA_ARRAY(arena, const char *, count);
    for (size_t i = 0; i < count; i++)
        names[i] = arena_printf(arena, "%s[%zu]", array, i);
    return names;
}

/* The file's text. Its constants' addresses go to executable->constants. */
static void print_file(Executable *executable, Buf *out) {
    Arena *arena = &executable->arena;
    const Graph *graph = executable->graph;
    FileParts parts = {.arena = arena};
    FilePlaces places = {.inputs = numbered(arena, "inputs", graph->inputs.count),
                         .outputs = numbered(arena, "outputs", graph->outputs.count),
                         .arena = "arena",
                         .constants = "constants",
                         .parts = &parts};
    Buf body = {0};
    Emitter entry = {.out = &body};
    emit_line(&entry, "int nnc_entry(const void *const *inputs, void *const *outputs, "
                      "unsigned char *arena, const void *const *constants);");
    emit_line(&entry, "int nnc_entry(const void *const *inputs, void *const *outputs, "
                      "unsigned char *arena, const void *const *constants) {");
    emit_line(&entry, "(void)inputs, (void)outputs, (void)arena, (void)constants;");
    file_print_steps(&entry, &executable->plan->run, &places, NULL);
    emit_line(&entry, "return 0;");
    emit_line(&entry, "}");
    Emitter file = {.out = out};
    emit_line(&file, "#include <math.h>");
    emit_line(&file, "#include <stdint.h>");
    emit_line(&file, "#include <string.h>");
    file_print_kernels(&file, &parts, NULL);
    buf_add(out, body.data, body.size);
    buf_free(&body);
    executable->constants = ARENA_ARRAY(arena, const void *, parts.constants.count);
    for (size_t i = 0; i < parts.constants.count; i++) {
        executable->constants[i] = parts.constants.items[i].bytes;
    }
    file_parts_free(&parts);
}

static bool load(Executable *executable, const char *path, Buf *error) {
    executable->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!executable->library) {
        buf_printf(error, "compiled kernels can't be loaded: %s", dlerror());
        return false;
    }
    void *symbol = dlsym(executable->library, "nnc_entry");
    NNC_CHECK(symbol, "the compiled file has no entry");
    /* POSIX promises that the conversion works; ISO C has no way to say it but by bytes. */
    memcpy(&executable->entry, &symbol, sizeof symbol);
    return true;
}

bool executable_compile(Executable *executable, Buf *error) {
    if (executable->entry) return true;
    const char *base = getenv("TMPDIR");
    char *directory =
        arena_printf(&executable->arena, "%s/nnc-run-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(directory)) {
        buf_printf(error, "can't make a temporary directory %s", directory);
        return false;
    }
    Buf text = {0};
    print_file(executable, &text);
    ToolchainFile file = {"kernels.c", buf_text(&text)};
    ToolchainJob job = {.kind = TOOLCHAIN_SHARED,
                        .files = &file,
                        .file_count = 1,
                        .output = arena_printf(&executable->arena, "%s/kernels.so", directory),
                        .level = 2};
    bool good = toolchain_run(&job, error) && load(executable, job.output, error);
    unlink(job.output);
    rmdir(directory);
    buf_free(&text);
    return good;
}

void executable_unload(Executable *executable) {
    if (executable->library) dlclose(executable->library);
    executable->library = NULL;
    executable->entry = NULL;
}
