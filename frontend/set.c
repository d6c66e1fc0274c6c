/* set and frozenset. The table is probed in CPython's order (a run of neighbours, then a jump by
 * the hash's higher bits), so that sets of small ints iterate as they do there. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

enum { NEIGHBOURS = 9, SMALLEST = 8 };

static bool is_live(const SetEntry *e) {
    return e->key.tag != TAG_NULL && e->key.tag != TAG_NOT_IMPLEMENTED;
}

Value set_new(Vm *vm, Class *cls) {
    return from_obj(vm_alloc(vm, cls));
}

static void insert_clean(SetEntry *table, size_t mask, SetEntry entry) {
    size_t i = (size_t)entry.hash & mask;
    uint64_t perturb = (uint64_t)entry.hash;
    for (;;) {
        size_t last = i + NEIGHBOURS <= mask ? i + NEIGHBOURS : i;
        for (size_t j = i; j <= last; j++)
            if (table[j].key.tag == TAG_NULL) {
                table[j] = entry;
                return;
            }
        perturb >>= 5;
        i = (i * 5 + 1 + perturb) & mask;
    }
}

static void resize(Set *set, size_t wanted) {
    size_t slots = SMALLEST;
    while (slots <= wanted)
        slots *= 2;
    SetEntry *table = xcalloc(slots, sizeof *table);
    for (size_t i = 0; set->table && i <= set->mask; i++)
        if (is_live(&set->table[i])) insert_clean(table, slots - 1, set->table[i]);
    free(set->table);
    set->table = table;
    set->mask = slots - 1;
    set->fill = set->used;
}

/* The key's entry, or NULL (then *raised tells why, and *freed is the last deleted entry met on the
 * way, NULL: none). Comparing may run code that changes the set: then the search starts again. */
static SetEntry *find(Vm *vm, Set *set, Value key, int64_t hash, bool *raised, SetEntry **freed) {
    *raised = false;
again:
    *freed = NULL;
    if (!set->table) return NULL;
    size_t i = (size_t)hash & set->mask;
    uint64_t perturb = (uint64_t)hash;
    uint32_t version = set->version;
    for (;;) {
        size_t last = i + NEIGHBOURS <= set->mask ? i + NEIGHBOURS : i;
        for (size_t j = i; j <= last; j++) {
            SetEntry *e = &set->table[j];
            if (e->key.tag == TAG_NULL) return NULL;
            if (e->key.tag == TAG_NOT_IMPLEMENTED) *freed = e;
            if (e->key.tag == TAG_NOT_IMPLEMENTED || e->hash != hash) continue;
            if (vm_is(e->key, key)) return e;
            Value other = incref(e->key);
            int equal = vm_equal(vm, other, key);
            decref(other);
            if (equal < 0) {
                *raised = true;
                return NULL;
            }
            if (set->version != version) goto again;
            if (equal) return e;
        }
        perturb >>= 5;
        i = (i * 5 + 1 + perturb) & set->mask;
    }
}

static bool add_hashed(Vm *vm, Set *set, Value key, int64_t hash) {
    bool raised;
    SetEntry *freed;
    if (find(vm, set, key, hash, &raised, &freed)) return true;
    if (raised) return false;
    if (!set->table) resize(set, 0);
    set->used++;
    set->version++;
    if (freed) {
        *freed = (SetEntry){hash, incref(key)};
        return true;
    }
    insert_clean(set->table, set->mask, (SetEntry){hash, incref(key)});
    set->fill++;
    if (set->fill * 5 >= set->mask * 3)
        resize(set, set->used > 50000 ? set->used * 2 : set->used * 4);
    return true;
}

bool set_add(Vm *vm, Set *set, Value key) {
    int64_t hash;
    return vm_hash(vm, key, &hash) && add_hashed(vm, set, key, hash);
}

int set_contains(Vm *vm, Set *set, Value key) {
    int64_t hash;
    bool raised;
    if (!vm_hash(vm, key, &hash)) return -1;
    SetEntry *freed, *e = find(vm, set, key, hash, &raised, &freed);
    return raised ? -1 : e != NULL;
}

static int discard(Vm *vm, Set *set, Value key) {
    int64_t hash;
    bool raised;
    if (!vm_hash(vm, key, &hash)) return -1;
    SetEntry *freed, *e = find(vm, set, key, hash, &raised, &freed);
    if (!e) return raised ? -1 : 0;
    Value old = e->key;
    e->key = NOT_IMPLEMENTED;
    set->used--;
    set->version++;
    decref(old);
    return 1;
}

