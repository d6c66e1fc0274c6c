/* list and tuple: slots, slicing and methods. Sorting is in sort.c. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

enum { MAX_ITEMS = 1 << 27 }; /* of a list or tuple made by repetition */

/* ---- making ---- */

Value list_new(Vm *vm, size_t capacity) {
    List *list = (List *)(void *)vm_alloc(vm, vm->cls[CLS_LIST]);
    if (capacity) list->items = xcalloc(capacity, sizeof(Value));
    list->capacity = capacity;
    return FROM_OBJ(list);
}

void list_push(List *list, Value item) {
    if (list->count == list->capacity)
        list->items = vec_grow(list->items, &list->capacity, sizeof(Value));
    list->items[list->count++] = item;
}

void list_append(List *list, Value item) {
    list_push(list, incref(item));
}

Value tuple_alloc(Vm *vm, Class *cls, size_t count) {
    size_t bytes;
    if (!mul_size(count, sizeof(Value), &bytes)) fatal_memory();
    Tuple *tuple = (Tuple *)(void *)vm_alloc_extra(vm, cls, bytes);
    tuple->items = (Value *)(void *)((char *)tuple + cls->instance_size);
    tuple->count = count;
    return FROM_OBJ(tuple);
}

Value tuple_new(Vm *vm, size_t count) {
    if (count == 0 && vm->empty_tuple) return NEW_REF(vm->empty_tuple);
    return tuple_alloc(vm, vm->cls[CLS_TUPLE], count);
}

Value tuple_from(Vm *vm, const Value *items, size_t count) {
    Value tuple = tuple_new(vm, count);
    for (size_t i = 0; i < count; i++)
        as_tuple(tuple)->items[i] = incref(items[i]);
    return tuple;
}

Value vm_pair(Vm *vm, Value a, Value b) {
    Value tuple = tuple_new(vm, 2);
    as_tuple(tuple)->items[0] = a;
    as_tuple(tuple)->items[1] = b;
    return tuple;
}

bool list_extend(Vm *vm, List *list, Value iterable) {
    const Value *items;
    size_t count;
    bool plain = iterable.tag == TAG_OBJ &&
                 (iterable.o->cls == vm->cls[CLS_LIST] || iterable.o->cls == vm->cls[CLS_TUPLE]);
    if (plain && vm_items(iterable, &items, &count)) {
        for (size_t i = 0; i < count; i++) {
            vm_items(iterable, &items, &count); /* a list may be extended by itself */
            if (i >= count) break;
            if (iterable.o == (Obj *)list && i == 0) {
                for (size_t j = 0, n = count; j < n; j++)
                    list_append(list, list->items[j]);
                break;
            }
            list_append(list, items[i]);
        }
        return true;
    }
    Value iterator = vm_iter(vm, iterable);
    if (is_null(iterator)) return false;
    for (;;) {
        Value item = vm_next(vm, iterator);
        if (is_null(item)) break;
        list_push(list, item);
    }
    decref(iterator);
    return !vm_failed(vm);
}

Value list_from_iterable(Vm *vm, Value iterable) {
    Value list = list_new(vm, 0);
    if (list_extend(vm, as_list(list), iterable)) return list;
    decref(list);
    return NULL_VALUE;
}

Value tuple_from_iterable(Vm *vm, Value iterable) {
    if (iterable.tag == TAG_OBJ && iterable.o->cls == vm->cls[CLS_TUPLE]) return incref(iterable);
    const Value *items;
    size_t count;
    if (iterable.tag == TAG_OBJ && iterable.o->cls == vm->cls[CLS_LIST]) {
        vm_items(iterable, &items, &count);
        return tuple_from(vm, items, count);
    }
    Value list = list_from_iterable(vm, iterable);
    if (is_null(list)) return list;
    Value tuple = tuple_from(vm, as_list(list)->items, as_list(list)->count);
    decref(list);
    return tuple;
}

/* ---- shared by both ---- */

static void list_dealloc(Obj *self) {
    List *list = (List *)(void *)self;
    for (size_t i = 0; i < list->count; i++)
        decref(list->items[i]);
    vec_free(list->items);
}

static void list_traverse(Obj *self, VisitFn visit, void *context) {
    const List *list = (const List *)(const void *)self;
    for (size_t i = 0; i < list->count; i++)
        visit_value(list->items[i], visit, context);
}

static void list_clear_slot(Obj *self) {
    List *list = (List *)(void *)self;
    Value *items = list->items;
    size_t count = list->count;
    list->items = NULL;
    list->count = list->capacity = 0;
    for (size_t i = 0; i < count; i++)
        decref(items[i]);
    vec_free(items);
}

