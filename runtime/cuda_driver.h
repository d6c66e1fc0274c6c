/* A device by CUDA's driver, which is all that must be there when the program runs: libcuda.so.1 is
 * opened with the first context. Kernels are binaries inside of the program, for several kinds of
 * devices, and the text that the driver makes one of for those that came later. */
#ifndef NN_CUDA_DRIVER_H
#define NN_CUDA_DRIVER_H

#include "runtime/cuda.h"

/* A part of the kernels, compiled: each kernel is in one part. */
typedef struct NnCudaImage {
    int part;
    int version; /* 80: compute capability 8.0 */
    char kind;   /* 'b': runs on later minor versions, too; 'a': on this one; 'p': PTX */
    size_t size;
    const void *bytes;
} NnCudaImage;

typedef struct NnCudaKernel {
    const char *name;
    int part;
} NnCudaKernel;

typedef struct NnCudaCode {
    int compiler; /* CUDA's version that compiled: 13000 */
    int part_count, image_count, kernel_count;
    const NnCudaImage *images;
    const NnCudaKernel *kernels;
} NnCudaCode;

/* The driver's functions that are called: X(member, symbol, parameters). Addresses of the device's
 * memory are pointers here, whose size is the same. */
#define NN_CUDA_FUNCTIONS(X)                                                                       \
    X(init, "cuInit", (unsigned flags))                                                            \
    X(driver_version, "cuDriverGetVersion", (int *version))                                        \
    X(error_string, "cuGetErrorString", (int status, const char **text))                           \
    X(device_count, "cuDeviceGetCount", (int *count))                                              \
    X(device_get, "cuDeviceGet", (int *device, int number))                                        \
    X(device_name, "cuDeviceGetName", (char *name, int size, int device))                          \
    X(device_attribute, "cuDeviceGetAttribute", (int *value, int attribute, int device))           \
    X(primary_retain, "cuDevicePrimaryCtxRetain", (void **context, int device))                    \
    X(primary_release, "cuDevicePrimaryCtxRelease_v2", (int device))                               \
    X(current, "cuCtxGetCurrent", (void **context))                                                \
    X(current_device, "cuCtxGetDevice", (int *device))                                             \
    X(push, "cuCtxPushCurrent_v2", (void *context))                                                \
    X(pop, "cuCtxPopCurrent_v2", (void **context))                                                 \
    X(memory_info, "cuMemGetInfo_v2", (size_t * left, size_t * total))                             \
    X(allocate, "cuMemAlloc_v2", (void **memory, size_t bytes))                                    \
    X(release, "cuMemFree_v2", (void *memory))                                                     \
    X(host_allocate, "cuMemHostAlloc", (void **memory, size_t bytes, unsigned flags))              \
    X(host_release, "cuMemFreeHost", (void *memory))                                               \
    X(copy, "cuMemcpyAsync", (void *to, const void *from, size_t bytes, NnStream stream))          \
    X(set_bytes, "cuMemsetD8Async",                                                                \
      (void *at, unsigned char value, size_t count, NnStream stream))                              \
    X(set_words, "cuMemsetD32Async", (void *at, unsigned value, size_t count, NnStream stream))    \
    X(stream_create, "cuStreamCreate", (NnStream * stream, unsigned flags))                        \
    X(stream_destroy, "cuStreamDestroy_v2", (NnStream stream))                                     \
    X(stream_wait, "cuStreamSynchronize", (NnStream stream))                                       \
    X(is_capturing, "cuStreamIsCapturing", (NnStream stream, int *status))                         \
    X(begin_capture, "cuStreamBeginCapture_v2", (NnStream stream, int mode))                       \
    X(end_capture, "cuStreamEndCapture", (NnStream stream, void **graph))                          \
    X(instantiate, "cuGraphInstantiateWithFlags",                                                  \
      (void **executable, void *graph, unsigned long long flags))                                  \
    X(graph_destroy, "cuGraphDestroy", (void *graph))                                              \
    X(executable_destroy, "cuGraphExecDestroy", (void *executable))                                \
    X(graph_launch, "cuGraphLaunch", (void *executable, NnStream stream))                          \
    X(module_load, "cuModuleLoadData", (void **module, const void *image))                         \
    X(module_unload, "cuModuleUnload", (void *module))                                             \
    X(module_function, "cuModuleGetFunction", (void **function, void *module, const char *name))   \
    X(launch, "cuLaunchKernel",                                                                    \
      (void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,        \
       unsigned block_y, unsigned block_z, unsigned shared, NnStream stream, void **arguments,     \
       void **extra))

typedef struct NnCudaDriver {
    void *library;
#define X(member, symbol, parameters) int(*member) parameters;
    NN_CUDA_FUNCTIONS(X)
#undef X
} NnCudaDriver;

struct NnCuda {
    NnCudaDriver driver;
    int status; /* the first error, or 0 */
    int device;
    int retained; /* the context is the device's primary one, and was taken here */
    void *context;
    NnStream capture;
    int part_count;
    void **modules;   /* by part */
    void **functions; /* by kernel */
};

/* Finds the driver. 0, or 2 with a message. */
NN_API int nn_cuda_driver(NnCudaDriver *driver, char *error, size_t error_size);
/* Takes a device, loads the kernels and takes the memory, or says what is missing: 2 with a message
 * in error[error_size] (error may be NULL), and all is given back. */
NN_API int nn_cuda_open(NnCudaMemory *memory, const NnCudaCode *code, size_t device_bytes,
                        size_t slot_bytes, char *error, size_t error_size);
/* A kernel of so many blocks and threads on `bytes` of pointers. */
NN_API int nn_launch(NnCuda *cuda, int kernel, unsigned blocks, unsigned threads,
                     const void *pointers, size_t bytes, NnStream stream);

#endif
