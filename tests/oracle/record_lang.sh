#!/bin/sh
# Records what CPython 3.11 prints for the programs of tests/lang (all, or those named).
cd "$(dirname "$0")/../lang" || exit 1
for program in ${@:-*.nn}; do
    python3 "$program" >"${program%.nn}.out" || echo "failed: $program" >&2
done
