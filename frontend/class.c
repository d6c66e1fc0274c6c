/* Classes: creation, C3 linearization, attribute lookup along the MRO, and what a class object
 * itself answers to (call, attributes, repr).
 *
 * A lookup is cached by (class, name, version); a class's version changes whenever its own or a
 * base's attributes do, and versions are never reused, so a stale entry can't match. */
#include <stdlib.h>

#include "frontend/interp.h"

static Value metaclass_conflict(Vm *vm) {
    return vm_raise(vm, EXC_TypeError,
                    "metaclass conflict: the metaclass of a derived class must be a (non-strict) "
                    "subclass of the metaclasses of all its bases");
}

bool class_is_subclass(const Class *cls, const Class *base) {
    if (cls == base) return true;
    if (!cls->mro) return false;
    for (size_t i = 0; i < cls->mro->count; i++)
        if ((const Class *)(void *)cls->mro->items[i].o == base) return true;
    return false;
}

void class_changed(Class *cls) {
    cls->version = ++cls->vm->next_version;
    for (size_t i = 0; i < cls->subclasses.count; i++)
        class_changed(cls->subclasses.items[i]);
}

/* The attribute in the class's own namespace; native dunders appear there on first use. */
Value class_own(Class *cls, Str *name) {
    Value v = dict_get(cls->dict, name);
    if (v.tag != TAG_NULL || (cls->flags & CLASS_USER)) return v;
    if (name->size < 5 || name->data[0] != '_' || name->data[1] != '_') return v;
    v = slot_wrapper(cls, name);
    if (v.tag == TAG_NULL) return v;
    dict_set_str(cls->dict, name, v);
    decref(v);
    return v;
}

Value class_lookup(Class *cls, Str *name) {
    Vm *vm = cls->vm;
    size_t slot = (((uintptr_t)cls >> 5) * 31 + ((uintptr_t)name >> 5)) % METHOD_CACHE_SIZE;
    MethodCacheEntry *entry = &vm->method_cache[slot];
    if (entry->cls == cls && entry->name == name && entry->version == cls->version)
        return entry->value;
    Value found = NULL_VALUE;
    for (size_t i = 0; i < cls->mro->count && found.tag == TAG_NULL; i++)
        found = class_own((Class *)(void *)cls->mro->items[i].o, name);
    *entry = (MethodCacheEntry){cls, name, cls->version, found};
    return found;
}

bool class_set(Class *cls, const char *name, Value value) {
    bool ok = dict_set_str(cls->dict, vm_intern_text(cls->vm, name), value);
    class_changed(cls);
    return ok;
}

/* ---- C3 ---- */

/* Whether `candidate` is in the tail (past the head) of any of the lists. */
static bool in_some_tail(Class *candidate, Tuple *const *lists, const size_t *heads, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = heads[i] + 1; j < lists[i]->count; j++)
            if (lists[i]->items[j].o == (Obj *)candidate) return true;
    return false;
}

static Tuple *linearize(Vm *vm, Class *cls, Tuple *bases) {
    size_t n = bases->count + 1;
    Tuple **lists = xcalloc(n, sizeof *lists);
    size_t *heads = xcalloc(n, sizeof *heads);
    for (size_t i = 0; i < bases->count; i++)
        lists[i] = as_class(bases->items[i])->mro;
    lists[n - 1] = bases;
    List *out = as_list(list_new(vm, 8));
    list_append(out, FROM_OBJ(cls));
    Tuple *result = NULL;
    for (;;) {
        Class *next = NULL;
        bool done = true;
        for (size_t i = 0; i < n && !next; i++) {
            if (heads[i] >= lists[i]->count) continue;
            done = false;
            Class *candidate = as_class(lists[i]->items[heads[i]]);
            if (!in_some_tail(candidate, lists, heads, n)) next = candidate;
        }
        if (done) {
            result = as_tuple(tuple_from(vm, out->items, out->count));
            break;
        }
        if (!next) {
            Buf names = {0};
            for (size_t i = 0; i < bases->count; i++)
                buf_printf(&names, "%s%s", i ? ", " : "", as_class(bases->items[i])->name);
            vm_raise(vm, EXC_TypeError,
                     "Cannot create a consistent method resolution\norder (MRO) for bases %s",
                     buf_text(&names));
            buf_free(&names);
            break;
        }
        list_append(out, FROM_OBJ(next));
        for (size_t i = 0; i < n; i++)
            if (heads[i] < lists[i]->count && lists[i]->items[heads[i]].o == (Obj *)next)
                heads[i]++;
    }
    DROP(out);
    free(lists);
    free(heads);
    return result;
}

