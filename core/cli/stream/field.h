/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/field - one field of a stream's or consumer's config as text for people.  The text is canonical: two
 * configs have the same value exactly if their texts are equal, however a server writes a default.  Pure.
 */
#ifndef SEAMQ_CLI_STREAM_FIELD_H
#define SEAMQ_CLI_STREAM_FIELD_H

#include "base/buf.h"

#include <jansson.h>

enum field_kind {
    FIELD_WORD,
    FIELD_COUNT,    /* below 1: `absent` */
    FIELD_SIZE,     /* the same, bytes */
    FIELD_DURATION, /* the same, ns */
    FIELD_LIST,     /* strings, in any order */
    FIELD_FILTERS,  /* filter_subject and filter_subjects together */
    FIELD_ORIGIN,   /* a mirror */
    FIELD_ORIGINS,  /* sources, in any order */
    FIELD_START,    /* deliver_policy with its start */
};

struct field {
    const char *key;  /* as the configuration calls it */
    const char *json; /* where it is: "max_age", "placement.cluster" */
    enum field_kind kind;
    const char *absent; /* the text when it is not there */
};

void field_text(const struct field *f, json_t *config, const char *own_domain, struct buf *out);

/* Sets in `config` what `wanted` has of this field. 0 or -ENOMEM. */
int field_copy(const struct field *f, json_t *config, json_t *wanted, const char *own_domain);

#endif
