/* The body of a function: a plan's steps as calls, its loops as loops.
 *
 * Within a loop what a place's offset is depends on the iteration: t * stride where that is all
 * there is to it, else read from a table. */
#include <string.h>

#include "codegen/c/file.h"
#include "codegen/c/print.h"
#include "support/checked.h"

/* Where the steps are printed: in a loop, or not. */
typedef struct Scope {
    const FilePlaces *places;
    const PlanSteps *steps;
    const PlanLoop *loop; /* NULL: none */
    int printed;          /* steps so far */
    VEC(size_t) table;    /* of the loop: column after column, an offset for each iteration */
    bool alone;           /* what follows is for the first thread */
} Scope;

/* The place's offset in iteration t from where its pointer points: in bytes, or in elements. */
static size_t offset_in(const Scope *scope, int step, int argument, int t) {
    int length = scope->loop ? scope->loop->length : 0;
    const Place *place = &scope->steps->items[step + t * length].arguments[argument];
    bool bytes = place->kind == PLACE_ARENA ||
                 (place->kind == PLACE_PREPARED && scope->places->prepared != NULL);
    if (bytes) return place->offset + place->skip;
    return place->skip == 0 ? 0 : place->skip / dtype_size(place->node->type.dtype);
}

/* The column of the table with these offsets, which may be new. */
static size_t table_column(Scope *scope, const size_t *offsets) {
    size_t times = (size_t)scope->loop->times, columns = scope->table.count / times;
    for (size_t c = 0; c < columns; c++)
        if (memcmp(scope->table.items + c * times, offsets, times * sizeof *offsets) == 0) return c;
    for (size_t t = 0; t < times; t++)
        VEC_PUSH(scope->table, offsets[t]);
    return columns;
}

/* Whether the offsets grow evenly from iteration `from` on. The stride wraps where it is negative.
 */
static bool are_even(const size_t *offsets, size_t times, size_t from) {
    for (size_t t = from + 2; t < times; t++)
        if (offsets[t] - offsets[t - 1] != offsets[from + 1] - offsets[from]) return false;
    return true;
}

static bool alternate(const size_t *offsets, size_t times) {
    for (size_t t = 2; t < times; t++)
        if (offsets[t] != offsets[t - 2]) return false;
    return true;
}

/* The offset of iteration `count`, which counts from 0 where the offset is `first`. */
static const char *even_expression(Arena *arena, const char *count, size_t first, size_t second) {
    if (first == second) return arena_printf(arena, "%zu", first);
    if (second < first)
        return arena_printf(arena, "(%zu - %s * %zu)", first, count, first - second);
    if (first == 0) return arena_printf(arena, "%s * %zu", count, second);
    return arena_printf(arena, "(%zu + %s * %zu)", first, count, second - first);
}

/* An expression for the offset; NULL: none. */
static const char *offset_expression(Scope *scope, int step, int argument) {
    Arena *arena = scope->places->parts->arena;
    size_t first = offset_in(scope, step, argument, 0);
    const char *constant = first ? arena_printf(arena, "%zu", first) : NULL;
    if (!scope->loop) return constant;
    size_t times = (size_t)scope->loop->times, *at = ARENA_ARRAY(arena, size_t, times);
    for (size_t t = 0; t < times; t++)
        at[t] = offset_in(scope, step, argument, (int)t);
    if (are_even(at, times, 0))
        return at[0] == at[1] ? constant : even_expression(arena, "t", at[0], at[1]);
    if (alternate(at, times)) return arena_printf(arena, "(t %% 2 ? %zu : %zu)", at[1], at[0]);
    if (times > 3 && are_even(at, times, 1)) /* what the first iteration reads lies elsewhere */
        return arena_printf(arena, "(t ? %s : %zu)",
                            even_expression(arena, "(t - 1)", at[1], at[2]), at[0]);
    return arena_printf(arena, "at_%d[%zu][t]", scope->loop->first, table_column(scope, at));
}

static const char *constant_expression(const FilePlaces *places, const Node *node,
                                       const void *bytes) {
    size_t number = file_add_constant(places->parts, &node->type, bytes);
    if (!places->constants)
        return arena_printf(places->parts->arena, "%sconstant_%zu",
                            places->launches ? "memory->" : "", number);
    return arena_printf(places->parts->arena, "(const %s *)%s[%zu]", dtype_c_type(node->type.dtype),
                        places->constants, number);
}

