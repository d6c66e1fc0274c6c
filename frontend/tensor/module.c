// clang-format off: the lists below are laid out by hand
/* The native module `_nnc`: what torch's prelude is written on.
 *
 * Types
 *   Tensor, Parameter(data, requires_grad=True), Size, dtype, device(type), Generator(), Function
 *   float32 float64 int64 int32 uint8 bool (float, double, long, int are aliases)
 * Modes
 *   grad_enabled() and inference_enabled() -> bool; set_grad_enabled(on) and set_inference(on) ->
 * the old mode; hooks(t, after) -> the dict of t's hooks get_default_dtype(),
 * set_default_dtype(dtype), set_printoptions(...), manual_seed(n) -> Generator, initial_seed(),
 * _default_generator() -> the one that draws by default Recording op(name, *tensors, grad_fn=None,
 * **attrs)   one IR op; elementwise ops promote and broadcast; numbers become 0-d operands; attrs
 * are ints, floats, lists of ints, dtypes or strings results(t, n, grad_fn=None) -> tuple the
 * results of an op that has several named(t, "AddmmBackward0") -> t             sets the name of
 * t's grad_fn extend_tensor(cls)                          copies cls's functions into Tensor
 *   written(t, result) -> t                     t with its elements replaced by an operation's
 *   original(t) -> t                            what such an operation computes from
 *   pair(name, values, indices)             as torch.return_types.NAME: order statistics
 *   check_index(t, size, message, ignore)       IndexError if a known value is outside [0, size)
 *   check_range(t, low, high, message)         RuntimeError under `nnc run` if an element isn't
 * inside const(t) -> t                               compiling: part of the network, not data
 *   laid(t, *like) -> t                         the channels last if those of `like` are
 *   precision() -> str; set_precision(name)     of products
 *   _half(x), _low(x), _in_float(f, ...), _as_float(f, ...), _product(f, ...), _autocast(),
 * _set_autocast(dtype)                          see half.c
 *   counters() -> tuple                         of the running policy, for tests
 * Compiling (under `nnc run` these return their tensor or number)
 *   compiling() -> bool
 *   hyper(name, number)                         a number that may change: a 0-d float64 input
 *   state(name, param_or_None, tensor)          optimizer state; in-place writes are updates
 *   enter_module(module, args, kwargs) -> (args, kwargs)  Module.__call__, before forward
 *   leave_module(module)                        Module.__call__, after forward
 *   enter_part()                                instead of enter_module(): no network is called
 *   zero_grad_mark(), step_mark()               Optimizer.zero_grad, the end of Optimizer.step
 * Functions and methods: the tables of arith.c, unary.c, reduce.c, shape.c, index.c, gather.c,
 *   create.c, random.c, generator.c, matmul.c, join.c, repr.c, strided.c, backward.c and object.c,
 * each entry saying whether it is a function of the module, a method or attribute of Tensor, or
 * both. */
// clang-format on
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/script.h"
#include "passes/pass.h"

/* ---- torch.Size ---- */

static Value size_repr(Vm *vm, Value self) {
    Buf out = {0};
    const Tuple *items = as_tuple(self);
    buf_puts(&out, "torch.Size([");
    for (size_t i = 0; i < items->count; i++) {
        if (i) buf_puts(&out, ", ");
        if (!vm_repr_to(vm, items->items[i], &out)) {
            buf_free(&out);
            return NULL_VALUE;
        }
    }
    buf_puts(&out, "])");
    return str_from_buf(vm, &out);
}

/* A tuple (consumed) as a Size. */
static Value as_size(TensorState *ts, Value items) {
    if (!is_tuple(items)) return items;
    Value size = vm_call1(ts->vm, FROM_OBJ(ts->size_class), items);
    decref(items);
    return size;
}

static Value size_getitem(Vm *vm, Value self, Value key) {
    return as_size(tensor_state(vm), vm->cls[CLS_TUPLE]->slots.getitem(vm, self, key));
}

static Value size_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    Value made = vm->cls[CLS_TUPLE]->slots.binary(vm, op, a, b, reflected);
    return made.tag == TAG_OBJ ? as_size(tensor_state(vm), made) : made;
}

static Value size_numel(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    int64_t product = 1;
    const Tuple *items = as_tuple(args[0]);
    for (size_t i = 0; i < items->count; i++)
        product *= as_int(items->items[i]);
    return from_int(product);
}

