#!/bin/sh
# Installs the build, builds an outside project against the installed tree, moves that tree to another
# place and builds again, and sees that what changes is built anew: run.sh BUILD_DIR [GENERATOR]
set -eu
build=$(realpath "${1:?usage: run.sh BUILD_DIR [GENERATOR]}")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    cat "$work/log"
    echo "package: $1"
    exit 1
}
in_project() { "$@" >"$work/log" 2>&1 || fail "failed: $*"; }
infers() { [ "$("$work/out/infer")" = 0110 ] || fail "infer printed $("$work/out/infer")"; }

cmake --install "$build" --prefix "$work/first" >"$work/log" || fail 'no installation'
mv "$work/first" "$work/prefix" # nothing in it may know where it was
[ "$("$work/prefix/bin/nnc" --version)" ] || fail 'nnc does not start'
cp -r "$here/project" "$work/project"
in_project cmake -S "$work/project" -B "$work/out" -G "${2:-Ninja}" -DCMAKE_PREFIX_PATH="$work/prefix"
in_project cmake --build "$work/out"
infers

# Only what depends on a change is made again.
before=$(stat -c %Y "$work/out/infer")
in_project cmake --build "$work/out"
[ "$(stat -c %Y "$work/out/infer")" = "$before" ] || fail 'built again without a change'
sed -i 's/Linear(2, 8)/Linear(2, 9)/; s/Linear(8, 1)/Linear(9, 1)/' "$work/project/model/small.nn"
in_project cmake --build "$work/out"
grep -qF 'n_0_weight[9][2]' "$work/out/trained.network/small.h" || fail 'the change was not compiled'
infers

# The file of schedules is read, whenever it changes.
echo x >>"$work/project/model/small.schedules.json"
if cmake --build "$work/out" >"$work/log" 2>&1; then fail 'accepted a damaged file of schedules'; fi
grep -q 'small.schedules.json: ' "$work/log" || fail 'no message for a damaged file of schedules'

# Wrong calls.
for call in 'nnc_add_network(x)' 'nnc_add_network(x MODEL a.nn WIEGHTS b)' \
    'nnc_add_network(x MODEL a.nn TRAIN WEIGHTS b)'; do
    mkdir -p "$work/wrong"
    printf 'cmake_minimum_required(VERSION 3.20)\nproject(wrong LANGUAGES C)\nfind_package(nnc REQUIRED)\n%s\n' \
        "$call" >"$work/wrong/CMakeLists.txt"
    if cmake -S "$work/wrong" -B "$work/wrong/out" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1; then
        fail "accepted: $call"
    fi
    grep -q 'nnc_add_network(x)' "$work/log" || fail "no message for: $call"
done
echo 'package: good'
