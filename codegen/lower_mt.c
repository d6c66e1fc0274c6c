/* random_mt: PyTorch's stream as a kernel, which follows ir/random.c operation by operation so that
 * the bits agree.
 *
 * All random_mt nodes of a group share one pass over the stream: round by round the 624 words of
 * the state are renewed, and each node takes those of its numbers that end in the round. Uniform
 * numbers, bernoulli and bits are results at once; normal numbers are made behind the pass from the
 * uniform ones it leaves (codegen/lower_normal.c). */
#include "codegen/lower_mt.h"

#include <string.h>

#include "codegen/formula.h"
#include "support/checked.h"

enum { MT_SIZE = 624, MT_SHIFT = 397 };

static KVal *bits32(KBuilder *b, uint32_t value) {
    return k_integer(b, K_I32, 1, (int32_t)value);
}

static KVal *xor_(KBuilder *b, KVal *x, KVal *y) {
    return k_binary(b, KOP_XOR, x, y);
}

static KVal *ushr(KBuilder *b, KVal *x, int64_t n) {
    return k_binary(b, KOP_USHR, x, k_integer(b, x->kind, 1, n));
}

static KVal *shl(KBuilder *b, KVal *x, int64_t n) {
    return k_binary(b, KOP_SHL, x, k_integer(b, x->kind, 1, n));
}

static void seed_state(KBuilder *b, KBuf *state, KVal *seed) {
    KVal *previous = k_var(b, k_convert(b, seed, K_I32));
    k_store(b, state, k_index(b, 0), previous);
    KVal *i = k_for(b, 1, MT_SIZE, 1, 0);
    KVal *last = k_copy(b, previous);
    KVal *mixed = k_mul(b, xor_(b, last, ushr(b, last, 30)), bits32(b, 1812433253u));
    KVal *next = k_add(b, mixed, k_convert(b, i, K_I32));
    k_store(b, state, i, next);
    k_set(b, previous, next);
    k_end(b);
}

static void twist_words(KBuilder *b, KBuf *state, KVal *i, int64_t far, int lanes) {
    KVal *next = k_load_at(b, state, i, 1, lanes);
    KVal *y = k_or(b, k_and(b, k_load(b, state, i, lanes), bits32(b, 0x80000000u)),
                   k_and(b, next, bits32(b, 0x7FFFFFFFu)));
    KVal *odd = k_true_if(b, k_and(b, y, bits32(b, 1)));
    KVal *magic = k_select(b, odd, bits32(b, 0x9908B0DFu), bits32(b, 0));
    KVal *other = k_load_at(b, state, i, far, lanes);
    k_store(b, state, i, xor_(b, xor_(b, other, ushr(b, y, 1)), magic));
}

/* state[from..to), each from the word `far` away: vectors may be as long as that distance. */
static void twist_range(KBuilder *b, KBuf *state, int64_t from, int64_t to, int64_t far) {
    int lanes = target_lanes(b->target, DT_I32);
    int64_t whole = from + (to - from) / lanes * lanes;
    twist_words(b, state, k_for(b, from, whole, lanes, 0), far, lanes);
    k_end(b);
    if (whole == to) return;
    twist_words(b, state, k_for(b, whole, to, 1, 0), far, 1);
    k_end(b);
}

/* The next words of the state; state[MT_SIZE] stands for the new state[0]. */
static void twist(KBuilder *b, KBuf *state) {
    twist_range(b, state, 0, MT_SIZE - MT_SHIFT, MT_SHIFT);
    k_store(b, state, k_index(b, MT_SIZE), k_load(b, state, k_index(b, 0), 1));
    twist_range(b, state, MT_SIZE - MT_SHIFT, MT_SIZE, MT_SHIFT - MT_SIZE);
}

/* words[1..] become the stream's; words[0] keeps the last of the round before. */
static void temper(KBuilder *b, KBuf *state, KBuf *words) {
    int lanes = target_lanes(b->target, DT_I32);
    k_store(b, words, k_index(b, 0), k_load(b, words, k_index(b, MT_SIZE), 1));
    KVal *i = k_for(b, 0, MT_SIZE, lanes, 0);
    KVal *y = k_load(b, state, i, lanes);
    y = xor_(b, y, ushr(b, y, 11));
    y = xor_(b, y, k_and(b, shl(b, y, 7), bits32(b, 0x9D2C5680u)));
    y = xor_(b, y, k_and(b, shl(b, y, 15), bits32(b, 0xEFC60000u)));
    k_store_at(b, words, i, 1, xor_(b, y, ushr(b, y, 18)));
    k_end(b);
}

static KVal *unsigned_word(KBuilder *b, KBuf *words, KVal *at, int64_t offset) {
    KVal *word = k_convert(b, k_load_at(b, words, at, offset, 1), K_I64);
    return k_and(b, word, k_integer(b, K_I64, 1, 0xffffffff));
}

