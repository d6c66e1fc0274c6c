/* Emitted C: compiles without a warning, computes what the reference interpreter does, is the same
 * from run to run, and survives hostile names. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "ir/interp.h"
#include "support/file.h"
#include "tests/support/programs.h"

/* A directory of its own for each test, removed at the end. */
typedef struct Place {
    char path[64];
    Arena arena;
} Place;

static Place place_new(void) {
    Place place = {.path = "/tmp/nnc-test-XXXXXX"};
    cr_assert_not_null(mkdtemp(place.path));
    return place;
}

static int shell(const char *format, ...) {
    Buf command = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&command, format, args);
    va_end(args);
    int status = system(buf_text(&command));
    buf_free(&command);
    return status;
}

static void place_free(Place *place) {
    shell("rm -rf %s", place->path);
    arena_free(&place->arena);
}

static void write_text(Place *place, const char *name, const Buf *text) {
    Buf error = {0};
    const char *path = arena_printf(&place->arena, "%s/%s", place->path, name);
    cr_assert(file_write(path, text->data, text->size, &error), "%s", buf_text(&error));
}

static CodegenOptions options_for(const Program *program) {
    return (CodegenOptions){.prefix = program->name, .version = "test", .level = 3};
}

static void emit(Place *place, const Program *program, const CodegenOptions *options) {
    Buf source = {0}, header = {0}, error = {0};
    cr_assert(codegen_c(program, options, &source, &header, NULL, &error), "%s", buf_text(&error));
    write_text(place, arena_printf(&place->arena, "%s.c", options->prefix), &source);
    write_text(place, arena_printf(&place->arena, "%s.h", options->prefix), &header);
    buf_free(&source);
    buf_free(&header);
}

#define STRICT "-std=c11 -Wall -Wextra -Wpedantic -Werror"

static void check_warnings(Place *place, const char *name) {
    static const char *const compilers[] = {"gcc", "clang"};
    static const char *const cpp[] = {"g++", "clang++"};
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(shell("%s " STRICT " -O1 -c %s/%s.c -o %s/x.o", compilers[i], place->path,
                           name, place->path),
                     0);
        cr_expect_eq(shell("echo '#include \"%s.h\"' | %s -x c++ -std=c++17 -Wall -Wextra "
                           "-Wpedantic -Werror -I%s -c - -o %s/x.o",
                           name, cpp[i], place->path, place->path),
                     0);
    }
}

static const char *const vectors[] = {"none", "sse2", "avx2", "avx512"};

Test(module, compiles_without_warnings) {
    Place place = place_new();
    Program *program = program_mlp(&place.arena, 2, 4);
    CodegenOptions options = options_for(program);
    for (int i = 0; i < 4; i++) {
        options.vector = vectors[i];
        emit(&place, program, &options);
        check_warnings(&place, "mlp");
    }
    options.standalone = true;
    options.dispatch = true;
    emit(&place, program, &options);
    check_warnings(&place, "mlp");
    program->weights = program_weights(program, &place.arena);
    options.embed_weights = true;
    emit(&place, program, &options);
    check_warnings(&place, "mlp");
    program_free(program);
    place_free(&place);
}

/* Values between -1 and 1 that differ from element to element. */
static void fill(float *values, size_t count, uint32_t seed) {
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
    }
}

/* What the reference interpreter says of a function of the program; state is kept by role. */
typedef struct Reference {
    Arena *arena;
    const Program *program;
    Tensor64 *params, *grads, *states, data[2];
} Reference;

static Tensor64 zeros(Arena *arena, Type type) {
    return tensor64_from_bytes(arena, type, arena_alloc(arena, type_bytes(&type) + 1));
}

static Tensor64 *entries(Arena *arena, const ProgramEntry *items, size_t count) {
    Tensor64 *tensors = ARENA_ARRAY(arena, Tensor64, count);
    for (size_t i = 0; i < count; i++)
        tensors[i] = zeros(arena, items[i].type);
    return tensors;
}

static Tensor64 *slot_of(Reference *reference, const GraphInput *input) {
    switch (input->role) {
    case ROLE_DATA:
        return &reference->data[input->slot];
    case ROLE_PARAM:
        return &reference->params[input->slot];
    case ROLE_GRAD:
        return &reference->grads[input->slot];
    default:
        return &reference->states[input->slot];
    }
}

