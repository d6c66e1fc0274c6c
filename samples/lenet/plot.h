/* A picture of a training run: loss by step, accuracy by epoch. */
#ifndef SAMPLES_LENET_PLOT_H
#define SAMPLES_LENET_PLOT_H

#include <stdbool.h>

typedef struct History {
    const float *loss; /* one a step */
    int steps;
    const float *accuracy; /* on the test images after each epoch, 0..1 */
    int epochs;
} History;

/* Writes a PNG. False after a message on standard error. */
bool plot_write(const History *history, const char *path);

#endif
