#!/usr/bin/env python3
"""Random programs, what PyTorch prints for them, and what nnc does.

Runs programs FIRST to FIRST + COUNT - 1 by PyTorch and by nnc. Those that differ go to FOLDER, a record to standard output:
the number of programs in which each of the supported names occurs, and in which each function is differentiated.
--keep FILE writes the first 1000 of the others with PyTorch's text: tests/generated/programs.txt.xz."""
import argparse
import collections
import datetime
import functools
import lzma
import multiprocessing
import pathlib
import subprocess
import sys
import time
import warnings

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "generator"), str(HERE.parent / "generated")]
import torch

from draft import Draft
import judge
import names
import scenes

ATTEMPTS = 15
KEPT = 1000


def program(index):
    """The program of that number, what PyTorch prints for it, and the functions that it differentiates."""
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
            return text, out, judge.differentiated(text)
    return None


def run_nnc(nnc, path):
    try:
        done = subprocess.run([nnc, "run", str(path)], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "", "timeout"
    return done.stdout, done.stderr if done.returncode else ""


def work(options, index):
    """Program `index` by both: what Record.add takes, or None. A file of the program stays if they differ."""
    drawn = program(index)
    if not drawn:
        return None
    text, out, differentiated = drawn
    path = options.folder / f"{index}.nn"
    path.write_text(text)
    before = time.time()
    got, said = run_nnc(options.nnc, path)
    seconds = time.time() - before
    found = said.strip().split("\n")[0] if said else judge.compare.difference(out, got, relative=1e-4, units=1.01)
    if found:
        path.with_suffix(".out").write_text(out)
        path.with_suffix(".got").write_text(got + said)
    else:
        path.unlink()
    return index, text, out, differentiated, found, seconds


class Record:
    """What became of the programs."""

    def __init__(self):
        self.commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE).stdout
        self.sections = names.supported()
        self.counts = collections.defaultdict(collections.Counter)
        self.differing, self.made, self.kept = [], 0, []
        self.start, self.seconds = time.time(), 0

    def add(self, index, text, out, differentiated, found, seconds):
        self.made += 1
        self.seconds += seconds
        for section, name in names.used(text, self.sections):
            self.counts[section][name] += 1
        self.counts["differentiated"].update(differentiated)
        if not found:
            self.kept.append(f"#### program {index}\n{text}#### prints\n{out}")
            return
        self.differing.append(index)
        print(f"{index}: {found}", file=sys.stderr, flush=True)

    def print(self):
        print(f"{datetime.date.today()}, commit {self.commit.strip()}, PyTorch {torch.__version__}")
        print(f"programs: {self.made}")
        print(f"differing: {len(self.differing)}", *self.differing)
        print(f"seconds: {time.time() - self.start:.0f}, of them nnc's {self.seconds:.0f}")
        self.sections["differentiated"] = self.counts["differentiated"].keys()
        for section, listed in self.sections.items():
            if self.counts[section]:
                print(f"\n{section}: in how many programs")
                print(*names.table(self.counts[section], listed), sep="\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nnc")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    record = Record()
    with multiprocessing.Pool(options.jobs) as pool:
        indices = range(options.first, options.first + options.count)
        for result in pool.imap(functools.partial(work, options), indices):
            if result:
                record.add(*result)
    record.print()
    if options.keep:
        with lzma.open(options.keep, "wt", encoding="utf-8") as file:
            file.write("".join(record.kept[:KEPT]))


main()
