/* What the compiler plugin offers: Clang and LLVM in process, behind C.
 *
 * nnc_plugin() is the one symbol of the shared library, which codegen/native/plugin.c opens when
 * something must be compiled. Nothing here touches the file system but for headers that the plugin
 * lacks and the C library that executables are linked with: texts come in and bytes go out. */
#ifndef NNC_CODEGEN_NATIVE_CLANG_PLUGIN_H
#define NNC_CODEGEN_NATIVE_CLANG_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NATIVE_PLUGIN_VERSION = 1 };

typedef enum NativeOutput {
    NATIVE_OBJECT,
    NATIVE_ASSEMBLY,
    NATIVE_LLVM_IR /* as text, after optimization */
} NativeOutput;

typedef struct NativeFile {
    const char *name;
    const char *text;
} NativeFile;

typedef struct NativeBytes {
    char *data; /* from malloc; the caller frees it */
    size_t size;
} NativeBytes;

/* One C file, with the files that it may include. */
typedef struct NativeJob {
    NativeOutput output;
    const NativeFile *files;
    int file_count;
    const char *source; /* the name of the file to compile */
    const char *march;  /* "native" when NULL */
    int level;          /* -O */
    bool quick;         /* for code that is used at once: passes that vector kernels profit from */
    bool debug_info;
} NativeJob;

/* Seconds. */
typedef struct NativeTimes {
    double parse, optimize, generate;
} NativeTimes;

/* Machine code in this process. */
typedef struct NativeCode NativeCode;

/* All return false or NULL with a text in `message` when they fail; it may hold warnings when they
 * don't. The caller frees it. */
typedef struct NativePlugin {
    int version;
    const char *name; /* "clang 19.1.7" */
    bool (*compile)(const NativeJob *job, NativeBytes *out, NativeTimes *times, char **message);
    /* A program that needs the C library and its mathematics and nothing else, stripped. */
    bool (*link)(const NativeBytes *objects, int count, NativeBytes *out, char **message);
    NativeCode *(*load)(const NativeBytes *object, char **message);
    /* NULL when there is no such symbol. */
    void *(*symbol)(NativeCode *code, const char *name);
    void (*unload)(NativeCode *code);
} NativePlugin;

const NativePlugin *nnc_plugin(void);
typedef const NativePlugin *NativePluginEntry(void);

#ifdef __cplusplus
}
#endif

#endif
