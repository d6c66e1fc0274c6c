/* Operands on their way to shared memory: several parts ahead of the products, by asynchronous
 * copies, with zeros where a coordinate lies in padding or between elements, so that any dot or
 * convolution, in either direction, is the same nest. */
#include "codegen/gpu/tiling.h"
#include "support/checked.h"

/* No coordinate along the axis lies in padding or between elements. */
static bool is_plain(const Tiling *t, int operand, int axis) {
    const ContractOperand *o = &t->c.operand[operand];
    int64_t lo, hi;
    contract_range(&t->c, operand, axis, &lo, &hi);
    return lo >= 0 && hi < o->map.dim[axis] && o->spread[axis] == 1;
}

/* Some of an index's digits as one operand has them. */
typedef struct Stretch {
    int first; /* of the digits; if the stretch isn't plain it is that one */
    int64_t extent, stride;
    bool plain; /* along plain axes: the stride says all */
} Stretch;

/* Neighbours along plain axes that lie in the operand as one dim would are one stretch. */
static int find_stretches(const Tiling *t, int operand, const Digits *digits,
                          Stretch stretches[MAX_DIGITS]) {
    int count = 0;
    for (int i = 0; i < digits->count; i++) {
        const Digit *digit = &digits->items[i];
        const ContractDim *dim = &t->c.dims[digit->dim];
        int axis = dim->axis[operand];
        Stretch stretch = {i, digit->extent, 0, axis < 0 || is_plain(t, operand, axis)};
        if (axis >= 0)
            stretch.stride =
                digit->unit * dim->coef[operand] * t->c.operand[operand].map.stride[axis];
        Stretch *last = count ? &stretches[count - 1] : NULL;
        if (last && last->plain && stretch.plain &&
            last->stride == stretch.stride * stretch.extent) {
            last->extent *= stretch.extent;
            last->stride = stretch.stride;
        } else {
            stretches[count++] = stretch;
        }
    }
    return count;
}

/* The index's part of the operand's address along plain axes; coordinates along others are set. The
 * last stretch is counted in `width`s. */
static KVal *plain_address(Tiling *t, int operand, const Digits *digits, KVal *flat, int width) {
    KBuilder *b = t->b;
    Stretch stretches[MAX_DIGITS];
    int64_t extent[MAX_DIGITS];
    KVal *value[MAX_DIGITS], *address = k_index(b, 0);
    int count = find_stretches(t, operand, digits, stretches);
    for (int i = 0; i < count; i++) {
        extent[i] = stretches[i].extent / (i == count - 1 ? width : 1);
        if (!stretches[i].plain) t->at[digits->items[stretches[i].first].dim] = NULL;
    }
    lower_split(b, flat, count, extent, value);
    for (int i = 0; i < count; i++) {
        const Digit *digit = &digits->items[stretches[i].first];
        KVal *part = k_muli(b, value[i], i == count - 1 ? width : 1), **at = &t->at[digit->dim];
        if (stretches[i].plain) {
            address = k_add(b, address, k_muli(b, part, stretches[i].stride));
        } else {
            part = k_muli(b, part, digit->unit);
            *at = *at ? k_add(b, *at, part) : part;
        }
    }
    return address;
}

/* The coordinate along an axis that isn't plain, within the operand. *exists is false where it
 * wasn't there, beside what it was before; NULL: always true. */
static KVal *guarded_coordinate(Tiling *t, int operand, int axis, KVal **exists) {
    KBuilder *b = t->b;
    const ContractOperand *o = &t->c.operand[operand];
    KVal *at = k_index(b, o->base[axis]);
    for (int d = 0; d < t->c.out_count + t->c.sum_count; d++)
        if (t->c.dims[d].axis[operand] == axis)
            at = k_add(b, at, k_muli(b, t->at[d], t->c.dims[d].coef[operand]));
    int64_t spread = o->spread[axis], last = (o->map.dim[axis] - 1) * spread;
    KVal *inside[3] = {NULL};
    if (at->lo < 0) inside[0] = k_ge(b, at, k_index(b, 0));
    if (at->hi > last) inside[1] = k_le(b, at, k_index(b, last));
    if (inside[0]) at = k_max(b, at, k_index(b, 0));
    if (inside[1]) at = k_min(b, at, k_index(b, last));
    if (spread > 1) inside[2] = k_eq(b, k_remi(b, at, spread), k_index(b, 0));
    for (int i = 0; i < 3; i++)
        if (inside[i]) *exists = *exists ? k_and(b, *exists, inside[i]) : inside[i];
    return k_divi(b, at, spread);
}

