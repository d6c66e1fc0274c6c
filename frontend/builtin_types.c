/* The table of built-in classes, and the small ones: None, Ellipsis, module, generic aliases. */
#include "frontend/interp.h"

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

bool unhashable(Vm *vm, Value self, int64_t *out) {
    (void)out;
    vm_raise(vm, EXC_TypeError, "unhashable type: '%s'", vm_class_name(vm, self));
    return false;
}

/* ---- None, Ellipsis, NotImplemented ---- */

static Value singleton_repr(Vm *vm, Value v) {
    return str_from(vm, is_none(v)              ? "None"
                        : v.tag == TAG_ELLIPSIS ? "Ellipsis"
                                                : "NotImplemented");
}
static Value none_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    return class_slots.binary(vm, op, a, b, false); /* None | int */
}
static const Slots singleton_slots = {.repr = singleton_repr, .str = singleton_repr};
static const Slots none_slots = {
    .repr = singleton_repr, .str = singleton_repr, .binary = none_binary};

/* ---- module ---- */

static ModuleObj *as_module(Value v) {
    return (ModuleObj *)(void *)v.o;
}

static void module_dealloc(Obj *self) {
    DROP(((ModuleObj *)(void *)self)->dict);
    DROP(((ModuleObj *)(void *)self)->name);
}
static void module_traverse(Obj *self, VisitFn visit, void *context) {
    visit((Obj *)((ModuleObj *)(void *)self)->dict, context);
}
static void module_clear(Obj *self) {
    dict_clear(((ModuleObj *)(void *)self)->dict);
}

static Value module_getattr(Vm *vm, Value self, Str *name) {
    Value v = dict_get(as_module(self)->dict, name);
    if (!is_null(v)) return incref(v);
    if (name == vm->names.dict_) return NEW_REF(as_module(self)->dict);
    if (name == vm->names.class_) return NEW_REF(self.o->cls);
    v = module_lazy(vm, as_module(self), name);
    if (!is_null(v) || vm_failed(vm)) return v;
    Value hook = dict_get(as_module(self)->dict, vm->names.getattr_);
    if (is_null(hook)) return vm_no_attribute(vm, self, name);
    v = vm_call1(vm, hook, FROM_OBJ(name));
    if (!is_null(v) || !is_exception(vm->raised)) return v;
    Exception *raised = as_exception(vm->raised);
    if (!class_is_subclass(vm->raised.o->cls, vm->exc[EXC_AttributeError])) return v;
    decref(raised->value);
    raised->value = vm_pair(vm, NEW_REF(name), incref(self)); /* as vm_no_attribute has it */
    return v;
}

static bool module_setattr(Vm *vm, Value self, Str *name, Value value) {
    if (!is_null(value)) return dict_set_str(as_module(self)->dict, name, value);
    if (dict_delete_str(as_module(self)->dict, name)) return true;
    vm_no_attribute(vm, self, name);
    return false;
}

static Value module_repr(Vm *vm, Value self) {
    return str_printf(vm, "<module '%s'>", as_module(self)->name->data);
}

static const Slots module_slots = {.dealloc = module_dealloc,
                                   .traverse = module_traverse,
                                   .clear = module_clear,
                                   .getattr = module_getattr,
                                   .setattr = module_setattr,
                                   .repr = module_repr};

ModuleObj *module_new(Vm *vm, const char *name) {
    ModuleObj *module = (ModuleObj *)(void *)vm_alloc(vm, vm->cls[CLS_MODULE]);
    module->dict = dict_new(vm);
    module->dict->keeps_slots = true;
    module->name = (Str *)NEW_REF(vm_intern_text(vm, name)).o;
    dict_set_str(module->dict, vm->names.name_, FROM_OBJ(module->name));
    return module;
}

bool module_set(Vm *vm, ModuleObj *module, const char *name, Value value) {
    bool ok = dict_set_str(module->dict, vm_intern_text(vm, name), value);
    decref(value);
    return ok;
}

