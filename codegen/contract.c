/* Emits the loop nest of a contraction, as its schedule says (schedule.h). */
#include "codegen/contract.h"

#include <string.h>

#include "codegen/contract_internal.h"
#include "codegen/matrix.h"
#include "codegen/slide.h"
#include "codegen/winograd.h"
#include "support/checked.h"

void tile_offsets(const Nest *nest, const Tile *tile, int i, int64_t *offsets) {
    int64_t left = i;
    for (int d = nest->c->out_count - 1; d >= 0; d--) {
        offsets[d] = left % tile->count[d] * (d == nest->s->lane ? nest->s->lanes : 1);
        left /= tile->count[d];
    }
}

int tile_position(const Nest *nest, const Tile *tile, const int64_t *offsets) {
    int64_t at = 0;
    for (int d = 0; d < nest->c->out_count; d++) {
        int64_t index = d == nest->s->lane ? offsets[d] / nest->s->lanes : offsets[d];
        at = at * tile->count[d] + index;
    }
    return (int)at;
}

int tile_active(const Nest *nest, int64_t lane_offset) {
    if (nest->s->lane < 0 || schedule_sums_lanes(nest->c, nest->s)) return 1;
    int64_t left = nest->size[nest->s->lane] - lane_offset;
    return left < nest->s->lanes ? (int)left : nest->s->lanes;
}

static int dim_end(const Nest *nest) {
    return nest->c->out_count + nest->c->sum_count;
}

/* A loaded element or vector of an operand, kept while one step is emitted. */
typedef struct StepLoad {
    int64_t offset;
    int active;
    KVal *value;
} StepLoad;

typedef struct Step {
    Nest *nest;
    Tile *tile;
    KVal *in[CONTRACT_MAX_DIMS];                 /* index of each summed dim within its chunk */
    int active;                                  /* lanes, when lanes are summed */
    StepLoad need[2][SCHEDULE_MAX_ACCUMULATORS]; /* what each accumulator reads, without values */
    StepLoad load[2][SCHEDULE_MAX_ACCUMULATORS];
    int load_count[2];
} Step;

static KVal *step_address(const Step *step, int operand) {
    const Nest *nest = step->nest;
    const NestOperand *o = &nest->operand[operand];
    KBuilder *b = nest->b;
    KVal *address = k_index(b, o->start);
    for (int d = 0; d < dim_end(nest); d++)
        if (nest->at[d]) address = k_add(b, address, k_muli(b, nest->at[d], o->stride[d]));
    for (int d = nest->c->out_count; d < dim_end(nest); d++)
        if (step->in[d]) address = k_add(b, address, k_muli(b, step->in[d], o->inner[d]));
    return address;
}

static KVal *load_vector(Nest *nest, int operand, KVal *address, int64_t offset, int active) {
    KBuilder *b = nest->b;
    const NestOperand *o = &nest->operand[operand];
    KBuf *buf = o->buf;
    int lanes = nest->s->lanes;
    if (nest->s->lane < nest->c->out_count && o->inner[nest->s->lane] == 2)
        return lower_load_even(b, buf, k_addi(b, address, offset), lanes, active);
    if (nest->copy[operand].packed || active == lanes) /* packed ones are filled up with zeros */
        return k_load_at(b, buf, address, offset, lanes);
    return k_load_tail(b, buf, k_addi(b, address, offset), lanes, active);
}

/* Whether the operand is read as vectors. */
static bool reads_vectors(const Nest *nest, int operand) {
    if (schedule_sums_lanes(nest->c, nest->s)) return true;
    return operand == nest->s->vector_operand && nest->s->lanes > 1;
}

/* What each accumulator reads of an operand: the same in each step. */
static void find_needs(Step *step, int operand) {
    const Nest *nest = step->nest;
    for (int i = 0; i < step->tile->total; i++) {
        int64_t offsets[CONTRACT_MAX_DIMS];
        tile_offsets(nest, step->tile, i, offsets);
        StepLoad *need = &step->need[operand][i];
        *need = (StepLoad){0, 1, NULL};
        for (int d = 0; d < nest->c->out_count; d++)
            need->offset += offsets[d] * nest->operand[operand].inner[d];
        if (reads_vectors(nest, operand) && !schedule_sums_lanes(nest->c, nest->s))
            need->active = tile_active(nest, offsets[nest->s->lane]);
    }
}

