/* range, slice, and the iterators of the builtins: over sequences, ranges and callables,
 * enumerate, zip, map, filter, reversed. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

static Value self_iter(Vm *vm, Value self) {
    (void)vm;
    return incref(self);
}

/* ---- slice ---- */

Value slice_new(Vm *vm, Value start, Value stop, Value step) {
    Slice *slice = (Slice *)(void *)vm_alloc(vm, vm->cls[CLS_SLICE]);
    slice->start = incref(start);
    slice->stop = incref(stop);
    slice->step = incref(step);
    return FROM_OBJ(slice);
}

static bool slice_part(Vm *vm, Value v, int64_t *out) {
    if (!is_int(v) && !vm_class_of(vm, v)->slots.to_index) {
        vm_raise(vm, EXC_TypeError,
                 "slice indices must be integers or None or have an __index__ method");
        return false;
    }
    Value index = vm_index(vm, v);
    if (is_null(index)) return false;
    *out = as_int(index); /* beyond 64 bits is beyond any end */
    decref(index);
    return true;
}

bool slice_bounds(Vm *vm, const Slice *slice, int64_t length, int64_t *start, int64_t *step,
                  int64_t *count) {
    int64_t from, to;
    *step = 1;
    if (!is_none(slice->step) && !slice_part(vm, slice->step, step)) return false;
    if (*step == 0) {
        vm_raise(vm, EXC_ValueError, "slice step cannot be zero");
        return false;
    }
    if (*step == INT64_MIN) *step = -INT64_MAX;
    int64_t low = *step < 0 ? -1 : 0, high = *step < 0 ? length - 1 : length;
    if (is_none(slice->start))
        from = *step < 0 ? high : low;
    else if (!slice_part(vm, slice->start, &from))
        return false;
    else if (from < 0)
        from = from + length < low ? low : from + length;
    else if (from > high)
        from = high;
    if (is_none(slice->stop))
        to = *step < 0 ? low : high;
    else if (!slice_part(vm, slice->stop, &to))
        return false;
    else if (to < 0)
        to = to + length < low ? low : to + length;
    else if (to > high)
        to = high;
    *start = from;
    if (*step > 0)
        *count = from < to ? (to - from - 1) / *step + 1 : 0;
    else
        *count = to < from ? (from - to - 1) / -*step + 1 : 0;
    return true;
}

static void slice_dealloc(Obj *self) {
    Slice *slice = (Slice *)(void *)self;
    decref(slice->start), decref(slice->stop), decref(slice->step);
}
static void slice_traverse(Obj *self, VisitFn visit, void *context) {
    Slice *slice = (Slice *)(void *)self;
    visit_value(slice->start, visit, context);
    visit_value(slice->stop, visit, context);
    visit_value(slice->step, visit, context);
}
static Value slice_repr(Vm *vm, Value self) {
    const Slice *slice = (const Slice *)(const void *)self.o;
    Buf buf = {0};
    buf_puts(&buf, "slice(");
    bool ok = vm_repr_to(vm, slice->start, &buf);
    buf_puts(&buf, ", ");
    ok = ok && vm_repr_to(vm, slice->stop, &buf);
    buf_puts(&buf, ", ");
    ok = ok && vm_repr_to(vm, slice->step, &buf);
    buf_putc(&buf, ')');
    if (ok) return str_from_buf(vm, &buf);
    buf_free(&buf);
    return NULL_VALUE;
}
static Value slice_getattr(Vm *vm, Value self, Str *name) {
    const Slice *slice = (const Slice *)(const void *)self.o;
    if (str_equals(name, "start")) return incref(slice->start);
    if (str_equals(name, "stop")) return incref(slice->stop);
    if (str_equals(name, "step")) return incref(slice->step);
    return vm_generic_getattr(vm, self, name);
}
static Value slice_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if ((op != COMPARE_EQ && op != COMPARE_NE) || vm_class_of(vm, a) != vm_class_of(vm, b))
        return NOT_IMPLEMENTED;
    const Slice *x = (const Slice *)(const void *)a.o, *y = (const Slice *)(const void *)b.o;
    int equal = vm_equal(vm, x->start, y->start);
    if (equal == 1) equal = vm_equal(vm, x->stop, y->stop);
    if (equal == 1) equal = vm_equal(vm, x->step, y->step);
    return equal < 0 ? NULL_VALUE : from_bool(equal == (op == COMPARE_EQ));
}
static Value slice_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)cls;
    if (!vm_args_simple(vm, "slice", nargs, kwnames, 1, 3)) return NULL_VALUE;
    if (nargs == 1) return slice_new(vm, NONE, args[0], NONE);
    return slice_new(vm, args[0], args[1], nargs == 3 ? args[2] : NONE);
}
static bool ready_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}
static Value slice_indices(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "indices", nargs, kwnames, 2, 2)) return NULL_VALUE;
    int64_t length, start, step, count;
    if (!vm_to_index(vm, args[1], &length)) return NULL_VALUE;
    const Slice *slice = (const Slice *)(const void *)args[0].o;
    if (!slice_bounds(vm, slice, length, &start, &step, &count)) return NULL_VALUE;
    int64_t stop = count == 0 ? start : start + count * step;
    if (step > 0 && stop > length) stop = length;
    if (step < 0 && stop < -1) stop = -1;
    Value items[] = {from_int(start), from_int(stop), from_int(step)};
    return tuple_from(vm, items, 3);
}