static void tuple_dealloc(Obj *self) {
    Tuple *tuple = (Tuple *)(void *)self;
    for (size_t i = 0; i < tuple->count; i++)
        decref(tuple->items[i]);
}

static void tuple_traverse(Obj *self, VisitFn visit, void *context) {
    const Tuple *tuple = (const Tuple *)(const void *)self;
    for (size_t i = 0; i < tuple->count; i++)
        visit_value(tuple->items[i], visit, context);
}

static Value sequence_repr(Vm *vm, Value self) {
    const Value *items;
    size_t count;
    bool list = is_list(self);
    for (size_t i = 0; i < vm->repr_stack.count; i++)
        if (vm->repr_stack.items[i] == self.o) return str_from(vm, list ? "[...]" : "(...)");
    VEC_PUSH(vm->repr_stack, self.o);
    Buf buf = {0};
    buf_putc(&buf, list ? '[' : '(');
    bool ok = true;
    for (size_t i = 0; ok && vm_items(self, &items, &count) && i < count; i++) {
        if (i) buf_puts(&buf, ", ");
        Value item = incref(items[i]);
        ok = vm_repr_to(vm, item, &buf);
        decref(item);
    }
    vm_items(self, &items, &count);
    buf_puts(&buf, list ? "]" : count == 1 ? ",)" : ")");
    vm->repr_stack.count--;
    if (ok) return str_from_buf(vm, &buf);
    buf_free(&buf);
    return NULL_VALUE;
}

static Value sequence_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (!(is_list(a) && is_list(b)) && !(is_tuple(a) && is_tuple(b))) return NOT_IMPLEMENTED;
    const Value *x, *y;
    size_t nx, ny;
    vm_items(a, &x, &nx);
    vm_items(b, &y, &ny);
    if (nx != ny && (op == COMPARE_EQ || op == COMPARE_NE)) return from_bool(op == COMPARE_NE);
    for (size_t i = 0; vm_items(a, &x, &nx) && vm_items(b, &y, &ny) && i < nx && i < ny; i++) {
        Value left = incref(x[i]), right = incref(y[i]), result;
        int equal = vm_equal(vm, left, right);
        if (equal < 0)
            result = NULL_VALUE;
        else if (equal)
            result = NONE;
        else if (op == COMPARE_EQ || op == COMPARE_NE)
            result = from_bool(op == COMPARE_NE);
        else
            result = vm_compare(vm, op, left, right);
        decref(left);
        decref(right);
        if (!is_none(result) || equal < 0) return result;
    }
    int64_t diff = (int64_t)nx - (int64_t)ny;
    return from_order(op, diff);
}

static Value make_sequence(Vm *vm, bool list, size_t count) {
    if (!list) return tuple_new(vm, count);
    Value made = list_new(vm, count);
    as_list(made)->count = count;
    return made;
}

static Value *items_of(Value v) {
    return is_list(v) ? as_list(v)->items : as_tuple(v)->items;
}

static Value sequence_repeat(Vm *vm, Value v, int64_t times) {
    const Value *items;
    size_t count, total;
    vm_items(v, &items, &count);
    if (times < 0) times = 0;
    if (!mul_size(count, (size_t)times, &total) || total > MAX_ITEMS)
        return vm_raise(vm, EXC_MemoryError,
                        "a sequence of %zu items repeated %lld times is too long", count,
                        (long long)times);
    Value made = make_sequence(vm, is_list(v), total);
    for (size_t i = 0; i < total; i++)
        items_of(made)[i] = incref(items[i % count]);
    return made;
}

static Value sequence_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op == BINARY_ADD && ((is_list(a) && is_list(b)) || (is_tuple(a) && is_tuple(b)))) {
        const Value *x, *y;
        size_t nx, ny;
        vm_items(a, &x, &nx);
        vm_items(b, &y, &ny);
        Value made = make_sequence(vm, is_list(a), nx + ny);
        for (size_t i = 0; i < nx; i++)
            items_of(made)[i] = incref(x[i]);
        for (size_t i = 0; i < ny; i++)
            items_of(made)[nx + i] = incref(y[i]);
        return made;
    }
    if (op != BINARY_MUL) return NOT_IMPLEMENTED;
    int64_t times;
    bool left = is_list(a) || is_tuple(a);
    Value number = left ? b : a;
    if (!is_int(number) && !vm_class_of(vm, number)->slots.to_index) return NOT_IMPLEMENTED;
    if (!vm_to_index(vm, number, &times)) return NULL_VALUE;
    return sequence_repeat(vm, left ? a : b, times);
}

