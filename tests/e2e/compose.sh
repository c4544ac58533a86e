#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests infra/docker: builds the image and starts each compose file as a user does. Project names, ports and image names are
# unique to the run and are removed afterwards. BASE_IMAGE and NATS_IMAGE set the base images (default: stand-ins), e.g.
# BASE_IMAGE=debian:trixie-slim NATS_IMAGE=nats:2.15.1-alpine tests/e2e/compose.sh; SEAMQ_IMAGE sets an image that is already
# built.
# shellcheck disable=SC2016,SC2317 # $JS is a subject; functions are called through expect
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
programs=${1:-$root/build/tests}

skip()
{
    rm -rf "$scratch"
    echo "SKIP: $*"
    exit 77
}
command -v docker >/dev/null || skip "no docker command"
docker version >/dev/null 2>&1 || skip "no Docker engine answers (docker version)"
docker compose version >/dev/null 2>&1 || skip "docker has no compose plugin (docker compose version)"
[ "$(id -u)" = 0 ] || [ -n "${BASE_IMAGE:-}${NATS_IMAGE:-}" ] || skip "not root, which the stand-in images need"

own_image=seamq-e2e:$$
project=seamq-e2e-$$
clean_up()
{
    trap - EXIT INT TERM HUP
    for shape in single cluster mesh; do
        compose down -v --remove-orphans -t 0 >/dev/null 2>&1
    done
    docker image rm -f "$own_image" "$own_image-build" >/dev/null 2>&1
    [ -z "${made_stand_ins:-}" ] || "$root/infra/docker/stand-in.sh" --remove >/dev/null 2>&1
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# compose ARGUMENT...: runs docker compose on the file of $shape. Cluster and mesh are one project, as they are for a user.
compose()
{
    case $shape in
    single) set -- -p "$project-single" -f "$root/infra/docker/docker-compose.yml" "$@" ;;
    cluster) set -- -p "$project" -f "$root/infra/docker/docker-compose.cluster.yml" "$@" ;;
    mesh) set -- -p "$project" -f "$root/infra/docker/docker-compose.mesh.yml" --profile nats-mesh "$@" ;;
    esac
    docker compose --ansi never --progress quiet "$@"
}

# poll SECONDS COMMAND...: repeats the command until it succeeds.
poll()
{
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

# --- images and ports ------------------------------------------------------------------------------------------------

make_images()
{
    local variables
    if [ -z "${BASE_IMAGE:-}" ] || [ -z "${NATS_IMAGE:-}" ]; then
        docker image inspect seamq-stand-in/debian:trixie-slim >/dev/null 2>&1 || made_stand_ins=yes
        variables=$("$root/infra/docker/stand-in.sh") || { fail "stand-in.sh" && finish; }
        eval "$variables"
    fi
    export BASE_IMAGE NATS_IMAGE
    [ -n "${SEAMQ_IMAGE:-}" ] || build_image
}

# The build stage also gets an image name, so that it can be removed.
build_image()
{
    local target
    export SEAMQ_IMAGE=$own_image
    for target in build run; do
        docker build -q --target $target --build-arg "BASE_IMAGE=$BASE_IMAGE" -f "$root/infra/docker/Dockerfile" \
            -t "$SEAMQ_IMAGE$([ $target = run ] || echo -build)" "$root" >"$scratch/build" 2>&1 ||
            { tail -n 30 "$scratch/build" >&2 && fail "docker build" && finish; }
    done
    echo "image: $(docker image inspect -f '{{.Size}}' "$SEAMQ_IMAGE") bytes, of which the base" \
        "$(docker image inspect -f '{{.Size}}' "$BASE_IMAGE")"
}

# Chooses prefixes of ports (00, 22, 23 or 24 is appended) on which no process listens.
take_ports()
{
    local first=$((100 + RANDOM % 150)) i used
    used=" $(awk 'FNR > 1 { sub(/.*:/, "", $2); print $2 }' /proc/net/tcp /proc/net/tcp6 | tr '\n' ' ')"
    for ((i = first * 100; i < first * 100 + 600; i++)); do
        case $used in *" $(printf '%04X' $i) "*) take_ports && return ;; esac
    done
    export SEA_A_PORTS=$first SEA_A_MONITOR_PORTS=$((first + 1)) SEA_B_PORTS=$((first + 2)) SEA_B_MONITOR_PORTS=$((first + 3))
    export NATS_PORT=$((first + 4))00 NATS_MONITOR_PORT=$((first + 5))00
    port_a=${SEA_A_PORTS}22 port_b=${SEA_B_PORTS}22
}

# --- checks ----------------------------------------------------------------------------------------------------------

