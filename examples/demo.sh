#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A demo: the example handler `route` handles 10,000 orders of a private nats-server, which is removed
# afterwards.  Exit status 0 only if the server reports that every order was settled.
#
#   examples/demo.sh [MESSAGES]      what `make demo` runs, after it has built everything
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

messages=${1:-10000}
build=${SEAMQ_DEMO_BUILD:-build}
server=${SEAMQ_NATS_SERVER:-.deps/bin/nats-server}
client=$build/examples/demo-client
seamqd=$build/bin/seamqd
plugins=$build/examples/route

dir='' server_pid='' seamqd_pid='' url='' port='' page=''
num_pending=-1 num_ack_pending=-1 accepted=-1 review=-1 dead=-1 # the latest answer of the server

say() { printf '%s\n' "$*"; }

die() {
    printf 'demo: %s\n' "$*" >&2
    if [[ -n $dir && -s $dir/seamqd.log ]]; then
        printf 'demo: the last lines of seamqd:\n' >&2
        tail -n 12 "$dir/seamqd.log" >&2
    fi
    exit 1
}

# Stops all started processes and deletes all files, also after an error.
clean_up() {
    local status=$?
    trap - EXIT INT TERM HUP
    for pid in $seamqd_pid $server_pid; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in $seamqd_pid $server_pid; do
        wait_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    [[ -z $dir ]] || rm -rf "$dir"
    exit "$status"
}

running() { kill -0 "$1" 2>/dev/null; }

now_ms() { local t=${EPOCHREALTIME/[^0-9]/}; printf '%s' "${t%???}"; }

# wait_gone PID: up to 10 s.
wait_gone() {
    local until=$(($(now_ms) + 10000))
    while running "$1"; do
        (($(now_ms) < until)) || return 1
        sleep 0.05
    done
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local until=$(($(now_ms) + $1 * 1000)) what=$2
    shift 2
    until "$@"; do
        (($(now_ms) < until)) || die "$what"
        [[ -z $server_pid ]] || running "$server_pid" || die "nats-server ended: $(tail -n 3 "$dir/nats.log")"
        [[ -z $seamqd_pid ]] || running "$seamqd_pid" || die 'seamqd ended'
        sleep 0.03
    done
}

server_url() {
    local file
    file=$(compgen -G "$dir/*.ports") || return 1
    url=$(sed -n 's/.*"\(nats:\/\/[^"]*\)".*/\1/p' "$file" | head -n 1)
    [[ -n $url ]]
}

# seamqd chooses a free admin port and logs it.
admin_port() {
    port=$(sed -n 's/.*"event":"ready".*"admin_port":"\{0,1\}\([0-9]*\).*/\1/p' "$dir/seamqd.log" | head -n 1)
    [[ -n $port ]]
}

# Fetches the metrics page without curl.
metrics() {
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    cat <&3
    exec 3<&- 3>&-
} 2>/dev/null

# metric NAME [LABEL]: the sum of its samples in $page.
metric() {
    awk -v name="$1" -v label="${2:-}" '
        ($1 == name || index($1, name "{") == 1) && (label == "" || index($1, label)) { sum += $2 }
        END { printf "%d", sum }' <<<"$page"
}

show_progress() {
    local width=40 filled bar
    filled=$((settled * width / messages))
    printf -v bar '%*s' "$filled" ''
    printf '\r  [%-*s] %d of %d ' "$width" "${bar// /#}" "$settled" "$messages"
}

# Kills a worker process once, to show that its messages are delivered again.
kill_worker() {
    local children pid
    children=$(cat "/proc/$seamqd_pid/task/$seamqd_pid/children" 2>/dev/null) || return 0
    for pid in $children; do
        if kill -KILL "$pid" 2>/dev/null; then
            killed=1
            return 0
        fi
    done
}

server_status() {
    "$client" "$url" status >"$dir/status" || die 'nats-server does not answer'
    # shellcheck source=/dev/null
    . "$dir/status"
}

