/* A plan as text: what --dump=after:memplan shows. */
#include "codegen/plan.h"

static void print_place(Buf *out, const Place *place) {
    static const char *const kinds[] = {"input", "output", "const", "arena", "prepared"};
    buf_printf(out, " %s", kinds[place->kind]);
    if (place->kind == PLACE_ARENA || place->kind == PLACE_PREPARED)
        buf_printf(out, "[%zu..%zu]", place->offset, place->offset + place->bytes);
    else if (place->kind != PLACE_CONST)
        buf_printf(out, " %d", place->index);
    if (place->skip) buf_printf(out, "+%zu", place->skip);
}

static void print_step(Buf *out, const char *indent, const PlanStep *step) {
    buf_printf(out, "%s%s:", indent, step->kernel != NULL ? step->kernel->name : "copy");
    for (int i = 0; i < step->argument_count; i++)
        print_place(out, &step->arguments[i]);
    buf_putc(out, '\n');
}

static void print_steps(Buf *out, const char *name, const PlanSteps *steps) {
    if (steps->count == 0) return;
    buf_printf(out, "%s: arena %zu bytes, liveness needs at least %zu\n", name, steps->arena_bytes,
               steps->arena_lower_bound);
    for (int s = 0, next = 0; s < steps->count;) {
        const PlanLoop *loop = plan_loop_at(steps, s, &next);
        if (!loop) {
            print_step(out, "  ", &steps->items[s++]);
            continue;
        }
        buf_printf(out, "  %d times, the first of them:\n", loop->times);
        for (int i = 0; i < loop->length; i++)
            print_step(out, "    ", &steps->items[s + i]);
        s += loop->length * loop->times;
    }
}

void plan_print(Buf *out, const Plan *plan) {
    print_steps(out, "prepare", &plan->prepare);
    print_steps(out, "run", &plan->run);
}
