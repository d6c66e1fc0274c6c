/* Operands made ready for the nest: zeros around and between elements (halo), and packing.
 *
 * Halo: the coordinates that the nest reads, row-major, cleared once; the operand's elements are
 * copied to their places. Packing: [other result dims][lane blocks][summed dims][block], where a
 * block is one tile of the lane dim, filled up with zeros: whole aligned vectors, read in order.
 * An operand that moves with a scoped dim is copied anew in each iteration of it, into the same
 * memory, which stays in cache. */
#include "codegen/contract_internal.h"
#include "codegen/matrix.h"
#include "support/checked.h"

/* Steps of rows that would lie in few sets of a cache: these are filled up by a tile. */
enum { APART = 128 };

static bool is_packed(const Nest *nest, int operand) {
    return nest->s->pack && (nest->s->pieces > 0 || operand == nest->s->vector_operand);
}

/* Whether the operand is copied as it lies: with zeros, or as pairs unless packing makes them. */
static bool is_copied(const Nest *nest, int operand) {
    return contract_needs_halo(nest->c, operand) || (nest->c->paired && !is_packed(nest, operand));
}

/* Whether the operand is known before the run, and is packed or paired the same for all of it. */
static bool packs_ahead(const Nest *nest, int operand) {
    return nest->request->prepared[operand] && !contract_needs_halo(nest->c, operand) &&
           (nest->c->paired || is_packed(nest, operand));
}

/* Whether the operand is copied anew in each iteration of the dim. */
static bool is_scoped(const Nest *nest, int operand, int dim) {
    return nest->scoped[dim] && !packs_ahead(nest, operand);
}

/* Elements of a dim that lie in one scope: 1 or a chunk for scoped dims. */
static int64_t inner_extent(const Nest *nest, int operand, int dim) {
    if (!is_scoped(nest, operand, dim)) return nest->c->dims[dim].extent;
    bool chunked = dim == nest->c->out_count + nest->s->chunk_dims - 1;
    return nest->s->chunk_dims > 0 && chunked ? nest->s->chunk : 1;
}

static bool moves(const Nest *nest, int operand, int dim) {
    return nest->c->dims[dim].axis[operand] >= 0;
}

static int dim_count(const Nest *nest) {
    return nest->c->out_count + nest->c->sum_count;
}

static bool operand_is_scoped(const Nest *nest, int operand) {
    for (int d = 0; d < dim_count(nest); d++)
        if (is_scoped(nest, operand, d) && moves(nest, operand, d)) return true;
    return false;
}

/* How often an element is copied: in pieces, or once. */
static int copies(const Nest *nest) {
    return nest->s->pieces > 1 ? nest->s->pieces : 1;
}

static int64_t block_size(const Nest *nest) {
    return (int64_t)nest->s->vectors * nest->s->lanes;
}

static int64_t product(int64_t a, int64_t b) {
    int64_t result;
    NNC_CHECK(mul_i64(a, b, &result), "operand copy too large");
    return result;
}

/* Coordinates of an axis that the nest reads within one scope. */
static void axis_range(const Nest *nest, int operand, int axis, int64_t *lo, int64_t *hi) {
    *lo = *hi = nest->c->operand[operand].base[axis];
    for (int d = 0; d < dim_count(nest); d++) {
        const ContractDim *dim = &nest->c->dims[d];
        if (dim->axis[operand] != axis) continue;
        int64_t reach = dim->coef[operand] * (inner_extent(nest, operand, d) - 1);
        *(reach < 0 ? lo : hi) += reach;
    }
}

/* The memory of an operand's last copy. */
static KBuf *bind_copy(Nest *nest, int operand, DType dtype, int64_t count, const char *comment) {
    NestCopy *copy = &nest->copy[operand];
    if (packs_ahead(nest, operand) && !nest->packing) {
        copy->ahead = ARENA_NEW(nest->values, Node);
        *copy->ahead = (Node){.op = OP_input, .name = "packed"};
        copy->ahead->type = type_make(dtype, 1, &count);
        copy->prepared = true;
        return k_input(nest->b, copy->ahead);
    }
    if (copy->ahead) return k_output(nest->b, copy->ahead);
    KBuf *buf = k_scratch(nest->b, dtype, count, comment);
    buf->fresh = operand_is_scoped(nest, operand);
    return buf;
}

