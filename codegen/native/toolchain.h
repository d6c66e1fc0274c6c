/* The system's C compiler as a tool: text in, an object, assembly, executable or shared library
 * out.
 *
 * The compiler is $CC, else `cc`. It is started with posix_spawn (no shell) in a private temporary
 * directory that is removed afterwards; outputs are renamed into place only when all went well. */
#ifndef NNC_CODEGEN_NATIVE_TOOLCHAIN_H
#define NNC_CODEGEN_NATIVE_TOOLCHAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "codegen/native/clang/plugin.h"
#include "support/buf.h"

typedef enum ToolchainKind {
    TOOLCHAIN_OBJECT,
    TOOLCHAIN_ASSEMBLY,
    TOOLCHAIN_LLVM_IR, /* only the plugin makes it: see native.h */
    TOOLCHAIN_EXECUTABLE,
    TOOLCHAIN_SHARED
} ToolchainKind;

/* By which another thread ends a run of the compiler: {.lock = PTHREAD_MUTEX_INITIALIZER}. */
typedef struct ToolchainStop {
    pthread_mutex_t lock; /* of what follows */
    pid_t child;          /* the compiler, or 0 when none runs */
    bool stopped;
} ToolchainStop;

typedef struct ToolchainJob {
    ToolchainKind kind;
    const NativeFile *files; /* those that end in .c are compiled, the others included */
    int file_count;
    const char *output; /* path of the result */
    const char *march;  /* "native" when NULL */
    int level;          /* -O */
    bool quick;         /* what helps kernels little isn't done: half the time */
    bool debug_info;
    bool verbose;        /* the command line of the system's compiler goes to standard error */
    ToolchainStop *stop; /* NULL: nobody ends it */
} ToolchainJob;

/* $CC or "cc". */
const char *toolchain_name(void);
/* False with a message (the compiler's own words included) on failure. */
bool toolchain_run(const ToolchainJob *job, Buf *error);
/* Makes the run that goes on, and every later one with this stop, fail soon. */
void toolchain_stop(ToolchainStop *stop);

#endif
