/* Reductions, alone and fused: sums, softmax, means and variances.
 *
 * The full space is merged to few dims, then looped over: kept dims outside, reduced dims inside.
 * Reductions that read one another run in passes over the row. Order of summation, the same on
 * every tier:
 * - innermost dim reduced: element i of the innermost dim goes to lane i mod L of chain (i / L)
 *   mod C (L lanes, C chains, chosen by size and target); rows of further reduced dims follow one
 *   another in the same chains. Then chains are added in pairs, then lanes by halves.
 * - innermost dim kept: one chain an element, in row-major order of the reduced dims. Neighbouring
 *   vectors of elements run side by side.
 * Sums whose chains would be longer than 256 steps are cut: partial sums of 2^k steps, at least the
 * root of the whole, are added up, so that rounding errors grow with the root of the size only. */
#include <math.h>

#include "codegen/formula.h"
#include "codegen/lower_reduce.h"
#include "codegen/math.h"
#include "support/checked.h"

enum { LONGEST_CHAIN = 256, LEAST_PIECE = 32 };

bool reduction_is_arg(Op op) {
    return op == OP_argmax || op == OP_argmin;
}

static DType operand_dtype(const Member *member) {
    return member->node->inputs[0]->type.dtype;
}

static KVal *identity(KBuilder *b, const Member *member, int lanes) {
    DType dtype = operand_dtype(member);
    bool is_float = dtype_is_float(dtype);
    double least = dtype == DT_I64 ? -0x1p63 : -0x1p31;
    KKind kind = kkind_of(dtype);
    switch (member->node->op) {
    case OP_reduce_prod:
    case OP_reduce_all:
        return k_number(b, kind, lanes, 1);
    case OP_reduce_max:
    case OP_argmax:
        if (is_float) return k_number(b, kind, lanes, -(double)INFINITY);
        return k_integer(b, kind, lanes, dtype == DT_I64 ? INT64_MIN : (int64_t)least);
    case OP_reduce_min:
    case OP_argmin:
        if (is_float) return k_number(b, kind, lanes, (double)INFINITY);
        return k_integer(b, kind, lanes, dtype == DT_I64 ? INT64_MAX : INT32_MAX);
    default:
        return k_number(b, kind, lanes, 0);
    }
}

KVal *reduction_combine(KBuilder *b, Op op, KVal *x, KVal *y) {
    switch (op) {
    case OP_reduce_sum:
        return k_add(b, x, y);
    case OP_reduce_prod:
        return k_mul(b, x, y);
    case OP_reduce_max:
        return math_max(b, x, y);
    case OP_reduce_min:
        return math_min(b, x, y);
    case OP_reduce_any:
        return k_or(b, x, y);
    case OP_reduce_all:
        return k_and(b, x, y);
    default:
        NNC_BUG("no reduction: %s", op_info(op)->name);
    }
}

/* Lanes by halves, like k_sum_lanes(). */
static KVal *across_lanes(KBuilder *b, Op op, KVal *x) {
    if (op == OP_reduce_sum) return k_sum_lanes(b, x);
    while (x->lanes > 1) {
        int half = x->lanes / 2, low[K_MAX_LANES], high[K_MAX_LANES];
        for (int i = 0; i < half; i++) {
            low[i] = i;
            high[i] = half + i;
        }
        if (half == 1) return reduction_combine(b, op, k_extract(b, x, 0), k_extract(b, x, 1));
        x = reduction_combine(b, op, k_shuffle(b, x, x, low, half), k_shuffle(b, x, x, high, half));
    }
    return x;
}

KVal *reduction_better(KBuilder *b, Op op, KVal *value, KVal *best) {
    KVal *better = op == OP_argmax ? k_gt(b, value, best) : k_lt(b, value, best);
    if (!kkind_is_float(value->kind)) return better;
    return k_or(b, better, k_and(b, k_ne(b, value, value), k_eq(b, best, best)));
}

