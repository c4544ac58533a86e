#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Health check of a container: exit status 0 if this environment's nats-server is ready, else 1 and one line that says why not.
# Only this node is checked; the mesh is ready if every node is (README.md, "Topology"). A node without a leader, or behind its
# leader, is unhealthy; its leader stays healthy. Runs in busybox.
set -uf

port=${NATS_HTTP:-127.0.0.1:8222}
port=${port##*:}

not_ready()
{
    echo "not ready: $*"
    exit 1
}

# page PATH: prints the page without blanks and line breaks. The time limit is that of the health check, because busybox 1.35
# crashes on `wget -T`.
page() { wget -q -O - "http://127.0.0.1:$port$1" 2>/dev/null | tr -d ' \t\r\n'; }

# healthy PATH: the page has status 200 and "ok".
healthy()
{
    case $(page "$1") in
    *'"status":"ok"'*) ;;
    *) not_ready "nats-server says so, or does not answer: $1" ;;
    esac
}

# JetStream has a leader and three members, and this node is current. If the leader is not a node of this cluster, the clusters
# share a system account, and so one meta group.
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
    esac # servers before 2.10 have no route names
}

# NATS_GATEWAYS is cluster=host:port; start-nats.sh has checked it.
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
