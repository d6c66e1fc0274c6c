/* Decides which values are printed inside of the expressions that use them.
 *
 * A value with one user in its own block moves into it when nothing between them changes what it
 * reads: no store (for loads), no k_set (for registers). Short index arithmetic over loop counters
 * is repeated at every use, which reads better than a name and costs nothing once compiled. */
#include <stdlib.h>

#include "codegen/c/print_internal.h"
#include "support/checked.h"

enum { MAX_SIZE = 9, SHORT_INDEX_SIZE = 2, MAX_INDEX_SIZE = 5 };

typedef struct ValueInfo {
    uint32_t uses;
    const KBlock *use_block; /* of the latest use seen */
    int size;                /* operations in the expression */
    int memory_time, register_time;
    bool reads_memory, reads_register;
} ValueInfo;

typedef struct Planner {
    ValueInfo *info;
    bool *inlined;
    int memory_time, register_time; /* changes so far */
    const KBlock *block;
} Planner;

static void count_use(Planner *p, const KVal *value) {
    if (value->id < 0) return;
    p->info[value->id].uses++;
    p->info[value->id].use_block = p->block;
}

static void count_block(Planner *p, const KBlock *block) {
    const KBlock *outer = p->block;
    p->block = block;
    for (const KStmt *s = block->first; s; s = s->next) {
        const KVal *operands[KSTMT_OPERANDS];
        int count = kstmt_operands(s, operands);
        for (int i = 0; i < count; i++)
            count_use(p, operands[i]);
        if (s->body) count_block(p, s->body);
        if (s->other) count_block(p, s->other);
    }
    p->block = outer;
}

/* Operands that the printed form names several times, or takes the address of. */
static bool needs_atom(const KVal *user, const KVal *operand) {
    switch (user->op) {
    case KOP_MIN:
    case KOP_MAX:
    case KOP_SHUFFLE:
    case KOP_EXTRACT:
    case KOP_GATHER:
        return true;
    case KOP_LOAD_STRIDED:
        return true;
    case KOP_SELECT:
        return user->lanes > 1 && operand == user->a;
    case KOP_DIV:
    case KOP_REM:
        return !kkind_is_float(user->kind);
    case KOP_ABS:
        return !kkind_is_float(user->kind);
    case KOP_CALL:
        return user->lanes > 1;
    default:
        return op_is_macro(user) && user->op != KOP_FMA && user->op != KOP_SPLAT &&
               user->op != KOP_SUM && user->op != KOP_BF16_DOT && user->op != KOP_BF16_PAIR;
    }
}

static bool is_index_arithmetic(const KVal *value) {
    return value->kind == K_I64 && value->lanes == 1 && kval_has_range(value) &&
           (value->op == KOP_ADD || value->op == KOP_MUL);
}

static bool is_inlined(const Planner *p, const KVal *value) {
    return value && value->id >= 0 && p->inlined[value->id];
}

/* At a user: settles whether the operand is printed inside. */
static void settle(Planner *p, const KVal *operand, bool atom) {
    if (!is_inlined(p, operand)) return;
    const ValueInfo *info = &p->info[operand->id];
    if (is_index_arithmetic(operand) && info->size <= MAX_INDEX_SIZE && !info->reads_register)
        return;
    bool stale = (info->reads_memory && info->memory_time != p->memory_time) ||
                 (info->reads_register && info->register_time != p->register_time);
    if (atom || stale || info->uses != 1) p->inlined[operand->id] = false;
}

/* After its operands are settled: what the value's expression would be, and whether it could be
 * printed inside of its user. */
static void plan_let(Planner *p, const KVal *value) {
    ValueInfo *info = &p->info[value->id];
    const KVal *operands[] = {value->a, value->b, value->c};
    for (int i = 0; i < 3; i++)
        if (is_inlined(p, operands[i])) settle(p, operands[i], needs_atom(value, operands[i]));
    info->size = 1;
    info->memory_time = p->memory_time;
    info->register_time = p->register_time;
    info->reads_memory = value->buf != NULL;
    for (int i = 0; i < 3; i++) {
        const KVal *x = operands[i];
        if (x && x->op == KOP_VAR) info->reads_register = true;
        if (!is_inlined(p, x)) continue;
        info->size += p->info[x->id].size;
        info->reads_memory |= p->info[x->id].reads_memory;
        info->reads_register |= p->info[x->id].reads_register;
    }
    bool fixed = value->op == KOP_VAR || value->op == KOP_COPY || value->op == KOP_LOAD_TAIL ||
                 (value->op == KOP_CALL && value->lanes > 1) || value->op == KOP_BLOCK ||
                 value->op == KOP_THREAD || value->op == KOP_PEER || value->op == KOP_ANY;
    if (fixed) return;
    bool repeats =
        info->size <= SHORT_INDEX_SIZE || (info->uses <= 2 && info->size <= MAX_INDEX_SIZE);
    if (is_index_arithmetic(value) && repeats && !info->reads_register) {
        p->inlined[value->id] = true;
        return;
    }
    p->inlined[value->id] =
        info->uses == 1 && info->use_block == value->block && info->size <= MAX_SIZE;
}

static void plan_block(Planner *p, const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        switch (s->kind) {
        case KSTMT_LET:
            plan_let(p, s->value);
            break;
        case KSTMT_SET:
            settle(p, s->value, false);
            p->register_time++;
            break;
        case KSTMT_STORE: {
            bool partial = s->active != s->value->lanes || s->stride != 1;
            settle(p, s->index, s->stride != 1);
            settle(p, s->value, partial && s->value->lanes > 1);
            p->memory_time++;
            break;
        }
        case KSTMT_FOR:
            settle(p, s->lo, false);
            settle(p, s->hi, true);
            p->memory_time++, p->register_time++;
            plan_block(p, s->body);
            p->memory_time++, p->register_time++;
            break;
        case KSTMT_IF:
            settle(p, s->value, false);
            p->memory_time++, p->register_time++;
            plan_block(p, s->body);
            p->memory_time++, p->register_time++;
            if (s->other) plan_block(p, s->other);
            p->memory_time++, p->register_time++;
            break;
        case KSTMT_FAULT:
            settle(p, s->value, false);
            break;
        case KSTMT_PREFETCH:
        case KSTMT_TILE_LOAD:
            settle(p, s->index, false);
            break;
        case KSTMT_TILE_STORE:
            settle(p, s->index, false);
            p->memory_time++;
            break;
        case KSTMT_TILE_ZERO:
        case KSTMT_TILE_DOT:
        case KSTMT_COMMENT:
            break;
        case KSTMT_COPY:
        case KSTMT_MMA:
            if (s->value) settle(p, s->value, false);
            settle(p, s->index, false);
            for (int i = 0; i < 2; i++)
                if (s->at[i]) settle(p, s->at[i], false);
            p->memory_time++;
            break;
        case KSTMT_COMMIT:
            break;
        case KSTMT_FENCE:
        case KSTMT_BARRIER:
        case KSTMT_WAIT:
            p->memory_time++;
            break;
        }
    }
}

bool *print_plan(const Kernel *kernel) {
    size_t count = (size_t)kernel->value_count + 1;
    Planner p = {.info = xcalloc(count, sizeof *p.info), .inlined = xcalloc(count, 1)};
    count_block(&p, kernel->body);
    plan_block(&p, kernel->body);
    free(p.info);
    return p.inlined;
}
