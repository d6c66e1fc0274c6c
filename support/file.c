/* Whole-file reading, mapping, and atomic writing (temporary file, rename). */
#define _GNU_SOURCE /* renameat2() */
#include "support/file.h"

#include "support/checked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(Buf *error, const char *path, const char *verb, int code) {
    buf_printf(error, "cannot %s '%s': %s", verb, path, strerror(code));
    return false;
}

static bool read_all(int fd, Buf *out) {
    char chunk[65536];
    for (;;) {
        ssize_t count = read(fd, chunk, sizeof chunk);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        if (count == 0) return true;
        buf_add(out, chunk, (size_t)count);
    }
}

bool file_read(const char *path, Buf *out, Buf *error) {
    bool from_stdin = strcmp(path, "-") == 0;
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(error, path, "read", errno);
    bool ok = read_all(fd, out);
    int code = errno;
    if (!from_stdin) close(fd);
    return ok ? true : fail(error, path, "read", code);
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        bytes += count;
        size -= (size_t)count;
    }
    return true;
}

/* mkstemp makes private files; give the result the permissions a plain open() would have. */
static mode_t default_mode(const char *path) {
    struct stat info;
    if (stat(path, &info) == 0) return info.st_mode & 0777;
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/* Puts a new file in the place of an old one. Some file systems write a file to the disk at once
 * when rename() puts it in another's place, which takes milliseconds: here they change places, and
 * the old one goes. */
static bool replace_file(const char *path, const char *by) {
#ifdef RENAME_EXCHANGE
    if (renameat2(AT_FDCWD, by, AT_FDCWD, path, RENAME_EXCHANGE) == 0) return unlink(by) == 0;
#endif
    return rename(by, path) == 0;
}

static bool write_file(const char *path, const void *bytes, size_t size, bool durable, Buf *error) {
    if (strcmp(path, "-") == 0)
        return write_all(STDOUT_FILENO, bytes, size) || fail(error, path, "write", errno);
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        int fd = open(path, O_WRONLY | O_CLOEXEC); /* a device such as /dev/null: no rename */
        if (fd < 0) return fail(error, path, "write", errno);
        bool ok = write_all(fd, bytes, size);
        int code = errno;
        close(fd);
        return ok || fail(error, path, "write", code);
    }
    Buf name = {0};
    buf_printf(&name, "%s.XXXXXX", path);
    int fd = mkstemp(name.data), code = errno;
    bool ok = fd >= 0;
    if (ok) {
        ok = write_all(fd, bytes, size) && fchmod(fd, default_mode(path)) == 0 &&
             (!durable || fsync(fd) == 0);
        code = errno;
        if (close(fd) != 0 && ok) {
            ok = false;
            code = errno;
        }
        if (ok) {
            bool swaps = exists && S_ISREG(info.st_mode) && !durable;
            ok = swaps ? replace_file(path, name.data) : rename(name.data, path) == 0;
            code = errno;
        }
        if (!ok) unlink(name.data);
    }
    buf_free(&name);
    return ok ? true : fail(error, path, "write", code);
}

bool file_write(const char *path, const void *bytes, size_t size, Buf *error) {
    return write_file(path, bytes, size, false, error);
}

bool file_write_durable(const char *path, const void *bytes, size_t size, Buf *error) {
    return write_file(path, bytes, size, true, error);
}

bool file_allow_running(const char *path, Buf *error) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return true;
    mode_t mode = info.st_mode & 0777;
    return chmod(path, mode | (mode & 0444) >> 2) == 0 || fail(error, path, "write", errno);
}

bool file_map(const char *path, FileMap *out, Buf *error) {
    *out = (FileMap){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(error, path, "read", errno);
    struct stat info;
    bool ok = fstat(fd, &info) == 0;
    int code = errno;
    if (ok && S_ISDIR(info.st_mode)) {
        ok = false;
        code = EISDIR;
    }
    if (ok && info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        ok = data != MAP_FAILED;
        code = errno;
        if (ok) *out = (FileMap){data, (size_t)info.st_size};
    }
    close(fd);
    return ok ? true : fail(error, path, "read", code);
}

void file_unmap(FileMap *map) {
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (FileMap){0};
}
