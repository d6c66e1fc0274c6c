/* Taking strings apart and joining them: split, rsplit, splitlines, partition, join. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

#define METHOD(name) Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

static bool is_blank(char c) {
    return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
}

static void push(Vm *vm, List *list, const char *from, const char *to) {
    list_push(list, str_new(vm, from, (size_t)(to - from)));
}

static void split_blank(Vm *vm, const Str *s, int64_t limit, List *out) {
    const char *at = s->data, *end = s->data + s->size;
    for (;;) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end) return;
        if (limit == 0) {
            push(vm, out, at, end);
            return;
        }
        const char *from = at;
        while (at < end && !is_blank(*at))
            at++;
        push(vm, out, from, at);
        limit--;
    }
}

static void rsplit_blank(Vm *vm, const Str *s, int64_t limit, List *out) {
    const char *start = s->data, *at = s->data + s->size;
    for (;;) {
        while (at > start && is_blank(at[-1]))
            at--;
        if (at == start) return;
        if (limit == 0) {
            push(vm, out, start, at);
            return;
        }
        const char *to = at;
        while (at > start && !is_blank(at[-1]))
            at--;
        push(vm, out, at, to);
        limit--;
    }
}

static void split_by(Vm *vm, const Str *s, const Str *sep, int64_t limit, List *out) {
    const char *at = s->data, *end = s->data + s->size, *hit;
    while (limit != 0 &&
           (hit = memmem_find(at, (size_t)(end - at), sep->data, sep->size)) != NULL) {
        push(vm, out, at, hit);
        at = hit + sep->size;
        limit--;
    }
    push(vm, out, at, end);
}

static const char *last_hit(const char *start, const char *end, const Str *sep) {
    for (const char *at = end - sep->size; at >= start && end - start >= (ptrdiff_t)sep->size; at--)
        if (memcmp(at, sep->data, sep->size) == 0) return at;
    return NULL;
}

static void rsplit_by(Vm *vm, const Str *s, const Str *sep, int64_t limit, List *out) {
    const char *end = s->data + s->size, *hit;
    while (limit != 0 && (hit = last_hit(s->data, end, sep)) != NULL) {
        push(vm, out, hit + sep->size, end);
        end = hit;
        limit--;
    }
    push(vm, out, s->data, end);
}

static Value split(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                   bool from_right) {
    Value given[2];
    if (!vm_args(vm, name, "sep? maxsplit?", args + 1, nargs - 1, kwnames, given))
        return NULL_VALUE;
    int64_t limit = -1;
    if (!is_null(given[1]) && !vm_to_index(vm, given[1], &limit)) return NULL_VALUE;
    const Str *s = as_str(args[0]);
    Value list = list_new(vm, 4);
    if (is_null(given[0]) || is_none(given[0])) {
        (from_right ? rsplit_blank : split_blank)(vm, s, limit, as_list(list));
    } else if (!is_str(given[0]) || as_str(given[0])->size == 0) {
        decref(list);
        return is_str(given[0]) ? vm_raise(vm, EXC_ValueError, "empty separator")
                                : vm_raise(vm, EXC_TypeError, "must be str or None, not %s",
                                           vm_class_name(vm, given[0]));
    } else {
        (from_right ? rsplit_by : split_by)(vm, s, as_str(given[0]), limit, as_list(list));
    }
    if (from_right) {
        List *parts = as_list(list);
        for (size_t i = 0; i < parts->count / 2; i++) {
            Value other = parts->items[parts->count - 1 - i];
            parts->items[parts->count - 1 - i] = parts->items[i];
            parts->items[i] = other;
        }
    }
    return list;
}

METHOD(str_split) {
    return split(vm, "split", args, nargs, kwnames, false);
}
METHOD(str_rsplit) {
    return split(vm, "rsplit", args, nargs, kwnames, true);
}

METHOD(str_splitlines) {
    Value given[1];
    if (!vm_args(vm, "splitlines", "keepends?", args + 1, nargs - 1, kwnames, given))
        return NULL_VALUE;
    int keep = is_null(given[0]) ? 0 : vm_truth(vm, given[0]);
    if (keep < 0) return NULL_VALUE;
    const Str *s = as_str(args[0]);
    Value list = list_new(vm, 4);
    const char *at = s->data, *end = s->data + s->size;
    while (at < end) {
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r' && *stop != '\v' && *stop != '\f')
            stop++;
        const char *next = stop;
        if (next < end) next += *next == '\r' && next + 1 < end && next[1] == '\n' ? 2 : 1;
        push(vm, as_list(list), at, keep ? next : stop);
        at = next;
    }
    return list;
}

static Value partition(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                       bool last) {
    if (!vm_args_simple(vm, name, nargs, kwnames, 2, 2)) return NULL_VALUE;
    if (!vm_to_text(vm, args[1], "separator")) return NULL_VALUE;
    const Str *s = as_str(args[0]), *sep = as_str(args[1]);
    if (sep->size == 0) return vm_raise(vm, EXC_ValueError, "empty separator");
    const char *end = s->data + s->size;
    const char *hit =
        last ? last_hit(s->data, end, sep) : memmem_find(s->data, s->size, sep->data, sep->size);
    Value tuple = tuple_new(vm, 3);
    Value *items = as_tuple(tuple)->items;
    if (!hit) {
        items[last ? 2 : 0] = incref(args[0]);
        items[1] = NEW_REF(vm->empty_str);
        items[last ? 0 : 2] = NEW_REF(vm->empty_str);
        return tuple;
    }
    items[0] = str_new(vm, s->data, (size_t)(hit - s->data));
    items[1] = incref(args[1]);
    items[2] = str_new(vm, hit + sep->size, (size_t)(end - hit) - sep->size);
    return tuple;
}

METHOD(str_partition) {
    return partition(vm, "partition", args, nargs, kwnames, false);
}
METHOD(str_rpartition) {
    return partition(vm, "rpartition", args, nargs, kwnames, true);
}

METHOD(str_join) {
    if (!vm_args_simple(vm, "join", nargs, kwnames, 2, 2)) return NULL_VALUE;
    const Str *sep = as_str(args[0]);
    bool is_sequence = is_list(args[1]) || is_tuple(args[1]);
    if (!is_sequence && !vm_class_of(vm, args[1])->slots.iter &&
        !vm_class_of(vm, args[1])->slots.getitem)
        return vm_raise(vm, EXC_TypeError, "can only join an iterable");
    Value sequence = is_sequence ? incref(args[1]) : list_from_iterable(vm, args[1]);
    if (is_null(sequence)) return sequence;
    const Value *items;
    size_t count;
    vm_items(sequence, &items, &count);
    Buf buf = {0};
    for (size_t i = 0; i < count; i++) {
        if (!is_str(items[i])) {
            vm_raise(vm, EXC_TypeError, "sequence item %zu: expected str instance, %s found", i,
                     vm_class_name(vm, items[i]));
            break;
        }
        if (i > 0) buf_add(&buf, sep->data, sep->size);
        buf_add(&buf, as_str(items[i])->data, as_str(items[i])->size);
    }
    decref(sequence);
    if (!vm_failed(vm)) return str_from_buf(vm, &buf);
    buf_free(&buf);
    return NULL_VALUE;
}
