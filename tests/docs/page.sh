#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# page.sh BUILD PAGE...: runs the code blocks of Markdown pages as printed, each page in one shell, in a copy of the
# checkout's layout and in a network namespace, where all ports are free. tests/docs/README.md lists the marks. Exit
# status: 0 every block works as the page says; 1 a block does not, or has no mark; 77 this machine cannot run the page.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

skip_page()
{
    echo "SKIP: $*"
    exit 77
}

# Ports 4222 and 9222, which the pages use, are free in a network namespace. The process namespace ends every process of a
# page together with its shell.
own_namespaces()
{
    local apart=(unshare --net --mount --pid --fork --kill-child --mount-proc)
    "${apart[@]}" true 2>/dev/null || apart+=(--user --map-root-user)
    "${apart[@]}" true 2>/dev/null || return 0
    DOCS_APART=yes exec "${apart[@]}" "${BASH_SOURCE[0]}" "$@"
}

# The nats command is built before the network namespace is entered, because Go may have to download it.
need_nats_command()
{
    (cd "$root" && grep -qE 'test: needs nats' "$@") || return 0
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/seamq-docs.XXXXXX")
    # shellcheck source=tests/e2e/nats_command.sh
    . "$root/tests/e2e/nats_command.sh"
    if find_nats_command; then PATH=$PATH:$(dirname "$cli"); else echo "SKIP: $why"; fi
    rm -rf "$scratch"
}

port_is_free() { ! (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null; }

if [ "${DOCS_APART:-}" = yes ]; then
    ip link set lo up || skip_page "the loopback interface of a network namespace does not come up"
else
    need_nats_command "${@:2}"
    export PATH
    own_namespaces "$@"
    for port in 4222 9222; do
        port_is_free $port || skip_page "port $port is in use, and this machine allows no network namespaces"
    done
fi

build=$(cd "$1" && pwd)
shift
scratch=$(mktemp -d "${TMPDIR:-/tmp}/seamq-docs.XXXXXX")
trap 'leave' EXIT
trap 'exit 1' INT TERM HUP

leave()
{
    trap - EXIT
    stop_background
    rm -rf "$scratch"
}

# --- the shell of a page --------------------------------------------------------------------------------------------

background=()
log=/dev/null

stop_background()
{
    local pid
    for pid in ${background[@]+"${background[@]}"}; do
        kill -TERM "$pid" 2>/dev/null
    done
    for pid in ${background[@]+"${background[@]}"}; do
        wait "$pid" 2>/dev/null
    done
    background=()
}

# wait_for COMMAND: repeats the command until it succeeds; 60 s at most.
wait_for()
{
    local until=$((SECONDS + 60))
    until eval "$*" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || { echo "not within 60 s: $*"; return 1; }
        sleep 0.1
    done
}

# Starts a nats-server with JetStream on port 4222, for blocks that need a server.
start_server()
{
    port_is_free 4222 || return 0
    "$server" -js -a 127.0.0.1 -p 4222 -sd "$scratch/jetstream.$RANDOM" >"$scratch/server.log" 2>&1 &
    background+=($!)
    wait_for '(: </dev/tcp/127.0.0.1/4222)'
}

# Makes the layout of a built checkout from links, so that files written by a page stay out of the tree.
make_checkout()
{
    local entry
    mkdir -p "$1"
    for entry in "$root"/* "$root"/.deps; do
        case ${entry##*/} in build | my-* ) continue ;; esac
        ln -sfn "$entry" "$1/${entry##*/}"
    done
    ln -sfn "$build" "$1/build"
}

# --- comparing ------------------------------------------------------------------------------------------------------

