/* The source for GPUs: kernels, then the host part that launches them. As CUDA C++ it holds their
 * text, for nvcc; as C their binaries, which NVRTC makes here.
 *
 * Kernels are given pointers alone, so a function's body is what it is in C, its calls launches:
 * the structs of weights, arguments and results lie in the device's memory as they would in the
 * caller's, and the host only ever takes addresses of their fields. All that is not the caller's is
 * one struct, PREFIXMemory, and what the host keeps for it another, PREFIXSlots. Each function
 * stands there three times: _launch puts the work into a stream, _device has that captured as a
 * graph, and the public one moves arguments and results, too, and waits. The words that both
 * languages have for it are the runtime's (runtime/cuda.h). */
#include <string.h>

#include "codegen/cuda/binary.h"
#include "codegen/cuda/cuda.h"
#include "codegen/module.h"
#include "codegen/runtime_text.h"

/* What stands in the device's memory and, to be moved, in the host's. */
static void print_values(Emitter *e, const Module *module) {
    if (module->in.count) emit_line(e, "_Alignas(64) %s in;", module->in.type_name);
    if (module->out.count) emit_line(e, "_Alignas(64) %s out;", module->out.type_name);
    if (module_first(module, FUNCTION_TRAIN_STEP)) {
        if (module->in.count) emit_line(e, "_Alignas(64) %s train_in;", module->train_in.type_name);
        if (module->target.count) emit_line(e, "_Alignas(64) %s target;", module->target.type_name);
    }
    for (size_t i = 0; i < module->program->hypers.count; i++)
        emit_line(e, "_Alignas(8) %s hyper_%zu;", dtype_c_type(module->hypers[i].type.dtype), i);
    for (int i = 0; i < module->results.count; i++) {
        const Type *type = &module->results.fields[i].type;
        emit_line(e, "_Alignas(8) %s result_%d[%lld];", dtype_c_type(type->dtype), i,
                  (long long)(type_numel(type) ? type_numel(type) : 1));
    }
    emit_line(e, "_Alignas(8) int fault; /* 1: an index from data was out of range */");
}

/* A function has two graphs: one that moves arguments and results, and one that doesn't. */
static int graph_number(const Module *module, const ModuleFunction *function, bool moves) {
    return 2 * (int)(function - module->functions) + moves;
}

static void print_memory(Emitter *e, const Module *module) {
    const FileParts *parts = &module->parts;
    const char *type = module->type_prefix;
    emit_newline(e);
    emit_comment(e, "All of the device's memory that the network needs but for its weights.");
    emit_line(e, "typedef struct %sMemory {", type);
    emit_line(e, "_Alignas(64) unsigned char arena[%zu];",
              module->arena_bytes ? module->arena_bytes : PLAN_ALIGNMENT);
    if (module->prepared_bytes)
        emit_line(e, "_Alignas(64) unsigned char prepared[%zu];", module->prepared_bytes);
    print_values(e, module);
    for (size_t i = 0; i < parts->constants.count; i++) {
        const Type *constant = &parts->constants.items[i].type;
        emit_line(e, "_Alignas(64) %s constant_%zu[%lld];", dtype_c_type(constant->dtype), i,
                  (long long)(type_numel(constant) ? type_numel(constant) : 1));
    }
    emit_line(e, "} %sMemory;", type);
    emit_newline(e);
    emit_comment(e, "Of the host's memory: through which arguments and results go.");
    emit_line(e, "typedef struct %sSlots {", type);
    emit_line(e, "NnGraph graphs[%d];", 2 * module->function_count);
    print_values(e, module);
    emit_line(e, "} %sSlots;", type);
}