# up ARGUMENT...: starts the services as a user does, and prints the duration.
up()
{
    local began=$EPOCHREALTIME took
    compose up -d --wait --wait-timeout 180 --no-build "$@" || { compose ps -a && compose logs --tail 5 && return 1; }
    took=$(awk -v from="$began" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }')
    echo "up: $shape${*:+ $*} in $took s" | tee -a "$scratch/times"
}

# all_healthy N: N containers run and all are healthy.
all_healthy()
{
    local states
    states=$(compose ps --format '{{.Health}}')
    [ "$(wc -l <<<"$states")" = "$1" ] && [ "$(sort -u <<<"$states")" = healthy ]
}

publish()
{
    local n
    for ((n = 0; n < $3; n++)); do
        [[ $(request "$1" "$2" "order $n" '"seq":') == *'"seq":'* ]] || { fail "no PubAck for $2" && return 1; }
    done
}

# handled SUBJECT N: the workers have logged N different messages.
handled()
{
    [ "$(compose logs --no-log-prefix worker 2>/dev/null | grep -o "subject=$1 seq=[0-9]*" | sort -u | wc -l)" = "$2" ]
}

# is_handled PORT SUBJECT N: publishes N messages and waits until the workers have handled them.
is_handled()
{
    publish "$1" "$2" "$3" && poll 60 handled "$2" "$3"
}

workers() { compose ps -q worker; }
container() { compose ps -q "$1"; }
in_worker() { docker exec "$(workers | head -n 1)" sh -c "$1"; }

a_worker_has_few_rights()
{
    expect 0 10001 'its user' in_worker 'id -u'
    expect 0 'CapEff:	0000000000000000' 'its capabilities' in_worker 'cat /proc/1/status'
    expect 0 'NoNewPrivs:	1' 'no new privileges' in_worker 'cat /proc/1/status'
    expect 2 'Read-only file system' 'its root' in_worker ': >/var/tmp/file'
    expect 2 'Read-only file system' 'its plugins' in_worker ': >/plugins/file'
    expect 0 '' 'its /tmp' in_worker ': >/tmp/file'
    expect 0 'worker' 'its secrets' in_worker '[ "$(ls /run/secrets)" = worker ] && ls /run/secrets'
}

# Process 1 reaps orphans of docker exec; orphans of handlers become children of process 1 in the same way.
no_zombies()
{
    in_worker '(sleep 0 &) ; (sleep 0 &)'
    poll 20 in_worker '! grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null'
}

# SIGTERM drains the worker within the grace period.
a_worker_drains()
{
    local id
    id=$(workers | head -n 1)
    docker stop "$id" >/dev/null && [ "$(docker inspect -f '{{.State.ExitCode}}' "$id")" = 0 ]
}

# left_nothing PROJECT: no container, volume or network of the project remains.
left_nothing()
{
    local filter=label=com.docker.compose.project=$1
    [ -z "$(docker ps -aq --filter "$filter")$(docker volume ls -q --filter "$filter")$(docker network ls -q --filter "$filter")" ]
}

# --- single ------------------------------------------------------------------------------------------------------------

# Passwords are removed from a copy of the site: the start fails and the error names them.
secrets_are_missed()
{
    cp -r "$root/infra/docker/dev" "$scratch/site"
    : >"$scratch/site/secrets/app"
    SEAMQ_SITE=$scratch/site compose up -d --no-build nats
    expect 0 'NATS_APP_PASSWORD: empty or not set' 'an empty password' poll 30 eval \
        'compose logs nats | grep "NATS_APP_PASSWORD: empty"'
    compose down -v -t 0
    rm "$scratch/site/secrets/worker"
    expect 1 "$scratch/site/secrets/worker" 'no file with the password' env SEAMQ_SITE="$scratch/site" \
        docker compose -p "$project-single" -f "$root/infra/docker/docker-compose.yml" up -d --no-build --no-deps worker
    compose down -v -t 0
}

a_single_server()
{
    shape=single
    secrets_are_missed
    expect 0 'up: single' 'single' up
    expect 0 '' 'all healthy' all_healthy 2
    expect 0 '' 'a message is handled' is_handled "$NATS_PORT" orders.sea-a.single 3
    a_worker_has_few_rights
    expect 0 '' 'no zombies' no_zombies
    expect 0 '' 'a worker drains' a_worker_drains
    expect 0 '' 'down' compose down -v
    expect 0 '' 'nothing is left' left_nothing "$project-single"
}

# --- a cluster that grows into a mesh -----------------------------------------------------------------------------------

