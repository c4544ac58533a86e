# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks whether a mesh is ready by the monitoring port of every node: JetStream has a leader in the node's own cluster and three
# members, the node is current, and it has an outbound gateway. Sourced by local-mesh.
# shellcheck disable=SC2154 # nodes

: "${mesh?}" "${shape?}" "${json?}" "${fresh?}"

# http_get ADDRESS:PORT PATH: sets $page. Uses only bash, so no HTTP client is needed.
http_get()
{
    local fd status=0
    page=''
    { exec {fd}<>"/dev/tcp/${1%:*}/${1#*:}"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&"$fd"
    IFS= read -r -t 2 -d '' -u "$fd" page || status=$?
    exec {fd}>&-
    [ $status -le 128 ] && [[ $page == HTTP/1.?" 200 "* ]]
}

# look NODE: sets $leader, $size, $outbound and $why (empty: ready).
look()
{
    local remote=sea-b monitor page
    leader='' size='' outbound='' why=''
    alive "$1" || { why="does not run" && return; }
    monitor=$(endpoint "$1" monitor)
    if [ "$shape" = single ]; then
        http_get "$monitor" /healthz || why="not healthy yet"
        return
    fi
    http_get "$monitor" /jsz || { why="does not answer yet" && return; }
    page=${page#*\"meta_cluster\":}
    [[ $page =~ \"leader\":\ *\"([^\"]*)\" ]] && leader=${BASH_REMATCH[1]}
    [[ $page =~ \"cluster_size\":\ *([0-9]+) ]] && size=${BASH_REMATCH[1]}
    case $leader in
    '') why="JetStream has no leader yet" ;;
    "${1%-*}"-*) alive "$leader" || why="its JetStream leader $leader does not run" ;;
    *) why="led by $leader, a node of the other cluster: the system accounts are shared" ;;
    esac
    if [ -z "$why" ] && [ "$size" != 3 ]; then why="meta size ${size:-unknown}, not 3"; fi
    # The node is asked, not its leader: an idle 2.10 leader reports a restarted follower as not current until the next write.
    if [ -z "$why" ] && ! http_get "$monitor" '/healthz?js-server-only=true'; then why="behind its JetStream leader yet"; fi
    [ "$shape" = mesh ] || return 0
    [[ $1 != sea-b-* ]] || remote=sea-a
    if http_get "$monitor" /gatewayz && [[ $page =~ \"outbound_gateways\":\ *\{[[:space:]]*\"$remote\" ]]; then
        outbound=$remote
    else
        why=${why:-no outbound gateway to $remote yet}
    fi
}

seconds_since() { awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }'; }

# wait_ready SECONDS NODE...: prints each node when it is ready, and at the deadline what is missing.
wait_ready()
{
    local until=$((SECONDS + $1)) size_deadline=$((SECONDS + 10)) began=$EPOCHREALTIME node leader size outbound why
    local -a left=() waiting
    shift
    for node in "$@"; do check_node "$node"; done
    waiting=("$@")
    while :; do
        left=() wrong_size=no
        for node in "${waiting[@]}"; do
            look "$node"
            if [ -n "$why" ]; then
                left+=("$node: $why")
            elif [ ${#waiting[@]} -gt 0 ]; then
                say "$node ready after $(seconds_since "$began") s${leader:+, JetStream led by $leader}${outbound:+, gateway to $outbound}"
            fi
        done
        [ ${#left[@]} -gt 0 ] || return 0
        waiting=("${left[@]%%:*}")
        for node in "${waiting[@]}"; do
            alive "$node" || { say "$node ended" && return 1; }
        done
        [[ "${left[*]}" != *"meta size"* ]] || wrong_size=yes
        if [ $SECONDS -ge $until ] || { [ "$fresh$wrong_size" = yesyes ] && [ $SECONDS -ge $size_deadline ]; }; then
            printf 'local-mesh: not ready: %s\n' "${left[@]}" >&2
            return 1
        fi
        sleep 0.1
    done
}

port_was_taken()
{
    local node
    for node in "${nodes[@]}"; do
        ! grep -qs "address already in use" "$mesh/$node/log" || return 0
    done
    return 1
}

# Prints the last log lines of nodes that have ended.
show_why()
{
    local node
    for node in "${nodes[@]}"; do
        ! alive "$node" || continue
        grep -sE '^start-nats:|\[(FTL|ERR)\]|nats-server: ' "$mesh/$node/log" | tail -n 3 | sed "s/^/local-mesh: $node: /" >&2 ||
            true
    done
}

show_status()
{
    local node leader size outbound why ready=0 pid
    # shellcheck disable=SC2034
    local started
    [ "$json" = yes ] || printf '%-8s %8s  %-22s %-9s %4s  %-8s %s\n' NODE PID CLIENT LEADER SIZE GATEWAY STATE
    for node in "${nodes[@]}"; do
        look "$node"
        [ -n "$why" ] || ready=$((ready + 1))
        pid_of "$node" && alive "$node" || pid=0
        if [ "$json" = yes ]; then
            printf '{"node":"%s","pid":%d,"client":"%s","leader":"%s","meta_size":%d,"outbound":"%s","ready":%s,"why":"%s"}\n' \
                "$node" "$pid" "$(endpoint "$node" client)" "$leader" "${size:-0}" "$outbound" \
                "$([ -z "$why" ] && echo true || echo false)" "$why"
        else
            printf '%-8s %8s  %-22s %-9s %4s  %-8s %s\n' "$node" "$pid" "$(endpoint "$node" client)" "${leader:--}" \
                "${size:--}" "${outbound:--}" "${why:-ready}"
        fi
    done
    [ "$json" = yes ] || echo "$ready of ${#nodes[@]} ready ($shape, $mesh)"
    [ $ready -eq ${#nodes[@]} ]
}
