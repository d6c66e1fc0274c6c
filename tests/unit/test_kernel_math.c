/* The float32 functions of kernels against libm in double: the error in units in the last place,
 * over dense samples of their domains, with and without fused multiply-add. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/jit/jit.h"
#include "codegen/math.h"
#include "tests/support/kernel_run.h"

enum { COUNT = 1 << 14 };

typedef KVal *Build(KBuilder *b, KVal *x);

/* y[i] = f(x[i]) in vectors. */
static Kernel *make(const Target *target, Build *build, Arena *arena) {
    int64_t dim = COUNT;
    KBuilder b = kernel_begin(arena, target, "f", (Span){0});
    KBuf *in = k_scratch(&b, DT_F32, dim, NULL), *out = k_scratch(&b, DT_F32, dim, NULL);
    int lanes = target_lanes(target, DT_F32);
    KVal *i = k_for(&b, 0, dim, lanes, 0);
    k_store(&b, out, i, build(&b, k_load(&b, in, i, lanes)));
    k_end(&b);
    return kernel_end(&b);
}

static void run(const Target *target, Build *build, const float *x, float *y) {
    Arena arena = {0};
    void *buffers[] = {(void *)(uintptr_t)x, y};
    cr_assert(kernel_run_both(make(target, build, &arena), buffers, &arena));
    arena_free(&arena);
}

static double ulps(float got, double expected) {
    if (isnan(expected)) return isnan(got) ? 0 : INFINITY;
    float rounded = (float)expected;
    if (got == rounded) return 0;
    if (isinf(rounded) || isinf(got)) return INFINITY;
    float size = fabsf(rounded);
    double unit = (double)nextafterf(size, INFINITY) - (double)size;
    return fabs((double)got - expected) / unit;
}

static void check(const char *name, Build *build, double (*reference)(double), double low,
                  double high, double bound) {
    static float x[COUNT], y[COUNT];
    for (int t = 0; target_all()[t]; t++) {
        const Target *target = target_all()[t];
        for (int i = 0; i < COUNT; i++)
            x[i] = (float)(low + (high - low) * i / (COUNT - 1));
        run(target, build, x, y);
        double worst = 0;
        float at = 0;
        for (int i = 0; i < COUNT; i++) {
            double error = ulps(y[i], reference((double)x[i]));
            if (error > worst) worst = error, at = x[i];
        }
        cr_expect(worst <= bound, "%s on %s: %.2f ulp at %.9g", name, target->name, worst,
                  (double)at);
    }
}

Test(kernel_math, exp) {
    check("exp", math_exp, exp, -87, 88.7, 2);
    check("exp", math_exp, exp, -1, 1, 1.5);
    check("exp of small results", math_exp, exp, -110, -86, 2);
}

Test(kernel_math, expm1) {
    check("expm1", math_expm1, expm1, -30, 88.7, 3);
    check("expm1", math_expm1, expm1, -1, 1, 3);
    check("expm1", math_expm1, expm1, -1e-3, 1e-3, 1.5);
}

Test(kernel_math, log) {
    check("log", math_log, log, 1e-3, 4, 1.5);
    check("log", math_log, log, 1, 1e6, 1.5);
    check("log of denormals", math_log, log, 1e-45, 1e-38, 1.5);
}

Test(kernel_math, log1p) {
    check("log1p", math_log1p, log1p, -0.999, 4, 2.5);
    check("log1p", math_log1p, log1p, -1e-3, 1e-3, 1.5);
    check("log1p", math_log1p, log1p, 1, 1e6, 2);
}

Test(kernel_math, tanh) {
    check("tanh", math_tanh, tanh, -12, 12, 4);
    check("tanh", math_tanh, tanh, -0.01, 0.01, 4);
}

Test(kernel_math, erf) {
    check("erf", math_erf, erf, -5, 5, 3);
    check("erf", math_erf, erf, -0.1, 0.1, 2);
}

static double digamma_by_recurrence(double x) {
    double sum = 0;
    for (; x < 30; x++)
        sum -= 1 / x;
    return sum + log(x) - 0.5 / x - 1 / (12 * x * x) + 1 / (120 * x * x * x * x);
}

Test(kernel_math, digamma) {
    check("digamma", math_digamma, digamma_by_recurrence, 0.05, 40, 1);
}

/* Every float, or each NNC_FLOAT_STRIDE-th: the errors that codegen/math.h states, on a target with
 * fused multiply-add. */
static void check_floats(const char *name, Build *build, double (*reference)(double),
                         double bound) {
    static float x[COUNT], y[COUNT];
    const char *text = getenv("NNC_FLOAT_STRIDE");
    uint64_t stride = text ? strtoull(text, NULL, 10) : 20011, bits = 0;
    double worst = 0;
    float at = 0;
    Arena arena = {0};
    KProgram *program = kernel_decode(make(target_find("avx2"), build, &arena), &arena);
    JitCode *code = jit_translate(&program, 1, 0);
    while (bits < UINT64_C(1) << 32) {
        int count = 0;
        for (; count < COUNT && bits < UINT64_C(1) << 32; count++, bits += stride) {
            uint32_t word = (uint32_t)bits;
            memcpy(&x[count], &word, sizeof word);
        }
        cr_assert(kernel_run(program, (void *[]){x, y}));
        for (int i = 0; i < count; i++) {
            double error = ulps(y[i], reference((double)x[i]));
            if (error > worst) worst = error, at = x[i];
        }
    }
    jit_free(code);
    arena_free(&arena);
    cr_expect(worst <= bound, "%s: %.3f ulp at %.9g", name, worst, (double)at);
}

Test(kernel_math, floats_exp, .timeout = 3000) {
    check_floats("exp", math_exp, exp, 1.5);
}

Test(kernel_math, floats_expm1, .timeout = 3000) {
    check_floats("expm1", math_expm1, expm1, 1.5);
}

Test(kernel_math, floats_log, .timeout = 3000) {
    check_floats("log", math_log, log, 1);
}

Test(kernel_math, floats_log1p, .timeout = 3000) {
    check_floats("log1p", math_log1p, log1p, 1);
}

Test(kernel_math, floats_tanh, .timeout = 3000) {
    check_floats("tanh", math_tanh, tanh, 3);
}

Test(kernel_math, floats_erf, .timeout = 3000) {
    check_floats("erf", math_erf, erf, 1.5);
}

/* Special operands, lane by lane. */
Test(kernel_math, special_operands) {
    static const float in[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 200, -200, -1};
    static const struct {
        const char *name;
        Build *build;
        double (*reference)(double);
    } cases[] = {{"exp", math_exp, exp},    {"expm1", math_expm1, expm1},
                 {"log", math_log, log},    {"log1p", math_log1p, log1p},
                 {"tanh", math_tanh, tanh}, {"erf", math_erf, erf}};
    static float x[COUNT], y[COUNT];
    for (int i = 0; i < COUNT; i++)
        x[i] = in[i % 8];
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
        for (int t = 0; target_all()[t]; t++) {
            run(target_all()[t], cases[c].build, x, y);
            for (int i = 0; i < 8; i++) {
                double expected = cases[c].reference((double)in[i]);
                cr_expect(ulps(y[i], expected) <= 2, "%s(%g) on %s is %g, not %g", cases[c].name,
                          (double)in[i], target_all()[t]->name, (double)y[i], expected);
            }
        }
}
