/* Batches of a data set taken at once: rows of a tensor, and samples stacked.
 *
 * Both copy values that are already there, so that a program's graphs meet each batch as a leaf;
 * for tensors whose values are still to be computed, or that want gradients, they give None and the
 * prelude records the same in ops. */
#include <string.h>

#include "frontend/tensor/tensor.h"

/* A tensor's elements where they lie. */
typedef struct Elements {
    const unsigned char *bytes;
    int64_t strides[MAX_RANK];
} Elements;

static bool elements_of(TensorState *ts, const Tensor *x, Elements *out) {
    if (tensor_requires_grad(x)) return false;
    if (x->var->storage->order) return false;
    LazyNode *node = lazy_data(x->var->storage->value);
    if (!node->value && (ts->policy.compiling || !need_value(ts, node, "a batch"))) return false;
    int64_t offset;
    tensor_strides(x, out->strides, &offset);
    out->bytes = node->value->bytes + offset * (int64_t)dtype_size(x->type.dtype);
    return true;
}

/* The dims from `axis` on as one block of memory? */
static bool dense_from(const Type *type, const int64_t *strides, int axis) {
    int64_t expected = 1;
    for (int i = type->rank - 1; i >= axis; i--) {
        if (type->dim[i] != 1 && strides[i] != expected) return false;
        expected *= type->dim[i];
    }
    return true;
}

/* Copies the dims from `axis` on, row-major; returns where the next element goes. */
static unsigned char *copy_from(unsigned char *to, const Type *type, const Elements *from,
                                const unsigned char *at, int axis) {
    size_t size = dtype_size(type->dtype);
    if (dense_from(type, from->strides, axis)) {
        for (int i = axis; i < type->rank; i++)
            size *= (size_t)type->dim[i];
        if (size) memcpy(to, at, size);
        return to + size;
    }
    for (int64_t i = 0; i < type->dim[axis]; i++)
        to = copy_from(to, type, from, at + i * from->strides[axis] * (int64_t)size, axis + 1);
    return to;
}

/* _rows(x, [i, ...]): x[[i, ...]] */
static Value rows_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    const Value *items;
    size_t count;
    Elements from;
    if (!vm_args(vm, "_rows", "x indices", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "_rows", &x))
        return NULL_VALUE;
    if (!vm_items(v[1], &items, &count) || x->type.rank == 0) return NONE;
    if (!elements_of(ts, x, &from)) return vm_failed(vm) ? NULL_VALUE : NONE;
    Type type = x->type;
    type.dim[0] = (int64_t)count;
    if (!type_valid(&type)) return NONE;
    Buffer *buffer = buffer_new(ts, type_bytes(&type));
    unsigned char *to = buffer->bytes;
    for (size_t i = 0; i < count; i++) {
        int64_t index;
        if (!vm_to_index(vm, items[i], &index)) break;
        if (index < 0) index += x->type.dim[0];
        if (index < 0 || index >= x->type.dim[0]) {
            vm_raise(vm, EXC_IndexError,
                     "index %lld is out of bounds for dimension 0 with size %lld",
                     (long long)as_int(items[i]), (long long)x->type.dim[0]);
            break;
        }
        int64_t skipped = index * from.strides[0] * (int64_t)dtype_size(type.dtype);
        to = copy_from(to, &type, &from, from.bytes + skipped, 1);
    }
    if (!vm_failed(vm)) return tensor_from_buffer(ts, type, buffer);
    buffer_unref(ts, buffer);
    return NULL_VALUE;
}

/* The value of a sample is there, or is part of one that is, and its strides are its bytes'. */
static bool is_ready(const Tensor *x) {
    const Storage *storage = x->var->storage;
    return lazy_data(storage->value)->value && !storage->order && !tensor_requires_grad(x);
}

/* Whether the tensors are ready, and alike but for the sizes of dim 0; these add up to *rows. */
static bool all_ready(TensorState *ts, const Value *items, size_t count, int64_t *rows) {
    *rows = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_tensor(ts, items[i]) || !is_ready(as_tensor(items[i]))) return false;
        Type type = as_tensor(items[i])->type;
        if (type.rank) {
            *rows += type.dim[0];
            type.dim[0] = as_tensor(items[0])->type.dim[0];
        }
        if (!type_equal(&type, &as_tensor(items[0])->type)) return false;
    }
    return count > 0;
}

static bool same_sizes(const Value *items, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (!type_same_shape(&as_tensor(items[i])->type, &as_tensor(items[0])->type)) return false;
    return true;
}

Value join_ready(TensorState *ts, const Value *items, size_t count, bool fresh) {
    int64_t rows;
    if (!all_ready(ts, items, count, &rows)) return NULL_VALUE;
    Type type = as_tensor(items[0])->type;
    if (fresh) {
        if (type.rank == MAX_RANK || !same_sizes(items, count)) return NULL_VALUE;
        memmove(type.dim + 1, type.dim, (size_t)type.rank++ * sizeof *type.dim);
        type.dim[0] = (int64_t)count;
    } else {
        if (type.rank == 0) return NULL_VALUE;
        type.dim[0] = rows;
    }
    if (!type_valid(&type)) return NULL_VALUE;
    Buffer *buffer = buffer_new(ts, type_bytes(&type));
    unsigned char *to = buffer->bytes;
    for (size_t i = 0; i < count; i++) {
        Elements from;
        const Tensor *x = as_tensor(items[i]);
        NNC_CHECK(elements_of(ts, x, &from), "a sample's value is gone");
        to = copy_from(to, &x->type, &from, from.bytes, 0);
    }
    return tensor_from_buffer(ts, type, buffer);
}

/* _stack_rows([x, ...]): torch.stack of tensors of one type */
static Value stack_rows_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    const Value *items;
    size_t count;
    if (!vm_args_simple(vm, "_stack_rows", nargs, kwnames, 1, 1)) return NULL_VALUE;
    if (!vm_items(args[0], &items, &count)) return NONE;
    Value joined = join_ready(tensor_state(vm), items, count, true);
    return is_null(joined) ? NONE : joined;
}

const TensorFunction BATCH_FUNCTIONS[] = {
    {"_rows", rows_call, FN_FUNCTION},
    {"_stack_rows", stack_rows_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
