/* Where the threads that run a plan must meet.
 *
 * All of them run split kernels, each its part; the first one does everything else, and works on
 * the arena where the others have scratch memory of their own, but for what they share. A step that
 * touches what another thread may have written since they met last, or may still read, waits for
 * all. Kernels that fault are followed by a meeting at which all threads learn of it. */
#include "codegen/plan_internal.h"

typedef struct Touch {
    const Place *place;
    bool written, by_first; /* by_first: by no thread but the first */
} Touch;

typedef VEC(Touch) Touches;

/* What was touched since the last meeting: by the first thread alone, and by all. */
typedef struct Meeting {
    const Graph *graph;
    Touches first, all;
} Meeting;

static bool share_memory(const Graph *graph, const Place *a, const Place *b) {
    if (a->kind == PLACE_INPUT && b->kind == PLACE_OUTPUT) return share_memory(graph, b, a);
    if (a->kind == PLACE_OUTPUT && b->kind == PLACE_INPUT) {
        const GraphOutput *output = &graph->outputs.items[a->index];
        return output->role == OUT_UPDATE && output->updates == b->index;
    }
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case PLACE_INPUT:
    case PLACE_OUTPUT:
        return a->index == b->index;
    case PLACE_CONST:
        return false;
    case PLACE_ARENA:
    case PLACE_PREPARED:
        return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
    }
    return false;
}

static bool conflicts(const Meeting *meeting, const Touches *others, const Touch *touch) {
    for (size_t i = 0; i < others->count; i++) {
        const Touch *other = &others->items[i];
        if ((touch->written || other->written) &&
            share_memory(meeting->graph, touch->place, other->place))
            return true;
    }
    return false;
}

/* Of a step's argument: copies read the first and write the second. */
static Touch touch_of(const PlanStep *step, int argument, KBufRole role) {
    bool split = step->kernel && step->kernel->split;
    const Place *place = &step->arguments[argument];
    bool own = role == KBUF_SCRATCH && !place->shared;
    return (Touch){place, role != KBUF_IN, !split || own};
}

/* Calls back for each argument's touch, until that says true. */
static bool visit(Meeting *meeting, const PlanStep *step, bool (*body)(Meeting *, Touch)) {
    if (!step->kernel)
        return body(meeting, touch_of(step, 0, KBUF_IN)) ||
               body(meeting, touch_of(step, 1, KBUF_OUT));
    int argument = 0;
    for (size_t i = 0; i < step->kernel->buffers.count; i++) {
        const KBuf *buf = step->kernel->buffers.items[i];
        if (!kbuf_is_parameter(buf)) continue;
        if (body(meeting, touch_of(step, argument++, buf->role))) return true;
    }
    return false;
}

static bool visit_conflict(Meeting *meeting, Touch touch) {
    if (conflicts(meeting, &meeting->all, &touch)) return true;
    return !touch.by_first && conflicts(meeting, &meeting->first, &touch);
}

static bool visit_push(Meeting *meeting, Touch touch) {
    Touches *touches = touch.by_first ? &meeting->first : &meeting->all;
    VEC_PUSH(*touches, touch);
    return false;
}

static void meet(Meeting *meeting) {
    meeting->first.count = meeting->all.count = 0;
}

/* A loop is written down once, for all of its iterations. */
static void meet_in_loops(PlanSteps *steps) {
    for (int l = 0; l < steps->loop_count; l++) {
        const PlanLoop *loop = &steps->loops[l];
        for (int i = 0; i < loop->length; i++)
            for (int t = 1; t < loop->times; t++)
                if (steps->items[loop->first + t * loop->length + i].meets)
                    steps->items[loop->first + i].meets = true;
    }
}

void plan_meet(PlanSteps *steps, const Graph *graph) {
    if (!plan_is_split(steps)) return;
    Meeting meeting = {.graph = graph};
    for (int s = 0; s < steps->count; s++) {
        PlanStep *step = &steps->items[s];
        step->meets = visit(&meeting, step, visit_conflict);
        if (step->meets) meet(&meeting);
        visit(&meeting, step, visit_push);
        if (step->kernel && step->kernel->faults) meet(&meeting);
    }
    meet_in_loops(steps);
    VEC_FREE(meeting.first);
    VEC_FREE(meeting.all);
}

bool plan_is_split(const PlanSteps *steps) {
    for (int s = 0; s < steps->count; s++)
        if (steps->items[s].kernel && steps->items[s].kernel->split) return true;
    return false;
}
