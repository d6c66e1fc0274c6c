#!/usr/bin/env python3
"""replay.py RUNNER [--against OTHER]: generated programs, run by `RUNNER FILE`.

The text must equal what PyTorch printed, numbers within float32's rounding. With --against what another
runner prints takes PyTorch's place."""
import argparse
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "samples"))
import compare
import kept


def run(runner, path):
    try:
        done = subprocess.run([*runner, str(path)], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "", "it takes more than two minutes"
    return done.stdout, (done.stderr or f"exit status {done.returncode}") if done.returncode else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runner")
    parser.add_argument("--against")
    options = parser.parse_args()
    failed = count = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, program, expected in kept.programs():
            path = pathlib.Path(folder) / "program.nn"
            path.write_text(program, encoding="utf-8")
            count += 1
            if options.against:
                expected, _ = run(options.against.split(), path)
            got, said = run(options.runner.split(), path)
            problem = said or compare.difference(expected, got, relative=1e-4, units=1.01)
            if problem:
                failed += 1
                print(f"program {number}: {problem}\n{program}")
    print(f"{count} programs, {failed} differ")
    sys.exit(failed > 0 or count == 0)


main()
