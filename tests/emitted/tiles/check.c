/* Prints what the network gives for inputs of some kind: check KIND TRAIN_STEPS. run.py
 * compiles it. Each kind makes one image, or all of them, unlike ordinary numbers. */
#include "net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static NetParams params;
static NetContext context;
static NetIn in;
static NetOut out;
#ifdef TRAIN
static NetTrain train;
static NetTarget target;
#endif
#ifdef THREADS
static NetWorker workers[2];
#endif

static void fill(float *x, size_t count, unsigned state) {
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
    }
}

static void change(float *x, size_t count, const char *kind) {
    if (strcmp(kind, "infinite") == 0) x[count / 2] = INFINITY;
    if (strcmp(kind, "nan") == 0) x[count / 2] = NAN;
    if (strcmp(kind, "huge") == 0) x[count / 2] = 3e38f;
    if (strcmp(kind, "denormal") == 0) x[count / 2] = 1e-40f;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kind, "tiny") == 0) x[i] *= 1e-33f;
        if (strcmp(kind, "zero") == 0) x[i] = 0;
        if (strcmp(kind, "small") == 0) x[i] *= 1e-9f;
    }
}

#ifdef TRAIN
static int run_steps(int count) {
    fill(&target.target[0][0][0], sizeof target.target / sizeof(float), 2);
    net_train_init(&train, 0);
    for (int step = 0; step < count; step++) {
        float loss;
        if (net_train_step(&context, &train, &in, &target, 0.5, &loss)) return 1;
        printf("%.9g\n", (double)loss);
    }
    const float *weights = (const float *)&train.params;
    for (size_t i = 0; count > 0 && i < sizeof train.params / sizeof(float); i += 41)
        printf("%.9g\n", (double)weights[i]);
    return 0;
}
#endif

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    fill(&in.x[0][0][0][0], sizeof in.x / sizeof(float), 1);
    change(&in.x[0][0][0][0], sizeof in.x / sizeof(float), argv[1]);
    net_init(&params, 0);
    net_prepare(&context, &params);
#ifdef THREADS
    if (net_start(&context, workers, 2) != 2) return 1;
#endif
    if (net_forward(&context, &in, &out)) return 1;
    const float *y = &out.output[0][0][0];
    for (size_t i = 0; i < sizeof out.output / sizeof(float); i += 7)
        printf("%.9g\n", (double)y[i]);
#ifdef THREADS
    net_stop(&context);
#endif
#ifdef TRAIN
    return run_steps(atoi(argv[2]));
#else
    return 0;
#endif
}
