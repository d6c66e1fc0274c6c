#!/usr/bin/env python3
"""Records what PyTorch computes for each op of the table into tests/numeric/ops.json.

Run with a Python that has torch: python tests/oracle/record_ops.py
Each case is a graph of one op in the IR's text form, the elements of its inputs and of its results;
tests/unit/test_interp.c replays them. Floats are float64, so that the reference is compared tightly.
"""
import itertools
import json
import math
import os

import torch
import torch.nn.functional as F

DT = {torch.float64: "f64", torch.float32: "f32", torch.int64: "i64", torch.int32: "i32",
      torch.uint8: "u8", torch.bool: "bool"}
cases = []
gen = torch.Generator().manual_seed(20)


def type_text(t):
    return f"{DT[t.dtype]}[{','.join(map(str, t.shape))}]"


def elements(t):
    def one(v):
        if isinstance(v, bool):
            return int(v)
        if isinstance(v, float) and not math.isfinite(v):
            return str(v)
        return str(v) if isinstance(v, int) and abs(v) > 2**53 else v  # JSON readers hold doubles
    return [one(v) for v in t.reshape(-1).tolist()]


def attr_text(v):
    if isinstance(v, (list, tuple)):
        return "[" + ",".join(map(str, v)) + "]"
    return f'"{v}"' if isinstance(v, str) and v not in DT.values() else repr(v) if not isinstance(v, str) else v


def case(op, inputs, results, **attrs):
    results = results if isinstance(results, (list, tuple)) else [results]
    heads = ", ".join(f'%{i} "a{i}": {type_text(t)} data {i}' for i, t in enumerate(inputs))
    n = len(inputs)
    operands = ", ".join(f"%{i}" for i in range(n))
    shown = {k: v for k, v in attrs.items()}
    attr = " {" + ", ".join(f"{k}={attr_text(v)}" for k, v in shown.items()) + "}" if shown else ""
    types = ", ".join(type_text(t) for t in results)
    lines = [f"graph @g({heads}) {{", f"  %{n} = {op}({operands}){attr} : {types}"]
    if len(results) == 1:
        lines.append(f'  return %{n} "y"')
    else:
        for i, t in enumerate(results):
            lines.append(f"  %{n + 1 + i} = result(%{n}) {{index={i}}} : {type_text(t)}")
        lines.append("  return " + ", ".join(f'%{n + 1 + i} "y{i}"' for i in range(len(results))))
    lines.append("}")
    cases.append({"op": op, "graph": "\n".join(lines) + "\n",
                  "inputs": [elements(t) for t in inputs],
                  "outputs": [elements(t) for t in results]})


def randn(*shape):
    return torch.randn(*shape, generator=gen, dtype=torch.float64)


def randint(low, high, shape, dtype=torch.int64):
    return torch.randint(low, high, shape, generator=gen, dtype=torch.int64).to(dtype)


def rand_bool(*shape):
    return randint(0, 2, shape).bool()


inf, nan = math.inf, math.nan
SPECIAL = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 1e-3, -1e300, 700.0,
                        -700.0, 0.9999, 3.7, -3.7, 1e-9, inf, -inf, nan], dtype=torch.float64)
INTS = {torch.int64: torch.tensor([0, 1, -1, 7, -7, 2**62, -2**63, 2**63 - 1]),
        torch.int32: torch.tensor([0, 1, -1, 7, -7, 2**30, -2**31, 2**31 - 1], dtype=torch.int32),
        torch.uint8: torch.tensor([0, 1, 2, 7, 127, 128, 200, 255], dtype=torch.uint8)}


