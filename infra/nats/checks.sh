# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# One check for each part of the environment; a check reports every error in its part. Sourced by start-nats.sh.

: "${server_version?is set by start-nats.sh}" "${server_old?}" "${server_no_sync?}"

# is_name TEXT: letters, digits, _ and - only. A domain with a dot passes `nats-server -t`, but requests to it never work.
is_name() { case $1 in '' | *[!A-Za-z0-9_-]*) return 1 ;; esac; }

# is_port TEXT
is_port()
{
    case $1 in '' | *[!0-9]* | ??????*) return 1 ;; esac
    [ "$1" -ge 1 ] && [ "$1" -le 65535 ]
}

# is_address TEXT: host:port, with an IPv6 host in brackets.
is_address()
{
    is_port "${1##*:}" || return 1
    case ${1%:*} in
    \[*\]) ;;
    '' | *[!A-Za-z0-9_.-]* | "$1") return 1 ;;
    esac
}

# list_of TEXT: prints a list whose words are separated by spaces or commas.
list_of() { printf '%s\n' "$1" | tr ',' ' '; }

# words LIST...: prints the number of words.
words() { echo $#; }

# check_word NAME VALUE ALLOWED...
check_word()
{
    name=$1 value=$2
    shift 2
    for allowed in "$@"; do
        [ "$value" != "$allowed" ] || return 0
    done
    problem "$name: \"$value\" is not one of: $*"
}

check_names()
{
    check_word NATS_SHAPE "$NATS_SHAPE" single cluster mesh
    if [ -z "$NATS_SERVER_NAME" ]; then
        problem "NATS_SERVER_NAME: not set: a fixed name, another one for each server (try sea-a-1)"
    elif ! is_name "$NATS_SERVER_NAME"; then
        problem "NATS_SERVER_NAME: \"$NATS_SERVER_NAME\" has other characters than letters, digits, _ and -"
    else
        case $NATS_SERVER_NAME in
        *[!0-9a-f]*) ;;
        ????????????) problem "NATS_SERVER_NAME: \"$NATS_SERVER_NAME\" looks like a container's id, which changes: take a fixed name" ;;
        esac
    fi
    is_name "$NATS_CLUSTER_NAME" ||
        problem "NATS_CLUSTER_NAME: \"$NATS_CLUSTER_NAME\" is not a name of letters, digits, _ and - (try sea-a)"
    is_name "$NATS_DOMAIN" ||
        problem "NATS_DOMAIN: \"$NATS_DOMAIN\" is not a name of letters, digits, _ and - (no dots; try sea-a)"
    check_system_account
}

check_system_account()
{
    check_word NATS_SYSTEM_ACCOUNT "$NATS_SYSTEM_ACCOUNT" SYS_SEA_A SYS_SEA_B
    case $NATS_DOMAIN/$NATS_SYSTEM_ACCOUNT in
    sea-a/SYS_SEA_B | sea-b/SYS_SEA_A)
        problem "NATS_SYSTEM_ACCOUNT: $NATS_SYSTEM_ACCOUNT is the other cluster's: domain $NATS_DOMAIN has its own"
        ;;
    sea-a/* | sea-b/*) ;;
    *)
        [ "$NATS_SHAPE" != mesh ] ||
            problem "NATS_DOMAIN: \"$NATS_DOMAIN\" has no bridge in accounts.conf (sea-a and sea-b have)"
        ;;
    esac
}

# check_text NAME VALUE: refuses text that cannot be quoted in NATS configuration.
check_text()
{
    case $2 in *[[:cntrl:]]*) problem "$1: contains a line break or another control character" ;; esac
}

# check_secret NAME VALUE
check_secret()
{
    if [ -z "$2" ]; then
        problem "$1: empty or not set: with an empty password anyone may log in (or set $1_FILE)"
    else
        check_text "$1" "$2"
    fi
}

check_secrets()
{
    check_secret NATS_APP_PASSWORD "$NATS_APP_PASSWORD"
    check_secret NATS_SYS_PASSWORD "$NATS_SYS_PASSWORD"
    check_secret NATS_ROUTE_PASSWORD "$NATS_ROUTE_PASSWORD"
    check_secret NATS_GATEWAY_PASSWORD "$NATS_GATEWAY_PASSWORD"
    check_secret NATS_WORKER_PASSWORD "$NATS_WORKER_PASSWORD"
    case $NATS_APP_PASSWORD$NATS_WORKER_PASSWORD in
    *[\\\"]*) problem "NATS_APP_PASSWORD, NATS_WORKER_PASSWORD: contains \" or \\, which nats.c does not escape when it logs in" ;;
    esac
    # The server reads these as bcrypt hashes, and then the password itself is not accepted.
    # shellcheck disable=SC2016
    case $NATS_ROUTE_PASSWORD/$NATS_GATEWAY_PASSWORD in
    '$2'[abxy]'$'* | */'$2'[abxy]'$'*) problem "NATS_ROUTE_PASSWORD, NATS_GATEWAY_PASSWORD: plain text, not a bcrypt hash" ;;
    esac
    is_name "$NATS_APP_USER" || problem "NATS_APP_USER: \"$NATS_APP_USER\" is not a name of letters, digits, _ and -"
    is_name "$NATS_WORKER_USER" ||
        problem "NATS_WORKER_USER: \"$NATS_WORKER_USER\" is not a name of letters, digits, _ and -"
    case $NATS_APP_USER/$NATS_WORKER_USER in
    "$NATS_WORKER_USER"/* | sys-sea-[ab]/* | */sys-sea-[ab])
        problem "NATS_APP_USER, NATS_WORKER_USER: must differ from each other and from sys-sea-a and sys-sea-b"
        ;;
    esac
    [ -z "$NATS_NO_AUTH_USER" ] || check_word NATS_NO_AUTH_USER "$NATS_NO_AUTH_USER" "$NATS_APP_USER" "$NATS_WORKER_USER"
}

