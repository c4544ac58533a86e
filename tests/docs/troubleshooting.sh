#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every event of level warn or error (docs/events.md, generated) and every sentence of /readyz has an entry in
# docs/troubleshooting.md. A sentence is compared up to its first value, or after the value if it begins with one.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
page=docs/troubleshooting.md
failures=0

# shellcheck disable=SC2016 # backquotes of Markdown
events() { sed -nE 's/^\| `([a-z-]+)` \| [^|]*(warn|error).*/\1/p' docs/events.md; }
while read -r event; do
    grep -q "^| \`$event\` |" $page || { echo "$page: no entry for the event $event"; failures=$((failures + 1)); }
done < <(events)

# Prints the texts passed to readiness_lose() and readiness_suspect(), with X for each value.
sentences()
{
    cat core/consumer/*.c | tr '\n' ' ' | grep -oE 'readiness_(lose|suspect)\(c, *("[^"]*" *)+' |
        sed -E 's/^[^"]*"//; s/"[^"]*$//; s/" *"//g; s/%[a-z]+/X/g' | sort -u
}
n=0
while read -r sentence; do
    words=$(grep -oE "[a-z][a-z =-]{9,}" <<<"$sentence" | head -n 1 | sed 's/ *$//')
    [ -n "$words" ] || continue
    n=$((n + 1))
    grep -qF -- "$words" $page || { echo "$page: no entry for \"$words\" of \"$sentence\""; failures=$((failures + 1)); }
done < <(sentences)
[ $n -ge 10 ] || { echo "only $n sentences of /readyz found in core/consumer"; failures=$((failures + 1)); }
echo "$n sentences, $failures without an entry or events without one"
[ $failures = 0 ]
