/* Samples of distributions whose parameters are tensors, an element after the other in PyTorch's
 * CPU streams: Poisson and gamma numbers, by rejection. */
#include <float.h>
#include <math.h>

#include "frontend/tensor/generator.h"

typedef double Sampler(Generator *g, DType dtype, double parameter);

/* ---- Poisson ---- */

/* Multiplies uniform numbers until the product is below exp(-rate). */
static double poisson_by_product(Generator *g, double rate) {
    double limit = exp(-rate), product = generator_unit(g);
    int64_t count = 0;
    while (product > limit) {
        count++;
        product *= generator_unit(g);
    }
    return (double)count;
}

/* Hörmann's transformed rejection with squeeze (PTRS, 1993), for rates from 10 on. */
static double poisson_by_rejection(Generator *g, double rate) {
    double b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b;
    double inverse = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = generator_unit(g) - 0.5, v = generator_unit(g), us = 0.5 - fabs(u);
        double k = floor((2 * a / us + b) * u + rate + 0.43);
        if (us >= 0.07 && v <= squeeze) return k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        if (log(v) + log(inverse) - log(a / (us * us) + b) <= -rate + k * log(rate) - lgamma(k + 1))
            return k;
    }
}

static double sample_poisson(Generator *g, DType dtype, double rate) {
    (void)dtype;
    if (!(rate >= 0)) return NAN;
    return rate == 0 ? 0 : rate < 10 ? poisson_by_product(g, rate) : poisson_by_rejection(g, rate);
}

/* ---- gamma ---- */

/* Marsaglia and Tsang (2000), for shapes from 1 on; smaller ones are raised by 1. */
static double sample_gamma(Generator *g, DType dtype, double shape) {
    bool single = dtype == DT_F32; /* PyTorch computes these steps in the tensor's type */
    double scale = 1, third = (double)(1.0f / 3.0f);
    double smallest = single ? (double)FLT_MIN : DBL_MIN;
    if (shape == 0) return smallest;
    if (shape < 1) {
        double power = single ? (double)(1.0f / (float)shape) : 1 / shape;
        scale = pow(1 - generator_unit(g), power);
        shape = single ? (double)((float)shape + 1.0f) : shape + 1;
    }
    double d = single ? (double)((float)shape - 1.0f / 3.0f) : shape - third, c = 1 / sqrt(9 * d);
    for (;;) {
        double x, y;
        do {
            x = generator_normal(g);
            y = 1 + c * x;
        } while (y <= 0);
        double v = y * y * y, u = 1 - generator_unit(g), square = x * x;
        if (u < 1 - (double)0.0331f * square * square ||
            log(u) < 0.5 * square + d * (1 - v + log(v)))
            return fmax(smallest, scale * d * v);
    }
}

/* ---- calls ---- */

/* A sample for each element of a tensor of parameters, of its type; NaN: `problem`. */
static Value sampled(Vm *vm, const char *name, Sampler *sample, const char *problem,
                     const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    if (!vm_args(vm, name, "input generator?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], name, &x))
        return NULL_VALUE;
    if (!dtype_is_float(x->type.dtype))
        return vm_raise(vm, EXC_NotImplementedError, "\"%s_cpu\" not implemented for '%s'", name,
                        dtype_long_name(x->type.dtype));
    Generator *g = generator_of(ts, v[1]);
    Buffer *from = g ? tensor_buffer(ts, x, name) : NULL;
    if (!from) return NULL_VALUE;
    Buffer *to = buffer_new(ts, type_bytes(&x->type));
    size_t size = dtype_size(x->type.dtype);
    bool ok = true;
    for (int64_t i = 0; ok && i < type_numel(&x->type); i++) {
        size_t at = (size_t)i * size;
        double drawn = sample(g, x->type.dtype, element_double(x->type.dtype, from->bytes + at));
        ok = !isnan(drawn) || !problem;
        element_store(x->type.dtype, to->bytes + at, drawn, 0);
    }
    buffer_unref(ts, from);
    if (ok) return tensor_from_buffer(ts, x->type, to);
    buffer_unref(ts, to);
    return vm_raise(vm, EXC_RuntimeError, "%s", problem);
}

static Value poisson_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return sampled(vm, "poisson", sample_poisson,
                   "invalid Poisson rate, expected rate to be non-negative", args, nargs, kwnames);
}

static Value gamma_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return sampled(vm, "gamma", sample_gamma, NULL, args, nargs, kwnames);
}

const TensorFunction SAMPLING_FUNCTIONS[] = {
    {"poisson", poisson_call, FN_FUNCTION},
    {"_standard_gamma", gamma_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
