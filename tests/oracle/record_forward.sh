#!/bin/sh
# Records what PyTorch computes for the networks of tests/emitted/forward.
# Usage: record_forward.sh PYTHON, a Python that has PyTorch.
cd "$(dirname "$0")/../.." || exit 1
for script in tests/emitted/forward/*.nn; do
    name=$(basename "$script" .nn)
    "$1" - <"$script" >"tests/emitted/forward/$name.out" || exit 1
done
