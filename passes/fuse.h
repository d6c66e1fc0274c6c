/* Fusion: which nodes become one kernel. An annotation of the graph, input of codegen.
 *
 * A group has one anchor (a contraction, reduction, window, indexed op...) or none (an elementwise
 * group); members are in topological order. Movement ops and broadcasts fold into the index maps of
 * whoever reads them where that costs nothing; elementwise producers fold into consumers'
 * loads, elementwise chains and a non-overlapping max/avg pooling into the anchor's epilogue. */
#ifndef NNC_PASSES_FUSE_H
#define NNC_PASSES_FUSE_H

#include "ir/graph.h"

typedef struct Group {
    int id;
    const char *name; /* "conv1_relu_pool": unique in the graph, an identifier */
    Node *anchor;     /* NULL: elementwise only */
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

#endif
