#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests infra/nats/local-mesh: it starts the nodes, ends only processes that it started, and keeps streams from cluster to mesh.
# shellcheck disable=SC2317 # functions are called through expect
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
need_server
bystander=''
clean_up()
{
    mesh down >/dev/null 2>&1
    [ -z "$bystander" ] || kill "$bystander"
}
at_end=clean_up

up() { "$root/infra/nats/local-mesh" up --private "$scratch/mesh" --server "$server" --owner $$ "$@"; }

client_port() { mesh status --json | sed -n "s/.*\"node\":\"$1\".*\"client\":\"127.0.0.1:\([0-9]*\)\".*/\1/p"; }
pid() { mesh status --json | sed -n "s/.*\"node\":\"$1\",\"pid\":\([0-9]*\).*/\1/p"; }

# monitor NODE: prints the address of the node's monitoring port.
monitor()
{
    local letter=${1#sea-}
    letter=${letter%-*}
    mesh env | sed -n "s/.*_${letter^^}_MONITOR_URLS='\(.*\)'/\1/p" | cut -d ' ' -f "${1##*-}" | sed 's,http://,,'
}

# health NODE SHAPE: runs the health check that a container of the node would run.
health()
{
    local address remote=sea-b
    address=$(monitor "$1")
    [[ $1 != sea-b-* ]] || remote=sea-a
    NATS_SHAPE=$2 NATS_SERVER_NAME=$1 NATS_HTTP=$address NATS_GATEWAYS=$remote=x:1 sh "$root/infra/nats/ready.sh"
}

# healthy SHAPE NODE...: waits until each node is healthy, because an election may still run.
healthy()
{
    local shape=$1 until=$((SECONDS + 20)) node
    shift
    for node in "$@"; do
        until health "$node" "$shape" >"$scratch/health"; do
            [ "$SECONDS" -lt "$until" ] || { echo "$node: $(cat "$scratch/health")" && return 1; }
            sleep 0.1
        done
    done
}

a_cluster_comes_up()
{
    expect 0 'cluster is up in' 'up --shape cluster' up --shape cluster
    expect 0 '3 of 3 ready (cluster' status mesh status
    expect 0 '' 'the health of a cluster' healthy cluster sea-a-{1..3}
    expect 1 'no outbound gateway to sea-b' 'the health of a mesh without its other half' health sea-a-1 mesh
    expect 0 'cluster is already up' 'a second up' up
    expect 1 'cluster is up in' 'another shape while it is up' up --shape mesh
    expect 0 '"name":"KEPT"' 'a stream' request "$(client_port sea-a-1)" "\$JS.API.STREAM.CREATE.KEPT" \
        '{"name":"KEPT","subjects":["kept"],"num_replicas":3,"storage":"file","retention":"limits"}' '"name":"KEPT"'
    expect 0 '"seq":1' 'a message' request "$(client_port sea-a-1)" kept hello '"seq":1'
}

a_node_is_killed_and_started()
{
    local was
    was=$(pid sea-a-3)
    expect 0 '' 'kill a node' mesh kill sea-a-3
    [ ! -e "/proc/$was" ] || grep -q '^State:.Z' "/proc/$was/status" || fail "sea-a-3 still runs"
    expect 1 'does not run' 'status without it' mesh status
    expect 1 'not ready: nats-server says so, or does not answer' 'the health of the dead' health sea-a-3 cluster
    expect 0 '' 'the health of the others' healthy cluster sea-a-{1,2}
    expect 0 'sea-a-3 does not run' 'kill it again' mesh kill sea-a-3
    expect 0 '' 'start it' mesh start sea-a-3
    expect 0 'sea-a-3 ready after' 'wait for it' mesh wait
    expect 0 '' 'stop one' mesh kill sea-a-2 STOP
    expect 1 'does not answer yet' 'status of a stopped one' mesh status
    expect 0 '' 'go on' mesh kill sea-a-2 CONT
    expect 2 'which node?' 'no such node' mesh kill sea-x-1
}

# Ends the nodes directly, because `down` deletes the stores of a private mesh. (It keeps those of a user's mesh.)
the_cluster_grows_into_a_mesh()
{
    local node
    for node in sea-a-1 sea-a-2 sea-a-3; do mesh kill $node TERM; done
    expect 0 'mesh is up in' 'the same stores as a mesh' up --shape mesh
    expect 0 '6 of 6 ready (mesh' 'status as a mesh' mesh status
    expect 0 '' 'the health of a mesh' healthy mesh sea-{a,b}-{1..3}
    expect 0 '"messages":' 'the stream after growing' request "$(client_port sea-a-2)" "\$JS.API.STREAM.INFO.KEPT" '' '"messages":'
    expect 0 '"seq":1' 'its message after growing' request "$(client_port sea-a-2)" "\$JS.API.STREAM.MSG.GET.KEPT" '{"seq":1}' '"seq":1'
}

# The kernel has given the number in a pid file to another process.
a_bystander_is_left_alone()
{
    sleep 600 &
    bystander=$!
    mesh kill sea-b-3
    echo "$bystander 1" >"$scratch/mesh/sea-b-3/pid"
    expect 0 'removed' down mesh down
    kill -0 $bystander 2>/dev/null || fail "down has ended a process that is not its own"
    [ ! -e "$scratch/mesh" ] || fail "down has left $scratch/mesh"
    [ -z "$(pgrep -f "$scratch/mesh")" ] || fail "down has left $(pgrep -af "$scratch/mesh")"
    expect 0 'nothing is up' 'a second down' mesh down
}

# A private mesh ends with its owner, such as a test that is killed.
the_owner_dies()
{
    local until=$((SECONDS + 20))
    sleep 600 &
    "$root/infra/nats/local-mesh" up --private "$scratch/mesh" --server "$server" --shape single --owner $! \
        >"$scratch/out" 2>&1 || fail "single with an owner"
    kill $!
    while { [ -e "$scratch/mesh" ] || pgrep -f "$scratch/mesh" >/dev/null; } && [ $SECONDS -lt "$until" ]; do sleep 0.1; done
    [ ! -e "$scratch/mesh" ] || fail "nobody cleaned up after the owner"
    [ -z "$(pgrep -f "$scratch/mesh")" ] || fail "left running: $(pgrep -af "$scratch/mesh")"
}

# Requests that seamqd sends with create = missing are allowed, others are refused.
a_worker_makes_its_dead_letter_stream()
{
    local login=',"user":"worker","pass":"w"' port
    export NATS_WORKER_PASSWORD=w NATS_WORKER_INBOX=_INBOX NATS_WORKER_DEAD_LETTER=DLQ
    NATS_WORKER_CREATE=yes expect 0 'single is up in' 'a server with a worker that may create' up --shape single
    port=$(client_port sea-a-1)
    expect 0 '"created"' 'the stream made' request "$port" "\$JS.API.STREAM.CREATE.DLQ" \
        '{"name":"DLQ","subjects":["dlq.A.>"]}' '"created"'
    expect 0 'dlq.B.' 'a subject added' request "$port" "\$JS.sea-a.API.STREAM.UPDATE.DLQ" \
        '{"name":"DLQ","subjects":["dlq.A.>","dlq.B.>"]}' 'dlq.B.'
    expect 0 "Permissions Violation for Publish to \"\$JS.API.STREAM.CREATE.OTHER\"" 'another stream refused' \
        request "$port" "\$JS.API.STREAM.CREATE.OTHER" '{"name":"OTHER"}' Violation
    expect 0 'removed' down mesh down
    unset NATS_WORKER_PASSWORD NATS_WORKER_INBOX NATS_WORKER_DEAD_LETTER
}

what_is_wrong_is_said()
{
    expect 2 'which verb?' 'no verb' "$root/infra/nats/local-mesh"
    expect 2 '--shape is single, cluster or mesh' 'a wrong shape' up --shape ring
    expect 1 'nothing is set up' 'status of nothing' mesh status
    mkdir "$scratch/full" && : >"$scratch/full/file"
    expect 1 'is not empty' 'a directory with something in it' "$root/infra/nats/local-mesh" up --private "$scratch/full"
    expect 1 'start-nats: NATS_JS_MAX_MEM: "lots"' "the launcher's words" env NATS_JS_MAX_MEM=lots "$root/infra/nats/local-mesh" \
        up --private "$scratch/mesh" --server "$server" --shape single
    [ ! -e "$scratch/mesh" ] || fail "a failed private up has left $scratch/mesh"
}

a_cluster_comes_up
a_node_is_killed_and_started
the_cluster_grows_into_a_mesh
a_bystander_is_left_alone
the_owner_dies
a_worker_makes_its_dead_letter_stream
what_is_wrong_is_said
finish
