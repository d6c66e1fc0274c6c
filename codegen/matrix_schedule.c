/* Which contractions are made on a matrix unit, how, and what that costs: in half cycles, as all of
 * schedule.c. The unit's rates are those measured with hand-written kernels: 545 to 575 of 612
 * GFLOP/s in six products of packed pieces, and 310 to 375 with the packing of one operand. */
#include "codegen/matrix.h"

#include "support/checked.h"

static const double COST_DOT = 2 * 16 * 1.1; /* of tiles */
static const double COST_FILL = 2 * 8;       /* a tile loaded from a cache */
static const double COST_TILE = 250;         /* zeros, stores, and what surrounds the loops */
static const double COST_VECTOR = 4;         /* of results, from memory through the epilogue */
static const double COST_READ = 2;           /* an element, packed */
static const double COST_PIECE = 0.5;        /* a piece of it split off and stored */
static const double COST_TURN = 0.4;         /* and turned into a row */
static const double COST_SCAN = 0.6;         /* an element's magnitude */
static const double COST_BYTE = 0.2;         /* beyond a core's own cache, written or read */

enum { STEPS = 512, MOST_STEPS = 8192 };

static int pieces_of(Precision precision) {
    static const int pieces[PRECISION_COUNT] = {
        [PRECISION_MEDIUM] = 1, [PRECISION_HIGH] = 2, [PRECISION_HIGHEST] = 3};
    return pieces[precision];
}

/* Elements of the packed operand, filled up along its dim of the tiles. */
static double packed_elements(const Contraction *c, int operand, int dim, int64_t unit) {
    double count = 1;
    for (int d = 0; d < c->out_count + c->sum_count; d++) {
        if (c->dims[d].axis[operand] < 0) continue;
        int64_t extent = c->dims[d].extent;
        count *= (double)(d == dim ? round_up_i64(extent, unit) : extent);
    }
    return 2 * count;
}

static double count_tiles(const Contraction *c, const Schedule *s, int64_t rows, int64_t lanes) {
    double count = 1;
    for (int d = 0; d < c->out_count; d++) {
        int64_t unit = d == s->row ? rows : d == s->lane ? lanes : 1;
        count *= (double)((c->dims[d].extent + unit - 1) / unit);
    }
    return count;
}

/* Of pieces that don't fit a core's own cache: more of them are read than numbers elsewhere, or
 * they are written and read. */
static double memory_cost(const ScheduleRequest *request, double elements, int pieces, bool ready) {
    double bytes = 2 * pieces * elements;
    if (bytes <= (double)request->target->l2) return 0;
    return COST_BYTE * (!ready ? 2 * bytes : pieces > 2 ? bytes - 4 * elements : 0);
}

static double cost_of(const Contraction *c, const ScheduleRequest *request, const Schedule *s) {
    static const int products_of[] = {0, 1, 3, 6};
    double steps = 1, cost = 0, products = products_of[s->pieces];
    for (int d = c->out_count; d < c->out_count + c->sum_count; d++)
        steps *= (double)c->dims[d].extent;
    double blocks = (double)round_up_i64((int64_t)steps, MATRIX_SIDE) / MATRIX_SIDE;
    double tiles = count_tiles(c, s, s->tile[s->row], s->tile[s->lane]);
    double dots = count_tiles(c, s, MATRIX_SIDE, MATRIX_SIDE) * blocks * products;
    bool square = s->vectors == 2;
    double loads = dots * (square ? 1 : 1.25);
    cost += 0.1 * loads * COST_FILL;
    cost += dots * COST_DOT > loads * COST_FILL ? dots * COST_DOT : loads * COST_FILL;
    double chunks = s->chunk_dims ? steps / STEPS : 1;
    cost += tiles * chunks * COST_TILE;
    cost += (double)type_numel(&c->anchor->type) / MATRIX_SIDE * chunks * COST_VECTOR;
    cost += schedule_stores(c, request, s);
    for (int operand = 0; operand < 2; operand++) {
        bool rows = operand != s->vector_operand;
        double packed = packed_elements(c, operand, rows ? s->row : s->lane,
                                        rows ? MATRIX_SIDE : s->tile[s->lane]);
        bool ready = request->prepared[operand] && !contract_needs_halo(c, operand);
        cost += memory_cost(request, packed, s->pieces, ready);
        if (ready) continue;
        cost += packed * (COST_READ + s->pieces * (COST_PIECE + (rows ? COST_TURN : 0)));
        if (s->pieces > 1) cost += (double)type_numel(&c->operand[operand].node->type) * COST_SCAN;
    }
    return cost;
}

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Chunks of whole tiles of steps, so that the next one begins where a tile does. */
static bool choose_chunks(const Contraction *c, Schedule *s) {
    int64_t steps = 1;
    int first = c->out_count, end = first + c->sum_count;
    for (int d = first; d < end; d++)
        steps *= c->dims[d].extent;
    s->chunk = 1;
    if (steps <= STEPS * 3 / 2) return true;
    int64_t inner = steps;
    for (int d = first; d < end; d++) {
        int64_t extent = c->dims[d].extent, all = inner;
        inner /= extent;
        if (inner > STEPS) continue;
        int64_t unit = MATRIX_SIDE / common_divisor(MATRIX_SIDE, inner);
        int64_t chunk = round_up_i64(STEPS / inner, unit);
        if (d > first && all % MATRIX_SIDE != 0) break;
        if (chunk >= extent && d == first) break;
        s->chunk_dims = d - first + 1;
        s->chunk = chunk < extent ? chunk : extent;
        return true;
    }
    return steps <= MOST_STEPS;
}