/* index, or the last one where it would be beyond: then *exists is false. NULL *exists: never. */
static KVal *clamp_index(KBuilder *b, KVal *index, int64_t extent, KVal **exists) {
    *exists = NULL;
    if (index->hi < extent) return index;
    *exists = k_lt(b, index, k_index(b, extent));
    return k_min(b, index, k_index(b, extent - 1));
}

/* The element at those indexes, that along which the operand's elements lie side by side counted in
 * widths. */
static void copy_elements(Tiling *t, int operand, KVal *to, KVal *element, KVal *summed,
                          KVal *exists) {
    KBuilder *b = t->b;
    const Part *part = &t->part[operand];
    const ContractOperand *o = &t->c.operand[operand];
    int width = part->sums_first ? 1 : part->width, summed_width = part->width / width;
    KVal *address = plain_address(t, operand, &t->batch, t->batch_number, 1);
    address = k_addi(b, address, o->map.offset);
    address = k_add(b, address, plain_address(t, operand, &t->side[operand], element, width));
    address = k_add(b, address, plain_address(t, operand, &t->sums, summed, summed_width));
    for (int axis = 0; axis < o->map.rank; axis++) {
        KVal *at = is_plain(t, operand, axis) ? k_index(b, o->base[axis])
                                              : guarded_coordinate(t, operand, axis, &exists);
        address = k_add(b, address, k_muli(b, at, o->map.stride[axis]));
    }
    KBuf *shared = t->shared[operand], *from = k_input(b, o->node);
    if (dtype_size(shared->dtype) >= 4) {
        k_copy_async(b, shared, to, from, address, part->width, exists);
        return;
    }
    KVal *value = k_load(b, from, address, 1);
    if (exists) value = k_select(b, exists, value, k_number(b, value->kind, 1, 0));
    k_store(b, shared, to, value);
}

static KVal *place(const Tiling *t, int side, KVal *stage, KVal *element, KVal *summed) {
    KBuilder *b = t->b;
    const Part *part = &t->part[side];
    KVal *at = k_add(b, k_muli(b, element, part->step), k_muli(b, summed, part->summed_step));
    return k_add(b, k_muli(b, stage, part->size), at);
}

KVal *tiling_load(const Tiling *t, int side, KVal *stage, KVal *element, KVal *summed) {
    return k_load(t->b, t->shared[side], place(t, side, stage, element, summed), 1);
}

/* The block's part of an operand for the summed elements from `first` on, by all its threads, each
 * time `width` neighbours of a side or of the sums. Rows beyond the last one repeat it: their sums
 * go nowhere. */
static void copy_operand(Tiling *t, int operand, KVal *first, KVal *stage) {
    KBuilder *b = t->b;
    const Part *part = &t->part[operand];
    const Digits *side = &t->side[operand];
    bool sums = part->sums_first;
    int width = sums ? 1 : part->width, summed_width = sums ? part->width : 1;
    int64_t tile = part->tile / width, depth = t->s->depth / summed_width;
    KVal *i = k_for(b, 0, tile * depth / t->s->threads, 1, t->long_loops), *exists;
    KVal *e = k_add(b, k_muli(b, i, t->s->threads), k_thread(b));
    KVal *element = sums ? k_divi(b, e, depth) : k_remi(b, e, tile);
    KVal *summed = sums ? k_remi(b, e, depth) : k_divi(b, e, tile);
    KVal *to = place(t, operand, stage, k_muli(b, element, width), k_muli(b, summed, summed_width));
    element = k_add(b, k_divi(b, t->start[operand], width), element);
    element = clamp_index(b, element, side->extent / width, &exists);
    summed = k_add(b, k_divi(b, first, summed_width), summed);
    summed = clamp_index(b, summed, t->sums.extent / summed_width, &exists);
    copy_elements(t, operand, to, element, summed, exists);
    k_end(b);
}

static void copy_parts(Tiling *t, KVal *first, KVal *stage) {
    copy_operand(t, CONTRACT_A, first, stage);
    copy_operand(t, CONTRACT_B, first, stage);
}

/* Begins to copy the part that is wanted after those under way. */
static void copy_ahead(Tiling *t, KVal *first, KVal *stage) {
    KBuilder *b = t->b;
    bool guarded = first->hi >= t->sums.extent;
    if (first->lo >= t->sums.extent) return;
    if (guarded) k_if(b, k_lt(b, first, k_index(b, t->sums.extent)));
    copy_parts(t, k_assume(b, first, first->lo, t->sums.extent - 1), stage);
    if (guarded) k_end(b);
}

