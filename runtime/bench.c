/* Times a compiled network. */
#define _POSIX_C_SOURCE 200809L

#include "runtime/bench.h"

#include <stdlib.h>
#include <time.h>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

enum {
    MOST_CLASSES = 1 << 16,
    FEWEST_SAMPLES = 7,
    FEWEST_QUICK = 3,
    PEAK_STEPS = 100000,
    PEAK_CHAINS = 12
};

static const double sample_seconds = 0.01, usual_seconds = 2.0;

static double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

NN_API void nn_bench_tick(NnBench *bench, int step) {
    if (!bench->ticking) return;
    double now = bench_now();
    if (step >= 0) bench->seconds[step] += now - bench->last;
    bench->last = now;
}

#if defined(__AVX512F__)
#define PEAK_VECTOR __m512
#define PEAK_LANES 16
#define PEAK_SET(x) _mm512_set1_ps(x)
#define PEAK_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#elif defined(__AVX2__) && defined(__FMA__)
#define PEAK_VECTOR __m256
#define PEAK_LANES 8
#define PEAK_SET(x) _mm256_set1_ps(x)
#define PEAK_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#elif defined(__ARM_NEON)
#define PEAK_VECTOR float32x4_t
#define PEAK_LANES 4
#define PEAK_SET(x) vdupq_n_f32(x)
#define PEAK_FMA(a, b, c) vfmaq_f32(c, a, b)
#else
#define PEAK_VECTOR float
#define PEAK_LANES 1
#define PEAK_SET(x) (x)
#define PEAK_FMA(a, b, c) ((a) * (b) + (c))
#endif

/* Named one by one, so that each stays in its register. */
#define PEAK_ALL(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define PEAK_DECLARE(i) PEAK_VECTOR sum##i = PEAK_SET(half + (float)i);
#define PEAK_STEP(i) sum##i = PEAK_FMA(sum##i, scale, one);
#define PEAK_KEEP(i) memcpy(kept, &sum##i, sizeof sum##i), end += (double)kept[0] * 0.0;

/* FLOP per second of independent chains of multiply-adds on the widest vectors. */
static double bench_peak(void) {
    volatile float unknown = 0.5f; /* so that nothing is folded */
    float half = unknown, kept[PEAK_LANES];
    PEAK_VECTOR scale = PEAK_SET(half), one = PEAK_SET(half + half);
    PEAK_ALL(PEAK_DECLARE)
    double start = bench_now();
    for (int i = 0; i < PEAK_STEPS; i++) {
        PEAK_ALL(PEAK_STEP)
    }
    double end = 0;
    PEAK_ALL(PEAK_KEEP)
    end += bench_now();
    return 2.0 * PEAK_LANES * PEAK_CHAINS * PEAK_STEPS / (end - start);
}

static uint32_t bench_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Floats from -1 to 1, integers below `classes`. */
static void bench_fill(const NnTensor *tensor, void *at, uint32_t classes, uint32_t *state) {
    unsigned char *data = (unsigned char *)at + tensor->offset;
    size_t size = nn_dtype_size(tensor->dtype), count = nn_tensor_bytes(tensor) / size;
    for (size_t i = 0; i < count; i++, data += size) {
        uint32_t x = bench_random(state);
        double real = (double)x * 0x1p-31 - 1.0;
        int64_t whole = (int64_t)(x % classes);
        switch (tensor->dtype) {
        case NN_F16:
        case NN_BF16:
        case NN_F32:
        case NN_F64:
            nn_store_float(tensor->dtype, data, real);
            break;
        case NN_I64:
            memcpy(data, &whole, size);
            break;
        case NN_I32:
            memcpy(data, &(int32_t){(int32_t)whole}, size);
            break;
        case NN_U8:
            *data = (unsigned char)(whole & 255);
            break;
        case NN_BOOL:
            *data = x & 1;
            break;
        }
    }
}

/* How many classes or words the network knows isn't known here: the most that it takes. */
static bool bench_find_data(const NnBench *bench) {
    for (uint32_t classes = MOST_CLASSES; classes >= 1; classes /= 2) {
        uint32_t state = 12345;
        bench->start();
        for (int f = 0; f < bench->fill_count; f++)
            for (int i = 0; i < bench->fills[f].count; i++)
                bench_fill(&bench->fills[f].tensors[i], bench->fills[f].at, classes, &state);
        bench->prepare();
        if (bench->run() == 0) return true;
    }
    return false;
}

static double bench_calls(const NnBench *bench, int calls) {
    double start = bench_now();
    for (int i = 0; i < calls; i++)
        bench->run();
    return (bench_now() - start) / calls;
}

static int bench_ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double bench_median(double *samples, int count) {
    qsort(samples, (size_t)count, sizeof *samples, bench_ascending);
    return samples[count / 2];
}

typedef struct BenchResult {
    double median, least, peak, flops;
    int calls; /* of the whole */
} BenchResult;

static void bench_sample_steps(NnBench *bench, int sample, int calls) {
    for (int i = 0; i < bench->step_count; i++)
        bench->seconds[i] = 0;
    bench->ticking = true;
    bench_calls(bench, calls);
    bench->ticking = false;
    for (int i = 0; i < bench->step_count; i++)
        bench->samples[i * NN_BENCH_SAMPLES + sample] = bench->seconds[i] / calls;
}

