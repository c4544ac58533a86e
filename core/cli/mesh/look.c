/* SPDX-License-Identifier: Apache-2.0
 * mesh/look - the order of a look, and what the application account sees. */
#include "look.h"

#include "base/buf.h"
#include "base/clock.h"
#include "cli/session.h"
#include "cli/streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS 2000
#define LIST_NS (5 * NS_PER_SEC)
#define ROUNDS 3 /* the first one also makes the servers learn about our reply subject */

struct look {
    struct mesh *m;
    const struct config *config;
    struct session **sessions; /* of each cluster; NULL: not connected */
};

static void put_text(json_t *row, const char *key, const char *value)
{
    if (value && *value)
        json_object_set_new(row, key, json_string(value));
}

/* ---- clusters ----------------------------------------------------------------------------- */

/* $JS[.<domain>].API.INFO; the best of some rounds. NULL, or why there is no answer. */
static const char *ask_info(struct session *s, const char *domain, int64_t *ret_rtt_ns, json_t **ret, struct error *err)
{
    char subject[320];
    *ret_rtt_ns = INT64_MAX;
    *ret = NULL;

    snprintf(subject, sizeof(subject), "$JS%s%s.API.INFO", domain ? "." : "", domain ? domain : "");
    for (int i = 0; i < ROUNDS; i++) {
        struct answer a;
        natsMsg *msg = NULL;
        int64_t began_ns = clock_now_ns();
        natsStatus st = natsConnection_RequestString(&msg, session_nats(s), subject, "", ASK_MS);
        int64_t took_ns = clock_now_ns() - began_ns;
        if (st == NATS_NO_RESPONDERS)
            return "nobody answers (503)";
        if (st == NATS_TIMEOUT)
            return "no answer in 2 s";
        if (st != NATS_OK)
            return natsStatus_GetText(st);
        answer_read(&a, 0, msg);
        natsMsg_Destroy(msg);
        if (a.rc) {
            error_set(err, a.rc, "%s", a.text);
            return err->text;
        }
        json_decref(*ret);
        *ret = a.json;
        *ret_rtt_ns = took_ns < *ret_rtt_ns ? took_ns : *ret_rtt_ns;
    }
    return NULL;
}

static void look_at_cluster(struct look *l, size_t i, const char *name, int64_t nodes)
{
    const struct config_cluster *c = &l->config->clusters[i];
    json_t *row = json_pack("{s:s}", "cluster", c->name);
    struct error err = {0};
    json_t *info = NULL;
    int64_t rtt_ns;

    json_array_append_new(l->m->clusters, row);
    put_text(row, "configured_domain", c->domain);
    if (session_open(&l->sessions[i], c, name, 0, &err) < 0) {
        put_text(row, "error", err.text);
        return;
    }
    if (natsConnection_GetRTT(session_nats(l->sessions[i]), &rtt_ns) == NATS_OK)
        json_object_set_new(row, "rtt", json_integer(rtt_ns));
    put_text(row, "jetstream_error", ask_info(l->sessions[i], NULL, &rtt_ns, &info, &err));
    put_text(row, "domain", row_text(info, "domain"));
    json_decref(info);
    mesh_look_servers(l->m, c, name, nodes, row);
}

/* What is asked of the servers themselves, else what the configuration says. */
static const char *domain_of(const struct look *l, size_t i)
{
    json_t *row = json_array_get(l->m->clusters, i);
    const char *domain = row_text(row, "domain");
    return *domain ? domain : row_text(row, "configured_domain");
}

/* ---- domains through every cluster ---------------------------------------------------------- */

static void look_at_path(struct look *l, size_t via, size_t to)
{
    const char *domain = domain_of(l, to);
    struct error err = {0};
    json_t *info = NULL;
    int64_t rtt_ns;

    if (!*domain || !l->sessions[via])
        return;
    const char *why = ask_info(l->sessions[via], domain, &rtt_ns, &info, &err);
    json_t *row = json_pack("{s:s, s:s, s:s}", "cluster", l->config->clusters[via].name, "domain", domain, "owner",
                            l->config->clusters[to].name);
    put_text(row, "error", why);
    if (!why)
        json_object_set_new(row, "rtt", json_integer(rtt_ns));
    json_array_append_new(l->m->paths, row);
    json_decref(info);
}

/* A session that reaches the domain of a cluster: its own, else the first that does. */
static struct session *session_for(const struct look *l, size_t cluster)
{
    json_t *path;
    size_t i;

    if (l->sessions[cluster])
        return l->sessions[cluster];
    json_array_foreach(l->m->paths, i, path)
    {
        if (strcmp(row_text(path, "owner"), l->config->clusters[cluster].name) != 0 || row_has(path, "error"))
            continue;
        for (size_t k = 0; k < l->config->n_clusters; k++)
            if (strcmp(l->config->clusters[k].name, row_text(path, "cluster")) == 0)
                return l->sessions[k];
    }
    return NULL;
}

/* ---- streams and consumers ---------------------------------------------------------------- */

/* One page of each stream's consumers at a time, all streams at once. */
struct listing {
    json_t *stream; /* its row */
    char subject[300];
    char body[64];
    struct call call;
    size_t got;
};

