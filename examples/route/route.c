/* SPDX-License-Identifier: Apache-2.0
 *
 * route - checks orders and publishes them to another subject.
 *
 * An order is one line, `ID,SKU,QUANTITY`.  ID and SKU are 1 to 32 characters of [A-Za-z0-9_-];
 * QUANTITY is a decimal number from 1, without leading zeros.  Orders up to option.limit go to
 * `orders.accepted.SKU`, larger ones to `orders.review.SKU`, with headers that say why.
 * An invalid order is dead-lettered with the reason, because a retry cannot help.
 */
#include <seamq/plugin.h>

#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 32 };

struct route {
    int64_t limit;
    const char *accepted;
    const char *review;
};

struct order {
    char id[WORD_MAX + 1];
    char sku[WORD_MAX + 1];
    int64_t quantity;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_INT(struct route, limit, 0, "100", 1, 1000000, "orders above this quantity go to review"),
    SEAMQ_OPT_STRING(struct route, accepted, 0, "orders.accepted", "subject prefix of accepted orders"),
    SEAMQ_OPT_STRING(struct route, review, 0, "orders.review", "subject prefix of orders to review"),
    SEAMQ_OPT_END,
};

static int is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Copies the word at *at up to its comma, and moves *at behind the comma.  NULL, or the problem. */
static const char *take_word(const char **at, const char *end, char ret_word[WORD_MAX + 1])
{
    const char *start = *at;
    const char *p = start;

    while (p < end && is_word_char(*p))
        p++;
    if (p == start)
        return "is empty or starts with a character other than A-Z a-z 0-9 _ -";
    if (p - start > WORD_MAX)
        return "is longer than 32 characters";
    if (p == end || *p != ',')
        return "is not followed by a comma";
    memcpy(ret_word, start, (size_t)(p - start));
    ret_word[p - start] = '\0';
    *at = p + 1;
    return NULL;
}

static const char *take_quantity(const char *at, const char *end, int64_t *ret_quantity)
{
    int64_t n = 0;

    if (at < end && end[-1] == '\n') /* one line break at the end is allowed */
        end--;
    if (at == end)
        return "is missing";
    if (*at == '0')
        return "must be from 1, without leading zeros";
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return "is not a number";
        n = n * 10 + (*at - '0');
        if (n > 1000000000)
            return "is more than a billion";
    }
    *ret_quantity = n;
    return NULL;
}

/* Parses an order.  NULL and *ret_order, or the problem and its *ret_field. */
static const char *parse(const seamq_msg *msg, struct order *ret_order, const char **ret_field)
{
    const char *at = msg->data;
    const char *end = msg->data + msg->size;
    const char *problem;

    *ret_field = "order id";
    if ((problem = take_word(&at, end, ret_order->id)) != NULL)
        return problem;
    *ret_field = "sku";
    if ((problem = take_word(&at, end, ret_order->sku)) != NULL)
        return problem;
    *ret_field = "quantity";
    return take_quantity(at, end, &ret_order->quantity);
}

static int on_message(void *self, const seamq_msg *msg)
{
    const struct route *r = self;
    struct order order;
    const char *field;
    const char *problem = parse(msg, &order, &field);

    if (problem != NULL) {
        seamq_count("orders_malformed", 1);
        return seamq_dead(msg, "not an order: %s %s", field, problem);
    }

    int review = order.quantity > r->limit;
    const char *prefix = review ? r->review : r->accepted;
    size_t size = strlen(prefix) + 1 + strlen(order.sku) + 1;
    char *subject = seamq_alloc(msg, size);
    const seamq_field headers[] = {
        {"Order-Id", order.id},
        {"Order-Check", review ? "quantity above the limit" : "passed"},
    };

    snprintf(subject, size, "%s.%s", prefix, order.sku);
    if (seamq_publish_output(msg, &(seamq_output){
                                      .subject = subject,
                                      .data = msg->data,
                                      .size = msg->size,
                                      .headers = headers,
                                      .n_headers = 2,
                                  }) < 0)
        return seamq_nak(msg, SEAMQ_BACKOFF, "cannot publish to %s", subject);
    seamq_count(review ? "orders_review" : "orders_accepted", 1);
    return SEAMQ_ACK; /* seamqd publishes the output and acknowledges the order after its confirmation */
}

SEAMQ_PLUGIN(.name = "route", .version = "1.0.0", .summary = "checks orders and routes them", .stream = "ORDERS",
             .subjects = "orders.new", .self_size = sizeof(struct route), .options = options, .handle = on_message);
