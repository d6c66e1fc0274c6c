/* The analytical model that chooses a schedule.
 *
 * Costs are in half cycles of a core that does two multiply-adds of a vector and two loads in a
 * cycle. Candidates: each lane dim that an operand can deliver (as it lies or packed), each number
 * of vectors, and tiles over one or two more result dims, with sizes that split the dim evenly. */
#include "codegen/schedule.h"

#include <float.h>

#include "codegen/matrix.h"
#include "codegen/slide.h"
#include "codegen/winograd.h"
#include "support/checked.h"

static const double COST_LOAD = 1.0;      /* an aligned vector */
static const double COST_UNALIGNED = 1.7; /* crosses cache lines most of the time */
static const double COST_BROADCAST = 0.5;
static const double COST_SHUFFLE = 1;
static const double COST_COLLISION = 6;  /* of rows in one set of a cache */
static const double COST_LATENCY = 8;    /* of a multiply-add */
static const double COST_STEP = 2;       /* loop control */
static const double COST_PACK = 3;       /* an element copied across */
static const double COST_PAIR = 1;       /* a pair made of elements */
static const double COST_SCATTER = 4;    /* an element of a vector stored alone */
static const double COST_TURN = 10;      /* a vector, when a square is turned before it is stored */
static const double COST_ROW = 50;       /* a row of results that a tile begins, in far memory */
static const double COST_LINE = 42;      /* a line of it */
static const double COST_TILE = 30;      /* entering and leaving a tile's loops */
static const double WINOGRAD_GAIN = 0.9; /* less is not worth its rounding */
static const double COST_FOLD = 14;      /* a horizontal sum */
static const double COST_EVICTED = 20;   /* a vector of the result fetched twice */
static const double COST_SHAPE =
    0.05; /* of all: the text and the misses of one more size of tile */

static bool is_summed(const Contraction *c, int dim) {
    return dim >= c->out_count;
}

bool schedule_sums_lanes(const Contraction *c, const Schedule *s) {
    return s->lane >= 0 && is_summed(c, s->lane);
}

int64_t schedule_stride(const Contraction *c, int operand, int dim) {
    const ContractOperand *o = &c->operand[operand];
    int axis = c->dims[dim].axis[operand];
    if (axis < 0) return 0;
    int64_t stride = 1;
    if (!contract_needs_halo(c, operand) && !c->paired) {
        stride = o->map.stride[axis];
    } else {
        for (int i = axis + 1; i < o->map.rank; i++) {
            int64_t lo, hi;
            contract_range(c, operand, i, &lo, &hi);
            stride *= hi - lo + 1;
        }
    }
    return stride * c->dims[dim].coef[operand];
}

static int64_t at_most(int64_t x, int64_t limit) {
    return x < limit ? x : limit;
}

/* What a tile holds: accumulators, and the distinct loads of each operand (the product of the sizes
 * that move it). */
typedef struct TileCounts {
    int64_t products, loads[2];
    int64_t rows; /* of results along the last axis */
} TileCounts;

static TileCounts tile_extend(const Contraction *c, const Schedule *s, TileCounts tile, int dim,
                              int64_t size) {
    int64_t count = dim == s->lane ? (size + s->lanes - 1) / s->lanes : size;
    tile.products *= count;
    if (!contract_stores_along(c, dim)) tile.rows *= count;
    for (int operand = 0; operand < 2; operand++)
        if (c->dims[dim].axis[operand] >= 0) tile.loads[operand] *= count;
    return tile;
}

static const TileCounts one_element = {1, {1, 1}, 1};

/* Whether the steps of a tile read more rows than a cache has ways, all of which lie in few of its
 * sets: they are a power of two apart. */
static bool collides(const Contraction *c, int operand) {
    for (int d = c->out_count + c->sum_count - 1; d >= c->out_count; d--) {
        int64_t bytes = schedule_stride(c, operand, d) * 4;
        if (bytes != 0) return bytes % 2048 == 0 && c->dims[d].extent > 64;
    }
    return false;
}

