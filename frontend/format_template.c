/* Templates: `"…" % args` and "…".format(…). Each field ends in format.c or in str(). */
#include <ctype.h>
#include <stdlib.h>

#include "frontend/int.h"

/* ---- % ---- */

typedef struct PercentArgs {
    Value args;
    const Value *items; /* of a tuple; else the one value */
    size_t count, next;
    bool mapping;
} PercentArgs;

static Value next_arg(Vm *vm, PercentArgs *from) {
    if (from->next < from->count) return from->items[from->next++];
    return vm_raise(vm, EXC_TypeError, "not enough arguments for format string");
}

static bool star(Vm *vm, PercentArgs *from, int64_t *out) {
    Value v = next_arg(vm, from);
    if (is_null(v)) return false;
    if (is_int(v)) {
        *out = as_int(v);
        return true;
    }
    vm_raise(vm, EXC_TypeError, "* wants int");
    return false;
}

/* One conversion of a `%` template: "%-+ #05.2f". */
typedef struct Conversion {
    char flags[8];
    int64_t width, precision; /* -1: none */
    char type;
} Conversion;

static bool has(const Conversion *c, char flag) {
    return strchr(c->flags, flag) != NULL;
}

/* What is shown for %d, %x and their kind: an int. */
static Value whole_number(Vm *vm, char type, Value v) {
    bool decimal = strchr("diu", type) != NULL;
    const Slots *slots = &vm_class_of(vm, v)->slots;
    if (is_int(v)) return vm_index(vm, v);
    if (decimal && (is_float(v) || (slots->to_int && !is_str(v))))
        return vm_call1(vm, FROM_OBJ(vm->cls[CLS_INT]), v);
    if (slots->to_index) return vm_index(vm, v);
    return vm_raise(vm, EXC_TypeError, "%%%c format: %s, not %s", type,
                    decimal ? "a real number is required" : "an integer is required",
                    vm_class_name(vm, v));
}

static Value one_character(Vm *vm, Value v) {
    int64_t code;
    if (is_str(v) && as_str(v)->length == 1) return incref(v);
    if (!is_int(v)) return vm_raise(vm, EXC_TypeError, "%%c requires int or char");
    if (!vm_to_index(vm, v, &code)) return NULL_VALUE;
    if (code < 0 || code > 0x10ffff)
        return vm_raise(vm, EXC_OverflowError, "%%c arg not in range(0x110000)");
    return str_char(vm, (uint32_t)code);
}

static Value shown_text(Vm *vm, char type, Value v) {
    return type == 'c' ? one_character(vm, v) : vm_converted(vm, v, type);
}

/* "%.3d": at least so many digits, then padding like any other. */
static Value with_digits(Vm *vm, const Conversion *c, Value v) {
    Buf digits = {0}, text = {0};
    unsigned base = c->type == 'o' ? 8 : tolower(c->type) == 'x' ? 16 : 10;
    if (!int_put_digits(vm, v, base, &digits)) return NULL_VALUE;
    buf_puts(&text, as_int(v) < 0 ? "-" : has(c, '+') ? "+" : has(c, ' ') ? " " : "");
    if (base != 10 && has(c, '#')) buf_printf(&text, "0%c", c->type);
    for (int64_t i = (int64_t)digits.size; i < c->precision; i++)
        buf_putc(&text, '0');
    for (size_t i = 0; i < digits.size; i++)
        buf_putc(&text, (char)(c->type == 'X' ? toupper(digits.data[i]) : digits.data[i]));
    buf_free(&digits);
    return str_from_buf(vm, &text);
}

static void number_flags(const Conversion *c, Buf *spec) {
    if (has(c, '+'))
        buf_putc(spec, '+');
    else if (has(c, ' '))
        buf_putc(spec, ' ');
    if (has(c, '#')) buf_putc(spec, '#');
    if (has(c, '0') && !has(c, '-')) buf_putc(spec, '0');
}

