/* float: arithmetic, comparison, conversions, hashes and methods. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "frontend/int.h"

/* Equal numbers of different types hash alike, as modulo 2^61 - 1. */
int64_t float_hash(double value) {
    if (isinf(value)) return value > 0 ? 314159 : -314159;
    if (isnan(value)) return 0;
    const int bits = 61;
    const uint64_t modulus = ((uint64_t)1 << bits) - 1;
    int exponent;
    double mantissa = frexp(fabs(value), &exponent);
    uint64_t x = 0;
    while (mantissa != 0.0) { /* 28 bits at a time */
        x = ((x << 28) & modulus) | x >> (bits - 28);
        mantissa *= 268435456.0;
        exponent -= 28;
        uint64_t part = (uint64_t)mantissa;
        mantissa -= (double)part;
        x += part;
        if (x >= modulus) x -= modulus;
    }
    int shift = exponent >= 0 ? exponent % bits : bits - 1 - ((-1 - exponent) % bits);
    x = ((x << shift) & modulus) | x >> (bits - shift);
    int64_t hash = value < 0 ? -(int64_t)x : (int64_t)x;
    return hash == -1 ? -2 : hash;
}

static bool hash_slot(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = float_hash(as_float(self));
    return true;
}

/* ---- arithmetic ---- */

Value zero_division(Vm *vm, const char *what) {
    return vm_raise(vm, EXC_ZeroDivisionError, "%s", what);
}

Value float_power(Vm *vm, double a, double b) {
    if (a == 0.0 && b < 0.0) return zero_division(vm, "0.0 cannot be raised to a negative power");
    if (a < 0.0 && isfinite(a) && isfinite(b) && b != floor(b))
        return vm_raise(vm, EXC_ValueError,
                        "a negative number to a fractional power is complex, which nnc has not");
    double result = pow(a, b);
    if (isinf(result) && isfinite(a) && isfinite(b))
        return vm_raise(vm, EXC_OverflowError, "(34, 'Numerical result out of range')");
    return from_float(result);
}

static double float_floor_mod(double a, double b) {
    double r = fmod(a, b);
    if (r != 0.0) return (b < 0) != (r < 0) ? r + b : r;
    return copysign(0.0, b);
}

static double float_floor_div(double a, double b) {
    double rest = fmod(a, b), quotient = (a - rest) / b;
    if (rest != 0.0 && (b < 0) != (rest < 0)) quotient -= 1.0;
    if (quotient == 0.0) return copysign(0.0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

static Value float_binary(Vm *vm, BinaryOp op, Value left, Value right, bool reflected) {
    (void)reflected;
    if (!(is_float(left) || is_int(left)) || !(is_float(right) || is_int(right)))
        return NOT_IMPLEMENTED;
    double a, b;
    if (!vm_to_double(vm, left, &a) || !vm_to_double(vm, right, &b)) return NULL_VALUE;
    switch (op) {
    case BINARY_ADD:
        return from_float(a + b);
    case BINARY_SUB:
        return from_float(a - b);
    case BINARY_MUL:
        return from_float(a * b);
    case BINARY_DIV:
        return b == 0.0 ? zero_division(vm, "float division by zero") : from_float(a / b);
    case BINARY_FLOORDIV:
        return b == 0.0 ? zero_division(vm, "float floor division by zero")
                        : from_float(float_floor_div(a, b));
    case BINARY_MOD:
        return b == 0.0 ? zero_division(vm, "float modulo") : from_float(float_floor_mod(a, b));
    case BINARY_DIVMOD:
        return b == 0.0 ? zero_division(vm, "float divmod()")
                        : vm_pair(vm, from_float(float_floor_div(a, b)),
                                  from_float(float_floor_mod(a, b)));
    case BINARY_POW:
        return float_power(vm, a, b);
    default:
        return NOT_IMPLEMENTED;
    }
}

static Value float_unary(Vm *vm, UnaryOp op, Value v) {
    (void)vm;
    double a = as_float(v);
    switch (op) {
    case UNARY_NEG:
        return from_float(-a);
    case UNARY_POS:
        return from_float(a);
    case UNARY_ABS:
        return from_float(fabs(a));
    default:
        return NOT_IMPLEMENTED;
    }
}

/* -1, 0, 1: the exact order of an int and a number (the int isn't rounded). */
static int compare_mixed(Value a, double b) {
    if (isinf(b)) return b > 0 ? -1 : 1;
    BigInt whole = bigint_from_double(b);
    IntView space;
    int order = bigint_compare(int_view(a, &space), &whole);
    bigint_free(&whole);
    double rest = b - trunc(b);
    return order != 0 ? order : rest > 0 ? -1 : rest < 0;
}

static Value float_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)vm, (void)reflected;
    if (!(is_float(a) || is_int(a)) || !(is_float(b) || is_int(b))) return NOT_IMPLEMENTED;
    if ((is_float(a) && isnan(as_float(a))) || (is_float(b) && isnan(as_float(b))))
        return from_bool(op == COMPARE_NE);
    if (!is_float(a)) return from_order(op, compare_mixed(a, as_float(b)));
    if (!is_float(b)) return from_order(op, -compare_mixed(b, as_float(a)));
    double x = as_float(a), y = as_float(b);
    return from_order(op, x < y ? -1 : x > y);
}

