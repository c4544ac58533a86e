/* SPDX-License-Identifier: Apache-2.0
 * stream/provision_read - waits for a domain and reads its streams and consumers. */
#include "provision_private.h"

#include "base/clock.h"
#include "diff.h"
#include "cli/stream_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_FROM 64                     /* streams: from so many on a list of all is quicker than asking for each */
#define PROBE_NS NS_PER_SEC              /* without a leader a request is not answered at all */
#define OTHER_DOMAIN_NS (2 * NS_PER_SEC) /* only for a warning */

/* ---- batches ------------------------------------------------------------------------------ */

int batch_init(struct batch *b, const struct provision *p)
{
    *b = (struct batch){.calls = calloc(p->n + 1, sizeof(*b->calls)), .items = calloc(p->n + 1, sizeof(*b->items))};
    if (b->calls && b->items)
        return 0;
    batch_finish(b);
    return -ENOMEM;
}

void batch_add(struct batch *b, struct item *it, char *body, struct api_path path)
{
    b->calls[b->n] = (struct call){.path = path, .body = body};
    b->items[b->n++] = it;
}

struct shown {
    struct provision *p;
    const char *what;
};

static void show(void *data, size_t done, size_t total)
{
    const struct shown *s = data;
    if (s->p->progress)
        s->p->progress(s->p->data, s->what, done, total);
}

void batch_run(struct batch *b, struct provision *p, const char *what)
{
    if (!p->oom)
        session_calls(p->session, b->calls, b->n, p->deadline_ns, show, &(struct shown){p, what});
}

void batch_finish(struct batch *b)
{
    for (size_t i = 0; b->calls && i < b->n; i++) {
        call_finish(&b->calls[i]);
        free((char *)b->calls[i].body);
    }
    free(b->calls);
    free(b->items);
}

/* ---- the domain ----------------------------------------------------------------------------- */

/* Repeats the request until any answer arrives. */
static int probe(struct provision *p, enum api_verb verb, int64_t until_ns, json_t **ret, struct error *err)
{
    int rc;
    do {
        struct call call = {.path = {verb}};
        int64_t left_ns = until_ns - clock_now_ns();
        show(&(struct shown){p, "waiting for JetStream"}, 0, 0);
        rc = session_call(p->session, &call, left_ns < PROBE_NS ? left_ns : PROBE_NS, err);
        *ret = json_incref(call.answer.json);
        call_finish(&call);
        if (rc == -EACCES || (rc == -EREMOTEIO && call.answer.code != 503))
            break;
    } while (rc < 0 && clock_now_ns() < until_ns);
    return rc;
}

/* Only JetStream's leader answers a request for names. A permission error counts as an answer; later requests show what
 * the user may do. INFO would work too, but 2.10 with an account's own INFO import answers it only on the leader's
 * node. */
int wait_ready(struct provision *p, struct error *err)
{
    const char *domain = session_cluster(p->session)->domain;
    json_t *answer = NULL;
    struct error unknown;

    int rc = probe(p, API_STREAM_NAMES, p->deadline_ns, &answer, err);
    json_decref(answer);
    if (rc < 0 && rc != -EACCES)
        return rc;
    answer = NULL;
    if (!domain && probe(p, API_INFO, clock_now_ns() + PROBE_NS, &answer, &unknown) == 0)
        domain = json_string_value(json_object_get(answer, "domain"));
    snprintf(p->own_domain, sizeof(p->own_domain), "%s", domain ? domain : "");
    json_decref(answer);
    return 0;
}

/* ---- what there is ---------------------------------------------------------------------------- */

/* The infos of the domain's streams by name, where that is quicker and the user may ask; else an empty object. */
static json_t *list_streams(const struct provision *p)
{
    json_t *by_name = json_object();
    json_t *infos = NULL;
    json_t *info;
    struct error err;
    size_t i;

    if (p->wanted->n_streams >= LIST_FROM)
        streams_list(p->session, NULL, p->deadline_ns, &infos, &err);
    json_array_foreach(infos, i, info)
        json_object_set(by_name, json_string_value(json_object_get(json_object_get(info, "config"), "name")), info);
    json_decref(infos);
    return by_name;
}

static void take_info(struct provision *p, struct item *it, const struct call *call)
{
    const struct answer *a = &call->answer;
    struct error why;

    json_decref(it->info);
    it->info = NULL;
    if (a->rc == 0)
        it->info = json_incref(a->json);
    else if (a->err_code != JS_STREAM_NOT_FOUND && a->err_code != JS_CONSUMER_NOT_FOUND) {
        session_explain(p->session, call, &why);
        item_fail(p, it, ACTION_FAILED, "%s", why.text);
    }
}

/* A page of how many messages each subject under `subject` holds, from the `offset`th on: adds it to `all`. True when
 * there is more. */
