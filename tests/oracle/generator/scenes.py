"""What programs are about. A scene adds its statements to a draft; `focus` is the template that it has to use."""
import re

import torch
import torch.nn as nn

from functions import EXPRESSIONS, FUNCTIONS, WRITES
from layers import (DISTRIBUTION_USES, DISTRIBUTIONS, INITIALIZERS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS, STEPS, UTILITIES)


def table(text):
    """A table's templates; one that names several functions in front of its operand is one for each."""
    return text.strip("\n").split("\n")


def each(templates):
    """`nn.<A|B>(…)` as a template for A and one for B, so that all are drawn alike."""
    result = []
    for template in templates:
        match = re.search(r"\b(nn|F|torch|special|linalg|D)\.<([\w|]+)>\(", template)
        if match is None:
            match = re.match(r"()<([\w|]+)>\(", template)
        if match:
            for name in match[2].split("|"):
                start = match.start(2) - 1
                result.append(template[:start] + name + template[match.end(2) + 1:])
        else:
            result.append(template)
    return result


LAYERS, STEPS, LOSSES, OPTIMIZERS, SCHEDULERS, INITIALIZERS, DISTRIBUTIONS, DISTRIBUTION_USES, WRITES, EXPRESSIONS = (
    each(table(t)) for t in (LAYERS, STEPS, LOSSES, OPTIMIZERS, SCHEDULERS, INITIALIZERS, DISTRIBUTIONS,
                             DISTRIBUTION_USES, WRITES, EXPRESSIONS))
FUNCTIONS = [name + " " + rest for line in table(FUNCTIONS) for names, rest in [line.split(" ", 1)]
             for name in names.split("|")] + EXPRESSIONS


def by_module():
    """Templates of layers and losses, by the module's name."""
    result = {}
    losses = ["2 " + ctor + " -> " + re.sub(r"\bx\b", "{x}", call).replace("loss(", "{m}(", 1)
              for ctor, call in (loss.split(" | ") for loss in LOSSES)]
    for template in LAYERS + losses:
        result.setdefault(re.search(r"nn\.(\w+)", template)[1], []).append(template)
    return result


MODULES = by_module()
# Networks seldom get to the layers of one rank, so these come twice; transformers' numbers are often left out.
TURNS = [name for name, templates in MODULES.items()
         for _ in range(1 + (templates[0] in LAYERS and templates[0][0] != "*") + ("Transformer" in name))]
UTILITIES = [re.sub("((?: {4})+)", r"\n\1", line.replace("; ", "\n")) for line in table(UTILITIES)]
LARGEST = 500  # elements of what goes from layer to layer


def keep(draft, name):
    """A result may be an operand of what follows."""
    value = draft.space[name]
    kinds = (torch.float32, torch.float64, torch.int64, torch.bool)
    if isinstance(value, torch.Tensor) and value.dtype in kinds and 0 < value.numel() <= 60 and not value.requires_grad:
        if not value.is_floating_point() or bool(value.isfinite().all()) and value.abs().max() < 50:
            draft.tensors.append(name)


def call(draft, template, memo):
    """A template of FUNCTIONS as an expression."""
    template = re.sub(r"^(\w+) <(\w+)\|(\w+)>", lambda m: f"{m[1]} {draft.rng.choice(m.groups()[1:])}", template)
    match = re.match(r"(\w+) (\w+)([^ ]*) ?(.*)$", template)
    if not match or "(" in template.split(" ")[0]:
        return draft.fill(template, memo)
    name, kind, suffix, rest = match.groups()
    operand = draft.fill("{%s:=x}" % kind if kind not in ("pos", "unit", "part") else "{%s}" % kind, memo)
    if suffix:
        operand = f"({operand}{suffix.replace('+', ' + ')})" if suffix[0] == "+" else operand + suffix
    if re.fullmatch(r"t\d+", operand) and draft.space[operand].is_floating_point() and draft.chance(0.3) and name != "histogram":
        leaf = draft.name("p")
        draft.do(f"{leaf} = {operand}.clone().requires_grad_()")
        memo["x"] = memo["leaf"] = operand = leaf
    arguments = draft.fill(rest.replace("(, ", "("), memo)
    arguments = arguments.removeprefix(", ")
    forms = []
    if hasattr(torch, name):
        forms.append(f"torch.{name}({operand}{', ' * bool(arguments)}{arguments})")
    if hasattr(torch.Tensor, name):
        forms += [f"{operand}.{name}({arguments})"] if name not in ("T",) else [f"{operand}.T"]
    if hasattr(torch.Tensor, name + "_") and draft.chance(0.35):
        forms = [f"{operand}.clone().{name}_({arguments})"]
        if hasattr(torch, name + "_"):
            forms.append(f"torch.{name}_({operand}.clone(){', ' * bool(arguments)}{arguments})")
    return draft.rng.choice(forms)


