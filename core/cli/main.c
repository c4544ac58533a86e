/* SPDX-License-Identifier: Apache-2.0
 * main - the seamq program. */
#include "cli.h"

extern char **environ;

int main(int argc, char **argv)
{
    return cli_main(argc, argv, environ, SEAMQ_VERSION);
}
