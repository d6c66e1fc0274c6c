/* Growing byte buffer and growing arrays: what text is built in.
 *
 * A Buf that is all zero bytes is valid and empty. Its text is always NUL-terminated once
 * anything was added; buf_text() of an empty buffer is "". */
#ifndef NNC_SUPPORT_BUF_H
#define NNC_SUPPORT_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Buf {
    char *data;
    size_t size;     /* bytes used, without the NUL */
    size_t capacity; /* bytes allocated */
} Buf;

/* Appends what doesn't fit into the capacity. */
void buf_add_more(Buf *buf, const void *bytes, size_t size);
static inline void buf_add(Buf *buf, const void *bytes, size_t size) {
    if (size >= buf->capacity - buf->size) { /* the NUL needs room, too */
        buf_add_more(buf, bytes, size);
        return;
    }
    if (size) memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}
void buf_grow(Buf *buf, size_t more);
/* Makes room for `more` bytes and the NUL: what is appended then moves nothing. */
static inline void buf_reserve(Buf *buf, size_t more) {
    if (more >= buf->capacity - buf->size) buf_grow(buf, more);
}
void buf_puts(Buf *buf, const char *text);
static inline void buf_putc(Buf *buf, char c) {
    buf_add(buf, &c, 1);
}
void buf_printf(Buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(Buf *buf, const char *format, va_list args);
void buf_put_decimal(Buf *buf, long long value);
/* A byte within a C string or character. */
void buf_put_c_char(Buf *buf, char byte);
/* The shortest decimal text that reads back as the same double; Python's repr spelling:
 * 1.0, 1e-05, 1e+16, inf, -inf, nan. Independent of the locale. */
void buf_put_double(Buf *buf, double value);
const char *buf_text(const Buf *buf);
void buf_clear(Buf *buf);
void buf_free(Buf *buf);

/* A growing array: `VEC(Node *) nodes = {0}; VEC_PUSH(nodes, n);` items are nodes.items[i]. */
#define VEC(Type)                                                                                  \
    struct {                                                                                       \
        Type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }
#define VEC_PUSH(vec, ...)                                                                         \
    do {                                                                                           \
        if ((vec).count == (vec).capacity)                                                         \
            (vec).items = vec_grow((vec).items, &(vec).capacity, sizeof *(vec).items);             \
        (vec).items[(vec).count++] = (__VA_ARGS__);                                                \
    } while (0)
#define VEC_FREE(vec) (vec_free((vec).items), (vec).items = NULL, (vec).count = (vec).capacity = 0)
void *vec_grow(void *items, size_t *capacity, size_t item_size);
void vec_free(void *items);

#endif
