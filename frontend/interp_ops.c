/* The interpreter's larger instructions: names, unpacking, making functions and classes, raising,
 * context managers, spread calls. */
#include <stdlib.h>

#include "frontend/interp.h"

/* ---- names ---- */

/* "self.NAME" when a method's object has such an attribute, else NULL. */
static const char *attribute_of_self(Vm *vm, const Frame *frame, Str *name) {
    for (uint32_t i = 0; i < frame->code->local_count; i++) {
        const Str *local = frame->data->slot_names[i];
        if (!local || strcmp(local->data, "self") != 0 || is_null(frame->slots[i])) continue;
        Value found = vm_getattr_optional(vm, frame->slots[i], name);
        if (vm_failed(vm)) clear_value(&vm->raised);
        if (is_null(found)) return NULL;
        decref(found);
        Buf text = {0};
        buf_printf(&text, "self.%s", name->data);
        const char *kept = vm_intern(vm, buf_text(&text), text.size)->data;
        buf_free(&text);
        return kept;
    }
    return NULL;
}

static Value undefined(Vm *vm, Frame *frame, Str *name) {
    const char *words[512];
    size_t count = 0, pos = 0;
    Value key, value;
    for (uint32_t i = 0; i < frame->code->local_count && count < 200; i++)
        if (frame->data->slot_names[i] && !is_null(frame->slots[i]))
            words[count++] = frame->data->slot_names[i]->data;
    while (dict_next(frame->module->dict, &pos, &key, &value) && count < 400)
        words[count++] = as_str(key)->data;
    pos = 0;
    while (dict_next(vm->builtins, &pos, &key, &value) && count < 512)
        words[count++] = as_str(key)->data;
    const char *own = attribute_of_self(vm, frame, name);
    vm_raise(vm, EXC_NameError, "name '%s' is not defined", name->data);
    as_exception(vm->raised)->value = NEW_REF(name);
    vm_add_hint(vm, own ? own : nearest_word(name->data, words, count));
    return NULL_VALUE;
}

/* Borrowed. */
Value load_global(Vm *vm, Frame *frame, size_t index) {
    Str *name = as_str(frame->module->dict->entries[index].key);
    Value v = dict_get(vm->builtins, name);
    return is_null(v) ? undefined(vm, frame, name) : v;
}

Value load_name(Vm *vm, Frame *frame, Str *name, int global) {
    Value v = dict_get(frame->namespace, name);
    Dict *globals = frame->module->dict;
    if (is_null(v)) v = global >= 0 ? globals->entries[global].value : dict_get(globals, name);
    if (is_null(v)) v = dict_get(vm->builtins, name);
    return is_null(v) ? undefined(vm, frame, name) : incref(v);
}

/* A namespace that __prepare__ made may have a __setitem__ of its own. */
bool store_name(Vm *vm, Frame *frame, Str *name, Value v) {
    Dict *namespace = frame->namespace;
    if (namespace->gc.base.cls == vm->cls[CLS_DICT]) return dict_set_str(namespace, name, v);
    return vm_setitem(vm, FROM_OBJ(namespace), FROM_OBJ(name), v);
}

Value unbound(Vm *vm, Frame *frame, int32_t slot) {
    const Str *name = frame->data->slot_names[slot];
    const char *text = name ? name->data : "?";
    if (slot >= (int32_t)frame->code->local_count)
        return vm_raise(vm, EXC_NameError,
                        "cannot access free variable '%s' where it is not associated with a value "
                        "in enclosing scope",
                        text);
    return vm_raise(vm, EXC_UnboundLocalError,
                    "cannot access local variable '%s' where it is not associated with a value",
                    text);
}

bool annotate(Vm *vm, Frame *frame, Str *name, Value annotation) {
    Dict *into = frame->namespace ? frame->namespace : frame->module->dict;
    Value all = dict_get(into, vm->names.annotations_);
    if (!is_dict(all)) {
        Dict *made = dict_new(vm);
        dict_set_str(into, vm->names.annotations_, FROM_OBJ(made));
        DROP(made);
        all = FROM_OBJ(made);
    }
    return dict_set_str(as_dict(all), name, annotation);
}

/* ---- unpacking ---- */

