/* Callable objects and descriptors: function, builtin function, bound method, property,
 * staticmethod, classmethod, super, cell. */
#include <stdlib.h>

#include "frontend/interp.h"

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

static bool ready_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

/* ---- function ---- */

static Function *as_function(Value v) {
    return (Function *)(void *)v.o;
}

Value function_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    Function *f = as_function(self);
    bool generator = f->code->flags & CODE_GENERATOR;
    Frame *frame = frame_new(vm, f, f->module, f->code, generator);
    if (!arguments_bind(vm, f, args, nargs, kwnames, frame->slots)) {
        if (generator) { /* marks the frame as its own allocation */
            Value made = generator_new(vm, frame);
            decref(made);
        } else {
            frame_free(vm, frame);
        }
        return NULL_VALUE;
    }
    return generator ? generator_new(vm, frame) : vm_run(vm, frame);
}

static void function_dealloc(Obj *self) {
    Function *f = (Function *)(void *)self;
    for (int i = 0; i < f->default_count; i++)
        decref(f->defaults[i]);
    for (int i = 0; i < f->kwdefault_count; i++)
        decref(f->kwdefaults[i]);
    for (int i = 0; i < f->closure_count; i++)
        DROP(f->closure[i]);
    free(f->defaults);
    free(f->kwdefaults);
    free(f->closure);
    if (f->annotations) DROP(f->annotations);
    DROP(f->module);
    DROP(f->name);
    DROP(f->qualname);
    decref(f->doc);
}

static void function_traverse(Obj *self, VisitFn visit, void *context) {
    Function *f = (Function *)(void *)self;
    for (int i = 0; i < f->default_count; i++)
        visit_value(f->defaults[i], visit, context);
    for (int i = 0; i < f->kwdefault_count; i++)
        visit_value(f->kwdefaults[i], visit, context);
    for (int i = 0; i < f->closure_count; i++)
        visit((Obj *)f->closure[i], context);
    if (f->annotations) visit((Obj *)f->annotations, context);
    visit((Obj *)f->module, context);
    visit_value(f->doc, visit, context);
}

static void function_clear(Obj *self) {
    Function *f = (Function *)(void *)self;
    int count = f->default_count;
    f->default_count = 0;
    for (int i = 0; i < count; i++)
        decref(f->defaults[i]);
}

static Value function_repr(Vm *vm, Value self) {
    return str_printf(vm, "<function %s at %p>", as_function(self)->qualname->data, (void *)self.o);
}

static Value function_descr_get(Vm *vm, Value self, Value instance, Class *owner) {
    (void)owner;
    return is_null(instance) ? incref(self) : bound_method_new(vm, self, instance);
}

static Value function_getattr(Vm *vm, Value self, Str *name) {
    Function *f = as_function(self);
    const Names *n = &vm->names;
    if (name == n->name_) return NEW_REF(f->name);
    if (name == n->qualname_) return NEW_REF(f->qualname);
    if (name == n->doc_) return is_null(f->doc) ? NONE : incref(f->doc);
    if (name == n->module_) {
        Dict *dict = *obj_dict_slot(self.o);
        Value own = dict ? dict_get(dict, name) : NULL_VALUE;
        return is_null(own) ? NEW_REF(f->module->name) : incref(own);
    }
    if (name == n->globals_) return NEW_REF(f->module->dict);
    if (name == n->annotations_) {
        if (!f->annotations) f->annotations = dict_new(vm);
        return NEW_REF(f->annotations);
    }
    if (name == n->defaults_)
        return f->default_count ? tuple_from(vm, f->defaults, (size_t)f->default_count) : NONE;
    if (name == n->kwdefaults_) {
        if (f->kwdefault_count == 0) return NONE;
        Dict *made = dict_new(vm);
        CodeData *data = code_data(vm, f->code);
        for (int i = 0; i < f->kwdefault_count; i++)
            if (!is_null(f->kwdefaults[i]))
                dict_set_str(made, data->slot_names[(int)f->code->positional_count + i],
                             f->kwdefaults[i]);
        return FROM_OBJ(made);
    }
    if (name == n->closure_) {
        if (f->closure_count == 0) return NONE;
        Value cells = tuple_new(vm, (size_t)f->closure_count);
        for (int i = 0; i < f->closure_count; i++)
            as_tuple(cells)->items[i] = NEW_REF(f->closure[i]);
        return cells;
    }
    if (name == n->code_) return incref(self); /* co_varnames and friends are read from it */
    if (str_equals(name, "co_argcount")) return from_int(f->code->positional_count);
    if (str_equals(name, "co_posonlyargcount")) return from_int(f->code->positional_only_count);
    if (str_equals(name, "co_kwonlyargcount")) return from_int(f->code->keyword_only_count);
    if (str_equals(name, "co_flags")) /* CPython's numbers of CODE_VARARGS and CODE_KWARGS */
        return from_int((f->code->flags & CODE_VARARGS ? 4 : 0) +
                        (f->code->flags & CODE_KWARGS ? 8 : 0));
    if (str_equals(name, "co_name")) return NEW_REF(f->name);
    if (str_equals(name, "co_varnames")) {
        CodeData *data = code_data(vm, f->code);
        Value names = tuple_new(vm, f->code->parameter_count);
        for (uint32_t i = 0; i < f->code->parameter_count; i++)
            as_tuple(names)->items[i] = NEW_REF(data->slot_names[i]);
        return names;
    }
    return vm_generic_getattr(vm, self, name);
}

