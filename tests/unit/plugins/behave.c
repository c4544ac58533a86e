/* SPDX-License-Identifier: Apache-2.0
 *
 * behave - real faults and invalid data in shared memory, for the worker tests.  The first byte of a
 * payload selects what to do.
 */
#include <seamq/plugin.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef BEHAVE_VERSION
#define BEHAVE_VERSION "one"
#endif

/* Large enough to have pages of its own, which a `cp` over the file would change. */
static char writable[3 * 4096] = BEHAVE_VERSION;
static const char constant[3 * 4096] = BEHAVE_VERSION;

struct conf {
    const char *fail;
    int64_t number, window, limit;
    int32_t flag;
};

static int idles;
static void *volatile kept; /* memory that is kept for later, not a leak */

static void *find_mapping(const char *name)
{
    char line[512];
    void *at = NULL;
    FILE *f = fopen("/proc/self/maps", "re");
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, name)) {
            at = (void *)strtoull(line, NULL, 16);
            break;
        }
    if (f)
        fclose(f);
    return at;
}

static int overflow(volatile int depth)
{
    volatile char block[4096];
    block[depth % 4096] = (char)depth;
    return depth < 0 ? 0 : overflow(depth + 1) + block[0];
}

SEAMQ_EXPORT_ __attribute__((noinline)) void behave_write_to_null(void);
__attribute__((noinline)) void behave_write_to_null(void)
{
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
}

/* Writes a staged publish of the running message (ring/record.h) without the checks of seamq-worker. */
static void stage_raw(uint64_t *out, const char *subject, const char *headers, size_t headers_len)
{
    size_t subject_len = strlen(subject);
    size_t body = subject_len + 1 + headers_len + 1;
    char *at = (char *)out + 4096 + out[0];
    uint32_t lengths[] = {(uint32_t)(8 + 32 + body), 4 /* RECORD_STAGED */};
    uint64_t fixed[] = {out[1], 0, subject_len, headers_len};

    memcpy(at, lengths, 8);
    memcpy(at + 8, fixed, 32);
    memcpy(at + 40, subject, subject_len + 1);
    memcpy(at + 41 + subject_len, headers, headers_len);
    at[41 + subject_len + headers_len] = '\0';
    out[0] += (8 + 32 + body + 7) & ~(size_t)7;
}