/* ---- creation ---- */

static const char *intern_name(Vm *vm, Str *name) {
    return vm_intern(vm, name->data, name->size)->data;
}

static size_t align_up(size_t size, size_t to) {
    return (size + to - 1) / to * to;
}

/* Slots of every class of the MRO, the furthest first, so that nearer ones win. */
void class_refresh_slots(Class *cls) {
    bool single = cls->bases->count == 1; /* its slots are what the others in the order give */
    if (single) cls->slots = as_class(cls->bases->items[0])->slots;
    for (size_t i = single ? 1 : cls->mro->count; i-- > 1;) {
        const Class *definer = as_class(cls->mro->items[i]);
        if (definer->flags & CLASS_USER)
            slots_apply_user(cls, definer);
        else
            slots_apply_native(cls, definer);
    }
    slots_apply_user(cls, cls);
    /* What belongs to the memory layout comes from the base that gives the layout. */
    cls->slots.dealloc = cls->base->slots.dealloc;
    cls->slots.traverse = cls->base->slots.traverse;
    cls->slots.clear = cls->base->slots.clear;
    cls->flags &= ~(unsigned)CLASS_FINALIZER;
    if (!is_null(class_lookup(cls, cls->vm->names.del_))) cls->flags |= CLASS_FINALIZER;
    for (size_t i = 0; i < cls->subclasses.count; i++)
        class_refresh_slots(cls->subclasses.items[i]);
}

/* The native class that brought the layout: KeyError's is Exception's. */
static Class *layout_owner(Class *cls) {
    while ((cls->flags & CLASS_USER && cls->member_count == 0) ||
           (cls->flags & CLASS_EXCEPTION && cls->base->flags & CLASS_EXCEPTION))
        cls = cls->base;
    return cls;
}

/* The base whose instance layout is the largest; every other must be contained in it. */
static Class *layout_base(Vm *vm, Tuple *bases) {
    Class *best = NULL;
    for (size_t i = 0; i < bases->count; i++) {
        Class *base = as_class(bases->items[i]);
        if (base->flags & CLASS_FINAL) {
            vm_raise(vm, EXC_TypeError, "type '%s' is not an acceptable base type", base->name);
            return NULL;
        }
        if (!best) {
            best = base;
            continue;
        }
        Class *native_best = layout_owner(best), *native_base = layout_owner(base);
        if (class_is_subclass(native_best, native_base)) continue;
        if (!class_is_subclass(native_base, native_best)) {
            vm_raise(vm, EXC_TypeError, "multiple bases have instance lay-out conflict");
            return NULL;
        }
        best = base;
    }
    return best;
}

static void add_subclass(Tuple *bases, Class *cls) {
    for (size_t i = 0; i < bases->count; i++)
        VEC_PUSH(as_class(bases->items[i])->subclasses, cls);
}