static const Method SIZE_METHODS[] = {{"numel", size_numel, 0}, {NULL, NULL, 0}};

/* ---- device: any that PyTorch knows can be named; tensors are on the CPU ---- */

static bool device_is(TensorState *ts, Value v) {
    return v.tag == TAG_OBJ && v.o->cls == ts->device_class;
}
static Device *as_device(Value v) {
    return (Device *)v.o;
}

static Value device_repr(Vm *vm, Value self) {
    const Device *d = as_device(self);
    Buf buf = {0};
    buf_printf(&buf, "device(type='%s'", d->type);
    if (d->index >= 0) buf_printf(&buf, ", index=%lld", (long long)d->index);
    buf_putc(&buf, ')');
    return str_from_buf(vm, &buf);
}
static Value device_str(Vm *vm, Value self) {
    const Device *d = as_device(self);
    Buf buf = {0};
    buf_printf(&buf, d->index >= 0 ? "%s:%lld" : "%s", d->type, (long long)d->index);
    return str_from_buf(vm, &buf);
}
static Value device_type(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)nargs, (void)kwnames;
    return str_from(vm, as_device(args[0])->type);
}
static Value device_index(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    int64_t index = as_device(args[0])->index;
    return index >= 0 ? from_int(index) : NONE;
}

/* device("cuda:1"), device("cuda", 1), device(another). */
static Value device_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    int64_t index;
    (void)cls;
    if (!vm_args(vm, "device", "type index?", args, nargs, kwnames, v) ||
        !arg_int(ts, v[1], -1, &index))
        return NULL_VALUE;
    if (!is_str(v[0])) return arg_device(ts, v[0]) ? incref(v[0]) : NULL_VALUE;
    const char *text = as_str(v[0])->data;
    size_t length = strcspn(text, ":");
    if (text[length]) index = strtoll(text + length + 1, NULL, 10);
    if (!device_known(text, length)) return raise_device(ts, text), NULL_VALUE;
    if (index < 0 && strncmp(text, "cpu", length) == 0) return incref(ts->cpu);
    char type[32];
    snprintf(type, sizeof type, "%.*s", (int)length, text);
    Value made = FROM_OBJ(vm_alloc(vm, ts->device_class));
    as_device(made)->type = vm_intern_text(vm, type)->data;
    as_device(made)->index = index;
    return made;
}
static Value device_compare(Vm *vm, CompareOp op, Value a, Value b, bool reflected) {
    TensorState *ts = tensor_state(vm);
    (void)reflected;
    if (op != COMPARE_EQ && op != COMPARE_NE) return NOT_IMPLEMENTED;
    bool same = device_is(ts, a) && device_is(ts, b) && as_device(a)->type == as_device(b)->type &&
                as_device(a)->index == as_device(b)->index;
    return from_bool(same == (op == COMPARE_EQ));
}
static bool device_hash(Vm *vm, Value self, int64_t *out) {
    (void)vm;
    *out = 0x6370 + as_device(self)->type[0] + as_device(self)->index;
    return true;
}
static const Method DEVICE_METHODS[] = {{"type", device_type, METHOD_PROPERTY},
                                        {"index", device_index, METHOD_PROPERTY},
                                        {NULL, NULL, 0}};

/* ---- op(name, *tensors, grad_fn=None, **attrs) ---- */

typedef struct OpAttrs {
    Attr items[MAX_OP_ATTRS];
    int64_t ints[MAX_OP_ATTRS][MAX_RANK];
    int count;
    const char *fn_name;
} OpAttrs;

static bool read_attr(TensorState *ts, OpAttrs *attrs, Str *key, Value v) {
    AttrName name;
    Vm *vm = ts->vm;
    if (attrs->count == MAX_OP_ATTRS || !attr_from_name(key->data, &name)) {
        vm_raise(vm, EXC_TypeError, "op(): unknown attribute '%s'", key->data);
        return false;
    }
    Attr *attr = &attrs->items[attrs->count];
    int64_t *ints = attrs->ints[attrs->count++];
    int count = 0;
    *attr = (Attr){.name = name};
    switch (attr_kind(name)) {
    case ATTR_KIND_INT:
        return vm_to_index(vm, v, &attr->i);
    case ATTR_KIND_FLOAT:
        return vm_to_double(vm, v, &attr->f);
    case ATTR_KIND_DTYPE:
        return arg_dtype(ts, v, &attr->dtype);
    case ATTR_KIND_TEXT: {
        const char *text = vm_to_text(vm, v, "attribute");
        attr->text = text ? vm_intern_text(vm, text)->data : NULL;
        return text != NULL;
    }
    case ATTR_KIND_INTS:
        if (!arg_ints(ts, v, key->data, ints, MAX_RANK, &count)) return false;
        attr->ints.items = ints;
        attr->ints.count = count;
        return true;
    case ATTR_KIND_DATA:
        break;
    }
    vm_raise(vm, EXC_TypeError, "op(): '%s' can't be given", key->data);
    return false;
}

