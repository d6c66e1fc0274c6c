/* str.encode and bytes.decode: UTF-8, Latin-1 and ASCII, with their error handlers. */
#include <ctype.h>

#include "frontend/bytes.h"

typedef enum Encoding { UTF8, LATIN1, ASCII } Encoding;
typedef enum OnError { STRICT, IGNORE, REPLACE, ESCAPE, XML } OnError;

static const char *const encoding_names[] = {"utf-8", "latin-1", "ascii"};

/* "UTF_8" and "utf8" are the same encoding: names are compared without case and separators. */
static bool find_encoding(Vm *vm, Value name, Encoding *out) {
    static const struct {
        const char *name;
        Encoding encoding;
    } known[] = {{"utf8", UTF8}, {"u8", UTF8},     {"latin1", LATIN1}, {"iso88591", LATIN1},
                 {"l1", LATIN1}, {"ascii", ASCII}, {"usascii", ASCII}};
    char plain[24];
    size_t n = 0;
    *out = UTF8;
    if (is_null(name)) return true;
    const char *text = vm_to_text(vm, name, "encoding");
    if (!text) return false;
    for (const char *p = text; *p && n + 1 < sizeof plain; p++)
        if (isalnum((unsigned char)*p)) plain[n++] = (char)tolower((unsigned char)*p);
    plain[n] = '\0';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, plain) == 0) return *out = known[i].encoding, true;
    vm_raise(vm, EXC_LookupError, "unknown encoding: %s", text);
    return false;
}

static bool find_handler(Vm *vm, Value name, OnError *out) {
    static const char *const names[] = {"strict", "ignore", "replace", "backslashreplace",
                                        "xmlcharrefreplace"};
    *out = STRICT;
    if (is_null(name)) return true;
    const char *text = vm_to_text(vm, name, "errors");
    for (size_t i = 0; text && i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], text) == 0) return *out = (OnError)i, true;
    if (text) vm_raise(vm, EXC_LookupError, "unknown error handler name '%s'", text);
    return false;
}

static void put_escape(Buf *out, uint32_t c) {
    buf_printf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

/* Where the run of characters that the encoding lacks ends; both are counted in characters. */
static size_t run_end(const Str *s, size_t offset, size_t position, uint32_t limit) {
    while (offset < s->size) {
        uint32_t c;
        offset += utf8_decode(s->data + offset, s->size - offset, &c);
        if (c < limit) break;
        position++;
    }
    return position;
}

/* Raises with the five arguments of a UnicodeError; takes `object` and the text. */
static void raise_unicode(Vm *vm, ExceptionId id, Encoding encoding, Value object, size_t start,
                          size_t end, Value reason) {
    Value args[5] = {str_from(vm, encoding_names[encoding]), object, from_int((int64_t)start),
                     from_int((int64_t)end), reason};
    Value e = vm_call(vm, FROM_OBJ(vm->exc[id]), args, 5, NULL);
    for (int i = 0; i < 5; i++)
        decref(args[i]);
    if (!is_null(e)) vm_raise_value(vm, e);
    decref(e);
}

/* What such an exception says, of the exception's arguments. */
Value unicode_error_str(Vm *vm, const Value *args) {
    const char *encoding = is_str(args[0]) ? as_str(args[0])->data : "?";
    const char *reason = is_str(args[4]) ? as_str(args[4])->data : "?";
    int64_t start = as_int(args[2]), end = as_int(args[3]);
    bool decoding = has_flag(args[1], CLASS_BYTES);
    if (end != start + 1)
        return str_printf(vm, "'%s' codec can't %s in position %lld-%lld: %s", encoding,
                          decoding ? "decode bytes" : "encode characters", (long long)start,
                          (long long)end - 1, reason);
    Buf shown = {0};
    if (decoding) {
        const Bytes *bytes = (const Bytes *)(const void *)args[1].o;
        bool inside = start >= 0 && (size_t)start < bytes->size;
        buf_printf(&shown, "0x%02x", inside ? bytes->data[start] : 0U);
    } else {
        uint32_t c = 0;
        const Str *s = as_str(args[1]);
        if (start >= 0 && (size_t)start < s->length) {
            size_t offset = str_offset(s, (size_t)start);
            utf8_decode(s->data + offset, s->size - offset, &c);
        }
        put_escape(&shown, c);
    }
    Value text = str_printf(vm,
                            decoding ? "'%s' codec can't decode byte %s in position %lld: %s"
                                     : "'%s' codec can't encode character '%s' in position "
                                       "%lld: %s",
                            encoding, buf_text(&shown), (long long)start, reason);
    buf_free(&shown);
    return text;
}

static void cannot_encode(Vm *vm, const Str *s, Encoding encoding, size_t offset, size_t position) {
    uint32_t limit = encoding == ASCII ? 0x80 : 0x100;
    size_t end = run_end(s, offset, position, limit);
    raise_unicode(vm, EXC_UnicodeEncodeError, encoding, NEW_REF((uintptr_t)s), position, end,
                  str_printf(vm, "ordinal not in range(%u)", limit));
}

Value str_to_bytes(Vm *vm, const Str *s, Value encoding_name, Value errors) {
    Encoding encoding;
    OnError how;
    if (!find_encoding(vm, encoding_name, &encoding) || !find_handler(vm, errors, &how))
        return NULL_VALUE;
    if (encoding == UTF8) return bytes_new(vm, s->data, s->size);
    Buf bytes = {0};
    size_t position = 0;
    for (size_t i = 0; i < s->size; position++) {
        uint32_t c;
        size_t n = utf8_decode(s->data + i, s->size - i, &c);
        if (c < (encoding == ASCII ? 0x80u : 0x100u)) {
            buf_putc(&bytes, (char)c);
        } else if (how == STRICT) {
            cannot_encode(vm, s, encoding, i, position);
            buf_free(&bytes);
            return NULL_VALUE;
        } else if (how == REPLACE) {
            buf_putc(&bytes, '?');
        } else if (how == ESCAPE) {
            put_escape(&bytes, c);
        } else if (how == XML) {
            buf_printf(&bytes, "&#%u;", c);
        }
        i += n;
    }
    Value made = bytes_new(vm, buf_text(&bytes), bytes.size);
    buf_free(&bytes);
    return made;
}

/* How many bytes the UTF-8 character at `p` has; 0: none stands there, and `*bad` bytes are to be
 * replaced by one sign. */
static size_t utf8_length(const unsigned char *p, size_t left, size_t *bad, const char **why) {
    unsigned char c = p[0];
    *bad = 1;
    *why = "invalid start byte";
    if (c < 0x80) return 1;
    size_t n = c >= 0xc2 && c < 0xe0   ? 2
               : c >= 0xe0 && c < 0xf0 ? 3
               : c >= 0xf0 && c < 0xf5 ? 4
                                       : 0;
    if (n == 0) return 0;
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < n; i++) {
        *bad = i;
        *why = i == left ? "unexpected end of data" : "invalid continuation byte";
        if (i == left || p[i] < low || p[i] > high) return 0;
        low = 0x80, high = 0xbf;
    }
    return n;
}

