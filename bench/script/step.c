/* The emitted train step of bench.py's `step`: prints the median seconds of one call. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "step.h"

enum { WARM_UP = 50, ROUNDS = 101, CALLS = 5 };

static StepContext context;
static StepTrain state;
static StepTrainIn in;
static StepTarget target;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(int calls) {
    float loss;
    double start = now();
    for (int i = 0; i < calls; i++)
        step_train_step(&context, &state, &in, &target, 0.05, &loss);
    return (now() - start) / calls;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    double times[ROUNDS];
    step_train_init(&state, 0);
    for (size_t i = 0; i < sizeof in / sizeof(float); i++)
        (&in.x[0][0][0][0])[i] = (float)rand() / (float)RAND_MAX;
    for (int i = 0; i < STEP_TRAIN_BATCH; i++)
        target.target[i] = i % 10;
    seconds(WARM_UP);
    for (int i = 0; i < ROUNDS; i++)
        times[i] = seconds(CALLS);
    qsort(times, ROUNDS, sizeof times[0], ascending);
    printf("%.9f\n", times[ROUNDS / 2]);
}
