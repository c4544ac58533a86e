/* SPDX-License-Identifier: Apache-2.0
 * describe - the descriptor and options of a plugin: as packets for the daemon, as JSON for --describe. */
#include "host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring/packet.h"

static bool has_batch(const struct loaded *l)
{
    return l->plugin.handle_batch != NULL;
}

/* Sends one packet.  If it is too large, refuses the plugin: a missing option would look undeclared. */
static bool packet_send_or_refuse(struct buf *b, const char *path, const char *what)
{
    char text[512];
    int rc = b->len > PACKET_MAX ? -EMSGSIZE : packet_send(PACKET_FD_CONTROL, b, -1);

    if (rc == -EMSGSIZE)
        snprintf(text, sizeof(text),
                 "%.256s: the texts of its %.64s take %zu bytes, at most %u are possible: shorten them", path, what,
                 b->len, PACKET_MAX);
    else if (rc)
        snprintf(text, sizeof(text), "%.256s: its %.64s cannot be sent to seamqd: %s", path, what, strerror(-rc));
    if (rc)
        host_send_text("refused", text);
    return rc == 0;
}

int host_describe_packets(const struct loaded *l)
{
    const struct seamq_plugin *p = &l->plugin;
    struct buf b = {0};
    char what[80];

    packet_begin(&b, "describe");
    packet_add(&b, "name", p->name);
    packet_add(&b, "version", p->version);
    packet_add_int(&b, "has_batch", has_batch(l));
    if (p->stream)
        packet_add(&b, "stream", p->stream);
    if (p->subjects)
        packet_add(&b, "subjects", p->subjects);
    bool sent = packet_send_or_refuse(&b, l->path, "descriptor");

    for (size_t i = 0; sent && i < l->n_options; i++) {
        const struct seamq_option *o = &l->options[i];
        packet_begin(&b, "option");
        packet_add(&b, "name", o->name);
        packet_add_int(&b, "type", o->type);
        packet_add_int(&b, "required", (o->flags & SEAMQ_REQUIRED) != 0);
        packet_add_int(&b, "secret", (o->flags & SEAMQ_SECRET) != 0);
        packet_add_int(&b, "min", o->min);
        packet_add_int(&b, "max", o->max);
        if (o->preset)
            packet_add(&b, "preset", o->preset);
        if (o->help)
            packet_add(&b, "help", o->help);
        snprintf(what, sizeof(what), "option %s", o->name);
        sent = packet_send_or_refuse(&b, l->path, what);
    }
    buf_finish(&b);
    if (sent)
        host_send_text("ready", "");
    return sent ? 0 : HOST_EXIT_REFUSED;
}

static void json_text(struct buf *b, const char *key, const char *value)
{
    buf_printf(b, "\"%s\":", key);
    if (value)
        buf_put_json(b, value, strlen(value));
    else
        buf_puts(b, "null");
    buf_putc(b, ',');
}

static void json_option(struct buf *b, const struct seamq_option *o)
{
    static const char *const types[] = {[SEAMQ_STRING_] = "string",
                                        [SEAMQ_INT_] = "int",
                                        [SEAMQ_BOOL_] = "bool",
                                        [SEAMQ_BYTES_] = "bytes",
                                        [SEAMQ_TIME_] = "time"};
    buf_putc(b, '{');
    json_text(b, "name", o->name);
    json_text(b, "type", types[o->type]);
    json_text(b, "preset", o->preset);
    json_text(b, "help", o->help);
    buf_printf(b, "\"required\":%s,\"secret\":%s,\"min\":%" PRId64 ",\"max\":%" PRId64 "}",
               o->flags & SEAMQ_REQUIRED ? "true" : "false", o->flags & SEAMQ_SECRET ? "true" : "false", o->min,
               o->max);
}

int host_describe_json(const char *path)
{
    static struct seamq_host table;
    struct loaded l;
    struct error err = {0}, note;
    struct buf b = {0};

    host_api_fill(&table);
    if (loader_load(&l, path, NULL, &table, false, &err, &note)) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    buf_putc(&b, '{');
    json_text(&b, "name", l.plugin.name);
    json_text(&b, "version", l.plugin.version);
    json_text(&b, "summary", l.plugin.summary);
    buf_printf(&b, "\"abi\":\"%u.%u\",", l.plugin.abi_major, l.plugin.abi_minor);
    json_text(&b, "stream", l.plugin.stream);
    json_text(&b, "subjects", l.plugin.subjects);
    buf_puts(&b, "\"options\":[");
    for (size_t i = 0; i < l.n_options; i++) {
        if (i)
            buf_putc(&b, ',');
        json_option(&b, &l.options[i]);
    }
    buf_printf(&b, "],\"has_batch\":%s}\n", has_batch(&l) ? "true" : "false");
    const char *text = buf_str(&b);
    bool ok = text && fputs(text, stdout) >= 0 && fflush(stdout) == 0;
    buf_finish(&b);
    free(l.options);
    if (!ok)
        fprintf(stderr, "seamq-worker: cannot write to standard output\n");
    return ok ? 0 : 1;
}
