# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The plan of a local mesh: nodes, ports, secrets. The first `up` writes it to DIR/mesh.env. Sourced by local-mesh.

: "${here?}" "${mesh?}" "${private?}" "${ports?}" "${given_ports?}" "${tls?}"

# Client, monitor, route and gateway port of each node.
declare -A ports_of=()
# Listen address and network namespace of each cluster's nodes.
declare -A address_of=([sea-a]=127.0.0.1 [sea-b]=127.0.0.1) netns_of=()

passed_on=(NATS_SYNC_INTERVAL NATS_JS_MAX_MEM NATS_JS_MAX_FILE NATS_WORKER_PASSWORD NATS_WORKER_CONSUMERS
    NATS_WORKER_DEAD_LETTER NATS_WORKER_OUTPUTS NATS_WORKER_CREATE NATS_WORKER_INBOX)

check_private_dir()
{
    [ "$private" = yes ] && [ -e "$mesh" ] && [ ! -e "$mesh/mesh.env" ] || return 0
    [ ! -d "$mesh" ] || [ -n "$(find "$mesh" -mindepth 1 ! -name lock -print -quit)" ] || return 0
    die "--private $mesh: is not empty, and would be removed at the end"
}

# put_at CLUSTER=ADDRESS[@NETNS]: sets both for one cluster.
put_at()
{
    local cluster=${1%%=*} place=${1#*=}
    if [ -z "${address_of[$cluster]:-}" ] || ! [[ $place =~ ^[0-9.]+(@[^@/]+)?$ ]]; then
        wrong "--at is sea-a= or sea-b=, an IPv4 address and, if there is one, @ and a network namespace's name"
    fi
    address_of[$cluster]=${place%%@*}
    [ "${place%@*}" = "$place" ] || netns_of[$cluster]=${place#*@}
}

set_nodes()
{
    case $shape in
    single) nodes=(sea-a-1) ;;
    cluster) nodes=(sea-a-1 sea-a-2 sea-a-3) ;;
    mesh) nodes=(sea-a-1 sea-a-2 sea-a-3 sea-b-1 sea-b-2 sea-b-3) ;;
    esac
}

find_server()
{
    local candidate
    if [ -n "$server" ]; then
        server=$(command -v "$server") || die "--server: no such program"
        server=$(realpath "$server")
        return
    fi
    for candidate in "${SEAMQ_NATS_SERVER:-}" "$here/../../.deps/bin/nats-server" nats-server; do
        if [ -n "$candidate" ] && server=$(command -v "$candidate"); then
            server=$(realpath "$server")
            return
        fi
    done
    die "no nats-server: run infra/bootstrap/bootstrap.sh, or set SEAMQ_NATS_SERVER"
}

# --- ports -----------------------------------------------------------------------------------------------------------

