/* Contractions: a block of threads computes a tile of the result.
 *
 * The result's dims that move along operand A alone are the rows, those of operand B alone the
 * columns, the others batches; each side is one index, counted row-major over its dims. Where the
 * result is pooled, the places in a window come last in the rows, so that a thread has whole
 * windows. Of a side, thread t has elements t, t + across, ... (whole windows likewise): neighbours
 * read and write neighbours. Operands are copied to shared memory element by element, with zeros
 * where a coordinate lies in padding or between elements, so that any dot or convolution, in either
 * direction, is the same nest. */
#include "codegen/contract_internal.h"
#include "codegen/gpu/gpu_internal.h"
#include "support/checked.h"

enum { SIDES = 2, MAX_DIGITS = 2 * CONTRACT_MAX_DIMS, MAX_WINDOW = 16, MULTIPROCESSORS = 132 };

/* One digit of a side's index: the coordinate of a dim, or a part of it. */
typedef struct Digit {
    int dim;
    int64_t extent, unit;
} Digit;

typedef struct Digits {
    Digit items[MAX_DIGITS];
    int count;
    int64_t extent; /* of the whole index */
} Digits;

typedef struct Tiling {
    KBuilder *b;
    Contraction c;
    Epilogue epilogue;
    const GpuSchedule *s;
    Digits side[SIDES], sums, batch;
    int window;             /* neighbours in the rows that are pooled together; 1: none */
    int64_t tile[SIDES];    /* elements of a side in a block */
    int64_t pitch[SIDES];   /* of a summed element in shared memory */
    bool sums_first[SIDES]; /* neighbouring threads copy neighbouring summed elements */
    KVal *start[SIDES], *thread[SIDES];
    KVal *at[CONTRACT_MAX_DIMS];
    KBuf *shared[SIDES], *total;
} Tiling;

static void add_digit(Digits *digits, int dim, int64_t extent, int64_t unit) {
    digits->items[digits->count++] = (Digit){dim, extent, unit};
    digits->extent *= extent;
}

static int64_t pool_window(const Tiling *t, int dim) {
    const Group *group = t->epilogue.group;
    int axis = t->c.dims[dim].axis[CONTRACT_OUT], count;
    if (!group->pool || axis < 2) return 1;
    return node_ints(group->pool, ATTR_window, &count)[axis - 2];
}

static void describe(Tiling *t, const Group *group, LowerContext *context) {
    t->c = contract_describe(group);
    t->epilogue = epilogue_make(context, group);
    t->side[0].extent = t->side[1].extent = t->sums.extent = t->batch.extent = 1;
    t->window = 1;
    const Contraction *c = &t->c;
    for (int d = 0; d < c->out_count; d++) {
        bool a = c->dims[d].axis[CONTRACT_A] >= 0, b = c->dims[d].axis[CONTRACT_B] >= 0;
        Digits *digits = a && b ? &t->batch : b ? &t->side[1] : &t->side[0];
        int64_t window = pool_window(t, d);
        NNC_CHECK(window == 1 || digits == &t->side[0], "pooling along the columns");
        if (c->dims[d].extent > window) add_digit(digits, d, c->dims[d].extent / window, window);
    }
    for (int d = 0; d < c->out_count; d++) {
        int64_t window = pool_window(t, d);
        if (window > 1) add_digit(&t->side[0], d, window, 1);
        t->window *= (int)window;
    }
    for (int d = c->out_count; d < c->out_count + c->sum_count; d++)
        add_digit(&t->sums, d, c->dims[d].extent, 1);
}

/* Sets the coordinates that the index is made of. */
static void set_digits(Tiling *t, const Digits *digits, KVal *flat) {
    KBuilder *b = t->b;
    int64_t extent[MAX_DIGITS];
    KVal *value[MAX_DIGITS];
    for (int i = 0; i < digits->count; i++) {
        extent[i] = digits->items[i].extent;
        t->at[digits->items[i].dim] = NULL;
    }
    lower_split(b, flat, digits->count, extent, value);
    for (int i = 0; i < digits->count; i++) {
        const Digit *digit = &digits->items[i];
        KVal *part = k_muli(b, value[i], digit->unit), **at = &t->at[digit->dim];
        *at = *at ? k_add(b, *at, part) : part;
    }
}

