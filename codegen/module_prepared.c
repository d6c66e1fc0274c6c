/* Prepared weights of several forward functions: one block for all of them.
 *
 * Functions for different batches mostly pack their weights alike. A prepare step that repeats one
 * of an earlier function is dropped, and what it made is read where the earlier one put it; what
 * differs gets a place behind. Steps are alike when their kernels are and they read the same: each
 * has a key that says in bytes what it reads. */
#include <string.h>

#include "codegen/module.h"
#include "support/checked.h"

typedef struct Made {
    const PlanStep *step;
    Buf key;
    int number; /* of the first step that does the same */
} Made;

/* Where a prepared value of a function's plan went. */
typedef struct Moved {
    size_t from, to;
} Moved;

typedef struct Sharing {
    Arena *arena;
    VEC(Made) made; /* the steps of all functions so far */
    size_t first;   /* the first one of the function at hand */
    VEC(Moved) moved;
    size_t end; /* of the block so far */
} Sharing;

static bool is_written(const PlanStep *step, int argument) {
    const Kernel *kernel = step->kernel;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (kbuf_is_parameter(buf) && argument-- == 0) return buf->role != KBUF_IN;
    }
    NNC_BUG("%s has no such parameter", kernel->name);
}

static bool writes(const PlanStep *step, const Place *place, int *argument) {
    for (int i = 0; i < step->argument_count; i++) {
        const Place *other = &step->arguments[i];
        if (other->kind != place->kind || other->offset != place->offset) continue;
        *argument = i;
        if (is_written(step, i)) return true;
    }
    return false;
}

/* The function's step that wrote the place last, before step `before`. */
static size_t writer(const Sharing *sharing, const Place *place, size_t before, int *argument) {
    while (before-- > sharing->first)
        if (writes(sharing->made.items[before].step, place, argument)) return before;
    NNC_BUG("a prepare step reads what none has written");
}

static void add_read(const Sharing *sharing, const Graph *graph, const Place *place, Buf *key) {
    int argument = 0;
    if (place->kind == PLACE_INPUT) {
        const GraphInput *input = &graph->inputs.items[place->index];
        buf_printf(key, "input %d %d %zu\n", (int)input->role, input->slot, place->skip);
    } else if (place->kind == PLACE_CONST) {
        const Attr *data = node_attr(place->node, ATTR_data);
        buf_printf(key, "constant %zu ", data->data.size);
        buf_add(key, data->data.bytes, data->data.size);
    } else {
        const Made *made = sharing->made.items;
        NNC_CHECK(made, "the first prepare step reads another");
        size_t from = writer(sharing, place, sharing->made.count, &argument);
        buf_printf(key, "step %d %d %zu\n", made[from].number, argument, place->skip);
    }
}

/* All that the step writes is in the prepared block, or (scratch aside) in the arena. */
static bool writes_only(const PlanStep *step, PlaceKind kind) {
    for (int i = 0; i < step->argument_count; i++) {
        const Place *place = &step->arguments[i];
        if (is_written(step, i) && place->node && place->kind != kind) return false;
    }
    return true;
}

/* Two steps with equal keys are one if what they make is kept alike. */
static bool keeps_same(const PlanStep *a, const PlanStep *b) {
    return (writes_only(a, PLACE_PREPARED) && writes_only(b, PLACE_PREPARED)) ||
           (writes_only(a, PLACE_ARENA) && writes_only(b, PLACE_ARENA));
}

static void add_step(Sharing *sharing, const Graph *graph, const PlanStep *step) {
    Made made = {.step = step, .number = (int)sharing->made.count};
    for (int i = 0; i < step->argument_count; i++)
        if (!is_written(step, i)) add_read(sharing, graph, &step->arguments[i], &made.key);
    for (size_t i = 0; i < sharing->first; i++) {
        const Made *other = &sharing->made.items[i];
        bool same = file_kernels_equal(other->step->kernel, step->kernel) &&
                    other->key.size == made.key.size &&
                    memcmp(buf_text(&other->key), buf_text(&made.key), made.key.size) == 0;
        if (!same || !keeps_same(other->step, step)) continue;
        made.number = other->number;
        break;
    }
    VEC_PUSH(sharing->made, made);
}

