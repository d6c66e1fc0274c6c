#!/usr/bin/env python3
"""A picture of how near each kernel is to what the machine can do.

    python3 bench/cpu/roofline.py NNC FILE.nn -o OUTPUT.svg [OPTIONS of nnc bench]

A point for each kernel of `nnc bench --json`: FLOP per byte that it must read and write at least, and GFLOP/s; as
large as its share of the time; those that take longest are listed. Lines are the roofs: the measured peak of multiply-adds, and bandwidths of copies that
fit the second-level cache and of copies that fit no cache. Winograd's kernels may be above: they need fewer products
than are counted.
"""
import argparse
import ctypes
import html
import json
import math
import pathlib
import subprocess
import time

WIDTH, HEIGHT, LEFT, BOTTOM = 860, 560, 70, 60
X_RANGE, Y_MIN, LISTED = (0.05, 2000), 0.5, 10


def copy_bandwidth(size):
    """GB/s read and written by memmove of so many bytes."""
    source, target = (ctypes.create_string_buffer(size) for _ in range(2))
    calls = max(1, (1 << 27) // size)
    best = float("inf")
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(calls):
            ctypes.memmove(target, source, size)
        best = min(best, (time.perf_counter() - start) / calls)
    return 2 * size / best * 1e-9


class Chart:
    def __init__(self, top):
        self.top, self.parts = top, []

    def x(self, value):
        low, high = (math.log10(edge) for edge in X_RANGE)
        return LEFT + (math.log10(max(value, X_RANGE[0])) - low) / (high - low) * (WIDTH - LEFT - 20)

    def y(self, value):
        low, high = math.log10(Y_MIN), math.log10(self.top)
        return HEIGHT - BOTTOM - (math.log10(max(value, Y_MIN)) - low) / (high - low) * (HEIGHT - BOTTOM - 40)

    def text(self, x, y, words, more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(words)}</text>')

    def line(self, points, colour, more=""):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" {more}/>')

    def grid(self):
        for power in range(-1, 4):
            if X_RANGE[0] <= 10.0**power <= X_RANGE[1]:
                self.line([(10.0**power, Y_MIN), (10.0**power, self.top)], "#e4e4e4")
                self.text(self.x(10.0**power), HEIGHT - BOTTOM + 18, f"{10.0**power:g}", 'text-anchor="middle"')
            if Y_MIN <= 10.0**power <= self.top:
                self.line([(X_RANGE[0], 10.0**power), (X_RANGE[1], 10.0**power)], "#e4e4e4")
                self.text(LEFT - 8, self.y(10.0**power) + 4, f"{10.0**power:g}", 'text-anchor="end"')
        self.text(LEFT + (WIDTH - LEFT) / 2, HEIGHT - 14, "FLOP per byte", 'text-anchor="middle"')
        self.text(16, HEIGHT / 2, "GFLOP/s", f'transform="rotate(-90 16 {HEIGHT / 2})" text-anchor="middle"')

    def roof(self, bandwidth, peak, name, colour):
        self.line([(X_RANGE[0], X_RANGE[0] * bandwidth), (peak / bandwidth, peak), (X_RANGE[1], peak)], colour,
                  'stroke-width="1.5"')
        self.text(self.x(X_RANGE[0]) + 6, self.y(X_RANGE[0] * bandwidth) - 6, f"{name}: {bandwidth:.0f} GB/s",
                  f'fill="{colour}"')

    def kernel(self, number, kernel, share):
        if kernel["gflops"] <= 0 or kernel["gbytes"] <= 0:
            return
        x, y = self.x(kernel["gflops"] / kernel["gbytes"]), self.y(kernel["gflops"])
        words = f"{kernel['name']}: {kernel['gflops']:.1f} GFLOP/s, {kernel['median_ms'] * 1e3:.1f} us, {share:.0%}"
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 + 22 * math.sqrt(share):.1f}" fill="#2a6fb0" '
                          f'fill-opacity="0.45" stroke="#184a7a"><title>{html.escape(words)}</title></circle>')
        if number <= LISTED:
            self.text(x, y + 4, str(number), 'font-size="10" text-anchor="middle"')
            self.text(WIDTH - 330, HEIGHT - BOTTOM - 16 * (LISTED + 1 - number), f"{number}  {words}", 'font-size="11"')

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
                f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nnc")
    parser.add_argument("file")
    parser.add_argument("-o", required=True, metavar="OUTPUT.svg")
    args, options = parser.parse_known_args()
    done = subprocess.run([args.nnc, "bench", "--json", args.file, *options], check=True, capture_output=True)
    report = json.loads(done.stdout)
    chart = Chart(top=max([report["peak_gflops"], *(kernel["gflops"] for kernel in report["kernels"])]) * 1.5)
    chart.grid()
    chart.roof(copy_bandwidth(256 << 10), report["peak_gflops"], "second-level cache", "#3a8f4d")
    chart.roof(copy_bandwidth(256 << 20), report["peak_gflops"], "memory", "#b5532a")
    whole = sum(kernel["median_ms"] for kernel in report["kernels"])
    for number, kernel in enumerate(sorted(report["kernels"], key=lambda kernel: -kernel["median_ms"]), 1):
        chart.kernel(number, kernel, kernel["median_ms"] / whole)
    chart.text(LEFT, 22, f"{report['name']}, {report['function']}, batch {report['batch']}, {report['target']}: "
               f"{report['median_ms']:.3g} ms, {report['gflops']:.1f} GFLOP/s of {report['peak_gflops']:.1f}",
               'font-size="14"')
    pathlib.Path(args.o).write_text(chart.svg())


if __name__ == "__main__":
    main()
