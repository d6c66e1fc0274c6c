#!/usr/bin/env python3
"""Puts deliberate faults into a copy of the tree, one at a time: each must make a test fail.

usage: run.py [--source DIR] [--work DIR] [--jobs N] [--quick] [NAME...]

`list`, beside this file, holds the faults, in paragraphs of five lines:

    mutant NAME [quick]
    file   FILE
    old    TEXT      found exactly once in FILE ("\\n" stands for the end of a line)
    new    TEXT      put there instead
    fails  TEST...   one of these must fail: a unit test's program (test_fuse), some of its tests
                     (test_contract/pooled, * for any letters), a script (script_kinks) or one of
                     GROUPS below

The copy holds what git tracks, with the changes that the working tree has. It and its Release build
live in --work, which may be kept for the next run (default: a folder that is removed). The tests
must pass before any fault; a fault that does not build is a mistake in the list.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

TEST_SECONDS = 300
# What to build and which tests to run for a word of "fails" that is no unit test's name.
GROUPS = {"lang": ("nnc_lang", "^lang_"), "script": ("nnc", "^script_[^m]"),
          "cli": ("nnc", "^cli$"), "errors": ("nnc", "^errors$"),
          "cuda_file": ("nnc", "^cuda_file$"), "interface": ("nnc", "^interface$"),
          "spills": ("nnc", "^spills_quick$"), "threads": ("nnc", "^threads_quick$")}


def group(word):
    """What to build and which tests to run for the word, or None for a unit test's."""
    return GROUPS.get(word) or (("nnc", f"^{word}$") if word.startswith("script_") else None)


def read_list(path):
    mutants = []
    for paragraph in path.read_text().split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        fields = dict(line.split(None, 1) for line in lines)
        name, *labels = fields["mutant"].split()
        for key in ("old", "new"):
            fields[key] = fields[key].replace("\\n", "\n") if fields[key] != "(nothing)" else ""
        mutants.append(fields | {"name": name, "quick": "quick" in labels,
                                 "fails": fields["fails"].split()})
    return mutants


def copy_tree(source, tree):
    """Writes only what differs, so that the next build is small."""
    names = subprocess.run(["git", "-C", source, "ls-files", "-z", "--cached", "--others",
                            "--exclude-standard"], check=True, capture_output=True, text=True)
    wanted = {name for name in names.stdout.split("\0") if name}
    for name in sorted(wanted):
        old, new = source / name, tree / name
        new.parent.mkdir(parents=True, exist_ok=True)
        if old.is_symlink():
            new.unlink(missing_ok=True)
            new.symlink_to(os.readlink(old))
            continue
        if not old.is_file():
            continue
        if not new.exists() or new.read_bytes() != old.read_bytes():
            shutil.copy(old, new)
    for path in tree.rglob("*"):
        if path.is_file() and str(path.relative_to(tree)) not in wanted:
            path.unlink()


class Build:
    def __init__(self, tree, work, jobs):
        self.tree, self.build, self.jobs = tree, work / "build", str(jobs)

    def run(self, *command, timeout=None):
        return subprocess.run(command, cwd=self.tree, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout)

    def configure(self):
        done = self.run("cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja",
                        "-DCMAKE_BUILD_TYPE=Release", "-DNNC_SAMPLES=OFF")
        if done.returncode:
            sys.exit(done.stdout)

    def compile(self, words):
        targets = sorted({(group(word) or (word.split("/")[0],))[0] for word in words})
        return self.run("cmake", "--build", self.build, "-j", self.jobs, "--target", *targets)

    def passes(self, word):
        if "/" in word:
            program, tests = word.split("/")
            command = [self.build / "tests" / program, "--filter", "*/" + tests]
        else:
            pattern = (group(word) or (None, f"^{word}$"))[1]
            command = ["ctest", "--test-dir", self.build, "-R", pattern, "--no-tests=error",
                       "--stop-on-failure", "-j", self.jobs]
        try:
            return self.run(*command, timeout=TEST_SECONDS).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def try_mutant(build, mutant):
    """'killed by ...', or what is wrong."""
    path = build.tree / mutant["file"]
    text = path.read_text()
    if text.count(mutant["old"]) != 1:
        return f"STALE: {mutant['file']} has its old text {text.count(mutant['old'])} times"
    path.write_text(text.replace(mutant["old"], mutant["new"]))
    try:
        done = build.compile(mutant["fails"])
        if done.returncode:
            return "DOES NOT BUILD\n" + done.stdout[-2000:]
        for word in mutant["fails"]:
            if not build.passes(word):
                return "killed by " + word
        return "SURVIVED"
    finally:
        path.write_text(text)


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", type=pathlib.Path, default=here.parent.parent)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    mutants = [m for m in read_list(here / "list")
               if (m["name"] in options.names if options.names else m["quick"] or not options.quick)]
    temporary = None if options.work else tempfile.TemporaryDirectory()
    work = options.work.resolve() if options.work else pathlib.Path(temporary.name)
    tree = work / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    copy_tree(options.source.resolve(), tree)
    build = Build(tree, work, options.jobs)
    build.configure()
    words = sorted({word for mutant in mutants for word in mutant["fails"]})
    done = build.compile(words)
    if done.returncode:
        sys.exit(done.stdout[-4000:])
    for word in words:
        start = time.monotonic()
        if not build.passes(word):
            sys.exit(f"{word} fails without any fault")
        print(f"{word} passes ({time.monotonic() - start:.1f} s)", flush=True)
    failed = 0
    for mutant in mutants:
        start = time.monotonic()
        result = try_mutant(build, mutant)
        failed += not result.startswith("killed")
        print(f"{mutant['name']}: {result} ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{len(mutants)} faults, {len(mutants) - failed} killed")
    return 1 if failed or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())
