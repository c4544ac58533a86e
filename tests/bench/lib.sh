# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For run.sh and mesh.sh: what they say, and where their tables go.

say() { printf 'bench: %s\n' "$*" >&2; }
die()
{
    say "error: $*"
    exit 1
}

# put_between_markers NAME TABLE PAGE: between the markers <!-- NAME:begin --> and <!-- NAME:end --> of the page.
put_between_markers()
{
    local page
    if ! grep -q "^<!-- $1:begin" "$3" || ! grep -q "^<!-- $1:end" "$3"; then
        die "$3 has no markers <!-- $1:begin --> and <!-- $1:end -->"
    fi
    page=$(awk -v name="$1" -v table="$2" '
        index($0, "<!-- " name ":begin") == 1 { print; while ((getline line < table) > 0) print line; skip = 1 }
        index($0, "<!-- " name ":end") == 1 { skip = 0 }
        !skip' "$3") && printf '%s\n' "$page" >"$3"
}
