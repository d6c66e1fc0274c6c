/* Random numbers. `random` is counter-based: element k takes Philox4x32-10's words at position k,
 * so that elements run in vectors. `random_mt` is in codegen/lower_mt.c. */
#include <math.h>
#include <string.h>

#include "codegen/formula.h"
#include "codegen/lower_internal.h"
#include "codegen/lower_mt.h"
#include "codegen/math.h"
#include "support/checked.h"

typedef struct Philox {
    const Node *anchor;
    Epilogue epilogue;
    IndexMap linear; /* from the loops' index space to the element's number */
    KVal *key[2];    /* I64 scalars */
} Philox;

static KVal *u32(KBuilder *b, int lanes, uint32_t value) {
    return k_integer(b, K_I32, lanes, (int32_t)value);
}

/* Words of element number k + lane. */
static void philox_words(KBuilder *b, const Philox *p, KVal *k, int lanes, KVal *out[4]) {
    KVal *position = k;
    if (lanes > 1) position = k_add(b, k_splat(b, k, lanes), lower_lane_numbers(b, K_I64, lanes));
    KVal *half = k_integer(b, K_I64, lanes, 32), *scalar_half = k_index(b, 32);
    KVal *counter[4] = {k_convert(b, position, K_I32),
                        k_convert(b, k_binary(b, KOP_USHR, position, half), K_I32),
                        k_convert(b, p->key[1], K_I32),
                        k_convert(b, k_binary(b, KOP_USHR, p->key[1], scalar_half), K_I32)};
    KVal *key0 = k_convert(b, p->key[0], K_I32);
    KVal *key1 = k_convert(b, k_binary(b, KOP_USHR, p->key[0], scalar_half), K_I32);
    KVal *m0 = u32(b, 1, 0xD2511F53u), *m1 = u32(b, 1, 0xCD9E8D57u);
    for (int round = 0; round < 10; round++) {
        KVal *high0 = k_binary(b, KOP_UMULHI, m0, counter[0]), *low0 = k_mul(b, m0, counter[0]);
        KVal *high1 = k_binary(b, KOP_UMULHI, m1, counter[2]), *low1 = k_mul(b, m1, counter[2]);
        counter[0] = k_binary(b, KOP_XOR, k_binary(b, KOP_XOR, high1, counter[1]), key0);
        counter[1] = low1;
        counter[2] = k_binary(b, KOP_XOR, k_binary(b, KOP_XOR, high0, counter[3]), key1);
        counter[3] = low0;
        key0 = k_add(b, key0, u32(b, 1, 0x9E3779B9u));
        key1 = k_add(b, key1, u32(b, 1, 0xBB67AE85u));
    }
    for (int i = 0; i < 4; i++)
        out[i] = k_splat(b, counter[i], lanes);
}

/* An unsigned word as I64. */
static KVal *widen(KBuilder *b, KVal *word) {
    return k_and(b, k_convert(b, word, K_I64), k_integer(b, K_I64, word->lanes, 0xffffffff));
}

/* Uniform in [0, 1): 24 bits of one word, or 53 of two. */
static KVal *unit_number(KBuilder *b, KVal *const *word, KKind kind) {
    int lanes = word[0]->lanes;
    if (kind == K_F32) {
        KVal *bits = k_binary(b, KOP_USHR, word[0], u32(b, lanes, 8));
        return k_mul(b, k_convert(b, bits, K_F32), k_number(b, K_F32, lanes, 0x1p-24));
    }
    KVal *high = k_binary(b, KOP_SHL, widen(b, word[0]), k_integer(b, K_I64, lanes, 32));
    KVal *bits =
        k_binary(b, KOP_USHR, k_or(b, high, widen(b, word[1])), k_integer(b, K_I64, lanes, 11));
    return k_mul(b, k_convert(b, bits, K_F64), k_number(b, K_F64, lanes, 0x1p-53));
}

