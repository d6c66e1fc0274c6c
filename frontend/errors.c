/* Exceptions: the classes and their instances, raising, matching, and the report of an uncaught one
 * as a diagnostic with the chain of calls that led to it. */
#include <errno.h>
#include <stdlib.h>

#include "frontend/advice.h"
#include "frontend/interp.h"

enum { TRACE_LIMIT = 64 };

/* ---- instances ---- */

static void exception_dealloc(Obj *self) {
    Exception *e = (Exception *)(void *)self;
    decref(e->args), decref(e->cause), decref(e->context), decref(e->value);
    VEC_FREE(e->trace);
}
static void exception_traverse(Obj *self, VisitFn visit, void *context) {
    Exception *e = (Exception *)(void *)self;
    visit_value(e->args, visit, context);
    visit_value(e->cause, visit, context);
    visit_value(e->context, visit, context);
    visit_value(e->value, visit, context);
}
static void exception_clear(Obj *self) {
    Exception *e = (Exception *)(void *)self;
    clear_value(&e->cause);
    clear_value(&e->context);
}

static void set_args(Vm *vm, Exception *e, const Value *args, size_t count) {
    decref(e->args);
    e->args = tuple_from(vm, args, count);
    const Class *cls = e->gc.base.cls;
    bool keeps = class_is_subclass(cls, vm->exc[EXC_StopIteration]) ||
                 class_is_subclass(cls, vm->exc[EXC_SystemExit]);
    if (keeps) set_value(&e->value, count ? args[0] : NONE);
}

static ExceptionId os_error_class(int64_t error) {
    switch (error) {
    case ENOENT:
        return EXC_FileNotFoundError;
    case EEXIST:
        return EXC_FileExistsError;
    case EACCES:
    case EPERM:
        return EXC_PermissionError;
    case EISDIR:
        return EXC_IsADirectoryError;
    case ENOTDIR:
        return EXC_NotADirectoryError;
    case ETIMEDOUT:
        return EXC_TimeoutError;
    default:
        return EXC_OSError;
    }
}

static Value exception_create(Vm *vm, Class *cls, const Value *args, int nargs,
                              const Tuple *kwnames) {
    (void)kwnames;
    if (cls == vm->exc[EXC_OSError] && nargs >= 2 && is_int(args[0]))
        cls = vm->exc[os_error_class(as_int(args[0]))];
    Exception *e = (Exception *)(void *)vm_alloc(vm, cls);
    set_args(vm, e, args, (size_t)nargs);
    return FROM_OBJ(e);
}

static bool exception_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    if (kwnames && kwnames->count && !class_is_subclass(self.o->cls, vm->exc[EXC_ImportError])) {
        vm_raise(vm, EXC_TypeError, "%s() takes no keyword arguments", self.o->cls->name);
        return false;
    }
    set_args(vm, as_exception(self), args, (size_t)nargs);
    return true;
}

Exception *exception_new(Vm *vm, Class *cls, Value message) {
    Exception *e = (Exception *)(void *)vm_alloc(vm, cls);
    set_args(vm, e, &message, is_null(message) ? 0 : 1);
    return e;
}

/* Whether the arguments are those of the kind that codecs raise. */
static bool is_unicode_error(Vm *vm, const Exception *e) {
    const Tuple *args = as_tuple(e->args);
    return class_is_subclass(e->gc.base.cls, vm->exc[EXC_UnicodeError]) && args->count == 5 &&
           (is_str(args->items[1]) || has_flag(args->items[1], CLASS_BYTES)) &&
           is_int(args->items[2]) && is_int(args->items[3]);
}

static Value exception_str(Vm *vm, Value self) {
    const Tuple *args = as_tuple(as_exception(self)->args);
    if (args->count == 0) return NEW_REF(vm->empty_str);
    if (class_is_subclass(self.o->cls, vm->exc[EXC_OSError]) && args->count >= 2) {
        Buf buf = {0};
        buf_puts(&buf, "[Errno ");
        bool ok = vm_str_to(vm, args->items[0], &buf);
        buf_puts(&buf, "] ");
        ok = ok && vm_str_to(vm, args->items[1], &buf);
        if (args->count > 2) {
            buf_puts(&buf, ": ");
            ok = ok && vm_repr_to(vm, args->items[2], &buf);
        }
        if (ok) return str_from_buf(vm, &buf);
        buf_free(&buf);
        return NULL_VALUE;
    }
    if (is_unicode_error(vm, as_exception(self))) return unicode_error_str(vm, args->items);
    if (args->count > 1) return vm_repr(vm, as_exception(self)->args);
    if (class_is_subclass(self.o->cls, vm->exc[EXC_KeyError])) return vm_repr(vm, args->items[0]);
    return vm_str(vm, args->items[0]);
}