# Prints the local TCP ports in use, as hexadecimal words.
ports_in_use() { awk 'FNR > 1 { sub(/.*:/, "", $2); print $2 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null | sort -u | tr '\n' ' '; }

# is_taken PORT: the output of ports_in_use has the port.
is_taken() { [[ " $used" == *" $(printf '%04X' "$1") "* ]]; }

# free_block N: prints the first of N consecutive free ports below the ephemeral range.
free_block()
{
    local used base i
    used=$(ports_in_use)
    while :; do
        base=$((10000 + (RANDOM * 32768 + RANDOM) % 20000))
        for ((i = 0; i < $1; i++)); do
            ! is_taken $((base + i)) || continue 2
        done
        echo "$base"
        return
    done
}

assign_ports()
{
    local node base i=0 step=100
    base=$ports
    [ "$ports" != free ] || base=$(free_block 24) step=6
    for node in sea-a-{1..3} sea-b-{1..3}; do
        [ "$ports" = free ] || [ "$node" != sea-b-1 ] || i=1000
        ports_of[$node]="$((base + i)) $((base + i + step)) $((base + i + 2 * step)) $((base + i + 3 * step))"
        i=$((i + 1))
    done
}

check_ports()
{
    local used node port
    used=$(ports_in_use)
    [ "$ports" != free ] || return 0
    for node in "${nodes[@]}"; do
        for port in ${ports_of[$node]}; do
            ! is_taken "$port" || is_listening_free "$port" || die "port $port is taken by another process (--ports BASE or --ports free)"
        done
    done
}

# Ports that only have connections in TIME_WAIT can be used.
is_listening_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# --- the plan --------------------------------------------------------------------------------------------------------

make_plan()
{
    shape=${shape:-mesh}
    set_nodes
    find_server
    assign_ports
    password=$(od -An -v -tx1 -N16 /dev/urandom | tr -d ' \n')
    settings=("NATS_JS_MAX_MEM=256M" "NATS_JS_MAX_FILE=10G")
    local name
    for name in "${passed_on[@]}"; do
        [ -z "${!name:-}" ] || settings+=("$name=${!name}")
    done
    make_certificates
    save_plan
}

make_certificates()
{
    [ "$tls" = yes ] && [ ! -e "$mesh/tls/client.pem" ] || return 0
    "$here/make-test-ca.sh" "$mesh/tls" sea-a-{1..3} sea-b-{1..3} client || die "no certificates"
}

save_plan()
{
    (umask 077 && declare -p shape private ports tls server password settings ports_of address_of netns_of \
        >"$mesh/mesh.env.new")
    mv "$mesh/mesh.env.new" "$mesh/mesh.env"
}

# Declares the variables of the plan globally, even if called from a function.
load_plan()
{
    eval "$(sed 's/^declare -\([-aA]*\)/declare -g\1/; s/^declare -g-/declare -g/' "$mesh/mesh.env")"
    set_nodes
}

# `up` of an existing mesh keeps ports and secrets; shape, ports and TLS can only change while no node runs.
resume_plan()
{
    local wanted=$shape with=$server with_tls=$tls node
    load_plan
    for node in "${nodes[@]}"; do
        alive "$node" || continue
        [ "${wanted:-$shape}" = "$shape" ] || die "$shape is up in $mesh: local-mesh down first"
        return 0
    done
    [ -z "$wanted" ] || shape=$wanted
    [ "$with_tls" = no ] || tls=yes
    set_nodes
    if [ -n "$with" ] || [ ! -x "$server" ]; then server=$with && find_server; fi
    if [ -n "$given_ports" ]; then ports=$given_ports && assign_ports; fi
    make_certificates
    save_plan
}

# --- for users and tests -----------------------------------------------------------------------------------------------

# port NODE client|monitor|route|gateway
port()
{
    local client monitor route gateway
    # shellcheck disable=SC2034
    read -r client monitor route gateway <<<"${ports_of[$1]}"
    echo "${!2}"
}

# endpoint NODE KIND: prints ADDRESS:PORT.
endpoint() { echo "${address_of[${1%-*}]}:$(port "$1" "$2")"; }

# urls SCHEME KIND SEPARATOR CLUSTER
urls()
{
    local node text=
    for node in "${nodes[@]}"; do
        [[ $node != "$4"-* ]] || text+=${text:+$3}$1://$(endpoint "$node" "$2")
    done
    echo "$text"
}

print_env()
{
    local cluster letter scheme=nats
    [ "$tls" = no ] || scheme=tls
    for cluster in sea-a sea-b; do
        [ "$cluster" = sea-a ] || [ "$shape" = mesh ] || continue
        letter=${cluster#sea-}
        echo "export E2E_NATS_${letter^^}_URL=$(urls $scheme client ' ' $cluster | sed 's/ .*//')"
        echo "export E2E_NATS_${letter^^}_URLS=$(urls $scheme client , $cluster)"
        echo "export E2E_NATS_${letter^^}_MONITOR_URLS='$(urls http monitor ' ' $cluster)'"
    done
    echo "export E2E_LOCAL_MESH='$mesh'"
    echo "export E2E_NATS_APP_USER=app E2E_NATS_APP_PASSWORD=$password"
    echo "export E2E_NATS_SYS_PASSWORD=$password"
    [ "$tls" = no ] || echo "export E2E_NATS_CA='$mesh/tls/ca.pem'"
}

# Prints the configuration for seamqd and seamq, with the same sections as in production.
print_config()
{
    local cluster scheme=nats
    [ "$tls" = no ] || scheme=tls
    for cluster in sea-a sea-b; do
        [ "$cluster" = sea-a ] || [ "$shape" = mesh ] || continue
        printf '[cluster.%s]\nurls = %s\ndomain = %s\nuser = app\npassword = %s\n' $cluster \
            "$(urls $scheme client ' ' $cluster)" $cluster "$password"
        [ "$tls" = no ] || echo "tls_ca = $mesh/tls/ca.pem"
        printf 'system_user = sys-%s\nsystem_password = %s\n' $cluster "$password"
    done
}

print_urls()
{
    local cluster
    for cluster in sea-a sea-b; do
        [ "$cluster" = sea-a ] || [ "$shape" = mesh ] || continue
        printf '%s   domain %s   %s   monitor %s\n' $cluster $cluster "$(urls nats client ' ' $cluster)" \
            "$(urls http monitor ' ' $cluster | sed 's/ .*//')"
    done
}