/* Makes the class object; hooks (__set_name__, __init_subclass__) are run by class_create. */
Value class_new(Vm *vm, Class *meta, Str *name, Tuple *bases, Dict *dict) {
    Class *base = layout_base(vm, bases);
    if (!base) return NULL_VALUE;
    Class *cls = (Class *)(void *)vm_alloc(vm, meta);
    cls->vm = vm;
    cls->name = intern_name(vm, name);
    cls->name_str = (Str *)NEW_REF(name).o;
    cls->qualname = (Str *)NEW_REF(name).o;
    cls->base = base;
    cls->bases = (Tuple *)NEW_REF(bases).o;
    cls->dict = (Dict *)NEW_REF(dict).o;
    cls->flags = (base->flags & CLASS_INHERITED) | CLASS_USER;
    for (size_t i = 0; i < bases->count; i++)
        cls->flags |= as_class(bases->items[i])->flags & CLASS_INHERITED;
    cls->instance_size = base->instance_size;
    cls->dict_offset = base->dict_offset;
    bool wants_dict;
    bool ok = class_add_members(vm, cls, &wants_dict);
    if (ok && wants_dict && cls->dict_offset == 0) {
        cls->dict_offset = align_up(cls->instance_size, sizeof(Dict *));
        cls->instance_size = align_up(cls->dict_offset + sizeof(Dict *), 16);
    }
    if (ok) cls->mro = linearize(vm, cls, bases);
    if (!cls->mro) {
        DROP(cls);
        return NULL_VALUE;
    }
    Value qualname = dict_get(dict, vm->names.qualname_);
    if (is_str(qualname)) {
        DROP(cls->qualname);
        cls->qualname = as_str(incref(qualname));
        dict_delete_str(dict, vm->names.qualname_);
    }
    if (!is_null(dict_get(dict, vm->names.eq_)) && is_null(dict_get(dict, vm->names.hash_)))
        dict_set_str(dict, vm->names.hash_, NONE);
    static const char *const implicit_class_methods[] = {"__init_subclass__", "__class_getitem__"};
    for (size_t i = 0; i < 2; i++) {
        Str *key = vm_intern_text(vm, implicit_class_methods[i]);
        Value hook = dict_get(dict, key);
        if (hook.tag == TAG_OBJ && hook.o->cls == vm->cls[CLS_FUNCTION]) {
            Wrapper *wrapper = (Wrapper *)(void *)vm_alloc(vm, vm->cls[CLS_CLASSMETHOD]);
            wrapper->function = incref(hook);
            dict_set_str(dict, key, FROM_OBJ(wrapper));
            DROP(wrapper);
        }
    }
    Value creator = dict_get(dict, vm->names.new_);
    if (creator.tag == TAG_OBJ && creator.o->cls == vm->cls[CLS_FUNCTION]) {
        Wrapper *wrapper = (Wrapper *)(void *)vm_alloc(vm, vm->cls[CLS_STATICMETHOD]);
        wrapper->function = incref(creator);
        dict_set_str(dict, vm->names.new_, FROM_OBJ(wrapper));
        DROP(wrapper);
    }
    cls->version = ++vm->next_version;
    cls->slots = base->slots;
    class_refresh_slots(cls);
    add_subclass(bases, cls);
    return FROM_OBJ(cls);
}

static bool run_set_name(Vm *vm, Class *cls) {
    size_t pos = 0;
    Value key, value;
    Value entries = list_from_iterable(vm, FROM_OBJ(cls->dict));
    if (is_null(entries)) return false;
    List *keys = as_list(entries);
    bool ok = true;
    for (; ok && pos < keys->count; pos++) {
        key = keys->items[pos];
        value = dict_find(vm, cls->dict, key);
        if (value.tag != TAG_OBJ) continue;
        if (value.o->cls == vm->cls[CLS_PROPERTY])
            ((Property *)(void *)value.o)->name = vm_name(vm, key, "attribute");
        if (!(value.o->cls->flags & CLASS_USER)) continue;
        bool found;
        incref(value);
        Value result =
            call_dunder(vm, value, vm->names.set_name_, (Value[]){FROM_OBJ(cls), key}, 2, &found);
        decref(value);
        ok = !found || !is_null(result);
        decref(result);
    }
    DROP(keys);
    return ok;
}