bool set_next(const Set *set, size_t *pos, Value *key) {
    while (set->table && *pos <= set->mask) {
        const SetEntry *e = &set->table[(*pos)++];
        if (!is_live(e)) continue;
        *key = e->key;
        return true;
    }
    return false;
}

bool set_update(Vm *vm, Set *set, Value iterable) {
    if (is_set(iterable)) {
        const Set *other = as_set(iterable);
        if (other == set) return true;
        if (other->used == 0) return true;
        if (!set->table) resize(set, 0);
        if ((set->fill + other->used) * 5 >= set->mask * 3)
            resize(set, (set->used + other->used) * 2);
        if (set->fill == 0 && set->mask == other->mask && other->fill == other->used) {
            for (size_t i = 0; i <= other->mask; i++) { /* the very same places */
                set->table[i] = other->table[i];
                incref(set->table[i].key);
            }
            set->used = set->fill = other->used;
            set->version++;
            return true;
        }
        for (size_t i = 0; other->table && i <= other->mask; i++)
            if (is_live(&other->table[i]) &&
                !add_hashed(vm, set, other->table[i].key, other->table[i].hash))
                return false;
        return true;
    }
    Value iterator = vm_iter(vm, iterable);
    if (is_null(iterator)) return false;
    bool ok = true;
    while (ok) {
        Value item = vm_next(vm, iterator);
        if (is_null(item)) break;
        ok = set_add(vm, set, item);
        decref(item);
    }
    decref(iterator);
    return ok && !vm_failed(vm);
}

static void clear_table(Set *set) {
    SetEntry *table = set->table;
    size_t mask = set->mask;
    set->table = NULL;
    set->mask = set->used = set->fill = 0;
    set->version++;
    for (size_t i = 0; table && i <= mask; i++)
        decref(table[i].key);
    free(table);
}

/* ---- slots ---- */

static void set_dealloc(Obj *self) {
    clear_table((Set *)(void *)self);
}

static void set_traverse(Obj *self, VisitFn visit, void *context) {
    const Set *set = (const Set *)(const void *)self;
    for (size_t i = 0; set->table && i <= set->mask; i++)
        visit_value(set->table[i].key, visit, context);
}

static Value set_repr(Vm *vm, Value self) {
    const Set *set = as_set(self);
    bool exact = self.o->cls == vm->cls[CLS_SET];
    if (set->used == 0) return str_printf(vm, "%s()", self.o->cls->name);
    if (!vm_enter(vm)) return NULL_VALUE;
    Buf buf = {0};
    if (!exact) buf_printf(&buf, "%s(", self.o->cls->name);
    buf_putc(&buf, '{');
    bool ok = true, first = true;
    size_t pos = 0;
    Value key;
    while (ok && set_next(set, &pos, &key)) {
        if (!first) buf_puts(&buf, ", ");
        first = false;
        ok = vm_repr_to(vm, key, &buf);
    }
    buf_putc(&buf, '}');
    if (!exact) buf_putc(&buf, ')');
    vm_leave(vm);
    if (ok) return str_from_buf(vm, &buf);
    buf_free(&buf);
    return NULL_VALUE;
}

static int is_subset(Vm *vm, const Set *a, Set *b) {
    if (a->used > b->used) return 0;
    size_t pos = 0;
    Value key;
    while (set_next(a, &pos, &key)) {
        int found = set_contains(vm, b, key);
        if (found != 1) return found;
    }
    return 1;
}

static Value set_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (!is_set(a) || !is_set(b)) return NOT_IMPLEMENTED;
    Set *x = as_set(a), *y = as_set(b);
    int result;
    switch (op) {
    case COMPARE_EQ:
    case COMPARE_NE:
        result = x->used == y->used ? is_subset(vm, x, y) : 0;
        if (result >= 0 && op == COMPARE_NE) result = !result;
        break;
    case COMPARE_LE:
        result = is_subset(vm, x, y);
        break;
    case COMPARE_LT:
        result = x->used < y->used ? is_subset(vm, x, y) : 0;
        break;
    case COMPARE_GE:
        result = is_subset(vm, y, x);
        break;
    default:
        result = y->used < x->used ? is_subset(vm, y, x) : 0;
        break;
    }
    return result < 0 ? NULL_VALUE : from_bool(result);
}

