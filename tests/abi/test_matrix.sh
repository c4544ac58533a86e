#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_matrix.sh SDK_DIR FIXTURES_SOURCE_DIR HOST NEXT_HOST NEXT_HEADER - loads plugins of each version in
# hosts of each version: of the frozen headers, of the current one, and of an invented next minor version.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
sdk=$1
fixtures=$2
host=$3
next_host=$4
next_header=$5
cc=${CC:-cc}

source=$fixtures/options.c

minor=$(sed -n 's/^#define SEAMQ_ABI_MINOR \([0-9]*\)u$/\1/p' "$sdk/include/seamq/plugin.h")
next=$((minor + 1))

build() { # VERSION HEADER [FLAGS]: $scratch/VERSION.so, of $source
    version=$1
    header=$2
    shift 2
    mkdir -p "$scratch/$version/seamq"
    cp "$header" "$scratch/$version/seamq/plugin.h"
    check "builds with the header of $version" "$cc" -std=gnu11 -shared -fPIC -fvisibility=hidden "$@" \
        -I"$scratch/$version" -o "$scratch/$version.so" "$source"
}

describe() { # HOST PLUGIN: without the version, which differs
    "$1" --describe "$2" | sed 's/"abi":"[0-9.]*"//'
}

# The kept header of the current version is the header: people read either, and both must say the same.
checks=$((checks + 1))
kept=$sdk/abi/1.$minor/plugin.h
if [ ! -f "$kept" ]; then
    fail "$kept is missing: copy sdk/include/seamq/plugin.h to it when the minor version is new"
elif ! cmp -s "$kept" "$sdk/include/seamq/plugin.h"; then
    fail "$kept differs from the header: copy the header to it if only comments changed, else raise SEAMQ_ABI_MINOR"
fi

build today "$sdk/include/seamq/plugin.h"
checks=$((checks + 1))
expected=$(describe "$host" "$scratch/today.so")
case $expected in
*'"name":"text"'*'"preset":"250ms"'*) ;;
*) fail "today's plugin, today's host: $expected" ;;
esac

same() { # WHAT HOST PLUGIN: the description must equal that of today's plugin in today's host
    checks=$((checks + 1))
    described=$(describe "$2" "$3" 2>&1)
    [ "$described" = "$expected" ] || fail "$1: $described"
}

for header in "$sdk"/abi/*/plugin.h; do
    version=$(basename "$(dirname "$header")")
    build "$version" "$header"
    same "plugin of $version, today's host" "$host" "$scratch/$version.so"
    same "plugin of $version, host of 1.$next" "$next_host" "$scratch/$version.so"
    check "layout of $version" "$cc" -I"$scratch/$version" -o "$scratch/layout" "$here/test_layout.c"
done

build "1.$next" "$next_header"
same "plugin of 1.$next, host of 1.$next" "$next_host" "$scratch/1.$next.so"
refuse "plugin of 1.$next, today's host" "$scratch/1.$next.so: needs plugin ABI 1.$next" \
    "$host" --describe "$scratch/1.$next.so"
grep -q "ABI 1.$minor" "$scratch/out" || fail "the refusal does not name the host's 1.$minor"
build "1.$next-lowered" "$next_header" "-DSEAMQ_TARGET_MINOR=$minor"
same "plugin of 1.$next that targets 1.$minor, today's host" "$host" "$scratch/1.$next-lowered.so"
same "plugin of 1.$next that targets 1.$minor, host of 1.$next" "$next_host" "$scratch/1.$next-lowered.so"
# ABI 1.1 added handle_batch; a plugin that also has handle loads in hosts that do not know it.
source=$here/../unit/plugins/batch.c
describes() { # WHAT HOST PLUGIN TEXT
    checks=$((checks + 1))
    described=$("$2" --describe "$3" 2>&1)
    case $described in
    *"$4"*) ;;
    *) fail "$1: lacks $4: $described" ;;
    esac
}
build batch-1.1 "$sdk/abi/1.1/plugin.h"
describes "batch plugin of 1.1, today's host" "$host" "$scratch/batch-1.1.so" '"has_batch":true'
describes "batch plugin of 1.1, host of 1.$next" "$next_host" "$scratch/batch-1.1.so" '"has_batch":true'
build batch-lowered "$sdk/include/seamq/plugin.h" -DWITH_HANDLE -DSEAMQ_TARGET_MINOR=0
describes "both entries, for 1.0 too, today's host" "$host" "$scratch/batch-lowered.so" '"abi":"1.0"'
describes "both entries, for 1.0 too, today's host" "$host" "$scratch/batch-lowered.so" '"has_batch":true'
describes "plugin of 1.0, today's host" "$host" "$scratch/1.0.so" '"has_batch":false'
check "layout of 1.$next" "$cc" -I"$scratch/1.$next" -o "$scratch/layout" "$here/test_layout.c"
finish
