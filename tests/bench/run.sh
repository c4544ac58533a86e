#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares SeaMQ with two references on a private nats-server, and writes the table of docs/benchmarks.md, which describes
# each measurement. `run.sh --help` lists the options. Exit status: 0 success; 1 a measurement failed; 2 usage.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

usage()
{
    cat <<'END'
usage: run.sh [options]

  --quick        about 3 minutes: fewer rounds and messages, 10 s of idleness; docs/benchmarks.md stays as it is
  --references   only the two references: needs no seamqd; docs/benchmarks.md stays as it is
  --only LIST    some of: throughput,stub,latency,start,idle,crash; docs/benchmarks.md stays as it is
  --rounds N     rounds of each comparison (7; 3 if quick)
  --build DIR    the build to measure (build)
  --docs FILE    where the table goes, between its markers; - for nowhere (docs/benchmarks.md after a full run)
  --results FILE keep the raw results of each single run
  --keep         keep the temporary directory: logs, raw results

Environment:
  SEAMQ_NATS_SERVER  the nats-server to use, as for the tests
  TMPDIR             where the server stores its file streams
END
}

# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"

# --- options --------------------------------------------------------------------------------------------------------

command_line="tests/bench/run.sh${*:+ $*}"
parts=throughput,stub,latency,start,idle,crash
rounds='' build=$root/build docs=default results='' quick=no references=no keep=no whole=yes
while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=yes whole=no ;;
        --references) references=yes whole=no parts=throughput,stub,latency ;;
        --keep) keep=yes ;;
        --help)
            usage
            exit 0
            ;;
        --only | --rounds | --build | --docs | --results)
            if [ $# -lt 2 ]; then
                usage >&2
                exit 2
            fi
            case $1 in
                --only) parts=$2 whole=no ;;
                --rounds) rounds=$2 ;;
                --build) build=$(cd "$2" && pwd) || exit 2 ;;
                --docs) docs=$2 ;;
                --results) results=$2 ;;
            esac
            shift
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    shift
done
if [ -z "$rounds" ]; then
    if [ $quick = yes ]; then rounds=3; else rounds=7; fi
fi
case $rounds in '' | 0 | *[!0-9]*)
    usage >&2
    exit 2
    ;;
esac
if [ "$docs" = default ]; then
    docs=-
    if [ $whole = yes ] && [ "$rounds" -ge 5 ]; then docs=$root/docs/benchmarks.md; fi
fi

sizes=(16 128 1024)
counts=(600000 600000 600000) # each run takes about 2 s or more
stub_count=3000000 latency_count=1000 starts=20 idle_seconds=60 crashes=20 crash_interval=1000
if [ $quick = yes ]; then
    counts=(200000 200000 100000)
    stub_count=1000000 latency_count=400 starts=10 idle_seconds=10 crash_interval=500
fi

# Removes the caller's variables of seamqd and NATS clients, so they do not affect the measurement.
server_program=${SEAMQ_NATS_SERVER:-$root/.deps/bin/nats-server}
for name in $(compgen -e); do
    case $name in SEAMQ_* | NATS_*) unset "$name" ;; esac
done
ulimit -c 0

# --- clean up: only what this script started ---------------------------------------------------------------------------

work='' server='' child=''
finish()
{
    local code=$?
    trap - EXIT
    for pid in $child $server; do
        if kill -TERM "$pid" 2>/dev/null; then wait "$pid" 2>/dev/null; fi
    done
    if [ -n "$work" ]; then
        if [ -n "$results" ] && [ -f "$work/results" ]; then cp "$work/results" "$results"; fi
        if [ $keep = yes ]; then say "kept: $work"; else rm -rf "$work"; fi
    fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- the private server ---------------------------------------------------------------------------------------------

bench=$build/bench bin=$build/bin
for program in bench_fetch bench_raw bench_publish bench_drain bench_latency bench_process stub_server; do
    [ -x "$bench/$program" ] || die "$bench/$program is not there: run make build"
done
if [ $references = no ]; then
    for program in seamqd seamq-worker; do
        [ -x "$bin/$program" ] || die "$bin/$program is not there: run make build, or give --references"
    done
fi
[ -x "$server_program" ] || die "$server_program is not there: run infra/bootstrap/bootstrap.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/seamq-bench.XXXXXX") || exit 1
mkdir "$work/js" "$work/log"
: >"$work/results"

