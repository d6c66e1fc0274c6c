/* Constant folding: the reference interpreter, rounding to types, evaluates small nodes over
 * constants. Only ops that every target rounds alike (TRAIT_EXACT) are folded: arithmetic and
 * comparisons, not exp and its like, so that folding changes no bits. */
#include <string.h>

#include "ir/build.h"
#include "ir/interp.h"
#include "passes/simplify.h"
#include "support/checked.h"

enum { FOLD_LIMIT = 256 }; /* elements of an operand or the result */

/* An expand is what fold_uniform makes. */
static bool rounds_alike(Op op) {
    return op != OP_expand && op_info(op)->traits & (TRAIT_EXACT | TRAIT_MOVEMENT);
}

/* A constant whose elements have all the same bits is one element, repeated. */
static Node *fold_uniform(Graph *graph, Node *node) {
    int64_t count = type_numel(&node->type);
    if (count < 2) return NULL;
    const unsigned char *bytes = node_attr(node, ATTR_data)->data.bytes;
    size_t size = dtype_size(node->type.dtype);
    if (memcmp(bytes, bytes + size, ((size_t)count - 1) * size) != 0) return NULL;
    Node *scalar = build_const(graph, type_scalar(node->type.dtype), bytes);
    return simplified_along(graph, scalar, -1, node->type.rank, node->type.dim);
}

static Node *evaluate(Graph *graph, const Node *node) {
    Arena scratch = {0};
    Buf error = {0};
    Graph *alone = graph_new(&scratch, "fold");
    Node **inputs = ARENA_ARRAY(&scratch, Node *, (size_t)node->input_count);
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = graph_copy_node(alone, node->inputs[i], NULL);
    graph_output(alone, "y", graph_copy_node(alone, node, inputs), OUT_RESULT, -1);
    Tensor64 result;
    Node *folded = NULL;
    if (interp_run(alone, NULL, &result, ROUND_TO_TYPE, &scratch, &error)) {
        void *bytes = arena_alloc(&scratch, type_bytes(&node->type));
        tensor64_to_bytes(&result, bytes);
        folded = build_const(graph, node->type, bytes);
    }
    graph_free(alone);
    buf_free(&error);
    arena_free(&scratch);
    return folded;
}

Node *fold_constant(Graph *graph, Node *node) {
    if (node->op == OP_const) return fold_uniform(graph, node);
    if (!rounds_alike(node->op) || type_numel(&node->type) > FOLD_LIMIT) return NULL;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i]->op != OP_const || type_numel(&node->inputs[i]->type) > FOLD_LIMIT)
            return NULL;
    if (op_info(node->op)->results != 1) return NULL;
    return evaluate(graph, node);
}