static bool raise_count(Vm *vm, int before, int after, bool star, size_t got, bool too_many) {
    if (too_many)
        vm_raise(vm, EXC_ValueError, "too many values to unpack (expected %d)", before);
    else
        vm_raise(vm, EXC_ValueError, "not enough values to unpack (expected %s%d, got %zu)",
                 star ? "at least " : "", before + after, got);
    return false;
}

/* Lays the items of `iterable` out at sp[0..], the first one on top. */
bool unpack(Vm *vm, Value iterable, int before, int after, bool star, Value *sp) {
    const Value *items;
    size_t count;
    Value list = NULL_VALUE;
    bool plain = iterable.tag == TAG_OBJ &&
                 (iterable.o->cls == vm->cls[CLS_TUPLE] || iterable.o->cls == vm->cls[CLS_LIST]);
    if (!plain) {
        Class *cls = vm_class_of(vm, iterable);
        if (!cls->slots.iter && !cls->slots.getitem) {
            vm_raise(vm, EXC_TypeError, "cannot unpack non-iterable %s object", cls->name);
            return false;
        }
        list = list_new(vm, 0);
        Value iterator = vm_iter(vm, iterable);
        while (!is_null(iterator)) { /* one item more than wanted is enough to know */
            if (!star && as_list(list)->count > (size_t)before) break;
            Value item = vm_next(vm, iterator);
            if (is_null(item)) break;
            list_push(as_list(list), item);
        }
        decref(iterator);
        if (vm_failed(vm)) {
            decref(list);
            return false;
        }
    }
    vm_items(is_null(list) ? iterable : list, &items, &count);
    size_t least = (size_t)before + (size_t)after;
    bool ok = star ? count >= least : count == least;
    if (!ok) raise_count(vm, before, after, star, count, !star && count > least);
    size_t n = ok ? least + star : 0;
    for (size_t i = 0; i < n; i++) {
        Value item;
        size_t at = i;
        if (star && i == (size_t)before) {
            item = list_new(vm, count - least);
            for (size_t j = 0; j < count - least; j++)
                list_append(as_list(item), items[(size_t)before + j]);
        } else {
            if (star && i > (size_t)before) at = i + count - least - 1;
            item = incref(items[at]);
        }
        sp[n - 1 - i] = item;
    }
    decref(list);
    return ok;
}

/* ---- functions and classes ---- */

Value make_function(Vm *vm, Frame *frame, const Code *code, unsigned flags, Value *sp) {
    Function *f = (Function *)(void *)vm_alloc(vm, vm->cls[CLS_FUNCTION]);
    f->code = code;
    f->module = (ModuleObj *)NEW_REF(frame->module).o;
    f->name = (Str *)NEW_REF(vm_name_str(vm, code->name)).o;
    f->qualname = (Str *)NEW_REF(vm_name_str(vm, code->qualified_name)).o;
    f->doc = NULL_VALUE;
    if (code->doc) f->doc = str_new(vm, code->doc->as.string.bytes, code->doc->as.string.length);
    if (flags & 1) {
        const Tuple *defaults = as_tuple(*sp++);
        f->default_count = (int)defaults->count;
        f->defaults = xcalloc(defaults->count, sizeof(Value));
        for (size_t i = 0; i < defaults->count; i++)
            f->defaults[i] = incref(defaults->items[i]);
    }
    if (flags & 2) {
        Dict *given = as_dict(*sp++);
        code_ready(vm, code);
        f->kwdefault_count = (int)code->keyword_only_count;
        f->kwdefaults = xcalloc(code->keyword_only_count, sizeof(Value));
        for (uint32_t i = 0; i < code->keyword_only_count; i++) {
            Name *name = code->slot_names[code->positional_count + i];
            f->kwdefaults[i] = incref(dict_get(given, vm_name_str(vm, name)));
        }
    }
    if (flags & 4) f->annotations = as_dict(incref(*sp));
    f->closure_count = (int)code->free_count;
    if (code->free_count) f->closure = xcalloc(code->free_count, sizeof(Cell *));
    for (uint32_t i = 0; i < code->free_count; i++)
        f->closure[i] = (Cell *)(void *)incref(frame->slots[code->captures[i]]).o;
    return FROM_OBJ(f);
}

