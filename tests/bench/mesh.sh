#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures private meshes on loopback: time until ready, consumption of a domain from its own and from the other side, loss of a
# whole cluster. docs/benchmarks.md describes each measurement; `mesh.sh --help` lists the options. Exit status: 0 success;
# 1 a measurement failed; 2 usage.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"

usage()
{
    cat <<'END'
usage: mesh.sh [options]

  --rounds N   of each figure (7)
  --count N    messages of each run of the comparison (100000)
  --build DIR  the build to measure (build)
  --docs FILE  puts the table between the markers there (docs/benchmarks.md); - for nowhere, the default
END
}

command_line="tests/bench/mesh.sh${*:+ $*}"
rounds=7 count=100000 build=$root/build docs=-
while [ $# -gt 0 ]; do
    case $1 in
        --help) usage && exit 0 ;;
        --rounds | --count | --build | --docs)
            [ $# -ge 2 ] || { usage >&2 && exit 2; }
            case $1 in
                --rounds) rounds=$2 ;;
                --count) count=$2 ;;
                --build) build=$(cd "$2" && pwd) || exit 2 ;;
                --docs) docs=$2 ;;
            esac
            shift
            ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift
done
case $rounds$count in *[!0-9]* | '') usage >&2 && exit 2 ;; esac

work=$(mktemp -d "${TMPDIR:-/tmp}/seamq-bench.XXXXXX") || exit 1
child=''
finish()
{
    local code=$?
    trap - EXIT
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
    "$root/infra/nats/local-mesh" down --dir "$work/mesh" >/dev/null 2>&1
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mesh_up()
{
    local variables
    variables=$("$root/infra/nats/local-mesh" up --private "$work/mesh" --owner $$ 2>"$work/up") ||
        die "no mesh: $(tail -n 1 "$work/up")"
    eval "$variables"
}
mesh_down() { "$root/infra/nats/local-mesh" down --dir "$work/mesh" 2>/dev/null; }

# --- measurements ---------------------------------------------------------------------------------------------------

# Measures with new stores from the start of the first process until local-mesh reports all six nodes ready.
up()
{
    local round
    for ((round = 1; round <= rounds; round++)); do
        mesh_up
        sed -n 's/.*mesh is up in \([0-9.]*\) s.*/\1/p' "$work/up" >>"$work/up.seconds"
        say "up: round $round: $(tail -n 1 "$work/up.seconds") s"
        mesh_down
    done
}

# drain WHERE URL: messages a second of a seamqd that consumes sea-a through the servers at URL, measured at sea-a's servers.
drain()
{
    "$build/bench/bench_drain" --url "$E2E_NATS_A_URL" --stream SEA_A_BENCH --durable "$1" --log "$work/log" -- \
        "$build/bin/seamqd" --plugin-dir "$build/bench/plugins/noop" seamqd.admin=127.0.0.1:0 seamqd.log_level=warn \
        "cluster.sea-a.urls=$2" cluster.sea-a.domain=sea-a handler.noop.clusters=sea-a handler.noop.stream=SEA_A_BENCH \
        "handler.noop.durable=$1" handler.noop.create=never handler.noop.dead_letter=off >"$work/out" 2>"$work/err" &
    child=$!
    wait "$child" || die "$1: $(tail -n 1 "$work/err") $(tail -n 2 "$work/log")"
    child=''
    sed -n 's/.*rate=\([0-9]*\).*/\1/p' "$work/out"
}

# Each pair is measured directly one after the other; the first of a pair alternates.
across()
{
    local round local_rate across_rate
    mesh_up
    "$build/bench/bench_publish" --url "$E2E_NATS_A_URL" --stream SEA_A_BENCH --replicas 3 --count "$count" >/dev/null ||
        die "cannot fill a stream"
    drain first "$E2E_NATS_A_URL" >/dev/null # not counted: the servers' caches are cold for the first reader
    for ((round = 1; round <= rounds; round++)); do
        if [ $((round % 2)) = 1 ]; then
            local_rate=$(drain local "$E2E_NATS_A_URL") && across_rate=$(drain across "$E2E_NATS_B_URL")
        else
            across_rate=$(drain across "$E2E_NATS_B_URL") && local_rate=$(drain local "$E2E_NATS_A_URL")
        fi || exit 1
        echo "$local_rate" >>"$work/local"
        echo "$across_rate" >>"$work/across"
        awk "BEGIN { printf \"%.3f\\n\", $across_rate / $local_rate }" >>"$work/ratio"
        say "across: round $round: at home $local_rate/s, from the other side $across_rate/s"
    done
    mesh_down
}

failover()
{
    local round
    if [ ! -x "$build/tests/e2e-worker_federation" ]; then
        say "failover: not measured: the test programs are not built (make test installs cmocka)"
        return
    fi
    for ((round = 1; round <= rounds; round++)); do
        mesh_up
        "$build/tests/e2e-worker_federation" failover >"$work/out" 2>&1 || die "failover: $(grep -m 1 ERROR "$work/out")"
        sed -n 's/^failover: .*elsewhere \([0-9.]*\) s.*/\1/p' "$work/out" >>"$work/failover.seconds"
        say "failover: round $round: $(tail -n 1 "$work/failover.seconds") s"
        mesh_down
    done
}

# --- the report -------------------------------------------------------------------------------------------------------

# row WHAT UNIT FILE TARGET: prints median and range of the numbers in the file.
row()
{
    [ -e "$work/$3" ] || { echo "| $1 | | not measured | $4 |" && return; }
    sort -n "$work/$3" | awk -v what="$1" -v unit="$2" -v target="$4" '
        { v[NR] = $1 }
        END {
            median = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
            form = unit == "" ? "%d" : "%.2f"
            printf "| %s | " form "%s | " form " to " form ", %d rounds | %s |\n", what, median, unit, v[1], v[NR], NR, target
        }'
}

report()
{
    machine_facts "$before_load" "six of them on this machine"
    cat <<END
- Command: \`$command_line\`, $count messages of 128 B, R3 on file

| What | Median | Range | Target |
| --- | ---: | --- | --- |
END
    row "mesh up to ready, fresh stores" " s" up.seconds "under 10 s"
    row "consuming the other domain, against one's own" "x" ratio ""
    row "messages a second, one's own domain" "" local ""
    row "messages a second, the other domain" "" across ""
    row "a whole cluster killed, to the first message handled elsewhere" " s" failover.seconds "under 2 s"
    echo
}

for program in bench/bench_drain bench/bench_publish bin/seamqd; do
    [ -x "$build/$program" ] || die "$build/$program is not there: run make build"
done
read -r before_load _ </proc/loadavg
up
across
failover
report >"$work/table"
cat "$work/table"
if [ "$docs" != - ]; then
    put_between_markers mesh "$work/table" "$docs"
    say "$docs updated"
fi
