/* The dictionary: entries in insertion order and an open-addressing table of their numbers.
 *
 * Names (interned strings) are the usual keys and are compared by pointer first. A namespace of a
 * module (keeps_slots) never moves its entries: deleting unsets the value and keeps the key, so
 * compiled code can address globals by entry number. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

enum { EMPTY = -1, REMOVED = -2 };

Dict *dict_new(Vm *vm) {
    return (Dict *)(void *)vm_alloc(vm, vm->cls[CLS_DICT]);
}

static void place(Dict *dict, int64_t hash, int32_t entry) {
    size_t i = (size_t)hash & dict->mask;
    uint64_t perturb = (uint64_t)hash;
    while (dict->index[i] >= 0) {
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & dict->mask;
    }
    dict->fill += dict->index[i] == EMPTY;
    dict->index[i] = entry;
}

/* Room for one more entry: compacts deleted ones away or doubles. A third of the slots stays empty,
 * which is where searches end. */
static void reserve(Dict *dict) {
    size_t spent = dict->used > dict->fill ? dict->used : dict->fill;
    if (dict->index && spent < dict->capacity) return;
    size_t live = 0;
    for (size_t i = 0; i < dict->used; i++)
        live += dict->entries[i].key.tag != TAG_NULL;
    size_t slots = 8;
    while (slots * 2 < (live + 1) * 4)
        slots *= 2;
    if (dict->index && slots <= dict->mask + 1 && live * 3 > spent * 2)
        slots = (dict->mask + 1) * 2;
    NNC_CHECK(slots < (size_t)1 << 30, "a dictionary grew past 2^30 slots");
    size_t capacity = slots * 2 / 3;
    DictEntry *entries = xmalloc(capacity * sizeof *entries + slots * sizeof *dict->index);
    size_t n = 0;
    for (size_t i = 0; i < dict->used; i++)
        if (dict->entries[i].key.tag != TAG_NULL) entries[n++] = dict->entries[i];
    free(dict->entries);
    dict->entries = entries;
    dict->used = n;
    dict->capacity = capacity;
    dict->index = (int32_t *)(entries + capacity);
    dict->mask = slots - 1;
    dict->fill = 0;
    memset(dict->index, 0xff, slots * sizeof *dict->index);
    for (size_t i = 0; i < n; i++)
        place(dict, entries[i].hash, (int32_t)i);
}

