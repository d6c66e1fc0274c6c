/* The table of hints, by a part of the message. The first match counts. */
#include "frontend/advice.h"

#include <stddef.h>
#include <string.h>

#define COMPLEX                                                                                    \
    "there are no complex numbers: keep the real and the imaginary part in two tensors; a "        \
    "Fourier "                                                                                     \
    "transform is a product with a matrix of cosines and one of sines"
#define TYPES "there are float32, float64, float16, bfloat16, int64, int32, uint8 and bool"

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
    {"'NoneType' object has no attribute",
     "a function that ends without `return` gives None: look at what made the value"},
    {"'float' object cannot be interpreted as an integer",
     "`/` gives a float: a size is written with `//`, or int(...)"},
    {"must be tuple of ints,but got float",
     "`/` gives a float: a size is written with `//`, or int(...)"},
    {"must be Tensor, not tuple",
     "a recurrent or attention layer returns several values: take the first, as in out, state = "
     "rnn(x)"},
    {"is missing the required \"forward\"",
     "define forward(self, ...) in the class; is its name misspelt or indented too far?"},
    {"device type at start of device string", "there is the CPU only: torch.device('cpu')"},
    {"Found no NVIDIA driver", "the program itself runs on the CPU: write torch.device('cuda' if "
                               "torch.cuda.is_available() else 'cpu')"},
    {"is not linked with support for", "there is the CPU only: torch.device('cpu')"},
    {"has no attribute 'complex", TYPES},
    {"has no attribute 'cfloat", TYPES},
    {"has no attribute 'cdouble", TYPES},
    {"'torch' has no attribute 'fft'", COMPLEX},
    {"'torch' has no attribute 'polar'", COMPLEX},
    {"has no attribute 'view_as_", COMPLEX},
    {"'torch' has no attribute 'stft'", COMPLEX},
    {"'torch' has no attribute 'istft'", COMPLEX},
    {"complex() is not part", "keep the real and the imaginary part as two floats"},
    {"'method' object is not iterable", "call it, as in net.parameters()"},
    {"optimizer got an empty parameter list",
     "layers are found when they are attributes of a module, or in a ModuleList"},
    {"expected target dtype to be Long",
     "classes are whole numbers: target.long(); probabilities have the scores' shape"},
    {"multi-target not supported",
     "a target holds one class an item: target.squeeze(1), or target.argmax(1) of one-hot rows"},
    {"'float' object has no attribute 'backward'",
     "item() gives a plain number: call backward() on the tensor"},
    {"to have one of the following scalar types: Long", "indices are whole numbers: x.long()"},
    {"type (float) should be the same", "convert the input: x.float()"},
    {"Missing key(s) in state_dict",
     "names come from the modules' attributes: build the network as "
     "it was when it was saved"},
    {"size mismatch for", "build the network with the sizes that it had when it was saved"},
    {"cast to the desired output type Long", "targets of this loss are floats: target.float()"},
    {"that is different to the input size",
     "give both the same shape: target.unsqueeze(1), or output.squeeze(1)"},
    {"must be the same as input size",
     "give both the same shape: target.unsqueeze(1), or output.squeeze(1)"},
    {"have the same dtype", "both sides need one type: x.float() or x.double()"},
    {"list is not a Module subclass", "unpack the list: nn.Sequential(*layers)"},
    {"is not a Module subclass", "a function is called in forward; its module is one of torch.nn, "
                                 "as nn.ReLU() is for F.relu"},
    {"Expected more than 1 value per channel",
     "batch norm needs several items when it trains: use eval(), or drop_last=True in the "
     "DataLoader"},
    {"is out of bounds.", "a target class is a number from 0 to the number of scores less one"},
    {"backward through the graph a second time",
     "compute the loss anew before each backward(), detach() what stays from the step before, or "
     "go back once through the sum of the losses"},
    {"stack expects each tensor to be equal size",
     "what is stacked has one shape: in a DataLoader pad or crop the items, or give it a "
     "collate_fn"},
    {"optimizer can only optimize Tensors", "give it parameters: model.parameters()"},
    {"too many values to unpack", "there are more values than names on the left"},
    {"not enough values to unpack", "there are fewer values than names on the left"},
    {"[Errno 2] No such file",
     "a path that doesn't start with / is relative to the directory where nnc was started"},
    {"list index out of range", "indices go from 0 to len(...) - 1"},
    {"not enough arguments for format string", "the text has more %'s than there are values"},
    {"not all arguments converted during string", "there are more values than %'s in the text"},
    {"name 'nn' is not defined", "import torch.nn as nn"},
    {"name 'F' is not defined", "import torch.nn.functional as F"},
    {"name 'optim' is not defined", "import torch.optim as optim"},
    {"name 'torch' is not defined", "import torch"},
    {"name 'math' is not defined", "import math"},
    {"name 'os' is not defined", "import os"},
    {"name 'sys' is not defined", "import sys"},
    {"name 'time' is not defined", "import time"},
    {"name 'random' is not defined", "import random"},
    {"name 'json' is not defined", "import json"},
    {"name 'copy' is not defined", "import copy"},
    {"name 'argparse' is not defined", "import argparse"},
    {"name 'DataLoader' is not defined", "from torch.utils.data import DataLoader"},
    {"name 'Dataset' is not defined", "from torch.utils.data import Dataset"},
    {"floating point and complex dtype can require gradients",
     "write floats, as in torch.tensor([1.0, 2.0]), or convert it first: x.float()"},
    {"could not infer output dtype", "convert it first: x.float().mean()"},
    {"modified by an inplace operation",
     "write y = y * 2 in place of y *= 2 or y.mul_(2) where a gradient still needs the old value"},
    {"too many dimensions 'str'", "tensors hold numbers: give each text one"},
    {"expected sequence of length", "all rows of a tensor have the same length"},
    {"Expected state_dict to be dict-like", "read the file first: torch.load('model.pth')"},
    {"'tuple' object has no attribute",
     "a layer or function that returns several values: take them apart, as in h, c = cell(x)"},
    {"cannot access local variable",
     "an assignment anywhere in a function makes the name local: pass the value as an argument, or "
     "say `global` first"},
    {"can only concatenate str", "f\"...{value}\" or str(value) makes it text"},
    {"only batches of spatial targets supported",
     "a target holds one class a pixel: target.squeeze(1), or target.argmax(1) of one-hot planes"},
    {"running_mean should contain",
     "the layer's num_features must equal the input's size at axis 1"},
    {"input.size(-1) must be equal to input_size",
     "the layer's first argument (input_size) must equal the input's last size"},
    {"all elements of input should be between 0 and 1",
     "this loss takes probabilities, as torch.sigmoid(x); BCEWithLogitsLoss takes scores"},
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

