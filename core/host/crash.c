/* SPDX-License-Identifier: Apache-2.0
 * crash - the crash handler of a worker: reports the signal to the daemon, then a backtrace.
 *
 * Not all of it is async-signal-safe: dladdr() takes the dynamic linker's lock.  That is acceptable
 * because the process ends anyway; the signal is reported first, and an alarm ends a report that hangs. */
#include "host.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "ring/packet.h"

#define FRAMES 48
#define GUARD_SECONDS 2

static char stack[64 << 10] __attribute__((aligned(16)));

struct text {
    char at[6144];
    size_t len;
};

static void text_append(struct text *t, const char *s, size_t n)
{
    if (n > sizeof(t->at) - t->len)
        n = sizeof(t->at) - t->len;
    memcpy(t->at + t->len, s, n);
    t->len += n;
}

static void text_append_string(struct text *t, const char *s)
{
    text_append(t, s, strlen(s));
}

static void text_append_number(struct text *t, uint64_t v, unsigned base)
{
    char digits[24];
    size_t n = sizeof(digits);
    do
        digits[--n] = "0123456789abcdef"[v % base];
    while ((v /= base) != 0);
    text_append(t, digits + n, sizeof(digits) - n);
}

static void text_append_frame(struct text *t, unsigned number, void *pc)
{
    Dl_info info;
    text_append_string(t, number ? "\n#" : "#");
    text_append_number(t, number, 10);
    text_append_string(t, " ");
    if (!dladdr(pc, &info) || !info.dli_fname) {
        text_append_string(t, "0x");
        text_append_number(t, (uintptr_t)pc, 16);
        return;
    }
    uintptr_t base = (uintptr_t)(info.dli_sname ? info.dli_saddr : info.dli_fbase);
    text_append_string(t, info.dli_sname ? info.dli_sname : "?");
    text_append_string(t, "+0x");
    text_append_number(t, (uintptr_t)pc - base, 16);
    const char *slash = strrchr(info.dli_fname, '/');
    bool own = strcmp(info.dli_fname, program_invocation_name) == 0; /* the title that ps shows, set by the daemon */
    text_append_string(t, " (");
    text_append_string(t, own ? "seamq-worker" : slash ? slash + 1 : info.dli_fname);
    text_append_string(t, ")");
}

static void signal_report(int sig, const siginfo_t *info)
{
    static struct text t;
    text_append(&t, "crash", 6);
    text_append(&t, "signal", 7);
    text_append_number(&t, (uint64_t)sig, 10);
    text_append(&t, "", 1);
    if ((sig == SIGSEGV || sig == SIGBUS) && info->si_code > 0) {
        text_append(&t, "address", 8);
        text_append_string(&t, "0x");
        text_append_number(&t, (uintptr_t)info->si_addr, 16);
        text_append(&t, "", 1);
    }
    packet_send_raw(PACKET_FD_CONTROL, t.at, t.len, -1);
}

/* The program counter at the signal.  Frames before it belong to this file and to the kernel's trampoline. */
static void *interrupted_pc(const ucontext_t *c)
{
#if defined(__x86_64__)
    return (void *)c->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)c->uc_mcontext.pc;
#else
    (void)c;
    return NULL;
#endif
}

static void frames_report(const ucontext_t *context)
{
    static struct text t;
    void *pcs[FRAMES];
    void *pc = interrupted_pc(context);
    int n = backtrace(pcs, FRAMES);
    int first = 0;
    while (first < n && pcs[first] != pc)
        first++;
    if (first == n) /* a jump to an invalid address has no frame */
        first = 0;
    text_append(&t, "backtrace", 10);
    text_append(&t, "text", 5);
    for (int i = first; i < n && t.len < sizeof(t.at) - 512; i++)
        text_append_frame(&t, (unsigned)(i - first), pcs[i]);
    t.at[t.len < sizeof(t.at) ? t.len++ : sizeof(t.at) - 1] = '\0';
    packet_send_raw(PACKET_FD_CONTROL, t.at, t.len, -1);
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
    static atomic_flag taken = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&taken))
        pause(); /* another thread reports its crash, and ends the process */
    signal(SIGALRM, SIG_DFL);
    alarm(GUARD_SECONDS);
    signal_report(sig, info);
    frames_report(context);
    signal(sig, SIG_DFL);
    /* A fault repeats on return, so a core shows the right place.  A signal that was sent is raised again. */
    if (info->si_code <= 0 || sig == SIGABRT)
        raise(sig);
}

void host_catch_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    void *warm[1];
    backtrace(warm, 1); /* loads libgcc now, because the heap may be damaged later */

    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&sa.sa_mask);
    sigaddset(&sa.sa_mask, SIGTERM);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &sa, NULL);
}
