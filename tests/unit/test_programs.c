/* Whole programs through the frontend: every node knows its place in the source, the JSON form
 * holds all of it, and LeNet's kernels are those of the golden file (NNC_BLESS=1 writes it anew).
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "ir/text.h"
#include "support/file.h"

/* The samples and the networks that other tests and measurements compile. What is no program of its
 * own is left out: a text that another test completes, and what wants data that isn't here. */
static const char *const patterns[] = {"samples/*.nn", "tests/emitted/forward/*.nn",
                                       "tests/emitted/interface/*.nn", "tests/emitted/losses/*.nn"};

enum { MAX_INPUTS = 16 };

typedef struct Compiled {
    Arena arena;
    Sources sources;
    Buf log;
    uint16_t file;
    Program *program;
} Compiled;

/* Programs that need options: others say theirs in their first line, "# nnc: --no-train". */
static const struct {
    const char *path, *options;
} special[] = {{"samples/wgan_gp.nn", "--no-train --module generator"}};

static char *options_of(const Source *source, Arena *arena) {
    static const char head[] = "# nnc: ";
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (strcmp(special[i].path, source->path) == 0)
            return arena_printf(arena, "%s", special[i].options);
    if (strncmp(source->text, head, sizeof head - 1) != 0) return arena_printf(arena, "%s", "");
    const char *line = source->text + sizeof head - 1;
    return arena_printf(arena, "%.*s", (int)strcspn(line, "\n"), line);
}

static void read_options(const Source *source, FrontendOptions *options, const char **inputs,
                         Arena *arena) {
    char *rest = NULL;
    const char *option = strtok_r(options_of(source, arena), " ", &rest);
    for (; option; option = strtok_r(NULL, " ", &rest)) {
        options->no_train = options->no_train || strcmp(option, "--no-train") == 0;
        if (strcmp(option, "--no-train") == 0) continue;
        const char *value = strtok_r(NULL, " ", &rest);
        bool input = strcmp(option, "--input") == 0;
        cr_assert(value && (input || strcmp(option, "--module") == 0), "%s: %s", source->path,
                  option);
        cr_assert(options->input_type_count < MAX_INPUTS);
        if (input)
            inputs[options->input_type_count++] = value;
        else
            options->module = value;
    }
    options->input_types = inputs;
}

static void compile(Compiled *compiled, const char *path) {
    *compiled = (Compiled){0};
    Sources *sources = &compiled->sources;
    sources_init(sources);
    sources->log = &compiled->log;
    compiled->file = sources_read(sources, path);
    cr_assert(compiled->file, "%s: %s", path, buf_text(&compiled->log));
    FrontendOptions options = {
        .file = compiled->file,
        .name = "net",
        .step_limit = -1,
        .out = stdout,
    };
    const char *inputs[MAX_INPUTS];
    read_options(sources_get(sources, compiled->file), &options, inputs, &compiled->arena);
    compiled->program = frontend_compile(&options, sources, &compiled->arena);
    cr_assert(compiled->program, "%s: %s", path, buf_text(&compiled->log));
}

static void release(Compiled *compiled) {
    program_release(compiled->program);
    buf_free(&compiled->log);
    sources_free(&compiled->sources);
    arena_free(&compiled->arena);
}

typedef void Check(Compiled *compiled, const char *path);

static void check_all(Check *check) {
    int count = 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        glob_t found;
        cr_assert_eq(glob(patterns[i], 0, NULL, &found), 0, "%s", patterns[i]);
        for (size_t k = 0; k < found.gl_pathc; k++, count++) {
            Compiled compiled;
            compile(&compiled, found.gl_pathv[k]);
            check(&compiled, found.gl_pathv[k]);
            release(&compiled);
        }
        globfree(&found);
    }
    cr_assert_geq(count, 18);
}

