/* Runs every function of an emitted network (net.h) and writes what they give: check.py defines
 * INIT, BACKWARD, STEPS and the like according to the header, gives the data on standard input, and
 * knows what to expect. Usage: check SEED RATE [DIRECTORY for weight files]. */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    if (!(condition)) fail(#condition)

static void fail(const char *what) {
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

static void put(const void *from, size_t size) {
    CHECK(fwrite(from, 1, size, stdout) == size);
}

#if defined(IN) || defined(TARGET)
static void get(void *to, size_t size) {
    CHECK(fread(to, 1, size, stdin) == size);
}
#endif

/* The arguments that a network has, each followed by a comma. */
#ifdef IN
static NetIn in;
#define GIVE_IN &in,
#else
#define GIVE_IN
#endif
#ifdef TRAIN_IN
static NetTrainIn train_in;
#define GIVE_TRAIN_IN &train_in,
#else
#define GIVE_TRAIN_IN
#endif
#ifdef TARGET
static NetTarget target;
#define GIVE_TARGET &target,
#else
#define GIVE_TARGET
#endif

static NetContext context;
static NetOut out, again;

#ifdef THREADS
/* Runs the statements on teams of several sizes. */
static NetWorker workers[6];
static const int helpers[] = {1, 2, 6};
#define ON_TEAMS(...)                                                                              \
    for (size_t team = 0; team < sizeof helpers / sizeof *helpers; team++) {                       \
        CHECK(net_start(&context, workers, helpers[team]) == helpers[team]);                       \
        __VA_ARGS__                                                                                \
        net_stop(&context);                                                                        \
    }
#else
#define ON_TEAMS(...)
#endif

/* Twice, and by any number of threads, which gives the same bits. */
static void forward(void) {
    CHECK(net_forward(&context, GIVE_IN & out) == 0);
    memcpy(&again, &out, sizeof out);
    CHECK(net_forward(&context, GIVE_IN & out) == 0);
    CHECK(memcmp(&again, &out, sizeof out) == 0);
    ON_TEAMS({
        memset(&again, 0, sizeof again);
        CHECK(net_forward(&context, GIVE_IN & again) == 0);
        CHECK(memcmp(&again, &out, sizeof out) == 0);
    })
    put(&out, sizeof out);
}

#ifdef INIT
static NetParams params;
#endif

#if defined(FILES) && defined(INIT)
#define SAVE(name) save(argv[3], name)
static void save(const char *directory, const char *name) {
    static NetParams loaded;
    char path[1000], error[200] = "";
    snprintf(path, sizeof path, "%s/%s.safetensors", directory, name);
    CHECK(net_save(&params, path, error, sizeof error) == 0);
    CHECK(net_load(&loaded, path, error, sizeof error) == 0);
    CHECK(memcmp(&params, &loaded, sizeof params) == 0);
    CHECK(net_load(&loaded, "/nowhere", error, sizeof error) != 0 && error[0]);
    CHECK(memcmp(&params, &loaded, sizeof params) == 0);
}
#else
#define SAVE(name)
#endif

#ifdef BACKWARD
static NetTrain train, second;

static void backward(int64_t seed) {
    net_train_init(&train, seed);
    CHECK(memcmp(&train.params, &params, sizeof params) == 0);
    static NetOut grad;
    get(&grad, sizeof grad);
    CHECK(net_backward(&context, &train, GIVE_IN & grad) == 0);
    ON_TEAMS({
        net_train_init(&second, seed);
        CHECK(net_backward(&context, &second, GIVE_IN & grad) == 0);
        CHECK(memcmp(&train, &second, sizeof train) == 0);
    })
    put(&train.grads, sizeof train.grads);
    net_zero_grad(&train);
    static const NetGrads zero;
    CHECK(memcmp(&train.grads, &zero, sizeof zero) == 0);
}
#endif

#ifdef STEPS
static void train_second(int64_t seed, double rate) {
    net_train_init(&second, seed);
    for (int i = 0; i < STEPS; i++) {
        LOSS loss;
        CHECK(net_train_step(&context, &second, GIVE_TRAIN_IN GIVE_TARGET RATES, &loss) == 0);
    }
    CHECK(memcmp(&train, &second, sizeof train) == 0);
}

/* Twice from the start, and by any number of threads, which gives the same bits. */
static void steps(int64_t seed, double rate) {
    for (int i = 0; i < STEPS; i++) {
        LOSS loss;
        CHECK(net_train_step(&context, &train, GIVE_TRAIN_IN GIVE_TARGET RATES, &loss) == 0);
        put(&loss, sizeof loss);
    }
    train_second(seed, rate);
    ON_TEAMS({ train_second(seed, rate); })
    memcpy(&params, &train.params, sizeof params);
}
#endif

int main(int argc, char **argv) {
    CHECK(argc == 4 && argv[3]);
#ifndef THREADS
    memset(&context, 0xa5, sizeof context); /* any bytes will do */
#endif
#ifdef INIT
    net_init(&params, strtol(argv[1], NULL, 10));
    put(&params, sizeof params);
    net_prepare(&context, &params);
#endif
#ifdef IN
    get(&in, sizeof in);
#endif
#ifdef TRAIN_IN
    get(&train_in, sizeof train_in);
#endif
#ifdef TARGET
    get(&target, sizeof target);
#endif
    forward();
    SAVE("before");
#ifdef BACKWARD
    backward(strtol(argv[1], NULL, 10));
#endif
#ifdef STEPS
    steps(strtol(argv[1], NULL, 10), strtod(argv[2], NULL));
    put(&params, sizeof params);
    SAVE("after");
    net_prepare(&context, &params);
    forward();
#endif
    return 0;
}