static bool function_setattr(Vm *vm, Value self, Str *name, Value value) {
    Function *f = as_function(self);
    const Names *n = &vm->names;
    if ((name == n->name_ || name == n->qualname_) && is_str(value)) {
        Str **field = name == n->name_ ? &f->name : &f->qualname;
        Str *old = *field;
        *field = as_str(incref(value));
        DROP(old);
        return true;
    }
    if (name == n->doc_) {
        set_value(&f->doc, value);
        return true;
    }
    if (name == n->annotations_ && is_dict(value)) {
        if (f->annotations) DROP(f->annotations);
        f->annotations = as_dict(incref(value));
        return true;
    }
    return vm_generic_setattr(vm, self, name, value);
}

const Slots function_slots = {
    .dealloc = function_dealloc,
    .traverse = function_traverse,
    .clear = function_clear,
    .repr = function_repr,
    .descr_get = function_descr_get,
    .getattr = function_getattr,
    .setattr = function_setattr,
    .call = function_call,
};

/* ---- builtin functions ---- */

static Native *as_native(Value v) {
    return (Native *)(void *)v.o;
}

Value native_new(Vm *vm, const char *name, NativeFn function, Value self, Value data) {
    Native *native = (Native *)(void *)vm_alloc(vm, vm->cls[CLS_NATIVE]);
    native->name = name;
    native->function = function;
    native->self = incref(self);
    native->data = incref(data);
    return FROM_OBJ(native);
}

static void native_dealloc(Obj *self) {
    decref(((Native *)(void *)self)->self);
    decref(((Native *)(void *)self)->data);
}
static void native_traverse(Obj *self, VisitFn visit, void *context) {
    visit_value(((Native *)(void *)self)->self, visit, context);
    visit_value(((Native *)(void *)self)->data, visit, context);
}

static Value native_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    Native *native = as_native(self);
    if (native->owner && (nargs < 1 || !vm_is_a(vm, args[0], native->owner))) {
        if (nargs < 1)
            return vm_raise(vm, EXC_TypeError, "unbound method %s.%s() needs an argument",
                            native->owner->name, native->name);
        return vm_raise(vm, EXC_TypeError,
                        strncmp(native->name, "__", 2) == 0
                            ? "descriptor '%s' requires a '%s' object but received a '%s'"
                            : "descriptor '%s' for '%s' objects doesn't apply to a '%s' object",
                        native->name, native->owner->name, vm_class_name(vm, args[0]));
    }
    vm->native_data = native->data;
    vm->native_owner = native->owner;
    if (is_null(native->self)) return native->function(vm, args, nargs, kwnames);
    size_t total = (size_t)nargs + (kwnames ? kwnames->count : 0);
    Value small[8], *all = total < 8 ? small : xcalloc(total + 1, sizeof *all);
    all[0] = native->self;
    for (size_t i = 0; i < total; i++)
        all[i + 1] = args[i];
    Value result = native->function(vm, all, nargs + 1, kwnames);
    if (all != small) free(all);
    return result;
}

/* A method of a class binds; a plain function stays what it is. */
static Value native_descr_get(Vm *vm, Value self, Value instance, Class *owner) {
    (void)owner;
    if (is_null(instance) || !as_native(self)->owner) return incref(self);
    return bound_method_new(vm, self, instance);
}

