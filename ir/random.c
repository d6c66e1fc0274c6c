/* MT19937 as PyTorch's CPU generator uses it, and Philox4x32-10.
 *
 * A float32 uniform takes 24 low bits of one draw, a float64 one 53 low bits of two draws (the
 * first is the high half). Sixteen and more normal numbers are made in blocks of 16 uniforms, the
 * first 8 giving the radii and the last 8 the angles of Box and Muller's transform; a tail that is
 * no whole block redraws the last 16. Fewer are made one pair at a time, in double, and the second
 * of a pair waits in the generator for the next call. */
#include "ir/random.h"

#include <math.h>
#include <string.h>

#include "ir/random_blocks.h"
#include "support/checked.h"

static const double TWO_PI = 6.283185307179586;

void mt_seed(Mt19937 *mt, uint64_t seed) {
    mt->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < MT_SIZE; i++)
        mt->state[i] = 1812433253u * (mt->state[i - 1] ^ (mt->state[i - 1] >> 30)) + i;
    mt->next = MT_SIZE;
    mt->skipped = 0;
    mt->normal = 0;
    mt->has_normal = false;
}

static void twist(Mt19937 *mt) {
    random_twist(mt->state);
    mt->next = 0;
}

/* The state is used up: makes the next one, past what was skipped. */
static void refill(Mt19937 *mt) {
    for (twist(mt); mt->skipped >= MT_SIZE; mt->skipped -= MT_SIZE)
        twist(mt);
    mt->next = (int)mt->skipped;
    mt->skipped = 0;
}

uint32_t mt_next32(Mt19937 *mt) {
    if (mt->next == MT_SIZE) refill(mt);
    return mt_temper(mt->state[mt->next++]);
}

uint64_t mt_next64(Mt19937 *mt) {
    uint64_t high = mt_next32(mt);
    return high << 32 | mt_next32(mt);
}

void mt_skip(Mt19937 *mt, uint64_t count) {
    uint64_t left = (uint64_t)(MT_SIZE - mt->next), step = count < left ? count : left;
    mt->next += (int)step;
    mt->skipped += count - step;
}

static float uniform_f32(Mt19937 *mt, float low, float high) {
    float unit = (float)(mt_next32(mt) & 0xFFFFFFu) * 0x1p-24f;
    return fmaf(unit, high - low, low);
}