a_cluster_that_grows()
{
    shape=cluster
    expect 0 'up: cluster' 'cluster' up
    expect 0 '' 'all healthy' all_healthy 4
    expect 0 '' 'a message is handled' is_handled "$port_a" orders.sea-a.cluster 3
    shape=mesh
    expect 0 'up: mesh' 'mesh on the same stores' up
    expect 0 '' 'all healthy' all_healthy 7
    expect 0 '"messages":3' 'the stream is kept' request "$port_a" '$JS.API.STREAM.INFO.SEA_A_ORDERS' '' '"messages":3'
    expect 0 '' 'down' compose down -v
    expect 0 '' 'nothing is left' left_nothing "$project"
}

# Runs the tests of a mesh on this mesh.
others_on_this_mesh()
{
    local test
    export E2E_NATS_A_URL=nats://localhost:$port_a E2E_NATS_B_URL=nats://localhost:$port_b
    export E2E_NATS_A_MONITOR_URLS="http://localhost:${SEA_A_MONITOR_PORTS}22 http://localhost:${SEA_A_MONITOR_PORTS}23 http://localhost:${SEA_A_MONITOR_PORTS}24"
    export E2E_NATS_B_MONITOR_URLS="http://localhost:${SEA_B_MONITOR_PORTS}22 http://localhost:${SEA_B_MONITOR_PORTS}23 http://localhost:${SEA_B_MONITOR_PORTS}24"
    for test in mesh_up federation_pubsub_across_clusters worker_across; do
        expect 0 PASSED "$test" "$programs/e2e-$test"
    done
}

streams_are_in_their_domains()
{
    local stream
    for stream in SEA_A_ORDERS SEA_A_DLQ; do
        expect 0 '"leader":"sea-a-' $stream request "$port_a" "\$JS.API.STREAM.INFO.$stream" '' '"leader":"sea-a-'
    done
    for stream in SEA_B_ORDERS SEA_B_DLQ; do
        expect 0 '"leader":"sea-b-' $stream request "$port_b" "\$JS.API.STREAM.INFO.$stream" '' '"leader":"sea-b-'
    done
}

workers_are_scaled()
{
    expect 0 'up: mesh' 'four workers' up --scale worker=4
    expect 0 '' 'all healthy' all_healthy 10
    expect 0 '' 'published in sea-b, kept in sea-a, handled' is_handled "$port_b" orders.sea-a.scaled 40
    expect 0 '' 'published in sea-a, kept in sea-b, handled' is_handled "$port_a" orders.sea-b.scaled 40
}

# Kills the stream leader's process with SIGKILL, like a crash: the restart policy starts the container again.
a_node_is_killed()
{
    local leader id was
    leader=$(request "$port_b" '$JS.sea-a.API.STREAM.INFO.SEA_A_ORDERS' '' '"leader":' | grep -o '"leader":"[^"]*"' | cut -d'"' -f4)
    id=$(container "$leader")
    was=$(docker inspect -f '{{.State.Pid}}' "$id")
    kill -9 "$was"
    expect 0 '' "without $leader" is_handled "$port_b" orders.sea-a.killed 20
    expect 0 '' "$leader is back" poll 120 all_healthy 10
    [ "$(docker inspect -f '{{.State.Pid}}' "$id")" != "$was" ] || fail "$leader was not killed"
}

# A worker that is configured with the servers of sea-b only consumes from sea-a.
from_the_other_side()
{
    expect 0 '' 'no workers' compose up -d --no-build --no-deps --scale worker=0 worker
    publish "$port_a" orders.sea-a.across 20
    compose run -d --no-deps -e SEAMQ_CLUSTER_SEA_A_URLS=nats://sea-b-1:4222,nats://sea-b-2:4222 \
        -e SEAMQ_HANDLER_ORDERS_CLUSTERS=sea-a --name "$project-across" worker >/dev/null
    # Messages delivered to pull requests of the ended workers are redelivered after ack wait.
    expect 0 '' 'sea-a from sea-b' poll 150 across_handled 20
    docker rm -f "$project-across" >/dev/null
}
across_handled()
{
    [ "$(docker logs "$project-across" 2>&1 | grep -o 'subject=orders.sea-a.across seq=[0-9]*' | sort -u | wc -l)" = "$1" ]
}

a_mesh()
{
    shape=mesh
    expect 0 'up: mesh' 'mesh' up
    expect 0 '' 'all healthy' all_healthy 7
    expect 0 'everything holds' 'seamq mesh verify' compose run --rm seamq mesh verify
    streams_are_in_their_domains
    others_on_this_mesh
    expect 0 'up: mesh' 'a second up changes nothing' up
    workers_are_scaled
    a_node_is_killed
    from_the_other_side
    expect 0 '' 'down' compose down -v
    expect 0 '' 'nothing is left' left_nothing "$project"
}

make_images
take_ports
a_single_server
a_cluster_that_grows
a_mesh
cat "$scratch/times"
finish
