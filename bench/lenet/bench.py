"""LeNet: emitted C beside PyTorch eager, one thread each, interleaved in one process.

    python3 bench/lenet/bench.py NNC [OUTPUT.json]

Needs PyTorch. Medians of rounds; in a round every contestant runs once for about 50 ms. The emitted C is
compiled with gcc -O2 -march=native.
"""
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ROUNDS = 31
SLICE = 0.05


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, 400)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def emitted(nnc, directory, name, options, defines):
    """A function that runs the emitted C `n` times and returns the seconds."""
    where = os.path.join(directory, name)
    os.mkdir(where)
    source = os.path.join(where, "lenet.c")
    subprocess.run([nnc, os.path.join(ROOT, "samples/lenet.nn"), "-o", source, *options], check=True)
    library = os.path.join(where, "lenet.so")
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-march=native", "-shared", "-fPIC", f"-I{where}", *defines, source,
                    os.path.join(HERE, "loop.c"), "-o", library, "-lm"], check=True)
    bench = ctypes.CDLL(library).bench
    bench.restype = ctypes.c_double
    bench.argtypes = [ctypes.c_int]
    return bench


def looped(step):
    def run(repeats):
        start = time.perf_counter()
        for _ in range(repeats):
            step()
        return time.perf_counter() - start
    return run


def torch_forward(batch):
    net = Net().eval()
    x = torch.rand(batch, 1, 32, 32)

    def step():
        with torch.inference_mode():
            net(x)
    return looped(step)


def torch_train(batch):
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    x, target = torch.rand(batch, 1, 32, 32), torch.arange(batch) % 10

    def step():
        optimizer.zero_grad()
        F.cross_entropy(net(x), target).backward()
        optimizer.step()
    return looped(step)


def measure(contestants):
    """Median seconds of one call of each."""
    repeats = {}
    for name, run in contestants.items():
        run(3)
        repeats[name] = max(1, int(SLICE / max(run(3) / 3, 1e-7)))
    times = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            times[name].append(run(repeats[name]) / repeats[name])
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    nnc = os.path.abspath(sys.argv[1])
    torch.set_num_threads(1)
    result = {"machine": platform.processor() or platform.machine(), "torch": torch.__version__, "rounds": ROUNDS,
              "rows": []}
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                result["machine"] = line.split(":")[1].strip()
                break
    with tempfile.TemporaryDirectory() as directory:
        rows = [
            ("inference, batch 1", emitted(nnc, directory, "b1", ["--no-train"], []), torch_forward(1), 10),
            ("inference, batch 128",
             emitted(nnc, directory, "b128", ["--no-train", "--input", "x=f32[128,1,32,32]"], []),
             torch_forward(128), 3),
            ("train step, batch 128", emitted(nnc, directory, "train", [], ["-DBENCH_TRAIN"]), torch_train(128), 2),
        ]
        print(f"{result['machine']}, PyTorch {torch.__version__}, one thread, medians of {ROUNDS} rounds")
        for name, ours, theirs, wanted in rows:
            times = measure({"nnc": ours, "torch": theirs})
            ratio = times["torch"] / times["nnc"]
            print(f"{name:24} nnc {times['nnc'] * 1e6:9.2f} us   PyTorch {times['torch'] * 1e6:9.2f} us   "
                  f"{ratio:5.1f} times faster (wanted: {wanted})")
            result["rows"].append({"work": name, "nnc_us": times["nnc"] * 1e6, "torch_us": times["torch"] * 1e6,
                                   "ratio": ratio, "wanted": wanted})
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
