/* The driver of reverse mode: sums over fan-out, pruning, stops, several results, several outputs,
 * errors. What each op's formula says is checked in test_grad.c. */
#include <criterion/criterion.h>
#include <string.h>

#include "ir/build.h"
#include "ir/interp.h"
#include "passes/pass.h"

static Arena arena;
static Graph *graph;
static Node *x, *y;

static void setup(void) {
    graph = graph_new(&arena, "g");
    Type type = type_make(DT_F64, 1, (const int64_t[]){3});
    x = graph_input(graph, "x", type, ROLE_DATA, 0);
    y = graph_input(graph, "y", type, ROLE_DATA, 1);
}

static void teardown(void) {
    graph_free(graph);
    arena_free(&arena);
}

TestSuite(autodiff, .init = setup, .fini = teardown);

static const double X[] = {3, -1, 2}, Y[] = {5, 7, -4};

/* The value of a node of three elements at X and Y. */
static const double *value_of(Node *node) {
    Tensor64 inputs[] = {{.type = x->type, .f = (double *)(uintptr_t)X},
                         {.type = y->type, .f = (double *)(uintptr_t)Y}};
    Tensor64 *output = ARENA_NEW(&arena, Tensor64);
    Buf error = {0};
    graph->outputs.count = 0;
    graph_output(graph, "value", node, OUT_RESULT, -1);
    cr_assert(interp_run(graph, inputs, output, ROUND_NONE, &arena, &error), "%s",
              buf_text(&error));
    return output->f;
}

static void expect(Node *node, double a, double b, double c) {
    cr_assert_not_null(node);
    const double *value = value_of(node);
    cr_assert_float_eq(value[0], a, 1e-12, "got %g, %g, %g", value[0], value[1], value[2]);
    cr_assert_float_eq(value[1], b, 1e-12, "got %g, %g, %g", value[0], value[1], value[2]);
    cr_assert_float_eq(value[2], c, 1e-12, "got %g, %g, %g", value[0], value[1], value[2]);
}

static Node *ones(void) {
    return build_full(graph, x->type, 1);
}

static void differentiate(Node *output, Node *const *wrt, int count, const bool *stop,
                          Node **result) {
    Node *seed = build_full(graph, output->type, 1);
    Buf error = {0};
    cr_assert(autodiff(graph, &output, &seed, 1, wrt, count, stop, result, &error), "%s",
              buf_text(&error));
}

Test(autodiff, fan_out_sums) {
    Node *square = build_binary(graph, OP_mul, x, x);
    Node *z = build_binary(graph, OP_add, square, build_binary(graph, OP_mul, square, y));
    Node *wrt[] = {x, y}, *result[2];
    differentiate(z, wrt, 2, NULL, result);
    expect(result[0], 2 * 3 * (1 + 5), 2 * -1 * (1 + 7), 2 * 2 * (1 - 4));
    expect(result[1], 9, 1, 4);
}

Test(autodiff, prunes_what_nobody_wants) {
    Node *z =
        build_binary(graph, OP_mul, build_unary(graph, OP_exp, x), build_unary(graph, OP_sin, y));
    Node *result;
    differentiate(z, &y, 1, NULL, &result);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        bool squares = node->op == OP_mul && node->inputs[0] == node->inputs[1];
        cr_assert(!squares);
        if (node->op == OP_exp) cr_assert_eq(node->inputs[0], x);
    }
    /* dy * exp(x), times cos(y): two products and a cosine, nothing for exp. */
    int products = 0;
    for (size_t id = z->id + 1; id < graph->nodes.count; id++)
        products += graph->nodes.items[id]->op == OP_mul;
    cr_assert_eq(products, 2);
}

Test(autodiff, nothing_flows) {
    Node *z = build_unary(graph, OP_floor, x);
    Node *w = build_unary(graph, OP_detach, x);
    Node *sum = build_binary(graph, OP_add, z, build_binary(graph, OP_add, w, y));
    Node *wrt[] = {x, y}, *result[2];
    differentiate(sum, wrt, 2, NULL, result);
    cr_assert_null(result[0]);
    expect(result[1], 1, 1, 1);
}

