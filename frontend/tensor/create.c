/* Making tensors: from the program's numbers and lists, filled, counted, and as matrices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/bytes.h"
#include "frontend/tensor/tensor.h"

/* ---- from lists ---- */

typedef struct Reading {
    Type type;
    int found; /* dtype seen so far, -1: none */
    unsigned char *bytes;
    int64_t at;
    DType dtype;
    bool unknown; /* compiling: an opaque number is among them */
} Reading;

Value tensor_behind(TensorState *ts, Value v) {
    if (v.tag != TAG_OBJ || is_tensor(ts, v) || is_str(v) || is_list(v) || is_tuple(v))
        return NULL_VALUE;
    return vm_getattr_optional(ts->vm, v, vm_intern_text(ts->vm, "__tensor__"));
}

bool is_sequence(TensorState *ts, Value v) {
    if (v.tag != TAG_OBJ || is_number(ts, v) || is_str(v) || is_bytes(v) || is_dict(v))
        return false;
    const Slots *slots = &vm_class_of(ts->vm, v)->slots;
    return slots->getitem && slots->length;
}

/* The elements of a sequence: a list's or tuple's own, or those of a new list, *held. */
static bool elements(TensorState *ts, Value v, Value *held, const Value **items, size_t *count) {
    *held = NULL_VALUE;
    if (vm_items(v, items, count)) return true;
    *held = list_from_iterable(ts->vm, v);
    return !is_null(*held) && vm_items(*held, items, count);
}

static bool survey(TensorState *ts, Value v, int depth, Reading *r);

static bool survey_sequence(TensorState *ts, Value v, int depth, Reading *r) {
    Vm *vm = ts->vm;
    const Value *items;
    size_t count;
    Value held;
    if (depth == MAX_RANK) {
        vm_raise(vm, EXC_ValueError, "too many dimensions: at most %d", MAX_RANK);
        return false;
    }
    if (!elements(ts, v, &held, &items, &count)) return false;
    if (depth == r->type.rank) r->type.dim[r->type.rank++] = (int64_t)count;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        bool nested = !is_tensor(ts, items[i]) && is_sequence(ts, items[i]);
        ok = i == 0 || nested || depth + 1 >= r->type.rank;
        if (!ok) vm_raise(vm, EXC_TypeError, "not a sequence");
        ok = ok && survey(ts, items[i], depth + 1, r);
    }
    if (!is_null(held)) decref(held);
    return ok;
}

/* Shape and element type of nested sequences; numbers decide among bool, int and float. */
static bool survey(TensorState *ts, Value v, int depth, Reading *r) {
    Vm *vm = ts->vm;
    Value array = tensor_behind(ts, v);
    if (!is_null(array)) {
        bool ok = survey(ts, array, depth, r);
        decref(array);
        return ok;
    }
    bool single = is_tensor(ts, v) && type_numel(&as_tensor(v)->type) == 1;
    if (single) {
        DType dtype = as_tensor(v)->type.dtype;
        r->found = r->found < 0 || (int)dtype > r->found ? (int)dtype : r->found;
    } else if (is_tensor(ts, v)) {
        if (dtype_is_float(as_tensor(v)->type.dtype))
            vm_raise(vm, EXC_ValueError,
                     "only one element tensors can be converted to Python scalars");
        else
            vm_raise(vm, EXC_TypeError,
                     "only integer tensors of a single element can be converted to an index");
        return false;
    } else if (is_sequence(ts, v)) {
        return survey_sequence(ts, v, depth, r);
    } else {
        int dtype = v.tag == TAG_BOOL  ? DT_BOOL
                    : is_int(v)        ? DT_I64
                    : is_number(ts, v) ? (int)ts->default_dtype
                                       : -1;
        if (dtype < 0) {
            if (is_str(v))
                vm_raise(vm, depth ? EXC_ValueError : EXC_TypeError,
                         depth ? "too many dimensions 'str'" : "new(): invalid data type 'str'");
            else
                vm_raise(vm, EXC_RuntimeError, "Could not infer dtype of %s", vm_class_name(vm, v));
            return false;
        }
        if (dtype > r->found) r->found = dtype;
    }
    if (depth != r->type.rank) {
        vm_raise(vm, EXC_ValueError, "expected sequence of length %lld at dim %d (got a number)",
                 (long long)r->type.dim[depth], depth);
        return false;
    }
    return true;
}

