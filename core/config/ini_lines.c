/* SPDX-License-Identifier: Apache-2.0
 * ini_lines - the reader that feeds inih: counts lines, takes out headings and everything that
 * is malformed, and hands a long line over in pieces that fit. */
#include "ini_file.h"

#include "base/value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_KEY 150 /* leaves room for the begin of a value on inih's lines */
#define QUOTE(text) value_quote((text), (char[80]){0}, 80)

/* Where inih sees `key =` or `key :` end, or an inline comment begin: the same rule as its own. */
static char *find_mark(char *s, const char *marks)
{
    bool space = false;
    while (*s && !(marks && strchr(marks, *s)) && !(space && *s == ';')) {
        space = isspace((unsigned char)*s);
        s++;
    }
    return s;
}

/* An indented line: may it continue the key above?  Says why not. */
static bool may_continue(struct ini_source *in, char *line)
{
    const struct section *s = ini_section(in);
    char *end = find_mark(line, "=:");
    char key[64];
    size_t len = (size_t)(end - line);

    if (!s || in->entry == INI_NOWHERE)
        return false; /* the problem was named where it began */
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    snprintf(key, sizeof(key), "%.*s", (int)(len < sizeof(key) ? len : 0), line);
    if (*end == '=' && *key && (opt_find(s->type, key, NULL) || check_sub_key(key, NULL) == 0)) {
        ini_problem(in, "an indented line continues the one above; remove the indent before %s", QUOTE(key));
        return false;
    }
    const struct entry *e = &s->entries[in->entry];
    if (!e->o || (e->o->type != OPT_LIST && e->o->type != OPT_DURATIONS)) {
        ini_problem(in, "an indented line continues the one above, and %s is not a list (remove the indent)",
                    QUOTE(e->o ? e->o->key : e->sub));
        return false;
    }
    return true;
}

/* Only for messages: the first word of a line, since the rest may be a secret. */
static const char *first_word(const char *line, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)strcspn(line, " \t"), line);
    return out;
}

/* Is this line for inih?  Headings and malformed lines are dealt with here. */
static bool wants_inih(struct ini_source *in, char **ret_line)
{
    char word[64];
    char *line = *ret_line;
    char *text = line + strspn(line, " \t");

    in->continued = false;
    if (*text == '\0' || *text == ';' || *text == '#')
        return false;
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if ((*s < 0x20 && *s != '\t') || *s == 0x7f) {
            ini_problem(in, "a control character (0x%02x) does not belong into the file", *s);
            return false;
        }
    }
    *ret_line = text;
    if (text > line && in->key_seen) {
        in->continued = true;
        return may_continue(in, text);
    }
    if (*text == '[') {
        ini_read_heading(in, text);
        return false;
    }
    in->key_seen = true;
    in->entry = INI_NOWHERE;
    char *mark = find_mark(text, "=:");
    if (*mark == '=' || *mark == ':') {
        if (mark != text && mark - text <= MAX_KEY)
            return true;
        if (mark == text)
            ini_problem(in, "there is no key before the %c", *mark);
        else
            ini_problem(in, "%s is too long for a key", QUOTE(first_word(text, word, sizeof(word))));
    } else {
        ini_problem(in, "%s is not followed by = (write KEY = VALUE)", QUOTE(first_word(text, word, sizeof(word))));
    }
    return false;
}

/* Cuts the next line off; NULL at the end. */
static char *next_line(struct ini_source *in)
{
    char *line = in->next;
    if (!*line)
        return NULL;
    size_t len = strcspn(line, "\n");
    in->next = line + len + (line[len] == '\n');
    line[len] = '\0';
    if (len > 0 && line[len - 1] == '\r')
        line[--len] = '\0';
    in->line++;
    if (len > MAX_TEXT) {
        ini_problem(in, "the line is longer than %d bytes", MAX_TEXT);
        line[0] = '\0';
    }
    return line;
}

/* Writes as much of `text` as fits into a line for inih, and keeps the rest.  The cut leaves no
 * space at either end and no comment sign at the front, which inih would take away. */
static bool hand_over(struct ini_source *in, char *out, size_t size, char *text, size_t least)
{
    size_t room = size - 4; /* ' ' before, '\n' and NUL behind, one that inih compares with */
    size_t n = strlen(text);

    in->rest = NULL;
    if (n > room) {
        for (n = room; n > least; n--)
            if (!isspace((unsigned char)text[n - 1]) && !isspace((unsigned char)text[n]) && !strchr(";#", text[n]))
                break;
        if (n <= least) {
            ini_problem(in, "the line holds a long run of blanks, which can't be read; remove them");
            in->entry = INI_NOWHERE;
            return false;
        }
        in->rest = text + n;
    }
    snprintf(out, size, "%s%.*s\n", in->piece || in->continued ? " " : "", (int)n, text);
    return true;
}

static void trim_comment(char *line)
{
    *find_mark(line, NULL) = '\0';
    size_t len = strlen(line);
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        line[--len] = '\0';
}

char *ini_read_line(char *out, int size, void *stream)
{
    struct ini_source *in = stream;
    char *line;

    if (size < 64)
        return NULL;
    if (in->rest) {
        in->piece = true;
        if (hand_over(in, out, (size_t)size, in->rest, 0))
            return out;
    }
    in->piece = false;
    while ((line = next_line(in)) != NULL) {
        if (!wants_inih(in, &line))
            continue;
        /* inih 55 leaves comments on continuation lines, later ones don't. */
        trim_comment(line);
        char *value = in->continued ? line : find_mark(line, "=:") + 1;
        size_t least = (size_t)(value - line) + strspn(value, " \t");
        if (hand_over(in, out, (size_t)size, line, least))
            return out;
    }
    return NULL;
}
