/* The CUDA source file: kernels, then the host part that launches them.
 *
 * Kernels are given pointers alone, so a function's body is what it is in C, its calls launches:
 * the structs of weights, arguments and results lie in the device's memory as they would in the
 * caller's, and the host only ever takes addresses of their fields. All that is not the caller's is
 * one struct, PREFIXMemory. Each function stands there twice: _device puts the work into the
 * stream, the other one moves arguments and results, too, and waits. */
#include <string.h>

#include "codegen/cuda/cuda.h"
#include "codegen/module.h"

static void print_memory(Emitter *e, const Module *module) {
    const FileParts *parts = &module->parts;
    emit_newline(e);
    emit_comment(e, "All of the device's memory that the network needs but for its weights.");
    emit_line(e, "struct %sMemory {", module->type_prefix);
    emit_line(e, "alignas(64) unsigned char arena[%zu];",
              module->arena_bytes ? module->arena_bytes : PLAN_ALIGNMENT);
    if (module->prepared_bytes)
        emit_line(e, "alignas(64) unsigned char prepared[%zu];", module->prepared_bytes);
    if (module->in.count) emit_line(e, "alignas(64) %s in;", module->in.type_name);
    if (module->out.count) emit_line(e, "alignas(64) %s out;", module->out.type_name);
    if (module_first(module, FUNCTION_TRAIN_STEP)) {
        if (module->in.count) emit_line(e, "alignas(64) %s train_in;", module->train_in.type_name);
        if (module->target.count) emit_line(e, "alignas(64) %s target;", module->target.type_name);
    }
    for (size_t i = 0; i < module->program->hypers.count; i++)
        emit_line(e, "%s hyper_%zu;", dtype_c_type(module->hypers[i].type.dtype), i);
    for (int i = 0; i < module->results.count; i++) {
        const Type *type = &module->results.fields[i].type;
        emit_line(e, "%s result_%d[%lld];", dtype_c_type(type->dtype), i,
                  (long long)(type_numel(type) ? type_numel(type) : 1));
    }
    for (size_t i = 0; i < parts->constants.count; i++) {
        const Type *type = &parts->constants.items[i].type;
        emit_line(e, "alignas(64) %s constant_%zu[%lld];", dtype_c_type(type->dtype), i,
                  (long long)(type_numel(type) ? type_numel(type) : 1));
    }
    emit_line(e, "int fault; /* 1: an index from data was out of range */");
    emit_line(e, "};");
}

