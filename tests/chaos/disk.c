/* SPDX-License-Identifier: Apache-2.0
 * disk - a tmpfs whose size changes while it is in use. */
#include "disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SIZE (UINT64_C(2) << 30)

static int mount_with(const char *path, uint64_t size, unsigned long flags)
{
    char options[64];
    snprintf(options, sizeof(options), "size=%" PRIu64 ",mode=700", size);
    return mount("chaos", path, "tmpfs", flags, options) == 0 ? 0 : -errno;
}

static void disk_unmount(void *path)
{
    umount2(path, MNT_DETACH);
    free(path);
}

int disk_mount(struct world *w, const char *path)
{
    if (mkdir(path, 0700) != 0)
        return -errno;
    int rc = mount_with(path, SIZE, 0);
    if (rc == 0)
        world_at_end(w, disk_unmount, strdup(path));
    return rc;
}

int disk_fill(const char *path)
{
    struct statvfs st;
    if (statvfs(path, &st) != 0)
        return -errno;
    return mount_with(path, (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize, MS_REMOUNT);
}

int disk_grow(const char *path)
{
    return mount_with(path, SIZE, MS_REMOUNT);
}