/* Runs the function, applies its updates; the first result. */
static Tensor64 reference_run(Reference *reference, FunctionKind kind) {
    const Graph *graph = reference->program->functions.items[kind].graph;
    Tensor64 *inputs = ARENA_ARRAY(reference->arena, Tensor64, graph->inputs.count);
    Tensor64 *outputs = ARENA_ARRAY(reference->arena, Tensor64, graph->outputs.count);
    Tensor64 result = {0};
    Buf error = {0};
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const GraphInput *input = &graph->inputs.items[i];
        float rate = 0.1f;
        inputs[i] = input->role == ROLE_HYPER
                        ? tensor64_from_bytes(reference->arena, input->node->type, &rate)
                        : *slot_of(reference, input);
    }
    cr_assert(interp_run(graph, inputs, outputs, ROUND_NONE, reference->arena, &error));
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (output->role == OUT_RESULT) {
            result = outputs[i];
        } else {
            *slot_of(reference, &graph->inputs.items[output->updates]) = outputs[i];
        }
    }
    return result;
}

/* The next floats of the emitted program's output against the reference: error relative to the
 * reference's rms. */
static void compare(const char *what, const float **at, const Tensor64 *want, double bound) {
    size_t count = (size_t)type_numel(&want->type);
    double square = 0, worst = 0;
    for (size_t i = 0; i < count; i++) {
        square += want->f[i] * want->f[i];
        worst = fmax(worst, fabs((double)(*at)[i] - want->f[i]));
    }
    double rms = sqrt(square / (double)count);
    cr_expect_leq(worst, bound * rms + 1e-12, "%s: error %g of rms %g", what, worst, rms);
    *at += count;
}

static void compare_all(const char *what, const float **at, const Tensor64 *want, size_t count,
                        double bound) {
    for (size_t i = 0; i < count; i++)
        compare(what, at, &want[i], bound);
}

/* Writes the check program and its input, compiles and runs it; its output. */
static const float *run_check(Place *place, const Program *program, const char *type,
                              const char *compiler, const Buf *input) {
    Buf text = {0}, error = {0}, output = {0};
    const char *name = program->name, *path = place->path;
    buf_printf(&text, "#include \"%s.h\"\n#define NET(x) %s_##x\n#define TYPE(x) %s##x\n", name,
               name, type);
    cr_assert(file_read("tests/emitted/check.c", &text, &error), "%s", buf_text(&error));
    write_text(place, "check.c", &text);
    write_text(place, "input", input);
    cr_assert_eq(
        shell("%s " STRICT " %s/%s.c %s/check.c -o %s/check -lm", compiler, path, name, path, path),
        0);
    cr_assert_eq(shell("%s/check < %s/input > %s/output", path, path, path), 0);
    cr_assert(file_read(arena_printf(&place->arena, "%s/output", path), &output, &error));
    buf_free(&text);
    float *floats = arena_copy(&place->arena, output.data, output.size / 4, 4);
    buf_free(&output);
    return floats;
}

static void check_functions(Program *program, const char *type, const char *vector,
                            const char *compiler) {
    Place place = place_new();
    Arena *arena = &place.arena;
    CodegenOptions options = options_for(program);
    options.vector = vector;
    options.dispatch = vector == NULL;
    emit(&place, program, &options);
    size_t params = program->params.count;
    Reference reference = {arena,
                           program,
                           entries(arena, program->params.items, params),
                           entries(arena, program->params.items, params),
                           entries(arena, program->states.items, params),
                           {{.f = NULL}}};
    Buf input = {0};
    for (size_t i = 0; i < params; i++) {
        Type shape = program->params.items[i].type;
        float *values = arena_alloc(arena, type_bytes(&shape));
        fill(values, (size_t)type_numel(&shape), (uint32_t)i);
        for (int64_t j = 0; j < type_numel(&shape); j++)
            values[j] *= 0.2f;
        reference.params[i] = tensor64_from_bytes(arena, shape, values);
        buf_add(&input, values, type_bytes(&shape));
    }
    const Graph *train = program->functions.items[FUNCTION_TRAIN_STEP].graph;
    Type in = program->inputs.items[0].type, batch = train->inputs.items[0].node->type;
    float *x = arena_alloc(arena, type_bytes(&in)), *xs = arena_alloc(arena, type_bytes(&batch));
    fill(x, (size_t)type_numel(&in), 77);
    fill(xs, (size_t)type_numel(&batch), 78);
    buf_add(&input, x, type_bytes(&in));
    buf_add(&input, xs, type_bytes(&batch));
    int64_t *classes = ARENA_ARRAY(arena, int64_t, (size_t)batch.dim[0]);
    for (int64_t i = 0; i < batch.dim[0]; i++)
        classes[i] = i % 3;
    buf_add(&input, classes, (size_t)batch.dim[0] * 8);
    const float *at = run_check(&place, program, type, compiler, &input);

    for (size_t i = 0; i < params; i++) {
        for (int64_t j = 0; j < type_numel(&program->params.items[i].type); j++, at++)
            cr_assert(*at >= -0.25f && *at <= 0.25f, "initial weight %g", (double)*at);
    }
    reference.data[0] = tensor64_from_bytes(arena, in, x);
    Tensor64 output = reference_run(&reference, FUNCTION_FORWARD);
    compare("forward", &at, &output, 5e-5);
    reference.data[1] = output;
    reference_run(&reference, FUNCTION_BACKWARD);
    compare_all("gradient", &at, reference.grads, params, 1e-4);
    reference.data[0] = tensor64_from_bytes(arena, batch, xs);
    reference.data[1] = tensor64_from_bytes(arena, program->targets.items[0].type, classes);
    for (int step = 0; step < 3; step++) {
        Tensor64 loss = reference_run(&reference, FUNCTION_TRAIN_STEP);
        compare("loss", &at, &loss, 5e-5);
    }
    compare_all("trained", &at, reference.params, params, 1e-4);
    compare_all("momentum", &at, reference.states, params, 2e-4);
    buf_free(&input);
    place_free(&place);
}

