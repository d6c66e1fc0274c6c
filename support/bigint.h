/* Integers of any size, as a sign and a magnitude in digits of 32 bits.
 *
 * A function that returns a BigInt returns one that the caller owns (bigint_free); arguments are
 * only read. Numbers are kept in their shortest form: no leading zero digits, zero has none. */
#ifndef NNC_SUPPORT_BIGINT_H
#define NNC_SUPPORT_BIGINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/buf.h"

typedef struct BigInt {
    uint32_t *digits; /* least significant first */
    size_t count;
    bool negative;
} BigInt;

void bigint_free(BigInt *a);
BigInt bigint_from_i64(int64_t value);
/* The whole part of a finite double. */
BigInt bigint_from_double(double value);
/* `size` bytes, least significant first, as two's complement when `is_signed`. */
BigInt bigint_from_bytes(const unsigned char *bytes, size_t size, bool is_signed);
/* Digits of a base from 2 to 36, all valid; '_' is skipped. */
BigInt bigint_parse(const char *text, size_t size, unsigned base);
/* The same behind an optional 0x, 0o or 0b, which tells the base; otherwise it is 10. */
BigInt bigint_literal(const char *text, size_t size);
int bigint_digit_value(char c); /* 0 to 35; 99: none */

/* False when the value doesn't fit; `*out` is the nearest value that does then. */
bool bigint_to_i64(const BigInt *a, int64_t *out);
/* Rounded half to even; infinite when too large. */
double bigint_to_double(const BigInt *a);
/* Two's complement, least significant first; false when it doesn't fit. */
bool bigint_to_bytes(const BigInt *a, unsigned char *bytes, size_t size, bool is_signed);
/* The digits of the magnitude, without a sign. */
void bigint_put_digits(const BigInt *a, unsigned base, Buf *out);

size_t bigint_bit_length(const BigInt *a);
size_t bigint_bit_count(const BigInt *a);
int bigint_compare(const BigInt *a, const BigInt *b); /* -1, 0, 1 */
/* Modulo 2^61 - 1, with the number's sign. */
int64_t bigint_hash(const BigInt *a);

BigInt bigint_negate(const BigInt *a);
BigInt bigint_add(const BigInt *a, const BigInt *b);
BigInt bigint_sub(const BigInt *a, const BigInt *b);
BigInt bigint_mul(const BigInt *a, const BigInt *b);
/* Quotient rounded down, remainder with the divisor's sign; either may be NULL; b is not 0. */
void bigint_divmod(const BigInt *a, const BigInt *b, BigInt *quotient, BigInt *remainder);
/* The quotient as the nearest double; infinite when too large; b is not 0. */
double bigint_true_divide(const BigInt *a, const BigInt *b);
BigInt bigint_power(const BigInt *base, uint64_t exponent);
/* base^exponent modulo a number that isn't 0; the exponent isn't negative. */
BigInt bigint_power_modulo(const BigInt *base, const BigInt *exponent, const BigInt *modulus);
BigInt bigint_shift_left(const BigInt *a, size_t by);
BigInt bigint_shift_right(const BigInt *a, size_t by); /* rounds down */
/* `op` is '&', '|' or '^', on two's complement. */
BigInt bigint_bitwise(char op, const BigInt *a, const BigInt *b);
BigInt bigint_gcd(const BigInt *a, const BigInt *b);
/* The whole part of the square root of a number that isn't negative. */
BigInt bigint_isqrt(const BigInt *a);

#endif
