#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_header.sh SDK_DIR - the header compiles without a warning, alone and with all features used, as C11,
# C17, C++17 and C++20, with each compiler found; and wrong uses do not compile.
# shellcheck disable=SC2317 # reached through check and refuse
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
sdk=$1
flags="-Wall -Wextra -Wpedantic -Wshadow -Wundef -Wformat=2 -Wpointer-arith -Wwrite-strings -Wcast-qual -Werror"
flags="$flags -shared -fPIC -fvisibility=hidden -I$sdk/include"
echo '#include <seamq/plugin.h>' >"$scratch/alone.c"
echo 'extern int x; int x;' >>"$scratch/alone.c"

compile() { # COMPILER LANGUAGE STANDARD SOURCE [FLAGS]
    compiler=$1
    language=$2
    standard=$3
    source=$4
    shift 4
    # shellcheck disable=SC2086
    $compiler -x "$language" -std="$standard" $flags "$@" -o "$scratch/plugin.so" "$source"
}

matrix() { # COMPILER LANGUAGE STANDARDS WARNINGS
    compiler=$1
    language=$2
    standards=$3
    shift 3
    if ! command -v "$compiler" >/dev/null; then
        echo "no $compiler here: not tested with it"
        return
    fi
    for standard in $standards; do
        check "$compiler $standard, header alone" compile "$compiler" "$language" "$standard" "$scratch/alone.c" \
            "$@" $alone
        check "$compiler $standard, everything used" compile "$compiler" "$language" "$standard" "$here/sample.c" "$@"
        symbols=$(nm -D --defined-only "$scratch/plugin.so" | awk '$2 ~ /[A-Z]/ && $3 !~ /^_/ { print $3 }' | tr '\n' ' ')
        checks=$((checks + 1))
        [ "$symbols" = "seamq_plugin_v1 " ] || fail "$compiler $standard: exports \"$symbols\""
        refuse "$compiler $standard, integer option in a 32-bit field" flag \
            compile "$compiler" "$language" "$standard" "$here/sample.c" -DWRONG_TYPE
        refuse "$compiler $standard, string option in an integer field" number \
            compile "$compiler" "$language" "$standard" "$here/sample.c" -DWRONG_STRING
    done
}

alone=
for compiler in gcc clang; do
    matrix "$compiler" c "c11 c17 gnu11" -Wmissing-prototypes -Wstrict-prototypes -Wbad-function-cast
done
alone=-Wzero-as-null-pointer-constant
for compiler in g++ clang++; do
    matrix "$compiler" c++ "c++17 c++20" -Wold-style-cast -Wmissing-declarations
done

cc=${CC:-cc}
refuse "a target newer than the header" "SEAMQ_TARGET_MINOR is newer than this seamq/plugin.h" \
    compile "$cc" c c11 "$scratch/alone.c" -DSEAMQ_TARGET_MINOR=99
checks=$((checks + 1))
[ "$(wc -l <"$sdk/include/seamq/plugin.h")" -lt 450 ] || fail "the header has grown to 450 lines"
finish
