/* The C library's mathematics, as far as emitted programs use it. Its ABI is the standard's. */
#ifndef NNC_MATH_H
#define NNC_MATH_H

#define INFINITY __builtin_inff()
#define HUGE_VALF __builtin_inff()
#define HUGE_VAL __builtin_inf()
#define NAN __builtin_nanf("")

#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf_sign(x)
#define isfinite(x) __builtin_isfinite(x)
#define signbit(x) __builtin_signbit(x)

#define NNC_UNARY(name)                                                                            \
    double name(double);                                                                           \
    float name##f(float);
#define NNC_BINARY(name)                                                                           \
    double name(double, double);                                                                   \
    float name##f(float, float);
NNC_UNARY(acos)
NNC_UNARY(acosh)
NNC_UNARY(asin)
NNC_UNARY(asinh)
NNC_UNARY(atan)
NNC_UNARY(atanh)
NNC_UNARY(cbrt)
NNC_UNARY(ceil)
NNC_UNARY(cos)
NNC_UNARY(cosh)
NNC_UNARY(erf)
NNC_UNARY(erfc)
NNC_UNARY(exp)
NNC_UNARY(exp2)
NNC_UNARY(expm1)
NNC_UNARY(fabs)
NNC_UNARY(floor)
NNC_UNARY(lgamma)
NNC_UNARY(log)
NNC_UNARY(log10)
NNC_UNARY(log1p)
NNC_UNARY(log2)
NNC_UNARY(nearbyint)
NNC_UNARY(rint)
NNC_UNARY(round)
NNC_UNARY(sin)
NNC_UNARY(sinh)
NNC_UNARY(sqrt)
NNC_UNARY(tan)
NNC_UNARY(tanh)
NNC_UNARY(tgamma)
NNC_UNARY(trunc)
NNC_BINARY(atan2)
NNC_BINARY(copysign)
NNC_BINARY(fmax)
NNC_BINARY(fmin)
NNC_BINARY(fmod)
NNC_BINARY(hypot)
NNC_BINARY(nextafter)
NNC_BINARY(pow)
NNC_BINARY(remainder)
#undef NNC_UNARY
#undef NNC_BINARY
double fma(double, double, double);
float fmaf(float, float, float);
double frexp(double, int *);
float frexpf(float, int *);
double ldexp(double, int);
float ldexpf(float, int);
double modf(double, double *);
float modff(float, float *);
long lrint(double);
long lrintf(float);
long lround(double);
long lroundf(float);
long long llrint(double);
long long llrintf(float);

#endif
