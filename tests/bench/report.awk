# SPDX-License-Identifier: Apache-2.0
# Prints the Markdown of a benchmark run: `awk -f report.awk FACTS RESULTS`.
# FACTS: name=value, one a line. RESULTS: what run.sh kept, `label=x label=y | figure=z figure=...`, or `... failed=1`.
# A ratio is computed within each round; the table has its median over the rounds, the smallest and the largest.

FNR == NR {
    at = index($0, "=")
    fact[substr($0, 1, at - 1)] = substr($0, at + 1)
    next
}

{
    split("", v)
    for (i = 1; i <= NF; i++)
        if ((at = index($i, "=")) > 0)
            v[substr($i, 1, at - 1)] = substr($i, at + 1)
    part = v["part"]
    if ("failed" in v) {
        failed[part]++
        n_failed++
    } else if (part == "throughput") {
        keep("rate/" v["storage"] "/" v["size"] "/" v["who"], v["round"], v["rate"])
        keep("cpu/" v["storage"] "/" v["size"] "/" v["who"], v["round"], v["cpu_us"])
    } else if (part == "stub") {
        keep("rate/stub/128/" v["who"], v["round"], v["rate"])
        keep("cpu/stub/128/" v["who"], v["round"], v["cpu_us"])
    } else if (part == "latency") {
        for (name in v)
            if (name ~ /_us$/)
                keep(name "/" v["who"], v["round"], v[name])
    } else if (part == "start" && ("stop_p50_us" in v)) {
        keep("stop_p50", 1, v["stop_p50_us"] / 1000)
        keep("stop_worst", 1, v["stop_worst_us"] / 1000)
    } else if (part == "start") {
        keep("start_p50", 1, v["start_p50_us"] / 1000)
        keep("start_worst", 1, v["start_worst_us"] / 1000)
        starts = v["n"]
    } else if (part == "crash") {
        keep("gap_p50", 1, v["gap_p50_us"] / 1000)
        keep("gap_worst", 1, v["gap_worst_us"] / 1000)
        crashes = v["n"]
    } else if (part == "idle") {
        n_processes++
        process[n_processes] = v["process"]
        anonymous[n_processes] = v["anonymous_kib"]
        pss[n_processes] = v["pss_kib"]
        shared[n_processes] = v["shared_kib"]
        rss[n_processes] = v["rss_kib"]
        cpu[n_processes] = v["cpu_percent"]
    }
}

function keep(series, round, value)
{
    value_of[series, round] = value + 0
    if (round + 0 > rounds)
        rounds = round + 0
}

