/* The helpers of formulas: arithmetic on shapes that ops alone can't spell.
 *
 *   shape(x) dtype(x) spatial(x)          of a node's type; spatial: the dims after the second
 *   zeros_like(x)                         zeros of x's type
 *   inverse(perm)                         the permutation that undoes perm
 *   sum_to(dy, shape)                     sums away what broadcasting to dy repeated
 *   unreduce(dy, axes, shape)             repeats along reduced axes, back to the shape
 *   unslice(dy, start, step, shape)       slice's adjoint: dy put back among zeros
 *   unpad(dy, lo, hi, interior, shape)    pad's adjoint: what is left of dy without the padding
 *   concat_part(dy, axis)                 the part of dy that is the operand at hand
 *   power_grad(dy, a, b)                  pow's adjoint for a, where a constant b decides its form
 *   other_products(x, axes)               for each element, the product of the others reduced with
 * it dot_grad_a(dy, b, shape(a), batch_a, batch_b, contract_a, contract_b), dot_grad_b(dy, a,
 * shape(b),
 *       ...)                              dot's adjoints: a dot again, permuted when need be */
#include <math.h>
#include <string.h>

#include "ir/build.h"
#include "ir/formula_value.h"
#include "support/checked.h"

static FormulaValue from_node(Node *node) {
    return (FormulaValue){.kind = FORMULA_NODE, .node = node};
}

static FormulaValue from_ints(int count, const int64_t *items) {
    FormulaValue value = {.kind = FORMULA_INTS};
    value.ints.count = count;
    for (int i = 0; i < count; i++)
        value.ints.items[i] = items[i];
    return value;
}

static FormulaValue run_shape(const FormulaContext *context, const FormulaValue *args) {
    (void)context;
    return from_ints(args[0].node->type.rank, args[0].node->type.dim);
}

static FormulaValue run_spatial(const FormulaContext *context, const FormulaValue *args) {
    (void)context;
    return from_ints(args[0].node->type.rank - 2, args[0].node->type.dim + 2);
}

static FormulaValue run_dtype(const FormulaContext *context, const FormulaValue *args) {
    (void)context;
    return (FormulaValue){.kind = FORMULA_DTYPE, .dtype = args[0].node->type.dtype};
}

static FormulaValue run_zeros_like(const FormulaContext *context, const FormulaValue *args) {
    return from_node(build_full(context->graph, args[0].node->type, 0));
}

static FormulaValue run_inverse(const FormulaContext *context, const FormulaValue *args) {
    (void)context;
    FormulaValue inverse = args[0];
    for (int i = 0; i < args[0].ints.count; i++)
        inverse.ints.items[args[0].ints.items[i]] = i;
    return inverse;
}

static FormulaValue run_sum_to(const FormulaContext *context, const FormulaValue *args) {
    return from_node(
        build_sum_to(context->graph, args[0].node, args[1].ints.count, args[1].ints.items));
}

static FormulaValue run_unreduce(const FormulaContext *context, const FormulaValue *args) {
    return from_node(build_unreduce(context->graph, args[0].node, args[1].ints.items,
                                    args[1].ints.count, args[2].ints.count, args[2].ints.items));
}

static FormulaValue run_unslice(const FormulaContext *context, const FormulaValue *args) {
    Node *dy = args[0].node;
    const int64_t *start = args[1].ints.items, *step = args[2].ints.items;
    int64_t hi[MAX_RANK] = {0}, interior[MAX_RANK] = {0};
    for (int i = 0; i < dy->type.rank; i++) {
        int64_t size = dy->type.dim[i], reach = size ? (size - 1) * step[i] + 1 : 0;
        hi[i] = args[3].ints.items[i] - start[i] - reach;
        interior[i] = step[i] - 1;
    }
    return from_node(build_pad(context->graph, dy, start, hi, interior));
}

static FormulaValue run_unpad(const FormulaContext *context, const FormulaValue *args) {
    Node *dy = args[0].node;
    int rank = dy->type.rank;
    int64_t before[MAX_RANK] = {0}, after[MAX_RANK] = {0}, none[MAX_RANK] = {0};
    int64_t start[MAX_RANK] = {0}, step[MAX_RANK] = {0};
    bool cropped = false;
    for (int i = 0; i < rank; i++) {
        int64_t lo = args[1].ints.items[i], hi = args[2].ints.items[i];
        before[i] = lo < 0 ? -lo : 0;
        after[i] = hi < 0 ? -hi : 0;
        start[i] = lo > 0 ? lo : 0;
        step[i] = args[3].ints.items[i] + 1;
        cropped = cropped || lo < 0 || hi < 0;
    }
    if (cropped) dy = build_pad(context->graph, dy, before, after, none);
    return from_node(build_slice(context->graph, dy, start, args[4].ints.items, step));
}

