/* Rules for movement ops. Two in a row become one, ones that move nothing go away, and expand moves
 * outwards (towards the reader), so that what is broadcast stays small as long as possible. */
#include <string.h>

#include "ir/build.h"
#include "passes/simplify.h"

static bool is_single(const Type *type) {
    return type_numel(type) == 1;
}

static Node *simplify_reshape(Graph *graph, Node *node) {
    Node *x = node->inputs[0];
    const Type *to = &node->type;
    if (type_equal(&x->type, to)) return x;
    if (x->op == OP_reshape) return simplified_reshape(graph, x->inputs[0], to->rank, to->dim);
    if (x->op != OP_expand) return NULL;
    Node *small = x->inputs[0];
    int64_t dims[MAX_RANK];
    if (is_single(&small->type)) {
        /* reshape(expand(one element)) = expand(reshape(one element)) */
        for (int d = 0; d < to->rank; d++)
            dims[d] = 1;
        return simplified_expand(graph, simplified_reshape(graph, small, to->rank, dims), to->dim);
    }
    /* Dims of size 1 come and go: the same on the small side. */
    int from = 0;
    for (int d = 0; d < to->rank; d++) {
        while (from < x->type.rank && x->type.dim[from] == 1)
            from++;
        if (to->dim[d] == 1) {
            dims[d] = 1;
            continue;
        }
        if (from == x->type.rank || x->type.dim[from] != to->dim[d]) return NULL;
        dims[d] = small->type.dim[from++];
    }
    for (; from < x->type.rank; from++) /* without elements dims may be left */
        if (x->type.dim[from] != 1) return NULL;
    return simplified_expand(graph, simplified_reshape(graph, small, to->rank, dims), to->dim);
}

/* dot(a, b) with the dims of a and b in the other order is dot(b, a). */
static Node *swap_dot(Graph *graph, const Node *dot, const int64_t *perm, int rank) {
    int batch, contracted;
    const int64_t *batch_a = node_ints(dot, ATTR_batch_a, &batch);
    const int64_t *contract_a = node_ints(dot, ATTR_contract_a, &contracted);
    Node *a = dot->inputs[0], *b = dot->inputs[1];
    int free_a = a->type.rank - batch - contracted, free_b = b->type.rank - batch - contracted;
    for (int d = 0; d < rank; d++) {
        int from = d < batch ? d : d < batch + free_b ? d + free_a : d - free_b;
        if (perm[d] != from) return NULL;
    }
    Attr attrs[] = {
        attr_ints(ATTR_batch_a, node_ints(dot, ATTR_batch_b, NULL), batch),
        attr_ints(ATTR_batch_b, batch_a, batch),
        attr_ints(ATTR_contract_a, node_ints(dot, ATTR_contract_b, NULL), contracted),
        attr_ints(ATTR_contract_b, contract_a, contracted),
    };
    return build_op(graph, OP_dot, (Node *[]){b, a}, 2, attrs, 4);
}

static Node *simplify_permute(Graph *graph, Node *node) {
    Node *x = node->inputs[0];
    int rank = node->type.rank;
    const int64_t *perm = node_ints(node, ATTR_perm, NULL);
    /* The dims of more than one element stay in order: a reshape, or nothing. */
    int64_t last = -1;
    bool ordered = true;
    for (int d = 0; d < rank; d++) {
        if (node->type.dim[d] == 1) continue;
        ordered = ordered && perm[d] > last;
        last = perm[d];
    }
    if (ordered) return simplified_reshape(graph, x, rank, node->type.dim);
    int64_t composed[MAX_RANK];
    if (x->op == OP_permute) {
        const int64_t *inner = node_ints(x, ATTR_perm, NULL);
        for (int d = 0; d < rank; d++)
            composed[d] = inner[perm[d]];
        return simplified_permute(graph, x->inputs[0], composed);
    }
    if (x->op == OP_expand)
        return simplified_expand(graph, simplified_permute(graph, x->inputs[0], perm),
                                 node->type.dim);
    if (x->op == OP_dot) return swap_dot(graph, x, perm, rank);
    return NULL;
}

static Node *simplify_expand(Graph *graph, Node *node) {
    Node *x = node->inputs[0];
    if (type_equal(&x->type, &node->type)) return x;
    if (x->op == OP_expand) return simplified_expand(graph, x->inputs[0], node->type.dim);
    return NULL;
}

