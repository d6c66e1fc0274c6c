#include "runtime/cuda_driver.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    CUDA_MISSING_DEVICE = 100,
    CUDA_CAPABILITY_MAJOR = 75,
    CUDA_CAPABILITY_MINOR = 76,
    CUDA_NON_BLOCKING = 1,
    CUDA_CAPTURE_RELAXED = 2,
    CUDA_ALIGNMENT = 64
};

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static int
cuda_fail(char *error, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (error) vsnprintf(error, size, format, arguments);
    va_end(arguments);
    return 2;
}

/* ---- the driver ---- */

NN_API int nn_cuda_driver(NnCudaDriver *driver, char *error, size_t error_size) {
    memset(driver, 0, sizeof *driver);
    driver->library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!driver->library)
        return cuda_fail(error, error_size, "NVIDIA's driver is not installed: %s", dlerror());
    const char *missing = NULL;
    void *symbol;
#define X(member, name, parameters)                                                                \
    symbol = dlsym(driver->library, name);                                                         \
    if (!symbol && !missing) missing = name;                                                       \
    memcpy(&driver->member, &symbol, sizeof symbol);
    NN_CUDA_FUNCTIONS(X)
#undef X
    if (!missing) return 0;
    return cuda_fail(error, error_size, "NVIDIA's driver is too old: it has no %s", missing);
}

static const char *cuda_words(const NnCudaDriver *driver, int status) {
    const char *text = NULL;
    if (driver->error_string(status, &text) || !text) return "unknown error";
    return text;
}

static int cuda_note(NnCuda *cuda, int status) {
    if (status && !cuda->status) cuda->status = status;
    return cuda->status ? 2 : 0;
}

NN_API int nn_status(const NnCuda *cuda) {
    return cuda->status;
}

NN_API const char *nn_cuda_error(const NnCuda *cuda) {
    if (!cuda) return "the context is not open";
    return cuda_words(&cuda->driver, cuda->status);
}

NN_API void nn_enter(NnCuda *cuda) {
    cuda_note(cuda, cuda->driver.push(cuda->context));
}

NN_API void nn_leave(NnCuda *cuda) {
    void *context;
    cuda->driver.pop(&context);
}

/* ---- opening ---- */

typedef struct CudaOpening {
    NnCuda cuda; /* until there is memory for it */
    char *error;
    size_t error_size;
    int version;   /* the device's */
    int supported; /* the driver's version of CUDA */
    char name[64]; /* the device's */
} CudaOpening;

/* The device whose context is the thread's, else the first one. */
static int cuda_take_device(CudaOpening *o) {
    NnCuda *cuda = &o->cuda;
    const NnCudaDriver *driver = &cuda->driver;
    int count = 0, major = 0, minor = 0;
    int status = driver->init(0);
    if (!status) status = driver->device_count(&count);
    if (!status && count == 0) status = CUDA_MISSING_DEVICE;
    if (status)
        return cuda_fail(o->error, o->error_size, "no CUDA device: %s", cuda_words(driver, status));
    status = driver->current(&cuda->context);
    if (!status && cuda->context) {
        status = driver->current_device(&cuda->device);
    } else if (!status) {
        status = driver->device_get(&cuda->device, 0);
        if (!status) status = driver->primary_retain(&cuda->context, cuda->device);
        cuda->retained = !status;
    }
    if (!status) status = driver->device_attribute(&major, CUDA_CAPABILITY_MAJOR, cuda->device);
    if (!status) status = driver->device_attribute(&minor, CUDA_CAPABILITY_MINOR, cuda->device);
    if (!status) status = driver->device_name(o->name, (int)sizeof o->name, cuda->device);
    if (!status) status = driver->driver_version(&o->supported);
    if (status)
        return cuda_fail(o->error, o->error_size, "the CUDA device can't be used: %s",
                         cuda_words(driver, status));
    o->version = 10 * major + minor;
    return 0;
}

/* Whether the image is better for the device than what was found before; `best` may be NULL. */
static int cuda_is_better(const NnCudaImage *image, const NnCudaImage *best, int version) {
    int same = image->version / 10 == version / 10;
    if (image->version > version) return 0;
    if (image->kind == 'a' && image->version != version) return 0;
    if (image->kind == 'b' && !same) return 0;
    if (!best) return 1;
    if ((image->kind == 'p') != (best->kind == 'p')) return best->kind == 'p';
    if (image->version != best->version) return image->version > best->version;
    return image->kind == 'a';
}

static const NnCudaImage *cuda_find_image(const NnCudaCode *code, int part, int version) {
    const NnCudaImage *best = NULL;
    for (int i = 0; i < code->image_count; i++) {
        const NnCudaImage *image = &code->images[i];
        if (image->part == part && cuda_is_better(image, best, version)) best = image;
    }
    return best;
}

