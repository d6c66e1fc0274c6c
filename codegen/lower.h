/* Lowering: from a fused group to one kernel.
 *
 * lower_group() picks the file that knows the group's anchor. The elementwise part of any group
 * goes through one function, lower_values(): it computes the values of a Flat (passes/flatten.h) at
 * a point of the index space, which may be a vector of consecutive elements along one dim, so that
 * every lowering can apply an epilogue to registers that it holds and compute operands on the fly.
 */
#ifndef NNC_CODEGEN_LOWER_H
#define NNC_CODEGEN_LOWER_H

#include "codegen/kernel.h"
#include "ir/precision.h"
#include "passes/flatten.h"
#include "passes/fuse.h"

/* A GPU's threads, which share the loops over independent points (K_PARALLEL). All of them run
 * whatever else there is. */
typedef struct LowerGrid {
    int64_t blocks; /* 0: none */
    int threads;    /* of a block */
} LowerGrid;

/* Kernels that lowering a group adds to the prepare steps, at most. */
enum { LOWER_MAX_AHEAD = 16 };

typedef struct LowerContext {
    Arena *arena; /* kernels and all that they point to, but for values */
    /* Work done ahead of the run, by prepare steps, whose values are kept. */
    const bool *known;   /* by node id: values that prepare steps can read; NULL: no such steps */
    Arena *values;       /* with `known`: of the values that lowering makes */
    uint32_t next_value; /* id for the next value that is no node of the graph */
    Precision precision; /* of contractions */
    bool threads;        /* kernels are to be split, where they can be */
    const struct ScheduleBook *schedules; /* that come before the model's, or NULL */
    int candidates;      /* schedules of a contraction to be noted in its kernel, for tuning */
    LowerGrid grid;      /* of the next kernel */
    VEC(Kernel *) ahead; /* kernels that lowering adds to the prepare steps: packed operands */
} LowerContext;

/* Never fails for groups made by fuse(). */
Kernel *lower_group(const Group *group, const Target *target, LowerContext *context);
/* GROUP_CONTRACTION: codegen/contract*.c. */
Kernel *lower_contraction(const Group *group, const Target *target, LowerContext *context);

/* Where values are computed: lane l is the element at index[], but index[vector_dim] + l * step. */
typedef struct LowerPoint {
    int rank;
    KVal *index[MAX_RANK]; /* I64 scalars, each within [0, dim) */
    int vector_dim;        /* used when lanes > 1 */
    int lanes;             /* 1: scalars */
    int active;            /* lanes that exist, the first ones; == lanes but in a tail */
    int64_t step;          /* 0 means 1 */
} LowerPoint;

LowerPoint lower_point(int rank, KVal *const *index, int vector_dim, int lanes, int active);

/* A value that the kernel holds in a register: a vector of the point's lanes or a scalar. */
typedef struct LowerHeld {
    const Node *node;
    KVal *value;
} LowerHeld;

/* Computes every root of `flat` at the point, into roots[] (one a root, of the point's lanes unless
 * uniform along them: then it may be a scalar). */
void lower_values(KBuilder *b, const Flat *flat, const LowerPoint *point, const LowerHeld *held,
                  int held_count, KVal **roots);
/* Stores into the row-major buffer of `output`, at the point of its own index space. Scalars are
 * splatted over the point's lanes. */
void lower_store(KBuilder *b, const Node *output, const LowerPoint *point, KVal *value);
/* The value read through the map at the point: a load from the buffer of `node`. */
KVal *lower_load(KBuilder *b, const Node *node, const IndexMap *map, const LowerPoint *point);
/* sum(stride[d] * index[d]) + offset. */
KVal *lower_address(KBuilder *b, const IndexMap *map, KVal *const *index);

/* flatten() that must succeed. */
Flat *lower_flatten(LowerContext *context, const Group *group, const Node *const *roots,
                    int root_count, const Node *const *held, int held_count);
/* One application of an elementwise op to registers: the formula of its row. */
KVal *lower_op(KBuilder *b, const Node *node, KVal *const *operands);
/* Stores into the buffer of `output` through the map from the point's index space to it. */
void lower_store_map(KBuilder *b, const Node *output, const IndexMap *map, const LowerPoint *point,
                     KVal *value);
/* The coordinates of element `flat` of a row-major space: each within its extent. */
void lower_split(KBuilder *b, KVal *flat, int rank, const int64_t *extent, KVal **index);
/* What was stored there. */
KVal *lower_load_back(KBuilder *b, const Node *output, const IndexMap *map,
                      const LowerPoint *point);
/* Lanes that suit the target for everything the flat computes; 1 when it must run in scalars. */
int lower_lanes(const Target *target, const Flat *flat);
/* A number of the dtype. */
KVal *lower_number(KBuilder *b, DType dtype, int lanes, double value);
/* A vector of 0, 1, 2... of the kind. */
KVal *lower_lane_numbers(KBuilder *b, KKind kind, int lanes);
/* Every second element: of two vectors that lie side by side, or overlap by one so that nothing
 * behind the last element is read. */
KVal *lower_load_even(KBuilder *b, KBuf *buf, KVal *address, int lanes, int active);
/* Rows of a square of as many vectors as lanes become its columns. */
void lower_transpose(KBuilder *b, KVal **v, int lanes);
/* Operations counted for reports: those of one evaluation of the roots. */
double lower_flat_flops(const Flat *flat);

#endif