static void print_notes(Emitter *e, const Module *module) {
    const char *prefix = module->prefix, *type = module->type_prefix;
    emit_newline(e);
    emit_comment(e, "After the fault was copied.");
    emit_line(e, "static int nn_outcome(%sContext *ctx, NnStream stream) {", type);
    emit_line(e, "nn_enter(ctx->cuda);");
    emit_line(e, "int status = nn_wait(ctx->cuda, stream), fault = ctx->slots->fault;");
    emit_line(e, "if (!status && fault) "
                 "status = nn_zero(ctx->cuda, &ctx->memory->fault, sizeof fault, stream);");
    emit_line(e, "nn_leave(ctx->cuda);");
    emit_line(e, "return status ? status : fault;");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "int %s_wait(%sContext *ctx, NnStream stream) {", prefix, type);
    emit_line(e, "int *to = &ctx->slots->fault;");
    emit_line(e, "nn_enter(ctx->cuda);");
    emit_line(e, "nn_copy(ctx->cuda, to, &ctx->memory->fault, sizeof *to, stream);");
    emit_line(e, "nn_leave(ctx->cuda);");
    emit_line(e, "return nn_outcome(ctx, stream);");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "const char *%s_error(const %sContext *ctx) {", prefix, type);
    emit_line(e, "return nn_cuda_error(ctx->cuda);");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "void *%s_alloc(%sContext *ctx, size_t bytes) {", prefix, type);
    emit_line(e, "return nn_take(ctx->cuda, bytes);");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "void %s_free(%sContext *ctx, void *memory) {", prefix, type);
    emit_line(e, "nn_give(ctx->cuda, memory);");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e,
              "int %s_copy(%sContext *ctx, void *to, const void *from, size_t bytes, "
              "NnStream stream) {",
              prefix, type);
    emit_line(e, "nn_enter(ctx->cuda);");
    emit_line(e, "nn_copy(ctx->cuda, to, from, bytes, stream);");
    emit_line(e, "int status = nn_wait(ctx->cuda, stream);");
    emit_line(e, "nn_leave(ctx->cuda);");
    emit_line(e, "return status;");
    emit_line(e, "}");
}

/* One of the kernels that are launched. */
static const Kernel *some_kernel(const Module *module) {
    for (size_t i = 0; i < module->parts.kernels.count; i++)
        if (module->parts.kernels.items[i]->blocks) return module->parts.kernels.items[i];
    return NULL;
}

static void print_open(Emitter *e, const Module *module) {
    const char *type = module->type_prefix;
    const Kernel *kernel = some_kernel(module);
    const char *kernels = "&nn_code";
    if (!module->options->devices)
        kernels = kernel ? arena_printf(module->arena, "(const void *)%s", kernel->name) : "NULL";
    emit_newline(e);
    emit_line(e, "int %s_open(%sContext *ctx, char *error, size_t error_size) {", module->prefix,
              type);
    emit_line(e, "NnCudaMemory of;");
    emit_line(e, "memset(ctx, 0, sizeof *ctx);");
    emit_line(e,
              "if (nn_cuda_open(&of, %s, sizeof(%sMemory), sizeof(%sSlots), error, error_size)) "
              "return 2;",
              kernels, type, type);
    emit_line(e, "ctx->cuda = of.cuda;");
    emit_line(e, "ctx->memory = (%sMemory *)of.device;", type);
    emit_line(e, "ctx->slots = (%sSlots *)of.slots;", type);
    emit_line(e, "nn_enter(ctx->cuda);");
    emit_line(e, "nn_zero(ctx->cuda, &ctx->memory->fault, sizeof ctx->memory->fault, NULL);");
    for (size_t i = 0; i < module->parts.constants.count; i++)
        emit_line(e,
                  "nn_copy(ctx->cuda, ctx->memory->constant_%zu, constant_%zu, "
                  "sizeof constant_%zu, NULL);",
                  i, i, i);
    emit_comment(e, "Streams of the caller's need not wait for this one.");
    emit_line(e, "int status = nn_wait(ctx->cuda, NULL);");
    emit_line(e, "nn_leave(ctx->cuda);");
    emit_line(e, "if (!status) return 0;");
    emit_line(e, "if (error) snprintf(error, error_size, \"the device's memory: %%s\", "
                 "nn_cuda_error(ctx->cuda));");
    emit_line(e, "%s_close(ctx);", module->prefix);
    emit_line(e, "return 2;");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "void %s_close(%sContext *ctx) {", module->prefix, type);
    emit_line(e, "if (!ctx->cuda) return;");
    emit_line(e, "NnCudaMemory of = {ctx->cuda, ctx->memory, ctx->slots};");
    emit_line(e, "nn_cuda_close(&of, ctx->slots->graphs, %d);", 2 * module->function_count);
    emit_line(e, "memset(ctx, 0, sizeof *ctx);");
    emit_line(e, "}");
}

