/* Reads the four files of MNIST; see mnist.h. */
#include "mnist.h"

#include <stdio.h>
#include <string.h>

#include "runtime/idx.h"

static bool read_images(const char *path, int count, MnistImage *images) {
    NnError error;
    NnIdxFile file;
    if (!nn_idx_open(&file, path, &error)) {
        fprintf(stderr, "%s: %s\n", path, error.text);
        return false;
    }
    const NnIdx *idx = &file.header;
    bool good = idx->rank == 3 && idx->dim[0] >= count && idx->dim[1] == MNIST_SIDE &&
                idx->dim[2] == MNIST_SIDE;
    if (!good) nn_fail(&error, "these are not %d images of 28x28", count);
    enum { BORDER = (MNIST_PADDED - MNIST_SIDE) / 2 };
    for (int i = 0; i < count && good; i++) {
        unsigned char pixels[MNIST_SIDE][MNIST_SIDE];
        good = nn_idx_read_u8(&file, &pixels[0][0], 1, &error);
        memset(images[i], 0, sizeof images[i]);
        for (int y = 0; y < MNIST_SIDE && good; y++)
            for (int x = 0; x < MNIST_SIDE; x++)
                images[i][y + BORDER][x + BORDER] = (float)pixels[y][x] / 255.0f;
    }
    if (!good) fprintf(stderr, "%s: %s\n", path, error.text);
    nn_idx_close(&file);
    return good;
}

static bool read_labels(const char *path, int count, unsigned char *labels) {
    NnError error;
    NnIdxFile file;
    if (!nn_idx_open(&file, path, &error)) {
        fprintf(stderr, "%s: %s\n", path, error.text);
        return false;
    }
    bool good = file.header.rank == 1 && file.header.dim[0] >= count;
    if (!good) nn_fail(&error, "these are not %d labels", count);
    good = good && nn_idx_read_u8(&file, labels, count, &error);
    for (int i = 0; i < count && good; i++)
        if (labels[i] > 9) good = nn_fail(&error, "label %d is %d, not a digit", i, labels[i]);
    if (!good) fprintf(stderr, "%s: %s\n", path, error.text);
    nn_idx_close(&file);
    return good;
}

bool mnist_read(const char *directory, const char *set, int count, MnistImage *images,
                unsigned char *labels) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte.gz", directory, set);
    if (!read_images(path, count, images)) return false;
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte.gz", directory, set);
    return read_labels(path, count, labels);
}