/* How far apart neighbours of an index lie in the operand. */
static int64_t distance(const Contraction *c, int operand, const Digits *digits) {
    if (digits->count == 0) return INT64_MAX;
    const ContractDim *dim = &c->dims[digits->items[digits->count - 1].dim];
    int axis = dim->axis[operand];
    int64_t step = axis < 0 ? 0 : dim->coef[operand] * c->operand[operand].map.stride[axis];
    return step < 0 ? -step : step;
}

/* The operand's element at the present coordinates: zero in padding and between elements. `exists`
 * says whether there are such coordinates at all; NULL: there are. */
static KVal *operand_value(Tiling *t, int operand, KVal *exists) {
    KBuilder *b = t->b;
    const ContractOperand *o = &t->c.operand[operand];
    KVal *address = k_index(b, o->map.offset);
    for (int axis = 0; axis < o->map.rank; axis++) {
        KVal *at = k_index(b, o->base[axis]);
        for (int d = 0; d < t->c.out_count + t->c.sum_count; d++)
            if (t->c.dims[d].axis[operand] == axis)
                at = k_add(b, at, k_muli(b, t->at[d], t->c.dims[d].coef[operand]));
        int64_t spread = o->spread[axis], last = (o->map.dim[axis] - 1) * spread;
        KVal *inside[3] = {NULL};
        if (at->lo < 0) inside[0] = k_ge(b, at, k_index(b, 0));
        if (at->hi > last) inside[1] = k_le(b, at, k_index(b, last));
        if (inside[0]) at = k_max(b, at, k_index(b, 0));
        if (inside[1]) at = k_min(b, at, k_index(b, last));
        if (spread > 1) inside[2] = k_eq(b, k_remi(b, at, spread), k_index(b, 0));
        for (int i = 0; i < 3; i++)
            if (inside[i]) exists = exists ? k_and(b, exists, inside[i]) : inside[i];
        address = k_add(b, address, k_muli(b, k_divi(b, at, spread), o->map.stride[axis]));
    }
    KVal *value = k_load(b, k_input(b, o->node), address, 1);
    if (!exists) return value;
    return k_select(b, exists, value, k_number(b, value->kind, 1, 0));
}

/* index, or the last one where it would be beyond: then *exists is false. NULL *exists: never. */
static KVal *clamp_index(KBuilder *b, KVal *index, int64_t extent, KVal **exists) {
    *exists = NULL;
    if (index->hi < extent) return index;
    *exists = k_lt(b, index, k_index(b, extent));
    return k_min(b, index, k_index(b, extent - 1));
}

/* The block's part of an operand for the summed elements from `first` on, by all its threads. Rows
 * beyond the last one repeat it: their sums go nowhere. */
static void copy_operand(Tiling *t, int operand, KVal *first) {
    KBuilder *b = t->b;
    int64_t tile = t->tile[operand], depth = t->s->depth;
    KVal *i = k_for(b, 0, tile * depth / t->s->threads, 1, K_UNROLL);
    KVal *e = k_add(b, k_muli(b, i, t->s->threads), k_thread(b));
    bool sums = t->sums_first[operand];
    KVal *element = sums ? k_divi(b, e, depth) : k_remi(b, e, tile);
    KVal *summed = sums ? k_remi(b, e, depth) : k_divi(b, e, tile);
    KVal *to = k_add(b, k_muli(b, summed, t->pitch[operand]), element);
    KVal *exists;
    element = k_add(b, t->start[operand], element);
    element = clamp_index(b, element, t->side[operand].extent, &exists);
    set_digits(t, &t->side[operand], element);
    summed = clamp_index(b, k_add(b, first, summed), t->sums.extent, &exists);
    set_digits(t, &t->sums, summed);
    k_store(b, t->shared[operand], to, operand_value(t, operand, exists));
    k_end(b);
}

