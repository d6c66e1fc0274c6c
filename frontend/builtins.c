/* The builtin functions: those about objects and attributes, printing, and numbers and text.
 * Those about iterables are in builtins_iter.c. */
#include <math.h>
#include <stdlib.h>

#include "frontend/interp.h"

#define BUILTIN(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)
#define EXPECT(name, min, max)                                                                     \
    if (!vm_args_simple(vm, name, nargs, kwnames, (min), (max))) return NULL_VALUE;

/* ---- print and input ---- */

/* What the program has put in sys.stdout's place; NULL_VALUE: nothing. */
static Value redirected(Vm *vm) {
    Value sys = dict_get_text(vm, vm->modules, "sys");
    if (is_null(sys)) return sys;
    Value now = dict_get_text(vm, ((ModuleObj *)(void *)sys.o)->dict, "stdout");
    return now.tag == TAG_OBJ && now.o->cls != vm->cls[CLS_FILE] ? now : NULL_VALUE;
}

BUILTIN(builtin_print) {
    Value out[4] = {NULL_VALUE, NULL_VALUE, NULL_VALUE, NULL_VALUE};
    if (kwnames && !vm_args(vm, "print", "* sep? end? file? flush?", args + nargs, 0, kwnames, out))
        return NULL_VALUE;
    const char *sep = " ", *end = "\n";
    size_t sep_size = 1, end_size = 1;
    Value texts[2] = {out[0], out[1]};
    for (int i = 0; i < 2; i++) {
        if (is_null(texts[i]) || is_none(texts[i])) continue;
        if (!is_str(texts[i]))
            return vm_raise(vm, EXC_TypeError, "%s must be None or a string, not %s",
                            i ? "end" : "sep", vm_class_name(vm, texts[i]));
        *(i ? &end : &sep) = as_str(texts[i])->data;
        *(i ? &end_size : &sep_size) = as_str(texts[i])->size;
    }
    Value file = is_null(out[2]) || is_none(out[2]) ? redirected(vm) : out[2];
    Buf buf = {0};
    for (int i = 0; i < nargs; i++) {
        if (i) buf_add(&buf, sep, sep_size);
        if (vm->silent && is_null(file)) continue;
        if (!vm_str_to(vm, args[i], &buf)) {
            buf_free(&buf);
            return NULL_VALUE;
        }
    }
    buf_add(&buf, end, end_size);
    incref(file);
    bool ok =
        is_null(file) ? vm_stdout(vm, buf.data, buf.size) : vm_write(vm, file, buf.data, buf.size);
    decref(file);
    buf_free(&buf);
    int flush = is_null(out[3]) ? 0 : vm_truth(vm, out[3]);
    if (flush == 1 && vm->out && !vm->silent) fflush(vm->out);
    return ok && flush >= 0 ? NONE : NULL_VALUE;
}

BUILTIN(builtin_input) {
    EXPECT("input", 0, 1)
    Buf buf = {0};
    if (nargs && !vm_str_to(vm, args[0], &buf)) return NULL_VALUE;
    if (buf.size) vm_stdout(vm, buf.data, buf.size);
    if (vm->out) fflush(vm->out);
    buf_clear(&buf);
    int c = EOF;
    while ((c = getchar()) != EOF && c != '\n')
        buf_putc(&buf, (char)c);
    if (c == EOF && buf.size == 0) {
        buf_free(&buf);
        return vm_raise(vm, EXC_EOFError, "EOF when reading a line");
    }
    return str_from_buf(vm, &buf);
}

/* ---- objects ---- */

BUILTIN(builtin_len) {
    EXPECT("len", 1, 1)
    int64_t length = vm_len(vm, args[0]);
    return length < 0 ? NULL_VALUE : from_int(length);
}
BUILTIN(builtin_repr) {
    EXPECT("repr", 1, 1)
    return vm_repr(vm, args[0]);
}
BUILTIN(builtin_hash) {
    EXPECT("hash", 1, 1)
    int64_t hash;
    return vm_hash(vm, args[0], &hash) ? from_int(hash) : NULL_VALUE;
}
BUILTIN(builtin_id) {
    EXPECT("id", 1, 1)
    if (args[0].tag == TAG_OBJ) return from_int((int64_t)(uintptr_t)args[0].o);
    return from_int((int64_t)args[0].tag * 16 + (args[0].i << 8));
}
BUILTIN(builtin_callable) {
    EXPECT("callable", 1, 1)
    return from_bool(vm_class_of(vm, args[0])->slots.call != NULL);
}
BUILTIN(builtin_isinstance) {
    EXPECT("isinstance", 2, 2)
    int result = vm_isinstance(vm, args[0], args[1]);
    return result < 0 ? NULL_VALUE : from_bool(result);
}