def unary():
    floats = dict(neg=torch.neg, abs=torch.abs, sign=torch.sign, floor=torch.floor, ceil=torch.ceil,
                  round=torch.round, trunc=torch.trunc, sqrt=torch.sqrt, rsqrt=torch.rsqrt,
                  exp=torch.exp, expm1=torch.expm1, log=torch.log, log1p=torch.log1p, log2=torch.log2,
                  log10=torch.log10, exp2=torch.exp2, sin=torch.sin, cos=torch.cos, tan=torch.tan,
                  asin=torch.asin, acos=torch.acos, atan=torch.atan, sinh=torch.sinh, cosh=torch.cosh,
                  tanh=torch.tanh, asinh=torch.asinh, acosh=torch.acosh, atanh=torch.atanh,
                  erf=torch.erf, sigmoid=torch.sigmoid, relu=torch.relu, lgamma=torch.lgamma,
                  digamma=torch.digamma, isnan=torch.isnan, isinf=torch.isinf,
                  detach=lambda x: x.clone())
    for op, f in floats.items():
        for x in (SPECIAL, randn(3, 4) * 2, torch.empty(0, 3, dtype=torch.float64)):
            if op in ("sin", "cos", "tan"):
                x = x.clamp(-1e3, 1e3)
            case(op, [x], f(x))
    for n in (1, 2, 3):
        x = torch.rand(9, generator=gen, dtype=torch.float64) * 6 + 0.1
        # torch.polygamma(1, x) has only 9 right digits; the zeta function that it equals has all.
        y = torch.special.zeta(torch.tensor(2.0, dtype=torch.float64), x) if n == 1 else torch.polygamma(n, x)
        case("polygamma", [x], y, order=n)
    x = torch.tensor([-0.5, -1.25, -3.7, 20.0, 1e4], dtype=torch.float64)
    case("digamma", [x], torch.digamma(x))
    case("lgamma", [x], torch.lgamma(x))
    for dtype, x in INTS.items():
        for op in ("neg", "abs", "sign", "relu", "not"):
            f = torch.bitwise_not if op == "not" else floats[op]
            case(op, [x], f(x))
    b = torch.tensor([True, False])
    case("not", [b], ~b)


def casts():
    x = torch.tensor([0.0, -0.0, 1.9, -1.9, 0.5, 100.7], dtype=torch.float64)
    for to in DT:
        y = x.abs() if to == torch.uint8 else x
        case("cast", [y], y.to(to))
        for dtype, ints in INTS.items():
            case("cast", [ints], ints.to(to))
        b = torch.tensor([True, False])
        case("cast", [b], b.to(to))
    x = torch.tensor([nan, inf, -inf], dtype=torch.float64)
    case("cast", [x], x.bool())
    x = randn(8)
    case("cast", [x], x.float())


def binary():
    a, b = torch.meshgrid(SPECIAL, SPECIAL, indexing="ij")
    floats = dict(add=torch.add, sub=torch.sub, mul=torch.mul, div=torch.div,
                  floor_div=torch.floor_divide, trunc_div=lambda a, b: torch.div(a, b, rounding_mode="trunc"),
                  rem=torch.remainder, fmod=torch.fmod, pow=torch.pow, atan2=torch.atan2,
                  max=torch.maximum, min=torch.minimum, eq=torch.eq, ne=torch.ne, lt=torch.lt,
                  le=torch.le, gt=torch.gt, ge=torch.ge)
    for op, f in floats.items():
        # PyTorch's vectorized fmod gives NaN for quotients beyond the exponents' range.
        tame = lambda t: t.clamp(-1e3, 1e3) if op in ("rem", "fmod", "floor_div") else t
        case(op, [tame(a), tame(b)], f(tame(a), tame(b)))
        x, y = randn(2, 5), randn(2, 5)
        case(op, [x, y], f(x, y))
    for dtype in INTS:
        low = 0 if dtype == torch.uint8 else -20
        x, y = randint(low, 20, (40,), dtype), randint(low, 20, (40,), dtype)
        y1 = torch.where(y == 0, torch.ones_like(y), y)
        for op in ("add", "sub", "mul", "max", "min", "eq", "ne", "lt", "le", "gt", "ge"):
            case(op, [x, y], floats[op](x, y))
        for op in ("floor_div", "trunc_div", "rem", "fmod"):
            case(op, [x, y1], floats[op](x, y1))
        p = randint(0, 6, (40,), dtype)
        case("pow", [x, p], torch.pow(x, p))
        for op, f in (("and", torch.bitwise_and), ("or", torch.bitwise_or), ("xor", torch.bitwise_xor)):
            case(op, [x, y], f(x, y))
        s = randint(0, 8, (40,), dtype)
        case("shl", [x, s], torch.bitwise_left_shift(x, s))
        case("shr", [x, s], torch.bitwise_right_shift(x, s))
        big = INTS[dtype]
        m, n = torch.meshgrid(big, big, indexing="ij")
        for op in ("add", "sub", "mul", "max"):
            case(op, [m, n], floats[op](m, n))
    p, q = rand_bool(9), rand_bool(9)
    for op, f in (("and", torch.logical_and), ("or", torch.logical_or), ("xor", torch.logical_xor),
                  ("max", torch.maximum), ("lt", torch.lt), ("eq", torch.eq)):
        case(op, [p, q], f(p, q))
    x, y = randn(9), randn(9)
    case("where", [p, x, y], torch.where(p, x, y))
    case("where", [p, p, q], torch.where(p, p, q))