static bool percent_value(Vm *vm, const Conversion *c, Value v, Buf *out) {
    bool number = strchr("diueEfFgGoxX", c->type) != NULL;
    bool whole = strchr("diuoxX", c->type) != NULL, digits = whole && c->precision > 0;
    double value;
    Value unknown = number ? vm_unknown_number(vm, v) : NULL_VALUE;
    if (!is_null(unknown)) {
        bool ok = vm_str_to(vm, unknown, out);
        decref(unknown);
        return ok;
    }
    Value shown = !number ? shown_text(vm, c->type, v)
                  : whole ? whole_number(vm, c->type, v)
                          : (vm_to_double(vm, v, &value) ? from_float(value) : NULL_VALUE);
    if (!is_null(shown) && digits) {
        Value text = with_digits(vm, c, shown);
        decref(shown);
        shown = text;
    }
    if (is_null(shown)) return false;
    bool plain = !number || digits; /* text, padded with spaces */
    Buf spec = {0};
    if (has(c, '-'))
        buf_putc(&spec, '<');
    else if (plain || !has(c, '0'))
        buf_putc(&spec, '>');
    if (!plain) number_flags(c, &spec);
    if (c->width >= 0) buf_printf(&spec, "%lld", (long long)c->width);
    if (!whole && c->precision >= 0) buf_printf(&spec, ".%lld", (long long)c->precision);
    if (!plain) buf_putc(&spec, strchr("iu", c->type) ? 'd' : c->type);
    Value text = format_spec(vm, shown, buf_text(&spec), spec.size);
    bool ok = !is_null(text);
    if (ok) buf_add(out, as_str(text)->data, as_str(text)->size);
    decref(text);
    decref(shown);
    buf_free(&spec);
    return ok;
}

/* One conversion, `p` behind the '%'. Returns where it ends; NULL: raised. */
static const char *percent_field(Vm *vm, const char *p, const char *start, PercentArgs *from,
                                 Buf *out) {
    Value v = NULL_VALUE;
    if (*p == '(') {
        const char *close = strchr(p, ')');
        if (!close) return vm_raise(vm, EXC_ValueError, "incomplete format key"), NULL;
        if (!from->mapping) return vm_raise(vm, EXC_TypeError, "format requires a mapping"), NULL;
        Value key = str_new(vm, p + 1, (size_t)(close - p - 1));
        v = vm_getitem(vm, from->args, key);
        decref(key);
        if (is_null(v)) return NULL;
        from->next = from->count;
        p = close + 1;
    }
    Conversion c = {.width = -1, .precision = -1};
    size_t n = 0;
    while (*p && strchr("-+ #0", *p) && n < 7)
        c.flags[n++] = *p++;
    if (*p == '*') {
        p++;
        if (!star(vm, from, &c.width)) return NULL;
        if (c.width < 0) {
            c.width = -c.width;
            c.flags[n < 7 ? n : 6] = '-';
        }
    } else if (isdigit((unsigned char)*p)) {
        c.width = strtol(p, (char **)(uintptr_t)&p, 10);
    }
    if (*p == '.') {
        p++;
        if (*p == '*') {
            p++;
            if (!star(vm, from, &c.precision)) return NULL;
        } else {
            c.precision = isdigit((unsigned char)*p) ? strtol(p, (char **)(uintptr_t)&p, 10) : 0;
        }
    }
    while (*p == 'l' || *p == 'h')
        p++;
    if (*p == '\0') return vm_raise(vm, EXC_ValueError, "incomplete format"), NULL;
    if (*p == '%') {
        buf_putc(out, '%');
        decref(v);
        return p + 1;
    }
    if (!strchr("diueEfFgGoxXsrca", *p)) {
        decref(v);
        vm_raise(vm, EXC_ValueError, "unsupported format character '%c' (0x%x) at index %d", *p, *p,
                 (int)(p - start));
        return NULL;
    }
    if (c.width > 100000000 || c.precision > 100000) {
        decref(v);
        return vm_raise(vm, EXC_ValueError, "width too big"), NULL;
    }
    if (is_null(v)) v = incref(next_arg(vm, from));
    if (is_null(v)) return NULL;
    c.type = *p;
    bool ok = percent_value(vm, &c, v, out);
    decref(v);
    return ok ? p + 1 : NULL;
}

