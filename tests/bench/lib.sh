# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Common parts of run.sh, mesh.sh and recovery.sh: messages, and writing tables into pages.

say() { printf 'bench: %s\n' "$*" >&2; }
die()
{
    say "error: $*"
    exit 1
}

# put_between_markers NAME TABLE PAGE: writes the table between <!-- NAME:begin --> and <!-- NAME:end --> of the page.
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

# machine_facts LOAD WHOSE: prints the text above a table: the machine, its load before the run, and whose servers were used.
machine_facts()
{
    local cpu version
    cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
    version=$("${SEAMQ_NATS_SERVER:-$(dirname "${BASH_SOURCE[0]}")/../../.deps/bin/nats-server}" --version | sed 's/.*v//')
    cat <<END

- Date: $(date -u '+%Y-%m-%d %H:%M') UTC
- Machine: ${cpu:-unknown processor} ($(uname -m)), $(nproc) cores, Linux $(uname -r), load $1 before
- Versions: seamq $(git -C "$(dirname "${BASH_SOURCE[0]}")" describe --always --dirty 2>/dev/null), nats-server $version, $2
END
}