static void print_notes(Emitter *e, const Module *module) {
    const char *type = module->type_prefix;
    emit_newline(e);
    emit_comment(e, "The first error stays.");
    emit_line(e, "static int nn_note(%sContext *ctx, cudaError_t status) {", type);
    emit_line(e, "if (status != cudaSuccess && !ctx->status) ctx->status = (int)status;");
    emit_line(e, "return ctx->status ? 2 : 0;");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "int %s_wait(%sContext *ctx, cudaStream_t stream) {", module->prefix, type);
    emit_line(e, "int fault = 0, *from = &ctx->memory->fault;");
    emit_line(e, "nn_note(ctx, cudaMemcpyAsync(&fault, from, sizeof fault, "
                 "cudaMemcpyDeviceToHost, stream));");
    emit_line(e, "if (nn_note(ctx, cudaStreamSynchronize(stream))) return 2;");
    emit_line(e, "if (fault) nn_note(ctx, cudaMemsetAsync(from, 0, sizeof fault, stream));");
    emit_line(e, "return fault;");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "const char *%s_error(const %sContext *ctx) {", module->prefix, type);
    emit_line(e, "return cudaGetErrorString((cudaError_t)ctx->status);");
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
    emit_newline(e);
    emit_line(e, "static int nn_fail(char *error, size_t size, const char *what, int status) {");
    emit_line(e, "const char *why = cudaGetErrorString((cudaError_t)status);");
    emit_line(e, "if (error) snprintf(error, size, \"%%s: %%s\", what, why);");
    emit_line(e, "cudaGetLastError(); /* it is told, and not to be found again */");
    emit_line(e, "return 2;");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "int %s_open(%sContext *ctx, char *error, size_t error_size) {", module->prefix,
              type);
    emit_line(e, "size_t wanted = sizeof(%sMemory), left = 0, total = 0;", type);
    emit_line(e, "memset(ctx, 0, sizeof *ctx);");
    emit_line(e, "int status = (int)cudaMemGetInfo(&left, &total);");
    emit_line(e, "if (status) return nn_fail(error, error_size, \"no CUDA device\", status);");
    if (kernel) {
        emit_line(e, "cudaFuncAttributes attributes;");
        emit_line(e, "status = (int)cudaFuncGetAttributes(&attributes, (const void *)%s);",
                  kernel->name);
        emit_line(e, "if (status) return nn_fail(error, error_size, "
                     "\"the kernels don't run on this device\", status);");
    }
    emit_line(e, "if (left < wanted) {");
    emit_line(e, "if (error) snprintf(error, error_size, \"%%zu bytes of the device's memory are "
                 "needed, %%zu are free\", wanted, left);");
    emit_line(e, "return 2;");
    emit_line(e, "}");
    emit_line(e, "status = (int)cudaMalloc((void **)&ctx->memory, wanted);");
    emit_line(e, "if (status) return nn_fail(error, error_size, \"no memory\", status);");
    emit_line(e, "nn_note(ctx, cudaMemset(&ctx->memory->fault, 0, sizeof ctx->memory->fault));");
    for (size_t i = 0; i < module->parts.constants.count; i++)
        emit_line(e,
                  "nn_note(ctx, cudaMemcpy(ctx->memory->constant_%zu, constant_%zu, "
                  "sizeof constant_%zu, cudaMemcpyHostToDevice));",
                  i, i, i);
    emit_comment(e, "Streams of the caller's need not wait for this one.");
    emit_line(e, "nn_note(ctx, cudaStreamSynchronize(NULL));");
    emit_line(e, "if (!ctx->status) return 0;");
    emit_line(e, "nn_fail(error, error_size, \"the device's memory\", ctx->status);");
    emit_line(e, "%s_close(ctx);", module->prefix);
    emit_line(e, "return 2;");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "void %s_close(%sContext *ctx) {", module->prefix, type);
    emit_line(e, "cudaFree(ctx->memory);");
    emit_line(e, "ctx->memory = NULL;");
    emit_line(e, "}");
}

/* Declares the device's memory if the text is about it. */
static bool print_memory_variable(Emitter *e, const Module *module, const Buf *steps) {
    bool used = module_has_word(buf_text(steps), "memory");
    if (used) emit_line(e, "%sMemory *memory = ctx->memory;", module->type_prefix);
    return used;
}

/* The steps of some functions, after the declarations of what they use. */
static void print_body(Emitter *e, const Module *module, const Buf *steps) {
    const char *text = buf_text(steps);
    print_memory_variable(e, module, steps);
    if (module_has_word(text, "params"))
        emit_line(e, "const %sParams *params = ctx->params;", module->type_prefix);
    buf_add(e->out, steps->data, steps->size);
    emit_line(e, "return nn_note(ctx, cudaGetLastError());");
    emit_line(e, "}");
}

/* Scalars of a step come by value, and kernels read memory: one writes them there. */
static void print_hypers(Emitter *e, const Module *module) {
    size_t count = module->program->hypers.count;
    if (!module_first(module, FUNCTION_TRAIN_STEP) || count == 0) return;
    emit_newline(e);
    emit_text(e, "KERNEL(1) nn_set_hypers(%sMemory *memory", module->type_prefix);
    for (size_t i = 0; i < count; i++)
        emit_text(e, ", %s hyper_%zu", dtype_c_type(module->hypers[i].type.dtype), i);
    emit_line(e, ") {");
    for (size_t i = 0; i < count; i++)
        emit_line(e, "memory->hyper_%zu = hyper_%zu;", i, i);
    emit_line(e, "}");
}

