/* SPDX-License-Identifier: Apache-2.0 */
/* nats.cmake links this with all of libnats_static.a, to check that the library finds every symbol on this machine. */
#include <nats/nats.h>

int main(void)
{
    return nats_GetVersion() == NULL;
}
