/* Static memory planning: offsets in one arena for buffers with known lifetimes. */
#ifndef NNC_PASSES_MEMPLAN_H
#define NNC_PASSES_MEMPLAN_H

#include <stddef.h>
#include <stdint.h>

#include "support/arena.h"

typedef struct PlanItem {
    size_t bytes;
    int first, last; /* steps in which it must hold its value, inclusive */
    size_t offset;   /* result: a multiple of the alignment */
} PlanItem;

typedef struct PlanReport {
    size_t peak;        /* bytes of the arena */
    size_t lower_bound; /* the largest sum of bytes alive at one step */
} PlanReport;

/* Greedy by size into the lowest gap, then improved by re-insertion; deterministic. */
PlanReport memplan(PlanItem *items, int count, size_t alignment, Arena *scratch);

/* The report's lower bound alone. */
size_t memplan_bound(const PlanItem *items, int count, Arena *scratch);

#endif
