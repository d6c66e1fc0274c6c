/* A progress line for training: "epoch 1/5  step 120/468  loss 0.2314  41020 images/s  0:12 left".
 *
 * On a terminal the line is rewritten in place; elsewhere a line is printed now and then and at
 * each epoch's end. */
#ifndef NN_PROGRESS_H
#define NN_PROGRESS_H

#include "runtime/base.h"

typedef struct NnProgress {
    FILE *out;
    bool terminal;
    int epochs;
    int64_t steps, items; /* of an epoch: its steps, and its images */
    double start, shown;  /* seconds */
    int width;            /* characters on the terminal's line */
} NnProgress;

NN_API NnProgress nn_progress_start(FILE *out, int epochs, int64_t steps, int64_t items);
/* After `step` of `epoch` (both from 1). Cheap: most calls only read the clock. */
NN_API void nn_progress_step(NnProgress *progress, int epoch, int64_t step, double loss);
/* Ends the line, so that other text can follow. */
NN_API void nn_progress_end(NnProgress *progress);

#endif