enum { LINE_BYTES = 64 };

/* How many lines that lie so many bytes apart the first cache holds, of 64 sets with 8 lines each.
 */
static int64_t lines_held(int64_t bytes) {
    enum { SETS = 64, WAYS = 8 };
    int64_t sets = SETS;
    if (bytes == 0 || bytes % LINE_BYTES != 0) return INT64_MAX;
    for (int64_t lines = bytes / LINE_BYTES; sets > 1 && lines % 2 == 0; lines /= 2)
        sets /= 2;
    return sets * WAYS;
}

/* How many rows of the operand a tile can read, a line of each, before they drive each other out of
 * the first cache. */
static int64_t most_rows(const Contraction *c, const Schedule *s) {
    int64_t most = SCHEDULE_MAX_ACCUMULATORS;
    for (int d = 0; d < c->out_count; d++)
        if (d != s->lane)
            most = at_most(most, lines_held(schedule_stride(c, 1 - s->vector_operand, d) * 4) - 2);
    return most;
}

bool schedule_result_afar(const Contraction *c, const Target *target) {
    const Type *type = &c->anchor->type;
    return type_numel(type) * (int64_t)dtype_size(type->dtype) > 2 * (int64_t)target->l2;
}

/* The same for rows of a result that comes from memory and goes there: an updated weight, which has
 * an array of momenta beside it. */
static int64_t most_result_rows(const Contraction *c, const ScheduleRequest *request) {
    const Type *type = &c->anchor->type;
    if (type->rank < 2 || !schedule_result_afar(c, request->target)) return INT64_MAX;
    return lines_held(type->dim[type->rank - 1] * (int64_t)dtype_size(type->dtype)) / 2;
}

static double vector_load_cost(const Contraction *c, const Schedule *s) {
    if (s->lanes == 1) return COST_BROADCAST;
    if (s->pack) return COST_LOAD;
    if (s->lane >= 0 && schedule_stride(c, s->vector_operand, s->lane) == 2)
        return 2 * COST_UNALIGNED + COST_SHUFFLE;
    return COST_UNALIGNED;
}

static double steps_of_tile(const Contraction *c, const Schedule *s) {
    double steps = 1;
    for (int d = c->out_count; d < c->out_count + c->sum_count; d++) {
        int64_t extent = c->dims[d].extent;
        steps *= (double)(d == s->lane ? (extent + s->lanes - 1) / s->lanes : extent);
    }
    return steps;
}

static double operand_elements(const Contraction *c, int operand) {
    double count = 1;
    for (int d = 0; d < c->out_count + c->sum_count; d++)
        if (c->dims[d].axis[operand] >= 0) count *= (double)c->dims[d].extent;
    return count;
}

int schedule_turns(const Contraction *c, const Schedule *s) {
    int along = c->out_count - 1;
    if (s->lanes < 4 || s->lane < 0 || s->lane >= along) return -1;
    if (!contract_stores_along(c, along)) return -1;
    return s->tile[along] * 3 >= s->lanes && s->tile[along] <= s->lanes ? along : -1;
}

static double results_of(const Contraction *c, const ScheduleRequest *request) {
    double count = 1;
    for (int d = 0; d < c->out_count; d++)
        count *= (double)c->dims[d].extent / (double)request->window[d];
    return count;
}

double schedule_stores(const Contraction *c, const ScheduleRequest *request, const Schedule *s) {
    if (schedule_sums_lanes(c, s) || s->lanes == 1) return 0;
    double count = results_of(c, request);
    return contract_stores_along(c, s->lane) ? count / s->lanes : count * COST_SCATTER;
}

/* What a tile's results cost by their way to memory, where that holds up whoever makes them fast:
 * for each row that is begun and each vector. Lines are fetched before they are written, and the
 * next ones of a row come by themselves. */
