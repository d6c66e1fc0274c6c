/* Samples of distributions whose parameters are tensors, an element after the other in PyTorch's
 * CPU streams: Poisson and gamma numbers, by rejection; and of multinomial ones. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

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

/* ---- multinomial ---- */

/* A row's samples without replacement: the largest of p / e, e being exponential numbers. */
static void sample_distinct(double *p, int64_t count, int64_t *out, int64_t samples) {
    for (int64_t i = 0; i < samples; i++) {
        int64_t best = 0;
        for (int64_t k = 1; k < count; k++)
            if (p[k] > p[best]) best = k;
        out[i] = best;
        p[best] = -1;
    }
}

/* With replacement: where uniform numbers fall among the sums of probabilities, which are kept in
 * the row's type. */
static void sample_repeated(Generator *g, DType dtype, double *p, int64_t count, int64_t *out,
                            int64_t samples) {
    double sum = 0;
    for (int64_t k = 0; k < count; k++) {
        sum = dtype == DT_F32 ? (double)((float)sum + (float)p[k]) : sum + p[k];
        p[k] = sum;
    }
    for (int64_t k = 0; k < count; k++)
        p[k] = dtype == DT_F32 ? (double)((float)p[k] / (float)sum) : p[k] / sum;
    for (int64_t i = 0; i < samples; i++) {
        double unit;
        mt_uniform(&g->mt, DT_F64, &unit, 1, 0, 1);
        g->draws += 2;
        int64_t left = 0, right = count;
        while (left < right) {
            int64_t middle = left + (right - left) / 2;
            if (p[middle] < unit)
                left = middle + 1;
            else
                right = middle;
        }
        out[i] = left < count ? left : count - 1;
    }
}

static bool check_probabilities(Vm *vm, const double *p, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!(p[i] >= 0 && p[i] < INFINITY)) {
            vm_raise(vm, EXC_RuntimeError,
                     "probability tensor contains either `inf`, `nan` or element < 0");
            return false;
        }
        sum += p[i];
    }
    if (sum > 0) return true;
    vm_raise(vm, EXC_RuntimeError, "invalid multinomial distribution (sum of probabilities <= 0)");
    return false;
}

static bool check_multinomial(Vm *vm, const Tensor *x, int64_t samples, bool replacement) {
    int rank = x->type.rank;
    const char *problem = NULL;
    if (!dtype_is_float(x->type.dtype)) {
        vm_raise(vm, EXC_RuntimeError,
                 "multinomial only supports floating-point dtypes for input, got: %s",
                 dtype_long_name(x->type.dtype));
        return false;
    }
    if (rank != 1 && rank != 2)
        problem = "prob_dist must be 1 or 2 dim";
    else if (samples <= 0)
        problem = "cannot sample n_sample <= 0 samples";
    else if (!replacement && samples > x->type.dim[rank - 1])
        problem = "cannot sample n_sample > prob_dist.size(-1) samples without replacement";
    if (problem) vm_raise(vm, EXC_RuntimeError, "%s", problem);
    return !problem;
}

/* Samples of every row. Distinct ones take an exponential number for each probability first, of all
 * rows in order. */
static bool sample_rows(TensorState *ts, Generator *g, const Tensor *x, const Buffer *from,
                        int64_t *out, int64_t samples, bool distinct) {
    DType dtype = x->type.dtype;
    size_t size = dtype_size(dtype);
    int64_t count = x->type.dim[x->type.rank - 1], total = type_numel(&x->type);
    double *p = xcalloc((size_t)total + 1, sizeof *p);
    bool ok = true;
    for (int64_t i = 0; i < total; i++)
        p[i] = element_double(dtype, from->bytes + (size_t)i * size);
    for (int64_t i = 0; ok && i < total; i += count)
        ok = check_probabilities(ts->vm, p + i, count);
    for (int64_t i = 0; ok && distinct && i < total; i++) {
        double drawn = generator_exponential(g, 1);
        p[i] = dtype == DT_F32 ? (double)((float)p[i] / (float)drawn) : p[i] / drawn;
    }
    for (int64_t i = 0; ok && i < total; i += count, out += samples) {
        if (distinct)
            sample_distinct(p + i, count, out, samples);
        else
            sample_repeated(g, dtype, p + i, count, out, samples);
    }
    free(p);
    return ok;
}

static Value multinomial_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    int64_t samples;
    bool replacement;
    if (!vm_args(vm, "multinomial", "input num_samples replacement? * generator?", args, nargs,
                 kwnames, v) ||
        !arg_tensor(ts, v[0], "multinomial", &x) || !arg_int(ts, v[1], 0, &samples) ||
        !arg_bool(ts, v[2], false, &replacement) || !check_multinomial(vm, x, samples, replacement))
        return NULL_VALUE;
    Generator *g = generator_of(ts, v[3]);
    Buffer *from = g ? tensor_buffer(ts, x, "multinomial()") : NULL;
    if (!from) return NULL_VALUE;
    Type type = {.dtype = DT_I64, .rank = x->type.rank};
    type.dim[0] = x->type.dim[0];
    type.dim[type.rank - 1] = samples;
    Buffer *to = buffer_new(ts, type_bytes(&type));
    bool ok = sample_rows(ts, g, x, from, (int64_t *)(void *)to->bytes, samples,
                          !replacement || samples == 1);
    buffer_unref(ts, from);
    if (ok) return tensor_from_buffer(ts, type, to);
    buffer_unref(ts, to);
    return NULL_VALUE;
}

const TensorFunction SAMPLING_FUNCTIONS[] = {
    {"multinomial", multinomial_call, FN_BOTH},
    {"poisson", poisson_call, FN_FUNCTION},
    {"_standard_gamma", gamma_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
