#include "tests/support/gpu_run.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/c/print_internal.h"
#include "codegen/cuda/cuda.h"
#include "codegen/plan.h"
#include "support/checked.h"
#include "support/file.h"

static const double TOLERANCE = 2e-5; /* of the largest magnitude */

/* Values by node id, as the reference has them. */
typedef struct Values {
    const Tensor64 **tensor;
    void **bytes;
} Values;

static const void *bytes_of(Values *values, const Node *node, Arena *arena) {
    void **bytes = &values->bytes[node->id];
    if (*bytes) return *bytes;
    if (node->op == OP_const) return node_attr(node, ATTR_data)->data.bytes;
    *bytes = arena_alloc(arena, type_bytes(&node->type) + 1);
    tensor64_to_bytes(values->tensor[node->id], *bytes);
    return *bytes;
}

static bool is_new(const GpuRuns *runs, const Group *group) {
    for (size_t i = 0; i < runs->groups.count; i++) {
        const Group *other = runs->groups.items[i];
        if (other->key_size == group->key_size &&
            memcmp(other->key, group->key, group->key_size) == 0)
            return false;
    }
    return true;
}

static void add_run(GpuRuns *runs, Kernel *kernel, Values *values, Arena *arena) {
    Buf error = {0};
    NNC_CHECK(kernel_verify(kernel, &error), "%s: %s", kernel->name, buf_text(&error));
    size_t count = kernel->buffers.count;
    GpuRun run = {kernel, ARENA_ARRAY(arena, const void *, count + 1),
                  ARENA_ARRAY(arena, const Tensor64 *, count + 1)};
    for (size_t i = 0; i < count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (buf->role == KBUF_IN)
            run.inputs[i] = (const char *)bytes_of(values, buf->node, arena) +
                            (size_t)buf->base * dtype_size(buf->dtype);
        if (buf->role == KBUF_OUT) run.expected[i] = values->tensor[buf->node->id];
    }
    VEC_PUSH(runs->items, run);
}

bool gpu_runs_add(GpuRuns *runs, Graph *graph, const Tensor64 *inputs, bool all_schedules,
                  Arena *arena, Buf *error) {
    Fusion *fusion = fuse(graph, arena);
    for (int g = 0; g < fusion->group_count; g++)
        for (int i = 0; i < fusion->groups[g]->output_count; i++)
            graph_output(graph, arena_printf(arena, "stored%d_%d", g, i),
                         fusion->groups[g]->outputs[i], OUT_RESULT, -1);
    Tensor64 *outputs = ARENA_ARRAY(arena, Tensor64, graph->outputs.count + 1);
    Rounding round = runs->most > 0 ? ROUND_NONE : ROUND_TO_TYPE;
    if (!interp_run(graph, inputs, outputs, round, arena, error)) return false;
    Values values = {ARENA_ARRAY(arena, const Tensor64 *, graph->nodes.count + 1),
                     ARENA_ARRAY(arena, void *, graph->nodes.count + 1)};
    for (size_t i = 0; i < graph->inputs.count; i++)
        values.tensor[graph->inputs.items[i].node->id] = &inputs[i];
    for (size_t i = 0; i < graph->outputs.count; i++)
        values.tensor[graph->outputs.items[i].value->id] = &outputs[i];
    LowerContext context = {.arena = arena, .precision = runs->precision};
    for (int g = 0; g < fusion->group_count; g++) {
        const Group *group = fusion->groups[g];
        if (!is_new(runs, group)) continue;
        VEC_PUSH(runs->groups, group);
        GpuSchedule schedules[GPU_MAX_SCHEDULES];
        int count = gpu_schedules(group, &context, schedules);
        for (int i = 0; i < (all_schedules ? count : 1); i++)
            add_run(runs, gpu_lower(group, &context, &schedules[i]), &values, arena);
        runs->lowered[group->kind]++;
    }
    return true;
}

void gpu_runs_free(GpuRuns *runs) {
    VEC_FREE(runs->items);
    VEC_FREE(runs->groups);
}

static Uses *print_bodies(const GpuRuns *runs, Kernel *kernels, Arena *arena) {
    Uses *uses = uses_new(arena);
    Buf scratch = {0};
    for (size_t i = 0; i < runs->items.count; i++) {
        kernels[i] = *runs->items.items[i].kernel;
        kernels[i].text = print_kernel_text(&kernels[i], NULL, uses, &scratch, arena);
    }
    buf_free(&scratch);
    return uses;
}

void gpu_runs_print(const GpuRuns *runs, Buf *out, Arena *arena) {
    Emitter e = {.out = out};
    Kernel *kernels = ARENA_ARRAY(arena, Kernel, runs->items.count + 1);
    print_cuda_prelude(&e, print_bodies(runs, kernels, arena));
    for (size_t i = 0; i < runs->items.count; i++)
        print_cuda_kernel(&e, &kernels[i], arena_printf(arena, "_%zu", i));
}

