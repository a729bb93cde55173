/* The format:
 * https://github.com/torvalds/linux/blob/master/tools/perf/Documentation/jit-interface.txt Lines of
 * "START SIZE name", the numbers in hexadecimal; a later line replaces earlier ones where they
 * overlap, since code is moved and freed. */
#include "symbols_jit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demangle.h"

/* Opens a map that was written during the run. Anybody may put a file into /tmp: it must be a
 * plain one. */
static FILE *open_map(const char *directory, int pid, double run_started_s) {
    char path[PATH_MAX];
    struct stat status;
    int length = snprintf(path, sizeof path, "%s/perf-%d.map", directory, pid);
    if (length < 0 || (size_t)length >= sizeof path)
        return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode) ||
        (double)status.st_mtime + 1 < run_started_s) {
        close(fd);
        return NULL;
    }
    FILE *map = fdopen(fd, "r");
    if (!map)
        close(fd);
    return map;
}

/* Gives the line's name to the calls it holds. */
static void take_line(const struct sm_symbols_job *job, char *line, char **names) {
    char *rest;
    uint64_t start = strtoull(line, &rest, 16);
    uint64_t bytes = strtoull(rest, &rest, 16);
    rest += strspn(rest, " \t");
    rest[strcspn(rest, "\r\n")] = '\0';
    if (!*rest || !bytes || start + bytes < start)
        return;
    size_t i = sm_symbols_lower_bound(job->calls, job->count, start);
    for (; i < job->count && job->calls[i] < start + bytes; i++) {
        free(names[i]);
        names[i] = strdup(rest);
    }
}

static void read_map(FILE *map, const struct sm_symbols_job *job, char **names) {
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, map) > 0)
        take_line(job, line, names);
    free(line);
}

static void tell(const struct sm_symbols_job *job, char **names, unsigned char *is_told,
                 sm_symbols_emit *emit, void *context) {
    for (size_t i = 0; i < job->count; i++) {
        char *name = names[i] && !is_told[i] ? sm_demangle(names[i]) : NULL;
        if (name) {
            struct sm_symbols_found found = {.index = i, .function = name};
            emit(context, &found);
            is_told[i] = 1;
        }
        free(name);
        free(names[i]);
        names[i] = NULL;
    }
}

void sm_symbols_jit(const struct sm_run *run, const char *directory,
                    const struct sm_symbols_job *job, unsigned char *is_told, sm_symbols_emit *emit,
                    void *context) {
    double started_s = strtod(sm_run_meta(run, SM_META_STARTED), NULL);
    char **names = calloc(job->count, sizeof *names);
    for (size_t i = 0; names && i < run->processes_count; i++) {
        FILE *map = open_map(directory, run->processes[i].pid, started_s);
        if (!map)
            continue;
        read_map(map, job, names);
        fclose(map);
        tell(job, names, is_told, emit, context);
    }
    free(names);
}