static Value exception_repr(Vm *vm, Value self) {
    const Tuple *args = as_tuple(as_exception(self)->args);
    Buf buf = {0};
    buf_puts(&buf, self.o->cls->name);
    bool ok = true;
    if (args->count == 1) {
        buf_putc(&buf, '(');
        ok = vm_repr_to(vm, args->items[0], &buf);
        buf_putc(&buf, ')');
    } else {
        ok = vm_repr_to(vm, as_exception(self)->args, &buf);
    }
    if (ok) return str_from_buf(vm, &buf);
    buf_free(&buf);
    return NULL_VALUE;
}

static Value or_none(Value v) {
    return is_null(v) ? NONE : incref(v);
}

/* The `name` and `obj` of what was not found. */
static bool missing_part(Vm *vm, const Exception *e, const Str *name, Value *out) {
    const Class *cls = e->gc.base.cls;
    bool is_name = str_equals(name, "name"), is_object = str_equals(name, "obj");
    if (!is_name && !is_object) return false;
    if (class_is_subclass(cls, vm->exc[EXC_NameError]) && is_name) {
        *out = or_none(e->value);
        return true;
    }
    if (!class_is_subclass(cls, vm->exc[EXC_AttributeError])) return false;
    *out = is_tuple(e->value) ? incref(as_tuple(e->value)->items[is_object]) : NONE;
    return true;
}

/* ImportError takes `name` and `path` by keyword. */
static Value import_part(Value self, Str *name) {
    const Dict *dict = *obj_dict_slot(self.o);
    Value v = dict ? dict_get((Dict *)(uintptr_t)dict, name) : NULL_VALUE;
    return or_none(v);
}

static Value exception_getattr(Vm *vm, Value self, Str *name) {
    Exception *e = as_exception(self);
    const Names *n = &vm->names;
    if (str_equals(name, "args")) return incref(e->args);
    if (name == n->cause_) return or_none(e->cause);
    if (name == n->context_) return or_none(e->context);
    if (name == n->suppress_context_) return from_bool(e->suppress_context);
    if (name == n->traceback_) return traceback_of(vm, self);
    const Class *cls = self.o->cls;
    const Tuple *args = as_tuple(e->args);
    if (str_equals(name, "value") && class_is_subclass(cls, vm->exc[EXC_StopIteration]))
        return or_none(e->value);
    if (str_equals(name, "code") && class_is_subclass(cls, vm->exc[EXC_SystemExit]))
        return or_none(e->value);
    if (class_is_subclass(cls, vm->exc[EXC_OSError])) {
        const char *const parts[] = {"errno", "strerror", "filename"};
        for (size_t i = 0; i < 3; i++)
            if (str_equals(name, parts[i]))
                return args->count >= 2 && i < args->count ? incref(args->items[i]) : NONE;
    }
    if (is_unicode_error(vm, e)) {
        const char *const parts[] = {"encoding", "object", "start", "end", "reason"};
        for (size_t i = 0; i < 5; i++)
            if (str_equals(name, parts[i])) return incref(args->items[i]);
    }
    if (class_is_subclass(cls, vm->exc[EXC_ImportError]) &&
        (str_equals(name, "name") || str_equals(name, "path")))
        return import_part(self, name);
    Value part;
    if (missing_part(vm, e, name, &part)) return part;
    return vm_generic_getattr(vm, self, name);
}

static bool exception_setattr(Vm *vm, Value self, Str *name, Value value) {
    Exception *e = as_exception(self);
    const Names *n = &vm->names;
    if (str_equals(name, "args")) {
        Value tuple = tuple_from_iterable(vm, value);
        if (is_null(tuple)) return false;
        decref(e->args);
        e->args = tuple;
        return true;
    }
    if (name == n->cause_ || name == n->context_) {
        set_value(name == n->cause_ ? &e->cause : &e->context, value);
        if (name == n->cause_) e->suppress_context = true;
        return true;
    }
    if (name == n->suppress_context_) {
        e->suppress_context = vm_truth(vm, value) == 1;
        return true;
    }
    if (name == n->traceback_) {
        if (is_none(value)) e->trace.count = 0;
        return true;
    }
    return vm_generic_setattr(vm, self, name, value);
}

