/* Runs an emitted network and adds up the seconds of each of its kernels: bench.py puts
 * TIMED(number, call) around their calls. Compiled with SOURCE, NET(x) and TYPE(x) defined;
 * TOKENS: inputs are integers below it; NO_PARAMS: the network has none. */
#include <time.h>

#ifndef KERNELS
#define KERNELS 64
#endif
#ifndef TOKENS
#define TOKENS 0
#endif

static double seconds[KERNELS];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define TIMED(number, call)                                                                        \
    do {                                                                                           \
        double before = now();                                                                     \
        call;                                                                                      \
        seconds[number] += now() - before;                                                         \
    } while (0)

#include SOURCE

#ifndef NO_PARAMS
static TYPE(Params) params;
#endif
static TYPE(Context) context;
static TYPE(In) in;
static TYPE(Out) out;

void start(void);
double run(int repeats, double *each, int count);

void start(void) {
    float *x = (float *)(void *)&in;
    int64_t *token = (int64_t *)(void *)&in;
    for (size_t i = 0; i < sizeof in / sizeof *x && !TOKENS; i++)
        x[i] = (float)(i * 37 % 101) / 50.0F - 1.0F;
    for (size_t i = 0; TOKENS && i < sizeof in / sizeof *token; i++)
        token[i] = (int64_t)(i * 7919) % (TOKENS + !TOKENS);
#ifndef NO_PARAMS
    NET(init)(&params, 0);
    NET(prepare)(&context, &params);
#endif
}

/* Seconds of `repeats` calls, and of each kernel in them. */
double run(int repeats, double *each, int count) {
    for (int i = 0; i < count; i++)
        seconds[i] = 0;
    double before = now();
    for (int i = 0; i < repeats; i++)
        NET(forward)(&context, &in, &out);
    double all = now() - before;
    for (int i = 0; i < count; i++)
        each[i] = seconds[i];
    return all;
}
