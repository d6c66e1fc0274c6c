#!/usr/bin/env python3
"""--target=cuda: driver.py NNC FAKE. What nnc compiles for GPUs runs with nothing but a driver: here
the fake one in the directory FAKE, and the fake compiler of kernels beside it (tests/support/cuda).
It computes what the C file computes, and says what is missing."""
import os
import subprocess
import sys
import tempfile

from run import check_close, read

here = os.path.dirname(os.path.abspath(__file__))
support = os.path.join(here, "../../support/cuda")
nnc, fake = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])

PLAIN = """import torch
class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)
        self.words = torch.nn.Embedding(4, 3)
    def forward(self, x):
        return self.fc(self.words(x))
torch.manual_seed(0)
net = Plain()
net(torch.tensor([1, 2]))
"""


def run(*command, status=0, device="", **more):
    """Standard output, or of what fails the message."""
    env = dict(os.environ, LD_LIBRARY_PATH=fake, FAKE_CUDA=device, NNC_NVRTC=fake + "/libnvrtc.so",
               LC_ALL="C")
    env.update(more.pop("env", {}))
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=300,
                          **more)
    assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
    return done.stderr if status else done.stdout


def check_network(directory):
    """The test's network: the context's functions, in both orders of threads."""
    os.makedirs(directory + "/c")
    os.makedirs(directory + "/cuda")
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-Wno-unused-function"]
    for folder, options in (("c", []), ("cuda", ["--target=cuda:sm_80"])):
        at = os.path.join(directory, folder)
        run(nnc, here + "/net.nn", *options, "-o", "net.c", cwd=at)
        run("gcc", "-std=c11", *flags, "-c", "net.c", cwd=at)
        defines = ["-DCUDA", "-DDRIVER", "-I" + support] if options else []
        run("g++", "-std=c++17", *flags, *defines, "-I.", here + "/main.cpp", "net.o", "-lm", "-ldl", "-o", "main",
            cwd=at)
    assert "cuda.h" not in read(directory + "/cuda/net.c").replace("runtime/cuda.h", "")
    expected, forward = run(directory + "/c/main"), run(directory + "/cuda/main")
    check_close(forward, expected)
    assert forward == run(directory + "/cuda/main", "backward"), "results depend on the order of threads"


def check_cache(directory):
    """Kernels are compiled once, whatever is compiled again, and there are no caches but that one."""
    cache = directory + "/cache"
    command = [nnc, directory + "/plain.nn", "--target=cuda:sm_80,sm_90a", "-o", directory + "/plain.c"]
    run(*command, env={"NNC_CACHE": cache})
    text, entries = read(directory + "/plain.c"), sorted(os.listdir(cache))
    assert len(entries) == 3, entries  # two devices', and PTX
    times = [os.stat(cache + "/" + entry).st_mtime_ns for entry in entries]
    run(*command, env={"NNC_CACHE": cache})
    assert text == read(directory + "/plain.c")
    assert times == [os.stat(cache + "/" + entry).st_mtime_ns for entry in entries]
    with open(cache + "/" + entries[0], "r+b") as file:  # another key's, or damaged: not taken
        file.seek(20)
        file.write(b"?")
    run(*command, env={"NNC_CACHE": "none"})
    assert text == read(directory + "/plain.c")
    run(*command, env={"NNC_CACHE": cache})
    assert text == read(directory + "/plain.c")


def check_program(directory):
    """--emit=exe, and each of the ways in which a device may be missing."""
    program, plain = directory + "/plain", directory + "/plain.nn"
    with open(directory + "/x.raw", "wb") as file:
        file.write(bytes([1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]))
    with open(directory + "/bad.raw", "wb") as file:
        file.write(bytes([1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]))
    with open(directory + "/save.nn", "w") as file:
        file.write(PLAIN + "from safetensors.torch import save_file\nsave_file(net.state_dict(), 'w.safetensors')\n")
    run(nnc, "run", "save.nn", cwd=directory)
    run(nnc, plain, "--emit=exe", "-o", program + "_cpu")
    run(nnc, plain, "--target=cuda:sm_80,sm_90a", "--emit=exe", "-o", program)
    call = ["--weights", directory + "/w.safetensors", "--count", "all", "--format", "raw",
            directory + "/x.raw"]
    expected = run(program + "_cpu", *call)
    for capability in (80, 86, 90):
        assert run(program, *call, device=f"capability={capability}") == expected

    def wrong(device, *words, call=call, **more):
        said = run(program, *call, status=1, device=device, **more)
        assert all(word in said for word in words), said

    wrong("", "NVIDIA's driver is not installed: libcuda.so.1", env={"LD_LIBRARY_PATH": ""})
    wrong("devices=0", "no CUDA device: no CUDA-capable device is detected")
    wrong("capability=75", "no kernels for Fake GPU 0, whose compute capability is 7.5",
          "there are those for 8.0, 9.0 (alone), 8.0 and later")
    wrong("memory=100", "bytes of the device's memory are needed, 100 are free on Fake GPU 0")
    wrong("full=1", "no memory on Fake GPU 0: out of memory")
    wrong("driver=12020", "the driver is too old: it supports CUDA 12.2, and the kernels were compiled by 13.0")
    wrong("capability=120", "the kernels can't be loaded on Fake GPU 0: the provided PTX was compiled")
    wrong("breaks=1", "an illegal memory access was encountered")
    wrong("", "an index in the input is out of range", call=call[:-1] + [directory + "/bad.raw"])
    embedded = [nnc, plain, "--weights", directory + "/w.safetensors", "--target=cuda:sm_80", "--emit=exe"]
    run(*embedded, "-o", program)
    assert run(program, *call[2:]) == expected


def check_options(directory):
    plain = directory + "/plain.nn"

    def wrong(status, words, *options, **more):
        said = run(nnc, plain, *options, status=status, **more)
        assert words in said, said
        assert not os.path.exists(directory + "/bad.c") and not os.path.exists(directory + "/bad.h")

    to = ["-o", directory + "/bad.c"]
    wrong(2, "--target takes cpu, cuda,", "--target=cuda:80", *to)
    wrong(2, "--target takes cpu, cuda,", "--target=cuda:", *to)
    wrong(2, "--target takes cpu, cuda,", "--target=cuda:sm_80,", *to)
    wrong(1, "sm_120 is not among the devices that CUDA 13.0 compiles for", "--target=cuda:sm_80,sm_120", *to)
    wrong(1, "no --threads", "--target=cuda", "--threads", *to)
    wrong(1, "nvcc is told which", "--target=cuda:sm_80", "-o", directory + "/bad.cu")
    wrong(1, "NNC_NVRTC=none is no library", "--target=cuda", *to, env={"NNC_NVRTC": "none"})
    run(nnc, plain, "--target=cpu", "-o", directory + "/cpu.c")
    run(nnc, plain, "--target=cuda:sm_75", "--standalone", "--emit=obj", "-o", directory + "/net.o")


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.environ["NNC_CACHE"] = directory + "/kernels"
        with open(directory + "/plain.nn", "w") as file:
            file.write(PLAIN)
        check_options(directory)
        check_cache(directory)
        check_program(directory)
        check_network(directory + "/net")


main()