static int is_subclass(Vm *vm, Value cls, Value of) {
    if (is_tuple(of)) {
        int result = 0;
        if (!vm_enter(vm)) return -1;
        for (size_t i = 0; result == 0 && i < as_tuple(of)->count; i++)
            result = is_subclass(vm, cls, as_tuple(of)->items[i]);
        vm_leave(vm);
        return result;
    }
    if (of.tag == TAG_OBJ && of.o->cls == vm->cls[CLS_UNION])
        return is_subclass(vm, cls, ((Wrapper *)(void *)of.o)->function);
    bool found = false;
    if (of.tag == TAG_OBJ && of.o->cls != vm->cls[CLS_TYPE]) {
        Value result = call_dunder(vm, of, vm->names.subclasscheck_, &cls, 1, &found);
        int truth = is_null(result) ? -1 : vm_truth(vm, result);
        decref(result);
        if (found) return truth;
    }
    if (is_class(of)) return class_is_subclass(as_class(cls), as_class(of));
    vm_raise(vm, EXC_TypeError,
             "issubclass() arg 2 must be a class, a tuple of classes, or a union");
    return -1;
}
BUILTIN(builtin_issubclass) {
    EXPECT("issubclass", 2, 2)
    if (!is_class(args[0]))
        return vm_raise(vm, EXC_TypeError, "issubclass() arg 1 must be a class");
    int result = is_subclass(vm, args[0], args[1]);
    return result < 0 ? NULL_VALUE : from_bool(result);
}

BUILTIN(builtin_getattr) {
    EXPECT("getattr", 2, 3)
    Str *name = vm_name(vm, args[1], "attribute name");
    if (!name) return NULL_VALUE;
    if (nargs == 2) return vm_getattr(vm, args[0], name);
    Value v = vm_getattr_optional(vm, args[0], name);
    if (!is_null(v) || vm_failed(vm)) return v;
    return incref(args[2]);
}
BUILTIN(builtin_setattr) {
    EXPECT("setattr", 3, 3)
    Str *name = vm_name(vm, args[1], "attribute name");
    return name && vm_setattr(vm, args[0], name, args[2]) ? NONE : NULL_VALUE;
}
BUILTIN(builtin_delattr) {
    EXPECT("delattr", 2, 2)
    Str *name = vm_name(vm, args[1], "attribute name");
    return name && vm_setattr(vm, args[0], name, NULL_VALUE) ? NONE : NULL_VALUE;
}
BUILTIN(builtin_hasattr) {
    EXPECT("hasattr", 2, 2)
    Str *name = vm_name(vm, args[1], "attribute name");
    if (!name) return NULL_VALUE;
    Value v = vm_getattr_optional(vm, args[0], name);
    if (vm_failed(vm)) return NULL_VALUE;
    decref(v);
    return from_bool(!is_null(v));
}

/* The names and values of the calling frame, as a new dict (a module's: its own). */
static Value frame_locals(Vm *vm) {
    Frame *frame = vm->frame;
    if (!frame || frame->code->flags & CODE_MODULE) return NEW_REF(frame->module->dict);
    if (frame->namespace) return NEW_REF(frame->namespace);
    Dict *dict = dict_new(vm);
    uint32_t count = frame->code->local_count + frame->code->free_count;
    for (uint32_t i = 0; i < count; i++) {
        Value v = frame->slots[i];
        if (v.tag == TAG_OBJ && v.o->cls == vm->cls[CLS_CELL]) v = ((Cell *)(void *)v.o)->value;
        if (!is_null(v) && frame->data->slot_names[i])
            dict_set_str(dict, frame->data->slot_names[i], v);
    }
    return FROM_OBJ(dict);
}
BUILTIN(builtin_locals) {
    (void)args;
    EXPECT("locals", 0, 0)
    return frame_locals(vm);
}
BUILTIN(builtin_globals) {
    (void)args;
    EXPECT("globals", 0, 0)
    return NEW_REF(vm->frame->module->dict);
}
BUILTIN(builtin_vars) {
    EXPECT("vars", 0, 1)
    if (nargs == 0) return frame_locals(vm);
    Value dict = vm_getattr_optional(vm, args[0], vm->names.dict_);
    if (is_null(dict) && !vm_failed(vm))
        return vm_raise(vm, EXC_TypeError, "vars() argument must have __dict__ attribute");
    return dict;
}
BUILTIN(builtin_dir) {
    EXPECT("dir", 0, 1)
    Value names;
    if (nargs == 0) {
        Value locals = frame_locals(vm);
        names = list_from_iterable(vm, locals);
        decref(locals);
    } else if (args[0].tag == TAG_OBJ && args[0].o->cls == vm->cls[CLS_MODULE]) {
        names = list_from_iterable(vm, FROM_OBJ(((ModuleObj *)(void *)args[0].o)->dict));
    } else {
        bool found;
        Value made = is_class(args[0]) ? object_dir(vm, args, 1, NULL)
                                       : call_dunder(vm, args[0], vm->names.dir_, NULL, 0, &found);
        names = is_null(made) ? made : list_from_iterable(vm, made);
        decref(made);
    }
    if (is_null(names)) return names;
    Value sorted = sort_list(vm, as_list(names), NONE, false);
    if (!is_null(sorted)) return names;
    decref(names);
    return NULL_VALUE;
}

