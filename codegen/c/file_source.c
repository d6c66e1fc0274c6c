/* The source file: comment, includes, constants, kernels, then one static function a variant for
 * each function of the program, and the public functions that choose among them. */
#include <string.h>

#include "codegen/c/print.h"
#include "codegen/module.h"
#include "codegen/runtime_text.h"
#include "support/checked.h"

bool module_has_word(const char *text, const char *word) {
    size_t size = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += size) {
        bool starts = at == text || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_>.", at[-1]);
        bool ends = !strchr("abcdefghijklmnopqrstuvwxyz0123456789_", at[size]) || !at[size];
        if (starts && ends) return true;
    }
    return false;
}

/* "(void)name;" for each parameter that the body doesn't use. */
static void print_unused(Emitter *e, const Buf *body, const char *const *names, int count) {
    for (int i = 0; i < count; i++) {
        if (module_has_word(buf_text(body), names[i])) continue;
        emit_text(e, "(void)");
        emit_ident(e, names[i]);
        emit_text(e, ";\n");
    }
}

bool module_is_cplusplus(const Module *module) {
    return module->options->cuda && !module->options->devices;
}

static const char *variant_suffix(const Module *module, int variant) {
    if (!module_dispatches(module)) return "";
    return arena_printf(module->arena, "_%s", module->variants[variant]->name);
}

/* Parameters of the static functions, and their names. */
typedef struct Signature {
    Buf text;
    const char *types[64], *names[64];
    int count;
} Signature;

static void add_parameter(Signature *signature, const char *type, const char *name) {
    NNC_CHECK(signature->count < 64, "too many parameters");
    buf_printf(&signature->text, "%s%s%s", signature->count ? ", " : "", type, name);
    signature->types[signature->count] = type;
    signature->names[signature->count++] = name;
}

static void add_data_parameters(Signature *signature, const Module *module, FunctionKind kind) {
    Arena *arena = module->arena;
    bool train = kind == FUNCTION_TRAIN_STEP;
    if (module->in.count) {
        const char *type = train ? module->train_in.type_name : module->in.type_name;
        add_parameter(signature, arena_printf(arena, "const %s *", type), "in");
    }
    if (kind == FUNCTION_FORWARD && module->out.count) {
        add_parameter(signature, arena_printf(arena, "%s *", module->out.type_name), "out");
    }
    if (kind == FUNCTION_BACKWARD && module->out.count) {
        add_parameter(signature, arena_printf(arena, "const %s *", module->out.type_name), "grad");
    }
    if (!train) return;
    if (module->target.count) {
        add_parameter(signature, arena_printf(arena, "const %s *", module->target.type_name),
                      "target");
    }
    for (size_t i = 0; i < module->program->hypers.count; i++) {
        const ModuleField *hyper = &module->hypers[i];
        add_parameter(signature, arena_printf(arena, "%s ", dtype_c_type(hyper->type.dtype)),
                      arena_printf(arena, "hyper_%zu", i));
    }
    for (int i = 0; i < module->results.count; i++) {
        const ModuleField *result = &module->results.fields[i];
        add_parameter(signature, arena_printf(arena, "%s *", dtype_c_type(result->type.dtype)),
                      arena_printf(arena, "result_%d", i));
    }
}

/* Whether threads share the work of the function, in some variant. */
static bool is_split(const Module *module, const ModuleFunction *function) {
    for (int i = 0; i < module->variant_count && function->kind != FUNCTION_INIT; i++)
        if (plan_is_split(&function->plans[i]->run)) return true;
    return false;
}

static Signature variant_signature(const Module *module, const ModuleFunction *function) {
    Signature signature = {.count = 0};
    FunctionKind kind = function->kind;
    Arena *arena = module->arena;
    add_parameter(&signature, "unsigned char *", "arena");
    if (kind == FUNCTION_FORWARD) {
        add_parameter(&signature, "unsigned char *", "prepared");
        if (module_has_params(module)) {
            add_parameter(&signature, arena_printf(arena, "const %sParams *", module->type_prefix),
                          "params");
        }
    } else {
        add_parameter(&signature, arena_printf(arena, "%sTrain *", module->type_prefix), "train");
    }
    add_data_parameters(&signature, module, kind);
    if (is_split(module, function)) {
        add_parameter(&signature, "NnTeam *", "team");
        add_parameter(&signature, "NnPart ", "part");
    }
    return signature;
}