/* An element from an int, a float or (compiling) an opaque number. */
static bool store_number(TensorState *ts, Reading *r, Value item, unsigned char *to) {
    double f = 0;
    int64_t i = 0;
    bool is_number = is_int(item) || is_float(item);
    r->unknown = r->unknown || !is_number;
    if (is_number && !vm_to_double(ts->vm, item, &f)) return false;
    if (is_big(item) && r->dtype == DT_I64) {
        vm_raise(ts->vm, EXC_ValueError, "Overflow when unpacking long long");
        return false;
    }
    if (is_number && !dtype_is_float(r->dtype) && !number_fits(r->dtype, item)) {
        vm_raise(ts->vm, EXC_RuntimeError, "value cannot be converted to type %s without overflow",
                 dtype_torch_name(r->dtype) + strlen("torch."));
        return false;
    }
    if (r->dtype == DT_BOOL)
        i = f != 0;
    else if (!dtype_is_float(r->dtype) && is_number)
        i = is_int(item) ? as_int(item) : (int64_t)f;
    element_store(r->dtype, to, f, i);
    return true;
}

static bool fill_from(TensorState *ts, Value v, int depth, Reading *r) {
    const Value *items;
    size_t count, size = dtype_size(r->dtype);
    if (depth < r->type.rank) {
        Value held;
        bool ok = elements(ts, v, &held, &items, &count);
        if (ok && (int64_t)count != r->type.dim[depth]) {
            vm_raise(ts->vm, EXC_ValueError, "expected sequence of length %lld at dim %d (got %zu)",
                     (long long)r->type.dim[depth], depth, count);
            ok = false;
        }
        for (size_t i = 0; ok && i < count; i++)
            ok = fill_from(ts, items[i], depth + 1, r);
        if (!is_null(held)) decref(held);
        return ok;
    }
    Value array = tensor_behind(ts, v), number = is_null(array) ? v : array;
    Value item = is_tensor(ts, number) ? tensor_item(ts, as_tensor(number)) : incref(number);
    if (!is_null(array)) decref(array);
    if (is_null(item)) return false;
    bool ok = store_number(ts, r, item, r->bytes + (size_t)r->at++ * size);
    decref(item);
    return ok;
}

Value tensor_from_data(TensorState *ts, Value data, bool has_dtype, DType dtype) {
    Reading r = {.found = -1};
    Value array = tensor_behind(ts, data);
    if (!is_null(array)) {
        Value made = tensor_from_data(ts, array, has_dtype, dtype);
        decref(array);
        return made;
    }
    if (is_tensor(ts, data)) {
        LazyNode *node = tensor_read(ts, as_tensor(data));
        if (node && node->requires_grad) {
            LazyNode *plain = lazy_link(ts, LAZY_BARRIER, node->type, &node, 1);
            lazy_unref(ts, node);
            node = plain;
        }
        return tensor_wrap(ts, has_dtype ? lazy_cast(ts, node, dtype) : node, NULL);
    }
    Value result = NULL_VALUE;
    if (survey(ts, data, 0, &r)) {
        r.dtype = has_dtype ? dtype : r.found < 0 ? ts->default_dtype : (DType)r.found;
        r.type.dtype = r.dtype;
        Buffer *buffer = buffer_new(ts, type_bytes(&r.type));
        r.bytes = buffer->bytes;
        bool ok = fill_from(ts, data, 0, &r);
        if (ok && !r.unknown) {
            result = tensor_from_buffer(ts, r.type, buffer);
        } else {
            if (ok) result = tensor_wrap(ts, unknown_node(ts, r.type), NULL);
            buffer_unref(ts, buffer);
        }
    }
    return result;
}

