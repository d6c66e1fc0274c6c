/* digamma and polygamma: recurrence up to where an asymptotic series converges, then the series. */
#include "ir/special.h"

#include <math.h>

/* Bernoulli numbers B2, B4, ... */
static const double BERNOULLI[] = {1.0 / 6,       -1.0 / 30, 1.0 / 42,      -1.0 / 30,    5.0 / 66,
                                   -691.0 / 2730, 7.0 / 6,   -3617.0 / 510, 43867.0 / 798};
enum { BERNOULLI_COUNT = sizeof BERNOULLI / sizeof *BERNOULLI };

double special_digamma(double x) {
    static const double pi = 3.141592653589793;
    if (x == 0) return copysign((double)INFINITY, -x);
    if (x < 0) {
        if (x == floor(x)) return (double)NAN;
        /* Reflection; the fraction keeps tan's argument small. */
        return special_digamma(1 - x) - pi / tan(pi * (x - floor(x)));
    }
    double sum = 0;
    for (; x < 10; x++)
        sum -= 1 / x;
    double square = 1 / (x * x), power = 1;
    sum += log(x) - 0.5 / x;
    for (int k = 0; k < BERNOULLI_COUNT; k++) {
        power *= square;
        sum -= BERNOULLI[k] * power / (2 * (k + 1));
    }
    return sum;
}

/* Hurwitz zeta: the sum of (x + k)^-s over k >= 0, by Euler and Maclaurin's formula. */
static double hurwitz_zeta(double s, double x) {
    static const double far = -1e6; /* beyond it the terms are too many to add */
    if (x <= 0 && x == floor(x)) return (double)INFINITY;
    if (x < far || x != x) return (double)NAN;
    double sum = 0;
    for (; x < 12; x++)
        sum += pow(x, -s);
    sum += pow(x, 1 - s) / (s - 1) + 0.5 * pow(x, -s);
    double factor =
        s / x; /* s (s+1) ... (s+2k) / ((2k+2)! x^(2k+1)), without the factorial's start */
    double scale = pow(x, -s);
    for (int k = 0; k < BERNOULLI_COUNT; k++) {
        factor /= k == 0 ? 2 : (double)((2 * k + 1) * (2 * k + 2));
        sum += BERNOULLI[k] * factor * scale;
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / (x * x);
    }
    return sum;
}

double special_polygamma(int order, double x) {
    double factor = order % 2 ? 1 : -1;
    return factor * tgamma(order + 1.0) * hurwitz_zeta(order + 1.0, x);
}
