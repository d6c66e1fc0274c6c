/* The Tensor class itself: slots, attributes, and the methods that ask about a tensor or copy it.
 */
#include <string.h>

#include "frontend/tensor/tensor.h"

/* ---- slots ---- */

static bool grad_fits(TensorState *ts, Tensor *x, Tensor *grad) {
    if (type_equal(&grad->type, &x->type)) return true;
    if (grad->type.dtype != x->type.dtype) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "attempting to assign a gradient with dtype '%s' to a tensor with dtype '%s'",
                 dtype_torch_name(grad->type.dtype), dtype_torch_name(x->type.dtype));
        return false;
    }
    Buf own = {0}, given = {0};
    shape_text(&own, x->type.dim, x->type.rank);
    shape_text(&given, grad->type.dim, grad->type.rank);
    vm_raise(ts->vm, EXC_RuntimeError,
             "attempting to assign a gradient of size '%s' to a tensor of size '%s'. Please ensure "
             "that the gradient and the tensor are the same size",
             buf_text(&given), buf_text(&own));
    buf_free(&own);
    buf_free(&given);
    return false;
}

static bool set_grad(TensorState *ts, Tensor *x, Value value) {
    if (is_null(value)) value = NONE;
    if (!is_none(value) && !is_tensor(ts, value)) {
        vm_raise(ts->vm, EXC_TypeError,
                 "assigned grad expected to be a Tensor or None but got grad of type %s",
                 vm_class_name(ts->vm, value));
        return false;
    }
    if (is_tensor(ts, value) && !grad_fits(ts, x, as_tensor(value))) return false;
    Value old = x->var->grad;
    x->var->grad = incref(value);
    decref(old);
    return true;
}

/* x.data = y: x's storage becomes y's, its autograd state stays. */
static bool set_data(TensorState *ts, Tensor *x, Value value) {
    Tensor *y;
    if (!arg_tensor(ts, value, "data", &y)) return false;
    if (x->view) {
        vm_raise(ts->vm, EXC_RuntimeError, "assigning .data of a view is not supported");
        return false;
    }
    Value plain = tensor_detach(ts, y);
    Var *from = as_tensor(plain)->var, *to = x->var;
    Storage *storage = to->storage;
    ViewStep *root = to->root;
    to->storage = from->storage;
    to->root = from->root;
    from->storage = storage;
    from->root = root;
    if (to->cache) lazy_unref(ts, to->cache);
    to->cache = NULL;
    if (to->param) { /* the links of earlier reads keep the old value */
        to->param = NULL;
    }
    x->type = y->type;
    decref(plain);
    return tensor_settle(ts, x);
}

static bool object_setattr(Vm *vm, Value self, Str *name, Value value) {
    TensorState *ts = tensor_state(vm);
    Tensor *x = as_tensor(self);
    if (str_equals(name, "grad")) return set_grad(ts, x, value);
    if (str_equals(name, "requires_grad")) {
        bool on;
        return arg_bool(ts, value, false, &on) && tensor_set_requires_grad(ts, x, on);
    }
    if (str_equals(name, "data")) return set_data(ts, x, value);
    return vm_generic_setattr(vm, self, name, value);
}

static void object_traverse(Obj *self, VisitFn visit, void *context) {
    (void)self;
    (void)visit;
    (void)context;
}

static int object_truth(Vm *vm, Value self) {
    TensorState *ts = tensor_state(vm);
    Tensor *x = as_tensor(self);
    int64_t count = type_numel(&x->type);
    if (count != 1) {
        vm_raise(vm, EXC_RuntimeError,
                 count ? "Boolean value of Tensor with more than one value is ambiguous"
                       : "Boolean value of Tensor with no values is ambiguous");
        return -1;
    }
    LazyNode *node = tensor_read(ts, x);
    int truth = node ? trace_if_finite(ts, lazy_data(node)) : -1;
    if (node) lazy_unref(ts, node);
    if (truth >= 0) return truth;
    Buffer *buffer = tensor_buffer(ts, x, "a condition");
    if (!buffer) return -1;
    truth = element_double(x->type.dtype, buffer->bytes) != 0;
    buffer_unref(ts, buffer);
    return truth;
}