static Value tensor_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    DType dtype = DT_COUNT;
    if (!vm_args(vm, "tensor", "data * dtype? device? requires_grad? pin_memory?", args, nargs,
                 kwnames, v) ||
        !arg_dtype(ts, v[1], &dtype) || !arg_device(ts, v[2]))
        return NULL_VALUE;
    return tensor_created(ts, tensor_from_data(ts, v[0], dtype != DT_COUNT, dtype), v[3]);
}

static Value as_tensor_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    DType dtype = DT_COUNT;
    if (!vm_args(vm, "as_tensor", "data dtype? device?", args, nargs, kwnames, v) ||
        !arg_dtype(ts, v[1], &dtype) || !arg_device(ts, v[2]))
        return NULL_VALUE;
    Value array = tensor_behind(ts, v[0]), data = is_null(array) ? v[0] : array, result;
    if (is_tensor(ts, data))
        result = tensor_cast(ts, as_tensor(data),
                             dtype == DT_COUNT ? as_tensor(data)->type.dtype : dtype);
    else
        result = tensor_from_data(ts, data, dtype != DT_COUNT, dtype);
    if (!is_null(array)) decref(array);
    return result;
}

/* ---- filled ---- */

static bool valid_type(TensorState *ts, const Type *type) {
    for (int i = 0; i < type->rank; i++) {
        if (type->dim[i] >= 0) continue;
        Buf shape = {0};
        shape_text(&shape, type->dim, type->rank);
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Trying to create tensor with negative dimension %lld: %s",
                 (long long)type->dim[i], buf_text(&shape));
        buf_free(&shape);
        return false;
    }
    if (type_valid(type)) return true;
    vm_raise(ts->vm, EXC_RuntimeError, "the tensor is too large");
    return false;
}

/* The dtype that a fill value asks for. */
static DType number_dtype(TensorState *ts, Value v) {
    if (is_tensor(ts, v)) return as_tensor(v)->type.dtype;
    return v.tag == TAG_BOOL ? DT_BOOL : is_int(v) ? DT_I64 : ts->default_dtype;
}

/* f(*sizes, dtype=, device=, requires_grad=, generator=, [fill_value=]) */
bool creation_args(TensorState *ts, const char *name, bool has_value, const Value *args, int nargs,
                   const Tuple *kwnames, Type *type, Value out[3]) {
    static const char *const spec = "size? fill_value? * dtype? device? requires_grad? generator? "
                                    "layout? pin_memory? memory_format? low? high?";
    Value v[12];
    bool keyword_size = false;
    for (size_t i = 0; kwnames && i < kwnames->count; i++)
        keyword_size = keyword_size || str_equals(as_str(kwnames->items[i]), "size");
    if (!keyword_size && !has_value && nargs >= 1) {
        if (!arg_sizes(ts, args, nargs, name, type->dim, &type->rank)) return false;
        if (!vm_args(ts->vm, name, spec, args + nargs, 0, kwnames, v)) return false;
    } else {
        if (!vm_args(ts->vm, name, spec, args, nargs, kwnames, v)) return false;
        if (is_null(v[0])) {
            if (has_value) {
                vm_raise(ts->vm, EXC_TypeError, "%s() missing the size", name);
                return false;
            }
            type->rank = 0;
        } else if (!arg_ints(ts, v[0], name, type->dim, MAX_RANK, &type->rank)) {
            return false;
        }
    }
    if (!arg_dtype(ts, v[2], &type->dtype) || !arg_device(ts, v[3])) return false;
    if (type->dtype == DT_COUNT) type->dtype = number_dtype(ts, v[1]);
    *type = type_make(type->dtype, type->rank, type->dim);
    if (!valid_type(ts, type)) return false;
    out[0] = v[4];
    out[1] = v[5];
    out[2] = v[1];
    return true;
}

