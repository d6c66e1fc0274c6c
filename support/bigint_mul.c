/* Integers of any size: products, quotients, powers, roots. */
#include <math.h>
#include <string.h>

#include "support/bigint_internal.h"

/* Below this many digits Karatsuba's sums cost more than the products they save. */
enum { KARATSUBA_DIGITS = 48 };

static BigInt mul_plain(const BigInt *a, const BigInt *b) {
    BigInt product = big_alloc(a->count + b->count);
    for (size_t i = 0; i < a->count; i++) {
        uint64_t carry = 0, factor = a->digits[i];
        for (size_t j = 0; j < b->count; j++) {
            carry += factor * b->digits[j] + product.digits[i + j];
            product.digits[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        product.digits[i + b->count] = (uint32_t)carry;
    }
    big_trim(&product);
    return product;
}

/* Digits `from` and up (at most `count`) of a magnitude, as a view. */
static BigInt part(const BigInt *a, size_t from, size_t count) {
    if (from >= a->count) return (BigInt){0};
    BigInt view = {a->digits + from, a->count - from < count ? a->count - from : count, false};
    while (view.count > 0 && view.digits[view.count - 1] == 0)
        view.count--;
    return view;
}

static void add_at(BigInt *sum, const BigInt *a, size_t at) {
    uint64_t carry = 0;
    for (size_t i = 0; i < a->count || carry; i++) {
        carry += (uint64_t)sum->digits[at + i] + (i < a->count ? a->digits[i] : 0);
        sum->digits[at + i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* (x1 B + x0)(y1 B + y0) with three products of half the size. */
static BigInt mul_magnitudes(const BigInt *a, const BigInt *b) {
    if (a->count < KARATSUBA_DIGITS || b->count < KARATSUBA_DIGITS) return mul_plain(a, b);
    size_t half = (a->count > b->count ? a->count : b->count) / 2;
    BigInt a0 = part(a, 0, half), a1 = part(a, half, SIZE_MAX);
    BigInt b0 = part(b, 0, half), b1 = part(b, half, SIZE_MAX);
    BigInt low = mul_magnitudes(&a0, &b0), high = mul_magnitudes(&a1, &b1);
    BigInt sum_a = bigint_add(&a0, &a1), sum_b = bigint_add(&b0, &b1);
    BigInt middle = mul_magnitudes(&sum_a, &sum_b);
    big_replace(&middle, bigint_sub(&middle, &low));
    big_replace(&middle, bigint_sub(&middle, &high));
    BigInt product = big_alloc(a->count + b->count + 1);
    add_at(&product, &low, 0);
    add_at(&product, &middle, half);
    add_at(&product, &high, 2 * half);
    big_trim(&product);
    bigint_free(&low), bigint_free(&middle), bigint_free(&high);
    bigint_free(&sum_a), bigint_free(&sum_b);
    return product;
}

BigInt bigint_mul(const BigInt *a, const BigInt *b) {
    BigInt product = mul_magnitudes(a, b);
    product.negative = product.count > 0 && a->negative != b->negative;
    return product;
}

/* One step of Knuth's algorithm D: the digit of the quotient at `at`; `rest` becomes the rest.
 * The divisor's top bit is set. */
static uint32_t quotient_digit(BigInt *rest, const BigInt *by, size_t at) {
    size_t n = by->count;
    uint64_t top = (uint64_t)rest->digits[at + n] << 32 | rest->digits[at + n - 1];
    uint64_t guess = top / by->digits[n - 1], left = top % by->digits[n - 1];
    while (guess > UINT32_MAX ||
           guess * by->digits[n - 2] > (left << 32 | rest->digits[at + n - 2])) {
        guess--;
        left += by->digits[n - 1];
        if (left > UINT32_MAX) break;
    }
    uint64_t carry = 0;
    int64_t borrow = 0;
    for (size_t i = 0; i <= n; i++) {
        carry += guess * (i < n ? by->digits[i] : 0);
        borrow += (int64_t)rest->digits[at + i] - (int64_t)(uint32_t)carry;
        rest->digits[at + i] = (uint32_t)borrow;
        borrow >>= 32;
        carry >>= 32;
    }
    if (borrow == 0) return (uint32_t)guess;
    carry = 0; /* the guess was one too large */
    for (size_t i = 0; i <= n; i++) {
        carry += (uint64_t)rest->digits[at + i] + (i < n ? by->digits[i] : 0);
        rest->digits[at + i] = (uint32_t)carry;
        carry >>= 32;
    }
    return (uint32_t)(guess - 1);
}

/* Quotient and remainder of magnitudes. */
static void divide_magnitudes(const BigInt *a, const BigInt *b, BigInt *quotient, BigInt *rest) {
    BigInt x = {a->digits, a->count, false}, y = {b->digits, b->count, false};
    if (big_compare_magnitudes(a, b) < 0) {
        *quotient = big_alloc(0);
        *rest = big_copy(&x);
        return;
    }
    /* At least two digits with the top bit set, by a shift that the remainder takes back. */
    size_t shift = (size_t)__builtin_clz(y.digits[y.count - 1]) + (y.count == 1 ? 32 : 0);
    BigInt by = bigint_shift_left(&y, shift), shifted = bigint_shift_left(&x, shift);
    BigInt left = big_alloc(shifted.count + 1);
    memcpy(left.digits, shifted.digits, shifted.count * sizeof *shifted.digits);
    *quotient = big_alloc(shifted.count - by.count + 1);
    for (size_t at = quotient->count; at-- > 0;)
        quotient->digits[at] = quotient_digit(&left, &by, at);
    big_trim(quotient);
    big_trim(&left);
    *rest = bigint_shift_right(&left, shift);
    bigint_free(&by), bigint_free(&shifted), bigint_free(&left);
}

void bigint_divmod(const BigInt *a, const BigInt *b, BigInt *quotient, BigInt *remainder) {
    BigInt q, r;
    divide_magnitudes(a, b, &q, &r);
    r.negative = r.count > 0 && a->negative;
    if (a->negative != b->negative) {
        q.negative = q.count > 0;
        if (r.count > 0) { /* round down */
            BigInt one = bigint_from_i64(1);
            big_replace(&q, bigint_sub(&q, &one));
            big_replace(&r, bigint_add(&r, b));
            bigint_free(&one);
        }
    }
    if (quotient)
        *quotient = q;
    else
        bigint_free(&q);
    if (remainder)
        *remainder = r;
    else
        bigint_free(&r);
}

double bigint_true_divide(const BigInt *a, const BigInt *b) {
    if (a->count == 0) return b->negative ? -0.0 : 0.0;
    /* Scaled so that the quotient has 65 or 66 bits: more than a double keeps. */
    int64_t scale = 66 - (int64_t)bigint_bit_length(a) + (int64_t)bigint_bit_length(b);
    BigInt x = scale > 0 ? bigint_shift_left(a, (size_t)scale) : big_copy(a);
    BigInt y = scale < 0 ? bigint_shift_left(b, (size_t)-scale) : big_copy(b);
    BigInt quotient, rest;
    divide_magnitudes(&x, &y, &quotient, &rest);
    if (rest.count > 0) quotient.digits[0] |= 1; /* only its being there matters for rounding */
    double value = bigint_to_double(&quotient);
    value = scale > 3000 ? 0.0 : scale < -3000 ? INFINITY : ldexp(value, (int)-scale);
    bigint_free(&x), bigint_free(&y), bigint_free(&quotient), bigint_free(&rest);
    return a->negative != b->negative ? -value : value;
}

BigInt bigint_power(const BigInt *base, uint64_t exponent) {
    BigInt result = bigint_from_i64(1), square = big_copy(base);
    for (;;) {
        if (exponent & 1) big_replace(&result, bigint_mul(&result, &square));
        exponent >>= 1;
        if (exponent == 0) break;
        big_replace(&square, bigint_mul(&square, &square));
    }
    bigint_free(&square);
    return result;
}

static void reduce(BigInt *a, const BigInt *modulus) {
    BigInt rest;
    bigint_divmod(a, modulus, NULL, &rest);
    big_replace(a, rest);
}

BigInt bigint_power_modulo(const BigInt *base, const BigInt *exponent, const BigInt *modulus) {
    BigInt result = bigint_from_i64(1), square = big_copy(base);
    reduce(&result, modulus);
    reduce(&square, modulus);
    size_t bits = bigint_bit_length(exponent);
    for (size_t i = 0; i < bits; i++) {
        if (exponent->digits[i / 32] >> i % 32 & 1) {
            big_replace(&result, bigint_mul(&result, &square));
            reduce(&result, modulus);
        }
        if (i + 1 == bits) break;
        big_replace(&square, bigint_mul(&square, &square));
        reduce(&square, modulus);
    }
    bigint_free(&square);
    return result;
}

BigInt bigint_gcd(const BigInt *a, const BigInt *b) {
    BigInt x = big_copy(a), y = big_copy(b);
    x.negative = y.negative = false;
    while (y.count > 0) {
        BigInt rest;
        bigint_divmod(&x, &y, NULL, &rest);
        big_replace(&x, y);
        y = rest;
    }
    bigint_free(&y);
    return x;
}

BigInt bigint_isqrt(const BigInt *a) {
    if (a->count == 0) return big_alloc(0);
    BigInt one = bigint_from_i64(1);
    BigInt root = bigint_shift_left(&one, (bigint_bit_length(a) + 1) / 2); /* not below the root */
    for (;;) { /* Newton's steps fall until they reach it */
        BigInt next;
        bigint_divmod(a, &root, &next, NULL);
        big_replace(&next, bigint_add(&next, &root));
        big_replace(&next, bigint_shift_right(&next, 1));
        if (bigint_compare(&next, &root) >= 0) {
            bigint_free(&next), bigint_free(&one);
            return root;
        }
        big_replace(&root, next);
    }
}
