/* Arguments of native functions: matching positional and keyword arguments with a written list of
 * parameters, and Python's messages when they don't. */
#include <stdlib.h>
#include <string.h>

#include "frontend/vm_internal.h"

enum { MAX_PARAMETERS = 32 };

typedef struct Parameter {
    const char *name;
    size_t size;
    const char *alias; /* another spelling, or NULL */
    size_t alias_size;
    bool optional, positional_only, keyword_only;
} Parameter;

typedef struct Parameters {
    Parameter items[MAX_PARAMETERS];
    int count, positional, required;
} Parameters;

/* "a b? / c? * d|alias?" */
static void parse_parameters(const char *spec, Parameters *out) {
    bool keyword_only = false;
    out->count = out->positional = out->required = 0;
    for (const char *p = spec; *p;) {
        while (*p == ' ')
            p++;
        size_t n = strcspn(p, " ");
        if (n == 0) break;
        if (*p == '*') {
            keyword_only = true;
        } else if (*p == '/') {
            for (int i = 0; i < out->count; i++)
                out->items[i].positional_only = true;
        } else {
            NNC_CHECK(out->count < MAX_PARAMETERS, "too many parameters in '%s'", spec);
            bool optional = p[n - 1] == '?';
            size_t size = optional ? n - 1 : n;
            Parameter *parameter = &out->items[out->count++];
            *parameter = (Parameter){
                .name = p, .size = size, .optional = optional, .keyword_only = keyword_only};
            const char *bar = memchr(p, '|', size);
            if (bar) {
                parameter->size = (size_t)(bar - p);
                parameter->alias = bar + 1;
                parameter->alias_size = size - parameter->size - 1;
            }
            if (!keyword_only) out->positional++;
            if (!keyword_only && !optional) out->required++;
        }
        p += n;
    }
}

/* Python's own functions have words of their own for wrong calls. */
static bool is_builtin(Vm *vm, const char *function) {
    return vm->native_owner ? str_equals(vm->native_owner->module, "builtins")
                            : !is_null(dict_get_text(vm, vm->builtins, function));
}

static const char *plural(int count) {
    return count == 1 ? "" : "s";
}

static bool too_many(Vm *vm, const char *function, const Parameters *ps, int nargs, int keywords) {
    const char *how = ps->required == ps->positional ? "exactly" : "at most";
    if (ps->positional == 0 && keywords == 0)
        vm_raise(vm, EXC_TypeError, "%s() takes no positional arguments", function);
    else if (!is_builtin(vm, function) || (keywords == 0 && ps->count > ps->positional))
        vm_raise(vm, EXC_TypeError, "%s() takes %s %d positional argument%s (%d given)", function,
                 how, ps->positional, plural(ps->positional), nargs);
    else if (ps->items[0].positional_only && keywords == 0)
        vm_raise(vm, EXC_TypeError, "%s expected %s%d argument%s, got %d", function,
                 ps->required == ps->positional ? "" : "at most ", ps->positional,
                 plural(ps->positional), nargs);
    else
        vm_raise(vm, EXC_TypeError, "%s() takes %s %d %sargument%s (%d given)", function,
                 ps->required == ps->count ? "exactly" : "at most", ps->count,
                 nargs ? "" : "keyword ", plural(ps->count), nargs + keywords);
    return false;
}

static bool missing(Vm *vm, const char *function, const Parameters *ps, int which, int nargs) {
    const Parameter *p = &ps->items[which];
    if (p->positional_only && is_builtin(vm, function))
        vm_raise(vm, EXC_TypeError, "%s expected %s%d argument%s, got %d", function,
                 ps->required == ps->positional ? "" : "at least ", ps->required,
                 plural(ps->required), nargs);
    else
        vm_raise(vm, EXC_TypeError, "%s() missing required argument '%.*s' (pos %d)", function,
                 (int)p->size, p->name, which + 1);
    return false;
}

