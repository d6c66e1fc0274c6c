/* Arguments of tensor functions: type promotion, broadcasting, and the conversions from the
 * program's values with PyTorch's messages. */
#include <math.h>
#include <string.h>

#include "frontend/tensor/tensor.h"

/* ---- promotion ---- */

DType promote_types(DType a, DType b) {
    if (a != b && dtype_is_half(a) && dtype_is_half(b)) return DT_F32;
    return a > b ? a : b;
}

void promote_init(Promotion *p) {
    p->dim = p->zero = p->number = -1;
}

static void meet(int *slot, DType dtype) {
    *slot = *slot < 0 ? (int)dtype : (int)promote_types((DType)*slot, dtype);
}

bool is_number(TensorState *ts, Value v) {
    return is_int(v) || is_float(v) || (v.tag == TAG_OBJ && v.o->cls == ts->opaque_class);
}

bool promote_add(TensorState *ts, Promotion *p, Value v) {
    if (is_tensor(ts, v)) {
        const Type *type = &as_tensor(v)->type;
        meet(type->rank ? &p->dim : &p->zero, type->dtype);
        return true;
    }
    if (v.tag == TAG_BOOL)
        meet(&p->number, DT_BOOL);
    else if (is_int(v))
        meet(&p->number, DT_I64);
    else if (is_number(ts, v))
        meet(&p->number, ts->default_dtype);
    else
        return false;
    return true;
}

static int category(int dtype) {
    if (dtype < 0) return -1;
    return dtype == DT_BOOL ? 0 : dtype_is_float((DType)dtype) ? 2 : 1;
}

/* A lower category of operand only matters when its kind of number is a higher one. */
static int combine(int strong, int weak) {
    if (strong < 0) return weak;
    if (weak < 0 || category(weak) <= category(strong)) return strong;
    return (int)promote_types((DType)strong, (DType)weak);
}

DType promote_result(const TensorState *ts, const Promotion *p) {
    int number = p->number;
    int result = combine(combine(p->dim, p->zero), number);
    return result < 0 ? ts->default_dtype : (DType)result;
}

/* ---- broadcasting ---- */

bool broadcast_shapes(TensorState *ts, const Type *a, const Type *b, Type *out) {
    int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dims[MAX_RANK] = {0};
    for (int i = 1; i <= rank; i++) {
        int64_t x = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t y = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (x != y && x != 1 && y != 1) {
            vm_raise(ts->vm, EXC_RuntimeError,
                     "The size of tensor a (%lld) must match the size of tensor b (%lld) at "
                     "non-singleton dimension %d",
                     (long long)x, (long long)y, rank - i);
            return false;
        }
        dims[rank - i] = x == 1 ? y : x;
    }
    *out = type_make(out->dtype, rank, dims);
    if (!type_valid(out)) {
        vm_raise(ts->vm, EXC_RuntimeError, "the result of broadcasting is too large");
        return false;
    }
    return true;
}

Type operand_type(TensorState *ts, Value v, DType dtype) {
    if (!is_tensor(ts, v)) return type_scalar(dtype);
    Type type = as_tensor(v)->type;
    type.dtype = dtype;
    return type;
}

LazyNode *operand_cast(TensorState *ts, Value v, DType dtype) {
    if (is_tensor(ts, v)) return lazy_cast(ts, tensor_read(ts, as_tensor(v)), dtype);
    double value = 0;
    if (is_big(v) && vm_to_double(ts->vm, v, &value) && fabs(value) >= 0x1p64) {
        vm_raise(ts->vm, EXC_OverflowError, "int too big to convert");
        return NULL;
    }
    if (is_int(v) || is_float(v)) return lazy_number(ts, dtype, v);
    return unknown_node(ts, type_scalar(dtype));
}

LazyNode *operand_node(TensorState *ts, Value v, Type type) {
    return lazy_broadcast(ts, operand_cast(ts, v, type.dtype), type.rank, type.dim);
}

bool number_fits(DType dtype, Value v) {
    bool is_whole = is_int(v);
    double f = is_whole ? (double)as_int(v) : as_float(v);
    switch (dtype) {
    case DT_BOOL:
        return true;
    case DT_F16:
    case DT_BF16:
    case DT_F32:
    case DT_F64:
        return !isfinite(f) || fabs(f) <= dtype_biggest(dtype);
    case DT_U8: /* negative ones wrap */
        return is_whole ? as_int(v) >= -255 && as_int(v) <= 255 : f > -1 && f < 256;
    case DT_I32:
        return is_whole ? as_int(v) >= INT32_MIN && as_int(v) <= INT32_MAX
                        : f > -0x1p31 - 1 && f < 0x1p31;
    default:
        return is_whole ? !is_big(v) : f >= -0x1p63 && f < 0x1p63;
    }
}

