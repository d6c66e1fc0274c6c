#!/usr/bin/env python3
"""What ptxas makes of products: sass.py NNC. For each class of precision and some devices kernels
that multiply by matrix units spill nothing, and their innermost loops, where nvdisasm is found (in
PATH, in CUDA's folder, or as $NVDISASM), multiply by them while they copy, from sm_80 on."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
nnc = os.path.abspath(sys.argv[1])
path = os.environ["PATH"] + ":/usr/local/cuda/bin"
nvcc = shutil.which("nvcc", path=path)
nvdisasm = os.environ.get("NVDISASM") or shutil.which("nvdisasm", path=path)
SKIPPED = 77


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more).stdout


def kernels_with_units(text):
    """Names of those whose comment says that warps share the work."""
    found = re.findall(r"/\*((?:(?!\*/).)*)\*/\nKERNEL\(\d+\) (\w+)\(", text, re.DOTALL)
    return [name for comment, name in found if re.search(r"\d\s+(\* )?warps\)", comment)]


def resources(log):
    """(bytes spilled or on the stack, registers, bytes of shared memory) of each kernel."""
    result = {}
    for part in log.split("Compiling entry function")[1:]:
        name = re.match(r" '(?:_Z\d+)?(\w+)'", part).group(1)
        stack = [int(x) for x in re.findall(r"(\d+) bytes (?:stack|spill)", part)]
        registers = int(re.search(r"Used (\d+) registers", part).group(1))
        shared = re.search(r"(\d+) bytes smem", part)
        result[name] = sum(stack), registers, int(shared.group(1)) if shared else 0
    return result


def find(table, name):
    """The entry of a kernel; C++ appends the parameters' types to its name."""
    return [value for key, value in table.items() if re.fullmatch(name + r"(P.*)?", key)][0]


def loops(listing):
    """By kernel: its innermost loops, each a list of operations."""
    result = {}
    for part in re.split(r"//-+ \.text\.", listing)[1:]:
        name = re.match(r"(?:_Z\d+)?(\w+)", part).group(1)
        labels, operations, all_loops = {}, [], []
        for line in part.split("\n"):
            label = re.match(r"\s*(\.L_x_\d+):", line)
            if label:
                labels[label.group(1)] = len(operations)
            operation = re.search(r"\*/\s+(?:@!?U?P\w+ )?([A-Z][A-Z0-9_.]*)(.*);", line)
            if not operation:
                continue
            operations.append(operation.group(1))
            to = re.search(r"\((\.L_x_\d+)\)", operation.group(2))
            if operation.group(1).startswith("BRA") and to and to.group(1) in labels:
                all_loops.append((labels[to.group(1)], len(operations)))
        inner = [a for a in all_loops
                 if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in all_loops)]
        result[name] = [operations[start:end] for start, end in inner]
    return result


def has(loop, word):
    return any(operation.startswith(word) for operation in loop)


def check(directory, precision, arch, units):
    source = os.path.join(directory, f"{precision}.cu")
    cubin = os.path.join(directory, "net.cubin")
    run(nnc, os.path.join(here, "products.nn"), "-o", source, f"--precision={precision}")
    with open(source) as file:
        names = kernels_with_units(file.read())
    assert len(names) >= 8, names
    log = run(nvcc, "-O3", "-std=c++17", "--fmad=false", f"-arch={arch}", "-Xptxas", "-v", "-cubin",
              source, "-o", cubin)
    table = resources(log)
    for name in names:
        spilled, registers, shared = find(table, name)
        assert spilled == 0, f"{precision} {arch} {name}: {spilled} bytes of local memory"
        print(f"{precision:8} {arch:7} {name:28} {registers:4} registers {shared:6} bytes shared")
    if not nvdisasm or not units:
        return
    table = loops(run(nvdisasm, "-c", cubin))
    for name in names:
        inner = find(table, name)
        multiply = [loop for loop in inner if has(loop, "HMMA")]
        assert multiply, f"{precision} {arch} {name}: no loop multiplies by matrix units"
        for loop in multiply:
            assert has(loop, "LDGSTS"), f"{precision} {arch} {name}: copies don't go on meanwhile"
            assert not has(loop, "STL") and not has(loop, "LDL"), f"{name}: local memory"


def main():
    if not nvcc:
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as directory:
        check(directory, "highest", "sm_75", False)
        check(directory, "highest", "sm_90a", True)
        for precision in ("highest", "high", "medium"):
            check(directory, precision, "sm_80", True)


main()
