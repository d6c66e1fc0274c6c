#!/usr/bin/env python3
"""Hostile names end to end: what nnc makes of a program full of them compiles without a warning, and is the
code of its plainly named twin but for names. Usage: run.py NNC

"The same code" is: the same tokens, comments aside, once fields of the header's structs are replaced by
their places in them, kernels by the order in which they appear, and strings (tensors' keys) by nothing. The
weights are saved and loaded under the program's own keys."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import hostile  # noqa: E402
import net  # noqa: E402

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
GCC = ["gcc", "-std=c11", *STRICT, "-Wbidi-chars=any"]
CLANG = ["clang", "-std=c11", *STRICT]
HEADERS = """assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign
stdarg stdbool stddef stdint stdio stdlib stdnoreturn string tgmath time uchar wchar wctype unistd fcntl
pthread""".split()
TINY = """import torch
net = torch.nn.Linear(2, 3)
opt = torch.optim.SGD(net.parameters(), lr=0.5)
loss = net(torch.ones(1, 2)).sum()
loss.backward()
opt.step()
"""
ROUND_TRIP = """#include <stdio.h>
#include <string.h>
#include "net.h"
static NetParams params, loaded;
int main(int argc, char **argv) {
    char error[300] = "arguments";
    net_init(&params, 0);
    for (size_t i = 0; i < sizeof params / sizeof(float); i++)
        ((float *)(void *)&params)[i] = (float)i;
    if (argc != 2 || net_save(&params, argv[1], error, sizeof error) ||
        net_load(&loaded, argv[1], error, sizeof error))
        return puts(error), 1;
    return memcmp(&params, &loaded, sizeof params) ? 2 : 0;
}
"""
failures = []


def run(*command, cwd, status=0):
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True)
    if done.returncode != status:
        failures.append(f"{' '.join(map(str, command))[:200]}: status {done.returncode}\n"
                        + (done.stdout + done.stderr).decode(errors="replace")[:2000])
    return done


def tokens(text):
    found = re.findall(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\w+|->|[^\w\s]', text, re.S)
    return [token for token in found if not token.startswith("/*")]


def fields(header):
    """Of each struct: its fields' places by their names."""
    return {name: {field: i for i, field in enumerate(re.findall(r" (\w+)(?:\[\d+\])*;", body))}
            for body, name in re.findall(r"typedef struct \w+ \{(.*?)\n\} (\w+);", re.sub(r"/\*.*?\*/", "", header, flags=re.S), re.S)}


def nameless(folder):
    """The code without the names that come from the program: a field is its struct's and number, a kernel its
    number, and tensors' names are gone."""
    structs = fields((folder / "net.h").read_text())
    owner = {"params": "NetParams", "grads": "NetGrads", "states": "NetStates", "in": "NetIn", "out": "NetOut",
             "grad": "NetOut", "target": "NetTarget"}
    kernels, code = {}, tokens((folder / "net.c").read_text())
    result = []
    for i, token in enumerate(code):
        before = code[max(i - 4, 0):i]
        if before[2:] and before[-1] in ("->", ".") and before[-2] in owner:
            token = f"{before[-2]} {structs[owner[before[-2]]].get(token, token)}"
        elif before[-1:] == [","] and before[:2] == ["offsetof", "("]:
            token = f"field {structs[before[2]][token]}"
        elif token.startswith("kernel_"):
            token = f"kernel {kernels.setdefault(token, len(kernels))}"
        elif token[0] == '"':
            token = '""'
        result.append(token)
    return result


def same_code(folders):
    ours, twins = map(nameless, folders)
    for i, (a, b) in enumerate(zip(ours, twins)):
        if a != b:
            failures.append(f"{' '.join(ours[i - 9:i + 9])}\nis {' '.join(twins[i - 9:i + 9])}")
            return
    if len(ours) != len(twins):
        failures.append(f"{len(ours)} tokens, the twin has {len(twins)}")


def saved_keys(path):
    data = path.read_bytes()
    return [key for key in json.loads(data[8:8 + int.from_bytes(data[:8], "little")]) if key != "__metadata__"]