#define SANITIZED "clang -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all"

Test(module, mlp_computes) {
    Arena arena = {0};
    Program *program = program_mlp(&arena, 2, 5);
    check_functions(program, "Mlp", "none", SANITIZED);
    check_functions(program, "Mlp", "sse2", SANITIZED);
    check_functions(program, "Mlp", NULL, "gcc -O2");
    program_free(program);
    arena_free(&arena);
}

Test(module, lenet_computes) {
    Arena arena = {0};
    Program *program = program_lenet(&arena, 1, 6);
    check_functions(program, "Lenet", "none", "gcc -O1");
    check_functions(program, "Lenet", "native", "gcc -g -fsanitize=address,undefined");
    program_free(program);
    arena_free(&arena);
}

Test(module, same_text_every_time) {
    Buf first = {0}, first_header = {0};
    for (int run = 0; run < 3; run++) {
        Arena arena = {0};
        Program *program = program_mlp(&arena, 2, 5);
        CodegenOptions options = options_for(program);
        options.dispatch = true;
        Buf source = {0}, header = {0}, error = {0};
        cr_assert(codegen_c(program, &options, &source, &header, NULL, &error));
        if (run == 0) {
            first = source;
            first_header = header;
        } else {
            cr_expect_str_eq(buf_text(&source), buf_text(&first));
            cr_expect_str_eq(buf_text(&header), buf_text(&first_header));
            buf_free(&source);
            buf_free(&header);
        }
        program_free(program);
        arena_free(&arena);
    }
    buf_free(&first);
    buf_free(&first_header);
}

Test(module, refuses_what_it_cannot_do) {
    Arena arena = {0};
    Program *program = program_mlp(&arena, 2, 5);
    CodegenOptions options = options_for(program);
    Buf source = {0}, header = {0}, error = {0};
    options.vector = "mmx";
    cr_expect_not(codegen_c(program, &options, &source, &header, NULL, &error));
    cr_expect_str_eq(buf_text(&error), "unknown vector unit 'mmx'");
    buf_clear(&error);
    options.vector = NULL;
    options.embed_weights = true;
    cr_expect_not(codegen_c(program, &options, &source, &header, NULL, &error));
    cr_expect(strstr(buf_text(&error), "--weights"));
    buf_clear(&error);
    options.embed_weights = false;
    options.header = "a\"b.h";
    cr_expect_not(codegen_c(program, &options, &source, &header, NULL, &error));
    cr_expect_eq(source.size, 0);
    buf_free(&error);
    program_free(program);
    arena_free(&arena);
}

/* Output of a command, and its exit status. */
static char *shell_output(Place *place, int *status, const char *command) {
    Buf output = {0}, error = {0};
    *status = shell("cd %s && (%s) > said 2>&1", place->path, command);
    cr_assert(file_read(arena_printf(&place->arena, "%s/said", place->path), &output, &error));
    char *text = arena_strdup(&place->arena, buf_text(&output));
    buf_free(&output);
    return text;
}

