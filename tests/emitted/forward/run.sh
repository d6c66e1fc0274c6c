#!/bin/sh
# The networks of this folder, run and compiled to C in several ways, against what PyTorch printed
# (NAME.out). Usage: run.sh NNC
. "$(dirname "$0")/../start.sh"

# same NAME WHAT BOUND: $work/out holds the numbers of NAME.out.
same() {
    paste "$1.out" "$work/out" | awk -v bound="$3" '
        { d = $1 - $2; if (d < 0) d = -d }
        NF != 2 || !(d <= bound) { print "expected " $1 ", got " $2; bad = 1 }
        END { exit bad || !NR }' >&2 || fail "$1 ($2) differs from PyTorch"
}

for expected in *.out; do
    name=${expected%.out}
    type=$(echo "$name" | sed 's/^./\U&/')
    "$nnc" run "$name.nn" >"$work/out" || fail "$name: nnc run failed"
    same "$name" "nnc run" 2e-5
    for options in "-O0 --vector=none" "--vector=sse2" "--vector=avx2" "--vector=native" \
        "--precision=medium"; do
        bound=2e-5
        case $options in *medium) bound=5e-3 ;; esac
        case $options in *avx2) grep -q avx2 /proc/cpuinfo || continue ;; esac
        # shellcheck disable=SC2086
        "$nnc" "$name.nn" $options --no-train -o "$work/$name.c" ||
            { fail "$name: nnc $options failed"; continue; }
        gcc -std=c11 $strict -O1 -I"$work" "-DHEADER=\"$name.h\"" \
            "-DNET(x)=${name}_##x" "-DTYPE(x)=$type##x" "$work/$name.c" check.c -o "$work/$name" -lm ||
            { fail "$name: gcc failed"; continue; }
        "$work/$name" >"$work/out" || fail "$name ($options) stopped"
        same "$name" "$options" "$bound"
    done
done
exit $failed
