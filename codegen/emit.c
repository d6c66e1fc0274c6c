/* The typed sinks: what makes input text harmless in generated files. */
#include "codegen/emit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/interp.h"

void emit_indent(Emitter *e) {
    static const char spaces[] = "                                ";
    for (size_t left = (size_t)e->indent * 4, step; left > 0; left -= step) {
        step = left < sizeof spaces - 1 ? left : sizeof spaces - 1;
        buf_add(e->out, spaces, step);
    }
    e->in_line = true;
}

/* Text that ends lines as it says and starts them with the indentation. */
static void put(Emitter *e, const char *text, size_t size) {
    const char *stop = text + size, *end;
    while ((end = memchr(text, '\n', (size_t)(stop - text)))) {
        if (end > text) emit_piece(e, text, (size_t)(end - text));
        emit_newline(e);
        text = end + 1;
    }
    if (stop > text) emit_piece(e, text, (size_t)(stop - text));
}

static void put_text(Emitter *e, const char *text) {
    put(e, text, strlen(text));
}

/* Most texts are a piece of a line, or its end: they are made where they belong. */
static void put_format(Emitter *e, const char *format, va_list args) {
    Buf *out = e->out;
    size_t before = out->size;
    bool in_line = e->in_line;
    if (!in_line) emit_indent(e);
    size_t start = out->size;
    buf_vprintf(out, format, args);
    size_t size = out->size - start;
    const char *end = size ? memchr(out->data + start, '\n', size) : NULL;
    if (end == out->data + out->size - 1 && size > 1) e->in_line = false;
    if (size > 0 && (!end || !e->in_line)) return;
    Buf text = {0};
    if (size) buf_add(&text, out->data + start, size);
    out->size = before;
    if (out->data) out->data[before] = '\0';
    e->in_line = in_line;
    put(e, buf_text(&text), text.size);
    buf_free(&text);
}

void emit_decimal(Emitter *e, long long value) {
    if (!e->in_line) emit_indent(e);
    buf_put_decimal(e->out, value);
}

void emit_numbered(Emitter *e, char letter, int number) {
    emit_piece(e, &letter, 1);
    emit_decimal(e, number);
}

void emit_text(Emitter *e, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_format(e, format, args);
    va_end(args);
}