FilePlaces module_places(Module *module, const ModuleFunction *function, int variant) {
    bool launches = module->options->cuda && function->kind != FUNCTION_INIT;
    const char *prepared = launches ? "memory->prepared" : "prepared";
    return (FilePlaces){.inputs = module_inputs(module, function, variant),
                        .outputs = module_outputs(module, function),
                        .arena = launches ? "memory->arena" : "arena",
                        .prepared = module->options->embed_weights ? NULL : prepared,
                        .cplusplus = module_is_cplusplus(module),
                        .launches = launches,
                        .prepared_bytes = function->prepared[variant],
                        .parts = &module->parts};
}

static void print_guard(Emitter *e, const Module *module, int variant, bool begin) {
    const char *guard = module->variants[variant]->guard;
    if (!module_dispatches(module) || !guard) return;
    if (begin) {
        emit_line(e, "#if %s", guard);
    } else {
        emit_line(e, "#endif");
    }
}

/* static int forward_avx2(...) { calls; return 0; } */
static void print_variant(Emitter *e, Module *module, const ModuleFunction *function, int variant) {
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    FilePlaces places = module_places(module, function, variant);
    places.ticks = module->options->ticks;
    places.threads = is_split(module, function);
    file_print_steps(&inner, &function->plans[variant]->run, &places, "return 1;");
    Signature signature = variant_signature(module, function);
    emit_newline(e);
    print_guard(e, module, variant, true);
    file_print_wrapped(e, arena_printf(module->arena, "static int %s%s(%s) {", function->name,
                                       variant_suffix(module, variant), buf_text(&signature.text)));
    print_unused(e, &body, signature.names, signature.count);
    buf_add(e->out, body.data, body.size);
    emit_line(e, "return 0;");
    emit_line(e, "}");
    print_guard(e, module, variant, false);
    buf_free(&signature.text);
    buf_free(&body);
}

static bool variant_prepares(const Module *module, int variant) {
    for (int i = 0; i < module->function_count; i++) {
        const ModuleFunction *function = &module->functions[i];
        if (function->kind == FUNCTION_FORWARD && function->plans[variant]->prepare.count > 0)
            return true;
    }
    return false;
}

static void print_prepare_variant(Emitter *e, Module *module, int variant) {
    if (!variant_prepares(module, variant)) return;
    static const char *const names[] = {"arena", "prepared", "params"};
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    for (int i = 0; i < module->function_count; i++) {
        const ModuleFunction *function = &module->functions[i];
        if (function->kind != FUNCTION_FORWARD) continue;
        FilePlaces places = module_places(module, function, variant);
        file_print_steps(&inner, &function->plans[variant]->prepare, &places, "return 1;");
    }
    emit_newline(e);
    print_guard(e, module, variant, true);
    emit_line(e,
              "static void prepare%s(unsigned char *arena, unsigned char *prepared, const %sParams "
              "*params) {",
              variant_suffix(module, variant), module->type_prefix);
    print_unused(e, &body, names, 3);
    buf_add(e->out, body.data, body.size);
    emit_line(e, "}");
    print_guard(e, module, variant, false);
    buf_free(&body);
}

