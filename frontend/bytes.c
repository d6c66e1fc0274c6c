/* bytes, and what bytearray shares with it. */
#include "frontend/bytes.h"

Value bytes_alloc(Vm *vm, Class *cls, const void *data, size_t size) {
    if (class_is_subclass(cls, vm->cls[CLS_BYTEARRAY])) return bytearray_alloc(vm, cls, data, size);
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
    bool mutable = is_bytearray(vm, self);
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
    *out = (int64_t)text_hash((const char *)as_bytes(self)->data, as_bytes(self)->size);
    return true;
}

static Value bytes_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    (void)vm, (void)reflected;
    if (!is_bytes(a) || !is_bytes(b)) return NOT_IMPLEMENTED;
    const Bytes *x = as_bytes(a), *y = as_bytes(b);
    int diff = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);
    if (diff == 0) diff = x->size == y->size ? 0 : x->size < y->size ? -1 : 1;
    return from_order(op, diff);
}

static Value bytes_repeat(Vm *vm, Value self, Value times) {
    int64_t n;
    size_t total;
    const Bytes *b = as_bytes(self);
    if (!vm_to_index(vm, times, &n)) return NULL_VALUE;
    if (n < 0) n = 0;
    if (!mul_size(b->size, (size_t)n, &total) || total > (size_t)1 << 32)
        return vm_raise(vm, EXC_MemoryError, "the bytes are too long");
    Value made = bytes_alloc(vm, builtin_bytes(vm, self), NULL, total);
    for (size_t i = 0; b->size > 0 && i < total; i += b->size)
        memcpy(as_bytes(made)->data + i, b->data, b->size);
    return made;
}

static Value bytes_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    (void)reflected;
    if (op == BINARY_MUL && is_int(b)) return bytes_repeat(vm, a, b);
    if (op == BINARY_MUL && is_int(a)) return bytes_repeat(vm, b, a);
    if (op == BINARY_MOD && is_bytes(a)) return bytes_percent(vm, a, b);
    if (op != BINARY_ADD || !is_bytes(a)) return NOT_IMPLEMENTED;
    if (!is_bytes(b))
        return vm_raise(vm, EXC_TypeError, "can't concat %s to %s", vm_class_name(vm, b),
                        vm_class_name(vm, a));
    const Bytes *x = as_bytes(a), *y = as_bytes(b);
    Value made = bytes_alloc(vm, builtin_bytes(vm, a), NULL, x->size + y->size);
    if (x->size) memcpy(as_bytes(made)->data, x->data, x->size);
    if (y->size) memcpy(as_bytes(made)->data + x->size, y->data, y->size);
    return made;
}

int64_t bytes_index(Vm *vm, Value self, Value key) {
    int64_t index, size = (int64_t)as_bytes(self)->size;
    bool mutable = is_bytearray(vm, self);
    if (!is_int(key) && !vm_class_of(vm, key)->slots.to_index) {
        vm_raise(vm, EXC_TypeError, "%s indices must be integers or slices, not %s",
                 mutable ? "bytearray" : "byte", vm_class_name(vm, key));
        return -1;
    }
    if (!vm_to_position(vm, key, &index)) return -1;
    if (index < 0) index += size;
    if (index >= 0 && index < size) return index;
    vm_raise(vm, EXC_IndexError, mutable ? "bytearray index out of range" : "index out of range");
    return -1;
}

bool bytes_item(Vm *vm, Value v, unsigned char *out) {
    int64_t byte;
    if (!vm_to_index(vm, v, &byte)) return false;
    if (byte < 0 || byte > 255) {
        vm_raise(vm, EXC_ValueError, "byte must be in range(0, 256)");
        return false;
    }
    *out = (unsigned char)byte;
    return true;
}

static Value bytes_getitem(Vm *vm, Value self, Value key) {
    const Bytes *b = as_bytes(self);
    if (key.tag == TAG_OBJ && key.o->cls == vm->cls[CLS_SLICE]) {
        int64_t start, step, count;
        if (!slice_bounds(vm, (Slice *)(void *)key.o, (int64_t)b->size, &start, &step, &count))
            return NULL_VALUE;
        Value made = bytes_alloc(vm, builtin_bytes(vm, self), NULL, (size_t)count);
        for (int64_t i = 0; i < count; i++)
            as_bytes(made)->data[i] = b->data[start + i * step];
        return made;
    }
    int64_t index = bytes_index(vm, self, key);
    return index < 0 ? NULL_VALUE : from_int(b->data[index]);
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
    Value out[3];
    if (!vm_args(vm, cls->name, "source? encoding? errors?", args, nargs, kwnames, out))
        return NULL_VALUE;
    if (is_null(out[0])) return bytes_alloc(vm, cls, NULL, 0);
    if (is_str(out[0])) {
        if (is_null(out[1]))
            return vm_raise(vm, EXC_TypeError, "string argument without an encoding");
        Value encoded = str_to_bytes(vm, as_str(out[0]), out[1], out[2]);
        if (is_null(encoded)) return encoded;
        Value made = bytes_alloc(vm, cls, as_bytes(encoded)->data, as_bytes(encoded)->size);
        decref(encoded);
        return made;
    }
    if (is_bytes(out[0]))
        return bytes_alloc(vm, cls, as_bytes(out[0])->data, as_bytes(out[0])->size);
    if (is_int(out[0])) {
        if (as_int(out[0]) < 0 || as_int(out[0]) > (int64_t)1 << 32)
            return vm_raise(vm, EXC_ValueError,
                            as_int(out[0]) < 0 ? "negative count" : "too many bytes");
        return bytes_alloc(vm, cls, NULL, (size_t)as_int(out[0]));
    }
    bool found;
    Value own = call_dunder(vm, out[0], vm_intern_text(vm, "__bytes__"), NULL, 0, &found);
    if (found) {
        if (is_null(own) || is_bytes(own)) return own;
        vm_raise(vm, EXC_TypeError, "__bytes__ returned non-bytes (type %s)",
                 vm_class_name(vm, own));
        decref(own);
        return NULL_VALUE;
    }
    Value list = list_from_iterable(vm, out[0]);
    if (is_null(list)) return list;
    Value made = bytes_alloc(vm, cls, NULL, as_list(list)->count);
    for (size_t i = 0; i < as_list(list)->count; i++) {
        int64_t byte;
        if (!vm_to_index(vm, as_list(list)->items[i], &byte)) break;
        if (byte < 0 || byte > 255) {
            vm_raise(vm, EXC_ValueError, "%s must be in range(0, 256)",
                     class_is_subclass(cls, vm->cls[CLS_BYTEARRAY]) ? "byte" : "bytes");
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

#define COMMON                                                                                     \
    .repr = bytes_repr, .str = bytes_repr, .compare = bytes_compare, .binary = bytes_binary,       \
    .getitem = bytes_getitem, .length = bytes_length, .contains = bytes_contains,                  \
    .iter = iterator_over, .create = bytes_create, .init = bytes_init
const Slots bytes_slots = {COMMON, .hash = bytes_hash_slot};
const Slots bytearray_slots = {COMMON, .dealloc = bytearray_dealloc, .setitem = bytearray_setitem,
                               .inplace = bytearray_inplace, .hash = unhashable};
