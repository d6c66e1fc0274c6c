/* int, bool and float: arithmetic, comparison, conversions, hashes and methods.
 *
 * Ints have 64 bits: what doesn't fit raises OverflowError. Division, modulo and power follow
 * Python: the sign of `%` is the divisor's, `/` of ints gives a float. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "frontend/vm_internal.h"

Value int_overflow(Vm *vm) {
    return vm_raise(vm, EXC_OverflowError, "int too large: nnc's ints have 64 bits");
}

/* ---- hashes: equal numbers of different types hash alike, as modulo 2^61 - 1 ---- */

int64_t int_hash(int64_t value) {
    const uint64_t modulus = ((uint64_t)1 << 61) - 1;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int64_t hash = (int64_t)(magnitude % modulus);
    if (value < 0) hash = -hash;
    return hash == -1 ? -2 : hash;
}

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

static bool number_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = is_float(self) ? float_hash(as_float(self)) : int_hash(as_int(self));
    return true;
}

/* ---- int arithmetic ---- */

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

static int64_t floor_mod(int64_t a, int64_t b) {
    int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static Value float_power(Vm *vm, double a, double b);

static Value int_power(Vm *vm, int64_t base, int64_t exponent) {
    if (exponent < 0) {
        if (base == 0)
            return vm_raise(vm, EXC_ZeroDivisionError, "0.0 cannot be raised to a negative power");
        return float_power(vm, (double)base, (double)exponent);
    }
    int64_t result = 1;
    for (;;) {
        if (exponent & 1 && !mul_i64(result, base, &result)) return int_overflow(vm);
        exponent >>= 1;
        if (exponent == 0) return from_int(result);
        if (!mul_i64(base, base, &base)) return int_overflow(vm);
    }
}

static Value int_shift(Vm *vm, int64_t a, int64_t by, bool left) {
    if (by < 0) return vm_raise(vm, EXC_ValueError, "negative shift count");
    if (!left) return from_int(by > 63 ? (a < 0 ? -1 : 0) : a >> by);
    if (a == 0) return from_int(0);
    int64_t result;
    if (by > 62 || !mul_i64(a, (int64_t)1 << by, &result)) return int_overflow(vm);
    return from_int(result);
}

static Value zero_division(Vm *vm, const char *what) {
    return vm_raise(vm, EXC_ZeroDivisionError, "%s", what);
}

static Value int_divide(Vm *vm, BinaryOp op, int64_t a, int64_t b) {
    if (b == 0)
        return zero_division(vm, op == BINARY_DIV   ? "division by zero"
                                 : op == BINARY_MOD ? "integer modulo by zero"
                                                    : "integer division or modulo by zero");
    if (op == BINARY_DIV) return from_float((double)a / (double)b);
    if (b == -1) { /* a / -1 overflows in C for the least int */
        int64_t negated;
        if (op == BINARY_MOD) return from_int(0);
        if (__builtin_sub_overflow((int64_t)0, a, &negated)) return int_overflow(vm);
        return op == BINARY_FLOORDIV ? from_int(negated)
                                     : vm_pair(vm, from_int(negated), from_int(0));
    }
    if (op == BINARY_FLOORDIV) return from_int(floor_div(a, b));
    if (op == BINARY_MOD) return from_int(floor_mod(a, b));
    return vm_pair(vm, from_int(floor_div(a, b)), from_int(floor_mod(a, b)));
}

static Value int_arithmetic(Vm *vm, BinaryOp op, int64_t a, int64_t b, bool bools) {
    int64_t result;
    switch (op) {
    case BINARY_ADD:
        return __builtin_add_overflow(a, b, &result) ? int_overflow(vm) : from_int(result);
    case BINARY_SUB:
        return __builtin_sub_overflow(a, b, &result) ? int_overflow(vm) : from_int(result);
    case BINARY_MUL:
        return __builtin_mul_overflow(a, b, &result) ? int_overflow(vm) : from_int(result);
    case BINARY_DIV:
    case BINARY_FLOORDIV:
    case BINARY_MOD:
    case BINARY_DIVMOD:
        return int_divide(vm, op, a, b);
    case BINARY_POW:
        return int_power(vm, a, b);
    case BINARY_LSHIFT:
        return int_shift(vm, a, b, true);
    case BINARY_RSHIFT:
        return int_shift(vm, a, b, false);
    case BINARY_AND:
        return bools ? from_bool(a & b) : from_int(a & b);
    case BINARY_OR:
        return bools ? from_bool(a | b) : from_int(a | b);
    case BINARY_XOR:
        return bools ? from_bool(a ^ b) : from_int(a ^ b);
    default:
        return NOT_IMPLEMENTED;
    }
}

static Value int_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (!is_int(a) || !is_int(b)) return NOT_IMPLEMENTED;
    return int_arithmetic(vm, op, as_int(a), as_int(b), a.tag == TAG_BOOL && b.tag == TAG_BOOL);
}