static Value filled(Vm *vm, const char *name, int number, const Value *args, int nargs,
                    const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Type type = {.dtype = ts->default_dtype};
    Value v[3];
    if (!creation_args(ts, name, false, args, nargs, kwnames, &type, v)) return NULL_VALUE;
    return tensor_created(ts, tensor_wrap(ts, lazy_full(ts, type, from_int(number)), NULL), v[0]);
}
static Value zeros_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return filled(vm, "zeros", 0, args, nargs, kwnames);
}
static Value ones_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return filled(vm, "ones", 1, args, nargs, kwnames);
}

static Value full_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Type type = {.dtype = DT_COUNT};
    Value v[3];
    if (!creation_args(ts, "full", true, args, nargs, kwnames, &type, v)) return NULL_VALUE;
    if (is_null(v[2])) return vm_raise(vm, EXC_TypeError, "full() missing the fill_value");
    if (!is_tensor(ts, v[2]) && !is_number(ts, v[2]))
        return vm_raise(vm, EXC_TypeError,
                        "full(): argument 'fill_value' (position 2) must be Number, not %s",
                        vm_class_name(vm, v[2]));
    return tensor_created(ts, tensor_wrap(ts, filler_node(ts, v[2], type), NULL), v[0]);
}

/* zeros_like and kin; `number` NULL_VALUE: the second argument. */
static Value like(Vm *vm, const char *name, Value number, const Value *args, int nargs,
                  const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[7];
    Tensor *x;
    const char *spec =
        is_null(number) ? "input fill_value * dtype? device? requires_grad? memory_format? layout?"
                        : "input * dtype? device? requires_grad? memory_format? layout?";
    if (!vm_args(vm, name, spec, args, nargs, kwnames, v) || !arg_tensor(ts, v[0], name, &x))
        return NULL_VALUE;
    const Value *rest = v + 1;
    if (is_null(number)) number = *rest++;
    Type type = x->type;
    if (!arg_dtype(ts, rest[0], &type.dtype) || !arg_device(ts, rest[1])) return NULL_VALUE;
    Value made = tensor_wrap_like(ts, filler_node(ts, number, type), NULL, &x, 1);
    return tensor_created(ts, made, rest[2]);
}
static Value zeros_like_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return like(vm, "zeros_like", from_int(0), args, nargs, kwnames);
}
static Value ones_like_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return like(vm, "ones_like", from_int(1), args, nargs, kwnames);
}
static Value full_like_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return like(vm, "full_like", NULL_VALUE, args, nargs, kwnames);
}

/* x.new_zeros(*sizes) and kin: x's dtype unless another is named. */
static Value new_filled(Vm *vm, const char *name, int number, const Value *args, int nargs,
                        const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Type type = {.dtype = nargs ? as_tensor(args[0])->type.dtype : DT_F32};
    Value v[3];
    bool full = number < 0;
    if (!creation_args(ts, name, full, args + 1, nargs - 1, kwnames, &type, v)) return NULL_VALUE;
    Value fill = full ? v[2] : from_int(number);
    if (is_null(fill)) return vm_raise(vm, EXC_TypeError, "new_full() missing the fill_value");
    return tensor_created(ts, tensor_wrap(ts, filler_node(ts, fill, type), NULL), v[0]);
}
static Value new_zeros_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return new_filled(vm, "new_zeros", 0, args, nargs, kwnames);
}
static Value new_ones_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return new_filled(vm, "new_ones", 1, args, nargs, kwnames);
}
static Value new_full_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return new_filled(vm, "new_full", -1, args, nargs, kwnames);
}
static Value new_tensor_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    if (!vm_args(vm, "new_tensor", "self data * dtype? device? requires_grad?", args, nargs,
                 kwnames, v))
        return NULL_VALUE;
    DType dtype = as_tensor(v[0])->type.dtype;
    if (!arg_dtype(ts, v[2], &dtype)) return NULL_VALUE;
    return tensor_created(ts, tensor_from_data(ts, v[1], true, dtype), v[4]);
}

