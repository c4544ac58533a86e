#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# outcome_places.sh SOURCE_DIR BUILD_DIR - an outcome that is added in one place only does not compile: to the ABI's
# header alone, to core/base/outcome.h alone, or to both without a case in each switch.
set -eu
source=$1
build=$2
commands=$build/compile_commands.json
if ! [ -f "$commands" ] || ! command -v python3 >/dev/null; then
    echo "no compile_commands.json or no python3: skipped"
    exit 77
fi
switches=$(cd "$source" && grep -rl --include='*.c' 'case OUTCOME_UNAVAILABLE' core)
host=$(cd "$source" && grep -rl --include='*.c' 'SEAMQ_OUTCOMES_' core/host)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/sdk/seamq" "$scratch/base/base"
header=$source/sdk/include/seamq/plugin.h
table=$source/core/base/outcome.h

restore() {
    cp "$header" "$scratch/sdk/seamq/plugin.h"
    cp "$table" "$scratch/base/base/outcome.h"
}
add_to_header() {
    sed -i 's|^    SEAMQ_OUTCOMES_ .*|    SEAMQ_LATER = 5,\n&|' "$scratch/sdk/seamq/plugin.h"
    grep -q SEAMQ_LATER "$scratch/sdk/seamq/plugin.h"
}
add_to_table() {
    sed -i 's|^    X(UNAVAILABLE, .*|& X(LATER, 5, "later", false, false)|' "$scratch/base/base/outcome.h"
    grep -q LATER "$scratch/base/base/outcome.h"
}
compile() { # FILE: as the build does, with the copies of the two headers first
    python3 - "$commands" "$source/$1" "$scratch" <<'P'
import json, shlex, subprocess, sys
commands, file, scratch = sys.argv[1:]
entry = next(e for e in json.load(open(commands)) if e["file"] == file and "next_worker" not in e["command"])
words = shlex.split(entry["command"])
if words[0].endswith("ccache"):
    words = words[1:]
for flag in ("-o", "-MF", "-MT"):
    if flag in words:
        del words[words.index(flag):words.index(flag) + 2]
words = [w for w in words if w != "-MD"]
words[1:1] = [f"-I{scratch}/sdk", f"-I{scratch}/base", "-fsyntax-only"]
sys.exit(subprocess.run(words, cwd=entry["directory"]).returncode)
P
}
expect() { # ok|error FILE WHAT
    if compile "$2" 2>"$scratch/log"; then got=ok; else got=error; fi
    [ "$got" = "$1" ] && return
    echo "$2 with $3: expected $1, got $got"
    cat "$scratch/log"
    exit 1
}

restore
for file in $host $switches; do
    expect ok "$file" "unchanged headers"
done
add_to_header
expect error "$host" "an outcome in the ABI only"
restore
add_to_table
expect error "$host" "an outcome in the table only"
add_to_header
expect ok "$host" "an outcome in both headers"
for file in $switches; do
    expect error "$file" "an outcome without a case in its switch"
done
