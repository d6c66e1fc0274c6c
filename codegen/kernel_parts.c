/* Which kernels threads may share, and what kernels cost.
 *
 * Each thread runs the whole kernel on scratch memory of its own, but of its K_PARALLEL loops only
 * a part of the iterations. That gives the serial results if a result's element is touched by one
 * iteration only, and if what is read of scratch memory is what the same thread wrote. Barriers cut
 * a kernel into phases: for results, and for scratch memory that the threads have in common, the
 * first need hold within each phase only.
 *
 * An index is written as base + stride * n + rest, where n counts the loop's iterations and rest is
 * what inner and outer loops add, whatever they do. Counters that move by a multiple of some
 * modulus (an outer dim's) don't matter modulo it; what the others can add is an interval, the
 * iteration's window. Windows that are narrower than the stride don't meet. */
#include <stdlib.h>

#include "codegen/kernel_internal.h"
#include "support/checked.h"

enum { MAX_TERMS = 24, MAX_FORKS = 4, ALL_PHASES = -1 };

int kernel_part_level(const int64_t *trips, int count) {
    int best = -1;
    for (int level = 0; level < count; level++) {
        if (trips[level] >= KERNEL_PART_TRIPS) return level;
        if (trips[level] > (best < 0 ? 1 : trips[best])) best = level;
    }
    return best;
}

int64_t kernel_trips(const KStmt *loop) {
    int64_t lo, hi;
    if (!k_is_const(loop->lo, &lo) || !k_is_const(loop->hi, &hi)) return -1;
    return hi <= lo ? 0 : (hi - lo + loop->imm - 1) / loop->imm;
}

/* A value that an index holds `factor` times. */
typedef struct Term {
    const KVal *value;
    int64_t factor, lo, hi; /* the value's bounds */
} Term;

/* A load or store inside a K_PARALLEL loop (`loop`), or outside of them (NULL). */
typedef struct Access {
    const KBuf *buf;
    const KStmt *loop;
    int phase;
    bool store, known;     /* known: the index is the sum below */
    int64_t base, stride;  /* of the loop's iterations */
    Term terms[MAX_TERMS]; /* all else */
    int term_count;
} Access;

typedef struct Walk {
    const KStmt *loop; /* the K_PARALLEL loop that we are in */
    VEC(Access) accesses;
    int loops, phases;
    int phase;    /* that we are in, or look at; ALL_PHASES */
    int guarded;  /* blocks around that are entered, or repeated, as values say */
    int forks;    /* branches between two ways, outside of such loops */
    unsigned way; /* a bit a fork: the second one is taken */
    bool fails;
} Walk;

static void add_term(Access *access, const KVal *value, int64_t factor, int64_t lo, int64_t hi) {
    if (factor == 0) return;
    for (int i = 0; value && i < access->term_count; i++)
        if (access->terms[i].value == value) {
            access->terms[i].factor += factor;
            return;
        }
    if (access->term_count == MAX_TERMS || lo == INT64_MIN || hi == INT64_MAX) {
        access->known = false;
        return;
    }
    access->terms[access->term_count++] = (Term){value, factor, lo, hi};
}

/* The loop's counter divided by a constant that divides start and step. */
static bool add_quotient(Access *access, const KVal *value, int64_t factor) {
    int64_t divisor, lo;
    const KStmt *loop = access->loop;
    if (!loop || value->op != KOP_DIV || value->a != loop->var || !k_is_const(value->b, &divisor))
        return false;
    if (!k_is_const(loop->lo, &lo) || lo % divisor != 0 || loop->imm % divisor != 0) return false;
    access->base += factor * (lo / divisor);
    access->stride += factor * (loop->imm / divisor);
    return true;
}

/* Another loop's counter, by its steps. */
static bool add_steps(Access *access, const KVal *value, int64_t factor) {
    if (value->op != KOP_LOOP || value->lo == INT64_MIN || value->hi == INT64_MAX) return false;
    const KStmt *loop = value->block->owner;
    int64_t lo;
    if (!k_is_const(loop->lo, &lo)) return false;
    access->base += factor * lo;
    add_term(access, value, factor * loop->imm, 0, (value->hi - lo) / loop->imm);
    return true;
}

