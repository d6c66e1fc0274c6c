/* Rebuilding a graph node by node: the frame of every pass.
 *
 * A pass walks the old graph's live nodes in id order and says what stands for each in the new
 * graph: a copy over the new inputs, or something better. Hash-consing merges equal nodes. */
#ifndef NNC_PASSES_REWRITE_H
#define NNC_PASSES_REWRITE_H

#include "ir/graph.h"
#include "passes/pass.h"

typedef struct Rewrite {
    const Graph *from;
    Graph *to;
    Node **map; /* by id in `from`: what stands for the node, or NULL */
    bool *live; /* by id in `from` */
} Rewrite;

/* The new graph has all inputs of the old one, in order. */
Rewrite rewrite_begin(const Graph *from, PassContext *context);
/* The node's inputs in the new graph; the array is the arena's. Nodes that build.h's shorthands
 * make from now on get the node's span. */
Node **rewrite_inputs(Rewrite *rewrite, const Node *node);
/* The node itself over its new inputs. */
Node *rewrite_copy(Rewrite *rewrite, const Node *node);
/* Records what stands for the node; its name hint goes along where there is none yet. */
void rewrite_set(Rewrite *rewrite, const Node *node, Node *replacement);
/* Outputs as in the old graph; returns the new one. */
Graph *rewrite_finish(Rewrite *rewrite);

#endif
