/* MNIST from its original files: images padded to 32x32 as LeNet takes them, and labels. */
#ifndef SAMPLES_LENET_MNIST_H
#define SAMPLES_LENET_MNIST_H

#include <stdbool.h>

enum { MNIST_TRAIN = 60000, MNIST_TEST = 10000, MNIST_SIDE = 28, MNIST_PADDED = 32 };

/* One image, from 0 (paper) to 1 (ink), in a border of zeros. */
typedef float MnistImage[MNIST_PADDED][MNIST_PADDED];

/* Reads `count` images and labels of the set named "train" or "t10k" under `directory`. The arrays
 * are the caller's. False after a message on standard error. */
bool mnist_read(const char *directory, const char *set, int count, MnistImage *images,
                unsigned char *labels);

#endif
