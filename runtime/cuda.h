/* What the host part of a network for GPUs does with a device.
 *
 * There are two of it: cuda_driver.c, on CUDA's driver alone, which is looked for when a context is
 * opened, and cuda_runtime.h, on CUDA's runtime, in files that nvcc compiles. Both keep the first
 * error, which is CUDA's number; what is called after it does nothing and returns 2.
 *
 * All memory is taken once, when a context is opened: the device's, and a block of the host's that
 * is pinned, through which arguments and results go. What a function puts into a stream is captured
 * as a graph at its first call, and only the graph is launched from then on. */
#ifndef NN_CUDA_H
#define NN_CUDA_H

#include <stddef.h>
#include <stdint.h>

#ifndef NN_API
#define NN_API
#endif

typedef struct CUstream_st *NnStream; /* NULL: the default stream */

typedef struct NnCuda NnCuda;

/* The host's and the device's memory of a context: of the first a part is NnCuda's own. */
typedef struct NnCudaMemory {
    NnCuda *cuda;
    void *device, *slots;
} NnCudaMemory;

enum { NN_GRAPH_KEYS = 5 };

/* A captured function: it is launched while its pointers are the same. All zero at first. */
typedef struct NnGraph {
    void *executable;
    const void *keys[NN_GRAPH_KEYS];
} NnGraph;

/* A call of such a function. */
typedef struct NnRun {
    int records; /* the work is to be put into `into` */
    NnStream into, stream;
    NnGraph *graph; /* NULL: `into` is the caller's stream */
} NnRun;

/* Begins and ends a call. */
NN_API NnRun nn_begin(NnCuda *cuda, NnGraph *graph, const void *const *keys, int count,
                      NnStream stream);
NN_API int nn_end(NnCuda *cuda, NnRun *run);

/* Puts work into the stream: a copy, zero bytes, a few bytes of the caller's as they are now
 * (where there is room for whole words). */
NN_API int nn_copy(NnCuda *cuda, void *to, const void *from, size_t bytes, NnStream stream);
NN_API int nn_zero(NnCuda *cuda, void *at, size_t bytes, NnStream stream);
NN_API int nn_put(NnCuda *cuda, void *to, const void *from, size_t bytes, NnStream stream);
/* Whether all that was launched could be. */
NN_API int nn_launched(NnCuda *cuda);
/* Waits for the stream. */
NN_API int nn_wait(NnCuda *cuda, NnStream stream);

NN_API void *nn_take(NnCuda *cuda, size_t bytes);
NN_API void nn_give(NnCuda *cuda, void *memory);
/* CUDA's words for the first error; of a context that isn't open, too. */
NN_API const char *nn_cuda_error(const NnCuda *cuda);
NN_API void nn_cuda_close(NnCudaMemory *memory, NnGraph *graphs, int count);

/* What nn_begin() and nn_end() are made of. */
NN_API int nn_is_captured(NnCuda *cuda, NnStream stream);
NN_API NnStream nn_capture(NnCuda *cuda); /* NULL: it can't be */
NN_API void *nn_captured(NnCuda *cuda);
NN_API int nn_relaunch(NnCuda *cuda, void *executable, NnStream stream);
NN_API void nn_forget(NnCuda *cuda, void *executable);
/* The device's context becomes the thread's, and the one before it again. */
NN_API void nn_enter(NnCuda *cuda);
NN_API void nn_leave(NnCuda *cuda);
NN_API int nn_status(const NnCuda *cuda);

#endif