static int64_t object_length(Vm *vm, Value self) {
    Tensor *x = as_tensor(self);
    if (x->type.rank) return x->type.dim[0];
    vm_raise(vm, EXC_TypeError, "len() of a 0-d tensor");
    return -1;
}

static Value object_iter(Vm *vm, Value self) {
    if (as_tensor(self)->type.rank == 0)
        return vm_raise(vm, EXC_TypeError, "iteration over a 0-d tensor");
    Value parts = vm_call_method(vm, self, "unbind", NULL, 0);
    if (is_null(parts)) return parts;
    Value iterator = vm_iter(vm, parts);
    decref(parts);
    return iterator;
}

static int object_contains(Vm *vm, Value self, Value item) {
    Value same = vm_compare(vm, COMPARE_EQ, self, item);
    if (is_null(same)) return -1;
    Value any = vm_call_method(vm, same, "any", NULL, 0);
    decref(same);
    if (is_null(any)) return -1;
    int truth = vm_truth(vm, any);
    decref(any);
    return truth;
}

static bool object_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = (int64_t)((uintptr_t)self.o >> 4);
    return true;
}

/* The element that int() and float() convert. */
static Value only_item(Vm *vm, Value self) {
    if (type_numel(&as_tensor(self)->type) != 1)
        return vm_raise(vm, EXC_ValueError,
                        "only one element tensors can be converted to Python scalars");
    return tensor_item(tensor_state(vm), as_tensor(self));
}

static Value object_to_int(Vm *vm, Value self) {
    Value item = only_item(vm, self);
    if (item.tag == TAG_BOOL) return from_int(item.i);
    if (item.tag != TAG_FLOAT) return item;
    if (!(item.f > -9.3e18 && item.f < 9.3e18))
        return vm_raise(vm, EXC_OverflowError, "cannot convert float to integer");
    return from_int((int64_t)item.f);
}

static Value object_to_float(Vm *vm, Value self) {
    Value item = only_item(vm, self);
    return is_int(item) ? from_float((double)as_int(item)) : item;
}

static Value object_to_index(Vm *vm, Value self) {
    Tensor *x = as_tensor(self);
    if (dtype_is_float(x->type.dtype) || type_numel(&x->type) != 1)
        return vm_raise(vm, EXC_TypeError,
                        "only integer tensors of a single element can be converted to an index");
    return object_to_int(vm, self);
}

/* torch.LongTensor(2, 3) and torch.LongTensor([...]). */
static Value typed_tensor(Vm *vm, DType dtype, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (!vm_args_simple(vm, "Tensor", nargs, kwnames, 0, -1)) return NULL_VALUE;
    Value array = nargs == 1 ? tensor_behind(ts, args[0]) : NULL_VALUE;
    bool is_data = !is_null(array) || (nargs == 1 && is_tensor(ts, args[0]));
    if (!is_null(array)) decref(array);
    if (is_data || (nargs == 1 && is_sequence(ts, args[0])))
        return tensor_from_data(ts, args[0], true, dtype);
    if (nargs == 1 && !is_number(ts, args[0]) && args[0].tag == TAG_OBJ)
        return vm_raise(vm, EXC_TypeError, "new(): data must be a sequence (got %s)",
                        vm_class_name(vm, args[0]));
    Type type = {.dtype = dtype};
    if (!arg_sizes(ts, args, nargs, "Tensor", type.dim, &type.rank)) return NULL_VALUE;
    if (nargs == 0) type.rank = 1;
    return tensor_wrap(ts, lazy_zeros(ts, type), NULL);
}

#define TYPED(name, dtype)                                                                         \
    static Value name##_tensor(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {       \
        return typed_tensor(vm, dtype, args, nargs, kwnames);                                      \
    }
TYPED(bool, DT_BOOL)
TYPED(byte, DT_U8)
TYPED(int, DT_I32)
TYPED(long, DT_I64)
TYPED(double, DT_F64)
TYPED(half, DT_F16)
TYPED(bfloat16, DT_BF16)

/* torch.Tensor(...): always the default float. */
static Value object_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)cls;
    return typed_tensor(vm, tensor_state(vm)->default_dtype, args, nargs, kwnames);
}

static bool object_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}

