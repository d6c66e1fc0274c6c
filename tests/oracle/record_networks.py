#!/usr/bin/env python3
"""Records what PyTorch makes of networks: record_networks.py FILE.nn...

FILE.safetensors gets weights (`before.KEY`, and `after.KEY` of the training), arguments and results in the
order in which forward has them (`in.0`, `out.0`, `after.out.0`), those of a train step where others
(`train_in.0`), what it is given beside them (`target.0`: the script names it after "# target:"), gradients of
the weights for gradients of the results (`grad.KEY`, `grad_out.0`) and losses. Seed, rate and the number of
steps are its metadata. FILE.out gets what the script prints.
"""
import contextlib
import copy
import inspect
import io
import pathlib
import re
import sys

import torch
from safetensors.torch import save_file
from torch.optim.optimizer import register_optimizer_step_pre_hook


def flatten(value):
    """The tensors in value, in order."""
    if isinstance(value, torch.Tensor):
        return [value.detach().clone()]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [tensor for item in value for tensor in flatten(item)]


class Recorder:
    def __init__(self):
        self.depth = 0
        self.calls = []  # of the network: module, arguments, training, results
        self.losses = []
        self.unscaled = {}  # losses by what GradScaler makes of them
        self.rate = 0.0

    def call(self, original):
        def wrapped(module, *args, **kwargs):
            self.depth += 1
            try:
                given = flatten(inspect.signature(module.forward).bind(*args, **kwargs).arguments) if self.depth == 1 else None
                first = self.depth == 1 and not self.calls and (copy.deepcopy(module), args, kwargs)
                result = original(module, *args, **kwargs)
            finally:
                self.depth -= 1
            if self.depth == 0:
                self.calls.append((first, given, bool(self.losses), flatten(result)))
            return result
        return wrapped

    def backward(self, original):
        def wrapped(tensor, *args, **kwargs):
            self.losses.append(self.unscaled.get(id(tensor), tensor).item())
            self.dtype = tensor.dtype
            return original(tensor, *args, **kwargs)
        return wrapped

    def scale(self, original):
        def wrapped(scaler, loss):
            scaled = original(scaler, loss)
            self.unscaled[id(scaled)] = loss
            return scaled
        return wrapped

    def step(self, optimizer, *_):
        self.rate = optimizer.param_groups[0]["lr"]


@contextlib.contextmanager
def replaced(owner, name, make):
    original = getattr(owner, name)
    setattr(owner, name, make(original))
    yield
    setattr(owner, name, original)


def gradients(module, args, kwargs, seeds):
    """Of the parameters, in train mode, given those of the floating results."""
    module.train()
    results = []

    def collect(value):
        if isinstance(value, torch.Tensor):
            results.append(value)
        elif isinstance(value, (list, tuple, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                collect(item)
    collect(module(*args, **kwargs))
    module.zero_grad()
    pairs = [(result, seed) for result, seed in zip(results, seeds) if result.requires_grad]
    torch.autograd.backward([result for result, _ in pairs], [seed for _, seed in pairs])
    return {name: torch.zeros_like(p) if p.grad is None else p.grad
            for name, p in module.named_parameters()}


def seed_like(result):
    values = (torch.arange(result.numel()) * 37 % 101).to(torch.float64) / 50 - 1
    return (values if result.is_floating_point() else values * 0).reshape(result.shape).to(result.dtype)


def record(path):
    text = path.read_text()
    recorder, output, names = Recorder(), io.StringIO(), {"__name__": "__main__"}
    hook = register_optimizer_step_pre_hook(recorder.step)
    with replaced(torch.nn.Module, "__call__", recorder.call), replaced(torch.Tensor, "backward", recorder.backward), \
            replaced(torch.amp.GradScaler, "scale", recorder.scale), \
            contextlib.redirect_stdout(output):
        exec(compile(text, str(path), "exec"), names)
    hook.remove()
    path.with_suffix(".out").write_text(output.getvalue())
    tensors = {}

    def keep(prefix, values):
        for key, value in values.items() if isinstance(values, dict) else enumerate(values):
            tensors[f"{prefix}.{key}"] = value.detach().contiguous().clone()
    (module, args, kwargs), given, _, results = recorder.calls[0]
    keep("before", module.state_dict())
    keep("in", given)
    keep("out", results)
    seeds = [seed_like(result) for result in results]
    if any(p.requires_grad for p in module.parameters()):
        keep("grad_out", seeds)
        keep("grad", gradients(module, args, kwargs, seeds))
    if recorder.losses:
        keep("after", names["net"].state_dict())
        keep("after.out", recorder.calls[-1][3])
        targets = re.search(r"^# target: (.*)", text, re.M)
        keep("target", [names[name] for name in targets.group(1).split()] if targets else [])
        tensors["losses"] = torch.tensor(recorder.losses, dtype=recorder.dtype)
    save_file(tensors, path.with_suffix(".safetensors"), {
        "seed": re.search(r"manual_seed\((\d+)\)", text).group(1), "rate": repr(recorder.rate)})


for argument in sys.argv[1:]:
    record(pathlib.Path(argument))
