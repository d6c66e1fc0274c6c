/* Reductions: a team of threads has a row.
 *
 * Thread l of the team takes the elements l, l + team, ... of the row in row-major order of the
 * reduced dims. Where the innermost dim is reduced, neighbours in a team are neighbouring threads:
 * they meet by halves within a warp, then warps in order. Where it is kept, neighbouring threads
 * have neighbouring rows, and those of a team meet in order, through shared memory. */
#include "codegen/gpu/gpu_internal.h"
#include "codegen/lower_reduce.h"

typedef struct Team {
    Reduction r; /* first: reduction_finish() hands it to join() */
    const GpuSchedule *s;
    int rows;             /* of a block */
    KVal *lane, *row;     /* the thread's place in its team, and the row's in the block */
    KVal *exists;         /* whether there is such a row; NULL: always */
    int64_t kept, summed; /* rows, elements of a row */
} Team;

/* A running value: of arg reductions, with its position. */
typedef struct Running {
    KVal *value, *where;
} Running;

static Running meet(KBuilder *b, Op op, Running x, Running y) {
    if (!x.where) return (Running){reduction_combine(b, op, x.value, y.value), NULL};
    /* Threads without an element have no position. Of equals the first one stays. */
    KVal *zero = k_index(b, 0);
    KVal *same = k_eq(b, x.value, y.value);
    if (kkind_is_float(x.value->kind)) {
        KVal *both = k_and(b, k_ne(b, x.value, x.value), k_ne(b, y.value, y.value));
        same = k_or(b, same, both);
    }
    KVal *wins = k_or(b, reduction_better(b, op, y.value, x.value),
                      k_and(b, same, k_lt(b, y.where, x.where)));
    wins = k_or(b, wins, k_lt(b, x.where, zero));
    wins = k_and(b, wins, k_ge(b, y.where, zero));
    return (Running){k_select(b, wins, y.value, x.value), k_select(b, wins, y.where, x.where)};
}

static DType memory_dtype(KKind kind) {
    static const DType dtypes[] = {
        [K_I32] = DT_I32, [K_I64] = DT_I64, [K_F32] = DT_F32, [K_F64] = DT_F64};
    return dtypes[kind];
}

/* Shared memory for one running value each of `count` threads. */
typedef struct Board {
    KBuf *values, *positions;
} Board;

static Board board_make(KBuilder *b, const Running *like, int count) {
    Board board = {k_shared(b, memory_dtype(like->value->kind), count, NULL), NULL};
    if (like->where) board.positions = k_shared(b, DT_I64, count, NULL);
    return board;
}

static void board_write(KBuilder *b, const Board *board, KVal *at, Running x) {
    k_store(b, board->values, at, x.value);
    if (x.where) k_store(b, board->positions, at, x.where);
}

static Running board_read(KBuilder *b, const Board *board, KVal *at) {
    return (Running){k_load(b, board->values, at, 1),
                     board->positions ? k_load(b, board->positions, at, 1) : NULL};
}

/* The `count` entries from `first` on, every `step`-th, in order. */
static Running board_sum(KBuilder *b, const Board *board, Op op, KVal *first, int count,
                         int64_t step) {
    Running start = board_read(b, board, first);
    KVal *value = k_var(b, start.value), *where = start.where ? k_var(b, start.where) : NULL;
    KVal *i = k_for(b, 1, count, 1, 0);
    Running next = board_read(b, board, k_add(b, first, k_muli(b, i, step)));
    Running x = {k_copy(b, value), where ? k_copy(b, where) : NULL};
    x = meet(b, op, x, next);
    k_set(b, value, x.value);
    if (where) k_set(b, where, x.where);
    k_end(b);
    return (Running){k_copy(b, value), where ? k_copy(b, where) : NULL};
}

static void join(Reduction *r, const Member *member) {
    const Team *team = (const Team *)r;
    KBuilder *b = &r->lower->b;
    Op op = member->node->op;
    int size = team->s->team, threads = team->s->threads;
    if (size == 1) return;
    Running x = {k_copy(b, member->acc[0]),
                 reduction_is_arg(op) ? k_copy(b, member->where[0]) : NULL};
    KVal *thread = k_thread(b);
    if (!r->inner_reduced) {
        Board board = board_make(b, &x, threads);
        board_write(b, &board, thread, x);
        k_barrier(b);
        x = board_sum(b, &board, op, team->row, size, team->rows);
    } else {
        for (int mask = (size < K_WARP ? size : K_WARP) / 2; mask > 0; mask /= 2) {
            Running y = {k_peer(b, x.value, mask), x.where ? k_peer(b, x.where, mask) : NULL};
            x = meet(b, op, x, y);
        }
        if (size > K_WARP) {
            int warps = size / K_WARP;
            Board board = board_make(b, &x, threads / K_WARP);
            k_if(b, k_eq(b, k_remi(b, thread, K_WARP), k_index(b, 0)));
            board_write(b, &board, k_divi(b, thread, K_WARP), x);
            k_end(b);
            k_barrier(b);
            x = board_sum(b, &board, op, k_muli(b, team->row, warps), warps, 1);
        }
    }
    k_set(b, member->acc[0], x.value);
    if (x.where) k_set(b, member->where[0], x.where);
}

