/* The main program of `nnc bench`: tables that describe a function and its kernels, and the
 * runtime's stopwatch. */
#include <string.h>

#include "codegen/c/print.h"
#include "codegen/module.h"
#include "codegen/runtime_text.h"

static double kernel_bytes(const Kernel *kernel) {
    double bytes = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (buf->node && (buf->role == KBUF_IN || buf->role == KBUF_OUT))
            bytes += (double)type_bytes(&buf->node->type);
    }
    return bytes;
}

static void print_text(Emitter *e, const char *text) {
    emit_c_string(e, text, strlen(text));
}

static void print_step(Emitter *e, const PlanStep *step, int times) {
    const Kernel *kernel = step->kernel;
    emit_text(e, "    {");
    print_text(e, kernel ? kernel->name : "copy");
    emit_text(e, ", ");
    if (kernel && kernel->schedule)
        print_text(e, kernel->schedule);
    else
        emit_text(e, "NULL");
    emit_text(e, ", %.17g, %.17g, %d},\n", kernel ? kernel->flops : 0,
              kernel ? kernel_bytes(kernel) : 2.0 * (double)step->arguments[0].bytes, times);
}

/* One row a call that is written down, in the order of the ticks. */
static int print_steps(Emitter *e, const PlanSteps *steps) {
    int rows = 0;
    emit_text(e, "\nstatic const NnStep steps[] = {\n");
    for (int s = 0, next = 0; s < steps->count;) {
        const PlanLoop *loop = plan_loop_at(steps, s, &next);
        int length = loop ? loop->length : 1, times = loop ? loop->times : 1;
        for (int i = 0; i < length; i++, rows++)
            print_step(e, &steps->items[s + i], times);
        s += length * times;
    }
    if (rows == 0) emit_text(e, "    {\"nothing\", NULL, 0, 0, 1},\n");
    emit_text(e, "};\n");
    return rows;
}

static void print_struct(Emitter *e, const ModuleStruct *structure, const char *variable) {
    if (structure->count) emit_line(e, "static %s %s;", structure->type_name, variable);
}

static void print_fill(Emitter *e, const ModuleStruct *structure, const char *variable) {
    if (structure->count)
        emit_text(e, "    {%s_tensors, %d, &%s},\n", variable, structure->count, variable);
}

/* What is filled with random elements: data, and weights that have no first values. */
static void print_data(Emitter *e, const Module *module, bool train) {
    const ModuleStruct *in = train ? &module->train_in : &module->in;
    bool weights = module_has_params(module) && !module_first(module, FUNCTION_INIT);
    emit_line(e, "static %sContext context;", module->type_prefix);
    module_print_workers(e, module);
    print_struct(e, in, "in");
    module_print_tensors(e, in, "in_tensors");
    module_print_tensors(e, &module->target, "target_tensors");
    if (train) {
        emit_line(e, "static %sTrain train;", module->type_prefix);
        print_struct(e, &module->target, "target");
        for (int i = 0; i < module->results.count; i++)
            emit_line(e, "static %s result_%d;", dtype_c_type(module->results.fields[i].type.dtype),
                      i);
    } else {
        print_struct(e, &module->out, "out");
        if (module_has_params(module)) emit_line(e, "static %s params;", module->params.type_name);
    }
    if (weights) module_print_tensors(e, &module->params, "params_tensors");
    emit_text(e, "static const NnFill fills[] = {\n");
    print_fill(e, in, "in");
    if (train) print_fill(e, &module->target, "target");
    if (weights)
        emit_text(e, "    {params_tensors, %d, &%s},\n", module->params.count,
                  train ? "train.params" : "params");
    emit_text(e, "    {NULL, 0, NULL},\n};\n");
}

static void print_start(Emitter *e, const Module *module, bool train) {
    const char *prefix = module->prefix;
    emit_text(e, "\nstatic void start(void) {\n");
    if (train)
        emit_text(e, "    %s_train_init(&train, 0);\n", prefix);
    else if (module_has_params(module) && module_first(module, FUNCTION_INIT))
        emit_text(e, "    %s_init(&params, 0);\n", prefix);
    emit_text(e, "}\n\nstatic void prepare(void) {\n");
    if (!train && module_has_params(module))
        emit_text(e, "    %s_prepare(&context, &params);\n", prefix);
    emit_text(e, "}\n");
}