typedef struct Traffic {
    double row, vector;
} Traffic;

static Traffic traffic_of(const Contraction *c, const ScheduleRequest *request, const Schedule *s) {
    const Target *target = request->target;
    double bytes = results_of(c, request) * 4, part = (double)target->vector_bytes / LINE_BYTES;
    int along = c->out_count - 1;
    if (schedule_sums_lanes(c, s) || s->lanes == 1 || !contract_stores_along(c, along) ||
        c->dims[along].extent * 4 < LINE_BYTES || bytes <= (double)target->l1)
        return (Traffic){0, 0};
    for (int d = 0; d < c->out_count; d++)
        if (request->window[d] > 1) return (Traffic){0, 0}; /* few are stored */
    double near = bytes > (double)target->l2 ? 1 : 0.5, lanes = s->lane == along ? 1 : s->lanes;
    return (Traffic){lanes * COST_ROW * near, COST_LINE * part * near};
}

/* Schedules that differ in tiles only, and what they cost alike. */
typedef struct Nests {
    const Contraction *c;
    const ScheduleRequest *request;
    const Schedule *s;
    double steps;  /* of a tile */
    double stores; /* of all results */
    Traffic traffic;
    double packing; /* an operand without padding */
    double copying; /* pairs of others */
    double vector_load;
    double wait;    /* for a vector, whatever else is done meanwhile */
    double lagging; /* the same for a step, by the other operand */
    int64_t most_rows, most_result_rows;
} Nests;

/* Pairs of an operand whose elements lie beside one another, or apart. */
static double pairing_cost(const Contraction *c, int operand) {
    const IndexMap *map = &c->operand[operand].map;
    return operand_elements(c, operand) *
           (map->stride[map->rank - 1] == 1 ? COST_PAIR : 2 * COST_PACK);
}

static Nests nests_of(const Contraction *c, const ScheduleRequest *request, const Schedule *s) {
    bool packs = s->pack && !request->prepared[s->vector_operand];
    double copying = 0;
    for (int i = 0; i < 2 && c->paired; i++)
        if (!request->prepared[i] && !(s->pack && i == s->vector_operand))
            copying += pairing_cost(c, i);
    return (Nests){.c = c,
                   .request = request,
                   .s = s,
                   .steps = steps_of_tile(c, s),
                   .stores = schedule_stores(c, request, s),
                   .traffic = traffic_of(c, request, s),
                   .copying = copying,
                   .packing = packs ? COST_PACK * (c->paired ? 2 : 1) *
                                          operand_elements(c, s->vector_operand)
                                    : 0,
                   .vector_load = vector_load_cost(c, s),
                   .wait = !s->pack && collides(c, s->vector_operand) ? COST_COLLISION : 0,
                   .lagging = collides(c, 1 - s->vector_operand) ? COST_COLLISION : 0,
                   .most_rows = most_rows(c, s),
                   .most_result_rows = most_result_rows(c, request)};
}

/* One tile: all its steps, and what surrounds them. */
static double tile_cost(const Nests *nests, TileCounts tile) {
    const Schedule *s = nests->s;
    double products = (double)tile.products, vector_load = nests->vector_load;
    bool summed = schedule_sums_lanes(nests->c, s);
    double loads =
        (double)tile.loads[s->vector_operand] * vector_load +
        (double)tile.loads[1 - s->vector_operand] * (summed ? vector_load : COST_BROADCAST);
    if (!nests->request->target->fma) products *= 2;
    double step = products > loads ? products : loads;
    if (step < COST_LATENCY) step = COST_LATENCY;
    step += 0.1 * loads + COST_STEP / s->unroll;
    step += (double)tile.loads[s->vector_operand] * nests->wait + nests->lagging;
    int64_t rows = tile.loads[1 - s->vector_operand];
    if (rows > nests->most_rows) step += (double)rows;
    double fold = summed && s->lanes > 1 ? COST_FOLD * products : 0;
    double stores = rows > nests->most_result_rows ? COST_EVICTED : 2;
    double least =
        nests->traffic.row * (double)tile.rows + nests->traffic.vector * (double)tile.products;
    double cost = nests->steps * step + fold + COST_TILE + stores * products;
    return cost > least ? cost : least;
}