Value class_create(Vm *vm, Class *meta, Str *name, Tuple *bases, Dict *dict, const Value *kwargs,
                   const Tuple *kwnames) {
    Tuple *used = bases;
    Value default_bases = NULL_VALUE;
    if (bases->count == 0) {
        Value object = FROM_OBJ(vm->cls[CLS_OBJECT]);
        default_bases = tuple_from(vm, &object, 1);
        used = as_tuple(default_bases);
    }
    for (size_t i = 0; i < used->count; i++) {
        if (!is_class(used->items[i])) {
            decref(default_bases);
            return vm_raise(vm, EXC_TypeError, "bases must be types, not '%s'",
                            vm_class_name(vm, used->items[i]));
        }
        for (size_t j = 0; j < i; j++) {
            if (used->items[j].o != used->items[i].o) continue;
            decref(default_bases);
            return vm_raise(vm, EXC_TypeError, "duplicate base class %s",
                            as_class(used->items[i])->name);
        }
        Class *base_meta = used->items[i].o->cls;
        if (class_is_subclass(meta, base_meta)) continue;
        if (!class_is_subclass(base_meta, meta)) {
            decref(default_bases);
            return metaclass_conflict(vm);
        }
        meta = base_meta;
    }
    Value made = class_new(vm, meta, name, used, dict);
    decref(default_bases);
    if (is_null(made)) return made;
    Class *cls = as_class(made);
    bool ok = run_set_name(vm, cls);
    if (ok) {
        /* super(cls, cls).__init_subclass__(**kwargs) */
        Value hook = NULL_VALUE;
        for (size_t i = 1; i < cls->mro->count && is_null(hook); i++)
            hook = class_own(as_class(cls->mro->items[i]), vm->names.init_subclass_);
        int count = kwnames ? (int)kwnames->count : 0;
        if (hook.tag == TAG_OBJ && hook.o->cls == vm->cls[CLS_CLASSMETHOD]) {
            Value *args = xcalloc((size_t)count + 1, sizeof *args);
            args[0] = made;
            for (int i = 0; i < count; i++)
                args[i + 1] = kwargs[i];
            Value result =
                vm_call(vm, ((Wrapper *)(void *)hook.o)->function, args, 1, count ? kwnames : NULL);
            free(args);
            ok = !is_null(result);
            decref(result);
        } else if (count > 0) {
            vm_raise(vm, EXC_TypeError, "%s.__init_subclass__() takes no keyword arguments",
                     cls->name);
            ok = false;
        }
    }
    if (ok) return made;
    decref(made);
    return NULL_VALUE;
}

static void add_method(Vm *vm, Class *cls, const Method *method) {
    Value function = native_new(vm, method->name, method->function, NULL_VALUE, NULL_VALUE);
    Native *native = (Native *)(void *)function.o;
    Value entry = function;
    if (method->flags & METHOD_PROPERTY) {
        Property *property = (Property *)(void *)vm_alloc(vm, vm->cls[CLS_PROPERTY]);
        property->native_get = method->function;
        entry = FROM_OBJ(property);
        decref(function);
    } else if (method->flags & (METHOD_STATIC | METHOD_CLASS)) {
        bool is_static = method->flags & METHOD_STATIC;
        Wrapper *wrapper = (Wrapper *)(void *)vm_alloc(
            vm, vm->cls[is_static ? CLS_STATICMETHOD : CLS_CLASSMETHOD]);
        wrapper->function = function;
        entry = FROM_OBJ(wrapper);
    } else {
        native->owner = cls;
    }
    dict_set_str(cls->dict, vm_intern_text(vm, method->name), entry);
    decref(entry);
}

/* Fills a class whose memory exists: the built-in classes refer to each other. */
static void add_methods(Vm *vm, Class *cls, const Method *methods) {
    for (const Method *m = methods; m && m->name; m++)
        add_method(vm, cls, m);
}

