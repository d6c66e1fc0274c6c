/* Operands made ready for the nest: zeros around and between elements (halo), and packing.
 *
 * Halo: the coordinates that the nest reads, row-major, cleared once; the operand's elements are
 * copied to their places. Packing: [other result dims][lane blocks][summed dims][block], where a
 * block is one tile of the lane dim, filled up with zeros: whole aligned vectors, read in order.
 * An operand that moves with a scoped dim is copied anew in each iteration of it, into the same
 * memory, which stays in cache. */
#include "codegen/contract_internal.h"
#include "support/checked.h"

/* Whether the operand is known before the run and packed the same for all of it. */
static bool packs_ahead(const Nest *nest, int operand) {
    return nest->request->prepared[operand] && nest->s->pack &&
           operand == nest->s->vector_operand && !contract_needs_halo(nest->c, operand);
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
    copy->halo = k_scratch(nest->b, o->node->type.dtype, count, "with zeros around");
    copy->halo->fresh = operand_is_scoped(nest, operand);
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
    DType dtype = copy->source.buf->dtype;
    if (packs_ahead(nest, operand) && !nest->packing) {
        copy->ahead = ARENA_NEW(nest->values, Node);
        *copy->ahead = (Node){.op = OP_input, .name = "packed"};
        copy->ahead->type = type_make(dtype, 1, &count);
        copy->prepared = true;
        copy->packed = k_input(nest->b, copy->ahead);
    } else if (copy->ahead) {
        copy->packed = k_output(nest->b, copy->ahead);
    } else {
        copy->packed = k_scratch(nest->b, dtype, count, "packed");
        copy->packed->fresh = operand_is_scoped(nest, operand);
    }
    o->buf = copy->packed;
}

void contract_bind_operands(Nest *nest) {
    for (int operand = 0; operand < 2; operand++) {
        const ContractOperand *o = &nest->c->operand[operand];
        if (contract_needs_halo(nest->c, operand)) {
            bind_halo(nest, operand);
        } else {
            NestOperand *direct = &nest->operand[operand];
            direct->buf = k_input(nest->b, o->node);
            direct->start = o->map.offset;
            for (int axis = 0; axis < o->map.rank; axis++)
                direct->start += o->base[axis] * o->map.stride[axis];
            bind_strides(nest, operand, o->map.stride);
        }
        if (nest->s->pack && operand == nest->s->vector_operand) bind_packed(nest, operand);
    }
}

void contract_clear_halos(Nest *nest) {
    KBuilder *b = nest->b;
    for (int operand = 0; operand < 2; operand++) {
        KBuf *halo = nest->copy[operand].halo;
        if (!halo) continue;
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

/* The innermost axis: whole vectors where both sides are contiguous. */
static void copy_row(Nest *nest, int operand, KVal *from, KVal *to, int64_t count) {
    KBuilder *b = nest->b;
    const ContractOperand *o = &nest->c->operand[operand];
    NestCopy *copy = &nest->copy[operand];
    KBuf *source = k_input(b, o->node);
    int axis = o->map.rank - 1;
    int64_t step = o->map.stride[axis], spread = o->spread[axis];
    int lanes = target_lanes(nest->request->target, source->dtype);
    if (step != 1 || spread != 1) lanes = 1;
    int64_t whole = count / lanes * lanes;
    KVal *i = k_for(b, 0, whole, lanes, 0);
    KVal *value = k_load(b, source, k_add(b, from, k_muli(b, i, step)), lanes);
    k_store(b, copy->halo, k_add(b, to, k_muli(b, i, spread)), value);
    k_end(b);
    int active = (int)(count - whole);
    if (active == 0) return;
    value = k_load_tail(b, source, k_addi(b, from, whole), lanes, active);
    k_store_tail(b, copy->halo, k_addi(b, to, whole), value, active);
}

static void copy_axis(Nest *nest, int operand, int axis, KVal *from, KVal *to) {
    KBuilder *b = nest->b;
    const ContractOperand *o = &nest->c->operand[operand];
    const NestCopy *copy = &nest->copy[operand];
    int64_t first, count;
    copied_elements(nest, operand, axis, &first, &count);
    for (int d = 0; d < dim_count(nest); d++) {
        if (!is_scoped(nest, operand, d) || nest->c->dims[d].axis[operand] != axis) continue;
        from = k_add(b, from, k_muli(b, nest->at[d], o->map.stride[axis]));
        count = nest->size[d];
    }
    from = k_addi(b, from, first * o->map.stride[axis]);
    to = k_addi(b, to, (first * o->spread[axis] - copy->lo[axis]) * copy->stride[axis]);
    if (count == 0) return;
    if (axis == o->map.rank - 1) {
        copy_row(nest, operand, from, to, count);
        return;
    }
    KVal *i = k_for(b, 0, count, 1, 0);
    from = k_add(b, from, k_muli(b, i, o->map.stride[axis]));
    to = k_add(b, to, k_muli(b, i, copy->stride[axis] * o->spread[axis]));
    copy_axis(nest, operand, axis + 1, from, to);
    k_end(b);
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
            active == 0 ? zero : k_load_strided(b, copy->source.buf, at, step, lanes, active);
        k_store(b, copy->packed, out, value);
    }
}

/* Whether rows lie along the last summed dim, at least a vector of it: then squares are turned. */
static bool packs_squares(const Nest *nest, int operand, int64_t count) {
    const NestOperand *source = &nest->copy[operand].source;
    int lanes = nest->s->lanes;
    return lanes >= 4 && count >= lanes && source->inner[dim_count(nest) - 1] == 1 &&
           source->inner[nest->s->lane] != 1;
}

/* A square of the source, turned: `rows` of the lane dim, `steps` of the last summed dim. */
static void pack_square(Nest *nest, int operand, KVal *from, KVal *to, int rows, int steps) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
    int lanes = nest->s->lanes;
    int64_t row = copy->source.inner[nest->s->lane];
    KVal *value[K_MAX_LANES];
    for (int l = 0; l < lanes; l++) {
        KVal *at = k_addi(b, from, l * row);
        value[l] = l < rows ? k_load_tail(b, copy->source.buf, at, lanes, steps)
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
    int64_t whole = count / lanes * lanes, step = block_size(nest);
    KVal *i = k_for(b, 0, whole, lanes, 0);
    pack_row_of_squares(nest, operand, k_add(b, from, i), k_add(b, to, k_muli(b, i, step)), size,
                        lanes);
    k_end(b);
    if (whole < count)
        pack_row_of_squares(nest, operand, k_addi(b, from, whole), k_addi(b, to, whole * step),
                            size, (int)(count - whole));
}

static void pack_sums(Nest *nest, int operand, int dim, KVal *from, KVal *to, int64_t size) {
    KBuilder *b = nest->b;
    const NestCopy *copy = &nest->copy[operand];
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
    KVal *i = k_for(b, 0, count, 1, 0);
    from = k_add(b, from, k_muli(b, i, copy->source.inner[dim]));
    to = k_add(b, to, k_muli(b, i, copy->pack_stride[dim]));
    pack_sums(nest, operand, dim + 1, from, to, size);
    k_end(b);
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
