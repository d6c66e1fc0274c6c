/* str: immutable UTF-8 text that knows its length in code points. Interned strings are unique, so
 * that names compare by pointer. Text that is all ASCII is indexed by byte. */
#include <stdlib.h>

#include "frontend/intern.h"
#include "frontend/interp.h"

enum { MAX_TEXT = 1 << 30 }; /* bytes of a string made by repetition */

/* ---- UTF-8 ---- */

/* Decodes one code point of valid UTF-8; returns its size in bytes. */
size_t utf8_decode(const char *text, size_t size, uint32_t *out) {
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80 || size < 2) {
        *out = p[0];
        return 1;
    }
    if (p[0] < 0xe0 || size < 3) {
        *out = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if (p[0] < 0xf0 || size < 4) {
        *out = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return 3;
    }
    *out = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
           (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
    return 4;
}

void utf8_put(Buf *buf, uint32_t c) {
    if (c < 0x80) {
        buf_putc(buf, (char)c);
    } else if (c < 0x800) {
        buf_putc(buf, (char)(0xc0 | c >> 6));
        buf_putc(buf, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_putc(buf, (char)(0xe0 | c >> 12));
        buf_putc(buf, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(buf, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_putc(buf, (char)(0xf0 | c >> 18));
        buf_putc(buf, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_putc(buf, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(buf, (char)(0x80 | (c & 0x3f)));
    }
}

static size_t count_code_points(const char *text, size_t size) {
    size_t i = 0;
    for (uint64_t eight; i + sizeof eight <= size; i += sizeof eight) {
        memcpy(&eight, text + i, sizeof eight);
        if (eight & 0x8080808080808080UL) break; /* not ASCII */
    }
    size_t n = i;
    for (; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* The byte offset of the code point at `index` (index <= length). */
size_t str_offset(const Str *s, size_t index) {
    if (s->size == s->length) return index;
    size_t at = 0;
    while (index > 0) {
        at++;
        while (at < s->size && ((unsigned char)s->data[at] & 0xc0) == 0x80)
            at++;
        index--;
    }
    return at;
}

/* ---- making ---- */

Value str_alloc(Vm *vm, Class *cls, const char *text, size_t size) {
    size_t total;
    if (!add_size(size, 1, &total)) fatal_memory();
    Str *s = (Str *)(void *)vm_alloc_extra(vm, cls, total);
    char *data = (char *)s + cls->instance_size;
    if (size) memcpy(data, text, size);
    data[size] = '\0';
    s->data = data;
    s->size = size;
    s->length = count_code_points(data, size);
    return FROM_OBJ(s);
}

Value str_new(Vm *vm, const char *text, size_t size) {
    if (size == 0) return NEW_REF(vm->empty_str);
    if (size == 1 && (unsigned char)*text < 128)
        return NEW_REF(vm->char_strs[(unsigned char)*text]);
    return str_alloc(vm, vm->cls[CLS_STR], text, size);
}

Value str_from(Vm *vm, const char *text) {
    return str_new(vm, text, strlen(text));
}

Value str_from_buf(Vm *vm, Buf *buf) {
    Value s = str_new(vm, buf_text(buf), buf->size);
    buf_free(buf);
    return s;
}

Value str_printf(Vm *vm, const char *format, ...) {
    Buf buf = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&buf, format, args);
    va_end(args);
    return str_from_buf(vm, &buf);
}

Value str_char(Vm *vm, uint32_t code_point) {
    if (code_point < 128) return NEW_REF(vm->char_strs[code_point]);
    Buf buf = {0};
    utf8_put(&buf, code_point);
    return str_from_buf(vm, &buf);
}

Str *vm_name_str(Vm *vm, Name *name) {
    if (!name->object) {
        Str *made = ARENA_NEW(&vm->arena, Str); /* the Name's reference stays */
        *made = (Str){.base = {.refs = 1, .cls = vm->cls[CLS_STR]},
                      .data = name->text,
                      .size = name->length,
                      .length = count_code_points(name->text, name->length),
                      .hash = (int64_t)name->hash,
                      .interned = true};
        name->object = made;
    }
    return name->object;
}

Str *vm_intern(Vm *vm, const char *text, size_t size) {
    return vm_name_str(vm, intern(vm->interns, text, size));
}

Str *vm_intern_text(Vm *vm, const char *text) {
    return vm_intern(vm, text, strlen(text));
}

bool str_equals(const Str *s, const char *text) {
    return strcmp(s->data, text) == 0;
}

int64_t str_hash(Str *s) {
    if (s->hash == 0) s->hash = (int64_t)text_hash(s->data, s->size);
    return s->hash;
}

/* ---- repr ---- */

static bool is_printable(uint32_t c) {
    if (c < 0x20 || c == 0x7f) return false;
    if (c >= 0x80 && c < 0xa1) return false;
    return c != 0xad && !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x200b && c <= 0x200f) &&
           c != 0x3000 && c != 0xfeff && !(c >= 0xe000 && c <= 0xf8ff) && c != 0x1680 &&
           !(c >= 0x2000 && c <= 0x200a) && c != 0x202f && c != 0x205f;
}

void str_repr_to(const Str *s, Buf *out) {
    bool single = memchr(s->data, '\'', s->size) != NULL;
    bool twofold = memchr(s->data, '"', s->size) != NULL;
    char quote = single && !twofold ? '"' : '\'';
    buf_putc(out, quote);
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        size_t n = utf8_decode(s->data + i, s->size - i, &c);
        if (c == (uint32_t)quote || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\r')
            buf_puts(out, "\\r");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (is_printable(c))
            buf_add(out, s->data + i, n);
        else if (c < 0x100)
            buf_printf(out, "\\x%02x", c);
        else
            buf_printf(out, "\\u%04x", c);
        i += n;
    }
    buf_putc(out, quote);
}

static Value str_repr(Vm *vm, Value self) {
    Buf buf = {0};
    str_repr_to(as_str(self), &buf);
    return str_from_buf(vm, &buf);
}

static Value str_str(Vm *vm, Value self) {
    if (self.o->cls == vm->cls[CLS_STR]) return incref(self);
    return str_new(vm, as_str(self)->data, as_str(self)->size);
}

static Value str_format_slot(Vm *vm, Value self, Str *spec) {
    if (spec->size == 0) return vm_str(vm, self);
    return format_spec(vm, self, spec->data, spec->size);
}

/* ---- operators ---- */

static bool str_hash_slot(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = str_hash(as_str(self));
    return true;
}

static int order(const Str *a, const Str *b) {
    size_t common = a->size < b->size ? a->size : b->size;
    int diff = memcmp(a->data, b->data, common);
    if (diff) return diff;
    return a->size == b->size ? 0 : a->size < b->size ? -1 : 1;
}

static Value str_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)vm, (void)reflected;
    if (!is_str(a) || !is_str(b)) return NOT_IMPLEMENTED;
    if (op == COMPARE_EQ && as_str(a)->size != as_str(b)->size) return from_bool(false);
    int diff = order(as_str(a), as_str(b));
    return from_order(op, diff);
}

static Value repeat(Vm *vm, const Str *s, Value number) {
    int64_t times;
    if (!vm_to_index(vm, number, &times)) return NULL_VALUE;
    if (times <= 0 || s->size == 0) return NEW_REF(vm->empty_str);
    size_t total;
    if (!mul_size(s->size, (size_t)times, &total) || total > MAX_TEXT)
        return vm_raise(vm, EXC_MemoryError,
                        "a string of %zu bytes repeated %lld times is too long", s->size,
                        (long long)times);
    Buf buf = {0};
    for (int64_t i = 0; i < times; i++)
        buf_add(&buf, s->data, s->size);
    return str_from_buf(vm, &buf);
}

static Value str_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op == BINARY_ADD && is_str(a) && is_str(b)) {
        const Str *x = as_str(a), *y = as_str(b);
        if (y->size == 0 && a.o->cls == vm->cls[CLS_STR]) return incref(a);
        if (x->size == 0 && b.o->cls == vm->cls[CLS_STR]) return incref(b);
        Str *made = (Str *)(void *)vm_alloc_extra(vm, vm->cls[CLS_STR], x->size + y->size + 1);
        char *data = (char *)made + vm->cls[CLS_STR]->instance_size;
        memcpy(data, x->data, x->size);
        memcpy(data + x->size, y->data, y->size + 1);
        made->data = data;
        made->size = x->size + y->size;
        made->length = x->length + y->length;
        return FROM_OBJ(made);
    }
    if (op == BINARY_MUL && is_str(a) && is_int(b)) return repeat(vm, as_str(a), b);
    if (op == BINARY_MUL && is_str(b) && is_int(a)) return repeat(vm, as_str(b), a);
    if (op == BINARY_MOD && is_str(a)) return str_percent(vm, as_str(a), b);
    return NOT_IMPLEMENTED;
}

/* Whether the instruction under way is `v += ...` and nothing but that variable holds `v`. */
static bool only_in_variable(const Vm *vm, Value v) {
    const Frame *frame = vm->frame;
    if (!frame || v.o->refs != 2) return false; /* the variable and the operand stack */
    const Instruction *next = frame->ip + 1;
    if (next->op == OP_STORE_LOCAL) return frame->slots[next->c].o == v.o;
    return next->op == OP_STORE_GLOBAL && frame->module->dict->entries[next->c].value.o == v.o;
}

/* A string that a loop adds to grows in place, into room that doubles. */
static Value str_inplace(Vm *vm, BinaryOp op, Value a, Value b) {
    Class *plain = vm->cls[CLS_STR];
    if (op != BINARY_ADD || !is_str(b) || a.o->cls != plain || a.o == b.o) return NOT_IMPLEMENTED;
    Str *s = as_str(a);
    const Str *more = as_str(b);
    if (s->interned || s->size < 64 || !only_in_variable(vm, a)) return NOT_IMPLEMENTED;
    size_t size = s->size + more->size;
    Str *made = s;
    if (s->spare < more->size) {
        size_t spare = size < UINT32_MAX ? size : UINT32_MAX;
        made = (Str *)(void *)vm_alloc_extra(vm, plain, size + spare + 1);
        made->data = (char *)made + plain->instance_size;
        made->spare = (uint32_t)spare;
        memcpy((char *)made + plain->instance_size, s->data, s->size);
    } else {
        incref(a);
        made->spare -= (uint32_t)more->size;
        made->hash = 0;
    }
    memcpy((char *)made + plain->instance_size + s->size, more->data, more->size + 1);
    made->length = s->length + more->length;
    made->size = size;
    return FROM_OBJ(made);
}

static Value str_slice(Vm *vm, const Str *s, Value key) {
    int64_t start, step, count;
    if (!slice_bounds(vm, (Slice *)(void *)key.o, (int64_t)s->length, &start, &step, &count))
        return NULL_VALUE;
    if (count == 0) return NEW_REF(vm->empty_str);
    if (step == 1) {
        size_t from = str_offset(s, (size_t)start);
        size_t to = str_offset(s, (size_t)(start + count));
        return str_new(vm, s->data + from, to - from);
    }
    Buf buf = {0};
    for (int64_t i = 0; i < count; i++) {
        size_t at = str_offset(s, (size_t)(start + i * step));
        uint32_t c;
        buf_add(&buf, s->data + at, utf8_decode(s->data + at, s->size - at, &c));
    }
    return str_from_buf(vm, &buf);
}

static Value str_getitem(Vm *vm, Value self, Value key) {
    const Str *s = as_str(self);
    if (key.tag == TAG_OBJ && key.o->cls == vm->cls[CLS_SLICE]) return str_slice(vm, s, key);
    int64_t index;
    if (!is_int(key) && !vm_class_of(vm, key)->slots.to_index)
        return vm_raise(vm, EXC_TypeError, "string indices must be integers, not '%s'",
                        vm_class_name(vm, key));
    if (!vm_to_position(vm, key, &index)) return NULL_VALUE;
    if (index < 0) index += (int64_t)s->length;
    if (index < 0 || index >= (int64_t)s->length)
        return vm_raise(vm, EXC_IndexError, "string index out of range");
    size_t at = str_offset(s, (size_t)index);
    uint32_t c;
    size_t n = utf8_decode(s->data + at, s->size - at, &c);
    return str_new(vm, s->data + at, n);
}

static int str_contains(Vm *vm, Value self, Value item) {
    if (!is_str(item)) {
        vm_raise(vm, EXC_TypeError, "'in <string>' requires string as left operand, not %s",
                 vm_class_name(vm, item));
        return -1;
    }
    return memmem_find(as_str(self)->data, as_str(self)->size, as_str(item)->data,
                       as_str(item)->size) != NULL;
}

static int64_t str_length(Vm *vm, Value self) {
    (void)vm;
    return (int64_t)as_str(self)->length;
}

static Value str_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[3];
    if (!vm_args(vm, "str", "object? encoding? errors?", args, nargs, kwnames, out))
        return NULL_VALUE;
    Value text;
    if (is_null(out[0]))
        text = NEW_REF(vm->empty_str);
    else if (has_flag(out[0], CLASS_BYTES) && !(is_null(out[1]) && is_null(out[2])))
        text = bytes_to_str(vm, (Bytes *)(void *)out[0].o, out[1], out[2]);
    else
        text = vm_str(vm, out[0]);
    if (is_null(text) || cls == vm->cls[CLS_STR]) return text;
    Value made = str_alloc(vm, cls, as_str(text)->data, as_str(text)->size);
    decref(text);
    return made;
}

static bool str_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

/* ---- iteration ---- */

static Value str_iter(Vm *vm, Value self) {
    StrIterator *it = (StrIterator *)(void *)vm_alloc(vm, vm->cls[CLS_STR_ITERATOR]);
    it->text = incref(self);
    return FROM_OBJ(it);
}

static Value str_iterator_next(Vm *vm, Value self) {
    StrIterator *it = (StrIterator *)(void *)self.o;
    const Str *s = as_str(it->text);
    if (it->at >= s->size) return NULL_VALUE;
    uint32_t c;
    size_t at = it->at, n = utf8_decode(s->data + at, s->size - at, &c);
    it->at += n;
    return str_new(vm, s->data + at, n);
}

static void str_iterator_dealloc(Obj *self) {
    decref(((StrIterator *)(void *)self)->text);
}
static void str_iterator_traverse(Obj *self, VisitFn visit, void *context) {
    visit_value(((StrIterator *)(void *)self)->text, visit, context);
}
static Value str_iterator_iter(Vm *vm, Value self) {
    (void)vm;
    return incref(self);
}

const Slots str_iterator_slots = {.dealloc = str_iterator_dealloc,
                                  .traverse = str_iterator_traverse,
                                  .iter = str_iterator_iter,
                                  .next = str_iterator_next};
const Slots str_slots = {
    .repr = str_repr,
    .str = str_str,
    .format = str_format_slot,
    .hash = str_hash_slot,
    .compare = str_compare,
    .binary = str_binary,
    .inplace = str_inplace,
    .getitem = str_getitem,
    .contains = str_contains,
    .length = str_length,
    .iter = str_iter,
    .create = str_create,
    .init = str_init,
};

/* The first occurrence of a byte string in another; NULL: none. */
const char *memmem_find(const char *text, size_t size, const char *part, size_t part_size) {
    if (part_size == 0) return text;
    while (size >= part_size) {
        const char *at = memchr(text, *part, size - part_size + 1);
        if (!at) return NULL;
        if (memcmp(at, part, part_size) == 0) return at;
        size -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    return NULL;
}
