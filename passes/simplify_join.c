/* Rules for pieces put side by side: what loops over time steps cut up and put together again.
 *
 *     pad(a, zeros after) + pad(b, zeros before)   =>   concat(a + 0.0, b + 0.0)
 *     concat(x[0:2], x[2:4])                       =>   x[0:4] */
#include <math.h>

#include "ir/build.h"
#include "passes/simplify.h"

/* A value as pieces along one axis; a piece without a node is zeros. */
typedef struct Pieces {
    int count;
    Node **nodes;
    int64_t *sizes;
} Pieces;

static Pieces pieces_new(Graph *graph, int limit) {
    return (Pieces){.nodes = ARENA_ARRAY(graph->arena, Node *, (size_t)limit),
                    .sizes = ARENA_ARRAY(graph->arena, int64_t, (size_t)limit)};
}

static void add_piece(Pieces *pieces, Node *node, int64_t size) {
    if (size == 0) return;
    if (node == NULL && pieces->count > 0 && pieces->nodes[pieces->count - 1] == NULL) {
        pieces->sizes[pieces->count - 1] += size;
        return;
    }
    pieces->nodes[pieces->count] = node;
    pieces->sizes[pieces->count++] = size;
}

static bool is_zero(double value) {
    return value == 0 && !signbit(value);
}

static bool is_zeros(const Node *node) {
    double value;
    return node_is_const(node, &value) && is_zero(value);
}

static const Node *past_reshape(const Node *x) {
    return x->op == OP_reshape ? x->inputs[0] : x;
}

static bool adds_zeros(const Node *x) {
    x = past_reshape(x);
    return is_zeros(x) || (x->op == OP_add && (is_zeros(x->inputs[0]) || is_zeros(x->inputs[1])));
}

/* Whether zeros were added to every element already: none is -0. */
static bool has_plus_zero(const Node *x) {
    x = past_reshape(x);
    if (x->op != OP_concat) return adds_zeros(x);
    for (int i = 0; i < x->input_count; i++)
        if (!adds_zeros(x->inputs[i])) return false;
    return true;
}

/* What x is in a sum with zeros. */
static Node *plus_zero(Graph *graph, Node *x) {
    const Type *type = &x->type;
    if (has_plus_zero(x)) return x;
    if (x->op == OP_reshape)
        return simplified_reshape(graph, plus_zero(graph, x->inputs[0]), type->rank, type->dim);
    return simplified_binary(graph, OP_add, x, simplified_full(graph, *type, 0));
}

/* The one axis along which a pad puts zeros around its operand, or -1. */
static int padded_axis(const Node *pad) {
    const int64_t *lo = node_ints(pad, ATTR_lo, NULL), *hi = node_ints(pad, ATTR_hi, NULL);
    const int64_t *interior = node_ints(pad, ATTR_interior, NULL);
    int axis = -1;
    if (!is_zero(node_float(pad, ATTR_value))) return -1;
    for (int d = 0; d < pad->type.rank; d++) {
        if (lo[d] < 0 || hi[d] < 0 || interior[d] != 0) return -1;
        if (lo[d] == 0 && hi[d] == 0) continue;
        if (axis >= 0) return -1;
        axis = d;
    }
    return axis;
}

static int joined_axis(const Node *node) {
    if (node->op == OP_pad) return padded_axis(node);
    return node->op == OP_concat ? (int)node_int(node, ATTR_axis) : -1;
}

static Pieces pieces_of(Graph *graph, Node *node, int axis) {
    Pieces pieces = pieces_new(graph, node->input_count + 2);
    if (node->op == OP_pad) {
        add_piece(&pieces, NULL, node_ints(node, ATTR_lo, NULL)[axis]);
        add_piece(&pieces, node->inputs[0], node->inputs[0]->type.dim[axis]);
        add_piece(&pieces, NULL, node_ints(node, ATTR_hi, NULL)[axis]);
        return pieces;
    }
    for (int i = 0; i < node->input_count; i++) {
        Node *part = node->inputs[i];
        add_piece(&pieces, is_zeros(part) ? NULL : part, part->type.dim[axis]);
    }
    return pieces;
}

/* Merges pieces of which at most one is not zeros at any place. */
static bool overlay(const Pieces *a, const Pieces *b, Pieces *out) {
    int64_t left_a = a->count ? a->sizes[0] : 0, left_b = b->count ? b->sizes[0] : 0;
    for (int i = 0, j = 0; i < a->count && j < b->count;) {
        Node *x = a->nodes[i], *y = b->nodes[j];
        if (x && y) return false;
        int64_t size = left_a < left_b ? left_a : left_b;
        Node *piece = x ? x : y;
        if (piece) size = x ? left_a : left_b;
        /* A piece is laid down whole, over zeros that reach as far. */
        if (size > left_a || size > left_b) return false;
        add_piece(out, piece, size);
        left_a -= size;
        left_b -= size;
        if (left_a == 0 && ++i < a->count) left_a = a->sizes[i];
        if (left_b == 0 && ++j < b->count) left_b = b->sizes[j];
    }
    return true;
}

