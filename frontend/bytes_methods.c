/* Methods of bytes and bytearray, and conversions of ints to and from bytes. */
#include "frontend/vm_internal.h"

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

static const Bytes *as_bytes(Value v) {
    return (const Bytes *)(const void *)v.o;
}

/* args[index] as bytes; NULL: raised. */
static const Bytes *bytes_arg(Vm *vm, Value v) {
    if (has_flag(v, CLASS_BYTES)) return as_bytes(v);
    vm_raise(vm, EXC_TypeError, "a bytes-like object is required, not '%s'", vm_class_name(vm, v));
    return NULL;
}

/* ---- text ---- */

static bool valid_utf8(const unsigned char *p, size_t size) {
    for (size_t i = 0; i < size;) {
        size_t n = p[i] < 0x80                    ? 1
                   : p[i] >= 0xc2 && p[i] < 0xe0  ? 2
                   : p[i] >= 0xe0 && p[i] < 0xf0  ? 3
                   : p[i] >= 0xf0 && p[i] <= 0xf4 ? 4
                                                  : 0;
        if (n == 0 || i + n > size) return false;
        for (size_t j = 1; j < n; j++)
            if ((p[i + j] & 0xc0) != 0x80) return false;
        i += n;
    }
    return true;
}

static Value latin1_text(Vm *vm, const Bytes *b) {
    Buf out = {0};
    for (size_t i = 0; i < b->size; i++) {
        if (b->data[i] >= 0x80) buf_putc(&out, (char)(0xc0 | b->data[i] >> 6));
        buf_putc(&out, (char)(b->data[i] < 0x80 ? b->data[i] : 0x80 | (b->data[i] & 0x3f)));
    }
    return str_from_buf(vm, &out);
}

METHOD(bytes_decode) {
    Value out[2];
    TextEncoding encoding;
    if (!vm_args(vm, "decode", "encoding? errors?", args + 1, nargs - 1, kwnames, out) ||
        !text_encoding(vm, out[0], &encoding))
        return NULL_VALUE;
    const Bytes *b = as_bytes(args[0]);
    if (encoding == ENCODING_LATIN1) return latin1_text(vm, b);
    for (size_t i = 0; encoding == ENCODING_ASCII && i < b->size; i++)
        if (b->data[i] >= 0x80)
            return vm_raise(vm, EXC_UnicodeDecodeError,
                            "'ascii' codec can't decode byte 0x%02x in position %zu: ordinal not "
                            "in range(128)",
                            b->data[i], i);
    if (!valid_utf8(b->data, b->size))
        return vm_raise(vm, EXC_UnicodeDecodeError, "'utf-8' codec can't decode these bytes");
    return str_new(vm, (const char *)b->data, b->size);
}