Value str_percent(Vm *vm, Str *format, Value args) {
    PercentArgs from = {.args = args, .items = &args, .count = 1};
    if (is_tuple(args)) vm_items(args, &from.items, &from.count);
    from.mapping = !is_tuple(args) && !is_str(args) && vm_class_of(vm, args)->slots.getitem;
    Buf out = {0};
    const char *p = format->data;
    while (*p) {
        const char *percent = strchr(p, '%');
        if (!percent) percent = p + strlen(p);
        buf_add(&out, p, (size_t)(percent - p));
        if (!*percent) break;
        p = percent_field(vm, percent + 1, format->data, &from, &out);
        if (!p) {
            buf_free(&out);
            return NULL_VALUE;
        }
    }
    if (from.next < from.count && !from.mapping) {
        buf_free(&out);
        return vm_raise(vm, EXC_TypeError, "not all arguments converted during string formatting");
    }
    return str_from_buf(vm, &out);
}

/* ---- str.format ---- */

typedef struct Template {
    Vm *vm;
    const Value *args; /* positional ones */
    int nargs;
    const Value *kwargs;
    const Tuple *kwnames;
    Value mapping; /* of format_map; else NULL_VALUE */
    int automatic; /* next automatic number; -1: numbers are written */
} Template;

static Value keyword(Template *t, const char *name, size_t size) {
    if (!is_null(t->mapping)) {
        Value key = str_new(t->vm, name, size);
        Value v = vm_getitem(t->vm, t->mapping, key);
        decref(key);
        return v;
    }
    for (size_t i = 0; t->kwnames && i < t->kwnames->count; i++) {
        const Str *key = as_str(t->kwnames->items[i]);
        if (key->size == size && memcmp(key->data, name, size) == 0) return incref(t->kwargs[i]);
    }
    Value key = str_new(t->vm, name, size);
    Exception *error = exception_new(t->vm, t->vm->exc[EXC_KeyError], key);
    decref(key);
    vm_raise_value(t->vm, FROM_OBJ(error));
    DROP(error);
    return NULL_VALUE;
}

static Value positional(Template *t, int64_t index, bool automatic) {
    if (automatic != (t->automatic >= 0) && t->automatic != 0) {
        return vm_raise(t->vm, EXC_ValueError,
                        automatic ? "cannot switch from manual field specification to automatic "
                                    "field numbering"
                                  : "cannot switch from automatic field numbering to manual field "
                                    "specification");
    }
    t->automatic = automatic ? (int)index + 1 : -1;
    if (index < t->nargs) return incref(t->args[index]);
    return vm_raise(t->vm, EXC_IndexError,
                    "Replacement index %lld out of range for positional args tuple",
                    (long long)index);
}

/* The object a field name such as `0.shape[1]` or `x` stands for. */
static Value field_value(Template *t, const char *p, const char *end) {
    const char *stop = p;
    while (stop < end && *stop != '.' && *stop != '[')
        stop++;
    Value v;
    if (stop == p) {
        v = positional(t, t->automatic < 0 ? 0 : t->automatic, true);
    } else if (isdigit((unsigned char)*p)) {
        v = positional(t, strtol(p, NULL, 10), false);
    } else {
        v = keyword(t, p, (size_t)(stop - p));
    }
    for (p = stop; p < end && !is_null(v);) {
        Value next;
        if (*p == '.') {
            for (stop = ++p; stop < end && *stop != '.' && *stop != '[';)
                stop++;
            next = vm_getattr(t->vm, v, vm_intern(t->vm, p, (size_t)(stop - p)));
        } else {
            for (stop = ++p; stop < end && *stop != ']';)
                stop++;
            bool digits = stop > p && strspn(p, "0123456789") >= (size_t)(stop - p);
            Value key =
                digits ? from_int(strtol(p, NULL, 10)) : str_new(t->vm, p, (size_t)(stop - p));
            next = vm_getitem(t->vm, v, key);
            decref(key);
            stop++;
        }
        decref(v);
        v = next;
        p = stop;
    }
    return v;
}