static Value copy_of(Vm *vm, Class *cls, Value iterable) {
    Value made = set_new(vm, cls);
    if (set_update(vm, as_set(made), iterable)) return made;
    decref(made);
    return NULL_VALUE;
}

/* A plain set or frozenset, as the left operand is one. */
static Class *result_class(Vm *vm, Value v) {
    return vm->cls[has_flag(v, CLASS_FROZENSET) ? CLS_FROZENSET : CLS_SET];
}

/* The members of `a` that are (or are not) in `b`, in a's order, added to `out`. */
static bool select_into(Vm *vm, Set *out, const Set *a, Set *b, bool wanted) {
    size_t pos = 0;
    Value key;
    while (set_next(a, &pos, &key)) {
        int found = set_contains(vm, b, key);
        if (found < 0) return false;
        if ((found == 1) == wanted && !set_add(vm, out, key)) return false;
    }
    return true;
}

/* Removes b's members from `set`; with `toggle`, adds those it had not. */
static bool remove_all(Vm *vm, Set *set, const Set *b, bool toggle) {
    size_t pos = 0;
    Value key;
    while (set_next(b, &pos, &key)) {
        int removed = discard(vm, set, key);
        if (removed < 0 || (toggle && !removed && !set_add(vm, set, key))) return false;
    }
    return true;
}

/* The members are visited in the order that CPython visits them in. */
static Value combine(Vm *vm, BinaryOp op, Value a, Value b) {
    Class *cls = result_class(vm, a);
    Set *x = as_set(a), *y = as_set(b);
    bool copies =
        op == BINARY_OR || op == BINARY_XOR || (op == BINARY_SUB && x->used / 4 > y->used);
    Value made = copies ? copy_of(vm, cls, op == BINARY_XOR ? b : a) : set_new(vm, cls);
    if (is_null(made)) return made;
    Set *out = as_set(made);
    bool ok;
    if (op == BINARY_OR)
        ok = set_update(vm, out, b);
    else if (copies)
        ok = op == BINARY_XOR ? remove_all(vm, out, x, true) : remove_all(vm, out, y, false);
    else if (op == BINARY_SUB)
        ok = select_into(vm, out, x, y, false);
    else
        ok =
            y->used > x->used ? select_into(vm, out, x, y, true) : select_into(vm, out, y, x, true);
    if (ok) return made;
    decref(made);
    return NULL_VALUE;
}

static bool is_set_op(BinaryOp op) {
    return op == BINARY_OR || op == BINARY_AND || op == BINARY_SUB || op == BINARY_XOR;
}

static Value set_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (!is_set_op(op) || !is_set(a) || !is_set(b)) return NOT_IMPLEMENTED;
    return combine(vm, op, a, b);
}

/* Gives `set` the table of `from`, which dies. */
static void take_table(Set *set, Value from) {
    Set *other = as_set(from);
    Set old = *set;
    set->table = other->table;
    set->mask = other->mask;
    set->used = other->used;
    set->fill = other->fill;
    set->version++;
    other->table = old.table;
    other->mask = old.mask;
    other->used = old.used;
    other->fill = old.fill;
    decref(from);
}

static Value set_inplace(Vm *vm, BinaryOp op, Value a, Value b) {
    if (!is_set_op(op) || !is_set(b) || has_flag(a, CLASS_FROZENSET)) return NOT_IMPLEMENTED;
    if (op == BINARY_OR) return set_update(vm, as_set(a), b) ? incref(a) : NULL_VALUE;
    if (op != BINARY_AND && a.o != b.o)
        return remove_all(vm, as_set(a), as_set(b), op == BINARY_XOR) ? incref(a) : NULL_VALUE;
    Value made = combine(vm, op, a, b);
    if (is_null(made)) return made;
    take_table(as_set(a), made);
    return incref(a);
}

static int set_contains_slot(Vm *vm, Value self, Value item) {
    return set_contains(vm, as_set(self), item);
}

static int64_t set_length(Vm *vm, Value self) {
    (void)vm;
    return (int64_t)as_set(self)->used;
}

static bool frozenset_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    Set *set = as_set(self);
    if (!set->has_hash) {
        uint64_t hash = 0; /* independent of the order */
        for (size_t i = 0; set->table && i <= set->mask; i++) {
            if (!is_live(&set->table[i])) continue;
            uint64_t h = (uint64_t)set->table[i].hash;
            hash ^= ((h ^ 89869747UL) ^ (h << 16)) * 3644798167UL;
        }
        hash ^= (set->used + 1) * 1927868237UL;
        hash ^= (hash >> 11) ^ (hash >> 25);
        set->hash = (int64_t)(hash * 69069U + 907133923UL);
        set->has_hash = true;
    }
    *out = set->hash;
    return true;
}