static void bind_strides(Nest *nest, int operand, const int64_t *axis_stride) {
    NestOperand *o = &nest->operand[operand];
    for (int d = 0; d < dim_count(nest); d++) {
        const ContractDim *dim = &nest->c->dims[d];
        if (!moves(nest, operand, d)) continue;
        o->inner[d] = axis_stride[dim->axis[operand]] * dim->coef[operand];
        bool copied = is_scoped(nest, operand, d) && nest->copy[operand].halo;
        o->stride[d] = copied ? 0 : o->inner[d];
    }
}

static void bind_halo(Nest *nest, int operand) {
    const ContractOperand *o = &nest->c->operand[operand];
    NestCopy *copy = &nest->copy[operand];
    int64_t count = 1;
    for (int axis = o->map.rank - 1; axis >= 0; axis--) {
        int64_t hi;
        axis_range(nest, operand, axis, &copy->lo[axis], &hi);
        copy->extent[axis] = hi - copy->lo[axis] + 1;
        copy->stride[axis] = count;
        count = product(count, copy->extent[axis]);
        nest->operand[operand].start += (o->base[axis] - copy->lo[axis]) * copy->stride[axis];
    }
    copy->halo_plane = count;
    copy->halo = nest->c->paired
                     ? bind_copy(nest, operand, DT_I32, product(count, copies(nest)), "pairs")
                     : bind_copy(nest, operand, o->node->type.dtype, count, "with zeros around");
    nest->operand[operand].buf = copy->halo;
    bind_strides(nest, operand, copy->stride);
}

/* Whether packing makes pairs along the dim. */
static bool makes_pairs(const Nest *nest, int operand, int dim) {
    return nest->c->paired && dim == nest->c->out_count && !nest->copy[operand].halo;
}

/* Whether elements lie beside one another along the last summed dim, at least a vector of them. */
static bool lies_along_sums(const Nest *nest, int operand, int64_t count) {
    int last = dim_count(nest) - 1;
    return count >= nest->s->lanes &&
           nest->copy[operand].source.inner[last] == 1 + makes_pairs(nest, operand, last);
}

/* Steps go along rows. Where elements don't, a block of rows is packed by columns first. */
static void bind_rows(Nest *nest, int operand, int64_t count) {
    NestCopy *copy = &nest->copy[operand];
    NestOperand *o = &nest->operand[operand];
    for (int d = nest->c->out_count; d < dim_count(nest); d++) {
        o->inner[d] /= block_size(nest);
        o->stride[d] /= block_size(nest);
    }
    copy->rows = true;
    if (lies_along_sums(nest, operand, inner_extent(nest, operand, dim_count(nest) - 1))) return;
    copy->columns = k_scratch(nest->b, DT_I32, product(count, copies(nest)), "columns");
    copy->columns->fresh = true;
}

