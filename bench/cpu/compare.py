#!/usr/bin/env python3
"""Compares what several nncs make of the samples: milliseconds of forward, and of kernels with some schedule.

    python3 bench/cpu/compare.py [--rounds N] [--schedule WORD] [-o OUTPUT.txt] NAME=NNC... [--samples SAMPLE...]

Each NNC runs `bench --json` on each sample in turn, round by round; the least time counts. The last column of an
NNC is the sum over those kernels, by number, that have WORD in the schedule that the last NNC gives them.
"""
import argparse
import json
import pathlib
import subprocess

from bench import processor

SAMPLES = pathlib.Path(__file__).resolve().parent.parent.parent / "samples"


def measure(nnc, sample):
    done = subprocess.run([nnc, "bench", "--json", SAMPLES / f"{sample}.nn"], check=True, capture_output=True)
    return json.loads(done.stdout)


def least(runs, word, chosen):
    """Of forward and of the chosen kernels, each kernel's least time."""
    kernels = zip(*([kernel["median_ms"] for kernel in run["kernels"]] for run in runs))
    return (min(run["min_ms"] for run in runs),
            sum(min(times) for times, kernel in zip(kernels, chosen) if word in kernel["schedule"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--schedule", default="Winograd")
    parser.add_argument("-o")
    parser.add_argument("nncs", nargs="+")
    parser.add_argument("--samples", nargs="+", default=["resnet18", "resnet50", "vgg16", "unet"])
    options = parser.parse_args()
    nncs = dict(word.split("=", 1) for word in options.nncs)
    lines = [f"Milliseconds on {processor()}, one thread: forward, and its kernels by {options.schedule}", "",
             " " * 12 + "".join(f"{name:>24}" for name in nncs)]
    for sample in options.samples:
        runs = {name: [] for name in nncs}
        for _ in range(options.rounds):
            for name, nnc in nncs.items():
                runs[name].append(measure(nnc, sample))
        chosen = runs[list(nncs)[-1]][0]["kernels"]
        cells = (least(runs[name], options.schedule, chosen) for name in nncs)
        lines.append(f"{sample:12}" + "".join(f"{whole:14.2f}{part:10.2f}" for whole, part in cells))
    text = "\n".join(lines) + "\n"
    if options.o:
        pathlib.Path(options.o).write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
