/* The format mini-language: [[fill]align][sign][#][0][width][,|_][.precision][type], for ints,
 * floats and strings. `%`-formatting and str.format (format_template.c) end here too. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "frontend/int.h"

typedef struct Spec {
    const char *fill;
    size_t fill_size;
    char align; /* 0: the type's own */
    char sign;  /* '-', '+' or ' ' */
    bool alternate, zero, no_negative_zero;
    int64_t width, precision; /* precision -1: none */
    char grouping;            /* 0, ',' or '_' */
    char type;                /* 0: none */
} Spec;

static bool is_align(char c) {
    return c == '<' || c == '>' || c == '=' || c == '^';
}

static bool parse_number(const char **p, const char *end, int64_t *out) {
    *out = 0;
    while (*p < end && isdigit((unsigned char)**p)) {
        *out = *out * 10 + (**p - '0');
        if (*out > 1000000000) return false;
        (*p)++;
    }
    return true;
}

static bool parse_spec(Vm *vm, const char *text, size_t size, const char *type_name, Spec *spec) {
    const char *p = text, *end = text + size;
    *spec = (Spec){.fill = " ", .fill_size = 1, .sign = '-', .precision = -1, .width = -1};
    uint32_t c;
    size_t n = size ? utf8_decode(p, size, &c) : 0;
    if (size > n && n > 0 && is_align(p[n])) {
        spec->fill = p;
        spec->fill_size = n;
        spec->align = p[n];
        p += n + 1;
    } else if (size > 0 && is_align(*p)) {
        spec->align = *p++;
    }
    if (p < end && (*p == '+' || *p == '-' || *p == ' ')) spec->sign = *p++;
    if (p < end && *p == 'z') spec->no_negative_zero = true, p++;
    if (p < end && *p == '#') spec->alternate = true, p++;
    if (p < end && *p == '0') {
        if (!spec->align) {
            spec->fill = "0";
            spec->fill_size = 1;
            spec->align = '=';
            spec->zero = true;
        }
        p++;
    }
    const char *digits = p;
    bool ok = parse_number(&p, end, &spec->width);
    if (p == digits) spec->width = -1;
    if (p < end && (*p == ',' || *p == '_')) {
        spec->grouping = *p++;
        if (p < end && (*p == ',' || *p == '_')) {
            vm_raise(vm, EXC_ValueError,
                     *p == spec->grouping ? "Cannot specify '%c' with '%c'."
                                          : "Cannot specify both ',' and '_'.",
                     spec->grouping, *p);
            return false;
        }
    }
    if (p < end && *p == '.') {
        p++;
        digits = p;
        ok = ok && parse_number(&p, end, &spec->precision);
        if (p == digits) {
            vm_raise(vm, EXC_ValueError, "Format specifier missing precision");
            return false;
        }
    }
    if (!ok) {
        vm_raise(vm, EXC_ValueError, "Too many decimal digits in format string");
        return false;
    }
    if (p < end) spec->type = *p++;
    if (p < end) {
        vm_raise(vm, EXC_ValueError, "Invalid format specifier '%.*s' for object of type '%s'",
                 (int)size, text, type_name);
        return false;
    }
    return true;
}

static Value unknown_code(Vm *vm, char code, const char *type_name) {
    const char *shown = code > 0x20 && code < 0x7f
                            ? "Unknown format code '%c' for object of type '%s'"
                            : "Unknown format code '\\x%x' for object of type '%s'";
    return vm_raise(vm, EXC_ValueError, shown, code, type_name);
}

static void put_fill(Buf *out, const Spec *spec, int64_t times) {
    for (int64_t i = 0; i < times; i++)
        buf_add(out, spec->fill, spec->fill_size);
}

/* Pads `sign` + `body`; '=' puts the padding between them. */
static Value pad(Vm *vm, const Spec *spec, char natural, const char *sign, const char *body,
                 size_t size, size_t code_points) {
    int64_t missing = spec->width - (int64_t)(strlen(sign) + code_points);
    if (missing < 0) missing = 0;
    char align = spec->align ? spec->align : natural;
    int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
    Buf out = {0};
    if (align == '=') {
        buf_puts(&out, sign);
        put_fill(&out, spec, missing);
    } else {
        put_fill(&out, spec, left);
        buf_puts(&out, sign);
    }
    buf_add(&out, body, size);
    if (align != '=') put_fill(&out, spec, missing - left);
    return str_from_buf(vm, &out);
}

