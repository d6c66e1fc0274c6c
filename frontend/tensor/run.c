/* `nnc run`: evaluates a program with lazy tensors that are computed when a value is needed. */
#include <stdlib.h>

#include "frontend/frontend.h"
#include "frontend/tensor/script.h"
#include "support/clock.h"

static bool need_by_running(TensorState *ts, LazyNode *node, const char *what) {
    (void)what;
    return script_evaluate(ts, node);
}

/* What was recorded happens before the effect does. A fault shows where its value is read. */
static void evaluate_pending(Vm *vm) {
    if (!vm_failed(vm)) script_evaluate(tensor_state(vm), NULL);
}

/* Milliseconds, for the summary. */
static double ms(double seconds) {
    return seconds * 1e3;
}

static void print_summary(const TensorState *ts, double seconds) {
    ScriptCounters c = script_counters(ts);
    fprintf(stderr,
            "nnc: %llu evaluations of %llu nodes: %llu in the first tier, %llu by compiled code, "
            "%llu updates in place\n"
            "nnc: %llu graphs planned, %llu compiled%s%s, %llu evaluations reused one\n",
            (unsigned long long)c.evaluations, (unsigned long long)c.nodes,
            (unsigned long long)c.interpreted, (unsigned long long)(c.evaluations - c.interpreted),
            (unsigned long long)c.updates, (unsigned long long)c.graphs,
            (unsigned long long)c.compiled, c.compiled ? " by " : "",
            c.compiled ? c.native.compiler : "", (unsigned long long)(c.evaluations - c.graphs));
    if (c.native.reason[0]) fprintf(stderr, "nnc: %s\n", c.native.reason);
    double known = c.planning + c.interpreting + c.running;
    fprintf(stderr,
            "nnc: planning %.1f ms, first tier %.1f ms, compiled code %.1f ms, all else %.1f ms; "
            "%.3f s; "
            "compiling beside it %.1f ms (parsing %.1f, optimizing %.1f, generating code %.1f)\n",
            ms(c.planning), ms(c.interpreting), ms(c.running), ms(seconds - known), seconds,
            ms(c.compiling), ms(c.parse), ms(c.optimize), ms(c.generate));
}

static char **argv_of(const FrontendOptions *options, Sources *sources) {
    char **argv = xcalloc((size_t)options->arg_count + 2, sizeof *argv);
    union {
        const char *text;
        char *argument;
    } path = {.text = sources_get(sources, options->file)->path};
    argv[0] = path.argument;
    for (int i = 0; i < options->arg_count; i++)
        argv[i + 1] = options->args[i];
    return argv;
}

int frontend_run(const FrontendOptions *options, Sources *sources) {
    Vm vm = {0};
    vm_init(&vm, sources);
    vm.out = options->out ? options->out : stdout;
    vm.argc = options->arg_count + 1;
    vm.argv = argv_of(options, sources);
    vm.script_path = sources_get(sources, options->file)->path;
    if (options->interrupted) vm.interrupted = options->interrupted;
    if (options->step_limit > 0) vm.step_limit = (uint64_t)options->step_limit;
    TensorState *ts = tensor_state_new(&vm);
    ts->policy = (Policy){.need_value = need_by_running};
    if (options->autocast) ts->autocast = *options->autocast;
    ts->script = script_new(ts, options->vector, options->precision);
    vm.before_effect = evaluate_pending;
    vm.at_back_edge = script_back_edge;
    double start = clock_seconds();
    int status = 0;
    bool ok = vm_run_main(&vm, options->file) && script_evaluate(ts, NULL);
    if (!ok) status = is_null(vm.raised) ? 1 : vm_report_raised(&vm);
    fflush(vm.out);
    if (options->verbose) print_summary(ts, clock_seconds() - start);
    if (options->ends) {
        vm_finish(&vm);
        script_free(ts);
        return status;
    }
    char **argv = vm.argv;
    tensor_state_release(ts);
    vm_free(&vm);
    script_free(ts);
    tensor_state_free(ts);
    free(argv);
    return status;
}
