/* The memory planner: no overlap in time and space, alignment, determinism, quality. */
#include <criterion/criterion.h>

#include "passes/memplan.h"

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void check_plan(const PlanItem *items, int count, size_t alignment, PlanReport report) {
    for (int i = 0; i < count; i++) {
        cr_assert_eq(items[i].offset % alignment, 0);
        cr_assert_leq(items[i].offset + items[i].bytes, report.peak);
        for (int j = 0; j < i; j++) {
            bool together = items[i].first <= items[j].last && items[j].first <= items[i].last;
            bool apart = items[i].offset + items[i].bytes <= items[j].offset ||
                         items[j].offset + items[j].bytes <= items[i].offset;
            cr_assert(!together || apart || items[i].bytes == 0 || items[j].bytes == 0,
                      "items %d and %d share bytes", i, j);
        }
    }
    cr_assert_geq(report.peak, report.lower_bound);
}

Test(memplan, empty) {
    Arena arena = {0};
    PlanReport report = memplan(NULL, 0, 64, &arena);
    cr_assert_eq(report.peak, 0);
    cr_assert_eq(report.lower_bound, 0);
    arena_free(&arena);
}

Test(memplan, chain_uses_two_buffers) {
    Arena arena = {0};
    PlanItem items[50];
    for (int i = 0; i < 50; i++)
        items[i] = (PlanItem){.bytes = 256, .first = i, .last = i + 1};
    PlanReport report = memplan(items, 50, 64, &arena);
    check_plan(items, 50, 64, report);
    cr_assert_eq(report.peak, 512);
    cr_assert_eq(report.lower_bound, 512);
    arena_free(&arena);
}

Test(memplan, lower_bound_counts_inclusive_steps) {
    Arena arena = {0};
    PlanItem items[] = {{.bytes = 100, .first = 0, .last = 2},
                        {.bytes = 10, .first = 2, .last = 3},
                        {.bytes = 50, .first = 3, .last = 3},
                        {.bytes = 0, .first = 0, .last = 9}};
    PlanReport report = memplan(items, 4, 1, &arena);
    check_plan(items, 4, 1, report);
    cr_assert_eq(report.lower_bound, 110);
    cr_assert_eq(report.peak, 110);
    arena_free(&arena);
}

Test(memplan, random_lifetimes) {
    uint64_t state = 1;
    double total_peak = 0, total_bound = 0;
    for (int round = 0; round < 200; round++) {
        Arena arena = {0};
        PlanItem items[120], again[120];
        int count = 1 + (int)(next_random(&state) % 120);
        for (int i = 0; i < count; i++) {
            int first = (int)(next_random(&state) % 60);
            int last = first + (int)(next_random(&state) % (i % 10 == 0 ? 40 : 6));
            items[i] =
                (PlanItem){.bytes = next_random(&state) % 5000, .first = first, .last = last};
            again[i] = items[i];
        }
        PlanReport report = memplan(items, count, 64, &arena);
        check_plan(items, count, 64, report);
        PlanReport second = memplan(again, count, 64, &arena);
        cr_assert_eq(report.peak, second.peak);
        for (int i = 0; i < count; i++)
            cr_assert_eq(items[i].offset, again[i].offset);
        total_peak += (double)report.peak;
        total_bound += (double)report.lower_bound;
        arena_free(&arena);
    }
    cr_assert_lt(total_peak / total_bound, 1.05, "peak over bound: %g", total_peak / total_bound);
}

Test(memplan, many_items) {
    Arena arena = {0};
    enum { COUNT = 100000 };
    PlanItem *items = ARENA_ARRAY(&arena, PlanItem, COUNT);
    uint64_t state = 7;
    for (int i = 0; i < COUNT; i++)
        items[i] = (PlanItem){.bytes = next_random(&state) % 4096,
                              .first = i,
                              .last = i + (int)(next_random(&state) % 3)};
    PlanReport report = memplan(items, COUNT, 64, &arena);
    cr_assert_geq(report.peak, report.lower_bound);
    arena_free(&arena);
}
