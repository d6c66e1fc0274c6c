/* How classes of the program fill their slots: each dunder method a class defines puts a function
 * here into the matching slot, which looks the method up and calls it. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

/* Calls `self.name(args...)`, the method being looked up on the class. */
Value call_dunder(Vm *vm, Value self, Str *name, const Value *args, int nargs, bool *found) {
    Value method = class_lookup(vm_class_of(vm, self), name);
    *found = !is_null(method);
    if (!*found) return NULL_VALUE;
    Value stack[5];
    NNC_CHECK(nargs <= 4, "call_dunder with %d arguments", nargs);
    incref(method);
    Value result = NULL_VALUE;
    if (method.tag == TAG_OBJ &&
        (method.o->cls == vm->cls[CLS_FUNCTION] || (method.o->cls == vm->cls[CLS_NATIVE]))) {
        stack[0] = self;
        for (int i = 0; i < nargs; i++)
            stack[i + 1] = args[i];
        result = vm_call(vm, method, stack, nargs + 1, NULL);
    } else if (method.tag == TAG_OBJ && method.o->cls->slots.descr_get) {
        Value bound = method.o->cls->slots.descr_get(vm, method, self, vm_class_of(vm, self));
        if (!is_null(bound)) result = vm_call(vm, bound, args, nargs, NULL);
        decref(bound);
    } else {
        result = vm_call(vm, method, args, nargs, NULL);
    }
    decref(method);
    return result;
}

/* As call_dunder, for methods that the slot's presence promises. */
static Value call_own(Vm *vm, Value self, Str *name, const Value *args, int nargs) {
    bool found;
    Value result = call_dunder(vm, self, name, args, nargs, &found);
    if (!found)
        return vm_raise(vm, EXC_TypeError, "'%s' object has no %s", vm_class_name(vm, self),
                        name->data);
    return result;
}

/* The native class whose rules of attributes come first: object, a class, a module. */
static const Class *native_base(const Class *cls) {
    while (cls->flags & CLASS_USER)
        cls = cls->base;
    return cls;
}

/* What __getattr__ says; a refusal keeps the name and the object, for the report to look for what
 * was meant. */
static Value call_getattr(Vm *vm, Value self, Str *name) {
    Value key = FROM_OBJ(name);
    Value got = call_own(vm, self, vm->names.getattr_, &key, 1);
    bool refused = is_null(got) && is_exception(vm->raised) &&
                   class_is_subclass(vm->raised.o->cls, vm->exc[EXC_AttributeError]);
    if (refused && is_null(as_exception(vm->raised)->value))
        as_exception(vm->raised)->value = vm_pair(vm, NEW_REF(name), incref(self));
    return got;
}

static Value user_getattr(Vm *vm, Value self, Str *name) {
    Value hook = class_lookup(self.o->cls, vm->names.getattribute_);
    if (hook.tag == TAG_OBJ && hook.o->cls == vm->cls[CLS_FUNCTION]) {
        Value key = FROM_OBJ(name);
        Value got = call_own(vm, self, vm->names.getattribute_, &key, 1);
        if (!is_null(got) || is_null(class_lookup(self.o->cls, vm->names.getattr_)) ||
            !vm_catch(vm, EXC_AttributeError))
            return got;
        return call_getattr(vm, self, name);
    }
    const Class *native = native_base(self.o->cls);
    Value got = native->slots.getattr == vm_generic_getattr ? vm_generic_find(vm, self, name)
                                                            : native->slots.getattr(vm, self, name);
    if (!is_null(got)) return got;
    if (vm_failed(vm) && !vm_catch(vm, EXC_AttributeError)) return NULL_VALUE;
    return call_getattr(vm, self, name);
}

/* Whether plain methods and instance attributes are found by object's rules. */
bool getattr_is_generic(Class *cls) {
    if (cls->slots.getattr == vm_generic_getattr) return true;
    if (cls->slots.getattr != user_getattr) return false;
    if (native_base(cls)->slots.getattr != vm_generic_getattr) return false;
    Value hook = class_lookup(cls, cls->vm->names.getattribute_);
    return hook.tag == TAG_OBJ && hook.o->cls == cls->vm->cls[CLS_NATIVE];
}