# check_size NAME VALUE
check_size()
{
    number=${2%[KkMmGgTt]}
    [ "$number" = "$2" ] && number=${2%[KkMmGgTt][Bb]}
    case $number in
    '' | *[!0-9]* | 0*) problem "$1: \"$2\" is not a limit (try 512M or 8G); without one the server takes most of the machine" ;;
    esac
}

check_jetstream()
{
    check_size NATS_JS_MAX_MEM "$NATS_JS_MAX_MEM"
    check_size NATS_JS_MAX_FILE "$NATS_JS_MAX_FILE"
    [ "$NATS_SYNC_INTERVAL" = always ] && return
    number=${NATS_SYNC_INTERVAL%[smh]}
    number=${number%m}
    case $number in
    "$NATS_SYNC_INTERVAL" | '' | *[!0-9]* | 0*) problem "NATS_SYNC_INTERVAL: \"$NATS_SYNC_INTERVAL\" is neither a duration nor always (try 2m)" ;;
    esac
}

check_listening()
{
    is_address "$NATS_LISTEN" || problem "NATS_LISTEN: \"$NATS_LISTEN\" is not host:port (try 0.0.0.0:4222)"
    is_address "$NATS_HTTP" || problem "NATS_HTTP: \"$NATS_HTTP\" is not host:port (try 127.0.0.1:8222)"
    is_address "$NATS_BIND:1" || problem "NATS_BIND: \"$NATS_BIND\" is not a host (try 0.0.0.0)"
    ports="${NATS_LISTEN##*:} ${NATS_HTTP##*:}"
    if [ "$NATS_SHAPE" != single ]; then
        ports="$ports $NATS_CLUSTER_PORT"
        # Kubernetes sets NATS_CLUSTER_PORT=tcp://... if a service is called nats-cluster.
        is_port "$NATS_CLUSTER_PORT" || problem "NATS_CLUSTER_PORT: \"$NATS_CLUSTER_PORT\" is not a port (try 6222)"
    fi
    if [ "$NATS_SHAPE" = mesh ]; then
        ports="$ports $NATS_GATEWAY_PORT"
        is_port "$NATS_GATEWAY_PORT" || problem "NATS_GATEWAY_PORT: \"$NATS_GATEWAY_PORT\" is not a port (try 7222)"
    fi
    # shellcheck disable=SC2086
    twice=$(printf '%s\n' $ports | sort | uniq -d)
    # shellcheck disable=SC2086
    [ -z "$twice" ] || problem "NATS_LISTEN, NATS_HTTP, NATS_CLUSTER_PORT, NATS_GATEWAY_PORT: port" $twice "is used twice"
}

