/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's monitoring pages as JSON. */
#ifndef SEAMQ_TESTS_E2E_MONITOR_H
#define SEAMQ_TESTS_E2E_MONITOR_H

#include <jansson.h>

/* GET of url (http://HOST:PORT) + page; NULL if it does not answer with JSON within 3 s. The caller's to decref. */
json_t *monitor_get(const char *url, const char *page);

/* The text at a path of keys separated by '/', "" where there is none. */
const char *monitor_text(json_t *page, const char *path);
json_t *monitor_at(json_t *page, const char *path);

#endif
