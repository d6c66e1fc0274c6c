/* Operands made ready for the nest: zeros around and between elements (halo), and packing.
 *
 * Halo: the coordinates that the nest reads, row-major, cleared once; the operand's elements are
 * copied to their places. Packing: [other result dims][lane blocks][summed dims][block], where a
 * block is one tile of the lane dim, filled up with zeros: whole aligned vectors, read in order.
 * An operand that moves with a scoped dim is copied anew in each iteration of it, into the same
 * memory, which stays in cache. */
#include "codegen/contract_internal.h"
#include "support/checked.h"

static bool is_packed(const Nest *nest, int operand) {
    return nest->s->pack && operand == nest->s->vector_operand;
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
    copy->halo = nest->c->paired
                     ? bind_copy(nest, operand, DT_I32, count, "pairs")
                     : bind_copy(nest, operand, o->node->type.dtype, count, "with zeros around");
    nest->operand[operand].buf = copy->halo;
    bind_strides(nest, operand, copy->stride);
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
    copy->pack_stride[lane] = count;
    o->inner[lane] = 1;
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
    copy->packed = bind_copy(nest, operand, dtype, count, "packed");
    o->buf = copy->packed;
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
        if (is_packed(nest, operand)) bind_packed(nest, operand);
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

/* What is copied of a row, from `at` on and `step` apart: elements, or pairs of them. `along`: the
 * row goes along the pairs. Lanes from `active` on are zeros, as is the half that isn't there. */
static KVal *load_row(const Nest *nest, int operand, KBuf *buf, KVal *at, int64_t step, bool along,
                      int lanes, int active) {
    KBuilder *b = nest->b;
    if (!nest->c->paired || buf->dtype == DT_I32)
        return k_load_strided(b, buf, at, step, lanes, active);
    const NestCopy *copy = &nest->copy[operand];
    int64_t apart = nest->c->operand[operand].map.stride[pair_axis(nest, operand)];
    int highs = !copy->half ? active : along ? active - 1 : 0;
    KVal *zero = k_number(b, K_F32, lanes, 0);
    if (along && apart == 1) {
        int left = active + highs - lanes;
        KVal *low = k_load_tail(b, buf, at, lanes, left < 0 ? active + highs : lanes);
        KVal *high = left <= 0 ? zero : k_load_tail(b, buf, k_addi(b, at, lanes), lanes, left);
        return k_bf16_pair(b, k_even(b, low, high), k_odd(b, low, high));
    }
    KVal *low = k_load_strided(b, buf, at, step, lanes, active);
    at = k_addi(b, at, apart);
    return k_bf16_pair(b, low, highs == 0 ? zero : k_load_strided(b, buf, at, step, lanes, highs));
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
    KVal *value = load_row(nest, operand, source, at, step, along, lanes, lanes);
    k_store_strided(b, copy->halo, k_add(b, to, k_muli(b, i, spread)), apart, value, lanes);
    k_end(b);
    int active = (int)(count - whole);
    if (active == 0) return;
    if (along) copy->half = nest->c->paired % 2;
    value =
        load_row(nest, operand, source, k_addi(b, from, whole * step), step, along, lanes, active);
    k_store_strided(b, copy->halo, k_addi(b, to, whole * spread), apart, value, active);
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
        KVal *value =
            active == 0 ? zero
                        : load_row(nest, operand, copy->source.buf, at, step, false, lanes, active);
        k_store(b, copy->packed, out, value);
    }
}

/* Whether packing makes pairs along the dim. */
static bool makes_pairs(const Nest *nest, int operand, int dim) {
    return nest->c->paired && dim == nest->c->out_count && !nest->copy[operand].halo;
}

/* Whether rows lie along the last summed dim, at least a vector of it: then squares are turned.
 * What is packed once, when weights are loaded, isn't worth their text. */
static bool packs_squares(const Nest *nest, int operand, int64_t count) {
    if (nest->packing) return false;
    const NestOperand *source = &nest->copy[operand].source;
    int lanes = nest->s->lanes, last = dim_count(nest) - 1;
    return lanes >= 4 && count >= lanes &&
           source->inner[last] == 1 + makes_pairs(nest, operand, last) &&
           source->inner[nest->s->lane] != 1;
}

/* A square of the source, turned: `rows` of the lane dim, `steps` of the last summed dim. */
static void pack_square(Nest *nest, int operand, KVal *from, KVal *to, int rows, int steps) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
    int lanes = nest->s->lanes;
    int64_t row = copy->source.inner[nest->s->lane];
    bool along = makes_pairs(nest, operand, dim_count(nest) - 1);
    KVal *value[K_MAX_LANES];
    for (int l = 0; l < lanes; l++) {
        KVal *at = k_addi(b, from, l * row);
        value[l] = l < rows ? load_row(nest, operand, copy->source.buf, at, 1, along, lanes, steps)
                            : k_number(b, kkind_of(copy->packed->dtype), lanes, 0);
    }
    if (rows > 0) lower_transpose(b, value, lanes);
    for (int l = 0; l < steps; l++)
        k_store_at(b, copy->packed, to, l * block_size(nest), value[l]);
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
    pack_sums(nest, operand, sums, k_add(b, from, k_muli(b, i, block * step)),
              k_add(b, to, k_muli(b, i, copy->pack_stride[lane])), block);
    k_end(b);
    if (extent % block == 0) return;
    from = k_addi(b, from, extent / block * block * step);
    to = k_addi(b, to, extent / block * copy->pack_stride[lane]);
    pack_sums(nest, operand, sums, from, to, extent % block);
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
        pack_results(nest, operand, 0, from, k_index(b, 0));
    }
}