static void accumulate_arg(Reduction *r, Member *member, KVal *value, KVal *position) {
    KBuilder *b = &r->lower->b;
    KVal *best = k_copy(b, member->acc[0]);
    KVal *better = reduction_better(b, member->node->op, value, best);
    /* Also the very first element, whatever it is: the start is no element. */
    better = k_or(b, better, k_lt(b, member->where[0], k_index(b, 0)));
    k_set(b, member->acc[0], k_select(b, better, value, best));
    k_set(b, member->where[0], k_select(b, better, position, member->where[0]));
}

/* The one result over the full space; NULL: none, or several. */
static Result *full_result(const Reduction *r) {
    Result *found = NULL;
    for (int i = 0; i < r->lower->group->output_count; i++) {
        if (!r->results[i].full) continue;
        if (found != NULL) return NULL;
        found = &r->results[i];
    }
    return found;
}

static void accumulate(Reduction *r, Member *member, const LowerPoint *point, int chain) {
    KBuilder *b = &r->lower->b;
    KVal *roots[2], *value;
    const LowerHeld *held = r->held[r->inner_reduced ? 0 : chain];
    lower_values(b, member->flat, point, held, r->held_count, roots);
    value = roots[0];
    if (member->keeps) {
        const Result *result = full_result(r);
        lower_store_map(b, result->node, &r->space.maps[result->map], point, roots[1]);
    }
    if (reduction_is_arg(member->node->op)) {
        /* The axis is the only reduced dim, so its counter is the position. */
        KVal *position = k_index(b, 0);
        for (int d = 0; d < r->space.rank; d++)
            if (r->space.reduced[d]) position = point->index[d];
        accumulate_arg(r, member, value, position);
        return;
    }
    KVal *acc = member->acc[chain];
    KVal *next = reduction_combine(b, member->node->op, acc, k_splat(b, value, point->lanes));
    if (r->inner_reduced && point->active < point->lanes) {
        KVal *lane = lower_lane_numbers(b, K_I32, point->lanes);
        KVal *exists = k_lt(b, lane, k_integer(b, K_I32, point->lanes, point->active));
        next = k_select(b, exists, next, acc);
    }
    k_set(b, acc, next);
}

void reduction_accumulate(Reduction *r, int level, const LowerPoint *point, int chain) {
    for (int m = 0; m < r->member_count; m++)
        if (r->members[m].level == level) accumulate(r, &r->members[m], point, chain);
}

static int chain_count(const Reduction *r) {
    return r->inner_reduced ? r->chains : r->vectors;
}

static bool is_cut(const Reduction *r, const Member *member, int level) {
    return r->cut_dim >= 0 && member->level == level && member->node->op == OP_reduce_sum &&
           dtype_is_float(operand_dtype(member));
}

static void begin_partial_sums(Reduction *r, int level) {
    KBuilder *b = &r->lower->b;
    for (int m = 0; m < r->member_count; m++) {
        Member *member = &r->members[m];
        for (int c = 0; is_cut(r, member, level) && c < chain_count(r); c++) {
            member->total[c] = member->acc[c];
            member->acc[c] = k_var(b, identity(b, member, r->lanes));
        }
    }
}

static void end_partial_sums(Reduction *r, int level) {
    KBuilder *b = &r->lower->b;
    for (int m = 0; m < r->member_count; m++) {
        Member *member = &r->members[m];
        for (int c = 0; is_cut(r, member, level) && c < chain_count(r); c++) {
            k_set(b, member->total[c], k_add(b, member->total[c], member->acc[c]));
            member->acc[c] = member->total[c];
        }
    }
}

/* What a loop over a reduced dim holds, at its counter. */
typedef void LoopBody(Reduction *r, int level, int d, KVal *counter);

static void plain_loop(Reduction *r, int level, int d, int64_t size, int64_t step, LoopBody *body) {
    KBuilder *b = &r->lower->b;
    if (size == 0) return;
    body(r, level, d, k_for(b, 0, size, step, 0));
    k_end(b);
}