static void native_fill(Vm *vm, Class *cls, const NativeClass *spec) {
    Class *object = vm->cls[CLS_OBJECT];
    Class *base = spec->base ? spec->base : cls == object ? NULL : object;
    cls->vm = vm;
    const char *dot = strrchr(spec->name, '.');
    cls->name = dot ? dot + 1 : spec->name;
    cls->name_str = (Str *)NEW_REF(vm_intern_text(vm, cls->name)).o;
    cls->qualname = (Str *)NEW_REF(cls->name_str).o;
    cls->module = dot ? vm_intern(vm, spec->name, (size_t)(dot - spec->name))
                      : vm_intern_text(vm, "builtins");
    cls->base = base;
    cls->flags = spec->flags |
                 (base ? base->flags & (CLASS_INHERITED | CLASS_HAS_DICT | CLASS_UNTRACKED) : 0);
    cls->instance_size = spec->size ? spec->size : base ? base->instance_size : sizeof(GcObj);
    cls->dict_offset = base ? base->dict_offset : 0;
    if (spec->flags & CLASS_HAS_DICT && cls->dict_offset == 0) {
        cls->dict_offset = align_up(cls->instance_size, sizeof(Dict *));
        cls->instance_size = align_up(cls->dict_offset + sizeof(Dict *), 16);
    }
    cls->slots = spec->slots;
    cls->version = ++vm->next_version;
    Value base_value = base ? FROM_OBJ(base) : NULL_VALUE;
    cls->bases = as_tuple(tuple_from(vm, &base_value, base ? 1 : 0));
    Value mro = tuple_new(vm, base ? base->mro->count + 1 : 1);
    cls->mro = as_tuple(mro);
    cls->mro->items[0] = NEW_REF(cls);
    for (size_t i = 0; base && i < base->mro->count; i++)
        cls->mro->items[i + 1] = incref(base->mro->items[i]);
    cls->dict = dict_new(vm);
    if (base) {
        cls->slots = base->slots;
        for (size_t i = 0; i < sizeof(Slots) / sizeof(void (*)(void)); i++) {
            void (**own)(void) = (void (**)(void))(void *)&cls->slots;
            void (*const *given)(void) = (void (*const *)(void))(const void *)&spec->slots;
            if (given[i]) own[i] = given[i];
        }
        VEC_PUSH(base->subclasses, cls);
    }
    if (base == object && !spec->slots.traverse) cls->flags |= CLASS_UNTRACKED;
    if (cls->flags & CLASS_UNTRACKED) cls->slots.traverse = NULL;
    add_methods(vm, cls, spec->methods);
}

Class *vm_native_class(Vm *vm, const NativeClass *spec) {
    Class *cls = (Class *)(void *)vm_alloc(vm, vm->cls[CLS_TYPE]);
    native_fill(vm, cls, spec);
    return cls;
}

/* The objects first (`type` is an instance of itself), their contents then. */
void class_init(Vm *vm) {
    Class *type = xcalloc(1, sizeof(Class));
    vm->cls[CLS_TYPE] = type;
    type->slots = class_slots;
    type->instance_size = sizeof(Class);
    type->gc.base.cls = type;
    type->gc.base.refs = 1;
    type->gc.prev = type->gc.next = &vm->gc_objects;
    vm->gc_objects.prev = vm->gc_objects.next = &type->gc;
    vm->gc_count = 1;
    for (int i = 0; i < CLS_COUNT; i++) {
        if (i == CLS_TYPE) continue;
        vm->cls[i] = (Class *)(void *)vm_alloc(vm, type);
        vm->cls[i]->vm = vm;
        NativeClass spec = builtin_class_spec((ClassId)i);
        vm->cls[i]->slots = spec.slots;
        vm->cls[i]->instance_size = spec.size;
        vm->cls[i]->flags = spec.flags;
    }
    type->vm = vm;
    for (int i = 0; i < CLS_COUNT; i++) {
        NativeClass spec = builtin_class_spec((ClassId)i);
        if (i == CLS_BOOL) spec.base = vm->cls[CLS_INT];
        native_fill(vm, vm->cls[i], &spec);
        if (i == CLS_BYTEARRAY) add_methods(vm, vm->cls[i], bytes_methods);
    }
}

/* ---- class objects as values ---- */

