#!/usr/bin/env python3
"""Functions fit a screen, and the tree holds nothing that belongs elsewhere. Usage: check_text.py ROOT

A function is at most MOST lines; longer ones stand in LONG with their reason. No file names a place
of one machine or leaves work for later.
"""
import pathlib
import re
import subprocess
import sys

MOST = 80
LONG = {
    ("frontend/ast_print.c", "put_expr"): "a flat switch over the kinds of expressions",
    ("frontend/code_print.c", "put_operands"): "a flat switch over the instructions",
    ("frontend/compile_expr.c", "compile_operation"): "a flat switch over the kinds of expressions",
    ("frontend/interp.c", "vm_run"): "the interpreter's loop: a flat switch over the instructions",
}
# Spelled in pieces, so that this file may hold them.
FORBIDDEN = [("TO" + "DO", "work left for later"), ("FIX" + "ME", "work left for later"),
             (r"(?<![\w.])/(work|home|opt|root|farm)/\w", "a path of one machine")]


def functions(lines):
    """(name, first line number, length) of each function: from its signature to the brace in column 1."""
    start = None
    for number, line in enumerate(lines):
        if re.match(r"[A-Za-z_].*\(", line) and not line.rstrip().endswith(";"):
            start = number
        if line == "}" and start is not None:
            name = re.search(r"(\w+)\(", lines[start])
            yield name.group(1), start + 1, number - start + 1
            start = None


def main(root):
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True)
    faults, seen = [], set()
    for name in filter(None, names.stdout.decode().split("\0")):
        path = root / name
        if not path.is_file() or name.startswith("samples/mnist/") or "/corpus/" in name:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue # a wrong program, or binary data
        for number, line in enumerate(text.split("\n"), 1):
            for pattern, why in FORBIDDEN:
                if re.search(pattern, line) and not line.startswith("#!"):
                    faults.append(f"{name}:{number}: {why}: {line.strip()}")
        if name.endswith((".c", ".h")):
            for function, number, length in functions(text.split("\n")):
                seen.add((name, function))
                if length > MOST and (name, function) not in LONG:
                    faults.append(f"{name}:{number}: {function} has {length} lines; {MOST} at most")
    faults += [f"{path}: {function} is listed as long, but is not there"
               for path, function in LONG if (path, function) not in seen]
    print("\n".join(faults) or f"{len(seen)} functions")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
