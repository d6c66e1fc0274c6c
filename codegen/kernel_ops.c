/* The kernel builder's operations: typing, splatting of scalars, and the folding of index
 * arithmetic (constants to the right and outward, so that loads take them as offsets). */
#include <math.h>
#include <string.h>

#include "codegen/kernel_internal.h"
#include "support/checked.h"

static KVal *pure1(KBuilder *b, KOp op, KKind kind, int lanes, KVal *x, int64_t imm) {
    return kernel_pure(b, &(KVal){.op = op, .kind = kind, .lanes = lanes, .a = x, .imm = imm});
}

static KVal *pure2(KBuilder *b, KOp op, KKind kind, KVal *x, KVal *y) {
    return kernel_pure(b, &(KVal){.op = op, .kind = kind, .lanes = x->lanes, .a = x, .b = y});
}

KVal *k_splat(KBuilder *b, KVal *scalar, int lanes) {
    if (scalar->lanes == lanes) return scalar;
    NNC_CHECK(scalar->lanes == 1, "kernel %s: %d lanes meet %d", b->kernel->name, scalar->lanes,
              lanes);
    if (scalar->op == KOP_CONST)
        return kernel_pure(
            b, &(KVal){.op = KOP_CONST, .kind = scalar->kind, .lanes = lanes, .imm = scalar->imm});
    return pure1(b, KOP_SPLAT, scalar->kind, lanes, scalar, 0);
}

/* Makes the operands equally wide, and masks of equal width. */
static void match(KBuilder *b, KVal **x, KVal **y) {
    if ((*x)->lanes == (*y)->lanes && (*x)->kind == (*y)->kind) return; /* as most do */
    int lanes = (*x)->lanes > (*y)->lanes ? (*x)->lanes : (*y)->lanes;
    *x = k_splat(b, *x, lanes);
    *y = k_splat(b, *y, lanes);
    if (kkind_is_mask((*x)->kind) && kkind_is_mask((*y)->kind)) *y = k_mask_to(b, *y, (*x)->kind);
    NNC_CHECK((*x)->kind == (*y)->kind, "kernel %s: operands of kinds %s and %s", b->kernel->name,
              kkind_name((*x)->kind), kkind_name((*y)->kind));
}

/* An index: its arithmetic is known not to wrap, so that it may be rearranged. */
static bool is_index(const KVal *x) {
    return x->kind == K_I64 && x->lanes == 1 && kval_has_range(x);
}

static KVal *fold_add(KBuilder *b, KVal *x, KVal *y) {
    int64_t c, d;
    if (k_is_const(x, NULL)) {
        KVal *t = x;
        x = y;
        y = t;
    }
    if (k_is_const(y, &c)) {
        if (k_is_const(x, &d)) return k_index(b, c + d);
        if (c == 0) return x;
        if (x->op == KOP_ADD && k_is_const(x->b, &d)) return fold_add(b, x->a, k_index(b, c + d));
        return pure2(b, KOP_ADD, K_I64, x, y);
    }
    if (x->op == KOP_ADD && k_is_const(x->b, &c) && is_index(x->a))
        return fold_add(b, fold_add(b, x->a, y), k_index(b, c));
    if (y->op == KOP_ADD && k_is_const(y->b, &c) && is_index(y->a))
        return fold_add(b, fold_add(b, x, y->a), k_index(b, c));
    return pure2(b, KOP_ADD, K_I64, x, y);
}

static KVal *fold_mul(KBuilder *b, KVal *x, KVal *y) {
    int64_t c, d;
    if (k_is_const(x, NULL)) {
        KVal *t = x;
        x = y;
        y = t;
    }
    if (k_is_const(y, &c)) {
        if (c == 0) return y;
        if (c == 1) return x;
        if (k_is_const(x, &d)) return k_index(b, c * d);
        if (x->op == KOP_ADD && k_is_const(x->b, &d) && is_index(x->a))
            return fold_add(b, fold_mul(b, x->a, y), k_index(b, c * d));
        if (x->op == KOP_MUL && k_is_const(x->b, &d) && is_index(x->a))
            return fold_mul(b, x->a, k_index(b, c * d));
    }
    return pure2(b, KOP_MUL, K_I64, x, y);
}

static KVal *fold_div(KBuilder *b, KOp op, KVal *x, KVal *y) {
    int64_t c, d;
    if (x->lo >= 0 && k_is_const(y, &c) && c > 0) {
        if (k_is_const(x, &d)) return k_index(b, op == KOP_DIV ? d / c : d % c);
        if (x->hi < c) return op == KOP_DIV ? k_index(b, 0) : x;
        if (c == 1) return op == KOP_DIV ? x : k_index(b, 0);
    }
    return pure2(b, op, K_I64, x, y);
}