/* A loop over the dim; where chains are cut, one over pieces of it. */
static void reduced_loop(Reduction *r, int level, int d, int64_t size, int64_t step,
                         LoopBody *body) {
    KBuilder *b = &r->lower->b;
    if (d != r->cut_dim) {
        plain_loop(r, level, d, size, step, body);
        return;
    }
    int64_t piece = r->cut_steps * step, whole = size / piece * piece;
    if (whole > 0) {
        KVal *start = k_for(b, 0, whole, piece, 0);
        begin_partial_sums(r, level);
        body(r, level, d, k_add(b, start, k_for(b, 0, piece, step, 0)));
        k_end(b);
        end_partial_sums(r, level);
        k_end(b);
    }
    if (whole == size) return;
    begin_partial_sums(r, level);
    body(r, level, d, k_for(b, whole, size, step, 0));
    k_end(b);
    end_partial_sums(r, level);
}

/* A vector for each chain. */
static void accumulate_chains(Reduction *r, int level, int d, KVal *base) {
    KBuilder *b = &r->lower->b;
    for (int c = 0; c < r->chains; c++) {
        r->index[d] = k_addi(b, base, (int64_t)c * r->lanes);
        LowerPoint point = lower_point(r->space.rank, r->index, d, r->lanes, r->lanes);
        reduction_accumulate(r, level, &point, c);
    }
}

/* The innermost reduced dim in vectors over the chains, then single vectors, then a tail. */
static void inner_loop(Reduction *r, int level) {
    KBuilder *b = &r->lower->b;
    int last = r->space.rank - 1;
    int64_t n = r->space.dim[last], block = (int64_t)r->lanes * r->chains;
    int64_t blocks = n / block * block, full = n / r->lanes * r->lanes;
    KVal **index = r->index;
    reduced_loop(r, level, last, blocks, block, accumulate_chains);
    for (int64_t at = blocks; at < full; at += r->lanes) {
        index[last] = k_index(b, at);
        LowerPoint point = lower_point(r->space.rank, index, last, r->lanes, r->lanes);
        reduction_accumulate(r, level, &point, (int)((at - blocks) / r->lanes));
    }
    if (full < n) {
        index[last] = k_index(b, full);
        LowerPoint point = lower_point(r->space.rank, index, last, r->lanes, (int)(n - full));
        reduction_accumulate(r, level, &point, (int)((full - blocks) / r->lanes) % r->chains);
    }
}

/* One of the vectors of rows that run side by side, where the innermost dim is kept. */
static LowerPoint point_of_rows(const Reduction *r, int vector) {
    int last = r->space.rank - 1;
    LowerPoint point = lower_point(r->space.rank, r->index, last, r->lanes, r->active);
    point.index[last] = k_addi(&r->lower->b, r->index[last], (int64_t)vector * r->lanes);
    return point;
}

static void reduce_from(Reduction *r, int level, int d);

static void reduce_rest(Reduction *r, int level, int d, KVal *counter) {
    r->index[d] = counter;
    reduce_from(r, level, d + 1);
}

/* The loops over the reduced dims from d on, and what they hold. */
static void reduce_from(Reduction *r, int level, int d) {
    const Space *space = &r->space;
    int last = space->rank - 1;
    while (d <= last && !space->reduced[d])
        d++;
    if (d > last) {
        for (int v = 0; v < r->vectors; v++) {
            LowerPoint point = point_of_rows(r, v);
            reduction_accumulate(r, level, &point, v);
        }
    } else if (r->inner_reduced && d == last) {
        inner_loop(r, level);
    } else {
        reduced_loop(r, level, d, space->dim[d], 1, reduce_rest);
    }
}

void reduction_start(Reduction *r, int level) {
    KBuilder *b = &r->lower->b;
    for (int m = 0; m < r->member_count; m++) {
        Member *member = &r->members[m];
        if (member->level != level) continue;
        for (int c = 0; c < chain_count(r); c++)
            member->acc[c] = k_var(b, identity(b, member, r->lanes));
        if (reduction_is_arg(member->node->op)) member->where[0] = k_var(b, k_index(b, -1));
    }
}

