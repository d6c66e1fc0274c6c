/* Integers of any size: conversions, comparison, sums, shifts and bit operations. Products,
 * quotients and what is built on them are in bigint_mul.c. */
#include "support/bigint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/bigint_internal.h"
#include "support/checked.h"

BigInt big_alloc(size_t count) {
    return (BigInt){xcalloc(count ? count : 1, sizeof(uint32_t)), count, false};
}

void big_trim(BigInt *a) {
    while (a->count > 0 && a->digits[a->count - 1] == 0)
        a->count--;
    if (a->count == 0) a->negative = false;
}

BigInt big_copy(const BigInt *a) {
    BigInt made = big_alloc(a->count);
    if (a->count) memcpy(made.digits, a->digits, a->count * sizeof *a->digits);
    made.negative = a->negative;
    return made;
}

void big_replace(BigInt *a, BigInt by) {
    bigint_free(a);
    *a = by;
}

void bigint_free(BigInt *a) {
    free(a->digits);
    *a = (BigInt){0};
}

/* ---- conversions ---- */

static BigInt from_u64(uint64_t magnitude, bool negative) {
    BigInt made = big_alloc(2);
    made.digits[0] = (uint32_t)magnitude;
    made.digits[1] = (uint32_t)(magnitude >> 32);
    made.negative = negative;
    big_trim(&made);
    return made;
}

BigInt bigint_from_i64(int64_t value) {
    return from_u64(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

BigInt bigint_from_double(double value) {
    int exponent;
    double mantissa = frexp(fabs(trunc(value)), &exponent);
    if (exponent <= 62) return bigint_from_i64((int64_t)value);
    BigInt whole = from_u64((uint64_t)ldexp(mantissa, 53), value < 0);
    BigInt made = bigint_shift_left(&whole, (size_t)(exponent - 53));
    bigint_free(&whole);
    return made;
}

static uint64_t low_u64(const BigInt *a) {
    uint64_t low = a->count > 0 ? a->digits[0] : 0;
    return a->count > 1 ? low | (uint64_t)a->digits[1] << 32 : low;
}

bool bigint_to_i64(const BigInt *a, int64_t *out) {
    uint64_t low = low_u64(a), limit = (uint64_t)INT64_MAX + a->negative;
    if (a->count > 2 || low > limit) {
        *out = a->negative ? INT64_MIN : INT64_MAX;
        return false;
    }
    *out = a->negative ? (int64_t)(0 - low) : (int64_t)low;
    return true;
}

size_t bigint_bit_length(const BigInt *a) {
    if (a->count == 0) return 0;
    return a->count * 32 - (size_t)__builtin_clz(a->digits[a->count - 1]);
}

size_t bigint_bit_count(const BigInt *a) {
    size_t bits = 0;
    for (size_t i = 0; i < a->count; i++)
        bits += (size_t)__builtin_popcount(a->digits[i]);
    return bits;
}

static bool any_bit_below(const BigInt *a, size_t bit) {
    for (size_t i = 0; i < bit / 32; i++)
        if (a->digits[i]) return true;
    return bit % 32 != 0 && (a->digits[bit / 32] & (((uint32_t)1 << bit % 32) - 1)) != 0;
}

double bigint_to_double(const BigInt *a) {
    size_t bits = bigint_bit_length(a), drop = bits > 64 ? bits - 64 : 0;
    if (bits > 1024) return a->negative ? -INFINITY : INFINITY;
    BigInt magnitude = {a->digits, a->count, false}; /* a view */
    BigInt top = bigint_shift_right(&magnitude, drop);
    uint64_t kept = low_u64(&top);
    bigint_free(&top);
    if (drop && any_bit_below(a, drop)) kept |= 1; /* the conversion rounds on 53 of 64 bits */
    double value = ldexp((double)kept, (int)drop);
    return a->negative ? -value : value;
}

BigInt bigint_from_bytes(const unsigned char *bytes, size_t size, bool is_signed) {
    BigInt made = big_alloc(size / 4 + 1);
    for (size_t i = 0; i < size; i++)
        made.digits[i / 4] |= (uint32_t)bytes[i] << i % 4 * 8;
    big_trim(&made);
    if (!is_signed || size == 0 || bytes[size - 1] < 0x80) return made;
    BigInt one = bigint_from_i64(1), range = bigint_shift_left(&one, size * 8);
    BigInt value = bigint_sub(&made, &range);
    bigint_free(&one), bigint_free(&range), bigint_free(&made);
    return value;
}

/* Digit `i` of the endless two's complement form; `*carry` starts as 1 and goes from digit to
 * digit. */
static uint32_t complement_digit(const BigInt *a, size_t i, uint32_t *carry) {
    uint32_t digit = i < a->count ? a->digits[i] : 0;
    if (!a->negative) return digit;
    digit = ~digit + *carry;
    if (digit != 0) *carry = 0;
    return digit;
}

bool bigint_to_bytes(const BigInt *a, unsigned char *bytes, size_t size, bool is_signed) {
    if (a->negative && !is_signed) return false;
    size_t bits = bigint_bit_length(a);
    bool least = a->negative && bits > 0 && !any_bit_below(a, bits - 1); /* -2^n */
    if (bits + is_signed - (is_signed && least) > size * 8) return false;
    uint32_t carry = 1, digit = 0;
    for (size_t i = 0; i < size; i++) {
        if (i % 4 == 0) digit = complement_digit(a, i / 4, &carry);
        bytes[i] = (unsigned char)(digit >> i % 4 * 8);
    }
    return true;
}

int bigint_digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'z') return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
    return 99;
}

