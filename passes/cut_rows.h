/* What cut_rows finds (cut_rows_find.c) and cuts (cut_rows.c); see there for the words. */
#ifndef NNC_PASSES_CUT_ROWS_H
#define NNC_PASSES_CUT_ROWS_H

#include "ir/graph.h"

typedef enum CutKind {
    CUT_NONE,
    CUT_FREE,   /* computed of constants and positions alone; its dims are those of squares, or 1 */
    CUT_SQUARE, /* a product, or elementwise */
    CUT_WIDE,   /* a row value, repeated over the columns */
    CUT_ROW,    /* a reduction of a square over its columns, or computed of such */
    CUT_EXIT,   /* a product of a square and something else */
} CutKind;

typedef struct Cutting {
    const Graph *graph;
    const bool *live;
    Type shape;    /* of squares */
    CutKind *kind; /* by id */
    int *phase;    /* by id */
    int phases;
    bool *kept;    /* by id: a reduction that is read in later phases, or by others */
    bool diagonal; /* row r needs no columns behind r */
} Cutting;

/* The shapes of products that are worth cutting, each once. */
const Type **cut_rows_shapes(const Graph *graph, const bool *live, Arena *arena, int *count);
/* The squares of that shape; false when there are none, or they can't be cut. */
bool cut_rows_find(const Graph *graph, const bool *live, const Type *shape, Arena *arena,
                   Cutting *out);
/* Dims of the square's batch. */
int cut_batch(const Cutting *cut);
/* Which operand of an exit is the square. */
int cut_exit_operand(const Cutting *cut, const Node *exit);
/* Whether an exit sums over rows; else over columns. */
bool cut_sums_rows(const Cutting *cut, const Node *exit);
/* The axis of a dot's operand that is neither batch nor summed; -1: not exactly one. */
int cut_free_axis(const Node *dot, int operand);
bool cut_is_square(const Cutting *cut, const Node *node);
bool cut_is_reduction(const Node *node);

#endif
