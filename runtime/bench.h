/* Times a compiled network: what `nnc bench` runs.
 *
 * In turn, sample by sample: calls of the whole, calls with a clock read after each kernel, and the
 * core's multiply-add peak; medians are printed, as a table or as JSON. A generated file holds the
 * tables and the state, and hands the network's ticks on. */
#ifndef NN_BENCH_H
#define NN_BENCH_H

#include "runtime/base.h"

enum { NN_BENCH_SAMPLES = 51 };

/* A kernel's call in the function: of `times` in a loop, the first. */
typedef struct NnStep {
    const char *name, *detail; /* its schedule; may be NULL */
    double flops, bytes;       /* of one call */
    int times;
} NnStep;

/* Tensors of a struct that are to be filled with random elements. */
typedef struct NnFill {
    const NnTensor *tensors;
    int count;
    void *at;
} NnFill;

typedef struct NnBench {
    const char *name, *function, *target; /* "lenet", "train_step", "avx512" */
    int64_t batch;                        /* 0: not known */
    void (*start)(void);                  /* gives weights their first values */
    void (*prepare)(void);                /* after they changed */
    int (*run)(void);                     /* 0, or 1 when an index in the data is out of range */
    const NnFill *fills;
    int fill_count;
    const NnStep *steps;
    int step_count;
    double *seconds; /* of each step: of the sample that is being taken */
    double *samples; /* NN_BENCH_SAMPLES for each step */
    int threads;     /* that share the steps; the first one's ticks count */
    bool ticking;
    double last; /* when the clock was read */
} NnBench;

/* After the step; -1: before the first. */
NN_API void nn_bench_tick(NnBench *bench, int step);
/* main(): the exit status. Takes --json. */
NN_API int nn_bench(NnBench *bench, int argc, char **argv);

#endif