static void write_bytes(Place *place, const char *name, const void *bytes, size_t size) {
    Buf text = {0};
    buf_add(&text, bytes, size);
    write_text(place, name, &text);
    buf_free(&text);
}

static void build_program(Place *place, Program *program) {
    CodegenOptions options = options_for(program);
    Buf main_text = {0}, error = {0};
    options.embed_weights = true;
    options.standalone = true;
    program->weights = program_weights(program, &place->arena);
    emit(place, program, &options);
    cr_assert(codegen_main(program, &options, &main_text, &error), "%s", buf_text(&error));
    write_text(place, "main.c", &main_text);
    buf_free(&main_text);
    cr_assert_eq(
        shell("cd %s && gcc " STRICT " -O1 %s.c main.c -s -o run -lm", place->path, program->name),
        0);
}

/* The standalone program: the same item raw, as .npy and as IDX; classes, labels, errors. */
Test(module, standalone_program) {
    Place place = place_new();
    Program *program = program_mlp(&place.arena, 1, 5);
    build_program(&place, program);
    int status;
    char *said = shell_output(&place, &status, "ldd ./run");
    cr_expect(strstr(said, "libc.so") != NULL && strstr(said, "libpthread") == NULL);

    unsigned char idx[12 + 12] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 6};
    float items[2][6];
    for (int i = 0; i < 12; i++) {
        idx[12 + i] = (unsigned char)(i * 23);
        items[i / 6][i % 6] = (float)(i * 23 * (1.0 / 255.0));
    }
    unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    write_bytes(&place, "raw", items, sizeof items);
    write_bytes(&place, "idx", idx, sizeof idx);
    write_bytes(&place, "labels", labels, sizeof labels);

    Arena *arena = &place.arena;
    Reference reference = {
        arena, program, entries(arena, program->params.items, 4),
        NULL,  NULL,    {tensor64_from_bytes(arena, program->inputs.items[0].type, items[1])}};
    for (int i = 0; i < 4; i++) {
        reference.params[i] =
            tensor64_from_bytes(arena, program->params.items[i].type, program->weights[i]);
    }
    Tensor64 want = reference_run(&reference, FUNCTION_FORWARD);
    int class = 0;
    for (int i = 1; i < 3; i++) {
        if (want.f[i] > want.f[class]) class = i;
    }
    said = shell_output(&place, &status, "./run --index 1 raw");
    cr_expect_eq(status, 0);
    float got[3];
    cr_assert_eq(sscanf(said, "tensor([[%f, %f, %f]])", &got[0], &got[1], &got[2]), 3, "%s", said);
    for (int i = 0; i < 3; i++)
        cr_expect_float_eq((double)got[i], want.f[i], 1e-4);
    cr_expect_str_eq(shell_output(&place, &status, "./run --index 1 idx"), said);
    cr_expect_str_eq(shell_output(&place, &status, "./run --index 1 - < idx"), said);
    cr_expect_str_eq(shell_output(&place, &status, "gzip -k idx; ./run --index 1 idx.gz"), said);
    cr_expect_str_eq(shell_output(&place, &status, "./run --raw --index 1 raw | wc -c"), "12\n");
    cr_expect_str_eq(shell_output(&place, &status, "./run --classify --index 1 raw"),
                     arena_printf(arena, "%d\n", class));
    said = shell_output(&place, &status, "./run --classify --count all --labels labels idx");
    cr_expect(strstr(said, " of 2 right: "), "%s", said);
    static const struct {
        const char *command, *message;
    } wrong[] = {
        {"./run", "1 input, 0 files are given"},
        {"./run nowhere", "can't be opened"},
        {"./run --index 5 raw", "no item 5"},
        {"./run --count x raw", "--count needs a number"},
        {"./run --cuont 2 raw", "unknown option --cuont"},
        {"./run raw raw", "more files"},
        {"head -c 20 raw | ./run -", "ends within an item"},
        {"head -c 15 idx | ./run -", "ends within an item"},
        {"printf '\\0\\0\\10\\2\\0\\0\\0\\1\\0\\0\\0\\5abcde' | ./run -", "its shape is [1,5]"},
        {"./run --format npy raw", "not a .npy file"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        said = shell_output(&place, &status, wrong[i].command);
        cr_expect_neq(status, 0, "%s", wrong[i].command);
        cr_expect(strstr(said, wrong[i].message), "%s: %s", wrong[i].command, said);
    }
    program_free(program);
    place_free(&place);
}
