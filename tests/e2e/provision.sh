#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# provision.sh SEAMQ: provisions streams and consumers of both domains of a mesh: twice, from two places at once, with a node
# down, with drifted streams, and with a mirror in the other domain. It kills a node, so it needs a local mesh.
# shellcheck disable=SC2317 # functions are called through expect
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export SEAMQ_BIN=$1
[ -n "${E2E_LOCAL_MESH:-}" ] || { echo "SKIP: it kills a node, so it runs on a local mesh only" && exit 77; }
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"

export NATS_USER=$E2E_NATS_APP_USER NATS_PASSWORD=$E2E_NATS_APP_PASSWORD
export SEAMQ_STREAM_DEFAULT_REPLICAS=3 SEAMQ_PROVISION_TIMEOUT=60s

# in_domain DOMAIN NAME=VALUE... -- ARGUMENT...: runs setup-streams.sh for that domain.
in_domain()
{
    local domain=$1 url=$E2E_NATS_A_URLS environment=()
    shift
    [ "$domain" = sea-a ] || url=$E2E_NATS_B_URLS
    while [ "$1" != -- ]; do environment+=("$1") && shift; done
    shift
    env NATS_URL="$url" NATS_JS_DOMAIN="$domain" "${environment[@]}" "$root/infra/nats/setup-streams.sh" "$@"
}

node() { "$root/infra/nats/local-mesh" "$1" --dir "$E2E_LOCAL_MESH" "${@:2}"; }

# publish SUBJECT: publishes to sea-a and expects a PubAck.
publish() { login=",\"user\":\"$NATS_USER\",\"pass\":\"$NATS_PASSWORD\"" request "${E2E_NATS_A_URL##*:}" "$1" hello '"seq":'; }

# messages DOMAIN STREAM COUNT: waits until the stream has COUNT messages.
messages()
{
    local until=$((SECONDS + 60)) url=$E2E_NATS_A_URLS
    [ "$1" = sea-a ] || url=$E2E_NATS_B_URLS
    until NATS_URL=$url NATS_JS_DOMAIN=$1 "$SEAMQ_BIN" stream ls --json 2>&1 | grep "\"name\":\"$2\"" |
        grep -q "\"messages\":$3,"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
    echo "$2 holds $3"
}

orders=(SEAMQ_STREAMS=SEA_A_ORDERS 'SEAMQ_STREAM_SEA_A_ORDERS_SUBJECTS=orders.a.>' SEAMQ_CONSUMERS=SEA_A_ORDERS/billing)

twice()
{
    expect 0 '2 created' 'provision sea-a' in_domain sea-a "${orders[@]}" --
    expect 0 '0 created, 0 updated, 2 unchanged' 'provision it again' in_domain sea-a "${orders[@]}" --
}

# Both runs provision the same domain, each through the servers of its own cluster.
from_two_places_at_once()
{
    local i names='' many=()
    for i in {1..20}; do names+=" SEA_A_P$i" many+=("SEAMQ_STREAM_SEA_A_P${i}_SUBJECTS=p$i.>"); done
    many+=("SEAMQ_STREAMS=$names" SEAMQ_CONSUMERS=SEA_A_P1/c)
    in_domain sea-a "${many[@]}" -- >"$scratch/first" 2>&1 &
    expect 0 'unchanged' 'from B' env NATS_URL="$E2E_NATS_B_URLS" NATS_JS_DOMAIN=sea-a "${many[@]}" \
        "$root/infra/nats/setup-streams.sh"
    wait $! || { fail 'from A at the same time' && sed 's/^/    /' "$scratch/first" >&2; }
    expect 0 '0 created, 0 updated, 21 unchanged' 'once more' in_domain sea-a "${many[@]}" --
}

copy=(SEAMQ_STREAMS=SEA_B_COPY SEAMQ_STREAM_SEA_B_COPY_MIRROR=SEA_A_ORDERS@sea-a)

a_mirror_in_the_other_domain()
{
    expect 0 'mirror SEA_A_ORDERS@sea-a' 'a mirror in sea-b' in_domain sea-b "${copy[@]}" --
    expect 0 '1 unchanged' 'again' in_domain sea-b "${copy[@]}" --
    expect 0 '"seq":' 'publish' publish orders.a.x
    expect 0 'SEA_B_COPY holds 1' 'it arrives' messages sea-b SEA_B_COPY 1
    expect 0 'domain sea-a of the same mesh has a stream of that name' 'one name in two domains' \
        in_domain sea-b "${copy[@]}" 'SEAMQ_STREAMS=SEA_B_COPY SEA_A_ORDERS' \
        'SEAMQ_STREAM_SEA_A_ORDERS_SUBJECTS=other.>' -- --dry-run
}

against_drifted_streams()
{
    expect 0 'max_age: none -> 1h' 'somebody changes it' in_domain sea-a "${orders[@]}" \
        SEAMQ_STREAM_SEA_A_ORDERS_MAX_AGE=1h --
    expect 0 'max_age: 1h -> none' 'it is mended' in_domain sea-a "${orders[@]}" --
    expect 0 '"seq":' 'publish' publish orders.a.y
    expect 0 'SEA_A_ORDERS holds 2' 'two are stored' messages sea-a SEA_A_ORDERS 2
    expect 1 '2 are stored, and the oldest would go' 'a limit below what is stored' in_domain sea-a "${orders[@]}" \
        SEAMQ_STREAM_SEA_A_ORDERS_MAX_MSGS=1 --
    expect 1 'fewer copies only where replicas is set' 'fewer copies by accident' in_domain sea-a "${orders[@]}" \
        SEAMQ_STREAM_DEFAULT_REPLICAS= --
    expect 0 '2 unchanged' 'nothing was changed' in_domain sea-a "${orders[@]}" --
}

with_a_node_down()
{
    expect 0 '' 'kill a node' node kill sea-a-1
    expect 0 '1 created, 1 updated' 'with a node down' in_domain sea-a "${orders[@]}" \
        'SEAMQ_STREAMS=SEA_A_ORDERS SEA_A_NEW' 'SEAMQ_STREAM_SEA_A_NEW_SUBJECTS=new.a.>' \
        SEAMQ_STREAM_SEA_A_ORDERS_MAX_AGE=9d --
    expect 0 '' 'start it' node start sea-a-1
    expect 0 'ready' 'wait for it' node wait
    expect 0 'max_age: 9d -> none' 'with all nodes again' in_domain sea-a "${orders[@]}" --
}

twice
from_two_places_at_once
a_mirror_in_the_other_domain
against_drifted_streams
with_a_node_down
finish
