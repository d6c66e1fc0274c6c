/* Executables: both tiers give the same bits and agree with the reference; updates in place;
 * faults. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "ir/text.h"
#include "tests/support/coverage.h"
#include "tests/support/programs.h"
#include "tests/support/random_graph.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static const CodegenOptions options = {.level = 3};

static Executable *make(const Graph *graph) {
    Buf error = {0};
    Executable *executable = executable_new(graph, &options, &error);
    cr_assert_not_null(executable, "%s", buf_text(&error));
    return executable;
}

static void run(Executable *executable, const void *const *inputs, void *const *outputs) {
    Buf error = {0};
    cr_assert(executable_run(executable, inputs, outputs, &error), "%s", buf_text(&error));
}

static void compile(Executable *executable) {
    Buf error = {0};
    cr_assert(executable_compile(&executable, 1, &(NativeReport){0}, &error), "%s",
              buf_text(&error));
}

/* Largest difference from the reference, relative to what the element's size allows. */
static double difference(const Tensor64 *want, const void *bytes, Arena *arena) {
    Tensor64 got = tensor64_from_bytes(arena, want->type, bytes);
    double worst = 0;
    for (int64_t i = 0; i < type_numel(&want->type); i++) {
        if (want->i) {
            worst = fmax(worst, want->i[i] != got.i[i]);
        } else if (isfinite(want->f[i]) || isfinite(got.f[i])) {
            worst = fmax(worst, fabs(want->f[i] - got.f[i]) / (1 + fabs(want->f[i])));
        }
    }
    return worst;
}

/* A random graph with its inputs, the results wanted and those of either tier. */
typedef struct Draw {
    Arena arena;
    RandomGraph random;
    uint64_t seed;
    Tensor64 *want;
    void **inputs, **first, **second;
    Executable *executable;
} Draw;

static void draw(Draw *d, uint64_t seed, DType dtype) {
    *d = (Draw){.seed = seed};
    Arena *arena = &d->arena;
    Buf error = {0};
    random_graph_start(&d->random, arena, seed, dtype);
    random_graph_fill(&d->random, 20, NULL);
    const Graph *graph = d->random.graph;
    size_t in = graph->inputs.count, out = graph->outputs.count;
    Tensor64 *values = random_graph_values(&d->random, arena);
    d->want = ARENA_ARRAY(arena, Tensor64, out);
    cr_assert(interp_run(graph, values, d->want, ROUND_TO_TYPE, arena, &error));
    d->inputs = ARENA_ARRAY(arena, void *, in);
    d->first = ARENA_ARRAY(arena, void *, out);
    d->second = ARENA_ARRAY(arena, void *, out);
    for (size_t i = 0; i < in; i++) {
        d->inputs[i] = arena_alloc(arena, type_bytes(&values[i].type) + 1);
        tensor64_to_bytes(&values[i], d->inputs[i]);
    }
    for (size_t i = 0; i < out; i++) {
        d->first[i] = arena_alloc(arena, type_bytes(&d->want[i].type) + 1);
        d->second[i] = arena_alloc(arena, type_bytes(&d->want[i].type) + 1);
    }
    d->executable = make(graph);
    run(d->executable, (const void *const *)d->inputs, d->first);
}

static void check_draw(Draw *d, double bound) {
    Buf text = {0};
    const Graph *graph = d->random.graph;
    graph_print(&text, graph, NULL);
    run(d->executable, (const void *const *)d->inputs, d->second);
    for (size_t i = 0; i < graph->outputs.count; i++) {
        double error_size = difference(&d->want[i], d->first[i], &d->arena);
        cr_expect_leq(error_size, bound, "seed %llu: output %zu is off by %g in\n%s",
                      (unsigned long long)d->seed, i, error_size, buf_text(&text));
        cr_expect_eq(memcmp(d->first[i], d->second[i], type_bytes(&d->want[i].type)), 0,
                     "seed %llu: the tiers differ in output %zu of\n%s",
                     (unsigned long long)d->seed, i, buf_text(&text));
    }
    executable_free(d->executable);
    random_graph_free(&d->random);
    buf_free(&text);
    arena_free(&d->arena);
}

