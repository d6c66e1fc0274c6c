/* Emitted LENET_init(params, seed) gives PyTorch's weights of that seed, bit for bit, in
 * one pass over the generator's stream. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "ir/build.h"
#include "support/file.h"
#include "tests/support/programs.h"

/* nn.Linear and nn.Conv2d: kaiming_uniform_ with a = sqrt(5) for weights, and biases within
 * 1/sqrt(fan_in); both draw one number an element, in the state dict's order. */
static Graph *init_graph(Program *program) {
    Graph *graph = graph_new(program->arena, "init");
    Node *seed = graph_input(graph, "seed", type_scalar(DT_I64), ROLE_DATA, 0);
    int64_t skip = 0, fan_in = 1;
    for (size_t i = 0; i < program->params.count; i++) {
        const ProgramEntry *entry = &program->params.items[i];
        bool weight = entry->type.rank > 1;
        if (weight) fan_in = type_numel(&entry->type) / entry->type.dim[0];
        double root = sqrt((double)fan_in);
        double bound = weight ? sqrt(3.0) * (sqrt(2.0 / 6.0) / root) : 1 / root;
        Attr attrs[] = {attr_text(ATTR_dist, "uniform"),
                        attr_float(ATTR_low, -bound),
                        attr_float(ATTR_high, bound),
                        attr_int(ATTR_skip, skip),
                        attr_ints(ATTR_shape, entry->type.dim, entry->type.rank),
                        attr_dtype(DT_F32)};
        Node *value = build_op(graph, OP_random_mt, &seed, 1, attrs, 6);
        graph_output(graph, entry->key, value, OUT_RESULT, -1);
        skip += type_numel(&entry->type);
    }
    return graph;
}

static Program *lenet(Arena *arena) {
    Program *program = program_lenet(arena, 1, 4);
    for (size_t i = 0; i < program->functions.count; i++) {
        ProgramFunction *function = &program->functions.items[i];
        if (function->kind != FUNCTION_INIT) continue;
        graph_free(function->graph);
        function->graph = init_graph(program);
    }
    return program;
}

static uint64_t fnv1a(const unsigned char *bytes, size_t size) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static int shell(Arena *arena, const char *place, const char *command) {
    return system(arena_printf(arena, "cd %s && %s", place, command));
}

static const char driver[] = "#include \"lenet.h\"\n"
                             "#include <stdio.h>\n"
                             "#include <stdlib.h>\n"
                             "static LenetParams params;\n"
                             "int main(int count, char **args) {\n"
                             "    lenet_init(&params, (uint64_t)atoll(args[count - 1]));\n"
                             "    return fwrite(&params, sizeof params, 1, stdout) != 1;\n"
                             "}\n";

/* The recorded hashes of the seed against the bytes that the emitted program wrote. */
static void compare(Arena *arena, const Program *program, const char *seed, const Buf *output) {
    Buf recorded = {0}, error = {0};
    cr_assert(file_read("tests/numeric/lenet_init.txt", &recorded, &error));
    const unsigned char *at = (const unsigned char *)output->data;
    for (size_t i = 0; i < program->params.count; i++) {
        const ProgramEntry *entry = &program->params.items[i];
        size_t size = type_bytes(&entry->type);
        const char *line =
            arena_printf(arena, "%s %s %016" PRIx64 "\n", seed, entry->key, fnv1a(at, size));
        cr_expect(strstr(buf_text(&recorded), line), "not recorded: %s", line);
        at += size;
    }
    cr_expect_eq(at, (const unsigned char *)output->data + output->size);
    buf_free(&recorded);
}

static void check_target(const char *vector) {
    static const char *const seeds[] = {"0", "7", "12345678901"};
    char place[] = "/tmp/nnc-test-XXXXXX";
    cr_assert_not_null(mkdtemp(place));
    Arena arena = {0};
    Program *program = lenet(&arena);
    CodegenOptions options = {.prefix = "lenet", .version = "test", .level = 3, .vector = vector};
    Buf source = {0}, header = {0}, error = {0};
    cr_assert(codegen_c(program, &options, &source, &header, NULL, &error), "%s", buf_text(&error));
    const struct {
        const char *name;
        const char *text;
        size_t size;
    } files[] = {{"lenet.c", source.data, source.size},
                 {"lenet.h", header.data, header.size},
                 {"main.c", driver, sizeof driver - 1}};
    for (int i = 0; i < 3; i++)
        cr_assert(file_write(arena_printf(&arena, "%s/%s", place, files[i].name), files[i].text,
                             files[i].size, &error));
    const char *build = "gcc -std=c11 -Wall -Wextra -Werror -O1 lenet.c main.c -o run -lm";
    cr_assert_eq(shell(&arena, place, build), 0);
    for (int i = 0; i < 3; i++) {
        Buf output = {0};
        cr_assert_eq(shell(&arena, place, arena_printf(&arena, "./run %s > out", seeds[i])), 0);
        cr_assert(file_read(arena_printf(&arena, "%s/out", place), &output, &error));
        compare(&arena, program, seeds[i], &output);
        buf_free(&output);
    }
    cr_expect_eq(system(arena_printf(&arena, "rm -rf %s", place)), 0);
    buf_free(&source);
    buf_free(&header);
    program_free(program);
    arena_free(&arena);
}

Test(init, lenet_has_pytorch_weights) {
    check_target("none");
    check_target("sse2");
    check_target(NULL);
}

/* One kernel for all parameters: the generator is seeded once. */
Test(init, one_pass_for_all_parameters) {
    Arena arena = {0};
    Program *program = lenet(&arena);
    CodegenOptions options = {.prefix = "lenet", .version = "test", .level = 3, .vector = "avx2"};
    Buf source = {0}, header = {0}, error = {0};
    cr_assert(codegen_c(program, &options, &source, &header, NULL, &error), "%s", buf_text(&error));
    int seedings = 0;
    for (const char *at = buf_text(&source); (at = strstr(at, "1812433253")); at++)
        seedings++;
    cr_expect_eq(seedings, 1, "the generator is seeded in %d places", seedings);
    buf_free(&source);
    buf_free(&header);
    program_free(program);
    arena_free(&arena);
}
