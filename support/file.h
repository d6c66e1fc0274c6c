/* Whole-file reading and atomic writing: no partial output is ever left behind. */
#ifndef NNC_SUPPORT_FILE_H
#define NNC_SUPPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "support/buf.h"

/* Appends the file's bytes ("-": standard input). False with a message in `error` on failure. */
bool file_read(const char *path, Buf *out, Buf *error);
/* Writes to a temporary file beside `path` and renames it over ("-": standard output, directly).
 * False with a message in `error`; then `path` is as it was. What nnc writes can be made again, so
 * it does not wait for the disk. */
bool file_write(const char *path, const void *bytes, size_t size, Buf *error);
/* The same, on the disk when it returns: what a program saves. */
bool file_write_durable(const char *path, const void *bytes, size_t size, Buf *error);

/* Whoever may read the file may run it then; what isn't a regular file stays as it is. */
bool file_allow_running(const char *path, Buf *error);

/* A file mapped read-only. */
typedef struct FileMap {
    const unsigned char *data;
    size_t size;
} FileMap;
bool file_map(const char *path, FileMap *out, Buf *error);
void file_unmap(FileMap *map);

#endif