/* The chains of a row as one value. */
static KVal *join_chains(Reduction *r, const Member *member) {
    KBuilder *b = &r->lower->b;
    KVal *parts[MAX_CHAINS] = {NULL};
    for (int c = 0; c < r->chains; c++)
        parts[c] = k_copy(b, member->acc[c]);
    for (int chains = r->chains; chains > 1; chains /= 2)
        for (int c = 0; c < chains / 2; c++)
            parts[c] = reduction_combine(b, member->node->op, parts[2 * c], parts[2 * c + 1]);
    return across_lanes(b, member->node->op, parts[0]);
}

void reduction_finish(Reduction *r, int level) {
    KBuilder *b = &r->lower->b;
    for (int m = 0; m < r->member_count; m++) {
        Member *member = &r->members[m];
        if (member->level != level) continue;
        if (r->join) r->join(r, member);
        for (int v = 0; v < r->vectors; v++) {
            KVal *value;
            if (reduction_is_arg(member->node->op))
                value = k_copy(b, member->where[0]);
            else if (r->inner_reduced)
                value = formula_to_dtype(b, join_chains(r, member), member->node->type.dtype);
            else
                value = formula_to_dtype(b, k_copy(b, member->acc[v]), member->node->type.dtype);
            r->held[v][r->held_count] = (LowerHeld){member->node, value};
        }
        r->held_count++;
    }
}

void reduction_store(Reduction *r, bool full, const LowerPoint *point) {
    KBuilder *b = &r->lower->b;
    for (int i = 0; i < r->lower->group->output_count; i++) {
        const Result *result = &r->results[i];
        if (result->full != full) continue;
        const IndexMap *map = &r->space.maps[result->map];
        LowerHeld *held = r->held[r->vector];
        int count = r->held_count;
        if (full && r->kept)
            held[count++] = (LowerHeld){r->kept, lower_load_back(b, result->node, map, point)};
        KVal *value;
        lower_values(b, result->flat, point, held, count, &value);
        lower_store_map(b, result->node, map, point, value);
    }
}

bool reduction_any_full(const Reduction *r) {
    for (int i = 0; i < r->lower->group->output_count; i++)
        if (r->results[i].full) return true;
    return false;
}

/* Stores the outputs over the full space of one row, whose reduced dim is the innermost. */
static void store_row(Reduction *r) {
    KBuilder *b = &r->lower->b;
    const Space *space = &r->space;
    int last = space->rank - 1;
    int64_t n = space->dim[last], whole = n / r->lanes * r->lanes;
    if (whole > 0) {
        r->index[last] = k_for(b, 0, whole, r->lanes, 0);
        LowerPoint point = lower_point(space->rank, r->index, last, r->lanes, r->lanes);
        reduction_store(r, true, &point);
        k_end(b);
    }
    if (whole < n) {
        r->index[last] = k_index(b, whole);
        LowerPoint point = lower_point(space->rank, r->index, last, r->lanes, (int)(n - whole));
        reduction_store(r, true, &point);
    }
}

/* Stores outputs of the vectors of rows. */
static void store_rows(Reduction *r, bool full) {
    for (r->vector = 0; r->vector < r->vectors; r->vector++) {
        LowerPoint point = point_of_rows(r, r->vector);
        reduction_store(r, full, &point);
    }
    r->vector = 0;
}

