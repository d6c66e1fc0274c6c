/* Loops in a list of steps: where the same kernels are called over and over on places that differ
 * in nothing but offsets, as in the time steps of a recurrent network.
 *
 * Steps become symbols, equal where a loop's body may stand for both. From the end on, the cheapest
 * way to write the rest is found for each step: it alone, or a loop that begins there, of any
 * length, as long as it goes. */
#include "codegen/plan_internal.h"
#include "support/checked.h"

enum {
    LONGEST_BODY = 512, /* steps */
    FEWEST_TIMES = 3,
};

static bool same_places(const Place *a, const Place *b) {
    if (a->kind != b->kind || a->bytes != b->bytes) return false;
    if (a->kind == PLACE_ARENA) return true;
    if (a->index != b->index) return false;
    return a->kind != PLACE_CONST || a->node == b->node;
}

static bool same_step(const PlanStep *a, const PlanStep *b) {
    if (!a->kernel || !b->kernel || kernel_code(a->kernel) != kernel_code(b->kernel)) return false;
    for (size_t i = 0; i < a->kernel->buffers.count; i++)
        if (a->kernel->buffers.items[i]->aliased != b->kernel->buffers.items[i]->aliased)
            return false;
    for (int i = 0; i < a->argument_count; i++)
        if (!same_places(&a->arguments[i], &b->arguments[i])) return false;
    return true;
}

/* A number for each step, the same for those that a loop may treat alike. */
static int *find_symbols(const PlanSteps *steps, Arena *scratch) {
    int *symbols = ARENA_ARRAY(scratch, int, (size_t)steps->count);
    int *distinct = ARENA_ARRAY(scratch, int, (size_t)steps->count), count = 0;
    for (int s = 0; s < steps->count; s++) {
        int i = 0;
        while (i < count && !same_step(&steps->items[distinct[i]], &steps->items[s]))
            i++;
        if (i == count) distinct[count++] = s;
        symbols[s] = i;
    }
    return symbols;
}

/* How the steps from one on are written best. */
typedef struct Choice {
    int cost; /* lines, about */
    int length, times;
} Choice;

static void choose(const int *symbols, int count, Choice *choices, int *repeats) {
    choices[count] = (Choice){0};
    for (int s = count; s-- > 0;) {
        Choice best = {choices[s + 1].cost + 1, 1, 1};
        for (int length = 1; length <= LONGEST_BODY && s + length < count; length++) {
            repeats[length] = symbols[s] == symbols[s + length] ? repeats[length] + 1 : 0;
            int times = repeats[length] / length + 1;
            if (times < FEWEST_TIMES) continue;
            int cost = choices[s + length * times].cost + length + 2;
            if (cost < best.cost) best = (Choice){cost, length, times};
        }
        choices[s] = best;
    }
}

const PlanLoop *plan_loop_at(const PlanSteps *steps, int step, int *next) {
    if (*next >= steps->loop_count || steps->loops[*next].first != step) return NULL;
    return &steps->loops[(*next)++];
}

void plan_roll(PlanSteps *steps, Arena *arena) {
    Arena scratch = {0};
    size_t count = (size_t)steps->count;
    Choice *choices = ARENA_ARRAY(&scratch, Choice, count + 1);
    int *repeats = ARENA_ARRAY(&scratch, int, LONGEST_BODY + 1);
    VEC(PlanLoop) loops = {0};
    choose(find_symbols(steps, &scratch), steps->count, choices, repeats);
    for (int s = 0; s < steps->count; s += choices[s].length * choices[s].times)
        if (choices[s].times > 1)
            VEC_PUSH(loops, (PlanLoop){s, choices[s].length, choices[s].times});
    steps->loops = arena_copy(arena, loops.items, loops.count, sizeof *loops.items);
    steps->loop_count = (int)loops.count;
    VEC_FREE(loops);
    arena_free(&scratch);
}
