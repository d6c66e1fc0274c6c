/* A graph that runs now: planned like any function of a program, executed by its kernels as machine
 * code (jit/) or by the kernel interpreter, until executable_compile() provides what a compiler
 * makes of the same kernels. */
#include <stdlib.h>
#include <string.h>

#include "codegen/executable_internal.h"
#include "passes/pass.h"
#include "support/checked.h"

#ifdef NDEBUG
enum { VERIFY_PASSES = false };
#else
enum { VERIFY_PASSES = true };
#endif

Executable *executable_new(const Graph *graph, const CodegenOptions *options, Buf *error) {
    const Target *target = target_for(options->vector, options->precision);
    if (!target) {
        buf_printf(error, "unknown vector unit '%s'", options->vector);
        return NULL;
    }
    /* A process that runs other programs doesn't ask for a matrix unit. */
    target = target_least(target, options->precision == PRECISION_MEDIUM, false);
    Executable *executable = xcalloc(1, sizeof *executable);
    PassContext context = {.arena = &executable->arena,
                           .verify = VERIFY_PASSES,
                           .dump = options->dump,
                           .dump_out = options->dump_out};
    executable->graph = passes_run(graph, options->level, options->passes, &context);
    executable->plan =
        plan_graph(fuse(executable->graph, &executable->arena), target,
                   (PlanOptions){.precision = options->precision}, NULL, &executable->arena);
    size_t size;
    NNC_CHECK(add_size(executable->plan->run.arena_bytes, PLAN_ALIGNMENT, &size),
              "arena too large");
    executable->block = xmalloc(size);
    executable->memory =
        executable->block + (PLAN_ALIGNMENT - (uintptr_t)executable->block % PLAN_ALIGNMENT);
    return executable;
}

/* Twins share a program. */
static void decode_kernels(Executable *executable) {
    const PlanSteps *steps = &executable->plan->run;
    Arena *arena = &executable->arena;
    size_t count = (size_t)steps->count;
    executable->programs = ARENA_ARRAY(arena, KProgram *, count);
    const Kernel **codes = ARENA_ARRAY(arena, const Kernel *, count);
    KProgram **decoded = ARENA_ARRAY(arena, KProgram *, count);
    int known = 0;
    for (int s = 0; s < steps->count; s++) {
        if (!steps->items[s].kernel) continue;
        const Kernel *code = kernel_code(steps->items[s].kernel);
        int i = 0;
        while (i < known && codes[i] != code)
            i++;
        if (i == known) {
            codes[known] = code;
            decoded[known++] = kernel_decode(code, arena);
        }
        executable->programs[s] = decoded[i];
    }
    executable->translation = jit_translate(decoded, known, 0);
}

static void *place_address(const Executable *executable, const Place *place,
                           const void *const *inputs, void *const *outputs) {
    /* Kernels take all their buffers as void *; those that they only read stay as they are. */
    union {
        const void *read;
        void *write;
    } address = {.write = NULL};
    switch (place->kind) {
    case PLACE_INPUT:
        address.read = inputs[place->index];
        break;
    case PLACE_OUTPUT:
        address.write = outputs[place->index];
        break;
    case PLACE_CONST:
        address.read = node_attr(place->node, ATTR_data)->data.bytes;
        break;
    case PLACE_ARENA:
        address.write = executable->memory + place->offset;
        break;
    case PLACE_PREPARED:
        NNC_BUG("an executable prepares nothing");
    }
    return (unsigned char *)address.write + place->skip;
}

enum { MAX_ARGUMENTS = 512 };

/* Runs the steps in the first tier; the number of the one that faulted, or 0. */
static int run_steps(Executable *executable, const void *const *inputs, void *const *outputs) {
    const PlanSteps *steps = &executable->plan->run;
    void *arguments[MAX_ARGUMENTS];
    if (!executable->programs) decode_kernels(executable);
    for (int s = 0; s < steps->count; s++) {
        const PlanStep *step = &steps->items[s];
        NNC_CHECK(step->argument_count <= MAX_ARGUMENTS, "a kernel of %d parameters",
                  step->argument_count);
        for (int i = 0; i < step->argument_count; i++) {
            arguments[i] = place_address(executable, &step->arguments[i], inputs, outputs);
        }
        if (!step->kernel) {
            size_t bytes = step->arguments[0].bytes;
            if (bytes) memmove(arguments[1], arguments[0], bytes);
        } else if (!kernel_run(executable->programs[s], arguments)) {
            return s + 1;
        }
    }
    return 0;
}

bool executable_run(Executable *executable, const void *const *inputs, void *const *outputs,
                    Buf *error) {
    int fault = executable->entry
                    ? executable->entry(inputs, outputs, executable->memory, executable->constants)
                    : run_steps(executable, inputs, outputs);
    if (fault == 0) return true;
    const Kernel *kernel = executable->plan->run.items[fault - 1].kernel;
    if (kernel->divides)
        buf_puts(error, "ZeroDivisionError");
    else
        buf_printf(error, "index out of range in %s", kernel->name);
    executable->fault = kernel->span;
    return false;
}

Span executable_fault(const Executable *executable) {
    return executable->fault;
}

bool executable_is_compiled(const Executable *executable) {
    return executable->entry != NULL;
}

bool executable_is_translated(const Executable *executable) {
    return executable->translation != NULL;
}

double executable_flops(const Executable *executable) {
    return executable->plan->flops;
}

void executable_free(Executable *executable) {
    if (!executable) return;
    executable_unload(executable);
    jit_free(executable->translation);
    graph_free(executable->graph);
    free(executable->block);
    arena_free(&executable->arena);
    free(executable);
}