/* ARCH_REQ_XCOMP_PERM for XTILEDATA; a second time it is answered at once. */
static void print_has_tiles(Emitter *e) {
    emit_newline(e);
    emit_comment(e, "Whether there is AMX, and the system gives this process leave to use it.");
    emit_text(
        e,
        "#if defined(__x86_64__) && defined(__linux__)\n"
        "#include <cpuid.h>\n"
        "extern long syscall(long number, ...);\n"
        "__attribute__((target(\"xsave\"))) static int has_tiles(void) {\n"
        "    unsigned a, b, c, d, edx;\n"
        "    if (!__get_cpuid_count(7, 0, &a, &b, &c, &edx)) return 0;\n"
        "    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return 0;\n"
        "    if (!(edx >> 22 & 1) || !(edx >> 24 & 1) || (_xgetbv(0) >> 17 & 3) != 3) return 0;\n"
        "    return syscall(158 /* arch_prctl */, 0x1023L, 18L) == 0;\n"
        "}\n"
        "#else\n"
        "static int has_tiles(void) {\n"
        "    return 0;\n"
        "}\n"
        "#endif\n");
}

/* The condition under which the processor has the feature. */
static void print_feature(Emitter *e, const char *name, int size) {
    if (strncmp(name, "amx", 3) == 0)
        emit_text(e, "has_tiles()");
    else
        emit_text(e, "__builtin_cpu_supports(\"%.*s\")", size, name);
}

static void print_isa(Emitter *e, const Module *module) {
    if (!module_dispatches(module)) return;
    if (module->tiles) print_has_tiles(e);
    emit_newline(e);
    emit_comment(e, "The number of the ablest of the kernels' variants that this processor runs.");
    emit_text(e, "static int isa(void) {\n#if defined(__x86_64__)\n");
    for (int i = module->variant_count - 1; i > 0; i--) {
        const char *before = "    if (";
        for (const char *at = module->variants[i]->attribute; *at; at += *at == ',') {
            int size = (int)strcspn(at, ",");
            emit_text(e, "%s", before);
            print_feature(e, at, size);
            if (strncmp(at, "amx", 3) == 0) break; /* it asks for all of them */
            before = " &&\n        ";
            at += size;
        }
        emit_text(e, ") {\n        return %d;\n    }\n", i);
    }
    emit_text(e, "#endif\n    return 0;\n}\n");
}

/* "return forward(args);", or the choice among variants. */
static void print_choice(Emitter *e, const Module *module, FunctionKind kind, const char *name,
                         const char *args) {
    const char *isa = kind == FUNCTION_FORWARD && module_keeps_isa(module) ? "ctx->isa" : "isa()";
    for (int i = module->variant_count - 1; i > 0; i--) {
        print_guard(e, module, i, true);
        file_print_wrapped(e, arena_printf(module->arena, "if (%s == %d) return %s%s(%s);", isa, i,
                                           name, variant_suffix(module, i), args));
        print_guard(e, module, i, false);
    }
    file_print_wrapped(
        e, arena_printf(module->arena, "return %s%s(%s);", name, variant_suffix(module, 0), args));
}

static const char *call_arguments(const Module *module, const ModuleFunction *function) {
    Signature signature = variant_signature(module, function);
    FunctionKind kind = function->kind;
    Buf text = {0};
    for (int i = 0; i < signature.count; i++) {
        const char *name = signature.names[i];
        if (i == 0) {
            name = "context_memory(ctx)";
        } else if (kind == FUNCTION_FORWARD && i == 1) {
            name = arena_printf(module->arena, "context_memory(ctx) + %s_ARENA_BYTES",
                                module->macro_prefix);
        } else if (strcmp(name, "params") == 0 && i == 2) {
            name = "ctx->params";
        }
        buf_printf(&text, "%s%s", i ? ", " : "", name);
    }
    const char *result = arena_strdup(module->arena, buf_text(&text));
    buf_free(&text);
    buf_free(&signature.text);
    return result;
}

/* The public function's parameters. */
static Signature public_signature(const Module *module, FunctionKind kind) {
    Signature signature = {.count = 0};
    Arena *arena = module->arena;
    add_parameter(&signature, arena_printf(arena, "%sContext *", module->type_prefix), "ctx");
    if (kind != FUNCTION_FORWARD)
        add_parameter(&signature, arena_printf(arena, "%sTrain *", module->type_prefix), "train");
    add_data_parameters(&signature, module, kind);
    return signature;
}