/* a = a * factor + addend; `a` has room for one more digit. */
static void scale_and_add(BigInt *a, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (size_t i = 0; i < a->count; i++) {
        carry += (uint64_t)a->digits[i] * factor;
        a->digits[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) a->digits[a->count++] = (uint32_t)carry;
}

/* Divides in place; returns the remainder. */
static uint32_t divide_small(BigInt *a, uint32_t by) {
    uint64_t rest = 0;
    for (size_t i = a->count; i-- > 0;) {
        rest = rest << 32 | a->digits[i];
        a->digits[i] = (uint32_t)(rest / by);
        rest %= by;
    }
    big_trim(a);
    return (uint32_t)rest;
}

/* The largest power of the base in a digit, and its exponent. */
static uint32_t chunk_power(unsigned base, unsigned *exponent) {
    uint32_t power = base;
    for (*exponent = 1; (uint64_t)power * base <= UINT32_MAX; (*exponent)++)
        power *= base;
    return power;
}

BigInt bigint_parse(const char *text, size_t size, unsigned base) {
    unsigned every;
    chunk_power(base, &every);
    BigInt made = big_alloc(size / every + 2);
    made.count = 0;
    uint32_t chunk = 0, power = 1;
    unsigned in_chunk = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '_') continue;
        chunk = chunk * base + (uint32_t)bigint_digit_value(text[i]);
        power *= base;
        if (++in_chunk < every) continue;
        scale_and_add(&made, power, chunk);
        chunk = 0, power = 1, in_chunk = 0;
    }
    if (in_chunk) scale_and_add(&made, power, chunk);
    return made;
}

BigInt bigint_literal(const char *text, size_t size) {
    char letter = size > 2 && text[0] == '0' ? (char)(text[1] | 0x20) : '\0';
    unsigned base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    size_t prefix = base == 10 ? 0 : 2;
    return bigint_parse(text + prefix, size - prefix, base);
}

void bigint_put_digits(const BigInt *a, unsigned base, Buf *out) {
    unsigned every;
    uint32_t power = chunk_power(base, &every);
    size_t start = out->size;
    BigInt rest = big_copy(a);
    rest.negative = false;
    do {
        uint32_t chunk = divide_small(&rest, power);
        for (unsigned i = 0; i < every && (rest.count > 0 || chunk > 0 || i == 0); i++) {
            buf_putc(out, "0123456789abcdefghijklmnopqrstuvwxyz"[chunk % base]);
            chunk /= base;
        }
    } while (rest.count > 0);
    bigint_free(&rest);
    for (size_t i = start, j = out->size - 1; i < j; i++, j--) {
        char swapped = out->data[i];
        out->data[i] = out->data[j];
        out->data[j] = swapped;
    }
}

/* ---- comparison ---- */

int big_compare_magnitudes(const BigInt *a, const BigInt *b) {
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (size_t i = a->count; i-- > 0;)
        if (a->digits[i] != b->digits[i]) return a->digits[i] < b->digits[i] ? -1 : 1;
    return 0;
}

int bigint_compare(const BigInt *a, const BigInt *b) {
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    int order = big_compare_magnitudes(a, b);
    return a->negative ? -order : order;
}

