/* Emitted text of small programs, kept under tests/golden and reviewed when it changes:
 * NNC_BLESS=1 writes it anew. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "ir/build.h"
#include "support/file.h"
#include "tests/support/programs.h"

static void check_golden(const char *name, const Buf *text) {
    Arena arena = {0};
    Buf expected = {0}, error = {0};
    const char *path = arena_printf(&arena, "%s/tests/golden/%s", NNC_SOURCE_DIR, name);
    if (getenv("NNC_BLESS")) {
        cr_assert(file_write(path, text->data, text->size, &error), "%s", buf_text(&error));
    } else {
        cr_assert(file_read(path, &expected, &error), "%s", buf_text(&error));
        cr_expect_str_eq(buf_text(text), buf_text(&expected), "%s has changed:\n%s", name,
                         buf_text(text));
    }
    buf_free(&expected);
    arena_free(&arena);
}

/* The text without the lines that say how much memory is used: that is the schedules' business. */
static Buf without_sizes(const Buf *text) {
    Buf out = {0};
    for (const char *line = buf_text(text), *end; (end = strchr(line, '\n')); line = end + 1) {
        size_t size = (size_t)(end - line) + 1;
        const char *bytes = strstr(line, "_BYTES ");
        bool sized = bytes && bytes < end && strncmp(line, "#define", 7) == 0;
        if (!sized) buf_add(&out, line, size);
    }
    return out;
}

/* output = x * scale + 1, scale a parameter: elementwise kernels change seldom. */
static Program *affine(Arena *arena) {
    Program *program = ARENA_NEW(arena, Program);
    Type type = type_make(DT_F32, 2, (const int64_t[]){2, 3});
    program->arena = arena;
    program->name = "affine";
    program->source_path = "affine.nn";
    program->sources = ARENA_NEW(arena, Sources);
    sources_init(program->sources);
    Graph *graph = graph_new(arena, "forward");
    Node *x = graph_input(graph, "x", type, ROLE_DATA, 0);
    Node *scale = graph_input(graph, "scale", type, ROLE_PARAM, 0);
    Node *y = build_binary(graph, OP_add, build_binary(graph, OP_mul, x, scale),
                           build_full(graph, type, 1));
    graph_output(graph, "output", y, OUT_RESULT, -1);
    VEC_PUSH(program->params, (ProgramEntry){.key = "scale", .type = type, .tied_to = -1});
    VEC_PUSH(program->inputs, (ProgramField){"x", type});
    VEC_PUSH(program->outputs, (ProgramField){"output", type});
    VEC_PUSH(program->functions, (ProgramFunction){FUNCTION_FORWARD, graph, 0});
    return program;
}

static void check_program(Program *program, bool source_too) {
    CodegenOptions options = {
        .prefix = program->name, .vector = "none", .version = "test", .level = 3};
    Buf source = {0}, header = {0}, error = {0};
    cr_assert(codegen_c(program, &options, &source, &header, NULL, &error), "%s", buf_text(&error));
    Buf stable = without_sizes(&header);
    check_golden(arena_printf(program->arena, "%s.h", program->name), &stable);
    if (source_too) check_golden(arena_printf(program->arena, "%s.c", program->name), &source);
    buf_free(&stable);
    buf_free(&source);
    buf_free(&header);
    program_free(program);
}

Test(golden, affine) {
    Arena arena = {0};
    check_program(affine(&arena), true);
    arena_free(&arena);
}

Test(golden, mlp_header) {
    Arena arena = {0};
    check_program(program_mlp(&arena, 2, 4), false);
    arena_free(&arena);
}
