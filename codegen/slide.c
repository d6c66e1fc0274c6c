/* Emits convolutions by sliding windows (slide.h), and says which ones they suit. */
#include "codegen/slide.h"

#include <string.h>

#include "support/checked.h"

/* ---- shapes and costs ---- */

/* The dims that move along an axis of the operand. False when it is none that windows slide along.
 */
static bool find_axis(const Contraction *c, int axis, SlideAxis *a) {
    const ContractOperand *x = &c->operand[CONTRACT_A];
    *a = (SlideAxis){.result = -1, .window = -1, .results = 1, .taps = 1, .stride = 1, .step = 1};
    for (int d = 0; d < c->out_count + c->sum_count; d++) {
        if (c->dims[d].axis[CONTRACT_A] != axis) continue;
        int *found = d < c->out_count ? &a->result : &a->window;
        if (*found >= 0) return false;
        *found = d;
    }
    a->size = x->map.dim[axis];
    if (a->result >= 0) {
        a->results = c->dims[a->result].extent;
        a->stride = c->dims[a->result].coef[CONTRACT_A];
    }
    if (a->window >= 0) {
        a->taps = c->dims[a->window].extent;
        a->step = c->dims[a->window].coef[CONTRACT_A];
    }
    int64_t back = a->step < 0 ? a->step * (a->taps - 1) : 0;
    a->first = x->base[axis] + back;
    a->reach = (a->step < 0 ? -a->step : a->step) * (a->taps - 1) + 1;
    return x->spread[axis] == 1 && a->stride > 0;
}

/* Column of the operand, from that of the first result's, at which a tap lies. */
static int64_t tap_column(const SlideAxis *a, int64_t tap) {
    return a->first + (a->step < 0 ? a->step * (tap + 1 - a->taps) : a->step * tap);
}

static int64_t floor_div(int64_t x, int64_t by) {
    return x >= 0 ? x / by : -((by - 1 - x) / by);
}

bool slide_shape(const Contraction *c, const ScheduleRequest *request, SlideShape *s) {
    int rank = c->anchor->type.rank;
    bool conv = c->anchor->op == OP_conv || c->anchor->op == OP_conv_dx;
    if (!conv || rank > 4 || !dtype_is_float(c->anchor->type.dtype) || c->sum_count == 0)
        return false;
    const ContractOperand *x = &c->operand[CONTRACT_A];
    if (rank == 4 && !find_axis(c, 2, &s->row)) return false;
    if (rank == 3)
        s->row = (SlideAxis){.result = -1,
                             .window = -1,
                             .results = 1,
                             .taps = 1,
                             .size = 1,
                             .stride = 1,
                             .reach = 1,
                             .step = 1};
    if (!find_axis(c, rank - 1, &s->column) || s->column.result < 0) return false;
    for (int d = 0; d < c->out_count + c->sum_count; d++) {
        if (request->window[d] > 1) return false;
        bool slides = d == s->row.result || d == s->row.window || d == s->column.result ||
                      d == s->column.window;
        if (!slides && (d >= c->outer_count || c->dims[d].axis[CONTRACT_A] < 0)) return false;
    }
    int lanes = target_lanes(request->target, c->anchor->type.dtype);
    while (lanes > 4 && lanes / 2 >= s->column.results)
        lanes /= 2;
    s->lanes = lanes;
    s->live = (int)((s->row.reach + s->row.stride - 1) / s->row.stride);
    if (lanes < 4 || s->live > SLIDE_MAX_LIVE || s->column.stride > 2 ||
        x->map.stride[rank - 1] != 1 || s->row.taps * s->column.taps > SLIDE_MAX_TAPS)
        return false;
    for (int64_t tap = 0; tap < s->column.taps; tap++) {
        int64_t moved = floor_div(tap_column(&s->column, tap), s->column.stride);
        if (moved <= -lanes || moved >= lanes) return false;
    }
    return true;
}

/* A row of results, in units of a multiply-add of vectors. */
static double row_cost(const SlideShape *shape, const ScheduleRequest *request, int64_t vectors) {
    double taps = (double)(shape->row.taps * shape->column.taps);
    double rows = (double)shape->row.stride, products = taps * (double)vectors;
    double loads = rows * (double)(shape->column.taps * vectors) * 1.7;
    double held = (double)(shape->live * vectors + vectors) + taps;
    if (held + 1 > request->target->registers) loads += 0.5 * taps;
    if (!request->target->fma) products *= 2;
    return (products > loads ? products : loads) + 0.1 * loads + 2 + 3 * (double)vectors;
}

