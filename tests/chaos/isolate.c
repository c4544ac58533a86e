/* SPDX-License-Identifier: Apache-2.0
 * isolate - calls unshare, and repairs mounts and loopback afterwards. */
#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

/* A user becomes root inside the namespace, and keeps the identity outside. */
static int enter_user_namespace(uid_t uid, gid_t gid)
{
    char map[64];
    if (unshare(CLONE_NEWUSER) != 0)
        return -errno;
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
    int rc = write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", (unsigned)gid);
    return rc ? rc : write_text("/proc/self/gid_map", map);
}

static int loopback_up(void)
{
    struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) != 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int enter(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int rc = uid == 0 ? 0 : enter_user_namespace(uid, gid);
    if (rc == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
        rc = -errno;
    if (rc == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        rc = -errno;
    return rc ? rc : loopback_up();
}

int isolate_enter(void)
{
    int status;
    pid_t pid = fork(); /* tried in a child first: a partial isolation would be worse than none */
    if (pid == 0)
        _exit(-enter());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? enter() : -(WIFEXITED(status) ? WEXITSTATUS(status) : EIO);
}