static void bind_packed(Nest *nest, int operand) {
    NestCopy *copy = &nest->copy[operand];
    NestOperand *o = &nest->operand[operand];
    int lane = nest->s->lane;
    copy->source = *o;
    *o = (NestOperand){0};
    int64_t count = block_size(nest);
    for (int d = dim_count(nest) - 1; d >= nest->c->out_count; d--) {
        if (!moves(nest, operand, d)) continue;
        copy->pack_stride[d] = count;
        count = product(count, inner_extent(nest, operand, d));
        o->inner[d] = copy->pack_stride[d];
        o->stride[d] = is_scoped(nest, operand, d) ? 0 : o->inner[d];
    }
    if (nest->s->pieces) count = round_up_i64(count, MATRIX_SIDE * block_size(nest));
    bool rows = nest->s->pieces && operand != nest->s->vector_operand;
    if (rows && count / block_size(nest) % APART == 0) count += MATRIX_SIDE * block_size(nest);
    if (rows) bind_rows(nest, operand, count);
    copy->pack_stride[lane] = count;
    o->inner[lane] = rows ? count / block_size(nest) : 1;
    o->stride[lane] = count / block_size(nest);
    int64_t blocks = (nest->c->dims[lane].extent + block_size(nest) - 1) / block_size(nest);
    count = product(count, blocks);
    for (int i = nest->c->out_count - 1; i >= 0; i--) {
        int d = nest->s->order[i];
        if (d == lane || is_scoped(nest, operand, d) || !moves(nest, operand, d)) continue;
        copy->pack_stride[d] = o->stride[d] = o->inner[d] = count;
        count = product(count, nest->c->dims[d].extent);
    }
    DType dtype = nest->c->paired ? DT_I32 : copy->source.buf->dtype;
    copy->plane = count;
    count = product(count, copies(nest)) + (nest->plain ? MATRIX_SIDE : 0);
    copy->packed = bind_copy(nest, operand, dtype, count, "packed");
    o->buf = copy->packed;
}

/* The schedule by which an operand is packed: blocks of the lane dim, or of a matrix unit's rows.
 */
static Schedule packing_schedule(const Nest *nest, int operand) {
    Schedule s = *nest->s;
    if (!s.pieces || operand == s.vector_operand) return s;
    s.lane = s.row;
    s.vectors = 1;
    return s;
}

void contract_bind_operands(Nest *nest) {
    for (int operand = 0; operand < 2; operand++) {
        const ContractOperand *o = &nest->c->operand[operand];
        if (is_copied(nest, operand)) {
            bind_halo(nest, operand);
        } else {
            NestOperand *direct = &nest->operand[operand];
            direct->buf = k_input(nest->b, o->node);
            direct->start = o->map.offset;
            for (int axis = 0; axis < o->map.rank; axis++)
                direct->start += o->base[axis] * o->map.stride[axis];
            bind_strides(nest, operand, o->map.stride);
            int first = nest->c->out_count;
            direct->inner[first] *= nest->c->paired ? 2 : 1;
            direct->stride[first] *= nest->c->paired ? 2 : 1;
        }
        if (!is_packed(nest, operand)) continue;
        const Schedule *s = nest->s, packing = packing_schedule(nest, operand);
        nest->s = &packing;
        bind_packed(nest, operand);
        nest->s = s;
    }
}

void contract_clear_halos(Nest *nest) {
    KBuilder *b = nest->b;
    for (int operand = 0; operand < 2; operand++) {
        KBuf *halo = nest->copy[operand].halo;
        if (!halo || !contract_needs_halo(nest->c, operand)) continue;
        int lanes = target_lanes(nest->request->target, halo->dtype);
        KVal *zero = k_number(b, kkind_of(halo->dtype), lanes, 0);
        int64_t whole = halo->count / lanes * lanes;
        KVal *i = k_for(b, 0, whole, lanes, 0);
        k_store(b, halo, i, zero);
        k_end(b);
        if (whole < halo->count)
            k_store_tail(b, halo, k_index(b, whole), zero, (int)(halo->count - whole));
    }
}

/* The elements of an axis that fall into the range read: first one and how many. */
static void copied_elements(const Nest *nest, int operand, int axis, int64_t *first,
                            int64_t *count) {
    const ContractOperand *o = &nest->c->operand[operand];
    const NestCopy *copy = &nest->copy[operand];
    int64_t spread = o->spread[axis];
    int64_t hi = copy->lo[axis] + copy->extent[axis] - 1;
    *first = copy->lo[axis] <= 0 ? 0 : (copy->lo[axis] + spread - 1) / spread;
    int64_t last = hi < 0 ? -1 : hi / spread;
    if (last >= o->map.dim[axis]) last = o->map.dim[axis] - 1;
    *count = last < *first ? 0 : last - *first + 1;
}