/* A handle of class `cls` on a storage, as a leaf. */
static Value handle_of(TensorState *ts, Class *cls, Tensor *x, bool requires_grad) {
    Value plain = tensor_detach(ts, x);
    Tensor *made = (Tensor *)(void *)vm_alloc(ts->vm, cls);
    Tensor *from = as_tensor(plain);
    made->var = from->var;
    made->var->refs++;
    made->type = x->type;
    decref(plain);
    if (requires_grad && !tensor_set_requires_grad(ts, made, true)) {
        DROP(made);
        return NULL_VALUE;
    }
    return FROM_OBJ(made);
}

static Value parameter_create(Vm *vm, Class *cls, const Value *args, int nargs,
                              const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    bool requires_grad;
    if (!vm_args(vm, "Parameter", "data? requires_grad?", args, nargs, kwnames, v) ||
        !arg_bool(ts, v[1], true, &requires_grad))
        return NULL_VALUE;
    if (is_null(v[0])) {
        Type empty = {.dtype = ts->default_dtype, .rank = 1};
        Value data = tensor_wrap(ts, lazy_zeros(ts, empty), NULL);
        Value made = handle_of(ts, cls, as_tensor(data), requires_grad);
        decref(data);
        return made;
    }
    Tensor *x;
    if (!arg_tensor(ts, v[0], "Parameter", &x)) return NULL_VALUE;
    return handle_of(ts, cls, x, requires_grad);
}

/* ---- attributes ---- */

/* As detach(), but autograd does not see writes through it. */
static Value hidden_handle(TensorState *ts, Tensor *x) {
    Value plain = tensor_detach(ts, x);
    as_tensor(plain)->var->hidden = true;
    return plain;
}

#define ATTRIBUTE(name, expression)                                                                \
    static Value attribute_##name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {    \
        TensorState *ts = tensor_state(vm);                                                        \
        Tensor *x = as_tensor(args[0]);                                                            \
        (void)ts, (void)x, (void)nargs, (void)kwnames;                                             \
        return expression;                                                                         \
    }
ATTRIBUTE(shape, shape_value(ts, &x->type))
ATTRIBUTE(dtype, dtype_value(ts, x->type.dtype))
ATTRIBUTE(device, incref(ts->cpu))
ATTRIBUTE(requires_grad, from_bool(tensor_requires_grad(x)))
ATTRIBUTE(is_leaf, from_bool(tensor_is_leaf(x)))
ATTRIBUTE(data, hidden_handle(ts, x))
ATTRIBUTE(ndim, from_int(x->type.rank))
ATTRIBUTE(version, from_int(x->var->storage->version->count))
ATTRIBUTE(itemsize, from_int((int64_t)dtype_size(x->type.dtype)))
ATTRIBUTE(nbytes, from_int((int64_t)type_bytes(&x->type)))
ATTRIBUTE(is_cuda, from_bool(false))
ATTRIBUTE(retains_grad, from_bool(x->view ? x->keeper != NULL : x->var->retains_grad))

/* Views of a leaf's variable share its state but not its gradient. */
static Value attribute_grad(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    Tensor *x = as_tensor(args[0]);
    if (x->view) return x->keeper ? incref(x->keeper->grad) : NONE;
    return incref(x->var->grad);
}

static Value attribute_grad_fn(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    TensorState *ts = tensor_state(vm);
    const char *name = tensor_fn_name(as_tensor(args[0]));
    if (!name) return NONE;
    LazyNode *node = tensor_read(ts, as_tensor(args[0]));
    if (!node) return NULL_VALUE;
    Value fn = grad_fn_new(ts, name, node);
    lazy_unref(ts, node);
    return fn;
}

/* ---- questions ---- */

static Value size_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    int dim;
    if (!vm_args(vm, "size", "self dim?", args, nargs, kwnames, v)) return NULL_VALUE;
    Tensor *x = as_tensor(v[0]);
    if (is_null(v[1]) || is_none(v[1])) return shape_value(ts, &x->type);
    return arg_dim(ts, v[1], x->type.rank, &dim) ? from_int(x->type.dim[dim]) : NULL_VALUE;
}

