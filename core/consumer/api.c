/* SPDX-License-Identifier: Apache-2.0
 * api - pending requests by number, deadlines, JSON answers. */
#include "api.h"

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

struct api_request {
    struct list node; /* in its bucket */
    struct list due;  /* in api.due, by deadline class: see expire() */
    struct api *api;
    uint64_t id;
    int64_t deadline_ns;
    char *question; /* the subject to ask again; NULL: sent once */
    int64_t again_ns;
    api_reply_fn fn;
    void *data;
    bool asked; /* by api_ask() */
};

struct api {
    struct loop *loop;
    struct connection *connection;
    struct connection_sub *replies; /* "<inbox>.r.*" */
    struct connection_sub *answers; /* "<inbox>.a.*": to api_ask() */
    struct list buckets[BUCKETS];
    struct list due; /* all pending, oldest first */
    uint64_t next_id;
    size_t prefix_len; /* of both, without the star */
    struct loop_timer timer;
};

static void request_free(struct api_request *r)
{
    list_remove(&r->node);
    list_remove(&r->due);
    free(r->question);
    free(r);
}

static void finish(struct api_request *r, int rc, natsMsg *msg)
{
    api_reply_fn fn = r->fn;
    void *data = r->data;
    request_free(r);
    fn(data, rc, msg);
}

/* Callbacks may send anew: ends exactly those that are pending now. */
static void end_all(struct api *a, bool only_asked, int rc)
{
    struct list ended;
    list_init(&ended);
    list_for_each_safe(node, &a->due)
    {
        if (only_asked && !container_of(node, struct api_request, due)->asked)
            continue;
        list_remove(node);
        list_push_back(&ended, node);
    }
    while (!list_empty(&ended))
        finish(container_of(ended.next, struct api_request, due), rc, NULL);
}

static void on_reply(void *data, natsMsg *msg)
{
    struct api *a = data;

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
            struct api_request *r = container_of(node, struct api_request, node);
            if (r->id != id || *end)
                continue;
            bool nobody = natsMsg_IsNoResponders(msg);
            finish(r, nobody ? -EHOSTUNREACH : 0, nobody ? NULL : msg);
            break;
        }
    }
    connection_recycle(a->connection, msg); /* answers that came too late end here too */
}

static int publish(struct api *a, uint64_t id, bool asked, struct connection_publish p)
{
    char reply[SUBJECT_MAX];

    snprintf(reply, sizeof(reply), "%s.%c.%llu", connection_inbox(a->connection), asked ? 'a' : 'r',
             (unsigned long long)id);
    p.reply = reply;
    return connection_publish(a->connection, &p);
}

static void wake_at(struct api *a, int64_t at_ns)
{
    if (!loop_timer_armed(&a->timer) || a->timer.at_ns > at_ns)
        loop_arm(a->loop, &a->timer, at_ns);
}

/* Few requests are pending at a time and their deadlines are alike, so the list is walked whole. */
static void expire(struct loop_timer *t)
{
    struct api *a = t->data;
    int64_t now = loop_now_ns(a->loop);
    int64_t next = INT64_MAX;

    list_for_each_safe(node, &a->due)
    {
        struct api_request *r = container_of(node, struct api_request, due);
        if (r->deadline_ns <= now) {
            finish(r, -ETIMEDOUT, NULL);
            next = now; /* the callback may have changed the list: look again */
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

static struct connection_sub *listen_on(struct api *a, char kind, enum connection_delivery delivery)
{
    char subject[SUBJECT_MAX];
    int n = snprintf(subject, sizeof(subject), "%s.%c.*", connection_inbox(a->connection), kind);
    a->prefix_len = (size_t)n - 1;
    return connection_subscribe(a->connection, subject, delivery, on_reply, a);
}

int api_create(struct api **ret, struct loop *loop, struct connection *connection)
{
    struct api *a = calloc(1, sizeof(*a));
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
        api_destroy(a);
        return -ENOMEM;
    }
    *ret = a;
    return 0;
}

void api_destroy(struct api *a)
{
    if (!a)
        return;
    list_for_each_safe(node, &a->due) api_cancel(container_of(node, struct api_request, due));
    loop_disarm(a->loop, &a->timer);
    connection_unsubscribe(a->replies);
    connection_unsubscribe(a->answers);
    free(a);
}

struct connection *api_connection(const struct api *a)
{
    return a->connection;
}

void api_connection_down(struct api *a)
{
    end_all(a, false, -ENOTCONN);
}

static int send_request(struct api *a, struct connection_publish p, bool asked, int64_t timeout_ns, api_reply_fn fn,
                        void *data, struct api_request **ret)
{
    uint64_t id = a->next_id++;
    struct api_request *r = malloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    int rc = publish(a, id, asked, p);
    if (rc) {
        free(r);
        return rc;
    }
    *r = (struct api_request){.api = a, .id = id, .fn = fn, .data = data, .asked = asked};
    r->deadline_ns = loop_now_ns(a->loop) + timeout_ns;
    list_push_back(&a->buckets[id % BUCKETS], &r->node);
    list_push_back(&a->due, &r->due);
    wake_at(a, r->deadline_ns);
    if (ret)
        *ret = r;
    return 0;
}

int api_send(struct api *a, struct connection_publish p, int64_t timeout_ns, api_reply_fn fn, void *data,
             struct api_request **ret)
{
    return send_request(a, p, false, timeout_ns, fn, data, ret);
}

void api_cancel(struct api_request *r)
{
    if (!r)
        return;
    request_free(r);
}

static int call(struct api *a, const char *domain, const char *rest, const char *json, bool asked, api_reply_fn fn,
                void *data, struct api_request **ret)
{
    char subject[SUBJECT_MAX];
    struct api_request *r;
    int n = snprintf(subject, sizeof(subject), "$JS%s%s.API.%s", domain ? "." : "", domain ? domain : "", rest);
    if (n < 0 || (size_t)n >= sizeof(subject))
        return -ENAMETOOLONG;
    struct connection_publish p = {.subject = subject, .data = json, .size = json ? strlen(json) : 0};
    int rc = send_request(a, p, asked, CALL_TIMEOUT_NS, fn, data, &r);
    if (rc)
        return rc;
    if (!json) {
        r->question = strdup(subject); /* without memory it is asked once */
        r->again_ns = loop_now_ns(a->loop) + CALL_AGAIN_NS;
        wake_at(a, r->again_ns);
    }
    if (ret)
        *ret = r;
    return 0;
}

int api_call(struct api *a, const char *domain, const char *rest, const char *json, api_reply_fn fn, void *data,
             struct api_request **ret)
{
    return call(a, domain, rest, json, false, fn, data, ret);
}

int api_ask(struct api *a, const char *domain, const char *rest, api_reply_fn fn, void *data, struct api_request **ret)
{
    return call(a, domain, rest, NULL, true, fn, data, ret);
}
