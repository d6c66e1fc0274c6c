#!/bin/sh
# Programs of the language itself: `nnc run NAME.nn` must print NAME.out, which Python printed.
# run.sh NNC [NAME...]; `run.sh --record PYTHON [NAME...]` rewrites the .out files.
set -u
record=0
if [ "${1:-}" = --record ]; then
    record=1
    shift
fi
tool=$(command -v "${1:?usage: run.sh NNC [NAME...]}")
tool=$(realpath "$tool")
shift
cd "$(dirname "$0")" || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- $(ls ./*.nn | sed 's,^\./,,; s/\.nn$//')
failed=0
for name in "$@"; do
    if [ $record -eq 1 ]; then
        "$tool" "$name.nn" >"$name.out" || exit 1
        continue
    fi
    if ! timeout 60 "$tool" run "$name.nn" >"$work/out" 2>"$work/err" </dev/null; then
        echo "FAIL $name"
        head -20 "$work/err"
        failed=$((failed + 1))
    elif ! diff -u "$name.out" "$work/out"; then
        echo "FAIL $name"
        failed=$((failed + 1))
    fi
done
echo "$# programs, $failed failed"
[ $failed -eq 0 ]
