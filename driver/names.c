/* Names made from paths and options. */
#include <ctype.h>
#include <string.h>

#include "codegen/target.h"
#include "driver/driver.h"

char *path_stem(Arena *arena, const char *path) {
    if (strcmp(path, "-") == 0) return arena_strdup(arena, "network");
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    return arena_strndup(arena, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

char *identifier_from(Arena *arena, const char *text) {
    char *name =
        arena_printf(arena, "%s%s", isdigit((unsigned char)*text) || !*text ? "_" : "", text);
    for (char *at = name; *at; at++)
        if (!(*at >= 'a' && *at <= 'z') && !(*at >= 'A' && *at <= 'Z') &&
            !(*at >= '0' && *at <= '9'))
            *at = '_';
    return name;
}

const char *vector_unit(const Options *options) {
    const Target *target = options->vector ? NULL : target_of_cpu(options->march);
    if (target) return target->name;
    return options->vector && strcmp(options->vector, "native") != 0 ? options->vector : NULL;
}
