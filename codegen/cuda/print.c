#include <string.h>

#include "codegen/c/print_internal.h"
#include "codegen/cuda/vocabulary.h"
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

void print_cuda_prelude(Emitter *e, const Uses *uses) {
    print_rounding(e);
    emit_comment(e, "A test may have given the words another meaning.");
    emit_line(e, "#ifndef KERNEL");
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
    emit_line(e, "#define ROLL_LOOP _Pragma(\"unroll 1\")");
    emit_line(e, "#define _Alignas(bytes) __align__(bytes)");
    emit_comment(e, "A function that a grid of blocks runs, each of so many threads.");
    emit_line(e,
              "#define KERNEL(threads) extern \"C\" __global__ void __launch_bounds__(threads, 1)");
    print_vocabulary(e, uses);
    emit_line(e, "#endif");
    print_helpers(e, uses, "static __device__ __forceinline__");
}

void print_cuda_file_prelude(Emitter *e, const Uses *uses) {
    print_rounding(e);
    emit_comment(e, "Functions that a grid of blocks runs, each of so many threads; a test may "
                    "have given the words another meaning.");
    emit_line(e, "#ifndef KERNEL");
    emit_line(e, "#define UNROLL_LOOP _Pragma(\"unroll\")");
    emit_line(e, "#define ROLL_LOOP _Pragma(\"unroll 1\")");
    emit_line(e, "#define KERNEL(threads) static __global__ void __launch_bounds__(threads, 1)");
    emit_line(e, "#define LAUNCH(kernel, blocks, threads, ...) "
                 "kernel<<<blocks, threads, 0, stream>>>(__VA_ARGS__)");
    emit_newline(e);
    print_vocabulary(e, uses);
    emit_line(e, "#endif");
    print_helpers(e, uses, "static __host__ __device__ __forceinline__");
}
