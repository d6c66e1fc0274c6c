"""The program that bears the names, and its twin with plain ones."""

import hostile

PROGRAM = '''"""@DOC@"""  # @COMMENT@
import torch
import torch.nn as nn

NAMES = @NAMES@
MEMBERS = NAMES[:@COUNT@]


class Scale(nn.Module):
    """@DOC@"""

    def __init__(self):
        super().__init__()
        self.@I0@ = nn.Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, @I1@):
        @I2@ = @I1@ * self.@I0@  # @COMMENT@
        return @I2@


class @I3@(nn.Module):
    def __init__(self, names):
        super().__init__()
        self.plain, self.buffers_, self.modules_, self.set_ = nn.Module(), nn.Module(), nn.Module(), nn.Module()
        for name in names:
            self.plain.register_parameter(name, nn.Parameter(torch.zeros(2)))
            self.buffers_.register_buffer(name, torch.ones(2))
            self.modules_.add_module(name, Scale())
            setattr(self.set_, name, nn.Parameter(torch.ones(2)))
            setattr(self, name + "!", nn.Parameter(torch.ones(2)))
        self.listed = nn.ModuleDict({name: Scale() for name in names})
        self.table = nn.ParameterDict([(name, torch.ones(2)) for name in names])
@ATTRIBUTES@

    def forward(self, data, @ARGUMENTS@):
        result = {}
        for name in MEMBERS:
            y = data[name] * getattr(self.plain, name) + getattr(self.buffers_, name)
            y = self.listed[name](getattr(self.modules_, name)(y)) - getattr(self.set_, name)
            result[name] = y * self.table[name] + getattr(self, name + "!")
        total = 0
@SUMS@
        for name in NAMES[@COUNT@:]:
            result[name] = data[name] * total
        return result


net = @I3@(MEMBERS)
optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.5)
results = net({name: torch.ones(2) for name in NAMES}, @INPUTS@)
loss = torch.stack([value.sum() for value in results.values()]).sum()
optimizer.zero_grad()
loss.backward()
optimizer.step()
'''


def program(names, identifiers, doc, comment):
    functions = ["exp", "tanh", "sin", "cos", "sigmoid", "relu"]
    lines = {"ATTRIBUTES": [], "SUMS": []}
    for i, name in enumerate(identifiers):
        lines["ATTRIBUTES"].append(f"        self.@@{i}@@ = nn.Linear(2, {i + 1})")
        lines["SUMS"].append(f"        {name} = torch.{functions[i % 6]}(self.@@{i}@@({name}))  # @COMMENT@")
        lines["SUMS"].append(f"        total = total + {name}.sum()")
    text = PROGRAM
    for place, value in lines.items():
        text = text.replace(f"@{place}@", "\n".join(value))
    for i, name in enumerate(identifiers):
        text = text.replace(f"@@{i}@@", name).replace(f"@I{i}@", name)
    values = {"NAMES": ascii(names), "COUNT": str(len(hostile.TEXTS)), "DOC": doc, "COMMENT": comment, "ARGUMENTS": ", ".join(identifiers),
              "INPUTS": ", ".join(["torch.ones(1, 2)"] * len(identifiers))}
    for place, value in values.items():
        text = text.replace(f"@{place}@", value)
    return text


def twins():
    doc = "*/ ??/ \\\\ %s \\u202e // #error"
    texts = hostile.TEXTS + hostile.KEYS
    plain = [f"p{i}" for i in range(len(texts))]
    return (program(texts, hostile.IDENTIFIERS, doc, "*/ ??/ \\"),
            program(plain, [f"i{i}" for i in range(len(hostile.IDENTIFIERS))], "doc", "comment"))