/* Declares what the text is about of the context. */
static void print_context_variables(Emitter *e, const Module *module, const Buf *steps) {
    const char *text = buf_text(steps);
    if (module_has_word(text, "memory"))
        emit_line(e, "%sMemory *memory = ctx->memory;", module->type_prefix);
    if (module_has_word(text, "slots"))
        emit_line(e, "%sSlots *slots = ctx->slots;", module->type_prefix);
    if (module_has_word(text, "params"))
        emit_line(e, "const %sParams *params = ctx->params;", module->type_prefix);
}

static size_t hyper_count(const Module *module, const ModuleFunction *function) {
    return function->kind == FUNCTION_TRAIN_STEP ? module->program->hypers.count : 0;
}

/* The static function that launches. */
static void print_launches(Emitter *e, Module *module, const ModuleFunction *function) {
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    FilePlaces places = module_places(module, function, 0);
    file_print_steps(&inner, &function->plans[0]->run, &places, NULL);
    ModuleFunction launches = *function;
    launches.name = arena_printf(module->arena, "%s_launch", function->name);
    emit_newline(e);
    emit_text(e, "static ");
    module_print_prototype(e, module, &launches, false, " {");
    print_context_variables(e, module, &body);
    for (size_t i = 0; i < hyper_count(module, function); i++)
        emit_line(e, "(void)hyper_%zu; /* it is in the device's memory */", i);
    if (!module_has_word(buf_text(&body), "stream") && !module_has_word(buf_text(&body), "LAUNCH"))
        emit_line(e, "(void)stream;");
    buf_add(e->out, body.data, body.size);
    emit_line(e, "return nn_launched(ctx->cuda);");
    emit_line(e, "}");
    buf_free(&body);
}

/* "lenet_train_step_launch(ctx, train, ...": arguments are the caller's, or those in the device's
 * memory that is the context's. */
static void print_launch_call(Emitter *e, const Module *module, const ModuleFunction *function,
                              bool own) {
    FunctionKind kind = function->kind;
    bool train = kind == FUNCTION_TRAIN_STEP;
    Buf call = {0};
    buf_printf(&call, "%s_%s_launch(ctx", module->prefix, function->name);
    if (kind != FUNCTION_FORWARD) buf_puts(&call, ", train");
    if (module->in.count)
        buf_puts(&call, !own ? ", in" : train ? ", &memory->train_in" : ", &memory->in");
    if (!train && module->out.count)
        buf_puts(&call, own ? ", &memory->out" : kind == FUNCTION_FORWARD ? ", out" : ", grad");
    if (train && module->target.count) buf_puts(&call, own ? ", &memory->target" : ", target");
    for (size_t i = 0; i < hyper_count(module, function); i++)
        buf_printf(&call, ", hyper_%zu", i);
    for (int i = 0; train && i < module->results.count; i++)
        buf_printf(&call, own ? ", memory->result_%d" : ", result_%d", i);
    buf_puts(&call, ", run.into);");
    file_print_wrapped(e, buf_text(&call));
    buf_free(&call);
}

