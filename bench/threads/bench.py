#!/usr/bin/env python3
"""Networks on one thread and on several, in turn.

    python3 bench/threads/bench.py NNC [OUTPUT.txt]

Each network is compiled without --threads and with them, by gcc -O2 -march=native. The numbers of threads take
turns, a slice of calls each, round by round, and medians are compared. As others may be using the machine, slices
run at real-time priority where that is allowed.
"""
import ctypes
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ROUNDS, SLICE = 31, 0.02
CASES = [  # file, options, whether the train step is what is measured
    (ROOT / "samples/lenet.nn", ["--input", "x=f32[1,1,32,32]"], False),
    (ROOT / "samples/lenet.nn", ["--input", "x=f32[128,1,32,32]"], False),
    (ROOT / "samples/lenet.nn", [], True),
    (ROOT / "tests/emitted/forward/residual.nn", ["--input", "x=f32[1,3,45,45]"], False),
    (ROOT / "tests/emitted/forward/residual.nn", ["--input", "x=f32[32,3,45,45]"], False),
    (ROOT / "tests/emitted/forward/autoencoder.nn", ["--input", "input=f32[32,777]"], False),
    (ROOT / "bench/cpu/matmul.nn", [], False),
    (ROOT / "bench/cpu/conv3x3.nn", [], False),
]


def prefer(first):
    """Real-time priority, or the usual one; threads that are started have it, too."""
    try:
        policy = os.SCHED_FIFO if first else os.SCHED_OTHER
        os.sched_setscheduler(0, policy, os.sched_param(10 if first else 0))
        return "real-time priority"
    except PermissionError:
        return "usual priority"


class Network:
    def __init__(self, nnc, where, case, threads):
        path, options, self.trains = case
        name = path.stem
        folder = where / str(len(list(where.iterdir())))
        folder.mkdir()
        subprocess.run([nnc, path, "--vector=native", *(["--threads"] if threads else []),
                        *([] if self.trains else ["--no-train"]), *options, "-o", folder / f"{name}.c"],
                       check=True, stderr=subprocess.DEVNULL)
        header = (folder / f"{name}.h").read_text()
        upper = name[0].upper() + name[1:]
        defines = [f'-DSOURCE="{folder / name}.c"', f"-DNET(x)={name}_##x", f"-DTYPE(x)={upper}##x"]
        defines += ["-DTHREADS"] if threads else []
        defines += [] if f"{name}_prepare" in header else ["-DNO_PARAMS"]
        defines += ["-DSTEP(call, loss)=call(&context, &train, &train_in, &target, 0.01, loss)"] if self.trains else []
        library = folder / "loop.so"
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-march=native", "-ffp-contract=off", "-shared", "-fPIC", *defines,
                        f"-I{folder}", HERE / "loop.c", "-o", library, "-lm", "-pthread"], check=True)
        self.library = ctypes.CDLL(str(library))
        self.library.run.restype = ctypes.c_double
        self.library.start()
        self.repeats = 1
        self.repeats = max(1, int(SLICE / min(self.time(0) for _ in range(3))))

    def time(self, helpers):
        """Seconds of a call with so many threads beside this one."""
        prefer(True)
        self.library.team(helpers)
        self.library.run(1, self.trains)
        seconds = self.library.run(self.repeats, self.trains) / self.repeats
        self.library.team(0)
        prefer(False)
        return seconds


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def microseconds(times):
    return f"{statistics.median(times) * 1e6:10.1f}"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    nnc = os.path.abspath(sys.argv[1])
    processors, priority = len(os.sched_getaffinity(0)), prefer(False)
    counts = [count for count in (2, 4, 8) if count <= processors]
    lines = [f"{time.strftime('%Y-%m-%d')}, {processor()}, {processors} processors, load "
             f"{os.getloadavg()[0]:.1f}, {priority}, gcc -O2 -march=native, median of {ROUNDS} rounds, microseconds a call",
             f"{'':32} {'plain':>10} {'1 thread':>10}" + "".join(f" {count:>2} threads (x)" for count in counts)]
    with tempfile.TemporaryDirectory() as name:
        for case in CASES:
            plain, shared = (Network(nnc, pathlib.Path(name), case, threads) for threads in (False, True))
            ways = [(plain, 0), (shared, 0)] + [(shared, count - 1) for count in counts]
            times = [[network.time(helpers) for network, helpers in ways] for _ in range(ROUNDS)]
            columns = list(zip(*times))
            one = statistics.median(columns[1])
            shape = " ".join(case[1][1:]).rpartition("=")[2]
            line = f"{case[0].stem + (' train step' if case[2] else ' ' + shape):32}"
            line += " " + microseconds(columns[0]) + " " + microseconds(columns[1])
            for column in columns[2:]:
                line += microseconds(column) + f" ({one / statistics.median(column):.2f})"
            lines.append(line)
            print(line, flush=True)
    lines.append(f"load at the end {os.getloadavg()[0]:.1f}")
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).write_text("\n".join(line.rstrip() for line in lines) + "\n")


if __name__ == "__main__":
    main()
