/* SPDX-License-Identifier: Apache-2.0
 * request - pending requests by number, deadlines, JSON answers. */
#include "request.h"

#include "base/clock.h"
#include "base/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024
#define CALL_TIMEOUT_NS (5 * NS_PER_SEC)
#define CALL_AGAIN_NS (500 * NS_PER_MS)
#define SUBJECT_MAX 512

struct request {
    struct list node; /* in its bucket */
    struct list due;  /* in requests.due */
    struct requests *requests;
    uint64_t id;
    int64_t deadline_ns;
    char *question; /* the subject to send to again; NULL: sent once */
    int64_t again_ns;
    request_reply_fn fn;
    void *data;
    bool asked; /* by request_ask() */
};

struct requests {
    struct loop *loop;
    struct connection *connection;
    struct connection_sub *replies; /* "<inbox>.r.*" */
    struct connection_sub *answers; /* "<inbox>.a.*": to request_ask() */
    struct list buckets[BUCKETS];
    struct list due; /* all pending, oldest first */
    uint64_t next_id;
    size_t prefix_len; /* of both, without the star */
    struct loop_timer timer;
};

static void request_free(struct request *r)
{
    list_remove(&r->node);
    list_remove(&r->due);
    free(r->question);
    free(r);
}

static void finish(struct request *r, int rc, natsMsg *msg)
{
    request_reply_fn fn = r->fn;
    void *data = r->data;
    request_free(r);
    fn(data, rc, msg);
}

/* Callbacks may send new requests: only those that are pending now end. */
static void end_all(struct requests *a, bool only_asked, int rc)
{
    struct list ended;
    list_init(&ended);
    list_for_each_safe(node, &a->due)
    {
        if (only_asked && !container_of(node, struct request, due)->asked)
            continue;
        list_remove(node);
        list_push_back(&ended, node);
    }
    while (!list_empty(&ended))
        finish(container_of(ended.next, struct request, due), rc, NULL);
}

static void on_reply(void *data, natsMsg *msg)
{
    struct requests *a = data;

    if (!msg) {
        end_all(a, true, -EHOSTUNREACH);
        return;
    }
    const char *subject = natsMsg_GetSubject(msg);
    if (strlen(subject) > a->prefix_len) {
        char *end;
        uint64_t id = strtoull(subject + a->prefix_len, &end, 10);
        list_for_each(node, &a->buckets[id % BUCKETS])
        {
            struct request *r = container_of(node, struct request, node);
            if (r->id != id || *end)
                continue;
            bool nobody = natsMsg_IsNoResponders(msg);
            finish(r, nobody ? -EHOSTUNREACH : 0, nobody ? NULL : msg);
            break;
        }
    }
    connection_recycle(a->connection, msg); /* late answers too */
}

static int publish(struct requests *a, uint64_t id, bool asked, struct connection_publish p)
{
    char reply[SUBJECT_MAX];

    snprintf(reply, sizeof(reply), "%s.%c.%llu", connection_inbox(a->connection), asked ? 'a' : 'r',
             (unsigned long long)id);
    p.reply = reply;
    return connection_publish(a->connection, &p);
}

static void wake_at(struct requests *a, int64_t at_ns)
{
    if (!loop_timer_armed(&a->timer) || a->timer.at_ns > at_ns)
        loop_arm(a->loop, &a->timer, at_ns);
}

/* Few requests are pending at a time, so the whole list is searched. */
static void expire(struct loop_timer *t)
{
    struct requests *a = t->data;
    int64_t now = loop_now_ns(a->loop);
    int64_t next = INT64_MAX;

    list_for_each_safe(node, &a->due)
    {
        struct request *r = container_of(node, struct request, due);
        if (r->deadline_ns <= now) {
            finish(r, -ETIMEDOUT, NULL);
            next = now; /* the callback may have changed the list: start again */
            break;
        }
        if (r->question && r->again_ns <= now) {
            publish(a, r->id, r->asked, (struct connection_publish){.subject = r->question});
            r->again_ns = now + CALL_AGAIN_NS;
        }
        int64_t due = r->question && r->again_ns < r->deadline_ns ? r->again_ns : r->deadline_ns;
        if (due < next)
            next = due;
    }
    if (next != INT64_MAX)
        loop_arm(a->loop, t, next);
}