def function(draft, template):
    for _ in range(6):
        before = len(draft.lines), len(draft.tensors)
        memo = {}
        try:
            expression = call(draft, template, memo)
        except Exception:
            continue
        result = draft.name("r")
        if draft.do(f"{result} = {expression}"):
            value = draft.space[result]
            draft.show(result)
            if not re.search("linalg|inv|einsum", expression):  # these lie in memory as their libraries have them
                keep(draft, result)
            if "leaf" in memo and isinstance(value, torch.Tensor) and value.requires_grad:
                gradient(draft, result, memo["leaf"])
            return True
        del draft.lines[before[0]:], draft.tensors[before[1]:]
    return False


def gradient(draft, result, leaf):
    scalar = f"({result} ** 2).sum()" if draft.chance(0.6) else f"{result}.sum()"
    form = draft.rng.randrange(4)
    if form == 0:
        draft.do(f"{scalar}.backward()\nprint({leaf}.grad)")
    elif form == 1:
        draft.do(f"print(torch.autograd.grad({scalar}, {leaf})[0])")
    elif form == 2:
        g = draft.name("g")
        if draft.do(f"{g}, = torch.autograd.grad({scalar}, {leaf}, create_graph=True)"):
            draft.do(f"print({g}.detach())")
            again = f"torch.autograd.grad({g}.sin().sum(), {leaf}, allow_unused=True)[0]"
            # Where a function is piecewise linear there is nothing to differentiate again.
            if draft.do(f"again = {again}", quiet=True) and draft.space["again"] is not None and draft.space["again"].any():
                draft.do(f"print({again})")
    else:
        draft.do(f"torch.autograd.backward({result}, torch.ones_like({result}) * 0.5)\nprint({leaf}.grad)")


def write(draft, template):
    for _ in range(4):
        before = len(draft.lines), len(draft.tensors)
        x = draft.tensor()
        w = draft.name("w")
        draft.do(f"{w} = {x}.clone()")
        memo = {"x": x, "w": w}
        if draft.do(draft.fill(template, memo)):
            draft.show(w)
            keep(draft, w)
            return True
        del draft.lines[before[0]:], draft.tensors[before[1]:]
    return False


def sizes(rng, rank):
    """The shape of what a layer of that rank is given."""
    shape = {2: [2, 4], 3: [2, 3, 4], 4: [2, 2, 4, 4], 5: [1, 2, 3, 4, 2]}[rank]
    return [n + rng.choice([0, 0, 1]) for n in shape]


def places(rng, x):
    """What a layer's template says of its operand."""
    d = rng.randrange(1, x.dim()) - (x.dim() if rng.random() < 0.4 else 0)
    return {"C": x.shape[1], "L": x.shape[-1], "k": rng.choice([1, 2, 2, 3]), "d": d,
            "e": rng.choice([i for i in range(x.dim()) if i != d % x.dim()]),
            "perm": ", ".join(map(str, [0] + rng.sample(range(1, x.dim()), x.dim() - 1)))}


def alone(draft, name):
    """A layer or a loss by itself, called with a tensor."""
    for _ in range(8):
        before = len(draft.lines)
        rank, text = draft.rng.choice(MODULES[name]).split(" ", 1)
        made, _, used = text.partition(" -> ")
        x, m, y = draft.make(sizes(draft.rng, int(rank) if rank != "*" else draft.rng.choice([2, 3, 4]))), draft.name("m"), draft.name("r")
        draft.tensors.remove(x)
        draft.do(f"{x} = {x}.float()", quiet=draft.space[x].dtype == torch.float32)
        leaf = draft.chance(0.4) and draft.do(f"{x}.requires_grad_()")
        memo = places(draft.rng, draft.space[x]) | {"x": x, "m": m}
        if draft.do(f"{m} = {draft.fill(made, memo)}") and draft.do(f"{y} = {draft.fill(used or '{m}({x})', memo)}"):
            if draft.chance(0.2):
                draft.do(f"print({m})")
            if "Norm" in name:  # what it gives has a sum and gradients that are all rounding
                draft.do(f"{y} = {y} * torch.rand({y}.shape)")
            draft.show(y)
            if leaf and draft.space[y].requires_grad:
                gradient(draft, y, x)
            return True
        del draft.lines[before:]
    return False


