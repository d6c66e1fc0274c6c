/* What the files of the contraction lowering share: the nest being emitted. */
#ifndef NNC_CODEGEN_CONTRACT_INTERNAL_H
#define NNC_CODEGEN_CONTRACT_INTERNAL_H

#include "codegen/contract.h"
#include "codegen/schedule.h"

/* The elementwise part after the sums, and pooling. */
typedef struct Epilogue {
    const Group *group;
    Flat *first; /* over the anchor's shape: outputs, then the pooling's operand */
    const Node *const *roots;
    int root_count, store_count;
    Flat *second; /* over the pool's shape; NULL without pooling */
    const Node *const *pooled_roots;
    int pooled_count;
    bool pool_later; /* windows too large for registers: pooled from `plane` after the nest */
    KBuf *plane;     /* pool_later: the pooling's operand, row-major */
} Epilogue;

/* What finishing a tile does with its accumulators. */
typedef enum NestPhase {
    NEST_WHOLE,  /* the sums are complete: epilogue */
    NEST_PART,   /* add to the totals */
    NEST_FINISH, /* nothing was accumulated: epilogue on the totals */
} NestPhase;

/* An operand as the nest reads it. The element for tile start `at` and offsets `in` is
 * start + sum(at[d] * stride[d]) + sum(in[d] * inner[d]). */
typedef struct NestOperand {
    KBuf *buf;
    int64_t start;
    int64_t stride[CONTRACT_MAX_DIMS];
    int64_t inner[CONTRACT_MAX_DIMS];
} NestOperand;

/* Copies that make an operand readable without guards, and as whole vectors. */
typedef struct NestCopy {
    KBuf *halo; /* NULL: the operand is read where it lies */
    int64_t lo[MAX_RANK], extent[MAX_RANK], stride[MAX_RANK]; /* of the halo's axes */
    KBuf *packed;                                             /* NULL: not packed */
    NestOperand source;                                       /* what packing reads */
    int64_t pack_stride[CONTRACT_MAX_DIMS];                   /* the lane dim: of its blocks */
    Node *ahead;   /* the packed operand as a value of its own, packed by another kernel */
    bool prepared; /* which has been done: it is an input of this kernel */
    int64_t halo_plane, plane; /* elements of a piece of pairs: of the halo, packed */
    bool rows;                 /* packed as rows of a matrix unit's tiles */
    KBuf *columns;             /* those of a block of rows, before they are turned; or NULL */
    bool half;                 /* while copying: pairs that have no second element */
} NestCopy;

enum { NEST_BLOCKS = -2 };

typedef struct Nest {
    KBuilder *b;
    Arena *values; /* of packed operands that are values of their own */
    const Contraction *c;
    const Schedule *s;
    const ScheduleRequest *request;
    const struct Nest *plain; /* what is done instead where pieces don't do; or NULL */
    Epilogue epilogue;
    NestOperand operand[2];
    NestCopy copy[2];
    NestPhase phase;
    int part;                    /* level of the result dims that threads share; -1: none;
                                    NEST_BLOCKS */
    bool packing;                /* not the contraction: the kernel that packs an operand ahead */
    KVal *at[CONTRACT_MAX_DIMS]; /* start of the tile, or of the chunk */
    KVal *within[CONTRACT_MAX_DIMS]; /* the same in the totals, where these hold a part; or NULL */
    int64_t size[CONTRACT_MAX_DIMS]; /* elements in this tile or chunk */
    bool scoped[CONTRACT_MAX_DIMS];  /* dims fixed before operands are copied */
    KVal *block_at;                  /* start of the block; NULL: outside of blocks */
    int64_t block_size;              /* elements in this block */
    KBuf *finished; /* a tile's accumulators on their way to the epilogue, or NULL */
    KBuf *turned;   /* a square of them whose rows became columns, or NULL */
    KBuf *totals;
    int64_t total_stride[CONTRACT_MAX_DIMS];
} Nest;

/* The accumulators of a tile: row-major over the sizes of the result dims, the lane dim counted in
 * vectors. */
typedef struct Tile {
    int64_t count[CONTRACT_MAX_DIMS];
    int total;
    KVal *value[SCHEDULE_MAX_ACCUMULATORS];
} Tile;

/* contract_choose.c: what is asked for a schedule, the schedule, and what is noted of it. */
ScheduleRequest contract_request(const Contraction *c, Epilogue *epilogue, const Target *target,
                                 const LowerContext *context, Schedule *best, KernelChoice *choice);

/* Sums and finishes the tile that at[] and size[] name. */
void contract_tile(Nest *nest);
/* Offsets of accumulator `i` from the tile's start, each result dim in elements. */
void tile_offsets(const Nest *nest, const Tile *tile, int i, int64_t *offsets);
/* Lanes in use of the vector whose first element has that offset along the lane dim. */
int tile_active(const Nest *nest, int64_t lane_offset);
/* The inverse of tile_offsets. */
int tile_position(const Nest *nest, const Tile *tile, const int64_t *offsets);

/* contract_copy.c: prepares operands; copies are emitted by contract_copy() at the place in the
 * nest where the scoped dims are fixed. */
void contract_bind_operands(Nest *nest);
void contract_clear_halos(Nest *nest);
void contract_copy(Nest *nest, bool scoped);

/* contract_epilogue.c */
Epilogue epilogue_make(LowerContext *context, const Group *group);
/* result dims that are pooled: window[d] > 1. */
void epilogue_windows(const Epilogue *e, const Contraction *c, int64_t *window);
void epilogue_begin(Nest *nest);
/* Before a tile is summed: asks for what its epilogue will read, where that is far away. */
void epilogue_fetch(Nest *nest, const Tile *tile);
void epilogue_tile(Nest *nest, Tile *tile);
/* Pools from memory what was too large for registers. */
void epilogue_end(Nest *nest);
/* Inputs of the epilogue that may share memory with outputs: a weight that is updated. */
void contract_mark_inplace(KBuilder *b, const Contraction *c, const Epilogue *e);

#endif
