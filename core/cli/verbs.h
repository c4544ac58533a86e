/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs - the functions of the table, and the flags that are theirs alone.
 */
#ifndef SEAMQ_CLI_VERBS_H
#define SEAMQ_CLI_VERBS_H

struct cli;

int stream_ls(struct cli *cli);

#endif
