# SPDX-License-Identifier: Apache-2.0
#
# blocks.awk -v dir=DIR PAGE.md: writes each code block of a Markdown page to DIR/N and prints one line for it:
#     N <tab> line <tab> language <tab> mark
# The mark is the text of `<!-- test: MARK -->` in front of the block. A comment of several lines that begins with
# `<!-- test: run`, `before` or `after` is a block of its own, with that word as its mark.

function begin(lang, mark_now)
{
    n++
    file = dir "/" n
    printf "" > file
    printf "%d\t%d\t%s\t%s\n", n, NR, lang, mark_now == "" ? "-" : mark_now
}

function end() { close(file) }

state == "fence" {
    text = $0
    for (i = 0; i < indent && text ~ /^ /; i++) text = substr(text, 2)
    if (text ~ /^```[ \t]*$/) { end(); state = ""; next }
    print text > file
    next
}

state == "hidden" {
    if ($0 ~ /^ *-->/) { end(); state = ""; next }
    print > file
    next
}

/^ *<!-- test: .* -->$/ {
    mark = $0
    sub(/^ *<!-- test: /, "", mark)
    sub(/ -->$/, "", mark)
    next
}

/^ *<!-- test: (run|before|after)$/ {
    word = $3
    begin("hidden", word)
    state = "hidden"
    next
}

/^ *```/ {
    match($0, /^ */)
    indent = RLENGTH
    lang = $0
    sub(/^ *```/, "", lang)
    begin(lang == "" ? "none" : lang, mark)
    mark = ""
    state = "fence"
    next
}

# An indented block of code: the project's pages use fences only, because a block needs a language.
/^    [^ ]/ && blank && !list { begin("indented", mark); mark = ""; print > file; end() }

{ blank = $0 ~ /^[ \t]*$/ }
/^([-*]|[0-9]+\.) / { list = 1 }
/^[^ \t]/ && !/^([-*]|[0-9]+\.) / { list = 0 }
