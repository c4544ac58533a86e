/* SPDX-License-Identifier: Apache-2.0
 *
 * names - what NATS and SeaMQ accept as a name, subject, URL, ...: one check for each kind
 * of value.  0, or -EINVAL with a sentence that quotes the text and shows a right one.  Pure.
 */
#ifndef SEAMQ_CONFIG_NAMES_H
#define SEAMQ_CONFIG_NAMES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define SECTION_NAME_MAX 40 /* with "[handler." inside the 49 that inih keeps of a section */
#define NATS_NAME_MAX 255   /* the server's limit for streams and consumers */

int check_section_name(const char *text, struct error *err); /* [a-z0-9-]+ */
int check_instance(const char *text, struct error *err);
int check_plugin(const char *text, struct error *err);
int check_admin(const char *text, struct error *err); /* host:port or off */
int check_url(const char *text, struct error *err);   /* never quotes a password */
int check_domain(const char *text, struct error *err);
int check_prefix(const char *text, struct error *err); /* a subject without wildcards */
int check_stream(const char *text, struct error *err);
int check_stream_template(const char *text, struct error *err); /* with {cluster}, {CLUSTER} */
int check_durable(const char *text, struct error *err);
int check_filter(const char *text, struct error *err); /* a subject, wildcards allowed */
int check_dead_letter(const char *text, struct error *err);
int check_consumer(const char *text, struct error *err);  /* STREAM/NAME */
int check_origin(const char *text, struct error *err);    /* STREAM or STREAM@DOMAIN */
int check_placement(const char *text, struct error *err); /* a cluster or tag of servers */
int check_deliver_policy(const char *text, struct error *err);

/* Do two filter subjects match a common subject?  The server refuses such a consumer. */
bool subjects_overlap(const char *a, const char *b);
/* Whether everything that `subject` (may hold wildcards) matches is matched by `pattern`. */
bool subject_covers(const char *pattern, const char *subject);

/* The URL with user:password as user:********, and a token as ********.  Returns out. */
const char *url_mask(const char *url, char *out, size_t size);
bool url_has_user(const char *url);

#endif