/* Loaded once a step. */
static KVal *step_load(Step *step, int operand, KVal *address, StepLoad need) {
    Nest *nest = step->nest;
    KBuilder *b = nest->b;
    if (schedule_sums_lanes(nest->c, nest->s)) need.active = step->active;
    for (int i = 0; i < step->load_count[operand]; i++) {
        StepLoad *load = &step->load[operand][i];
        if (load->offset == need.offset && load->active == need.active) return load->value;
    }
    if (reads_vectors(nest, operand))
        need.value = load_vector(nest, operand, address, need.offset, need.active);
    else
        need.value = k_splat(b, k_load_at(b, nest->operand[operand].buf, address, need.offset, 1),
                             nest->s->lanes);
    step->load[operand][step->load_count[operand]++] = need;
    return need.value;
}

static KVal *multiply_add(const Nest *nest, KVal *x, KVal *y, KVal *sum) {
    KBuilder *b = nest->b;
    if (nest->c->paired) return k_bf16_dot(b, x, y, sum);
    return kkind_is_float(sum->kind) ? k_fma(b, x, y, sum) : k_add(b, k_mul(b, x, y), sum);
}

/* The operand with more distinct loads in a tile. */
static int streamed_operand(const Step *step) {
    const Nest *nest = step->nest;
    int64_t loads[2] = {1, 1};
    for (int operand = 0; operand < 2; operand++)
        for (int d = 0; d < nest->c->out_count; d++)
            if (nest->c->dims[d].axis[operand] >= 0) loads[operand] *= step->tile->count[d];
    int vectors = nest->s->vector_operand;
    return loads[vectors] > loads[1 - vectors] ? vectors : 1 - vectors;
}

/* Whether loads of the operand are to be fenced off from their uses: gcc would put a load of few
 * uses into each of them. */
static bool has_few_uses(const Step *step, int operand) {
    enum { FEW = 4 };
    int count = 0;
    for (int i = 0; i < step->tile->total; i++)
        count += step->need[operand][i].offset == step->need[operand][0].offset;
    return reads_vectors(step->nest, operand) && count > 1 && count <= FEW;
}

/* Loads what stays in registers. */
static void load_held(Step *step, int held, KVal *address) {
    if (!has_few_uses(step, held)) return;
    for (int i = 0; i < step->tile->total; i++)
        step_load(step, held, address, step->need[held][i]);
    k_fence(step->nest->b);
}

/* One product for each accumulator. The operand with fewer loads stays in registers; elements of
 * the other are loaded just before they are used up, which keeps few of them alive. */
static void emit_step(Step *step) {
    Nest *nest = step->nest;
    Tile *tile = step->tile;
    KVal *address[2] = {step_address(step, 0), step_address(step, 1)};
    step->load_count[0] = step->load_count[1] = 0;
    int streamed = streamed_operand(step), held = 1 - streamed;
    bool done[SCHEDULE_MAX_ACCUMULATORS] = {false}, fenced = has_few_uses(step, streamed);
    load_held(step, held, address[held]);
    for (int first = 0; first < tile->total; first++) {
        if (done[first]) continue;
        StepLoad need = step->need[streamed][first];
        KVal *shared = step_load(step, streamed, address[streamed], need);
        if (fenced) k_fence(nest->b);
        for (int i = first; i < tile->total; i++) {
            if (done[i] || step->need[streamed][i].offset != need.offset) continue;
            done[i] = true;
            KVal *value = step_load(step, held, address[held], step->need[held][i]);
            k_set(nest->b, tile->value[i], multiply_add(nest, value, shared, tile->value[i]));
        }
    }
}

static void emit_sums(Step *step, int dim);

/* Whether steps of the summed dim read again what the step before has read for other elements of
 * the tile: neighbours under a window. C compilers would carry that in registers, which are full.
 */
static bool rereads(const Step *step, int dim) {
    const Nest *nest = step->nest;
    for (int operand = 0; operand < 2; operand++) {
        int axis = nest->c->dims[dim].axis[operand];
        for (int d = 0; d < nest->c->out_count && axis >= 0; d++)
            if (step->tile->count[d] > 1 && nest->c->dims[d].axis[operand] == axis) return true;
    }
    return false;
}

/* Elements of the vector operand's panel that each step asks for ahead. Where few tiles of rows
 * meet a panel that comes from afar, the first one would wait for all of it. 0: none. */
