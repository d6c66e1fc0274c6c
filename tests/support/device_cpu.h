/* The vocabulary of printed GPU kernels (codegen/cuda/cuda.h) on a CPU: simple and exact, not fast.
 *
 * Threads of a block are fibers that take turns: each runs up to the next place where threads meet.
 * All must then stand at the same place. Blocks run one after another, in either order, and so do
 * threads between two meetings; a kernel that works in both orders with the same bits forgets no
 * barrier. Shared memory is filled with NaNs before each block. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define KERNEL(threads) static void
#define UNROLL_LOOP
#define __shared__ static __attribute__((section("device_shared")))

extern char __start_device_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_device_shared[] __attribute__((weak, visibility("hidden")));

enum { DEVICE_MAX_THREADS = 1024, DEVICE_STACK = 256 << 10 };

typedef struct DeviceFiber {
    ucontext_t context;
    char *stack;
    size_t size;
    void *fake; /* the sanitizer's */
    int place;  /* where it waits; 0: it has ended */
} DeviceFiber;

static struct { unsigned x; } blockIdx, threadIdx;

static DeviceFiber device_fibers[DEVICE_MAX_THREADS], device_main;
static void (*device_kernel)(void *const *);
static void *const *device_arguments;
static char device_exchange[DEVICE_MAX_THREADS][8];
static int device_alone; /* no thread of the block may meet others */

static void device_switch(DeviceFiber *from, DeviceFiber *to) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(from->place || from == &device_main ? &from->fake : NULL,
                                   to->stack, to->size);
#endif
    swapcontext(&from->context, &to->context);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
#endif
}

static void device_entry(void) {
#if defined(__SANITIZE_ADDRESS__)
    const void *stack;
    __sanitizer_finish_switch_fiber(NULL, &stack, &device_main.size);
    device_main.stack = (char *)(uintptr_t)stack;
#endif
    device_kernel(device_arguments);
    DeviceFiber *fiber = &device_fibers[threadIdx.x];
    fiber->place = 0;
    device_switch(fiber, &device_main);
}

static void device_meet(int place) {
    if (device_alone) abort();
    DeviceFiber *fiber = &device_fibers[threadIdx.x];
    fiber->place = place;
    device_switch(fiber, &device_main);
}

#define barrier() device_meet(__LINE__)

#define DEVICE_PEER(name, type)                                                                    \
    static inline type device_peer_##name(type x, int mask, int place) {                           \
        memcpy(device_exchange[threadIdx.x], &x, sizeof x);                                        \
        device_meet(place);                                                                        \
        memcpy(&x, device_exchange[threadIdx.x ^ (unsigned)mask], sizeof x);                       \
        device_meet(place);                                                                        \
        return x;                                                                                  \
    }
DEVICE_PEER(i32, int32_t)
DEVICE_PEER(i64, int64_t)
DEVICE_PEER(f32, float)
DEVICE_PEER(f64, double)
#define peer_i32(x, mask) device_peer_i32(x, mask, __LINE__)
#define peer_i64(x, mask) device_peer_i64(x, mask, __LINE__)
#define peer_f32(x, mask) device_peer_f32(x, mask, __LINE__)
#define peer_f64(x, mask) device_peer_f64(x, mask, __LINE__)

__attribute__((destructor)) static void device_free(void) {
    for (int t = 0; t < DEVICE_MAX_THREADS; t++)
        free(device_fibers[t].stack);
}

/* Not inlined: a compiler takes getcontext() for a function that returns twice. */
__attribute__((noinline)) static void device_start(DeviceFiber *fiber) {
    if (!fiber->stack) fiber->stack = (char *)malloc(DEVICE_STACK);
    fiber->size = DEVICE_STACK;
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = DEVICE_STACK;
    makecontext(&fiber->context, device_entry, 0);
}

/* Of a block whose first thread has met nobody none does: the others need no fibers. */
static int device_run_rest(int threads, int backward) {
    device_alone = 1;
    for (int i = 1; i < threads; i++) {
        threadIdx.x = (unsigned)(backward ? threads - 1 - i : i);
        device_kernel(device_arguments);
    }
    device_alone = 0;
    return 0;
}

/* Each thread on a fiber of its own, in turns. 1 when they don't meet at the same places. */
static int device_run_block(int threads, int meets, int backward) {
    for (int t = 0; t < threads; t++)
        device_start(&device_fibers[t]);
    do {
        for (int i = 0; i < threads; i++) {
            threadIdx.x = (unsigned)(backward ? threads - 1 - i : i);
            device_switch(&device_main, &device_fibers[threadIdx.x]);
            if (meets < 0 && !device_fibers[threadIdx.x].place)
                return device_run_rest(threads, backward);
            meets = 1;
        }
        for (int t = 1; t < threads; t++)
            if (device_fibers[t].place != device_fibers[0].place) return 1;
    } while (device_fibers[0].place);
    return 0;
}

/* `meets`: threads do, and need fibers; below 0: it is not known. */
static int device_run(void (*kernel)(void *const *), void *const *arguments, unsigned blocks,
                      int threads, int meets, int backward) {
    device_kernel = kernel;
    device_arguments = arguments;
    for (unsigned i = 0; i < blocks; i++) {
        blockIdx.x = backward ? blocks - 1 - i : i;
        size_t shared = (size_t)(__stop_device_shared - __start_device_shared);
        if (shared) memset(__start_device_shared, 0xff, shared);
        if (meets && device_run_block(threads, meets, backward)) return 1;
        for (int t = 0; t < threads && !meets; t++) {
            threadIdx.x = (unsigned)(backward ? threads - 1 - t : t);
            kernel(arguments);
        }
    }
    return 0;
}
