/* Files opened by the program, and the standard streams. Text is UTF-8. */
#include <errno.h>
#include <sys/stat.h>

#include "frontend/vm_internal.h"

static File *as_file(Value v) {
    return (File *)(void *)v.o;
}

#define METHOD(name)                                                                               \
    static Value name(Vm *vm, __attribute__((unused)) const Value *args, int nargs,                \
                      const Tuple *kwnames)
#define EXPECT(name, min, max)                                                                     \
    if (!vm_args_simple(vm, name, nargs, kwnames, (min) + 1, (max) + 1)) return NULL_VALUE;

/* Everything the program prints passes here. */
bool vm_stdout(Vm *vm, const char *text, size_t size) {
    if (vm->silent) return true;
    if (vm->capture) {
        buf_add(vm->capture, text, size);
        return true;
    }
    if (fwrite(text, 1, size, vm->out) == size) return true;
    vm_raise_os(vm, errno, NULL);
    return false;
}

Value file_wrap(Vm *vm, FILE *stream, const char *name, bool readable, bool writable) {
    File *f = (File *)(void *)vm_alloc(vm, vm->cls[CLS_FILE]);
    f->stream = stream;
    f->name = str_from(vm, name);
    f->mode = str_from(vm, readable ? "r" : "w");
    f->standard = true;
    f->readable = readable;
    f->writable = writable;
    return FROM_OBJ(f);
}

static bool is_binary(const File *f) {
    return strchr(as_str(f->mode)->data, 'b') != NULL;
}

static bool check_open(Vm *vm, const File *f, bool writing) {
    if (!f->stream) {
        vm_raise(vm, EXC_ValueError, "I/O operation on closed file.");
        return false;
    }
    if (writing ? f->writable : f->readable) return true;
    vm_raise(vm, EXC_OSError, "not %s", writing ? "writable" : "readable");
    return false;
}

bool vm_write(Vm *vm, Value file, const char *text, size_t size) {
    if (file.tag == TAG_OBJ && file.o->cls == vm->cls[CLS_FILE]) {
        File *f = as_file(file);
        if (!check_open(vm, f, true)) return false;
        if (f->stream == vm->out) return vm_stdout(vm, text, size);
        if (f->standard) fflush(vm->out);
        if (fwrite(text, 1, size, f->stream) == size) return true;
        vm_raise_os(vm, errno, NULL);
        return false;
    }
    Value arg = str_new(vm, text, size);
    Value result = vm_call_method(vm, file, "write", &arg, 1);
    decref(arg);
    decref(result);
    return !is_null(result);
}

static Value make_text(Vm *vm, const File *f, Buf *buf) {
    if (!is_binary(f)) return str_from_buf(vm, buf);
    Value made = bytes_new(vm, buf->data, buf->size);
    buf_free(buf);
    return made;
}

static Value read_line(Vm *vm, File *f) {
    Buf buf = {0};
    int c;
    while ((c = getc(f->stream)) != EOF) {
        buf_putc(&buf, (char)c);
        if (c == '\n') break;
    }
    if (!is_binary(f) && buf.size > 1 && buf.data[buf.size - 2] == '\r') {
        buf.size -= 2;
        buf_putc(&buf, '\n');
    }
    return make_text(vm, f, &buf);
}

METHOD(file_read) {
    EXPECT("read", 0, 1)
    File *f = as_file(args[0]);
    int64_t limit = -1;
    if (!check_open(vm, f, false)) return NULL_VALUE;
    if (nargs == 2 && !is_none(args[1]) && !vm_to_index(vm, args[1], &limit)) return NULL_VALUE;
    Buf buf = {0};
    char chunk[4096];
    while (limit != 0) {
        size_t want = limit < 0 || limit > (int64_t)sizeof chunk ? sizeof chunk : (size_t)limit;
        size_t got = fread(chunk, 1, want, f->stream);
        buf_add(&buf, chunk, got);
        if (limit > 0) limit -= (int64_t)got;
        if (got < want) break;
    }
    return make_text(vm, f, &buf);
}

METHOD(file_readline) {
    EXPECT("readline", 0, 1)
    return check_open(vm, as_file(args[0]), false) ? read_line(vm, as_file(args[0])) : NULL_VALUE;
}

