/* Which values live in registers: a linear scan over the instructions, in which the least used
 * values stay in the interpreter's slots. */
#include <stdlib.h>

#include "codegen/jit/jit_internal.h"
#include "support/checked.h"

enum { MAX_DEPTH = 64, UNSEEN = -2 };

typedef struct Scan {
    Jit *j;
    int loop_end[MAX_DEPTH]; /* of the open loops */
    int depth;
    int *next_call; /* by instruction: the first call at or behind it */
} Scan;

int jit_value_bytes(const KVal *value) {
    return value->lanes * kkind_size(value->kind);
}

bool jit_is_vector(const KVal *value) {
    return value->lanes > 1 || kkind_is_float(value->kind);
}

const KVal *jit_result(const Instr *instr) {
    return instr->control == CONTROL_EXEC && instr->stmt->kind == KSTMT_LET ? instr->stmt->value
                                                                            : NULL;
}

Home *jit_home(const Jit *j, uint32_t slot) {
    Home *home = j->by_slot[slot / 8];
    return home && home->same ? home->same : home;
}

bool jit_slot_only(const Jit *j, const KVal *value) {
    int bytes = jit_value_bytes(value);
    return value->lanes > 1 && (bytes > j->width || bytes < 8 || (bytes & (bytes - 1)) != 0);
}

/* ---- lives ---- */

static double weight_at(int depth) {
    double weight = 1;
    for (int i = 0; i < depth && i < 10; i++)
        weight *= 8;
    return weight;
}

static void live(Scan *scan, Home *home, int at) {
    if (home->start == UNSEEN) {
        home->start = at;
        home->level = scan->depth;
    }
    /* What stands before a loop and is used inside lives to the loop's end. */
    int end = scan->depth > home->level ? scan->loop_end[home->level] : at;
    if (end > home->end) home->end = end;
    home->weight += weight_at(scan->depth);
}

static void live_value(Scan *scan, uint32_t slot, const KVal *value, int at, bool reads) {
    if (!value || value->op == KOP_CONST) return;
    Home *home = scan->j->by_slot[slot / 8];
    if (!home) {
        Jit *j = scan->j;
        home = scan->j->by_slot[slot / 8] = &j->homes[j->home_count++];
        *home = (Home){.value = value,
                       .slot = slot,
                       .start = UNSEEN,
                       .end = UNSEEN,
                       .reg = NO_REG,
                       .slot_only = jit_slot_only(j, value),
                       .load = -1};
    }
    home->uses += reads;
    live(scan, home, at);
}

static void live_operands(Scan *scan, const Instr *instr, int at) {
    const KStmt *s = instr->stmt;
    if (s->kind == KSTMT_LET) {
        live_value(scan, instr->a, s->value->a, at, true);
        live_value(scan, instr->b, s->value->b, at, true);
        live_value(scan, instr->c, s->value->c, at, true);
        live_value(scan, instr->d, s->value, at, false);
    } else if (s->kind == KSTMT_SET) {
        live_value(scan, instr->a, s->value, at, true);
        live_value(scan, instr->d, s->var, at, false);
    } else {
        live_value(scan, instr->a, s->index, at, true);
        live_value(scan, instr->b, s->value, at, true);
    }
    if (instr->buf >= 0) live(scan, &scan->j->homes[instr->buf], at);
}

static void live_control(Scan *scan, const Instr *instr, int at) {
    const KStmt *s = instr->stmt;
    switch (instr->control) {
    case CONTROL_ENTER:
        live_value(scan, instr->a, s->lo, at, true);
        live_value(scan, instr->d, s->var, at, false);
        NNC_CHECK(scan->depth < MAX_DEPTH, "loops nested too deeply");
        scan->loop_end[scan->depth++] = (int)instr->target - 1;
        break;
    case CONTROL_AGAIN:
        live_value(scan, instr->b, s->hi, at, true);
        live_value(scan, instr->d, s->var, at, false);
        scan->depth--;
        break;
    case CONTROL_UNLESS:
    case CONTROL_FAULT:
        live_value(scan, instr->a, s->value, at, true);
        break;
    default:
        break;
    }
}

static void find_lives(Scan *scan) {
    const KProgram *program = scan->j->program;
    for (int i = 0; i < program->buffer_count; i++)
        scan->j->homes[i] = (Home){.start = -1, .end = UNSEEN, .reg = NO_REG, .load = -1};
    scan->j->home_count = program->buffer_count;
    for (int at = 0; at < (int)program->count; at++) {
        if (program->code[at].control == CONTROL_EXEC)
            live_operands(scan, &program->code[at], at);
        else
            live_control(scan, &program->code[at], at);
    }
}

/* ---- values that need no register of their own ---- */

/* A result that the next instruction puts into a register is computed there. */
static void join_sets(Jit *j) {
    for (size_t i = 0; i + 1 < j->program->count; i++) {
        const Instr *instr = &j->program->code[i], *set = instr + 1;
        const KVal *value = jit_result(instr);
        if (!value || set->control != CONTROL_EXEC || set->stmt->kind != KSTMT_SET ||
            set->stmt->value != value || jit_is_call(j, instr))
            continue;
        Home *home = j->by_slot[instr->d / 8], *var = j->by_slot[set->d / 8];
        if (home->uses == 1 && value->op != KOP_VAR && !home->slot_only) home->same = var;
    }
}

