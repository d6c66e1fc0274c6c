/* What happens to finished sums: the elementwise epilogue, stores, and pooling.
 *
 * A tile holds whole windows, so that pooling takes its operand from registers; along the lane dim
 * neighbours meet by even/odd shuffles. A window too large for a tile is pooled from memory when
 * the nest is done. */
#include "codegen/contract_internal.h"
#include "support/checked.h"

static bool is_pooled_output(const Group *group, const Node *node) {
    if (!group->pool) return false;
    if (node == group->pool || node == group->pool_index) return true;
    return node->id > group->pool->id && type_same_shape(&node->type, &group->pool->type);
}

Epilogue epilogue_make(LowerContext *context, const Group *group) {
    Epilogue e = {.group = group};
    size_t most = (size_t)group->output_count + 1;
    const Node **roots = ARENA_ARRAY(context->arena, const Node *, most);
    const Node **pooled = ARENA_ARRAY(context->arena, const Node *, most);
    for (int i = 0; i < group->output_count; i++) {
        const Node *output = group->outputs[i];
        if (is_pooled_output(group, output))
            pooled[e.pooled_count++] = output;
        else
            roots[e.store_count++] = output;
    }
    e.root_count = e.store_count;
    if (group->pool) roots[e.root_count++] = group->pool->inputs[0];
    e.roots = roots;
    e.pooled_roots = pooled;
    const Node *held[] = {group->anchor};
    e.first = lower_flatten(context, group, roots, e.root_count, held, 1);
    if (!group->pool) return e;
    const Node *pool_held[] = {group->pool, group->pool_index};
    e.second =
        lower_flatten(context, group, pooled, e.pooled_count, pool_held, group->pool_index ? 2 : 1);
    return e;
}

/* The window along an axis of the anchor. */
static int64_t axis_window(const Group *group, int axis) {
    if (!group->pool || axis < 2) return 1;
    int count;
    const int64_t *window = node_ints(group->pool, ATTR_window, &count);
    return window[axis - 2];
}

void epilogue_windows(const Epilogue *e, const Contraction *c, int64_t *window) {
    for (int d = 0; d < c->out_count; d++) {
        int axis = c->dims[d].axis[CONTRACT_OUT];
        window[d] = e->pool_later ? 1 : axis_window(e->group, axis);
    }
}

void epilogue_begin(Nest *nest) {
    Epilogue *e = &nest->epilogue;
    if (!e->pool_later) return;
    const Type *type = &e->group->pool->inputs[0]->type;
    e->plane = k_scratch(nest->b, type->dtype, type_numel(type), "to be pooled");
}

/* Index along each axis of the result for those offsets into the tile, divided by the window. */
static LowerPoint point_at(const Nest *nest, const int64_t *offsets, const int64_t *window,
                           int lanes, int active) {
    KBuilder *b = nest->b;
    KVal *index[MAX_RANK];
    int rank = nest->c->anchor->type.rank, vector_dim = rank - 1;
    int64_t step = 1;
    for (int axis = 0; axis < rank; axis++)
        index[axis] = k_index(b, nest->c->out_base[axis]);
    for (int d = 0; d < nest->c->out_count; d++) {
        const ContractDim *dim = &nest->c->dims[d];
        int axis = dim->axis[CONTRACT_OUT];
        int64_t w = window ? window[d] : 1;
        KVal *at = k_addi(b, k_divi(b, nest->at[d], w), offsets[d] / w);
        index[axis] = k_add(b, index[axis], k_muli(b, at, dim->coef[CONTRACT_OUT]));
        if (d != nest->s->lane) continue;
        vector_dim = axis;
        step = dim->coef[CONTRACT_OUT];
    }
    LowerPoint point = lower_point(rank, index, vector_dim, lanes, active);
    point.step = step;
    return point;
}

/* Lanes of a finished value: sums over lanes are scalars. */
static int result_lanes(const Nest *nest) {
    return schedule_sums_lanes(nest->c, nest->s) ? 1 : nest->s->lanes;
}

static KVal *total_index(const Nest *nest, const int64_t *offsets) {
    KBuilder *b = nest->b;
    KVal *index = k_index(b, 0);
    for (int d = 0; d < nest->c->out_count; d++) {
        KVal *start = nest->within[d] ? nest->within[d] : nest->at[d];
        KVal *at = k_addi(b, start, offsets[d]);
        index = k_add(b, index, k_muli(b, at, nest->total_stride[d]));
    }
    return index;
}

