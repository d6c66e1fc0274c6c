/* out= of the library's functions, in one place: a call with it is made without it, and what it
 * returns is written to the tensors given. */
#include <stdlib.h>
#include <string.h>

#include "frontend/interp.h"
#include "frontend/tensor/tensor.h"

Value tensor_out(TensorState *ts, const char *name, Value out, Value result) {
    if (is_null(result) || is_null(out) || is_none(out)) return result;
    Tensor *from = as_tensor(result);
    Value written = NULL_VALUE;
    if (!is_tensor(ts, out)) {
        vm_raise(ts->vm, EXC_TypeError, "%s(): argument 'out' must be Tensor, not %s", name,
                 vm_class_name(ts->vm, out));
    } else if (tensor_requires_grad(from) ||
               (ts->grad_enabled && tensor_requires_grad(as_tensor(out)))) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "%s(): functions with out=... arguments don't support automatic differentiation, "
                 "but one of the arguments requires grad.",
                 name);
    } else {
        Tensor *to = as_tensor(out);
        if (!type_same_shape(&to->type, &from->type)) {
            Type type = type_make(to->type.dtype, from->type.rank, from->type.dim);
            Value resized = tensor_wrap(ts, lazy_zeros(ts, type), NULL);
            tensor_become(ts, to, as_tensor(resized));
            decref(resized);
        }
        written = tensor_inplace_result(ts, out, tensor_read(ts, from), NULL);
    }
    decref(result);
    return written;
}

/* Where torch, torch.linalg and torch.special are written; the others' functions take no out=. */
static bool takes_out(Vm *vm, const Function *f) {
    const char *module = f->module->name->data;
    if (!f->module->prelude || strncmp(module, "torch", 5) != 0) return false;
    if (module[5] && strncmp(module + 5, "._", 2) != 0 && strcmp(module, "torch.linalg") != 0 &&
        strcmp(module, "torch.special") != 0)
        return false;
    if (f->code->flags & CODE_KWARGS) return false;
    Str **names = code_data(vm, f->code)->slot_names;
    for (uint32_t i = 0; i < f->code->parameter_count; i++)
        if (str_equals(names[i], "out")) return false; /* it sees to it itself */
    return true;
}

static bool callee_takes_out(Vm *vm, Value callee) {
    if (callee.tag != TAG_OBJ) return false;
    if (callee.o->cls == vm->cls[CLS_FUNCTION])
        return takes_out(vm, (const Function *)(const void *)callee.o);
    return callee.o->cls == vm->cls[CLS_NATIVE] &&
           tensor_is_function(((const Native *)(const void *)callee.o)->function);
}

/* Results (consumed) written to `out`, which then is what the call returns: one tensor, or a
 * sequence of as many as there are results. */
static Value written(TensorState *ts, const char *name, Value out, Value results) {
    if (is_null(results) || is_none(out)) return results;
    if (is_tensor(ts, results)) return tensor_out(ts, name, out, results);
    const Value *to, *from;
    size_t count, result_count;
    Value made = NULL_VALUE;
    if (!vm_items(out, &to, &count) || !vm_items(results, &from, &result_count) ||
        count != result_count) {
        vm_raise(ts->vm, EXC_TypeError, "%s(): argument 'out' must be tuple of Tensors, not %s",
                 name, vm_class_name(ts->vm, out));
    } else {
        for (size_t i = 0; i < count && !vm_failed(ts->vm); i++) {
            Value done = tensor_out(ts, name, to[i], incref(from[i]));
            if (!is_null(done)) decref(done);
        }
        Value items = vm_failed(ts->vm) ? NULL_VALUE : tuple_from(ts->vm, to, count);
        if (!is_null(items)) { /* a tuple with names keeps them */
            made = vm_call1(ts->vm, FROM_OBJ(results.o->cls), items);
            decref(items);
        }
    }
    decref(results);
    return made;
}

bool out_call(Vm *vm, Value callee, const Value *args, int nargs, const Tuple *kwnames,
              Value *result) {
    size_t at = 0;
    while (at < kwnames->count && !str_equals(as_str(kwnames->items[at]), "out"))
        at++;
    if (at == kwnames->count || !callee_takes_out(vm, callee)) return false;
    size_t total = (size_t)nargs + kwnames->count - 1, rest = kwnames->count - 1;
    Value *others = xcalloc(total + 1, sizeof *others);
    Value names = rest ? tuple_new(vm, rest) : NULL_VALUE;
    for (size_t i = 0; i < total; i++)
        others[i] = args[i < (size_t)nargs + at ? i : i + 1];
    for (size_t i = 0; i < rest; i++)
        as_tuple(names)->items[i] = incref(kwnames->items[i < at ? i : i + 1]);
    *result = vm_call(vm, callee, others, nargs, rest ? as_tuple(names) : NULL);
    free(others);
    if (rest) decref(names);
    Value name = is_null(*result) ? NULL_VALUE : vm_getattr_text(vm, callee, "__name__");
    if (!is_null(name)) {
        *result = written(tensor_state(vm), as_str(name)->data, args[(size_t)nargs + at], *result);
        decref(name);
    }
    return true;
}