static void send_small_body(void)
{
    static const char packet[] = "body\0serial\0"
                                 "1";
    int fd = memfd_create("small", 0);
    char room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {(void *)(uintptr_t)packet, sizeof(packet)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    if (ftruncate(fd, 1) == 0)
        sendmsg(3, &msg, 0);
}

static int lie(char what)
{
    uint64_t *out = find_mapping("memfd:seamq-out");
    if (!out)
        return SEAMQ_DEAD;
    switch (what) {
    case 'a': stage_raw(out, "not a subject", "", 0); break;
    case 'b': stage_raw(out, "line\r\nend", "", 0); break;
    case 'c': stage_raw(out, "a.b", "Name\0a\r\nb", sizeof("Name\0a\r\nb")); break;
    case 'd': stage_raw(out, "a.b", "Na me\0b", sizeof("Na me\0b")); break;
    case 'e': /* more than a handler may stage */
        for (int i = 0; i < 70000; i++)
            stage_raw(out, "a.b", "", 0);
        break;
    case 'f': send_small_body(); break;
    case '1': out[0] = UINT64_MAX; break;         /* head */
    case '2': out[0] += 4; break;                 /* unaligned */
    case '3': out[0] += (uint64_t)1 << 40; break; /* far ahead */
    case '4': out[8] = 12345678; break;           /* tail beyond head */
    case '5':
        memset((char *)out + 4096, 0xff, 65536);
        out[0] += 4096;
        break; /* records */
    case '6':
        memset((char *)out + 4096, 0, 65536);
        out[0] += 64;
        break;
    default: memset(out, 0xa5, 4096); break; /* everything */
    }
    for (;;) /* the daemon must notice without an outcome */
        pause();
}

static int on_message(void *self, const seamq_msg *msg)
{
    (void)self;
    switch (msg->data[0]) {
    case 'c': behave_write_to_null(); break;
    case 'a': abort();
    case 's': return overflow(0);
    case 'o': printf("printed %s\n", msg->data); break;
    case 'v': return seamq_nak(msg, 7, "%s %s", writable, constant);
    case 'e': return seamq_publish(msg, "echo.it", msg->data, msg->size);
    case 'E': /* staged, then not acknowledged */ seamq_publish(msg, "echo.it", msg->data, msg->size); return SEAMQ_NAK;
    case 'p': return seamq_publish(msg, "not a subject", NULL, 0) ? SEAMQ_ACK : SEAMQ_DEAD;
    case 'l': return lie(msg->data[1]);
    case 'C': { /* overwrites the id of the message that crashes */
        uint64_t *out = find_mapping("memfd:seamq-out");
        if (msg->data[1] == '0')
            memset(out, 0, 4096);
        else
            out[1] = 0xdead;
        abort();
    }
    case 'H': { /* hangs after overwriting its start time */
        int64_t *out = find_mapping("memfd:seamq-out");
        out[2] = INT64_MAX;
        for (;;)
            pause();
    }
    case 'w': { /* tries to write the in ring */
        char *in = find_mapping("memfd:seamq-in");
        if (mprotect(in, 4096, PROT_READ | PROT_WRITE) == 0)
            return SEAMQ_DEAD;
        break;
    }
    case 'f': /* starts a process that must not survive */
        if (fork() == 0)
            for (;;)
                pause();
        return seamq_nak(msg, 0, "%d", (int)getpgrp());
    case 'n': seamq_log(SEAMQ_LOG_WARN, "%s", msg->data); break;
    case 'k': seamq_count("kept", 3); break;
    case 't': { /* publishes the options */
        const struct conf *c = self;
        return seamq_nak(msg, 0, "%lld %lld %lld %d %s %u/%u", (long long)c->number, (long long)c->window,
                         (long long)c->limit, (int)c->flag, seamq_handler_name(), seamq_worker_index(),
                         seamq_worker_count());
    }
    case 'z': {
        char *at = seamq_alloc(msg, 100000);
        for (int i = 0; i < 100000; i++)
            if (at[i])
                return SEAMQ_DEAD;
        memset(at, 1, 100000);
        break;
    }
    case 'x': exit(3);
    case 'X': /* longer than the timeout, after an extension */
        seamq_extend(msg, 10 * SEAMQ_SECOND);
        usleep(400000);
        break;
    case 'S': usleep(400000); break;
    case 'P':
        for (;;)
            pause();
    case 'm': kept = memset(malloc(64 << 20), 1, 64 << 20); break;
    case 'M': /* exceeds the memory limit within one message */
        kept = memset(malloc(128 << 20), 1, 128 << 20);
        for (;;)
            pause();
    case 'i': return seamq_nak(msg, 0, "%d", idles);
    default: break;
    }
    return SEAMQ_ACK;
}

static void on_idle(void *self)
{
    (void)self;
    idles++;
}

static int on_open(void *self)
{
    const struct conf *c = self;
    if (strcmp(c->fail, "config") == 0)
        return seamq_fail_config("told to want another configuration");
    if (*c->fail)
        return seamq_fail("told to fail: %s", c->fail);
    return SEAMQ_OPEN_OK;
}

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct conf, fail, 0, "", "fail in open with this text"),
    SEAMQ_OPT_INT(struct conf, number, 0, "5", 1, 10, "a number"),
    SEAMQ_OPT_TIME(struct conf, window, 0, "10s", SEAMQ_SECOND, 0, "a duration"),
    SEAMQ_OPT_BYTES(struct conf, limit, SEAMQ_SECRET, "64k", 0, 1 << 20, "a size"),
    SEAMQ_OPT_BOOL(struct conf, flag, 0, "no", "a flag"),
    SEAMQ_OPT_END,
};

SEAMQ_PLUGIN(.name = "behave", .version = "1.0.0", .self_size = sizeof(struct conf), .options = options,
             .open = on_open, .handle = on_message, .idle = on_idle);