/* Elementwise ops: the operands' common dtype and shape. */
static bool unify(TensorState *ts, Op op, const Value *args, int count, Type *type) {
    Promotion p;
    promote_init(&p);
    int first = op == OP_where ? 1 : 0;
    for (int i = first; i < count; i++) {
        if (promote_add(ts, &p, args[i])) continue;
        vm_raise(ts->vm, EXC_TypeError, "op(): operands are tensors and numbers, not %s",
                 vm_class_name(ts->vm, args[i]));
        return false;
    }
    *type = type_scalar(promote_result(ts, &p));
    for (int i = 0; i < count; i++) {
        Type other = operand_type(ts, args[i], type->dtype);
        if (!broadcast_shapes(ts, type, &other, type)) return false;
    }
    return true;
}

static LazyNode *op_node(TensorState *ts, Op op, const Value *args, int count,
                         const OpAttrs *attrs) {
    LazyNode *inputs[64];
    Tensor *tensors[64];
    bool elementwise = (op_info(op)->traits & TRAIT_ELEMENTWISE) && count > 1;
    Type type;
    int n = 0;
    bool ok = !elementwise || unify(ts, op, args, count, &type);
    for (; ok && n < count; n++) {
        tensors[n] = is_tensor(ts, args[n]) ? as_tensor(args[n]) : NULL;
        if (elementwise) {
            Type want = type;
            if (op == OP_where && n == 0) want.dtype = DT_BOOL;
            inputs[n] = operand_node(ts, args[n], want);
        } else if (arg_tensor(ts, args[n], op_info(op)->name, &tensors[n])) {
            inputs[n] = tensor_read(ts, tensors[n]);
        } else {
            inputs[n] = NULL;
        }
        if (!inputs[n]) break;
    }
    LazyNode *node = NULL;
    if (ok && n == count) {
        node = lazy_op(ts, op, inputs, count, attrs->items, attrs->count);
        tensor_save(ts, node, tensors, count);
    }
    for (int i = 0; i < n; i++)
        lazy_unref(ts, inputs[i]);
    return node;
}

static Value op_of_floats(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    OpAttrs attrs = {.count = 0};
    Op op;
    if (nargs < 1 || !is_str(args[0]) || nargs > 64)
        return vm_raise(vm, EXC_TypeError, "op() takes a name and tensors");
    if (!op_from_name(as_str(args[0])->data, &op))
        return vm_raise(vm, EXC_ValueError, "op(): no op '%s'", as_str(args[0])->data);
    for (size_t i = 0; kwnames && i < kwnames->count; i++) {
        Str *key = as_str(kwnames->items[i]);
        Value v = args[nargs + (int)i];
        if (!str_equals(key, "grad_fn")) {
            if (!read_attr(ts, &attrs, key, v)) return NULL_VALUE;
        } else if (is_str(v)) {
            attrs.fn_name = fn_name_intern(ts, as_str(v)->data);
        }
    }
    return tensor_wrap(ts, op_node(ts, op, args + 1, nargs - 1, &attrs), attrs.fn_name);
}

static Value op_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Op op;
    bool product = nargs > 0 && is_str(args[0]) && op_from_name(as_str(args[0])->data, &op) &&
                   (op_info(op)->traits & TRAIT_CONTRACTION);
    return product ? half_product(vm, op_of_floats, args, nargs, kwnames)
                   : op_of_floats(vm, args, nargs, kwnames);
}

