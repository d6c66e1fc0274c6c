#!/usr/bin/env python3
"""Emitted code doesn't grow with the time steps of a network, but for tables of offsets: it has as many kernels, and
as many calls.

run.py NNC: compiles recurrent networks, those of nn and loops of the program, with their train steps, for few steps
and for many."""
import pathlib
import re
import subprocess
import sys
import tempfile

HEAD = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
"""
LIBRARY = HEAD + """
        self.inner = nn.%s(3, 4, batch_first=True%s)
        self.out = nn.Linear(%d, 2)

    def forward(self, x):
        return self.out(self.inner(x)[0])
"""
LOOP = HEAD + """
        self.inner = nn.Linear(3, 4)
        self.again = nn.Linear(4, 4)
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        h, results = torch.zeros(2, 4), []
        for t in range(x.shape[1]):
            h = torch.tanh(self.inner(x[:, t]) + self.again(h))
            results.append(h)
        return self.out(torch.stack(results, 1))
"""
TRAIN = """
net = Net()
x, y = torch.randn(2, STEPS, 3), torch.randn(2, STEPS, 2)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
loss = ((net(x) - y) ** 2).mean()
optimizer.zero_grad()
loss.backward()
optimizer.step()
"""
PROGRAMS = {
    "lstm": LIBRARY % ("LSTM", "", 4),
    "layers": LIBRARY % ("GRU", ", num_layers=2, bidirectional=True", 8),
    "elman": LIBRARY % ("RNN", ", bidirectional=True", 8),
    "loop": LOOP,
}
FEW, MANY = 30, 150


def kernels(nnc, directory, name, text, steps):
    """Definitions and calls."""
    source = directory / f"{name}{steps}.nn"
    source.write_text((text + TRAIN).replace("STEPS", str(steps)))
    target = source.with_suffix(".c")
    subprocess.run([nnc, "--vector=sse2", source, "-o", target], check=True)
    return len(re.findall(r"\bkernel_\w+\(", target.read_text()))


def main():
    failures = 0
    with tempfile.TemporaryDirectory(prefix="nnc-loops-") as work:
        for name, text in PROGRAMS.items():
            few, many = (kernels(sys.argv[1], pathlib.Path(work), name, text, steps) for steps in (FEW, MANY))
            if many != few:
                failures += 1
                print(f"{name}: {few} kernels and calls for {FEW} steps, {many} for {MANY}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
