/* A network compiled for several batches (net) beside the one compiled for N of them (one): the
 * same bits, and nothing written behind the results of a smaller batch. run.sh defines N and
 * FORWARD. */
#include "net.h"
#include "one.h"

#include <stdio.h>
#include <string.h>

static NetParams params;
static NetContext context;
static NetIn in;
static NetOut out, before;
static OneParams one_params;
static OneContext one_context;
static OneIn one_in;
static OneOut one_out;

static unsigned state = 1;

static unsigned next(unsigned below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static void fill_in(void) {
    float *image = &in.image[0][0][0][0];
    for (int i = 0; i < NET_IN_IMAGE_SIZE; i++)
        image[i] = (float)next(2000) / 500.0F - 2.0F;
    for (int i = 0; i < NET_IN_WORDS_SIZE; i++)
        (&in.words[0][0])[i] = next(11);
    for (int i = 0; i < NET_IN_SCALE_SIZE; i++)
        in.scale[i] = (float)next(100) / 50.0F;
    memcpy(one_in.image, in.image, sizeof one_in.image);
    memcpy(one_in.words, in.words, sizeof one_in.words);
    memcpy(one_in.scale, in.scale, sizeof one_in.scale);
}

/* The first bytes are the same, those behind are as they were. */
static int differs(const void *got, const void *old, size_t size, const void *want, size_t used) {
    return memcmp(got, want, used) != 0 ||
           memcmp((const char *)got + used, (const char *)old + used, size - used) != 0;
}

#define DIFFERS(field)                                                                             \
    differs(out.field, before.field, sizeof out.field, one_out.field, sizeof one_out.field)

int main(void) {
    net_init(&params, 0);
    one_init(&one_params, 0);
    net_prepare(&context, &params);
    one_prepare(&one_context, &one_params);
    memset(&before, 0xA5, sizeof before);
    for (int round = 0; round < 3; round++) {
        fill_in();
        out = before;
        if (FORWARD(&context, &in, &out) || one_forward(&one_context, &one_in, &one_out)) return 1;
        if (DIFFERS(logits) || DIFFERS(pairs) || DIFFERS(weights) || DIFFERS(best)) return 2;
    }
    in.words[N - 1][0] = 11; /* no such word: seen in the last item, and behind it not at all */
    if (FORWARD(&context, &in, &out) != 1) return 3;
    if (N == NET_BATCH) return 0;
    in.words[N - 1][0] = 0;
    in.words[N][0] = 11;
    return FORWARD(&context, &in, &out) ? 4 : 0;
}
