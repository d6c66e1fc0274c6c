/* What the files of bytes and bytearray share. */
#ifndef NNC_FRONTEND_BYTES_H
#define NNC_FRONTEND_BYTES_H

#include "frontend/vm_internal.h"

static inline Bytes *as_bytes(Value v) {
    return (Bytes *)(void *)v.o;
}
static inline bool is_bytes(Value v) {
    return has_flag(v, CLASS_BYTES);
}
static inline bool is_bytearray(Vm *vm, Value v) {
    return is_bytes(v) && class_is_subclass(v.o->cls, vm->cls[CLS_BYTEARRAY]);
}
/* What operations on a value give: bytes or bytearray, not a class derived from them. */
static inline Class *builtin_bytes(Vm *vm, Value v) {
    return vm->cls[is_bytearray(vm, v) ? CLS_BYTEARRAY : CLS_BYTES];
}

Value bytes_alloc(Vm *vm, Class *cls, const void *data, size_t size); /* data NULL: zeros */
int64_t bytes_index(Vm *vm, Value self, Value key);                   /* -1: raised */
bool bytes_item(Vm *vm, Value v, unsigned char *out);                 /* an int from 0 to 255 */
Value bytes_percent(Vm *vm, Value template, Value args);

/* bytearray.c */
Value bytearray_alloc(Vm *vm, Class *cls, const void *data, size_t size);
void bytearray_dealloc(Obj *self);
bool bytearray_setitem(Vm *vm, Value self, Value key, Value value);
Value bytearray_inplace(Vm *vm, BinaryOp op, Value a, Value b);

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

#endif