static void class_dealloc(Obj *self) {
    Class *cls = (Class *)(void *)self;
    for (size_t i = 0; cls->bases && i < cls->bases->count; i++) {
        Class *base = as_class(cls->bases->items[i]);
        for (size_t j = 0; j < base->subclasses.count; j++) {
            if (base->subclasses.items[j] != cls) continue;
            for (size_t k = j + 1; k < base->subclasses.count; k++)
                base->subclasses.items[k - 1] = base->subclasses.items[k];
            base->subclasses.count--;
            break;
        }
    }
    if (cls->bases) DROP(cls->bases);
    if (cls->mro) DROP(cls->mro);
    if (cls->dict) DROP(cls->dict);
    if (cls->name_str) DROP(cls->name_str);
    if (cls->qualname) DROP(cls->qualname);
    VEC_FREE(cls->subclasses);
}

static void class_traverse(Obj *self, VisitFn visit, void *context) {
    Class *cls = (Class *)(void *)self;
    if (cls->bases) visit((Obj *)cls->bases, context);
    if (cls->mro) visit((Obj *)cls->mro, context);
    if (cls->dict) visit((Obj *)cls->dict, context);
}

static void class_clear(Obj *self) {
    Class *cls = (Class *)(void *)self;
    Tuple *mro = cls->mro; /* it holds the class itself */
    cls->mro = (Tuple *)(void *)NEW_REF(cls->vm->empty_tuple).o;
    if (mro) DROP(mro);
    if (cls->dict) dict_clear(cls->dict);
}

static Value class_getattr(Vm *vm, Value self, Str *name) {
    Class *cls = as_class(self);
    Class *meta = self.o->cls;
    if (name == vm->names.class_) return NEW_REF(meta);
    Value meta_attr = class_lookup(meta, name);
    if (meta_attr.tag == TAG_OBJ && meta_attr.o->cls->slots.descr_set)
        return meta_attr.o->cls->slots.descr_get(vm, meta_attr, self, meta);
    Value own = class_lookup(cls, name);
    if (own.tag != TAG_NULL) {
        if (own.tag == TAG_OBJ && own.o->cls->slots.descr_get) {
            incref(own);
            Value got = own.o->cls->slots.descr_get(vm, own, NULL_VALUE, cls);
            decref(own);
            return got;
        }
        return incref(own);
    }
    if (meta_attr.tag == TAG_OBJ && meta_attr.o->cls->slots.descr_get)
        return meta_attr.o->cls->slots.descr_get(vm, meta_attr, self, meta);
    if (meta_attr.tag != TAG_NULL) return incref(meta_attr);
    if (vm->class_late && vm->class_late(vm, cls, name)) return class_getattr(vm, self, name);
    return vm_failed(vm) ? NULL_VALUE : vm_no_attribute(vm, self, name);
}

static bool class_setattr(Vm *vm, Value self, Str *name, Value value) {
    Class *cls = as_class(self);
    if (!(cls->flags & CLASS_USER)) {
        vm_raise(vm, EXC_TypeError, "cannot set '%s' attribute of immutable type '%s'", name->data,
                 cls->name);
        return false;
    }
    bool is_name = name == vm->names.name_ || name == vm->names.qualname_;
    if (is_name && !is_null(value) && !is_str(value)) {
        vm_raise(vm, EXC_TypeError, "can only assign string to %s.%s, not '%s'", cls->name,
                 name->data, vm_class_name(vm, value));
        return false;
    }
    if (name == vm->names.name_ && is_str(value)) {
        cls->name = intern_name(vm, as_str(value));
        DROP(cls->name_str);
        cls->name_str = as_str(incref(value));
        return true;
    }
    if (name == vm->names.qualname_ && is_str(value)) {
        DROP(cls->qualname);
        cls->qualname = as_str(incref(value));
        return true;
    }
    if (str_equals(name, "__abstractmethods__")) {
        cls->flags &= ~(unsigned)CLASS_ABSTRACT;
        if (vm_truth(vm, value) > 0) cls->flags |= CLASS_ABSTRACT;
    }
    if (is_null(value)) {
        if (!dict_delete_str(cls->dict, name)) {
            vm_no_attribute(vm, self, name);
            return false;
        }
    } else if (!dict_set_str(cls->dict, name, value)) {
        return false;
    }
    class_changed(cls);
    if (name->size > 4 && name->data[0] == '_' && name->data[1] == '_') class_refresh_slots(cls);
    return true;
}