/* ---- float arithmetic ---- */

static Value float_power(Vm *vm, double a, double b) {
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
    double quotient = (a - float_floor_mod(a, b)) / b;
    if (quotient == 0.0) return copysign(0.0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

static Value float_binary(Vm *vm, BinaryOp op, Value left, Value right, bool reflected) {
    (void)reflected;
    if (!(is_float(left) || is_int(left)) || !(is_float(right) || is_int(right)))
        return NOT_IMPLEMENTED;
    double a = is_float(left) ? as_float(left) : (double)as_int(left);
    double b = is_float(right) ? as_float(right) : (double)as_int(right);
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

static Value int_unary(Vm *vm, UnaryOp op, Value v) {
    int64_t a = as_int(v);
    switch (op) {
    case UNARY_POS:
        return from_int(a);
    case UNARY_INVERT:
        return from_int(~a);
    case UNARY_ABS:
        if (a >= 0) return from_int(a);
        break;
    case UNARY_NEG:
        break;
    }
    return a == INT64_MIN ? int_overflow(vm) : from_int(-a);
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

#define COMPARE_NUMBERS(op, a, b)                                                                  \
    switch (op) {                                                                                  \
    case COMPARE_LT:                                                                               \
        return from_bool((a) < (b));                                                               \
    case COMPARE_LE:                                                                               \
        return from_bool((a) <= (b));                                                              \
    case COMPARE_EQ:                                                                               \
        return from_bool((a) == (b));                                                              \
    case COMPARE_NE:                                                                               \
        return from_bool((a) != (b));                                                              \
    case COMPARE_GT:                                                                               \
        return from_bool((a) > (b));                                                               \
    case COMPARE_GE:                                                                               \
        return from_bool((a) >= (b));                                                              \
    default:                                                                                       \
        return NOT_IMPLEMENTED;                                                                    \
    }

static Value int_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)vm, (void)reflected;
    if (!is_int(a) || !is_int(b)) return NOT_IMPLEMENTED;
    int64_t x = as_int(a), y = as_int(b);
    COMPARE_NUMBERS(op, x, y)
}

/* -1, 0, 1: the exact order of an int and a float (no rounding of the int); 2: unordered. */
static int compare_mixed(int64_t a, double b) {
    if (isnan(b)) return 2;
    if (b >= 9223372036854775808.0) return -1;
    if (b < -9223372036854775808.0) return 1;
    int64_t whole = (int64_t)b;
    if (a != whole) return a < whole ? -1 : 1;
    double rest = b - (double)whole;
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

static Value float_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)vm, (void)reflected;
    if (is_float(a) && is_float(b)) {
        double x = as_float(a), y = as_float(b);
        COMPARE_NUMBERS(op, x, y)
    }
    int order;
    if (is_int(a) && is_float(b))
        order = compare_mixed(as_int(a), as_float(b));
    else if (is_float(a) && is_int(b))
        order = compare_mixed(as_int(b), as_float(a)) * -1;
    else
        return NOT_IMPLEMENTED;
    if (order == 2 || order == -2) return from_bool(op == COMPARE_NE);
    COMPARE_NUMBERS(op, order, 0)
}

/* ---- text ---- */

static Value int_repr(Vm *vm, Value v) {
    return str_printf(vm, "%lld", (long long)as_int(v));
}

static Value bool_repr(Vm *vm, Value v) {
    return str_from(vm, v.i ? "True" : "False");
}

static Value float_repr(Vm *vm, Value v) {
    Buf buf = {0};
    buf_put_double(&buf, as_float(v));
    return str_from_buf(vm, &buf);
}

static Value number_format(Vm *vm, Value v, Str *spec) {
    if (spec->size == 0) return vm_str(vm, v);
    return format_spec(vm, v, spec->data, spec->size);
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'z') return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
    return 99;
}