static bool user_setattr(Vm *vm, Value self, Str *name, Value value) {
    bool found;
    Value args[2] = {FROM_OBJ(name), value};
    Str *method = is_null(value) ? vm->names.delattr_ : vm->names.setattr_;
    Value result = call_dunder(vm, self, method, args, is_null(value) ? 1 : 2, &found);
    if (!found) {
        return native_base(self.o->cls)->slots.setattr(vm, self, name, value);
    }
    decref(result);
    return !is_null(result);
}

static Value user_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    Value method = class_lookup(self.o->cls, vm->names.call_);
    if (is_null(method))
        return vm_raise(vm, EXC_TypeError, "'%s' object is not callable", vm_class_name(vm, self));
    Value bound = bound_method_new(vm, method, self);
    Value result = vm_call(vm, bound, args, nargs, kwnames);
    decref(bound);
    return result;
}

static Value expect_str(Vm *vm, Value result, const char *method) {
    if (is_null(result) || is_str(result)) return result;
    vm_raise(vm, EXC_TypeError, "%s returned non-string (type %s)", method,
             vm_class_name(vm, result));
    decref(result);
    return NULL_VALUE;
}

static Value user_repr(Vm *vm, Value self) {
    return expect_str(vm, call_own(vm, self, vm->names.repr_, NULL, 0), "__repr__");
}

static Value user_str(Vm *vm, Value self) {
    return expect_str(vm, call_own(vm, self, vm->names.str_, NULL, 0), "__str__");
}

static Value user_format(Vm *vm, Value self, Str *spec) {
    Value arg = FROM_OBJ(spec);
    return expect_str(vm, call_own(vm, self, vm->names.format_, &arg, 1), "__format__");
}

static bool user_hash(Vm *vm, Value self, int64_t *out) {
    Value method = class_lookup(self.o->cls, vm->names.hash_);
    if (is_none(method) || is_null(method)) {
        vm_raise(vm, EXC_TypeError, "unhashable type: '%s'", vm_class_name(vm, self));
        return false;
    }
    Value result = call_own(vm, self, vm->names.hash_, NULL, 0);
    if (is_null(result)) return false;
    bool ok = is_int(result);
    if (ok)
        vm_hash(vm, result, out);
    else
        vm_raise(vm, EXC_TypeError, "__hash__ method should return an integer");
    decref(result);
    return ok;
}

static Value user_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    bool found;
    Str *name = vm->binary_names[op][reflected];
    Value result = reflected ? call_dunder(vm, b, name, &a, 1, &found)
                             : call_dunder(vm, a, name, &b, 1, &found);
    return found ? result : NOT_IMPLEMENTED;
}

static Value user_inplace(Vm *vm, BinaryOp op, Value a, Value b) {
    bool found;
    Value result = call_dunder(vm, a, vm->binary_names[op][2], &b, 1, &found);
    return found ? result : NOT_IMPLEMENTED;
}

static Value user_unary(Vm *vm, UnaryOp op, Value a) {
    Names *n = &vm->names;
    Str *const names[] = {n->neg_, n->pos_, n->invert_, n->abs_};
    bool found;
    Value result = call_dunder(vm, a, names[op], NULL, 0, &found);
    return found ? result : NOT_IMPLEMENTED;
}

static const CompareOp mirrored[] = {COMPARE_GT, COMPARE_GE, COMPARE_EQ,
                                     COMPARE_NE, COMPARE_LT, COMPARE_LE};

static Value user_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    bool found;
    Value result = reflected ? call_dunder(vm, b, vm->compare_names[mirrored[op]], &a, 1, &found)
                             : call_dunder(vm, a, vm->compare_names[op], &b, 1, &found);
    return found ? result : NOT_IMPLEMENTED;
}

static Value user_getitem(Vm *vm, Value self, Value key) {
    return call_own(vm, self, vm->names.getitem_, &key, 1);
}