BUILTIN(builtin_exit) {
    EXPECT("exit", 0, 1)
    Exception *e = exception_new(vm, vm->exc[EXC_SystemExit], nargs ? args[0] : NULL_VALUE);
    vm_raise_value(vm, FROM_OBJ(e));
    DROP(e);
    return NULL_VALUE;
}

BUILTIN(builtin_import) {
    if (nargs < 1 || !is_str(args[0]))
        return vm_raise(vm, EXC_TypeError, "__import__() needs a module name");
    (void)kwnames;
    return vm_import(vm, as_str(args[0])->data);
}

/* Names of Python that the language leaves out, by what the call's `data` says. */
BUILTIN(builtin_refused) {
    (void)args, (void)nargs, (void)kwnames;
    const char *name = as_str(vm->native_data)->data;
    return vm_raise(vm, EXC_NotImplementedError, "%s() is not part of nnc's language", name);
}

/* ---- numbers and text ---- */

BUILTIN(builtin_abs) {
    EXPECT("abs", 1, 1)
    return vm_unary(vm, UNARY_ABS, args[0]);
}
BUILTIN(builtin_divmod) {
    EXPECT("divmod", 2, 2)
    return vm_binary(vm, BINARY_DIVMOD, args[0], args[1]);
}

BUILTIN(builtin_pow) {
    Value out[3];
    if (!vm_args(vm, "pow", "base exp mod?", args, nargs, kwnames, out)) return NULL_VALUE;
    if (is_null(out[2]) || is_none(out[2])) return vm_binary(vm, BINARY_POW, out[0], out[1]);
    if (!is_int(out[0])) {
        bool found;
        Value result = call_dunder(vm, out[0], vm->binary_names[BINARY_POW][0], &out[1], 2, &found);
        if (found) return result;
    }
    return int_power_modulo(vm, out[0], out[1], out[2]);
}

BUILTIN(builtin_round) {
    Value out[2];
    if (!vm_args(vm, "round", "number ndigits?", args, nargs, kwnames, out)) return NULL_VALUE;
    bool found;
    bool plain = is_null(out[1]) || is_none(out[1]);
    Value result = call_dunder(vm, out[0], vm->names.round_, &out[1], plain ? 0 : 1, &found);
    if (found) return result;
    return vm_raise(vm, EXC_TypeError, "type %s doesn't define __round__ method",
                    vm_class_name(vm, out[0]));
}

static Value in_base(Vm *vm, const char *name, const Value *args, int nargs, const Tuple *kwnames,
                     char type) {
    EXPECT(name, 1, 1)
    char spec[3] = {'#', type, '\0'};
    Value value = vm_index(vm, args[0]);
    if (is_null(value)) return value;
    Value text = format_spec(vm, value, spec, 2);
    decref(value);
    return text;
}
BUILTIN(builtin_hex) {
    return in_base(vm, "hex", args, nargs, kwnames, 'x');
}
BUILTIN(builtin_oct) {
    return in_base(vm, "oct", args, nargs, kwnames, 'o');
}
BUILTIN(builtin_bin) {
    return in_base(vm, "bin", args, nargs, kwnames, 'b');
}

BUILTIN(builtin_chr) {
    EXPECT("chr", 1, 1)
    int64_t code;
    if (!vm_to_index(vm, args[0], &code)) return NULL_VALUE;
    if (code < 0 || code > 0x10ffff)
        return vm_raise(vm, EXC_ValueError, "chr() arg not in range(0x110000)");
    return str_char(vm, (uint32_t)code);
}
BUILTIN(builtin_ord) {
    EXPECT("ord", 1, 1)
    if (!is_str(args[0]))
        return vm_raise(vm, EXC_TypeError, "ord() expected string of length 1, but %s found",
                        vm_class_name(vm, args[0]));
    const Str *s = as_str(args[0]);
    if (s->length != 1)
        return vm_raise(vm, EXC_TypeError,
                        "ord() expected a character, but string of length %zu found", s->length);
    uint32_t c;
    utf8_decode(s->data, s->size, &c);
    return from_int(c);
}