static Value class_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    Class *cls = as_class(self);
    if (cls == vm->cls[CLS_TYPE] && nargs == 1 && !kwnames)
        return NEW_REF(has_flag(args[0], CLASS_UNKNOWN) ? vm->cls[CLS_FLOAT]
                                                        : vm_class_of(vm, args[0]));
    if (cls->flags & CLASS_NO_NEW || !cls->slots.create)
        return vm_raise(vm, EXC_TypeError, "cannot create '%s' instances", cls->name);
    vm->native_owner = NULL;
    Value made = cls->slots.create(vm, cls, args, nargs, kwnames);
    if (is_null(made) || !vm_is_a(vm, made, cls)) return made;
    Class *actual = vm_class_of(vm, made);
    if (actual->slots.init && !actual->slots.init(vm, made, args, nargs, kwnames)) {
        decref(made);
        return NULL_VALUE;
    }
    return made;
}

static Value class_repr(Vm *vm, Value self) {
    Class *cls = as_class(self);
    Value module = dict_get(cls->dict, vm->names.module_);
    const char *name = is_str(module) ? as_str(module)->data : cls->module ? cls->module->data : "";
    if (*name == '\0' || strcmp(name, "builtins") == 0)
        return str_printf(vm, "<class '%s'>", cls->qualname->data);
    return str_printf(vm, "<class '%s.%s'>", name, cls->qualname->data);
}

static bool class_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = (int64_t)((uintptr_t)self.o >> 4);
    return true;
}

/* Class[item]: __class_getitem__, or a generic alias that remembers both. */
static Value class_getitem(Vm *vm, Value self, Value key) {
    Value hook = vm_getattr_optional(vm, self, vm->names.class_getitem_);
    if (vm_failed(vm)) return NULL_VALUE;
    if (is_null(hook)) {
        Class *cls = as_class(self);
        return vm_raise(vm, EXC_TypeError, "type '%s' is not subscriptable", cls->name);
    }
    Value result = vm_call1(vm, hook, key);
    decref(hook);
    return result;
}

/* type(name, bases, dict), also reached from a metaclass's super().__new__. */
static Value class_create_slot(Vm *vm, Class *meta, const Value *args, int nargs,
                               const Tuple *kwnames) {
    if (nargs != 3) return vm_raise(vm, EXC_TypeError, "type() takes 1 or 3 arguments");
    static const char *const wanted[] = {"str", "tuple", "dict"};
    const bool fits[] = {is_str(args[0]), is_tuple(args[1]), is_dict(args[2])};
    for (int i = 0; i < 3; i++)
        if (!fits[i])
            return vm_raise(vm, EXC_TypeError, "type.__new__() argument %d must be %s, not %s",
                            i + 1, wanted[i], vm_class_name(vm, args[i]));
    Class *winner = meta; /* a base's metaclass may have a __new__ of its own */
    for (size_t i = 0; i < as_tuple(args[1])->count; i++) {
        Class *of_base = vm_class_of(vm, as_tuple(args[1])->items[i]);
        if (class_is_subclass(of_base, winner)) winner = of_base;
    }
    if (winner != meta && winner->slots.create != class_create_slot)
        return winner->slots.create(vm, winner, args, nargs, kwnames);
    Dict *copy = dict_new(vm);
    Value made = NULL_VALUE;
    bool ok = dict_update(vm, copy, args[2]);
    if (ok && vm->frame && is_null(dict_get(copy, vm->names.module_)))
        dict_set_str(copy, vm->names.module_, FROM_OBJ(vm->frame->module->name));
    if (ok)
        made = class_create(vm, meta, as_str(args[0]), as_tuple(args[1]), copy, args + 3, kwnames);
    DROP(copy);
    return made;
}

