/* Offsets in the arena for what the steps store.
 *
 * Values that a loop's iterations store one after the other, a *stream*, may lie at even distances,
 * or all in one or two places where they don't live on: then the loop computes its offsets and
 * needs no table, and there is little to plan however often it goes round. A stream takes its
 * memory for as long as any of its values lives, so plans without streams may be smaller. */
#include "codegen/plan_internal.h"
#include "support/checked.h"

enum {
    MAX_WORK =
        3000000,   /* pairs of items that live at once, up to which each is placed for itself */
    FRACTION = 20, /* even distances may cost this part of the memory */
};

typedef struct Stream {
    size_t bytes;  /* of each value */
    int low, high; /* numbers of its values: iterations of the loop that stores them, and around */
    int slots;     /* how many places they need */
    PlanItem whole;
} Stream;

typedef struct Layout {
    const PlanSteps *steps;
    PlanItem *items;
    int count;
    int *stream; /* by item: number of its stream, or -1 */
    int *number; /* by item: within the stream */
    VEC(Stream) streams;
} Layout;

/* The item that an argument of the loop's body is in an iteration; -1: it isn't in the arena. */
static int item_at(const Layout *l, const PlanLoop *loop, int step, int argument, int t) {
    const PlanStep *at = &l->steps->items[loop->first + step + t * loop->length];
    return at->arguments[argument].kind == PLACE_ARENA ? at->arguments[argument].index : -1;
}

static void join(Layout *l, int item, int stream, int number) {
    Stream *to = &l->streams.items[stream];
    l->stream[item] = stream;
    l->number[item] = number;
    if (number < to->low) to->low = number;
    if (number > to->high) to->high = number;
}

/* A stream, if each iteration stores a value of its own there. */
static void start_stream(Layout *l, const PlanLoop *loop, int step, int argument) {
    for (int t = 0; t < loop->times; t++) {
        int item = item_at(l, loop, step, argument, t);
        if (item < 0 || l->stream[item] >= 0) return;
        if (l->items[item].first != loop->first + step + t * loop->length) return;
    }
    Stream stream = {.bytes = l->items[item_at(l, loop, step, argument, 0)].bytes};
    VEC_PUSH(l->streams, stream);
    for (int t = 0; t < loop->times; t++)
        join(l, item_at(l, loop, step, argument, t), (int)l->streams.count - 1, t);
}

/* What the first or last iteration reads where the others read a stream is the stream's next value:
 * it was stored before the loop began. */
static bool extend_stream(Layout *l, const PlanLoop *loop, int step, int argument, int t,
                          int inward) {
    int item = item_at(l, loop, step, argument, t);
    if (item < 0 || l->stream[item] >= 0) return false;
    int next = item_at(l, loop, step, argument, t + inward);
    int after = item_at(l, loop, step, argument, t + 2 * inward);
    int stream = l->stream[next];
    if (stream < 0 || stream != l->stream[after]) return false;
    int number = 2 * l->number[next] - l->number[after];
    const Stream *to = &l->streams.items[stream];
    if (number != to->low - 1 && number != to->high + 1) return false;
    if (l->items[item].bytes != to->bytes) return false;
    join(l, item, stream, number);
    return true;
}

static bool visit_arguments(Layout *l, bool starts) {
    bool changed = false;
    for (int k = 0; k < l->steps->loop_count; k++) {
        const PlanLoop *loop = &l->steps->loops[k];
        for (int s = 0; s < loop->length; s++) {
            for (int a = 0; a < l->steps->items[loop->first + s].argument_count; a++) {
                if (starts) {
                    start_stream(l, loop, s, a);
                    continue;
                }
                changed |= extend_stream(l, loop, s, a, 0, 1);
                changed |= extend_stream(l, loop, s, a, loop->times - 1, -1);
            }
        }
    }
    return changed;
}

/* Whether values of a stream that are `distance` apart never live at once. */
static bool takes_turns(const Layout *l, int *const *members, int stream, int distance) {
    const Stream *s = &l->streams.items[stream];
    for (int i = 0; i + distance <= s->high - s->low; i++) {
        const PlanItem *one = &l->items[members[stream][i]];
        if (one->last >= l->items[members[stream][i + distance]].first) return false;
    }
    return true;
}

