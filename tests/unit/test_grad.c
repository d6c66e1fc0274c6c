/* Gradients against finite differences in double, for every op row: first order for each operand,
 * second order (the gradient of the gradient) for rows that are not piecewise constant.
 *
 * For random operands x and random directions v, the derivative of L(x) = sum((y + y * y / 4) * c)
 * along v by central differences must equal sum(dL/dx * v). For the second order, L is replaced by
 * G(x) = sum(dL/dx * v), itself a graph. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/formula.h"
#include "passes/pass.h"
#include "tests/support/coverage.h"
#include "tests/support/random_graph.h"

enum { TRIALS = 60 };

/* A graph with one scalar output to differentiate, and where to do it. */
typedef struct Case {
    Arena arena;
    RandomGraph random;
    Tensor64 *values;
    VEC(int) variables; /* float inputs */
} Case;

static double draw(Case *test) {
    return 2 * random_unit(&test->random.random) - 1;
}

/* An array of such numbers as a constant. */
static Node *random_const(Case *test, Type type) {
    Tensor64 tensor = {.type = type};
    int64_t count = type_numel(&type);
    tensor.f = ARENA_ARRAY(&test->arena, double, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        tensor.f[i] = draw(test);
    void *bytes = arena_alloc(&test->arena, type_bytes(&type));
    tensor64_to_bytes(&tensor, bytes);
    return build_const(test->random.graph, type, bytes);
}

static Node *sum_all(Graph *graph, Node *x) {
    int axes[MAX_RANK];
    for (int i = 0; i < x->type.rank; i++)
        axes[i] = i;
    return build_reduce(graph, OP_reduce_sum, x, axes, x->type.rank);
}

/* sum((x + x * x / 4) * c) of a random constant c, in f64: curved, so that a linear op has second
 * derivatives too. */
static Node *weighted_sum(Case *test, Node *x) {
    Graph *graph = test->random.graph;
    x = build_cast(graph, x, DT_F64);
    Node *square = build_binary(graph, OP_mul, x, x);
    square = build_binary(graph, OP_mul, square, build_full(graph, x->type, 0.25));
    x = build_binary(graph, OP_add, x, square);
    return sum_all(graph, build_binary(graph, OP_mul, x, random_const(test, x->type)));
}

static double evaluate(Case *test, Node *value) {
    Graph *graph = test->random.graph;
    Arena scratch = {0};
    Buf error = {0};
    Tensor64 out;
    graph->outputs.count = 0;
    graph_output(graph, "L", value, OUT_RESULT, -1);
    cr_assert(interp_run(graph, test->values, &out, ROUND_NONE, &scratch, &error), "%s",
              buf_text(&error));
    double result = out.f[0];
    arena_free(&scratch);
    buf_free(&error);
    return result;
}

/* d(value)/d(variables) along random directions as a graph, or NULL when nothing flows. Directions
 * come out in `directions`, one array a variable. */
static Node *directional(Case *test, Node *value, double **directions) {
    Graph *graph = test->random.graph;
    Node *wrt[16], *result[16], *seed = build_scalar(graph, DT_F64, 1), *total = NULL;
    int count = (int)test->variables.count;
    cr_assert(count <= 16);
    for (int i = 0; i < count; i++)
        wrt[i] = graph->inputs.items[test->variables.items[i]].node;
    Buf error = {0};
    cr_assert(autodiff(graph, &value, &seed, 1, wrt, count, NULL, result, &error), "%s",
              buf_text(&error));
    buf_free(&error);
    for (int i = 0; i < count; i++) {
        Node *direction = random_const(test, wrt[i]->type);
        const Attr *data = node_attr(direction, ATTR_data);
        directions[i] = tensor64_from_bytes(&test->arena, direction->type, data->data.bytes).f;
        if (!result[i]) continue;
        cr_assert(type_equal(&result[i]->type, &wrt[i]->type));
        Node *part = sum_all(graph, build_binary(graph, OP_mul, result[i], direction));
        total = total ? build_binary(graph, OP_add, total, part) : part;
    }
    return total;
}

static void move(Case *test, double **directions, double step) {
    for (size_t i = 0; i < test->variables.count; i++) {
        Tensor64 *value = &test->values[test->variables.items[i]];
        int64_t count = type_numel(&value->type);
        for (int64_t k = 0; k < count; k++)
            value->f[k] += step * directions[i][k];
    }
}

/* Richardson's extrapolation of central differences. */
static double finite_difference(Case *test, Node *value, double **directions) {
    static const double step = 1e-4;
    double slopes[2];
    for (int i = 0; i < 2; i++) {
        double h = i ? step / 2 : step;
        move(test, directions, h);
        double up = evaluate(test, value);
        move(test, directions, -2 * h);
        double down = evaluate(test, value);
        move(test, directions, h);
        slopes[i] = (up - down) / (2 * h);
    }
    return (4 * slopes[1] - slopes[0]) / 3;
}

/* How often a derivative of each order was compared, and was not zero. */
typedef struct Compared {
    int compared[2], nonzero[2];
} Compared;

/* Checks one order; the graph of the derivative, for the next order. */
static Node *check(Case *test, Op op, uint64_t seed, int order, Node *value, Compared *compared) {
    double **directions = ARENA_ARRAY(&test->arena, double *, test->variables.count);
    Node *slope = directional(test, value, directions);
    double expected = finite_difference(test, value, directions);
    double got = slope ? evaluate(test, slope) : 0;
    double scale = 1 + fabs(expected);
    cr_expect(fabs(got - expected) <= 1e-6 * scale,
              "%s seed %d, order %d: gradient %.10g, finite difference %.10g", op_info(op)->name,
              (int)seed, order, got, expected);
    compared->compared[order - 1]++;
    compared->nonzero[order - 1] += fabs(expected) > 1e-3;
    return slope;
}

static void check_op(Op op, uint64_t seed, Compared *compared) {
    Case test = {0};
    random_graph_start(&test.random, &test.arena, seed, DT_F64);
    test.random.fresh = test.random.floats_only = true;
    Node *node = random_graph_op(&test.random, op);
    Graph *graph = test.random.graph;
    Node *value = NULL;
    for (int i = 0; i < op_info(op)->results; i++) {
        Node *y = op_info(op)->results > 1 ? build_result(graph, node, i) : node;
        if (!dtype_is_float(y->type.dtype)) continue;
        Node *part = weighted_sum(&test, y);
        value = value ? build_binary(graph, OP_add, value, part) : part;
    }
    test.values = random_graph_values(&test.random, &test.arena);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        if (dtype_is_float(graph->inputs.items[i].node->type.dtype))
            VEC_PUSH(test.variables, (int)i);
    }
    if (value && test.variables.count) {
        Node *slope = check(&test, op, seed, 1, value, compared);
        if (slope && !(op_info(op)->traits & TRAIT_PIECEWISE_CONSTANT))
            check(&test, op, seed, 2, slope, compared);
    }
    VEC_FREE(test.variables);
    random_graph_free(&test.random);
    arena_free(&test.arena);
}

