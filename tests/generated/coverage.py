#!/usr/bin/env python3
"""In how many of the kept programs each supported name occurs. Exit status 1 if a module is in too few."""
import collections
import sys

import kept
import names

LEAST = 5  # programs for each module

sections = names.supported()
counts = {section: collections.Counter() for section in sections}
for _, program, _ in kept.programs():
    for section, name in names.used(program, sections):
        counts[section][name] += 1
for section, listed in sections.items():
    if counts[section]:
        print(f"{section}: in how many programs", *names.table(counts[section], listed), "", sep="\n")
modules = sections["torch.nn"] - {"Buffer", "Parameter"}  # these are tensors
rare = sorted(name for name in modules if counts["torch.nn"][name] < LEAST)
print(f"{len(modules)} modules of torch.nn;", f"in fewer than {LEAST} programs:", *(rare or ["none"]))
sys.exit(bool(rare))