int slide_schedules(const Contraction *c, const ScheduleRequest *request, Schedule *out,
                    double *costs) {
    SlideShape shape = {0};
    int count = 0;
    if (!slide_shape(c, request, &shape)) return 0;
    int64_t all = (shape.column.results + shape.lanes - 1) / shape.lanes;
    double planes = 1;
    for (int d = 0; d < c->outer_count; d++)
        planes *= (double)c->dims[d].extent;
    for (int vectors = 1; vectors <= SLIDE_MAX_VECTORS && vectors <= all; vectors++) {
        if ((shape.live + 1) * vectors + 1 > request->target->registers) break;
        Schedule s = {.slide = true, .lane = shape.column.result, .lanes = shape.lanes};
        s.vectors = vectors;
        s.vector_operand = CONTRACT_A;
        s.unroll = 1;
        for (int d = 0; d < c->out_count; d++)
            s.tile[d] = 1, s.order[d] = d;
        s.tile[s.lane] = (int64_t)vectors * s.lanes;
        double cost = (double)(all / vectors) * row_cost(&shape, request, vectors);
        if (all % vectors > 0) cost += row_cost(&shape, request, all % vectors);
        costs[count] = planes * (double)shape.row.results * cost;
        out[count++] = s;
    }
    return count;
}

/* ---- the kernel ---- */

typedef struct Slide {
    Nest *nest;
    KBuilder *b;
    SlideShape shape;
    KBuf *x;
    int64_t row_stride;
    KVal *plane; /* address of the channel's picture */
    KVal *weight[SLIDE_MAX_TAPS];
    /* The strip. */
    KVal *column; /* its first result */
    int64_t at;   /* the same when it is known; -1: nothing that is read lies outside */
    int vectors;
    KVal *sum[SLIDE_MAX_LIVE][SLIDE_MAX_VECTORS]; /* rows of results, the next one first */
    /* The operand's row, with a stride of two columns: elements of even and odd columns for each
     * vector of results, the one before the strip first. */
    KVal *dealt[2][SLIDE_MAX_VECTORS + 2];
    bool is_dealt[2][SLIDE_MAX_VECTORS + 2];
} Slide;

static int64_t clamp(int64_t x, int64_t lo, int64_t hi) {
    return x < lo ? lo : x > hi ? hi : x;
}

static KVal *zeros(const Slide *s) {
    return k_number(s->b, kkind_of(s->x->dtype), s->shape.lanes, 0);
}

/* Lane l is element `by` + l of two vectors that follow one another. */
static KVal *between(const Slide *s, KVal *low, KVal *high, int by) {
    int lanes = s->shape.lanes, *from = ARENA_ARRAY(s->b->arena, int, (size_t)lanes);
    for (int l = 0; l < lanes; l++)
        from[l] = by + l;
    return k_shuffle(s->b, low, high, from, lanes);
}

/* A vector of the operand's row that begins `offset` columns from where the strip's first window
 * would without padding; NULL: all of it lies outside. */
static KVal *load_columns(const Slide *s, KVal *row, int64_t offset) {
    KBuilder *b = s->b;
    int lanes = s->shape.lanes;
    int64_t stride = s->shape.column.stride, width = s->shape.column.size;
    KVal *from = k_add(b, s->plane, k_muli(b, row, s->row_stride));
    from = k_add(b, from, k_muli(b, s->column, stride));
    if (s->at < 0) return k_load_at(b, s->x, from, offset, lanes);
    int64_t first = s->at * stride + offset, before = clamp(-first, 0, lanes);
    int64_t inside = clamp(width - first, 0, lanes) - before;
    if (inside <= 0) return NULL;
    KVal *value = k_load_tail(b, s->x, k_addi(b, from, offset + before), lanes, (int)inside);
    return before > 0 ? between(s, zeros(s), value, (int)(lanes - before)) : value;
}

/* Every second element of the row, the even or odd ones, that a vector of results begins with. */
static KVal *deal_columns(Slide *s, KVal *row, int odd, int vector) {
    KVal **dealt = &s->dealt[odd][vector + 1];
    if (s->is_dealt[odd][vector + 1]) return *dealt;
    int64_t offset = 2 * (int64_t)vector * s->shape.lanes;
    KVal *low = load_columns(s, row, offset), *high = load_columns(s, row, offset + s->shape.lanes);
    s->is_dealt[odd][vector + 1] = true;
    *dealt = NULL;
    if (!low && !high) return NULL;
    if (!low) low = zeros(s);
    if (!high) high = zeros(s);
    *dealt = odd ? k_odd(s->b, low, high) : k_even(s->b, low, high);
    return *dealt;
}

