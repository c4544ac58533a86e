#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The nats command shows each domain from either side: `nats --domain sea-a stream ls`. On any mesh.
# shellcheck disable=SC2317 # functions are called through expect
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/lib.sh
. "$root/tests/e2e/lib.sh"
# shellcheck source=tests/e2e/nats_command.sh
. "$root/tests/e2e/nats_command.sh"

skip()
{
    echo "SKIP: $*"
    exit 77
}

# on URL ARGUMENT...: runs the nats command on that server, without the contexts of the user who runs the test.
on()
{
    local url=$1 login=()
    shift
    [ -z "${E2E_NATS_APP_USER:-}" ] || login=(--user "$E2E_NATS_APP_USER" --password "${E2E_NATS_APP_PASSWORD:-}")
    [ -z "${E2E_NATS_CA:-}" ] || login+=(--tlsca "$E2E_NATS_CA")
    env -u NATS_URL XDG_CONFIG_HOME="$scratch" "$cli" --server "$url" "${login[@]}" --timeout 10s "$@"
}

# The streams of this run in a domain, as a server of either side lists them.
streams() { on "$1" --domain "$2" stream ls --names | grep -E "_CLI_$$\$" | tr '\n' ' '; }

# Creates a stream in each domain from its own side, without a domain in the command.
add_streams()
{
    local letter
    for letter in A B; do
        expect 0 "Stream SEA_${letter}_CLI_$$ was created" "a stream on $letter" on "$(url_of $letter)" stream add \
            "SEA_${letter}_CLI_$$" --subjects "e2e.cli.$letter.$$" --replicas 3 --defaults
    done
}

url_of() { if [ "$1" = A ]; then echo "$E2E_NATS_A_URL"; else echo "$E2E_NATS_B_URL"; fi; }

each_domain_shows_its_own_streams_only()
{
    local from
    for from in A B; do
        expect 0 "SEA_A_CLI_$$" "stream ls of sea-a on $from" on "$(url_of $from)" --domain sea-a stream ls
        expect 0 "SEA_B_CLI_$$" "stream ls of sea-b on $from" on "$(url_of $from)" --domain sea-b stream ls
        expect 0 "SEA_A_CLI_$$ " "names of sea-a on $from" streams "$(url_of $from)" sea-a
        [ "$(cat "$scratch/out")" = "SEA_A_CLI_$$ " ] || fail "sea-a, asked on $from, has $(cat "$scratch/out")"
        expect 0 "SEA_B_CLI_$$ " "names of sea-b on $from" streams "$(url_of $from)" sea-b
        [ "$(cat "$scratch/out")" = "SEA_B_CLI_$$ " ] || fail "sea-b, asked on $from, has $(cat "$scratch/out")"
    done
}

each_stream_lives_in_its_own_cluster()
{
    local from letter domain
    for from in A B; do
        for letter in A B; do
            domain=sea-${letter,}
            expect 0 "\"leader\": \"$domain-" "leader of SEA_${letter}_CLI on $from" on "$(url_of $from)" --domain "$domain" \
                stream info "SEA_${letter}_CLI_$$" --json
            [ "$(grep -cE "\"(leader|name)\": \"$domain-[123]\"" "$scratch/out")" = 3 ] ||
                fail "SEA_${letter}_CLI is not on the three nodes of $domain: $(tr -d '\n ' <"$scratch/out")"
        done
    done
}

a_message_is_read_in_the_other_domain()
{
    expect 0 "Published" "a publish on A" on "$E2E_NATS_A_URL" pub --jetstream "e2e.cli.A.$$" "over the gateway"
    expect 0 "over the gateway" "its stream on B" on "$E2E_NATS_B_URL" --domain sea-a stream get "SEA_A_CLI_$$" 1
}

remove_streams()
{
    expect 0 "" "remove from B" on "$E2E_NATS_B_URL" --domain sea-a stream rm --force "SEA_A_CLI_$$"
    expect 0 "" "remove from A" on "$E2E_NATS_A_URL" --domain sea-b stream rm --force "SEA_B_CLI_$$"
}

for name in E2E_NATS_A_URL E2E_NATS_B_URL; do
    [ -n "${!name:-}" ] || skip "$name is not set: no mesh to test (tests/e2e/with_mesh.sh starts one)"
done
find_nats_command || skip "$why"
echo "$cli $("$cli" --version 2>&1)"
add_streams
each_domain_shows_its_own_streams_only
each_stream_lives_in_its_own_cluster
a_message_is_read_in_the_other_domain
remove_streams
finish
