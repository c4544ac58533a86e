#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Is the nats-server of this environment ready, as a health check of a container: 0, or 1 and one line that says why not.
# Asked of this node alone; ready on every node is ready as a whole (README.md, "Topology"). A node speaks for itself: one
# that has lost its leader or is behind says so, and the leader does not turn unhealthy for it. Runs in busybox.
set -uf

port=${NATS_HTTP:-127.0.0.1:8222}
port=${port##*:}

not_ready()
{
    echo "not ready: $*"
    exit 1
}

# page PATH: without blanks and line breaks. The time limit is the health check's own: busybox 1.35 crashes on `wget -T`.
page() { wget -q -O - "http://127.0.0.1:$port$1" 2>/dev/null | tr -d ' \t\r\n'; }

# healthy PATH: 200 and "ok".
healthy()
{
    case $(page "$1") in
    *'"status":"ok"'*) ;;
    *) not_ready "nats-server says so, or does not answer: $1" ;;
    esac
}

# JetStream has a leader, three members, and this node is up to date with them. A leader that is no node of this cluster means
# that the clusters share a system account, and with it one meta group.
check_meta_group()
{
    healthy '/healthz?js-server-only=true'
    meta=$(page /jsz)
    meta=${meta#*'"meta_cluster":'}
    leader=$(echo "$meta" | sed -n 's/.*"leader":"\([^"]*\)".*/\1/p')
    size=$(echo "$meta" | sed -n 's/.*"cluster_size":\([0-9]*\).*/\1/p')
    [ -n "$leader" ] || not_ready "JetStream has no leader"
    [ "$size" = 3 ] || not_ready "JetStream's meta group is of ${size:-unknown size}, not of 3"
    [ "$leader" = "$NATS_SERVER_NAME" ] && return
    case $(page /routez) in
    *'"remote_name":"'"$leader"'"'*) ;;
    *'"remote_name":'*) not_ready "JetStream's leader $leader is no node of this cluster that this one has a route to" ;;
    esac # before 2.10 routes have no names
}

# NATS_GATEWAYS is cluster=host:port, as start-nats.sh has checked.
check_gateway()
{
    remote=${NATS_GATEWAYS%%=*}
    outbound=$(page /gatewayz)
    outbound=${outbound#*'"outbound_gateways":{'}
    case $outbound in
    '"'"$remote"'":{'*) ;;
    *) not_ready "no outbound gateway to $remote" ;;
    esac
}

case ${NATS_SHAPE:-single} in
single) healthy /healthz ;;
cluster) check_meta_group ;;
mesh) check_meta_group && check_gateway ;;
esac
