#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds images for a machine that cannot reach a registry: a Debian base and a nats-server, from the distribution's packages, with
# this machine's apt configuration. They have names of their own and replace the public images of the Dockerfile and the compose
# files. Standard output has only the variables to set:
#
#   eval "$(infra/docker/stand-in.sh)" && docker compose -f infra/docker/docker-compose.yml up -d --wait
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
suite=trixie
base=seamq-stand-in/debian:$suite-slim

usage()
{
    cat <<'END'
usage: stand-in.sh [--remake | --remove]

  --remake  makes the images anew, though they are there
  --remove  removes them

Wants root (or sudo), Docker, and a Debian or Ubuntu with debootstrap and busybox, which it installs.
SEAMQ_NATS_SERVER: the nats-server for the image; else the one that infra/bootstrap chose.
END
}

say() { echo "stand-in: $*" >&2; }
die()
{
    say "error: $1"
    exit 1
}

write() { as_root tee "$1" >/dev/null; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# --- the Debian base -------------------------------------------------------------------------------------------------

# Sets ARCHIVE and KEYRING, this machine's source of Debian packages, as the bootstrap script finds it.
find_debian()
{
    # shellcheck disable=SC2034 # for private.sh
    local deps=$root/.deps NATS_C_FLOOR=0 NATS_SERVER_FLOOR=0
    # shellcheck source=infra/bootstrap/private.sh
    . "$root/infra/bootstrap/private.sh"
    find_archive || die "no Debian archive: $PRIVATE_WHY"
    [ "$DISTRIBUTION" = debian ] || die "the base is Debian's $suite, and this machine's apt sources are for $DISTRIBUTION"
    KEYRING=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
}

# Debian's slim images omit these files, too.
slim()
{
    local tree=$1
    as_root rm -rf "$tree"/usr/share/{doc,man,info,locale,lintian} "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* \
        "$tree"/var/log/* "$tree"/var/cache/debconf/*-old "$tree"/etc/{resolv.conf,hostname}
    printf 'path-exclude /usr/share/%s/*\n' doc man info locale lintian | write "$tree/etc/dpkg/dpkg.cfg.d/slim"
    {
        printf '%s\n' 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' 'APT::Keep-Downloaded-Packages "false";' \
            'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };' 'Acquire::Languages "none";'
        # Proxy and date checks of this machine's apt configuration.
        apt-config dump | grep -iE '^Acquire::(https?::Proxy|Check-(Valid-Until|Date)|Retries) ' || true
    } | write "$tree/etc/apt/apt.conf.d/90stand-in"
}

make_base()
{
    local ARCHIVE='' KEYRING='' DISTRIBUTION=''
    find_debian
    say "making $base with debootstrap (a minute or two)"
    as_root debootstrap --variant=minbase --keyring="$KEYRING" "$suite" "$scratch/base" "$ARCHIVE" >"$scratch/log" 2>&1 ||
        { tail -n 15 "$scratch/log" >&2 && die "debootstrap failed"; }
    slim "$scratch/base"
    as_root tar -C "$scratch/base" -c . | docker import -c 'CMD ["bash"]' - "$base" >/dev/null
}

# --- nats-server -----------------------------------------------------------------------------------------------------

# Like the official Alpine image, as far as the compose files need it: sh and wget (busybox), getent, nats-server in PATH.
make_nats()
{
    local tree=$scratch/nats library
    mkdir -p "$tree"/{bin,usr/bin,tmp,etc}
    chmod 1777 "$tree/tmp"
    cp "$(command -v busybox)" "$(command -v getent)" "$tree/bin"
    cp "$server" "$tree/usr/bin/nats-server"
    for library in $(ldd "$tree"/bin/* "$server" 2>/dev/null | grep -oE '/[^ :]+\.so[^ ]*' | sort -u); do
        mkdir -p "$tree/$(dirname "$library")"
        cp -L "$library" "$tree/$library"
    done
    "$tree/bin/busybox" --list | while IFS= read -r applet; do ln -s busybox "$tree/bin/$applet" 2>/dev/null || true; done
    tar -C "$tree" --owner=0 --group=0 -c . | docker import -c 'ENV PATH=/usr/bin:/bin' -c 'CMD ["nats-server"]' - "$nats" >/dev/null
    say "made $nats"
}

# --- main ------------------------------------------------------------------------------------------------------------

have() { docker image inspect "$1" >/dev/null 2>&1; }

find_server()
{
    server=${SEAMQ_NATS_SERVER:-$root/.deps/bin/nats-server}
    nats=$("$server" --version 2>/dev/null) || die "no nats-server that runs: $server"
    nats=seamq-stand-in/nats:${nats##*v}
}

remove_images()
{
    docker image ls --filter 'reference=seamq-stand-in/*' --format '{{.Repository}}:{{.Tag}}' | xargs -r docker image rm >&2
}

docker version >/dev/null 2>&1 || die "no Docker engine answers (docker version)"
case ${1-} in
'') ;;
--remake) remove_images ;;
--remove) remove_images && exit ;;
-h | --help) usage && exit ;;
*) usage >&2 && exit 2 ;;
esac

scratch=$(mktemp -d "${TMPDIR:-/tmp}/seamq-stand-in.XXXXXX")
trap 'as_root rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
"$root/infra/bootstrap/bootstrap.sh" --for stand-in >&2
find_server
have "$base" || make_base
have "$nats" || make_nats
echo "export BASE_IMAGE=$base NATS_IMAGE=$nats"