static Value bad_int(Vm *vm, int base, Value original) {
    Buf repr = {0};
    if (vm_repr_to(vm, original, &repr))
        vm_raise(vm, EXC_ValueError, "invalid literal for int() with base %d: %s", base,
                 buf_text(&repr));
    buf_free(&repr);
    return NULL_VALUE;
}

Value int_parse(Vm *vm, const char *text, size_t size, int base, Value original) {
    const char *p = text, *end = text + size;
    while (p < end && isspace((unsigned char)*p))
        p++;
    while (end > p && isspace((unsigned char)end[-1]))
        end--;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    int shown = base;
    if (end - p > 2 && *p == '0') {
        int marked = p[1] == 'x' || p[1] == 'X'   ? 16
                     : p[1] == 'o' || p[1] == 'O' ? 8
                     : p[1] == 'b' || p[1] == 'B' ? 2
                                                  : 0;
        if (marked && (base == 0 || base == marked)) {
            base = marked;
            p += 2;
            if (p < end && *p == '_') p++;
        }
    }
    if (base == 0) base = 10;
    if (p == end || *p == '_' || end[-1] == '_') return bad_int(vm, shown, original);
    int64_t value = 0;
    for (; p < end; p++) {
        if (*p == '_') {
            if (p[-1] == '_') return bad_int(vm, shown, original);
            continue;
        }
        int digit = digit_value(*p);
        if (digit >= base) return bad_int(vm, shown, original);
        int64_t scaled;
        if (!mul_i64(value, base, &scaled) ||
            __builtin_sub_overflow(scaled, digit, &value)) /* negative: the range is larger */
            return int_overflow(vm);
    }
    if (negative) return from_int(value);
    return value == INT64_MIN ? int_overflow(vm) : from_int(-value);
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

static Value boxed_int(Vm *vm, Class *cls, Value plain) {
    if (is_null(plain) || cls == vm->cls[CLS_INT]) return plain;
    IntObj *made = (IntObj *)(void *)vm_alloc(vm, cls);
    made->value = plain.i;
    return FROM_OBJ(made);
}

static Value float_to_int(Vm *vm, double value) {
    if (isnan(value)) return vm_raise(vm, EXC_ValueError, "cannot convert float NaN to integer");
    if (isinf(value))
        return vm_raise(vm, EXC_OverflowError, "cannot convert float infinity to integer");
    if (value >= 9223372036854775808.0 || value < -9223372036854775808.0) return int_overflow(vm);
    return from_int((int64_t)value);
}

static Value to_int(Vm *vm, Value v) {
    if (is_int(v)) return from_int(as_int(v));
    if (is_float(v)) return float_to_int(vm, as_float(v));
    if (is_str(v)) return int_parse(vm, as_str(v)->data, as_str(v)->size, 10, v);
    Class *cls = vm_class_of(vm, v);
    if (cls->slots.to_int) {
        Value result = cls->slots.to_int(vm, v);
        if (is_null(result) || is_int(result)) return result;
        vm_raise(vm, EXC_TypeError, "__int__ returned non-int (type %s)",
                 vm_class_name(vm, result));
        decref(result);
        return NULL_VALUE;
    }
    int64_t index;
    if (cls->slots.to_index) return vm_to_index(vm, v, &index) ? from_int(index) : NULL_VALUE;
    return vm_raise(vm, EXC_TypeError,
                    "int() argument must be a string, a bytes-like object or a real number, not "
                    "'%s'",
                    cls->name);
}

static Value int_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[2];
    if (!vm_args(vm, "int", "x? / base?", args, nargs, kwnames, out)) return NULL_VALUE;
    if (is_null(out[0])) return boxed_int(vm, cls, from_int(0));
    if (is_null(out[1])) return boxed_int(vm, cls, to_int(vm, out[0]));
    int64_t base;
    if (!vm_to_index(vm, out[1], &base)) return NULL_VALUE;
    if (!is_str(out[0]))
        return vm_raise(vm, EXC_TypeError, "int() can't convert non-string with explicit base");
    if (base != 0 && (base < 2 || base > 36))
        return vm_raise(vm, EXC_ValueError, "int() base must be >= 2 and <= 36, or 0");
    return boxed_int(vm, cls,
                     int_parse(vm, as_str(out[0])->data, as_str(out[0])->size, (int)base, out[0]));
}

