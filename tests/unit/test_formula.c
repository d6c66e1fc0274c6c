/* The formula engine: what its expressions build, seen in the text form. */
#include <criterion/criterion.h>
#include <string.h>

#include "ir/build.h"
#include "ir/formula.h"
#include "ir/text.h"

static Arena arena;
static Graph *graph;
static Node *a, *b, *dy;

static void setup(void) {
    arena = (Arena){0};
    graph = graph_new(&arena, "g");
    Type type = type_make(DT_F32, 1, (const int64_t[]){3});
    a = graph_input(graph, "a", type, ROLE_DATA, 0);
    b = graph_input(graph, "b", type, ROLE_DATA, 1);
    dy = graph_input(graph, "dy", type, ROLE_DATA, 2);
}

static void teardown(void) {
    graph_free(graph);
    arena_free(&arena);
}

TestSuite(formula, .init = setup, .fini = teardown);

/* Builds a formula over the operands of a mul; the items as outputs of the graph, printed. */
static void expect_text(const char *formula, int items, const char *body) {
    Node *node = build_binary(graph, OP_mul, a, b), *out[4];
    FormulaScope scope = {node, node->inputs, &dy};
    Buf text = {0}, error = {0};
    cr_assert(formula_build(graph, formula, &scope, NULL, out, items, &error));
    for (int i = 0; i < items; i++) {
        if (out[i]) graph_output(graph, "o", out[i], OUT_RESULT, -1);
    }
    graph_print(&text, graph, NULL);
    const char *start = strchr(buf_text(&text), '\n') + 1;
    cr_expect_str_eq(start, body);
    buf_free(&text);
}

#define MUL "  %3 = mul(%0, %1) : f32[3]\n"

Test(formula, calls_and_operators) {
    expect_text("mul(dy, b); dy * a", 2,
                MUL "  %4 = mul(%2, %1) : f32[3]\n  %5 = mul(%2, %0) : f32[3]\n"
                    "  return %4 \"o\", %5 \"o\"\n}\n");
}

Test(formula, precedence_and_numbers) {
    expect_text("-dy - y * (1 + 2) / b", 1,
                MUL "  %4 = neg(%2) : f32[3]\n"
                    "  %5 = const() {data=[3.0]} : f32[]\n"
                    "  %6 = reshape(%5) : f32[1]\n"
                    "  %7 = expand(%6) : f32[3]\n"
                    "  %8 = mul(%3, %7) : f32[3]\n"
                    "  %9 = div(%8, %1) : f32[3]\n"
                    "  %10 = sub(%4, %9) : f32[3]\n"
                    "  return %10 \"o\"\n}\n");
}

Test(formula, lets_and_zeros) {
    expect_text("let p = dy * y; let q = p + p; 0; q", 2,
                MUL "  %4 = mul(%2, %3) : f32[3]\n  %5 = add(%4, %4) : f32[3]\n"
                    "  return %5 \"o\"\n}\n");
}

Test(formula, attributes_and_helpers) {
    expect_text("reduce_sum(dy, axes=0); cast(dy, dtype=f64); zeros_like(a)", 3,
                MUL "  %4 = reduce_sum(%2) {axes=[0]} : f32[]\n"
                    "  %5 = cast(%2) : f64[3]\n"
                    "  %6 = const() {data=[0.0]} : f32[]\n"
                    "  %7 = reshape(%6) : f32[1]\n"
                    "  %8 = expand(%7) : f32[3]\n"
                    "  return %4 \"o\", %5 \"o\", %8 \"o\"\n}\n");
}

Test(formula, only_wanted_items_are_built) {
    Node *node = build_binary(graph, OP_mul, a, b), *out[2];
    Buf error = {0};
    cr_assert(formula_grad(graph, node, &dy, (const bool[]){false, true}, out, &error));
    cr_expect(out[0] == NULL && out[1]->op == OP_mul && out[1]->inputs[1] == a);
    cr_expect_eq(graph->nodes.count, 5);
    cr_assert(formula_grad(graph, node, (Node *[]){NULL}, NULL, out, &error));
    cr_expect(!out[0] && !out[1]);
}

Test(formula, not_differentiable_is_an_error) {
    Node *node = build_binary(graph, OP_mul, a, b), *out[2];
    FormulaScope scope = {node, node->inputs, &dy};
    Buf error = {0};
    cr_expect(!formula_build(graph, "dy; !", &scope, NULL, out, 2, &error));
    cr_expect_str_eq(buf_text(&error), "mul is not differentiable");
    cr_expect(formula_build(graph, "dy; !", &scope, (const bool[]){true, false}, out, 2, &error));
    cr_expect_eq(out[0], dy);
    buf_free(&error);
}

/* Every operand of an op of any number has its own part. */
Test(formula, concat_splits) {
    Node *parts[] = {a, b, a}, *out[3];
    Attr axis = attr_int(ATTR_axis, 0);
    Node *node = build_op(graph, OP_concat, parts, 3, &axis, 1);
    Node *gradient = build_full(graph, node->type, 1);
    Buf error = {0};
    cr_assert(formula_grad(graph, node, &gradient, NULL, out, &error));
    for (int i = 0; i < 3; i++)
        cr_expect(out[i]->op == OP_slice && node_ints(out[i], ATTR_start, NULL)[0] == 3 * i);
}

/* Missing gradients of one of several results are zeros; new nodes get the span. */
Test(formula, several_results_and_spans) {
    Attr attrs[] = {attr_int(ATTR_axis, 0), attr_int(ATTR_descending, 1)};
    Span span = {1, 10, 20};
    Node *node = graph_add(graph, OP_sort, &a, 1, attrs, 2, span), *out[1];
    Buf error = {0};
    cr_assert(formula_grad(graph, node, (Node *[]){dy, NULL}, NULL, out, &error));
    cr_expect(out[0]->op == OP_scatter && out[0]->span.begin == 10);
    cr_expect(out[0]->inputs[1]->op == OP_result);
    cr_expect_eq(graph->span.file, 0);
}