/* Where in the block's tile the thread's element `i` of the side is. */
static KVal *position(const Tiling *t, int side, KVal *i) {
    KBuilder *b = t->b;
    int64_t unit = side == 0 ? t->window : 1;
    KVal *group = k_add(b, k_muli(b, k_divi(b, i, unit), t->s->across[side]), t->thread[side]);
    return k_add(b, k_muli(b, group, unit), k_remi(b, i, unit));
}

static KVal *total_place(const Tiling *t, KVal *row, KVal *column) {
    return k_add(t->b, k_muli(t->b, row, t->s->registers[1]), column);
}

/* One product for each of the thread's sums, for every summed element in shared memory. */
static void add_products(Tiling *t) {
    KBuilder *b = t->b;
    KBuf *held[SIDES];
    KVal *k = k_for(b, 0, t->s->depth, 1, K_UNROLL);
    for (int side = 0; side < SIDES; side++) {
        held[side] = k_local(b, t->shared[side]->dtype, t->s->registers[side], NULL);
        KVal *i = k_for(b, 0, t->s->registers[side], 1, K_UNROLL);
        KVal *at = k_add(b, k_muli(b, k, t->pitch[side]), position(t, side, i));
        k_store(b, held[side], i, k_load(b, t->shared[side], at, 1));
        k_end(b);
    }
    KVal *row = k_for(b, 0, t->s->registers[0], 1, K_UNROLL);
    KVal *column = k_for(b, 0, t->s->registers[1], 1, K_UNROLL);
    KVal *place = total_place(t, row, column);
    KVal *sum = k_load(b, t->total, place, 1);
    KVal *x = k_load(b, held[0], row, 1), *y = k_load(b, held[1], column, 1);
    k_store(b, t->total, place, k_fma(b, x, y, sum));
    k_end(b);
    k_end(b);
    k_end(b);
}

static void clear_totals(Tiling *t) {
    KBuilder *b = t->b;
    KVal *i = k_for(b, 0, t->total->count, 1, K_UNROLL);
    k_store(b, t->total, i, k_number(b, kkind_of(t->total->dtype), 1, 0));
    k_end(b);
}

/* The present coordinates in the result's own index space, or in that of its pooling. */
static LowerPoint result_point(const Tiling *t, bool pooled) {
    KBuilder *b = t->b;
    KVal *index[MAX_RANK];
    int rank = t->c.anchor->type.rank;
    for (int axis = 0; axis < rank; axis++)
        index[axis] = k_index(b, 0);
    for (int d = 0; d < t->c.out_count; d++) {
        int axis = t->c.dims[d].axis[CONTRACT_OUT];
        KVal *at = k_muli(b, t->at[d], t->c.dims[d].coef[CONTRACT_OUT]);
        if (pooled) at = k_divi(b, at, pool_window(t, d));
        index[axis] = k_add(b, index[axis], at);
    }
    return lower_point(rank, index, rank - 1, 1, 1);
}

/* A pooling's result as its operand's elements come by. */
typedef struct Pooled {
    KVal *best, *where;
} Pooled;

static void pool_element(Tiling *t, Pooled *pooled, KVal *tap, const LowerPoint *point,
                         KVal *value) {
    KBuilder *b = t->b;
    const Group *group = t->epilogue.group;
    KVal *best = k_copy(b, pooled->best);
    if (group->pool->op == OP_window_sum) {
        k_set(b, pooled->best, k_add(b, best, value));
        return;
    }
    KVal *wins = k_or(b, k_gt(b, value, best), k_eq(b, tap, k_index(b, 0)));
    if (kkind_is_float(value->kind)) wins = k_or(b, wins, k_ne(b, value, value));
    k_set(b, pooled->best, k_select(b, wins, value, best));
    if (!group->pool_index) return;
    IndexMap plane = index_map_identity(&group->pool->inputs[0]->type);
    plane.stride[0] = plane.stride[1] = 0;
    KVal *place = lower_address(b, &plane, point->index);
    k_set(b, pooled->where, k_select(b, wins, place, k_copy(b, pooled->where)));
}

