/* Tensors as text: repr in PyTorch's format through the runtime's printer, format() of one element,
 * and lists of Python numbers. */
#include <string.h>

#include "frontend/tensor/tensor.h"
#include "runtime/tensor_print.h"

static void sink_write(void *user, const char *text, size_t size) {
    buf_add(user, text, size);
}

Value tensor_repr(Vm *vm, Value self) {
    TensorState *ts = tensor_state(vm);
    Tensor *x = as_tensor(self);
    if (vm->silent) return str_from(vm, "tensor(...)");
    Buffer *buffer = tensor_buffer(ts, x, "printing");
    if (!buffer) return NULL_VALUE;
    Buf out = {0};
    char suffix[160];
    const char *suffixes[1] = {suffix};
    int count = 0;
    const char *fn_name = tensor_fn_name(x);
    if (fn_name)
        count = snprintf(suffix, sizeof suffix, "grad_fn=<%s>", fn_name) > 0;
    else if (tensor_requires_grad(x))
        count = snprintf(suffix, sizeof suffix, "requires_grad=True") > 0;
    if (vm_is_a(vm, self, ts->parameter_class)) buf_puts(&out, "Parameter containing:\n");
    NnPrintOptions options = {
        .precision = ts->print.precision,
        .threshold = ts->print.threshold,
        .edge_items = ts->print.edge_items,
        .line_width = ts->print.line_width,
        .sci_mode = ts->print.sci_mode,
        .default_dtype = (NnDType)ts->default_dtype,
    };
    nn_tensor_print((NnSink){sink_write, &out}, (NnDType)x->type.dtype, x->type.rank, x->type.dim,
                    buffer->bytes, suffixes, count, &options);
    buffer_unref(ts, buffer);
    return str_from_buf(vm, &out);
}

Value tensor_format(Vm *vm, Value self, Str *spec) {
    TensorState *ts = tensor_state(vm);
    if (as_tensor(self)->type.rank == 0 && self.o->cls == ts->tensor_class) {
        Value item = tensor_item(ts, as_tensor(self));
        if (is_null(item)) return item;
        Value text = vm_format(vm, item, spec);
        decref(item);
        return text;
    }
    if (spec->size == 0) return vm_str(vm, self);
    return vm_raise(vm, EXC_TypeError, "unsupported format string passed to %s.__format__",
                    vm_class_name(vm, self));
}

static Value element_value(DType dtype, const unsigned char *bytes) {
    if (dtype_is_float(dtype)) return from_float(element_double(dtype, bytes));
    int64_t i = element_int(dtype, bytes);
    return dtype == DT_BOOL ? from_bool(i != 0) : from_int(i);
}

/* Nested lists of the elements from `bytes` on, dims `axis` and later. */
static Value list_of(Vm *vm, const Type *type, int axis, const unsigned char **bytes) {
    if (axis == type->rank) {
        Value v = element_value(type->dtype, *bytes);
        *bytes += dtype_size(type->dtype);
        return v;
    }
    Value list = list_new(vm, (size_t)type->dim[axis]);
    for (int64_t i = 0; i < type->dim[axis]; i++)
        list_push(as_list(list), list_of(vm, type, axis + 1, bytes));
    return list;
}

/* Lists of the same number of elements, none of which is known. */
static Value list_of_unknown(Vm *vm, const Type *type, int axis, Value number) {
    if (axis == type->rank) return incref(number);
    Value list = list_new(vm, (size_t)type->dim[axis]);
    for (int64_t i = 0; i < type->dim[axis]; i++)
        list_push(as_list(list), list_of_unknown(vm, type, axis + 1, number));
    return list;
}

static Value tolist_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (!vm_args_simple(vm, "tolist", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Tensor *x = as_tensor(args[0]);
    Value opaque = trace_opaque(ts, x);
    if (!is_null(opaque)) {
        Value list = list_of_unknown(vm, &x->type, 0, opaque);
        decref(opaque);
        return list;
    }
    Buffer *buffer = tensor_buffer(ts, x, "tolist()");
    if (!buffer) return NULL_VALUE;
    const unsigned char *bytes = buffer->bytes;
    Value list = list_of(vm, &x->type, 0, &bytes);
    buffer_unref(ts, buffer);
    return list;
}

Value tensor_item(TensorState *ts, Tensor *x) {
    int64_t count = type_numel(&x->type);
    if (count != 1)
        return vm_raise(ts->vm, EXC_RuntimeError,
                        "a Tensor with %lld elements cannot be converted to Scalar",
                        (long long)count);
    Value opaque = trace_opaque(ts, x);
    if (!is_null(opaque) || vm_failed(ts->vm)) return opaque;
    Buffer *buffer = tensor_buffer(ts, x, "item()");
    if (!buffer) return NULL_VALUE;
    Value v = element_value(x->type.dtype, buffer->bytes);
    buffer_unref(ts, buffer);
    return v;
}

static Value item_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "item", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return tensor_item(tensor_state(vm), as_tensor(args[0]));
}

static Value to_bytes_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Tensor *x;
    if (!vm_args_simple(vm, "to_bytes", nargs, kwnames, 1, 1) ||
        !arg_tensor(ts, args[0], "to_bytes", &x))
        return NULL_VALUE;
    Buffer *buffer = tensor_buffer(ts, x, "to_bytes()");
    if (!buffer) return NULL_VALUE;
    Bytes *bytes = (Bytes *)(void *)vm_alloc(vm, vm->cls[CLS_BYTES]);
    bytes->size = type_bytes(&x->type);
    bytes->data = xmalloc(bytes->size + 1);
    memcpy(bytes->data, buffer->bytes, bytes->size);
    bytes->data[bytes->size] = 0;
    buffer_unref(ts, buffer);
    return FROM_OBJ(bytes);
}

static Value set_printoptions_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[6];
    int64_t n;
    bool sci;
    if (!vm_args(vm, "set_printoptions",
                 "precision? threshold? edgeitems? linewidth? profile? sci_mode?", args, nargs,
                 kwnames, v))
        return NULL_VALUE;
    if (is_str(v[4])) {
        const char *profile = as_str(v[4])->data;
        bool is_short = strcmp(profile, "short") == 0, full = strcmp(profile, "full") == 0;
        ts->print.precision = is_short ? 2 : 4;
        ts->print.threshold = full ? INT64_MAX : 1000;
        ts->print.edge_items = is_short ? 2 : 3;
        ts->print.line_width = 80;
    }
    if (!arg_int(ts, v[0], ts->print.precision, &n)) return NULL_VALUE;
    ts->print.precision = (int)n;
    if (!arg_int(ts, v[1], ts->print.threshold, &ts->print.threshold) ||
        !arg_int(ts, v[2], ts->print.edge_items, &ts->print.edge_items) ||
        !arg_int(ts, v[3], ts->print.line_width, &n))
        return NULL_VALUE;
    ts->print.line_width = (int)n;
    if (!arg_bool(ts, v[5], false, &sci)) return NULL_VALUE;
    ts->print.sci_mode = is_null(v[5]) || is_none(v[5]) ? -1 : sci;
    return NONE;
}

const TensorFunction REPR_FUNCTIONS[] = {
    {"tolist", tolist_call, FN_METHOD},
    {"item", item_call, FN_METHOD},
    {"to_bytes", to_bytes_call, FN_FUNCTION},
    {"set_printoptions", set_printoptions_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
