/* Rules for elementwise ops: one line of algebra each, in the comment before it. */
#include <math.h>

#include "ir/build.h"
#include "passes/simplify.h"

/* A constant whose bits are those of `value`, each element. */
static bool is_value(const Node *node, double value) {
    double found;
    return node_is_const(node, &found) && found == value && signbit(found) == signbit(value);
}

/* x + z = x for all x: -0.0 of floats (0.0 would turn -0.0 into 0.0), 0 of integers. */
static bool is_added_nothing(const Node *node) {
    return is_value(node, dtype_is_float(node->type.dtype) ? -0.0 : 0.0);
}

static bool is_power_of_two(const Node *node, double *reciprocal) {
    double value;
    int exponent;
    if (!node_is_const(node, &value) || value == 0 || !isfinite(value)) return false;
    if (fabs(frexp(value, &exponent)) != 0.5) return false;
    *reciprocal = 1 / value;
    return exponent > -100 && exponent < 100;
}

static Node *simplify_add(Graph *graph, Node *a, Node *b) {
    /* x + -0.0 = x */
    if (is_added_nothing(b)) return a;
    if (is_added_nothing(a)) return b;
    /* a + -b = a - b */
    if (b->op == OP_neg) return simplified_binary(graph, OP_sub, a, b->inputs[0]);
    if (a->op == OP_neg) return simplified_binary(graph, OP_sub, b, a->inputs[0]);
    return NULL;
}

static Node *simplify_sub(Graph *graph, Node *a, Node *b) {
    /* x - 0.0 = x */
    if (is_value(b, 0.0)) return a;
    /* a - -b = a + b */
    if (b->op == OP_neg) return simplified_binary(graph, OP_add, a, b->inputs[0]);
    return NULL;
}

static Node *simplify_mul(Graph *graph, Node *a, Node *b) {
    /* x * 1 = x */
    if (is_value(b, 1.0)) return a;
    if (is_value(a, 1.0)) return b;
    /* x * -1 = -x */
    if (is_value(b, -1.0)) return simplified_unary(graph, OP_neg, a);
    if (is_value(a, -1.0)) return simplified_unary(graph, OP_neg, b);
    /* -a * -b = a * b */
    if (a->op == OP_neg && b->op == OP_neg)
        return simplified_binary(graph, OP_mul, a->inputs[0], b->inputs[0]);
    /* n * 0 = 0 of integers */
    if (!dtype_is_float(a->type.dtype) && is_value(a, 0)) return a;
    if (!dtype_is_float(a->type.dtype) && is_value(b, 0)) return b;
    return NULL;
}

static Node *simplify_div(Graph *graph, Node *a, Node *b) {
    /* x / 1 = x; x / 2 = x * 0.5 */
    double reciprocal;
    if (is_value(b, 1.0)) return a;
    if (is_power_of_two(b, &reciprocal))
        return simplified_binary(graph, OP_mul, a, simplified_full(graph, b->type, reciprocal));
    /* -a / -b = a / b */
    if (a->op == OP_neg && b->op == OP_neg)
        return simplified_binary(graph, OP_div, a->inputs[0], b->inputs[0]);
    return NULL;
}

static Node *simplify_pow(Graph *graph, Node *a, Node *b) {
    /* x ** 0 = 1; x ** 1 = x; the products and roots that PyTorch makes of constant exponents */
    double exponent;
    if (!node_is_const(b, &exponent)) return NULL;
    if (exponent == 0) return simplified_full(graph, a->type, 1);
    if (exponent == 1) return a;
    if (exponent == 2) return simplified_binary(graph, OP_mul, a, a);
    if (exponent == 3)
        return simplified_binary(graph, OP_mul, simplified_binary(graph, OP_mul, a, a), a);
    if (!dtype_is_float(a->type.dtype)) return NULL;
    if (exponent == 0.5) return simplified_unary(graph, OP_sqrt, a);
    Node *one = simplified_full(graph, a->type, 1), *below = NULL;
    if (exponent == -0.5) below = simplified_unary(graph, OP_sqrt, a);
    if (exponent == -1) below = a;
    if (exponent == -2) below = simplified_binary(graph, OP_mul, a, a);
    return below ? simplified_binary(graph, OP_div, one, below) : NULL;
}

static Node *simplify_logic(Node *node, Node *a, Node *b) {
    /* x and x = x or x = x */
    if (a == b) return a;
    if (node->type.dtype != DT_BOOL) return NULL;
    bool and = node->op == OP_and;
    /* x and true = x or false = x; x and false = false; x or true = true */
    double value;
    if (node_is_const(b, &value)) return (value != 0) == and? a : b;
    if (node_is_const(a, &value)) return (value != 0) == and? b : a;
    return NULL;
}

/* where(a > d, a, max(a, d)) is max(a, d), and so for min: what a clamp records. */
static bool is_nearer(const Node *c, const Node *a, const Node *b) {
    if (c->op != OP_gt && c->op != OP_lt) return false;
    if (b->op != (c->op == OP_gt ? OP_max : OP_min) || c->inputs[0] != a) return false;
    const Node *limit = b->inputs[0] == a ? b->inputs[1] : b->inputs[0];
    return limit == c->inputs[1] && (b->inputs[0] == a || b->inputs[1] == a);
}

