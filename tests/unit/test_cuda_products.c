/* Products of matrices and convolutions by matrix units, on the CPU: errors within the bounds of
 * the precision class, whatever the sizes; numbers that aren't finite; devices without such units;
 * waits and barriers where they must be. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/build.h"
#include "tests/support/gpu_run.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

typedef struct Products {
    Arena arena;
    Graph *graph;
    Tensor64 inputs[2];
    GpuRuns runs;
} Products;

static double draw(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(float)((double)(int64_t)(*state >> 33) / (double)(1u << 30) - 1);
}

static void start(Products *p, Precision precision, double rms, double most) {
    *p = (Products){.runs = {.precision = precision, .rms = rms, .most = most}};
}

static Node *operand(Products *p, int which, Type type) {
    if (which == 0) p->graph = graph_new(&p->arena, "products");
    uint64_t state = (uint64_t)type_numel(&type) + (uint64_t)which;
    int64_t count = type_numel(&type);
    p->inputs[which] =
        (Tensor64){.type = type, .f = ARENA_ARRAY(&p->arena, double, (size_t)count + 1)};
    for (int64_t i = 0; i < count; i++)
        p->inputs[which].f[i] = draw(&state);
    return graph_input(p->graph, which ? "b" : "a", type, ROLE_DATA, which);
}

/* All schedules of the graph's product. */
static void add(Products *p, Node *result) {
    Buf error = {0};
    graph_output(p->graph, "y", result, OUT_RESULT, -1);
    cr_assert(gpu_runs_add(&p->runs, p->graph, p->inputs, true, &p->arena, &error), "%s",
              buf_text(&error));
}

/* b batches of m x k by k x n; `turned`: operands lie the other way around. */
static void add_dot(Products *p, int64_t b, int64_t m, int64_t n, int64_t k, bool turned) {
    Node *x[] = {operand(p, 0, type_make(DT_F32, 3, turned ? DIMS(b, k, m) : DIMS(b, m, k))),
                 operand(p, 1, type_make(DT_F32, 3, turned ? DIMS(b, k, n) : DIMS(b, n, k)))};
    Attr attrs[] = {attr_ints(ATTR_batch_a, DIMS(0), 1), attr_ints(ATTR_batch_b, DIMS(0), 1),
                    attr_ints(ATTR_contract_a, DIMS(turned ? 1 : 2), 1),
                    attr_ints(ATTR_contract_b, DIMS(turned ? 1 : 2), 1)};
    add(p, build_op(p->graph, OP_dot, x, 2, attrs, 4));
}

static void add_conv(Products *p, Op op, int64_t in, int64_t out, int64_t size, int64_t window,
                     int64_t stride, int64_t dilation) {
    int64_t pad = window / 2 * dilation;
    int64_t small = (size + 2 * pad - (window - 1) * dilation - 1) / stride + 1;
    Type x = type_make(DT_F32, 4, DIMS(2, in, size, size));
    Type w = type_make(DT_F32, 4, DIMS(out, in, window, window));
    Type y = type_make(DT_F32, 4, DIMS(2, out, small, small));
    Node *nodes[] = {operand(p, 0, op == OP_conv_dx ? y : x),
                     operand(p, 1, op == OP_conv_dw ? y : w)};
    Attr attrs[] = {attr_ints(ATTR_stride, DIMS(stride, stride), 2),
                    attr_ints(ATTR_lo, DIMS(pad, pad), 2),
                    attr_ints(ATTR_hi, DIMS(pad, pad), 2),
                    attr_ints(ATTR_dilation, DIMS(dilation, dilation), 2),
                    attr_int(ATTR_groups, 1),
                    op == OP_conv_dw ? attr_ints(ATTR_window, DIMS(window, window), 2)
                                     : attr_ints(ATTR_size, DIMS(size, size), 2)};
    add(p, build_op(p->graph, op, nodes, 2, attrs, op == OP_conv ? 5 : 6));
}

static void check(Products *p) {
    Buf message = {0};
    gpu_runs_check(&p->runs, &p->arena, &message);
    cr_expect(message.size == 0, "%s", buf_text(&message));
    buf_free(&message);
    gpu_runs_free(&p->runs);
    arena_free(&p->arena);
}

static bool checks_all(void) {
    const char *wish = getenv("NNC_CUDA");
    return wish && strcmp(wish, "all") == 0;
}

/* Sizes that no tile divides, sums shorter than all stages of a pipeline and longer. */
static void add_all(Products *p) {
    add_dot(p, 1, 37, 29, 19, false);
    add_dot(p, 2, 20, 36, 72, true);
    add_conv(p, OP_conv, 3, 10, 9, 3, 1, 1);
    add_conv(p, OP_conv_dx, 5, 6, 8, 3, 2, 1);
    add_conv(p, OP_conv_dw, 4, 7, 9, 3, 1, 2);
    if (!checks_all()) return;
    for (int turned = 0; turned < 2; turned++) {
        add_dot(p, 3, 1, 130, 5, turned);
        add_dot(p, 1, 131, 70, 33, turned);
        add_dot(p, 2, 64, 64, 128, turned);
        add_dot(p, 1, 16, 24, 1001, turned);
    }
    for (int64_t window = 1; window <= 5; window += 2)
        for (int64_t stride = 1; stride <= 3; stride++)
            for (int64_t dilation = 1; dilation <= 2; dilation++) {
                add_conv(p, OP_conv, 6, 17, 11, window, stride, dilation);
                add_conv(p, OP_conv_dx, 6, 17, 11, window, stride, dilation);
                add_conv(p, OP_conv_dw, 6, 17, 11, window, stride, dilation);
            }
}