static bool reads_slot(const Instr *instr, uint32_t slot, int *which) {
    const KVal *value = jit_result(instr);
    if (!value) return false;
    const KVal *operands[3] = {value->a, value->b, value->c};
    uint32_t slots[3] = {instr->a, instr->b, instr->c};
    for (*which = 0; *which < 3; ++*which)
        if (operands[*which] && operands[*which]->op != KOP_CONST && slots[*which] == slot)
            return true;
    return false;
}

/* The only reader of an instruction's result, when nothing on the way changes memory or the index
 * of the load behind it. */
static int only_reader(const Jit *j, int at, int load, int *which) {
    const Instr *code = j->program->code, *instr = &code[at];
    enum { FAR = 64 };
    for (int i = at + 1; i < at + FAR && code[i].control == CONTROL_EXEC; i++) {
        if (code[i].stmt->kind == KSTMT_STORE || jit_is_call(j, &code[i])) return -1;
        if (reads_slot(&code[i], instr->d, which)) return i;
        if (code[i].stmt->kind == KSTMT_SET && (code[i].d == code[load].a || code[i].a == instr->d))
            return -1;
    }
    return -1;
}

/* Loads whose one reader can read memory itself, and broadcasts of such loads. */
static void fold_loads(Jit *j) {
    const Instr *code = j->program->code;
    for (int at = 0; at < (int)j->program->count; at++) {
        const KVal *value = jit_result(&code[at]);
        int which, load = at;
        if (!value || !jit_is_vector(value)) continue;
        Home *home = j->by_slot[code[at].d / 8];
        if (home->uses != 1 || home->same || home->slot_only) continue;
        if (value->op == KOP_SPLAT && value->a->op != KOP_CONST) {
            load = j->by_slot[code[at].a / 8]->load;
            if (load < 0) continue;
        } else if (value->op != KOP_LOAD || dtype_size(value->buf->dtype) < 4 ||
                   (value->lanes > 1 && jit_value_bytes(value) == 8)) {
            continue;
        }
        int reader = only_reader(j, at, load, &which);
        if (reader < 0 || !jit_takes_memory(j, &code[reader], which)) continue;
        home->load = load;
        /* What the address consists of lives until then. */
        const Instr *from = &code[load];
        Home *index = from->stmt->value->a->op == KOP_CONST ? NULL : j->by_slot[from->a / 8];
        if (index && index->end < reader) index->end = reader;
        if (j->homes[from->buf].end < reader) j->homes[from->buf].end = reader;
    }
}

/* ---- the scan ---- */

typedef struct Bank {
    Home *in[32]; /* by register */
    int count;
    int order[32];  /* the registers, best first */
    int first_kept; /* in `order`: from there on calls keep them */
} Bank;

static bool crosses_call(const Scan *scan, const Home *home) {
    return scan->next_call[home->start + 1] < home->end;
}

static void place(const Scan *scan, Bank *bank, Home *home) {
    int first = crosses_call(scan, home) ? bank->first_kept : 0;
    int worst = -1;
    for (int i = first; i < bank->count; i++) {
        Home *other = bank->in[bank->order[i]];
        if (!other || other->end <= home->start) {
            home->reg = bank->order[i];
            bank->in[home->reg] = home;
            return;
        }
        if (worst < 0 || other->weight < bank->in[bank->order[worst]]->weight) worst = i;
    }
    if (worst < 0) return;
    Home *other = bank->in[bank->order[worst]];
    if (other->weight >= home->weight) return;
    other->reg = NO_REG;
    home->reg = bank->order[worst];
    bank->in[home->reg] = home;
}

static void join_lives(Jit *j) {
    for (int i = 0; i < j->home_count; i++) {
        Home *home = &j->homes[i];
        if (!home->same) continue;
        if (home->start < home->same->start) home->same->start = home->start;
        if (home->end > home->same->end) home->same->end = home->end;
    }
}

static int by_start(const void *a, const void *b) {
    const Home *x = *(Home *const *)a, *y = *(Home *const *)b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void scan_homes(const Scan *scan) {
    Jit *j = scan->j;
    Bank general = {.count = 11,
                    .order = {RSI, RDI, R8, R9, R10, R11, RBP, R12, R13, R14, R15},
                    .first_kept = 6};
    Bank vectors = {.count = (j->x.evex ? 32 : 16) - 2};
    vectors.first_kept = vectors.count;
    for (int i = 0; i < vectors.count; i++)
        vectors.order[i] = i + 2;
    Home **sorted = xcalloc((size_t)j->home_count + 1, sizeof *sorted);
    for (int i = 0; i < j->home_count; i++)
        sorted[i] = &j->homes[i];
    qsort(sorted, (size_t)j->home_count, sizeof *sorted, by_start);
    for (int i = 0; i < j->home_count; i++) {
        Home *home = sorted[i];
        if (home->end == UNSEEN || home->slot_only || home->same || home->load >= 0) continue;
        place(scan, home->value && jit_is_vector(home->value) ? &vectors : &general, home);
    }
    free(sorted);
}

void jit_find_homes(Jit *j) {
    size_t count = j->program->count;
    Scan scan = {.j = j, .next_call = xcalloc(count + 2, sizeof(int))};
    find_lives(&scan);
    scan.next_call[count] = scan.next_call[count + 1] = INT32_MAX;
    for (size_t i = count; i-- > 0;)
        scan.next_call[i] = jit_is_call(j, &j->program->code[i]) ? (int)i : scan.next_call[i + 1];
    join_sets(j);
    fold_loads(j);
    join_lives(j);
    scan_homes(&scan);
    free(scan.next_call);
}
