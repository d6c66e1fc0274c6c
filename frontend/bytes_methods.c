/* The methods of bytes and bytearray.
 *
 * Those that str has too are str's: bytes become text, one character a byte, and what the method
 * gives becomes bytes again. Bytes beyond ASCII become characters that are no letters, digits or
 * blanks, as they are none to bytes. */
#include <ctype.h>

#include "frontend/bytes.h"

enum { BEYOND_ASCII = 0xe000 }; /* private characters stand for the bytes from 0x80 on */

static Value text_of(Vm *vm, Value v) {
    Buf text = {0};
    for (size_t i = 0; i < as_bytes(v)->size; i++) {
        unsigned char byte = as_bytes(v)->data[i];
        utf8_put(&text, byte < 0x80 ? byte : BEYOND_ASCII + (uint32_t)byte);
    }
    return str_from_buf(vm, &text);
}

static Value bytes_of(Vm *vm, Class *cls, Value text) {
    Buf bytes = {0};
    const Str *s = as_str(text);
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        i += utf8_decode(s->data + i, s->size - i, &c);
        buf_putc(&bytes, (char)(c & 0xff));
    }
    Value made = bytes_alloc(vm, cls, buf_text(&bytes), bytes.size);
    buf_free(&bytes);
    return made;
}

/* The same structure with `convert` done to its bytes or texts. */
static Value convert_items(Vm *vm, Class *cls, Value v);

static Value to_text(Vm *vm, Value v) {
    if (is_bytes(v)) return text_of(vm, v);
    if (is_str(v)) return vm_raise(vm, EXC_TypeError, "a bytes-like object is required, not 'str'");
    return is_tuple(v) || is_list(v) ? convert_items(vm, NULL, v) : incref(v);
}

static Value to_bytes(Vm *vm, Class *cls, Value v) {
    if (is_str(v)) return bytes_of(vm, cls, v);
    return is_tuple(v) || is_list(v) ? convert_items(vm, cls, v) : incref(v);
}

static Value convert_items(Vm *vm, Class *cls, Value v) {
    const Value *items;
    size_t count;
    vm_items(v, &items, &count);
    Value list = list_new(vm, count);
    for (size_t i = 0; i < count; i++) {
        Value item = cls ? to_bytes(vm, cls, items[i]) : to_text(vm, items[i]);
        if (is_null(item)) {
            decref(list);
            return item;
        }
        list_push(as_list(list), item);
    }
    if (is_list(v)) return list;
    Value tuple = tuple_from(vm, as_list(list)->items, count);
    decref(list);
    return tuple;
}

/* An argument of the method: `find` and its kind take a single byte as an int, too. */
static Value argument(Vm *vm, const char *name, int at, Value v) {
    static const char *const searching = "find rfind index rindex count";
    if (at == 1 && is_int(v) && strstr(searching, name)) {
        unsigned char byte;
        if (!bytes_item(vm, v, &byte)) return NULL_VALUE;
        Value one = bytes_new(vm, (const char *)&byte, 1), text = text_of(vm, one);
        decref(one);
        return text;
    }
    if (strcmp(name, "join") != 0 || is_list(v) || is_tuple(v)) return to_text(vm, v);
    Value list = list_from_iterable(vm, v), texts = NULL_VALUE;
    if (!is_null(list)) texts = to_text(vm, list);
    decref(list);
    return texts;
}

static Value through_text(Vm *vm, const char *name, const Value *args, int nargs,
                          const Tuple *kwnames) {
    enum { MOST = 6 };
    int count = nargs + (kwnames ? (int)kwnames->count : 0), done = 1;
    Value given[MOST], result = NULL_VALUE;
    if (count > MOST) return vm_raise(vm, EXC_TypeError, "%s() got too many arguments", name);
    given[0] = text_of(vm, args[0]);
    while (done < count && !is_null(given[done] = argument(vm, name, done, args[done])))
        done++;
    if (done == count) {
        Value method = vm_getattr_text(vm, given[0], name);
        Value shown = vm_call(vm, method, given + 1, nargs - 1, kwnames);
        decref(method);
        if (!is_null(shown)) result = to_bytes(vm, builtin_bytes(vm, args[0]), shown);
        decref(shown);
    }
    for (int i = 0; i < done; i++)
        decref(given[i]);
    return result;
}

// clang-format off
#define LIKE_STR(X)                                                                                \
    X(capitalize)                                                                                  \
    X(center) X(count) X(endswith) X(expandtabs) X(find) X(index) X(isalnum) X(isalpha) X(isascii) \
        X(isdigit) X(islower) X(isspace) X(istitle) X(isupper) X(join) X(ljust) X(lower) X(lstrip) \
            X(partition) X(removeprefix) X(removesuffix) X(replace) X(rfind) X(rindex) X(rjust)    \
                X(rpartition) X(rsplit) X(rstrip) X(split) X(splitlines) X(startswith) X(strip)    \
                    X(swapcase) X(title) X(upper) X(zfill)
