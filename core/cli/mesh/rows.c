/* SPDX-License-Identifier: Apache-2.0
 * mesh/rows - one table of fields for each kind of row. */
#include "rows.h"

#include <errno.h>
#include <string.h>

enum kind {
    TEXT,   /* const char *; written unless "" */
    NAME,   /* the same, always written */
    NUMBER, /* struct mesh_number; written if known */
    FLAG,   /* bool, always written */
    MARK,   /* bool, written if true */
    TEXTS,  /* struct text_list * */
    ROWS,   /* a list of rows of another type */
};

struct field {
    const char *key;
    enum kind kind;
    size_t offset;
    const struct mesh_row_type *rows; /* of ROWS */
    size_t written_if;                /* of TEXTS and ROWS: offset of a bool, ALWAYS, or 0: written unless empty */
};

#define ALWAYS SIZE_MAX

struct mesh_row_type {
    size_t size;
    struct field fields[25]; /* to one without key */
};

#define FIELD(type, kind, member)                             \
    {                                                         \
#member, kind, offsetof(struct type, member), NULL, 0 \
    }

const struct mesh_row_type mesh_cluster_type = {
    sizeof(struct mesh_cluster),
    {
        FIELD(mesh_cluster, NAME, cluster),
        FIELD(mesh_cluster, TEXT, configured_domain),
        FIELD(mesh_cluster, TEXT, error),
        FIELD(mesh_cluster, NUMBER, rtt),
        FIELD(mesh_cluster, TEXT, jetstream_error),
        FIELD(mesh_cluster, TEXT, domain),
        FIELD(mesh_cluster, TEXTS, strangers),
        FIELD(mesh_cluster, TEXT, name),
        FIELD(mesh_cluster, TEXT, account),
        FIELD(mesh_cluster, TEXT, system_error),
        FIELD(mesh_cluster, TEXT, streams_error),
    },
};

const struct mesh_row_type mesh_follower_type = {
    sizeof(struct mesh_follower),
    {
        FIELD(mesh_follower, NAME, server),
        FIELD(mesh_follower, FLAG, current),
        FIELD(mesh_follower, FLAG, offline),
    },
};

const struct mesh_row_type mesh_server_type = {
    sizeof(struct mesh_server),
    {
        FIELD(mesh_server, NAME, cluster),
        FIELD(mesh_server, NAME, server),
        FIELD(mesh_server, FLAG, jetstream),
        FIELD(mesh_server, TEXT, version),
        FIELD(mesh_server, TEXT, domain),
        FIELD(mesh_server, TEXT, account),
        FIELD(mesh_server, TEXT, uptime),
        FIELD(mesh_server, NUMBER, connections),
        FIELD(mesh_server, NUMBER, clock),
        FIELD(mesh_server, TEXT, meta_leader),
        FIELD(mesh_server, NUMBER, meta_size),
        {"followers", ROWS, offsetof(struct mesh_server, followers), &mesh_follower_type,
         offsetof(struct mesh_server, leads_meta)},
        {"gateways", TEXTS, offsetof(struct mesh_server, gateways), NULL, offsetof(struct mesh_server, gateways_known)},
    },
};

const struct mesh_row_type mesh_path_type = {
    sizeof(struct mesh_path),
    {
        FIELD(mesh_path, NAME, cluster),
        FIELD(mesh_path, NAME, domain),
        FIELD(mesh_path, NAME, owner),
        FIELD(mesh_path, TEXT, error),
        FIELD(mesh_path, NUMBER, rtt),
    },
};

const struct mesh_row_type mesh_origin_type = {
    sizeof(struct mesh_origin),
    {
        FIELD(mesh_origin, NAME, stream),
        FIELD(mesh_origin, NAME, domain),
        FIELD(mesh_origin, FLAG, mirror),
        FIELD(mesh_origin, NUMBER, lag),
        FIELD(mesh_origin, NUMBER, active),
    },
};