static FormulaValue run_concat_part(const FormulaContext *context, const FormulaValue *args) {
    Node *dy = args[0].node;
    int axis = (int)args[1].number;
    int64_t start[MAX_RANK] = {0}, step[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++)
        step[i] = 1;
    for (int k = 0; k < context->operand; k++)
        start[axis] += context->scope->inputs[k]->type.dim[axis];
    const Type *part = &context->scope->inputs[context->operand]->type;
    return from_node(build_slice(context->graph, dy, start, part->dim, step));
}

/* The product of what stands before each element of the last dim: 1, x0, x0 x1, ... */
static Node *products_before(Graph *graph, Node *x) {
    int last = x->type.rank - 1;
    Attr axis = attr_int(ATTR_axis, last);
    Node *products = build_op(graph, OP_cumprod, &x, 1, &axis, 1);
    int64_t zero[MAX_RANK] = {0}, lo[MAX_RANK] = {0}, hi[MAX_RANK] = {0};
    lo[last] = 1;
    hi[last] = -1;
    Attr attrs[] = {attr_ints(ATTR_lo, lo, last + 1), attr_ints(ATTR_hi, hi, last + 1),
                    attr_ints(ATTR_interior, zero, last + 1), attr_float(ATTR_value, 1)};
    return build_op(graph, OP_pad, &products, 1, attrs, 4);
}

/* The axes are moved last and made one; there, the products before and behind are multiplied. */
static FormulaValue run_other_products(const FormulaContext *context, const FormulaValue *args) {
    Graph *graph = context->graph;
    Node *x = args[0].node;
    int rank = x->type.rank, perm[MAX_RANK], back[MAX_RANK], kept = 0;
    bool reduced[MAX_RANK] = {false};
    for (int i = 0; i < args[1].ints.count; i++)
        reduced[args[1].ints.items[i]] = true;
    int64_t flat[MAX_RANK + 1], product = 1;
    for (int i = 0; i < rank; i++) {
        if (!reduced[i]) flat[kept] = x->type.dim[i], perm[kept++] = i;
    }
    for (int i = 0, next = kept; i < rank; i++) {
        if (reduced[i]) product *= x->type.dim[i], perm[next++] = i;
    }
    if (kept == rank) return from_node(build_full(graph, x->type, 1));
    flat[kept] = product;
    for (int i = 0; i < rank; i++)
        back[perm[i]] = i;
    Node *moved = build_permute(graph, x, perm);
    Node *lines = build_reshape(graph, moved, kept + 1, flat);
    Attr axes = attr_ints(ATTR_axes, (const int64_t[]){kept}, 1);
    Node *flipped = build_op(graph, OP_flip, &lines, 1, &axes, 1);
    Node *behind = products_before(graph, flipped);
    behind = build_op(graph, OP_flip, &behind, 1, &axes, 1);
    Node *others = build_binary(graph, OP_mul, products_before(graph, lines), behind);
    others = build_reshape(graph, others, rank, moved->type.dim);
    return from_node(build_permute(graph, others, back));
}

/* One operand p of a dot, seen from its adjoint; q is the other operand. */
typedef struct DotSide {
    const FormulaValue *shape, *batch, *contract;
} DotSide;

static bool contains(const FormulaValue *list, int64_t item) {
    for (int i = 0; i < list->ints.count; i++) {
        if (list->ints.items[i] == item) return true;
    }
    return false;
}

static int rank_among(const FormulaValue *list, int64_t item) {
    int rank = 0;
    for (int i = 0; i < list->ints.count; i++)
        rank += list->ints.items[i] < item;
    return rank;
}

/* Where p's dims stand in the dot of dy and q: batch, then p's free dims and q's contracted dims
 * in either order. */
static void adjoint_perm(const DotSide *p, const DotSide *q, bool free_first, int perm[MAX_RANK]) {
    int batch = p->batch->ints.count, contracted = p->contract->ints.count;
    int free_count = p->shape->ints.count - batch - contracted;
    int free_at = free_first ? batch : batch + contracted;
    int contract_at = free_first ? batch + free_count : batch;
    for (int d = 0; d < p->shape->ints.count; d++) {
        perm[d] = -1;
        for (int i = 0; i < batch; i++) {
            if (p->batch->ints.items[i] == d) perm[d] = i;
        }
        for (int i = 0; i < contracted; i++) {
            if (p->contract->ints.items[i] == d)
                perm[d] = contract_at + rank_among(q->contract, q->contract->ints.items[i]);
        }
        if (perm[d] < 0) perm[d] = free_at++;
    }
}

