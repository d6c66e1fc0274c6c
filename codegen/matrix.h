/* Contractions on a matrix unit whose tiles multiply pairs of bfloat16 numbers.
 *
 * The contraction is a paired one (contract_pair()) and the nest is that of all contractions. Both
 * operands are packed: what is loaded as vectors elsewhere is here the unit's second operand, whose
 * tile is 16 steps of 16 lanes, which packing makes anyway; the other one goes by rows of steps
 * (contract_copy.c). All summed dims of a chunk are one row of steps, filled up with zeros to whole
 * tiles. A tile of the nest is as many as four of the unit's.
 *
 * float32 numbers are sums of up to three pieces in bfloat16, each the rounding of what those
 * before leave. Of their products those are made whose pieces' numbers add up to less than there
 * are pieces, the small ones first: three pieces give six products and what float32 sums give, two
 * give three products and the class `high`. The unit takes denormal numbers for zeros, and pieces
 * of infinities are none: where an operand holds numbers for which that would show, the kernel
 * makes plain sums (matrix_exact()). */
#ifndef NNC_CODEGEN_MATRIX_H
#define NNC_CODEGEN_MATRIX_H

#include "codegen/contract_internal.h"

enum { MATRIX_SIDE = 16, MATRIX_TILES = 4, MATRIX_PIECES = 3, MATRIX_SCHEDULES = 16 };

/* The schedules to compare and their costs, as winograd_schedules(). */
int matrix_schedules(const Contraction *c, const ScheduleRequest *request, Schedule *out,
                     double *costs);
/* Steps of a chunk, as the nest's sizes say. */
int64_t matrix_steps(const Nest *nest);
/* Whole sums of the tile, into nest->finished. */
void matrix_sums(Nest *nest, const Tile *tile);
/* Whether the values of both operands are such that pieces do as well as the numbers: a scalar
 * mask. */
KVal *matrix_exact(Nest *nest);
/* In the kernel that packs the operand ahead: says so behind the packed numbers. */
void matrix_note_exact(Nest *nest, int operand);

#endif