static bool user_setitem(Vm *vm, Value self, Value key, Value value) {
    Value args[2] = {key, value};
    Value result = is_null(value) ? call_own(vm, self, vm->names.delitem_, args, 1)
                                  : call_own(vm, self, vm->names.setitem_, args, 2);
    decref(result);
    return !is_null(result);
}

static int truth_of(Vm *vm, Value result) {
    int truth = is_null(result) ? -1 : vm_truth(vm, result);
    decref(result);
    return truth;
}

static int user_contains(Vm *vm, Value self, Value item) {
    return truth_of(vm, call_own(vm, self, vm->names.contains_, &item, 1));
}

static int64_t user_length(Vm *vm, Value self) {
    Value result = call_own(vm, self, vm->names.len_, NULL, 0);
    if (is_null(result)) return -1;
    int64_t length = -1;
    if (!is_int(result))
        vm_raise(vm, EXC_TypeError, "'%s' object cannot be interpreted as an integer",
                 vm_class_name(vm, result));
    else if ((length = as_int(result)) < 0)
        vm_raise(vm, EXC_ValueError, "__len__() should return >= 0");
    decref(result);
    return length < 0 ? -1 : length;
}

static int user_truth(Vm *vm, Value self) {
    Value result = call_own(vm, self, vm->names.bool_, NULL, 0);
    if (is_null(result)) return -1;
    if (result.tag == TAG_BOOL) return (int)result.i;
    if (has_flag(result, CLASS_UNKNOWN)) {
        int truth = vm_truth(vm, result);
        decref(result);
        return truth;
    }
    vm_raise(vm, EXC_TypeError, "__bool__ should return bool, returned %s",
             vm_class_name(vm, result));
    decref(result);
    return -1;
}

static Value user_iter(Vm *vm, Value self) {
    Value method = class_lookup(self.o->cls, vm->names.iter_);
    if (is_none(method))
        return vm_raise(vm, EXC_TypeError, "'%s' object is not iterable", vm_class_name(vm, self));
    Value iterator = call_own(vm, self, vm->names.iter_, NULL, 0);
    if (is_null(iterator)) return iterator;
    if (iterator.tag == TAG_OBJ && iterator.o->cls->slots.next) return iterator;
    vm_raise(vm, EXC_TypeError, "iter() returned non-iterator of type '%s'",
             vm_class_name(vm, iterator));
    decref(iterator);
    return NULL_VALUE;
}

static Value user_next(Vm *vm, Value self) {
    Value result = call_own(vm, self, vm->names.next_, NULL, 0);
    if (is_null(result)) vm_catch(vm, EXC_StopIteration);
    return result;
}

static Value user_descr_get(Vm *vm, Value self, Value instance, Class *owner) {
    Value args[2] = {is_null(instance) ? NONE : instance, FROM_OBJ(owner)};
    bool found;
    Value result = call_dunder(vm, self, vm->names.get_, args, 2, &found);
    return found ? result : incref(self);
}

static bool user_descr_set(Vm *vm, Value self, Value instance, Value value) {
    Value args[2] = {instance, value};
    Value result = is_null(value) ? call_own(vm, self, vm->names.delete_, args, 1)
                                  : call_own(vm, self, vm->names.set_, args, 2);
    decref(result);
    return !is_null(result);
}

static Value user_to_int(Vm *vm, Value self) {
    return call_own(vm, self, vm->names.int_, NULL, 0);
}
static Value user_to_float(Vm *vm, Value self) {
    return call_own(vm, self, vm->names.float_, NULL, 0);
}
static Value user_to_index(Vm *vm, Value self) {
    return call_own(vm, self, vm->names.index_, NULL, 0);
}

/* `first` put before the arguments; the caller frees *copy. */
static Value call_with(Vm *vm, Value callable, Value first, const Value *args, int nargs,
                       const Tuple *kwnames) {
    size_t total = (size_t)nargs + (kwnames ? kwnames->count : 0);
    Value small[8];
    Value *all = total + 1 <= 8 ? small : xcalloc(total + 1, sizeof *all);
    all[0] = first;
    for (size_t i = 0; i < total; i++)
        all[i + 1] = args[i];
    Value result = vm_call(vm, callable, all, nargs + 1, kwnames);
    if (all != small) free(all);
    return result;
}

