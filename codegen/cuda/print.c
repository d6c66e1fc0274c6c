#include <string.h>

#include "codegen/c/print_internal.h"
#include "codegen/cuda/cuda.h"
#include "support/checked.h"

void print_cuda_kernel(Emitter *e, const Kernel *kernel, const char *suffix) {
    const KernelText *text = kernel->text;
    NNC_CHECK(kernel->blocks > 0, "kernel %s is not for a GPU", kernel->name);
    buf_add(e->out, text->heading, text->heading_size);
    emit_text(e, "KERNEL(%d) ", kernel->threads);
    print_definition(e, kernel, suffix);
}

static void print_rounding(Emitter *e) {
    emit_comment(e, "Every operation rounds by itself: compile with --fmad=false. Products and "
                    "sums are fused where fma is written.");
}

/* What kernels are made of, but for how they are declared. */
static void print_vocabulary(Emitter *e, const Uses *uses) {
    emit_comment(e, "All threads of the block wait for one another and see what was stored.");
    emit_line(e, "#define barrier() __syncthreads()");
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

void print_cuda_prelude(Emitter *e, const Uses *uses) {
    print_rounding(e);
    emit_line(e, "typedef unsigned char uint8_t;");
    emit_line(e, "typedef int int32_t;");
    emit_line(e, "typedef unsigned int uint32_t;");
    emit_line(e, "typedef long long int64_t;");
    emit_line(e, "typedef unsigned long long uint64_t;");
    emit_line(e, "#define INT64_C(x) x##LL");
    emit_line(e, "#define INT32_MIN (-2147483647 - 1)");
    emit_line(e, "#define INT64_MIN (-9223372036854775807LL - 1)");
    emit_line(e, "#define INFINITY __int_as_float(0x7f800000)");
    emit_line(e, "#define NAN __int_as_float(0x7fffffff)");
    emit_line(e, "#define UNROLL_LOOP _Pragma(\"unroll\")");
    emit_comment(e, "A function that a grid of blocks runs, each of so many threads.");
    emit_line(e, "#define KERNEL(threads) extern \"C\" __global__ void __launch_bounds__(threads)");
    print_vocabulary(e, uses);
    print_helpers(e, uses, "static __device__ __forceinline__");
}

void print_cuda_file_prelude(Emitter *e, const Uses *uses) {
    print_rounding(e);
    emit_comment(e, "Functions that a grid of blocks runs, each of so many threads; a test may "
                    "have given the words another meaning.");
    emit_line(e, "#ifndef KERNEL");
    emit_line(e, "#define UNROLL_LOOP _Pragma(\"unroll\")");
    emit_line(e, "#define KERNEL(threads) static __global__ void __launch_bounds__(threads)");
    emit_line(e, "#define LAUNCH(kernel, blocks, threads) kernel<<<blocks, threads, 0, stream>>>");
    emit_newline(e);
    print_vocabulary(e, uses);
    emit_line(e, "#endif");
    print_helpers(e, uses, "static __host__ __device__ __forceinline__");
}