static BenchResult bench_measure(NnBench *bench, double all_seconds) {
    BenchResult result = {0};
    double whole[NN_BENCH_SAMPLES], once = bench_calls(bench, 3), start = bench_now();
    int calls = once < sample_seconds ? (int)(sample_seconds / (once + 1e-9)) + 1 : 1, count = 0;
    bench_calls(bench, calls); /* warm */
    int fewest = all_seconds < usual_seconds ? FEWEST_QUICK : FEWEST_SAMPLES;
    while (count < NN_BENCH_SAMPLES && (count < fewest || bench_now() - start < all_seconds)) {
        double peak = bench_peak();
        if (peak > result.peak) result.peak = peak;
        whole[count] = bench_calls(bench, calls);
        bench_sample_steps(bench, count, calls);
        count++;
    }
    result.median = bench_median(whole, count);
    result.least = whole[0];
    result.calls = calls * count;
    for (int i = 0; i < bench->step_count; i++) {
        bench->seconds[i] = bench_median(bench->samples + (size_t)i * NN_BENCH_SAMPLES, count);
        result.flops += bench->steps[i].flops * bench->steps[i].times;
    }
    return result;
}

static void bench_print_json(const NnBench *bench, const BenchResult *result) {
    printf("{\"name\": \"%s\", \"function\": \"%s\", \"batch\": %lld, \"target\": \"%s\", "
           "\"threads\": %d,\n"
           " \"median_ms\": %.6f, \"min_ms\": %.6f, \"gflops\": %.3f, \"peak_gflops\": %.3f, "
           "\"calls\": %d,\n \"kernels\": [",
           bench->name, bench->function, (long long)bench->batch, bench->target, bench->threads,
           result->median * 1e3, result->least * 1e3, result->flops / result->median * 1e-9,
           result->peak * 1e-9, result->calls);
    for (int i = 0; i < bench->step_count; i++) {
        const NnStep *step = &bench->steps[i];
        double seconds = bench->seconds[i] > 0 ? bench->seconds[i] : 1e-12;
        printf("%s\n  {\"name\": \"%s\", \"times\": %d, \"median_ms\": %.6f, \"gflops\": %.3f, "
               "\"gbytes\": %.3f, \"schedule\": \"%s\"}",
               i ? "," : "", step->name, step->times, seconds * 1e3,
               step->flops * step->times / seconds * 1e-9,
               step->bytes * step->times / seconds * 1e-9, step->detail ? step->detail : "");
    }
    printf("]}\n");
}

static void bench_print_table(const NnBench *bench, const BenchResult *result) {
    double rate = result->flops / result->median, peak = result->peak * bench->threads;
    char threads[32] = "one thread";
    if (bench->threads > 1) snprintf(threads, sizeof threads, "%d threads", bench->threads);
    printf("%s, %s", bench->name, bench->function);
    if (bench->batch) printf(", batch %lld", (long long)bench->batch);
    printf(", %s, %s: median %.4g ms, minimum %.4g ms of %d calls\n", bench->target, threads,
           result->median * 1e3, result->least * 1e3, result->calls);
    printf("%.4g MFLOP, %.1f GFLOP/s: %.0f %% of the measured peak of %.1f\n\n",
           result->flops * 1e-6, rate * 1e-9, 100 * rate / peak, peak * 1e-9);
    printf("%-32s %5s %10s %10s %6s %8s %5s %7s  %s\n", "kernel", "times", "MFLOP", "us", "share",
           "GFLOP/s", "peak", "GB/s", "schedule");
    double sum = 1e-12;
    for (int i = 0; i < bench->step_count; i++)
        sum += bench->seconds[i];
    for (int i = 0; i < bench->step_count; i++) {
        const NnStep *step = &bench->steps[i];
        double seconds = bench->seconds[i] > 0 ? bench->seconds[i] : 1e-12;
        double flops = step->flops * step->times;
        printf("%-32s %5d %10.3f %10.2f %5.1f%% %8.1f %4.0f%% %7.1f  %s\n", step->name, step->times,
               flops * 1e-6, seconds * 1e6, 100 * seconds / sum, flops / seconds * 1e-9,
               100 * flops / seconds / peak, step->bytes * step->times / seconds * 1e-9,
               step->detail ? step->detail : "");
    }
}

/* Words of the command line: false with a message if they aren't known. */
static bool bench_words(const NnBench *bench, int argc, char **argv, bool *json, double *seconds) {
    for (int i = 1; i < argc; i++) {
        char *end = argv[i];
        bool limit = strncmp(argv[i], "--seconds=", 10) == 0;
        if (limit) *seconds = strtod(argv[i] + 10, &end);
        if (strcmp(argv[i], "--json") == 0) {
            *json = true;
        } else if (!limit || *end || !(*seconds > 0)) {
            fprintf(stderr, "%s: unknown option '%s'; there are --json and --seconds=S\n",
                    bench->name, argv[i]);
            return false;
        }
    }
    return true;
}

NN_API int nn_bench(NnBench *bench, int argc, char **argv) {
    bool json = false;
    double seconds = usual_seconds;
    if (!bench_words(bench, argc, argv, &json, &seconds)) return 2;
    if (!bench_find_data(bench)) {
        fprintf(stderr, "%s: no random data suits %s: every index that was tried is out of range\n",
                bench->name, bench->function);
        return 1;
    }
    BenchResult result = bench_measure(bench, seconds);
    if (json)
        bench_print_json(bench, &result);
    else
        bench_print_table(bench, &result);
    return fflush(stdout) != 0 || ferror(stdout);
}