const Slots exception_slots = {
    .dealloc = exception_dealloc,
    .traverse = exception_traverse,
    .clear = exception_clear,
    .create = exception_create,
    .init = exception_init,
    .str = exception_str,
    .repr = exception_repr,
    .getattr = exception_getattr,
    .setattr = exception_setattr,
};

static Value with_traceback(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "with_traceback", nargs, kwnames, 2, 2)) return NULL_VALUE;
    return incref(args[0]);
}

static Value add_note(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "add_note", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Value notes = vm_getattr_optional(vm, args[0], vm->names.notes_);
    if (is_null(notes)) {
        notes = list_new(vm, 1);
        vm_generic_setattr(vm, args[0], vm->names.notes_, notes);
    }
    list_append(as_list(notes), args[1]);
    decref(notes);
    return NONE;
}

const Method exception_methods[] = {
    {"with_traceback", with_traceback, 0}, {"add_note", add_note, 0}, {NULL, NULL, 0}};

void exceptions_init(Vm *vm) {
    static const struct {
        const char *name;
        ExceptionId base;
    } list[] = {
#define X(name, base) {#name, EXC_##base},
        EXCEPTION_LIST(X)
#undef X
    };
    for (int i = 0; i < EXC_COUNT; i++) {
        bool root = i == EXC_BaseException;
        NativeClass spec = {.name = list[i].name,
                            .base = root ? NULL : vm->exc[list[i].base],
                            .size = sizeof(Exception),
                            .flags = CLASS_EXCEPTION | CLASS_HAS_DICT};
        if (!root) spec.size = 0;
        if (root) {
            spec.slots = exception_slots;
            spec.methods = exception_methods;
        }
        vm->exc[i] = vm_native_class(vm, &spec);
        dict_set_str(vm->builtins, vm_intern_text(vm, list[i].name), FROM_OBJ(vm->exc[i]));
    }
    Str *io_error = vm_intern_text(vm, "IOError");
    dict_set_str(vm->builtins, io_error, FROM_OBJ(vm->exc[EXC_OSError]));
    dict_set_str(vm->builtins, vm_intern_text(vm, "EnvironmentError"),
                 FROM_OBJ(vm->exc[EXC_OSError]));
}

/* ---- raising ---- */

Value vm_raise(Vm *vm, ExceptionId id, const char *format, ...) {
    Buf buf = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&buf, format, args);
    va_end(args);
    Value text = buf.size ? str_new(vm, buf.data, buf.size) : NULL_VALUE;
    buf_free(&buf);
    Exception *e = exception_new(vm, vm->exc[id], text);
    decref(text);
    vm_raise_value(vm, FROM_OBJ(e));
    DROP(e);
    return NULL_VALUE;
}

void vm_raise_value(Vm *vm, Value exception) {
    Exception *e = as_exception(exception);
    bool looped = false; /* the context chain must not come back to this exception */
    for (Value at = vm->handled; at.tag == TAG_OBJ && !looped; at = as_exception(at)->context)
        looped = at.o == exception.o;
    if (!is_null(vm->handled) && !looped) set_value(&e->context, vm->handled);
    set_value(&vm->raised, exception);
}

static void add_to_raised(Vm *vm, const char *name, const char *text) {
    if (!text || !is_exception(vm->raised)) return;
    Dict **dict = obj_dict_slot(vm->raised.o);
    if (!*dict) *dict = dict_new(vm);
    Value value = str_from(vm, text);
    dict_set_str(*dict, vm_intern_text(vm, name), value);
    decref(value);
}

void vm_add_hint(Vm *vm, const char *hint) {
    add_to_raised(vm, "__hint__", hint);
}

void vm_add_advice(Vm *vm, const char *advice) {
    add_to_raised(vm, "__advice__", advice);
}

Value vm_raise_os(Vm *vm, int error, const char *path) {
    Exception *e = exception_new(vm, vm->exc[os_error_class(error)], NULL_VALUE);
    Value args[3] = {from_int(error), str_from(vm, strerror(error)),
                     path ? str_from(vm, path) : NONE};
    set_args(vm, e, args, path ? 3 : 2);
    decref(args[1]);
    decref(args[2]);
    vm_raise_value(vm, FROM_OBJ(e));
    DROP(e);
    return NULL_VALUE;
}