/* ---- text ---- */

static Value float_repr(Vm *vm, Value v) {
    Buf buf = {0};
    buf_put_double(&buf, as_float(v));
    return str_from_buf(vm, &buf);
}

bool float_parse(const char *text, size_t size, double *out) {
    char clean[512];
    size_t n = 0;
    while (size > 0 && isspace((unsigned char)*text))
        text++, size--;
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    if (size == 0 || size >= sizeof clean) return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '_') {
            if (i == 0 || i + 1 == size || !isdigit((unsigned char)text[i - 1]) ||
                !isdigit((unsigned char)text[i + 1]))
                return false;
            continue;
        }
        if (text[i] == 'x' || text[i] == 'X' || text[i] == '(') return false;
        clean[n++] = text[i];
    }
    clean[n] = '\0';
    char *end;
    *out = strtod(clean, &end);
    return end == clean + n;
}

/* ---- construction ---- */

static bool parse_text(Vm *vm, Value original, const char *text, size_t size, double *out) {
    if (float_parse(text, size, out)) return true;
    Buf repr = {0};
    if (vm_repr_to(vm, original, &repr))
        vm_raise(vm, EXC_ValueError, "could not convert string to float: %s", buf_text(&repr));
    buf_free(&repr);
    return false;
}

static bool to_float(Vm *vm, Value v, double *out) {
    if (is_str(v)) return parse_text(vm, v, as_str(v)->data, as_str(v)->size, out);
    if (has_flag(v, CLASS_BYTES)) {
        const Bytes *bytes = (const Bytes *)(void *)v.o;
        return parse_text(vm, v, (const char *)bytes->data, bytes->size, out);
    }
    const Slots *slots = &vm_class_of(vm, v)->slots;
    if (is_int(v) || slots->to_float || slots->to_index) return vm_to_double(vm, v, out);
    vm_raise(vm, EXC_TypeError, "float() argument must be a string or a real number, not '%s'",
             vm_class_name(vm, v));
    return false;
}

static Value float_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "float", nargs, kwnames, 0, 1)) return NULL_VALUE;
    double value = 0.0;
    Value number = nargs ? incref(args[0]) : from_int(0);
    bool plain = is_float(number) || is_int(number) || is_str(number);
    if (!plain && vm_class_of(vm, number)->slots.to_float) {
        decref(number);
        number = vm_call_float(vm, args[0]);
    }
    if (is_null(number) || has_flag(number, CLASS_UNKNOWN)) return number;
    bool ok = to_float(vm, number, &value);
    decref(number);
    if (!ok) return NULL_VALUE;
    if (cls == vm->cls[CLS_FLOAT]) return from_float(value);
    FloatObj *made = (FloatObj *)(void *)vm_alloc(vm, cls);
    made->value = value;
    return FROM_OBJ(made);
}

static int float_truth(Vm *vm, Value v) {
    (void)vm;
    return as_float(v) != 0.0;
}
static Value float_to_float(Vm *vm, Value v) {
    (void)vm;
    return from_float(as_float(v));
}
static Value float_to_int_slot(Vm *vm, Value v) {
    return int_from_double(vm, as_float(v));
}

const Slots float_slots = {
    .repr = float_repr,
    .format = number_format,
    .hash = hash_slot,
    .binary = float_binary,
    .unary = float_unary,
    .compare = float_compare,
    .truth = float_truth,
    .to_int = float_to_int_slot,
    .create = float_create,
    .to_float = float_to_float,
    .init = number_init,
};

/* ---- methods ---- */

METHOD(float_is_integer) {
    NO_ARGUMENTS("is_integer")
    double v = as_float(args[0]);
    return from_bool(isfinite(v) && v == floor(v));
}

