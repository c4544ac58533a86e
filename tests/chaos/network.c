/* SPDX-License-Identifier: Apache-2.0
 * network - TUN devices in namespaces, and the thread that carries packets between them. */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PREFIX "10.77.0."
#define MTU 9000
#define QUEUE_MAX 20000 /* limit of waiting packets */

struct packet {
    struct packet *next;
    int64_t due_ns;
    int to; /* TUN device */
    size_t size;
    char bytes[];
};

struct end { /* one host */
    struct host host;
    char address[16];
    int tun;
    struct weather weather;
};

struct network {
    struct end ends[NETWORK_HOSTS_MAX];
    size_t n;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    pthread_mutex_t lock; /* protects the weather */
    struct packet *queue; /* sorted by due time; used by the thread only */
    size_t n_queue;
    unsigned seed;
};

static int configure(int fd, const char *address, const char *device)
{
    struct ifreq ifr = {0};
    struct sockaddr_in *sin = (struct sockaddr_in *)&ifr.ifr_addr;

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
    sin->sin_family = AF_INET;
    inet_pton(AF_INET, address, &sin->sin_addr);
    if (ioctl(fd, SIOCSIFADDR, &ifr) != 0)
        return -errno;
    inet_pton(AF_INET, "255.255.255.0", &sin->sin_addr);
    if (ioctl(fd, SIOCSIFNETMASK, &ifr) != 0)
        return -errno;
    ifr.ifr_mtu = MTU;
    if (ioctl(fd, SIOCSIFMTU, &ifr) != 0)
        return -errno;
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
    return ioctl(fd, SIOCSIFFLAGS, &ifr) != 0 ? -errno : 0;
}

/* Creates the device in the namespace of the calling thread. */
static int open_device(struct end *e)
{
    struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -errno : 0;

    e->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (e->tun < 0 || (rc == 0 && (ioctl(e->tun, TUNSETIFF, &ifr) != 0 || ioctl(fd, SIOCSIFFLAGS, &lo) != 0)))
        rc = -errno;
    if (rc == 0)
        rc = configure(fd, e->address, ifr.ifr_name);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int add_host(struct network *net, bool own)
{
    struct end *e = &net->ends[net->n++];
    int rc, home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

    snprintf(e->address, sizeof(e->address), PREFIX "%zu", net->n);
    e->host.address = e->address;
    e->tun = -1;
    if (home < 0)
        return -errno;
    if (own) {
        close(home);
        return open_device(e);
    }
    if (unshare(CLONE_NEWNET) != 0) {
        close(home);
        return -errno;
    }
    e->host.netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    rc = e->host.netns < 0 ? -errno : open_device(e);
    assert_int_equal(setns(home, CLONE_NEWNET), 0);
    close(home);
    return rc;
}

/* ---- the wire ---------------------------------------------------------------------- */

static double chance(struct network *net)
{
    return rand_r(&net->seed) / ((double)RAND_MAX + 1);
}

static void enqueue(struct network *net, int to, const char *bytes, size_t size, int64_t due_ns)
{
    struct packet *p = net->n_queue < QUEUE_MAX ? malloc(sizeof(*p) + size) : NULL;
    struct packet **at = &net->queue;

    if (!p)
        return; /* the packet is lost, which any network may do */
    *p = (struct packet){.due_ns = due_ns, .to = to, .size = size};
    memcpy(p->bytes, bytes, size);
    while (*at && (*at)->due_ns <= due_ns)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    net->n_queue++;
}

static struct end *destination(struct network *net, const char *bytes, size_t size)
{
    uint32_t to;
    if (size < 20 || (bytes[0] & 0xf0) != 0x40) /* not IPv4 */
        return NULL;
    memcpy(&to, bytes + 16, sizeof(to));
    uint32_t i = (ntohl(to) & 0xff) - 1;
    return i < net->n ? &net->ends[i] : NULL;
}

static void carry(struct network *net, const struct end *from, const char *bytes, size_t size)
{
    const struct end *to = destination(net, bytes, size);
    if (!to)
        return;
    pthread_mutex_lock(&net->lock);
    struct weather a = from->weather, b = to->weather;
    pthread_mutex_unlock(&net->lock);
    if (chance(net) < a.loss || chance(net) < b.loss)
        return;
    int64_t delay = a.delay_ns + b.delay_ns + (int64_t)(chance(net) * (double)(a.jitter_ns + b.jitter_ns));
    if (delay > 0)
        enqueue(net, to->tun, bytes, size, deadline_in(0) + delay);
    else
        (void)!write(to->tun, bytes, size);
}

static void deliver_due(struct network *net)
{
    int64_t now = deadline_in(0);
    while (net->queue && net->queue->due_ns <= now) {
        struct packet *p = net->queue;
        net->queue = p->next;
        net->n_queue--;
        (void)!write(p->to, p->bytes,
                     p->size); /* a failed write loses the packet: its host has ended, or its queue is full */
        free(p);
    }
}

static void *carry_all(void *data)
{
    struct network *net = data;
    struct pollfd fds[NETWORK_HOSTS_MAX];
    char packet[65536];

    for (size_t i = 0; i < net->n; i++)
        fds[i] = (struct pollfd){.fd = net->ends[i].tun, .events = POLLIN};
    while (!atomic_load(&net->stop)) {
        int64_t wait = net->queue ? deadline_left_ms(net->queue->due_ns) : 100;
        poll(fds, net->n, wait < 100 ? (int)wait : 100);
        for (size_t i = 0; i < net->n; i++) {
            ssize_t size;
            for (int burst = 0; burst < 64 && (size = read(fds[i].fd, packet, sizeof(packet))) > 0; burst++)
                carry(net, &net->ends[i], packet, (size_t)size);
        }
        deliver_due(net);
    }
    return NULL;
}

/* ---- start and end ---------------------------------------------------------------------------- */

static void network_destroy(void *data)
{
    struct network *net = data;
    atomic_store(&net->stop, true);
    if (net->running)
        pthread_join(net->thread, NULL);
    for (size_t i = 0; i < net->n; i++) {
        if (net->ends[i].tun >= 0)
            close(net->ends[i].tun);
        if (net->ends[i].host.netns > 0)
            close(net->ends[i].host.netns);
    }
    while (net->queue) {
        struct packet *p = net->queue;
        net->queue = p->next;
        free(p);
    }
    free(net);
}

struct network *network_create(struct world *w, size_t n, const char **ret_why)
{
    struct network *net = calloc(1, sizeof(*net));
    int rc = 0;

    assert_true(net && n <= NETWORK_HOSTS_MAX);
    world_at_end(w, network_destroy, net);
    net->seed = (unsigned)world_random(w);
    pthread_mutex_init(&net->lock, NULL);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_host(net, i == 0);
    if (rc) {
        *ret_why = world_text(w, "a network namespace with a TUN device: %s", strerror(-rc));
        return NULL;
    }
    assert_int_equal(pthread_create(&net->thread, NULL, carry_all, net), 0);
    net->running = true;
    return net;
}

const struct host *network_host(struct network *net, size_t i)
{
    assert_true(i < net->n);
    return &net->ends[i].host;
}

void network_weather(struct network *net, size_t i, const struct weather *weather)
{
    pthread_mutex_lock(&net->lock);
    net->ends[i].weather = *weather;
    pthread_mutex_unlock(&net->lock);
}
