/* A device by CUDA's runtime, in a file that nvcc compiles: what cuda.h asks for. C++. */
#ifndef NN_CUDA_RUNTIME_H
#define NN_CUDA_RUNTIME_H

#include "runtime/cuda.h"

struct NnCuda {
    int status; /* the first error, or 0 */
    cudaStream_t capture;
};

static int nn_note(NnCuda *cuda, cudaError_t status) {
    if (status != cudaSuccess && !cuda->status) cuda->status = (int)status;
    return cuda->status ? 2 : 0;
}

NN_API int nn_status(const NnCuda *cuda) {
    return cuda->status;
}

NN_API const char *nn_cuda_error(const NnCuda *cuda) {
    if (!cuda) return "the context is not open";
    return cudaGetErrorString((cudaError_t)cuda->status);
}

/* The runtime's functions work on the thread's device. */
NN_API void nn_enter(NnCuda *) {}
NN_API void nn_leave(NnCuda *) {}

static int cuda_fail(char *error, size_t size, const char *what, cudaError_t status) {
    if (error) snprintf(error, size, "%s: %s", what, cudaGetErrorString(status));
    cudaGetLastError(); /* it is told, and not to be found again */
    return 2;
}

static void cuda_release(NnCudaMemory *memory) {
    if (memory->cuda && memory->cuda->capture) cudaStreamDestroy(memory->cuda->capture);
    cudaFree(memory->device);
    cudaFreeHost(memory->cuda);
    memset(memory, 0, sizeof *memory);
}

/* `kernel` is one of those that the file has. */
static int nn_cuda_open(NnCudaMemory *memory, const void *kernel, size_t device_bytes,
                        size_t slot_bytes, char *error, size_t error_size) {
    size_t left = 0, total = 0, own = 64;
    static_assert(sizeof(NnCuda) <= 64, "NnCuda's place");
    memset(memory, 0, sizeof *memory);
    cudaError_t status = cudaMemGetInfo(&left, &total);
    if (status != cudaSuccess) return cuda_fail(error, error_size, "no CUDA device", status);
    cudaFuncAttributes attributes;
    if (kernel) status = cudaFuncGetAttributes(&attributes, kernel);
    if (status != cudaSuccess)
        return cuda_fail(error, error_size, "the kernels don't run on this device", status);
    if (left < device_bytes) {
        if (error)
            snprintf(error, error_size, "%zu bytes of the device's memory are needed, %zu are free",
                     device_bytes, left);
        return 2;
    }
    status = cudaMallocHost((void **)&memory->cuda, own + slot_bytes);
    if (status == cudaSuccess) {
        memset((void *)memory->cuda, 0, own + slot_bytes);
        memory->slots = (char *)memory->cuda + own;
        status = cudaMalloc(&memory->device, device_bytes);
    }
    if (status == cudaSuccess)
        status = cudaStreamCreateWithFlags(&memory->cuda->capture, cudaStreamNonBlocking);
    if (status == cudaSuccess) return 0;
    cuda_release(memory);
    return cuda_fail(error, error_size, "no memory", status);
}

NN_API void nn_cuda_close(NnCudaMemory *memory, NnGraph *graphs, int count) {
    for (int i = 0; i < count && memory->cuda; i++)
        nn_forget(memory->cuda, graphs[i].executable);
    cuda_release(memory);
}

NN_API int nn_copy(NnCuda *cuda, void *to, const void *from, size_t bytes, NnStream stream) {
    return nn_note(cuda, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream));
}

NN_API int nn_zero(NnCuda *cuda, void *at, size_t bytes, NnStream stream) {
    return nn_note(cuda, cudaMemsetAsync(at, 0, bytes, stream));
}

KERNEL(1) nn_put_word(uint32_t *to, uint32_t word) {
    *to = word;
}

NN_API int nn_put(NnCuda *cuda, void *to, const void *from, size_t bytes, NnStream stream) {
    for (size_t i = 0; i < bytes; i += sizeof(uint32_t)) {
        uint32_t word = 0;
        memcpy(&word, (const char *)from + i, bytes - i < sizeof word ? bytes - i : sizeof word);
        LAUNCH(nn_put_word, 1, 1, (uint32_t *)((char *)to + i), word);
    }
    return nn_note(cuda, cudaGetLastError());
}

NN_API int nn_launched(NnCuda *cuda) {
    return nn_note(cuda, cudaGetLastError());
}

NN_API int nn_wait(NnCuda *cuda, NnStream stream) {
    return nn_note(cuda, cudaStreamSynchronize(stream));
}

NN_API void *nn_take(NnCuda *cuda, size_t bytes) {
    void *memory = NULL;
    return nn_note(cuda, cudaMalloc(&memory, bytes ? bytes : 1)) ? NULL : memory;
}

NN_API void nn_give(NnCuda *, void *memory) {
    cudaFree(memory);
}

NN_API int nn_is_captured(NnCuda *cuda, NnStream stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    nn_note(cuda, cudaStreamIsCapturing(stream, &status));
    return status != cudaStreamCaptureStatusNone;
}

NN_API NnStream nn_capture(NnCuda *cuda) {
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    return nn_note(cuda, cudaStreamBeginCapture(cuda->capture, mode)) ? NULL : cuda->capture;
}

NN_API void *nn_captured(NnCuda *cuda) {
    cudaGraph_t graph = NULL;
    cudaGraphExec_t executable = NULL;
    cudaError_t status = cudaStreamEndCapture(cuda->capture, &graph);
    if (status == cudaSuccess) status = cudaGraphInstantiateWithFlags(&executable, graph, 0);
    if (graph) cudaGraphDestroy(graph);
    return nn_note(cuda, status) ? NULL : executable;
}

NN_API int nn_relaunch(NnCuda *cuda, void *executable, NnStream stream) {
    return nn_note(cuda, cudaGraphLaunch((cudaGraphExec_t)executable, stream));
}

NN_API void nn_forget(NnCuda *, void *executable) {
    if (executable) cudaGraphExecDestroy((cudaGraphExec_t)executable);
}

#endif
