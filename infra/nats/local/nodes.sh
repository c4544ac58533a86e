# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Starts and ends servers. A pid file also has the start time of the process, so a pid that the kernel has given to another
# process is recognised. Sourced by local-mesh.
# shellcheck disable=SC2154 # nodes

: "${here?}" "${mesh?}" "${shape?}" "${tls?}" "${owner?}"

# process PID: prints state letter and start time.
process()
{
    local line
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086
    set -- ${line##*) }
    echo "$1 ${20}"
}

# is_process PID START: the process runs and has this start time.
is_process() { [[ $(process "$1") == [!ZX]" $2" ]]; }

# pid_of NODE: sets $pid and $started.
pid_of()
{
    pid='' started=''
    { read -r pid started <"$mesh/$1/pid"; } 2>/dev/null && [ -n "$started" ]
}

alive()
{
    local pid started
    pid_of "$1" && is_process "$pid" "$started"
}

# write_pid FILE PID: replaces the file atomically, so a reader gets the old or the new content.
write_pid()
{
    local word
    word=$(process "$2") || return 0
    echo "$2 ${word#* }" >"$1.$BASHPID"
    mv "$1.$BASHPID" "$1"
}

# --- starting --------------------------------------------------------------------------------------------------------

# node_environment NODE: sets $environment for start-nats.sh.
node_environment()
{
    local node=$1 cluster=${1%-*} number=${1##*-} remote=sea-b other routes='' kind=cluster
    [ "$cluster" = sea-a ] || remote=sea-a
    [ "$shape" != single ] || kind=single # a cluster may grow to a mesh on its store, so both use the same one
    for other in 1 2 3; do
        [ "$other" = "$number" ] || routes+="$(endpoint "$cluster-$other" route) "
    done
    environment=(
        "PATH=$PATH" "HOME=$mesh" "NATS_SERVER_BIN=$server" "NATS_SHAPE=$shape" "NATS_SERVER_NAME=$node"
        "NATS_CLUSTER_NAME=$cluster" "NATS_BIND=${address_of[$cluster]}" "NATS_STORE_DIR=$mesh/$node/store-$kind"
        "NATS_LISTEN=$(endpoint "$node" client)" "NATS_HTTP=$(endpoint "$node" monitor)"
        "NATS_CLUSTER_PORT=$(port "$node" route)" "NATS_GATEWAY_PORT=$(port "$node" gateway)"
        "NATS_APP_PASSWORD=$password" "NATS_SYS_PASSWORD=$password" "NATS_ROUTE_PASSWORD=$password"
        "NATS_GATEWAY_PASSWORD=$password" NATS_NO_AUTH_USER=app "${settings[@]}")
    [ "$shape" = single ] || environment+=("NATS_ROUTES=$routes")
    [ "$shape" != mesh ] || environment+=("NATS_GATEWAYS=$remote=$(endpoint "$remote-$number" gateway)")
    [ "$tls" = no ] || environment+=(NATS_TLS=yes "NATS_TLS_CA=$mesh/tls/ca.pem" "NATS_TLS_CERT=$mesh/tls/$node.pem"
        "NATS_TLS_KEY=$mesh/tls/$node-key.pem")
}

# start_node NODE: starts the node in a new session, so Ctrl-C and the end of this terminal do not reach it.
start_node()
{
    # Child and parent both write the pid file: the child, in case the parent dies first; the parent, because it reads it next.
    local -a environment inside=()
    node_environment "$1"
    [ -z "${netns_of[${1%-*}]:-}" ] || inside=(nsenter "--net=/run/netns/${netns_of[${1%-*}]}")
    mkdir -p "$mesh/$1"
    (
        exec >>"$mesh/$1/log" 2>&1 </dev/null 8>&-
        write_pid "$mesh/$1/pid" "$BASHPID"
        cd /
        exec setsid "${inside[@]}" env -i "${environment[@]}" "$here/start-nats.sh"
    ) &
    write_pid "$mesh/$1/pid" $!
}

check_node()
{
    local node
    for node in "${nodes[@]}"; do
        [ "$node" != "${1-}" ] || return 0
    done
    wrong "which node? one of ${nodes[*]}"
}

start_one()
{
    check_node "$@"
    take_lock
    if alive "$1"; then say "$1 runs already"; else start_node "$1"; fi
}

# --- ending ----------------------------------------------------------------------------------------------------------

# wait_gone SECONDS NODE: waits until the process has ended.
wait_gone()
{
    local until=$((SECONDS + $1))
    while alive "$2"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.05
    done
}

kill_node()
{
    local pid started signal=${2:-KILL}
    check_node "$@"
    if ! alive "$1"; then
        say "$1 does not run"
        return
    fi
    pid_of "$1"
    kill -s "$signal" "$pid" || exit 2
    case ${signal#SIG} in
    KILL | TERM | INT | QUIT | 9 | 15 | 2 | 3) wait_gone 20 "$1" || die "$1 still runs 20 s after SIG${signal#SIG}" ;;
    esac
}

# Ends all six nodes, because nodes of an earlier shape may still run.
stop_all()
{
    local node pid started
    local -a left=()
    for node in sea-a-{1..3} sea-b-{1..3}; do
        alive "$node" || continue
        pid_of "$node"
        kill -s CONT "$pid" 2>/dev/null || true
        kill -s TERM "$pid" 2>/dev/null || true
        left+=("$node")
    done
    for node in "${left[@]}"; do
        wait_gone 10 "$node" && continue
        say "$node does not end on SIGTERM: SIGKILL"
        pid_of "$node" && kill -s KILL "$pid" 2>/dev/null
        wait_gone 10 "$node" || die "$node cannot be ended"
    done
}

# --- the owner -------------------------------------------------------------------------------------------------------

# With --owner, a background process waits for the end of the owner, so a killed test leaves no servers.
watch_owner()
{
    local word
    [ -n "$owner" ] || return 0
    word=$(process "$owner") || die "--owner $owner: no such process"
    stop_watch
    (
        exec >/dev/null 2>&1 </dev/null 8>&-
        write_pid "$mesh/watch.pid" "$BASHPID"
        exec setsid "$here/local-mesh" watch --dir "$mesh" "$owner" "${word#* }"
    ) &
    write_pid "$mesh/watch.pid" $!
}

watch()
{
    local nothing
    cd /
    exec {nothing}<> <(:)
    while is_process "$1" "$2"; do
        [ -e "$mesh/mesh.env" ] || exit 0
        # A signal ends `read` immediately, but not `sleep`.
        read -r -t 1 -u "$nothing" || true
    done
    down
}

stop_watch()
{
    local pid started
    { read -r pid started <"$mesh/watch.pid"; } 2>/dev/null || return 0
    [ "$pid" != $$ ] || return 0
    if is_process "$pid" "$started"; then kill -s TERM "$pid"; fi
    while is_process "$pid" "$started"; do sleep 0.02; done
}