/* "8.0, 9.0 (alone), 12.0 and later" */
static void cuda_list_versions(const NnCudaCode *code, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < code->image_count && used < size; i++) {
        const NnCudaImage *image = &code->images[i];
        if (image->part != 0) continue;
        const char *more = image->kind == 'a' ? " (alone)" : image->kind == 'p' ? " and later" : "";
        int length = snprintf(text + used, size - used, "%s%d.%d%s", used ? ", " : "",
                              image->version / 10, image->version % 10, more);
        used += length > 0 ? (size_t)length : 0;
    }
}

static int cuda_load_part(CudaOpening *o, const NnCudaCode *code, int part) {
    NnCuda *cuda = &o->cuda;
    const NnCudaImage *image = cuda_find_image(code, part, o->version);
    if (!image) {
        char versions[128];
        cuda_list_versions(code, versions, sizeof versions);
        return cuda_fail(o->error, o->error_size,
                         "no kernels for %s, whose compute capability is %d.%d: there are those "
                         "for %s",
                         o->name, o->version / 10, o->version % 10, versions);
    }
    int status = cuda->driver.module_load(&cuda->modules[part], image->bytes);
    if (!status) return 0;
    cuda->modules[part] = NULL;
    if (o->supported < code->compiler)
        return cuda_fail(o->error, o->error_size,
                         "the driver is too old: it supports CUDA %d.%d, and the kernels were "
                         "compiled by %d.%d: %s",
                         o->supported / 1000, o->supported % 1000 / 10, code->compiler / 1000,
                         code->compiler % 1000 / 10, cuda_words(&cuda->driver, status));
    return cuda_fail(o->error, o->error_size, "the kernels can't be loaded on %s: %s", o->name,
                     cuda_words(&cuda->driver, status));
}

static int cuda_load(CudaOpening *o, const NnCudaCode *code) {
    NnCuda *cuda = &o->cuda;
    for (int i = 0; i < code->part_count; i++)
        if (cuda_load_part(o, code, i)) return 2;
    for (int i = 0; i < code->kernel_count; i++) {
        const NnCudaKernel *kernel = &code->kernels[i];
        int status = cuda->driver.module_function(&cuda->functions[i], cuda->modules[kernel->part],
                                                  kernel->name);
        if (status)
            return cuda_fail(o->error, o->error_size, "no kernel %s: %s", kernel->name,
                             cuda_words(&cuda->driver, status));
    }
    return 0;
}

/* Asks for all of it before anything is taken. */
static int cuda_take_memory(CudaOpening *o, NnCudaMemory *memory, const NnCudaCode *code,
                            size_t device_bytes, size_t slot_bytes) {
    NnCuda *cuda = &o->cuda;
    size_t left = 0, total = 0;
    size_t tables = (size_t)(code->part_count + code->kernel_count) * sizeof(void *);
    size_t own = (sizeof *cuda + tables + CUDA_ALIGNMENT - 1) / CUDA_ALIGNMENT * CUDA_ALIGNMENT;
    int status = cuda->driver.memory_info(&left, &total);
    if (status)
        return cuda_fail(o->error, o->error_size, "the memory of %s: %s", o->name,
                         cuda_words(&cuda->driver, status));
    if (left < device_bytes)
        return cuda_fail(o->error, o->error_size,
                         "%zu bytes of the device's memory are needed, %zu are free on %s",
                         device_bytes, left, o->name);
    status = cuda->driver.host_allocate((void **)&memory->cuda, own + slot_bytes, 0);
    if (!status) {
        memset(memory->cuda, 0, own + slot_bytes);
        memory->slots = (char *)memory->cuda + own;
        cuda->part_count = code->part_count;
        cuda->modules = (void **)(void *)(memory->cuda + 1);
        cuda->functions = cuda->modules + code->part_count;
        status = cuda->driver.allocate(&memory->device, device_bytes);
    }
    if (status) memory->device = NULL;
    if (status)
        return cuda_fail(o->error, o->error_size, "no memory on %s: %s", o->name,
                         cuda_words(&cuda->driver, status));
    status = cuda->driver.stream_create(&cuda->capture, CUDA_NON_BLOCKING);
    if (status)
        return cuda_fail(o->error, o->error_size, "no stream on %s: %s", o->name,
                         cuda_words(&cuda->driver, status));
    return 0;
}

/* Gives back what a context has; `memory` may have nothing but the context. */
static void cuda_release(NnCuda *cuda, NnCudaMemory *memory) {
    const NnCudaDriver driver = cuda->driver;
    int device = cuda->device, retained = cuda->retained;
    if (cuda->capture) driver.stream_destroy(cuda->capture);
    for (int i = 0; i < cuda->part_count; i++)
        if (cuda->modules[i]) driver.module_unload(cuda->modules[i]);
    if (memory->device) driver.release(memory->device);
    if (memory->cuda) driver.host_release(memory->cuda);
    void *context;
    driver.pop(&context);
    if (retained) driver.primary_release(device);
    dlclose(driver.library);
    memset(memory, 0, sizeof *memory);
}

