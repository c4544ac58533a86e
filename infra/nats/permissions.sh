# shellcheck shell=sh disable=SC2034
# SPDX-License-Identifier: Apache-2.0
#
# The least permissions of a worker, as two lists of subjects. Sourced by start-nats.sh.
#
#   NATS_WORKER_CONSUMERS    ORDERS/billing AUDIT/audit   stream/consumer of each handler
#   NATS_WORKER_DEAD_LETTER  DLQ                          streams that take dead letters
#   NATS_WORKER_OUTPUTS      routed.> invoices.new        what the handlers publish
#   NATS_WORKER_CREATE       no                           yes: create = missing (production: never, and provision)
#   NATS_WORKER_INBOX        _INBOX_worker                the workers' inbox_prefix
#
# Stream names are unique across the domains, so `$JS.*.API` does not allow more than `$JS.API`.

# allow SUBJECT: appends to $subjects.
allow() { subjects="$subjects${subjects:+, }\"$1\""; }

# allow_api REQUEST: allows the request without and with a domain.
allow_api()
{
    allow "\$JS.API.$1"
    allow "\$JS.*.API.$1"
}

# allow_consumer STREAM CONSUMER
allow_consumer()
{
    allow_api "STREAM.INFO.$1"
    allow_api "CONSUMER.INFO.$1.$2"
    allow_api "CONSUMER.MSG.NEXT.$1.$2"
    allow "\$JS.ACK.$1.$2.>"
    allow "\$JS.ACK.*.*.$1.$2.>"
    allow "dlq.$1.$2.>"
    if creates; then
        allow_api "CONSUMER.CREATE.$1.$2"
        allow_api "CONSUMER.CREATE.$1.$2.>"
    fi
}

creates() { [ "$NATS_WORKER_CREATE" = yes ] || [ "$NATS_WORKER_CREATE" = true ]; }

# allow_dead_letter STREAM: with create = missing seamqd creates the stream, or adds a subject to it.
allow_dead_letter()
{
    allow_api "STREAM.INFO.$1"
    if creates; then
        allow_api "STREAM.CREATE.$1"
        allow_api "STREAM.UPDATE.$1"
    fi
}

# Checks the NATS_WORKER_* variables, and sets NATS_WORKER_PUBLISH and NATS_WORKER_SUBSCRIBE.
make_worker_permissions()
{
    subjects=
    for entry in $(list_of "$NATS_WORKER_CONSUMERS"); do
        if is_name "${entry%%/*}" && is_name "${entry#*/}" && [ "${entry%%/*}/${entry#*/}" = "$entry" ]; then
            allow_consumer "${entry%%/*}" "${entry#*/}"
        else
            problem "NATS_WORKER_CONSUMERS: \"$entry\" is not STREAM/CONSUMER with letters, digits, _ and -"
        fi
    done
    for entry in $(list_of "$NATS_WORKER_DEAD_LETTER"); do
        if is_name "$entry"; then allow_dead_letter "$entry"; else
            problem "NATS_WORKER_DEAD_LETTER: \"$entry\" is not a stream's name"
        fi
    done
    for entry in $(list_of "$NATS_WORKER_OUTPUTS"); do
        case $entry in
        *[!A-Za-z0-9_.\>*-]* | \>* | \** | .* | *. | *..*)
            problem "NATS_WORKER_OUTPUTS: \"$entry\" is not a subject that a worker may publish to (try orders.out or orders.>)"
            ;;
        *) allow "$entry" ;;
        esac
    done
    # The list must not be empty, because an empty list allows everything.
    [ -n "$subjects" ] || allow _SEAMQ.nothing
    NATS_WORKER_PUBLISH="[$subjects]"

    is_name "$NATS_WORKER_INBOX" ||
        problem "NATS_WORKER_INBOX: \"$NATS_WORKER_INBOX\" is not one token of letters, digits, _ and - (try _INBOX_worker)"
    # shellcheck disable=SC2016
    NATS_WORKER_SUBSCRIBE='["'$NATS_WORKER_INBOX'.>", "$SRV.>"]'
}