/* The taps of a window in row-major order, each its offset along the result dims. */
typedef struct Window {
    const Node *pool;
    int64_t plane_stride[CONTRACT_MAX_DIMS]; /* of the flat position in a plane */
    int64_t size[CONTRACT_MAX_DIMS];         /* 1 for dims that are not pooled */
    int taps;
} Window;

static Window window_of(const Nest *nest) {
    const Group *group = nest->epilogue.group;
    Window w = {.pool = group->pool, .taps = 1};
    const Type *type = &group->pool->inputs[0]->type;
    int64_t stride[MAX_RANK];
    type_strides(type, stride);
    for (int d = 0; d < nest->c->out_count; d++) {
        int axis = nest->c->dims[d].axis[CONTRACT_OUT];
        w.size[d] = nest->request->window[d];
        w.plane_stride[d] = axis >= 2 ? stride[axis] : 0;
        w.taps *= (int)w.size[d];
    }
    return w;
}

static void tap_offsets(const Nest *nest, const Window *w, int tap, int64_t *offsets) {
    int64_t left = tap;
    for (int d = nest->c->out_count - 1; d >= 0; d--) {
        offsets[d] = left % w->size[d];
        left /= w->size[d];
    }
}

/* The operand's values at one tap for a vector of windows, the first of which begins at `origin`.
 */
static KVal *tap_value(const Nest *nest, const Window *w, const Tile *tile, const int64_t *origin,
                       const int64_t *tap) {
    int64_t offsets[CONTRACT_MAX_DIMS];
    int lane = nest->s->lane;
    for (int d = 0; d < nest->c->out_count; d++)
        offsets[d] = origin[d] + tap[d];
    int lanes = result_lanes(nest);
    if (lanes == 1 || lane < 0 || w->size[lane] == 1)
        return tile->value[tile_position(nest, tile, offsets)];
    offsets[lane] = origin[lane];
    KVal *low = tile->value[tile_position(nest, tile, offsets)];
    offsets[lane] += lanes;
    bool more = offsets[lane] < nest->size[lane];
    KVal *high = more ? tile->value[tile_position(nest, tile, offsets)] : low;
    return tap[lane] == 0 ? k_even(nest->b, low, high) : k_odd(nest->b, low, high);
}

/* Where in its plane each window's first element lies. */
static KVal *window_position(const Nest *nest, const Window *w, const int64_t *origin, int lanes) {
    KBuilder *b = nest->b;
    KVal *position = k_index(b, 0);
    int lane = nest->s->lane;
    for (int d = 0; d < nest->c->out_count; d++) {
        KVal *at = k_addi(b, nest->at[d], origin[d]);
        position = k_add(b, position, k_muli(b, at, w->plane_stride[d]));
    }
    if (lanes == 1 || w->plane_stride[lane] == 0) return position;
    int64_t steps[K_MAX_LANES];
    for (int l = 0; l < lanes; l++)
        steps[l] = l * w->size[lane] * w->plane_stride[lane];
    KVal *along = k_load(b, k_table(b, DT_I64, lanes, steps), k_index(b, 0), lanes);
    return k_add(b, along, position);
}

static void pool_windows(Nest *nest, const Window *w, const Tile *tile, const int64_t *origin,
                         int active) {
    KBuilder *b = nest->b;
    const Epilogue *e = &nest->epilogue;
    int lanes = result_lanes(nest);
    KVal *best = NULL, *index = NULL;
    for (int i = 0; i < w->taps; i++) {
        int64_t tap[CONTRACT_MAX_DIMS], flat = 0;
        tap_offsets(nest, w, i, tap);
        for (int d = 0; d < nest->c->out_count; d++)
            flat += tap[d] * w->plane_stride[d];
        KVal *value = tap_value(nest, w, tile, origin, tap);
        KVal *number = k_integer(b, K_I32, lanes, flat);
        if (i == 0) {
            best = value;
            index = number;
        } else if (w->pool->op == OP_window_sum) {
            best = k_add(b, best, value);
        } else {
            KVal *wins = k_gt(b, value, best);
            if (kkind_is_float(value->kind)) wins = k_or(b, wins, k_ne(b, value, value));
            best = k_select(b, wins, value, best);
            if (e->group->pool_index) index = k_select(b, wins, number, index);
        }
    }
    LowerHeld held[2] = {{e->group->pool, best}, {NULL, NULL}};
    if (e->group->pool_index) {
        KVal *position = window_position(nest, w, origin, lanes);
        held[1] = (LowerHeld){e->group->pool_index, k_add(b, k_convert(b, index, K_I64), position)};
    }
    LowerPoint point = point_at(nest, origin, w->size, lanes, active);
    KVal **roots = ARENA_ARRAY(b->arena, KVal *, (size_t)e->pooled_count);
    lower_values(b, e->second, &point, held, e->group->pool_index ? 2 : 1, roots);
    for (int i = 0; i < e->pooled_count; i++)
        lower_store(b, e->pooled_roots[i], &point, roots[i]);
}