/* The sum over all tiles; each dim has whole tiles and perhaps a smaller last one. */
static double tiles_cost(const Nests *nests, int dim, TileCounts tile) {
    const Contraction *c = nests->c;
    double times = 1;
    for (; dim < c->out_count; dim++) {
        int64_t extent = c->dims[dim].extent, size = nests->s->tile[dim];
        int64_t whole = extent / size, rest = extent - whole * size;
        TileCounts full = tile_extend(c, nests->s, tile, dim, size);
        if (rest > 0) {
            double cost = tiles_cost(nests, dim + 1, tile_extend(c, nests->s, tile, dim, rest));
            if (whole > 0) cost += (double)whole * tiles_cost(nests, dim + 1, full);
            return times * cost;
        }
        times *= (double)whole;
        tile = full;
    }
    return times * tile_cost(nests, tile);
}

/* The cost of the nest with these whole tiles; or, where it is more than `limit`, of less than all
 * of it. */
static double cost_within(const Nests *nests, TileCounts tile, double limit) {
    const Contraction *c = nests->c;
    const Schedule *s = nests->s;
    const double margin = 1 - 1e-9; /* the two ways to add up are rounded differently */
    double whole_tiles = tile_cost(nests, tile);
    int shapes = 1; /* tiles of different sizes: each is code of its own */
    for (int d = 0; d < c->out_count; d++) {
        int64_t extent = c->dims[d].extent, whole = extent / s->tile[d];
        whole_tiles *= (double)whole;
        if (whole > 0 && whole * s->tile[d] != extent) shapes *= 2;
    }
    double more = 1 + COST_SHAPE * (shapes - 1), packing = 0, stores = nests->stores;
    int turned = schedule_turns(c, s);
    if (turned >= 0 && nests->request->window[turned] == 1)
        stores *= COST_TURN / COST_SCATTER / (double)s->tile[turned];
    if (nests->packing > 0) {
        int64_t extent = c->dims[s->lane].extent;
        packing =
            nests->packing * (double)round_up_i64(extent, s->vectors * s->lanes) / (double)extent;
    }
    packing += nests->copying;
    double least = ((whole_tiles + stores) * more + packing) * margin;
    if (least > limit) return least;
    return (tiles_cost(nests, 0, one_element) + stores) * more + packing;
}

/* Whether the sums of a panel of the lane dim should be made chunk by chunk: then what is read of
 * the vector operand is used by several tiles while it is in cache. */
static bool blocks_pay(const Contraction *c, const Schedule *s) {
    if (s->lane < c->outer_count || is_summed(c, s->lane) || c->anchor->op == OP_conv_dw ||
        contract_needs_halo(c, 0) || contract_needs_halo(c, 1))
        return false;
    int64_t tiles = 1;
    for (int d = c->outer_count; d < c->out_count; d++)
        if (d != s->lane && c->dims[d].axis[s->vector_operand] < 0)
            tiles *= (c->dims[d].extent + s->tile[d] - 1) / s->tile[d];
    return tiles >= 4;
}

/* Whether every panel of the lane dim would fetch the other operand from memory, while the totals
 * of all results stay in the core's own cache. */
static bool rows_come_again(const Contraction *c, const ScheduleRequest *request,
                            const Schedule *s) {
    double l2 = (double)request->target->l2;
    double totals = 4 * (double)type_numel(&c->anchor->type);
    return c->outer_count == 0 && c->dims[s->lane].extent > 2 * s->tile[s->lane] && !s->pack &&
           4 * operand_elements(c, 1 - s->vector_operand) > 4 * l2 && totals <= l2 / 4;
}

