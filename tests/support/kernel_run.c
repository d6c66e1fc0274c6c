#include "tests/support/kernel_run.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/c/print.h"
#include "codegen/jit/jit.h"
#include "codegen/lower.h"
#include "support/checked.h"

static void *new_buffer(Arena *arena, size_t bytes) {
    uintptr_t at = (uintptr_t)arena_alloc(arena, bytes + 128);
    return (void *)((at + 63) & ~(uintptr_t)63);
}

static bool is_parameter(const KBuf *buf) {
    return buf->role != KBUF_LOCAL && buf->role != KBUF_TABLE;
}

/* Whether machine code of that width, where this processor has it, gives the same bits from the
 * same memory as the interpreter gave in `after`. */
static bool same_in_code(const Kernel *kernel, int width, char *const *before, void *const *after,
                         const size_t *bytes, int count, bool good, Arena *arena) {
    KProgram *program = kernel_decode(kernel, arena);
    JitCode *code = jit_translate(&program, 1, width);
    void *buffers[512];
    for (int i = 0; i < count; i++) {
        buffers[i] = new_buffer(arena, bytes[i]);
        memcpy(buffers[i], before[i], bytes[i]);
    }
    bool same = kernel_run(program, buffers) == good;
    for (int i = 0; i < count && good; i++)
        same = same && memcmp(buffers[i], after[i], bytes[i]) == 0;
    jit_free(code);
    return same;
}

bool kernel_run_both(const Kernel *kernel, void *const *buffers, Arena *arena) {
    char *before[512];
    size_t bytes[512];
    int count = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (!is_parameter(buf)) continue;
        bytes[count] = (size_t)buf->count * dtype_size(buf->dtype);
        before[count] = new_buffer(arena, bytes[count]);
        memcpy(before[count], buffers[count], bytes[count]);
        count++;
    }
    bool good = kernel_run(kernel_decode(kernel, arena), buffers);
    for (int width = 32; width <= 64; width += 32) {
        if (same_in_code(kernel, width, before, buffers, bytes, count, good, arena)) continue;
        Buf text = {0};
        kernel_dump(&text, kernel);
        NNC_BUG("machine code (%d bytes) differs from the interpreter for\n%s", width,
                buf_text(&text));
    }
    return good;
}

/* The memory of a node's value: an iota or a constant is written when it is first asked for. */
static void *node_buffer(const Node *node, void **values, Arena *arena) {
    if (values[node->id]) return values[node->id];
    void *at = values[node->id] = new_buffer(arena, type_bytes(&node->type));
    if (node->op == OP_const)
        memcpy(at, node_attr(node, ATTR_data)->data.bytes, type_bytes(&node->type));
    return at;
}

bool kernel_run_fusion(const Fusion *fusion, const Target *target, const Tensor64 *inputs,
                       Tensor64 *outputs, Arena *arena, KernelRuns *runs) {
    const Graph *graph = fusion->graph;
    void **values = ARENA_ARRAY(arena, void *, graph->nodes.count + 1);
    for (size_t i = 0; i < graph->inputs.count; i++)
        tensor64_to_bytes(&inputs[i], node_buffer(graph->inputs.items[i].node, values, arena));
    LowerContext context = {.arena = arena};
    for (int g = 0; g < fusion->group_count; g++) {
        Kernel *kernel = lower_group(fusion->groups[g], target, &context);
        size_t count = kernel->buffers.count;
        KernelRun run = {kernel, ARENA_ARRAY(arena, void *, count + 1),
                         ARENA_ARRAY(arena, size_t, count + 1), false};
        int parameters = 0;
        for (size_t i = 0; i < count; i++) {
            const KBuf *buf = kernel->buffers.items[i];
            if (!is_parameter(buf)) continue;
            size_t bytes = (size_t)buf->count * dtype_size(buf->dtype);
            char *at = buf->node ? node_buffer(buf->node, values, arena) : new_buffer(arena, bytes);
            run.bytes[parameters] = bytes;
            run.buffers[parameters++] = at + (size_t)buf->base * dtype_size(buf->dtype);
        }
        run.fault = !kernel_run_both(kernel, run.buffers, arena);
        if (runs) VEC_PUSH(*runs, run);
        if (run.fault) return false;
    }
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const Node *node = graph->outputs.items[i].value;
        outputs[i] = tensor64_from_bytes(arena, node->type, node_buffer(node, values, arena));
    }
    return true;
}