/* ---- counted ---- */

/* Elements start + i * step, computed in double and rounded, as a leaf. */
static Value counted(TensorState *ts, DType dtype, int64_t count, double start, double step,
                     bool from_both_ends, double end) {
    Type type = type_make(dtype, 1, &count);
    if (!valid_type(ts, &type)) return NULL_VALUE;
    Buffer *buffer = buffer_new(ts, type_bytes(&type));
    size_t size = dtype_size(dtype);
    for (int64_t i = 0; i < count; i++) {
        int64_t back = count - 1 - i; /* linspace counts from both ends, and rounds once */
        double value = start + (double)i * step;
        if (from_both_ends && dtype == DT_F32)
            value = i < count / 2 ? (double)fmaf((float)step, (float)i, (float)start)
                                  : (double)fmaf(-(float)step, (float)back, (float)end);
        else if (from_both_ends && i >= count / 2)
            value = end - (double)back * step;
        element_store(dtype, buffer->bytes + (size_t)i * size, value, (int64_t)value);
    }
    return tensor_from_buffer(ts, type, buffer);
}

static Value arange_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[6], low = from_int(0), high, by = from_int(1);
    if (!vm_args(vm, "arange", "start? end? step? * dtype? device? requires_grad?", args, nargs,
                 kwnames, v))
        return NULL_VALUE;
    if (is_null(v[0]) && is_null(v[1]))
        return vm_raise(vm, EXC_TypeError, "arange() needs the end");
    high = is_null(v[1]) ? v[0] : v[1];
    if (!is_null(v[1]) && !is_null(v[0])) low = v[0];
    if (!is_null(v[2])) by = v[2];
    bool whole = is_int(low) && is_int(high) && is_int(by);
    DType dtype = whole ? DT_I64 : ts->default_dtype;
    double start, end, step;
    if (!arg_dtype(ts, v[3], &dtype) || !vm_to_double(vm, low, &start) ||
        !vm_to_double(vm, high, &end) || !vm_to_double(vm, by, &step))
        return NULL_VALUE;
    if (step == 0) return vm_raise(vm, EXC_RuntimeError, "step must be nonzero");
    if ((step > 0 && start > end) || (step < 0 && start < end))
        return vm_raise(vm, EXC_RuntimeError,
                        "upper bound and lower bound inconsistent with step sign");
    double count = ceil((end - start) / step);
    if (!(count < 1e15)) return vm_raise(vm, EXC_RuntimeError, "the tensor is too large");
    return tensor_created(ts, counted(ts, dtype, (int64_t)count, start, step, false, 0), v[5]);
}

static Value linspace_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[6];
    double start, end;
    int64_t steps;
    DType dtype = ts->default_dtype;
    if (!vm_args(vm, "linspace", "start end steps * dtype? device? requires_grad?", args, nargs,
                 kwnames, v) ||
        !vm_to_double(vm, v[0], &start) || !vm_to_double(vm, v[1], &end) ||
        !arg_int(ts, v[2], 0, &steps) || !arg_dtype(ts, v[3], &dtype))
        return NULL_VALUE;
    if (steps < 0) return vm_raise(vm, EXC_RuntimeError, "number of steps must be non-negative");
    double step = steps > 1 ? (end - start) / (double)(steps - 1) : 0;
    if (dtype == DT_F32)
        step = (double)(((float)end - (float)start) / (float)(steps > 1 ? steps - 1 : 1));
    if (steps == 1) return tensor_created(ts, counted(ts, dtype, 1, start, 0, false, 0), v[5]);
    return tensor_created(ts, counted(ts, dtype, steps, start, step, true, end), v[5]);
}