static int64_t elements_ahead(const Nest *nest) {
    const Contraction *c = nest->c;
    const Schedule *s = nest->s;
    const KBuf *buf = nest->operand[s->vector_operand].buf;
    bool packed = nest->copy[s->vector_operand].packed;
    if (c->sum_count != 1 || c->out_count != c->outer_count + 2) return 0;
    int rows = s->order[c->out_count - 1];
    if (s->lane < 0 || schedule_sums_lanes(c, s) || rows == s->lane) return 0;
    if (!packed && nest->operand[s->vector_operand].inner[s->lane] != 1) return 0;
    int64_t tiles = (c->dims[rows].extent + s->tile[rows] - 1) / s->tile[rows];
    int64_t panel = (int64_t)s->vectors * s->lanes;
    bool afar = buf->count * (int64_t)dtype_size(buf->dtype) > (int64_t)nest->request->target->l2;
    bool in_order = s->chunk_dims == 0 || s->chunk_level > 0 || !packed;
    bool shared = c->dims[rows].axis[s->vector_operand] >= 0;
    return afar && in_order && !shared && tiles > 1 && tiles <= panel ? (panel + tiles - 1) / tiles
                                                                      : 0;
}

/* The tiles of a panel, one after the other, pass over the part behind the one that they read: of a
 * packed one, each over a range of steps; of one as it lies, each over some columns of all steps.
 */
static void fetch_ahead(const Step *step, int dim, int64_t ahead) {
    const Nest *nest = step->nest;
    const Schedule *s = nest->s;
    KBuilder *b = nest->b;
    const NestOperand *o = &nest->operand[s->vector_operand];
    int rows = s->order[nest->c->out_count - 1];
    bool packed = nest->copy[s->vector_operand].packed;
    int64_t steps = nest->size[dim], behind = steps * o->inner[dim];
    if (!packed && s->chunk_level == 0) behind = (int64_t)s->vectors * s->lanes;
    KVal *address = k_index(b, o->start + behind);
    for (int d = 0; d < dim_end(nest); d++)
        if (nest->at[d]) address = k_add(b, address, k_muli(b, nest->at[d], o->stride[d]));
    KVal *tile = k_divi(b, nest->within[rows] ? nest->within[rows] : nest->at[rows], s->tile[rows]);
    address = k_add(b, address, k_muli(b, tile, packed ? steps * ahead : ahead));
    address = k_add(b, address, k_muli(b, step->in[dim], packed ? ahead : o->inner[dim]));
    k_prefetch(b, o->buf, address);
}

/* Iterations lo, lo + unit, ... of the innermost summed dim, `unroll` written out in each trip. */
static void emit_innermost(Step *step, int dim, int64_t lo, int64_t count, int64_t unit) {
    Nest *nest = step->nest;
    KBuilder *b = nest->b;
    int64_t unroll = nest->s->unroll, whole = count / unroll * unroll;
    int64_t ahead = elements_ahead(nest);
    KVal *i = k_for(b, lo, lo + whole * unit, unroll * unit, 0);
    for (int64_t u = 0; u < (whole > 0 ? unroll : 0); u++) {
        step->in[dim] = k_addi(b, i, u * unit);
        if (ahead > 0) fetch_ahead(step, dim, ahead);
        emit_step(step);
        if (u + 1 < unroll || rereads(step, dim)) k_fence(b);
    }
    k_end(b);
    for (int64_t u = whole; u < count; u++) {
        step->in[dim] = k_index(b, lo + u * unit);
        emit_step(step);
        if (u + 1 < count) k_fence(b);
    }
}

static void emit_range(Step *step, int dim, int64_t lo, int64_t count, int64_t unit) {
    if (count == 0) return;
    if (dim == dim_end(step->nest) - 1) {
        emit_innermost(step, dim, lo, count, unit);
        return;
    }
    step->in[dim] = k_for(step->nest->b, lo, lo + count * unit, unit, 0);
    emit_sums(step, dim + 1);
    k_end(step->nest->b);
}

static void emit_sums(Step *step, int dim) {
    const Nest *nest = step->nest;
    if (dim == dim_end(nest)) {
        emit_step(step); /* no summed dims at all: one product */
        return;
    }
    int64_t size = nest->size[dim];
    if (dim != nest->s->lane) {
        emit_range(step, dim, 0, size, 1);
        return;
    }
    int64_t lanes = nest->s->lanes, whole = size / lanes;
    step->active = (int)lanes;
    emit_range(step, dim, 0, whole, lanes);
    step->active = (int)(size - whole * lanes);
    if (step->active > 0) emit_range(step, dim, whole * lanes, 1, lanes);
}