static bool same_str(const Str *a, const Str *b) {
    if (a == b) return true;
    if (a->interned && b->interned) return false;
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* Finds a key that is a Str without running any code of the program. */
bool dict_probe_str(const Dict *dict, const Str *name, size_t *entry) {
    if (!dict->index) return false;
    int64_t hash = name->hash ? name->hash : str_hash((Str *)(uintptr_t)name);
    size_t i = (size_t)hash & dict->mask;
    uint64_t perturb = (uint64_t)hash;
    for (;;) {
        int32_t at = dict->index[i];
        if (at == EMPTY) return false;
        if (at >= 0) {
            const DictEntry *e = &dict->entries[at];
            if (e->hash == hash && is_str(e->key) && same_str(as_str(e->key), name)) {
                *entry = (size_t)at;
                return true;
            }
        }
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & dict->mask;
    }
}

/* Where the key is; -1: absent, -2: raised. Comparing may run code that changes the dictionary:
 * then the search starts again. */
static int64_t probe(Vm *vm, Dict *dict, Value key, int64_t hash, size_t *slot) {
again:
    if (!dict->index) return -1;
    size_t i = (size_t)hash & dict->mask;
    uint64_t perturb = (uint64_t)hash;
    uint32_t version = dict->version;
    for (;;) {
        int32_t at = dict->index[i];
        if (at == EMPTY) return -1;
        if (at >= 0 && dict->entries[at].hash == hash) {
            Value other = dict->entries[at].key;
            if (vm_is(other, key)) {
                if (slot) *slot = i;
                return at;
            }
            bool strings = is_str(other) && is_str(key);
            incref(other);
            int equal = strings ? same_str(as_str(other), as_str(key)) : vm_equal(vm, other, key);
            decref(other);
            if (equal < 0) return -2;
            if (dict->version != version) goto again;
            if (equal) {
                if (slot) *slot = i;
                return at;
            }
        }
        perturb >>= 5;
        i = (i * 5 + perturb + 1) & dict->mask;
    }
}

static void insert_new(Dict *dict, Value key, int64_t hash, Value value) {
    reserve(dict);
    dict->entries[dict->used] = (DictEntry){hash, incref(key), incref(value)};
    place(dict, hash, (int32_t)dict->used);
    dict->used++;
    dict->count += value.tag != TAG_NULL;
    dict->version++;
}

static void replace(Dict *dict, size_t entry, Value value) {
    Value old = dict->entries[entry].value;
    if (old.tag == TAG_NULL) dict->count++, dict->version++;
    dict->entries[entry].value = incref(value);
    decref(old);
}

static void remove_entry(Dict *dict, size_t entry, size_t slot) {
    DictEntry old = dict->entries[entry];
    if (old.value.tag != TAG_NULL) dict->count--;
    dict->entries[entry].value = NULL_VALUE;
    dict->version++;
    if (!dict->keeps_slots) {
        dict->entries[entry].key = NULL_VALUE;
        dict->index[slot] = REMOVED;
        while (dict->used > 0 && dict->entries[dict->used - 1].key.tag == TAG_NULL)
            dict->used--;
        decref(old.key);
    }
    decref(old.value);
}

Value dict_get(Dict *dict, Str *name) {
    size_t entry;
    return dict_probe_str(dict, name, &entry) ? dict->entries[entry].value : NULL_VALUE;
}

Value dict_get_text(Vm *vm, Dict *dict, const char *name) {
    return dict_get(dict, vm_intern_text(vm, name));
}

bool dict_set_str(Dict *dict, Str *name, Value value) {
    size_t entry;
    if (dict_probe_str(dict, name, &entry))
        replace(dict, entry, value);
    else
        insert_new(dict, FROM_OBJ(name), str_hash(name), value);
    return true;
}

bool dict_delete_str(Dict *dict, Str *name) {
    size_t entry, slot = 0;
    if (!dict_probe_str(dict, name, &entry) || is_null(dict->entries[entry].value)) return false;
    slot = (size_t)str_hash(name) & dict->mask;
    uint64_t perturb = (uint64_t)str_hash(name);
    while (dict->index[slot] != (int32_t)entry) {
        perturb >>= 5;
        slot = (slot * 5 + perturb + 1) & dict->mask;
    }
    remove_entry(dict, entry, slot);
    return true;
}

Value dict_find(Vm *vm, Dict *dict, Value key) {
    int64_t hash;
    if (!vm_hash(vm, key, &hash)) return NULL_VALUE;
    int64_t entry = probe(vm, dict, key, hash, NULL);
    return entry >= 0 ? dict->entries[entry].value : NULL_VALUE;
}

bool dict_set(Vm *vm, Dict *dict, Value key, Value value) {
    int64_t hash;
    if (!vm_hash(vm, key, &hash)) return false;
    int64_t entry = probe(vm, dict, key, hash, NULL);
    if (entry == -2) return false;
    if (entry >= 0)
        replace(dict, (size_t)entry, value);
    else
        insert_new(dict, key, hash, value);
    return true;
}

int dict_delete(Vm *vm, Dict *dict, Value key) {
    int64_t hash;
    size_t slot = 0;
    if (!vm_hash(vm, key, &hash)) return -1;
    int64_t entry = probe(vm, dict, key, hash, &slot);
    if (entry == -2) return -1;
    if (entry < 0 || is_null(dict->entries[entry].value)) return 0;
    remove_entry(dict, (size_t)entry, slot);
    return 1;
}

bool dict_next(const Dict *dict, size_t *pos, Value *key, Value *value) {
    while (*pos < dict->used) {
        const DictEntry *e = &dict->entries[(*pos)++];
        if (e->key.tag == TAG_NULL || e->value.tag == TAG_NULL) continue;
        *key = e->key;
        *value = e->value;
        return true;
    }
    return false;
}

void dict_clear(Dict *dict) {
    DictEntry *entries = dict->entries;
    size_t used = dict->used;
    if (dict->keeps_slots) {
        for (size_t i = 0; i < used; i++)
            clear_value(&entries[i].value);
        dict->count = 0;
        return;
    }
    dict->entries = NULL;
    dict->index = NULL;
    dict->mask = dict->fill = dict->used = dict->count = dict->capacity = 0;
    dict->version++;
    for (size_t i = 0; i < used; i++) {
        decref(entries[i].key);
        decref(entries[i].value);
    }
    free(entries);
}

static bool update_from_dict(Vm *vm, Dict *dict, Dict *other) {
    size_t pos = 0;
    Value key, value;
    while (dict_next(other, &pos, &key, &value))
        if (!dict_set(vm, dict, key, value)) return false;
    return true;
}

static bool update_from_pairs(Vm *vm, Dict *dict, Value pairs) {
    Value iterator = vm_iter(vm, pairs);
    if (is_null(iterator)) return false;
    bool ok = true;
    for (int64_t n = 0; ok; n++) {
        Value item = vm_next(vm, iterator);
        if (is_null(item)) break;
        Value pair = is_list(item) || is_tuple(item) ? incref(item) : list_from_iterable(vm, item);
        const Value *items;
        size_t count;
        if (is_null(pair)) {
            ok = false;
            if (vm_catch(vm, EXC_TypeError))
                vm_raise(vm, EXC_TypeError,
                         "cannot convert dictionary update sequence element #%lld to a sequence",
                         (long long)n);
        } else if (!vm_items(pair, &items, &count) || count != 2) {
            ok = false;
            vm_raise(vm, EXC_ValueError,
                     "dictionary update sequence element #%lld has length %zu; 2 is required",
                     (long long)n, count);
        } else {
            ok = dict_set(vm, dict, items[0], items[1]);
        }
        decref(pair);
        decref(item);
    }
    decref(iterator);
    return ok && !vm_failed(vm);
}

bool dict_update(Vm *vm, Dict *dict, Value other) {
    if (is_dict(other)) return update_from_dict(vm, dict, as_dict(other));
    Value keys = vm_getattr_optional(vm, other, vm_intern_text(vm, "keys"));
    if (vm_failed(vm)) return false;
    if (is_null(keys)) return update_from_pairs(vm, dict, other);
    Value names = vm_call0(vm, keys);
    decref(keys);
    Value list = is_null(names) ? NULL_VALUE : list_from_iterable(vm, names);
    decref(names);
    if (is_null(list)) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < as_list(list)->count; i++) {
        Value key = as_list(list)->items[i], value = vm_getitem(vm, other, key);
        ok = !is_null(value) && dict_set(vm, dict, key, value);
        decref(value);
    }
    decref(list);
    return ok;
}