// clang-format on

#define X(name)                                                                                    \
    METHOD(byte_##name) {                                                                          \
        return through_text(vm, #name, args, nargs, kwnames);                                      \
    }
LIKE_STR(X)
#undef X

Value bytes_percent(Vm *vm, Value template, Value args) {
    Value text = text_of(vm, template), given = to_text(vm, args), made = NULL_VALUE;
    Value shown = is_null(given) ? given : str_percent(vm, as_str(text), given);
    if (!is_null(shown)) made = bytes_of(vm, builtin_bytes(vm, template), shown);
    decref(text);
    decref(given);
    decref(shown);
    return made;
}

METHOD(bytes_hex) {
    Value out[2];
    int64_t every = 1;
    if (!vm_args(vm, "hex", "sep? bytes_per_sep?", args + 1, nargs - 1, kwnames, out) ||
        (!is_null(out[1]) && !vm_to_index(vm, out[1], &every)))
        return NULL_VALUE;
    const Bytes *b = as_bytes(args[0]);
    size_t group = (size_t)(every < 0 ? -every : every);
    Buf text = {0};
    for (size_t i = 0; i < b->size; i++) {
        size_t from_edge = every > 0 ? b->size - i : i; /* groups are counted from the right */
        if (i > 0 && is_str(out[0]) && group > 0 && from_edge % group == 0)
            buf_puts(&text, as_str(out[0])->data);
        buf_printf(&text, "%02x", b->data[i]);
    }
    return str_from_buf(vm, &text);
}

METHOD(bytes_fromhex) {
    if (!vm_args_simple(vm, "fromhex", nargs, kwnames, 2, 2)) return NULL_VALUE;
    const char *text = vm_to_text(vm, args[1], "fromhex() argument"), *start = text;
    if (!text) return NULL_VALUE;
    Buf bytes = {0};
    while (*text) {
        if (isspace((unsigned char)*text)) {
            text++;
            continue;
        }
        int high = bigint_digit_value(text[0]);
        int low = high < 16 ? bigint_digit_value(text[1]) : 99;
        if (low >= 16) {
            buf_free(&bytes);
            return vm_raise(vm, EXC_ValueError,
                            "non-hexadecimal number found in fromhex() arg at position %d",
                            (int)(text - start) + (high < 16));
        }
        buf_putc(&bytes, (char)(high * 16 + low));
        text += 2;
    }
    Value made = bytes_alloc(vm, as_class(args[0]), buf_text(&bytes), bytes.size);
    buf_free(&bytes);
    return made;
}

METHOD(bytes_maketrans) {
    if (!vm_args_simple(vm, "maketrans", nargs, kwnames, 2, 2)) return NULL_VALUE;
    if (!is_bytes(args[0]) || !is_bytes(args[1]) ||
        as_bytes(args[0])->size != as_bytes(args[1])->size)
        return vm_raise(vm, EXC_ValueError, "maketrans arguments must have same length");
    char table[256];
    for (int i = 0; i < 256; i++)
        table[i] = (char)i;
    for (size_t i = 0; i < as_bytes(args[0])->size; i++)
        table[as_bytes(args[0])->data[i]] = (char)as_bytes(args[1])->data[i];
    return bytes_new(vm, table, sizeof table);
}

METHOD(bytes_translate) {
    Value out[2];
    if (!vm_args(vm, "translate", "table / delete?", args + 1, nargs - 1, kwnames, out))
        return NULL_VALUE;
    if (!is_none(out[0]) && (!is_bytes(out[0]) || as_bytes(out[0])->size != 256))
        return vm_raise(vm, EXC_ValueError, "translation table must be 256 characters long");
    const Bytes *b = as_bytes(args[0]);
    Buf bytes = {0};
    for (size_t i = 0; i < b->size; i++) {
        unsigned char byte = b->data[i];
        if (is_bytes(out[1]) && as_bytes(out[1])->size > 0 &&
            memchr(as_bytes(out[1])->data, byte, as_bytes(out[1])->size))
            continue;
        buf_putc(&bytes, (char)(is_none(out[0]) ? byte : as_bytes(out[0])->data[byte]));
    }
    Value made = bytes_alloc(vm, builtin_bytes(vm, args[0]), buf_text(&bytes), bytes.size);
    buf_free(&bytes);
    return made;
}

#define X(name) {#name, byte_##name, 0},
const Method bytes_methods[] = {
    LIKE_STR(X){"decode", bytes_decode, 0},   {"hex", bytes_hex, 0},
    {"fromhex", bytes_fromhex, METHOD_CLASS}, {"maketrans", bytes_maketrans, METHOD_STATIC},
    {"translate", bytes_translate, 0},        {NULL, NULL, 0},
};
