#!/bin/sh
# Data flows one way: no header of a later stage is included by an earlier one, and files stay small.
# Usage: check_layers.sh ROOT
set -eu
cd "$1"
status=0
forbid() { # layer, pattern of what it may not include
    if grep -rnE "#include \"($2)/" --include='*.[ch]' --include='*.def' "$1"; then
        echo "check_layers: $1/ must not include the lines above"
        status=1
    fi
}
forbid support 'ir|passes|codegen|frontend|driver|runtime'
forbid runtime 'support|ir|passes|codegen|frontend|driver'
forbid ir 'passes|codegen|frontend|driver'
forbid passes 'codegen|frontend|driver'
forbid codegen 'frontend|driver'
forbid frontend 'driver'
for file in $(git ls-files '*.c' '*.h' | grep -v '^tests/'); do
    lines=$(wc -l <"$file")
    if [ "$lines" -gt 800 ]; then
        echo "check_layers: $file has $lines lines; 800 at most"
        status=1
    fi
done
exit $status
