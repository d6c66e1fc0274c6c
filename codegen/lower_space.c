/* Index spaces: merging dims, and the loops over them. */
#include "codegen/lower_internal.h"

#include <string.h>

Space space_of(const Type *type) {
    Space space = {.rank = type->rank};
    for (int d = 0; d < type->rank; d++)
        space.dim[d] = type->dim[d];
    return space;
}

int64_t space_numel(const Space *space) {
    int64_t count = 1;
    for (int d = 0; d < space->rank; d++)
        count *= space->dim[d];
    return count;
}

static bool has_map(const FlatValue *value) {
    return value->kind == FLAT_LOAD || value->kind == FLAT_CONST || value->kind == FLAT_IOTA;
}

/* The k-th map over the space, or NULL behind the last. */
static IndexMap *next_map(Space *space, int *flat, int *value) {
    for (; *flat < space->flat_count; (*flat)++, *value = 0)
        while (*value < space->flats[*flat]->count) {
            FlatValue *at = &space->flats[*flat]->values[(*value)++];
            if (has_map(at)) return &at->map;
        }
    if (*value < space->map_count) return &space->maps[(*value)++];
    return NULL;
}

static void remove_dim(Space *space, int dim) {
    int flat = 0, value = 0;
    size_t tail = (size_t)(space->rank - dim - 1);
    for (IndexMap *map; (map = next_map(space, &flat, &value));) {
        memmove(&map->stride[dim], &map->stride[dim + 1], tail * sizeof map->stride[0]);
        memmove(&map->dim[dim], &map->dim[dim + 1], tail * sizeof map->dim[0]);
        map->rank--;
    }
    memmove(&space->dim[dim], &space->dim[dim + 1], tail * sizeof space->dim[0]);
    memmove(&space->reduced[dim], &space->reduced[dim + 1], tail * sizeof space->reduced[0]);
    space->rank--;
}

static bool can_merge(Space *space, int dim) {
    if (space->reduced[dim] != space->reduced[dim + 1]) return false;
    int flat = 0, value = 0;
    for (IndexMap *map; (map = next_map(space, &flat, &value));)
        if (map->stride[dim] != map->stride[dim + 1] * space->dim[dim + 1]) return false;
    return true;
}

void space_collapse(Space *space) {
    for (int d = space->rank - 1; d >= 0; d--)
        if (space->dim[d] == 1) remove_dim(space, d);
    for (int d = space->rank - 2; d >= 0; d--) {
        if (!can_merge(space, d)) continue;
        /* The inner dim's strides serve for the merged one. */
        space->dim[d + 1] *= space->dim[d];
        int flat = 0, value = 0;
        for (IndexMap *map; (map = next_map(space, &flat, &value));)
            map->dim[d + 1] = space->dim[d + 1];
        remove_dim(space, d);
    }
    if (space->rank > 0) return;
    space->rank = 1;
    space->dim[0] = 1;
    space->reduced[0] = false;
    int flat = 0, value = 0;
    for (IndexMap *map; (map = next_map(space, &flat, &value));) {
        map->rank = 1;
        map->dim[0] = 1;
        map->stride[0] = 0;
    }
}

void lower_span(Lower *lower, int rank, KVal **index, int64_t lo, int64_t hi, int lanes,
                uint32_t flags, SpaceBody body, void *data) {
    KBuilder *b = &lower->b;
    int last = rank - 1;
    /* A single element is not worth vectors. */
    if (hi - lo == 1) lanes = 1;
    int64_t full = lo + (hi - lo) / lanes * lanes;
    if (full > lo) {
        index[last] = k_for(b, lo, full, lanes, flags);
        LowerPoint point = lower_point(rank, index, last, lanes, lanes);
        body(lower, &point, data);
        k_end(b);
    }
    if (full < hi) {
        index[last] = k_for(b, full, hi, lanes, flags);
        LowerPoint point = lower_point(rank, index, last, lanes, (int)(hi - full));
        body(lower, &point, data);
        k_end(b);
    }
}

void lower_split(KBuilder *b, KVal *flat, int rank, const int64_t *extent, KVal **index) {
    for (int d = rank - 1; d > 0; d--) {
        index[d] = k_remi(b, flat, extent[d]);
        flat = k_divi(b, flat, extent[d]);
    }
    if (rank > 0) index[0] = flat;
}

/* Of all threads of a grid the t-th has the points t, t + threads... */
static void share_points(Lower *lower, int rank, const int64_t *dim, SpaceBody body, void *data) {
    KBuilder *b = &lower->b;
    KVal *index[MAX_RANK] = {NULL};
    int64_t count = 1, threads = b->kernel->blocks * b->kernel->threads;
    for (int d = 0; d < rank; d++)
        count *= dim[d];
    if (count == 0) return;
    KVal *first = k_add(b, k_muli(b, k_block(b), b->kernel->threads), k_thread(b));
    lower_split(b, k_for_values(b, first, k_index(b, count), threads, 0), rank, dim, index);
    LowerPoint point = lower_point(rank, index, rank > 0 ? rank - 1 : 0, 1, 1);
    body(lower, &point, data);
    k_end(b);
}

void lower_loops(Lower *lower, int rank, const int64_t *dim, int lanes, uint32_t flags,
                 SpaceBody body, void *data) {
    KBuilder *b = &lower->b;
    KVal *index[MAX_RANK] = {NULL};
    int last = rank - 1;
    if (b->kernel->blocks && (flags & K_PARALLEL)) {
        share_points(lower, rank, dim, body, data);
        return;
    }
    if (rank == 0) {
        LowerPoint point = lower_point(0, index, 0, 1, 1);
        body(lower, &point, data);
        return;
    }
    int64_t trips[MAX_RANK];
    for (int d = 0; d < rank; d++)
        trips[d] = d == last ? dim[d] / lanes : dim[d];
    int part = kernel_part_level(trips, rank);
    for (int d = 0; d < last; d++)
        index[d] = k_for(b, 0, dim[d], 1, d == part ? flags : 0);
    lower_span(lower, rank, index, 0, dim[last], lanes, part == last ? flags : 0, body, data);
    for (int d = 0; d < last; d++)
        k_end(b);
}