def tensors(draft, focus, modules):
    """Functions of tensors and modules, one after another."""
    done = function(draft, focus)
    for name in modules:
        done = alone(draft, name) and done
        for _ in range(draft.rng.randint(1, 2)):
            if draft.chance(0.3):
                write(draft, draft.rng.choice(WRITES))
            else:
                function(draft, draft.rng.choice(FUNCTIONS))
    return done


# Networks.

class Net:
    """The text of a module, and what it does to draft's x."""

    def __init__(self, draft, rank):
        self.draft = draft
        self.init, self.forward, self.layers = [], [], 0
        self.device = nn.Module()
        draft.space["self"] = self.device
        self.given = shape = sizes(draft.rng, rank)
        self.forms = "torch.randn({})" if draft.chance(0.8) else "torch.rand({})"
        draft.space["x"] = draft.value(self.forms.format(", ".join(map(str, shape))))
        draft.space["h"] = draft.space["x"]

    def fits(self, x, grown=LARGEST):
        return (isinstance(x, torch.Tensor) and x.dtype == torch.float32 and 1 < x.dim() < 6 and 0 < x.numel() <= grown
                and bool(x.isfinite().all()) and x.abs().max() < 1e3)

    def memo(self):
        return places(self.draft.rng, self.draft.space["x"]) | {"x": "x"}

    def layer(self, template):
        draft, space = self.draft, self.draft.space
        rank, text = template.split(" ", 1)
        made, _, used = text.partition(" -> ")
        if rank != "*" and space["x"].dim() != int(rank):
            return False
        name = draft.rng.choice(["layer", "block", "f"]) + str(self.layers + 1)
        memo = self.memo() | {"m": f"self.{name}"}
        init = f"self.{name} = {draft.fill(made, memo)}"
        step = "x = " + draft.fill(used or "{m}({x})", memo)
        before = space["x"], space["h"]
        if draft.do(init, quiet=True) and draft.do(step, quiet=True) and self.fits(space["x"]):
            self.init.append(init)
            if before[0].shape == space["x"].shape and draft.chance(0.3):
                self.forward.append("h = x")
            self.forward.append(step)
            self.layers += 1
            if draft.chance(0.4):
                self.forward.append("h = x")
                space["h"] = space["x"]
            elif self.forward[-2:-1] == ["h = x"]:
                space["h"] = before[0]
            return True
        space["x"], space["h"] = before
        return False

    def step(self, template):
        draft, space = self.draft, self.draft.space
        before = space["x"], space["h"]
        code = draft.fill(template, self.memo()).replace("\\n", "\n")
        if draft.do(code, quiet=True) and self.fits(space["x"]):
            self.forward.extend(code.split("\n"))
            return True
        space["x"], space["h"] = before
        return False

    def to_rank(self, rank):
        """Reshapes x so that a layer of that rank takes it."""
        x = self.draft.space["x"]
        while x.dim() != rank:
            self.step("x = x.flatten(-2)" if x.dim() > rank else "x = x.unsqueeze(-1)")
            x = self.draft.space["x"]

    def text(self):
        lines = ["class Net(nn.Module):", "    def __init__(self):", "        super().__init__()"]
        lines += ["        " + line for line in self.init]
        lines += ["", "    def forward(self, x):"]
        forward = ["h = x"] * any(re.search(r"\bh\b", line) for line in self.forward) + self.forward
        lines += ["        " + line for line in forward] + ["        return x"]
        return lines


def network(draft, focus, rank=None):
    """A class of a network around `focus`, and a call of it."""
    rank = focus.split(" ")[0]
    net = Net(draft, draft.rng.choice([2, 2, 3, 4]) if rank == "*" else int(rank))
    for _ in range(draft.rng.randint(0, 2)):
        more(net)
    done = False
    for _ in range(12):
        if rank != "*":
            net.to_rank(int(rank))
        done = done or net.layer(focus)
        if done:
            break
        net = Net(draft, draft.rng.choice([2, 3, 4]) if rank == "*" else int(rank))
    if not done:
        return None
    for _ in range(draft.rng.randint(0, 3)):
        more(net)
    return net