static Value bool_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)cls;
    if (!vm_args_simple(vm, "bool", nargs, kwnames, 0, 1)) return NULL_VALUE;
    int truth = nargs ? vm_truth(vm, args[0]) : 0;
    return truth < 0 ? NULL_VALUE : from_bool(truth);
}

static Value float_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "float", nargs, kwnames, 0, 1)) return NULL_VALUE;
    double value = 0.0;
    if (nargs && is_str(args[0])) {
        if (!float_parse(as_str(args[0])->data, as_str(args[0])->size, &value)) {
            Buf repr = {0};
            if (vm_repr_to(vm, args[0], &repr))
                vm_raise(vm, EXC_ValueError, "could not convert string to float: %s",
                         buf_text(&repr));
            buf_free(&repr);
            return NULL_VALUE;
        }
    } else if (nargs) {
        const Slots *slots = &vm_class_of(vm, args[0])->slots;
        if (!is_int(args[0]) && !slots->to_float && !slots->to_index)
            return vm_raise(vm, EXC_TypeError,
                            "float() argument must be a string or a real number, not '%s'",
                            vm_class_name(vm, args[0]));
        if (!vm_to_double(vm, args[0], &value)) return NULL_VALUE;
    }
    if (cls == vm->cls[CLS_FLOAT]) return from_float(value);
    FloatObj *made = (FloatObj *)(void *)vm_alloc(vm, cls);
    made->value = value;
    return FROM_OBJ(made);
}

static bool no_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

static int int_truth(Vm *vm, Value v) {
    (void)vm;
    return as_int(v) != 0;
}
static int float_truth(Vm *vm, Value v) {
    (void)vm;
    return as_float(v) != 0.0;
}
static Value int_plain(Vm *vm, Value v) {
    (void)vm;
    return from_int(as_int(v));
}
static Value int_to_float(Vm *vm, Value v) {
    (void)vm;
    return from_float((double)as_int(v));
}
static Value float_to_float(Vm *vm, Value v) {
    (void)vm;
    return from_float(as_float(v));
}
static Value float_to_int_slot(Vm *vm, Value v) {
    return float_to_int(vm, as_float(v));
}

const Slots int_slots = {
    .repr = int_repr,
    .format = number_format,
    .hash = number_hash,
    .binary = int_binary,
    .unary = int_unary,
    .compare = int_compare,
    .truth = int_truth,
    .to_int = int_plain,
    .to_index = int_plain,
    .to_float = int_to_float,
    .create = int_create,
    .init = no_init,
};
const Slots bool_slots = {.repr = bool_repr, .create = bool_create};
const Slots float_slots = {
    .repr = float_repr,
    .format = number_format,
    .hash = number_hash,
    .binary = float_binary,
    .unary = float_unary,
    .compare = float_compare,
    .truth = float_truth,
    .to_int = float_to_int_slot,
    .create = float_create,
    .to_float = float_to_float,
    .init = no_init,
};