/* Digits in groups; with zero padding the zeros are grouped too, up to `min_width` characters. */
static void group_digits(Buf *out, const char *digits, size_t count, char separator, size_t every,
                         int64_t min_width) {
    size_t total = count;
    while ((int64_t)(total + (total - 1) / every) < min_width)
        total++;
    if (min_width > 0 && total > count && (int64_t)(total + (total - 1) / every) > min_width &&
        (total - 1) % every == 0 && total - 1 >= count && total - 1 > 0 &&
        (int64_t)(total - 1 + (total - 2) / every) >= min_width)
        total--;
    for (size_t i = 0; i < total; i++) {
        size_t left = total - i;
        if (i > 0 && left % every == 0) buf_putc(out, separator);
        buf_putc(out, left > count ? '0' : digits[count - left]);
    }
}

static const char *sign_text(bool negative, char sign) {
    if (negative) return "-";
    return sign == '+' ? "+" : sign == ' ' ? " " : "";
}

static Value format_int(Vm *vm, Value v, const Spec *spec) {
    int64_t value = as_int(v);
    char type = spec->type ? spec->type : 'd';
    if (spec->precision >= 0)
        return vm_raise(vm, EXC_ValueError, "Precision not allowed in integer format specifier");
    if (type == 'c') {
        if (value < 0 || value > 0x10ffff)
            return vm_raise(vm, EXC_OverflowError, "%%c arg not in range(0x110000)");
        Buf c = {0};
        utf8_put(&c, (uint32_t)value);
        Value made = pad(vm, spec, '<', "", buf_text(&c), c.size, 1);
        buf_free(&c);
        return made;
    }
    unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
    if (spec->grouping == ',' && base != 10)
        return vm_raise(vm, EXC_ValueError, "Cannot specify ',' with '%c'.", type);
    Buf digits = {0}, grouped = {0};
    if (!int_put_digits(vm, v, base, &digits)) return NULL_VALUE;
    for (size_t i = 0; type == 'X' && i < digits.size; i++)
        digits.data[i] = (char)toupper((unsigned char)digits.data[i]);
    char sign[4];
    snprintf(sign, sizeof sign, "%s", sign_text(value < 0, spec->sign));
    if (spec->alternate && base != 10) {
        size_t n = strlen(sign);
        sign[n] = '0';
        sign[n + 1] = type;
        sign[n + 2] = '\0';
    }
    if (spec->grouping) {
        int64_t zeros = spec->zero ? spec->width - (int64_t)strlen(sign) : 0;
        group_digits(&grouped, buf_text(&digits), digits.size, spec->grouping, base == 10 ? 3 : 4,
                     zeros);
    }
    const Buf *body = spec->grouping ? &grouped : &digits;
    Value made = pad(vm, spec, '>', sign, buf_text(body), body->size, body->size);
    buf_free(&digits);
    buf_free(&grouped);
    return made;
}

/* %g without its stripping of zeros undone: Python's 'g' is C's, '#' keeps the zeros. */
static void float_digits(Buf *out, double value, const Spec *spec, char type) {
    int precision = spec->precision < 0 ? 6 : (int)spec->precision;
    switch (type) {
    case 'e':
    case 'E':
        buf_printf(out, spec->alternate ? "%#.*e" : "%.*e", precision, value);
        break;
    case 'f':
    case 'F':
    case '%':
        buf_printf(out, spec->alternate ? "%#.*f" : "%.*f", precision, value);
        break;
    default:
        if (precision == 0) precision = 1;
        buf_printf(out, spec->alternate ? "%#.*g" : "%.*g", precision, value);
        break;
    }
}

