#!/bin/sh
# Records what PyTorch prints for net.nn with each optimizer of tests/emitted/optimizers/cases.
# Usage: record_optimizers.sh PYTHON, a Python that has PyTorch.
cd "$(dirname "$0")/../emitted/optimizers" || exit 1
while IFS='|' read -r _ optimizer; do
    sed "s/OPTIMIZER/$optimizer/" net.nn | "$1" - | paste -s -d ' '
done <cases >cases.out
