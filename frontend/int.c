/* int and bool: arithmetic, comparison, conversions and methods.
 *
 * Arithmetic is on 64 bits; what doesn't fit goes on in int_big.c. Division, modulo and power
 * follow Python: the sign of `%` is the divisor's, `/` gives a float. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "frontend/int.h"

/* Equal numbers of different types hash alike, as modulo 2^61 - 1. */
int64_t int_hash(int64_t value) {
    const uint64_t modulus = ((uint64_t)1 << 61) - 1;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int64_t hash = (int64_t)(magnitude % modulus);
    if (value < 0) hash = -hash;
    return hash == -1 ? -2 : hash;
}

static bool hash_slot(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = is_big(self) ? bigint_hash(&((IntObj *)(void *)self.o)->big) : as_int(self);
    *out = int_hash(*out);
    return true;
}

/* ---- arithmetic ---- */

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}

static int64_t floor_mod(int64_t a, int64_t b) {
    int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/* Operations below write `*out` and return true when they could be done on 64 bits. */

static bool small_power(int64_t base, int64_t exponent, int64_t *out) {
    if (exponent < 0) return false;
    int64_t result = 1;
    for (;;) {
        if (exponent & 1 && !mul_i64(result, base, &result)) return false;
        exponent >>= 1;
        *out = result;
        if (exponent == 0) return true;
        if (!mul_i64(base, base, &base)) return false;
    }
}

static bool small_left(int64_t a, int64_t by, int64_t *out) {
    return by >= 0 && by <= 62 && mul_i64(a, (int64_t)1 << by, out);
}

static bool small_arithmetic(BinaryOp op, int64_t a, int64_t b, int64_t *out) {
    switch (op) {
    case BINARY_ADD:
        return add_i64(a, b, out);
    case BINARY_SUB:
        return !__builtin_sub_overflow(a, b, out);
    case BINARY_MUL:
        return mul_i64(a, b, out);
    case BINARY_FLOORDIV:
        if (b == 0 || b == -1) return false; /* a / -1 overflows for the least int */
        return *out = floor_div(a, b), true;
    case BINARY_MOD:
        if (b == 0 || b == -1) return false;
        return *out = floor_mod(a, b), true;
    case BINARY_POW:
        return small_power(a, b, out);
    case BINARY_LSHIFT:
        return small_left(a, b, out);
    case BINARY_RSHIFT:
        if (b < 0) return false;
        return *out = b > 63 ? (a < 0 ? -1 : 0) : a >> b, true;
    case BINARY_AND:
        return *out = a & b, true;
    case BINARY_OR:
        return *out = a | b, true;
    case BINARY_XOR:
        return *out = a ^ b, true;
    default:
        return false;
    }
}

static Value int_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (!is_int(a) || !is_int(b)) return NOT_IMPLEMENTED;
    const int64_t exact = (int64_t)1 << 53; /* doubles hold every int up to here */
    int64_t result, x = as_int(a), y = as_int(b);
    if (is_big(a) || is_big(b)) return int_big_binary(vm, op, a, b);
    if (op == BINARY_DIV && y != 0 && x <= exact && x >= -exact && y <= exact && y >= -exact)
        return from_float((double)x / (double)y);
    if (!small_arithmetic(op, x, y, &result)) return int_big_binary(vm, op, a, b);
    bool bits = op == BINARY_AND || op == BINARY_OR || op == BINARY_XOR;
    if (bits && a.tag == TAG_BOOL && b.tag == TAG_BOOL) return from_bool(result);
    return from_int(result);
}

static Value int_unary(Vm *vm, UnaryOp op, Value v) {
    IntView space;
    if (op == UNARY_POS) return int_plain(vm, v);
    if (op == UNARY_INVERT) return vm_binary(vm, BINARY_SUB, from_int(-1), v);
    if (op == UNARY_ABS && as_int(v) >= 0) return int_plain(vm, v);
    if (!is_big(v) && as_int(v) != INT64_MIN) return from_int(-as_int(v));
    return int_from_bigint(vm, bigint_negate(int_view(v, &space)));
}