static Value list_inplace(Vm *vm, BinaryOp op, Value a, Value b) {
    if (op == BINARY_ADD) return list_extend(vm, as_list(a), b) ? incref(a) : NULL_VALUE;
    if (op != BINARY_MUL || !is_int(b)) return NOT_IMPLEMENTED;
    Value made = sequence_repeat(vm, a, as_int(b));
    if (is_null(made)) return made;
    List *list = as_list(a), *other = as_list(made), old = *list;
    list->items = other->items, list->count = other->count, list->capacity = other->capacity;
    other->items = old.items, other->count = old.count, other->capacity = old.capacity;
    decref(made);
    return incref(a);
}

static bool is_slice(Vm *vm, Value v) {
    return v.tag == TAG_OBJ && v.o->cls == vm->cls[CLS_SLICE];
}

/* The index of an item, negative ones counted from the end; -1: raised. */
static int64_t item_index(Vm *vm, Value key, size_t count, const char *type, const char *what) {
    int64_t index;
    if (!is_int(key) && !vm_class_of(vm, key)->slots.to_index) {
        vm_raise(vm, EXC_TypeError, "%s indices must be integers or slices, not %s", type,
                 vm_class_name(vm, key));
        return -1;
    }
    if (!vm_to_position(vm, key, &index)) return -1;
    if (index < 0) index += (int64_t)count;
    if (index >= 0 && index < (int64_t)count) return index;
    vm_raise(vm, EXC_IndexError, "%s %s out of range", type, what);
    return -1;
}

static Value sequence_getitem(Vm *vm, Value self, Value key) {
    const Value *items;
    size_t count;
    bool list = is_list(self);
    vm_items(self, &items, &count);
    if (is_slice(vm, key)) {
        int64_t start, step, n;
        if (!slice_bounds(vm, (Slice *)(void *)key.o, (int64_t)count, &start, &step, &n))
            return NULL_VALUE;
        vm_items(self, &items, &count);
        Value made = make_sequence(vm, list, (size_t)n);
        for (int64_t i = 0; i < n; i++)
            items_of(made)[i] = incref(items[start + i * step]);
        return made;
    }
    int64_t index = item_index(vm, key, count, list ? "list" : "tuple", "index");
    return index < 0 ? NULL_VALUE : incref(items[index]);
}

static void remove_range(List *list, size_t at, size_t n) {
    for (size_t i = at + n; i < list->count; i++)
        list->items[i - n] = list->items[i];
    list->count -= n;
}

static void insert_gap(List *list, size_t at, size_t n) {
    size_t count = list->count;
    for (size_t i = 0; i < n; i++)
        list_push(list, NONE);
    for (size_t i = count; i-- > at;)
        list->items[i + n] = list->items[i];
}

static bool replace_slice(Vm *vm, List *list, int64_t start, int64_t count, Value value) {
    Value given = list_from_iterable(vm, value);
    if (is_null(given)) return false;
    Value old = list_new(vm, (size_t)count); /* dropped last: dropping may run code */
    for (int64_t i = 0; i < count; i++)
        list_push(as_list(old), list->items[start + i]);
    remove_range(list, (size_t)start, (size_t)count);
    size_t n = as_list(given)->count;
    insert_gap(list, (size_t)start, n);
    for (size_t i = 0; i < n; i++)
        list->items[(size_t)start + i] = incref(as_list(given)->items[i]);
    decref(given);
    decref(old);
    return true;
}

static bool set_slice(Vm *vm, List *list, Value key, Value value) {
    int64_t start, step, count;
    if (!slice_bounds(vm, (Slice *)(void *)key.o, (int64_t)list->count, &start, &step, &count))
        return false;
    if (is_null(value)) {
        if (step < 0) { /* the same items, upwards */
            start += (count - 1) * step;
            step = -step;
        }
        for (int64_t i = count; i-- > 0;) {
            Value old = list->items[start + i * step];
            remove_range(list, (size_t)(start + i * step), 1);
            decref(old);
        }
        return true;
    }
    const Class *given_class = vm_class_of(vm, value);
    if (!given_class->slots.iter && !given_class->slots.getitem) {
        vm_raise(vm, EXC_TypeError,
                 step == 1 ? "can only assign an iterable"
                           : "must assign iterable to extended slice");
        return false;
    }
    if (step == 1) return replace_slice(vm, list, start, count, value);
    Value given = list_from_iterable(vm, value);
    if (is_null(given)) return false;
    bool ok = as_list(given)->count == (size_t)count;
    if (!ok)
        vm_raise(vm, EXC_ValueError,
                 "attempt to assign sequence of size %zu to extended slice of size %lld",
                 as_list(given)->count, (long long)count);
    for (int64_t i = 0; ok && i < count; i++)
        set_value(&list->items[start + i * step], as_list(given)->items[i]);
    decref(given);
    return ok;
}

