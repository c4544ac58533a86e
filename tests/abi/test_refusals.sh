#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_refusals.sh HOST FIXTURES_DIR - each broken fixture and damaged file is refused with exit status 2 and
# one sentence that names the file, the problem and what to do.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
host=$1
dir=$2

says() { # FILE SENTENCE
    checks=$((checks + 1))
    "$host" --describe "$dir/$1" >"$scratch/out" 2>"$scratch/err"
    status=$?
    [ $status -eq 2 ] || fail "$1: exit status $status instead of 2"
    [ ! -s "$scratch/out" ] || fail "$1: printed a description"
    [ "$(cat "$scratch/err")" = "$dir/$1: $2" ] || fail "$1: says: $(cat "$scratch/err")"
}

dies() { # FILE STATUS: the code of the plugin ends the process; the parent reports that
    checks=$((checks + 1))
    timeout 1 "$host" --describe "$dir/$1" >"$scratch/out" 2>"$scratch/err"
    status=$?
    [ ! -s "$scratch/out" ] || fail "$1: printed a description"
    [ $status -ge "$2" ] || fail "$1: exit status $status, expected at least $2"
}

version=$("$host" --version | sed 's/^[^0-9]*\([0-9.]*\).*/\1/')
minor=$("$host" --version | sed 's/.*ABI 1\.\([0-9]*\).*/\1/')
declare_it="declare it with SEAMQ_PLUGIN"
says wrong_major.so "built for plugin ABI 2.$minor, this is SeaMQ $version with ABI 1.$minor: rebuild it against seamq 1.x headers"
says next_major.so "built for plugin ABI 2, this is SeaMQ $version with ABI 1.$minor: upgrade SeaMQ, or rebuild it against seamq 1.x headers"
says newer_minor.so "needs plugin ABI 1.7, this is SeaMQ $version with ABI 1.$minor: upgrade SeaMQ, or rebuild it with -DSEAMQ_TARGET_MINOR=$minor"
says no_symbol.so "exports no symbol seamq_plugin_v1, so it is no SeaMQ handler: put SEAMQ_PLUGIN(...) into one of its files, and do not hide the symbol"
says null_descriptor.so "seamq_plugin_v1 returned no descriptor: $declare_it"
says small_struct.so "its descriptor says 24 bytes (options 56), ABI 1.0 has at least 112 (56): $declare_it and rebuild"
says option_size.so "its descriptor says 120 bytes (options 4), ABI 1.0 has at least 112 (56): $declare_it and rebuild"
says no_name.so 'declares no name: add .name = "..."'
says bad_name.so 'its name "Not A Name" must be made of a-z, 0-9 and - (at most 64)'
says no_version.so 'declares no version: add .version = "1.0.0"'
says no_handle.so 'declares no handle function: add .handle = ...'
says bad_options_table.so 'its option outside is outside of the instance (offset 16, self_size 16): declare it with SEAMQ_OPT_* and the struct that self_size names'
says option_type.so 'its option a has the unknown type 99'
says option_name.so 'its option "no spaces here" must be named with a-z, 0-9 and _, a letter first'
says undefined_symbol.so 'cannot be loaded: undefined symbol: seamq_nobody_defines_this'
says empty.so 'not an ELF file (it is empty)'
says text.so 'not an ELF file'
says wrong_arch.so "built for riscv (ELF machine 243), this is $(uname -m | tr _ -): rebuild it for this machine"

checks=$((checks + 1))
"$host" --describe "$dir/truncated.so" >"$scratch/out" 2>&1
[ $? -eq 2 ] || fail "truncated.so: exit status"
grep -q "^$dir/truncated.so: truncated: [0-9]* bytes of at least [0-9]* " "$scratch/out" ||
    fail "truncated.so: says: $(cat "$scratch/out")"
refuse "no such file" "$dir/nowhere.so: No such file or directory" "$host" --describe "$dir/nowhere.so"
refuse "a directory" "$dir: " "$host" --describe "$dir"

dies abort_in_ctor.so 128
dies crash_in_ctor.so 128
dies crash_in_entry.so 128
dies hang_in_ctor.so 124 # timeout's
dies exit_in_ctor.so 0

checks=$((checks + 1))
"$host" --describe "$dir/huge_struct.so" >/dev/null || fail "a longer descriptor with a known version is fine"
finish