static bool expand(Template *t, const char *p, const char *end, int depth, Buf *out);

/* `p` behind the '{'; *after is set behind the matching '}'. */
static bool field(Template *t, const char *p, const char *end, int depth, const char **after,
                  Buf *out) {
    Vm *vm = t->vm;
    int nested = 1;
    const char *close = p;
    for (; close < end; close++) {
        if (*close == '{') nested++;
        if (*close == '}' && --nested == 0) break;
    }
    if (close >= end) {
        vm_raise(vm, EXC_ValueError,
                 p >= end ? "Single '{' encountered in format string"
                          : "expected '}' before end of string");
        return false;
    }
    *after = close + 1;
    const char *name_end = p;
    int brackets = 0;
    while (name_end < close && (brackets || (*name_end != '!' && *name_end != ':'))) {
        if (*name_end == '[') brackets++;
        if (*name_end == ']') brackets--;
        name_end++;
    }
    Value v = field_value(t, p, name_end);
    if (is_null(v)) return false;
    const char *rest = name_end;
    if (rest < close && *rest == '!') {
        char how = rest + 1 < close ? rest[1] : '\0';
        Value shown = how ? vm_converted(vm, v, how)
                          : vm_raise(vm, EXC_ValueError, "unmatched '{' in format spec");
        decref(v);
        if (is_null(shown)) return false;
        v = shown;
        rest += 2;
    }
    Buf spec = {0};
    bool ok = true;
    if (rest < close && *rest == ':') ok = expand(t, rest + 1, close, depth + 1, &spec);
    if (ok) {
        Value spec_text = str_new(vm, buf_text(&spec), spec.size);
        Value text = vm_format(vm, v, as_str(spec_text));
        decref(spec_text);
        ok = !is_null(text);
        if (ok) buf_add(out, as_str(text)->data, as_str(text)->size);
        decref(text);
    }
    buf_free(&spec);
    decref(v);
    return ok;
}

static bool expand(Template *t, const char *p, const char *end, int depth, Buf *out) {
    if (depth > 2) {
        vm_raise(t->vm, EXC_ValueError, "Max string recursion exceeded");
        return false;
    }
    while (p < end) {
        if ((*p == '{' || *p == '}') && p + 1 < end && p[1] == *p && depth == 0) {
            buf_putc(out, *p);
            p += 2;
        } else if (*p == '{') {
            if (!field(t, p + 1, end, depth, &p, out)) return false;
        } else if (*p == '}') {
            vm_raise(t->vm, EXC_ValueError, "Single '}' encountered in format string");
            return false;
        } else {
            buf_putc(out, *p++);
        }
    }
    return true;
}

static Value expand_all(Template *t, const Str *format) {
    Buf out = {0};
    if (expand(t, format->data, format->data + format->size, 0, &out))
        return str_from_buf(t->vm, &out);
    buf_free(&out);
    return NULL_VALUE;
}

Value str_format_method(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Template t = {.vm = vm,
                  .args = args + 1,
                  .nargs = nargs - 1,
                  .kwargs = args + nargs,
                  .kwnames = kwnames,
                  .mapping = NULL_VALUE};
    return expand_all(&t, as_str(args[0]));
}

Value str_format_map(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "format_map", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Template t = {.vm = vm, .mapping = args[1]};
    return expand_all(&t, as_str(args[0]));
}
