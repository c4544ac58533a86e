/* SPDX-License-Identifier: Apache-2.0
 *
 * e2e-wan SOCKET DEVICE NETNS-A NETNS-B: the line between two sites, which can be cut and slowed. The program forwards
 * IP packets in order between the TUN devices of that name in the two network namespaces. (The kernel's netem is a
 * module that many machines lack, and its losses cannot be repeated by a seed.)
 *
 * SOCKET is a UNIX datagram socket for one command at a time; the response is sent when the command has taken effect:
 * "cut" (packets are dropped silently), "heal", "slow MS PERCENT" (one-way delay, share of lost packets). IT_SEED
 * chooses the lost packets. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PACKET_SIZE 2048 /* the devices' MTU is 1500 */
#define QUEUE_SIZE 4096  /* packets in transit; further packets are dropped, as in any router */

struct packet {
    int64_t due_ns;
    size_t size;
    char data[PACKET_SIZE];
};

struct direction {
    int from, to;
    unsigned first, last; /* positions in the queue; they only increase */
    struct packet queue[QUEUE_SIZE];
};

struct line {
    bool cut;
    int64_t delay_ns;
    double loss; /* share of lost packets, 0 to 1 */
    uint64_t random;
    struct direction there, back;
};

static void die(const char *what)
{
    fprintf(stderr, "e2e-wan: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double roll(struct line *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return (double)(l->random >> 11) / (double)(UINT64_C(1) << 53);
}

/* Attaches to an existing TUN device, which gives it a carrier. */
static int open_tun(const char *netns, const char *device)
{
    struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    char path[256];

    snprintf(path, sizeof(path), "/run/netns/%s", netns);
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNET) != 0)
        die(path);
    close(ns);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0)
        die("/dev/net/tun");
    return fd;
}

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die(path);
    return fd;
}

static void take_packets(struct line *l, struct direction *d)
{
    for (;;) {
        struct packet *p = &d->queue[d->last % QUEUE_SIZE];
        char lost[PACKET_SIZE];
        bool full = d->last - d->first == QUEUE_SIZE;
        ssize_t size = read(d->from, full ? lost : p->data, PACKET_SIZE);
        if (size <= 0)
            return;
        if (full || l->cut || roll(l) < l->loss)
            continue;
        p->size = (size_t)size;
        p->due_ns = now_ns() + l->delay_ns;
        d->last++;
    }
}

/* Writes the packets that are due; a packet that the device refuses is lost. Returns nanoseconds until the next packet
 * is due; -1: no packet is in transit. */
static int64_t deliver(struct direction *d)
{
    int64_t now = now_ns();

    for (; d->first != d->last; d->first++) {
        struct packet *p = &d->queue[d->first % QUEUE_SIZE];
        if (p->due_ns > now)
            return p->due_ns - now;
        if (write(d->to, p->data, p->size) < 0 && errno == EBADF)
            die("write");
    }
    return -1;
}

static void obey(struct line *l, int fd)
{
    struct sockaddr_un from;
    socklen_t from_size = sizeof(from);
    char text[64];
    double ms = 0, percent = 0;
    const char *answer = "done";

    ssize_t size = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &from_size);
    if (size < 0)
        return;
    text[size] = '\0';
    if (strcmp(text, "cut") == 0) {
        l->cut = true;
    } else if (strcmp(text, "heal") == 0) {
        l->cut = false;
        l->delay_ns = 0;
        l->loss = 0;
    } else if (sscanf(text, "slow %lf %lf", &ms, &percent) == 2) {
        l->delay_ns = (int64_t)(ms * 1e6);
        l->loss = percent / 100;
    } else {
        answer = "what?";
    }
    sendto(fd, answer, strlen(answer), 0, (struct sockaddr *)&from, from_size);
}

static void carry(struct line *l, int control)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = l->there.from, .events = POLLIN},
                               {.fd = l->back.from, .events = POLLIN},
                               {.fd = control, .events = POLLIN}};
        int64_t a = deliver(&l->there), b = deliver(&l->back), wait = a < 0 || (b >= 0 && b < a) ? b : a;
        struct timespec t = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};

        if (ppoll(fds, 3, wait < 0 ? NULL : &t, NULL) < 0 && errno != EINTR)
            die("poll");
        if (fds[2].revents)
            obey(l, control);
        take_packets(l, &l->there);
        take_packets(l, &l->back);
    }
}

int main(int argc, char **argv)
{
    static struct line l;
    const char *seed = getenv("IT_SEED");

    if (argc != 5) {
        fprintf(stderr, "usage: e2e-wan SOCKET DEVICE NETNS-A NETNS-B\n");
        return 2;
    }
    l.random = seed ? strtoull(seed, NULL, 0) : (uint64_t)now_ns();
    l.random += l.random == 0; /* xorshift would stay at zero */
    printf("wan: seed %" PRIu64 " (IT_SEED repeats it)\n", l.random);
    fflush(stdout);
    int control = open_socket(argv[1]);
    int a = open_tun(argv[3], argv[2]), b = open_tun(argv[4], argv[2]);
    l.there.from = l.back.to = a;
    l.there.to = l.back.from = b;
    carry(&l, control);
}