static Value native_repr(Vm *vm, Value self) {
    Native *native = as_native(self);
    if (native->owner)
        return str_printf(vm, "<method '%s' of '%s' objects>", native->name, native->owner->name);
    return str_printf(vm, "<built-in function %s>", native->name);
}

static Value native_getattr(Vm *vm, Value self, Str *name) {
    if (name == vm->names.name_ || name == vm->names.qualname_)
        return str_from(vm, as_native(self)->name);
    if (name == vm->names.module_) return str_from(vm, "builtins");
    return vm_generic_getattr(vm, self, name);
}

const Slots native_slots = {.dealloc = native_dealloc,
                            .traverse = native_traverse,
                            .call = native_call,
                            .descr_get = native_descr_get,
                            .repr = native_repr,
                            .getattr = native_getattr};

/* ---- bound methods ---- */

static BoundMethod *as_method(Value v) {
    return (BoundMethod *)(void *)v.o;
}

Value bound_method_new(Vm *vm, Value function, Value self) {
    BoundMethod *method = (BoundMethod *)(void *)vm_alloc(vm, vm->cls[CLS_METHOD]);
    method->function = incref(function);
    method->self = incref(self);
    return FROM_OBJ(method);
}

static void method_dealloc(Obj *self) {
    decref(((BoundMethod *)(void *)self)->function);
    decref(((BoundMethod *)(void *)self)->self);
}
static void method_traverse(Obj *self, VisitFn visit, void *context) {
    visit_value(((BoundMethod *)(void *)self)->function, visit, context);
    visit_value(((BoundMethod *)(void *)self)->self, visit, context);
}

static Value method_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    BoundMethod *method = as_method(self);
    size_t total = (size_t)nargs + (kwnames ? kwnames->count : 0);
    Value small[8], *all = total < 8 ? small : xcalloc(total + 1, sizeof *all);
    all[0] = method->self;
    for (size_t i = 0; i < total; i++)
        all[i + 1] = args[i];
    incref(self);
    Class *cls = vm_class_of(vm, method->function);
    Value result = cls->slots.call
                       ? cls->slots.call(vm, method->function, all, nargs + 1, kwnames)
                       : vm_raise(vm, EXC_TypeError, "'%s' object is not callable", cls->name);
    decref(self);
    if (all != small) free(all);
    return result;
}

static Value method_repr(Vm *vm, Value self) {
    BoundMethod *method = as_method(self);
    Value name = vm_getattr_optional(vm, method->function, vm->names.qualname_);
    Buf buf = {0};
    bool native = method->function.tag == TAG_OBJ && method->function.o->cls == vm->cls[CLS_NATIVE];
    if (native)
        buf_printf(&buf, "<built-in method %s of %s object at %p>",
                   is_str(name) ? as_str(name)->data : "?", vm_class_name(vm, method->self),
                   (void *)method->self.o);
    else
        buf_printf(&buf, "<bound method %s of ", is_str(name) ? as_str(name)->data : "?");
    decref(name);
    bool ok = !vm_failed(vm) && (native || vm_repr_to(vm, method->self, &buf));
    if (!native) buf_putc(&buf, '>');
    if (ok) return str_from_buf(vm, &buf);
    buf_free(&buf);
    return NULL_VALUE;
}

static Value method_getattr(Vm *vm, Value self, Str *name) {
    BoundMethod *method = as_method(self);
    if (name == vm->names.self_) return incref(method->self);
    if (name == vm->names.func_) return incref(method->function);
    Value own = vm_generic_find(vm, self, name);
    if (!is_null(own) && name != vm->names.doc_) return own;
    decref(own);
    return vm_getattr(vm, method->function, name);
}

static Value method_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if ((op != COMPARE_EQ && op != COMPARE_NE) || vm_class_of(vm, a) != vm_class_of(vm, b))
        return NOT_IMPLEMENTED;
    bool same = vm_is(as_method(a)->self, as_method(b)->self) &&
                vm_is(as_method(a)->function, as_method(b)->function);
    return from_bool(same == (op == COMPARE_EQ));
}

static bool method_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    uintptr_t a = (uintptr_t)as_method(self)->self.o, b = (uintptr_t)as_method(self)->function.o;
    *out = (int64_t)((a >> 4) ^ (b >> 3));
    return true;
}

static Value method_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)cls;
    if (!vm_args_simple(vm, "method", nargs, kwnames, 2, 2)) return NULL_VALUE;
    if (!vm_class_of(vm, args[0])->slots.call)
        return vm_raise(vm, EXC_TypeError, "first argument must be callable");
    return bound_method_new(vm, args[0], args[1]);
}