/* int run_N(void *const *p) { return kernel_name((const float *)p[0], ...); } */
static void print_wrapper(Emitter *e, const Kernel *kernel, size_t number) {
    emit_line(e, "int run_%zu(void *const *p);", number);
    emit_line(e, "int run_%zu(void *const *p) {", number);
    emit_line(e, "(void)p;");
    emit_text(e, "%s%s_%zu(", kernel->faults ? "return " : "", kernel->name, number);
    int parameter = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (!is_parameter(buf)) continue;
        emit_text(e, "%s(%s%s *)p[%d]", parameter ? ", " : "", buf->role == KBUF_IN ? "const " : "",
                  dtype_c_type(buf->dtype), parameter);
        parameter++;
    }
    emit_line(e, ");");
    if (!kernel->faults) emit_line(e, "return 0;");
    emit_line(e, "}");
}

static void print_file(Buf *out, const KernelRuns *runs, Arena *arena) {
    Emitter e = {.out = out};
    Uses *uses = uses_new(arena);
    Kernel *kernels = ARENA_ARRAY(arena, Kernel, runs->count + 1);
    Buf scratch = {0};
    for (size_t i = 0; i < runs->count; i++) {
        kernels[i] = *runs->items[i].kernel;
        kernels[i].text = print_kernel_text(&kernels[i], NULL, uses, &scratch, arena);
    }
    buf_free(&scratch);
    emit_line(&e, "#include <math.h>\n#include <stdint.h>\n#include <string.h>");
    print_prelude(&e, uses);
    for (size_t i = 0; i < runs->count; i++) {
        print_kernel(&e, &kernels[i], arena_printf(arena, "_%zu", i));
        print_wrapper(&e, &kernels[i], i);
    }
}

/* Outputs and scratch start from zero, as they did in the interpreter. */
static bool same_results(const KernelRun *run, int (*function)(void *const *), Arena *arena) {
    const Kernel *kernel = run->kernel;
    void **buffers = ARENA_ARRAY(arena, void *, kernel->buffers.count + 1);
    int parameter = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (!is_parameter(buf)) continue;
        buffers[parameter] = new_buffer(arena, run->bytes[parameter]);
        if (buf->role == KBUF_IN)
            memcpy(buffers[parameter], run->buffers[parameter], run->bytes[parameter]);
        parameter++;
    }
    bool fault = function(buffers) != 0;
    if (fault != run->fault) return false;
    parameter = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (!is_parameter(buf)) continue;
        if (buf->role == KBUF_OUT && !fault &&
            memcmp(buffers[parameter], run->buffers[parameter], run->bytes[parameter]) != 0)
            return false;
        parameter++;
    }
    return true;
}

static bool write_file(const char *path, const Buf *text) {
    FILE *file = fopen(path, "w");
    if (!file) return false;
    bool ok = fwrite(text->data, 1, text->size, file) == text->size;
    return fclose(file) == 0 && ok;
}

void kernel_runs_compare(const KernelRuns *runs, const char *compiler, Arena *arena, Buf *message) {
    char directory[] = "/tmp/nnc_kernels_XXXXXX";
    if (!mkdtemp(directory)) {
        buf_puts(message, "no temporary directory");
        return;
    }
    Buf text = {0};
    print_file(&text, runs, arena);
    char *source = arena_printf(arena, "%s/k.c", directory);
    char *library = arena_printf(arena, "%s/k.so", directory);
#define X(name, function, operands) " -fno-builtin-" #function " -fno-builtin-" #function "f"
    char *command = arena_printf(
        arena,
        "%s -std=c11 -Wall -Wextra -Wpedantic -Werror -shared -fPIC" K_LIBM_LIST(X) " %s -o %s -lm",
        compiler, source, library);
#undef X
    void *handle = NULL;
    if (!write_file(source, &text) || system(command) != 0)
        buf_printf(message, "%s failed; see %s", command, source);
    else if (!(handle = dlopen(library, RTLD_NOW)))
        buf_printf(message, "%s", dlerror());
    for (size_t i = 0; handle && i < runs->count; i++) {
        int (*function)(void *const *);
        *(void **)&function = dlsym(handle, arena_printf(arena, "run_%zu", i));
        if (same_results(&runs->items[i], function, arena)) continue;
        buf_printf(message, "kernel %s_%zu differs; see %s", runs->items[i].kernel->name, i,
                   source);
        break;
    }
    if (handle) dlclose(handle);
    if (message->size == 0) {
        unlink(source);
        unlink(library);
        rmdir(directory);
    }
    buf_free(&text);
}
