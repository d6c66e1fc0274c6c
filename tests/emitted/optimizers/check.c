/* Trains the emitted network for six steps on what its script trains it on, and prints what the
 * script prints. run.sh compiles it once for each optimizer. */
#include <stdio.h>

#include "net.h"

static NetTrain train;
static NetContext context;
static NetIn in;
static NetTarget target;
static NetOut out;

static void fill(void *to, size_t size) {
    float *floats = to;
    for (size_t i = 0; i < size / sizeof *floats; i++)
        floats[i] = (float)(i * 37 % 101) / 50.0F - 1.0F;
}

int main(void) {
    fill(&in, sizeof in);
    fill(&target, sizeof target);
    net_train_init(&train, 5);
    for (int i = 0; i < 6; i++) {
        float loss;
        if (net_train_step(&context, &train, &in, &target, RATE, &loss) != 0) return 1;
        printf("%.6f\n", (double)loss);
    }
    net_prepare(&context, &train.params);
    if (net_forward(&context, &in, &out) != 0) return 1;
    const float *results = (const float *)(const void *)&out;
    double sum = 0;
    for (size_t i = 0; i < sizeof out / sizeof *results; i++)
        sum += (double)results[i];
    printf("%.6f\n", sum);
    return 0;
}
