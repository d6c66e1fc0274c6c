/* The Mersenne Twister as torch.manual_seed uses it on CPU: for programs that shuffle or draw. */
#ifndef NN_MT19937_H
#define NN_MT19937_H

#include "runtime/base.h"

typedef struct NnMt19937 {
    uint32_t state[624];
    int next; /* of the state; 624: all used */
} NnMt19937;

NN_API void nn_mt19937_seed(NnMt19937 *random, uint64_t seed);
NN_API uint32_t nn_mt19937_next(NnMt19937 *random);
/* torch.rand's float in [0, 1): 24 bits. */
NN_API float nn_mt19937_uniform(NnMt19937 *random);

#endif
