/* SPDX-License-Identifier: Apache-2.0
 *
 * monitor - monitoring pages of a nats-server as JSON. */
#ifndef SEAMQ_TESTS_E2E_MONITOR_H
#define SEAMQ_TESTS_E2E_MONITOR_H

#include <jansson.h>

/* GET of url (http://HOST:PORT) + page. The caller decrefs the result; NULL: no JSON within 3 s. */
json_t *monitor_get(const char *url, const char *page);

/* The text at a path of keys separated by '/'; "": no such text. */
const char *monitor_text(json_t *page, const char *path);
json_t *monitor_at(json_t *page, const char *path);

#endif
