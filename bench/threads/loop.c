/* Runs an emitted network's forward or train step: bench.py compiles it with SOURCE, NET(x) and
 * TYPE(x), and with STEP(call) where there is a train step: its other arguments. */
#include SOURCE

#include <time.h>

#ifndef NO_PARAMS
static TYPE(Params) params;
#endif
static TYPE(Context) context;
static TYPE(In) in;
static TYPE(Out) out;
#ifdef THREADS
static TYPE(Worker) workers[64];
#endif
#ifdef STEP
static TYPE(Train) train;
static TYPE(TrainIn) train_in;
static TYPE(Target) target;
#endif

void start(void);
int team(int helpers);
double run(int repeats, int trains);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(void *to, size_t size) {
    float *x = to;
    for (size_t i = 0; i < size / sizeof *x; i++)
        x[i] = (float)(i * 37 % 101) / 50.0F - 1.0F;
}

void start(void) {
    fill(&in, sizeof in);
#ifdef STEP
    fill(&train_in, sizeof train_in);
    NET(train_init)(&train, 0);
#endif
#ifndef NO_PARAMS
    NET(init)(&params, 0);
    NET(prepare)(&context, &params);
#endif
}

/* Ends the helpers there are, and starts so many. */
int team(int helpers) {
#ifdef THREADS
    NET(stop)(&context);
    return NET(start)(&context, workers, helpers);
#else
    return helpers;
#endif
}

/* Seconds of that many calls. */
double run(int repeats, int trains) {
    double before = now();
    for (int i = 0; i < repeats; i++) {
#ifdef STEP
        float loss;
        if (trains) {
            STEP(NET(train_step), &loss);
            continue;
        }
#endif
        (void)trains;
        NET(forward)(&context, &in, &out);
    }
    return now() - before;
}