static void store_pooled(Tiling *t, const Pooled *pooled, KVal *row) {
    KBuilder *b = t->b;
    const Epilogue *e = &t->epilogue;
    set_digits(t, &t->side[0], row);
    LowerPoint point = result_point(t, true);
    LowerHeld held[2] = {{e->group->pool, k_copy(b, pooled->best)}, {NULL, NULL}};
    if (e->group->pool_index) held[1] = (LowerHeld){e->group->pool_index, k_copy(b, pooled->where)};
    KVal **roots = ARENA_ARRAY(b->arena, KVal *, (size_t)e->pooled_count + 1);
    lower_values(b, e->second, &point, held, e->group->pool_index ? 2 : 1, roots);
    for (int i = 0; i < e->pooled_count; i++)
        lower_store(b, e->pooled_roots[i], &point, roots[i]);
}

/* A finished sum, or the sums of a window: through the epilogue to memory. `first` is the window's
 * first row of the block's side, `column` its column; i and j count them among the thread's. */
static void finish_window(Tiling *t, KVal *first, KVal *i, KVal *column, KVal *j) {
    KBuilder *b = t->b;
    const Epilogue *e = &t->epilogue;
    Pooled pooled = {0};
    if (e->group->pool) {
        KKind kind = kkind_of(e->group->pool->inputs[0]->type.dtype);
        pooled.best = k_var(b, k_number(b, kind, 1, 0));
        pooled.where = k_var(b, k_index(b, 0));
    }
    set_digits(t, &t->side[1], column);
    KVal *tap = k_for(b, 0, t->window, 1, K_UNROLL);
    set_digits(t, &t->side[0], k_add(b, first, tap));
    LowerPoint point = result_point(t, false);
    KVal *place = total_place(t, k_add(b, k_muli(b, i, t->window), tap), j);
    LowerHeld held = {e->group->anchor, k_load(b, t->total, place, 1)};
    KVal **roots = ARENA_ARRAY(b->arena, KVal *, (size_t)e->root_count + 1);
    lower_values(b, e->first, &point, &held, 1, roots);
    for (int r = 0; r < e->store_count; r++)
        lower_store(b, e->roots[r], &point, roots[r]);
    if (e->group->pool) pool_element(t, &pooled, tap, &point, roots[e->root_count - 1]);
    k_end(b);
    if (e->group->pool) store_pooled(t, &pooled, first);
}

/* The index of a side's element, whole windows of it within the result where that is not certain.
 */
static KVal *guarded(KBuilder *b, KVal *index, int64_t extent, int64_t window, KVal **guard) {
    if (index->hi < extent) return index;
    KVal *inside = k_lt(b, index, k_index(b, extent));
    *guard = *guard ? k_and(b, *guard, inside) : inside;
    return k_min(b, index, k_index(b, extent - window));
}

static void finish(Tiling *t) {
    KBuilder *b = t->b;
    KVal *i = k_for(b, 0, t->s->registers[0] / t->window, 1, K_UNROLL);
    KVal *j = k_for(b, 0, t->s->registers[1], 1, K_UNROLL);
    KVal *row = k_add(b, t->start[0], position(t, 0, k_muli(b, i, t->window)));
    KVal *column = k_add(b, t->start[1], position(t, 1, j)), *guard = NULL;
    row = guarded(b, row, t->side[0].extent, t->window, &guard);
    column = guarded(b, column, t->side[1].extent, 1, &guard);
    if (guard) k_if(b, guard);
    finish_window(t, row, i, column, j);
    if (guard) k_end(b);
    k_end(b);
    k_end(b);
}

/* Neighbouring threads along the side of the result's innermost dim. */
static int fast_side(const Tiling *t) {
    int last = t->c.out_count - 1;
    for (int i = 0; i < t->side[0].count; i++)
        if (t->side[0].items[i].dim == last) return 0;
    return 1;
}

/* Threads of a warp that write a column of shared memory meet different banks. */
static int64_t pitch(const GpuSchedule *s, int side) {
    return (int64_t)s->across[side] * s->registers[side] + (K_WARP + s->depth - 1) / s->depth;
}