/* Leading summed dims that go outside: for accuracy, and so that a chunk's operands stay in cache
 * while all tiles pass over them. */
static void choose_chunks(const Contraction *c, const ScheduleRequest *request, Schedule *s) {
    s->chunk_dims = 0;
    s->chunk = 1;
    int end = c->out_count + c->sum_count;
    double products = 1;
    for (int d = c->out_count; d < end; d++)
        products *= (double)c->dims[d].extent;
    bool copies = s->pack || c->paired || contract_needs_halo(c, 0) || contract_needs_halo(c, 1);
    bool images = c->anchor->op == OP_conv_dw && c->sum_count > 0;
    double chain = schedule_sums_lanes(c, s) ? (double)SCHEDULE_CHAIN * s->lanes : SCHEDULE_CHAIN;
    s->chunk_level = 0;
    if (products > SCHEDULE_BLOCK * 1.25 && blocks_pay(c, s)) {
        s->chunk_level = rows_come_again(c, request, s) ? 0 : c->outer_count + 1;
        chain = SCHEDULE_BLOCK;
    }
    if (!images && products <= chain) return;
    for (int d = c->out_count; d < end; d++) {
        int64_t extent = c->dims[d].extent;
        products /= (double)(extent > 0 ? extent : 1);
        s->chunk_dims++;
        if (products > chain) continue;
        int64_t most = (int64_t)(chain / products);
        if (images) {
            /* A chunk is at least some hundred steps, so that what surrounds them doesn't count. */
            double bytes = (operand_elements(c, 0) + operand_elements(c, 1)) * 4 / (double)extent;
            int64_t fits = (int64_t)((double)request->target->l2 / 2 / bytes);
            int64_t wanted = copies ? (int64_t)(256 / products) : fits;
            most = at_most(most, wanted < 1 ? 1 : wanted);
        }
        if (most >= extent && s->chunk_dims == 1 && !images) {
            s->chunk_dims = 0;
            return;
        }
        if (most > extent) most = extent;
        int64_t parts = (extent + most - 1) / most;
        for (int64_t more = parts; more <= parts + 2; more++)
            if (extent % more == 0) parts = more, more += 2; /* equal chunks are less text */
        s->chunk = (extent + parts - 1) / parts;
        return;
    }
}

int schedule_blocked(const Schedule *s) {
    return s->block > 0 ? s->order[s->chunk_level] : -1;
}

/* Where a chunk of all rows is far larger than the cache that is a core's own, every panel would
 * fetch it from afar: rows go in blocks of which a chunk stays there. */
static void choose_block(const Contraction *c, const ScheduleRequest *request, Schedule *s) {
    s->block = 0;
    if (s->chunk_dims != 1 || s->chunk_level == 0 || s->chunk_level >= c->out_count) return;
    int d = s->order[s->chunk_level];
    int64_t rows = c->dims[d].extent, l2 = (int64_t)request->target->l2;
    int64_t bytes = 4 * s->chunk * (s->pieces > 1 ? s->pieces : 1);
    if (rows * bytes <= 4 * l2) return;
    s->block = l2 * 3 / 8 / bytes / s->tile[d] * s->tile[d];
}

static void choose_unroll(const Contraction *c, Schedule *s) {
    int64_t products = 1;
    for (int d = 0; d < c->out_count; d++)
        products *= d == s->lane ? s->vectors : s->tile[d];
    s->unroll = 1;
    if (c->sum_count == 0) return;
    int last = c->out_count + c->sum_count - 1;
    int64_t extent = c->dims[last].extent;
    if (last == s->lane) extent /= s->lanes;
    int64_t steps = at_most(extent, products >= 12 ? 1 : 1 + 12 / products);
    s->unroll = steps < 1 ? 1 : (int)steps;
}

/* Whether the result comes from memory, and lies in rows of which a tile has a part, while the
 * whole vector operand stays in the core's own cache: then it is better met row by row. */
