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
};

struct api {
    struct loop *loop;
    struct link *link;
    struct link_sub *sub;
    struct list buckets[BUCKETS];
    struct list due; /* all pending, oldest first */
    uint64_t next_id;
    size_t prefix_len; /* of "<inbox>.r." */
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

static void on_reply(void *data, natsMsg *msg)
{
    struct api *a = data;
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
    link_recycle(a->link, msg); /* answers that came too late end here too */
}

static int publish(struct api *a, uint64_t id, struct link_publish p)
{
    char reply[SUBJECT_MAX];

    snprintf(reply, sizeof(reply), "%s.r.%llu", link_inbox(a->link), (unsigned long long)id);
    p.reply = reply;
    return link_publish(a->link, &p);
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
            publish(a, r->id, (struct link_publish){.subject = r->question});
            r->again_ns = now + CALL_AGAIN_NS;
        }
        int64_t due = r->question && r->again_ns < r->deadline_ns ? r->again_ns : r->deadline_ns;
        if (due < next)
            next = due;
    }
    if (next != INT64_MAX)
        loop_arm(a->loop, t, next);
}

int api_create(struct api **ret, struct loop *loop, struct link *link)
{
    char subject[SUBJECT_MAX];
    struct api *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->loop = loop;
    a->link = link;
    a->next_id = 1;
    a->timer = (struct loop_timer){.fire = expire, .data = a};
    list_init(&a->due);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&a->buckets[i]);
    snprintf(subject, sizeof(subject), "%s.r.*", link_inbox(link));
    a->prefix_len = strlen(subject) - 1;
    a->sub = link_subscribe(link, subject, LINK_REPLIES, on_reply, a);
    if (!a->sub) {
        free(a);
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
    link_unsubscribe(a->sub);
    free(a);
}

struct link *api_link(const struct api *a)
{
    return a->link;
}

void api_link_down(struct api *a)
{
    struct list lost;
    list_init(&lost);
    /* Callbacks may send anew: end exactly those that are pending now. */
    while (!list_empty(&a->due)) {
        struct list *node = list_pop_front(&a->due);
        list_push_back(&lost, node);
    }
    while (!list_empty(&lost))
        finish(container_of(lost.next, struct api_request, due), -ENOTCONN, NULL);
}

int api_send(struct api *a, struct link_publish p, int64_t timeout_ns, api_reply_fn fn, void *data,
             struct api_request **ret)
{
    uint64_t id = a->next_id++;
    struct api_request *r = malloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    int rc = publish(a, id, p);
    if (rc) {
        free(r);
        return rc;
    }
    *r = (struct api_request){.api = a, .id = id, .fn = fn, .data = data};
    r->deadline_ns = loop_now_ns(a->loop) + timeout_ns;
    list_push_back(&a->buckets[id % BUCKETS], &r->node);
    list_push_back(&a->due, &r->due);
    wake_at(a, r->deadline_ns);
    if (ret)
        *ret = r;
    return 0;
}

void api_cancel(struct api_request *r)
{
    if (!r)
        return;
    request_free(r);
}

int api_call(struct api *a, const char *domain, const char *rest, const char *json, api_reply_fn fn, void *data,
             struct api_request **ret)
{
    char subject[SUBJECT_MAX];
    struct api_request *r;
    int n = snprintf(subject, sizeof(subject), "$JS%s%s.API.%s", domain ? "." : "", domain ? domain : "", rest);
    if (n < 0 || (size_t)n >= sizeof(subject))
        return -ENAMETOOLONG;
    struct link_publish p = {.subject = subject, .data = json, .size = json ? strlen(json) : 0};
    int rc = api_send(a, p, CALL_TIMEOUT_NS, fn, data, &r);
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
