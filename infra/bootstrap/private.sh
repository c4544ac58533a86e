# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Unpacks packages of a newer release inside the checkout. A private apt root has its own sources, state and cache, and uses
# the machine's mirror, proxy and trusted keys. Nothing is installed; the system's apt is only read. Sourced by bootstrap.sh.

: "${deps:?is set by bootstrap.sh}" "${NATS_C_FLOOR:?}" "${NATS_SERVER_FLOOR:?}"

# The reason why the last private_fetch failed, for the caller's error message.
PRIVATE_WHY=

# Releases to search, the preferred one first; the first two older ones are for test-full.
# They are pinned by name, so the same checkout gets versions of the same release next year.
newer_suites()
{
    case $DISTRIBUTION in
    debian) echo "forky sid trixie" ;;
    ubuntu) echo "resolute questing" ;;
    esac
}
older_suites()
{
    case $DISTRIBUTION in
    debian) echo "bookworm trixie" ;;
    ubuntu) echo "noble questing" ;;
    esac
}

# --- installed already -----------------------------------------------------------------------------------------------

private_nats_c_intact()
{
    [ -f "$deps/nats/SHA256SUMS" ] && (cd "$deps/nats" && sha256sum --check --status SHA256SUMS 2>/dev/null)
}

# Prints the path of the newest private nats-server that runs and has at least the required version.
private_newest_server()
{
    local server version
    while read -r version; do
        server=$deps/servers/$version/nats-server
        version_at_least "$version" "$NATS_SERVER_FLOOR" || continue
        [ "$(nats_server_version "$server")" = "$version" ] || continue
        printf '%s\n' "$server"
        return 0
    done < <(cd "$deps/servers" 2>/dev/null && printf '%s\n' [0-9]* | sort -rV)
    return 1
}

# --- the private apt root -------------------------------------------------------------------------------------------

# Sets DISTRIBUTION, ARCHIVE (URI), COMPONENT and KEYRING from this machine. apt itself prints the URIs that it would
# fetch, so every format of its sources works. Other archives of the machine (security, vendors) are recognised by the
# name of their release, or because they do not have this distribution's component.
find_archive()
{
    local codename uri suite uris
    [ -z "${ARCHIVE:-}" ] || return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        PRIVATE_WHY="this machine has no apt"
        return 1
    fi
    # shellcheck disable=SC1091
    read -r DISTRIBUTION codename < <(
        . /etc/os-release
        case " $ID ${ID_LIKE:-} " in
        *" ubuntu "*) echo ubuntu "${UBUNTU_CODENAME:-$VERSION_CODENAME}" ;;
        *" debian "*) echo debian "${DEBIAN_CODENAME:-${VERSION_CODENAME:-sid}}" ;;
        *) echo "$ID" - ;;
        esac
    )
    case $DISTRIBUTION in
    debian) COMPONENT=main ;;
    ubuntu) COMPONENT=universe ;;
    *)
        PRIVATE_WHY="this is neither Debian nor Ubuntu ($DISTRIBUTION)"
        return 1
        ;;
    esac
    KEYRING=
    for uri in /usr/share/keyrings/"$DISTRIBUTION"-archive-keyring.{pgp,gpg}; do
        [ ! -r "$uri" ] || KEYRING=$uri
    done

    uris=$(apt-get --print-uris update 2>/dev/null 9>&- | sed -n "s/^'\([^']*\)'.*/\1/p")
    ARCHIVE=
    while IFS= read -r uri; do
        suite=${uri##*/dists/}
        suite=${suite%%/*}
        case $suite in
        "$codename" | stable | oldstable | oldoldstable | testing | unstable | sid | devel) ;;
        *) continue ;;
        esac
        uri=${uri%%/dists/*}
        # The main archive comes before other archives that use the names of its releases.
        case $uri in
        */"$DISTRIBUTION" | */ubuntu-ports)
            ARCHIVE=$uri
            break
            ;;
        esac
        : "${ARCHIVE:=$uri}"
    done < <(grep "/dists/[^/]*/$COMPONENT/binary-" <<<"$uris")
    if [ -z "$ARCHIVE" ]; then
        PRIVATE_WHY="this machine's apt sources name no $DISTRIBUTION archive with \"$codename $COMPONENT\""
        return 1
    fi
}

# private_apt SUITE ARG...: runs apt-get on the private root of that suite. Its options come last, so they override the
# machine's; proxy, certificates, credentials and trusted keys of the machine stay in force.
private_apt()
{
    local dir=$work/apt-$1
    shift
    printf '\n$ apt-get -c %s %s\n' "$dir/apt.conf" "$*" >>"$deps/log/private.log"
    (cd "$dir/debs" && apt-get -q -c "$dir/apt.conf" "$@") >>"$deps/log/private.log" 2>&1 </dev/null 9>&-
}

# Prints apt's last error message, as the end of our own.
apt_said()
{
    local words
    words=$(sed -n 's/^E: //p' "$deps/log/private.log" | tail -n 1)
    printf ': %s\n           (all of its output: %s)' "${words:-no reason given}" "$deps/log/private.log"
}