static Value file_next(Vm *vm, Value self) {
    if (!check_open(vm, as_file(self), false)) return NULL_VALUE;
    Value line = read_line(vm, as_file(self));
    int64_t length = is_null(line) ? -1 : vm_len(vm, line);
    if (length != 0) return line;
    decref(line);
    return NULL_VALUE;
}

METHOD(file_readlines) {
    EXPECT("readlines", 0, 0)
    return list_from_iterable(vm, args[0]);
}

METHOD(file_write) {
    EXPECT("write", 1, 1)
    if (has_flag(args[1], CLASS_BYTES)) {
        const Bytes *b = (const Bytes *)(const void *)args[1].o;
        if (!vm_write(vm, args[0], (const char *)b->data, b->size)) return NULL_VALUE;
        return from_int((int64_t)b->size);
    }
    if (!is_str(args[1]))
        return vm_raise(vm, EXC_TypeError, "write() argument must be str, not %s",
                        vm_class_name(vm, args[1]));
    const Str *s = as_str(args[1]);
    return vm_write(vm, args[0], s->data, s->size) ? from_int((int64_t)s->length) : NULL_VALUE;
}

METHOD(file_writelines) {
    EXPECT("writelines", 1, 1)
    Value lines = list_from_iterable(vm, args[1]);
    if (is_null(lines)) return lines;
    bool ok = true;
    for (size_t i = 0; ok && i < as_list(lines)->count; i++) {
        Value given[2] = {args[0], as_list(lines)->items[i]}, n = file_write(vm, given, 2, NULL);
        ok = !is_null(n);
    }
    decref(lines);
    return ok ? NONE : NULL_VALUE;
}

METHOD(file_flush) {
    EXPECT("flush", 0, 0)
    if (as_file(args[0])->stream) fflush(as_file(args[0])->stream);
    return NONE;
}

METHOD(file_close) {
    EXPECT("close", 0, 0)
    File *f = as_file(args[0]);
    if (f->stream && !f->standard) fclose(f->stream);
    f->stream = NULL;
    return NONE;
}

METHOD(file_enter) {
    EXPECT("__enter__", 0, 0)
    return incref(args[0]);
}

METHOD(file_exit) {
    (void)nargs;
    return file_close(vm, args, 1, kwnames);
}

METHOD(file_isatty) {
    EXPECT("isatty", 0, 0)
    return from_bool(false);
}

METHOD(file_seek) {
    EXPECT("seek", 1, 2)
    int64_t offset, whence = 0;
    if (!check_open(vm, as_file(args[0]), as_file(args[0])->writable)) return NULL_VALUE;
    if (!vm_to_index(vm, args[1], &offset)) return NULL_VALUE;
    if (nargs == 3 && !vm_to_index(vm, args[2], &whence)) return NULL_VALUE;
    fseek(as_file(args[0])->stream, (long)offset, (int)whence);
    return from_int(ftell(as_file(args[0])->stream));
}

METHOD(file_closed) {
    (void)vm, (void)nargs, (void)kwnames;
    return from_bool(!as_file(args[0])->stream);
}
METHOD(file_name) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(as_file(args[0])->name);
}
METHOD(file_mode) {
    (void)vm, (void)nargs, (void)kwnames;
    return incref(as_file(args[0])->mode);
}

static Value file_iter(Vm *vm, Value self) {
    (void)vm;
    return incref(self);
}

static void file_dealloc(Obj *self) {
    File *f = (File *)(void *)self;
    if (f->stream && !f->standard) fclose(f->stream);
    decref(f->name);
    decref(f->mode);
}

const Slots file_slots = {.dealloc = file_dealloc, .iter = file_iter, .next = file_next};
METHOD(file_tell) {
    EXPECT("tell", 0, 0)
    const File *f = as_file(args[0]);
    if (!f->stream) return vm_raise(vm, EXC_ValueError, "I/O operation on closed file.");
    return from_int(ftell(f->stream));
}

METHOD(file_fileno) {
    EXPECT("fileno", 0, 0)
    const File *f = as_file(args[0]);
    if (!f->stream) return vm_raise(vm, EXC_ValueError, "I/O operation on closed file");
    return from_int(fileno(f->stream));
}

