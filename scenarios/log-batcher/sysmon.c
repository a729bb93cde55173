#include "sysmon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "monotonic.h"

/* A file kept open. */
struct kept {
    uint64_t key; /* 0 = an empty place */
    int fd;
};

struct lb_sysmon {
    pthread_t thread;
    pthread_mutex_t lock; /* is_stopping and stats */
    pthread_cond_t stopping;
    bool is_stopping;
    struct lb_sysmon_stats stats;
    bool retains;
    unsigned interval_ms;
    struct kept *kept; /* open addressing; a power of two */
    size_t kept_capacity, kept_count, kept_max;
};

/* The main task of a process has the process's number. */
static uint64_t key_of(long id, bool is_task) {
    return (uint64_t)id << 1 | is_task;
}

static struct kept *find(struct kept *table, size_t capacity, uint64_t key) {
    size_t place = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
    while (table[place].key && table[place].key != key)
        place = (place + 1) & (capacity - 1);
    return &table[place];
}

static bool grow(struct lb_sysmon *sysmon) {
    size_t capacity = sysmon->kept_capacity ? sysmon->kept_capacity * 2 : 256;
    struct kept *table = calloc(capacity, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 0; i < sysmon->kept_capacity; i++) {
        if (sysmon->kept[i].key)
            *find(table, capacity, sysmon->kept[i].key) = sysmon->kept[i];
    }
    free(sysmon->kept);
    sysmon->kept = table;
    sysmon->kept_capacity = capacity;
    return true;
}

static int open_stat(long process_id, long task_id) {
    char path[64];
    if (task_id)
        snprintf(path, sizeof path, "/proc/%ld/task/%ld/stat", process_id, task_id);
    else
        snprintf(path, sizeof path, "/proc/%ld/stat", process_id);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads a whole stat file; the length, or -1 when its process is gone. */
static ssize_t read_stat(int fd, char *text, size_t text_bytes) {
    ssize_t length = pread(fd, text, text_bytes - 1, 0);
    if (length >= 0)
        text[length] = '\0';
    return length;
}

/* The same through the file kept open from an earlier refresh; keeps it, within the limit. */
static ssize_t read_kept_stat(struct lb_sysmon *sysmon, long process_id, long task_id, char *text,
                              size_t text_bytes) {
    uint64_t key = key_of(task_id ? task_id : process_id, task_id != 0);
    struct kept *kept =
        sysmon->kept_capacity ? find(sysmon->kept, sysmon->kept_capacity, key) : NULL;
    if (kept && kept->key) {
        ssize_t length = read_stat(kept->fd, text, text_bytes);
        if (length > 0)
            return length;
        int fd = open_stat(process_id, task_id);
        if (fd < 0) /* it ended while we looked: its file stays */
            return -1;
        /* The number belongs to another process by now. */
        close(kept->fd);
        kept->fd = fd;
        return read_stat(fd, text, text_bytes);
    }
    int fd = open_stat(process_id, task_id);
    if (fd < 0)
        return -1;
    ssize_t length = read_stat(fd, text, text_bytes);
    bool has_room = sysmon->kept_count < sysmon->kept_max &&
                    (sysmon->kept_count * 2 < sysmon->kept_capacity || grow(sysmon));
    if (!has_room) {
        close(fd);
        return length;
    }
    *find(sysmon->kept, sysmon->kept_capacity, key) = (struct kept){.key = key, .fd = fd};
    sysmon->kept_count++;
    return length;
}

static ssize_t refresh_stat(struct lb_sysmon *sysmon, long process_id, long task_id, char *text,
                            size_t text_bytes) {
    if (sysmon->retains)
        return read_kept_stat(sysmon, process_id, task_id, text, text_bytes);
    int fd = open_stat(process_id, task_id);
    if (fd < 0)
        return -1;
    ssize_t length = read_stat(fd, text, text_bytes);
    close(fd);
    return length;
}

/* User and system time, the 14th and 15th fields; the command's name may hold anything. */
static uint64_t cpu_ticks_of(const char *stat) {
    const char *field = strrchr(stat, ')');
    for (int number = 2; field && number < 14; number++) {
        field = strchr(field, ' ');
        field = field ? field + 1 : NULL;
    }
    if (!field)
        return 0;
    char *end;
    uint64_t user = strtoull(field, &end, 10);
    return user + strtoull(end, NULL, 10);
}

static long number_of(const struct dirent *entry) {
    char *end;
    long number = strtol(entry->d_name, &end, 10);
    return *end || number <= 0 ? 0 : number;
}

static void refresh_tasks(struct lb_sysmon *sysmon, long process_id,
                          struct lb_sysmon_stats *stats) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/task", process_id);
    DIR *directory = opendir(path);
    if (!directory)
        return;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        long task_id = number_of(entry);
        if (task_id && refresh_stat(sysmon, process_id, task_id, text, sizeof text) > 0)
            stats->tasks++;
    }
    closedir(directory);
}

