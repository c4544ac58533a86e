/* SPDX-License-Identifier: Apache-2.0
 *
 * scrape - GET /metrics: every family of metric_families.h with the values of one snapshot.
 * Thread: the loop's.
 */
#ifndef SEAMQ_ADMIN_SCRAPE_H
#define SEAMQ_ADMIN_SCRAPE_H

#include "snapshot.h"

void scrape_serve(const struct admin_snapshot *s, struct http_response *out);

#endif