/* Everything about one row (or vectors of rows when the innermost dim is kept). */
static void lower_row(Reduction *r, int active) {
    KBuilder *b = &r->lower->b;
    Space *space = &r->space;
    int last = space->rank - 1;
    r->active = active;
    r->held_count = 0;
    for (int level = 0; level < r->levels; level++) {
        reduction_start(r, level);
        reduce_from(r, level, 0);
        reduction_finish(r, level);
    }
    for (int d = 0; d < space->rank; d++)
        if (space->reduced[d]) r->index[d] = k_index(b, 0);
    if (r->inner_reduced) {
        LowerPoint row = lower_point(space->rank, r->index, last, 1, 1);
        reduction_store(r, false, &row);
    } else {
        store_rows(r, false);
    }
    if (!reduction_any_full(r)) return;
    int opened = 0;
    for (int d = 0; d < space->rank; d++) {
        if (!space->reduced[d] || (r->inner_reduced && d == last)) continue;
        r->index[d] = k_for(b, 0, space->dim[d], 1, 0);
        opened++;
    }
    if (r->inner_reduced)
        store_row(r);
    else
        store_rows(r, true);
    while (opened-- > 0)
        k_end(b);
}

/* The kept innermost dim in several vectors at once, then in single ones, then a tail. */
static void lower_columns(Reduction *r, uint32_t flags) {
    KBuilder *b = &r->lower->b;
    int last = r->space.rank - 1;
    int64_t n = r->space.dim[last], unit = (int64_t)r->lanes * r->vectors;
    int64_t ends[] = {n / unit * unit, n / r->lanes * r->lanes, n}, lo = 0;
    for (int piece = 0; piece < 3; piece++) {
        if (piece > 0) r->vectors = 1;
        if (ends[piece] == lo) continue;
        int64_t step = piece == 0 ? unit : r->lanes;
        r->index[last] = k_for(b, lo, ends[piece], step, flags);
        lower_row(r, piece < 2 ? r->lanes : (int)(n - lo));
        k_end(b);
        lo = ends[piece];
    }
}

static void lower_rows(Reduction *r) {
    KBuilder *b = &r->lower->b;
    Space *space = &r->space;
    int last = space->rank - 1, opened = 0;
    int64_t trips[MAX_RANK], columns = space->dim[last] / r->lanes / r->vectors;
    for (int d = 0; d < space->rank; d++)
        trips[d] = space->reduced[d] ? 1 : d == last ? columns : space->dim[d];
    int part = kernel_part_level(trips, space->rank);
    for (int d = 0; d < space->rank; d++) {
        if (space->reduced[d] || (!r->inner_reduced && d == last)) continue;
        r->index[d] = k_for(b, 0, space->dim[d], 1, d == part ? K_PARALLEL : 0);
        opened++;
    }
    if (r->inner_reduced)
        lower_row(r, 1);
    else
        lower_columns(r, part == last ? K_PARALLEL : 0);
    while (opened-- > 0)
        k_end(b);
}

/* Spreads a row value's maps over the full space: stride 0 on the reduced dims. `kept` says that
 * the value has those dims, of size 1. */
static void spread(IndexMap *map, const Space *space, bool kept) {
    IndexMap wide = {.rank = space->rank, .offset = map->offset};
    int from = 0;
    for (int d = 0; d < space->rank; d++) {
        wide.dim[d] = space->dim[d];
        if (!space->reduced[d]) wide.stride[d] = map->stride[from];
        if (!space->reduced[d] || kept) from++;
    }
    *map = wide;
}

static bool is_full(const Space *space, const Type *type) {
    if (type->rank != space->rank) return false;
    for (int d = 0; d < space->rank; d++)
        if (type->dim[d] != space->dim[d]) return false;
    return true;
}

static void find_members(Reduction *r) {
    const Group *group = r->lower->group;
    const Node **done = ARENA_ARRAY(r->lower->arena, const Node *, (size_t)group->node_count);
    r->members = ARENA_ARRAY(r->lower->arena, Member, (size_t)group->node_count);
    for (int i = 0; i < group->node_count; i++) {
        const Node *node = group->nodes[i];
        if (!(op_info(node->op)->traits & TRAIT_REDUCTION)) continue;
        Member *member = &r->members[r->member_count];
        const Node *operand = node->inputs[0];
        member->node = node;
        member->flat = lower_flatten(r->lower->context, group, &operand, 1, done, r->member_count);
        for (int v = 0; v < member->flat->count; v++) {
            if (member->flat->values[v].kind != FLAT_HELD) continue;
            for (int m = 0; m < r->member_count; m++)
                if (done[m] == member->flat->values[v].node && r->members[m].level >= member->level)
                    member->level = r->members[m].level + 1;
        }
        if (member->level >= r->levels) r->levels = member->level + 1;
        done[r->member_count++] = node;
    }
}