/* int run_N(void *const *p, int backward): the kernel on those buffers, all threads of it. */
static void print_runner(Emitter *e, const Kernel *kernel, size_t number) {
    emit_line(e, "static int fault_%zu;", number);
    emit_line(e, "static void call_%zu(void *const *p) {", number);
    emit_text(e, "%s_%zu(", kernel->name, number);
    const char *comma = "";
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (!kbuf_is_parameter(buf)) continue;
        emit_text(e, "%sp[%zu]", comma, i);
        comma = ", ";
    }
    if (kernel->faults) emit_text(e, "%s&fault_%zu", comma, number);
    emit_line(e, ");");
    emit_line(e, "}");
    emit_line(e, "int run_%zu(void *const *p, int backward);", number);
    emit_line(e, "int run_%zu(void *const *p, int backward) {", number);
    emit_line(e, "return device_run(call_%zu, p, %lld, %d, %d, backward) || fault_%zu;", number,
              (long long)kernel->blocks, kernel->threads, kernel->meets, number);
    emit_line(e, "}");
}

static void print_for_cpu(const GpuRuns *runs, Buf *out, Arena *arena) {
    Emitter e = {.out = out};
    Kernel *kernels = ARENA_ARRAY(arena, Kernel, runs->items.count + 1);
    Uses *uses = print_bodies(runs, kernels, arena);
    emit_line(&e, "#include \"" NNC_SOURCE_DIR "/tests/support/device_cpu.h\"");
    print_helpers(&e, uses, "static inline");
    for (size_t i = 0; i < runs->items.count; i++) {
        print_cuda_kernel(&e, &kernels[i], arena_printf(arena, "_%zu", i));
        print_runner(&e, &kernels[i], i);
    }
}

static bool close_enough(const Tensor64 *got, const Tensor64 *expected, Buf *message) {
    int64_t count = type_numel(&expected->type);
    double scale = 1e-30;
    for (int64_t i = 0; expected->f && i < count; i++)
        if (isfinite(expected->f[i]) && fabs(expected->f[i]) > scale) scale = fabs(expected->f[i]);
    for (int64_t i = 0; i < count; i++) {
        if (expected->i
                ? got->i[i] == expected->i[i]
                : got->f[i] == expected->f[i] || (isnan(got->f[i]) && isnan(expected->f[i])) ||
                      fabs(got->f[i] - expected->f[i]) <= TOLERANCE * scale)
            continue;
        buf_printf(message, "element %lld is %.9g, not %.9g", (long long)i,
                   expected->i ? (double)got->i[i] : got->f[i],
                   expected->i ? (double)expected->i[i] : expected->f[i]);
        return false;
    }
    return true;
}

/* What isn't finite must be the same. */
static bool within_bounds(const GpuRuns *runs, const Tensor64 *got, const Tensor64 *expected,
                          Buf *message) {
    int64_t count = type_numel(&expected->type), finite = 0;
    double squares = 0, errors = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        double x = got->f[i], y = expected->f[i];
        if (!isfinite((float)y)) {
            if (isnan(y) ? isnan(x) : x == (double)(float)y) continue;
            buf_printf(message, "element %lld is %g, not %g", (long long)i, x, y);
            return false;
        }
        squares += y * y;
        errors += (x - y) * (x - y);
        if (!(fabs(x - y) <= most)) most = fabs(x - y);
        finite++;
    }
    double unit = sqrt(squares / (double)finite);
    bool good = finite == 0 ||
                (sqrt(errors / (double)finite) <= runs->rms * unit && most <= runs->most * unit);
    if (!good)
        buf_printf(message, "errors of %g, at most %g, in units of the results' rms",
                   sqrt(errors / (double)finite) / unit, most / unit);
    return good;
}

/* Buffers of their own, of exactly their size, so that the sanitizer sees what lies beyond. */
static void **new_buffers(const GpuRun *run) {
    size_t count = run->kernel->buffers.count;
    void **buffers = xcalloc(count + 1, sizeof *buffers);
    for (size_t i = 0; i < count; i++) {
        const KBuf *buf = run->kernel->buffers.items[i];
        size_t bytes = (size_t)buf->count * dtype_size(buf->dtype);
        buffers[i] = xmalloc(bytes);
        memset(buffers[i], 0xa5, bytes);
        if (buf->role == KBUF_IN) memcpy(buffers[i], run->inputs[i], bytes);
    }
    return buffers;
}

static void free_buffers(const GpuRun *run, void **buffers) {
    for (size_t i = 0; i < run->kernel->buffers.count; i++)
        free(buffers[i]);
    free(buffers);
}

