/* Kernels for GPUs: those of networks and of random graphs, printed as CUDA, compiled by NVRTC for
 * devices, and run on the CPU against the reference interpreter. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/kernel_interp.h"
#include "frontend/frontend.h"
#include "ir/build.h"
#include "passes/pass.h"
#include "tests/support/gpu_run.h"
#include "tests/support/programs.h"
#include "tests/support/random_graph.h"

/* Any values that an input of that role may have. */
static Tensor64 values_for(Random *random, const GraphInput *input, Arena *arena) {
    const Type *type = &input->node->type;
    size_t count = (size_t)type_numel(type);
    Tensor64 tensor = {.type = *type};
    bool is_float = dtype_is_float(type->dtype);
    bool any_sign = input->role == ROLE_DATA || input->role == ROLE_PARAM;
    if (is_float)
        tensor.f = ARENA_ARRAY(arena, double, count + 1);
    else
        tensor.i = ARENA_ARRAY(arena, int64_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (is_float)
            tensor.f[i] = any_sign ? 2 * random_unit(random) - 1 : 0.1 + random_unit(random);
        else
            tensor.i[i] = random_below(random, 2);
    }
    if (is_float && type->dtype == DT_F32)
        for (size_t i = 0; i < count; i++)
            tensor.f[i] = (double)(float)tensor.f[i];
    return tensor;
}

/* With NNC_CUDA=all: every generation of devices, and more random graphs. */
static bool checks_all(void) {
    const char *wish = getenv("NNC_CUDA");
    return wish && strcmp(wish, "all") == 0;
}

static void add_program(GpuRuns *runs, const Program *program, Arena *arena) {
    Random random = {7};
    for (size_t f = 0; f < program->functions.count; f++) {
        const ProgramFunction *function = &program->functions.items[f];
        if (function->kind == FUNCTION_INIT) continue;
        PassContext context = {.arena = arena};
        Graph *graph = passes_run(function->graph, 3, NULL, &context);
        Tensor64 *inputs = ARENA_ARRAY(arena, Tensor64, graph->inputs.count + 1);
        for (size_t i = 0; i < graph->inputs.count; i++)
            inputs[i] = values_for(&random, &graph->inputs.items[i], arena);
        Buf error = {0};
        cr_assert(gpu_runs_add(runs, graph, inputs, false, arena, &error), "%s", buf_text(&error));
        graph_free(graph);
    }
}

/* Runs them on the CPU, and compiles them for devices: architectures ended by NULL. */
static void check_as(const GpuRuns *runs, const char *const *archs, bool strict, Arena *arena) {
    static const char *const all[] = {"sm_75", "sm_80", "sm_89", "sm_90a", "sm_100", NULL};
    Buf message = {0}, text = {0};
    gpu_runs_check(runs, arena, &message);
    gpu_runs_print(runs, &text, arena);
    if (*archs && checks_all()) archs = all;
    for (; *archs && message.size == 0; archs++)
        if (!nvrtc_check(&text, *archs, strict, &message)) cr_log_info("no NVRTC");
    cr_expect(message.size == 0, "%s", buf_text(&message));
    buf_free(&message);
    buf_free(&text);
}

static void check(const GpuRuns *runs, const char *const *archs, Arena *arena) {
    check_as(runs, archs, true, arena);
}

/* Elementwise groups, reductions and contractions must have been among them. */
static void check_lowered(const GpuRuns *runs) {
    for (int kind = GROUP_ELEMENTWISE; kind <= GROUP_REDUCTION; kind++)
        cr_expect_gt(runs->lowered[kind], 0, "no %s", group_kind_name(kind));
}

Test(cuda, lenet) {
    Arena arena = {0};
    GpuRuns runs = {0};
    Program *program = program_lenet(&arena, 1, 3);
    add_program(&runs, program, &arena);
    check_lowered(&runs);
    check(&runs, (const char *const[]){"sm_80", "sm_90a", NULL}, &arena);
    program_free(program);
    gpu_runs_free(&runs);
    arena_free(&arena);
}

