/* Numbers of 16 bits: IEEE's binary16, and bfloat16, the upper half of a float. To them a number is
 * rounded to the nearest, ties to even; what is too large becomes an infinity. */
#ifndef NN_HALF_H
#define NN_HALF_H

#include <stdint.h>
#include <string.h>

/* A function that not every program needs. */
#if defined(__GNUC__)
#define NN_INLINE static inline __attribute__((unused))
#else
#define NN_INLINE static inline
#endif

NN_INLINE float nn_float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

NN_INLINE uint32_t nn_bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

NN_INLINE float nn_bf16_to_float(uint16_t half) {
    return nn_float_of_bits((uint32_t)half << 16);
}

NN_INLINE uint16_t nn_float_to_bf16(float value) {
    uint32_t bits = nn_bits_of_float(value);
    if (value != value) return 0x7fc0;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

NN_INLINE float nn_f16_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, size = (uint32_t)(half & 0x7fff) << 13;
    if (size >= 0x7c00u << 13) return nn_float_of_bits(sign | 0x70000000 | size);
    /* As a float of the same bits it is 2^112 times too small. */
    return nn_float_of_bits(sign | nn_bits_of_float(nn_float_of_bits(size) * 0x1p112f));
}

NN_INLINE uint16_t nn_float_to_f16(float value) {
    uint32_t bits = nn_bits_of_float(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (size < 0x38800000) { /* denormal: the sum's last place is its last place */
        uint32_t sum = nn_bits_of_float(nn_float_of_bits(size) + 0.5f);
        return (uint16_t)(sign | (sum - 0x3f000000));
    }
    return (uint16_t)(sign | ((size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13));
}

#endif