static bool list_setitem(Vm *vm, Value self, Value key, Value value) {
    List *list = as_list(self);
    if (is_slice(vm, key)) return set_slice(vm, list, key, value);
    int64_t index = item_index(vm, key, list->count, "list", "assignment index");
    if (index < 0) return false;
    if (!is_null(value)) {
        set_value(&list->items[index], value);
        return true;
    }
    Value old = list->items[index];
    remove_range(list, (size_t)index, 1);
    decref(old);
    return true;
}

static int64_t position(Vm *vm, Value self, Value item, int64_t start, int64_t end) {
    const Value *items;
    size_t count;
    for (int64_t i = start; vm_items(self, &items, &count) && i < end && i < (int64_t)count; i++) {
        Value other = incref(items[i]);
        int equal = vm_equal(vm, other, item);
        decref(other);
        if (equal < 0) return -2;
        if (equal) return i;
    }
    return -1;
}

static int sequence_contains(Vm *vm, Value self, Value item) {
    int64_t at = position(vm, self, item, 0, INT64_MAX);
    return at == -2 ? -1 : at >= 0;
}

static int64_t list_length(Vm *vm, Value self) {
    (void)vm;
    return (int64_t)as_list(self)->count;
}
static int64_t tuple_length(Vm *vm, Value self) {
    (void)vm;
    return (int64_t)as_tuple(self)->count;
}

/* xxHash-like mixing, as CPython does for tuples. */
static bool tuple_hash(Vm *vm, Value self, int64_t *out) {
    const Tuple *tuple = as_tuple(self);
    uint64_t acc = 2870177450012600261UL;
    for (size_t i = 0; i < tuple->count; i++) {
        int64_t lane;
        if (!vm_enter(vm)) return false;
        bool ok = vm_hash(vm, tuple->items[i], &lane);
        vm_leave(vm);
        if (!ok) return false;
        acc += (uint64_t)lane * 14029467366897019727UL;
        acc = (acc << 31) | (acc >> 33);
        acc *= 11400714785074694791UL;
    }
    acc += tuple->count ^ (2870177450012600261UL ^ 3527539UL);
    *out = acc == UINT64_MAX ? 1546275796 : (int64_t)acc;
    return true;
}

static Value list_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return from_obj(vm_alloc(vm, cls));
}

static bool list_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "list", nargs, kwnames, 0, 1)) return false;
    list_clear_slot(self.o);
    return nargs == 0 || list_extend(vm, as_list(self), args[0]);
}

static Value tuple_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "tuple", nargs, kwnames, 0, 1)) return NULL_VALUE;
    Value plain = nargs ? tuple_from_iterable(vm, args[0]) : tuple_new(vm, 0);
    if (is_null(plain) || cls == vm->cls[CLS_TUPLE]) return plain;
    Value made = tuple_alloc(vm, cls, as_tuple(plain)->count);
    for (size_t i = 0; i < as_tuple(plain)->count; i++)
        as_tuple(made)->items[i] = incref(as_tuple(plain)->items[i]);
    decref(plain);
    return made;
}

static bool tuple_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

#define COMMON                                                                                     \
    .repr = sequence_repr, .compare = sequence_compare, .binary = sequence_binary,                 \
    .getitem = sequence_getitem, .contains = sequence_contains, .iter = iterator_over
const Slots list_slots = {
    COMMON,
    .dealloc = list_dealloc,
    .traverse = list_traverse,
    .clear = list_clear_slot,
    .inplace = list_inplace,
    .setitem = list_setitem,
    .length = list_length,
    .create = list_create,
    .init = list_init,
    .hash = unhashable,
};
const Slots tuple_slots = {
    COMMON,
    .dealloc = tuple_dealloc,
    .traverse = tuple_traverse,
    .length = tuple_length,
    .hash = tuple_hash,
    .create = tuple_create,
    .init = tuple_init,
};

/* ---- methods ---- */

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)
#define EXPECT(name, min, max)                                                                     \
    if (!vm_args_simple(vm, name, nargs, kwnames, (min) + 1, (max) + 1)) return NULL_VALUE;