static size_t character_length(Encoding encoding, const unsigned char *p, size_t left, size_t *bad,
                               const char **why) {
    *bad = 1;
    *why = "ordinal not in range(128)";
    if (encoding == UTF8) return utf8_length(p, left, bad, why);
    return encoding == LATIN1 || *p < 0x80;
}

static void cannot_decode(Vm *vm, Encoding encoding, const Bytes *b, size_t at, size_t bad,
                          const char *why) {
    raise_unicode(vm, EXC_UnicodeDecodeError, encoding,
                  bytes_new(vm, (const char *)b->data, b->size), at, at + bad, str_from(vm, why));
}

Value bytes_to_str(Vm *vm, const Bytes *b, Value encoding_name, Value errors) {
    Encoding encoding;
    OnError how;
    if (!find_encoding(vm, encoding_name, &encoding) || !find_handler(vm, errors, &how))
        return NULL_VALUE;
    Buf text = {0};
    for (size_t i = 0; i < b->size;) {
        size_t bad;
        const char *why;
        size_t n = character_length(encoding, b->data + i, b->size - i, &bad, &why);
        if (n > 0 && encoding == LATIN1)
            utf8_put(&text, b->data[i]);
        else if (n > 0)
            buf_add(&text, (const char *)b->data + i, n);
        else if (how == STRICT) {
            cannot_decode(vm, encoding, b, i, bad, why);
            buf_free(&text);
            return NULL_VALUE;
        } else if (how == REPLACE)
            utf8_put(&text, 0xfffd);
        else if (how == ESCAPE)
            for (size_t j = 0; j < bad; j++)
                put_escape(&text, b->data[i + j]);
        i += n ? n : bad;
    }
    return str_from_buf(vm, &text);
}

Value str_encode(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[2];
    if (!vm_args(vm, "encode", "encoding? errors?", args + 1, nargs - 1, kwnames, out))
        return NULL_VALUE;
    return str_to_bytes(vm, as_str(args[0]), out[0], out[1]);
}

Value bytes_decode(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[2];
    if (!vm_args(vm, "decode", "encoding? errors?", args + 1, nargs - 1, kwnames, out))
        return NULL_VALUE;
    return bytes_to_str(vm, as_bytes(args[0]), out[0], out[1]);
}