const struct mesh_row_type mesh_stream_type = {
    sizeof(struct mesh_stream),
    {
        FIELD(mesh_stream, NAME, cluster),
        FIELD(mesh_stream, NAME, domain),
        FIELD(mesh_stream, NAME, stream),
        {"subjects", TEXTS, offsetof(struct mesh_stream, subjects), NULL, offsetof(struct mesh_stream, subjects_known)},
        FIELD(mesh_stream, TEXT, placed),
        FIELD(mesh_stream, TEXT, leader),
        FIELD(mesh_stream, MARK, leaderless),
        FIELD(mesh_stream, NUMBER, replicas),
        FIELD(mesh_stream, NUMBER, current),
        {"behind", TEXTS, offsetof(struct mesh_stream, behind), NULL, offsetof(struct mesh_stream, described)},
        FIELD(mesh_stream, NUMBER, messages),
        FIELD(mesh_stream, NUMBER, bytes),
        FIELD(mesh_stream, NUMBER, first),
        FIELD(mesh_stream, NUMBER, last),
        FIELD(mesh_stream, NUMBER, consumers),
        FIELD(mesh_stream, TEXT, created),
        FIELD(mesh_stream, MARK, filtered),
        {"from", ROWS, offsetof(struct mesh_stream, from), &mesh_origin_type, offsetof(struct mesh_stream, described)},
        FIELD(mesh_stream, MARK, consumers_silent),
    },
};

const struct mesh_row_type mesh_consumer_type = {
    sizeof(struct mesh_consumer),
    {
        FIELD(mesh_consumer, NAME, cluster),
        FIELD(mesh_consumer, NAME, domain),
        FIELD(mesh_consumer, NAME, stream),
        FIELD(mesh_consumer, NAME, consumer),
        FIELD(mesh_consumer, NUMBER, pending),
        FIELD(mesh_consumer, NUMBER, unacked),
        FIELD(mesh_consumer, NUMBER, redelivered),
        FIELD(mesh_consumer, NUMBER, floor),
        FIELD(mesh_consumer, TEXT, leader),
        FIELD(mesh_consumer, MARK, leaderless),
        {"filters", TEXTS, offsetof(struct mesh_consumer, filters), NULL, ALWAYS},
    },
};

static const struct mesh_row_type mesh_type = {
    sizeof(struct mesh),
    {
        {"clusters", ROWS, offsetof(struct mesh, clusters), &mesh_cluster_type, ALWAYS},
        {"servers", ROWS, offsetof(struct mesh, servers), &mesh_server_type, ALWAYS},
        {"paths", ROWS, offsetof(struct mesh, paths), &mesh_path_type, ALWAYS},
        {"streams", ROWS, offsetof(struct mesh, streams), &mesh_stream_type, ALWAYS},
        {"consumers", ROWS, offsetof(struct mesh, consumers), &mesh_consumer_type, ALWAYS},
    },
};

/* ---- rows ------------------------------------------------------------------------------------- */

static void *list_head(const void *list)
{
    void *head;
    memcpy(&head, list, sizeof(head));
    return head;
}

void *mesh_row_create(struct arena *a, const struct mesh_row_type *type)
{
    char *row = arena_alloc(a, type->size);

    for (const struct field *f = type->fields; row && f->key; f++)
        if (f->kind == TEXT || f->kind == NAME)
            memcpy(row + f->offset, &(const char *){""}, sizeof(const char *));
    return row;
}

void *mesh_row_append(struct arena *a, const struct mesh_row_type *type, void *list)
{
    void *row = mesh_row_create(a, type);
    void *at = list;

    if (!row)
        return NULL;
    while (list_head(at)) /* `next` is the first member of a row */
        at = list_head(at);
    memcpy(at, &row, sizeof(row));
    return row;
}

/* ---- to JSON ---------------------------------------------------------------------------------- */

static json_t *row_to_json(const struct mesh_row_type *type, const void *row);