/* What a tap reads for a vector of results; NULL: zeros. */
static KVal *tap_vector(Slide *s, KVal *row, int64_t tap, int vector) {
    int64_t column = tap_column(&s->shape.column, tap);
    int lanes = s->shape.lanes;
    if (s->shape.column.stride == 1) return load_columns(s, row, column + (int64_t)vector * lanes);
    int64_t moved = floor_div(column, 2);
    int odd = (int)(column - 2 * moved);
    if (moved == 0) return deal_columns(s, row, odd, vector);
    KVal *low = deal_columns(s, row, odd, moved < 0 ? vector - 1 : vector);
    KVal *high = deal_columns(s, row, odd, moved < 0 ? vector : vector + 1);
    if (!low && !high) return NULL;
    if (!low) low = zeros(s);
    if (!high) high = zeros(s);
    return between(s, low, high, (int)(moved < 0 ? lanes + moved : moved));
}

/* Adds a row of the operand to the results in whose windows it lies: `place` rows behind the first
 * tap of the next result's. `results` of them are wanted. */
static void add_row(Slide *s, KVal *row, int64_t place, int64_t results) {
    const SlideAxis *rows = &s->shape.row;
    int64_t step = rows->step < 0 ? -rows->step : rows->step;
    memset(s->is_dealt, 0, sizeof s->is_dealt);
    for (int64_t kw = 0; kw < s->shape.column.taps; kw++) {
        KVal *x[SLIDE_MAX_VECTORS];
        for (int v = 0; v < s->vectors; v++)
            x[v] = tap_vector(s, row, kw, v);
        for (int64_t i = 0; i < s->shape.live && i < results; i++) {
            int64_t reach = place - i * rows->stride;
            if (reach < 0 || reach >= rows->reach || reach % step != 0) continue;
            int64_t kh = rows->step < 0 ? rows->taps - 1 - reach / step : reach / step;
            KVal *weight = s->weight[kh * s->shape.column.taps + kw];
            for (int v = 0; v < s->vectors; v++)
                if (x[v]) k_set(s->b, s->sum[i][v], k_fma(s->b, x[v], weight, s->sum[i][v]));
        }
    }
}

/* The next row of results is complete; the one behind it becomes the next. */
static void finish_row(Slide *s, KVal *result) {
    Nest *nest = s->nest;
    Tile tile = {.total = s->vectors};
    for (int d = 0; d < nest->c->out_count; d++)
        tile.count[d] = d == nest->s->lane ? s->vectors : 1;
    for (int v = 0; v < s->vectors; v++)
        tile.value[v] = k_copy(s->b, s->sum[0][v]);
    if (s->shape.row.result >= 0) nest->at[s->shape.row.result] = result;
    epilogue_tile(nest, &tile);
    for (int i = 0; i < s->shape.live; i++)
        for (int v = 0; v < s->vectors; v++)
            k_set(s->b, s->sum[i][v], i + 1 < s->shape.live ? s->sum[i + 1][v] : zeros(s));
}

/* A row of results: `known` is its number, or -1 where all rows that it reads exist. */
static void emit_result(Slide *s, KVal *result, int64_t known) {
    const SlideAxis *rows = &s->shape.row;
    int64_t left = known < 0 ? INT64_MAX : rows->results - known;
    for (int64_t place = rows->reach - rows->stride; place < rows->reach; place++) {
        int64_t coordinate = known * rows->stride + rows->first + place;
        if (place < 0 || (known >= 0 && (coordinate < 0 || coordinate >= rows->size))) continue;
        KVal *row = k_addi(s->b, k_muli(s->b, result, rows->stride), rows->first + place);
        add_row(s, row, place, left);
    }
    finish_row(s, result);
}

static void emit_strip(Slide *s) {
    KBuilder *b = s->b;
    const SlideAxis *rows = &s->shape.row;
    for (int i = 0; i < s->shape.live; i++)
        for (int v = 0; v < s->vectors; v++)
            s->sum[i][v] = k_var(b, zeros(s));
    for (int64_t place = 0; place < rows->reach - rows->stride; place++) {
        int64_t row = rows->first + place;
        if (row >= 0 && row < rows->size) add_row(s, k_index(b, row), place, rows->results);
    }
    /* Results whose rows all exist are a loop. */
    int64_t low = rows->first + rows->reach - rows->stride, high = rows->first + rows->reach;
    int64_t begin = low >= 0 ? 0 : (-low + rows->stride - 1) / rows->stride;
    int64_t end = floor_div(rows->size - high, rows->stride) + 1;
    begin = clamp(begin, 0, rows->results);
    end = clamp(end, begin, rows->results);
    for (int64_t result = 0; result < begin; result++)
        emit_result(s, k_index(b, result), result);
    if (begin < end) {
        emit_result(s, k_for(b, begin, end, 1, 0), -1);
        k_end(b);
    }
    for (int64_t result = end; result < rows->results; result++)
        emit_result(s, k_index(b, result), result);
}