static void add_sum(Access *access, const KVal *value, int64_t factor) {
    int64_t number, lo;
    const KStmt *loop = access->loop;
    if (k_is_const(value, &number)) {
        access->base += factor * number;
    } else if (loop && value == loop->var && k_is_const(loop->lo, &lo)) {
        access->base += factor * lo;
        access->stride += factor * loop->imm;
    } else if (value->op == KOP_ADD || value->op == KOP_SUB) {
        add_sum(access, value->a, factor);
        add_sum(access, value->b, value->op == KOP_ADD ? factor : -factor);
    } else if (value->op == KOP_MUL && k_is_const(value->b, &number)) {
        add_sum(access, value->a, factor * number);
    } else if (!add_quotient(access, value, factor) && !add_steps(access, value, factor)) {
        add_term(access, value, factor, value->lo, value->hi);
    }
}

static void add_access(Walk *walk, const KBuf *buf, const KVal *index, int64_t offset,
                       int64_t stride, int lanes, bool store) {
    if (buf->role == KBUF_TABLE) return;
    Access access = {.buf = buf, .loop = walk->loop, .phase = walk->phase, .store = store};
    access.known = index->lanes == 1;
    access.base = offset;
    if (access.known) add_sum(&access, index, 1);
    add_term(&access, NULL, stride, 0, lanes - 1);
    VEC_PUSH(walk->accesses, access);
}

static bool is_inside(const KBlock *block, const KStmt *loop) {
    while (block && block->owner != loop)
        block = block->parent;
    return block != NULL;
}

static void walk_block(Walk *walk, const KBlock *block);

/* The end of a loop's body is followed by its beginning: what is done there is one phase. */
static void join_phases(Walk *walk, int first) {
    for (size_t i = 0; i < walk->accesses.count; i++) {
        Access *access = &walk->accesses.items[i];
        if (access->phase == walk->phase) access->phase = first;
    }
    walk->phase = first;
}

static void walk_for(Walk *walk, const KStmt *s) {
    bool shared = !walk->loop && (s->flags & K_PARALLEL);
    int phase = walk->phase, guarded = kernel_trips(s) < 0;
    if (shared) {
        walk->loop = s;
        walk->loops++;
        if (guarded) walk->fails = true;
    }
    walk->guarded += guarded;
    walk_block(walk, s->body);
    walk->guarded -= guarded;
    if (walk->phase != phase) join_phases(walk, phase);
    if (shared) walk->loop = NULL;
}

/* All threads must come. */
static void walk_barrier(Walk *walk) {
    if (walk->loop || walk->guarded > 0) walk->fails = true;
    walk->phase = walk->phases++;
}

static void walk_block(Walk *walk, const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        const KVal *value = s->value;
        if (s->kind == KSTMT_LET && value->buf)
            add_access(walk, value->buf, value->a, value->imm, value->stride, value->active, false);
        if (s->kind == KSTMT_STORE)
            add_access(walk, s->buf, s->index, s->imm, s->stride, s->active, true);
        if (s->kind == KSTMT_TILE_LOAD || s->kind == KSTMT_TILE_STORE) {
            bool store = s->kind == KSTMT_TILE_STORE;
            add_access(walk, s->buf, s->index, s->imm, 1, K_TILE_ROWS, store);
            Access *rows = &walk->accesses.items[walk->accesses.count - 1];
            add_term(rows, NULL, s->stride, 0, K_TILE_ROWS - 1);
        }
        if (s->kind == KSTMT_SET && walk->loop && !is_inside(s->var->block, walk->loop))
            walk->fails = true; /* a register that iterations share */
        if (s->kind == KSTMT_BARRIER) walk_barrier(walk);
        if (s->kind == KSTMT_FOR) {
            walk_for(walk, s);
        } else if (s->other && !walk->loop && walk->forks < MAX_FORKS) {
            walk->guarded++;
            walk_block(walk, walk->way >> walk->forks++ & 1 ? s->other : s->body);
            walk->guarded--;
        } else {
            walk->guarded++;
            if (s->body) walk_block(walk, s->body);
            if (s->other) walk_block(walk, s->other);
            walk->guarded--;
        }
    }
}

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* What the iterations of a loop touch, modulo something: [lo + stride * n, hi + stride * n]. */
typedef struct Window {
    const KStmt *loop;
    int64_t lo, hi, stride;
} Window;

typedef VEC(Window) Windows;

static int64_t window_end(const Window *w) {
    return w->hi + w->stride * (kernel_trips(w->loop) - 1);
}

static bool same_range(const KStmt *a, const KStmt *b) {
    return a->lo == b->lo && a->hi == b->hi && a->imm == b->imm;
}