METHOD(float_hex) {
    NO_ARGUMENTS("hex")
    double v = as_float(args[0]);
    if (!isfinite(v)) return vm_repr(vm, args[0]);
    if (v == 0.0) return str_from(vm, signbit(v) ? "-0x0.0p+0" : "0x0.0p+0");
    int exponent;
    double mantissa = frexp(fabs(v), &exponent) * 2.0;
    exponent--;
    if (exponent < -1022) { /* subnormal: Python keeps the exponent of the format */
        mantissa = ldexp(mantissa, exponent + 1022);
        exponent = -1022;
    }
    double whole = floor(mantissa);
    uint64_t bits = (uint64_t)ldexp(mantissa - whole, 52);
    return str_printf(vm, "%s0x%d.%013llxp%+d", v < 0 ? "-" : "", (int)whole,
                      (unsigned long long)bits, exponent);
}

METHOD(float_fromhex) {
    if (!vm_args_simple(vm, "fromhex", nargs, kwnames, 2, 2)) return NULL_VALUE;
    const char *text = vm_to_text(vm, args[1], "argument");
    if (!text) return NULL_VALUE;
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end)
        return vm_raise(vm, EXC_ValueError, "invalid hexadecimal floating-point string");
    return from_float(value);
}

METHOD(float_as_integer_ratio) {
    NO_ARGUMENTS("as_integer_ratio")
    double v = as_float(args[0]);
    if (!isfinite(v))
        return vm_raise(vm, isnan(v) ? EXC_ValueError : EXC_OverflowError,
                        "cannot convert %s to integer ratio", isnan(v) ? "NaN" : "Infinity");
    int shift = 0; /* at most 1074: scaling by two is exact */
    while (v != floor(v)) {
        v *= 2.0;
        shift++;
    }
    Value numerator = int_from_double(vm, v);
    return vm_pair(vm, numerator, vm_binary(vm, BINARY_LSHIFT, from_int(1), from_int(shift)));
}

/* Round half to even on the decimal digits: printf rounds the exact binary value correctly. */
METHOD(float_round) {
    if (!vm_args_simple(vm, "__round__", nargs, kwnames, 1, 2)) return NULL_VALUE;
    double v = as_float(args[0]);
    if (nargs == 1 || is_none(args[1])) return int_from_double(vm, isfinite(v) ? nearbyint(v) : v);
    int64_t digits;
    if (!vm_to_index(vm, args[1], &digits)) return NULL_VALUE;
    if (!isfinite(v) || digits > 323) return from_float(v);
    if (digits < -308) return from_float(copysign(0.0, v));
    char text[800];
    if (digits >= 0) {
        snprintf(text, sizeof text, "%.*f", (int)digits, v);
        return from_float(strtod(text, NULL));
    }
    int exponent = (int)-digits;
    snprintf(text, sizeof text, "%.0f", fabs(v));
    int length = (int)strlen(text), kept = length - exponent;
    if (kept < 0) return from_float(copysign(0.0, v));
    snprintf(text, sizeof text, "%.*e", kept > 0 ? kept - 1 : 0, v);
    if (kept == 0)
        return from_float(
            copysign(fabs(v) > 5 * pow(10, exponent - 1) ? pow(10, exponent) : 0.0, v));
    return from_float(strtod(text, NULL));
}

METHOD(float_conjugate) {
    NO_ARGUMENTS("conjugate")
    return from_float(as_float(args[0]));
}
METHOD(float_real) {
    (void)vm, (void)nargs, (void)kwnames;
    return from_float(as_float(args[0]));
}
METHOD(float_imag) {
    (void)vm, (void)args, (void)nargs, (void)kwnames;
    return from_float(0.0);
}
METHOD(float_floor) {
    NO_ARGUMENTS("__floor__")
    return int_from_double(vm, floor(as_float(args[0])));
}
METHOD(float_ceil) {
    NO_ARGUMENTS("__ceil__")
    return int_from_double(vm, ceil(as_float(args[0])));
}
METHOD(float_trunc) {
    NO_ARGUMENTS("__trunc__")
    return int_from_double(vm, as_float(args[0]));
}

const Method float_methods[] = {
    {"is_integer", float_is_integer, 0},
    {"hex", float_hex, 0},
    {"fromhex", float_fromhex, METHOD_CLASS},
    {"as_integer_ratio", float_as_integer_ratio, 0},
    {"conjugate", float_conjugate, 0},
    {"__round__", float_round, 0},
    {"__floor__", float_floor, 0},
    {"__ceil__", float_ceil, 0},
    {"__trunc__", float_trunc, 0},
    {"real", float_real, METHOD_PROPERTY},
    {"imag", float_imag, METHOD_PROPERTY},
    {NULL, NULL, 0},
};
