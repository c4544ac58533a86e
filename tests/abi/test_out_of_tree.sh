#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_out_of_tree.sh CMAKE BUILD_DIR SOURCE_DIR [HOST] - template and examples build against the installed
# SDK alone, with CMake and with pkg-config, also after the SDK was moved.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cmake=$1
build=$2
source=$3
host=${4:-}
cc=${CC:-cc}

check "install" "$cmake" --install "$build" --component sdk --prefix "$scratch/first"
prefix=$scratch/moved
mv "$scratch/first" "$prefix"
check "the header is where people look" test -f "$prefix/include/seamq/plugin.h"

# PROJECT_DIR NAME
out_of_tree() {
    cp -R "$1" "$scratch/$2"
    check "$2 configures" "$cmake" -S "$scratch/$2" -B "$scratch/$2/build" -DCMAKE_PREFIX_PATH="$prefix"
    check "$2 builds" "$cmake" --build "$scratch/$2/build"
    check "$2.so is there" test -f "$scratch/$2/build/$2.so"
    if [ -n "$host" ]; then
        check "$2.so loads" "$host" --describe "$scratch/$2/build/$2.so"
    fi
}
template=$(find "$prefix" -path '*seamq/template' -type d)
out_of_tree "$template" handler
for example in hello route counter append; do
    out_of_tree "$source/examples/$example" "$example"
done
check "the template installs" "$cmake" --install "$scratch/handler/build"
check "where seamqd looks" test -n "$(find "$prefix" -path '*/seamq/plugins/handler.so')"

if command -v pkg-config >/dev/null; then
    pc=$(dirname "$(find "$prefix" -name seamq.pc)")
    flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags seamq)
    # shellcheck disable=SC2086
    check "pkg-config builds it" "$cc" -std=c11 -shared -fPIC -fvisibility=hidden $flags \
        -o "$scratch/by_hand.so" "$template/handler.c"
    plugindir=$(PKG_CONFIG_PATH=$pc pkg-config --variable=plugindir seamq)
    check "plugindir of seamq.pc: $plugindir" test -f "$plugindir/handler.so"
else
    echo "no pkg-config here: not tested"
fi
finish
