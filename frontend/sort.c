/* Sorting of lists: a stable merge sort, asking only `<` as Python does. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

typedef struct Item {
    Value key, value;
} Item;

enum { RUN = 8 };

/* b < a? -1: raised. */
static int before(Vm *vm, Value b, Value a) {
    if (a.tag == TAG_FLOAT && b.tag == TAG_FLOAT) return b.f < a.f;
    return vm_compare_bool(vm, COMPARE_LT, b, a);
}

static bool insertion_sort(Vm *vm, Item *items, size_t count) {
    for (size_t i = 1; i < count; i++) {
        Item moved = items[i];
        size_t at = i;
        while (at > 0) {
            int less = before(vm, moved.key, items[at - 1].key);
            if (less < 0) {
                items[at] = moved;
                return false;
            }
            if (!less) break;
            items[at] = items[at - 1];
            at--;
        }
        items[at] = moved;
    }
    return true;
}

/* Merges from[0..middle) and from[middle..count) into `to`; after a failed comparison the rest is
 * copied unsorted, so that no item is lost. */
static bool merge(Vm *vm, const Item *from, size_t middle, size_t count, Item *to) {
    size_t i = 0, j = middle, n = 0;
    bool ok = true;
    while (ok && i < middle && j < count) {
        int less = before(vm, from[j].key, from[i].key);
        ok = less >= 0;
        if (ok) to[n++] = less ? from[j++] : from[i++];
    }
    while (i < middle)
        to[n++] = from[i++];
    while (j < count)
        to[n++] = from[j++];
    return ok;
}

static bool merge_sort(Vm *vm, Item *items, size_t count) {
    for (size_t at = 0; at < count; at += RUN)
        if (!insertion_sort(vm, items + at, count - at < RUN ? count - at : RUN)) return false;
    Item *other = xcalloc(count ? count : 1, sizeof *other);
    bool ok = true;
    for (size_t width = RUN; ok && width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t n = count - at < 2 * width ? count - at : 2 * width;
            size_t middle = n < width ? n : width;
            if (!ok)
                memcpy(other + at, items + at, n * sizeof *items);
            else
                ok = merge(vm, items + at, middle, n, other + at);
        }
        memcpy(items, other, count * sizeof *items);
    }
    free(other);
    return ok;
}

static void reverse_items(Item *items, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        Item other = items[count - 1 - i];
        items[count - 1 - i] = items[i];
        items[i] = other;
    }
}

/* Compiling: among numbers of which one isn't known, it isn't known which comes where. */
static bool fill_with_unknown(List *list) {
    size_t at = 0;
    while (at < list->count && !has_flag(list->items[at], CLASS_UNKNOWN))
        at++;
    if (at == list->count) return false;
    Value unknown = incref(list->items[at]);
    for (size_t i = 0; i < list->count; i++) {
        Value old = list->items[i];
        list->items[i] = incref(unknown);
        decref(old); /* may run a finalizer */
    }
    decref(unknown);
    return true;
}

Value sort_list(Vm *vm, List *list, Value key, bool reverse) {
    if (vm->silent && is_none(key) && fill_with_unknown(list)) return NONE;
    size_t count = list->count;
    Item *items = xcalloc(count ? count : 1, sizeof *items);
    bool ok = true;
    size_t n = 0;
    /* The list is empty while it is sorted: a key function can't disturb it. */
    Value *taken = list->items;
    size_t capacity = list->capacity;
    list->items = NULL;
    list->count = list->capacity = 0;
    for (; ok && n < count; n++) {
        items[n].value = taken[n];
        items[n].key = is_none(key) ? incref(taken[n]) : vm_call1(vm, key, taken[n]);
        ok = !is_null(items[n].key);
    }
    if (ok) {
        /* Reversing before and after keeps equal items in order. */
        if (reverse) reverse_items(items, count);
        ok = merge_sort(vm, items, count);
        if (reverse) reverse_items(items, count);
        for (size_t i = 0; i < count; i++)
            taken[i] = items[i].value;
    }
    for (size_t i = 0; i < n; i++)
        decref(items[i].key);
    free(items);
    Value *meanwhile = list->items;
    size_t added = list->count;
    list->items = taken;
    list->count = count;
    list->capacity = capacity;
    for (size_t i = 0; i < added; i++)
        decref(meanwhile[i]);
    vec_free(meanwhile);
    return ok ? NONE : NULL_VALUE;
}
