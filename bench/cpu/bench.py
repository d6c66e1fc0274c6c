#!/usr/bin/env python3
"""Milliseconds of networks as nnc compiles them beside PyTorch, ONNX Runtime, OpenVINO, JAX, ncnn and emx-onnx-cgen.

    PYTHON bench/cpu/bench.py NNC [--threads N] [--precision CLASS] [--peers NAME,...] [--rounds N] [-o OUTPUT.txt]
                              [WORK...]

PYTHON has PyTorch 2.15 and those of the peers that are wanted. Every contestant is a process of its own, which
waits while another one is measured; rounds go through all of them, a slice of calls each at real-time priority where
that is allowed, and medians of rounds are compared. nnc's C is compiled by gcc and by clang (`CC=gcc nnc bench`: -O2 -march=native). A peer that can't run a
work says so on standard error.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from works import HERE, WORKS

INFER = ["torch", "inductor", "onnxruntime", "openvino", "jax", "ncnn", "emx"]
TRAIN = ["torch", "inductor", "jax"]
SLICE = 0.5


def prefer(process, first):
    """Real-time priority for all threads of a process, or the usual one; others may be using the machine."""
    policy = os.SCHED_FIFO if first else os.SCHED_OTHER
    for task in os.listdir(f"/proc/{process}/task"):
        try:
            os.sched_setscheduler(int(task), policy, os.sched_param(1 if first else 0))
        except (PermissionError, ProcessLookupError):
            pass


class Ours:
    """A program of `nnc bench`."""

    def __init__(self, nnc, folder, name, compiler, options):
        source, self.program = folder / "work.nn", folder / compiler
        source.write_text(WORKS[name].program())
        train = ["--train"] if WORKS[name].target else []
        start = time.perf_counter()
        subprocess.run([nnc, "bench", source, "-o", self.program, *train, *options], check=True, stderr=subprocess.DEVNULL,
                       env={**os.environ, "CC": compiler, "NNC_PLUGIN": "none"})
        self.name, self.seconds, self.times, self.report = f"nnc/{compiler}", time.perf_counter() - start, [], {}

    def round(self):
        process = subprocess.Popen([self.program, "--json", f"--seconds={SLICE}"], stdout=subprocess.PIPE, text=True)
        prefer(process.pid, True)
        self.report = json.loads(process.communicate()[0])
        self.times.append(self.report["median_ms"])

    def stop(self):
        pass


class Peer:
    """A way in which a peer runs the work."""

    def __init__(self, name, mode, process):
        self.name, self.mode, self.process, self.times = f"{name} {mode}", mode, process, []

    def round(self):
        self.process.stdin.write(f"{self.mode} {SLICE}\n")
        prefer(self.process.pid, True)
        self.process.stdin.flush()
        self.times.append(float(self.process.stdout.readline().split()[0]) * 1e3)
        prefer(self.process.pid, False)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def start_peer(peer, name, folder, args):
    process = subprocess.Popen([sys.executable, HERE / "peer.py", peer, name, str(args.threads), args.peer_precision,
                                folder],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    answer = process.stdout.readline().split(maxsplit=1)
    if not answer or answer[0] != "ready":
        print(f"{name}: {peer}: {answer[1].strip() if len(answer) > 1 else 'stopped'}", file=sys.stderr)
        process.stdin.close()
        process.wait()
        return []
    return [Peer(peer, mode, process) for mode in answer[1].split()]


def measure(nnc, name, args):
    with tempfile.TemporaryDirectory() as folder:
        options = [word for given, word in ((args.precision, f"--precision={args.precision}"),
                                            (args.threads > 1, f"--threads={args.threads}")) if given]
        runs = [Ours(nnc, pathlib.Path(folder), name, compiler, options) for compiler in args.compilers.split(",")]
        for peer in TRAIN if WORKS[name].target else INFER:
            wanted = not args.peers or peer in args.peers.split(",")
            if wanted and not (peer == "ncnn" and WORKS[name].batched):
                runs += start_peer(peer, name, folder, args)
        for _ in range(args.rounds):
            for run in runs:
                run.round()
        for run in runs:
            run.stop()
    return runs


def lines(name, runs):
    """What stands in the file: the ratio to the best peer, then everybody."""
    ours = [run for run in runs if isinstance(run, Ours)]
    peers = [run for run in runs if isinstance(run, Peer)]
    best, median = ours[0], statistics.median(ours[0].times)
    report = best.report
    head = f"{name:18} {median:10.4f}"
    if peers:
        nearest = min(peers, key=lambda run: statistics.median(run.times))
        other = statistics.median(nearest.times)
        head += f" {other:10.4f}  {other / median:6.2f}  {nearest.name:24}"
    else:
        head += f" {'':10}  {'':6}  {'':24}"
    peak = report["peak_gflops"] * report["threads"]
    head += f" {report['gflops']:8.1f} {100 * report['gflops'] / peak:4.0f} %"
    rest = sorted(runs, key=lambda run: statistics.median(run.times))
    yield head
    yield "    " + ", ".join(f"{run.name} {statistics.median(run.times):.4f}" for run in rest)
    yield "    compiled in " + ", ".join(f"{run.seconds:.1f} s ({run.name})" for run in ours)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return "unknown processor"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nnc")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="", help="nnc's class")
    parser.add_argument("--peer-precision", default="f32", help="OpenVINO's type: f32, bf16")
    parser.add_argument("--peers", default="", help="some of them, with commas between")
    parser.add_argument("--compilers", default="gcc,clang", help="of nnc's C; the first one's time counts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-o", metavar="OUTPUT.txt")
    parser.add_argument("works", nargs="*", metavar="WORK", help=", ".join(WORKS))
    args = parser.parse_intermixed_args()
    nnc = os.path.abspath(args.nnc)
    text = [f"{time.strftime('%Y-%m-%d')}, {processor()}, threads: {args.threads}, -O2 -march=native, medians of "
            f"{args.rounds} rounds of {SLICE} s, load {os.getloadavg()[0]:.1f}",
            f"{'work':18} {'nnc ms':>10} {'peer ms':>10}  {'times':>6}  {'best peer':24} {'GFLOP/s':>8} {'peak':>6}"]
    print("\n".join(text), flush=True)
    for name in args.works or WORKS:
        for line in lines(name, measure(nnc, name, args)):
            text.append(line)
            print(line, flush=True)
    text.append(f"load at the end {os.getloadavg()[0]:.1f}")
    if args.o:
        pathlib.Path(args.o).write_text("\n".join(line.rstrip() for line in text) + "\n")


if __name__ == "__main__":
    main()
