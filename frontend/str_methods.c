/* Methods of str. Case and character classes know ASCII and Latin-1; other letters keep theirs. */
#include <ctype.h>
#include <stdlib.h>

#include "frontend/vm_internal.h"

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)
#define EXPECT(name, min, max)                                                                     \
    if (!vm_args_simple(vm, name, nargs, kwnames, (min) + 1, (max) + 1)) return NULL_VALUE;        \
    const Str *s = as_str(args[0]);

/* An argument that must be a str. */
static const Str *text_arg(Vm *vm, Value v, const char *method) {
    if (is_str(v)) return as_str(v);
    vm_raise(vm, EXC_TypeError, "%s argument must be str, not %s", method, vm_class_name(vm, v));
    return NULL;
}

/* ---- case ---- */

enum { SHARP_S = 0xdf }; /* SS in upper case */

static uint32_t upper(uint32_t c) {
    return c < 128 ? (uint32_t)toupper((int)c) : unicode_upper(c);
}

static uint32_t lower(uint32_t c) {
    return c < 128 ? (uint32_t)tolower((int)c) : unicode_lower(c);
}

static bool is_alpha(uint32_t c) {
    if (c < 128) return isalpha((int)c) != 0;
    return c == 0xaa || c == 0xb5 || c == 0xba ||
           (c >= 0xc0 && c != 0xd7 && c != 0xf7 && c < 0x2000 && unicode_digit(c) < 0) ||
           (c >= 0x3040 && c < 0xd7a4) || (c >= 0x2000 && (upper(c) != c || lower(c) != c));
}
static bool is_digit(uint32_t c) {
    return (c >= '0' && c <= '9') || (c >= 128 && unicode_digit(c) >= 0);
}
static bool is_space(uint32_t c) {
    return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f) || c == 0x85 || c == 0xa0 ||
           c == 0x3000 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029;
}
static bool is_upper(uint32_t c) {
    return lower(c) != c;
}
static bool is_lower(uint32_t c) {
    return upper(c) != c || c == SHARP_S;
}

typedef enum CaseRule { RULE_UPPER, RULE_LOWER, RULE_SWAP, RULE_TITLE, RULE_CAPITALIZE } CaseRule;

static Value recase(Vm *vm, const Str *s, CaseRule rule) {
    Buf buf = {0};
    bool in_word = false;
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        i += utf8_decode(s->data + i, s->size - i, &c);
        uint32_t made = c;
        switch (rule) {
        case RULE_UPPER:
            made = upper(c);
            break;
        case RULE_LOWER:
            made = lower(c);
            break;
        case RULE_SWAP:
            made = is_upper(c) ? lower(c) : upper(c);
            break;
        case RULE_TITLE:
            made = in_word ? lower(c) : upper(c);
            break;
        case RULE_CAPITALIZE:
            made = in_word ? lower(c) : upper(c);
            break;
        }
        bool raised = rule == RULE_UPPER || rule == RULE_SWAP || !in_word;
        if (c == SHARP_S && rule != RULE_LOWER && raised) {
            buf_putc(&buf, 'S');
            made = rule == RULE_UPPER || rule == RULE_SWAP ? 'S' : 's';
        }
        in_word = rule == RULE_CAPITALIZE || is_alpha(c);
        utf8_put(&buf, made);
    }
    return str_from_buf(vm, &buf);
}

METHOD(str_upper) {
    EXPECT("upper", 0, 0) return recase(vm, s, RULE_UPPER);
}
METHOD(str_lower) {
    EXPECT("lower", 0, 0) return recase(vm, s, RULE_LOWER);
}
METHOD(str_swapcase) {
    EXPECT("swapcase", 0, 0) return recase(vm, s, RULE_SWAP);
}
METHOD(str_title) {
    EXPECT("title", 0, 0) return recase(vm, s, RULE_TITLE);
}
METHOD(str_capitalize) {
    EXPECT("capitalize", 0, 0) return recase(vm, s, RULE_CAPITALIZE);
}

/* ---- classes of characters ---- */

static Value all_are(const Str *s, bool (*test)(uint32_t)) {
    if (s->size == 0) return from_bool(false);
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        i += utf8_decode(s->data + i, s->size - i, &c);
        if (!test(c)) return from_bool(false);
    }
    return from_bool(true);
}

static bool is_alnum(uint32_t c) {
    return is_alpha(c) || is_digit(c);
}

