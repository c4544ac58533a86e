/* SPDX-License-Identifier: Apache-2.0
 *
 * scrape - GET /metrics: every family that seamqd has, each in a table or a function of its own.
 * Thread: the loop's.
 */
#ifndef SEAMQ_ADMIN_SCRAPE_H
#define SEAMQ_ADMIN_SCRAPE_H

#include "report.h"

void scrape_serve(const struct report *r, struct http_response *out);

#endif
