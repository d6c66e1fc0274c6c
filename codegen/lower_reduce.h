/* A group of reductions over the merged space, for those who loop over it: the CPU's nest
 * (lower_reduce.c) and the GPU's (gpu/reduce.c). */
#ifndef NNC_CODEGEN_LOWER_REDUCE_H
#define NNC_CODEGEN_LOWER_REDUCE_H

#include "codegen/lower_internal.h"

enum { MAX_CHAINS = 4 };

typedef struct Member {
    const Node *node;
    Flat *flat;                                /* its operand over the full space */
    int level;                                 /* which pass */
    KVal *acc[MAX_CHAINS], *where[MAX_CHAINS]; /* running values; positions for argmax, argmin */
    KVal *total[MAX_CHAINS];                   /* what partial sums are added to */
    bool keeps;                                /* root 1 of the flat is the value kept */
} Member;

typedef struct Result {
    const Node *node;
    Flat *flat;
    int map;   /* into space.maps */
    bool full; /* over the full space, else one a row */
} Result;

typedef struct Reduction {
    Lower *lower;
    Space space;
    Member *members;
    int member_count, levels;
    Result *results;
    LowerHeld *held[MAX_CHAINS]; /* by vector of rows: one a member, as they are finished */
    int held_count;
    int lanes, chains;
    int vectors; /* of rows that run side by side, where the innermost dim is kept; each is what a
                    chain is elsewhere */
    int vector;  /* whose results are stored */
    const Node *kept; /* over the full space, and costly: computed for a reduction, and kept where
                         the result goes that is computed of it; or NULL */
    int active;       /* lanes that hold rows, where the innermost dim is kept */
    bool inner_reduced;
    /* Joins the running values of several threads, in the member's registers; NULL: one thread. */
    void (*join)(struct Reduction *r, const Member *member);
    int cut_dim; /* after `cut_steps` of its loop partial sums end; -1: none does */
    int64_t cut_steps;
    KVal *index[MAX_RANK];
    int64_t axis_size; /* argmax: the size of the axis */
} Reduction;

/* The reductions, what depends on them, and the space; one lane and one chain. `keep`: elements of
 * results may hold other values before they are stored. */
void reduction_begin(Lower *lower, Reduction *r, bool keep);
/* Fresh running values for the members of that pass. */
void reduction_start(Reduction *r, int level);
/* Adds the element at the point. */
void reduction_accumulate(Reduction *r, int level, const LowerPoint *point, int chain);
/* Makes the running values results, which later passes may read. */
void reduction_finish(Reduction *r, int level);
/* Stores the outputs over the full space, or those of a row. */
void reduction_store(Reduction *r, bool full, const LowerPoint *point);
bool reduction_any_full(const Reduction *r);
bool reduction_is_arg(Op op);
KVal *reduction_combine(KBuilder *b, Op op, KVal *x, KVal *y);
/* Whether an element is to replace the best so far: greater (or less), or a NaN where there was
 * none. The first of equals stays. */
KVal *reduction_better(KBuilder *b, Op op, KVal *value, KVal *best);

#endif
