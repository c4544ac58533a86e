/* SPDX-License-Identifier: Apache-2.0
 * trust - checks owners and modes of a plugin file, of its symbolic links and of their directories. */
#include "trust.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LINKS_MAX 40 /* the kernel's limit, too */

static void user_name_format(uid_t uid, char *out, size_t size)
{
    const struct passwd *p = getpwuid(uid);
    if (p)
        snprintf(out, size, "%s", p->pw_name);
    else
        snprintf(out, size, "uid %u", (unsigned)uid);
}

/* True: the group is the owner's private group, which many distributions create for each user.  Its write
 * bit then gives access to nobody else. */
static bool group_is_private(const struct stat *st)
{
    const struct passwd *p = getpwuid(st->st_uid);
    char owner[64];
    if (!p)
        return false;
    snprintf(owner, sizeof(owner), "%s", p->pw_name);
    const struct group *g = getgrgid(st->st_gid);
    if (!g || p->pw_gid != st->st_gid || strcmp(g->gr_name, owner) != 0)
        return false;
    for (char **m = g->gr_mem; *m; m++)
        if (strcmp(*m, owner) != 0)
            return false;
    return true;
}

/* Appends one clause to the sentence. */
static void problem_add(struct error *err, const char *name, const struct stat *st, const char *how, const char *cure)
{
    char owner[48];
    user_name_format(st->st_uid, owner, sizeof(owner));
    size_t used = err->code ? strlen(err->text) : 0;
    snprintf(err->text + used, sizeof(err->text) - used, "%s%s %s (owner %s, mode %04o): %s", used ? "; " : "", name,
             how, owner, (unsigned)st->st_mode & 07777, cure);
    err->code = -EPERM;
}

/* Checks one file, link or directory; the sentence calls it `name`. */
static void check_inode(const char *path, const char *name, const struct stat *st, struct error *err)
{
    struct statvfs fs;
    bool link = S_ISLNK(st->st_mode); /* a link has no mode */

    if (!link && statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY))
        return;
    if (st->st_uid != 0 && st->st_uid != geteuid())
        problem_add(err, name, st, "belongs to neither root nor seamqd's user", "chown it");
    if (!link && (st->st_mode & S_IWOTH))
        problem_add(err, name, st, "can be changed by anyone", "chmod o-w it");
    else if (!link && (st->st_mode & S_IWGRP) && !group_is_private(st))
        problem_add(err, name, st, "can be changed by its group", "chmod g-w it");
}

static void check_directory(const char *path, char last[PATH_MAX], struct error *err)
{
    char copy[PATH_MAX];
    struct stat st;
    snprintf(copy, sizeof(copy), "%s", path);
    const char *dir = dirname(copy);
    if (strcmp(dir, last) == 0 || stat(dir, &st))
        return;
    check_inode(dir, dir, &st, err);
    snprintf(last, PATH_MAX, "%s", dir);
}

/* Replaces the path of a link by the path of its target. */
static bool link_follow(char path[PATH_MAX])
{
    char target[PATH_MAX], copy[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n <= 0)
        return false;
    target[n] = '\0';
    snprintf(copy, sizeof(copy), "%s", path);
    int len = target[0] == '/' ? snprintf(path, PATH_MAX, "%s", target)
                               : snprintf(path, PATH_MAX, "%s/%s", dirname(copy), target);
    return len < PATH_MAX;
}

int trust_check(const char *path, struct error *err)
{
    char at[PATH_MAX], checked[PATH_MAX] = "";
    struct stat st;

    err->code = 0;
    if (snprintf(at, sizeof(at), "%s", path) >= (int)sizeof(at))
        return 0;
    for (int links = 0; links < LINKS_MAX && lstat(at, &st) == 0; links++) {
        check_directory(at, checked, err);
        check_inode(at, links ? at : "it", &st, err);
        if (!S_ISLNK(st.st_mode) || !link_follow(at))
            break;
    }
    if (err->code == 0)
        return 0;
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used,
             "; or mount it read-only; or set plugin_trust = any in [seamqd], if these users may change the code that "
             "seamqd runs");
    return error_prefix(err, "%s: refused, because other users could change its code", path);
}