def more(net):
    draft = net.draft
    for _ in range(8):
        if draft.chance(0.5):
            if net.step(draft.rng.choice(STEPS)):
                return
        else:
            rank = str(draft.space["x"].dim())
            if net.layer(draft.rng.choice([t for t in LAYERS if t[0] in "*" + rank])):
                return


def finish(net):
    draft = net.draft
    draft.lines.append("")
    draft.lines.extend(net.text() + ["", ""])
    exec("\n".join(net.text()), draft.space)
    draft.do("net = Net()")
    if draft.chance(0.6):
        draft.do("print(net)")
    if draft.chance(0.3):
        draft.do("print(sum(p.numel() for p in net.parameters()))")
    if draft.chance(0.2):
        draft.do("for name, p in net.named_parameters():\n    print(name, tuple(p.shape), p.requires_grad)")
    if draft.chance(0.1):
        draft.do("print([isinstance(m, (nn.RNNBase, nn.Linear)) for m in net.modules()])")
    draft.do(f"x = {net.forms.format(', '.join(map(str, net.given)))}")


def nets(draft, focus):
    """A network that is called, in train and eval mode, and differentiated."""
    net = network(draft, focus)
    if net is None:
        return False
    finish(net)
    if draft.chance(0.25):
        draft.do("net.eval()")
    if draft.chance(0.4):
        draft.do("x.requires_grad_()")
    if not draft.do("y = net(x)"):
        return False
    draft.show("y")
    form = draft.rng.randrange(6)
    if form == 0:
        draft.do("y.square().mean().backward()")
        draft.do('for name, p in net.named_parameters():\n    if p.grad is not None:\n'
                 '        print(name, tuple(p.grad.shape), f"{p.grad.abs().sum().item():.4f}")')
        draft.do("print(x.grad)")
    elif form == 1:
        draft.do("net.eval()\nwith torch.no_grad():\n    y = net(x)")
        draft.show("y")
    elif form == 2:
        draft.do("for key, value in net.state_dict().items():\n    print(key, tuple(value.shape), value.dtype, "
                 'f"{value.double().abs().sum().item():.4f}")')
    elif form == 3:
        draft.do("params = [p for p in net.parameters() if p.requires_grad]\n"
                 "grads = torch.autograd.grad(y.sin().sum(), params, allow_unused=True)\n"
                 "print([g if g is None else round(g.abs().sum().item(), 3) for g in grads])")
    elif form == 4 and "Lazy" not in "".join(net.init):
        draft.do("other = Net()\nprint(other.load_state_dict(net.state_dict()))\nnet.eval()\nother.eval()\n"
                 "print(torch.allclose(other(x), net(x)))")
    else:
        draft.do("for i in range(2):\n    y = net(x)\n    print(i, y.shape, round(y.abs().mean().item(), 3))")
    return True


