/* Of CUDA's runtime what emitted files call, on a CPU: the device's memory is the process's, a
 * stream does at once what it is given. The vocabulary of kernels is device_cpu.h's. */
#ifndef NNC_TESTS_CUDA_RUNTIME_H
#define NNC_TESTS_CUDA_RUNTIME_H

#include "../device_cpu.h"

#include <cstdio>
#include <tuple>

#define __host__
#define __device__
#define __forceinline__ inline
#define LAUNCH(kernel, blocks, threads) device_launch(kernel, blocks, threads)

typedef struct CUstream_st *cudaStream_t;
enum cudaError_t { cudaSuccess, cudaErrorLaunchFailure, cudaErrorMemoryAllocation };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
struct cudaFuncAttributes {};

/* What a test counts, and sets. */
extern int device_allocations, device_waits, device_backward;
extern size_t device_free_bytes;
extern bool device_full; /* nothing is to be had of what is free */
static int device_status;

template <class... P> struct DeviceLaunch {
    void (*kernel)(P...);
    unsigned blocks;
    int threads;
    std::tuple<P...> arguments;

    static void run(void *const *call) {
        const DeviceLaunch *launch = (const DeviceLaunch *)call;
        std::apply(launch->kernel, launch->arguments);
    }

    void operator()(P... p) {
        arguments = std::make_tuple(p...);
        if (device_run(run, (void *const *)this, blocks, threads, -1, device_backward))
            device_status = cudaErrorLaunchFailure;
    }
};

template <class... P>
DeviceLaunch<P...> device_launch(void (*kernel)(P...), unsigned blocks, int threads) {
    return {kernel, blocks, threads, {}};
}

static inline cudaError_t cudaGetLastError() {
    cudaError_t status = (cudaError_t)device_status;
    device_status = 0;
    return status;
}
static inline const char *cudaGetErrorString(cudaError_t status) {
    if (status == cudaErrorMemoryAllocation) return "out of memory";
    return status ? "a kernel failed" : "no error";
}
static inline cudaError_t cudaMemGetInfo(size_t *left, size_t *total) {
    *left = *total = device_free_bytes;
    return cudaSuccess;
}
static inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *, const void *) {
    return cudaSuccess;
}
static inline cudaError_t cudaMalloc(void **memory, size_t bytes) {
    if (device_full) {
        device_status = cudaErrorMemoryAllocation;
        return cudaErrorMemoryAllocation;
    }
    device_allocations++;
    *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(*memory, 0xff, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaFree(void *memory) {
    free(memory);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind) {
    memmove(to, from, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind,
                                          cudaStream_t) {
    memmove(to, from, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemset(void *memory, int value, size_t bytes) {
    memset(memory, value, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t) {
    memset(memory, value, bytes);
    return cudaSuccess;
}
static inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
    device_waits++;
    return cudaSuccess;
}

#endif