# Replaces text that differs between runs: times, durations, processes, addresses, ports, paths of this test.
plain()
{
    sed -E -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+Z?/TIME/g' -e 's/\b[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?/TIME/g' \
        -e 's/pid=[0-9]+/pid=N/g' -e 's/"pid":[0-9]+/"pid":N/g' -e 's/0x[0-9a-f]+/ADDRESS/g' -e 's/\b[0-9]{16,}\b/CREATED/g' \
        -e "s#$scratch/[a-z]*#DIR#g" -e 's/\b[0-9]+(\.[0-9]+)? ?(ns|us|ms|s|m|h)\b/DURATION/g' -e 's/[ \t]+/ /g' -e 's/ $//'
}

# matches WANTED ACTUAL: ACTUAL has every line of WANTED, in this order; `...` stands for any text, alone for any lines.
matches()
{
    local line found pattern actual
    while IFS= read -r line; do
        case $line in '' | ...) continue ;; esac
        pattern=${line//\\/\\\\} pattern=${pattern//\*/\\*} pattern=${pattern//\?/\\?} pattern=${pattern//\[/\\[}
        pattern=${pattern//.../*}
        found=no
        while IFS= read -r actual <&4; do
            # shellcheck disable=SC2053 # a pattern is meant
            if [[ $actual == $pattern ]]; then
                found=yes
                break
            fi
        done
        [ $found = yes ] || { missing=$line; return 1; }
    done < <(plain <"$1") 4< <(plain <"$2")
}

# --- the kinds of block ---------------------------------------------------------------------------------------------

fail()
{
    echo "FAIL: $page:$line: $*"
    failures=$((failures + 1))
}

count() { counts[$1]=$((${counts[$1]:-0} + 1)); }

# Runs a block in this shell, so that folder and variables remain. Every command must succeed, or the block must end with
# the status in its mark.
run_block()
{
    local wanted=$1 status failed=
    count run
    trap 'failed=$?' ERR
    eval "$(cat "$block")" >"$out" 2>&1 </dev/null
    status=$?
    trap - ERR
    [ "$wanted" != 0 ] || [ -z "$failed" ] || status=$failed
    [ "$status" = "$wanted" ] || { fail "exit status $status, not $wanted"; sed 's/^/    /' "$block" "$out"; }
}

run_background()
{
    local pattern=$1
    count run
    log=$scratch/background.$n
    (eval "exec $(cat "$block")") >"$log" 2>&1 </dev/null &
    background+=($!)
    wait_for "grep -qE -- '$pattern' $log" || { fail "no output that matches \"$pattern\""; sed 's/^/    /' "$block" "$log"; }
}

compare()
{
    local actual=$1 until=$((SECONDS + $2)) missing=
    count compared
    until matches "$block" "$actual"; do
        [ $SECONDS -lt $until ] || { fail "the output has no line \"$missing\""; sed 's/^/    /' "$actual"; return; }
        sleep 0.2
    done
}

# Creates the plugins of a configuration's handlers; one plugin of any name if it has no handler.
plugin_names()
{
    awk -F '[].= ]+' '/^\[/ { if (name != "") print name; name = "" }
        /^\[handler\./ { name = $2; n++ }
        /^plugin *=/ { name = $2; sub(/\.so$/, "", name) }
        END { if (name != "") print name; if (!n) print "some" }' "$1"
}

# Checks a configuration: creates the files and plugins that it names, and uses seamq stream if it has streams.
check_ini()
{
    local dir=$scratch/ini.$n name
    count checked
    mkdir -p "$dir/plugins" "$dir/secrets"
    sed -E -e 's/ +;.*//' -e "s#/run/secrets#$dir/secrets#" -e "s#= */opt/handlers#= $dir/plugins#" "$block" >"$dir/it.ini"
    grep -oE "$dir/secrets/[^ ]+" "$dir/it.ini" | while read -r name; do echo secret >"$name"; done
    grep -q '^\[handler\.' "$dir/it.ini" || sed -nE 's/^\[cluster\.(.*)\]/[handler.some]\nclusters = \1/p;T;q' "$dir/it.ini" >>"$dir/some.ini"
    [ ! -f "$dir/some.ini" ] || cat "$dir/some.ini" >>"$dir/it.ini"
    plugin_names "$dir/it.ini" | while read -r name; do
        cp "${plugin:-$build/tests/fixtures/ack.so}" "$dir/plugins/$name.so"
    done
    if grep -qE '^\[(stream|consumer)\.' "$dir/it.ini"; then
        start_server
        SITE=eu REGION=EU "$build/bin/seamq" stream plan "$dir/it.ini" >"$out" 2>&1
    else
        "$build/bin/seamqd" --check --plugin-dir "$dir/plugins" --config "$dir/it.ini" >"$out" 2>&1
    fi || { fail "not a correct configuration"; sed 's/^/    /' "$out"; }
}

compile()
{
    count compiled
    cat "$scratch/before" "$block" "$scratch/after" >"$scratch/unit.$1"
    "${@:2}" -Wall -Wno-unused-function -Wno-unused-variable -Wno-unused-const-variable -fsyntax-only -I "$root/sdk/include" "$scratch/unit.$1" >"$out" 2>&1 ||
        { fail "does not compile"; sed 's/^/    /' "$out"; }
    truncate -s 0 "$scratch/before" "$scratch/after"
}

leave_out()
{
    count "$1"
    printf '  %-12s %s:%s: %s\n' "$1" "$page" "$line" "$2"
}

by_language()
{
    case $1 in
    sh) run_block 0 ;;
    ini) check_ini ;;
    c) compile c cc -std=c11 ;;
    cpp) if command -v c++ >/dev/null; then compile cc c++ -std=c++17; else leave_out skipped "no C++ compiler"; fi ;;
    indented) fail "an indented block: use a fence with a language" ;;
    *) fail "a block of language \"$1\" needs a mark" ;;
    esac
}