static void measure_streams(Layout *l, Arena *scratch) {
    int **members = ARENA_ARRAY(scratch, int *, l->streams.count);
    for (size_t k = 0; k < l->streams.count; k++) {
        Stream *s = &l->streams.items[k];
        members[k] = ARENA_ARRAY(scratch, int, (size_t)(s->high - s->low + 1));
        s->whole = (PlanItem){.first = INT32_MAX, .last = -1};
    }
    for (int i = 0; i < l->count; i++) {
        if (l->stream[i] < 0) continue;
        Stream *s = &l->streams.items[l->stream[i]];
        members[l->stream[i]][l->number[i] - s->low] = i;
        if (l->items[i].first < s->whole.first) s->whole.first = l->items[i].first;
        if (l->items[i].last > s->whole.last) s->whole.last = l->items[i].last;
    }
    for (size_t k = 0; k < l->streams.count; k++) {
        Stream *s = &l->streams.items[k];
        s->slots = takes_turns(l, members, (int)k, 1)   ? 1
                   : takes_turns(l, members, (int)k, 2) ? 2
                                                        : s->high - s->low + 1;
        size_t before;
        NNC_CHECK(
            mul_size((size_t)(s->slots - 1), round_up_size(s->bytes, PLAN_ALIGNMENT), &before),
            "arena too large");
        s->whole.bytes = before + s->bytes;
    }
}

/* Places streams whole, and the other items beside them. */
static PlanReport place_streams(Layout *l, Arena *scratch) {
    VEC(PlanItem) wholes = {0};
    for (size_t k = 0; k < l->streams.count; k++)
        VEC_PUSH(wholes, l->streams.items[k].whole);
    for (int i = 0; i < l->count; i++)
        if (l->stream[i] < 0) VEC_PUSH(wholes, l->items[i]);
    PlanReport report = memplan(wholes.items, (int)wholes.count, PLAN_ALIGNMENT, scratch);
    size_t single = l->streams.count;
    for (int i = 0; i < l->count; i++) {
        if (l->stream[i] < 0) {
            l->items[i].offset = wholes.items[single++].offset;
            continue;
        }
        const Stream *s = &l->streams.items[l->stream[i]];
        size_t slot = (size_t)((l->number[i] - s->low) % s->slots);
        l->items[i].offset =
            wholes.items[l->stream[i]].offset + slot * round_up_size(s->bytes, PLAN_ALIGNMENT);
    }
    VEC_FREE(wholes);
    return report;
}

/* Pairs of items that live at once, about. */
static double pairs(const Layout *l) {
    double steps = 0;
    for (int i = 0; i < l->count; i++)
        steps += l->items[i].last - l->items[i].first + 1;
    return l->steps->count ? steps / l->steps->count * l->count : 0;
}

PlanReport plan_places(const PlanSteps *steps, PlanItem *items, int count) {
    Arena scratch = {0};
    Layout l = {.steps = steps, .items = items, .count = count};
    l.stream = ARENA_ARRAY(&scratch, int, (size_t)count);
    l.number = ARENA_ARRAY(&scratch, int, (size_t)count);
    for (int i = 0; i < count; i++)
        l.stream[i] = -1;
    visit_arguments(&l, true);
    while (visit_arguments(&l, false)) {
    }
    measure_streams(&l, &scratch);
    size_t bound = memplan_bound(items, count, &scratch);
    PlanReport report = {0};
    if (l.streams.count > 0) report = place_streams(&l, &scratch);
    bool small = l.streams.count > 0 && report.peak <= bound + bound / FRACTION;
    if (l.streams.count == 0 || (!small && pairs(&l) <= MAX_WORK)) {
        PlanItem *single = arena_copy(&scratch, items, (size_t)count, sizeof *items);
        PlanReport alone = memplan(single, count, PLAN_ALIGNMENT, &scratch);
        if (l.streams.count == 0 || alone.peak + alone.peak / FRACTION < report.peak) {
            report = alone;
            if (count > 0) memcpy(items, single, (size_t)count * sizeof *items);
        }
    }
    report.lower_bound = bound;
    VEC_FREE(l.streams);
    arena_free(&scratch);
    return report;
}
