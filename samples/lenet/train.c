/* Trains LeNet on MNIST with the code that nnc made of lenet.nn, tests it, and saves the weights.
 *
 *   lenet_train MNIST_DIRECTORY OUTPUT_DIRECTORY [EPOCHS]
 *
 * Everything is determined by the seed: the digits printed are the same on each run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lenet.h"
#include "mnist.h"
#include "plot.h"
#include "runtime/mt19937.h"
#include "runtime/progress.h"

enum {
    BATCH = LENET_TRAIN_BATCH,
    STEPS = MNIST_TRAIN / BATCH, /* of an epoch: a last incomplete batch is left out */
    MAX_EPOCHS = 100,
    SEED = 0
};
static const float PEAK_RATE = 0.035f;

/* Everything large, allocated once. */
typedef struct Trainer {
    LenetTrain train;
    LenetContext context;
    LenetIn in;
    LenetOut out;
    LenetTrainIn batch;
    LenetTarget target;
    MnistImage images[MNIST_TRAIN], test_images[MNIST_TEST];
    unsigned char labels[MNIST_TRAIN], test_labels[MNIST_TEST];
    int order[MNIST_TRAIN];
    float loss[MAX_EPOCHS * STEPS], accuracy[MAX_EPOCHS];
    NnMt19937 random;
} Trainer;

/* Fisher and Yates. */
static void shuffle(Trainer *t) {
    for (int i = MNIST_TRAIN - 1; i > 0; i--) {
        int j = (int)(nn_mt19937_next(&t->random) % (uint32_t)(i + 1));
        int swap = t->order[i];
        t->order[i] = t->order[j];
        t->order[j] = swap;
    }
}

/* From the peak to zero along half a cosine. */
static float learning_rate(int step, int total) {
    return PEAK_RATE * 0.5f * (1.0f + cosf(3.14159265f * (float)step / (float)total));
}

static float train_step(Trainer *t, int first, float rate) {
    for (int i = 0; i < BATCH; i++) {
        int chosen = t->order[first + i];
        memcpy(t->batch.x[i][0], t->images[chosen], sizeof(MnistImage));
        t->target.target[i] = t->labels[chosen];
    }
    float loss;
    lenet_train_step(&t->context, &t->train, &t->batch, &t->target, rate, &loss);
    return loss;
}

static int argmax(const float *values, int count) {
    int best = 0;
    for (int i = 1; i < count; i++)
        if (values[i] > values[best]) best = i;
    return best;
}

static float test(Trainer *t) {
    int right = 0;
    lenet_prepare(&t->context, &t->train.params);
    for (int i = 0; i < MNIST_TEST; i++) {
        memcpy(t->in.x[0][0], t->test_images[i], sizeof(MnistImage));
        lenet_forward(&t->context, &t->in, &t->out);
        right += argmax(t->out.output[0], 10) == t->test_labels[i];
    }
    return (float)right / MNIST_TEST;
}

static void train(Trainer *t, int epochs) {
    NnProgress progress = nn_progress_start(stdout, epochs, STEPS, (int64_t)STEPS * BATCH);
    for (int epoch = 0; epoch < epochs; epoch++) {
        shuffle(t);
        for (int step = 0; step < STEPS; step++) {
            int done = epoch * STEPS + step;
            t->loss[done] = train_step(t, step * BATCH, learning_rate(done, epochs * STEPS));
            nn_progress_step(&progress, epoch + 1, step + 1, t->loss[done]);
        }
        nn_progress_end(&progress);
        t->accuracy[epoch] = test(t);
        printf("epoch %d: %.2f %% of the 10,000 test images are right\n", epoch + 1,
               100.0 * t->accuracy[epoch]);
    }
}

static int save(Trainer *t, const char *directory, int epochs) {
    char path[4096];
    char error[256];
    snprintf(path, sizeof path, "%s/lenet.safetensors", directory);
    if (lenet_save(&t->train.params, path, error, sizeof error) != 0) {
        fprintf(stderr, "%s: %s\n", path, error);
        return 1;
    }
    printf("wrote %s\n", path);
    snprintf(path, sizeof path, "%s/training.png", directory);
    History history = {t->loss, epochs * STEPS, t->accuracy, epochs};
    if (!plot_write(&history, path)) return 1;
    printf("wrote %s\n", path);
    return 0;
}

int main(int argc, char **argv) {
    int epochs = argc > 3 ? atoi(argv[3]) : 5;
    if (argc < 3 || epochs < 1 || epochs > MAX_EPOCHS) {
        fprintf(stderr, "usage: lenet_train MNIST_DIRECTORY OUTPUT_DIRECTORY [EPOCHS]\n");
        return 2;
    }
    Trainer *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);
    if (!t) return 1;
    int status = 1;
    if (mnist_read(argv[1], "train", MNIST_TRAIN, t->images, t->labels) &&
        mnist_read(argv[1], "t10k", MNIST_TEST, t->test_images, t->test_labels)) {
        lenet_train_init(&t->train, SEED);
        nn_mt19937_seed(&t->random, SEED);
        for (int i = 0; i < MNIST_TRAIN; i++)
            t->order[i] = i;
        train(t, epochs);
        status = save(t, argv[2], epochs);
    }
    free(t);
    return status;
}