static bool unexpected(Vm *vm, const char *function, const Parameters *ps, const Str *key) {
    char words[MAX_PARAMETERS][64];
    const char *list[MAX_PARAMETERS];
    size_t count = 0;
    for (int i = 0; i < ps->count; i++) {
        if (ps->items[i].positional_only) continue;
        snprintf(words[count], sizeof words[count], "%.*s", (int)ps->items[i].size,
                 ps->items[i].name);
        list[count] = words[count];
        count++;
    }
    if (is_builtin(vm, function))
        vm_raise(vm, EXC_TypeError, "'%s' is an invalid keyword argument for %s()", key->data,
                 function);
    else
        vm_raise(vm, EXC_TypeError, "%s() got an unexpected keyword argument '%s'", function,
                 key->data);
    vm_add_hint(vm, nearest_word(key->data, list, count));
    return false;
}

static bool is_named(const Parameter *p, const Str *key) {
    if (p->positional_only) return false;
    if (p->size == key->size && memcmp(p->name, key->data, key->size) == 0) return true;
    return p->alias && p->alias_size == key->size && memcmp(p->alias, key->data, key->size) == 0;
}

bool vm_args(Vm *vm, const char *function, const char *spec, const Value *args, int nargs,
             const Tuple *kwnames, Value *out) {
    Parameters ps;
    parse_parameters(spec, &ps);
    for (int i = 0; i < ps.count; i++)
        out[i] = NULL_VALUE;
    int keywords = kwnames ? (int)kwnames->count : 0;
    if (nargs > ps.positional ||
        (keywords && nargs + keywords > ps.count && is_builtin(vm, function)))
        return too_many(vm, function, &ps, nargs, nargs > ps.positional ? 0 : keywords);
    for (int i = 0; i < nargs; i++)
        out[i] = args[i];
    for (size_t k = 0; kwnames && k < kwnames->count; k++) {
        const Str *key = as_str(kwnames->items[k]);
        int at = -1;
        for (int i = 0; i < ps.count && at < 0; i++)
            if (is_named(&ps.items[i], key)) at = i;
        if (at < 0) return unexpected(vm, function, &ps, key);
        if (!is_null(out[at])) {
            vm_raise(vm, EXC_TypeError, "argument for %s() given by name ('%s') and position (%d)",
                     function, key->data, at + 1);
            return false;
        }
        out[at] = args[nargs + (int)k];
    }
    for (int i = 0; i < ps.count; i++) {
        if (is_null(out[i]) && !ps.items[i].optional) return missing(vm, function, &ps, i, nargs);
    }
    return true;
}

bool vm_args_simple(Vm *vm, const char *function, int nargs, const Tuple *kwnames, int min,
                    int max) {
    if (kwnames && kwnames->count) {
        vm_raise(vm, EXC_TypeError, "%s() takes no keyword arguments", function);
        return false;
    }
    if (nargs >= min && (max < 0 || nargs <= max)) return true;
    const Class *owner = vm->native_owner; /* then the object is among the arguments */
    if (owner) {
        nargs--;
        min--;
        if (max > 0) max--;
    }
    const char *class_name = owner ? owner->name : "", *dot = owner ? "." : "";
    if (min == 0 && max == 0) {
        vm_raise(vm, EXC_TypeError, "%s%s%s() takes no arguments (%d given)", class_name, dot,
                 function, nargs);
    } else if (min == 1 && max == 1) {
        vm_raise(vm, EXC_TypeError, "%s%s%s() takes exactly one argument (%d given)", class_name,
                 dot, function, nargs);
    } else {
        bool few = nargs < min;
        int wanted = few ? min : max;
        vm_raise(vm, EXC_TypeError, "%s expected %s%d argument%s, got %d", function,
                 min == max ? ""
                 : few      ? "at least "
                            : "at most ",
                 wanted, wanted == 1 ? "" : "s", nargs);
    }
    return false;
}
