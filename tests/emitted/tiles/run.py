#!/usr/bin/env python3
"""Kernels for a matrix unit (AMX): run.py NNC

There need be none here: tests/support/amx_cpu.h stands in for the unit and for the system's leave to use it. A network
is compiled for all processors; what its kernels with tiles compute is compared with what the same file computes where
there is no AMX, or where the system refuses it. The machine code of gcc and clang must hold the unit's instructions in
inner loops that touch the stack in no other way. The processor must have AVX512-BF16.
"""
import math
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "spills"))
import check as machine_code  # noqa: E402

EMULATION = HERE.parents[1] / "support" / "amx_cpu.h"
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
UNIT = ["-march=native", "-ftree-vectorize", "-include", EMULATION]
SKIPPED = 77
SPECIALS = ["infinite", "nan", "huge", "denormal", "tiny", "zero", "small"]


def emit(nnc, folder, *options):
    """For a processor that has the unit, and the same without it."""
    subprocess.run([nnc, HERE / "net.nn", "-march=sapphirerapids", *options, "-o", folder / "net.c"], check=True,
                   stderr=subprocess.DEVNULL)


def build(folder, name, *flags):
    program = folder / name
    subprocess.run(["gcc", *FLAGS, "-O1", *flags, f"-I{folder}", folder / "net.c", HERE / "check.c", "-o", program,
                    "-lm", "-lpthread"], check=True)
    return program


def run(program, kind, steps):
    """Numbers, and how many products of tiles there were."""
    done = subprocess.run([program, kind, str(steps)], check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()], int((done.stderr.split() or ["0"])[0])


def same(got, expected, bound):
    """Equal where they are not finite, else within the bound of the results' rms."""
    finite = [y for y in expected if math.isfinite(y)]
    rms = math.sqrt(sum(y * y for y in finite) / max(1, len(finite)))
    if len(got) != len(expected):
        return False
    for x, y in zip(got, expected):
        if math.isfinite(y) and not abs(x - y) <= bound * rms:
            return False
        if not math.isfinite(y) and str(x) != str(y):
            return False
    return True


def check_highest(nnc, folder):
    """Results, and those of a train step; then of numbers that pieces don't do for."""
    emit(nnc, folder)
    plain, unit = build(folder, "plain", "-DTRAIN"), build(folder, "unit", *UNIT, "-DTRAIN")
    expected, none = run(plain, "ordinary", 3)
    got, dots = run(unit, "ordinary", 3)
    assert dots > 100000 and none == 0, f"{dots} products of tiles"
    assert same(got, expected, 5e-5), "other results with tiles"
    for kind in SPECIALS:
        assert same(run(unit, kind, 0)[0], run(plain, kind, 0)[0], 5e-5), f"{kind} numbers: other results with tiles"
    return run(plain, "ordinary", 0)[0]


def check_forward(nnc, folder, expected):
    for name, options, flags, bound in (("high", ["--precision=high"], [], 1e-2), ("medium", ["--precision=medium"], [], 1e-1),
                                        ("threads", ["--threads"], ["-DTHREADS"], 5e-5)):
        emit(nnc, folder, "--no-train", *options)
        got, dots = run(build(folder, name, *UNIT, *flags), "ordinary", 0)
        assert dots > 1000 and same(got, expected, bound), f"{name}: {dots} products of tiles, or other results"
    refused, none = run(build(folder, "refused", *UNIT, *flags, "-DAMX_REFUSED"), "ordinary", 0)
    assert none == 0 and same(refused, expected, bound), "without leave it computes something else"


def check_code(nnc, folder):
    """Some inner loop of each compiler's has the unit's products, and spills nothing."""
    emit(nnc, folder, "--no-train")
    for compiler in ("gcc", "clang"):
        made = folder / f"{compiler}.o"
        subprocess.run([compiler, *FLAGS, "-O2", f"-I{folder}", "-c", folder / "net.c", "-o", made], check=True)
        loops = 0
        for name, code in machine_code.functions(made):
            for loop in machine_code.inner_loops(code):
                dots = sum(instruction[1] == "tdpbf16ps" for instruction in loop)
                loops += dots >= 4
                spills = sum("%rsp" in i[2] or "%rbp)" in i[2] for i in loop)
                assert not dots or not spills, f"{compiler}: {name}: {spills} spills beside {dots} products of tiles"
        assert loops >= 2, f"{compiler}: {loops} loops of products of tiles"


def main():
    nnc = sys.argv[1]
    if "avx512_bf16" not in pathlib.Path("/proc/cpuinfo").read_text():
        print("this processor has no AVX512-BF16")
        return SKIPPED
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_forward(nnc, folder, check_highest(nnc, folder))
        check_code(nnc, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