static bool is_identity(const int *perm, int count) {
    for (int i = 0; i < count; i++) {
        if (perm[i] != i) return false;
    }
    return true;
}

/* p's gradient: dy times q, contracted over q's free dims, which start at `q_free_at` in dy. The
 * order of the two operands is the one that needs no permutation, if there is one. */
static FormulaValue dot_adjoint(Graph *graph, Node *dy, Node *other, const DotSide *p,
                                const DotSide *q, int q_free_at) {
    int perm[MAX_RANK], swapped[MAX_RANK], rank = p->shape->ints.count;
    adjoint_perm(p, q, true, perm);
    adjoint_perm(p, q, false, swapped);
    bool swap = !is_identity(perm, rank) && is_identity(swapped, rank);
    int64_t batch[MAX_RANK], from_dy[MAX_RANK], from_other[MAX_RANK];
    int batch_count = p->batch->ints.count, count = 0;
    for (int i = 0; i < batch_count; i++)
        batch[i] = i;
    for (int i = 0; i < other->type.rank; i++) {
        if (contains(q->batch, i) || contains(q->contract, i)) continue;
        from_dy[count] = q_free_at + count;
        from_other[count++] = i;
    }
    Attr attrs[] = {
        attr_ints(swap ? ATTR_batch_b : ATTR_batch_a, batch, batch_count),
        attr_ints(swap ? ATTR_batch_a : ATTR_batch_b, q->batch->ints.items, batch_count),
        attr_ints(swap ? ATTR_contract_b : ATTR_contract_a, from_dy, count),
        attr_ints(swap ? ATTR_contract_a : ATTR_contract_b, from_other, count)};
    Node *operands[] = {swap ? other : dy, swap ? dy : other};
    Node *product = build_op(graph, OP_dot, operands, 2, attrs, 4);
    return from_node(build_permute(graph, product, swap ? swapped : perm));
}

static FormulaValue run_dot_grad_a(const FormulaContext *context, const FormulaValue *args) {
    DotSide a = {&args[2], &args[3], &args[5]}, b = {NULL, &args[4], &args[6]};
    int free_a = args[2].ints.count - args[3].ints.count - args[5].ints.count;
    return dot_adjoint(context->graph, args[0].node, args[1].node, &a, &b,
                       args[3].ints.count + free_a);
}

static FormulaValue run_dot_grad_b(const FormulaContext *context, const FormulaValue *args) {
    DotSide a = {NULL, &args[3], &args[5]}, b = {&args[2], &args[4], &args[6]};
    return dot_adjoint(context->graph, args[0].node, args[1].node, &b, &a, args[3].ints.count);
}

/* dy * (b * a^(b-1)); 0 where b is 0, whatever a. */
static FormulaValue run_power_grad(const FormulaContext *context, const FormulaValue *args) {
    Graph *graph = context->graph;
    Node *dy = args[0].node, *a = args[1].node, *b = args[2].node;
    double exponent = NAN;
    bool known = node_is_const(b, &exponent);
    Node *zero = build_full(graph, a->type, 0), *one = build_full(graph, b->type, 1);
    if (exponent == 0) return from_node(zero);
    Node *less =
        known ? build_full(graph, b->type, exponent - 1) : build_binary(graph, OP_sub, b, one);
    Node *scaled = build_binary(graph, OP_mul, b, build_binary(graph, OP_pow, a, less));
    Node *slope = build_binary(graph, OP_mul, dy, scaled);
    if (known) return from_node(slope);
    return from_node(build_where(graph, build_binary(graph, OP_eq, b, zero), zero, slope));
}

static const FormulaHelper HELPERS[] = {
    {"shape", "n", true, run_shape},
    {"dtype", "n", true, run_dtype},
    {"spatial", "n", true, run_spatial},
    {"zeros_like", "n", true, run_zeros_like},
    {"inverse", "i", false, run_inverse},
    {"sum_to", "ni", false, run_sum_to},
    {"unreduce", "nii", false, run_unreduce},
    {"unslice", "niii", false, run_unslice},
    {"unpad", "niiii", false, run_unpad},
    {"concat_part", "nx", false, run_concat_part},
    {"other_products", "ni", false, run_other_products},
    {"power_grad", "nnn", false, run_power_grad},
    {"dot_grad_a", "nniiiii", false, run_dot_grad_a},
    {"dot_grad_b", "nniiiii", false, run_dot_grad_b},
};

const FormulaHelper *formula_helper(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof HELPERS / sizeof *HELPERS; i++) {
        if (strlen(HELPERS[i].name) == length && memcmp(HELPERS[i].name, name, length) == 0)
            return &HELPERS[i];
    }
    return NULL;
}
