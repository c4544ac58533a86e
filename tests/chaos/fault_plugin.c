/* SPDX-License-Identifier: Apache-2.0
 * fault_plugin - replaces, damages and removes the plugin's file while workers run and start from it; reloads with and
 * without a changed configuration. */
#include "faults.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *aside(struct chaos *c)
{
    return world_path(c->w, "%s.aside", CHAOS_HANDLER);
}

static const char *version(struct injection *i)
{
    bool second = i->roll & 0x10000;
    snprintf(i->what, sizeof(i->what), "version %d", second ? 2 : 1);
    return second ? CHAOS_PLUGIN_2 : CHAOS_PLUGIN_1;
}

static bool copy_over(struct chaos *c, struct injection *i)
{
    world_copy(version(i), c->plugin); /* like cp: truncates and rewrites the same file */
    return true;
}

static bool move_over(struct chaos *c, struct injection *i)
{
    world_copy(version(i), aside(c));
    if (rename(aside(c), c->plugin) != 0)
        fail_msg("rename %s: %s", aside(c), strerror(errno));
    return true;
}

static bool cut_short(struct chaos *c, struct injection *i)
{
    struct stat st;
    if (stat(c->plugin, &st) != 0 || truncate(c->plugin, (off_t)(i->roll % (uint64_t)st.st_size)) != 0)
        fail_msg("truncate %s: %s", c->plugin, strerror(errno));
    return true;
}

static bool take_away(struct chaos *c, struct injection *i)
{
    (void)i;
    if (rename(c->plugin, aside(c)) != 0)
        fail_msg("rename %s: %s", c->plugin, strerror(errno));
    return true;
}

static void put_right(struct chaos *c, struct injection *i)
{
    copy_over(c, i);
}

static void put_back(struct chaos *c, struct injection *i)
{
    (void)i;
    if (rename(aside(c), c->plugin) != 0)
        fail_msg("rename %s: %s", aside(c), strerror(errno));
}

static bool reload(struct chaos *c, struct injection *i)
{
    (void)i;
    process_signal(c->daemon->proc, SIGHUP);
    return true;
}

/* Changes a limit of the consumer, so that a successor replaces the handler instance. */
static bool reconfigure(struct chaos *c, struct injection *i)
{
    unsigned limit = CHAOS_MAX_ACK_PENDING + ++c->reconfigured;

    snprintf(i->what, sizeof(i->what), "max_ack_pending = %u", limit);
    chaos_configure(c, limit);
    return reload(c, i);
}

const struct fault plugin_faults[] = {
    {"plugin replaced by cp", LANE_DAEMON, REPEATS_NONE, 0.5, 2, NULL, copy_over, NULL},
    {"plugin replaced by mv", LANE_DAEMON, REPEATS_NONE, 0.5, 2, NULL, move_over, NULL},
    {"plugin truncated", LANE_DAEMON, REPEATS_NONE, 1, 6, NULL, cut_short, put_right},
    {"plugin removed", LANE_DAEMON, REPEATS_NONE, 1, 6, NULL, take_away, put_back},
    {"daemon SIGHUP", LANE_DAEMON, REPEATS_NONE, 0, 2, NULL, reload, NULL},
    {"handler replaced by SIGHUP", LANE_DAEMON, REPEATS_NONE, 0, 4, NULL, reconfigure, NULL},
    {0},
};
