#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Prepares this machine to build and test SeaMQ: installs packages of the distribution, and unpacks newer versions of
# those that are too old into .deps/ of the checkout. Can be run again at any time, because every run checks what is
# really installed. `bootstrap.sh --help` lists the sets.
#
# It writes:
#   .deps/nats/                   nats.c: include/, lib/libnats_static.a, SOURCE, SHA256SUMS
#   .deps/servers/VERSION/        one nats-server for each version fetched
#   .deps/bin/nats-server         a link to the nats-server chosen for demo and tests
#   .deps/log/                    output of the package manager, printed if a step fails
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
deps=$root/.deps

# The output of the package manager is parsed, so it must not be translated.
export LC_ALL=C

readonly NATS_C_FLOOR=3.10
readonly NATS_SERVER_FLOOR=2.10

usage()
{
    cat <<'END'
usage: bootstrap.sh [--for SET]

  build      compiler, CMake, libraries, nats.c, nats-server (the default)
  demo       the same
  bench      the same
  test       build + cmocka, a C++ compiler, SQLite, the openssl, wget and ip commands
  fuzz       test + clang and its runtime
  test-full  fuzz + the older nats-servers of the distribution's other releases
  mutants    test + python3, git
  lint       clang-format, shellcheck, git
  stand-in   debootstrap, busybox, nats-server: for infra/docker/stand-in.sh

Environment:
  SEAMQ_NATS_ROOT    a prefix with nats.c in include/ and lib/, used when pkg-config has none
  SEAMQ_NATS_SERVER  the nats-server to use for demo and tests
END
}

say() { printf 'bootstrap: %s\n' "$*"; }
die()
{
    printf 'bootstrap: error: %s\n' "$1" >&2
    shift
    if [ $# -gt 0 ]; then printf '           %s\n' "$@" >&2; fi
    exit 1
}

# shellcheck source=infra/bootstrap/system.sh
. "$here/system.sh"
# shellcheck source=infra/bootstrap/private.sh
. "$here/private.sh"

# version_at_least HAVE FLOOR: compares dotted version numbers.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# --- nats.c ---------------------------------------------------------------------------------------------------------

# Prints the version of the nats.c headers under the prefix $1.
nats_c_version()
{
    local file=$1/include/nats/version.h
    [ -r "$file" ] || return 1
    sed -n 's/^#define NATS_VERSION_STRING *"\([0-9.]*\).*/\1/p' "$file"
}

# The order of the search is the same as in nats.cmake.
choose_nats_c()
{
    local version found="not known to pkg-config"

    if version=$(pkg-config --modversion libnats 2>/dev/null); then
        if version_at_least "$version" "$NATS_C_FLOOR"; then
            say "nats.c $version from pkg-config (at least $NATS_C_FLOOR)"
            return 0
        fi
        found="the system's $version is older than $NATS_C_FLOOR"
    fi

    if [ -n "${SEAMQ_NATS_ROOT:-}" ]; then
        version=$(nats_c_version "$SEAMQ_NATS_ROOT") || version=
        [ -n "$version" ] || die "SEAMQ_NATS_ROOT=$SEAMQ_NATS_ROOT has no include/nats/version.h" \
            "point it at the prefix that nats.c was installed to, or unset it"
        version_at_least "$version" "$NATS_C_FLOOR" ||
            die "SEAMQ_NATS_ROOT=$SEAMQ_NATS_ROOT has nats.c $version, SeaMQ needs $NATS_C_FLOOR" \
                "point it at a newer one, or unset it"
        say "nats.c $version from SEAMQ_NATS_ROOT=$SEAMQ_NATS_ROOT ($found)"
        return 0
    fi

    if ! private_nats_c_intact; then
        private_fetch nats-c || die "no nats.c $NATS_C_FLOOR or newer: $found, and none could be fetched: $PRIVATE_WHY" \
            "build nats.c yourself and set SEAMQ_NATS_ROOT to its install prefix"
    fi
    version=$(nats_c_version "$deps/nats")
    version_at_least "$version" "$NATS_C_FLOOR" ||
        die "the nats.c $version in .deps/nats is older than $NATS_C_FLOOR" "remove .deps/nats and run this again"
    say "nats.c $version in .deps/nats ($found)"
}

# --- nats-server ----------------------------------------------------------------------------------------------------

# Prints the version of the nats-server $1; fails if it does not run.
nats_server_version()
{
    local words
    words=$("$1" --version 2>/dev/null) || return 1
    words=${words##*: v}
    case $words in
    [0-9]*.[0-9]*) printf '%s\n' "$words" ;;
    *) return 1 ;;
    esac
}