/* ---- slots ---- */

static void dict_dealloc(Obj *self) {
    Dict *dict = (Dict *)(void *)self;
    for (size_t i = 0; i < dict->used; i++) {
        decref(dict->entries[i].key);
        decref(dict->entries[i].value);
    }
    free(dict->entries);
}

static void dict_traverse(Obj *self, VisitFn visit, void *context) {
    const Dict *dict = (const Dict *)(const void *)self;
    for (size_t i = 0; i < dict->used; i++) {
        visit_value(dict->entries[i].key, visit, context);
        visit_value(dict->entries[i].value, visit, context);
    }
}

static void dict_clear_slot(Obj *self) {
    dict_clear((Dict *)(void *)self);
}

static bool already_printing(Vm *vm, Obj *self) {
    for (size_t i = 0; i < vm->repr_stack.count; i++)
        if (vm->repr_stack.items[i] == self) return true;
    VEC_PUSH(vm->repr_stack, self);
    return false;
}

static Value dict_repr(Vm *vm, Value self) {
    if (already_printing(vm, self.o)) return str_from(vm, "{...}");
    const Dict *dict = as_dict(self);
    Buf buf = {0};
    buf_putc(&buf, '{');
    bool ok = true;
    size_t pos = 0, n = 0;
    Value key, value;
    while (ok && dict_next(dict, &pos, &key, &value)) {
        incref(key), incref(value);
        if (n++) buf_puts(&buf, ", ");
        ok = vm_repr_to(vm, key, &buf);
        buf_puts(&buf, ": ");
        ok = ok && vm_repr_to(vm, value, &buf);
        decref(key), decref(value);
    }
    buf_putc(&buf, '}');
    vm->repr_stack.count--;
    Value text = ok ? str_from_buf(vm, &buf) : NULL_VALUE;
    if (!ok) buf_free(&buf);
    return text;
}

