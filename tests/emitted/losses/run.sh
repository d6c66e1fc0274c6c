#!/bin/sh
# Compiles each script here to C, builds it with gcc and clang without a warning, its header as
# C++17 too, and compares the losses with those that PyTorch gave (NAME.out). Usage: run.sh NNC
. "$(dirname "$0")/../start.sh"

for script in *.nn; do
    name=${script%.nn}
    type=$(echo "$name" | sed 's/^./\U&/')
    rate=$(sed -n 's/.*lr=\([0-9.e-]*\).*/\1/p' "$script")
    "$nnc" "$script" -o "$work/$name.c" || { fail "$name: nnc failed"; continue; }
    for compiler in gcc clang; do
        command -v $compiler >/dev/null || continue
        $compiler -std=c11 $strict -O1 -I"$work" "-DHEADER=\"$name.h\"" "-DNET(x)=${name}_##x" \
            "-DTYPE(x)=$type##x" "-DRATE=$rate" -DSTEPS=3 "$work/$name.c" check.c -o "$work/$name" -lm ||
            { fail "$name: $compiler failed"; continue; }
        "$work/$name" >"$work/out" || fail "$name: stopped"
        paste "$name.out" "$work/out" | awk -v name="$name ($compiler)" '
            { d = $1 - $2; if (d < 0) d = -d; m = $1 < 0 ? -$1 : $1; if (m < 1) m = 1 }
            NF != 2 || !(d <= 1e-4 * m) { print name ": expected " $1 ", got " $2; bad = 1 }
            END { exit bad || NR != 4 }' >&2 || fail "$name: differs from PyTorch"
    done
    g++ -std=c++17 $strict -fsyntax-only -x c++ "$work/$name.h" 2>"$work/err" ||
        { cat "$work/err" >&2; fail "$name: its header is no C++"; }
done
exit $failed