static void make_listing(struct listing *list, json_t *stream)
{
    list->stream = stream;
    snprintf(list->subject, sizeof(list->subject), "CONSUMER.LIST.%s", row_text(stream, "stream"));
}

static void send_pages(struct session *s, const char *domain, struct listing *lists, size_t n)
{
    struct call *calls = calloc(n, sizeof(*calls));
    if (!calls)
        return;
    for (size_t i = 0; i < n; i++) {
        snprintf(lists[i].body, sizeof(lists[i].body), "{\"offset\":%zu}", lists[i].got);
        calls[i] = (struct call){.subject = lists[i].subject, .body = lists[i].body, .domain = domain};
    }
    session_calls(s, calls, n, clock_now_ns() + LIST_NS, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        lists[i].call = calls[i];
    free(calls);
}

/* Adds what came; does more follow? */
static bool take_page(struct look *l, const char *cluster, const char *domain, struct listing *list)
{
    json_t *page = json_object_get(list->call.answer.json, "consumers");
    json_int_t total = json_integer_value(json_object_get(list->call.answer.json, "total"));
    size_t n = json_array_size(page);
    json_t *info;
    size_t i;

    json_array_foreach(page, i, info) mesh_add_consumer(l->m, cluster, domain, info);
    if (list->call.answer.rc)
        json_object_set_new(list->stream, "consumers_silent", json_true());
    list->got += n;
    call_finish(&list->call);
    return n && (json_int_t)list->got < total;
}

static void look_at_consumers(struct look *l, struct session *s, const char *cluster, const char *domain)
{
    struct listing *lists = calloc(json_array_size(l->m->streams) + 1, sizeof(*lists));
    json_t *row;
    size_t i;
    size_t n = 0;

    if (!lists)
        return;
    json_array_foreach(l->m->streams, i, row)
    {
        if (strcmp(row_text(row, "cluster"), cluster) == 0 && row_number(row, "consumers") > 0)
            make_listing(&lists[n++], row);
    }
    while (n) {
        size_t left = 0;
        send_pages(s, domain, lists, n);
        for (i = 0; i < n; i++)
            if (take_page(l, cluster, domain, &lists[i]))
                lists[left++] = lists[i];
        n = left;
    }
    free(lists);
}

/* One call for each name: STREAM.LIST would do with fewer, but answers nobody when one of them has no leader. */
static struct call *info_calls(json_t *names, const char *domain, size_t *ret_n)
{
    struct call *calls = calloc(json_object_size(names) + 1, sizeof(*calls));
    const char *name;
    json_t *unused;
    size_t n = 0;

    json_object_foreach(names, name, unused)
    {
        char subject[300];
        snprintf(subject, sizeof(subject), "STREAM.INFO.%s", name);
        if (calls)
            calls[n++] = (struct call){.subject = strdup(subject), .domain = domain};
    }
    *ret_n = n;
    return calls;
}

static void ask_infos(struct look *l, struct session *s, const char *cluster, const char *domain, json_t *names)
{
    size_t n;
    struct call *calls = info_calls(names, *domain ? domain : NULL, &n);

    session_calls(s, calls, n, clock_now_ns() + LIST_NS, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct answer *a = &calls[i].answer;
        if (a->rc == 0)
            mesh_add_stream(l->m, cluster, domain, a->json);
        else if (a->err_code != JS_STREAM_NOT_FOUND) /* deleted since */
            mesh_add_leaderless(l->m, cluster, domain, strrchr(calls[i].subject, '.') + 1);
        call_finish(&calls[i]);
        free((char *)calls[i].subject);
    }
    free(calls);
}

static void look_at_streams(struct look *l, size_t i)
{
    const char *cluster = l->config->clusters[i].name;
    const char *domain = domain_of(l, i);
    struct session *s = session_for(l, i);
    struct error err = {0};
    json_t *names = NULL;

    if (!s || row_has(json_array_get(l->m->clusters, i), "jetstream_error"))
        return;
    if (streams_names(s, *domain ? domain : NULL, clock_now_ns() + LIST_NS, &names, &err) < 0)
        put_text(json_array_get(l->m->clusters, i), "streams_error", err.text);
    ask_infos(l, s, cluster, domain, names);
    json_decref(names);
    look_at_consumers(l, s, cluster, *domain ? domain : NULL);
}

int mesh_look(struct mesh *ret, const struct config *config, const char *name, int64_t nodes)
{
    size_t n = config->n_clusters;
    struct look l = {ret, config, calloc(n + 1, sizeof(*l.sessions))};

    if (!l.sessions || mesh_init(ret) < 0) {
        free(l.sessions);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++)
        look_at_cluster(&l, i, name, nodes);
    mesh_sort_servers(ret);
    for (size_t via = 0; via < n; via++)
        for (size_t to = 0; to < n; to++)
            look_at_path(&l, via, to);
    for (size_t i = 0; i < n; i++)
        look_at_streams(&l, i);
    for (size_t i = 0; i < n; i++)
        session_close(l.sessions[i]);
    free(l.sessions);
    ret->taken_ns = clock_now_ns();
    return 0;
}