def check_twins(nnc, work):
    folders = [work / "hostile", work / "plain"]
    for folder, text in zip(folders, net.twins()):
        folder.mkdir()
        name = '*" main%s ??= \u202e.nn' if folder == folders[0] else "plain.nn"
        (folder / name).write_text(text)
        run(nnc, name, "--vector=none", "--standalone", "--prefix=net", "-o", "net.c", cwd=folder)
    same_code(folders)
    here = folders[0]
    (here / "after.c").write_text("".join(f"#include <{name}.h>\n" for name in HEADERS) + '#include "net.h"\n')
    (here / "after.cc").write_text('#include "net.h"\n#include <complex>\n#include <cmath>\n')
    (here / "trip.c").write_text(ROUND_TRIP)
    run(*GCC, "-c", "net.c", cwd=here)
    run(*CLANG, "-fsyntax-only", "net.c", cwd=here)
    for compiler in GCC, CLANG:
        run(*compiler, "-D_GNU_SOURCE", "-std=gnu11", "-fsyntax-only", "after.c", cwd=here)
    for compiler in "g++", "clang++":
        for standard in "c++17", "c++20":
            run(compiler, f"-std={standard}", *STRICT, "-fsyntax-only", "after.cc", cwd=here)
    run(*GCC, "trip.c", "net.o", "-lm", "-o", "trip", cwd=here)
    run("./trip", "saved.safetensors", cwd=here)
    keys = []
    for name in hostile.TEXTS:
        keys += ["plain." + name, "buffers_." + name, "modules_." + name + ".main", "set_." + name, name + "!",
                 "listed." + name + ".main", "table." + name]
    missing = set(keys) - set(saved_keys(here / "saved.safetensors"))
    if missing:
        failures.append(f"{len(missing)} keys are not in the file, as {sorted(missing)[0]!r}")
    program = next(here.glob("*.nn")).name
    run(nnc, program, "--vector=none", "--prefix=net", "--weights=saved.safetensors", "--emit=ir", "-o", "loaded.ir",
        cwd=here)


def check_prefixes(nnc, work):
    here = work / "prefixes"
    here.mkdir()
    (here / "tiny.nn").write_text(TINY)
    names = [name for name in hostile.TEXTS if re.fullmatch(r"[A-Za-z_]\w*", name, re.A) and len(name) < 2000]
    for i, name in enumerate(names[::7] + ["main", "int", "NULL", "I", "nn", "_A", "__x", "forward", "init", "json"]):
        run(nnc, "tiny.nn", f"--prefix={name}", "--vector=none", "--standalone", "-o", f"{i}.c", cwd=here)
        run(*(GCC if i % 2 else CLANG), "-fsyntax-only", f"{i}.c", cwd=here)
        run("g++", "-std=c++17", *STRICT, "-fsyntax-only", "-x", "c++", f"{i}.h", cwd=here)


def check_files(nnc, work):
    here = work / "files"
    here.mkdir()
    good = ["main.nn", "int.nn", "9 lives.nn", "*.nn", "a'b.nn", "%s.nn", "été.nn", "-.nn", ".nn",
            "a.b.nn", "NULL.nn", "x" * 200 + ".nn", "$(x).nn", "#.nn", "<>.nn"]
    for name in good:
        (here / name).write_text(TINY)
        run(nnc, "--vector=none", "--", name, cwd=here)
        source = name[:-3] + ".c" if name != ".nn" else ".nn.c"
        run(*GCC, "-fsyntax-only", "./" + source, cwd=here)
    for name in 'a"b.nn', "a\\b.nn", "a\nb.nn", "??=.nn", "\u202e.nn", "\x01.nn", "\udcff.nn":
        (here / name).write_text(TINY)
        before = set(here.iterdir())
        done = run(nnc, "--vector=none", "--", name, cwd=here, status=1)
        if b"#include" not in done.stderr or set(here.iterdir()) != before:
            failures.append(f"{name!r}: {done.stderr.decode()}")
        run(nnc, "--vector=none", "-o", "named.c", "--", name, cwd=here)
        run(*GCC, "-fsyntax-only", "named.c", cwd=here)


def main():
    nnc = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as directory:
        for check in check_twins, check_prefixes, check_files:
            check(nnc, pathlib.Path(directory))
    print("\n".join(failures[:20]))
    print(f"{len(hostile.TEXTS)} texts and {len(hostile.IDENTIFIERS)} identifiers, {len(failures)} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
