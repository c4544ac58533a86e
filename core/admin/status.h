/* SPDX-License-Identifier: Apache-2.0
 *
 * status - GET /status.json: clusters, handlers, their consumers and counters.
 * Thread: the loop's.
 */
#ifndef SEAMQ_ADMIN_STATUS_H
#define SEAMQ_ADMIN_STATUS_H

#include "report.h"

void status_serve(const struct report *r, struct http_response *out);

#endif