static void print_run(Emitter *e, const Module *module, const ModuleFunction *function) {
    bool train = function->kind == FUNCTION_TRAIN_STEP;
    emit_text(e,
              "\nstatic int run(void) {\n    nn_bench_tick(&bench, -1);\n    return %s_%s(&context",
              module->prefix, function->name);
    if (train) emit_text(e, ", &train");
    if ((train ? module->train_in : module->in).count) emit_text(e, ", &in");
    if (!train && module->out.count) emit_text(e, ", &out");
    if (train && module->target.count) emit_text(e, ", &target");
    for (size_t i = 0; train && i < module->program->hypers.count; i++) {
        emit_text(e, ", ");
        emit_number(e, module->program->hypers.items[i].dtype,
                    module->program->hypers.items[i].value);
    }
    for (int i = 0; train && i < module->results.count; i++)
        emit_text(e, ", &result_%d", i);
    emit_text(e, ");\n}\n");
}

static int64_t batch_of(const ModuleFunction *function, const ModuleStruct *in) {
    if (function->batch) return function->batch;
    return in->count && in->fields[0].type.rank ? in->fields[0].type.dim[0] : 0;
}

static void print_main(Emitter *e, Module *module, const ModuleFunction *function) {
    bool train = function->kind == FUNCTION_TRAIN_STEP;
    emit_text(e, "#ifndef _POSIX_C_SOURCE\n#define _POSIX_C_SOURCE 200809L\n#endif\n");
    emit_text(e, "#include \"%s\"\n\n", module->header);
    runtime_print(e, "bench");
    emit_newline(e);
    print_data(e, module, train);
    int rows = print_steps(e, &function->plans[0]->run);
    emit_text(e, "static double seconds[%d], samples[%d * NN_BENCH_SAMPLES];\n", rows + 1,
              rows + 1);
    emit_text(e, "static void start(void), prepare(void);\nstatic int run(void);\n");
    emit_text(e, "static NnBench bench = {");
    print_text(e, module->prefix);
    emit_text(e, ", ");
    print_text(e, function->name);
    emit_text(e, ", ");
    print_text(e, module->variants[0]->name);
    emit_text(e,
              ", %lld, start, prepare, run, fills, sizeof fills / sizeof *fills, steps, %d, "
              "seconds, samples, 1, 0, 0};\n",
              (long long)batch_of(function, train ? &module->train_in : &module->in), rows);
    emit_text(e, "\nvoid nn_tick(int step);\nvoid nn_tick(int step) {\n    nn_bench_tick(&bench, "
                 "step);\n}\n");
    print_start(e, module, train);
    print_run(e, module, function);
    emit_line(e, "\nint main(int argc, char **argv) {");
    module_print_team(e, module, "nn_bench(&bench, argc, argv)", "bench.threads += ");
    emit_line(e, "}");
}

bool codegen_bench(const Program *program, const CodegenOptions *options, bool train, Buf *source,
                   Buf *header, Buf *main_text, CodegenReport *report, Buf *error) {
    Arena arena = {0};
    Module module;
    CodegenOptions ticking = *options;
    ticking.ticks = true;
    bool good = module_init(&module, program, &ticking, &arena, error);
    if (good) {
        FunctionKind kind = train ? FUNCTION_TRAIN_STEP : FUNCTION_FORWARD;
        const ModuleFunction *function = module_first(&module, kind);
        for (int i = 0; i < module.function_count; i++) /* the largest batch */
            if (module.functions[i].kind == kind) function = &module.functions[i];
        good = function != NULL;
        if (!good)
            buf_printf(error, "the program has no %s to time%s",
                       train ? "train step" : "forward function",
                       train ? ": a loss, its backward() and an optimizer's step()" : "");
        if (good) {
            Emitter to_source = {.out = source}, to_header = {.out = header},
                    to_main = {.out = main_text};
            module_print_source(&to_source, &module);
            module_print_header(&to_header, &module);
            print_main(&to_main, &module, function);
            if (report) module_report(&module, report);
        }
    }
    module_free(&module);
    arena_free(&arena);
    return good;
}