int64_t bigint_hash(const BigInt *a) {
    const uint64_t modulus = ((uint64_t)1 << 61) - 1;
    uint64_t hash = 0;
    for (size_t i = a->count; i-- > 0;) {
        hash = ((hash << 32) & modulus) | hash >> 29; /* times 2^32 */
        hash += a->digits[i];
        if (hash >= modulus) hash -= modulus;
    }
    return a->negative ? -(int64_t)hash : (int64_t)hash;
}

/* ---- sums ---- */

BigInt bigint_negate(const BigInt *a) {
    BigInt made = big_copy(a);
    made.negative = a->count > 0 && !a->negative;
    return made;
}

static BigInt add_magnitudes(const BigInt *a, const BigInt *b) {
    if (a->count < b->count) return add_magnitudes(b, a);
    BigInt sum = big_alloc(a->count + 1);
    uint64_t carry = 0;
    for (size_t i = 0; i < a->count; i++) {
        carry += (uint64_t)a->digits[i] + (i < b->count ? b->digits[i] : 0);
        sum.digits[i] = (uint32_t)carry;
        carry >>= 32;
    }
    sum.digits[a->count] = (uint32_t)carry;
    big_trim(&sum);
    return sum;
}

/* a - b of magnitudes, a at least b. */
static BigInt sub_magnitudes(const BigInt *a, const BigInt *b) {
    BigInt difference = big_alloc(a->count);
    int64_t borrow = 0;
    for (size_t i = 0; i < a->count; i++) {
        borrow += (int64_t)a->digits[i] - (i < b->count ? b->digits[i] : 0);
        difference.digits[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    big_trim(&difference);
    return difference;
}

static BigInt add_signed(const BigInt *a, const BigInt *b, bool b_negative) {
    if (a->negative == b_negative) {
        BigInt sum = add_magnitudes(a, b);
        sum.negative = a->negative && sum.count > 0;
        return sum;
    }
    bool a_larger = big_compare_magnitudes(a, b) >= 0;
    BigInt made = a_larger ? sub_magnitudes(a, b) : sub_magnitudes(b, a);
    made.negative = made.count > 0 && (a_larger ? a->negative : b_negative);
    return made;
}

BigInt bigint_add(const BigInt *a, const BigInt *b) {
    return add_signed(a, b, b->negative);
}

BigInt bigint_sub(const BigInt *a, const BigInt *b) {
    return add_signed(a, b, !b->negative);
}

/* ---- bits ---- */

BigInt bigint_shift_left(const BigInt *a, size_t by) {
    if (a->count == 0) return big_alloc(0);
    size_t whole = by / 32, bits = by % 32;
    BigInt made = big_alloc(a->count + whole + 1);
    for (size_t i = 0; i < a->count; i++) {
        uint64_t moved = (uint64_t)a->digits[i] << bits;
        made.digits[i + whole] |= (uint32_t)moved;
        made.digits[i + whole + 1] = (uint32_t)(moved >> 32);
    }
    made.negative = a->negative;
    big_trim(&made);
    return made;
}

BigInt bigint_shift_right(const BigInt *a, size_t by) {
    size_t whole = by / 32, bits = by % 32;
    bool lost = a->negative && (by >= a->count * 32 || any_bit_below(a, by));
    BigInt made = big_alloc(whole < a->count ? a->count - whole : 0);
    for (size_t i = whole; i < a->count; i++) {
        uint64_t pair = a->digits[i] | (uint64_t)(i + 1 < a->count ? a->digits[i + 1] : 0) << 32;
        made.digits[i - whole] = (uint32_t)(pair >> bits);
    }
    made.negative = a->negative;
    big_trim(&made);
    if (!lost) return made;
    BigInt one = bigint_from_i64(1), down = bigint_sub(&made, &one);
    bigint_free(&one), bigint_free(&made);
    return down;
}

BigInt bigint_bitwise(char op, const BigInt *a, const BigInt *b) {
    size_t count = (a->count > b->count ? a->count : b->count) + 1;
    BigInt made = big_alloc(count);
    uint32_t carry_a = 1, carry_b = 1;
    for (size_t i = 0; i < count; i++) {
        uint32_t x = complement_digit(a, i, &carry_a), y = complement_digit(b, i, &carry_b);
        made.digits[i] = op == '&' ? x & y : op == '|' ? x | y : x ^ y;
    }
    if (made.digits[count - 1] >> 31) { /* negative: back to a magnitude */
        BigInt complement = {made.digits, count, true};
        uint32_t carry = 1;
        for (size_t i = 0; i < count; i++)
            made.digits[i] = complement_digit(&complement, i, &carry);
        made.negative = true;
    }
    big_trim(&made);
    return made;
}
