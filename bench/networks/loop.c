/* Runs an emitted network and adds up the seconds of each of its kernels: bench.py puts
 * TIMED(number, call) around their calls. Compiled with SOURCE, NET(x) and TYPE(x) defined. */
#include <time.h>

static double seconds[64];

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

static TYPE(Params) params;
static TYPE(Context) context;
static TYPE(In) in;
static TYPE(Out) out;

void start(void);
double run(int repeats, double *each, int count);

void start(void) {
    float *x = (float *)(void *)&in;
    for (size_t i = 0; i < sizeof in / sizeof *x; i++)
        x[i] = (float)(i * 37 % 101) / 50.0F - 1.0F;
    NET(init)(&params, 0);
    NET(prepare)(&context, &params);
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