static void find_places(Tiling *t) {
    KBuilder *b = t->b;
    int64_t tiles[SIDES];
    for (int side = 0; side < SIDES; side++) {
        t->tile[side] = (int64_t)t->s->across[side] * t->s->registers[side];
        tiles[side] = gpu_blocks(t->side[side].extent, t->tile[side]);
        t->pitch[side] = pitch(t->s, side);
        t->sums_first[side] =
            distance(&t->c, side, &t->sums) < distance(&t->c, side, &t->side[side]);
    }
    k_grid(b, t->batch.extent * tiles[0] * tiles[1], t->s->threads);
    KVal *block[3];
    lower_split(b, k_block(b), 3, (int64_t[]){t->batch.extent, tiles[0], tiles[1]}, block);
    set_digits(t, &t->batch, block[0]);
    int fast = fast_side(t);
    t->thread[fast] = k_remi(b, k_thread(b), t->s->across[fast]);
    t->thread[1 - fast] = k_divi(b, k_thread(b), t->s->across[fast]);
    static const char *const names[] = {"a part of A", "a part of B"};
    for (int side = 0; side < SIDES; side++) {
        t->start[side] = k_muli(b, block[1 + side], t->tile[side]);
        t->shared[side] = k_shared(b, t->c.operand[side].node->type.dtype,
                                   t->pitch[side] * t->s->depth, names[side]);
    }
    t->total = k_local(b, t->c.anchor->type.dtype, (int64_t)t->s->registers[0] * t->s->registers[1],
                       "sums");
}

Kernel *gpu_contraction(const Group *group, LowerContext *context, const GpuSchedule *s) {
    KBuilder builder = kernel_begin(context->arena, target_gpu(), group->name, group->span);
    builder.group = group;
    Tiling t = {.b = &builder, .s = s};
    describe(&t, group, context);
    find_places(&t);
    clear_totals(&t);
    KVal *first = k_for(t.b, 0, t.sums.extent, s->depth, 0);
    copy_operand(&t, CONTRACT_A, first);
    copy_operand(&t, CONTRACT_B, first);
    k_barrier(t.b);
    add_products(&t);
    if (t.sums.extent > s->depth) k_barrier(t.b); /* before the next part overwrites this one */
    k_end(t.b);
    finish(&t);
    contract_mark_inplace(&builder, &t.c, &t.epilogue);
    builder.kernel->flops = 2 * contract_products(&t.c);
    return kernel_end(&builder);
}

/* Work of the busiest processor, in products, over what a thread gets done: each sum needs two
 * operands from shared memory, shared by the other sums of the thread. */
static double cost(const Tiling *t, const GpuSchedule *s) {
    double blocks = (double)t->batch.extent, tile = 1, loads = 0;
    for (int side = 0; side < SIDES; side++) {
        int64_t elements = (int64_t)s->across[side] * s->registers[side];
        blocks *= (double)gpu_blocks(t->side[side].extent, elements);
        tile *= (double)elements;
        loads += 1.0 / s->registers[side];
    }
    double waves = (blocks + MULTIPROCESSORS - 1) / MULTIPROCESSORS;
    return (waves < 1 ? 1 : waves) * tile * (1 + loads);
}

static bool fits(const Tiling *t, const GpuSchedule *s) {
    int64_t bytes = 0;
    for (int side = 0; side < SIDES; side++)
        bytes +=
            pitch(s, side) * s->depth * (int64_t)dtype_size(t->c.operand[side].node->type.dtype);
    return bytes <= K_MAX_SHARED;
}

int gpu_contraction_schedules(const Group *group, LowerContext *context, GpuSchedule *out) {
    static const int registers[][SIDES] = {{8, 8}, {4, 4}, {2, 4}, {1, 1}};
    Tiling t = {0};
    describe(&t, group, context);
    if (t.window > MAX_WINDOW) return 0;
    int count = 0;
    for (size_t i = 0; i < sizeof registers / sizeof *registers; i++) {
        GpuSchedule s = {.threads = 256, .across = {16, 16}, .depth = 16};
        s.registers[0] = (registers[i][0] + t.window - 1) / t.window * t.window;
        s.registers[1] = registers[i][1];
        if (!fits(&t, &s)) continue;
        int at = count++;
        for (; at > 0 && cost(&t, &s) < cost(&t, &out[at - 1]); at--)
            out[at] = out[at - 1];
        out[at] = s;
    }
    return count;
}