const Slots method_slots = {.create = method_create,
                            .init = ready_init,
                            .dealloc = method_dealloc,
                            .traverse = method_traverse,
                            .call = method_call,
                            .repr = method_repr,
                            .getattr = method_getattr,
                            .compare = method_compare,
                            .hash = method_hash};

/* ---- property ---- */

static Property *as_property(Value v) {
    return (Property *)(void *)v.o;
}

static void property_dealloc(Obj *self) {
    Property *p = (Property *)(void *)self;
    decref(p->get), decref(p->set), decref(p->del), decref(p->doc);
}
static void property_traverse(Obj *self, VisitFn visit, void *context) {
    Property *p = (Property *)(void *)self;
    visit_value(p->get, visit, context);
    visit_value(p->set, visit, context);
    visit_value(p->del, visit, context);
}

static Value property_create(Vm *vm, Class *cls, const Value *args, int nargs,
                             const Tuple *kwnames) {
    Value out[4];
    if (!vm_args(vm, "property", "fget? fset? fdel? doc?", args, nargs, kwnames, out))
        return NULL_VALUE;
    Property *p = (Property *)(void *)vm_alloc(vm, cls);
    if (!is_none(out[0])) p->get = incref(out[0]);
    if (!is_none(out[1])) p->set = incref(out[1]);
    if (!is_none(out[2])) p->del = incref(out[2]);
    p->doc = incref(out[3]);
    return FROM_OBJ(p);
}

static const char *accessor_name(Vm *vm, Value function) {
    if (function.tag == TAG_OBJ && function.o->cls == vm->cls[CLS_FUNCTION])
        return as_function(function)->name->data;
    return "?";
}

static Value property_get(Vm *vm, Value self, Value instance, Class *owner) {
    Property *p = as_property(self);
    (void)owner;
    if (is_null(instance)) return incref(self);
    if (p->native_get) return p->native_get(vm, &instance, 1, NULL);
    if (is_null(p->get))
        return vm_raise(vm, EXC_AttributeError, "property of '%s' object has no getter",
                        vm_class_name(vm, instance));
    return vm_call1(vm, p->get, instance);
}

static bool property_set(Vm *vm, Value self, Value instance, Value value) {
    Property *p = as_property(self);
    Value function = is_null(value) ? p->del : p->set;
    if (is_null(function)) {
        vm_raise(vm, EXC_AttributeError, "property '%s' of '%s' object has no %s",
                 p->name ? p->name->data : accessor_name(vm, p->get), vm_class_name(vm, instance),
                 is_null(value) ? "deleter" : "setter");
        return false;
    }
    Value result =
        is_null(value) ? vm_call1(vm, function, instance) : vm_call2(vm, function, instance, value);
    decref(result);
    return !is_null(result);
}

