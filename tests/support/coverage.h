/* Which ops a test has really run, and for which element types: one record a column of the table
 * that nnc_coverage prints. */
#ifndef NNC_TESTS_COVERAGE_H
#define NNC_TESTS_COVERAGE_H

#include "ir/graph.h"

typedef struct Coverage {
    int count[OP_COUNT];
    uint32_t dtypes[OP_COUNT]; /* of operands and results; bit DT_F32... */
} Coverage;

/* One run of that node, or of every node of the graph. */
void coverage_node(Coverage *coverage, const Node *node);
void coverage_graph(Coverage *coverage, const Graph *graph);
/* Writes the record where the environment's NNC_COVERAGE says, a folder; without it does nothing.
 */
void coverage_write(const Coverage *coverage, const char *record);
/* Adds what was written in that folder. */
bool coverage_read(Coverage *coverage, const char *folder, const char *record, Buf *error);

#endif
