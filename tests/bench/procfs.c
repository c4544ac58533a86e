/* SPDX-License-Identifier: Apache-2.0
 *
 * procfs - reads /proc. */
#include "procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* The value of the line `Key:  123 kB`; 0 if there is none. */
static int64_t line_value(pid_t pid, const char *file, const char *key)
{
    char path[64], line[256];
    int64_t value = 0;

    snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, file);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof(line), f))
        if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
            value += strtoll(line + strlen(key) + 1, NULL, 10);
    fclose(f);
    return value;
}

struct proc_memory proc_memory(pid_t pid)
{
    return (struct proc_memory){
        .anonymous = line_value(pid, "smaps_rollup", "Anonymous"),
        .pss = line_value(pid, "smaps_rollup", "Pss"),
        .shared = line_value(pid, "status", "RssShmem"),
        .rss = line_value(pid, "smaps_rollup", "Rss"),
    };
}

/* Field `n` of /proc/PID/stat, counted from 1 as in proc(5); the name in field 2 may contain anything. */
static int64_t stat_field(const char *pid, int n)
{
    char path[64], text[1024];

    snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    size_t got = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[got] = '\0';
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < n; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoll(at + 1, NULL, 10) : 0;
}

/* Run time of all threads by the scheduler, in nanoseconds; 0 if the kernel does not keep it. */
static int64_t scheduled_ns(pid_t pid)
{
    char path[128];
    struct dirent *entry;
    int64_t sum = 0, ns;

    snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof(path), "/proc/%ld/task/%.20s/schedstat", (long)pid, entry->d_name);
        FILE *f = fopen(path, "re");
        if (f && fscanf(f, "%" SCNd64, &ns) == 1)
            sum += ns;
        if (f)
            fclose(f);
    }
    if (dir)
        closedir(dir);
    return sum;
}

/* utime and stime are in ticks of 10 ms, which is too coarse for an idle process. */
int64_t proc_cpu_ns(pid_t pid)
{
    char text[24];
    int64_t ns = scheduled_ns(pid);

    snprintf(text, sizeof(text), "%ld", (long)pid);
    return ns ? ns : (stat_field(text, 14) + stat_field(text, 15)) * (NS_PER_S / sysconf(_SC_CLK_TCK));
}

size_t proc_children(pid_t pid, pid_t *children, size_t max)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    size_t n = 0;

    while (dir && (entry = readdir(dir)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]) || stat_field(entry->d_name, 4) != pid)
            continue;
        if (n < max)
            children[n] = (pid_t)strtol(entry->d_name, NULL, 10);
        n++;
    }
    if (dir)
        closedir(dir);
    return n;
}

void proc_name(pid_t pid, char *ret_name, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(ret_name, (int)size, f))
        snprintf(ret_name, size, "?");
    ret_name[strcspn(ret_name, "\n")] = '\0';
    if (f)
        fclose(f);
}
