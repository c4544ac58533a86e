#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# next_header.sh HEADER OUT - writes a header of an invented next minor version: a higher minor number, and
# one more field at the end of every struct that may grow.
set -eu
minor=$(sed -n 's/^#define SEAMQ_ABI_MINOR \([0-9]*\)u$/\1/p' "$1")
awk -v next_minor=$((minor + 1)) '
    /^#define SEAMQ_ABI_MINOR / { $3 = next_minor "u" }
    /^(typedef )?struct seamq_(plugin|option|msg|output|host) [{]/ { inside = 1; grown++ }
    inside && /^}/ { print "    const void *of_the_next_minor;"; inside = 0 }
    { print }
    END { if (grown != 5) exit 1 }
' "$1" >"$2"
