/* Simplification: each live node is rebuilt over simplified operands and then rewritten by rules
 * until none fits. Rules look at a node and its operands only, so one sweep in id order does.
 *
 *     %1 = reshape(%0) {shape=[6]} : f32[6]
 *     %2 = reshape(%1) {shape=[2,3]} : f32[2,3]      =>      %2 = neg(%0)   (%0 is f32[2,3])
 *     %3 = neg(%2)
 */
#include "passes/simplify.h"

#include "ir/build.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "support/checked.h"

static Node *apply_rules(Graph *graph, Node *node) {
    uint32_t traits = op_info(node->op)->traits;
    if (traits & TRAIT_LEAF) return node->op == OP_const ? fold_constant(graph, node) : NULL;
    Node *better = fold_constant(graph, node);
    if (better != NULL) return better;
    if (traits & TRAIT_ELEMENTWISE) return simplify_elementwise(graph, node);
    if (traits & TRAIT_MOVEMENT) return simplify_movement(graph, node);
    return simplify_other(graph, node);
}

Node *simplify_node(Graph *graph, Node *node) {
    for (int step = 0; step < 1000; step++) {
        Node *better = apply_rules(graph, node);
        if (better == NULL || better == node) return node;
        NNC_CHECK(type_equal(&better->type, &node->type), "a rule for %s changed the type",
                  op_info(node->op)->name);
        if (better->name == NULL) better->name = node->name;
        node = better;
    }
    NNC_BUG("rules for %s go round in circles", op_info(node->op)->name);
}

Node *simplified_unary(Graph *graph, Op op, Node *x) {
    return simplify_node(graph, build_unary(graph, op, x));
}

Node *simplified_binary(Graph *graph, Op op, Node *a, Node *b) {
    return simplify_node(graph, build_binary(graph, op, a, b));
}

Node *simplified_where(Graph *graph, Node *condition, Node *a, Node *b) {
    return simplify_node(graph, build_where(graph, condition, a, b));
}

Node *simplified_cast(Graph *graph, Node *x, DType dtype) {
    return simplify_node(graph, build_cast(graph, x, dtype));
}

static Node *add_checked(Graph *graph, Op op, Node *x, const Attr *attrs, int attr_count) {
    return simplify_node(graph, build_op(graph, op, &x, 1, attrs, attr_count));
}

Node *simplified_reshape(Graph *graph, Node *x, int rank, const int64_t *dims) {
    Attr shape = attr_ints(ATTR_shape, dims, rank);
    return add_checked(graph, OP_reshape, x, &shape, 1);
}

Node *simplified_permute(Graph *graph, Node *x, const int64_t *perm) {
    Attr attr = attr_ints(ATTR_perm, perm, x->type.rank);
    return add_checked(graph, OP_permute, x, &attr, 1);
}

Node *simplified_expand(Graph *graph, Node *x, const int64_t *dims) {
    Attr shape = attr_ints(ATTR_shape, dims, x->type.rank);
    return add_checked(graph, OP_expand, x, &shape, 1);
}

Node *simplified_slice(Graph *graph, Node *x, const int64_t *start, const int64_t *size,
                       const int64_t *step) {
    return simplify_node(graph, build_slice(graph, x, start, size, step));
}

Node *simplified_along(Graph *graph, Node *x, int dim, int rank, const int64_t *dims) {
    int64_t ones[MAX_RANK];
    for (int d = 0; d < rank; d++)
        ones[d] = d == dim ? dims[d] : 1;
    return simplified_expand(graph, simplified_reshape(graph, x, rank, ones), dims);
}

Node *simplified_full(Graph *graph, Type type, double value) {
    return simplified_along(graph, build_scalar(graph, type.dtype, value), -1, type.rank, type.dim);
}

Node *simplified_copy(Graph *graph, const Node *node, Node *const *inputs) {
    return simplify_node(graph, graph_copy_node(graph, node, inputs));
}

Graph *pass_simplify(const Graph *graph, PassContext *context) {
    Rewrite rewrite = rewrite_begin(graph, context);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        if (!rewrite.live[id]) continue;
        const Node *node = graph->nodes.items[id];
        Node *copy = rewrite_copy(&rewrite, node);
        rewrite_set(&rewrite, node, simplify_node(rewrite.to, copy));
    }
    return rewrite_finish(&rewrite);
}
