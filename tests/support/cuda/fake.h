/* A device for tests, which is the CPU: fake_nvrtc.c stands for CUDA's libnvrtc, fake_driver.c for
 * its driver. "Binaries" are a line and then a shared library of the same kernels' text. */
#ifndef NNC_TESTS_CUDA_FAKE_H
#define NNC_TESTS_CUDA_FAKE_H

#include <stddef.h>

/* A binary's first line; PTX is the line alone. */
#define FAKE_HEADER                                                                                \
    "fake %d %d %d %zu\n" /* version, 'a' or 0, PTX or not, bytes of the library                   \
                           */
enum { FAKE_HEADER_SIZE = 64 };

/* What kernels are called by: as device_call(). */
typedef int FakeKernel(void *const *pointers, size_t bytes, unsigned blocks, int threads,
                       int backward);

/* What the fake driver has counted, and what a test sets: fake_cuda() of the library. FAKE_CUDA in
 * the environment sets it, too, as "capability=90,memory=1000". */
typedef struct FakeCuda {
    int devices, capability, driver; /* how many, 80, 13000 */
    long long memory;                /* bytes that are free */
    int full;                        /* and none of it is to be had */
    int breaks;                      /* the launch with that number (from 1) faults; 0: none */
    int backward;                    /* threads and blocks run in descending order */
    int allocations, waits, launches, graph_launches, captures, open;
} FakeCuda;

#endif
