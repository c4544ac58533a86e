/* SPDX-License-Identifier: Apache-2.0
 * stream/provision - the plan, its table and its warnings. */
#include "provision_private.h"

#include "base/clock.h"
#include "diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *own_domain(const struct provision *p)
{
    return *p->own_domain ? p->own_domain : NULL;
}

void item_name(const struct item *it, char *out, size_t size)
{
    if (it->stream)
        snprintf(out, size, "%s", it->stream->name);
    else
        snprintf(out, size, "%s/%s", it->consumer->stream, it->consumer->name);
}

char *format_text(struct provision *p, const char *fmt, va_list ap)
{
    struct buf b = {0};

    buf_vprintf(&b, fmt, ap);
    const char *text = buf_str(&b);
    char *copy = text ? strdup(text) : NULL;
    p->oom = p->oom || !copy;
    buf_finish(&b);
    return copy;
}

void item_fail(struct provision *p, struct item *it, enum action action, const char *fmt, ...)
{
    va_list ap;

    free(it->problem);
    va_start(ap, fmt);
    it->problem = format_text(p, fmt, ap);
    va_end(ap);
    it->action = action;
    it->open = it->stale = false;
}

int provision_create(struct provision **ret, struct session *session, const struct config *config,
                     const struct provision_config *wanted, int64_t deadline_ns, provision_progress_fn progress,
                     void *data)
{
    struct provision *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    *p = (struct provision){.session = session,
                            .config = config,
                            .wanted = wanted,
                            .deadline_ns = deadline_ns,
                            .progress = progress,
                            .data = data,
                            .n = wanted->n_streams + wanted->n_consumers,
                            .warnings = json_array()};
    p->items = calloc(p->n + 1, sizeof(*p->items));
    if (!p->items || !p->warnings) {
        provision_destroy(p);
        return -ENOMEM;
    }
    for (size_t i = 0; i < wanted->n_streams; i++)
        p->items[i] = (struct item){.stream = &wanted->streams[i], .stale = true};
    for (size_t i = 0; i < wanted->n_consumers; i++)
        p->items[wanted->n_streams + i] = (struct item){.consumer = &wanted->consumers[i], .stale = true};
    *ret = p;
    return 0;
}

static void item_clear(struct item *it)
{
    json_decref(it->changes);
    json_decref(it->update);
    free(it->note);
    free(it->problem);
    it->changes = it->update = NULL;
    it->note = it->problem = NULL;
}

void provision_destroy(struct provision *p)
{
    if (!p)
        return;
    for (size_t i = 0; p->items && i < p->n; i++) {
        item_clear(&p->items[i]);
        json_decref(p->items[i].wanted);
        json_decref(p->items[i].info);
    }
    json_decref(p->warnings);
    free(p->items);
    free(p);
}

/* ---- the plan -------------------------------------------------------------------------- */

static int diff_item(struct diff *d, const struct provision *p, const struct item *it)
{
    return it->stream ? diff_stream(d, it->wanted, it->info, own_domain(p), clock_wall_ns())
                      : diff_consumer(d, it->wanted, it->info);
}

static void plan_item(struct provision *p, struct item *it)
{
    struct diff d;

    item_clear(it);
    it->stale = false;
    if (!it->info) {
        it->action = ACTION_CREATE;
        it->open = true;
        return;
    }
    if (diff_item(&d, p, it) < 0) {
        p->oom = true;
        return;
    }
    it->changes = json_incref(d.changes);
    it->update = json_incref(d.update);
    it->action = d.update ? ACTION_UPDATE : ACTION_UNCHANGED;
    it->open = d.update != NULL;
    it->note = d.notes.len ? strdup(buf_str(&d.notes)) : NULL;
    if (d.problems.len)
        item_fail(p, it, ACTION_REFUSED, "%s", buf_str(&d.problems));
    diff_finish(&d);
}

void plan_stale(struct provision *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].stale)
            plan_item(p, &p->items[i]);
}

static void make_wanted(struct provision *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct item *it = &p->items[i];
        it->wanted = it->stream ? diff_wanted_stream(it->stream, own_domain(p)) : consumer_config_write(it->consumer);
        p->oom = p->oom || !it->wanted;
    }
}

int provision_plan(struct provision *p, struct error *err)
{
    int rc = wait_ready(p, err);
    if (rc < 0)
        return rc;
    make_wanted(p);
    if (!p->oom)
        read_stale(p);
    if (!p->oom)
        plan_stale(p);
    if (!p->oom)
        warn_same_names(p);
    return p->oom ? error_set(err, -ENOMEM, "out of memory") : 0;
}

/* ---- output ------------------------------------------------------------------ */

size_t provision_count(const struct provision *p, enum action action)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->items[i].action == action;
    return n;
}

static void put_detail(const struct provision *p, const struct item *it, struct buf *out)
{
    json_t *change;
    size_t i;

    if (it->problem)
        buf_puts(out, it->problem);
    else if (it->action == ACTION_CREATE && it->stream)
        diff_describe_stream(it->wanted, own_domain(p), out);
    else if (it->action == ACTION_CREATE)
        diff_describe_consumer(it->wanted, out);
    else
        json_array_foreach(it->changes, i, change) buf_printf(
            out, "%s%s: %s -> %s", i ? "; " : "", json_string_value(json_object_get(change, "field")),
            json_string_value(json_object_get(change, "from")), json_string_value(json_object_get(change, "to")));
    if (it->note && !it->problem)
        buf_printf(out, "%s%s", out->len ? "; " : "", it->note);
}

static json_t *row_of(const struct provision *p, const struct item *it)
{
    static const char *const actions[N_ACTIONS] = {"unchanged", "create", "update", "refused", "failed"};
    struct buf detail = {0};
    char name[512];

    item_name(it, name, sizeof(name));
    put_detail(p, it, &detail);
    const char *text = buf_str(&detail);
    json_t *row = text ? json_pack("{s:s, s:s, s:s, s:s}", "action", actions[it->action], "kind",
                                   it->stream ? "stream" : "consumer", "name", name, "detail", text)
                       : NULL;
    if (row && it->changes && json_array_size(it->changes))
        json_object_set(row, "changes", it->changes);
    if (row && it->problem)
        json_object_set_new(row, "problem", json_string(it->problem));
    buf_finish(&detail);
    return row;
}

json_t *provision_rows(const struct provision *p)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < p->n; i++)
        if (json_array_append_new(rows, row_of(p, &p->items[i])) < 0) {
            json_decref(rows);
            return NULL;
        }
    return rows;
}

json_t *provision_warnings(const struct provision *p)
{
    return p->warnings;
}
