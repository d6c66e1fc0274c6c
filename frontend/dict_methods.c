/* Methods of dict, its views (keys, values, items) and their iterators. */
#include "frontend/vm_internal.h"

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)
#define EXPECT(name, min, max)                                                                     \
    if (!vm_args_simple(vm, name, nargs, kwnames, (min) + 1, (max) + 1)) return NULL_VALUE;

static Value entry_value(Vm *vm, ViewKind kind, Value key, Value value) {
    if (kind == VIEW_KEYS) return incref(key);
    if (kind == VIEW_VALUES) return incref(value);
    return vm_pair(vm, incref(key), incref(value));
}

static Value iterate(Vm *vm, Dict *dict, ViewKind kind, bool backwards) {
    DictIterator *it = (DictIterator *)(void *)vm_alloc(vm, vm->cls[CLS_DICT_ITERATOR]);
    it->dict = as_dict(NEW_REF(dict));
    it->kind = kind;
    it->backwards = backwards;
    it->pos = backwards ? dict->used : 0;
    it->count = dict->count;
    return FROM_OBJ(it);
}

Value dict_iter(Vm *vm, Value self) {
    return iterate(vm, as_dict(self), VIEW_KEYS, false);
}

static Value iterator_next(Vm *vm, Value self) {
    DictIterator *it = (DictIterator *)(void *)self.o;
    if (!it->dict) return NULL_VALUE;
    Dict *dict = it->dict;
    if (dict->count != it->count) {
        it->dict = NULL;
        DROP(dict);
        return vm_raise(vm, EXC_RuntimeError, "dictionary changed size during iteration");
    }
    Value key, value;
    if (!it->backwards) {
        if (dict_next(dict, &it->pos, &key, &value)) return entry_value(vm, it->kind, key, value);
    } else {
        while (it->pos > 0) {
            size_t at = --it->pos;
            if (at < dict->used && dict_next(dict, &at, &key, &value) && at == it->pos + 1)
                return entry_value(vm, it->kind, key, value);
        }
    }
    it->dict = NULL;
    DROP(dict);
    return NULL_VALUE;
}

static Value self_iter(Vm *vm, Value self) {
    (void)vm;
    return incref(self);
}

static void iterator_dealloc(Obj *self) {
    DictIterator *it = (DictIterator *)(void *)self;
    if (it->dict) DROP(it->dict);
}
static void iterator_traverse(Obj *self, VisitFn visit, void *context) {
    DictIterator *it = (DictIterator *)(void *)self;
    if (it->dict) visit((Obj *)it->dict, context);
}

const Slots dict_iterator_slots = {.dealloc = iterator_dealloc,
                                   .traverse = iterator_traverse,
                                   .iter = self_iter,
                                   .next = iterator_next};

/* ---- views ---- */

static Value view_new(Vm *vm, Dict *dict, ViewKind kind) {
    static const ClassId classes[] = {CLS_DICT_KEYS, CLS_DICT_VALUES, CLS_DICT_ITEMS};
    View *view = (View *)(void *)vm_alloc(vm, vm->cls[classes[kind]]);
    view->dict = as_dict(NEW_REF(dict));
    view->kind = kind;
    return FROM_OBJ(view);
}

static View *as_view(Value v) {
    return (View *)(void *)v.o;
}

static bool is_view(Vm *vm, Value v) {
    return v.tag == TAG_OBJ &&
           (v.o->cls == vm->cls[CLS_DICT_KEYS] || v.o->cls == vm->cls[CLS_DICT_ITEMS]);
}

static void view_dealloc(Obj *self) {
    DROP(((View *)(void *)self)->dict);
}
static void view_traverse(Obj *self, VisitFn visit, void *context) {
    visit((Obj *)((View *)(void *)self)->dict, context);
}

static Value view_iter(Vm *vm, Value self) {
    return iterate(vm, as_view(self)->dict, as_view(self)->kind, false);
}

static int64_t view_length(Vm *vm, Value self) {
    (void)vm;
    return (int64_t)as_view(self)->dict->count;
}

static Value view_repr(Vm *vm, Value self) {
    Value list = list_from_iterable(vm, self);
    if (is_null(list)) return list;
    Buf buf = {0};
    Class *of = FROM_OBJ(as_view(self)->dict).o->cls;
    bool ordered = !is_null(class_lookup(of, vm_intern_text(vm, "_views_are_ordered")));
    buf_printf(&buf, "%s%s(", ordered ? "o" : "", self.o->cls->name);
    bool ok = vm_repr_to(vm, list, &buf);
    decref(list);
    buf_putc(&buf, ')');
    if (ok) return str_from_buf(vm, &buf);
    buf_free(&buf);
    return NULL_VALUE;
}

