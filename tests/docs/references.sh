#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every file that a page, a comment or a message of the tree names exists, and every link of a page leads to a file and a
# heading. A name is a path with a folder (dispatch/breaker.c), or the name of a page (flow.md); the end of a path is enough.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/seamq-references.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

all_files()
{
    git ls-files --cached --others --exclude-standard 2>/dev/null ||
        find . -type f -not -path './build/*' -not -path './.deps/*' -not -path './.git/*' | sed 's|^\./||'
}
all_files | sort -u | while read -r name; do [ ! -f "$name" ] || echo "$name"; done >"$scratch/files"
grep -vE '^(tests/fuzz/corpus/|LICENSE)' "$scratch/files" | xargs grep -lI . >"$scratch/texts"

# Not names of files: variables of scripts ($here/lib.sh), absolute paths, system headers, and words in capitals that stand
# for a name (NAME.c).
readonly NAMES='(?<![\w$/.}{*-])(?!(https?|nats|openssl|sys|net|netinet|arpa|linux|include)\b)([\w.{}*-]+/)+[\w-]+\.(c|h|md|sh|awk)\b|(?<![\w$/.}{*-])[A-Za-z_-]+\.md\b'
xargs grep -noHP "$NAMES" <"$scratch/texts" | grep -vE '(\b|_)(NAME|PAGE)[./_]|(here|scratch|root|my-[a-z]+)/' |
    awk -F: -v files="$scratch/files" '
        BEGIN {
            while ((getline name < files) > 0) {
                known[name] = 1
                while (match(name, "/")) { name = substr(name, RSTART + 1); known[name] = 1 }
            }
        }
        {
            name = $3
            gsub(/^(\.\.?\/)+/, "", name)
            while (sub(/[^\/]+\/\.\.\//, "", name)) {}
            if (name !~ /[*{}]/ && !(name in known)) print $1 ":" $2 ": " $3 " does not exist"
        }' | sort -u >"$scratch/missing"

# links FILE: prints the targets of a page's Markdown links that are not on the web.
links() { grep -oE '\]\([^)]+\)' "$1" | sed -E 's/^\]\(//; s/\)$//' | grep -vE '^(https?|mailto):'; }

# Prints the anchors of a page's headings, as GitHub makes them.
anchors() { awk '/^```/ { fence = !fence } !fence && /^#/' "$1" | sed -E 's/^#+ +//; s/.*/\L&/; s/[^a-z0-9 _-]//g; s/ /-/g'; }

check_link()
{
    local page=$1 link=$2 target=$1 path=${2%%#*} anchor=
    case $link in *'#'*) anchor=${link#*#} ;; esac
    [ -z "$path" ] || target=$(dirname "$page")/$path
    if [ ! -e "$target" ]; then
        echo "$page: the link $link leads nowhere"
    elif [ -n "$anchor" ] && ! anchors "$target" | grep -qxF -- "$anchor"; then
        echo "$page: the link $link: no such heading"
    fi
}
grep '\.md$' "$scratch/files" | while read -r page; do
    links "$page" | while read -r link; do check_link "$page" "$link"; done
done >>"$scratch/missing"

cat "$scratch/missing"
echo "$(wc -l <"$scratch/texts") files, $(wc -l <"$scratch/missing") references that lead nowhere"
[ ! -s "$scratch/missing" ]
