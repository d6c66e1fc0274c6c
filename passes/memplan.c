/* Static memory planning: an offset in one arena for each buffer.
 *
 * Two buffers may share bytes when no step needs both. Items are placed one after the other, each
 * into the smallest gap between the already placed items that live at the same time. The order
 * decides the quality: largest first is good, where that falls short longest lived first often is
 * better, and either is improved by moving the item that makes the peak to the front and placing
 * everything again, as long as that helps.
 *
 * Items that overlap in time are found with a segment tree over the items sorted by first step; a
 * tree node holds the latest last step of the placed items under it. */
#include "passes/memplan.h"

#include <string.h>

#include "support/checked.h"

/* Bounds of the search for a better order, from each first order: rounds, and overlaps looked at
 * (some ten ms). */
enum { MAX_ROUNDS = 64, MAX_WORK = 500000 };

typedef struct SortKey {
    int64_t key; /* ascending */
    int item;
} SortKey;

typedef struct Planner {
    PlanItem *items;
    int count;
    size_t alignment;
    int *by_first; /* item at each tree position */
    int *position; /* tree position of each item */
    int *tree;     /* [1]: root; leaves start at `leaves`; -1: nothing placed */
    int leaves;    /* power of two */
    int *found;    /* result of the last overlap query */
    int found_count;
    int64_t work;   /* overlaps looked at so far */
    SortKey *spare; /* one an item */
} Planner;

static bool key_before(const SortKey *x, const SortKey *y) {
    return x->key != y->key ? x->key < y->key : x->item < y->item;
}

/* By merging runs, in `spare`'s room: qsort's calls of a comparison would be most of the search. */
static void sort_keys(SortKey *keys, SortKey *spare, int count) {
    for (int width = 1; width < count; width *= 2) {
        for (int low = 0; low < count; low += 2 * width) {
            int middle = low + width < count ? low + width : count;
            int high = low + 2 * width < count ? low + 2 * width : count;
            for (int a = low, b = middle, to = low; to < high; to++) {
                bool second = a == middle || (b < high && key_before(&keys[b], &keys[a]));
                spare[to] = second ? keys[b++] : keys[a++];
            }
        }
        memcpy(keys, spare, (size_t)count * sizeof *keys);
    }
}

static void tree_set(Planner *planner, int item, int last) {
    int at = planner->leaves + planner->position[item];
    planner->tree[at] = last;
    for (at /= 2; at >= 1; at /= 2) {
        int left = planner->tree[2 * at], right = planner->tree[2 * at + 1];
        planner->tree[at] = left > right ? left : right;
    }
}

static void tree_clear(Planner *planner) {
    for (int i = 0; i < 2 * planner->leaves; i++)
        planner->tree[i] = -1;
}

/* Collects the placed items that share a step with `item`. Depth is log2 of the count. */
static void find_overlapping(Planner *planner, const PlanItem *item, int node, int low, int high) {
    if (planner->tree[node] < item->first || low >= planner->count) return;
    if (planner->items[planner->by_first[low]].first > item->last) return;
    if (high - low == 1) {
        planner->found[planner->found_count++] = planner->by_first[low];
        return;
    }
    int middle = low + (high - low) / 2;
    find_overlapping(planner, item, 2 * node, low, middle);
    find_overlapping(planner, item, 2 * node + 1, middle, high);
}

/* Puts `item` into the smallest gap that holds it, else after everything that lives with it. */
static size_t best_offset(Planner *planner, const PlanItem *item, SortKey *keys) {
    planner->found_count = 0;
    find_overlapping(planner, item, 1, 0, planner->leaves);
    planner->work += planner->found_count;
    for (int i = 0; i < planner->found_count; i++)
        keys[i] = (SortKey){(int64_t)planner->items[planner->found[i]].offset, planner->found[i]};
    sort_keys(keys, planner->spare, planner->found_count);
    size_t end = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
    for (int i = 0; i < planner->found_count; i++) {
        const PlanItem *other = &planner->items[keys[i].item];
        if (other->offset > end) {
            size_t gap = other->offset - end;
            if (gap >= item->bytes && gap < best_gap) best = end, best_gap = gap;
        }
        size_t other_end = round_up_size(other->offset + other->bytes, planner->alignment);
        if (other_end > end) end = other_end;
    }
    return best == SIZE_MAX ? end : best;
}

/* Places all items in the order given; returns the peak. */
static size_t place_all(Planner *planner, const int *order, SortKey *keys) {
    size_t peak = 0;
    tree_clear(planner);
    for (int i = 0; i < planner->count; i++) {
        PlanItem *item = &planner->items[order[i]];
        item->offset = 0;
        if (item->bytes == 0) continue;
        item->offset = best_offset(planner, item, keys);
        tree_set(planner, order[i], item->last);
        size_t end;
        NNC_CHECK(add_size(item->offset, item->bytes, &end), "the memory plan overflows");
        if (end > peak) peak = end;
    }
    return peak;
}