bool vm_catch(Vm *vm, ExceptionId id) {
    if (!vm_failed(vm) || !class_is_subclass(vm->raised.o->cls, vm->exc[id])) return false;
    clear_value(&vm->raised);
    return true;
}

bool vm_matches_stop(Vm *vm) {
    return vm_failed(vm) && class_is_subclass(vm->raised.o->cls, vm->exc[EXC_StopIteration]);
}

Value vm_take_raised(Vm *vm) {
    Value e = vm->raised;
    vm->raised = NULL_VALUE;
    return e;
}

bool vm_matches(Vm *vm, Value exception, Value classes) {
    return vm_match_clause(vm, exception, classes) == 1;
}

/* `except classes:`; -1: raised. */
int vm_match_clause(Vm *vm, Value exception, Value classes) {
    if (is_tuple(classes)) {
        const Tuple *tuple = as_tuple(classes);
        int matches = 0;
        if (!vm_enter(vm)) return -1;
        for (size_t i = 0; matches == 0 && i < tuple->count; i++)
            matches = vm_match_clause(vm, exception, tuple->items[i]);
        vm_leave(vm);
        return matches;
    }
    if (is_class(classes) && class_is_subclass(as_class(classes), vm->exc[EXC_BaseException]))
        return class_is_subclass(exception.o->cls, as_class(classes));
    vm_raise(vm, EXC_TypeError,
             "catching classes that do not inherit from BaseException is not allowed");
    return -1;
}

/* ---- places ---- */

static Span frame_span(const Frame *frame) {
    const Code *code = frame->code;
    size_t pc = (size_t)(frame->ip - code->instructions);
    if (pc >= code->instruction_count) return code->span;
    return (Span){code->file, code->spans[pc].begin, code->spans[pc].end};
}

static bool is_prelude(Vm *vm, const Code *code) {
    const Source *source = sources_get(vm->sources, code->file);
    return source && source->builtin;
}

Span vm_innermost_span(Vm *vm) {
    return vm->frame ? frame_span(vm->frame) : (Span){0};
}

bool vm_in_prelude(Vm *vm) {
    return vm->frame && is_prelude(vm, vm->frame->code);
}

/* Whether what the frame is at stands in the body of a try statement with except or finally. */
static bool in_try(const Frame *frame) {
    const Code *code = frame->code;
    size_t pc = (size_t)(frame->ip - code->instructions);
    for (uint32_t i = 0; i < code->handler_count; i++) {
        const HandlerRange *range = &code->handlers[i];
        if (range->begin <= pc && pc < range->end &&
            code->instructions[range->target + 1].op != OP_WITH_EXCEPT)
            return true;
    }
    return false;
}

bool vm_in_try(Vm *vm) {
    for (const Frame *f = vm->frame; f; f = f->prev)
        if (!is_prelude(vm, f->code) && in_try(f)) return true;
    return false;
}

Span vm_current_span(Vm *vm) {
    for (Frame *f = vm->frame; f; f = f->prev)
        if (!is_prelude(vm, f->code)) return frame_span(f);
    return vm_innermost_span(vm);
}

const Code *vm_current_code(Vm *vm) {
    const Frame *f = vm->frame;
    while (f && is_prelude(vm, f->code))
        f = f->prev;
    return f ? f->code : NULL;
}

const char *vm_callee_name(Vm *vm) {
    Span span = vm_current_span(vm);
    const Source *source = sources_get(vm->sources, span.file);
    if (!source || span.end > source->size) return NULL;
    const char *p = source->text + span.begin, *end = source->text + span.end;
    if (end - p > 5 && strncmp(p, "self.", 5) == 0) p += 5;
    const char *stop = p;
    while (stop < end && (*stop == '_' || *stop == '.' || (*stop >= '0' && *stop <= '9') ||
                          (*stop >= 'a' && *stop <= 'z') || (*stop >= 'A' && *stop <= 'Z')))
        stop++;
    if (stop == p || stop == end || *stop != '(') return NULL;
    return vm_intern(vm, p, (size_t)(stop - p))->data;
}

void trace_add(Vm *vm, Frame *frame) {
    if (!is_exception(vm->raised)) return;
    Exception *e = as_exception(vm->raised);
    if (e->trace.count >= TRACE_LIMIT) return;
    VEC_PUSH(e->trace, (TraceEntry){frame_span(frame), frame->code, is_prelude(vm, frame->code)});
}

/* ---- reporting ---- */