def movement():
    x = randn(2, 3, 4)
    case("reshape", [x], x.reshape(4, 6))
    case("reshape", [x], x.reshape(24))
    for perm in itertools.permutations(range(3)):
        case("permute", [x], x.permute(perm).contiguous(), perm=list(perm))
    y = randn(2, 1, 1)
    case("expand", [y], y.expand(2, 3, 4).contiguous())
    case("slice", [x], x[0:1, 1:3, 0:4:3].contiguous(), start=[0, 1, 0], size=[1, 2, 2], step=[1, 1, 3])
    case("slice", [x], x[2:2].contiguous(), start=[2, 0, 0], size=[0, 3, 4], step=[1, 1, 1])
    starts = torch.tensor([1, 0, 2])
    case("dynamic_slice", [x, starts], x[1:2, 0:2, 2:4].contiguous(), size=[1, 2, 2])
    u = randn(1, 2, 2)
    z = x.clone()
    z[1:2, 0:2, 2:4] = u
    case("dynamic_update", [x, u, starts], z)
    case("pad", [x], F.pad(x, (2, 1, 0, 0, 1, 3), value=0.5), lo=[1, 0, 2], hi=[3, 0, 1], interior=[0, 0, 0], value=0.5)
    case("pad", [x], x[:, 1:, :3].contiguous(), lo=[0, -1, 0], hi=[0, 0, -1], interior=[0, 0, 0], value=0.0)
    z = torch.full((2, 5, 4), 7.0, dtype=torch.float64)
    z[:, ::2] = x
    case("pad", [x], z, lo=[0, 0, 0], hi=[0, 0, 0], interior=[0, 1, 0], value=7.0)
    w = randn(2, 1, 4)
    case("concat", [x, w, x], torch.cat([x, w, x], 1), axis=1)
    case("concat", [x], x, axis=2)
    case("flip", [x], x.flip(0, 2), axes=[0, 2])
    case("flip", [x], x, axes=[])


def indexed():
    x = randn(3, 4, 5)
    for axis in range(3):
        n = x.shape[axis]
        idx = randint(0, n, tuple(2 if d == axis else s for d, s in enumerate(x.shape)))
        case("gather", [x, idx], x.gather(axis, idx), axis=axis)
        u = randn(*idx.shape)
        case("scatter_add", [x, idx, u], x.scatter_add(axis, idx, u), axis=axis)
        one = idx.narrow(axis, 0, 1)
        case("scatter", [x, one, u.narrow(axis, 0, 1).contiguous()],
             x.scatter(axis, one, u.narrow(axis, 0, 1)), axis=axis)
        flat = randint(0, n, (6,))
        case("take", [x, flat], x.index_select(axis, flat), axis=axis)
        grid = randint(0, n, (2, 3))
        case("take", [x, grid], x[(slice(None),) * axis + (grid,)], axis=axis)
        scalar = randint(0, n, ())
        case("take", [x, scalar], x.select(axis, int(scalar)).contiguous(), axis=axis)
        u = randn(*[6 if d == axis else s for d, s in enumerate(x.shape)])
        case("index_add", [x, flat, u], x.index_add(axis, flat, u), axis=axis)
        once = torch.randperm(n, generator=gen)[:2]
        u = u.narrow(axis, 0, 2).contiguous()
        case("index_put", [x, once, u], x.index_copy(axis, once, u), axis=axis)
    small = randint(0, 3, (2, 2, 2))
    case("gather", [x, small], x.gather(0, small), axis=0)


