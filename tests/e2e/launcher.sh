#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests infra/nats/start-nats.sh: each wrong variable gives its error line, and nats-server accepts each right environment.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
need_server

mkdir "$scratch/here"
single=("PATH=$PATH" "NATS_SERVER_BIN=$server" NATS_SERVER_NAME=sea-a-1 "NATS_STORE_DIR=$scratch/here/store"
    NATS_JS_MAX_MEM=64M NATS_JS_MAX_FILE=1G NATS_APP_PASSWORD=a NATS_SYS_PASSWORD=b)
cluster=("${single[@]}" NATS_SHAPE=cluster NATS_ROUTE_PASSWORD=c "NATS_ROUTES=10.0.0.2:6222 10.0.0.3:6222")
mesh=("${cluster[@]}" NATS_SHAPE=mesh NATS_GATEWAY_PASSWORD=d NATS_GATEWAYS=sea-b=10.0.1.1:7222)
shells=(sh)
if command -v busybox >/dev/null; then shells+=("busybox sh"); fi

# start ENV... -- ARGUMENT...: runs the launcher with only these variables.
# shellcheck disable=SC2317 # called through expect
start()
{
    local -a environment=()
    while [ "$1" != -- ]; do environment+=("$1") && shift; done
    shift
    # shellcheck disable=SC2086
    env -i "${environment[@]}" $shell "$root/infra/nats/start-nats.sh" "$@"
}

# refuse TEXT ENV...: expects exit status 2 and the text.
refuse() { expect 2 "start-nats: $1" "$1" start "${@:2}" -- --check; }
accept() { expect 0 '' "$1" start "${@:2}" -- --check; }

# shellcheck disable=SC2016 # what is odd in passwords
environments_that_are_right()
{
    accept single "${single[@]}"
    accept cluster "${cluster[@]}"
    accept "cluster, commas" "${cluster[@]}" NATS_ROUTES=10.0.0.2:6222,10.0.0.3:6222
    accept mesh "${mesh[@]}"
    accept "strange passwords" "${mesh[@]}" 'NATS_SYS_PASSWORD=a,b "c" \d $e {f' NATS_APP_PASSWORD=123 NATS_ROUTE_PASSWORD=5m
    echo from-a-file >"$scratch/here/secret"
    accept "password from a file" "${single[@]}" NATS_APP_PASSWORD= "NATS_APP_PASSWORD_FILE=$scratch/here/secret"
    [ ! -e "$scratch/here/store" ] || fail "--check has made the store"
}

names_that_are_wrong()
{
    refuse 'NATS_SHAPE: "grid" is not one of: single cluster mesh' "${single[@]}" NATS_SHAPE=grid
    refuse 'NATS_SERVER_NAME: not set' "${single[@]}" NATS_SERVER_NAME=
    refuse 'NATS_SERVER_NAME: "a b" has other characters' "${single[@]}" 'NATS_SERVER_NAME=a b'
    refuse "NATS_SERVER_NAME: \"0123456789ab\" looks like a container's id" "${single[@]}" NATS_SERVER_NAME=0123456789ab
    refuse 'NATS_CLUSTER_NAME: "sea a"' "${cluster[@]}" 'NATS_CLUSTER_NAME=sea a'
    refuse 'NATS_DOMAIN: "sea.a"' "${single[@]}" NATS_DOMAIN=sea.a
    refuse 'NATS_DOMAIN: "sea-c" has no bridge' "${mesh[@]}" NATS_DOMAIN=sea-c
    refuse 'NATS_GATEWAY_NAME: "sea-b" is not the cluster' "${mesh[@]}" NATS_GATEWAY_NAME=sea-b
    # shellcheck disable=SC2016
    refuse 'NATS_SYSTEM_ACCOUNT: "$SYS" is not one of' "${mesh[@]}" 'NATS_SYSTEM_ACCOUNT=$SYS'
    refuse "NATS_SYSTEM_ACCOUNT: SYS_SEA_B is the other cluster's" "${mesh[@]}" NATS_SYSTEM_ACCOUNT=SYS_SEA_B
}

