/* SPDX-License-Identifier: Apache-2.0
 * mesh/collect - clusters first, then the ways between them, then streams and consumers. */
#include "collect.h"

#include "base/clock.h"
#include "cli/session.h"
#include "cli/stream_list.h"
#include "documents.h"
#include "system_account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MS 2000
#define LIST_NS (5 * NS_PER_SEC)
#define ROUNDS 3 /* the first round trip is longer: the servers learn about our reply subject */

struct collector {
    struct mesh *m;
    const struct config *config;
    struct session **sessions; /* one for each cluster; NULL: not connected */
};

/* ---- clusters --------------------------------------------------------------------------------- */

/* Sends an INFO request of the API. NULL with *ret_info (the caller's) set, or why there is no answer. */
static const char *request_info(struct session *s, const char *subject, int64_t *ret_rtt_ns, json_t **ret_info,
                                struct error *err)
{
    struct answer a;
    natsMsg *msg = NULL;
    int64_t start_ns = clock_now_ns();
    natsStatus st = natsConnection_RequestString(&msg, session_nats(s), subject, "", REQUEST_MS);

    *ret_rtt_ns = clock_now_ns() - start_ns;
    if (st == NATS_NO_RESPONDERS)
        return "no responders (503)";
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
    *ret_info = a.json;
    return NULL;
}

/* The domain of the answer, and the shortest of some round trips. NULL, or why there is no answer. */
static const char *measure_info(struct mesh *m, struct session *s, const char *domain, struct mesh_number *ret_rtt,
                                const char **ret_domain, struct error *err)
{
    char subject[API_SUBJECT_MAX];
    const char *why = NULL;
    int64_t best_ns = INT64_MAX;

    *ret_domain = "";
    if (api_subject(session_cluster(s), domain, &(struct api_path){.verb = API_INFO}, subject, sizeof(subject)) < 0)
        return "the name of the domain is too long";
    for (int i = 0; i < ROUNDS && !why; i++) {
        json_t *info = NULL;
        int64_t rtt_ns;
        why = request_info(s, subject, &rtt_ns, &info, err);
        best_ns = rtt_ns < best_ns ? rtt_ns : best_ns;
        if (i == 0)
            *ret_domain = arena_text(&m->arena, document_text(info, "domain"));
        json_decref(info);
    }
    if (!why)
        *ret_rtt = mesh_number(best_ns);
    return why;
}

static void collect_cluster(struct collector *l, size_t i, const char *name, int64_t nodes)
{
    const struct config_cluster *c = &l->config->clusters[i];
    struct arena *arena = &l->m->arena;
    struct mesh_cluster *row = mesh_add_cluster(l->m, c->name);
    struct mesh_number unused;
    struct error err = {0};
    int64_t rtt_ns;

    if (!row)
        return;
    row->configured_domain = arena_text(arena, c->domain);
    if (session_open(&l->sessions[i], c, name, 0, &err) < 0) {
        row->error = arena_text(arena, err.text);
        return;
    }
    if (natsConnection_GetRTT(session_nats(l->sessions[i]), &rtt_ns) == NATS_OK)
        row->rtt = mesh_number(rtt_ns);
    row->jetstream_error = arena_text(arena, measure_info(l->m, l->sessions[i], NULL, &unused, &row->domain, &err));
    mesh_collect_servers(l->m, c, name, nodes, row);
}

/* The domain as the servers tell it, else as configured; "": none. */
static const char *domain_of(const struct mesh_cluster *c)
{
    return *c->domain ? c->domain : c->configured_domain;
}

/* ---- each domain through every cluster -------------------------------------------------------- */

static void collect_path(struct collector *l, const char *via, struct session *s, const struct mesh_cluster *to)
{
    const char *domain = domain_of(to);
    struct error err = {0};
    const char *unused;

    if (!*domain || !s)
        return;
    struct mesh_path *row = mesh_add_path(l->m, via, domain, to->cluster);
    if (row)
        row->error = arena_text(&l->m->arena, measure_info(l->m, s, domain, &row->rtt, &unused, &err));
}

/* A session that reaches the domain of a cluster: the cluster's own, else the first one with a path to it. */
static struct session *session_for(const struct collector *l, size_t cluster)
{
    const char *name = l->config->clusters[cluster].name;

    if (l->sessions[cluster])
        return l->sessions[cluster];
    for (const struct mesh_path *path = l->m->paths; path; path = path->next)
        for (size_t k = 0; k < l->config->n_clusters; k++)
            if (strcmp(path->owner, name) == 0 && !*path->error &&
                strcmp(l->config->clusters[k].name, path->cluster) == 0)
                return l->sessions[k];
    return NULL;
}

/* ---- consumers -------------------------------------------------------------------------------- */

/* The consumers of one stream, page by page; the pages of all streams are requested at once. */
struct listing {
    struct mesh_stream *stream;
    char body[64];
    struct call call;
    size_t received;
};