const Slots slice_slots = {.dealloc = slice_dealloc,
                           .traverse = slice_traverse,
                           .repr = slice_repr,
                           .getattr = slice_getattr,
                           .create = slice_create,
                           .init = ready_init,
                           .compare = slice_compare,
                           .hash = unhashable};
const Method slice_methods[] = {{"indices", slice_indices, 0}, {NULL, NULL, 0}};

/* ---- range ---- */

Value range_new(Vm *vm, int64_t start, int64_t stop, int64_t step) {
    Range *range = (Range *)(void *)vm_alloc(vm, vm->cls[CLS_RANGE]);
    range->start = start;
    range->stop = stop;
    range->step = step;
    uint64_t span = 0, stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    if (step > 0 && start < stop) span = (uint64_t)stop - (uint64_t)start;
    if (step < 0 && stop < start) span = (uint64_t)start - (uint64_t)stop;
    uint64_t length = span ? (span - 1) / stride + 1 : 0;
    range->length = length > INT64_MAX ? INT64_MAX : (int64_t)length;
    return FROM_OBJ(range);
}

static Range *as_range(Value v) {
    return (Range *)(void *)v.o;
}

static Value range_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)cls;
    if (!vm_args_simple(vm, "range", nargs, kwnames, 1, 3)) return NULL_VALUE;
    int64_t parts[3] = {0, 0, 1};
    for (int i = 0; i < nargs; i++)
        if (!vm_to_index(vm, args[i], &parts[i])) return NULL_VALUE;
    if (nargs == 1) return range_new(vm, 0, parts[0], 1);
    if (parts[2] == 0) return vm_raise(vm, EXC_ValueError, "range() arg 3 must not be zero");
    return range_new(vm, parts[0], parts[1], parts[2]);
}

static Value range_repr(Vm *vm, Value self) {
    const Range *r = as_range(self);
    if (r->step == 1)
        return str_printf(vm, "range(%lld, %lld)", (long long)r->start, (long long)r->stop);
    return str_printf(vm, "range(%lld, %lld, %lld)", (long long)r->start, (long long)r->stop,
                      (long long)r->step);
}

static Value range_getitem(Vm *vm, Value self, Value key) {
    const Range *r = as_range(self);
    int64_t index;
    if (key.tag == TAG_OBJ && key.o->cls == vm->cls[CLS_SLICE]) {
        int64_t start, step, count;
        if (!slice_bounds(vm, (Slice *)(void *)key.o, r->length, &start, &step, &count))
            return NULL_VALUE;
        int64_t from = r->start + start * r->step, by = r->step * step;
        Value made = range_new(vm, from, from + count * by, by);
        return made;
    }
    if (!vm_to_position(vm, key, &index)) return NULL_VALUE;
    if (index < 0) index += r->length;
    if (index < 0 || index >= r->length)
        return vm_raise(vm, EXC_IndexError, "range object index out of range");
    return from_int(r->start + index * r->step);
}

/* Where an int lies in the range; -1: nowhere. */
static int64_t range_position(const Range *r, int64_t value) {
    if (r->length == 0) return -1;
    int64_t offset = value - r->start;
    if (offset % r->step != 0) return -1;
    int64_t at = offset / r->step;
    return at >= 0 && at < r->length ? at : -1;
}

static int range_contains(Vm *vm, Value self, Value item) {
    if (is_int(item)) return range_position(as_range(self), as_int(item)) >= 0;
    if (is_float(item)) {
        double v = as_float(item);
        return v == (double)(int64_t)v && range_position(as_range(self), (int64_t)v) >= 0;
    }
    (void)vm;
    return 0;
}

static int64_t range_length(Vm *vm, Value self) {
    (void)vm;
    return as_range(self)->length;
}

