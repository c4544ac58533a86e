/* SPDX-License-Identifier: Apache-2.0
 *
 * notify - what systemd is told (sd_notify(3): datagrams to $NOTIFY_SOCKET).
 *
 * Each function returns 1 when it was sent, 0 when nobody asked for it (no NOTIFY_SOCKET), or a
 * negative errno.  A manager that does not read holds the caller for 100 ms at most.  The
 * environment stays as it is.  Any thread.
 */
#ifndef SEAMQ_ADMIN_NOTIFY_H
#define SEAMQ_ADMIN_NOTIFY_H

#include <stdint.h>

/* After a start and after each reload. */
int notify_ready(void);
/* With the time that systemd needs to match this reload (Type=notify-reload). */
int notify_reloading(void);
int notify_stopping(void);
int notify_watchdog(void);
/* One line for `systemctl status`; a line end in it becomes a space. */
int notify_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* How long the manager waits for a notify_watchdog() before it kills: send one at half of it.
 * 0: it does not watch this process. */
int64_t notify_watchdog_ns(void);

#endif