static void check_class(Precision precision, double rms, double most, bool without_units) {
    Products p;
    start(&p, precision, rms, most);
    p.runs.without_units = without_units;
    add_all(&p);
    check(&p);
}

Test(cuda_products, highest) {
    check_class(PRECISION_HIGHEST, 5e-6, 5e-5, false);
}

Test(cuda_products, high) {
    check_class(PRECISION_HIGH, 1e-3, 1e-2, false);
}

Test(cuda_products, medium) {
    check_class(PRECISION_MEDIUM, 1e-2, 1e-1, false);
}

Test(cuda_products, strict) {
    check_class(PRECISION_STRICT, 5e-6, 5e-5, false);
}

Test(cuda_products, without_units) {
    check_class(PRECISION_HIGHEST, 5e-6, 5e-5, true);
}

/* Operands that were cast from halves: products are exact, of one half and the other as well. */
Test(cuda_products, halves) {
    static const DType types[][2] = {
        {DT_BF16, DT_BF16}, {DT_F16, DT_F16}, {DT_BF16, DT_F16}, {DT_BF16, DT_F32}};
    Products p;
    start(&p, PRECISION_HIGHEST, 5e-6, 5e-5);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        Node *x[2];
        for (int which = 0; which < 2; which++) {
            Node *own = operand(&p, which, type_make(DT_F32, 2, DIMS(40, 72)));
            for (int64_t k = 0; types[i][which] != DT_F32 && k < 40 * 72; k++)
                p.inputs[which].f[k] = round(p.inputs[which].f[k] * 128) / 128;
            x[which] = build_cast(p.graph, build_cast(p.graph, own, types[i][which]), DT_F32);
        }
        Attr attrs[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                        attr_ints(ATTR_contract_a, DIMS(1), 1),
                        attr_ints(ATTR_contract_b, DIMS(1), 1)};
        add(&p, build_op(p.graph, OP_dot, x, 2, attrs, 4));
    }
    check(&p);
}

/* As plain float32 has them: infinities, NaNs, and what overflows. */
Test(cuda_products, not_finite) {
    Products p;
    start(&p, PRECISION_HIGHEST, 5e-6, 5e-5);
    Node *x[] = {operand(&p, 0, type_make(DT_F32, 2, DIMS(40, 24))),
                 operand(&p, 1, type_make(DT_F32, 2, DIMS(24, 40)))};
    double *a = p.inputs[0].f, *b = p.inputs[1].f;
    a[3] = (double)INFINITY;
    a[30 * 24 + 5] = (double)NAN;
    a[20 * 24 + 7] = -(double)INFINITY;
    b[7 * 40 + 2] = 0; /* by an infinity */
    a[10 * 24 + 1] = 0x1p127;
    b[1 * 40 + 11] = -0x1p10;
    Attr attrs[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                    attr_ints(ATTR_contract_a, DIMS(1), 1), attr_ints(ATTR_contract_b, DIMS(0), 1)};
    add(&p, build_op(p.graph, OP_dot, x, 2, attrs, 4));
    check(&p);
}

/* Where there is enough to do. */
Test(cuda_products, chosen_for_large_products) {
    for (int precision = 0; precision < PRECISION_COUNT; precision++) {
        Products p;
        start(&p, (Precision)precision, 0, 0);
        Type type = type_make(DT_F32, 2, DIMS(1024, 1024));
        Graph *graph = graph_new(&p.arena, "products");
        Node *x[] = {graph_input(graph, "a", type, ROLE_DATA, 0),
                     graph_input(graph, "b", type, ROLE_DATA, 1)};
        Attr attrs[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                        attr_ints(ATTR_contract_a, DIMS(1), 1),
                        attr_ints(ATTR_contract_b, DIMS(0), 1)};
        graph_output(graph, "y", build_op(graph, OP_dot, x, 2, attrs, 4), OUT_RESULT, -1);
        Fusion *fusion = fuse(graph, &p.arena);
        LowerContext context = {.arena = &p.arena, .precision = (Precision)precision};
        GpuSchedule schedules[GPU_MAX_SCHEDULES];
        gpu_schedules(fusion->groups[0], &context, schedules);
        cr_expect_eq(schedules[0].products == GPU_FMA, precision == PRECISION_STRICT, "%s",
                     precision_name((Precision)precision));
        graph_free(graph);
        arena_free(&p.arena);
    }
}
