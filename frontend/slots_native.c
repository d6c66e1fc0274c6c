/* The dunder methods of native classes, made from their slots when first looked up (so that
 * `super().__setattr__(…)` and `list.__init__` work), and object's own slots. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

/* A wrapper's data is (class, operator, reflected): the slot called is that class's. */
typedef struct WrapperData {
    Class *cls;
    int op;
    bool reflected;
} WrapperData;

static WrapperData wrapper_data(Vm *vm) {
    const Tuple *data = as_tuple(vm->native_data);
    return (WrapperData){as_class(data->items[0]), (int)data->items[1].i, data->items[2].i != 0};
}

#define WRAPPER(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)
#define EXPECT(count)                                                                              \
    WrapperData data = wrapper_data(vm);                                                           \
    if (!vm_args_simple(vm, data.cls->name, nargs, kwnames, (count), (count))) return NULL_VALUE;

static Value none_if(bool ok) {
    return ok ? NONE : NULL_VALUE;
}

WRAPPER(wrap_getattr) {
    EXPECT(2)
    Str *name = vm_name(vm, args[1], "attribute name");
    return name ? data.cls->slots.getattr(vm, args[0], name) : NULL_VALUE;
}
WRAPPER(wrap_setattr) {
    EXPECT(3)
    Str *name = vm_name(vm, args[1], "attribute name");
    return none_if(name && data.cls->slots.setattr(vm, args[0], name, args[2]));
}
WRAPPER(wrap_delattr) {
    EXPECT(2)
    Str *name = vm_name(vm, args[1], "attribute name");
    return none_if(name && data.cls->slots.setattr(vm, args[0], name, NULL_VALUE));
}
WRAPPER(wrap_call) {
    WrapperData data = wrapper_data(vm);
    if (nargs < 1) return vm_raise(vm, EXC_TypeError, "__call__() needs an object");
    return data.cls->slots.call(vm, args[0], args + 1, nargs - 1, kwnames);
}
WRAPPER(wrap_repr) {
    EXPECT(1)
    return data.cls->slots.repr(vm, args[0]);
}
WRAPPER(wrap_str) {
    EXPECT(1)
    return data.cls->slots.str(vm, args[0]);
}
WRAPPER(wrap_format) {
    EXPECT(2)
    if (!is_str(args[1])) return vm_raise(vm, EXC_TypeError, "format spec must be a string");
    return data.cls->slots.format(vm, args[0], as_str(args[1]));
}
WRAPPER(wrap_hash) {
    EXPECT(1)
    int64_t hash;
    return data.cls->slots.hash(vm, args[0], &hash) ? from_int(hash) : NULL_VALUE;
}
WRAPPER(wrap_binary) {
    EXPECT(2)
    Value a = data.reflected ? args[1] : args[0], b = data.reflected ? args[0] : args[1];
    return data.cls->slots.binary(vm, (BinaryOp)data.op, a, b, data.reflected);
}
WRAPPER(wrap_inplace) {
    EXPECT(2)
    return data.cls->slots.inplace(vm, (BinaryOp)data.op, args[0], args[1]);
}
WRAPPER(wrap_unary) {
    EXPECT(1)
    return data.cls->slots.unary(vm, (UnaryOp)data.op, args[0]);
}
WRAPPER(wrap_compare) {
    EXPECT(2)
    return data.cls->slots.compare(vm, (CompareOp)data.op, args[0], args[1], false);
}
WRAPPER(wrap_getitem) {
    EXPECT(2)
    return data.cls->slots.getitem(vm, args[0], args[1]);
}
WRAPPER(wrap_setitem) {
    EXPECT(3)
    return none_if(data.cls->slots.setitem(vm, args[0], args[1], args[2]));
}
WRAPPER(wrap_delitem) {
    EXPECT(2)
    return none_if(data.cls->slots.setitem(vm, args[0], args[1], NULL_VALUE));
}
WRAPPER(wrap_contains) {
    EXPECT(2)
    int found = data.cls->slots.contains(vm, args[0], args[1]);
    return found < 0 ? NULL_VALUE : from_bool(found);
}
WRAPPER(wrap_length) {
    EXPECT(1)
    int64_t length = data.cls->slots.length(vm, args[0]);
    return length < 0 ? NULL_VALUE : from_int(length);
}
WRAPPER(wrap_truth) {
    EXPECT(1)
    int truth = data.cls->slots.truth(vm, args[0]);
    return truth < 0 ? NULL_VALUE : from_bool(truth);
}
WRAPPER(wrap_iter) {
    EXPECT(1)
    return data.cls->slots.iter(vm, args[0]);
}
WRAPPER(wrap_next) {
    EXPECT(1)
    Value item = data.cls->slots.next(vm, args[0]);
    if (is_null(item) && !vm_failed(vm)) return vm_raise(vm, EXC_StopIteration, "%s", "");
    return item;
}
WRAPPER(wrap_descr_get) {
    WrapperData data = wrapper_data(vm);
    if (!vm_args_simple(vm, "__get__", nargs, kwnames, 2, 3)) return NULL_VALUE;
    Value instance = is_none(args[1]) ? NULL_VALUE : args[1];
    Class *owner = nargs == 3 && is_class(args[2]) ? as_class(args[2]) : vm_class_of(vm, args[1]);
    return data.cls->slots.descr_get(vm, args[0], instance, owner);
}
WRAPPER(wrap_descr_set) {
    EXPECT(3)
    return none_if(data.cls->slots.descr_set(vm, args[0], args[1], args[2]));
}
WRAPPER(wrap_to_int) {
    EXPECT(1)
    return data.cls->slots.to_int(vm, args[0]);
}
WRAPPER(wrap_to_float) {
    EXPECT(1)
    return data.cls->slots.to_float(vm, args[0]);
}
WRAPPER(wrap_to_index) {
    EXPECT(1)
    return data.cls->slots.to_index(vm, args[0]);
}
WRAPPER(wrap_create) {
    WrapperData data = wrapper_data(vm);
    if (nargs < 1 || !is_class(args[0]) || !class_is_subclass(as_class(args[0]), data.cls))
        return vm_raise(vm, EXC_TypeError, "%s.__new__(X): X is not a subtype of %s",
                        data.cls->name, data.cls->name);
    return data.cls->slots.create(vm, as_class(args[0]), args + 1, nargs - 1, kwnames);
}
WRAPPER(wrap_init) {
    WrapperData data = wrapper_data(vm);
    if (nargs < 1 || !vm_is_a(vm, args[0], data.cls))
        return vm_raise(vm, EXC_TypeError, "%s.__init__() needs an object of type '%s'",
                        data.cls->name, data.cls->name);
    return none_if(data.cls->slots.init(vm, args[0], args + 1, nargs - 1, kwnames));
}