/* Every row with a formula was compared, at both orders, and not with zeros only: a gradient that
 * is lost on the way would go unseen. */
static void check_compared(Op op, const Compared *compared) {
    const OpInfo *info = op_info(op);
    if (!strcmp(info->grad, ZERO_GRAD) || !strcmp(info->grad, NO_GRAD)) return;
    for (int order = 0; order < 2; order++)
        cr_expect_geq(compared->nonzero[order], TRIALS / 2,
                      "%s: only %d derivatives of order %d were compared", info->name,
                      compared->nonzero[order], order + 1);
    if (getenv("NNC_SHOW"))
        fprintf(stderr, "%-16s %3d %3d %3d %3d\n", info->name, compared->compared[0],
                compared->nonzero[0], compared->compared[1], compared->nonzero[1]);
}

Test(grad, every_op_against_finite_differences) {
    Coverage coverage[2] = {0};
    for (int op = 0; op < OP_COUNT; op++) {
        /* detach is a step by decree: its value changes, its gradient is zero. */
        if (op == OP_result || op == OP_detach) continue;
        Compared compared = {0};
        for (uint64_t seed = 0; seed < TRIALS; seed++)
            check_op((Op)op, seed, &compared);
        check_compared((Op)op, &compared);
        for (int order = 0; order < 2; order++) {
            coverage[order].count[op] = compared.nonzero[order];
            if (op_info((Op)op)->results > 1) /* through their results */
                coverage[order].count[OP_result] += compared.nonzero[order];
        }
    }
    coverage_write(&coverage[0], "gradient");
    coverage_write(&coverage[1], "gradient_of_gradient");
}

