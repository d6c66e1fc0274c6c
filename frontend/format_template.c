/* Templates: `"…" % args` and "…".format(…). Each field ends in format.c or in str(). */
#include <ctype.h>
#include <stdlib.h>

#include "frontend/vm_internal.h"

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

static bool percent_value(Vm *vm, char type, Value v, const char *flags, int64_t width,
                          int64_t precision, Buf *out) {
    bool left = strchr(flags, '-') != NULL, zero = strchr(flags, '0') != NULL;
    bool number = strchr("diueEfFgGoxX", type) != NULL;
    Buf spec = {0};
    if (left)
        buf_putc(&spec, '<');
    else if (!number || !zero)
        buf_putc(&spec, '>');
    if (number) {
        if (strchr(flags, '+'))
            buf_putc(&spec, '+');
        else if (strchr(flags, ' '))
            buf_putc(&spec, ' ');
        if (strchr(flags, '#')) buf_putc(&spec, '#');
        if (zero && !left) buf_putc(&spec, '0');
    }
    if (width >= 0) buf_printf(&spec, "%lld", (long long)width);
    Value shown;
    bool is_whole = strchr("diuoxX", type) != NULL;
    if (!number) {
        if (type == 'c' && is_int(v))
            shown = str_char(vm, (uint32_t)as_int(v));
        else
            shown = type == 's' || type == 'c' ? vm_str(vm, v) : vm_repr(vm, v);
        if (precision >= 0) buf_printf(&spec, ".%lld", (long long)precision);
    } else if (is_whole) {
        bool whole = is_float(v) || (v.tag == TAG_OBJ && v.o->cls->slots.to_int);
        if (whole && strchr("diu", type)) {
            shown = vm_call1(vm, FROM_OBJ(vm->cls[CLS_INT]), v);
        } else if (is_int(v)) {
            shown = from_int(as_int(v));
        } else {
            const char *kind =
                strchr("diu", type) ? "a real number is required" : "an integer is required";
            shown = vm_raise(vm, EXC_TypeError, "%%%c format: %s, not %s", type, kind,
                             vm_class_name(vm, v));
        }
        buf_putc(&spec, strchr("diu", type) ? 'd' : type);
    } else {
        double value;
        shown = vm_to_double(vm, v, &value) ? from_float(value) : NULL_VALUE;
        if (precision >= 0) buf_printf(&spec, ".%lld", (long long)precision);
        buf_putc(&spec, type);
    }
    bool ok = !is_null(shown);
    if (ok && is_whole && precision > 0) { /* "%.3d": at least so many digits */
        Buf digits = {0};
        buf_printf(&digits, "%s%0*lld",
                   as_int(shown) < 0    ? "-"
                   : strchr(flags, '+') ? "+"
                                        : "",
                   (int)precision, (long long)llabs(as_int(shown)));
        buf_puts(out, buf_text(&digits));
        buf_free(&digits);
    } else if (ok) {
        Value text = format_spec(vm, shown, buf_text(&spec), spec.size);
        ok = !is_null(text);
        if (ok) buf_add(out, as_str(text)->data, as_str(text)->size);
        decref(text);
    }
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
    char flags[8] = "";
    size_t n = 0;
    while (*p && strchr("-+ #0", *p) && n < 7)
        flags[n++] = *p++;
    int64_t width = -1, precision = -1;
    if (*p == '*') {
        p++;
        if (!star(vm, from, &width)) return NULL;
        if (width < 0) {
            width = -width;
            flags[n < 7 ? n : 6] = '-';
        }
    } else if (isdigit((unsigned char)*p)) {
        width = strtol(p, (char **)(uintptr_t)&p, 10);
    }
    if (*p == '.') {
        p++;
        if (*p == '*') {
            p++;
            if (!star(vm, from, &precision)) return NULL;
        } else {
            precision = isdigit((unsigned char)*p) ? strtol(p, (char **)(uintptr_t)&p, 10) : 0;
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
    if (width > 100000000 || precision > 100000) {
        decref(v);
        return vm_raise(vm, EXC_ValueError, "width too big"), NULL;
    }
    if (is_null(v)) v = incref(next_arg(vm, from));
    if (is_null(v)) return NULL;
    bool ok = percent_value(vm, *p, v, flags, width, precision, out);
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
        Value shown = how == 'r' || how == 'a' ? vm_repr(vm, v)
                      : how == 's'             ? vm_str(vm, v)
                                               : vm_raise(vm, EXC_ValueError,
                                                          "Unknown conversion specifier '%c'", how ? how : '}');
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