static void begin_tile(const Nest *nest, Tile *tile) {
    tile->total = 1;
    for (int d = 0; d < nest->c->out_count; d++) {
        int64_t lanes = d == nest->s->lane ? nest->s->lanes : 1;
        tile->count[d] = (nest->size[d] + lanes - 1) / lanes;
        tile->total *= (int)tile->count[d];
    }
}

void contract_tile(Nest *nest) {
    KBuilder *b = nest->b;
    Tile tile = {0};
    begin_tile(nest, &tile);
    epilogue_fetch(nest, &tile);
    if (nest->phase != NEST_FINISH && nest->s->pieces) {
        matrix_sums(nest, &tile);
    } else if (nest->phase != NEST_FINISH) {
        KKind kind = kkind_of(nest->c->anchor->type.dtype);
        KVal *zero = k_number(b, kind, nest->s->lanes, 0);
        for (int i = 0; i < tile.total; i++)
            tile.value[i] = k_var(b, zero);
        Step step = {.nest = nest, .tile = &tile, .active = nest->s->lanes};
        find_needs(&step, CONTRACT_A);
        find_needs(&step, CONTRACT_B);
        emit_sums(&step, nest->c->out_count);
        bool summed = schedule_sums_lanes(nest->c, nest->s);
        for (int i = 0; i < tile.total && summed; i++)
            tile.value[i] = k_sum_lanes(b, tile.value[i]);
    }
    epilogue_tile(nest, &tile);
}

static void emit_results(Nest *nest, int level);
static void emit_chunks(Nest *nest, int chunk, int level);
static void clear_totals(Nest *nest);

/* The epilogue on totals whose lanes are far apart in the result: the dims behind the lane dim are
 * one row, along which squares are turned. False when they are not one. */
static bool finish_along_rows(Nest *nest) {
    const Contraction *whole = nest->c;
    const Schedule *s = nest->s;
    Contraction c = *whole;
    Schedule finish = {.lane = s->lane, .lanes = s->lanes, .vectors = 1};
    int row = s->lane + 1, last = whole->out_count - 1;
    if (nest->epilogue.group->pool || s->lane < 0 || row > last) return false;
    contract_merge_results(&c, nest->epilogue.first, row);
    if (c.out_count != row + 1) return false;
    for (int d = last; d > row; d--)
        if (nest->total_stride[d - 1] != whole->dims[d].extent * nest->total_stride[d])
            return false;
    for (int d = 0; d < c.out_count; d++) {
        finish.tile[d] = d >= s->lane ? s->lanes : 1;
        finish.order[d] = d;
    }
    if (schedule_turns(&c, &finish) < 0) return false;
    int64_t stride = nest->total_stride[row];
    nest->total_stride[row] = nest->total_stride[last];
    nest->c = &c;
    nest->s = &finish;
    emit_results(nest, 0);
    nest->c = whole;
    nest->s = s;
    nest->total_stride[row] = stride;
    return true;
}

/* The result dims from `level` on: chunk by chunk, then through the epilogue. */
static void emit_chunked(Nest *nest, int level) {
    bool again = level > 0 || nest->block_at; /* others may still read the last block's totals */
    if (again && nest->totals->shared) k_meet(nest->b);
    clear_totals(nest);
    nest->phase = NEST_PART;
    emit_chunks(nest, 0, level);
    nest->phase = NEST_FINISH;
    if (nest->totals->shared) k_meet(nest->b);
    if (level > 0 || !finish_along_rows(nest)) emit_results(nest, level);
    nest->phase = NEST_WHOLE;
}

/* Whole blocks, then the smaller last one. */
static void emit_blocks(Nest *nest, int level) {
    KBuilder *b = nest->b;
    int64_t block = nest->s->block, extent = nest->c->dims[schedule_blocked(nest->s)].extent;
    int64_t whole = extent / block * block;
    for (int piece = 0; piece < 2; piece++) {
        int64_t lo = piece == 0 ? 0 : whole, hi = piece == 0 ? whole : extent;
        if (lo == hi) continue;
        nest->block_size = hi - lo < block ? hi - lo : block;
        nest->block_at =
            k_for(b, lo, hi, nest->block_size, nest->part == NEST_BLOCKS ? K_PARALLEL : 0);
        emit_results(nest, level);
        k_end(b);
        nest->block_at = NULL;
    }
}

