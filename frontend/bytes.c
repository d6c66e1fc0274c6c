/* bytes: what text encoding and binary files need. */
#include <stdlib.h>

#include "frontend/vm_internal.h"

static Bytes *as_bytes(Value v) {
    return (Bytes *)(void *)v.o;
}
static bool is_bytes(Value v) {
    return has_flag(v, CLASS_BYTES);
}

static Value bytes_alloc(Vm *vm, Class *cls, const void *data, size_t size) {
    Bytes *made = (Bytes *)(void *)vm_alloc_extra(vm, cls, size + 1);
    made->data = (unsigned char *)made + cls->instance_size;
    made->size = size;
    if (size && data) memcpy(made->data, data, size);
    return FROM_OBJ(made);
}

Value bytes_new(Vm *vm, const char *data, size_t size) {
    return bytes_alloc(vm, vm->cls[CLS_BYTES], data, size);
}

static Value bytes_repr(Vm *vm, Value self) {
    const Bytes *b = as_bytes(self);
    bool mutable = self.o->cls == vm->cls[CLS_BYTEARRAY];
    bool twofold = memchr(b->data, '\'', b->size) && !memchr(b->data, '"', b->size);
    char quote = twofold ? '"' : '\'';
    Buf out = {0};
    buf_printf(&out, "%sb%c", mutable ? "bytearray(" : "", quote);
    for (size_t i = 0; i < b->size; i++) {
        unsigned char c = b->data[i];
        if (c == (unsigned char)quote || c == '\\')
            buf_printf(&out, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            buf_puts(&out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else if (c < 0x20 || c >= 0x7f)
            buf_printf(&out, "\\x%02x", c);
        else
            buf_putc(&out, (char)c);
    }
    buf_printf(&out, "%c%s", quote, mutable ? ")" : "");
    return str_from_buf(vm, &out);
}

static bool bytes_hash_slot(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = bytes_hash((const char *)as_bytes(self)->data, as_bytes(self)->size);
    return true;
}

static Value bytes_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)vm, (void)reflected;
    if (!is_bytes(a) || !is_bytes(b)) return NOT_IMPLEMENTED;
    const Bytes *x = as_bytes(a), *y = as_bytes(b);
    int diff = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);
    if (diff == 0) diff = x->size == y->size ? 0 : x->size < y->size ? -1 : 1;
    switch (op) {
    case COMPARE_LT:
        return from_bool(diff < 0);
    case COMPARE_LE:
        return from_bool(diff <= 0);
    case COMPARE_EQ:
        return from_bool(diff == 0);
    case COMPARE_NE:
        return from_bool(diff != 0);
    case COMPARE_GT:
        return from_bool(diff > 0);
    default:
        return from_bool(diff >= 0);
    }
}

static Value bytes_repeat(Vm *vm, Value v, int64_t times) {
    const Bytes *b = as_bytes(v);
    size_t size;
    if (times < 0) times = 0;
    if (!mul_size(b->size, (size_t)times, &size) || size > (size_t)1 << 40)
        return vm_raise(vm, EXC_MemoryError, "the bytes are too long");
    Value made = bytes_alloc(vm, v.o->cls, NULL, size);
    for (int64_t i = 0; i < times; i++)
        memcpy(as_bytes(made)->data + (size_t)i * b->size, b->data, b->size);
    return made;
}

static Value bytes_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op == BINARY_MUL && (is_int(a) || is_int(b)))
        return is_int(a) ? bytes_repeat(vm, b, as_int(a)) : bytes_repeat(vm, a, as_int(b));
    if (op != BINARY_ADD || !is_bytes(a) || !is_bytes(b)) return NOT_IMPLEMENTED;
    const Bytes *x = as_bytes(a), *y = as_bytes(b);
    Value made = bytes_alloc(vm, a.o->cls, x->data, x->size + 0);
    if (y->size == 0) return made;
    decref(made);
    made = bytes_alloc(vm, a.o->cls, NULL, x->size + y->size);
    memcpy(as_bytes(made)->data, x->data, x->size);
    memcpy(as_bytes(made)->data + x->size, y->data, y->size);
    return made;
}