/* As many graphs of a type as NNC_RANDOM_GRAPHS says, or 20; several are compiled together. */
static void check_random_graphs(uint64_t first, DType dtype, double bound) {
    enum { TOGETHER = 10 };
    const char *asked = getenv("NNC_RANDOM_GRAPHS");
    uint64_t count = asked ? strtoull(asked, NULL, 10) : 20;
    Coverage coverage = {0};
    for (uint64_t done = 0; done < count; done += TOGETHER) {
        Draw draws[TOGETHER];
        Executable *executables[TOGETHER];
        int n = (int)(count - done < TOGETHER ? count - done : TOGETHER);
        for (int i = 0; i < n; i++) {
            draw(&draws[i], first + done + (uint64_t)i, dtype);
            executables[i] = draws[i].executable;
            coverage_graph(&coverage, draws[i].random.graph);
        }
        Buf error = {0};
        cr_assert(executable_compile(executables, n, &(NativeReport){0}, &error), "%s",
                  buf_text(&error));
        for (int i = 0; i < n; i++)
            check_draw(&draws[i], bound);
    }
    coverage_write(&coverage, dtype == DT_F32 ? "run_f32" : "run_f64");
}

Test(executable, random_graphs_f32) {
    check_random_graphs(1, DT_F32, 2e-3);
}

Test(executable, random_graphs_f64) {
    check_random_graphs(1001, DT_F64, 1e-9);
}

/* a, b = b, a * 2 (swapped in place); c += a; and the old a is a result. */
Test(executable, updates_may_share_memory) {
    Arena arena = {0};
    Graph *graph = graph_new(&arena, "updates");
    Type type = type_make(DT_F32, 1, DIMS(40));
    Node *a = graph_input(graph, "a", type, ROLE_STATE, 0);
    Node *b = graph_input(graph, "b", type, ROLE_STATE, 1);
    Node *c = graph_input(graph, "c", type, ROLE_STATE, 2);
    Node *d = graph_input(graph, "d", type, ROLE_STATE, 3);
    Node *doubled = build_binary(graph, OP_mul, a, build_full(graph, type, 2));
    graph_output(graph, "a", b, OUT_UPDATE, 0);
    graph_output(graph, "b", doubled, OUT_UPDATE, 1);
    graph_output(graph, "c", build_binary(graph, OP_add, c, a), OUT_UPDATE, 2);
    graph_output(graph, "old", a, OUT_RESULT, -1);
    graph_output(graph, "d", d, OUT_UPDATE, 3);
    graph_output(graph, "constant", build_full(graph, type, 7), OUT_RESULT, -1);
    for (int compiled = 0; compiled < 2; compiled++) {
        float values[4][40], old[40], constant[40];
        for (int i = 0; i < 40; i++) {
            for (int j = 0; j < 4; j++)
                values[j][i] = (float)(100 * j + i);
        }
        Executable *executable = make(graph);
        if (compiled) compile(executable);
        const void *inputs[] = {values[0], values[1], values[2], values[3]};
        void *outputs[] = {values[0], values[1], values[2], old, values[3], constant};
        run(executable, inputs, outputs);
        for (int i = 0; i < 40; i++) {
            cr_expect_eq(values[0][i], (float)(100 + i));
            cr_expect_eq(values[1][i], (float)(2 * i));
            cr_expect_eq(values[2][i], (float)(200 + 2 * i));
            cr_expect_eq(values[3][i], (float)(300 + i));
            cr_expect_eq(old[i], (float)i);
            cr_expect_eq(constant[i], 7.0f);
        }
        executable_free(executable);
    }
    graph_free(graph);
    arena_free(&arena);
}

/* A compiler that takes a minute is stopped at once with what it started; one that has finished
 * leaves nothing behind either. Meanwhile the graph runs. */
Test(executable, compilations_can_be_abandoned, .timeout = 30) {
    Arena arena = {0};
    Graph *graph = graph_new(&arena, "doubled");
    Node *x = graph_input(graph, "x", type_make(DT_F32, 1, DIMS(4)), ROLE_DATA, 0);
    graph_output(graph, "y", build_binary(graph, OP_add, x, x), OUT_RESULT, -1);
    Executable *executable = make(graph);
    const char *compilers[] = {"cc", "/tmp/nnc-test-slow-cc"};
    FILE *slow = fopen(compilers[1], "w");
    fputs("#!/bin/sh\nsleep 60 & wait\n", slow);
    fclose(slow);
    chmod(compilers[1], 0700);
    for (int i = 0; i < 2; i++) {
        setenv("CC", compilers[i], true);
        setenv("NNC_PLUGIN", "none", true);
        Compilation *compilation = compilation_start(&executable, 1);
        float in[4] = {1, 2, 3, 4}, out[4];
        run(executable, (const void *[]){in}, (void *[]){out});
        cr_expect_eq(out[3], 8.0f);
        for (int wait = 0; wait < 5000 && i == 0 && !compilation_is_done(compilation); wait++)
            usleep(2000);
        cr_expect_eq(compilation_is_done(compilation), i == 0);
        usleep(20000);
        compilation_abandon(compilation);
        cr_expect_not(executable_is_compiled(executable));
    }
    unlink(compilers[1]);
    executable_free(executable);
    graph_free(graph);
    arena_free(&arena);
}

