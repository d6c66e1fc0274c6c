/* Inference algebra: scales and shifts of output channels that depend on params only go into the
 * weights and the bias. Batch norm is the case in point, but nothing here knows it: a chain of
 * mul, div, add and sub with per-channel, param-only values behind a convolution or a matmul is
 * one scale and one shift. The new weights depend on params only, so the prepare step computes
 * them. Rounding changes: this pass is not exact.
 *
 *     add(mul(conv(x, w), s), b)      =>      add(conv(x, mul(w, s)), b)
 */
#include "ir/build.h"
#include "passes/analyze.h"
#include "passes/index_map.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "passes/simplify.h"

/* A value that is `scale * product + shift`, the two varying along the channel dim only. */
typedef struct Affine {
    const Node *product; /* in the old graph; NULL: not of this form */
    Node *scale, *shift; /* of the new graph, shape [channels]; NULL: none */
} Affine;

typedef struct FoldScale {
    Rewrite rewrite;
    const bool *param_only;
    const uint32_t *uses;
    Affine *affine; /* by id in the old graph */
} FoldScale;

/* The result's channel dim and the weight's; false when the weight has no dim for the channels. */
static bool channel_dims(const Node *product, int *result_dim, int *weight_dim) {
    *result_dim = 1;
    *weight_dim = 0;
    if (product->op == OP_conv) return true;
    if (product->op == OP_conv_dx) {
        *weight_dim = 1;
        return node_int(product, ATTR_groups) == 1;
    }
    if (product->op != OP_dot) return false;
    int batch, contracted;
    const int64_t *batch_b = node_ints(product, ATTR_batch_b, &batch);
    const int64_t *contract_b = node_ints(product, ATTR_contract_b, &contracted);
    bool taken[MAX_RANK] = {false};
    for (int i = 0; i < batch; i++)
        taken[batch_b[i]] = true;
    for (int i = 0; i < contracted; i++)
        taken[contract_b[i]] = true;
    int rank = product->inputs[1]->type.rank;
    if (rank - batch - contracted != 1) return false;
    while (taken[*weight_dim])
        ++*weight_dim;
    *result_dim = product->type.rank - 1;
    return true;
}

/* The channel vector, in the new graph, of an operand that varies along the channel dim only. */
static Node *channel_vector(FoldScale *fold, const Node *operand, int channel_dim) {
    if (!fold->param_only[operand->id]) return NULL;
    IndexMap map;
    index_map_resolve(operand, &map);
    int64_t start[MAX_RANK] = {0}, size[MAX_RANK], step[MAX_RANK];
    for (int d = 0; d < map.rank; d++) {
        if (d != channel_dim && map.stride[d] != 0) return NULL;
        size[d] = d == channel_dim ? operand->type.dim[d] : 1;
        step[d] = 1;
    }
    Graph *graph = fold->rewrite.to;
    Node *value = fold->rewrite.map[operand->id];
    return simplified_reshape(graph, simplified_slice(graph, value, start, size, step), 1,
                              &size[channel_dim]);
}

static Node *combine(Graph *graph, Op op, Node *a, Node *b) {
    if (a != NULL) return simplified_binary(graph, op, a, b);
    if (op == OP_sub) return simplified_unary(graph, OP_neg, b);
    if (op == OP_div) return simplified_binary(graph, op, simplified_full(graph, b->type, 1), b);
    return b;
}

/* The form of op(operand, other), where the operand has the form `inner`. */
static Affine extend(FoldScale *fold, Op op, Affine inner, Node *vector) {
    Graph *graph = fold->rewrite.to;
    if (op == OP_add || op == OP_sub)
        inner.shift = combine(graph, op, inner.shift, vector);
    else {
        inner.scale = combine(graph, op, inner.scale, vector);
        if (inner.shift != NULL) inner.shift = simplified_binary(graph, op, inner.shift, vector);
    }
    return inner;
}

static Affine affine_of(FoldScale *fold, const Node *node) {
    Affine none = {0};
    if ((node->op == OP_conv || node->op == OP_dot || node->op == OP_conv_dx) &&
        fold->param_only[node->inputs[1]->id] && !fold->param_only[node->id])
        return (Affine){.product = node};
    bool commutes = node->op == OP_mul || node->op == OP_add;
    if (!commutes && node->op != OP_sub && node->op != OP_div) return none;
    for (int i = 0; i < (commutes ? 2 : 1); i++) {
        const Node *operand = node->inputs[i];
        Affine inner = fold->affine[operand->id];
        int channel_dim, weight_dim;
        if (inner.product == NULL || fold->uses[operand->id] != 1) continue;
        if (!channel_dims(inner.product, &channel_dim, &weight_dim)) continue;
        Node *vector = channel_vector(fold, node->inputs[1 - i], channel_dim);
        if (vector != NULL) return extend(fold, node->op, inner, vector);
    }
    return none;
}

/* The form as nodes: the product over scaled weights, plus the shift. */
static Node *emit(FoldScale *fold, Affine affine) {
    Graph *graph = fold->rewrite.to;
    const Node *product = affine.product;
    int channel_dim, weight_dim;
    channel_dims(product, &channel_dim, &weight_dim);
    Node **inputs = rewrite_inputs(&fold->rewrite, product);
    if (affine.scale != NULL) {
        const Type *type = &inputs[1]->type;
        Node *scale = simplified_along(graph, affine.scale, weight_dim, type->rank, type->dim);
        inputs[1] = simplified_binary(graph, OP_mul, inputs[1], scale);
    }
    Node *value = graph_copy_node(graph, product, inputs);
    if (affine.shift == NULL) return value;
    Node *shift =
        simplified_along(graph, affine.shift, channel_dim, product->type.rank, product->type.dim);
    return simplified_binary(graph, OP_add, value, shift);
}

Graph *pass_fold_scale(const Graph *graph, PassContext *context) {
    FoldScale fold = {
        .rewrite = rewrite_begin(graph, context),
        .param_only = graph_param_only(graph, context->arena),
        .uses = graph_live_uses(graph, graph_live(graph, context->arena), context->arena),
        .affine = ARENA_ARRAY(context->arena, Affine, graph->nodes.count),
    };
    for (size_t id = 0; id < graph->nodes.count; id++) {
        if (!fold.rewrite.live[id]) continue;
        const Node *node = graph->nodes.items[id];
        Node *copy = rewrite_copy(&fold.rewrite, node);
        if (context->inference) fold.affine[id] = affine_of(&fold, node);
        bool changed = fold.affine[id].product != NULL && fold.affine[id].product != node;
        rewrite_set(&fold.rewrite, node, changed ? emit(&fold, fold.affine[id]) : copy);
    }
    return rewrite_finish(&fold.rewrite);
}
