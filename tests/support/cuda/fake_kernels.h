/* What stands before kernels that fake_nvrtc.c compiles for the CPU: the vocabulary, and how the
 * fake driver calls a kernel that it knows as bytes of arguments alone. */
#include "../device_cpu.h"

#include <tuple>
#include <utility>

#define __device__
#define _Alignas(bytes) __attribute__((aligned(bytes)))
#define __forceinline__ inline

template <class... P> struct DeviceCall {
    void (*kernel)(P...);
    std::tuple<P...> arguments;

    static void run(void *const *call) {
        const DeviceCall *of = (const DeviceCall *)(const void *)call;
        std::apply(of->kernel, of->arguments);
    }
};

template <class... P, size_t... I>
static int device_call_with(void (*kernel)(P...), void *const *pointers, std::index_sequence<I...>,
                            unsigned blocks, int threads, int backward) {
    DeviceCall<P...> call = {kernel, {(P)pointers[I]...}};
    return device_run(DeviceCall<P...>::run, (void *const *)(void *)&call, blocks, threads, -1,
                      backward);
}

/* 1: the kernel has other parameters, or its threads don't meet at the same places. */
template <class... P>
static int device_call(void (*kernel)(P...), void *const *pointers, size_t bytes, unsigned blocks,
                       int threads, int backward) {
    if (bytes != sizeof...(P) * sizeof(void *)) return 1;
    return device_call_with(kernel, pointers, std::index_sequence_for<P...>(), blocks, threads,
                            backward);
}