static bool set_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "set", nargs, kwnames, 0, 1)) return false;
    clear_table(as_set(self));
    return nargs == 0 || set_update(vm, as_set(self), args[0]);
}

static Value set_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return set_new(vm, cls);
}

static Value frozenset_create(Vm *vm, Class *cls, const Value *args, int nargs,
                              const Tuple *kwnames) {
    if (!vm_args_simple(vm, "frozenset", nargs, kwnames, 0, 1)) return NULL_VALUE;
    if (nargs == 0) return set_new(vm, cls);
    return copy_of(vm, cls, args[0]);
}

static bool frozenset_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

static void set_clear_slot(Obj *self) {
    clear_table((Set *)(void *)self);
}

static Value set_iter(Vm *vm, Value self) {
    SetIterator *it = (SetIterator *)(void *)vm_alloc(vm, vm->cls[CLS_SET_ITERATOR]);
    it->set = as_set(incref(self));
    it->used = it->set->used;
    return FROM_OBJ(it);
}

static Value set_iterator_next(Vm *vm, Value self) {
    SetIterator *it = (SetIterator *)(void *)self.o;
    if (!it->set) return NULL_VALUE;
    Value key;
    if (it->set->used != it->used)
        return vm_raise(vm, EXC_RuntimeError, "Set changed size during iteration");
    if (set_next(it->set, &it->pos, &key)) return incref(key);
    DROP(it->set);
    it->set = NULL;
    return NULL_VALUE;
}

static Value set_iterator_iter(Vm *vm, Value self) {
    (void)vm;
    return incref(self);
}
static void set_iterator_dealloc(Obj *self) {
    SetIterator *it = (SetIterator *)(void *)self;
    if (it->set) DROP(it->set);
}
static void set_iterator_traverse(Obj *self, VisitFn visit, void *context) {
    SetIterator *it = (SetIterator *)(void *)self;
    if (it->set) visit((Obj *)it->set, context);
}

const Slots set_iterator_slots = {.dealloc = set_iterator_dealloc,
                                  .traverse = set_iterator_traverse,
                                  .iter = set_iterator_iter,
                                  .next = set_iterator_next};

#define COMMON                                                                                     \
    .dealloc = set_dealloc, .traverse = set_traverse, .clear = set_clear_slot, .repr = set_repr,   \
    .compare = set_compare, .binary = set_binary, .contains = set_contains_slot,                   \
    .length = set_length, .iter = set_iter
const Slots set_slots = {COMMON, .inplace = set_inplace, .init = set_init, .create = set_create,
                         .hash = unhashable};
const Slots frozenset_slots = {COMMON, .hash = frozenset_hash, .init = frozenset_init,
                               .create = frozenset_create};

/* ---- methods ---- */

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)
#define EXPECT(name, min, max)                                                                     \
    if (!vm_args_simple(vm, name, nargs, kwnames, (min) + 1, (max) < 0 ? -1 : (max) + 1))          \
        return NULL_VALUE;

METHOD(method_add) {
    EXPECT("add", 1, 1)
    return set_add(vm, as_set(args[0]), args[1]) ? NONE : NULL_VALUE;
}
METHOD(method_discard) {
    EXPECT("discard", 1, 1)
    return discard(vm, as_set(args[0]), args[1]) < 0 ? NULL_VALUE : NONE;
}
METHOD(method_remove) {
    EXPECT("remove", 1, 1)
    int removed = discard(vm, as_set(args[0]), args[1]);
    if (removed == 0) {
        Exception *error = exception_new(vm, vm->exc[EXC_KeyError], args[1]);
        vm_raise_value(vm, FROM_OBJ(error));
        DROP(error);
    }
    return removed == 1 ? NONE : NULL_VALUE;
}
METHOD(method_pop) {
    EXPECT("pop", 0, 0)
    size_t pos = 0;
    Value key;
    if (!set_next(as_set(args[0]), &pos, &key))
        return vm_raise(vm, EXC_KeyError, "pop from an empty set");
    incref(key);
    discard(vm, as_set(args[0]), key);
    return key;
}
METHOD(method_clear) {
    EXPECT("clear", 0, 0)
    clear_table(as_set(args[0]));
    return NONE;
}
METHOD(method_copy) {
    EXPECT("copy", 0, 0)
    return copy_of(vm, result_class(vm, args[0]), args[0]);
}
METHOD(method_update) {
    EXPECT("update", 0, -1)
    for (int i = 1; i < nargs; i++)
        if (!set_update(vm, as_set(args[0]), args[i])) return NULL_VALUE;
    return NONE;
}

