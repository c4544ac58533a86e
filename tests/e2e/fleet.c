/* SPDX-License-Identifier: Apache-2.0
 * fleet - seamqd with the integration tests' scripted handler, on two domains. */
#include "fleet.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDLER "scripted"

static const char *verb_a(uint32_t id, uint64_t roll)
{
    (void)id, (void)roll;
    return "from-a";
}

static const char *verb_b(uint32_t id, uint64_t roll)
{
    (void)id, (void)roll;
    return "from-b";
}

/* ---- the streams -------------------------------------------------------------------------------- */

static const char *upper(struct world *w, const char *text)
{
    char *copy = (char *)world_text(w, "%s", text);

    for (char *c = copy; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return copy;
}

static void open_domain(struct fleet *f, struct domain *d, struct side *side, const char *all, const char *name)
{
    const char *prefix = upper(f->w, side->domain);

    d->side = side;
    d->urls = getenv(all) ? getenv(all) : side->url;
    d->stream = world_text(f->w, "%s_%s", prefix, name);
    d->dlq = world_text(f->w, "%s_%s_DLQ", prefix, name);
    d->subject = world_text(f->w, "e2e.%s.%s", side->domain, name);
    jsStreamInfo_Destroy(mesh_add_stream(side->home, d->stream, d->subject));
    jsStreamInfo_Destroy(mesh_add_stream(side->home, d->dlq, world_text(f->w, "dlq.%s.>", d->stream)));
}

struct fleet *fleet_open(struct world *w, const char *prefix)
{
    struct fleet *f = calloc(1, sizeof(*f));
    const char *name = mesh_name(prefix);

    assert_non_null(f);
    world_at_end(w, free, f);
    f->w = w;
    f->mesh = mesh_in(w);
    f->a.mark = "from-a";
    f->b.mark = "from-b";
    open_domain(f, &f->a, &f->mesh->a, "E2E_NATS_A_URLS", name);
    open_domain(f, &f->b, &f->mesh->b, "E2E_NATS_B_URLS", name);
    f->effects = world_path(w, "effects");
    f->daemon = daemon_new(w, NULL);
    daemon_handler(f->daemon, IT_SCRIPTED, HANDLER);
    fleet_set(f, "OPTION_EFFECTS", "%s", f->effects);
    fleet_set(f, "STREAM", "{CLUSTER}_%s", name);
    fleet_set(f, "FILTER_SUBJECTS", "e2e.{cluster}.%s", name);
    fleet_set(f, "DEAD_LETTER", "{CLUSTER}_%s_DLQ", name);
    fleet_set(f, "ACK_WAIT", "5s");
    return f;
}

void fleet_cluster(struct fleet *f, const char *cluster, const char *urls)
{
    const char *user = getenv("E2E_NATS_APP_USER"), *ca = getenv("E2E_NATS_CA"), *name = upper(f->w, cluster);

    daemon_env(f->daemon, "SEAMQ_CLUSTER_%s_URLS=%s", name, urls);
    daemon_env(f->daemon, "SEAMQ_CLUSTER_%s_DOMAIN=%s", name, cluster);
    if (user) {
        daemon_env(f->daemon, "SEAMQ_CLUSTER_%s_USER=%s", name, user);
        daemon_env(f->daemon, "SEAMQ_CLUSTER_%s_PASSWORD=%s", name, getenv("E2E_NATS_APP_PASSWORD"));
    }
    if (ca)
        daemon_env(f->daemon, "SEAMQ_CLUSTER_%s_TLS_CA=%s", name, ca);
}

void fleet_set(struct fleet *f, const char *key, const char *fmt, ...)
{
    char value[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    daemon_env(f->daemon, "SEAMQ_HANDLER_SCRIPTED_%s=%s", key, value);
}

void fleet_publish(struct fleet *f, struct domain *d, uint32_t count)
{
    struct ledger_options o = {
        .urls = d->urls, .subject = d->subject, .count = count, .in_flight = 64, .verb = d == &f->a ? verb_a : verb_b};
    d->ledger = ledger_start(f->w, &o);
}

/* ---- the effects -------------------------------------------------------------------------------- */

/* Counts the effects of a domain's messages, and copies them to `to` unless that is NULL. */
static uint64_t pick_effects(struct fleet *f, const struct domain *d, FILE *to)
{
    FILE *from = fopen(f->effects, "re");
    char *line = NULL;
    size_t room = 0;
    uint64_t n = 0;

    while (from && getline(&line, &room, from) > 0) {
        if (!strstr(line, d->mark) || !strchr(line, '\n'))
            continue;
        n++;
        if (to)
            fputs(line, to);
    }
    free(line);
    if (from)
        fclose(from);
    return n;
}

uint64_t fleet_effects(struct fleet *f, const struct domain *d)
{
    return pick_effects(f, d, NULL);
}

struct effects_query {
    struct fleet *f;
    const struct domain *d;
    uint64_t n;
};

static bool has_effects(void *data)
{
    struct effects_query *q = data;
    return fleet_effects(q->f, q->d) >= q->n;
}

void fleet_wait_effects(struct fleet *f, const struct domain *d, uint64_t n)
{
    struct effects_query q = {f, d, n};

    if (!world_until(has_effects, &q, FLEET_DEADLINE_S))
        fail_msg("stuck: %llu messages of %s were handled in %d s, not %llu", (unsigned long long)fleet_effects(f, d),
                 d->stream, FLEET_DEADLINE_S, (unsigned long long)n);
}

/* ---- the end ------------------------------------------------------------------------------------ */

static bool is_settled(void *data)
{
    struct domain *d = data;
    jsConsumerInfo *info = NULL;

    if (js_GetConsumerInfo(&info, d->side->home, d->stream, HANDLER, NULL, NULL) != NATS_OK)
        return false;
    bool settled = info->NumPending == 0 && info->NumAckPending == 0;
    jsConsumerInfo_Destroy(info);
    return settled;
}

void fleet_expect_complete(struct fleet *f, struct domain *d)
{
    const char *own = world_path(f->w, "effects.%s", d->mark);

    ledger_finish(d->ledger, FLEET_DEADLINE_S);
    if (!world_until(is_settled, d, FLEET_DEADLINE_S))
        fail_msg("%s is not settled in %d s: %llu of %u messages were handled", d->stream, FLEET_DEADLINE_S,
                 (unsigned long long)fleet_effects(f, d), ledger_size(d->ledger));
    FILE *to = fopen(own, "we");
    assert_non_null(to);
    pick_effects(f, d, to);
    fclose(to);
    print_message("%s: ", d->side->domain);
    ledger_expect_complete(d->ledger, own, NULL);
}

void fleet_close(struct fleet *f)
{
    assert_int_equal(daemon_stop(f->daemon, 60), 0);
    for (struct domain *d = &f->a; d; d = d == &f->a ? &f->b : NULL) {
        expect_ok(js_DeleteStream(d->side->home, d->stream, NULL, NULL));
        expect_ok(js_DeleteStream(d->side->home, d->dlq, NULL, NULL));
    }
}
