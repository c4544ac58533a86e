#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Starts nats-server from the environment: single, cluster or mesh. nats-server parses the value of a variable as configuration
# text, so a comma, a number or an empty password changes its meaning. Therefore every value is checked first, every error is
# reported on a line, and correct values are quoted for the server. Runs in busybox.
# shellcheck disable=SC2089,SC2090 # quotes in values are for the server
set -uf
LC_ALL=C
export LC_ALL

usage()
{
    cat <<'END'
usage: start-nats.sh [--check] [-- NATS-SERVER-ARGUMENT...]

  --check   only check the environment: starts nothing, writes nothing

Exit status: 1 failed at run time, 2 usage or environment; 0 with --check when all is well. The variables are in README.md
beside this file; the least for a single server: NATS_SERVER_NAME NATS_STORE_DIR NATS_JS_MAX_MEM NATS_JS_MAX_FILE
NATS_APP_PASSWORD NATS_SYS_PASSWORD. Every password also as NAME_FILE.
END
}

problems=0 server_version='' server_no_sync=no server_old=no
problem()
{
    echo "start-nats: $*" >&2
    problems=$((problems + 1))
}
fail()
{
    echo "start-nats: $*" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd) || exit 1
# shellcheck source=infra/nats/checks.sh
. "$here/checks.sh"
# shellcheck source=infra/nats/permissions.sh
. "$here/permissions.sh"
# shellcheck source=infra/nats/store-guard.sh
. "$here/store-guard.sh"

# --- the environment -------------------------------------------------------------------------------------------------

# read_secret NAME: reads the secret from the file NAME_FILE, if that is set.
read_secret()
{
    eval "value=\${$1-} file=\${$1_FILE-}"
    unset "$1_FILE"
    # shellcheck disable=SC2154
    if [ -n "$file" ] && [ -n "$value" ]; then
        problem "$1: set together with $1_FILE: which one?"
    elif [ -n "$file" ] && ! value=$(cat "$file" 2>/dev/null); then
        problem "$1_FILE: cannot read $file"
    fi
    eval "$1=\$value"
}

# nobody_knows NAME: sets a random password if none is set, for a login that is not used.
nobody_knows()
{
    eval "value=\$$1"
    [ -n "$value" ] || eval "$1=\$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \\n')"
}

take_environment()
{
    : "${NATS_SHAPE:=single}" "${NATS_SERVER_NAME:=}" "${NATS_CLUSTER_NAME:=sea-a}" "${NATS_DOMAIN:=$NATS_CLUSTER_NAME}"
    case $NATS_DOMAIN in
    sea-b) : "${NATS_SYSTEM_ACCOUNT:=SYS_SEA_B}" ;;
    *) : "${NATS_SYSTEM_ACCOUNT:=SYS_SEA_A}" ;;
    esac
    : "${NATS_LISTEN:=0.0.0.0:4222}" "${NATS_HTTP:=127.0.0.1:8222}" "${NATS_BIND:=0.0.0.0}"
    : "${NATS_STORE_DIR:=}" "${NATS_JS_MAX_MEM:=}" "${NATS_JS_MAX_FILE:=}" "${NATS_SYNC_INTERVAL:=2m}"
    : "${NATS_CLUSTER_PORT:=6222}" "${NATS_ROUTES:=}" "${NATS_GATEWAY_PORT:=7222}" "${NATS_GATEWAYS:=}"
    : "${NATS_GATEWAY_NAME:=$NATS_CLUSTER_NAME}" "${NATS_GATEWAY_REJECT_UNKNOWN:=yes}"
    : "${NATS_TLS:=no}" "${NATS_TLS_CERT:=}" "${NATS_TLS_KEY:=}" "${NATS_TLS_CA:=}" "${NATS_TLS_VERIFY:=no}"
    : "${NATS_APP_USER:=app}" "${NATS_NO_AUTH_USER:=}" "${NATS_WORKER_USER:=worker}" "${NATS_WORKER_CONSUMERS:=}"
    : "${NATS_WORKER_DEAD_LETTER:=}" "${NATS_WORKER_OUTPUTS:=}" "${NATS_WORKER_CREATE:=no}"
    : "${NATS_WORKER_INBOX:=_INBOX_worker}"
    for name in APP SYS ROUTE GATEWAY WORKER; do
        read_secret "NATS_${name}_PASSWORD"
    done
    nobody_knows NATS_WORKER_PASSWORD
    case $NATS_SHAPE in single) nobody_knows NATS_ROUTE_PASSWORD ;; esac
    case $NATS_SHAPE in single | cluster) nobody_knows NATS_GATEWAY_PASSWORD ;; esac
}