static bool result_passes_by(const Contraction *c, const ScheduleRequest *request,
                             const Schedule *s) {
    if (c->out_count != c->outer_count + 2 || s->lane < c->outer_count || s->chunk_dims > 0 ||
        schedule_sums_lanes(c, s))
        return false;
    const ContractDim *lane = &c->dims[s->lane];
    const ContractDim *rows = &c->dims[2 * c->outer_count + 1 - s->lane];
    double l2 = (double)request->target->l2, bytes = 4 * (double)lane->extent;
    return contract_stores_along(c, s->lane) && rows->axis[s->vector_operand] < 0 &&
           lane->extent > s->tile[s->lane] && bytes * steps_of_tile(c, s) <= l2 / 2 &&
           schedule_result_afar(c, request->target);
}

/* Dims that move the vector operand come first: a tile of it stays in cache while the rest of the
 * other one passes. */
static void choose_order(const Contraction *c, const ScheduleRequest *request, Schedule *s) {
    int count = 0;
    for (int d = 0; d < c->outer_count; d++)
        s->order[count++] = d;
    if (s->lane >= c->outer_count && s->lane < c->out_count) s->order[count++] = s->lane;
    for (int pass = 0; pass < 2; pass++)
        for (int d = c->outer_count; d < c->out_count; d++) {
            bool moves_vectors = c->dims[d].axis[s->vector_operand] >= 0;
            if (d != s->lane && moves_vectors == (pass == 0)) s->order[count++] = d;
        }
    if (!result_passes_by(c, request, s)) return;
    s->order[count - 2] = s->order[count - 1];
    s->order[count - 1] = s->lane;
}

void schedule_finish(const Contraction *c, const ScheduleRequest *request, Schedule *s) {
    s->chunk_level = s->chunk_dims > 0 && blocks_pay(c, s) ? c->outer_count + 1 : 0;
    choose_order(c, request, s);
    choose_block(c, request, s);
}

typedef struct Search {
    const Contraction *c;
    const ScheduleRequest *request;
    Schedule *out; /* the candidates wanted, or NULL */
    double *costs; /* theirs, or NULL */
    int limit, count;
    Schedule best;
    double best_cost;
} Search;

/* False when the tile is too large for the registers: then larger ones are, too. */
static bool consider(Search *search, const Nests *nests, Schedule *s, TileCounts tile) {
    const Contraction *c = search->c;
    int64_t held = at_most(tile.loads[0], tile.loads[1]);
    int64_t registers = search->request->target->registers;
    if (tile.products > SCHEDULE_MAX_ACCUMULATORS) return false;
    if (tile.products > 1 && tile.products + held + 1 > registers) return false;
    choose_unroll(c, s);
    if (search->out) {
        choose_chunks(c, search->request, s);
        choose_order(c, search->request, s);
        choose_block(c, search->request, s);
        if (search->count < search->limit) {
            search->out[search->count] = *s;
            if (search->costs) search->costs[search->count] = cost_within(nests, tile, DBL_MAX);
        }
        search->count++;
        return true;
    }
    double limit = search->count++ > 0 ? search->best_cost : DBL_MAX;
    double cost = cost_within(nests, tile, limit);
    if (cost >= limit) return true;
    search->best = *s;
    search->best_cost = cost;
    return true;
}

/* The next tile size worth trying after `size`: sizes that split the dim into fewer, equal parts,
 * rounded up to whole windows. 0 when there is none. */
static int64_t next_size(int64_t extent, int64_t window, int64_t size) {
    for (int64_t next = size + window; next <= SCHEDULE_MAX_ACCUMULATORS; next += window) {
        if (next >= extent) return size < extent ? round_up_i64(extent, window) : 0;
        int64_t parts = (extent + next - 1) / next;
        if (round_up_i64((extent + parts - 1) / parts, window) == next) return next;
    }
    return 0;
}