NN_API int nn_cuda_open(NnCudaMemory *memory, const NnCudaCode *code, size_t device_bytes,
                        size_t slot_bytes, char *error, size_t error_size) {
    CudaOpening o;
    memset(&o, 0, sizeof o);
    memset(memory, 0, sizeof *memory);
    o.error = error;
    o.error_size = error_size;
    if (nn_cuda_driver(&o.cuda.driver, error, error_size)) {
        if (o.cuda.driver.library) dlclose(o.cuda.driver.library);
        return 2;
    }
    if (cuda_take_device(&o)) {
        if (o.cuda.retained) o.cuda.driver.primary_release(o.cuda.device);
        dlclose(o.cuda.driver.library);
        return 2;
    }
    nn_enter(&o.cuda);
    if (cuda_take_memory(&o, memory, code, device_bytes, slot_bytes) || cuda_load(&o, code)) {
        cuda_release(&o.cuda, memory);
        return 2;
    }
    nn_leave(&o.cuda);
    *memory->cuda = o.cuda;
    return 0;
}

NN_API void nn_cuda_close(NnCudaMemory *memory, NnGraph *graphs, int count) {
    NnCuda *cuda = memory->cuda;
    if (!cuda) return;
    nn_enter(cuda);
    for (int i = 0; i < count; i++)
        nn_forget(cuda, graphs[i].executable);
    cuda_release(cuda, memory);
}

/* ---- work ---- */

NN_API int nn_copy(NnCuda *cuda, void *to, const void *from, size_t bytes, NnStream stream) {
    if (cuda->status) return 2;
    return cuda_note(cuda, cuda->driver.copy(to, from, bytes, stream));
}

NN_API int nn_zero(NnCuda *cuda, void *at, size_t bytes, NnStream stream) {
    if (cuda->status) return 2;
    return cuda_note(cuda, cuda->driver.set_bytes(at, 0, bytes, stream));
}

NN_API int nn_put(NnCuda *cuda, void *to, const void *from, size_t bytes, NnStream stream) {
    for (size_t i = 0; i < bytes && !cuda->status; i += sizeof(unsigned)) {
        unsigned word = 0;
        memcpy(&word, (const char *)from + i, bytes - i < sizeof word ? bytes - i : sizeof word);
        cuda_note(cuda, cuda->driver.set_words((char *)to + i, word, 1, stream));
    }
    return cuda->status ? 2 : 0;
}

NN_API int nn_launch(NnCuda *cuda, int kernel, unsigned blocks, unsigned threads,
                     const void *pointers, size_t bytes, NnStream stream) {
    if (cuda->status) return 2;
    union {
        const void *read;
        void *passed;
    } buffer = {pointers};
    void *extra[] = {(void *)1, buffer.passed, (void *)2, &bytes, NULL};
    return cuda_note(cuda, cuda->driver.launch(cuda->functions[kernel], blocks, 1, 1, threads, 1, 1,
                                               0, stream, NULL, extra));
}

NN_API int nn_launched(NnCuda *cuda) {
    return cuda->status ? 2 : 0;
}

NN_API int nn_wait(NnCuda *cuda, NnStream stream) {
    return cuda_note(cuda, cuda->driver.stream_wait(stream));
}

NN_API void *nn_take(NnCuda *cuda, size_t bytes) {
    void *memory = NULL;
    nn_enter(cuda);
    if (cuda_note(cuda, cuda->driver.allocate(&memory, bytes ? bytes : 1))) memory = NULL;
    nn_leave(cuda);
    return memory;
}

NN_API void nn_give(NnCuda *cuda, void *memory) {
    nn_enter(cuda);
    if (memory) cuda->driver.release(memory);
    nn_leave(cuda);
}

NN_API int nn_is_captured(NnCuda *cuda, NnStream stream) {
    int status = 0;
    cuda_note(cuda, cuda->driver.is_capturing(stream, &status));
    return status != 0;
}

NN_API NnStream nn_capture(NnCuda *cuda) {
    int status = cuda->driver.begin_capture(cuda->capture, CUDA_CAPTURE_RELAXED);
    return cuda_note(cuda, status) ? NULL : cuda->capture;
}

NN_API void *nn_captured(NnCuda *cuda) {
    void *graph = NULL, *executable = NULL;
    int status = cuda->driver.end_capture(cuda->capture, &graph);
    if (!status) status = cuda->driver.instantiate(&executable, graph, 0);
    if (graph) cuda->driver.graph_destroy(graph);
    return cuda_note(cuda, status) ? NULL : executable;
}

NN_API int nn_relaunch(NnCuda *cuda, void *executable, NnStream stream) {
    return cuda_note(cuda, cuda->driver.graph_launch(executable, stream));
}

NN_API void nn_forget(NnCuda *cuda, void *executable) {
    if (executable) cuda->driver.executable_destroy(executable);
}
