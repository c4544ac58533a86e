/* SPDX-License-Identifier: Apache-2.0
 * watch - deadlines, killing, the death of the child, and the pause before the next process. */
#include "worker_private.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"

#define KILL_GRACE_NS (500 * NS_PER_MS)
#define REFUSED_EXIT_NS (2 * NS_PER_SEC) /* from "refused" or "failed" to the exit; close() runs in that time */
#define PAUSE_MIN_NS (100 * NS_PER_MS)
#define PAUSE_MAX_NS (30 * NS_PER_SEC)
#define BLAMED_PAUSE_MAX_NS NS_PER_SEC /* if a message was running: crash_limit ends the row of crashes anyway */
#define HEALTHY_NS (10 * NS_PER_SEC)
#define HEALTHY_MESSAGES 16u
#define CLOCK_SLACK_NS NS_PER_SEC

void watch_set_end(struct worker *w, int reason, const char *text)
{
    bool orderly = w->end_reason == WORKER_EXIT_STOPPED || w->end_reason == WORKER_EXIT_RECYCLE;
    bool worse = reason == WORKER_EXIT_TIMEOUT || reason == WORKER_EXIT_PROTOCOL || reason == WORKER_EXIT_MEMORY;
    if (w->end_reason >= 0 && !(orderly && worse))
        return; /* the first reason counts */
    w->end_reason = reason;
    free(w->end_text);
    w->end_text = text && *text ? strdup(text) : NULL;
    if (reason == WORKER_EXIT_REFUSED || reason == WORKER_EXIT_OPEN) {
        w->phase = PHASE_ENDING;
        loop_arm(w->loop, &w->life, loop_now_ns(w->loop) + REFUSED_EXIT_NS);
    }
}

static void send_signal(struct worker *w, int sig)
{
    if (w->child.pid)
        kill(-w->child.pid, sig); /* not reaped yet, so no other process can have this number */
}

void watch_kill(struct worker *w, int reason, bool gently, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    if (!w->child.pid || (w->phase == PHASE_KILLED && gently))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    watch_set_end(w, reason, text);
    w->phase = PHASE_KILLED;
    if (gently) {
        int64_t grace = w->config.kill_grace_ns ? w->config.kill_grace_ns : KILL_GRACE_NS;
        worker_order(w, RING_REVOKE); /* a child that survives SIGTERM starts no further message */
        send_signal(w, SIGTERM);
        loop_arm(w->loop, &w->life, loop_now_ns(w->loop) + grace);
    } else {
        send_signal(w, SIGKILL);
        loop_disarm(w->loop, &w->life);
    }
}

void watch_violation(struct worker *w, const char *what)
{
    w->protocol_error = true;
    watch_kill(w, WORKER_EXIT_PROTOCOL, false, "killed: %s", what);
}

/* Number of messages in the call that the child runs, the oldest outstanding one first; 0: none.
 * If the ring names an id that is not the oldest, a handler overwrote the page: assume the oldest runs. */
static uint32_t running_count(const struct worker *w)
{
    const struct ring_page *page = w->child.ring.peer;
    uint64_t reported = worker_outstanding(w) ? atomic_load_explicit(&page->running, memory_order_acquire) : 0;
    if (!worker_outstanding(w) || (reported == 0 && !w->protocol_error))
        return 0;
    if (reported != worker_oldest_id(w))
        return 1;
    uint32_t n = atomic_load_explicit(&page->running_n, memory_order_relaxed);
    uint32_t most = w->config.batch_max > 1 ? (uint32_t)w->config.batch_max : 1;
    if (most > worker_outstanding(w))
        most = worker_outstanding(w);
    return n < 1 ? 1 : n < most ? n : most;
}

/* Deadline of the oldest outstanding message.  The start that the child reports is used only within
 * CLOCK_SLACK_NS of what the daemon has seen, so invalid data in the ring cannot hide a hang. */
static int64_t oldest_deadline(const struct worker *w)
{
    if (w->extended_ns)
        return w->extended_ns;
    int64_t start = w->oldest_since_ns + w->config.batch_linger_ns;
    if (running_count(w)) {
        int64_t reported = atomic_load_explicit(&w->child.ring.peer->started_ns, memory_order_relaxed);
        if (reported > w->spawned_ns)
            start = reported < start + CLOCK_SLACK_NS ? reported : start + CLOCK_SLACK_NS;
    }
    return start + w->config.timeout_ns;
}