/* Those terms are an outer dim's that jump over all that the loops touch of one. `reach` is the
 * stride times the iterations, the most of all accesses. */
static bool is_outer(const Term *term, int64_t reach) {
    return llabs(term->factor) >= reach;
}

/* The window of an access modulo `modulus` (0: none). */
static bool find_window(const Access *access, int64_t reach, int64_t modulus, Window *w) {
    if (!access->known || access->stride < 0) return false;
    *w = (Window){access->loop, access->base, access->base, access->stride};
    if (modulus) w->lo = w->hi = (access->base % modulus + modulus) % modulus;
    for (int i = 0; i < access->term_count; i++) {
        const Term *term = &access->terms[i];
        if (is_outer(term, reach)) continue;
        int64_t a = term->factor * term->lo, b = term->factor * term->hi;
        w->lo += a < b ? a : b;
        w->hi += a < b ? b : a;
    }
    return modulus == 0 || (w->lo >= 0 && window_end(w) < modulus);
}

static Window join(const Window *a, const Window *b) {
    return (Window){a->loop, a->lo < b->lo ? a->lo : b->lo, a->hi > b->hi ? a->hi : b->hi,
                    a->stride};
}

/* Whether one thread runs all that touches the same element. */
static bool windows_agree(const Window *a, const Window *b) {
    if (kernel_trips(a->loop) == 1 && kernel_trips(b->loop) == 1) return true; /* the first's */
    if (window_end(a) < b->lo || window_end(b) < a->lo) return true;
    Window both = join(a, b);
    return same_range(a->loop, b->loop) && a->stride == b->stride && both.hi - both.lo < a->stride;
}

/* Whether the access is to one of the buffers, in the phase that we look at. */
static bool concerns(const Walk *walk, const Access *access, const KBuf *first,
                     const KBuf *second) {
    bool now = walk->phase == ALL_PHASES || walk->phase == access->phase;
    return now && (access->buf == first || access->buf == second);
}

static bool touches(const Walk *walk, const Access *access, const KBuf *first, const KBuf *second) {
    return access->loop && concerns(walk, access, first, second);
}

/* The modulus, and the reach that makes terms outer ones. */
static int64_t find_modulus(const Walk *walk, const KBuf *first, const KBuf *second,
                            int64_t *reach) {
    int64_t modulus = 0;
    *reach = 1;
    for (size_t i = 0; i < walk->accesses.count; i++) {
        const Access *access = &walk->accesses.items[i];
        int64_t own = access->loop ? access->stride * kernel_trips(access->loop) : 0;
        if (touches(walk, access, first, second) && own > *reach) *reach = own;
    }
    for (size_t i = 0; i < walk->accesses.count; i++) {
        const Access *access = &walk->accesses.items[i];
        for (int k = 0; touches(walk, access, first, second) && k < access->term_count; k++)
            if (is_outer(&access->terms[k], *reach))
                modulus = common_divisor(modulus, access->terms[k].factor);
    }
    return modulus;
}

/* One window for each loop. */
static bool merge_window(Windows *windows, const Window *window) {
    for (size_t i = 0; i < windows->count; i++) {
        Window *other = &windows->items[i];
        if (other->loop != window->loop) continue;
        *other = join(other, window);
        return other->stride == window->stride;
    }
    VEC_PUSH(*windows, *window);
    return true;
}

/* Whether what iterations touch of these two buffers, as if they were one, is theirs alone. */
static bool accesses_agree(const Walk *walk, const KBuf *first, const KBuf *second) {
    int64_t reach, modulus = find_modulus(walk, first, second, &reach);
    Windows windows = {0};
    bool agree = true;
    for (size_t i = 0; agree && i < walk->accesses.count; i++) {
        const Access *access = &walk->accesses.items[i];
        Window window;
        if (!touches(walk, access, first, second)) continue;
        agree = find_window(access, reach, modulus, &window) && merge_window(&windows, &window);
    }
    for (size_t i = 0; agree && i < windows.count; i++)
        for (size_t k = 0; agree && k <= i; k++)
            agree = windows_agree(&windows.items[i], &windows.items[k]);
    VEC_FREE(windows);
    return agree;
}

