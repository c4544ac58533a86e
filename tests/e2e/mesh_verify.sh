#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mesh_verify.sh SEAMQ: `seamq mesh status` and `seamq mesh verify` have no findings on a correct mesh; then they find streams
# that conflict, a stopped server, a stopped cluster, and a missing login.
# shellcheck disable=SC2016,SC2317 # subjects begin with $; what traps call
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seamq=$1
# shellcheck source=tests/e2e/mesh_cli.sh
. "$root/tests/e2e/mesh_cli.sh"
at_end='mesh down'

"$root/infra/nats/local-mesh" up --private "$scratch/mesh" --owner $$ --server "$server" >/dev/null
configure "$scratch/mesh"

holds() { expect 0 'everything holds' "$1" "$seamq" mesh verify --wait 60; }
status_shows() { expect 0 "$1" "mesh status" "$seamq" mesh status; }

a_mesh_that_is_right()
{
    holds "a fresh mesh"
    add_stream A SEA_A_ORDERS '"subjects":["a.orders.>"]'
    add_stream B SEA_B_ORDERS '"subjects":["b.orders.>"]'
    add_stream B SEA_B_COPY '"mirror":{"name":"SEA_A_ORDERS","external":{"api":"$JS.sea-a.API"}}'
    add_stream A SEA_A_ALL '"sources":[{"name":"SEA_A_ORDERS"},{"name":"SEA_B_ORDERS","external":{"api":"$JS.sea-b.API"}}]'
    request "$E2E_NATS_A_URL" '$JS.API.CONSUMER.DURABLE.CREATE.SEA_A_ORDERS.billing' \
        '{"stream_name":"SEA_A_ORDERS","config":{"durable_name":"billing","ack_policy":"explicit"}}'
    request "$E2E_NATS_A_URL" a.orders.1 one || fail "cannot publish to a.orders.1"
    holds "with streams, a mirror and sources"
    expect 0 '"holds":true' "as JSON" "$seamq" mesh verify --json
    status_shows 'SEA_B_COPY'
    expect 0 '"consumer":"billing"' "status as JSON" "$seamq" mesh status --json
    expect 2 "--nodes" "a wrong number" "$seamq" mesh verify --nodes three
    expect 1 'the meta group has 3 members, not 5' "other expectations" "$seamq" mesh verify --nodes 5
}

streams_in_each_others_way()
{
    add_stream A EVENTS '"subjects":["events.a.>"]'
    add_stream B EVENTS '"subjects":["events.b.>"]'
    finds 'sea-a/EVENTS, sea-b/EVENTS: domains sea-a and sea-b have a stream EVENTS each'
    request "$E2E_NATS_B_URL" '$JS.API.STREAM.DELETE.EVENTS'
    add_stream B SEA_B_EVENTS '"subjects":["events.*.new"]'
    finds 'sea-a/EVENTS, sea-b/SEA_B_EVENTS: events.a.> and events.*.new overlap in two domains'
    request "$E2E_NATS_B_URL" '$JS.API.STREAM.DELETE.SEA_B_EVENTS'
    add_stream B SEA_B_LOST '"mirror":{"name":"SEA_A_ORDERS","external":{"api":"$JS.sea-x.API"}}'
    finds 'sea-b/SEA_B_LOST: mirror of sea-x/SEA_A_ORDERS: no contact, never yet (active -1)'
    request "$E2E_NATS_B_URL" '$JS.API.STREAM.DELETE.SEA_B_LOST'
    holds "without them"
}

a_login_that_is_missing()
{
    sed -i '/^system_user = sys-sea-b/,+1d' "$SEAMQ_CONFIG"
    finds 'sea-b: its servers, meta group and gateways cannot be checked: no login to its system account is configured'
    status_shows 'no login to its system account'
    export SEAMQ_CLUSTER_SEA_B_SYSTEM_USER=app SEAMQ_CLUSTER_SEA_B_SYSTEM_PASSWORD=$E2E_NATS_APP_PASSWORD
    finds 'sea-b: its servers, meta group and gateways cannot be checked: no responders for $SYS.REQ.SERVER.PING'
    export SEAMQ_CLUSTER_SEA_B_SYSTEM_USER=sys-sea-b SEAMQ_CLUSTER_SEA_B_SYSTEM_PASSWORD=wrong
    finds 'sea-b: its servers, meta group and gateways cannot be checked: cluster sea-b: '
    unset SEAMQ_CLUSTER_SEA_B_SYSTEM_USER SEAMQ_CLUSTER_SEA_B_SYSTEM_PASSWORD
    configure "$scratch/mesh"
    holds "with the right login"
}

servers_that_are_gone()
{
    local lead
    replicas=1 add_stream A SEA_A_SINGLE '"subjects":["a.single.>"]'
    request "$E2E_NATS_A_URL" '$JS.API.STREAM.INFO.SEA_A_SINGLE'
    lead=${answer##*\"leader\":\"} lead=${lead%%\"*}
    mesh kill "$lead"
    finds 'sea-a/SEA_A_SINGLE: has no leader: it stores and delivers nothing' "$lead: does not answer"
    mesh start "$lead"
    holds "with $lead back"
    mesh kill sea-a-3
    finds 'sea-a-3: does not answer, and belongs to the meta group of sea-a' '2 of 3 replicas are current, not on sea-a-3'
    mesh start sea-a-3
    holds "with all servers back"
    mesh kill sea-b-1 && mesh kill sea-b-2 && mesh kill sea-b-3
    finds 'sea-b: no connection: ' 'sea-a-1, sea-a-2, sea-a-3: no outbound gateway to sea-b'
    status_shows 'sea-a-2'
    status_shows 'no server answers at'
    mesh start sea-b-1 && mesh start sea-b-2 && mesh start sea-b-3
    holds "with all clusters back"
}

a_mesh_that_is_right
streams_in_each_others_way
a_login_that_is_missing
servers_that_are_gone
finish
