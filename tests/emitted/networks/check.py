#!/usr/bin/env python3
"""Compiles networks to C in every way there is and compares with what PyTorch recorded.

check.py NNC [--quick] [NAME...]: NAME.nn is the network, NAME.safetensors and NAME.out what PyTorch made of it
(tests/oracle/record_networks.py). For each network: nnc writes the same bytes twice; gcc and clang compile them
without a warning at every level (the costly builds for a sixth of the networks each, see --all), the header as C++
too; the object has no variables and doesn't allocate; weights, results, gradients, losses and trained weights are PyTorch's for every vector unit and with sanitizers; repeating
gives the same bits; weights survive a file.
"""
import argparse
import array
import collections
import concurrent.futures
import json
import math
import os
import pathlib
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# For networks whose smallest kernels are shared by threads.
THREADS = ["-O1", "-g", "-fsanitize=thread", "-DTHREADS", "-pthread"]
SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
QUICK = ("in_place", "many_inputs", "odd_channels")
# Of a tensor's rms: at the beginning, and after some steps of training; much less where all are doubles.
AT_ODDS, AFTER_STEPS, OF_DOUBLES = 5e-5, 1e-4, 1e-6
OF_HALVES = 2e-2  # of whatever holds one

# nnc's options and the compiler for what it writes. The machine must have the unit to run it.
Build = collections.namedtuple("Build", "options compiler flags unit", defaults=("",))
ALWAYS = [
    Build("", "gcc", "-O0 -Wconversion"),
    Build("--vector=none", "clang", "SANITIZE"),
    Build("--vector=native", "gcc", "-O2"),
    Build("--vector=native", "clang", "-O3"),
    Build("--vector=none --standalone", "gcc", "-O0 -DFILES"),
    Build("--split=1 --vector=native", "gcc", "THREADS"),
]
SOMETIMES = [ # each for a sixth of the networks, each network with a sixth of them
    Build("", "clang", "-O2"),
    Build("", "gcc", "-O3"),
    Build("--vector=none", "gcc", "-O0"),
    Build("--vector=none", "gcc", "-O3"),
    Build("--vector=none", "gcc", "-O2 -march=native"),
    Build("--vector=none", "clang", "-O2"),
    Build("--vector=sse2", "gcc", "-O1"),
    Build("--vector=avx2", "clang", "-O1", "avx2"),
    Build("--vector=native", "gcc", "-O0"),
    Build("--vector=native", "gcc", "-O3"),
    Build("--vector=native", "clang", "-O0"),
    Build("--vector=native", "clang", "-O2"),
    Build("--vector=native", "gcc", "SANITIZE"),
    Build("--vector=native -O0", "gcc", "-O1"),
    Build("--vector=native -O1", "clang", "-O1"),
    Build("--vector=native -O3", "gcc", "-O1"),
    Build("--vector=none --standalone", "gcc", "SANITIZE -DFILES"),
    Build("--split=1 --vector=none", "clang", "SANITIZE -DTHREADS -pthread"),
    Build("--split=1 --vector=native", "clang", "-O2 -DTHREADS -pthread"),
    Build("--split=1 --standalone", "gcc", "-O1 -DTHREADS -DNNC_OPENMP -fopenmp"),
    Build("--split=1 --vector=native", "gcc", "-O1 -DNNC_NO_THREADS"),
]
QUICK_BUILDS = [
    Build("--split=1 --vector=native", "gcc", "THREADS"),
    Build("", "clang", "-O0"),
    Build("--vector=none --standalone", "clang", "SANITIZE -DFILES"),
]
ARM = Build("--vector=neon", "aarch64-linux-gnu-gcc", "-O2 -static")
CTYPES = {"float": "f", "double": "d", "int64_t": "q", "int32_t": "i", "uint8_t": "B", "nn_f16": "e", "nn_bf16": "w"}
DTYPES = {"F32": "f", "F64": "d", "I64": "q", "I32": "i", "U8": "B", "BOOL": "B", "F16": "e", "BF16": "w"}
BITS = {"e": "H", "w": "H"}  # codes of numbers that arrays hold as bits
Tensor = collections.namedtuple("Tensor", "code shape values")
Field = collections.namedtuple("Field", "key code shape")


class Failure(Exception):
    pass


