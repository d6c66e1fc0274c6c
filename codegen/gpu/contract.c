/* Contractions: a block of threads computes a tile of the result. */
#include "codegen/gpu/tiling.h"
#include "support/checked.h"

enum { MAX_WINDOW = 16, MULTIPROCESSORS = 132 };

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

void tiling_set(Tiling *t, const Digits *digits, KVal *flat) {
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

KVal *tiling_position(const Tiling *t, int side, KVal *i) {
    KBuilder *b = t->b;
    const Share *share = &t->share[side];
    KVal *group = k_add(b, k_muli(b, k_divi(b, i, share->unit), share->lanes), share->thread);
    KVal *at = k_add(b, k_muli(b, group, share->unit), k_remi(b, i, share->unit));
    return k_add(b, share->origin, at);
}

/* Row-major, or a fragment of the matrix units after the other. */
KVal *tiling_total(const Tiling *t, KVal *row, KVal *column) {
    KBuilder *b = t->b;
    int64_t columns = t->s->registers[1];
    if (t->s->products == GPU_FMA) return k_add(b, k_muli(b, row, columns), column);
    KVal *fragment = k_add(b, k_muli(b, k_divi(b, row, 2), columns / 2), k_divi(b, column, 2));
    KVal *within = k_add(b, k_muli(b, k_remi(b, row, 2), 2), k_remi(b, column, 2));
    return k_add(b, k_muli(b, fragment, K_MMA_SUM), within);
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
    tiling_set(t, &t->side[0], row);
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
    tiling_set(t, &t->side[1], column);
    KVal *tap = k_for(b, 0, t->window, 1, K_UNROLL);
    tiling_set(t, &t->side[0], k_add(b, first, tap));
    LowerPoint point = result_point(t, false);
    KVal *place = tiling_total(t, k_add(b, k_muli(b, i, t->window), tap), j);
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
    KVal *row = k_add(b, t->start[0], tiling_position(t, 0, k_muli(b, i, t->window)));
    KVal *column = k_add(b, t->start[1], tiling_position(t, 1, j)), *guard = NULL;
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

/* Threads along the side that is fast in the result are neighbours. */
static void share_threads(Tiling *t) {
    KBuilder *b = t->b;
    int fast = fast_side(t);
    t->share[fast].thread = k_remi(b, k_thread(b), t->s->across[fast]);
    t->share[1 - fast].thread = k_divi(b, k_thread(b), t->s->across[fast]);
    for (int side = 0; side < SIDES; side++) {
        t->share[side].origin = k_index(b, 0);
        t->share[side].lanes = t->s->across[side];
    }
}

/* A warp has a part of the tile of its own; within it matrix units say what is whose. */
static void share_warps(Tiling *t) {
    KBuilder *b = t->b;
    KVal *lane = k_remi(b, k_thread(b), K_WARP), *warp = k_divi(b, k_thread(b), K_WARP);
    KVal *warps[SIDES] = {k_divi(b, warp, t->s->across[1]), k_remi(b, warp, t->s->across[1])};
    t->share[0].thread = k_divi(b, lane, GPU_COLUMN_LANES);
    t->share[1].thread = k_remi(b, lane, GPU_COLUMN_LANES);
    t->share[0].lanes = GPU_ROW_LANES;
    t->share[1].lanes = GPU_COLUMN_LANES;
    t->share[1].unit = 2;
    for (int side = 0; side < SIDES; side++)
        t->share[side].origin =
            k_muli(b, warps[side], t->share[side].lanes * t->s->registers[side]);
}

static void find_places(Tiling *t) {
    KBuilder *b = t->b;
    int64_t tiles[SIDES];
    tiling_parts(t);
    for (int side = 0; side < SIDES; side++)
        tiles[side] = gpu_blocks(t->side[side].extent, t->part[side].tile);
    k_grid(b, t->batch.extent * tiles[0] * tiles[1], t->s->threads);
    KVal *block[3];
    lower_split(b, k_block(b), 3, (int64_t[]){t->batch.extent, tiles[0], tiles[1]}, block);
    tiling_set(t, &t->batch, block[0]);
    t->batch_number = block[0];
    t->share[0].unit = t->window;
    t->share[1].unit = 1;
    if (t->s->products == GPU_FMA)
        share_threads(t);
    else
        share_warps(t);
    static const char *const names[] = {"parts of A", "parts of B"};
    for (int side = 0; side < SIDES; side++) {
        t->start[side] = k_muli(b, block[1 + side], t->part[side].tile);
        t->shared[side] = k_shared(b, t->c.operand[side].node->type.dtype,
                                   t->part[side].size * t->s->stages, names[side]);
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
    tiling_products(&t);
    finish(&t);
    contract_mark_inplace(&builder, &t.c, &t.epilogue);
    builder.kernel->flops = 2 * contract_products(&t.c);
    return kernel_end(&builder);
}

/* What a product costs beside a plain one, and what reading its operands from shared memory does:
 * each element is used for as many products as the thread, or the warp, has on the other side. */
static double product_cost(const GpuSchedule *s) {
    static const double costs[] = {1, 0.375, 0.125, 0.0625};
    double rows = s->registers[0], columns = s->registers[1];
    if (s->products == GPU_FMA) return costs[GPU_FMA] + 1 / rows + 1 / columns;
    return costs[s->products] + 0.25 / rows + 0.5 / columns;
}

/* Work of the busiest processor, in products. */
static double cost(const Tiling *t) {
    int64_t blocks = t->batch.extent;
    for (int side = 0; side < SIDES; side++)
        blocks *= gpu_blocks(t->side[side].extent, t->part[side].tile);
    double tile = (double)t->part[0].tile * (double)t->part[1].tile;
    return (double)gpu_blocks(blocks, MULTIPROCESSORS) * tile * product_cost(t->s);
}

/* Keeps the schedule, in its place by cost, if the group can have it. */
static int add_schedule(Tiling *t, GpuSchedule s, GpuSchedule *out, double *costs, int count) {
    int at = count;
    t->s = &s;
    do
        tiling_parts(t);
    while (tiling_bytes(t) > K_MAX_SHARED && --s.stages > 0);
    if (s.stages == 0) return count;
    double own = cost(t);
    for (; at > 0 && own < costs[at - 1]; at--) {
        out[at] = out[at - 1];
        costs[at] = costs[at - 1];
    }
    out[at] = s;
    costs[at] = own;
    return count + 1;
}

/* Halves that were cast lose nothing as what they have been. */
static GpuProducts products_of(const Tiling *t, Precision precision) {
    static const GpuProducts products[] = {[PRECISION_HIGHEST] = GPU_TF32X3,
                                           [PRECISION_STRICT] = GPU_FMA,
                                           [PRECISION_HIGH] = GPU_TF32,
                                           [PRECISION_MEDIUM] = GPU_BF16};
    const Node *x = t->c.operand[0].node, *y = t->c.operand[1].node;
    if (x->type.dtype != DT_F32 || y->type.dtype != DT_F32 || t->c.anchor->type.dtype != DT_F32)
        return GPU_FMA;
    DType from[SIDES] = {group_input_dtype(x), group_input_dtype(y)};
    GpuProducts wanted = products[precision];
    if (wanted == GPU_FMA || wanted == GPU_BF16) return wanted;
    if (from[0] == DT_BF16 && from[1] == DT_BF16) return GPU_BF16;
    return dtype_is_half(from[0]) && dtype_is_half(from[1]) ? GPU_TF32 : wanted;
}

int gpu_contraction_schedules(const Group *group, LowerContext *context, GpuSchedule *out) {
    static const int threads[][SIDES] = {{8, 8}, {4, 4}, {2, 4}, {1, 1}};
    /* Warps along the sides, and what a thread has of both. */
    static const int warps[][2 * SIDES] = {
        {2, 2, 8, 8}, {2, 2, 4, 8}, {4, 1, 4, 4}, {1, 4, 2, 8}, {2, 2, 2, 4}};
    Tiling t = {0};
    double costs[GPU_MAX_SCHEDULES];
    describe(&t, group, context);
    if (t.window > MAX_WINDOW) return 0;
    int count = 0;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        int rows = (threads[i][0] + t.window - 1) / t.window * t.window;
        GpuSchedule s = {.threads = 256,
                         .across = {16, 16},
                         .registers = {rows, threads[i][1]},
                         .depth = 16,
                         .stages = 2};
        count = add_schedule(&t, s, out, costs, count);
    }
    GpuProducts products = products_of(&t, context->precision);
    for (size_t i = 0; i < sizeof warps / sizeof *warps && products != GPU_FMA; i++) {
        const int *w = warps[i];
        GpuSchedule s = {.threads = K_WARP * w[0] * w[1],
                         .across = {w[0], w[1]},
                         .registers = {w[2], w[3]},
                         .depth = 16,
                         .stages = 3,
                         .products = products,
                         .apart = context->precision == PRECISION_HIGHEST};
        if (w[2] % t.window == 0) count = add_schedule(&t, s, out, costs, count);
    }
    return count;
}
