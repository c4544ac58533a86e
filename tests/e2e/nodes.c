/* SPDX-License-Identifier: Apache-2.0
 * nodes - nodes are started by local-mesh and killed directly, so that a node ends at the moment of the call. */
#include "nodes.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

void nodes_need(void)
{
    if (getenv("E2E_LOCAL_MESH"))
        return;
    printf("SKIP: E2E_LOCAL_MESH is not set: this test kills servers, and does so only to a mesh of its own "
           "(tests/e2e/with_mesh.sh starts one)\n");
    exit(77);
}

/* Runs local-mesh, not as subreaper: a server that it starts must not become a child of this process, because the test
 * kills its remaining children at the end. */
static void local_mesh(const char *verb, const char *arguments)
{
    char command[1024];
    int reaper = 0;

    snprintf(command, sizeof(command), "'%s' %s --dir '%s' %s", E2E_LOCAL_MESH_PROGRAM, verb, getenv("E2E_LOCAL_MESH"),
             arguments);
    prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    int status = system(command);
    prctl(PR_SET_CHILD_SUBREAPER, reaper);
    if (status != 0)
        fail_msg("%s: status %d", command, status);
}

/* A pidfd of the node's process, whose pid is in its pid file. */
static int open_node(const char *node)
{
    char path[512];
    long pid = 0;

    snprintf(path, sizeof(path), "%s/%s/pid", getenv("E2E_LOCAL_MESH"), node);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%ld", &pid) != 1 || pid <= 1)
        fail_msg("%s: no pid", path);
    fclose(f);
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0)
        fail_msg("%s, pid %ld: %s", node, pid, strerror(errno));
    return fd;
}

/* Sends SIGKILL to all nodes before it waits for the first one to end. */
static void kill_nodes(const char *const *nodes, int n)
{
    struct pollfd ends[3];

    for (int i = 0; i < n; i++)
        ends[i] = (struct pollfd){.fd = open_node(nodes[i]), .events = POLLIN};
    for (int i = 0; i < n; i++)
        if (syscall(SYS_pidfd_send_signal, ends[i].fd, SIGKILL, NULL, 0) != 0)
            fail_msg("kill %s: %s", nodes[i], strerror(errno));
    for (int i = 0; i < n; i++) {
        if (poll(&ends[i], 1, 10000) != 1)
            fail_msg("%s does not end on SIGKILL", nodes[i]);
        close(ends[i].fd);
        print_message("%s killed\n", nodes[i]);
    }
}

void node_kill(const char *node)
{
    kill_nodes(&node, 1);
}

void node_start(const char *node)
{
    local_mesh("start", node);
}

void nodes_wait_ready(const char *const *nodes)
{
    char names[256] = "";

    for (; *nodes; nodes++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", *nodes);
    local_mesh("wait", names);
}

static void names_of(const char *cluster, char names[3][16], const char *list[4])
{
    for (int i = 0; i < 3; i++) {
        snprintf(names[i], sizeof(names[i]), "%s-%d", cluster, i + 1);
        list[i] = names[i];
    }
    list[3] = NULL;
}

void cluster_kill(const char *cluster)
{
    const char *list[4];
    char names[3][16];

    names_of(cluster, names, list);
    kill_nodes(list, 3);
}

void cluster_start_again(const char *cluster)
{
    const char *list[4];
    char names[3][16];

    names_of(cluster, names, list);
    for (int i = 0; i < 3; i++)
        node_start(list[i]);
    nodes_wait_ready(list);
}

void mesh_grow(void)
{
    local_mesh("grow", "");
}