/* Runs a class body; its result is the __class__ cell, or None without one. */
Value run_class_body(Vm *vm, Function *body, Dict *namespace) {
    if (!vm_enter(vm)) return NULL_VALUE;
    Frame *frame = frame_new(vm, body, body->module, body->code, false);
    frame->namespace = (Dict *)NEW_REF(namespace).o;
    Value result = vm_run(vm, frame);
    vm_leave(vm);
    return result;
}

/* The metaclass a class statement uses; NULL_VALUE: raised. Borrowed. */
static Value pick_metaclass(Vm *vm, Value asked, const Value *bases, int count) {
    Value meta = is_null(asked) ? FROM_OBJ(vm->cls[CLS_TYPE]) : asked;
    if (!is_class(meta)) return meta;
    for (int i = 0; i < count; i++) {
        if (!is_class(bases[i])) continue;
        Class *of_base = bases[i].o->cls;
        if (class_is_subclass(as_class(meta), of_base)) continue;
        if (!class_is_subclass(of_base, as_class(meta)))
            return vm_raise(vm, EXC_TypeError,
                            "metaclass conflict: the metaclass of a derived class must be a "
                            "(non-strict) subclass of the metaclasses of all its bases");
        meta = FROM_OBJ(of_base);
    }
    return meta;
}

/* Bases as they count: Generic[T] stands for Generic. */
static Value resolve_bases(Vm *vm, const Value *bases, int count) {
    Value list = list_new(vm, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (is_class(bases[i]) || bases[i].tag != TAG_OBJ) {
            list_append(as_list(list), bases[i]);
            continue;
        }
        Value hook = vm_getattr_optional(vm, bases[i], vm_intern_text(vm, "__mro_entries__"));
        Value origin = is_null(hook)
                           ? vm_getattr_optional(vm, bases[i], vm_intern_text(vm, "__origin__"))
                           : NULL_VALUE;
        if (!is_null(hook)) {
            Value all = tuple_from(vm, bases, (size_t)count), entries = vm_call1(vm, hook, all);
            decref(all);
            if (!is_null(entries)) list_extend(vm, as_list(list), entries);
            decref(entries);
        } else {
            list_append(as_list(list), is_null(origin) ? bases[i] : origin);
        }
        decref(hook);
        decref(origin);
        if (vm_failed(vm)) {
            decref(list);
            return NULL_VALUE;
        }
    }
    Value tuple = tuple_from(vm, as_list(list)->items, as_list(list)->count);
    decref(list);
    return tuple;
}

static Value call_metaclass(Vm *vm, Value meta, Str *name, Value bases, Dict *namespace,
                            Dict *kwargs) {
    size_t n = kwargs ? kwargs->count : 0, pos = 0, i = 0;
    Value *args = xcalloc(3 + n, sizeof *args);
    args[0] = FROM_OBJ(name);
    args[1] = bases;
    args[2] = FROM_OBJ(namespace);
    Value kwnames = tuple_new(vm, n), key, value;
    while (kwargs && dict_next(kwargs, &pos, &key, &value)) {
        as_tuple(kwnames)->items[i] = incref(key);
        args[3 + i++] = value;
    }
    const Tuple *keywords = n ? as_tuple(kwnames) : NULL;
    Value made;
    if (is_class(meta) && as_class(meta) == vm->cls[CLS_TYPE])
        made =
            class_create(vm, as_class(meta), name, as_tuple(bases), namespace, args + 3, keywords);
    else
        made = vm_call(vm, meta, args, 3, keywords);
    decref(kwnames);
    free(args);
    return made;
}

/* The namespace that the body runs in, from the metaclass's __prepare__ when it has one; NULL:
 * raised. */
