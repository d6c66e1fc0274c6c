/* Loops over the emitted functions, called from bench.py through ctypes: each returns the seconds
 * that `repeats` calls took. Compiled three times, for LeNet at batch 1, at batch 128 and for its
 * train step: BENCH_TRAIN chooses. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lenet.h"

double bench(int repeats);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float noise(void) {
    return (float)rand() / (float)RAND_MAX;
}

static LenetContext context;

#ifdef BENCH_TRAIN
static LenetTrain state;
static LenetTrainIn in;
static LenetTarget target;

double bench(int repeats) {
    if (in.x[0][0][0][0] == 0.0f) {
        lenet_train_init(&state, 0);
        for (size_t i = 0; i < sizeof in / sizeof(float); i++)
            (&in.x[0][0][0][0])[i] = noise();
        for (int i = 0; i < LENET_TRAIN_BATCH; i++)
            target.target[i] = i % 10;
    }
    float loss;
    double start = now();
    for (int i = 0; i < repeats; i++)
        lenet_train_step(&context, &state, &in, &target, 0.01f, &loss);
    return now() - start;
}
#else
static LenetParams params;
static LenetIn in;
static LenetOut out;

double bench(int repeats) {
    if (in.x[0][0][0][0] == 0.0f) {
        lenet_init(&params, 0);
        lenet_prepare(&context, &params);
        for (size_t i = 0; i < sizeof in / sizeof(float); i++)
            (&in.x[0][0][0][0])[i] = noise();
    }
    double start = now();
    for (int i = 0; i < repeats; i++)
        lenet_forward(&context, &in, &out);
    return now() - start;
}
#endif
