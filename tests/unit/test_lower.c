/* Lowering of every op against the reference interpreter, for every target: kernels interpreted
 * and compiled give the same bits. Ops read inputs only, so that each is a kernel of its own. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "codegen/target.h"
#include "ir/text.h"
#include "tests/support/random_graph.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

typedef struct Case {
    Arena arena;
    Graph *graph;
    Tensor64 *values; /* of the inputs */
    Tensor64 *want;
    void **inputs, **interpreted, **compiled;
} Case;

static void prepare(Case *c) {
    Arena *arena = &c->arena;
    size_t in = c->graph->inputs.count, out = c->graph->outputs.count;
    Buf error = {0};
    c->want = ARENA_ARRAY(arena, Tensor64, out + 1);
    cr_assert(interp_run(c->graph, c->values, c->want, ROUND_TO_TYPE, arena, &error), "%s",
              buf_text(&error));
    c->inputs = ARENA_ARRAY(arena, void *, in + 1);
    c->interpreted = ARENA_ARRAY(arena, void *, out + 1);
    c->compiled = ARENA_ARRAY(arena, void *, out + 1);
    for (size_t i = 0; i < in; i++) {
        c->inputs[i] = arena_alloc(arena, type_bytes(&c->values[i].type) + 1);
        tensor64_to_bytes(&c->values[i], c->inputs[i]);
    }
    for (size_t i = 0; i < out; i++) {
        c->interpreted[i] = arena_alloc(arena, type_bytes(&c->want[i].type) + 1);
        c->compiled[i] = arena_alloc(arena, type_bytes(&c->want[i].type) + 1);
    }
}

static const char *describe(const Case *c, size_t output) {
    Buf text = {0};
    graph_print(&text, c->graph, NULL);
    static char said[4000];
    snprintf(said, sizeof said, "%s\noutput %zu of\n%.3000s", c->graph->outputs.items[output].name,
             output, buf_text(&text));
    buf_free(&text);
    return said;
}

/* Relative to the element's size; integers, infinities and NaN must be equal. */
static double distance(const Tensor64 *want, const Tensor64 *got, int64_t k) {
    if (want->i) return want->i[k] == got->i[k] ? 0 : INFINITY;
    double x = want->f[k], y = got->f[k];
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y) ? 0 : INFINITY;
    if (isinf(x) || isinf(y)) return x == y ? 0 : INFINITY;
    return fabs(x - y) / (1 + fabs(x));
}

static void compare(const Case *c, const char *target, double bound) {
    for (size_t i = 0; i < c->graph->outputs.count; i++) {
        const Tensor64 *want = &c->want[i];
        Arena scratch = {0};
        Tensor64 got = tensor64_from_bytes(&scratch, want->type, c->interpreted[i]);
        double worst = 0;
        for (int64_t k = 0; k < type_numel(&want->type); k++)
            worst = fmax(worst, distance(want, &got, k));
        cr_expect_leq(worst, bound, "%s is off by %g: %s", target, worst, describe(c, i));
        arena_free(&scratch);
    }
}

/* Bound 0 asks for the reference's very bits. */
static void check(Case *c, double bound, bool compile) {
    prepare(c);
    for (const Target *const *target = target_all(); *target; target++) {
        const char *name = (*target)->name;
        CodegenOptions options = {.level = 0, .vector = name};
        Buf error = {0};
        Executable *executable = executable_new(c->graph, &options, &error);
        cr_assert_not_null(executable, "%s", buf_text(&error));
        cr_assert(
            executable_run(executable, (const void *const *)c->inputs, c->interpreted, &error),
            "%s: %s", name, buf_text(&error));
        compare(c, name, bound);
        bool here =
            (*target)->vector_bytes <= target_native()->vector_bytes && strcmp(name, "neon") != 0;
        if (compile && here) {
            cr_assert(executable_compile(&executable, 1, &(NativeReport){0}, &error), "%s",
                      buf_text(&error));
            cr_assert(
                executable_run(executable, (const void *const *)c->inputs, c->compiled, &error));
            for (size_t i = 0; i < c->graph->outputs.count; i++)
                cr_expect_eq(
                    memcmp(c->interpreted[i], c->compiled[i], type_bytes(&c->want[i].type)), 0,
                    "%s: tiers differ: %s", name, describe(c, i));
        }
        executable_free(executable);
    }
    graph_free(c->graph);
    arena_free(&c->arena);
}