static Dict *prepare_namespace(Vm *vm, Value meta, Str *name, Value bases, Value kwargs) {
    if (!is_class(meta) || as_class(meta) == vm->cls[CLS_TYPE]) return dict_new(vm);
    Value hook = vm_getattr_optional(vm, meta, vm->names.prepare_);
    if (is_null(hook)) return vm_failed(vm) ? NULL : dict_new(vm);
    Value args = list_new(vm, 2);
    list_append(as_list(args), FROM_OBJ(name));
    list_append(as_list(args), bases);
    Value keywords = is_dict(kwargs) ? incref(kwargs) : FROM_OBJ(dict_new(vm));
    Value given = call_spread(vm, hook, args, keywords);
    decref(keywords);
    decref(args);
    decref(hook);
    if (is_dict(given)) return as_dict(given);
    if (!is_null(given))
        vm_raise(vm, EXC_TypeError, "%s.__prepare__() must return a mapping, not %s",
                 as_class(meta)->name, vm_class_name(vm, given));
    decref(given);
    return NULL;
}

Value make_class(Vm *vm, Function *body, Str *name, const Value *bases, int count, Value kwargs) {
    Value asked = NULL_VALUE;
    if (is_dict(kwargs)) {
        asked = incref(dict_get_text(vm, as_dict(kwargs), "metaclass"));
        dict_delete_str(as_dict(kwargs), vm_intern_text(vm, "metaclass"));
    }
    Value resolved = resolve_bases(vm, bases, count), made = NULL_VALUE;
    Value meta = is_null(resolved) ? NULL_VALUE
                                   : pick_metaclass(vm, asked, as_tuple(resolved)->items,
                                                    (int)as_tuple(resolved)->count);
    if (!is_null(meta)) {
        Dict *namespace = prepare_namespace(vm, meta, name, resolved, kwargs);
        bool ready = namespace != NULL;
        if (!ready) namespace = dict_new(vm);
        dict_set_str(namespace, vm->names.module_, FROM_OBJ(body->module->name));
        Value qualname = FROM_OBJ(body->qualname);
        dict_set_str(namespace, vm->names.qualname_, qualname);
        if (!is_null(body->doc)) dict_set_str(namespace, vm->names.doc_, body->doc);
        Value cell = ready ? run_class_body(vm, body, namespace) : NULL_VALUE;
        if (!is_null(cell)) {
            made = call_metaclass(vm, meta, name, resolved, namespace,
                                  is_dict(kwargs) ? as_dict(kwargs) : NULL);
            if (!is_null(made) && cell.tag == TAG_OBJ)
                set_value(&((Cell *)(void *)cell.o)->value, made);
        }
        decref(cell);
        DROP(namespace);
    }
    decref(resolved);
    decref(asked);
    return made;
}

/* ---- calls with * and ** ---- */

static void put_callable(Vm *vm, Value callable, Buf *out) {
    if (callable.tag == TAG_OBJ && callable.o->cls == vm->cls[CLS_METHOD]) {
        put_callable(vm, ((BoundMethod *)(void *)callable.o)->function, out);
    } else if (callable.tag == TAG_OBJ && callable.o->cls == vm->cls[CLS_FUNCTION]) {
        const Function *f = (const Function *)(const void *)callable.o;
        buf_printf(out, "%s.%s", f->module->name->data, f->qualname->data);
    } else if (callable.tag == TAG_OBJ && callable.o->cls == vm->cls[CLS_NATIVE]) {
        buf_puts(out, ((const Native *)(const void *)callable.o)->name);
    } else {
        Value module =
            is_class(callable) ? dict_get(as_class(callable)->dict, vm->names.module_) : NULL_VALUE;
        if (is_str(module)) buf_printf(out, "%s.", as_str(module)->data);
        buf_puts(out, is_class(callable) ? as_class(callable)->qualname->data
                                         : vm_class_name(vm, callable));
    }
}

/* "f() <before><word><after>" */
static bool raise_spread(Vm *vm, Value callable, const char *before, const char *word,
                         const char *after) {
    Buf name = {0};
    put_callable(vm, callable, &name);
    vm_raise(vm, EXC_TypeError, "%s() %s%s%s", buf_text(&name), before, word, after);
    buf_free(&name);
    return false;
}

/* `f(*iterable)`, or a display's `*iterable` when there is no callable. */
bool spread_into(Vm *vm, Value callable, List *into, Value iterable) {
    const Slots *slots = &vm_class_of(vm, iterable)->slots;
    if (slots->iter || slots->getitem) return list_extend(vm, into, iterable);
    const char *given = vm_class_name(vm, iterable);
    if (!is_null(callable))
        return raise_spread(vm, callable, "argument after * must be an iterable, not ", given, "");
    vm_raise(vm, EXC_TypeError, "Value after * must be an iterable, not %s", given);
    return false;
}