static Value make_wrapper(Class *cls, const Str *name, NativeFn function, int op, bool reflected) {
    Vm *vm = cls->vm;
    Value data = tuple_new(vm, 3);
    as_tuple(data)->items[0] = NEW_REF(cls);
    as_tuple(data)->items[1] = from_int(op);
    as_tuple(data)->items[2] = from_bool(reflected);
    Value made = native_new(vm, name->data, function, NULL_VALUE, data);
    decref(data);
    ((Native *)(void *)made.o)->owner = cls;
    return made;
}

#define SIMPLE(dunder, slot)                                                                       \
    if (name == n->dunder##_)                                                                      \
        return own->slot && (!base || own->slot != base->slot)                                     \
                   ? make_wrapper(cls, name, wrap_##slot, 0, false)                                \
                   : NULL_VALUE;
#define SIMPLE_AS(dunder, slot, wrapper)                                                           \
    if (name == n->dunder##_)                                                                      \
        return own->slot && (!base || own->slot != base->slot)                                     \
                   ? make_wrapper(cls, name, wrapper, 0, false)                                    \
                   : NULL_VALUE;

static Value operator_wrapper(Class *cls, const Slots *own, const Slots *base, const Str *name) {
    Vm *vm = cls->vm;
    const Names *n = &vm->names;
    Str *const unary[] = {n->neg_, n->pos_, n->invert_, n->abs_};
    for (int op = 0; op < 4; op++)
        if (name == unary[op] && own->unary && (!base || own->unary != base->unary))
            return make_wrapper(cls, name, wrap_unary, op, false);
    for (int op = 0; op < 6; op++)
        if (name == vm->compare_names[op] && own->compare &&
            (!base || own->compare != base->compare))
            return make_wrapper(cls, name, wrap_compare, op, false);
    for (int op = 0; op < BINARY_OP_COUNT; op++) {
        for (int reflected = 0; reflected < 2; reflected++)
            if (name == vm->binary_names[op][reflected] && own->binary &&
                (!base || own->binary != base->binary))
                return make_wrapper(cls, name, wrap_binary, op, reflected);
        if (name == vm->binary_names[op][2] && own->inplace &&
            (!base || own->inplace != base->inplace))
            return make_wrapper(cls, name, wrap_inplace, op, false);
    }
    return NULL_VALUE;
}

/* A new method for the native class's dunder, or NULL_VALUE when it has no such slot of its own. */
Value slot_wrapper(Class *cls, Str *name) {
    const Names *n = &cls->vm->names;
    const Slots *own = &cls->slots, *base = cls->base ? &cls->base->slots : NULL;
    SIMPLE_AS(getattribute, getattr, wrap_getattr)
    SIMPLE(setattr, setattr)
    SIMPLE_AS(delattr, setattr, wrap_delattr)
    SIMPLE(call, call)
    SIMPLE(repr, repr)
    SIMPLE(str, str)
    SIMPLE(format, format)
    if (name == n->hash_ && own->hash == unhashable) return NONE;
    SIMPLE(hash, hash)
    SIMPLE(getitem, getitem)
    SIMPLE(setitem, setitem)
    SIMPLE_AS(delitem, setitem, wrap_delitem)
    SIMPLE(contains, contains)
    SIMPLE_AS(len, length, wrap_length)
    SIMPLE_AS(bool, truth, wrap_truth)
    SIMPLE(iter, iter)
    SIMPLE(next, next)
    SIMPLE_AS(get, descr_get, wrap_descr_get)
    SIMPLE_AS(set, descr_set, wrap_descr_set)
    SIMPLE_AS(int, to_int, wrap_to_int)
    SIMPLE_AS(float, to_float, wrap_to_float)
    SIMPLE_AS(index, to_index, wrap_to_index)
    SIMPLE(init, init)
    if (name == n->new_) {
        if (!own->create || (base && own->create == base->create)) return NULL_VALUE;
        Value function = make_wrapper(cls, name, wrap_create, 0, false);
        ((Native *)(void *)function.o)->owner = NULL;
        Wrapper *wrapper = (Wrapper *)(void *)vm_alloc(cls->vm, cls->vm->cls[CLS_STATICMETHOD]);
        wrapper->function = function;
        return FROM_OBJ(wrapper);
    }
    return operator_wrapper(cls, own, base, name);
}

/* ---- object ---- */

static void instance_traverse(Obj *self, VisitFn visit, void *context) {
    (void)self, (void)visit, (void)context; /* the dictionary is visited for every class */
}

static Value object_repr(Vm *vm, Value self) {
    Class *cls = vm_class_of(vm, self);
    Value module = class_lookup(cls, vm->names.module_);
    const char *prefix = is_str(module) ? as_str(module)->data : "";
    return str_printf(vm, "<%s%s%s object at %p>", prefix, *prefix ? "." : "", cls->qualname->data,
                      (void *)self.o);
}

static Value object_str(Vm *vm, Value self) {
    return vm_repr(vm, self);
}

static Value object_format(Vm *vm, Value self, Str *spec) {
    if (spec->size > 0)
        return vm_raise(vm, EXC_TypeError, "unsupported format string passed to %s.__format__",
                        vm_class_name(vm, self));
    return vm_str(vm, self);
}

static bool object_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = (int64_t)((uintptr_t)self.o >> 4);
    return true;
}

static Value object_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op == COMPARE_EQ) return vm_is(a, b) ? from_bool(true) : NOT_IMPLEMENTED;
    if (op != COMPARE_NE) return NOT_IMPLEMENTED;
    Class *cls = vm_class_of(vm, a);
    Value equal = cls->slots.compare(vm, COMPARE_EQ, a, b, false);
    if (is_null(equal) || equal.tag == TAG_NOT_IMPLEMENTED) return equal;
    int truth = vm_truth(vm, equal);
    decref(equal);
    return truth < 0 ? NULL_VALUE : from_bool(!truth);
}