/* Whole tiles of each result dim, then the smaller last one. */
static void emit_results(Nest *nest, int level) {
    KBuilder *b = nest->b;
    bool chunks = nest->s->chunk_dims > 0;
    if (nest->s->block > 0 && level == nest->c->outer_count && !nest->block_at) {
        emit_blocks(nest, level);
        return;
    }
    if (chunks && level == nest->s->chunk_level && nest->phase == NEST_WHOLE) {
        emit_chunked(nest, level);
        return;
    }
    if (level == nest->c->out_count) {
        contract_tile(nest);
        return;
    }
    int d = nest->s->order[level];
    bool blocked = d == schedule_blocked(nest->s);
    int64_t extent = blocked ? nest->block_size : nest->c->dims[d].extent;
    int64_t tile = nest->s->tile[d], whole = extent / tile * tile;
    for (int piece = 0; piece < 2; piece++) {
        int64_t lo = piece == 0 ? 0 : whole, hi = piece == 0 ? whole : extent;
        if (lo == hi) continue;
        nest->size[d] = piece == 0 ? tile : extent - whole;
        KVal *at = k_for(b, lo, hi, nest->size[d], level == nest->part ? K_PARALLEL : 0);
        nest->at[d] = blocked ? k_add(b, nest->block_at, at) : at;
        if (blocked) nest->within[d] = at;
        if (level == 0 && nest->scoped[d]) contract_copy(nest, true);
        emit_results(nest, level + 1);
        k_end(b);
        nest->at[d] = NULL;
    }
}

static void clear_totals(Nest *nest) {
    KBuilder *b = nest->b;
    int lanes = target_lanes(nest->request->target, nest->totals->dtype);
    KVal *zero = k_number(b, kkind_of(nest->totals->dtype), lanes, 0);
    KVal *i = k_for(b, 0, nest->totals->count, lanes, nest->totals->shared ? K_PARALLEL : 0);
    k_store(b, nest->totals, i, zero);
    k_end(b);
    if (nest->totals->shared) k_meet(b);
}

static void emit_chunks(Nest *nest, int chunk, int level) {
    KBuilder *b = nest->b;
    if (chunk == nest->s->chunk_dims) {
        if (level == 0) contract_copy(nest, true);
        emit_results(nest, level);
        return;
    }
    int d = nest->c->out_count + chunk;
    int64_t extent = nest->c->dims[d].extent;
    int64_t part = chunk == nest->s->chunk_dims - 1 ? nest->s->chunk : 1;
    int64_t whole = extent / part * part;
    for (int piece = 0; piece < 2; piece++) {
        int64_t lo = piece == 0 ? 0 : whole, hi = piece == 0 ? whole : extent;
        if (lo == hi) continue;
        nest->size[d] = piece == 0 ? part : extent - whole;
        nest->at[d] = k_for(b, lo, hi, nest->size[d], 0);
        emit_chunks(nest, chunk + 1, level);
        k_end(b);
        nest->at[d] = NULL;
        nest->size[d] = extent;
    }
}

/* The totals of all chunks, by result dims with the lane dim innermost; without the dims that stand
 * outside of the chunks, but for the vectors of a tile. */
static void bind_totals(Nest *nest) {
    const Schedule *s = nest->s;
    int lanes = target_lanes(nest->request->target, nest->c->anchor->type.dtype);
    int64_t count = 1;
    bool vector = !schedule_sums_lanes(nest->c, s) && s->lane >= 0;
    if (vector) {
        count = (nest->c->dims[s->lane].extent + s->lanes - 1) / s->lanes * s->lanes;
        if (s->chunk_level > 0) count = s->tile[s->lane];
        nest->total_stride[s->lane] = 1;
    }
    for (int i = 0; i < s->chunk_level; i++)
        nest->within[s->order[i]] = k_index(nest->b, 0);
    for (int i = nest->c->out_count - 1; i >= s->chunk_level; i--) {
        int d = s->order[i];
        if (vector && d == s->lane) continue;
        nest->total_stride[d] = count;
        int64_t extent = d == schedule_blocked(s) ? s->block : nest->c->dims[d].extent;
        NNC_CHECK(mul_i64(count, extent, &count), "totals too large");
    }
    count = (count + lanes - 1) / lanes * lanes;
    DType dtype = nest->c->anchor->type.dtype;
    bool own = nest->part == NEST_BLOCKS || (nest->part >= 0 && nest->part < s->chunk_level);
    nest->totals = own ? k_scratch(nest->b, dtype, count, "totals of chunks")
                       : k_common(nest->b, dtype, count, "totals of chunks");
    nest->totals->fresh = own;
}

