#!/usr/bin/env python3
"""One peer with one work in a process of its own: peer.py PEER WORK THREADS PRECISION FOLDER.

Prints `ready MODE...`, the ways in which it can run the work; then, for each line `MODE SECONDS` of standard input,
`MEDIAN LEAST CALLS`, the seconds of single calls. bench.py starts it.
"""
import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import jax_nets
from works import WORKS

PEER, NAME, THREADS, PRECISION, SHARED = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
WORK = WORKS[NAME]

LARGE = 8 << 20  # bytes of weights for which compilers are not tried


def scope_of_work():
    scope = {"__name__": "work"}
    with contextlib.redirect_stdout(sys.stderr):
        exec(compile(WORK.setup(), NAME, "exec"), scope)
    return scope


def torch_scope():
    import torch
    torch.set_num_threads(THREADS)
    return torch, scope_of_work()


def forward_call(torch, scope, last=False):
    model, inputs = scope["model"], scope["inputs"]
    if last:
        model = model.to(memory_format=torch.channels_last)
        inputs = tuple(value.contiguous(memory_format=torch.channels_last) for value in inputs)

    def call():
        with torch.inference_mode():
            model(*inputs)
    return call


def step_call(torch, scope, compiled=False):
    optimizer = torch.optim.SGD(scope["model"].parameters(), lr=1e-4, momentum=0.9, fused=True)
    exec(f"def loss_of(model, inputs, target):\n    return {WORK.loss}\n", scope)
    loss_of = torch.compile(scope["loss_of"], dynamic=False) if compiled else scope["loss_of"]

    def call():
        optimizer.zero_grad()
        loss_of(scope["model"], scope["inputs"], scope["target"]).backward()
        optimizer.step()
    return call


def eager():
    torch, scope = torch_scope()
    if WORK.target:
        return {"eager": step_call(torch, scope)}
    calls = {"eager": forward_call(torch, scope)}
    if WORK.convolutions:
        calls["channels_last"] = forward_call(torch, scope_of_work(), last=True)
    return calls


def inductor():
    torch, scope = torch_scope()
    import torch._inductor.config
    if WORK.target:
        return {"compile": step_call(torch, scope, compiled=True)}
    torch._inductor.config.freezing = True
    model, inputs = torch.compile(scope["model"], dynamic=False), scope["inputs"]

    def call():
        with torch.no_grad():
            model(*inputs)
    return {"compile": call}


def export():
    """The ONNX file's path, which peers share, and the arrays that it takes."""
    torch, scope = torch_scope()
    path = os.path.join(SHARED, "work.onnx")
    if not os.path.exists(path):
        with contextlib.redirect_stdout(sys.stderr):
            torch.onnx.export(scope["model"], scope["inputs"], path, dynamo=True, verbose=False, external_data=False)
    return path, [value.numpy() for value in scope["inputs"]]


def onnxruntime(folder):
    import onnxruntime
    path, arrays = export()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for given, array in zip(session.get_inputs(), arrays):
        binding.bind_ortvalue_input(given.name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    for result in session.get_outputs():
        binding.bind_output(result.name)
    return {"bound": lambda: session.run_with_iobinding(binding)}


def openvino(folder):
    import openvino
    path, arrays = export()
    compiled = openvino.Core().compile_model(path, "CPU", {
        "INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": PRECISION})
    request = compiled.create_infer_request()
    for i, array in enumerate(arrays[:len(compiled.inputs)]):
        request.set_input_tensor(i, openvino.Tensor(array, shared_memory=True))
    return {PRECISION: request.infer}


def ncnn(folder):
    import ncnn
    import numpy
    path, arrays = export()
    path = shutil.copy(path, folder)
    shapes = ",".join("[" + ",".join(map(str, array.shape)) + "]" + ("i64" if array.dtype.kind == "i" else "")
                      for array in arrays)
    subprocess.run([pathlib.Path(sys.executable).parent / "pnnx", path, f"inputshape={shapes}", "fp16=0"], cwd=folder,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    net = ncnn.Net()
    net.opt.num_threads = THREADS
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, name, False)
    if net.load_param(f"{folder}/work.ncnn.param") or net.load_model(f"{folder}/work.ncnn.bin"):
        raise RuntimeError("ncnn doesn't load what pnnx made")
    first = [array[0].astype("i4") if array.dtype.kind == "i" else array[0] for array in arrays]
    mats = [ncnn.Mat(numpy.ascontiguousarray(array)).clone() for array in first]

    def call():
        extractor = net.create_extractor()
        for i, mat in enumerate(mats):
            extractor.input(f"in{i}", mat)
        return extractor.extract("out0")
    if call()[0]:
        raise RuntimeError("ncnn doesn't run it")
    return {"fp32": call}


def emx(folder):
    import ctypes
    import numpy
    path, arrays = export()
    if os.path.getsize(path) > LARGE:
        raise RuntimeError("its C takes compilers too long")
    tool, source = pathlib.Path(sys.executable).parent / "emx-onnx-cgen", os.path.join(folder, "work.c")
    subprocess.run([tool, "compile", "--restrict-arrays", "--model-name", "model", path, source], cwd=folder,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    library = os.path.join(folder, "work.so")
    subprocess.run(["gcc", "-w", "-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", source, "-o", library,
                    "-lm"], check=True, timeout=300)
    loaded = ctypes.CDLL(library)
    weights = list(pathlib.Path(folder).glob("*.bin"))
    if weights and not loaded.model_load(str(weights[0]).encode()):
        raise RuntimeError("the emitted code doesn't load its weights")
    torch, scope = torch_scope()
    with torch.inference_mode():
        result = numpy.empty(scope["model"](*scope["inputs"]).shape, "f4")
    arguments = [array.ctypes.data_as(ctypes.c_void_p) for array in (*arrays, result)]
    return {"gcc-O3-fast-math": lambda: loaded.model(*arguments)}


PEERS = {"emx": emx, "torch": lambda folder: eager(), "inductor": lambda folder: inductor(), "onnxruntime": onnxruntime,
         "openvino": openvino, "ncnn": ncnn, "jax": lambda folder: jax_nets.calls(NAME, THREADS)}


def measure(call, seconds):
    """A warm call, then single ones for so long; five at least, unless they take much longer."""
    call()
    times, start = [], time.perf_counter()
    while True:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
        spent = time.perf_counter() - start
        if spent > 4 * seconds or (spent > seconds and len(times) >= 5):
            return f"{statistics.median(times):.9f} {min(times):.9f} {len(times)}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        try:
            calls = PEERS[PEER](folder)
            for call in calls.values():
                call()
        except Exception as error:
            print("failed", " ".join(f"{type(error).__name__}: {error}".split())[:200], flush=True)
            return
        print("ready", *calls, flush=True)
        for line in sys.stdin:
            mode, seconds = line.split()
            print(measure(calls[mode], float(seconds)), flush=True)


if __name__ == "__main__":
    main()
