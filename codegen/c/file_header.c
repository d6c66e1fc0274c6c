/* The public header: what a C programmer would write by hand. C11 and C++17. */
#include <string.h>

#include "codegen/c/print.h"
#include "codegen/module.h"

/* The last parameter of what runs on a GPU: a cudaStream_t, without CUDA's headers. */
#define STREAM ", struct CUstream_st *stream"

/* The type of an element as the header has it. */
static const char *element_type(DType dtype) {
    return dtype == DT_F16 ? "nn_f16" : dtype == DT_BF16 ? "nn_bf16" : dtype_c_type(dtype);
}

static bool has_type(const ModuleStruct *structure, DType dtype) {
    for (int i = 0; i < structure->count; i++)
        if (structure->fields[i].type.dtype == dtype) return true;
    return false;
}

static void print_half_types(Emitter *e, const Module *module) {
    const ModuleStruct *all[] = {&module->params, &module->grads, &module->states,
                                 &module->in,     &module->out,   &module->target};
    for (DType dtype = DT_F16; dtype <= DT_BF16; dtype++) {
        bool used = false;
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            used = used || has_type(all[i], dtype);
        if (!used) continue;
        emit_newline(e);
        emit_comment(e, dtype == DT_F16 ? "The bits of a 16-bit float, IEEE's binary16 (_Float16)."
                                        : "The bits of a bfloat16: the upper half of a float's.");
        emit_line(e, "typedef uint16_t %s;", element_type(dtype));
    }
}

static void print_field(Emitter *e, const ModuleField *field) {
    emit_text(e, "%s ", element_type(field->type.dtype));
    emit_ident(e, field->ident);
    for (int i = 0; i < field->type.rank; i++) {
        long long dim = (long long)field->type.dim[i];
        emit_text(e, "[%lld]", dim ? dim : 1); /* C has no empty arrays */
    }
    emit_text(e, ";");
    if (strcmp(field->ident, field->name) != 0) {
        emit_text(e, " ");
        emit_inline_comment(e, field->name);
    }
    emit_text(e, "\n");
}

static void print_struct(Emitter *e, const ModuleStruct *structure, const char *comment) {
    if (structure->count == 0) return;
    emit_newline(e);
    emit_comment(e, comment);
    emit_line(e, "typedef struct %s {", structure->type_name);
    for (int i = 0; i < structure->count; i++)
        print_field(e, &structure->fields[i]);
    emit_line(e, "} %s;", structure->type_name);
}

static void print_train_struct(Emitter *e, const Module *module) {
    if (!module_has_train(module)) return;
    emit_newline(e);
    emit_comment(e, "All that training changes.");
    emit_line(e, "typedef struct %sTrain {", module->type_prefix);
    if (module->params.count) emit_line(e, "%s params;", module->params.type_name);
    if (module->grads.count) emit_line(e, "%s grads;", module->grads.type_name);
    if (module->states.count) emit_line(e, "%s states;", module->states.type_name);
    emit_line(e, "int64_t key[2]; /* of random numbers; any value */");
    emit_line(e, "} %sTrain;", module->type_prefix);
}

static void print_train_inputs(Emitter *e, const Module *module) {
    if (!module_first(module, FUNCTION_TRAIN_STEP) || module->in.count == 0) return;
    if (!module->same_in) {
        print_struct(e, &module->train_in, "The arguments of forward in a train step.");
        return;
    }
    emit_line(e, "typedef %s %s; /* in a train step */", module->in.type_name,
              module->train_in.type_name);
}

static void print_worker_struct(Emitter *e, const Module *module) {
    if (!module_has_threads(module)) return;
    emit_newline(e);
    emit_comment(e, "Memory of a thread beside the caller's.");
    emit_line(e, "typedef struct %sWorker {", module->type_prefix);
    emit_line(e, "unsigned char memory[%s_WORKER_BYTES];", module->macro_prefix);
    emit_line(e, "} %sWorker;", module->type_prefix);
}

static void print_device_context(Emitter *e, const Module *module) {
    emit_newline(e);
    emit_comment(e, "What runs on a device. Set by open; all memory is the context's.");
    emit_line(e, "typedef struct %sContext {", module->type_prefix);
    emit_line(e, "struct NnCuda *cuda;");
    emit_line(e, "struct %sMemory *memory; /* the device's */", module->type_prefix);
    emit_line(e, "struct %sSlots *slots; /* what copies go through */", module->type_prefix);
    if (module_has_params(module))
        emit_line(e, "const %s *params; /* set by %s_prepare */", module->params.type_name,
                  module->prefix);
    emit_line(e, "} %sContext;", module->type_prefix);
}

