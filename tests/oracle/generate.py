#!/usr/bin/env python3
"""Random programs, what PyTorch prints for them, and what nnc does.

generate.py keep FIRST COUNT FILE        writes programs with PyTorch's text, for tests/generated
generate.py compare NNC FIRST COUNT DIR  runs each by nnc too; those that differ go to DIR, a table to standard output
"""
import collections
import datetime
import pathlib
import re
import subprocess
import sys
import time
import warnings

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "generator"))
import torch

from draft import Draft
import judge
import scenes

ATTEMPTS = 15


def program(index):
    """The program of that number, and what PyTorch prints for it."""
    for attempt in range(ATTEMPTS):
        draft = Draft(index, f"{index}.{attempt}")
        if not scenes.program(draft, index, attempt):
            continue
        text = draft.text()
        try:
            out = judge.run(text)
        except Exception:
            continue
        if len(text) < 5000 and len(out) < 6000 and judge.is_stable(text, out):
            return text, out
    return None


def supported():
    """Names that docs/supported.md lists, by section."""
    sections, section = {}, None
    for line in open(HERE.parents[1] / "docs/supported.md"):
        if line.startswith("## "):
            section = sections.setdefault(line[3:].strip(), [])
        elif line.startswith("Supported") and section is not None:
            section.extend(re.findall(r"`(\w+)`", line))
    return sections


def count(text, counts, sections):
    """In how many programs each name occurs."""
    words = {
        "torch.nn": set(re.findall(r"\bnn\.(\w+)", text)),
        "torch.nn.functional": set(re.findall(r"\bF\.(\w+)", text)),
        "torch.Tensor": set(re.findall(r"[\w)\]]\.(\w+)", text)),
        "torch": set(re.findall(r"\btorch\.(\w+)", text)),
        "torch.distributions": set(re.findall(r"\bD\.(\w+)", text)),
    }
    for section, names in sections.items():
        found = words.get(section) or set(re.findall(re.escape(section[6:]) + r"\.(\w+)", text))
        if section == "torch.utils.data":
            found = set(re.findall(r"\w+", text))
        for name in found & set(names):
            counts[section, name] += 1


def run_nnc(nnc, path):
    try:
        done = subprocess.run([nnc, "run", str(path)], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "", "timeout"
    return done.stdout, done.stderr if done.returncode else ""


def compare(nnc, first, number, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sections, counts = supported(), collections.Counter()
    differing, made, start = [], 0, time.time()
    seconds = 0
    for index in range(first, first + number):
        drawn = program(index)
        if drawn is None:
            print(f"no program {index}", file=sys.stderr)
            continue
        text, out = drawn
        made += 1
        count(text, counts, sections)
        path = folder / f"{index}.nn"
        path.write_text(text)
        before = time.time()
        got, said = run_nnc(nnc, path)
        seconds += time.time() - before
        found = said.strip().split("\n")[0] if said else judge.compare.difference(out, got, relative=1e-4, units=1.01)
        if found:
            differing.append(index)
            (folder / f"{index}.out").write_text(out)
            (folder / f"{index}.got").write_text(got + said)
            print(f"{index}: {found}", file=sys.stderr, flush=True)
        else:
            path.unlink()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE).stdout.strip()
    print(f"{datetime.date.today()}, commit {commit}, PyTorch {torch.__version__}")
    print(f"programs: {made}, from {first} on")
    print(f"differing: {len(differing)}" + (f": {' '.join(map(str, differing))}" if differing else ""))
    print(f"seconds: {time.time() - start:.0f}, of them nnc's {seconds:.0f}")
    for section, names in sections.items():
        drawn = [(name, counts[section, name]) for name in sorted(set(names))]
        if any(n for _, n in drawn):
            print(f"\n{section}: in how many programs")
            line = ""
            for name, n in drawn:
                if len(line) + len(name) > 90:
                    print(line)
                    line = ""
                line += f"{name} {n}  "
            print(line.rstrip())


def keep(first, number, path):
    with open(path, "w") as file:
        for index in range(first, first + number):
            drawn = program(index)
            if drawn:
                file.write(f"#### program {index}\n{drawn[0]}#### prints\n{drawn[1]}")


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["keep"] and len(sys.argv) == 5:
        keep(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    elif sys.argv[1:2] == ["compare"] and len(sys.argv) == 6:
        compare(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        sys.exit(__doc__)


main()