/* Coordinates of the kept or the reduced dims. */
static void place(Team *team, bool reduced, KVal *flat) {
    Reduction *r = &team->r;
    int64_t extent[MAX_RANK] = {0};
    int dims[MAX_RANK], rank = 0;
    KVal *index[MAX_RANK];
    for (int d = 0; d < r->space.rank; d++) {
        if (r->space.reduced[d] != reduced) continue;
        extent[rank] = r->space.dim[d];
        dims[rank++] = d;
    }
    lower_split(&r->lower->b, flat, rank, extent, index);
    for (int i = 0; i < rank; i++)
        r->index[dims[i]] = index[i];
}

typedef enum RowPhase { ROW_ACCUMULATE, ROW_STORE } RowPhase;

/* The thread's elements of its row. */
static void over_row(Team *team, RowPhase phase, int level) {
    Reduction *r = &team->r;
    KBuilder *b = &r->lower->b;
    int size = team->s->team;
    KVal *at = k_add(b, k_for(b, 0, team->summed, size, 0), team->lane);
    KVal *guard = phase == ROW_STORE ? team->exists : NULL;
    if (team->summed % size != 0) {
        KVal *inside = k_lt(b, at, k_index(b, team->summed));
        guard = guard ? k_and(b, guard, inside) : inside;
    }
    if (guard) k_if(b, guard);
    if (guard) at = k_assume(b, at, 0, team->summed - 1);
    place(team, true, at);
    LowerPoint point = lower_point(r->space.rank, r->index, r->space.rank - 1, 1, 1);
    if (phase == ROW_STORE)
        reduction_store(r, true, &point);
    else
        reduction_accumulate(r, level, &point, 0);
    if (guard) k_end(b);
    k_end(b);
}

static void store_row(Team *team) {
    Reduction *r = &team->r;
    KBuilder *b = &r->lower->b;
    KVal *first = k_eq(b, team->lane, k_index(b, 0));
    k_if(b, team->exists ? k_and(b, first, team->exists) : first);
    for (int d = 0; d < r->space.rank; d++)
        if (r->space.reduced[d]) r->index[d] = k_index(b, 0);
    LowerPoint point = lower_point(r->space.rank, r->index, r->space.rank - 1, 1, 1);
    reduction_store(r, false, &point);
    k_end(b);
}

static void find_threads(Team *team) {
    KBuilder *b = &team->r.lower->b;
    team->rows = team->s->threads / team->s->team;
    k_grid(b, gpu_blocks(team->kept, team->rows), team->s->threads);
    KVal *thread = k_thread(b);
    bool inner = team->r.inner_reduced;
    team->lane = inner ? k_remi(b, thread, team->s->team) : k_divi(b, thread, team->rows);
    team->row = inner ? k_divi(b, thread, team->s->team) : k_remi(b, thread, team->rows);
    KVal *row = k_add(b, k_muli(b, k_block(b), team->rows), team->row);
    if (team->kept % team->rows != 0) {
        /* All threads meet: those without a row go along with the last one. */
        team->exists = k_lt(b, row, k_index(b, team->kept));
        row = k_min(b, row, k_index(b, team->kept - 1));
    }
    place(team, false, row);
}

static void count_rows(Team *team) {
    const Space *space = &team->r.space;
    team->kept = team->summed = 1;
    for (int d = 0; d < space->rank; d++)
        *(space->reduced[d] ? &team->summed : &team->kept) *= space->dim[d];
}

Kernel *gpu_reduction(const Group *group, LowerContext *context, const GpuSchedule *s) {
    Lower lower = lower_begin(group, target_gpu(), context);
    Team team = {.s = s};
    reduction_begin(&lower, &team.r, false);
    team.r.join = join;
    count_rows(&team);
    find_threads(&team);
    for (int level = 0; level < team.r.levels; level++) {
        reduction_start(&team.r, level);
        over_row(&team, ROW_ACCUMULATE, level);
        reduction_finish(&team.r, level);
    }
    store_row(&team);
    if (reduction_any_full(&team.r)) over_row(&team, ROW_STORE, 0);
    return kernel_end(&lower.b);
}

int gpu_reduction_schedules(const Group *group, LowerContext *context, GpuSchedule *out) {
    Lower lower = lower_begin(group, target_gpu(), context);
    Team team = {0};
    reduction_begin(&lower, &team.r, false);
    count_rows(&team);
    /* Two elements a thread at least; of kept inner dims, whole warps of neighbouring rows. */
    bool inner = team.r.inner_reduced;
    int best = 1, most = inner ? 256 : 8;
    while (best < most && best * 4 <= team.summed)
        best *= 2;
    int count = 0;
    out[count++] = (GpuSchedule){.threads = 256, .team = best};
    static const int others[] = {1, 4, 32, 64, 256};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] != best) out[count++] = (GpuSchedule){.threads = 256, .team = others[i]};
    return count;
}