static void print_context_struct(Emitter *e, const Module *module) {
    if (module->options->cuda) {
        print_device_context(e, module);
        return;
    }
    emit_newline(e);
    bool threads = module_has_threads(module);
    emit_comment(e, threads ? "Working memory. Any place will do; all bytes are zero at first."
                            : "Working memory. Any place will do; zero bytes are fine.");
    emit_line(e, "typedef struct %sContext {", module->type_prefix);
    if (threads) {
        emit_line(e, "%sWorker *workers; /* set by %s_start */", module->type_prefix,
                  module->prefix);
        emit_line(e, "int worker_count;");
    }
    if (module_has_params(module)) {
        emit_line(e, "const %s *params; /* set by %s_prepare */", module->params.type_name,
                  module->prefix);
    }
    if (module_keeps_isa(module))
        emit_line(e, "int isa; /* set by %s_prepare: whose kernels can read it */", module->prefix);
    emit_line(e, "unsigned char memory[%s_ARENA_BYTES + %s_PREPARED_BYTES + 64];",
              module->macro_prefix, module->macro_prefix);
    emit_line(e, "} %sContext;", module->type_prefix);
}

/* LENET_OUT_OUTPUT_SIZE 10: elements of each field that callers loop over. */
static void print_size_macros(Emitter *e, const Module *module, const ModuleStruct *structure,
                              const char *role) {
    ModuleField *used = ARENA_ARRAY(module->arena, ModuleField, (size_t)structure->count);
    for (int i = 0; i < structure->count; i++) {
        used[i].ident = module_macro(module, used, i, structure->fields[i].ident);
        emit_line(e, "#define %s_%s_%s_SIZE %lld", module->macro_prefix, role, used[i].ident,
                  (long long)type_numel(&structure->fields[i].type));
    }
}

enum { OWN_BYTES = 1024 + 64 }; /* of a worker, as the runtime has it, and to align it */

static void print_macros(Emitter *e, const Module *module) {
    emit_newline(e);
    emit_comment(e, "Bytes of working memory, and elements of each argument and result.");
    emit_line(e, "#define %s_ARENA_BYTES %zu", module->macro_prefix, module->arena_bytes);
    emit_line(e, "#define %s_PREPARED_BYTES %zu", module->macro_prefix, module->prepared_bytes);
    if (module_has_threads(module))
        emit_line(e, "#define %s_WORKER_BYTES %zu", module->macro_prefix,
                  OWN_BYTES + module->worker_bytes);
    if (module->program->batch > 0) {
        emit_line(e, "#define %s_BATCH %lld /* items that %s and %s hold */", module->macro_prefix,
                  (long long)module->program->batch, module->in.type_name, module->out.type_name);
    }
    print_size_macros(e, module, &module->in, "IN");
    print_size_macros(e, module, &module->out, "OUT");
    print_size_macros(e, module, &module->target, "TARGET");
    const ModuleStruct *train_in = &module->train_in;
    bool batches = module_first(module, FUNCTION_TRAIN_STEP) && train_in->count > 0;
    if (batches && train_in->fields[0].type.rank > 0) {
        emit_line(e, "#define %s_TRAIN_BATCH %lld", module->macro_prefix,
                  (long long)train_in->fields[0].type.dim[0]);
    }
}

static void print_train_parameters(Emitter *e, const Module *module, bool named) {
    if (module->target.count) emit_text(e, ", const %s *target", module->target.type_name);
    for (size_t i = 0; i < module->program->hypers.count; i++) {
        emit_text(e, ", %s ", dtype_c_type(module->hypers[i].type.dtype));
        if (named) {
            emit_ident(e, module->hypers[i].ident);
        } else {
            emit_text(e, "hyper_%zu", i);
        }
    }
    for (int i = 0; i < module->results.count; i++) {
        emit_text(e, ", %s *", dtype_c_type(module->results.fields[i].type.dtype));
        if (named) {
            emit_ident(e, module->results.fields[i].ident);
        } else {
            emit_text(e, "result_%d", i);
        }
    }
}

