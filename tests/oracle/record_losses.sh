#!/bin/sh
# Records what PyTorch prints for the training scripts of emitted networks (tests/emitted/losses).
# Usage: record_losses.sh PYTHON, a Python that has PyTorch.
cd "$(dirname "$0")/../emitted/losses" || exit 1
for script in *.nn; do
    "$1" - <"$script" >"${script%.nn}.out" || exit 1
done