/* The gradient of sum(op(x, ...)) by operand `operand`, operands being f64 vectors of `count`. */
static void expect_gradient(Op op, const Attr *attrs, int attr_count, int count,
                            const double *const *operands, int operand, const double *expected) {
    Arena arena = {0};
    Buf error = {0};
    Graph *graph = graph_new(&arena, "g");
    int64_t plane[] = {1, 1, count};
    bool pool = (op_info(op)->traits & TRAIT_WINDOW) != 0;
    Type type = pool ? type_make(DT_F64, 3, plane) : type_make(DT_F64, 1, plane + 2);
    Node *nodes[2], *gradient;
    Tensor64 values[2], out;
    for (int i = 0; i < op_info(op)->arity; i++) {
        nodes[i] = graph_input(graph, "x", type, ROLE_DATA, i);
        values[i] =
            (Tensor64){type, arena_copy(&arena, operands[i], (size_t)count, sizeof(double)), NULL};
    }
    Node *y = build_op(graph, op, nodes, op_info(op)->arity, attrs, attr_count);
    Node *seed = build_full(graph, y->type, 1);
    cr_assert(autodiff(graph, &y, &seed, 1, &nodes[operand], 1, NULL, &gradient, &error));
    if (!gradient) gradient = build_full(graph, type, 0);
    graph_output(graph, "dx", gradient, OUT_RESULT, -1);
    cr_assert(interp_run(graph, values, &out, ROUND_NONE, &arena, &error));
    for (int i = 0; i < count; i++)
        cr_expect(out.f[i] == expected[i] || fabs(out.f[i] - expected[i]) < 1e-14,
                  "%s, operand %d, element %d: %g, PyTorch's is %g", op_info(op)->name, operand, i,
                  out.f[i], expected[i]);
    graph_free(graph);
    arena_free(&arena);
}

#define LIST(...) ((const double[]){__VA_ARGS__})
#define OPERANDS(...) ((const double *const[]){__VA_ARGS__})

/* What PyTorch gives at ties, kinks and zeros. */
Test(grad, kinks) {
    const double nan = (double)NAN, ln2 = 0.6931471805599453;
    const Attr axes = attr_ints(ATTR_axes, (const int64_t[]){0}, 1), axis = attr_int(ATTR_axis, 0);
    expect_gradient(OP_relu, NULL, 0, 5, OPERANDS(LIST(0, -0.0, 1, -1, nan)), 0,
                    LIST(0, 0, 1, 0, 1));
    expect_gradient(OP_abs, NULL, 0, 3, OPERANDS(LIST(0, -2, 2)), 0, LIST(0, -1, 1));
    expect_gradient(OP_sqrt, NULL, 0, 1, OPERANDS(LIST(0)), 0, LIST((double)INFINITY));
    const double *const ties[] = {LIST(1, 2, 3), LIST(1, 3, 2)};
    expect_gradient(OP_max, NULL, 0, 3, ties, 0, LIST(0.5, 0, 1));
    expect_gradient(OP_max, NULL, 0, 3, ties, 1, LIST(0.5, 1, 0));
    expect_gradient(OP_min, NULL, 0, 3, ties, 0, LIST(0.5, 1, 0));
    expect_gradient(OP_min, NULL, 0, 3, ties, 1, LIST(0.5, 0, 1));
    expect_gradient(OP_reduce_max, &axes, 1, 4, OPERANDS(LIST(1, 3, 3, 3)), 0,
                    LIST(0, 1.0 / 3, 1.0 / 3, 1.0 / 3));
    expect_gradient(OP_reduce_min, &axes, 1, 4, OPERANDS(LIST(1, 1, 3, 3)), 0,
                    LIST(0.5, 0.5, 0, 0));
    expect_gradient(OP_reduce_prod, &axes, 1, 3, OPERANDS(LIST(2, 0, 3)), 0, LIST(0, 6, 0));
    expect_gradient(OP_reduce_prod, &axes, 1, 3, OPERANDS(LIST(0, 0, 3)), 0, LIST(0, 0, 0));
    expect_gradient(OP_cumprod, &axis, 1, 5, OPERANDS(LIST(2, 0, 3, 0, 5)), 0, LIST(1, 8, 0, 0, 0));
    expect_gradient(OP_cumprod, &axis, 1, 3, OPERANDS(LIST(2, 3, 4)), 0, LIST(16, 10, 6));
    const double *const powers[] = {LIST(0, 0, 0, 2), LIST(0, 2, 1, 0)};
    expect_gradient(OP_pow, NULL, 0, 4, powers, 0, LIST(0, 0, 1, 0));
    expect_gradient(OP_pow, NULL, 0, 4, powers, 1, LIST(0, 0, 0, ln2));
    const double *const dividends[] = {LIST(5, -5), LIST(3, 3)};
    expect_gradient(OP_rem, NULL, 0, 2, dividends, 1, LIST(-1, 2));
    expect_gradient(OP_fmod, NULL, 0, 2, dividends, 1, LIST(-1, 1));
    const int64_t one[] = {1}, two[] = {2}, none[] = {0};
    const Attr pool[] = {attr_ints(ATTR_window, two, 1), attr_ints(ATTR_stride, two, 1),
                         attr_ints(ATTR_lo, none, 1), attr_ints(ATTR_hi, none, 1),
                         attr_ints(ATTR_dilation, one, 1)};
    expect_gradient(OP_max_pool, pool, 5, 4, OPERANDS(LIST(1, 1, 2, 3)), 0, LIST(1, 0, 0, 1));
}
