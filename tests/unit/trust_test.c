/* SPDX-License-Identifier: Apache-2.0
 * trust - whoever else could change a plugin is found, wherever on the way to it; and named. */
#include "host/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sched.h>
#include <unistd.h>

#define STRANGER 61234 /* neither a user nor a group has this number */

static char folder[64];
static char plugins[128], plugin[160];

static int make_plugin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seamq-trust-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(plugins, sizeof(plugins), "%s/plugins", folder);
    snprintf(plugin, sizeof(plugin), "%s/x.so", plugins);
    if (mkdir(plugins, 0755) || chmod(plugins, 0755))
        return -1;
    int fd = open(plugin, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    close(fd);
    return chmod(plugin, 0644);
}

static int remove_plugin(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static void trusted(const char *path)
{
    struct error err = {0};
    if (trust_check(path, &err))
        fail_msg("%s", err.text);
}

static void refused(const char *path, const char *why)
{
    struct error err = {0};
    assert_true(trust_check(path, &err) < 0);
    if (!strstr(err.text, why) || strncmp(err.text, path, strlen(path)) != 0 || !strstr(err.text, "plugin_trust = any"))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void needs_root(void)
{
    if (geteuid() != 0)
        skip();
}

static const char *clause(const char *path, const char *rest)
{
    static char text[512];
    snprintf(text, sizeof(text), "%s %s", path, rest);
    return text;
}

static void plugin_of_root_or_this_user_is_accepted(void **state)
{
    (void)state;
    trusted(plugin);
    assert_int_equal(chmod(plugin, 0755), 0);
    trusted(plugin);
}

static void path_that_cannot_be_read_is_accepted(void **state)
{
    (void)state;
    trusted("/nonexistent/x.so");
}

static void a_file_or_a_directory_that_anyone_can_change_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(plugin, 0646), 0);
    refused(plugin, clause("it", "can be changed by anyone (owner "));
    refused(plugin, "mode 0646): chmod o-w it; or mount it read-only; or set plugin_trust = any in [seamqd]");
    assert_int_equal(chmod(plugin, 0644), 0);
    assert_int_equal(chmod(plugins, 01777), 0); /* sticky, but a user who can add a file can add a plugin */
    refused(plugin, clause(plugins, "can be changed by anyone"));
    assert_int_equal(chmod(plugin, 0666), 0); /* writable for group and others */
    refused(plugin, clause("it", "can be changed by anyone"));
    refused(plugin, clause(plugins, "can be changed by anyone"));
}

static void group_write_is_refused_except_for_the_private_group(void **state)
{
    (void)state;
    needs_root();
    assert_int_equal(chmod(plugin, 0664), 0);
    trusted(plugin); /* the private group of root */
    assert_int_equal(chown(plugin, 0, STRANGER), 0);
    refused(plugin, clause("it", "can be changed by its group (owner root, mode 0664): chmod g-w it"));
    assert_int_equal(chmod(plugin, 0644), 0);
    trusted(plugin);
}

static void another_owner_is_refused_by_name_or_number(void **state)
{
    (void)state;
    needs_root();
    assert_int_equal(chown(plugin, STRANGER, 0), 0);
    refused(plugin, clause("it", "belongs to neither root nor seamqd's user (owner uid 61234, mode 0644): chown it"));
    assert_int_equal(chown(plugin, 0, 0), 0);
    assert_int_equal(chown(plugins, STRANGER, 0), 0);
    refused(plugin, clause(plugins, "belongs to neither root nor seamqd's user"));
}

static void every_link_and_its_directory_are_checked(void **state)
{
    char link[200], releases[160], target[200];
    (void)state;
    snprintf(releases, sizeof(releases), "%s/releases", folder);
    snprintf(target, sizeof(target), "%s/1.so", releases);
    snprintf(link, sizeof(link), "%s/link.so", plugins);
    assert_int_equal(mkdir(releases, 0755), 0);
    assert_int_equal(rename(plugin, target), 0);
    assert_int_equal(symlink("../releases/1.so", link), 0);
    trusted(link);
    assert_int_equal(chmod(releases, 0777), 0);
    refused(link, "/plugins/../releases can be changed by anyone");
    assert_int_equal(chmod(releases, 0755), 0);
    assert_int_equal(chmod(target, 0606), 0);
    refused(link, "/plugins/../releases/1.so can be changed by anyone");
    assert_int_equal(chmod(target, 0600), 0);
    assert_int_equal(chmod(plugins, 0757), 0);
    refused(link, clause(plugins, "can be changed by anyone"));
    assert_int_equal(chmod(plugins, 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(lchown(link, STRANGER, 0), 0);
        refused(link, clause("it", "belongs to neither root nor seamqd's user"));
    }
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("link.so", link), 0); /* a link to itself */
    trusted(link);
}

/* Uses a mount namespace of its own, so that no mount is left behind. */
static void read_only_mount_is_accepted_with_any_owner(void **state)
{
    struct error err = {0};
    (void)state;
    needs_root();
    assert_int_equal(chmod(plugin, 0666), 0);
    assert_int_equal(chown(plugins, STRANGER, 0), 0);
    assert_true(trust_check(plugin, &err) < 0);
    if (unshare(CLONE_NEWNS)) { /* not permitted in this container */
        print_message("no mount namespace here: skipped\n");
        skip();
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) { /* in a chroot the mount would be visible outside */
        print_message("/ is not a mount of its own here: skipped\n");
        skip();
    }
    assert_int_equal(mount(plugins, plugins, NULL, MS_BIND, NULL), 0);
    assert_int_equal(mount(NULL, plugins, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
    trusted(plugin);
    assert_int_equal(umount(plugins), 0);
}

int main(void)
{
#define WITH_PLUGIN(f) cmocka_unit_test_setup_teardown(f, make_plugin, remove_plugin)
    const struct CMUnitTest tests[] = {
        WITH_PLUGIN(plugin_of_root_or_this_user_is_accepted),
        WITH_PLUGIN(path_that_cannot_be_read_is_accepted),
        WITH_PLUGIN(a_file_or_a_directory_that_anyone_can_change_is_refused),
        WITH_PLUGIN(group_write_is_refused_except_for_the_private_group),
        WITH_PLUGIN(another_owner_is_refused_by_name_or_number),
        WITH_PLUGIN(every_link_and_its_directory_are_checked),
        WITH_PLUGIN(read_only_mount_is_accepted_with_any_owner), /* last: it changes this process's mounts */
    };
    return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