LazyNode *filler_node(TensorState *ts, Value v, Type type) {
    if ((!is_int(v) && !is_float(v)) || is_big(v) || number_fits(type.dtype, v))
        return operand_node(ts, v, type);
    bool plain = dtype_is_float(type.dtype) || type.dtype == DT_I32;
    vm_raise(ts->vm, EXC_RuntimeError, "value cannot be converted to type %s without overflow",
             plain ? dtype_c_name(type.dtype) : dtype_c_type(type.dtype));
    return NULL;
}

/* ---- arguments ---- */

bool arg_tensor_at(TensorState *ts, Value v, const char *function, const char *argument,
                   int position, Tensor **out) {
    if (is_tensor(ts, v)) {
        *out = as_tensor(v);
        return true;
    }
    vm_raise(ts->vm, EXC_TypeError, "%s(): argument '%s' (position %d) must be Tensor, not %s",
             function, argument, position - (position > 1 && ts->vm->native_owner ? 1 : 0),
             v.tag == TAG_NULL ? "nothing" : vm_class_name(ts->vm, v));
    return false;
}

bool arg_tensor(TensorState *ts, Value v, const char *function, Tensor **out) {
    return arg_tensor_at(ts, v, function, "input", 1, out);
}

#define DEVICE_TYPES                                                                               \
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, " \
    "mps, meta, hpu, mtia, privateuseone"

bool device_known(const char *text, size_t length) {
    for (const char *at = DEVICE_TYPES; *at; at += strspn(at, ", ")) {
        size_t size = strcspn(at, ",");
        if (size == length && strncmp(at, text, size) == 0) return true;
        at += size;
    }
    return false;
}

/* As PyTorch on a machine without a GPU: a device that it knows isn't here; another is a mistake.
 */
void raise_device(TensorState *ts, const char *text) {
    size_t length = strcspn(text, ":");
    if (device_known(text, length)) {
        if (strncmp(text, "cuda", length) == 0)
            vm_raise(ts->vm, EXC_RuntimeError,
                     "Found no NVIDIA driver on your system. Please check that you have an NVIDIA "
                     "GPU and installed a driver from "
                     "http://www.nvidia.com/Download/index.aspx");
        else
            vm_raise(ts->vm, EXC_RuntimeError,
                     "PyTorch is not linked with support for %.*s devices", (int)length, text);
    } else if (strspn(text, "abcdefghijklmnopqrstuvwxyz_") < length) {
        vm_raise(ts->vm, EXC_RuntimeError, "Invalid device string: '%s'", text);
    } else {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Expected one of " DEVICE_TYPES " device type at start of device string: %.*s",
                 (int)length, text);
    }
}

bool arg_device(TensorState *ts, Value v) {
    if (is_null(v) || is_none(v)) return true;
    bool object = v.tag == TAG_OBJ && v.o->cls == ts->device_class;
    if (object || is_str(v)) {
        const char *text = object ? ((Device *)v.o)->type : as_str(v)->data;
        if (strcmp(text, "cpu") == 0 || strncmp(text, "cpu:", 4) == 0) return true;
        raise_device(ts, text);
        return false;
    }
    vm_raise(ts->vm, EXC_TypeError, "device must be a str or torch.device, not %s",
             vm_class_name(ts->vm, v));
    return false;
}

bool arg_bool(TensorState *ts, Value v, bool otherwise, bool *out) {
    *out = otherwise;
    if (is_null(v) || is_none(v)) return true;
    int truth = vm_truth(ts->vm, v);
    *out = truth > 0;
    return truth >= 0;
}

/* Tensors of one element stand for their number. */
static bool to_int(TensorState *ts, Value v, int64_t *out) {
    return vm_to_index(ts->vm, v, out);
}

bool arg_int(TensorState *ts, Value v, int64_t otherwise, int64_t *out) {
    *out = otherwise;
    if (is_null(v) || is_none(v)) return true;
    return to_int(ts, v, out);
}

