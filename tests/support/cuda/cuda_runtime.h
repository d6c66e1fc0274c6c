/* Of CUDA's runtime what emitted files call, on a CPU: the device's memory is the process's, a
 * stream does at once what it is given, or keeps it while it is captured. The vocabulary of kernels
 * is device_cpu.h's. */
#ifndef NNC_TESTS_CUDA_RUNTIME_H
#define NNC_TESTS_CUDA_RUNTIME_H

#include "../device_cpu.h"

#include <cstdio>
#include <functional>
#include <tuple>
#include <vector>

#define __host__
#define __device__
#define __forceinline__ inline
#define LAUNCH(kernel, blocks, threads, ...)                                                       \
    device_launch(kernel, blocks, threads, stream)(__VA_ARGS__)

typedef struct CUstream_st *cudaStream_t;
enum cudaError_t { cudaSuccess, cudaErrorLaunchFailure, cudaErrorMemoryAllocation };
enum cudaMemcpyKind { cudaMemcpyDefault };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };
enum cudaStreamCaptureMode { cudaStreamCaptureModeRelaxed };
enum { cudaStreamNonBlocking };
typedef std::vector<std::function<void()>> *cudaGraph_t, *cudaGraphExec_t;
struct cudaFuncAttributes {};

/* What a test counts, and sets. */
extern int device_allocations, device_waits, device_backward;
extern size_t device_free_bytes;
extern bool device_full; /* nothing is to be had of what is free */
static int device_status;
static cudaStream_t device_captured; /* the stream, or NULL */
static cudaGraph_t device_graph;

/* A piece of work for the stream. */
template <class F> void device_put(cudaStream_t stream, F work) {
    if (stream && stream == device_captured)
        device_graph->push_back(work);
    else
        work();
}

template <class... P> struct DeviceLaunch {
    void (*kernel)(P...);
    unsigned blocks;
    int threads;
    cudaStream_t stream;
    std::tuple<P...> arguments;

    static void run(void *const *call) {
        const DeviceLaunch *launch = (const DeviceLaunch *)call;
        std::apply(launch->kernel, launch->arguments);
    }

    void operator()(P... p) {
        arguments = std::make_tuple(p...);
        device_put(stream, [call = *this] {
            if (device_run(run, (void *const *)&call, call.blocks, call.threads, -1,
                           device_backward))
                device_status = cudaErrorLaunchFailure;
        });
    }
};

template <class... P>
DeviceLaunch<P...> device_launch(void (*kernel)(P...), unsigned blocks, int threads,
                                 cudaStream_t stream) {
    return {kernel, blocks, threads, stream, {}};
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
static inline cudaError_t cudaMallocHost(void **memory, size_t bytes) {
    device_allocations++;
    *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
    return cudaSuccess;
}
static inline cudaError_t cudaFreeHost(void *memory) {
    free(memory);
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind,
                                          cudaStream_t stream) {
    device_put(stream, [=] { memmove(to, from, bytes); });
    return cudaSuccess;
}
static inline cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes,
                                          cudaStream_t stream) {
    device_put(stream, [=] { memset(memory, value, bytes); });
    return cudaSuccess;
}
static inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    *stream = (cudaStream_t)malloc(1);
    return cudaSuccess;
}
static inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    free(stream);
    return cudaSuccess;
}
static inline cudaError_t cudaStreamIsCapturing(cudaStream_t stream,
                                                cudaStreamCaptureStatus *status) {
    bool active = stream && stream == device_captured;
    *status = active ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}
static inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    device_captured = stream;
    device_graph = new std::vector<std::function<void()>>;
    return cudaSuccess;
}
static inline cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph) {
    device_captured = NULL;
    *graph = device_graph;
    return cudaSuccess;
}
static inline cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *executable,
                                                        cudaGraph_t graph, unsigned) {
    *executable = new std::vector<std::function<void()>>(*graph);
    return cudaSuccess;
}
static inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
static inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    delete executable;
    return cudaSuccess;
}
static inline cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t) {
    for (auto &work : *executable)
        work();
    return cudaSuccess;
}
static inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
    device_waits++;
    return cudaSuccess;
}

#endif
