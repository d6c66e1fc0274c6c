/* bytearray: bytes in memory of their own, which grows in steps. */
#include <stdlib.h>

#include "frontend/bytes.h"

static size_t capacity_for(size_t size) {
    size_t capacity = 16;
    while (capacity < size + 1)
        capacity *= 2;
    return capacity;
}

Value bytearray_alloc(Vm *vm, Class *cls, const void *data, size_t size) {
    Bytes *made = (Bytes *)(void *)vm_alloc(vm, cls);
    made->data = xcalloc(capacity_for(size), 1);
    made->size = size;
    if (size && data) memcpy(made->data, data, size);
    return FROM_OBJ(made);
}

void bytearray_dealloc(Obj *self) {
    free(((Bytes *)(void *)self)->data);
}

/* Puts `size` bytes in place of the `count` at `at`; `with` may lie in `b` itself. */
static void replace_range(Bytes *b, size_t at, size_t count, const unsigned char *with,
                          size_t size) {
    unsigned char *copy = xmalloc(size + 1);
    if (size) memcpy(copy, with, size);
    size_t old = b->size, changed = old - count + size;
    if (capacity_for(changed) > capacity_for(old))
        b->data = xrealloc(b->data, capacity_for(changed));
    memmove(b->data + at + size, b->data + at + count, old - at - count);
    if (size) memcpy(b->data + at, copy, size);
    b->size = changed;
    if (capacity_for(changed) < capacity_for(old))
        b->data = xrealloc(b->data, capacity_for(changed));
    free(copy);
}

/* Anything that bytes() takes but a number, as bytes. */
static Value to_bytes(Vm *vm, Value v) {
    if (is_bytes(v)) return incref(v);
    if (is_int(v) || is_str(v))
        return vm_raise(vm, EXC_TypeError, "can't extend bytearray with %s", vm_class_name(vm, v));
    return vm_call1(vm, FROM_OBJ(vm->cls[CLS_BYTES]), v);
}

static bool set_slice(Vm *vm, Value self, const Slice *slice, Value value) {
    Bytes *b = as_bytes(self);
    int64_t start, step, count;
    if (!slice_bounds(vm, slice, (int64_t)b->size, &start, &step, &count)) return false;
    if (is_null(value) && step != 1) { /* from the end, so that indices stay true */
        for (int64_t i = 0; i < count; i++) {
            int64_t at = step > 0 ? start + (count - 1 - i) * step : start + i * step;
            replace_range(b, (size_t)at, 1, NULL, 0);
        }
        return true;
    }
    Value with = is_null(value) ? bytes_new(vm, "", 0) : to_bytes(vm, value);
    if (is_null(with)) return false;
    const Bytes *source = as_bytes(with);
    bool ok = step == 1 || (int64_t)source->size == count;
    if (!ok)
        vm_raise(vm, EXC_ValueError,
                 "attempt to assign bytes of size %zu to extended slice of size %lld", source->size,
                 (long long)count);
    else if (step == 1)
        replace_range(b, (size_t)start, (size_t)count, source->data, source->size);
    else
        for (int64_t i = 0; i < count; i++)
            b->data[start + i * step] = source->data[i];
    decref(with);
    return ok;
}

bool bytearray_setitem(Vm *vm, Value self, Value key, Value value) {
    if (key.tag == TAG_OBJ && key.o->cls == vm->cls[CLS_SLICE])
        return set_slice(vm, self, (Slice *)(void *)key.o, value);
    int64_t index = bytes_index(vm, self, key);
    if (index < 0) return false;
    if (!is_null(value)) return bytes_item(vm, value, &as_bytes(self)->data[index]);
    replace_range(as_bytes(self), (size_t)index, 1, NULL, 0);
    return true;
}

static bool extend(Vm *vm, Value self, Value other) {
    Value with = to_bytes(vm, other);
    if (is_null(with)) return false;
    Bytes *b = as_bytes(self);
    replace_range(b, b->size, 0, as_bytes(with)->data, as_bytes(with)->size);
    decref(with);
    return true;
}

