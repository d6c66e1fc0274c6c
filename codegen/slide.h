/* Depthwise convolutions by a window that slides down a picture: each row of the operand is read
 * once and added to all rows of results whose windows it lies in, which wait in registers.
 *
 *   for each image and channel: the window's weights, in registers
 *     for each strip of columns, as wide as some vectors
 *       for each row of results: the rows of the operand that no row before has read, then the
 *                                epilogue of the results that are complete
 *
 * Nothing is copied: lanes outside of the picture are cleared as they are read, rows outside are
 * left out, and with a stride of two columns vectors are dealt by shuffles. Products of a result
 * are added row by row of the operand. */
#ifndef NNC_CODEGEN_SLIDE_H
#define NNC_CODEGEN_SLIDE_H

#include "codegen/contract_internal.h"

enum { SLIDE_MAX_TAPS = 49, SLIDE_MAX_VECTORS = 8, SLIDE_MAX_LIVE = 16 };

/* One axis of the picture; extents of dims that there are not are 1. */
typedef struct SlideAxis {
    int result, window;          /* dims; -1: none */
    int64_t results, taps, size; /* of the operand */
    int64_t stride;              /* of the results' windows */
    int64_t reach;               /* elements from a window's first tap to behind its last */
    int64_t step;                /* from tap to tap, negative in conv_dx */
    int64_t first;               /* coordinate of the lowest tap of the first window */
} SlideAxis;

typedef struct SlideShape {
    SlideAxis row, column;
    int lanes;
    int live; /* rows of results whose windows an operand's row can lie in */
} SlideShape;

/* False when it is no such convolution. */
bool slide_shape(const Contraction *c, const ScheduleRequest *request, SlideShape *shape);
/* The schedules to compare and their costs, as winograd_schedules(). */
enum { SLIDE_SCHEDULES = SLIDE_MAX_VECTORS };
int slide_schedules(const Contraction *c, const ScheduleRequest *request, Schedule *out,
                    double *costs);
/* The contraction as the nest's schedule says. */
void slide_emit(Nest *nest);

#endif
