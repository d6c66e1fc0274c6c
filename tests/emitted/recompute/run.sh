#!/bin/sh
# --recompute: whatever is computed again, train steps give the same bits, in less memory; a size is reached or
# refused with the least that does. Usage: run.sh NNC
. "$(dirname "$0")/../start.sh"
samples=../../../samples

# steps FILE HOW FLOATS OPTION...: three train steps; $bits and $arena are what they gave.
steps() {
    file=$1
    how=$2
    floats=$3
    shift 3
    bits= arena=
    "$nnc" "$file" "--recompute=$how" --vector=native --prefix=net "$@" -o "$work/net.c" || return 1
    call=$(tr '\n' ' ' <"$work/net.h" | sed -n 's/.*int net_train_step(\([^)]*\)).*/\1/p' |
        sed 's/NetContext \*ctx/\&ctx/; s/NetTrain \*train/\&train/; s/const NetTrainIn \*in/\&in/
            s/const NetTarget \*target/\&target/; s/float \*loss/(loss)/; s/double [a-z0-9_]*/0.01/g')
    target=$(sed -n 's/^} \(NetTarget\);/static \1 target;/p' "$work/net.h")
    cat >"$work/step.h" <<STEP
#include "net.h"
#define NET(name) net_##name
#define TYPE(name) Net##name
$target
#define ARENA_BYTES NET_ARENA_BYTES
#define FLOATS $floats
#define STEP(loss) net_train_step($call)
STEP
    gcc -std=c11 $strict -march=native -O0 -I"$work" "$work/net.c" check.c -o "$work/check" -lm || return 1
    bits=$("$work/check") || return 1
    arena=$(echo "$bits" | tail -n 1)
    bits=$(echo "$bits" | head -n 4)
}

# same FILE FLOATS: with each way, the bits of none.
same() {
    least= most=
    steps "$1" none "$2" || { fail "$1: not built"; return; }
    kept=$bits most=$arena
    rm -f "$work/net.c"
    least=$("$nnc" "$1" --recompute=1B --vector=native --prefix=net -o "$work/net.c" 2>&1 |
        sed -n 's/.*it needs at least \([0-9]*\)$/\1/p')
    [ "${least:-0}" -gt 1 ] || { fail "$1: no least size"; return; }
    [ -e "$work/net.c" ] && fail "$1: a refused goal leaves a file"
    for how in auto "$least B"; do
        steps "$1" "$how" "$2" || { fail "$1, $how: not built"; continue; }
        [ "$bits" = "$kept" ] || fail "$1, $how: other bits"
        [ "$arena" -le "$most" ] || fail "$1, $how: more memory"
        case $how in
        auto) ;;
        *) [ "$arena" -le "${how% B}" ] || fail "$1, $how: takes $arena" ;;
        esac
        rm -f "$work/net.c"
    done
    rm -f "$work/net.c"
}

same net.nn 1
[ "$((${least:-1} * 2))" -lt "${most:-1}" ] || fail "net.nn: $least of $most bytes"
middle=$(((least + most) / 2))
steps net.nn "$middle" 1 --threads || fail "threads: not built"
[ "$arena" -le "$middle" ] || fail "threads: takes $arena"
same $samples/char_lstm.nn 0
exit $failed