METHOD(file_readable) {
    EXPECT("readable", 0, 0)
    return from_bool(as_file(args[0])->readable);
}

METHOD(file_writable) {
    EXPECT("writable", 0, 0)
    return from_bool(as_file(args[0])->writable);
}

const Method file_methods[] = {
    {"read", file_read, 0},
    {"readline", file_readline, 0},
    {"readlines", file_readlines, 0},
    {"write", file_write, 0},
    {"writelines", file_writelines, 0},
    {"flush", file_flush, 0},
    {"close", file_close, 0},
    {"__enter__", file_enter, 0},
    {"__exit__", file_exit, 0},
    {"isatty", file_isatty, 0},
    {"seek", file_seek, 0},
    {"tell", file_tell, 0},
    {"fileno", file_fileno, 0},
    {"readable", file_readable, 0},
    {"writable", file_writable, 0},
    {"closed", file_closed, METHOD_PROPERTY},
    {"name", file_name, METHOD_PROPERTY},
    {"mode", file_mode, METHOD_PROPERTY},
    {NULL, NULL, 0},
};

/* `mode` holds one of r, w, a, x at least. While compiling no file is changed: what is written
 * goes nowhere. */
static FILE *open_stream(Vm *vm, const char *path, const char *mode) {
    bool create = strchr(mode, 'x') != NULL, plus = strchr(mode, '+') != NULL;
    char letter = create ? 'w' : *strpbrk(mode, "rwa");
    char c_mode[8];
    if (vm->silent && letter != 'r') path = "/dev/null";
    bool effect = !vm->silent;
    snprintf(c_mode, sizeof c_mode, "%cb%s%s", letter, plus && effect ? "+" : "",
             create && effect ? "x" : "");
    struct stat info;
    if (letter == 'r' && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return NULL;
    }
    return fopen(path, c_mode);
}

/* open(file, mode='r', …) */
/* A path as text: str, bytes, or what __fspath__ gives. */
static Value path_text(Vm *vm, Value path) {
    if (is_str(path)) return incref(path);
    if (has_flag(path, CLASS_BYTES))
        return bytes_to_str(vm, (Bytes *)(void *)path.o, NULL_VALUE, NULL_VALUE);
    bool found;
    Value text = call_dunder(vm, path, vm->names.fspath_, NULL, 0, &found);
    if (found && (is_null(text) || is_str(text))) return text;
    decref(text);
    return vm_raise(vm, EXC_TypeError, "expected str, bytes or os.PathLike object, not %s",
                    vm_class_name(vm, path));
}

static size_t count_of(const char *text, const char *characters) {
    size_t count = 0;
    for (; *text; text++)
        count += strchr(characters, *text) != NULL;
    return count;
}

Value builtin_open(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[6];
    if (!vm_args(vm, "open", "file mode? buffering? encoding? errors? newline?", args, nargs,
                 kwnames, out))
        return NULL_VALUE;
    Value path = path_text(vm, out[0]);
    if (is_null(path)) return path;
    const char *mode = is_null(out[1]) ? "r" : vm_to_text(vm, out[1], "mode");
    File *f = NULL;
    if (mode) {
        bool known = strspn(mode, "rwaxbt+") == strlen(mode), one = count_of(mode, "rwax") == 1;
        bool plus = strchr(mode, '+') != NULL;
        if (vm->before_effect && !strchr(mode, 'r')) vm->before_effect(vm);
        FILE *stream = known && one ? open_stream(vm, as_str(path)->data, mode) : NULL;
        if (!known) {
            vm_raise(vm, EXC_ValueError, "invalid mode: '%s'", mode);
        } else if (!one) {
            vm_raise(vm, EXC_ValueError, "%s",
                     "must have exactly one of create/read/write/append mode");
        } else if (!stream) {
            vm_raise_os(vm, errno, as_str(path)->data);
        } else {
            f = (File *)(void *)vm_alloc(vm, vm->cls[CLS_FILE]);
            f->stream = stream;
            f->name = incref(path);
            f->mode = str_from(vm, mode);
            f->readable = strchr(mode, 'r') || plus;
            f->writable = strpbrk(mode, "wax") || plus;
        }
    }
    decref(path);
    return f ? FROM_OBJ(f) : NULL_VALUE;
}
