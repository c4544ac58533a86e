/* SPDX-License-Identifier: Apache-2.0
 * ini_lines - the line reader for inih: counts lines, keeps headings and malformed lines back, and passes a long line
 * on in pieces. */
#include "ini_file.h"

#include "base/value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_KEY 150 /* bytes; leaves room for the start of the value in a line of inih */
#define QUOTE(text) value_quote((text), (char[80]){0}, 80)

/* The first of `marks`, or the start of an inline comment, by the rule of inih; else the end of the text. */
static char *find_mark(char *s, const char *marks)
{
    bool space = false;
    while (*s && !(marks && strchr(marks, *s)) && !(space && *s == ';')) {
        space = isspace((unsigned char)*s);
        s++;
    }
    return s;
}

/* True: this indented line may continue the key above. Reports why not. */
static bool can_continue(struct ini_source *in, char *line)
{
    const struct section *s = ini_section(in);
    char *end = find_mark(line, "=:");
    char key[64];
    size_t len = (size_t)(end - line);

    if (!s || in->entry == INI_NOWHERE)
        return false; /* reported at the first line of the key */
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

/* The first word of a line, for messages: the rest may be a secret. */
static const char *copy_first_word(const char *line, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)strcspn(line, " \t"), line);
    return out;
}

/* True: inih gets the line. Headings are read here, malformed lines reported. */
static bool is_for_inih(struct ini_source *in, char **ret_line)
{
    char word[64];
    char *line = *ret_line;
    char *text = line + strspn(line, " \t");

    in->continued = false;
    if (*text == '\0' || *text == ';' || *text == '#')
        return false;
    for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
        if ((*s < 0x20 && *s != '\t') || *s == 0x7f) {
            ini_problem(in, "control character 0x%02x is not allowed", *s);
            return false;
        }
    }
    *ret_line = text;
    if (text > line && in->key_seen) {
        in->continued = true;
        return can_continue(in, text);
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
            ini_problem(in, "%s is too long for a key", QUOTE(copy_first_word(text, word, sizeof(word))));
    } else {
        ini_problem(in, "%s is not followed by = (write KEY = VALUE)",
                    QUOTE(copy_first_word(text, word, sizeof(word))));
    }
    return false;
}

/* The next line, NUL-terminated in place; NULL at the end. */
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

/* Writes the part of `text` that fits in a line for inih, and keeps the rest. A piece neither starts nor ends with a
 * blank, nor starts with a comment character: inih would remove them. */
static bool write_piece(struct ini_source *in, char *out, size_t size, char *text, size_t least)
{
    size_t room = size - 4; /* a blank before; newline, NUL and one spare byte after: inih checks for a full buffer */
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
        if (write_piece(in, out, (size_t)size, in->rest, 0))
            return out;
    }
    in->piece = false;
    while ((line = next_line(in)) != NULL) {
        if (!is_for_inih(in, &line))
            continue;
        /* inih 55 keeps comments on continuation lines, later versions remove them. */
        trim_comment(line);
        char *value = in->continued ? line : find_mark(line, "=:") + 1;
        size_t least = (size_t)(value - line) + strspn(value, " \t");
        if (write_piece(in, out, (size_t)size, line, least))
            return out;
    }
    return NULL;
}