static void check_network(const char *name, const char *arch) {
    Arena arena = {0};
    GpuRuns runs = {0};
    Sources sources;
    sources_init(&sources);
    uint16_t file = sources_read(&sources, arena_printf(&arena, "tests/emitted/networks/%s", name));
    cr_assert(file, "%s", name);
    FrontendOptions options = {.file = file, .name = "net", .step_limit = -1, .out = stdout};
    Program *program = frontend_compile(&options, &sources, &arena);
    cr_assert(program, "%s", name);
    add_program(&runs, program, &arena);
    check_lowered(&runs);
    check(&runs, (const char *const[]){arch, NULL}, &arena);
    program_release(program);
    sources_free(&sources);
    gpu_runs_free(&runs);
    arena_free(&arena);
}

Test(cuda, transformer) {
    check_network("transformer.nn", "sm_90a");
}

Test(cuda, residual_convolutions) {
    check_network("pre_activation.nn", "sm_80");
}

static DType dtype_of(uint64_t seed) {
    static const DType dtypes[] = {DT_F64, DT_F32, DT_F32, DT_BF16, DT_F64, DT_F32, DT_F32, DT_F16};
    return dtypes[seed % 8];
}

/* Every schedule, not only the chosen ones, of whatever random graphs hold. */
Test(cuda, random_graphs) {
    Arena arena = {0};
    GpuRuns runs = {0};
    for (uint64_t seed = 1; seed <= (checks_all() ? 100 : 20); seed++) {
        RandomGraph random;
        random_graph_start(&random, &arena, seed, dtype_of(seed));
        random_graph_fill(&random, 12, NULL);
        Tensor64 *inputs = random_graph_values(&random, &arena);
        PassContext context = {.arena = &arena};
        Graph *graph = passes_run(random.graph, 0, "decompose", &context);
        Buf error = {0};
        gpu_runs_add(&runs, graph, inputs, true, &arena, &error);
        buf_free(&error);
        graph_free(graph);
        random_graph_free(&random);
    }
    check(&runs, (const char *const[]){NULL}, &arena);
    gpu_runs_free(&runs);
    arena_free(&arena);
}

/* Each op of the table by itself. */
Test(cuda, all_ops) {
    Arena arena = {0};
    GpuRuns runs = {0};
    for (int op = 0; op < OP_COUNT; op++) {
        if (op == OP_result) continue; /* comes with sort */
        for (uint64_t seed = 1; seed <= (checks_all() ? 12 : 3); seed++) {
            RandomGraph random;
            random_graph_start(&random, &arena, seed, dtype_of(seed));
            (void)random_graph_op(&random, (Op)op);
            random_graph_fill(&random, 0, NULL);
            Tensor64 *inputs = random_graph_values(&random, &arena);
            PassContext context = {.arena = &arena};
            Graph *graph = passes_run(random.graph, 0, "decompose", &context);
            Buf error = {0};
            gpu_runs_add(&runs, graph, inputs, false, &arena, &error);
            buf_free(&error);
            graph_free(graph);
            random_graph_free(&random);
        }
    }
    /* A few have arrays: of a generator's state, or in CUDA's own functions. */
    check_as(&runs, (const char *const[]){checks_all() ? "sm_80" : NULL, NULL}, false, &arena);
    gpu_runs_free(&runs);
    arena_free(&arena);
}