/* results(t, n, grad_fn=None): the results of an op that has several. */
static Value results_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int64_t count;
    if (!vm_args(vm, "results", "t n grad_fn?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "results", &x) || !arg_int(ts, v[1], 1, &count))
        return NULL_VALUE;
    LazyNode *node = tensor_read(ts, x);
    const char *fn_name = is_str(v[2]) ? fn_name_intern(ts, as_str(v[2])->data) : NULL;
    Value parts = tuple_new(vm, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        as_tuple(parts)->items[i] =
            tensor_wrap(ts, lazy_result(ts, lazy_ref(node), (int)i), fn_name);
    lazy_unref(ts, node);
    return parts;
}

static Value named_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    if (!vm_args(vm, "named", "t name", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "named", &x))
        return NULL_VALUE;
    const char *text = vm_to_text(vm, v[1], "name");
    if (!text) return NULL_VALUE;
    const char *name = fn_name_intern(ts, text);
    if (x->view)
        x->fn_name = name;
    else
        x->var->fn_name = name;
    if (!x->view && x->var->node) x->var->node->fn_name = name;
    return incref(v[0]);
}

/* Copies a class's functions and properties into Tensor. */
static Value extend_tensor_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    if (!vm_args_simple(vm, "extend_tensor", nargs, kwnames, 1, 1)) return NULL_VALUE;
    if (!is_class(args[0])) return vm_raise(vm, EXC_TypeError, "extend_tensor() takes a class");
    size_t pos = 0;
    Value key, value;
    while (dict_next(as_class(args[0])->dict, &pos, &key, &value)) {
        const Str *name = as_str(key);
        if (name->size > 4 && name->data[0] == '_' && name->data[1] == '_') continue;
        if (!class_set(ts->tensor_class, name->data, value)) return NULL_VALUE;
    }
    return incref(args[0]);
}

/* The prelude's late(name) defines a method of Tensor when it is first asked for; then it is true.
 */
static bool tensor_late(Vm *vm, Class *cls, Str *name) {
    TensorState *ts = tensor_state(vm);
    if (cls != ts->tensor_class && !class_is_subclass(cls, ts->tensor_class)) return false;
    if (!is_null(class_lookup(ts->tensor_class, name))) return false;
    Value torch = dict_get(vm->modules, vm_intern_text(vm, "torch"));
    Value late = is_null(torch) ? torch : vm_getattr_text(vm, torch, "_late_method");
    if (is_null(late)) return false;
    Value method = vm_call1(vm, late, FROM_OBJ(name));
    decref(late);
    bool found = !is_null(method) && !is_none(method);
    if (found) found = class_set(ts->tensor_class, name->data, method);
    if (!is_null(method)) decref(method);
    return found;
}

/* ---- defaults and types ---- */

static Value get_default_dtype_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return dtype_value(tensor_state(vm), tensor_state(vm)->default_dtype);
}

static Value set_default_dtype_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    DType dtype = ts->default_dtype;
    if (!vm_args_simple(vm, "set_default_dtype", nargs, kwnames, 1, 1) ||
        !arg_dtype(ts, args[0], &dtype))
        return NULL_VALUE;
    if (!dtype_is_float(dtype))
        return vm_raise(vm, EXC_TypeError,
                        "only floating-point types are supported as the default "
                        "type");
    ts->default_dtype = dtype;
    return NONE;
}

static Value promote_types_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    DType a = DT_F32, b = DT_F32;
    Value v[2];
    if (!vm_args(vm, "promote_types", "type1 type2", args, nargs, kwnames, v) ||
        !arg_dtype(ts, v[0], &a) || !arg_dtype(ts, v[1], &b))
        return NULL_VALUE;
    return dtype_value(ts, promote_types(a, b));
}

static Value can_cast_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    DType from = DT_F32, to = DT_F32;
    Value v[2];
    if (!vm_args(vm, "can_cast", "from_ to", args, nargs, kwnames, v) ||
        !arg_dtype(ts, v[0], &from) || !arg_dtype(ts, v[1], &to))
        return NULL_VALUE;
    bool loses = (dtype_is_float(from) && !dtype_is_float(to)) ||
                 (from != DT_BOOL && to == DT_BOOL) ||
                 (!dtype_is_float(from) && from != DT_BOOL && from != DT_U8 && to == DT_U8);
    return from_bool(!loses);
}

static Value result_type_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Promotion p;
    promote_init(&p);
    Value v[2];
    if (!vm_args(vm, "result_type", "tensor|tensor1 other|tensor2", args, nargs, kwnames, v))
        return NULL_VALUE;
    if (!promote_add(ts, &p, v[0]) || !promote_add(ts, &p, v[1]))
        return vm_raise(vm, EXC_TypeError, "result_type() takes tensors and numbers");
    return dtype_value(ts, promote_result(ts, &p));
}