# Sets $server_version (empty: no such program) and the features of that version.
look_at_server()
{
    : "${NATS_SERVER_BIN:=nats-server}"
    server_version=$("$NATS_SERVER_BIN" --version 2>/dev/null | sed -n 's/.*v\([0-9][0-9.]*\).*/\1/p')
    case $server_version in 2.[0-9].*) server_no_sync=yes ;; esac
    case $server_version in 2.[0-9].* | 2.1[0-4].*) server_old=yes ;; esac
}

check_environment()
{
    check_names
    check_secrets
    check_jetstream
    check_listening
    check_topology
    check_tls
    check_store
    check_server_version
    check_boolean NATS_WORKER_CREATE "$NATS_WORKER_CREATE"
    make_worker_permissions
}

# --- values for the server ------------------------------------------------------------------------------------------------------

# quote NAME: replaces the value by a quoted string of NATS configuration.
quote()
{
    eval "value=\$$1"
    case $value in *[\\\"]*) value=$(printf '%s' "$value" | sed 's/[\\"]/\\&/g') ;; esac
    eval "$1=\"\\\"\$value\\\"\""
}

# Prints every byte of $1 percent-encoded, as in a URL.
percent() { printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /%/g'; }

# Rewrites NATS_ROUTES and NATS_GATEWAYS in the server's syntax. A route sends only the credentials in its URL; a gateway sends
# those of its block.
make_urls()
{
    scheme=nats
    case $NATS_TLS in yes | true) scheme=tls ;; esac
    login=route:$(percent "$NATS_ROUTE_PASSWORD")
    list=
    for address in $(list_of "$NATS_ROUTES"); do
        list="$list${list:+, }\"$scheme://$login@$address\""
    done
    NATS_ROUTES="[$list]"
    list=
    for gateway in $(list_of "$NATS_GATEWAYS"); do
        list="$list${list:+, }{ name: \"${gateway%%=*}\", urls: [\"$scheme://${gateway#*=}\"] }"
    done
    NATS_GATEWAYS="[$list]"
}

# Sets the variables of parts that the shape does not have.
leave_out()
{
    case $NATS_SHAPE in single) NATS_CLUSTER_PORT=0 ;; esac
    case $NATS_SHAPE in
    single | cluster) NATS_GATEWAY_PORT=0 NATS_GATEWAY_NAME='' NATS_GATEWAY_REJECT_UNKNOWN=false ;;
    esac
}

# Sets $config. Servers before 2.10 refuse sync_interval, so they get a copy without it.
choose_config()
{
    file=nats-server.conf
    case $NATS_TLS in yes | true) file=nats-server-tls.conf ;; esac
    config=$here/$file
    [ "$server_no_sync" = yes ] || return 0
    mkdir -p "$NATS_STORE_DIR/seamq-conf" || fail "cannot write to $NATS_STORE_DIR"
    for part in "$file" base.conf accounts.conf; do
        sed '/^ *sync_interval:/d' "$here/$part" >"$NATS_STORE_DIR/seamq-conf/$part" || fail "cannot write to $NATS_STORE_DIR"
    done
    config=$NATS_STORE_DIR/seamq-conf/$file
}

hand_on()
{
    make_urls
    leave_out
    for name in SERVER_NAME LISTEN HTTP SYSTEM_ACCOUNT NO_AUTH_USER STORE_DIR DOMAIN SYNC_INTERVAL BIND CLUSTER_NAME \
        GATEWAY_NAME TLS_CERT TLS_KEY TLS_CA APP_USER WORKER_USER APP_PASSWORD SYS_PASSWORD ROUTE_PASSWORD GATEWAY_PASSWORD \
        WORKER_PASSWORD; do
        quote "NATS_$name"
        export "NATS_${name?}"
    done
    export NATS_JS_MAX_MEM NATS_JS_MAX_FILE NATS_CLUSTER_PORT NATS_ROUTES NATS_GATEWAY_PORT NATS_GATEWAYS \
        NATS_GATEWAY_REJECT_UNKNOWN NATS_TLS_VERIFY NATS_WORKER_PUBLISH NATS_WORKER_SUBSCRIBE
}

# --- main ------------------------------------------------------------------------------------------------------------

only_check=no
while [ $# -gt 0 ]; do
    case $1 in
    --check) only_check=yes ;;
    -h | --help) usage && exit 0 ;;
    --) shift && break ;;
    *)
        echo "start-nats: unknown argument \"$1\"" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
done

take_environment
look_at_server
check_environment
if [ "$problems" -gt 0 ]; then
    echo "start-nats: $problems wrong, nats-server not started" >&2
    exit 2
fi
[ $only_check = no ] || exit 0
[ -n "$server_version" ] || fail "no nats-server that runs: $NATS_SERVER_BIN (set NATS_SERVER_BIN)"
take_store
choose_config
hand_on
exec "$NATS_SERVER_BIN" -c "$config" "$@"
