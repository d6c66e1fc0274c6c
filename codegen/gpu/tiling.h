/* A contraction as a block of threads computes it: what the files of its lowering share.
 *
 * The result's dims that move along operand A alone are the rows, those of operand B alone the
 * columns, the others batches; each side is one index, counted row-major over its dims. Where the
 * result is pooled, the places in a window come last in the rows, so that a thread has whole
 * windows. A block has a tile of both sides, of which a thread has elements apart from each other:
 * neighbours read and write neighbours, and matrix units want it so. */
#ifndef NNC_CODEGEN_GPU_TILING_H
#define NNC_CODEGEN_GPU_TILING_H

#include "codegen/contract_internal.h"
#include "codegen/gpu/gpu_internal.h"

enum { SIDES = 2, MAX_DIGITS = 2 * CONTRACT_MAX_DIMS };

/* One digit of a side's index: the coordinate of a dim, or a part of it. */
typedef struct Digit {
    int dim;
    int64_t extent, unit;
} Digit;

typedef struct Digits {
    Digit items[MAX_DIGITS];
    int count;
    int64_t extent; /* of the whole index */
} Digits;

/* How a side of a tile lies in shared memory, and how it gets there. */
typedef struct Part {
    int64_t tile;              /* elements */
    int64_t step, summed_step; /* between neighbours, and between neighbours in the sums */
    int64_t size;              /* of a stage */
    bool sums_first;           /* neighbouring threads copy neighbouring summed elements */
    int width;                 /* elements that a thread copies at once */
} Part;

/* Of a thread: elements origin + ((i / unit) * lanes + thread) * unit + i % unit of the tile, i
 * below the schedule's registers. */
typedef struct Share {
    KVal *origin, *thread;
    int64_t unit, lanes;
} Share;

typedef struct Tiling {
    KBuilder *b;
    Contraction c;
    Epilogue epilogue;
    const GpuSchedule *s;
    Digits side[SIDES], sums, batch;
    int window; /* neighbours in the rows that are pooled together; 1: none */
    Part part[SIDES];
    Share share[SIDES];
    KVal *batch_number, *start[SIDES]; /* of the tile */
    KVal *at[CONTRACT_MAX_DIMS];
    KBuf *shared[SIDES], *total;
    uint32_t long_loops; /* flags of loops over what is copied and summed */
} Tiling;

/* Sets the coordinates that the index is made of. */
void tiling_set(Tiling *t, const Digits *digits, KVal *flat);
/* Where in the tile the thread's element `i` of the side is. */
KVal *tiling_position(const Tiling *t, int side, KVal *i);
/* Where the thread keeps the sum of its elements. */
KVal *tiling_total(const Tiling *t, KVal *row, KVal *column);

/* How the sides' parts lie in shared memory under the schedule. */
void tiling_parts(Tiling *t);
/* Bytes of shared memory. */
int64_t tiling_bytes(const Tiling *t);
/* Goes through the sums, `depth` of them at a time: `add` adds what is in that stage of the shared
 * memory to the thread's sums. */
void tiling_sum(Tiling *t, void (*add)(Tiling *t, KVal *stage));
/* The element of a side and of the sums, in a stage of shared memory. */
KVal *tiling_load(const Tiling *t, int side, KVal *stage, KVal *element, KVal *summed);

/* The tile's sums, by all threads of the block. */
void tiling_products(Tiling *t);

#endif
