#include "codegen/cuda/nvrtc.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "support/cache.h"
#include "support/parallel.h"

/* The few functions that are called, so that CUDA's headers are not needed. */
#define NVRTC_FUNCTIONS(X)                                                                         \
    X(version, "nvrtcVersion", (int *major, int *minor))                                           \
    X(arch_count, "nvrtcGetNumSupportedArchs", (int *count))                                       \
    X(archs, "nvrtcGetSupportedArchs", (int *versions))                                            \
    X(create, "nvrtcCreateProgram",                                                                \
      (void **program, const char *source, const char *name, int headers,                          \
       const char *const *texts, const char *const *names))                                        \
    X(compile, "nvrtcCompileProgram", (void *program, int count, const char *const *options))      \
    X(log_size, "nvrtcGetProgramLogSize", (void *program, size_t *size))                           \
    X(log, "nvrtcGetProgramLog", (void *program, char *text))                                      \
    X(binary_size, "nvrtcGetCUBINSize", (void *program, size_t *size))                             \
    X(binary, "nvrtcGetCUBIN", (void *program, char *bytes))                                       \
    X(text_size, "nvrtcGetPTXSize", (void *program, size_t *size))                                 \
    X(text, "nvrtcGetPTX", (void *program, char *text))                                            \
    X(destroy, "nvrtcDestroyProgram", (void **program))

struct Nvrtc {
#define X(member, symbol, parameters) int(*member) parameters;
    NVRTC_FUNCTIONS(X)
#undef X
    int cuda; /* 13000 */
};

#ifndef NNC_NVRTC_BUILT
#define NNC_NVRTC_BUILT ""
#endif

static void *open_library(Buf *error) {
    static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so",
                                        NNC_NVRTC_BUILT, "/usr/local/cuda/lib64/libnvrtc.so"};
    const char *named = getenv("NNC_NVRTC");
    void *library = NULL;
    if (named && *named) {
        library = strcmp(named, "none") == 0 ? NULL : dlopen(named, RTLD_NOW | RTLD_LOCAL);
        if (!library)
            buf_printf(error, "NNC_NVRTC=%s is no library of CUDA's that compiles kernels", named);
        return library;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        if (*names[i]) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        buf_puts(error, "kernels are compiled by CUDA's library libnvrtc, which isn't installed; "
                        "NNC_NVRTC names it, and -o FILE.cu writes CUDA C++ without it");
    return library;
}

const Nvrtc *nvrtc_open(Arena *arena, Buf *error) {
    void *library = open_library(error);
    if (!library) return NULL;
    Nvrtc *nvrtc = ARENA_NEW(arena, Nvrtc);
    const char *missing = NULL;
    void *symbol;
#define X(member, name, parameters)                                                                \
    symbol = dlsym(library, name);                                                                 \
    if (!symbol && !missing) missing = name;                                                       \
    memcpy(&nvrtc->member, &symbol, sizeof symbol);
    NVRTC_FUNCTIONS(X)
#undef X
    if (missing) {
        buf_printf(error, "CUDA's libnvrtc is too old: it has no %s", missing);
        return NULL;
    }
    int major = 0, minor = 0;
    nvrtc->version(&major, &minor);
    nvrtc->cuda = 1000 * major + 10 * minor;
    return nvrtc;
}

int nvrtc_version(const Nvrtc *nvrtc) {
    return nvrtc->cuda;
}

/* ---- devices ---- */

/* "sm_90a" at the start of the text: its length, or 0. */
static size_t read_device(const char *text, NvrtcDevice *device) {
    size_t at = 3, digits = 0;
    if (strncmp(text, "sm_", 3) != 0) return 0;
    *device = (NvrtcDevice){0};
    for (; isdigit((unsigned char)text[at]) && digits < 4; at++, digits++)
        device->version = 10 * device->version + (text[at] - '0');
    if (text[at] == 'a' || text[at] == 'f') device->feature = text[at++];
    bool ends = text[at] == '\0' || text[at] == ',';
    return ends && digits >= 2 && digits < 4 ? at : 0;
}

bool nvrtc_is_list(const char *list) {
    NvrtcDevice device;
    do {
        size_t size = read_device(list, &device);
        if (size == 0) return false;
        list += size;
    } while (*list++ == ',' && *list);
    return list[-1] == '\0';
}

static bool is_supported(const Nvrtc *nvrtc, int version) {
    enum { MOST = 64 };
    int count = 0, versions[MOST];
    if (nvrtc->arch_count(&count) || count > MOST || nvrtc->archs(versions)) return true;
    for (int i = 0; i < count; i++)
        if (versions[i] == version) return true;
    return false;
}