/* All whole windows of a tile whose values are the pooling's operand. */
static void pool_tile(Nest *nest, const Tile *tile) {
    Window w = window_of(nest);
    int lane = nest->s->lane, lanes = result_lanes(nest);
    for (int i = 0; i < tile->total; i++) {
        int64_t origin[CONTRACT_MAX_DIMS];
        tile_offsets(nest, tile, i, origin);
        bool starts = true;
        int active = lanes;
        for (int d = 0; d < nest->c->out_count; d++) {
            int64_t left = nest->size[d] - origin[d], unit = w.size[d];
            if (d == lane && lanes > 1) {
                starts &= origin[d] % (unit * lanes) == 0 && left >= unit;
                if (left / unit < lanes) active = (int)(left / unit);
            } else {
                starts &= origin[d] % unit == 0 && left >= unit;
            }
        }
        if (starts) pool_windows(nest, &w, tile, origin, active);
    }
}

static void store_plane(Nest *nest, const LowerPoint *point, KVal *value) {
    KBuilder *b = nest->b;
    const Type *type = &nest->c->anchor->type;
    int64_t stride[MAX_RANK];
    type_strides(type, stride);
    KVal *index = k_index(b, 0);
    for (int axis = 0; axis < type->rank; axis++)
        index = k_add(b, index, k_muli(b, point->index[axis], stride[axis]));
    int64_t step = stride[point->vector_dim];
    KBuf *plane = nest->epilogue.plane;
    k_store_strided(b, plane, index, step, k_splat(b, value, point->lanes), point->active);
}

/* One finished vector: added to the totals, or through the epilogue to memory. Returns what pooling
 * reads, when there is pooling. */
static KVal *finish_vector(Nest *nest, const int64_t *offsets, KVal *value) {
    KBuilder *b = nest->b;
    const Epilogue *e = &nest->epilogue;
    int lanes = result_lanes(nest);
    if (nest->phase == NEST_PART) {
        KVal *index = total_index(nest, offsets);
        k_store(b, nest->totals, index, k_add(b, k_load(b, nest->totals, index, lanes), value));
        return NULL;
    }
    if (nest->phase == NEST_FINISH)
        value = k_load(b, nest->totals, total_index(nest, offsets), lanes);
    KVal **roots = ARENA_ARRAY(b->arena, KVal *, (size_t)e->root_count + 1);
    int active = lanes == 1 ? 1 : tile_active(nest, offsets[nest->s->lane]);
    LowerPoint point = point_at(nest, offsets, NULL, lanes, active);
    LowerHeld held = {e->group->anchor, value};
    lower_values(b, e->first, &point, &held, 1, roots);
    for (int r = 0; r < e->store_count; r++)
        lower_store(b, e->roots[r], &point, roots[r]);
    if (e->plane) store_plane(nest, &point, roots[e->root_count - 1]);
    return e->group->pool ? k_splat(b, roots[e->root_count - 1], lanes) : NULL;
}

/* Loops over all dims of the tile but the lane dim, for the accumulators kept in a local array:
 * written out, the same epilogue would be most of the kernel's text. */