/* A barrier for each part: what is copied then replaces the part that all are done with. */
void tiling_sum(Tiling *t, void (*add)(Tiling *t, KVal *stage)) {
    KBuilder *b = t->b;
    int64_t extent = t->sums.extent, depth = t->s->depth, stages = t->s->stages;
    for (int64_t i = 0; i < stages - 1; i++) {
        if (i * depth < extent) copy_parts(t, k_index(b, i * depth), k_index(b, i));
        k_copy_commit(b);
    }
    KVal *first = k_for(b, 0, extent, depth, 0), *number = k_divi(b, first, depth);
    if (stages == 1) {
        copy_parts(t, first, k_index(b, 0));
        k_copy_commit(b);
    }
    k_copy_wait(b, stages == 1 ? 0 : (int)stages - 2);
    k_barrier(b);
    if (stages > 1) {
        copy_ahead(t, k_addi(b, first, (stages - 1) * depth),
                   k_remi(b, k_addi(b, number, stages - 1), stages));
        k_copy_commit(b);
    }
    add(t, k_remi(b, number, stages));
    if (stages == 1 && extent > depth) k_barrier(b);
    k_end(b);
}

/* How far apart neighbours of an index lie in the operand. */
static int64_t distance(const Tiling *t, int operand, const Digits *digits) {
    Stretch stretches[MAX_DIGITS];
    int count = find_stretches(t, operand, digits, stretches);
    if (count == 0) return INT64_MAX;
    return stretches[count - 1].stride < 0 ? -stretches[count - 1].stride
                                           : stretches[count - 1].stride;
}

/* Whether groups of so many neighbours of the index lie side by side in the operand, all there or
 * none, and on multiples of the number as far as strides tell. */
static bool lies_together(const Tiling *t, int operand, const Digits *digits, int width) {
    Stretch stretches[MAX_DIGITS];
    const Digits *all[] = {&t->batch, &t->side[operand], &t->sums};
    for (int i = 0; i < 3; i++) {
        int count = find_stretches(t, operand, all[i], stretches);
        if (all[i] == digits) {
            if (count == 0) return false;
            const Stretch *last = &stretches[--count];
            if (!last->plain || last->stride != 1 || last->extent % width != 0) return false;
        }
        for (int k = 0; k < count; k++)
            if (stretches[k].stride % width != 0) return false;
    }
    return t->c.operand[operand].map.offset % width == 0;
}

/* Threads of a warp that write a column of shared memory meet different banks; so do those that
 * read what matrix units want: 8 elements by 4 summed ones. */
static void lay_part(Tiling *t, int side) {
    Part *part = &t->part[side];
    const GpuSchedule *s = t->s;
    enum { VECTOR = 16 };
    int size = (int)dtype_size(t->c.operand[side].node->type.dtype);
    bool together = part->sums_first && s->products != GPU_FMA;
    const Digits *fast = part->sums_first ? &t->sums : &t->side[side];
    part->width = 1;
    for (int width = VECTOR / size; width > 1 && part->width == 1 && size >= 4; width /= 2)
        if ((together || !part->sums_first) && part->tile * s->depth / width % s->threads == 0 &&
            lies_together(t, side, fast, width))
            part->width = width;
    if (together) {
        part->step = s->depth + 4;
        part->summed_step = 1;
        part->size = part->tile * part->step;
    } else {
        int64_t apart = (K_WARP + s->depth - 1) / s->depth;
        if (part->width > 1) apart = VECTOR / size;
        if (s->products != GPU_FMA) apart = 8;
        part->step = 1;
        part->summed_step = part->tile + apart;
        part->size = s->depth * part->summed_step;
    }
}

void tiling_parts(Tiling *t) {
    for (int side = 0; side < SIDES; side++) {
        int64_t elements = (int64_t)t->s->across[side] * t->s->registers[side];
        if (t->s->products != GPU_FMA) elements *= side == 0 ? GPU_ROW_LANES : GPU_COLUMN_LANES;
        t->part[side].tile = elements;
        t->part[side].sums_first = distance(t, side, &t->sums) < distance(t, side, &t->side[side]);
        lay_part(t, side);
    }
}

int64_t tiling_bytes(const Tiling *t) {
    int64_t bytes = 0;
    for (int side = 0; side < SIDES; side++)
        bytes += t->part[side].size * t->s->stages *
                 (int64_t)dtype_size(t->c.operand[side].node->type.dtype);
    return bytes;
}
