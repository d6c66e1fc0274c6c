# What the tests beside it begin with: . "$(dirname "$0")/../start.sh", with nnc as $1. They go on in
# their own folder, with a folder $work that is removed at the end, and end with `exit $failed`.
# shellcheck shell=sh disable=SC2034
set -u
nnc=$(realpath "${1:?usage: $0 NNC}")
cd "$(dirname "$0")" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
strict="-Wall -Wextra -Wpedantic -Werror"
failed=0
fail() {
    echo "$1" >&2
    failed=1
}
