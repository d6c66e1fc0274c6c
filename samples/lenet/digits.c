/* Classifies the first test images of MNIST and shows them in the terminal.
 *
 *   digits MNIST_DIRECTORY [COUNT]
 *
 * Linked to an object that nnc made with the weights inside: there is nothing to load. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lenet.h"
#include "mnist.h"

static void show(const MnistImage image) {
    static const char shades[] = " .:-=+*#%@";
    for (int y = 2; y < MNIST_PADDED - 2; y++) {
        for (int x = 2; x < MNIST_PADDED - 2; x++) {
            char shade = shades[(int)(image[y][x] * 9.0f + 0.5f)];
            putchar(shade);
            putchar(shade);
        }
        putchar('\n');
    }
}

int main(int argc, char **argv) {
    int count = argc > 2 ? atoi(argv[2]) : 5;
    if (argc < 2 || count < 1 || count > MNIST_TEST) {
        fprintf(stderr, "usage: digits MNIST_DIRECTORY [COUNT]\n");
        return 2;
    }
    static MnistImage images[MNIST_TEST];
    static unsigned char labels[MNIST_TEST];
    static LenetContext context;
    if (!mnist_read(argv[1], "t10k", count, images, labels)) return 1;
    for (int i = 0; i < count; i++) {
        LenetIn in;
        LenetOut out;
        memcpy(in.x[0][0], images[i], sizeof images[i]);
        lenet_forward(&context, &in, &out);
        int digit = 0;
        for (int c = 1; c < 10; c++)
            if (out.output[0][c] > out.output[0][digit]) digit = c;
        show(images[i]);
        printf("this is a %d (the label says %d)\n\n", digit, labels[i]);
    }
    return 0;
}
