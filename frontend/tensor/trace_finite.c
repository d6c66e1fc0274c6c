/* Whether numbers are finite, asked when compiling: programs stop or skip where one isn't, and the
 * compiled network is what they do otherwise. So computed numbers are taken to be finite, as far as
 * that decides. */
#include "frontend/tensor/script.h"
#include "frontend/tensor/tensor.h"

/* What isnan, isinf and comparisons of a value with itself say of finite numbers. */
static int of_finite(const LazyNode *op) {
    switch (op->op) {
    case OP_isnan:
    case OP_isinf:
        return 0;
    case OP_eq:
    case OP_ne:
        return lazy_data(op->inputs[0]) == lazy_data(op->inputs[1]) ? op->op == OP_eq : -1;
    default:
        return -1;
    }
}

/* All elements of an op's result from those of its operands: 1, 0, or -1 for those that aren't
 * known. */
static int truth_of(const LazyNode *op, const int *truths) {
    int a = op->input_count > 0 ? truths[lazy_data(op->inputs[0])->slot] : -1;
    int b = op->input_count > 1 ? truths[lazy_data(op->inputs[1])->slot] : -1;
    switch (op->op) {
    case OP_not:
        return a < 0 ? -1 : !a;
    case OP_and:
        return a == 0 || b == 0 ? 0 : a == 1 && b == 1 ? 1 : -1;
    case OP_or:
        return a == 1 || b == 1 ? 1 : a == 0 && b == 0 ? 0 : -1;
    case OP_reduce_any:
    case OP_reduce_all:
    case OP_reshape:
    case OP_permute:
    case OP_expand:
    case OP_slice:
    case OP_detach:
        return a;
    default:
        return of_finite(op);
    }
}

int trace_if_finite(TensorState *ts, LazyNode *node) {
    if (!ts->policy.compiling || node->type.dtype != DT_BOOL || type_numel(&node->type) == 0)
        return -1;
    Arena arena = {0};
    LazyNodeVec ops = {0}, leaves = {0};
    lazy_reachable(ts, &node, 1, NULL, NULL, &ops, &leaves);
    size_t known = 0;
    int *truths = ARENA_ARRAY(&arena, int, ops.count + leaves.count + 1);
    for (size_t i = 0; i < leaves.count; i++) {
        known += leaves.items[i]->value != NULL;
        leaves.items[i]->slot = (uint32_t)i;
        truths[i] = -1;
    }
    int truth = -1;
    for (size_t i = 0; i < ops.count; i++) {
        ops.items[i]->slot = (uint32_t)(leaves.count + i);
        truth = truths[leaves.count + i] = truth_of(ops.items[i], truths);
    }
    bool computed = known < leaves.count && ops.count > 0 && ops.items[ops.count - 1] == node;
    VEC_FREE(ops);
    VEC_FREE(leaves);
    arena_free(&arena);
    return computed ? truth : -1;
}
