/* SPDX-License-Identifier: Apache-2.0
 * main - the command line of seamq-worker. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "host.h"
#include "ring/packet.h"

static const char help[] = "seamq-worker loads a handler and runs its messages; seamqd starts it.\n"
                           "Do not start it by hand. To try a handler: seamqd --dev --plugin-dir DIR\n"
                           "\n"
                           "usage: seamq-worker --describe HANDLER.so\n"
                           "\n"
                           "  --describe PATH  load a handler and print its descriptor as JSON\n"
                           "  --version        print the version and the plugin ABI\n"
                           "  --help           print this text\n";

/* True: descriptor 3 is the control socket that seamqd passes. */
static int from_daemon(void)
{
    int type = 0;
    socklen_t len = sizeof(type);
    return getsockopt(PACKET_FD_CONTROL, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"worker", no_argument, NULL, 'w'},
                                            {"describe", required_argument, NULL, 'd'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c = getopt_long(argc, argv, "h", options, NULL);
    if (c != -1 && optind < argc) {
        fprintf(stderr, "seamq-worker: unexpected argument \"%s\" (see --help)\n", argv[optind]);
        return 2;
    }
    switch (c) {
    case 'w':
        if (from_daemon())
            exit(host_main());
        fprintf(stderr, "seamq-worker: only seamqd can use --worker (see --help)\n");
        return 2;
    case 'd': return host_describe_json(optarg);
    case 'V': printf("seamq-worker %s (plugin ABI %u.%u)\n", SEAMQ_VERSION, SEAMQ_ABI_MAJOR, SEAMQ_ABI_MINOR); return 0;
    case 'h': fputs(help, stdout); return 0;
    default:
        if (argc < 2)
            fputs(help, stderr);
        return 2;
    }
}
