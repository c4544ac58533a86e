# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2317 # server, for those who source this; what traps call
# For the scripts here: a nats-server, a scratch folder, a count of what failed. Wants $root.

: "${root?}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/seamq-e2e.XXXXXX")
failures=0
checks=0

# Whatever the end: at_end, a command, then the scratch folder goes. A command that fails fails the test.
at_end=:
leave()
{
    local status=$?
    trap - EXIT INT TERM HUP
    $at_end || status=1
    rm -rf "$scratch"
    exit "$status"
}
trap leave EXIT
trap 'exit 1' INT TERM HUP

# Sets server, or skips.
need_server()
{
    local candidate
    for candidate in "${E2E_NATS_SERVER:-}" "${SEAMQ_NATS_SERVER:-}" "$root/.deps/bin/nats-server" nats-server; do
        [ -n "$candidate" ] || continue
        if server=$(command -v "$candidate"); then return; fi
        [ "$candidate" != "${E2E_NATS_SERVER:-}" ] || break
    done
    echo "SKIP: no nats-server ${E2E_NATS_SERVER:+at $E2E_NATS_SERVER }(infra/bootstrap/bootstrap.sh brings one)"
    exit 77
}

mesh() { local verb=$1 && shift && "$root/infra/nats/local-mesh" "$verb" --dir "$scratch/mesh" "$@"; }

fail()
{
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}

# expect STATUS TEXT WHAT COMMAND...: it must end so and say the text ("": nothing at all).
expect()
{
    local status=$1 text=$2 what=$3 got=0 before=$failures
    shift 3
    checks=$((checks + 1))
    "$@" >"$scratch/out" 2>&1 || got=$?
    [ "$got" = "$status" ] || fail "$what: exit status $got, not $status"
    if [ -z "$text" ]; then
        [ ! -s "$scratch/out" ] || fail "$what: should say nothing"
    else
        grep -qF -- "$text" "$scratch/out" || fail "$what: does not say \"$text\""
    fi
    [ $failures -eq "$before" ] || sed 's/^/    /' "$scratch/out" >&2
}

# request PORT SUBJECT BODY TEXT: JetStream's answer to it, in the server's own protocol; asked again until it has the text.
request()
{
    local until=$((SECONDS + 20)) answer
    while :; do
        answer=$(ask "$1" "$2" "$3")
        case $answer in *"$4"*) break ;; esac
        [ "$SECONDS" -lt "$until" ] || break
    done
    printf '%s\n' "${answer:-no answer}"
}

# ask PORT|URL SUBJECT BODY: the first answer, or what the server has against it. Without a login, or with that of $login:
# ,"user":"NAME","pass":"PASSWORD". Waits $patience seconds (2).
ask()
{
    local fd line size answer='' port=${1##*:} host=${1#*://}
    host=${host%:*}
    [ "$host" != "$port" ] || host=127.0.0.1
    { exec {fd}<>"/dev/tcp/$host/$port"; } 2>/dev/null || return 1
    printf 'CONNECT {"verbose":false%s}\r\nSUB _INBOX.x 1\r\nPUB %s _INBOX.x %d\r\n%s\r\n' "${login:-}" "$2" ${#3} "$3" >&"$fd"
    while IFS= read -r -t "${patience:-2}" -u "$fd" line; do
        case $line in
        PING*) printf 'PONG\r\n' >&"$fd" ;;
        -ERR*) answer=$line && break ;;
        MSG*)
            size=${line##* } size=${size%$'\r'}
            IFS= read -r -t "${patience:-2}" -N "$size" -u "$fd" answer
            break
            ;;
        esac
    done
    exec {fd}>&-
    printf '%s\n' "$answer"
}

finish()
{
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
    exit
}
