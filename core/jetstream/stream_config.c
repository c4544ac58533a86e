/* SPDX-License-Identifier: Apache-2.0
 * stream_config - the field table of streams. */
#include "stream_config.h"

#include "config/names.h"

#include <string.h>

static const char *const storages[] = {[STORAGE_FILE] = "file", [STORAGE_MEMORY] = "memory"};
static const char *const retentions[] = {
    [RETENTION_LIMITS] = "limits", [RETENTION_INTEREST] = "interest", [RETENTION_WORKQUEUE] = "workqueue"};
static const char *const discards[] = {[DISCARD_OLD] = "old", [DISCARD_NEW] = "new"};

#define AT(f) offsetof(struct stream_config, f)

/* The daemon reads single fields of a stream (binding.c), and reports no differences. */
/* clang-format off: one row is one field */
static const struct js_field fields[] = {
    /* key, path, kind, absent, in the struct, seamqd, seamq stream apply */
    JS_FIELD("name", "name", JS_WORD, "none", AT(name), JS_IGNORED, JS_IGNORED),
    JS_FIELD("description", "description", JS_WORD, "none", AT(description), JS_IGNORED, JS_IGNORED),
    JS_FIELD("subjects", "subjects", JS_LIST, "none", AT(subjects), JS_IGNORED, JS_USED),
    JS_FIELD("replicas", "num_replicas", JS_COUNT, "1", AT(replicas), JS_IGNORED, JS_USED),
    JS_FIELD("storage", "storage", JS_CHOICE, "file", AT(storage), JS_IGNORED, JS_USED, .choices = storages),
    JS_FIELD("retention", "retention", JS_CHOICE, "limits", AT(retention), JS_IGNORED, JS_USED, .choices = retentions),
    JS_FIELD("max_age", "max_age", JS_DURATION, "none", AT(max_age_ns), JS_IGNORED, JS_USED),
    JS_FIELD("max_bytes", "max_bytes", JS_SIZE, "none", AT(max_bytes), JS_IGNORED, JS_USED, .none = -1),
    JS_FIELD("max_msgs", "max_msgs", JS_COUNT, "none", AT(max_msgs), JS_IGNORED, JS_USED, .none = -1),
    JS_FIELD("max_msg_size", "max_msg_size", JS_SIZE, "none", AT(max_msg_size), JS_IGNORED, JS_USED, .none = -1),
    JS_FIELD("discard", "discard", JS_CHOICE, "old", AT(discard), JS_IGNORED, JS_USED, .choices = discards),
    JS_FIELD("duplicate_window", "duplicate_window", JS_DURATION, "none", AT(duplicate_window_ns), JS_IGNORED, JS_USED),
    JS_FIELD("mirror", "mirror", JS_ORIGIN, "none", AT(mirror), JS_IGNORED, JS_USED),
    JS_FIELD("sources", "sources", JS_ORIGINS, "none", AT(sources), JS_IGNORED, JS_USED),
    JS_FIELD("placement_cluster", "placement.cluster", JS_WORD, "any", AT(placement_cluster), JS_IGNORED, JS_USED),
    JS_FIELD("placement_tags", "placement.tags", JS_LIST, "none", AT(placement_tags), JS_IGNORED, JS_USED),
};
/* clang-format on */

const struct js_table stream_fields = {fields, sizeof(fields) / sizeof(fields[0])};

json_t *stream_config_write(const struct stream_config *s, const char *own_domain)
{
    return js_table_write(&stream_fields, s, own_domain);
}

bool stream_captures(json_t *document, const char *subject)
{
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(document, "subjects"), i, item)
    {
        if (json_is_string(item) && subject_covers(json_string_value(item), subject))
            return true;
    }
    return false;
}

json_t *stream_with_subject(json_t *document, const char *subject)
{
    json_t *copy = json_deep_copy(document);
    json_t *subjects = json_object_get(copy, "subjects");

    if (!json_is_array(subjects)) {
        subjects = json_array();
        json_object_set_new(copy, "subjects", subjects);
    }
    if (json_array_append_new(subjects, json_string(subject)) == 0)
        return copy;
    json_decref(copy);
    return NULL;
}

static bool any_overlaps(json_t *subjects, const char *filter)
{
    json_t *item;
    size_t i;
    json_array_foreach(subjects, i, item)
    {
        if (subjects_overlap(json_is_string(item) ? json_string_value(item) : ">", filter))
            return true;
    }
    return false;
}

bool stream_matches_no_filter(json_t *document, const struct strv *filters, struct buf *why)
{
    static const char *const others[] = {"mirror", "sources", "subject_transform"};
    json_t *subjects = json_object_get(document, "subjects");

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (json_object_get(document, others[i]))
            return false;
    if (!json_array_size(subjects) || !filters->n)
        return false;
    for (size_t i = 0; i < filters->n; i++)
        if (any_overlaps(subjects, filters->items[i]))
            return false;
    buf_puts(why, "captures ");
    js_field_text(js_table_find(&stream_fields, "subjects"), document, NULL, why);
    buf_puts(why, ", and filter_subjects is");
    for (size_t i = 0; i < filters->n; i++)
        buf_printf(why, " %s", filters->items[i]);
    return true;
}