/* Cased letters present, all of the wanted case. */
static Value all_cased(const Str *s, bool (*wanted)(uint32_t), bool (*other)(uint32_t)) {
    bool seen = false;
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        i += utf8_decode(s->data + i, s->size - i, &c);
        if (other(c)) return from_bool(false);
        seen = seen || wanted(c);
    }
    return from_bool(seen);
}

METHOD(str_isdigit) {
    EXPECT("isdigit", 0, 0) return all_are(s, is_digit);
}
METHOD(str_isalpha) {
    EXPECT("isalpha", 0, 0) return all_are(s, is_alpha);
}
METHOD(str_isalnum) {
    EXPECT("isalnum", 0, 0) return all_are(s, is_alnum);
}
METHOD(str_isspace) {
    EXPECT("isspace", 0, 0) return all_are(s, is_space);
}
METHOD(str_isupper) {
    EXPECT("isupper", 0, 0) return all_cased(s, is_upper, is_lower);
}
METHOD(str_islower) {
    EXPECT("islower", 0, 0) return all_cased(s, is_lower, is_upper);
}
METHOD(str_isascii) {
    EXPECT("isascii", 0, 0)
    return from_bool(s->size == s->length);
}
METHOD(str_isprintable) {
    EXPECT("isprintable", 0, 0)
    for (size_t i = 0; i < s->size; i++)
        if ((unsigned char)s->data[i] < 0x20 || s->data[i] == 0x7f) return from_bool(false);
    return from_bool(true);
}
METHOD(str_isidentifier) {
    EXPECT("isidentifier", 0, 0)
    if (s->size == 0 || isdigit((unsigned char)s->data[0])) return from_bool(false);
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        i += utf8_decode(s->data + i, s->size - i, &c);
        if (!is_alnum(c) && c != '_') return from_bool(false);
    }
    return from_bool(true);
}
METHOD(str_istitle) {
    EXPECT("istitle", 0, 0)
    bool in_word = false, seen = false;
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        i += utf8_decode(s->data + i, s->size - i, &c);
        if ((is_upper(c) && in_word) || (is_lower(c) && !in_word)) return from_bool(false);
        in_word = is_upper(c) || is_lower(c);
        seen = seen || in_word;
    }
    return from_bool(seen);
}

/* ---- searching ---- */

typedef struct Region {
    const char *data;
    size_t size;
    size_t before; /* code points in front of it */
    bool valid;    /* start <= length */
} Region;

/* The part of the text that optional start and end arguments select. */
static bool region(Vm *vm, const Str *s, const Value *args, int nargs, Region *out) {
    int64_t length = (int64_t)s->length, start = 0, end = length;
    if (nargs > 2 && !is_none(args[2]) && !vm_to_index(vm, args[2], &start)) return false;
    if (nargs > 3 && !is_none(args[3]) && !vm_to_index(vm, args[3], &end)) return false;
    if (start < 0) start = start + length < 0 ? 0 : start + length;
    if (end < 0) end = end + length < 0 ? 0 : end + length;
    if (end > length) end = length;
    out->valid = start <= end;
    if (!out->valid) start = end;
    size_t from = str_offset(s, (size_t)start), to = str_offset(s, (size_t)end);
    out->data = s->data + from;
    out->size = to - from;
    out->before = (size_t)start;
    return true;
}