/* The axis of the operand along which pairs are made; -1: none. */
static int pair_axis(const Nest *nest, int operand) {
    return nest->c->paired ? nest->c->dims[nest->c->out_count].axis[operand] : -1;
}

/* Elements of a dim, or an axis, without half a pair at its end. */
static int64_t without_half(const Nest *nest, int64_t count, bool pairs) {
    return count - (pairs ? nest->c->paired % 2 : 0);
}

/* Pairs of float32 numbers: rounded, or in pieces of which each is what those before leave. */
static void split_pairs(const Nest *nest, KVal *low, KVal *high, KVal **pieces) {
    KBuilder *b = nest->b;
    KVal *bits = k_integer(b, K_I32, 1, 16), *upper = k_integer(b, K_I32, 1, -65536);
    for (int p = 0; p < copies(nest); p++) {
        KVal *pair = pieces[p] = k_bf16_pair(b, low, high);
        if (p + 1 == copies(nest)) return;
        low = k_sub(b, low, k_bitcast(b, k_binary(b, KOP_SHL, pair, bits), K_F32));
        high = k_sub(b, high, k_bitcast(b, k_and(b, pair, upper), K_F32));
    }
}

/* What is copied of a row, from `at` on and `step` apart: elements, or pairs of them in pieces.
 * `along`: the row goes along the pairs. Lanes from `active` on are zeros, as is the half that
 * isn't there. */
static void load_row(const Nest *nest, int operand, KBuf *buf, KVal *at, int64_t step, bool along,
                     int lanes, int active, KVal **pieces) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
    if (!nest->c->paired || buf->dtype == DT_I32) {
        for (int p = 0; p < copies(nest); p++)
            pieces[p] =
                k_load_strided(b, buf, k_addi(b, at, p * copy->halo_plane), step, lanes, active);
        return;
    }
    int64_t apart = nest->c->operand[operand].map.stride[pair_axis(nest, operand)];
    int highs = !copy->half ? active : along ? active - 1 : 0;
    KVal *zero = k_number(b, K_F32, lanes, 0);
    if (along && apart == 1) {
        int left = active + highs - lanes;
        KVal *low = k_load_tail(b, buf, at, lanes, left < 0 ? active + highs : lanes);
        KVal *high = left <= 0 ? zero : k_load_tail(b, buf, k_addi(b, at, lanes), lanes, left);
        split_pairs(nest, k_even(b, low, high), k_odd(b, low, high), pieces);
        return;
    }
    KVal *low = k_load_strided(b, buf, at, step, lanes, active);
    at = k_addi(b, at, apart);
    split_pairs(nest, low, highs == 0 ? zero : k_load_strided(b, buf, at, step, lanes, highs),
                pieces);
}

static void store_row(const Nest *nest, KBuf *buf, int64_t plane, KVal *at, int64_t apart,
                      KVal *const *pieces, int active) {
    for (int p = 0; p < copies(nest); p++)
        k_store_strided(nest->b, buf, k_addi(nest->b, at, p * plane), apart, pieces[p], active);
}

/* The innermost axis: whole vectors where both sides are contiguous, or pairs are made. */
static void copy_row(Nest *nest, int operand, KVal *from, KVal *to, int64_t count) {
    KBuilder *b = nest->b;
    const ContractOperand *o = &nest->c->operand[operand];
    NestCopy *copy = &nest->copy[operand];
    KBuf *source = k_input(b, o->node);
    int axis = o->map.rank - 1;
    bool along = axis == pair_axis(nest, operand);
    int64_t step = o->map.stride[axis] * (along ? 2 : 1), spread = o->spread[axis];
    int lanes = target_lanes(nest->request->target, source->dtype);
    if (!nest->c->paired && (step != 1 || spread != 1)) lanes = 1;
    int64_t apart = lanes > 1 ? spread : 1;
    int64_t whole = without_half(nest, count, along) / lanes * lanes;
    KVal *i = k_for(b, 0, whole, lanes, 0);
    KVal *at = k_add(b, from, k_muli(b, i, step));
    KVal *pieces[MATRIX_PIECES];
    load_row(nest, operand, source, at, step, along, lanes, lanes, pieces);
    store_row(nest, copy->halo, copy->halo_plane, k_add(b, to, k_muli(b, i, spread)), apart, pieces,
              lanes);
    k_end(b);
    int active = (int)(count - whole);
    if (active == 0) return;
    if (along) copy->half = nest->c->paired % 2;
    load_row(nest, operand, source, k_addi(b, from, whole * step), step, along, lanes, active,
             pieces);
    store_row(nest, copy->halo, copy->halo_plane, k_addi(b, to, whole * spread), apart, pieces,
              active);
    if (along) copy->half = false;
}