static Value stride_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2], items[MAX_RANK];
    int dim;
    int64_t strides[MAX_RANK], offset;
    if (!vm_args(vm, "stride", "self dim?", args, nargs, kwnames, v)) return NULL_VALUE;
    Tensor *x = as_tensor(v[0]);
    tensor_strides(x, strides, &offset);
    if (!is_null(v[1]))
        return arg_dim(ts, v[1], x->type.rank, &dim) ? from_int(strides[dim]) : NULL_VALUE;
    for (int i = 0; i < x->type.rank; i++)
        items[i] = from_int(strides[i]);
    return tuple_from(vm, items, (size_t)x->type.rank);
}

#define QUESTION(name, expression)                                                                 \
    static Value name##_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {         \
        TensorState *ts = tensor_state(vm);                                                        \
        Value v[2];                                                                                \
        Tensor *x;                                                                                 \
        if (!vm_args(vm, #name, "input *", args, nargs, kwnames, v) ||                             \
            !arg_tensor(ts, v[0], #name, &x))                                                      \
            return NULL_VALUE;                                                                     \
        return expression;                                                                         \
    }
QUESTION(dim, from_int(x->type.rank))
QUESTION(numel, from_int(type_numel(&x->type)))
QUESTION(element_size, from_int((int64_t)dtype_size(x->type.dtype)))
QUESTION(is_floating_point, from_bool(dtype_is_float(x->type.dtype)))
QUESTION(is_nonzero, from_bool(object_truth(vm, v[0]) > 0))
QUESTION(is_inference, from_bool(x->var->inference))
QUESTION(detach, tensor_detach(ts, x))
QUESTION(cpu, incref(v[0]))

static Value is_contiguous_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[2];
    if (!vm_args(vm, "is_contiguous", "self memory_format?", args, nargs, kwnames, v))
        return NULL_VALUE;
    MemoryFormat format = FORMAT_ROWS;
    if (!arg_memory_format(tensor_state(vm), v[1], as_tensor(v[0]), &format)) return NULL_VALUE;
    return from_bool(tensor_has_format(as_tensor(v[0]), format));
}

static Value storage_offset_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    int64_t strides[MAX_RANK], offset;
    if (!vm_args_simple(vm, "storage_offset", nargs, kwnames, 1, 1)) return NULL_VALUE;
    tensor_strides(as_tensor(args[0]), strides, &offset);
    return from_int(offset);
}

/* type() names the tensor's type; type(dtype) converts. */
static Value type_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    if (!vm_args(vm, "type", "self dtype?", args, nargs, kwnames, v)) return NULL_VALUE;
    Tensor *x = as_tensor(v[0]);
    if (is_null(v[1])) return str_printf(vm, "torch.%sTensor", dtype_long_name(x->type.dtype));
    DType dtype = DT_F32;
    if (is_str(v[1])) {
        for (int d = 0; d < DT_COUNT; d++) {
            char name[32];
            snprintf(name, sizeof name, "torch.%sTensor", dtype_long_name((DType)d));
            if (strcmp(as_str(v[1])->data, name) == 0) return tensor_cast(ts, x, (DType)d);
        }
        return vm_raise(vm, EXC_ValueError, "invalid type: '%s'", as_str(v[1])->data);
    }
    return arg_dtype(ts, v[1], &dtype) ? tensor_cast(ts, x, dtype) : NULL_VALUE;
}

/* ---- copies ---- */

Value tensor_contiguous(TensorState *ts, Tensor *x) {
    if (tensor_is_contiguous(x)) return NEW_REF(x);
    return tensor_wrap(ts, tensor_read(ts, x), "CloneBackward0");
}

static Value contiguous_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[2];
    if (!vm_args(vm, "contiguous", "self memory_format?", args, nargs, kwnames, v))
        return NULL_VALUE;
    MemoryFormat format = FORMAT_ROWS;
    Tensor *x = as_tensor(v[0]);
    if (!arg_memory_format(tensor_state(vm), v[1], x, &format)) return NULL_VALUE;
    if (tensor_has_format(x, format)) return NEW_REF(x);
    return tensor_copy_format(tensor_state(vm), x, format, "CloneBackward0");
}

