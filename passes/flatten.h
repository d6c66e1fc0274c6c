/* The scalar program of a group's elementwise part: what a kernel computes at one index.
 *
 * Lowering asks for some member values ("roots") over one index space. The result is a straight
 * line of scalar values in evaluation order: loads through an index map, constants, iota, op
 * applications, and references to what the kernel holds already (its anchor's accumulator, a
 * reduction's result). A member read through different movement paths is there once for each
 * distinct map; values with equal node and map are shared. Fusion uses the same code to decide
 * whether a group is possible, so every group that it makes flattens.
 *
 *   conv1_relu_pool, root = relu:   v0 = held conv            (the accumulator)
 *                                   v1 = load bias  [0,1,0,0]+0
 *                                   v2 = add v0, v1
 *                                   v3 = relu v2 */
#ifndef NNC_PASSES_FLATTEN_H
#define NNC_PASSES_FLATTEN_H

#include "passes/fuse.h"
#include "passes/index_map.h"

typedef enum FlatKind {
    FLAT_LOAD,  /* element of `node`'s buffer at `map` */
    FLAT_CONST, /* `node` is a const op; one element when uniform, else a table to load through
                   `map` */
    FLAT_IOTA,  /* the value is map.offset + sum(map.stride[d] * i[d]): no memory read */
    FLAT_HELD,  /* a value the kernel holds: node (and `result`) is in the `held` list given */
    FLAT_OP,    /* op of `node` applied to operand[] */
} FlatKind;

typedef struct FlatValue {
    FlatKind kind;
    const Node *node;
    IndexMap map;       /* from the index space to node's elements (row-major) */
    const int *operand; /* FLAT_OP: indexes of earlier values, node->input_count of them */
} FlatValue;

typedef struct Flat {
    FlatValue *values; /* operands stand before users */
    int count;
    int *roots; /* index of each root asked for */
    int root_count;
} Flat;

typedef struct FlattenRequest {
    const Group *group;
    const Node *const *roots; /* all of one shape: the index space */
    int root_count;
    const Node *const *held; /* values not to look behind: the anchor, reductions done before */
    int held_count;
} FlattenRequest;

/* What the group reads `value` from: walks down through views that are members. Returns the node
 * that is a group input, a constant or computed in the group, with the map to its elements. Use it
 * for the operands of anchors that are read from memory (contractions). */
const Node *group_read(const Group *group, const Node *value, IndexMap *map);
/* False when a movement on the way is not affine (never for groups made by fuse()). */
bool flatten(const FlattenRequest *request, Flat *out, Arena *arena);

/* Everything that a kernel of the group evaluates: its outputs, and the operands of the members
 * that are not elementwise. What these compute is held. */
typedef struct GroupRoots {
    const Node **items;
    int count;
    const Node **held;
    int held_count;
} GroupRoots;

GroupRoots group_roots(const Group *group, Arena *arena);
bool group_flatten_root(const Group *group, const GroupRoots *roots, int root, Flat *flat,
                        Arena *arena);

#endif
