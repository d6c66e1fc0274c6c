/* ints beyond 64 bits: their objects and operations. */
#include <math.h>

#include "frontend/int.h"

enum { BITS_LIMIT = 1 << 30 }; /* larger results end in MemoryError */

const BigInt *int_view(Value v, IntView *space) {
    if (is_big(v)) return &((IntObj *)(void *)v.o)->big;
    int64_t value = as_int(v);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    space->digits[0] = (uint32_t)magnitude;
    space->digits[1] = (uint32_t)(magnitude >> 32);
    size_t count = magnitude >> 32 ? 2 : magnitude != 0;
    space->big = (BigInt){space->digits, count, value < 0};
    return &space->big;
}

Value int_from_bigint(Vm *vm, BigInt big) {
    int64_t small;
    if (bigint_to_i64(&big, &small)) {
        bigint_free(&big);
        return from_int(small);
    }
    IntObj *made = (IntObj *)(void *)vm_alloc(vm, vm->cls[CLS_INT]);
    made->value = small; /* the nearest int of 64 bits */
    made->big = big;
    return FROM_OBJ(made);
}

Value int_plain(Vm *vm, Value v) {
    if (!is_big(v)) return from_int(as_int(v));
    if (v.o->cls == vm->cls[CLS_INT]) return incref(v);
    IntView space;
    return int_from_bigint(vm, bigint_shift_left(int_view(v, &space), 0));
}

static Value divide(Vm *vm, BinaryOp op, const BigInt *a, const BigInt *b) {
    if (b->count == 0)
        return zero_division(vm, op == BINARY_DIV   ? "division by zero"
                                 : op == BINARY_MOD ? "integer modulo by zero"
                                                    : "integer division or modulo by zero");
    if (op == BINARY_DIV) {
        double quotient = bigint_true_divide(a, b);
        if (isfinite(quotient)) return from_float(quotient);
        return vm_raise(vm, EXC_OverflowError, "integer division result too large for a float");
    }
    BigInt quotient, remainder;
    bigint_divmod(a, b, &quotient, &remainder);
    Value q = int_from_bigint(vm, quotient), r = int_from_bigint(vm, remainder);
    if (op == BINARY_DIVMOD) return vm_pair(vm, q, r);
    decref(op == BINARY_MOD ? q : r);
    return op == BINARY_MOD ? r : q;
}

static Value too_large(Vm *vm) {
    return vm_raise(vm, EXC_MemoryError, "the integer would have more than %d bits", BITS_LIMIT);
}

static Value power(Vm *vm, Value a, Value b) {
    IntView space;
    if (as_int(b) < 0) {
        double x, y;
        if (as_int(a) == 0) return zero_division(vm, "0.0 cannot be raised to a negative power");
        if (!vm_to_double(vm, a, &x) || !vm_to_double(vm, b, &y)) return NULL_VALUE;
        return float_power(vm, x, y);
    }
    const BigInt *base = int_view(a, &space);
    bool unit = bigint_bit_length(base) <= 1; /* -1, 0, 1 */
    if (!unit && (double)bigint_bit_length(base) * (double)as_int(b) > BITS_LIMIT)
        return too_large(vm);
    uint64_t exponent = (uint64_t)as_int(b);
    if (is_big(b)) exponent = ((IntObj *)(void *)b.o)->big.digits[0] & 1 ? 3 : 2;
    return int_from_bigint(vm, bigint_power(base, exponent));
}

static Value shift(Vm *vm, Value a, Value b, bool left) {
    IntView space;
    int64_t by = as_int(b);
    if (by < 0) return vm_raise(vm, EXC_ValueError, "negative shift count");
    const BigInt *value = int_view(a, &space);
    if (value->count == 0) return from_int(0);
    if (!left) return int_from_bigint(vm, bigint_shift_right(value, (size_t)by));
    if (by > BITS_LIMIT) return too_large(vm);
    return int_from_bigint(vm, bigint_shift_left(value, (size_t)by));
}