static Value int_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)vm, (void)reflected;
    if (!is_int(a) || !is_int(b)) return NOT_IMPLEMENTED;
    int64_t x = as_int(a), y = as_int(b);
    IntView space_a, space_b;
    if (is_big(a) || is_big(b))
        return from_order(op, bigint_compare(int_view(a, &space_a), int_view(b, &space_b)));
    return from_order(op, x < y ? -1 : x > y);
}

/* ---- text ---- */

bool int_put_digits(Vm *vm, Value v, unsigned base, Buf *out) {
    if (is_big(v)) {
        const BigInt *big = &((IntObj *)(void *)v.o)->big;
        size_t before = out->size;
        /* 3 bits a digit at least: much too long numbers aren't converted at all */
        bool limited = base == 10 && vm->int_digits_limit > 0;
        size_t limit = (size_t)vm->int_digits_limit;
        if (!limited || bigint_bit_length(big) / 4 <= limit) bigint_put_digits(big, base, out);
        if (!limited || (out->size > before && out->size - before <= limit)) return true;
        vm_raise(vm, EXC_ValueError,
                 "Exceeds the limit (%d digits) for integer string conversion; use "
                 "sys.set_int_max_str_digits() to increase the limit",
                 vm->int_digits_limit);
        return false;
    }
    int64_t value = as_int(v);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[64];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[magnitude % base];
        magnitude /= base;
    } while (magnitude);
    buf_add(out, digits + at, sizeof digits - at);
    return true;
}

static Value int_repr(Vm *vm, Value v) {
    Buf out = {0};
    if (as_int(v) < 0) buf_putc(&out, '-');
    if (int_put_digits(vm, v, 10, &out)) return str_from_buf(vm, &out);
    buf_free(&out);
    return NULL_VALUE;
}

static Value bool_repr(Vm *vm, Value v) {
    return str_from(vm, v.i ? "True" : "False");
}

Value number_format(Vm *vm, Value v, Str *spec) {
    if (spec->size == 0) return vm_str(vm, v);
    return format_spec(vm, v, spec->data, spec->size);
}

static Value bad_int(Vm *vm, int base, Value original) {
    Buf repr = {0};
    if (vm_repr_to(vm, original, &repr))
        vm_raise(vm, EXC_ValueError, "invalid literal for int() with base %d: %s", base,
                 buf_text(&repr));
    buf_free(&repr);
    return NULL_VALUE;
}

/* Digits with single underscores between them; returns how many, 0: malformed. */
static size_t count_digits(const char *p, const char *end, int base) {
    size_t count = 0;
    bool after_digit = false;
    for (; p < end; p++) {
        bool digit = bigint_digit_value(*p) < base;
        if (!digit && (*p != '_' || !after_digit)) return 0;
        after_digit = digit;
        count += digit;
    }
    return after_digit ? count : 0;
}

static Value int_from_digits(Vm *vm, const char *p, const char *end, unsigned base, bool negative) {
    int64_t value = 0;
    for (const char *at = p; at <= end; at++) {
        if (at == end) return from_int(negative ? -value : value);
        if (*at == '_') continue;
        int64_t scaled;
        if (!mul_i64(value, base, &scaled) || !add_i64(scaled, bigint_digit_value(*at), &value))
            break;
    }
    BigInt big = bigint_parse(p, (size_t)(end - p), base);
    big.negative = negative && big.count > 0;
    return int_from_bigint(vm, big);
}

Value int_parse(Vm *vm, const char *text, size_t size, int base, Value original) {
    const char *p = text, *end = text + size;
    while (p < end && isspace((unsigned char)*p))
        p++;
    while (end > p && isspace((unsigned char)end[-1]))
        end--;
    bool negative = p < end && *p == '-', marked = false;
    if (p < end && (*p == '-' || *p == '+')) p++;
    int shown = base;
    if (end - p > 2 && *p == '0') {
        char letter = (char)tolower((unsigned char)p[1]);
        int own = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
        marked = own && (base == 0 || base == own);
        if (marked) {
            base = own;
            p += 2 + (p[2] == '_');
        }
    }
    bool leading_zero = base == 0 && p < end && *p == '0';
    if (base == 0) base = 10;
    size_t count = count_digits(p, end, base);
    if (count == 0 || (leading_zero && strspn(p, "0_") < (size_t)(end - p)))
        return bad_int(vm, shown, original);
    if ((base & (base - 1)) != 0 && vm->int_digits_limit > 0 &&
        count > (size_t)vm->int_digits_limit)
        return vm_raise(vm, EXC_ValueError,
                        "Exceeds the limit (%d digits) for integer string conversion: value has "
                        "%zu digits; use sys.set_int_max_str_digits() to increase the limit",
                        vm->int_digits_limit, count);
    return int_from_digits(vm, p, end, (unsigned)base, negative);
}

