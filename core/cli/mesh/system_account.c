/* SPDX-License-Identifier: Apache-2.0
 * mesh/system_account - one request to all servers ($SYS.REQ.SERVER.PING), and their answers as rows. */
#include "system_account.h"

#include "base/buf.h"
#include "base/clock.h"
#include "config/names.h"
#include "federation/nats_options.h"
#include "cli/session.h"
#include "documents.h"

#include <stdlib.h>
#include <string.h>

/* Servers answer within milliseconds. As long as one of the expected servers is missing, the wait is longer. */
#define WAIT_NS (2 * NS_PER_SEC)
#define WAIT_COMPLETE_NS (150 * NS_PER_MS)
#define INBOX_MAX 160

/* ---- the login ------------------------------------------------------------------------- */

/* The URL without its user and password, which nats.c would prefer to those of the options. */
static char *url_without_user(const char *url)
{
    const char *start = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    const char *at = url_has_user(url) ? strrchr(start, '@') : NULL;
    struct buf b = {0};

    buf_printf(&b, "%.*s%s", (int)(start - url), url, at ? at + 1 : start);
    const char *text = buf_str(&b);
    char *copy = text ? strdup(text) : NULL;
    buf_finish(&b);
    return copy;
}

/* A copy of the cluster's section with the login of the system account. Owns its URLs, borrows the rest. */
static int system_section(struct config_cluster *ret, const struct config_cluster *c)
{
    *ret = *c;
    ret->user = c->system_user;
    ret->password = c->system_password;
    ret->creds = c->system_creds;
    ret->token = ret->nkey = NULL;
    ret->urls = (struct strv){calloc(c->urls.n + 1, sizeof(char *)), 0};
    for (; ret->urls.items && ret->urls.n < c->urls.n; ret->urls.n++)
        if (!(ret->urls.items[ret->urls.n] = url_without_user(c->urls.items[ret->urls.n])))
            return -1;
    return ret->urls.items ? 0 : -1;
}

static void section_finish(struct config_cluster *c)
{
    for (size_t i = 0; i < c->urls.n; i++)
        free(c->urls.items[i]);
    free(c->urls.items);
}

/* ---- one request to all servers --------------------------------------------------------- */

struct answers {
    json_t *varz; /* by the servers' ids */
    json_t *gatewayz;
};

static bool is_complete(const struct answers *a, int64_t nodes)
{
    size_t n = json_object_size(a->varz);
    return (int64_t)n >= nodes && json_object_size(a->gatewayz) >= n;
}

static void keep_answer(struct answers *a, natsMsg *msg)
{
    const char *kind = strrchr(natsMsg_GetSubject(msg), '.');
    json_error_t e;
    json_t *doc = answer_json(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), &e);
    const char *id = document_text(json_object_get(doc, "server"), "id");

    if (doc && *id) {
        json_object_set_new(doc, "received", json_integer(clock_wall_ns()));
        json_object_set(kind && strcmp(kind, ".VARZ") == 0 ? a->varz : a->gatewayz, id, doc);
    }
    json_decref(doc);
}

/* The status of the last wait: NATS_TIMEOUT is normal; NATS_NO_RESPONDERS: no server listens in this account. */
static natsStatus receive_answers(struct answers *a, natsSubscription *sub, int64_t nodes)
{
    int64_t until_ns = clock_now_ns() + WAIT_NS;
    natsStatus s = NATS_OK;

    while (s == NATS_OK) {
        int64_t left_ms = (until_ns - clock_now_ns()) / NS_PER_MS;
        natsMsg *msg = NULL;
        s = left_ms > 0 ? natsSubscription_NextMsg(&msg, sub, left_ms) : NATS_TIMEOUT;
        if (s == NATS_OK)
            keep_answer(a, msg);
        natsMsg_Destroy(msg);
        if (is_complete(a, nodes) && until_ns > clock_now_ns() + WAIT_COMPLETE_NS)
            until_ns = clock_now_ns() + WAIT_COMPLETE_NS;
    }
    return s;
}

