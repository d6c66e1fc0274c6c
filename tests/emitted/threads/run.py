#!/usr/bin/env python3
"""Networks on teams of 1, 2, 3, 4 and 7 threads compute the same bits, in every way to have threads, or none.

run.py NNC [--quick | --samples] [PROGRAM.nn...]: those beside this file, in one build each or all, with samples, or
the given ones; the sanitizer for the first only. The programs have a forward, and perhaps a train step, of floats and
small classes.
"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = ("lenet", "char_lstm", "pinn")
BUILDS = [  # nnc's options, the compiler, its flags; the same results on lines of the same letter
    ("a", "--vector=native", "gcc", "-O1 -g -fsanitize=thread -pthread"),
    ("a", "--vector=native", "clang", "-O1 -pthread -DNNC_NO_PINNING"),
    ("a", "--vector=native", "gcc", "-O1 -fopenmp -DNNC_OPENMP"),
    ("a", "--vector=native", "gcc", "-O1 -DNNC_NO_THREADS"),
    ("b", "--vector=native --precision=strict", "gcc", "-O1 -pthread"),
    ("c", "--vector=none --precision=strict", "clang", "-O1 -g -fsanitize=thread -pthread"),
]


def run(*command):
    done = subprocess.run(command, capture_output=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr.decode(errors='replace')[-3000:]}")
    return done.stdout


def given(header):
    """What the network takes, with values: classes below 4 are in range."""
    declarations, calls = [], []
    for struct, name in (("In", "in"), ("TrainIn", "train_in"), ("Target", "target")):
        body = re.search(rf"^typedef struct Net{struct} \{{\n(.*?)^\}}", header, re.M | re.S)
        if not body:
            continue
        declarations.append(f"static Net{struct} {name};")
        for kind, field in re.findall(r"^    (\w+) (\w+)\[", body[1], re.M):
            calls.append(f"    fill_{kind}(&{name}.{field}, sizeof {name}.{field});")
    lines = [*declarations, "static void fill(void) {", *calls, "}"]
    step = re.search(r"net_train_step\((.*?)\);", header, re.S)
    if step:
        name = {"NetContext": "&context", "NetTrain": "of", "NetIn": "&in",
                "NetTrainIn": "&train_in" if "struct NetTrainIn" in header else "&in",
                "NetTarget": "&target", "double": "0.01", "float": "&loss"}
        kinds = [parameter.replace("const ", "").split()[0] for parameter in step[1].split(",")]
        lines.append(f"#define TRAIN_STEP net_train_step({', '.join(name[kind] for kind in kinds)})")
    return "\n".join(lines) + "\n"


def check(nnc, program, build):
    _, options, compiler, flags = build
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run(nnc, program, "--split=1", "--prefix=net", *options.split(), "-o", folder / "net.c")
        (folder / "given.h").write_text(given((folder / "net.h").read_text()))
        run(compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", *flags.split(), f"-I{folder}", HERE / "check.c",
            folder / "net.c", "-o", folder / "check", "-lm")
        return run("timeout", "200", folder / "check")


def main():
    nnc, *programs = sys.argv[1:]
    flags = {word for word in programs if word.startswith("--")}
    programs = [pathlib.Path(word) for word in programs if word not in flags] or sorted(HERE.glob("*.nn"))
    programs += [HERE.parents[2] / "samples" / f"{name}.nn" for name in SAMPLES if "--samples" in flags]
    builds = BUILDS[:1] if "--quick" in flags else BUILDS
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [(program, build, pool.submit(check, nnc, program, build)) for program in programs for build in builds
                if program.parent == HERE or "sanitize" not in build[3]]
    results = {}
    for program, build, job in jobs:
        if results.setdefault((program, build[0]), job.result()) != job.result():
            sys.exit(f"{program}: {' '.join(build)}: other results than without threads")


if __name__ == "__main__":
    main()