static void print_device_function(Emitter *e, Module *module, const ModuleFunction *function) {
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    FilePlaces places = module_places(module, function, 0);
    size_t hypers = function->kind == FUNCTION_TRAIN_STEP ? module->program->hypers.count : 0;
    if (hypers > 0) {
        emit_text(&inner, "LAUNCH(nn_set_hypers, 1, 1)(memory");
        for (size_t i = 0; i < hypers; i++)
            emit_text(&inner, ", hyper_%zu", i);
        emit_text(&inner, ");\n");
    }
    file_print_steps(&inner, &function->plans[0]->run, &places, NULL);
    ModuleFunction device = *function;
    device.name = arena_printf(module->arena, "%s_device", function->name);
    emit_newline(e);
    module_print_prototype(e, module, &device, false, " {");
    print_body(e, module, &body);
    buf_free(&body);
}

static void print_prepare(Emitter *e, Module *module) {
    if (!module_first(module, FUNCTION_FORWARD) || !module_has_params(module)) return;
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    emit_line(&inner, "ctx->params = params;");
    for (int i = 0; i < module->function_count; i++) {
        const ModuleFunction *function = &module->functions[i];
        if (function->kind != FUNCTION_FORWARD) continue;
        FilePlaces places = module_places(module, function, 0);
        file_print_steps(&inner, &function->plans[0]->prepare, &places, NULL);
    }
    emit_newline(e);
    emit_line(e, "int %s_prepare(%sContext *ctx, const %sParams *params, cudaStream_t stream) {",
              module->prefix, module->type_prefix, module->type_prefix);
    if (!print_memory_variable(e, module, &body)) emit_line(e, "(void)stream;");
    buf_add(e->out, body.data, body.size);
    emit_line(e, "return nn_note(ctx, cudaGetLastError());");
    emit_line(e, "}");
    buf_free(&body);
}

/* A copy of a field between the caller's struct and the device's. */
static void print_move(Emitter *e, const char *device, const char *host, const char *field,
                       const Type *type, bool send) {
    if (type_bytes(type) == 0) return;
    Buf line = {0};
    buf_puts(&line, "nn_note(ctx, cudaMemcpyAsync(");
    if (send)
        buf_printf(&line, "&memory->%s.%s, &%s->%s", device, field, host, field);
    else
        buf_printf(&line, "&%s->%s, &memory->%s.%s", host, field, device, field);
    buf_printf(&line, ", %zu, %s, stream));", type_bytes(type),
               send ? "cudaMemcpyHostToDevice" : "cudaMemcpyDeviceToHost");
    file_print_wrapped(e, buf_text(&line));
    buf_free(&line);
}

/* The arguments that the function reads: as many bytes as it does. */
static void send_arguments(Emitter *e, const Module *module, const ModuleFunction *function) {
    bool train = function->kind == FUNCTION_TRAIN_STEP;
    for (size_t i = 0; i < function->traced->inputs.count; i++) {
        const GraphInput *input = &function->traced->inputs.items[i];
        if (input->role != ROLE_DATA) continue;
        int slot = input->slot;
        const Type *type = &input->node->type;
        if (slot < module->in.count)
            print_move(e, train ? "train_in" : "in", "in", module->in.fields[slot].ident, type,
                       true);
        else if (train)
            print_move(e, "target", "target", module->target.fields[slot - module->in.count].ident,
                       type, true);
        else
            print_move(e, "out", "grad", module->out.fields[slot - module->in.count].ident, type,
                       true);
    }
}

static void fetch_results(Emitter *e, const Module *module, const ModuleFunction *function) {
    const Graph *graph = function->traced;
    int result = 0;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const Type *type = &graph->outputs.items[i].value->type;
        if (graph->outputs.items[i].role != OUT_RESULT) continue;
        if (function->kind == FUNCTION_FORWARD)
            print_move(e, "out", "out", module->out.fields[result].ident, type, false);
        if (function->kind == FUNCTION_TRAIN_STEP && type_bytes(type) > 0)
            emit_line(e,
                      "nn_note(ctx, cudaMemcpyAsync(result_%d, memory->result_%d, %zu, "
                      "cudaMemcpyDeviceToHost, stream));",
                      result, result, type_bytes(type));
        result++;
    }
}