static Value eye_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Type type = {.dtype = ts->default_dtype, .rank = 2};
    if (!vm_args(vm, "eye", "n m? * dtype? device? requires_grad?", args, nargs, kwnames, v) ||
        !arg_int(ts, v[0], 0, &type.dim[0]) || !arg_int(ts, v[1], type.dim[0], &type.dim[1]) ||
        !arg_dtype(ts, v[2], &type.dtype) || !valid_type(ts, &type))
        return NULL_VALUE;
    Buffer *buffer = buffer_new(ts, type_bytes(&type));
    size_t size = dtype_size(type.dtype);
    memset(buffer->bytes, 0, type_bytes(&type));
    for (int64_t i = 0; i < type.dim[0] && i < type.dim[1]; i++)
        element_store(type.dtype, buffer->bytes + (size_t)(i * type.dim[1] + i) * size, 1, 1);
    return tensor_created(ts, tensor_from_buffer(ts, type, buffer), v[4]);
}

/* tril and triu: zero above, or below, a diagonal of the last two dims. */
static Value triangle(Vm *vm, bool lower, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    int64_t diagonal;
    const char *name = lower ? "tril" : "triu";
    if (!vm_args(vm, name, "input diagonal?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], name, &x) || !arg_int(ts, v[1], 0, &diagonal))
        return NULL_VALUE;
    int rank = x->type.rank;
    if (rank < 2)
        return vm_raise(vm, EXC_RuntimeError, "%s: input tensor must have at least 2 dimensions",
                        name);
    Type type = x->type;
    type.dtype = DT_I64;
    LazyNode *row = lazy_iota(ts, type, rank - 2), *column = lazy_iota(ts, type, rank - 1);
    LazyNode *shift = lazy_broadcast(ts, lazy_const(ts, DT_I64, (double)diagonal), rank, type.dim);
    LazyNode *keep =
        lazy_binary(ts, lower ? OP_le : OP_ge, column, lazy_binary(ts, OP_add, row, shift));
    LazyNode *node = lazy_where(ts, keep, tensor_read(ts, x), lazy_zeros(ts, x->type));
    return tensor_wrap(ts, node, lower ? "TrilBackward0" : "TriuBackward0");
}
static Value tril_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return triangle(vm, true, args, nargs, kwnames);
}
static Value triu_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return triangle(vm, false, args, nargs, kwnames);
}

const TensorFunction CREATE_FUNCTIONS[] = {
    {"tensor", tensor_call, FN_FUNCTION},
    {"as_tensor", as_tensor_call, FN_FUNCTION},
    {"asarray", as_tensor_call, FN_FUNCTION},
    {"zeros", zeros_call, FN_FUNCTION},
    {"empty", zeros_call, FN_FUNCTION},
    {"ones", ones_call, FN_FUNCTION},
    {"full", full_call, FN_FUNCTION},
    {"zeros_like", zeros_like_call, FN_FUNCTION},
    {"empty_like", zeros_like_call, FN_FUNCTION},
    {"ones_like", ones_like_call, FN_FUNCTION},
    {"full_like", full_like_call, FN_FUNCTION},
    {"new_zeros", new_zeros_call, FN_METHOD},
    {"new_empty", new_zeros_call, FN_METHOD},
    {"new_ones", new_ones_call, FN_METHOD},
    {"new_full", new_full_call, FN_METHOD},
    {"new_tensor", new_tensor_call, FN_METHOD},
    {"arange", arange_call, FN_FUNCTION},
    {"linspace", linspace_call, FN_FUNCTION},
    {"eye", eye_call, FN_FUNCTION},
    {"tril", tril_call, FN_BOTH},
    {"triu", triu_call, FN_BOTH},
    {NULL, NULL, 0},
};