/* Sums over all elements of two float32 operands whose memory holds little else. */
static bool suits(const Contraction *c) {
    if (c->sum_count == 0 || c->out_count - c->outer_count < 2) return false;
    for (int operand = 0; operand < 2; operand++) {
        const ContractOperand *o = &c->operand[operand];
        if (o->node->type.dtype != DT_F32) return false;
        for (int d = c->out_count; d < c->out_count + c->sum_count; d++)
            if (c->dims[d].axis[operand] < 0 || c->dims[d].extent == 0) return false;
        double used = 1;
        for (int axis = 0; axis < o->map.rank; axis++)
            used *= (double)o->map.dim[axis];
        if ((double)type_numel(&o->node->type) > 2 * used) return false;
    }
    return true;
}

/* A result dim that moves this operand alone. */
static bool moves_only(const Contraction *c, int dim, int operand) {
    return c->dims[dim].axis[operand] >= 0 && c->dims[dim].axis[1 - operand] < 0;
}

static bool make_schedule(const Contraction *c, const ScheduleRequest *request, int lane, int row,
                          int operand, bool square, Schedule *s) {
    *s = (Schedule){.lane = lane,
                    .lanes = MATRIX_SIDE,
                    .vectors = square ? 2 : MATRIX_TILES,
                    .pairs = true,
                    .pieces = pieces_of(request->precision),
                    .row = row,
                    .vector_operand = operand,
                    .pack = true,
                    .unroll = 1};
    for (int d = 0; d < c->out_count; d++)
        s->tile[d] = 1;
    s->tile[lane] = (int64_t)s->vectors * MATRIX_SIDE;
    s->tile[row] = square ? 2 * MATRIX_SIDE : MATRIX_SIDE;
    if (!choose_chunks(c, s)) return false;
    schedule_finish(c, request, s);
    return true;
}

int matrix_schedules(const Contraction *whole, const ScheduleRequest *request, Schedule *out,
                     double *costs) {
    Contraction c = *whole;
    int count = 0;
    if (!request->target->tiles || !pieces_of(request->precision) || !suits(&c)) return 0;
    for (int d = 0; d < c.out_count; d++)
        if (request->window[d] > 1) return 0;
    if (!contract_pair(&c)) return 0;
    for (int operand = 0; operand < 2; operand++)
        for (int lane = c.outer_count; lane < c.out_count; lane++)
            for (int row = c.outer_count; row < c.out_count; row++)
                for (int square = 0; square < 2; square++) {
                    Schedule *s = &out[count];
                    if (!moves_only(&c, lane, operand) || !moves_only(&c, row, 1 - operand) ||
                        count == MATRIX_SCHEDULES)
                        continue;
                    if (make_schedule(&c, request, lane, row, operand, square, s))
                        costs[count++] = cost_of(&c, request, s);
                }
    return count;
}