/* What the offsets count from; in bytes if `void_pointer`. */
static const char *place_base(const FilePlaces *places, const Place *place, bool *void_pointer) {
    *void_pointer =
        place->kind == PLACE_ARENA || (place->kind == PLACE_PREPARED && places->prepared);
    switch (place->kind) {
    case PLACE_INPUT:
        return places->inputs[place->index];
    case PLACE_OUTPUT:
        return places->outputs[place->index];
    case PLACE_ARENA:
        return places->arena;
    case PLACE_CONST:
        return constant_expression(places, place->node,
                                   node_attr(place->node, ATTR_data)->data.bytes);
    case PLACE_PREPARED:
        if (places->prepared) return places->prepared;
        return constant_expression(places, place->node,
                                   (const char *)places->prepared_bytes + place->offset);
    }
    NNC_BUG("a place of kind %d", (int)place->kind);
}

/* What a pointer into working memory points to: C converts it, C++ doesn't. */
static const char *pointed_type(const Scope *scope, int step, int argument) {
    const Kernel *kernel = scope->steps->items[step].kernel;
    if (!scope->places->cplusplus || !kernel) return "void";
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (kbuf_is_parameter(buf) && argument-- == 0) return dtype_c_type(buf->dtype);
    }
    NNC_BUG("%s has no such parameter", kernel->name);
}

static const char *place_expression(Scope *scope, int step, int argument) {
    Arena *arena = scope->places->parts->arena;
    bool void_pointer;
    const char *base =
        place_base(scope->places, &scope->steps->items[step].arguments[argument], &void_pointer);
    const char *offset = offset_expression(scope, step, argument);
    if (offset) base = arena_printf(arena, "%s + %s", base, offset);
    if (!void_pointer) return base;
    const char *type = pointed_type(scope, step, argument);
    return arena_printf(arena, offset ? "(%s *)(%s)" : "(%s *)%s", type, base);
}

/* A copy of a value to where it is. */
static bool is_nothing(Scope *scope, int s) {
    const PlanStep *step = &scope->steps->items[s];
    if (step->kernel) return false;
    return step->arguments[0].bytes == 0 ||
           strcmp(place_expression(scope, s, 0), place_expression(scope, s, 1)) == 0;
}

static void print_copy(Emitter *e, Scope *scope, int s) {
    if (is_nothing(scope, s)) return;
    const char *to = place_expression(scope, s, 1), *from = place_expression(scope, s, 0);
    size_t bytes = scope->steps->items[s].arguments[0].bytes;
    if (scope->places->launches)
        file_print_wrapped(e, arena_printf(scope->places->parts->arena,
                                           "nn_copy(ctx->cuda, %s, %s, %zu, stream);", to, from,
                                           bytes));
    else
        emit_line(e, "memmove(%s, %s, %zu);", to, from, bytes);
}

/* Scratch memory that each thread has for itself. */
static bool is_own(const Place *place) {
    return !place->node && !place->shared;
}

size_t file_worker_bytes(const PlanSteps *steps) {
    size_t most = 0;
    for (int s = 0; s < steps->count; s++) {
        const PlanStep *step = &steps->items[s];
        size_t bytes = 0;
        for (int i = 0; step->kernel && step->kernel->split && i < step->argument_count; i++)
            if (is_own(&step->arguments[i]))
                bytes += round_up_size(step->arguments[i].bytes, PLAN_ALIGNMENT);
        if (bytes > most) most = bytes;
    }
    return most;
}