static void find_results(Reduction *r) {
    Lower *lower = r->lower;
    const Group *group = lower->group;
    const Node **done = ARENA_ARRAY(lower->arena, const Node *, (size_t)r->member_count);
    for (int m = 0; m < r->member_count; m++)
        done[m] = r->members[m].node;
    r->results = ARENA_ARRAY(lower->arena, Result, (size_t)group->output_count);
    for (int i = 0; i < group->output_count; i++) {
        const Node *node = group->outputs[i];
        Result *result = &r->results[i];
        result->node = node;
        result->map = i;
        result->full = is_full(&r->space, &node->type);
        result->flat = lower_flatten(lower->context, group, &node, 1, done, r->member_count);
        r->space.maps[i] = index_map_identity(&node->type);
        if (result->full) continue;
        bool kept = node->type.rank == r->space.rank;
        spread(&r->space.maps[i], &r->space, kept);
        for (int v = 0; v < result->flat->count; v++)
            spread(&result->flat->values[v].map, &r->space, kept);
    }
}

static void choose_lanes(Reduction *r, const Target *target) {
    const Space *space = &r->space;
    r->lanes = target_lanes(target, DT_F32);
    for (int i = 0; i < space->flat_count; i++) {
        int own = lower_lanes(target, space->flats[i]);
        if (own < r->lanes) r->lanes = own;
    }
    for (int m = 0; m < r->member_count; m++)
        if (reduction_is_arg(r->members[m].node->op)) r->lanes = 1;
    int64_t inner = space->dim[space->rank - 1];
    if (inner == 1) r->lanes = 1;
    r->chains = 1;
    while (r->chains < MAX_CHAINS && inner >= 4 * (int64_t)r->lanes * r->chains)
        r->chains *= 2;
    for (int m = 0; m < r->member_count; m++)
        if (reduction_is_arg(r->members[m].node->op)) r->chains = 1;
}

/* Several vectors of rows at once: steps along columns are far apart in memory, and worth more than
 * a line each. */
static void choose_vectors(Reduction *r) {
    int64_t inner = r->space.dim[r->space.rank - 1];
    if (r->inner_reduced || r->lanes == 1) return;
    while (r->vectors < MAX_CHAINS && r->vectors * r->member_count < MAX_CHAINS &&
           inner >= 2 * (int64_t)r->lanes * r->vectors)
        r->vectors *= 2;
}

/* Vectors over the chains for the innermost dim, else elements. */
static int64_t loop_steps(const Reduction *r, int d) {
    const Space *space = &r->space;
    if (!space->reduced[d]) return 1;
    int64_t step = d == space->rank - 1 ? (int64_t)r->lanes * r->chains : 1;
    return space->dim[d] > step ? space->dim[d] / step : 1;
}

static void choose_cut(Reduction *r) {
    int64_t length = 1, inside = 1, piece = LEAST_PIECE;
    for (int d = 0; d < r->space.rank; d++)
        length *= loop_steps(r, d);
    if (length <= LONGEST_CHAIN) return;
    while (piece * piece < length)
        piece *= 2;
    for (int d = r->space.rank - 1; d >= 0; d--) {
        if (inside * loop_steps(r, d) > piece) {
            r->cut_dim = d;
            r->cut_steps = inside < piece ? piece / inside : 1;
            return;
        }
        inside *= loop_steps(r, d);
    }
}

/* Whether the flat computes the node, and only ever at its own place: what is kept has no other. */
static bool computes_in_place(const Flat *flat, const Node *node) {
    IndexMap own = index_map_identity(&node->type);
    bool found = false;
    for (int v = 0; v < flat->count; v++) {
        if (flat->values[v].kind != FLAT_OP || flat->values[v].node != node) continue;
        if (!index_map_equal(&flat->values[v].map, &own)) return false;
        found = true;
    }
    return found;
}