/* Windows of 16 doubles make the widest tiles: they still fit. */
Test(cuda, wide_windows) {
    Arena arena = {0};
    GpuRuns runs = {0};
    Random random = {7};
    Graph *graph = graph_new(&arena, "graph");
    const int64_t zeros[2] = {0, 0}, ones[2] = {1, 1}, window[2] = {4, 4};
    Type types[2] = {type_make(DT_F64, 4, (int64_t[]){1, 5, 9, 9}),
                     type_make(DT_F64, 4, (int64_t[]){3, 5, 2, 2})};
    Node *x[2] = {graph_input(graph, "x", types[0], ROLE_DATA, 0),
                  graph_input(graph, "w", types[1], ROLE_DATA, 1)};
    Attr attrs[] = {attr_ints(ATTR_stride, ones, 2), attr_ints(ATTR_lo, zeros, 2),
                    attr_ints(ATTR_hi, zeros, 2), attr_ints(ATTR_dilation, ones, 2),
                    attr_int(ATTR_groups, 1)};
    Node *y = build_op(graph, OP_conv, x, 2, attrs, 5);
    attrs[0] = attr_ints(ATTR_stride, window, 2);
    attrs[4] = attr_ints(ATTR_window, window, 2);
    graph_output(graph, "y", build_op(graph, OP_max_pool, &y, 1, attrs, 5), OUT_RESULT, -1);
    Tensor64 inputs[2];
    for (int i = 0; i < 2; i++) {
        int64_t count = type_numel(&types[i]);
        inputs[i] = (Tensor64){.type = types[i], .f = ARENA_ARRAY(&arena, double, (size_t)count)};
        for (int64_t k = 0; k < count; k++)
            inputs[i].f[k] = (double)random_below(&random, 9) - 4;
    }
    Buf error = {0};
    cr_assert(gpu_runs_add(&runs, graph, inputs, true, &arena, &error), "%s", buf_text(&error));
    cr_expect_gt(runs.lowered[GROUP_CONTRACTION], 0);
    check_as(&runs, (const char *const[]){"sm_80", NULL}, false, &arena);
    graph_free(graph);
    gpu_runs_free(&runs);
    arena_free(&arena);
}

/* Rows with many equal elements, and with NaNs, under every schedule. */
Test(cuda, first_of_equals) {
    Arena arena = {0};
    GpuRuns runs = {0};
    Random random = {3};
    Graph *graph = graph_new(&arena, "graph");
    Type type = type_make(DT_F32, 2, (int64_t[]){70, 70});
    Node *x = graph_input(graph, "x", type, ROLE_DATA, 0);
    for (int axis = 0; axis < 2; axis++) {
        Attr attr = attr_int(ATTR_axis, axis);
        graph_output(graph, "most", build_op(graph, OP_argmax, &x, 1, &attr, 1), OUT_RESULT, -1);
        graph_output(graph, "least", build_op(graph, OP_argmin, &x, 1, &attr, 1), OUT_RESULT, -1);
    }
    Tensor64 input = {.type = type, .f = ARENA_ARRAY(&arena, double, 70 * 70)};
    for (int i = 0; i < 70 * 70; i++)
        input.f[i] = random_below(&random, 100) == 0 ? (double)NAN : random_below(&random, 3);
    Buf error = {0};
    cr_assert(gpu_runs_add(&runs, graph, &input, true, &arena, &error), "%s", buf_text(&error));
    check(&runs, (const char *const[]){NULL}, &arena);
    graph_free(graph);
    gpu_runs_free(&runs);
    arena_free(&arena);
}