static void refresh(struct lb_sysmon *sysmon) {
    struct lb_sysmon_stats stats = {0};
    char text[1024];
    DIR *directory = opendir("/proc");
    if (!directory)
        return;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        long process_id = number_of(entry);
        if (!process_id || refresh_stat(sysmon, process_id, 0, text, sizeof text) <= 0)
            continue;
        stats.processes++;
        stats.cpu_ticks += cpu_ticks_of(text);
        refresh_tasks(sysmon, process_id, &stats);
    }
    closedir(directory);
    stats.fds = sysmon->kept_count;
    pthread_mutex_lock(&sysmon->lock);
    stats.refreshes = sysmon->stats.refreshes + 1;
    sysmon->stats = stats;
    pthread_mutex_unlock(&sysmon->lock);
}

/* Sleeps for an interval; false when the monitor is to stop. */
static bool wait_interval(struct lb_sysmon *sysmon) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)sysmon->interval_ms * 1000000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&sysmon->lock);
    while (!sysmon->is_stopping &&
           pthread_cond_timedwait(&sysmon->stopping, &sysmon->lock, &until) != ETIMEDOUT)
        continue;
    bool goes_on = !sysmon->is_stopping;
    pthread_mutex_unlock(&sysmon->lock);
    return goes_on;
}

static void *sysmon_main(void *argument) {
    struct lb_sysmon *sysmon = argument;
    do
        refresh(sysmon);
    while (wait_interval(sysmon));
    return NULL;
}

/* Raises the soft limit to the hard one and takes half of it, as the library behind the incident
 * does (the crate sysinfo). */
static size_t half_of_the_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 512;
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) ? limit.rlim_cur / 2 : limit.rlim_max / 2;
}

static void sysmon_free(struct lb_sysmon *sysmon) {
    for (size_t i = 0; i < sysmon->kept_capacity; i++) {
        if (sysmon->kept[i].key && sysmon->kept[i].fd >= 0)
            close(sysmon->kept[i].fd);
    }
    free(sysmon->kept);
    pthread_cond_destroy(&sysmon->stopping);
    pthread_mutex_destroy(&sysmon->lock);
    free(sysmon);
}

struct lb_sysmon *lb_sysmon_start(bool retains, unsigned interval_ms) {
    struct lb_sysmon *sysmon = calloc(1, sizeof *sysmon);
    if (!sysmon) {
        fprintf(stderr, "log-batcher: no memory\n");
        return NULL;
    }
    sysmon->retains = retains;
    sysmon->interval_ms = interval_ms;
    sysmon->kept_max = retains ? half_of_the_descriptors() : 0;
    pthread_mutex_init(&sysmon->lock, NULL);
    monotonic_cond_init(&sysmon->stopping);
    int error = pthread_create(&sysmon->thread, NULL, sysmon_main, sysmon);
    if (error) {
        fprintf(stderr, "log-batcher: cannot start a thread: %s\n", strerror(error));
        sysmon_free(sysmon);
        return NULL;
    }
    return sysmon;
}

struct lb_sysmon_stats lb_sysmon_stats(struct lb_sysmon *sysmon) {
    struct lb_sysmon_stats stats = {0};
    if (!sysmon)
        return stats;
    pthread_mutex_lock(&sysmon->lock);
    stats = sysmon->stats;
    pthread_mutex_unlock(&sysmon->lock);
    return stats;
}

void lb_sysmon_stop(struct lb_sysmon *sysmon) {
    if (!sysmon)
        return;
    pthread_mutex_lock(&sysmon->lock);
    sysmon->is_stopping = true;
    pthread_cond_signal(&sysmon->stopping);
    pthread_mutex_unlock(&sysmon->lock);
    pthread_join(sysmon->thread, NULL);
    sysmon_free(sysmon);
}
