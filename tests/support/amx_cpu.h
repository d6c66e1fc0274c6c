/* AMX for processors that have none: included before an emitted C file, it gives the intrinsics as
 * functions, and makes the file find what it asks the processor and the system for. Sums are those
 * of Intel's manual: of each pair the products of both halves are summed apart, from zero on, with
 * denormal numbers taken for zeros. tests/emitted/tiles/run.py uses it. AMX_REFUSED: the system
 * gives no leave. */
#ifndef TESTS_SUPPORT_AMX_CPU_H
#define TESTS_SUPPORT_AMX_CPU_H

#include <cpuid.h>
#include <immintrin.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct {
    uint8_t rows[8];
    uint16_t bytes[8];
    uint32_t at[8][16][16];
    int configured;
} amx;
static atomic_long amx_dots;

/* How many products of tiles there were. */
__attribute__((destructor)) static void amx_tell(void) {
    if (amx_dots) fprintf(stderr, "%ld products of tiles\n", (long)amx_dots);
}

static inline float amx_flushed(float x) {
    return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;
}

static inline float amx_number(uint32_t bits) {
    float x;
    bits &= 0xffff0000u;
    memcpy(&x, &bits, sizeof x);
    return amx_flushed(x);
}

static inline void amx_loadconfig(const void *config) {
    const uint8_t *bytes = config;
    if (bytes[0] != 1 || bytes[1] != 0) abort();
    for (int t = 0; t < 8; t++) {
        amx.bytes[t] = (uint16_t)(bytes[16 + 2 * t] | bytes[17 + 2 * t] << 8);
        amx.rows[t] = bytes[48 + t];
        if (amx.bytes[t] != 64 || amx.rows[t] != 16) abort(); /* what nnc asks for */
    }
    memset(amx.at, 0, sizeof amx.at);
    amx.configured = 1;
}

static inline void amx_release(void) {
    amx.configured = 0;
}

static inline void amx_check(int tile) {
    if (!amx.configured || tile < 0 || tile > 7) abort();
}

static inline void amx_zero(int tile) {
    amx_check(tile);
    memset(amx.at[tile], 0, sizeof amx.at[tile]);
}

static inline void amx_load(int tile, const void *from, long stride) {
    amx_check(tile);
    for (int r = 0; r < 16; r++)
        memcpy(amx.at[tile][r], (const char *)from + r * stride, 64);
}

static inline void amx_store(int tile, void *to, long stride) {
    amx_check(tile);
    for (int r = 0; r < 16; r++)
        memcpy((char *)to + r * stride, amx.at[tile][r], 64);
}

static inline void amx_dot(int sum, int a, int b) {
    if (sum == a || sum == b || a == b) abort(); /* an invalid instruction */
    amx_check(sum);
    for (int m = 0; m < 16; m++) {
        float low[16] = {0}, high[16] = {0}, total[16];
        for (int k = 0; k < 16; k++)
            for (int n = 0; n < 16; n++) {
                uint32_t x = amx.at[a][m][k], y = amx.at[b][k][n];
                low[n] = amx_flushed(fmaf(amx_number(x << 16), amx_number(y << 16), low[n]));
                high[n] = amx_flushed(fmaf(amx_number(x), amx_number(y), high[n]));
            }
        memcpy(total, amx.at[sum][m], 64);
        for (int n = 0; n < 16; n++)
            total[n] = amx_flushed(amx_flushed(total[n]) + amx_flushed(low[n] + high[n]));
        memcpy(amx.at[sum][m], total, 64);
    }
    amx_dots++;
}

static inline int amx_cpuid(unsigned leaf, unsigned *a, unsigned *b, unsigned *c, unsigned *d) {
    int known = __get_cpuid_count(leaf, 0, a, b, c, d);
    if (leaf == 7) *d |= 1u << 22 | 1u << 24;
    return known;
}

__attribute__((unused)) static long amx_syscall(long number, ...) {
    va_list rest;
    va_start(rest, number);
    long code = va_arg(rest, long), feature = va_arg(rest, long);
    va_end(rest);
    if (number != 158 || code != 0x1023 || feature != 18) abort();
#ifdef AMX_REFUSED
    return -1;
#else
    return 0;
#endif
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(config) amx_loadconfig(config)
#define _tile_release() amx_release()
#define _tile_zero(tile) amx_zero(tile)
#define _tile_loadd(tile, from, stride) amx_load(tile, from, stride)
#define _tile_stored(tile, to, stride) amx_store(tile, to, stride)
#define _tile_dpbf16ps(sum, a, b) amx_dot(sum, a, b)
#define __get_cpuid_count(leaf, part, a, b, c, d) amx_cpuid(leaf, a, b, c, d)
#define _xgetbv(part) 0x60007ull
#define syscall amx_syscall

#endif