/* a.union(b, c, …) and its siblings take any iterables. */
static Value fold(Vm *vm, BinaryOp op, const Value *args, int nargs) {
    Value result = copy_of(vm, result_class(vm, args[0]), args[0]);
    for (int i = 1; i < nargs && !is_null(result); i++) {
        Value other = is_set(args[i]) ? incref(args[i]) : copy_of(vm, vm->cls[CLS_SET], args[i]);
        Value next = is_null(other) ? NULL_VALUE : combine(vm, op, result, other);
        decref(other);
        decref(result);
        result = next;
    }
    return result;
}

METHOD(method_union) {
    EXPECT("union", 0, -1)
    return fold(vm, BINARY_OR, args, nargs);
}
METHOD(method_intersection) {
    EXPECT("intersection", 0, -1)
    return fold(vm, BINARY_AND, args, nargs);
}
METHOD(method_difference) {
    EXPECT("difference", 0, -1)
    return fold(vm, BINARY_SUB, args, nargs);
}
METHOD(method_symmetric_difference) {
    EXPECT("symmetric_difference", 1, 1)
    return fold(vm, BINARY_XOR, args, nargs);
}
static Value fold_into(Vm *vm, BinaryOp op, const Value *args, int nargs) {
    Value result = fold(vm, op, args, nargs);
    if (is_null(result)) return result;
    take_table(as_set(args[0]), result);
    return NONE;
}
METHOD(method_intersection_update) {
    EXPECT("intersection_update", 0, -1)
    return fold_into(vm, BINARY_AND, args, nargs);
}
METHOD(method_difference_update) {
    EXPECT("difference_update", 0, -1)
    return fold_into(vm, BINARY_SUB, args, nargs);
}
METHOD(method_symmetric_difference_update) {
    EXPECT("symmetric_difference_update", 1, 1)
    return fold_into(vm, BINARY_XOR, args, nargs);
}

static Value relation(Vm *vm, const Value *args, int which) {
    Value other = is_set(args[1]) ? incref(args[1]) : copy_of(vm, vm->cls[CLS_SET], args[1]);
    if (is_null(other)) return other;
    int result;
    if (which == 0)
        result = is_subset(vm, as_set(args[0]), as_set(other));
    else if (which == 1)
        result = is_subset(vm, as_set(other), as_set(args[0]));
    else {
        size_t pos = 0;
        Value key;
        result = 1;
        while (result == 1 && set_next(as_set(other), &pos, &key)) {
            int found = set_contains(vm, as_set(args[0]), key);
            result = found < 0 ? -1 : !found;
        }
    }
    decref(other);
    return result < 0 ? NULL_VALUE : from_bool(result);
}
METHOD(method_issubset) {
    EXPECT("issubset", 1, 1)
    return relation(vm, args, 0);
}
METHOD(method_issuperset) {
    EXPECT("issuperset", 1, 1)
    return relation(vm, args, 1);
}
METHOD(method_isdisjoint) {
    EXPECT("isdisjoint", 1, 1)
    return relation(vm, args, 2);
}

#define SHARED_METHODS                                                                             \
    {"copy", method_copy, 0}, {"union", method_union, 0},                                          \
        {"intersection", method_intersection, 0}, {"difference", method_difference, 0},            \
        {"symmetric_difference", method_symmetric_difference, 0},                                  \
        {"issubset", method_issubset, 0}, {"issuperset", method_issuperset, 0}, {                  \
        "isdisjoint", method_isdisjoint, 0                                                         \
    }
const Method set_methods[] = {
    SHARED_METHODS,
    {"add", method_add, 0},
    {"discard", method_discard, 0},
    {"remove", method_remove, 0},
    {"pop", method_pop, 0},
    {"clear", method_clear, 0},
    {"update", method_update, 0},
    {"intersection_update", method_intersection_update, 0},
    {"difference_update", method_difference_update, 0},
    {"symmetric_difference_update", method_symmetric_difference_update, 0},
    {NULL, NULL, 0},
};
const Method frozenset_methods[] = {SHARED_METHODS, {NULL, NULL, 0}};