KVal *k_binary(KBuilder *b, KOp op, KVal *x, KVal *y) {
    match(b, &x, &y);
    bool same = x == y && x->op != KOP_VAR;
    if (same && (op == KOP_MIN || op == KOP_MAX)) return x;
    if (same && (op == KOP_LT || (op == KOP_NE && !kkind_is_float(x->kind))))
        return k_integer(b, kkind_mask_of(x->kind), x->lanes, 0);
    if (same && !kkind_is_float(x->kind) && (op == KOP_LE || op == KOP_EQ))
        return k_integer(b, kkind_mask_of(x->kind), x->lanes, 1);
    if (op == KOP_LT || op == KOP_LE || op == KOP_EQ || op == KOP_NE)
        return pure2(b, op, kkind_mask_of(x->kind), x, y);
    if (is_index(x) && is_index(y)) {
        int64_t c;
        if (op == KOP_ADD) return fold_add(b, x, y);
        if (op == KOP_MUL) return fold_mul(b, x, y);
        if (op == KOP_DIV || op == KOP_REM) return fold_div(b, op, x, y);
        if (op == KOP_SUB && k_is_const(y, &c)) return fold_add(b, x, k_index(b, -c));
    }
    return pure2(b, op, x->kind, x, y);
}

KVal *k_add(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_ADD, x, y);
}
KVal *k_sub(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_SUB, x, y);
}
KVal *k_mul(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_MUL, x, y);
}
KVal *k_div(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_DIV, x, y);
}
KVal *k_rem(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_REM, x, y);
}
KVal *k_min(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_MIN, x, y);
}
KVal *k_max(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_MAX, x, y);
}
KVal *k_lt(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_LT, x, y);
}
KVal *k_le(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_LE, x, y);
}
KVal *k_gt(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_LT, y, x);
}
KVal *k_ge(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_LE, y, x);
}
KVal *k_eq(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_EQ, x, y);
}
KVal *k_ne(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_NE, x, y);
}
KVal *k_and(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_AND, x, y);
}
KVal *k_or(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_OR, x, y);
}

KVal *k_addi(KBuilder *b, KVal *x, int64_t c) {
    int64_t d;
    if (c == 0) return x;
    return k_is_const(x, &d) ? k_index(b, d + c) : k_add(b, x, k_index(b, c));
}
KVal *k_muli(KBuilder *b, KVal *x, int64_t c) {
    return c == 1 ? x : k_mul(b, x, k_index(b, c));
}
KVal *k_divi(KBuilder *b, KVal *x, int64_t c) {
    return k_div(b, x, k_index(b, c));
}
KVal *k_remi(KBuilder *b, KVal *x, int64_t c) {
    return k_rem(b, x, k_index(b, c));
}

KVal *k_fma_exact(KBuilder *b, KVal *x, KVal *y, KVal *z) {
    match(b, &x, &y);
    match(b, &x, &z);
    match(b, &y, &z);
    if (!b->target->fma) b->kernel->calls = true;
    return kernel_pure(
        b, &(KVal){.op = KOP_FMA, .kind = x->kind, .lanes = x->lanes, .a = x, .b = y, .c = z});
}

KVal *k_fma(KBuilder *b, KVal *x, KVal *y, KVal *z) {
    if (!kkind_is_float(x->kind) || !b->target->fma) return k_add(b, k_mul(b, x, y), z);
    return k_fma_exact(b, x, y, z);
}

KVal *k_bf16_pair(KBuilder *b, KVal *low, KVal *high) {
    b->kernel->bf16 = true;
    int lanes = low->lanes;
    return kernel_pure(
        b, &(KVal){.op = KOP_BF16_PAIR, .kind = K_I32, .lanes = lanes, .a = low, .b = high});
}

KVal *k_bf16_dot(KBuilder *b, KVal *x, KVal *y, KVal *sum) {
    b->kernel->bf16 = true;
    return kernel_pure(
        b,
        &(KVal){.op = KOP_BF16_DOT, .kind = K_F32, .lanes = sum->lanes, .a = x, .b = y, .c = sum});
}

KVal *k_unary(KBuilder *b, KOp op, KVal *x) {
    KKind kind = x->kind;
    if (op == KOP_MASK_INT) kind = kind == K_M64 ? K_I64 : K_I32;
    return pure1(b, op, kind, x->lanes, x, 0);
}