static double uniform_f64(Mt19937 *mt, double low, double high) {
    double unit = (double)(mt_next64(mt) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
    return fma(unit, high - low, low);
}

static void uniforms_f32(Mt19937 *mt, float *out, int64_t count, float low, float high) {
    while (count > 0) {
        if (mt->next == MT_SIZE) refill(mt);
        int64_t part = MT_SIZE - mt->next < count ? MT_SIZE - mt->next : count;
        random_uniforms(mt->state + mt->next, out, part, low, high);
        mt->next += (int)part;
        out += part;
        count -= part;
    }
}

void mt_uniform(Mt19937 *mt, DType dtype, void *out, int64_t count, double low, double high) {
    NNC_CHECK(dtype_is_float(dtype), "uniform numbers are floats");
    if (dtype == DT_F32) {
        uniforms_f32(mt, out, count, (float)low, (float)high);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        ((double *)out)[i] = uniform_f64(mt, low, high);
}

uint64_t mt_uniform_draws(DType dtype, int64_t count) {
    return (uint64_t)count * (dtype == DT_F32 ? 1 : 2);
}

static void normal_block_f64(double *block, double mean, double std) {
    for (int i = 0; i < 8; i++) {
        double radius = sqrt(-2 * log(1 - block[i])), angle = TWO_PI * block[i + 8];
        block[i] = radius * cos(angle) * std + mean;
        block[i + 8] = radius * sin(angle) * std + mean;
    }
}

static void normal_blocks(Mt19937 *mt, DType dtype, void *out, int64_t count, double mean,
                          double std) {
    float *singles = out;
    double *doubles = out;
    mt_uniform(mt, dtype, out, count, 0, 1);
    if (dtype == DT_F32) random_normals(singles, count / 16 * 16, (float)mean, (float)std);
    for (int64_t start = 0; dtype == DT_F64 && start + 16 <= count; start += 16)
        normal_block_f64(doubles + start, mean, std);
    if (count % 16 == 0) return;
    if (dtype == DT_F32) {
        mt_uniform(mt, dtype, singles + count - 16, 16, 0, 1);
        random_normals(singles + count - 16, 16, (float)mean, (float)std);
    } else {
        mt_uniform(mt, dtype, doubles + count - 16, 16, 0, 1);
        normal_block_f64(doubles + count - 16, mean, std);
    }
}

static double normal_one(Mt19937 *mt) {
    if (mt->has_normal) {
        mt->has_normal = false;
        return mt->normal;
    }
    double u1 = uniform_f64(mt, 0, 1), u2 = uniform_f64(mt, 0, 1);
    double radius = sqrt(-2 * log1p(-u2)), angle = TWO_PI * u1;
    mt->normal = radius * sin(angle);
    mt->has_normal = true;
    return radius * cos(angle);
}

void mt_normal(Mt19937 *mt, DType dtype, void *out, int64_t count, double mean, double std) {
    NNC_CHECK(dtype_is_float(dtype), "normal numbers are floats");
    if (count >= 16) {
        normal_blocks(mt, dtype, out, count, mean, std);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        double value = normal_one(mt) * std + mean;
        if (dtype == DT_F32)
            ((float *)out)[i] = (float)value;
        else
            ((double *)out)[i] = value;
    }
}

uint64_t mt_normal_draws(DType dtype, int64_t count, bool has_normal) {
    if (count >= 16) return mt_uniform_draws(dtype, count % 16 ? count + 16 : count);
    int64_t fresh = count > 0 && has_normal ? count - 1 : count;
    return (uint64_t)((fresh + 1) / 2 * 4);
}

void mt_bernoulli(Mt19937 *mt, bool *out, int64_t count, double p) {
    for (int64_t i = 0; i < count; i++)
        out[i] = mt_bernoulli_one(mt, DT_F64, p);
}

bool mt_bernoulli_one(Mt19937 *mt, DType dtype, double p) {
    return dtype != DT_F64 ? uniform_f32(mt, 0, 1) < (float)p : uniform_f64(mt, 0, 1) < p;
}

/* Ranges from here on are drawn from 64 bits. */
static bool wide_range(uint64_t range) {
    return range >= UINT64_C(1) << 28;
}

void mt_randint(Mt19937 *mt, int64_t *out, int64_t count, int64_t low, int64_t high) {
    NNC_CHECK(low < high, "an empty range");
    uint64_t range = (uint64_t)high - (uint64_t)low;
    for (int64_t i = 0; i < count; i++) {
        uint64_t drawn = wide_range(range) ? mt_next64(mt) : mt_next32(mt);
        out[i] = (int64_t)((uint64_t)low + drawn % range);
    }
}

uint64_t mt_randint_draws(int64_t count, int64_t low, int64_t high) {
    return (uint64_t)count * (wide_range((uint64_t)high - (uint64_t)low) ? 2 : 1);
}

void mt_randperm(Mt19937 *mt, int64_t *out, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        out[i] = i;
    for (int64_t i = 0; i < count - 1; i++) {
        int64_t k = i + (int64_t)(mt_next32(mt) % (uint64_t)(count - i)), kept = out[i];
        out[i] = out[k];
        out[k] = kept;
    }
}

int64_t mt_random_int64(Mt19937 *mt) {
    return (int64_t)(mt_next64(mt) & INT64_MAX);
}

void philox(uint64_t key, uint64_t stream, uint64_t position, uint32_t out[4]) {
    uint32_t counter[4] = {(uint32_t)position, (uint32_t)(position >> 32), (uint32_t)stream,
                           (uint32_t)(stream >> 32)};
    uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t product0 = UINT64_C(0xD2511F53) * counter[0];
        uint64_t product1 = UINT64_C(0xCD9E8D57) * counter[2];
        uint32_t next[4] = {(uint32_t)(product1 >> 32) ^ counter[1] ^ key0, (uint32_t)product1,
                            (uint32_t)(product0 >> 32) ^ counter[3] ^ key1, (uint32_t)product0};
        memcpy(counter, next, sizeof next);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    memcpy(out, counter, sizeof counter);
}
