/* Learns XOR and saves the weights: train FILE. */
#include <stdio.h>

#include "small.h"

static SmallTrain train;
static SmallContext context;

int main(int argc, char **argv) {
    static const SmallTrainIn in = {{{0, 0}, {0, 1}, {1, 0}, {1, 1}}};
    static const SmallTarget target = {{{0}, {1}, {1}, {0}}};
    char error[200];
    float loss = 1;
    small_train_init(&train, 1);
    for (int i = 0; i < 400; i++)
        if (small_train_step(&context, &train, &in, &target, 0.05, &loss) != 0) return 1;
    if (loss > 1e-3f) return 1;
    if (argc != 2 || small_save(&train.params, argv[1], error, sizeof error) != 0) return 1;
    return 0;
}