static struct connection_sub *listen_on(struct requests *a, char kind, enum connection_delivery delivery)
{
    char subject[SUBJECT_MAX];
    int n = snprintf(subject, sizeof(subject), "%s.%c.*", connection_inbox(a->connection), kind);
    a->prefix_len = (size_t)n - 1;
    return connection_subscribe(a->connection, subject, delivery, on_reply, a);
}

int requests_create(struct requests **ret, struct loop *loop, struct connection *connection)
{
    struct requests *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->loop = loop;
    a->connection = connection;
    a->next_id = 1;
    a->timer = (struct loop_timer){.fire = expire, .data = a};
    list_init(&a->due);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&a->buckets[i]);
    a->replies = listen_on(a, 'r', CONNECTION_REPLIES);
    a->answers = listen_on(a, 'a', CONNECTION_STREAM);
    if (!a->replies || !a->answers) {
        requests_destroy(a);
        return -ENOMEM;
    }
    *ret = a;
    return 0;
}

void requests_destroy(struct requests *a)
{
    if (!a)
        return;
    list_for_each_safe(node, &a->due) request_cancel(container_of(node, struct request, due));
    loop_disarm(a->loop, &a->timer);
    connection_unsubscribe(a->replies);
    connection_unsubscribe(a->answers);
    free(a);
}

struct connection *requests_connection(const struct requests *a)
{
    return a->connection;
}

void requests_connection_down(struct requests *a)
{
    end_all(a, false, -ENOTCONN);
}

static int send_request(struct requests *a, struct connection_publish p, bool asked, int64_t timeout_ns,
                        request_reply_fn fn, void *data, struct request **ret)
{
    uint64_t id = a->next_id++;
    struct request *r = malloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    int rc = publish(a, id, asked, p);
    if (rc) {
        free(r);
        return rc;
    }
    *r = (struct request){.requests = a, .id = id, .fn = fn, .data = data, .asked = asked};
    r->deadline_ns = loop_now_ns(a->loop) + timeout_ns;
    list_push_back(&a->buckets[id % BUCKETS], &r->node);
    list_push_back(&a->due, &r->due);
    wake_at(a, r->deadline_ns);
    if (ret)
        *ret = r;
    return 0;
}

int request_send(struct requests *a, struct connection_publish p, int64_t timeout_ns, request_reply_fn fn, void *data,
                 struct request **ret)
{
    return send_request(a, p, false, timeout_ns, fn, data, ret);
}

void request_cancel(struct request *r)
{
    if (!r)
        return;
    request_free(r);
}

static int call(struct requests *a, const struct config_cluster *cluster, const struct api_path *path, const char *json,
                bool asked, request_reply_fn fn, void *data, struct request **ret)
{
    char subject[API_SUBJECT_MAX];
    struct request *r;
    int rc = api_subject(cluster, NULL, path, subject, sizeof(subject));
    if (rc)
        return rc;
    struct connection_publish p = {.subject = subject, .data = json, .size = json ? strlen(json) : 0};
    rc = send_request(a, p, asked, CALL_TIMEOUT_NS, fn, data, &r);
    if (rc)
        return rc;
    if (!json) {
        r->question = strdup(subject); /* without memory it is sent once */
        r->again_ns = loop_now_ns(a->loop) + CALL_AGAIN_NS;
        wake_at(a, r->again_ns);
    }
    if (ret)
        *ret = r;
    return 0;
}

int request_call(struct requests *a, const struct config_cluster *cluster, const struct api_path *path,
                 const char *json, request_reply_fn fn, void *data, struct request **ret)
{
    return call(a, cluster, path, json, false, fn, data, ret);
}

int request_ask(struct requests *a, const struct config_cluster *cluster, const struct api_path *path,
                request_reply_fn fn, void *data, struct request **ret)
{
    return call(a, cluster, path, NULL, true, fn, data, ret);
}
