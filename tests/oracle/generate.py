#!/usr/bin/env python3
"""Random programs, what PyTorch prints for them, and what nnc does.

Runs programs FIRST to FIRST + COUNT - 1 by PyTorch and by nnc. Those that differ go to FOLDER, a record with the number of
programs in which each of the supported names occurs to standard output. --keep FILE writes the others with PyTorch's text,
at most 1000: tests/generated/programs.txt.xz. --seconds ends the run early."""
import argparse
import collections
import datetime
import lzma
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
KEPT = 1000


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


class Record:
    """What became of the programs."""

    def __init__(self, options):
        self.options = options
        self.commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE).stdout
        self.sections, self.counts = supported(), collections.Counter()
        self.differing, self.made, self.kept = [], 0, []
        self.start, self.seconds = time.time(), 0

    def add(self, index, text, out):
        self.made += 1
        count(text, self.counts, self.sections)
        path = self.options.folder / f"{index}.nn"
        path.write_text(text)
        before = time.time()
        got, said = run_nnc(self.options.nnc, path)
        self.seconds += time.time() - before
        found = said.strip().split("\n")[0] if said else judge.compare.difference(out, got, relative=1e-4, units=1.01)
        if not found:
            path.unlink()
            if len(self.kept) < KEPT:
                self.kept.append(f"#### program {index}\n{text}#### prints\n{out}")
            return
        self.differing.append(index)
        (self.options.folder / f"{index}.out").write_text(out)
        (self.options.folder / f"{index}.got").write_text(got + said)
        print(f"{index}: {found}", file=sys.stderr, flush=True)

    def print(self):
        print(f"{datetime.date.today()}, commit {self.commit.strip()}, PyTorch {torch.__version__}")
        print(f"programs: {self.made}, from {self.options.first} on")
        print(f"differing: {len(self.differing)}", *self.differing)
        print(f"seconds: {time.time() - self.start:.0f}, of them nnc's {self.seconds:.0f}")
        for section, names in self.sections.items():
            drawn = [(name, self.counts[section, name]) for name in sorted(set(names))]
            if not any(n for _, n in drawn):
                continue
            print(f"\n{section}: in how many programs")
            line = ""
            for name, n in drawn:
                if len(line) + len(name) > 100:
                    print(line.rstrip())
                    line = ""
                line += f"{name} {n}  "
            print(line.rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nnc")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    record = Record(options)
    for index in range(options.first, options.first + options.count):
        if time.time() - record.start > options.seconds:
            break
        drawn = program(index)
        if drawn:
            record.add(index, *drawn)
    record.print()
    if options.keep:
        with lzma.open(options.keep, "wt", encoding="utf-8") as file:
            file.write("".join(record.kept))


main()