# check_remote NAME ADDRESS: the address of a route or a remote gateway.
check_remote()
{
    if ! is_address "$2"; then
        problem "$1: \"$2\" is not host:port (the credentials are added here)"
        return
    fi
    [ "${2%:*}" != "$NATS_SERVER_NAME" ] || problem "$1: \"$2\" is this server itself: name only the others"
    # nats-server 2.15 counts URLs; older ones count addresses, and `localhost` may have two.
    if [ "$server_old" = yes ] && [ "$NATS_SHAPE" = mesh ] && command -v getent >/dev/null 2>&1; then
        count=$(getent ahosts "${2%:*}" 2>/dev/null | awk '{ print $1 }' | sort -u | wc -l)
        [ "$count" -le 1 ] || problem "$1: ${2%:*} resolves to $count addresses, of which nats-server $server_version counts" \
            "each one: JetStream would never elect a leader; use a name with one address"
    fi
}

check_topology()
{
    routes=$(list_of "$NATS_ROUTES") gateways=$(list_of "$NATS_GATEWAYS")
    # shellcheck disable=SC2086
    n_routes=$(words $routes) n_gateways=$(words $gateways)
    for address in $routes; do
        check_remote NATS_ROUTES "$address"
    done
    twice=$(printf '%s\n' "$routes" | tr ' ' '\n' | sed '/^$/d' | sort | uniq -d)
    [ -z "$twice" ] || problem "NATS_ROUTES: $twice is named twice"
    for gateway in $gateways; do
        check_gateway "$gateway"
    done
    case $NATS_SHAPE in
    single) [ "$n_routes" -eq 0 ] || problem "NATS_ROUTES: set, but NATS_SHAPE is single" ;;
    cluster)
        [ "$n_routes" -eq 2 ] || problem "NATS_ROUTES: names $n_routes nodes; a cluster of three needs the two others"
        ;;
    mesh) check_mesh_sum ;;
    esac
    if [ "$NATS_SHAPE" != mesh ] && [ "$n_gateways" -ne 0 ]; then
        problem "NATS_GATEWAYS: set, but NATS_SHAPE is $NATS_SHAPE"
    fi
}

check_mesh_sum()
{
    if [ "$n_routes" -ne 2 ] || [ "$n_gateways" -ne 1 ]; then
        problem "NATS_ROUTES, NATS_GATEWAYS: $n_routes routes + $n_gateways remote gateway URLs = $((n_routes + n_gateways)):" \
            "must be 2 + 1 = 3 (the two other nodes, one remote with one URL), else JetStream has no leader"
    fi
    [ "$NATS_GATEWAY_NAME" = "$NATS_CLUSTER_NAME" ] ||
        problem "NATS_GATEWAY_NAME: \"$NATS_GATEWAY_NAME\" is not the cluster's name \"$NATS_CLUSTER_NAME\""
    check_boolean NATS_GATEWAY_REJECT_UNKNOWN "$NATS_GATEWAY_REJECT_UNKNOWN"
}

# check_gateway TEXT: name=host:port
check_gateway()
{
    case $1 in
    *=*) ;;
    *) problem "NATS_GATEWAYS: \"$1\" is not cluster=host:port" && return ;;
    esac
    is_name "${1%%=*}" || problem "NATS_GATEWAYS: \"${1%%=*}\" is not a cluster's name"
    [ "${1%%=*}" != "$NATS_CLUSTER_NAME" ] || problem "NATS_GATEWAYS: \"$1\" is this cluster itself: name only the other one"
    check_remote NATS_GATEWAYS "${1#*=}"
}

# check_boolean NAME VALUE: `1` is refused, because the server reads it as a number and fails.
check_boolean() { check_word "$1" "$2" yes no true false; }

check_tls()
{
    check_boolean NATS_TLS "$NATS_TLS"
    case $NATS_TLS in yes | true) ;; *) return 0 ;; esac
    check_boolean NATS_TLS_VERIFY "$NATS_TLS_VERIFY"
    check_file NATS_TLS_CERT "$NATS_TLS_CERT"
    check_file NATS_TLS_KEY "$NATS_TLS_KEY"
    check_file NATS_TLS_CA "$NATS_TLS_CA"
}

# check_file NAME PATH
check_file()
{
    if [ -z "$2" ]; then
        problem "$1: not set, and NATS_TLS is $NATS_TLS"
    elif [ ! -f "$2" ] || [ ! -r "$2" ]; then
        problem "$1: $2 is not a file that user $(id -u) may read"
    fi
    check_text "$1" "$2"
}

check_server_version()
{
    if [ "$server_no_sync" = yes ] && [ "$NATS_SYNC_INTERVAL" != 2m ]; then
        problem "NATS_SYNC_INTERVAL: nats-server $server_version always syncs every 2m; $NATS_SYNC_INTERVAL needs 2.10"
    fi
}