/* Some instances of each op over random operands. */
static void check_seed(const Op *ops, int count, uint64_t seed, DType dtype, double bound) {
    Case c = {.graph = NULL};
    RandomGraph random;
    random_graph_start(&random, &c.arena, seed, dtype);
    random.fresh = true;
    for (int i = 0; i < 4 * count; i++)
        random_graph_op(&random, ops[i % count]);
    /* No steps: what nobody reads becomes an output. */
    random_graph_fill(&random, 0, NULL);
    c.graph = random.graph;
    c.values = random_graph_values(&random, &c.arena);
    check(&c, bound, seed % 8 == 0);
    VEC_FREE(random.pool);
    VEC_FREE(random.ranges);
}

static void check_ops(const Op *ops, int count, double bound32, double bound64) {
    for (uint64_t seed = 1; seed <= 8; seed++) {
        check_seed(ops, count, seed, DT_F32, bound32);
        check_seed(ops, count, seed + 100, DT_F64, bound64);
    }
}
#define CHECK_OPS(bound32, bound64, ...)                                                           \
    check_ops((const Op[]){__VA_ARGS__}, (int)(sizeof((const Op[]){__VA_ARGS__}) / sizeof(Op)),    \
              bound32, bound64)

Test(lower, movement) {
    CHECK_OPS(0, 0, OP_reshape, OP_permute, OP_expand, OP_slice, OP_flip, OP_pad, OP_concat);
}

Test(lower, indexed) {
    CHECK_OPS(0, 0, OP_gather, OP_take, OP_pool_gather, OP_dynamic_slice, OP_dynamic_update,
              OP_scatter, OP_index_put);
}

/* Sums have the reference's order, rounded at each step in both. */
static const double SUM32 = 1e-6, SUM64 = 1e-14;

Test(lower, adding) {
    CHECK_OPS(SUM32, SUM64, OP_scatter_add, OP_index_add, OP_pool_scatter);
}

Test(lower, scans_and_sorts) {
    CHECK_OPS(SUM32, SUM64, OP_cumsum, OP_cumprod);
    CHECK_OPS(0, 0, OP_sort);
}

Test(lower, random_numbers) {
    CHECK_OPS(0, 0, OP_random_mt);
    CHECK_OPS(3e-7, 1e-15, OP_random);
}

static Tensor64 *with_seed(Case *c, int64_t seed) {
    c->graph = graph_new(&c->arena, "numbers");
    graph_input(c->graph, "seed", type_scalar(DT_I64), ROLE_DATA, 0);
    Tensor64 *value = ARENA_NEW(&c->arena, Tensor64);
    *value = tensor64_from_bytes(&c->arena, type_scalar(DT_I64), &seed);
    return value;
}

static void draw(Graph *graph, const char *dist, double low, double high, int64_t skip,
                 int64_t count, DType dtype) {
    Attr attrs[] = {attr_text(ATTR_dist, dist),       attr_float(ATTR_low, low),
                    attr_float(ATTR_high, high),      attr_int(ATTR_skip, skip),
                    attr_ints(ATTR_shape, &count, 1), attr_dtype(dtype)};
    Node *y = build_op(graph, OP_random_mt, &graph->inputs.items[0].node, 1, attrs, 6);
    graph_output(graph, dist, y, OUT_RESULT, -1);
}

/* PyTorch's stream bit for bit, whatever the target: lengths around blocks, entered anywhere, and
 * all in one pass over the stream. */
static void check_stream(int64_t skip, DType dtype) {
    static const int64_t counts[] = {1, 15, 16, 17, 48, 623, 624, 625, 2000}, few[] = {1, 2, 3, 15};
    Case c = {.graph = NULL};
    c.values = with_seed(&c, skip * INT64_C(1234567890123));
    for (int i = 0; i < 9; i++) {
        draw(c.graph, "uniform", -0.3, 1.7, skip + i, counts[i], dtype);
        draw(c.graph, "uniform", 1e-9, 0.7, skip, counts[i], dtype);
        draw(c.graph, "normal", 0.7, 1.3, skip + i, counts[i], dtype);
        draw(c.graph, "bernoulli", 0.3, 0, skip + i, counts[i], dtype);
        draw(c.graph, "bits", 0, 0, skip + i, counts[i], DT_I64);
    }
    for (int i = 0; i < 4; i++)
        draw(c.graph, "normal_second", -0.1, 0.01, skip, few[i], dtype);
    check(&c, 0, skip == 3001);
}

Test(lower, mersenne_twister) {
    static const int64_t skips[] = {0, 1, 620, 623, 624, 3001};
    for (int i = 0; i < 6; i++) {
        check_stream(skips[i], DT_F32);
        check_stream(skips[i], DT_F64);
    }
}