/* ---- construction ---- */

static Value boxed_int(Vm *vm, Class *cls, Value plain) {
    if (is_null(plain) || cls == vm->cls[CLS_INT]) return plain;
    IntObj *made = (IntObj *)(void *)vm_alloc(vm, cls);
    IntView space;
    made->value = as_int(plain);
    if (is_big(plain)) made->big = bigint_shift_left(int_view(plain, &space), 0);
    decref(plain);
    return FROM_OBJ(made);
}

Value int_from_double(Vm *vm, double value) {
    if (isnan(value)) return vm_raise(vm, EXC_ValueError, "cannot convert float NaN to integer");
    if (isinf(value))
        return vm_raise(vm, EXC_OverflowError, "cannot convert float infinity to integer");
    if (fabs(value) < 9e18) return from_int((int64_t)value);
    return int_from_bigint(vm, bigint_from_double(value));
}

static Value to_int(Vm *vm, Value v) {
    if (is_int(v)) return int_plain(vm, v);
    if (is_float(v)) return int_from_double(vm, as_float(v));
    if (has_flag(v, CLASS_UNKNOWN)) return incref(v);
    if (is_str(v)) return int_parse(vm, as_str(v)->data, as_str(v)->size, 10, v);
    if (has_flag(v, CLASS_BYTES)) {
        const Bytes *bytes = (const Bytes *)(void *)v.o;
        return int_parse(vm, (const char *)bytes->data, bytes->size, 10, v);
    }
    Class *cls = vm_class_of(vm, v);
    if (cls->slots.to_int) {
        Value result = cls->slots.to_int(vm, v);
        if (is_null(result) || is_int(result) || has_flag(result, CLASS_UNKNOWN)) return result;
        vm_raise(vm, EXC_TypeError, "__int__ returned non-int (type %s)",
                 vm_class_name(vm, result));
        decref(result);
        return NULL_VALUE;
    }
    if (cls->slots.to_index) return vm_index(vm, v);
    if (!is_null(class_lookup(cls, vm->names.trunc_)))
        return vm_call_method(vm, v, "__trunc__", NULL, 0);
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
    if (nargs && has_flag(args[0], CLASS_UNKNOWN)) return incref(args[0]);
    int truth = nargs ? vm_truth(vm, args[0]) : 0;
    return truth < 0 ? NULL_VALUE : from_bool(truth);
}

bool number_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

static void int_dealloc(Obj *self) {
    bigint_free(&((IntObj *)(void *)self)->big);
}
static int int_truth(Vm *vm, Value v) {
    (void)vm;
    return as_int(v) != 0;
}
static Value int_to_float(Vm *vm, Value v) {
    double value;
    return vm_to_double(vm, v, &value) ? from_float(value) : NULL_VALUE;
}

const Slots int_slots = {
    .dealloc = int_dealloc,
    .repr = int_repr,
    .format = number_format,
    .hash = hash_slot,
    .binary = int_binary,
    .unary = int_unary,
    .compare = int_compare,
    .truth = int_truth,
    .to_int = int_plain,
    .to_index = int_plain,
    .to_float = int_to_float,
    .create = int_create,
    .init = number_init,
};
const Slots bool_slots = {.repr = bool_repr, .create = bool_create};

/* ---- methods ---- */