static Value range_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if ((op != COMPARE_EQ && op != COMPARE_NE) || vm_class_of(vm, a) != vm_class_of(vm, b))
        return NOT_IMPLEMENTED;
    const Range *x = as_range(a), *y = as_range(b);
    bool equal =
        x->length == y->length &&
        (x->length == 0 || (x->start == y->start && (x->length == 1 || x->step == y->step)));
    return from_bool(equal == (op == COMPARE_EQ));
}

static bool range_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    const Range *r = as_range(self);
    *out = r->length * 1000003 ^ (r->length ? r->start * 31 + (r->length > 1 ? r->step : 0) : 0);
    return true;
}

static Value range_iter(Vm *vm, Value self) {
    RangeIterator *it = (RangeIterator *)(void *)vm_alloc(vm, vm->cls[CLS_RANGE_ITERATOR]);
    const Range *r = as_range(self);
    it->next = r->start;
    it->step = r->step;
    it->left = r->length;
    return FROM_OBJ(it);
}

/* Native consumers (sum, list, …) loop without back edges: interrupts are looked for here. */
static Value range_iterator_next(Vm *vm, Value self) {
    enum { CHECK_EVERY = 1 << 16 };
    RangeIterator *it = (RangeIterator *)(void *)self.o;
    if (it->left == 0) return NULL_VALUE;
    if (it->left % CHECK_EVERY == 0) {
        vm->steps += CHECK_EVERY;
        if (!vm_checkpoint(vm)) return NULL_VALUE;
    }
    Value v = from_int(it->next);
    if (--it->left) it->next += it->step;
    return v;
}

static Value range_getattr(Vm *vm, Value self, Str *name) {
    const Range *r = as_range(self);
    if (str_equals(name, "start")) return from_int(r->start);
    if (str_equals(name, "stop")) return from_int(r->stop);
    if (str_equals(name, "step")) return from_int(r->step);
    return vm_generic_getattr(vm, self, name);
}

static Value range_index(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "index", nargs, kwnames, 2, 2)) return NULL_VALUE;
    int64_t at = is_int(args[1]) ? range_position(as_range(args[0]), as_int(args[1])) : -1;
    if (at >= 0) return from_int(at);
    return vm_raise(vm, EXC_ValueError, "%s is not in range",
                    is_int(args[1]) ? "the number" : "the value");
}
static Value range_count(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "count", nargs, kwnames, 2, 2)) return NULL_VALUE;
    return from_int(range_contains(vm, args[0], args[1]));
}

const Slots range_slots = {.repr = range_repr,
                           .getattr = range_getattr,
                           .create = range_create,
                           .init = ready_init,
                           .getitem = range_getitem,
                           .contains = range_contains,
                           .length = range_length,
                           .compare = range_compare,
                           .hash = range_hash,
                           .iter = range_iter};
const Method range_methods[] = {
    {"index", range_index, 0}, {"count", range_count, 0}, {NULL, NULL, 0}};
const Slots range_iterator_slots = {.iter = self_iter, .next = range_iterator_next};

/* ---- over sequences ---- */

Value iterator_over(Vm *vm, Value sequence) {
    SequenceIterator *it = (SequenceIterator *)(void *)vm_alloc(vm, vm->cls[CLS_SEQUENCE_ITERATOR]);
    it->sequence = incref(sequence);
    return FROM_OBJ(it);
}

static Value sequence_next(Vm *vm, Value self) {
    SequenceIterator *it = (SequenceIterator *)(void *)self.o;
    const Value *items;
    size_t count;
    if (is_null(it->sequence)) return NULL_VALUE;
    Class *cls = it->sequence.o->cls;
    bool plain = cls->slots.iter == iterator_over;
    if (it->backwards) {
        if (it->at > 0) {
            Value item = vm_getitem(vm, it->sequence, from_int((int64_t)--it->at));
            if (!is_null(item) || !vm_catch(vm, EXC_IndexError)) return item;
        }
    } else if (plain && vm_items(it->sequence, &items, &count)) {
        if (it->at < count) return incref(items[it->at++]);
    } else {
        Value item = vm_getitem(vm, it->sequence, from_int((int64_t)it->at++));
        if (!is_null(item)) return item;
        if (!vm_catch(vm, EXC_IndexError) && !vm_catch(vm, EXC_StopIteration)) return item;
    }
    clear_value(&it->sequence);
    return NULL_VALUE;
}

