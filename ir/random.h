/* Random numbers: PyTorch's CPU generator (MT19937) with its ways of drawing, and Philox.
 *
 * Everything that nnc draws while compiling or interpreting comes from here, so that the same seed
 * gives PyTorch's numbers. A generator is a plain struct: assigning it clones it. `*_draws` say how
 * many 32-bit numbers a call takes, so that a stream can be entered in its middle. */
#ifndef NNC_IR_RANDOM_H
#define NNC_IR_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/type.h"

typedef struct Mt19937 {
    uint32_t state[624];
    int next;         /* next word of the state; 624: used up */
    uint64_t skipped; /* numbers behind a used-up state that nobody wants: most skips are all */
    double normal;    /* the second value of a pair drawn by a short normal fill... */
    bool has_normal;  /* ...when it was not used yet: the next short fill starts with it */
} Mt19937;

/* torch.manual_seed: the low 32 bits count. */
void mt_seed(Mt19937 *mt, uint64_t seed);
uint32_t mt_next32(Mt19937 *mt);
uint64_t mt_next64(Mt19937 *mt);
/* As if `count` 32-bit numbers had been drawn. */
void mt_skip(Mt19937 *mt, uint64_t count);

/* tensor.uniform_(low, high), rand; f32 or f64. */
void mt_uniform(Mt19937 *mt, DType dtype, void *out, int64_t count, double low, double high);
uint64_t mt_uniform_draws(DType dtype, int64_t count);
/* tensor.normal_(mean, std), randn; f32 or f64. Fewer than 16 elements are drawn as pairs. */
void mt_normal(Mt19937 *mt, DType dtype, void *out, int64_t count, double mean, double std);
/* has_normal: the generator's, before the call. */
uint64_t mt_normal_draws(DType dtype, int64_t count, bool has_normal);
/* tensor.bernoulli_(p) and dropout, whatever the type: two draws an element. */
void mt_bernoulli(Mt19937 *mt, bool *out, int64_t count, double p);
/* torch.bernoulli(p) of one element of a tensor: of an f32 one draw, of an f64 two. */
bool mt_bernoulli_one(Mt19937 *mt, DType dtype, double p);
/* torch.randint: low <= out < high. */
void mt_randint(Mt19937 *mt, int64_t *out, int64_t count, int64_t low, int64_t high);
uint64_t mt_randint_draws(int64_t count, int64_t low, int64_t high);
/* torch.randperm. */
void mt_randperm(Mt19937 *mt, int64_t *out, int64_t count);
/* One element of an int64 tensor's random_(): what samplers seed themselves with. */
int64_t mt_random_int64(Mt19937 *mt);

/* Philox4x32-10: the four numbers at a 64-bit position under a 64-bit key. */
void philox(uint64_t key, uint64_t stream, uint64_t position, uint32_t out[4]);

#endif
