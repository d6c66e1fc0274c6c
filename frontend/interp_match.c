/* What patterns of a match statement ask of a value. */
#include "frontend/interp.h"

/* Classes of the library that count as sequences or mappings say so in `__match_kind__`. */
static bool is_kind(Vm *vm, Value v, const char *kind) {
    if (v.tag != TAG_OBJ) return false;
    Value found = class_lookup(v.o->cls, vm_intern_text(vm, "__match_kind__"));
    return is_str(found) && str_equals(as_str(found), kind);
}

static bool is_sequence(Vm *vm, Value v) {
    return is_list(v) || is_tuple(v) || (v.tag == TAG_OBJ && v.o->cls == vm->cls[CLS_RANGE]) ||
           is_kind(vm, v, "sequence");
}

bool match_sequence(Vm *vm, Value v, size_t count, bool more, Value *out) {
    bool is = is_sequence(vm, v);
    int64_t length = is ? vm_len(vm, v) : 0;
    if (length < 0) return false;
    *out = from_bool(is && (more ? (size_t)length >= count : (size_t)length == count));
    return true;
}

/* v[key] by `get`, so that a defaultdict makes no items; *found says whether it is there. */
static Value get_item(Vm *vm, Value v, Value key, bool *found) {
    *found = false;
    if (is_dict(v)) {
        Value item = dict_find(vm, as_dict(v), key);
        *found = !is_null(item);
        return incref(item);
    }
    int contains = vm_contains(vm, v, key);
    if (contains <= 0) return NULL_VALUE;
    *found = true;
    return vm_getitem(vm, v, key);
}

static Value rest_of(Vm *vm, Value v, const Value *keys, size_t count) {
    Dict *rest = dict_new(vm);
    bool ok = dict_update(vm, rest, v);
    for (size_t i = 0; ok && i < count; i++)
        ok = dict_delete(vm, rest, keys[i]) >= 0;
    if (ok) return FROM_OBJ(rest);
    DROP(rest);
    return NULL_VALUE;
}

static bool check_keys(Vm *vm, const Value *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (vm_equal(vm, keys[i], keys[j]) == 0) continue;
            Value text = vm_repr(vm, keys[i]);
            if (!is_null(text))
                vm_raise(vm, EXC_ValueError, "mapping pattern checks duplicate key (%s)",
                         as_str(text)->data);
            decref(text);
            return false;
        }
    }
    return true;
}

bool match_keys(Vm *vm, Value v, const Value *keys, size_t count, bool rest, Value *out) {
    *out = NONE;
    if (!is_dict(v) && !is_kind(vm, v, "mapping")) return true;
    if (!check_keys(vm, keys, count)) return false;
    Value found = tuple_new(vm, count + rest);
    for (size_t i = 0; i < count; i++) {
        bool there;
        as_tuple(found)->items[i] = get_item(vm, v, keys[i], &there);
        if (there && !vm_failed(vm)) continue;
        decref(found);
        return !vm_failed(vm);
    }
    if (rest) as_tuple(found)->items[count] = rest_of(vm, v, keys, count);
    if (vm_failed(vm)) {
        decref(found);
        return false;
    }
    *out = found;
    return true;
}

/* int(x), str(x) and the like match the value itself. */
static bool stands_for_itself(Vm *vm, const Class *cls) {
    static const ClassId ids[] = {CLS_INT,       CLS_BOOL,  CLS_FLOAT,    CLS_STR,
                                  CLS_BYTES,     CLS_TUPLE, CLS_LIST,     CLS_DICT,
                                  CLS_BYTEARRAY, CLS_SET,   CLS_FROZENSET};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (class_is_subclass(cls, vm->cls[ids[i]])) return true;
    return false;
}

/* The names of the positional patterns: a tuple, None when the one pattern means the value itself;
 * NULL_VALUE: raised. */
static Value positional_names(Vm *vm, Class *cls, size_t count) {
    Value names = vm_getattr_optional(vm, FROM_OBJ(cls), vm_intern_text(vm, "__match_args__"));
    if (vm_failed(vm)) return names;
    if (!is_null(names) && !is_tuple(names)) {
        vm_raise(vm, EXC_TypeError, "%s.__match_args__ must be a tuple (got %s)", cls->name,
                 vm_class_name(vm, names));
        decref(names);
        return NULL_VALUE;
    }
    bool itself = is_null(names) && stands_for_itself(vm, cls);
    size_t most = itself ? 1 : is_null(names) ? 0 : as_tuple(names)->count;
    if (count <= most) return itself ? NONE : names;
    vm_raise(vm, EXC_TypeError, "%s() accepts %zu positional sub-pattern%s (%zu given)", cls->name,
             most, most == 1 ? "" : "s", count);
    decref(names);
    return NULL_VALUE;
}

/* One attribute into the tuple; false when there is none or something was raised. */
static bool take_attribute(Vm *vm, Value v, Value name, Value *out) {
    if (!is_str(name)) {
        vm_raise(vm, EXC_TypeError, "__match_args__ elements must be strings (got %s)",
                 vm_class_name(vm, name));
        return false;
    }
    *out = vm_getattr_optional(vm, v, vm_name(vm, name, "attribute"));
    return !is_null(*out);
}

bool match_class(Vm *vm, Value v, Value cls, size_t count, const Tuple *names, Value *out) {
    *out = NONE;
    if (!is_class(cls)) {
        vm_raise(vm, EXC_TypeError, "called match pattern must be a class");
        return false;
    }
    int is = vm_isinstance(vm, v, cls);
    if (is <= 0) return is == 0;
    Value positional = count ? positional_names(vm, as_class(cls), count) : NULL_VALUE;
    if (vm_failed(vm)) return false;
    Value found = tuple_new(vm, count + names->count);
    bool ok = true;
    for (size_t i = 0; ok && i < count + names->count; i++) {
        Value *item = &as_tuple(found)->items[i];
        if (i < count && is_none(positional))
            *item = incref(v);
        else
            ok = take_attribute(
                vm, v, i < count ? as_tuple(positional)->items[i] : names->items[i - count], item);
    }
    decref(positional);
    if (ok)
        *out = found;
    else
        decref(found);
    return !vm_failed(vm);
}