/* A struct of the arguments, and what each thread does with them. */
static void print_thread(Emitter *e, const Module *module, const ModuleFunction *function,
                         const Signature *signature) {
    emit_newline(e);
    emit_line(e, "struct nn_%s {", function->name);
    for (int i = 0; i < signature->count; i++)
        emit_line(e, "%s%s;", signature->types[i], signature->names[i]);
    emit_line(e, "};");
    emit_newline(e);
    emit_line(e, "static int %s_part(const void *call, NnTeam *team, NnPart part) {",
              function->name);
    emit_line(e, "const struct nn_%s *of = call;", function->name);
    for (int i = 0; i < signature->count; i++)
        emit_line(e, "%s%s = of->%s;", signature->types[i], signature->names[i],
                  signature->names[i]);
    print_choice(e, module, function->kind, function->name, call_arguments(module, function));
    emit_line(e, "}");
}

static void print_public(Emitter *e, const Module *module, const ModuleFunction *function) {
    bool split = is_split(module, function);
    Signature signature = public_signature(module, function->kind);
    if (split) print_thread(e, module, function, &signature);
    emit_newline(e);
    module_print_prototype(e, module, function, false, " {");
    if (split) {
        emit_text(e, "const struct nn_%s call = {", function->name);
        for (int i = 0; i < signature.count; i++)
            emit_text(e, "%s%s", i ? ", " : "", signature.names[i]);
        emit_text(e, "};\n");
        emit_line(
            e, "return nn_run(ctx->workers, sizeof(%sWorker), ctx->worker_count, %s_part, &call);",
            module->type_prefix, function->name);
    } else {
        print_choice(e, module, function->kind, function->name, call_arguments(module, function));
    }
    emit_line(e, "}");
    buf_free(&signature.text);
}

static void print_workers(Emitter *e, const Module *module) {
    const char *prefix = module->prefix, *type = module->type_prefix;
    if (!module_has_threads(module)) return;
    emit_newline(e);
    emit_line(e, "_Static_assert(%s_WORKER_BYTES >= NN_WORKER_BYTES + 64 + %zu, \"too small\");",
              module->macro_prefix, module->worker_bytes);
    emit_newline(e);
    emit_line(e, "int %s_start(%sContext *ctx, %sWorker *workers, int count) {", prefix, type,
              type);
    emit_line(e, "ctx->workers = workers;");
    emit_line(e, "ctx->worker_count = nn_start(workers, sizeof *workers, count);");
    emit_line(e, "return ctx->worker_count;");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e, "void %s_stop(%sContext *ctx) {", prefix, type);
    emit_line(e, "nn_stop(ctx->workers, sizeof(%sWorker), ctx->worker_count);", type);
    emit_line(e, "ctx->worker_count = 0;");
    emit_line(e, "}");
}

static void print_prepare_call(Emitter *e, const Module *module, int variant) {
    if (variant_prepares(module, variant))
        emit_line(e, "prepare%s(arena, prepared, params);", variant_suffix(module, variant));
}

/* The choice among the prepare functions, and the public function that makes it. Variants pack
 * weights differently: some may have nothing to prepare. */
static void print_prepare(Emitter *e, const Module *module) {
    const char *prefix = module->prefix, *type = module->type_prefix;
    if (!module_first(module, FUNCTION_FORWARD) || !module_has_params(module)) return;
    bool work = false, keeps = module_keeps_isa(module);
    const char *context = keeps ? arena_printf(module->arena, "const %sContext *ctx, ", type) : "";
    for (int i = 0; i < module->variant_count; i++)
        work = work || variant_prepares(module, i);
    if (work) {
        emit_newline(e);
        emit_line(e,
                  "static void prepare_any(%sunsigned char *arena, unsigned char *prepared, "
                  "const %sParams *params) {",
                  context, type);
        for (int i = module->variant_count - 1; i > 0; i--) {
            print_guard(e, module, i, true);
            emit_line(e, "if (%s == %d) {", keeps ? "ctx->isa" : "isa()", i);
            print_prepare_call(e, module, i);
            emit_line(e, "return;");
            emit_line(e, "}");
            print_guard(e, module, i, false);
        }
        print_prepare_call(e, module, 0);
        if (!variant_prepares(module, 0))
            emit_line(e, "(void)arena, (void)prepared, (void)params;");
        emit_line(e, "}");
    }
    emit_newline(e);
    emit_line(e, "void %s_prepare(%sContext *ctx, const %sParams *params) {", prefix, type, type);
    emit_line(e, "ctx->params = params;");
    if (keeps) emit_line(e, "ctx->isa = isa();");
    if (work) {
        emit_line(e, "unsigned char *memory = context_memory(ctx);");
        emit_line(e, "prepare_any(%smemory, memory + %s_ARENA_BYTES, params);",
                  keeps ? "ctx, " : "", module->macro_prefix);
    }
    emit_line(e, "}");
}