static int64_t code_points(const char *text, size_t size) {
    int64_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static const char *find_last(const char *text, size_t size, const char *part, size_t part_size) {
    if (part_size > size) return NULL;
    for (size_t i = size - part_size + 1; i-- > 0;)
        if (memcmp(text + i, part, part_size) == 0) return text + i;
    return NULL;
}

static Value find_in(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                     bool last, bool must) {
    EXPECT(name, 1, 3)
    const Str *part = text_arg(vm, args[1], name);
    Region r;
    if (!part || !region(vm, s, args, nargs, &r)) return NULL_VALUE;
    const char *at = NULL;
    if (r.valid)
        at = last ? find_last(r.data, r.size, part->data, part->size)
                  : memmem_find(r.data, r.size, part->data, part->size);
    if (at) return from_int((int64_t)r.before + code_points(r.data, (size_t)(at - r.data)));
    return must ? vm_raise(vm, EXC_ValueError, "substring not found") : from_int(-1);
}

METHOD(str_find) {
    return find_in(vm, "find", args, nargs, kwnames, false, false);
}
METHOD(str_rfind) {
    return find_in(vm, "rfind", args, nargs, kwnames, true, false);
}
METHOD(str_index) {
    return find_in(vm, "index", args, nargs, kwnames, false, true);
}
METHOD(str_rindex) {
    return find_in(vm, "rindex", args, nargs, kwnames, true, true);
}

METHOD(str_count) {
    EXPECT("count", 1, 3)
    const Str *part = text_arg(vm, args[1], "count");
    Region r;
    if (!part || !region(vm, s, args, nargs, &r)) return NULL_VALUE;
    if (!r.valid) return from_int(0);
    if (part->size == 0) return from_int(code_points(r.data, r.size) + 1);
    int64_t n = 0;
    const char *end = r.data + r.size, *at = r.data;
    while ((at = memmem_find(at, (size_t)(end - at), part->data, part->size)) != NULL) {
        n++;
        at += part->size;
    }
    return from_int(n);
}

static Value affix(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                   bool suffix) {
    if (nargs == 1)
        return vm_raise(vm, EXC_TypeError, "%s() takes at least 1 argument (0 given)", name);
    EXPECT(name, 1, 3)
    Region r;
    if (!region(vm, s, args, nargs, &r)) return NULL_VALUE;
    const Value *options = &args[1];
    size_t count = 1;
    if (is_tuple(args[1])) vm_items(args[1], &options, &count);
    for (size_t i = 0; i < count; i++) {
        if (!is_str(options[i]))
            return vm_raise(vm, EXC_TypeError, "%s first arg must be str or a tuple of str, not %s",
                            name, vm_class_name(vm, options[i]));
        const Str *part = as_str(options[i]);
        if (!r.valid || part->size > r.size) continue;
        const char *at = suffix ? r.data + r.size - part->size : r.data;
        if (memcmp(at, part->data, part->size) == 0) return from_bool(true);
    }
    return from_bool(false);
}

METHOD(str_startswith) {
    return affix(vm, "startswith", args, nargs, kwnames, false);
}
METHOD(str_endswith) {
    return affix(vm, "endswith", args, nargs, kwnames, true);
}

METHOD(str_removeprefix) {
    EXPECT("removeprefix", 1, 1)
    const Str *part = text_arg(vm, args[1], "removeprefix()");
    if (!part) return NULL_VALUE;
    if (part->size <= s->size && memcmp(s->data, part->data, part->size) == 0)
        return str_new(vm, s->data + part->size, s->size - part->size);
    return str_new(vm, s->data, s->size);
}
METHOD(str_removesuffix) {
    EXPECT("removesuffix", 1, 1)
    const Str *part = text_arg(vm, args[1], "removesuffix()");
    if (!part) return NULL_VALUE;
    if (part->size <= s->size &&
        memcmp(s->data + s->size - part->size, part->data, part->size) == 0)
        return str_new(vm, s->data, s->size - part->size);
    return str_new(vm, s->data, s->size);
}

/* ---- replacing and trimming ---- */

METHOD(str_replace) {
    Value out[3];
    if (!vm_args(vm, "replace", "old new count? /", args + 1, nargs - 1, kwnames, out))
        return NULL_VALUE;
    const Str *s = as_str(args[0]);
    const Str *from = text_arg(vm, out[0], "replace()"), *to = NULL;
    if (from) to = text_arg(vm, out[1], "replace()");
    int64_t limit = -1;
    if (!to || (!is_null(out[2]) && !vm_to_index(vm, out[2], &limit))) return NULL_VALUE;
    Buf buf = {0};
    const char *at = s->data, *end = s->data + s->size;
    int64_t done = 0;
    if (from->size == 0) {
        for (; limit < 0 || done < limit; done++) {
            buf_add(&buf, to->data, to->size);
            if (at == end) break;
            uint32_t c;
            size_t n = utf8_decode(at, (size_t)(end - at), &c);
            buf_add(&buf, at, n);
            at += n;
        }
    } else {
        for (; limit < 0 || done < limit; done++) {
            const char *hit = memmem_find(at, (size_t)(end - at), from->data, from->size);
            if (!hit) break;
            buf_add(&buf, at, (size_t)(hit - at));
            buf_add(&buf, to->data, to->size);
            at = hit + from->size;
        }
    }
    buf_add(&buf, at, (size_t)(end - at));
    return str_from_buf(vm, &buf);
}

static bool in_set(const Str *chars, const char *at, size_t n) {
    return chars ? memmem_find(chars->data, chars->size, at, n) != NULL : false;
}

static Value strip(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                   bool left, bool right) {
    EXPECT(name, 0, 1)
    const Str *chars = NULL;
    if (nargs == 2 && !is_none(args[1])) {
        if (!is_str(args[1]))
            return vm_raise(vm, EXC_TypeError, "%s arg must be None or str", name);
        chars = as_str(args[1]);
    }
    size_t from = 0, to = s->size;
    uint32_t c;
    while (left && from < to) {
        size_t n = utf8_decode(s->data + from, to - from, &c);
        if (chars ? !in_set(chars, s->data + from, n) : !is_space(c)) break;
        from += n;
    }
    while (right && to > from) {
        size_t at = to - 1;
        while (at > from && ((unsigned char)s->data[at] & 0xc0) == 0x80)
            at--;
        utf8_decode(s->data + at, to - at, &c);
        if (chars ? !in_set(chars, s->data + at, to - at) : !is_space(c)) break;
        to = at;
    }
    return str_new(vm, s->data + from, to - from);
}

METHOD(str_strip) {
    return strip(vm, "strip", args, nargs, kwnames, true, true);
}
METHOD(str_lstrip) {
    return strip(vm, "lstrip", args, nargs, kwnames, true, false);
}
METHOD(str_rstrip) {
    return strip(vm, "rstrip", args, nargs, kwnames, false, true);
}

/* ---- padding ---- */

static void put_times(Buf *buf, const char *text, size_t size, int64_t times) {
    for (int64_t i = 0; i < times; i++)
        buf_add(buf, text, size);
}

typedef enum Justify { JUSTIFY_LEFT, JUSTIFY_RIGHT, JUSTIFY_CENTER } Justify;

static Value justify(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                     Justify how) {
    EXPECT(name, 1, 2)
    int64_t width;
    if (!vm_to_index(vm, args[1], &width)) return NULL_VALUE;
    const char *fill = " ";
    size_t fill_size = 1;
    if (nargs == 3) {
        if (!is_str(args[2]) || as_str(args[2])->length != 1)
            return vm_raise(vm, EXC_TypeError,
                            "The fill character must be exactly one character long");
        fill = as_str(args[2])->data;
        fill_size = as_str(args[2])->size;
    }
    int64_t pad = width - (int64_t)s->length;
    if (pad <= 0) return str_new(vm, s->data, s->size);
    int64_t before = how == JUSTIFY_LEFT    ? 0
                     : how == JUSTIFY_RIGHT ? pad
                                            : pad / 2 + (pad & width & 1);
    Buf buf = {0};
    put_times(&buf, fill, fill_size, before);
    buf_add(&buf, s->data, s->size);
    put_times(&buf, fill, fill_size, pad - before);
    return str_from_buf(vm, &buf);
}

METHOD(str_ljust) {
    return justify(vm, "ljust", args, nargs, kwnames, JUSTIFY_LEFT);
}
METHOD(str_rjust) {
    return justify(vm, "rjust", args, nargs, kwnames, JUSTIFY_RIGHT);
}
METHOD(str_center) {
    return justify(vm, "center", args, nargs, kwnames, JUSTIFY_CENTER);
}

METHOD(str_zfill) {
    EXPECT("zfill", 1, 1)
    int64_t width;
    if (!vm_to_index(vm, args[1], &width)) return NULL_VALUE;
    Buf buf = {0};
    size_t sign = s->size > 0 && (s->data[0] == '-' || s->data[0] == '+');
    buf_add(&buf, s->data, sign);
    put_times(&buf, "0", 1, width - (int64_t)s->length);
    buf_add(&buf, s->data + sign, s->size - sign);
    return str_from_buf(vm, &buf);
}

METHOD(str_expandtabs) {
    Value out[1];
    if (!vm_args(vm, "expandtabs", "tabsize?", args + 1, nargs - 1, kwnames, out))
        return NULL_VALUE;
    const Str *s = as_str(args[0]);
    int64_t tab = 8, column = 0;
    if (!is_null(out[0]) && !vm_to_index(vm, out[0], &tab)) return NULL_VALUE;
    Buf buf = {0};
    for (size_t i = 0; i < s->size; i++) {
        char c = s->data[i];
        if (c == '\t') {
            int64_t pad = tab > 0 ? tab - column % tab : 0;
            put_times(&buf, " ", 1, pad);
            column += pad;
            continue;
        }
        buf_putc(&buf, c);
        if (c == '\n' || c == '\r')
            column = 0;
        else
            column += ((unsigned char)c & 0xc0) != 0x80;
    }
    return str_from_buf(vm, &buf);
}

METHOD(str_maketrans) {
    if (!vm_args_simple(vm, "maketrans", nargs, kwnames, 1, 3)) return NULL_VALUE;
    Dict *table = dict_new(vm);
    if (nargs == 1 && is_dict(args[0])) {
        size_t pos = 0;
        Value key, value;
        while (dict_next(as_dict(args[0]), &pos, &key, &value)) {
            uint32_t c = 0;
            if (is_str(key)) utf8_decode(as_str(key)->data, as_str(key)->size, &c);
            dict_set(vm, table, is_str(key) ? from_int(c) : key, value);
        }
        return FROM_OBJ(table);
    }
    for (int i = 0; i < nargs; i++)
        if (!text_arg(vm, args[i], "maketrans()")) {
            DROP(table);
            return NULL_VALUE;
        }
    const Str *from = as_str(args[0]), *to = as_str(args[1]);
    if (from->length != to->length) {
        DROP(table);
        return vm_raise(vm, EXC_ValueError,
                        "the first two maketrans arguments must have equal length");
    }
    uint32_t a, b;
    for (size_t i = 0, j = 0; i < from->size;) {
        i += utf8_decode(from->data + i, from->size - i, &a);
        j += utf8_decode(to->data + j, to->size - j, &b);
        dict_set(vm, table, from_int(a), from_int(b));
    }
    const Str *removed = nargs == 3 ? as_str(args[2]) : NULL;
    for (size_t i = 0; removed && i < removed->size;) {
        i += utf8_decode(removed->data + i, removed->size - i, &a);
        dict_set(vm, table, from_int(a), NONE);
    }
    return FROM_OBJ(table);
}

METHOD(str_translate) {
    EXPECT("translate", 1, 1)
    Buf buf = {0};
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        i += utf8_decode(s->data + i, s->size - i, &c);
        Value to = is_dict(args[1]) ? dict_find(vm, as_dict(args[1]), from_int(c)) : NULL_VALUE;
        if (is_null(to))
            utf8_put(&buf, c);
        else if (is_int(to))
            utf8_put(&buf, (uint32_t)as_int(to));
        else if (is_str(to))
            buf_add(&buf, as_str(to)->data, as_str(to)->size);
    }
    return str_from_buf(vm, &buf);
}

