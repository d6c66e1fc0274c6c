/* Trains the physics-informed sample by its emitted C and prints its losses. */
#include <stdio.h>

#include "pinn.h"

static PinnContext context;
static PinnTrain train;

int main(void) {
    static const PinnTrainIn start; /* the time 0 */
    PinnTarget times;
    for (int i = 0; i < 30; i++)
        times.input2[i][0] = (float)i / 29.0f;
    pinn_train_init(&train, 123);
    for (int step = 0; step <= 60; step++) {
        float loss;
        if (pinn_train_step(&context, &train, &start, &times, 1e-3, &loss)) return 1;
        if (step % 20 == 0) printf("step %d: loss=%.5f\n", step, (double)loss);
    }
    return 0;
}
