/* SPDX-License-Identifier: Apache-2.0 */
/* Linked by nats.cmake together with all of libnats_static.a: does the library find everything it needs here? */
#include <nats/nats.h>

int main(void)
{
    return nats_GetVersion() == NULL;
}