/* NaN is greatest and stays in order, both zeros are equal, so are equal numbers. */
Test(lower, sort_orders_everything) {
    static const float items[] = {3,   NAN, -0.0f,     1,   INFINITY, 0, -0.0f,
                                  NAN, 1,   -INFINITY, 1.5, 3,        1, 0,
                                  NAN, 2,   -INFINITY, 7,   -1e-40f,  5, 5};
    enum { COUNT = sizeof items / sizeof *items };
    for (int64_t rows = 1; rows <= 3; rows += 2) {
        for (int flags = 0; flags < 4; flags++) {
            Case c = {.graph = NULL};
            Type type = type_make(DT_F32, 2, DIMS(COUNT / rows, rows));
            c.graph = graph_new(&c.arena, "sort");
            Node *x = graph_input(c.graph, "x", type, ROLE_DATA, 0);
            Attr attrs[] = {attr_int(ATTR_axis, flags / 2), attr_int(ATTR_descending, flags % 2)};
            Node *sorted = build_op(c.graph, OP_sort, &x, 1, attrs, 2);
            graph_output(c.graph, "values", build_result(c.graph, sorted, 0), OUT_RESULT, -1);
            graph_output(c.graph, "positions", build_result(c.graph, sorted, 1), OUT_RESULT, -1);
            c.values = ARENA_NEW(&c.arena, Tensor64);
            *c.values = tensor64_from_bytes(&c.arena, type, items);
            check(&c, 0, flags == 1);
        }
    }
}

/* The last write wins, in both tiers. */
Test(lower, equal_positions) {
    static const Op ops[] = {OP_scatter, OP_index_put};
    for (int i = 0; i < 2; i++) {
        Case c = {.graph = NULL};
        c.graph = graph_new(&c.arena, "writes");
        Node *x = graph_input(c.graph, "x", type_make(DT_F32, 1, DIMS(5)), ROLE_DATA, 0);
        Node *idx = graph_input(c.graph, "idx", type_make(DT_I64, 1, DIMS(9)), ROLE_DATA, 1);
        Node *u = graph_input(c.graph, "u", type_make(DT_F32, 1, DIMS(9)), ROLE_DATA, 2);
        Attr axis = attr_int(ATTR_axis, 0);
        Node *y = build_op(c.graph, ops[i], (Node *[]){x, idx, u}, 3, &axis, 1);
        graph_output(c.graph, "y", y, OUT_RESULT, -1);
        c.values = ARENA_ARRAY(&c.arena, Tensor64, 3);
        float numbers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
        int64_t positions[] = {4, 0, 4, 2, 2, 4, 0, 2, 1};
        c.values[0] = tensor64_from_bytes(&c.arena, x->type, numbers);
        c.values[1] = tensor64_from_bytes(&c.arena, idx->type, positions);
        c.values[2] = tensor64_from_bytes(&c.arena, u->type, numbers);
        check(&c, 0, true);
    }
}

/* An index out of range stops the run with a message. */
Test(lower, faults) {
    static const struct {
        Op op;
        int64_t index;
    } cases[] = {{OP_scatter, 5}, {OP_scatter_add, -1}, {OP_index_put, 5},   {OP_index_add, -7},
                 {OP_take, 5},    {OP_gather, -1},      {OP_take, INT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena arena = {0};
        Buf error = {0};
        Graph *graph = graph_new(&arena, "fault");
        Node *x = graph_input(graph, "x", type_make(DT_F32, 1, DIMS(5)), ROLE_DATA, 0);
        Node *idx = graph_input(graph, "idx", type_make(DT_I64, 1, DIMS(1)), ROLE_DATA, 1);
        Node *u = graph_input(graph, "u", type_make(DT_F32, 1, DIMS(1)), ROLE_DATA, 2);
        Attr axis = attr_int(ATTR_axis, 0);
        int count = cases[i].op == OP_take || cases[i].op == OP_gather ? 2 : 3;
        Node *y = build_op(graph, cases[i].op, (Node *[]){x, idx, u}, count, &axis, 1);
        graph_output(graph, "y", y, OUT_RESULT, -1);
        CodegenOptions options = {.level = 3};
        Executable *executable = executable_new(graph, &options, &error);
        float in[5] = {0}, out[5], update[1] = {1};
        const void *inputs[] = {in, &cases[i].index, update};
        void *outputs[] = {out};
        cr_expect_not(executable_run(executable, inputs, outputs, &error));
        cr_expect(strstr(buf_text(&error), "out of range"), "%s", buf_text(&error));
        cr_assert(executable_compile(&executable, 1, &(NativeReport){0}, &error));
        buf_clear(&error);
        cr_expect_not(executable_run(executable, inputs, outputs, &error));
        cr_expect(strstr(buf_text(&error), "out of range"), "%s", buf_text(&error));
        buf_free(&error);
        executable_free(executable);
        graph_free(graph);
        arena_free(&arena);
    }
}
