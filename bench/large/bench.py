#!/usr/bin/env python3
"""Milliseconds of large networks and GFLOP/s of their kernels beside the core's measured peak and peers, one thread.

    python3 bench/large/bench.py NNC [--peers] [--kernels] [-o OUTPUT.txt] [NAME...]

The samples' forward functions, and single operations, as `nnc --vector=native` emits them, compiled with
gcc -O2 -march=native. With --peers, the same programs run under PyTorch, which gives the model for ONNX Runtime
and OpenVINO too (float32, one thread; whichever of them is installed). Everything is measured in turn, round by
round, and the best counts. GFLOP/s count the products of the network as written: Winograd's need fewer. Calls that
the emitted file makes in a loop count as one, with their time together.
"""
import argparse
import ctypes
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "networks"))
from bench import HERE as NETWORKS, compile_library, processor, size_of, with_timers

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = HERE.parent.parent / "samples"
MAX_KERNELS = 256
CASES = {  # file, types of the arguments, highest token
    "conv3x3": (HERE / "conv3x3.nn", {"input": "f32[1,64,56,56]"}, 0),
    "matmul": (HERE / "matmul.nn", {"x": "f32[1024,1024]", "y": "f32[1024,1024]"}, 0),
    "resnet18": (SAMPLES / "resnet18.nn", {"x": "f32[1,3,224,224]"}, 0),
    "resnet18_b8": (SAMPLES / "resnet18.nn", {"x": "f32[8,3,224,224]"}, 0),
    "resnet50": (SAMPLES / "resnet50.nn", {"x": "f32[1,3,224,224]"}, 0),
    "mobilenet_v2": (SAMPLES / "mobilenet_v2.nn", {"x": "f32[1,3,224,224]"}, 0),
    "encoder": (HERE / "encoder.nn", {"x": "i64[1,128]"}, 30522),
    "gpt2": (SAMPLES / "gpt2.nn", {"idx": "i64[1,64]", "targets": "i64[1,64]"}, 50257),
}


class Emitted:
    """A network as C."""

    def __init__(self, nnc, where, name):
        path, types, self.tokens = CASES[name]
        self.name, self.stem, self.folder = name, path.stem, where / name
        self.folder.mkdir()
        given = [word for argument, type in types.items() for word in ("--input", f"{argument}={type}")]
        done = subprocess.run([nnc, path, "--no-train", "--vector=native", "-v", *given, "-o",
                               self.folder / f"{self.stem}.c"], check=True, capture_output=True, text=True)
        report = re.findall(r"^forward: (\w+) (.*?) ([\d.]+) MFLOP(.*)$", done.stderr, flags=re.M)
        told = {kernel: (float(mega) * 1e6, size_of(sizes), schedule.strip())
                for kernel, sizes, mega, schedule in report}
        self.flops = sum(float(mega) for _, _, mega, _ in report) * 1e6
        self.library, names = self.build()
        self.kernels = [(kernel, *told[kernel]) for kernel in names]
        self.best, self.best_of = float("inf"), [float("inf")] * len(names)

    def build(self):
        names = []
        text = with_timers((self.folder / f"{self.stem}.c").read_text(), names)
        (self.folder / "parts.h").write_text(text)
        loop = self.folder / "loop.c"
        loop.write_text((NETWORKS / "loop.c").read_text())
        has_params = f"{self.stem}_prepare(" in text
        upper = "".join(word[:1].upper() + word[1:] for word in self.stem.split("_"))
        library = compile_library(self.folder, loop, [
            '-DSOURCE="parts.h"', f"-DNET(x)={self.stem}_##x", f"-DTYPE(x)={upper}##x",
            f"-DKERNELS={MAX_KERNELS}", f"-DTOKENS={self.tokens}", *([] if has_params else ["-DNO_PARAMS"])])
        library.run.restype = ctypes.c_double
        library.start()
        return library, names

    def round(self):
        each = (ctypes.c_double * MAX_KERNELS)()
        self.best = min(self.best, self.library.run(1, each, MAX_KERNELS))
        self.best_of = [min(old, new) for old, new in zip(self.best_of, each)]

    def line(self, peak):
        rate = self.flops / self.best
        return f"nnc {self.best * 1e3:.2f} ms, {rate * 1e-9:.1f} GFLOP/s, {rate / peak:.0%} of the peak"

    def table(self, peak):
        """A line for each kernel; calls with other operands count together."""
        groups = {}
        for kernel, seconds in zip(self.kernels, self.best_of):
            groups.setdefault(kernel[0], (kernel, []))[1].append(seconds)
        for (name, flops, size, schedule), times in groups.values():
            seconds = sum(times) / len(times)
            yield (f"    {len(times):3} x {name[:40]:40} {flops * 1e-6:9.3f} MFLOP {seconds * 1e6:9.1f} us "
                   f"{flops / seconds * 1e-9:7.1f} GFLOP/s {flops / seconds / peak:5.0%} "
                   f"{size / seconds * 1e-9:6.1f} GB/s  {schedule}")


