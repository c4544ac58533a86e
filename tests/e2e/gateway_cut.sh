#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# gateway_cut.sh WAN PROGRAM: runs the program on a mesh whose clusters are in two network namespaces. The line between them
# can be cut and slowed (E2E_WAN: the control socket of e2e-wan); clients reach both sides. Without root or unprivileged user
# namespaces the script prints why and skips. All processes are in one process namespace: when its first process ends, the
# kernel kills the others and removes the networks.
#
#            192.0.2.1 ── clients ── 192.0.2.5
#               │                        │
#     [ sea-a  192.0.2.2 ══ e2e-wan ══ 192.0.2.6  sea-b ]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

skip()
{
    echo "SKIP: $*"
    exit 77
}

apart=(unshare --net --mount --pid --fork --kill-child --mount-proc)

# Sets the array apart to a command that creates namespaces with a TUN device on this machine.
find_a_way()
{
    local as_it_is as_anybody
    command -v ip >/dev/null || skip "no ip command (package iproute2)"
    as_it_is=$("${apart[@]}" ip tuntap add dev probe mode tun 2>&1) && return
    apart+=(--user --map-root-user)
    as_anybody=$("${apart[@]}" ip tuntap add dev probe mode tun 2>&1) ||
        skip "needs root, network namespaces and /dev/net/tun: $as_it_is (in a user namespace: $as_anybody)"
}

if [ "${E2E_APART:-}" != yes ]; then
    find_a_way
    E2E_APART=yes exec "${apart[@]}" "${BASH_SOURCE[0]}" "$@"
fi

# make_site NAME OURS THEIRS: creates a namespace with a link for clients and one end of the line.
make_site()
{
    ip netns add "$1"
    ip link add "to-$1" type veth peer name clients netns "$1"
    ip address add "$2/30" dev "to-$1"
    ip link set "to-$1" up
    ip -n "$1" link set lo up
    ip -n "$1" address add "$3/30" dev clients
    ip -n "$1" link set clients up
    ip -n "$1" tuntap add dev line mode tun
    ip -n "$1" link set line up
}

mount -t tmpfs tmpfs /run
mkdir /run/netns
ip link set lo up
make_site sea-a 192.0.2.1 192.0.2.2
make_site sea-b 192.0.2.5 192.0.2.6
ip -n sea-a route add 192.0.2.6 dev line src 192.0.2.2
ip -n sea-b route add 192.0.2.2 dev line src 192.0.2.6
export E2E_WAN=/run/wan
"$1" "$E2E_WAN" line sea-a sea-b &
# No exec: the namespace ends with this shell.
status=0
"$here/with_mesh.sh" --shape mesh --at sea-a=192.0.2.2@sea-a --at sea-b=192.0.2.6@sea-b -- "$2" || status=$?
exit $status
