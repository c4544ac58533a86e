/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs - the functions of the table of verbs, and their own options.
 */
#ifndef SEAMQ_CLI_VERBS_H
#define SEAMQ_CLI_VERBS_H

#include "cli/cli.h"

int stream_ls(struct cli *cli);

extern const struct flag stream_copy_flags[];
int stream_copy(struct cli *cli);

extern const struct flag reload_flags[];
extern const struct flag drain_flags[];
extern const struct flag pause_flags[];
extern const struct flag seek_flags[];

int daemon_status(struct cli *cli);
int daemon_reload(struct cli *cli);
int daemon_drain(struct cli *cli);
int consumer_pause(struct cli *cli);
int consumer_resume(struct cli *cli);
int consumer_seek(struct cli *cli);

int dlq_ls(struct cli *cli);
int dlq_show(struct cli *cli);
int dlq_replay(struct cli *cli);
int dlq_drop(struct cli *cli);

extern const struct flag stream_plan_flags[];
extern const struct flag stream_apply_flags[];
int stream_configure(struct cli *cli);
int stream_plan(struct cli *cli);
int stream_apply(struct cli *cli);
extern const struct flag mesh_status_flags[];
extern const struct flag mesh_verify_flags[];
int mesh_status(struct cli *cli);
int mesh_verify(struct cli *cli);
extern const struct flag mesh_failover_flags[];
int mesh_failover(struct cli *cli);

#endif