METHOD(bytes_hex) {
    if (!vm_args_simple(vm, "hex", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Buf out = {0};
    for (size_t i = 0; i < as_bytes(args[0])->size; i++)
        buf_printf(&out, "%02x", as_bytes(args[0])->data[i]);
    return str_from_buf(vm, &out);
}

/* ---- parts ---- */

METHOD(bytes_join) {
    if (!vm_args_simple(vm, "join", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Value list = list_from_iterable(vm, args[1]);
    if (is_null(list)) return list;
    Buf out = {0};
    const Bytes *between = as_bytes(args[0]);
    for (size_t i = 0; i < as_list(list)->count; i++) {
        Value item = as_list(list)->items[i];
        if (!has_flag(item, CLASS_BYTES)) {
            vm_raise(vm, EXC_TypeError, "sequence item %zu: expected a bytes-like object, %s found",
                     i, vm_class_name(vm, item));
            break;
        }
        if (i > 0) buf_add(&out, between->data, between->size);
        buf_add(&out, as_bytes(item)->data, as_bytes(item)->size);
    }
    decref(list);
    Value made = vm_failed(vm) ? NULL_VALUE : bytes_new(vm, buf_text(&out), out.size);
    buf_free(&out);
    return made;
}

/* Where `part` starts at or after `from`; -1: nowhere. */
static int64_t find_part(const Bytes *b, const Bytes *part, size_t from) {
    if (from > b->size) return -1;
    const char *text = (const char *)b->data + from;
    const char *found = memmem_find(text, b->size - from, (const char *)part->data, part->size);
    return found ? found - (const char *)b->data : -1;
}

METHOD(bytes_find) {
    Value out[2];
    int64_t from = 0;
    if (!vm_args(vm, "find", "sub start?", args + 1, nargs - 1, kwnames, out) ||
        (!is_null(out[1]) && !vm_to_index(vm, out[1], &from)))
        return NULL_VALUE;
    const Bytes *b = as_bytes(args[0]), *part = bytes_arg(vm, out[0]);
    if (!part) return NULL_VALUE;
    if (from < 0) from += (int64_t)b->size;
    return from_int(find_part(b, part, from < 0 ? 0 : (size_t)from));
}

/* startswith, endswith: one prefix or a tuple of them. */
static Value has_end(Vm *vm, const char *name, bool last, const Value *args, int nargs,
                     const Tuple *kwnames) {
    if (!vm_args_simple(vm, name, nargs, kwnames, 2, 2)) return NULL_VALUE;
    const Bytes *b = as_bytes(args[0]);
    const Value *items = &args[1];
    size_t count = 1;
    if (is_tuple(args[1])) vm_items(args[1], &items, &count);
    for (size_t i = 0; i < count; i++) {
        const Bytes *part = bytes_arg(vm, items[i]);
        if (!part) return NULL_VALUE;
        if (part->size > b->size) continue;
        size_t at = last ? b->size - part->size : 0;
        if (memcmp(b->data + at, part->data, part->size) == 0) return from_bool(true);
    }
    return from_bool(false);
}
METHOD(bytes_startswith) {
    return has_end(vm, "startswith", false, args, nargs, kwnames);
}
METHOD(bytes_endswith) {
    return has_end(vm, "endswith", true, args, nargs, kwnames);
}

static bool is_space(unsigned char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static Value split_at_space(Vm *vm, const Bytes *b) {
    Value list = list_new(vm, 4);
    for (size_t i = 0; i < b->size;) {
        size_t start = i;
        while (i < b->size && !is_space(b->data[i]))
            i++;
        if (i > start)
            list_push(as_list(list), bytes_new(vm, (const char *)b->data + start, i - start));
        else
            i++;
    }
    return list;
}

METHOD(bytes_split) {
    Value out[1];
    if (!vm_args(vm, "split", "sep?", args + 1, nargs - 1, kwnames, out)) return NULL_VALUE;
    const Bytes *b = as_bytes(args[0]);
    if (is_null(out[0]) || is_none(out[0])) return split_at_space(vm, b);
    const Bytes *part = bytes_arg(vm, out[0]);
    if (!part) return NULL_VALUE;
    if (part->size == 0) return vm_raise(vm, EXC_ValueError, "empty separator");
    Value list = list_new(vm, 4);
    for (size_t at = 0;;) {
        int64_t next = find_part(b, part, at);
        size_t end = next < 0 ? b->size : (size_t)next;
        list_push(as_list(list), bytes_new(vm, (const char *)b->data + at, end - at));
        if (next < 0) return list;
        at = end + part->size;
    }
}

METHOD(bytes_strip) {
    if (!vm_args_simple(vm, "strip", nargs, kwnames, 1, 1)) return NULL_VALUE;
    const Bytes *b = as_bytes(args[0]);
    size_t start = 0, end = b->size;
    while (start < end && is_space(b->data[start]))
        start++;
    while (end > start && is_space(b->data[end - 1]))
        end--;
    return bytes_new(vm, (const char *)b->data + start, end - start);
}

/* ---- ints ---- */

static bool byte_order(Vm *vm, Value v, bool *little) {
    const char *text = is_null(v) ? "big" : vm_to_text(vm, v, "byteorder");
    if (!text) return false;
    *little = strcmp(text, "little") == 0;
    if (*little || strcmp(text, "big") == 0) return true;
    vm_raise(vm, EXC_ValueError, "byteorder must be either 'little' or 'big'");
    return false;
}

Value int_from_bytes(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[3];
    bool little;
    if (!vm_args(vm, "from_bytes", "bytes byteorder? * signed?", args + 1, nargs - 1, kwnames,
                 out) ||
        !byte_order(vm, out[1], &little))
        return NULL_VALUE;
    const Bytes *b = bytes_arg(vm, out[0]);
    if (!b) return NULL_VALUE;
    int is_signed = is_null(out[2]) ? 0 : vm_truth(vm, out[2]);
    bool negative = is_signed > 0 && b->size && b->data[little ? b->size - 1 : 0] >= 0x80;
    uint64_t value = negative ? UINT64_MAX : 0;
    for (size_t i = 0; i < b->size; i++) {
        unsigned char byte = b->data[little ? b->size - 1 - i : i];
        bool fits = value >> 55 == (negative ? 0x1ff : 0);
        if (!fits && b->size > 8) return int_overflow(vm);
        value = value << 8 | byte;
    }
    if ((int64_t)value < 0 && !negative) return int_overflow(vm);
    return from_int((int64_t)value);
}

Value int_to_bytes(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[3];
    int64_t length = 1;
    bool little;
    if (!vm_args(vm, "to_bytes", "length? byteorder? * signed?", args + 1, nargs - 1, kwnames,
                 out) ||
        (!is_null(out[0]) && !vm_to_index(vm, out[0], &length)) || !byte_order(vm, out[1], &little))
        return NULL_VALUE;
    int64_t value = as_int(args[0]);
    int is_signed = is_null(out[2]) ? 0 : vm_truth(vm, out[2]);
    if (length < 0 || length > 4096)
        return vm_raise(vm, EXC_ValueError, "length argument must be non-negative");
    if (value < 0 && is_signed <= 0)
        return vm_raise(vm, EXC_OverflowError, "can't convert negative int to unsigned");
    int64_t bits = 8 * length - (is_signed > 0);
    if (length < 8 && (bits < 0 || value >= (int64_t)1 << bits || value < -((int64_t)1 << bits)))
        return vm_raise(vm, EXC_OverflowError, "int too big to convert");
    Value made = bytes_new(vm, NULL, (size_t)length);
    for (int64_t i = 0; i < length; i++) {
        int64_t shifted = i < 8 ? value >> (8 * i) : value >> 63;
        ((Bytes *)(void *)made.o)->data[little ? i : length - 1 - i] = (unsigned char)shifted;
    }
    return made;
}

const Method bytes_methods[] = {
    {"decode", bytes_decode, 0},
    {"hex", bytes_hex, 0},
    {"join", bytes_join, 0},
    {"find", bytes_find, 0},
    {"startswith", bytes_startswith, 0},
    {"endswith", bytes_endswith, 0},
    {"split", bytes_split, 0},
    {"strip", bytes_strip, 0},
    {NULL, NULL, 0},
};