secrets_that_are_wrong()
{
    local name
    for name in APP SYS ROUTE GATEWAY; do
        refuse "NATS_${name}_PASSWORD: empty or not set" "${mesh[@]}" "NATS_${name}_PASSWORD="
    done
    refuse "NATS_APP_PASSWORD: contains a line break" "${single[@]}" "NATS_APP_PASSWORD=a"$'\n'"b"
    refuse "NATS_APP_PASSWORD_FILE: cannot read /nowhere" "${single[@]}" NATS_APP_PASSWORD= NATS_APP_PASSWORD_FILE=/nowhere
    refuse "NATS_APP_PASSWORD: set together with" "${single[@]}" "NATS_APP_PASSWORD_FILE=$scratch/here/secret"
    refuse "NATS_APP_PASSWORD, NATS_WORKER_PASSWORD: contains" "${single[@]}" 'NATS_WORKER_PASSWORD=a"b'
    # shellcheck disable=SC2016
    refuse "NATS_ROUTE_PASSWORD, NATS_GATEWAY_PASSWORD: plain text" "${mesh[@]}" 'NATS_ROUTE_PASSWORD=$2a$11$abc'
    refuse "NATS_APP_USER, NATS_WORKER_USER: must differ" "${single[@]}" NATS_WORKER_USER=app
    refuse 'NATS_APP_USER: "a b"' "${single[@]}" 'NATS_APP_USER=a b'
    refuse 'NATS_NO_AUTH_USER: "x" is not one of: app worker' "${single[@]}" NATS_NO_AUTH_USER=x
}

topologies_that_are_wrong()
{
    refuse 'NATS_ROUTES, NATS_GATEWAYS: 2 routes + 3 remote gateway URLs = 5' "${mesh[@]}" \
        'NATS_GATEWAYS=sea-b=10.0.1.1:7222 sea-b=10.0.1.2:7222 sea-b=10.0.1.3:7222'
    refuse 'NATS_ROUTES, NATS_GATEWAYS: 0 routes + 1 remote' "${mesh[@]}" NATS_ROUTES=
    refuse 'NATS_ROUTES: names 1 nodes' "${cluster[@]}" NATS_ROUTES=10.0.0.2:6222
    refuse 'NATS_ROUTES: set, but NATS_SHAPE is single' "${cluster[@]}" NATS_SHAPE=single
    refuse 'NATS_GATEWAYS: set, but NATS_SHAPE is cluster' "${mesh[@]}" NATS_SHAPE=cluster
    refuse 'NATS_ROUTES: "nats://n2:6222" is not host:port' "${cluster[@]}" 'NATS_ROUTES=nats://n2:6222 n3:6222'
    refuse 'NATS_ROUTES: "sea-a-1:6222" is this server itself' "${cluster[@]}" 'NATS_ROUTES=sea-a-1:6222 n3:6222'
    refuse 'NATS_ROUTES: n2:6222 is named twice' "${cluster[@]}" 'NATS_ROUTES=n2:6222 n2:6222'
    refuse 'NATS_GATEWAYS: "10.0.1.1:7222" is not cluster=host:port' "${mesh[@]}" NATS_GATEWAYS=10.0.1.1:7222
    refuse 'NATS_GATEWAYS: "sea-a=10.0.1.1:7222" is this cluster itself' "${mesh[@]}" NATS_GATEWAYS=sea-a=10.0.1.1:7222
    refuse 'NATS_GATEWAY_REJECT_UNKNOWN: "1" is not one of: yes no' "${mesh[@]}" NATS_GATEWAY_REJECT_UNKNOWN=1
}

the_rest_that_is_wrong()
{
    refuse 'NATS_JS_MAX_MEM: "" is not a limit' "${single[@]}" NATS_JS_MAX_MEM=
    refuse 'NATS_JS_MAX_FILE: "0" is not a limit' "${single[@]}" NATS_JS_MAX_FILE=0
    refuse 'NATS_SYNC_INTERVAL: "often"' "${single[@]}" NATS_SYNC_INTERVAL=often
    refuse 'NATS_LISTEN: "4222" is not host:port' "${single[@]}" NATS_LISTEN=4222
    refuse 'NATS_HTTP: "x:y"' "${single[@]}" NATS_HTTP=x:y
    refuse 'NATS_CLUSTER_PORT: "tcp://10.0.0.1:6222" is not a port' "${cluster[@]}" NATS_CLUSTER_PORT=tcp://10.0.0.1:6222
    refuse 'NATS_LISTEN, NATS_HTTP, NATS_CLUSTER_PORT, NATS_GATEWAY_PORT: port 4222 is used twice' \
        "${cluster[@]}" NATS_CLUSTER_PORT=4222
    refuse 'NATS_TLS: "1" is not one of: yes no' "${single[@]}" NATS_TLS=1
    refuse 'NATS_TLS_CERT: not set, and NATS_TLS is yes' "${single[@]}" NATS_TLS=yes
    refuse 'NATS_TLS_KEY: /nowhere is not a file' "${single[@]}" NATS_TLS=yes NATS_TLS_KEY=/nowhere
    refuse 'NATS_WORKER_CONSUMERS: "ORDERS" is not STREAM/CONSUMER' "${single[@]}" NATS_WORKER_CONSUMERS=ORDERS
    refuse 'NATS_WORKER_OUTPUTS: ">" is not a subject' "${single[@]}" 'NATS_WORKER_OUTPUTS=a.> >'
    refuse 'NATS_WORKER_CREATE: "1"' "${single[@]}" NATS_WORKER_CREATE=1
    refuse 'NATS_STORE_DIR: "store" is not an absolute path' "${single[@]}" NATS_STORE_DIR=store
    expect 2 '3 wrong, nats-server not started' 'all at once' start "${single[@]}" NATS_SERVER_NAME= NATS_DOMAIN=a.b NATS_TLS=1 --
    expect 2 'unknown argument "--chek"' 'usage' start "${single[@]}" -- --chek
    expect 1 'no nats-server that runs: /nowhere' 'no server' start "${single[@]}" NATS_SERVER_BIN=/nowhere --
}