bool nvrtc_devices(const Nvrtc *nvrtc, const char *list, NvrtcDevices *out, Arena *arena,
                   Buf *error) {
    bool usual = *list == '\0';
    NvrtcDevice newest = {0};
    if (usual) list = "sm_75,sm_80,sm_86,sm_89,sm_90a,sm_100,sm_120";
    while (*list) {
        NvrtcDevice device;
        size_t size = read_device(list, &device);
        device.arch = arena_strndup(arena, list, size);
        list += size + (list[size] == ',');
        if (is_supported(nvrtc, device.version))
            VEC_PUSH(*out, device);
        else if (!usual)
            buf_printf(error, "%s is not among the devices that CUDA %d.%d compiles for",
                       device.arch, nvrtc->cuda / 1000, nvrtc->cuda % 1000 / 10);
        /* what is for one device alone has no successors; if there is nothing else its base has */
        bool better = device.version > newest.version || (newest.feature && !device.feature);
        if (better && !(device.feature && newest.version && !newest.feature)) newest = device;
        if (error->size) return false;
    }
    newest.arch = arena_printf(arena, "compute_%d", newest.version);
    newest.feature = 0;
    newest.as_text = true;
    if (is_supported(nvrtc, newest.version)) VEC_PUSH(*out, newest);
    return true;
}

/* ---- compiling ---- */

typedef struct Batch {
    const Nvrtc *nvrtc;
    NvrtcJob *jobs;
} Batch;

enum { OPTION_COUNT = 3 };

static void *make_program(const Nvrtc *nvrtc, NvrtcJob *job, const char *const *options) {
    void *program = NULL;
    if (nvrtc->create(&program, buf_text(job->source), "kernels.cu", 0, NULL, NULL)) {
        buf_puts(&job->error, "CUDA's libnvrtc makes no program");
        return NULL;
    }
    int status = nvrtc->compile(program, OPTION_COUNT, options);
    if (status == 0) return program;
    size_t size = 0;
    buf_printf(&job->error, "CUDA's libnvrtc does not compile the kernels for %s:\n",
               job->device->arch);
    if (nvrtc->log_size(program, &size) == 0 && size > 1) {
        buf_reserve(&job->error, size);
        nvrtc->log(program, job->error.data + job->error.size);
        job->error.size += size - 1; /* its NUL is the buffer's */
    }
    nvrtc->destroy(&program);
    return NULL;
}

static void compile_job(const Nvrtc *nvrtc, NvrtcJob *job, const char *const *options) {
    void *program = make_program(nvrtc, job, options);
    if (!program) return;
    bool text = job->device->as_text;
    size_t size = 0;
    int status = (text ? nvrtc->text_size : nvrtc->binary_size)(program, &size);
    buf_reserve(&job->image, size);
    if (!status) status = (text ? nvrtc->text : nvrtc->binary)(program, job->image.data);
    job->image.size = size;
    if (status) buf_printf(&job->error, "CUDA's libnvrtc gives no code for %s", job->device->arch);
    nvrtc->destroy(&program);
}

static void do_job(void *context, int index, int worker) {
    (void)worker;
    const Batch *batch = context;
    NvrtcJob *job = &batch->jobs[index];
    Buf arch = {0}, key = {0};
    buf_printf(&arch, "--gpu-architecture=%s", job->device->arch);
    const char *options[OPTION_COUNT] = {buf_text(&arch), "--fmad=false", "--std=c++17"};
    buf_printf(&key, "nvrtc %d", batch->nvrtc->cuda);
    for (int i = 0; i < OPTION_COUNT; i++)
        buf_printf(&key, " %s", options[i]);
    buf_printf(&key, "\n");
    buf_add(&key, job->source->data, job->source->size);
    if (!cache_find(&key, &job->image)) {
        compile_job(batch->nvrtc, job, options);
        if (!job->error.size) cache_keep(&key, &job->image);
    }
    buf_free(&arch);
    buf_free(&key);
}

bool nvrtc_compile(const Nvrtc *nvrtc, NvrtcJob *jobs, int count, Buf *error) {
    Batch batch = {nvrtc, jobs};
    parallel_for(count, do_job, &batch);
    for (int i = 0; i < count; i++)
        if (jobs[i].error.size) {
            buf_add(error, jobs[i].error.data, jobs[i].error.size);
            return false;
        }
    return true;
}
