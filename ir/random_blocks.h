/* The inner loops of random numbers, written so that compilers vectorize them: once for any
 * processor and once for those with AVX2. The bits are the same. */
#ifndef NNC_IR_RANDOM_BLOCKS_H
#define NNC_IR_RANDOM_BLOCKS_H

#include <stdint.h>

/* What MT19937 makes of a word of its state. */
static inline uint32_t mt_temper(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    return y ^ (y >> 18);
}

enum { MT_SIZE = 624 };

/* MT19937's next state. */
void random_twist(uint32_t state[MT_SIZE]);
/* A number from each word. */
void random_uniforms(const uint32_t *words, float *out, int64_t count, float low, float high);
/* Blocks of 16 uniform numbers become normal ones. */
void random_normals(float *blocks, int64_t count, float mean, float std);

#endif
