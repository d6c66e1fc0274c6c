#!/bin/sh
# --batch: a network compiled for several batches gives the bits of those compiled for one each, and its
# header is C++ too. Usage: run.sh NNC
. "$(dirname "$0")/../start.sh"
sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"

# compare WHAT BATCH OPTION...: the options are gcc's; both files are there.
compare() {
    what=$1
    batch=$2
    shift 2
    gcc -std=c11 $strict "$@" -I"$work" "-DN=$batch" "-DFORWARD=net_forward_b$batch" "$work/one.c" \
        "$work/net.o" check.c -o "$work/check" -lm || { fail "$what: not built"; return; }
    "$work/check" || fail "$what: differs (exit status $?)"
}

for options in "--vector=none -O1" "--vector=native -O1 $sanitizers" " -O0"; do
    vector=${options%% *}
    flags=${options#* }
    # shellcheck disable=SC2086
    "$nnc" net.nn --batch=16,1 $vector --prefix=net -o "$work/net.c" &&
        gcc -std=c11 $strict $flags -c "$work/net.c" -o "$work/net.o" || { fail "$options: not built"; continue; }
    for batch in 1 16; do
        # shellcheck disable=SC2086
        "$nnc" net.nn --batch=$batch $vector --prefix=one -o "$work/one.c" || { fail "$options: nnc failed"; continue; }
        # shellcheck disable=SC2086
        compare "batch $batch, $options" $batch $flags
    done
done
cat >"$work/use.cpp" <<'CPP'
#include "net.h"
int use(NetContext *context, const NetParams *params, const NetIn *in, NetOut *out) {
    net_prepare(context, params);
    return net_forward_b1(context, in, out) + net_forward_b16(context, in, out);
}
CPP
g++ -std=c++17 $strict -fsyntax-only "$work/use.cpp" || fail "the header is no C++"
exit $failed
