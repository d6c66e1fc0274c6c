#!/bin/sh
# Which data a compiled network is given: run.sh NNC [--bless]. The structs of NAME.nn's header but for
# parameters, gradients and states are NAME.txt; further options are in the program's first line.
. "$(dirname "$0")/../start.sh"
for script in *.nn; do
    name=${script%.nn}
    # shellcheck disable=SC2046
    "$nnc" "$script" --vector=none $(sed -n '1s/^# nnc: //p' "$script") --prefix=net -o "$work/net.c" || failed=1
    sed -n '/^typedef struct Net\(In\|TrainIn\|Out\|Target\) {/,/}/p; /^typedef NetIn/p' "$work/net.h" >"$work/$name.txt"
    if [ "${2:-}" = --bless ]; then
        cp "$work/$name.txt" .
    else
        diff -u "$name.txt" "$work/$name.txt" || failed=1
    fi
    rm -f "$work/net.h"
done
exit $failed
