/* SPDX-License-Identifier: Apache-2.0
 *
 * names - one check for each kind of name, subject, URL ... that NATS and SeaMQ accept.
 * Each returns 0, or -EINVAL with a sentence that quotes the text and shows a valid one.  Pure, any thread.
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

/* True: a subject exists that both filters match. The server refuses a consumer with such filters. */
bool subjects_overlap(const char *a, const char *b);
/* True: `pattern` matches every subject that `subject` (may have wildcards) matches. */
bool subject_covers(const char *pattern, const char *subject);

/* Writes the URL with the password, or a token, as ********.  Returns out. */
const char *url_mask(const char *url, char *out, size_t size);
bool url_has_user(const char *url);

#endif
