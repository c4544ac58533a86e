# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Packages of the distribution: lists those of a set, finds the missing ones, and installs them. Sourced by bootstrap.sh.

: "${deps:?is set by bootstrap.sh}"

packages_of()
{
    local build="gcc libc6-dev cmake ninja-build make pkg-config
        libinih-dev libjansson-dev libssl-dev libprotobuf-c-dev libsodium-dev"
    local test="$build libcmocka-dev g++ openssl wget iproute2 libsqlite3-dev sqlite3"

    case $1 in
    build | demo | bench) echo "$build" ;;
    test) echo "$test" ;;
    fuzz | test-full) echo "$test clang libclang-rt-dev" ;;
    mutants) echo "$test python3 git" ;;
    lint) echo "clang-format shellcheck git" ;;
    stand-in) echo "debootstrap busybox" ;;
    *) return 1 ;;
    esac
}

# provided PACKAGE: the content of the package is installed in another way (a newer tool in /usr/local, a renamed package,
# a distribution without dpkg).
provided()
{
    case $1 in
    gcc) command -v cc ;;
    g++) command -v c++ ;;
    iproute2) command -v ip ;;
    libc6-dev) [ -e /usr/include/stdlib.h ] ;;
    ninja-build) command -v ninja ;;
    libclang-rt-dev) compgen -G "$(clang -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer*.a" ;;
    libinih-dev) pkg-config --exists inih ;;
    libjansson-dev) pkg-config --exists jansson ;;
    libssl-dev) pkg-config --exists openssl ;;
    libprotobuf-c-dev) pkg-config --exists libprotobuf-c ;;
    libsodium-dev) pkg-config --exists libsodium ;;
    libcmocka-dev) pkg-config --exists cmocka ;;
    libsqlite3-dev) pkg-config --exists sqlite3 ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

# Prints the packages among the arguments that are neither installed nor provided otherwise.
missing_packages()
{
    local installed package
    # dpkg-query fails if one name is unknown, but still lists the others; so its status is ignored.
    # shellcheck disable=SC2016
    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true)"
    for package in "$@"; do
        case $installed in
        *" installed:$package "*) ;;
        *) provided "$package" || printf '%s ' "$package" ;;
        esac
    done
}

# Runs a command of the package manager as root, with output to the log. Its children do not inherit the lock (fd 9).
as_root()
{
    local log=$deps/log/system.log name
    local -a cmd=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1)

    # sudo removes the proxy variables, without which the mirror may not be reachable.
    for name in http_proxy https_proxy no_proxy; do
        [ -z "${!name:-}" ] || cmd+=("$name=${!name}")
    done
    cmd+=("$@")
    [ "$(id -u)" -eq 0 ] || cmd=(sudo "${cmd[@]}")
    printf '\n$ %s\n' "$*" >>"$log"
    "${cmd[@]}" >>"$log" 2>&1 </dev/null 9>&-
}

# True: this user can become root. Asks for a password only on a terminal.
can_be_root()
{
    [ "$(id -u)" -eq 0 ] && return 0
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null && return 0
    [ -z "${CI:-}" ] && [ -t 0 ] && [ -t 2 ] && sudo -v
}

system_install()
{
    local missing updated=
    local -a packages

    read -ra packages <<<"$(missing_packages "$@")"
    if [ ${#packages[@]} -eq 0 ]; then
        say "distribution packages: all $# there"
        return 0
    fi
    missing=${packages[*]}
    command -v apt-get >/dev/null ||
        die "missing: $missing" "these are Debian's names; install your distribution's packages for them, then run this again"
    can_be_root || die "missing: $missing" "not root, and sudo is not available here; have these installed:" \
        "apt-get install --no-install-recommends $missing"

    if [ "$(apt-cache policy "${packages[@]}" 2>/dev/null | grep -c '^  Candidate: [^(]')" -lt ${#packages[@]} ]; then
        system_update
        updated=yes
    fi
    say "installing with apt-get: $missing"
    if ! apt_install "${packages[@]}"; then
        # An old package list names versions that the mirror has replaced.
        [ -z "$updated" ] || system_failed "apt-get install $missing"
        system_update
        apt_install "${packages[@]}" || system_failed "apt-get install $missing"
    fi
    missing=$(missing_packages "$@")
    [ -z "$missing" ] || system_failed "apt-get said yes, but these are still missing: $missing"
    say "distribution packages: installed ${#packages[@]} of $#"
}

apt_install() { as_root apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "$@"; }

system_update()
{
    say "refreshing the package lists with apt-get update"
    as_root apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 update || system_failed "apt-get update"
}

system_failed()
{
    tail -n 15 "$deps/log/system.log" | sed 's/^/    /' >&2
    die "failed: $1" "all of its output: $deps/log/system.log" "repair the machine's package manager, then run this again"
}
