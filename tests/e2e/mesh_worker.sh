#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mesh_worker.sh PROGRAM: runs the test of a worker's permissions on a private mesh that grants exactly these.
# shellcheck disable=SC2016 # what is odd in passwords; but no " and \, which nats.c does not escape in its CONNECT
set -euo pipefail
export NATS_WORKER_PASSWORD='a worker, {its} pass$word # 5m' NATS_WORKER_CONSUMERS=SEA_A_WORK/worker
export NATS_WORKER_DEAD_LETTER=SEA_A_DLQ NATS_WORKER_OUTPUTS='worked.>'
export E2E_NATS_WORKER_PASSWORD=$NATS_WORKER_PASSWORD
exec "$(dirname "${BASH_SOURCE[0]}")/with_mesh.sh" --shape mesh -- "$@"
