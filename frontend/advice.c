/* The table of hints, by a part of the message. The first match counts. */
#include "frontend/advice.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *part, *advice;
} table[] = {
    {"before Module.__init__() call", "call super().__init__() first in the module's __init__"},
    {"has no attribute '_backward_hooks'",
     "call super().__init__() first in the module's __init__"},
    {"mat1 and mat2 shapes",
     "the first operand's last size must equal the second's first; to feed a "
     "convolution's result to a Linear, flatten it: x.flatten(1)"},
    {"channels, but got", "the layer's first argument (in_channels) must equal the input's size at "
                          "axis 1"},
    {"is invalid for input of size",
     "the product of the sizes must equal the number of elements; -1 "
     "stands for the one size that follows from the others"},
    {"at non-singleton dimension",
     "sizes must be equal, or one of them 1, counted from the last axis; "
     "see unsqueeze()"},
    {"Boolean value of Tensor with", "reduce it first: x.any(), x.all() or x.item()"},
    {"cannot be converted to Scalar", "item() takes tensors of one element; see tolist()"},
    {"only for scalar outputs", "reduce to one number first, as in loss.sum().backward(), or pass "
                                "backward() the gradient"},
    {"does not require grad", "nothing it was computed from has requires_grad=True"},
    {"a leaf Variable that requires grad",
     "put it under `with torch.no_grad():`, or write x = x + 1"},
    {"Expected size", "torch.cat joins along one axis; all other sizes must be equal"},
    {"Output size is too small",
     "the window is larger than the input; earlier layers left too little"},
    {"maximum recursion depth exceeded",
     "a function calls itself without end; look for the missing "
     "end of the recursion"},
    {"index out of range in", "an index tensor (or a target class) holds a value outside its axis"},
    {"is out of bounds.", "a target class is a number from 0 to the number of scores less one"},
    {"module 'torch", "docs/supported.md lists which of PyTorch's names nnc has"},
    {"from 'torch", "docs/supported.md lists which of PyTorch's names nnc has"},
    {"'Tensor' object has no attribute",
     "docs/supported.md lists which of PyTorch's names nnc has"},
};

/* Programs often read their data before they call the network. */
static const char missing_file[] =
    "a network can be compiled without its data: name its inputs, as in --input x=f32[1,1,32,32]";

const char *advice_for(const char *message, bool compiling) {
    if (compiling && strstr(message, "FileNotFoundError")) return missing_file;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strstr(message, table[i].part)) return table[i].advice;
    return NULL;
}

static const struct {
    const char *module, *advice;
} modules[] = {
    {"numpy", "use torch's tensors: torch.tensor, torch.arange, torch.linspace, ..."},
    {"matplotlib", "print the numbers, or write them to a file and plot that"},
    {"re", "use the methods of str: split, find, partition, replace, ..."},
};

const char *advice_for_module(const char *name) {
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        size_t length = strlen(modules[i].module);
        bool same = strncmp(name, modules[i].module, length) == 0;
        if (same && (name[length] == '\0' || name[length] == '.')) return modules[i].advice;
    }
    return NULL;
}