static void finish_rows(Nest *nest, const Tile *tile, KVal *at, int dim) {
    KBuilder *b = nest->b;
    int lanes = result_lanes(nest), lane = nest->s->lane;
    if (dim == nest->c->out_count) {
        int64_t stride = lanes, offsets[CONTRACT_MAX_DIMS] = {0};
        for (int d = lane + 1; d < nest->c->out_count; d++)
            stride *= tile->count[d];
        int64_t vectors = lane < nest->c->out_count ? tile->count[lane] : 1;
        for (int64_t v = 0; v < vectors; v++) {
            if (lane < nest->c->out_count) offsets[lane] = v * lanes;
            KVal *value = NULL;
            if (nest->phase != NEST_FINISH)
                value = k_load(b, nest->finished, k_addi(b, at, v * stride), lanes);
            finish_vector(nest, offsets, value);
        }
        return;
    }
    int64_t stride = lanes;
    for (int d = dim + 1; d < nest->c->out_count; d++)
        stride *= tile->count[d];
    if (dim == lane) {
        finish_rows(nest, tile, at, dim + 1);
        return;
    }
    KVal *start = nest->at[dim], *within = nest->within[dim];
    KVal *i = k_for(b, 0, tile->count[dim], 1, 0);
    nest->at[dim] = k_add(b, start, i);
    if (within) nest->within[dim] = k_add(b, within, i);
    finish_rows(nest, tile, k_add(b, at, k_muli(b, i, stride)), dim + 1);
    k_end(b);
    nest->at[dim] = start;
    nest->within[dim] = within;
}

/* A square of finished vectors, from `at` on in the totals or the tile's sums, turned: lane l of
 * vector i becomes lane i of vector l. `active` of its lanes exist. */
static void finish_square(Nest *nest, const Tile *tile, KVal *at, int along, int active) {
    KBuilder *b = nest->b;
    const Schedule *s = nest->s;
    int lanes = s->lanes, lane = s->lane;
    bool totals = nest->phase == NEST_FINISH;
    int64_t step = totals ? nest->total_stride[along] : lanes;
    DType dtype = nest->c->anchor->type.dtype;
    KVal *value[K_MAX_LANES];
    for (int i = 0; i < lanes; i++)
        value[i] = i < tile->count[along]
                       ? k_load_at(b, totals ? nest->totals : nest->finished, at, i * step, lanes)
                       : k_number(b, kkind_of(dtype), lanes, 0);
    lower_transpose(b, value, lanes);
    if (!nest->turned) nest->turned = k_local(b, dtype, (int64_t)lanes * lanes, "turned sums");
    nest->turned->fresh = true;
    for (int i = 0; i < active; i++)
        k_store(b, nest->turned, k_index(b, (int64_t)i * lanes), value[i]);
    const Schedule turned = {.lane = along, .lanes = lanes, .vectors = 1};
    NestPhase phase = nest->phase;
    KVal *start = nest->at[lane];
    KVal *l = k_for(b, 0, active, 1, 0);
    nest->s = &turned;
    nest->phase = NEST_WHOLE;
    nest->at[lane] = k_add(b, start, l);
    int64_t offsets[CONTRACT_MAX_DIMS] = {0};
    finish_vector(nest, offsets, k_load(b, nest->turned, k_muli(b, l, lanes), lanes));
    k_end(b);
    nest->at[lane] = start;
    nest->phase = phase;
    nest->s = s;
}

/* All squares of a tile: loops over its dims but the one that they are turned along. */
static void finish_turned(Nest *nest, const Tile *tile, KVal *at, int along, int dim) {
    KBuilder *b = nest->b;
    int lane = nest->s->lane, lanes = nest->s->lanes;
    if (dim == along) {
        int64_t offsets[CONTRACT_MAX_DIMS] = {0};
        int active = nest->size[lane] < lanes ? (int)nest->size[lane] : lanes;
        if (nest->phase == NEST_FINISH) at = total_index(nest, offsets);
        finish_square(nest, tile, at, along, active);
        return;
    }
    int64_t stride = lanes, unit = dim == lane ? lanes : 1, size = nest->size[dim];
    for (int d = dim + 1; d < nest->c->out_count; d++)
        stride *= tile->count[d];
    KVal *start = nest->at[dim], *within = nest->within[dim];
    int64_t whole = size / unit;
    for (int64_t first = 0; first < tile->count[dim]; first = whole) {
        int64_t end = first < whole ? whole : tile->count[dim];
        KVal *i = k_for(b, first, end, 1, 0);
        nest->at[dim] = k_add(b, start, k_muli(b, i, unit));
        if (within) nest->within[dim] = k_add(b, within, k_muli(b, i, unit));
        nest->size[dim] = first < whole ? unit : size - whole * unit;
        finish_turned(nest, tile, k_add(b, at, k_muli(b, i, stride)), along, dim + 1);
        k_end(b);
        if (first == whole) break;
    }
    nest->at[dim] = start;
    nest->within[dim] = within;
    nest->size[dim] = size;
}