/* The timer is not moved for each message: it fires at most once per timeout and is then rearmed. */
void watch_deadline_arm(struct worker *w)
{
    if (!worker_outstanding(w) || w->config.timeout_ns <= 0)
        return;
    int64_t at = oldest_deadline(w);
    if (!loop_timer_armed(&w->deadline) || at < w->deadline.at_ns)
        loop_arm(w->loop, &w->deadline, at);
}

void watch_on_deadline(struct loop_timer *t)
{
    struct worker *w = t->data;
    if (!w->child.pid || w->phase == PHASE_KILLED)
        return;
    outbox_read_all(w); /* the message may have ended without a bell */
    if (w->protocol_error)
        watch_violation(w, "it wrote invalid data into its ring");
    if (!worker_outstanding(w) || w->phase == PHASE_KILLED)
        return;
    if (oldest_deadline(w) > loop_now_ns(w->loop)) {
        watch_deadline_arm(w);
        return;
    }
    uint32_t n = running_count(w);
    char what[48] = "one message";
    if (n > 1)
        snprintf(what, sizeof(what), "a batch of %u messages", n);
    watch_kill(w, WORKER_EXIT_TIMEOUT, true, "killed: %s took longer than %s%.3g s", what,
               w->extended_ns ? "its extended " : "", (double)w->config.timeout_ns / 1e9);
}

void watch_retire_deadline(struct worker *w)
{
    int64_t at = loop_now_ns(w->loop) + w->close_ns + (worker_outstanding(w) ? w->config.timeout_ns : 0);
    if (w->phase == PHASE_ENDING && w->close_ns && loop_timer_armed(&w->life) && at < w->life.at_ns)
        loop_arm(w->loop, &w->life, at);
}

static void report_stopped(struct worker *w)
{
    struct worker_exit e = {.reason = WORKER_EXIT_STOPPED, .text = "stopped", .restart_in_ns = -1};
    if (w->stop_reported)
        return;
    w->stop_reported = true;
    if (w->callbacks.on_exit)
        w->callbacks.on_exit(w->data, w, &e);
}

void watch_on_life(struct loop_timer *t)
{
    struct worker *w = t->data;
    switch (w->phase) {
    case PHASE_DOWN:
        if (w->stopping)
            report_stopped(w);
        break;
    case PHASE_WAITING: worker_spawn(w); break;
    case PHASE_STARTING:
        watch_kill(w, WORKER_EXIT_OPEN, true,
                   "killed: it was not ready in time; a constructor or open() of the plugin may hang");
        break;
    case PHASE_READY: break;
    case PHASE_ENDING:
        if (w->close_ns && w->extended_ns + w->close_ns > loop_now_ns(w->loop))
            loop_arm(w->loop, t, w->extended_ns + w->close_ns);
        else
            watch_kill(w, WORKER_EXIT_STOPPED, false, "killed: it did not exit in time");
        break;
    case PHASE_KILLED: send_signal(w, SIGKILL); break;
    }
}

/* ---- death ---- */

static void child_reap(struct worker *w, struct worker_exit *e)
{
    siginfo_t info = {0};
    int rc;
    send_signal(w, SIGKILL); /* kills the processes that the child started, too */
    while ((rc = waitid(P_PID, (id_t)w->child.pid, &info, WEXITED)) != 0 && errno == EINTR)
        ;
    if (rc)
        e->status = -1; /* another part of this process reaped it */
    else if (info.si_code == CLD_EXITED)
        e->status = info.si_status;
    else
        e->signal = info.si_status;
}