static void print_device_call(Emitter *e, const Module *module, const ModuleFunction *function) {
    FunctionKind kind = function->kind;
    Buf call = {0};
    buf_printf(&call, "%s_%s_device(ctx", module->prefix, function->name);
    if (kind != FUNCTION_FORWARD) buf_puts(&call, ", train");
    if (module->in.count)
        buf_printf(&call, ", &memory->%s", kind == FUNCTION_TRAIN_STEP ? "train_in" : "in");
    if (kind != FUNCTION_TRAIN_STEP) {
        if (module->out.count) buf_puts(&call, ", &memory->out");
    } else {
        if (module->target.count) buf_puts(&call, ", &memory->target");
        for (size_t i = 0; i < module->program->hypers.count; i++)
            buf_printf(&call, ", hyper_%zu", i);
        for (int i = 0; i < module->results.count; i++)
            buf_printf(&call, ", memory->result_%d", i);
    }
    buf_puts(&call, ", stream);");
    file_print_wrapped(e, buf_text(&call));
    buf_free(&call);
}

static void print_host_function(Emitter *e, const Module *module, const ModuleFunction *function) {
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    send_arguments(&inner, module, function);
    print_device_call(&inner, module, function);
    fetch_results(&inner, module, function);
    emit_newline(e);
    module_print_prototype(e, module, function, false, " {");
    print_memory_variable(e, module, &body);
    buf_add(e->out, body.data, body.size);
    emit_line(e, "return %s_wait(ctx, stream);", module->prefix);
    emit_line(e, "}");
    buf_free(&body);
}

static void print_zero_grad(Emitter *e, const Module *module) {
    if (!module_first(module, FUNCTION_BACKWARD)) return;
    emit_newline(e);
    emit_line(e, "int %s_zero_grad(%sContext *ctx, %sTrain *train, cudaStream_t stream) {",
              module->prefix, module->type_prefix, module->type_prefix);
    if (module->grads.count) {
        emit_line(e, "void *grads = &train->grads;");
        emit_line(e,
                  "return nn_note(ctx, cudaMemsetAsync(grads, 0, sizeof train->grads, stream));");
    } else {
        emit_line(e, "(void)train, (void)stream;");
        emit_line(e, "return nn_note(ctx, cudaSuccess);");
    }
    emit_line(e, "}");
}

static void print_kernels(Emitter *e, const FileParts *parts) {
    print_cuda_file_prelude(e, parts->uses);
    for (size_t i = 0; i < parts->kernels.count; i++) {
        emit_newline(e);
        if (parts->kernels.items[i]->blocks)
            print_cuda_kernel(e, parts->kernels.items[i], "");
        else
            print_kernel(e, parts->kernels.items[i], "");
    }
}

void module_print_cuda(Emitter *e, Module *module) {
    /* The functions say which kernels and constants there are, so they are printed first. */
    Buf functions = {0};
    Emitter inner = {.out = &functions};
    print_prepare(&inner, module);
    for (int i = 0; i < module->function_count; i++) {
        if (module->functions[i].kind == FUNCTION_INIT) continue;
        print_device_function(&inner, module, &module->functions[i]);
        print_host_function(&inner, module, &module->functions[i]);
    }
    print_zero_grad(&inner, module);
    module_print_host_functions(&inner, module);
    module_print_comment(e, module, true);
    emit_text(e, "#include \"%s\"\n\n", module->header);
    emit_line(e, "#include <cuda_runtime.h>");
    emit_line(e, "#include <math.h>");
    emit_line(e, "#include <stdint.h>");
    emit_line(e, "#include <stdio.h>");
    emit_line(e, "#include <string.h>");
    emit_newline(e);
    emit_comment(e, "What the CPU runs is C.");
    emit_line(e, "#define restrict __restrict__");
    emit_line(e, "#define _Alignas(bytes) __attribute__((aligned(bytes)))");
    print_kernels(e, &module->parts);
    file_print_constants(e, &module->parts);
    print_memory(e, module);
    print_hypers(e, module);
    print_notes(e, module);
    print_open(e, module);
    buf_add(e->out, functions.data, functions.size);
    buf_free(&functions);
}
