/* Three train steps: prints the losses' and the parameters' bits, and how large the arena is.
 * run.sh makes step.h of the network's header: NET(x), TYPE(x), ARENA_BYTES, STEP(loss), and the
 * target. */
#include <stdio.h>
#include <string.h>

#include "step.h"

static TYPE(Context) ctx;
static TYPE(Train) train;
static TYPE(TrainIn) in;

int main(void) {
    unsigned state = 1;
    float *values = (float *)(void *)&in;
    for (size_t i = 0; i < sizeof in / sizeof *values && FLOATS; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / 16777216 - 0.5f;
    }
    NET(train_init)(&train, 7);
    for (int step = 0; step < 3; step++) {
        float loss;
        if (STEP(&loss) != 0) return 1;
        unsigned bits;
        memcpy(&bits, &loss, sizeof bits);
        printf("%08x\n", bits);
    }
    unsigned long long hash = 14695981039346656037u;
    const unsigned char *bytes = (const unsigned char *)&train.params;
    for (size_t i = 0; i < sizeof train.params; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    printf("%016llx\n%ld\n", hash, (long)ARENA_BYTES);
    return 0;
}
