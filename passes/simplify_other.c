/* Rules for reductions and the other ops that compute across elements. */
#include "ir/build.h"
#include "passes/simplify.h"

/* Dims of one element need no reducing: what is left, reshaped. */
static Node *drop_single_axes(Graph *graph, Node *node) {
    Node *x = node->inputs[0];
    int count, kept = 0;
    const int64_t *axes = node_ints(node, ATTR_axes, &count);
    int64_t longer[MAX_RANK];
    for (int i = 0; i < count; i++)
        if (x->type.dim[axes[i]] != 1) longer[kept++] = axes[i];
    if (kept == count && count > 0) return NULL;
    if (kept == 0) return simplified_reshape(graph, x, node->type.rank, node->type.dim);
    Attr attr = attr_ints(ATTR_axes, longer, kept);
    Node *reduced = simplify_node(graph, build_op(graph, node->op, &x, 1, &attr, 1));
    return simplified_reshape(graph, reduced, node->type.rank, node->type.dim);
}

/* The extreme of an element repeated is that element. */
static Node *extreme_of_expand(Graph *graph, Node *node) {
    Node *x = node->inputs[0];
    if (x->op != OP_expand) return NULL;
    Node *small = x->inputs[0];
    int count;
    const int64_t *axes = node_ints(node, ATTR_axes, &count);
    bool reduced[MAX_RANK] = {false};
    int64_t dims[MAX_RANK];
    bool fewer = false;
    for (int i = 0; i < count; i++) {
        reduced[axes[i]] = true;
        fewer = fewer || small->type.dim[axes[i]] != x->type.dim[axes[i]];
    }
    if (!fewer) return NULL;
    for (int d = 0; d < x->type.rank; d++)
        dims[d] = reduced[d] ? small->type.dim[d] : x->type.dim[d];
    Node *partly = simplified_expand(graph, small, dims);
    return simplify_node(graph,
                         build_op(graph, node->op, &partly, 1, node->attrs, node->attr_count));
}

Node *simplify_other(Graph *graph, Node *node) {
    Node *better = NULL;
    switch (node->op) {
    case OP_reduce_max:
    case OP_reduce_min:
    case OP_reduce_any:
    case OP_reduce_all:
        better = extreme_of_expand(graph, node);
        break;
    case OP_reduce_sum:
    case OP_reduce_prod:
        break;
    default:
        return NULL;
    }
    return better != NULL ? better : drop_single_axes(graph, node);
}
