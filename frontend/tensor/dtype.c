/* torch.dtype's objects: of the types that tensors have here, and of PyTorch's others, which
 * programs may name and compare (a table of types to choose from) but make no tensors of. */
#include "frontend/tensor/tensor.h"

typedef struct DTypeObj {
    Obj base;
    DType dtype;             /* DT_COUNT: one that tensors don't have */
    const struct Other *row; /* of those */
} DTypeObj;

typedef struct Other {
    const char *name, *alias; /* alias or NULL */
    int size;
    bool is_float;
} Other;

static const Other OTHERS[] = {
    {"int16", "short", 2, false},
    {"int8", NULL, 1, false},
    {"complex64", "cfloat", 8, false},
    {"complex128", "cdouble", 16, false},
};

static const DTypeObj *as_dtype(Value v) {
    return (const DTypeObj *)(const void *)v.o;
}

static Value dtype_repr(Vm *vm, Value self) {
    const DTypeObj *object = as_dtype(self);
    if (!object->row) return str_from(vm, dtype_torch_name(object->dtype));
    Buf text = {0};
    buf_printf(&text, "torch.%s", object->row->name);
    Value result = str_from(vm, buf_text(&text));
    buf_free(&text);
    return result;
}

static Value dtype_is_floating(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    const DTypeObj *object = as_dtype(args[0]);
    return from_bool(object->row ? object->row->is_float : dtype_is_float(object->dtype));
}

static Value dtype_itemsize(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    const DTypeObj *object = as_dtype(args[0]);
    return from_int(object->row ? object->row->size : (int64_t)dtype_size(object->dtype));
}

static const Method DTYPE_METHODS[] = {
    {"is_floating_point", dtype_is_floating, METHOD_PROPERTY},
    {"itemsize", dtype_itemsize, METHOD_PROPERTY},
    {NULL, NULL, 0},
};

Class *dtype_class_new(TensorState *ts) {
    NativeClass spec = {.name = "torch.dtype",
                        .size = sizeof(DTypeObj),
                        .flags = CLASS_NO_NEW | CLASS_FINAL | CLASS_UNTRACKED,
                        .slots = {.repr = dtype_repr},
                        .methods = DTYPE_METHODS};
    return vm_native_class(ts->vm, &spec);
}

static Value object_new(TensorState *ts, DType dtype, const Other *row) {
    DTypeObj *object = (DTypeObj *)(void *)vm_alloc(ts->vm, ts->dtype_class);
    object->dtype = dtype;
    object->row = row;
    return FROM_OBJ(object);
}

Value dtype_value(TensorState *ts, DType dtype) {
    if (is_null(ts->dtypes[dtype])) ts->dtypes[dtype] = object_new(ts, dtype, NULL);
    return incref(ts->dtypes[dtype]);
}

bool dtype_module_init(TensorState *ts, ModuleObj *module) {
    static const struct {
        const char *name;
        DType dtype;
    } dtypes[] = {{"float32", DT_F32}, {"float", DT_F32}, {"float64", DT_F64},   {"double", DT_F64},
                  {"float16", DT_F16}, {"half", DT_F16},  {"bfloat16", DT_BF16}, {"int64", DT_I64},
                  {"long", DT_I64},    {"int32", DT_I32}, {"int", DT_I32},       {"uint8", DT_U8},
                  {"bool", DT_BOOL}};
    Vm *vm = ts->vm;
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof dtypes / sizeof *dtypes; i++)
        ok = module_set(vm, module, dtypes[i].name, dtype_value(ts, dtypes[i].dtype));
    for (size_t i = 0; ok && i < sizeof OTHERS / sizeof *OTHERS; i++) {
        Value object = object_new(ts, DT_COUNT, &OTHERS[i]);
        if (OTHERS[i].alias) ok = module_set(vm, module, OTHERS[i].alias, incref(object));
        ok = module_set(vm, module, OTHERS[i].name, object) && ok;
    }
    return ok;
}

bool arg_dtype(TensorState *ts, Value v, DType *out) {
    Vm *vm = ts->vm;
    if (is_null(v) || is_none(v)) return true;
    if (v.tag == TAG_OBJ && v.o->cls == ts->dtype_class) {
        const DTypeObj *object = as_dtype(v);
        if (!object->row) return *out = object->dtype, true;
        vm_raise(vm, EXC_NotImplementedError,
                 "nnc has no torch.%s tensors: use float32, float64, float16, bfloat16, int64, "
                 "int32, uint8 or bool",
                 object->row->name);
        return false;
    }
    if (is_class(v)) {
        const Class *cls = as_class(v);
        if (cls == vm->cls[CLS_FLOAT]) return *out = DT_F64, true;
        if (cls == vm->cls[CLS_INT]) return *out = DT_I64, true;
        if (cls == vm->cls[CLS_BOOL]) return *out = DT_BOOL, true;
    }
    vm_raise(vm, EXC_TypeError, "dtype must be torch.dtype, not %s", vm_class_name(vm, v));
    return false;
}
