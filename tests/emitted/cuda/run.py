#!/usr/bin/env python3
"""A .cu file: run.py NNC. Its kernels and its host part run on the CPU, where they must compute
what the C file computes, in any order of threads; nvcc, where it is, must have nothing to say."""
import os
import shutil
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
support = os.path.join(here, "../../support/cuda")
nnc = os.path.abspath(sys.argv[1])
nvcc = shutil.which("nvcc", path=os.environ["PATH"] + ":/usr/local/cuda/bin")


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


PLAIN = """import torch
class Plain(torch.nn.Module):
    def forward(self, x):
        return x + 1
net = Plain()
net(torch.ones(3))
"""


def check_plain(directory):
    """Not even of a file that uses next to nothing."""
    with open(os.path.join(directory, "plain.nn"), "w") as file:
        file.write(PLAIN)
    run(nnc, "plain.nn", "-o", "plain.cu", cwd=directory)
    run(nvcc, "-std=c++17", "-Werror", "all-warnings", "-c", "plain.cu", cwd=directory)


def compile_network(directory, suffix):
    os.mkdir(directory)
    path = os.path.join(directory, "net." + suffix)
    run(nnc, os.path.join(here, "net.nn"), "-o", path)
    return path


def read(path):
    with open(path) as file:
        return file.read()


def check_close(got, expected):
    got, expected = got.split("\n"), expected.split("\n")
    assert len(got) == len(expected), (len(got), len(expected))
    for a, b in zip(got, expected):
        name, x, y = a.split(" ")[0], a.split(" ")[1:], b.split(" ")[1:]
        exact = name in ("init", "key")
        near = a == b or (not exact and abs(float(x[0]) - float(y[0])) <= 1e-4)
        assert near, f"{a}, not {b}"


def main():
    with tempfile.TemporaryDirectory() as directory:
        c = compile_network(os.path.join(directory, "c"), "c")
        cu = compile_network(os.path.join(directory, "cu"), "cu")
        again = compile_network(os.path.join(directory, "again"), "cu")
        assert read(cu) == read(again), "two runs of nnc write different files"
        flags = ["-O1", "-Wall", "-Werror", "-ffp-contract=off", "-Wno-unused-function"]
        run("gcc", "-std=c11", *flags, "-c", "net.c", cwd=os.path.dirname(c))
        run("g++", "-std=c++17", *flags, "-I.", os.path.join(here, "main.cpp"), "net.o", "-lm",
            "-o", "main", cwd=os.path.dirname(c))
        run("gcc", "-std=c11", *flags, "-fsyntax-only", "-x", "c", "net.h", cwd=os.path.dirname(cu))
        run("g++", "-std=c++17", *flags, "-DCUDA", "-I.", "-I" + support, "-x", "c++",
            os.path.join(here, "main.cpp"), "net.cu", "-o", "main", cwd=os.path.dirname(cu))
        expected = run(os.path.join(directory, "c/main"))
        forward = run(os.path.join(directory, "cu/main"))
        check_close(forward, expected)
        backward = run(os.path.join(directory, "cu/main"), "backward")
        assert forward == backward, "results depend on the order of threads"
        if nvcc:
            run(nvcc, "-std=c++17", "--fmad=false", "-Werror", "all-warnings", "-gencode",
                "arch=compute_80,code=sm_80", "-gencode", "arch=compute_90a,code=sm_90a", "-c",
                cu, "-o", os.path.join(directory, "net.o"))
            check_plain(directory)


if __name__ == "__main__":
    main()
