/* SPDX-License-Identifier: Apache-2.0
 * clock_shim - preloaded into seamqd: adds the number of nanoseconds in the file $CHAOS_CLOCK to its date.
 *
 * The date has no namespace, and a test must not set that of the machine. The monotonic clock stays unchanged, as it
 * does when a real date jumps. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SEC INT64_C(1000000000)

static int (*real_clock_gettime)(clockid_t id, struct timespec *ret);
static const _Atomic int64_t *offset_ns;

static void __attribute__((constructor)) shim_open(void)
{
    const char *path = getenv("CHAOS_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(*offset_ns), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        offset_ns = map;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *ret)
{
    if (!real_clock_gettime) /* a constructor of another library reads the clock before this one has run */
        shim_open();
    int rc = real_clock_gettime(id, ret);
    if (rc == 0 && id == CLOCK_REALTIME && offset_ns) {
        int64_t ns = (int64_t)ret->tv_sec * NS_PER_SEC + ret->tv_nsec + atomic_load(offset_ns);
        *ret = (struct timespec){.tv_sec = (time_t)(ns / NS_PER_SEC), .tv_nsec = (long)(ns % NS_PER_SEC)};
    }
    return rc;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int rc = clock_gettime(CLOCK_REALTIME, &now);
    if (rc == 0)
        *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return rc;
}

__attribute__((visibility("default"))) time_t time(time_t *ret)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}
