# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2317 # server, for those who source this; what traps call
# Common parts of the scripts in this folder: a nats-server, a scratch folder, a count of failures. Needs $root.

: "${root?}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/seamq-e2e.XXXXXX")
failures=0
checks=0

# At every exit: runs the command $at_end, whose failure fails the test, and removes the scratch folder.
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

# Sets $server to the nats-server under test; skips the test without one.
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

# expect STATUS TEXT WHAT COMMAND...: the command must exit with STATUS and print TEXT ("": no output).
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

# request PORT SUBJECT BODY TEXT: prints JetStream's response; repeats the request for 20 s until the response has TEXT.
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

# ask PORT|URL SUBJECT BODY: prints the first response, or the server's -ERR line, by the NATS protocol over bash's /dev/tcp.
# $login: ,"user":"NAME","pass":"PASSWORD" or empty. $timeout: seconds to wait (2).
ask()
{
    local fd line size answer='' port=${1##*:} host=${1#*://}
    host=${host%:*}
    [ "$host" != "$port" ] || host=127.0.0.1
    { exec {fd}<>"/dev/tcp/$host/$port"; } 2>/dev/null || return 1
    printf 'CONNECT {"verbose":false%s}\r\nSUB _INBOX.x 1\r\nPUB %s _INBOX.x %d\r\n%s\r\n' "${login:-}" "$2" ${#3} "$3" >&"$fd"
    while IFS= read -r -t "${timeout:-2}" -u "$fd" line; do
        case $line in
        PING*) printf 'PONG\r\n' >&"$fd" ;;
        -ERR*) answer=$line && break ;;
        MSG*)
            size=${line##* } size=${size%$'\r'}
            IFS= read -r -t "${timeout:-2}" -N "$size" -u "$fd" answer
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