static void move_results(Sharing *sharing, size_t index) {
    const Made *made = &sharing->made.items[index];
    const Made *first = &sharing->made.items[made->number];
    for (int i = 0; i < made->step->argument_count; i++) {
        const Place *place = &made->step->arguments[i];
        if (place->kind != PLACE_PREPARED || !is_written(made->step, i)) continue;
        Moved moved = {.from = place->offset, .to = sharing->end};
        if (first != made)
            moved.to = first->step->arguments[i].offset;
        else
            sharing->end += (place->bytes + PLAN_ALIGNMENT - 1) / PLAN_ALIGNMENT * PLAN_ALIGNMENT;
        VEC_PUSH(sharing->moved, moved);
    }
}

static size_t moved_to(const Sharing *sharing, size_t from) {
    for (size_t i = 0; i < sharing->moved.count; i++)
        if (sharing->moved.items[i].from == from) return sharing->moved.items[i].to;
    NNC_BUG("a prepared value that no step makes");
}

static void move_places(const Sharing *sharing, const PlanSteps *steps) {
    for (int s = 0; s < steps->count; s++) {
        for (int i = 0; i < steps->items[s].argument_count; i++) {
            Place *place = &steps->items[s].arguments[i];
            if (place->kind == PLACE_PREPARED) place->offset = moved_to(sharing, place->offset);
        }
    }
}

/* Steps that make something new for the block, and what these read. */
static void mark_kept(const Sharing *sharing, bool *kept) {
    for (size_t i = sharing->made.count; i-- > sharing->first;) {
        const Made *made = &sharing->made.items[i];
        bool arena = writes_only(made->step, PLACE_ARENA);
        if (!arena && made->number == (int)i) kept[i] = true;
        for (int k = 0; kept[i] && k < made->step->argument_count; k++) {
            const Place *place = &made->step->arguments[k];
            bool read = !is_written(made->step, k) &&
                        (place->kind == PLACE_ARENA || place->kind == PLACE_PREPARED);
            int argument;
            size_t from = read ? writer(sharing, place, i, &argument) : i;
            if (read && writes_only(sharing->made.items[from].step, PLACE_ARENA)) kept[from] = true;
        }
    }
}

static void share_plan(Sharing *sharing, Plan *plan) {
    PlanSteps *prepare = &plan->prepare;
    sharing->first = sharing->made.count;
    sharing->moved.count = 0;
    /* The steps as they were planned stay readable: their places move in the end. */
    for (int s = 0; s < prepare->count; s++)
        add_step(sharing, plan->graph, &prepare->items[s]);
    bool *kept = ARENA_ARRAY(sharing->arena, bool, sharing->made.count + 1);
    mark_kept(sharing, kept);
    for (size_t i = sharing->first; i < sharing->made.count; i++)
        move_results(sharing, i);
    move_places(sharing, prepare);
    move_places(sharing, &plan->run);
    PlanStep *steps = ARENA_ARRAY(sharing->arena, PlanStep, (size_t)prepare->count + 1);
    int count = 0;
    for (int s = 0; s < prepare->count; s++)
        if (kept[sharing->first + (size_t)s]) steps[count++] = prepare->items[s];
    prepare->items = steps;
    prepare->count = count;
}

static void share_variant(Module *module, int variant) {
    Sharing sharing = {.arena = module->arena};
    for (int i = 0; i < module->function_count; i++)
        if (module->functions[i].kind == FUNCTION_FORWARD)
            share_plan(&sharing, module->functions[i].plans[variant]);
    for (int i = 0; i < module->function_count; i++)
        if (module->functions[i].kind == FUNCTION_FORWARD)
            module->functions[i].plans[variant]->prepared_bytes = sharing.end;
    for (size_t i = 0; i < sharing.made.count; i++)
        buf_free(&sharing.made.items[i].key);
    VEC_FREE(sharing.made);
    VEC_FREE(sharing.moved);
}

void module_share_prepared(Module *module) {
    const ModuleFunction *forward = module_first(module, FUNCTION_FORWARD);
    if (!forward || !forward->batch) return; /* a single one has its block for itself */
    for (int variant = 0; variant < module->variant_count; variant++)
        share_variant(module, variant);
}
