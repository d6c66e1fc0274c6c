/* `nnc bench FILE`: compiles the network into a program that times itself, and runs it from a
 * temporary directory, or keeps it. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/driver.h"

extern char **environ;

static int fail(Sources *sources, const char *what, const char *path, int number) {
    report(sources, SEVERITY_ERROR, (Span){0}, "can't %s %s: %s", what, path, strerror(number));
    return EXIT_INPUT;
}

/* Its output is ours. */
static int run_program(Sources *sources, char *path, bool json) {
    char flag[] = "--json";
    char *args[] = {path, json ? flag : NULL, NULL};
    pid_t child;
    int status, failed = posix_spawn(&child, path, NULL, NULL, args, environ);
    if (failed) return fail(sources, "run", path, failed);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return fail(sources, "wait for", path, errno);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_OK : EXIT_INPUT;
}

static int compile_bench(const Options *options, const char *path, Sources *sources, Arena *arena) {
    Options compile = *options;
    compile.output = path;
    compile.emit[EMIT_C] = false;
    compile.emit[EMIT_EXE] = true;
    compile.no_train = !options->train;
    return compile_command(&compile, sources, arena);
}

int bench_command(const Options *options, Sources *sources, Arena *arena) {
    if (options->output) return compile_bench(options, options->output, sources, arena);
    const char *base = getenv("TMPDIR");
    char *directory = arena_printf(arena, "%s/nnc-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(directory)) return fail(sources, "make", directory, errno);
    char *path = arena_printf(arena, "%s/bench", directory);
    int status = compile_bench(options, path, sources, arena);
    if (status == EXIT_OK) status = run_program(sources, path, options->json);
    (void)unlink(path);
    (void)rmdir(directory);
    return status;
}
