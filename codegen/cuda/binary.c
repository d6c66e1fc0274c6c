#include "codegen/cuda/binary.h"

#include "codegen/cuda/cuda.h"
#include "codegen/cuda/nvrtc.h"

/* Kernels are cut into parts of about that much text, which are compiled at the same time. */
enum { PART_BYTES = 24 << 10 };

typedef struct Binary {
    Arena arena;
    const FileParts *parts;
    VEC(const Kernel *) kernels;
    VEC(int) part_of; /* by kernel */
    VEC(Buf) sources; /* by part */
    NvrtcDevices devices;
    NvrtcJob *jobs; /* by part, then by device */
    int job_count;
} Binary;

static void cut_into_parts(Binary *binary) {
    const FileParts *parts = binary->parts;
    size_t prelude = 0;
    for (size_t i = 0; i < parts->kernels.count; i++) {
        const Kernel *kernel = parts->kernels.items[i];
        if (!kernel->blocks) continue; /* the CPU's */
        size_t count = binary->sources.count;
        if (count == 0 || binary->sources.items[count - 1].size > prelude + PART_BYTES) {
            Buf source = {0};
            print_cuda_prelude(&(Emitter){.out = &source}, parts->device_uses);
            prelude = source.size;
            VEC_PUSH(binary->sources, source);
            count++;
        }
        print_cuda_kernel(&(Emitter){.out = &binary->sources.items[count - 1]}, kernel, "");
        VEC_PUSH(binary->kernels, kernel);
        VEC_PUSH(binary->part_of, (int)count - 1);
    }
}

static bool compile_parts(Binary *binary, const Nvrtc *nvrtc, Buf *error) {
    size_t parts = binary->sources.count, devices = binary->devices.count;
    binary->jobs = ARENA_ARRAY(&binary->arena, NvrtcJob, parts * devices);
    for (size_t p = 0; p < parts; p++)
        for (size_t d = 0; d < devices; d++)
            binary->jobs[binary->job_count++] = (NvrtcJob){.source = &binary->sources.items[p],
                                                           .device = &binary->devices.items[d]};
    return nvrtc_compile(nvrtc, binary->jobs, binary->job_count, error);
}

/* Words rather than bytes: C compilers read an eighth as many. GPUs' hosts are little-endian. */
static void print_image(Emitter *e, const NvrtcJob *job, int number) {
    emit_comment(e, job->device->arch);
    emit_text(e, "static const uint64_t nn_image_%d[] = {", number);
    for (size_t i = 0; i < job->image.size; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        size_t left = job->image.size - i;
        for (size_t b = left < sizeof word ? left : sizeof word; b-- > 0;)
            word = word << 8 | (unsigned char)job->image.data[i + b];
        buf_puts(e->out, i / sizeof word % 4 ? " " : "\n    ");
        buf_printf(e->out, word > 9 ? "0x%llx," : "%llu,", (unsigned long long)word);
    }
    buf_puts(e->out, "\n};\n");
}

static void print_tables(Emitter *e, const Binary *binary, int compiler) {
    int kernels = (int)binary->kernels.count;
    emit_newline(e);
    for (int i = 0; i < binary->job_count; i++)
        print_image(e, &binary->jobs[i], i);
    emit_newline(e);
    emit_line(e, "static const NnCudaImage nn_images[] = {");
    for (int i = 0; i < binary->job_count; i++) {
        const NvrtcDevice *device = binary->jobs[i].device;
        char kind = device->as_text ? 'p' : device->feature == 'a' ? 'a' : 'b';
        emit_line(e, "{%d, %d, '%c', %zu, nn_image_%d},", i / (int)binary->devices.count,
                  device->version, kind, binary->jobs[i].image.size, i);
    }
    if (binary->job_count == 0) emit_line(e, "{0, 0, 0, 0, NULL},");
    emit_line(e, "};");
    emit_newline(e);
    emit_line(e, "static const NnCudaKernel nn_kernels[] = {");
    for (int i = 0; i < kernels; i++)
        emit_line(e, "{\"%s\", %d},", binary->kernels.items[i]->name, binary->part_of.items[i]);
    if (kernels == 0) emit_line(e, "{NULL, 0},");
    emit_line(e, "};");
    emit_newline(e);
    if (kernels) emit_line(e, "enum {");
    for (int i = 0; i < kernels; i++)
        emit_line(e, "%s,", binary->kernels.items[i]->name);
    if (kernels) emit_line(e, "};");
    emit_newline(e);
    emit_line(e, "static const NnCudaCode nn_code = {%d, %d, %d, %d, nn_images, nn_kernels};",
              compiler, (int)binary->sources.count, binary->job_count, kernels);
}

static void free_binary(Binary *binary) {
    for (int i = 0; i < binary->job_count; i++) {
        buf_free(&binary->jobs[i].image);
        buf_free(&binary->jobs[i].error);
    }
    for (size_t i = 0; i < binary->sources.count; i++)
        buf_free(&binary->sources.items[i]);
    VEC_FREE(binary->sources);
    VEC_FREE(binary->kernels);
    VEC_FREE(binary->part_of);
    VEC_FREE(binary->devices);
    arena_free(&binary->arena);
}

bool print_cuda_binary(Emitter *e, const FileParts *parts, const char *devices, Buf *error) {
    Binary binary = {.parts = parts};
    const Nvrtc *nvrtc = nvrtc_open(&binary.arena, error);
    bool good = nvrtc && nvrtc_devices(nvrtc, devices, &binary.devices, &binary.arena, error);
    if (good) {
        cut_into_parts(&binary);
        good = compile_parts(&binary, nvrtc, error);
    }
    if (good) print_tables(e, &binary, nvrtc_version(nvrtc));
    free_binary(&binary);
    return good;
}
