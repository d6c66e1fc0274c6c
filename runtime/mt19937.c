/* MT19937 with its usual parameters. */
#include "runtime/mt19937.h"

NN_API void nn_mt19937_seed(NnMt19937 *random, uint64_t seed) {
    random->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < 624; i++) {
        uint32_t before = random->state[i - 1];
        random->state[i] = 1812433253u * (before ^ before >> 30) + i;
    }
    random->next = 624;
}

static void mt19937_refill(NnMt19937 *random) {
    uint32_t *state = random->state;
    for (int i = 0; i < 624; i++) {
        uint32_t joined = (state[i] & 0x80000000u) | (state[(i + 1) % 624] & 0x7FFFFFFFu);
        state[i] = state[(i + 397) % 624] ^ joined >> 1 ^ (joined & 1 ? 0x9908B0DFu : 0u);
    }
    random->next = 0;
}

NN_API uint32_t nn_mt19937_next(NnMt19937 *random) {
    if (random->next == 624) mt19937_refill(random);
    uint32_t bits = random->state[random->next++];
    bits ^= bits >> 11;
    bits ^= bits << 7 & 0x9D2C5680u;
    bits ^= bits << 15 & 0xEFC60000u;
    return bits ^ bits >> 18;
}

NN_API float nn_mt19937_uniform(NnMt19937 *random) {
    return (float)(nn_mt19937_next(random) & 0xFFFFFFu) * 0x1p-24f;
}
