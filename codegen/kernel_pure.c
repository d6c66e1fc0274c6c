/* Pure values: sharing, placement, and the intervals of integer scalars.
 *
 * A pure value belongs in the deepest block among those of its operands: it is computed as seldom
 * as possible and every use, now and later, finds it. Equal operations on equal operands are one
 * value as long as its block is still open, that is an ancestor of the present one. */
#include <string.h>

#include "codegen/kernel_internal.h"
#include "support/checked.h"
#include "support/hash.h"

typedef struct KTable {
    KVal **slots;
    size_t capacity, count; /* capacity is a power of two */
} KTable;

static uint64_t operand_key(const KVal *value) {
    if (!value) return 0;
    if (value->op != KOP_CONST) return (uint64_t)(uint32_t)value->id + 1;
    return hash_mix((uint64_t)value->kind + 100, (uint64_t)value->imm); /* or the bits of f */
}

static uint64_t hash_value(const KVal *v) {
    uint64_t hash = hash_mix((uint64_t)v->op * 64 + (uint64_t)v->kind * 32 + (uint64_t)v->lanes,
                             (uint64_t)v->imm);
    hash = hash_mix(hash, operand_key(v->a));
    hash = hash_mix(hash, operand_key(v->b));
    return hash_mix(hash, operand_key(v->c));
}

static bool same_value(const KVal *x, const KVal *y) {
    if (x->op != y->op || x->kind != y->kind || x->lanes != y->lanes || x->imm != y->imm ||
        x->a != y->a || x->b != y->b || x->c != y->c)
        return false;
    return x->op != KOP_SHUFFLE ||
           memcmp(x->shuffle, y->shuffle, (size_t)x->lanes * sizeof(int)) == 0;
}

static bool is_open(const KBuilder *b, const KBlock *block) {
    const KBlock *at = b->block;
    while (at && block && at->depth > block->depth)
        at = at->parent;
    return !block || at == block;
}

static void table_insert(KBuilder *b, KVal *value, uint64_t hash) {
    KTable *table = b->shared;
    if (!table) table = b->shared = ARENA_NEW(b->arena, KTable);
    if (table->count * 2 >= table->capacity) {
        KTable old = *table;
        table->capacity = old.capacity ? old.capacity * 2 : 256;
        table->slots = ARENA_ARRAY(b->arena, KVal *, table->capacity);
        table->count = 0;
        for (size_t i = 0; i < old.capacity; i++)
            if (old.slots[i] && is_open(b, old.slots[i]->block))
                table_insert(b, old.slots[i], hash_value(old.slots[i]));
    }
    size_t at = hash & (table->capacity - 1);
    while (table->slots[at])
        at = (at + 1) & (table->capacity - 1);
    table->slots[at] = value;
    table->count++;
}

static KVal *table_find(const KBuilder *b, const KVal *what, uint64_t hash) {
    const KTable *table = b->shared;
    if (!table) return NULL;
    for (size_t at = hash & (table->capacity - 1); table->slots[at];
         at = (at + 1) & (table->capacity - 1))
        if (same_value(table->slots[at], what) && is_open(b, table->slots[at]->block))
            return table->slots[at];
    return NULL;
}

static bool is_register(const KVal *operand) {
    return operand && operand->op == KOP_VAR;
}

/* Registers change, and an integer division must not run before its guard. */
static bool may_move(const KVal *what) {
    if (is_register(what->a) || is_register(what->b) || is_register(what->c)) return false;
    bool divides = (what->op == KOP_DIV || what->op == KOP_REM) && !kkind_is_float(what->kind);
    return !divides || (what->b && what->b->op == KOP_CONST);
}

static KBlock *deepest(KBlock *best, const KVal *value) {
    if (!value || !value->block) return best;
    return !best || value->block->depth > best->depth ? value->block : best;
}

KVal *kernel_pure(KBuilder *b, const KVal *what) {
    bool movable = may_move(what);
    uint64_t hash = movable ? hash_value(what) : 0;
    if (movable) {
        KVal *found = table_find(b, what, hash);
        if (found) return found;
    }
    KVal *value;
    if (what->op == KOP_CONST) {
        value = arena_copy(b->arena, what, 1, sizeof *what);
        value->id = -1;
        value->lo = value->hi = kkind_is_float(what->kind) ? 0 : what->imm;
    } else {
        KBlock *block = b->block;
        if (movable) {
            block = deepest(deepest(deepest(NULL, what->a), what->b), what->c);
            if (!block) block = b->kernel->body;
        }
        value = kernel_new_value(b, what->op, what->kind, what->lanes, block);
        value->a = what->a;
        value->b = what->b;
        value->c = what->c;
        value->imm = what->imm;
        if (what->op == KOP_SHUFFLE)
            value->shuffle =
                arena_copy(b->arena, what->shuffle, (size_t)what->lanes, sizeof *what->shuffle);
        kernel_infer_range(value);
    }
    if (movable) table_insert(b, value, hash);
    return value;
}