Test(executable, faults_are_reported) {
    Arena arena = {0};
    Graph *graph = graph_new(&arena, "fault");
    Node *x = graph_input(graph, "x", type_make(DT_F32, 2, DIMS(5, 3)), ROLE_DATA, 0);
    Node *index = graph_input(graph, "i", type_make(DT_I64, 1, DIMS(4)), ROLE_DATA, 1);
    Attr axis = attr_int(ATTR_axis, 0);
    graph_output(graph, "y", build_op(graph, OP_take, (Node *[]){x, index}, 2, &axis, 1),
                 OUT_RESULT, -1);
    Executable *executable = make(graph);
    float table[5][3] = {{0}}, out[4][3];
    for (int i = 0; i < 15; i++)
        table[i / 3][i % 3] = (float)i;
    for (int tier = 0; tier < 2; tier++) {
        int64_t good[] = {4, 0, 2, 2}, bad[][4] = {{0, 5, 0, 0}, {0, 0, 0, -1}};
        Buf error = {0};
        run(executable, (const void *[]){table, good}, (void *[]){out});
        cr_expect_eq(out[0][1], 13.0f);
        cr_expect_eq(out[3][2], 8.0f);
        for (int i = 0; i < 2; i++) {
            cr_expect_not(executable_run(executable, (const void *[]){table, bad[i]},
                                         (void *[]){out}, &error));
            cr_expect(strstr(buf_text(&error), "index out of range"), "%s", buf_text(&error));
            buf_clear(&error);
        }
        if (tier == 0) compile(executable);
        buf_free(&error);
    }
    executable_free(executable);
    graph_free(graph);
    arena_free(&arena);
}

/* The whole train step of LeNet: tiers agree to the bit, over several steps. */
Test(executable, lenet_train_step) {
    Arena arena = {0};
    Program *program = program_lenet(&arena, 1, 4);
    const Graph *graph = program->functions.items[FUNCTION_TRAIN_STEP].graph;
    Executable *tiers[] = {make(graph), make(graph)};
    cr_expect_gt(executable_flops(tiers[0]), 1e6);
    compile(tiers[1]);
    size_t in = graph->inputs.count, out = graph->outputs.count;
    void **inputs[2], **outputs[2];
    float loss[2];
    for (int tier = 0; tier < 2; tier++) {
        inputs[tier] = ARENA_ARRAY(&arena, void *, in);
        outputs[tier] = ARENA_ARRAY(&arena, void *, out);
        uint32_t bits = 1;
        for (size_t i = 0; i < in; i++) {
            Type type = graph->inputs.items[i].node->type;
            inputs[tier][i] = arena_alloc(&arena, type_bytes(&type));
            bool state = graph->inputs.items[i].role == ROLE_STATE;
            for (int64_t j = 0; j < type_numel(&type) && type.dtype == DT_F32 && !state; j++) {
                bits = bits * 1664525u + 1013904223u;
                ((float *)inputs[tier][i])[j] = (float)(bits >> 8) / 16777216.0f * 0.4f - 0.2f;
            }
        }
        for (size_t i = 0; i < out; i++) {
            const GraphOutput *output = &graph->outputs.items[i];
            outputs[tier][i] =
                output->role == OUT_UPDATE ? inputs[tier][output->updates] : &loss[tier];
        }
    }
    for (int step = 0; step < 3; step++) {
        for (int tier = 0; tier < 2; tier++)
            run(tiers[tier], (const void *const *)inputs[tier], outputs[tier]);
        cr_assert_eq(memcmp(&loss[0], &loss[1], sizeof(float)), 0, "step %d: %g and %g", step,
                     (double)loss[0], (double)loss[1]);
        cr_assert(isfinite(loss[0]) && loss[0] > 0, "%g", (double)loss[0]);
    }
    for (size_t i = 0; i < in; i++) {
        size_t bytes = type_bytes(&graph->inputs.items[i].node->type);
        cr_expect_eq(memcmp(inputs[0][i], inputs[1][i], bytes), 0, "%s",
                     graph->inputs.items[i].name);
    }
    executable_free(tiers[0]);
    executable_free(tiers[1]);
    program_free(program);
    arena_free(&arena);
}