static Value user_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    Value method = class_lookup(cls, vm->names.new_);
    if (method.tag == TAG_OBJ && method.o->cls == vm->cls[CLS_STATICMETHOD])
        method = ((Wrapper *)(void *)method.o)->function;
    return call_with(vm, method, FROM_OBJ(cls), args, nargs, kwnames);
}

static bool user_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    Value method = class_lookup(self.o->cls, vm->names.init_);
    Value result = call_with(vm, method, self, args, nargs, kwnames);
    if (is_null(result)) return false;
    bool ok = is_none(result);
    if (!ok)
        vm_raise(vm, EXC_TypeError, "__init__() should return None, not '%s'",
                 vm_class_name(vm, result));
    decref(result);
    return ok;
}

static bool is_binary_name(Vm *vm, const Str *name, bool inplace) {
    for (int op = 0; op < BINARY_OP_COUNT; op++) {
        if (inplace ? vm->binary_names[op][2] == name
                    : vm->binary_names[op][0] == name || vm->binary_names[op][1] == name)
            return true;
    }
    return false;
}

static void apply_name(Vm *vm, Slots *slots, const Str *name) {
    const Names *n = &vm->names;
    if (name == n->getattr_ || name == n->getattribute_) slots->getattr = user_getattr;
    if (name == n->setattr_ || name == n->delattr_) slots->setattr = user_setattr;
    if (name == n->call_) slots->call = user_call;
    if (name == n->repr_) slots->repr = user_repr;
    if (name == n->str_) slots->str = user_str;
    if (name == n->format_) slots->format = user_format;
    if (name == n->hash_) slots->hash = user_hash;
    if (name == n->getitem_) slots->getitem = user_getitem;
    if (name == n->setitem_ || name == n->delitem_) slots->setitem = user_setitem;
    if (name == n->contains_) slots->contains = user_contains;
    if (name == n->len_) slots->length = user_length;
    if (name == n->bool_) slots->truth = user_truth;
    if (name == n->iter_) slots->iter = user_iter;
    if (name == n->next_) slots->next = user_next;
    if (name == n->get_) slots->descr_get = user_descr_get;
    if (name == n->set_ || name == n->delete_) slots->descr_set = user_descr_set;
    if (name == n->int_) slots->to_int = user_to_int;
    if (name == n->float_) slots->to_float = user_to_float;
    if (name == n->index_) slots->to_index = user_to_index;
    if (name == n->new_) slots->create = user_create;
    if (name == n->init_) slots->init = user_init;
    if (name == n->neg_ || name == n->pos_ || name == n->invert_ || name == n->abs_)
        slots->unary = user_unary;
    for (int i = 0; i < 6; i++)
        if (vm->compare_names[i] == name) slots->compare = user_compare;
    if (is_binary_name(vm, name, false)) slots->binary = user_binary;
    if (is_binary_name(vm, name, true)) slots->inplace = user_inplace;
}

void slots_apply_user(Class *cls, const Class *definer) {
    if (!(definer->flags & CLASS_USER)) return;
    size_t pos = 0;
    Value key, value;
    while (dict_next(definer->dict, &pos, &key, &value)) {
        if (!is_str(key) || as_str(key)->size < 5) continue;
        const char *text = as_str(key)->data;
        if (text[0] == '_' && text[1] == '_') apply_name(cls->vm, &cls->slots, as_str(key));
    }
}

/* Takes each slot that `definer` does not merely inherit. */
void slots_apply_native(Class *cls, const Class *definer) {
    typedef void (*AnySlot)(void);
    AnySlot *to = (AnySlot *)(void *)&cls->slots;
    const AnySlot *from = (const AnySlot *)(const void *)&definer->slots;
    const AnySlot *base = NULL;
    if (definer->base) base = (const AnySlot *)(const void *)&definer->base->slots;
    for (size_t i = 0; i < sizeof(Slots) / sizeof(AnySlot); i++)
        if (from[i] && (!base || from[i] != base[i])) to[i] = from[i];
}
