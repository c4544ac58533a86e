# SPDX-License-Identifier: Apache-2.0
# Prints the table of recovery.sh from the lines of bench_recovery: medians and maxima. The servers' time ends with the later
# response, of the stream's or of the consumer's leader.
BEGIN {
    row("worker-kill", "worker, kill -9", "handled", 50)
    row("handler-crash", "handler, SIGSEGV", "handled", 50)
    row("stream-leader-kill", "leader of the stream, kill -9", "beyond", 2000)
    row("consumer-leader-kill", "leader of the consumer, kill -9", "beyond", 2000)
    row("connected-kill", "connected server, kill -9", "handled", 2000)
    row("connected-freeze", "connected server, SIGSTOP", "handled", 6000)
    row("connected-leader-freeze", "connected server, leader of both, SIGSTOP", "beyond", 2000)
}
function row(fault, title, key, limit)
{
    order[++rows] = fault
    titles[fault] = title
    keys[fault] = key
    limits[fault] = limit
}
function add(fault, key, value) { values[fault, key, ++counts[fault, key]] = value }
{
    split("", field)
    for (i = 1; i <= NF; i++) {
        at = index($i, "=")
        field[substr($i, 1, at - 1)] = substr($i, at + 1)
    }
    fault = field["fault"]
    n[fault]++
    add(fault, "handled", field["handled_ms"] + 0)
    add(fault, "silence", field["silence_ms"] + 0)
    if (!("published_ms" in field))
        next
    servers = field["published_ms"] + 0
    if (field["answered_ms"] + 0 > servers)
        servers = field["answered_ms"] + 0
    beyond = field["handled_ms"] - servers
    add(fault, "servers", servers)
    add(fault, "beyond", beyond > 0 ? beyond : 0)
}
# Sorts in place; there are some tens of values.
function order_values(fault, key,    i, j, v)
{
    for (i = 2; i <= counts[fault, key]; i++) {
        v = values[fault, key, i]
        for (j = i - 1; j > 0 && values[fault, key, j] > v; j--)
            values[fault, key, j + 1] = values[fault, key, j]
        values[fault, key, j + 1] = v
    }
}
function median(fault, key,    m)
{
    m = counts[fault, key]
    return m % 2 ? values[fault, key, (m + 1) / 2] : (values[fault, key, m / 2] + values[fault, key, m / 2 + 1]) / 2
}
function time(ms) { return ms < 1000 ? sprintf("%.1f ms", ms) : sprintf("%.2f s", ms / 1000) }
function both(fault, key)
{
    if (!counts[fault, key])
        return ""
    order_values(fault, key)
    return time(median(fault, key)) " / " time(values[fault, key, counts[fault, key]])
}
END {
    print "| What fails | Times | The servers need | To the next message handled | Beyond the servers | Longest silence | Target for the worst | |"
    print "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |"
    for (i = 1; i <= rows; i++) {
        fault = order[i]
        if (!n[fault]) {
            printf "| %s | 0 | | | | | | not measured |\n", titles[fault]
            continue
        }
        printf "| %s | %d | %s | %s | %s | %s |", titles[fault], n[fault], both(fault, "servers"), both(fault, "handled"),
            both(fault, "beyond"), both(fault, "silence")
        worst = values[fault, keys[fault], counts[fault, keys[fault]]]
        printf " %s within %s | %s |\n", keys[fault] == "beyond" ? "after the election" : "handled",
            limits[fault] < 1000 ? limits[fault] " ms" : limits[fault] / 1000 " s",
            worst <= limits[fault] ? "reached" : "**NOT reached**"
    }
}