static Value dict_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if ((op != COMPARE_EQ && op != COMPARE_NE) || !is_dict(a) || !is_dict(b))
        return NOT_IMPLEMENTED;
    int equal = as_dict(a)->count == as_dict(b)->count;
    size_t pos = 0;
    Value key, value;
    while (equal == 1 && dict_next(as_dict(a), &pos, &key, &value)) {
        incref(value);
        Value other = dict_find(vm, as_dict(b), key);
        if (is_null(other))
            equal = vm_failed(vm) ? -1 : 0;
        else
            equal = vm_equal(vm, value, other);
        decref(value);
    }
    return equal < 0 ? NULL_VALUE : from_bool(equal == (op == COMPARE_EQ));
}

static Value merge(Vm *vm, Value a, Value b) {
    Dict *made = dict_new(vm);
    if (update_from_dict(vm, made, as_dict(a)) && update_from_dict(vm, made, as_dict(b)))
        return FROM_OBJ(made);
    DROP(made);
    return NULL_VALUE;
}

static Value dict_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op != BINARY_OR || !is_dict(a) || !is_dict(b)) return NOT_IMPLEMENTED;
    return merge(vm, a, b);
}

static Value dict_inplace(Vm *vm, BinaryOp op, Value a, Value b) {
    if (op != BINARY_OR) return NOT_IMPLEMENTED;
    return dict_update(vm, as_dict(a), b) ? incref(a) : NULL_VALUE;
}

static Value key_error(Vm *vm, Value key) {
    Exception *error = exception_new(vm, vm->exc[EXC_KeyError], key);
    vm_raise_value(vm, FROM_OBJ(error));
    DROP(error);
    return NULL_VALUE;
}

static Value dict_getitem(Vm *vm, Value self, Value key) {
    Value value = dict_find(vm, as_dict(self), key);
    if (value.tag != TAG_NULL) return incref(value);
    if (vm_failed(vm)) return NULL_VALUE;
    if (self.o->cls != vm->cls[CLS_DICT]) {
        bool found;
        value = call_dunder(vm, self, vm->names.missing_, &key, 1, &found);
        if (found) return value;
    }
    return key_error(vm, key);
}

static bool dict_setitem(Vm *vm, Value self, Value key, Value value) {
    if (!is_null(value)) return dict_set(vm, as_dict(self), key, value);
    int removed = dict_delete(vm, as_dict(self), key);
    if (removed == 0) key_error(vm, key);
    return removed == 1;
}

static int dict_contains(Vm *vm, Value self, Value item) {
    Value value = dict_find(vm, as_dict(self), item);
    return vm_failed(vm) ? -1 : !is_null(value);
}

static int64_t dict_length(Vm *vm, Value self) {
    (void)vm;
    return (int64_t)as_dict(self)->count;
}

static bool dict_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    if (nargs > 1) {
        vm_raise(vm, EXC_TypeError, "dict expected at most 1 argument, got %d", nargs);
        return false;
    }
    if (nargs == 1 && !dict_update(vm, as_dict(self), args[0])) return false;
    for (size_t i = 0; kwnames && i < kwnames->count; i++)
        if (!dict_set(vm, as_dict(self), kwnames->items[i], args[(size_t)nargs + i])) return false;
    return true;
}

static Value dict_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return from_obj(vm_alloc(vm, cls));
}

const Slots dict_slots = {
    .dealloc = dict_dealloc,
    .traverse = dict_traverse,
    .clear = dict_clear_slot,
    .repr = dict_repr,
    .compare = dict_compare,
    .binary = dict_binary,
    .inplace = dict_inplace,
    .getitem = dict_getitem,
    .setitem = dict_setitem,
    .contains = dict_contains,
    .length = dict_length,
    .iter = dict_iter,
    .init = dict_init,
    .create = dict_create,
    .hash = unhashable,
};
