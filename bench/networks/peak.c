/* The core's multiply-add peak: independent chains of vectors as wide as the machine has them. */
#include <time.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
enum { STEPS = 200000 };

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));

double peak(void);

/* Named one by one, so that each stays in its register. */
#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define DECLARE(i) Vector sum##i = {i};
#define STEP(i) sum##i = sum##i * scale + one;
#define TOTAL(i) total += sum##i;

/* FLOP per second, over some milliseconds. */
double peak(void) {
    volatile float half = 0.5f; /* not known, so that the chains are not folded */
    Vector scale = half - (Vector){0}, one = half + scale, total = {0};
    CHAINS(DECLARE)
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int step = 0; step < STEPS; step++) {
        CHAINS(STEP)
    }
    CHAINS(TOTAL)
    volatile float kept = total[0];
    (void)kept;
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds =
        (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    return 2.0 * LANES * 12 * STEPS / seconds;
}
