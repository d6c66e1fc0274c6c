#!/bin/sh
# clang-tidy, as .clang-tidy says. Usage: check_tidy.sh ROOT BUILD CHECKS FOLDER...
# BUILD holds compile_commands.json; CHECKS are added to those of .clang-tidy ('' for none). Skips
# (exit status 77) without clang-tidy 14. One file a process: it keeps state from one to the next.
set -eu
cd "$1"
build=$2
checks=$3
shift 3
tool=$(command -v clang-tidy-14 || command -v clang-tidy) || exit 77
"$tool" --version | grep -q 'version 14\.' || { echo "check_tidy: needs clang-tidy 14"; exit 77; }
for folder in "$@"; do
    git ls-files "$folder/*.c"
done | while read -r file; do [ -e "$file" ] && echo "$file"; done |
    xargs -P "$(nproc)" -n 1 "$tool" --quiet -p "$build" --checks="$checks" 2>/dev/null