/* The furthest columns that a strip reads, from where its first window would begin. */
static void strip_range(const Slide *s, int64_t results, int64_t *low, int64_t *high) {
    const SlideAxis *a = &s->shape.column;
    *low = a->first;
    *high = a->first + (results - 1) * a->stride + a->reach - 1;
    if (a->stride == 1) return;
    int64_t pair = 2 * s->shape.lanes; /* whole pairs of vectors are dealt */
    *low = floor_div(*low, pair) * pair;
    *high = floor_div(*high, pair) * pair + pair - 1;
}

static void emit_strips(Slide *s) {
    const SlideAxis *a = &s->shape.column;
    const Schedule *schedule = s->nest->s;
    int lane = schedule->lane;
    int64_t wide = schedule->tile[lane];
    for (int64_t at = 0; at < a->results;) {
        int64_t low, high, end = at;
        strip_range(s, wide, &low, &high);
        while (end + wide <= a->results && end * a->stride + low >= 0 &&
               end * a->stride + high < a->size)
            end += wide;
        s->at = end > at ? -1 : at;
        int64_t next = end > at ? end : at + wide < a->results ? at + wide : a->results;
        int64_t size = end > at ? wide : next - at;
        s->vectors = (int)((size + schedule->lanes - 1) / schedule->lanes);
        s->nest->size[lane] = size;
        s->column = s->nest->at[lane] = k_for(s->b, at, next, size, 0);
        emit_strip(s);
        k_end(s->b);
        at = next;
    }
}

/* The operand's address where all other dims are at their present place. */
static KVal *plane_address(const Slide *s, int operand) {
    const Contraction *c = s->nest->c;
    const ContractOperand *o = &c->operand[operand];
    KVal *address = k_index(s->b, o->map.offset);
    for (int d = 0; d < c->outer_count; d++) {
        int axis = c->dims[d].axis[operand];
        if (axis < 0) continue;
        int64_t stride = o->map.stride[axis] * c->dims[d].coef[operand];
        address = k_add(s->b, address, k_muli(s->b, s->nest->at[d], stride));
    }
    return address;
}

/* From tap to tap of the weights. */
static int64_t weight_stride(const Contraction *c, const SlideAxis *a) {
    if (a->window < 0) return 0;
    const ContractDim *dim = &c->dims[a->window];
    return c->operand[CONTRACT_B].map.stride[dim->axis[CONTRACT_B]] * dim->coef[CONTRACT_B];
}

static void load_weights(Slide *s) {
    const Contraction *c = s->nest->c;
    const ContractOperand *w = &c->operand[CONTRACT_B];
    KBuf *buf = k_input(s->b, w->node);
    KVal *from = plane_address(s, CONTRACT_B);
    int64_t row = weight_stride(c, &s->shape.row), column = weight_stride(c, &s->shape.column);
    int64_t first = 0;
    for (int axis = 0; axis < w->map.rank; axis++)
        first += w->base[axis] * w->map.stride[axis];
    for (int64_t kh = 0; kh < s->shape.row.taps; kh++)
        for (int64_t kw = 0; kw < s->shape.column.taps; kw++) {
            KVal *weight = k_load_at(s->b, buf, from, first + kh * row + kw * column, 1);
            s->weight[kh * s->shape.column.taps + kw] = k_splat(s->b, weight, s->shape.lanes);
        }
}

void slide_emit(Nest *nest) {
    Slide s = {.nest = nest, .b = nest->b};
    const Contraction *c = nest->c;
    bool found = slide_shape(c, nest->request, &s.shape);
    NNC_CHECK(found, "no convolution for sliding windows");
    s.x = k_input(s.b, c->operand[CONTRACT_A].node);
    int rank = c->anchor->type.rank;
    s.row_stride = rank == 4 ? c->operand[CONTRACT_A].map.stride[2] : 0;
    if (s.shape.row.result >= 0) nest->size[s.shape.row.result] = 1;
    epilogue_begin(nest);
    int64_t trips[CONTRACT_MAX_DIMS];
    for (int d = 0; d < c->outer_count; d++)
        trips[d] = c->dims[d].extent;
    int part = kernel_part_level(trips, c->outer_count);
    for (int d = 0; d < c->outer_count; d++) {
        nest->size[d] = 1;
        nest->at[d] = k_for(s.b, 0, c->dims[d].extent, 1, d == part ? K_PARALLEL : 0);
    }
    s.plane = plane_address(&s, CONTRACT_A);
    load_weights(&s);
    emit_strips(&s);
    for (int d = 0; d < c->outer_count; d++)
        k_end(s.b);
    epilogue_end(nest);
}
