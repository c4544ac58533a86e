/* SPDX-License-Identifier: Apache-2.0
 *
 * test_layout - offsets and sizes of the ABI on 64-bit machines: if a field moves, this does not compile.
 * It is compiled with the current header and with each frozen one.  Append lines, never edit them.
 */
#include <seamq/plugin.h>

#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field " moved")
#define VALUE(name, number) _Static_assert((name) == (number), #name " changed")

_Static_assert(sizeof(void *) == 8 && sizeof(size_t) == 8, "the numbers below are for 64-bit machines");

/* Every host of every major version reads these four fields. */
AT(struct seamq_plugin, abi_major, 0);
AT(struct seamq_plugin, abi_minor, 4);
AT(struct seamq_plugin, struct_size, 8);
AT(struct seamq_plugin, option_size, 16);

AT(struct seamq_plugin, name, 24);
AT(struct seamq_plugin, version, 32);
AT(struct seamq_plugin, summary, 40);
AT(struct seamq_plugin, stream, 48);
AT(struct seamq_plugin, subjects, 56);
AT(struct seamq_plugin, self_size, 64);
AT(struct seamq_plugin, options, 72);
AT(struct seamq_plugin, open, 80);
AT(struct seamq_plugin, handle, 88);
AT(struct seamq_plugin, idle, 96);
AT(struct seamq_plugin, close, 104); /* 1.0 ends at 112 */

AT(struct seamq_option, name, 0);
AT(struct seamq_option, type, 8);
AT(struct seamq_option, flags, 12);
AT(struct seamq_option, offset, 16);
AT(struct seamq_option, preset, 24);
AT(struct seamq_option, help, 32);
AT(struct seamq_option, min, 40);
AT(struct seamq_option, max, 48); /* 1.0 ends at 56 */

AT(struct seamq_msg, struct_size, 0);
AT(struct seamq_msg, subject, 8);
AT(struct seamq_msg, data, 16);
AT(struct seamq_msg, size, 24);
AT(struct seamq_msg, stream, 32);
AT(struct seamq_msg, consumer, 40);
AT(struct seamq_msg, cluster, 48);
AT(struct seamq_msg, stream_seq, 56);
AT(struct seamq_msg, consumer_seq, 64);
AT(struct seamq_msg, attempt, 72);
AT(struct seamq_msg, pending, 80);
AT(struct seamq_msg, stored_ns, 88);
AT(struct seamq_msg, deadline_ns, 96); /* 1.0 ends at 104 */

AT(struct seamq_field, name, 0);
AT(struct seamq_field, value, 8);
_Static_assert(sizeof(struct seamq_field) == 16, "seamq_field is walked as an array without an element size");

AT(struct seamq_output, subject, 0);
AT(struct seamq_output, data, 8);
AT(struct seamq_output, size, 16);
AT(struct seamq_output, headers, 24);
AT(struct seamq_output, n_headers, 32);
AT(struct seamq_output, msg_id, 40); /* 1.0 ends at 48 */

AT(struct seamq_host, struct_size, 0);
AT(struct seamq_host, abi_major, 8);
AT(struct seamq_host, abi_minor, 12);
AT(struct seamq_host, version, 16);
AT(struct seamq_host, handler, 24);
AT(struct seamq_host, worker_index, 32);
AT(struct seamq_host, worker_count, 36);
AT(struct seamq_host, log, 40);
AT(struct seamq_host, fail, 48);
AT(struct seamq_host, settle, 56);
AT(struct seamq_host, publish, 64);
AT(struct seamq_host, header, 72);
AT(struct seamq_host, header_at, 80);
AT(struct seamq_host, alloc, 88);
AT(struct seamq_host, extend, 96);
AT(struct seamq_host, count, 104); /* 1.0 ends at 112 */

VALUE(SEAMQ_ACK, 0);
VALUE(SEAMQ_NAK, 1);
VALUE(SEAMQ_DEAD, 2);
VALUE(SEAMQ_TERM, 3);
VALUE(SEAMQ_BACKOFF, -1);
VALUE(SEAMQ_STRING_, 1);
VALUE(SEAMQ_INT_, 2);
VALUE(SEAMQ_BOOL_, 3);
VALUE(SEAMQ_BYTES_, 4);
VALUE(SEAMQ_TIME_, 5);
VALUE(SEAMQ_REQUIRED, 1);
VALUE(SEAMQ_SECRET, 2);
VALUE(SEAMQ_LOG_ERROR, 3);
VALUE(SEAMQ_LOG_WARN, 4);
VALUE(SEAMQ_LOG_INFO, 6);
VALUE(SEAMQ_LOG_DEBUG, 7);
VALUE(SEAMQ_OPEN_OK, 0);
VALUE(SEAMQ_OPEN_FAILED, 1);
VALUE(SEAMQ_OPEN_CONFIG, 2);
VALUE(SEAMQ_MS, 1000000);
VALUE(SEAMQ_SECOND, 1000000000);
VALUE(SEAMQ_ABI_MAJOR, 1);

#if SEAMQ_ABI_MINOR >= 1
AT(struct seamq_plugin, handle_batch, 112); /* 1.1 ends at 120 */
AT(struct seamq_msg, key, 104);             /* 1.1 ends at 112 */
VALUE(SEAMQ_UNAVAILABLE, 4);
#endif

int main(void)
{
    return 0;
}
