#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures how soon messages flow again after each single fault. docs/benchmarks.md describes the measurement;
# `recovery.sh --help` lists the options. Exit status: 0 success; 1 a measurement failed; 2 usage.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"

usage()
{
    cat <<'END'
usage: recovery.sh [options]

  --only LIST     some of: worker-kill, handler-crash, stream-leader-kill, consumer-leader-kill, connected-kill,
                  connected-freeze, connected-leader-freeze (all, about 15 minutes)
  --rounds N      of each fault (20)
  --seed N        which node and when, again
  --results FILE  adds the raw values there, one line a fault; the table is of all that are in it
  --build DIR     the build to measure (build)
  --docs FILE     puts the table between the markers there (docs/benchmarks.md); - for nowhere, the default
END
}

command_line="tests/bench/recovery.sh${*:+ $*}"
rounds=20 build=$root/build docs=- results='' pass=()
while [ $# -gt 0 ]; do
    case $1 in
        --help) usage && exit 0 ;;
        --only | --rounds | --seed | --results | --build | --docs)
            [ $# -ge 2 ] || { usage >&2 && exit 2; }
            case $1 in
                --only | --seed) pass+=("$1" "$2") ;;
                --rounds) rounds=$2 ;;
                --results) results=$2 ;;
                --build) build=$(cd "$2" && pwd) || exit 2 ;;
                --docs) docs=$2 ;;
            esac
            shift
            ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift
done
case $rounds in *[!0-9]* | '' | 0) usage >&2 && exit 2 ;; esac

work=$(mktemp -d "${TMPDIR:-/tmp}/seamq-bench.XXXXXX") || exit 1
child=''
finish()
{
    local code=$?
    trap - EXIT
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

report()
{
    machine_facts "$before_load" "three of them, seamqd and the publisher on this machine"
    echo "- Command: \`$command_line\`; p50 / worst"
    echo
    awk -f "$here/recovery/table.awk" "$work/results"
    echo
}

program=$build/bench/bench_recovery
[ -x "$program" ] || die "$program is not there: its harness needs cmocka (make test installs it)"
read -r before_load _ </proc/loadavg
[ -z "$results" ] || [ ! -e "$results" ] || cat "$results" >"$work/results"
"$program" --rounds "$rounds" "${pass[@]}" >>"$work/results" &
child=$!
wait "$child"
code=$?
child=''
[ -z "$results" ] || cp "$work/results" "$results"
[ $code = 0 ] || die "$program has failed"
report >"$work/table"
cat "$work/table"
if [ "$docs" != - ]; then
    put_between_markers recovery "$work/table" "$docs"
    say "$docs updated"
fi
