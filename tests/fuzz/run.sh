#!/bin/sh
# Fuzzes one target, or all: tests/fuzz/run.sh SECONDS [TARGET...]. Needs clang. A target is
# tests/fuzz/fuzz_TARGET.c; its seeds are in tests/fuzz/corpus/TARGET. New inputs and crashes stay
# in the build folder (NNC_FUZZ_DIR, default /tmp/nnc-fuzz); a crash's file is printed. With
# NNC_FUZZ_RECORD=FILE a line is added to it for each target (bench/fuzz.txt holds those kept).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:?usage: run.sh SECONDS [TARGET...]}
shift
work=${NNC_FUZZ_DIR:-/tmp/nnc-fuzz}
if [ $# -eq 0 ]; then
    set -- $(cd "$root/tests/fuzz" && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
fi
build=$work/build
commit=$(git -C "$root" rev-parse --short HEAD)

# Sets used_s to the seconds of processor time that children took so far. (`times` in a pipe or in
# $() would tell of another shell.)
count_time() {
    times >"$work.times"
    used_s=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, "[ms]"); sum += t[1] * 60 + t[2] }
                            print int(sum) }' "$work.times")
}

record() { # target seconds log
    [ -n "${NNC_FUZZ_RECORD:-}" ] || return 0
    units=$(sed -n 's/^stat::number_of_executed_units: *//p' "$3")
    echo "$(date +%F) $commit $1 cpu_s=$2 inputs=${units:-?}" \
        "crashes=$(find "$work/crashes/$1" -type f | wc -l)" >>"$NNC_FUZZ_RECORD"
}

CC=clang cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Debug -DNNC_FUZZ=ON -DNNC_SAMPLES=OFF \
    -DCMAKE_C_COMPILER=clang >"$work.log" 2>&1 || { cat "$work.log"; exit 1; }
for target in "$@"; do
    cmake --build "$build" -j "$(nproc)" --target "fuzz_$target" >"$work.log" 2>&1 || { cat "$work.log"; exit 1; }
    mkdir -p "$work/corpus/$target" "$work/crashes/$target"
    more=
    case $target in parser | evaluator) more="$root/tests/lang $root/tests/errors" ;; esac
    echo "== $target: $seconds s"
    count_time
    before=$used_s
    status=0
    "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=0 -artifact_prefix="$work/crashes/$target/" \
        "$work/corpus/$target" "$root/tests/fuzz/corpus/$target" $more >"$work.out" 2>&1 || status=$?
    cat "$work.out"
    count_time
    record "$target" $((used_s - before)) "$work.out"
    [ "$status" = 0 ] || exit "$status"
done
