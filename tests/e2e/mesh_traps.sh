#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mesh_traps.sh SEAMQ: `seamq mesh verify` names the mistake of meshes that have one mistake each. local-mesh starts them from
# a copy of infra/nats that has the mistake and no checks.
# shellcheck disable=SC2016,SC2317 # what is edited in are expressions, subjects begin with $; what traps call
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seamq=$1
# shellcheck source=tests/e2e/mesh_cli.sh
. "$root/tests/e2e/mesh_cli.sh"

take_down() { mesh down --purge; }
at_end=take_down

# spoil FILE SED: puts the mistake into the file; fails if the sed expression changes nothing.
spoil()
{
    local file=$scratch/infra/$1
    cp "$file" "$scratch/before"
    sed -i "$2" "$file"
    ! cmp -s "$file" "$scratch/before" || fail "the mistake does not fit $1: $2"
}

# fresh NAME: makes a copy to spoil, whose launcher checks nothing and does not wait until nodes are ready.
fresh()
{
    echo "-- $1"
    rm -rf "$scratch/infra"
    cp -r "$root/infra/nats" "$scratch/infra"
    spoil start-nats.sh 's/^    problems=.*/    :/'
    echo 'wait_ready() { :; }' >>"$scratch/infra/local/ready.sh"
}

# bring_up: starts the mesh with its mistake.
bring_up()
{
    "$scratch/infra/local-mesh" up --dir "$scratch/mesh" --ports free --owner $$ --server "$server" >"$scratch/up" 2>&1 ||
        fail "the mesh does not start: $(cat "$scratch/up")"
    configure "$scratch/mesh"
}

# Two traps have this mistake.
one_account() { spoil start-nats.sh 's/SYS_SEA_B}"/SYS_SEA_A}"/'; }

fresh "one system account for both clusters"
one_account
bring_up
export SEAMQ_CLUSTER_SEA_B_SYSTEM_USER=sys-sea-a
finds 'sea-a, sea-b: the clusters share the system account SYS_SEA_A' 'the meta group has 6 members, not 3'
take_down

fresh "one account and one domain: a supercluster as the documentation has it"
one_account
spoil start-nats.sh 's/NATS_DOMAIN:=$NATS_CLUSTER_NAME/NATS_DOMAIN:=sea-a/'
bring_up
export SEAMQ_CLUSTER_SEA_B_SYSTEM_USER=sys-sea-a SEAMQ_CLUSTER_SEA_B_DOMAIN=sea-a
finds 'is a server of another cluster' 'the clusters have the same domain sea-a' 'the meta group has 6 members, not 3'
add_stream A SEA_A_ORDERS '"subjects":["a.>"]'
finds 'sea-a/SEA_A_ORDERS: is stored on the servers of sea-'
take_down
unset SEAMQ_CLUSTER_SEA_B_SYSTEM_USER SEAMQ_CLUSTER_SEA_B_DOMAIN

fresh "three routes and three remote gateway URLs"
spoil local/nodes.sh 's/\[ "$other" = "$number" \] || routes/routes/'
spoil local/nodes.sh 's/"NATS_GATEWAYS=[^"]*"[^"]*"[^"]*"/"NATS_GATEWAYS=$(for other in 1 2 3; do echo "$remote=127.0.0.1:$(port "$remote-$other" gateway)"; done)"/'
bring_up
finds 'sea-b-3: JetStream has no meta leader' 'the meta group has 6 members, not 3'
take_down

fresh "no bridge"
spoil accounts.conf '/account: SYS_SEA_/d'
bring_up
finds 'sea-a: $JS.sea-b.API.INFO from its servers: no responders (503)' \
    'sea-b: $JS.sea-a.API.INFO from its servers: no responders (503)'
add_stream A SEA_A_ORDERS '"subjects":["a.>"]'
add_stream B SEA_B_COPY '"mirror":{"name":"SEA_A_ORDERS","external":{"api":"$JS.sea-a.API"}}'
finds 'sea-b/SEA_B_COPY: mirror of sea-a/SEA_A_ORDERS: no contact, never yet (active -1)'
take_down

fresh "no gateways"
spoil nats-server.conf 's/gateways: .*/gateways: []/'
bring_up
finds 'sea-a-1, sea-a-2, sea-a-3: no outbound gateway to sea-b'
finish
