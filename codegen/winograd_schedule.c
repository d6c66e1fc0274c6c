/* Which convolutions Winograd's way suits, in which blocks, and what that costs: in the units of
 * schedule.c, of which a multiply-add of vectors is one. */
#include <string.h>

#include "codegen/winograd.h"

enum { MAX_CHANNELS = 1024 /* summed by one chain */, MAX_VECTORS = 4 };

static const double COST_MOVE = 0.25; /* a byte to and from beyond the second cache */
static const double COST_FAR = 0.6;   /* from beyond the third */
static const double FAR_BYTES = 16e6;
static const double COST_STREAM = 0.17; /* a byte of the weights, read in order */
static const double COST_REREAD =
    0.25; /* to start with the weights again: of a vector's products */
static const double COST_WEIGHT = 0.12; /* a weight that is not in the second cache */
static const double EFFICIENCY = 0.9;   /* of a loop of multiply-adds */

static bool is_window(const Contraction *c, int dim, bool *flipped) {
    int64_t coef = c->dims[dim].coef[CONTRACT_A];
    *flipped = coef < 0;
    return c->dims[dim].extent == WINOGRAD_WINDOW && (coef == 1 || coef == -1);
}

/* Result and window dims of one axis of the picture; the coordinate that the first window begins
 * with. */
static bool find_axis(const Contraction *c, int axis, int *result, int *window, int64_t *first,
                      bool *flipped) {
    const ContractOperand *a = &c->operand[CONTRACT_A];
    *result = *window = -1;
    for (int d = 0; d < c->out_count + c->sum_count; d++) {
        if (c->dims[d].axis[CONTRACT_A] != axis) continue;
        *(d < c->out_count ? result : window) = d;
    }
    if (*result < 0 || *window < 0 || a->spread[axis] != 1) return false;
    if (c->dims[*result].coef[CONTRACT_A] != 1 || c->dims[*result].coef[CONTRACT_OUT] != 1 ||
        !is_window(c, *window, flipped))
        return false;
    *first = a->base[axis] - (*flipped ? WINOGRAD_WINDOW - 1 : 0);
    return true;
}

bool winograd_shape(const Contraction *c, const Target *target, WinogradShape *s) {
    *s = (WinogradShape){.n = -1, .out = -1, .images = 1};
    bool conv = c->anchor->op == OP_conv || c->anchor->op == OP_conv_dx;
    int lanes = target_lanes(target, DT_F32);
    if (!conv || c->anchor->type.dtype != DT_F32 || c->anchor->type.rank != 4 || lanes < 4)
        return false;
    if (c->sum_count != 3 || c->out_count < 3 || c->out_count > 4) return false;
    bool flipped_too;
    if (!find_axis(c, 2, &s->h, &s->kh, &s->first_row, &s->flipped) ||
        !find_axis(c, 3, &s->w, &s->kw, &s->first_column, &flipped_too) ||
        s->flipped != flipped_too)
        return false;
    s->in = c->out_count;
    for (int d = 0; d < c->out_count; d++) {
        if (d == s->h || d == s->w) continue;
        const ContractDim *dim = &c->dims[d];
        if (dim->axis[CONTRACT_A] == 0 && dim->axis[CONTRACT_B] < 0 && s->n < 0)
            s->n = d, s->images = dim->extent;
        else if (dim->axis[CONTRACT_A] < 0 && s->out < 0)
            s->out = d;
        else
            return false;
    }
    if (s->out < 0) return false;
    s->outs = c->dims[s->out].extent;
    s->ins = c->dims[s->in].extent;
    s->height = c->dims[s->h].extent;
    s->width = c->dims[s->w].extent;
    /* Of a tile's columns none lies further than in the tiles beside it. */
    int64_t last = s->first_column + s->width - 1 + WINOGRAD_WINDOW - 1;
    if (s->first_column > 0 || s->first_column < -2) return false;
    s->columns = c->operand[CONTRACT_A].map.dim[3];
    if (last > s->columns) return false;
    return s->outs % lanes == 0 && s->ins <= MAX_CHANNELS;
}