def read_tensors(path):
    data = path.read_bytes()
    size, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for key, entry in header.items():
        begin, end = entry["data_offsets"]
        code = DTYPES[entry["dtype"]]
        tensors[key] = Tensor(code, entry["shape"], array.array(BITS.get(code, code), data[8 + size + begin:8 + size + end]))
    return tensors, metadata


def under(tensors, prefix):
    """{rest of the key: tensor} of the keys under prefix."""
    return {key[len(prefix) + 1:]: value for key, value in tensors.items() if key.startswith(prefix + ".")}


def listed(tensors, prefix):
    """Those under prefix.0, prefix.1, …"""
    found = under(tensors, prefix)
    return [found[str(i)] for i in range(len(found)) if str(i) in found]


def structs(header):
    """{name: fields} of the structs of data in a header."""
    found = {}
    for name, body in re.findall(r"^typedef struct Net(\w+) \{\n(.*?)^\}", header, re.M | re.S):
        fields = []
        for kind, field, sizes, key in re.findall(r"^    (\w+) (\w+)((?:\[\d+\])*);(?: /\* (.*?) \*/)?$", body, re.M):
            if kind in CTYPES:
                fields.append(Field(key or field, CTYPES[kind], [int(size) for size in re.findall(r"\d+", sizes)]))
        found[name] = fields
    return found


