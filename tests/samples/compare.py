#!/usr/bin/env python3
"""compare.py EXPECTED GOT: equal text, and numbers that differ by float32's rounding.

Rounding grows with training steps, hence a part in a thousand; a printed digit may differ by two."""
import re
import sys

NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")


def close(a, b, relative, units):
    if a == b:
        return True
    if "." not in a + b:
        return False
    digits = len(a.lower().partition("e")[0].partition(".")[2])
    if digits == 0:
        return False
    exponent = int(a.lower().partition("e")[2] or 0)
    x, y = float(a), float(b)
    return abs(x - y) <= units * 10.0 ** (exponent - digits) + relative * max(abs(x), abs(y))


def difference(expected, got, relative=1e-3, units=2.01):
    """The first difference of two texts, in words, or None."""
    expected, got = expected.splitlines(), got.splitlines()
    for number, (a, b) in enumerate(zip(expected + [""] * len(got), got + [""] * len(expected)), 1):
        pairs = zip(NUMBER.findall(a), NUMBER.findall(b))
        if NUMBER.split(a) != NUMBER.split(b) or not all(close(x, y, relative, units) for x, y in pairs):
            return f"line {number}: expected {a!r}, got {b!r}"
    return None


if __name__ == "__main__":
    sys.exit(difference(*(open(path, encoding="utf-8").read() for path in sys.argv[1:3])))