def training(draft, focus, loss=None, optimizer=None, scheduler=None):
    """A network, a loss, an optimizer and some steps."""
    net = network(draft, focus)
    if net is None:
        return False
    if draft.space["x"].dim() > 2:
        net.step("x = x.flatten(1)")
    width = draft.rng.randint(2, 4)
    if not net.layer("* nn.Linear({L}, %d)" % width) or draft.space["x"].shape[0] != net.given[0]:
        return False
    finish(net)
    loss_ctor, _, loss_call = loss.partition(" | ")
    draft.do(f"loss_fn = {draft.fill(loss_ctor, {})}")
    if draft.chance(0.2):
        draft.do("print(loss_fn)")
    loss_call = draft.fill(loss_call, {}).replace("loss(", "loss_fn(", 1)
    inner = re.sub(r"\bx\b", "out", loss_call)
    given, _, target = inner.partition(", ")
    draft.do("out = net(x)")
    # The target is drawn once.
    drawn = re.findall(r"\(torch\.rand\(out\.shape\) > 0\.5\)\.float\(\)|torch\.randn?\(out\.shape\)", inner)
    for i, text in enumerate(drawn):
        draft.do(f"target{i} = {text}")
        inner = inner.replace(text, f"target{i}", 1)
    draft.do(f"opt = torch.optim.{draft.fill(optimizer, {}).replace('(', '(net.parameters(), ', 1).replace(', )', ')')}")
    if draft.chance(0.1):
        draft.do("print(opt)")
    steps = ["opt.zero_grad()", "out = net(x)", f"loss = {inner}", "loss.backward()"]
    if draft.chance(0.3):
        steps.append(draft.rng.choice(['print(f"norm {torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0).item():.3f}")',
                                       "torch.nn.utils.clip_grad_value_(net.parameters(), 0.1)"]))
    steps.append("opt.step()")
    words = "step, loss.item()"
    if scheduler:
        draft.do(f"sched = torch.optim.lr_scheduler.{draft.fill(scheduler, {})}")
        steps.append("sched.step(loss.item())" if "Plateau" in scheduler else "sched.step()")
        steps.append("print(step, f\"{loss.item():.4f}\", f\"{opt.param_groups[0]['lr']:.6f}\")")
    else:
        steps.append(draft.rng.choice(['print(step, f"{loss.item():.4f}")', "print(step, loss)",
                                       'print({"step": step, "loss": round(loss.item(), 3)})']))
    code = f"for step in range({draft.rng.randint(1, 3)}):\n" + "\n".join("    " + s for s in steps)
    if not draft.do(code):
        return False
    # What a normalization takes away again has gradients that are all rounding.
    if draft.chance(0.4) and "Norm" not in "".join(net.init):
        draft.do('for name, p in net.named_parameters():\n    print(name, f"{p.abs().sum().item():.3f}")')
    if draft.chance(0.2):
        draft.do("print(opt.state_dict()['param_groups'])")
    if draft.chance(0.3):
        draft.do("net.eval()\nprint(net(x).detach())")
    return True


def initializers(draft, focus):
    done = False
    for template in [focus] + draft.rng.sample(INITIALIZERS, 2):
        w = draft.make(draft.shape(draft.rng.choice([2, 2, 3])))
        text = draft.fill(template, {"w": w})
        if "{" not in text and draft.do(f"print({text})"):
            done = done or template == focus
    w = draft.rng.choice(["nn.Linear(3, 2)", "nn.Conv1d(2, 3, 2)", "nn.Embedding(4, 2)"])
    draft.do(f"layer = {w}\nnn.init.normal_(layer.weight, 0.0, 0.02)\nprint(layer.weight)")
    return done


def distributions(draft, focus):
    draft.lines.append("import torch.distributions as D")
    exec("import torch.distributions as D", draft.space)
    done = False
    for template in [focus, draft.rng.choice(DISTRIBUTIONS)]:
        for _ in range(5):
            memo = {"x": draft.tensor(draft.rng.choice([1, 2])), "part": None}
            memo["part"] = f"torch.sigmoid({memo['x']})"
            if draft.do("dist = D." + draft.fill(template, memo)):
                done = done or template == focus
                draft.do("print(dist)")
                for use in draft.rng.sample(DISTRIBUTION_USES, 4):
                    draft.do(f"print({draft.fill(use, memo)})")
                break
    return done


