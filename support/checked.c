/* Allocation that never fails quietly, and the two ways a process ends early. */
#include "support/checked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *xmalloc(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) fatal_memory();
    return memory;
}

/* glibc's calloc() passes by what a thread has freed, where malloc() finds small blocks at once. */
void *xcalloc(size_t count, size_t size) {
    enum { SMALL = 1024 };
    size_t bytes;
    if (!mul_size(count, size, &bytes)) fatal_memory();
    if (bytes <= SMALL) return memset(xmalloc(bytes), 0, bytes);
    void *memory = calloc(1, bytes);
    if (!memory) fatal_memory();
    return memory;
}

void *xrealloc(void *old, size_t size) {
    void *memory = realloc(old, size ? size : 1);
    if (!memory) fatal_memory();
    return memory;
}

void fatal_memory(void) {
    fputs("nnc: error: out of memory\n", stderr);
    exit(1);
}

void fatal_bug(const char *file, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fprintf(stderr, "nnc: internal error at %s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputs("\nThis is a bug in nnc; please report it with the input that shows it.\n", stderr);
    va_end(args);
    abort();
}
