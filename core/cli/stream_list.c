/* SPDX-License-Identifier: Apache-2.0
 * stream_list - STREAM.LIST and STREAM.NAMES, page by page. */
#include "stream_list.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

/* Joins all pages of an answer in one array. */
static int read_pages(struct session *s, enum api_verb verb, const char *domain, int64_t deadline_ns, json_t **ret,
                      struct error *err)
{
    json_t *all = json_array();
    int rc = all ? 0 : error_set(err, -ENOMEM, "out of memory");

    for (bool more = true; rc == 0 && more;) {
        char body[64];
        snprintf(body, sizeof(body), "{\"offset\":%zu}", json_array_size(all));
        struct call call = {.path = {.verb = verb}, .body = body, .domain = domain};
        rc = session_call(s, &call, deadline_ns - clock_now_ns(), err);
        json_t *page = json_object_get(call.answer.json, "streams");
        if (rc == 0 && json_is_array(page) && json_array_extend(all, page) < 0)
            rc = error_set(err, -ENOMEM, "out of memory");
        /* Streams may be deleted meanwhile, so an empty page also ends the list. */
        more = json_array_size(page) &&
               (json_int_t)json_array_size(all) < json_integer_value(json_object_get(call.answer.json, "total"));
        call_finish(&call);
    }
    if (rc < 0) {
        json_decref(all);
        return rc;
    }
    *ret = all;
    return 0;
}

int streams_list(struct session *s, const char *domain, int64_t deadline_ns, json_t **ret, struct error *err)
{
    return read_pages(s, API_STREAM_LIST, domain, deadline_ns, ret, err);
}

int streams_names(struct session *s, const char *domain, int64_t deadline_ns, json_t **ret, struct error *err)
{
    json_t *list;
    json_t *name;
    size_t i;
    int rc = read_pages(s, API_STREAM_NAMES, domain, deadline_ns, &list, err);

    if (rc < 0)
        return rc;
    *ret = json_object();
    json_array_foreach(list, i, name) json_object_set_new(*ret, json_string_value(name), json_true());
    json_decref(list);
    return *ret ? 0 : error_set(err, -ENOMEM, "out of memory");
}