/* Pointers on which the graph depends: where weights are, and what is the caller's. */
static void print_begin(Emitter *e, const Module *module, const ModuleFunction *function,
                        bool own) {
    FunctionKind kind = function->kind;
    bool train = kind == FUNCTION_TRAIN_STEP;
    Buf keys = {0};
    if (kind != FUNCTION_FORWARD)
        buf_puts(&keys, "train");
    else
        buf_puts(&keys, module_has_params(module) ? "ctx->params" : "NULL");
    if (!own && module->in.count) buf_puts(&keys, ", in");
    if (!own && !train && module->out.count)
        buf_puts(&keys, kind == FUNCTION_FORWARD ? ", out" : ", grad");
    if (!own && train && module->target.count) buf_puts(&keys, ", target");
    for (int i = 0; !own && train && i < module->results.count; i++)
        buf_printf(&keys, ", result_%d", i);
    emit_line(e, "const void *const keys[] = {%s};", buf_text(&keys));
    emit_line(e,
              "NnRun run = nn_begin(ctx->cuda, &slots->graphs[%d], keys, "
              "(int)(sizeof keys / sizeof *keys), stream);",
              graph_number(module, function, own));
    buf_free(&keys);
}

static void print_device_function(Emitter *e, Module *module, const ModuleFunction *function) {
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    print_begin(&inner, module, function, false);
    /* Scalars of a step come by value, and the graph reads memory. */
    for (size_t i = 0; i < hyper_count(module, function); i++)
        emit_line(&inner,
                  "nn_put(ctx->cuda, &memory->hyper_%zu, &hyper_%zu, sizeof hyper_%zu, stream);", i,
                  i, i);
    emit_text(&inner, "if (run.records) ");
    print_launch_call(&inner, module, function, false);
    ModuleFunction device = *function;
    device.name = arena_printf(module->arena, "%s_device", function->name);
    emit_newline(e);
    module_print_prototype(e, module, &device, false, " {");
    print_context_variables(e, module, &body);
    buf_add(e->out, body.data, body.size);
    emit_line(e, "return nn_end(ctx->cuda, &run);");
    emit_line(e, "}");
    buf_free(&body);
}

static void print_prepare(Emitter *e, Module *module) {
    if (!module_first(module, FUNCTION_FORWARD) || !module_has_params(module)) return;
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    for (int i = 0; i < module->function_count; i++) {
        const ModuleFunction *function = &module->functions[i];
        if (function->kind != FUNCTION_FORWARD) continue;
        FilePlaces places = module_places(module, function, 0);
        file_print_steps(&inner, &function->plans[0]->prepare, &places, NULL);
    }
    emit_newline(e);
    emit_line(e, "int %s_prepare(%sContext *ctx, const %sParams *params, NnStream stream) {",
              module->prefix, module->type_prefix, module->type_prefix);
    if (module_has_word(buf_text(&body), "memory"))
        emit_line(e, "%sMemory *memory = ctx->memory;", module->type_prefix);
    else
        emit_line(e, "(void)stream;");
    emit_line(e, "ctx->params = params;");
    emit_line(e, "nn_enter(ctx->cuda);");
    buf_add(e->out, body.data, body.size);
    emit_line(e, "int status = nn_launched(ctx->cuda);");
    emit_line(e, "nn_leave(ctx->cuda);");
    emit_line(e, "return status;");
    emit_line(e, "}");
    buf_free(&body);
}

/* Whose memory a field is moved between. */
typedef enum Move { MOVE_IN, MOVE_SEND, MOVE_FETCH, MOVE_OUT } Move;

/* The caller's field to its slot, the slot to the device, and back. `at` is the slot's struct,
 * `name` the caller's pointer. */
static void print_move(Emitter *e, Move move, const char *at, const char *name, const char *field,
                       const Type *type) {
    size_t bytes = type_bytes(type);
    if (bytes == 0) return;
    Buf line = {0};
    if (move == MOVE_IN)
        buf_printf(&line, "memcpy(&slots->%s.%s, &%s->%s, %zu);", at, field, name, field, bytes);
    if (move == MOVE_OUT)
        buf_printf(&line, "memcpy(&%s->%s, &slots->%s.%s, %zu);", name, field, at, field, bytes);
    if (move == MOVE_SEND || move == MOVE_FETCH) {
        bool send = move == MOVE_SEND;
        buf_printf(&line, "nn_copy(ctx->cuda, &%s->%s.%s, &%s->%s.%s, %zu, run.into);",
                   send ? "memory" : "slots", at, field, send ? "slots" : "memory", at, field,
                   bytes);
    }
    file_print_wrapped(e, buf_text(&line));
    buf_free(&line);
}