KVal *k_call(KBuilder *b, KLibm function, KVal *x, KVal *y) {
    if (y) match(b, &x, &y);
    b->kernel->calls = true;
    return kernel_pure(
        b,
        &(KVal){
            .op = KOP_CALL, .kind = x->kind, .lanes = x->lanes, .a = x, .b = y, .imm = function});
}

KVal *k_select(KBuilder *b, KVal *mask, KVal *x, KVal *y) {
    match(b, &x, &y);
    int lanes = mask->lanes > x->lanes ? mask->lanes : x->lanes;
    mask = k_splat(b, k_mask_to(b, mask, kkind_mask_of(x->kind)), lanes);
    x = k_splat(b, x, lanes);
    y = k_splat(b, y, lanes);
    if (x == y) return x;
    if (mask->op == KOP_CONST) return mask->imm ? x : y;
    return kernel_pure(
        b, &(KVal){.op = KOP_SELECT, .kind = x->kind, .lanes = lanes, .a = mask, .b = x, .c = y});
}

KVal *k_true_if(KBuilder *b, KVal *x) {
    if (kkind_is_mask(x->kind)) return x;
    if (x->op == KOP_MASK_INT) return x->a;
    return k_ne(b, x, k_number(b, x->kind, x->lanes, 0));
}

KVal *k_mask_to(KBuilder *b, KVal *mask, KKind kind) {
    if (mask->kind == kind) return mask;
    if (mask->op == KOP_CONST) return k_integer(b, kind, mask->lanes, mask->imm);
    return pure1(b, KOP_CONVERT, kind, mask->lanes, mask, 0);
}

/* Float to integer: out-of-range values and NaN are replaced before they are converted. */
static KVal *float_to_integer(KBuilder *b, KVal *x, KKind kind) {
    double limit = kind == K_I32 ? 0x1p31 : 0x1p63;
    KVal *lo = k_number(b, x->kind, x->lanes, -limit);
    KVal *fits = k_and(b, k_ge(b, x, lo), k_lt(b, x, k_number(b, x->kind, x->lanes, limit)));
    return pure1(b, KOP_CONVERT, kind, x->lanes, k_select(b, fits, x, lo), 0);
}

KVal *k_convert(KBuilder *b, KVal *x, KKind kind) {
    if (x->kind == kind) return x;
    if (kkind_is_mask(kind)) return k_mask_to(b, k_true_if(b, x), kind);
    if (kkind_is_mask(x->kind)) return k_convert(b, k_unary(b, KOP_MASK_INT, x), kind);
    if (x->op == KOP_CONST && !kkind_is_float(x->kind) && !kkind_is_float(kind))
        return k_integer(b, kind, x->lanes, x->imm);
    if (kkind_is_float(x->kind) && !kkind_is_float(kind)) return float_to_integer(b, x, kind);
    return pure1(b, KOP_CONVERT, kind, x->lanes, x, 0);
}

KVal *k_bitcast(KBuilder *b, KVal *x, KKind kind) {
    NNC_CHECK(kkind_size(x->kind) == kkind_size(kind), "bitcast changes the width");
    return x->kind == kind ? x : pure1(b, KOP_BITCAST, kind, x->lanes, x, 0);
}

KVal *k_extract(KBuilder *b, KVal *vector, int lane) {
    if (vector->lanes == 1) return vector;
    if (vector->op == KOP_SPLAT) return vector->a;
    return pure1(b, KOP_EXTRACT, vector->kind, 1, vector, lane);
}

KVal *k_shuffle(KBuilder *b, KVal *x, KVal *y, const int *lanes, int count) {
    NNC_CHECK(x->kind == y->kind && x->lanes == y->lanes && x->lanes > 1,
              "shuffle of unlike values");
    return kernel_pure(
        b,
        &(KVal){
            .op = KOP_SHUFFLE, .kind = x->kind, .lanes = count, .a = x, .b = y, .shuffle = lanes});
}

static KVal *every_other(KBuilder *b, KVal *x, KVal *y, int first) {
    int lanes[K_MAX_LANES];
    for (int i = 0; i < x->lanes; i++)
        lanes[i] = 2 * i + first;
    return k_shuffle(b, x, y, lanes, x->lanes);
}

KVal *k_even(KBuilder *b, KVal *x, KVal *y) {
    return every_other(b, x, y, 0);
}
KVal *k_odd(KBuilder *b, KVal *x, KVal *y) {
    return every_other(b, x, y, 1);
}

KVal *k_sum_lanes(KBuilder *b, KVal *x) {
    return x->lanes == 1 ? x : pure1(b, KOP_SUM, x->kind, 1, x, 0);
}
