#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# provision_many.sh SEAMQ [COUNT]: measures the creation of COUNT (1000) streams on one server, and with three replicas on a
# cluster of three; a second run must change nothing. Prints the figures of docs/provisioning.md. (A second run should take less
# than a tenth of the time on an idle machine. This is not checked, because it would fail on a busy one.)
# shellcheck disable=SC2317 # functions are called through expect
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seamq=$1 count=${2:-1000}
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
need_server
at_end='mesh down'

# ini REPLICAS: prints the configuration.
ini()
{
    local i
    printf '[stream.DEFAULT]\nreplicas = %s\nmax_age = 7d\n' "$1"
    for ((i = 1; i <= count; i++)); do printf '[stream.S%05d]\nsubjects = s%05d.>\n' "$i" "$i"; done
}

# timed TEXT: applies the file, expects TEXT in the output, sets $took (milliseconds).
timed()
{
    local begin=${EPOCHREALTIME/./}
    expect 0 "$1" 'apply' "$seamq" stream apply "$scratch/streams.ini" provision.timeout=10m
    took=$(((${EPOCHREALTIME/./} - begin) / 1000))
}

# measure SHAPE REPLICAS: times the first and the second run on a new mesh.
measure()
{
    local first
    eval "$("$root/infra/nats/local-mesh" up --private "$scratch/mesh" --server "$server" --owner $$ --shape "$1")"
    export NATS_URL=$E2E_NATS_A_URLS NATS_USER=$E2E_NATS_APP_USER NATS_PASSWORD=$E2E_NATS_APP_PASSWORD
    ini "$2" >"$scratch/streams.ini"
    timed "$count created, 0 updated, 0 unchanged"
    first=$took
    timed "0 created, 0 updated, $count unchanged"
    echo "$1, $count streams with $2 replica(s): $first ms; again: $took ms, $((took * 1000 / first)) thousandths of it"
    mesh down >/dev/null 2>&1
}

measure single 1
measure cluster 3
finish