static bool read_held_page(struct provision *p, struct item *it, const char *subject, size_t *offset, json_t *all)
{
    struct error why;
    bool more = false;

    json_t *filter = json_pack("{s:s, s:I}", "subjects_filter", subject, "offset", (json_int_t)*offset);
    char *body = filter ? json_dumps(filter, JSON_COMPACT) : NULL;
    struct call call = {.path = {API_STREAM_INFO, .stream = it->stream->name}, .body = body};
    if (!body)
        p->oom = true;
    else if (session_call(p->session, &call, p->deadline_ns - clock_now_ns(), &why) < 0)
        item_fail(p, it, ACTION_FAILED, "%s", why.text);
    else {
        json_t *page = json_object_get(json_object_get(call.answer.json, "state"), "subjects");
        json_object_update(all, page);
        *offset += json_object_size(page);
        more = json_object_size(page) &&
               (json_int_t)*offset < json_integer_value(json_object_get(call.answer.json, "total"));
    }
    call_finish(&call);
    json_decref(filter);
    free(body);
    return more;
}

/* Adds the message counts of the subjects that would be removed to the item's info. */
static void read_held(struct provision *p, struct item *it)
{
    json_t *state = json_object_get(it->info, "state");
    json_t *removed =
        json_integer_value(json_object_get(state, "messages")) ? diff_removed_subjects(it->wanted, it->info) : NULL;
    json_t *held = json_object();
    json_t *subject;
    size_t i;

    json_array_foreach(removed, i, subject)
    {
        for (size_t offset = 0; it->stale && read_held_page(p, it, json_string_value(subject), &offset, held);)
            ;
    }
    json_object_set_new(state, "subjects", held);
    json_decref(removed);
}

void read_stale(struct provision *p)
{
    struct batch b;

    if (batch_init(&b, p) < 0) {
        p->oom = true;
        return;
    }
    json_t *listed = list_streams(p);
    for (size_t i = 0; i < p->n; i++) {
        struct item *it = &p->items[i];
        json_t *info = it->stale && it->stream ? json_object_get(listed, it->stream->name) : NULL;
        if (info) {
            json_decref(it->info);
            it->info = json_incref(info);
        } else if (it->stale && it->stream) /* not there, or it has no leader right now */
            batch_add(&b, it, NULL, (struct api_path){API_STREAM_INFO, .stream = it->stream->name});
        else if (it->stale)
            batch_add(
                &b, it, NULL,
                (struct api_path){API_CONSUMER_INFO, .stream = it->consumer->stream, .consumer = it->consumer->name});
    }
    json_decref(listed);
    batch_run(&b, p, "reading");
    for (size_t i = 0; !p->oom && i < b.n; i++)
        take_info(p, b.items[i], &b.calls[i]);
    batch_finish(&b);
    for (size_t i = 0; !p->oom && i < p->n; i++)
        if (p->items[i].stale && p->items[i].stream && p->items[i].info)
            read_held(p, &p->items[i]);
}

/* ---- the same name elsewhere --------------------------------------------------------------------- */

static void add_domain(json_t *domains, const struct provision *p, const char *domain, size_t len)
{
    char name[256];
    snprintf(name, sizeof(name), "%.*s", (int)len, domain);
    if (*name && strcmp(name, p->own_domain) != 0)
        json_object_set_new(domains, name, json_true());
}

static void add_origin_domain(json_t *domains, const struct provision *p, const char *origin)
{
    const char *at = origin ? strchr(origin, '@') : NULL;
    if (at)
        add_domain(domains, p, at + 1, strlen(at + 1));
}

/* Domains that the configuration names: of mirrors, sources and other clusters. */
static json_t *other_domains(const struct provision *p)
{
    json_t *domains = json_object();

    for (size_t i = 0; i < p->config->n_clusters; i++)
        if (p->config->clusters[i].domain)
            add_domain(domains, p, p->config->clusters[i].domain, strlen(p->config->clusters[i].domain));
    for (size_t i = 0; i < p->wanted->n_streams; i++) {
        const struct stream_config *s = &p->wanted->streams[i];
        add_origin_domain(domains, p, s->mirror);
        for (size_t k = 0; k < s->sources.n; k++)
            add_origin_domain(domains, p, s->sources.items[k]);
    }
    return domains;
}

static void warn_of(struct provision *p, const char *domain, json_t *names)
{
    struct error text;

    for (size_t i = 0; i < p->wanted->n_streams; i++) {
        const char *name = p->wanted->streams[i].name;
        if (!json_object_get(names, name))
            continue;
        error_set(&text, 0,
                  "stream %s: domain %s of the same mesh has a stream of that name as well: with consumers of one name "
                  "an acknowledgement settles both; name the streams apart",
                  name, domain);
        json_array_append_new(p->warnings, json_string(text.text));
    }
}

void warn_same_names(struct provision *p)
{
    json_t *domains = other_domains(p);
    const char *domain;
    json_t *value;

    json_object_foreach(domains, domain, value)
    {
        json_t *names = NULL;
        struct error err;
        /* The other domain cannot be reached over this connection: no warning. */
        if (streams_names(p->session, domain, clock_now_ns() + OTHER_DOMAIN_NS, &names, &err) == 0)
            warn_of(p, domain, names);
        json_decref(names);
    }
    json_decref(domains);
}