static Value property_with(Vm *vm, const Value *args, int nargs, const Tuple *kwnames, int which) {
    if (!vm_args_simple(vm, "property", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Property *old = as_property(args[0]);
    Property *made = (Property *)(void *)vm_alloc(vm, args[0].o->cls);
    made->get = incref(which == 0 ? args[1] : old->get);
    made->set = incref(which == 1 ? args[1] : old->set);
    made->del = incref(which == 2 ? args[1] : old->del);
    made->doc = incref(old->doc);
    return FROM_OBJ(made);
}
METHOD(property_getter) {
    return property_with(vm, args, nargs, kwnames, 0);
}
METHOD(property_setter) {
    return property_with(vm, args, nargs, kwnames, 1);
}
METHOD(property_deleter) {
    return property_with(vm, args, nargs, kwnames, 2);
}

static Value property_abstract(Vm *vm, const Property *p) {
    const Value parts[] = {p->get, p->set, p->del};
    for (size_t i = 0; i < 3; i++) {
        if (is_null(parts[i])) continue;
        Value mark = vm_getattr_optional(vm, parts[i], vm_intern_text(vm, "__isabstractmethod__"));
        int truth = is_null(mark) ? 0 : vm_truth(vm, mark);
        decref(mark);
        if (truth || vm_failed(vm)) return truth < 0 ? NULL_VALUE : from_bool(truth);
    }
    return from_bool(false);
}

static Value property_getattr(Vm *vm, Value self, Str *name) {
    Property *p = as_property(self);
    Value v = NULL_VALUE;
    bool known = true;
    if (str_equals(name, "fget"))
        v = p->get;
    else if (str_equals(name, "fset"))
        v = p->set;
    else if (str_equals(name, "fdel"))
        v = p->del;
    else if (name == vm->names.doc_)
        return !is_null(p->doc)  ? incref(p->doc)
               : is_null(p->get) ? NONE
                                 : vm_getattr(vm, p->get, name);
    else if (str_equals(name, "__isabstractmethod__"))
        return property_abstract(vm, p);
    else
        known = false;
    if (known) return is_null(v) ? NONE : incref(v);
    return vm_generic_getattr(vm, self, name);
}

const Slots property_slots = {.dealloc = property_dealloc,
                              .traverse = property_traverse,
                              .create = property_create,
                              .init = ready_init,
                              .descr_get = property_get,
                              .descr_set = property_set,
                              .getattr = property_getattr};
const Method property_methods[] = {{"getter", property_getter, 0},
                                   {"setter", property_setter, 0},
                                   {"deleter", property_deleter, 0},
                                   {NULL, NULL, 0}};

/* ---- staticmethod, classmethod ---- */

void wrapper_dealloc(Obj *self) {
    decref(((Wrapper *)(void *)self)->function);
}
void wrapper_traverse(Obj *self, VisitFn visit, void *context) {
    visit_value(((Wrapper *)(void *)self)->function, visit, context);
}
static Value wrapped(Value self) {
    return ((Wrapper *)(void *)self.o)->function;
}

static Value wrapper_create(Vm *vm, Class *cls, const Value *args, int nargs,
                            const Tuple *kwnames) {
    if (!vm_args_simple(vm, cls->name, nargs, kwnames, 1, 1)) return NULL_VALUE;
    Wrapper *made = (Wrapper *)(void *)vm_alloc(vm, cls);
    made->function = incref(args[0]);
    return FROM_OBJ(made);
}

static Value static_get(Vm *vm, Value self, Value instance, Class *owner) {
    (void)vm, (void)instance, (void)owner;
    return incref(wrapped(self));
}
static Value static_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    return vm_call(vm, wrapped(self), args, nargs, kwnames);
}
static Value class_get(Vm *vm, Value self, Value instance, Class *owner) {
    (void)instance;
    Value function = wrapped(self);
    if (function.tag == TAG_OBJ && function.o->cls == vm->cls[CLS_PROPERTY])
        return property_get(vm, function, FROM_OBJ(owner), owner);
    return bound_method_new(vm, function, FROM_OBJ(owner));
}
static Value wrapper_getattr(Vm *vm, Value self, Str *name) {
    if (name == vm->names.func_ || name == vm->names.wrapped_) return incref(wrapped(self));
    if (name == vm->names.name_ || name == vm->names.qualname_ || name == vm->names.doc_ ||
        str_equals(name, "__isabstractmethod__"))
        return vm_getattr(vm, wrapped(self), name);
    return vm_generic_getattr(vm, self, name);
}

const Slots staticmethod_slots = {.dealloc = wrapper_dealloc,
                                  .traverse = wrapper_traverse,
                                  .create = wrapper_create,
                                  .init = ready_init,
                                  .descr_get = static_get,
                                  .call = static_call,
                                  .getattr = wrapper_getattr};
const Slots classmethod_slots = {.dealloc = wrapper_dealloc,
                                 .traverse = wrapper_traverse,
                                 .create = wrapper_create,
                                 .init = ready_init,
                                 .descr_get = class_get,
                                 .getattr = wrapper_getattr};

/* ---- super ---- */

static void super_dealloc(Obj *self) {
    Super *s = (Super *)(void *)self;
    if (s->after) DROP(s->after);
    if (s->of) DROP(s->of);
    decref(s->self);
}
static void super_traverse(Obj *self, VisitFn visit, void *context) {
    Super *s = (Super *)(void *)self;
    if (s->after) visit((Obj *)s->after, context);
    if (s->of) visit((Obj *)s->of, context);
    visit_value(s->self, visit, context);
}

/* The class and first argument of the function that calls super() without arguments. */
static bool implicit_super(Vm *vm, Value *cls, Value *self) {
    Frame *frame = vm->frame;
    const Code *code = frame ? frame->code : NULL;
    if (!code || code->parameter_count == 0) {
        vm_raise(vm, EXC_RuntimeError, "super(): no arguments");
        return false;
    }
    *cls = NULL_VALUE;
    for (uint32_t i = 0; i < code->free_count; i++) {
        uint32_t slot = code->local_count + i;
        if (frame->data->slot_names[slot] == vm->names.class_)
            *cls = ((Cell *)(void *)frame->slots[slot].o)->value;
    }
    *self = frame->slots[0];
    if (self->tag == TAG_OBJ && self->o->cls == vm->cls[CLS_CELL])
        *self = ((Cell *)(void *)self->o)->value;
    if (is_null(*self)) {
        vm_raise(vm, EXC_RuntimeError, "super(): arg[0] deleted");
        return false;
    }
    if (!is_class(*cls)) {
        vm_raise(vm, EXC_RuntimeError, "super(): __class__ cell not found");
        return false;
    }
    return true;
}

static Value super_create(Vm *vm, Class *meta, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "super", nargs, kwnames, 0, 2)) return NULL_VALUE;
    Value cls, self;
    if (nargs == 0) {
        if (!implicit_super(vm, &cls, &self)) return NULL_VALUE;
    } else {
        cls = args[0];
        self = nargs == 2 ? args[1] : NONE;
    }
    if (!is_class(cls))
        return vm_raise(vm, EXC_TypeError, "super() argument 1 must be a type, not %s",
                        vm_class_name(vm, cls));
    Class *of;
    if (is_class(self) && class_is_subclass(as_class(self), as_class(cls)))
        of = as_class(self);
    else if (vm_is_a(vm, self, as_class(cls)))
        of = vm_class_of(vm, self);
    else
        return vm_raise(vm, EXC_TypeError,
                        "super(type, obj): obj must be an instance or subtype of type");
    Super *made = (Super *)(void *)vm_alloc(vm, meta);
    made->after = as_class(incref(cls));
    made->of = as_class(NEW_REF(of));
    made->self = incref(self);
    return FROM_OBJ(made);
}