static void request_pages(struct session *s, const char *domain, struct listing *lists, size_t n)
{
    struct call *calls = calloc(n, sizeof(*calls));
    if (!calls)
        return;
    for (size_t i = 0; i < n; i++) {
        snprintf(lists[i].body, sizeof(lists[i].body), "{\"offset\":%zu}", lists[i].received);
        calls[i] = (struct call){
            .path = {API_CONSUMER_LIST, .stream = lists[i].stream->stream}, .body = lists[i].body, .domain = domain};
    }
    session_calls(s, calls, n, clock_now_ns() + LIST_NS, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        lists[i].call = calls[i];
    free(calls);
}

/* Adds the consumers of a page; true if more pages follow. */
static bool read_page(struct mesh *m, struct listing *list)
{
    json_t *page = json_object_get(list->call.answer.json, "consumers");
    json_int_t total = json_integer_value(json_object_get(list->call.answer.json, "total"));
    size_t n = json_array_size(page);
    json_t *info;
    size_t i;

    json_array_foreach(page, i, info) mesh_read_consumer(m, list->stream->cluster, list->stream->domain, info);
    if (list->call.answer.rc)
        list->stream->consumers_silent = true;
    list->received += n;
    call_finish(&list->call);
    list->call = (struct call){0};
    return n && (json_int_t)list->received < total;
}

static size_t count_streams(const struct mesh *m)
{
    size_t n = 0;
    for (const struct mesh_stream *s = m->streams; s; s = s->next)
        n++;
    return n;
}

static void collect_consumers(struct collector *l, struct session *session, const char *cluster, const char *domain)
{
    struct listing *lists = calloc(count_streams(l->m) + 1, sizeof(*lists));
    size_t n = 0;

    if (!lists) {
        l->m->arena.failed = true;
        return;
    }
    for (struct mesh_stream *s = l->m->streams; s; s = s->next)
        if (strcmp(s->cluster, cluster) == 0 && s->consumers.value > 0) {
            lists[n++].stream = s;
        }
    while (n) {
        size_t left = 0;
        request_pages(session, domain, lists, n);
        for (size_t i = 0; i < n; i++)
            if (read_page(l->m, &lists[i]))
                lists[left++] = lists[i];
        n = left;
    }
    free(lists);
}

/* ---- streams ---------------------------------------------------------------------------------- */

/* Calls of STREAM.INFO, one for each name. STREAM.LIST needs fewer requests, but gets no answer if one stream has no
 * leader. */
static struct call *info_calls(json_t *names, const char *domain, size_t *ret_n)
{
    struct call *calls = calloc(json_object_size(names) + 1, sizeof(*calls));
    const char *name;
    json_t *unused;
    size_t n = 0;

    json_object_foreach(names, name, unused)
    {
        if (calls)
            calls[n++] = (struct call){.path = {API_STREAM_INFO, .stream = name}, .domain = domain};
    }
    *ret_n = n;
    return calls;
}

static void read_info(struct mesh *m, const char *cluster, const char *domain, const struct call *call)
{
    const struct answer *a = &call->answer;

    if (a->rc == 0) {
        mesh_read_stream(m, cluster, domain, a->json);
    } else if (a->err_code != JS_STREAM_NOT_FOUND) { /* which means: deleted since the names were listed */
        struct mesh_stream *s = mesh_add_stream(m, cluster, domain, call->path.stream);
        if (s)
            s->leaderless = true;
    }
}

static void collect_infos(struct collector *l, struct session *s, const char *cluster, const char *domain,
                          json_t *names)
{
    size_t n;
    struct call *calls = info_calls(names, *domain ? domain : NULL, &n);

    session_calls(s, calls, n, clock_now_ns() + LIST_NS, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        read_info(l->m, cluster, domain, &calls[i]);
        call_finish(&calls[i]);
    }
    free(calls);
}

static void collect_streams(struct collector *l, size_t i, struct mesh_cluster *row)
{
    const char *domain = domain_of(row);
    const char *asked_domain = *domain ? domain : NULL;
    struct session *s = session_for(l, i);
    struct error err = {0};
    json_t *names = NULL;

    if (!s || *row->jetstream_error)
        return;
    if (streams_names(s, asked_domain, clock_now_ns() + LIST_NS, &names, &err) < 0)
        row->streams_error = arena_text(&l->m->arena, err.text);
    collect_infos(l, s, row->cluster, domain, names);
    json_decref(names);
    collect_consumers(l, s, row->cluster, asked_domain);
}

/* ---- the snapshot ----------------------------------------------------------------------------- */

int mesh_collect(struct mesh *ret, const struct config *config, const char *name, int64_t nodes)
{
    size_t n = config->n_clusters;
    struct collector l = {ret, config, calloc(n + 1, sizeof(*l.sessions))};
    struct mesh_cluster *row;
    size_t i;

    *ret = (struct mesh){0};
    if (!l.sessions)
        return -ENOMEM;
    for (i = 0; i < n && !ret->arena.failed; i++)
        collect_cluster(&l, i, name, nodes);
    for (i = 0; i < n; i++)
        for (row = ret->clusters; row; row = row->next)
            collect_path(&l, config->clusters[i].name, l.sessions[i], row);
    for (row = ret->clusters, i = 0; row; row = row->next, i++)
        collect_streams(&l, i, row);
    for (i = 0; i < n; i++)
        session_close(l.sessions[i]);
    free(l.sessions);
    if (!ret->arena.failed)
        return 0;
    mesh_finish(ret);
    return -ENOMEM;
}