static void sequence_dealloc(Obj *self) {
    decref(((SequenceIterator *)(void *)self)->sequence);
}
static void sequence_traverse(Obj *self, VisitFn visit, void *context) {
    visit_value(((SequenceIterator *)(void *)self)->sequence, visit, context);
}
static Value sequence_length_hint(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    SequenceIterator *it = (SequenceIterator *)(void *)args[0].o;
    if (is_null(it->sequence)) return from_int(0);
    int64_t length = vm_len(vm, it->sequence);
    return from_int(it->backwards ? (int64_t)it->at : length - (int64_t)it->at);
}

static Value reversed_create(Vm *vm, Class *cls, const Value *args, int nargs,
                             const Tuple *kwnames) {
    if (!vm_args_simple(vm, "reversed", nargs, kwnames, 1, 1)) return NULL_VALUE;
    bool found;
    Value made = call_dunder(vm, args[0], vm->names.reversed_, NULL, 0, &found);
    if (found) return made;
    const Slots *slots = &vm_class_of(vm, args[0])->slots;
    if (!slots->getitem || !slots->length || is_dict(args[0]))
        return vm_raise(vm, EXC_TypeError, "'%s' object is not reversible",
                        vm_class_name(vm, args[0]));
    int64_t length = vm_len(vm, args[0]);
    if (length < 0) return NULL_VALUE;
    SequenceIterator *it = (SequenceIterator *)(void *)vm_alloc(vm, cls);
    it->sequence = incref(args[0]);
    it->backwards = true;
    it->at = (size_t)length;
    return FROM_OBJ(it);
}

#define SEQUENCE_SLOTS                                                                             \
    .dealloc = sequence_dealloc, .traverse = sequence_traverse, .iter = self_iter,                 \
    .next = sequence_next
const Slots sequence_iterator_slots = {SEQUENCE_SLOTS};
const Slots reversed_slots = {SEQUENCE_SLOTS, .create = reversed_create, .init = ready_init};
const Method sequence_iterator_methods[] = {{"__length_hint__", sequence_length_hint, 0},
                                            {NULL, NULL, 0}};

/* ---- iter(callable, sentinel), enumerate, zip, map, filter ---- */

static void combined_dealloc(Obj *self) {
    Combined *it = (Combined *)(void *)self;
    for (int i = 0; i < it->count; i++)
        decref(it->sources[i]);
    decref(it->function);
    free(it->sources);
}
static void combined_traverse(Obj *self, VisitFn visit, void *context) {
    Combined *it = (Combined *)(void *)self;
    for (int i = 0; i < it->count; i++)
        visit_value(it->sources[i], visit, context);
    visit_value(it->function, visit, context);
}

/* Guarded: iterators can be wrapped around each other without end. */
static Value source_next(Vm *vm, const Combined *it, int source) {
    if (!vm_enter(vm)) return NULL_VALUE;
    Value item = vm_next(vm, it->sources[source]);
    vm_leave(vm);
    return item;
}

static Combined *combined_new(Vm *vm, Class *cls, Value function, const Value *iterables,
                              int count) {
    Combined *it = (Combined *)(void *)vm_alloc(vm, cls);
    it->function = incref(function);
    it->sources = xcalloc((size_t)count + 1, sizeof(Value));
    for (int i = 0; i < count; i++) {
        it->sources[i] = vm_iter(vm, iterables[i]);
        if (is_null(it->sources[i])) {
            DROP(it);
            return NULL;
        }
        it->count++;
    }
    return it;
}

Value callable_iterator(Vm *vm, Value function, Value sentinel) {
    Combined *it = (Combined *)(void *)vm_alloc(vm, vm->cls[CLS_CALLABLE_ITERATOR]);
    it->function = incref(function);
    it->sources = xcalloc(1, sizeof(Value));
    it->sources[0] = incref(sentinel);
    it->count = 1;
    return FROM_OBJ(it);
}

static Value callable_next(Vm *vm, Value self) {
    Combined *it = (Combined *)(void *)self.o;
    if (is_null(it->function)) return NULL_VALUE;
    Value item = vm_call0(vm, it->function);
    if (is_null(item)) {
        vm_catch(vm, EXC_StopIteration);
        return item;
    }
    int equal = vm_equal(vm, item, it->sources[0]);
    if (equal == 0) return item;
    decref(item);
    clear_value(&it->function);
    return NULL_VALUE;
}

