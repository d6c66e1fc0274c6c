/* The body of a function: a plan's steps as calls. */
#include <string.h>

#include "codegen/c/file.h"
#include "codegen/c/print.h"
#include "support/checked.h"

static const char *offset_expression(const FilePlaces *places, const char *base, size_t offset) {
    if (offset == 0) return arena_printf(places->parts->arena, "(void *)%s", base);
    return arena_printf(places->parts->arena, "(void *)(%s + %zu)", base, offset);
}

static const char *constant_expression(const FilePlaces *places, const Node *node,
                                       const void *bytes) {
    size_t number = file_add_constant(places->parts, &node->type, bytes);
    if (!places->constants) return arena_printf(places->parts->arena, "constant_%zu", number);
    return arena_printf(places->parts->arena, "%s[%zu]", places->constants, number);
}

const char *file_place(const FilePlaces *places, const Place *place) {
    switch (place->kind) {
    case PLACE_INPUT:
        return places->inputs[place->index];
    case PLACE_OUTPUT:
        return places->outputs[place->index];
    case PLACE_ARENA:
        return offset_expression(places, places->arena, place->offset);
    case PLACE_CONST:
        return constant_expression(places, place->node,
                                   node_attr(place->node, ATTR_data)->data.bytes);
    case PLACE_PREPARED:
        if (places->prepared) return offset_expression(places, places->prepared, place->offset);
        return constant_expression(places, place->node,
                                   (const char *)places->prepared_bytes + place->offset);
    }
    NNC_BUG("a place of kind %d", (int)place->kind);
}

static void print_copy(Emitter *e, const PlanStep *step, const FilePlaces *places) {
    const char *from = file_place(places, &step->arguments[0]);
    const char *to = file_place(places, &step->arguments[1]);
    if (strcmp(from, to) == 0 || step->arguments[0].bytes == 0) return;
    emit_line(e, "memmove(%s, %s, %zu);", to, from, step->arguments[0].bytes);
}

void file_print_wrapped(Emitter *e, const char *text) {
    enum { WIDTH = 100 };
    bool opens = text[strlen(text) - 1] == '{';
    size_t room = WIDTH - 4 * (size_t)e->indent;
    while (strlen(text) > room) {
        size_t take = room;
        while (take > 0 && !(text[take - 1] == ',' && text[take] == ' '))
            take--;
        if (take == 0) break;
        emit_text(e, "%.*s\n        ", (int)take, text);
        text += take + 1;
        room = WIDTH - 8 - 4 * (size_t)e->indent;
    }
    emit_text(e, "%s\n", text);
    if (opens) e->indent++;
}

static void print_call(Emitter *e, const PlanStep *step, const FilePlaces *places, int number,
                       const char *fault) {
    const Kernel *kernel = file_add_kernel(places->parts, step->kernel);
    Buf call = {0};
    buf_printf(&call, "%s%s(", kernel->faults ? "if (" : "", kernel->name);
    for (int i = 0; i < step->argument_count; i++) {
        buf_printf(&call, "%s%s", i ? ", " : "", file_place(places, &step->arguments[i]));
    }
    if (!kernel->faults) {
        buf_puts(&call, ");");
    } else if (fault) {
        buf_printf(&call, ")) return %s;", fault);
    } else {
        buf_printf(&call, ")) return %d;", number);
    }
    file_print_wrapped(e, buf_text(&call));
    buf_free(&call);
}

void file_print_steps(Emitter *e, const PlanSteps *steps, const FilePlaces *places,
                      const char *fault) {
    for (int s = 0; s < steps->count; s++) {
        const PlanStep *step = &steps->items[s];
        if (step->kernel) {
            print_call(e, step, places, s + 1, fault);
        } else {
            print_copy(e, step, places);
        }
    }
}