static void copy_axis(Nest *nest, int operand, int axis, KVal *from, KVal *to) {
    KBuilder *b = nest->b;
    const ContractOperand *o = &nest->c->operand[operand];
    NestCopy *copy = &nest->copy[operand];
    bool pairs = axis == pair_axis(nest, operand);
    int64_t unit = o->map.stride[axis] * (pairs ? 2 : 1);
    int64_t first, count;
    copied_elements(nest, operand, axis, &first, &count);
    for (int d = 0; d < dim_count(nest); d++) {
        if (!is_scoped(nest, operand, d) || nest->c->dims[d].axis[operand] != axis) continue;
        from = k_add(b, from, k_muli(b, nest->at[d], unit));
        count = nest->size[d];
    }
    from = k_addi(b, from, first * unit);
    to = k_addi(b, to, (first * o->spread[axis] - copy->lo[axis]) * copy->stride[axis]);
    if (count == 0) return;
    if (axis == o->map.rank - 1) {
        copy_row(nest, operand, from, to, count);
        return;
    }
    int64_t whole = without_half(nest, count, pairs);
    for (int64_t lo = 0, hi = whole; lo < count; lo = hi, hi = count) {
        KVal *i = k_for(b, lo, hi, 1, 0);
        copy->half = copy->half || lo == whole;
        copy_axis(nest, operand, axis + 1, k_add(b, from, k_muli(b, i, unit)),
                  k_add(b, to, k_muli(b, i, copy->stride[axis] * o->spread[axis])));
        copy->half = copy->half && !pairs;
        k_end(b);
    }
}

/* One block of the lane dim, at one place of all other dims. */
static void pack_block(Nest *nest, int operand, KVal *from, KVal *to, int64_t size) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
    int lanes = nest->s->lanes;
    int64_t step = copy->source.inner[nest->s->lane];
    KVal *zero = k_number(b, kkind_of(copy->packed->dtype), lanes, 0);
    for (int64_t first = 0; first < block_size(nest); first += lanes) {
        int64_t left = size - first;
        int active = left >= lanes ? lanes : left <= 0 ? 0 : (int)left;
        KVal *at = k_addi(b, from, first * step), *out = k_addi(b, to, first);
        KVal *pieces[MATRIX_PIECES] = {zero, zero, zero};
        if (active > 0)
            load_row(nest, operand, copy->source.buf, at, step, false, lanes, active, pieces);
        store_row(nest, copy->packed, copy->plane, out, 1, pieces, lanes);
    }
}

/* Whether rows lie along the last summed dim, at least a vector of it: then squares are turned.
 * What is packed once, when weights are loaded, isn't worth their text. */
static bool packs_squares(const Nest *nest, int operand, int64_t count) {
    if (nest->packing) return false;
    return nest->s->lanes >= 4 && lies_along_sums(nest, operand, count) &&
           nest->copy[operand].source.inner[nest->s->lane] != 1;
}