static Value enumerate_create(Vm *vm, Class *cls, const Value *args, int nargs,
                              const Tuple *kwnames) {
    Value out[2];
    if (!vm_args(vm, "enumerate", "iterable start?", args, nargs, kwnames, out)) return NULL_VALUE;
    int64_t start = 0;
    if (!is_null(out[1]) && !vm_to_index(vm, out[1], &start)) return NULL_VALUE;
    Combined *it = combined_new(vm, cls, NONE, out, 1);
    if (!it) return NULL_VALUE;
    it->at = start;
    return FROM_OBJ(it);
}
static Value enumerate_next(Vm *vm, Value self) {
    Combined *it = (Combined *)(void *)self.o;
    Value item = source_next(vm, it, 0);
    return is_null(item) ? item : vm_pair(vm, from_int(it->at++), item);
}

static Value zip_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    Value strict = NULL_VALUE;
    if (kwnames && !vm_args(vm, "zip", "* strict?", args + nargs, 0, kwnames, &strict))
        return NULL_VALUE;
    int is_strict = vm_truth(vm, strict);
    if (is_strict < 0) return NULL_VALUE;
    Combined *it = combined_new(vm, cls, NONE, args, nargs);
    if (!it) return NULL_VALUE;
    it->strict = is_strict == 1;
    return FROM_OBJ(it);
}

static Value zip_mismatch(Vm *vm, Combined *it, int at) {
    if (at > 0)
        return vm_raise(vm, EXC_ValueError, "zip() argument %d is shorter than argument%s%d",
                        at + 1, at == 1 ? " " : "s 1-", at == 1 ? 1 : at);
    for (int i = 1; i < it->count; i++) {
        Value extra = source_next(vm, it, i);
        if (is_null(extra)) {
            if (vm_failed(vm)) return extra;
            continue;
        }
        decref(extra);
        return vm_raise(vm, EXC_ValueError, "zip() argument %d is longer than argument%s%d", i + 1,
                        i == 1 ? " " : "s 1-", i == 1 ? 1 : i);
    }
    return NULL_VALUE;
}

static Value zip_next(Vm *vm, Value self) {
    Combined *it = (Combined *)(void *)self.o;
    if (it->count == 0) return NULL_VALUE;
    Value tuple = tuple_new(vm, (size_t)it->count);
    for (int i = 0; i < it->count; i++) {
        Value item = source_next(vm, it, i);
        if (is_null(item)) {
            decref(tuple);
            if (!vm_failed(vm) && it->strict) return zip_mismatch(vm, it, i);
            return NULL_VALUE;
        }
        as_tuple(tuple)->items[i] = item;
    }
    return tuple;
}

static Value map_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    if (nargs < 2) return vm_raise(vm, EXC_TypeError, "map() must have at least two arguments.");
    if (!vm_args_simple(vm, "map", nargs, kwnames, 2, -1)) return NULL_VALUE;
    Combined *it = combined_new(vm, cls, args[0], args + 1, nargs - 1);
    return it ? FROM_OBJ(it) : NULL_VALUE;
}
static Value map_next(Vm *vm, Value self) {
    Combined *it = (Combined *)(void *)self.o;
    Value small[6], *items = it->count <= 6 ? small : xcalloc((size_t)it->count, sizeof *items);
    int n = 0;
    for (; n < it->count; n++) {
        items[n] = source_next(vm, it, n);
        if (is_null(items[n])) break;
    }
    Value result = n == it->count ? vm_call(vm, it->function, items, n, NULL) : NULL_VALUE;
    while (n > 0)
        decref(items[--n]);
    if (items != small) free(items);
    return result;
}

static Value filter_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "filter", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Combined *it = combined_new(vm, cls, args[0], args + 1, 1);
    return it ? FROM_OBJ(it) : NULL_VALUE;
}
static Value filter_next(Vm *vm, Value self) {
    Combined *it = (Combined *)(void *)self.o;
    for (;;) {
        Value item = source_next(vm, it, 0);
        if (is_null(item)) return item;
        Value verdict = is_none(it->function) ? incref(item) : vm_call1(vm, it->function, item);
        int keep = is_null(verdict) ? -1 : vm_truth(vm, verdict);
        decref(verdict);
        if (keep == 1) return item;
        decref(item);
        if (keep < 0) return NULL_VALUE;
    }
}

#define COMBINED(next_slot, create_slot)                                                           \
    {                                                                                              \
        .dealloc = combined_dealloc, .traverse = combined_traverse, .iter = self_iter,             \
        .next = next_slot, .create = create_slot, .init = ready_init                               \
    }
const Slots enumerate_slots = COMBINED(enumerate_next, enumerate_create);
const Slots zip_slots = COMBINED(zip_next, zip_create);
const Slots map_slots = COMBINED(map_next, map_create);
const Slots filter_slots = COMBINED(filter_next, filter_create);
const Slots callable_iterator_slots = COMBINED(callable_next, NULL);