static Node *simplify_where(Graph *graph, Node *node) {
    Node *c = node->inputs[0], *a = node->inputs[1], *b = node->inputs[2];
    double value;
    /* where(not c, a, b) = where(c, b, a) */
    if (c->op == OP_not) return simplified_where(graph, c->inputs[0], b, a);
    /* Under a condition that is known to hold, or not to. */
    if (a->op == OP_where && a->inputs[0] == c) return simplified_where(graph, c, a->inputs[1], b);
    if (b->op == OP_where && b->inputs[0] == c) return simplified_where(graph, c, a, b->inputs[2]);
    if (node_is_const(c, &value)) return value != 0 ? a : b;
    return a == b ? a : is_nearer(c, a, b) ? b : NULL;
}

static Node *simplify_not(Graph *graph, Node *x) {
    /* not not x = x; not a == b = a != b (NaN too; orders have no such opposite) */
    if (x->op == OP_not) return x->inputs[0];
    if (x->op == OP_eq) return simplified_binary(graph, OP_ne, x->inputs[0], x->inputs[1]);
    if (x->op == OP_ne) return simplified_binary(graph, OP_eq, x->inputs[0], x->inputs[1]);
    return NULL;
}

/* Whether every value of `from` is a value of `to`. */
static bool holds_exactly(DType from, DType to) {
    if (from == to || from == DT_BOOL) return true;
    switch (from) {
    case DT_U8:
        return to != DT_BOOL;
    case DT_I32:
        return to == DT_I64 || to == DT_F64;
    case DT_F32:
        return to == DT_F64;
    default:
        return false;
    }
}

static Node *simplify_cast(Graph *graph, Node *node) {
    Node *x = node->inputs[0];
    if (x->type.dtype == node->type.dtype) return x;
    /* A detour over a wider type changes nothing. */
    if (x->op == OP_cast && holds_exactly(x->inputs[0]->type.dtype, x->type.dtype))
        return simplified_cast(graph, x->inputs[0], node->type.dtype);
    return NULL;
}

/* f(expand a, expand b) = expand f(a, b) over the smallest shape that has all of a and b. */
static Node *pull_expand(Graph *graph, Node *node) {
    int rank = node->type.rank;
    int64_t small[MAX_RANK];
    for (int d = 0; d < rank; d++)
        small[d] = node->type.dim[d] == 0 ? 0 : 1;
    for (int i = 0; i < node->input_count; i++) {
        const Node *x = node->inputs[i];
        const Type *source = x->op == OP_expand ? &x->inputs[0]->type : &x->type;
        for (int d = 0; d < rank; d++)
            if (source->dim[d] != 1) small[d] = source->dim[d];
    }
    Type shape = type_make(node->type.dtype, rank, small);
    if (type_equal(&shape, &node->type)) return NULL;
    Node *inputs[3];
    for (int i = 0; i < node->input_count; i++) {
        Node *x = node->inputs[i];
        inputs[i] = simplified_expand(graph, x->op == OP_expand ? x->inputs[0] : x, small);
    }
    return simplified_expand(graph, simplified_copy(graph, node, inputs), node->type.dim);
}

static bool is_idempotent(Op op) {
    return op == OP_relu || op == OP_abs || op == OP_floor || op == OP_ceil || op == OP_round ||
           op == OP_trunc || op == OP_sign;
}

static Node *simplify_one(Graph *graph, Node *node, Node *x) {
    switch (node->op) {
    case OP_not:
        return simplify_not(graph, x);
    case OP_neg:
        return x->op == OP_neg ? x->inputs[0] : NULL;
    case OP_abs:
        /* |-x| = |x|, but for bytes, which wrap */
        if (x->op == OP_neg && x->type.dtype != DT_U8)
            return simplified_unary(graph, OP_abs, x->inputs[0]);
        break;
    case OP_cast:
        return simplify_cast(graph, node);
    default:
        break;
    }
    return is_idempotent(node->op) && x->op == node->op ? x : NULL;
}

static Node *simplify_two(Graph *graph, Node *node, Node *a, Node *b) {
    Node *better;
    switch (node->op) {
    case OP_add:
        better = simplify_add(graph, a, b);
        return better ? better : simplify_sum_of_pieces(graph, node);
    case OP_sub:
        return simplify_sub(graph, a, b);
    case OP_mul:
        return simplify_mul(graph, a, b);
    case OP_div:
        return simplify_div(graph, a, b);
    case OP_pow:
        return simplify_pow(graph, a, b);
    case OP_and:
    case OP_or:
        return simplify_logic(node, a, b);
    case OP_max:
    case OP_min:
        return a == b ? a : NULL;
    default:
        return NULL;
    }
}

Node *simplify_elementwise(Graph *graph, Node *node) {
    Node *const *inputs = node->inputs;
    if (node->op == OP_detach) return inputs[0]; /* gradients were taken before */
    Node *better = node->input_count == 1   ? simplify_one(graph, node, inputs[0])
                   : node->input_count == 2 ? simplify_two(graph, node, inputs[0], inputs[1])
                                            : simplify_where(graph, node);
    return better != NULL ? better : pull_expand(graph, node);
}
