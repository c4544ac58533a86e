/* SPDX-License-Identifier: Apache-2.0
 *
 * status - GET /status.json: the status page for programs (`seamq status`).
 * Thread: the loop's.
 */
#ifndef SEAMQ_ADMIN_STATUS_H
#define SEAMQ_ADMIN_STATUS_H

#include "snapshot.h"

void status_serve(const struct admin_snapshot *s, struct http_response *out);

#endif