/* The arguments that the function reads: as many bytes as it does. */
static void move_arguments(Emitter *e, const Module *module, const ModuleFunction *function,
                           Move move) {
    bool train = function->kind == FUNCTION_TRAIN_STEP;
    int inputs = module->in.count;
    for (size_t i = 0; i < function->traced->inputs.count; i++) {
        const GraphInput *input = &function->traced->inputs.items[i];
        if (input->role != ROLE_DATA) continue;
        int slot = input->slot;
        const Type *type = &input->node->type;
        if (slot < inputs)
            print_move(e, move, train ? "train_in" : "in", "in", module->in.fields[slot].ident,
                       type);
        else if (train)
            print_move(e, move, "target", "target", module->target.fields[slot - inputs].ident,
                       type);
        else
            print_move(e, move, "out", "grad", module->out.fields[slot - inputs].ident, type);
    }
    for (size_t i = 0; i < hyper_count(module, function); i++) {
        if (move == MOVE_IN)
            emit_line(e, "slots->hyper_%zu = hyper_%zu;", i, i);
        else
            emit_line(e,
                      "nn_copy(ctx->cuda, &memory->hyper_%zu, &slots->hyper_%zu, sizeof hyper_%zu, "
                      "run.into);",
                      i, i, i);
    }
}

static void move_results(Emitter *e, const Module *module, const ModuleFunction *function,
                         Move move) {
    const Graph *graph = function->traced;
    int result = 0;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const Type *type = &graph->outputs.items[i].value->type;
        if (graph->outputs.items[i].role != OUT_RESULT) continue;
        if (function->kind == FUNCTION_FORWARD)
            print_move(e, move, "out", "out", module->out.fields[result].ident, type);
        bool train = function->kind == FUNCTION_TRAIN_STEP && type_bytes(type) > 0;
        if (train && move == MOVE_OUT)
            emit_line(e, "memcpy(result_%d, slots->result_%d, %zu);", result, result,
                      type_bytes(type));
        if (train && move == MOVE_FETCH)
            emit_line(e, "nn_copy(ctx->cuda, slots->result_%d, memory->result_%d, %zu, run.into);",
                      result, result, type_bytes(type));
        result++;
    }
}

static void print_host_function(Emitter *e, const Module *module, const ModuleFunction *function) {
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    move_arguments(&inner, module, function, MOVE_IN);
    print_begin(&inner, module, function, true);
    emit_line(&inner, "if (run.records) {");
    move_arguments(&inner, module, function, MOVE_SEND);
    print_launch_call(&inner, module, function, true);
    move_results(&inner, module, function, MOVE_FETCH);
    emit_line(&inner, "nn_copy(ctx->cuda, &slots->fault, &memory->fault, sizeof slots->fault, "
                      "run.into);");
    emit_line(&inner, "}");
    emit_line(&inner, "int status = nn_end(ctx->cuda, &run);");
    emit_line(&inner, "if (!status) status = nn_outcome(ctx, stream);");
    emit_line(&inner, "if (status == 2) return status;");
    move_results(&inner, module, function, MOVE_OUT);
    emit_newline(e);
    module_print_prototype(e, module, function, false, " {");
    print_context_variables(e, module, &body);
    buf_add(e->out, body.data, body.size);
    emit_line(e, "return status;");
    emit_line(e, "}");
    buf_free(&body);
}