void module_function(Vm *vm, ModuleObj *module, const char *name, NativeFn function) {
    module_set(vm, module, name, native_new(vm, name, function, NULL_VALUE, NULL_VALUE));
}

/* ---- list[int], int | None ---- */

static Value pair_of(Value self) {
    return ((Wrapper *)(void *)self.o)->function;
}

static bool put_type(Vm *vm, Value v, Buf *out) {
    Value module = is_class(v) ? dict_get(as_class(v)->dict, vm->names.module_) : NULL_VALUE;
    if (is_str(module)) buf_printf(out, "%s.", as_str(module)->data);
    if (is_class(v)) {
        buf_puts(out, as_class(v)->qualname->data);
        return true;
    }
    if (v.tag == TAG_ELLIPSIS) return buf_puts(out, "..."), true;
    return vm_repr_to(vm, v, out);
}

Value builtin_class_getitem(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "__class_getitem__", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Wrapper *alias = (Wrapper *)(void *)vm_alloc(vm, vm->cls[CLS_ALIAS]);
    Value items = is_tuple(args[1]) ? incref(args[1]) : tuple_from(vm, &args[1], 1);
    alias->function = vm_pair(vm, incref(args[0]), items);
    return FROM_OBJ(alias);
}

static Value alias_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    return vm_call(vm, as_tuple(pair_of(self))->items[0], args, nargs, kwnames);
}

static Value alias_getattr(Vm *vm, Value self, Str *name) {
    if (str_equals(name, "__origin__")) return incref(as_tuple(pair_of(self))->items[0]);
    if (str_equals(name, "__args__")) return incref(as_tuple(pair_of(self))->items[1]);
    if (name == vm->names.class_) return NEW_REF(self.o->cls);
    return vm_getattr(vm, as_tuple(pair_of(self))->items[0], name);
}

static Value alias_repr(Vm *vm, Value self) {
    const Tuple *pair = as_tuple(pair_of(self)), *items = as_tuple(pair->items[1]);
    Buf out = {0};
    bool ok = put_type(vm, pair->items[0], &out);
    buf_putc(&out, '[');
    for (size_t i = 0; ok && i < items->count; i++) {
        if (i) buf_puts(&out, ", ");
        ok = put_type(vm, items->items[i], &out);
    }
    buf_putc(&out, ']');
    if (ok) return str_from_buf(vm, &out);
    buf_free(&out);
    return NULL_VALUE;
}

static bool is_type_like(Vm *vm, Value v) {
    return is_class(v) || is_none(v) ||
           (v.tag == TAG_OBJ && (v.o->cls == vm->cls[CLS_ALIAS] || v.o->cls == vm->cls[CLS_UNION]));
}

/* A union's members as one flat tuple. */
static Value union_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op != BINARY_OR || !is_type_like(vm, a) || !is_type_like(vm, b)) return NOT_IMPLEMENTED;
    Value list = list_new(vm, 4);
    Value sides[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (sides[i].tag == TAG_OBJ && sides[i].o->cls == vm->cls[CLS_UNION])
            list_extend(vm, as_list(list), pair_of(sides[i]));
        else
            list_append(as_list(list), sides[i]);
    }
    Wrapper *made = (Wrapper *)(void *)vm_alloc(vm, vm->cls[CLS_UNION]);
    made->function = tuple_from_iterable(vm, list);
    decref(list);
    return FROM_OBJ(made);
}

static Value union_repr(Vm *vm, Value self) {
    const Tuple *items = as_tuple(pair_of(self));
    Buf out = {0};
    for (size_t i = 0; i < items->count; i++) {
        if (i) buf_puts(&out, " | ");
        put_type(vm, items->items[i], &out);
    }
    return str_from_buf(vm, &out);
}

static Value union_getattr(Vm *vm, Value self, Str *name) {
    if (str_equals(name, "__args__")) return incref(pair_of(self));
    return vm_generic_getattr(vm, self, name);
}

static const Slots alias_slots = {.dealloc = wrapper_dealloc,
                                  .traverse = wrapper_traverse,
                                  .call = alias_call,
                                  .getattr = alias_getattr,
                                  .repr = alias_repr,
                                  .binary = union_binary};
