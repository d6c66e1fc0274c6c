#include "support/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "support/file.h"
#include "support/hash.h"

/* The directory; false: there is none. */
static bool cache_directory(Buf *path) {
    const char *own = getenv("NNC_CACHE"), *all = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own) {
        buf_puts(path, own);
        return strcmp(own, "none") != 0;
    }
    if (all && *all == '/')
        buf_printf(path, "%s/nnc", all);
    else if (home && *home == '/')
        buf_printf(path, "%s/.cache/nnc", home);
    return path->size > 0;
}

/* Makes the directories of the path, but for its last part. */
static void make_directories(const Buf *path) {
    Buf part = {0};
    for (size_t i = 1; i < path->size; i++) {
        if (path->data[i] != '/') continue;
        buf_clear(&part);
        buf_add(&part, path->data, i);
        (void)mkdir(buf_text(&part), 0777);
    }
    buf_free(&part);
}

static bool cache_path(const Buf *key, Buf *path) {
    if (!cache_directory(path)) return false;
    buf_printf(path, "/%016llx", (unsigned long long)hash_bytes(0, key->data, key->size));
    return true;
}

/* "SIZE\n", the key of that size, the value. */
bool cache_find(const Buf *key, Buf *value) {
    Buf path = {0}, file = {0}, error = {0};
    bool found = cache_path(key, &path) && file_read(buf_text(&path), &file, &error);
    char *end = NULL;
    size_t size = found ? (size_t)strtoull(buf_text(&file), &end, 10) : 0;
    size_t start = found ? (size_t)(end - file.data) + 1 : 0;
    found = found && size == key->size && file.size > start && file.size - start >= size &&
            memcmp(file.data + start, key->data, size) == 0;
    if (found) buf_add(value, file.data + start + size, file.size - start - size);
    buf_free(&path);
    buf_free(&file);
    buf_free(&error);
    return found;
}

void cache_keep(const Buf *key, const Buf *value) {
    Buf path = {0}, file = {0}, error = {0};
    if (cache_path(key, &path)) {
        make_directories(&path);
        buf_printf(&file, "%zu\n", key->size);
        buf_add(&file, key->data, key->size);
        buf_add(&file, value->data, value->size);
        (void)file_write(buf_text(&path), file.data, file.size, &error);
    }
    buf_free(&path);
    buf_free(&file);
    buf_free(&error);
}