static int64_t restart_pause_next(struct worker *w, enum worker_exit_reason reason, bool ran_a_message)
{
    int64_t most = ran_a_message ? BLAMED_PAUSE_MAX_NS : PAUSE_MAX_NS;
    int64_t up = loop_now_ns(w->loop) - w->spawned_ns;
    if ((reason == WORKER_EXIT_REFUSED && !w->was_ever_ready) || w->stopping)
        return -1;
    if (reason == WORKER_EXIT_RECYCLE || w->finished >= HEALTHY_MESSAGES || (w->finished && up >= HEALTHY_NS))
        w->pause_level = 0;
    if (reason == WORKER_EXIT_RECYCLE)
        return 0;
    if (!w->pause_level && (reason == WORKER_EXIT_OPEN || reason == WORKER_EXIT_SPAWN || reason == WORKER_EXIT_REFUSED))
        w->pause_level = 1;
    int64_t pause = !w->pause_level ? 0 : w->pause_level > 9 ? most : PAUSE_MIN_NS << (w->pause_level - 1);
    w->pause_level++;
    return pause > most ? most : pause;
}

/* The reason of the exit, from the recorded reason and from the signal or exit status. */
static enum worker_exit_reason exit_reason_decide(const struct worker *w, const struct worker_exit *e)
{
    bool orderly = !e->signal && e->status == 0 && w->bye;
    switch (w->end_reason) {
    case WORKER_EXIT_STOPPED:
    case WORKER_EXIT_RECYCLE:
        if (orderly || (w->phase == PHASE_KILLED && e->signal == SIGKILL))
            return (enum worker_exit_reason)w->end_reason;
        break;
    case WORKER_EXIT_REFUSED:
    case WORKER_EXIT_OPEN:
    case WORKER_EXIT_TIMEOUT:
    case WORKER_EXIT_PROTOCOL:
    case WORKER_EXIT_MEMORY: return (enum worker_exit_reason)w->end_reason;
    default: break;
    }
    return e->signal ? WORKER_EXIT_CRASH : WORKER_EXIT_STATUS;
}

static void death_describe(const struct worker *w, const struct worker_exit *e, char *text, size_t size)
{
    char how[128];
    const char *name = e->signal ? sigabbrev_np(e->signal) : NULL;
    if (e->signal)
        snprintf(how, sizeof(how), "killed by SIG%s%s%s%s", name ? name : "?", *w->crash_address ? " (address " : "",
                 w->crash_address, *w->crash_address ? ")" : "");
    else if (e->status < 0)
        snprintf(how, sizeof(how), "ended with unknown status");
    else
        snprintf(how, sizeof(how), "exited with status %d", e->status);
    if (!w->was_ready)
        snprintf(text, size, "%s while it loaded or opened the plugin", how);
    else
        snprintf(text, size, "%s after %llu message%s", how, (unsigned long long)w->finished,
                 w->finished == 1 ? "" : "s");
}

void watch_on_death(struct loop_fd *f, uint32_t events)
{
    struct worker *w = f->data;
    struct worker_exit e = {0};
    char text[256];
    (void)events;

    control_read_rest(w);
    outbox_read_all(w);
    control_read_rest(w);
    child_reap(w, &e);
    if (w->protocol_error && w->end_reason < 0)
        watch_set_end(w, WORKER_EXIT_PROTOCOL, "it wrote invalid data into its ring");
    if (e.signal == SIGALRM && w->crash_signal)
        e.signal = w->crash_signal; /* the crash report took too long, and its alarm ended the process */
    e.reason = exit_reason_decide(w, &e);
    e.running_n = running_count(w);
    e.running = e.running_n ? worker_oldest_id(w) : 0;
    death_describe(w, &e, text, sizeof(text));
    e.text = (int)e.reason == w->end_reason && w->end_text ? w->end_text : text;
    e.restart_in_ns = restart_pause_next(w, e.reason, e.running_n > 0);

    char *backtrace = w->backtrace, *end_text = w->end_text;
    w->backtrace = w->end_text = NULL;
    e.backtrace = backtrace;
    worker_drop_child(w);
    w->phase = e.restart_in_ns < 0 ? PHASE_DOWN : PHASE_WAITING;
    if (e.restart_in_ns >= 0)
        loop_arm(w->loop, &w->life, loop_now_ns(w->loop) + e.restart_in_ns);
    if (w->stopping)
        w->stop_reported = true;
    if (w->callbacks.on_exit)
        w->callbacks.on_exit(w->data, w, &e);
    free(backtrace);
    free(end_text);
}
