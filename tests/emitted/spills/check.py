#!/usr/bin/env python3
"""Sums that are kept in registers must stay there: check.py NNC SAMPLE...

Compiles samples' C for AVX-512 with gcc and clang, disassembles it, and looks at the inner loops that are mostly
multiply-adds of vectors. C compilers are not perfect at tiles that fill all registers, so a loop may store one vector
to the stack for four multiply-adds, and one loop in twenty may store any; tiles that are too large store most.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

SAMPLES = pathlib.Path(__file__).resolve().parents[3] / "samples"
FEWEST, SHARE = 8, 0.4  # multiply-adds of a loop, and their part of its instructions
PER_LOOP, LOOPS = 0.25, 0.05


def functions(path):
    """Names, and instructions as (address, operation, operands)."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    for name, body in re.findall(r"^[0-9a-f]+ <(\w+)>:\n((?:.+\n)+)", text, flags=re.M):
        found = re.findall(r"^\s*([0-9a-f]+):\s+(\S+) *(.*)$", body, flags=re.M)
        yield name, [(int(address, 16), operation, operands) for address, operation, operands in found]


def inner_loops(code):
    """Stretches from a jump's target to the jump, without another such stretch inside."""
    at = {address: i for i, (address, _, _) in enumerate(code)}
    loops = []
    for i, (_, operation, operands) in enumerate(code):
        target = re.match(r"[0-9a-f]+\b", operands) if operation.startswith("j") else None
        start = at.get(int(target[0], 16)) if target else None
        if start is not None and start <= i:
            loops.append((start, i))
    for loop in loops:
        if not any(other != loop and loop[0] <= other[0] and other[1] <= loop[1] for other in loops):
            yield code[loop[0]:loop[1] + 1]


def is_product(instruction):
    return re.match(r"vfn?m(add|sub)\d+ps", instruction[1]) is not None


def is_spill(instruction):
    return instruction[1].startswith("vmov") and re.search(r"^%[xyz]mm\d+,[-\w]*\(%r[sb]p\)", instruction[2]) is not None


def check(label, path):
    count = spilling = 0
    good = True
    for name, code in functions(path):
        for loop in inner_loops(code):
            products, spills = sum(map(is_product, loop)), sum(map(is_spill, loop))
            if products < FEWEST or products < SHARE * len(loop):
                continue
            count += 1
            spilling += spills > 0
            if spills > PER_LOOP * products:
                print(f"{label}: {name}: a loop of {products} multiply-adds stores {spills} vectors to the stack")
                good = False
    print(f"{label}: {spilling} of {count} loops store vectors to the stack")
    return good and count > 0 and spilling <= max(1, LOOPS * count)


def main():
    nnc, samples, good = sys.argv[1], sys.argv[2:], True
    with tempfile.TemporaryDirectory() as folder:
        for sample in samples:
            source = pathlib.Path(folder) / f"{sample}.c"
            subprocess.run([nnc, SAMPLES / f"{sample}.nn", "--vector=avx512", "-o", source], check=True,
                           stderr=subprocess.DEVNULL)
            for compiler in ("gcc", "clang"):
                made = source.with_suffix(f".{compiler}.o")
                subprocess.run([compiler, "-std=c11", "-O2", "-march=x86-64-v4", "-ffp-contract=off", "-c", source, "-o",
                                made], check=True)
                good = check(f"{sample}, {compiler}", made) and good
    return not good


if __name__ == "__main__":
    sys.exit(main())