static bool class_init_slot(Vm *vm, Value self, const Value *args, int nargs,
                            const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

static Value alias_or(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op != BINARY_OR) return NOT_IMPLEMENTED;
    if (!(is_class(a) || is_none(a)) || !(is_class(b) || is_none(b))) return NOT_IMPLEMENTED;
    Wrapper *made = (Wrapper *)(void *)vm_alloc(vm, vm->cls[CLS_UNION]);
    made->function = vm_pair(vm, incref(a), incref(b));
    return FROM_OBJ(made);
}

const Slots class_slots = {
    .dealloc = class_dealloc,
    .traverse = class_traverse,
    .clear = class_clear,
    .getattr = class_getattr,
    .setattr = class_setattr,
    .call = class_call,
    .repr = class_repr,
    .hash = class_hash,
    .getitem = class_getitem,
    .binary = alias_or,
    .create = class_create_slot,
    .init = class_init_slot,
};

static Value get_name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return NEW_REF(as_class(args[0])->name_str);
}

static Value get_qualname(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return NEW_REF(as_class(args[0])->qualname);
}

static Value get_module(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    Class *cls = as_class(args[0]);
    Value module = dict_get(cls->dict, vm->names.module_);
    if (module.tag != TAG_NULL) return incref(module);
    return cls->module ? NEW_REF(cls->module) : NONE;
}

static Value get_mro(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return NEW_REF(as_class(args[0])->mro);
}

static Value get_bases(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return NEW_REF(as_class(args[0])->bases);
}

static Value get_base(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    Class *cls = as_class(args[0]);
    return cls->base ? NEW_REF(cls->base) : NONE;
}

static Value get_dict(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    Wrapper *proxy = (Wrapper *)(void *)vm_alloc(vm, vm->cls[CLS_MAPPING_PROXY]);
    proxy->function = NEW_REF(as_class(args[0])->dict);
    return FROM_OBJ(proxy);
}

static Value get_doc(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    if (!is_class(args[0])) return NONE;
    Value doc = dict_get(as_class(args[0])->dict, vm->names.doc_);
    return is_null(doc) ? NONE : incref(doc);
}

static Value method_mro(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "mro", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return list_from_iterable(vm, FROM_OBJ(as_class(args[0])->mro));
}

static Value method_subclasses(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "__subclasses__", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Class *cls = as_class(args[0]);
    Value list = list_new(vm, cls->subclasses.count);
    for (size_t i = 0; i < cls->subclasses.count; i++)
        list_append(as_list(list), FROM_OBJ(cls->subclasses.items[i]));
    return list;
}

static Value method_instancecheck(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "__instancecheck__", nargs, kwnames, 2, 2)) return NULL_VALUE;
    return from_bool(vm_is_a(vm, args[1], as_class(args[0])));
}

static Value method_subclasscheck(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "__subclasscheck__", nargs, kwnames, 2, 2)) return NULL_VALUE;
    return from_bool(is_class(args[1]) && class_is_subclass(as_class(args[1]), as_class(args[0])));
}

const Method class_methods[] = {
    {"__instancecheck__", method_instancecheck, 0},
    {"__subclasscheck__", method_subclasscheck, 0},
    {"__name__", get_name, METHOD_PROPERTY},
    {"__qualname__", get_qualname, METHOD_PROPERTY},
    {"__module__", get_module, METHOD_PROPERTY},
    {"__mro__", get_mro, METHOD_PROPERTY},
    {"__bases__", get_bases, METHOD_PROPERTY},
    {"__base__", get_base, METHOD_PROPERTY},
    {"__dict__", get_dict, METHOD_PROPERTY},
    {"__doc__", get_doc, METHOD_PROPERTY},
    {"mro", method_mro, 0},
    {"__subclasses__", method_subclasses, 0},
    {NULL, NULL, 0},
};