static void print_prototype(Emitter *e, const Module *module, const ModuleFunction *function,
                            bool named) {
    const char *prefix = module->prefix, *type = module->type_prefix;
    FunctionKind kind = function->kind;
    if (kind == FUNCTION_INIT) {
        emit_text(e, "void %s_init(%sParams *params, int64_t seed)", prefix, type);
        return;
    }
    emit_text(e, "int %s_%s(%sContext *ctx", prefix, function->name, type);
    if (kind != FUNCTION_FORWARD) emit_text(e, ", %sTrain *train", type);
    if (module->in.count) {
        bool train = kind == FUNCTION_TRAIN_STEP;
        emit_text(e, ", const %s *in", train ? module->train_in.type_name : module->in.type_name);
    }
    if (kind == FUNCTION_FORWARD && module->out.count) {
        emit_text(e, ", %s *out", module->out.type_name);
    }
    if (kind == FUNCTION_BACKWARD && module->out.count) {
        emit_text(e, ", const %s *grad", module->out.type_name);
    }
    if (kind == FUNCTION_TRAIN_STEP) print_train_parameters(e, module, named);
    emit_text(e, "%s)", module->options->cuda ? STREAM : "");
}

void module_print_prototype(Emitter *e, const Module *module, const ModuleFunction *function,
                            bool named, const char *end) {
    Buf text = {0};
    Emitter line = {.out = &text};
    print_prototype(&line, module, function, named);
    buf_puts(&text, end);
    file_print_wrapped(e, buf_text(&text));
    buf_free(&text);
}

static void print_function(Emitter *e, const Module *module, FunctionKind kind,
                           const char *comment) {
    if (!module_first(module, kind)) return;
    emit_newline(e);
    emit_comment(e, comment);
    for (int i = 0; i < module->function_count; i++) {
        const ModuleFunction *function = &module->functions[i];
        if (function->kind != kind) continue;
        module_print_prototype(e, module, function, true, ";");
        if (!module->options->cuda || kind == FUNCTION_INIT) continue;
        ModuleFunction device = *function;
        device.name = arena_printf(module->arena, "%s_device", function->name);
        module_print_prototype(e, module, &device, true, ";");
    }
}

static void print_device_functions(Emitter *e, const Module *module) {
    const char *prefix = module->prefix, *type = module->type_prefix;
    if (!module->options->cuda) return;
    emit_newline(e);
    emit_comment(e, "Takes the memory that all of the network needs from the current device. 0, or "
                    "2 with a message in error[error_size] (error may be NULL): there is no "
                    "driver or none that is new enough, no device, none that the kernels were "
                    "compiled for, or too little memory.");
    emit_line(e, "int %s_open(%sContext *ctx, char *error, size_t error_size);", prefix, type);
    emit_comment(e, "Gives it back.");
    emit_line(e, "void %s_close(%sContext *ctx);", prefix, type);
    emit_newline(e);
    emit_line(e, "struct CUstream_st; /* cudaStream_t points to it */");
    emit_comment(e, "Functions with a stream put their work there. Weights (the structs Params and "
                    "Train) are in the device's memory for all of them: take it by alloc and copy "
                    "there what init, load or train_init wrote. Arguments and results are in "
                    "the caller's memory, and the function waits for the results; those called "
                    "_device take and give them in the device's memory, allocate nothing, wait for "
                    "nothing, and return 0 or 2. Then wait says how it went: 0, 1 when an index in "
                    "the arguments was out of range (what was computed is undefined then), or 2 "
                    "after an error of CUDA's, which the context keeps.");
    emit_line(e, "int %s_wait(%sContext *ctx%s);", prefix, type, STREAM);
    emit_line(e, "const char *%s_error(const %sContext *ctx);", prefix, type);
    emit_comment(e, "Memory of the device's (NULL: error says why), and a copy to it or from it, "
                    "which is waited for.");
    emit_line(e, "void *%s_alloc(%sContext *ctx, size_t bytes);", prefix, type);
    emit_line(e, "void %s_free(%sContext *ctx, void *memory);", prefix, type);
    file_print_wrapped(e, arena_printf(module->arena,
                                       "int %s_copy(%sContext *ctx, void *to, const void *from, "
                                       "size_t bytes%s);",
                                       prefix, type, STREAM));
}

static void print_start(Emitter *e, const Module *module) {
    const char *prefix = module->prefix, *type = module->type_prefix;
    if (!module_has_threads(module)) return;
    emit_newline(e);
    emit_comment(e, "Starts threads that do the context's work together with the one that calls. "
                    "How many there are: fewer than wanted, or none, where the system gives no "
                    "more or the source is compiled with NNC_NO_THREADS. Results are the same "
                    "bits for any number. With NNC_OPENMP they are OpenMP's.");
    emit_line(e, "int %s_start(%sContext *ctx, %sWorker *workers, int count);", prefix, type, type);
    emit_comment(e, "Ends them: before their memory goes.");
    emit_line(e, "void %s_stop(%sContext *ctx);", prefix, type);
}