/* A line of the program's own file that holds more than space and a comment. */
static void check_place(const Compiled *compiled, const Graph *graph, const Node *node,
                        const char *path) {
    const char *op = op_info(node->op)->name;
    cr_assert_eq(node->span.file, compiled->file, "%s: %s of @%s has no place in the file", path,
                 op, graph->name);
    const Source *source = sources_get(&compiled->sources, node->span.file);
    cr_assert(node->span.begin <= node->span.end && node->span.end <= source->size);
    const char *at = source->text + node->span.begin;
    cr_assert(strchr(" \t\r\n#", *at) == NULL, "%s: %s of @%s stands at byte %u", path, op,
              graph->name, node->span.begin);
}

static void check_places(Compiled *compiled, const char *path) {
    size_t nodes = 0;
    for (size_t f = 0; f < compiled->program->functions.count; f++) {
        const Graph *graph = compiled->program->functions.items[f].graph;
        for (size_t i = 0; i < graph->nodes.count; i++) {
            if (graph->nodes.items[i]->op == OP_input) continue;
            check_place(compiled, graph, graph->nodes.items[i], path);
            nodes++;
        }
    }
    cr_assert_gt(nodes, 0, "%s", path);
}

Test(programs, every_node_knows_its_place) {
    check_all(check_places);
}

static void check_json(Compiled *compiled, const char *path) {
    Buf json = {0}, text = {0}, again = {0}, error = {0};
    program_json(&json, compiled->program);
    program_print(&text, compiled->program);
    Program *back =
        program_from_json(&compiled->arena, &compiled->sources, json.data, json.size, &error);
    cr_assert_not_null(back, "%s: %s", path, buf_text(&error));
    program_print(&again, back);
    cr_assert_str_eq(buf_text(&again), buf_text(&text), "%s", path);
    program_release(back);
    buf_free(&json);
    buf_free(&text);
    buf_free(&again);
}

Test(programs, json_holds_all_of_them) {
    check_all(check_json);
}

/* Each line up to what the schedules decide: function, kernel, types. */
static Buf kernel_list(const Compiled *compiled) {
    CodegenOptions options = {.prefix = "net", .vector = "avx2", .version = "test", .level = 3};
    CodegenReport report = {0};
    Buf source = {0}, header = {0}, error = {0}, list = {0};
    cr_assert(codegen_c(compiled->program, &options, &source, &header, &report, &error), "%s",
              buf_text(&error));
    for (const char *at = buf_text(&report.kernels), *end; (end = strchr(at, '\n')); at = end + 1) {
        const char *stop = strstr(at, " MFLOP");
        cr_assert(stop && stop < end);
        while (stop[-1] != ' ')
            stop--;
        buf_add(&list, at, (size_t)(stop - 1 - at));
        buf_putc(&list, '\n');
    }
    buf_free(&source);
    buf_free(&header);
    buf_free(&report.kernels);
    return list;
}

Test(programs, kernels_of_lenet) {
    static const char *const forward[] = {"conv1_relu_pool", "conv2_relu_pool", "fc1_relu",
                                          "fc2_relu", "fc3"};
    static const char golden[] = "tests/golden/lenet.kernels";
    Compiled lenet;
    compile(&lenet, "samples/lenet.nn");
    Buf list = kernel_list(&lenet), expected = {0}, error = {0};
    int count = 0;
    for (const char *at = buf_text(&list); (at = strstr(at, "forward: ")); count++) {
        at += strlen("forward: ");
        cr_assert_lt(count, 5);
        cr_expect_eq(strncmp(at, forward[count], strlen(forward[count])), 0, "%.40s", at);
    }
    cr_expect_eq(count, 5);
    if (getenv("NNC_BLESS")) {
        cr_assert(file_write(golden, list.data, list.size, &error), "%s", buf_text(&error));
    } else {
        cr_assert(file_read(golden, &expected, &error), "%s", buf_text(&error));
        cr_expect_str_eq(buf_text(&list), buf_text(&expected), "LeNet's kernels are now\n%s",
                         buf_text(&list));
    }
    buf_free(&list);
    buf_free(&expected);
    release(&lenet);
}