/* Methods in str_split.c and format.c. */
const Method str_methods[] = {
    {"upper", str_upper, 0},
    {"lower", str_lower, 0},
    {"casefold", str_lower, 0},
    {"swapcase", str_swapcase, 0},
    {"title", str_title, 0},
    {"capitalize", str_capitalize, 0},
    {"isdigit", str_isdigit, 0},
    {"isdecimal", str_isdigit, 0},
    {"isnumeric", str_isdigit, 0},
    {"isalpha", str_isalpha, 0},
    {"isalnum", str_isalnum, 0},
    {"isspace", str_isspace, 0},
    {"isupper", str_isupper, 0},
    {"islower", str_islower, 0},
    {"isascii", str_isascii, 0},
    {"istitle", str_istitle, 0},
    {"isprintable", str_isprintable, 0},
    {"isidentifier", str_isidentifier, 0},
    {"find", str_find, 0},
    {"rfind", str_rfind, 0},
    {"index", str_index, 0},
    {"rindex", str_rindex, 0},
    {"count", str_count, 0},
    {"startswith", str_startswith, 0},
    {"endswith", str_endswith, 0},
    {"removeprefix", str_removeprefix, 0},
    {"removesuffix", str_removesuffix, 0},
    {"replace", str_replace, 0},
    {"strip", str_strip, 0},
    {"lstrip", str_lstrip, 0},
    {"rstrip", str_rstrip, 0},
    {"ljust", str_ljust, 0},
    {"rjust", str_rjust, 0},
    {"center", str_center, 0},
    {"zfill", str_zfill, 0},
    {"expandtabs", str_expandtabs, 0},
    {"encode", str_encode, 0},
    {"maketrans", str_maketrans, METHOD_STATIC},
    {"translate", str_translate, 0},
    {"split", str_split, 0},
    {"rsplit", str_rsplit, 0},
    {"splitlines", str_splitlines, 0},
    {"partition", str_partition, 0},
    {"rpartition", str_rpartition, 0},
    {"join", str_join, 0},
    {"format", str_format_method, 0},
    {"format_map", str_format_map, 0},
    {NULL, NULL, 0},
};
