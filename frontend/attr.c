/* Attribute access: object's own rules, and the entry points that ask an object's class. */
#include "frontend/interp.h"

Class *vm_class_of(Vm *vm, Value v) {
    static const ClassId inline_classes[] = {CLS_NONE,  CLS_NONE,     CLS_BOOL,           CLS_INT,
                                             CLS_FLOAT, CLS_ELLIPSIS, CLS_NOT_IMPLEMENTED};
    return v.tag == TAG_OBJ ? v.o->cls : vm->cls[inline_classes[v.tag]];
}

const char *vm_class_name(Vm *vm, Value v) {
    return vm_class_of(vm, v)->name;
}

/* The interned Str of a name given at run time. */
Str *vm_name(Vm *vm, Value v, const char *what) {
    if (!is_str(v)) {
        vm_raise(vm, EXC_TypeError, "%s must be string, not '%s'", what, vm_class_name(vm, v));
        return NULL;
    }
    Str *s = as_str(v);
    return s->interned ? s : vm_intern(vm, s->data, s->size);
}

/* The attribute by object's rules; NULL_VALUE with nothing raised when there is none. */
Value vm_generic_find(Vm *vm, Value v, Str *name) {
    Class *cls = vm_class_of(vm, v);
    Value attr = class_lookup(cls, name);
    const Slots *slots = attr.tag == TAG_OBJ ? &attr.o->cls->slots : NULL;
    if (slots && slots->descr_set && slots->descr_get) return slots->descr_get(vm, attr, v, cls);
    if (cls->dict_offset) {
        Dict *dict = *obj_dict_slot(v.o);
        if (dict) {
            Value own = dict_get(dict, name);
            if (own.tag != TAG_NULL) return incref(own);
        }
    }
    if (slots && slots->descr_get) return slots->descr_get(vm, attr, v, cls);
    if (attr.tag != TAG_NULL) return incref(attr);
    if (name == vm->names.class_) return NEW_REF(cls);
    if (name == vm->names.doc_) return NONE;
    if (name == vm->names.dict_ && cls->dict_offset) {
        Dict **dict = obj_dict_slot(v.o);
        if (!*dict) *dict = dict_new(vm);
        return NEW_REF(*dict);
    }
    if (vm->class_late && vm->class_late(vm, cls, name)) return vm_generic_find(vm, v, name);
    return NULL_VALUE;
}

typedef struct Candidates {
    const char *words[1024];
    size_t count;
} Candidates;

static void add_candidates(Candidates *candidates, const Dict *dict) {
    size_t pos = 0;
    Value key, value;
    while (dict && dict_next(dict, &pos, &key, &value))
        if (is_str(key) && candidates->count < 1024)
            candidates->words[candidates->count++] = as_str(key)->data;
}

/* What a __dir__ of the class's own lists, as a network's layers. The names outlive the list: they
 * are keys of what the object holds. */
static void add_listed(Vm *vm, Candidates *candidates, Value v) {
    Str *dir = vm_intern_text(vm, "__dir__");
    Value own = is_class(v) ? NULL_VALUE : class_lookup(vm_class_of(vm, v), dir);
    if (own.tag != TAG_OBJ || own.o->cls != vm->cls[CLS_FUNCTION]) return;
    Value list = vm_call_method(vm, v, dir->data, NULL, 0);
    const Value *items = NULL;
    size_t count = 0;
    if (!is_null(list)) vm_items(list, &items, &count);
    for (size_t i = 0; i < count && candidates->count < 1024; i++)
        if (is_str(items[i])) candidates->words[candidates->count++] = as_str(items[i])->data;
    decref(list);
    clear_value(&vm->raised);
}

/* The attribute of `v` whose name is nearest to `name`; NULL: none is near. */
const char *vm_near_attribute(Vm *vm, Value v, Str *name) {
    Candidates candidates = {.count = 0};
    Class *cls = vm_class_of(vm, v);
    Tuple *mro = is_class(v) ? as_class(v)->mro : cls->mro;
    if (cls->dict_offset) add_candidates(&candidates, *obj_dict_slot(v.o));
    if (v.tag == TAG_OBJ && cls == vm->cls[CLS_MODULE])
        candidates.count = module_words(vm, (ModuleObj *)(void *)v.o, candidates.words, 1024);
    for (size_t i = 0; i < mro->count; i++)
        add_candidates(&candidates, as_class(mro->items[i])->dict);
    add_listed(vm, &candidates, v);
    return nearest_word(name->data, candidates.words, candidates.count);
}

