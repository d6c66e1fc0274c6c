/* The op table: no field left out, names that agree, and every op applied, verified and evaluated
 * on random operands. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "ir/formula.h"
#include "ir/verify.h"
#include "tests/support/coverage.h"
#include "tests/support/random_graph.h"

enum { TRIALS = 100 };

static int word_count(const char *words) {
    int count = 0, length;
    for (; (words = word_next(words, &length)); words += length)
        count++;
    return count;
}

Test(ops, no_field_is_missing) {
    for (int i = 0; i < OP_COUNT; i++) {
        const OpInfo *info = op_info((Op)i);
        cr_expect(info->name && info->inputs && info->attrs && info->infer && info->eval &&
                      info->grad && info->doc,
                  "%s has a NULL field", info->name);
        cr_expect(info->results >= 1 && info->results <= MAX_RESULTS, "%s", info->name);
        cr_expect_eq(word_count(info->inputs), info->arity < 0 ? 1 : info->arity, "%s", info->name);
        cr_expect((info->kernel != NULL) == ((info->traits & TRAIT_ELEMENTWISE) != 0), "%s",
                  info->name);
        cr_expect((info->cost > 0) == (info->kernel != NULL), "%s", info->name);
        cr_expect((info->decompose != NULL) == ((info->traits & TRAIT_COMPOSITE) != 0), "%s",
                  info->name);
        cr_expect((info->arity == 0) == ((info->traits & TRAIT_LEAF) != 0), "%s", info->name);
        if (info->traits & TRAIT_PIECEWISE_CONSTANT)
            cr_expect_str_eq(info->grad, ZERO_GRAD, "%s", info->name);
    }
}

Test(ops, names_are_found_again) {
    for (int i = 0; i < OP_COUNT; i++) {
        Op op;
        cr_expect(op_from_name(op_info((Op)i)->name, &op) && op == (Op)i);
        int length;
        for (const char *word = op_info((Op)i)->attrs; (word = word_next(word, &length));
             word += length) {
            char name[32] = "";
            AttrName attr;
            memcpy(name, word, (size_t)length);
            cr_expect(attr_from_name(name, &attr), "%s of %s", name, op_info((Op)i)->name);
        }
    }
    Op op;
    cr_expect(!op_from_name("no_such_op", &op));
}

/* Every op is applied to random operands; the verifier agrees and the interpreter has a value. */
static void try_op(Op op, uint64_t seed, Coverage *coverage) {
    Arena arena = {0};
    RandomGraph random;
    random_graph_start(&random, &arena, seed, seed % 2 ? DT_F32 : DT_F64);
    Node *node = random_graph_op(&random, op);
    for (int i = 0; i < op_info(op)->results; i++) {
        Node *value = op_info(op)->results > 1 ? build_result(random.graph, node, i) : node;
        graph_output(random.graph, "y", value, OUT_RESULT, -1);
    }
    Buf error = {0};
    cr_assert(graph_verify(random.graph, &error), "%s seed %d: %s", op_info(op)->name, (int)seed,
              buf_text(&error));
    Tensor64 *inputs = random_graph_values(&random, &arena), outputs[MAX_RESULTS];
    cr_assert(interp_run(random.graph, inputs, outputs, ROUND_TO_TYPE, &arena, &error),
              "%s seed %d: %s", op_info(op)->name, (int)seed, buf_text(&error));
    for (int i = 0; i < op_info(op)->results; i++) {
        int64_t count = type_numel(&outputs[i].type);
        cr_assert(type_equal(&outputs[i].type, node_type(node, i)));
        for (int64_t k = 0; outputs[i].f && k < count; k++)
            cr_assert(isfinite(outputs[i].f[k]), "%s seed %d", op_info(op)->name, (int)seed);
    }
    coverage_graph(coverage, random.graph);
    buf_free(&error);
    random_graph_free(&random);
    arena_free(&arena);
}

Test(ops, every_op_evaluates) {
    Coverage coverage = {0};
    for (int i = 0; i < OP_COUNT; i++) {
        for (uint64_t seed = 0; i != OP_result && seed < TRIALS; seed++)
            try_op((Op)i, seed, &coverage);
    }
    coverage_write(&coverage, "reference");
}

Test(ops, random_graphs_verify_and_evaluate) {
    Coverage coverage = {0};
    for (uint64_t seed = 0; seed < 400; seed++) {
        Arena arena = {0};
        RandomGraph random;
        Buf error = {0};
        random_graph_start(&random, &arena, seed, DT_F32);
        random_graph_fill(&random, 40, NULL);
        cr_assert(graph_verify(random.graph, &error), "seed %d: %s", (int)seed, buf_text(&error));
        Tensor64 *inputs = random_graph_values(&random, &arena);
        Tensor64 *outputs = ARENA_ARRAY(&arena, Tensor64, random.graph->outputs.count);
        cr_assert(interp_run(random.graph, inputs, outputs, ROUND_TO_TYPE, &arena, &error),
                  "seed %d: %s", (int)seed, buf_text(&error));
        coverage_graph(&coverage, random.graph);
        buf_free(&error);
        random_graph_free(&random);
        arena_free(&arena);
    }
    for (int i = 0; i < OP_COUNT; i++)
        cr_expect_geq(coverage.count[i], 100, "%s was drawn only %d times", op_info((Op)i)->name,
                      coverage.count[i]);
    coverage_write(&coverage, "random");
}

/* softmax and log_softmax equal their decompositions by construction of the interpreter; that the
 * decompositions hold no composite is checked here. */
Test(ops, composites_decompose_into_primitives) {
    for (int i = 0; i < OP_COUNT; i++) {
        if (!op_info((Op)i)->decompose) continue;
        Arena arena = {0};
        RandomGraph random;
        random_graph_start(&random, &arena, 3, DT_F32);
        Node *node = random_graph_op(&random, (Op)i);
        size_t before = random.graph->nodes.count;
        Node *y = formula_decompose(random.graph, node, node->inputs);
        cr_expect(type_equal(&y->type, &node->type));
        for (size_t k = before; k < random.graph->nodes.count; k++)
            cr_expect(!(op_info(random.graph->nodes.items[k]->op)->traits & TRAIT_COMPOSITE));
        random_graph_free(&random);
        arena_free(&arena);
    }
}

Test(ops, gradient_reads) {
    const uint32_t y = UINT32_C(1) << 31;
    cr_expect_eq(formula_grad_reads(OP_mul), 3);
    cr_expect_eq(formula_grad_reads(OP_add), 0);
    cr_expect_eq(formula_grad_reads(OP_relu), y);
    cr_expect_eq(formula_grad_reads(OP_div), 2 | y);
    cr_expect_eq(formula_grad_reads(OP_conv), 3);
    cr_expect_eq(formula_grad_reads(OP_gather), 2);
    cr_expect_eq(formula_grad_reads(OP_softmax), y);
    cr_expect_eq(formula_grad_reads(OP_max_pool), 1);
    cr_expect_eq(formula_grad_reads(OP_reshape), 0);
    cr_expect_eq(formula_grad_reads(OP_dynamic_update), 4);
}
