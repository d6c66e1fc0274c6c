/* Checked arithmetic for sizes, and the two ways a process ends early. */
#ifndef NNC_SUPPORT_CHECKED_H
#define NNC_SUPPORT_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when the result fits; `*out` is written then. */
static inline bool mul_size(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool add_size(size_t a, size_t b, size_t *out) {
    return !__builtin_add_overflow(a, b, out);
}
static inline bool mul_i64(int64_t a, int64_t b, int64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool add_i64(int64_t a, int64_t b, int64_t *out) {
    return !__builtin_add_overflow(a, b, out);
}

/* To a multiple of the second number; of sizes that are far from the largest. */
static inline size_t round_up_size(size_t size, size_t to) {
    return (size + to - 1) / to * to;
}
static inline int64_t round_up_i64(int64_t size, int64_t to) {
    return (size + to - 1) / to * to;
}

/* malloc/calloc/realloc that end the process with a message when memory runs out. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);

_Noreturn void fatal_memory(void);
/* A bug in nnc itself: prints the place and the message, then aborts. */
_Noreturn void fatal_bug(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define NNC_BUG(...) fatal_bug(__FILE__, __LINE__, __VA_ARGS__)
#define NNC_CHECK(condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition)) NNC_BUG(__VA_ARGS__);                                                    \
    } while (0)

#endif
