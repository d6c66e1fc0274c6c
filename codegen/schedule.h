/* Schedules: how a contraction is run, as a few integers.
 *
 * The nest that contract.c emits, outermost first:
 *
 *   chunks of the leading summed dims      (chunk_dims > 0: partial results are added up in memory)
 *     result dims in `order`, by tiles     (`outer` ones first, then the lane dim, then the rest;
 *                                           the first chunk_level of them outside of the chunks;
 *                                           around the lane dim, blocks of the one behind it)
 *       summed dims in row-major order     (the innermost `unroll` steps written out)
 *         one multiply-add for each accumulator of the tile
 *
 * Order of summation, for an op, shape and target: products are added to an accumulator by one
 * chain of multiply-adds over the summed dims in row-major order. Chains are at most
 * SCHEDULE_CHAIN long, or about SCHEDULE_BLOCK where a block of the vector operand that stays in
 * cache then meets many tiles: longer sums are cut into chunks of `chunk` elements of summed dim
 * chunk_dims - 1, whose results are added in order. When the lane dim is a summed one, lane l holds
 * the chain of elements l, l + lanes, ...; lanes meet by halving (k_sum_lanes) at a chunk's end.
 * Both tiers run the same kernel, so they have the same bits. */
#ifndef NNC_CODEGEN_SCHEDULE_H
#define NNC_CODEGEN_SCHEDULE_H

#include "codegen/contract.h"

enum { SCHEDULE_CHAIN = 4096, SCHEDULE_BLOCK = 512, SCHEDULE_MAX_ACCUMULATORS = 32 };

typedef struct Schedule {
    int lane;           /* the dim that fills vectors: a result dim, or a summed one */
    int lanes;          /* elements of a vector */
    int vectors;        /* result lane dim: vectors of a tile */
    bool pairs;         /* the first summed dim goes by pairs of bfloat16 numbers */
    int vector_operand; /* loaded as vectors while the other is broadcast; both when summed */
    bool pack;          /* the vector operand is first copied to [lane blocks][sums][block] */
    int64_t tile[CONTRACT_MAX_DIMS]; /* elements of each result dim in a tile */
    int unroll;                      /* steps of the innermost summed dim written out */
    int order[CONTRACT_MAX_DIMS];    /* result dims, outermost first */
    int chunk_dims;
    int64_t chunk;
    int chunk_level; /* dims of order[] that stand outside of the chunks: none, or up to the lane
                        dim */
    int64_t block;   /* > 0: elements of the dim order[chunk_level] that meet all panels of the lane
                        dim before the next ones do */
    int winograd;    /* results of a tile along each side (winograd.h); 0: plain sums. Then the lane
                        dim is the last one, counted in tiles; tile[] has the tile rows of a block and
                        the output channels in registers */
    int pieces; /* > 0: on a matrix unit, each number by so many pieces (matrix.h); with pairs */
    int row;    /* pieces: the dim of the other operand that fills rows of tiles */
    bool slide; /* by a sliding window (slide.h): the lane dim is the last one; its tile is a
                   strip of columns */
} Schedule;

/* What else bears on the choice. */
typedef struct ScheduleRequest {
    const Target *target;
    Precision precision;
    bool prepared[2];                  /* packing this operand costs nothing: done ahead */
    int64_t window[CONTRACT_MAX_DIMS]; /* result dims pooled in registers: tiles hold whole windows;
                                          else 1 */
} ScheduleRequest;

/* The best schedule by the model. False when there is none: windows too large for registers. */
bool schedule_choose(const Contraction *c, const ScheduleRequest *request, Schedule *best);
/* Every candidate that the model compares, for tests and tuning, and with `costs` what it thinks of
 * each; returns how many there are and writes the first `limit`. */
int schedule_candidates(const Contraction *c, const ScheduleRequest *request, Schedule *out,
                        double *costs, int limit);
/* The few that are worth being measured: the model's choice, then those that it finds nearly as
 * good and that differ. Returns how many. */
int schedule_best(const Contraction *c, const ScheduleRequest *request, Schedule *out, int limit);
/* Whether the contraction can be run so: true for all candidates, and for others that nobody
 * proposed. False with the reason. */
bool schedule_check(const Contraction *c, const ScheduleRequest *request, const Schedule *s,
                    Buf *why);
bool schedule_equal(const Schedule *a, const Schedule *b);
/* "lanes oc 16x1, tile oh 2 ow 10, pack w". */
void schedule_print(Buf *out, const Contraction *c, const Schedule *s);
/* Distance in elements between neighbours of the dim in the operand, before any packing. */
int64_t schedule_stride(const Contraction *c, int operand, int dim);
/* The dim that finished tiles are turned along: where vectors would be stored element by element,
 * squares of them are turned so that lanes run along the result's last axis. -1: none. */
int schedule_turns(const Contraction *c, const Schedule *s);
/* What storing the results costs for their order. */
double schedule_stores(const Contraction *c, const ScheduleRequest *request, const Schedule *s);
/* The order of the loops around chosen tiles and chunks. */
void schedule_finish(const Contraction *c, const ScheduleRequest *request, Schedule *s);
/* The dim that is cut into blocks; -1: none. */
int schedule_blocked(const Schedule *s);
/* Whether the result is far larger than the cache that is a core's own. */
bool schedule_result_afar(const Contraction *c, const Target *target);
/* Whether the lane dim is summed. */
bool schedule_sums_lanes(const Contraction *c, const Schedule *s);

#endif
