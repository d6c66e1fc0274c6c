#include "ir/random_blocks.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* Words of the state, anywhere in it: as many as a vector of AVX2 holds. */
typedef uint32_t Words __attribute__((vector_size(32), aligned(4), may_alias));
enum { WORDS = sizeof(Words) / sizeof(uint32_t) };

#define TWISTED(far, y) ((far) ^ ((y) >> 1) ^ (-((y)&1) & 0x9908B0DFu))
#define JOINED(high, low) (((high)&0x80000000u) | ((low)&0x7FFFFFFFu))

/* Words begin..end from those `shift` places away. What is left over are the last words: the very
 * last has the first for its neighbour. */
INLINE void twist_range(uint32_t *state, int begin, int end, int shift) {
    int i = begin;
    for (; i + WORDS <= end; i += WORDS) {
        Words *at = (Words *)&state[i];
        Words y = JOINED(*at, *(Words *)&state[i + 1]);
        *at = TWISTED(*(Words *)&state[i + shift], y);
    }
    for (; i < end; i++) {
        uint32_t y = JOINED(state[i], state[(i + 1) % MT_SIZE]);
        state[i] = TWISTED(state[i + shift], y);
    }
}

INLINE void twist(uint32_t *state) {
    enum { SHIFT = 397, WRAP = MT_SIZE - SHIFT };
    twist_range(state, 0, WRAP, SHIFT);
    twist_range(state, WRAP, MT_SIZE, -WRAP);
}

INLINE void uniforms(const uint32_t *words, float *out, int64_t count, float low, float high) {
    for (int64_t i = 0; i < count; i++)
        out[i] =
            fmaf((float)(int32_t)(mt_temper(words[i]) & 0xFFFFFFu) * 0x1p-24f, high - low, low);
}

/* Logarithm of 2^-24 .. 1 as PyTorch's vectorized Box-Muller computes it: Cephes's polynomial for
 * the mantissa in [sqrt(1/2), sqrt(2)), sums and products fused. */
INLINE float cephes_log(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    float exponent = (float)((bits >> 23) - 126);
    bits = (bits & 0x7FFFFF) | 0x3F000000; /* the mantissa in [1/2, 1) */
    memcpy(&x, &bits, sizeof x);
    bool low = x < 0.707106781f;
    exponent -= low ? 1.0f : 0.0f;
    x += low ? x : 0.0f;
    x -= 1;
    float square = x * x, y = fmaf(7.0376836292e-2f, x, -1.1514610310e-1f);
    y = fmaf(y, x, 1.1676998740e-1f);
    y = fmaf(y, x, -1.2420140846e-1f);
    y = fmaf(y, x, 1.4249322787e-1f);
    y = fmaf(y, x, -1.6668057665e-1f);
    y = fmaf(y, x, 2.0000714765e-1f);
    y = fmaf(y, x, -2.4999993993e-1f);
    y = fmaf(y, x, 3.3333331174e-1f);
    y = fmaf(y * x, square, exponent * -2.12194440e-4f);
    y = fmaf(square, -0.5f, y);
    return fmaf(exponent, 0.693359375f, x + y);
}

/* The sign of x turned over where the bit 4 is set. */
INLINE float turned(float x, int32_t octant) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits ^= (int32_t)((uint32_t)(octant & 4) << 29);
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Sine and cosine of an angle in [0, 2 pi), likewise. */
INLINE void cephes_sincos(float x, float *sine, float *cosine) {
    int32_t octant = ((int32_t)(x * 1.27323954f) + 1) & ~1;
    float y = (float)octant;
    x = fmaf(y, -0.78515625f, x);
    x = fmaf(y, -2.4187564849853515625e-4f, x);
    x = fmaf(y, -3.77489497744594108e-8f, x);
    float z = x * x, c = 2.443315711809948e-5f, s = -1.9515295891e-4f;
    c = fmaf(c, z, -1.388731625493765e-3f);
    c = fmaf(c, z, 4.166664568298827e-2f) * z;
    c = fmaf(c, z, -0.5f * z) + 1;
    s = fmaf(s, z, 8.3321608736e-3f);
    s = fmaf(s, z, -1.6666654611e-1f) * z;
    s = fmaf(s, x, x);
    bool swapped = (octant & 2) != 0;
    *sine = turned(swapped ? c : s, octant);
    *cosine = turned(swapped ? s : c, octant + 2);
}

INLINE void normals(float *block, int64_t count, float mean, float std) {
    enum { HALF = 8 };
    static const float TWO_PI = 6.283185307179586f;
    for (int64_t start = 0; start < count; start += 16, block += 16) {
        float radius[HALF], sine[HALF], cosine[HALF];
        for (int i = 0; i < HALF; i++)
            radius[i] = sqrtf(-2 * cephes_log(1 - block[i]));
        for (int i = 0; i < HALF; i++)
            cephes_sincos(TWO_PI * block[i + HALF], &sine[i], &cosine[i]);
        for (int i = 0; i < HALF; i++) {
            block[i] = fmaf(radius[i] * cosine[i], std, mean);
            block[i + HALF] = fmaf(radius[i] * sine[i], std, mean);
        }
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void
uniforms_avx2(const uint32_t *words, float *out, int64_t count, float low, float high) {
    uniforms(words, out, count, low, high);
}
__attribute__((target("avx2,fma"))) static void normals_avx2(float *blocks, int64_t count,
                                                             float mean, float std) {
    normals(blocks, count, mean, std);
}
__attribute__((target("avx2,fma"))) static void twist_avx2(uint32_t *state) {
    twist(state);
}
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
#define uniforms_avx2 uniforms
#define normals_avx2 normals
#define twist_avx2 twist
static bool has_avx2(void) {
    return false;
}
#endif

void random_twist(uint32_t state[MT_SIZE]) {
    if (has_avx2())
        twist_avx2(state);
    else
        twist(state);
}

void random_uniforms(const uint32_t *words, float *out, int64_t count, float low, float high) {
    if (has_avx2())
        uniforms_avx2(words, out, count, low, high);
    else
        uniforms(words, out, count, low, high);
}

void random_normals(float *blocks, int64_t count, float mean, float std) {
    if (has_avx2())
        normals_avx2(blocks, count, mean, std);
    else
        normals(blocks, count, mean, std);
}