static Value clone_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    MemoryFormat format = FORMAT_KEPT;
    Value v[2];
    Tensor *x;
    if (!vm_args(vm, "clone", "input * memory_format?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "clone", &x) || !arg_memory_format(ts, v[1], x, &format))
        return NULL_VALUE;
    if (format != FORMAT_KEPT) return tensor_copy_format(ts, x, format, "CloneBackward0");
    LazyNode *node = tensor_read(ts, x);
    if (node && node->requires_grad && !ts->grad_enabled) {
        LazyNode *plain = lazy_link(ts, LAZY_BARRIER, node->type, &node, 1);
        lazy_unref(ts, node);
        node = plain;
    }
    return tensor_wrap_like(ts, node, "CloneBackward0", &x, 1);
}

static Value deepcopy_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (!vm_args_simple(vm, "__deepcopy__", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Tensor *x = as_tensor(args[0]);
    if (!tensor_is_leaf(x))
        return vm_raise(
            vm, EXC_RuntimeError,
            "Only Tensors created explicitly by the user (graph leaves) support the "
            "deepcopy protocol at the moment.  If you were attempting to deepcopy a module, "
            "this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001");
    Value key = from_int((int64_t)(uintptr_t)args[0].o);
    if (is_dict(args[1])) {
        Value known = dict_find(vm, as_dict(args[1]), key);
        if (!is_null(known)) return incref(known);
    }
    Value plain = tensor_detach(ts, x);
    Value copy = tensor_wrap_like(ts, tensor_read(ts, as_tensor(plain)), NULL, &x, 1);
    decref(plain);
    Value made = handle_of(ts, args[0].o->cls, as_tensor(copy), tensor_requires_grad(x));
    decref(copy);
    if (!is_null(made) && is_dict(args[1]) && !dict_set(vm, as_dict(args[1]), key, made)) {
        decref(made);
        return NULL_VALUE;
    }
    return made;
}

static Value detach_inplace(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (!vm_args_simple(vm, "detach_", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Value plain = tensor_detach(ts, as_tensor(args[0]));
    tensor_become(ts, as_tensor(args[0]), as_tensor(plain));
    decref(plain);
    return incref(args[0]);
}

static Value requires_grad_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    bool on;
    if (!vm_args(vm, "requires_grad_", "self requires_grad?", args, nargs, kwnames, v) ||
        !arg_bool(ts, v[1], true, &on) || !tensor_set_requires_grad(ts, as_tensor(v[0]), on))
        return NULL_VALUE;
    return incref(v[0]);
}

static Value copy_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    if (!vm_args(vm, "copy_", "self src non_blocking?", args, nargs, kwnames, v) ||
        !tensor_copy(ts, as_tensor(v[0]), v[1], "CopyBackwards"))
        return NULL_VALUE;
    return incref(v[0]);
}

static Value fill_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    if (!vm_args(vm, "fill_", "self value", args, nargs, kwnames, v)) return NULL_VALUE;
    if (is_tensor(ts, v[1]) && as_tensor(v[1])->type.rank)
        return vm_raise(vm, EXC_RuntimeError,
                        "fill_ only supports 0-dimension value tensor but got tensor with %d "
                        "dimensions.",
                        as_tensor(v[1])->type.rank);
    if (!is_tensor(ts, v[1]) && !is_number(ts, v[1])) {
        const char *given = vm_class_name(vm, v[1]);
        const char *wrong = "didn't match because some of the arguments have invalid types";
        return vm_raise(vm, EXC_TypeError,
                        "fill_() received an invalid combination of arguments - got (%s), but "
                        "expected one of:\n * (Tensor value)\n      %s: (!%s!)\n * (Number "
                        "value)\n      %s: (!%s!)\n",
                        given, wrong, given, wrong, given);
    }
    const char *fn_name = is_tensor(ts, v[1]) ? "FillBackward3" : "FillBackward2";
    if (!tensor_copy(ts, as_tensor(v[0]), v[1], fn_name)) return NULL_VALUE;
    return incref(v[0]);
}

static Value zero_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "zero_", nargs, kwnames, 1, 1) ||
        !tensor_copy(tensor_state(vm), as_tensor(args[0]), from_int(0), "ZeroBackward0"))
        return NULL_VALUE;
    return incref(args[0]);
}

/* No address, as values move: a number that views of the same elements share. */
static Value data_ptr_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    int64_t strides[MAX_RANK], offset;
    if (!vm_args_simple(vm, "data_ptr", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Tensor *x = as_tensor(args[0]);
    tensor_strides(x, strides, &offset);
    int64_t storage = (int64_t)((uintptr_t)x->var->storage & 0x7fffffffffff) << 16;
    return from_int(storage + offset * (int64_t)dtype_size(x->type.dtype));
}

static Value is_tensor_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "is_tensor", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return from_bool(is_tensor(tensor_state(vm), args[0]));
}

