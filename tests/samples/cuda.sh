#!/bin/sh
# Every sample as CUDA C++: nvcc has nothing to say. Usage: cuda.sh NNC ARCH
set -eu
nnc=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/local/cuda/bin
command -v nvcc >/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for sample in "$root"/samples/*.nn; do
    name=$(basename "$sample" .nn)
    "$nnc" "$sample" -o "$work/$name.cu"
    nvcc -std=c++17 --fmad=false -arch="$2" -Werror all-warnings -Xptxas --warn-on-spills -cubin \
        "$work/$name.cu" -o "$work/cubin" >"$work/log" 2>&1 || { cat "$work/log"; echo "$name"; exit 1; }
    [ ! -s "$work/log" ] || { cat "$work/log"; echo "$name"; exit 1; }
done
