/* Which schedules a contraction can be run by. What schedule.c proposes is; files of schedules may
 * say anything. */
#include <string.h>

#include "codegen/matrix.h"
#include "codegen/schedule.h"
#include "codegen/slide.h"
#include "codegen/winograd.h"
#include "support/checked.h"

enum { MAX_VECTORS = 8, MAX_UNROLL = 16, MAX_STEP_TEXT = 128 };

bool schedule_equal(const Schedule *a, const Schedule *b) {
    return a->lane == b->lane && a->lanes == b->lanes && a->vectors == b->vectors &&
           a->pairs == b->pairs && a->vector_operand == b->vector_operand && a->pack == b->pack &&
           memcmp(a->tile, b->tile, sizeof a->tile) == 0 && a->unroll == b->unroll &&
           memcmp(a->order, b->order, sizeof a->order) == 0 && a->chunk_dims == b->chunk_dims &&
           a->chunk == b->chunk && a->chunk_level == b->chunk_level && a->block == b->block &&
           a->winograd == b->winograd && a->slide == b->slide && a->pieces == b->pieces &&
           a->row == b->row;
}

typedef struct Check {
    const Contraction *c;
    const ScheduleRequest *request;
    const Schedule *s;
    Buf *why;
} Check;

__attribute__((format(printf, 2, 3))) static bool fail(const Check *check, const char *format,
                                                       ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(check->why, format, args);
    va_end(args);
    return false;
}

static bool is_result(const Contraction *c, int dim) {
    return dim >= 0 && dim < c->out_count;
}

static bool check_lane(const Check *check) {
    const Contraction *c = check->c;
    const Schedule *s = check->s;
    int lanes = target_lanes(check->request->target, c->anchor->type.dtype);
    if (s->vector_operand != CONTRACT_A && s->vector_operand != CONTRACT_B)
        return fail(check, "there are two operands");
    if (s->lane < 0) {
        if (s->vector_operand != CONTRACT_A || s->lanes != 1 || s->vectors != 1 || s->pack)
            return fail(check, "without a lane dim there are no vectors");
        return true;
    }
    const ContractDim *dim = &c->dims[s->lane];
    if (s->lanes != lanes)
        return fail(check, "%d lanes: vectors of the target have %d", s->lanes, lanes);
    if (!is_result(c, s->lane)) {
        bool flat = schedule_stride(c, 0, s->lane) == 1 && schedule_stride(c, 1, s->lane) == 1;
        if (lanes == 1 || s->vectors != 1 || s->pack || s->vector_operand != CONTRACT_A || !flat)
            return fail(check, "the summed dim %s can't be the lane dim so", dim->name);
        return true;
    }
    int other = 1 - s->vector_operand;
    if (s->lane < c->outer_count || dim->axis[s->vector_operand] < 0 || dim->axis[other] >= 0)
        return fail(check, "operand %c has no vectors along %s", 'a' + s->vector_operand,
                    dim->name);
    int64_t window = check->request->window[s->lane], extent = dim->extent;
    int64_t most = round_up_i64((extent + lanes - 1) / lanes, window);
    if (s->vectors < 1 || s->vectors > MAX_VECTORS || s->vectors > (most > 0 ? most : 1) ||
        s->vectors % window != 0)
        return fail(check, "%d vectors along %s, which has %lld elements", s->vectors, dim->name,
                    (long long)extent);
    if (lanes == 1) return !s->pack || fail(check, "a target without vectors packs nothing");
    int64_t stride = schedule_stride(c, s->vector_operand, s->lane);
    if (window > 2) return fail(check, "vectors along a window of more than two");
    if (!s->pack && stride != 1 && stride != 2)
        return fail(check, "vectors along %s need \"pack\"", dim->name);
    return true;
}

/* Sizes of tiles, and whether the registers hold one. */
static bool check_tile(const Check *check) {
    const Contraction *c = check->c;
    const Schedule *s = check->s;
    int64_t products = 1, loads[2] = {1, 1};
    for (int d = 0; d < c->out_count; d++) {
        int64_t window = check->request->window[d], size = s->tile[d];
        int64_t most = round_up_i64(c->dims[d].extent, window), count = size;
        bool shared = c->dims[d].axis[0] >= 0 && c->dims[d].axis[1] >= 0;
        if (d == s->lane) {
            count = s->vectors;
        } else if (size < 1 || size % window != 0 || (size > most && size > window) ||
                   ((shared || d < c->outer_count) && size != window)) {
            return fail(check, "a tile can't have %lld of %s", (long long)size, c->dims[d].name);
        }
        if (size > (int64_t)SCHEDULE_MAX_ACCUMULATORS * s->lanes) products = INT32_MAX;
        if (products > SCHEDULE_MAX_ACCUMULATORS) break;
        products *= count;
        for (int i = 0; i < 2; i++)
            if (c->dims[d].axis[i] >= 0) loads[i] *= count;
    }
    int64_t held = products + (loads[0] < loads[1] ? loads[0] : loads[1]) + 1;
    if (products > SCHEDULE_MAX_ACCUMULATORS ||
        (products > 1 && held > check->request->target->registers))
        return fail(check, "a tile larger than the target's %d registers",
                    check->request->target->registers);
    int last = c->out_count + c->sum_count - 1;
    int64_t steps = c->sum_count == 0 ? 1 : c->dims[last].extent;
    if (last == s->lane) steps /= s->lanes;
    if (s->unroll < 1 || s->unroll > MAX_UNROLL || (s->unroll > 1 && s->unroll > steps) ||
        s->unroll * products > MAX_STEP_TEXT)
        return fail(check, "%d steps can't be written out", s->unroll);
    return true;
}

