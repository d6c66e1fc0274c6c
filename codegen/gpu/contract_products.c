/* The products of a tile: each by a thread, or many at once by matrix units.
 *
 * Matrix units take numbers of fewer digits. Under `high` and `medium` they get those. Under
 * `highest` a number is split into two of 11 digits each, x = big + small: three products of four
 * (the fourth is below what float32 shows), unless it was cast from so few; and the sum of each
 * step, which the units round toward zero, is added to the thread's sums in float32. What is
 * infinite or no number, and what overflows on the way, gives sums that aren't finite: then the
 * block computes its tile again, as a device without matrix units does, product by product. */
#include "codegen/gpu/tiling.h"

/* One product for each of the thread's sums, for every summed element of the stage. */
static void add_products(Tiling *t, KVal *stage) {
    KBuilder *b = t->b;
    KBuf *held[SIDES];
    KVal *k = k_for(b, 0, t->s->depth, 1, t->long_loops);
    for (int side = 0; side < SIDES; side++) {
        held[side] = k_local(b, t->shared[side]->dtype, t->s->registers[side], NULL);
        KVal *i = k_for(b, 0, t->s->registers[side], 1, K_UNROLL);
        k_store(b, held[side], i, tiling_load(t, side, stage, tiling_position(t, side, i), k));
        k_end(b);
    }
    KVal *row = k_for(b, 0, t->s->registers[0], 1, K_UNROLL);
    KVal *column = k_for(b, 0, t->s->registers[1], 1, K_UNROLL);
    KVal *total = tiling_total(t, row, column), *sum = k_load(b, t->total, total, 1);
    KVal *x = k_load(b, held[0], row, 1), *y = k_load(b, held[1], column, 1);
    k_store(b, t->total, total, k_fma(b, x, y, sum));
    k_end(b);
    k_end(b);
    k_end(b);
}

/* Fragments of a side: what the thread gives to the matrix units. */
typedef struct Fragments {
    KBuf *big, *small; /* small: NULL, or what big lacks */
    int count, each;
} Fragments;

/* Where in the tile the side's element of the thread's register `r` of fragment `f` is. */
static KVal *fragment_element(const Tiling *t, int side, KVal *f, int r) {
    KBuilder *b = t->b;
    if (side == 0) return tiling_position(t, 0, k_addi(b, k_muli(b, f, 2), r % 2));
    KVal *column = k_add(b, k_muli(b, f, K_MMA_COLUMNS), t->share[0].thread);
    return k_add(b, t->share[1].origin, column);
}

/* Register `r` of fragment `f`, of the summed elements from `first` on. Pairs are of elements 4
 * apart: of both operands, so that the sum is the same, and no two threads meet in a bank. */
static void load_register(Tiling *t, int side, const Fragments *to, KVal *stage, KVal *first,
                          KVal *f, int r) {
    KBuilder *b = t->b;
    KVal *element = fragment_element(t, side, f, r), *at = k_addi(b, k_muli(b, f, to->each), r);
    KVal *summed = k_add(b, first, t->share[1].thread);
    int second = side == 0 ? r / 2 : r;
    if (t->s->products == GPU_BF16) {
        KVal *low = tiling_load(t, side, stage, element, k_addi(b, summed, second * 8));
        KVal *high = tiling_load(t, side, stage, element, k_addi(b, summed, second * 8 + 4));
        k_store(b, to->big, at, k_bf16_pair(b, low, high));
        return;
    }
    KVal *x = tiling_load(t, side, stage, element, k_addi(b, summed, second * 4));
    KVal *big = k_tf32(b, x);
    k_store(b, to->big, at, big);
    if (to->small) k_store(b, to->small, at, k_tf32(b, k_sub(b, x, big)));
}

static Fragments load_fragments(Tiling *t, int side, KVal *stage, KVal *first) {
    KBuilder *b = t->b;
    Fragments to = {.count = t->s->registers[side] / 2, .each = side == 0 ? K_MMA_A : K_MMA_B};
    int count = to.count * to.each;
    to.big = k_local(b, t->s->products == GPU_BF16 ? DT_I32 : DT_F32, count, NULL);
    if (t->s->products == GPU_TF32X3) to.small = k_local(b, DT_F32, count, NULL);
    KVal *f = k_for(b, 0, to.count, 1, K_UNROLL);
    for (int r = 0; r < to.each; r++)
        load_register(t, side, &to, stage, first, f, r);
    k_end(b);
    return to;
}

