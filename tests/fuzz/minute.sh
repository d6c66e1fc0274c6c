#!/bin/sh
# A minute of fuzzing over all targets: minute.sh FOLDER, where the build and new inputs stay.
# Skips (exit status 77) where clang has no libFuzzer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
command -v clang >/dev/null || { echo "fuzz: needs clang"; exit 77; }
echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n > 99; }' |
    clang -x c -fsanitize=fuzzer -o "$1/probe" - 2>/dev/null || { echo "fuzz: clang has no libFuzzer"; exit 77; }
targets=$(ls "$here"/fuzz_*.c | wc -l)
NNC_FUZZ_DIR=$1 exec "$here/run.sh" $((60 / targets))