static void print_init(Emitter *e, Module *module) {
    const ModuleFunction *init = module_first(module, FUNCTION_INIT);
    if (!init || !module_has_params(module)) return;
    Buf body = {0};
    Emitter inner = {.out = &body, .indent = 1};
    FilePlaces places = module_places(module, init, 0);
    const Plan *plan = init->plans[0];
    static const char *const names[] = {"params", "seed"};
    emit_newline(e);
    module_print_prototype(e, module, init, false, " {");
    if (plan->run.arena_bytes > 0) {
        emit_line(e, "_Alignas(64) unsigned char arena[%zu];", plan->run.arena_bytes);
    }
    /* Its indices are the program's own: a fault would have ended the evaluation. */
    file_print_steps(&inner, &plan->run, &places, "return;");
    print_unused(e, &body, names, 2);
    buf_add(e->out, body.data, body.size);
    emit_line(e, "}");
    buf_free(&body);
}

static void print_fill(Emitter *e, const Module *module, int index) {
    const ModuleField *field = &module->states.fields[index];
    double fill = module->program->states.items[index].fill;
    if (fill == 0) return; /* all zero already */
    emit_text(e, "for (int i = 0; i < %lld; i++) ((%s *)%strain->states.",
              (long long)type_numel(&field->type), dtype_c_type(field->type.dtype),
              field->type.rank == 0 ? "&" : "");
    emit_ident(e, field->ident);
    emit_text(e, ")[i] = ");
    emit_number(e, field->type.dtype, fill);
    emit_text(e, ";\n");
}

static void print_train_init(Emitter *e, const Module *module) {
    if (!module_has_train(module)) return;
    emit_newline(e);
    emit_line(e, "void %s_train_init(%sTrain *train, int64_t seed) {", module->prefix,
              module->type_prefix);
    emit_line(e, "memset(train, 0, sizeof *train);");
    emit_line(e, "train->key[0] = seed;");
    if (module_first(module, FUNCTION_INIT) && module->params.count) {
        emit_line(e, "%s_init(&train->params, seed);", module->prefix);
    }
    for (int i = 0; i < module->states.count; i++)
        print_fill(e, module, i);
    emit_line(e, "}");
    if (!module_first(module, FUNCTION_BACKWARD) || module->options->cuda) return;
    emit_newline(e);
    emit_line(e, "void %s_zero_grad(%sTrain *train) {", module->prefix, module->type_prefix);
    emit_line(e, module->grads.count ? "memset(&train->grads, 0, sizeof train->grads);"
                                     : "(void)train;");
    emit_line(e, "}");
}

