#!/usr/bin/env python3
"""What the kernels of samples take of a GPU, and what could be: no GPU is needed, and none is asked.

    python3 bench/cuda/resources.py NNC sm_90a lenet ...

For each kernel of a sample's .cu file, as nvcc compiles it: registers of a thread, bytes of shared memory of a
block, bytes spilled, the share of a multiprocessor's threads that fit at once, and the least time on the device by
its peaks of memory and of float32 arithmetic (products on tensor cores may be faster). Bytes are those of the
kernel's arguments, each once; operations are those that the file's list has, where its lines and the launches go
together.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = {"f32": 4, "f64": 8, "i64": 8, "i32": 4, "u8": 1, "bool": 1, "f16": 2, "bf16": 2}
# Of a multiprocessor: threads, blocks, registers, shared memory; of a block at most; reserved; of the device: bytes
# and float32 operations a second. From CUDA's programming guide and the devices' data sheets (A100, RTX 4090, H100).
LIMITS = {
    "sm_80": (2048, 32, 65536, 164 << 10, 1 << 10, 2.04e12, 19.5e12),
    "sm_89": (1536, 24, 65536, 100 << 10, 1 << 10, 1.01e12, 82.6e12),
    "sm_90a": (2048, 32, 65536, 228 << 10, 1 << 10, 3.35e12, 66.9e12),
}


def occupancy(limits, threads, registers, shared):
    most, blocks, file, memory, reserved = limits[:5]
    warps = -(-threads // 32)
    of_warp = -(-registers * 32 // 256) * 256
    fit = min(blocks, most // (32 * warps), file // (of_warp * warps), memory // (shared + reserved))
    return 100 * fit * 32 * warps // most


def element_bytes(text):
    total = 0
    for dtype, dims in re.findall(r"\b(f32|f64|i64|i32|u8|bool|f16|bf16)(?:\[([\d,\s*]*)\])?", text):
        count = 1
        for dim in re.findall(r"\d+", dims):
            count *= int(dim)
        total += SIZES[dtype] * count
    return total


def read_kernels(text):
    """Threads and bytes of each kernel, in the file's order, and operations."""
    kernels = {}
    for comment, threads, name in re.findall(r"(/\*(?:(?!\*/).)*\*/)\nKERNEL\((\d+)\) (\w+)\(", text, re.S):
        kernels[name] = {"threads": int(threads), "bytes": element_bytes(comment), "flops": None}
    for function, body in re.findall(r"\n \* (\w+) \([\d.]+ MFLOP\):\n((?: \*   \w+ [\d.]+\n)*)", text):
        listed = [float(line.split()[-1]) * 1e6 for line in body.splitlines()]
        code = re.search(r"static int \w+_" + function + r"_launch\(.*?\n}", text, re.S)
        launched = re.findall(r"LAUNCH\((\w+),", code[0]) if code else []
        for name, flops in zip(launched, listed) if len(launched) == len(listed) else ():
            kernels[name]["flops"] = flops
    return kernels


def read_resources(said):
    for name, body in re.findall(r"Compiling entry function '(\w+)'(.*?)Compile time", said, re.S):
        length = re.match(r"_Z(?:L|N\w*?_)?(\d+)", name)
        start = length.end()
        shared = re.search(r"(\d+) bytes smem", body)
        yield name[start:start + int(length[1])], {
            "registers": int(re.search(r"Used (\d+) registers", body)[1]),
            "shared": int(shared[1]) if shared else 0,
            "spilled": sum(int(n) for n in re.findall(r"(\d+) bytes spill", body))}


def table(nnc, arch, sample, nvcc):
    limits = LIMITS[arch]
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/net.cu"
        subprocess.run([nnc, os.path.join(HERE, "../../samples", sample + ".nn"), "-o", path], check=True)
        done = subprocess.run([nvcc, "-std=c++17", "--fmad=false", "-arch=" + arch, "-cubin", "-Xptxas", "-v", path,
                               "-o", directory + "/net.cubin"], check=True, text=True, stderr=subprocess.PIPE)
        with open(path) as file:
            kernels = read_kernels(file.read())
    resources = dict(read_resources(done.stderr))
    print(f"{sample}, {arch}\n\n{'kernel':42} {'threads':>7} {'regs':>5} {'shared':>7} {'spilled':>7} {'occup.':>6} "
          f"{'MFLOP':>9} {'KB':>9} {'us':>7}")
    for name, kernel in kernels.items():
        used = resources[name]
        fit = occupancy(limits, kernel["threads"], used["registers"], used["shared"])
        flops = kernel["flops"] or 0
        least = 1e6 * max(kernel["bytes"] / limits[5], flops / limits[6])
        known = "?" if kernel["flops"] is None else f"{flops / 1e6:.3f}"
        print(f"{name.removeprefix('kernel_'):42} {kernel['threads']:7} {used['registers']:5} {used['shared']:7} "
              f"{used['spilled']:7} {fit:5}% {known:>9} {kernel['bytes'] / 1e3:9.1f} {least:7.2f}")
    print()


def main():
    nvcc = shutil.which("nvcc", path=os.environ["PATH"] + ":/usr/local/cuda/bin")
    if not nvcc:
        sys.exit("resources.py needs CUDA's nvcc")
    for sample in sys.argv[3:]:
        table(os.path.abspath(sys.argv[1]), sys.argv[2], sample, nvcc)


main()
