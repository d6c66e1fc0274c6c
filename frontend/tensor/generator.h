/* torch.Generator: a stream of PyTorch's CPU random numbers. */
#ifndef NNC_FRONTEND_TENSOR_GENERATOR_H
#define NNC_FRONTEND_TENSOR_GENERATOR_H

#include "frontend/tensor/tensor.h"
#include "ir/random.h"

struct Generator {
    Obj base;
    Mt19937 mt;
    uint64_t seed;
    uint64_t draws; /* 32-bit numbers taken since the seed */
    uint64_t pair;  /* where the pair was drawn whose second normal number is left */
    bool entered;   /* its state was set: the seed alone doesn't tell what comes */
};

void generator_seed(Generator *g, uint64_t seed);
/* The one named by `generator=`, else the default one; NULL: raised. */
Generator *generator_of(TensorState *ts, Value v);
/* A number of double precision: of [0, 1), of the standard normal distribution,
 * of the exponential one. */
double generator_unit(Generator *g);
double generator_normal(Generator *g);
double generator_exponential(Generator *g, double rate);

#endif
