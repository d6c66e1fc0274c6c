/* The math module. */
#include <math.h>

#include "frontend/int.h"
#include "frontend/modules/modules.h"

void module_functions(Vm *vm, ModuleObj *module, const Method *list) {
    for (; list->name; list++)
        module_function(vm, module, list->name, list->function);
}

static Value domain_error(Vm *vm) {
    return vm_raise(vm, EXC_ValueError, "math domain error");
}

/* A result that must be finite for finite arguments, and a number for numbers. */
static Value checked(Vm *vm, double result, bool finite_arguments, bool nan_argument) {
    if (isnan(result) && !nan_argument) return domain_error(vm);
    if (isinf(result) && finite_arguments)
        return vm_raise(vm, EXC_OverflowError, "math range error");
    return from_float(result);
}

static Value unary(Vm *vm, const char *name, double (*f)(double), const Value *args, int nargs,
                   const Tuple *kwnames) {
    double x;
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &x))
        return NULL_VALUE;
    return checked(vm, f(x), isfinite(x), isnan(x));
}
#define UNARY(name)                                                                                \
    MODULE_FUNCTION(math_##name) {                                                                 \
        return unary(vm, #name, name, args, nargs, kwnames);                                       \
    }
UNARY(sqrt)
UNARY(exp)
UNARY(exp2)
UNARY(expm1)
UNARY(sin)
UNARY(cos)
UNARY(tan)
UNARY(asin)
UNARY(acos)
UNARY(atan)
UNARY(sinh)
UNARY(cosh)
UNARY(tanh)
UNARY(asinh)
UNARY(acosh)
UNARY(erf)
UNARY(erfc)
UNARY(fabs)
UNARY(cbrt)

/* Poles and domain errors of the logarithms and gamma are ValueErrors. */
static Value pole(Vm *vm, const char *name, double (*f)(double), const Value *args, int nargs,
                  const Tuple *kwnames) {
    double x;
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &x))
        return NULL_VALUE;
    double result = f(x);
    if (isfinite(x) && (isnan(result) || (isinf(result) && (x <= 0 || f == atanh))))
        return domain_error(vm);
    return checked(vm, result, isfinite(x), isnan(x));
}
#define POLE(name)                                                                                 \
    MODULE_FUNCTION(math_##name) {                                                                 \
        return pole(vm, #name, name, args, nargs, kwnames);                                        \
    }
POLE(lgamma)
POLE(log1p)
POLE(atanh)
MODULE_FUNCTION(math_gamma) {
    return pole(vm, "gamma", tgamma, args, nargs, kwnames);
}

/* A logarithm, also of ints that no double holds. */
static bool logarithm(Vm *vm, Value v, double (*f)(double), double *out) {
    double x;
    if (is_big(v) && as_int(v) > 0) {
        const BigInt *big = &((IntObj *)(void *)v.o)->big;
        size_t bits = bigint_bit_length(big), drop = bits > 1024 ? bits - 64 : 0;
        BigInt top = bigint_shift_right(big, drop);
        x = bigint_to_double(&top);
        bigint_free(&top);
        if (drop) x = ldexp(x, -64); /* a fraction, times 2^bits */
        *out = f(x) + (drop ? f(2.0) * (double)bits : 0.0);
        return true;
    }
    if (!vm_to_double(vm, v, &x)) return false;
    *out = f(x);
    if (x > 0.0 || isnan(x)) return true;
    domain_error(vm);
    return false;
}

MODULE_FUNCTION(math_log) {
    double x, base;
    if (!vm_args_simple(vm, "log", nargs, kwnames, 1, 2) || !logarithm(vm, args[0], log, &x))
        return NULL_VALUE;
    if (nargs == 1) return from_float(x);
    if (!logarithm(vm, args[1], log, &base)) return NULL_VALUE;
    return base == 0.0 ? zero_division(vm, "float division by zero") : from_float(x / base);
}
MODULE_FUNCTION(math_log2) {
    double x;
    if (!vm_args_simple(vm, "log2", nargs, kwnames, 1, 1) || !logarithm(vm, args[0], log2, &x))
        return NULL_VALUE;
    return from_float(x);
}
MODULE_FUNCTION(math_log10) {
    double x;
    if (!vm_args_simple(vm, "log10", nargs, kwnames, 1, 1) || !logarithm(vm, args[0], log10, &x))
        return NULL_VALUE;
    return from_float(x);
}

static Value binary(Vm *vm, const char *name, double (*f)(double, double), const Value *args,
                    int nargs, const Tuple *kwnames) {
    double x, y;
    if (!vm_args_simple(vm, name, nargs, kwnames, 2, 2) || !vm_to_double(vm, args[0], &x) ||
        !vm_to_double(vm, args[1], &y))
        return NULL_VALUE;
    if (f == pow && x == 0 && isfinite(y) && y < 0) return domain_error(vm);
    return checked(vm, f(x, y), isfinite(x) && isfinite(y), isnan(x) || isnan(y));
}
#define BINARY(name)                                                                               \
    MODULE_FUNCTION(math_##name) {                                                                 \
        return binary(vm, #name, name, args, nargs, kwnames);                                      \
    }
BINARY(pow)
BINARY(fmod)
BINARY(atan2)
BINARY(copysign)
BINARY(nextafter)
BINARY(remainder)

/* The distance from |x| to the next double. */
static double ulp(double x) {
    x = fabs(x);
    if (!isfinite(x)) return x;
    double next = nextafter(x, INFINITY);
    return isinf(next) ? x - nextafter(x, 0) : next - x;
}

MODULE_FUNCTION(math_ulp) {
    double x;
    if (!vm_args_simple(vm, "ulp", nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &x))
        return NULL_VALUE;
    return from_float(ulp(x));
}

MODULE_FUNCTION(math_ldexp) {
    double x;
    int64_t e;
    if (!vm_args_simple(vm, "ldexp", nargs, kwnames, 2, 2) || !vm_to_double(vm, args[0], &x) ||
        !vm_to_index(vm, args[1], &e))
        return NULL_VALUE;
    return checked(vm,
                   ldexp(x, e > 5000    ? 5000
                            : e < -5000 ? -5000
                                        : (int)e),
                   isfinite(x), isnan(x));
}

MODULE_FUNCTION(math_frexp) {
    double x;
    int exponent = 0;
    if (!vm_args_simple(vm, "frexp", nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &x))
        return NULL_VALUE;
    double mantissa = isfinite(x) ? frexp(x, &exponent) : x;
    return vm_pair(vm, from_float(mantissa), from_int(exponent));
}

MODULE_FUNCTION(math_modf) {
    double x, whole;
    if (!vm_args_simple(vm, "modf", nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &x))
        return NULL_VALUE;
    double part = modf(x, &whole);
    return vm_pair(vm, from_float(part), from_float(whole));
}

/* floor, ceil and trunc give ints, through the object's own method when it has one. */
static Value to_whole(Vm *vm, const char *name, double (*f)(double), Str *method, const Value *args,
                      int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 1)) return NULL_VALUE;
    bool found;
    Value result = call_dunder(vm, args[0], method, NULL, 0, &found);
    if (found) return result;
    double x;
    if (!vm_to_double(vm, args[0], &x)) return NULL_VALUE;
    return vm_call1(vm, FROM_OBJ(vm->cls[CLS_INT]), from_float(f(x)));
}
MODULE_FUNCTION(math_floor) {
    return to_whole(vm, "floor", floor, vm->names.floor_, args, nargs, kwnames);
}
MODULE_FUNCTION(math_ceil) {
    return to_whole(vm, "ceil", ceil, vm->names.ceil_, args, nargs, kwnames);
}
MODULE_FUNCTION(math_trunc) {
    return to_whole(vm, "trunc", trunc, vm->names.trunc_, args, nargs, kwnames);
}