static Node *slice_of_slice(Graph *graph, const Node *outer, const Node *inner) {
    const int64_t *start = node_ints(outer, ATTR_start, NULL);
    const int64_t *step = node_ints(outer, ATTR_step, NULL);
    const int64_t *inner_start = node_ints(inner, ATTR_start, NULL);
    const int64_t *inner_step = node_ints(inner, ATTR_step, NULL);
    int64_t new_start[MAX_RANK], new_step[MAX_RANK];
    for (int d = 0; d < outer->type.rank; d++) {
        bool few = outer->type.dim[d] <= 1; /* then the step says nothing */
        new_start[d] = inner_start[d] + start[d] * inner_step[d];
        new_step[d] = few ? 1 : inner_step[d] * step[d];
        if (outer->type.dim[d] == 0) new_start[d] = 0;
    }
    return simplified_slice(graph, inner->inputs[0], new_start, outer->type.dim, new_step);
}

static Node *slice_of_expand(Graph *graph, const Node *node, const Node *expand) {
    Node *small = expand->inputs[0];
    int64_t start[MAX_RANK], size[MAX_RANK], step[MAX_RANK];
    for (int d = 0; d < node->type.rank; d++) {
        bool repeated = small->type.dim[d] != expand->type.dim[d];
        start[d] = repeated ? 0 : node_ints(node, ATTR_start, NULL)[d];
        size[d] = repeated ? 1 : node->type.dim[d];
        step[d] = repeated ? 1 : node_ints(node, ATTR_step, NULL)[d];
    }
    return simplified_expand(graph, simplified_slice(graph, small, start, size, step),
                             node->type.dim);
}

/* A slice that takes from one part of a concat only. */
static Node *slice_of_concat(Graph *graph, const Node *node, const Node *concat) {
    int64_t axis = node_int(concat, ATTR_axis), begin = 0;
    const int64_t *start = node_ints(node, ATTR_start, NULL);
    const int64_t *step = node_ints(node, ATTR_step, NULL);
    int64_t count = node->type.dim[axis];
    if (count == 0) return NULL;
    int64_t last = start[axis] + (count - 1) * step[axis];
    for (int i = 0; i < concat->input_count; i++) {
        Node *part = concat->inputs[i];
        int64_t end = begin + part->type.dim[axis];
        if (start[axis] >= begin && last < end) {
            int64_t new_start[MAX_RANK];
            for (int d = 0; d < node->type.rank; d++)
                new_start[d] = start[d] - (d == axis ? begin : 0);
            return simplified_slice(graph, part, new_start, node->type.dim, step);
        }
        begin = end;
    }
    return NULL;
}

/* A slice that misses what is padded, or takes from nothing else. */
static Node *slice_of_pad(Graph *graph, const Node *node, const Node *pad) {
    const Node *x = pad->inputs[0];
    const int64_t *lo = node_ints(pad, ATTR_lo, NULL);
    const int64_t *start = node_ints(node, ATTR_start, NULL);
    const int64_t *step = node_ints(node, ATTR_step, NULL);
    int64_t inner[MAX_RANK];
    bool within = true;
    if (type_numel(&node->type) == 0) return NULL;
    for (int d = 0; d < node->type.rank; d++) {
        if (node_ints(pad, ATTR_interior, NULL)[d] != 0) return NULL;
        int64_t first = start[d] - lo[d], last = first + (node->type.dim[d] - 1) * step[d];
        if (last < 0 || first >= x->type.dim[d])
            return simplified_full(graph, node->type, node_float(pad, ATTR_value));
        within = within && first >= 0 && last < x->type.dim[d];
        inner[d] = first;
    }
    if (!within) return NULL;
    return simplified_slice(graph, pad->inputs[0], inner, node->type.dim, step);
}

/* Past a permute, to what may be sliced for less. */
static Node *slice_of_permute(Graph *graph, const Node *node, const Node *permute) {
    Node *x = permute->inputs[0];
    if (x->op != OP_concat && x->op != OP_pad) return NULL;
    const int64_t *perm = node_ints(permute, ATTR_perm, NULL);
    int64_t start[MAX_RANK], size[MAX_RANK], step[MAX_RANK];
    for (int d = 0; d < node->type.rank; d++) {
        start[perm[d]] = node_ints(node, ATTR_start, NULL)[d];
        step[perm[d]] = node_ints(node, ATTR_step, NULL)[d];
        size[perm[d]] = node->type.dim[d];
    }
    return simplified_permute(graph, simplified_slice(graph, x, start, size, step), perm);
}

