/* Frames: their memory, the run-time form of a Code, and binding arguments to parameters.
 *
 * Frames of plain calls lie on a chunked stack; a generator's frame is its own allocation. */
#include <stdlib.h>

#include "frontend/image.h"
#include "frontend/int.h"
#include "frontend/interp.h"

enum { CHUNK_BYTES = 256 * 1024 };

static Value const_value(Vm *vm, const Const *c) {
    switch (c->kind) {
    case CONST_NONE:
        return NONE;
    case CONST_TRUE:
        return from_bool(true);
    case CONST_FALSE:
        return from_bool(false);
    case CONST_ELLIPSIS:
        return ELLIPSIS;
    case CONST_INT:
        return from_int(c->as.integer);
    case CONST_BIG_INT:
        return int_from_bigint(vm, bigint_literal(c->as.string.bytes, c->as.string.length));
    case CONST_FLOAT:
        return from_float(c->as.number);
    case CONST_STRING:
        if (c->as.string.name) return NEW_REF(vm_name_str(vm, c->as.string.name));
        if (c->as.string.length <= SHORT_TEXT)
            return NEW_REF(vm_intern(vm, c->as.string.bytes, c->as.string.length));
        return str_new(vm, c->as.string.bytes, c->as.string.length);
    case CONST_BYTES:
        return bytes_new(vm, c->as.string.bytes, c->as.string.length);
    case CONST_TUPLE: {
        Value tuple = tuple_new(vm, c->as.tuple.count);
        for (size_t i = 0; i < c->as.tuple.count; i++)
            as_tuple(tuple)->items[i] = const_value(vm, &c->as.tuple.items[i]);
        return tuple;
    }
    case CONST_CODE:
        return NONE; /* MAKE_FUNCTION reads the Const itself */
    }
    return NONE;
}

static Str *name_str(Vm *vm, Name *name) {
    return name ? vm_name_str(vm, name) : NULL;
}

void code_ready(Vm *vm, const Code *code) {
    if (code->image) image_complete(vm->compiler, (Code *)(uintptr_t)code);
}

CodeData *code_data(Vm *vm, const Code *code) {
    if (code->vm) return code->vm;
    code_ready(vm, code);
    CodeData *data = ARENA_NEW(&vm->arena, CodeData);
    data->consts = ARENA_ARRAY(&vm->arena, Value, code->const_count + 1);
    for (uint32_t i = 0; i < code->const_count; i++)
        data->consts[i] = const_value(vm, &code->consts[i]);
    data->names = ARENA_ARRAY(&vm->arena, Str *, code->name_count + 1);
    for (uint32_t i = 0; i < code->name_count; i++)
        data->names[i] = name_str(vm, code->names[i]);
    uint32_t slots = code->local_count + code->free_count;
    data->slot_names = ARENA_ARRAY(&vm->arena, Str *, slots + 1);
    for (uint32_t i = 0; i < slots; i++)
        data->slot_names[i] = name_str(vm, code->slot_names[i]);
    ((Code *)(uintptr_t)code)->vm = data;
    VEC_PUSH(vm->codes, code);
    return data;
}

static void *stack_alloc(Vm *vm, size_t size) {
    StackChunk *chunk = vm->stack;
    if (!chunk || chunk->size - chunk->used < size) {
        if (chunk && chunk->next && chunk->next->size >= size) {
            chunk = chunk->next;
        } else {
            size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
            StackChunk *made = xmalloc(sizeof *made + bytes);
            *made = (StackChunk){.prev = chunk, .size = bytes};
            if (chunk) {
                free(chunk->next);
                chunk->next = made;
            }
            chunk = made;
        }
        vm->stack = chunk;
    }
    void *memory = (char *)chunk->data + chunk->used;
    chunk->used += size;
    return memory;
}

static void stack_release(Vm *vm, void *memory) {
    StackChunk *chunk = vm->stack;
    chunk->used = (size_t)((char *)memory - (char *)chunk->data);
    if (chunk->used == 0 && chunk->prev) vm->stack = chunk->prev;
}