static Value bytes_getitem(Vm *vm, Value self, Value key) {
    const Bytes *b = as_bytes(self);
    if (key.tag == TAG_OBJ && key.o->cls == vm->cls[CLS_SLICE]) {
        int64_t start, step, count;
        if (!slice_bounds(vm, (Slice *)(void *)key.o, (int64_t)b->size, &start, &step, &count))
            return NULL_VALUE;
        Value made = bytes_alloc(vm, self.o->cls, NULL, (size_t)count);
        for (int64_t i = 0; i < count; i++)
            as_bytes(made)->data[i] = b->data[start + i * step];
        return made;
    }
    int64_t index;
    if (!vm_to_index(vm, key, &index)) return NULL_VALUE;
    if (index < 0) index += (int64_t)b->size;
    if (index < 0 || index >= (int64_t)b->size)
        return vm_raise(vm, EXC_IndexError, "index out of range");
    return from_int(b->data[index]);
}

static int64_t bytes_length(Vm *vm, Value self) {
    (void)vm;
    return (int64_t)as_bytes(self)->size;
}

static int bytes_contains(Vm *vm, Value self, Value item) {
    const Bytes *b = as_bytes(self);
    if (is_int(item)) return memchr(b->data, (int)as_int(item), b->size) != NULL;
    if (is_bytes(item))
        return memmem_find((const char *)b->data, b->size, (const char *)as_bytes(item)->data,
                           as_bytes(item)->size) != NULL;
    vm_raise(vm, EXC_TypeError, "a bytes-like object is required, not '%s'",
             vm_class_name(vm, item));
    return -1;
}

static Value bytes_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[2];
    if (!vm_args(vm, cls->name, "source? encoding?", args, nargs, kwnames, out)) return NULL_VALUE;
    if (is_null(out[0])) return bytes_alloc(vm, cls, NULL, 0);
    if (is_str(out[0])) {
        if (is_null(out[1]))
            return vm_raise(vm, EXC_TypeError, "string argument without an encoding");
        return bytes_alloc(vm, cls, as_str(out[0])->data, as_str(out[0])->size);
    }
    if (is_bytes(out[0]))
        return bytes_alloc(vm, cls, as_bytes(out[0])->data, as_bytes(out[0])->size);
    if (is_int(out[0])) {
        if (as_int(out[0]) < 0 || as_int(out[0]) > (int64_t)1 << 32)
            return vm_raise(vm, EXC_ValueError, "negative count or too many bytes");
        return bytes_alloc(vm, cls, NULL, (size_t)as_int(out[0]));
    }
    Value list = list_from_iterable(vm, out[0]);
    if (is_null(list)) return list;
    Value made = bytes_alloc(vm, cls, NULL, as_list(list)->count);
    for (size_t i = 0; i < as_list(list)->count; i++) {
        int64_t byte;
        if (!vm_to_index(vm, as_list(list)->items[i], &byte)) break;
        if (byte < 0 || byte > 255) {
            vm_raise(vm, EXC_ValueError, "bytes must be in range(0, 256)");
            break;
        }
        as_bytes(made)->data[i] = (unsigned char)byte;
    }
    decref(list);
    if (!vm_failed(vm)) return made;
    decref(made);
    return NULL_VALUE;
}

static bool bytes_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

static bool bytearray_setitem(Vm *vm, Value self, Value key, Value value) {
    int64_t index, byte;
    if (is_null(value)) {
        vm_raise(vm, EXC_TypeError, "nnc's bytearray can't delete items");
        return false;
    }
    if (!vm_to_index(vm, key, &index) || !vm_to_index(vm, value, &byte)) return false;
    if (index < 0) index += (int64_t)as_bytes(self)->size;
    if (index < 0 || index >= (int64_t)as_bytes(self)->size || byte < 0 || byte > 255) {
        vm_raise(vm, EXC_IndexError, "bytearray index out of range");
        return false;
    }
    as_bytes(self)->data[index] = (unsigned char)byte;
    return true;
}

#define COMMON                                                                                     \
    .repr = bytes_repr, .str = bytes_repr, .compare = bytes_compare, .binary = bytes_binary,       \
    .getitem = bytes_getitem, .length = bytes_length, .contains = bytes_contains,                  \
    .iter = iterator_over, .create = bytes_create, .init = bytes_init
const Slots bytes_slots = {COMMON, .hash = bytes_hash_slot};
const Slots bytearray_slots = {COMMON, .setitem = bytearray_setitem, .hash = unhashable};
