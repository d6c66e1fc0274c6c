/* The command line around a compiled network: reads inputs, runs it, prints results.
 *
 * An input file is .npy, IDX (also .gz) or raw elements; it holds one or more items, an item being
 * what the network's input has after its first dimension. Numbers are converted to the input's
 * type; bytes become floats times 1/255 (or --scale). An IDX image of another size than the
 * network's is put in the middle of zeros or resized. */
#ifndef NN_COMMAND_H
#define NN_COMMAND_H

#include "runtime/base.h"

typedef struct NnNetwork {
    const char *name;
    const NnTensor *inputs, *outputs; /* offsets in *in and *out */
    int input_count, output_count;
    void *in, *out;
    /* Runs it on the first items of *in, at most a batch. 0, 1 when an index in the input is out of
     * range, or 2 when there is a problem. */
    int (*forward)(int64_t items);
    /* Reads weights; NULL when they are inside. 0, or 1 with a message. */
    int (*load)(const char *path, char *error, size_t error_size);
    /* What runs on a device takes it before, and says what went wrong there; else NULL. */
    int (*start)(char *error, size_t error_size);
    const char *(*problem)(void);
} NnNetwork;

/* main(): the exit status. */
NN_API int nn_command(const NnNetwork *network, int argc, char **argv);

#endif