static void clear(Tiling *t, KBuf *sums) {
    KBuilder *b = t->b;
    KVal *i = k_for(b, 0, sums->count, 1, K_UNROLL);
    k_store(b, sums, i, k_number(b, kkind_of(sums->dtype), 1, 0));
    k_end(b);
}

/* The products of two fragments, of split numbers the small ones first, added to sums. */
static void multiply(Tiling *t, const Fragments *x, KVal *x_at, const Fragments *y, KVal *y_at,
                     KBuf *sums, KVal *at) {
    KBuilder *b = t->b;
    KMma kind = t->s->products == GPU_BF16 ? K_MMA_BF16 : K_MMA_TF32;
    if (x->small) {
        k_mma(b, kind, sums, at, x->small, x_at, y->big, y_at);
        k_mma(b, kind, sums, at, x->big, x_at, y->small, y_at);
    }
    k_mma(b, kind, sums, at, x->big, x_at, y->big, y_at);
}

static void add_fragments(Tiling *t, KVal *stage) {
    KBuilder *b = t->b;
    KBuf *sums = t->s->apart ? k_local(b, DT_F32, K_MMA_SUM, NULL) : NULL;
    KVal *first = k_for(b, 0, t->s->depth, t->s->products == GPU_BF16 ? 16 : 8, K_UNROLL);
    Fragments x = load_fragments(t, 0, stage, first), y = load_fragments(t, 1, stage, first);
    KVal *i = k_for(b, 0, x.count, 1, K_UNROLL), *j = k_for(b, 0, y.count, 1, K_UNROLL);
    KVal *total = k_muli(b, k_add(b, k_muli(b, i, y.count), j), K_MMA_SUM);
    KVal *x_at = k_muli(b, i, x.each), *y_at = k_muli(b, j, y.each);
    if (t->s->apart) {
        clear(t, sums);
        multiply(t, &x, x_at, &y, y_at, sums, k_index(b, 0));
        KVal *r = k_for(b, 0, K_MMA_SUM, 1, K_UNROLL), *to = k_add(b, total, r);
        k_store(b, t->total, to, k_add(b, k_load(b, t->total, to, 1), k_load(b, sums, r, 1)));
        k_end(b);
    } else {
        multiply(t, &x, x_at, &y, y_at, t->total, total);
    }
    k_end(b);
    k_end(b);
    k_end(b);
}

/* Whether one of the thread's sums is infinite or no number. */
static KVal *not_finite(Tiling *t) {
    KBuilder *b = t->b;
    KVal *zero = k_number(b, K_F32, 1, 0), *sum = k_var(b, zero);
    KVal *i = k_for(b, 0, t->total->count, 1, K_UNROLL);
    k_set(b, sum, k_fma(b, k_load(b, t->total, i, 1), zero, k_copy(b, sum)));
    k_end(b);
    return k_ne(b, k_copy(b, sum), zero);
}

void tiling_products(Tiling *t) {
    KBuilder *b = t->b;
    t->long_loops = K_UNROLL;
    clear(t, t->total);
    if (t->s->products == GPU_FMA) {
        tiling_sum(t, add_products);
        return;
    }
    KVal *units = k_matrix_units(b), *again = k_var(b, k_integer(b, K_M32, 1, 1));
    k_if(b, units);
    tiling_sum(t, add_fragments);
    if (t->s->products == GPU_TF32X3) k_set(b, again, not_finite(t));
    k_end(b);
    bool split = t->s->products == GPU_TF32X3;
    k_if(b, split ? k_any(b, k_copy(b, again)) : k_unary(b, KOP_NOT, units));
    t->long_loops = K_ROLL; /* it's rare, and shares no registers with what is not */
    clear(t, t->total);
    tiling_sum(t, add_products);
    k_end(b);
}
