/* The vocabulary of printed GPU kernels (codegen/cuda/cuda.h) on a CPU: simple and exact, not fast.
 *
 * Threads of a block are fibers that take turns: each runs up to the next place where threads meet.
 * All must then stand at the same place. Blocks run one after another, in either order, and so do
 * threads between two meetings; a kernel that works in both orders with the same bits forgets no
 * barrier. Shared memory is filled with NaNs before each block.
 *
 * Asynchronous copies happen as late as they may, when the thread waits for them, or, with blocks
 * in descending order, as early, when they are begun: a forgotten wait shows as NaNs, and one that
 * begins while others read what it overwrites as a difference. Matrix units take what each thread
 * holds for what PTX says it is, multiply exactly and round sums toward zero. */
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
#define ROLL_LOOP
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
static int device_threads; /* of a block */
static int device_alone;   /* no thread of the block may meet others */
static int device_eager;   /* copies don't wait to be waited for */

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

#define any_of_block(x) device_any(x, __LINE__)
static inline int device_any(int x, int place) {
    int any = 0;
    memcpy(device_exchange[threadIdx.x], &x, sizeof x);
    device_meet(place);
    for (int t = 0; t < device_threads; t++) {
        memcpy(&x, device_exchange[t], sizeof x);
        any |= x != 0;
    }
    device_meet(place);
    return any;
}

typedef struct DeviceCopy {
    char *to;
    const char *from;
    int bytes, group;
} DeviceCopy;

/* A thread's copies under way, and how many groups it has begun. */
typedef struct DeviceCopies {
    DeviceCopy *items;
    int count, size, group;
} DeviceCopies;

static DeviceCopies device_copies[DEVICE_MAX_THREADS];

static inline void device_copy(const DeviceCopy *copy) {
    if (copy->from)
        memcpy(copy->to, copy->from, (size_t)copy->bytes);
    else
        memset(copy->to, 0, (size_t)copy->bytes);
}

static inline void copy_async(void *to, const void *from, int exists, int bytes) {
    DeviceCopies *all = &device_copies[threadIdx.x];
    DeviceCopy copy = {(char *)to, exists ? (const char *)from : NULL, bytes, all->group};
    if ((uintptr_t)to % (unsigned)bytes != 0) abort();
    if (device_eager) {
        device_copy(&copy);
        return;
    }
    if (all->count == all->size) {
        all->size = all->size ? 2 * all->size : 16;
        all->items = (DeviceCopy *)realloc(all->items, (size_t)all->size * sizeof copy);
    }
    all->items[all->count++] = copy;
}
#define copy_async_4(to, from, exists) copy_async(to, from, exists, 4)
#define copy_async_8(to, from, exists) copy_async(to, from, exists, 8)
#define copy_async_16(to, from, exists) copy_async(to, from, exists, 16)
#define copy_commit() ((void)device_copies[threadIdx.x].group++)

static inline void copy_wait(int groups) {
    DeviceCopies *all = &device_copies[threadIdx.x];
    int kept = 0;
    for (int i = 0; i < all->count; i++)
        if (all->items[i].group < all->group - groups)
            device_copy(&all->items[i]);
        else
            all->items[kept++] = all->items[i];
    all->count = kept;
}

#ifndef MATRIX_UNITS
#define MATRIX_UNITS 1
#endif

static inline float tf32_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = isnan(x) ? 0x7fffe000u : (bits + 0x1000u) & 0xffffe000u;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

static inline uint32_t device_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return isnan(x) ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
}

static inline int32_t bf16_pair(float low, float high) {
    return (int32_t)(device_bf16(high) << 16 | device_bf16(low));
}

/* What the threads of the block hold for a product. One thread may come to the next product while
 * another reads for this one, but not to the one after. */
typedef struct DeviceFragments {
    uint32_t a[4], b[2];
} DeviceFragments;

static DeviceFragments device_fragments[2][DEVICE_MAX_THREADS];
static int device_turn[DEVICE_MAX_THREADS];

/* A part of a register as a number; parts: 1, all of it, of 19 bits, or 2, of 16 each. */
static inline double device_part(uint32_t bits, int part, int parts) {
    float x;
    if (parts == 2) bits = part ? bits & 0xffff0000u : bits << 16;
    if (bits & 0x1fff) abort();
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float device_toward_zero(double x) {
    float y = (float)x;
    return fabs((double)y) > fabs(x) && !isinf(x) ? nextafterf(y, 0) : y;
}

static inline void device_mma(float *sum, const void *a, const void *b, int parts, int place) {
    int turn = device_turn[threadIdx.x] ^= 1, thread = (int)threadIdx.x;
    memcpy(device_fragments[turn][thread].a, a, sizeof device_fragments[0][0].a);
    memcpy(device_fragments[turn][thread].b, b, sizeof device_fragments[0][0].b);
    device_meet(place);
    const DeviceFragments *warp = device_fragments[turn] + thread / 32 * 32;
    for (int i = 0; i < 4; i++) {
        int row = thread % 32 / 4 + i / 2 * 8, column = thread % 4 * 2 + i % 2;
        double total = sum[i];
        for (int k = 0; k < 8 * parts; k++) {
            int half = k / (4 * parts), within = k % (4 * parts) / parts, part = k % parts;
            uint32_t x = warp[row % 8 * 4 + within].a[half * 2 + row / 8];
            uint32_t y = warp[column * 4 + within].b[half];
            total += device_part(x, part, parts) * device_part(y, part, parts);
        }
        sum[i] = device_toward_zero(total);
    }
}
#define mma_tf32(sum, a, b) device_mma(sum, a, b, 1, __LINE__)
#define mma_bf16(sum, a, b) device_mma(sum, a, b, 2, __LINE__)

__attribute__((destructor)) static void device_free(void) {
    for (int t = 0; t < DEVICE_MAX_THREADS; t++) {
        free(device_fibers[t].stack);
        free(device_copies[t].items);
    }
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
    device_threads = threads;
    device_eager = backward;
    for (unsigned i = 0; i < blocks; i++) {
        blockIdx.x = backward ? blocks - 1 - i : i;
        size_t shared = (size_t)(__stop_device_shared - __start_device_shared);
        if (shared) memset(__start_device_shared, 0xff, shared);
        for (int t = 0; t < threads; t++)
            device_copies[t].count = 0;
        if (meets && device_run_block(threads, meets, backward)) return 1;
        for (int t = 0; t < threads && !meets; t++) {
            threadIdx.x = (unsigned)(backward ? threads - 1 - t : t);
            kernel(arguments);
        }
    }
    return 0;
}