/* Several threads to a column, runs of many lengths. */
Test(cuda, scatter_and_sort) {
    enum { ROWS = 3, SIZE = 37, WRITES = 50 };
    Arena arena = {0};
    GpuRuns runs = {0};
    Random random = {5};
    Graph *graph = graph_new(&arena, "graph");
    Type row = type_make(DT_F32, 2, (int64_t[]){ROWS, SIZE});
    Type more = type_make(DT_F32, 2, (int64_t[]){ROWS, WRITES});
    Type places = type_make(DT_I64, 2, more.dim);
    Node *x[3] = {graph_input(graph, "x", row, ROLE_DATA, 0),
                  graph_input(graph, "places", places, ROLE_DATA, 1),
                  graph_input(graph, "updates", more, ROLE_DATA, 2)};
    Attr attrs[2] = {attr_int(ATTR_axis, 1), attr_int(ATTR_descending, 0)};
    graph_output(graph, "last", build_op(graph, OP_scatter, x, 3, attrs, 1), OUT_RESULT, -1);
    graph_output(graph, "sums", build_op(graph, OP_scatter_add, x, 3, attrs, 1), OUT_RESULT, -1);
    Node *sort = build_op(graph, OP_sort, x, 1, attrs, 2);
    for (int i = 0; i < 2; i++) {
        Attr index = attr_int(ATTR_index, i);
        graph_output(graph, i ? "positions" : "sorted",
                     build_op(graph, OP_result, &sort, 1, &index, 1), OUT_RESULT, -1);
    }
    Tensor64 inputs[3] = {{.type = row, .f = ARENA_ARRAY(&arena, double, ROWS *SIZE)},
                          {.type = places, .i = ARENA_ARRAY(&arena, int64_t, ROWS * WRITES)},
                          {.type = more, .f = ARENA_ARRAY(&arena, double, ROWS *WRITES)}};
    for (int i = 0; i < ROWS * SIZE; i++)
        inputs[0].f[i] = random_below(&random, 20) == 0 ? (double)NAN : random_below(&random, 9);
    for (int i = 0; i < ROWS * WRITES; i++) {
        inputs[1].i[i] = random_below(&random, SIZE);
        inputs[2].f[i] = random_below(&random, 9);
    }
    Buf error = {0};
    cr_assert(gpu_runs_add(&runs, graph, inputs, true, &arena, &error), "%s", buf_text(&error));
    check(&runs, (const char *const[]){NULL}, &arena);
    graph_free(graph);
    gpu_runs_free(&runs);
    arena_free(&arena);
}

/* A kernel of two blocks. */
static KBuilder start(Arena *arena) {
    KBuilder b = kernel_begin(arena, target_gpu(), "kernel", (Span){0});
    k_grid(&b, 2, 64);
    return b;
}

Test(cuda, threads_meet_together_or_not_at_all) {
    Arena arena = {0};
    for (int wrong = 0; wrong < 4; wrong++) {
        KBuilder b = start(&arena);
        Type type = type_make(DT_F32, 1, (int64_t[]){64});
        Node *node = ARENA_NEW(&arena, Node);
        *node = (Node){.op = OP_input, .type = type};
        KVal *thread = k_thread(&b), *x = k_load(&b, k_input(&b, node), thread, 1);
        if (wrong == 1) k_if(&b, k_lt(&b, thread, k_index(&b, 32)));
        if (wrong == 2) k_for_values(&b, k_index(&b, 0), thread, 1, 0);
        if (wrong == 3) k_if(&b, k_lt(&b, x, k_number(&b, K_F32, 1, 0)));
        if (wrong == 0) k_if(&b, k_lt(&b, k_block(&b), k_index(&b, 1)));
        k_barrier(&b);
        k_end(&b);
        k_store(&b, k_shared(&b, DT_F32, 64, NULL), thread, k_peer(&b, x, 1));
        Buf error = {0};
        cr_expect_eq(kernel_verify(b.kernel, &error), wrong == 0, "%d: %s", wrong,
                     buf_text(&error));
        buf_free(&error);
        VEC_FREE(b.kernel->buffers);
    }
    arena_free(&arena);
}

Test(cuda, cpu_kernels_have_no_threads) {
    Arena arena = {0};
    KBuilder b = kernel_begin(&arena, target_find("none"), "kernel", (Span){0});
    k_barrier(&b);
    k_peer(&b, k_index(&b, 1), 1);
    Buf error = {0};
    cr_expect_not(kernel_verify(b.kernel, &error));
    buf_free(&error);
    VEC_FREE(b.kernel->buffers);
    arena_free(&arena);
}