static void check_run(const GpuRuns *runs, const GpuRun *run, int (*function)(void *const *, int),
                      Arena *arena, Buf *message) {
    void **forward = new_buffers(run), **backward = new_buffers(run);
    if (function(forward, 0) || function(backward, 1))
        buf_printf(message, "threads do not meet at the same places, or fault");
    for (size_t i = 0; i < run->kernel->buffers.count && message->size == 0; i++) {
        const KBuf *buf = run->kernel->buffers.items[i];
        if (buf->role != KBUF_OUT) continue;
        if (memcmp(forward[i], backward[i], (size_t)buf->count * dtype_size(buf->dtype)) != 0)
            buf_printf(message, "y%d depends on the order of threads", buf->id);
        Tensor64 got = tensor64_from_bytes(arena, buf->node->type, forward[i]);
        if (runs->most > 0)
            within_bounds(runs, &got, run->expected[i], message);
        else
            close_enough(&got, run->expected[i], message);
    }
    free_buffers(run, forward);
    free_buffers(run, backward);
}

#if defined(__SANITIZE_ADDRESS__)
#define FLAGS "-O1 -g -fsanitize=address"
#else
#define FLAGS "-O0"
#endif

void gpu_runs_check(const GpuRuns *runs, Arena *arena, Buf *message) {
    char directory[] = "/tmp/nnc_gpu_XXXXXX";
    if (!mkdtemp(directory)) {
        buf_puts(message, "no temporary directory");
        return;
    }
    Buf text = {0};
    print_for_cpu(runs, &text, arena);
    char *source = arena_printf(arena, "%s/k.c", directory);
    char *library = arena_printf(arena, "%s/k.so", directory);
    char *command = arena_printf(arena,
                                 "gcc -std=gnu11 " FLAGS
                                 " -ffp-contract=off -Wall -Wextra -Werror -Wno-unused-function "
                                 "-shared -fPIC%s %s -o %s -lm",
                                 runs->without_units ? " -DMATRIX_UNITS=0" : "", source, library);
    void *handle = NULL;
    if (!file_write(source, text.data, text.size, message) || system(command) != 0)
        buf_printf(message, "%s failed; see %s", command, source);
    else if (!(handle = dlopen(library, RTLD_NOW)))
        buf_printf(message, "%s", dlerror());
    for (size_t i = 0; handle && i < runs->items.count && message->size == 0; i++) {
        int (*function)(void *const *, int);
        *(void **)&function = dlsym(handle, arena_printf(arena, "run_%zu", i));
        check_run(runs, &runs->items.items[i], function, arena, message);
        if (message->size)
            buf_printf(message, " (kernel %s_%zu, %s; see %s)", runs->items.items[i].kernel->name,
                       i, runs->items.items[i].kernel->schedule, source);
    }
    if (handle) dlclose(handle);
    if (message->size == 0) {
        unlink(source);
        unlink(library);
        rmdir(directory);
    }
    buf_free(&text);
}

/* The text is the same whatever nnc was built as. */
#if defined(NNC_NVRTC) && !defined(__SANITIZE_ADDRESS__)
/* The few functions of NVRTC that are needed, so that its header is not. */
typedef struct Nvrtc {
    int (*create)(void **program, const char *source, const char *name, int headers,
                  const char *const *texts, const char *const *names);
    int (*compile)(void *program, int options, const char *const *option);
    int (*log_size)(void *program, size_t *size);
    int (*log)(void *program, char *text);
    int (*destroy)(void **program);
} Nvrtc;

bool nvrtc_check(const Buf *source, const char *arch, bool strict, Buf *message) {
    void *library = dlopen(NNC_NVRTC, RTLD_NOW);
    if (!library) return false;
    Nvrtc nvrtc;
    *(void **)&nvrtc.create = dlsym(library, "nvrtcCreateProgram");
    *(void **)&nvrtc.compile = dlsym(library, "nvrtcCompileProgram");
    *(void **)&nvrtc.log_size = dlsym(library, "nvrtcGetProgramLogSize");
    *(void **)&nvrtc.log = dlsym(library, "nvrtcGetProgramLog");
    *(void **)&nvrtc.destroy = dlsym(library, "nvrtcDestroyProgram");
    Buf option = {0};
    buf_printf(&option, "--gpu-architecture=%s", arch);
    const char *options[] = {buf_text(&option), "--fmad=false", "--minimal",
                             "--ptxas-options=--warn-on-spills",
                             "--ptxas-options=--warn-on-local-memory-usage"};
    void *program;
    size_t size = 0;
    if (nvrtc.create(&program, buf_text(source), "kernels.cu", 0, NULL, NULL) != 0) {
        buf_puts(message, "nvrtcCreateProgram failed");
        return true;
    }
    int count = (int)(sizeof options / sizeof *options) - (strict ? 0 : 2);
    bool ok = nvrtc.compile(program, count, options) == 0;
    nvrtc.log_size(program, &size);
    char *log = xcalloc(size + 1, 1);
    nvrtc.log(program, log);
    if (!ok || log[0] != '\0') buf_printf(message, "%s: %s", arch, log);
    free(log);
    nvrtc.destroy(&program);
    buf_free(&option);
    return true;
}
#else
bool nvrtc_check(const Buf *source, const char *arch, bool strict, Buf *message) {
    (void)source, (void)arch, (void)strict, (void)message;
    return false;
}
#endif