METHOD(method_append) {
    EXPECT("append", 1, 1)
    list_append(as_list(args[0]), args[1]);
    return NONE;
}
METHOD(method_extend) {
    EXPECT("extend", 1, 1)
    return list_extend(vm, as_list(args[0]), args[1]) ? NONE : NULL_VALUE;
}
METHOD(method_insert) {
    EXPECT("insert", 2, 2)
    List *list = as_list(args[0]);
    int64_t at, count = (int64_t)list->count;
    if (!vm_to_index(vm, args[1], &at)) return NULL_VALUE;
    if (at < 0) at = at + count < 0 ? 0 : at + count;
    if (at > count) at = count;
    insert_gap(list, (size_t)at, 1);
    list->items[at] = incref(args[2]);
    return NONE;
}
METHOD(method_pop) {
    EXPECT("pop", 0, 1)
    List *list = as_list(args[0]);
    int64_t at = -1;
    if (nargs == 2 && !vm_to_index(vm, args[1], &at)) return NULL_VALUE;
    if (list->count == 0) return vm_raise(vm, EXC_IndexError, "pop from empty list");
    if (at < 0) at += (int64_t)list->count;
    if (at < 0 || at >= (int64_t)list->count)
        return vm_raise(vm, EXC_IndexError, "pop index out of range");
    Value item = list->items[at];
    remove_range(list, (size_t)at, 1);
    return item;
}
METHOD(method_remove) {
    EXPECT("remove", 1, 1)
    int64_t at = position(vm, args[0], args[1], 0, INT64_MAX);
    if (at == -1) vm_raise(vm, EXC_ValueError, "list.remove(x): x not in list");
    if (at < 0) return NULL_VALUE;
    Value old = as_list(args[0])->items[at];
    remove_range(as_list(args[0]), (size_t)at, 1);
    decref(old);
    return NONE;
}
METHOD(method_clear) {
    EXPECT("clear", 0, 0)
    list_clear_slot(args[0].o);
    return NONE;
}
METHOD(method_copy) {
    EXPECT("copy", 0, 0)
    return list_from_iterable(vm, args[0]);
}
METHOD(method_reverse) {
    EXPECT("reverse", 0, 0)
    List *list = as_list(args[0]);
    for (size_t i = 0; i < list->count / 2; i++) {
        Value other = list->items[list->count - 1 - i];
        list->items[list->count - 1 - i] = list->items[i];
        list->items[i] = other;
    }
    return NONE;
}
METHOD(method_count) {
    EXPECT("count", 1, 1)
    const Value *items;
    size_t count;
    int64_t found = 0;
    for (size_t i = 0; vm_items(args[0], &items, &count) && i < count; i++) {
        int equal = vm_equal(vm, items[i], args[1]);
        if (equal < 0) return NULL_VALUE;
        found += equal;
    }
    return from_int(found);
}
METHOD(method_index) {
    EXPECT("index", 1, 3)
    int64_t start = 0, end = INT64_MAX, count = vm_len(vm, args[0]);
    if (nargs > 2 && !vm_to_index(vm, args[2], &start)) return NULL_VALUE;
    if (nargs > 3 && !vm_to_index(vm, args[3], &end)) return NULL_VALUE;
    if (start < 0) start = start + count < 0 ? 0 : start + count;
    if (end < 0) end += count;
    int64_t at = position(vm, args[0], args[1], start, end);
    if (at >= 0) return from_int(at);
    if (at == -2) return NULL_VALUE;
    if (is_tuple(args[0])) return vm_raise(vm, EXC_ValueError, "tuple.index(x): x not in tuple");
    Buf repr = {0};
    if (vm_repr_to(vm, args[1], &repr))
        vm_raise(vm, EXC_ValueError, "%s is not in list", buf_text(&repr));
    buf_free(&repr);
    return NULL_VALUE;
}
METHOD(method_sort) {
    Value given[2];
    if (!vm_args(vm, "sort", "* key? reverse?", args + 1, nargs - 1, kwnames, given))
        return NULL_VALUE;
    int reverse = is_null(given[1]) ? 0 : vm_truth(vm, given[1]);
    if (reverse < 0) return NULL_VALUE;
    return sort_list(vm, as_list(args[0]), is_null(given[0]) ? NONE : given[0], reverse);
}

const Method list_methods[] = {
    {"append", method_append, 0},   {"extend", method_extend, 0}, {"insert", method_insert, 0},
    {"pop", method_pop, 0},         {"remove", method_remove, 0}, {"clear", method_clear, 0},
    {"copy", method_copy, 0},       {"count", method_count, 0},   {"index", method_index, 0},
    {"reverse", method_reverse, 0}, {"sort", method_sort, 0},     {NULL, NULL, 0},
};
const Method tuple_methods[] = {
    {"count", method_count, 0}, {"index", method_index, 0}, {NULL, NULL, 0}};