Node *simplify_sum_of_pieces(Graph *graph, Node *add) {
    Node *a = add->inputs[0], *b = add->inputs[1];
    int axis = joined_axis(a);
    if (axis < 0 || axis != joined_axis(b) || type_numel(&add->type) == 0) return NULL;
    Pieces x = pieces_of(graph, a, axis), y = pieces_of(graph, b, axis);
    Pieces all = pieces_new(graph, x.count + y.count + 1);
    if (!overlay(&x, &y, &all)) return NULL;
    for (int i = 0; i < all.count; i++) {
        Type type = add->type;
        type.dim[axis] = all.sizes[i];
        all.nodes[i] =
            all.nodes[i] ? plus_zero(graph, all.nodes[i]) : simplified_full(graph, type, 0);
    }
    Attr attr = attr_int(ATTR_axis, axis);
    return simplify_node(graph, build_op(graph, OP_concat, all.nodes, all.count, &attr, 1));
}

/* A part of a concat that is cut out of something else. */
static const Node *cut_of(const Node *part) {
    part = past_reshape(part);
    return part->op == OP_slice ? part : NULL;
}

/* The one axis along which two cuts of equal size start at different places, or -1. */
static int moved_axis(const Node *a, const Node *b) {
    const int64_t *from = node_ints(a, ATTR_start, NULL), *to = node_ints(b, ATTR_start, NULL);
    int axis = -1;
    for (int d = 0; d < a->type.rank; d++) {
        if (node_ints(a, ATTR_step, NULL)[d] != 1 || node_ints(b, ATTR_step, NULL)[d] != 1)
            return -1;
        if (from[d] == to[d]) continue;
        if (axis >= 0) return -1;
        axis = d;
    }
    return axis;
}

/* Whether what lies side by side along the axis lies one after the other in memory. */
static bool is_outermost(const Type *type, int axis) {
    for (int d = 0; d < axis; d++)
        if (type->dim[d] != 1) return false;
    return true;
}

/* Equal cuts of one value that follow each other, forwards or (one element each) backwards. */
Node *simplify_concat_of_cuts(Graph *graph, Node *concat) {
    const Node *first = cut_of(concat->inputs[0]), *second = cut_of(concat->inputs[1]);
    if (!first || !second || !type_equal(&first->type, &second->type)) return NULL;
    int axis = moved_axis(first, second), joined = (int)node_int(concat, ATTR_axis);
    if (axis < 0) return NULL;
    int64_t size = first->type.dim[axis];
    int64_t begin = node_ints(first, ATTR_start, NULL)[axis];
    int64_t step = node_ints(second, ATTR_start, NULL)[axis] - begin;
    if (step != size && !(step == -1 && size == 1)) return NULL;
    bool reshaped = false;
    for (int i = 0; i < concat->input_count; i++) {
        const Node *cut = cut_of(concat->inputs[i]);
        if (!cut || cut->inputs[0] != first->inputs[0] || !type_equal(&cut->type, &first->type))
            return NULL;
        if (!type_equal(&concat->inputs[i]->type, &concat->inputs[0]->type)) return NULL;
        if (i > 0 && moved_axis(first, cut) != axis) return NULL;
        if (node_ints(cut, ATTR_start, NULL)[axis] != begin + i * step) return NULL;
        reshaped = reshaped || concat->inputs[i] != cut;
    }
    bool same_order =
        is_outermost(&first->type, axis) && is_outermost(&concat->inputs[0]->type, joined);
    if (reshaped ? !same_order : axis != joined) return NULL;
    int64_t start[MAX_RANK], sizes[MAX_RANK];
    for (int d = 0; d < first->type.rank; d++) {
        start[d] = node_ints(first, ATTR_start, NULL)[d];
        sizes[d] = first->type.dim[d];
    }
    sizes[axis] = size * concat->input_count;
    if (step < 0) start[axis] = begin + step * (concat->input_count - 1);
    Node *whole =
        simplified_slice(graph, first->inputs[0], start, sizes, node_ints(first, ATTR_step, NULL));
    if (step < 0) {
        Attr axes = attr_ints(ATTR_axes, (int64_t[]){axis}, 1);
        whole = simplify_node(graph, build_op(graph, OP_flip, &whole, 1, &axes, 1));
    }
    return simplified_reshape(graph, whole, concat->type.rank, concat->type.dim);
}