static void print_weight_functions(Emitter *e, const Module *module) {
    const char *prefix = module->prefix, *type = module->type_prefix;
    if (!module_has_params(module)) return;
    print_function(e, module, FUNCTION_INIT, "PyTorch's initial weights for manual_seed(seed).");
    emit_newline(e);
    emit_comment(e, module->options->standalone
                        ? "Reads and writes safetensors files. 0, or 1 with a message in "
                          "error[error_size] (error may be NULL). A failed save leaves the file "
                          "as it was."
                        : "Reads and writes safetensors files. 0, or 1 with a message in "
                          "error[error_size] (error may be NULL). A failed save leaves the file "
                          "as it was. These two need nnc's runtime: they exist when the source "
                          "is compiled with NN_FILES defined.");
    emit_line(e, "int %s_load(%sParams *params, const char *path, char *error, size_t error_size);",
              prefix, type);
    emit_line(e,
              "int %s_save(const %sParams *params, const char *path, char *error, "
              "size_t error_size);",
              prefix, type);
    if (!module_first(module, FUNCTION_FORWARD)) return;
    emit_newline(e);
    emit_comment(e, "Makes the weights ready for forward. To be called before it, and again after "
                    "the weights changed; both structs must stay where they are.");
    bool cuda = module->options->cuda;
    emit_line(e, "%s %s_prepare(%sContext *ctx, const %sParams *params%s);", cuda ? "int" : "void",
              prefix, type, type, cuda ? STREAM : "");
}

static void print_train_functions(Emitter *e, const Module *module) {
    const char *prefix = module->prefix, *type = module->type_prefix;
    if (!module_has_train(module)) return;
    emit_newline(e);
    emit_comment(e, "Gives everything its first value: initial weights for the seed, a fresh "
                    "optimizer, no gradients. Other weights may be put in afterwards.");
    emit_line(e, "void %s_train_init(%sTrain *train, int64_t seed);", prefix, type);
    if (module_first(module, FUNCTION_BACKWARD)) {
        print_function(
            e, module, FUNCTION_BACKWARD,
            "Adds the gradients of the weights, in train mode, to train->grads, given those of the "
            "results. 0, or 1 when an index in the arguments is out of range.");
        if (module->options->cuda)
            emit_line(e, "int %s_zero_grad(%sContext *ctx, %sTrain *train%s);", prefix, type, type,
                      STREAM);
        else
            emit_line(e, "void %s_zero_grad(%sTrain *train);", prefix, type);
    }
    print_function(e, module, FUNCTION_TRAIN_STEP,
                   "Forward, loss, backward and update in one call. 0, or 1 when an index in the "
                   "arguments (a class) is out of range.");
}

void module_print_header(Emitter *e, const Module *module) {
    const char *macro = module->macro_prefix;
    module_print_comment(e, module, false);
    emit_line(e, "#ifndef %s_H", macro);
    emit_line(e, "#define %s_H", macro);
    emit_newline(e);
    emit_line(e, "#include <stddef.h>");
    emit_line(e, "#include <stdint.h>");
    emit_newline(e);
    emit_line(e, "#ifdef __cplusplus");
    emit_line(e, "extern \"C\" {");
    e->indent = 0;
    emit_line(e, "#endif");
    print_macros(e, module);
    print_half_types(e, module);
    if (!module->options->embed_weights) {
        print_struct(e, &module->params,
                     "The state dict: parameters, then buffers, in PyTorch's layouts.");
        print_struct(e, &module->grads, "Gradients of the parameters.");
        print_struct(e, &module->states, "The optimizer's memory.");
    }
    print_struct(e, &module->in, "The arguments of forward.");
    print_train_inputs(e, module);
    print_struct(e, &module->out, "The results of forward.");
    print_struct(e, &module->target, "What a train step is given beside the arguments.");
    print_train_struct(e, module);
    print_worker_struct(e, module);
    print_context_struct(e, module);
    print_start(e, module);
    print_device_functions(e, module);
    print_weight_functions(e, module);
    const ModuleFunction *forward = module_first(module, FUNCTION_FORWARD);
    print_function(e, module, FUNCTION_FORWARD,
                   forward && forward->batch
                       ? "Each takes as many items as its name says from the start of the "
                         "arguments, and writes as many to the start of the results. 0, or 1 when "
                         "an index in the arguments is out of range: the results are undefined "
                         "then."
                       : "0, or 1 when an index in the arguments is out of range: the results are "
                         "undefined then.");
    print_train_functions(e, module);
    emit_newline(e);
    emit_line(e, "#ifdef __cplusplus");
    emit_text(e, "}\n");
    emit_line(e, "#endif");
    emit_newline(e);
    emit_line(e, "#endif");
}
