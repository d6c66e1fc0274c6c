#!/bin/sh
# Compiles the train step of net.nn with each optimizer of `cases` (rate|expression) to C, and
# compares six losses and the results afterwards with PyTorch's (cases.out, a line for each case).
# Usage: run.sh NNC
. "$(dirname "$0")/../start.sh"
line=0
while IFS='|' read -r rate optimizer; do
    line=$((line + 1))
    sed "s/OPTIMIZER/$optimizer/" net.nn >"$work/net.nn"
    "$nnc" "$work/net.nn" -o "$work/net.c" &&
        gcc -std=c11 $strict -O0 -I"$work" "-DHEADER=\"net.h\"" "-DNET(x)=net_##x" "-DTYPE(x)=Net##x" \
            "-DRATE=$rate" -DSTEPS=6 "$work/net.c" ../losses/check.c -o "$work/net" -lm && "$work/net" >"$work/got" ||
        { echo "$optimizer: failed" >&2; failed=1; continue; }
    sed -n "${line}p" cases.out | tr ' ' '\n' | paste - "$work/got" | awk '
        { d = $1 - $2; if (d < 0) d = -d; m = $1 < 0 ? -$1 : $1; if (m < 1) m = 1 }
        NF != 2 || !(d <= 1e-4 * m) { print "expected " $1 ", got " $2; bad = 1 }
        END { exit bad || NR != 7 }' >&2 || { echo "$optimizer: differs from PyTorch" >&2; failed=1; }
done <cases
[ "$line" -gt 0 ] || failed=1
exit $failed
