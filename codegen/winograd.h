/* Winograd's way to convolve: a tile of m x m results of a 3x3 window with stride 1 from (m + 2)^2
 * products for each pair of channels instead of 9 m^2.
 *
 *   V = B' x B   of each input tile, (m + 2)^2 values
 *   U = G w G'   of each window; ahead of the run where the weights are known
 *   M = U V      summed over the input channels: (m + 2)^2 products of matrices
 *   y = A' M A
 *
 * A is made of powers of points, as are B and G (Toom and Cook). Points 0, +-sqrt(1/2), +-sqrt(2)
 * keep F(4, 3) within twice the rounding errors of plain sums; F(2, 3) has 0 and +-1. */
#ifndef NNC_CODEGEN_WINOGRAD_H
#define NNC_CODEGEN_WINOGRAD_H

#include "codegen/contract_internal.h"

enum { WINOGRAD_WINDOW = 3, WINOGRAD_MAX = 6 };

/* A contraction seen as convolution of pictures; dims by number, -1: it has none. */
typedef struct WinogradShape {
    int n, out, h, w;          /* result dims */
    int in, kh, kw;            /* summed dims */
    int64_t images, outs, ins; /* extents; 1 for no dim */
    int64_t height, width;     /* of the result */
    int64_t columns;           /* of the operand */
    int64_t first_row,
        first_column; /* of the operand, that the first result's window begins with */
    bool flipped;     /* the window runs backwards: conv_dx */
} WinogradShape;

/* False when it is none with a 3x3 window that moves by 1, or channels don't fill vectors. */
bool winograd_shape(const Contraction *c, const Target *target, WinogradShape *shape);
/* Lanes for the tiles of one row. */
int winograd_row_lanes(int lanes, int64_t tiles);
/* How many rows of tiles, of the `rows` of a block, stand in one vector of the transforms: more
 * than one where all that is read of a row's columns fits into its tiles. */
int winograd_stack(const WinogradShape *shape, const Schedule *s, int64_t rows);
/* Output channels whose weights are transformed together; register tiles have whole groups. */
int winograd_group(int lanes);
/* Vectors that the tiles of so many rows fill. */
int64_t winograd_vectors(const WinogradShape *shape, const Schedule *s, int64_t rows);
/* Whether the transformed weights of all points don't stay in the second cache. */
bool winograd_is_far(const WinogradShape *shape, int m, const Target *target);
/* The schedules to compare, and their costs by the model of schedule.c; returns how many. */
enum { WINOGRAD_SCHEDULES = 64 };
int winograd_schedules(const Contraction *c, const ScheduleRequest *request, Schedule *out,
                       double *costs);
/* Whether the schedule is one of these, perhaps with other blocks and register tiles. */
bool winograd_allows(const Contraction *c, const ScheduleRequest *request, const Schedule *s);
/* The contraction as the nest's schedule says. */
void winograd_emit(Nest *nest);
/* The body of the kernel that transforms the weights ahead. */
void winograd_prepare(Nest *nest);

/* The matrices of F(m, 3): rows of A' (m x n), G (n x 3) and B' (n x n), n = m + 2. */
typedef struct WinogradMatrices {
    int m, n;
    double a[WINOGRAD_MAX][WINOGRAD_MAX], g[WINOGRAD_MAX][WINOGRAD_MAX];
    double b[WINOGRAD_MAX][WINOGRAD_MAX];
} WinogradMatrices;

WinogradMatrices winograd_matrices(int m);
/* out = matrix in, with sums shared between rows and columns that differ in signs only. */
void winograd_apply(KBuilder *b, const double matrix[][WINOGRAD_MAX], int rows, int columns,
                    KVal *const *in, KVal **out);
/* The same on both sides: matrix in matrix', row-major with rows of `columns` and `rows`. */
void winograd_apply_both(KBuilder *b, const double matrix[][WINOGRAD_MAX], int rows, int columns,
                         KVal *const *in, KVal **out);

#endif