static void print_files(Emitter *e, const Module *module) {
    const char *prefix = module->prefix, *params = module->params.type_name;
    if (!module_has_params(module)) return;
    bool standalone = module->options->standalone;
    emit_newline(e);
    if (standalone) {
        runtime_print(e, "safetensors");
    } else {
        bool cplusplus = module_is_cplusplus(module);
        emit_line(e, "#ifdef NN_FILES");
        if (cplusplus) emit_text(e, "extern \"C\" {\n");
        emit_line(e, "#include \"runtime/safetensors.h\"");
        if (cplusplus) emit_text(e, "}\n");
    }
    emit_newline(e);
    module_print_tensors(e, &module->params, "tensors");
    emit_text(
        e, "\nstatic int give_error(bool good, const NnError *from, char *error, size_t size) {\n"
           "    if (!good && error) snprintf(error, size, \"%%s\", from->text);\n"
           "    return !good;\n"
           "}\n\n");
    emit_line(e, "int %s_load(%s *params, const char *path, char *error, size_t error_size) {",
              prefix, params);
    emit_line(e, "NnError message;");
    emit_line(e, "NnRange ranges[%d];", module->params.count);
    emit_line(e, "bool good = nn_safetensors_load(path, params, tensors, %d, ranges, &message);",
              module->params.count);
    emit_line(e, "return give_error(good, &message, error, error_size);");
    emit_line(e, "}");
    emit_newline(e);
    emit_line(e,
              "int %s_save(const %s *params, const char *path, char *error, size_t error_size) "
              "{",
              prefix, params);
    emit_line(e, "NnError message;");
    emit_line(e, "bool good = nn_safetensors_save(path, params, tensors, %d, &message);",
              module->params.count);
    emit_line(e, "return give_error(good, &message, error, error_size);");
    emit_line(e, "}");
    if (!standalone) emit_line(e, "#endif");
}

static void print_context_memory(Emitter *e, const Module *module) {
    emit_newline(e);
    emit_comment(e, "The context's first 64-byte boundary.");
    emit_line(e, "static unsigned char *context_memory(%sContext *ctx) {", module->type_prefix);
    emit_line(e, "return ctx->memory + (64 - (uintptr_t)ctx->memory %% 64) %% 64;");
    emit_line(e, "}");
}

void module_print_host_functions(Emitter *e, Module *module) {
    print_init(e, module);
    print_train_init(e, module);
    print_files(e, module);
}

static void print_functions(Emitter *e, Module *module) {
    const ModuleFunction *forward = module_first(module, FUNCTION_FORWARD);
    for (int f = 0; f < module->function_count; f++) {
        const ModuleFunction *function = &module->functions[f];
        for (int i = 0; function->kind != FUNCTION_INIT && i < module->variant_count; i++) {
            bool prepares = function == forward && module_has_params(module);
            if (prepares) print_prepare_variant(e, module, i);
            print_variant(e, module, function, i);
        }
    }
    bool runs = forward || module_has_train(module);
    if (runs) {
        print_isa(e, module);
        print_context_memory(e, module);
    }
    print_prepare(e, module);
    for (int i = 0; i < module->function_count; i++)
        if (module->functions[i].kind != FUNCTION_INIT)
            print_public(e, module, &module->functions[i]);
    print_workers(e, module);
    module_print_host_functions(e, module);
}

void module_print_source(Emitter *e, Module *module) {
    /* The functions say which kernels and constants there are, so they are printed first. */
    Buf functions = {0};
    Emitter inner = {.out = &functions};
    print_functions(&inner, module);
    module_print_comment(e, module, true);
    bool threads = module_has_threads(module);
    if (threads) {
        emit_line(e, "#ifndef _GNU_SOURCE");
        emit_line(e, "#define _GNU_SOURCE");
        emit_line(e, "#endif");
    }
    if (module->options->standalone && module_has_params(module)) {
        emit_line(e, "#ifndef _POSIX_C_SOURCE");
        emit_line(e, "#define _POSIX_C_SOURCE 200809L");
        emit_line(e, "#endif");
    }
    emit_text(e, "#include \"%s\"\n\n", module->header);
    emit_line(e, "#include <math.h>");
    emit_line(e, "#include <string.h>");
    emit_newline(e);
    if (module->options->ticks) emit_line(e, "void nn_tick(int step);");
    if (threads) {
        runtime_print(e, "threads");
        emit_line(e, "#undef NN_API");
        emit_newline(e);
    }
    file_print_kernels(e, &module->parts);
    file_print_constants(e, &module->parts);
    buf_add(e->out, functions.data, functions.size);
    buf_free(&functions);
}
