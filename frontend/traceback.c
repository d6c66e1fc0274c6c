/* Traceback objects: where an exception passed, as programs see it.
 *
 * One object stands for a traceback, its frame and that frame's code. The library's frames are left
 * out. */
#include "frontend/bytecode.h"
#include "frontend/vm_internal.h"

typedef struct Traceback {
    GcObj gc;
    Value exception;
    size_t at; /* in its trace, whose innermost entry is the first */
} Traceback;

static const TraceEntry *entry_of(Value self) {
    const Traceback *tb = (const Traceback *)(const void *)self.o;
    return &as_exception(tb->exception)->trace.items[tb->at];
}

/* The outermost of the first `count` entries that is the program's own; None: there is none. */
static Value traceback_at(Vm *vm, Exception *e, size_t count) {
    while (count > 0 && e->trace.items[count - 1].prelude)
        count--;
    if (count == 0) return NONE;
    Traceback *tb = (Traceback *)(void *)vm_alloc(vm, vm->cls[CLS_TRACEBACK]);
    tb->exception = NEW_REF(e);
    tb->at = count - 1;
    return FROM_OBJ(tb);
}

Value traceback_of(Vm *vm, Value exception) {
    Exception *e = as_exception(exception);
    return traceback_at(vm, e, e->trace.count);
}

/* The line of the source, without its blanks at both ends. */
static Value source_line(Vm *vm, const TraceEntry *entry, uint32_t *begin) {
    const Source *source = sources_get(vm->sources, entry->span.file);
    if (!source) return NEW_REF(vm->empty_str);
    uint32_t line = sources_position(vm->sources, entry->span).line;
    const char *from = source->text + source->line_starts[line - 1];
    from += strspn(from, " \t\f");
    size_t size = strcspn(from, "\n");
    while (size > 0 && strchr(" \t\r\f", from[size - 1]))
        size--;
    *begin = (uint32_t)(from - source->text);
    return str_new(vm, from, size);
}

/* (line, first and end column of the expression in it), the end at most the line's. */
static Value source_place(Vm *vm, const TraceEntry *entry) {
    uint32_t begin = entry->span.begin;
    Value line = source_line(vm, entry, &begin);
    size_t size = as_str(line)->size;
    size_t from = entry->span.begin > begin ? entry->span.begin - begin : 0;
    size_t to = entry->span.end > begin ? entry->span.end - begin : 0;
    Value parts[3] = {line, from_int((int64_t)(from < size ? from : size)),
                      from_int((int64_t)(to < size ? to : size))};
    Value place = tuple_from(vm, parts, 3);
    decref(line);
    return place;
}

static Value traceback_getattr(Vm *vm, Value self, Str *name) {
    const Traceback *tb = (const Traceback *)(const void *)self.o;
    const TraceEntry *entry = entry_of(self);
    const Source *source = sources_get(vm->sources, entry->span.file);
    if (str_equals(name, "tb_lineno") || str_equals(name, "f_lineno"))
        return from_int(sources_position(vm->sources, entry->span).line);
    if (str_equals(name, "tb_frame") || str_equals(name, "f_code")) return incref(self);
    if (str_equals(name, "tb_next")) return traceback_at(vm, as_exception(tb->exception), tb->at);
    if (str_equals(name, "co_name"))
        return str_new(vm, entry->code->name->text, entry->code->name->length);
    if (str_equals(name, "co_qualname"))
        return str_new(vm, entry->code->qualified_name->text, entry->code->qualified_name->length);
    if (str_equals(name, "co_filename")) return str_from(vm, source ? source->path : "?");
    if (str_equals(name, "tb_place")) return source_place(vm, entry);
    return vm_generic_getattr(vm, self, name);
}

static void traceback_dealloc(Obj *self) {
    decref(((Traceback *)(void *)self)->exception);
}
static void traceback_traverse(Obj *self, VisitFn visit, void *context) {
    visit_value(((Traceback *)(void *)self)->exception, visit, context);
}

const Slots traceback_slots = {
    .dealloc = traceback_dealloc, .traverse = traceback_traverse, .getattr = traceback_getattr};

size_t traceback_size(void) {
    return sizeof(Traceback);
}
