/* SPDX-License-Identifier: Apache-2.0
 *
 * notify - notifies systemd of the state of the service (sd_notify(3): datagrams to $NOTIFY_SOCKET).
 *
 * Each function returns 1 if the datagram was sent, 0 if there is no NOTIFY_SOCKET, or a negative errno.  If systemd
 * does not read, the caller is blocked for 100 ms at most.  The environment is not changed.  Any thread.
 */
#ifndef SEAMQ_ADMIN_NOTIFY_H
#define SEAMQ_ADMIN_NOTIFY_H

#include <stdint.h>

/* To be called after the start and after each reload. */
int notify_ready(void);
/* Sends the monotonic time too, by which systemd matches the reload (Type=notify-reload). */
int notify_reloading(void);
int notify_stopping(void);
int notify_watchdog(void);
/* One line for `systemctl status`; a line end in it becomes a space. */
int notify_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The watchdog's time: systemd kills the process when no notify_watchdog() comes for so long, so send one after half of
 * it. 0: no watchdog for this process. */
int64_t notify_watchdog_ns(void);

#endif
