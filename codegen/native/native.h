/* C text in, machine code out: by the plugin with Clang and LLVM (clang/plugin.h), which is opened
 * when it is first needed, or by the system's C compiler where the plugin isn't there or fails.
 *
 * The plugin is ../lib/nnc/libnnc_native.so from the running binary, or what NNC_PLUGIN names;
 * NNC_PLUGIN=none goes without it. */
#ifndef NNC_CODEGEN_NATIVE_NATIVE_H
#define NNC_CODEGEN_NATIVE_NATIVE_H

#include "codegen/native/toolchain.h"

/* What served, and the seconds that it took. */
typedef struct NativeReport {
    char compiler[64];                /* "clang 19.1.7 in process", "cc" */
    char reason[256];                 /* why the plugin didn't serve; empty when it did */
    bool plugin_failed;               /* it is there, but gave up */
    double parse, optimize, generate; /* of the plugin */
    double total;                     /* linking and loading included */
} NativeReport;

/* Makes the job's output. False with a message on failure. */
bool native_build(const ToolchainJob *job, NativeReport *report, Buf *error);

/* Code in this process. */
typedef struct NativeModule NativeModule;
/* Compiles a text that is to be called soon. NULL with a message on failure, or when it was stopped
 * (the plugin can't be, and goes on to its end). */
NativeModule *native_load(const char *text, ToolchainStop *stop, NativeReport *report, Buf *error);
/* NULL when there is no such symbol. */
void *native_symbol(const NativeModule *module, const char *name);
void native_unload(NativeModule *module);

#endif