Test(autodiff, stops) {
    Node *square = build_binary(graph, OP_mul, x, x);
    Node *z = build_binary(graph, OP_mul, square, x);
    bool *stop = ARENA_ARRAY(&arena, bool, 2 * graph->nodes.count); /* and for the gradient at z */
    stop[square->id] = true;
    Node *wrt[] = {x, square}, *result[2];
    differentiate(z, wrt, 2, stop, result);
    expect(result[0], 9, 1, 4);
    expect(result[1], 3, -1, 2);
}

Test(autodiff, wanted_in_the_middle_and_at_the_output) {
    Node *square = build_binary(graph, OP_mul, x, x);
    Node *z = build_binary(graph, OP_mul, square, y);
    Node *wrt[] = {square, x, z}, *result[3];
    differentiate(z, wrt, 3, NULL, result);
    expect(result[0], 5, 7, -4);
    expect(result[1], 30, -14, -16);
    expect(result[2], 1, 1, 1);
}

Test(autodiff, several_outputs) {
    Node *outputs[] = {build_binary(graph, OP_mul, x, y), build_unary(graph, OP_neg, x), x};
    Node *seeds[] = {ones(), y, build_full(graph, x->type, 10)}, *result;
    Buf error = {0};
    cr_assert(autodiff(graph, outputs, seeds, 3, &x, 1, NULL, &result, &error));
    expect(result, 5 - 5 + 10, 7 - 7 + 10, -4 + 4 + 10);
}

Test(autodiff, several_results) {
    Attr attrs[] = {attr_int(ATTR_axis, 0), attr_int(ATTR_descending, 0)};
    Node *sorted = build_op(graph, OP_sort, &x, 1, attrs, 2);
    Node *z = build_binary(graph, OP_mul, build_result(graph, sorted, 0), y);
    Node *result;
    differentiate(z, &x, 1, NULL, &result);
    expect(result, -4, 5, 7); /* sorted: -1, 2, 3 */
}

Test(autodiff, gradients_of_gradients) {
    Node *cube = build_binary(graph, OP_mul, build_binary(graph, OP_mul, x, x), x);
    Node *first, *second, *third;
    differentiate(cube, &x, 1, NULL, &first);
    differentiate(first, &x, 1, NULL, &second);
    differentiate(second, &x, 1, NULL, &third);
    expect(first, 27, 3, 12);
    expect(second, 18, -6, 12);
    expect(third, 6, 6, 6);
}

Test(autodiff, broadcasts_are_summed_back) {
    Node *scalar = build_reduce(graph, OP_reduce_sum, y, (const int[]){0}, 1);
    Node *z = build_binary(graph, OP_mul, x, build_broadcast(graph, scalar, 1, x->type.dim));
    Node *result;
    differentiate(z, &y, 1, NULL, &result);
    expect(result, 4, 4, 4);
}

Test(autodiff, reads_follow_the_formula) {
    cr_assert_eq(grad_reads(OP_mul), 3u);
    cr_assert_eq(grad_reads(OP_add), 0u);
    cr_assert_eq(grad_reads(OP_exp), 1u << 31);
    cr_assert_eq(grad_reads(OP_relu), 1u << 31);
    cr_assert_eq(grad_reads(OP_conv), 3u);
}

Test(autodiff, spans_are_those_of_the_forward_nodes) {
    graph->span = (Span){.file = 1, .begin = 10, .end = 20};
    Node *z = build_unary(graph, OP_exp, x);
    graph->span = (Span){.file = 1, .begin = 30, .end = 40};
    Node *result;
    differentiate(z, &x, 1, NULL, &result);
    cr_assert_eq(result->span.begin, 10);
    cr_assert_eq(graph->span.begin, 30);
}