/* A costly value of the flat that may be kept; NULL: none. */
static const Node *costly_value(const Reduction *r, const Flat *flat, DType dtype) {
    enum { COSTLY = 8 };
    for (int v = 0; v < flat->count; v++) {
        const FlatValue *value = &flat->values[v];
        const Node *node = value->node;
        if (value->kind != FLAT_OP || op_info(node->op)->cost < COSTLY) continue;
        if (node->type.dtype == dtype && is_full(&r->space, &node->type) &&
            computes_in_place(flat, node))
            return node;
    }
    return NULL;
}

/* Softmax's powers are added up, then divided: the last reduction stores what it computes where the
 * quotients go, so that nothing is computed twice. */
static void keep_costly(Reduction *r) {
    const Lower *lower = r->lower;
    Result *result = full_result(r);
    if (result == NULL) return;
    for (int m = 0; m < r->member_count && !r->kept; m++) {
        Member *member = &r->members[m];
        const Node *kept = costly_value(r, member->flat, result->node->type.dtype);
        if (member->level != r->levels - 1 || kept == NULL ||
            !computes_in_place(result->flat, kept))
            continue;
        const Node **held = ARENA_ARRAY(r->lower->arena, const Node *, (size_t)r->member_count + 1);
        for (int i = 0; i < r->member_count; i++)
            held[i] = r->members[i].node;
        held[r->member_count] = kept;
        const Node *roots[] = {member->node->inputs[0], kept};
        member->flat = lower_flatten(lower->context, lower->group, roots, 2, held, m);
        member->keeps = true;
        const Node *root = result->node;
        result->flat =
            lower_flatten(lower->context, lower->group, &root, 1, held, r->member_count + 1);
        r->kept = kept;
    }
}

void reduction_begin(Lower *lower, Reduction *r, bool keep) {
    Arena *arena = lower->arena;
    const Group *group = lower->group;
    const Node *anchor = group->anchor;
    *r = (Reduction){
        .lower = lower, .lanes = 1, .chains = 1, .vectors = 1, .active = 1, .cut_dim = -1};
    r->space = space_of(&anchor->inputs[0]->type);
    if (reduction_is_arg(anchor->op)) {
        r->space.reduced[node_int(anchor, ATTR_axis)] = true;
    } else {
        int count;
        const int64_t *axes = node_ints(anchor, ATTR_axes, &count);
        for (int i = 0; i < count; i++)
            r->space.reduced[axes[i]] = true;
    }
    r->space.maps = ARENA_ARRAY(arena, IndexMap, (size_t)group->output_count);
    r->space.map_count = group->output_count;
    find_members(r);
    find_results(r);
    if (keep) keep_costly(r);
    int flats = r->member_count + group->output_count;
    r->space.flats = ARENA_ARRAY(arena, Flat *, (size_t)flats);
    double flops = 0;
    for (int m = 0; m < r->member_count; m++) {
        r->space.flats[r->space.flat_count++] = r->members[m].flat;
        flops += 1 + lower_flat_flops(r->members[m].flat);
    }
    for (int i = 0; i < group->output_count; i++) {
        r->space.flats[r->space.flat_count++] = r->results[i].flat;
        if (r->results[i].full) flops += lower_flat_flops(r->results[i].flat);
    }
    for (int v = 0; v < MAX_CHAINS; v++)
        r->held[v] = ARENA_ARRAY(arena, LowerHeld, (size_t)r->member_count + 1);
    lower->b.kernel->flops = flops * (double)space_numel(&r->space);
    space_collapse(&r->space);
    r->inner_reduced = r->space.reduced[r->space.rank - 1];
}

Kernel *lower_reduction(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    Reduction r;
    reduction_begin(&lower, &r, true);
    choose_lanes(&r, target);
    choose_vectors(&r);
    choose_cut(&r);
    lower_rows(&r);
    return kernel_end(&lower.b);
}