/* The number whose first word is words[at]. */
static KVal *number_at(KBuilder *b, const MtFill *fill, KBuf *words, KVal *at) {
    KKind kind = kkind_of(fill->to->dtype);
    if (fill->form == MT_BITS) return k_convert(b, unsigned_word(b, words, at, 0), kind);
    KVal *unit;
    if (fill->words == 1) {
        KVal *bits = k_and(b, k_load(b, words, at, 1), bits32(b, 0xFFFFFF));
        unit = k_mul(b, k_convert(b, bits, K_F32), k_number(b, K_F32, 1, 0x1p-24));
    } else {
        KVal *high = shl(b, unsigned_word(b, words, at, 0), 32);
        KVal *bits = k_or(b, high, unsigned_word(b, words, at, 1));
        bits = k_and(b, bits, k_integer(b, K_I64, 1, (INT64_C(1) << 53) - 1));
        unit = k_mul(b, k_convert(b, bits, K_F64), k_number(b, K_F64, 1, 0x1p-53));
    }
    if (fill->form == MT_UNIT) return unit;
    if (fill->form == MT_BERNOULLI)
        return formula_to_dtype(b, k_lt(b, unit, k_number(b, K_F64, 1, fill->low)),
                                fill->to->dtype);
    double range = fill->high - fill->low;
    if (kind == K_F32) range = (double)((float)fill->high - (float)fill->low);
    return k_fma_exact(b, unit, k_number(b, kind, 1, range), k_number(b, kind, 1, fill->low));
}

/* The fill's numbers whose last word is in the round. */
static void take_numbers(KBuilder *b, const MtFill *fill, KBuf *words, KVal *round) {
    int64_t each = MT_SIZE / fill->words, before = (fill->start + fill->words - 1) / fill->words;
    KVal *zero = k_index(b, 0), *count = k_index(b, fill->count);
    KVal *first = k_addi(b, k_muli(b, round, each), -before), *end = k_addi(b, first, each);
    KVal *i = k_for_values(b, k_min(b, k_max(b, first, zero), count),
                           k_min(b, k_max(b, end, zero), count), 1, 0);
    KVal *offset = k_addi(b, k_muli(b, round, -MT_SIZE), fill->start + 1);
    KVal *at = k_add(b, k_muli(b, i, fill->words), offset);
    at = k_assume(b, at, 0, MT_SIZE + 1 - fill->words);
    k_store_at(b, fill->to, i, fill->offset, number_at(b, fill, words, at));
    k_end(b);
}

static void pass_over_stream(Lower *lower, const MtFill *fills, int count) {
    KBuilder *b = &lower->b;
    int64_t first = INT64_MAX, end = 0;
    for (int i = 0; i < count; i++) {
        int64_t last = fills[i].start + fills[i].count * fills[i].words;
        if (fills[i].start / MT_SIZE < first) first = fills[i].start / MT_SIZE;
        if ((last + MT_SIZE - 1) / MT_SIZE > end) end = (last + MT_SIZE - 1) / MT_SIZE;
    }
    KBuf *state = k_local(b, DT_I32, MT_SIZE + 1, "the generator's state");
    KBuf *words = k_local(b, DT_I32, MT_SIZE + 1, "the numbers of a round");
    LowerPoint at = lower_point(0, NULL, 0, 1, 1);
    seed_state(b, state, lower_operand_at(lower, lower_operand(lower, 0), &at));
    k_store(b, words, k_index(b, MT_SIZE), bits32(b, 0));
    KVal *round = k_for(b, 0, end, 1, 0);
    twist(b, state);
    if (first > 0) k_if(b, k_ge(b, round, k_index(b, first)));
    temper(b, state, words);
    for (int i = 0; i < count; i++)
        take_numbers(b, &fills[i], words, round);
    if (first > 0) k_end(b);
    k_end(b);
}

/* What the pass writes for a node that is no normal distribution. */
static MtFill plain_fill(KBuilder *b, const Node *node, const char *dist) {
    MtFill fill = {.to = k_output(b, node),
                   .form = MT_UNIFORM,
                   .start = node_int(node, ATTR_skip),
                   .count = type_numel(&node->type),
                   .words = node->type.dtype == DT_F32 ? 1 : 2,
                   .low = node_float(node, ATTR_low),
                   .high = node_float(node, ATTR_high)};
    if (strcmp(dist, "bits") == 0) {
        fill.form = MT_BITS;
        fill.words = 1;
    } else if (strcmp(dist, "bernoulli") == 0) {
        fill.form = MT_BERNOULLI;
        fill.words = 2;
    }
    return fill;
}

Kernel *lower_mt(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    KBuilder *b = &lower.b;
    MtFill *fills = ARENA_ARRAY(context->arena, MtFill, 2 * (size_t)group->output_count);
    MtNormal *normals = ARENA_ARRAY(context->arena, MtNormal, (size_t)group->output_count);
    int fill_count = 0, normal_count = 0;
    for (int i = 0; i < group->output_count; i++) {
        const Node *node = group->outputs[i];
        const char *dist = node_attr(node, ATTR_dist)->text;
        if (type_numel(&node->type) == 0)
            k_output(b, node);
        else if (strncmp(dist, "normal", 6) == 0)
            normals[normal_count++] = mt_normal_plan(b, node, fills, &fill_count);
        else
            fills[fill_count++] = plain_fill(b, node, dist);
    }
    if (fill_count > 0) pass_over_stream(&lower, fills, fill_count);
    for (int i = 0; i < normal_count; i++)
        mt_normal_finish(b, &normals[i]);
    return kernel_end(b);
}
