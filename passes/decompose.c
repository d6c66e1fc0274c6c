/* Decomposition: what remains has a kernel. Composites become primitives, by the formula in their
 * row. Fusion makes one kernel of the pieces again; what runs is the same whoever wrote them.
 *
 *     %1 = softmax(%0) {axis=1}      =>      reduce_max, sub, exp, reduce_sum, div
 *
 * What is computed of halves is computed in f32 and rounded, each op's result by itself; ops that
 * only choose among elements take and give halves as they are. So kernels know halves in memory and
 * in casts alone.
 *
 *     %2 = mul(%0, %1) : bf16[4]      =>      %2 = cast(mul(cast(%0), cast(%1)) : f32[4]) : bf16[4]
 */
#include "ir/build.h"
#include "ir/formula.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

/* Whether the op's results are elements of its operands, but for the sign. */
static bool chooses(Op op) {
    switch (op) {
    case OP_cast:
    case OP_detach:
    case OP_where:
    case OP_neg:
    case OP_abs:
    case OP_relu:
    case OP_max:
    case OP_min:
    case OP_gather:
    case OP_scatter:
    case OP_take:
    case OP_index_put:
    case OP_pool_gather:
    case OP_max_pool:
    case OP_max_pool_index:
        return true;
    default:
        return op_info(op)->traits & (TRAIT_LEAF | TRAIT_MOVEMENT);
    }
}

static bool computes_halves(const Node *node) {
    bool found = dtype_is_half(node->type.dtype);
    for (int i = 0; i < node->input_count; i++)
        found = found || dtype_is_half(node->inputs[i]->type.dtype);
    return found && !chooses(node->op);
}

/* The node over f32 operands, with f32 results. */
static Node *widened(Rewrite *rewrite, const Node *node) {
    Node **inputs = rewrite_inputs(rewrite, node);
    Attr attrs[MAX_OP_ATTRS];
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = build_cast(rewrite->to, inputs[i], dtype_computed(inputs[i]->type.dtype));
    for (int i = 0; i < node->attr_count; i++) {
        attrs[i] = node->attrs[i];
        if (attrs[i].name == ATTR_dtype) attrs[i].dtype = dtype_computed(attrs[i].dtype);
    }
    if (op_info(node->op)->traits & TRAIT_COMPOSITE)
        return formula_decompose(rewrite->to, node, inputs);
    return build_op(rewrite->to, node->op, inputs, node->input_count, attrs, node->attr_count);
}

static Node *primitives(Rewrite *rewrite, const Node *node) {
    /* Of several results each is rounded where it is read. */
    if (node->op == OP_result)
        return build_cast(rewrite->to, rewrite_copy(rewrite, node), node->type.dtype);
    if (computes_halves(node)) {
        Node *wide = widened(rewrite, node);
        return op_info(node->op)->results > 1 ? wide
                                              : build_cast(rewrite->to, wide, node->type.dtype);
    }
    if (op_info(node->op)->traits & TRAIT_COMPOSITE)
        return formula_decompose(rewrite->to, node, rewrite_inputs(rewrite, node));
    return rewrite_copy(rewrite, node);
}

Graph *pass_decompose(const Graph *graph, PassContext *context) {
    Rewrite rewrite = rewrite_begin(graph, context);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        if (!rewrite.live[id]) continue;
        const Node *node = graph->nodes.items[id];
        Node *pieces = primitives(&rewrite, node);
        rewrite_set(&rewrite, node, pieces);
        bool composite = op_info(node->op)->traits & TRAIT_COMPOSITE;
        if (composite && pieces->name == NULL) pieces->name = op_info(node->op)->name;
    }
    return rewrite_finish(&rewrite);
}
