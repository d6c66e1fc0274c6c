#!/bin/sh
# Wrong programs and what nnc says about them: run.sh NNC [--bless] [NAME...].
#
# Each tests/errors/NAME.nn is compiled (`nnc NAME.nn -o ...`) or, when its first line is
# "# nnc: run", run; extra words there are further options. Exit status 1, the text on standard
# error equal to NAME.err, and no output file are expected. --bless rewrites the .err files.
set -u
nnc=$(realpath "${1:?usage: run.sh NNC [--bless] [NAME...]}")
shift
bless=0
if [ "${1:-}" = --bless ]; then
    bless=1
    shift
fi
cd "$(dirname "$0")" || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- $(ls ./*.nn | sed 's,^\./,,; s/\.nn$//')
failed=0
count=0
for name in "$@"; do
    count=$((count + 1))
    words=$(sed -n '1s/^# nnc: //p' "$name.nn")
    mode=${words%% *}
    options=${words#"$mode"}
    rm -f "$work"/*
    if [ "$mode" = run ]; then
        timeout 60 "$nnc" run "$name.nn" $options >"$work/out" 2>"$work/err" </dev/null
    else
        timeout 60 "$nnc" "$name.nn" -o "$work/emitted.c" $options >"$work/out" 2>"$work/err" </dev/null
    fi
    status=$?
    if [ $status -ne 1 ]; then
        echo "FAIL $name: exit status $status, expected 1"
        failed=$((failed + 1))
        [ $bless -eq 1 ] || head -20 "$work/err"
        continue
    fi
    if ls "$work"/emitted* >/dev/null 2>&1; then
        echo "FAIL $name: left an output file behind"
        failed=$((failed + 1))
    fi
    if [ $bless -eq 1 ]; then
        cp "$work/err" "$name.err"
    elif ! diff -u "$name.err" "$work/err"; then
        echo "FAIL $name"
        failed=$((failed + 1))
    fi
done
echo "$count wrong programs, $failed failed"
[ $failed -eq 0 ]