static bool takes_arguments(const Class *cls, bool of_init) {
    const Class *object = cls->vm->cls[CLS_OBJECT];
    if (of_init) return cls->slots.init != object->slots.init;
    return cls->slots.create != object->slots.create;
}

static Value still_abstract(Vm *vm, Class *cls) {
    Value names = vm_getattr_text(vm, FROM_OBJ(cls), "__abstractmethods__");
    Value list = is_null(names) ? names : list_from_iterable(vm, names);
    decref(names);
    if (is_null(list)) return list;
    Value sorted = sort_list(vm, as_list(list), NONE, false);
    Buf text = {0};
    for (size_t i = 0; !is_null(sorted) && i < as_list(list)->count; i++) {
        if (i) buf_puts(&text, ", ");
        vm_str_to(vm, as_list(list)->items[i], &text);
    }
    if (!vm_failed(vm))
        vm_raise(vm, EXC_TypeError, "Can't instantiate abstract class %s with abstract method%s %s",
                 cls->name, as_list(list)->count > 1 ? "s" : "", buf_text(&text));
    buf_free(&text);
    decref(list);
    return NULL_VALUE;
}

static Value object_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args;
    if ((nargs > 0 || (kwnames && kwnames->count)) && !takes_arguments(cls, true))
        return vm_raise(vm, EXC_TypeError, "%s() takes no arguments", cls->name);
    if (cls->flags & CLASS_ABSTRACT) return still_abstract(vm, cls);
    return from_obj(vm_alloc(vm, cls));
}