follow() {
    local until=$(($(now_ms) + 120000)) quarter=0 late=0
    settled=0 killed=0
    while ((settled < messages)); do
        page=$(metrics) || page=''
        settled=$(metric seamq_messages_processed_total)
        if ((killed == 0 && settled > messages / 4)); then
            kill_worker
        fi
        # Create the stream for the large orders only now; earlier ones have waited for it.
        if ((late == 0 && settled > messages / 2)); then
            "$client" "$url" review
            late=1
        fi
        if [[ -t 1 ]]; then
            show_progress
        elif ((settled * 4 / messages > quarter)); then
            quarter=$((settled * 4 / messages))
            say "  $settled of $messages"
        fi
        running "$seamqd_pid" || die 'seamqd exited before all orders were settled'
        (($(now_ms) < until)) || die "only $settled of $messages orders were settled within two minutes"
        ((settled >= messages)) || sleep 0.03
    done
    [[ ! -t 1 ]] || printf '\n'
}

settled_on_server() {
    server_status
    ((num_pending == 0 && num_ack_pending == 0))
}

for program in "$seamqd" "$client" "$server"; do
    [[ -x $program ]] || die "$program does not exist: run \`make demo\`, which builds it"
done
[[ -f $plugins/route.so ]] || die "$plugins/route.so does not exist: run \`make demo\`, which builds it"
dir=$(mktemp -d "${TMPDIR:-/tmp}/seamq-demo-XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say "SeaMQ demo: $messages orders, a private nats-server, one handler (examples/route/route.c)."
say ''
say '1. nats-server with JetStream, on a free port of this machine only'
"$server" --addr 127.0.0.1 --port -1 --jetstream --store_dir "$dir/store" --ports_file_dir "$dir" \
    >"$dir/nats.log" 2>&1 </dev/null &
server_pid=$!
wait_for 15 'nats-server did not report its port within 15 s' server_url
"$client" "$url" prepare
say "   $url: streams ORDERS, ACCEPTED and DLQ created"

say "2. $messages orders published, each confirmed by the stream"
started=$(now_ms)
"$client" "$url" publish "$messages"
publish_ms=$(($(now_ms) - started))
say "   in $publish_ms ms; every 500th is invalid on purpose"

say "3. seamqd --plugin-dir $plugins handler.route.backoff=250ms"
started=$(now_ms)
env -i PATH="$PATH" HOME="${HOME:-/}" NATS_URL="$url" SEAMQ_ADMIN=127.0.0.1:0 SEAMQ_LOG_FORMAT=json \
    "$seamqd" --plugin-dir "$plugins" handler.route.backoff=250ms >"$dir/seamqd.out" 2>"$dir/seamqd.log" </dev/null &
seamqd_pid=$!
wait_for 20 'seamqd was not ready within 20 s' admin_port
follow
work_ms=$(($(now_ms) - started))
wait_for 15 'the server did not receive all acknowledgements within 15 s' settled_on_server
page=$(metrics) || die 'seamqd does not answer GET /metrics'
acknowledged=$(metric seamq_messages_processed_total 'outcome="ack"')
dead_letters=$(metric seamq_dead_letters_total)
kill -TERM "$seamqd_pid"
wait_gone "$seamqd_pid" || die 'seamqd did not exit within 10 s of SIGTERM'
wait "$seamqd_pid" || die "seamqd exited with status $?"
seamqd_pid=''

# The server decides: which orders are not settled, and which outputs are stored.
server_status
((work_ms > 0)) || work_ms=1
say ''
say 'What happened'
printf '  %-22s %8d\n' 'orders in' "$messages" 'acknowledged' "$acknowledged" \
    'dead-lettered' "$dead_letters" 'published on' $((accepted + review)) 'orders a second' $((messages * 1000 / work_ms))
say ''
say '  The invalid orders were dead-lettered: stream DLQ stores them, with the reason in a header.'
say '  Large orders had to wait, because their stream REVIEW was created half-way: an order is acknowledged only'
say '  after a stream has confirmed its output.'
if ((killed)); then
    say '  The worker process was killed with SIGKILL meanwhile: seamqd started another one at once.'
fi
say "  nats-server reports: $num_pending waiting, $num_ack_pending unacknowledged; ACCEPTED has $accepted, REVIEW $review, DLQ $dead."
((num_pending == 0 && num_ack_pending == 0)) || die 'not every order was settled'
((accepted + review + dead == messages)) ||
    die "$messages orders went in, but $accepted, $review and $dead came out"
say ''
say 'Try next'
printf '  %-59s %s\n' \
    "$seamqd --dev --plugin-dir $build/examples/hello" 'your first handler is ten lines: examples/hello/hello.c' \
    "$seamqd --help" 'every option, each also by environment and ini file' \
    'make test' 'the same and more, under faults'
