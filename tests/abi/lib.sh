# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# lib.sh - for the scripts here: a scratch directory that is removed at exit, and a count of failures.
set -u
scratch=$(mktemp -d "${TMPDIR:-/tmp}/seamq-abi.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
failures=0
checks=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# check WHAT COMMAND...: the command must succeed
check() {
    what=$1
    shift
    checks=$((checks + 1))
    "$@" >"$scratch/out" 2>&1 || { fail "$what"; sed 's/^/    /' "$scratch/out" >&2; }
}

# refuse WHAT TEXT COMMAND...: the command must fail and print TEXT
refuse() {
    what=$1
    text=$2
    shift 2
    checks=$((checks + 1))
    if "$@" >"$scratch/out" 2>&1; then
        fail "$what: accepted"
    elif ! grep -qF -- "$text" "$scratch/out"; then
        fail "$what: does not say \"$text\" but:"
        sed 's/^/    /' "$scratch/out" >&2
    fi
}

finish() {
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
    exit
}