int winograd_row_lanes(int lanes, int64_t tiles) {
    while (lanes > 4 && lanes / 2 >= tiles)
        lanes /= 2;
    return lanes;
}

int winograd_stack(const WinogradShape *shape, const Schedule *s, int64_t rows) {
    int lanes = winograd_row_lanes(s->lanes, (shape->width + s->winograd - 1) / s->winograd);
    int stack = 1;
    if (shape->columns > (int64_t)s->winograd * lanes) return 1;
    while (2 * stack * lanes <= s->lanes && 2 * stack <= rows)
        stack *= 2;
    return stack;
}

int winograd_group(int lanes) {
    return lanes > 4 ? lanes / 2 : lanes;
}

int64_t winograd_vectors(const WinogradShape *shape, const Schedule *s, int64_t rows) {
    int64_t tiles = rows * ((shape->width + s->winograd - 1) / s->winograd);
    return (tiles + s->lanes - 1) / s->lanes;
}

bool winograd_is_far(const WinogradShape *shape, int m, const Target *target) {
    int64_t points = (m + WINOGRAD_WINDOW - 1) * (m + WINOGRAD_WINDOW - 1);
    return points * shape->outs * shape->ins * (int64_t)sizeof(float) > (int64_t)target->l2 / 2;
}

/* A step of a register tile: one input channel. */
static double step_cost(int64_t vectors, int64_t block, double weight) {
    double products = (double)(vectors * block), loads = (double)vectors + 0.5 * (double)block;
    double most = products > loads ? products : loads;
    return (most > 8 ? most : 8) + 0.1 * loads + 2 + weight * (double)block;
}

/* All output channels by `count` vectors of tiles. */
static double tiles_cost(int64_t outs, int64_t count, int64_t vectors, int64_t block,
                         double weight) {
    double cost = 0;
    for (int piece = 0; piece < 4; piece++) {
        int64_t wide = piece & 1 ? count % vectors : vectors;
        int64_t high = piece & 2 ? outs % block : block;
        int64_t times = (piece & 1 ? 1 : count / vectors) * (piece & 2 ? 1 : outs / block);
        if (wide > 0 && high > 0) cost += (double)times * step_cost(wide, high, weight);
    }
    return cost;
}

/* Vectors of tiles by output channels, in registers. */
static void choose_register_tile(const WinogradShape *shape, const Target *target, Schedule *s) {
    int64_t count = winograd_vectors(shape, s, s->tile[shape->h]);
    int group = winograd_group(s->lanes);
    double weight = winograd_is_far(shape, s->winograd, target) ? COST_WEIGHT : 0, least = 0;
    for (int vectors = 1; vectors <= MAX_VECTORS && vectors <= count; vectors++)
        for (int block = group; block <= shape->outs; block += group) {
            if (block * vectors + vectors + 1 > target->registers) break;
            double cost = tiles_cost(shape->outs, count, vectors, block, weight);
            if (least > 0 && cost >= least) continue;
            least = cost;
            s->vectors = vectors;
            s->tile[shape->out] = block;
        }
}

/* Vectors of the transforms that the rows of a block take, or rows where they take several. */
static int64_t stacked_rows(const WinogradShape *shape, const Schedule *s, int64_t rows) {
    int64_t stack = winograd_stack(shape, s, rows);
    return rows / stack + rows % stack;
}