static bool check_order(const Check *check) {
    const Contraction *c = check->c;
    const Schedule *s = check->s;
    bool seen[CONTRACT_MAX_DIMS] = {false};
    for (int i = 0; i < c->out_count; i++) {
        int d = s->order[i];
        if (d < 0 || d >= c->out_count || seen[d])
            return fail(check, "\"order\" needs each result dim once");
        seen[d] = true;
        if (i < c->outer_count && d != i)
            return fail(check, "%s has to be outside of the others", c->dims[i].name);
    }
    /* Chunks and their totals count on panels outside; without chunks, rows may be. */
    bool first = !is_result(c, s->lane) || s->order[c->outer_count] == s->lane;
    bool last = is_result(c, s->lane) && s->order[c->out_count - 1] == s->lane;
    return first || (last && s->chunk_dims == 0) ||
           fail(check,
                "the lane dim %s has to be the first of the inner ones, or without chunks the "
                "last",
                c->dims[s->lane].name);
}

/* Chunks, and whether they keep chains of sums short. */
static bool check_chunks(const Check *check) {
    const Contraction *c = check->c;
    const Schedule *s = check->s;
    int inside = c->out_count + s->chunk_dims;
    if (s->chunk_dims < 0 || s->chunk_dims > c->sum_count)
        return fail(check, "chunks of %d dims of %d", s->chunk_dims, c->sum_count);
    if (s->chunk_dims == 0 && (s->chunk != 1 || s->chunk_level != 0))
        return fail(check, "a size of chunks, of which there are none");
    int64_t extent = s->chunk_dims == 0 ? 1 : c->dims[inside - 1].extent;
    if (s->chunk < 1 || s->chunk > (extent > 1 ? extent : 1))
        return fail(check, "a chunk of %lld of %lld", (long long)s->chunk, (long long)extent);
    double chain = (double)s->chunk, longest = SCHEDULE_CHAIN;
    for (int d = inside; d < c->out_count + c->sum_count; d++)
        chain *= (double)c->dims[d].extent;
    if (schedule_sums_lanes(c, s)) longest *= s->lanes;
    if (chain > longest) return fail(check, "sums of more than %d products", SCHEDULE_CHAIN);
    if (s->chunk_dims > 0 && s->pairs && c->paired % 2)
        return fail(check, "chunks of an odd number of products by pairs");
    if (s->chunk_level == 0) return true;
    bool panels = is_result(c, s->lane) && s->lane >= c->outer_count &&
                  c->anchor->op != OP_conv_dw && !contract_needs_halo(c, 0) &&
                  !contract_needs_halo(c, 1);
    return (panels && s->chunk_level == c->outer_count + 1) ||
           fail(check, "chunks can't be inside of %d result dims", s->chunk_level);
}

static bool check_block(const Check *check) {
    const Contraction *c = check->c;
    const Schedule *s = check->s;
    if (s->block == 0) return true;
    if (s->block < 0 || s->chunk_level == 0 || s->chunk_level >= c->out_count)
        return fail(check, "blocks without chunks inside of the lane dim");
    int d = schedule_blocked(s);
    if (s->block % s->tile[d] != 0 || s->block > round_up_i64(c->dims[d].extent, s->tile[d]))
        return fail(check, "a block of %lld of %s", (long long)s->block, c->dims[d].name);
    return true;
}

/* Windows that slide have one schedule for a number of vectors. */
static bool check_slide(const Check *check) {
    Schedule all[SLIDE_SCHEDULES];
    double costs[SLIDE_SCHEDULES];
    int count = slide_schedules(check->c, check->request, all, costs);
    for (int i = 0; i < count; i++)
        if (schedule_equal(&all[i], check->s)) return true;
    return fail(check, "no sliding window of that form");
}

/* A matrix unit has tiles of one size. */
static bool check_pieces(const Check *check) {
    Schedule all[MATRIX_SCHEDULES];
    double costs[MATRIX_SCHEDULES];
    int count = matrix_schedules(check->c, check->request, all, costs);
    for (int i = 0; i < count; i++)
        if (schedule_equal(&all[i], check->s)) return true;
    return fail(check, "no tiles of a matrix unit of that form");
}

bool schedule_check(const Contraction *c, const ScheduleRequest *request, const Schedule *s,
                    Buf *why) {
    Contraction paired = *c;
    Check check = {.c = c, .request = request, .s = s, .why = why};
    if (s->lane < -1 || s->lane >= c->out_count + c->sum_count)
        return fail(&check, "there is no such lane dim");
    if (s->winograd)
        return winograd_allows(c, request, s) || fail(&check, "no Winograd tiles of that form");
    if (s->slide) return check_slide(&check);
    if (s->pieces) return check_pieces(&check);
    if (s->pairs) {
        check.c = &paired;
        if (request->precision != PRECISION_MEDIUM || !request->target->bf16 ||
            !contract_pair(&paired))
            return fail(&check, "no sums by pairs of bfloat16 numbers");
    }
    return check_lane(&check) && check_tile(&check) && check_order(&check) &&
           check_chunks(&check) && check_block(&check);
}
