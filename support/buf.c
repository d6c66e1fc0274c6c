/* Growing byte buffer and growing arrays. Capacity doubles, so n appends cost O(n). */
#include "support/buf.h"

#include "support/checked.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_grow(Buf *buf, size_t more) {
    size_t needed, capacity;
    if (!add_size(buf->size, more, &needed) || !add_size(needed, 1, &needed)) fatal_memory();
    if (!mul_size(buf->capacity, 2, &capacity)) fatal_memory();
    if (capacity < needed) capacity = needed;
    if (capacity < 64) capacity = 64;
    buf->data = xrealloc(buf->data, capacity);
    buf->capacity = capacity;
}

void buf_add_more(Buf *buf, const void *bytes, size_t size) {
    buf_reserve(buf, size);
    if (size) memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void buf_puts(Buf *buf, const char *text) {
    buf_add(buf, text, strlen(text));
}

void buf_printf(Buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

/* Where the digits end is known before they are made, two at a time from the last. */
static void put_unsigned(Buf *buf, unsigned long long value) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    enum { MOST = 20 };
    size_t digits = 1;
    for (unsigned long long next = 10; digits < MOST && value >= next; next *= 10)
        digits++;
    buf_reserve(buf, digits);
    buf->size += digits;
    char *at = buf->data + buf->size;
    *at = '\0';
    for (; value >= 10; value /= 100)
        at = memcpy(at - 2, pairs + value % 100 * 2, 2);
    if (digits % 2) at[-1] = (char)('0' + value);
}

void buf_put_decimal(Buf *buf, long long value) {
    if (value < 0) buf_putc(buf, '-');
    put_unsigned(buf, value < 0 ? -(unsigned long long)value : (unsigned long long)value);
}

void buf_put_c_char(Buf *buf, char byte) {
    unsigned char c = (unsigned char)byte;
    if (c == '"' || c == '\'' || c == '\\')
        buf_printf(buf, "\\%c", c);
    else if (c == '\n')
        buf_puts(buf, "\\n");
    else if (c >= 32 && c < 127 && c != '?')
        buf_putc(buf, (char)c);
    else
        /* Three octal digits end by themselves, unlike \x; '?' could start a trigraph. */
        buf_printf(buf, "\\%03o", c);
}

/* printf's own work, from a conversion on. */
static void print_rest(Buf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    buf_reserve(buf, 64); /* most texts fit at once */
    size_t room = buf->capacity - buf->size;
    int length = vsnprintf(buf->data + buf->size, room, format, args);
    NNC_CHECK(length >= 0, "bad format: %s", format);
    if ((size_t)length >= room) {
        buf_reserve(buf, (size_t)length);
        vsnprintf(buf->data + buf->size, (size_t)length + 1, format, again);
    }
    va_end(again);
    buf->size += (size_t)length;
}

/* Like printf where there is no text. */
static void print_text(Buf *buf, const char *text) {
    buf_puts(buf, text ? text : "(null)");
}

/* Much text is made: the usual conversions do without printf's cost. */
void buf_vprintf(Buf *buf, const char *format, va_list args) {
    for (;;) {
        const char *end = format;
        while (*end && *end != '%')
            end++;
        buf_add(buf, format, (size_t)(end - format));
        if (!*end) return;
        switch (end[1]) {
        case 's':
            print_text(buf, va_arg(args, const char *));
            break;
        case 'd':
            buf_put_decimal(buf, va_arg(args, int));
            break;
        case 'c':
            buf_putc(buf, (char)va_arg(args, int));
            break;
        case '%':
            buf_putc(buf, '%');
            break;
        case 'l':
            if (end[2] == 'l' && end[3] == 'd') {
                buf_put_decimal(buf, va_arg(args, long long));
                end += 2;
                break;
            }
            print_rest(buf, end, args);
            return;
        case 'z':
            if (end[2] == 'u') {
                put_unsigned(buf, va_arg(args, size_t));
                end++;
                break;
            }
            print_rest(buf, end, args);
            return;
        default:
            print_rest(buf, end, args);
            return;
        }
        format = end + 2;
    }
}

/* Shortest digits that read back as `value`: 15 always survive a round trip through a normal
 * double, so only 15, 16 and 17 need to be tried (every count for subnormals); trailing zeros are
 * dropped. Returns the decimal exponent. */
static int shortest_digits(double value, char digits[18], int *count) {
    char text[40];
    for (int precision = value < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
        if (strtod(text, NULL) == value) break;
        /* Below a power of two numbers lie closer: the nearest digits may be another's. */
        char *last = strchr(text, 'e') - 1;
        if (*last == '9') continue;
        ++*last;
        if (strtod(text, NULL) == value) break;
    }
    char *exponent = strchr(text, 'e');
    int n = 0;
    for (const char *p = text; p < exponent; p++)
        if (*p != '.') digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    *count = n;
    return atoi(exponent + 1);
}

void buf_put_double(Buf *buf, double value) {
    if (isnan(value)) {
        buf_puts(buf, "nan");
        return;
    }
    if (signbit(value)) {
        buf_putc(buf, '-');
        value = -value;
    }
    if (isinf(value)) {
        buf_puts(buf, "inf");
        return;
    }
    char digits[18];
    int count, exponent = shortest_digits(value, digits, &count);
    if (exponent < -4 || exponent >= 16) {
        buf_putc(buf, digits[0]);
        if (count > 1) buf_putc(buf, '.');
        buf_add(buf, digits + 1, (size_t)count - 1);
        buf_printf(buf, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) {
        buf_puts(buf, "0.");
        for (int i = -1; i > exponent; i--)
            buf_putc(buf, '0');
        buf_add(buf, digits, (size_t)count);
        return;
    }
    for (int i = 0; i <= exponent; i++)
        buf_putc(buf, i < count ? digits[i] : '0');
    buf_putc(buf, '.');
    if (count > exponent + 1)
        buf_add(buf, digits + exponent + 1, (size_t)(count - exponent - 1));
    else
        buf_putc(buf, '0');
}

const char *buf_text(const Buf *buf) {
    return buf->data ? buf->data : "";
}

void buf_clear(Buf *buf) {
    buf->size = 0;
    if (buf->data) buf->data[0] = '\0';
}

void buf_free(Buf *buf) {
    free(buf->data);
    *buf = (Buf){0};
}

void *vec_grow(void *items, size_t *capacity, size_t item_size) {
    size_t doubled, bytes;
    if (!mul_size(*capacity, 2, &doubled)) fatal_memory();
    if (doubled < 8) doubled = 8;
    if (!mul_size(doubled, item_size, &bytes)) fatal_memory();
    *capacity = doubled;
    return xrealloc(items, bytes);
}

void vec_free(void *items) {
    free(items);
}
