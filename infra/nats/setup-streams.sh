#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Provisions streams and consumers of a JetStream domain from the environment: finds seamq and runs `seamq stream apply --env`.
# Runs in busybox. docs/provisioning.md lists the variables.
set -u

usage()
{
    cat <<'END'
usage: setup-streams.sh [--dry-run] [--json]

Makes a JetStream domain have the streams and consumers of the environment; as often as you like, from as many places as you
like. Creates and updates, never deletes, refuses what would lose data. The least:

  NATS_URL=nats://127.0.0.1:4222 SEAMQ_STREAMS="ORDERS AUDIT"
  SEAMQ_STREAM_ORDERS_SUBJECTS="orders.>" SEAMQ_STREAM_AUDIT_SUBJECTS="audit.>"

More: NATS_USER NATS_PASSWORD NATS_CREDS NATS_CA..., NATS_JS_DOMAIN, SEAMQ_STREAM_<NAME>_<KEY>, SEAMQ_STREAM_DEFAULT_<KEY>,
SEAMQ_CONSUMERS="ORDERS/billing", SEAMQ_CONSUMER_<STREAM>_<NAME>_<KEY>, SEAMQ_PROVISION_TIMEOUT, SEAMQ_PROVISION_DRY_RUN.
SEAMQ_BIN: the seamq program, where it is neither beside this script nor in PATH nor in build/bin of the checkout.

Exit status: 0 the domain has it all, 1 it has not, 2 the environment is wrong.
END
}

fail()
{
    echo "setup-streams: $*" >&2
    exit 2
}

# Sets $seamq to the program.
find_seamq()
{
    if [ -n "${SEAMQ_BIN:-}" ]; then
        seamq=$SEAMQ_BIN
        if [ ! -x "$seamq" ] || [ -d "$seamq" ]; then fail "SEAMQ_BIN: $seamq is no program that can be run"; fi
        return
    fi
    here=$(cd "$(dirname "$0")" && pwd) || exit 1
    for seamq in "$here/seamq" "$(command -v seamq || true)" "$here/../../build/bin/seamq"; do
        if [ -n "$seamq" ] && [ -x "$seamq" ] && [ ! -d "$seamq" ]; then
            return
        fi
    done
    fail "there is no seamq beside this script ($here), in PATH, or in build/bin (run \`make build\`, or set SEAMQ_BIN to it)"
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac
find_seamq
exec "$seamq" stream apply --env "$@"