void kval_set_range(KVal *value, int64_t lo, int64_t hi) {
    value->lo = lo;
    value->hi = hi;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t greatest(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Narrower than the kind's own limits, so that the arithmetic is known not to wrap. */
static void set_if_fits(KVal *value, bool ok, int64_t lo, int64_t hi) {
    bool fits = ok && lo > INT64_MIN && hi < INT64_MAX &&
                (value->kind == K_I64 || (lo >= INT32_MIN && hi <= INT32_MAX));
    if (fits) kval_set_range(value, lo, hi);
}

static void range_of_product(KVal *v) {
    int64_t p[4];
    bool ok = mul_i64(v->a->lo, v->b->lo, &p[0]) && mul_i64(v->a->lo, v->b->hi, &p[1]) &&
              mul_i64(v->a->hi, v->b->lo, &p[2]) && mul_i64(v->a->hi, v->b->hi, &p[3]);
    if (!ok) return;
    set_if_fits(v, true, least(least(p[0], p[1]), least(p[2], p[3])),
                greatest(greatest(p[0], p[1]), greatest(p[2], p[3])));
}

static void range_of_binary(KVal *v) {
    const KVal *x = v->a, *y = v->b;
    int64_t lo, hi;
    switch (v->op) {
    case KOP_ADD:
        if (add_i64(x->lo, y->lo, &lo) && add_i64(x->hi, y->hi, &hi)) set_if_fits(v, true, lo, hi);
        break;
    case KOP_SUB:
        if (!__builtin_sub_overflow(x->lo, y->hi, &lo) &&
            !__builtin_sub_overflow(x->hi, y->lo, &hi))
            set_if_fits(v, true, lo, hi);
        break;
    case KOP_MUL:
        range_of_product(v);
        break;
    case KOP_DIV:
        if (x->lo >= 0 && y->lo > 0) set_if_fits(v, true, x->lo / y->hi, x->hi / y->lo);
        break;
    case KOP_REM:
        if (x->lo >= 0 && y->lo > 0) set_if_fits(v, true, 0, least(x->hi, y->hi - 1));
        break;
    case KOP_MIN:
        set_if_fits(v, true, least(x->lo, y->lo), least(x->hi, y->hi));
        break;
    case KOP_MAX:
        set_if_fits(v, true, greatest(x->lo, y->lo), greatest(x->hi, y->hi));
        break;
    default:
        break;
    }
}

void kernel_infer_range(KVal *v) {
    if ((v->kind != K_I32 && v->kind != K_I64) || v->lanes != 1) return;
    switch (v->op) {
    case KOP_MASK_INT:
        kval_set_range(v, 0, 1);
        return;
    case KOP_CONVERT:
        if (!kkind_is_float(v->a->kind) && kval_has_range(v->a))
            set_if_fits(v, true, v->a->lo, v->a->hi);
        return;
    case KOP_SELECT:
        if (kval_has_range(v->b) && kval_has_range(v->c))
            set_if_fits(v, true, least(v->b->lo, v->c->lo), greatest(v->b->hi, v->c->hi));
        return;
    case KOP_AND:
        if (v->b->op == KOP_CONST && v->b->imm >= 0) kval_set_range(v, 0, v->b->imm);
        return;
    case KOP_MIN:
    case KOP_MAX:
        /* One bound is enough to clamp with: min(max(x, 0), n). */
        range_of_binary(v);
        if (kval_has_range(v)) return;
        if (v->op == KOP_MIN) v->hi = least(v->a->hi, v->b->hi), v->lo = least(v->a->lo, v->b->lo);
        if (v->op == KOP_MAX)
            v->lo = greatest(v->a->lo, v->b->lo), v->hi = greatest(v->a->hi, v->b->hi);
        return;
    default:
        if (v->a && v->b && kval_has_range(v->a) && kval_has_range(v->b)) range_of_binary(v);
        return;
    }
}