BUILTIN(builtin_format) {
    EXPECT("format", 1, 2)
    if (nargs == 2 && !is_str(args[1]))
        return vm_raise(vm, EXC_TypeError, "format() argument 2 must be str, not %s",
                        vm_class_name(vm, args[1]));
    return vm_format(vm, args[0], nargs == 2 ? as_str(args[1]) : vm->empty_str);
}

BUILTIN(builtin_ascii) {
    EXPECT("ascii", 1, 1)
    return vm_ascii(vm, args[0]);
}

static const Method functions[] = {
    {"print", builtin_print, 0},
    {"input", builtin_input, 0},
    {"len", builtin_len, 0},
    {"repr", builtin_repr, 0},
    {"hash", builtin_hash, 0},
    {"id", builtin_id, 0},
    {"callable", builtin_callable, 0},
    {"isinstance", builtin_isinstance, 0},
    {"issubclass", builtin_issubclass, 0},
    {"getattr", builtin_getattr, 0},
    {"setattr", builtin_setattr, 0},
    {"delattr", builtin_delattr, 0},
    {"hasattr", builtin_hasattr, 0},
    {"locals", builtin_locals, 0},
    {"globals", builtin_globals, 0},
    {"vars", builtin_vars, 0},
    {"dir", builtin_dir, 0},
    {"exit", builtin_exit, 0},
    {"quit", builtin_exit, 0},
    {"__import__", builtin_import, 0},

    {"abs", builtin_abs, 0},
    {"divmod", builtin_divmod, 0},
    {"pow", builtin_pow, 0},
    {"round", builtin_round, 0},
    {"hex", builtin_hex, 0},
    {"oct", builtin_oct, 0},
    {"bin", builtin_bin, 0},
    {"chr", builtin_chr, 0},
    {"ord", builtin_ord, 0},
    {"format", builtin_format, 0},
    {"ascii", builtin_ascii, 0},
    {"open", builtin_open, 0},
    {NULL, NULL, 0},
};

static void add_all(Vm *vm, const Method *list) {
    for (; list->name; list++) {
        Value f = native_new(vm, list->name, list->function, NULL_VALUE, NULL_VALUE);
        dict_set_str(vm->builtins, vm_intern_text(vm, list->name), f);
        decref(f);
    }
}

static void add_class_getitem(Vm *vm, ClassId id) {
    Value f = native_new(vm, "__class_getitem__", builtin_class_getitem, NULL_VALUE, NULL_VALUE);
    Wrapper *wrapper = (Wrapper *)(void *)vm_alloc(vm, vm->cls[CLS_CLASSMETHOD]);
    wrapper->function = f;
    class_set(vm->cls[id], "__class_getitem__", FROM_OBJ(wrapper));
    DROP(wrapper);
}

static void add_refused(Vm *vm) {
    static const char *const names[] = {"eval",       "exec",    "compile",
                                        "memoryview", "complex", "breakpoint"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Str *name = vm_intern_text(vm, names[i]);
        Value f = native_new(vm, names[i], builtin_refused, NULL_VALUE, FROM_OBJ(name));
        dict_set_str(vm->builtins, name, f);
        decref(f);
    }
}

void builtins_init(Vm *vm) {
    static const ClassId visible[] = {
        CLS_OBJECT,    CLS_TYPE,      CLS_INT,   CLS_BOOL,     CLS_FLOAT,        CLS_STR,
        CLS_BYTES,     CLS_BYTEARRAY, CLS_LIST,  CLS_TUPLE,    CLS_DICT,         CLS_SET,
        CLS_FROZENSET, CLS_RANGE,     CLS_SLICE, CLS_PROPERTY, CLS_STATICMETHOD, CLS_CLASSMETHOD,
        CLS_SUPER,     CLS_ENUMERATE, CLS_ZIP,   CLS_MAP,      CLS_FILTER,       CLS_REVERSED};
    for (size_t i = 0; i < sizeof visible / sizeof *visible; i++) {
        Class *cls = vm->cls[visible[i]];
        dict_set_str(vm->builtins, cls->name_str, FROM_OBJ(cls));
    }
    static const ClassId generic[] = {CLS_LIST, CLS_TUPLE,     CLS_DICT,
                                      CLS_SET,  CLS_FROZENSET, CLS_TYPE};
    for (size_t i = 0; i < sizeof generic / sizeof *generic; i++)
        add_class_getitem(vm, generic[i]);
    add_all(vm, functions);
    add_all(vm, builtin_iteration_functions);
    add_refused(vm);
    dict_set_str(vm->builtins, vm_intern_text(vm, "NotImplemented"), NOT_IMPLEMENTED);
    dict_set_str(vm->builtins, vm_intern_text(vm, "Ellipsis"), ELLIPSIS);
    dict_set_str(vm->builtins, vm_intern_text(vm, "__debug__"), from_bool(true));
}
