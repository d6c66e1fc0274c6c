/* Trains step.nn's compiled network, saves all that training changes every few steps, and goes on
 * from what it finds: train CHECKPOINT. StepTrain is one struct without pointers, so its bytes are
 * the checkpoint, for the same program on the same kind of machine. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "step.h"

enum { STEPS = 2000, EVERY = 20 };

typedef struct Checkpoint {
    StepTrain train;
    int step;
} Checkpoint;

static Checkpoint state;
static StepContext context;
static StepTrainIn in;
static StepTarget target;

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* On the disk whole, or not at all. A killed save's temporary file is written over. */
static void save(const char *path) {
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary) exit(1);
    FILE *file = fopen(temporary, "wb");
    if (!file || fwrite(&state, sizeof state, 1, file) != 1 || fflush(file) || fsync(fileno(file)))
        die(temporary);
    if (fclose(file) || rename(temporary, path)) die(path);
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return;
    if (fread(&state, sizeof state, 1, file) != 1) die(path);
    fclose(file);
}

/* The batch and the rate are functions of the step. */
static void draw_batch(int step) {
    float *x = &in.input[0][0], *y = &target.target[0][0];
    for (size_t i = 0; i < sizeof in.input / sizeof *x; i++)
        x[i] = (float)((i * 37 + (size_t)step * 11) % 101) / 50.0F - 1.0F;
    for (size_t i = 0; i < sizeof target.target / sizeof *y; i++)
        y[i] = (float)((i * 17 + (size_t)step * 7) % 31) / 15.0F - 1.0F;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    step_train_init(&state.train, 5);
    load(argv[1]);
    while (state.step < STEPS) {
        float loss;
        draw_batch(state.step);
        double rate = 0.02 / (1 + state.step / 100);
        if (step_train_step(&context, &state.train, &in, &target, rate, &loss) != 0) return 1;
        state.step++;
        printf("%d %.9g\n", state.step, (double)loss);
        fflush(stdout);
        if (state.step % EVERY == 0) save(argv[1]);
    }
    return 0;
}