# Each case has its own store, marked as if a server of another kind had used it.
stores_that_are_wrong()
{
    local store=$scratch/here/stores
    mkdir -p "$store/single/jetstream/APP/streams" "$store/clustered/jetstream/SYS_SEA_A/_js_/_meta_"
    refuse "NATS_STORE_DIR: $store/single was a single server's" "${cluster[@]}" "NATS_STORE_DIR=$store/single"
    refuse "NATS_STORE_DIR: $store/clustered was a clustered server's" "${single[@]}" "NATS_STORE_DIR=$store/clustered"
    accept "a cluster's store without a marker" "${mesh[@]}" "NATS_STORE_DIR=$store/clustered"
    expect 0 'is valid' 'marks the store' start "${cluster[@]}" "NATS_STORE_DIR=$store/marked" -- -- -t
    accept "from cluster to mesh" "${mesh[@]}" "NATS_STORE_DIR=$store/marked"
    refuse "NATS_STORE_DIR: $store/marked belongs to kind" "${single[@]}" "NATS_STORE_DIR=$store/marked"
    refuse "NATS_STORE_DIR: $store/marked belongs to server \"sea-a-1\"" "${mesh[@]}" "NATS_STORE_DIR=$store/marked" \
        NATS_SERVER_NAME=sea-a-2
    refuse "NATS_STORE_DIR: $store/marked belongs to system_account" "${mesh[@]}" "NATS_STORE_DIR=$store/marked" NATS_DOMAIN=sea-b \
        NATS_GATEWAYS=sea-c=x:1
    exec 7>"$store/marked/seamq-store.lock"
    flock 7
    expect 1 "$store/marked is in use by another server" 'a store in use' start "${cluster[@]}" "NATS_STORE_DIR=$store/marked" -- -- -t
    exec 7>&-
}

# nats-server itself checks the configuration that the launcher passes.
the_server_accepts()
{
    expect 0 'is valid' 'single' start "${single[@]}" -- -- -t
    rm -rf "$scratch/here/store"
    # shellcheck disable=SC2016
    expect 0 'is valid' 'mesh with strange passwords' start "${mesh[@]}" 'NATS_SYS_PASSWORD=a,b "c" \d $e {f' \
        NATS_APP_PASSWORD=123 'NATS_ROUTE_PASSWORD=p/@:%$x' NATS_GATEWAY_PASSWORD=true NATS_NO_AUTH_USER=app \
        'NATS_WORKER_CONSUMERS=ORDERS/billing AUDIT/audit' NATS_WORKER_CREATE=yes -- -- -t
    rm -rf "$scratch/here/store"
    "$root/infra/nats/make-test-ca.sh" "$scratch/here/tls" sea-a-1 || fail "make-test-ca.sh"
    expect 0 'is valid' 'TLS' start "${mesh[@]}" NATS_TLS=yes "NATS_TLS_CA=$scratch/here/tls/ca.pem" \
        "NATS_TLS_CERT=$scratch/here/tls/sea-a-1.pem" "NATS_TLS_KEY=$scratch/here/tls/sea-a-1-key.pem" -- -- -t
    rm -rf "$scratch/here/store"
    case $("$server" --version) in
    *v2.[0-9].*) refuse 'NATS_SYNC_INTERVAL: nats-server 2.9' "${single[@]}" NATS_SYNC_INTERVAL=always ;;
    *) expect 0 'is valid' 'sync always' start "${single[@]}" NATS_SYNC_INTERVAL=always -- -- -t ;;
    esac
    rm -rf "$scratch/here/store"
}

for shell in "${shells[@]}"; do
    rm -rf "$scratch/here/stores"
    environments_that_are_right
    names_that_are_wrong
    secrets_that_are_wrong
    topologies_that_are_wrong
    the_rest_that_is_wrong
    stores_that_are_wrong
    the_server_accepts
done
finish