/* The exception keeps the name and the object: what was meant is looked for when it is reported. */
Value vm_no_attribute(Vm *vm, Value v, Str *name) {
    const Class *cls = vm_class_of(vm, v);
    if (is_class(v))
        vm_raise(vm, EXC_AttributeError, "type object '%s' has no attribute '%s'",
                 as_class(v)->name, name->data);
    else if (v.tag == TAG_OBJ && cls == vm->cls[CLS_MODULE])
        vm_raise(vm, EXC_AttributeError, "module '%s' has no attribute '%s'",
                 ((ModuleObj *)(void *)v.o)->name->data, name->data);
    else
        vm_raise(vm, EXC_AttributeError, "'%s' object has no attribute '%s'", cls->name,
                 name->data);
    as_exception(vm->raised)->value = vm_pair(vm, NEW_REF(name), incref(v));
    return NULL_VALUE;
}

Value vm_generic_getattr(Vm *vm, Value v, Str *name) {
    Value found = vm_generic_find(vm, v, name);
    if (found.tag != TAG_NULL || vm_failed(vm)) return found;
    return vm_no_attribute(vm, v, name);
}

bool vm_generic_setattr(Vm *vm, Value v, Str *name, Value value) {
    Class *cls = vm_class_of(vm, v);
    Value attr = class_lookup(cls, name);
    if (attr.tag == TAG_OBJ && attr.o->cls->slots.descr_set)
        return attr.o->cls->slots.descr_set(vm, attr, v, value);
    if (!cls->dict_offset) {
        if (is_null(attr))
            vm_no_attribute(vm, v, name);
        else
            vm_raise(vm, EXC_AttributeError, "'%s' object attribute '%s' is read-only", cls->name,
                     name->data);
        return false;
    }
    Dict **dict = obj_dict_slot(v.o);
    if (name == vm->names.class_ && is_class(value)) {
        Class *to = as_class(value);
        if (to->instance_size != cls->instance_size || !(to->flags & cls->flags & CLASS_USER) ||
            (to->flags ^ cls->flags) & CLASS_INHERITED) {
            vm_raise(vm, EXC_TypeError,
                     "__class__ assignment: '%s' object layout differs from '%s'", to->name,
                     cls->name);
            return false;
        }
        v.o->cls = as_class(incref(value));
        DROP(cls);
        return true;
    }
    if (name == vm->names.dict_ && is_dict(value)) {
        Dict *old = *dict;
        *dict = as_dict(incref(value));
        if (old) DROP(old);
        return true;
    }
    if (!*dict) {
        if (is_null(value)) {
            vm_no_attribute(vm, v, name);
            return false;
        }
        *dict = dict_new(vm);
    }
    if (!is_null(value)) return dict_set_str(*dict, name, value);
    if (dict_delete_str(*dict, name)) return true;
    vm_no_attribute(vm, v, name);
    return false;
}

Value vm_getattr(Vm *vm, Value v, Str *name) {
    return vm_class_of(vm, v)->slots.getattr(vm, v, name);
}

Value vm_getattr_text(Vm *vm, Value v, const char *name) {
    return vm_getattr(vm, v, vm_intern_text(vm, name));
}

Value vm_getattr_optional(Vm *vm, Value v, Str *name) {
    Class *cls = vm_class_of(vm, v);
    bool generic = cls->slots.getattr == vm_generic_getattr;
    Value found = generic ? vm_generic_find(vm, v, name) : cls->slots.getattr(vm, v, name);
    if (is_null(found)) vm_catch(vm, EXC_AttributeError);
    return found;
}

bool vm_setattr(Vm *vm, Value v, Str *name, Value value) {
    return vm_class_of(vm, v)->slots.setattr(vm, v, name, value);
}

bool vm_setattr_text(Vm *vm, Value v, const char *name, Value value) {
    return vm_setattr(vm, v, vm_intern_text(vm, name), value);
}

/* For `v.name(…)`: the function unbound, with *has_self set, when the attribute is a plain method;
 * otherwise the attribute itself. */
bool vm_load_method(Vm *vm, Value v, Str *name, Value *function, bool *has_self) {
    Class *cls = vm_class_of(vm, v);
    *has_self = false;
    if (getattr_is_generic(cls)) {
        Value attr = class_lookup(cls, name);
        if (attr.tag == TAG_OBJ &&
            (attr.o->cls == vm->cls[CLS_FUNCTION] || attr.o->cls == vm->cls[CLS_NATIVE])) {
            Dict *dict = cls->dict_offset ? *obj_dict_slot(v.o) : NULL;
            if (!dict || is_null(dict_get(dict, name))) {
                *function = incref(attr);
                *has_self = true;
                return true;
            }
        }
    }
    *function = vm_getattr(vm, v, name);
    return !is_null(*function);
}