static bool object_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args;
    Class *cls = vm_class_of(vm, self);
    if ((nargs > 0 || (kwnames && kwnames->count)) &&
        (takes_arguments(cls, true) || !takes_arguments(cls, false))) {
        vm_raise(vm, EXC_TypeError,
                 "object.__init__() takes exactly one argument (the instance to initialize)");
        return false;
    }
    return true;
}

const Slots object_slots = {
    .traverse = instance_traverse,
    .getattr = vm_generic_getattr,
    .setattr = vm_generic_setattr,
    .repr = object_repr,
    .str = object_str,
    .format = object_format,
    .hash = object_hash,
    .compare = object_compare,
    .create = object_create,
    .init = object_init,
};

WRAPPER(object_init_subclass) {
    (void)args;
    if (nargs > 1 || (kwnames && kwnames->count))
        return vm_raise(vm, EXC_TypeError, "%s.__init_subclass__() takes no keyword arguments",
                        is_class(args[0]) ? as_class(args[0])->name : "object");
    return NONE;
}

/* The names an object or class has, in no order. */
Value object_dir(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "__dir__", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value names = set_new(vm, vm->cls[CLS_SET]);
    Class *cls = is_class(args[0]) ? as_class(args[0]) : vm_class_of(vm, args[0]);
    for (size_t i = 0; i < cls->mro->count; i++)
        if (!set_update(vm, as_set(names), FROM_OBJ(as_class(cls->mro->items[i])->dict)))
            return NULL_VALUE;
    Dict **slot = args[0].tag == TAG_OBJ ? obj_dict_slot(args[0].o) : NULL;
    if (slot && *slot && !set_update(vm, as_set(names), FROM_OBJ(*slot))) return NULL_VALUE;
    Value list = list_from_iterable(vm, names);
    decref(names);
    return list;
}

const Method object_methods[] = {
    {"__init_subclass__", object_init_subclass, METHOD_CLASS},
    {"__dir__", object_dir, 0},
    {NULL, NULL, 0},
};