static void keep_sums(Nest *nest, const Tile *tile) {
    KBuilder *b = nest->b;
    int lanes = result_lanes(nest);
    if (nest->s->pieces) return; /* there they are */
    if (!nest->finished)
        nest->finished = k_local(b, nest->c->anchor->type.dtype,
                                 SCHEDULE_MAX_ACCUMULATORS * nest->s->lanes, "a tile's sums");
    nest->finished->fresh = true;
    for (int i = 0; i < tile->total && nest->phase != NEST_FINISH; i++)
        k_store(b, nest->finished, k_index(b, i * lanes), tile->value[i]);
}

/* Whether what the epilogue reads at the result's elements lies in rows along the lane dim, and
 * comes from memory. */
static bool reads_from_afar(const Nest *nest) {
    if (nest->phase != NEST_WHOLE || nest->epilogue.group->pool || result_lanes(nest) == 1)
        return false;
    return contract_stores_along(nest->c, nest->s->lane) &&
           schedule_result_afar(nest->c, nest->request->target);
}

/* Asks for the lines of a tile, by loops over its dims but the lane dim. */
static void fetch_rows(Nest *nest, const Tile *tile, KBuf *buf, int dim) {
    KBuilder *b = nest->b;
    int lanes = nest->s->lanes, lane = nest->s->lane;
    if (dim == nest->c->out_count) {
        int64_t offsets[CONTRACT_MAX_DIMS] = {0};
        LowerPoint point = point_at(nest, offsets, NULL, 1, 1);
        IndexMap identity = index_map_identity(&nest->c->anchor->type);
        KVal *start = lower_address(b, &identity, point.index);
        int64_t line = 64 / (int64_t)dtype_size(buf->dtype);
        for (int64_t at = 0; at < tile->count[lane] * lanes; at += line)
            k_prefetch(b, buf, k_addi(b, start, at));
        return;
    }
    if (dim == lane) {
        fetch_rows(nest, tile, buf, dim + 1);
        return;
    }
    KVal *start = nest->at[dim];
    KVal *i = k_for(b, 0, tile->count[dim], 1, 0);
    nest->at[dim] = k_add(b, start, i);
    fetch_rows(nest, tile, buf, dim + 1);
    k_end(b);
    nest->at[dim] = start;
}

void epilogue_fetch(Nest *nest, const Tile *tile) {
    const Flat *flat = nest->epilogue.first;
    if (!reads_from_afar(nest)) return;
    IndexMap identity = index_map_identity(&nest->c->anchor->type);
    for (int v = 0; v < flat->count; v++) {
        const FlatValue *value = &flat->values[v];
        if (value->kind == FLAT_LOAD && index_map_equal(&value->map, &identity))
            fetch_rows(nest, tile, k_input(nest->b, value->node), 0);
    }
}

void epilogue_tile(Nest *nest, Tile *tile) {
    int lane = nest->s->lane, along = schedule_turns(nest->c, nest->s);
    bool pools = nest->epilogue.group->pool && !nest->epilogue.pool_later;
    bool vectors = lane >= 0 && lane < nest->c->out_count;
    int64_t rows = tile->total / (vectors ? tile->count[lane] : 1);
    if (along >= 0 && !nest->epilogue.group->pool && nest->phase != NEST_PART) {
        keep_sums(nest, tile);
        finish_turned(nest, tile, k_index(nest->b, 0), along, 0);
        return;
    }
    if (lane >= 0 && (rows > 2 || nest->s->pieces) && (!pools || nest->phase == NEST_PART)) {
        keep_sums(nest, tile);
        finish_rows(nest, tile, k_index(nest->b, 0), 0);
        return;
    }
    for (int i = 0; i < tile->total; i++) {
        int64_t offsets[CONTRACT_MAX_DIMS];
        tile_offsets(nest, tile, i, offsets);
        tile->value[i] = finish_vector(nest, offsets, tile->value[i]);
    }
    if (pools && nest->phase != NEST_PART) pool_tile(nest, tile);
}

