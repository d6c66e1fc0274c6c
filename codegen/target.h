/* What lowerings and printers know about a processor. */
#ifndef NNC_CODEGEN_TARGET_H
#define NNC_CODEGEN_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "ir/precision.h"
#include "ir/type.h"

typedef struct Target {
    const char *name;      /* "none", "sse2", "neon", "avx2", "avx512", "avx512bf16", "amx" */
    const char *attribute; /* text of __attribute__((target(...))) for dispatch, or NULL */
    const char *guard;     /* preprocessor condition under which its intrinsics exist, or NULL */
    int vector_bytes;      /* 0: scalar C11 only */
    int registers;         /* vector registers */
    bool fma;              /* k_fma is one fused operation */
    bool bf16;             /* k_bf16_pair and k_bf16_dot are, too */
    bool tiles;            /* it has a matrix unit: k_tile_dot */
    size_t l1, l2;         /* bytes of cache for one core */
} Target;

/* By name; "native" or NULL asks the processor. NULL when unknown. */
const Target *target_find(const char *name);
const Target *target_native(void);
/* The same with what sums of that class can use beside: another target, where the processor that
 * was asked has more. */
const Target *target_for(const char *name, Precision precision);
/* The least of those that have what the target has but for bfloat16 instructions or tiles, if these
 * are not needed. */
const Target *target_least(const Target *target, bool bf16, bool tiles);
/* That a processor's name as compilers have it (-march) asks for; NULL: that of this machine. */
const Target *target_of_cpu(const char *cpu);
/* The targets that differ for any kernel, ended by NULL, from the least to the most able. */
const Target *const *target_all(void);
/* Of kernels for GPUs: a thread computes in scalars. Not among target_all(). */
const Target *target_gpu(void);
/* Lanes of a vector of the dtype as kept in registers (u8 and bool as i32); 1 for none. */
int target_lanes(const Target *target, DType dtype);

#endif