# Sets median, low and high to the median, smallest and largest of list[1..n].
function summarise(list, n,    i, j, x)
{
    for (i = 2; i <= n; i++) {
        x = list[i]
        for (j = i - 1; j >= 1 && list[j] > x; j--)
            list[j + 1] = list[j]
        list[j + 1] = x
    }
    low = list[1]
    high = list[n]
    median = n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# Returns how many rounds there are.
function series(name,    i, n)
{
    n = 0
    for (i = 1; i <= rounds; i++)
        if ((name, i) in value_of)
            list[++n] = value_of[name, i]
    if (n)
        summarise(list, n)
    return n
}

function ratio(a, b,    i, n)
{
    n = 0
    for (i = 1; i <= rounds; i++)
        if (((a, i) in value_of) && ((b, i) in value_of) && value_of[b, i] > 0)
            list[++n] = value_of[a, i] / value_of[b, i]
    if (n)
        summarise(list, n)
    return n
}

# `sense`: +1 if more is better, -1 if less is better. `reach`: 0 if there is none.
function verdict(value, target, reach, sense)
{
    if ((value - target) * sense < 0) {
        missed++
        return "**NOT reached**"
    }
    if (reach && (value - reach) * sense >= 0)
        return "reached, and what it reaches for"
    return "reached"
}

function row(what, measured, range, target, reach, said)
{
    printf "| %s | %s | %s | %s | %s | %s |\n", what, measured, range, target, reach, said
}

function ratio_row(what, a, b, target, reach, sense, sign,    n)
{
    n = ratio(a, b)
    if (!n) {
        row(what, "not measured", "", sign " " target, reach ? reach : "", "")
        return
    }
    row(what, sprintf("%.2fx", median), sprintf("%.2f to %.2f, %d rounds", low, high, n), sign " " target,
        reach ? reach : "", verdict(median, target, reach, sense))
}

function single_row(what, name, format, note, target, reach, sense, sign, unit,    n)
{
    n = series(name)
    if (!n) {
        row(what, "not measured", "", sign " " target unit, reach ? reach unit : "", "")
        return
    }
    row(what, sprintf(format, median) unit, note, sign " " target unit, reach ? reach unit : "",
        verdict(median, target, reach, sense))
}

function thousands(x,    text, out)
{
    text = sprintf("%.0f", x)
    out = ""
    while (length(text) > 3) {
        out = "," substr(text, length(text) - 2) out
        text = substr(text, 1, length(text) - 3)
    }
    return text out
}

function figure(name, format)
{
    if (!series(name))
        return "-"
    return format == "n" ? thousands(median) : sprintf(format, median)
}

function cell_row(label, storage, size,    base)
{
    base = storage "/" size "/"
    if (!series("rate/" base "fetch") && !series("rate/" base "raw") && !series("rate/" base "seamqd"))
        return
    printf "| %s | %s B | %s | %s | %s | %s | %s | %s | %s | %s |\n", label, size, figure("rate/" base "seamqd", "n"),
        figure("rate/" base "fetch", "n"), figure("rate/" base "raw", "n"),
        ratio("rate/" base "raw", "rate/" base "fetch") ? sprintf("%.2f", median) : "-",
        figure("cpu/" base "seamqd", "%.2f"), figure("cpu/" base "fetch", "%.2f"), figure("cpu/" base "raw", "%.2f"),
        figure("rate/" base "seamqd-direct", "n")
}

function throughput_rows(    i, s)
{
    for (s = 1; s <= 2; s++)
        for (i = 1; i <= 3; i++)
            ratio_row("throughput, " storages[s] " stream, " sizes[i] " B, against the fetch loop",
                "rate/" storages[s] "/" sizes[i] "/seamqd", "rate/" storages[s] "/" sizes[i] "/fetch",
                fetch_target[i], fetch_reach[i], 1, "at least")
    for (s = 1; s <= 2; s++)
        for (i = 1; i <= 3; i++)
            ratio_row("throughput, " storages[s] " stream, " sizes[i] " B, against the raw ceiling",
                "rate/" storages[s] "/" sizes[i] "/seamqd", "rate/" storages[s] "/" sizes[i] "/raw",
                "0.85", "0.95", 1, "at least")
}

function cumulative_rows(    i, s)
{
    for (s = 1; s <= 2; s++)
        for (i = 1; i <= 3; i++)
            ratio_row("`ack = cumulative` against `ack = each`, " storages[s] " stream, " sizes[i] " B",
                "rate/" storages[s] "/" sizes[i] "/seamqd-cumulative", "rate/" storages[s] "/" sizes[i] "/seamqd",
                "1.5", 0, 1, "at least")
}

function direct_rows(    i, s)
{
    if (fact["direct"] != "yes") {
        row("isolation against a direct call", "not built", "", "at least 0.9", "", "not measured")
        return
    }
    for (s = 1; s <= 2; s++)
        for (i = 1; i <= 3; i++)
            ratio_row("isolation against a direct call, " storages[s] " stream, " sizes[i] " B",
                "rate/" storages[s] "/" sizes[i] "/seamqd", "rate/" storages[s] "/" sizes[i] "/seamqd-direct",
                "0.9", 0, 1, "at least")
    ratio_row("isolation against a direct call, stub server, 128 B", "rate/stub/128/seamqd",
        "rate/stub/128/seamqd-direct", "0.9", 0, 1, "at least")
}

function stub_row(    n)
{
    n = series("rate/stub/128/seamqd")
    if (n)
        row("stub server, 128 B, messages a second", thousands(median),
            thousands(low) " to " thousands(high) ", " n " rounds", "at least 600,000", "1,000,000",
            verdict(median, 600000, 1000000, 1))
    else
        row("stub server, 128 B, messages a second", "not measured", "", "at least 600,000", "1,000,000", "")
}

function who(i)
{
    return i == 1 ? process[i] : "a worker (" process[i] ")"
}

function idle_rows(    i, limit)
{
    if (!n_processes) {
        row("idle: memory and processor", "not measured", "", "", "", "")
        return
    }
    for (i = 1; i <= n_processes; i++) {
        limit = i == 1 ? 4096 : 1024
        row("idle: anonymous memory of " who(i), anonymous[i] " KiB",
            "rings " shared[i] " KiB apart; PSS " pss[i] ", RSS " rss[i] " KiB", "under " limit " KiB", "",
            verdict(anonymous[i], limit, 0, -1))
    }
    for (i = 1; i <= n_processes; i++)
        row("idle: processor time of " who(i), sprintf("%.3f %%", cpu[i]), "over " fact["idle_seconds"] " s",
            "under 0.1 %", "", verdict(cpu[i], 0.1, 0, -1))
}

END {
    split("file memory", storages, " ")
    split("16 128 1024", sizes, " ")
    split("1.00 1.05 1.20", fetch_target, " ")
    split("1.10 1.15 1.35", fetch_reach, " ")

    print ""
    print "- Date: " fact["date"]
    print "- Machine: " fact["machine"] "; " fact["storage"]
    print "- Busy: " fact["busy"]
    print "- Versions: " fact["versions"]
    print "- Command: `" fact["command"] "`, " fact["rounds"] " rounds"
    print ""
    print "| What | Median | Range | Target | Reaches for | |"
    print "| --- | ---: | --- | --- | --- | --- |"
    throughput_rows()
    cumulative_rows()
    direct_rows()
    stub_row()
    ratio_row("one message at a time, publish to confirmed ack, p50 against the fetch loop's",
        "confirmed_p50_us/seamqd", "confirmed_p50_us/fetch", "1.3", 0, -1, "at most")
    single_row("start to first message", "start_p50", "%.1f", "worst of " starts ": " figure("start_worst", "%.1f") " ms",
        "100", 0, -1, "under", " ms")
    single_row("crash of a handler to the next message", "gap_p50", "%.1f",
        "p50 of " crashes, "20", 0, -1, "under", " ms")
    single_row("crash of a handler to the next message, worst", "gap_worst", "%.1f", "of " crashes, "20", 0, -1, "under", " ms")
    idle_rows()
    print ""
    print "Messages a second (medians) and processor time of the client, start-up included, in microseconds a message:"
    print ""
    print "| Stream | Size | SeaMQ | fetch loop | raw | raw / fetch | SeaMQ us | fetch us | raw us | direct |"
    print "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for (s = 1; s <= 2; s++)
        for (i = 1; i <= 3; i++)
            cell_row(storages[s], storages[s], sizes[i])
    cell_row("stub server", "stub", 128)
    print ""
    print "One message at a time, microseconds from publish (medians of the rounds):"
    print ""
    print "| | ack sent p50 | p99 | ack confirmed p50 | p99 |"
    print "| --- | ---: | ---: | ---: | ---: |"
    n = split("seamqd fetch seamqd-direct", order, " ")
    for (i = 1; i <= n; i++)
        if (series("acked_p50_us/" order[i]))
            print "| " order[i] " | " figure("acked_p50_us/" order[i], "n") " | " figure("acked_p99_us/" order[i], "n") \
                " | " figure("confirmed_p50_us/" order[i], "n") " | " figure("confirmed_p99_us/" order[i], "n") " |"
    if (series("stop_p50"))
        printf "\nSIGTERM to the end of an idle seamqd: %s ms (worst of %s: %s ms).\n", figure("stop_p50", "%.1f"), starts,
            figure("stop_worst", "%.1f")
    print ""
    if (missed)
        print missed + 0 " of the targets NOT reached in this run."
    if (n_failed)
        print n_failed " single runs failed and are left out: the figures of their rows are of fewer rounds, or missing."
}