/* The evaluator's counters, for tests: (evaluations, graphs, compiled, updates,
 * nodes alive, bytes of buffers alive). */
static Value counters_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    const TensorState *ts = tensor_state(vm);
    ScriptCounters c = script_counters(ts);
    Value items[6] = {from_int((int64_t)c.evaluations),  from_int((int64_t)c.graphs),
                      from_int((int64_t)c.compiled),     from_int((int64_t)c.updates),
                      from_int((int64_t)ts->live_nodes), from_int((int64_t)ts->live_bytes)};
    return tuple_from(vm, items, 6);
}

const TensorFunction MODULE_FUNCTIONS[] = {
    {"op", op_call, FN_FUNCTION},
    {"results", results_call, FN_FUNCTION},
    {"named", named_call, FN_FUNCTION},
    {"extend_tensor", extend_tensor_call, FN_FUNCTION},
    {"get_default_dtype", get_default_dtype_call, FN_FUNCTION},
    {"set_default_dtype", set_default_dtype_call, FN_FUNCTION},
    {"promote_types", promote_types_call, FN_FUNCTION},
    {"can_cast", can_cast_call, FN_FUNCTION},
    {"result_type", result_type_call, FN_FUNCTION},
    {"counters", counters_call, FN_FUNCTION},
    {NULL, NULL, 0},
};

/* ---- registering ---- */

static const TensorFunction *const TABLES[] = {
    ARITH_FUNCTIONS,    UNARY_FUNCTIONS,  REDUCE_FUNCTIONS, VIEW_FUNCTIONS,      INDEX_FUNCTIONS,
    GATHER_FUNCTIONS,   CREATE_FUNCTIONS, RANDOM_FUNCTIONS, GENERATOR_FUNCTIONS, BATCH_FUNCTIONS,
    SAMPLING_FUNCTIONS, FILE_FUNCTIONS,   MATMUL_FUNCTIONS, REPR_FUNCTIONS,      JOIN_FUNCTIONS,
    AUTOGRAD_FUNCTIONS, OBJECT_FUNCTIONS, TRACE_FUNCTIONS,  STRIDED_FUNCTIONS,   LAYOUT_FUNCTIONS,
    MODULE_FUNCTIONS,   HALF_FUNCTIONS,   FUSED_FUNCTIONS,
};
enum { TABLE_COUNT = sizeof TABLES / sizeof *TABLES };

static const Method *tensor_methods(Vm *vm) {
    size_t count = 0;
    for (int t = 0; t < TABLE_COUNT; t++)
        for (const TensorFunction *f = TABLES[t]; f->name; f++)
            count++;
    Method *methods = ARENA_ARRAY(&vm->arena, Method, count + 1);
    size_t at = 0;
    for (int t = 0; t < TABLE_COUNT; t++)
        for (const TensorFunction *f = TABLES[t]; f->name; f++)
            if (f->where & (FN_METHOD | FN_PROPERTY))
                methods[at++] =
                    (Method){f->name, f->function, f->where & FN_PROPERTY ? METHOD_PROPERTY : 0};
    return methods;
}

bool tensor_is_function(NativeFn function) {
    for (int t = 0; t < TABLE_COUNT; t++)
        for (const TensorFunction *f = TABLES[t]; f->name; f++)
            if ((f->where & FN_FUNCTION) && f->function == function) return true;
    return false;
}

static bool add_types(TensorState *ts, ModuleObj *module) {
    Vm *vm = ts->vm;
    return dtype_module_init(ts, module) &&
           module_set(vm, module, "Tensor", NEW_REF(ts->tensor_class)) &&
           module_set(vm, module, "Parameter", NEW_REF(ts->parameter_class)) &&
           module_set(vm, module, "Size", NEW_REF(ts->size_class)) &&
           module_set(vm, module, "dtype", NEW_REF(ts->dtype_class)) &&
           module_set(vm, module, "device", NEW_REF(ts->device_class)) &&
           module_set(vm, module, "Generator", NEW_REF(ts->generator_class)) &&
           module_set(vm, module, "FunctionCtx", NEW_REF(ts->ctx_class)) &&
           module_set(vm, module, "Function", NEW_REF(ts->function_class));
}

static bool module_init(Vm *vm, ModuleObj *module) {
    for (int t = 0; t < TABLE_COUNT; t++)
        for (const TensorFunction *f = TABLES[t]; f->name; f++)
            if (f->where & FN_FUNCTION) module_function(vm, module, f->name, f->function);
    return add_types(tensor_state(vm), module);
}

