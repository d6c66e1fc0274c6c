/* time, sys, os, os.path and gc: what of the machine a program may see. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "frontend/bytecode.h"
#include "frontend/modules/modules.h"

/* ---- time ---- */

static double read_clock(Vm *vm, clockid_t clock) {
    if (vm->before_effect) vm->before_effect(vm);
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

MODULE_FUNCTION(time_time) {
    (void)args;
    if (!vm_args_simple(vm, "time", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_float(read_clock(vm, CLOCK_REALTIME));
}
MODULE_FUNCTION(time_perf_counter) {
    (void)args;
    if (!vm_args_simple(vm, "perf_counter", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_float(read_clock(vm, CLOCK_MONOTONIC));
}
MODULE_FUNCTION(time_process_time) {
    (void)args;
    if (!vm_args_simple(vm, "process_time", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_float(read_clock(vm, CLOCK_PROCESS_CPUTIME_ID));
}
MODULE_FUNCTION(time_perf_counter_ns) {
    (void)args;
    if (!vm_args_simple(vm, "perf_counter_ns", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_int((int64_t)(read_clock(vm, CLOCK_MONOTONIC) * 1e9));
}
MODULE_FUNCTION(time_time_ns) {
    (void)args;
    if (!vm_args_simple(vm, "time_ns", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_int((int64_t)(read_clock(vm, CLOCK_REALTIME) * 1e9));
}
MODULE_FUNCTION(time_sleep) {
    double seconds;
    if (!vm_args_simple(vm, "sleep", nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &seconds))
        return NULL_VALUE;
    if (seconds < 0) return vm_raise(vm, EXC_ValueError, "sleep length must be non-negative");
    if (vm->before_effect) vm->before_effect(vm);
    fflush(vm->out);
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&wait, NULL);
    return NONE;
}
/* A struct_time, or a tuple like it. */
static bool read_moment(Vm *vm, Value moment, struct tm *out) {
    const Value *items;
    size_t count;
    int64_t part[9];
    if (!is_tuple(moment) || !vm_items(moment, &items, &count) || count != 9) {
        vm_raise(vm, EXC_TypeError, "Tuple or struct_time argument required");
        return false;
    }
    for (int i = 0; i < 9; i++)
        if (!vm_to_index(vm, items[i], &part[i])) return false;
    *out = (struct tm){.tm_year = (int)part[0] - 1900,
                       .tm_mon = (int)part[1] - 1,
                       .tm_mday = (int)part[2],
                       .tm_hour = (int)part[3],
                       .tm_min = (int)part[4],
                       .tm_sec = (int)part[5],
                       .tm_wday = (int)(part[6] + 1) % 7,
                       .tm_yday = (int)part[7] - 1,
                       .tm_isdst = (int)part[8]};
    return true;
}

MODULE_FUNCTION(time_strftime) {
    if (!vm_args_simple(vm, "strftime", nargs, kwnames, 1, 2)) return NULL_VALUE;
    const char *format = vm_to_text(vm, args[0], "format");
    if (!format) return NULL_VALUE;
    struct tm parts;
    char text[512];
    if (nargs > 1) {
        if (!read_moment(vm, args[1], &parts)) return NULL_VALUE;
    } else {
        time_t now = (time_t)read_clock(vm, CLOCK_REALTIME);
        localtime_r(&now, &parts);
    }
    return str_new(vm, text, strftime(text, sizeof text, format, &parts));
}

/* For datetime: the local year, month, day, offset from UTC in seconds and the zone's name. */
MODULE_FUNCTION(time_local) {
    double seconds;
    if (!vm_args_simple(vm, "_local", nargs, kwnames, 1, 1) || !vm_to_double(vm, args[0], &seconds))
        return NULL_VALUE;
    struct tm parts;
    time_t when = fabs(seconds) < 1e12 ? (time_t)floor(seconds) : 0;
    localtime_r(&when, &parts);
    Value items[] = {from_int(parts.tm_year + 1900), from_int(parts.tm_mon + 1),
                     from_int(parts.tm_mday), from_int(parts.tm_gmtoff),
                     str_from(vm, parts.tm_zone)};
    Value tuple = tuple_from(vm, items, sizeof items / sizeof *items);
    decref(items[4]);
    return tuple;
}

bool module_time(Vm *vm, ModuleObj *module) {
    static const Method functions[] = {
        {"time", time_time, 0},
        {"perf_counter", time_perf_counter, 0},
        {"monotonic", time_perf_counter, 0},
        {"process_time", time_process_time, 0},
        {"perf_counter_ns", time_perf_counter_ns, 0},
        {"time_ns", time_time_ns, 0},
        {"sleep", time_sleep, 0},
        {"strftime", time_strftime, 0},
        {"_local", time_local, 0},
        {NULL, NULL, 0},
    };
    module_functions(vm, module, functions);
    return module_lazy_names(vm, module, "_more",
                             "struct_time localtime gmtime mktime asctime ctime monotonic_ns "
                             "process_time_ns timezone altzone daylight tzname");
}

/* ---- sys ---- */

MODULE_FUNCTION(sys_exit) {
    if (!vm_args_simple(vm, "exit", nargs, kwnames, 0, 1)) return NULL_VALUE;
    Exception *e = exception_new(vm, vm->exc[EXC_SystemExit], nargs ? args[0] : NULL_VALUE);
    vm_raise_value(vm, FROM_OBJ(e));
    DROP(e);
    return NULL_VALUE;
}
MODULE_FUNCTION(sys_getrecursionlimit) {
    (void)args;
    if (!vm_args_simple(vm, "getrecursionlimit", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_int(vm->recursion_limit);
}
MODULE_FUNCTION(sys_setrecursionlimit) {
    int64_t limit;
    if (!vm_args_simple(vm, "setrecursionlimit", nargs, kwnames, 1, 1) ||
        !vm_to_index(vm, args[0], &limit))
        return NULL_VALUE;
    if (limit < 1) return vm_raise(vm, EXC_ValueError, "recursion limit must be positive");
    vm->recursion_limit = limit > 1000000 ? 1000000 : (int)limit;
    return NONE;
}
MODULE_FUNCTION(sys_get_int_max_str_digits) {
    (void)args;
    if (!vm_args_simple(vm, "get_int_max_str_digits", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_int(vm->int_digits_limit);
}
MODULE_FUNCTION(sys_set_int_max_str_digits) {
    Value limit;
    int64_t digits;
    if (!vm_args(vm, "set_int_max_str_digits", "maxdigits", args, nargs, kwnames, &limit) ||
        !vm_to_index(vm, limit, &digits))
        return NULL_VALUE;
    if (digits != 0 && (digits < 640 || digits > INT32_MAX))
        return vm_raise(vm, EXC_ValueError, "maxdigits must be 0 or larger than 640");
    vm->int_digits_limit = (int)digits;
    return NONE;
}
MODULE_FUNCTION(sys_getsizeof) {
    if (!vm_args_simple(vm, "getsizeof", nargs, kwnames, 1, 2)) return NULL_VALUE;
    return from_int(args[0].tag == TAG_OBJ ? (int64_t)args[0].o->cls->instance_size : 16);
}
MODULE_FUNCTION(sys_exc_info) {
    (void)args;
    if (!vm_args_simple(vm, "exc_info", nargs, kwnames, 0, 0)) return NULL_VALUE;
    Value parts[3] = {NONE, NONE, NONE};
    if (is_exception(vm->handled)) {
        parts[0] = FROM_OBJ(vm->handled.o->cls);
        parts[1] = vm->handled;
        parts[2] = vm_getattr(vm, vm->handled, vm->names.traceback_);
    }
    Value info = tuple_from(vm, parts, 3);
    decref(parts[2]);
    return info;
}

/* _place(): file, line and function of the program's statement under way. */
MODULE_FUNCTION(sys_place) {
    (void)args;
    if (!vm_args_simple(vm, "_place", nargs, kwnames, 0, 0)) return NULL_VALUE;
    Span span = vm_current_span(vm);
    const Source *source = sources_get(vm->sources, span.file);
    const Code *code = vm_current_code(vm);
    Value parts[3] = {str_from(vm, source ? source->path : "?"),
                      from_int(source ? sources_position(vm->sources, span).line : 0),
                      str_from(vm, code ? code->name->text : "<module>")};
    Value place = tuple_from(vm, parts, 3);
    decref(parts[0]);
    decref(parts[2]);
    return place;
}

bool module_sys(Vm *vm, ModuleObj *module) {
    static const Method functions[] = {
        {"_place", sys_place, 0},
        {"exit", sys_exit, 0},
        {"getrecursionlimit", sys_getrecursionlimit, 0},
        {"setrecursionlimit", sys_setrecursionlimit, 0},
        {"get_int_max_str_digits", sys_get_int_max_str_digits, 0},
        {"set_int_max_str_digits", sys_set_int_max_str_digits, 0},
        {"getsizeof", sys_getsizeof, 0},
        {"exc_info", sys_exc_info, 0},
        {NULL, NULL, 0},
    };
    module_functions(vm, module, functions);
    Value argv = list_new(vm, (size_t)vm->argc + 1);
    if (vm->argc == 0)
        list_push(as_list(argv), str_from(vm, vm->script_path ? vm->script_path : ""));
    for (int i = 0; i < vm->argc; i++)
        list_push(as_list(argv), str_from(vm, vm->argv[i]));
    module_set(vm, module, "argv", argv);
    module_set(vm, module, "stdout", file_wrap(vm, vm->out, "<stdout>", false, true));
    module_set(vm, module, "stderr", file_wrap(vm, stderr, "<stderr>", false, true));
    module_set(vm, module, "stdin", file_wrap(vm, stdin, "<stdin>", true, false));
    module_set(vm, module, "maxsize", from_int(INT64_MAX));
    module_set(vm, module, "platform", str_from(vm, "linux"));
    module_set(vm, module, "byteorder", str_from(vm, "little"));
    module_set(vm, module, "executable", str_from(vm, "nnc"));
    module_set(vm, module, "version", str_from(vm, "3.11.0 (nnc)"));
    module_set(vm, module, "modules", NEW_REF(vm->modules));
    Value path = list_new(vm, 0);
    module_set(vm, module, "path", path);
    return module_lazy_names(
        vm, module, "_more",
        "float_info int_info hash_info implementation intern getrefcount hexversion "
        "maxunicode getdefaultencoding getfilesystemencoding exception prefix flags "
        "is_finalizing warnoptions version_info");
}

/* ---- os ---- */

/* A path argument: str or an object with __fspath__; a new reference. */
static Value path_of(Vm *vm, Value v) {
    if (is_str(v)) return incref(v);
    bool found;
    Value text = call_dunder(vm, v, vm->names.fspath_, NULL, 0, &found);
    if (found) return text;
    return vm_raise(vm, EXC_TypeError, "expected str, bytes or os.PathLike object, not %s",
                    vm_class_name(vm, v));
}

MODULE_FUNCTION(os_getcwd) {
    (void)args;
    if (!vm_args_simple(vm, "getcwd", nargs, kwnames, 0, 0)) return NULL_VALUE;
    char text[4096];
    return getcwd(text, sizeof text) ? str_from(vm, text) : vm_raise_os(vm, errno, NULL);
}

MODULE_FUNCTION(os_listdir) {
    if (!vm_args_simple(vm, "listdir", nargs, kwnames, 0, 1)) return NULL_VALUE;
    Value path = nargs ? path_of(vm, args[0]) : str_from(vm, ".");
    if (is_null(path)) return path;
    DIR *dir = opendir(as_str(path)->data);
    if (!dir) {
        vm_raise_os(vm, errno, as_str(path)->data);
        decref(path);
        return NULL_VALUE;
    }
    decref(path);
    Value list = list_new(vm, 8);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            list_push(as_list(list), str_from(vm, entry->d_name));
    closedir(dir);
    decref(sort_list(vm, as_list(list), NONE, false)); /* the same order on every machine */
    return list;
}

MODULE_FUNCTION(os_makedirs) {
    Value out[3];
    if (!vm_args(vm, "makedirs", "name mode? exist_ok?", args, nargs, kwnames, out))
        return NULL_VALUE;
    Value path = path_of(vm, out[0]);
    if (is_null(path)) return path;
    int exist_ok = is_null(out[2]) ? 0 : vm_truth(vm, out[2]);
    Buf copy = {0};
    buf_printf(&copy, "%s", as_str(path)->data);
    decref(path);
    if (vm->silent || copy.size == 0) { /* compiling changes no files */
        buf_free(&copy);
        return vm->silent ? NONE : vm_raise_os(vm, ENOENT, "");
    }
    char *text = copy.data;
    int status = 0;
    for (char *p = text + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        mkdir(text, 0777);
        *p = '/';
    }
    status = mkdir(text, 0777);
    Value result = NONE;
    if (status != 0 && !(errno == EEXIST && exist_ok == 1)) result = vm_raise_os(vm, errno, text);
    buf_free(&copy);
    return result;
}

static Value path_action(Vm *vm, const char *name, int (*act)(const char *), const Value *args,
                         int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 2)) return NULL_VALUE;
    Value path = path_of(vm, args[0]);
    if (is_null(path)) return path;
    bool ok = vm->silent || act(as_str(path)->data) == 0;
    Value result = ok ? NONE : vm_raise_os(vm, errno, as_str(path)->data);
    decref(path);
    return result;
}
static int make_directory(const char *path) {
    return mkdir(path, 0777);
}
MODULE_FUNCTION(os_mkdir) {
    return path_action(vm, "mkdir", make_directory, args, nargs, kwnames);
}
MODULE_FUNCTION(os_remove) {
    return path_action(vm, "remove", unlink, args, nargs, kwnames);
}
MODULE_FUNCTION(os_rmdir) {
    return path_action(vm, "rmdir", rmdir, args, nargs, kwnames);
}

MODULE_FUNCTION(os_rename) {
    if (!vm_args_simple(vm, "rename", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Value from = path_of(vm, args[0]), to = is_null(from) ? from : path_of(vm, args[1]);
    bool ok = !is_null(to);
    if (ok && !vm->silent && rename(as_str(from)->data, as_str(to)->data)) {
        vm_raise_os(vm, errno, as_str(from)->data);
        ok = false;
    }
    decref(from);
    decref(to);
    return ok ? NONE : NULL_VALUE;
}
MODULE_FUNCTION(os_cpu_count) {
    (void)args;
    if (!vm_args_simple(vm, "cpu_count", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_int(sysconf(_SC_NPROCESSORS_ONLN));
}
MODULE_FUNCTION(os_getpid) {
    (void)args;
    if (!vm_args_simple(vm, "getpid", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_int(getpid());
}
MODULE_FUNCTION(os_fspath) {
    if (!vm_args_simple(vm, "fspath", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return path_of(vm, args[0]);
}

extern char **environ;

bool module_os(Vm *vm, ModuleObj *module) {
    static const Method functions[] = {
        {"getcwd", os_getcwd, 0}, {"listdir", os_listdir, 0}, {"makedirs", os_makedirs, 0},
        {"mkdir", os_mkdir, 0},   {"remove", os_remove, 0},   {"unlink", os_remove, 0},
        {"rmdir", os_rmdir, 0},   {"rename", os_rename, 0},   {"cpu_count", os_cpu_count, 0},
        {"getpid", os_getpid, 0}, {"fspath", os_fspath, 0},   {NULL, NULL, 0},
    };
    module_functions(vm, module, functions);
    Dict *variables = dict_new(vm);
    for (char **p = environ; p && *p; p++) {
        const char *equals = strchr(*p, '=');
        if (!equals) continue;
        Value value = str_from(vm, equals + 1);
        dict_set_str(variables, vm_intern(vm, *p, (size_t)(equals - *p)), value);
        decref(value);
    }
    module_set(vm, module, "environ", FROM_OBJ(variables));
    module_set(vm, module, "sep", str_from(vm, "/"));
    module_set(vm, module, "linesep", str_from(vm, "\n"));
    module_set(vm, module, "name", str_from(vm, "posix"));
    Value path = vm_import(vm, "os.path");
    module_lazy_names(
        vm, module, "_more",
        "walk scandir stat lstat stat_result replace renames removedirs chdir curdir pardir "
        "extsep altsep pathsep devnull DirEntry PathLike access F_OK R_OK W_OK X_OK error "
        "getenv putenv unsetenv get_terminal_size terminal_size urandom isatty fsencode fsdecode");
    return !is_null(path) && module_set(vm, module, "path", path);
}

/* ---- os.path ---- */

static Value stat_test(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                       unsigned kind) {
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value path = path_of(vm, args[0]);
    if (is_null(path)) return path;
    struct stat info;
    bool ok =
        stat(as_str(path)->data, &info) == 0 && (kind == 0 || (info.st_mode & S_IFMT) == kind);
    decref(path);
    return from_bool(ok);
}
MODULE_FUNCTION(path_exists) {
    return stat_test(vm, "exists", args, nargs, kwnames, 0);
}
MODULE_FUNCTION(path_isfile) {
    return stat_test(vm, "isfile", args, nargs, kwnames, S_IFREG);
}
MODULE_FUNCTION(path_isdir) {
    return stat_test(vm, "isdir", args, nargs, kwnames, S_IFDIR);
}

MODULE_FUNCTION(path_getsize) {
    if (!vm_args_simple(vm, "getsize", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value path = path_of(vm, args[0]);
    if (is_null(path)) return path;
    struct stat info;
    Value result = stat(as_str(path)->data, &info) == 0
                       ? from_int(info.st_size)
                       : vm_raise_os(vm, errno, as_str(path)->data);
    decref(path);
    return result;
}

MODULE_FUNCTION(path_join) {
    if (!vm_args_simple(vm, "join", nargs, kwnames, 1, -1)) return NULL_VALUE;
    Buf out = {0};
    for (int i = 0; i < nargs; i++) {
        Value part = path_of(vm, args[i]);
        if (is_null(part)) {
            buf_free(&out);
            return part;
        }
        const Str *s = as_str(part);
        if (s->size && s->data[0] == '/') buf_clear(&out);
        if (out.size && out.data[out.size - 1] != '/') buf_putc(&out, '/');
        buf_add(&out, s->data, s->size);
        decref(part);
    }
    return str_from_buf(vm, &out);
}

/* Where the last component starts. */
static size_t base_start(const Str *s) {
    size_t at = s->size;
    while (at > 0 && s->data[at - 1] != '/')
        at--;
    return at;
}

static Value head_of(Vm *vm, const Str *s) {
    size_t end = base_start(s), bare = end;
    while (bare > 0 && s->data[bare - 1] == '/')
        bare--;
    return str_new(vm, s->data, bare > 0 ? bare : end);
}

typedef enum PathPart { PART_BASE, PART_HEAD, PART_SPLIT, PART_SPLITEXT } PathPart;

static Value path_part(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                       PathPart part) {
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value path = path_of(vm, args[0]), result;
    if (is_null(path)) return path;
    const Str *s = as_str(path);
    size_t start = base_start(s);
    if (part == PART_BASE) {
        result = str_new(vm, s->data + start, s->size - start);
    } else if (part == PART_HEAD) {
        result = head_of(vm, s);
    } else if (part == PART_SPLIT) {
        result = vm_pair(vm, head_of(vm, s), str_new(vm, s->data + start, s->size - start));
    } else {
        size_t dot = s->size, first = start;
        while (first < s->size && s->data[first] == '.')
            first++;
        while (dot > first && s->data[dot - 1] != '.')
            dot--;
        size_t at = dot > first ? dot - 1 : s->size;
        result = vm_pair(vm, str_new(vm, s->data, at), str_new(vm, s->data + at, s->size - at));
    }
    decref(path);
    return result;
}
MODULE_FUNCTION(path_basename) {
    return path_part(vm, "basename", args, nargs, kwnames, PART_BASE);
}
MODULE_FUNCTION(path_dirname) {
    return path_part(vm, "dirname", args, nargs, kwnames, PART_HEAD);
}
MODULE_FUNCTION(path_split) {
    return path_part(vm, "split", args, nargs, kwnames, PART_SPLIT);
}
MODULE_FUNCTION(path_splitext) {
    return path_part(vm, "splitext", args, nargs, kwnames, PART_SPLITEXT);
}

/* "a/./b/../c" to "a/c". */
static void normalize(const char *text, Buf *out) {
    bool absolute = *text == '/';
    if (absolute) buf_putc(out, '/');
    size_t root = out->size;
    for (const char *p = text; *p;) {
        while (*p == '/')
            p++;
        size_t n = strcspn(p, "/");
        if (n == 0) break;
        size_t last = out->size;
        while (last > root && out->data[last - 1] != '/')
            last--;
        bool climbs = out->size - last == 2 && strncmp(out->data + last, "..", 2) == 0;
        if (n == 1 && *p == '.') {
        } else if (n == 2 && p[0] == '.' && p[1] == '.' && out->size > root && !climbs) {
            out->size = last > root ? last - 1 : root;
            out->data[out->size] = '\0';
        } else if (!(n == 2 && p[0] == '.' && p[1] == '.' && absolute)) {
            if (out->size > root) buf_putc(out, '/');
            buf_add(out, p, n);
        }
        p += n;
    }
    if (out->size == 0) buf_putc(out, '.');
}

static Value normal_path(Vm *vm, const char *name, const Value *args, int nargs,
                         const Tuple *kwnames, bool absolute) {
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value path = path_of(vm, args[0]);
    if (is_null(path)) return path;
    Buf full = {0}, out = {0};
    char here[4096];
    if (absolute && as_str(path)->data[0] != '/' && getcwd(here, sizeof here))
        buf_printf(&full, "%s/", here);
    buf_puts(&full, as_str(path)->data);
    normalize(buf_text(&full), &out);
    buf_free(&full);
    decref(path);
    return str_from_buf(vm, &out);
}
MODULE_FUNCTION(path_abspath) {
    return normal_path(vm, "abspath", args, nargs, kwnames, true);
}
MODULE_FUNCTION(path_normpath) {
    return normal_path(vm, "normpath", args, nargs, kwnames, false);
}

MODULE_FUNCTION(path_isabs) {
    if (!vm_args_simple(vm, "isabs", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return from_bool(is_str(args[0]) && as_str(args[0])->data[0] == '/');
}
MODULE_FUNCTION(path_expanduser) {
    if (!vm_args_simple(vm, "expanduser", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value path = path_of(vm, args[0]);
    const char *home = getenv("HOME");
    if (is_null(path) || !home || as_str(path)->data[0] != '~') return path;
    Value made = str_printf(vm, "%s%s", home, as_str(path)->data + 1);
    decref(path);
    return made;
}

bool module_os_path(Vm *vm, ModuleObj *module) {
    static const Method functions[] = {
        {"exists", path_exists, 0},
        {"isfile", path_isfile, 0},
        {"isdir", path_isdir, 0},
        {"getsize", path_getsize, 0},
        {"join", path_join, 0},
        {"basename", path_basename, 0},
        {"dirname", path_dirname, 0},
        {"split", path_split, 0},
        {"splitext", path_splitext, 0},
        {"abspath", path_abspath, 0},
        {"realpath", path_abspath, 0},
        {"normpath", path_normpath, 0},
        {"isabs", path_isabs, 0},
        {"expanduser", path_expanduser, 0},
        {NULL, NULL, 0},
    };
    module_functions(vm, module, functions);
    module_lazy_names(
        vm, module, "_more",
        "commonprefix commonpath relpath getmtime getatime getctime islink lexists ismount "
        "samefile normcase expandvars splitdrive curdir pardir extsep altsep pathsep devnull");
    return module_set(vm, module, "sep", str_from(vm, "/"));
}

/* ---- gc ---- */

MODULE_FUNCTION(gc_collect) {
    (void)args;
    if (!vm_args_simple(vm, "collect", nargs, kwnames, 0, 1)) return NULL_VALUE;
    return from_int((int64_t)vm_collect_cycles(vm));
}
MODULE_FUNCTION(gc_nothing) {
    (void)vm, (void)args, (void)nargs, (void)kwnames;
    return NONE;
}

bool module_gc(Vm *vm, ModuleObj *module) {
    module_function(vm, module, "collect", gc_collect);
    module_function(vm, module, "disable", gc_nothing);
    module_function(vm, module, "enable", gc_nothing);
    return true;
}