METHOD(int_bit_length) {
    NO_ARGUMENTS("bit_length")
    IntView space;
    return from_int((int64_t)bigint_bit_length(int_view(args[0], &space)));
}
METHOD(int_bit_count) {
    NO_ARGUMENTS("bit_count")
    IntView space;
    return from_int((int64_t)bigint_bit_count(int_view(args[0], &space)));
}
METHOD(int_self) {
    NO_ARGUMENTS("conjugate")
    return int_plain(vm, args[0]);
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
    (void)nargs, (void)kwnames;
    return int_plain(vm, args[0]);
}
METHOD(int_ratio) {
    NO_ARGUMENTS("as_integer_ratio")
    return vm_pair(vm, int_plain(vm, args[0]), from_int(1));
}
METHOD(int_round) {
    if (!vm_args_simple(vm, "__round__", nargs, kwnames, 1, 2)) return NULL_VALUE;
    if (nargs == 1 || is_none(args[1])) return int_plain(vm, args[0]);
    int64_t digits;
    if (!vm_to_index(vm, args[1], &digits)) return NULL_VALUE;
    return digits >= 0 ? int_plain(vm, args[0]) : int_big_round(vm, args[0], -digits);
}

static bool byte_order(Vm *vm, Value given, bool *little) {
    *little = is_str(given) && str_equals(as_str(given), "little");
    if (is_null(given) || *little || (is_str(given) && str_equals(as_str(given), "big")))
        return true;
    vm_raise(vm, EXC_ValueError, "byteorder must be either 'little' or 'big'");
    return false;
}

static void reverse_bytes(unsigned char *bytes, size_t size) {
    for (size_t i = 0; i + 1 < size - i; i++) {
        unsigned char swapped = bytes[i];
        bytes[i] = bytes[size - 1 - i];
        bytes[size - 1 - i] = swapped;
    }
}

METHOD(int_to_bytes) {
    Value out[3];
    int64_t size = 1;
    bool little;
    IntView space;
    if (!vm_args(vm, "to_bytes", "length? byteorder? * signed?", args + 1, nargs - 1, kwnames,
                 out) ||
        (!is_null(out[0]) && !vm_to_index(vm, out[0], &size)) || !byte_order(vm, out[1], &little))
        return NULL_VALUE;
    int is_signed = is_null(out[2]) ? 0 : vm_truth(vm, out[2]);
    if (is_signed < 0) return NULL_VALUE;
    if (size < 0) return vm_raise(vm, EXC_ValueError, "length argument must be non-negative");
    if (as_int(args[0]) < 0 && !is_signed)
        return vm_raise(vm, EXC_OverflowError, "can't convert negative int to unsigned");
    unsigned char *bytes = xcalloc((size_t)size + 1, 1);
    Value made = NULL_VALUE;
    if (bigint_to_bytes(int_view(args[0], &space), bytes, (size_t)size, is_signed)) {
        if (!little) reverse_bytes(bytes, (size_t)size);
        made = bytes_new(vm, (const char *)bytes, (size_t)size);
    } else {
        vm_raise(vm, EXC_OverflowError, "int too big to convert");
    }
    free(bytes);
    return made;
}

METHOD(int_from_bytes) {
    Value out[3];
    bool little;
    if (!vm_args(vm, "from_bytes", "bytes byteorder? * signed?", args + 1, nargs - 1, kwnames,
                 out) ||
        !byte_order(vm, out[1], &little))
        return NULL_VALUE;
    int is_signed = is_null(out[2]) ? 0 : vm_truth(vm, out[2]);
    if (is_signed < 0) return NULL_VALUE;
    Value given = vm_call1(vm, FROM_OBJ(vm->cls[CLS_BYTES]), out[0]);
    if (is_null(given)) return given;
    const Bytes *source = (const Bytes *)(void *)given.o;
    unsigned char *bytes = xmalloc(source->size + 1);
    memcpy(bytes, source->data, source->size);
    if (!little) reverse_bytes(bytes, source->size);
    Value made = int_from_bigint(vm, bigint_from_bytes(bytes, source->size, is_signed));
    free(bytes);
    decref(given);
    return made;
}

const Method int_methods[] = {
    {"bit_length", int_bit_length, 0},
    {"bit_count", int_bit_count, 0},
    {"conjugate", int_self, 0},
    {"as_integer_ratio", int_ratio, 0},
    {"to_bytes", int_to_bytes, 0},
    {"from_bytes", int_from_bytes, METHOD_CLASS},
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
