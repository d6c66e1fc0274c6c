/* Runs the system's C compiler; see toolchain.h. */
#include "codegen/native/toolchain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codegen/kernel.h"
#include "support/arena.h"
#include "support/file.h"

extern char **environ;

enum { MAX_ARGS = 128 };

typedef struct Run {
    const ToolchainJob *job;
    Arena arena;
    char *directory; /* the private one */
    char *result;    /* path of the result in it */
    char *messages;  /* path of the compiler's output in it */
    char *args[MAX_ARGS];
    int arg_count;
    Buf *error;
} Run;

static void add_arg(Run *run, const char *text) {
    if (run->arg_count + 1 < MAX_ARGS)
        run->args[run->arg_count++] = arena_strdup(&run->arena, text);
}

static char *in_directory(Run *run, const char *name) {
    return arena_printf(&run->arena, "%s/%s", run->directory, name);
}

static bool make_directory(Run *run) {
    const char *base = getenv("TMPDIR");
    run->directory = arena_printf(&run->arena, "%s/nnc-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(run->directory)) {
        buf_printf(run->error, "can't make a temporary directory %s: %s", run->directory,
                   strerror(errno));
        return false;
    }
    run->result = in_directory(run, "result");
    run->messages = in_directory(run, "messages");
    return true;
}

static bool write_files(Run *run) {
    for (int i = 0; i < run->job->file_count; i++) {
        const NativeFile *file = &run->job->files[i];
        if (!file_write(in_directory(run, file->name), file->text, strlen(file->text), run->error))
            return false;
    }
    return true;
}

static void remove_directory(Run *run) {
    for (int i = 0; i < run->job->file_count; i++)
        unlink(in_directory(run, run->job->files[i].name));
    unlink(run->result);
    unlink(run->messages);
    rmdir(run->directory);
}

const char *toolchain_name(void) {
    const char *compiler = getenv("CC");
    return compiler && *compiler ? compiler : "cc";
}

/* What the interpreting tier calls is called here too: a compiler that knows the functions computes
 * those of constants itself, and rounds better than the library does. */
static void call_the_library(Run *run) {
#define X(name, function, operands)                                                                \
    add_arg(run, "-fno-builtin-" #function);                                                       \
    add_arg(run, "-fno-builtin-" #function "f");
    K_LIBM_LIST(X)
#undef X
}

static void make_args(Run *run) {
    const ToolchainJob *job = run->job;
    add_arg(run, toolchain_name());
    add_arg(run, "-std=c11");
    add_arg(run, arena_printf(&run->arena, "-O%d", job->level));
    add_arg(run, arena_printf(&run->arena, "-march=%s", job->march ? job->march : "native"));
    add_arg(run, "-ffp-contract=off");           // emitted code says itself what is fused
    if (job->quick) add_arg(run, "-fno-ivopts"); // kernels' addresses are well as they are
    if (job->debug_info) add_arg(run, "-g");
    if (job->kind == TOOLCHAIN_OBJECT) add_arg(run, "-c");
    if (job->kind == TOOLCHAIN_ASSEMBLY) add_arg(run, "-S");
    if (job->kind == TOOLCHAIN_SHARED) {
        add_arg(run, "-shared");
        add_arg(run, "-fPIC");
        call_the_library(run);
    }
    add_arg(run, "-o");
    add_arg(run, run->result);
    for (int i = 0; i < job->file_count; i++) {
        size_t length = strlen(job->files[i].name);
        if (length > 2 && strcmp(job->files[i].name + length - 2, ".c") == 0)
            add_arg(run, in_directory(run, job->files[i].name));
    }
    if (job->kind == TOOLCHAIN_EXECUTABLE) {
        // Small files: no symbols, nothing to unwind, segments side by side.
        add_arg(run, "-s");
        add_arg(run, "-fno-asynchronous-unwind-tables");
        add_arg(run, "-Wl,-z,noseparate-code");
    }
    add_arg(run, "-lm");
    run->args[run->arg_count] = NULL;
}

static void tell_command(const Run *run) {
    for (int i = 0; i < run->arg_count; i++)
        fprintf(stderr, "%s%s", i ? " " : "", run->args[i]);
    fputc('\n', stderr);
}

/* Starts the compiler, which writes to the messages file. What can be stopped is a process group
 * of its own: the compiler's parts get the signal too. An error number, or 0. */
static int spawn(const Run *run, pid_t *child) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, run->messages,
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    if (run->job->stop) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int failed = posix_spawnp(child, run->args[0], &actions, &attributes, run->args, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* As spawn(), known to the job's stop. */
static int spawn_stoppable(const Run *run, pid_t *child) {
    ToolchainStop *stop = run->job->stop;
    if (!stop) return spawn(run, child);
    pthread_mutex_lock(&stop->lock);
    int failed = stop->stopped ? ECANCELED : spawn(run, child);
    if (!failed) stop->child = *child;
    pthread_mutex_unlock(&stop->lock);
    return failed;
}

/* The child's exit status. Its id stays its own until nobody can send it a signal any more. */
static int wait_for(const Run *run, pid_t child) {
    ToolchainStop *stop = run->job->stop;
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    if (stop) pthread_mutex_lock(&stop->lock);
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (stop) stop->child = 0;
    if (stop) pthread_mutex_unlock(&stop->lock);
    return status;
}

void toolchain_stop(ToolchainStop *stop) {
    pthread_mutex_lock(&stop->lock);
    stop->stopped = true;
    if (stop->child) kill(-stop->child, SIGTERM); // the compiler removes its temporary files
    pthread_mutex_unlock(&stop->lock);
}

static bool spawn_and_wait(Run *run) {
    pid_t child;
    int failed = spawn_stoppable(run, &child);
    if (failed) {
        buf_printf(run->error,
                   "can't start the C compiler '%s': %s; set CC to one that is installed",
                   run->args[0], strerror(failed));
        return false;
    }
    int status = wait_for(run, child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    buf_printf(run->error, "the C compiler '%s' failed:\n", run->args[0]);
    Buf ignored = {0};
    file_read(run->messages, run->error, &ignored);
    buf_free(&ignored);
    return false;
}

/* Into place by way of a file beside the target, since the temporary directory may be on another
 * file system. */
static bool publish(Run *run) {
    Buf bytes = {0};
    const char *output = run->job->output;
    bool good = file_read(run->result, &bytes, run->error) &&
                file_write(output, bytes.data, bytes.size, run->error) &&
                (run->job->kind != TOOLCHAIN_EXECUTABLE || file_allow_running(output, run->error));
    buf_free(&bytes);
    return good;
}

bool toolchain_run(const ToolchainJob *job, Buf *error) {
    Run run = {.job = job, .error = error};
    bool good = make_directory(&run);
    if (good) {
        make_args(&run);
        if (job->verbose) tell_command(&run);
        good = write_files(&run) && spawn_and_wait(&run) && publish(&run);
        remove_directory(&run);
    }
    arena_free(&run.arena);
    return good;
}