static double cost_of(const WinogradShape *shape, const ScheduleRequest *request,
                      const Schedule *s) {
    int m = s->winograd, n = m + WINOGRAD_WINDOW - 1, points = n * n;
    double input = m == 4 ? 360 : 130, output = m == 4 ? 340 : 110; /* a vector of tiles */
    int64_t rows = s->tile[shape->h], columns = (shape->width + m - 1) / m;
    int64_t all = shape->images * ((shape->height + m - 1) / m);
    int64_t row_lanes = winograd_row_lanes(s->lanes, columns);
    double ins = (double)shape->ins, outs = (double)shape->outs, pairs = ins * outs * points;
    double vectors = (double)(all / rows * winograd_vectors(shape, s, rows) +
                              winograd_vectors(shape, s, all % rows));
    double blocks = (double)((all + rows - 1) / rows);
    double products = pairs * (vectors / EFFICIENCY + COST_REREAD * (blocks - 1));
    if (!request->target->fma) products *= 2;
    if (products < pairs * 4 * COST_STREAM) products = pairs * 4 * COST_STREAM;
    double held = (ins + outs) * points * s->lanes * 4; /* by a vector of tiles */
    double in_block = held * (double)winograd_vectors(shape, s, rows);
    if (in_block > 0.6 * (double)request->target->l2)
        products += held * vectors * (in_block > FAR_BYTES ? COST_FAR : COST_MOVE);
    int64_t in_row = (columns + row_lanes - 1) / row_lanes;
    double row_vectors =
        (double)((all / rows * stacked_rows(shape, s, rows) + stacked_rows(shape, s, all % rows)) *
                 in_row);
    double cost = products + row_vectors * (ins * input + outs * output);
    if (request->prepared[CONTRACT_B]) return cost;
    /* Weights are transformed in each run: written, and read again. */
    int group = winograd_group(s->lanes);
    cost += outs / group * ins * (9 * group + points + (m == 4 ? 156 : 32));
    if (winograd_is_far(shape, m, request->target))
        cost += pairs * 4 * (pairs * 8 > FAR_BYTES ? COST_FAR : COST_MOVE);
    return cost;
}

/* Whether there are tiles of m x m results: neighbours that are pooled meet by even and odd lanes.
 */
static bool suits(const Contraction *c, const ScheduleRequest *request, int m,
                  WinogradShape *shape) {
    if (request->precision == PRECISION_STRICT) return false;
    if (!winograd_shape(c, request->target, shape)) return false;
    return m % request->window[shape->h] == 0 && request->window[shape->w] <= 2;
}

/* So many rows of tiles in a block; the register tile is open. */
static Schedule in_blocks(const Contraction *c, const Target *target, const WinogradShape *shape,
                          int m, int64_t rows) {
    Schedule s = {.winograd = m, .lane = shape->w, .vector_operand = CONTRACT_A, .unroll = 1};
    s.lanes = target_lanes(target, DT_F32);
    for (int d = 0; d < c->out_count; d++)
        s.tile[d] = 1, s.order[d] = d;
    s.tile[shape->h] = rows;
    return s;
}

static int64_t rows_of_tiles(const WinogradShape *shape, int m) {
    return shape->images * ((shape->height + m - 1) / m);
}

bool winograd_allows(const Contraction *c, const ScheduleRequest *request, const Schedule *s) {
    WinogradShape shape;
    if ((s->winograd != 2 && s->winograd != 4) || !suits(c, request, s->winograd, &shape))
        return false;
    int64_t rows = s->tile[shape.h], outs = s->tile[shape.out];
    if (rows < 1 || rows > rows_of_tiles(&shape, s->winograd)) return false;
    Schedule same = in_blocks(c, request->target, &shape, s->winograd, rows);
    same.vectors = s->vectors;
    same.tile[shape.out] = outs;
    int group = winograd_group(s->lanes);
    return schedule_equal(&same, s) && s->vectors >= 1 && s->vectors <= MAX_VECTORS &&
           s->vectors <= winograd_vectors(&shape, s, rows) && outs >= group && outs % group == 0 &&
           outs <= shape.outs && outs * s->vectors + s->vectors + 1 <= request->target->registers;
}

int winograd_schedules(const Contraction *c, const ScheduleRequest *request, Schedule *out,
                       double *costs) {
    int count = 0;
    for (int m = 2; m <= 4; m += 2) {
        WinogradShape shape;
        if (!suits(c, request, m, &shape)) continue;
        int64_t rows = rows_of_tiles(&shape, m);
        for (int64_t block = 1; block <= rows; block++) {
            if (block > WINOGRAD_SCHEDULES / 2 - 1 && block < rows) continue;
            Schedule s = in_blocks(c, request->target, &shape, m, block);
            choose_register_tile(&shape, request->target, &s);
            costs[count] = cost_of(&shape, request, &s);
            out[count++] = s;
        }
    }
    return count;
}