void vm_describe(Vm *vm, Value exception, Buf *out) {
    Value saved = vm_take_raised(vm);
    Value module = vm_getattr_optional(vm, FROM_OBJ(exception.o->cls), vm->names.module_);
    buf_puts(out, exception.o->cls->qualname->data);
    decref(module);
    Buf message = {0};
    if (!vm_str_to(vm, exception, &message)) {
        clear_value(&vm->raised);
        buf_puts(&message, "<exception str() failed>");
    }
    if (message.size) buf_printf(out, ": %s", buf_text(&message));
    buf_free(&message);
    decref(vm->raised);
    vm->raised = saved;
}

static void report_one(Vm *vm, Value exception) {
    Exception *e = as_exception(exception);
    Buf text = {0};
    vm_describe(vm, exception, &text);
    /* The innermost place of the user's own; the prelude's only when there is none. */
    size_t first = 0;
    while (first < e->trace.count && e->trace.items[first].prelude)
        first++;
    bool hidden = first == e->trace.count;
    if (hidden) first = 0;
    Span span = e->trace.count ? e->trace.items[first].span : (Span){0};
    report(vm->sources, SEVERITY_ERROR, span, "%s", buf_text(&text));
    int shown = 0;
    for (size_t i = first + 1; i < e->trace.count; i++) {
        const TraceEntry *entry = &e->trace.items[i];
        bool again = entry->span.begin == span.begin && entry->span.file == span.file;
        if ((entry->prelude && !hidden) || again) continue; /* a recursion's line is shown once */
        if (++shown > 8) break;
        span = entry->span;
        report(vm->sources, SEVERITY_NOTE, span, "called from here");
    }
    Dict *dict = *obj_dict_slot(exception.o);
    Value hint = dict ? dict_get_text(vm, dict, "__hint__") : NULL_VALUE;
    const char *near = is_str(hint) ? as_str(hint)->data : NULL;
    if (class_is_subclass(exception.o->cls, vm->exc[EXC_AttributeError]) && is_tuple(e->value))
        near = vm_near_attribute(vm, as_tuple(e->value)->items[1],
                                 as_str(as_tuple(e->value)->items[0]));
    if (near) report(vm->sources, SEVERITY_HINT, (Span){0}, "did you mean '%s'?", near);
    Value advice = dict ? dict_get_text(vm, dict, "__advice__") : NULL_VALUE;
    if (is_str(advice)) report(vm->sources, SEVERITY_HINT, (Span){0}, "%s", as_str(advice)->data);
    const char *more = near || is_str(advice) ? NULL : advice_for(buf_text(&text), vm->silent);
    if (more) report(vm->sources, SEVERITY_HINT, (Span){0}, "%s", more);
    buf_free(&text);
    Value notes = dict ? dict_get(dict, vm->names.notes_) : NULL_VALUE;
    for (size_t i = 0; is_list(notes) && i < as_list(notes)->count; i++)
        if (is_str(as_list(notes)->items[i]))
            report(vm->sources, SEVERITY_NOTE, (Span){0}, "%s",
                   as_str(as_list(notes)->items[i])->data);
    Value before = !is_null(e->cause) ? e->cause : e->suppress_context ? NULL_VALUE : e->context;
    if (!is_exception(before)) return;
    Buf reason = {0};
    vm_describe(vm, before, &reason);
    const Exception *b = as_exception(before);
    report(vm->sources, SEVERITY_NOTE, b->trace.count ? b->trace.items[0].span : (Span){0}, "%s %s",
           !is_null(e->cause) ? "caused by" : "raised while handling", buf_text(&reason));
    buf_free(&reason);
}

int vm_report_raised(Vm *vm) {
    Value exception = vm_take_raised(vm);
    if (!is_exception(exception)) return 1;
    int status = 1;
    if (class_is_subclass(exception.o->cls, vm->exc[EXC_SystemExit])) {
        Value code = as_exception(exception)->value;
        if (is_null(code) || is_none(code)) {
            status = 0;
        } else if (is_int(code)) {
            status = (int)(as_int(code) & 0xff);
        } else {
            Buf text = {0};
            if (vm_str_to(vm, code, &text)) fprintf(stderr, "%s\n", buf_text(&text));
            buf_free(&text);
            clear_value(&vm->raised);
        }
    } else {
        report_one(vm, exception);
        if (class_is_subclass(exception.o->cls, vm->exc[EXC_KeyboardInterrupt])) status = 130;
    }
    decref(exception);
    return status;
}