static int view_contains(Vm *vm, Value self, Value item) {
    View *view = as_view(self);
    if (view->kind == VIEW_KEYS) {
        Value value = dict_find(vm, view->dict, item);
        return vm_failed(vm) ? -1 : !is_null(value);
    }
    if (view->kind == VIEW_ITEMS) {
        if (!is_tuple(item) || as_tuple(item)->count != 2) return 0;
        Value value = dict_find(vm, view->dict, as_tuple(item)->items[0]);
        if (is_null(value)) return vm_failed(vm) ? -1 : 0;
        return vm_equal(vm, value, as_tuple(item)->items[1]);
    }
    size_t pos = 0;
    Value key, value;
    while (dict_next(view->dict, &pos, &key, &value)) {
        int equal = vm_equal(vm, value, item);
        if (equal) return equal;
    }
    return 0;
}

/* Keys and items behave as sets under & | - ^ and comparison. */
static Value view_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op != BINARY_AND && op != BINARY_OR && op != BINARY_SUB && op != BINARY_XOR)
        return NOT_IMPLEMENTED;
    if (!is_view(vm, a) && !is_view(vm, b)) return NOT_IMPLEMENTED;
    Value left = set_new(vm, vm->cls[CLS_SET]), right = set_new(vm, vm->cls[CLS_SET]);
    Value result = NULL_VALUE;
    if (set_update(vm, as_set(left), a) && set_update(vm, as_set(right), b))
        result = vm_binary(vm, op, left, right);
    decref(left);
    decref(right);
    return result;
}

static Value view_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (!(is_view(vm, a) || is_set(a)) || !(is_view(vm, b) || is_set(b))) return NOT_IMPLEMENTED;
    Value left = set_new(vm, vm->cls[CLS_SET]), right = set_new(vm, vm->cls[CLS_SET]);
    Value result = NULL_VALUE;
    if (set_update(vm, as_set(left), a) && set_update(vm, as_set(right), b))
        result = vm_compare(vm, op, left, right);
    decref(left);
    decref(right);
    return result;
}

#define VIEW_SLOTS                                                                                 \
    .dealloc = view_dealloc, .traverse = view_traverse, .iter = view_iter, .length = view_length,  \
    .repr = view_repr, .contains = view_contains
const Slots dict_view_slots = {VIEW_SLOTS, .binary = view_binary, .compare = view_compare};
const Slots dict_values_slots = {VIEW_SLOTS};

METHOD(view_reversed) {
    EXPECT("__reversed__", 0, 0)
    return iterate(vm, as_view(args[0])->dict, as_view(args[0])->kind, true);
}

const Method dict_view_methods[] = {{"__reversed__", view_reversed, 0}, {NULL, NULL, 0}};

/* ---- methods ---- */

METHOD(dict_keys) {
    EXPECT("keys", 0, 0)
    return view_new(vm, as_dict(args[0]), VIEW_KEYS);
}
METHOD(dict_values) {
    EXPECT("values", 0, 0)
    return view_new(vm, as_dict(args[0]), VIEW_VALUES);
}
METHOD(dict_items) {
    EXPECT("items", 0, 0)
    return view_new(vm, as_dict(args[0]), VIEW_ITEMS);
}
METHOD(dict_reversed) {
    EXPECT("__reversed__", 0, 0)
    return iterate(vm, as_dict(args[0]), VIEW_KEYS, true);
}

METHOD(dict_get_method) {
    EXPECT("get", 1, 2)
    Value value = dict_find(vm, as_dict(args[0]), args[1]);
    if (value.tag != TAG_NULL) return incref(value);
    if (vm_failed(vm)) return NULL_VALUE;
    return nargs == 3 ? incref(args[2]) : NONE;
}

METHOD(dict_setdefault) {
    EXPECT("setdefault", 1, 2)
    Value value = dict_find(vm, as_dict(args[0]), args[1]);
    if (value.tag != TAG_NULL) return incref(value);
    if (vm_failed(vm)) return NULL_VALUE;
    value = nargs == 3 ? args[2] : NONE;
    return dict_set(vm, as_dict(args[0]), args[1], value) ? incref(value) : NULL_VALUE;
}

METHOD(dict_pop) {
    EXPECT("pop", 1, 2)
    Value value = dict_find(vm, as_dict(args[0]), args[1]);
    if (vm_failed(vm)) return NULL_VALUE;
    if (is_null(value)) {
        if (nargs == 3) return incref(args[2]);
        Exception *error = exception_new(vm, vm->exc[EXC_KeyError], args[1]);
        vm_raise_value(vm, FROM_OBJ(error));
        DROP(error);
        return NULL_VALUE;
    }
    incref(value);
    if (dict_delete(vm, as_dict(args[0]), args[1]) >= 0) return value;
    decref(value);
    return NULL_VALUE;
}