/* Tiles over up to two more result dims. False when the first, which holds so much, is too large.
 */
static bool try_tiles(Search *search, const Nests *nests, Schedule *s, TileCounts tile, int first,
                      int left) {
    const Contraction *c = search->c;
    if (!consider(search, nests, s, tile)) return false;
    if (left == 0) return true;
    for (int d = first; d < c->out_count; d++) {
        bool shared = c->dims[d].axis[0] >= 0 && c->dims[d].axis[1] >= 0;
        if (d == s->lane || shared || d < c->outer_count) continue;
        int64_t window = search->request->window[d], start = s->tile[d];
        for (int64_t size = next_size(c->dims[d].extent, window, start); size;
             size = next_size(c->dims[d].extent, window, size)) {
            s->tile[d] = size;
            TileCounts larger = tile_extend(c, s, tile, d, size / start);
            if (!try_tiles(search, nests, s, larger, d + 1, left - 1)) break;
        }
        s->tile[d] = start;
    }
    return true;
}

static void try_lane(Search *search, int lane, int vector_operand, bool pack, int lanes) {
    const Contraction *c = search->c;
    Schedule s = {.lane = lane,
                  .lanes = lanes,
                  .pairs = c->paired > 0,
                  .vector_operand = vector_operand,
                  .pack = pack};
    for (int d = 0; d < c->out_count; d++)
        s.tile[d] = search->request->window[d];
    bool summed = lane < 0 || is_summed(c, lane);
    int64_t extent = lane < 0 ? 1 : c->dims[lane].extent;
    int64_t most = summed ? 1 : (extent + lanes - 1) / lanes;
    int64_t window = summed ? 1 : search->request->window[lane];
    int64_t step = window;
    Nests nests = nests_of(c, search->request, &s);
    for (int64_t vectors = step; vectors <= 8; vectors += step) {
        s.vectors = (int)vectors;
        if (!summed) s.tile[lane] = vectors * lanes;
        TileCounts tile = one_element;
        for (int d = 0; d < c->out_count; d++)
            tile = tile_extend(c, &s, tile, d, s.tile[d]);
        if (!try_tiles(search, &nests, &s, tile, 0, 2) || vectors >= most) break;
    }
}

static void search_all(Search *search) {
    const Contraction *c = search->c;
    int lanes = target_lanes(search->request->target, c->anchor->type.dtype);
    for (int d = c->outer_count; d < c->out_count; d++) {
        for (int operand = 0; operand < 2; operand++) {
            if (c->dims[d].axis[operand] < 0 || c->dims[d].axis[1 - operand] >= 0) continue;
            int64_t window = search->request->window[d];
            if (window > 2 && lanes > 1) continue;
            int64_t stride = schedule_stride(c, operand, d);
            if (lanes == 1 || stride == 1 || stride == 2)
                try_lane(search, d, operand, false, lanes);
            if (lanes > 1) try_lane(search, d, operand, true, lanes);
        }
    }
    for (int d = c->out_count; lanes > 1 && d < c->out_count + c->sum_count; d++)
        if (schedule_stride(c, 0, d) == 1 && schedule_stride(c, 1, d) == 1)
            try_lane(search, d, CONTRACT_A, false, lanes);
    /* A single dot product of strided operands, or one product for each result element. */
    if (search->count == 0) try_lane(search, -1, CONTRACT_A, false, 1);
}

/* Schedules of other ways than the nest, and their costs. */
typedef struct Others {
    Schedule item[WINOGRAD_SCHEDULES + SLIDE_SCHEDULES + MATRIX_SCHEDULES];
    double cost[WINOGRAD_SCHEDULES + SLIDE_SCHEDULES + MATRIX_SCHEDULES];
    int count;
} Others;