/* The arguments of a kernel: of a split one with scratch memory that is the thread's own. */
static void put_arguments(Buf *call, Scope *scope, int s) {
    const PlanStep *step = &scope->steps->items[s];
    bool own = step->kernel->split && scope->places->threads;
    size_t offset = 0;
    for (int i = 0; i < step->argument_count; i++) {
        const Place *place = &step->arguments[i];
        const char *expression = place_expression(scope, s, i);
        if (i > 0) buf_puts(call, ", ");
        if (own && is_own(place)) {
            buf_printf(call, "nn_own(team, part, %s, %zu)", expression, offset);
            offset += round_up_size(place->bytes, PLAN_ALIGNMENT);
        } else {
            buf_puts(call, expression);
        }
    }
    if (step->kernel->split && step->kernel->meets) buf_puts(call, own ? ", team" : ", NULL");
    if (step->kernel->split) buf_puts(call, own ? ", part" : ", (NnPart){0, 1}");
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

static void print_call(Emitter *e, Scope *scope, int s, const char *fault) {
    const PlanStep *step = &scope->steps->items[s];
    const Kernel *kernel = file_add_kernel(scope->places->parts, step->kernel);
    Buf call = {0};
    if (scope->places->launches) {
        buf_printf(&call, "LAUNCH(%s, %lld, %d, ", kernel->name, (long long)kernel->blocks,
                   kernel->threads);
        put_arguments(&call, scope, s);
        buf_puts(&call, kernel->faults ? ", &memory->fault);" : ");");
        file_print_wrapped(e, buf_text(&call));
        buf_free(&call);
        return;
    }
    bool threads = scope->places->threads;
    const char *alone = threads && !kernel->split ? "part.index == 0 && " : "";
    if (kernel->faults) buf_printf(&call, "if (%s", alone);
    buf_printf(&call, "%s(", kernel->name);
    put_arguments(&call, scope, s);
    if (!kernel->faults) {
        buf_puts(&call, ");");
    } else if (threads) {
        buf_puts(&call, ")) nn_give_up(team);");
    } else if (fault) {
        buf_printf(&call, ")) %s", fault);
    } else if (scope->loop) {
        buf_printf(&call, ")) return %d + (int)t * %d;", s + 1, scope->loop->length);
    } else {
        buf_printf(&call, ")) return %d;", s + 1);
    }
    file_print_wrapped(e, buf_text(&call));
    buf_free(&call);
}

static void print_step(Emitter *e, Scope *scope, int s, const char *fault) {
    if (scope->steps->items[s].kernel)
        print_call(e, scope, s, fault);
    else
        print_copy(e, scope, s);
    if (scope->places->ticks)
        emit_line(e, "%snn_tick(%d);",
                  scope->places->threads && !scope->alone ? "if (part.index == 0) " : "",
                  scope->printed);
    scope->printed++;
}

/* Whether only the first thread has to do with the steps. */
static bool are_alone(const PlanSteps *steps, int first, int count) {
    for (int s = first; s < first + count; s++) {
        const Kernel *kernel = steps->items[s].kernel;
        if (steps->items[s].meets || (kernel && (kernel->split || kernel->faults))) return false;
    }
    return true;
}

/* Opens or closes the block of what the first thread does alone. */
static void set_alone(Emitter *e, Scope *scope, bool alone) {
    if (alone == scope->alone) return;
    emit_line(e, alone ? "if (part.index == 0) {" : "}");
    scope->alone = alone;
}

/* A step where there may be threads. */
static void print_shared_step(Emitter *e, Scope *scope, int s, const char *fault) {
    const PlanStep *step = &scope->steps->items[s];
    if (!scope->places->threads) {
        print_step(e, scope, s, fault);
        return;
    }
    if (step->meets) {
        set_alone(e, scope, false);
        emit_line(e, "nn_meet(team);");
    }
    bool faults = step->kernel && step->kernel->faults;
    bool split = step->kernel && step->kernel->split;
    if (!is_nothing(scope, s)) set_alone(e, scope, !faults && !split);
    print_step(e, scope, s, fault);
    if (faults) emit_line(e, "if (nn_meet(team)) %s", fault);
}

static void print_table(Emitter *e, const Scope *scope) {
    size_t times = (size_t)scope->loop->times, largest = 0;
    for (size_t i = 0; i < scope->table.count; i++)
        if (scope->table.items[i] > largest) largest = scope->table.items[i];
    emit_line(e, "static const uint%d_t at_%d[%zu][%zu] = {", largest > UINT32_MAX ? 64 : 32,
              scope->loop->first, scope->table.count / times, times);
    Buf row = {0};
    for (size_t i = 0; i < scope->table.count; i++) {
        buf_printf(&row, "%s%zu%s", i % times == 0 ? "{" : ", ", scope->table.items[i],
                   (i + 1) % times == 0 ? "}," : "");
        if ((i + 1) % times != 0) continue;
        file_print_wrapped(e, buf_text(&row));
        buf_clear(&row);
    }
    buf_free(&row);
    emit_line(e, "};");
}

/* The body is printed first: it says which columns the table has. */
static void print_loop(Emitter *e, Scope *scope, const char *fault) {
    const PlanLoop *loop = scope->loop;
    Buf body = {0};
    if (scope->places->threads)
        set_alone(e, scope, are_alone(scope->steps, loop->first, loop->length));
    Emitter inner = {.out = &body, .indent = e->indent + 1};
    bool outside = scope->alone;
    for (int i = 0; i < loop->length; i++)
        print_shared_step(&inner, scope, loop->first + i, fault);
    if (!outside) set_alone(&inner, scope, false);
    if (scope->table.count) print_table(e, scope);
    emit_line(e, "for (size_t t = 0; t < %d; t++) {", loop->times);
    buf_add(e->out, body.data, body.size);
    emit_line(e, "}");
    VEC_FREE(scope->table);
    buf_free(&body);
}

void file_print_steps(Emitter *e, const PlanSteps *steps, const FilePlaces *places,
                      const char *fault) {
    Scope scope = {.places = places, .steps = steps};
    for (int s = 0, next = 0; s < steps->count;) {
        scope.loop = plan_loop_at(steps, s, &next);
        if (scope.loop) {
            print_loop(e, &scope, fault);
            s += scope.loop->length * scope.loop->times;
        } else {
            print_shared_step(e, &scope, s++, fault);
        }
    }
    set_alone(e, &scope, false);
}
