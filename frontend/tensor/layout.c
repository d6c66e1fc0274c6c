/* Memory formats: the order in which a tensor's dims would lie in PyTorch's memory. Values are
 * row-major in any case; the order shows in strides and in where random numbers go. */
#include <string.h>

#include "frontend/tensor/tensor.h"

static void channels_last_order(int rank, int64_t order[MAX_RANK]) {
    order[0] = 0;
    for (int i = 1; i < rank - 1; i++)
        order[i] = i + 1;
    order[rank - 1] = 1;
}

/* Whether PyTorch takes a tensor of images or volumes for one with the channels last. */
static bool has_channels_last(const Tensor *x) {
    int64_t strides[MAX_RANK], offset, order[MAX_RANK], least = 0;
    int rank = x->type.rank;
    if (rank < 4 || rank > 5) return false;
    tensor_strides(x, strides, &offset);
    channels_last_order(rank, order);
    if (strides[1] == 0) return false;
    for (int i = rank; i-- > 0;) {
        int64_t d = order[i], size = x->type.dim[d];
        if (size == 0 || strides[d] < least || (d == 0 && least == strides[1])) return false;
        least = strides[d] * size;
    }
    return true;
}

bool arg_memory_format(TensorState *ts, Value v, const Tensor *x, MemoryFormat *out) {
    static const char *const names[] = {"torch.preserve_format", "torch.contiguous_format",
                                        "torch.channels_last", "torch.channels_last_3d"};
    if (is_null(v) || is_none(v)) return true;
    Buf text = {0};
    bool ok = vm_repr_to(ts->vm, v, &text);
    int i = 0;
    while (ok && i < 4 && strcmp(buf_text(&text), names[i]) != 0)
        i++;
    buf_free(&text);
    if (!ok) return false;
    if (i == 4) {
        vm_raise(ts->vm, EXC_TypeError,
                 "argument 'memory_format' must be torch.memory_format, not %s",
                 vm_class_name(ts->vm, v));
        return false;
    }
    *out = i < 2 ? (MemoryFormat)i : FORMAT_CHANNELS_LAST;
    if (i < 2 || x->type.rank == i + 2) return true;
    vm_raise(ts->vm, EXC_RuntimeError, "required rank %d tensor to use %s format", i + 2,
             names[i] + strlen("torch."));
    return false;
}

bool tensor_has_format(const Tensor *x, MemoryFormat format) {
    int64_t strides[MAX_RANK], offset, order[MAX_RANK], expected = 1;
    if (format != FORMAT_CHANNELS_LAST) return format == FORMAT_KEPT || tensor_is_contiguous(x);
    tensor_strides(x, strides, &offset);
    channels_last_order(x->type.rank, order);
    for (int i = x->type.rank; i-- > 0;) {
        int64_t size = x->type.dim[order[i]];
        if (size != 1 && strides[order[i]] != expected) return false;
        expected *= size;
    }
    return true;
}

/* Says of a new tensor how it lies. */
static void lay_channels_last(Tensor *made) {
    int64_t order[MAX_RANK];
    channels_last_order(made->type.rank, order);
    tensor_set_order(made, order);
}

Value tensor_copy_format(TensorState *ts, Tensor *x, MemoryFormat format, const char *fn_name) {
    LazyNode *node = tensor_read(ts, x);
    if (format == FORMAT_KEPT) return tensor_wrap_like(ts, node, fn_name, &x, 1);
    Value made = tensor_wrap(ts, node, fn_name);
    if (!is_null(made) && format == FORMAT_CHANNELS_LAST) lay_channels_last(as_tensor(made));
    return made;
}

void tensor_lay_like(Value made, const Value *operands, size_t count, bool all) {
    size_t last = 0;
    for (size_t i = 0; i < count; i++)
        last += has_channels_last(as_tensor(operands[i]));
    Tensor *x = as_tensor(made);
    bool whole = x->type.rank >= 4 && x->type.rank <= 5 && !x->view && !x->var->root;
    if (whole && last > 0 && (last == count || !all)) lay_channels_last(x);
}

/* laid(t, *like): what convolutions and pools make has the channels last if an operand has. */
static Value laid_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    Tensor *x;
    if (!vm_args_simple(vm, "laid", nargs, kwnames, 2, -1)) return NULL_VALUE;
    for (int i = 0; i < nargs; i++)
        if (!arg_tensor(tensor_state(vm), args[i], "laid", &x)) return NULL_VALUE;
    tensor_lay_like(args[0], args + 1, (size_t)nargs - 1, false);
    return incref(args[0]);
}

const TensorFunction LAYOUT_FUNCTIONS[] = {
    {"laid", laid_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
