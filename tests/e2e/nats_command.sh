# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The nats command for tests: E2E_NATS_CLI, or .deps/bin/nats of an earlier run, or nats in PATH; else Go builds it once into
# .deps/bin, which takes about two minutes of CPU time. Needs $root and $scratch.
# shellcheck disable=SC2034 # cli and why are for those who source this

: "${root?}" "${scratch?}"

readonly NATS_COMMAND=github.com/nats-io/natscli/nats@v0.5.1

# Sets $cli; on failure returns 1 and sets $why.
find_nats_command()
{
    local candidate
    for candidate in "${E2E_NATS_CLI:-}" "$root/.deps/bin/nats" nats; do
        [ -n "$candidate" ] || continue
        if cli=$(command -v "$candidate"); then return 0; fi
        [ "$candidate" != "${E2E_NATS_CLI:-}" ] || { why="no nats command at E2E_NATS_CLI=$E2E_NATS_CLI"; return 1; }
    done
    command -v go >/dev/null || { why="no nats command on the PATH, and no go to build one (go install $NATS_COMMAND)"; return 1; }
    cli=$root/.deps/bin/nats
    build_nats_command
}

# The lock makes other tests that need the command wait until it is built.
build_nats_command()
{
    mkdir -p "$root/.deps/bin"
    exec 9>"$root/.deps/bin/nats.lock"
    flock 9
    [ ! -x "$root/.deps/bin/nats" ] || return 0
    echo "building $NATS_COMMAND"
    GOBIN=$scratch GOFLAGS=-mod=mod nice go install "$NATS_COMMAND" >"$scratch/go.log" 2>&1 9>&- ||
        { why="no nats command on the PATH, and go does not build one: $(tail -n 1 "$scratch/go.log")"; return 1; }
    mv "$scratch/nats" "$root/.deps/bin/nats"
}
