#!/bin/sh
# Every C file that git tracks, but for emitted ones, is as clang-format writes it. Usage: check_format.sh ROOT
# Versions of clang-format differ; .clang-format is meant for 14, so others skip (exit status 77).
set -eu
cd "$1"
tool=$(command -v clang-format-14 || command -v clang-format) || exit 77
"$tool" --version | grep -q 'version 14\.' || { echo "check_format: needs clang-format 14"; exit 77; }
git ls-files '*.c' '*.cpp' '*.h' ':!tests/golden' | while read -r file; do [ -e "$file" ] && echo "$file"; done |
    xargs "$tool" --dry-run --Werror
