/* Reading a value through movement ops: where in a base value's memory an element lies.
 *
 * A movement op (reshape, permute, expand, slice, flip, detach) computes nothing, so a reader takes
 * its operand instead and changes the addresses. An IndexMap says how: the element at index i of
 * the value read (its shape is dim[]) is element `offset + sum(stride[d] * i[d])` of the base,
 * counted row-major. Where no such strides exist (a reshape that merges permuted dims; pad,
 * concat), the movement must be materialized: index_map_apply says so. */
#ifndef NNC_PASSES_INDEX_MAP_H
#define NNC_PASSES_INDEX_MAP_H

#include "ir/graph.h"

typedef struct IndexMap {
    int rank;
    int64_t dim[MAX_RANK];    /* the shape that the reader sees */
    int64_t stride[MAX_RANK]; /* in elements of the base; 0 for broadcast and size-1 dims */
    int64_t offset;
} IndexMap;

/* A value of that type read as it lies in memory. */
IndexMap index_map_identity(const Type *type);
/* An iota computed instead of read: the map's "address" of an element is its value. */
IndexMap index_map_iota(const Node *iota);
/* `map` reads the movement node's operand; makes it read the node itself. False, with the map
 * unchanged, when the result is not affine. */
bool index_map_apply(IndexMap *map, const Node *movement);
/* The reshape alone, to the shape given. */
bool index_map_reshape(IndexMap *map, int rank, const int64_t *dims);
/* Walks down through movement nodes as long as the whole path is affine. Returns the value that
 * must be in memory, with the map from `value`'s index space to it. */
const Node *index_map_resolve(const Node *value, IndexMap *map);
/* The same, but never past a node under `value` that is marked in `stop` (by id; NULL: none). An
 * iota that is not marked gives its own map. */
const Node *index_map_resolve_until(const Node *value, const bool *stop, IndexMap *map);
bool index_map_equal(const IndexMap *a, const IndexMap *b);
/* Row-major and without gaps: element k of what is read is element offset + k of the base. */
bool index_map_is_contiguous(const IndexMap *map);
/* Every element is base element `offset`. */
bool index_map_is_uniform(const IndexMap *map);
/* Movement ops that index_map_apply knows. */
bool op_is_view(Op op);

#endif