/* Pooling from the plane buffer, one window at a time. */
static void pool_window_later(Nest *nest, const Type *type, KVal *const *index) {
    KBuilder *b = nest->b;
    const Epilogue *e = &nest->epilogue;
    int64_t stride[MAX_RANK];
    type_strides(type, stride);
    KVal *position = k_index(b, 0), *plane = k_index(b, 0);
    int64_t taps = 1;
    for (int axis = 0; axis < type->rank; axis++) {
        int64_t window = axis_window(e->group, axis);
        KVal **sum = axis < 2 ? &plane : &position;
        *sum = k_add(b, *sum, k_muli(b, index[axis], stride[axis] * window));
        taps *= window;
    }
    KVal *first = k_add(b, plane, position);
    KVal *best = k_var(b, k_load(b, e->plane, first, 1));
    KVal *where = k_var(b, position);
    KVal *tap = k_for(b, 1, taps, 1, 0);
    KVal *left = tap, *flat = k_index(b, 0);
    for (int axis = type->rank - 1; axis >= 2; axis--) {
        int64_t window = axis_window(e->group, axis);
        flat = k_add(b, flat, k_muli(b, k_remi(b, left, window), stride[axis]));
        left = k_divi(b, left, window);
    }
    KVal *value =
        k_load(b, e->plane, k_assume(b, k_add(b, first, flat), 0, e->plane->count - 1), 1);
    if (e->group->pool->op == OP_window_sum) {
        k_set(b, best, k_add(b, best, value));
    } else {
        KVal *wins = k_gt(b, value, best);
        if (kkind_is_float(value->kind)) wins = k_or(b, wins, k_ne(b, value, value));
        k_if(b, wins);
        k_set(b, best, value);
        k_set(b, where, k_add(b, position, flat));
        k_end(b);
    }
    k_end(b);
    LowerHeld held[2] = {{e->group->pool, best}, {e->group->pool_index, where}};
    LowerPoint point = lower_point(type->rank, index, type->rank - 1, 1, 1);
    KVal **roots = ARENA_ARRAY(b->arena, KVal *, (size_t)e->pooled_count);
    lower_values(b, e->second, &point, held, e->group->pool_index ? 2 : 1, roots);
    for (int i = 0; i < e->pooled_count; i++)
        lower_store(b, e->pooled_roots[i], &point, roots[i]);
}

void epilogue_end(Nest *nest) {
    if (!nest->epilogue.pool_later) return;
    KBuilder *b = nest->b;
    const Type *pooled = &nest->epilogue.group->pool->type;
    KVal *index[MAX_RANK];
    for (int axis = 0; axis < pooled->rank; axis++)
        index[axis] = k_for(b, 0, pooled->dim[axis], 1, 0);
    pool_window_later(nest, &nest->c->anchor->type, index);
    for (int axis = 0; axis < pooled->rank; axis++)
        k_end(b);
}

/* Whether the value is read by the epilogue alone, and only at the element that it is about to
 * write. What was packed ahead is an operand too, which other tiles read again. */
static bool reads_in_place(const Contraction *c, const Epilogue *e, const KBuf *buf) {
    bool found = false;
    IndexMap identity = index_map_identity(&c->anchor->type);
    for (int operand = 0; operand < 2; operand++)
        if (buf->node == c->operand[operand].node) return false;
    for (int i = 0; i < e->group->output_count; i++)
        if (e->group->outputs[i]->type.dtype != buf->dtype) return false;
    for (int v = 0; v < e->first->count; v++) {
        const FlatValue *value = &e->first->values[v];
        bool reads = value->node == buf->node && value->kind != FLAT_OP;
        if (reads && !index_map_equal(&value->map, &identity)) return false;
        found = found || reads;
    }
    return found;
}

void contract_mark_inplace(KBuilder *b, const Contraction *c, const Epilogue *e) {
    if (e->group->pool) return;
    for (size_t i = 0; i < b->kernel->buffers.count; i++) {
        KBuf *buf = b->kernel->buffers.items[i];
        if (buf->role == KBUF_IN) buf->inplace = reads_in_place(c, e, buf);
    }
}
