/* The system's C compiler as a tool: text in, an object, assembly, executable or shared library
 * out.
 *
 * The compiler is $CC, else `cc`. It is started with posix_spawn (no shell) in a private temporary
 * directory that is removed afterwards; outputs are renamed into place only when all went well. */
#ifndef NNC_CODEGEN_NATIVE_TOOLCHAIN_H
#define NNC_CODEGEN_NATIVE_TOOLCHAIN_H

#include <stdbool.h>

#include "support/buf.h"

typedef enum ToolchainKind {
    TOOLCHAIN_OBJECT,
    TOOLCHAIN_ASSEMBLY,
    TOOLCHAIN_EXECUTABLE,
    TOOLCHAIN_SHARED
} ToolchainKind;

/* A file to be written beside the others before compiling: "lenet.h", "lenet.c". Those that end in
 * .c are compiled. */
typedef struct ToolchainFile {
    const char *name;
    const char *text;
} ToolchainFile;

typedef struct ToolchainJob {
    ToolchainKind kind;
    const ToolchainFile *files;
    int file_count;
    const char *output; /* path of the result */
    const char *march;  /* "native" when NULL */
    int level;          /* -O */
    bool debug_info;
    bool verbose; /* the command line goes to standard error */
} ToolchainJob;

/* False with a message (the compiler's own words included) on failure. */
bool toolchain_run(const ToolchainJob *job, Buf *error);

#endif
