/* _posix: what the operating system says of files and times, for the library's modules. */
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "frontend/modules/modules.h"

static const char *text_of(Vm *vm, const char *function, const Value *args, int nargs,
                           const Tuple *kwnames) {
    if (!vm_args_simple(vm, function, nargs, kwnames, 1, 1)) return NULL;
    return vm_to_text(vm, args[0], "path");
}

static double seconds(struct timespec t) {
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static Value stat_result(Vm *vm, const char *path, bool follow) {
    struct stat info;
    if (!path) return NULL_VALUE;
    if (follow ? stat(path, &info) : lstat(path, &info)) return vm_raise_os(vm, errno, path);
    Value parts[10] = {
        from_int(info.st_mode),
        from_int((int64_t)info.st_ino),
        from_int((int64_t)info.st_dev),
        from_int((int64_t)info.st_nlink),
        from_int(info.st_uid),
        from_int(info.st_gid),
        from_int(info.st_size),
        from_float(seconds(info.st_atim)),
        from_float(seconds(info.st_mtim)),
        from_float(seconds(info.st_ctim)),
    };
    return tuple_from(vm, parts, 10);
}

MODULE_FUNCTION(posix_stat) {
    return stat_result(vm, text_of(vm, "stat", args, nargs, kwnames), true);
}

MODULE_FUNCTION(posix_lstat) {
    return stat_result(vm, text_of(vm, "lstat", args, nargs, kwnames), false);
}

MODULE_FUNCTION(posix_chdir) {
    const char *path = text_of(vm, "chdir", args, nargs, kwnames);
    if (!path) return NULL_VALUE;
    if (vm->before_effect) vm->before_effect(vm);
    return chdir(path) == 0 ? NONE : vm_raise_os(vm, errno, path);
}

/* (year, month, day, hour, minute, second, weekday, day of the year, dst, zone, offset) */
static Value time_parts(Vm *vm, const struct tm *t) {
    Value parts[11] = {
        from_int(t->tm_year + 1900),
        from_int(t->tm_mon + 1),
        from_int(t->tm_mday),
        from_int(t->tm_hour),
        from_int(t->tm_min),
        from_int(t->tm_sec),
        from_int((t->tm_wday + 6) % 7),
        from_int(t->tm_yday + 1),
        from_int(t->tm_isdst),
        str_from(vm, t->tm_zone ? t->tm_zone : ""),
        from_int(t->tm_gmtoff),
    };
    Value made = tuple_from(vm, parts, 11);
    decref(parts[9]);
    return made;
}

/* localtime(seconds, utc): its parts, of the local zone or of UTC. */
MODULE_FUNCTION(posix_localtime) {
    int64_t given, utc;
    struct tm t;
    if (!vm_args_simple(vm, "localtime", nargs, kwnames, 2, 2) ||
        !vm_to_index(vm, args[0], &given) || !vm_to_index(vm, args[1], &utc))
        return NULL_VALUE;
    time_t at = (time_t)given;
    if (!(utc ? gmtime_r(&at, &t) : localtime_r(&at, &t)))
        return vm_raise(vm, EXC_OverflowError, "timestamp out of range");
    return time_parts(vm, &t);
}

/* mktime(year, month, day, hour, minute, second): seconds since 1970 of a local time. */
MODULE_FUNCTION(posix_mktime) {
    int64_t parts[6];
    if (!vm_args_simple(vm, "mktime", nargs, kwnames, 6, 6)) return NULL_VALUE;
    for (int i = 0; i < 6; i++)
        if (!vm_to_index(vm, args[i], &parts[i])) return NULL_VALUE;
    struct tm t = {.tm_year = (int)parts[0] - 1900,
                   .tm_mon = (int)parts[1] - 1,
                   .tm_mday = (int)parts[2],
                   .tm_hour = (int)parts[3],
                   .tm_min = (int)parts[4],
                   .tm_sec = (int)parts[5],
                   .tm_isdst = -1};
    return from_int((int64_t)mktime(&t));
}

bool module_posix(Vm *vm, ModuleObj *module) {
    static const Method functions[] = {
        {"stat", posix_stat, 0},           {"lstat", posix_lstat, 0},   {"chdir", posix_chdir, 0},
        {"localtime", posix_localtime, 0}, {"mktime", posix_mktime, 0}, {NULL, NULL, 0},
    };
    module_functions(vm, module, functions);
    return true;
}