# link_server PATH: replaces .deps/bin/nats-server atomically by a rename.
link_server()
{
    [ "$(readlink "$deps/bin/nats-server" 2>/dev/null)" = "$1" ] && return 0
    mkdir -p "$deps/bin"
    ln -sfn "$1" "$deps/bin/.nats-server.new"
    mv -fT "$deps/bin/.nats-server.new" "$deps/bin/nats-server"
}

choose_nats_server()
{
    local server version found="none in PATH"

    if [ -n "${SEAMQ_NATS_SERVER:-}" ]; then
        server=$(command -v "$SEAMQ_NATS_SERVER") || server=$SEAMQ_NATS_SERVER
        version=$(nats_server_version "$server") ||
            die "SEAMQ_NATS_SERVER=$SEAMQ_NATS_SERVER is not a nats-server that runs" "correct it, or unset it"
        version_at_least "$version" "$NATS_SERVER_FLOOR" ||
            say "note: nats-server $version is older than $NATS_SERVER_FLOOR; some tests will not pass on it"
        link_server "$(realpath "$server")"
        say "nats-server $version from SEAMQ_NATS_SERVER=$SEAMQ_NATS_SERVER"
        return 0
    fi

    if server=$(PATH=$PATH:/usr/local/sbin:/usr/sbin command -v nats-server) &&
        version=$(nats_server_version "$server"); then
        if version_at_least "$version" "$NATS_SERVER_FLOOR"; then
            link_server "$(realpath "$server")"
            say "nats-server $version at $server (at least $NATS_SERVER_FLOOR)"
            return 0
        fi
        found="$server is $version, older than $NATS_SERVER_FLOOR"
    fi

    if ! server=$(private_newest_server); then
        private_fetch nats-server ||
            die "no nats-server $NATS_SERVER_FLOOR or newer: $found, and none could be fetched: $PRIVATE_WHY" \
                "install one and set SEAMQ_NATS_SERVER to its path"
        server=$(private_newest_server) || die "the nats-server that was fetched does not run on this machine" \
            "try $deps/servers/*/nats-server --version, or set SEAMQ_NATS_SERVER to one that runs"
    fi
    version=$(nats_server_version "$server")
    link_server "../servers/${server#"$deps/servers/"}"
    say "nats-server $version in .deps/servers/$version ($found)"
}

# --- main -----------------------------------------------------------------------------------------------------------

main()
{
    local set=build

    while [ $# -gt 0 ]; do
        case $1 in
        --for) [ $# -ge 2 ] || { usage >&2; exit 2; }; set=$2; shift 2 ;;
        --for=*) set=${1#--for=}; shift ;;
        -h | --help) usage; exit 0 ;;
        *) printf 'bootstrap: error: unknown argument "%s"\n' "$1" >&2; usage >&2; exit 2 ;;
        esac
    done
    packages_of "$set" >/dev/null || { printf 'bootstrap: error: no such set "%s"\n' "$set" >&2; usage >&2; exit 2; }

    if ! mkdir -p "$deps/log" 2>/dev/null || [ -n "$(find "$deps" ! -writable ! -type l -print -quit)" ]; then
        die "cannot write to all of $deps" "the checkout must be yours; if an earlier run as root made it: sudo rm -rf $deps"
    fi
    take_lock

    # Word splitting turns the list of package names into arguments.
    # shellcheck disable=SC2046
    system_install $(packages_of "$set")
    case $set in
    lint) return 0 ;;
    esac
    choose_nats_c
    choose_nats_server
    case $set in
    test-full) private_fetch_older_servers ;;
    esac
}

# Two runs in one checkout (make -j, two terminals) wait for each other. The kernel releases the lock when the process ends.
take_lock()
{
    command -v flock >/dev/null || return 0
    exec 9>"$deps/lock"
    flock -n 9 && return 0
    say "another bootstrap is running in this checkout; waiting for it"
    flock -w 1800 9 || die "another bootstrap has held $deps/lock for 30 minutes" "end it, then run this again"
}

main "$@"
