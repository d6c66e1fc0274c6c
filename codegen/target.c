/* The table of processors that kernels are specialized for, and the detection of this one. */
#include "codegen/target.h"

#include <string.h>

/* Cache sizes are those of common cores; schedules only need their order of magnitude. */
static const Target targets[] = {
    {"none", NULL, NULL, 0, 16, false, false, false, 32u << 10, 256u << 10},
    {"sse2", "sse2", "defined(__SSE2__) || defined(__x86_64__)", 16, 16, false, false, false,
     32u << 10, 256u << 10},
    {"neon", NULL, "defined(__ARM_NEON)", 16, 32, true, false, false, 64u << 10, 512u << 10},
    {"avx2", "avx2,fma", "defined(__x86_64__) || defined(__i386__)", 32, 16, true, false, false,
     32u << 10, 512u << 10},
    {"avx512", "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma", "defined(__x86_64__)", 64, 32, true,
     false, false, 32u << 10, 1u << 20},
    {"avx512bf16", "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma", "defined(__x86_64__)",
     64, 32, true, true, false, 32u << 10, 1u << 20},
    {"amx", "avx512f,avx512vl,avx512dq,avx512bw,avx512bf16,avx2,fma,amx-tile,amx-bf16",
     "defined(__x86_64__)", 64, 32, true, true, true, 32u << 10, 1u << 20},
};

enum { TARGET_COUNT = sizeof targets / sizeof targets[0] };

static const Target *const target_list[] = {&targets[0], &targets[1], &targets[2],
                                            &targets[3], &targets[4], NULL};

const Target *const *target_all(void) {
    return target_list;
}

const Target *target_gpu(void) {
    static const Target gpu = {"gpu", NULL,  NULL,  0,          255,
                               true,  false, false, 128u << 10, 40u << 20};
    return &gpu;
}

const Target *target_native(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        return target_find("avx512");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return target_find("avx2");
    return target_find("sse2");
#elif defined(__ARM_NEON)
    return target_find("neon");
#else
    return target_find("none");
#endif
}

const Target *target_find(const char *name) {
    if (!name || strcmp(name, "native") == 0) return target_native();
    for (int i = 0; i < TARGET_COUNT; i++)
        if (strcmp(targets[i].name, name) == 0) return &targets[i];
    return NULL;
}

const Target *target_least(const Target *target, bool bf16, bool tiles) {
    if (tiles || !target->bf16) return target;
    return target_find(bf16 ? "avx512bf16" : "avx512");
}

const Target *target_of_cpu(const char *cpu) {
    static const char *const with_tiles[] = {"sapphirerapids", "emeraldrapids", "graniterapids",
                                             "graniterapids-d", "diamondrapids"};
    for (size_t i = 0; cpu && i < sizeof with_tiles / sizeof *with_tiles; i++)
        if (strcmp(cpu, with_tiles[i]) == 0) return target_find("amx");
    return NULL;
}

const Target *target_for(const char *name, Precision precision) {
    const Target *target = target_find(name);
    bool native = !name || strcmp(name, "native") == 0;
#if defined(__x86_64__)
    if (native && precision == PRECISION_MEDIUM && strcmp(target->name, "avx512") == 0 &&
        __builtin_cpu_supports("avx512bf16"))
        return target_find("avx512bf16");
#endif
    return target;
}

int target_lanes(const Target *target, DType dtype) {
    size_t size = dtype_size(dtype) < 4 ? 4 : dtype_size(dtype);
    int lanes = target->vector_bytes / (int)size;
    return lanes < 1 ? 1 : lanes;
}