def control(draft, focus):
    """Python's own statements around tensors."""
    done = function(draft, focus)
    x = draft.tensor(2)
    forms = [
        f"total = 0\nfor row in {x}:\n    if row.sum() > 0:\n        total += row.max().item()\n    else:\n        continue\nprint(f'{{total:.3f}}')",
        f"stats = {{name: getattr({x}, name)().item() for name in ('mean', 'max', 'min')}}\nprint({{k: round(v, 3) for k, v in stats.items()}})",
        f"def scale(t, by=2, *rest, shift=0.0):\n    return t * by + shift + sum(rest)\nprint(scale({x}))\nprint(scale({x}, 3, 1, 2, shift=0.5).sum())",
        f"print(*[f'{{v:6.2f}}' for v in {x}.flatten().tolist()[:4]], sep=' | ')",
        f"try:\n    {x}.reshape(7, 11)\nexcept RuntimeError as error:\n    print(error)",
        f"try:\n    torch.cat([{x}, {x}[0]])\nexcept RuntimeError as error:\n    print(type(error).__name__, error)",
        f"try:\n    {x} @ torch.ones(17, 3, dtype={x}.dtype)\nexcept RuntimeError as error:\n    print(error)",
        f"try:\n    {x}[99]\nexcept IndexError as error:\n    print(error)",
        f"parts = sorted({x}.flatten().tolist(), reverse=True)\nprint([round(p, 2) for p in parts[:3]])",
        f"i = 0\nwhile {x}.abs().max() > 0.2 and i < 6:\n    {x} = {x} * 0.5\n    i += 1\nprint(i, {x})",
        f"with torch.no_grad():\n    w = nn.Parameter({x})\n    z = w * 2\nprint(z.requires_grad, w.requires_grad, (w * 2).requires_grad)",
        f"class Doubler(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, v):\n        ctx.save_for_backward(v)\n        return v * v\n    @staticmethod\n    def backward(ctx, g):\n        v, = ctx.saved_tensors\n        return 3 * g * v\nv = {x}.clone().requires_grad_()\nDoubler.apply(v).sum().backward()\nprint(v.grad)",
        f"from torch.utils.data import DataLoader, TensorDataset, random_split\ndata = TensorDataset({x}, torch.arange(len({x})))\nfor a, b in DataLoader(data, batch_size=2, shuffle=True):\n    print(a.shape, b.tolist())",
        f"from torch.utils.data import DataLoader, Subset, ConcatDataset, TensorDataset\ndata = ConcatDataset([TensorDataset({x}), Subset(TensorDataset({x}), [0])])\nprint(len(data), [tuple(b.shape) for b, in DataLoader(data, batch_size=2, drop_last=True)])",
        f"from torch.utils.data import WeightedRandomSampler, RandomSampler, BatchSampler, SequentialSampler\nprint(list(BatchSampler(SequentialSampler(range(5)), 2, False)), list(WeightedRandomSampler([0.2, 0.5, 0.3], 4)), list(RandomSampler(range(4))))",
        f"packed = nn.utils.rnn.pack_padded_sequence(torch.randn(3, 2, 2), [3, 1])\nout, hidden = nn.GRU(2, 2)(packed)\nprint(nn.utils.rnn.pad_packed_sequence(out))",
        f"print(nn.utils.rnn.pad_sequence([torch.ones(2), {x}[0].float()], batch_first=True))",
        f"f = torch.func.grad(lambda t: (t ** 3).sum())\nprint(f({x}), torch.func.vmap(torch.dot)({x}, {x}))",
        f"print(torch.autograd.functional.jacobian(lambda t: t ** 2, {x}[0]))\nprint(torch.autograd.functional.hessian(lambda t: (t ** 3).sum(), {x}[0]))",
        f"h = []\nv = {x}.clone().requires_grad_()\nu = v * 2\nu.register_hook(lambda g: h.append(g.sum().item()))\nu.sum().backward()\nprint(h, v.grad.shape)",
        f"seq = nn.Sequential(nn.Linear({{L}}, 2), nn.ReLU())\nhandle = seq[0].register_forward_hook(lambda m, i, o: print(type(m).__name__, tuple(o.shape)))\nseq({x}.float())\nhandle.remove()\nseq({x}.float())".replace("{L}", str(draft.space[x].shape[-1])),
    ]
    for code in draft.rng.sample(forms, 2) + draft.rng.sample(UTILITIES, 2):
        draft.do(draft.fill(code, {"x": x}))
    return done


def program(draft, index, attempt):
    """Fills the draft. False: what it is about could not be had."""
    rng = draft.rng
    kind = index % 20
    turn = index // 20
    def pick(templates, step, offset):
        return templates[(turn * step + offset) % len(templates)]
    if kind < 5:
        return nets(draft, pick(LAYERS, 5, kind))
    if kind < 9 and attempt > 4: # not every layer leaves a batch to train
        return nets(draft, pick(LAYERS, 4, kind - 5))
    if kind < 9:
        return training(draft, pick(LAYERS, 4, kind - 5), pick(LOSSES, 4, kind), pick(OPTIMIZERS, 4, kind),
                        pick(SCHEDULERS, 2, kind // 2) if kind % 2 else None)
    if kind < 17:
        first = (turn * 8 + kind - 9) * 4
        return tensors(draft, pick(FUNCTIONS, 8, kind - 9), [TURNS[i % len(TURNS)] for i in range(first, first + 4)])
    if kind == 17:
        return initializers(draft, pick(INITIALIZERS, 1, 0))
    if kind == 18:
        return distributions(draft, pick(DISTRIBUTIONS, 1, 0))
    return control(draft, pick(FUNCTIONS, 7, 3))
