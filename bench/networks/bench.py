#!/usr/bin/env python3
"""GFLOP/s of whole networks and of their kernels beside the core's measured peak, one thread.

    python3 bench/networks/bench.py NNC [OUTPUT.txt]

The networks of this folder resemble no sample; LeNet stands beside them. The emitted C is compiled
with gcc -O2 -march=native. The peak and all networks are measured in turn, round by round, and the
best round counts: others may be using the machine. Kernels are timed one by one, which costs each
of them the reading of a clock (some 50 ns). GB/s counts operands and results once: where few products
meet each weight, as in a fully connected layer at batch 1, memory is what limits, not the multipliers.
"""
import ctypes
import math
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ROUNDS = 40
SLICE = 0.02
CASES = [  # file, argument, shape without the batch, batches
    (ROOT / "samples/lenet.nn", "x", "1,32,32", (1, 128)),
    (HERE / "residual.nn", "x", "3,45,45", (1, 32)),
    (HERE / "autoencoder.nn", "input", "777", (1, 32)),
]


def compile_library(where, source, flags):
    library = where / (source.stem + ".so")
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-march=native", "-shared", "-fPIC", f"-I{where}", f"-I{ROOT}",
                    *flags, source, "-o", library, "-lm"], check=True)
    return ctypes.CDLL(str(library))


def with_timers(text, names):
    """The emitted text with TIMED around the calls of kernels in forward()."""
    begin = text.index("\nstatic int forward(")
    end = text.index("\n}\n", begin)

    def timed(match):
        names.append(match[2])
        return f"{match[1]}TIMED({len(names) - 1}, {match[3]});"

    body = re.sub(r"^(\s+)(?=kernel_(\w+)\()((?:[^;])*);", timed, text[begin:end], flags=re.M)
    return text[:begin] + body + text[end:]


def size_of(types):
    """Bytes of a kernel's operands and results: "f32[2,3] i64[4] -> f32[2]"."""
    return sum(int(bits or 8) // 8 * math.prod(int(n) for n in dims.split(",") if n)
               for bits, dims in re.findall(r"[a-z]+(\d*)\[([\d,]*)\]", types))


class Network:
    def __init__(self, nnc, where, case, batch):
        path, argument, shape, _ = case
        self.name, self.batch = path.stem, batch
        folder = where / f"{self.name}{batch}"
        folder.mkdir()
        done = subprocess.run([nnc, path, "--no-train", "--vector=native", "-v", "--input",
                               f"{argument}=f32[{batch},{shape}]", "-o", folder / f"{self.name}.c"],
                              check=True, capture_output=True, text=True)
        report = re.findall(r"^forward: (\w+) (.*?) ([\d.]+) MFLOP(.*)$", done.stderr, flags=re.M)
        told = {name: (float(mega) * 1e6, size_of(types), schedule.strip()) for name, types, mega, schedule in report}
        self.whole, _ = self.build(folder, [], timers=False)
        self.parts, names = self.build(folder, [], timers=True)
        self.kernels = [(name, *told[name]) for name in names]
        self.best, self.best_of = float("inf"), [float("inf")] * len(names)
        once = self.time(self.whole, 1)[0]
        self.repeats = max(1, int(SLICE / once))

    def build(self, folder, names, timers):
        text = (folder / f"{self.name}.c").read_text()
        source = folder / f"{self.name}_{'parts' if timers else 'whole'}.h"
        source.write_text(with_timers(text, names) if timers else text)
        loop = folder / f"{'parts' if timers else 'whole'}.c"
        loop.write_text((HERE / "loop.c").read_text())
        upper = self.name[0].upper() + self.name[1:]
        library = compile_library(folder, loop, [f'-DSOURCE="{source.name}"', f"-DNET(x)={self.name}_##x",
                                                 f"-DTYPE(x)={upper}##x"])
        library.run.restype = ctypes.c_double
        library.start()
        return library, names

    def time(self, library, repeats):
        each = (ctypes.c_double * 64)()
        seconds = library.run(repeats, each, 64)
        return seconds / repeats, [value / repeats for value in each]

    def round(self):
        self.best = min(self.best, self.time(self.whole, self.repeats)[0])
        each = self.time(self.parts, self.repeats)[1]
        self.best_of = [min(old, new) for old, new in zip(self.best_of, each)]

    def lines(self, peak):
        total = sum(flops for _, flops, _, _ in self.kernels)
        rate = total / self.best
        yield (f"{self.name}, batch {self.batch}: {total * 1e-6:.2f} MFLOP in {self.best * 1e6:.1f} us, "
               f"{rate * 1e-9:.1f} GFLOP/s, {rate / peak:.0%} of the peak")
        for (name, flops, size, schedule), seconds in zip(self.kernels, self.best_of):
            yield (f"    {name:24} {flops * 1e-6:8.3f} MFLOP {seconds * 1e6:9.1f} us {flops / seconds * 1e-9:7.1f} "
                   f"GFLOP/s {flops / seconds / peak:5.0%} {size / seconds * 1e-9:6.1f} GB/s  {schedule}")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    nnc = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        (where / "peak.c").write_text((HERE / "peak.c").read_text())
        measure = compile_library(where, where / "peak.c", ["-ffp-contract=fast"]).peak
        measure.restype = ctypes.c_double
        networks = [Network(nnc, where, case, batch) for case in CASES for batch in case[3]]
        peak = 0
        for _ in range(ROUNDS):
            peak = max(peak, measure())
            for network in networks:
                network.round()
        text = [f"{time.strftime('%Y-%m-%d')}, {processor()}, one thread, gcc -O2 -march=native, best of {ROUNDS} rounds",
                f"multiply-add peak of the core: {peak * 1e-9:.1f} GFLOP/s"]
        for network in networks:
            text += ["", *network.lines(peak)]
    print("\n".join(text))
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