# needs WORD...: commands and headers. If one is missing, all blocks up to the next `needs` are skipped.
needs()
{
    local word
    missing_command=
    for word in $1; do
        case $word in
        *.h) echo "#include <$word>" | cc -E - >/dev/null 2>&1 || missing_command=$word ;;
        *) command -v "$word" >/dev/null || missing_command=$word ;;
        esac
    done
}

do_block()
{
    local lang=$1 mark=$2 word rest
    word=${mark%%[: ]*} rest=${mark#"$word"} rest=${rest#:} rest=${rest# }
    case $word in
    illustration) leave_out illustration "$rest"; return ;;
    skip) leave_out skipped "$rest"; return ;;
    needs) needs "$rest"; [ -n "$missing_command" ] || by_language "$lang" ;;
    before | after) cp "$block" "$scratch/$word"; return ;;
    esac
    [ -z "$missing_command" ] || { leave_out skipped "this machine has no $missing_command"; return; }
    case $word in
    needs) ;;
    run) run_block 0 ;;
    exit) run_block "$rest" ;;
    background) run_background "$rest" ;;
    file) count files; cp "$block" "$rest" ;;
    output) compare "$out" 0 ;;
    log) compare "$log" 30 ;;
    plugin) plugin=$build/$rest; by_language "$lang"; plugin= ;;
    -) by_language "$lang" ;;
    *) fail "unknown mark \"$mark\"" ;;
    esac
}

test_page()
{
    local n lang mark
    page=$1 missing_command='' plugin=''
    declare -gA counts=()
    mkdir -p "$scratch/blocks"
    rm -f "$scratch/blocks"/*
    out=$scratch/out
    truncate -s 0 "$scratch/before" "$scratch/after" "$out"
    awk -v dir="$scratch/blocks" -f "$here/blocks.awk" "$root/$page" >"$scratch/list"
    checkout=$scratch/${page//[^a-z]/-}
    make_checkout "$checkout"
    cd "$checkout" || exit 1
    while IFS=$'\t' read -r n line lang mark <&5; do
        block=$scratch/blocks/$n
        do_block "$lang" "$mark"
    done 5<"$scratch/list"
    stop_background
    echo "$page: $(for word in run compared checked compiled files illustration skipped; do
        [ -z "${counts[$word]:-}" ] || printf '%s %s, ' "${counts[$word]}" "$word"; done)$failures failed"
}

server=${SEAMQ_NATS_SERVER:-$root/.deps/bin/nats-server}
command -v "$server" >/dev/null || server=$(command -v nats-server) || skip_page "no nats-server"
# Sets variables as in a user's shell, and PATH for the programs. SEAMQ_LOG_FORMAT has the default of a terminal.
while read -r name; do unset "$name"; done < <(compgen -e | grep -E '^(NATS_|SEAMQ_(CLUSTER|HANDLER|STREAM|PLUGIN|ADMIN))')
export PATH=$build/bin:$root/.deps/bin:$PATH SEAMQ_LOG_FORMAT=text XDG_CONFIG_HOME=$scratch/config SEAMQ_NATS_SERVER=$server
failures=0
for page in "$@"; do test_page "$page"; done
[ $failures = 0 ]