/* ---- methods ---- */

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)
#define NO_ARGUMENTS(name)                                                                         \
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 1)) return NULL_VALUE;

METHOD(int_bit_length) {
    NO_ARGUMENTS("bit_length")
    int64_t v = as_int(args[0]);
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    return from_int(magnitude ? 64 - __builtin_clzll(magnitude) : 0);
}
METHOD(int_bit_count) {
    NO_ARGUMENTS("bit_count")
    int64_t v = as_int(args[0]);
    return from_int(__builtin_popcountll(v < 0 ? 0 - (uint64_t)v : (uint64_t)v));
}
METHOD(int_self) {
    NO_ARGUMENTS("conjugate")
    return from_int(as_int(args[0]));
}
METHOD(int_zero) {
    (void)vm, (void)args, (void)nargs, (void)kwnames;
    return from_int(0);
}
METHOD(int_one) {
    (void)vm, (void)args, (void)nargs, (void)kwnames;
    return from_int(1);
}
METHOD(int_numerator) {
    (void)vm, (void)nargs, (void)kwnames;
    return from_int(as_int(args[0]));
}
METHOD(int_true) {
    NO_ARGUMENTS("is_integer")
    (void)args;
    return from_bool(true);
}
METHOD(int_round) {
    if (!vm_args_simple(vm, "__round__", nargs, kwnames, 1, 2)) return NULL_VALUE;
    int64_t v = as_int(args[0]), digits = 0;
    if (nargs == 1 || is_none(args[1])) return from_int(v);
    if (!vm_to_index(vm, args[1], &digits)) return NULL_VALUE;
    if (digits >= 0) return from_int(v);
    if (digits < -18) return from_int(0);
    int64_t unit = 1;
    for (int64_t i = digits; i < 0; i++)
        unit *= 10;
    int64_t rest = floor_mod(v, unit), low = v - rest;
    bool up = rest * 2 > unit || (rest * 2 == unit && floor_mod(floor_div(v, unit), 2) == 1);
    return from_int(up ? low + unit : low);
}

const Method int_methods[] = {
    {"bit_length", int_bit_length, 0},
    {"to_bytes", int_to_bytes, 0},
    {"bit_count", int_bit_count, 0},
    {"conjugate", int_self, 0},
    {"is_integer", int_true, 0},
    {"__trunc__", int_self, 0},
    {"__floor__", int_self, 0},
    {"__ceil__", int_self, 0},
    {"__round__", int_round, 0},
    {"real", int_numerator, METHOD_PROPERTY},
    {"imag", int_zero, METHOD_PROPERTY},
    {"numerator", int_numerator, METHOD_PROPERTY},
    {"denominator", int_one, METHOD_PROPERTY},
    {NULL, NULL, 0},
};

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
        return vm_raise(vm, EXC_OverflowError, "cannot convert Infinity or NaN to integer ratio");
    int64_t denominator = 1;
    while (v != floor(v)) {
        if (denominator > INT64_MAX / 2) return int_overflow(vm);
        v *= 2.0;
        denominator *= 2;
    }
    Value numerator = float_to_int(vm, v);
    return is_null(numerator) ? numerator : vm_pair(vm, numerator, from_int(denominator));
}

/* Round half to even on the decimal digits: printf rounds the exact binary value correctly. */
METHOD(float_round) {
    if (!vm_args_simple(vm, "__round__", nargs, kwnames, 1, 2)) return NULL_VALUE;
    double v = as_float(args[0]);
    if (nargs == 1 || is_none(args[1])) return float_to_int(vm, isfinite(v) ? nearbyint(v) : v);
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
    return float_to_int(vm, floor(as_float(args[0])));
}
METHOD(float_ceil) {
    NO_ARGUMENTS("__ceil__")
    return float_to_int(vm, ceil(as_float(args[0])));
}
METHOD(float_trunc) {
    NO_ARGUMENTS("__trunc__")
    return float_to_int(vm, as_float(args[0]));
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