static Node *simplify_slice(Graph *graph, Node *node) {
    Node *x = node->inputs[0];
    if (type_equal(&x->type, &node->type)) return x;
    if (x->op == OP_slice) return slice_of_slice(graph, node, x);
    if (x->op == OP_expand) return slice_of_expand(graph, node, x);
    if (x->op == OP_concat) return slice_of_concat(graph, node, x);
    if (x->op == OP_pad) return slice_of_pad(graph, node, x);
    if (x->op == OP_permute) return slice_of_permute(graph, node, x);
    return NULL;
}

static Node *simplify_flip(Node *node) {
    Node *x = node->inputs[0];
    int count;
    const int64_t *axes = node_ints(node, ATTR_axes, &count);
    /* Flipping twice, or what has one element or repeats one, does nothing. */
    bool nothing = true;
    for (int i = 0; i < count; i++) {
        bool repeated = x->op == OP_expand && x->inputs[0]->type.dim[axes[i]] == 1;
        nothing = nothing && (x->type.dim[axes[i]] <= 1 || repeated);
    }
    if (nothing) return x;
    if (x->op != OP_flip) return NULL;
    int inner_count;
    const int64_t *inner = node_ints(x, ATTR_axes, &inner_count);
    bool same = inner_count == count && memcmp(inner, axes, (size_t)count * sizeof *axes) == 0;
    return same ? x->inputs[0] : NULL;
}

/* A pad that only crops is a slice. */
static Node *simplify_pad(Graph *graph, Node *node) {
    Node *x = node->inputs[0];
    int rank = node->type.rank;
    const int64_t *lo = node_ints(node, ATTR_lo, NULL), *hi = node_ints(node, ATTR_hi, NULL);
    const int64_t *interior = node_ints(node, ATTR_interior, NULL);
    int64_t start[MAX_RANK], step[MAX_RANK];
    for (int d = 0; d < rank; d++) {
        if (lo[d] > 0 || hi[d] > 0 || (interior[d] > 0 && x->type.dim[d] > 1)) return NULL;
        start[d] = -lo[d];
        step[d] = 1;
    }
    return simplified_slice(graph, x, start, node->type.dim, step);
}

/* Empty parts of a concat add nothing; one part alone is the result. */
static Node *simplify_concat(Graph *graph, Node *node) {
    int64_t axis = node_int(node, ATTR_axis);
    int kept = 0;
    Node **parts = ARENA_ARRAY(graph->arena, Node *, (size_t)node->input_count);
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i]->type.dim[axis] > 0) parts[kept++] = node->inputs[i];
    if (kept == 0) parts[kept++] = node->inputs[0];
    if (kept == 1) return parts[0];
    if (kept == node->input_count) return simplify_concat_of_cuts(graph, node);
    return build_op(graph, OP_concat, parts, kept, node->attrs, node->attr_count);
}

/* Starts that are known: a slice, if it lies inside (else the fault is left to happen). */
static Node *simplify_dynamic_slice(Graph *graph, Node *node) {
    const Node *x = node->inputs[0], *starts = node->inputs[1];
    if (type_equal(&x->type, &node->type)) return NULL;
    if (starts->op != OP_const) return NULL;
    const int64_t *start = node_attr(starts, ATTR_data)->data.bytes;
    int64_t step[MAX_RANK];
    for (int d = 0; d < node->type.rank; d++) {
        if (start[d] < 0 || start[d] > x->type.dim[d] - node->type.dim[d]) return NULL;
        step[d] = 1;
    }
    return simplified_slice(graph, node->inputs[0], start, node->type.dim, step);
}

Node *simplify_movement(Graph *graph, Node *node) {
    switch (node->op) {
    case OP_reshape:
        return simplify_reshape(graph, node);
    case OP_permute:
        return simplify_permute(graph, node);
    case OP_expand:
        return simplify_expand(graph, node);
    case OP_slice:
        return simplify_slice(graph, node);
    case OP_flip:
        return simplify_flip(node);
    case OP_pad:
        return simplify_pad(graph, node);
    case OP_concat:
        return simplify_concat(graph, node);
    case OP_dynamic_slice:
        return simplify_dynamic_slice(graph, node);
    default:
        return NULL;
    }
}
