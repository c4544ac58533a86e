# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Common parts of the tests of `seamq mesh`: the configuration of a local mesh, and retries until the output is as expected.
# Needs $root, and $seamq, the program.

: "${root?}" "${seamq?}"
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
need_server

# configure DIR: sets SEAMQ_CONFIG and E2E_* for the mesh in DIR.
configure()
{
    eval "$("$root/infra/nats/local-mesh" env --dir "$1")"
    export SEAMQ_CONFIG=$scratch/seamq.ini
    "$root/infra/nats/local-mesh" config --dir "$1" >"$SEAMQ_CONFIG"
}

# request URL SUBJECT [BODY]: sends one request and sets $answer.
request() { answer=$(timeout=10 ask "$1" "$2" "${3-}") && [ -n "$answer" ]; }

# add_stream SIDE NAME [CONFIG]: creates a stream with $replicas (3) replicas, with retries; sets $answer. SIDE is A or B.
add_stream()
{
    local -n url=E2E_NATS_$1_URL
    local until=$((SECONDS + 60))
    answer=''
    while [ $SECONDS -lt $until ]; do
        request "$url" "\$JS.API.STREAM.CREATE.$2" \
            "{\"name\":\"$2\",\"num_replicas\":${replicas:-3},\"storage\":\"file\",\"retention\":\"limits\"${3:+,$3}}" || continue
        # 10058: the stream exists, created by an earlier request whose response was lost.
        case $answer in *'"err_code":10058'*) return ;; *'"error"'*) ;; *'"config"'*) return ;; esac
    done
    fail "cannot create the stream $2: $answer"
}

# finds TEXT...: repeats mesh verify until it prints all texts and exits with status 1.
finds()
{
    local until=$((SECONDS + 90)) text status=0 missing
    checks=$((checks + $#))
    while :; do
        status=0 missing=''
        "$seamq" mesh verify >"$scratch/said" 2>&1 || status=$?
        for text in "$@"; do
            grep -qF -- "$text" "$scratch/said" || missing=$text
        done
        [ -n "$missing" ] || [ "$status" != 1 ] || return 0
        [ $SECONDS -lt $until ] || break
    done
    fail "mesh verify (exit status $status) does not say \"${missing:-that something is wrong}\""
    sed 's/^/    /' "$scratch/said" >&2
}