static bool is_mapping(Vm *vm, Value v) {
    if (is_dict(v)) return true;
    Value keys = vm_getattr_optional(vm, v, vm_intern_text(vm, "keys"));
    bool has_keys = !is_null(keys);
    decref(keys);
    return has_keys;
}

/* {**mapping} */
bool spread_mapping(Vm *vm, Dict *into, Value mapping) {
    if (is_mapping(vm, mapping)) return dict_update(vm, into, mapping);
    if (!vm_failed(vm))
        vm_raise(vm, EXC_TypeError, "'%s' object is not a mapping", vm_class_name(vm, mapping));
    return false;
}

/* `f(**mapping)`: the keywords gathered so far are in `into`. */
bool merge_keywords(Vm *vm, Value callable, Dict *into, Value mapping) {
    if (!is_mapping(vm, mapping))
        return raise_spread(vm, callable, "argument after ** must be a mapping, not ",
                            vm_class_name(vm, mapping), "");
    Dict *given = dict_new(vm);
    bool ok = dict_update(vm, given, mapping);
    size_t pos = 0;
    Value key, value;
    while (ok && dict_next(given, &pos, &key, &value)) {
        ok = is_str(key);
        Str *name = ok ? vm_name(vm, key, "keywords") : NULL;
        if (!ok)
            vm_raise(vm, EXC_TypeError, "keywords must be strings");
        else if (!is_null(dict_get(into, name)))
            ok = raise_spread(vm, callable, "got multiple values for keyword argument '",
                              name->data, "'");
        else
            dict_set_str(into, name, value);
    }
    DROP(given);
    return ok;
}

Value call_spread(Vm *vm, Value callable, Value list, Value dict) {
    const List *positional = as_list(list);
    Dict *keywords = as_dict(dict);
    if (keywords->count == 0)
        return vm_call(vm, callable, positional->items, (int)positional->count, NULL);
    size_t total = positional->count + keywords->count, n = 0, pos = 0;
    Value *args = xcalloc(total, sizeof *args);
    for (; n < positional->count; n++)
        args[n] = positional->items[n];
    Value names = tuple_new(vm, keywords->count), key, value;
    while (dict_next(keywords, &pos, &key, &value)) {
        as_tuple(names)->items[n - positional->count] = incref(key);
        args[n++] = value;
    }
    Value result = vm_call(vm, callable, args, (int)positional->count, as_tuple(names));
    decref(names);
    free(args);
    return result;
}

/* ---- the rest ---- */

Value is_or_in(Vm *vm, int op, Value a, Value b) {
    if (op == COMPARE_IS) return from_bool(vm_is(a, b));
    if (op == COMPARE_IS_NOT) return from_bool(!vm_is(a, b));
    int found = vm_contains(vm, b, a);
    return found < 0 ? NULL_VALUE : from_bool(found == (op == COMPARE_IN));
}

Value compare_values(Vm *vm, int op, Value a, Value b) {
    return op >= COMPARE_IS ? is_or_in(vm, op, a, b) : vm_compare(vm, (CompareOp)op, a, b);
}

bool build_map(Vm *vm, Value *sp, int count, Value *out) {
    Dict *dict = dict_new(vm);
    *out = FROM_OBJ(dict);
    for (int i = -2 * count; i < 0; i += 2)
        if (!dict_set(vm, dict, sp[i], sp[i + 1])) return false;
    return true;
}

static Value gather_set(Vm *vm, Class *cls, Value *sp, int count) {
    Value set = set_new(vm, cls);
    for (int i = -count; i < 0; i++)
        if (!set_add(vm, as_set(set), sp[i])) {
            decref(set);
            return NULL_VALUE;
        }
    return set;
}

/* A display of constants is, in CPython, a copy of a frozenset that was itself made from another:
 * it may iterate differently from a set its items were added to. `in` is the instruction. */