static void choose_scope(Nest *nest) {
    const Contraction *c = nest->c;
    if (nest->s->chunk_dims == 0 || nest->s->chunk_level > 0) {
        if (c->outer_count == 0) return;
        int first = nest->s->order[0];
        nest->scoped[first] = nest->s->tile[first] == 1 && contract_can_scope(c, first);
        return;
    }
    for (int i = 0; i < nest->s->chunk_dims; i++)
        if (!contract_can_scope(c, c->out_count + i)) return;
    for (int i = 0; i < nest->s->chunk_dims; i++)
        nest->scoped[c->out_count + i] = true;
}

/* The level of result dims whose tiles threads share, or the blocks. */
static int choose_part(const Nest *nest) {
    const Contraction *c = nest->c;
    int64_t trips[CONTRACT_MAX_DIMS];
    for (int level = 0; level < c->out_count; level++) {
        int d = nest->s->order[level];
        int64_t tile = nest->s->tile[d];
        int64_t extent = d == schedule_blocked(nest->s) ? nest->s->block : c->dims[d].extent;
        trips[level] = (extent + tile - 1) / tile;
    }
    int outer = kernel_part_level(trips, c->outer_count);
    bool enough = outer >= 0 && trips[outer] >= KERNEL_PART_TRIPS;
    int64_t block = nest->s->block;
    if (block > 0 && !enough &&
        c->dims[schedule_blocked(nest->s)].extent / block >= KERNEL_PART_TRIPS)
        return NEST_BLOCKS;
    return kernel_part_level(trips, c->out_count);
}

static void emit_any(Nest *nest);

/* The nest in place of one whose pieces don't do. */
static void emit_plain(const Nest *plain) {
    Nest nest = *plain;
    emit_any(&nest);
}

static void emit_nest(Nest *nest) {
    const Contraction *c = nest->c;
    KBuilder *b = nest->b;
    nest->part = choose_part(nest);
    for (int d = c->out_count; d < dim_end(nest); d++)
        nest->size[d] = c->dims[d].extent;
    choose_scope(nest);
    contract_bind_operands(nest);
    if (nest->plain) k_if(b, matrix_exact(nest));
    contract_clear_halos(nest);
    contract_copy(nest, false);
    epilogue_begin(nest);
    if (nest->s->chunk_dims > 0) bind_totals(nest);
    emit_results(nest, 0);
    epilogue_end(nest);
    if (!nest->plain) return;
    k_else(b);
    emit_plain(nest->plain);
    k_end(b);
}

static void emit_any(Nest *nest) {
    if (nest->s->winograd)
        winograd_emit(nest);
    else if (nest->s->slide)
        slide_emit(nest);
    else
        emit_nest(nest);
}

/* The kernel of the prepare steps that packs an operand for the nest. */
static void pack_ahead(const Nest *nest, int operand, int phase, LowerContext *context) {
    const Kernel *kernel = nest->b->kernel;
    const char *name = arena_printf(context->arena, "%s_pack", kernel->name);
    if (phase > 0) name = arena_printf(context->arena, "%s_%d", name, phase);
    KBuilder b = kernel_begin(context->arena, nest->request->target, name, kernel->span);
    b.group = nest->b->group;
    Nest packing = *nest;
    packing.b = &b;
    packing.packing = true;
    memset(packing.operand, 0, sizeof packing.operand);
    memset(packing.copy, 0, sizeof packing.copy);
    packing.copy[operand].ahead = nest->copy[operand].ahead;
    packing.copy[operand].ahead->id = context->next_value++;
    if (packing.s->winograd) {
        winograd_prepare(&packing);
    } else {
        contract_bind_operands(&packing);
        contract_copy(&packing, false);
        if (packing.plain) matrix_note_exact(&packing, operand);
    }
    VEC_PUSH(context->ahead, kernel_end(&b));
}

