#!/bin/sh
# Records what PyTorch computes for bench/networks (tests/emitted/forward).
# Usage: record_forward.sh PYTHON, a Python that has PyTorch.
cd "$(dirname "$0")/../.." || exit 1
for script in bench/networks/*.nn; do
    name=$(basename "$script" .nn)
    "$1" - <"$script" >"tests/emitted/forward/$name.out" || exit 1
done
