#!/bin/sh
# Records what PyTorch prints for the programs of tests/script:
#   record_script.sh PYTHON [NAME...]
# PYTHON is an interpreter with torch installed.
set -eu
python=$1
shift
here=$(cd "$(dirname "$0")/../script" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- $(cd "$here" && ls *.nn | sed 's/\.nn$//')
ln -s "$here/data" "$work/data"
for name in "$@"; do
    cp "$here/$name.nn" "$work/script_$name.py" # not the name of a library
    "$python" "$work/script_$name.py" > "$here/$name.out"
done
