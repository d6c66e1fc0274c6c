#include "codegen/cuda/vocabulary.h"

/* Lines of text, ended by NULL. */
static void print_lines(Emitter *e, const char *const *lines) {
    for (; *lines; lines++)
        emit_line(e, "%s", *lines);
}

static void print_meetings(Emitter *e, const Uses *uses) {
    emit_comment(e, "All threads of the block wait for one another and see what was stored.");
    emit_line(e, "#define barrier() __syncthreads()");
    if (uses_any(uses)) {
        emit_comment(e, "The same; whether x is true in one of them.");
        emit_line(e, "#define any_of_block(x) __syncthreads_or(x)");
    }
    static const struct {
        KKind kind;
        const char *type;
    } peers[] = {{K_I32, "int32_t"}, {K_I64, "int64_t"}, {K_F32, "float"}, {K_F64, "double"}};
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        if (!uses_peer(uses, peers[i].kind)) continue;
        emit_comment(e, "x of the thread in the same warp whose number is this one's ^ mask.");
        emit_line(e, "static __device__ __forceinline__ %s peer_%s(%s x, int mask) {",
                  peers[i].type, kkind_name(peers[i].kind), peers[i].type);
        emit_line(e, "return __shfl_xor_sync(0xffffffffu, x, mask);");
        emit_line(e, "}");
    }
}

/* One of `bytes` at once; `cache`: at which caches it stays. */
static void print_copy_once(Emitter *e, int bytes, const char *cache) {
    emit_line(e,
              "asm volatile(\"cp.async.%s.shared.global [%%0], [%%1], %d, %%2;\" :: \"r\"(at), "
              "\"l\"(from), \"r\"(exists ? %d : 0) : \"memory\");",
              cache, bytes, bytes);
}

static void print_copy(Emitter *e, int bytes) {
    emit_line(e,
              "static __device__ __forceinline__ void copy_async_%d(void *to, const void *from, "
              "int exists) {",
              bytes);
    if (bytes > 4) {
        emit_line(e, "if ((uint64_t)from %% %d != 0) {", bytes);
        for (int i = 0; i < bytes; i += 4)
            emit_line(e, "copy_async_4((char *)to + %d, (const char *)from + %d, exists);", i, i);
        emit_line(e, "return;");
        emit_line(e, "}");
    }
    emit_line(e, "#if MATRIX_UNITS");
    emit_line(e, "uint32_t at = (uint32_t)__cvta_generic_to_shared(to);");
    print_copy_once(e, bytes, bytes == 16 ? "cg" : "ca");
    emit_line(e, "#else");
    for (int i = 0; i < bytes / 4; i++)
        emit_line(e, "((int32_t *)to)[%d] = exists ? ((const int32_t *)from)[%d] : 0;", i, i);
    emit_line(e, "#endif");
    emit_line(e, "}");
}

static void print_copies(Emitter *e, const Uses *uses) {
    static const char *const groups[] = {
        "#if MATRIX_UNITS",
        "#define copy_commit() asm volatile(\"cp.async.commit_group;\" ::: \"memory\")",
        "#define copy_wait(n) asm volatile(\"cp.async.wait_group %0;\" :: \"n\"(n) : \"memory\")",
        "#else",
        "#define copy_commit() ((void)0)",
        "#define copy_wait(n) ((void)0)",
        "#endif",
        NULL};
    emit_comment(e, "Begins to copy to shared memory, or zeros. What was begun up to a "
                    "copy_commit() is a group; copy_wait(n) waits for all groups of the thread "
                    "but n.");
    print_copy(e, 4);
    for (int bytes = 8; bytes <= 16; bytes += 8)
        if (uses_copy(uses, bytes)) print_copy(e, bytes);
    print_lines(e, groups);
}

static void print_products(Emitter *e, const Uses *uses) {
    static const char *const tf32[] = {
        "static __device__ __forceinline__ float tf32_of(float x) {",
        "#if MATRIX_UNITS",
        "uint32_t bits;",
        "asm(\"cvt.rna.tf32.f32 %0, %1;\" : \"=r\"(bits) : \"f\"(x));",
        "x = __uint_as_float(bits);",
        "#endif",
        "return x;",
        "}",
        "static __device__ __forceinline__ void mma_tf32(float *sum, const float *a, const float "
        "*b) {",
        "#if MATRIX_UNITS",
        "asm volatile(\"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, \"",
        "    \"{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\"",
        "    : \"+f\"(sum[0]), \"+f\"(sum[1]), \"+f\"(sum[2]), \"+f\"(sum[3])",
        "    : \"r\"(__float_as_uint(a[0])), \"r\"(__float_as_uint(a[1])),",
        "      \"r\"(__float_as_uint(a[2])), \"r\"(__float_as_uint(a[3])),",
        "      \"r\"(__float_as_uint(b[0])), \"r\"(__float_as_uint(b[1])));",
        "#endif",
        "}",
        NULL};
    static const char *const bf16[] = {
        "static __device__ __forceinline__ int32_t bf16_pair(float low, float high) {",
        "int32_t pair = 0;",
        "#if MATRIX_UNITS",
        "asm(\"cvt.rn.bf16x2.f32 %0, %1, %2;\" : \"=r\"(pair) : \"f\"(high), \"f\"(low));",
        "#endif",
        "return pair;",
        "}",
        "static __device__ __forceinline__ void mma_bf16(float *sum, const int32_t *a, const "
        "int32_t *b) {",
        "#if MATRIX_UNITS",
        "asm volatile(\"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, \"",
        "    \"{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\"",
        "    : \"+f\"(sum[0]), \"+f\"(sum[1]), \"+f\"(sum[2]), \"+f\"(sum[3])",
        "    : \"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3]), \"r\"(b[0]), \"r\"(b[1]));",
        "#endif",
        "}",
        NULL};
    emit_comment(e, "A warp's matrix units: sum, 16 x 8, becomes sum + a * b, of numbers of 11 "
                    "digits (tf32) or 8 (bf16). Devices without them never come here.");
    if (uses_mma(uses, K_MMA_TF32)) print_lines(e, tf32);
    if (uses_mma(uses, K_MMA_BF16)) print_lines(e, bf16);
}

void print_vocabulary(Emitter *e, const Uses *uses) {
    bool multiplies = uses_mma(uses, K_MMA_TF32) || uses_mma(uses, K_MMA_BF16);
    bool copies = uses_copy(uses, 0);
    if (multiplies || copies) {
        emit_comment(e, "Whether the device has them for float32 numbers, and copies while it "
                        "computes: from sm_80 on.");
        emit_line(e, "#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800");
        emit_line(e, "#define MATRIX_UNITS 1");
        emit_line(e, "#else");
        emit_line(e, "#define MATRIX_UNITS 0");
        emit_line(e, "#endif");
    }
    print_meetings(e, uses);
    if (copies) print_copies(e, uses);
    if (multiplies) print_products(e, uses);
}