/* The largest sum of sizes, rounded up to the alignment, alive at one step. */
static size_t lower_bound(const PlanItem *items, int count, size_t alignment, Arena *scratch) {
    /* Bytes start before the frees of the same step: lifetimes are inclusive. */
    SortKey *starts = ARENA_ARRAY(scratch, SortKey, (size_t)count);
    SortKey *ends = ARENA_ARRAY(scratch, SortKey, (size_t)count);
    SortKey *spare = ARENA_ARRAY(scratch, SortKey, (size_t)count);
    for (int i = 0; i < count; i++) {
        starts[i] = (SortKey){items[i].first, i};
        ends[i] = (SortKey){items[i].last, i};
    }
    sort_keys(starts, spare, count);
    sort_keys(ends, spare, count);
    size_t alive = 0, bound = 0;
    for (int i = 0, e = 0; i < count; i++) {
        while (ends[e].key < starts[i].key)
            alive -= round_up_size(items[ends[e++].item].bytes, alignment);
        alive += round_up_size(items[starts[i].item].bytes, alignment);
        if (alive > bound) bound = alive;
    }
    return bound;
}

size_t memplan_bound(const PlanItem *items, int count, Arena *scratch) {
    return lower_bound(items, count, 1, scratch);
}

static Planner planner_new(PlanItem *items, int count, size_t alignment, SortKey *keys,
                           Arena *scratch) {
    Planner planner = {.items = items, .count = count, .alignment = alignment, .leaves = 1};
    while (planner.leaves < count)
        planner.leaves *= 2;
    planner.by_first = ARENA_ARRAY(scratch, int, (size_t)count);
    planner.position = ARENA_ARRAY(scratch, int, (size_t)count);
    planner.found = ARENA_ARRAY(scratch, int, (size_t)count);
    planner.tree = ARENA_ARRAY(scratch, int, 2 * (size_t)planner.leaves);
    planner.spare = ARENA_ARRAY(scratch, SortKey, (size_t)count);
    for (int i = 0; i < count; i++)
        keys[i] = (SortKey){items[i].first, i};
    sort_keys(keys, planner.spare, count);
    for (int i = 0; i < count; i++) {
        planner.by_first[i] = keys[i].item;
        planner.position[keys[i].item] = i;
    }
    return planner;
}

/* The item whose end is the peak; of several, the first in the order. */
static int peak_index(const Planner *planner, const int *order, size_t peak) {
    for (int i = 0; i < planner->count; i++) {
        const PlanItem *item = &planner->items[order[i]];
        if (item->bytes > 0 && item->offset + item->bytes == peak) return i;
    }
    return -1;
}

static void move_to_front(int *order, int index) {
    int item = order[index];
    for (int i = index; i > 0; i--)
        order[i] = order[i - 1];
    order[0] = item;
}

/* Betters `order` round by round; what is best of all goes to *best and best_order. */
static void search(Planner *planner, int *order, size_t enough, size_t *best, int *best_order,
                   SortKey *keys) {
    planner->work = 0;
    for (int round = 0; round < MAX_ROUNDS && planner->work < MAX_WORK; round++) {
        size_t peak = place_all(planner, order, keys);
        if (peak < *best) {
            *best = peak;
            memcpy(best_order, order, (size_t)planner->count * sizeof *order);
        }
        int index = peak_index(planner, order, peak);
        if (*best <= enough || index <= 0) return;
        move_to_front(order, index);
    }
}

PlanReport memplan(PlanItem *items, int count, size_t alignment, Arena *scratch) {
    if (count == 0) return (PlanReport){0};
    for (int i = 0; i < count; i++)
        NNC_CHECK(items[i].first >= 0 && items[i].first <= items[i].last, "item %d: no lifetime",
                  i);
    SortKey *keys = ARENA_ARRAY(scratch, SortKey, (size_t)count);
    Planner planner = planner_new(items, count, alignment, keys, scratch);
    size_t bound = lower_bound(items, count, 1, scratch);
    /* What can only be bettered by what alignment wastes, and a little: not worth a search. */
    size_t enough = lower_bound(items, count, alignment, scratch);
    enough += enough / 64;

    int *order = ARENA_ARRAY(scratch, int, (size_t)count);
    int *best_order = ARENA_ARRAY(scratch, int, (size_t)count);
    size_t best = SIZE_MAX;
    for (int start = 0; start < 2 && best > enough; start++) {
        for (int i = 0; i < count; i++) {
            int64_t length = items[i].last - items[i].first;
            keys[i] = (SortKey){start == 0 ? -(int64_t)items[i].bytes : -length, i};
        }
        sort_keys(keys, planner.spare, count);
        for (int i = 0; i < count; i++)
            order[i] = keys[i].item;
        search(&planner, order, enough, &best, best_order, keys);
    }
    best = place_all(&planner, best_order, keys);
    return (PlanReport){.peak = best, .lower_bound = bound};
}