Frame *frame_new(Vm *vm, Function *function, ModuleObj *module, const Code *code, bool heap) {
    size_t slots = (size_t)code->local_count + code->free_count;
    size_t size = sizeof(Frame) + (slots + code->max_stack + 1) * sizeof(Value);
    Frame *frame = heap ? xmalloc(size) : stack_alloc(vm, size);
    CodeData *data = code->vm ? code->vm : code_data(vm, code);
    Value *values = (Value *)(void *)(frame + 1);
    *frame = (Frame){
        .code = code,
        .data = data,
        .ip = code->instructions,
        .module = module,
        .function = function ? (Function *)NEW_REF(function).o : NULL,
        .slots = values,
        .sp = values + slots,
    };
    for (size_t i = 0; i < code->local_count; i++)
        values[i] = NULL_VALUE;
    for (size_t i = 0; i < code->free_count; i++)
        values[code->local_count + i] = NEW_REF(function->closure[i]);
    return frame;
}

Value *frame_stack_base(Frame *frame) {
    return frame->slots + frame->code->local_count + frame->code->free_count;
}

void frame_clear_values(Frame *frame) {
    while (frame->sp > frame->slots)
        decref(*--frame->sp);
}

void frame_free(Vm *vm, Frame *frame) {
    Function *function = frame->function;
    Dict *namespace = frame->namespace;
    frame_clear_values(frame);
    if (frame->generator)
        free(frame);
    else
        stack_release(vm, frame);
    if (namespace) DROP(namespace);
    if (function) DROP(function);
}

/* ---- arguments ---- */

static const char *function_name(const Function *f) {
    return f->qualname->data;
}

/* "'a'", "'a' and 'b'", "'a', 'b', and 'c'" */
static void list_names(Buf *out, Str **names, const int *missing, int count) {
    for (int i = 0; i < count; i++) {
        if (i > 0) buf_puts(out, count == 2 ? " and " : i == count - 1 ? ", and " : ", ");
        buf_printf(out, "'%s'", names[missing[i]]->data);
    }
}

static bool raise_missing(Vm *vm, const Function *f, Str **names, const int *missing, int count,
                          const char *kind) {
    Buf list = {0};
    list_names(&list, names, missing, count);
    vm_raise(vm, EXC_TypeError, "%s() missing %d required %s argument%s: %s", function_name(f),
             count, kind, count == 1 ? "" : "s", buf_text(&list));
    buf_free(&list);
    return false;
}

/* A function written in a class whose first parameter isn't called self or cls. */
static bool lacks_self(const Function *f, Str **names) {
    const char *name = f->qualname->data, *dot = strrchr(name, '.');
    if (!dot || dot[-1] == '>') return false; /* "f.<locals>.g" */
    if (f->code->positional_count == 0) return true;
    const char *first = names[0]->data;
    return strcmp(first, "self") != 0 && strcmp(first, "cls") != 0;
}

static bool raise_too_many(Vm *vm, const Function *f, Str **names, int nargs, const Value *slots) {
    const Code *code = f->code;
    int positional = (int)code->positional_count, least = positional - f->default_count;
    int given_kwonly = 0;
    for (uint32_t i = 0; i < code->keyword_only_count; i++)
        given_kwonly += !is_null(slots[code->positional_count + i]);
    Buf takes = {0};
    if (f->default_count > 0)
        buf_printf(&takes, "from %d to %d", least, positional);
    else
        buf_printf(&takes, "%d", positional);
    bool plural = f->default_count > 0 || positional != 1;
    if (given_kwonly)
        vm_raise(vm, EXC_TypeError,
                 "%s() takes %s positional argument%s but %d positional argument%s (and %d "
                 "keyword-only argument%s) were given",
                 function_name(f), buf_text(&takes), plural ? "s" : "", nargs,
                 nargs == 1 ? "" : "s", given_kwonly, given_kwonly == 1 ? "" : "s");
    else
        vm_raise(vm, EXC_TypeError, "%s() takes %s positional argument%s but %d %s given",
                 function_name(f), buf_text(&takes), plural ? "s" : "", nargs,
                 nargs == 1 ? "was" : "were");
    buf_free(&takes);
    if (positional == nargs - 1 && lacks_self(f, names))
        vm_add_advice(vm, "a method's first parameter is the object: def NAME(self, ...)");
    return false;
}

/* Says what the function takes, when that is no long list. */
static void add_keywords(Vm *vm, const char *const *words, size_t count) {
    Buf list = {0};
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], "self") != 0)
            buf_printf(&list, "%s%s", list.size ? ", " : "it takes ", words[i]);
    if (list.size && count <= 16) vm_add_advice(vm, buf_text(&list));
    buf_free(&list);
}