/* A square of the source, turned: `rows` of the lane dim, `steps` of the last summed dim. */
static void pack_square(Nest *nest, int operand, KVal *from, KVal *to, int rows, int steps) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
    int lanes = nest->s->lanes;
    int64_t row = copy->source.inner[nest->s->lane];
    bool along = makes_pairs(nest, operand, dim_count(nest) - 1);
    KVal *value[MATRIX_PIECES][K_MAX_LANES];
    for (int l = 0; l < lanes; l++) {
        KVal *at = k_addi(b, from, l * row);
        KVal *zero = k_number(b, kkind_of(copy->packed->dtype), lanes, 0);
        KVal *pieces[MATRIX_PIECES] = {zero, zero, zero};
        if (l < rows) load_row(nest, operand, copy->source.buf, at, 1, along, lanes, steps, pieces);
        for (int p = 0; p < copies(nest); p++)
            value[p][l] = pieces[p];
    }
    for (int p = 0; p < copies(nest); p++) {
        if (rows > 0) lower_transpose(b, value[p], lanes);
        for (int l = 0; l < steps; l++)
            k_store_at(b, copy->packed, to, p * copy->plane + l * block_size(nest), value[p][l]);
    }
}

/* The squares of a block, of which `size` elements exist. */
static void pack_row_of_squares(Nest *nest, int operand, KVal *from, KVal *to, int64_t size,
                                int steps) {
    KBuilder *b = nest->b;
    int lanes = nest->s->lanes;
    int64_t row = nest->copy[operand].source.inner[nest->s->lane], whole = size / lanes * lanes;
    KVal *i = k_for(b, 0, whole, lanes, 0);
    pack_square(nest, operand, k_add(b, from, k_muli(b, i, row)), k_add(b, to, i), lanes, steps);
    k_end(b);
    for (int64_t first = whole; first < block_size(nest); first += lanes) {
        int64_t rows = first < size ? size - first : 0;
        pack_square(nest, operand, k_addi(b, from, first * row), k_addi(b, to, first), (int)rows,
                    steps);
    }
}

static void pack_squares(Nest *nest, int operand, KVal *from, KVal *to, int64_t size,
                         int64_t count) {
    KBuilder *b = nest->b;
    int lanes = nest->s->lanes;
    int last = dim_count(nest) - 1;
    bool pairs = makes_pairs(nest, operand, last);
    int64_t whole = without_half(nest, count, pairs) / lanes * lanes, step = block_size(nest);
    int64_t unit = nest->copy[operand].source.inner[last];
    KVal *i = k_for(b, 0, whole, lanes, 0);
    pack_row_of_squares(nest, operand, k_add(b, from, k_muli(b, i, unit)),
                        k_add(b, to, k_muli(b, i, step)), size, lanes);
    k_end(b);
    if (whole == count) return;
    if (pairs) nest->copy[operand].half = nest->c->paired % 2;
    pack_row_of_squares(nest, operand, k_addi(b, from, whole * unit), k_addi(b, to, whole * step),
                        size, (int)(count - whole));
    if (pairs) nest->copy[operand].half = false;
}

static void pack_sums(Nest *nest, int operand, int dim, KVal *from, KVal *to, int64_t size) {
    KBuilder *b = nest->b;
    NestCopy *copy = &nest->copy[operand];
    if (dim == dim_count(nest)) {
        pack_block(nest, operand, from, to, size);
        return;
    }
    if (!moves(nest, operand, dim)) {
        pack_sums(nest, operand, dim + 1, from, to, size);
        return;
    }
    int64_t count = nest->c->dims[dim].extent;
    if (is_scoped(nest, operand, dim)) count = nest->size[dim];
    if (dim == dim_count(nest) - 1 && packs_squares(nest, operand, count)) {
        pack_squares(nest, operand, from, to, size, count);
        return;
    }
    bool pairs = makes_pairs(nest, operand, dim);
    int64_t whole = without_half(nest, count, pairs);
    for (int64_t lo = 0, hi = whole; lo < count; lo = hi, hi = count) {
        KVal *i = k_for(b, lo, hi, 1, 0);
        copy->half = copy->half || lo == whole;
        pack_sums(nest, operand, dim + 1, k_add(b, from, k_muli(b, i, copy->source.inner[dim])),
                  k_add(b, to, k_muli(b, i, copy->pack_stride[dim])), size);
        copy->half = copy->half && !pairs;
        k_end(b);
    }
}

