/* The builder: hash-consing, attributes, copies, use counts; errors of type rules; the verifier on
 * graphs broken by hand; the shorthands of ir/build.h. */
#include <criterion/criterion.h>
#include <string.h>

#include "ir/build.h"
#include "ir/verify.h"

static Arena arena;
static Graph *graph;
static Node *x, *w;

static void setup(void) {
    arena = (Arena){0};
    graph = graph_new(&arena, "g");
    x = graph_input(graph, "x", type_make(DT_F32, 2, (const int64_t[]){2, 3}), ROLE_DATA, 0);
    w = graph_input(graph, "w", type_make(DT_F32, 2, (const int64_t[]){4, 3}), ROLE_PARAM, 0);
}

static void teardown(void) {
    graph_free(graph);
    arena_free(&arena);
}

TestSuite(graph, .init = setup, .fini = teardown);

Test(graph, equal_nodes_are_one) {
    Node *a = build_unary(graph, OP_exp, x);
    cr_expect_eq(build_unary(graph, OP_exp, x), a);
    cr_expect_neq(build_unary(graph, OP_log, x), a);
    cr_expect_eq(build_scalar(graph, DT_F32, 0.1), build_scalar(graph, DT_F32, 0.1));
    cr_expect_neq(build_scalar(graph, DT_F32, 0.0), build_scalar(graph, DT_F32, -0.0));
    cr_expect_neq(build_scalar(graph, DT_F32, 1), build_scalar(graph, DT_F64, 1));
    Type type = x->type;
    cr_expect_neq(graph_input(graph, "x", type, ROLE_DATA, 1),
                  graph_input(graph, "x", type, ROLE_DATA, 1));
    /* Enough nodes that the table grows several times. */
    for (int i = 0; i < 1000; i++)
        build_scalar_int(graph, DT_I64, i);
    size_t count = graph->nodes.count;
    for (int i = 0; i < 1000; i++)
        build_scalar_int(graph, DT_I64, i);
    cr_expect_eq(graph->nodes.count, count);
}

Test(graph, attributes_come_in_any_order) {
    int64_t one[] = {1};
    Attr attrs[] = {attr_ints(ATTR_contract_b, one, 1), attr_ints(ATTR_contract_a, one, 1),
                    attr_ints(ATTR_batch_b, NULL, 0), attr_ints(ATTR_batch_a, NULL, 0)};
    Node *operands[] = {x, w};
    Node *dot = graph_add(graph, OP_dot, operands, 2, attrs, 4, (Span){0});
    cr_assert_not_null(dot);
    cr_expect_eq(dot->attrs[0].name, ATTR_batch_a);
    int count;
    cr_expect(node_ints(dot, ATTR_contract_b, &count)[0] == 1 && count == 1);
    cr_expect(dot->type.rank == 2 && dot->type.dim[0] == 2 && dot->type.dim[1] == 4);
    one[0] = 7; /* lists were copied */
    cr_expect_eq(node_ints(dot, ATTR_contract_b, NULL)[0], 1);
    cr_expect_null(graph_add(graph, OP_dot, operands, 2, attrs, 3, (Span){0}));
    cr_expect_str_eq(buf_text(&graph->error), "dot: missing attribute batch_a");
}

static void expect_error(Op op, Node *const *inputs, int count, const Attr *attrs, int attr_count,
                         const char *message) {
    size_t nodes = graph->nodes.count;
    cr_expect_null(graph_add(graph, op, inputs, count, attrs, attr_count, (Span){0}));
    cr_expect_str_eq(buf_text(&graph->error), message);
    cr_expect_eq(graph->nodes.count, nodes);
}

Test(graph, type_errors_show_the_shapes) {
    Node *operands[] = {x, w, x};
    expect_error(OP_add, operands, 2, NULL, 0, "add: shapes differ: a is f32[2,3], b is f32[4,3]");
    expect_error(OP_add, operands, 3, NULL, 0, "add: takes 2 operands, got 3");
    expect_error(OP_not, operands, 1, NULL, 0, "not: expected bool or integers: x is f32[2,3]");
    expect_error(OP_where, operands, 3, NULL, 0,
                 "where: the condition must be bool: c is f32[2,3], a is f32[4,3], b is f32[2,3]");
    Attr axis = attr_int(ATTR_axis, 2);
    expect_error(OP_softmax, operands, 1, &axis, 1, "softmax: axis 2 is out of range for 2 dims");
    axis.i = 0;
    Node *parts[] = {x, w};
    axis.i = 1;
    expect_error(OP_concat, parts, 2, &axis, 1,
                 "concat: shapes differ outside the axis: x is f32[2,3], f32[4,3]");
    Attr shape = attr_ints(ATTR_shape, (const int64_t[]){7}, 1);
    expect_error(OP_reshape, operands, 1, &shape, 1,
                 "reshape: element counts differ: x is f32[2,3], the shape is f32[7]");
    Attr huge = attr_ints(ATTR_shape, (const int64_t[]){INT64_MAX, 8}, 2);
    expect_error(OP_reshape, operands, 1, &huge, 1,
                 "reshape: element counts differ: x is f32[2,3], the shape is "
                 "f32[9223372036854775807,8]");
}