def reductions():
    x = randn(3, 4, 5)
    x[1, 2, 3] = 0.0
    for axes in ([0], [1], [2], [0, 2], [0, 1, 2]):
        case("reduce_sum", [x], x.sum(axes), axes=axes)
        p = x
        for a in reversed(axes):
            p = p.prod(a)
        case("reduce_prod", [x], p, axes=axes)
        case("reduce_max", [x], x.amax(axes), axes=axes)
        case("reduce_min", [x], x.amin(axes), axes=axes)
        b = randint(0, 9, (3, 4, 5)) > 1
        y, z = b, ~b
        for a in reversed(axes):
            y, z = y.all(a), z.any(a)
        case("reduce_all", [b], y, axes=axes)
        case("reduce_any", [~b], z, axes=axes)
    n = x.clone()
    n[0, 1, 2] = nan
    case("reduce_max", [n], n.amax([1]), axes=[1])
    case("reduce_min", [n], n.amin([1]), axes=[1])
    e = torch.empty(0, 3, dtype=torch.float64)
    case("reduce_sum", [e], e.sum([0]), axes=[0])
    case("reduce_prod", [e], e.prod(0), axes=[0])
    i = randint(-9, 9, (3, 4))
    case("reduce_sum", [i], i.sum([1]), axes=[1])
    case("reduce_max", [i], i.amax([0]), axes=[0])
    ties = randint(0, 3, (4, 6)).double()
    ties[1, 3] = nan
    for t in (x, n):
        for axis in range(3):
            case("argmax", [t], t.argmax(axis), axis=axis)
            case("argmin", [t], t.argmin(axis), axis=axis)
    big = randint(0, 3, (4, 6))
    first = lambda t, m: (t == m.unsqueeze(1)).long().argmax(1)
    case("argmax", [big], first(big, big.amax(1)), axis=1)
    case("argmin", [big], first(big, big.amin(1)), axis=1)
    for axis in range(3):
        case("cumsum", [x], x.cumsum(axis), axis=axis, reverse=0)
        case("cumsum", [x], x.flip(axis).cumsum(axis).flip(axis), axis=axis, reverse=1)
        case("cumprod", [x], x.cumprod(axis), axis=axis)
        case("softmax", [x], x.softmax(axis), axis=axis)
        case("log_softmax", [x], x.log_softmax(axis), axis=axis)
        for descending in (0, 1):
            v, k = torch.sort(n, dim=axis, descending=bool(descending), stable=True)
            case("sort", [n], [v, k], axis=axis, descending=descending)
    for descending in (0, 1):
        v, k = torch.sort(big, dim=1, descending=bool(descending), stable=True)
        case("sort", [big], [v, k], axis=1, descending=descending)
    case("cumsum", [i], i.cumsum(1), axis=1, reverse=0)
    far = torch.tensor([[1000.0, 1001.0, -1000.0], [-inf, 0.0, 1.0]], dtype=torch.float64)
    case("softmax", [far], far.softmax(1), axis=1)
    case("log_softmax", [far], far.log_softmax(1), axis=1)


def contractions():
    def dot(eq, a, b, ba, bb, ca, cb):
        case("dot", [a, b], torch.einsum(eq, a, b).contiguous(), batch_a=ba, batch_b=bb, contract_a=ca, contract_b=cb)
    dot("mk,kn->mn", randn(3, 4), randn(4, 5), [], [], [1], [0])
    dot("mk,nk->mn", randn(3, 4), randn(5, 4), [], [], [1], [1])
    dot("bmk,bkn->bmn", randn(2, 3, 4), randn(2, 4, 5), [0], [0], [2], [1])
    dot("mbk,knb->bmn", randn(3, 2, 4), randn(4, 5, 2), [1], [2], [2], [0])
    dot("k,k->", randn(4), randn(4), [], [], [0], [0])
    dot("m,n->mn", randn(3), randn(4), [], [], [], [])
    dot("akbl,lck->abc", randn(2, 3, 4, 5), randn(5, 2, 3), [], [], [3, 1], [0, 2])
    a, b = randint(-9, 9, (3, 4)), randint(-9, 9, (4, 2))
    case("dot", [a, b], a @ b, batch_a=[], batch_b=[], contract_a=[1], contract_b=[0])
    convs = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
    for spatial, stride, pad, dilation, groups, size, window in [
            (1, [2], [1], [1], 1, [9], [3]), (2, [1, 1], [0, 0], [1, 1], 1, [6, 5], [3, 2]),
            (2, [2, 1], [1, 2], [1, 2], 2, [7, 6], [3, 3]), (2, [3, 2], [0, 1], [2, 1], 3, [8, 8], [2, 3]),
            (3, [1, 2, 1], [1, 0, 1], [1, 1, 1], 1, [3, 4, 3], [2, 2, 2])]:
        x = randn(2, 2 * groups, *size).requires_grad_()
        w = randn(3 * groups, 2, *window).requires_grad_()
        y = convs[spatial](x, w, stride=stride, padding=pad, dilation=dilation, groups=groups)
        g = randn(*y.shape)
        dx, dw = torch.autograd.grad(y, (x, w), g)
        attrs = dict(stride=stride, lo=pad, hi=pad, dilation=dilation, groups=groups)
        x, w, y = x.detach(), w.detach(), y.detach()
        case("conv", [x, w], y, **attrs)
        case("conv_dx", [g, w], dx, **attrs, size=size)
        case("conv_dw", [x, g], dw, **attrs, window=window)
    x, w = randn(1, 2, 5, 5), randn(2, 2, 2, 2)
    case("conv", [x, w], F.conv2d(F.pad(x, (0, 1, 0, 1)), w), stride=[1, 1], lo=[0, 0], hi=[1, 1], dilation=[1, 1], groups=1)


