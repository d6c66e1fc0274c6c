"""A program that grows statement by statement.

Each statement is run by PyTorch as soon as it is written, so that what follows can ask for the shapes there are;
one that PyTorch refuses is left out. Statements come from templates, in which {x}, {d}, … stand for operands that
exist or are made on the spot, and [, bias=False] for text that is there at times.
"""
import contextlib
import io
import math
import random
import re

import torch
import torch.nn as nn
import torch.nn.functional as F

HEADER = """import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed({seed})
"""
LARGEST = 48  # elements of a tensor that is made


class Draft:
    def __init__(self, seed, key):
        self.rng = random.Random(key)
        self.seed = seed
        self.lines = []
        self.made = 0
        self.tensors = []  # names
        self.space = {"math": math, "torch": torch, "nn": nn, "F": F}
        torch.manual_seed(seed)

    def text(self):
        return HEADER.format(seed=self.seed) + "\n".join(self.lines) + "\n"

    def name(self, prefix):
        self.made += 1
        return f"{prefix}{self.made}"

    def value(self, expression):
        return eval(expression, self.space)

    def do(self, code, quiet=False):
        """Runs code and keeps it, unless PyTorch refuses it. `quiet` keeps nothing."""
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                exec(code, self.space)
            except Exception:
                return False
        if not quiet:
            self.lines.extend(code.split("\n"))
        return True

    # What templates ask for.

    def chance(self, p):
        return self.rng.random() < p

    def shape(self, rank):
        while True:
            dims = [self.rng.choice([1, 2, 2, 3, 3, 4, 5]) for _ in range(rank)]
            if math.prod(dims) <= LARGEST:
                return dims

    def make(self, shape, kind="float"):
        """A statement that makes a tensor, and its name."""
        name = self.name("t")
        size = ", ".join(map(str, shape))
        count = math.prod(shape)
        if kind == "int":
            code = f"torch.randint({self.rng.choice([-5, 0, 0])}, {self.rng.randint(4, 9)}, ({size}{',' if len(shape) == 1 else ''}))"
        elif kind == "bool":
            code = f"torch.rand({size or '()'}) > {self.rng.choice([0.3, 0.5, 0.7])}"
        else:
            forms = [f"torch.randn({size})"] * 6 + [f"torch.rand({size})", f"torch.randn({size}, dtype=torch.float64)",
                     f"torch.empty({size}).uniform_(-2, 2)", f"torch.randn({size}) * {self.rng.randint(2, 5)}"]
            if shape:
                forms.append(f"(torch.arange({count}) * {self.rng.randint(3, 7)} % {count + 2} + 1).reshape({size}) / {count}")
                forms.append(f"torch.linspace(-1.37, {self.rng.randint(1, 4)}, {count}).reshape({size})")
            if shape == [3]:
                forms += ["torch.tensor([0.25, -1.5, 2.0])"] * 4
            code = self.rng.choice(forms) if shape else "torch.randn(())"
        self.do(f"{name} = {code}")
        self.tensors.append(name)
        return name

    def tensor(self, rank=None, kind="float", accept=None):
        """The name of a tensor of this rank: one that there is, or a new one."""
        def fits(name):
            value = self.space[name]
            same = {"float": value.is_floating_point(), "int": value.dtype == torch.int64, "bool": value.dtype == torch.bool}[kind]
            return same and (value.dim() == rank if rank is not None else value.dim() > 0) and (not accept or accept(value))
        known = [name for name in self.tensors if fits(name)]
        if known and self.chance(0.6):
            return self.rng.choice(known)
        shape = self.shape(rank if rank is not None else self.rng.choice([1, 2, 2, 2, 3, 3, 4]))
        if accept:
            for _ in range(50):
                if accept(torch.empty(shape)):
                    break
                shape = self.shape(rank or 2)
        return self.make(shape, kind)

    def like(self, name, kind="float"):
        shape = list(self.space[name].shape)
        same = [t for t in self.tensors if list(self.space[t].shape) == shape and t != name
                and self.space[t].dtype == (self.space[name].dtype if kind == "float" else torch.int64)]
        if same and self.chance(0.5):
            return self.rng.choice(same)
        made = self.make(shape, kind)
        if kind == "float" and self.space[made].dtype != self.space[name].dtype:
            self.do(f"{made} = {made}.to({name}.dtype)")
        return made

    def broadcast(self, name):
        shape = [n if self.chance(0.6) else 1 for n in self.space[name].shape]
        if self.chance(0.3):
            shape = shape[self.rng.randrange(len(shape)):] if shape else shape
        return self.make(shape)

    def number(self):
        return self.rng.choice([0.5, 1.5, 2.0, 2.5, 3.0, 0.25, -0.5, -1.5, 0.1, 0.7])

    def placeholder(self, key, memo):
        rng = self.rng
        x = memo.get("x")
        size = tuple(self.space[x].shape) if x and x in self.space else ()
        match = re.fullmatch(r"x(\d)", key)
        if match:
            return self.tensor(int(match[1]))
        if re.fullmatch(r"c\d?", key):
            return str(rng.randint(2, 5))
        if re.fullmatch(r"n\d?", key):
            return str(rng.randint(1, 3))
        if re.fullmatch(r"f\d?", key):
            return str(self.number())
        if re.fullmatch(r"p\d?", key):
            return str(rng.choice([0.1, 0.25, 0.5, 0.75, 1.5, 2.0]))
        if re.fullmatch(r"q\d?", key):
            return str(rng.choice([0.1, 0.25, 0.5, 0.75, 0.9]))
        if key == "d":
            rank = max(len(size), 1)
            return str(rng.randrange(-rank, rank))
        if key == "e":  # another dimension
            rank = len(size)
            return str(rng.choice([i for i in range(rank) if i != int(memo["d"]) % rank] or [0]))
        if key == "nd":  # how long d is
            return str(size[int(memo["d"])])
        if key == "i":  # a place along d
            return str(rng.randrange(-size[int(memo["d"])], size[int(memo["d"])]))
        if key == "size":
            return str(list(size)).strip("[]")
        if key == "numel":
            return str(math.prod(size))
        makers = {
            "x": lambda: self.tensor(),
            "xi": lambda: self.tensor(kind="int"),
            "xb": lambda: self.tensor(kind="bool"),
            "i1": lambda: self.tensor(1, kind="int"),
            "i2": lambda: self.tensor(2, kind="int"),
            "s": lambda: self.tensor(0),
            "y": lambda: self.like(x),
            "z": lambda: self.make(list(size)),
            "yi": lambda: self.like(x, "int"),
            "k": lambda: self.broadcast(x),
            "k2": lambda: self.broadcast(x),
            "b": lambda: f"({x} > {rng.choice([-0.4, 0, 0.3])})",
            "pos": lambda: f"({self.operand(memo)}.abs() + 0.5)",
            "unit": lambda: f"({self.operand(memo)}.sin() * 0.8)",
            "part": lambda: f"torch.sigmoid({self.operand(memo)})",
            "sq": lambda: self.tensor(2, accept=lambda v: v.shape[0] == v.shape[1]),
            "spd": lambda: self.positive_definite(),
            "idx": lambda: str([rng.randrange(size[int(memo["d"])]) for _ in range(rng.randint(1, 4))]),
            "perm": lambda: str(rng.sample(range(len(size)), len(size))).strip("[]"),
            "mask": lambda: self.make(list(size), "bool"),
        }
        return makers[key]()

    def operand(self, memo):
        if "x" not in memo:
            memo["x"] = self.tensor()
        return memo["x"]

    def positive_definite(self):
        n = self.rng.randint(2, 4)
        a, name = self.make([n, n]), self.name("t")
        self.do(f"{name} = {a} @ {a}.T + {n} * torch.eye({n}, dtype={a}.dtype)")
        self.tensors.append(name)
        return name

    def fill(self, template, memo=None):
        memo = {} if memo is None else memo
        optional = r"\[((?:, |[a-z_]+=)[^][]*(?:\[[^]]*\][^][]*)?)\]"
        template = re.sub(optional, lambda m: m[1] if self.chance(0.4) else "", template).replace("(, ", "(")
        template = re.sub(r"<([^<>]*\|[^<>]*)>", lambda m: self.rng.choice(m[1].split("|")), template)
        def put(match):
            key = match[1]
            if key not in memo:
                memo[key] = self.placeholder(key, memo)
            if match[2]:  # {x2:=x} is {x} for what follows
                memo[match[2]] = memo[key]
            return str(memo[key])
        return re.sub(r"\{(\w+)(?::=(\w+))?\}", put, template)

    # Printing.

    def show(self, name, tensors=True):
        """Prints what `name` is."""
        rng = self.rng
        value = self.space[name]
        if isinstance(value, (tuple, list)) and value and all(isinstance(v, torch.Tensor) for v in value):
            if sum(v.numel() for v in value) > 80:
                self.do(f"print([tuple(part.shape) for part in {name}])")
            else:
                self.do(f"for part in {name}:\n    print(part)")
        elif isinstance(value, torch.Tensor) and tensors:
            real = value.is_floating_point()
            if value.numel() <= 40:
                forms = [f"print({name})"] * 6
            else:
                forms = [f"print({name}.shape, {name}.dtype)", f"print({name}.flatten()[:6])"]
            forms += [f"print(tuple({name}.shape), {name}.dtype)"]
            if real and value.numel():
                forms += [f'print(f"{{{name}.mean().item():.4f}} {{{name}.abs().max().item():.3f}}")',
                          f"print({name}.sum())", f"print({name}.shape, round({name}.sum().item(), 3))"]
            elif value.numel():
                forms += [f"print({name}.sum().item(), {name}.dtype)", f"print({name}.tolist())"]
            self.do(rng.choice(forms))
        else:
            self.do(f"print({name})")