Value int_big_binary(Vm *vm, BinaryOp op, Value a, Value b) {
    IntView space_a, space_b;
    const BigInt *x = int_view(a, &space_a), *y = int_view(b, &space_b);
    switch (op) {
    case BINARY_ADD:
        return int_from_bigint(vm, bigint_add(x, y));
    case BINARY_SUB:
        return int_from_bigint(vm, bigint_sub(x, y));
    case BINARY_MUL:
        return int_from_bigint(vm, bigint_mul(x, y));
    case BINARY_DIV:
    case BINARY_FLOORDIV:
    case BINARY_MOD:
    case BINARY_DIVMOD:
        return divide(vm, op, x, y);
    case BINARY_POW:
        return power(vm, a, b);
    case BINARY_LSHIFT:
    case BINARY_RSHIFT:
        return shift(vm, a, b, op == BINARY_LSHIFT);
    case BINARY_AND:
        return int_from_bigint(vm, bigint_bitwise('&', x, y));
    case BINARY_OR:
        return int_from_bigint(vm, bigint_bitwise('|', x, y));
    case BINARY_XOR:
        return int_from_bigint(vm, bigint_bitwise('^', x, y));
    default:
        return NOT_IMPLEMENTED;
    }
}

/* Half to even on the multiples of 10^digits. */
Value int_big_round(Vm *vm, Value v, int64_t digits) {
    IntView space;
    const BigInt *value = int_view(v, &space);
    if ((double)digits > (double)bigint_bit_length(value)) return from_int(0);
    BigInt ten = bigint_from_i64(10), unit = bigint_power(&ten, (uint64_t)digits), quotient, rest;
    bigint_divmod(value, &unit, &quotient, &rest);
    BigInt twice = bigint_shift_left(&rest, 1), one = bigint_from_i64(1);
    int order = bigint_compare(&twice, &unit);
    bool odd = quotient.count > 0 && (quotient.digits[0] & 1);
    BigInt low = bigint_sub(value, &rest);
    bool up = order > 0 || (order == 0 && odd);
    BigInt rounded = up ? bigint_add(&low, &unit) : bigint_shift_left(&low, 0);
    bigint_free(&ten), bigint_free(&unit), bigint_free(&quotient), bigint_free(&rest);
    bigint_free(&twice), bigint_free(&one), bigint_free(&low);
    return int_from_bigint(vm, rounded);
}

/* Modular inverse by the extended Euclidean algorithm; false: there is none. */
static bool inverse(const BigInt *a, const BigInt *modulus, BigInt *out) {
    BigInt r0 = bigint_shift_left(modulus, 0), r1, s0 = bigint_from_i64(0), s1 = bigint_from_i64(1);
    r0.negative = false;
    bigint_divmod(a, &r0, NULL, &r1);
    while (r1.count > 0) {
        BigInt quotient, rest;
        bigint_divmod(&r0, &r1, &quotient, &rest);
        BigInt product = bigint_mul(&quotient, &s1), next = bigint_sub(&s0, &product);
        bigint_free(&r0), bigint_free(&s0), bigint_free(&quotient), bigint_free(&product);
        r0 = r1, r1 = rest, s0 = s1, s1 = next;
    }
    bool exists = r0.count == 1 && r0.digits[0] == 1;
    bigint_free(&r0), bigint_free(&r1), bigint_free(&s1);
    *out = s0;
    return exists;
}

Value int_power_modulo(Vm *vm, Value a, Value b, Value m) {
    if (!is_int(a) || !is_int(b) || !is_int(m))
        return vm_raise(vm, EXC_TypeError,
                        "pow() 3rd argument not allowed unless all arguments are integers");
    IntView space_a, space_b, space_m;
    const BigInt *base = int_view(a, &space_a), *exponent = int_view(b, &space_b);
    const BigInt *modulus = int_view(m, &space_m);
    if (modulus->count == 0) return vm_raise(vm, EXC_ValueError, "pow() 3rd argument cannot be 0");
    if (!exponent->negative)
        return int_from_bigint(vm, bigint_power_modulo(base, exponent, modulus));
    BigInt inverted, positive = bigint_negate(exponent), result = {0};
    bool exists = inverse(base, modulus, &inverted);
    if (exists) result = bigint_power_modulo(&inverted, &positive, modulus);
    bigint_free(&inverted), bigint_free(&positive);
    if (exists) return int_from_bigint(vm, result);
    return vm_raise(vm, EXC_ValueError, "base is not invertible for the given modulus");
}