static const Slots union_slots = {.dealloc = wrapper_dealloc,
                                  .traverse = wrapper_traverse,
                                  .getattr = union_getattr,
                                  .repr = union_repr,
                                  .binary = union_binary};

/* ---- the table ---- */

#define GC(Type) .size = sizeof(Type)
#define PLAIN(Type) .size = sizeof(Type), .flags = CLASS_UNTRACKED
enum { SEALED = CLASS_FINAL | CLASS_NO_NEW };

typedef struct BuiltinClass {
    const char *name;
    size_t size;
    unsigned flags;
    const Slots *slots;
    const Method *methods;
} BuiltinClass;

static const BuiltinClass builtin_classes[CLS_COUNT] = {
    [CLS_OBJECT] = {"object", GC(Instance), .slots = &object_slots, .methods = object_methods},
    [CLS_TYPE] = {"type", GC(Class), .flags = CLASS_CLASS, .slots = &class_slots,
                  .methods = class_methods},
    [CLS_NONE] = {"NoneType", PLAIN(Obj) | SEALED, .slots = &none_slots},
    [CLS_ELLIPSIS] = {"ellipsis", PLAIN(Obj) | SEALED, .slots = &singleton_slots},
    [CLS_NOT_IMPLEMENTED] = {"NotImplementedType", PLAIN(Obj) | SEALED, .slots = &singleton_slots},
    [CLS_INT] = {"int", GC(IntObj), .flags = CLASS_INT, .slots = &int_slots,
                 .methods = int_methods},
    [CLS_BOOL] = {"bool", GC(IntObj), .flags = CLASS_FINAL, .slots = &bool_slots},
    [CLS_FLOAT] = {"float", GC(FloatObj), .flags = CLASS_FLOAT, .slots = &float_slots,
                   .methods = float_methods},
    [CLS_STR] = {"str", PLAIN(Str) | CLASS_STR, .slots = &str_slots, .methods = str_methods},
    [CLS_BYTES] = {"bytes", PLAIN(Bytes) | CLASS_BYTES, .slots = &bytes_slots,
                   .methods = bytes_methods},
    [CLS_BYTEARRAY] = {"bytearray", PLAIN(Bytes) | CLASS_BYTES, .slots = &bytearray_slots,
                       .methods = bytearray_methods},
    [CLS_LIST] = {"list", GC(List), .flags = CLASS_LIST, .slots = &list_slots,
                  .methods = list_methods},
    [CLS_TUPLE] = {"tuple", GC(Tuple), .flags = CLASS_TUPLE, .slots = &tuple_slots,
                   .methods = tuple_methods},
    [CLS_DICT] = {"dict", GC(Dict), .flags = CLASS_DICT, .slots = &dict_slots,
                  .methods = dict_methods},
    [CLS_SET] = {"set", GC(Set), .flags = CLASS_SET, .slots = &set_slots, .methods = set_methods},
    [CLS_FROZENSET] = {"frozenset", GC(Set), .flags = CLASS_FROZENSET, .slots = &frozenset_slots,
                       .methods = frozenset_methods},
    [CLS_RANGE] = {"range", PLAIN(Range) | CLASS_FINAL, .slots = &range_slots,
                   .methods = range_methods},
    [CLS_SLICE] = {"slice", GC(Slice), .flags = CLASS_FINAL, .slots = &slice_slots,
                   .methods = slice_methods},
    [CLS_CELL] = {"cell", GC(Cell), .flags = SEALED, .slots = &cell_slots},
    [CLS_CODE] = {"code", PLAIN(Obj) | SEALED},
    [CLS_FUNCTION] = {"function", GC(Function), .flags = SEALED | CLASS_HAS_DICT,
                      .slots = &function_slots},
    [CLS_NATIVE] = {"builtin_function_or_method", GC(Native), .flags = SEALED,
                    .slots = &native_slots},
    [CLS_METHOD] = {"method", GC(BoundMethod), .flags = CLASS_FINAL, .slots = &method_slots},
    [CLS_PROPERTY] = {"property", GC(Property), .slots = &property_slots,
                      .methods = property_methods},
    [CLS_TRACEBACK] = {"traceback", .flags = SEALED, .slots = &traceback_slots},
    [CLS_MEMBER] = {"member_descriptor", .flags = SEALED, .slots = &member_slots},
    [CLS_STATICMETHOD] = {"staticmethod", GC(Wrapper), .slots = &staticmethod_slots},
    [CLS_CLASSMETHOD] = {"classmethod", GC(Wrapper), .slots = &classmethod_slots},
    [CLS_SUPER] = {"super", GC(Super), .slots = &super_slots},
    [CLS_MODULE] = {"module", GC(ModuleObj), .flags = SEALED, .slots = &module_slots},
    [CLS_GENERATOR] = {"generator", GC(Generator), .flags = SEALED, .slots = &generator_slots,
                       .methods = generator_methods},
    [CLS_ENUMERATE] = {"enumerate", GC(Combined), .slots = &enumerate_slots},
    [CLS_ZIP] = {"zip", GC(Combined), .slots = &zip_slots},
    [CLS_MAP] = {"map", GC(Combined), .slots = &map_slots},
    [CLS_FILTER] = {"filter", GC(Combined), .slots = &filter_slots},
    [CLS_REVERSED] = {"reversed", GC(SequenceIterator), .slots = &reversed_slots,
                      .methods = sequence_iterator_methods},
    [CLS_DICT_KEYS] = {"dict_keys", GC(View), .flags = SEALED, .slots = &dict_view_slots,
                       .methods = dict_view_methods},
    [CLS_DICT_VALUES] = {"dict_values", GC(View), .flags = SEALED, .slots = &dict_values_slots,
                         .methods = dict_view_methods},
    [CLS_DICT_ITEMS] = {"dict_items", GC(View), .flags = SEALED, .slots = &dict_view_slots,
                        .methods = dict_view_methods},
    [CLS_MAPPING_PROXY] = {"mappingproxy", GC(Wrapper), .flags = SEALED,
                           .slots = &mapping_proxy_slots},
    [CLS_FILE] = {"TextIOWrapper", GC(File), .flags = SEALED, .slots = &file_slots,
                  .methods = file_methods},
    [CLS_DICT_ITERATOR] = {"dict_keyiterator", GC(DictIterator), .flags = SEALED,
                           .slots = &dict_iterator_slots},
    [CLS_SET_ITERATOR] = {"set_iterator", GC(SetIterator), .flags = SEALED,
                          .slots = &set_iterator_slots},
    [CLS_STR_ITERATOR] = {"str_iterator", GC(StrIterator), .flags = SEALED,
                          .slots = &str_iterator_slots},
    [CLS_RANGE_ITERATOR] = {"range_iterator", PLAIN(RangeIterator) | SEALED,
                            .slots = &range_iterator_slots},
    [CLS_SEQUENCE_ITERATOR] = {"list_iterator", GC(SequenceIterator), .flags = SEALED,
                               .slots = &sequence_iterator_slots,
                               .methods = sequence_iterator_methods},
    [CLS_CALLABLE_ITERATOR] = {"callable_iterator", GC(Combined), .flags = SEALED,
                               .slots = &callable_iterator_slots},
    [CLS_ALIAS] = {"types.GenericAlias", GC(Wrapper), .flags = SEALED, .slots = &alias_slots},
    [CLS_UNION] = {"types.UnionType", GC(Wrapper), .flags = SEALED, .slots = &union_slots},
};

NativeClass builtin_class_spec(ClassId id) {
    const BuiltinClass *row = &builtin_classes[id];
    NativeClass spec = {row->name, NULL, row->size, row->flags, {0}, row->methods};
    if (row->slots) spec.slots = *row->slots;
    if (id == CLS_MEMBER) spec.size = member_size();
    if (id == CLS_TRACEBACK) spec.size = traceback_size();
    return spec;
}
