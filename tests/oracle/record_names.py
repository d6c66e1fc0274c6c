#!/usr/bin/env python3
"""Records PyTorch's documented names and their parameters in tests/oracle/names.txt, one a line:

    torch.rot90 input k dims

Usage: record_names.py (needs torch and torchvision). The names of torch and of Tensor come from the stubs that PyTorch
brings along, where overloads are merged; those of other modules from signatures, or the first line of the text.
"""
import ast
import inspect
import pathlib
import re

import torch
import torchvision

HERE = pathlib.Path(__file__).parent
# What a static graph can't hold, or another machine does: no part of the table.
LEFT_OUT = re.compile(
    r"(cuda|cudnn|miopen|mkldnn|mps|xpu|hpu|ipu|mtia|meta|fbgemm|quant|q_|sparse|coalesce|crow|ccol|col_indices|row_indices"
    r"|dense|int_repr|vulkan|named|rename|refine|align_|dlpack|storage|sym_|_copy$|dynamo|jit|onnx|distributed|stft|fft"
    r"|complex|polar$|cfloat|cdouble|chalf|bfloat16|half$|autocast|vmap|numba|symeig|nested|padded|pstl|autograd_dump|"
    r"record_stream|module_load|wait$|from_file|ormqr|orgqr|geqrf|householder|ldl_|lobpcg|svd_lowrank|pca_lowrank|"
    r"hash_tensor|lu_unpack|hsmm|sspaddmm|smm$|spmm|dsmm|hspmm|saddmm|batch_norm_(stats|elemt|gather|backward|update)|"
    r"native_|flash|^indices$|^values$|qscheme|^Optional$|^(boolean|has|handle)_(dispatch|torch)|_with_indices|DataPipe|"
    r"^Uninitialized|Options$|grouped_mm|scaled_(mm|add|grouped)|fake_|fused_|compiled_with|is_(maia|xla|conj|neg)$|classproperty)")

# Arguments that choose between what nnc has one of.
ELSEWHERE = ("device", "layout", "pin_memory", "memory_format", "names", "out_dtype")
DEPRECATED = re.compile(r"^(constant|dirac|eye|(kaiming|xavier)_(normal|uniform)|normal|orthogonal|uniform)$")


def written_parameters(name, text):
    """The parameters of all lines `name(a, b=1, *, c=None) -> ...` of a description, in their order."""
    found = []
    for line in re.findall(rf"^\s*(?:[\w.]+\.)?{re.escape(name)}\((.*?)\)\s*->", text, re.MULTILINE | re.DOTALL):
        for word in re.sub(r"=\s*\([^)]*\)|=\s*\[[^]]*\]|=[^,]*", "", line).split(","):
            word = re.sub(r"^\w+\s+(?=\w+$)", "", word.strip())
            if word.isidentifier() and word not in found:
                found.append(word)
    return found


def stub_functions(path, inside=None):
    """name -> parameters of the functions in a stub file, or of the methods of its class `inside`: those that the
    description names, or that the overloads have where it names none."""
    body = ast.parse(path.read_text()).body
    if inside:
        body = next(node for node in body if isinstance(node, ast.ClassDef) and node.name == inside).body
    found = {}
    for node in body:
        text = isinstance(node, ast.FunctionDef) and ast.get_docstring(node)
        if not text or node.name.startswith("_"):
            continue
        arguments = node.args
        taken = [a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs if a.arg != "self"]
        written = [word for word in written_parameters(node.name, text) if word in taken]
        known = found.setdefault(node.name, [])
        for word in written or taken:
            if word not in known:
                known.append(word)
    return found


def parameters_of(thing):
    """A Python function's or class's parameters; those of the text where there is no signature."""
    try:
        return [p.name for p in inspect.signature(thing).parameters.values()
                if p.name != "self" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    except ValueError:
        return written_parameters(thing.__name__.replace("linalg_", "").replace("special_", ""), thing.__doc__ or "")


def public(module, kind, inside):
    """The documented classes (or functions) of a module that are defined in the package `inside`."""
    for name in sorted(set(dir(module))):
        thing = getattr(module, name)
        is_kind = inspect.isclass(thing) if kind == "class" else callable(thing) and not inspect.isclass(thing)
        home = getattr(thing, "__module__", None) or ""
        if name.startswith("_") or not is_kind or not thing.__doc__ or not home.startswith(inside):
            continue
        yield name, parameters_of(thing)


def main():
    stubs = pathlib.Path(torch.__file__).parent / "_C"
    lines = set()

    def add(prefix, names):
        for name, parameters in names:
            # The names of initializers without an underscore are deprecated; those of torch are others.
            if not LEFT_OUT.search(name) and not (prefix == "torch.nn.init" and DEPRECATED.search(name)):
                known = [p for p in parameters if p not in ELSEWHERE]
                lines.add(" ".join([f"{prefix}.{name}"] + known))

    functions = stub_functions(stubs / "_VariableFunctions.pyi")
    for name in dir(torch.functional):
        thing = getattr(torch.functional, name)
        if inspect.isfunction(thing) and not name.startswith("_") and thing.__module__ == "torch.functional":
            functions[name] = parameters_of(thing)
    add("torch", functions.items())
    add("torch.Tensor", stub_functions(stubs / "__init__.pyi", "TensorBase").items())
    add("torch.linalg", public(torch.linalg, "function", ""))
    add("torch.special", public(torch.special, "function", ""))
    add("torch.nn", public(torch.nn, "class", "torch.nn"))
    add("torch.nn.functional", public(torch.nn.functional, "function", ""))
    add("torch.nn.init", public(torch.nn.init, "function", "torch.nn.init"))
    add("torch.nn.utils", public(torch.nn.utils, "function", "torch.nn.utils"))
    add("torch.optim", public(torch.optim, "class", "torch.optim"))
    add("torch.optim.lr_scheduler", public(torch.optim.lr_scheduler, "class", "torch.optim.lr_scheduler"))
    add("torch.utils.data", public(torch.utils.data, "class", "torch.utils.data"))
    add("torch.utils.data", public(torch.utils.data, "function", "torch.utils.data"))
    add("torch.distributions", public(torch.distributions, "class", "torch.distributions"))
    add("torchvision.transforms", public(torchvision.transforms, "class", "torchvision.transforms"))
    add("torchvision.datasets", public(torchvision.datasets, "class", "torchvision.datasets"))
    (HERE / "names.txt").write_text("\n".join(sorted(lines)) + "\n")


if __name__ == "__main__":
    main()