class Peer:
    def __init__(self, name, call):
        self.name, self.call, self.best = name, call, float("inf")

    def round(self):
        start = time.perf_counter()
        self.call()
        self.best = min(self.best, time.perf_counter() - start)

    def line(self, peak):
        return f"{self.name} {self.best * 1e3:.2f} ms"


def peers(where, name):
    """PyTorch and the runtimes that take its export, each a call without arguments."""
    import contextlib
    import numpy
    import torch
    torch.set_num_threads(1)
    path, types, tokens = CASES[name]
    scope = {"__name__": "sample"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(path.read_text(), str(path), "exec"), scope)
    model = scope["model"].eval()
    inputs = []
    for text in types.values():
        kind, dims = re.fullmatch(r"(\w+)\[(.*)\]", text).groups()
        shape = [int(n) for n in dims.split(",")]
        inputs.append(torch.randint(tokens, shape) if kind == "i64" else torch.randn(shape))

    def eager():
        with torch.inference_mode():
            model(*inputs)

    yield Peer("PyTorch", eager)
    file = where / f"{name}.onnx"
    try:
        torch.onnx.export(model, tuple(inputs), str(file), dynamo=True, verbose=False)
    except Exception as error:
        print(f"{name}: no export: {error}", file=sys.stderr)
        return
    arrays = [numpy.ascontiguousarray(value.numpy()) for value in inputs]
    try:
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        feed = {given.name: array for given, array in zip(session.get_inputs(), arrays)}
        yield Peer("ONNX Runtime", lambda: session.run(None, feed))
    except ImportError:
        pass
    try:
        import openvino
        core = openvino.Core()
        compiled = core.compile_model(str(file), "CPU", {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY",
                                                         "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        yield Peer("OpenVINO", lambda: request.infer(arrays[:len(compiled.inputs)]))
    except ImportError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nnc")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--kernels", action="store_true", help="a line for each kernel")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("-o", metavar="OUTPUT.txt")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(CASES))
    args = parser.parse_intermixed_args()
    nnc = os.path.abspath(args.nnc)
    text = [f"{time.strftime('%Y-%m-%d')}, {processor()}, one thread, gcc -O2 -march=native, "
            f"best of {args.rounds} rounds, load {os.getloadavg()[0]:.1f}"]
    print(text[0], flush=True)
    for name in args.names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            where = pathlib.Path(folder)
            (where / "peak.c").write_text((NETWORKS / "peak.c").read_text())
            measure = compile_library(where, where / "peak.c", ["-ffp-contract=fast"]).peak
            measure.restype = ctypes.c_double
            emitted = Emitted(nnc, where, name)
            runs = [emitted, *(peers(where, name) if args.peers else [])]
            peak = 0
            for _ in range(args.rounds):
                peak = max(peak, measure())
                for run in runs:
                    run.round()
            lines = [f"{name}: {emitted.flops * 1e-6:.0f} MFLOP; " + "; ".join(run.line(peak) for run in runs)
                     + f" (peak {peak * 1e-9:.1f})"]
            if args.kernels:
                lines += emitted.table(peak)
        print("\n".join(lines), flush=True)
        text += lines
    if args.o:
        pathlib.Path(args.o).write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