static void make_classes(TensorState *ts) {
    Vm *vm = ts->vm;
    NativeClass size = {.name = "torch.Size",
                        .base = vm->cls[CLS_TUPLE],
                        .flags = CLASS_TUPLE,
                        .slots = {.repr = size_repr,
                                  .str = size_repr,
                                  .getitem = size_getitem,
                                  .binary = size_binary},
                        .methods = SIZE_METHODS};
    ts->size_class = vm_native_class(vm, &size);
    ts->dtype_class = dtype_class_new(ts);
    NativeClass device = {.name = "torch.device",
                          .size = sizeof(Device),
                          .flags = CLASS_FINAL | CLASS_UNTRACKED,
                          .slots = {.repr = device_repr,
                                    .str = device_str,
                                    .compare = device_compare,
                                    .hash = device_hash,
                                    .create = device_create},
                          .methods = DEVICE_METHODS};
    ts->device_class = vm_native_class(vm, &device);
    ts->cpu = FROM_OBJ(vm_alloc(vm, ts->device_class));
    as_device(ts->cpu)->type = vm_intern_text(vm, "cpu")->data;
    as_device(ts->cpu)->index = -1;
    ts->grad_fn_class = grad_fn_class_new(ts);
    NativeClass tensor = {
        .name = "torch.Tensor", .size = sizeof(Tensor), .methods = tensor_methods(vm)};
    tensor_object_slots(&tensor.slots);
    arith_slots(&tensor.slots);
    ts->tensor_class = vm_native_class(vm, &tensor);
    ts->tensor_class->dict_offset = offsetof(Tensor, dict);
    ts->tensor_class->flags |= CLASS_HAS_DICT;
    ts->parameter_class = parameter_class_new(ts);
    pair_classes(ts);
}

/* What recording asks the op table often, found once: the attributes of every op in the order of
 * its row, and what its gradient reads. */
static void read_op_table(TensorState *ts) {
    for (int op = 0; op < OP_COUNT; op++) {
        ts->grad_reads[op] = grad_reads((Op)op);
        int length, n = 0;
        const char *word = word_next(op_info((Op)op)->attrs, &length);
        for (; word; word = word_next(word + length, &length)) {
            char name[32];
            AttrName attr = ATTR_index;
            snprintf(name, sizeof name, "%.*s", length, word);
            NNC_CHECK(attr_from_name(name, &attr), "no attribute %s", name);
            ts->attr_order[op][n++] = (signed char)attr;
        }
        ts->attr_order[op][n] = -1;
    }
}

TensorState *tensor_state_new(Vm *vm) {
    TensorState *ts = xcalloc(1, sizeof *ts);
    ts->vm = vm;
    vm->tensor_state = ts;
    ts->grad_enabled = true;
    ts->default_dtype = DT_F32;
    ts->autocast = DT_COUNT;
    ts->print.precision = 4;
    ts->print.line_width = 80;
    ts->print.sci_mode = -1;
    ts->print.threshold = 1000;
    ts->print.edge_items = 3;
    read_op_table(ts);
    make_classes(ts);
    trace_classes(ts);
    function_classes(ts);
    generator_init(ts);
    vm->class_late = tensor_late;
    vm->call_keywords = out_call;
    vm_register_module(vm, "_nnc", module_init);
    return ts;
}

void tensor_state_release(TensorState *ts) {
    /* A storage may wait for a value that depends on itself, as a parameter for its update. */
    for (LazyNode *node = ts->waiting; node; node = node->next)
        VEC_PUSH(ts->freed, lazy_ref(node));
    for (size_t i = 0; i < ts->freed.count; i++) {
        lazy_drop_inputs(ts, ts->freed.items[i]);
        lazy_unref(ts, ts->freed.items[i]);
    }
    VEC_FREE(ts->freed);
    for (int i = 0; i < DT_COUNT; i++)
        decref(ts->dtypes[i]);
    memset(ts->dtypes, 0, sizeof ts->dtypes);
    decref(ts->cpu);
    generator_free(ts);
}

void tensor_state_free(TensorState *ts) {
    VEC_FREE(ts->freed);
    VEC_FREE(ts->dead);
    VEC_FREE(ts->grad_fns);
    buffer_pool_free(ts);
    free(ts);
}
