/* Which convolutions Winograd's way suits, in which blocks, and what that costs: in the units of
 * schedule.c, of which a multiply-add of vectors is one. */
#include <string.h>

#include "codegen/winograd.h"

enum { MAX_CHANNELS = 1024 }; /* summed by one chain */

static const double COST_STREAM = 0.25; /* a byte of the weights from beyond the second cache */
static const double COST_FAR = 0.4;     /* from beyond the third */
static const double FAR_BYTES = 16e6;

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
    if (c->dims[*result].coef[CONTRACT_A] != 1 || !is_window(c, *window, flipped)) return false;
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
    return s->ins % lanes == 0 && s->outs % lanes == 0 && s->ins <= MAX_CHANNELS;
}

static double at_least(double x, double y) {
    return x > y ? x : y;
}

/* Multiplications of a block by register tiles, for one point. */
static double multiply_cost(const WinogradShape *shape, const ScheduleRequest *request,
                            const Schedule *s, int64_t tiles) {
    double cost = 0;
    int64_t vectors = shape->outs / s->lanes, tile = s->tile[shape->w];
    for (int piece = 0; piece < 4; piece++) {
        int64_t rows = piece & 1 ? tiles % tile : tile, columns = s->vectors;
        double times = piece & 1 ? 1 : (double)(tiles / tile);
        if (piece & 2) columns = vectors % s->vectors;
        times *= piece & 2 ? 1 : (double)(vectors / s->vectors);
        if (rows == 0 || columns == 0 || times == 0) continue;
        double products = (double)(rows * columns), loads = (double)columns + 0.5 * (double)rows;
        double step = at_least(at_least(request->target->fma ? products : 2 * products, loads), 8);
        cost += times * ((step + 0.1 * loads + 2) * (double)shape->ins + 30 + 2 * products);
    }
    return cost;
}

static double whole_cost(const WinogradShape *shape, const ScheduleRequest *request,
                         const Schedule *s) {
    int m = s->winograd, n = m + WINOGRAD_WINDOW - 1, points = n * n;
    double operations = m == 4 ? 156 : 32, results = m == 4 ? 110 : 24;
    int64_t rows = s->tile[shape->h], images = shape->n < 0 ? 1 : s->tile[shape->n];
    int64_t columns = (shape->width + m - 1) / m, all_rows = (shape->height + m - 1) / m;
    int64_t tiles = rows * images * columns;
    double blocks = (double)(all_rows / rows) * (double)(shape->images / images);
    double ins = (double)shape->ins / s->lanes, outs = (double)shape->outs / s->lanes;
    double copied = (double)(rows * m + 2) * (double)(columns * m) * (double)images;
    double transforms = copied * ins * 8 + (double)tiles * ins * (3 * points + operations) +
                        (double)tiles * outs * (points + results + 10.0 * m * m);
    double bytes = (double)points * (double)(shape->ins * shape->outs) * 4;
    double held = (double)(points * tiles) * (double)(shape->ins + shape->outs) * 4;
    double l2 = (double)request->target->l2;
    double stream = bytes * (bytes > FAR_BYTES ? COST_FAR : bytes > l2 / 2 ? COST_STREAM : 0);
    double products = points * multiply_cost(shape, request, s, tiles);
    if (held > l2 * 0.75) transforms += held * 2 * COST_STREAM / 4;
    double cost = blocks * (at_least(products, stream) + transforms);
    if (!request->prepared[CONTRACT_B])
        cost += outs * (double)shape->ins * (9 * s->lanes + points + operations);
    return cost;
}

static int most_tiles(const Target *target, int vectors) {
    int held = target->registers - 1 - vectors;
    int most = held / vectors;
    return most * vectors > SCHEDULE_MAX_ACCUMULATORS ? SCHEDULE_MAX_ACCUMULATORS / vectors : most;
}

/* The register tile that costs least. */
static double best_tile(const WinogradShape *shape, const ScheduleRequest *request, Schedule *s) {
    int64_t columns = (shape->width + s->winograd - 1) / s->winograd;
    int64_t tiles = s->tile[shape->h] * columns * (shape->n < 0 ? 1 : s->tile[shape->n]);
    Schedule best = *s;
    double least = -1;
    for (s->vectors = 1; s->vectors <= 4 && s->vectors * s->lanes <= shape->outs; s->vectors++)
        for (int64_t tile = most_tiles(request->target, s->vectors); tile > 1; tile--) {
            if (tile > tiles) continue;
            s->tile[shape->w] = tile;
            double cost = multiply_cost(shape, request, s, tiles);
            if (least >= 0 && cost >= least) continue;
            least = cost;
            best = *s;
        }
    *s = best;
    return least;
}

int winograd_schedules(const Contraction *c, const ScheduleRequest *request, Schedule *out,
                       double *costs) {
    WinogradShape shape;
    int count = 0;
    if (!winograd_shape(c, request->target, &shape)) return 0;
    if (request->window[shape.w] > 2) return 0; /* neighbours meet by even and odd lanes */
    for (int m = 2; m <= 4; m += 2) {
        int64_t rows = (shape.height + m - 1) / m;
        for (int64_t images = 1; images <= shape.images; images++) {
            if (shape.images % images != 0) continue;
            for (int64_t block = images > 1 ? rows : 1; block <= rows; block++) {
                if (rows % block != 0 || block * m % request->window[shape.h] != 0) continue;
                Schedule s = {.winograd = m, .lane = shape.out, .vector_operand = CONTRACT_B};
                s.lanes = target_lanes(request->target, DT_F32);
                s.unroll = 1;
                for (int d = 0; d < c->out_count; d++)
                    s.tile[d] = 1, s.order[d] = d;
                s.tile[shape.h] = block;
                if (shape.n >= 0) s.tile[shape.n] = images;
                if (best_tile(&shape, request, &s) < 0 || count == WINOGRAD_SCHEDULES) continue;
                costs[count] = whole_cost(&shape, request, &s);
                out[count++] = s;
            }
        }
    }
    return count;
}