static KVal *draw(KBuilder *b, const Philox *p, KVal *const *word) {
    const Node *node = p->anchor;
    const char *dist = node_attr(node, ATTR_dist)->text;
    double low = node_float(node, ATTR_low), high = node_float(node, ATTR_high);
    int lanes = word[0]->lanes;
    KKind kind = kkind_of(node->type.dtype);
    if (strcmp(dist, "bits") == 0) return k_convert(b, widen(b, word[0]), kind);
    KVal *unit = unit_number(b, word, kind == K_F32 ? K_F32 : K_F64);
    if (strcmp(dist, "uniform") == 0)
        return k_fma(b, unit, k_number(b, kind, lanes, high - low), k_number(b, kind, lanes, low));
    if (strcmp(dist, "bernoulli") == 0) {
        /* 24-bit numbers are compared with the least float that is not below the bound. */
        double bound = kind == K_F32 ? ceil(low * 0x1p24) * 0x1p-24 : low;
        KVal *hit = k_lt(b, unit, k_number(b, unit->kind, lanes, bound));
        return formula_to_dtype(b, hit, node->type.dtype);
    }
    /* In double: the cosine's zeros would show the angle's rounding. */
    KVal *turn =
        k_mul(b, k_convert(b, widen(b, word[2]), K_F64), k_number(b, K_F64, lanes, 0x1p-32));
    KVal *angle = k_mul(b, turn, k_number(b, K_F64, lanes, 6.283185307179586));
    KVal *rest = k_sub(b, k_number(b, K_F64, lanes, 1), k_convert(b, unit, K_F64));
    KVal *log = math_log(b, rest);
    KVal *radius = k_unary(b, KOP_SQRT, k_mul(b, log, k_number(b, K_F64, lanes, -2)));
    KVal *normal = k_mul(b, radius, k_call(b, KLIBM_COS, angle, NULL));
    normal = k_mul(b, normal, k_number(b, K_F64, lanes, high));
    return k_convert(b, k_add(b, normal, k_number(b, K_F64, lanes, low)), kind);
}

static void philox_point(Lower *lower, const LowerPoint *point, void *data) {
    const Philox *p = data;
    KBuilder *b = &lower->b;
    KVal *word[4];
    philox_words(b, p, lower_address(b, &p->linear, point->index), point->lanes, word);
    KVal *value = draw(b, p, word);
    const Group *group = lower->group;
    KVal **roots = ARENA_ARRAY(lower->arena, KVal *, (size_t)group->output_count);
    LowerHeld held = {p->anchor, value};
    lower_values(b, p->epilogue.flat, point, &held, 1, roots);
    for (int i = 0; i < group->output_count; i++)
        lower_store_map(b, group->outputs[i], &p->linear, point, roots[i]);
}

Kernel *lower_random(const Group *group, const Target *target, LowerContext *context) {
    const Node *anchor = group->anchor;
    if (anchor->op == OP_random_mt) return lower_mt(group, target, context);
    Lower lower = lower_begin(group, target, context);
    Philox p = {.anchor = anchor,
                .epilogue = lower_epilogue(&lower, anchor),
                .linear = index_map_identity(&anchor->type)};
    Flat *key = lower_operand(&lower, 0);
    for (int i = 0; i < 2; i++) {
        KVal *index = k_index(&lower.b, i);
        LowerPoint at = lower_point(1, &index, 0, 1, 1);
        p.key[i] = lower_operand_at(&lower, key, &at);
    }
    Space space = space_of(&anchor->type);
    space.flats = &p.epilogue.flat;
    space.flat_count = 1;
    space.maps = &p.linear;
    space.map_count = 1;
    space_collapse(&space);
    int lanes = lower_lanes(target, p.epilogue.flat);
    int own = target_lanes(target, anchor->type.dtype);
    if (own < lanes) lanes = own;
    lower_loops(&lower, space.rank, space.dim, lanes, K_PARALLEL, philox_point, &p);
    return kernel_end(&lower.b);
}