/* Whether the iterations of a phase in which something is written touch what is theirs alone. */
static bool phase_agrees(const Walk *walk, const KBuf *first, const KBuf *second) {
    bool written = false, outside = false;
    for (size_t i = 0; i < walk->accesses.count; i++) {
        const Access *access = &walk->accesses.items[i];
        if (!concerns(walk, access, first, second)) continue;
        written |= access->store;
        outside |= !access->loop;
    }
    return !written || (!outside && accesses_agree(walk, first, second));
}

/* The same for each phase. */
static bool phases_agree(Walk *walk, const KBuf *first, const KBuf *second) {
    for (walk->phase = 0; walk->phase < walk->phases; walk->phase++)
        if (!phase_agrees(walk, first, second)) return false;
    return true;
}

/* Results, and inputs that they may replace. */
static bool results_agree(Walk *walk, const Kernel *kernel, const KBuf *result) {
    if (!phases_agree(walk, result, result)) return false;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *in = kernel->buffers.items[i];
        bool replaced = in->role == KBUF_IN && in->inplace &&
                        type_bytes(&in->node->type) == type_bytes(&result->node->type);
        if (!replaced) continue;
        if (in->base != result->base || !phases_agree(walk, result, in)) return false;
    }
    return true;
}

/* Scratch memory that is written in the loops is read there only, by the thread that wrote it. */
static bool memory_agrees(Walk *walk, const KBuf *buf) {
    bool written = false, read_after = false;
    walk->phase = ALL_PHASES;
    for (size_t i = 0; i < walk->accesses.count; i++) {
        const Access *access = &walk->accesses.items[i];
        if (access->buf != buf) continue;
        written |= access->store && access->loop;
        read_after |= !access->store && !access->loop;
    }
    if (!written) return true;
    return !read_after && (buf->fresh || accesses_agree(walk, buf, buf));
}

/* The same on one way through the kernel. Returns how many forks it came to; -1: it can't be
 * shared.
 */
static int way_splits(const Kernel *kernel, unsigned way) {
    Walk walk = {.phases = 1, .way = way};
    walk_block(&walk, kernel->body);
    bool splits = walk.loops > 0 && !walk.fails && !(kernel->faults && walk.phases > 1);
    for (size_t i = 0; splits && i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (buf->role == KBUF_OUT) splits = results_agree(&walk, kernel, buf);
        if (buf->role == KBUF_SCRATCH || buf->role == KBUF_LOCAL)
            splits = buf->shared ? phases_agree(&walk, buf, buf) : memory_agrees(&walk, buf);
    }
    VEC_FREE(walk.accesses);
    return splits ? walk.forks : -1;
}

/* All threads go the same way: what a fork asks for is in memory that none of them writes, or in a
 * thread's own. */
bool kernel_splits(const Kernel *kernel) {
    int forks = 0;
    for (unsigned way = 0; forks >= 0 && way < 1u << forks; way++) {
        int found = way_splits(kernel, way);
        forks = found < 0 || found > forks ? found : forks;
    }
    return forks >= 0;
}

/* Cycles of an operation, about: two of the plain ones run at once. */
static double value_cycles(const KVal *value) {
    bool index = value->kind == K_I64 && value->lanes == 1;
    switch (value->op) {
    case KOP_LOOP:
    case KOP_VAR:
    case KOP_COPY:
    case KOP_ASSUME:
    case KOP_SPLAT:
        return 0;
    case KOP_CALL:
        return 40.0 * value->lanes;
    case KOP_DIV:
    case KOP_REM:
    case KOP_SQRT:
        return index ? 2 : 8;
    case KOP_LOAD_STRIDED:
    case KOP_GATHER:
        return value->lanes;
    default:
        return index ? 0 : 0.5;
    }
}

static double block_cycles(const KBlock *block) {
    double cycles = 0;
    for (const KStmt *s = block->first; s; s = s->next) {
        if (s->kind == KSTMT_LET) cycles += value_cycles(s->value);
        if (s->kind == KSTMT_STORE) cycles += s->stride == 1 ? 1 : s->active;
        if (s->kind == KSTMT_TILE_DOT || s->kind == KSTMT_TILE_STORE) cycles += K_TILE_ROWS;
        double times = 1;
        if (s->kind == KSTMT_FOR) {
            int64_t trips = kernel_trips(s);
            times = trips < 0 ? 8 : (double)trips;
        }
        if (s->body) cycles += times * (1 + block_cycles(s->body));
        if (s->other) cycles += block_cycles(s->other);
    }
    return cycles;
}

double kernel_cycles(const Kernel *kernel) {
    return block_cycles(kernel->body);
}
