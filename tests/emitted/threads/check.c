/* Forward and some train steps by teams of several sizes give the same bits. given.h, which run.py
 * writes, says what the network is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "team of %d, line %d: %s\n", team, __LINE__, #x);                      \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static uint32_t state = 1;
static int team = 1;

static double uniform(void) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) / 16777216.0;
}

static __attribute__((unused)) void fill_float(void *data, size_t bytes) {
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        ((float *)data)[i] = (float)(2 * uniform() - 1);
}

static __attribute__((unused)) void fill_int64_t(void *data, size_t bytes) {
    for (size_t i = 0; i < bytes / sizeof(int64_t); i++)
        ((int64_t *)data)[i] = (int64_t)(4 * uniform());
}

#include "given.h"

static NetContext context;
static NetWorker workers[6];
static NetParams params;
static NetOut out, again;

#ifdef TRAIN_STEP
static NetTrain train, second;

static void steps(NetTrain *of) {
    net_train_init(of, 3);
    for (int i = 0; i < 2; i++) {
        float loss;
        CHECK(TRAIN_STEP == 0);
    }
}
#endif

static void compare(void) {
    memset(&again, 0, sizeof again);
    CHECK(net_forward(&context, &in, &again) == 0);
    CHECK(memcmp(&again, &out, sizeof out) == 0);
#ifdef TRAIN_STEP
    steps(&second);
    CHECK(memcmp(&train, &second, sizeof train) == 0);
#endif
}

int main(void) {
    fill();
    net_init(&params, 3);
    net_prepare(&context, &params);
    CHECK(net_forward(&context, &in, &out) == 0);
#ifdef TRAIN_STEP
    steps(&train);
#endif
    static const int teams[] = {2, 3, 4, 7};
    for (size_t i = 0; i < sizeof teams / sizeof *teams; i++) {
        team = teams[i];
        int helpers = net_start(&context, workers, team - 1);
#ifdef NNC_NO_THREADS
        CHECK(helpers == 0);
#else
        CHECK(helpers == team - 1);
#endif
        for (int round = 0; round < 2; round++)
            compare();
        net_stop(&context);
    }
    fwrite(&out, sizeof out, 1, stdout);
    return 0;
}