/* A phase of the contraction of a group (contract_phase()). False when it has no results. */
static bool describe(const Group *group, const Epilogue *epilogue, int phase, Contraction *c) {
    *c = contract_describe(group);
    if (group->pool) return true;
    if (contract_phases(c) > 1 && !contract_phase(c, phase)) return false;
    contract_merge(c, epilogue->first);
    return true;
}

/* The best schedule without pieces, of operands that are packed for these alone. */
static void choose_plain(const Contraction *c, ScheduleRequest *request, Schedule *plain) {
    request->target = target_find("avx512");
    request->prepared[0] = request->prepared[1] = false;
    bool found = schedule_choose(c, request, plain);
    NNC_CHECK(found, "no plain schedule for a contraction");
}

/* What the phases of a kernel have in common. */
typedef struct Lowering {
    KBuilder b;
    LowerContext *context;
    const Target *target;
    Epilogue epilogue;
    Buf text; /* the schedule of the first phase */
    KernelChoice *choices;
} Lowering;

static void lower_phase(Lowering *l, int phase, Contraction *c, const Schedule *schedule) {
    Schedule chosen;
    KernelChoice *choice = &l->choices[l->b.kernel->choice_count++];
    ScheduleRequest request =
        contract_request(c, &l->epilogue, l->target, l->context, &chosen, choice);
    if (schedule && l->text.size == 0) chosen = *schedule;
    double products = contract_products(c);
    Contraction whole = *c;
    Schedule plain;
    ScheduleRequest other = request;
    Nest instead = {
        .b = &l->b, .c = &whole, .s = &plain, .request = &other, .epilogue = l->epilogue};
    if (chosen.pieces > 1) choose_plain(&whole, &other, &plain);
    if (chosen.pairs) contract_pair(c);
    Nest nest = {.b = &l->b,
                 .values = l->context->values,
                 .c = c,
                 .s = &chosen,
                 .request = &request,
                 .plain = chosen.pieces > 1 ? &instead : NULL,
                 .epilogue = l->epilogue};
    emit_any(&nest);
    contract_mark_inplace(nest.b, nest.c, &nest.epilogue);
    for (int operand = 0; operand < 2; operand++)
        if (nest.copy[operand].ahead) pack_ahead(&nest, operand, phase, l->context);
    l->b.kernel->flops += 2 * products;
    if (l->text.size == 0) schedule_print(&l->text, c, &chosen);
}

Kernel *contract_lower_with(const Group *group, const Target *target, LowerContext *context,
                            const Schedule *schedule) {
    Lowering l = {.b = kernel_begin(context->arena, target, group->name, group->span),
                  .context = context,
                  .target = target,
                  .epilogue = epilogue_make(context, group)};
    l.b.group = group;
    l.b.parts = context->threads;
    if (context->grid.blocks) k_grid(&l.b, context->grid.blocks, context->grid.threads);
    Contraction whole = contract_describe(group), c;
    int phases = group->pool ? 1 : contract_phases(&whole);
    l.choices = ARENA_ARRAY(context->arena, KernelChoice, (size_t)phases);
    l.b.kernel->choices = l.choices;
    for (int phase = 0; phase < phases; phase++)
        if (describe(group, &l.epilogue, phase, &c)) lower_phase(&l, phase, &c, schedule);
    if (phases > 1) buf_printf(&l.text, ", in %d phases", phases);
    Kernel *kernel = l.b.kernel;
    kernel->schedule = arena_strdup(context->arena, buf_text(&l.text));
    buf_free(&l.text);
    kernel->flops += lower_flat_flops(l.epilogue.first) * (double)type_numel(&group->anchor->type);
    return kernel_end(&l.b);
}

bool contract_ask(const Group *group, const Target *target, LowerContext *context, Contraction *c,
                  ScheduleRequest *request) {
    Epilogue epilogue = epilogue_make(context, group);
    Schedule best;
    KernelChoice choice;
    if (!describe(group, &epilogue, 0, c)) return false;
    *request = contract_request(c, &epilogue, target, context, &best, &choice);
    return true;
}

int contract_schedules(const Group *group, const Target *target, LowerContext *context,
                       Schedule *out, int limit) {
    Contraction c;
    ScheduleRequest request;
    if (!contract_ask(group, target, context, &c, &request)) return 0;
    return schedule_candidates(&c, &request, out, NULL, limit);
}

Kernel *lower_contraction(const Group *group, const Target *target, LowerContext *context) {
    return contract_lower_with(group, target, context, NULL);
}