const TensorFunction OBJECT_FUNCTIONS[] = {
    {"shape", attribute_shape, FN_PROPERTY},
    {"dtype", attribute_dtype, FN_PROPERTY},
    {"device", attribute_device, FN_PROPERTY},
    {"requires_grad", attribute_requires_grad, FN_PROPERTY},
    {"is_leaf", attribute_is_leaf, FN_PROPERTY},
    {"data", attribute_data, FN_PROPERTY},
    {"ndim", attribute_ndim, FN_PROPERTY},
    {"_version", attribute_version, FN_PROPERTY},
    {"itemsize", attribute_itemsize, FN_PROPERTY},
    {"nbytes", attribute_nbytes, FN_PROPERTY},
    {"is_cuda", attribute_is_cuda, FN_PROPERTY},
    {"retains_grad", attribute_retains_grad, FN_PROPERTY},
    {"grad", attribute_grad, FN_PROPERTY},
    {"grad_fn", attribute_grad_fn, FN_PROPERTY},
    {"size", size_call, FN_METHOD},
    {"stride", stride_call, FN_METHOD},
    {"dim", dim_call, FN_METHOD},
    {"ndimension", dim_call, FN_METHOD},
    {"numel", numel_call, FN_BOTH},
    {"nelement", numel_call, FN_METHOD},
    {"element_size", element_size_call, FN_METHOD},
    {"is_floating_point", is_floating_point_call, FN_BOTH},
    {"is_nonzero", is_nonzero_call, FN_BOTH},
    {"is_inference", is_inference_call, FN_METHOD},
    {"detach", detach_call, FN_BOTH},
    {"cpu", cpu_call, FN_METHOD},
    {"is_contiguous", is_contiguous_call, FN_METHOD},
    {"storage_offset", storage_offset_call, FN_METHOD},
    {"type", type_call, FN_METHOD},
    {"contiguous", contiguous_call, FN_METHOD},
    {"clone", clone_call, FN_BOTH},
    {"__deepcopy__", deepcopy_call, FN_METHOD},
    {"detach_", detach_inplace, FN_METHOD},
    {"requires_grad_", requires_grad_call, FN_METHOD},
    {"copy_", copy_call, FN_METHOD},
    {"fill_", fill_call, FN_METHOD},
    {"zero_", zero_call, FN_METHOD},
    {"data_ptr", data_ptr_call, FN_METHOD},
    {"is_tensor", is_tensor_call, FN_FUNCTION},
    {"BoolTensor", bool_tensor, FN_FUNCTION},
    {"ByteTensor", byte_tensor, FN_FUNCTION},
    {"IntTensor", int_tensor, FN_FUNCTION},
    {"LongTensor", long_tensor, FN_FUNCTION},
    {"DoubleTensor", double_tensor, FN_FUNCTION},
    {"HalfTensor", half_tensor, FN_FUNCTION},
    {"BFloat16Tensor", bfloat16_tensor, FN_FUNCTION},
    {NULL, NULL, 0},
};

void tensor_object_slots(Slots *slots) {
    slots->dealloc = tensor_dealloc;
    slots->traverse = object_traverse;
    slots->setattr = object_setattr;
    slots->repr = tensor_repr;
    slots->format = tensor_format;
    slots->hash = object_hash;
    slots->getitem = tensor_getitem;
    slots->setitem = tensor_setitem;
    slots->contains = object_contains;
    slots->length = object_length;
    slots->truth = object_truth;
    slots->iter = object_iter;
    slots->to_int = object_to_int;
    slots->to_float = object_to_float;
    slots->to_index = object_to_index;
    slots->create = object_create;
    slots->init = object_init;
}

Class *parameter_class_new(TensorState *ts) {
    NativeClass spec = {.name = "torch.nn.parameter.Parameter",
                        .base = ts->tensor_class,
                        .size = sizeof(Tensor),
                        .slots = {.create = parameter_create, .init = object_init}};
    return vm_native_class(ts->vm, &spec);
}