static bool raise_unexpected(Vm *vm, const Function *f, Str **names, const Str *key) {
    const char *words[256];
    size_t count = 0;
    uint32_t named = f->code->positional_count + f->code->keyword_only_count;
    for (uint32_t i = f->code->positional_only_count; i < named && count < 256; i++)
        words[count++] = names[i]->data;
    vm_raise(vm, EXC_TypeError, "%s() got an unexpected keyword argument '%s'", function_name(f),
             key->data);
    const char *near = nearest_word(key->data, words, count);
    vm_add_hint(vm, near);
    if (!near) add_keywords(vm, words, count);
    return false;
}

/* Puts one keyword argument into its slot, or into the **kwargs dict. */
static bool bind_keyword(Vm *vm, const Function *f, Str **names, Str *key, Value value,
                         Value *slots) {
    const Code *code = f->code;
    uint32_t named = code->positional_count + code->keyword_only_count;
    for (uint32_t i = code->positional_only_count; i < named; i++) {
        Str *name = names[i];
        if (name != key && (name->size != key->size || memcmp(name->data, key->data, key->size)))
            continue;
        if (!is_null(slots[i])) {
            vm_raise(vm, EXC_TypeError, "%s() got multiple values for argument '%s'",
                     function_name(f), key->data);
            return false;
        }
        slots[i] = incref(value);
        return true;
    }
    if (code->flags & CODE_KWARGS)
        return dict_set_str(as_dict(slots[code->parameter_count - 1]), key, value);
    for (uint32_t i = 0; i < code->positional_only_count; i++)
        if (names[i]->size == key->size && !memcmp(names[i]->data, key->data, key->size)) {
            vm_raise(vm, EXC_TypeError,
                     "%s() got some positional-only arguments passed as keyword arguments: '%s'",
                     function_name(f), key->data);
            return false;
        }
    return raise_unexpected(vm, f, names, key);
}

static bool fill_defaults(Vm *vm, const Function *f, Str **names, int nargs, Value *slots) {
    const Code *code = f->code;
    int missing[64], count = 0, positional = (int)code->positional_count;
    int first_default = positional - f->default_count;
    for (int i = nargs; i < positional; i++) {
        if (!is_null(slots[i])) continue;
        if (i >= first_default)
            slots[i] = incref(f->defaults[i - first_default]);
        else if (count < 64)
            missing[count++] = i;
    }
    if (count) return raise_missing(vm, f, names, missing, count, "positional");
    for (uint32_t i = 0; i < code->keyword_only_count; i++) {
        int slot = positional + (int)i;
        if (!is_null(slots[slot])) continue;
        if ((int)i < f->kwdefault_count && !is_null(f->kwdefaults[i]))
            slots[slot] = incref(f->kwdefaults[i]);
        else if (count < 64)
            missing[count++] = slot;
    }
    return count == 0 || raise_missing(vm, f, names, missing, count, "keyword-only");
}

/* Fills the parameter slots (which are empty). On failure they are left for the caller to clear. */
bool arguments_bind(Vm *vm, Function *f, const Value *args, int nargs, const Tuple *kwnames,
                    Value *slots) {
    const Code *code = f->code;
    int positional = (int)code->positional_count;
    int taken = nargs < positional ? nargs : positional;
    for (int i = 0; i < taken; i++)
        slots[i] = incref(args[i]);
    if (nargs == positional && code->parameter_count == code->positional_count && !kwnames)
        return true;
    Str **names = code_data(vm, code)->slot_names;
    uint32_t named = code->positional_count + code->keyword_only_count;
    if (code->flags & CODE_VARARGS)
        slots[named] = tuple_from(vm, args + taken, (size_t)(nargs - taken));
    if (code->flags & CODE_KWARGS) slots[code->parameter_count - 1] = FROM_OBJ(dict_new(vm));
    for (size_t i = 0; kwnames && i < kwnames->count; i++)
        if (!bind_keyword(vm, f, names, as_str(kwnames->items[i]), args[(size_t)nargs + i], slots))
            return false;
    if (nargs > positional && !(code->flags & CODE_VARARGS))
        return raise_too_many(vm, f, names, nargs, slots);
    return fill_defaults(vm, f, names, nargs, slots);
}
