/* What the lowerings of non-contraction groups share. */
#ifndef NNC_CODEGEN_LOWER_INTERNAL_H
#define NNC_CODEGEN_LOWER_INTERNAL_H

#include "codegen/lower.h"

/* An index space with everything that is computed over it, so that dims can be merged: a pair of
 * neighbours merges when no map can tell them apart. */
typedef struct Space {
    int rank;
    int64_t dim[MAX_RANK];
    bool reduced[MAX_RANK]; /* dims of one sort only merge with each other */
    Flat **flats;           /* changed in place */
    int flat_count;
    IndexMap *maps; /* of results: changed in place */
    int map_count;
} Space;

Space space_of(const Type *type);
/* Drops dims of size 1 and merges neighbours. Rank 0 becomes one dim of size 1. */
void space_collapse(Space *space);
int64_t space_numel(const Space *space);

/* The lowering of one group. */
typedef struct Lower {
    KBuilder b;
    const Group *group;
    LowerContext *context;
    Arena *arena;
} Lower;

Lower lower_begin(const Group *group, const Target *target, LowerContext *context);

/* Loops over a space, the innermost dim in vectors: body is called for the points of full vectors
 * and once more, with fewer active lanes, for a tail. Threads of a GPU share K_PARALLEL ones. */
typedef void (*SpaceBody)(Lower *lower, const LowerPoint *point, void *data);
void lower_loops(Lower *lower, int rank, const int64_t *dim, int lanes, uint32_t flags,
                 SpaceBody body, void *data);
/* The same for a part of the innermost dim, within loops whose counters are in `index`. */
void lower_span(Lower *lower, int rank, KVal **index, int64_t lo, int64_t hi, int lanes,
                uint32_t flags, SpaceBody body, void *data);

/* An elementwise group over the merged space of its outputs. */
typedef struct Elementwise {
    Flat *flat;
    IndexMap *maps; /* one an output */
    KVal **roots;
    Space space;
} Elementwise;
void elementwise_begin(Lower *lower, Elementwise *e);
/* A SpaceBody: computes and stores the outputs at the point; data is the Elementwise. */
void elementwise_point(Lower *lower, const LowerPoint *point, void *data);
/* An input that is only ever read at the element being written may share its memory with an
 * output, when all have one element type (C lets no float be stored over a live int). */
void elementwise_mark_inplace(Lower *lower, const Elementwise *e);

/* The epilogue of an anchor that is computed element by element over its own space: its elementwise
 * members are applied and every output is stored. */
typedef struct Epilogue {
    Flat *flat;
    const Node *anchor;
} Epilogue;
Epilogue lower_epilogue(Lower *lower, const Node *anchor);
void lower_finish(Lower *lower, const Epilogue *epilogue, const LowerPoint *point, KVal *value);
/* The operand flattened over its own shape. */
Flat *lower_operand(Lower *lower, int index);
/* Its value at the point. */
KVal *lower_operand_at(Lower *lower, const Flat *operand, const LowerPoint *point);
/* An index from data, checked against [0, size): a fault ends the kernel. Scalar. */
KVal *lower_checked_index(KBuilder *b, KVal *index, int64_t size);

/* The lowering for processors; with a grid, a GPU's threads share its loops. */
Kernel *lower_for_cpu(const Group *group, const Target *target, LowerContext *context);
Kernel *lower_elementwise(const Group *group, const Target *target, LowerContext *context);
Kernel *lower_reduction(const Group *group, const Target *target, LowerContext *context);
Kernel *lower_window(const Group *group, const Target *target, LowerContext *context);
Kernel *lower_gathering(const Group *group, const Target *target, LowerContext *context);
Kernel *lower_scattering(const Group *group, const Target *target, LowerContext *context);
Kernel *lower_joining(const Group *group, const Target *target, LowerContext *context);
Kernel *lower_scan(const Group *group, const Target *target, LowerContext *context);
/* Whether y goes strictly before x in a sorted row. NaN is greatest. */
KVal *lower_sorts_before(KBuilder *b, bool descending, KVal *y, KVal *x);
Kernel *lower_sort(const Group *group, const Target *target, LowerContext *context);
Kernel *lower_random(const Group *group, const Target *target, LowerContext *context);

#endif