/* A float without a type: repr's digits, or 'g' with at least one digit behind the point. */
static void plain_float_digits(Buf *out, double value, const Spec *spec) {
    if (spec->precision < 0) {
        buf_put_double(out, value);
        return;
    }
    int precision = spec->precision == 0 ? 1 : (int)spec->precision;
    char text[64];
    snprintf(text, sizeof text, "%.*e", precision - 1 > 40 ? 40 : precision - 1, value);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent == precision - 1 && exponent >= 0 && exponent < 16) {
        /* CPython switches to the exponent one digit earlier here, to leave room for ".0" */
        Buf mantissa = {0};
        buf_printf(&mantissa, "%.*e", precision - 1, value);
        char *e = strchr(mantissa.data, 'e'), *last = e;
        if (strchr(mantissa.data, '.'))
            while (last[-1] == '0')
                last--;
        if (last[-1] == '.') last--;
        buf_add(out, mantissa.data, (size_t)(last - mantissa.data));
        buf_puts(out, e);
        buf_free(&mantissa);
        return;
    }
    size_t before = out->size;
    buf_printf(out, "%.*g", precision, value);
    if (!strpbrk(out->data + before, ".e")) buf_puts(out, ".0");
}

static Value format_float(Vm *vm, double value, const Spec *spec) {
    char type = spec->type;
    bool negative = signbit(value) && !isnan(value);
    double magnitude = fabs(value);
    Buf body = {0};
    if (type == '%') magnitude *= 100.0;
    if (!isfinite(value)) {
        bool big = type == 'E' || type == 'F' || type == 'G';
        buf_puts(&body, isnan(value) ? (big ? "NAN" : "nan") : (big ? "INF" : "inf"));
    } else if (type == 0 || (type == 'n' && spec->precision < 0 && false)) {
        plain_float_digits(&body, magnitude, spec);
    } else {
        float_digits(&body, magnitude, spec, type);
        if (type == 'E' || type == 'G')
            for (size_t i = 0; i < body.size; i++)
                body.data[i] = (char)toupper((unsigned char)body.data[i]);
    }
    if (type == '%') buf_putc(&body, '%');
    if (negative && spec->no_negative_zero && strspn(buf_text(&body), "0.") == body.size)
        negative = false;
    const char *sign = sign_text(negative, spec->sign);
    if (spec->grouping && isfinite(value)) {
        size_t whole = strspn(body.data, "0123456789");
        Buf grouped = {0};
        int64_t zeros =
            spec->zero ? spec->width - (int64_t)strlen(sign) - (int64_t)(body.size - whole) : 0;
        group_digits(&grouped, body.data, whole, spec->grouping, 3, zeros);
        buf_add(&grouped, body.data + whole, body.size - whole);
        buf_free(&body);
        body = grouped;
    }
    Value made = pad(vm, spec, '>', sign, buf_text(&body), body.size, body.size);
    buf_free(&body);
    return made;
}

static Value format_str(Vm *vm, const Str *s, const Spec *spec) {
    if (spec->sign != '-')
        return vm_raise(vm, EXC_ValueError, "%s not allowed in string format specifier",
                        spec->sign == ' ' ? "Space" : "Sign");
    if (spec->align == '=' && !spec->zero)
        return vm_raise(vm, EXC_ValueError, "'=' alignment not allowed in string format specifier");
    if (spec->alternate)
        return vm_raise(vm, EXC_ValueError,
                        "Alternate form (#) not allowed in string format specifier");
    if (spec->grouping)
        return vm_raise(vm, EXC_ValueError, "Cannot specify '%c' with 's'.", spec->grouping);
    size_t length = s->length;
    if (spec->precision >= 0 && (size_t)spec->precision < length) length = (size_t)spec->precision;
    Spec used = *spec;
    if (used.align == '=') used.align = '<';
    return pad(vm, &used, '<', "", s->data, str_offset(s, length), length);
}

Value format_spec(Vm *vm, Value v, const char *text, size_t size) {
    Spec spec;
    const char *type_name = vm_class_name(vm, v);
    if (!parse_spec(vm, text, size, type_name, &spec)) return NULL_VALUE;
    if (is_str(v)) {
        if (spec.type && spec.type != 's') return unknown_code(vm, spec.type, type_name);
        return format_str(vm, as_str(v), &spec);
    }
    if (is_int(v)) {
        if (!spec.type || strchr("bcdoxXn", spec.type)) return format_int(vm, v, &spec);
        if (!strchr("eEfFgG%", spec.type)) return unknown_code(vm, spec.type, type_name);
        double value;
        return vm_to_double(vm, v, &value) ? format_float(vm, value, &spec) : NULL_VALUE;
    }
    if (spec.type && !strchr("eEfFgGn%", spec.type)) return unknown_code(vm, spec.type, type_name);
    return format_float(vm, as_float(v), &spec);
}
