/* Fusion: which nodes become one kernel. An annotation of the graph, input of codegen.
 *
 * A group has one anchor (a contraction, reduction, window, indexed op...) or none (an elementwise
 * group); members are in topological order. Movement ops and broadcasts fold into the index maps of
 * whoever reads them where that costs nothing; elementwise producers fold into consumers' loads,
 * elementwise chains and a non-overlapping max/avg pooling into the anchor's epilogue.
 *
 * Words. A *view* is a movement op for which op_is_view() holds (passes/index_map.h). *Elementwise*
 * means the trait. Views, const and iota are members of whoever reads through them and are computed
 * by nobody (unless a view or iota must be stored); flatten() sees through views and turns the
 * others into FLAT_CONST and FLAT_IOTA. A const of more than FUSE_SMALL_CONST elements is listed
 * among the group's inputs too. Cheap elementwise nodes may be members of several groups,
 * recomputed; only the group that lists a node in `outputs` stores it. A stored value is row-major
 * over its own type; inputs are stored values, graph inputs or constants.
 *
 * "Flattens over S" means: flatten() succeeds for these roots, whose shape is S, and finds loads of
 * group inputs, constants, and the held values named. fusion_verify() checks all of this.
 *
 * GROUP_ELEMENTWISE: anchor NULL. All outputs have one shape S and flatten over S, nothing held. An
 *   output may be a view (permute, expand...) or an iota: then the group is a copy. Graph outputs
 *   that are graph inputs or a const have no group.
 *
 * GROUP_CONTRACTION: anchor dot, conv, conv_dx or conv_dw. Each anchor operand resolves with
 *   group_read() to a group input (or a constant). Epilogue: elementwise members of the anchor's
 *   shape, flatten with the anchor held. `pool`, of a 4-d conv only, is a max_pool or window_sum
 *   that reads an epilogue member or the anchor: window == stride, dilation 1, no padding, and the
 *   windows cover the result exactly. `pool_index` is then the max_pool_index of the same operand,
 *   or NULL. The second epilogue has the pool's shape, flattens with pool and pool_index held, and
 *   reads nothing else that the group computes. Outputs: any of anchor, pool, epilogue members.
 *
 * GROUP_REDUCTION: anchor is the last reduction; every reduction among the members reduces the same
 *   axes of the same shape F (the full space), into the row shape R (F without the axes). A
 *   reduction's operand flattens over F with earlier reductions held; a reduction (or a row value
 *   made from it) is read there with stride 0 on the reduced axes: the map of FLAT_HELD tells.
 *   Other members are elementwise over F (softmax's quotient), over R, or over R with the axes kept
 *   as size 1. Outputs: any of them. Members over F are recomputed in each pass over the row.
 *
 * GROUP_WINDOW: anchor max_pool, max_pool_index, window_sum, window_sum_dx or pool_scatter.
 *   Operands flatten over their shapes, nothing held; operand 0 has elementwise members only for
 *   pool_scatter and non-overlapping windows, other operands never do. If max_pool and
 *   max_pool_index of one operand are both needed, `pool` is the anchor and `pool_index` the other.
 *   max_pool and window_sum take an epilogue: elementwise over the anchor's shape, flattens with
 *   anchor and pool_index held.
 *
 * GROUP_OTHER: everything else. Operands flatten over their shapes and have no elementwise members:
 *   they are loads of group inputs through a map, or constants. gather, take, pool_gather,
 *   dynamic_slice and random take an epilogue: elementwise over the anchor's shape, flattens with
 *   the anchor held. Of an op with several results the outputs are those `result` nodes that
 *   someone reads. All random_mt nodes of one seed are one group (its anchor is one of them): one
 *   pass over the stream serves them. A concat of many parts has a group for each, which stores
 *   that part: they stand in order, and stretch a lifetime, but look alike.
 *
 * Order: groups stand after what they read; a group that stores an input's update stands after the
 * other readers of that input where that makes no circle. */
#ifndef NNC_PASSES_FUSE_H
#define NNC_PASSES_FUSE_H

#include "ir/graph.h"

enum {
    FUSE_SMALL_CONST = 1,   /* elements up to which a const is printed into the kernel */
    FUSE_MAX_MEMBERS = 256, /* of one group: bounds kernels and the recursion in lowering */
    FUSE_MAX_PARTS = 8,     /* of a concat in one group; of a longer one each part is a group */
};

typedef enum GroupKind {
    GROUP_ELEMENTWISE,
    GROUP_CONTRACTION,
    GROUP_REDUCTION,
    GROUP_WINDOW,
    GROUP_OTHER,
} GroupKind;

typedef struct Group {
    int id;
    GroupKind kind;
    const char *name; /* "conv1_relu_pool": unique in the graph, an identifier */
    Node *anchor;     /* NULL: elementwise only */
    Node *pool;       /* pooling in a contraction's epilogue (or a paired anchor), or NULL */
    Node *pool_index; /* positions of that pooling's maxima, or NULL */
    int part;         /* of a concat with a group for each operand, which one, from 1; 0: all */
    Node **nodes;     /* members */
    int node_count;
    Node **inputs; /* values of other groups, graph inputs and large constants that it reads */
    int input_count;
    int64_t *bases; /* by input: the first element that is read; all maps count from there */
    Node **outputs; /* members that others read: materialized in memory */
    int output_count;
    /* What the group computes, as bytes: groups of equal keys are lowered to equal kernels, whose
     * buffers are the groups' inputs and outputs in order. Where inputs are read from is no part of
     * it, so that time steps of a network look the same. */
    const char *key;
    size_t key_size;
    Span span;
} Group;

typedef struct Fusion {
    const Graph *graph;
    Group **groups; /* in execution order */
    int group_count;
} Fusion;

Fusion *fuse(const Graph *graph, Arena *arena);
/* Each computed node by itself: what -O0 runs. */
Fusion *fuse_nothing(const Graph *graph, Arena *arena);
void fusion_print(Buf *out, const Fusion *fusion);
/* Checks the invariants; false with a message naming the group. */
bool fusion_verify(const Fusion *fusion, Buf *error);
bool group_has(const Group *group, const Node *node);
/* Whether the group computes the member from that operand: not if it stores another part. */
bool group_has_operand(const Group *group, const Node *node, int operand);
/* Its number among the group's inputs, or -1. */
int group_input(const Group *group, const Node *node);
/* The element from which on the group reads or stores the value: of inputs that views cut, of a
 * part. */
int64_t group_base(const Group *group, const Node *node);
/* "elementwise", "contraction"... */
const char *group_kind_name(GroupKind kind);

/* The narrowest type that is known to hold an input's numbers: halves may have been cast. */
DType group_input_dtype(const Node *input);

#endif