METHOD(dict_popitem) {
    EXPECT("popitem", 0, 0)
    Dict *dict = as_dict(args[0]);
    if (dict->count == 0) return vm_raise(vm, EXC_KeyError, "popitem(): dictionary is empty");
    size_t last = dict->used;
    while (is_null(dict->entries[last - 1].value))
        last--;
    DictEntry entry = dict->entries[last - 1];
    Value pair = vm_pair(vm, incref(entry.key), incref(entry.value));
    if (dict_delete(vm, dict, as_tuple(pair)->items[0]) >= 0) return pair;
    decref(pair);
    return NULL_VALUE;
}

METHOD(dict_update_method) {
    if (nargs > 2)
        return vm_raise(vm, EXC_TypeError, "update expected at most 1 argument, got %d", nargs - 1);
    Dict *dict = as_dict(args[0]);
    if (nargs == 2 && !dict_update(vm, dict, args[1])) return NULL_VALUE;
    for (size_t i = 0; kwnames && i < kwnames->count; i++)
        if (!dict_set(vm, dict, kwnames->items[i], args[(size_t)nargs + i])) return NULL_VALUE;
    return NONE;
}

METHOD(dict_copy) {
    EXPECT("copy", 0, 0)
    Dict *made = dict_new(vm);
    if (dict_update(vm, made, args[0])) return FROM_OBJ(made);
    DROP(made);
    return NULL_VALUE;
}

METHOD(dict_clear_method) {
    EXPECT("clear", 0, 0)
    (void)vm;
    dict_clear(as_dict(args[0]));
    return NONE;
}

METHOD(dict_fromkeys) {
    EXPECT("fromkeys", 1, 2)
    Value made = vm_call0(vm, args[0]), iterator = NULL_VALUE;
    if (!is_null(made)) iterator = vm_iter(vm, args[1]);
    while (!is_null(iterator)) {
        Value key = vm_next(vm, iterator);
        if (is_null(key)) break;
        bool ok = vm_setitem(vm, made, key, nargs == 3 ? args[2] : NONE);
        decref(key);
        if (!ok) break;
    }
    decref(iterator);
    if (!vm_failed(vm)) return made;
    decref(made);
    return NULL_VALUE;
}

const Method dict_methods[] = {
    {"keys", dict_keys, 0},
    {"values", dict_values, 0},
    {"items", dict_items, 0},
    {"get", dict_get_method, 0},
    {"setdefault", dict_setdefault, 0},
    {"pop", dict_pop, 0},
    {"popitem", dict_popitem, 0},
    {"update", dict_update_method, 0},
    {"copy", dict_copy, 0},
    {"clear", dict_clear_method, 0},
    {"fromkeys", dict_fromkeys, METHOD_CLASS},
    {"__reversed__", dict_reversed, 0},
    {NULL, NULL, 0},
};

/* ---- mappingproxy: a class's __dict__, read only ---- */

static Value proxied(Value self) {
    return ((Wrapper *)(void *)self.o)->function;
}
static Value proxy_getitem(Vm *vm, Value self, Value key) {
    return vm_getitem(vm, proxied(self), key);
}
static Value proxy_iter(Vm *vm, Value self) {
    return vm_iter(vm, proxied(self));
}
static int64_t proxy_length(Vm *vm, Value self) {
    return vm_len(vm, proxied(self));
}
static int proxy_contains(Vm *vm, Value self, Value item) {
    return vm_contains(vm, proxied(self), item);
}
static Value proxy_getattr(Vm *vm, Value self, Str *name) {
    static const char *const allowed[] = {"keys", "values", "items", "get", "copy"};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (str_equals(name, allowed[i])) return vm_getattr(vm, proxied(self), name);
    return vm_generic_getattr(vm, self, name);
}
static Value proxy_repr(Vm *vm, Value self) {
    Buf buf = {0};
    buf_puts(&buf, "mappingproxy(");
    bool ok = vm_repr_to(vm, proxied(self), &buf);
    buf_putc(&buf, ')');
    if (ok) return str_from_buf(vm, &buf);
    buf_free(&buf);
    return NULL_VALUE;
}

const Slots mapping_proxy_slots = {
    .dealloc = wrapper_dealloc,
    .traverse = wrapper_traverse,
    .getattr = proxy_getattr,
    .getitem = proxy_getitem,
    .iter = proxy_iter,
    .length = proxy_length,
    .contains = proxy_contains,
    .repr = proxy_repr,
};
