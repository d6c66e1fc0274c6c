/* Constant folding: the reference interpreter, rounding to types, evaluates small nodes over
 * constants. Only ops that every target rounds alike are folded: arithmetic and comparisons, not
 * exp and its like, so that folding changes no bits. */
#include <string.h>

#include "ir/build.h"
#include "ir/interp.h"
#include "passes/simplify.h"
#include "support/checked.h"

enum { FOLD_LIMIT = 256 }; /* elements of an operand or the result */

static bool rounds_alike(const Node *node) {
    switch (node->op) {
    case OP_neg:
    case OP_abs:
    case OP_sign:
    case OP_floor:
    case OP_ceil:
    case OP_round:
    case OP_trunc:
    case OP_sqrt:
    case OP_relu:
    case OP_not:
    case OP_isnan:
    case OP_isinf:
    case OP_cast:
    case OP_add:
    case OP_sub:
    case OP_mul:
    case OP_div:
    case OP_max:
    case OP_min:
    case OP_and:
    case OP_or:
    case OP_xor:
    case OP_shl:
    case OP_shr:
    case OP_eq:
    case OP_ne:
    case OP_lt:
    case OP_le:
    case OP_gt:
    case OP_ge:
    case OP_where:
    case OP_reshape:
    case OP_permute:
    case OP_slice:
    case OP_flip:
    case OP_pad:
    case OP_concat:
        return true;
    case OP_floor_div:
    case OP_trunc_div:
    case OP_rem:
    case OP_fmod:
        return dtype_is_float(node->type.dtype);
    default:
        return false;
    }
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
    if (!rounds_alike(node) || type_numel(&node->type) > FOLD_LIMIT) return NULL;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i]->op != OP_const || type_numel(&node->inputs[i]->type) > FOLD_LIMIT)
            return NULL;
    if (op_info(node->op)->results != 1) return NULL;
    return evaluate(graph, node);
}