static Value super_find(Vm *vm, const Super *s, Str *name) {
    (void)vm;
    const Tuple *mro = s->of->mro;
    size_t i = 0;
    while (i < mro->count && mro->items[i].o != (Obj *)s->after)
        i++;
    for (i++; i < mro->count; i++) {
        Value v = class_own(as_class(mro->items[i]), name);
        if (!is_null(v)) return v;
    }
    return NULL_VALUE;
}

static Value super_getattr(Vm *vm, Value self, Str *name) {
    Super *s = (Super *)(void *)self.o;
    Value v = name == vm->names.class_ ? NULL_VALUE : super_find(vm, s, name);
    if (is_null(v)) {
        Value own = vm_generic_find(vm, self, name);
        if (!is_null(own) || vm_failed(vm)) return own;
        return vm_raise(vm, EXC_AttributeError, "'super' object has no attribute '%s'", name->data);
    }
    if (v.tag == TAG_OBJ && v.o->cls->slots.descr_get) {
        bool on_class = is_class(s->self) && as_class(s->self) == s->of;
        return v.o->cls->slots.descr_get(vm, v, on_class ? NULL_VALUE : s->self, s->of);
    }
    return incref(v);
}

static Value super_repr(Vm *vm, Value self) {
    Super *s = (Super *)(void *)self.o;
    return str_printf(vm, "<super: <class '%s'>, <%s object>>", s->after->name, s->of->name);
}

const Slots super_slots = {.dealloc = super_dealloc,
                           .traverse = super_traverse,
                           .create = super_create,
                           .init = ready_init,
                           .getattr = super_getattr,
                           .repr = super_repr};

/* ---- cell ---- */

static void cell_dealloc(Obj *self) {
    decref(((Cell *)(void *)self)->value);
}
static void cell_traverse(Obj *self, VisitFn visit, void *context) {
    visit_value(((Cell *)(void *)self)->value, visit, context);
}
static void cell_clear(Obj *self) {
    clear_value(&((Cell *)(void *)self)->value);
}

static Value cell_getattr(Vm *vm, Value self, Str *name) {
    Value held = ((Cell *)(void *)self.o)->value;
    if (!str_equals(name, "cell_contents")) return vm_generic_getattr(vm, self, name);
    return is_null(held) ? vm_raise(vm, EXC_ValueError, "Cell is empty") : incref(held);
}

const Slots cell_slots = {.dealloc = cell_dealloc,
                          .traverse = cell_traverse,
                          .clear = cell_clear,
                          .getattr = cell_getattr};
