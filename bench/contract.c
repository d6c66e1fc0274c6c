/* Speed of single contractions: GFLOP/s beside the core's multiply-add peak, one thread.
 * Each line is a graph of one op, compiled as `nnc run` would. Arguments filter by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/codegen.h"
#include "codegen/contract.h"
#include "support/checked.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

/* Of this process: others may be using the machine. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *filled(size_t floats) {
    float *p = aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
    if (!p) fatal_memory();
    for (size_t i = 0; i < floats; i++)
        p[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
    return p;
}

static void measure(const char *name, const Graph *graph, double flops) {
    CodegenOptions options = {.level = 3};
    Buf error = {0};
    Executable *e = executable_new(graph, &options, &error);
    if (!e || !executable_compile(&e, 1, &(NativeReport){0}, &error)) {
        printf("%s: %s\n", name, buf_text(&error));
        exit(1);
    }
    const void *inputs[4];
    for (size_t i = 0; i < graph->inputs.count; i++)
        inputs[i] = filled((size_t)type_numel(&graph->inputs.items[i].node->type));
    void *output = filled((size_t)type_numel(&graph->outputs.items[0].value->type));
    double best = 1e9;
    int count = (int)(2e8 / flops) + 1;
    for (int repeat = 0; repeat < 7; repeat++) {
        double start = now();
        for (int i = 0; i < count; i++)
            executable_run(e, inputs, &output, &error);
        double seconds = (now() - start) / count;
        if (seconds < best) best = seconds;
    }
    printf("%-28s %9.1f us %7.1f GFLOP/s", name, best * 1e6, flops / best * 1e-9);
    for (size_t i = 0; i < graph->inputs.count; i++)
        free((void *)(uintptr_t)inputs[i]);
    free(output);
    executable_free(e);
}

static void print_schedule(const Graph *graph, Arena *arena) {
    const Fusion *fusion = fuse(graph, arena);
    LowerContext context = {.arena = arena};
    for (int i = 0; i < fusion->group_count; i++) {
        if (fusion->groups[i]->kind != GROUP_CONTRACTION) continue;
        double start = now();
        const Kernel *kernel = lower_contraction(fusion->groups[i], target_native(), &context);
        printf("  %s (lowered in %.0f us)", kernel->schedule, (now() - start) * 1e6);
    }
    printf("\n");
}

static bool wanted(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i])) return true;
    return argc < 2;
}

static void finish(const char *name, Graph *graph, Node *value, double flops, Arena *arena) {
    if (!value) {
        printf("%s: %s\n", name, buf_text(&graph->error));
        exit(1);
    }
    graph_output(graph, "y", value, OUT_RESULT, -1);
    measure(name, graph, flops);
    print_schedule(graph, arena);
    graph_free(graph);
    arena_free(arena);
}

typedef struct DotCase {
    const char *name;
    int64_t m, n, k;
    bool a_t, b_t;
} DotCase;

static const DotCase dots[] = {
    {"dot 512x512x512", 512, 512, 512, false, false},
    {"dot 1024x1024x1024", 1024, 1024, 1024, false, false},
    {"linear 512x512x512", 512, 512, 512, false, true},
    {"dot 1000x777x333", 1000, 777, 333, false, false},
    {"linear 33x17x65", 33, 17, 65, false, true},
    {"fc1 b1", 1, 120, 400, false, true},
    {"fc1 b128", 128, 120, 400, false, true},
    {"fc1 dx", 128, 400, 120, false, false},
    {"fc1 dw", 120, 400, 128, true, false},
    {"fc2 b128", 128, 84, 120, false, true},
    {"fc3 b128", 128, 10, 84, false, true},
    {"mlp b64 784x1024", 64, 1024, 784, false, true},
};

static void run_dot(const DotCase *d) {
    Arena arena = {0};
    Graph *graph = graph_new(&arena, "dot");
    Type a = type_make(DT_F32, 2, d->a_t ? DIMS(d->k, d->m) : DIMS(d->m, d->k));
    Type b = type_make(DT_F32, 2, d->b_t ? DIMS(d->n, d->k) : DIMS(d->k, d->n));
    Node *inputs[] = {graph_input(graph, "a", a, ROLE_DATA, 0),
                      graph_input(graph, "b", b, ROLE_DATA, 1)};
    int64_t sum_a = d->a_t ? 0 : 1, sum_b = d->b_t ? 1 : 0;
    Attr attrs[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                    attr_ints(ATTR_contract_a, &sum_a, 1), attr_ints(ATTR_contract_b, &sum_b, 1)};
    Node *value = graph_add(graph, OP_dot, inputs, 2, attrs, 4, (Span){0});
    finish(d->name, graph, value, 2 * (double)d->m * (double)d->n * (double)d->k, &arena);
}

typedef struct ConvCase {
    const char *name;
    Op op;
    int64_t n, in, out, size, window, stride, pad, groups;
} ConvCase;

static const ConvCase convs[] = {
    {"conv1 b1", OP_conv, 1, 1, 6, 32, 5, 1, 0, 1},
    {"conv1 b128", OP_conv, 128, 1, 6, 32, 5, 1, 0, 1},
    {"conv2 b1", OP_conv, 1, 6, 16, 14, 5, 1, 0, 1},
    {"conv2 b128", OP_conv, 128, 6, 16, 14, 5, 1, 0, 1},
    {"conv2 dx", OP_conv_dx, 128, 6, 16, 14, 5, 1, 0, 1},
    {"conv1 dw", OP_conv_dw, 128, 1, 6, 32, 5, 1, 0, 1},
    {"conv2 dw", OP_conv_dw, 128, 6, 16, 14, 5, 1, 0, 1},
    {"conv 64-64 3x3 56", OP_conv, 1, 64, 64, 56, 3, 1, 1, 1},
    {"conv 64-64 3x3 56 dx", OP_conv_dx, 1, 64, 64, 56, 3, 1, 1, 1},
    {"conv 64-64 3x3 56 dw", OP_conv_dw, 4, 64, 64, 56, 3, 1, 1, 1},
    {"conv 128-128 3x3 28", OP_conv, 1, 128, 128, 28, 3, 1, 1, 1},
    {"conv 512-512 3x3 7", OP_conv, 1, 512, 512, 7, 3, 1, 1, 1},
    {"conv 64-128 3x3 56 s2", OP_conv, 1, 64, 128, 56, 3, 2, 1, 1},
    {"conv 64-256 1x1 56", OP_conv, 1, 64, 256, 56, 1, 1, 0, 1},
    {"conv 3-64 7x7 224 s2", OP_conv, 1, 3, 64, 224, 7, 2, 3, 1},
    {"conv 96 depthwise 3x3 56", OP_conv, 1, 96, 96, 56, 3, 1, 1, 96},
    {"conv 17-33 3x3 33", OP_conv, 3, 17, 33, 33, 3, 1, 1, 1},
};

static void run_conv(const ConvCase *v) {
    Arena arena = {0};
    Graph *graph = graph_new(&arena, "conv");
    int64_t y = (v->size + 2 * v->pad - v->window) / v->stride + 1;
    Type tx = type_make(DT_F32, 4, DIMS(v->n, v->in, v->size, v->size));
    Type tw = type_make(DT_F32, 4, DIMS(v->out, v->in / v->groups, v->window, v->window));
    Type ty = type_make(DT_F32, 4, DIMS(v->n, v->out, y, y));
    Node *inputs[] = {
        graph_input(graph, "a", v->op == OP_conv_dx ? ty : tx, ROLE_DATA, 0),
        graph_input(graph, "b", v->op == OP_conv_dw ? ty : tw, ROLE_DATA, 1),
    };
    Attr attrs[] = {
        attr_ints(ATTR_stride, DIMS(v->stride, v->stride), 2),
        attr_ints(ATTR_lo, DIMS(v->pad, v->pad), 2),
        attr_ints(ATTR_hi, DIMS(v->pad, v->pad), 2),
        attr_ints(ATTR_dilation, DIMS(1, 1), 2),
        attr_int(ATTR_groups, v->groups),
        attr_ints(v->op == OP_conv_dw ? ATTR_window : ATTR_size,
                  v->op == OP_conv_dw ? DIMS(v->window, v->window) : DIMS(v->size, v->size), 2)};
    Node *value = graph_add(graph, v->op, inputs, 2, attrs, v->op == OP_conv ? 5 : 6, (Span){0});
    double flops = 2 * (double)v->n * (double)v->out * (double)(v->in / v->groups) *
                   (double)(y * y) * (double)(v->window * v->window);
    finish(v->name, graph, value, flops, &arena);
}

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof dots / sizeof dots[0]; i++)
        if (wanted(argc, argv, dots[i].name)) run_dot(&dots[i]);
    for (size_t i = 0; i < sizeof convs / sizeof convs[0]; i++)
        if (wanted(argc, argv, convs[i].name)) run_conv(&convs[i]);
    return 0;
}