bool arg_dim(TensorState *ts, Value v, int rank, int *out) {
    int64_t dim;
    if (!to_int(ts, v, &dim)) return false;
    int64_t range = rank ? rank : 1;
    if (dim < -range || dim >= range) {
        vm_raise(ts->vm, EXC_IndexError,
                 "Dimension out of range (expected to be in range of [%lld, %lld], but got %lld)",
                 (long long)-range, (long long)range - 1, (long long)dim);
        return false;
    }
    *out = (int)(dim < 0 ? dim + range : dim);
    return true;
}

bool arg_ints(TensorState *ts, Value v, const char *what, int64_t *out, int max, int *count) {
    const Value *items;
    size_t n;
    if (!vm_items(v, &items, &n)) {
        *count = 1;
        return to_int(ts, v, out);
    }
    if (n > (size_t)max) {
        vm_raise(ts->vm, EXC_RuntimeError, "%s: at most %d numbers, got %zu", what, max, n);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!to_int(ts, items[i], &out[i])) return false;
    *count = (int)n;
    return true;
}

/* What functions call their sizes. */
static const char *sizes_name(const char *function) {
    static const struct {
        const char *function, *name;
    } others[] = {{"reshape", "shape"},
                  {"permute", "dims"},
                  {"flip", "dims"},
                  {"repeat", "repeats"},
                  {"tile", "dims"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].function, function) == 0) return others[i].name;
    return "size";
}

/* Item `i` of `count` sizes is no integer. */
static bool bad_size(TensorState *ts, const char *function, Value item, size_t i, bool alone) {
    const char *name = sizes_name(function), *type = vm_class_name(ts->vm, item);
    if (alone)
        vm_raise(ts->vm, EXC_TypeError,
                 "%s(): argument '%s' (position 1) must be tuple of ints, not %s", function, name,
                 type);
    else if (i == 0)
        vm_raise(ts->vm, EXC_TypeError,
                 "%s(): argument '%s' (position 1) must be tuple of ints, but found element of "
                 "type %s at pos 0",
                 function, name, type);
    else
        vm_raise(ts->vm, EXC_TypeError,
                 "%s(): argument '%s' failed to unpack the object at pos %zu with error \"type "
                 "must be tuple of ints,but got %s\"",
                 function, name, i + 1, type);
    return false;
}

bool arg_sizes(TensorState *ts, const Value *args, int nargs, const char *function,
               int64_t out[MAX_RANK], int *rank) {
    const Value *items = args;
    size_t n = (size_t)nargs;
    bool sequence = nargs == 1 && vm_items(args[0], &items, &n);
    if (n > MAX_RANK) {
        vm_raise(ts->vm, EXC_RuntimeError, "%s: at most %d dimensions, got %zu", function, MAX_RANK,
                 n);
        return false;
    }
    *rank = (int)n;
    for (size_t i = 0; i < n; i++) {
        if (!vm_class_of(ts->vm, items[i])->slots.to_index)
            return bad_size(ts, function, items[i], i, nargs == 1 && !sequence);
        if (!to_int(ts, items[i], &out[i])) return false;
    }
    return true;
}

bool arg_dims(TensorState *ts, Value v, int rank, int64_t out[MAX_RANK], int *count) {
    bool set[MAX_RANK] = {0};
    const Value *items = &v;
    size_t n = 1;
    bool all = is_null(v) || is_none(v);
    if (!all && vm_items(v, &items, &n) && n == 0) all = true;
    for (size_t i = 0; !all && i < n; i++) {
        int dim;
        if (!arg_dim(ts, items[i], rank, &dim)) return false;
        if (rank && set[dim]) {
            vm_raise(ts->vm, EXC_RuntimeError, "dim %d appears multiple times in the list of dims",
                     dim);
            return false;
        }
        set[dim] = true;
    }
    *count = 0;
    for (int i = 0; i < rank; i++)
        if (all || set[i]) out[(*count)++] = i;
    return true;
}

/* ---- shapes and names ---- */

Value shape_value(TensorState *ts, const Type *type) {
    Value args[MAX_RANK];
    for (int i = 0; i < type->rank; i++)
        args[i] = from_int(type->dim[i]);
    Value items = tuple_from(ts->vm, args, (size_t)type->rank);
    Value shape = vm_call1(ts->vm, FROM_OBJ(ts->size_class), items);
    decref(items);
    return shape;
}

void shape_text(Buf *out, const int64_t *dims, int rank) {
    buf_putc(out, '[');
    for (int i = 0; i < rank; i++)
        buf_printf(out, i ? ", %lld" : "%lld", (long long)dims[i]);
    buf_putc(out, ']');
}
