/* `nnc bench FILE`: compiles the network into a program that times itself, and runs it from a
 * temporary directory, or keeps it. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/driver.h"

extern char **environ;

static bool fail(Sources *sources, const char *what, const char *path, int number) {
    report(sources, SEVERITY_ERROR, (Span){0}, "can't %s %s: %s", what, path, strerror(number));
    return false;
}

char *temporary_directory(Sources *sources, Arena *arena) {
    const char *base = getenv("TMPDIR");
    char *directory = arena_printf(arena, "%s/nnc-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(directory)) return directory;
    fail(sources, "make", directory, errno);
    return NULL;
}

bool run_program(Sources *sources, char *const *words, const char *output) {
    enum { MODE = 0600 };
    pid_t child;
    int status, failed;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (output)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output,
                                         O_WRONLY | O_CREAT | O_TRUNC, MODE);
    failed = posix_spawn(&child, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) return fail(sources, "run", words[0], failed);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return fail(sources, "wait for", words[0], errno);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
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
    char *directory = temporary_directory(sources, arena);
    if (!directory) return EXIT_INPUT;
    char *path = arena_printf(arena, "%s/bench", directory), flag[] = "--json";
    char *words[] = {path, options->json ? flag : NULL, NULL};
    int status = compile_bench(options, path, sources, arena);
    if (status == EXIT_OK && !run_program(sources, words, NULL)) status = EXIT_INPUT;
    (void)unlink(path);
    (void)rmdir(directory);
    return status;
}
