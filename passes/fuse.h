/* Fusion: which nodes become one kernel. An annotation of the graph, input of codegen.
 *
 * A group has one anchor (a contraction, reduction, window, indexed op...) or none (an elementwise
 * group); members are in topological order. Movement ops and broadcasts fold into the index maps of
 * whoever reads them where that costs nothing; elementwise producers fold into consumers'
 * loads, elementwise chains and a non-overlapping max/avg pooling into the anchor's epilogue.
 *
 * Words: a *view* is a movement op for which op_is_view() holds (passes/index_map.h). *Elementwise*
 * means the trait. Constants (const, iota, and views of them) belong to no group: whoever reads one
 * has it as a member; flatten() turns it into FLAT_CONST or FLAT_IOTA. A const of more than
 * FUSE_SMALL_CONST elements is listed among the group's inputs. Cheap elementwise nodes may be
 * members of several groups (recomputed); only the group that lists a node in `outputs` stores it.
 * A stored value is row-major over its own type; inputs are stored values (or graph inputs).
 *
 * Invariants by kind. "Flattens over S" means: flatten() succeeds for these roots, whose shape is
 * S, and finds loads of group inputs, constants, and the held values named.
 *
 * GROUP_ELEMENTWISE  anchor NULL. All outputs have one shape S; outputs flatten over S, nothing
 * held. An output may be a view (permute, expand...): then the group is a copy.
 *
 * GROUP_CONTRACTION  anchor dot, conv, conv_dx or conv_dw. Each anchor operand is, or resolves with
 *     group_read() to, a group input. Epilogue: elementwise members of the anchor's shape,
 *     flatten with anchor held. When `pool` is set it is a max_pool (result 0 the maximum) or
 *     window_sum with window == stride, dilation 1, no padding, that reads an epilogue member or
 *     the anchor; `pool_index` is then the matching max_pool_index of the same operand, or NULL.
 * The second epilogue has the pool's shape, flattens with pool and pool_index held, and reads
 *     nothing else that the group computes. Outputs: anchor, epilogue members, pool, pool_index,
 *     second epilogue members.
 *
 * GROUP_REDUCTION  anchor is the last reduction; every reduction among the members reduces the same
 *     axes of the same shape F (the full space); results have the row shape R (F without the axes).
 *     Each reduction's operand flattens over F with earlier reductions held; a held reduction (or
 *     row value) is read there through a view with stride 0 on the reduced axes: its FLAT_HELD's
 * map tells. Other members are elementwise over F (softmax's quotient) or over R (epilogue), or
 *     over R with size-1 dims kept. Outputs: any of them. Members over F that depend on no
 * reduction are recomputed in each pass over the row.
 *
 * GROUP_WINDOW  anchor max_pool, max_pool_index, window_sum or pool_scatter without a contraction
 * before it. Operand 0 flattens over its shape (nothing held); other operands too. If both max_pool
 * and max_pool_index of one operand are needed, `pool` is the max_pool (and anchor) and
 * `pool_index` the other. Epilogue: elementwise over the anchor's shape, flattens with anchor and
 * pool_index held.
 *
 * GROUP_OTHER  everything else: gather/take, dynamic slices, concat, pad, scatter-add, sort,
 * random, cumsum... Operands flatten over their own shapes for gather, take, dynamic_slice, concat
 * and pad; are stored for the rest. Epilogue: elementwise over the anchor's shape, flattens with
 *     the anchor held, for anchors of one result. All results of a several-result anchor are
 * outputs of its group. */
#ifndef NNC_PASSES_FUSE_H
#define NNC_PASSES_FUSE_H

#include "ir/graph.h"

enum {
    FUSE_SMALL_CONST = 1,   /* elements up to which a const is printed into the kernel */
    FUSE_MAX_MEMBERS = 256, /* of one group: bounds kernels and the recursion in lowering */
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
    Node *pool;       /* pooling in a contraction's epilogue, or NULL */
    Node *pool_index; /* positions of that pooling's maxima, or NULL */
    Node **nodes;     /* members */
    int node_count;
    Node **inputs; /* values of other groups, graph inputs and large constants that it reads */
    int input_count;
    Node **outputs; /* members that others read: materialized in memory */
    int output_count;
    Span span;
} Group;

typedef struct Fusion {
    const Graph *graph;
    Group **groups; /* in execution order */
    int group_count;
} Fusion;

Fusion *fuse(const Graph *graph, Arena *arena);
void fusion_print(Buf *out, const Fusion *fusion);
/* Checks the invariants; false with a message naming the group. */
bool fusion_verify(const Fusion *fusion, Buf *error);
bool group_has(const Group *group, const Node *node);
/* "elementwise", "contraction"... */
const char *group_kind_name(GroupKind kind);

#endif