static natsStatus request_all(struct answers *a, natsConnection *nc, const char *inbox, int64_t nodes)
{
    static const char *const kinds[] = {"VARZ", "GATEWAYZ"};
    natsSubscription *sub = NULL;
    char subject[64];
    char reply[INBOX_MAX + 16];

    snprintf(reply, sizeof(reply), "%s.*", inbox);
    natsStatus s = natsConnection_SubscribeSync(&sub, nc, reply);
    for (size_t i = 0; i < 2 && s == NATS_OK; i++) {
        snprintf(subject, sizeof(subject), "$SYS.REQ.SERVER.PING.%s", kinds[i]);
        snprintf(reply, sizeof(reply), "%s.%s", inbox, kinds[i]);
        s = natsConnection_PublishRequestString(nc, subject, reply, "");
    }
    if (s == NATS_OK)
        s = receive_answers(a, sub, nodes);
    natsSubscription_Destroy(sub);
    return s;
}

/* ---- rows ------------------------------------------------------------------------------------- */

/* The name that the server of our connection has for its cluster. */
static const char *own_cluster_name(const struct answers *a, natsConnection *nc)
{
    char id[64] = "";
    json_t *doc = NULL;

    if (natsConnection_GetConnectedServerId(nc, id, sizeof(id)) == NATS_OK)
        doc = json_object_get(a->varz, id);
    return document_text(json_object_get(doc, "server"), "cluster");
}

static void add_servers(struct mesh *m, const struct answers *a, const char *own_name, struct mesh_cluster *row)
{
    json_t *doc;
    const char *id;

    json_object_foreach(a->varz, id, doc)
    {
        json_t *server = json_object_get(doc, "server");
        int64_t received_ns = json_integer_value(json_object_get(doc, "received"));
        if (strcmp(document_text(server, "cluster"), own_name) == 0)
            mesh_read_server(m, row->cluster, doc, json_object_get(a->gatewayz, id), received_ns);
        else
            texts_add(&m->arena, &row->strangers, document_text(server, "name"));
    }
}

/* The cluster's row from its first server. If two clusters share an account, $JS.API.INFO may have been answered by
 * the other cluster, so the servers' own domain is the right one. */
static void complete_cluster(struct mesh *m, const char *own_name, struct mesh_cluster *row)
{
    const struct mesh_server *first = m->servers;

    row->name = arena_text(&m->arena, own_name);
    while (first && strcmp(first->cluster, row->cluster) != 0)
        first = first->next;
    if (first && *first->account)
        row->account = first->account;
    if (first && *first->domain)
        row->domain = first->domain;
}

/* NULL, or why there are no servers. */
static const char *collect_servers(struct mesh *m, struct session *s, int64_t nodes, struct mesh_cluster *row)
{
    struct answers a = {json_object(), json_object()};
    const char *why = NULL;
    char inbox[INBOX_MAX];

    if (nats_inbox_create(session_cluster(s), inbox, sizeof(inbox)) < 0)
        why = "cannot create a reply subject";
    else if (request_all(&a, session_nats(s), inbox, nodes) == NATS_NO_RESPONDERS)
        why = "no responders for $SYS.REQ.SERVER.PING: that user does not belong to the system account";
    else if (json_object_size(a.varz) == 0)
        why = "no server answers $SYS.REQ.SERVER.PING to that user";
    else {
        const char *own_name = own_cluster_name(&a, session_nats(s));
        add_servers(m, &a, own_name, row);
        complete_cluster(m, own_name, row);
    }
    json_decref(a.varz);
    json_decref(a.gatewayz);
    return why;
}

void mesh_collect_servers(struct mesh *m, const struct config_cluster *cluster, const char *name, int64_t nodes,
                          struct mesh_cluster *row)
{
    struct config_cluster as_system = {0};
    struct session *s = NULL;
    struct error err = {0};
    const char *why = NULL;

    if (!cluster->system_user && !cluster->system_creds)
        why = "no login to its system account is configured";
    else if (system_section(&as_system, cluster) < 0)
        why = "out of memory";
    else if (session_open(&s, &as_system, name, 0, &err) < 0)
        why = err.text;
    else
        why = collect_servers(m, s, nodes, row);
    row->system_error = arena_text(&m->arena, why);
    session_close(s);
    section_finish(&as_system);
}
