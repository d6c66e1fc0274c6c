#!/usr/bin/env python3
"""compare.py EXPECTED GOT: equal text, and numbers that differ by float32's rounding.

Rounding grows with training steps, hence a part in a thousand; a printed digit may differ by two."""
import re
import sys

NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")


def close(a, b):
    if a == b:
        return True
    if "." not in a + b:
        return False
    digits = len(a.lower().partition("e")[0].partition(".")[2])
    exponent = int(a.lower().partition("e")[2] or 0)
    x, y = float(a), float(b)
    return abs(x - y) <= 2.01 * 10.0 ** (exponent - digits) + 1e-3 * max(abs(x), abs(y))


def main():
    expected, got = (open(path, encoding="utf-8").read().splitlines() for path in sys.argv[1:3])
    for number, (a, b) in enumerate(zip(expected + [""] * len(got), got + [""] * len(expected)), 1):
        same = NUMBER.split(a) == NUMBER.split(b) and all(map(close, NUMBER.findall(a), NUMBER.findall(b)))
        if not same:
            sys.exit(f"line {number}: expected {a!r}, got {b!r}")


main()