#define PREDICATE(name, expression)                                                                \
    MODULE_FUNCTION(math_##name) {                                                                 \
        double x;                                                                                  \
        if (!vm_args_simple(vm, #name, nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &x))    \
            return NULL_VALUE;                                                                     \
        return from_bool((expression) != 0);                                                       \
    }
PREDICATE(isnan, isnan(x))
PREDICATE(isinf, isinf(x))
PREDICATE(isfinite, isfinite(x))

MODULE_FUNCTION(math_degrees) {
    double x;
    if (!vm_args_simple(vm, "degrees", nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &x))
        return NULL_VALUE;
    return from_float(x * (180.0 / M_PI));
}
MODULE_FUNCTION(math_radians) {
    double x;
    if (!vm_args_simple(vm, "radians", nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &x))
        return NULL_VALUE;
    return from_float(x * (M_PI / 180.0));
}

/* One binary operation whose operands it takes. */
static Value combine(Vm *vm, BinaryOp op, Value a, Value b) {
    Value result = is_null(a) || is_null(b) ? NULL_VALUE : vm_binary(vm, op, a, b);
    decref(a);
    decref(b);
    return result;
}

static Value greatest_divisor(Vm *vm, Value a, Value b) {
    IntView space_a, space_b;
    return int_from_bigint(vm, bigint_gcd(int_view(a, &space_a), int_view(b, &space_b)));
}

static Value gcd_or_lcm(Vm *vm, const Value *args, int nargs, bool multiple) {
    Value result = from_int(multiple);
    for (int i = 0; i < nargs && !is_null(result); i++) {
        Value v = vm_index(vm, args[i]), next = NULL_VALUE;
        if (!is_null(v)) next = greatest_divisor(vm, result, v);
        if (multiple && !is_null(next) && vm_truth(vm, next) > 0) {
            Value part = combine(vm, BINARY_FLOORDIV, incref(result), next);
            next = combine(vm, BINARY_MUL, part, vm_unary(vm, UNARY_ABS, v));
        }
        decref(v);
        decref(result);
        result = next;
    }
    return result;
}
MODULE_FUNCTION(math_gcd) {
    if (!vm_args_simple(vm, "gcd", nargs, kwnames, 0, -1)) return NULL_VALUE;
    return gcd_or_lcm(vm, args, nargs, false);
}
MODULE_FUNCTION(math_lcm) {
    if (!vm_args_simple(vm, "lcm", nargs, kwnames, 0, -1)) return NULL_VALUE;
    return gcd_or_lcm(vm, args, nargs, true);
}

/* low * (low + 1) * … * high, by halves so that factors are of like size. */
static Value product(Vm *vm, int64_t low, int64_t high) {
    if (low > high) return from_int(1);
    if (high - low < 8) {
        Value result = from_int(low);
        for (int64_t i = low + 1; i <= high; i++)
            result = combine(vm, BINARY_MUL, result, from_int(i));
        return result;
    }
    int64_t middle = low + (high - low) / 2;
    return combine(vm, BINARY_MUL, product(vm, low, middle), product(vm, middle + 1, high));
}
MODULE_FUNCTION(math_factorial) {
    int64_t n;
    if (!vm_args_simple(vm, "factorial", nargs, kwnames, 1, 1) || !vm_to_index(vm, args[0], &n))
        return NULL_VALUE;
    if (n < 0) return vm_raise(vm, EXC_ValueError, "factorial() not defined for negative values");
    return product(vm, 2, n);
}

static bool two_counts(Vm *vm, int64_t n, int64_t k) {
    if (n >= 0 && k >= 0) return true;
    vm_raise(vm, EXC_ValueError, "%c must be a non-negative integer", n < 0 ? 'n' : 'k');
    return false;
}
MODULE_FUNCTION(math_comb) {
    int64_t n, k;
    if (!vm_args_simple(vm, "comb", nargs, kwnames, 2, 2) || !vm_to_index(vm, args[0], &n) ||
        !vm_to_index(vm, args[1], &k) || !two_counts(vm, n, k))
        return NULL_VALUE;
    if (k > n) return from_int(0);
    if (k > n - k) k = n - k;
    return combine(vm, BINARY_FLOORDIV, product(vm, n - k + 1, n), product(vm, 2, k));
}
MODULE_FUNCTION(math_perm) {
    int64_t n, k;
    if (!vm_args_simple(vm, "perm", nargs, kwnames, 1, 2) || !vm_to_index(vm, args[0], &n))
        return NULL_VALUE;
    k = n;
    if (nargs == 2 && !is_none(args[1]) && !vm_to_index(vm, args[1], &k)) return NULL_VALUE;
    if (!two_counts(vm, n, k)) return NULL_VALUE;
    return k > n ? from_int(0) : product(vm, n - k + 1, n);
}

MODULE_FUNCTION(math_isqrt) {
    if (!vm_args_simple(vm, "isqrt", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value n = vm_index(vm, args[0]), root = NULL_VALUE;
    IntView space;
    if (is_null(n)) return n;
    if (as_int(n) < 0)
        vm_raise(vm, EXC_ValueError, "isqrt() argument must be nonnegative");
    else
        root = int_from_bigint(vm, bigint_isqrt(int_view(n, &space)));
    decref(n);
    return root;
}

MODULE_FUNCTION(math_isclose) {
    Value out[4];
    double a, b, relative = 1e-9, absolute = 0.0;
    if (!vm_args(vm, "isclose", "a b * rel_tol? abs_tol?", args, nargs, kwnames, out) ||
        !vm_to_double(vm, out[0], &a) || !vm_to_double(vm, out[1], &b) ||
        (!is_null(out[2]) && !vm_to_double(vm, out[2], &relative)) ||
        (!is_null(out[3]) && !vm_to_double(vm, out[3], &absolute)))
        return NULL_VALUE;
    if (a == b) return from_bool(true);
    if (isinf(a) || isinf(b)) return from_bool(false);
    double diff = fabs(b - a);
    return from_bool(diff <= fabs(relative * b) || diff <= fabs(relative * a) || diff <= absolute);
}

/* Exact sums: partials that don't overlap, as Shewchuk's algorithm keeps them. */
MODULE_FUNCTION(math_fsum) {
    if (!vm_args_simple(vm, "fsum", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value iterator = vm_iter(vm, args[0]);
    if (is_null(iterator)) return iterator;
    VEC(double) partials = {0};
    double special = 0.0;
    for (;;) {
        Value item = vm_next(vm, iterator);
        double x;
        if (is_null(item)) break;
        bool ok = vm_to_double(vm, item, &x);
        decref(item);
        if (!ok) break;
        if (!isfinite(x)) {
            special += x;
            continue;
        }
        size_t kept = 0;
        for (size_t i = 0; i < partials.count; i++) {
            double y = partials.items[i];
            if (fabs(x) < fabs(y)) {
                double swap = x;
                x = y;
                y = swap;
            }
            double high = x + y, low = y - (high - x);
            if (low != 0.0) partials.items[kept++] = low;
            x = high;
        }
        partials.count = kept;
        VEC_PUSH(partials, x);
    }
    decref(iterator);
    double high = 0.0;
    size_t n = partials.count;
    if (n > 0) {
        double low = 0.0;
        high = partials.items[--n];
        while (n > 0) {
            double x = high, y = partials.items[--n];
            high = x + y;
            low = y - (high - x);
            if (low != 0.0) break;
        }
        if (n > 0 && ((low < 0.0 && partials.items[n - 1] < 0.0) ||
                      (low > 0.0 && partials.items[n - 1] > 0.0))) {
            double doubled = low * 2.0, x = high + doubled;
            if (doubled == x - high) high = x; /* round half to even across the partials */
        }
    }
    VEC_FREE(partials);
    if (vm_failed(vm)) return NULL_VALUE;
    return from_float(special != 0.0 || isnan(special) ? special : high);
}

MODULE_FUNCTION(math_hypot) {
    if (!vm_args_simple(vm, "hypot", nargs, kwnames, 0, -1)) return NULL_VALUE;
    double result = 0.0, x;
    for (int i = 0; i < nargs; i++) {
        if (!vm_to_double(vm, args[i], &x)) return NULL_VALUE;
        result = i == 0 ? fabs(x) : hypot(result, x);
    }
    return from_float(result);
}

MODULE_FUNCTION(math_prod) {
    Value out[2];
    if (!vm_args(vm, "prod", "iterable * start?", args, nargs, kwnames, out)) return NULL_VALUE;
    Value total = is_null(out[1]) ? from_int(1) : incref(out[1]);
    Value iterator = vm_iter(vm, out[0]);
    while (!is_null(iterator) && !is_null(total)) {
        Value item = vm_next(vm, iterator);
        if (is_null(item)) break;
        Value next = vm_binary(vm, BINARY_MUL, total, item);
        decref(item);
        decref(total);
        total = next;
    }
    decref(iterator);
    if (!vm_failed(vm)) return total;
    decref(total);
    return NULL_VALUE;
}

MODULE_FUNCTION(math_dist) {
    if (!vm_args_simple(vm, "dist", nargs, kwnames, 2, 2)) return NULL_VALUE;
    const Value *p, *q;
    size_t n, m;
    if (!vm_items(args[0], &p, &n) || !vm_items(args[1], &q, &m) || n != m)
        return vm_raise(vm, EXC_ValueError, "both points must have the same number of dimensions");
    double result = 0.0, a, b;
    for (size_t i = 0; i < n; i++) {
        if (!vm_to_double(vm, p[i], &a) || !vm_to_double(vm, q[i], &b)) return NULL_VALUE;
        result = hypot(result, a - b);
    }
    return from_float(result);
}

static const Method functions[] = {
    {"sqrt", math_sqrt, 0},         {"exp", math_exp, 0},
    {"exp2", math_exp2, 0},         {"expm1", math_expm1, 0},
    {"log", math_log, 0},           {"log1p", math_log1p, 0},
    {"log2", math_log2, 0},         {"log10", math_log10, 0},
    {"sin", math_sin, 0},           {"cos", math_cos, 0},
    {"tan", math_tan, 0},           {"asin", math_asin, 0},
    {"acos", math_acos, 0},         {"atan", math_atan, 0},
    {"atan2", math_atan2, 0},       {"sinh", math_sinh, 0},
    {"cosh", math_cosh, 0},         {"tanh", math_tanh, 0},
    {"asinh", math_asinh, 0},       {"acosh", math_acosh, 0},
    {"atanh", math_atanh, 0},       {"erf", math_erf, 0},
    {"erfc", math_erfc, 0},         {"gamma", math_gamma, 0},
    {"lgamma", math_lgamma, 0},     {"fabs", math_fabs, 0},
    {"cbrt", math_cbrt, 0},         {"pow", math_pow, 0},
    {"fmod", math_fmod, 0},         {"remainder", math_remainder, 0},
    {"copysign", math_copysign, 0}, {"nextafter", math_nextafter, 0},
    {"ulp", math_ulp, 0},           {"ldexp", math_ldexp, 0},
    {"frexp", math_frexp, 0},       {"modf", math_modf, 0},
    {"floor", math_floor, 0},       {"ceil", math_ceil, 0},
    {"trunc", math_trunc, 0},       {"isnan", math_isnan, 0},
    {"isinf", math_isinf, 0},       {"isfinite", math_isfinite, 0},
    {"isclose", math_isclose, 0},   {"degrees", math_degrees, 0},
    {"radians", math_radians, 0},   {"gcd", math_gcd, 0},
    {"lcm", math_lcm, 0},           {"factorial", math_factorial, 0},
    {"comb", math_comb, 0},         {"perm", math_perm, 0},
    {"isqrt", math_isqrt, 0},       {"fsum", math_fsum, 0},
    {"hypot", math_hypot, 0},       {"prod", math_prod, 0},
    {"dist", math_dist, 0},         {NULL, NULL, 0},
};

/* The first number that isn't known, among the arguments or the items of one; NULL_VALUE: none. */
static Value unknown_argument(Vm *vm, const Value *args, int nargs) {
    Value found = NULL_VALUE;
    for (int i = 0; i < nargs && is_null(found); i++) {
        const Value *items;
        size_t count;
        found = vm_unknown_number(vm, args[i]);
        if (!vm_items(args[i], &items, &count)) continue;
        for (size_t k = 0; k < count && is_null(found); k++)
            found = vm_unknown_number(vm, items[k]);
    }
    return found;
}

/* Compiling: a function of a number that isn't known gives one, which is taken to be finite. */
MODULE_FUNCTION(math_compiling) {
    const Method *method = &functions[as_int(vm->native_data)];
    Value unknown = unknown_argument(vm, args, nargs);
    if (is_null(unknown)) return method->function(vm, args, nargs, kwnames);
    bool finite = method->function == math_isfinite;
    if (!finite && method->function != math_isnan && method->function != math_isinf) return unknown;
    decref(unknown);
    return from_bool(finite);
}

bool module_math(Vm *vm, ModuleObj *module) {
    if (!vm->silent) module_functions(vm, module, functions);
    for (int64_t i = 0; vm->silent && functions[i].name; i++)
        module_set(vm, module, functions[i].name,
                   native_new(vm, functions[i].name, math_compiling, NULL_VALUE, from_int(i)));
    module_set(vm, module, "pi", from_float(M_PI));
    module_set(vm, module, "e", from_float(M_E));
    module_set(vm, module, "tau", from_float(2 * M_PI));
    module_set(vm, module, "inf", from_float(HUGE_VAL));
    return module_set(vm, module, "nan", from_float((double)NAN));
}