Value build_set(Vm *vm, Value *sp, int count, const Instruction *in) {
    int needed = count; /* values that instructions further back must have pushed */
    while (count > 2 && needed > 0) {
        Opcode op = (Opcode)(--in)->op;
        bool leaf = op == OP_CONST || op == OP_INT || op == OP_NONE;
        if (!leaf && !(op >= OP_ADD && op <= OP_INVERT)) break;
        needed += leaf ? -1 : op <= OP_XOR;
    }
    bool constant = needed == 0 && count > 0;
    if (!constant) return gather_set(vm, vm->cls[CLS_SET], sp, count);
    Class *frozen = vm->cls[CLS_FROZENSET];
    Value first = gather_set(vm, frozen, sp, count), set = NULL_VALUE;
    Value items = is_null(first) ? NULL_VALUE : list_from_iterable(vm, first);
    if (!is_null(items)) {
        const List *list = as_list(items);
        Value second = gather_set(vm, frozen, list->items + list->count, (int)list->count);
        set = set_new(vm, vm->cls[CLS_SET]);
        set_update(vm, as_set(set), second);
        decref(second);
    }
    decref(items);
    decref(first);
    return set;
}

Value format_value(Vm *vm, Value v, int conversion, Value spec) {
    Value shown = conversion == 0 ? incref(v) : vm_converted(vm, v, (char)conversion);
    if (is_null(shown)) return shown;
    bool plain = is_null(spec);
    Value text = plain && shown.tag == TAG_OBJ && shown.o->cls == vm->cls[CLS_STR]
                     ? incref(shown)
                     : vm_format(vm, shown, plain ? vm->empty_str : as_str(spec));
    decref(shown);
    return text;
}

Value join_strings(Vm *vm, const Value *parts, size_t count) {
    Buf buf = {0};
    for (size_t i = 0; i < count; i++)
        buf_add(&buf, as_str(parts[i])->data, as_str(parts[i])->size);
    return str_from_buf(vm, &buf);
}

/* An instance to raise, from an instance or a class; NULL_VALUE: raised something else. */
static Value as_raisable(Vm *vm, Value v, const char *what) {
    if (is_exception(v)) return incref(v);
    if (is_class(v) && class_is_subclass(as_class(v), vm->exc[EXC_BaseException])) {
        Value made = vm_call0(vm, v);
        if (is_null(made) || is_exception(made)) return made;
        decref(made);
    }
    return vm_raise(vm, EXC_TypeError, "%s must derive from BaseException", what);
}

Value raise_exception(Vm *vm, Value exception, Value cause) {
    if (is_null(exception)) {
        if (is_null(vm->handled))
            return vm_raise(vm, EXC_RuntimeError, "No active exception to reraise");
        vm->raised = incref(vm->handled);
        return NULL_VALUE;
    }
    Value made = as_raisable(vm, exception, "exceptions");
    if (is_null(made)) return made;
    if (!is_null(cause)) {
        Exception *e = as_exception(made);
        Value reason = is_none(cause) ? NONE : as_raisable(vm, cause, "exception causes");
        if (is_null(reason)) {
            decref(made);
            return reason;
        }
        decref(e->cause);
        e->cause = reason;
        e->suppress_context = true;
    }
    vm_raise_value(vm, made);
    decref(made);
    return NULL_VALUE;
}

bool with_enter(Vm *vm, Value manager, Value *exit, Value *entered) {
    Class *cls = vm_class_of(vm, manager);
    Value enter_method = class_lookup(cls, vm->names.enter_);
    Value exit_method = class_lookup(cls, vm->names.exit_);
    if (is_null(enter_method) || is_null(exit_method)) {
        vm_raise(vm, EXC_TypeError, "'%s' object does not support the context manager protocol%s",
                 cls->name, is_null(enter_method) ? "" : " (missed __exit__ method)");
        return false;
    }
    const Slots *slots = exit_method.tag == TAG_OBJ ? &exit_method.o->cls->slots : NULL;
    *exit = slots && slots->descr_get ? slots->descr_get(vm, exit_method, manager, cls)
                                      : incref(exit_method);
    if (is_null(*exit)) return false;
    bool found;
    *entered = call_dunder(vm, manager, vm->names.enter_, NULL, 0, &found);
    if (!is_null(*entered)) return true;
    decref(*exit);
    return false;
}