# open_suite SUITE: creates the private root and reads the suite's signed package index.
open_suite()
{
    local suite=$1 dir=$work/apt-$1
    [ ! -e "$dir/ready" ] || return 0
    rm -rf "$dir"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/debs"
    : >"$dir/status"
    printf 'deb [target=Packages%s] %s %s %s\n' "${KEYRING:+ signed-by=$KEYRING}" "$ARCHIVE" "$suite" "$COMPONENT" \
        >"$dir/sources.list"
    cat >"$dir/apt.conf" <<END
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$dir";
Dir::State::lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Log "$dir";
APT::Default-Release "";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::Retries "3";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
    say "reading the package index of $DISTRIBUTION $suite (about 10 MB, nothing is installed)"
    if ! private_apt "$suite" -o APT::Update::Error-Mode=any update; then
        PRIVATE_WHY="apt-get could not read $DISTRIBUTION $suite from this machine's mirror$(apt_said)"
        return 1
    fi
    : >"$dir/ready"
}

# unpack SUITE PACKAGE: downloads and unpacks into a new directory; sets $unpacked to its path.
unpack()
{
    local suite=$1 package=$2 debs=$work/apt-$1/debs
    local -a deb

    rm -f "$debs"/*.deb
    say "fetching $package from $DISTRIBUTION $suite"
    if ! private_apt "$suite" download "$package"; then
        PRIVATE_WHY="apt-get could not download $package of $DISTRIBUTION $suite$(apt_said)"
        return 1
    fi
    deb=("$debs/$package"_*.deb)
    unpacked=$work/$package-$suite
    rm -rf "$unpacked"
    mkdir "$unpacked"
    if ! dpkg-deb -x "${deb[0]}" "$unpacked" 2>>"$deps/log/private.log"; then
        PRIVATE_WHY="$package of $DISTRIBUTION $suite does not unpack (see $deps/log/private.log; is the disk full?)"
        return 1
    fi
}

# --- fetching -------------------------------------------------------------------------------------------------------

# Files are prepared in $work and moved by one rename, so an interrupted run leaves no partial result.
fetch_nats_c()
{
    local new=$work/nats lib unpacked version

    unpack "$1" libnats-dev || return 1
    lib=$(find "$unpacked/usr/lib" -name libnats_static.a)
    version=$(nats_c_version "$unpacked/usr") || version=
    if [ -z "$lib" ] || [ -z "$version" ] || ! version_at_least "$version" "$NATS_C_FLOOR"; then
        PRIVATE_WHY="the newest nats.c of $DISTRIBUTION $1 is ${version:-of another layout}"
        return 1
    fi
    rm -rf "$new"
    mkdir -p "$new/lib"
    mv "$lib" "$new/lib/"
    mv "$unpacked/usr/include" "$new/include"
    cp "$unpacked/usr/share/doc/libnats-dev/copyright" "$new/"
    echo "libnats-dev $version of $DISTRIBUTION $1" >"$new/SOURCE"
    (cd "$new" && find . -type f ! -name SHA256SUMS -exec sha256sum {} + >"$work/SHA256SUMS")
    mv "$work/SHA256SUMS" "$new/"
    rm -rf "$deps/nats"
    mv -T "$new" "$deps/nats"
}

fetch_nats_server()
{
    local server unpacked version

    unpack "$1" nats-server || return 1
    server=$(find "$unpacked/usr" -name nats-server -type f -perm -u+x)
    if ! version=$(nats_server_version "$server"); then
        PRIVATE_WHY="the nats-server of $DISTRIBUTION $1 does not run on this machine"
        return 1
    fi
    mkdir -p "$work/$version"
    mv "$server" "$work/$version/nats-server"
    mkdir -p "$deps/servers"
    rm -rf "$deps/servers/$version"
    mv -T "$work/$version" "$deps/servers/$version"
    ln -sfn "$version" "$deps/servers/.$1"
}

begin_work()
{
    find_archive || return 1
    work=$deps/tmp
    rm -rf "$work"
    mkdir -p "$work"
    : >"$deps/log/private.log"
}

# private_fetch nats-c|nats-server: nats-c fetches a missing nats-server, too, because reading the index takes the most time.
private_fetch()
{
    local suite work

    begin_work || return 1
    for suite in $(newer_suites); do
        open_suite "$suite" || continue
        case $1 in
        nats-c)
            fetch_nats_c "$suite" || continue
            private_newest_server >/dev/null || fetch_nats_server "$suite" || true
            ;;
        nats-server) fetch_nats_server "$suite" || continue ;;
        esac
        rm -rf "$work"
        return 0
    done
    rm -rf "$work"
    return 1
}

# Fetches the server of every supported distribution, for tests that run with each. If a server is not available, this is
# reported, and the tests that need it skip.
private_fetch_older_servers()
{
    local suite version work

    if ! find_archive; then
        say "note: no other nats-server versions: $PRIVATE_WHY"
        return 0
    fi
    for suite in $(older_suites); do
        if version=$(readlink "$deps/servers/.$suite") &&
            [ "$(nats_server_version "$deps/servers/$version/nats-server")" = "$version" ]; then
            say "nats-server $version in .deps/servers/$version ($DISTRIBUTION $suite's, for test-full)"
            continue
        fi
        if begin_work && open_suite "$suite" && fetch_nats_server "$suite"; then
            say "nats-server $(readlink "$deps/servers/.$suite") fetched ($DISTRIBUTION $suite's, for test-full)"
        else
            say "note: no nats-server of $DISTRIBUTION $suite, its tests will be skipped: $PRIVATE_WHY"
        fi
        rm -rf "$work"
    done
}