Test(graph, several_results_need_result) {
    Attr attrs[] = {attr_int(ATTR_axis, 1), attr_int(ATTR_descending, 0)};
    Node *sort = build_op(graph, OP_sort, &x, 1, attrs, 2);
    cr_expect_eq(node_type(sort, 1)->dtype, DT_I64);
    expect_error(OP_neg, &sort, 1, NULL, 0, "neg: operand 0 has several results: use `result`");
    Node *order = build_result(graph, sort, 1);
    cr_expect_eq(order->type.dtype, DT_I64);
    Attr index = attr_int(ATTR_index, 2);
    expect_error(OP_result, &sort, 1, &index, 1, "result: sort has no result 2");
    expect_error(OP_result, &x, 1, &index, 1, "result: operand 0 has only one result");
}

Test(graph, copies_and_use_counts) {
    Node *y = build_binary(graph, OP_mul, x, x);
    y->name = "square";
    graph_output(graph, "y", y, OUT_RESULT, -1);
    uint32_t *uses = graph_use_counts(graph, &arena);
    cr_expect(uses[x->id] == 2 && uses[w->id] == 0 && uses[y->id] == 1);
    Graph *other = graph_new(&arena, "h");
    Node *x2 = graph_input(other, "x", x->type, ROLE_DATA, 0);
    Node *copy = graph_copy_node(other, y, (Node *[]){x2, x2});
    cr_expect(copy->op == OP_mul && copy->inputs[0] == x2);
    cr_expect_str_eq(copy->name, "square");
    graph_free(other);
}

Test(graph, shorthands) {
    Type type = type_make(DT_F32, 3, (const int64_t[]){5, 2, 3});
    Node *wide = build_broadcast(graph, x, 3, type.dim);
    cr_expect(type_equal(&wide->type, &type));
    cr_expect(type_equal(&build_sum_to(graph, wide, 2, x->type.dim)->type, &x->type));
    cr_expect_eq(build_reshape(graph, x, 2, x->type.dim), x);
    cr_expect_eq(build_permute(graph, x, (const int[]){0, 1}), x);
    cr_expect_eq(build_cast(graph, x, DT_F32), x);
    double value = 0;
    cr_expect(node_is_const(build_full(graph, type, 0.1), &value));
    cr_expect_eq(value, (double)0.1f);
    cr_expect(!node_is_const(x, &value));
    cr_expect(node_is_const(build_scalar_int(graph, DT_I64, -3), &value) && value == -3);
    int64_t axes[] = {0};
    Node *sum = build_reduce(graph, OP_reduce_sum, wide, (const int[]){0}, 1);
    cr_expect(type_equal(&build_unreduce(graph, sum, axes, 1, 3, type.dim)->type, &type));
}

static void expect_broken(const char *message) {
    Buf error = {0};
    cr_expect(!graph_verify(graph, &error));
    cr_expect_not_null(strstr(buf_text(&error), message), "%s", buf_text(&error));
    buf_free(&error);
}

Test(graph, verifier_finds_what_is_broken) {
    Buf error = {0};
    Node *y = build_binary(graph, OP_add, x, x), *z = build_unary(graph, OP_neg, y);
    graph_output(graph, "x", y, OUT_UPDATE, 0);
    cr_expect(graph_verify(graph, &error), "%s", buf_text(&error));
    Type kept = y->type;
    y->type.dim[0] = 9;
    expect_broken("its type is not what its rule gives");
    y->type = kept;
    y->op = OP_where;
    expect_broken("takes 3 operands, got 2");
    y->op = OP_reduce_sum;
    expect_broken("an attribute is missing");
    y->op = OP_add;
    Node *const *inputs = y->inputs;
    Node *later[] = {z, z};
    y->inputs = later;
    expect_broken("an operand does not come before it");
    y->inputs = inputs;
    y->id = 77;
    expect_broken("its id is not its position");
    y->id = 2;
    graph->outputs.items[0].updates = 1;
    expect_broken("an update that doesn't fit its input");
    graph->outputs.items[0].updates = 0;
    graph->inputs.count = 1;
    expect_broken("2 input nodes, 1 inputs");
    graph->inputs.count = 2;
    cr_expect(graph_verify(graph, &error));
}