/* Zeros behind the steps of a block, so that whole tiles can be read. */
static void clear_steps(const Nest *nest, KBuf *buf, int64_t plane, KVal *to) {
    KBuilder *b = nest->b;
    int64_t steps = matrix_steps(nest), lanes = nest->s->lanes;
    KVal *zero = k_number(b, K_I32, (int)lanes, 0);
    KVal *i = k_for(b, steps, round_up_i64(steps, MATRIX_SIDE), 1, 0);
    to = k_add(b, to, k_muli(b, i, block_size(nest)));
    for (int p = 0; p < copies(nest); p++)
        for (int64_t first = 0; first < block_size(nest); first += lanes)
            k_store_at(b, buf, to, p * plane + first, zero);
    k_end(b);
}

/* From columns to the rows of a matrix unit's tiles. */
static void turn_columns(const Nest *nest, int operand, KVal *to) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
    int64_t row = copy->pack_stride[nest->s->lane] / MATRIX_SIDE;
    KVal *piece = k_for(b, 0, copies(nest), 1, 0);
    KVal *step = k_for(b, 0, round_up_i64(matrix_steps(nest), MATRIX_SIDE), MATRIX_SIDE, 0);
    KVal *from = k_add(b, k_muli(b, piece, row * MATRIX_SIDE), k_muli(b, step, MATRIX_SIDE));
    KVal *value[K_MAX_LANES];
    for (int l = 0; l < MATRIX_SIDE; l++)
        value[l] = k_load_at(b, copy->columns, from, l * MATRIX_SIDE, MATRIX_SIDE);
    lower_transpose(b, value, MATRIX_SIDE);
    to = k_add(b, to, k_add(b, k_muli(b, piece, copy->plane), step));
    for (int l = 0; l < MATRIX_SIDE; l++)
        k_store_at(b, copy->packed, to, l * row, value[l]);
    k_end(b);
    k_end(b);
}

/* The summed dims from `dim` on, of a row. */
static void pack_row(Nest *nest, int operand, int dim, KVal *from, KVal *to) {
    KBuilder *b = nest->b;
    NestCopy *copy = &nest->copy[operand];
    bool pairs = makes_pairs(nest, operand, dim), last = dim == dim_count(nest) - 1;
    int64_t count = is_scoped(nest, operand, dim) ? nest->size[dim] : nest->c->dims[dim].extent;
    int64_t whole = without_half(nest, count, pairs);
    int64_t step = last ? nest->s->lanes : 1;
    whole = whole / step * step;
    for (int64_t lo = 0, hi = whole; lo < count; lo = hi, hi = count) {
        if (lo == hi) continue;
        KVal *i = k_for(b, lo, hi, lo < whole ? step : count - whole, 0);
        KVal *at = k_add(b, from, k_muli(b, i, copy->source.inner[dim]));
        KVal *out = k_add(b, to, k_muli(b, i, nest->operand[operand].inner[dim]));
        copy->half = copy->half || (pairs && nest->c->paired % 2 && lo == whole);
        if (last) {
            KVal *pieces[MATRIX_PIECES];
            int active = (int)(lo < whole ? step : count - whole);
            load_row(nest, operand, copy->source.buf, at, 1, pairs, (int)step, active, pieces);
            store_row(nest, copy->packed, copy->plane, out, 1, pieces, active);
        } else {
            pack_row(nest, operand, dim + 1, at, out);
        }
        copy->half = copy->half && !pairs;
        k_end(b);
    }
}