#define NETWORK "put the network's class into the program; its weights can come from a file"
#define IMAGES "bring images as tensors in a .pt or safetensors file, or by torchvision.datasets"
#define ONE_PROCESS "a program runs in one process: leave that part out"

static const struct {
    const char *module, *advice;
} modules[] = {
    {"scipy", "use torch's tensors and math"},
    {"pandas", "read the file with open(), or bring the numbers as a .pt or safetensors file"},
    {"sklearn", "bring the data as a .pt or safetensors file"},
    {"matplotlib", "print the numbers, or write them to a file and plot that"},
    {"decimal", "use float, or int in the smallest unit"},
    {"fractions", "use float, or a numerator and a denominator"},
    {"asyncio", "call the functions one after the other"},
    {"concurrent", "call the functions one after the other"},
    {"torchvision.models", NETWORK},
    {"timm", NETWORK},
    {"transformers", NETWORK},
    {"torchvision.io", IMAGES},
    {"cv2", IMAGES},
    {"PIL", IMAGES},
    {"imageio", IMAGES},
    {"skimage", IMAGES},
    {"torchaudio", "bring the data as a .pt or safetensors file"},
    {"torchtext", "bring the data as a .pt or safetensors file"},
    {"torch.distributed", ONE_PROCESS},
    {"torch.multiprocessing", ONE_PROCESS},
    {"multiprocessing", ONE_PROCESS},
    {"threading", ONE_PROCESS},
    {"subprocess", ONE_PROCESS},
    {"torch.utils.tensorboard", "print the numbers, or write them to a file"},
    {"tensorboard", "print the numbers, or write them to a file"},
    {"wandb", "print the numbers, or write them to a file"},
};

const char *advice_for_module(const char *name) {
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        size_t length = strlen(modules[i].module);
        bool same = strncmp(name, modules[i].module, length) == 0;
        if (same && (name[length] == '\0' || name[length] == '.')) return modules[i].advice;
    }
    return NULL;
}
