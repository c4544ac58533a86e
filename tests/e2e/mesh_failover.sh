#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mesh_failover.sh SEAMQ SEAMQD LOG.SO: after the whole home cluster was lost, a handler continues with the mirror of its stream,
# at the position of its consumer.
# shellcheck disable=SC2016,SC2317 # subjects begin with $; what traps call
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seamq=$1 seamqd=$2 plugin=$3 worker=''
# shellcheck source=tests/e2e/mesh_cli.sh
. "$root/tests/e2e/mesh_cli.sh"

clean_up()
{
    [ -z "$worker" ] || kill -KILL "$worker" 2>/dev/null || true
    mesh down
}
at_end=clean_up

# until_true WHAT COMMAND...: repeats the command until it succeeds.
until_true()
{
    local until=$((SECONDS + 60))
    checks=$((checks + 1))
    while ! "${@:2}"; do
        [ $SECONDS -lt $until ] || { fail "never: $1" && return 0; }
        sleep 0.1
    done
}

# work KEY=VALUE...: starts seamqd with the log handler as `orders` and an empty log file.
work()
{
    : >"$scratch/log"
    "$seamqd" --plugin-dir "$scratch/plugins" seamqd.admin=off seamqd.log_format=text handler.orders.plugin=log \
        handler.orders.dead_letter=off "$@" >"$scratch/log" 2>&1 &
    worker=$!
}

rest()
{
    kill -TERM "$worker"
    wait "$worker" || fail "seamqd ends with $?"
    worker=''
}

publish() { until_true "order $1 is stored" request "$E2E_NATS_A_URL" "a.orders.$1" "$1"; }
handled() { [ "$(grep -c 'subject=a\.orders\.' "$scratch/log")" -ge "$1" ]; }
copied() { request "$E2E_NATS_B_URL" '$JS.API.STREAM.INFO.SEA_B_COPY' && [[ $answer == *'"last_seq":'"$1,"* ]]; }
settled()
{
    "$seamq" mesh status --json >"$scratch/status.json" 2>/dev/null && grep -q "\"floor\":$1[,}]" "$scratch/status.json"
}
failover() { "$seamq" mesh failover orders --to sea-b "$@" handler.orders.clusters=sea-a handler.orders.stream=SEA_A_ORDERS; }

mkdir "$scratch/plugins"
cp "$plugin" "$scratch/plugins/log.so"
"$root/infra/nats/local-mesh" up --private "$scratch/mesh" --owner $$ --server "$server" >/dev/null
configure "$scratch/mesh"
add_stream A SEA_A_ORDERS '"subjects":["a.orders.>"]'
add_stream B SEA_B_COPY '"mirror":{"name":"SEA_A_ORDERS","external":{"api":"$JS.sea-a.API"}}'
for n in 1 2 3 4 5; do publish $n; done
work handler.orders.clusters=sea-a handler.orders.stream=SEA_A_ORDERS
until_true "five orders are handled at home" handled 5
until_true "five orders are settled at home" settled 5
rest
for n in 6 7 8; do publish $n; done
until_true "eight orders are copied" copied 8

expect 0 'up to sequence 8: 3 to handle, from sequence 6 on' "a plan while home is alive" failover
for n in 1 2 3; do mesh kill sea-a-$n; done
expect 1 'cannot read the position of consumer' "no position" failover
expect 2 'is the home of handler orders' "to where it is" failover --to sea-a
expect 2 'is not output of `seamq mesh status --json`' "another file" failover --status /dev/stdin <<<'{}'
expect 0 'nothing was changed' "a plan" failover --status "$scratch/status.json"
expect 0 '"start":6,' "a plan as JSON" failover --status "$scratch/status.json" --json
expect 0 'created on cluster sea-b' "one acknowledgement for many" failover --status "$scratch/status.json" --apply handler.orders.ack=cumulative \
    handler.orders.exclusive=yes
request "$E2E_NATS_B_URL" '$JS.API.CONSUMER.INFO.SEA_B_COPY.orders'
case $answer in *'"ack_policy":"all"'*) ;; *) fail "the ack policy of the handler: $answer" ;; esac
request "$E2E_NATS_B_URL" '$JS.API.CONSUMER.DELETE.SEA_B_COPY.orders'
expect 0 'stream.sea-b = SEA_B_COPY' "the failover" failover --status "$scratch/status.json" --apply
expect 1 'SEA_B_COPY/orders already exists' "the failover twice" failover --status "$scratch/status.json" --apply
work handler.orders.clusters=sea-b handler.orders.stream.sea-b=SEA_B_COPY handler.orders.create=never
until_true "the rest is handled on the mirror" handled 3
rest
for n in 6 7 8; do
    grep -q "subject=a\.orders\.$n " "$scratch/log" || fail "order $n is not handled on the mirror"
done
! grep -q 'subject=a\.orders\.[1-5] ' "$scratch/log" || fail "an order that home had settled is handled again"
finish
