/* The verifier: everything that a pass may rely on, checked. */
#ifndef NNC_IR_VERIFY_H
#define NNC_IR_VERIFY_H

#include "ir/graph.h"

/* SSA order, arity, attributes, and types equal to what the op's rule recomputes. False with a
 * message naming the node. */
bool graph_verify(const Graph *graph, Buf *error);

#endif