static void find_others(const Contraction *c, const ScheduleRequest *request, Others *o) {
    o->count = winograd_schedules(c, request, o->item, o->cost);
    for (int i = 0; i < o->count; i++)
        o->cost[i] /= WINOGRAD_GAIN;
    o->count += slide_schedules(c, request, o->item + o->count, o->cost + o->count);
    o->count += matrix_schedules(c, request, o->item + o->count, o->cost + o->count);
}

/* Whether sums may and can be made of pairs of bfloat16 numbers: `paired`. */
static bool find_pairs(const Contraction *c, const ScheduleRequest *request, Contraction *paired) {
    *paired = *c;
    return request->precision == PRECISION_MEDIUM && request->target->bf16 && contract_pair(paired);
}

bool schedule_choose(const Contraction *c, const ScheduleRequest *request, Schedule *best) {
    Search search = {.c = c, .request = request};
    search_all(&search);
    if (search.count == 0) return false;
    choose_chunks(c, request, &search.best);
    choose_order(c, request, &search.best);
    choose_block(c, request, &search.best);
    *best = search.best;
    double least = search.best_cost;
    Others others;
    find_others(c, request, &others);
    for (int i = 0; i < others.count; i++) {
        if (others.cost[i] >= least) continue;
        least = others.cost[i];
        *best = others.item[i];
    }
    Contraction paired;
    if (!find_pairs(c, request, &paired)) return true;
    Search pairs = {.c = &paired, .request = request};
    search_all(&pairs);
    if (pairs.count == 0 || pairs.best.lanes == 1 || pairs.best_cost >= least) return true;
    choose_chunks(&paired, request, &pairs.best);
    choose_order(&paired, request, &pairs.best);
    choose_block(&paired, request, &pairs.best);
    *best = pairs.best;
    return true;
}

int schedule_candidates(const Contraction *c, const ScheduleRequest *request, Schedule *out,
                        double *costs, int limit) {
    Search search = {.c = c, .request = request, .out = out, .costs = costs, .limit = limit};
    search_all(&search);
    Others others;
    find_others(c, request, &others);
    for (int i = 0; i < others.count; i++, search.count++) {
        if (search.count >= limit) continue;
        out[search.count] = others.item[i];
        if (costs) costs[search.count] = others.cost[i];
    }
    Contraction paired;
    search.c = &paired;
    if (find_pairs(c, request, &paired)) search_all(&search);
    return search.count;
}

void schedule_print(Buf *out, const Contraction *c, const Schedule *s) {
    if (s->pieces > 1) buf_printf(out, "%d bfloat16 pieces, ", s->pieces);
    if (s->pieces == 1) buf_puts(out, "bfloat16 tiles, ");
    if (s->pairs && !s->pieces) buf_puts(out, "bfloat16, ");
    if (s->winograd) buf_printf(out, "Winograd %dx%d, ", s->winograd, s->winograd);
    if (s->slide) buf_puts(out, "sliding window, ");
    const char *lane = s->lane < 0 ? "none" : c->dims[s->lane].name;
    buf_printf(out, "lanes %s %dx%d", lane, s->lanes, s->vectors);
    for (int d = 0; d < c->out_count; d++)
        if (d != s->lane && s->tile[d] > 1)
            buf_printf(out, ", %s %lld", c->dims[d].name, (long long)s->tile[d]);
    if (s->pack) buf_printf(out, ", pack %s", s->vector_operand == CONTRACT_A ? "a" : "b");
    if (s->unroll > 1) buf_printf(out, ", unroll %d", s->unroll);
    if (s->chunk_dims > 0)
        buf_printf(out, ", chunk %s %lld", c->dims[c->out_count + s->chunk_dims - 1].name,
                   (long long)s->chunk);
    if (s->block > 0)
        buf_printf(out, ", block %s %lld", c->dims[schedule_blocked(s)].name, (long long)s->block);
    if (s->lane >= 0 && c->out_count > c->outer_count + 1 && s->order[c->out_count - 1] == s->lane)
        buf_printf(out, ", %s inside", c->dims[s->lane].name);
}