/* Rows as they lie, with zeros behind. */
static void pack_rows(Nest *nest, int operand, KVal *from, KVal *to, int64_t size) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
    int row = nest->s->lane, lanes = nest->s->lanes;
    int64_t steps = matrix_steps(nest), zeros = round_up_i64(steps, MATRIX_SIDE) - steps;
    KVal *zero = k_number(b, K_I32, lanes, 0), *pieces[MATRIX_PIECES] = {zero, zero, zero};
    KVal *i = k_for(b, 0, size, 1, 0);
    from = k_add(b, from, k_muli(b, i, copy->source.inner[row]));
    to = k_add(b, to, k_muli(b, i, nest->operand[operand].inner[row]));
    pack_row(nest, operand, nest->c->out_count, from, to);
    if (zeros > 0)
        store_row(nest, copy->packed, copy->plane, k_addi(b, to, steps), 1, pieces, (int)zeros);
    k_end(b);
}

/* A block of the lane dim, at one place of the other result dims. */
static void pack_panel(Nest *nest, int operand, KVal *from, KVal *to, int64_t size) {
    NestCopy *copy = &nest->copy[operand], target = *copy;
    KVal *at = to;
    if (copy->rows && !copy->columns) {
        pack_rows(nest, operand, from, to, size);
        return;
    }
    if (copy->columns) {
        copy->packed = copy->columns;
        copy->plane = copy->pack_stride[nest->s->lane];
        at = k_index(nest->b, 0);
    }
    pack_sums(nest, operand, nest->c->out_count, from, at, size);
    if (nest->s->pieces) clear_steps(nest, copy->packed, copy->plane, at);
    copy->packed = target.packed;
    copy->plane = target.plane;
    if (copy->columns) turn_columns(nest, operand, to);
}

static void pack_results(Nest *nest, int operand, int level, KVal *from, KVal *to) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
    int sums = nest->c->out_count, lane = nest->s->lane;
    if (level < sums) {
        int d = nest->s->order[level];
        if (d == lane || is_scoped(nest, operand, d) || !moves(nest, operand, d)) {
            pack_results(nest, operand, level + 1, from, to);
            return;
        }
        KVal *i = k_for(b, 0, nest->c->dims[d].extent, 1, 0);
        from = k_add(b, from, k_muli(b, i, copy->source.inner[d]));
        to = k_add(b, to, k_muli(b, i, copy->pack_stride[d]));
        pack_results(nest, operand, level + 1, from, to);
        k_end(b);
        return;
    }
    int64_t extent = nest->c->dims[lane].extent, block = block_size(nest);
    int64_t step = copy->source.inner[lane];
    KVal *i = k_for(b, 0, extent / block, 1, 0);
    pack_panel(nest, operand, k_add(b, from, k_muli(b, i, block * step)),
               k_add(b, to, k_muli(b, i, copy->pack_stride[lane])), block);
    k_end(b);
    if (extent % block == 0) return;
    from = k_addi(b, from, extent / block * block * step);
    to = k_addi(b, to, extent / block * copy->pack_stride[lane]);
    pack_panel(nest, operand, from, to, extent % block);
}

void contract_copy(Nest *nest, bool scoped) {
    KBuilder *b = nest->b;
    for (int operand = 0; operand < 2; operand++) {
        NestCopy *copy = &nest->copy[operand];
        if (operand_is_scoped(nest, operand) != scoped || copy->prepared) continue;
        if (nest->packing && !copy->ahead) continue; /* the run makes the other operand ready */
        if (copy->halo) {
            KVal *from = k_index(b, nest->c->operand[operand].map.offset);
            copy_axis(nest, operand, 0, from, k_index(b, 0));
        }
        if (!copy->packed) continue;
        KVal *from = k_index(b, copy->source.start);
        for (int d = 0; d < dim_count(nest); d++)
            if (is_scoped(nest, operand, d) && moves(nest, operand, d))
                from = k_add(b, from, k_muli(b, nest->at[d], copy->source.stride[d]));
        const Schedule *s = nest->s, packing = packing_schedule(nest, operand);
        nest->s = &packing;
        pack_results(nest, operand, 0, from, k_index(b, 0));
        nest->s = s;
    }
}
