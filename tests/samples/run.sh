#!/bin/sh
# The samples against what PyTorch printed: run.sh NNC [quick|full].
#
# Every sample compiles to C. Those that take moments (quick), or all of them (full), are run: their text must be equal
# and their numbers close. The C train step of the physics-informed network prints the recorded losses.
set -eu
nnc=$(realpath "${1:?usage: run.sh NNC [quick|full]}")
extent=${2:-quick}
here=$(realpath "$(dirname "$0")")
samples=$here/../../samples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

for file in "$samples"/*.nn; do
    name=$(basename "$file" .nn)
    options=
    mkdir "$work/$name.again"
    [ "$name" != wgan_gp ] || options="--module generator --no-train"
    if ! "$nnc" "$file" $options --emit=c,schedules -o "$work/$name.c" 2>"$work/said"; then
        echo "FAIL $name doesn't compile:"
        cat "$work/said"
        failed=1
    fi
    # The schedules that were written are read as what they were.
    if ! "$nnc" "$file" $options --schedules="$work/$name.schedules.json" -o "$work/$name.again/$name.c" \
        2>"$work/said" || ! cmp "$work/$name.c" "$work/$name.again/$name.c"; then
        echo "FAIL $name by its schedules:"
        cat "$work/said"
        failed=1
    fi
done

names="pinn wgan_gp dqn"
[ "$extent" = quick ] || names=$(ls "$samples/pytorch" | sed 's/\.txt$//')
for name in $names; do
    if ! "$nnc" run "$samples/$name.nn" >"$work/out" 2>"$work/said" ||
        ! python3 "$here/compare.py" "$samples/pytorch/$name.txt" "$work/out"; then
        echo "FAIL $name:"
        head -20 "$work/said"
        failed=1
    fi
done

${CC:-cc} -std=c11 -O1 -I"$work" "$here/pinn.c" "$work/pinn.c" -lm -o "$work/pinn"
grep -o 'step [0-9]*: .*loss=[0-9.]*' "$samples/pytorch/pinn.txt" | sed 's/u(0)=[^ ]* //' >"$work/losses"
"$work/pinn" >"$work/out"
python3 "$here/compare.py" "$work/losses" "$work/out" || failed=1
exit $failed
