#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# with_mesh.sh [LOCAL-MESH-OPTION...] -- COMMAND...: runs the command on the mesh that E2E_NATS_A_URL and E2E_NATS_B_URL name,
# else on a private mesh that is removed afterwards. Exit status: that of the command; 1 if processes or files of the mesh
# remain; 77 without a nats-server. E2E_NATS_SERVER: path of the nats-server to use.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1") && shift; done
shift || { echo "with_mesh: no -- COMMAND" >&2 && exit 2; }

if [ -n "${E2E_NATS_A_URL:-}${E2E_NATS_B_URL:-}" ] && [ ${#options[@]} -eq 0 ]; then
    echo "on the mesh of E2E_NATS_A_URL=${E2E_NATS_A_URL:-} E2E_NATS_B_URL=${E2E_NATS_B_URL:-}"
    exec "$@"
fi
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
need_server
options+=(--server "$server")

clean_up()
{
    local left status=0
    mesh down
    [ ! -e "$scratch/mesh" ] || { echo "left behind: $scratch/mesh" >&2 && status=1; }
    left=$(pgrep -f "$scratch/" || true)
    [ -z "$left" ] || { echo "left running: $left" >&2 && status=1; }
    return $status
}
at_end=clean_up

variables=$("$root/infra/nats/local-mesh" up --private "$scratch/mesh" --owner $$ "${options[@]}")
eval "$variables"
"$@"