start_server()
{
    cat >"$work/server.conf" <<END
host: 127.0.0.1
port: -1
jetstream { store_dir: "$work/js", max_mem: 2G, max_file: 8G }
END
    "$server_program" -c "$work/server.conf" --ports_file_dir "$work" >"$work/log/nats-server" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        url=$(sed -n 's/.*"nats":\["\([^"]*\)".*/\1/p' "$work"/*.ports 2>/dev/null)
        if [ -n "$url" ] && "$bench/bench_publish" --url "$url" --stream NONE --storage delete 2>/dev/null; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    die "nats-server did not start: $(tail -n 3 "$work/log/nats-server")"
}

# --- one measurement ------------------------------------------------------------------------------------------------

failed_runs=0

# measure SECONDS LABELS PROGRAM...: runs the program for at most SECONDS, and keeps each output line with the labels before it.
measure()
{
    local limit=$1 labels=$2 log=$work/log/last
    shift 2
    timeout --kill-after=20 "$limit" "$@" >"$work/out" 2>"$log" &
    child=$!
    if wait "$child"; then
        child=''
        sed "s|^|$labels |" "$work/out" >>"$work/results"
        say "$labels $(tr '\n' ';' <"$work/out")"
        return
    fi
    child=''
    failed_runs=$((failed_runs + 1))
    echo "$labels failed=1" >>"$work/results"
    say "FAILED: $labels: $(tail -n 1 "$log")"
    if [ -f "$work/log/command" ]; then tail -n 5 "$work/log/command" >&2; fi
}

# daemon PROGRAM URL HANDLER STREAM DURABLE [KEY=VALUE...]: sets $command.
daemon()
{
    local program=$1 address=$2 handler=$3 stream=$4 durable=$5
    shift 5
    command=("$bin/$program" --plugin-dir "$bench/plugins/$handler" seamqd.admin=127.0.0.1:0 seamqd.log_level=warn
        "cluster.default.urls=$address" "handler.$handler.stream=$stream" "handler.$handler.durable=$durable"
        "handler.$handler.create=never" "handler.$handler.dead_letter=off" "${@/#/handler.$handler.}")
}

# candidate WHO URL STREAM DURABLE COUNT: sets $command.
candidate()
{
    case $1 in
        seamqd | seamqd-direct) daemon "$1" "$2" noop "$3" "$4" ;;
        seamqd-cumulative) daemon seamqd "$2" noop "$3" "$4" ack=cumulative exclusive=yes ;;
        *) command=("$bench/bench_$1" --url "$2" --stream "$3" --durable "$4" --count "$5") ;;
    esac
}

if [ $references = yes ]; then candidates=(fetch raw); else candidates=(seamqd fetch raw); fi
if [ $references = no ] && [ -x "$bin/seamqd-direct" ]; then candidates+=(seamqd-direct); fi

# in_turn ROUND WHO...: prints the candidates; each round starts with another one.
in_turn()
{
    local round=$1 i
    shift
    for ((i = 0; i < $#; i++)); do echo "${@:(round + i) % $# + 1:1}"; done
}

# --- measurements ---------------------------------------------------------------------------------------------------

throughput()
{
    local storage i size count round who policy cumulative=()
    if [ $references = no ]; then cumulative=(seamqd-cumulative); fi
    for storage in file memory; do
        for i in "${!sizes[@]}"; do
            size=${sizes[i]} count=${counts[i]}
            say "throughput: $storage, $size bytes: filling with $count messages"
            timeout 120 "$bench/bench_publish" --url "$url" --stream FILL --storage "$storage" --count "$count" --size "$size" \
                >/dev/null || die "cannot fill a $storage stream"
            # Not counted: the server's heap and caches are cold for the first reader after a fill.
            timeout 100 "$bench/bench_drain" --url "$url" --stream FILL --log /dev/null -- \
                "$bench/bench_raw" --url "$url" --stream FILL --durable drain --count "$count" >/dev/null ||
                die "cannot drain a $storage stream"
            for ((round = 1; round <= rounds; round++)); do
                for who in $(in_turn "$round" "${candidates[@]}" "${cumulative[@]}"); do
                    candidate "$who" "$url" FILL drain "$count"
                    if [ "$who" = seamqd-cumulative ]; then policy=all; else policy=explicit; fi
                    rm -f "$work/log/command"
                    measure 100 "part=throughput storage=$storage size=$size round=$round who=$who" \
                        "$bench/bench_drain" --url "$url" --stream FILL --ack-policy $policy --log "$work/log/command" \
                        -- "${command[@]}"
                done
            done
        done
    done
    timeout 60 "$bench/bench_publish" --url "$url" --stream FILL --storage delete
}

stub()
{
    local round who
    for ((round = 1; round <= rounds; round++)); do
        for who in $(in_turn "$round" "${candidates[@]}"); do
            candidate "$who" %URL% STUB drain "$stub_count"
            rm -f "$work/log/command"
            measure 100 "part=stub size=128 round=$round who=$who" \
                "$bench/stub_server" --count "$stub_count" --log "$work/log/command" -- "${command[@]}"
        done
    done
}

# One message at a time; both candidates wait for the server's confirmation of each acknowledgement.
latency()
{
    local round who
    for ((round = 1; round <= rounds; round++)); do
        for who in $(in_turn "$round" "${candidates[@]}"); do
            case $who in
                fetch) command=("$bench/bench_fetch" --url "$url" --stream LATENCY --durable latency --batch 1 --confirmed) ;;
                raw) continue ;;
                *) daemon "$who" "$url" noop LATENCY latency ack=confirmed ;;
            esac
            rm -f "$work/log/command"
            measure 60 "part=latency round=$round who=$who" \
                "$bench/bench_latency" --url "$url" --stream LATENCY --count "$latency_count" --log "$work/log/command" \
                -- "${command[@]}"
        done
    done
}

# process MEASURE SECONDS ARGS...: runs the daemon with the handler that writes time stamps.
process()
{
    local what=$1 limit=$2
    shift 2
    rm -f "$work/log/command"
    daemon seamqd "$url" stamp PROCESS process "option.file=$work/stamps"
    measure "$limit" "part=$what" "$bench/bench_process" --measure "$what" --url "$url" --stream PROCESS \
        --stamps "$work/stamps" --log "$work/log/command" "$@" -- "${command[@]}"
}

start() { process start 120 --rounds "$starts"; }
idle() { process idle $((idle_seconds + 60)) --seconds "$idle_seconds"; }
crash() { process crash $((crashes * crash_interval / 1000 + 60)) --rounds "$crashes" --interval "$crash_interval"; }

# --- load of the machine by other processes ----------------------------------------------------------------------------

# Prints "BUSY STOLEN TOTAL" in ticks since boot.
machine_ticks() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8, $9, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9; exit }' /proc/stat; }

# All processes of this script have ended, so `times` has their CPU time; the rest was used by other processes.
foreign_load()
{
    echo "$ticks_before $(machine_ticks)" | awk -v hz="$(getconf CLK_TCK)" '
        FNR == NR { split($1, u, /[ms]/); split($2, s, /[ms]/); own += (u[1] + s[1]) * 60 + u[2] + s[2]; next }
        {
            total = $6 - $3
            printf "other processes used %.1f %% of the machine, the hypervisor took %.1f %%\n",
                100 * ($4 - $1 - own * hz) / total, 100 * ($5 - $2) / total
        }' "$work/times" -
}

# --- the report -----------------------------------------------------------------------------------------------------

describe()
{
    local cpu commit type
    type=$(sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' "$build/CMakeCache.txt" 2>/dev/null)
    cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
    commit=$(git -C "$root" describe --always --dirty 2>/dev/null || echo "no commit")
    echo "date=$(date -u '+%Y-%m-%d %H:%M') UTC"
    echo "machine=${cpu:-unknown processor} ($(uname -m)), $(nproc) cores, Linux $(uname -r), load $before_load before"
    echo "busy=$1"
    echo "versions=seamq $commit (${type:-unknown} build), $version, nats.c $("$bench/bench_fetch" --version)"
    echo "storage=file streams on $file_system"
    echo "command=$command_line"
    echo "rounds=$rounds"
    echo "idle_seconds=$idle_seconds"
    echo "direct=$([ -x "$bin/seamqd-direct" ] && echo yes || echo no)"
}

read -r before_load _ </proc/loadavg
ticks_before=$(machine_ticks)
began=$(date +%s)
start_server
say "server at $url, logs in $work/log, candidates: ${candidates[*]}"
for part in ${parts//,/ }; do
    case $part in
        throughput | stub | latency | start | idle | crash)
            say "--- $part ($(($(date +%s) - began)) s so far)"
            "$part"
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
done
version=$("$server_program" --version | sed 's/: v/ /')
file_system=$(stat -f -c %T "$work/js")
kill -TERM "$server" && wait "$server"
server=''
times >"$work/times" # not in a subshell, because that would have no children
describe "$(foreign_load)" >"$work/facts"
awk -f "$here/report.awk" "$work/facts" "$work/results" >"$work/table" || die "report.awk failed"
cat "$work/table"
if [ "$docs" != - ]; then
    put_between_markers bench "$work/table" "$docs"
    say "$docs updated"
fi
say "done in $(($(date +%s) - began)) s, $failed_runs failed"
if [ $failed_runs -gt 0 ]; then exit 1; fi
