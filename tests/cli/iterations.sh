#!/bin/sh
# The number of graphs that `nnc run` plans is the same for 20 and for 60 iterations: iterations.sh NNC.
set -eu
program=$(dirname "$0")/iterations.nn
planned() { "$1" run -v "$program" "$2" 2>&1 | sed -n 's/^nnc: \([0-9]*\) graphs planned.*/\1/p'; }
few=$(planned "$1" 20)
many=$(planned "$1" 60)
echo "$few graphs for 20 iterations, $many for 60"
[ "$few" -gt 0 ] && [ "$few" -eq "$many" ]
