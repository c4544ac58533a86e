/* SPDX-License-Identifier: Apache-2.0
 * print - prints the resolved configuration with the origin of each value; secrets are masked. */
#include "private.h"

#include "base/buf.h"
#include "base/value.h"
#include "names.h"

#include <ctype.h>
#include <string.h>

#define ORIGIN_COLUMN 48

/* True: inih reads the value back unchanged. */
static bool fits_ini(const char *value)
{
    size_t len = strlen(value);

    if (len > 0 && (isspace((unsigned char)value[0]) || isspace((unsigned char)value[len - 1])))
        return false;
    if (*value == ';')
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f ||
            (value[i] == ';' && i > 0 && isspace((unsigned char)value[i - 1])))
            return false;
    return true;
}

static void print_line(FILE *out, const char *key, const char *suffix, const char *value, const char *origin)
{
    char quoted[200];
    int n;

    if (fits_ini(value))
        n = fprintf(out, "%s%s = %s", key, suffix, value);
    else
        n = fprintf(out, "# %s%s = %s (can't be written in an ini file)", key, suffix,
                    value_quote(value, quoted, sizeof(quoted)));
    fprintf(out, "%*s ; %s\n", n >= 0 && n < ORIGIN_COLUMN ? ORIGIN_COLUMN - n : 0, "", origin);
}

static void put_item(struct buf *b, const struct opt *o, const char *item)
{
    if (b->len)
        buf_putc(b, ' ');
    if (o->check != check_url || !url_has_user(item)) {
        buf_puts(b, item);
        return;
    }
    size_t size = strlen(item) + sizeof(SECRET_MASK);
    char *masked = buf_reserve(b, size + 1);
    if (masked) {
        url_mask(item, masked, size);
        b->len += strlen(masked);
    }
}

/* The items of a list, with URLs masked. An item of a flag is not split at blanks. */
static void put_list(struct buf *b, const struct section *s, const struct entry *winner)
{
    struct buf item = {0};

    if (winner->append) {
        for (size_t i = 0; i < s->n_entries; i++) {
            const struct entry *e = &s->entries[i];
            if (e->o == winner->o && e->source == winner->source && e->append)
                put_item(b, e->o, e->value);
        }
        return;
    }
    const char *pos = winner->value;
    size_t size = strlen(pos) + 1;
    char *at = buf_reserve(&item, size);
    while (at && value_list_next(&pos, at, size))
        put_item(b, winner->o, at);
    b->failed = b->failed || !at;
    buf_finish(&item);
}

/* The default; a computed one (the host name) is taken from the struct. */
static const char *default_value(const struct opt *o, const void *target)
{
    if (o->type == OPT_TEXT && !*o->preset) {
        char *value;
        memcpy(&value, (const char *)target + o->offset, sizeof(value));
        return value ? value : "";
    }
    return o->preset;
}

static void print_key(FILE *out, const struct section *s, const struct opt *o, const void *target)
{
    const struct entry *e = section_winner(s, o, NULL);
    struct buf b = {0};

    if (!e)
        buf_puts(&b, default_value(o, target));
    else if (e->from_file)
        buf_puts(&b, e->value);
    else if (o->flags & OPT_SECRET)
        buf_puts(&b, *e->value ? SECRET_MASK : "");
    else if (o->type == OPT_LIST)
        put_list(&b, s, e);
    else
        buf_puts(&b, e->value);

    const char *value = buf_str(&b);
    if (!value)
        fprintf(out, "# %s: out of memory\n", o->key);
    else if (!*value && !e)
        fprintf(out, "# %s is not set\n", o->key);
    else
        print_line(out, o->key, e && e->from_file ? "_file" : "", value, e ? e->origin : "default");
    buf_finish(&b);
}

static void print_section(FILE *out, const struct section *s, const void *target)
{
    char title[TITLE_SIZE];

    fprintf(out, "%s\n", section_title(s, title, sizeof(title)));
    for (const struct opt *o = s->type->options; o->key; o++)
        print_key(out, s, o, target);
}

static void print_sub_keys(FILE *out, const struct section *s, const struct config_handler *h)
{
    char sub[160];

    for (size_t i = 0; i < h->stream_for_cluster.n; i++) {
        const char *item = h->stream_for_cluster.items[i];
        int len = (int)strcspn(item, "=");
        snprintf(sub, sizeof(sub), "stream.%.*s", len, item);
        const struct entry *e = section_winner(s, NULL, sub);
        print_line(out, sub, "", item + len + 1, e ? e->origin : "default");
    }
    for (size_t i = 0; i < h->n_options; i++) {
        const struct config_option *o = &h->options[i];
        /* An option counts as a secret until the plugin has declared that it is none. */
        snprintf(sub, sizeof(sub), "option.%s", o->name);
        print_line(out, sub, "", strv_has(&s->open_options, o->name) || !*o->value ? o->value : SECRET_MASK, o->origin);
    }
}

void config_print(const struct config *c, FILE *out)
{
    const struct section *s = section_find(c, &section_seamqd, "");

    if (s)
        print_section(out, s, c);
    for (size_t i = 0; i < c->n_clusters; i++) {
        s = section_find(c, &section_cluster, c->clusters[i].name);
        fputc('\n', out);
        if (s)
            print_section(out, s, &c->clusters[i]);
    }
    for (size_t i = 0; i < c->n_handlers; i++) {
        const struct config_handler *h = &c->handlers[i];
        s = section_find(c, &section_handler, h->name);
        if (!s)
            continue;
        fprintf(out, "\n");
        if (h->plugin_path)
            fprintf(out, "# %s\n", h->plugin_path);
        print_section(out, s, h);
        print_sub_keys(out, s, h);
    }
}