def layout(fields):
    """(offset, field) of each as C places them, and the struct's size."""
    at, most, places = 0, 1, []
    for field in fields:
        size = struct.calcsize(BITS.get(field.code, field.code))
        at = -(-at // size) * size
        places.append((at, field))
        at += size * math.prod(field.shape)
        most = max(most, size)
    return places, -(-at // most) * most


def pack(fields, tensors, what):
    if len(fields) != len(tensors):
        raise Failure(f"{what}: {len(fields)} fields for {len(tensors)} tensors")
    places, size = layout(fields)
    data = bytearray(size)
    for (at, field), tensor in zip(places, tensors):
        if field.code != tensor.code or field.shape != tensor.shape:
            raise Failure(f"{what}: {field} for a {tensor.code}{tensor.shape}")
        data[at:at + len(tensor.values) * tensor.values.itemsize] = tensor.values.tobytes()
    return bytes(data)


def unpack(fields, data):
    places, _ = layout(fields)
    codes = [BITS.get(field.code, field.code) for _, field in places]
    return [array.array(code, data[at:at + struct.calcsize(code) * math.prod(field.shape)])
            for code, (at, field) in zip(codes, places)]


def numbers(code, values):
    """The values of an array, whose bits they may be."""
    if code == "e":
        return struct.unpack(f"<{len(values)}e", values.tobytes())
    return struct.unpack(f"<{len(values)}f", b"".join(b"\0\0" + v.to_bytes(2, "little") for v in values)) if code == "w" else values


def compare(what, got, want, bound):
    """Whole numbers exactly, others by the largest difference, relative to the rms of what is wanted."""
    got, values = numbers(want.code, got), numbers(want.code, want.values)
    if want.code not in "fdew":
        if got != values:
            raise Failure(f"{what}: {list(got)[:20]}, expected {list(values)[:20]}")
        return
    finite = [v for v in values if math.isfinite(v)]
    rms = math.sqrt(sum(v * v for v in finite) / max(len(finite), 1))
    for i, (a, b) in enumerate(zip(got, values, strict=True)):
        if not (a == b or abs(a - b) <= bound * (rms + 0.01) or a != a and b != b):
            raise Failure(f"{what}[{i}] of {len(values)}: {a!r}, expected {b!r} (rms {rms:.3g})")


def run(command, **options):
    done = subprocess.run(command, capture_output=True, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: status {done.returncode}\n"
                      f"{done.stderr.decode(errors='replace')[-1500:]}")
    return done.stdout


def has_unit(unit):
    return not unit or unit in pathlib.Path("/proc/cpuinfo").read_text()


class Network:
    def __init__(self, nnc, name, work):
        self.nnc, self.name, self.work = nnc, name, work
        self.tensors, self.metadata = read_tensors(HERE / f"{name}.safetensors")
        self.halves = any(tensor.code in BITS for tensor in self.tensors.values())
        self.emitted = {}

    def emit(self, options):
        """A directory with net.c and net.h; twice the same bytes."""
        if options not in self.emitted:
            folder = self.work / self.name / (options.replace("-", "").replace(" ", "_") or "default")
            texts = []
            for _ in range(2):
                folder.mkdir(parents=True, exist_ok=True)
                run([self.nnc, f"{self.name}.nn", *options.split(), "--prefix=net", "-o", folder / "net.c"], cwd=HERE)
                texts.append((folder / "net.c").read_bytes() + (folder / "net.h").read_bytes())
            if texts[0] != texts[1]:
                raise Failure(f"nnc {options} writes other bytes the second time")
            self.emitted[options] = folder
        return self.emitted[options]

    def parts(self, header, data):
        """What check.c must know of the header."""
        defines = [name for name, text in (
            ("INIT", "net_init("), ("BACKWARD", "net_backward("), ("IN", "struct NetIn "), ("TRAIN_IN", " NetTrainIn;"),
            ("TARGET", "struct NetTarget ")) if text in header]
        if "losses" in data:
            if "net_train_step(" not in header:
                raise Failure("there is no train step")
            loss, = re.findall(r"\b(\w+) \*loss\)", header)
            rates = ",".join(["rate"] * len(re.findall(r"double lr\d*\b", header)))
            defines += [f"STEPS={len(data['losses'].values)}", f"LOSS={loss}", f"RATES={rates}"]
        return defines

    def stdin(self, found):
        data, chunks = self.tensors, []
        for name, prefix in (("In", "in"), ("TrainIn", "in"), ("Target", "target"), ("Out", "grad_out")):
            fields = found.get(name, found["In"] if name == "TrainIn" and "In" in found and "losses" in data else None)
            if fields is None or (name == "Out" and "Grads" not in found):
                continue
            chunks.append(pack(fields, listed(data, prefix), name))
        return b"".join(chunks)

    def compare(self, found, output):
        """The output of check.c with PyTorch's record."""
        data, at = self.tensors, 0
        double = all(tensor.code not in "few" for tensor in data.values())
        at_odds, after_steps = (OF_HALVES if self.halves else bound * OF_DOUBLES if double else bound
                                for bound in (AT_ODDS, AFTER_STEPS))

        def take(fields):
            nonlocal at
            _, size = layout(fields)
            at += size
            return unpack(fields, output[at - size:at])

        def named(struct_name, prefix, bound):
            expected = under(data, prefix)
            for field, values in zip(found[struct_name], take(found[struct_name])):
                compare(f"{prefix} {field.key}", values, expected[field.key], bound)

        def results(prefix, bound):
            expected = listed(data, prefix)
            if len(expected) != len(found["Out"]):
                raise Failure(f"{len(found['Out'])} results, expected {len(expected)}")
            for i, values in enumerate(take(found["Out"])):
                compare(f"{prefix} {found['Out'][i].key}", values, expected[i], bound)
        if "Params" in found:
            named("Params", "before", 1e-6)
        results("out", at_odds)
        if "Grads" in found:
            named("Grads", "grad", at_odds)
        if "losses" in data:
            count = len(data["losses"].values)
            losses = array.array("d" if double else "f")
            losses.frombytes(output[at:at + losses.itemsize * count])
            at += losses.itemsize * count
            compare("losses", losses, data["losses"], after_steps)
            named("Params", "after", after_steps)
            results("after.out", after_steps)
        if at != len(output):
            raise Failure(f"{len(output)} bytes of results, expected {at}")

    def check(self, build):
        folder = self.emit(build.options)
        header = (folder / "net.h").read_text()
        found = structs(header)
        flags = build.flags.split()
        flags = (SANITIZE * ("SANITIZE" in flags) + THREADS * ("THREADS" in flags) +
                 [flag for flag in flags if flag not in ("SANITIZE", "THREADS")])
        place = pathlib.Path(tempfile.mkdtemp(dir=folder))
        run([build.compiler, "-std=c11", *WARNINGS, *flags, "-fno-pie", "-c", "net.c", "-o", place / "net.o"], cwd=folder)
        if "SANITIZE" not in build.flags and "FILES" not in build.flags:
            self.check_symbols(place / "net.o")
        defines = [f"-D{part}" for part in self.parts(header, self.tensors)]
        run([build.compiler, "-std=c11", *WARNINGS, *flags, *defines, f"-I{folder}", HERE / "check.c", "-o", place / "check",
             "-no-pie", "-fno-pie", place / "net.o", "-lm"])
        emulator = ["qemu-aarch64"] if build == ARM else []
        output = run([*emulator, place / "check", self.metadata["seed"], self.metadata["rate"], place],
                     input=self.stdin(found))
        self.compare(found, output)
        if "FILES" in build.flags:
            self.compare_files(place)
        shutil.rmtree(place)

    @staticmethod
    def check_symbols(path):
        """Nothing that changes is kept outside the caller's memory, and nothing allocates."""
        for line in run(["nm", path]).decode().splitlines():
            *_, kind, symbol = line.split()
            if kind in "bBdDC" or symbol in ("malloc", "calloc", "realloc", "free"):
                raise Failure(f"the object has '{kind}' {symbol}")

    def compare_files(self, place):
        for name in ("before", "after"):
            expected = under(self.tensors, name)
            if not (place / f"{name}.safetensors").exists():
                continue
            got, _ = read_tensors(place / f"{name}.safetensors")
            for key, tensor in got.items():
                if (tensor.code, tensor.shape) != (expected[key].code, expected[key].shape):
                    raise Failure(f"{name}.safetensors: {key} is a {tensor.code}{tensor.shape}")
                compare(f"{name}.safetensors {key}", tensor.values, expected[key], OF_HALVES if self.halves else AFTER_STEPS)

    def check_header(self):
        for compiler, options in (("g++", ""), ("clang++", ""), ("g++", "--split=1 --vector=native")):
            run([compiler, "-std=c++17", *WARNINGS, "-x", "c++", "-fsyntax-only", "-"], cwd=self.emit(options),
                input=b'#include "net.h"\nint main() { NetContext *context = nullptr; return context != nullptr; }\n')

    def check_run(self):
        got = run([self.nnc, "run", f"{self.name}.nn"], cwd=HERE).decode()
        want = (HERE / f"{self.name}.out").read_text()
        number = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
        if number.sub("N", got) != number.sub("N", want):
            raise Failure(f"nnc run prints {got!r}, expected {want!r}")
        for a, b in zip(number.findall(got), number.findall(want)):
            bound = OF_HALVES if self.halves else 2 * AFTER_STEPS
            if not abs(float(a) - float(b)) <= bound * max(1, abs(float(b))):
                raise Failure(f"nnc run prints {a}, expected {b}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nnc", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--all", action="store_true", help="every build for every network")
    parser.add_argument("--only", default="", help="just the steps whose words hold this: 'none gcc -O3'")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_intermixed_args()
    every = sorted(path.stem for path in HERE.glob("*.nn"))
    names = arguments.names or (QUICK if arguments.quick else every)
    cross = shutil.which(ARM.compiler) and shutil.which("qemu-aarch64")
    if not cross and not arguments.quick:
        print(f"no {ARM.compiler} or qemu-aarch64: NEON is not checked")

    def builds(name):
        if arguments.quick:
            return QUICK_BUILDS
        first = every.index(name)
        chosen = ALWAYS + [build for i, build in enumerate(SOMETIMES) if arguments.all or (i + first) % 6 == 0]
        return [build for build in chosen if has_unit(build.unit)] + [ARM] * bool(cross)
    failed = 0
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        def check(name):
            network = Network(arguments.nnc.resolve(), name, pathlib.Path(work))
            steps = [("header", network.check_header), ("nnc run", network.check_run)]
            steps += [(" ".join(build[:3]), lambda build=build: network.check(build)) for build in builds(name)]
            problems = []
            for what, step in steps:
                if arguments.only not in what:
                    continue
                try:
                    step()
                except Failure as failure:
                    problems.append(f"{name} ({what}): {failure}")
            shutil.rmtree(network.work / name, ignore_errors=True)
            return problems
        for name, problems in zip(names, pool.map(check, names)):
            for problem in problems:
                print(problem, flush=True)
            failed += len(problems)
    print(f"{len(names)} networks, {failed} failures")
    return failed != 0 or not names


if __name__ == "__main__":
    sys.exit(main())
