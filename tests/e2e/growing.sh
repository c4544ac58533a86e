#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# growing.sh PROGRAM: starts a single server and a new cluster, as in infra/nats/README.md, "Growing". The program then moves
# the streams and grows the cluster to a mesh. E2E_SINGLE_URL: the single server; E2E_NATS_A_URLS: the cluster.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
need_server

down() { "$root/infra/nats/local-mesh" down --dir "$scratch/$1"; }
up() { "$root/infra/nats/local-mesh" up --private "$scratch/$1" --shape "$1" --owner $$ --server "$server"; }

clean_up()
{
    local status=$?
    trap - EXIT INT TERM HUP
    down single || status=1
    down cluster || status=1
    rm -rf "$scratch"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

variables=$(up single)
eval "$variables"
export E2E_SINGLE_URL=$E2E_NATS_A_URL
variables=$(up cluster)
eval "$variables"
# Server and cluster have different passwords; both accept a client without a login.
unset E2E_NATS_APP_USER E2E_NATS_APP_PASSWORD
"$@"
