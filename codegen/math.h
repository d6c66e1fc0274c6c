/* Mathematical functions as kernel arithmetic, for any kind of float and any lanes. */
#ifndef NNC_CODEGEN_MATH_H
#define NNC_CODEGEN_MATH_H

#include "codegen/kernel.h"

/* float32: polynomials, within 3 ulp; float64: the C library. */
KVal *math_exp(KBuilder *b, KVal *x);
KVal *math_expm1(KBuilder *b, KVal *x);
KVal *math_log(KBuilder *b, KVal *x);
KVal *math_log1p(KBuilder *b, KVal *x);
KVal *math_tanh(KBuilder *b, KVal *x);
KVal *math_erf(KBuilder *b, KVal *x);
/* Computed in float64 and rounded. */
KVal *math_digamma(KBuilder *b, KVal *x);
KVal *math_polygamma(KBuilder *b, int order, KVal *x);

/* Floats: NaN wins. */
KVal *math_max(KBuilder *b, KVal *x, KVal *y);
KVal *math_min(KBuilder *b, KVal *x, KVal *y);

/* Python's and C's quotients and remainders. Of integers, a zero divisor is a fault in scalar code
 * and gives an unspecified value in vector code. */
KVal *math_floor_div(KBuilder *b, KVal *x, KVal *y);
KVal *math_trunc_div(KBuilder *b, KVal *x, KVal *y);
KVal *math_rem(KBuilder *b, KVal *x, KVal *y);
KVal *math_fmod(KBuilder *b, KVal *x, KVal *y);
KVal *math_pow(KBuilder *b, KVal *x, KVal *y);

#endif
