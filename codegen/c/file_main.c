/* The main program of --emit=exe: tables that describe the network, and the runtime's command. */
#include <string.h>

#include "codegen/module.h"
#include "codegen/runtime_text.h"

static const char *const nn_dtypes[] = {"NN_BOOL", "NN_U8",   "NN_I32", "NN_I64",
                                        "NN_F16",  "NN_BF16", "NN_F32", "NN_F64"};

void module_print_tensors(Emitter *e, const ModuleStruct *structure, const char *table) {
    emit_line(e, "static const NnTensor %s[%d] = {", table,
              structure->count ? structure->count : 1);
    for (int i = 0; i < structure->count; i++) {
        const ModuleField *field = &structure->fields[i];
        emit_text(e, "{");
        emit_c_string(e, field->name, strlen(field->name));
        emit_text(e, ", %s, %d, {", nn_dtypes[field->type.dtype], field->type.rank);
        for (int d = 0; d < field->type.rank; d++) {
            emit_text(e, "%s%lld", d ? ", " : "", (long long)field->type.dim[d]);
        }
        emit_text(e, "%s}, offsetof(%s, ", field->type.rank ? "" : "0", structure->type_name);
        emit_ident(e, field->ident);
        emit_text(e, ")},\n");
    }
    if (structure->count == 0) emit_line(e, "{\"\", NN_F32, 0, {0}, 0},");
    emit_line(e, "};");
}

/* Beside the thread that runs the program. */
static int count_workers(const Module *module) {
    int threads = module->options->threads;
    return module_has_threads(module) && threads > 1 ? threads - 1 : 0;
}

void module_print_workers(Emitter *e, const Module *module) {
    int count = count_workers(module);
    if (count) emit_line(e, "static %sWorker workers[%d];", module->type_prefix, count);
}

void module_print_team(Emitter *e, const Module *module, const char *work, const char *started) {
    int count = count_workers(module);
    if (count == 0) {
        emit_line(e, "return %s;", work);
        return;
    }
    emit_line(e, "%s%s_start(&context, workers, %d);", started, module->prefix, count);
    emit_line(e, "int status = %s;", work);
    emit_line(e, "%s_stop(&context);", module->prefix);
    emit_line(e, "return status;");
}

static void print_variables(Emitter *e, const Module *module) {
    emit_newline(e);
    emit_line(e, "static %sContext context;", module->type_prefix);
    module_print_workers(e, module);
    if (module->in.count) emit_line(e, "static %s in;", module->in.type_name);
    if (module->out.count) emit_line(e, "static %s out;", module->out.type_name);
    if (module_has_params(module)) {
        emit_line(e, "static %s params;", module->params.type_name);
        if (module->options->cuda)
            emit_line(e, "static %s *weights; /* on the device */", module->params.type_name);
    }
    emit_newline(e);
    module_print_tensors(e, &module->in, "inputs");
    module_print_tensors(e, &module->out, "outputs");
}

/* The weights to the device. */
static void print_send(Emitter *e, const char *prefix) {
    emit_line(e, "if (failed) return failed;");
    emit_line(e, "if (!weights) weights = %s_alloc(&context, sizeof *weights);", prefix);
    emit_line(e, "failed = !weights || %s_copy(&context, weights, &params, sizeof params, NULL) ||",
              prefix);
    emit_line(e, "    %s_prepare(&context, weights, NULL);", prefix);
    emit_line(e, "if (failed) snprintf(error, error_size, \"%%s\", problem());");
}

static void print_callbacks(Emitter *e, const Module *module) {
    const char *prefix = module->prefix;
    emit_newline(e);
    emit_line(e, "static int forward(int64_t items) {");
    emit_line(e, "(void)items;");
    for (int i = 0; i < module->function_count; i++) {
        const ModuleFunction *function = &module->functions[i];
        if (function->kind != FUNCTION_FORWARD) continue;
        if (function->batch && function->batch < module->program->batch)
            emit_text(e, "if (items <= %lld) ", (long long)function->batch);
        emit_text(e, "return %s_%s(&context%s%s%s);\n", prefix, function->name,
                  module->in.count ? ", &in" : "", module->out.count ? ", &out" : "",
                  module->options->cuda ? ", NULL" : "");
    }
    emit_line(e, "}");
    if (module->options->cuda) {
        emit_newline(e);
        emit_line(e, "static int start(char *error, size_t error_size) {");
        emit_line(e, "return %s_open(&context, error, error_size);", prefix);
        emit_line(e, "}");
        emit_newline(e);
        emit_line(e, "static const char *problem(void) {");
        emit_line(e, "return %s_error(&context);", prefix);
        emit_line(e, "}");
    }
    if (!module_has_params(module)) return;
    emit_newline(e);
    emit_line(e, "static int load(const char *path, char *error, size_t error_size) {");
    emit_line(e, "int failed = %s_load(&params, path, error, error_size);", prefix);
    if (module->options->cuda)
        print_send(e, prefix);
    else
        emit_line(e, "if (!failed) %s_prepare(&context, &params);", prefix);
    emit_line(e, "return failed;");
    emit_line(e, "}");
}

static void print_main(Emitter *e, const Module *module) {
    emit_newline(e);
    emit_line(e, "int main(int argc, char **argv) {");
    emit_text(e, "static const NnNetwork network = {");
    emit_c_string(e, module->prefix, strlen(module->prefix));
    bool cuda = module->options->cuda;
    emit_text(e, ", inputs, outputs, %d, %d, %s, %s, forward, %s, %s};\n", module->in.count,
              module->out.count, module->in.count ? "&in" : "NULL",
              module->out.count ? "&out" : "NULL", module_has_params(module) ? "load" : "NULL",
              cuda ? "start, problem" : "NULL, NULL");
    module_print_team(e, module, "nn_command(&network, argc, argv)", "");
    emit_line(e, "}");
}

bool codegen_main(const Program *program, const CodegenOptions *options, Buf *source, Buf *error) {
    Arena arena = {0};
    Module module;
    bool good = module_lay_out(&module, program, options, &arena, error);
    if (good && !module_first(&module, FUNCTION_FORWARD)) {
        buf_puts(error, "the program has no forward function to run");
        good = false;
    }
    if (good) {
        Emitter emitter = {.out = source};
        module_print_comment(&emitter, &module, false);
        emit_line(&emitter, "#ifndef _POSIX_C_SOURCE");
        emit_line(&emitter, "#define _POSIX_C_SOURCE 200809L");
        emit_line(&emitter, "#endif");
        emit_text(&emitter, "#include \"%s\"\n", module.header);
        emit_newline(&emitter);
        runtime_print(&emitter, "command");
        print_variables(&emitter, &module);
        print_callbacks(&emitter, &module);
        print_main(&emitter, &module);
    }
    module_free(&module);
    arena_free(&arena);
    return good;
}