Value bytearray_inplace(Vm *vm, BinaryOp op, Value a, Value b) {
    if (op != BINARY_ADD) return NOT_IMPLEMENTED;
    return extend(vm, a, b) ? incref(a) : NULL_VALUE;
}

/* ---- methods ---- */

METHOD(bytearray_append) {
    unsigned char byte;
    if (!vm_args_simple(vm, "append", nargs, kwnames, 2, 2) || !bytes_item(vm, args[1], &byte))
        return NULL_VALUE;
    replace_range(as_bytes(args[0]), as_bytes(args[0])->size, 0, &byte, 1);
    return NONE;
}
METHOD(bytearray_extend) {
    if (!vm_args_simple(vm, "extend", nargs, kwnames, 2, 2)) return NULL_VALUE;
    return extend(vm, args[0], args[1]) ? NONE : NULL_VALUE;
}
METHOD(bytearray_insert) {
    unsigned char byte;
    int64_t at, size = (int64_t)as_bytes(args[0])->size;
    if (!vm_args_simple(vm, "insert", nargs, kwnames, 3, 3) || !vm_to_index(vm, args[1], &at) ||
        !bytes_item(vm, args[2], &byte))
        return NULL_VALUE;
    if (at < 0) at = at + size < 0 ? 0 : at + size;
    replace_range(as_bytes(args[0]), (size_t)(at > size ? size : at), 0, &byte, 1);
    return NONE;
}
METHOD(bytearray_pop) {
    if (!vm_args_simple(vm, "pop", nargs, kwnames, 1, 2)) return NULL_VALUE;
    Bytes *b = as_bytes(args[0]);
    if (b->size == 0) return vm_raise(vm, EXC_IndexError, "pop from empty bytearray");
    int64_t at = bytes_index(vm, args[0], nargs == 2 ? args[1] : from_int(-1));
    if (at < 0) return NULL_VALUE;
    Value byte = from_int(b->data[at]);
    replace_range(b, (size_t)at, 1, NULL, 0);
    return byte;
}
METHOD(bytearray_remove) {
    unsigned char byte;
    if (!vm_args_simple(vm, "remove", nargs, kwnames, 2, 2) || !bytes_item(vm, args[1], &byte))
        return NULL_VALUE;
    Bytes *b = as_bytes(args[0]);
    const unsigned char *at = b->size ? memchr(b->data, byte, b->size) : NULL;
    if (!at) return vm_raise(vm, EXC_ValueError, "value not found in bytearray");
    replace_range(b, (size_t)(at - b->data), 1, NULL, 0);
    return NONE;
}
METHOD(bytearray_clear) {
    if (!vm_args_simple(vm, "clear", nargs, kwnames, 1, 1)) return NULL_VALUE;
    replace_range(as_bytes(args[0]), 0, as_bytes(args[0])->size, NULL, 0);
    return NONE;
}
METHOD(bytearray_reverse) {
    if (!vm_args_simple(vm, "reverse", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Bytes *b = as_bytes(args[0]);
    for (size_t i = 0; i + 1 < b->size - i; i++) {
        unsigned char swapped = b->data[i];
        b->data[i] = b->data[b->size - 1 - i];
        b->data[b->size - 1 - i] = swapped;
    }
    return NONE;
}
METHOD(bytearray_copy) {
    if (!vm_args_simple(vm, "copy", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return bytearray_alloc(vm, vm->cls[CLS_BYTEARRAY], as_bytes(args[0])->data,
                           as_bytes(args[0])->size);
}

const Method bytearray_methods[] = {
    {"append", bytearray_append, 0},
    {"extend", bytearray_extend, 0},
    {"insert", bytearray_insert, 0},
    {"pop", bytearray_pop, 0},
    {"remove", bytearray_remove, 0},
    {"clear", bytearray_clear, 0},
    {"reverse", bytearray_reverse, 0},
    {"copy", bytearray_copy, 0},
    {NULL, NULL, 0},
};