void emit_line(Emitter *e, const char *format, ...) {
    if (format[0] == '}' && e->indent > 0) e->indent--;
    va_list args;
    va_start(args, format);
    put_format(e, format, args);
    va_end(args);
    emit_newline(e);
    size_t size = strlen(format);
    if (size && format[size - 1] == '{') e->indent++;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Sorted; keywords of C and C++ up to C23 and C++20, and other words that C headers or compilers
 * make macros. */
static const char reserved[] =
    " I alignas alignof and and_eq asm auto bitand bitor bool break case catch char"
    " char16_t char32_t char8_t class co_await co_return co_yield compl complex concept"
    " const const_cast consteval constexpr constinit continue decltype default delete do"
    " double dynamic_cast else enum errno explicit export extern false float for friend"
    " goto i386 if imaginary inline int linux long main mutable namespace new noexcept"
    " noreturn not not_eq nullptr operator or or_eq private protected public register"
    " reinterpret_cast requires restrict return short signed sizeof static static_assert"
    " static_cast stderr stdin stdout struct switch template this thread_local throw true"
    " try typedef typeid typename typeof typeof_unqual union unix unsigned using virtual"
    " void volatile wchar_t while xor xor_eq ";

static bool is_reserved(const char *name) {
    size_t size = strlen(name);
    for (const char *at = reserved; (at = strstr(at, name)) != NULL; at++)
        if (at[-1] == ' ' && at[size] == ' ') return true;
    return false;
}

char *c_identifier(Arena *arena, const char *text) {
    size_t size = strlen(text);
    char *name = arena_alloc(arena, size + 3);
    char *at = name;
    bool digit = size == 0 || (text[0] >= '0' && text[0] <= '9');
    /* Names that start with an underscore are the implementation's. */
    if (digit || !is_word(text[0]) || text[0] == '_') *at++ = 'n';
    if (digit) *at++ = '_';
    for (size_t i = 0; i < size; i++)
        *at++ = is_word(text[i]) ? text[i] : '_';
    /* C++ reserves double underscores, C names like EOF and INT_MAX can't be listed all: the
     * prefix that callers put before public names keeps clear of those. */
    size_t kept = 0;
    for (char *from = name; *from; from++)
        if (!(kept > 0 && name[kept - 1] == '_' && *from == '_')) name[kept++] = *from;
    name[kept] = '\0';
    if (is_reserved(name)) {
        name[kept] = '_';
        name[kept + 1] = '\0';
    }
    return name;
}

void emit_ident(Emitter *e, const char *name) {
    for (; *name; name++)
        emit_piece(e, is_word(*name) ? name : "_", 1);
}

void emit_c_string(Emitter *e, const char *bytes, size_t size) {
    enum { LONGEST = 4095 }; /* that C promises */
    Buf text = {0};
    bool literal = size <= LONGEST;
    buf_puts(&text, literal ? "\"" : "(const char[]){");
    for (size_t i = 0; i < size; i++) {
        if (!literal) buf_putc(&text, '\'');
        buf_put_c_char(&text, bytes[i]);
        if (!literal) buf_puts(&text, "', ");
    }
    buf_puts(&text, literal ? "\"" : "0}");
    put(e, buf_text(&text), text.size);
    buf_free(&text);
}

/* Bytes of the UTF-8 character at `text` when it may stand in a comment: not broken, and not a mark
 * that changes the direction of the text after it. Else 0. */
static int utf8_length(const char *text) {
    const unsigned char *c = (const unsigned char *)text;
    int length = c[0] >= 0xF0 && c[0] < 0xF5   ? 4
                 : c[0] >= 0xE0 && c[0] < 0xF0 ? 3
                 : c[0] >= 0xC2 && c[0] < 0xE0 ? 2
                                               : 0;
    for (int i = 1; i < length; i++)
        if ((c[i] & 0xC0) != 0x80) return 0;
    if (c[0] == 0xE2 && c[1] == 0x80) return c[2] >= 0x8B && c[2] <= 0xAE ? 0 : length;
    if (c[0] == 0xE2 && c[1] == 0x81) return c[2] >= 0xA0 && c[2] <= 0xAF ? 0 : length;
    if (c[0] == 0xD8 && c[1] == 0x9C) return 0;
    return length;
}

bool emit_can_include(const char *name) {
    if (strstr(name, "??")) return false; /* may be a trigraph */
    for (const char *c = name; *c; c++) {
        int length = (unsigned char)*c >= 128 ? utf8_length(c) : 1;
        bool bad = *c == '"' || *c == '\\' || *c == 127 || (unsigned char)*c < 32;
        if (length == 0 || bad) return false;
        c += length - 1;
    }
    return true;
}

/* Characters that nothing can be wrong with in a comment, whatever is beside them. */
static size_t harmless_length(const char *text) {
    size_t size = 0;
    while (is_word(text[size]) || text[size] == ' ' || text[size] == ',' || text[size] == '.')
        size++;
    return size;
}

/* The text with what could end or break a comment replaced. */
static void clean_comment(Buf *out, const char *text) {
    for (const char *c = text; *c; c++) {
        size_t harmless = harmless_length(c);
        buf_add(out, c, harmless);
        c += harmless;
        if (!*c) return;
        if ((unsigned char)*c >= 128) {
            int length = utf8_length(c);
            buf_add(out, length ? c : ".", length ? (size_t)length : 1);
            if (length) c += length - 1;
            continue;
        }
        bool control = *c < 32 || *c == 127 || *c == '\\';
        char before = c > text ? c[-1] : ' ';
        bool joins = (*c == '/' && before == '*') || (*c == '*' && before == '/');
        joins |= *c == '?' && before == '?'; // a trigraph's start
        if (joins) buf_putc(out, ' ');
        buf_putc(out, control ? ' ' : *c);
    }
}

void emit_inline_comment(Emitter *e, const char *text) {
    Buf clean = {0};
    clean_comment(&clean, text);
    put_text(e, "/* ");
    put(e, buf_text(&clean), clean.size);
    put_text(e, " */");
    buf_free(&clean);
}

void emit_comment(Emitter *e, const char *text) {
    enum { WIDTH = 92 };
    Buf clean = {0};
    clean_comment(&clean, text);
    const char *at = buf_text(&clean);
    put_text(e, "/* ");
    bool first = true;
    while (*at || first) {
        size_t room = WIDTH - (size_t)e->indent * 4, size = strlen(at), take = size;
        if (size > room) {
            take = room;
            while (take > 0 && at[take] != ' ')
                take--;
            if (take == 0)
                for (take = room; at[take] && at[take] != ' ';)
                    take++;
        }
        if (!first) put_text(e, "\n * ");
        put(e, at, take);
        at += take;
        while (*at == ' ')
            at++;
        first = false;
    }
    put_text(e, " */\n");
    buf_free(&clean);
}

void emit_integer(Emitter *e, DType dtype, int64_t value) {
    if (dtype != DT_I64) {
        if (value == INT32_MIN)
            put_text(e, "INT32_MIN");
        else
            emit_decimal(e, value);
    } else if (value == INT64_MIN) {
        put_text(e, "INT64_MIN");
    } else if (value > INT32_MAX || value < INT32_MIN) {
        emit_text(e, "INT64_C(%lld)", (long long)value);
    } else {
        emit_decimal(e, value);
    }
}

/* The fewest digits that give back the float, as far as double precision tells. */
static int fewest_digits(float value) {
    double size = fabs((double)value);
    int exponent = size > 0 ? (int)floor(log10(size)) : 0;
    for (int digits = 1; digits < 9; digits++) {
        int places = digits - 1 - exponent;
        double unit = pow(10, abs(places));
        double rounded = places > 0 ? round(size * unit) / unit : round(size / unit) * unit;
        if ((float)rounded == (float)size) return digits;
    }
    return 9; /* are always enough */
}

static void put_float(Buf *out, float value) {
    if (!signbit(value) && value < 10 && value == truncf(value)) {
        buf_putc(out, (char)('0' + (int)value));
        return;
    }
    char text[320]; /* of any double, for the compiler */
    int digits = fewest_digits(value);
    do
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
    while (strtof(text, NULL) != value && digits++ < 9);
    buf_puts(out, text);
}

void emit_element(Emitter *e, DType dtype, const void *elements, int64_t index) {
    double f = 0;
    int64_t i = 0;
    const char *at = (const char *)elements + (size_t)index * dtype_size(dtype);
    Tensor64 item = tensor64_item(dtype, at, &f, &i);
    if (item.f)
        emit_number(e, dtype, f);
    else
        emit_integer(e, dtype, i);
}

void emit_number(Emitter *e, DType dtype, double value) {
    if (!dtype_is_float(dtype)) {
        emit_integer(e, dtype, (int64_t)value);
        return;
    }
    if (dtype_is_half(dtype)) {
        uint16_t bits;
        dtype_store_float(dtype, &bits, value);
        emit_text(e, "0x%04x", bits);
        return;
    }
    if (isnan(value)) {
        put_text(e, dtype == DT_F32 ? "NAN" : "(double)NAN");
        return;
    }
    if (isinf(value)) {
        emit_text(e, "%s%s", value < 0 ? "-" : "",
                  dtype == DT_F32 ? "INFINITY" : "(double)INFINITY");
        return;
    }
    if (!e->in_line) emit_indent(e);
    Buf *out = e->out;
    size_t start = out->size;
    if (dtype == DT_F32)
        put_float(out, (float)value);
    else
        buf_put_double(out, value);
    if (!strpbrk(out->data + start, ".e")) buf_puts(out, ".0");
    if (dtype == DT_F32) buf_putc(out, 'f');
}