static void print_zero_grad(Emitter *e, const Module *module) {
    if (!module_first(module, FUNCTION_BACKWARD)) return;
    emit_newline(e);
    emit_line(e, "int %s_zero_grad(%sContext *ctx, %sTrain *train, NnStream stream) {",
              module->prefix, module->type_prefix, module->type_prefix);
    emit_line(e, "nn_enter(ctx->cuda);");
    if (module->grads.count)
        emit_line(e, "nn_zero(ctx->cuda, &train->grads, sizeof train->grads, stream);");
    else
        emit_line(e, "(void)train, (void)stream;");
    emit_line(e, "nn_leave(ctx->cuda);");
    emit_line(e, "return nn_status(ctx->cuda) ? 2 : 0;");
    emit_line(e, "}");
}

/* Of CUDA C++: all kernels, and what gives the host part's words their meaning. */
static void print_cplusplus(Emitter *e, const Module *module) {
    const FileParts *parts = &module->parts;
    emit_line(e, "#include <cuda_runtime.h>");
    emit_line(e, "#include <math.h>");
    emit_line(e, "#include <stdint.h>");
    emit_line(e, "#include <stdio.h>");
    emit_line(e, "#include <string.h>");
    emit_newline(e);
    emit_comment(e, "What the CPU runs is C.");
    emit_line(e, "#define restrict __restrict__");
    emit_line(e, "#define _Alignas(bytes) __attribute__((aligned(bytes)))");
    print_cuda_file_prelude(e, parts->uses);
    for (size_t i = 0; i < parts->kernels.count; i++) {
        emit_newline(e);
        if (parts->kernels.items[i]->blocks)
            print_cuda_kernel(e, parts->kernels.items[i], "");
        else
            print_kernel(e, parts->kernels.items[i], "");
    }
    emit_newline(e);
    runtime_print(e, "cuda_runtime");
    emit_line(e, "#undef NN_API");
}

/* Of C: what the CPU runs, the device's kernels as they were compiled, and the driver. */
static bool print_c(Emitter *e, const Module *module, Buf *error) {
    emit_line(e, "#include <math.h>");
    emit_line(e, "#include <stdio.h>");
    emit_line(e, "#include <string.h>");
    emit_newline(e);
    runtime_print(e, "cuda_driver");
    emit_line(e, "#undef NN_API");
    emit_newline(e);
    emit_line(e, "#define LAUNCH(kernel, blocks, threads, ...) \\");
    emit_text(e, "    nn_launch(ctx->cuda, kernel, blocks, threads, "
                 "(const void *const[]){__VA_ARGS__}, \\\n"
                 "              sizeof((const void *const[]){__VA_ARGS__}), stream)\n");
    file_print_kernels(e, &module->parts);
    return print_cuda_binary(e, &module->parts, module->options->devices, error);
}

bool module_print_cuda(Emitter *e, Module *module, Buf *error) {
    /* The functions say which kernels and constants there are, so they are printed first. */
    Buf functions = {0};
    Emitter inner = {.out = &functions};
    print_prepare(&inner, module);
    for (int i = 0; i < module->function_count; i++) {
        if (module->functions[i].kind == FUNCTION_INIT) continue;
        print_launches(&inner, module, &module->functions[i]);
        print_device_function(&inner, module, &module->functions[i]);
        print_host_function(&inner, module, &module->functions[i]);
    }
    print_zero_grad(&inner, module);
    module_print_host_functions(&inner, module);
    module_print_comment(e, module, true);
    if (module->options->devices) {
        emit_line(e, "#ifndef _POSIX_C_SOURCE");
        emit_line(e, "#define _POSIX_C_SOURCE 200809L");
        emit_line(e, "#endif");
    }
    emit_text(e, "#include \"%s\"\n\n", module->header);
    bool good = true;
    if (module->options->devices)
        good = print_c(e, module, error);
    else
        print_cplusplus(e, module);
    file_print_constants(e, &module->parts);
    print_memory(e, module);
    print_notes(e, module);
    print_open(e, module);
    buf_add(e->out, functions.data, functions.size);
    buf_free(&functions);
    return good;
}
