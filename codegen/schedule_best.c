/* The few schedules that are worth being measured. The model's first ones look alike: what it ranks
 * nearly as well and differs tells more. */
#include <stdlib.h>

#include "codegen/schedule.h"
#include "support/checked.h"

static const double MOST_COST = 2;      /* times the least */
static const double LEAST_CHANGE = 1.2; /* of a size */

typedef struct Ranked {
    Schedule schedule;
    double cost;
    int number; /* among the candidates: ties stay as they are */
} Ranked;

static int compare_ranked(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
    return x->number - y->number;
}

static bool same_way(const Schedule *a, const Schedule *b) {
    return a->winograd == b->winograd && a->slide == b->slide && a->pairs == b->pairs &&
           a->pieces == b->pieces && a->row == b->row && a->lane == b->lane &&
           a->vector_operand == b->vector_operand && a->pack == b->pack;
}

static bool near(double a, double b) {
    return a < b * LEAST_CHANGE && b < a * LEAST_CHANGE;
}

/* Whether they are the same way in tiles of about the same sizes. */
static bool alike(const Contraction *c, const Schedule *a, const Schedule *b) {
    bool sizes = near(a->vectors, b->vectors);
    for (int d = 0; d < c->out_count; d++)
        sizes &= near((double)a->tile[d], (double)b->tile[d]);
    return same_way(a, b) && sizes;
}

/* Adds the schedule unless there is one of its kind. */
static int add(const Contraction *c, const Schedule *s, bool ways, Schedule *out, int count,
               int limit) {
    for (int i = 0; i < count; i++)
        if (ways ? same_way(&out[i], s) : alike(c, &out[i], s)) return count;
    if (count < limit) out[count++] = *s;
    return count;
}

/* The model's choice by other chunks, which it doesn't weigh: without panels, with longer and
 * shorter sums, with more steps written out. */
static int add_variants(const Contraction *c, const ScheduleRequest *request, const Schedule *s,
                        Schedule *out, int count, int limit) {
    Schedule variants[4] = {*s, *s, *s, *s};
    variants[0].chunk_dims = variants[0].chunk_level = 0;
    variants[0].chunk = 1;
    variants[0].block = 0;
    variants[1].chunk *= 2;
    variants[1].block = 0;
    variants[2].chunk /= 2;
    variants[3].unroll *= 2;
    int first = s->chunk_dims > 0 ? 0 : 3, end = s->winograd || s->slide || s->pieces ? first : 4;
    Buf why = {0};
    for (int i = first; i < end && count < limit; i++)
        if (schedule_check(c, request, &variants[i], &why)) out[count++] = variants[i];
    buf_free(&why);
    return count;
}

int schedule_best(const Contraction *c, const ScheduleRequest *request, Schedule *out, int limit) {
    if (limit < 1 || !schedule_choose(c, request, &out[0])) return 0;
    int all = schedule_candidates(c, request, NULL, NULL, 0), count = 1;
    Schedule *candidates = xcalloc((size_t)all, sizeof *candidates);
    double *costs = xcalloc((size_t)all, sizeof *costs);
    Ranked *ranked = xcalloc((size_t)all, sizeof *ranked);
    schedule_candidates(c, request, candidates, costs, all);
    for (int i = 0; i < all; i++)
        ranked[i] = (Ranked){candidates[i], costs[i], i};
    qsort(ranked, (size_t)all, sizeof *ranked, compare_ranked);
    /* Each way first, then a few more of the best. */
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < all && ranked[i].cost <= ranked[0].cost * MOST_COST; i++)
            count = add(c, &ranked[i].schedule, pass == 0, out, count, limit * (pass + 1) / 2);
        if (pass == 0) count = add_variants(c, request, &out[0], out, count, limit);
    }
    free(candidates);
    free(costs);
    free(ranked);
    return count;
}