def windows():
    for window, stride, pad, dilation, size in [
            ([2, 2], [2, 2], [0, 0], [1, 1], [6, 5]), ([3, 2], [1, 2], [1, 1], [1, 1], [5, 6]),
            ([2, 3], [1, 1], [1, 1], [2, 1], [6, 5])]:
        x = randn(2, 3, *size)
        x[0, 0, 1, 1] = nan
        x[1, 1] = x[1, 1].round()
        y, idx = F.max_pool2d(x, window, stride, pad, dilation, return_indices=True)
        attrs = dict(window=window, stride=stride, lo=pad, hi=pad, dilation=dilation)
        case("max_pool", [x], y, **attrs)
        case("max_pool_index", [x], idx, **attrs)
        x = randn(2, 3, *size)
        flat = x.reshape(2, 3, -1)
        case("pool_gather", [x, idx], flat.gather(2, idx.reshape(2, 3, -1)).reshape(idx.shape))
        g = randn(*idx.shape)
        zero = torch.zeros_like(flat).scatter_add(2, idx.reshape(2, 3, -1), g.reshape(2, 3, -1))
        case("pool_scatter", [g, idx], zero.reshape(x.shape))
        if dilation == [1, 1]:
            x.requires_grad_()
            s = F.avg_pool2d(x, window, stride, pad, divisor_override=1)
            g = randn(*s.shape)
            dx, = torch.autograd.grad(s, x, g)
            case("window_sum", [x.detach()], s.detach(), **attrs)
            case("window_sum_dx", [g], dx, **attrs, size=size)


def leaves():
    x = torch.arange(4).reshape(1, 4).expand(3, 4).contiguous()
    case("iota", [], x, axis=1)
    case("const", [], torch.tensor([0.5, -2.0], dtype=torch.float64), data=[0.5, -2.0])
    case("const", [], torch.tensor([[3], [4]]), data=[3, 4])


def random_numbers():
    def drawn(dist, low, high, skip, t, seed):
        case("random_mt", [torch.tensor(seed)], t, dist=dist, low=float(low), high=float(high), skip=skip)
    for seed in (0, 42, 2**40 + 3):
        for dtype in (torch.float32, torch.float64):
            torch.manual_seed(seed)
            drawn("uniform", -0.2, 0.3, 0, torch.empty(7, dtype=dtype).uniform_(-0.2, 0.3), seed)
            n = 7 if dtype == torch.float32 else 14
            drawn("uniform", 0, 1, n, torch.rand(5, dtype=dtype), seed)
            for count in (1, 2, 15, 16, 17, 40):
                torch.manual_seed(seed)
                drawn("normal", 0.5, 2, 0, torch.empty(count, dtype=dtype).normal_(0.5, 2), seed)
        torch.manual_seed(seed)
        torch.randn(3)
        drawn("normal_second", 0, 1, 4, torch.randn(4), seed)
        torch.manual_seed(seed)
        drawn("bernoulli", 0.3, 0, 0, torch.empty(9).bernoulli_(0.3), seed)


for record in (unary, casts, binary, movement, indexed, reductions, contractions, windows, leaves, random_numbers):
    record()
path = os.path.join(os.path.dirname(__file__), "..", "numeric", "ops.json")
with open(path, "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases of", len({c["op"] for c in cases}), "ops")
