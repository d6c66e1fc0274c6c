/* What a module costs, for the file's comment and for -v: memory and kernels. */
#include "codegen/module.h"
#include "codegen/schedule_book.h"

static void report_kernel(Buf *out, const char *function, const Kernel *kernel) {
    buf_printf(out, "%s: %s", function, kernel->name);
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (!buf->node || (buf->role != KBUF_IN && buf->role != KBUF_OUT)) continue;
        buf_puts(out, buf->role == KBUF_IN ? " " : " -> ");
        type_print(out, &buf->node->type);
    }
    buf_printf(out, " %.3f MFLOP", kernel->flops * 1e-6);
    if (kernel->schedule) buf_printf(out, " (%s)", kernel->schedule);
    buf_putc(out, '\n');
}

static int report_steps(Buf *out, const char *function, const PlanSteps *steps) {
    int kernels = 0;
    for (int s = 0; s < steps->count; s++) {
        if (!steps->items[s].kernel) continue;
        report_kernel(out, function, steps->items[s].kernel);
        kernels++;
    }
    return kernels;
}

/* The choices of a list of steps, in order: false as soon as the visitor says so. */
typedef bool Visit(void *context, const Kernel *kernel, const KernelChoice *choice);

static bool visit_steps(const PlanSteps *steps, Visit *visit, void *context) {
    for (int s = 0; s < steps->count; s++) {
        const Kernel *kernel = steps->items[s].kernel;
        for (int i = 0; kernel && i < kernel->choice_count; i++)
            if (!visit(context, kernel, &kernel->choices[i])) return false;
    }
    return true;
}

static bool visit_choices(const Module *module, Visit *visit, void *context) {
    for (int i = 0; i < module->function_count; i++)
        for (int variant = 0; variant < MODULE_MAX_VARIANTS; variant++) {
            const Plan *plan = module->functions[i].plans[variant];
            if (plan && (!visit_steps(&plan->prepare, visit, context) ||
                         !visit_steps(&plan->run, visit, context)))
                return false;
        }
    return true;
}

static bool check_choice(void *context, const Kernel *kernel, const KernelChoice *choice) {
    Buf *error = context;
    (void)kernel;
    if (choice->wrong)
        buf_printf(error, "the schedule for \"%s\" is impossible: %s", choice->key, choice->wrong);
    return !choice->wrong;
}

bool module_follows_schedules(const Module *module, Buf *error) {
    buf_printf(error, "%s: ", schedule_book_name(module->options->schedules));
    bool good = visit_choices(module, check_choice, error);
    if (good) buf_clear(error);
    return good;
}

static bool report_choice(void *context, const Kernel *kernel, const KernelChoice *choice) {
    CodegenReport *report = context;
    const char **others = ARENA_ARRAY(report->arena, const char *, (size_t)choice->other_count);
    for (int i = 0; i < choice->other_count; i++)
        others[i] = arena_strdup(report->arena, choice->others[i]);
    CodegenChoice copy = {.kernel = arena_strdup(report->arena, kernel->name),
                          .key = arena_strdup(report->arena, choice->key),
                          .schedule = arena_strdup(report->arena, choice->schedule),
                          .others = others,
                          .other_count = choice->other_count};
    VEC_PUSH(report->choices, copy);
    return true;
}

void module_report(const Module *module, CodegenReport *report) {
    report->arena_bytes = module->arena_bytes;
    report->arena_lower_bound = module->arena_lower_bound;
    report->kernel_count = 0;
    int last = module->variant_count - 1; /* the ablest */
    for (int i = 0; i < module->function_count; i++) {
        const ModuleFunction *function = &module->functions[i];
        const Plan *plan = function->plans[function->kind == FUNCTION_INIT ? 0 : last];
        report->kernel_count += report_steps(&report->kernels, "prepare", &plan->prepare);
        report->kernel_count += report_steps(&report->kernels, function->name, &plan->run);
    }
    if (report->arena) visit_choices(module, report_choice, report);
}

static void comment_step(Emitter *e, const char *indent, const Kernel *kernel) {
    emit_text(e, " *   %s", indent);
    emit_ident(e, kernel ? kernel->name : "copy");
    if (kernel) emit_text(e, " %.3f", kernel->flops * 1e-6);
    emit_text(e, "\n");
}

static void comment_function(Emitter *e, const Module *module, const ModuleFunction *function) {
    bool init = function->kind == FUNCTION_INIT;
    const Plan *plan = function->plans[init ? 0 : module->variant_count - 1];
    emit_text(e, " *\n * %s (%.3f MFLOP):\n", function->name, plan->flops * 1e-6);
    for (int s = 0, next = 0; s < plan->run.count;) {
        const PlanLoop *loop = plan_loop_at(&plan->run, s, &next);
        int length = loop ? loop->length : 1;
        if (loop) emit_text(e, " *   %d times:\n", loop->times);
        for (int i = 0; i < length; i++)
            comment_step(e, loop ? "  " : "", plan->run.items[s + i].kernel);
        s += loop ? length * loop->times : 1;
    }
}

void module_print_comment(Emitter *e, const Module *module, bool kernels) {
    const CodegenOptions *options = module->options;
    Buf line = {0};
    buf_printf(&line, "Generated by nnc %s from %s%s%s. The text belongs to the user of nnc.",
               options->version ? options->version : "", module->program->source_path,
               options->flags && *options->flags ? " with " : "",
               options->flags ? options->flags : "");
    if (options->precision != PRECISION_HIGHEST)
        buf_printf(&line, " Products of float32 values are of the precision class %s.",
                   precision_name(options->precision));
    emit_comment(e, buf_text(&line));
    buf_free(&line);
    if (!kernels) return;
    emit_text(e,
              "\n/* Nothing here allocates or keeps state; every index is in range by "
              "construction, or checked\n"
              " * where data decide it. Working memory: %zu bytes (values alive at once need %zu), "
              "and %zu\n"
              " * bytes of prepared weights.\n",
              module->arena_bytes, module->arena_lower_bound, module->prepared_bytes);
    for (int i = 0; i < module->function_count; i++)
        comment_function(e, module, &module->functions[i]);
    emit_text(e, " */\n");
}