static json_t *texts_to_json(const struct text_list *texts)
{
    json_t *all = json_array();
    for (; texts; texts = texts->next)
        if (json_array_append_new(all, json_string(texts->text)) < 0)
            break;
    return all;
}

static json_t *rows_to_json(const struct mesh_row_type *type, const void *row)
{
    json_t *all = json_array();
    for (; row; row = list_head(row))
        if (json_array_append_new(all, row_to_json(type, row)) < 0)
            break;
    return all;
}

static bool is_list_written(const struct field *f, const char *row)
{
    if (f->written_if == 0)
        return list_head(row + f->offset) != NULL;
    return f->written_if == ALWAYS || *(const bool *)(row + f->written_if);
}

/* NULL: the field is left out. */
static json_t *field_to_json(const struct field *f, const char *row)
{
    const void *value = row + f->offset;
    const struct mesh_number *number = value;
    const char *text;

    switch (f->kind) {
    case TEXT:
    case NAME: text = list_head(value); return *text || f->kind == NAME ? json_string(text) : NULL;
    case NUMBER: return number->known ? json_integer(number->value) : NULL;
    case FLAG: return json_boolean(*(const bool *)value);
    case MARK: return *(const bool *)value ? json_true() : NULL;
    case TEXTS: return is_list_written(f, row) ? texts_to_json(list_head(value)) : NULL;
    case ROWS: return is_list_written(f, row) ? rows_to_json(f->rows, list_head(value)) : NULL;
    }
    return NULL;
}

static json_t *row_to_json(const struct mesh_row_type *type, const void *row)
{
    json_t *object = json_object();

    for (const struct field *f = type->fields; object && f->key; f++) {
        json_t *value = field_to_json(f, row);
        if (value)
            json_object_set_new(object, f->key, value);
    }
    return object;
}

json_t *mesh_to_json(const struct mesh *m)
{
    return row_to_json(&mesh_type, m);
}

/* ---- from JSON -------------------------------------------------------------------------------- */

static void row_from_json(struct arena *a, const struct mesh_row_type *type, void *row, json_t *object);

static void texts_from_json(struct arena *a, struct text_list **list, json_t *array)
{
    json_t *item;
    size_t i;
    json_array_foreach(array, i, item)
    {
        if (json_is_string(item))
            texts_add(a, list, json_string_value(item));
    }
}

static void rows_from_json(struct arena *a, const struct mesh_row_type *type, void *list, json_t *array)
{
    json_t *item;
    size_t i;
    json_array_foreach(array, i, item)
    {
        void *row = mesh_row_append(a, type, list);
        if (!row)
            return;
        row_from_json(a, type, row, item);
    }
}

static void field_from_json(struct arena *a, const struct field *f, char *row, json_t *value)
{
    void *at = row + f->offset;
    const char *text;

    if (f->written_if && f->written_if != ALWAYS)
        *(bool *)(row + f->written_if) = json_is_array(value);
    switch (f->kind) {
    case TEXT:
    case NAME:
        text = arena_text(a, json_string_value(value));
        memcpy(at, &text, sizeof(text));
        break;
    case NUMBER:
        *(struct mesh_number *)at = (struct mesh_number){json_integer_value(value), json_is_integer(value)};
        break;
    case FLAG:
    case MARK: *(bool *)at = json_is_true(value); break;
    case TEXTS: texts_from_json(a, at, value); break;
    case ROWS: rows_from_json(a, f->rows, at, value); break;
    }
}

static void row_from_json(struct arena *a, const struct mesh_row_type *type, void *row, json_t *object)
{
    for (const struct field *f = type->fields; f->key; f++)
        field_from_json(a, f, row, json_object_get(object, f->key));
}

int mesh_from_json(struct mesh *ret, json_t *doc)
{
    *ret = (struct mesh){0};
    if (!json_is_array(json_object_get(doc, "consumers")))
        return -EINVAL;
    row_from_json(&ret->arena, &mesh_type, ret, doc);
    return ret->arena.failed ? -ENOMEM : 0;
}
